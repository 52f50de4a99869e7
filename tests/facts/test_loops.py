"""What loops are for, and which of them run a training step."""

from __future__ import annotations

import json
import textwrap

import pytest

from greenlint import reading
from greenlint.facts.loops import LoopRole, Loops, StepOwner
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import torch
from torch import nn
model = nn.Linear(64, 64)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


def loops(code: str, files: dict[str, str] | None = None) -> Loops:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    every = {name: textwrap.dedent(body) for name, body in (files or {}).items()}
    return Modules.begin(document, DictSources({**every, "train.py": text}), RunSettings())[Loops]


def roles(code: str, files: dict[str, str] | None = None) -> list[LoopRole]:
    return [each.role for each in loops(code, files).all]


def test_epochs_steps_and_evaluation() -> None:
    code = """
    for epoch in range(10):
        for x, y in loader:
            loss = model(x).sum()
            loss.backward()
            optimizer.step()
        for x, y in valid_loader:
            total += model(x).sum()
    """
    assert roles(code) == [LoopRole.EPOCH, LoopRole.TRAINING, LoopRole.EVALUATION]


def test_accumulation_is_a_loop_inside_the_step() -> None:
    code = """
    for batch in loader:
        optimizer.zero_grad()
        for part in batch.chunk(4):
            model(part).sum().backward()
        optimizer.step()
    """
    assert roles(code) == [LoopRole.TRAINING, LoopRole.MICROBATCH]


def test_a_loop_that_updates_by_unseen_means_is_no_evaluation() -> None:
    code = """
    for x in loader:
        fakes = model(x)
        regularizer.accumulate(fakes)
        optimizer.step()
    """
    assert roles(code) == [LoopRole.OTHER]


@pytest.mark.parametrize(
    ("code", "owner"),
    [
        ("loss.backward()", StepOwner.TORCH),
        ("scaler.scale(loss).backward()", StepOwner.SCALER),
        ("accelerator.backward(loss)", StepOwner.ACCELERATE),
        ("fabric.backward(loss)", StepOwner.FABRIC),
        ("engine.backward(loss)", StepOwner.DEEPSPEED),
        ("self.manual_backward(loss)", StepOwner.LIGHTNING),
    ],
)
def test_owners_of_steps(code: str, owner: StepOwner) -> None:
    body = f"for x in loader:\n    loss = model(x).sum()\n    {code}\n    optimizer.step()\n"
    assert [each.owner for each in loops(body).steps] == [owner]


def test_the_loop_of_a_step_in_another_module() -> None:
    step = """
    def train_step(model, optimizer, x):
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
    """
    main = "from train import train_step\nfor x in loader:\n    train_step(model, optimizer, x)\n"
    found = loops(step, {"main.py": main}).steps
    assert [each.loop_facts.document.path for each in found] == ["main.py"]


def test_closures_given_to_an_optimizer() -> None:
    code = """
    for x in loader:
        def closure():
            loss = model(x).sum()
            loss.backward()
            return loss
        optimizer.step(closure)
    """
    assert roles(code) == [LoopRole.TRAINING]


def test_iterations_are_counted_where_they_are_written() -> None:
    found = loops(
        "for step in range(50):\n    model(x).sum().backward()\n    optimizer.step()\nwhile True:\n    pass\n"
    ).all
    assert [each.iterations for each in found] == [50, None]


def test_micro_batches_in_a_method_that_another_updates_after() -> None:
    code = """
    class Trainer:
        def run(self):
            while self.step < 1000:
                self.run_step(next(self.data))

        def run_step(self, batch):
            self.forward_backward(batch)
            self.helper.optimize(self.opt)

        def forward_backward(self, batch):
            for i in range(0, batch.shape[0], self.microbatch):
                self.model(batch[i : i + self.microbatch]).mean().backward()

        def __init__(self):
            self.helper = Helper()

    class Helper:
        def optimize(self, opt):
            return self._optimize_plainly(opt)

        def _optimize_plainly(self, opt):
            opt.step()
    """
    assert roles(code) == [LoopRole.TRAINING, LoopRole.MICROBATCH]


def test_accumulation_with_an_update_now_and_then_is_one_loop() -> None:
    code = """
    for epoch in range(10):
        for i, x in enumerate(loader):
            model(x).sum().backward()
            if (i + 1) % 4 == 0:
                optimizer.step()
    """
    assert roles(code) == [LoopRole.EPOCH, LoopRole.TRAINING]


@pytest.mark.parametrize(
    ("loop", "printed", "shown"),
    [
        ("for x in tqdm(loader):", ["  0%|          | 0/13 [00:00<?, ?it/s]"], 13),
        ("for x in tqdm(loader):", [" 9/25 [00:01]", " 4/30 [00:01]"], 30),
        ("for x in tqdm(loader):", ["loss 0.2"], None),
        ("for x in loader:", [" 9/25 [00:01]"], None),
    ],
)
def test_a_progress_bar_in_the_outputs_shows_how_often_a_loop_ran(
    loop: str, printed: list[str], shown: int | None
) -> None:
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "source": "from tqdm import tqdm", "outputs": [{"text": "1/99 [00:00]"}]},
        {"cell_type": "code", "source": f"{loop}\n    f(x)", "outputs": [{"data": {"text/plain": printed}}]},
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    document = reading.parse("train.ipynb", text.encode()).document
    assert document is not None
    found = Modules.begin(document, DictSources({"train.ipynb": text}), RunSettings())[Loops]
    assert [each.shown for each in found.all] == [shown]


def test_a_script_shows_no_progress() -> None:
    assert [each.shown for each in loops("for x in tqdm(loader):\n    f(x)").all] == [None]
