"""Tuning frameworks: what starts, samples and stops their trials. Data only."""

from __future__ import annotations

import re

__all__ = [
    "CROSSED_NOT_TUNED",
    "KERAS_TUNERS",
    "LENGTH_ONLY_STOPS",
    "PRUNABLE_BOOSTERS",
    "RAY_GRID",
    "RAY_RUNS",
    "RAY_SUCCESSIVE",
    "STOPPING_KEYS",
    "STOPS_TRAINING",
]

PRUNABLE_BOOSTERS = re.compile(r"^(?:xgboost|lightgbm|catboost)\.|^(?:Dask)?(?:XGB|LGBM|CatBoost)")
"""Boosters with a pruning callback."""

STOPS_TRAINING = re.compile(r"(?i)early_?stop|^stop_?(?:early|training)|^patience$|terminate_?early")
"""Names of callbacks, functions and arguments that end a training which no longer improves."""

RAY_GRID = ("ray.tune.grid_search", "ray.tune.sample.grid_search", "ray.tune.search.sample.grid_search")
RAY_RUNS = ("ray.tune.run", "ray.tune.TuneConfig")
RAY_SUCCESSIVE = frozenset(("ASHAScheduler", "AsyncHyperBandScheduler", "HyperBandScheduler", "MedianStoppingRule"))
LENGTH_ONLY_STOPS = frozenset(
    (
        "training_iteration",
        "timesteps_total",
        "time_total_s",
        "episodes_total",
        "num_env_steps_sampled",
        "num_env_steps_sampled_lifetime",
        "agent_timesteps_total",
        "epoch",
        "epochs",
    )
)
"""Keys of Ray's ``stop`` that say how long each trial is, whatever its results."""
STOPPING_KEYS = frozenset(
    ("early_stopping_rounds", "early_stopping_round", "early_stopping", "n_iter_no_change", "od_wait", "od_type")
)
"""Entries of a dictionary of settings that do the same."""

KERAS_TUNERS = tuple(
    f"keras_tuner.{module}{name}"
    for module in ("", "tuners.")
    for name in ("GridSearch", "RandomSearch", "BayesianOptimization")
)
"""Tuners that end no trial early."""

CROSSED_NOT_TUNED = re.compile(
    r"(?i)^_?(?:\w*seeds?|\w*folds?|splits?|random_?state|\w*data_?sets?(?:_?name)?|tasks?|envs?|env_?(?:name|id)s?|domains?|"
    r"repeats?|reps?|runs?|run_?id|trials?|\w*ablat\w*|use_\w+|with_\w+|no_\w+|models?|model_?(?:names?|types?)|"
    r"algos?|algorithms?|methods?|baselines?|archs?|architectures?|backbones?|subjects?|languages?)$"
)
"""Axes of a grid that compare or repeat, rather than look for the best value."""
