"""No figure without a source: each number with a unit that a rule prints stands in evidence/literature.jsonl."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greenlint import Evidence, Grade, Rule
from greenlint.docs import text_page
from greenlint.figures import Figure, figures
from greenlint.testing import rule_examples

ROOT = Path(__file__).parents[1]
ENTRIES: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "evidence" / "literature.jsonl").read_text("utf-8").splitlines()
]
RULES = [case.rule for case in rule_examples("greenlint_rules") if case.example is None]

FIELDS = "id source title year hardware workload kind low high unit statement rules".split()
KINDS = {
    "energy at the plug",
    "energy on the device",
    "modelled energy",
    "time",
    "memory",
    "documentation",
    "reasoning",
}
SOURCE = re.compile(r"https://\S+|arXiv \d{4}\.\d{4,5}|doi 10\.\S+|docstrings? of \w+ \d\S*|own estimate")
ESTIMATE = re.compile(r"estimat", re.IGNORECASE)


# -- the entries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_an_entry_says_where_it_is_from(entry: dict[str, Any]) -> None:
    assert list(entry) == FIELDS
    assert entry["kind"] in KINDS
    assert SOURCE.fullmatch(entry["source"])
    assert entry["title"] and entry["statement"].endswith(".")
    assert entry["rules"] == list(dict.fromkeys(entry["rules"])) != []
    assert (entry["source"] == "own estimate") <= (entry["kind"] == "reasoning")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_an_entry_has_a_range_with_a_unit_or_none(entry: dict[str, Any]) -> None:
    low, high, unit = entry["low"], entry["high"], entry["unit"]
    assert (low is None) is (high is None) is (unit is None)
    if low is not None:
        assert low <= high
        assert unit in ("%", "x", "W", "kWh", "J", "s", "GB")


def test_every_entry_has_its_own_id() -> None:
    ids = [entry["id"] for entry in ENTRIES]
    assert len(ids) == len(set(ids))


# -- the rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_claims_are_backed_by_their_source(rule: type[Rule]) -> None:
    missing = [
        f"{figure.text} ({each.source})"
        for each in rule.evidence
        for figure in figures(each.claim)
        if not _is_called_estimate(each) or not any(_backing(rule, figure, of_claim=False))
        if not any(_same_source(entry, each.source) for entry in _backing(rule, figure, of_claim=True))
    ]
    assert missing == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_other_figures_are_backed_or_called_an_estimate(rule: type[Rule]) -> None:
    missing = []
    for text in _printed(rule):
        for figure in figures(text):
            entries = list(_backing(rule, figure, of_claim=False))
            if not entries or (all(each["source"] == "own estimate" for each in entries) and not ESTIMATE.search(text)):
                missing.append(f"{figure.text}: {' '.join(text.split())[:120]}")
    assert missing == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_page_without_a_figure_says_so(rule: type[Rule]) -> None:
    measured = any(any(figures(each.claim)) for each in rule.evidence)
    page = "\n".join(text_page(rule))
    assert ("not measured: no published figure" in page) is not measured


def _backing(rule: type[Rule], figure: Figure, *, of_claim: bool) -> Iterator[dict[str, Any]]:
    for entry in ENTRIES:
        if of_claim and entry["source"] == "own estimate":
            continue
        if rule.name in entry["rules"] and figure.is_backed_by(entry["low"], entry["high"], entry["unit"]):
            yield entry


def _is_called_estimate(evidence: Evidence) -> bool:
    return evidence.grade is Grade.REASONED and ESTIMATE.search(evidence.claim) is not None


def _same_source(entry: dict[str, Any], source: str) -> bool:
    return _plain(entry["source"]) == _plain(source)


def _plain(source: str) -> str:
    """``https://arxiv.org/abs/1`` and ``arXiv 1`` are one source, as are both spellings of a DOI."""
    source = source.replace("https://arxiv.org/abs/", "arXiv ").replace("https://doi.org/", "doi ")
    return source.replace("doi:", "doi ").replace("doi  ", "doi ").rstrip("/")


def _printed(rule: type[Rule]) -> Iterator[str]:
    """What a rule prints beside its evidence: its documentation, and the strings of its code but for examples.

    Strings that stand alone document code, or an option with its threshold.
    """
    yield inspect.cleandoc(rule.__doc__ or "")
    tree = ast.parse(inspect.getsource(sys.modules[rule.__module__]))
    left_out = {id(each) for node in ast.walk(tree) if _is_left_out(node) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        names = {each.id for each in node.targets if isinstance(each, ast.Name)}
        return bool(names & {"examples", "evidence", "references", "words", "frameworks"})
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
