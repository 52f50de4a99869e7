"""Which functions run compiled."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.compiled import Compiled
from greenlint.facts.functional import FunctionalSteps
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.tree import Tree

SETUP = """
import functools
import jax
import tensorflow as tf
from jax import jit, lax
from flax import nnx
def step(params, batch):
    return params
"""


def facts(code: str, files: dict[str, str] | None = None) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    every = {name: textwrap.dedent(body) for name, body in (files or {}).items()}
    return Modules.begin(document, DictSources({**every, "train.py": text}), RunSettings())


def compiled(code: str, name: str = "step", files: dict[str, str] | None = None) -> bool | None:
    found = facts(code, files)
    function = next(each for each in found[Tree].of_type(cst.FunctionDef) if each.name.value == name)
    return found[Compiled].function(function)


@pytest.mark.parametrize(
    "code",
    [
        "fast = jax.jit(step)",
        "fast = jit(step, donate_argnums=0)",
        "fast = functools.partial(jax.pmap, axis_name='batch')(step)",
        "fast = jax.jit(jax.vmap(step))",
        "fast = jax.jit(functools.partial(step, 1))",
        "batched = jax.vmap(step)\nfast = jax.jit(batched)",
        "lax.scan(step, params, batches)",
        "fast = jax.jit(step) if quick else step",
        "@jax.jit\ndef outer(params, batch):\n    return step(params, batch)",
        "def make(f):\n    return jax.jit(f)\nfast = make(step)",
        "data = data.map(step)",
        "fast = jax.jit(lambda p: step(p, 1))",
    ],
)
def test_wrapped(code: str) -> None:
    assert compiled(code) is True


@pytest.mark.parametrize(
    "code",
    [
        "for batch in batches:\n    params = step(params, batch)",
        "print(step)",
        "same = step\nfor batch in batches:\n    params = same(params, batch)",
        "batched = jax.vmap(step)\nbatched(params, batches)",
        "jax.tree.map(step, params, batches)",
    ],
)
def test_only_called(code: str) -> None:
    assert compiled(code) is False


@pytest.mark.parametrize(
    "code",
    [
        "run(step)",
        "table = {'step': step}",
        "def make():\n    return step",
    ],
)
def test_what_happens_to_it_is_not_seen(code: str) -> None:
    assert compiled(code) is None


@pytest.mark.parametrize(
    "decorator",
    [
        "jax.jit",
        "jit",
        "nnx.jit",
        "tf.function",
        "tf.function(jit_compile=True)",
        "functools.partial(jax.jit, static_argnums=0)",
    ],
)
def test_decorators(decorator: str) -> None:
    assert compiled(f"@{decorator}\ndef other(x):\n    return x", "other") is True


def test_an_unseen_decorator_is_not_known() -> None:
    assert compiled("@fancy\ndef other(x):\n    return x", "other") is None


def test_keras_runs_its_own_steps_in_a_graph() -> None:
    code = "class Net(tf.keras.Model):\n    def train_step(self, data):\n        return data"
    assert compiled(code, "train_step") is True


def test_another_file_compiles() -> None:
    files = {"main.py": "import jax\nfrom train import step\nfast = jax.jit(step)\n"}
    assert compiled("", files=files) is True


def test_functional_steps() -> None:
    code = """
    def update(params, batch):
        loss, grads = jax.value_and_grad(loss_of)(params, batch)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
    for batch in batches:
        params = update(params, batch)
    """
    steps = facts(code)[FunctionalSteps].all
    assert len(steps) == 1
    assert steps[0].function is not None
    assert steps[0].loop is not None


def test_gradients_without_an_update_are_no_step() -> None:
    code = "for x in points:\n    slope = jax.grad(curve)(x)\n    print(slope)"
    assert facts(code)[FunctionalSteps].all == ()


def test_passes_multiply() -> None:
    code = """
    gradient = jax.grad(loss_of)
    for epoch in range(10):
        for part in range(5):
            grads = gradient(params)
            params = params - rate * grads
    """
    steps = facts(code)[FunctionalSteps].all
    assert [each.passes for each in steps] == [50]
