"""Heavy boosting left on the processor beside an accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import BoosterRun, Facts, Findings, Outline, cst


class BoosterCpuTraining(Rule):
    """XGBoost or CatBoost trains a thousand rounds or hundreds of fits on the processor, though there is a GPU.

    Histograms of millions of rows are what an accelerator adds up quickly; on a machine that has one, it also draws
    power while it idles. On small tables the copy and the start of kernels cost more than they save: nobody has
    published a clean measurement of the energy, so this rule is off unless it is asked for.

    The finding stands at the call that makes the estimator or trains it. It needs a sign that there is an accelerator
    (in the code, or `hardware = "gpu"` in the settings) and data read from files.

    Leave it for tables of fewer than some hundred thousand rows, for sparse text features, and where a GPU is billed
    apart.

    To fix it, write `device="cuda"` (XGBoost 2.0 or later, with `tree_method="hist"`) or `task_type="GPU"` (CatBoost),
    and measure both once. LightGBM needs a build of its own and is never reported.
    """

    class Options(RuleOptions):
        rounds: int = 1000
        """Report single runs of at least this many rounds."""
        fits: int = 100
        """Report searches of at least this many fits."""

    severity = Severity.INFO
    default = False
    frameworks = ("xgboost", "catboost")
    words = (("xgboost", "catboost"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.CPU_NOT_INTENDED,
        Premise.ON_ACCELERATOR,
    )
    references = (
        "https://xgboost.readthedocs.io/en/stable/gpu/index.html",
        "https://catboost.ai/docs/en/features/training-on-gpu",
    )
    evidence = (
        Evidence(
            Grade.REASONED,
            "saves or costs: from half the energy of the fit to twice as much, by our estimate, depending on the rows",
            "nobody has published a measurement of their energy",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(each in ("train", "cv") or each.startswith(("XGB", "CatBoost", "Dask")) for each in outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Boosters, Contexts

        for run in facts[Boosters].runs:
            if run.library not in _PLACES or not run.rows.is_read or not _is_on_cpu(run):
                continue
            work = self._work(run)
            if work is None or facts[Contexts].dead(run.call.node) or _has_text(run):
                continue
            yield self.finding(
                run.call.node,
                f"{run.name} trains {work} on the processor, though there is an accelerator",
                help=_help(run, facts),
                notes=("on small tables the processor needs less energy: measure both once",),
                confidence=Confidence.LOW,
            )

    def _work(self, run: BoosterRun) -> str | None:
        from greenlint import Estimators

        estimators = run.call.facts[Estimators]
        searches = [] if run.native else estimators.of(run.call).searches
        fits = max((estimators.fits_of_search(each) or 0 for each in searches), default=0)
        if fits >= self.options.fits:
            return f"{fits} fits"
        rounds = run.rounds
        return f"{rounds} rounds" if rounds is not None and rounds >= self.options.rounds else None

    examples = (
        Bad(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            table = pd.read_parquet("clicks.parquet")
            model = XGBClassifier(n_estimators=3000, early_stopping_rounds=50)  # bad
            model.fit(table.drop(columns="y"), table["y"])
            """,
            settings={"hardware": "gpu"},
        ),
        Bad(
            """
            import pandas as pd
            from catboost import CatBoostRegressor

            table = pd.read_csv("trips.csv")
            model = CatBoostRegressor(iterations=5000, task_type="CPU")  # bad
            model.fit(table.drop(columns="y"), table["y"])
            """,
            settings={"hardware": "gpu"},
        ),
        Bad(
            """
            import pandas as pd
            import torch
            import xgboost as xgb

            encoder = torch.load("encoder.pt").cuda()
            table = pd.read_parquet("clicks.parquet")
            params = {"objective": "binary:logistic", "tree_method": "hist"}
            booster = xgb.train(params, xgb.DMatrix(table.drop(columns="y"), table["y"]), 2000)  # bad
            """
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            table = pd.read_parquet("clicks.parquet")
            model = XGBClassifier(n_estimators=3000, device="cuda")
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="on the accelerator",
            settings={"hardware": "gpu"},
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            table = pd.read_parquet("clicks.parquet")
            model = XGBClassifier(n_estimators=3000)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="nothing says that there is an accelerator",
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            table = pd.read_parquet("clicks.parquet")
            model = XGBClassifier(n_estimators=200)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="little work",
            settings={"hardware": "gpu"},
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMClassifier
            from xgboost import XGBClassifier

            table = pd.read_parquet("clicks.parquet")
            model = LGBMClassifier(n_estimators=3000)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="LightGBM needs a build of its own",
            settings={"hardware": "gpu"},
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBRegressor

            houses = pd.read_csv("train.csv")
            model = XGBRegressor(n_estimators=3000)
            model.fit(houses[["GrLivArea", "OverallQual"]], houses["SalePrice"])
            """,
            why="fewer than two thousand houses",
            settings={"hardware": "gpu"},
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            def train(settings):
                table = pd.read_parquet("clicks.parquet")
                return XGBClassifier(n_estimators=3000, **settings).fit(table.drop(columns="y"), table["y"])
            """,
            why="the settings may choose the device",
            settings={"hardware": "gpu"},
        ),
    )


_PLACES = {
    "xgboost": ("device", "tree_method", "gpu_id", "updater", "predictor"),
    "catboost": ("task_type", "devices"),
}
"""Parameters that decide where a booster trains."""


def _is_on_cpu(run: BoosterRun) -> bool:
    values = [run.constant(each) for each in _PLACES[run.library]]
    return all(
        each is None or (isinstance(each, str) and "gpu" not in each.lower() and "cuda" not in each) for each in values
    )


def _has_text(run: BoosterRun) -> bool:
    from greenlint import Estimators

    return not run.native and any(fit.from_text for fit in run.call.facts[Estimators].of(run.call).fits)


def _help(run: BoosterRun, facts: Facts) -> str:
    from greenlint import Environment

    if run.library == "catboost":
        return 'try task_type="GPU"'
    if facts[Environment].at_least("xgboost", "2.0") is False:
        return 'try tree_method="gpu_hist"'
    return 'try device="cuda" with tree_method="hist"'
