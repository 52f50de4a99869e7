"""The report for programs, described by ``findings.schema.json``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from greenlint.output.formats import Report
from greenlint.output.json_text import json_text
from greenlint.output.lines import problems_of
from greenlint.output.places import reported
from greenlint.results import FileResult, PlacedFinding, PlacedFix

__all__ = ["VERSION", "json_lines", "json_report"]

VERSION = 1
"""The version of the format; it grows when a field changes its meaning or goes."""


def json_report(report: Report) -> Iterator[str]:
    """The lines of the one object."""
    data = {"version": VERSION, "findings": list(_findings(report)), "errors": list(_all_errors(report))}
    if report.statistics:
        from greenlint.output.statistics import statistics_data

        data["statistics"] = statistics_data(report.result)
    yield json_text(data, indent=2)


def json_lines(report: Report) -> Iterator[str]:
    """One object a line: findings as in the report, then errors, which have a ``kind``."""
    yield from map(json_text, _findings(report))
    yield from map(json_text, _all_errors(report))


def _findings(report: Report) -> Iterator[dict[str, Any]]:
    return (_finding(each.path, each.finding) for each in reported(report))


def _all_errors(report: Report) -> Iterator[dict[str, Any]]:
    return (error for file in report.result.files for error in _errors(file))


def _finding(path: str, finding: PlacedFinding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "category": finding.category,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "path": path,
        "cell": finding.cell,
        "cell_id": finding.cell_id,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "fix": None if finding.fix is None else _fix(finding.fix),
        "related": [
            {
                "path": each.path or path,
                "cell": each.cell,
                "cell_id": each.cell_id,
                "line": each.line,
                "column": each.column,
                "message": each.message,
            }
            for each in finding.related
        ],
        "impact": None,
        "suppressed": finding.suppressed,
        "fingerprint": finding.fingerprint,
        "url": None,
    }


def _fix(fix: PlacedFix) -> dict[str, Any]:
    message = fix.title if fix.reason is None else f"{fix.title} ({fix.reason})"
    edits = [
        {
            "cell": each.cell,
            "line": each.line,
            "column": each.column,
            "end_line": each.end_line,
            "end_column": each.end_column,
            "text": each.text,
        }
        for each in fix.edits
    ]
    return {"applicability": fix.applicability.value, "message": message, "edits": edits}


def _errors(file: FileResult) -> list[dict[str, Any]]:
    return [
        {
            "path": file.path,
            "line": each.line,
            "column": each.column,
            "cell": each.cell,
            "cell_id": each.cell_id,
            "kind": each.kind,
            "message": each.message,
        }
        for each in problems_of(file)
    ]
