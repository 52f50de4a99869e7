"""Fixes come to rest, keep the source whole, and leave out what does neither."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import libcst as cst
import pytest

from greenlint.document import Document
from greenlint.finding import Applicability, Edit, Finding, Fix, Severity, Span, apply_edits, conflict
from greenlint.fixer import SAFE, UNSAFE, FixResult, fix

Rewrite = Callable[[re.Match[str]], str]


def parse(text: str) -> Document | None:
    try:
        return Document("example.py", text, cst.parse_module(text))
    except cst.ParserSyntaxError:
        return None


def rewriting(
    rule: str, pattern: str, to: str, applicability: Applicability = Applicability.SAFE
) -> Callable[[Document], list[Finding]]:
    """A rule that finds ``pattern`` and offers to write ``to`` instead."""

    def run(document: Document) -> list[Finding]:
        found = []
        for match in re.finditer(pattern, document.text):
            span = Span(*match.span())
            offer = Fix(f"write {to}", (Edit(span, match.expand(to)),), applicability, "because")
            found.append(Finding(rule, "is wasted", span, Severity.WARNING, fix=offer))
        return found

    return run


def fixed(
    text: str,
    *rules: Callable[[Document], Sequence[Finding]],
    levels: frozenset[Applicability] = SAFE,
) -> FixResult:
    def analyze(document: Document) -> list[Finding]:
        return [finding for rule in rules for finding in rule(document)]

    return fix(text, parse=parse, analyze=analyze, levels=levels)


def test_all_places_are_fixed() -> None:
    result = fixed("a = a + a\n", rewriting("rename", "a", "b"))
    assert result == FixResult("b = b + b\n", {"rename": 3})


def test_nothing_to_fix_changes_nothing() -> None:
    assert fixed("a\n") == FixResult("a\n")


def test_only_wanted_levels_are_applied() -> None:
    rules = (
        rewriting("safe", "a", "x"),
        rewriting("unsafe", "b", "y", Applicability.UNSAFE),
        rewriting("shown", "c", "z", Applicability.DISPLAY),
    )
    assert fixed("a, b, c\n", *rules).source == "x, b, c\n"
    assert fixed("a, b, c\n", *rules, levels=UNSAFE).source == "x, y, c\n"


def test_overlapping_fixes_go_in_one_after_the_other() -> None:
    result = fixed("f(g)\n", rewriting("outer", r"f\((\w+)\)", r"h(\1)"), rewriting("inner", r"g", "k"))
    assert result == FixResult("h(k)\n", {"outer": 1, "inner": 1})


def test_a_fix_may_make_room_for_another() -> None:
    result = fixed("a\n", rewriting("first", "a", "b"), rewriting("second", "b", "c"))
    assert result == FixResult("c\n", {"first": 1, "second": 1})


def test_edits_of_a_fix_go_in_together_or_not_at_all() -> None:
    def both(document: Document) -> list[Finding]:
        places = [match.start() for match in re.finditer("a", document.text)]
        if len(places) < 2:
            return []
        edits = tuple(Edit(Span(at, at + 1), "b") for at in places)
        return [Finding("both", "x", Span(0, 1), Severity.INFO, fix=Fix("t", edits, Applicability.SAFE))]

    def first(document: Document) -> list[Finding]:
        if not document.text.startswith("a, c"):
            return []
        edits = (Edit(Span(0, 1), "z"),)
        return [Finding("first", "x", Span(0, 1), Severity.INFO, fix=Fix("t", edits, Applicability.SAFE))]

    assert fixed("a, c, a\n", both).source == "b, c, b\n"
    assert fixed("a, c, a\n", first, both).source == "z, c, a\n"


def test_a_fix_that_breaks_the_source_is_left_out() -> None:
    result = fixed("a, b\n", rewriting("breaks", "a", "("), rewriting("works", "b", "c"))
    assert result == FixResult("a, c\n", {"works": 1}, rejected=("breaks",))


def test_a_fix_whose_edits_overlap_is_left_out() -> None:
    edits = (Edit(Span(0, 2), "x"), Edit(Span(1, 3), "y"))
    finding = Finding("odd", "x", Span(0, 1), Severity.INFO, fix=Fix("t", edits, Applicability.SAFE))
    assert fixed("abc\n", lambda _: [finding]).source == "abc\n"


def test_fixes_that_undo_each_other_are_named_and_left_out() -> None:
    result = fixed("a, n\n", rewriting("there", "a", "b"), rewriting("back", "b", "a"), rewriting("other", "n", "m"))
    assert result == FixResult("a, m\n", {"other": 1}, unstable=("back", "there"))


def test_a_fix_that_never_ends_is_named_and_left_out() -> None:
    result = fixed("a, n\n", rewriting("grows", r"a\b", "aa"), rewriting("other", "n", "m"))
    assert result == FixResult("a, m\n", {"other": 1}, unstable=("grows",))


def test_a_fix_that_changes_nothing_is_not_counted() -> None:
    assert fixed("a\n", rewriting("same", "a", "a")) == FixResult("a\n")


def test_source_that_does_not_parse_is_left_alone() -> None:
    assert fixed("a (\n", rewriting("rename", "a", "b")) == FixResult("a (\n")


def test_source_that_its_tree_does_not_render_is_left_alone() -> None:
    def unfaithful(text: str) -> Document:
        return Document("example.py", text, cst.parse_module("a\n"))

    result = fix("a\r", parse=unfaithful, analyze=rewriting("rename", "a", "b"))
    assert result == FixResult("a\r")


def test_source_may_be_something_else_than_the_text() -> None:
    """As in a notebook: the text of a document is a part of its source."""

    def put_in(source: str, document: Document, edits: Sequence[Edit]) -> str | None:
        new = apply_edits(document.text, edits)
        return None if "no" in new else source.replace(document.text, new)

    result = fix(
        "<<a, b\n>>",
        parse=lambda source: parse(source[2:-2]),
        analyze=lambda document: [
            *rewriting("rename", "a", "c")(document),
            *rewriting("refused", "b", "no")(document),
        ],
        apply=put_in,
    )
    assert result == FixResult("<<c, b\n>>", {"rename": 1}, rejected=("refused",))


def test_apply_edits_keeps_what_is_outside() -> None:
    edits = (Edit(Span(5, 6), "X"), Edit(Span(0, 0), "> "), Edit(Span(2, 4), ""))
    assert apply_edits("abcdefg", edits) == "> abeXg"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 2), (2, 4), False),
        ((0, 3), (2, 4), True),
        ((2, 2), (2, 2), True),
        ((2, 2), (2, 4), True),
        ((4, 4), (2, 4), False),
        ((3, 3), (2, 4), True),
    ],
)
def test_conflict(one: tuple[int, int], other: tuple[int, int], expected: bool) -> None:
    assert conflict(Span(*one), Span(*other)) is expected
    assert conflict(Span(*other), Span(*one)) is expected
