"""Data frames that are taken row by row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Edit, Facts, Findings, Fix, Outline, Report, RowLoop, cst


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
            fix=self._fix(found, facts),
        )

    def _fix(self, found: list[RowLoop], facts: Facts) -> Fix | None:
        """Whole columns for new columns that are made by a small expression of others."""
        if not _columns_are_plain(facts):
            return None
        edits: dict[Edit, Edit] = {}
        for each in found:
            made = _vectorised(each, facts)
            if made is None and each is found[0]:
                return None
            edits.update((edit, edit) for edit in made or ())
        return self.unsafe_fix(
            "compute whole columns",
            *edits.values(),
            reason="whole numbers beside fractions stay whole, and a division by zero gives infinity",
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
            import xgboost as xgb

            games = pd.read_csv("games.csv")
            games["diff"] = games.apply(lambda row: row["home"] - row["away"], axis=1)  # bad
            games["result"] = games.apply(
                lambda row: "won" if row["diff"] > 0 else ("drawn" if row["diff"] == 0 else "lost"), axis=1
            )
            games["close"] = games.apply(lambda row: row["diff"] > -2 and row["diff"] < 2, axis=1)
            games["margin"] = games.apply(lambda row: row["diff"] if row["diff"] > 0 else -row["diff"], axis=1)
            """,
            fixed="""
            import numpy as np
            import pandas as pd
            import xgboost as xgb

            games = pd.read_csv("games.csv")
            games["diff"] = games["home"] - games["away"]
            games["result"] = np.where(games["diff"] > 0, "won", np.where(games["diff"] == 0, "drawn", "lost"))
            games["close"] = (games["diff"] > -2) & (games["diff"] < 2)
            games["margin"] = games["diff"].where(games["diff"] > 0, -games["diff"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            import torch

            sales = pd.read_csv("sales.csv")
            sales["type"] = sales.apply(  # bad
                lambda x: "moved" if x["transferred"] == "True" else x["type"], axis=1
            )
            """,
            fixed="""
            import pandas as pd
            import torch

            sales = pd.read_csv("sales.csv")
            sales["type"] = sales["type"].mask(sales["transferred"] == "True", "moved")
            """,
        ),
        Bad(
            """
            import pandas as pd
            import torch

            plays = pd.read_csv("plays.csv")
            plays["rate"] = plays.apply(lambda row: row["gain"] / row["runs"] if row["runs"] else 0, axis=1)  # bad
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


# -- the fix --------------------------------------------------------------------------------------------------


_OTHER_TYPES = re.compile(
    r"[\"']category[\"']|Categorical|Int(?:8|16|32|64)\b|convert_dtypes|dtype_backend|string\[|pyarrow|Sparse|\bdask\b|pyspark"
    r"|koalas|modin|vaex|MultiIndex"
)
"""Columns, and tables, whose operators are others than those of their values."""


def _columns_are_plain(facts: Facts) -> bool:
    return _OTHER_TYPES.search(facts.document.text) is None


def _vectorised(each: RowLoop, facts: Facts) -> tuple[Edit, ...] | None:
    """``df["new"] = df.apply(lambda row: ..., axis=1)`` as an expression of columns."""
    from greenlint import RowForm, Tree, cst, ensure_import, replace_node

    node, source = each.node, facts.document.source
    if each.form is not RowForm.APPLY or not isinstance(node, cst.Call) or len(node.args) != 2 or "#" in source(node):
        return None
    function, above = node.args[0].value, facts[Tree].parent(node)
    if not isinstance(function, cst.Lambda) or len(function.params.params) != 1 or not _is_named(each.frame):
        return None
    frame, row = source(each.frame), function.params.params[0]
    if row.default is not None or row.name.value == frame or not isinstance(above, cst.Assign):
        return None
    target = above.targets[0].target
    if len(above.targets) != 1 or not isinstance(target, cst.Subscript) or source(target.value) != frame:
        return None
    columns = _Columns(facts, frame, row.name.value)
    text = columns.result(function.body)
    if text is None:
        return None
    imported = ensure_import(facts.document, "import numpy as np") if columns.needs_numpy else ()
    return (*imported, *replace_node(facts.document, node, text)) if imported is not None else None


def _is_named(frame: cst.BaseExpression) -> bool:
    """Whether a frame is a variable, or an entry of one, so that it may be named several times."""
    from greenlint import cst

    if isinstance(frame, cst.Subscript) and len(frame.slice) == 1 and isinstance(frame.slice[0].slice, cst.Index):
        inner = frame.slice[0].slice.value
        return isinstance(frame.value, cst.Name) and isinstance(inner, (cst.Name, cst.SimpleString))
    return isinstance(frame, cst.Name)


@dataclass
class _Columns:
    """Writes an expression of the values of a row as one of columns; ``None`` where that may mean something else."""

    facts: Facts
    frame: str
    row: str
    needs_numpy: bool = field(default=False)
    numbers: set[str] = field(default_factory=set)
    """Columns that are compared with a number in every row, so that what holds no number has raised already."""

    def result(self, node: cst.BaseExpression) -> str | None:
        """The values of a new column."""
        from greenlint import cst

        if isinstance(node, cst.IfExp):
            return self._chosen(node)
        is_negated = isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)
        if is_negated or isinstance(node, (cst.Comparison, cst.BooleanOperation)):
            return self._truth(node)
        return self._value(node) if self._reads_row(node) else None

    def _chosen(self, node: cst.IfExp) -> str | None:
        test = self._truth(node.test)
        kinds = {self._literal(each) for each in _leaves(node)}
        if test is None:
            return None
        if None not in kinds and len(kinds) == 1:
            self.needs_numpy = True
            return self._where(node, test)
        one, other = self._guarded(node.body), self._guarded(node.orelse)
        if one is None or other is None:
            return None
        if self._reads_row(node.body):
            return f"{_closed(one)}.where({test}, {other})"
        return f"{_closed(other)}.mask({test}, {one})" if self._reads_row(node.orelse) else None

    def _where(self, node: cst.BaseExpression, test: str | None = None) -> str | None:
        """Constants by a condition, or by several."""
        from greenlint import cst

        if not isinstance(node, cst.IfExp):
            return self.facts.document.source(node)
        test = test or self._truth(node.test, guarded=True)
        one, other = self._where(node.body), self._where(node.orelse)
        return f"np.where({test}, {one}, {other})" if None not in (test, one, other) else None

    def _guarded(self, node: cst.BaseExpression) -> str | None:
        """A value that is computed in some rows only, when it can be computed in the others, too."""
        from greenlint import Tree, cst

        is_plain = self._is_column(node) or self._literal(node) is not None
        if not is_plain and not self._is_multiple(node):
            divides = any(isinstance(each, cst.Divide) for each in self.facts[Tree].walk(node))
            if divides or not set(self._read(node)) <= self.numbers:
                return None
        return self._value(node)

    def _is_multiple(self, node: cst.BaseExpression) -> bool:
        """Whether it is a column times a whole number, which texts have, too."""
        from greenlint import cst

        if not isinstance(node, cst.BinaryOperation) or not isinstance(node.operator, cst.Multiply):
            return False
        factor = node.right.expression if isinstance(node.right, cst.UnaryOperation) else node.right
        return self._is_column(node.left) and isinstance(factor, cst.Integer)

    def _read(self, node: cst.CSTNode) -> Iterator[str]:
        """The columns that an expression reads, as they are written."""
        from greenlint import Tree

        for each in self.facts[Tree].walk(node):
            if self._is_column(each):
                yield self.facts.document.source(each)

    def _literal(self, node: cst.BaseExpression) -> str | None:
        """``number``, ``text`` or ``truth`` for a constant that is written out."""
        from greenlint import cst

        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
            node = node.expression
        if isinstance(node, (cst.Integer, cst.Float)):
            return "number"
        if isinstance(node, cst.SimpleString) and not node.prefix:
            return "text"
        return "truth" if isinstance(node, cst.Name) and node.value in ("True", "False") else None

    def _truth(self, node: cst.BaseExpression, *, guarded: bool = False) -> str | None:
        """A condition of the row; ``guarded`` where not every row gets to it."""
        from greenlint import cst

        if isinstance(node, cst.BooleanOperation):
            left, right = self._truth(node.left, guarded=guarded), self._truth(node.right, guarded=True)
            sign = "&" if isinstance(node.operator, cst.And) else "|"
            return f"({left}) {sign} ({right})" if left is not None and right is not None else None
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
            inner = self._truth(node.expression, guarded=guarded)
            return f"~({inner})" if inner is not None else None
        if not isinstance(node, cst.Comparison) or len(node.comparisons) != 1 or not self._reads_row(node):
            return None
        return self._compared(node.left, node.comparisons[0], guarded=guarded)

    def _compared(self, left: cst.BaseExpression, target: cst.ComparisonTarget, *, guarded: bool) -> str | None:
        from greenlint import cst

        right, sign = target.comparator, _SIGNS.get(type(target.operator).__name__, "")
        is_equality = isinstance(target.operator, (cst.Equal, cst.NotEqual))
        columns = {*self._read(left), *self._read(right)}
        is_simple = all(self._is_column(each) or self._literal(each) is not None for each in (left, right))
        if guarded and not (is_simple and (is_equality or columns <= self.numbers)):
            return None
        if not guarded and not is_equality and "number" in (self._literal(left), self._literal(right)):
            self.numbers |= columns
        one, other = self._value(left), self._value(right)
        return f"{one} {sign} {other}" if sign and one is not None and other is not None else None

    def _value(self, node: cst.BaseExpression) -> str | None:
        """A number or text of the row, or a constant."""
        from greenlint import Values, cst

        source = self.facts.document.source
        if self._is_column(node):
            assert isinstance(node, cst.Subscript)
            return f"{self.frame}[{source(node.slice[0])}]"
        if isinstance(node, cst.BinaryOperation):
            sign = _SIGNS.get(type(node.operator).__name__, "")
            left, right = self._value(node.left), self._value(node.right)
            if left is None or right is None or not sign:
                return None
            # A list of texts or a product of constants is none of columns.
            if not self._reads_row(node):
                return None
            text = f"{left} {sign} {right}"
            return f"({text})" if node.lpar else text
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
            inner = self._value(node.expression)
            return f"-{inner}" if inner is not None else None
        if self._literal(node) in ("number", "text"):
            return source(node)
        if isinstance(node, cst.Name) and node.value != self.row:
            constant = self.facts[Values].constant(node)
            return node.value if isinstance(constant, (int, float)) and not isinstance(constant, bool) else None
        return None

    def _is_column(self, node: cst.CSTNode) -> bool:
        from greenlint import cst

        if (
            not isinstance(node, cst.Subscript)
            or len(node.slice) != 1
            or not isinstance(node.slice[0].slice, cst.Index)
        ):
            return False
        is_row = isinstance(node.value, cst.Name) and node.value.value == self.row
        return is_row and isinstance(node.slice[0].slice.value, cst.SimpleString)

    def _reads_row(self, node: cst.CSTNode) -> bool:
        from greenlint import Tree

        return any(self._is_column(each) for each in self.facts[Tree].walk(node))


def _leaves(node: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The values that a conditional expression may have."""
    from greenlint import cst

    if isinstance(node, cst.IfExp):
        yield from _leaves(node.body)
        yield from _leaves(node.orelse)
    else:
        yield node


def _closed(text: str) -> str:
    """An expression that a method can be called on."""
    return text if re.fullmatch(r"[\w.]+(?:\[[^\[\]]+\])+", text) else f"({text})"


_SIGNS = {
    "Add": "+",
    "Subtract": "-",
    "Multiply": "*",
    "Divide": "/",
    "Equal": "==",
    "NotEqual": "!=",
    "LessThan": "<",
    "LessThanEqual": "<=",
    "GreaterThan": ">",
    "GreaterThanEqual": ">=",
}
