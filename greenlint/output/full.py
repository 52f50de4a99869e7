"""Each finding with its source, the remedy, the evidence and the places that explain it."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.finding import Applicability
from greenlint.output.formats import Report
from greenlint.output.frame import frame
from greenlint.output.lines import headline, location, problem_line, problems_of, summary
from greenlint.output.places import in_order
from greenlint.output.terminal import Style, visible
from greenlint.results import FileResult, PlacedFinding, PlacedFix, PlacedHunk, PlacedRelated

__all__ = ["finding_lines", "full"]


def full(report: Report) -> Iterator[str]:
    """The lines of the report."""
    for file in report.result.files:
        yield from _file(file, report.style, suppressed=report.suppressed)
    if not report.quiet:
        yield from summary(report.result, report.style)


def _file(file: FileResult, style: Style, *, suppressed: bool) -> Iterator[str]:
    for problem in problems_of(file):
        yield problem_line(file.path, problem, style)
        yield ""
    for finding in in_order(file, suppressed=suppressed):
        yield from finding_lines(file.path, finding, style)
        yield ""


def finding_lines(path: str, finding: PlacedFinding, style: Style) -> Iterator[str]:
    """The lines of one finding."""
    yield headline(path, finding, style)
    gutter = len(str(finding.line + max(0, len(finding.source) - 1)))
    if finding.source:
        yield from frame(finding, gutter, style)
    lead = f"{' ' * gutter} {style.paint('=', 'blue')}"
    for label, text in _explanations(path, finding):
        yield f"{lead} {style.paint(label, 'bold')} {text}"
    cell = finding.cell
    for hunk in finding.fix.hunks if finding.fix is not None else ():
        if hunk.cell != cell:
            cell = hunk.cell
            yield f"{' ' * gutter} {style.paint(f'cell {cell}:', 'blue')}"
        yield from _hunk(hunk, gutter, style)


def _explanations(path: str, finding: PlacedFinding) -> Iterator[tuple[str, str]]:
    if finding.help is not None:
        yield "help:", visible(finding.help)
    for note in finding.notes:
        yield "note:", visible(note)
    for related in finding.related:
        yield "related:", _related(path, related)
    if finding.fix is not None:
        yield "fix:", _fix(finding.fix)
    if finding.suppressed is not None:
        yield "suppressed:", visible(finding.suppressed)


def _hunk(hunk: PlacedHunk, gutter: int, style: Style) -> Iterator[str]:
    """The lines that a fix changes, as a diff."""
    for sign, color, lines in (("-", "red", hunk.removed), ("+", "green", hunk.added)):
        for number, line in enumerate(lines, start=hunk.line):
            changed = style.paint(f"{sign} {visible(line)}".rstrip(), color)
            yield f"{style.paint(f'{number:>{gutter}}', 'blue')} {changed}"


def _related(path: str, related: PlacedRelated) -> str:
    where = location(related.path or path, related.line, related.column, related.cell, Style())
    return f"{where} {visible(related.message)}"


def _fix(fix: PlacedFix) -> str:
    if fix.applicability is Applicability.SAFE:
        return visible(fix.title)
    if fix.applicability is Applicability.DISPLAY:
        return f"{visible(fix.title)} (by hand)"
    reason = f": {visible(fix.reason)}" if fix.reason else ""
    return f"{visible(fix.title)} (unsafe{reason})"
