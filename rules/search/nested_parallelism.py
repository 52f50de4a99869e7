"""Parallel fits inside parallel fits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Argument, Call, Edit, Estimator, Facts, Findings, Fix, Outline, Rows, Study, cst


class NestedParallelism(Rule):
    """A search runs its fits in parallel, and each fit starts as many threads as there are cores.

    With `n_jobs=-1` on both levels, a machine of 16 cores runs up to 256 threads. They take turns and evict each
    other's caches: more energy for the same fits. joblib limits OpenMP threads in its worker processes, and XGBoost
    keeps to the limit; forests, LightGBM and CatBoost set their own number. `study.optimize` uses threads, which
    nothing limits.

    The finding stands at the outer parallel call: the search, the cross-validation, or `study.optimize`.

    Leave it where the product of both numbers is no more than the number of cores.

    To fix it, parallelise one level: `n_jobs=-1` on the search and one thread in the estimator when there are more
    fits than cores; the other way round when a single fit needs most of the memory.
    """

    class Options(RuleOptions):
        threads: int = 4
        """Say nothing where both numbers are known and their product is no more than this, or there are so few fits."""

    severity = Severity.INFO
    frameworks = ("sklearn", "optuna", "skopt")
    words = (
        ("n_jobs",),
        ("*SearchCV", "cross_val*", "optimize", "learning_curve", "validation_curve"),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://scikit-learn.org/stable/computing/parallelism.html#oversubscription-spawning-too-many-threads",
        "https://joblib.readthedocs.io/en/stable/parallel.html#avoiding-over-subscription-of-cpu-resources",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "running more threads than cores costs overhead and can end up slower than fewer threads",
            "https://scikit-learn.org/stable/computing/parallelism.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "joblib limits threads of OpenMP and BLAS in its worker processes, not those that a library starts itself",
            "https://joblib.readthedocs.io/en/stable/parallel.html#avoiding-over-subscription-of-cpu-resources",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(each.endswith("SearchCV") or each in _PARALLEL for each in outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Estimators, Frameworks, Rows

        if _LIMITED.search(facts[Frameworks].code):
            return
        for outer, inside in _outer(facts):
            workers = _count(outer.argument("n_jobs"))
            if workers is None or workers == 1 or facts[Contexts].dead(outer.node):
                continue
            fits = _fits(outer)
            if fits is not None and fits <= self.options.threads:
                continue
            for each in inside:
                threads = each.threads
                if threads is None or (workers > 0 and threads > 0 and workers * threads <= self.options.threads):
                    continue
                if facts[Estimators].of(outer).rows is Rows.FEW or each.rows is Rows.FEW:
                    continue
                yield self.finding(
                    outer.node,
                    f"{_named(outer)} runs {_many(workers, 'fit')} at once, and each {each.name} starts "
                    f"{_many(threads, 'thread')}",
                    help=_help(outer, each),
                    related=((each.call.node, "its own threads"),) if each.call.facts is facts else (),
                    confidence=Confidence.MEDIUM,
                    fix=self._fix(outer, inside),
                )
                break

    def _fix(self, outer: Call, inside: list[_Inner]) -> Fix | None:
        """One fit at a time where the estimator has threads for a fit of its own, too; else one thread for each fit."""
        from greenlint import remove_argument

        if outer.method == "optimize":
            alone = remove_argument(outer.facts.document, outer.node, "n_jobs") if not _is_timed(outer) else None
            if alone is None:
                return None
            return self.unsafe_fix(
                "run one trial at a time, which has all cores",
                *alone,
                reason="the sampler sees more trials before each new one",
            )
        if any(_fitted_alone(each, outer) for each in inside if each.threads is not None):
            alone = remove_argument(outer.facts.document, outer.node, "n_jobs")
            if alone is None:
                return None
            return self.unsafe_fix(
                "run one fit at a time, which has all cores", *alone, reason="may take longer where a fit is short"
            )
        edits: list[Edit] = []
        for each in inside:
            if each.threads is None:
                continue
            single = _single_thread(each) if each.call.facts is outer.facts else None
            if single is None:
                return None
            edits.extend(single)
        return self.unsafe_fix(
            "give each fit one thread", *edits, reason="the last fit and predictions have one thread, too"
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import RandomizedSearchCV

            table = pd.read_csv("clicks.csv")
            forest = RandomForestClassifier(n_estimators=300, n_jobs=-1)
            search = RandomizedSearchCV(forest, {"max_depth": [4, 8, 16]}, n_iter=3, n_jobs=-1)  # bad
            search.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import RandomizedSearchCV

            table = pd.read_csv("clicks.csv")
            forest = RandomForestClassifier(n_estimators=300)
            search = RandomizedSearchCV(forest, {"max_depth": [4, 8, 16]}, n_iter=3, n_jobs=-1)
            search.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")
            X, y = table.drop(columns="y"), table["y"]
            forest = RandomForestClassifier(n_estimators=300, n_jobs=-1)
            scores = cross_val_score(  # bad
                forest,
                X,
                y,
                cv=5,  # as the others
                n_jobs=-1,
            )
            forest.fit(X, y)
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")
            X, y = table.drop(columns="y"), table["y"]
            forest = RandomForestClassifier(n_estimators=300, n_jobs=-1)
            scores = cross_val_score(
                forest,
                X,
                y,
                cv=5,  # as the others
            )
            forest.fit(X, y)
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            settings = {"n_estimators": 300, "n_jobs": -1}
            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(RandomForestClassifier(**settings), {"max_depth": [4, 8, 16]}, n_jobs=-1)  # bad
            search.fit(table.drop(columns="y"), table["y"])
            """
        ),
        Bad(
            """
            import pandas as pd
            from lightgbm import LGBMRegressor
            from skopt import BayesSearchCV

            table = pd.read_csv("demand.csv")
            search = BayesSearchCV(LGBMRegressor(), {"num_leaves": (8, 256)}, n_iter=40, n_jobs=8)  # bad
            search.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from lightgbm import LGBMRegressor
            from skopt import BayesSearchCV

            table = pd.read_csv("demand.csv")
            search = BayesSearchCV(LGBMRegressor(n_jobs=1), {"num_leaves": (8, 256)}, n_iter=40, n_jobs=8)
            search.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import optuna
            import pandas as pd
            from sklearn.ensemble import ExtraTreesClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")

            def objective(trial):
                model = ExtraTreesClassifier(max_depth=trial.suggest_int("depth", 4, 32), n_jobs=-1)
                return cross_val_score(model, table.drop(columns="y"), table["y"]).mean()

            study = optuna.create_study(direction="maximize")
            study.optimize(objective, n_trials=100, n_jobs=-1)  # bad
            """,
            fixed="""
            import optuna
            import pandas as pd
            from sklearn.ensemble import ExtraTreesClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")

            def objective(trial):
                model = ExtraTreesClassifier(max_depth=trial.suggest_int("depth", 4, 32), n_jobs=-1)
                return cross_val_score(model, table.drop(columns="y"), table["y"]).mean()

            study = optuna.create_study(direction="maximize")
            study.optimize(objective, n_trials=100)
            """,
        ),
        Bad(
            """
            import pandas as pd
            from catboost import CatBoostClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")
            model = CatBoostClassifier(iterations=200, thread_count=16)
            scores = cross_val_score(model, table.drop(columns="y"), table["y"], cv=10, n_jobs=5)  # bad
            """,
            fixed="""
            import pandas as pd
            from catboost import CatBoostClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")
            model = CatBoostClassifier(iterations=200, thread_count=1)
            scores = cross_val_score(model, table.drop(columns="y"), table["y"], cv=10, n_jobs=5)
            """,
        ),
        Bad(
            """
            import optuna
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("clicks.csv")
            matrix = xgb.DMatrix(table.drop(columns="y"), table["y"])

            def objective(trial):
                params = {"max_depth": trial.suggest_int("depth", 3, 12)}
                return xgb.cv(params, matrix, 200, early_stopping_rounds=20)["test-rmse-mean"].min()

            study = optuna.create_study()
            study.optimize(objective, n_trials=50, n_jobs=8)  # bad
            """,
            fixed="""
            import optuna
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("clicks.csv")
            matrix = xgb.DMatrix(table.drop(columns="y"), table["y"])

            def objective(trial):
                params = {"max_depth": trial.suggest_int("depth", 3, 12)}
                return xgb.cv(params, matrix, 200, early_stopping_rounds=20)["test-rmse-mean"].min()

            study = optuna.create_study()
            study.optimize(objective, n_trials=50)
            """,
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(RandomForestClassifier(), {"max_depth": [4, 8, 16]}, n_jobs=-1)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="a forest has one thread unless told otherwise",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(RandomForestClassifier(n_jobs=-1), {"max_depth": [4, 8, 16]})
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="the search runs one fit at a time",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from xgboost import XGBClassifier

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(XGBClassifier(n_jobs=-1), {"max_depth": [4, 8]}, n_jobs=-1)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="joblib's workers limit OpenMP threads, and XGBoost keeps to the limit",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import cross_val_score

            table = pd.read_csv("clicks.csv")
            model = RandomForestClassifier(n_jobs=2)
            scores = cross_val_score(model, table.drop(columns="y"), table["y"], n_jobs=2)
            """,
            why="four threads altogether",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestRegressor
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("demand.csv")
            search = GridSearchCV(RandomForestRegressor(n_jobs=-1), {"max_depth": [20]}, n_jobs=-1, cv=2)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="two fits",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(LogisticRegression(n_jobs=-1), {"C": [0.1, 1, 10]}, n_jobs=-1)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="n_jobs means nothing to a logistic regression (since scikit-learn 1.8; before, with two classes)",
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMClassifier
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(LGBMClassifier(n_jobs=1), {"num_leaves": [31, 63]}, n_jobs=-1)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="one thread each",
        ),
        Good(
            """
            import joblib
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("clicks.csv")
            search = GridSearchCV(RandomForestClassifier(n_jobs=-1), {"max_depth": [4, 8, 16]}, n_jobs=-1)
            with joblib.parallel_backend("dask"):
                search.fit(table.drop(columns="y"), table["y"])
            """,
            why="another backend shares out the work",
        ),
    )


_LIMITED = re.compile(
    r"inner_max_num_threads|threadpool_limits|threadpoolctl|parallel_backend|parallel_config|register_ray|register_dask"
)
_PARALLEL = frozenset(
    "cross_val_score cross_validate cross_val_predict learning_curve validation_curve permutation_test_score "
    "optimize".split()
)
_THREADS = {
    "xgboost": ("n_jobs", "nthread"),
    "lightgbm": ("n_jobs", "num_threads", "nthread", "num_thread"),
    "catboost": ("thread_count",),
}
_FORESTS = re.compile(r"^(?:RandomForest|ExtraTrees|Bagging)(?:Classifier|Regressor)$|^IsolationForest$")
"""Estimators that start threads when ``n_jobs`` says so."""


@dataclass(frozen=True)
class _Inner:
    """Something that is fitted inside, and how many threads it starts: -1 is one for each core, ``None`` no others."""

    name: str
    call: Call
    rows: Rows
    threads: int | None


def _outer(facts: Facts) -> Iterator[tuple[Call, list[_Inner]]]:
    """The calls that may run several fits at once, and what they fit."""
    from greenlint import Estimators, Studies

    estimators = facts[Estimators]
    for search in estimators.searches:
        yield search, [_inner(each) for each in estimators.inside(search.node)[1:]]
    for call in estimators.cross_validations:
        node = call.argument("estimator", 0).node
        if node is not None:
            yield call, [_inner(each) for each in estimators.inside(node)]
    for study in facts[Studies].all:
        yield study.call, _in_objective(study)


def _inner(estimator: Estimator) -> _Inner:
    return _Inner(estimator.name, estimator.call, estimator.rows, _threads(estimator))


def _in_objective(study: Study) -> list[_Inner]:
    """What an objective fits in one of several threads of a process."""
    from greenlint import Boosters, Calls, Estimators, Tree

    objective = study.objective
    if objective is None:
        return []
    facts = objective.facts
    estimators = facts[Estimators]
    made = [each for each in facts[Calls].within(objective.node) if estimators.class_of(each) is not None]
    found = [_inner(estimators.of(each)) for each in made]
    for run in facts[Boosters].runs:
        if run.library in _THREADS and facts[Tree].contains(objective.node, run.call.node):
            value = run.constant(*_THREADS[run.library])
            threads = (-1 if not value or value < 0 else _more_than_one(value)) if isinstance(value, int) else None
            threads = -1 if value is None else threads
            found.append(_Inner(run.name, run.call, run.rows, threads))
    return found


def _threads(estimator: Estimator) -> int | None:
    """How many threads an estimator starts whatever joblib's workers are limited to; -1: one for each core."""
    call, root = estimator.call, (estimator.call.name or "").split(".")[0]
    if root == "sklearn" and _FORESTS.match(estimator.name):
        return _more_than_one(_count(call.argument("n_jobs")))
    if root in ("lightgbm", "catboost") and estimator.name.startswith(("LGBM", "CatBoost")):
        return _own(call, *_THREADS[root])
    return None


def _own(call: Call, *names: str) -> int | None:
    """The threads of a library that takes every core unless told otherwise."""
    arguments = [call.argument(each) for each in names]
    if any(not each.known for each in arguments):
        return None
    written = next((each for each in arguments if each.node is not None), None)
    return -1 if written is None else _more_than_one(_count(written))


def _more_than_one(count: int | None) -> int | None:
    return None if count == 1 else count


def _count(argument: Argument) -> int | None:
    """The number that a parameter such as ``n_jobs`` gets; 1 where it is left out, -1 for all cores."""
    if not argument.known:
        return None
    value = 1 if argument.node is None else argument.constant
    if value is None or value == 0:
        return 1
    return (-1 if value < 0 else value) if isinstance(value, int) else None


def _fits(outer: Call) -> int | None:
    """How many fits there are in all, where the whole grid and the folds are written down."""
    from greenlint import Estimators, Searches

    facts = outer.facts
    folds = facts[Searches].folds(outer) if outer.method != "optimize" else None
    if outer not in facts[Estimators].searches:
        return folds
    grids = facts[Estimators].grids(outer)
    known = bool(grids) and all(each.size is not None for each in grids)
    return facts[Estimators].fits_of_search(outer) if known and folds is not None else None


def _is_timed(outer: Call) -> bool:
    """Whether a study ends by the clock: one that runs trials in turn would make fewer."""
    timeout = outer.argument("timeout")
    return not timeout.known or (timeout.node is not None and timeout.constant is not None)


def _fitted_alone(inner: _Inner, outer: Call) -> bool:
    """Whether an estimator is also fitted outside of what runs in parallel."""
    from greenlint import Estimators

    fits = inner.call.facts[Estimators].of(inner.call).fits
    return any(outer.node not in (fit.call.node, *(each.node for each in fit.holders)) for fit in fits)


def _single_thread(inner: _Inner) -> tuple[Edit, ...] | None:
    """One thread for an estimator; a forest has one unless told otherwise."""
    from greenlint import remove_argument, set_argument

    call, document = inner.call, inner.call.facts.document
    if (call.name or "").startswith("sklearn."):
        return remove_argument(document, call.node, "n_jobs")
    written = [each for each in _NAMES if call.keyword(each) is not None]
    if call.is_open or len(written) > 1:
        return None
    name = "thread_count" if inner.name.startswith("CatBoost") else "n_jobs"
    return set_argument(document, call.node, written[0] if written else name, "1")


_NAMES = ("n_jobs", "num_threads", "nthread", "num_thread", "thread_count")


def _named(outer: Call) -> str:
    return "study.optimize" if outer.method == "optimize" else outer.method


def _many(count: int, what: str) -> str:
    return f"one {what} for each core" if count < 0 else f"{count} {what}s"


def _help(outer: Call, inner: _Inner) -> str:
    name = "thread_count" if inner.name.startswith(("CatBoost", "catboost")) else "n_jobs"
    if outer.method == "optimize":
        return f"leave n_jobs out of optimize, whose threads share one interpreter, or give {inner.name} {name}=1"
    return f"give the {inner.name} {name}=1, or leave n_jobs out of {outer.method}"
