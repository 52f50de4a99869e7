"""The report for programs, described by ``findings.schema.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from greenlint.output.lines import problems_of
from greenlint.results import FileResult, PlacedFinding, PlacedFix, RunResult

__all__ = ["VERSION", "json_report", "report"]

VERSION = 1
"""The version of the format; it grows when a field changes its meaning or goes."""


def json_report(
    result: RunResult, *, suppressed: bool = False, extra: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """The lines of the report. ``suppressed`` adds the suppressed findings."""
    import json

    # ASCII survives every stream encoding, and a lone surrogate of a broken file is spelled out.
    yield json.dumps(report(result, suppressed=suppressed) | dict(extra or {}), indent=2)


def report(result: RunResult, *, suppressed: bool = False) -> dict[str, Any]:
    """The report as plain data."""
    findings = [
        _finding(file.path, finding)
        for file in result.files
        for finding in (*file.findings, *(file.suppressed if suppressed else ()))
    ]
    errors = [error for file in result.files for error in _errors(file)]
    return {"version": VERSION, "findings": findings, "errors": errors}


def _finding(path: str, finding: PlacedFinding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "category": finding.category,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "path": path,
        "cell": finding.cell,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "fix": None if finding.fix is None else _fix(finding.fix),
        "related": [
            {
                "path": each.path or path,
                "cell": each.cell,
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
            "kind": each.kind,
            "message": each.message,
        }
        for each in problems_of(file)
    ]
