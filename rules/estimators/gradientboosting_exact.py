"""Gradient boosting that sorts every feature in every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Estimator, Facts, Findings, Rows


class GradientboostingExact(Rule):
    """`GradientBoostingClassifier` or `-Regressor` on a large table looks at every value as a split, on one core.

    These classes find splits by going through the sorted values of every feature in every node. The histogram-based
    classes put the values into at most 255 bins first: far fewer candidates, sums instead of sorting, and all cores.

    The finding stands at the call that makes the estimator. It is a warning where the code, a well-known table or the
    outputs of the notebook show ten thousand rows or more; it is an info where care taken of memory says so, and in a
    search of many fits. Else it says nothing.

    Leave it for small tables, sparse features, published models, and where something is read that the histogram classes
    lack (impurity importances, `apply`, subsampled or Huber losses).

    To fix it, use `HistGradientBoostingClassifier` or `-Regressor`: `max_iter` counts the trees, early stopping is
    automatic, missing values and categories need no preparation. Compare the scores once.
    """

    class Options(RuleOptions):
        fits: int = 60
        """Report searches of at least this many fits where the number of rows cannot be seen."""

    severity = Severity.WARNING
    frameworks = ("sklearn",)
    words = (("GradientBoostingClassifier", "GradientBoostingRegressor"),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://scikit-learn.org/stable/modules/ensemble.html#histogram-based-gradient-boosting",
        "https://scikit-learn.org/stable/modules/generated/sklearn.ensemble.HistGradientBoostingClassifier.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "the histogram-based estimator is much faster than GradientBoosting from about 10 000 samples",
            "https://scikit-learn.org/stable/modules/generated/sklearn.ensemble.HistGradientBoostingClassifier.html",
        ),
    )

    @on_call("sklearn.ensemble.GradientBoostingClassifier", "sklearn.ensemble.GradientBoostingRegressor")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment, Estimators, Rows, Searches

        estimator = facts[Estimators].of(call)
        rows = estimator.rows
        if rows is Rows.FEW or facts[Contexts].dead(call.node):
            return
        fits = max((self._fits(each) for each in estimator.searches), default=0)
        if not rows.is_many and fits < self.options.fits:
            return
        if facts[Searches].never_called(call.node) or facts[Environment].at_least("sklearn", "0.21") is False:
            return
        if _is_needed(estimator, facts):
            return
        sure = rows is Rows.MANY or (rows is Rows.LIKELY and fits >= self.options.fits)
        yield self.finding(
            call.node,
            f"{estimator.name} goes through every value of every feature{_scale(rows, fits)}",
            help=_help(estimator.name, experimental=facts[Environment].at_least("sklearn", "1.0") is False),
            notes=("scores differ a little, and models pickled before remain of the old class",),
            related=tuple((fit.call.node, "fitted here") for fit in estimator.fits[:2]),
            severity=None if sure else Severity.INFO,
            confidence=Confidence.HIGH if rows is Rows.MANY else Confidence.MEDIUM,
        )

    @staticmethod
    def _fits(search: Call) -> int:
        from greenlint import Estimators

        return search.facts[Estimators].fits_of_search(search) or 0

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingClassifier
            from sklearn.model_selection import RandomizedSearchCV, train_test_split

            table = pd.read_csv("clicks.csv")
            X_train, X_test, y_train, y_test = train_test_split(table.drop(columns="y"), table["y"])
            model = GradientBoostingClassifier(random_state=0)  # bad
            settings = {"max_depth": [2, 3, 4, 5], "learning_rate": [0.03, 0.1], "n_estimators": [100, 300, 500]}
            search = RandomizedSearchCV(model, settings, n_iter=15, cv=5)
            search.fit(X_train, y_train)
            """
        ),
        Bad(
            """
            from sklearn.datasets import fetch_covtype
            from sklearn.ensemble import GradientBoostingClassifier

            X, y = fetch_covtype(return_X_y=True)
            model = GradientBoostingClassifier(n_estimators=200)  # bad
            model.fit(X, y)
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingRegressor
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler

            trips = pd.read_parquet("trips.parquet")
            model = make_pipeline(StandardScaler(), GradientBoostingRegressor())  # bad
            model.fit(trips[["distance", "hour"]], trips["duration"])
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

            loans = pd.read_csv("../input/lending-club/loan.csv")
            models = {"forest": RandomForestClassifier(), "boosting": GradientBoostingClassifier()}  # bad
            for name, model in models.items():
                model.fit(loans.drop(columns="default"), loans["default"])
            """
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingClassifier

            table = pd.read_parquet("clicks.parquet")
            model = HistGradientBoostingClassifier(max_iter=300)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="already histogram-based",
        ),
        Good(
            """
            from sklearn.datasets import load_breast_cancer
            from sklearn.ensemble import GradientBoostingClassifier

            X, y = load_breast_cancer(return_X_y=True)
            model = GradientBoostingClassifier().fit(X, y)
            """,
            why="a toy table",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingRegressor

            houses = pd.read_csv("train.csv")
            X = houses[["OverallQual", "GrLivArea", "GarageCars"]]
            model = GradientBoostingRegressor(n_estimators=3000, learning_rate=0.05)
            model.fit(X, houses["SalePrice"])
            """,
            why="fewer than two thousand houses",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingRegressor

            table = pd.read_parquet("demand.parquet")
            model = GradientBoostingRegressor(loss="huber", subsample=0.5)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="the histogram classes have neither this loss nor subsampling",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingClassifier

            table = pd.read_csv("patients.csv")
            model = GradientBoostingClassifier()
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="most tables that are read like this are small",
        ),
        Good(
            """
            from sklearn.ensemble import GradientBoostingClassifier

            def train(X, y):
                return GradientBoostingClassifier().fit(X, y)
            """,
            why="nothing is known of the data",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingClassifier
            from sklearn.linear_model import LogisticRegression
            from sklearn.preprocessing import OneHotEncoder

            table = pd.read_parquet("clicks.parquet")
            trees = GradientBoostingClassifier(n_estimators=50)
            trees.fit(table.drop(columns="y"), table["y"])
            leaves = OneHotEncoder().fit_transform(trees.apply(table.drop(columns="y"))[:, :, 0])
            model = LogisticRegression().fit(leaves, table["y"])
            """,
            why="the leaves of the trees are features, which the histogram classes do not give",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingClassifier
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.pipeline import Pipeline

            reviews = pd.read_parquet("reviews.parquet")
            model = Pipeline([("tfidf", TfidfVectorizer()), ("boosting", GradientBoostingClassifier())])
            model.fit(reviews["text"], reviews["label"])
            """,
            why="the features are sparse, which the histogram classes do not take",
        ),
    )


_LACKING = ("criterion", "subsample", "init", "warm_start")
"""Parameters that the histogram classes lack or that mean something else there."""
_LOSSES = ("exponential", "huber", "lad", "lae")
_READ = ("feature_importances_", "apply", "oob_improvement_", "oob_scores_", "estimators_")


def _is_needed(estimator: Estimator, facts: Facts) -> bool:
    """Whether something is asked for or read that the histogram classes do not have."""
    from greenlint import Estimators

    call = estimator.call
    if call.is_open or any(call.argument(each).node is not None for each in _LACKING):
        return True
    loss = call.argument("loss")
    if loss.node is not None and (not isinstance(loss.constant, str) or loss.constant in _LOSSES):
        return True
    if any(fit.from_text for fit in estimator.fits):
        return True
    return bool(estimator.fits) and facts[Estimators].reads(estimator, *_READ)


def _help(name: str, *, experimental: bool) -> str:
    said = f"use Hist{name}, which bins the values first and stops early by itself"
    if experimental:
        said += "; before scikit-learn 1.0 `from sklearn.experimental import enable_hist_gradient_boosting` comes first"
    return said


def _scale(rows: Rows, fits: int) -> str:
    size = {"many": " of ten thousand rows or more", "likely many": " of a table that is likely large"}
    return size.get(rows.value, "") + (f", in a search of {fits} fits" if fits else "")
