"""Where a finding stands in the file as stored: what formats for CI systems and other tools point at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.results import FileResult, PlacedFinding, PlacedRelated, Problem

__all__ = [
    "Place",
    "Region",
    "Reported",
    "in_order",
    "is_dead",
    "message_of",
    "reported",
    "severity_of",
    "stored_line",
    "unit_column",
]

Place = PlacedFinding | PlacedRelated | Problem
"""What has a line, and in a notebook a cell."""


_UNNECESSARY = frozenset({"unused-suppression", "expired-suppression"})
"""Rules whose findings are comments that may go."""


class Region(NamedTuple):
    """From where to where something is in a file on disk, end exclusive; columns may be unknown."""

    line: int
    column: int | None
    end_line: int
    end_column: int | None


class Reported(NamedTuple):
    """A finding with the path of its file."""

    path: str
    finding: PlacedFinding
    bom: bool = False
    """Whether the file begins with a byte-order mark."""

    @property
    def line(self) -> int:
        """The line in the file on disk; of a notebook, in its JSON."""
        return stored_line(self.finding)

    @property
    def in_notebook(self) -> bool:
        """Whether columns and line ends count within a cell, and mean nothing in the file on disk."""
        return self.finding.cell is not None

    @property
    def region(self) -> Region:
        """Where it is in the file on disk, of a notebook in its JSON; columns count code points."""
        finding = self.finding
        if not self.in_notebook:
            return Region(finding.line, finding.column, finding.end_line, finding.end_column)
        if finding.stored is None:
            return Region(self.line, None, self.line, None)
        start, end = finding.stored
        return Region(start.line, start.column, end.line, end.column)


def reported(report: Report) -> Iterator[Reported]:
    """The findings to tell, in the order of the files and of the source."""
    for file in report.result.files:
        yield from (Reported(file.path, each, file.bom) for each in in_order(file, suppressed=report.suppressed))


def in_order(file: FileResult, *, suppressed: bool) -> list[PlacedFinding]:
    """The findings of a file in source order; with ``suppressed``, the suppressed ones among them."""
    findings = (*file.findings, *(file.suppressed if suppressed else ()))
    return sorted(findings, key=lambda each: (each.cell or 0, each.line, each.column))


def stored_line(place: Place) -> int:
    """The line in the file on disk; of a notebook, in its JSON."""
    return place.line if place.cell is None else place.physical_line


def message_of(place: Place, remedy: str = "; ") -> str:
    """The message, with the cell that a line of JSON does not show, why nobody need heed it, and the remedy.

    ``remedy`` is what stands before the last.
    """
    inside = ""
    if place.cell is not None:
        named = f" (id {place.cell_id})" if place.cell_id is not None else ""
        inside = f"cell {place.cell}{named}, line {place.line}: "
    if not isinstance(place, PlacedFinding):
        return f"{inside}{place.message}"
    why = f"suppressed ({place.suppressed}): " if place.suppressed is not None else ""
    return f"{inside}{why}{place.message}" + (f"{remedy}{place.help}" if place.help else "")


def is_dead(finding: PlacedFinding) -> bool:
    """Whether it is code that may go: a comment of no use, or work that its fix does nothing but delete."""
    fix = finding.fix
    if finding.rule in _UNNECESSARY:
        return True
    if fix is None or not fix.can_be_made or any(each.text for each in fix.edits):
        return False
    start, end = (finding.line, finding.column), (finding.end_line, finding.end_column)
    return any(
        each.cell == finding.cell and (each.line, each.column) <= start and end <= (each.end_line, each.end_column)
        for each in fix.edits
    )


def severity_of(finding: PlacedFinding) -> Severity:
    """What a finding is shown as where nothing says that it is suppressed: such a one fails nothing."""
    return finding.severity if finding.suppressed is None else Severity.INFO


def unit_column(source: tuple[str, ...], row: int, column: int, encoding: str, size: int) -> int | None:
    """A column in other units than code points, from 0; ``None`` for a line that the finding does not carry.

    ``row`` counts from 0 over ``source``; ``size`` is the number of bytes of a unit of ``encoding``.
    """
    if not 0 <= row < len(source):
        return None
    return len(source[row][: column - 1].encode(encoding, "surrogatepass")) // size
