"""Models: what is a network, what is a loss, and what networks are made of."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.models import Layers, Models
from greenlint.facts.origins import Origins
from greenlint.facts.sources import DictSources
from greenlint.facts.tree import Tree


def shown(code: str, files: dict[str, str] | None = None) -> tuple[Facts, cst.BaseExpression]:
    """The argument of the last ``show(...)``."""
    text = "import torch\nfrom torch import nn\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    every = {path: textwrap.dedent(body) for path, body in (files or {}).items()}
    facts = Facts(document, DictSources({**every, "main.py": text}))
    shows = [
        call for call in facts[Tree].of_type(cst.Call) if isinstance(call.func, cst.Name) and call.func.value == "show"
    ]
    return facts, shows[-1].args[0].value


def layers(code: str, files: dict[str, str] | None = None) -> Layers:
    facts, node = shown(code, files)
    found = facts[Models].layers(node)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "model"),
    [
        ("net = nn.Linear(2, 2)\nshow(net)", True),
        ("class Net(nn.Module): ...\nshow(Net())", True),
        ("def train(model):\n    model.train()\n    show(model)", True),
        ("def train(encoder, x):\n    show(encoder)", None),
        ("def train(encoder, x):\n    encoder.eval()\n    show(encoder)", True),
        ("def train(model):\n    show(model.module)", True),
        ("def model(x):\n    return x\nshow(model)", False),
        ("def f(tokenizer):\n    tokenizer.train()\n    show(tokenizer)", False),
        ("def f(criterion):\n    show(criterion)", False),
        ("class DiceLoss(nn.Module): ...\nshow(DiceLoss())", False),
        ("from transformers import AutoModel\nshow(AutoModel.from_pretrained('x'))", True),
        ("show(nn.CrossEntropyLoss())", False),
        ("model = 3\nshow(model)", False),
        ("class Critic(nn.Module): ...\ncritic1 = Critic()\nshow(critic1)", True),
    ],
)
def test_is_model(code: str, model: bool | None) -> None:
    facts, node = shown(code)
    assert facts[Models].is_model(node) is model


@pytest.mark.parametrize(
    ("code", "criterion"),
    [
        ("loss_fn = nn.MSELoss()\nshow(loss_fn)", True),
        ("class DiceLoss(nn.Module): ...\nd = DiceLoss()\nshow(d)", True),
        ("class Smoothing(nn.Module): ...\ncriterion = Smoothing()\nshow(criterion)", True),
        ("def f(criterion):\n    show(criterion)", True),
        ("net = nn.Linear(2, 2)\nshow(net)", False),
        ("def f(x):\n    show(x)", None),
    ],
)
def test_is_criterion(code: str, criterion: bool | None) -> None:
    facts, node = shown(code)
    assert facts[Models].is_criterion(node) is criterion


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("show(nn.Linear(4096, 4096))", True),
        ("show(nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10)))", False),
        ("def f(n):\n    show(nn.Linear(n, n))", None),
        ("show(nn.LSTM(64, 128))", False),
        ("show(nn.LSTM(64, 512))", True),
        ("show(nn.Sequential(nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 120)))", False),
        ("show(nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 128, 3)))", True),
        ("show(nn.TransformerEncoderLayer(128, 8))", False),
        ("show(nn.TransformerEncoderLayer(d_model=512, nhead=8))", True),
        ("show(nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 8), 6))", False),
        ("from torchvision.models import resnet50\nshow(resnet50())", True),
        ("import torchvision\nshow(torchvision.models.__dict__[name]())", True),
        ("from vit_pytorch import ViT\nshow(ViT(dim=128, depth=12))", False),
        ("from vit_pytorch import ViT\nshow(ViT(dim=1024, depth=12))", True),
        ("from somewhere import Net\nshow(Net())", None),
        ("from torch_geometric.nn import GCNConv\nshow(nn.Sequential(GCNConv(16, 16)))", None),
    ],
)
def test_heavy(code: str, heavy: bool | None) -> None:
    assert layers(code).heavy is heavy


def test_layers_through_classes_helpers_and_comprehensions() -> None:
    found = layers(
        """
        def block(width):
            return nn.Sequential(nn.Conv2d(width, 2 * width, 3), nn.BatchNorm2d(2 * width))

        class Base(nn.Module):
            def __init__(self):
                self.stem = nn.Conv2d(3, 32, 7)

        class Net(Base):
            def __init__(self, width=64):
                self.blocks = nn.ModuleList([block(width) for _ in range(4)])
                self.head = nn.Linear(width, 10)

        net = nn.DataParallel(Net()).to("cuda")
        show(net)
        """
    )
    assert found.conv and not found.attention and not found.recurrent
    assert {size.largest for size in found.channels} == {32, 128}
    assert found.linear_max == (64, 10)
    assert found.conv_only


def test_layers_of_a_factory_are_those_of_all_its_branches() -> None:
    files = {
        "zoo/__init__.py": "",
        "zoo/small.py": "from torch import nn\n\ndef small():\n    return nn.Linear(4, 4)\n",
        "zoo/vgg.py": """
            from torch import nn

            class VGG(nn.Module):
                def __init__(self):
                    self.features = nn.Sequential(nn.Conv2d(3, 512, 3))

            def vgg16():
                return VGG()
            """,
        "factory.py": """
            def get_network(args):
                if args.net == "small":
                    from zoo.small import small
                    net = small()
                else:
                    from zoo.vgg import vgg16
                    net = vgg16()
                return net
            """,
    }
    found = layers("from factory import get_network\nnet = get_network(args)\nshow(net)", files)
    assert found.conv and found.linear_max == (4, 4) and found.heavy is True


@pytest.mark.parametrize(
    "code",
    [
        "import zoo\nshow(getattr(zoo, name)())",
        "import zoo\nshow(zoo.__dict__[name](classes=10))",
        "from zoo import Big\nMODELS = {}\nMODELS['big'] = Big\n"
        "def make(name):\n    return MODELS[name]()\nshow(make('big'))",
    ],
)
def test_layers_of_networks_chosen_by_name(code: str) -> None:
    big = "from torch import nn\nclass Big(nn.Module):\n    def __init__(self):\n        self.a = nn.LSTM(8, 1024)\n"
    files = {"zoo.py": big}
    assert layers(code, files).heavy is True


def test_layers_through_call_sites_of_a_parameter() -> None:
    found = layers(
        """
        def train(model):
            show(model)

        train(nn.GRU(32, 700))
        """
    )
    assert [size.largest for size in found.hidden] == [700]


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("model = keras.Sequential()\nmodel.add(layers.Conv2D(256, 3))\nmodel.add(layers.Dense(1))\nshow(model)", True),
        ("model = keras.Sequential([layers.Dense(64), layers.Dense(1)])\nshow(model)", False),
        ("x = keras.Input((8,))\ny = layers.LSTM(512)(x)\ny = layers.Dense(1)(y)\nshow(keras.Model(x, y))", True),
        ("x = keras.Input((8,))\ny = layers.Dense(32)(x)\nshow(keras.Model(inputs=x, outputs=y))", False),
        ("show(keras.applications.VGG16())", True),
        ("x = keras.Input((8,))\ny = layers.MultiHeadAttention(8, 16)(x, x)\nshow(keras.Model(x, y))", False),
    ],
)
def test_keras_layers(code: str, heavy: bool) -> None:
    assert layers(f"import keras\nfrom keras import layers\n{code}").heavy is heavy


@pytest.mark.parametrize(
    ("code", "toy"),
    [
        ("import keras\n(x, y), _ = keras.datasets.mnist.load_data()\nx = x.reshape((1, 2)) / 255\nshow(x)", True),
        ("import keras\n(x, y), _ = keras.datasets.cifar10.load_data()\nshow(x)", False),
        (
            "from torchvision import datasets\nd = datasets.MNIST('x')\nl = torch.utils.data.DataLoader(d)\nshow(l)",
            True,
        ),
        ("def f(x):\n    show(x)\nimport numpy as np\nf(np.load('x'))", False),
    ],
)
def test_origin_of_data(code: str, toy: bool) -> None:
    facts, node = shown(code)
    assert facts[Origins].toy(node) is toy
