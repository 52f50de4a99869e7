"""Names around hyper-parameter search. Data only."""

from __future__ import annotations

import re

__all__ = [
    "BOOSTING_FUNCTIONS",
    "GRID_SEARCHES",
    "KEEP_LENGTH",
    "NOT_HYPER_PARAMETERS",
    "PREPARES",
    "PRUNES",
    "PRUNING_CALLBACKS",
    "READS_DATA",
    "SPACED",
    "SPLITTERS",
    "TOY_DATA",
    "TRAINING_FUNCTIONS",
    "TRAINS",
]

GRID_SEARCHES = (
    "sklearn.model_selection.GridSearchCV",
    "dask_ml.model_selection.GridSearchCV",
    "cuml.model_selection.GridSearchCV",
    "sklearn.grid_search.GridSearchCV",
    "tune_sklearn.TuneGridSearchCV",
)
SPACED = frozenset(("numpy.linspace", "numpy.logspace", "numpy.geomspace"))
KEEP_LENGTH = frozenset(("list", "tuple", "sorted", "array", "tolist", "asarray", "astype", "round", "reversed", "set"))
SPLITTERS = frozenset(
    (
        "KFold",
        "StratifiedKFold",
        "GroupKFold",
        "StratifiedGroupKFold",
        "TimeSeriesSplit",
        "ShuffleSplit",
        "StratifiedShuffleSplit",
        "GroupShuffleSplit",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
    )
)
TOY_DATA = frozenset(
    (
        "load_iris",
        "load_digits",
        "load_wine",
        "load_breast_cancer",
        "load_diabetes",
        "load_boston",
        "load_linnerud",
        "make_classification",
        "make_regression",
        "make_blobs",
        "make_moons",
        "make_circles",
        "make_friedman1",
        "make_data",
        "make_s_curve",
        "make_swiss_roll",
    )
)
READS_DATA = frozenset(
    (
        "read_csv",
        "read_parquet",
        "read_excel",
        "read_sql",
        "read_table",
        "read_json",
        "read_pickle",
        "read_feather",
        "read_hdf",
        "loadtxt",
        "genfromtxt",
        "load_dataset",
        "fetch_openml",
        "load_svmlight_file",
        "load_data",
    )
)
TRAINS = frozenset(("fit", "fit_generator", "train", "train_model", "partial_fit", "fit_transform"))
TRAINING_FUNCTIONS = frozenset(
    (
        "xgboost.train",
        "xgboost.cv",
        "lightgbm.train",
        "lightgbm.cv",
        "sklearn.model_selection.cross_val_score",
        "sklearn.model_selection.cross_validate",
        "sklearn.model_selection.cross_val_predict",
    )
)
BOOSTING_FUNCTIONS = frozenset(("xgboost.train", "lightgbm.train", "xgboost.cv", "lightgbm.cv"))
PREPARES = re.compile(
    r"scaler|encoder|vectoriz|tokeniz|imput|transform|preprocess|normaliz|binariz|\bpca\b|\btsne\b|\bsvd\b|label_?enc|"
    r"sklearn\.(?:preprocessing|feature_extraction|impute|decomposition|feature_selection)\.",
    re.IGNORECASE,
)
NOT_HYPER_PARAMETERS = re.compile(
    r"^(?:_|i|j|k|idx|index|epochs?|steps?|it|iteration|batch|fold|split|seed|run|trial|repeat|rep|dataset|data|task|"
    r"(?:base_?)?model(?:_?name)?s?|name|clf|classifier|estimator|regressor|algo(?:rithm)?|method|path|file|target|col|"
    r"column|feature|features|label|class_?\w*|subject|year|month|day|date|country|city|region|symbol|ticker|stock|"
    r"category|group|user|item|experiment|exp|env|game|lang\w*|city|horizon|x|y|n|t|p|phase|mode|loader|key|value|param|"
    r"train_?index|test_?index|train_?size|n_?samples|sample_?size|noise\w*|rand\w*)$|seed|fold|dataset|random_state|"
    r"model_name|ablat|_name$",
    re.IGNORECASE,
)
PRUNES = ("report", "should_prune", "TrialPruned", "EarlyStopping")
PRUNING_CALLBACKS = re.compile(
    r"Pruning(?:Callback|Hook|Extension|Mixin)|ReportCallback|OptunaPruning|\bPruner\w*Callback"
)
