"""Data sets of Hugging Face and what is mapped over them; files that are read again and again."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.mapped import Mapped
from greenlint.facts.modules import Modules
from greenlint.facts.reads import Reads
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import json
import os
import numpy as np
import optuna
import pandas as pd
import tensorflow as tf
from datasets import Dataset, load_dataset
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("gpt2")
ds = load_dataset("imdb")
"""


def facts_of(code: str) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ds", True),
        ("ds['train']", True),
        ("ds.filter(f).shuffle(seed=1)", True),
        ("Dataset.from_dict(d)", True),
        ("tf.data.Dataset.range(3)", False),
        ("unknown", False),
    ],
)
def test_data_sets(expression: str, expected: bool) -> None:
    facts = facts_of(f"show({expression})")
    assert facts[Mapped].is_dataset(facts[Calls].methods("show")[-1].positional[0]) is expected


@pytest.mark.parametrize(
    ("code", "batched", "tokenizers"),
    [
        ("ds.map(lambda r: tokenizer(r['text']))", False, 1),
        ("ds.map(lambda r: tokenizer(r['text']), batched=True)", True, 1),
        ("ds.map(f, batched=args.batched)", None, 0),
        ("ds.map(f, **options)", None, 0),
        (
            "def f(r):\n    return g(r)\ndef g(r):\n    return tokenizer.encode(r['a'])\nother.map(f, num_proc=2)",
            False,
            1,
        ),
    ],
)
def test_mapped_functions(code: str, batched: bool | None, tokenizers: int) -> None:
    (found,) = facts_of(code)[Mapped].all
    assert (found.batched, len(found.tokenizes)) == (batched, tokenizers)


@pytest.mark.parametrize("code", ["executor.map(f, rows)", "tf.data.Dataset.range(3).map(f)", "pd.Series(x).map(f)"])
def test_other_maps(code: str) -> None:
    assert facts_of(code)[Mapped].all == ()


@pytest.mark.parametrize(
    ("expression", "small"),
    [
        ("ds", False),
        ("ds['train'].select(range(1000))", True),
        ("ds['train'].select(range(100000))", False),
        ("load_dataset('imdb', split='train[:500]')", True),
        ("load_dataset('imdb', split='train[:50%]')", False),
    ],
)
def test_small_data_sets(expression: str, small: bool) -> None:
    facts = facts_of(f"show({expression})")
    assert facts[Mapped].is_small(facts[Calls].methods("show")[-1].positional[0]) is small


@pytest.mark.parametrize(
    "code",
    [
        "for a in many:\n    pd.read_csv('x.csv')",
        "P = 'x.csv'\nfor a in many:\n    pd.read_csv(os.path.join(P, 'y'), sep=';')",
        "for a in many:\n    with open('x.json') as f:\n        json.load(f)",
        "def read():\n    return pd.read_csv('x.csv')\nfor a in many:\n    read()",
        "def objective(trial):\n    return f(np.load('x.npy'))\noptuna.create_study().optimize(objective)",
    ],
)
def test_read_in_loops(code: str) -> None:
    assert len(facts_of(code)[Reads].in_loops) == 1


@pytest.mark.parametrize(
    "code",
    [
        "for a in many:\n    pd.read_csv(a)",
        "for a in many:\n    pd.read_csv('x.csv', skiprows=a)",
        "for a in many:\n    pd.read_csv('x.csv', chunksize=9)",
        "for a in many:\n    df = pd.read_csv('x.csv')\n    df.to_csv('x.csv')",
        "for a in many:\n    df = pd.read_csv('x.csv')\n    del df",
        "for a in many:\n    try:\n        df = pd.read_csv('x.csv')\n        break\n    except E:\n        pass",
        "for a in many:\n    if df is None:\n        df = pd.read_csv('x.csv')",
        "@cache\ndef read():\n    return pd.read_csv('x.csv')\nfor a in many:\n    read()",
        "def read(path):\n    return pd.read_csv(path)\nfor a in many:\n    read(a)",
        "while True:\n    pd.read_csv('x.csv')",
    ],
)
def test_not_read_again_in_loops(code: str) -> None:
    assert facts_of(code)[Reads].in_loops == ()


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("a = pd.read_csv('x.csv')\nb = pd.read_csv('x.csv')", 1),
        ("a = pd.read_csv('x.csv')\nb = pd.read_csv('x.csv', usecols=[1])", 0),
        ("a = pd.read_csv(D + 'x.csv')\nb = pd.read_csv(D + 'x.csv')", 1),
        ("D = 'a/'\na = pd.read_csv(D + 'x')\nD = 'b/'\nb = pd.read_csv(D + 'x')", 0),
        ("if c:\n    a = pd.read_csv('x.csv')\nelse:\n    a = pd.read_csv('x.csv')", 0),
        ("def f():\n    return pd.read_csv('x.csv')\ndef g():\n    return pd.read_csv('x.csv')", 0),
        ("def f():\n    return pd.read_csv('x.csv')\nf()\nb = pd.read_csv('x.csv')", 1),
    ],
)
def test_read_twice(code: str, count: int) -> None:
    assert len(facts_of(code)[Reads].repeated) == count
