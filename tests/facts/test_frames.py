"""Frames: which expressions are tables; rows: what is done row by row; growth: what is copied to grow."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.frames import FrameKind, Frames
from greenlint.facts.growth import Growth
from greenlint.facts.modules import Modules
from greenlint.facts.rows import RowForm, RowWise, RowWork
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import numpy as np
import pandas as pd
import polars as pl
import torch
df = pd.read_csv("trips.csv")
"""


def facts_of(code: str) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def kind(code: str) -> FrameKind | None:
    """What the argument of the last ``show(...)`` is."""
    facts = facts_of(code)
    node: cst.BaseExpression = facts[Calls].methods("show")[-1].positional[0]
    return facts[Frames].kind(node)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("df", FrameKind.FRAME),
        ("df.dropna().reset_index(drop=True)", FrameKind.FRAME),
        ("df[df.a > 1]", FrameKind.FRAME),
        ("df[['a', 'b']]", FrameKind.FRAME),
        ("df['a']", FrameKind.SERIES),
        ("df.a", FrameKind.SERIES),
        ("df.shape", None),
        ("df.loc[df.a > 1]", FrameKind.FRAME),
        ("df.loc[3]", None),
        ("df.groupby('a')", FrameKind.GROUPED),
        ("df.groupby('a').mean()", FrameKind.FRAME),
        ("df[column]", None),
        ("pd.read_csv('x', chunksize=10)", FrameKind.CHUNKS),
        ("pl.read_csv('x')", FrameKind.POLARS),
        ("pl.scan_csv('x').select('a')", FrameKind.LAZY),
        ("pl.scan_csv('x').collect()", FrameKind.POLARS),
        ("pl.read_csv('x').to_pandas()", FrameKind.FRAME),
        ("torch.zeros(3)", None),
        ("unknown", None),
    ],
)
def test_kind(expression: str, expected: FrameKind | None) -> None:
    assert kind(f"show({expression})") is expected


def test_kind_through_functions_and_loops() -> None:
    assert kind("def load():\n    return pd.read_csv('x')\nshow(load())") is FrameKind.FRAME
    assert kind("def use(table):\n    show(table)\nuse(df)") is FrameKind.FRAME
    assert kind("def use(table: pd.DataFrame):\n    show(table)") is FrameKind.FRAME
    assert kind("for name, part in df.groupby('a'):\n    show(part)") is FrameKind.FRAME
    assert kind("for part in pd.read_csv('x', chunksize=9):\n    show(part)") is FrameKind.FRAME
    assert kind("while True:\n    df = df.dropna()\n    show(df)") is FrameKind.FRAME


@pytest.mark.parametrize(
    ("expression", "small"),
    [
        ("df", False),
        ("df.head()", True),
        ("df.groupby('a').sum()", True),
        ("pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})", True),
        ("pd.DataFrame(rows)", False),
        ("results", True),
    ],
)
def test_small(expression: str, small: bool) -> None:
    facts = facts_of(f"show({expression})")
    assert facts[Frames].small(facts[Calls].methods("show")[-1].positional[0]) is small


@pytest.mark.parametrize(
    ("code", "form", "work"),
    [
        ("for i, r in df.iterrows():\n    x.append(r.a * 2)", RowForm.ITERROWS, RowWork.COLUMNS),
        ("for i, r in df.iterrows():\n    x.append(r.a.lower())", RowForm.ITERROWS, RowWork.PYTHON),
        ("x = [r['a'] + 1 for _, r in df.iterrows()]", RowForm.ITERROWS, RowWork.COLUMNS),
        ("for i in range(len(df)):\n    df.loc[i, 'b'] = df.loc[i, 'a'] + 1", RowForm.INDEXED, RowWork.COLUMNS),
        ("for i in df.index:\n    y += df['a'][i]", RowForm.INDEXED, RowWork.COLUMNS),
        ("for i in range(1, len(df)):\n    df.loc[i, 'b'] = df.loc[i - 1, 'b'] + 1", RowForm.INDEXED, RowWork.PYTHON),
        ("df.apply(lambda r: r.a + r.b, axis=1)", RowForm.APPLY, RowWork.COLUMNS),
        (
            "def f(r):\n    if r.a > 1:\n        return 1\n    return np.log(r.b)\ndf.apply(f, axis='columns')",
            RowForm.APPLY,
            RowWork.COLUMNS,
        ),
        ("for r in pl.read_csv('x').iter_rows(named=True):\n    y += r['a']", RowForm.POLARS_ROWS, RowWork.COLUMNS),
        ("pl.col('a').map_elements(lambda a: a * 2)", RowForm.POLARS_ELEMENTS, RowWork.COLUMNS),
    ],
)
def test_rows(code: str, form: RowForm, work: RowWork) -> None:
    (found,) = facts_of(code)[RowWise].all
    assert (found.form, found.work) == (form, work)


