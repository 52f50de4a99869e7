"""Keras models that a file builds, and the layers that give their outputs."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.keras_models import KerasModels
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings

HEAD = "import keras\nfrom keras import Input, Model, Sequential, layers\n"


def facts_of(code: str) -> Facts:
    text = HEAD + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"train.py": text}), RunSettings())


@pytest.mark.parametrize(
    ("code", "outputs"),
    [
        ("m = Sequential([layers.Conv2D(8, 3), layers.Dense(2)])", ["layers.Dense(2)"]),
        ("m = Sequential()\nm.add(layers.Dense(3))\nm.add(layers.Dense(2))", ["layers.Dense(2)"]),
        ("m = Sequential([layers.Dense(3)])\nm.add(layers.Dense(2))", ["layers.Dense(2)"]),
        ("x = Input((3,))\nm = Model(x, layers.Dense(2)(x))", ["layers.Dense(2)"]),
        ("x = Input((3,))\ny = layers.Dense(2)(x)\nm = Model(inputs=x, outputs=[y])", ["layers.Dense(2)"]),
        ("x = Input((3,))\nlast = layers.Dense(2)\nm = Model(x, last(x))", ["layers.Dense(2)"]),
        ("m = Sequential(parts)", None),
        ("m = Sequential([*parts])", None),
        ("m = Sequential([layers.Dense(2), other])", None),
        ("m = Sequential()\nfor n in sizes:\n    m.add(layers.Dense(n))", None),
        ("m = Sequential([layers.Dense(2)])\nm.pop()", None),
        ("x = Input((3,))\nm = Model(x, head(x))", None),
        ("x = Input((3,))\ny = layers.Dense(2)(x)\nif z:\n    y = layers.Dense(3)(x)\nm = Model(x, y)", None),
        ("m = Model(*parts)", None),
    ],
)
def test_outputs(code: str, outputs: list[str] | None) -> None:
    facts = facts_of(code)
    (model,) = facts[KerasModels].all
    found = None if model.outputs is None else [facts.document.source(each.node) for each in model.outputs]
    assert found == outputs


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("n = 3\nm = Sequential([layers.Dense(n)])", "m = Sequential"),
        ("with scope():\n    m = Sequential([layers.Dense(2)])", "with scope"),
        ("def build():\n    n = 3\n    return Sequential([layers.Dense(n)])\nm = build()", "return Sequential"),
        ("def block(x):\n    return layers.Dense(2)(x)\nx = block(given)\nm = Model(given, x)", "x = block"),
        ("def one():\n    return Sequential([])\ndef two():\n    return Sequential([])", None),
        ("m = 3", None),
    ],
)
def test_where_it_begins(code: str, begins: str | None) -> None:
    facts = facts_of(code)
    found = facts[KerasModels].begins()
    assert (found is None) is (begins is None)
    assert found is None or facts.document.source(found).startswith(begins or "")


@pytest.mark.parametrize(
    ("code", "run"),
    [
        ("m = Sequential([layers.Dense(2)])\nm.fit(x, y)", 1),
        ("part = Sequential([layers.Dense(2)])\nm = Sequential([part, layers.Dense(2)])\nm.fit(x, y)", 1),
        ("def build():\n    return Sequential([layers.Dense(2)])\nm = build()\nm.compile()\nm.fit(x, y)", 1),
        ("m = Sequential([layers.Dense(2)])\nm.fit(x, y)\nkeras.models.load_model('m').predict(x)", 1),
        ("m = Sequential([layers.Dense(2)])\nm.fit(x, y)\nother.predict(x)", None),
        ("m = keras.applications.ResNet50()\nm.fit(x, y)", None),
    ],
)
def test_which_are_run(code: str, run: int | None) -> None:
    found = facts_of(code)[KerasModels].run
    assert (None if found is None else len(found)) == run
