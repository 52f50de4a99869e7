"""How long training loops run, and what they train."""

from __future__ import annotations

import textwrap

from greenlint import reading
from greenlint.facts.loops import Loops
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.workloads import Workloads

STEP = """
        for x, y in loader:
            loss = model(x).sum()
            loss.backward()
            optimizer.step()
"""
SETUP = """
import argparse
import torch
from torch import nn
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=90)
args = parser.parse_args()
model = nn.Sequential(nn.Conv2d(3, 128, 3), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


def runs(code: str) -> tuple[Workloads, Loops]:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"train.py": text}), RunSettings())
    return facts[Workloads], facts[Loops]


def test_epochs_are_counted() -> None:
    found, loops = runs("if True:\n    for epoch in range(1, 31):" + STEP)
    assert found.epochs(loops.steps[0]) == 30
    assert found.passes(loops.steps[0]) is None


def test_the_default_of_an_option_counts() -> None:
    found, loops = runs("if True:\n    for epoch in range(1, args.epochs + 1):" + STEP)
    assert found.epochs(loops.steps[0]) == 90


def test_what_is_not_written_is_not_known() -> None:
    found, loops = runs("if True:\n    for epoch in range(read()):" + STEP)
    assert found.epochs(loops.steps[0]) is None


def test_layers_of_the_trained_network() -> None:
    found, loops = runs("if True:\n    for epoch in range(2):" + STEP)
    layers = found.layers(loops.steps[0])
    assert layers is not None
    assert layers.conv
