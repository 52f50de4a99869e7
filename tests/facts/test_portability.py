"""Portability: whether code runs as well when its models lie on an accelerator."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.portability import Portability
from greenlint.facts.sources import DictSources, RunSettings


def facts_of(code: str, files: dict[str, str] | None = None) -> Facts:
    text = "import numpy as np\nimport torch\nfrom torch import nn\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({**(files or {}), "main.py": text}), RunSettings())


def is_portable(code: str, **files: str) -> bool:
    return facts_of(code, {f"{name}.py": text for name, text in files.items()})[Portability].certain


MODEL = "model = nn.Linear(2, 2)\nout = model(x)\n"


@pytest.mark.parametrize(
    "code",
    [
        "print(model(x).argmax(1).item())",
        "print(model(x).detach().cpu().numpy())",
        "mask = torch.ones(3, device=device)",
        "mask = torch.ones(3).to(device)",
        "class Net(nn.Module):\n    def __init__(self):\n        self.register_buffer('mask', torch.ones(3))",
        "class Net(nn.Module):\n    def __init__(self):\n        self.scale = nn.Parameter(torch.ones(3) * 2)",
        "noise = torch.randn_like(out)",
        "class Rows(Dataset):\n    def __getitem__(self, at):\n        return torch.tensor(self.rows[at])",
        "class Rows:\n    def __getitem__(self, at):\n        return torch.tensor(self.rows[at])",
        "rows = torch.tensor(table)\ndata = torch.utils.data.TensorDataset(rows)",
        "rows = torch.tensor(table)\nfor row in rows.split(16):\n    print(len(row))",
    ],
)
def test_runs_anywhere(code: str) -> None:
    assert is_portable(MODEL + code)


@pytest.mark.parametrize(
    "code",
    [
        "print(out.detach().numpy())",
        "print(np.mean(out))",
        "print((out.cpu() == y).sum())",
        "print((out.to('cpu') == y).sum())",
        "all_out = []\nall_out.append(out)",
        "mask = torch.ones(3)\nprint(out * mask)",
        "mask = torch.ones(3, device='cpu')",
        "class Net(nn.Module):\n    def __init__(self):\n        self.layers = [nn.Linear(2, 2)]",
        "torch.set_default_device('cpu')",
        "out = out.double()",
        "device = 'cpu'\nhere = nn.Linear(2, 2).to(device)\nprint(np.mean(here(x.to(device))))",
        "device = 'cpu'\ny = y.to(device)\ntruth.extend(y)",
        "device = 'cpu'\nmeter.update(x.to(device))",
        "def training_step(self, batch, at):\n    return np.mean(batch[1])",
        "for x, y in loader:\n    print(model(x), np.mean(y))",
        "from layers import Block",
        "from .layers import Block",
    ],
)
def test_is_tied_to_the_host(code: str) -> None:
    assert not is_portable(MODEL + code)


def test_asks_the_modules_around() -> None:
    assert is_portable("from layers import Block", layers="from torch import nn\nBlock = nn.Linear\n")
    assert not is_portable(
        "from layers import mask", layers="import torch\ndef mask(x):\n    return x * torch.ones(3)\n"
    )


@pytest.mark.parametrize(
    ("code", "moved"),
    [
        ("x.to(device)", True),
        ("x.to(device).float()", True),
        ("{name: x.to(device) for name, x in batch.items()}", True),
        ("(x.to(device), y.to(device))", True),
        ("(x.to(device), y)", False),
        ("x.to('cpu')", False),
        ("x.float()", False),
    ],
)
def test_moved(code: str, moved: bool) -> None:
    facts = facts_of(f"device = pick()\nshow({code})")
    assert facts[Portability].is_moved(facts[Calls].methods("show")[-1].positional[0]) is moved
