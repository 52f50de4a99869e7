"""The Reviewdog Diagnostic Format: columns count UTF-8 bytes from 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.output.json_text import json_text
from greenlint.output.lines import problems_of
from greenlint.output.places import Reported, message_of, reported, severity_of, stored_line, unit_column
from greenlint.results import PlacedEdit, PlacedFinding, PlacedFix, PlacedRelated, Problem, StoredEdit

__all__ = ["rdjson_report"]

_LEVELS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "INFO"}


def rdjson_report(report: Report) -> Iterator[str]:
    """One ``DiagnosticResult``."""
    problems = [_problem(file.path, each) for file in report.result.files for each in problems_of(file)]
    diagnostics = [*problems, *map(_diagnostic, reported(report))]
    yield json_text({"source": {"name": "greenlint"}, "diagnostics": diagnostics}, indent=2)


def _diagnostic(each: Reported) -> dict[str, Any]:
    finding = each.finding
    data: dict[str, Any] = {
        "message": message_of(finding),
        "location": {"path": each.path, "range": _range(each)},
        "severity": _LEVELS[severity_of(finding)],
        "code": {"value": finding.rule},
    }
    if finding.related:
        data["related_locations"] = [_related(each.path, place) for place in finding.related]
    suggestions = [] if finding.fix is None else _suggestions(finding, finding.fix)
    if suggestions and all(suggestions):
        data["suggestions"] = suggestions
    return data


def _suggestions(finding: PlacedFinding, fix: PlacedFix) -> list[dict[str, Any] | None]:
    if finding.cell is not None:
        return [_in_notebook(edit) for edit in fix.stored]
    return [_suggestion(finding, edit) for edit in fix.edits]


def _in_notebook(edit: StoredEdit) -> dict[str, Any]:
    start = {"line": edit.line, "column": edit.byte_column}
    end = {"line": edit.end_line, "column": edit.end_byte_column}
    return {"range": {"start": start, "end": end}, "text": edit.text}


def _range(each: Reported) -> dict[str, Any]:
    finding = each.finding
    if each.in_notebook:
        return {"start": {"line": each.line}}
    return {
        "start": _position(finding, finding.line, finding.column),
        "end": _position(finding, finding.end_line, finding.end_column),
    }


def _related(path: str, place: PlacedRelated) -> dict[str, Any]:
    range_ = {"start": {"line": stored_line(place)}}
    return {"message": message_of(place), "location": {"path": place.path or path, "range": range_}}


def _suggestion(finding: PlacedFinding, edit: PlacedEdit) -> dict[str, Any] | None:
    """An edit; ``None`` when it lies outside the lines that the finding carries, so that its columns are not known."""
    start = _position(finding, edit.line, edit.column)
    end = _position(finding, edit.end_line, edit.end_column)
    if "column" not in start or "column" not in end:
        return None
    return {"range": {"start": start, "end": end}, "text": edit.text}


def _position(finding: PlacedFinding, line: int, column: int) -> dict[str, int]:
    at = unit_column(finding.source, line - finding.line, column, "utf-8", 1)
    return {"line": line} if at is None else {"line": line, "column": at + 1}


def _problem(path: str, problem: Problem) -> dict[str, Any]:
    return {
        "message": message_of(problem),
        "location": {"path": path, "range": {"start": {"line": stored_line(problem)}}},
        "severity": "ERROR",
        "code": {"value": problem.kind},
    }
