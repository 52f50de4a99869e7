"""Extents: how large a tensor is that a factory makes."""

from __future__ import annotations

import pytest

from greenlint import reading
from greenlint.facts.calls import Calls
from greenlint.facts.extents import Extent, Extents
from greenlint.facts.factories import Factories
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("torch.zeros(1)", Extent.ONE),
        ("torch.zeros((1,))", Extent.ONE),
        ("torch.zeros(1, 1).float()", Extent.ONE),
        ("torch.tensor(0.0)", Extent.ONE),
        ("torch.tensor(-1)", Extent.ONE),
        ("torch.Tensor([0])", Extent.ONE),
        ("torch.tensor([[1, 2], [3, 4]])", Extent.FEW),
        ("torch.ones(n)", Extent.FEW),
        ("torch.ones(len(x), 1)", Extent.FEW),
        ("torch.ones((x.size(0), 3, 2))", Extent.FEW),
        ("torch.arange(n).unsqueeze(0)", Extent.FEW),
        ("torch.full((n,), 1.0)", Extent.FEW),
        ("torch.randint(0, 10, (n,))", Extent.FEW),
        ("torch.zeros(x.size(0), 512)", Extent.MANY),
        ("torch.ones(n, n)", Extent.MANY),
        ("torch.eye(n)", Extent.MANY),
        ("torch.randn(x.shape)", Extent.MANY),
        ("torch.randn(x.size())", Extent.MANY),
        ("torch.randn(shape)", Extent.MANY),
        ("torch.randn(*sizes)", Extent.MANY),
        ("torch.ones(n).repeat(3)", Extent.MANY),
        ("torch.tensor([1] * n)", None),
        ("torch.zeros(20)", Extent.MANY),
    ],
)
def test_extent(expression: str, expected: Extent | None) -> None:
    text = f"import torch\nshow({expression})\n"
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"main.py": text}), RunSettings())
    source = facts[Calls].methods("show")[-1].positional[0]
    made = facts[Factories].made(source)
    assert (facts[Extents].of(made, source) if made is not None else None) is expected
