"""Searches that fit the same first steps of a pipeline again for every candidate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlint import Call, Estimator, Facts, Findings, Fix, Grid, Outline, Report, Rows, cst


class SearchRefitsSharedSteps(Rule):
    """A search varies the last steps of a pipeline, and fits the costly steps before them anew for each candidate.

    Within one fold, a vectorizer, an imputer or a decomposition in front of the searched steps gets the same data and
    the same settings for many candidates. Without `memory`, it is fitted as often as there are candidates, and what it
    makes is thrown away each time.

    The finding stands at the call that makes the search and names the shared steps. It is an info where the searched
    model certainly costs more than they do. Steps that are quick unless there are many rows, such as `PCA`, count only
    where many can be seen.

    Leave it for small data, for steps that draw at random on purpose, and where what the steps make is so large that
    writing it to disk costs more than making it again.

    To fix it, give the pipeline `memory="some/folder"`, or fit the shared steps once per fold outside of the search.
    """

    class Options(RuleOptions):
        candidates: int = 4
        """Report steps that are fitted at least this many times as often as they have settings."""

    severity = Severity.WARNING
    frameworks = ("sklearn", "imblearn")
    words = (
        ("*SearchCV",),
        ("*ipeline",),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://scikit-learn.org/stable/modules/compose.html#caching-transformers-avoid-repeated-computation",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "scikit-learn's guide: with memory, a pipeline caches each transformer after fit, so that a grid search "
            "does not fit it again for the same parameters and data",
            "https://scikit-learn.org/stable/modules/compose.html#caching-transformers-avoid-repeated-computation",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(("Pipeline", "make_pipeline")) and any(
            each.endswith("SearchCV") for each in outline.calls
        )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Estimators, Searches, Use

        for search in facts[Estimators].searches:
            if facts[Searches].use(search) is Use.UNUSED or facts[Contexts].dead(search.node):
                continue
            found = self._search(search, facts)
            if found is not None:
                yield found

    def _search(self, search: Call, facts: Facts) -> Report | None:
        from greenlint import Estimators, Liveness, Rows

        pipelines = facts[Estimators].pipelines(search)
        candidates = facts[Estimators].candidates(search)
        if len(pipelines) != 1 or candidates is None or candidates < self.options.candidates:
            return None
        rows = facts[Estimators].of(search).rows
        if rows is Rows.FEW or facts[Liveness].never_called(search.node):
            return None
        if _may_cache(pipelines[0], facts):
            return None
        steps = facts[Estimators].members(pipelines[0])
        settings = _settings(steps, facts[Estimators].grids(search))
        if "Random" in search.method or "Bayes" in search.method:
            settings = [each if each == 1 else None for each in settings]
        least = 1 if rows.is_many else _HIGH
        costly = [
            (step, count)
            for (_, step), count in zip(steps, settings, strict=False)
            if count is not None and candidates >= self.options.candidates * count and _cost(step) >= least
        ]
        if not costly:
            return None
        return self._report(search, pipelines[0], costly, steps[-1][1], candidates, rows)

    def _report(
        self,
        search: Call,
        pipeline: Call,
        costly: Sequence[tuple[Estimator, int]],
        last: Estimator,
        candidates: int,
        rows: Rows,
    ) -> Report:
        from greenlint import Rows

        names = " and ".join(dict.fromkeys(name for step, _ in costly for name in _costly_names(step)))
        most = max(count for _, count in costly)
        sure = rows is not Rows.UNKNOWN and not _is_heavy(last)
        return self.finding(
            search.node,
            f"{candidates} candidates each fit {names} again on every fold, though "
            + ("they differ only in later steps" if most == 1 else f"only {most} settings up to there are tried"),
            help='give the pipeline memory="cache_folder"',
            notes=("what the steps make is written to disk once per fold and read once per candidate",),
            related=((pipeline.node, "the pipeline without memory"),) if pipeline.facts is search.facts else (),
            severity=None if sure else Severity.INFO,
            confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
            fix=self._fix(search, pipeline),
        )

    def _fix(self, search: Call, pipeline: Call) -> Fix | None:
        """A cache in a temporary folder, which can be written anywhere and holds nothing of earlier runs."""
        from greenlint import Estimators, ensure_import, set_argument

        facts = search.facts
        if pipeline.facts is not facts or pipeline.is_open or not _is_cacheable(pipeline, facts):
            return None
        axes = [axis for grid in facts[Estimators].grids(search) for axis in grid.axes]
        if any(axis.facts is not facts or _holds_function(axis.node, facts) for axis in axes):
            return None
        imported = ensure_import(facts.document, "import tempfile")
        cached = set_argument(facts.document, pipeline.node, "memory", "tempfile.mkdtemp()")
        if imported is None or cached is None:
            return None
        return self.unsafe_fix(
            "cache the shared steps in a temporary folder",
            *imported,
            *cached,
            reason="what the steps make is written to disk, and the steps that were passed in are fitted as copies",
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            reviews = pd.read_csv("reviews.csv")
            pipe = Pipeline([
                ("tfidf", TfidfVectorizer(ngram_range=(1, 2))),
                ("clf", LogisticRegression()),  # the one that is searched
            ])
            search = GridSearchCV(pipe, {"clf__C": [0.01, 0.1, 1, 10], "clf__penalty": ["l1", "l2"]}, cv=5)  # bad
            search.fit(reviews["text"], reviews["label"])
            """,
            fixed="""
            import tempfile

            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            reviews = pd.read_csv("reviews.csv")
            pipe = Pipeline([
                ("tfidf", TfidfVectorizer(ngram_range=(1, 2))),
                ("clf", LogisticRegression()),  # the one that is searched
            ], memory=tempfile.mkdtemp())
            search = GridSearchCV(pipe, {"clf__C": [0.01, 0.1, 1, 10], "clf__penalty": ["l1", "l2"]}, cv=5)
            search.fit(reviews["text"], reviews["label"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.decomposition import PCA
            from sklearn.impute import KNNImputer
            from sklearn.model_selection import RandomizedSearchCV
            from sklearn.pipeline import make_pipeline
            from sklearn.svm import SVC

            table = pd.read_csv("sensors.csv")
            model = make_pipeline(KNNImputer(), PCA(50), SVC())
            search = RandomizedSearchCV(  # bad
                model, {"svc__C": [0.1, 1, 10, 100], "svc__gamma": [0.01, 0.1, 1]}, n_iter=8
            )
            search.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import tempfile

            import pandas as pd
            from sklearn.decomposition import PCA
            from sklearn.impute import KNNImputer
            from sklearn.model_selection import RandomizedSearchCV
            from sklearn.pipeline import make_pipeline
            from sklearn.svm import SVC

            table = pd.read_csv("sensors.csv")
            model = make_pipeline(KNNImputer(), PCA(50), SVC(), memory=tempfile.mkdtemp())
            search = RandomizedSearchCV(
                model, {"svc__C": [0.1, 1, 10, 100], "svc__gamma": [0.01, 0.1, 1]}, n_iter=8
            )
            search.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.compose import ColumnTransformer
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.linear_model import SGDClassifier
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            mails = pd.read_csv("mails.csv")
            columns = ColumnTransformer([("words", CountVectorizer(), "body"), ("more", "passthrough", ["length"])])
            pipe = Pipeline(steps=[("columns", columns), ("model", SGDClassifier())])
            search = GridSearchCV(estimator=pipe, param_grid={"model__alpha": [1e-5, 1e-4, 1e-3, 1e-2]})  # bad
            search.fit(mails, mails["label"])
            """,
            fixed="""
            import tempfile

            import pandas as pd
            from sklearn.compose import ColumnTransformer
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.linear_model import SGDClassifier
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            mails = pd.read_csv("mails.csv")
            columns = ColumnTransformer([("words", CountVectorizer(), "body"), ("more", "passthrough", ["length"])])
            pipe = Pipeline(steps=[("columns", columns), ("model", SGDClassifier())], memory=tempfile.mkdtemp())
            search = GridSearchCV(estimator=pipe, param_grid={"model__alpha": [1e-5, 1e-4, 1e-3, 1e-2]})
            search.fit(mails, mails["label"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.decomposition import TruncatedSVD
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            grid = {"truncatedsvd__n_components": [100, 200], "logisticregression__C": [0.1, 0.3, 1, 3, 10]}
            search = GridSearchCV(make_pipeline(TruncatedSVD(), LogisticRegression()), grid)  # bad
            search.fit(X, reviews["label"])
            """,
            fixed="""
            import tempfile

            import pandas as pd
            from sklearn.decomposition import TruncatedSVD
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            grid = {"truncatedsvd__n_components": [100, 200], "logisticregression__C": [0.1, 0.3, 1, 3, 10]}
            search = GridSearchCV(make_pipeline(TruncatedSVD(), LogisticRegression(), memory=tempfile.mkdtemp()), grid)
            search.fit(X, reviews["label"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline

            reviews = pd.read_csv("reviews.csv")
            pipe = make_pipeline(TfidfVectorizer(tokenizer=lambda text: text.split()), LogisticRegression())
            search = GridSearchCV(pipe, {"logisticregression__C": [0.01, 0.1, 1, 10]}, cv=5)  # bad
            search.fit(reviews["text"], reviews["label"])
            """
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            reviews = pd.read_csv("reviews.csv")
            steps = [("tfidf", TfidfVectorizer()), ("clf", LogisticRegression())]
            pipe = Pipeline(steps, memory="cache")
            search = GridSearchCV(pipe, {"clf__C": [0.01, 0.1, 1, 10]}, cv=5)
            search.fit(reviews["text"], reviews["label"])
            """,
            why="the steps are cached",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            reviews = pd.read_csv("reviews.csv")
            pipe = Pipeline([("tfidf", TfidfVectorizer()), ("clf", LogisticRegression())])
            search = GridSearchCV(pipe, {"tfidf__min_df": [1, 5], "clf__C": [0.1, 1, 10]}, cv=5)
            search.fit(reviews["text"], reviews["label"])
            """,
            why="each setting of the first step serves three candidates only",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.decomposition import PCA
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline

            table = pd.read_csv("patients.csv")
            grid = {"logisticregression__C": [0.1, 1, 3, 10]}
            search = GridSearchCV(make_pipeline(PCA(5), LogisticRegression()), grid)
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="a decomposition of a table of unknown, most likely small size",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
            from sklearn.svm import SVC

            table = pd.read_csv("sensors.csv")
            search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1, 10, 100]})
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="a scaler costs nothing, and belongs into the fold",
        ),
        Good(
            """
            from sklearn.datasets import load_digits
            from sklearn.decomposition import PCA
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline

            X, y = load_digits(return_X_y=True)
            pipe = Pipeline([("pca", PCA(20)), ("clf", LogisticRegression())])
            search = GridSearchCV(pipe, {"clf__C": [0.01, 0.1, 1, 10]}).fit(X, y)
            """,
            why="toy data",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline
            from settings import grid

            reviews = pd.read_csv("reviews.csv")
            pipe = Pipeline([("tfidf", TfidfVectorizer()), ("clf", LogisticRegression())])
            search = GridSearchCV(pipe, grid)
            search.fit(reviews["text"], reviews["label"])
            """,
            why="which settings are searched is not known",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import GridSearchCV

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1, 10]}).fit(X, reviews["label"])
            """,
            why="fitted once, before the search",
        ),
    )


