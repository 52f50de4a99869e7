"""Hyper-parameter searches: their names, what estimators cost, and names that say what a loop is about. Data only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "ALL_SAMPLES",
    "BENCH_NAMES",
    "BOOSTERS",
    "BOOSTER_TRAINERS",
    "COMPARISON",
    "CROSS_VALIDATORS",
    "EMPTY_MAKERS",
    "FOLDS",
    "GRID_SEARCHES",
    "HYPER_NAMES",
    "ITERATION_KEYS",
    "LENGTH_OF_FIRST",
    "LIGHT_ESTIMATORS",
    "MODERATE_ESTIMATORS",
    "NAMED_TRAINING",
    "OLD_FOLDS",
    "PREPARATION",
    "SAMPLERS",
    "SPACED",
    "STATISTICS_ROOTS",
    "TEXT",
    "GridSearch",
]


@dataclass(frozen=True, slots=True)
class GridSearch:
    """Where a class that tries every candidate takes its arguments (positions from 0), and its default folds."""

    grid: int = 1
    estimator: int = 0
    folds: int = 5


GRID_SEARCHES: Mapping[str, GridSearch] = {
    "sklearn.model_selection.GridSearchCV": GridSearch(),
    "sklearn.grid_search.GridSearchCV": GridSearch(folds=3),
    "dask_ml.model_selection.GridSearchCV": GridSearch(),
    "dask_searchcv.GridSearchCV": GridSearch(folds=3),
    "cuml.model_selection.GridSearchCV": GridSearch(),
    "cuml.experimental.model_selection.GridSearchCV": GridSearch(),
    "surprise.model_selection.GridSearchCV": GridSearch(),
    "surprise.model_selection.search.GridSearchCV": GridSearch(),
    "spark_sklearn.GridSearchCV": GridSearch(grid=2, estimator=1, folds=3),
    "skdist.distribute.search.DistGridSearchCV": GridSearch(),
}
"""By canonical name. Five folds are scikit-learn's default since 0.22, three before."""

FOLDS: Mapping[str, tuple[str, int]] = {
    "KFold": ("n_splits", 5),
    "StratifiedKFold": ("n_splits", 5),
    "GroupKFold": ("n_splits", 5),
    "StratifiedGroupKFold": ("n_splits", 5),
    "TimeSeriesSplit": ("n_splits", 5),
    "ShuffleSplit": ("n_splits", 10),
    "StratifiedShuffleSplit": ("n_splits", 10),
    "GroupShuffleSplit": ("n_splits", 5),
    "RepeatedKFold": ("n_splits", 5),
    "RepeatedStratifiedKFold": ("n_splits", 5),
}
"""Splitters of ``sklearn.model_selection``: the parameter that counts folds, and its default."""
OLD_FOLDS: Mapping[str, tuple[str, int, int]] = {
    "KFold": ("n_folds", 1, 3),
    "StratifiedKFold": ("n_folds", 1, 3),
    "LabelKFold": ("n_folds", 1, 3),
    "ShuffleSplit": ("n_iter", 1, 10),
    "StratifiedShuffleSplit": ("n_iter", 1, 10),
}
"""Splitters of ``sklearn.cross_validation`` (before 0.20): the parameter, its position and default."""
ALL_SAMPLES = frozenset(("LeaveOneOut", "LeavePOut"))
"""Splitters that fit once for each sample or more."""

