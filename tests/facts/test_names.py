"""Names: imports in every form, aliases, scopes, and the bindings that reach a use."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.names import Names
from greenlint.facts.sources import DictSources
from greenlint.facts.tree import Tree


def facts_of(code: str) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Facts(document, DictSources({"main.py": text}))


def resolved(code: str) -> str | None:
    """The resolved name of the last call's function."""
    facts = facts_of(code)
    return facts[Names].resolve(facts[Tree].of_type(cst.Call)[-1].func)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import torch\ntorch.zeros(3)", "torch.zeros"),
        ("import torch as t\nt.zeros(3)", "torch.zeros"),
        ("import torch.utils.data as D\nD.DataLoader(x)", "torch.utils.data.DataLoader"),
        ("import torch.utils.data\ntorch.utils.data.DataLoader(x)", "torch.utils.data.DataLoader"),
        ("from torch.utils.data import DataLoader as DL\nDL(x)", "torch.utils.data.DataLoader"),
        ("from torch.utils import data\ndata.DataLoader(x)", "torch.utils.data.DataLoader"),
        ("def f():\n    from torch import zeros\n    zeros(3)", "torch.zeros"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\ntorch.zeros(3)", "torch.zeros"),
        ("if fast:\n    import torch as t\nelse:\n    import torch as t\nt.zeros(3)", "torch.zeros"),
        ("import torch\nmake = torch.zeros\nmake(3)", "torch.zeros"),
        ("import torch\nnn = torch.nn\nnn.Linear(3, 4)", "torch.nn.Linear"),
        ("from .models import Net\nNet()", ".models.Net"),
        ("from . import models\nmodels.Net()", ".models.Net"),
        ("print(3)", "builtins.print"),
        ("import torch\ntorch = other\ntorch.zeros(3)", None),
        ("from torch import zeros\ndef f(zeros):\n    zeros(3)", None),
        ("from torch import *\nzeros(3)", None),
        ("if fast:\n    from a import f\nelse:\n    from b import f\nf(3)", None),
        ("def print(x): ...\nprint(3)", None),
    ],
)
def test_resolve(code: str, name: str | None) -> None:
    assert resolved(code) == name


def constants_reaching(code: str) -> set[str]:
    """The source of the values that may reach the argument of ``use(...)``."""
    facts = facts_of(code)
    use = next(
        call for call in facts[Tree].of_type(cst.Call) if isinstance(call.func, cst.Name) and call.func.value == "use"
    )
    name = use.args[0].value
    assert isinstance(name, cst.Name)
    return {
        facts.document.source(binding.value) if binding.value is not None else "?"
        for binding in facts[Names].reaching(name)
    }


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("x = 1\nx = 2\nuse(x)", {"2"}),
        ("x = 1\nif c:\n    x = 2\nuse(x)", {"1", "2"}),
        ("x = 0\nif c:\n    x = 1\nelse:\n    x = 2\nuse(x)", {"1", "2"}),
        ("x = 0\nif c:\n    x = 1\nelif d:\n    x = 2\nuse(x)", {"0", "1", "2"}),
        ("x = 0\nif c:\n    x = 1\nelif d:\n    x = 2\nelse:\n    x = 3\nuse(x)", {"1", "2", "3"}),
        ("if c:\n    x = 1\n    use(x)\nelse:\n    x = 2", {"1"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\n    use(x)", {"2"}),
        ("x = 1\nfor i in y:\n    use(x)\n    x = 2", {"1", "2"}),
        ("for i in y:\n    x = 1\n    use(x)\n    x = 2", {"1"}),
        ("x = 1\ndef f():\n    use(x)\nx = 2", {"1", "2"}),
        ("def f(x=3):\n    use(x)", {"3"}),
        ("x = 1\nif c:\n    x = 2\n    raise E\nuse(x)", {"1"}),
        ("def f():\n    x = 1\n    if c:\n        x = 2\n        return\n    use(x)", {"1"}),
        ("x = 1\n[use(x) for i in y]", {"1"}),
        ("class A:\n    x = 1\n    def f(self):\n        use(x)\nx = 2", {"2"}),
        ("def f():\n    global x\n    x = 5\nuse(x)", {"5"}),
    ],
)
def test_reaching(code: str, values: set[str]) -> None:
    assert constants_reaching(code) == values


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        ("x = 1\nf()", True),
        ("import x\nf()", True),
        ("def x(): ...\nf()", True),
        ("if c:\n    x = 1\nelse:\n    x = 2\nf()", True),
        ("with c as x:\n    f()", True),
        ("for x in y:\n    f()", True),
        ("def g(x):\n    f()", True),
        ("x = 1\ndef g():\n    f()", True),
        ("f()", False),
        ("f()\nx = 1", False),
        ("if c:\n    x = 1\nf()", False),
        ("for x in y:\n    g()\nf()", False),
        ("try:\n    x = 1\nexcept E:\n    pass\nf()", False),
        ("x = 1\ndef g():\n    f()\n    x = 2", False),
    ],
)
def test_is_bound(code: str, bound: bool) -> None:
    facts = facts_of(code)
    call = next(each for each in facts[Tree].of_type(cst.Call) if facts.document.source(each) == "f()")
    assert facts[Names].is_bound("x", call) is bound


def test_builtins_are_bound() -> None:
    facts = facts_of("f()")
    assert facts[Names].is_bound("len", facts[Tree].of_type(cst.Call)[0])
