"""The same fit on the same data in every pass of a loop, or twice in a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenlint import Call, Estimator, Facts, Findings, Fix, Outline, Rows, cst


class LoopInvariantFit(Rule):
    """A loop fits a transformer or model anew in each pass, though neither its settings nor its data change.

    Vectorizers, decompositions, imputers and models give the same result for the same data and settings: every pass
    after the first does the work again and throws it away. `xgboost.DMatrix` and `catboost.Pool` copy the data each
    time.

    The finding stands at the first such call of a loop, or at a fit that repeats an earlier one, as happens in
    notebooks. It is an info where nothing is known of the data, for quick models, and for copies.

    Leave it where the data depend on the fold: fitting a scaler or vectorizer inside of a fold is right. Scalers,
    encoders and copies to predict on cost little and are never reported, nor is what draws at random without a seed.

    To fix it, move the call before the loop; in a pipeline under search, use `memory`.
    """

    severity = Severity.WARNING
    frameworks = ("sklearn", "xgboost", "lightgbm", "catboost")
    words = (("fit", "fit_transform", "fit_predict", "fit_resample", "DMatrix", "QuantileDMatrix", "Pool"),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://scikit-learn.org/stable/common_pitfalls.html#controlling-randomness",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "saves all passes but one of the repeated call, 10-90 % of the loop by our estimate",
            "nobody has published a measurement of their energy",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.refits

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        yield from self._loops(facts)
        for first, again, name, many in _twins(facts):
            yield self.finding(
                again.node,
                f"the same {name} is fitted to the same data as before",
                help="use the model that is there already",
                related=((first.node, "fitted here before"),),
                severity=None if many else Severity.INFO,
                confidence=Confidence.MEDIUM,
            )

    def _loops(self, facts: Facts) -> Findings:
        loops: dict[object, list[_Repeated]] = {}
        for each in _repeated(facts):
            if _counts(each, facts):
                loops.setdefault(each.loop, []).append(each)
        for group in loops.values():
            group.sort(key=lambda each: not each.heavy)
            first = group[0]
            yield self.finding(
                first.call.node,
                f"{first.what} in each pass of the loop",
                help="move it before the loop",
                related=(
                    (first.loop, "this loop changes neither the data nor the settings"),
                    *((each.call.node, f"{each.what} too") for each in group[1:4]),
                ),
                severity=None if first.heavy else Severity.INFO,
                confidence=Confidence.HIGH if first.heavy else Confidence.MEDIUM,
                fix=self._fix(group, facts),
            )

    def _fix(self, group: Sequence[_Repeated], facts: Facts) -> Fix | None:
        """Move the calls, and what makes their estimators, before a loop that certainly runs."""
        from greenlint import Loops, Tree, hoist, joined

        loop, tree = group[0].loop, facts[Tree]
        if not facts[Loops].of(loop).iterations:
            return None
        moved: dict[cst.CSTNode, cst.CSTNode] = {}
        for each in group:
            statements = _movable(each, facts)
            if statements is None:
                return None
            moved.update((statement, statement) for statement in statements)
        hoisted = [hoist(facts.document, statement, loop) for statement in sorted(moved, key=tree.first)]
        changes = [each for each in hoisted if each is not None]
        if len(changes) < len(hoisted):
            return None
        edits = joined(*changes)
        title = "do it once, before the loop"
        if all(_is_silent(each, facts) for each in group):
            return self.safe_fix(title, *edits)
        return self.unsafe_fix(title, *edits, reason="it logs, and draws random numbers, once instead of in each pass")

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            for C in [0.01, 0.1, 1, 10]:
                X = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(reviews["text"])  # bad
                model = LogisticRegression(C=C).fit(X, reviews["label"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression

            reviews = pd.read_csv("reviews.csv")
            X = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(reviews["text"])
            for C in [0.01, 0.1, 1, 10]:
                model = LogisticRegression(C=C).fit(X, reviews["label"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.decomposition import PCA
            from sklearn.svm import SVC

            table = pd.read_parquet("sensors.parquet")
            pca = PCA(n_components=50)
            scores = {}
            for kernel in ("rbf", "poly", "sigmoid"):
                reduced = pca.fit_transform(table.drop(columns="y"))  # bad
                scores[kernel] = SVC(kernel=kernel).fit(reduced, table["y"]).score(reduced, table["y"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.decomposition import PCA
            from sklearn.svm import SVC

            table = pd.read_parquet("sensors.parquet")
            pca = PCA(n_components=50)
            scores = {}
            reduced = pca.fit_transform(table.drop(columns="y"))
            for kernel in ("rbf", "poly", "sigmoid"):
                scores[kernel] = SVC(kernel=kernel).fit(reduced, table["y"]).score(reduced, table["y"])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.naive_bayes import MultinomialNB

            reviews = pd.read_csv("reviews.csv")
            for alpha in (0.01, 0.03, 0.1, 0.3, 1.0):
                words = CountVectorizer(
                    ngram_range=(1, 2),
                    min_df=3,  # rare words
                )
                counts = words.fit_transform(reviews["text"])  # bad
                model = MultinomialNB(alpha=alpha).fit(counts, reviews["label"])
                print(model.score(counts, reviews["label"]))
            """,
            fixed="""
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer
            from sklearn.naive_bayes import MultinomialNB

            reviews = pd.read_csv("reviews.csv")
            words = CountVectorizer(
                ngram_range=(1, 2),
                min_df=3,  # rare words
            )
            counts = words.fit_transform(reviews["text"])
            for alpha in (0.01, 0.03, 0.1, 0.3, 1.0):
                model = MultinomialNB(alpha=alpha).fit(counts, reviews["label"])
                print(model.score(counts, reviews["label"]))
            """,
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import CountVectorizer

            reviews = pd.read_csv("reviews.csv")
            for most in (1, 2, 5, 10):
                counts = CountVectorizer().fit_transform(reviews["text"])  # bad
                counts.data[counts.data > most] = most
                print(most, counts.sum())
            """
        ),
        Bad(
            """
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("log.csv")
            for depth in (4, 6, 8, 10):
                matrix = xgb.DMatrix(table.drop(columns="y"), label=table["y"])  # bad
                print(depth, xgb.cv({"max_depth": depth}, matrix, 300).iloc[-1])
            """,
            fixed="""
            import pandas as pd
            import xgboost as xgb

            table = pd.read_csv("log.csv")
            matrix = xgb.DMatrix(table.drop(columns="y"), label=table["y"])
            for depth in (4, 6, 8, 10):
                print(depth, xgb.cv({"max_depth": depth}, matrix, 300).iloc[-1])
            """,
        ),
        Bad(
            """
            import pandas as pd
            from catboost import CatBoostClassifier, Pool
            from lightgbm import LGBMClassifier

            table = pd.read_parquet("clicks.parquet")
            X, y = table.drop(columns="y"), table["y"]
            for depth in range(4, 10):
                pool = Pool(X, label=y)  # bad
                CatBoostClassifier(depth=depth).fit(pool)
            for threshold in (0.1, 0.3, 0.5):
                model = LGBMClassifier(num_leaves=63)
                model.fit(X, y)  # bad
                print(threshold, (model.predict_proba(X)[:, 1] > threshold).mean())
            """,
            fixed="""
            import pandas as pd
            from catboost import CatBoostClassifier, Pool
            from lightgbm import LGBMClassifier

            table = pd.read_parquet("clicks.parquet")
            X, y = table.drop(columns="y"), table["y"]
            pool = Pool(X, label=y)
            for depth in range(4, 10):
                CatBoostClassifier(depth=depth).fit(pool)
            model = LGBMClassifier(num_leaves=63)
            model.fit(X, y)
            for threshold in (0.1, 0.3, 0.5):
                print(threshold, (model.predict_proba(X)[:, 1] > threshold).mean())
            """,
        ),
        Bad(
            """
            import pandas as pd
            from lightgbm import LGBMClassifier

            table = pd.read_parquet("clicks.parquet")
            X, y = table.drop(columns="y"), table["y"]
            model = LGBMClassifier(num_leaves=63)
            model.fit(X, y)
            print(model.score(X, y))
            model = LGBMClassifier(num_leaves=63)
            model.fit(X, y)  # bad
            print(model.predict_proba(X)[:5])
            """
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMClassifier

            table = pd.read_parquet("clicks.parquet")
            X, y = table.drop(columns="y"), table["y"]
            model = LGBMClassifier(num_leaves=63)
            model.fit(X, y)
            X["ratio"] = X["clicks"] / X["views"]
            model.fit(X, y)
            """,
            why="a column came in between",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.decomposition import PCA
            from sklearn.linear_model import LogisticRegression
            from sklearn.model_selection import KFold

            table = pd.read_csv("sensors.csv")
            X, y = table.drop(columns="y").values, table["y"].values
            for train, valid in KFold(5).split(X):
                pca = PCA(50)
                model = LogisticRegression().fit(pca.fit_transform(X[train]), y[train])
                print(model.score(pca.transform(X[valid]), y[valid]))
            """,
            why="fitted on each fold, as it should be",
        ),
        Good(
            """
            import pandas as pd
            import xgboost as xgb

            train, test = pd.read_csv("train_log.csv"), pd.read_csv("test_log.csv")
            for train_index, valid_index in folds.split(train):
                part = xgb.DMatrix(train.iloc[train_index].drop(columns="y"), train.iloc[train_index]["y"])
                predictions += xgb.train(params, part, 300).predict(xgb.DMatrix(test))
            """,
            why="a copy to predict on costs little beside a training",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.preprocessing import StandardScaler
            from sklearn.svm import SVC

            table = pd.read_csv("sensors.csv")
            for C in [0.1, 1, 10]:
                X = StandardScaler().fit_transform(table.drop(columns="y"))
                SVC(C=C).fit(X, table["y"])
            """,
            why="a scaler costs next to nothing beside the model",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import RandomForestClassifier

            table = pd.read_csv("clicks.csv")
            X, y = table.drop(columns="y"), table["y"]
            for repeat in range(10):
                model = RandomForestClassifier(n_estimators=200).fit(X, y)
                print(model.feature_importances_)
            """,
            why="without a seed, each forest is another one",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.decomposition import PCA

            table = pd.read_csv("sensors.csv")
            for n in range(10, 100, 10):
                print(n, PCA(n).fit(table).explained_variance_ratio_.sum())
            """,
            why="the number of components changes",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.feature_extraction.text import TfidfVectorizer

            reviews = pd.read_csv("reviews.csv")
            vectorizer = TfidfVectorizer()
            for column in ["title", "text", "answer"]:
                features = vectorizer.fit_transform(reviews[column])
            """,
            why="another column in each pass",
        ),
        Good(
            """
            import lightgbm as lgb
            import pandas as pd

            table = pd.read_parquet("clicks.parquet")
            X, y = table.drop(columns="y"), table["y"]
            for max_bin in (63, 127, 255):
                data = lgb.Dataset(X, y)
                lgb.train({"max_bin": max_bin}, data, 200)
            """,
            why="a LightGBM data set is bound to the parameters of the run that uses it first",
        ),
        Good(
            """
            from sklearn.datasets import load_iris
            from sklearn.decomposition import PCA
            from sklearn.svm import SVC

            X, y = load_iris(return_X_y=True)
            for C in (0.1, 1, 10):
                Z = PCA(2).fit_transform(X)
                SVC(C=C).fit(Z, y)
            """,
            why="toy data",
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMRegressor

            table = pd.read_csv("demand.csv")
            X, y = table.drop(columns="y"), table["y"]
            model = LGBMRegressor()
            for step in range(20):
                model.fit(X, y)
                X["previous"] = model.predict(X)
            """,
            why="the data change in the loop",
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMRegressor

            table = pd.read_csv("demand.csv")
            X, y = table.drop(columns="y"), table["y"]
            model = LGBMRegressor()
            for leaves in (15, 31, 63):
                model.set_params(num_leaves=leaves)
                model.fit(X, y)
            """,
            why="the settings change in the loop",
        ),
    )


_METHODS = frozenset(
    """drop to_numpy fillna dropna astype tolist toarray todense ravel reshape copy filter select_dtypes to_list
    reset_index get join""".split()
)
"""Methods of tables that leave the table as it is."""
_DATA = frozenset(("xgboost.DMatrix", "xgboost.QuantileDMatrix", "catboost.Pool"))
_SURE = frozenset(
    """TfidfVectorizer CountVectorizer HashingVectorizer TfidfTransformer PCA KernelPCA KNNImputer PolynomialFeatures
    Isomap LogisticRegression LogisticRegressionCV SVC SVR NuSVC
    NuSVR KNeighborsClassifier KNeighborsRegressor AgglomerativeClustering DBSCAN LGBMClassifier LGBMRegressor
    LGBMRanker XGBClassifier XGBRegressor XGBRanker CatBoostClassifier CatBoostRegressor""".split()
)
"""Classes that give the same for the same data without a seed, unless told to draw at random."""
_CHANGING = frozenset(("set_params", "partial_fit", "pop", "insert", "update"))
_DECOMPOSITIONS = frozenset(("PCA", "IncrementalPCA", "FastICA", "FactorAnalysis", "Nystroem"))
_LIGHT_MODELS = frozenset(("LogisticRegression", "KNeighborsClassifier", "KNeighborsRegressor", "TfidfTransformer"))


@dataclass(frozen=True)
class _Repeated:
    """A call that does the same in each pass of a loop."""

    call: Call
    loop: cst.For | cst.While
    what: str
    heavy: bool


def _repeated(facts: Facts) -> Iterator[_Repeated]:
    yield from _copies(facts)
    yield from _fits(facts)


def _copies(facts: Facts) -> Iterator[_Repeated]:
    """The data sets for training that are made of the same data; one without labels, to predict on, costs little."""
    from greenlint import Calls, Rows

    for call in facts[Calls].named(*sorted(_DATA)):
        loop = _loop(call, facts)
        data = call.positional[0] if call.positional else call.keyword("data")
        if loop is None or data is None or call.argument("label", 1).node is None:
            continue
        if Rows.of(facts, data).is_read and _holds(call.node, loop, facts):
            yield _Repeated(call, loop, f"the same {call.method} is built", heavy=False)


def _fits(facts: Facts) -> Iterator[_Repeated]:
    """The fits of the same settings on the same data."""
    from greenlint import Calls, Estimators, Rows, Samples

    estimators, samples = facts[Estimators], facts[Samples]
    for call in facts[Calls].methods("fit", "fit_transform", "fit_predict", "fit_resample"):
        loop = _loop(call, facts) if call.receiver is not None and call.name is None else None
        if loop is None or not call.node.args or not _holds(call.node, loop, facts):
            continue
        estimator = _same(call, loop, facts)
        if estimator is None:
            continue
        rows = next(
            (fit.rows for fit in estimators.of(estimator.call).fits if fit.call.node is call.node), Rows.UNKNOWN
        )
        if rows is Rows.FEW or samples.small_table or not _costs(estimator, rows, facts):
            continue
        heavy = rows.is_read and estimator.name not in _LIGHT_MODELS
        yield _Repeated(call, loop, f"the same {estimator.name} is fitted to the same data", heavy)


# -- the fix --------------------------------------------------------------------------------------------------


_QUIET = frozenset(
    """TfidfVectorizer CountVectorizer HashingVectorizer TfidfTransformer KNNImputer PolynomialFeatures
    KNeighborsClassifier KNeighborsRegressor""".split()
)
"""Classes whose fit neither draws random numbers nor prints."""
_LOUD = ("LGBM", "XGB", "CatBoost")
_IN_PLACE = re.compile(
    r"_$|^set_|^(?:sort|fill|resize|insert|pop|update|append|extend|partial_fit|fit\w*|drop|load_model)$"
)


def _is_silent(each: _Repeated, facts: Facts) -> bool:
    """Whether nothing can tell how often it is done: no random numbers of the program are drawn, nothing is printed."""
    estimator = _same(each.call, each.loop, facts) if each.call.name is None else None
    if estimator is None:
        return each.call.name is not None and each.call.name.startswith("xgboost.")
    construction = estimator.call
    if construction.argument("verbose").node is not None or estimator.name.startswith(_LOUD):
        return False
    seeded = construction.argument("random_state")
    return estimator.name in _QUIET or (seeded.node is not None and isinstance(seeded.constant, int))


def _movable(each: _Repeated, facts: Facts) -> list[cst.CSTNode] | None:
    """The statements to move: the call and what makes its estimator; ``None`` where the loop uses them otherwise."""
    from greenlint import Tree, cst

    statements: list[cst.CSTNode] = []
    receiver = each.call.receiver
    if each.call.name is None and isinstance(receiver, cst.Name):
        made = _made(each.call, facts)
        if made is None:
            return None
        if facts[Tree].contains(each.loop, made.node):
            first = _alone(made.node, each.loop, facts)
            if first is None or not isinstance(first, cst.Assign):
                return None
            statements.append(first)
        if not _is_left_alone(receiver.value, statements, each, facts):
            return None
    statement = _alone(each.call.node, each.loop, facts)
    if statement is None or _may_change_behind(each, facts):
        return None
    if isinstance(statement, cst.Assign):
        target = statement.targets[0].target
        if not isinstance(target, cst.Name) or not _is_left_alone(target.value, [statement], each, facts):
            return None
    return [*statements, statement]


def _may_change_behind(each: _Repeated, facts: Facts) -> bool:
    """Whether a function of the program's own that the loop calls may change the data in place."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    data = {found.value for arg in each.call.node.args for found in tree.below(arg, cst.Name)}
    if any(item.name.value in data for node in tree.of_type(cst.Global) for item in node.names):
        return True
    return any(
        call.name is None
        and call.receiver is None
        and any(
            found.value in data for arg in call.node.args for found in tree.walk(arg) if isinstance(found, cst.Name)
        )
        for call in facts[Calls].within(each.loop.body)
    )


