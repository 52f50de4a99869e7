"""Estimators of scikit-learn and the boosting libraries: what they wrap, accept, cost and are called. Data only."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "BOOSTER_ROOTS",
    "COSTLY_TRANSFORMERS",
    "CROSS_VALIDATORS",
    "ESTIMATOR_ROOTS",
    "FITTING",
    "FORESTS",
    "HOLDERS",
    "LARGE_LOADERS",
    "LISTED",
    "LISTED_ALONE",
    "QUICK_TRANSFORMERS",
    "ROUNDS",
    "SEARCHES",
    "SPARSE_ESTIMATORS",
    "STOPPING",
    "VECTORIZERS",
]

ESTIMATOR_ROOTS = frozenset(
    "sklearn xgboost lightgbm catboost imblearn cuml dask_ml skopt mlxtend skdist umap category_encoders".split()
)
"""Packages whose classes are taken for estimators."""
BOOSTER_ROOTS = frozenset(("xgboost", "lightgbm", "catboost"))

SEARCHES: Mapping[str, int] = {
    "GridSearchCV": 0,
    "RandomizedSearchCV": 0,
    "HalvingGridSearchCV": 0,
    "HalvingRandomSearchCV": 0,
    "BayesSearchCV": 0,
    "TuneSearchCV": 0,
    "TuneGridSearchCV": 0,
    "OptunaSearchCV": 0,
}
"""Classes that fit an estimator with many settings: the position of the estimator."""
HOLDERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(SEARCHES, ("estimator",)),
    **dict.fromkeys(
        """OneVsRestClassifier OneVsOneClassifier OutputCodeClassifier MultiOutputClassifier MultiOutputRegressor
        ClassifierChain RegressorChain CalibratedClassifierCV BaggingClassifier BaggingRegressor AdaBoostClassifier
        AdaBoostRegressor RFE RFECV SelectFromModel SequentialFeatureSelector SelfTrainingClassifier
        IterativeImputer FixedThresholdClassifier TunedThresholdClassifierCV""".split(),
        ("estimator", "base_estimator"),
    ),
    "TransformedTargetRegressor": ("regressor",),
    "RANSACRegressor": ("estimator", "base_estimator"),
}
"""Classes that take one estimator, first or by one of these names."""
LISTED: Mapping[str, str] = {
    "Pipeline": "steps",
    "FeatureUnion": "transformer_list",
    "ColumnTransformer": "transformers",
    "VotingClassifier": "estimators",
    "VotingRegressor": "estimators",
    "StackingClassifier": "estimators",
    "StackingRegressor": "estimators",
}
"""Classes that take a list of (name, estimator), first or by this name."""
LISTED_ALONE = frozenset(("make_pipeline", "make_union", "make_column_transformer"))
"""Functions that take estimators one after the other."""

FITTING = frozenset("fit fit_transform fit_predict fit_resample partial_fit".split())
CROSS_VALIDATORS = frozenset(
    "cross_val_score cross_validate cross_val_predict learning_curve validation_curve permutation_test_score".split()
)
"""Functions of ``sklearn.model_selection`` that fit their first argument on each of several splits."""

FORESTS = frozenset(
    """RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor BaggingClassifier
    BaggingRegressor RandomTreesEmbedding IsolationForest""".split()
)
"""Estimators that fit their members in parallel, with one thread each unless told otherwise."""

VECTORIZERS = frozenset("TfidfVectorizer CountVectorizer HashingVectorizer TfidfTransformer FeatureHasher".split())
COSTLY_TRANSFORMERS = VECTORIZERS | frozenset(
    """PCA KernelPCA IncrementalPCA SparsePCA MiniBatchSparsePCA TruncatedSVD NMF MiniBatchNMF FastICA FactorAnalysis
    LatentDirichletAllocation DictionaryLearning MiniBatchDictionaryLearning KNNImputer IterativeImputer
    PolynomialFeatures SplineTransformer KBinsDiscretizer Nystroem UMAP TSNE Isomap LocallyLinearEmbedding MDS
    SpectralEmbedding RFE RFECV SequentialFeatureSelector QuantileTransformer PowerTransformer
    NeighborhoodComponentsAnalysis SMOTE SMOTETomek SMOTEENN ADASYN BorderlineSMOTE""".split()
)
"""Transformers whose fit or transform takes long on much data."""

QUICK_TRANSFORMERS = frozenset(
    """PCA IncrementalPCA PolynomialFeatures SplineTransformer KBinsDiscretizer QuantileTransformer PowerTransformer
    FastICA FactorAnalysis Nystroem TfidfTransformer HashingVectorizer FeatureHasher""".split()
)
"""Those of them that take long only where there are many columns or rows."""

SPARSE_ESTIMATORS = frozenset(
    """LogisticRegression LogisticRegressionCV LinearSVC LinearSVR SVC NuSVC SVR SGDClassifier SGDRegressor Perceptron
    PassiveAggressiveClassifier PassiveAggressiveRegressor Ridge RidgeClassifier RidgeClassifierCV Lasso ElasticNet
    MultinomialNB BernoulliNB ComplementNB TruncatedSVD NMF LatentDirichletAllocation KMeans MiniBatchKMeans
    XGBClassifier XGBRegressor LGBMClassifier LGBMRegressor MaxAbsScaler SelectKBest SelectPercentile""".split()
)
"""Estimators whose ``fit`` takes a sparse matrix as it is, and gains by it."""

ROUNDS: Mapping[str, tuple[str, ...]] = {
    "xgboost": ("num_boost_round", "n_estimators"),
    "lightgbm": (
        "num_boost_round",
        "n_estimators",
        "num_iterations",
        "num_iteration",
        "n_iter",
        "num_tree",
        "num_trees",
        "num_round",
        "num_rounds",
        "nrounds",
    ),
    "catboost": ("iterations", "num_boost_round", "n_estimators", "num_trees"),
    "sklearn": ("max_iter",),
}
"""Names for the number of boosting rounds."""
STOPPING = frozenset(
    """early_stopping_rounds early_stopping_round early_stopping n_iter_no_change od_type od_wait od_pval
    callbacks use_best_model overfitting_detector_type""".split()
)
"""Parameters by which a boosting run may stop before its last round."""

LARGE_LOADERS = frozenset(
    f"sklearn.datasets.{name}"
    for name in (
        "fetch_covtype",
        "fetch_kddcup99",
        "fetch_rcv1",
        "fetch_20newsgroups",
        "fetch_20newsgroups_vectorized",
    )
)
"""Loaders of data sets of more than ten thousand rows."""
