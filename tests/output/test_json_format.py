from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from greenlint.finding import Applicability, Confidence, Crash, Severity
from greenlint.output.formats import Report
from greenlint.output.json_format import json_report
from greenlint.results import (
    FileResult,
    PlacedEdit,
    PlacedFinding,
    PlacedFix,
    PlacedRelated,
    Problem,
    RunResult,
)

FINDING = PlacedFinding(
    rule="a-rule",
    category="loading",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    message="message",
    line=2,
    column=3,
    end_line=4,
    end_column=5,
    fingerprint="0123456789abcdef",
)
FIX = PlacedFix("do it", Applicability.UNSAFE, "changes rounding", (PlacedEdit(1, 2, 3, 4, "text", 6),))
RICH = FINDING._replace(
    cell=6,
    cell_id="c6",
    fix=FIX,
    related=(PlacedRelated("here", 1, 2, 6, None, "c6", 30), PlacedRelated("there", 7, 1, path="other.py")),
)
RESULT = RunResult(
    (
        FileResult("a.py", (FINDING,), suppressed=(FINDING._replace(suppressed="reason"),)),
        FileResult("b.ipynb", (RICH,), problems=(Problem("syntax", "bad", 1, 2, 3, "c3", 20),)),
        FileResult("c.py", crashes=(Crash("a-rule", "ValueError: x"),)),
    )
)
SCHEMA = json.loads(resources.files("greenlint").joinpath("findings.schema.json").read_text("utf-8"))


def parsed(result: RunResult, *, suppressed: bool = False, statistics: bool = False) -> Any:
    return json.loads("\n".join(json_report(Report(result, suppressed=suppressed, statistics=statistics))))


def test_a_finding_has_exactly_the_documented_fields() -> None:
    assert parsed(RESULT)["findings"][0] == {
        "rule": "a-rule",
        "category": "loading",
        "severity": "warning",
        "confidence": "medium",
        "message": "message",
        "path": "a.py",
        "cell": None,
        "cell_id": None,
        "line": 2,
        "column": 3,
        "end_line": 4,
        "end_column": 5,
        "fix": None,
        "related": [],
        "impact": None,
        "suppressed": None,
        "fingerprint": "0123456789abcdef",
        "url": None,
    }


def test_fixes_and_related_places() -> None:
    finding = parsed(RESULT)["findings"][1]

    assert finding["fix"] == {
        "applicability": "unsafe",
        "message": "do it (changes rounding)",
        "edits": [{"cell": 6, "line": 1, "column": 2, "end_line": 3, "end_column": 4, "text": "text"}],
    }
    assert [(each["path"], each["cell"], each["cell_id"], each["line"]) for each in finding["related"]] == [
        ("b.ipynb", 6, "c6", 1),
        ("other.py", None, None, 7),
    ]


def test_errors_hold_problems_and_crashes() -> None:
    assert parsed(RESULT)["errors"] == [
        {"path": "b.ipynb", "line": 1, "column": 2, "cell": 3, "cell_id": "c3", "kind": "syntax", "message": "bad"},
        {
            "path": "c.py",
            "line": 1,
            "column": 1,
            "cell": None,
            "cell_id": None,
            "kind": "rule-crash",
            "message": "rule `a-rule` crashed: ValueError: x",
        },
    ]


def test_suppressed_findings_are_listed_on_demand() -> None:
    assert [each["suppressed"] for each in parsed(RESULT, suppressed=True)["findings"]] == [
        None,
        "reason",
        None,
    ]


def test_lone_surrogates_and_other_scripts_are_plain_ascii() -> None:
    [text] = json_report(Report(RunResult((FileResult("a.py", (FINDING._replace(message="漢\ud800"),)),))))

    assert text.isascii()
    assert json.loads(text)["findings"][0]["message"] == "漢\\ud800"


@pytest.mark.parametrize("suppressed", [False, True])
def test_the_report_keeps_to_the_shipped_schema(suppressed: bool) -> None:
    report = parsed(RESULT, suppressed=suppressed, statistics=True)

    assert list(Draft202012Validator(SCHEMA).iter_errors(report)) == []


def test_the_check_against_the_schema_can_fail() -> None:
    report = parsed(RESULT)
    report["findings"][0]["line"] = 0
    del report["errors"][0]["kind"]
    report["more"] = 1

    assert len(list(Draft202012Validator(SCHEMA).iter_errors(report))) == 3
