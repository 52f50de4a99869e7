"""Support vector machines in a mode that costs several times what the task needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Axis, Call, Edit, Estimator, Facts, Findings, Fix, Report


class SvcCostlyMode(Rule):
    """A support vector machine is fitted five more times for unread probabilities, or uses a kernel where none is due.

    `SVC(probability=True)` runs an internal five-fold cross-validation in each fit, to turn margins into probabilities.
    `SVC(kernel="linear")` solves the dual problem, whose cost grows at least with the square of the rows; `LinearSVC`
    solves the same kind of problem in time that grows with the rows. A kernel on tens of thousands of rows is
    impractical for the same reason.

    The finding stands at the call that makes the estimator. Probabilities that nothing in the file reads are a warning
    on many rows, and an info where the rows cannot be counted or the model is stored or passed on. A linear kernel on
    texts or many rows, and any kernel on many rows, are infos.

    Leave it for small tables, where probabilities are read, for precomputed kernels, and where support vectors or dual
    coefficients are read.

    To fix it, drop `probability=True` (`decision_function` ranks as well, and is what `roc_auc` uses), use `LinearSVC`
    or `SGDClassifier` for a linear kernel, and `Nystroem` with a linear model for many rows. Where probabilities are
    needed, scikit-learn 1.9 asks for `CalibratedClassifierCV(SVC(), ensemble=False)`, which costs about the same.
    """

    severity = Severity.WARNING
    frameworks = ("sklearn",)
    words = (("SVC", "NuSVC", "SVR", "NuSVR"),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://scikit-learn.org/stable/modules/svm.html#complexity",
        "https://scikit-learn.org/stable/modules/svm.html#scores-and-probabilities",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "probability=True runs five-fold cross-validation inside fit, and is deprecated since 1.9; fit time grows "
            "at least with the square of the samples and may be impractical beyond tens of thousands",
            "https://scikit-learn.org/stable/modules/generated/sklearn.svm.SVC.html",
        ),
    )

    @on_call("sklearn.svm.SVC", "sklearn.svm.NuSVC", "sklearn.svm.SVR", "sklearn.svm.NuSVR")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Estimators, Liveness, Rows

        if call.is_open or facts[Contexts].dead(call.node):
            return
        estimator = facts[Estimators].of(call)
        if estimator.rows is Rows.FEW or facts[Liveness].never_called(call.node):
            return
        found = self._unread_probabilities(estimator, facts) or self._linear(estimator, facts) or self._many(estimator)
        if found is not None:
            yield found

    def _unread_probabilities(self, estimator: Estimator, facts: Facts) -> Report | None:
        from greenlint import Frameworks, Imports

        asked = estimator.call.argument("probability")
        if asked.constant is not True or not estimator.fits or _PROBABILITIES.search(facts[Frameworks].code):
            return None
        kept = _KEPT.search(facts[Frameworks].code) is not None or bool(facts[Imports].importing())
        kept = kept or not estimator.rows.is_many
        return self.finding(
            estimator.call.node,
            f"{estimator.name}(probability=True) runs five more fits inside each fit, and nothing here reads the"
            " probabilities",
            help="drop probability=True",
            related=((estimator.fits[0].call.node, "fitted here"),),
            severity=Severity.INFO if kept else None,
            confidence=Confidence.MEDIUM if kept else Confidence.HIGH,
            fix=self._without_probabilities(estimator.call),
        )

    def _without_probabilities(self, call: Call) -> Fix | None:
        from greenlint import remove_argument

        edits = remove_argument(call.facts.document, call.node, "probability")
        if edits is None:
            return None
        return self.unsafe_fix(
            "fit without probabilities",
            *edits,
            reason="what gets the model elsewhere can ask it for no probabilities",
        )

    def _linear_class(self, estimator: Estimator, facts: Facts) -> Fix | None:
        """The linear class in the place of the kernel, for texts: they need no scaling for it to converge."""
        from greenlint import use_instead

        call = estimator.call
        axes = [axis for search in estimator.searches for axis in _axes(search)]
        if (
            estimator.name != "SVC"
            or not all(fit.from_text for fit in estimator.fits)
            or _DIFFERS.search(facts.document.text)
        ):
            return None
        if any(axis.name.rpartition("__")[2] != "C" for axis in axes) or any(
            holder.method != "GridSearchCV" for fit in estimator.fits for holder in fit.holders
        ):
            return None
        named = use_instead(facts.document, call.node.func, "sklearn.svm", "LinearSVC")
        arguments = _linear_arguments(call)
        if named is None or arguments is None:
            return None
        return self.unsafe_fix(
            "solve the linear problem directly",
            *named,
            *arguments,
            reason="the loss is squared, and several classes are told one against the rest",
        )

    def _linear(self, estimator: Estimator, facts: Facts) -> Report | None:
        from greenlint import Estimators, Rows

        call = estimator.call
        if call.argument("kernel").constant != "linear" or call.argument("probability").node is not None:
            return None
        text = estimator.rows.is_read and any(fit.from_text for fit in estimator.fits)
        if (
            not (estimator.rows.is_many or text)
            or estimator.name.startswith("Nu")
            or facts[Estimators].reads(estimator, *_DUAL)
        ):
            return None
        if any("kernel" in axis.name for search in estimator.searches for axis in _axes(search)):
            return None
        other = "LinearSVC" if estimator.name == "SVC" else "LinearSVR"
        return self.finding(
            call.node,
            f'{estimator.name}(kernel="linear") solves the dual problem, whose cost grows with the square of the rows',
            help=f"use {other}, or SGD{'Classifier' if other == 'LinearSVC' else 'Regressor'} for very many rows",
            notes=("the loss and the handling of the intercept differ a little: compare the scores once",),
            related=tuple((fit.call.node, "fitted here") for fit in estimator.fits[:1]),
            severity=Severity.INFO,
            confidence=Confidence.HIGH if estimator.rows is Rows.MANY else Confidence.MEDIUM,
            fix=self._linear_class(estimator, facts),
        )

    def _many(self, estimator: Estimator) -> Report | None:
        from greenlint import Rows

        kernel = estimator.call.argument("kernel")
        if estimator.rows is not Rows.MANY or kernel.constant == "precomputed" or not kernel.known:
            return None
        return self.finding(
            estimator.call.node,
            f"{estimator.name} with a kernel is fitted on ten thousand rows or more; its cost grows with their square",
            help="use LinearSVC, or Nystroem (RBFSampler) with SGDClassifier; or fit on a sample of the rows",
            related=tuple((fit.call.node, "fitted here") for fit in estimator.fits[:1]),
            severity=Severity.INFO,
            confidence=Confidence.MEDIUM,
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.metrics import accuracy_score
            from sklearn.svm import SVC

            table = pd.read_parquet("signals.parquet")
            model = SVC(C=10, probability=True)  # bad
            model.fit(table.drop(columns="y"), table["y"])
            print(accuracy_score(table["y"], model.predict(table.drop(columns="y"))))
            """,
            fixed="""
            import pandas as pd
            from sklearn.metrics import accuracy_score
            from sklearn.svm import SVC

            table = pd.read_parquet("signals.parquet")
            model = SVC(C=10)
            model.fit(table.drop(columns="y"), table["y"])
            print(accuracy_score(table["y"], model.predict(table.drop(columns="y"))))
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.svm import NuSVC

            table = pd.read_parquet("signals.parquet")
            model = NuSVC(  # bad
                nu=0.3,
                probability=True,
                random_state=0,  # any
            )
            model.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.svm import NuSVC

            table = pd.read_parquet("signals.parquet")
            model = NuSVC(
                nu=0.3,
                random_state=0,  # any
            )
            model.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
            from sklearn.svm import SVC

            table = pd.read_csv("signals.csv")
            pipe = make_pipeline(StandardScaler(), SVC(probability=True))  # bad
            search = GridSearchCV(pipe, {"svc__C": [0.1, 1, 10]}, scoring="roc_auc")
            search.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
            from sklearn.svm import SVC

            table = pd.read_csv("signals.csv")
            pipe = make_pipeline(StandardScaler(), SVC())
            search = GridSearchCV(pipe, {"svc__C": [0.1, 1, 10]}, scoring="roc_auc")
            search.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn import svm
            from sklearn.feature_extraction.text import TfidfVectorizer

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            model = svm.SVC(kernel="linear", C=0.5)  # bad
            model.fit(X, reviews["label"])
            """,
            fixed="""
            import pandas as pd
            from sklearn import svm
            from sklearn.feature_extraction.text import TfidfVectorizer

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            model = svm.LinearSVC(C=0.5)
            model.fit(X, reviews["label"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.svm import SVC

            reviews = pd.read_csv("reviews.csv")
            X = CountVectorizer().fit_transform(reviews["text"])
            model = SVC(kernel="linear").fit(X, reviews["label"])  # bad
            print(model.coef_.toarray())
            """
        ),
        Bad(
            """
            from sklearn.datasets import fetch_covtype
            from sklearn.svm import SVC

            X, y = fetch_covtype(return_X_y=True)
            model = SVC(C=1.0)  # bad
            model.fit(X, y)
            """
        ),
        Good(
            """
            import pandas as pd
            from sklearn.svm import SVC

            table = pd.read_csv("signals.csv")
            model = SVC(probability=True).fit(table.drop(columns="y"), table["y"])
            risk = model.predict_proba(table.drop(columns="y"))[:, 1]
            """,
            why="the probabilities are read; other ways to get them cost about the same",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.model_selection import cross_val_score
            from sklearn.svm import SVC

            table = pd.read_parquet("signals.parquet")
            model = SVC(probability=True)
            scores = cross_val_score(model, table.drop(columns="y"), table["y"], scoring="roc_auc_ovr")
            """,
            why="this score of several classes reads probabilities",
        ),
        Good(
            """
            from sklearn.datasets import load_iris
            from sklearn.svm import SVC

            X, y = load_iris(return_X_y=True)
            model = SVC(kernel="linear", probability=True).fit(X, y)
            """,
            why="a toy table",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier, VotingClassifier
            from sklearn.svm import SVC

            table = pd.read_csv("signals.csv")
            members = [("svm", SVC(probability=True)), ("forest", RandomForestClassifier())]
            model = VotingClassifier(members, voting="soft").fit(table.drop(columns="y"), table["y"])
            """,
            why="soft voting reads the probabilities",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.svm import SVC

            table = pd.read_parquet("signals.parquet")
            model = SVC(kernel="linear").fit(table.drop(columns="y"), table["y"])
            print(model.support_vectors_.shape)
            """,
            why="support vectors are read",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from sklearn.svm import SVC

            table = pd.read_parquet("signals.parquet")
            search = GridSearchCV(SVC(kernel="linear"), {"kernel": ["linear", "rbf"], "C": [1, 10]})
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="the search compares kernels",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.svm import SVC

            table = pd.read_csv("patients.csv")
            model = SVC(kernel="linear").fit(table.drop(columns="y"), table["y"])
            """,
            why="most tables that are read like this are small",
        ),
        Good(
            """
            from sklearn.svm import SVC

            def train(X, y):
                return SVC(kernel="linear").fit(X, y)
            """,
            why="nothing is known of the data",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.svm import LinearSVC

            table = pd.read_csv("signals.csv")
            model = LinearSVC(C=0.1).fit(table.drop(columns="y"), table["y"])
            """,
            why="linear from the start",
        ),
    )


_PROBABILITIES = re.compile(
    r"predict_(?:log_)?proba|log_loss|['\"]soft['\"]|Stacking|Calibrat|brier|\bshap\b|\blime\b|\beli5\b|SelfTraining|AdaBoost|plot_roc_curve"
    r"|SuperLearner|mlxtend|RocCurveDisplay|from_estimator|roc_auc_ov[or]|needs_proba|prob[AB]_"
)
"""What reads probabilities, by itself or inside a library."""
_KEPT = re.compile(r"\b(?:joblib|pickle|dill|cloudpickle|skops|mlflow|onnx\w*|skl2onnx)\b")
_DUAL = ("support_vectors_", "dual_coef_", "support_", "n_support_", "predict_proba")


_DIFFERS = re.compile(r"coef_|n_iter_|fit_status_|class_weight_|shape_fit_|decision_function")
"""What a linear model has in another form."""
_UNUSED = frozenset(("gamma", "degree", "coef0", "shrinking", "cache_size", "kernel"))
"""Parameters that a linear kernel does not read, or that the linear class lacks."""


def _linear_arguments(call: Call) -> tuple[Edit, ...] | None:
    """The arguments without those of the kernel; ``None`` where another one means something else."""
    from greenlint import remove_argument

    names = [arg.keyword.value if arg.keyword is not None else None for arg in call.node.args]
    dropped = [name for name in names if name in _UNUSED]
    if any(name not in _UNUSED | {"C", "random_state", "class_weight"} for name in names) or len(dropped) != 1:
        return None
    return remove_argument(call.facts.document, call.node, "kernel")


def _axes(search: Call) -> list[Axis]:
    from greenlint import Estimators

    return [axis for grid in search.facts[Estimators].grids(search) for axis in grid.axes]
