"""What calls of the libraries return, and what their methods do to device and dtype. Data only."""

from __future__ import annotations

import enum

__all__ = [
    "CASTS",
    "CHAINED",
    "HOST_METADATA",
    "METHOD_RETURNS",
    "PASS_THROUGH_ITERATORS",
    "RETURNS_SEVERAL",
    "TENSOR_FACTORIES",
    "TENSOR_VIEWS",
    "TO_HOST",
    "Kind",
    "kind_of_base",
    "kind_returned",
]


class Kind(enum.Enum):
    """What sort of thing a value is."""

    TENSOR = "tensor"
    ARRAY = "array"
    MODULE = "module"
    HF_MODEL = "transformers model"
    CRITERION = "criterion"
    OPTIMIZER = "optimizer"
    SCHEDULER = "scheduler"
    DATALOADER = "data loader"
    DATASET = "dataset"
    GRAD_SCALER = "gradient scaler"
    ACCELERATOR = "accelerator"
    FABRIC = "fabric"
    DEEPSPEED_ENGINE = "deepspeed engine"
    TRAINER = "transformers trainer"
    TRAINING_ARGUMENTS = "training arguments"
    LIGHTNING_TRAINER = "lightning trainer"
    KERAS_MODEL = "keras model"
    TF_DATASET = "tf.data dataset"
    TF_TAPE = "gradient tape"
    JAX_ARRAY = "jax array"
    ESTIMATOR = "estimator"
    SEARCH = "search"
    STUDY = "study"
    DATAFRAME = "data frame"
    DEVICE = "device"
    DTYPE = "dtype"
    TOKENIZER = "tokenizer"
    SUMMARY_WRITER = "summary writer"
    METRIC = "metric"
    PIPELINE = "pipeline"


_RETURNS: dict[str, Kind] = {
    "torch.utils.data.DataLoader": Kind.DATALOADER,
    "torch_geometric.loader.DataLoader": Kind.DATALOADER,
    "torch_geometric.loader.NeighborLoader": Kind.DATALOADER,
    "timm.data.create_loader": Kind.DATALOADER,
    "torch.nn.Parameter": Kind.TENSOR,
    "torch.nn.DataParallel": Kind.MODULE,
    "torch.nn.parallel.DistributedDataParallel": Kind.MODULE,
    "torch.distributed.fsdp.FullyShardedDataParallel": Kind.MODULE,
    "torch.compile": Kind.MODULE,
    "torch.jit.script": Kind.MODULE,
    "torch.jit.load": Kind.MODULE,
    "torch.hub.load": Kind.MODULE,
    "torch.amp.GradScaler": Kind.GRAD_SCALER,
    "torch.cuda.amp.GradScaler": Kind.GRAD_SCALER,
    "torch.utils.tensorboard.SummaryWriter": Kind.SUMMARY_WRITER,
    "tensorboardX.SummaryWriter": Kind.SUMMARY_WRITER,
    "torch.from_numpy": Kind.TENSOR,
    "accelerate.Accelerator": Kind.ACCELERATOR,
    "lightning.fabric.Fabric": Kind.FABRIC,
    "lightning.pytorch.Trainer": Kind.LIGHTNING_TRAINER,
    "transformers.Trainer": Kind.TRAINER,
    "transformers.Seq2SeqTrainer": Kind.TRAINER,
    "transformers.TrainingArguments": Kind.TRAINING_ARGUMENTS,
    "transformers.Seq2SeqTrainingArguments": Kind.TRAINING_ARGUMENTS,
    "transformers.pipeline": Kind.PIPELINE,
    "transformers.AdamW": Kind.OPTIMIZER,
    "transformers.Adafactor": Kind.OPTIMIZER,
    "transformers.get_scheduler": Kind.SCHEDULER,
    "transformers.get_linear_schedule_with_warmup": Kind.SCHEDULER,
    "transformers.get_cosine_schedule_with_warmup": Kind.SCHEDULER,
    "transformers.get_constant_schedule_with_warmup": Kind.SCHEDULER,
    "timm.create_model": Kind.MODULE,
    "timm.models.create_model": Kind.MODULE,
    "keras.Model": Kind.KERAS_MODEL,
    "keras.Sequential": Kind.KERAS_MODEL,
    "keras.models.Model": Kind.KERAS_MODEL,
    "keras.models.Sequential": Kind.KERAS_MODEL,
    "keras.models.load_model": Kind.KERAS_MODEL,
    "tensorflow.GradientTape": Kind.TF_TAPE,
    "optuna.create_study": Kind.STUDY,
    "optuna.load_study": Kind.STUDY,
    "sklearn.model_selection.GridSearchCV": Kind.SEARCH,
    "sklearn.model_selection.RandomizedSearchCV": Kind.SEARCH,
    "sklearn.model_selection.HalvingGridSearchCV": Kind.SEARCH,
    "sklearn.model_selection.HalvingRandomSearchCV": Kind.SEARCH,
    "skopt.BayesSearchCV": Kind.SEARCH,
    "pandas.DataFrame": Kind.DATAFRAME,
    "pandas.read_csv": Kind.DATAFRAME,
    "pandas.read_parquet": Kind.DATAFRAME,
    "pandas.concat": Kind.DATAFRAME,
    "pandas.merge": Kind.DATAFRAME,
}