CROSS_VALIDATORS = frozenset(
    f"sklearn.{module}.{name}"
    for module in ("model_selection", "cross_validation", "model_selection._validation")
    for name in ("cross_val_score", "cross_validate", "cross_val_predict")
)
BOOSTER_TRAINERS = frozenset(
    "xgboost.train xgboost.cv lightgbm.train lightgbm.cv catboost.train catboost.cv catboost.core.train".split()
)
BOOSTERS = frozenset(
    """XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor LGBMClassifier LGBMRegressor LGBMRanker
    CatBoostClassifier CatBoostRegressor CatBoost CatBoostRanker GradientBoostingClassifier GradientBoostingRegressor
    HistGradientBoostingClassifier HistGradientBoostingRegressor NGBClassifier NGBRegressor DaskXGBClassifier
    DaskXGBRegressor DaskLGBMClassifier DaskLGBMRegressor""".split()
)
LIGHT_ESTIMATORS = frozenset(
    """LinearRegression Ridge RidgeClassifier Lasso LassoLars Lars ElasticNet BayesianRidge ARDRegression
    OrthogonalMatchingPursuit GaussianNB MultinomialNB BernoulliNB ComplementNB CategoricalNB Perceptron SGDClassifier
    SGDRegressor PassiveAggressiveClassifier PassiveAggressiveRegressor HuberRegressor QuantileRegressor
    LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis NearestCentroid DummyClassifier DummyRegressor
    DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor KernelDensity Isotonic
    IsotonicRegression LinearSVR TweedieRegressor PoissonRegressor GammaRegressor SVDpp BaselineOnly""".split()
)
"""Estimators that fit in a small part of the time of the others."""
MODERATE_ESTIMATORS = frozenset(
    """LogisticRegression LinearSVC KNeighborsClassifier KNeighborsRegressor RadiusNeighborsClassifier KMeans
    NearestNeighbors PLSRegression GaussianMixture""".split()
)
"""Estimators whose time depends most on the data: quick on small tables, slow on text."""
TEXT = re.compile(
    r"TfidfVectorizer|CountVectorizer|HashingVectorizer|TfidfTransformer|word2vec|Word2Vec|Doc2Vec|FeatureHasher"
)
"""Features by the ten thousand."""
ITERATION_KEYS = frozenset("n_estimators num_boost_round iterations max_iter num_iterations nrounds num_round".split())
"""Parameters that only say how long a model is trained."""

PREPARATION = re.compile(
    r"""(?x)(?:Scaler|Encoder|Imputer|Vectorizer|Tokenizer|Binarizer|Transformer|Normalizer|Discretizer|Generator|Features
    |PCA|SVD|NMF|Decomposition|Projection|Embedding|TSNE|UMAP|Selector|SelectKBest|SelectFromModel|Percentile|RFE|RFECV
    |Threshold|Sampler|SMOTE|Hasher|Preprocessor|FeatureUnion|ColumnTransformer|LabelBinarizer|Dictionary|Phrases
    |ImageDataGenerator|Augment\w*)$"""
)
"""Classes whose ``fit`` only prepares data."""
STATISTICS_ROOTS = frozenset(("statsmodels", "arch", "pmdarima", "prophet", "fbprophet", "lifelines", "hmmlearn"))
"""Packages whose models fit with few or no arguments."""
NAMED_TRAINING = re.compile(
    r"(?i)^_?(?:run_|do_)?(?:train|fit|retrain|finetune|fine_tune|cross_validate|crossval|cross_val|train_\w*model\w*"
    r"|train_and_\w+|train_eval\w*|train_val\w*|train_one|train_test|train_network|train_net|train_nn|train_cnn"
    r"|train_classifier|fit_model|fit_and_\w+|run_training|run_train|run_cv|training)$"
)
"""Functions that cannot be seen but whose name says that they train."""

SPACED = frozenset(("logspace", "linspace", "geomspace"))
LENGTH_OF_FIRST = frozenset(
    """list tuple sorted reversed enumerate iter tqdm tqdm_notebook trange array asarray sort flip round around rint
    exp exp2 log log2 log10 sqrt abs power float_power int_ float_ int32 int64 float32 float64 shuffle permutation
    round_ fliplr multiply divide add subtract negative reciprocal track""".split()
)
"""Functions that give as many values as their longest argument has."""
SAMPLERS = frozenset(
    """random.sample random.choices numpy.random.choice numpy.random.permutation sklearn.utils.shuffle
    sklearn.utils.resample""".split()
)
"""Functions that pick some of many."""
EMPTY_MAKERS = frozenset(f"builtins.{name}" for name in ("set", "dict", "list")) | {
    "collections.defaultdict",
    "collections.OrderedDict",
    "collections.deque",
}