_HIGH = 2
_HEAVY = frozenset(
    """SVC NuSVC SVR NuSVR RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor
    MLPClassifier MLPRegressor StackingClassifier StackingRegressor VotingClassifier VotingRegressor
    AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor GaussianProcessClassifier
    GaussianProcessRegressor KerasClassifier KerasRegressor""".split()
)
"""Models that take longer than the steps before them."""


def _may_cache(pipeline: Call, facts: Facts) -> bool:
    memory = pipeline.argument("memory")
    if not memory.known or (memory.node is not None and memory.constant is not None):
        return True
    return "memory=" in facts.document.text.replace(" ", "").replace("low_memory=", "")


def _is_cacheable(pipeline: Call, facts: Facts) -> bool:
    """Whether what decides on a cached step can be hashed, and nobody looks at the step that was passed in."""
    from greenlint import Estimators, Tree, cst

    estimators, tree = facts[Estimators], facts[Tree]
    members = estimators.members(pipeline)
    for _, step in members[:-1]:
        inside = estimators.inside(step.call.node) if step.name else []
        if not inside or any(each.call.facts is not facts for each in inside):
            return False
        for each in inside:
            if (each.call.name or "").split(".")[0] not in ("sklearn", "imblearn") or each.call.is_open:
                return False
            if any(_may_not_be_hashed(arg.value, facts) for arg in each.call.node.args):
                return False
        if not tree.contains(pipeline.node, step.call.node) and estimators.reads(step, *_LEARNT):
            return False
    return not any(isinstance(each, cst.Lambda) for each in tree.walk(pipeline.node))


