"""Forward passes that may run under autocast, and the networks that may."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.bfloat16 import Bfloat16
from greenlint.facts.forwards import Forwards
from greenlint.facts.loops import Loops
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings

HEAD = """
import torch
from torch import nn
from torchvision.models import resnet50

model = resnet50().cuda()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
"""


def facts_of(text: str) -> Facts:
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"train.py": text}), RunSettings())


def forward(body: str, head: str = HEAD) -> str | None:
    """The statements of the forward pass of a step with this body, joined."""
    facts = facts_of(head + textwrap.indent(body + "\noptimizer.step()\n", "    "))
    found = facts[Forwards].of(facts[Loops].steps[0])
    if found is None:
        return None
    return "; ".join(facts.document.source(each.body[0]) for each in found.statements)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("loss = criterion(model(x), y)\nloss.backward()", "loss = criterion(model(x), y)"),
        ("x = x.cuda()\nout = model(x)\nloss = criterion(out, y)\nloss.backward()", "out = model(x); loss = "),
        ("out = model(x)\nloss = criterion(out, y)\nloss = loss / 4\nloss.backward()", "out = model(x); loss = "),
        ("loss = criterion(model(x), y)\nif train:\n    loss.backward()", "loss = criterion(model(x), y)"),
        ("out = model(x)\nloss = criterion(out, y)\nloss.backward()\nn = out.max(1)[1] == y", "out = model(x); "),
        ("out = model(x)\nloss = criterion(out, y)\nloss.backward()\nkept.append(loss.detach())", "out = model(x); "),
        (
            "out = model(x)\n_, top = out.max(1)\nloss = criterion(out, y)\nloss.backward()\nprint(top)",
            "out = model(x); ",
        ),
        (
            "out = model(x)\nloss, seen = criterion(out, y), out\nloss.backward()\nguess = seen.view(-1, 9)\n"
            "print(guess.argmax(1).cpu().numpy(), loss.item())",
            "out = model(x); ",
        ),
        (
            "def top(scores, target):\n    _, best = scores.topk(5, 1)\n    return best == target\n"
            "out = model(x)\nloss = criterion(out, y)\nloss.backward()\nprint(top(out, y))",
            "out = model(x); ",
        ),
    ],
)
def test_statements_from_the_network_to_the_loss(body: str, found: str) -> None:
    assert (forward(body) or "").startswith(found)


@pytest.mark.parametrize(
    "body",
    [
        "loss = criterion(model(x), y); loss.backward()",
        "loss = other(model(x), y)\nloss.backward()",
        "loss = criterion(model(x), y)\nloss.backward(retain_graph=True)",
        "out = model(x)\nprint(out)\nloss = criterion(out, y)\nloss.backward()",
        "out = model(x)\nloss = criterion(out, y)\nloss.backward()\nkept.append(out)",
        "out = model(x)\nbest, _ = out.max(1)\nloss = criterion(out, y)\nloss.backward()\nprint(best)",
        "out = model(x.double())\nloss = criterion(out, y)\nloss.backward()",
        "loss = 0\nfor part in x:\n    loss = loss + criterion(model(part), y)\nloss.backward()",
        "loss = criterion(model(x), y)\nloss.backward()\nloss = criterion(model(x), y)\nloss.backward()",
        "out = model(x)\nloss = criterion(out, y)\nloss.backward()\nseen = out\nprint(seen.cpu().numpy())",
        "def top(scores):\n    return scores.numpy()\nout = model(x)\nloss = criterion(out, y)\nloss.backward()\n"
        "print(top(out))",
        "self.loss = criterion(model(x), y)\nself.loss.backward()",
    ],
)
def test_anything_else_is_no_forward_pass(body: str) -> None:
    assert forward(body) is None


@pytest.mark.parametrize(
    ("forward", "fits"),
    [
        ("return self.head(x)", True),
        ("return self.head(x).masked_fill(x > 0, 0.0)", True),
        ("x[x > 0] = self.head(x)\nreturn x", False),
        ("return {'out': self.head(x)}", True),
        ("return torch.from_numpy(self.head(x).numpy())", False),
        ("return torch.linalg.svd(self.head(x))[0]", False),
        ("return self.head(x) + torch.einsum('n,d->nd', torch.arange(9), x)", False),
        ("return unseen(self.head(x))", False),
        ("return helper(self.head(x))", True),
    ],
)
def test_networks_of_the_project(forward: str, fits: bool) -> None:
    text = "import torch\nfrom torch import nn\nfrom elsewhere import unseen\n"
    text += "def helper(x):\n    return x.relu()\n"
    text += "class Net(nn.Module):\n    def __init__(self):\n        self.head = nn.Linear(9, 9)\n"
    text += "    def forward(self, x):\n" + textwrap.indent(forward, " " * 8) + "\nmodel = Net().cuda()\nmodel\n"
    assert network(text) is fits


@pytest.mark.parametrize(
    ("made", "fits"),
    [
        ("Net(nn.Linear(9, 9))", True),
        ("Net(nn.LSTM(9, 9))", False),
        ("Net(unseen())", False),
        ("Net(nn.Linear)", True),
        ("Net(given)", False),
        ("nn.Sequential(nn.Linear(9, 9), other)", False),
        ("nn.Sequential(*layers)", False),
    ],
)
def test_what_is_passed_in(made: str, fits: bool) -> None:
    text = "import torch\nfrom torch import nn\nfrom elsewhere import unseen, given, other, layers\n"
    text += "class Net(nn.Module):\n    def __init__(self, head):\n        self.head = head\n"
    text += f"    def forward(self, x):\n        return self.head(x)\nmodel = {made}.cuda()\nmodel\n"
    assert network(text) is fits


@pytest.mark.parametrize(
    ("head", "fits"),
    [
        ("nn.Linear(9, 9)", True),
        ("nn.ReLU if deep else nn.GELU", True),
        ("HEADS[deep]", False),
        ("HEADS[deep](9)", False),
        ("getattr(nn, deep)(9)", False),
        ("lambda x: x.relu()", True),
        ("lambda x: x.numpy()", False),
        ("BAD", False),
        ("GOOD", True),
    ],
)
def test_what_is_looked_up(head: str, fits: bool) -> None:
    text = "import torch\nfrom torch import nn\nHEADS = {'a': Other}\nBAD = nn.BCELoss()\nGOOD = nn.MSELoss()\n"
    text += f"class Net(nn.Module):\n    def __init__(self, deep=True):\n        self.head = {head}\n"
    text += "    def forward(self, x):\n        return self.head(x)\nmodel = Net().cuda()\nmodel\n"
    assert network(text) is fits


def test_what_is_put_into_a_finished_network() -> None:
    text = "import torchvision\nfrom torch import nn\nmodel = torchvision.models.resnet50()\n"
    text += "class Head(nn.Module):\n    def forward(self, x):\n        return {}\nmodel.fc = Head()\nmodel\n"
    assert network(text.format("x.relu()"))
    assert not network(text.format("x.numpy()"))


@pytest.mark.parametrize(
    ("made", "fits"),
    [
        ("torchvision.models.resnet50()", True),
        ("torchvision.models.detection.fasterrcnn_resnet50_fpn()", False),
        ("nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU())", True),
        ("nn.Sequential(nn.LSTM(3, 64))", False),
        ("nn.DataParallel(torchvision.models.resnet50())", False),
        ("transformers.AutoModelForSequenceClassification.from_pretrained('x')", True),
        ("unseen()", False),
    ],
)
def test_networks_of_libraries(made: str, fits: bool) -> None:
    text = "import torchvision, transformers\nfrom torch import nn\nfrom elsewhere import unseen\n"
    assert network(text + f"model = {made}\nmodel\n") is fits


def network(text: str) -> bool:
    """Whether the name at the end of a text is a network that runs in bfloat16."""
    facts = facts_of(text)
    line = facts.document.tree.body[-1]
    assert isinstance(line, cst.SimpleStatementLine)
    assert isinstance(line.body[0], cst.Expr)
    return facts[Bfloat16].network(line.body[0].value)
