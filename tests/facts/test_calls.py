"""Calls: arguments bound by position, keyword, mapping and partial; silence where one may hide."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import UNKNOWN, Argument, Calls
from greenlint.facts.sources import DictSources

HEADER = """
import functools
from torch.utils.data import DataLoader
"""


def workers(code: str) -> Argument:
    text = HEADER + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Facts(document, DictSources({"main.py": text}))
    return facts[Calls].named("torch.utils.data.DataLoader")[-1].argument("num_workers")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("DataLoader(data)", 0),
        ("DataLoader(data, 32, True)", 0),
        ("DataLoader(data, num_workers=4)", 4),
        ("DataLoader(data, 32, True, None, None, 3)", 3),
        ("N = 2\nDataLoader(data, num_workers=N * 2)", 4),
        ("DataLoader(data, **{'num_workers': 4})", 4),
        ("DataLoader(data, **{'pin_memory': True})", 0),
        ("DataLoader(data, **dict(num_workers=4))", 4),
        ("kw = {'batch_size': 3}\nkw.update(num_workers=4)\nDataLoader(data, **kw)", 4),
        ("kw = {'batch_size': 3}\nkw['num_workers'] = 4\nDataLoader(data, **kw)", 4),
        ("base = {'num_workers': 1}\nkw = {**base, 'num_workers': 4}\nDataLoader(data, **kw)", 4),
        ("a = {'num_workers': 1}\nb = {'num_workers': 4}\nDataLoader(data, **(a | b))", 4),
        ("make = functools.partial(DataLoader, num_workers=4)\nmake(data)", 4),
        ("make = functools.partial(DataLoader, num_workers=4)\nmake(data, num_workers=2)", 2),
        ("make = functools.partial(DataLoader, batch_size=4)\nmake(data)", 0),
        ("def options(): return {'num_workers': 4}\nDataLoader(data, **options())", 4),
        ("def build(n):\n    return DataLoader(data, num_workers=n)\nbuild(4)", 4),
        ("def build(**kw):\n    return 1\nclass CFG:\n    workers = 4\nDataLoader(data, num_workers=CFG.workers)", 4),
    ],
)
def test_known(code: str, value: int) -> None:
    assert workers(code).constant == value


@pytest.mark.parametrize(
    "code",
    [
        "DataLoader(data, **options)",
        "DataLoader(data, *rest)",
        "DataLoader(data, num_workers=args.workers)",
        "kw = {'num_workers': 1} if cuda else {}\nDataLoader(data, **kw)",
        "kw = {}\nif cuda:\n    kw.update({'num_workers': 4})\nDataLoader(data, **kw)",
        "kw = {}\nkw.update(other)\nDataLoader(data, **kw)",
        "kw = {}\nkw[key] = 3\nDataLoader(data, **kw)",
        "def build(**kw):\n    return DataLoader(data, **kw)\nbuild(num_workers=4)",
        "def build(n=0):\n    return DataLoader(data, num_workers=n)",
        "def build(n):\n    return DataLoader(data, num_workers=n)\nbuild(1)\nbuild(2)",
        "import os\nDataLoader(data, num_workers=os.cpu_count())",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    n: int = 4\nDataLoader(data, num_workers=C().n)",
    ],
)
def test_not_known(code: str) -> None:
    argument = workers(code)
    assert argument.constant is UNKNOWN
    assert not argument.absent
