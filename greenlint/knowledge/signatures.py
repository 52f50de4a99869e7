"""Parameters and defaults of the callables that rules ask about. Data only.

Positional order is as released; a default that is not listed is not known. Read in torch 2.13 to 2.15, transformers
5.23, accelerate 1.15, lightning 2.6, scikit-learn 1.9, keras 3.15, keras-tuner 1.4, optuna 5.0 and ray 2.60. Defaults
that other releases had are in ``changes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SIGNATURES", "Signature"]


@dataclass(frozen=True, slots=True)
class Signature:
    """``params`` are those that may be given by position, in order, without ``self``."""

    params: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    keyword_only: frozenset[str] = frozenset()


def _of(params: str, defaults: Mapping[str, object] | None = None) -> Signature:
    return Signature(tuple(params.split()), defaults or {})


# -- PyTorch -----------------------------------------------------------------------------------------------------

_AUTOCAST = _of("device_type dtype enabled cache_enabled", {"dtype": None, "enabled": True, "cache_enabled": None})
_SCALER = "init_scale growth_factor backoff_factor growth_interval enabled"
_FACTORY = {"dtype": None, "device": None, "requires_grad": False, "pin_memory": False}
_CONV = _of(
    "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode device dtype",
    {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "device": None, "dtype": None},
)
_CONV_TRANSPOSE = _of(
    "in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode device dtype",
    {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "bias": True},
)
_RECURRENT_DEFAULTS = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
_RECURRENT = _of(
    "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size device dtype",
    {**_RECURRENT_DEFAULTS, "proj_size": 0},
)
_CELL = _of("input_size hidden_size bias device dtype", {"bias": True})
_TRANSFORMER_LAYER = _of(
    "d_model nhead dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias device dtype",
    {"dim_feedforward": 2048, "dropout": 0.1, "batch_first": False, "norm_first": False, "bias": True},
)

_TORCH: dict[str, Signature] = {
    "torch.utils.data.DataLoader": _of(
        "dataset batch_size shuffle sampler batch_sampler num_workers collate_fn pin_memory drop_last timeout "
        "worker_init_fn multiprocessing_context generator",
        {
            "batch_size": 1,
            "shuffle": False,
            "sampler": None,
            "batch_sampler": None,
            "num_workers": 0,
            "collate_fn": None,
            "pin_memory": False,
            "drop_last": False,
            "timeout": 0,
            "worker_init_fn": None,
            "multiprocessing_context": None,
            "generator": None,
            "prefetch_factor": None,
            "persistent_workers": False,
            "in_order": True,
        },
    ),
    "torch.device": _of("type index"),
    "torch.autocast": _AUTOCAST,
    "torch.amp.autocast": _AUTOCAST,
    "torch.cuda.amp.autocast": _of("enabled dtype cache_enabled", {"enabled": True, "cache_enabled": True}),
    "torch.amp.GradScaler": _of(f"device {_SCALER}", {"device": "cuda", "enabled": True}),
    "torch.cuda.amp.GradScaler": _of(_SCALER, {"enabled": True}),
    "torch.tensor": _of("data", _FACTORY),
    "torch.as_tensor": _of("data dtype device", {"dtype": None, "device": None}),
    "torch.from_numpy": _of("ndarray"),
    "torch.zeros": _of("", _FACTORY),
    "torch.ones": _of("", _FACTORY),
    "torch.empty": _of("", _FACTORY),
    "torch.rand": _of("", _FACTORY),
    "torch.randn": _of("", _FACTORY),
    "torch.full": _of("size fill_value", _FACTORY),
    "torch.eye": _of("n m", _FACTORY),
    "torch.arange": _of("", _FACTORY),
    "torch.linspace": _of("start end steps", _FACTORY),
    "torch.logspace": _of("start end steps base", {**_FACTORY, "base": 10.0}),
    "torch.randint": _of("", _FACTORY),
    "torch.randperm": _of("n", _FACTORY),
    "torch.normal": _of(""),
    "torch.zeros_like": _of("input", _FACTORY),
    "torch.ones_like": _of("input", _FACTORY),
    "torch.empty_like": _of("input", _FACTORY),
    "torch.full_like": _of("input fill_value", _FACTORY),
    "torch.rand_like": _of("input", _FACTORY),
    "torch.randn_like": _of("input", _FACTORY),
    "torch.nn.Linear": _of("in_features out_features bias device dtype", {"bias": True}),
    "torch.nn.LazyLinear": _of("out_features bias device dtype", {"bias": True}),
    "torch.nn.Conv1d": _CONV,
    "torch.nn.Conv2d": _CONV,
    "torch.nn.Conv3d": _CONV,
    "torch.nn.ConvTranspose1d": _CONV_TRANSPOSE,
    "torch.nn.ConvTranspose2d": _CONV_TRANSPOSE,
    "torch.nn.ConvTranspose3d": _CONV_TRANSPOSE,
    "torch.nn.LSTM": _RECURRENT,
    "torch.nn.GRU": _RECURRENT,
    "torch.nn.RNN": _of(
        "input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional",
        {**_RECURRENT_DEFAULTS, "nonlinearity": "tanh"},
    ),
    "torch.nn.LSTMCell": _CELL,
    "torch.nn.GRUCell": _CELL,
    "torch.nn.RNNCell": _of("input_size hidden_size bias nonlinearity device dtype", {"bias": True}),
    "torch.nn.MultiheadAttention": _of(
        "embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first device dtype",
        {"dropout": 0.0, "bias": True, "kdim": None, "vdim": None, "batch_first": False},
    ),
    "torch.nn.TransformerEncoderLayer": _TRANSFORMER_LAYER,
    "torch.nn.TransformerDecoderLayer": _TRANSFORMER_LAYER,
    "torch.nn.Transformer": _of(
        "d_model nhead num_encoder_layers num_decoder_layers dim_feedforward dropout",
        {"d_model": 512, "nhead": 8, "num_encoder_layers": 6, "num_decoder_layers": 6, "dim_feedforward": 2048},
    ),
    "torch.nn.Embedding": _of("num_embeddings embedding_dim padding_idx", {"padding_idx": None, "sparse": False}),
}

# -- Hugging Face, Lightning, DeepSpeed --------------------------------------------------------------------------

_TRAINING_ARGUMENTS = _of(
    "output_dir",
    {
        "bf16": False,
        "fp16": False,
        "bf16_full_eval": False,
        "fp16_full_eval": False,
        "tf32": None,
        "use_cpu": False,
        "no_cuda": False,
        "deepspeed": None,
        "fsdp": None,
        "fsdp_config": None,
        "torch_compile": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": True,
        "dataloader_persistent_workers": False,
        "dataloader_prefetch_factor": None,
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "num_train_epochs": 3.0,
        "max_steps": -1,
        "eval_strategy": "no",
        "evaluation_strategy": "no",
        "save_strategy": "steps",
        "save_steps": 500,
        "logging_steps": 500,
        "load_best_model_at_end": False,
        "auto_find_batch_size": False,
        "torch_empty_cache_steps": None,
    },
)
_HF_TRAINER = _of(
    "model args data_collator train_dataset eval_dataset",
    dict.fromkeys("model args data_collator train_dataset eval_dataset callbacks model_init".split()),
)

_TRAINERS: dict[str, Signature] = {
    "transformers.TrainingArguments": _TRAINING_ARGUMENTS,
    "transformers.Seq2SeqTrainingArguments": _TRAINING_ARGUMENTS,
    "transformers.Trainer": _HF_TRAINER,
    "transformers.Seq2SeqTrainer": _HF_TRAINER,
    "transformers.pipeline": _of("task model config", {"device": None, "device_map": None, "batch_size": 1}),
    "accelerate.Accelerator": _of(
        "device_placement split_batches mixed_precision gradient_accumulation_steps cpu",
        {
            "device_placement": True,
            "mixed_precision": None,
            "gradient_accumulation_steps": 1,
            "cpu": False,
            "deepspeed_plugin": None,
            "fsdp_plugin": None,
            "kwargs_handlers": None,
        },
    ),
    "lightning.pytorch.Trainer": _of(
        "",
        {
            "accelerator": "auto",
            "strategy": "auto",
            "devices": "auto",
            "precision": None,
            "callbacks": None,
            "fast_dev_run": False,
            "max_epochs": None,
            "max_steps": -1,
            "max_time": None,
            "limit_train_batches": None,
            "check_val_every_n_epoch": 1,
            "val_check_interval": None,
            "accumulate_grad_batches": 1,
            "benchmark": None,
            "deterministic": None,
            "inference_mode": True,
            "profiler": None,
            "detect_anomaly": False,
            "plugins": None,
            "reload_dataloaders_every_n_epochs": 0,
        },
    ),
    "lightning.fabric.Fabric": _of(
        "", {"accelerator": "auto", "strategy": "auto", "devices": "auto", "precision": None, "plugins": None}
    ),
    "deepspeed.initialize": _of(
        "args model optimizer model_parameters training_data lr_scheduler distributed_port mpu "
        "dist_init_required collate_fn config mesh_param config_params",
        {"config": None, "config_params": None},
    ),
}

# -- scikit-learn and its relatives ------------------------------------------------------------------------------

_GRID_SEARCH = _of(
    "estimator param_grid",
    {"scoring": None, "n_jobs": None, "refit": True, "cv": None, "verbose": 0, "return_train_score": False},
)
_DASK_SEARCH = {"scoring": None, "refit": True, "cv": None, "scheduler": None, "n_jobs": -1, "cache_cv": True}
_HALVING = {"factor": 3, "resource": "n_samples", "cv": 5, "n_jobs": None, "refit": True, "return_train_score": True}
_CROSS_VALIDATION = _of("estimator X y", {"y": None, "groups": None, "cv": None, "n_jobs": None, "verbose": 0})
_FIVE_FOLDS = _of("n_splits", {"n_splits": 5, "shuffle": False})
_TEN_SPLITS = _of("n_splits", {"n_splits": 10})
_REPEATED = _of("", {"n_splits": 5, "n_repeats": 10})

_SEARCHES: dict[str, Signature] = {
    "sklearn.model_selection.GridSearchCV": _GRID_SEARCH,
    "cuml.model_selection.GridSearchCV": _GRID_SEARCH,
    "tune_sklearn.TuneGridSearchCV": _GRID_SEARCH,
    "sklearn.model_selection.RandomizedSearchCV": _of(
        "estimator param_distributions", {**_GRID_SEARCH.defaults, "n_iter": 10, "random_state": None}
    ),
    "sklearn.model_selection.HalvingGridSearchCV": _of("estimator param_grid", _HALVING),
    "sklearn.model_selection.HalvingRandomSearchCV": _of(
        "estimator param_distributions", {**_HALVING, "n_candidates": "exhaust"}
    ),
    "dask_ml.model_selection.GridSearchCV": _of(
        "estimator param_grid scoring iid refit cv error_score return_train_score scheduler n_jobs cache_cv",
        _DASK_SEARCH,
    ),
    "dask_ml.model_selection.RandomizedSearchCV": _of(
        "estimator param_distributions n_iter random_state scoring iid refit cv", {**_DASK_SEARCH, "n_iter": 10}
    ),
    "skopt.BayesSearchCV": _of(
        "estimator search_spaces optimizer_kwargs n_iter scoring fit_params n_jobs n_points iid refit cv",
        {"n_iter": 50, "scoring": None, "n_jobs": 1, "n_points": 1, "refit": True, "cv": None},
    ),
    "sklearn.model_selection.ParameterGrid": _of("param_grid"),
    "sklearn.model_selection.ParameterSampler": _of("param_distributions n_iter", {"random_state": None}),
    "sklearn.model_selection.cross_val_score": _CROSS_VALIDATION,
    "sklearn.model_selection.cross_validate": _CROSS_VALIDATION,
    "sklearn.model_selection.cross_val_predict": _CROSS_VALIDATION,
    "sklearn.model_selection.KFold": _FIVE_FOLDS,
    "sklearn.model_selection.StratifiedKFold": _FIVE_FOLDS,
    "sklearn.model_selection.StratifiedGroupKFold": _FIVE_FOLDS,
    "sklearn.model_selection.GroupKFold": _FIVE_FOLDS,
    "sklearn.model_selection.TimeSeriesSplit": _of("n_splits", {"n_splits": 5}),
    "sklearn.model_selection.ShuffleSplit": _TEN_SPLITS,
    "sklearn.model_selection.StratifiedShuffleSplit": _TEN_SPLITS,
    "sklearn.model_selection.RepeatedKFold": _REPEATED,
    "sklearn.model_selection.RepeatedStratifiedKFold": _REPEATED,
    "sklearn.model_selection.LeaveOneOut": _of(""),
    "sklearn.model_selection.LeavePOut": _of("p"),
}

# -- Optuna, Ray Tune, Keras Tuner, Weights & Biases -------------------------------------------------------------

_ASHA = _of(
    "time_attr metric mode max_t grace_period reduction_factor brackets stop_last_trials",
    {"max_t": 100, "grace_period": 1, "reduction_factor": 4, "brackets": 1},
)
_KERAS_TUNER = "hypermodel objective max_trials"

_TUNERS: dict[str, Signature] = {
    "optuna.create_study": _of(
        "",
        {
            "storage": None,
            "sampler": None,
            "pruner": None,
            "study_name": None,
            "direction": None,
            "load_if_exists": False,
            "directions": None,
        },
    ),
    "optuna.Study.optimize": _of(
        "func n_trials timeout n_jobs catch callbacks gc_after_trial show_progress_bar",
        {"n_trials": None, "timeout": None, "n_jobs": 1, "callbacks": None, "gc_after_trial": False},
    ),
    "ray.tune.run": _of("run_or_experiment", {"scheduler": None, "search_alg": None, "num_samples": 1, "stop": None}),
    "ray.tune.Tuner": _of("trainable", {"param_space": None, "tune_config": None, "run_config": None}),
    "ray.tune.TuneConfig": _of(
        "mode metric search_alg scheduler num_samples max_concurrent_trials time_budget_s",
        {"search_alg": None, "scheduler": None, "num_samples": 1, "time_budget_s": None},
    ),
    "ray.tune.grid_search": _of("values"),
    "ray.tune.schedulers.ASHAScheduler": _ASHA,
    "ray.tune.schedulers.AsyncHyperBandScheduler": _ASHA,
    "ray.tune.schedulers.HyperBandScheduler": _of(
        "time_attr metric mode max_t reduction_factor", {"max_t": 81, "reduction_factor": 3}
    ),
    "keras_tuner.GridSearch": _of(
        f"{_KERAS_TUNER} seed hyperparameters", {"hypermodel": None, "objective": None, "max_trials": None}
    ),
    "keras_tuner.RandomSearch": _of(f"{_KERAS_TUNER} seed hyperparameters", {"objective": None, "max_trials": 10}),
    "keras_tuner.BayesianOptimization": _of(_KERAS_TUNER, {"objective": None, "max_trials": 10}),
    "keras_tuner.Hyperband": _of(
        "hypermodel objective max_epochs factor hyperband_iterations",
        {"objective": None, "max_epochs": 100, "factor": 3, "hyperband_iterations": 1},
    ),
    "wandb.sweep": _of("sweep entity project"),
}

# -- Keras, TensorFlow, NumPy ------------------------------------------------------------------------------------

_KERAS_CONV = _of("filters kernel_size strides padding", {"padding": "valid", "activation": None, "use_bias": True})
_KERAS_RECURRENT = _of(
    "units activation recurrent_activation",
    {
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "use_bias": True,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "return_sequences": False,
        "stateful": False,
        "unroll": False,
    },
)

_ARRAYS_AND_KERAS: dict[str, Signature] = {
    "keras.Model.compile": _of(
        "optimizer loss loss_weights metrics weighted_metrics run_eagerly steps_per_execution jit_compile",
        {"optimizer": "rmsprop", "loss": None, "metrics": None, "run_eagerly": False, "steps_per_execution": 1},
    ),
    "keras.Model.fit": _of(
        "x y batch_size epochs verbose callbacks validation_split validation_data shuffle",
        {"batch_size": None, "epochs": 1, "callbacks": None, "validation_split": 0.0, "validation_data": None},
    ),
    "keras.Model.evaluate": _of("x y batch_size verbose", {"batch_size": None, "steps": None, "callbacks": None}),
    "keras.Model.predict": _of(
        "x batch_size verbose steps callbacks", {"batch_size": None, "steps": None, "callbacks": None}
    ),
    "keras.layers.Conv1D": _KERAS_CONV,
    "keras.layers.Conv2D": _KERAS_CONV,
    "keras.layers.Conv3D": _KERAS_CONV,
    "keras.layers.Conv2DTranspose": _KERAS_CONV,
    "keras.layers.Dense": _of("units activation use_bias", {"activation": None, "use_bias": True}),
    "keras.layers.LSTM": _KERAS_RECURRENT,
    "keras.layers.GRU": _of(
        "units activation recurrent_activation", {**_KERAS_RECURRENT.defaults, "reset_after": True}
    ),
    "keras.layers.MultiHeadAttention": _of("num_heads key_dim value_dim dropout", {"value_dim": None, "dropout": 0.0}),
    "keras.layers.Embedding": _of("input_dim output_dim", {"mask_zero": False}),
    "keras.callbacks.EarlyStopping": _of(
        "monitor min_delta patience verbose mode baseline restore_best_weights",
        {"monitor": "val_loss", "min_delta": 0, "patience": 0, "restore_best_weights": False},
    ),
    "tensorflow.device": _of("device_name"),
    "numpy.arange": _of("", {"dtype": None}),
    "numpy.linspace": _of("start stop num endpoint retstep dtype axis", {"num": 50, "endpoint": True, "dtype": None}),
    "numpy.logspace": _of(
        "start stop num endpoint base dtype axis", {"num": 50, "endpoint": True, "base": 10.0, "dtype": None}
    ),
    "numpy.geomspace": _of("start stop num endpoint dtype axis", {"num": 50, "endpoint": True, "dtype": None}),
}

SIGNATURES: Mapping[str, Signature] = {**_TORCH, **_TRAINERS, **_SEARCHES, **_TUNERS, **_ARRAYS_AND_KERAS}
"""By canonical name."""
