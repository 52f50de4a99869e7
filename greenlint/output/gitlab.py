"""A code quality report of GitLab, the CodeClimate format as far as GitLab reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.output.json_text import json_text
from greenlint.output.lines import problems_of
from greenlint.output.places import Place, Reported, message_of, reported, severity_of, stored_line
from greenlint.results import Problem

__all__ = ["gitlab_report"]

_LEVELS = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def gitlab_report(report: Report) -> Iterator[str]:
    """A list of issues."""
    problems = [_problem(file.path, each) for file in report.result.files for each in problems_of(file)]
    yield json_text([*problems, *map(_issue, reported(report))], indent=2)


def _issue(each: Reported) -> dict[str, Any]:
    finding = each.finding
    return {
        "description": message_of(finding),
        "check_name": finding.rule,
        # GitLab wants it unique in the report; ours is unique in its file.
        "fingerprint": _digest(each.path, finding.fingerprint),
        "severity": _LEVELS[severity_of(finding)],
        "location": {"path": each.path, "lines": {"begin": each.line, "end": each.region.end_line}},
        **_cell(finding),
    }


def _problem(path: str, problem: Problem) -> dict[str, Any]:
    line = stored_line(problem)
    return {
        "description": message_of(problem),
        "check_name": problem.kind,
        "fingerprint": _digest(path, problem.kind, problem.message, str(problem.cell), str(problem.line)),
        "severity": "major",
        "location": {"path": path, "lines": {"begin": line, "end": line}},
        **_cell(problem),
    }


def _cell(place: Place) -> dict[str, Any]:
    """Beyond what GitLab reads; it allows more."""
    return {} if place.cell is None else {"cell": place.cell, "cell_id": place.cell_id}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
