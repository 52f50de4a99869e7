"""Runs: what certainly runs, and in which program; what that program trains."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.runs import Runs
from greenlint.facts.sources import DictSources, RunSettings

STEP = "for x in loader:\n    loss = model(x)\n    loss.backward()\n    optimizer.step()\n"


def facts_of(code: str, **others: str) -> Facts:
    texts = {f"{name}.py": textwrap.dedent(text) for name, text in {"main": code, **others}.items()}
    document = reading.parse("main.py", texts["main.py"].encode()).document
    assert document is not None
    return Modules.begin(document, DictSources(texts), RunSettings())


def runs(code: str, **others: str) -> list[str]:
    facts = facts_of(code, **others)
    (call,) = facts[Calls].methods("switch")
    return [run.facts.document.path for run in facts[Runs].of(call.node)]


CERTAIN = {
    "top": "switch()",
    "in a function": "def main():\n    switch()\nmain()",
    "behind the guard of a script": "def main():\n    switch()\nif __name__ == '__main__':\n    main()",
    "where there is an accelerator": "import torch\nif torch.cuda.is_available():\n    switch()",
    "always taken": "if True:\n    switch()",
    "in a with block": "with f():\n    switch()",
    "tried": "try:\n    switch()\nexcept RuntimeError:\n    pass",
    "in a function that trains": f"def train():\n    switch()\n{textwrap.indent(STEP, '    ')}",
    "in a command": "@click.command()\ndef main():\n    switch()",
    "in a method": "class T:\n    def go(self):\n        switch()\nT().go()",
}


@pytest.mark.parametrize("code", CERTAIN.values(), ids=CERTAIN)
def test_certain(code: str) -> None:
    assert runs(code) == ["main.py"]


UNCERTAIN = {
    "condition": "if args.debug:\n    switch()",
    "other branch": "if args.fast:\n    pass\nelse:\n    switch()",
    "expression": "x = switch() if args.debug else None",
    "short circuit": "args.debug and switch()",
    "recovery": "try:\n    f()\nexcept RuntimeError:\n    switch()",
    "never called": "def debug():\n    switch()",
    "condition at the call": "def debug():\n    switch()\nif args.debug:\n    debug()",
    "after a return": "def main():\n    if fast:\n        return\n    switch()\nmain()",
    "lambda": "f = lambda: switch()",
    "under a constant": "DEBUG = True\nif DEBUG:\n    switch()",
    "loop that may end": "while not done:\n    switch()",
}


@pytest.mark.parametrize("code", UNCERTAIN.values(), ids=UNCERTAIN)
def test_uncertain(code: str) -> None:
    assert runs(code) == []


def test_a_helper_runs_where_it_is_called() -> None:
    helper = "def setup():\n    switch()\n"
    assert runs(helper, train=f"from main import setup\nsetup()\n{STEP}") == ["train.py"]
    assert runs(helper, train=f"from main import setup\nif args.debug:\n    setup()\n{STEP}") == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        (f"import torch\n{STEP}", 1),
        (f"import torch\ndef train():\n{textwrap.indent(STEP, '    ')}", 1),
        ("from tensorflow import keras\nmodel = keras.Sequential([])\nmodel.fit(x, epochs=3)", 1),
        ("from engine import train\nfrom data import loader\ntrain(loader)", 1),
        (f"import torch\nif False:\n{textwrap.indent(STEP, '    ')}", 0),
        ("from sklearn.linear_model import Ridge\nRidge().fit(x, y)", 0),
        ("import torch\nmodel(x)", 0),
    ],
)
def test_trainings(code: str, count: int) -> None:
    engine = f"def train(loader):\n{textwrap.indent(STEP, '    ')}"
    assert len(facts_of(code, engine=engine)[Runs].trainings) == count


HOLDS = {
    "for the program": (f"switch()\n{STEP}", "trains here"),
    "in the step": (f"{STEP}    switch()\n", "in this training step"),
    "around the training": (f"with switch():\n{textwrap.indent(STEP, '    ')}", "trains here"),
    "around something else": (f"with switch():\n    f()\n{STEP}", None),
    "now and then": (f"{STEP}    if bad(loss):\n        switch()\n", None),
    "on request": (f"if args.debug:\n    switch()\n{STEP}", None),
    "nothing is trained": ("switch()\nmodel(x)\n", None),
}


@pytest.mark.parametrize(("code", "place"), HOLDS.values(), ids=HOLDS)
def test_what_a_switch_holds_for(code: str, place: str | None) -> None:
    facts = facts_of(f"import torch\n{code}")
    (call,) = facts[Calls].methods("switch")
    found = facts[Runs].training(call.node)
    assert (found[1] if found is not None else None) == place


@pytest.mark.parametrize(
    ("code", "found"),
    [("switch()", True), ("if __name__ == '__main__':\n    switch()", False), ("def f():\n    switch()", False)],
)
def test_what_is_switched_on_at_an_import(code: str, found: bool) -> None:
    facts = facts_of(f"{code}\nclass Net: pass\n", train=f"import torch\nfrom main import Net\n{STEP}")
    (call,) = facts[Calls].methods("switch")
    assert (facts[Runs].training(call.node) is not None) is found


def test_what_is_switched_on_at_an_import_of_an_import() -> None:
    files = {"losses": "from main import DEVICE", "train": f"import torch\nfrom losses import loss_of\n{STEP}"}
    facts = facts_of("switch()\nDEVICE = 0\n", **files)
    (call,) = facts[Calls].methods("switch")
    found = facts[Runs].training(call.node)
    assert found is not None and len(found) == 3 and found[2].path == "train.py"
