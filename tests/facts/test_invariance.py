"""Invariance: which expressions certainly have the same value in every pass of a loop."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts.calls import Calls
from greenlint.facts.invariance import Invariance
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.tree import Tree


def holds(code: str) -> bool:
    """Whether the argument of the last ``show(...)`` is the same each time round the outermost loop around it."""
    text = "import numpy as np\nimport torch\nfrom settings import SIZE\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"main.py": text}), RunSettings())
    call = facts[Calls].methods("show")[-1]
    return facts[Invariance].holds(call.positional[0], facts[Tree].loops_around(call.node)[-1])


def in_loop(expression: str, more: str = "") -> bool:
    """Whether an expression of the loop variable ``x`` and of ``w``, bound before the loop, holds."""
    return holds(f"w = load()\ndevice = pick()\nfor x in y:\n    show({expression})\n{textwrap.indent(more, '    ')}")


# -- expressions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "3",
        "None",
        "w",
        "w[0]",
        "w[0][1:]",
        "(w, 3)",
        "w + 1",
        "-w",
        "w if device else 0",
        "w.size(0)",
        "len(w)",
        "f'{w}'",
        "SIZE",
        "torch.float32",
        "torch.tensor(w)",
        "torch.tensor(w, dtype=torch.long).to(device)",
        "torch.from_numpy(np.array(w)).float().unsqueeze(0)",
        "torch.cat([w, w])",
    ],
)
def test_holds(expression: str) -> None:
    assert in_loop(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "x",
        "w[x]",
        "w + x",
        "torch.tensor(x)",
        "load()",
        "w.sample()",
        "w.uniform_()",
        "torch.rand(3)",
        "np.random.rand(3)",
        "torch.tensor(load())",
        "f'{load()}'",
        "[each for each in w]",
        "lambda: w",
        "(v := 3)",
        "undefined",
        "undefined.value",
        "torch.tensor(w, **undefined)",
    ],
)
def test_does_not_hold(expression: str) -> None:
    assert not in_loop(expression)


def test_names_of_star_imports_are_not_known() -> None:
    assert not holds("from lib import *\nfor x in y:\n    show(thing)")
    assert not holds("from lib import *\nfor x in y:\n    show(tensor(3))")


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "w = x",
        "w += 1",
        "w, b = 1, 2",
        "for w in x:\n    pass",
        "with open(x) as w:\n    pass",
        "w[0] = 1",
        "w[0][1] = 1",
        "w[0], b = 1, 2",
        "w[0] += 1",
        "w[0][1] += 1",
        "w[0]: int = 1",
        "w.data = x",
        "w.data[0] = x",
        "del w[0]",
        "del w[0], w[1]",
        "w.append(x)",
        "w.update(a=x)",
        "w[0].append(x)",
        "w.mul_(2)",
        "w[0].fill_(2)",
        "w.data.fill_(2)",
        "torch.add(w, 1, out=w)",
        "def change():\n    w.append(x)\nchange()",
    ],
)
def test_what_the_loop_changes_does_not_hold(statement: str) -> None:
    assert not in_loop("torch.tensor(w)", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "v = x",
        "v[0] = w",
        "v.append(w)",
        "x.mul_(w)",
        "b = w.mul(2)",
        "b = w[0]",
        "torch.add(w, 1, out=v)",
        "del v[0]",
        "v.w = x",
        "w.__len__()",
    ],
)
def test_what_the_loop_only_reads_holds(statement: str) -> None:
    assert in_loop("torch.tensor(w)", statement)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def run(w):\n    for x in y:\n        show(w)", True),
        ("for x in y:\n    for z in x:\n        show(x)", False),
        ("for v in y:\n    pass\nfor x in y:\n    show(v)", True),
        ("w = 0\nwhile w < 3:\n    show(w)\n    w += 1", False),
        ("w = load()\nwhile c:\n    show(w)", True),
        ("for x in y:\n    try:\n        pass\n    except ValueError as w:\n        show(w)", False),
        ("w = load()\ndef change():\n    global w\n    w = 2\nfor x in y:\n    show(w)\n    change()", False),
        (
            "def run():\n    w = 1\n    def f():\n        nonlocal w\n        w = 2\n    for x in y:\n        show(w)",
            False,
        ),
        ("async def run():\n    for x in y:\n        show(await load())", False),
    ],
)
def test_names(code: str, expected: bool) -> None:
    assert holds(code) is expected


# -- attributes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("__init__", "pass", True),
        ("setup", "pass", True),
        ("change", "pass", False),
        ("__init__", "self.weights = x", False),
        ("__init__", "self.weights += x", False),
        ("__init__", "self.weights[0] = x", False),
        ("__init__", "self.weights[0][1] = x", False),
        ("__init__", "self.weights.append(x)", False),
        ("__init__", "self.weights.data.zero_()", False),
        ("__init__", "del self.weights[0]", False),
        ("__init__", "self.others.append(x)", True),
    ],
)
def test_attributes_of_self(method: str, body: str, expected: bool) -> None:
    code = f"""
    class Run:
        def {method}(self):
            self.weights = load()
        def run(self):
            for x in y:
                show(self.weights)
                {body}
    """
    assert holds(code) is expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("pass", True),
        ("w.rate = x", False),
        ("w.rate *= 2", False),
        ("w.others = x", True),
        ("other.rate = x", False),
        ("w = x", False),
    ],
)
def test_attributes_of_objects(statement: str, expected: bool) -> None:
    assert in_loop("w.rate", statement) is expected


# -- changes in place --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("w[0] = x", True),
        ("w.rows[0].size = x", True),
        ("w += x", True),
        ("del w[0]", True),
        ("w.rows.sort()", True),
        ("w.add_(x)", True),
        ("w.drop(x, inplace=True)", True),
        ("np.add(w, x, out=w.total)", True),
        ("w = x", False),
        ("v = w[0]", False),
        ("w.mean()", False),
        ("v[0] = w", False),
    ],
)
def test_changes_in_place(statement: str, expected: bool) -> None:
    text = f"import numpy as np\nw = load()\nfor x in y:\n    {statement}\n    show()\n"
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"main.py": text}), RunSettings())
    loop = facts[Tree].loops_around(facts[Calls].methods("show")[-1].node)[0]
    assert facts[Invariance].alters("w", loop) is expected
