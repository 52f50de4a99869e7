"""Sparse features turned into dense ones for an estimator that takes them sparse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fitting, Fix, Outline, cst


class DensifiedSparseMatrix(Rule):
    """Word counts are expanded by `.toarray()` or `.todense()` before an estimator that takes them sparse.

    A text of some hundred words has some hundred nonzero columns of tens of thousands. Dense, the matrix takes a
    hundred times the memory, and the estimator multiplies with zeros.

    The finding stands at the call that expands, with the fit as related place.

    Leave it where something else needs the dense matrix, where it is joined with dense features, and for vocabularies
    limited to a few thousand words.

    To fix it, give the estimator the sparse matrix as it is; join it with other features by `scipy.sparse.hstack`.
    """

    class Options(RuleOptions):
        columns: int = 2000
        """Say nothing where the vocabulary is limited to at most this many words."""

    severity = Severity.INFO
    frameworks = ("sklearn",)
    words = (("toarray", "todense"), ("*Vectorizer", "TfidfTransformer", "FeatureHasher"))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://scikit-learn.org/stable/modules/feature_extraction.html#sparsity",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "scikit-learn's guide: most word counts are zero (typically over 99 %), so they are kept sparse to fit "
            "in memory and to speed up algebra",
            "https://scikit-learn.org/stable/modules/feature_extraction.html#sparsity",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(("toarray", "todense"))

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Liveness

        for call in facts[Calls].methods("toarray", "todense"):
            if call.name is not None or not self._is_vocabulary(call, facts):
                continue
            users = list(_users(call, facts))
            first = _sparse_user(users)
            if first is None or facts[Contexts].dead(call.node) or facts[Liveness].never_called(call.node):
                continue
            yield self.finding(
                call.node,
                f"{call.method}() expands word counts, though {_name(first)} takes them sparse",
                help=f"drop .{call.method}()",
                related=((first.call.node, "fitted here"),),
                confidence=Confidence.MEDIUM,
                fix=self._fix(call, facts),
            )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Leave the matrix sparse, with those that the same words make to predict on."""
        from greenlint import Calls, Imports

        kept = _kept_sparse(call, facts)
        if kept is None or facts[Imports].importing():
            return None
        edits = [kept]
        for other in facts[Calls].methods("toarray", "todense"):
            if other.node is call.node or other.name is not None or not self._is_vocabulary(other, facts):
                continue
            if _makes(other, facts) == "transform" and (more := _kept_sparse(other, facts)) is not None:
                edits.append(more)
        return self.unsafe_fix(
            "leave the features sparse", *edits, reason="sums are made in another order, and SGD steps differ a little"
        )

    def _is_vocabulary(self, call: Call, facts: Facts) -> bool:
        """Whether what is expanded are counts of the words of a vocabulary without a low limit."""
        from greenlint import Estimators, Values

        made = facts[Values].of(call.receiver).call if call.receiver is not None else None
        if made is None or made.method not in ("fit_transform", "transform") or made.receiver is None:
            return False
        inside = made.facts[Estimators].inside(made.receiver)
        words = [each.call for each in inside if each.name in _COUNTING]
        return bool(words) and all(self._is_wide(each) for each in words)

    def _is_wide(self, vectorizer: Call) -> bool:
        if vectorizer.is_open or vectorizer.argument("vocabulary").node is not None:
            return False
        for name in ("max_features", "n_features"):
            limit = vectorizer.argument(name)
            value = limit.constant if limit.node is not None else None
            if limit.node is not None and not (
                value is None or (isinstance(value, int) and value > self.options.columns)
            ):
                return False
        return True

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"]).toarray()  # bad
            model = LogisticRegression().fit(X, reviews["label"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            model = LogisticRegression().fit(X, reviews["label"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.model_selection import train_test_split
            from sklearn.naive_bayes import MultinomialNB

            mails = pd.read_csv("mails.csv")
            counter = CountVectorizer(ngram_range=(1, 2))
            counts = counter.fit_transform(mails["body"])
            X_train, X_test, y_train, y_test = train_test_split(counts.todense(), mails["spam"])  # bad
            model = MultinomialNB()
            model.fit(X_train, y_train)
            """,
            fixed="""
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.model_selection import train_test_split
            from sklearn.naive_bayes import MultinomialNB

            mails = pd.read_csv("mails.csv")
            counter = CountVectorizer(ngram_range=(1, 2))
            counts = counter.fit_transform(mails["body"])
            X_train, X_test, y_train, y_test = train_test_split(counts, mails["spam"])
            model = MultinomialNB()
            model.fit(X_train, y_train)
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import SGDClassifier
            from sklearn.model_selection import GridSearchCV

            train, test = pd.read_csv("train.csv"), pd.read_csv("test.csv")
            tfidf = TfidfVectorizer(min_df=2)
            features = (
                tfidf.fit_transform(train["text"])  # bad
                .toarray()
            )
            print(features.shape)
            search = GridSearchCV(SGDClassifier(), {"alpha": [1e-5, 1e-4, 1e-3]})
            search.fit(features, train["label"])
            predictions = search.predict(tfidf.transform(test["text"]).toarray())
            """,
            fixed="""
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import SGDClassifier
            from sklearn.model_selection import GridSearchCV

            train, test = pd.read_csv("train.csv"), pd.read_csv("test.csv")
            tfidf = TfidfVectorizer(min_df=2)
            features = (
                tfidf.fit_transform(train["text"])
            )
            print(features.shape)
            search = GridSearchCV(SGDClassifier(), {"alpha": [1e-5, 1e-4, 1e-3]})
            search.fit(features, train["label"])
            predictions = search.predict(tfidf.transform(test["text"]))
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"]).toarray()  # bad
            print(X.mean(axis=0)[:10])
            model = LogisticRegression().fit(X, reviews["label"])
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from xgboost import XGBClassifier

            news = pd.read_csv("news.csv")
            tfidf = TfidfVectorizer(max_features=20000)
            frame = pd.DataFrame(tfidf.fit_transform(news["title"]).toarray())  # bad
            model = XGBClassifier(n_estimators=200)
            model.fit(frame, news["topic"])
            """
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"])
            model = LogisticRegression().fit(X, reviews["label"])
            """,
            why="sparse all the way",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.naive_bayes import GaussianNB

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"]).toarray()
            model = GaussianNB().fit(X, reviews["label"])
            """,
            why="this estimator needs dense features",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = CountVectorizer(max_features=1500).fit_transform(reviews["text"]).toarray()
            model = LogisticRegression().fit(X, reviews["label"])
            """,
            why="few columns",
        ),
        Good(
            """
            import numpy as np
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            words = TfidfVectorizer().fit_transform(reviews["text"]).toarray()
            X = np.hstack([words, reviews[["length", "stars"]].values])
            model = LogisticRegression().fit(X, reviews["label"])
            """,
            why="joined with dense features",
        ),
        Good(
            """
            import pandas as pd
            from keras.layers import Dense
            from keras.models import Sequential
            from sklearn.feature_extraction.text import TfidfVectorizer

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"]).toarray()
            model = Sequential([Dense(64), Dense(1)])
            model.compile("adam", "mse")
            model.fit(X, reviews["label"], epochs=3)
            """,
            why="a network takes dense arrays",
        ),
        Good(
            """
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.naive_bayes import MultinomialNB

            texts = ["a cheap watch", "see you at noon", "win a cheap prize"]
            X = CountVectorizer().fit_transform(texts)
            print(X.toarray())
            model = MultinomialNB().fit(X, [1, 0, 1])
            """,
            why="only printed",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer().fit_transform(reviews["text"]).toarray()
            for model in (RandomForestClassifier(), LogisticRegression()):
                model.fit(X, reviews["label"])
            """,
            why="the forest is quicker on dense features",
        ),
    )


_COUNTING = frozenset(("TfidfVectorizer", "CountVectorizer", "HashingVectorizer"))
_JOINING = frozenset("hstack vstack concatenate concat column_stack append join merge insert c_ r_".split())


_LINEAR = frozenset(
    """LogisticRegression LinearSVC SGDClassifier SGDRegressor Perceptron PassiveAggressiveClassifier MultinomialNB
    BernoulliNB ComplementNB""".split()
)
"""Estimators that give the same from sparse and dense features, in every method, whatever they were fitted on."""
_HOLDING = frozenset(("GridSearchCV", "RandomizedSearchCV", "OneVsRestClassifier"))
_READING = frozenset("fit predict predict_proba predict_log_proba decision_function score partial_fit".split())
_EXPANDS = re.compile(r"\s*\.\s*(?:toarray|todense)\(\s*\)")


def _makes(call: Call, facts: Facts) -> str | None:
    """The method that made what is expanded."""
    from greenlint import Values

    made = facts[Values].of(call.receiver).call if call.receiver is not None else None
    return made.method if made is not None else None


def _kept_sparse(call: Call, facts: Facts) -> Edit | None:
    """The edit that takes an expansion away, where all that gets the matrix takes it sparse."""
    from greenlint import Edit, Span

    document = facts.document
    if call.receiver is None or not _is_fine(call.node, facts, _DEPTH):
        return None
    span = Span(document.span(call.receiver).end, document.span(call.node).end)
    return Edit(span, "") if _EXPANDS.fullmatch(document.text[span.start : span.end]) else None


_DEPTH = 4


def _is_fine(node: cst.BaseExpression, facts: Facts, depth: int) -> bool:
    """Whether a sparse matrix does as well in the place of an expression."""
    from greenlint import Calls, Tree, cst

    above = facts[Tree].parent(node)
    if isinstance(above, cst.Attribute):
        return above.attr.value == "shape"
    if isinstance(above, cst.Assign) and len(above.targets) == 1:
        return _are_uses_fine(above.targets[0].target, above, facts, depth)
    if not isinstance(above, cst.Arg) or above.star:
        return False
    taker = facts[Tree].parent(above)
    return isinstance(taker, cst.Call) and _takes(facts[Calls].of(taker), above, facts, depth)


def _takes(call: Call, argument: cst.Arg, facts: Facts, depth: int) -> bool:
    from greenlint import Tree, cst

    at = call.node.args.index(argument)
    if call.name == "sklearn.model_selection.train_test_split":
        above = facts[Tree].parent(call.node)
        target = above.targets[0].target if isinstance(above, cst.Assign) and len(above.targets) == 1 else None
        if (
            above is None
            or not isinstance(target, cst.Tuple)
            or argument.keyword is not None
            or len(target.elements) < 2 * at + 2
        ):
            return False
        parts = [each.value for each in target.elements[2 * at : 2 * at + 2]]
        return all(_are_uses_fine(each, above, facts, depth) for each in parts)
    if argument.keyword is not None and argument.keyword.value != "X":
        return False
    if call.name is None and call.receiver is not None and call.method in _READING:
        return (at == 0 or argument.keyword is not None) and _is_linear(call.receiver, facts)
    if call.name in ("sklearn.model_selection.cross_val_score", "sklearn.model_selection.cross_validate"):
        return at == 1 and _is_linear(call.node.args[0].value, facts)
    return False


def _is_linear(node: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Estimators

    inside = [each.name for each in facts[Estimators].inside(node)]
    return bool(inside) and set(inside) <= _LINEAR | _HOLDING and not set(inside) <= _HOLDING


def _are_uses_fine(target: cst.BaseExpression, made: cst.CSTNode, facts: Facts, depth: int) -> bool:
    """Whether all that is done with a variable is done as well with a sparse matrix."""
    from greenlint import Names, Tree, cst

    if not isinstance(target, cst.Name) or depth == 0:
        return False
    tree = facts[Tree]
    for each in tree.named(target.value):
        holder = tree.parent(each)
        if each is target or (isinstance(holder, cst.Attribute) and holder.attr is each):
            continue
        if isinstance(holder, cst.Arg) and holder.keyword is each:
            continue
        bindings = facts[Names].reaching(each)
        if bindings and not any(tree.contains(made, binding.node) for binding in bindings):
            continue
        if _is_stored(each, facts):
            continue
        if not _is_fine(each, facts, depth - 1):
            return False
    return True


def _is_stored(name: cst.Name, facts: Facts) -> bool:
    """Whether a name is given a value where it stands, alone or as one of several."""
    from greenlint import Tree, cst

    above = facts[Tree].parent(name)
    while isinstance(above, (cst.Element, cst.Tuple, cst.List)):
        above = facts[Tree].parent(above)
    return isinstance(above, cst.AssignTarget)


def _name(fitting: Fitting) -> str:
    """What is fitted, inside searches and pipelines."""
    from greenlint import Estimators

    holding = {each.call.node for each in fitting.estimators if fitting.call.facts[Estimators].members(each.call)}
    return next(each.name for each in fitting.estimators if each.call.node not in holding)


def _users(call: Call, facts: Facts) -> Iterator[Fitting]:
    """The fits whose data are made by a call that expands."""
    from greenlint import Estimators, Samples

    for fitting in facts[Estimators].fittings:
        if fitting.data is None:
            continue
        if any(each.node is call.node for each in facts[Samples].through(fitting.data)):
            yield fitting


def _sparse_user(users: list[Fitting]) -> Fitting | None:
    """The first fit, when every fit of the data is known to take them sparse, and nothing is joined to them."""
    from greenlint import Estimators, Rows, Samples

    for each in users:
        facts = each.call.facts
        assert each.data is not None
        if not each.estimators or not facts[Estimators].takes_sparse(each):
            return None
        if any(made.method in _JOINING for made in facts[Samples].through(each.data)):
            return None
        if not Rows.of(facts, each.data).is_read:
            return None
    return users[0] if users else None
