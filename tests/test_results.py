from __future__ import annotations

import pickle

import libcst as cst
import pytest

from greenlint.document import Document
from greenlint.engine import Analysis
from greenlint.finding import Edit, Finding, Fix, Related, Severity, Span
from greenlint.results import FileResult, PlacedFinding, place
from greenlint.suppress import Suppressed


def placed(text: str, *findings: Finding, suppressed: tuple[Suppressed, ...] = ()) -> tuple[PlacedFinding, ...]:
    document = Document("a.py", text, cst.parse_module(text))
    kept, hidden = place(document, Analysis(findings, suppressed), {"a-rule": "loading"})
    return (*kept, *hidden)


def finding(start: int, end: int, rule: str = "a-rule", **more: object) -> Finding:
    return Finding(rule, "message", Span(start, end), Severity.INFO, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "span", "lines"),
    [
        ("one()\ntwo()\n", (6, 11), ("two()",)),
        ("one()\r\ntwo()\r\n", (7, 12), ("two()",)),
        ("f(\r\n  1,\r\n)\r\n", (0, 11), ("f(", "  1,", ")")),
        ("x = '\x0c'; two()\n", (9, 14), ("x = '\x0c'; two()",)),
        ("f(\n1,\n2,\n3,\n4)\n", (0, 13), ("f(", "1,", "2,", "3,")),
        ("one()", (0, 5), ("one()",)),
    ],
)
def test_source_lines(text: str, span: tuple[int, int], lines: tuple[str, ...]) -> None:
    assert placed(text, finding(*span))[0].source == lines


def test_positions_count_code_points_from_1() -> None:
    [one] = placed("x = '漢字😀'; two()\n", finding(11, 16))

    assert (one.line, one.column, one.end_line, one.end_column) == (1, 12, 1, 17)


def test_categories_edits_and_related_places() -> None:
    fix = Fix("title", (Edit(Span(4, 7), "1"),))
    related = (Related("here", Span(0, 3)), Related("there", Span(0, 1), "other.py", 9))
    [one] = placed("one\ntwo\n", finding(4, 7, fix=fix, related=related))

    assert one.category == "loading"
    assert one.fix is not None
    assert [tuple(edit) for edit in one.fix.edits] == [(2, 1, 2, 4, "1", None)]
    assert [(each.line, each.column, each.path) for each in one.related] == [(1, 1, None), (9, 1, "other.py")]


def test_fingerprints_survive_moved_lines_and_tell_equals_apart() -> None:
    first = placed("two()\ntwo()\n", finding(0, 5), finding(6, 11))
    moved = placed("# more\n\nif x:\n    two()\ntwo()\n", finding(18, 23), finding(24, 29))

    assert [each.fingerprint for each in first] == [each.fingerprint for each in moved]
    assert first[0].fingerprint != first[1].fingerprint
    assert placed("two()\n", finding(0, 5, "other-rule"))[0].fingerprint != first[0].fingerprint


def test_a_suppression_does_not_change_the_fingerprints_of_others() -> None:
    plain = placed("two()\ntwo()\n", finding(0, 5), finding(6, 11))
    second, first = placed("two()\ntwo()\n", finding(6, 11), suppressed=(Suppressed(finding(0, 5), "why"),))

    assert (first.fingerprint, second.fingerprint) == tuple(each.fingerprint for each in plain)
    assert (first.suppressed, second.suppressed) == ("why", None)


def test_results_pickle() -> None:
    result = FileResult("a.py", placed("two()\n", finding(0, 5)), seconds=1.5)

    assert pickle.loads(pickle.dumps(result)) == result
