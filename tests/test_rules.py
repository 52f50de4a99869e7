"""Every rule that ships passes its examples and keeps the contract for rules of this project."""

from __future__ import annotations

import inspect
import re

import pytest

from greenlint import Bad, Good, Grade, Rule, Severity
from greenlint.testing import RuleCase, rule_examples

CASES = rule_examples("greenlint_rules")
RULES = [case.rule for case in CASES if case.example is None]

SOURCE = re.compile(r"https://\S+|arXiv \d{4}\.\d{4,5}|doi:? ?10\.\S+|docstrings? of \w+ \d")
"""Where a reader can check a claim."""
PARTS = {
    "The finding stands ": "which line it points at",
    "Leave it ": "when not to follow it",
    "To fix it, ": "how to fix it",
}


def test_there_are_rules() -> None:
    assert len(RULES) >= 25


@pytest.mark.parametrize("case", CASES, ids=str)
def test_examples(case: RuleCase) -> None:
    case.check()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_enough_examples(rule: type[Rule]) -> None:
    kinds = [type(each) for each in rule.examples]
    assert kinds.count(Bad) >= 3
    assert kinds.count(Good) >= 5
    assert kinds == sorted(kinds, key=lambda kind: kind is Good), "wasteful examples come first"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_documentation(rule: type[Rule]) -> None:
    documentation = inspect.cleandoc(rule.__doc__ or "")
    summary, *paragraphs = re.split(r"\n\s*\n", documentation)
    assert summary.endswith("."), "the summary is a sentence"
    assert len(summary) <= 160, "the summary fits a list"
    missing = [what for start, what in PARTS.items() if not any(each.startswith(start) for each in paragraphs)]
    assert missing == []
    assert not paragraphs[0].startswith(tuple(PARTS)), "the mechanism is explained first"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_metadata(rule: type[Rule]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)
    assert rule.words, "without words the rule keeps every file from being ruled out"
    assert all(all(group) for group in (rule.frameworks, *rule.words))
    assert rule.severity in (Severity.WARNING, Severity.INFO), "only users make findings errors"
    assert all(each.startswith("https://") for each in rule.references)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_evidence(rule: type[Rule]) -> None:
    """A rule that nobody has measured says so with evidence of the grade `REASONED`."""
    assert rule.evidence
    for each in rule.evidence:
        assert each.claim.strip() and not each.claim.rstrip().endswith(".")
        assert each.source.strip()
        assert each.grade is Grade.REASONED or SOURCE.search(each.source), f"cannot be checked: {each.source}"


def test_folders_are_categories() -> None:
    assert [rule.name for rule in RULES if rule.category.value != rule.__module__.split(".")[1]] == []
    assert [rule.name for rule in RULES if rule.__module__.split(".")[-1].replace("_", "-") != rule.name] == []
