from __future__ import annotations

import pytest

from greenlint.finding import Confidence, Severity
from greenlint.output.frame import frame
from greenlint.output.terminal import Style
from greenlint.results import PlacedFinding

FINDING = PlacedFinding(
    rule="some-rule",
    category="loading",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    message="message",
    line=7,
    column=5,
    end_line=7,
    end_column=8,
    source=("    foo()",),
)


def shown(finding: PlacedFinding, width: int = 80) -> list[str]:
    return list(frame(finding, len(str(finding.end_line)), Style(width=width)))


def underlined(finding: PlacedFinding, width: int = 80) -> str:
    """What stands above the carets, character by character; right for text of single-cell characters."""
    _, source, carets, *_ = shown(finding, width)
    return "".join(above for above, mark in zip(source, carets.ljust(len(source)), strict=False) if mark == "^")


def test_underlines_the_range() -> None:
    assert shown(FINDING) == [
        "  |",
        "7 |     foo()",
        "  |     ^^^",
        "  |",
    ]


def test_tabs_are_widened_and_the_underline_follows() -> None:
    finding = FINDING._replace(source=("\t\tfoo()",), column=3, end_column=6)

    assert underlined(finding) == "foo"


def test_wide_characters_push_the_underline() -> None:
    finding = FINDING._replace(source=("x = '漢字' + foo()",), column=12, end_column=15)
    _, source, carets, _ = shown(finding)

    # Each of the two characters takes two cells.
    assert carets.index("^") == source.index("foo") + 2
    assert carets.count("^") == 3


def test_combining_marks_take_no_cell() -> None:
    finding = FINDING._replace(source=("e\u0301 = foo()",), column=6, end_column=9)
    _, source, carets, _ = shown(finding)

    assert carets.index("^") == source.index("foo") - 1


def test_several_lines_are_underlined_each() -> None:
    finding = FINDING._replace(source=("    foo(", "        1,", "    )"), end_line=9, end_column=6)

    assert shown(finding) == [
        "  |",
        "7 |     foo(",
        "  |     ^^^^",
        "8 |         1,",
        "  |         ^^",
        "9 |     )",
        "  |     ^",
        "  |",
    ]


def test_lines_left_out_are_marked() -> None:
    finding = FINDING._replace(source=("foo(", "a,", "b,", "c,"), column=1, end_line=20, end_column=2)

    assert "..." in shown(finding)


@pytest.mark.parametrize("column", [1, 60, 500, 1990])
def test_long_lines_are_cut_around_the_finding(column: int) -> None:
    text = "".join(f"{at:<10}" for at in range(0, 2000, 10))
    finding = FINDING._replace(source=(text,), column=column, end_column=column + 5)
    lines = shown(finding, width=60)

    assert all(len(line) <= 60 for line in lines)
    assert underlined(finding, width=60).rstrip() == text[column - 1 : column + 4].rstrip()


def test_an_empty_range_at_the_end_of_a_line_has_a_caret() -> None:
    finding = FINDING._replace(source=("foo()",), column=6, end_column=6)

    assert shown(finding)[2] == "  |      ^"


def test_control_characters_cannot_reach_the_terminal() -> None:
    finding = FINDING._replace(source=("foo('\x1b[31m\x07')",), column=1, end_column=4)

    assert "\x1b" not in "".join(shown(finding))
    assert "\x07" not in "".join(shown(finding))


def test_line_numbers_are_aligned() -> None:
    finding = FINDING._replace(line=9, end_line=10, source=("    foo(", "    )"), end_column=6)

    assert [line[:4] for line in shown(finding) if line[:2].strip()] == [" 9 |", "10 |"]
