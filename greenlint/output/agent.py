"""One line for each finding, for coding agents: all they need to act, and nothing to look at."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.formats import Report
from greenlint.output.lines import problems_of
from greenlint.output.places import reported
from greenlint.output.terminal import shown_path, visible
from greenlint.results import PlacedFinding

__all__ = ["agent_report"]


def agent_report(report: Report) -> Iterator[str]:
    """``path:line:column severity rule: message | help: ... | fix: ...``; nothing at all when nothing was found."""
    for file in report.result.files:
        for problem in problems_of(file):
            inside = "" if problem.cell is None else f"cell {problem.cell}:"
            where = f"{shown_path(file.path)}:{inside}{problem.line}:{problem.column}"
            yield f"{where} problem {problem.kind}: {visible(problem.message)}"
    for each in reported(report):
        finding = each.finding
        inside = "" if finding.cell is None else f"cell {finding.cell}:"
        where = f"{shown_path(each.path)}:{inside}{finding.line}:{finding.column}"
        level = "suppressed" if finding.suppressed is not None else finding.severity.value
        yield " | ".join([f"{where} {level} {finding.rule}: {visible(finding.message)}", *_remedies(finding)])


def _remedies(finding: PlacedFinding) -> Iterator[str]:
    if finding.help:
        yield f"help: {visible(finding.help)}"
    if finding.fix is not None:
        yield f"fix: {finding.fix.applicability.value}: {visible(finding.fix.title)}"
