"""Variables: which environment variables code sets, to what, and where."""

from __future__ import annotations

import json
import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import UNKNOWN
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.variables import Variables


def facts_of(code: str) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def notebook(*cells: str) -> Facts:
    content = {"cells": [{"cell_type": "code", "source": each} for each in cells], "metadata": {}}
    raw = json.dumps(content)
    document = reading.parse("main.ipynb", raw.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.ipynb": raw}), RunSettings())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('os.environ["A"] = "1"', [("A", "1")]),
        ('os.environ["A"] = os.environ["B"] = "1"', [("A", "1"), ("B", "1")]),
        ('environ["A"] = "1"', [("A", "1")]),
        ('env["A"] = "1"', [("A", "1")]),
        ('NAME = "A"\nos.environ[NAME] = "1"', [("A", "1")]),
        ('os.environ["A"] = str(1)', [("A", "1")]),
        ('os.environ["A"] = args.blocking', [("A", UNKNOWN)]),
        ('os.environ["A"] = str(args.blocking)', [("A", UNKNOWN)]),
        ('os.environ.setdefault("A", "1")', [("A", "1")]),
        ('os.putenv("A", "1")', [("A", "1")]),
        ('os.environ.update(A="1", B="2")', [("A", "1"), ("B", "2")]),
        ('os.environ.update({"A": "1"})', [("A", "1")]),
        ('os.environ |= {"A": "1"}', [("A", "1")]),
        ('table["A"] = "1"\ntable.update(A="1")\ntable.setdefault("A", "1")\nputenv("A", "1")', []),
        ("os.environ[args.name] = '1'", []),
        ('os.environ.update(**more)\nos.environ.update(more)\nos.environ.get("A", "1")', []),
    ],
)
def test_what_is_set(code: str, found: list[tuple[str, object]]) -> None:
    facts = facts_of(f"import os\nfrom os import environ\nenv = os.environ\n{code}\n")
    assert [(each.name, each.value) for each in facts[Variables].all] == found


def test_a_value_from_outside_wins_over_a_default() -> None:
    facts = facts_of('import os\nos.environ.setdefault("A", "1")\nos.environ["B"] = "1"\n')
    assert [each.weak for each in facts[Variables].all] == [True, False]


def test_what_places_agree_on() -> None:
    facts = facts_of(
        'import os\nos.environ["A"] = "1"\nos.environ["A"] = "1"\nos.environ["B"] = "1"\ndel x\nos.environ["B"] = "2"'
    )
    variables = facts[Variables]
    assert (variables.value("A"), variables.value("B"), variables.value("C")) == ("1", UNKNOWN, None)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("%env A=1", [("A", "1")]),
        ("%set_env A 1", [("A", "1")]),
        ("if x:\n    %env A=1", [("A", "1")]),
        ("%env A=$B", []),
        ("%env A={b}", []),
        ("%env A", []),
        ("!export A=1", []),
    ],
)
def test_variables_set_in_notebooks(source: str, found: list[tuple[str, object]]) -> None:
    facts = notebook("x = 1", source)
    assert [(each.name, each.value) for each in facts[Variables].all] == found


def test_a_magic_is_shown_as_written() -> None:
    facts = notebook("x = 1", "y = 2\n%env A=1\nz = 3")
    document = facts.document
    (variable,) = facts[Variables].all
    start = document.span(variable.node).start
    place = document.position(start)
    assert (place.cell, place.line, place.column) == (2, 2, 1)
    assert document.line_as_written(start) == "%env A=1"
