"""Data frames that are taken row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, Report, RowLoop, cst


class RowWiseDataframeLoop(Rule):
    """A data frame is taken row by row for work that whole columns, or plain tuples of the rows, do far faster.

    `iterrows` and `apply(axis=1)` build a Series for every row, and `df.loc[i, "a"]` looks up labels each time: tens
    to hundreds of microseconds of one core for an addition or a comparison. Whole columns are computed in compiled
    code without any of that.

    The finding stands at the `for` of the loop, or at the call of `apply`; further places that treat the same frame
    so in the same function are related.

    Leave it where the frame has few rows. Loops that read files, draw, print or call a model for each row are not
    reported: their own work costs more than the row does.

    To fix it, write column arithmetic, `np.where` or `np.select`, `map`, `merge` or `groupby`; where a loop stays,
    `itertuples()` or `zip(df["a"], df["b"])` hand out the values without a Series.
    """

    severity = Severity.INFO
    frameworks = ("pandas", "polars")
    words = (("iterrows", "iter_rows", "apply", "progress_apply", "map_elements", "loc", "iloc", "at", "iat", "range"),)
    premises = (Premise.NOT_A_TEST, Premise.LEARNS, Premise.NOT_A_BENCHMARK)
    references = (
        "https://pandas.pydata.org/docs/user_guide/enhancingperf.html",
        "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.iterrows.html",
        "https://docs.pola.rs/api/python/stable/reference/expressions/api/polars.Expr.map_elements.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "itertuples is generally faster than iterrows, which does not preserve types across the rows",
            "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.iterrows.html",
        ),
        Evidence(
            Grade.MEASURED,
            "with large frames the choice of operations and library shows in the energy, with small ones not",
            "https://doi.org/10.1145/3661167.3661203",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if outline.calls & {"iterrows", "iter_rows", "apply", "progress_apply", "parallel_apply", "map_elements"}:
            return True
        return outline.takes_rows

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frames, RowWise, Tree, dotted

        groups: dict[tuple[cst.CSTNode | None, str, bool], list[RowLoop]] = {}
        for each in facts[RowWise].all:
            if facts[Frames].small(each.frame) or facts[Contexts].dead(each.node) or _is_short(each, facts):
                continue
            root = (dotted(each.frame) or facts.document.source(each.frame)).split("[")[0]
            groups.setdefault((facts[Tree].function(each.node), root, _is_weak(each)), []).append(each)
        for found in groups.values():
            yield self._report(found, facts)

    def _report(self, found: list[RowLoop], facts: Facts) -> Report:
        first = found[0]
        return self.finding(
            _place(first),
            _message(first, facts),
            help=_remedy(first, facts),
            notes=("saves little where the frame has few rows",),
            related=[(_place(each), "row by row as well") for each in found[1:6]],
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestRegressor

            trips = pd.read_csv("trips.csv")
            speeds = []
            for index, row in trips.iterrows():  # bad
                if row["minutes"] > 0:
                    speeds.append(row["km"] / row["minutes"])
                else:
                    speeds.append(0.0)
            """
        ),
        Bad(
            """
            import pandas as pd
            import torch

            ratings = pd.read_parquet("ratings.parquet")
            for i in range(len(ratings)):  # bad
                ratings.loc[i, "liked"] = ratings.loc[i, "stars"] >= 4
            """
        ),
        Bad(
            """
            import numpy as np
            import pandas as pd
            import lightgbm as lgb

            plays = pd.read_csv("plays.csv")
            plays["gain"] = plays.apply(lambda row: row.yards if row.side == "home" else -row.yards, axis=1)  # bad
            plays["force"] = plays.apply(lambda row: np.log1p(row.mass) * row.speed, axis=1)
            """
        ),
        Bad(
            """
            import pandas as pd
            import torch

            index = {}
            words = pd.read_csv("words.csv")
            for _, row in words.iterrows():  # bad
                index[row["id"]] = row["text"].lower().split()
            """
        ),
        Bad(
            """
            import pandas as pd
            import torch

            reviews = pd.read_csv("reviews.csv")
            pairs = [
                {"text": row["text"], "stars": row["stars"]}
                for _, row in reviews.iterrows()  # bad
            ]
            """
        ),
        Bad(
            """
            import polars as pl
            import torch

            orders = pl.read_parquet("orders.parquet")
            orders = orders.with_columns(pl.col("price").map_elements(lambda price: price * 1.19))  # bad
            """
        ),
        Good(
            """
            import numpy as np
            import pandas as pd
            import torch

            trips = pd.read_csv("trips.csv")
            trips["speed"] = np.where(trips["minutes"] > 0, trips["km"] / trips["minutes"], 0.0)
            """,
            why="whole columns",
        ),
        Good(
            """
            import pandas as pd
            import torch
            from PIL import Image

            images = []
            for _, row in pd.read_csv("labels.csv").iterrows():
                images.append(Image.open(row["path"]).convert("RGB"))
            """,
            why="opening the file costs more than the row",
        ),
        Good(
            """
            import pandas as pd
            import torch

            results = pd.read_csv("results.csv")
            for _, row in results.iterrows():
                print(row["model"], row["accuracy"] * 100)
            """,
            why="printed, and by its name a short table",
        ),
        Good(
            """
            import pandas as pd
            import torch

            tweets = pd.read_csv("tweets.csv")
            tweets["length"] = tweets["text"].apply(len)
            tweets["hit"] = tweets.apply(lambda row: row.word in row.text.lower().split(), axis=1)
            """,
            why="string logic with no form for whole columns",
        ),
        Good(
            """
            import pandas as pd
            import torch

            points = pd.read_csv("points.csv")
            for x, y in zip(points["x"], points["y"]):
                grid[x, y] += 1
            for row in points.itertuples():
                grid[row.x, row.y] += 1
            """,
            why="no Series of each row",
        ),
        Good(
            """
            import pandas as pd
            import torch

            prices = pd.read_csv("prices.csv")
            windows = []
            for i in range(60, len(prices)):
                windows.append(prices.iloc[i - 60:i].values)
            """,
            why="windows, each of many rows at once",
        ),
        Good(
            """
            import pandas as pd
            import torch

            sales = pd.read_csv("sales.csv")
            for shop, row in sales.groupby("shop").mean().iterrows():
                totals[shop] = row["units"] * row["price"]
            """,
            why="a summary has few rows",
        ),
        Good(
            """
            import pandas as pd
            import torch

            stamps = pd.to_datetime(pd.read_csv("stamps.csv")["date"])
            months = stamps.apply(lambda stamp: stamp.month, 1)
            """,
            why="values of one column, without a Series for each",
        ),
        Good(
            """
            import pandas as pd
            import torch

            boxes = pd.read_csv("boxes.csv")
            for name in names:
                found = boxes[boxes["image"] == name]
                for _, row in found.iterrows():
                    areas.append(row["width"] * row["height"])
            """,
            why="the few rows of one image each time: looking for them costs more",
        ),
        Good(
            """
            import pandas as pd
            import torch

            people = pd.read_csv("people.csv")
            for _, row in people.iterrows():
                embedding = model.encode(row["bio"])
                store.append((row["id"], embedding))
            """,
            why="what the model does with a row cannot be seen, and may cost much",
        ),
        Good(
            """
            import pandas as pd

            for _, row in pd.read_csv("ledger.csv").iterrows():
                total += row["amount"] * row["rate"]
            """,
            why="nothing learns here: not a program that this linter is about",
        ),
    )


