from __future__ import annotations

import pytest

from greenlint.selection import RuleCatalogue, RuleEntry, Selection, Selector, enabled_rules

CATALOGUE = RuleCatalogue(
    {
        each.name: each
        for each in (
            RuleEntry("no-workers", "loading", default=True),
            RuleEntry("not-pinned", "loading", default=True),
            RuleEntry("respawned", "loading", default=False),
            RuleEntry("old-loader", "loading", default=False, deprecated=True),
            RuleEntry("no-amp", "precision", default=True),
        )
    }
)


def selectors(names: str, origin: str) -> tuple[Selector[str], ...]:
    ranks = {"ALL": 0, "loading": 1, "precision": 1}
    return tuple(Selector(name, ranks.get(name, 2), origin) for name in names.split())


def source(text: str, origin: str = "file") -> Selection[str]:
    """``"=a b +c -d"``: select a and b, extend with c, ignore d."""
    parts: dict[str, str] = {}
    sign = ""
    for word in text.split():
        sign, name = (word[0], word[1:]) if word[0] in "=+-" else (sign, word)
        parts[sign] = f"{parts.get(sign, '')} {name}"
    select = selectors(parts["="], origin) if "=" in parts else None
    return Selection(select, selectors(parts.get("+", ""), origin), selectors(parts.get("-", ""), origin))


def enabled(*texts: str) -> set[str]:
    return set(enabled_rules(CATALOGUE, [source(each) for each in texts], "default"))


DEFAULT = {"no-workers", "not-pinned", "no-amp"}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], DEFAULT),
        (["=loading"], {"no-workers", "not-pinned", "respawned"}),
        (["=ALL"], DEFAULT | {"respawned"}),
        (["=old-loader"], {"old-loader"}),
        (["="], set()),
        (["+respawned"], DEFAULT | {"respawned"}),
        (["-loading"], {"no-amp"}),
        (["-ALL"], set()),
        (["=loading -not-pinned"], {"no-workers", "respawned"}),
        (["=not-pinned -loading"], {"not-pinned"}),
        (["=not-pinned -not-pinned"], set()),
        (["=ALL -loading +no-workers"], {"no-amp", "no-workers"}),
    ],
)
def test_of_one_source_the_more_specific_selector_wins(texts: list[str], expected: set[str]) -> None:
    assert enabled(*texts) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["=loading", "=precision"], {"no-amp"}),
        (["=loading", "+precision"], {"no-workers", "not-pinned", "respawned", "no-amp"}),
        (["=not-pinned", "-loading"], set()),
        (["-not-pinned", "=loading"], {"no-workers", "respawned"}),
        (["-not-pinned", "=not-pinned"], {"not-pinned"}),
        (["-not-pinned", "=ALL"], {"no-workers", "respawned", "no-amp"}),
        (["-loading", "+loading"], DEFAULT | {"respawned"}),
        (["-loading", "+not-pinned"], {"not-pinned", "no-amp"}),
        (["+respawned", "=precision"], {"no-amp"}),
    ],
)
def test_of_several_sources_the_later_wins(texts: list[str], expected: set[str]) -> None:
    assert enabled(*texts) == expected


def test_origins_name_what_switched_a_rule_on() -> None:
    sources = [source("+respawned", "file"), source("+precision", "flag")]
    rules = enabled_rules(CATALOGUE, sources, "default")
    assert rules == {"no-amp": "flag", "no-workers": "default", "not-pinned": "default", "respawned": "file"}


def test_what_is_pinned_off_stays_off() -> None:
    pinned = source("-loading")
    flags = source("=not-pinned no-amp", "flag")
    assert set(enabled_rules(CATALOGUE, [pinned, flags], "default", [pinned])) == {"no-amp"}


def test_a_later_pinned_source_may_switch_on_again() -> None:
    first, second = source("-loading"), source("+not-pinned")
    rules = enabled_rules(CATALOGUE, [first, second], "default", [first, second])
    assert set(rules) == {"not-pinned", "no-amp"}
