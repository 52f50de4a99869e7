"""Values: kinds and devices through assignments, loops, helpers, attributes and other modules."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.sources import DictSources
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device, Value, Values
from greenlint.knowledge.kinds import Kind


def value(code: str, files: dict[str, str] | None = None) -> tuple[Facts, cst.BaseExpression]:
    """The argument of the last ``show(...)``."""
    text = "import torch\nfrom torch import nn\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    every = {path: textwrap.dedent(body) for path, body in (files or {}).items()}
    facts = Facts(document, DictSources({**every, "main.py": text}))
    shows = [
        call for call in facts[Tree].of_type(cst.Call) if isinstance(call.func, cst.Name) and call.func.value == "show"
    ]
    return facts, shows[-1].args[0].value


def of(code: str, files: dict[str, str] | None = None) -> Value:
    facts, node = value(code, files)
    return facts[Values].of(node)


@pytest.mark.parametrize(
    ("code", "constant"),
    [
        ("show(2 ** 5 * 3)", 96),
        ("x = (1, 2)\na, b = x\nshow(b)", 2),
        ("x = 'a' 'b'\nshow(x)", "ab"),
        ("x = 3 if True else 4\nshow(x)", 3),
        ("x = [1, 2] * 2\nshow(x)", [1, 2, 1, 2]),
        ("x = list(range(3))\nshow(x)", [0, 1, 2]),
        ("d = {'a': 4}\nshow(d['a'])", 4),
        ("class C:\n    n = 3\nshow(C.n)", 3),
        ("class C:\n    def __init__(self):\n        self.n = 3\nc = C()\nshow(c.n)", 3),
        ("def f():\n    return 7\nshow(f())", 7),
        ("show(-3)", -3),
    ],
)
def test_constants(code: str, constant: object) -> None:
    assert of(code).constant == constant


@pytest.mark.parametrize(
    ("code", "device"),
    [
        ("show('cuda:0')", Device.ACCELERATOR),
        ("show(torch.device('cpu'))", Device.HOST),
        ("show(torch.device('cuda' if torch.cuda.is_available() else 'cpu'))", Device.ACCELERATOR),
        ("d = 'cpu'\nif torch.cuda.is_available():\n    d = 'cuda'\nshow(d)", Device.ACCELERATOR),
        ("show(f'cuda:{rank}')", Device.ACCELERATOR),
        ("show(args.device)", None),
        (
            "def pick():\n    if torch.cuda.is_available():\n        return 'cuda'\n    return 'cpu'\nshow(pick())",
            Device.ACCELERATOR,
        ),
        (
            "class T:\n    def __init__(self):\n        self.device = torch.device('cuda')\n"
            "    def go(self):\n        show(self.device)",
            Device.ACCELERATOR,
        ),
    ],
)
def test_device_expressions(code: str, device: Device | None) -> None:
    facts, node = value(code)
    assert facts[Values].device(node) is device


@pytest.mark.parametrize(
    ("code", "kind", "device"),
    [
        ("show(torch.zeros(3))", Kind.TENSOR, Device.HOST),
        ("show(torch.zeros(3, device='cuda'))", Kind.TENSOR, Device.ACCELERATOR),
        ("show(torch.zeros(3).cuda().float())", Kind.TENSOR, Device.ACCELERATOR),
        ("show(torch.zeros(3).to('cuda').cpu())", Kind.TENSOR, Device.HOST),
        ("show(nn.Linear(3, 4).cuda())", Kind.MODULE, Device.ACCELERATOR),
        ("class N(nn.Module):\n    pass\nshow(N())", Kind.MODULE, None),
        ("m = nn.Linear(3, 4).cuda()\nshow(m(x))", Kind.TENSOR, Device.ACCELERATOR),
        (
            "from torch.utils.data import DataLoader\nfor i, (x, y) in enumerate(DataLoader(d)):\n    show(y)",
            Kind.TENSOR,
            Device.HOST,
        ),
        ("def place(m):\n    return m.to('cuda')\nshow(place(nn.Linear(1, 2)))", Kind.MODULE, Device.ACCELERATOR),
        ("show(unknown(3))", None, None),
    ],
)
def test_kinds_and_devices(code: str, kind: Kind | None, device: Device | None) -> None:
    found = of(code)
    assert (found.kind, found.device) == (kind, device)


def test_values_of_other_modules() -> None:
    files = {
        "config.py": "DEVICE = 'cuda'\nWORKERS = 4\n",
        "lib/__init__.py": "from .nets import Net\n",
        "lib/nets.py": "import torch\nclass Net(torch.nn.Module):\n    pass\n",
    }
    assert of("import config\nshow(config.WORKERS)", files).constant == 4
    assert of("from config import WORKERS as w\nshow(w)", files).constant == 4
    assert of("from lib import Net\nshow(Net())", files).kind is Kind.MODULE
    assert of("import lib.nets as n\nshow(n.Net())", files).kind is Kind.MODULE
    facts, node = value("from config import DEVICE\nshow(DEVICE)", files)
    assert facts[Values].device(node) is Device.ACCELERATOR


def test_a_cycle_of_names_ends() -> None:
    assert of("a = b\nb = a\nshow(a)") == Value()
