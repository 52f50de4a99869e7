"""Residence: what lives on the device, and what still holds an autograd graph; certain only in the affirmative."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.residence import Residence, Tracked
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import torch
import torch.nn.functional as F
from torch import nn
model = nn.Linear(64, 64).cuda()
criterion = nn.MSELoss()
"""


def holds(kind: type[Residence], code: str, files: dict[str, str] | None = None) -> bool:
    """Whether the argument of the last ``show(...)`` is such a value."""
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    every = {path: textwrap.dedent(body) for path, body in (files or {}).items()}
    facts = Modules.begin(document, DictSources({**every, "main.py": text}), RunSettings())
    return facts[kind].from_model(facts[Calls].methods("show")[-1].positional[0])


# -- expressions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "resident", "tracked"),
    [
        ("model(x)", True, True),
        ("model.forward(x)", True, True),
        ("criterion(model(x), y)", True, True),
        ("F.cross_entropy(model(x), y)", True, True),
        ("model(x).mean()", True, True),
        ("model(x)[0]", True, True),
        ("model(x) + 1", True, True),
        ("-model(x)", True, True),
        ("torch.mean(model(x))", True, True),
        ("sum([criterion(model(x), y)])", True, True),
        ("model(x) if c else 0", True, True),
        ("[model(x)]", True, True),
        ("{'loss': model(x)}", True, True),
        ("model(x).detach()", True, False),
        ("model(x).data", True, False),
        ("model(x).argmax(1)", True, False),
        ("torch.argmax(model(x), 1)", True, False),
        ("model(x).max(1)[0]", True, True),
        ("model(x).max(1)[1]", True, False),
        ("model(x).topk(5).indices", True, False),
        ("model(x) > 0", True, False),
        ("(model(x).argmax(1) == y).sum()", True, False),
        ("model(x).long()", True, False),
        ("model.generate(x)", True, False),
        ("torch.zeros(3).cuda()", True, False),
        ("torch.zeros(3, device='cuda')", True, False),
        ("model(x).item()", False, False),
        ("model(x).cpu()", False, False),
        ("model(x).tolist()", False, False),
        ("model(x).detach().cpu().numpy()", False, False),
        ("float(model(x))", False, False),
        ("len(model(x))", False, False),
        ("model(x).shape", False, False),
        ("model(x).size(0)", False, False),
        ("model(x).device", False, False),
        ("model(x) is None", False, False),
        ("model(x) is not None", False, False),
        ("model.training", False, False),
        ("torch.zeros(3)", False, False),
        ("nn.Linear(2, 2).to('cpu')(x)", False, False),
        ("f'{model(x)}'", False, False),
        ("3", False, False),
        ("x", False, False),
    ],
)
def test_expressions(expression: str, resident: bool, tracked: bool) -> None:
    for code in (f"show({expression})", f"value = {expression}\nagain = value\nshow(again)"):
        assert holds(Residence, code) is resident
        assert holds(Tracked, code) is tracked
    helper = f"def compute(x, y):\n    return {expression}\nshow(compute(1, 2))"
    assert holds(Residence, helper) is resident
    assert holds(Tracked, helper) is tracked


@pytest.mark.parametrize(
    "expression",
    [
        "unseen(x)",
        "unseen(model(x))",
        "args.lr",
        "config['loss']",
        "load().cuda()",
        "accuracy(model(x), y)",
        "predict(x)",
        "metrics.f1(model(x), y)",
    ],
)
def test_what_cannot_be_seen_is_not_claimed(expression: str) -> None:
    code = "from lib import accuracy\nfrom sklearn import metrics\nfrom unseen import *\n"
    assert not holds(Residence, f"{code}show({expression})")
    assert not holds(Tracked, f"{code}show({expression})")


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "resident", "tracked"),
    [
        ("out = model(x)\nout = out.cpu()\nshow(out)", False, False),
        ("out = model(x)\nout = out.detach()\nshow(out)", True, False),
        ("out = model(x)\nif c:\n    out = out.detach()\nshow(out)", True, True),
        ("out, count = model(x), 3\nshow(out)", True, True),
        ("out, count = model(x), 3\nshow(count)", False, False),
        ("values, indices = model(x).max(1)\nshow(values)", True, True),
        ("values, indices = model(x).max(1)\nshow(indices)", True, False),
        ("_, predicted = torch.max(model(x), 1)\nshow(predicted)", True, False),
        ("total = 0\nfor x in y:\n    total += criterion(model(x), x)\nshow(total)", True, True),
        ("total = 0\nfor x in y:\n    total += criterion(model(x), x).item()\nshow(total)", False, False),
        ("for name, p in model.named_parameters():\n    show(p)", True, False),
        ("for name, p in model.named_parameters():\n    show(name)", False, False),
        ("for p in model.parameters():\n    show(p.grad)", True, False),
        ("for index, out in enumerate(model(x)):\n    show(index)", False, False),
        ("for name, out in zip(names, model(x)):\n    show(out)", True, False),
        ("for name, out in zip(names, model(x)):\n    show(name)", False, False),
        ("def run(out):\n    show(out)\nrun(model(x))", True, True),
        ("def run(out):\n    show(out)\nrun(3)", False, False),
        ("def run(*outs):\n    show(outs[0])\nrun(model(x))", True, True),
        ("def run(**outs):\n    show(outs['a'])\nrun(a=model(x))", True, True),
        ("def run(**outs):\n    show(outs['a'])", False, False),
        ("def run(out=model(x)):\n    show(out)\nrun(**options)", False, False),
    ],
)
def test_names(code: str, resident: bool, tracked: bool) -> None:
    assert holds(Residence, code) is resident
    assert holds(Tracked, code) is tracked


