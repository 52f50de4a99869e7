"""Other spellings of the names that rules use. Data only."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["ALIASES", "FLAT", "canonical"]

ALIASES: tuple[tuple[str, str], ...] = (
    # Lightning
    ("pytorch_lightning", "lightning.pytorch"),
    ("lightning_fabric", "lightning.fabric"),
    ("lightning.Trainer", "lightning.pytorch.Trainer"),
    ("lightning.LightningModule", "lightning.pytorch.LightningModule"),
    ("lightning.LightningDataModule", "lightning.pytorch.LightningDataModule"),
    ("lightning.Callback", "lightning.pytorch.Callback"),
    ("lightning.Fabric", "lightning.fabric.Fabric"),
    ("lightning.fabric.fabric", "lightning.fabric"),
    ("lightning.pytorch.callbacks.Callback", "lightning.pytorch.Callback"),
    # Keras
    ("tensorflow.keras", "keras"),
    ("tensorflow.python.keras", "keras"),
    ("tensorflow.compat.v1.keras", "keras"),
    ("tensorflow.compat.v2.keras", "keras"),
    ("tensorflow.compat.v2", "tensorflow"),
    ("tf_keras", "keras"),
    ("tf_keras.src", "keras"),
    ("keras.src", "keras"),
    ("keras.api", "keras"),
    ("keras._tf_keras.keras", "keras"),
    ("keras.engine.training.Model", "keras.Model"),
    ("keras.engine.Model", "keras.Model"),
    ("keras.engine.sequential.Sequential", "keras.Sequential"),
    ("keras.mixed_precision.experimental", "keras.mixed_precision"),
    ("kerastuner", "keras_tuner"),
    ("keras_tuner.src", "keras_tuner"),
    # PyTorch
    ("torch.utils.data.dataloader", "torch.utils.data"),
    ("torch.utils.data.dataset", "torch.utils.data"),
    ("torch.utils.data.sampler", "torch.utils.data"),
    ("torch.utils.data.DistributedSampler", "torch.utils.data.distributed.DistributedSampler"),
    ("torch.autograd.grad_mode", "torch"),
    ("torch.autograd.no_grad", "torch.no_grad"),
    ("torch.autograd.enable_grad", "torch.enable_grad"),
    ("torch.autograd.set_grad_enabled", "torch.set_grad_enabled"),
    ("torch.autograd.inference_mode", "torch.inference_mode"),
    ("torch.autograd.variable", "torch.autograd"),
    ("torch.amp.autocast_mode", "torch.amp"),
    ("torch.amp.grad_scaler", "torch.amp"),
    ("torch.cuda.amp.autocast_mode", "torch.cuda.amp"),
    ("torch.cuda.amp.grad_scaler", "torch.cuda.amp"),
    ("torch.nn.parameter", "torch.nn"),
    ("torch.nn.parallel.DataParallel", "torch.nn.DataParallel"),
    ("torch.nn.parallel.data_parallel.DataParallel", "torch.nn.DataParallel"),
    ("torch.nn.parallel.distributed", "torch.nn.parallel"),
    ("torch.distributed.fsdp.fully_sharded_data_parallel", "torch.distributed.fsdp"),
    ("torch.utils.tensorboard.writer", "torch.utils.tensorboard"),
    ("tensorboardX.writer", "tensorboardX"),
    ("torchvision.transforms.transforms", "torchvision.transforms"),
    *((f"torchvision.models.{each}", "torchvision.models") for each in "resnet vgg densenet inception".split()),
    *((f"torchvision.models.{each}", "torchvision.models") for each in "mobilenet efficientnet convnext".split()),
    ("torchvision.models.alexnet.alexnet", "torchvision.models.alexnet"),
    ("torchvision.models.googlenet.googlenet", "torchvision.models.googlenet"),
    ("torch_geometric.data.DataLoader", "torch_geometric.loader.DataLoader"),
    ("torch_geometric.loader.dataloader", "torch_geometric.loader"),
    # Hugging Face
    ("accelerate.accelerator", "accelerate"),
    # scikit-learn and other searches
    ("sklearn.model_selection._search", "sklearn.model_selection"),
    ("sklearn.model_selection._validation", "sklearn.model_selection"),
    ("skopt.searchcv", "skopt"),
    ("ray.tune.tuner", "ray.tune"),
    ("ray.tune.tune_config", "ray.tune"),
    ("ray.tune.schedulers.async_hyperband", "ray.tune.schedulers"),
    ("ray.tune.schedulers.hyperband", "ray.tune.schedulers"),
    ("dask_ml.model_selection._search", "dask_ml.model_selection"),
    ("optuna.study.create_study", "optuna.create_study"),
    ("optuna.study.load_study", "optuna.load_study"),
    ("optuna.study.Study", "optuna.Study"),
)
"""(other spelling, canonical name); the longest prefix wins."""

_SKLEARN = """calibration cluster compose covariance cross_decomposition decomposition discriminant_analysis dummy
    ensemble gaussian_process linear_model manifold mixture multiclass multioutput naive_bayes neighbors neural_network
    pipeline preprocessing semi_supervised svm tree model_selection feature_selection impute""".split()

FLAT: Mapping[str, str] = {
    "torch.nn.modules": "torch.nn",
    "torch.optim": "torch.optim",
    "torch.optim.lr_scheduler": "torch.optim.lr_scheduler",
    "torch.optim.swa_utils": "torch.optim.swa_utils",
    "torchvision.datasets": "torchvision.datasets",
    "lightning.pytorch.trainer": "lightning.pytorch",
    "lightning.pytorch.core": "lightning.pytorch",
    "lightning.pytorch.callbacks": "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers": "lightning.pytorch.loggers",
    "keras.layers": "keras.layers",
    "keras.models": "keras.models",
    "keras.losses": "keras.losses",
    "keras.callbacks": "keras.callbacks",
    "keras.optimizers": "keras.optimizers",
    "keras.optimizers.schedules": "keras.optimizers.schedules",
    "keras_tuner": "keras_tuner",
    "keras_tuner.oracles": "keras_tuner.oracles",
    "transformers": "transformers",
    "transformers.utils": "transformers.utils",
    "transformers.integrations": "transformers.integrations",
    "diffusers": "diffusers",
    "diffusers.utils": "diffusers.utils",
    **{f"sklearn.{each}": f"sklearn.{each}" for each in _SKLEARN},
    "sklearn.gaussian_process.kernels": "sklearn.gaussian_process.kernels",
}
"""Package -> package under which the classes of its modules are known, however deep they lie."""

_CLASS = re.compile(r"\.[A-Z]")
_TARGETS = dict(ALIASES)
_ROOTS = frozenset(each.partition(".")[0] for each in (*_TARGETS, *FLAT))


def canonical(name: str) -> str:
    """The spelling that rules and tables use."""
    if name.partition(".")[0] not in _ROOTS:
        return name
    prefix = name
    while prefix:
        target = _TARGETS.get(prefix)
        if target is not None:
            return _flattened(target + name[len(prefix) :])
        prefix = prefix.rpartition(".")[0]
    return _flattened(name)


def _flattened(name: str) -> str:
    """``name`` without the modules between a package and a class of it."""
    match = _CLASS.search(name)
    package = name[: match.start()] if match is not None else ""
    while package and match is not None:
        target = FLAT.get(package)
        if target is not None:
            return target + name[match.start() :]
        package = package.rpartition(".")[0]
    return name
