"""Frameworks: hardware, precision and data, read from the text of a file and the modules around it."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.glance import code_of
from greenlint.facts.sources import DictSources, RunSettings


def frameworks(
    code: str, files: dict[str, str] | None = None, *, path: str = "main.py", hardware: str = "auto"
) -> Frameworks:
    text = textwrap.dedent(code)
    document = reading.parse(path, text.encode()).document
    assert document is not None
    every = {name: textwrap.dedent(body) for name, body in (files or {}).items()}
    facts = Facts(document, DictSources({**every, path: text}), RunSettings(hardware=hardware))
    return facts[Frameworks]


def test_code_leaves_out_comments_and_docstrings_but_keeps_strings() -> None:
    text = '"""amp"""\nx = "--fp16"  # bf16\ny = "#no comment"\n'
    assert code_of(text) == '""\nx = "--fp16"  \ny = "#no comment"\n'


def test_roots_are_canonical_and_see_keras_inside_tensorflow() -> None:
    found = frameworks("import tensorflow as tf\nfrom tqdm import *\nm = tf.keras.Sequential()\n")
    assert {"tensorflow", "keras", "tqdm"} <= found.roots
    assert found.uses("keras") and not found.uses("torch")


@pytest.mark.parametrize(
    ("code", "intent"),
    [
        ("model.cuda()", True),
        ("device = 'cuda' if ok else 'cpu'\nmodel.to(device)", True),
        ("import torch\nmodel = torch.nn.DataParallel(model)", True),
        ("AutoModel.from_pretrained('x', device_map='auto')", True),
        ("from accelerate import Accelerator\na = Accelerator()", True),
        ("import torch\ntorch.cuda.manual_seed(0)", False),
        ("import torch\ndevice = torch.device('cpu')\nmodel.to(device)", False),
        ("import torch\nmodel(x)", False),
        ("model.to(args.device)", None),
        ("import keras\nmodel.fit(x, y)", None),
        ("import tensorflow as tf\ntf.config.list_physical_devices('GPU')", True),
        ("# model.cuda()\nmodel(x)", False),
    ],
)
def test_gpu_intent(code: str, intent: bool | None) -> None:
    assert frameworks(code).gpu_intent is intent


def test_gpu_intent_follows_the_settings_unless_the_code_says_cpu() -> None:
    assert frameworks("import keras\nmodel.fit(x)", hardware="gpu").gpu_intent is True
    assert frameworks("device = 'cpu'\nmodel.to(device)", hardware="gpu").gpu_intent is False
    assert frameworks("model.cuda()", hardware="cpu").gpu_intent is False
    assert frameworks("model.cuda()", hardware="cpu").cpu_deliberate


def test_gpu_intent_looks_at_imported_and_importing_modules() -> None:
    imported = {"options.py": "parser.add_argument('--device', default='cuda')\n"}
    assert frameworks("import options\nmodel.to(args.device)", imported).gpu_intent is True
    importing = {"run.py": "import engine\nengine.train(net.cuda())\n"}
    assert frameworks("def train(model): ...\n", importing, path="engine.py").gpu_intent is True


NOTEBOOK = (
    '{"cells": [{"cell_type": "code", "source": ["import keras"], "metadata": {}, "outputs": []}], %s "nbformat": 4}'
)


def test_gpu_intent_reads_the_runtime_of_a_notebook() -> None:
    on_gpu = NOTEBOOK % '"metadata": {"accelerator": "GPU"},'
    document = reading.parse("a.ipynb", on_gpu.encode()).document
    assert document is not None
    assert Facts(document, DictSources({"a.ipynb": on_gpu}))[Frameworks].gpu_intent is True
    plain = NOTEBOOK % '"metadata": {},'
    document = reading.parse("a.ipynb", plain.encode()).document
    assert document is not None
    assert Facts(document, DictSources({"a.ipynb": plain}))[Frameworks].gpu_intent is None


@pytest.mark.parametrize(
    ("code", "precision"),
    [
        ("with torch.autocast('cuda'):\n    model(x)", True),
        ("parser.add_argument('--fp16')", True),
        ("model.half()", True),
        ("# use amp one day\nmodel(x)", False),
        ('def f():\n    """No amp here."""\n    return model(x)', False),
        ("clip.model.convert_weights(model)", True),
        ("convert_weights('model.npz')", False),
        ("convert_models_to_fp32(model)", True),
        ("from sklearn.metrics import precision_score", False),
        ("page = 'a &amp; b'", False),
        ("from secret_lab import *\nmodel(x)", None),
        ("from secret_lab import get_config\nmodel(x)", None),
        ("from torch import *\nmodel(x)", False),
        ("from secret_lab import Net\nmodel(x)", False),
    ],
)
def test_precision(code: str, precision: bool | None) -> None:
    assert frameworks(code).precision is precision


def test_precision_is_sought_in_the_modules_around() -> None:
    assert frameworks("import step\n", {"step.py": "from torch.cuda.amp import autocast\n"}).precision is True
    assert frameworks("import step\n", {"step.py": "# autocast\n"}).precision is False
    importer = {"run.py": "import engine\nwith autocast():\n    engine.train()\n"}
    assert frameworks("def train(): ...\n", importer, path="engine.py").precision is True


def test_the_precision_of_another_training_loop_is_its_own() -> None:
    loop = "model.train()\nfor x in loader:\n    optimizer.zero_grad()\n    {}loss_of(x).backward()\n"
    other = {"pretrain.py": loop.format("with autocast(): ")}
    assert frameworks(f"import pretrain\n{loop.format('')}", other).precision is False
    assert frameworks("import pretrain\npretrain.run()\n", other).precision is True


@pytest.mark.parametrize(
    ("code", "owner"),
    [
        ("from accelerate import Accelerator\na = Accelerator()", "accelerate"),
        ("import pytorch_lightning as pl\npl.Trainer().fit(m)", "lightning"),
        ("from transformers import Trainer\nTrainer(m).train()", "hf-trainer"),
        ("import deepspeed\ndeepspeed.initialize(model=m)", "deepspeed"),
        ("from tensorflow import keras\nm.compile('adam')", "keras"),
        ("import torch\nloss.backward()", None),
        ("import accelerate", None),
    ],
)
def test_trainer_owner(code: str, owner: str | None) -> None:
    assert frameworks(code).trainer_owner == owner


@pytest.mark.parametrize(
    ("code", "toy"),
    [
        ("data = datasets.MNIST('x')", True),
        ("data = datasets.MNIST('x')\nlog = pd.read_csv('log.csv')", True),
        ("data = MNIST('x') if small else CIFAR10('x')", False),
        ("x, y = load_iris()", True),
        ("x, y = load_iris()\ntable = pd.read_csv('big.csv')", False),
        ("train = pd.read_csv('../input/Kannada-MNIST/train.csv')", True),
        ("import torch\nx = torch.randn(8, 3)\nmodel(x)", True),
        ("import torch\nx = torch.randn(8, 3)\nfor a in loader:\n    model(a)", False),
        ("data = ImageFolder('x')", False),
    ],
)
def test_toy_data(code: str, toy: bool) -> None:
    assert (frameworks(code).toy_data is not None) is toy


def test_toy_data_of_a_data_module_of_the_project() -> None:
    files = {"data.py": "from torchvision.datasets import MNIST\ndef loader():\n    return make(MNIST('x'))\n"}
    assert frameworks("from data import loader\n", files).toy_data == "MNIST-sized images"
    both = {**files, "other.py": "def photos():\n    return ImageFolder('x')\n"}
    assert frameworks("from data import loader\nimport other\n", both).toy_data is None


@pytest.mark.parametrize(
    ("code", "attribute", "answer"),
    [
        ("import gym", "reinforcement_learning", True),
        ("state = env.step(action)", "reinforcement_learning", True),
        ("optimizer.step()", "reinforcement_learning", False),
        ("import gpytorch", "science", True),
        ("grad(x, create_graph=True)", "science", True),
        ("loss.backward()", "science", False),
        ("torch.onnx.export(m)", "cpu_deliberate", True),
        ("device = 'cpu'  # cpu only: runs on the sensor\n", "cpu_deliberate", True),
        ("device = 'cpu'\n", "cpu_deliberate", False),
        ("from tensorflow.keras.utils import multi_gpu_model\nm = multi_gpu_model(m)", "legacy_keras", True),
        ("model.fit(x)", "legacy_keras", False),
    ],
)
def test_trades(code: str, attribute: str, answer: bool) -> None:
    assert getattr(frameworks(code), attribute) is answer


@pytest.mark.parametrize(
    ("path", "test", "benchmark"),
    [
        ("tests/a.py", True, False),
        ("pkg/test_a.py", True, False),
        ("conftest.py", True, False),
        ("pkg/attest.py", False, False),
        ("benchmarks/a.py", False, True),
        ("speed_test_model.py", False, True),
        ("train.py", False, False),
    ],
)
def test_paths(path: str, test: bool, benchmark: bool) -> None:
    found = frameworks("x = 1\n", path=path)
    assert (found.is_test, found.is_benchmark) == (test, benchmark)
