"""Tables that are parsed whole for a few columns, or stored as text to be parsed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Binding, Call, Facts, Findings, Outline, cst


class CsvReloadedUnpruned(Rule):
    """A CSV file is parsed whole although few of its columns are used, or is written only to be parsed again.

    Parsing text costs time and energy for every value, whether it is used or not, and numbers that were written as
    text must be read as text again. A columnar file such as Parquet keeps types, and gives single columns without
    reading the others.

    The finding stands at the call of `read_csv`.

    Leave it for small files and for a first look at the data, and where other programs need the text.

    To fix it, pass `usecols=[...]`, or store the table with `to_parquet` and read it with
    `read_parquet(columns=[...])`; `polars.scan_csv` reads only what is asked for.
    """

    class Options(RuleOptions):
        columns: int = 3
        """Report a table of which at most this many columns are used."""

    severity = Severity.INFO
    default = False
    frameworks = ("pandas", "polars")
    words = (("read_csv",),)
    premises = (Premise.NOT_A_TEST, Premise.LEARNS)
    references = (
        "https://pandas.pydata.org/docs/user_guide/scale.html",
        "https://github.com/green-code-initiative/creedengo-rules-specifications",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "loading two of the columns of a table used a fraction of the memory of loading all",
            "https://pandas.pydata.org/docs/user_guide/scale.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "read_csv" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Reads, Samples, Scale

        little = {each.call for each in facts[Reads].all if each.is_little}
        for call in facts[Calls].named("pandas.read_csv", "polars.read_csv"):
            if facts[Contexts].dead(call.node) or call.is_open or call in little:
                continue
            if facts[Samples].scale(call.node) in (Scale.TOY, Scale.SMALL, Scale.PART):
                continue
            written = _written(call, facts)
            if written is not None:
                yield self.finding(
                    call.node,
                    "this table is written as text by the same program, and parsed again",
                    help="keep it in Parquet: to_parquet and read_parquet"
                    if call.name == "pandas.read_csv"
                    else "keep it in Parquet: write_parquet and scan_parquet",
                    related=((written.node, "written here"),),
                )
                continue
            if any(call.keyword(name) is not None for name in ("usecols", "columns", "nrows", "chunksize")):
                continue
            used = _columns(call, facts)
            if used and len(used) <= int(self.options.columns):
                names = ", ".join(f"`{each}`" for each in sorted(used))
                yield self.finding(
                    call.node,
                    f"the whole file is parsed, and only {names} of it used",
                    help=f"pass {'usecols' if call.name == 'pandas.read_csv' else 'columns'}={sorted(used)}",
                    notes=("saves little where the file is small or has few other columns",),
                )

    examples = (
        Bad(
            """
            import pandas as pd
            import torch

            clicks = pd.read_csv("clicks.csv")  # bad
            users = torch.tensor(clicks["user"].values)
            items = torch.tensor(clicks["item"].values)
            print(len(clicks))
            """
        ),
        Bad(
            """
            import pandas as pd
            import xgboost as xgb

            raw = pd.read_parquet("raw.parquet")
            raw.dropna().to_csv("store/train.csv", index=False)
            train = pd.read_csv("store/train.csv")  # bad
            xgb.XGBRegressor().fit(train.drop(columns="y"), train["y"])
            """
        ),
        Bad(
            """
            import polars as pl
            import torch

            prices = pl.read_csv("prices.csv")  # bad
            closes = torch.tensor(prices["close"].to_numpy())
            """
        ),
        Good(
            """
            import pandas as pd
            import torch

            clicks = pd.read_csv("clicks.csv", usecols=["user", "item"])
            users = torch.tensor(clicks["user"].values)
            """,
            why="only what is used",
        ),
        Good(
            """
            import pandas as pd
            import sklearn

            clicks = pd.read_csv("clicks.csv")
            train(clicks["user"], clicks[column])
            """,
            why="other columns are named at run time",
        ),
        Good(
            """
            import pandas as pd
            import sklearn

            clicks = pd.read_csv("clicks.csv")
            model.fit(clicks.drop(columns=["y"]), clicks["y"])
            """,
            why="all columns are used",
        ),
        Good(
            """
            import pandas as pd
            import sklearn

            answers = pd.DataFrame({"id": ids, "label": model.predict(x)})
            answers.to_csv("submission.csv", index=False)
            """,
            why="written for others",
        ),
        Good(
            """
            import pandas as pd
            import sklearn

            few = pd.read_csv("clicks.csv", nrows=100)
            show(few["user"])
            """,
            why="a look at the first rows",
        ),
        Good(
            """
            import pandas as pd

            rates = pd.read_csv("rates.csv")
            print(rates["rate"].mean())
            """,
            why="nothing learns here",
        ),
    )


def _written(call: Call, facts: Facts) -> Call | None:
    """The call that writes the file which another one reads, in the same file of code."""
    from greenlint import Calls, Values

    path = facts[Values].constant(call.positional[0]) if call.positional else None
    if not isinstance(path, str):
        return None
    for each in facts[Calls].methods("to_csv", "write_csv"):
        if each.positional and facts[Values].constant(each.positional[0]) == path:
            return each
    return None


_PLAIN = frozenset(("shape", "index", "head", "info", "describe", "columns", "dtypes", "tail", "sample"))
"""Members of a frame that only show it; the columns they show are shown to a human."""


def _columns(call: Call, facts: Facts) -> set[str] | None:
    """The columns used of a frame, when every use of it names a column; ``None``: others may be used as well."""
    from greenlint import Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    assign = tree.parent(call.node)
    if not isinstance(assign, cst.Assign) or len(assign.targets) != 1:
        return None
    target = assign.targets[0].target
    if not isinstance(target, cst.Name):
        return None
    used: set[str] = set()
    for use in tree.named(target.value):
        if use is target:
            continue
        if not any(_is_made_by(each, call) for each in names.reaching(use)):
            continue
        found = list(_of_use(use, facts))
        if not found:
            return None
        used.update(found)
    return used - {""}


def _is_made_by(binding: Binding, call: Call) -> bool:
    return binding.value is call.node


def _of_use(use: cst.Name, facts: Facts) -> Iterator[str]:
    """The columns that one use of a frame names, ``""`` for a use that needs none; nothing when it is not known."""
    from greenlint import Tree, Values, cst

    above = facts[Tree].parent(use)
    if isinstance(above, cst.Subscript) and above.value is use:
        index = facts[Values].index(above)
        if isinstance(index, str):
            # A column that is stored is not read from the file.
            yield "" if isinstance(facts[Tree].parent(above), cst.AssignTarget) else index
        elif isinstance(index, (list, tuple)) and all(isinstance(each, str) for each in index):
            yield from (str(each) for each in index)
    elif isinstance(above, cst.Attribute) and above.value is use:
        if above.attr.value in _PLAIN:
            yield ""
    elif isinstance(above, cst.Arg):
        outer = facts[Tree].parent(above)
        if isinstance(outer, cst.Call) and facts.document.source(outer.func) == "len":
            yield ""
