"""The Reviewdog Diagnostic Format: columns count UTF-8 bytes from 1, a byte-order mark among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.output.json_text import json_text
from greenlint.output.lines import problems_of
from greenlint.output.places import Reported, message_of, reported, severity_of, stored_line, unit_column
from greenlint.results import PlacedEdit, PlacedFix, PlacedRelated, Problem, StoredPlace

__all__ = ["rdjson_report"]

_BOM = 3
"""The bytes of a byte-order mark."""
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
    suggestions = [] if finding.fix is None else _suggestions(each, finding.fix)
    if suggestions and all(suggestions):
        data["suggestions"] = suggestions
    return data


def _suggestions(each: Reported, fix: PlacedFix) -> list[dict[str, Any] | None]:
    if each.in_notebook:
        return [{"range": _stored(each, edit.start, edit.end), "text": edit.text} for edit in fix.stored]
    return [_suggestion(each, edit) for edit in fix.edits]


def _stored(each: Reported, start: StoredPlace, end: StoredPlace) -> dict[str, Any]:
    """A range in the JSON of a notebook."""
    return {"start": _place(each, start.line, start.byte_column), "end": _place(each, end.line, end.byte_column)}


def _range(each: Reported) -> dict[str, Any]:
    finding = each.finding
    if finding.stored is not None:
        return _stored(each, *finding.stored)
    if each.in_notebook:
        return {"start": {"line": each.line}}
    return {
        "start": _position(each, finding.line, finding.column),
        "end": _position(each, finding.end_line, finding.end_column),
    }


def _related(path: str, place: PlacedRelated) -> dict[str, Any]:
    range_ = {"start": {"line": stored_line(place)}}
    return {"message": message_of(place), "location": {"path": place.path or path, "range": range_}}


def _suggestion(each: Reported, edit: PlacedEdit) -> dict[str, Any] | None:
    """An edit; ``None`` when it lies outside the lines that the finding carries, so that its columns are not known."""
    start = _position(each, edit.line, edit.column)
    end = _position(each, edit.end_line, edit.end_column)
    if "column" not in start or "column" not in end:
        return None
    return {"range": {"start": start, "end": end}, "text": edit.text}


def _position(each: Reported, line: int, column: int) -> dict[str, int]:
    """A place in a script, whose column counts code points."""
    at = unit_column(each.finding.source, line - each.finding.line, column, "utf-8", 1)
    return {"line": line} if at is None else _place(each, line, at + 1)


def _place(each: Reported, line: int, column: int) -> dict[str, int]:
    """A place in the file as it is on disk."""
    return {"line": line, "column": column + (_BOM if each.bom and line == 1 else 0)}


def _problem(path: str, problem: Problem) -> dict[str, Any]:
    return {
        "message": message_of(problem),
        "location": {"path": path, "range": {"start": {"line": stored_line(problem)}}},
        "severity": "ERROR",
        "code": {"value": problem.kind},
    }
