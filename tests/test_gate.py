"""Gates rule out files by words, by the outline and by what the text says, and lose no finding."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping

import libcst as cst
import pytest

from greenlint import Call, Findings, Premise, Rule, on_call, on_node
from greenlint.facts import Facts
from greenlint.facts.glance import Glance
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.gate import Gate
from greenlint.outline import Outline


class Anything(Rule):
    """Concerns every file."""

    name = "anything"


class Loaders(Rule):
    """Has a framework, words of two groups, and an outline that it concerns."""

    name = "loaders"
    frameworks = ("torch", "tensorflow")
    words = (("DataLoader", "*Loader"), ("num_workers",))

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "DataLoader" in outline.calls


class Steps(Rule):
    """Waits for calls."""

    name = "steps"

    @on_call("torch.Tensor.backward", "lib.Engine.step")
    def check(self, call: Call, facts: Facts) -> Findings:
        yield self.finding(call.node, "is wasted")


class AnyCall(Rule):
    """Waits for all calls of a module."""

    name = "any-call"

    @on_call("torch.optim.*")
    def check(self, call: Call, facts: Facts) -> Findings:
        yield self.finding(call.node, "is wasted")


class CallsAndNodes(Steps):
    """Waits for calls and for something else."""

    name = "calls-and-nodes"

    @on_node("For")
    def check_loop(self, node: cst.For, facts: Facts) -> Findings:
        yield self.finding(node, "is wasted")


class OnAccelerators(Rule):
    """Takes two things for granted."""

    name = "on-accelerators"
    words = (("x",),)
    premises = (Premise.ON_ACCELERATOR, Premise.NOT_A_TEST)


RULES = (Anything(), Loaders(), Steps(), AnyCall(), CallsAndNodes(), OnAccelerators())


def glance(text: str, files: Mapping[str, str] | None = None, *, path: str = "a.py", hardware: str = "auto") -> Glance:
    return Glance(path, text, DictSources({**(files or {}), path: text}), RunSettings(hardware=hardware))


def wanted(rule: Rule, text: str, *, outlined: bool = True) -> bool:
    return Gate([rule]).wants(glance(text), Outline.of(ast.parse(text)) if outlined else None) == (rule,)


# -- words ---------------------------------------------------------------------------------------------------------

WORDS = {
    "all": ("import torch\nDataLoader(num_workers=2)", True),
    "other framework": ("import tensorflow\nDataLoader(num_workers=2)", True),
    "other word of the group": ("import torch\nMyLoader(num_workers=2)", True),
    "in comments and strings": ("# torch\n'DataLoader num_workers'", True),
    "no framework": ("DataLoader(num_workers=2)", False),
    "framework in another word": ("import torchvision\nDataLoader(num_workers=2)", False),
    "first group": ("import torch\nf(num_workers=2)", False),
    "second group": ("import torch\nDataLoader()", False),
    "empty": ("", False),
}


@pytest.mark.parametrize(("text", "admitted"), WORDS.values(), ids=WORDS)
def test_words(text: str, admitted: bool) -> None:
    assert Gate([Loaders()]).admits(text.encode()) is admitted
    assert wanted(Loaders(), text, outlined=False) is admitted


def test_one_rule_is_enough() -> None:
    assert Gate([Loaders(), OnAccelerators()]).admits(b"x")
    assert not Gate([Loaders(), OnAccelerators()]).admits(b"y")


def test_rules_without_words_look_at_everything() -> None:
    assert Gate([Loaders(), Anything()]).admits(b"")
    assert not Gate([]).admits(b"import torch")


@pytest.mark.parametrize("ascii_only", [True, False])
def test_words_of_notebooks_are_read_in_their_json(ascii_only: bool) -> None:
    source = "import torch\nDataLoader(a,\n\tnum_workers=2)  # \u2192DataLoader"
    raw = json.dumps({"cells": [{"cell_type": "code", "source": source}]}, ensure_ascii=ascii_only)
    assert Gate([Loaders()]).admits(raw.encode())
    escaped = raw.replace("(", r"\u0028").replace("=", r"\u003d")
    assert Gate([Loaders()]).admits(escaped.encode())


def test_byte_order_mark() -> None:
    assert Gate([OnAccelerators()]).admits(b"\xef\xbb\xbfx = 1")


# -- outlines ------------------------------------------------------------------------------------------------------


def test_outlines_rule_out_what_does_not_concern_a_rule() -> None:
    text = "import torch\nDataLoader = f(num_workers)"
    assert not wanted(Loaders(), text)
    assert wanted(Loaders(), text, outlined=False), "newer syntax has no outline"
    assert wanted(Loaders(), f"{text}\nDataLoader()")


CALLS = {
    "one": ("loss.backward()", True),
    "other": ("step()", True),
    "renamed": ("from lib.Engine import step as go\ngo()", True),
    "none": ("loss.backward", False),
    "others": ("f()", False),
}


@pytest.mark.parametrize(("text", "answer"), CALLS.values(), ids=CALLS)
def test_rules_that_wait_for_calls_concern_files_with_them(text: str, answer: bool) -> None:
    assert wanted(Steps(), text) is answer
    assert wanted(CallsAndNodes(), text)
    assert wanted(AnyCall(), text)
    assert wanted(Anything(), text)


# -- premises ------------------------------------------------------------------------------------------------------


def test_premises_rule_out_what_the_text_denies() -> None:
    gate = Gate([OnAccelerators()])
    assert gate.wants(glance("x.cuda()"))
    assert not gate.wants(glance("x.cpu()"))
    assert not gate.wants(glance("x  # .cuda()"))
    assert not gate.wants(glance("x.cuda()", path="tests/a.py"))
    assert not gate.wants(glance("x.cuda()", hardware="cpu"))
    assert gate.wants(glance("x.f()", hardware="gpu"))
    assert gate.wants(glance("import b\nx.f()", {"b.py": "model.cuda()"}))


PREMISES = {
    Premise.NOT_A_TEST: ("x = 1", "tests/a.py", "x = 1"),
    Premise.LEARNS: ("import sklearn", "a.py", "import requests"),
    Premise.NOT_A_BENCHMARK: ("x = 1", "benchmarks/a.py", "x = 1"),
    Premise.DECODES: ("import cv2", "a.py", "import csv"),
    Premise.CPU_NOT_INTENDED: ("x = 1", "a.py", "torch.onnx.export(x)"),
    Premise.NOT_SCIENCE: ("x = 1", "a.py", "import gpytorch"),
    Premise.NOT_REINFORCEMENT: ("x = 1", "a.py", "import gymnasium"),
    Premise.OWN_STEP: ("loss.backward()", "a.py", "import accelerate\nAccelerator()"),
    Premise.REAL_DATA: ("ImageFolder(x)", "a.py", "import torch\nx = torch.randn(2)"),
    Premise.NO_TOY_SET: ("import torch\nx = torch.randn(2)", "a.py", "datasets.MNIST(x)"),
    Premise.ON_ACCELERATOR: ("x.cuda()", "a.py", "x.to(device)"),
    Premise.MAYBE_ON_ACCELERATOR: ("x.to(device)", "a.py", "x.to('cpu')"),
    Premise.ON_CPU: ("f(x)", "a.py", "x.to(device)"),
    Premise.ON_RANKS: ("DDP(model)", "a.py", "f(x)"),
    Premise.PRECISION_OPEN: ("f(x)", "a.py", "x.half()"),
}


@pytest.mark.parametrize("premise", [each for each in Premise if each is not Premise.MAY_HAVE_ACCELERATOR])
def test_each_premise_lets_through_and_rules_out(premise: Premise) -> None:
    class Rests(Rule):
        """Takes one thing for granted."""

        name = "rests"
        premises = (premise,)

    text, other_path, other_text = PREMISES[premise]
    gate = Gate([Rests()])
    assert gate.wants(glance(text))
    assert not gate.wants(glance(other_text, path=other_path))


@pytest.mark.parametrize(("hardware", "wanted"), [("auto", True), ("gpu", True), ("cpu", False)])
def test_settings_may_deny_an_accelerator(hardware: str, wanted: bool) -> None:
    class Rests(Rule):
        """Takes an accelerator for possible."""

        name = "rests"
        premises = (Premise.MAY_HAVE_ACCELERATOR,)

    assert bool(Gate([Rests()]).wants(glance("x = 1", hardware=hardware))) is wanted


# -- all of them ---------------------------------------------------------------------------------------------------


def test_wanted_rules_keep_their_order() -> None:
    text = "import torch\nx = DataLoader(num_workers=2)\nx.cuda()\nloss.backward()\n"
    gate = Gate(RULES)
    assert gate.wants(glance(text), Outline.of(ast.parse(text))) == RULES
    quiet = "import torch\nx = 1\n"
    found = gate.wants(glance(quiet), Outline.of(ast.parse(quiet)))
    assert [rule.name for rule in found] == ["anything", "any-call", "calls-and-nodes"]
