"""Factories: which tensors are made on the host from nothing but shapes and numbers."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.factories import Factories, Made
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings


def facts_of(code: str) -> Facts:
    text = "import numpy as np\nimport torch\nfrom torch import nn\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def made(code: str) -> Made | None:
    """How the argument of the last ``show(...)`` was made."""
    facts = facts_of(code)
    return facts[Factories].made(facts[Calls].methods("show")[-1].positional[0])


# -- expressions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("torch.zeros(3)", "plain"),
        ("torch.zeros(x.size(0), n)", "plain"),
        ("torch.full((2, 3), 1.0, dtype=torch.half)", "plain"),
        ("torch.arange(n)", "plain"),
        ("torch.zeros(3, device='cpu')", "plain"),
        ("torch.zeros(3).float().unsqueeze(0)", "plain"),
        ("torch.zeros(3).view(x.size(0), -1)", "plain"),
        ("torch.rand(3)", "random plain"),
        ("torch.randn(args.batch, args.width)", "random plain"),
        ("torch.empty(3).uniform_(0, 1)", "random plain"),
        ("torch.arange(n).mul(2)", "plain"),
        ("torch.tensor([1, 2])", "constant"),
        ("torch.tensor([[1.0, 2.0], [3.0, 4.0]])", "constant"),
        ("torch.as_tensor(3)", "constant"),
        ("torch.FloatTensor([1, 2])", "constant"),
        ("torch.FloatTensor(3, 4)", ""),
        ("torch.zeros_like(torch.zeros(3))", ""),
        ("torch.rand_like(torch.zeros(3))", "random"),
        ("torch.rand(3) * 2 + 1", "random"),
        ("-torch.zeros(3)", ""),
        ("torch.zeros(3) > 0", ""),
        ("torch.zeros(3) + torch.rand(3)", "random"),
        ("torch.cat([torch.zeros(3), torch.ones(3)])", ""),
        ("torch.triu(torch.ones(n, n))", ""),
        ("torch.triu(torch.ones(n, n)).eq(0)", ""),
        ("torch.arange(n)[None, :]", ""),
        ("torch.zeros(2, 3).T", ""),
        ("np.zeros(3)", ""),
        ("torch.from_numpy(np.zeros(3)).float()", ""),
        ("torch.from_numpy(np.random.rand(3))", "random"),
        ("torch.autograd.Variable(torch.zeros(3))", ""),
    ],
)
def test_made(expression: str, told: str) -> None:
    found = made(f"show({expression})")
    assert found is not None
    flags = {"random": found.random, "constant": found.constant, "plain": found.plain}
    assert " ".join(name for name, flag in flags.items() if flag) == told


@pytest.mark.parametrize(
    "expression",
    [
        "x",
        "load()",
        "zeros(3)",
        "torch.zeros(3, device='cuda')",
        "torch.zeros(3, device=device)",
        "torch.zeros(3, **options)",
        "torch.zeros(3, pin_memory=True)",
        "torch.zeros(3, requires_grad=True)",
        "torch.rand(3, generator=generator)",
        "torch.zeros(3, out=buffer)",
        "torch.zeros(3).requires_grad_()",
        "torch.zeros(3).to('cuda')",
        "torch.zeros(3).cuda()",
        "torch.zeros(3).type(torch.cuda.FloatTensor)",
        "torch.zeros(3).item()",
        "torch.zeros(3)[index]",
        "torch.zeros_like(x)",
        "torch.tensor(x)",
        "torch.tensor([x, 1])",
        "torch.tensor([])",
        "torch.tensor('text')",
        "torch.FloatTensor(x)",
        "torch.from_numpy(x)",
        "torch.from_numpy(load())",
        "torch.cat([torch.zeros(3), load()])",
        "torch.rand(3) * load()",
        "torch.zeros(3).add(load())",
        "torch.ones(3).masked_fill(load(), 0)",
        "torch.normal(torch.zeros(3), 1.0)",
        "torch.cuda.FloatTensor(3)",
    ],
)
def test_not_made_or_not_known(expression: str) -> None:
    assert made(f"from lib import *\nshow({expression})") is None


# -- operands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("scale = 2\nshow(torch.rand(3) * scale)", True),
        ("show(torch.rand(3) * args.scale)", True),
        ("show(torch.arange(n).float().mul(-math.log(10000.0) / width))", True),
        ("show(torch.arange(n).add(torch.arange(n)))", True),
        ("show(torch.ones(n).masked_fill(torch.arange(n) == 0, float('-inf')))", True),
        ("data = load()\nshow(torch.rand(3) * data)", False),
        ("data = load()\nshow(torch.zeros(3).add(data))", False),
        ("data = load()\nshow(torch.ones(3).masked_fill(data, 0))", False),
        ("def run(x):\n    show(torch.rand(3) * x)\nrun(torch.zeros(3))", False),
        ("x = torch.zeros(3, device='cuda')\nshow(torch.zeros(3).add(x))", False),
        ("x = torch.zeros(3, device='cuda')\nshow(torch.zeros(3) + x)", False),
    ],
)
def test_operands(code: str, known: bool) -> None:
    assert (made(f"import math\n{code}") is not None) is known


# -- names and functions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("mask = torch.zeros(3)\nshow(mask)", True),
        ("mask = torch.zeros(3)\nprint(mask.shape)\nshow(mask)", True),
        ("mask = torch.zeros(3)\nprint(mask)\nshow(mask)", False),
        ("mask = torch.zeros(3)\nmask[0] = x\nshow(mask)", False),
        ("mask = torch.zeros(3)\nif c:\n    mask = load()\nshow(mask)", False),
        ("mask, other = torch.zeros(3), 1\nshow(mask)", False),
        ("mask = torch.zeros(3)\nfor x in y:\n    show(mask)", False),
        ("for x in y:\n    mask = torch.zeros(3)\n    show(mask)", True),
        ("mask = torch.zeros(3)\ndef run():\n    show(mask)", False),
        ("def run(mask=torch.zeros(3)):\n    show(mask)", False),
        ("def make(n):\n    return torch.zeros(n)\nshow(make(3))", True),
        ("def make(n):\n    if n:\n        return torch.zeros(n)\n    return load()\nshow(make(3))", False),
        ("def make(n):\n    if n:\n        return torch.zeros(n)\n    return\nshow(make(3))", False),
        ("from lib import wrap\n@wrap\ndef make(n):\n    return torch.zeros(n)\nshow(make(3))", False),
        ("from lib import make\nshow(make(3))", False),
        ("Tensor = torch.LongTensor if c else torch.FloatTensor\nshow(Tensor(3, 4))", True),
        ("Tensor = torch.cuda.FloatTensor if c else torch.FloatTensor\nshow(Tensor(3, 4))", False),
        ("make = torch.zeros\nshow(make(3))", True),
    ],
)
def test_names_and_functions(code: str, known: bool) -> None:
    assert (made(code) is not None) is known


def test_the_factory_call_is_told() -> None:
    found = made("show((torch.rand(3) * 2 - torch.ones(3)).float())")
    assert found is not None and found.call.name == "torch.rand"


# -- placed elsewhere ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "moved"),
    [
        ("torch.set_default_device('cuda')", True),
        ("torch.set_default_tensor_type(torch.cuda.FloatTensor)", True),
        ("with torch.device('cuda'):\n    pass", True),
        ("device = torch.device('cuda')", False),
    ],
)
def test_default_device(code: str, moved: bool) -> None:
    assert facts_of(code)[Factories].default_moved is moved


@pytest.mark.parametrize(
    ("code", "placed"),
    [
        ("torch.cuda.FloatTensor(3)", True),
        ("Tensor = torch.cuda.FloatTensor if c else torch.FloatTensor\nTensor(3)", True),
        ("torch.FloatTensor(3)", False),
        ("from lib import *\nTensor(3)", False),
    ],
)
def test_placed_by_type(code: str, placed: bool) -> None:
    facts = facts_of(code)
    assert facts[Factories].placed_by_type(list(facts[Calls].all)[-1]) is placed