BENCH_NAMES = re.compile(
    r"""(?xi)^_?(?:(?:random_?)?seeds?\w*|(?:random_)?states?|rng|folds?\w*|(?:k_?)?splits?|i_?fold|kf|cv_?(?:idx|fold|split)|
    data_?sets?(?:_?\w*name\w*)?|data|ds(?:_?names?)?|corpus|corpora|domains?|tasks?|envs?|env_names?|environments?|games?|
    models?|model_?(?:names?|types?|cls|class|id|ids|fn)|clfs?|classifiers?|regressors?|estimators?|learners?|algos?|algorithms?|
    methods?|method_names?|approach\w*|baselines?|archs?|architectures?|backbones?|networks?|nets?|names?|
    runs?|run_?(?:id|idx|num)|trials?|repeats?|reps?|repetitions?|iters?|iterations?|it|rounds?|experiments?|exp_?(?:id|idx)|
    attempts?|bootstraps?|boot|sims?|simulations?|epochs?|ep|episodes?|steps?|batch|batches|batch_?(?:idx|id|i)|
    train\w*|test\w*|val|valid\w*|tr\w?|te|x\w*_train|x|xs|y|ys|xy|samples?|sample|rows?|cols?|columns?|features?|feats?|
    targets?|labels?|class_?(?:es|names?|labels?|id)?|cls|categor\w+|subjects?|users?|items?|stores?|products?|countr\w+|regions?|
    cit\w+|stocks?|tickers?|symbols?|series|horizons?|days?|weeks?|months?|years?|dates?|hours?|time|
    files?|paths?|filenames?|images?|imgs?|axs?|axes|axis|ax|fig|colors?|titles?|langs?|languages?|
    noise(?:_?levels?|s)?|train_?sizes?|data_?sizes?|n_?samples|sizes?_of_data|fractions?|clients?|ranks?|workers?|gpus?|
    devices?|metrics?|scor\w+|losses|modes?|phases?|stages?|versions?|variants?|ablations?|settings?|scenarios?|cases?|
    gen|generations?|individuals?|particles?|population)$"""
)
"""Loop variables that sweep something else than a hyper-parameter."""
HYPER_NAMES = re.compile(
    r"""(?xi)(?:^|_)(?:lr|lrs|lrate|learn\w*rate\w*|rate|eta|alpha|beta\d?|gamma|delta|lam|lamb|lambda\w*|lmbda|mu|nu|tau|rho|
    sigma|eps|epsilon|c|cs|reg\w*|l1\w*|l2\w*|wd|weight_?decay|decay|momentum|mom|dropout\w*|drop|dr|
    n?_?hidden\w*|hid\w*|units?|neurons?|nodes|layers?|n_?layers|depths?|widths?|filters?|kernels?|kernel_size|strides?|
    heads?|embed\w*|emb\w*|dims?|latent\w*|batch_?sizes?|bs|optimi[sz]er\w*|optim|opt|activations?|act|init\w*|
    estimators|trees?|leaves|leaf|num_leaves|max_\w+|min_\w+|subsample|colsample\w*|bytree|child\w*|
    degrees?|deg|neighbou?rs?|k|ks|n_?clusters|components?|n_?components|penalt\w+|solvers?|criteri\w+|
    windows?|window_?sizes?|lags?|lookback|seq_?len\w*|order|seasonal\w*|p|d|q|threshold\w*|tol|temperature\w*|margin|
    params?|param\w*|hyper\w*|hps?|h|config|cfg|combo\w*|combinations?|grid\w*|power|scale|noise_std|bins)(?:_|$)"""
)
"""Loop variables that sweep a hyper-parameter."""
COMPARISON = re.compile(
    r"(?i)ablat|benchmark|(?:^|[_/\-])bench(?:[_/\-.]|$)|sensitiv|robustness|learning_?curve|compar|reproduc|"
    r"heat_?map|contour|demo(?:[_/\-.]|$)|(?:^|[_/\-])table\d*(?:[_/\-.]|$)|figure|plot_"
)
"""Names of files and functions whose aim is the whole table of results."""