_SHORT = 1000


def _place(each: RowLoop) -> cst.CSTNode:
    """The loop or call; of a comprehension, what it runs over."""
    from greenlint import cst

    return each.node.iter if isinstance(each.node, cst.CompFor) else each.node


def _is_weak(each: RowLoop) -> bool:
    from greenlint import RowForm

    return each.form in (RowForm.APPLY, RowForm.POLARS_ELEMENTS, RowForm.POLARS_ROWS)


def _is_short(each: RowLoop, facts: Facts) -> bool:
    """Whether a loop certainly runs over few rows."""
    from greenlint import Frames, Loops, Tree, cst

    if facts[Frames].is_part(each.frame, facts[Tree].loops_around(each.node)):
        return True
    if not isinstance(each.node, cst.For):
        return False
    iterations = facts[Loops].of(each.node).iterations
    return iterations is not None and iterations <= _SHORT


def _message(each: RowLoop, facts: Facts) -> str:
    from greenlint import RowForm, cst, dotted

    frame_node = each.frame
    while isinstance(frame_node, cst.Subscript):
        frame_node = frame_node.value
    name = dotted(frame_node)
    frame = f"`{name}`" if name is not None else "the frame"
    if each.form is RowForm.ITERROWS:
        return f"`iterrows` builds a Series for every row of {frame}, for work that needs none"
    if each.form is RowForm.INDEXED:
        return f"this loop looks up the values of {frame} one by one"
    if each.form is RowForm.APPLY:
        return f"`apply(axis=1)` builds a Series for every row of {frame}, for what whole columns do at once"
    if each.form is RowForm.POLARS_ROWS:
        return f"`iter_rows` hands every row of {frame} to Python"
    return "`map_elements` calls Python for every value, for what an expression does at once"


def _remedy(each: RowLoop, facts: Facts) -> str:
    from greenlint import RowForm, RowWork

    if each.form in (RowForm.POLARS_ROWS, RowForm.POLARS_ELEMENTS):
        return "write it as an expression over columns, with when/then for conditions"
    if each.work is RowWork.COLUMNS:
        columns = "compute whole columns: arithmetic, np.where or np.select for conditions, map, merge or groupby"
        return columns if each.form is RowForm.APPLY else f"{columns}; or zip() the columns that are needed"
    return "loop over itertuples(), or zip() the columns that are needed"
