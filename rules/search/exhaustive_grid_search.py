"""Grid searches that fit every combination to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Edit, Facts, Findings, Fix, GridSearchCall, Report, cst


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
        from greenlint import Contexts, Scale, Searches, Use

        node = search.call.node
        if facts[Contexts].dead(node) or facts[Searches].use(search.call) in (Use.UNUSED, Use.NESTED):
            return False
        scale = facts[Searches].scale(search.call)
        if scale is Scale.TOY or (scale is Scale.SMALL and (search.is_light or len(search.grids) > 1)):
            return False
        if facts[Searches].never_called(node):
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
            fix=self._random_search(search, facts),
        )

    def _is_quick(self, search: GridSearchCall) -> bool:
        """Whether the fits are likely to take seconds altogether."""
        quick = search.is_moderate or len(search.grids) > 1
        return quick and search.fits < self.options.fits * _MODERATE

    def _random_search(self, search: GridSearchCall, facts: Facts) -> Fix | None:
        """Draw twenty of the candidates instead of fitting all of them."""
        from greenlint import set_argument

        node, size = search.call.node, search.grid.size if search.grid is not None else None
        if size is None or size < _WORTH_SAMPLING or len(search.grids) != 1 or not _is_plain(search, facts):
            return None
        more = set_argument(facts.document, node, "n_iter", str(_DRAWN))
        if more is None:
            return None
        edits = (*_renamed(search, facts), *more)
        return self.unsafe_fix(
            f"draw {_DRAWN} of the {size} candidates at random",
            *edits,
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
            import numpy as np
            import sklearn.model_selection as ms
            from sklearn.svm import SVC

            params = dict(C=np.logspace(-3, 3, 13), gamma=np.logspace(-4, 1, 11))
            params.update(kernel=["rbf"])
            search = ms.GridSearchCV(estimator=SVC(), param_grid=params, cv=ms.KFold(n_splits=10))  # bad
            search.fit(X, y)
            """
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
    """Whether the call can be rewritten: scikit-learn's class by its own name, and results read in no grid shape."""
    from greenlint import cst

    call = search.call
    if call.name != "sklearn.model_selection.GridSearchCV" or call.is_open or call.argument("n_iter").written:
        return False
    if not isinstance(call.node.func, cst.Name) or call.node.func.value != "GridSearchCV" or len(call.positional) > 2:
        return False
    return "cv_results_" not in facts.document.text and _import(search, facts) is not None


def _import(search: GridSearchCall, facts: Facts) -> cst.ImportAlias | None:
    """Where the class is imported, when this call is all that uses it."""
    from greenlint import Names, Tree, cst

    uses = [each for each in facts[Tree].of_type(cst.Name) if each.value == "GridSearchCV"]
    assert isinstance(search.call.node.func, cst.Name)
    bindings = facts[Names].reaching(search.call.node.func)
    if len(bindings) != 1 or not isinstance(bindings[0].node, cst.ImportFrom) or len(uses) != 2:
        return None
    names = bindings[0].node.names
    if isinstance(names, cst.ImportStar):
        return None
    return next((each for each in names if each.name in uses and each.asname is None), None)


def _renamed(search: GridSearchCall, facts: Facts) -> Iterator[Edit]:
    from greenlint import replace_node

    document, node = facts.document, search.call.node
    alias = _import(search, facts)
    if alias is not None:
        yield from replace_node(document, alias.name, "RandomizedSearchCV")
    yield from replace_node(document, node.func, "RandomizedSearchCV")
    for arg in node.args:
        if arg.keyword is not None and arg.keyword.value == "param_grid":
            yield from replace_node(document, arg.keyword, "param_distributions")
