"""What runs for every batch, and what a guard keeps from it."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.rhythm import Pace, Rhythm
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import torch
from torch import nn
model = nn.Linear(64, 64)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


def facts(code: str) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"train.py": text}), RunSettings())


def pace(code: str) -> Pace | None:
    """How often ``mark()`` runs."""
    found = facts(code)
    beat = found[Rhythm].of(found[Calls].methods("mark")[0].node)
    return beat.pace if beat is not None else None


STEP = """
    loss = model(x).sum()
    loss.backward()
    optimizer.step()
"""


def training(extra: str, loop: str = "for step, (x, y) in enumerate(train_loader):") -> str:
    body = textwrap.indent(textwrap.dedent(STEP) + textwrap.dedent(extra), "        ")
    return f"for epoch in range(10):\n    {loop}\n{body}\n"


@pytest.mark.parametrize(
    "extra",
    [
        "mark()",
        "if use_this:\n    mark()",
        "if step % 1 == 0:\n    mark()",
        "for p in model.parameters():\n    mark()",
        "if loss is not None:\n    mark()",
    ],
)
def test_every_step(extra: str) -> None:
    assert pace(training(extra)) is Pace.STEP


@pytest.mark.parametrize(
    "extra",
    [
        "if step % 100 == 0:\n    mark()",
        "if loss < best:\n    mark()",
        "if step % every:\n    continue\nmark()",
        "try:\n    go()\nexcept ValueError:\n    mark()",
        "if debug:\n    mark()",
    ],
)
def test_now_and_then(extra: str) -> None:
    assert pace(training(extra)) is None


def test_behind_a_call() -> None:
    assert pace("def note():\n    mark()\n" + training("note()")) is Pace.STEP
    assert pace("def note():\n    mark()\n" + training("if step % 50 == 0:\n    note()")) is None
    assert pace("def note():\n    if step % 50 == 0:\n        mark()\n" + training("note()")) is None


def test_all_data_at_once_is_an_epoch() -> None:
    body = textwrap.indent(textwrap.dedent(STEP) + "mark()", "    ")
    assert pace(f"for epoch in range(1000):\n{body}") is None
    assert pace(f"for i in range(1000):\n{body}") is None
    assert pace(f"for x in train_loader:\n{body}") is Pace.STEP
    assert pace(f"for i in range(1000):\n    x, y = next(batches)\n{body}") is Pace.STEP


def test_short_loops_do_not_count() -> None:
    assert pace(training("mark()", "for i in range(20):")) is None


def test_hooks_of_a_trainer() -> None:
    code = """
    import lightning as L
    class Model(L.LightningModule):
        def {}(self, batch, batch_idx):
            mark()
    """
    assert pace(code.format("training_step")) is Pace.STEP
    assert pace(code.format("validation_step")) is Pace.VALIDATION
    assert pace(code.format("test_step")) is None


def test_once_per_epoch() -> None:
    found = facts(training("pass") + "    mark()\n    if epoch % 5 == 0:\n        other()\n")
    rhythm, calls = found[Rhythm], found[Calls]
    beat = rhythm.each_epoch(calls.methods("mark")[0].node)
    assert beat is not None and beat.pace is Pace.EPOCH
    assert rhythm.each_epoch(calls.methods("other")[0].node) is None
    assert rhythm.of(calls.methods("mark")[0].node) is None


def test_evaluations_behind_a_call() -> None:
    code = """
    def whole(loader):
        for x, y in loader:
            total.append(model(x))
    def part(loader):
        for x, y in loader:
            total.append(model(x))
            break
    def steps():
        for t in range(50):
            x = model(x)
    whole(valid), part(valid), steps()
    """
    found = facts(code)
    answers = [found[Rhythm].evaluation(found[Calls].methods(name)[0]) for name in ("whole", "part", "steps")]
    assert [each is not None for each in answers] == [True, False, False]


def test_a_loop_over_folds_is_none_over_epochs() -> None:
    inner = textwrap.indent(training("pass"), "    ")
    found = facts(f"for part in parts:\n{inner}\n    mark()\n")
    assert found[Rhythm].each_epoch(found[Calls].methods("mark")[0].node) is None
    body = textwrap.indent(textwrap.dedent(STEP), "        ")
    code = f"for fold in folds:\n    for x in train_loader:\n{body}\n    mark()\n"
    found = facts(code)
    assert found[Rhythm].each_epoch(found[Calls].methods("mark")[0].node) is None
    called = "def train():\n" + inner + "\nfor part in parts:\n    train()\n    mark()\n"
    found = facts(called)
    assert found[Rhythm].each_epoch(found[Calls].methods("mark")[0].node) is None