_LEARNT = tuple(
    """vocabulary_ idf_ get_feature_names get_feature_names_out components_ explained_variance_ statistics_ scores_
    explained_variance_ratio_ transform inverse_transform get_support n_features_in_ named_transformers_
    transformers_""".split()
)
"""What is read from a fitted step."""


def _may_not_be_hashed(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an argument may be a function or an object of the program's own, which cannot be stored by name."""
    from greenlint import Calls, Estimators, Names, Tree, Values, cst

    if _holds_function(node, facts):
        return True
    for each in facts[Tree].walk(node):
        if isinstance(each, cst.Call) and facts[Estimators].class_of(facts[Calls].of(each)) is None:
            name = facts[Calls].of(each).name or ""
            if name.split(".")[0] not in ("sklearn", "imblearn", "builtins", "numpy", "nltk"):
                return True
    is_name = isinstance(node, (cst.Name, cst.Attribute)) and facts[Names].resolve(node) is None
    return is_name and not isinstance(facts[Values].constant(node), (str, int, float, bool, tuple, type(None)))


def _holds_function(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression names or makes a function or class of the program's own."""
    from greenlint import Names, Tree, cst

    names = facts[Names]
    return any(
        isinstance(each, cst.Lambda) or (isinstance(each, cst.Name) and bool(names.local_definitions(each)))
        for each in facts[Tree].walk(node)
    )


def _settings(steps: Sequence[tuple[str | None, Estimator]], grids: Sequence[Grid]) -> list[int | None]:
    """For each step but the last: how many settings of it and those before it are tried; ``None``: not known."""
    names = [name for name, _ in steps]
    axes = [axis for grid in grids for axis in grid.axes if axis.length != 1]
    prefixes = {axis.name.partition("__")[0] for axis in axes}
    if not axes or any(not grid.exact for grid in grids) or not prefixes <= set(names):
        return []
    found: list[int | None] = []
    for index in range(len(steps) - 1):
        before = [axis for axis in axes if names.index(axis.name.partition("__")[0]) <= index]
        plain = len(grids) == 1 and len(grids[0].parts) == 1
        lengths = [axis.length for axis in before]
        counted = plain and None not in lengths
        found.append(1 if not before else math.prod(each or 1 for each in lengths) if counted else None)
    return found


def _cost(step: Estimator) -> int:
    """2 for a step that takes long, 1 for one that does with many columns, 0 for others."""
    from greenlint import Estimators

    estimators = step.call.facts[Estimators]
    inside = estimators.inside(step.call.node) if step.name else []
    return max((estimators.transformer_cost(each) for each in inside), default=0)


def _costly_names(step: Estimator) -> list[str]:
    """What takes long in a step: itself, or parts of it."""
    from greenlint import Estimators

    estimators = step.call.facts[Estimators]
    return [each.name for each in estimators.inside(step.call.node) if estimators.transformer_cost(each)]


def _is_heavy(model: Estimator) -> bool:
    from greenlint import Estimators

    names = {each.name for each in model.call.facts[Estimators].inside(model.call.node)} if model.name else {""}
    return bool(names & _HEAVY) or any("Boost" in each or each.startswith(("XGB", "LGBM")) for each in names)