_PREFIXES: tuple[tuple[str, Kind], ...] = (
    ("torch.optim.lr_scheduler.", Kind.SCHEDULER),
    ("torch.optim.", Kind.OPTIMIZER),
    ("bitsandbytes.optim.", Kind.OPTIMIZER),
    ("apex.optimizers.", Kind.OPTIMIZER),
    ("timm.optim.", Kind.OPTIMIZER),
    ("timm.scheduler.", Kind.SCHEDULER),
    ("timm.loss.", Kind.CRITERION),
    ("monai.losses.", Kind.CRITERION),
    ("torchvision.datasets.", Kind.DATASET),
    ("torchvision.models.", Kind.MODULE),
    ("torchmetrics.functional.", Kind.TENSOR),
    ("torchmetrics.", Kind.METRIC),
    ("segmentation_models_pytorch.losses.", Kind.CRITERION),
    ("segmentation_models_pytorch.", Kind.MODULE),
    ("efficientnet_pytorch.", Kind.MODULE),
    ("pretrainedmodels.", Kind.MODULE),
    ("torch.nn.functional.", Kind.TENSOR),
    ("torch.linalg.", Kind.TENSOR),
    ("torch.fft.", Kind.TENSOR),
    ("tensorflow.data.", Kind.TF_DATASET),
    ("keras.applications.", Kind.KERAS_MODEL),
    ("jax.numpy.", Kind.JAX_ARRAY),
    ("numpy.random.", Kind.ARRAY),
    ("polars.read_", Kind.DATAFRAME),
    ("pandas.read_", Kind.DATAFRAME),
    ("xgboost.XGB", Kind.ESTIMATOR),
    ("lightgbm.LGBM", Kind.ESTIMATOR),
    ("catboost.CatBoost", Kind.ESTIMATOR),
)

_NOT_TENSORS = frozenset(
    f"torch.{name}"
    for name in """load save device manual_seed no_grad enable_grad inference_mode autocast numel finfo iinfo typename
    equal allclose use_deterministic_algorithms vmap seed initial_seed compile chunk split unbind meshgrid max min topk
    sort unique can_cast promote_types result_type broadcast_shapes cond fork_rng""".split()
)
_SETTINGS = ("set_", "get_", "is_", "are_")
"""How the functions of PyTorch begin that change or ask for a setting."""

_ARRAYS = frozenset(
    """array asarray zeros ones empty full arange linspace logspace eye stack concatenate vstack hstack load mean sum
    expand_dims where reshape transpose squeeze zeros_like ones_like full_like clip argmax argmin argsort sort exp log
    sqrt abs dot matmul append tile repeat diff cumsum ascontiguousarray fromstring frombuffer loadtxt genfromtxt
    column_stack float32 float64 unique percentile std var max min median maximum minimum round""".split()
)

_LOSSES = frozenset(
    """CrossEntropyLoss NLLLoss MSELoss L1Loss BCELoss BCEWithLogitsLoss SmoothL1Loss HuberLoss KLDivLoss CTCLoss
    PoissonNLLLoss GaussianNLLLoss MarginRankingLoss HingeEmbeddingLoss MultiLabelMarginLoss MultiMarginLoss
    MultiLabelSoftMarginLoss SoftMarginLoss CosineEmbeddingLoss TripletMarginLoss TripletMarginWithDistanceLoss
    NLLLoss2d""".split()
)


_NOT_ESTIMATORS = tuple(
    f"sklearn.{name}."
    for name in "metrics utils exceptions model_selection cross_validation gaussian_process.kernels inspection".split()
)


def kind_returned(name: str) -> Kind | None:
    """What calling this canonical name returns."""
    known = _RETURNS.get(name)
    if known is not None:
        return known
    for prefix, kind in _PREFIXES:
        if name.startswith(prefix):
            return kind
    root, _, last = name.rpartition(".")
    if root == "torch":
        plain = last[:1].islower() and not last.startswith(_SETTINGS)
        return Kind.TENSOR if plain and name not in _NOT_TENSORS else None
    if root == "torch.nn":
        return Kind.CRITERION if last in _LOSSES else Kind.MODULE if last[:1].isupper() else None
    if root == "numpy":
        return Kind.ARRAY if last in _ARRAYS else None
    if name.startswith("transformers.") and last in ("from_pretrained", "from_config"):
        return Kind.HF_MODEL if "Model" in root or "For" in root else Kind.TOKENIZER if "Tokenizer" in root else None
    if name.startswith("transformers.") and (last.endswith("Model") or "For" in last) and last[:1].isupper():
        return Kind.HF_MODEL
    if name.startswith("sklearn.") and last[:1].isupper():
        return None if name.startswith(_NOT_ESTIMATORS) else Kind.ESTIMATOR
    return None


