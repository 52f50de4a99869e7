"""What a hover says of each rule."""

from __future__ import annotations

import re

import pytest
from lsprotocol import types
from pygls.workspace import PositionCodec

from greenlint.docs import hover_page, summary_of
from greenlint.lsp.hover import hover
from greenlint.registry import RuleLoader

RULES = dict(RuleLoader().registry().rules)
LINKED = re.compile(r"\]\(https://[^\s()]+\)|<https://[^\s<>]+>")


def plain(name: str) -> str:
    """The hover over the name of a rule in a comment, for an editor that shows no Markdown."""
    found = hover(
        [],
        [f"# greenlint: ignore[{name}]"],
        types.Position(0, 20),
        PositionCodec(),
        RULES.get,
        types.MarkupKind.PlainText,
    )
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    return found.contents.value


@pytest.mark.parametrize("name", RULES)
def test_the_cost_comes_before_the_details(name: str) -> None:
    page = "\n".join(hover_page(RULES[name], ["a note"]))
    title, summary, cost, first, *_ = page.split("\n\n")
    assert title.startswith(f"**{name}** (")
    assert " ".join(summary.split()) == summary_of(RULES[name])
    assert cost == "**Cost**"
    assert first.startswith("- a note\n- ")


@pytest.mark.parametrize("name", RULES)
def test_what_can_be_read_elsewhere_is_linked_once(name: str) -> None:
    rule = RULES[name]
    page = "\n".join(hover_page(rule))
    assert "https://" not in LINKED.sub("", page)
    wanted = {*rule.references, *(each.source for each in rule.evidence if each.source.startswith("https://"))}
    assert all(f"]({each})" in page or f"<{each}>" in page for each in wanted)
    assert not any(f"]({each})" in page and f"<{each}>" in page for each in wanted)
    assert not re.search(r"arXiv \d|doi 10", page)


@pytest.mark.parametrize("name", RULES)
def test_a_plain_page_has_no_marks(name: str) -> None:
    page = plain(name)
    assert not re.search(r"\*\*|`|\]\(|<https", page)
    links = re.findall(r"https://[^\s()<>]+", "\n".join(hover_page(RULES[name])))
    assert re.findall(r"https://[^\s()<>]+", page) == links
