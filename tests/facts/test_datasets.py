"""Datasets: what one sample costs, and where the batches of a loader go."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Call, Calls
from greenlint.facts.datasets import Datasets, Work
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import torch
from PIL import Image
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset, random_split
from torchvision import datasets, transforms
model = nn.Linear(64, 64)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
FOLDER = "datasets.ImageFolder('x')"
STEP = "    model(x).sum().backward()\n    optimizer.step()\n"


def facts_of(code: str, files: dict[str, str] | None = None) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    every = {path: textwrap.dedent(body) for path, body in (files or {}).items()}
    return Modules.begin(document, DictSources({**every, "main.py": text}), RunSettings())


def work(code: str, files: dict[str, str] | None = None) -> Work | None:
    """What the argument of the last ``show(...)`` does per sample."""
    facts = facts_of(code, files)
    node: cst.BaseExpression = facts[Calls].methods("show")[-1].positional[0]
    return facts[Datasets].work(node)


def loader(code: str, files: dict[str, str] | None = None) -> tuple[Datasets, Call]:
    """The first loader of the file."""
    facts = facts_of(code, files)
    return facts[Datasets], facts[Calls].named("torch.utils.data.DataLoader")[0]


# -- datasets of libraries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (FOLDER, Work.DECODES),
        ("datasets.CocoDetection('x', 'y')", Work.DECODES),
        ("datasets.MNIST('x', download=True)", Work.TOY),
        ("datasets.FakeData()", Work.TOY),
        ("TensorDataset(x, y)", Work.IN_MEMORY),
        ("datasets.CIFAR10('x', transform=transforms.ToTensor())", Work.AUGMENTS),
        (f"Subset({FOLDER}, range(100))", Work.DECODES),
        (f"random_split({FOLDER}, sizes)", Work.DECODES),
        (f"Subset(Subset({FOLDER}, a), b)", Work.DECODES),
        (f"ConcatDataset([{FOLDER}, {FOLDER}])", Work.DECODES),
        (f"{FOLDER} if small else datasets.ImageNet('y')", Work.DECODES),
        (f"{{'train': {FOLDER}}}['train']", Work.DECODES),
    ],
)
def test_work(expression: str, expected: Work) -> None:
    assert work(f"show({expression})") is expected
    assert work(f"data = {expression}\nshow(data)") is expected
    assert work(f"def load():\n    return {expression}\nshow(load())") is expected


@pytest.mark.parametrize(
    "expression",
    [
        "load()",
        "unseen.Dataset('x')",
        "datasets.CIFAR10('x')",
        "datasets.CIFAR10('x', transform=None)",
        "datasets.CIFAR10('x', **options)",
        "Wrapped(datasets.ImageFolder('x'))",
        "Subset(load(), range(100))",
        f"ConcatDataset([{FOLDER}, datasets.MNIST('y')])",
        "ConcatDataset(load())",
        f"{FOLDER} if small else load()",
        f"{FOLDER} if small else datasets.MNIST('x')",
        f"[{FOLDER}][index]",
    ],
)
def test_work_not_known(expression: str) -> None:
    assert work(f"show({expression})") is None
    assert work(f"def load_all():\n    return {expression}\nshow(load_all())") is None


# -- variables, parameters, functions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"train, valid = random_split({FOLDER}, sizes)\nshow(valid)", Work.DECODES),
        (f"train, valid = {FOLDER}, datasets.MNIST('y')\nshow(valid)", Work.TOY),
        (f"def load():\n    return {FOLDER}, datasets.MNIST('y')\ntrain, valid = load()\nshow(valid)", Work.TOY),
        (f"def load():\n    if a:\n        return b()\n    return {FOLDER}, 1\ntrain, _ = load()\nshow(train)", None),
        (f"def load():\n    if a:\n        return b()\n    return {FOLDER}\nshow(load())", None),
        (f"def load():\n    def inner():\n        return {FOLDER}\n    return inner\nshow(load())", None),
        (f"from lib import wrap\n@wrap\ndef load():\n    return {FOLDER}\nshow(load())", None),
        (f"if small:\n    data = {FOLDER}\nelse:\n    data = load()\nshow(data)", None),
        (f"data = {FOLDER}\ndata += load()\nshow(data)", None),
        (f"for data in [{FOLDER}]:\n    show(data)", None),
        (f"def run(data):\n    show(data)\nrun({FOLDER})", Work.DECODES),
        (f"def run(data):\n    show(data)\nrun({FOLDER})\nrun(load())", None),
        (f"def run(data):\n    show(data)\nrun({FOLDER})\nrun(**options)", None),
        (f"def run(data={FOLDER}):\n    show(data)", None),
        ("from lib import *\nshow(ImageFolder('x'))", None),
        (f"parts = {{name: {FOLDER} for name in names}}\nshow(parts['train'])", Work.DECODES),
        (f"parts = {{'a': {FOLDER}}}\nif small:\n    parts['a'] = load()\nshow(parts['a'])", None),
        (f"parts = {{'a': {FOLDER}}}\nparts.update(load())\nshow(parts['a'])", None),
        (f"parts = {{'a': {FOLDER}}}\nshow(parts[name])", None),
    ],
)
def test_work_through_names(code: str, expected: Work | None) -> None:
    assert work(code) is expected


def test_work_of_an_attribute() -> None:
    code = """
    class Run:
        def __init__(self):
            self.data = {}
        def go(self):
            show(self.data)
    {}
    """
    code = textwrap.dedent(code)
    assert work(code.format(FOLDER, "")) is Work.DECODES
    assert work(code.format("load()", "")) is None
    assert work(code.format(FOLDER, "run = Run()\nrun.data = load()")) is None


# -- datasets of the project -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return Image.open(self.paths[index])", Work.DECODES),
        ("import cv2\nreturn cv2.imread(self.paths[index])", Work.DECODES),
        ("import librosa\nreturn librosa.feature.mfcc(y=self.sounds[index])", Work.DECODES),
        ("import numpy as np\nreturn np.load(self.paths[index])", Work.DECODES),
        ("with open(self.paths[index]) as file:\n    return Image.open(file)", Work.DECODES),
        ("return self.samples[index]", None),
        ("return self.read(index)", None),
        ("return unseen.read(self.paths[index])", None),
        ("from lib import *\nreturn imread(self.paths[index])", None),
    ],
)
def test_work_of_a_class(body: str, expected: Work | None) -> None:
    code = "class Own(Dataset):\n    def __getitem__(self, index):\n" + textwrap.indent(body, " " * 8)
    assert work(f"{code}\nshow(Own())") is expected
    assert work(f"{code}\nclass Sub(Own):\n    pass\nshow(Sub())") is expected


def test_decoding_once_at_the_start_costs_a_sample_nothing() -> None:
    code = """
    class Own(Dataset):
        def __init__(self):
            self.images = [Image.open(path) for path in paths]
        def __getitem__(self, index):
            return self.images[index]
    show(Own())
    """
    assert work(code) is None


def test_a_helper_in_another_module_decodes() -> None:
    own = """
    from torch.utils.data import Dataset
    from helpers import load

    class Own(Dataset):
        def __getitem__(self, index):
            return self.fetch(index)

        def fetch(self, index):
            return load(self.paths[index])
    """
    code = "from own import Own\nshow(Own())"
    decoding = "from PIL import Image\ndef load(path):\n    return Image.open(path)\n"
    assert work(code, {"own.py": own, "helpers.py": decoding}) is Work.DECODES
    assert work(code, {"own.py": own, "helpers.py": "def load(path):\n    return path\n"}) is None
    assert work(code, {"own.py": own}) is None
    assert work(code) is None


def test_helpers_that_call_each_other_end() -> None:
    code = """
    def first(path):
        return second(path)
    def second(path):
        return first(path)
    class Own(Dataset):
        def __getitem__(self, index):
            return first(index)
    show(Own())
    """
    assert work(code) is None


@pytest.mark.parametrize(
    ("base", "expected"),
    [("datasets.ImageFolder", Work.DECODES), ("datasets.MNIST", None), ("Dataset", None), ("lib.Dataset", None)],
)
def test_a_class_without_getitem_does_what_its_base_does(base: str, expected: Work | None) -> None:
    assert work(f"import lib\nclass Own({base}):\n    pass\nshow(Own())") is expected


# -- where the batches go --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "model", "training"),
    [
        (f"for x in loader:\n{STEP}", True, True),
        (f"for i, x in enumerate(loader):\n{STEP}", True, True),
        (f"from tqdm import tqdm\nfor x in tqdm(loader):\n{STEP}", True, True),
        ("for x in loader:\n    y = model(x)\n", True, False),
        ("for x in loader:\n    total += x.mean()\n", False, False),
        ("for x in other:\n    y = model(x)\n", False, False),
        ("trainer.fit(net, loader)\n", True, False),
    ],
)
def test_feeds(code: str, model: bool, training: bool) -> None:
    found, call = loader(f"loader = DataLoader(data)\n{code}")
    assert found.feeds_model(call) is model
    assert found.feeds_training(call) is training


@pytest.mark.parametrize(
    ("arguments", "training"),
    [
        ("shuffle=True", True),
        ("shuffle=False", False),
        ("sampler=sampler", True),
        ("sampler=None", False),
        ("", False),
    ],
)
def test_without_a_loop_a_shuffled_loader_trains(arguments: str, training: bool) -> None:
    found, call = loader(f"loader = DataLoader(data, {arguments})\n")
    assert found.feeds_training(call) is training


def test_batches_feed_a_model_in_another_module() -> None:
    code = "def load():\n    return DataLoader(data)\n"
    use = "import torch\nfrom main import load\nmodel = torch.nn.Linear(2, 2)\nfor x in load():\n    {}\n"
    for body, expected in (("y = model(x)", True), ("print(x)", False)):
        found, call = loader(code, {"evaluate.py": use.format(body)})
        assert found.feeds_model(call) is expected


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("x = x.cuda()", True),
        ("x = x.to('cuda')", True),
        ("x = x.to('cpu')", False),
        ("x = x.to(args.device)", False),
        ("x = x.to(torch.half)", False),
        ("pass", False),
    ],
)
def test_reaches_accelerator(move: str, expected: bool) -> None:
    found, call = loader(f"loader = DataLoader(data)\nfor x in loader:\n    {move}\n{STEP}")
    assert found.reaches_accelerator(call) is expected


def test_loops_over_a_loader_in_the_file_that_it_is_passed_to() -> None:
    engine = "def train(loader):\n    for x in loader:\n        f(x)\n    for y in others:\n        g(y)\n"
    facts = facts_of("from engine import train\ntrain(DataLoader(data))", {"engine.py": engine})
    (loader,) = facts[Calls].methods("DataLoader")
    ((owner, loop),) = facts[Datasets].loops_over(loader)
    assert owner.document.path == "engine.py"
    assert isinstance(loop.target, cst.Name) and loop.target.value == "x"


def test_loops_over_a_loader_in_a_function_that_it_is_handed_to() -> None:
    engine = """
    def train(model, loader, optimizer):
        for x in loader:
            model(x).sum().backward()
            optimizer.step()

    def other(loader):
        for x in loader:
            print(x)
    """
    code = f"""
    import engine
    loader = DataLoader({FOLDER})
    for epoch in range(10):
        engine.train(model, loader, optimizer)
    """
    found, call = loader(code, {"engine.py": engine})
    ((_, loop),) = found.loops_over(call)
    assert found.feeds_training(call)
    ((_, inner, outer),) = found.repeats(call)
    assert inner is loop
    assert isinstance(outer, cst.For)
