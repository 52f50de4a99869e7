"""Where estimators are made, what holds them, where and on how much data they are fitted; boosting runs."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.boosters import Boosters
from greenlint.facts.calls import UNKNOWN, Calls
from greenlint.facts.estimators import Estimators, Rows
from greenlint.facts.invariance import Invariance
from greenlint.facts.sources import DictSources
from greenlint.facts.tree import Tree


def facts_of(code: str, files: dict[str, str] | None = None) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("example.py", text.encode()).document
    assert document is not None
    others = {path: textwrap.dedent(other) for path, other in (files or {}).items()}
    return Facts(document, DictSources({"example.py": text, **others}))


IMPORTS = """
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import fetch_covtype, load_iris, make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
"""


def made(code: str, name: str = "SVC", files: dict[str, str] | None = None) -> object:
    facts = facts_of(IMPORTS + textwrap.dedent(code), files)
    (found,) = facts[Estimators].named(name)
    return found


# -- where they are fitted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "SVC().fit(X, y)",
        "model = SVC()\nmodel.fit(X, y)",
        "model = SVC().set_params(C=2)\nmodel.fit(X, y)",
        "model = clone(SVC())\nmodel.fit(X, y)",
        "for model in (SVC(), LogisticRegression()):\n    model.fit(X, y)",
        "models = {'a': SVC(), 'b': PCA()}\nfor name, model in models.items():\n    model.fit(X, y)",
        "models = [('a', SVC()), ('b', PCA())]\nfor name, model in models:\n    model.fit(X, y)",
        "def run(model):\n    model.fit(X, y)\nrun(SVC())",
        "def make():\n    return SVC()\nmodel = make()\nmodel.fit(X, y)",
        "cross_val_score(SVC(), X, y)",
        "pipe = make_pipeline(StandardScaler(), SVC())\npipe.fit(X, y)",
        "pipe = Pipeline([('a', PCA()), ('b', SVC())])\npipe.fit(X, y)",
        "steps = [('a', PCA()), ('b', SVC())]\nPipeline(steps=steps).fit(X, y)",
        "search = GridSearchCV(SVC(), {})\nsearch.fit(X, y)",
        "VotingClassifier([('a', SVC()), ('b', LogisticRegression())]).fit(X, y)",
        "class A:\n    def __init__(self):\n        self.m = SVC()\n    def go(self):\n        self.m.fit(X, y)",
        "model = SVC() if cheap else LogisticRegression()\nmodel.fit(X, y)",
    ],
)
def test_fits_are_found(code: str) -> None:
    estimator = facts_of(IMPORTS + code)[Estimators].named("SVC")[0]
    assert len(estimator.fits) == 1


@pytest.mark.parametrize("code", ["model = SVC()", "model = SVC()\nmodel.predict(X)", "other.fit(X, y)\nmodel = SVC()"])
def test_no_fit(code: str) -> None:
    assert facts_of(IMPORTS + code)[Estimators].named("SVC")[0].fits == ()


def test_holders_are_given_outermost_first() -> None:
    code = "search = GridSearchCV(make_pipeline(PCA(), SVC()), {})\nsearch.fit(X, y)"
    (estimator,) = facts_of(IMPORTS + code)[Estimators].named("SVC")
    assert [each.method for each in estimator.fits[0].holders] == ["GridSearchCV", "make_pipeline"]
    assert [each.method for each in estimator.searches] == ["GridSearchCV"]


def test_star_imports() -> None:
    facts = facts_of(
        "from sklearn.ensemble import *\nmodel = RandomForestClassifier()\nmodel.fit(X, y)\nother = Foo()\n"
    )
    assert len(facts[Estimators].named("RandomForestClassifier", "Foo")) == 1


def test_a_class_of_the_project_is_no_estimator_of_a_library() -> None:
    facts = facts_of("from sklearn.svm import *\nclass SVC:\n    pass\nmodel = SVC()\n")
    assert facts[Estimators].named("SVC") == []


# -- how much data -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("X, y = load_iris(return_X_y=True)", Rows.FEW),
        ("X, y = make_classification(n_samples=500)", Rows.FEW),
        ("X, y = make_classification(n_samples=50000)", Rows.MANY),
        ("X, y = fetch_covtype(return_X_y=True)", Rows.MANY),
        ("X = pd.read_csv('clicks.csv')", Rows.READ),
        ("X = pd.read_csv('clicks.csv').head(100)", Rows.FEW),
        ("X = pd.read_csv('titanic.csv')", Rows.FEW),
        ("X, Z, y, z = train_test_split(pd.read_csv('clicks.csv'), labels)", Rows.READ),
        ("X = load_something()", Rows.UNKNOWN),
        ("X = pd.read_parquet('clicks.parquet')", Rows.LIKELY),
        ("X = pd.read_csv('clicks.csv')\ngc.collect()", Rows.LIKELY),
        ("X = pd.read_csv('../input/creditcard.csv')", Rows.MANY),
        ("X = pd.read_csv('train.csv')[['is_duplicate', 'question1']]", Rows.MANY),
        ("table = pd.read_csv('../input/creditcard.csv')\nX = undersample(table)", Rows.FEW),
        ("small_table = pd.read_csv('../input/creditcard.csv')\nX = small_table", Rows.FEW),
    ],
)
def test_rows(code: str, expected: Rows) -> None:
    facts = facts_of(f"{IMPORTS}{code}\nmodel = SVC()\nmodel.fit(X, y)\n")
    assert facts[Estimators].named("SVC")[0].rows is expected


def test_rows_shown_by_a_notebook_of_the_data_elsewhere_are_not_known() -> None:
    facts = facts_of(f"{IMPORTS}\ndef train(X, y):\n    return SVC().fit(X, y)\n")
    assert facts[Estimators].named("SVC")[0].rows is Rows.UNKNOWN


def test_text_features() -> None:
    code = "X = TfidfVectorizer().fit_transform(texts)\nmodel = SVC()\nmodel.fit(X, y)\npipe.fit(Z, y)"
    (estimator,) = facts_of(IMPORTS + code)[Estimators].named("SVC")
    assert estimator.fits[0].from_text
    code = "make_pipeline(TfidfVectorizer(), SVC()).fit(texts, y)"
    (estimator,) = facts_of(IMPORTS + code)[Estimators].named("SVC")
    assert estimator.fits[0].from_text
    (estimator,) = facts_of(f"{IMPORTS}SVC().fit(X, y)")[Estimators].named("SVC")
    assert not estimator.fits[0].from_text


# -- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(model.dual_coef_)", True),
        ("print(other.dual_coef_)", True),
        ("print(forest.dual_coef_)", False),
        ("print(model.coef_)", False),
    ],
)
def test_reads(code: str, expected: bool) -> None:
    facts = facts_of(f"{IMPORTS}model = SVC()\nforest = RandomForestClassifier()\n{code}\n")
    (estimator,) = facts[Estimators].named("SVC")
    assert facts[Estimators].reads(estimator, "dual_coef_") is expected


# -- pipelines and searches --------------------------------------------------------------------------------------


def test_members() -> None:
    code = "pipe = make_pipeline(StandardScaler(), unknown, SVC())"
    facts = facts_of(IMPORTS + code)
    (pipe,) = facts[Estimators].named("make_pipeline")
    assert [name for name, _ in facts[Estimators].members(pipe.call)] == ["standardscaler", None, "svc"]


def test_pipeline_of_a_search() -> None:
    code = "pipe = Pipeline([('a', PCA()), ('b', SVC())])\nsearch = GridSearchCV(pipe, {'b__C': [1, 2, 3]})"
    facts = facts_of(IMPORTS + code)
    (search,) = facts[Estimators].searches
    (pipeline,) = facts[Estimators].pipelines(search)
    assert pipeline.method == "Pipeline"
    assert facts[Estimators].candidates(search) == 3
    assert facts[Estimators].fits_of_search(search) == 15


def test_candidates_drawn_at_random() -> None:
    facts = facts_of(
        f"{IMPORTS}search = RandomizedSearchCV(SVC(), space)\nother = RandomizedSearchCV(SVC(), {{}}, n_iter=7)"
    )
    assert [facts[Estimators].candidates(each) for each in facts[Estimators].searches] == [10, 7]


def test_cost_of_transformers() -> None:
    code = "a = [PCA(), TfidfVectorizer(), StandardScaler()]\nfrom sklearn.feature_selection import *\n"
    code += "from sklearn.feature_selection import SelectKBest, mutual_info_classif, chi2\n"
    code += "b = SelectKBest(mutual_info_classif), SelectKBest(chi2)"
    facts = facts_of(IMPORTS + code)
    names = ("PCA", "TfidfVectorizer", "StandardScaler", "SelectKBest")
    assert [facts[Estimators].transformer_cost(each) for each in facts[Estimators].named(*names)] == [1, 2, 0, 2, 0]


def test_a_fit_that_changes_nothing_of_a_table_in_place() -> None:
    for change, expected in (
        ("pass", True),
        ("X.drop('a', inplace=True)", False),
        ("X.loc[0] = i", False),
        ("X['a'] = i", False),
    ):
        facts = facts_of(
            f"import pandas as pd\nX = pd.read_csv('a.csv')\nfor i in range(9):\n    f(X.drop('y'))\n    {change}\n"
        )
        (loop,) = facts[Tree].of_type(cst.For)
        (call,) = facts[Calls].methods("f")
        argument = call.positional[0]
        assert facts[Invariance].holds(argument, loop, methods=frozenset(("drop",))) is expected
        assert facts[Invariance].holds(argument, loop) is False


def test_functions_that_fit_sparse_data() -> None:
    code = (
        "GridSearchCV(make_pipeline(LogisticRegression()), {}).fit(X, y)\nRandomForestClassifier().fit(X, y)\nm.fit(X)"
    )
    facts = facts_of(IMPORTS + code)
    answers = [facts[Estimators].takes_sparse(each) for each in facts[Estimators].fittings]
    assert answers == [True, False, False]


# -- boosters ----------------------------------------------------------------------------------------------------

BOOSTERS = """
import lightgbm as lgb
import pandas as pd
import xgboost as xgb
from catboost import CatBoostClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
X = pd.read_csv("clicks.csv")
"""


@pytest.mark.parametrize(
    ("code", "rounds", "stops"),
    [
        ("xgb.XGBClassifier(n_estimators=900)", 900, False),
        ("xgb.XGBClassifier(n_estimators=900, early_stopping_rounds=10)", 900, True),
        ("xgb.XGBClassifier(n_estimators=900, early_stopping_rounds=None)", 900, False),
        ("xgb.XGBClassifier(n_estimators=900).fit(X, y, early_stopping_rounds=10)", 900, True),
        ("xgb.XGBClassifier(**settings)", None, None),
        ("xgb.XGBClassifier(n_estimators=n)", None, False),
        ("xgb.train({'max_depth': 3}, xgb.DMatrix(X), 700)", 700, False),
        ("xgb.train({'max_depth': 3}, xgb.DMatrix(X), num_boost_round=700, early_stopping_rounds=9)", 700, True),
        ("xgb.train(settings, xgb.DMatrix(X), 700)", 700, None),
        ("lgb.train({'num_iterations': 800}, lgb.Dataset(X))", 800, False),
        ("lgb.train({'n_iter': 800, 'early_stopping_round': 5}, lgb.Dataset(X))", 800, True),
        ("lgb.train({}, lgb.Dataset(X), 800, callbacks=[lgb.early_stopping(5)])", 800, True),
        ("lgb.train({}, lgb.Dataset(X), 800, callbacks=[lgb.log_evaluation(5)])", 800, False),
        ("lgb.train({}, lgb.Dataset(X), 800, callbacks=callbacks)", 800, None),
        ("CatBoostClassifier(iterations=600)", 600, False),
        ("CatBoostClassifier(iterations=600, od_type='Iter')", 600, True),
        ("HistGradientBoostingClassifier(max_iter=600, early_stopping=False)", 600, False),
        ("HistGradientBoostingClassifier(max_iter=600, early_stopping='auto')", 600, True),
    ],
)
def test_rounds_and_stopping(code: str, rounds: int | None, stops: bool | None) -> None:
    (run,) = facts_of(BOOSTERS + code)[Boosters].runs
    assert run.rounds == rounds
    assert run.stops is stops


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("model.fit(X, y)", False),
        ("model.fit(X, y, eval_set=[(Z, z)])", True),
        ("A, B = train_test_split(X)\nmodel.fit(A, y)", True),
        ("A, B = train_test_split(X)\nC = pd.concat([A, B])\nmodel.fit(C, y)", False),
        ("for train, valid in folds.split(X):\n    model.fit(X.iloc[train], y)", True),
        ("splits = KFold(5).split(X)\nfor train, valid in splits:\n    model.fit(X.iloc[train], y)", True),
        ("for depth in depths:\n    model.fit(X, y)", False),
    ],
)
def test_rows_kept_apart(code: str, expected: bool) -> None:
    imports = "from sklearn.model_selection import KFold, train_test_split\n"
    facts = facts_of(f"{BOOSTERS}{imports}model = xgb.XGBClassifier()\n{code}\n")
    (run,) = facts[Boosters].runs
    assert run.validates is expected


def test_rows_of_a_native_run() -> None:
    (run,) = facts_of(f"{BOOSTERS}xgb.train({{}}, xgb.DMatrix(X))")[Boosters].runs
    assert run.rows is Rows.READ
    (run,) = facts_of(f"{BOOSTERS}xgb.train({{}}, matrix)")[Boosters].runs
    assert run.rows is Rows.UNKNOWN


def test_parameters_of_a_native_run() -> None:
    (run,) = facts_of(f"{BOOSTERS}params = {{'eta': 0.1}}\nparams['device'] = 'cuda'\nxgb.train(params, d)")[
        Boosters
    ].runs
    assert run.constant("device") == "cuda"
    assert run.constant("gpu_id") is None
    (run,) = facts_of(f"{BOOSTERS}xgb.train(dict(other), d)")[Boosters].runs
    assert run.constant("device") is UNKNOWN