# -- dictionaries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "resident"),
    [
        ("logs = {'loss': model(x), 'count': len(x)}\nshow(logs['loss'])", True),
        ("logs = {'loss': model(x), 'count': len(x)}\nshow(logs['count'])", False),
        ("logs = {'loss': model(x), 'count': len(x)}\nshow(logs[key])", True),
        ("logs = {'loss': model(x).item()}\nshow(logs['loss'])", False),
        ("logs = {'loss': 0}\nlogs['loss'] = model(x)\nshow(logs['loss'])", True),
        ("logs = {'loss': model(x)}\nlogs['loss'] = 0\nshow(logs['loss'])", False),
        ("logs = dict(loss=model(x), count=3)\nshow(logs['count'])", False),
        ("logs = {'loss': model(x)}\nfor key, value in logs.items():\n    show(value)", True),
        ("logs = {'loss': model(x)}\nfor key, value in logs.items():\n    show(key)", False),
        ("logs = {'loss': model(x)}\nshow(logs.get('loss'))", True),
        ("logs = {'loss': model(x)}\nshow({key: value.item() for key, value in logs.items()})", False),
        ("def step():\n    return {'loss': model(x), 'count': 3}\nlogs = step()\nshow(logs['loss'])", True),
        ("def step():\n    return {'loss': model(x), 'count': 3}\nlogs = step()\nshow(logs['count'])", False),
        ("logs = load()\nshow(logs['loss'])", False),
    ],
)
def test_dictionaries(code: str, resident: bool) -> None:
    assert holds(Residence, code) is resident


# -- functions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returned", "element", "resident", "tracked"),
    [
        ("model(x), 3", 0, True, True),
        ("model(x), 3", 1, False, False),
        ("model(x), model(x).argmax(1)", 1, True, False),
        ("model(x).item(), model(x)", 0, False, False),
        ("model(x), (3, 4)", 1, False, False),
    ],
)
def test_elements_of_what_a_helper_returns(returned: str, element: int, resident: bool, tracked: bool) -> None:
    helper = f"def step(model, x):\n    return {returned}\n"
    use = f"first, second = step(model, x)\nshow({('first', 'second')[element]})"
    assert holds(Residence, helper + use) is resident
    assert holds(Tracked, helper + use) is tracked
    files = {"steps.py": "import torch\n" + helper}
    assert holds(Residence, "from steps import step\n" + use, files) is resident
    assert holds(Tracked, "from steps import step\n" + use, files) is tracked


@pytest.mark.parametrize(
    "helper",
    [
        "def step(x):\n    def inner():\n        return model(x)\n    return 3\n",
        "from lib import wrap\n@wrap\ndef step(x):\n    return model(x)\n",
        "from lib import step\n",
        "def step(x):\n    model(x)\n",
    ],
)
def test_helpers_that_do_not_certainly_return_it(helper: str) -> None:
    assert not holds(Residence, f"{helper}show(step(1))")
    assert not holds(Residence, f"{helper}first, second = step(1)\nshow(first)")


# -- without gradients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "with torch.no_grad():\n    show(model(x))",
        "with torch.no_grad():\n    out = model(x)\nshow(out)",
        "@torch.inference_mode()\ndef run():\n    show(model(x))",
        "@torch.no_grad()\ndef step(x):\n    return model(x)\nshow(step(x))",
        "def run():\n    show(model(x))\nwith torch.no_grad():\n    run()",
        "torch.set_grad_enabled(False)\nshow(model(x))",
        "from lib import wrap\n@wrap\ndef run():\n    show(model(x))",
        "with torch.set_grad_enabled(phase == 'train'):\n    show(model(x))",
    ],
)
def test_no_graph_where_gradients_are_or_may_be_off(code: str) -> None:
    assert not holds(Tracked, code)


def test_a_graph_where_gradients_are_on_again() -> None:
    assert holds(Tracked, "with torch.no_grad():\n    with torch.enable_grad():\n        show(model(x))")
    assert holds(Tracked, "torch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)\nshow(model(x))")
