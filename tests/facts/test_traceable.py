"""Traceable: functions that compute the same when JAX compiles them, and arguments that are arrays."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.traceable import Traceable
from greenlint.facts.tree import Tree

SETUP = """
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
optimizer = optax.adam(1e-3)
scale = 2.0
kept = []
def loss(p, x):
    return jnp.mean((x @ p) ** 2)
"""


def facts_of(code: str) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def step_of(facts: Facts) -> cst.FunctionDef:
    return next(each for each in facts[Tree].of_type(cst.FunctionDef) if each.name.value == "step")


@pytest.mark.parametrize(
    ("body", "pure"),
    [
        ("return jax.grad(loss)(p, x)", True),
        ("g = jax.value_and_grad(loss)\n    value, grads = g(p, x)\n    return value", True),
        ("return optimizer.update(p, x)", True),
        ("return jax.tree.map(lambda a, b: a - 0.1 * b, p, x)", True),
        ("return nn.relu(nn.Dense(4)(x)).reshape(-1)", True),
        ("for width in self.widths:\n        x = x + width\n    return x", True),
        ("return scale * x", True),
        ("for i in range(x):\n        p = p + 1\n    return p", False),
        ("print(x)\n    return x", False),
        ("jax.debug.print('{}', x)\n    return x", False),
        ("kept.append(x)\n    return x", False),
        ("p['w'] = x\n    return p", False),
        ("return x if x.sum() else p", False),
        ("return float(x)", False),
        ("return x.item()", False),
        ("return np.mean(x)", False),
        ("return x[jnp.isnan(x)]", False),
        ("return x[:p]", False),
        ("return jax.tree.map(print, x)", False),
        ("return jax.tree.map(np.sum, x)", False),
        ("return jax.grad(elsewhere)(p, x)", False),
        ("return elsewhere(x)", False),
        ("return cache.update(x)", False),
    ],
)
def test_purity(body: str, pure: bool) -> None:
    facts = facts_of(f"def step(p, x):\n    {body}")
    assert facts[Traceable].is_pure(step_of(facts)) is pure


@pytest.mark.parametrize("change", ["scale = 3.0", "scale *= 2", "def f():\n    global scale\n    scale = 1"])
def test_what_changes_is_no_constant(change: str) -> None:
    facts = facts_of(f"def step(x):\n    return scale * x\n{change}")
    assert not facts[Traceable].is_pure(step_of(facts))


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("jnp.zeros(3)", True),
        ("{'w': jnp.zeros(3), 'b': [jnp.ones(2)]}", True),
        ("[jnp.zeros(n) for n in sizes]", True),
        ("frame.to_numpy('float32')[a:b]", True),
        ("rows.astype(np.float32).T", True),
        ("0.1 * jax.random.normal(key, (2, 2))", True),
        ("optimizer.init(start)", True),
        ("step(start)", True),
        ("nn.Dense(3).init(key, start)", True),
        ("3", False),
        ("'text'", False),
        ("next(batches)", False),
        ("frame.to_numpy()", False),
        ("{'w': jnp.zeros(3), 'name': 'net'}", False),
        ("{}", False),
    ],
)
def test_arrays(expression: str, known: bool) -> None:
    facts = facts_of(f"def step(x):\n    return x\nvalue = {expression}\nshow(value)")
    node = facts[Calls].methods("show")[0].positional[0]
    assert facts[Traceable].is_arrays(node, step_of(facts)) is known


@pytest.mark.parametrize(
    ("result", "values"), [("x", True), ("x, x + 1", True), ("x, optimizer", False), ("x, 'done'", False)]
)
def test_results(result: str, values: bool) -> None:
    facts = facts_of(f"def step(x):\n    return {result}")
    assert facts[Traceable].returns_values(step_of(facts)) is values