@pytest.mark.parametrize(
    "code",
    [
        "for i, r in df.iterrows():\n    print(r.a)",
        "for i, r in df.iterrows():\n    x.append(model.predict(r.a))",
        "for i, r in df.iterrows():\n    x.append(open(r.path).read())",
        "for i, r in df.iterrows():\n    x.append(df[df.b == r.a])",
        "for i, r in df.iterrows():\n    if r.a == wanted:\n        break",
        "for i in range(len(df)):\n    x.append(df.iloc[i:i + 10])",
        "for i in range(len(df)):\n    x.append(names[i])",
        "df.apply(lambda r: r.a in r.b, axis=1)",
        "df.apply(lambda r: ' '.join(r), axis=1)",
        "df.apply(lambda r: r.a + 1)",
        "df.apply(lambda r: r.a + r.b, axis=1, raw=True)",
        "pl.col('a').map_elements(lambda a: a.lower())",
    ],
)
def test_no_rows(code: str) -> None:
    assert facts_of(code)[RowWise].all == ()


@pytest.mark.parametrize(
    "code",
    [
        "for p in parts:\n    x = np.concatenate([x, p])",
        "for p in parts:\n    x = np.append(x, p)",
        "for p in parts:\n    x = torch.cat((p, x), dim=1)",
        "for p in parts:\n    self.x = torch.cat((self.x, p))",
        "for p in parts:\n    d[p.k] = torch.cat((d[p.k], p))",
        "for p in parts:\n    df = df.append(p, ignore_index=True)",
        "for p in parts:\n    df = pd.concat([df, p]).reset_index(drop=True)",
        "for p in parts:\n    df.loc[len(df)] = p",
        "for p in parts:\n    if x is None:\n        x = p\n    else:\n        x = np.vstack([x, p])",
        "for p in parts:\n    if x is None:\n        x = p\n        continue\n    x = np.vstack([x, p])",
        "while more():\n    x = np.vstack([x, p])",
    ],
)
def test_growth(code: str) -> None:
    assert len(facts_of(code)[Growth].all) == 1


@pytest.mark.parametrize(
    "code",
    [
        "x = np.concatenate([x, p])",
        "for p in parts:\n    x = np.concatenate([x, p])\n    y = use(x)",
        "for p in parts:\n    x = np.concatenate([x, f(x)])",
        "for p in parts:\n    x = np.concatenate([x, p])\n    x = x[-10:]",
        "for p in parts:\n    x = first(p)\n    x = np.concatenate([x, p])",
        "for p in parts:\n    y = np.concatenate([x, p])",
        "for p in parts:\n    x = np.concatenate([x, p])\n    break",
        "for p in parts:\n    x = x.append(p)",
        "while len(f(x)) < 9:\n    x = np.concatenate([x, p])",
    ],
)
def test_no_growth(code: str) -> None:
    assert facts_of(code)[Growth].all == ()


def test_passes() -> None:
    (found,) = facts_of("for a in range(3):\n    for p in range(5):\n        x = np.append(x, p)")[Growth].all
    assert (found.passes, len(found.loops)) == (15, 2)
    (found,) = facts_of("for a in many:\n    x = None\n    for p in range(5):\n        x = np.append(x, p)")[Growth].all
    assert (found.passes, len(found.loops)) == (5, 1)
