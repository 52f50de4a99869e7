"""Results as plain lists, which JSON can hold, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greenlint.finding import Applicability, Confidence, Crash, Severity
from greenlint.results import (
    FileResult,
    PlacedEdit,
    PlacedFinding,
    PlacedFix,
    PlacedHunk,
    PlacedRelated,
    Problem,
    StoredEdit,
    StoredPlace,
)

__all__ = ["packed", "unpacked"]


def packed(result: FileResult) -> Any:
    """``result`` as lists, texts and numbers; 0 when there is nothing to tell. Times are left out."""
    if not (result.findings or result.suppressed or result.problems or result.crashes or result.skipped):
        return 0
    return [
        [_packed_finding(each) for each in result.findings],
        [_packed_finding(each) for each in result.suppressed],
        result.problems,
        [[each.rule, each.error, each.traceback] for each in result.crashes],
        result.skipped,
        result.bom,
    ]


def unpacked(payload: Any, path: str) -> FileResult:
    """The result for the file shown as ``path``; raises ``ValueError`` or ``TypeError`` for what is none."""
    findings, suppressed, problems, crashes, skipped, bom = payload
    return FileResult(
        path,
        tuple(map(_unpacked_finding, findings)),
        tuple(map(_unpacked_finding, suppressed)),
        tuple(_unpacked_problem(*each) for each in problems),
        tuple(Crash(str(rule), str(error), str(traceback)) for rule, error, traceback in crashes),
        skipped=_text(skipped),
        bom=bool(bom),
        cached=True,
    )


def _unpacked_problem(
    kind: str, message: str, line: int, column: int, cell: int | None, cell_id: str | None, physical_line: int
) -> Problem:
    return Problem(str(kind), str(message), int(line), int(column), _number(cell), _text(cell_id), int(physical_line))


_TEXTS = ("rule", "category", "message", "scope", "fingerprint")
_NUMBERS = ("line", "column", "end_line", "end_column", "physical_line")


def _packed_finding(finding: PlacedFinding) -> list[Any]:
    return [
        [getattr(finding, name) for name in _TEXTS],
        [getattr(finding, name) for name in _NUMBERS],
        finding.severity.value,
        finding.confidence.value,
        finding.cell,
        finding.cell_id,
        finding.help,
        finding.suppressed,
        finding.stored,
        finding.source,
        finding.notes,
        finding.related,
        None if finding.fix is None else _packed_fix(finding.fix),
    ]


def _unpacked_finding(row: Sequence[Any]) -> PlacedFinding:
    texts, numbers, severity, confidence, cell, cell_id, help_, suppressed, stored, source, notes, related, fix = row
    rule, category, message, scope, fingerprint = map(str, texts)
    line, column, end_line, end_column, physical_line = map(int, numbers)
    return PlacedFinding(
        rule=rule,
        category=category,
        severity=Severity(severity),
        confidence=Confidence(confidence),
        message=message,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        cell=_number(cell),
        cell_id=_text(cell_id),
        physical_line=physical_line,
        stored=None if stored is None else (_unpacked_place(stored[0]), _unpacked_place(stored[1])),
        source=tuple(map(str, source)),
        help=_text(help_),
        notes=tuple(map(str, notes)),
        related=tuple(_unpacked_related(*each) for each in related),
        fix=None if fix is None else _unpacked_fix(*fix),
        scope=scope,
        fingerprint=fingerprint,
        suppressed=_text(suppressed),
    )


def _unpacked_related(
    message: str,
    line: int,
    column: int,
    cell: int | None,
    path: str | None,
    cell_id: str | None,
    physical_line: int,
) -> PlacedRelated:
    placed = int(line), int(column), _number(cell)
    return PlacedRelated(str(message), *placed, _text(path), _text(cell_id), int(physical_line))


def _packed_fix(fix: PlacedFix) -> list[Any]:
    edits = [[each.line, each.column, each.end_line, each.end_column, each.text, each.cell] for each in fix.edits]
    return [fix.title, fix.applicability.value, fix.reason, edits, fix.hunks, fix.stored]


def _unpacked_fix(
    title: str,
    applicability: str,
    reason: str | None,
    edits: Sequence[Sequence[Any]],
    hunks: Sequence[Sequence[Any]],
    stored: Sequence[Sequence[Any]],
) -> PlacedFix:
    placed = tuple(
        PlacedEdit(int(line), int(column), int(end_line), int(end_column), str(text), _number(cell))
        for line, column, end_line, end_column, text, cell in edits
    )
    shown = tuple(
        PlacedHunk(int(line), tuple(map(str, removed)), tuple(map(str, added)), _number(cell))
        for line, removed, added, cell in hunks
    )
    in_json = tuple(StoredEdit(str(text), _unpacked_place(start), _unpacked_place(end)) for text, start, end in stored)
    return PlacedFix(str(title), Applicability(applicability), _text(reason), placed, shown, in_json)


def _unpacked_place(numbers: Sequence[int]) -> StoredPlace:
    return StoredPlace(*map(int, numbers))


def _number(value: int | None) -> int | None:
    return None if value is None else int(value)


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)
