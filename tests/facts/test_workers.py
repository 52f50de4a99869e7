"""Workers: whether a data set can be sent to the processes that load it."""

from __future__ import annotations

import json

import pytest

from greenlint import reading
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.workers import Workers

HEAD = """\
import torchvision
from helpers import Kept, Plain, function
from torch.utils.data import Dataset

class Here(Dataset):
    def __init__(self, paths, transform=None):
        self.paths = paths
    def __getitem__(self, index):
        return sorted(self.paths, key=lambda path: len(path))[index]

class Opened(Dataset):
    def __init__(self, path):
        self.file = open(path)
    def __getitem__(self, index):
        return self.file

class Moved(Dataset):
    def __getitem__(self, index):
        return load(index).to("cuda")

class Changing(Dataset):
    def __getitem__(self, index):
        self.last = index

class WithLambda(Dataset):
    def __init__(self):
        self.read = lambda path: path
    def __getitem__(self, index):
        return self.read(index)

class Odd(Unknown):
    def __getitem__(self, index):
        return index

class Derived(Plain):
    pass

class DerivedKept(Kept):
    pass

def read(path):
    return path

"""
HELPERS = """\
import torch.utils.data as data

class Base(data.Dataset):
    def __init__(self, paths):
        self.paths = paths

class Plain(Base):
    def __getitem__(self, index):
        return self.paths[index]

class Kept(Base):
    def __init__(self, path):
        self.handle = connect(path)
    def __getitem__(self, index):
        return self.handle

def function(path): ...
"""


def sends(code: str, path: str = "main.py", more: str = "") -> bool:
    """What is said of the argument of ``show(...)``."""
    text = f"{HEAD}{more}\n{code}\n"
    if path.endswith(".ipynb"):
        cell: dict[str, object] = {
            "cell_type": "code",
            "source": text,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    document = reading.parse(path, text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({path: text, "helpers.py": HELPERS}), RunSettings())
    call = facts[Calls].methods("show")[-1]
    return facts[Workers].sends(call.positional[0])


@pytest.mark.parametrize(
    "code",
    [
        "show(Here(['a', 'b']))",
        "show(Plain(['a']))",
        "show(Derived(['a']))",
        "show(torchvision.datasets.ImageFolder('train', transform=torchvision.transforms.ToTensor()))",
        "show(Here([], transform=read))",
        "show(Here([], transform=function))",
        "parts = [read]\nwhole = torchvision.transforms.Compose(parts)\nshow(Here([], transform=whole))",
        "data = Here([])\nshow(data)",
        "def main(paths):\n    show(Here(paths))\nmain(['a'])",
    ],
)
def test_sent(code: str) -> None:
    assert sends(code)


@pytest.mark.parametrize(
    "code",
    [
        "show(Opened('a'))",
        "show(Moved())",
        "show(Changing())",
        "show(WithLambda())",
        "show(Odd())",
        "show(Kept('a'))",
        "show(DerivedKept('a'))",
        "show(Here([], transform=lambda path: path))",
        "each = lambda path: path\nshow(Here([], transform=each))",
        "def main():\n    def inner(path): ...\n    show(Here([], transform=inner))",
        "def main(transform):\n    show(Here([], transform))\nmain(lambda path: path)",
        "def main():\n    class Inner(Dataset):\n        def __getitem__(self, i): ...\n    show(Inner())",
        "show(Here(weights.cuda()))",
        "show(Here(open('paths')))",
    ],
)
def test_stays(code: str) -> None:
    assert not sends(code)


def test_files_of_databases_are_not_shared() -> None:
    assert not sends("show(Here([]))", more="import h5py")


def test_workers_do_not_import_a_notebook() -> None:
    assert sends("show(Plain([]))", "main.ipynb")
    assert not sends("show(Here([]))", "main.ipynb")
    assert not sends("show(Plain([], read))", "main.ipynb")
