"""Comments suppress exactly what they stand at, and say so when they do not."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, cast

import libcst as cst
import pytest

from greenlint import Findings, Rule, on_node
from greenlint.directives import PLACEHOLDER
from greenlint.document import Document
from greenlint.engine import Analysis, analyze
from greenlint.facts import Facts
from greenlint.finding import Applicability, Finding, Severity, Span, apply_edits
from greenlint.gate import Gate
from greenlint.suppress import Suppression, file_ignore_edits, ignore_edits, suppress
from greenlint.suppression_rules import SUPPRESSION_RULES

NAMES = frozenset({"waste", "other-waste", "third"})
HYGIENE = frozenset(rule.name for rule in SUPPRESSION_RULES) - {"suppression-without-reason"}
TODAY = datetime.date(2026, 6, 1)


class Cells:
    """Stands in for the map of a notebook: cell by line."""

    def __init__(self, *lengths: int) -> None:
        self._lines = [(cell, line + 1) for cell, length in enumerate(lengths, 1) for line in range(length)]

    def locate(self, line: int) -> tuple[int, int]:
        return self._lines[min(line, len(self._lines)) - 1]


def document_of(text: str, *cells: int) -> Document:
    return Document("example.py", text, cst.parse_module(text), cast("Any", Cells(*cells) if cells else None))


def findings_in(text: str, rules: Iterable[str] = ("waste",)) -> list[Finding]:
    """A finding of each rule at each ``WASTE``."""
    places = [at for at in range(len(text)) if text.startswith("WASTE", at)]
    return [
        Finding(rule, "is wasted", Span(at, at + 5), Severity.WARNING) for at, rule in itertools.product(places, rules)
    ]


def run(
    text: str,
    *cells: int,
    rules: Iterable[str] = ("waste",),
    enabled: frozenset[str] = NAMES | HYGIENE,
    today: datetime.date | None = TODAY,
    require_reason: bool = False,
    formerly: Mapping[str, str] | None = None,
) -> Suppression:
    document = document_of(text, *cells)
    return suppress(
        document,
        findings_in(text, rules),
        enabled=enabled,
        known=NAMES | HYGIENE,
        today=today,
        require_reason=require_reason,
        formerly=formerly,
    )


def kept(result: Suppression) -> list[str]:
    return [each.rule for each in result.findings]


SUPPRESSING = {
    "trailing": "f(WASTE)  # greenlint: ignore[waste]",
    "without spaces": "f(WASTE) #greenlint:ignore[waste]",
    "one of several names": "f(WASTE)  # greenlint: ignore[ waste ,third ]",
    "last line of a statement": "f(\n    WASTE,\n    1,\n)  # greenlint: ignore[waste]",
    "first line of a statement": "f(  # greenlint: ignore[waste]\n    1,\n    WASTE,\n)",
    "own line inside a statement": "f(\n    # greenlint: ignore[waste]\n    1,\n    WASTE,\n)",
    "line continuation": "x = 1 + \\\n    WASTE  # greenlint: ignore[waste]",
    "after a long string": 'f(WASTE, """\n""")  # greenlint: ignore[waste]',
    "line above": "# greenlint: ignore[waste]\nf(WASTE)",
    "above with other comments between": "# greenlint: ignore[waste]\n# more\n\nf(\n    WASTE)",
    "above inside a block": "if x:\n    # greenlint: ignore[waste]\n    f(WASTE)\n",
    "above decorators": "# greenlint: ignore[waste]\n@d\n@e(1)\ndef WASTE(): pass",
    "at a decorator": "@d  # greenlint: ignore[waste]\ndef WASTE():\n    pass",
    "between decorators": "@d\n# greenlint: ignore[waste]\n@e\nclass WASTE:\n    pass",
    "header": "for x in WASTE:  # greenlint: ignore[waste]\n    pass",
    "header of several lines": "def f(\n    a=WASTE,\n):  # greenlint: ignore[waste]\n    pass",
    "above a header": "# greenlint: ignore[waste]\nwith WASTE as x:\n    pass",
    "elif": "if a:\n    pass\nelif WASTE:  # greenlint: ignore[waste]\n    pass",
    "match": "match WASTE:  # greenlint: ignore[waste]\n    case 1:\n        pass",
    "case": "match x:\n    # greenlint: ignore[waste]\n    case WASTE():\n        pass",
    "statement behind a colon": "if x: f(WASTE)  # greenlint: ignore[waste]",
    "several statements": "a = 1; f(WASTE)  # greenlint: ignore[waste]",
    "behind another comment": "f(WASTE)  # type: ignore  # greenlint: ignore[waste] because",
    "before another comment": "f(WASTE)  # greenlint: ignore[waste] because # noqa",
    "file, first line": "# greenlint: file-ignore[waste]\nx = 1\nf(WASTE)",
    "file, last line": "f(WASTE)\n# greenlint: file-ignore[waste]\n",
    "noqa": "f(WASTE)  # noqa: waste",
    "noqa among others": "f(WASTE)  # NOQA:E501,waste third",
    "windows line ends": "f(\r\n    WASTE\r\n)  # greenlint: ignore[waste]\r\n",
}


@pytest.mark.parametrize("text", SUPPRESSING.values(), ids=SUPPRESSING)
def test_suppresses(text: str) -> None:
    result = run(text, enabled=NAMES)
    assert (kept(result), [each.finding.rule for each in result.suppressed]) == ([], ["waste"])


NOT_SUPPRESSING = {
    "other rule": "f(WASTE)  # greenlint: ignore[third]",
    "string": "f(WASTE, '# greenlint: ignore[waste]')",
    "line below": "f(WASTE)\n# greenlint: ignore[waste]\nx = 1",
    "line before": "x = 1  # greenlint: ignore[waste]\nf(WASTE)",
    "body of a covered header": "for x in y:  # greenlint: ignore[waste]\n    f(WASTE)",
    "body of a function below": "# greenlint: ignore[waste]\ndef f():\n    f(WASTE)",
    "second statement below": "# greenlint: ignore[waste]\nx = 1\nf(WASTE)",
    "blanket": "f(WASTE)  # greenlint: ignore",
    "blanket noqa": "f(WASTE)  # noqa",
    "noqa of others": "f(WASTE)  # noqa: E501",
    "noqa above": "# noqa: waste\nf(WASTE)",
    "malformed date": "f(WASTE)  # greenlint: ignore[waste, until=soon]",
    "other case": "f(WASTE)  # Greenlint: ignore[waste]",
    "nothing below": "f(WASTE)\n# greenlint: ignore[waste]",
}


@pytest.mark.parametrize("text", NOT_SUPPRESSING.values(), ids=NOT_SUPPRESSING)
def test_does_not_suppress(text: str) -> None:
    result = run(text, enabled=NAMES)
    assert (kept(result), result.suppressed) == (["waste"], ())


def test_reason_and_date_are_kept() -> None:
    (each,) = run("f(WASTE)  # greenlint: ignore[waste, until=2027-03-01] see #12, toy data # noqa").suppressed
    assert (each.reason, each.until) == ("see #12, toy data", datetime.date(2027, 3, 1))


@pytest.mark.parametrize("separator", [": ", " - ", " -- ", " \u2014 "])
def test_reason_may_follow_a_separator(separator: str) -> None:
    (each,) = run(f"f(WASTE)  # greenlint: ignore[waste]{separator}toy data").suppressed
    assert each.reason == "toy data"


def test_comment_at_the_end_of_a_cell_does_not_reach_into_the_next() -> None:
    text = "x = 1\n# greenlint: ignore[waste]\nf(WASTE)\n"
    assert kept(run(text, 1, 2, enabled=NAMES)) == []
    assert kept(run(text, 2, 1, enabled=NAMES)) == ["waste"]


def test_file_comment_holds_for_the_whole_notebook() -> None:
    assert kept(run("# greenlint: file-ignore[waste]\nf(WASTE)\n", 1, 1)) == []


# -- findings about comments ------------------------------------------------------------------------------


def only(result: Suppression) -> Finding:
    (finding,) = result.findings
    return finding


def fixed(text: str, finding: Finding) -> str:
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    return text[: edit.span.start] + edit.text + text[edit.span.end :]


UNUSED = {
    "trailing": ("x = 1  # greenlint: ignore[waste] why\ny\n", "x = 1\ny\n"),
    "own line": ("a\n# greenlint: ignore[waste]\nx = 1\n", "a\nx = 1\n"),
    "own line in a block": ("if a:\n    # greenlint: ignore[waste]\n    x = 1\n", "if a:\n    x = 1\n"),
    "own line, windows": ("a\r\n# greenlint: ignore[waste]\r\nb\r\n", "a\r\nb\r\n"),
    "last line without an end": ("a\n# greenlint: ignore[waste]", "a"),
    "file": ("# greenlint: file-ignore[waste]\nx = 1\n", "x = 1\n"),
    "before another comment": ("x  # greenlint: ignore[waste] why # noqa\n", "x  # noqa\n"),
    "behind another comment": ("x  # noqa # greenlint: ignore[waste]\n", "x  # noqa\n"),
    "behind another own-line comment": ("# a  # greenlint: ignore[waste]\nx\n", "# a\nx\n"),
    "one of two": (
        "f(WASTE)  # greenlint: ignore[third, waste, until=2027-01-01] why\n",
        "f(WASTE)  # greenlint: ignore[waste, until=2027-01-01] why\n",
    ),
    "given twice": ("f(WASTE)  # greenlint: ignore[waste, waste]\n", "f(WASTE)  # greenlint: ignore[waste]\n"),
    "both of two": ("x  # greenlint: ignore[third, waste]\n", "x\n"),
    "expired and unused": ("x  # greenlint: ignore[waste, until=2020-01-01]\n", "x\n"),
    "file comment beside one on the line": (
        "f(WASTE)  # greenlint: ignore[waste]\n# greenlint: file-ignore[waste]\n",
        "f(WASTE)  # greenlint: ignore[waste]\n",
    ),
}


@pytest.mark.parametrize(("text", "after"), UNUSED.values(), ids=UNUSED)
def test_unused(text: str, after: str) -> None:
    finding = only(run(text))
    assert finding.rule == "unused-suppression"
    assert finding.severity is Severity.INFO
    assert text[finding.span.start : finding.span.end].startswith("# greenlint:")
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.SAFE
    assert fixed(text, finding) == after
    assert run(after).findings == ()


def test_unused_line_at_the_end_of_a_cell_leaves_the_next_cell_alone() -> None:
    text = "x = 1\n# greenlint: ignore[waste]\ny = 2\n"
    assert fixed(text, only(run(text, 2, 1))) == "x = 1\ny = 2\n"
    finding = only(run(text, 2, 1))
    assert finding.fix is not None
    assert finding.fix.edits[0].span == Span(5, 32), "the end of its own line divides the cells"
    alone = only(run("x = 1\n# greenlint: ignore[waste]\ny = 2\n", 1, 1, 1))
    assert alone.fix is not None
    assert alone.fix.edits[0].span == Span(6, 32), "the cell stays, empty"


def test_names_of_rules_that_did_not_run_are_not_called_unused() -> None:
    text = "x = 1  # greenlint: ignore[waste, third]"
    assert run(text, enabled=HYGIENE).findings == ()
    finding = only(run(text, enabled=HYGIENE | {"third"}))
    assert fixed(text, finding) == "x = 1  # greenlint: ignore[waste]"


def test_noqa_is_never_judged() -> None:
    assert run("x = 1  # noqa: waste, no-such-rule").findings == ()


def test_findings_about_comments_are_only_made_of_enabled_rules() -> None:
    text = "x  # greenlint: ignore[waste]\ny  # greenlint: ignore[no-such]\nz  # greenlint: ignore"
    assert kept(run(text)) == ["unused-suppression", "unknown-suppression", "malformed-suppression"]
    assert kept(run(text, enabled=NAMES)) == []


def test_unknown_name_suggests_the_nearest() -> None:
    text = "x  # greenlint: ignore[Other_Wast] why"
    finding = only(run(text))
    assert finding.rule == "unknown-suppression"
    assert "`Other_Wast`" in finding.message
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE
    assert fixed(text, finding) == "x  # greenlint: ignore[other-waste] why"


def test_unknown_name_far_from_all_has_no_fix() -> None:
    finding = only(run("x  # greenlint: ignore[E501]"))
    assert (finding.rule, finding.fix) == ("unknown-suppression", None)


def test_former_name_works_and_is_updated() -> None:
    text = "f(WASTE)  # greenlint: ignore[old-waste]"
    result = run(text, formerly={"old-waste": "waste"})
    assert len(result.suppressed) == 1
    finding = only(result)
    assert finding.rule == "unknown-suppression"
    assert fixed(text, finding) == "f(WASTE)  # greenlint: ignore[waste]"


MALFORMED = {
    "blanket": ("ignore", None),
    "empty": ("ignore[]", None),
    "open": ("ignore[waste", "ignore[waste]"),
    "open, reason": ("ignore[waste toy data", "ignore[waste] toy data"),
    "round": ("ignore(waste, third) toy", "ignore[waste, third] toy"),
    "colon": ("ignore: waste", "ignore[waste]"),
    "other tool's verb": ("disable=waste", "ignore[waste]"),
    "other tool's file verb": ("ignore-file[waste]", "file-ignore[waste]"),
    "capital verb": ("Ignore[waste]", "ignore[waste]"),
    "unknown in loose form": ("ignore: because", None),
    "no such verb": ("hide[waste]", None),
    "bad date": ("ignore[waste, until=2026-02-30]", None),
    "bad key": ("ignore[waste, untill=2026-02-03]", None),
    "date only": ("ignore[until=2026-02-03]", None),
    "two dates": ("ignore[waste, until=2026-02-03, until=2026-02-03]", None),
    "not a name": ("ignore[waste!]", None),
}


@pytest.mark.parametrize(("written", "remedy"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(written: str, remedy: str | None) -> None:
    text = f"x  # greenlint: {written}"
    finding = only(run(text))
    assert finding.rule == "malformed-suppression"
    assert (None if finding.fix is None else fixed(text, finding)) == (
        None if remedy is None else f"x  # greenlint: {remedy}"
    )


@pytest.mark.parametrize("text", ["x  # Greenlint: ignore[waste]", "x  # greenlint ignore[waste]"])
def test_misspelt_beginning(text: str) -> None:
    assert fixed(text, only(run(text))) == "x  # greenlint: ignore[waste]"


@pytest.mark.parametrize(
    "comment", ["greenlint says no", "greenlint: see the docs", "use greenlint: it helps", "see greenlint/ignore"]
)
def test_prose_is_left_alone(comment: str) -> None:
    assert run(f"x  # {comment}").findings == ()


def test_expired_suppression_lapses() -> None:
    text = "f(WASTE)  # greenlint: ignore[waste, until=2026-05-31] later"
    result = run(text)
    assert kept(result) == ["waste", "expired-suppression"]
    assert result.findings[1].severity is Severity.WARNING
    assert "2026-05-31" in result.findings[1].message
    assert result.suppressed == ()


def test_last_day_still_counts() -> None:
    assert run("f(WASTE)  # greenlint: ignore[waste, until=2026-06-01]").findings == ()


def test_nothing_expires_without_a_day() -> None:
    assert run("f(WASTE)  # greenlint: ignore[waste, until=2000-01-01]", today=None).findings == ()


def test_reason_is_only_missed_when_wanted() -> None:
    text = "f(WASTE)  # greenlint: ignore[waste]"
    assert run(text).findings == ()
    assert only(run(text, require_reason=True)).rule == "suppression-without-reason"
    selected = NAMES | {"suppression-without-reason"}
    assert only(run(text, enabled=selected)).rule == "suppression-without-reason"
    assert run(f"{text} toy data", require_reason=True).findings == ()


def test_severities_can_be_overridden() -> None:
    document = document_of("x  # greenlint: ignore[waste]")
    result = suppress(
        document,
        [],
        enabled=NAMES | HYGIENE,
        known=NAMES,
        severities={"unused-suppression": Severity.ERROR},
    )
    assert only(result).severity is Severity.ERROR


def test_findings_are_in_source_order() -> None:
    text = "x  # greenlint: ignore[waste]\nf(WASTE)\ny  # greenlint: ignore[waste]\n"
    starts = [each.span.start for each in run(text).findings]
    assert starts == sorted(starts)
    assert len(starts) == 3


# -- adding comments --------------------------------------------------------------------------------------


ADDED = {
    "statement": ("f(WASTE)\nx\n", "f(WASTE)  # greenlint: ignore[waste]\nx\n"),
    "several lines": ("f(\n    WASTE,\n)\n", "f(\n    WASTE,\n)  # greenlint: ignore[waste]\n"),
    "header": ("for x in WASTE:\n    y\n", "for x in WASTE:  # greenlint: ignore[waste]\n    y\n"),
    "other comment": ("f(WASTE)  # why\n", "f(WASTE)  # why  # greenlint: ignore[waste]\n"),
    "present comment": (
        "f(WASTE)  # greenlint: ignore[third] why\n",
        "f(WASTE)  # greenlint: ignore[third, waste] why\n",
    ),
    "long line": (
        f"if x:\r\n    f(WASTE, {'1, ' * 40})\r\n",
        f"if x:\r\n    # greenlint: ignore[waste]\r\n    f(WASTE, {'1, ' * 40})\r\n",
    ),
}


@pytest.mark.parametrize(("text", "after"), ADDED.values(), ids=ADDED)
def test_added_comments_suppress(text: str, after: str) -> None:
    (edit,) = ignore_edits(document_of(text), findings_in(text))
    new = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert new == after
    assert kept(run(new, enabled=NAMES)) == []


def test_added_comment_names_all_rules_and_the_reason() -> None:
    text = "f(WASTE, WASTE)\n"
    (edit,) = ignore_edits(document_of(text), findings_in(text, ["waste", "third"]), "toy data")
    assert edit.text == "  # greenlint: ignore[waste, third] toy data"


@pytest.mark.parametrize(
    ("present", "reason", "after"),
    [
        ("", "toy data", "ignore[third, waste] toy data"),
        (" toy data", "toy data", "ignore[third, waste] toy data"),
        (" toy data", "see #12", "ignore[third, waste] toy data; see #12"),
        (" toy data", PLACEHOLDER, "ignore[third, waste] toy data"),
        ("", PLACEHOLDER, "ignore[third, waste] <reason>"),
        (" <reason>", PLACEHOLDER, "ignore[third, waste] <reason>"),
        (" <reason>", "toy data", "ignore[third, waste] toy data"),
    ],
)
def test_a_reason_joins_the_one_there_is(present: str, reason: str, after: str) -> None:
    text = f"f(WASTE)  # greenlint: ignore[third]{present}  # noqa\n"
    document = document_of(text)
    assert apply_edits(text, ignore_edits(document, findings_in(text), reason)) == (
        f"f(WASTE)  # greenlint: {after}  # noqa\n"
    )


def test_a_reason_that_is_still_to_be_written_is_none() -> None:
    text = "f(WASTE)  # greenlint: ignore[waste] <reason>\n"
    assert only(run(text, require_reason=True)).rule == "suppression-without-reason"
    assert [each.reason for each in run(text).suppressed] == [None]


FILE_COMMENTS = {
    "nothing else": ("f(WASTE)\r\n", "# greenlint: file-ignore[waste]\r\nf(WASTE)\r\n"),
    "head": ("#!python\n\n'Text.'\n", "#!python\n\n# greenlint: file-ignore[waste]\n'Text.'\n"),
    "present": ("x\n# greenlint: file-ignore[third] why\n", "x\n# greenlint: file-ignore[third, waste] why\n"),
}


@pytest.mark.parametrize(("text", "after"), FILE_COMMENTS.values(), ids=FILE_COMMENTS)
def test_comments_for_the_whole_file(text: str, after: str) -> None:
    assert apply_edits(text, file_ignore_edits(document_of(text), "waste")) == after


def test_comments_about_comments_are_not_added() -> None:
    text = "x  # greenlint: ignore[waste]\n"
    document = document_of(text)
    assert ignore_edits(document, run(text).findings) == ()
    assert file_ignore_edits(document, "unused-suppression") == ()


# -- through the engine -----------------------------------------------------------------------------------


class Waste(Rule):
    """Flags `WASTE`, and fails where there is a `CRASH`."""

    name = "waste"
    formerly = ("old-waste",)

    @on_node("Name")
    def check(self, node: cst.Name, facts: Facts) -> Findings:
        if node.value == "CRASH":
            raise RuntimeError("crash")
        if node.value == "WASTE":
            yield self.finding(node, "is wasted")


def analyzed(text: str, today: datetime.date | None = None) -> Analysis:
    rules = [Waste(), *(rule() for rule in SUPPRESSION_RULES if rule.default)]
    return analyze(document_of(text), rules, today=today)


def test_engine_suppresses_and_judges() -> None:
    result = analyzed("WASTE  # greenlint: ignore[old-waste] toy\nx  # greenlint: ignore[waste]\n")
    assert [each.reason for each in result.suppressed] == ["toy"]
    assert [each.rule for each in result.findings] == ["unknown-suppression", "unused-suppression"]


def test_engine_hands_on_the_day() -> None:
    text = "WASTE  # greenlint: ignore[waste, until=2026-05-31]\n"
    assert analyzed(text).findings == ()
    assert [each.rule for each in analyzed(text, TODAY).findings] == ["waste", "expired-suppression"]


def test_suppressions_of_a_rule_that_crashed_are_not_called_unused() -> None:
    result = analyzed("CRASH\nx  # greenlint: ignore[waste]\n")
    assert [each.rule for each in result.crashes] == ["waste"]
    assert result.findings == ()


def test_gates_of_suppression_rules_are_sound() -> None:
    for text in ("x  # greenlint: ignore[waste]", "x  # Greenlint: ignore[waste]", "x  # greenlint: ignore"):
        assert run(text).findings != ()
        assert Gate([rule() for rule in SUPPRESSION_RULES]).admits(text.encode())
    assert not Gate([rule() for rule in SUPPRESSION_RULES]).admits(b"x  # noqa: waste")
