"""The tables: consistent with each other, and the patterns match what they should and nothing that looks like it."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import greenlint.knowledge
from greenlint.facts import requirements
from greenlint.facts.glance import Code
from greenlint.knowledge import data, kinds, launching
from greenlint.knowledge.aliases import ALIASES, FLAT, canonical
from greenlint.knowledge.changes import CHANGES
from greenlint.knowledge.distributions import DISTRIBUTIONS
from greenlint.knowledge.kinds import Kind, kind_of_base, kind_returned
from greenlint.knowledge.precision import PRECISION
from greenlint.knowledge.signatures import SIGNATURES

MODULES = [each.name for each in pkgutil.iter_modules(greenlint.knowledge.__path__)]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_lists_what_it_offers(module: str) -> None:
    found = importlib.import_module(f"greenlint.knowledge.{module}")
    public = {
        name for name, value in vars(found).items() if not name.startswith("_") and _is_own(value, found.__name__)
    }
    assert set(found.__all__) >= public
    assert all(hasattr(found, name) for name in found.__all__)


def _is_own(value: object, module: str) -> bool:
    return getattr(value, "__module__", None) == module


def test_the_tables_need_no_libcst() -> None:
    imports = "; ".join(f"import greenlint.knowledge.{module}" for module in MODULES)
    code = f"import sys; {imports}; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- signatures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_sound(name: str) -> None:
    signature = SIGNATURES[name]
    assert canonical(name) == name, "a call is looked up under its canonical name"
    assert len(set(signature.params)) == len(signature.params)
    assert signature.keyword_only <= {*signature.params, *signature.defaults}
    assert all(param.isidentifier() for param in (*signature.params, *signature.defaults))


@pytest.mark.parametrize(
    ("name", "param", "position"),
    [
        ("torch.utils.data.DataLoader", "num_workers", 5),
        ("torch.utils.data.DataLoader", "pin_memory", 7),
        ("torch.amp.GradScaler", "enabled", 5),
        ("torch.cuda.amp.GradScaler", "enabled", 4),
        ("torch.autocast", "enabled", 2),
        ("torch.cuda.amp.autocast", "enabled", 0),
        ("torch.nn.LSTM", "bias", 3),
        ("torch.nn.RNN", "bias", 4),
        ("torch.nn.ConvTranspose2d", "dilation", 8),
        ("torch.nn.Conv2d", "dilation", 5),
        ("accelerate.Accelerator", "mixed_precision", 2),
        ("accelerate.Accelerator", "cpu", 4),
        ("ray.tune.TuneConfig", "scheduler", 3),
        ("optuna.Study.optimize", "n_jobs", 3),
        ("keras_tuner.GridSearch", "max_trials", 2),
        ("keras.Model.fit", "epochs", 3),
        ("skopt.BayesSearchCV", "n_iter", 3),
        ("deepspeed.initialize", "config", 10),
    ],
)
def test_positions_are_as_released(name: str, param: str, position: int) -> None:
    assert SIGNATURES[name].params.index(param) == position


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("torch.utils.data.DataLoader", "persistent_workers"),
        ("sklearn.model_selection.GridSearchCV", "cv"),
        ("lightning.pytorch.Trainer", "precision"),
        ("optuna.create_study", "pruner"),
        ("torch.zeros", "device"),
    ],
)
def test_keyword_only_parameters_have_no_position(name: str, param: str) -> None:
    assert param not in SIGNATURES[name].params
    assert param in SIGNATURES[name].defaults


def test_changes_agree_with_signatures() -> None:
    for change in CHANGES:
        assert canonical(change.name) == change.name
        assert change.before != change.value
        assert requirements.release(change.since), change
        default = SIGNATURES[change.name].defaults.get(change.param) if change.name in SIGNATURES else None
        assert default in (None, change.value), change


def test_changes_of_one_parameter_are_in_order() -> None:
    for change in CHANGES:
        later = [each for each in CHANGES if (each.name, each.param) == (change.name, change.param)]
        since = [requirements.release(each.since) for each in later]
        assert since == sorted(since)


# -- aliases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "canonical_name"),
    [
        ("pytorch_lightning.Trainer", "lightning.pytorch.Trainer"),
        ("lightning.Trainer", "lightning.pytorch.Trainer"),
        ("lightning.pytorch.trainer.trainer.Trainer", "lightning.pytorch.Trainer"),
        ("pytorch_lightning.core.lightning.LightningModule", "lightning.pytorch.LightningModule"),
        (
            "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
            "lightning.pytorch.callbacks.EarlyStopping",
        ),
        ("lightning.Fabric", "lightning.fabric.Fabric"),
        ("lightning_fabric.Fabric", "lightning.fabric.Fabric"),
        ("lightning.fabric.fabric.Fabric", "lightning.fabric.Fabric"),
        ("tensorflow.keras.layers.Conv2D", "keras.layers.Conv2D"),
        ("tensorflow.python.keras.layers.convolutional.Conv2D", "keras.layers.Conv2D"),
        ("tf_keras.src.layers.core.dense.Dense", "keras.layers.Dense"),
        ("keras.api.layers.Dense", "keras.layers.Dense"),
        ("keras.layers.experimental.preprocessing.Resizing", "keras.layers.Resizing"),
        ("keras.optimizers.schedules.CosineDecay", "keras.optimizers.schedules.CosineDecay"),
        ("tensorflow.compat.v1.layers.conv2d", "tensorflow.compat.v1.layers.conv2d"),
        ("torch.utils.data.dataloader.DataLoader", "torch.utils.data.DataLoader"),
        ("torch.utils.data.dataset.TensorDataset", "torch.utils.data.TensorDataset"),
        ("torch.nn.modules.conv.Conv2d", "torch.nn.Conv2d"),
        ("torch.nn.modules.Module", "torch.nn.Module"),
        ("torch.nn.parallel.distributed.DistributedDataParallel", "torch.nn.parallel.DistributedDataParallel"),
        ("torch.nn.utils.rnn.PackedSequence", "torch.nn.utils.rnn.PackedSequence"),
        ("torch.nn.functional.relu", "torch.nn.functional.relu"),
        ("torch.optim.adam.Adam", "torch.optim.Adam"),
        ("torch.optim.optimizer.Optimizer", "torch.optim.Optimizer"),
        ("torch.optim.lr_scheduler.StepLR", "torch.optim.lr_scheduler.StepLR"),
        ("torch.autograd.grad_mode.no_grad", "torch.no_grad"),
        ("torch.autograd.no_grad", "torch.no_grad"),
        ("torch.autograd.variable.Variable", "torch.autograd.Variable"),
        ("torch.cuda.amp.autocast_mode.autocast", "torch.cuda.amp.autocast"),
        ("torchvision.datasets.mnist.MNIST", "torchvision.datasets.MNIST"),
        ("torchvision.models.resnet.resnet50", "torchvision.models.resnet50"),
        ("torchvision.models.alexnet", "torchvision.models.alexnet"),
        ("transformers.training_args.TrainingArguments", "transformers.TrainingArguments"),
        ("transformers.modeling_bert.BertModel.from_pretrained", "transformers.BertModel.from_pretrained"),
        ("transformers.utils.logging", "transformers.utils.logging"),
        ("accelerate.accelerator.Accelerator", "accelerate.Accelerator"),
        ("sklearn.model_selection._search.GridSearchCV", "sklearn.model_selection.GridSearchCV"),
        ("sklearn.ensemble.forest.RandomForestClassifier", "sklearn.ensemble.RandomForestClassifier"),
        ("sklearn.gaussian_process.kernels.RBF", "sklearn.gaussian_process.kernels.RBF"),
        ("sklearn.grid_search.GridSearchCV", "sklearn.grid_search.GridSearchCV"),
        ("optuna.study.create_study", "optuna.create_study"),
        ("kerastuner.tuners.Hyperband", "keras_tuner.Hyperband"),
        ("jax.numpy.zeros", "jax.numpy.zeros"),
        ("datasets.coco.CocoDataset", "datasets.coco.CocoDataset"),
        ("numpy", "numpy"),
        (".models.Net", ".models.Net"),
        ("", ""),
    ],
)
def test_canonical_names(written: str, canonical_name: str) -> None:
    assert canonical(written) == canonical_name


def test_canonical_names_stay_and_can_be_built_step_by_step() -> None:
    samples = [f"{spelling}.x.Thing" for spelling, _ in ALIASES] + [f"{package}.x.Thing" for package in FLAT]
    for sample in samples:
        name = ""
        for part in sample.split("."):
            name = canonical(f"{name}.{part}" if name else part)
        assert name == canonical(sample) == canonical(canonical(sample))


# -- kinds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("torch.zeros", Kind.TENSOR),
        ("torch.cat", Kind.TENSOR),
        ("torch.set_num_threads", None),
        ("torch.is_complex", None),
        ("torch.get_float32_matmul_precision", None),
        ("torch.load", None),
        ("torch.Generator", None),
        ("torch.nn.Linear", Kind.MODULE),
        ("torch.nn.CrossEntropyLoss", Kind.CRITERION),
        ("torch.optim.AdamW", Kind.OPTIMIZER),
        ("torch.optim.lr_scheduler.StepLR", Kind.SCHEDULER),
        ("timm.optim.create_optimizer_v2", Kind.OPTIMIZER),
        ("timm.create_model", Kind.MODULE),
        ("transformers.AutoModelForCausalLM.from_pretrained", Kind.HF_MODEL),
        ("transformers.AutoTokenizer.from_pretrained", Kind.TOKENIZER),
        ("transformers.get_linear_schedule_with_warmup", Kind.SCHEDULER),
        ("keras.Sequential", Kind.KERAS_MODEL),
        ("numpy.zeros", Kind.ARRAY),
        ("jax.numpy.zeros", Kind.JAX_ARRAY),
        ("pandas.read_excel", Kind.DATAFRAME),
        ("sklearn.svm.SVC", Kind.ESTIMATOR),
        ("sklearn.model_selection.GridSearchCV", Kind.SEARCH),
        ("sklearn.model_selection.KFold", None),
        ("sklearn.gaussian_process.kernels.RBF", None),
        ("xgboost.XGBClassifier", Kind.ESTIMATOR),
        ("optuna.create_study", Kind.STUDY),
        ("os.path.join", None),
    ],
)
def test_what_calls_return(name: str, kind: Kind | None) -> None:
    assert kind_returned(name) is kind


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("torch.nn.Module", Kind.MODULE),
        ("lightning.pytorch.LightningModule", Kind.MODULE),
        ("torchvision.models.ResNet", Kind.MODULE),
        ("torch.nn.CrossEntropyLoss", Kind.CRITERION),
        ("torch.utils.data.Dataset", Kind.DATASET),
        ("torchvision.datasets.ImageFolder", Kind.DATASET),
        ("torch.optim.Adam", Kind.OPTIMIZER),
        ("torch.optim.lr_scheduler.LRScheduler", Kind.SCHEDULER),
        ("keras.Model", Kind.KERAS_MODEL),
        ("builtins.object", None),
    ],
)
def test_what_instances_of_a_subclass_are(base: str, kind: Kind | None) -> None:
    assert kind_of_base(base) is kind


def test_tables_hold_canonical_names() -> None:
    names = {*kinds._RETURNS, *kinds._BASES, *kinds.RETURNS_SEVERAL, *kinds.TENSOR_FACTORIES, *data.DECODERS}
    names |= data.TOY_DATASETS | data.DECODING_DATASETS | data.TRANSFORMING_DATASETS
    assert [name for name in sorted(names) if canonical(name) != name] == []


def test_data_sets_are_of_one_sort() -> None:
    sorts = (data.TOY_DATASETS, data.DECODING_DATASETS, data.TRANSFORMING_DATASETS, data.IN_MEMORY_DATASETS)
    assert sum(map(len, sorts)) == len(frozenset().union(*sorts))


# -- precision ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "with torch.autocast('cuda'):",
        "with autocast(enabled=args.amp):",
        "scaler = GradScaler()",
        "self.grad_scaler.step(opt)",
        "from apex import amp",
        "model.half()",
        "x = x.to(torch.half)",
        "torch.cuda.HalfTensor",
        "model.bfloat16()",
        "dtype=jnp.bfloat16",
        "parser.add_argument('--fp16', action='store_true')",
        "parser.add_argument('--precision', default='32')",
        "parser.add_argument('--use_amp')",
        "if args.amp_level:",
        "Trainer(precision=16)",
        "dict(precision='bf16-mixed')",
        "{'precision': 16}",
        "Trainer(precision=cfg.precision)",
        "keras.mixed_precision.set_global_policy(policy)",
        "keras.config.set_dtype_policy(policy)",
        "FSDP(model, mixed_precision=policy)",
        "MixedPrecision(param_dtype=dtype)",
        "os.environ['ACCELERATE_MIXED_PRECISION']",
        "te.fp8_autocast()",
        "torch.float8_e4m3fn",
        "torch.set_default_dtype(torch.float64)",
        "model.predict(source, half=True)",
        "AutoModel.from_pretrained(name, load_in_8bit=True)",
        "optimizer = LossScaleOptimizer(optimizer)",
        "FP16_Optimizer(opt)",
    ],
)
def test_precision_decisions_are_seen(code: str) -> None:
    assert PRECISION.pattern.search(code)
    assert Code.of(code).shows(PRECISION)


@pytest.mark.parametrize(
    "code",
    [
        "precision, recall, f1 = scores(y, p)",
        "precision = tp / (tp + fp)",
        "from sklearn.metrics import precision_score, average_precision_score",
        "torch.set_printoptions(precision=4)",
        "metrics = ['accuracy', 'precision']",
        "example = sample(amplitude)",
        "damp = 0.5",
        "clamp(min=0)",
        "timestamp = stamp.now()",
        "x &amp; y",
        "half = len(x) // 2",
        "half_width = 3",
        "left_half, right_half = x.chunk(2)",
        "torch.float32",
        "torch.set_float32_matmul_precision('high')",
        "scaler = StandardScaler()",
        "self.policy = Policy(env)",
        "print(f'precision: {p:.3f}')",
        "resample(audio)",
        "xgboost.DMatrix(x)",
    ],
)
def test_words_that_only_look_like_precision_are_not(code: str) -> None:
    assert not Code.of(code).shows(PRECISION)


# -- launching, distributions ------------------------------------------------------------------------------------


def test_values_have_one_meaning() -> None:
    assert not launching.REDUCED & launching.FULL
    assert not launching.ON & launching.OFF
    assert not launching.DEVICE_KEYS & launching.WORKER_KEYS


def test_keys_and_values_are_spelled_as_they_are_compared() -> None:
    keys = launching.DEVICE_KEYS | launching.WORKER_KEYS | launching.SWITCHES | launching.NOT_SWITCHES
    assert all(re.fullmatch(r"[a-z0-9_]+", key) for key in keys | launching.QUANTISED_KEYS | launching.FOLDERS)
    values = launching.REDUCED | launching.FULL | launching.ON | launching.OFF
    assert all(value == value.lower() for value in values)


def test_distributions_are_spelled_as_they_are_compared() -> None:
    for package, names in DISTRIBUTIONS.items():
        assert package.isidentifier()
        assert all(requirements.normal(name) == name for name in names)