def _alone(call: cst.Call, loop: cst.For | cst.While, facts: Facts) -> cst.Assign | cst.Expr | None:
    """The statement of a call, directly in the body of a loop, that does nothing but the call."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    statement = tree.parent(call)
    if not isinstance(statement, (cst.Assign, cst.Expr)) or statement.value is not call:
        return None
    line = tree.parent(statement)
    if not isinstance(line, cst.SimpleStatementLine) or tree.parent(line) is not loop.body:
        return None
    return None if isinstance(statement, cst.Assign) and len(statement.targets) != 1 else statement


def _is_left_alone(name: str, statements: list[cst.CSTNode], each: _Repeated, facts: Facts) -> bool:
    """Whether a loop gives a variable one value only, does not change it, and reads it only after that."""
    from greenlint import Calls, Tree, cst, root_name

    tree, loop = facts[Tree], each.loop
    start = tree.first(statements[0] if statements else each.call.node)
    for found in tree.below(loop, cst.Name):
        holder = tree.parent(found)
        if found.value != name or (isinstance(holder, cst.Attribute) and holder.attr is found):
            continue
        if tree.first(found) < start or isinstance(holder, (cst.Del, cst.AugAssign, cst.Global, cst.NameItem)):
            return False
        if isinstance(holder, (cst.AssignTarget, cst.Element, cst.AsName, cst.NamedExpr, cst.CompFor)) and not any(
            tree.contains(statement, found) for statement in statements
        ):
            return False
        if isinstance(holder, cst.Arg):
            above = tree.parent(holder)
            taker = facts[Calls].of(above) if isinstance(above, cst.Call) else None
            if taker is None or (taker.name is None and taker.receiver is None):
                return False
    if any(root_name(target) == name for target in _stored(loop, facts)):
        return False
    return not any(
        _IN_PLACE.search(call.method)
        and call.node is not each.call.node
        and call.receiver is not None
        and root_name(call.receiver) == name
        for call in facts[Calls].within(loop.body)
    )


def _stored(loop: cst.For | cst.While, facts: Facts) -> Iterator[cst.CSTNode]:
    """The items and attributes that a loop stores to."""
    from greenlint import Tree, cst

    for each in facts[Tree].below(loop.body, cst.AssignTarget):
        if not isinstance(each.target, cst.Name):
            yield each.target
    for changed in facts[Tree].below(loop.body, cst.AugAssign):
        yield changed.target


def _twins(facts: Facts) -> Iterator[tuple[Call, Call, str, bool]]:
    """Fits of the same settings on the same data one after the other in the same block: the first and its repeat."""
    from greenlint import Calls, Contexts, Estimators, Rows, Tree

    tree, estimators = facts[Tree], facts[Estimators]
    seen: dict[tuple[object, ...], Call] = {}
    for call in facts[Calls].methods("fit", "fit_transform"):
        if call.receiver is None or call.name is not None or not call.node.args or tree.loops_around(call.node):
            continue
        made = _made(call, facts)
        key = _key(call, made, facts) if made is not None else None
        if made is None or key is None or facts[Contexts].dead(call.node):
            continue
        first = seen.setdefault(key, call)
        if first is call or _touched(call, first, facts):
            seen[key] = call
            continue
        rows = Rows.of(facts, call.node.args[0].value)
        estimator = estimators.of(made)
        if rows.is_read and estimator.name not in _LIGHT_MODELS and _costs(estimator, rows, facts):
            yield first, call, estimator.name, rows.is_many


def _made(call: Call, facts: Facts) -> Call | None:
    """The construction of what a call fits, when it gives the same each time."""
    from greenlint import BindingKind, Calls, Estimators, Names, cst

    made: cst.BaseExpression | None = call.receiver
    if isinstance(made, cst.Name):
        bindings = facts[Names].reaching(made)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
            return None
        made = bindings[0].value
    construction = facts[Calls].of(made) if isinstance(made, cst.Call) else None
    name = facts[Estimators].class_of(construction) if construction is not None else None
    if construction is None or name is None or construction.is_open or not _is_repeatable(name, construction):
        return None
    return construction if len(facts[Estimators].inside(construction.node)) == 1 else None


def _key(call: Call, made: Call, facts: Facts) -> tuple[object, ...] | None:
    """What a fit is made of: two with the same key do the same; ``None`` when that is not known."""
    from greenlint import Names, Tree, cst

    tree, names, source = facts[Tree], facts[Names], facts.document.source
    parts: list[object] = [tree.function(call.node), call.method, source(made.node)]
    if any(each.star for each in call.node.args):
        return None
    for node in (*(each.value for each in call.node.args), *(each.value for each in made.node.args)):
        parts.append(source(node))
        if any(True for _ in tree.below(node, cst.Lambda, cst.Call)):
            return None
        parts.extend(frozenset(id(one) for one in names.reaching(each)) for each in tree.below(node, cst.Name))
    return tuple(parts)


def _touched(call: Call, first: Call, facts: Facts) -> bool:
    """Whether anything that two fits share is changed in place between them, or only one of them always runs."""
    from greenlint import Calls, Tree, cst, root_name

    tree = facts[Tree]
    if tree.enclosing(call.node, cst.If, cst.Try) is not tree.enclosing(first.node, cst.If, cst.Try):
        return True
    nodes = [call.node, *([call.receiver] if call.receiver is not None else [])]
    used = {each.value for node in nodes for each in tree.below(node, cst.Name)}
    start, end = tree.last(first.node), tree.first(call.node)

    def between(node: cst.CSTNode) -> bool:
        return start < tree.first(node) < end

    stored: list[cst.CSTNode] = [each.target for each in tree.of_type(cst.AssignTarget)]
    stored.extend(each.target for each in tree.of_type(cst.AugAssign))
    if any(between(each) and not isinstance(each, cst.Name) and root_name(each) in used for each in stored):
        return True
    return any(
        between(each.node) and each.receiver is not None and root_name(each.receiver) in used
        for each in facts[Calls].all
        if each.method in _CHANGING or each.keyword("inplace") is not None
    )


def _counts(repeated: _Repeated, facts: Facts) -> bool:
    """Whether it runs each time, and not to be measured."""
    from greenlint import Contexts, Liveness

    node, contexts = repeated.call.node, facts[Contexts]
    if contexts.dead(node) or contexts.timed(node) or contexts.guarded(node, repeated.loop.body):
        return False
    return not facts[Liveness].never_called(node)


def _loop(call: Call, facts: Facts) -> cst.For | cst.While | None:
    """The innermost loop around a call, unless it is known to be short."""
    from greenlint import Loops, Tree

    around = facts[Tree].loops_around(call.node)
    if not around:
        return None
    count = facts[Loops].of(around[0]).iterations
    return None if count is not None and count < _SHORT else around[0]


def _holds(call: cst.Call, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether every argument of a call is the same in each pass."""
    from greenlint import Invariance

    invariance = facts[Invariance]
    return all(not each.star and invariance.holds(each.value, loop, methods=_METHODS) for each in call.args)


