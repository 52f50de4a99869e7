"""Gradient boosting that sorts every feature in every node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from greenlint import Call, Edit, Estimator, Facts, Findings, Fix, Rows, cst


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
    automatic, missing values and categories need no preparation. Compare the scores once. The automatic fix keeps the
    number and the depth of the trees and makes the search end where it did; leaving `max_depth=3` and
    `early_stopping=False` out again is often better still.
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
        from greenlint import Contexts, Environment, Estimators, Liveness, Rows

        estimator = facts[Estimators].of(call)
        rows = estimator.rows
        if rows is Rows.FEW or facts[Contexts].dead(call.node):
            return
        fits = max((self._fits(each) for each in estimator.searches), default=0)
        if not rows.is_many and fits < self.options.fits:
            return
        if facts[Liveness].never_called(call.node) or facts[Environment].at_least("sklearn", "0.21") is False:
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
            fix=self._fix(estimator, facts),
        )

    def _fix(self, estimator: Estimator, facts: Facts) -> Fix | None:
        from greenlint import Imports, use_instead

        call, document = estimator.call, facts.document
        if facts[Imports].importing():
            return None
        settings = _settings(call.node, document.source)
        axes = _renamed_axes(estimator, facts)
        if settings is None or axes is None or not estimator.fits or _ASKS_MORE.search(document.text):
            return None
        if axes and _READS_NAMES.search(document.text):
            return None
        named = use_instead(document, call.node.func, "sklearn.ensemble", f"Hist{estimator.name}")
        if named is None:
            return None
        return self.unsafe_fix(
            "grow as many trees from binned values",
            *named,
            *_respelled(call.node, settings, facts),
            *axes,
            reason="another algorithm, so scores differ a little",
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
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingClassifier
            from sklearn.model_selection import RandomizedSearchCV, train_test_split

            table = pd.read_csv("clicks.csv")
            X_train, X_test, y_train, y_test = train_test_split(table.drop(columns="y"), table["y"])
            model = HistGradientBoostingClassifier(random_state=0, max_depth=3, early_stopping=False)
            settings = {"max_depth": [2, 3, 4, 5], "learning_rate": [0.03, 0.1], "max_iter": [100, 300, 500]}
            search = RandomizedSearchCV(model, settings, n_iter=15, cv=5)
            search.fit(X_train, y_train)
            """,
        ),
        Bad(
            """
            from sklearn.datasets import fetch_covtype
            from sklearn.ensemble import GradientBoostingClassifier

            X, y = fetch_covtype(return_X_y=True)
            model = GradientBoostingClassifier(n_estimators=200)  # bad
            model.fit(X, y)
            """,
            fixed="""
            from sklearn.datasets import fetch_covtype
            from sklearn.ensemble import HistGradientBoostingClassifier

            X, y = fetch_covtype(return_X_y=True)
            model = HistGradientBoostingClassifier(max_iter=200, max_depth=3, early_stopping=False)
            model.fit(X, y)
            """,
        ),
        Bad(
            """
            import pandas as pd
            import sklearn.ensemble as ens

            table = pd.read_parquet("clicks.parquet")
            model = ens.GradientBoostingClassifier(  # bad
                n_estimators=400,  # found by hand
                max_depth=5,
                n_iter_no_change=10,
            )
            model.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            import sklearn.ensemble as ens

            table = pd.read_parquet("clicks.parquet")
            model = ens.HistGradientBoostingClassifier(
                max_iter=400,  # found by hand
                max_depth=5,
                n_iter_no_change=10,
                early_stopping=True,
            )
            model.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingRegressor

            trips = pd.read_parquet("trips.parquet")
            model = GradientBoostingRegressor(min_samples_split=20, max_features="sqrt")  # bad
            model.fit(trips[["distance", "hour"]], trips["duration"])
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
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingRegressor
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler

            trips = pd.read_parquet("trips.parquet")
            model = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_depth=3, early_stopping=False))
            model.fit(trips[["distance", "hour"]], trips["duration"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

            loans = pd.read_csv("../input/lending-club/loan.csv")
            models = {
                "forest": RandomForestClassifier(),
                "boosting": GradientBoostingClassifier(),  # bad
            }
            for name, model in models.items():
                model.fit(loans.drop(columns="default"), loans["default"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

            loans = pd.read_csv("../input/lending-club/loan.csv")
            models = {
                "forest": RandomForestClassifier(),
                "boosting": HistGradientBoostingClassifier(max_depth=3, early_stopping=False),
            }
            for name, model in models.items():
                model.fit(loans.drop(columns="default"), loans["default"])
            """,
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


_SAME = frozenset(("learning_rate", "max_depth", "max_leaf_nodes", "random_state", "verbose", "validation_fraction"))
"""Parameters that mean the same in the histogram classes."""
_STOPPING = frozenset(("n_iter_no_change", "tol"))
_SAME_LOSSES = ("log_loss", "squared_error", "absolute_error")
_ASKS_MORE = re.compile(
    r"feature_importances_|estimators_\b|n_estimators_|train_score_|\binit_\b|\bloss_\b|\boob_|\.n_estimators\b|\bmonitor\b"
    r"|SelectFromModel|\bRFE(?:CV)?\b|FeatureImportances|Boruta|\beli5\b|isinstance\([^)\n]*GradientBoosting|set_params|get_params|_staged_"
    r"|OneHotEncoder|LabelBinarizer|KBinsDiscretizer|Vectorizer|FeatureHasher|svmlight|fetch_rcv1|fetch_20news"
    r"|scipy\.sparse|from scipy import sparse|csr_matrix|csc_matrix|coo_matrix|sparse=True|sparse_output|SparseDtype"
    r"|tocsr|tocsc|[\"']category[\"']|\bCategorical\b|RandomTreesEmbedding|SplineTransformer"
)
"""What the histogram classes lack or read otherwise: attributes, sparse features, columns of categories."""
_READS_NAMES = re.compile(r"best_params_|cv_results_")


def _settings(node: cst.Call, source: Callable[[cst.CSTNode], str]) -> dict[str, str] | None:
    """The arguments with their names of before and values as text; ``None`` where one has no counterpart."""
    found: dict[str, str] = {}
    for arg in node.args:
        if arg.star or arg.keyword is None:
            return None
        name, text = arg.keyword.value, source(arg.value)
        if name == "loss" and text.strip("'\"") not in _SAME_LOSSES:
            return None
        if name == "min_samples_leaf" and not (text.isdigit() and int(text) > 0):
            return None
        if name not in _SAME | _STOPPING | {"n_estimators", "loss", "min_samples_leaf"}:
            return None
        found[name] = text
    # Whether this stops early cannot be seen unless it is a number.
    if not found.get("n_iter_no_change", "1").isdigit():
        return None
    return found


def _respelled(node: cst.Call, settings: Mapping[str, str], facts: Facts) -> Iterator[Edit]:
    """The arguments that change their names, and those that keep the trees as they were."""
    from greenlint import add_arguments, replace_node

    document = facts.document
    for arg in node.args:
        if arg.keyword is not None and arg.keyword.value == "n_estimators":
            yield from replace_node(document, arg.keyword, "max_iter")
    added = {} if "max_depth" in settings else {"max_depth": "3"}
    added["early_stopping"] = str("n_iter_no_change" in settings)
    yield from add_arguments(document, node, **added) or ()


def _renamed_axes(estimator: Estimator, facts: Facts) -> tuple[Edit, ...] | None:
    """The keys of the grids that are searched, under the names of the other class; ``None`` where one has none."""
    from greenlint import Estimators, Tree, cst, replace_node

    edits: dict[object, tuple[Edit, ...]] = {}
    for search in estimator.searches:
        grids = facts[Estimators].grids(search) if search.facts is facts else []
        if not grids or not all(grid.exact for grid in grids):
            return None
        if len(facts[Estimators].inside(search.node)) != 2:
            return None
        for axis in (axis for grid in grids for axis in grid.axes):
            if axis.name in ("learning_rate", "max_depth", "max_leaf_nodes"):
                continue
            element = facts[Tree].parent(axis.node) if axis.facts is facts else None
            if axis.name != "n_estimators" or not isinstance(element, cst.DictElement):
                return None
            key = element.key
            if not isinstance(key, cst.SimpleString) or key.evaluated_value != "n_estimators":
                return None
            edits[key] = replace_node(facts.document, key, f"{key.prefix}{key.quote}max_iter{key.quote}")
    return tuple(edit for each in edits.values() for edit in each)


def _help(name: str, *, experimental: bool) -> str:
    said = f"use Hist{name}, which bins the values first and stops early by itself"
    if experimental:
        said += "; before scikit-learn 1.0 `from sklearn.experimental import enable_hist_gradient_boosting` comes first"
    return said


def _scale(rows: Rows, fits: int) -> str:
    size = {"many": " of ten thousand rows or more", "likely many": " of a table that is likely large"}
    return size.get(rows.value, "") + (f", in a search of {fits} fits" if fits else "")
