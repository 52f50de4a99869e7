"""Which forward passes a backward call runs back through."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.graphs import Graphs
from greenlint.facts.sources import DictSources
from greenlint.facts.tree import Tree

HEAD = """\
import torch
from torch import nn

net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
optimizer = torch.optim.Adam([image])
"""


@pytest.mark.parametrize(
    ("before", "step", "expected"),
    [
        ("wanted = net(style)", "loss = (net(image) - wanted).mean()", True),
        ("wanted = net(style)", "part = wanted.mean()\n    loss = net(image).mean() + part", True),
        ("wanted = net(style)", "loss = (net(image) - wanted.detach()).mean()", False),
        ("wanted = net(style).detach()", "loss = (net(image) - wanted).mean()", False),
        ("with torch.no_grad():\n    wanted = net(style)", "loss = (net(image) - wanted).mean()", False),
        ("wanted = torch.zeros(8)", "loss = (net(image) - wanted).mean()", False),
        ("wanted = net(style)", "wanted = net(other)\n    loss = (net(image) - wanted).mean()", False),
    ],
)
def test_a_forward_pass_from_before_the_loop(before: str, step: str, expected: bool) -> None:
    text = f"{HEAD}{before}\nfor i in range(500):\n    {step}\n    loss.backward()\n"
    document = reading.parse("main.py", textwrap.dedent(text).encode()).document
    assert document is not None
    facts = Facts(document, DictSources({"main.py": text}))
    (backward,) = facts[Calls].methods("backward")
    (loop,) = facts[Tree].of_type(cst.For)
    assert facts[Graphs].reaches_before(backward, loop) is expected
