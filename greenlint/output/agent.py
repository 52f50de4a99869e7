"""One line for each finding, for coding agents: all they need to act, and nothing to look at."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.formats import Report
from greenlint.output.lines import inside, problems_of
from greenlint.output.places import Place, Reported, reported, stored_line
from greenlint.output.terminal import shown_path, visible

__all__ = ["agent_report"]


def agent_report(report: Report) -> Iterator[str]:
    """``path:line:column severity rule: message | help: ... | fix: ...``; nothing at all when nothing was found.

    In a notebook ``path:cell N:line:column``, and the id of the cell and the line in the file, which edits go by.
    """
    for file in report.result.files:
        for problem in problems_of(file):
            said = f"{_where(file.path, problem)} problem {problem.kind}: {visible(problem.message)}"
            yield " | ".join([said, *_in_file(problem)])
    for each in reported(report):
        finding = each.finding
        level = "suppressed" if finding.suppressed is not None else finding.severity.value
        said = f"{_where(each.path, finding)} {level} {finding.rule}: {visible(finding.message)}"
        yield " | ".join([said, *_in_file(finding), *_remedies(each)])


def _where(path: str, place: Place) -> str:
    return f"{shown_path(path)}:{inside(place.line, place.column, place.cell)}"


def _in_file(place: Place) -> Iterator[str]:
    if place.cell is not None:
        named = f"cell id {visible(place.cell_id)}, " if place.cell_id is not None else ""
        yield f"in the file: {named}line {stored_line(place)}"


def _remedies(each: Reported) -> Iterator[str]:
    finding = each.finding
    for related in finding.related:
        yield f"related: {_where(related.path or each.path, related)} {visible(related.message)}"
    if finding.help:
        yield f"help: {visible(finding.help)}"
    if finding.fix is not None:
        reason = f" ({visible(finding.fix.reason)})" if finding.fix.reason else ""
        yield f"fix: {finding.fix.applicability.value}{reason}: {visible(finding.fix.title)}"
