"""Elements: what a call is given in each pass of a loop, comprehension or mapped function."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Call, Calls
from greenlint.facts.elements import Elements
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings


def facts_of(code: str) -> Facts:
    text = "import numpy as np\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def used(facts: Facts) -> Call:
    return facts[Calls].methods("use")[0]


PASSES = {
    "loop": ("for x in xs:\n    use(x)", True, False),
    "made of it": ("for x in xs:\n    y = clean(x)\n    use(y)", True, False),
    "other": ("for x in xs:\n    use(z)", False, False),
    "comprehension": ("ys = [use(x) for x in xs]", True, False),
    "lambda": ("frame.a.apply(lambda x: use(x))", True, False),
    "function": ("def f(x):\n    return use(x)\nframe.a.apply(f)", True, False),
    "index": ("for i in range(len(xs)):\n    use(xs[i])", True, False),
    "carried": ("x = 0\nfor i in range(9):\n    x = use(x + i)", True, True),
    "history": ("for x in xs:\n    y = use(past[-1] + x)\n    past.append(y)", True, True),
    "stored": ("for i in range(9):\n    out[i] = use(out[i - 1])", True, True),
    "collected": ("out = []\nfor x in xs:\n    out.append(use(x))", True, False),
}


@pytest.mark.parametrize(("code", "varies", "carried"), PASSES.values(), ids=PASSES)
def test_dependence(code: str, varies: bool, carried: bool) -> None:
    facts = facts_of(code)
    call, elements = used(facts), facts[Elements]
    (around,) = elements.around(call.node)
    assert elements.varies(call.positional[0], around) is varies
    assert elements.carried(call.positional[0], around) is carried


@pytest.mark.parametrize(
    "code",
    [
        "for batch in batches:\n    use(batch)",
        "for i in range(0, 100, 10):\n    use(xs[i])",
        "from torch.utils.data import DataLoader\nfor x in DataLoader(data):\n    use(x)",
    ],
)
def test_batched(code: str) -> None:
    facts = facts_of(code)
    assert facts[Elements].is_batched(facts[Elements].around(used(facts).node)[0])


@pytest.mark.parametrize(
    ("code", "one"),
    [
        ("use(x[None])", True),
        ("use(x[np.newaxis, ...])", True),
        ("use(x[i:i + 1])", True),
        ("use(x[i:i + 2])", False),
        ("use(x[0])", False),
        ("use(np.expand_dims(x, axis=0))", True),
        ("use(np.expand_dims(x, -1))", False),
        ("use(x.unsqueeze(0).to(device))", True),
        ("use(x.unsqueeze(1))", False),
        ("use(x.reshape(1, -1))", True),
        ("use(np.reshape(x, (1, 4)))", True),
        ("use(x.reshape(-1, 1))", False),
        ("use([x])", True),
        ("use([x, y])", False),
        ("use(np.array([x]))", True),
        ("y = x[None] / 255\nuse(y)", True),
        ("use(x)", False),
    ],
)
def test_one_row(code: str, one: bool) -> None:
    facts = facts_of(code)
    assert facts[Elements].is_one_row(used(facts).positional[0]) is one


@pytest.mark.parametrize(
    ("code", "single"),
    [
        ("use(text)", True),
        ("use(f'{a}')", True),
        ("use(row['text'])", True),
        ("use(row.text)", True),
        ("use('Q: ' + question)", True),
        ("use(text.strip())", True),
        ("use([it])", True),
        ("use(texts)", False),
        ("use(batch)", False),
        ("use([a, b])", False),
    ],
)
def test_single(code: str, single: bool) -> None:
    facts = facts_of(code)
    assert facts[Elements].is_single(used(facts).positional[0]) is single
