"""How many candidates grids hold in many spellings, how many folds searches fit, on what data, and what is trained."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.grids import Grids
from greenlint.facts.samples import Scale
from greenlint.facts.searches import GridSearchCall, Searches, Use
from greenlint.facts.sources import DictSources
from greenlint.facts.sweeps import Sweeps
from greenlint.facts.tree import Tree
from greenlint.facts.trials import TrainingKind, Trials


def facts_of(code: str, files: dict[str, str] | None = None) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("example.py", text.encode()).document
    assert document is not None
    others = {path: textwrap.dedent(other) for path, other in (files or {}).items()}
    return Facts(document, DictSources({"example.py": text, **others}))


def assigned(facts: Facts, name: str = "it") -> cst.BaseExpression:
    """The last use of ``name`` in the file."""
    uses = [each for each in facts[Tree].of_type(cst.Name) if each.value == name]
    return uses[-1]


def length(code: str, files: dict[str, str] | None = None) -> int | None:
    facts = facts_of(f"{textwrap.dedent(code)}\nuse(it)\n", files)
    return facts[Grids].length(assigned(facts))


def size(code: str, files: dict[str, str] | None = None) -> int | None:
    facts = facts_of(f"{textwrap.dedent(code)}\nuse(it)\n", files)
    return facts[Searches].size(assigned(facts))


def searched(code: str, files: dict[str, str] | None = None) -> GridSearchCall:
    facts = facts_of(code, files)
    (found,) = facts[Searches].grid_searches
    return found


# -- lengths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[1, 2, 3]", 3),
        ("('adam', 'sgd')", 2),
        ("{1, 2}", 2),
        ("[None]", 1),
        ("[]", 0),
        ("[make(1), make(2)]", 2),
        ("[*range(4), 9]", 5),
        ("[*others, 9]", None),
        ("range(10)", 10),
        ("range(2, 10, 3)", 3),
        ("range(len([1, 2, 3]))", 3),
        ("range(n)", None),
        ("list(range(1, 50))", 49),
        ("sorted({3, 1, 2})", 3),
        ("np.linspace(0, 1)", 50),
        ("np.linspace(0, 1, 7)", 7),
        ("np.linspace(0, 1, num=9)", 9),
        ("np.logspace(-3, 3, 13)", 13),
        ("np.geomspace(1, 100, 4)", 4),
        ("np.logspace(-3, 3, steps)", None),
        ("np.arange(5)", 5),
        ("np.arange(0.1, 0.5, 0.1)", 4),
        ("np.arange(1, 10, 2)", 5),
        ("np.arange(start=0, stop=6, step=2)", 3),
        ("np.arange(0, 1, step)", None),
        ("10.0 ** np.arange(-4, 1)", 5),
        ("10 ** -np.arange(1, 7)", 6),
        ("np.array([1, 2, 3]) / 10", 3),
        ("np.array([1, 2]).tolist()", 2),
        ("np.round(np.linspace(0, 1, 11), 2)", 11),
        ("np.concatenate([np.arange(3), np.arange(4)])", 7),
        ("np.r_[1:3, 5]", None),
        ("[x / 10 for x in range(5, 10)]", 5),
        ("[(x, y) for x in range(3) for y in [1, 2]]", 6),
        ("[x for x in range(5) if x % 2]", None),
        ("[1, 2] + [3]", 3),
        ("[0.1] * 4", 4),
        ("[1, 2, 3, 4, 5][:2]", 2),
        ("[1, 2, 3, 4, 5][::2]", 3),
        ("list(product([1, 2], [3, 4, 5]))", 6),
        ("product([1, 2], repeat=3)", 8),
        ("combinations([1, 2, 3, 4], 2)", 6),
        ("zip([1, 2], [3, 4])", 2),
        ("map(str, [1, 2, 3])", 3),
        ("ParameterGrid({'a': [1, 2], 'b': [3, 4, 5]})", 6),
        ("[1, 2] if True else [3]", 2),
        ("[1, 2] if flag else [3, 4]", 2),
        ("[1, 2] if flag else [3]", None),
        ("load()", None),
        ("'abc'", None),
        ("5", None),
    ],
)
def test_length(expression: str, expected: int | None) -> None:
    imports = """
        import numpy as np
        from itertools import combinations, product
        from sklearn.model_selection import ParameterGrid
    """
    assert length(f"{textwrap.dedent(imports)}\nit = {expression}\n") == expected


def test_length_of_a_list_that_grows_is_not_known() -> None:
    assert length("it = [1, 2]\nit.append(3)\n") is None


def test_length_through_names_functions_and_modules() -> None:
    assert length("base = [1, 2, 3]\nit = base\n") == 3
    assert length("def rates():\n    return [1, 2, 3, 4]\n\nit = rates()\n") == 4
    assert length("from settings import it\n", {"settings.py": "it = [1, 2]\n"}) == 2
    assert length("from nowhere import it\n") is None


def test_length_of_a_class_attribute() -> None:
    facts = facts_of(
        """
        class Search:
            rates = [0.1, 0.01, 0.001]

            def run(self):
                use(self.rates)
        """
    )
    (attribute,) = (each for each in facts[Tree].of_type(cst.Attribute) if each.attr.value == "rates")
    assert facts[Grids].length(attribute) == 3


# -- grids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("it = {'a': [1, 2], 'b': [1, 2, 3]}", 6),
        ("it = dict(a=[1, 2], b=(1, 2, 3))", 6),
        ("it = [{'a': [1, 2]}, {'b': [1, 2, 3], 'c': [4]}]", 5),
        ("it = {'a': [1, 2]}\nit['b'] = [1, 2, 3]", 6),
        ("it = {'a': [1, 2]}\nit.update(b=range(4))", 8),
        ("it = {**base, 'b': [1]}", None),
        ("base = {'a': [1, 2]}\nit = {**base, 'b': [1, 2]}", 4),
        ("one = [1, 2]\nit = {'a': one, 'b': one}", 4),
        ("it = {'a': [1, 2], 'b': unknown}", None),
        ("it = {'a': [1, 2], name: [1]}", None),
        ("it = load()", None),
    ],
)
def test_size(code: str, expected: int | None) -> None:
    assert size(f"{code}\n") == expected


def test_a_partly_known_grid_has_at_least_what_is_seen() -> None:
    search = searched(
        """
        from sklearn.model_selection import GridSearchCV
        GridSearchCV(model, {"a": list(range(30)), "b": unknown}, cv=3).fit(X, y)
        """
    )
    assert search.grid is not None
    assert (search.grid.size, search.candidates, search.exact, search.fits) == (None, 30, False, 90)


def test_a_function_that_searches_several_grids_is_as_large_as_the_largest() -> None:
    search = searched(
        """
        from sklearn.model_selection import GridSearchCV

        def tune(model, grid):
            return GridSearchCV(model, grid, cv=4).fit(X, y)

        tune(forest, {"depth": [1, 2]})
        tune(boosted, {"depth": [1, 2, 3], "rate": [1, 2]})
        """
    )
    assert len(search.grids) == 2
    assert (search.candidates, search.fits) == (6, 24)


# -- folds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("", 5),
        (", cv=None", 5),
        (", cv=10", 10),
        (", cv=FOLDS", 7),
        (", cv=KFold()", 5),
        (", cv=KFold(3)", 3),
        (", cv=KFold(n_splits=4, shuffle=True)", 4),
        (", cv=StratifiedKFold(n_splits=6).split(X, y)", 6),
        (", cv=list(KFold(4).split(X))", 4),
        (", cv=ShuffleSplit()", 10),
        (", cv=ShuffleSplit(n_splits=2, test_size=0.2)", 2),
        (", cv=TimeSeriesSplit(8)", 8),
        (", cv=RepeatedKFold(n_splits=5, n_repeats=3)", 15),
        (", cv=RepeatedStratifiedKFold()", 50),
        (", cv=splitter", 9),
        (", cv=[(train, test)]", 1),
        (", cv=args.folds", None),
        (", cv=LeaveOneOut()", None),
        (", **options", None),
    ],
)
def test_folds(argument: str, expected: int | None) -> None:
    search = searched(
        f"""
        from sklearn.model_selection import *
        from sklearn.model_selection import GridSearchCV, KFold, LeaveOneOut, RepeatedKFold, RepeatedStratifiedKFold
        from sklearn.model_selection import ShuffleSplit, StratifiedKFold, TimeSeriesSplit

        FOLDS = 7
        splitter = KFold(n_splits=9)
        GridSearchCV(model, {{"a": [1, 2]}}{argument}).fit(X, y)
        """
    )
    assert search.folds == expected


def test_leave_one_out_fits_every_sample() -> None:
    code = """
        from sklearn.model_selection import GridSearchCV, LeaveOneOut
        loo = LeaveOneOut()
        GridSearchCV(model, {"a": [1, 2]}, cv=loo).fit(X, y)
    """
    assert searched(code).every_sample
    assert not searched(code.replace("cv=loo", "cv=5")).every_sample


def test_before_scikit_learn_0_22_there_were_three_folds_by_default() -> None:
    code = """
        from sklearn.model_selection import GridSearchCV
        GridSearchCV(model, {"a": [1, 2]}).fit(X, y)
    """
    assert searched(code, {"requirements.txt": "scikit-learn==0.21.3\n"}).folds == 3
    assert searched(code, {"requirements.txt": "scikit-learn>=1.0\n"}).folds == 5
    assert searched(code.replace("model_selection", "grid_search")).folds == 3


# -- search objects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("search.fit(X, y)", Use.FITTED),
        ("cross_val_score(search, X, y)", Use.NESTED),
        ("tune(search)", Use.PASSED),
        ("print(search)", Use.UNUSED),
        ("", Use.UNUSED),
        ("search.best_params_", Use.UNUSED),
    ],
)
def test_use(after: str, expected: Use) -> None:
    facts = facts_of(
        f"""
        from sklearn.model_selection import GridSearchCV, cross_val_score
        search = GridSearchCV(model, {{"a": [1, 2]}})
        {after}
        """
    )
    (search,) = facts[Searches].grid_searches
    assert facts[Searches].use(search.call) is expected


def test_other_searches_are_no_grid_searches() -> None:
    facts = facts_of(
        """
        from mine import GridSearchCV
        from sklearn.model_selection import RandomizedSearchCV

        GridSearchCV(model, {"a": [1, 2]}).fit(X, y)
        RandomizedSearchCV(model, {"a": [1, 2]}).fit(X, y)
        """
    )
    assert facts[Searches].grid_searches == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("X, y = load_iris(return_X_y=True)", Scale.TOY),
        ("X, y = make_classification(n_samples=500)", Scale.TOY),
        ("X, y = make_classification(n_samples=200000)", None),
        ("X, y = pd.read_csv('titanic.csv'), 1", Scale.SMALL),
        ("X, y = pd.read_csv('clicks.csv'), 1", None),
        ("table = pd.read_csv('clicks.csv')\nX, y = table[:1000], table.target[:1000]", Scale.PART),
        ("table = pd.read_csv('clicks.csv').sample(frac=0.1)\nX = table.drop('y')", Scale.PART),
        ("X, y = fetch()", None),
    ],
)
def test_scale(data: str, expected: Scale | None) -> None:
    imports = """
        import pandas as pd
        from sklearn.datasets import load_iris, make_classification
        from sklearn.model_selection import GridSearchCV
    """
    search = 'search = GridSearchCV(model, {"a": [1, 2]})\nsearch.fit(X, y)'
    facts = facts_of(f"{textwrap.dedent(imports)}\n{data}\n{search}\n")
    (found,) = facts[Searches].grid_searches
    assert facts[Searches].scale(found.call) is expected


# -- trainings ---------------------------------------------------------------------------------------------------


def kinds(body: str, before: str = "") -> list[TrainingKind]:
    code = f"{textwrap.dedent(before)}\nfor each in values:\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    facts = facts_of(code)
    (loop,) = facts[Tree].of_type(cst.For)
    return [each.kind for each in facts[Trials].trainings(loop.body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("model.fit(X, y)", [TrainingKind.ESTIMATOR]),
        ("model.fit(X, y, epochs=5)", [TrainingKind.NETWORK]),
        ("RandomForestClassifier(max_depth=each).fit(X, y)", [TrainingKind.ESTIMATOR]),
        ("Ridge(alpha=each).fit(X, y)", [TrainingKind.LIGHT]),
        ("XGBClassifier(max_depth=each).fit(X, y)", [TrainingKind.BOOSTER]),
        ("xgb.train({'eta': each}, data)", [TrainingKind.BOOSTER]),
        ("cross_val_score(SVC(C=each), X, y)", [TrainingKind.CROSS_VALIDATION]),
        ("loss.backward()\noptimizer.step()", [TrainingKind.STEP]),
        ("scaler.fit(X)", []),
        ("StandardScaler().fit(X)", []),
        ("TfidfVectorizer(max_features=each).fit_transform(texts)", []),
        ("model.train()", []),
        ("model.predict(X)", []),
        ("print(each)", []),
    ],
)
def test_trainings(body: str, expected: list[TrainingKind]) -> None:
    imports = """
        import xgboost as xgb
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import Ridge
        from sklearn.model_selection import cross_val_score
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC
        from xgboost import XGBClassifier
    """
    assert kinds(body, imports) == expected


def test_a_training_may_hide_in_a_function() -> None:
    helper = """
        def run(rate):
            model = build(rate)
            return model.fit(x, y, epochs=10)

        def evaluate(rate):
            return run(rate).history
    """
    assert kinds("evaluate(each)", helper) == [TrainingKind.NETWORK]
    assert kinds("unseen(each)", helper) == []


# -- sweeps ------------------------------------------------------------------------------------------------------


def sweep(code: str) -> tuple[tuple[str, int], ...] | None:
    """The axes of the one sweep in ``code`` with two or more combinations."""
    found = facts_of(code)[Sweeps].at_least(2)
    return tuple((axis.name, axis.length) for axis in found[0].axes) if found else None


def test_nested_loops_are_a_sweep() -> None:
    assert sweep(
        """
        for rate in [0.1, 0.01]:
            for width in (16, 32, 64):
                build(rate, width).fit(x, y, epochs=9)
        """
    ) == (("rate", 2), ("width", 3))


def test_a_product_is_a_sweep() -> None:
    assert sweep(
        """
        import itertools
        for i, (rate, width) in enumerate(itertools.product([0.1, 0.01], [16, 32, 64])):
            build(rate, width).fit(x, y, epochs=9)
        """
    ) == (("rate", 2), ("width", 3))


def test_a_parameter_grid_is_a_sweep() -> None:
    assert sweep(
        """
        from sklearn.model_selection import ParameterGrid
        for params in ParameterGrid({"depth": [1, 2, 3], "rate": [0.1, 0.2]}):
            build(**params).fit(x, y, epochs=9)
        """
    ) == (("depth", 3), ("rate", 2))


@pytest.mark.parametrize(
    "code",
    [
        """
        for seed in [0, 1, 2]:
            for dataset in ["a", "b"]:
                build(seed).fit(load(dataset), epochs=9)
        """,
        """
        for epoch in range(10):
            for batch in loader:
                model.fit(batch, epochs=9)
        """,
        """
        for rate in [0.1, 0.01]:
            for width in [16, 32, 64]:
                areas.append(rate * width)
        """,
        """
        for rate in rates():
            for width in widths():
                build(rate, width).fit(x, y, epochs=9)
        """,
    ],
    ids=["compared", "epochs", "nothing-trained", "unknown"],
)
def test_other_loops_are_no_sweep(code: str) -> None:
    assert sweep(code) is None


def test_searches_stand_in_source_order_with_their_own_fits() -> None:
    facts = facts_of(
        """
        from sklearn.model_selection import GridSearchCV
        first = GridSearchCV(model, {"a": [1, 2]})
        first.fit(X, y)
        second = GridSearchCV(model, {"a": [1, 2, 3]})
        second.fit(X, y)
        """
    )
    searches = facts[Searches].grid_searches
    assert [each.candidates for each in searches] == [2, 3]
    assert [facts[Searches].fit_calls(each.call) for each in searches] == [
        [call] for call in facts[Calls].methods("fit")
    ]


def test_a_list_cut_into_itself_has_no_known_source_whatever_the_depth_left() -> None:
    facts = facts_of(
        """
        class Corpus:
            def shorten(self, keep):
                for row, width in zip(self.rows, self.widths):
                    print(row)
                self.rows = self.rows[keep]
        """
    )
    row = assigned(facts, "row")
    assert [facts[Grids].sources(row, depth) for depth in range(1, 9)] == [None] * 8
