"""XGBoost told to enumerate every split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import BoosterRun, Facts, Findings, Fix, cst


class XgbExactTreeMethod(Rule):
    """`tree_method="exact"` makes XGBoost try every value of every feature as a split, in every node of every tree.

    The histogram method, the default since XGBoost 2.0, bins the values once and adds up gradients per bin: a small
    part of the work per tree, with hardly any difference in quality on tables of some size.

    The finding stands at the value that asks for it, in the call or in the dictionary of parameters. It is an info
    where the number of rows cannot be seen.

    Leave it for small tables, for studies that compare tree methods, and to reproduce a published model.

    To fix it, leave `tree_method` out with XGBoost 2.0 or later, or write `tree_method="hist"`; raise `max_bin` if
    the score suffers.
    """

    severity = Severity.WARNING
    frameworks = ("xgboost",)
    words = (("tree_method", "updater"), ("exact", "approx", "grow_colmaker"))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://xgboost.readthedocs.io/en/stable/treemethod.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "XGBoost's manual: the exact method is slow and does not scale; hist is the fastest of the tree methods",
            "https://xgboost.readthedocs.io/en/stable/treemethod.html",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Boosters, Contexts, Rows

        seen: set[object] = set()
        for run in facts[Boosters].runs:
            asked = _asked(run) if run.library == "xgboost" else None
            if asked is None or asked[0] in seen:
                continue
            node, what, certain = asked
            seen.add(node)
            rows = run.rows
            if rows is Rows.FEW or facts[Contexts].dead(run.call.node) or _compares(facts):
                continue
            yield self.finding(
                node,
                f"{what} {_WORK[certain]}",
                help='write tree_method="hist"' + _default(facts),
                notes=("other splits are found: compare the score once",),
                related=((run.call.node, "trained by this"),) if run.native else (),
                severity=None if certain and rows.is_many else Severity.INFO,
                confidence=Confidence.HIGH if rows is Rows.MANY else Confidence.MEDIUM,
                fix=self._fix(run, node),
            )

    def _fix(self, run: BoosterRun, node: cst.BaseExpression) -> Fix | None:
        from greenlint import cst, replace_node

        if not isinstance(node, cst.SimpleString) or node.evaluated_value not in ("exact", "approx") or node.prefix:
            return None
        # These are parameters of the other methods only, or choose the work by themselves.
        others = [run.parameter(each) for each in ("updater", "process_type", "sketch_eps")]
        if any(each is None or not each.absent for each in others):
            return None
        document = run.call.facts.document
        return self.unsafe_fix(
            "find splits by histograms",
            *replace_node(document, node, f"{node.quote}hist{node.quote}"),
            reason="other splits are found, so scores differ a little",
        )

    examples = (
        Bad(
            """
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("clicks.csv")
            model = xgb.XGBClassifier(n_estimators=300, tree_method="exact")  # bad
            model.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("clicks.csv")
            model = xgb.XGBClassifier(n_estimators=300, tree_method="hist")
            model.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            import xgboost as xgb

            table = pd.read_parquet("trips.parquet")
            params = {
                "objective": "reg:squarederror",
                'tree_method': 'exact',  # bad
                "max_depth": 8,
            }
            booster = xgb.train(params, xgb.DMatrix(table.drop(columns="y"), table["y"]), 500)
            """,
            fixed="""
            import pandas as pd
            import xgboost as xgb

            table = pd.read_parquet("trips.parquet")
            params = {
                "objective": "reg:squarederror",
                'tree_method': 'hist',
                "max_depth": 8,
            }
            booster = xgb.train(params, xgb.DMatrix(table.drop(columns="y"), table["y"]), 500)
            """,
        ),
        Bad(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            METHOD = "exact"
            table = pd.read_parquet("clicks.parquet")
            model = XGBClassifier(tree_method=METHOD)  # bad
            model.fit(table.drop(columns="y"), table["y"])
            """
        ),
        Bad(
            """
            import pandas as pd
            from xgboost import XGBRegressor

            table = pd.read_csv("demand.csv")
            model = XGBRegressor(tree_method="approx", objective="reg:squarederror")  # bad
            model.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from xgboost import XGBRegressor

            table = pd.read_csv("demand.csv")
            model = XGBRegressor(tree_method="hist", objective="reg:squarederror")
            model.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import xgboost as xgb

            def train(matrix):
                params = {"max_depth": 6}
                params["updater"] = "grow_colmaker"  # bad
                return xgb.train(params, matrix)
            """
        ),
        Good(
            """
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("clicks.csv")
            model = xgb.XGBClassifier(n_estimators=300, tree_method="hist")
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="histogram",
        ),
        Good(
            """
            import xgboost as xgb
            from sklearn.datasets import load_diabetes

            X, y = load_diabetes(return_X_y=True)
            model = xgb.XGBRegressor(tree_method="exact").fit(X, y)
            """,
            why="a toy table",
        ),
        Good(
            """
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("clicks.csv")
            for method in ["exact", "approx", "hist"]:
                model = xgb.XGBClassifier(tree_method=method)
                model.fit(table.drop(columns="y"), table["y"])
            """,
            why="a comparison of methods",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from xgboost import XGBClassifier

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(XGBClassifier(), {"tree_method": ["exact", "hist"], "max_depth": [4, 8]})
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="the search is there to compare the methods",
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            table = pd.read_csv("clicks.csv")
            model = XGBClassifier(tree_method="approx", objective="binary:logistic")
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="with this objective, weighting by the second derivative can give better splits",
        ),
        Good(
            """
            import pandas as pd
            import xgboost as xgb

            train = pd.read_csv("titanic.csv")
            params = {"tree_method": "exact", "max_depth": 3}
            booster = xgb.train(params, xgb.DMatrix(train[["Pclass", "SibSp"]], train["Survived"]), 50)
            """,
            why="fewer than a thousand rows",
        ),
    )


_WORK = {
    True: "tries every value of every feature as a split, in every node",
    False: "sketches the features anew for every tree, for an objective that gains nothing by it",
}
_CONSTANT_HESSIAN = ("reg:squarederror", "reg:linear")


def _asked(run: BoosterRun) -> tuple[cst.BaseExpression, str, bool] | None:
    """Where a run asks for a slow tree method, in words, and whether that is certainly slower."""
    for name, value in (("tree_method", "exact"), ("updater", "grow_colmaker")):
        found = run.parameter(name)
        if found is None or found.node is None or found.facts is not run.call.facts:
            continue
        constant = found.constant
        if isinstance(constant, str) and value in constant.split(","):
            return found.node, f'{name}="{constant}"', True
        if constant == "approx" and run.constant("objective") in _CONSTANT_HESSIAN:
            return found.node, 'tree_method="approx"', False
    return None


def _compares(facts: Facts) -> bool:
    """Whether other tree methods are asked for in the same file."""
    return any(run.constant("tree_method") in ("hist", "gpu_hist") for run in _runs(facts))


def _runs(facts: Facts) -> Iterator[BoosterRun]:
    from greenlint import Boosters

    return (run for run in facts[Boosters].runs if run.library == "xgboost")


def _default(facts: Facts) -> str:
    from greenlint import Environment

    newer = facts[Environment].at_least("xgboost", "2.0")
    return "" if newer is False else ", or leave it out: it is the default since XGBoost 2.0"
