"""Every automatic fix is proven by a program that runs before and after it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenlint.registry import RuleLoader
from greenlint.rule import Bad, Rule
from greenlint.suppression_rules import SUPPRESSION_RULES
from tests.proofs.proof import Programs, Proof, proofs

PROOFS = proofs()


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    with Programs() as running:
        yield running


@pytest.mark.parametrize("proof", PROOFS, ids=lambda each: f"{each.rule}-{each.path.stem}")
def test_program(proof: Proof, programs: Programs, tmp_path: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("the programs are forked, which this system cannot")
    missing = [name for name in proof.needs if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install -e '.[proofs]')")
    proof.check(tmp_path, programs)


def _with_fixes() -> list[type[Rule]]:
    """The rules that edit code; a suppression that goes leaves the program alone."""
    return [
        rule
        for rule in RuleLoader(["greenlint_rules"]).registry().rules.values()
        if rule not in SUPPRESSION_RULES
        and any(isinstance(example, Bad) and example.fixed is not None for example in rule.examples)
    ]


@pytest.mark.parametrize("rule", _with_fixes(), ids=lambda rule: rule.name)
def test_every_fix_has_a_program(rule: type[Rule]) -> None:
    assert any(proof.rule == rule.name for proof in PROOFS), f"no program in tests/proofs/programs/{rule.name}/"


def test_every_program_is_of_a_rule_with_a_fix() -> None:
    assert {proof.rule for proof in PROOFS} <= {rule.name for rule in _with_fixes()}
