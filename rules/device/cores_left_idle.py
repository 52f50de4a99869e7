"""Processors held to one core."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Estimator, Facts, Findings, Report, cst


class CoresLeftIdle(Rule):
    """Training on the processor is held to one core by a number that somebody wrote down, while the others idle.

    A machine draws much of its power whether its cores work or not; a run that takes longer pays for that all
    the while. But power rises with every core that works, so that the energy falls far less than the time, and for
    small fits it rises: this rule is off unless it is asked for.

    The finding stands at the cap: the `torch.set_num_threads(1)` call, or the call that makes the forest or booster
    with one thread. With the option `missing`, also at forests and searches that do not say `n_jobs` at all.

    Leave it in workers of a data loader, a process pool or a cluster, where something around it is parallel already,
    for results that must be the same to the last bit, and in servers.

    To fix it, raise the cap to the number of physical cores on one level: the search or the estimator, not both.
    """

    class Options(RuleOptions):
        missing: bool = False
        """Also report forests and searches of many fits that leave `n_jobs` out."""

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "sklearn", "xgboost", "lightgbm", "catboost")
    words = (
        (
            "set_num_threads",
            "n_jobs",
            "nthread",
            "thread_count",
            "num_threads",
            "RandomForest*",
            "ExtraTrees*",
            "*SearchCV",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://doi.org/10.1007/978-3-031-23220-6_8",
        "https://scikit-learn.org/stable/computing/parallelism.html",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "energy and time are not proportional on processors: more cores finish sooner at a higher power",
            "doi 10.1007/978-3-031-23220-6_8",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frameworks

        if _SHARED.search(facts[Frameworks].code):
            return
        for report in (*self._torch(facts), *self._boosters(facts), *self._forests(facts)):
            if not facts[Contexts].dead(report.node):
                yield report

    def _torch(self, facts: Facts) -> Iterator[Report]:
        from greenlint import Calls, Frameworks, Loops

        if facts[Frameworks].gpu_intent is not False or not facts[Loops].steps:
            return
        for call in facts[Calls].named("torch.set_num_threads"):
            if call.argument("int", 0).constant == 1:
                yield self._capped(call, "torch.set_num_threads(1) holds training on the processor to one core")

    def _boosters(self, facts: Facts) -> Iterator[Report]:
        from greenlint import Boosters, Estimators

        for run in facts[Boosters].runs:
            name = next((each for each in _THREADS.get(run.library, ()) if run.constant(each) == 1), None)
            if name is None or not run.rows.is_read:
                continue
            if run.native or not _is_inside_parallel(facts[Estimators].of(run.call)):
                yield self._capped(run.call, f"{name}=1 holds {run.name} to one core")

    def _forests(self, facts: Facts) -> Iterator[Report]:
        from greenlint import Estimators

        for estimator in facts[Estimators].named(*_FORESTS):
            if not estimator.rows.is_read or _is_inside_parallel(estimator):
                continue
            jobs = estimator.call.argument("n_jobs")
            if jobs.constant == 1 and jobs.node is not None:
                yield self._capped(estimator.call, f"n_jobs=1 holds {estimator.name} to one core")
            elif self.options.missing and jobs.absent and not estimator.searches:
                yield self._capped(estimator.call, f"{estimator.name} without n_jobs fits its trees on one core")
        for search in facts[Estimators].searches if self.options.missing else ():
            fits = facts[Estimators].fits_of_search(search) or 0
            rows = facts[Estimators].of(search).rows
            inner = facts[Estimators].inside(search.node)[1:]
            own = any(_is_parallel(each) for each in inner)
            if search.argument("n_jobs").absent and fits >= _MANY and rows.is_read and not own:
                yield self._capped(search, f"{search.method} without n_jobs runs its {fits} fits on one core")

    def _capped(self, call: Call, message: str) -> Report:
        return self.finding(
            call.node,
            message,
            help="let one level use the physical cores",
            notes=("time falls and power rises: the energy saved is far less than the time, and may be none",),
            confidence=Confidence.LOW,
        )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            torch.set_num_threads(1)  # bad
            model = nn.LSTM(300, 512).to("cpu")
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x)[0], y)
                loss.backward()
                optimizer.step()
            """,
            settings={"hardware": "cpu"},
        ),
        Bad(
            """
            import lightgbm as lgb
            import pandas as pd
            from catboost import CatBoostClassifier
            from sklearn.ensemble import RandomForestClassifier
            from xgboost import XGBClassifier

            table = pd.read_parquet("clicks.parquet")
            X, y = table.drop(columns="y"), table["y"]
            forest = RandomForestClassifier(n_estimators=500, n_jobs=1).fit(X, y)  # bad
            trees = XGBClassifier(nthread=1).fit(X, y)  # bad
            others = CatBoostClassifier(thread_count=1).fit(X, y)  # bad
            last = lgb.train({"num_threads": 1}, lgb.Dataset(X, y))  # bad
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import ExtraTreesRegressor
            from sklearn.model_selection import GridSearchCV
            from sklearn.svm import SVR

            table = pd.read_csv("demand.csv")
            X, y = table.drop(columns="y"), table["y"]
            model = ExtraTreesRegressor(500)  # bad
            model.fit(X, y)
            search = GridSearchCV(SVR(), {"C": [0.1, 1, 10, 100], "gamma": [0.01, 0.1, 1]}, cv=5)  # bad
            search.fit(X, y)
            """,
            options={"missing": True},
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier

            table = pd.read_parquet("clicks.parquet")
            forest = RandomForestClassifier(n_jobs=-1).fit(table.drop(columns="y"), table["y"])
            """,
            why="every core",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            table = pd.read_parquet("clicks.parquet")
            search = GridSearchCV(RandomForestClassifier(n_jobs=1), {"max_depth": [4, 8]}, n_jobs=-1)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="the search is parallel",
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMClassifier

            table = pd.read_parquet("clicks.parquet")
            model = LGBMClassifier(n_estimators=200).fit(table.drop(columns="y"), table["y"])
            """,
            why="boosters take every core by themselves",
            options={"missing": True},
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            def prepare(worker):
                torch.set_num_threads(1)

            loader = DataLoader(dataset, num_workers=8, worker_init_fn=prepare)
            """,
            why="one of many workers",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            dist.init_process_group("nccl")
            torch.set_num_threads(1)
            """,
            why="one of many processes",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.linear_model import LogisticRegression

            table = pd.read_parquet("clicks.parquet")
            model = LogisticRegression(n_jobs=1).fit(table.drop(columns="y"), table["y"])
            """,
            why="n_jobs means nothing to it since scikit-learn 1.8",
            options={"missing": True},
        ),
    )


_MANY = 30
_FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_THREADS = {
    "xgboost": ("n_jobs", "nthread"),
    "lightgbm": ("n_jobs", "num_threads", "nthread", "num_thread"),
    "catboost": ("thread_count",),
}
_SHARED = re.compile(
    r"worker_init_fn|multiprocessing|ProcessPool|init_process_group|torchrun|\bray\b|\bdask\b|joblib\.Parallel|"
    r"\bParallel\(|SLURM|determinis|reproducib|fastapi|flask|uvicorn|mpi4py|DistributedDataParallel"
)
"""What makes one thread per process right."""


def _is_inside_parallel(estimator: Estimator) -> bool:
    """Whether something that holds or fits it runs several fits at once, or may."""
    around = [each for fit in estimator.fits for each in (*fit.holders, fit.call)]
    return any(not each.argument("n_jobs").absent for each in around)


def _is_parallel(estimator: Estimator) -> bool:
    root = (estimator.call.name or "").split(".")[0]
    return root in _THREADS or not estimator.call.argument("n_jobs").absent
