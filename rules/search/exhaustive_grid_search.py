"""Grid searches that fit every combination to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Fix, GridSearchCall, Report, cst


class ExhaustiveGridSearch(Rule):
    """A grid search fits every combination of many settings, each on all data and every fold.

    Most combinations are visibly poor after a fraction of the data or of the iterations, yet the grid trains each of
    them to the end, once for every fold. Random, Bayesian and successive-halving searches reach the same quality with
    a fraction of the fits.

    The finding stands at the call that makes the search object and states candidates, folds and fits. Estimators that
    fit quickly (linear models, naive Bayes, single trees) need many more fits to be reported, well-known small tables
    more still; data sets that come with a library are never reported.

    Leave it for small grids, for searches inside an outer cross-validation, and for studies that need the whole grid.

    To fix it, use `RandomizedSearchCV(n_iter=...)` with distributions, `HalvingRandomSearchCV` (after
    `from sklearn.experimental import enable_halving_search_cv`), or Optuna with a pruner.
    """

    class Options(RuleOptions):
        fits: int = 60
        """Report grids of at least this many fits (candidates times folds)."""
        candidates: int = 10
        """Report grids of at least this many candidates when each is fitted once for every sample."""

    severity = Severity.WARNING
    words = (("*GridSearchCV", "*grid_search*"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
    )
    references = (
        "https://arxiv.org/abs/2303.13972",
        "https://doi.org/10.3390/app14146196",
        "https://arxiv.org/abs/2412.08526",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "Bayesian search dominated grid and random search in energy at equal quality",
            "arXiv 2303.13972",
        ),
        Evidence(
            Grade.MEASURED,
            "28.7 % less CO2e with energy-aware AutoML settings, for 0.51 points of accuracy",
            "doi 10.3390/app14146196",
        ),
        Evidence(
            Grade.MEASURED,
            "energy-aware successive halving: substantial reductions with little or no loss of quality",
            "arXiv 2412.08526",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Searches

        for search in facts[Searches].grid_searches:
            if search.grid is not None and self._is_worth_saying(search, facts):
                yield self._report(search, facts)

    def _is_worth_saying(self, search: GridSearchCall, facts: Facts) -> bool:
        from greenlint import Contexts, Liveness, Scale, Searches, Use

        node = search.call.node
        if facts[Contexts].dead(node) or facts[Searches].use(search.call) in (Use.UNUSED, Use.NESTED):
            return False
        scale = facts[Searches].scale(search.call)
        if scale is Scale.TOY or (scale is Scale.SMALL and (search.is_light or len(search.grids) > 1)):
            return False
        if facts[Liveness].never_called(node):
            return False
        if search.every_sample:
            return search.candidates >= self.options.candidates and scale is None and not search.is_light
        factor = (_LIGHT if search.is_light else 1) * (_SMALL if scale is Scale.SMALL else 1)
        needed: int = self.options.fits * factor
        return search.fits >= needed

    def _report(self, search: GridSearchCall, facts: Facts) -> Report:
        from greenlint import Scale, Searches

        scale = facts[Searches].scale(search.call)
        surely = search.exact and len(search.grids) == 1 and scale is None and not self._is_quick(search)
        return self.finding(
            search.call.node,
            _size(search),
            help="sample the settings with RandomizedSearchCV, or drop poor ones early with HalvingRandomSearchCV or "
            "Optuna",
            notes=tuple(_notes(search, scale is Scale.PART, facts)),
            confidence=Confidence.HIGH if surely else Confidence.MEDIUM,
            severity=Severity.INFO if scale is Scale.SMALL or self._is_quick(search) else None,
            fix=self._halving_search(search, facts) or self._random_search(search, facts),
        )

    def _is_quick(self, search: GridSearchCall) -> bool:
        """Whether the fits are likely to take seconds altogether."""
        quick = search.is_moderate or len(search.grids) > 1
        return quick and search.fits < self.options.fits * _MODERATE

    def _halving_search(self, search: GridSearchCall, facts: Facts) -> Fix | None:
        """Fit forests of few trees first, and larger ones of the better candidates only; every row takes part."""
        from greenlint import Names, add_arguments, cst, insert_before, replace_node

        trees, node, document = _trees(search, facts), search.call.node, facts.document
        if trees is None or not _is_plain(search, facts) or not _can_halve(search, facts):
            return None
        imported = _import(search, facts)
        if imported is None or not isinstance(node.func, cst.Name):
            return None
        # This has to come before the import of the class.
        statement = facts[Names].reaching(node.func)[0].node
        first = insert_before(document, statement, "from sklearn.experimental import enable_halving_search_cv")
        resource = add_arguments(document, node, resource='"n_estimators"', max_resources=str(trees))
        if first is None or resource is None:
            return None
        return self.unsafe_fix(
            "drop poor candidates after a part of the trees",
            *first,
            *replace_node(document, imported.name, "HalvingGridSearchCV"),
            *replace_node(document, node.func, "HalvingGridSearchCV"),
            *resource,
            reason="a candidate that is poor with few trees is not tried with all of them",
        )

    def _random_search(self, search: GridSearchCall, facts: Facts) -> Fix | None:
        """Draw twenty of the candidates instead of fitting all of them."""
        from greenlint import replace_node, set_argument, use_instead

        node, size = search.call.node, search.grid.size if search.grid is not None else None
        if size is None or size < _WORTH_SAMPLING or len(search.grids) != 1 or not _is_plain(search, facts):
            return None
        more = set_argument(facts.document, node, "n_iter", str(_DRAWN))
        named = use_instead(facts.document, node.func, "sklearn.model_selection", "RandomizedSearchCV")
        if more is None or named is None:
            return None
        grids = [arg.keyword for arg in node.args if arg.keyword is not None and arg.keyword.value == "param_grid"]
        return self.unsafe_fix(
            f"draw {_DRAWN} of the {size} candidates at random",
            *named,
            *(edit for each in grids for edit in replace_node(facts.document, each, "param_distributions")),
            *more,
            reason="other candidates are tried, and the best of all may not be among them",
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("transactions.csv")
            grid = {"n_estimators": [100, 300, 500], "max_depth": [4, 8, 16, 32], "max_features": [0.3, 0.6, 1.0]}
            search = GridSearchCV(RandomForestClassifier(), grid, cv=5)  # bad
            search.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import RandomizedSearchCV

            table = pd.read_csv("transactions.csv")
            grid = {"n_estimators": [100, 300, 500], "max_depth": [4, 8, 16, 32], "max_features": [0.3, 0.6, 1.0]}
            search = RandomizedSearchCV(RandomForestClassifier(), grid, cv=5, n_iter=20)
            search.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import ExtraTreesRegressor
            from sklearn.model_selection import GridSearchCV, train_test_split

            table = pd.read_csv("demand.csv")
            X_train, X_test, y_train, y_test = train_test_split(table.drop(columns="y"), table["y"])
            search = GridSearchCV(  # bad
                estimator=ExtraTreesRegressor(n_estimators=200, random_state=0),
                param_grid={"max_depth": [4, 8, 16, None], "max_features": [0.3, 0.6, 1.0], "bootstrap": [False, True]},
                cv=5,
                scoring="r2",  # no other
            )
            search.fit(X_train, y_train)
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import ExtraTreesRegressor
            from sklearn.experimental import enable_halving_search_cv
            from sklearn.model_selection import HalvingGridSearchCV, train_test_split

            table = pd.read_csv("demand.csv")
            X_train, X_test, y_train, y_test = train_test_split(table.drop(columns="y"), table["y"])
            search = HalvingGridSearchCV(
                estimator=ExtraTreesRegressor(n_estimators=200, random_state=0),
                param_grid={"max_depth": [4, 8, 16, None], "max_features": [0.3, 0.6, 1.0], "bootstrap": [False, True]},
                cv=5,
                scoring="r2",  # no other
                resource="n_estimators",
                max_resources=200,
            )
            search.fit(X_train, y_train)
            """,
        ),
        Bad(
            """
            import numpy as np
            import sklearn.model_selection as ms
            from sklearn.svm import SVC

            params = dict(C=np.logspace(-3, 3, 13), gamma=np.logspace(-4, 1, 11))
            params.update(kernel=["rbf"])
            search = ms.GridSearchCV(estimator=SVC(), param_grid=params, cv=ms.KFold(10))  # bad
            search.fit(X, y)
            """,
            fixed="""
            import numpy as np
            import sklearn.model_selection as ms
            from sklearn.svm import SVC

            params = dict(C=np.logspace(-3, 3, 13), gamma=np.logspace(-4, 1, 11))
            params.update(kernel=["rbf"])
            search = ms.RandomizedSearchCV(estimator=SVC(), param_distributions=params, cv=ms.KFold(10), n_iter=20)
            search.fit(X, y)
            """,
        ),
        Bad(
            """
            from sklearn.model_selection import GridSearchCV
            from xgboost import XGBClassifier

            grids = [
                {"max_depth": range(3, 10), "learning_rate": [0.01, 0.1]},
                {"max_depth": [6], "subsample": [x / 10 for x in range(5, 10)]},
            ]
            search = GridSearchCV(XGBClassifier(), grids)  # bad
            search.fit(X_train, y_train)
            """
        ),
        Bad(
            """
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV, StratifiedKFold
            from sklearn.pipeline import Pipeline

            pipe = Pipeline([("tfidf", TfidfVectorizer()), ("clf", LogisticRegression())])
            grid = {
                "tfidf__ngram_range": [(1, 1), (1, 2)],
                "tfidf__max_features": [10000, 50000],
                "tfidf__min_df": [1, 5],
                "clf__C": [0.1, 1, 10],
            }
            folds = StratifiedKFold(5, shuffle=True)
            best = GridSearchCV(pipe, grid, cv=folds, scoring="f1", verbose=2).fit(texts, labels)  # bad
            """
        ),
        Bad(
            """
            from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
            from sklearn.model_selection import GridSearchCV

            def tune(model, grid):
                search = GridSearchCV(model, grid, cv=5, n_jobs=-1)  # bad
                search.fit(X_train, y_train)
                return search.best_estimator_

            forest = tune(RandomForestRegressor(), {"max_depth": [4, 8], "min_samples_leaf": [1, 5]})
            boosted = tune(
                GradientBoostingRegressor(),
                {"max_depth": [2, 3, 4], "learning_rate": [0.03, 0.1, 0.3], "subsample": [0.5, 1.0]},
            )
            """
        ),
        Good(
            """
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            search = GridSearchCV(RandomForestClassifier(), {"max_depth": [4, 8], "n_estimators": [100, 300]}, cv=5)
            search.fit(X, y)
            """,
            why="twenty fits",
        ),
        Good(
            """
            from sklearn.datasets import load_iris
            from sklearn.model_selection import GridSearchCV, train_test_split
            from sklearn.svm import SVC

            iris = load_iris()
            X_train, X_test, y_train, y_test = train_test_split(iris.data, iris.target)
            search = GridSearchCV(SVC(), {"C": [0.1, 1, 10, 100], "gamma": [0.01, 0.1, 1, 10]}, cv=10)
            search.fit(X_train, y_train)
            """,
            why="toy data",
        ),
        Good(
            """
            import numpy as np
            import pandas as pd
            from sklearn.linear_model import Ridge
            from sklearn.model_selection import GridSearchCV

            table = pd.read_csv("prices.csv")
            search = GridSearchCV(Ridge(), {"alpha": np.logspace(-4, 2, 30)}, cv=5)
            search.fit(table[["a", "b"]], table["price"])
            """,
            why="a ridge regression fits in no time",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import GridSearchCV

            train = pd.read_csv("../input/train.csv")
            X, y = train[["Pclass", "SibSp", "Fare"]], train["Survived"]
            grid = {"max_depth": [2, 4, 6, 8], "n_estimators": [50, 100, 200], "criterion": ["gini", "entropy"]}
            search = GridSearchCV(RandomForestClassifier(), grid, cv=5)
            search.fit(X, y)
            """,
            why="fewer than a thousand passengers",
        ),
        Good(
            """
            from scipy.stats import loguniform
            from sklearn.model_selection import RandomizedSearchCV
            from sklearn.svm import SVC

            search = RandomizedSearchCV(SVC(), {"C": loguniform(1e-3, 1e3)}, n_iter=30)
            search.fit(X, y)
            """,
            why="a random search",
        ),
        Good(
            """
            from sklearn.model_selection import GridSearchCV
            from settings import grid
            from sklearn.svm import SVC

            search = GridSearchCV(SVC(), grid, cv=5)
            search.fit(X, y)
            """,
            why="the size of the grid is not known",
        ),
        Good(
            """
            from sklearn.experimental import enable_halving_search_cv
            from sklearn.model_selection import HalvingGridSearchCV
            from sklearn.svm import SVC

            search = HalvingGridSearchCV(SVC(), {"C": list(range(1, 50)), "gamma": [0.1, 1, 10]}, cv=5)
            search.fit(X, y)
            """,
            why="halving drops poor candidates early",
        ),
        Good(
            """
            import argparse
            from sklearn.model_selection import GridSearchCV
            from sklearn.svm import SVC

            args = argparse.ArgumentParser().parse_args()
            search = GridSearchCV(SVC(), {"C": [1, 2, 3], "gamma": [1, 2, 3]}, cv=args.folds)
            search.fit(X, y)
            """,
            why="the number of folds is not known, and the grid is small",
        ),
        Good(
            """
            from sklearn.model_selection import GridSearchCV, cross_val_score
            from sklearn.svm import SVC

            search = GridSearchCV(SVC(), {"C": [0.1, 1, 10, 100], "gamma": [0.01, 0.1, 1, 10]}, cv=5)
            scores = cross_val_score(search, X, y, cv=5)
            """,
            why="nested cross-validation needs a search in every fold",
        ),
        Good(
            """
            from sklearn.model_selection import GridSearchCV
            from xgboost import XGBClassifier

            grid = {"max_depth": [3, 5, 7, 9], "learning_rate": [0.01, 0.1, 0.3], "subsample": [0.5, 1]}
            search = GridSearchCV(XGBClassifier(), grid, cv=5)
            # search.fit(X, y) took four hours: max_depth 5, learning_rate 0.1
            model = XGBClassifier(max_depth=5, learning_rate=0.1).fit(X, y)
            """,
            why="the search is never run",
        ),
        Good(
            """
            from sklearn.datasets import make_moons
            from sklearn.model_selection import GridSearchCV
            from sklearn.tree import DecisionTreeClassifier

            X, y = make_moons(n_samples=10000, noise=0.4)
            grid = {"max_leaf_nodes": list(range(2, 100)), "min_samples_split": [2, 3, 4]}
            GridSearchCV(DecisionTreeClassifier(), grid, cv=3).fit(X, y)
            """,
            why="small trees on few generated rows",
        ),
        Good(
            """
            from sklearn.ensemble import RandomForestRegressor
            from sklearn.model_selection import GridSearchCV

            def tune(X, y):
                grid = {"max_depth": [4, 8, 16, 32], "max_features": [0.3, 0.6, 1.0], "n_estimators": [100, 300]}
                return GridSearchCV(RandomForestRegressor(), grid, cv=5).fit(X, y)

            model = RandomForestRegressor(max_depth=16, max_features=0.6)
            model.fit(X, y)
            """,
            why="the function is not called: its outcome is written down",
        ),
    )


_LIGHT = 10
"""How many times as many fits of a light estimator are worth a word."""
_MODERATE = 3
_SMALL = 100
_DRAWN = 20
_WORTH_SAMPLING = 30


def _size(search: GridSearchCall) -> str:
    count = f"{'' if search.grid is not None and search.grid.size is not None else 'at least '}{search.candidates}"
    if search.every_sample:
        return f"this grid search fits each of {count} candidates once for every sample"
    if len(search.grids) > 1:
        count = f"up to {count}"
    if search.folds is None:
        return f"this grid search fits each of {count} candidates to the end, once for every fold"
    if search.folds == 1:
        return f"this grid search fits each of {count} candidates to the end"
    total = "" if search.exact and len(search.grids) == 1 else "up to " if search.exact else "at least "
    return f"this grid search fits {count} candidates on {search.folds} folds to the end: {total}{search.fits} fits"


def _notes(search: GridSearchCall, part: bool, facts: Facts) -> Iterator[str]:
    yield "50-90 % of the energy of the search is our estimate"
    for key in search.counted_rounds:
        yield f"{key} needs no grid: one fit with early stopping, or staged predictions, finds it"
    if _keeps_unread_scores(search, facts):
        yield "return_train_score=True predicts on every training fold, and nothing reads the scores"
    if part:
        yield "the search runs on a part of the data, so it may cost little"
    yield "halving by number of samples needs care with stratified data and time series"


def _keeps_unread_scores(search: GridSearchCall, facts: Facts) -> bool:
    text = facts.document.text
    return search.call.argument("return_train_score").constant is True and not any(
        word in text for word in ('train_score"', "train_score'", "_train_", "cv_results_")
    )


def _is_plain(search: GridSearchCall, facts: Facts) -> bool:
    """Whether the call can be rewritten: scikit-learn's class, and nothing reads the results in the shape of a grid."""
    call = search.call
    if call.name != "sklearn.model_selection.GridSearchCV" or call.is_open or call.argument("n_iter").written:
        return False
    text = facts.document.text
    return len(call.positional) <= 2 and "cv_results_" not in text and ".param_grid" not in text


def _import(search: GridSearchCall, facts: Facts) -> cst.ImportAlias | None:
    """Where the class is imported by its own name, when this call is all that uses it."""
    from greenlint import Names, Tree, cst

    if not isinstance(search.call.node.func, cst.Name):
        return None
    uses = facts[Tree].named("GridSearchCV")
    bindings = facts[Names].reaching(search.call.node.func)
    if len(bindings) != 1 or not isinstance(bindings[0].node, cst.ImportFrom) or len(uses) != 2:
        return None
    names = bindings[0].node.names
    if isinstance(names, cst.ImportStar):
        return None
    return next((each for each in names if each.name in uses and each.asname is None), None)


_FORESTS = frozenset(("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"))
_TREES = 100
"""How many trees a forest has unless told otherwise."""
_FEWEST_TREES = 8
"""Forests of fewer trees say too little about a candidate."""
_FACTOR = 3
"""How many times as many trees, and how many times fewer candidates, each round of halving has."""


def _trees(search: GridSearchCall, facts: Facts) -> int | None:
    """The trees of the forest that is searched, when halving can begin with a part of them; ``None`` otherwise."""
    from greenlint import Estimators

    size = search.grid.size if search.grid is not None and len(search.grids) == 1 else None
    inside = facts[Estimators].inside(search.call.node)
    if size is None or size < _FACTOR**2 or len(inside) != 2 or inside[1].name not in _FORESTS or not search.grid:
        return None
    if any(axis.name == "n_estimators" for axis in search.grid.axes):
        return None
    given = inside[1].call.argument("n_estimators", 0)
    trees = given.constant if given.node is not None else _TREES
    if inside[1].call.is_open or not isinstance(trees, int) or inside[1].call.argument("warm_start").node is not None:
        return None
    rounds = 0
    while _FACTOR ** (rounds + 1) <= size:
        rounds += 1
    return trees if trees // _FACTOR**rounds >= _FEWEST_TREES else None


def _can_halve(search: GridSearchCall, facts: Facts) -> bool:
    """Whether every argument means the same to a halving search, and nothing spreads its best settings over a call."""
    from greenlint import Environment

    call, text = search.call, facts.document.text
    if facts[Environment].at_least("sklearn", "0.24") is False or ("best_params_" in text and "**" in text):
        return False
    names = [arg.keyword.value for arg in call.node.args if arg.keyword is not None]
    if not set(names) <= {"estimator", "param_grid", "cv", "scoring", "n_jobs", "verbose", "refit"}:
        return False
    folds, score, refit = (call.argument(each) for each in ("cv", "scoring", "refit"))
    return (
        (folds.absent or isinstance(folds.constant, int))
        and (score.absent or score.constant is None or isinstance(score.constant, str))
        and (refit.absent or refit.constant is True)
    )