def _same(call: Call, loop: cst.For | cst.While, facts: Facts) -> Estimator | None:
    """The estimator that a call fits, when it has the same settings in each pass and draws nothing at random."""
    from greenlint import Estimators, Tree, cst

    construction = _made(call, facts)
    if construction is None:
        return None
    if facts[Tree].contains(loop, construction.node):
        if not _holds(construction.node, loop, facts):
            return None
    elif isinstance(call.receiver, cst.Name) and _is_changed(call.receiver.value, loop, facts):
        return None
    return facts[Estimators].of(construction)


def _is_repeatable(name: str, construction: Call) -> bool:
    """Whether an estimator gives the same each time: by its nature, or by a seed that is a number."""
    if construction.argument("warm_start").node is not None:
        return False
    for seed in ("random_state", "seed", "random_seed"):
        given = construction.argument(seed)
        if given.node is not None:
            return isinstance(given.constant, int)
    return name in _SURE


def _is_changed(name: str, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the loop sets parameters of what a name stands for."""
    from greenlint import Calls, Tree, cst, dotted

    changing = facts[Calls].methods("set_params", "setattr", "partial_fit", within=loop)
    stored: list[cst.CSTNode] = [each.target for each in facts[Tree].below(loop.body, cst.AssignTarget)]
    stored.extend(each.target for each in facts[Tree].below(loop.body, cst.AugAssign))
    return bool(changing) or any((dotted(each) or "").startswith(f"{name}.") for each in stored)


def _costs(estimator: Estimator, rows: Rows, facts: Facts) -> bool:
    """Whether a fit takes long enough to be worth a word."""
    from greenlint import Estimators, TrainingKind, Trials

    cost = facts[Estimators].transformer_cost(estimator)
    if cost:
        return cost > 1 or (rows.is_many and estimator.name in _DECOMPOSITIONS)
    kind = next((each for fit in estimator.fits if (each := facts[Trials].training(fit.call)) is not None), None)
    return kind is not None and kind.kind in (TrainingKind.BOOSTER, TrainingKind.ESTIMATOR)


_SHORT = 3
