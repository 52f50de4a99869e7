"""Algorithms whose cost grows with the square or cube of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Estimator, Facts, Findings, Outline, cst


class SuperlinearAlgorithmChoice(Rule):
    """A setting or class is chosen whose cost grows with the square of the rows, or that fits once for each feature.

    Recursive elimination with `step=1` fits the model once for each feature that it drops; sequential selection fits it
    once for each feature and each place. `TSNE(method="exact")`, hierarchical and spectral clustering, Gaussian
    processes and kernel ridge look at each pair of rows.

    The finding stands at the call that makes the estimator. Elimination and selection are reported with an estimator
    that takes long (a forest, a booster, a kernel machine), and `TSNE(method="exact")`, on data read from files; what
    looks at pairs of rows, and fifty restarts of `KMeans`, where there are ten thousand rows or more.

    Leave it for small data, and where the exact answer is the point.

    To fix it, drop several features at a time (`step=0.1`), leave TSNE's `method` at `barnes_hut`, and use
    `MiniBatchKMeans`, `HDBSCAN` or a sample of the rows for clustering.
    """

    severity = Severity.INFO
    frameworks = ("sklearn",)
    words = (
        (
            "RFE",
            "RFECV",
            "SequentialFeatureSelector",
            "TSNE",
            "KMeans",
            "AgglomerativeClustering",
            "SpectralClustering",
            "AffinityPropagation",
            "MeanShift",
            "GaussianProcess*",
            "KernelRidge",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://arxiv.org/abs/2204.02766",
        "https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.RFE.html",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "the choice of the algorithm alone changes the energy by up to two orders of magnitude",
            "arXiv 2204.02766",
        ),
        Evidence(
            Grade.REASONED,
            "costs follow from the algorithm; how large they are depends on rows and columns",
            "nobody has published a measurement of these pairs",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(_CHECKS)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Estimators, Liveness, Rows

        for estimator in facts[Estimators].named(*_CHECKS):
            rows = estimator.rows
            if rows in (Rows.FEW, Rows.UNKNOWN) or estimator.call.is_open:
                continue
            found = _CHECKS[estimator.name](estimator, rows.is_many)
            if found is None or facts[Contexts].dead(estimator.call.node):
                continue
            if facts[Liveness].never_called(estimator.call.node):
                continue
            message, remedy = found
            yield self.finding(
                estimator.call.node,
                message,
                help=remedy,
                related=tuple((fit.call.node, "fitted here") for fit in estimator.fits[:1]),
                confidence=Confidence.MEDIUM,
            )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.feature_selection import RFECV

            table = pd.read_csv("sensors.csv")
            selector = RFECV(RandomForestClassifier(n_estimators=200), cv=5)  # bad
            selector.fit(table.drop(columns="y"), table["y"])
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.manifold import TSNE

            vectors = pd.read_parquet("vectors.parquet")
            plane = TSNE(n_components=2, method="exact").fit_transform(vectors)  # bad
            """
        ),
        Bad(
            """
            from sklearn.cluster import AgglomerativeClustering, KMeans
            from sklearn.datasets import fetch_covtype

            X, y = fetch_covtype(return_X_y=True)
            groups = AgglomerativeClustering(7).fit_predict(X)  # bad
            centres = KMeans(7, n_init=100).fit(X)  # bad
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_selection import SequentialFeatureSelector
            from sklearn.svm import SVR

            table = pd.read_csv("demand.csv")
            selector = SequentialFeatureSelector(SVR(), n_features_to_select=20)  # bad
            selector.fit(table.drop(columns="y"), table["y"])
            """
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.feature_selection import RFE

            table = pd.read_csv("sensors.csv")
            selector = RFE(RandomForestClassifier(), n_features_to_select=20, step=0.1)
            selector.fit(table.drop(columns="y"), table["y"])
            """,
            why="a tenth of the features at a time",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_selection import RFE
            from sklearn.linear_model import LinearRegression

            table = pd.read_csv("sensors.csv")
            selector = RFE(LinearRegression(), n_features_to_select=10).fit(table.drop(columns="y"), table["y"])
            """,
            why="a linear model fits in no time",
        ),
        Good(
            """
            from sklearn.datasets import load_digits
            from sklearn.manifold import TSNE

            X, y = load_digits(return_X_y=True)
            plane = TSNE(method="exact").fit_transform(X)
            """,
            why="toy data",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.manifold import TSNE

            vectors = pd.read_parquet("vectors.parquet")
            plane = TSNE(n_components=2, perplexity=40).fit_transform(vectors)
            """,
            why="Barnes-Hut is the default",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.cluster import AgglomerativeClustering

            table = pd.read_csv("customers.csv")
            groups = AgglomerativeClustering(5).fit_predict(table)
            """,
            why="how many rows there are cannot be seen",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_selection import RFE
            from sklearn.ensemble import RandomForestClassifier

            train = pd.read_csv("titanic.csv")
            selector = RFE(RandomForestClassifier(), n_features_to_select=3)
            selector.fit(train[["Pclass", "SibSp", "Parch", "Fare"]], train["Survived"])
            """,
            why="fewer than a thousand rows",
        ),
    )


def _is_slow(estimator: Estimator) -> bool:
    """Whether what a selector fits is known to take long."""
    from greenlint import Estimators

    inner = estimator.call.facts[Estimators].inside(estimator.call.node)[1:]
    return any(each.name.startswith(_SLOW) or each.name in ("SVC", "SVR", "NuSVC", "NuSVR") for each in inner)


def _eliminates(estimator: Estimator, many: bool) -> tuple[str, str] | None:
    position = 2 if estimator.name == "RFE" else 1
    step = estimator.call.argument("step", position)
    if not _is_slow(estimator) or (step.node is not None and step.constant != 1) or not step.known:
        return None
    return (
        f"{estimator.name} with step=1 fits the model once for each feature that it drops",
        "drop several at a time, such as step=0.1, or use SelectFromModel, which fits once",
    )


def _selects(estimator: Estimator, many: bool) -> tuple[str, str] | None:
    if not _is_slow(estimator):
        return None
    return (
        f"{estimator.name} fits the model once for each feature, place and fold",
        "use SelectFromModel, which fits once, or select with a quick model",
    )


def _embeds(estimator: Estimator, many: bool) -> tuple[str, str] | None:
    if estimator.call.argument("method").constant != "exact":
        return None
    return 'TSNE(method="exact") looks at each pair of rows in each iteration', "leave method out: barnes_hut is near"


def _restarts(estimator: Estimator, many: bool) -> tuple[str, str] | None:
    count = estimator.call.argument("n_init").constant
    if not many or not isinstance(count, int) or count < _MANY_STARTS:
        return None
    return f"KMeans runs {count} times from the start to keep one result", "use n_init=10, or MiniBatchKMeans"


def _pairs(estimator: Estimator, many: bool) -> tuple[str, str] | None:
    if not many or estimator.call.argument("connectivity").node is not None:
        return None
    kind = "the cube" if estimator.name.startswith(("GaussianProcess", "Spectral", "KernelRidge")) else "the square"
    return (
        f"{estimator.name} is fitted on ten thousand rows or more; its cost grows with {kind} of them",
        _INSTEAD.get(estimator.name, "fit it on a sample of the rows, or use MiniBatchKMeans or HDBSCAN"),
    )


_MANY_STARTS = 50
_SLOW = ("RandomForest", "ExtraTrees", "GradientBoosting", "HistGradient", "XGB", "LGBM", "CatBoost", "MLP", "Bagging")
_INSTEAD = {
    "GaussianProcessRegressor": "fit it on a sample of the rows, or use Nystroem with a linear model",
    "GaussianProcessClassifier": "fit it on a sample of the rows, or use Nystroem with a linear model",
    "KernelRidge": "use Nystroem with Ridge",
}
_CHECKS = {
    "RFE": _eliminates,
    "RFECV": _eliminates,
    "SequentialFeatureSelector": _selects,
    "TSNE": _embeds,
    "KMeans": _restarts,
    "AgglomerativeClustering": _pairs,
    "SpectralClustering": _pairs,
    "AffinityPropagation": _pairs,
    "MeanShift": _pairs,
    "GaussianProcessRegressor": _pairs,
    "GaussianProcessClassifier": _pairs,
    "KernelRidge": _pairs,
}
