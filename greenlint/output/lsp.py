"""``PublishDiagnosticsParams`` of the Language Server Protocol, one file a line, for editors without a client.

Lines count from 0, columns UTF-16 units from 0. In a notebook a diagnostic stands in the JSON; ``data`` has the cell
and the place in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.output.json_text import json_text
from greenlint.output.lines import problems_of
from greenlint.output.places import Place, Reported, is_dead, message_of, reported, stored_line, unit_column
from greenlint.results import FileResult, PlacedFinding, Problem

__all__ = ["lsp_report"]

_LEVELS = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFO: 3}
_HINT = 4
_DEAD = 1
_END = 2**31 - 1
"""The end of any line: clients cut a column that is too large."""


def lsp_report(report: Report) -> Iterator[str]:
    """One object for every file, also for those without findings, so that old diagnostics vanish."""
    for file in report.result.files:
        if file.skipped is not None:
            continue
        only = Report(report.result._replace(files=(file,)), suppressed=report.suppressed)
        diagnostics = [*map(_problem, problems_of(file)), *(_diagnostic(file, each) for each in reported(only))]
        yield json_text({"uri": _uri(file.path), "diagnostics": diagnostics})


def _uri(path: str) -> str:
    return Path(path).absolute().as_uri()


def _diagnostic(file: FileResult, each: Reported) -> dict[str, Any]:
    finding = each.finding
    data: dict[str, Any] = {
        "range": _range(each),
        "severity": _LEVELS[finding.severity] if finding.suppressed is None else _HINT,
        "code": finding.rule,
        "source": "greenlint",
        "message": message_of(finding, "\nhelp: "),
        "data": {"fingerprint": finding.fingerprint, "fix": _fix(finding), **_within(finding)},
    }
    if is_dead(finding):
        data["tags"] = [_DEAD]
    related = [
        {
            "location": {"uri": _uri(place.path or file.path), "range": _line(stored_line(place))},
            "message": message_of(place),
        }
        for place in finding.related
    ]
    return {**data, "relatedInformation": related} if related else data


def _fix(finding: PlacedFinding) -> dict[str, str] | None:
    fix = finding.fix
    return None if fix is None else {"title": fix.title, "applicability": fix.applicability.value}


def _range(each: Reported) -> dict[str, Any]:
    finding = each.finding
    if finding.stored is not None:
        start, end = ({"line": at.line - 1, "character": at.unit_column - 1} for at in finding.stored)
        return {"start": start, "end": end}
    if each.in_notebook:
        return _line(each.line)
    return {
        "start": _position(finding, finding.line, finding.column, 0),
        "end": _position(finding, finding.end_line, finding.end_column, _END),
    }


def _position(finding: PlacedFinding, line: int, column: int, otherwise: int) -> dict[str, int]:
    at = unit_column(finding.source, line - finding.line, column, "utf-16-le", 2)
    return {"line": line - 1, "character": otherwise if at is None else at}


def _line(line: int) -> dict[str, Any]:
    return {"start": {"line": line - 1, "character": 0}, "end": {"line": line - 1, "character": _END}}


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "range": _line(stored_line(problem)),
        "severity": 1,
        "code": problem.kind,
        "source": "greenlint",
        "message": message_of(problem),
        "data": _within(problem),
    }


def _within(place: Place) -> dict[str, Any]:
    """The place as people count it, which a line of a notebook's JSON does not show."""
    return {"cell": place.cell, "cellId": place.cell_id, "line": place.line}
