"""Uses: whether code only reads a value, or may change, keep or hand it on."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.tree import Tree
from greenlint.facts.uses import Uses

HEAD = """\
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from elsewhere import unknown

def reads(x, *, table=None):
    return (x * 2, table.sum())

def changes(x):
    x += 1

def keeps(x):
    return x

class Scaled(nn.Module):
    def forward(self, images, scale):
        return images * scale

class Filled(nn.Module):
    def forward(self, images, scale):
        scale.fill_(1)
        return images

scaled, filled, layers = Scaled(), Filled(), nn.Sequential(nn.Linear(3, 3))
"""


def only_reads(code: str, *, until_loop: bool = False) -> bool | None:
    """What is said of the call of ``made()`` in a piece of code."""
    text = HEAD + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"main.py": text}), RunSettings())
    call = facts[Calls].methods("made")[0].node
    loops = facts[Tree].loops_around(call)
    return facts[Uses].only_reads(call, until=loops[-1] if until_loop else None)


@pytest.mark.parametrize(
    "code",
    [
        "y = x * made()",
        "y = x[made()]",
        "x[made()] = 0",
        "x += made()",
        "made()[0].view(-1).float() - 1",
        "made() == x",
        "n = made().sum()",
        "n = made().shape",
        "loss = F.cross_entropy(x, y, weight=made())",
        "y = torch.matmul(x, made().T)",
        "y = x.masked_fill(made(), 0)",
        "loss = nn.CrossEntropyLoss(weight=made())",
        "a = made()\nb = a * 2\nc = a[0] + 1",
        "reads(made())",
        "reads(1, table=made())",
        "y = scaled(x, made())",
        "y = scaled(scale=made(), images=x)",
        "print(made(), len(made()))",
    ],
)
def test_reads(code: str) -> None:
    assert only_reads(code) is True


@pytest.mark.parametrize(
    "code",
    [
        "a = made()\na += 1",
        "a = made()\na[0] = 1",
        "a = made()\na.add_(1)",
        "a = made()\na.T[0].zero_()",
        "a = made()\nb = a.view(-1)\nb.zero_()",
        "a = made()\nb = torch.as_tensor(a)\nb.zero_()",
        "a = made()\ndel a",
        "a = b = made()",
        "self.a = made()",
        "a = [made()]",
        "a.append(made())",
        "y = +made()",
        "torch.mul(x, 2, out=made())",
        "F.relu(made(), inplace=True)",
        "nn.init.zeros_(made())",
        "np.copyto(made(), x)",
        "p = nn.Parameter(made())",
        "a, b = torch.split(made(), 2)",
        "for a in made(): pass",
        "changes(made())",
        "keeps(made())",
        "reads(*made())",
        "y = filled(x, made())",
        "unknown(made())",
        "def f():\n    return made()",
        "def f():\n    global a\n    a = made()",
    ],
)
def test_may_change_or_keep(code: str) -> None:
    assert only_reads(code) is False


@pytest.mark.parametrize("code", ["y = layers(made())", "criterion = pick()\nloss = criterion(x, made())"])
def test_networks_whose_code_is_not_seen(code: str) -> None:
    assert only_reads(code) is None


def test_what_runs_after_the_loop_does_not_count() -> None:
    inside = "for x in y:\n    a = made()\n    z = a * x\n"
    assert only_reads(f"{inside}a += 1\n") is False
    assert only_reads(f"{inside}a += 1\n", until_loop=True) is True
    again = textwrap.indent(f"{inside}a += 1\n", "    ")
    assert only_reads(f"def f():\n{again}    return a\n", until_loop=True) is True
    assert only_reads(f"{inside}def f():\n    a.zero_()\n", until_loop=True) is False