RETURNS_SEVERAL: dict[str, tuple[Kind | None, ...]] = {
    "torch.max": (Kind.TENSOR, Kind.TENSOR),
    "torch.min": (Kind.TENSOR, Kind.TENSOR),
    "torch.topk": (Kind.TENSOR, Kind.TENSOR),
    "torch.sort": (Kind.TENSOR, Kind.TENSOR),
    "deepspeed.initialize": (Kind.DEEPSPEED_ENGINE, Kind.OPTIMIZER, Kind.DATALOADER, Kind.SCHEDULER),
}
"""Calls that return a tuple, with the kinds of its elements."""

_BASES: dict[str, Kind] = {
    "torch.nn.Module": Kind.MODULE,
    "torch.nn.Sequential": Kind.MODULE,
    "torch.nn.modules.loss._Loss": Kind.CRITERION,
    "torch.nn.modules.loss._WeightedLoss": Kind.CRITERION,
    "torch.jit.ScriptModule": Kind.MODULE,
    "lightning.pytorch.LightningModule": Kind.MODULE,
    "transformers.PreTrainedModel": Kind.HF_MODEL,
    "transformers.Trainer": Kind.TRAINER,
    "torch.utils.data.Dataset": Kind.DATASET,
    "torch.utils.data.IterableDataset": Kind.DATASET,
    "torch.utils.data.DataLoader": Kind.DATALOADER,
    "torch_geometric.data.Dataset": Kind.DATASET,
    "torch_geometric.data.InMemoryDataset": Kind.DATASET,
    "sklearn.base.BaseEstimator": Kind.ESTIMATOR,
    "keras.Model": Kind.KERAS_MODEL,
    "keras.models.Model": Kind.KERAS_MODEL,
    "keras.Sequential": Kind.KERAS_MODEL,
}


def kind_of_base(name: str) -> Kind | None:
    """What instances of a class with this base are."""
    known = _BASES.get(name)
    if known is not None:
        return known
    if name.startswith("torchvision.datasets."):
        return Kind.DATASET
    if name.startswith("torch.optim."):
        return Kind.SCHEDULER if name.startswith("torch.optim.lr_scheduler.") else Kind.OPTIMIZER
    if name.startswith("torch.nn.") and name.rpartition(".")[2] in _LOSSES:
        return Kind.CRITERION
    if name.startswith(("torch.nn.", "torchvision.models.", "timm.models.")):
        return Kind.MODULE
    return Kind.HF_MODEL if name.startswith("transformers.") and name.endswith(("Model", "Classification")) else None


PASS_THROUGH_ITERATORS = frozenset(
    """tqdm trange tqdm_notebook notebook_tqdm iter list tuple sorted reversed islice prefetch progress_bar track
    log_every MpDeviceLoader ParallelLoader cycle Progbar master_bar auto take batch""".split()
)
"""Callables that yield the elements of their first argument."""

TENSOR_VIEWS = frozenset(("data", "T", "grad", "mT", "real", "imag"))
TO_HOST = frozenset(("item", "cpu", "numpy", "tolist", "__array__"))
HOST_METADATA = frozenset(
    """size dim ndim numel nelement shape dtype device stride storage_offset is_contiguous is_cuda element_size names
    type layout is_floating_point requires_grad data_ptr get_device ndimension __len__ keys""".split()
)
CASTS = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "long": "int64",
    "int": "int32",
    "bool": "bool",
}
CHAINED = frozenset(
    """train eval requires_grad_ share_memory apply float half double bfloat16 to_empty compile parallelize cache
    shuffle batch prefetch repeat map take skip detach_ contiguous pin_memory clone""".split()
)
"""Methods that return their receiver, or something of its kind."""
METHOD_RETURNS: dict[str, Kind] = {
    "train_dataloader": Kind.DATALOADER,
    "val_dataloader": Kind.DATALOADER,
    "test_dataloader": Kind.DATALOADER,
    "get_train_dataloader": Kind.DATALOADER,
}
TENSOR_FACTORIES = frozenset(
    f"torch.{name}"
    for name in """zeros ones empty full eye arange linspace logspace rand randn randint randperm normal tensor
    as_tensor zeros_like ones_like empty_like full_like rand_like randn_like randint_like FloatTensor LongTensor
    Tensor IntTensor BoolTensor DoubleTensor HalfTensor ByteTensor""".split()
)
