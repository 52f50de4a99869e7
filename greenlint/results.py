"""What a run knows about each file when all analysis is done: plain data that pickles and caches.

Importable without libcst. Named tuples rather than data classes: to define one takes a tenth of the time, and every
run imports them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from greenlint.finding import Applicability, Confidence, Crash, Edit, Finding, Fix, Related, Severity, Span, apply_edits
from greenlint.line_ends import lines_with_ends

if TYPE_CHECKING:
    from greenlint.document import Document, Position
    from greenlint.engine import Analysis

__all__ = [
    "BaselineUse",
    "FileResult",
    "Identity",
    "InNotebook",
    "PlacedEdit",
    "PlacedFinding",
    "PlacedFix",
    "PlacedHunk",
    "PlacedRelated",
    "Problem",
    "RunResult",
    "StoredEdit",
    "StoredPlace",
    "place",
]

FRAME_LINES = 4
"""How many source lines a finding carries for the frame."""


class Problem(NamedTuple):
    """Something that kept a file, or a cell of it, from being analysed."""

    kind: str
    """``syntax``, ``encoding``, ``null-bytes``, ``depth``, ``too-large``, ``notebook``, ``unreadable`` ..."""
    message: str
    line: int = 1
    column: int = 1
    cell: int | None = None
    cell_id: str | None = None
    physical_line: int = 1
    """Line in the JSON of the notebook, where there is a cell."""


class PlacedRelated(NamedTuple):
    """A related place in final coordinates; ``path`` is ``None`` for the finding's own file."""

    message: str
    line: int
    column: int = 1
    cell: int | None = None
    path: str | None = None
    cell_id: str | None = None
    physical_line: int = 1
    """Line in the JSON of the notebook, where there is a cell."""


class PlacedEdit(NamedTuple):
    """Replace the text from (line, column) to (end_line, end_column), end exclusive, by ``text``."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    cell: int | None = None


class StoredPlace(NamedTuple):
    """A place in the JSON of a notebook, all from 1; a byte-order mark is not counted."""

    line: int
    column: int
    """In code points."""
    byte_column: int
    """In bytes of UTF-8."""
    unit_column: int
    """In units of UTF-16."""


class StoredEdit(NamedTuple):
    """Replace what stands from ``start`` to ``end``, end exclusive, in the JSON of a notebook by ``text``."""

    text: str
    start: StoredPlace
    end: StoredPlace


class PlacedHunk(NamedTuple):
    """Lines that a fix puts in the place of others, from ``line`` on (of its cell in a notebook)."""

    line: int
    removed: tuple[str, ...]
    added: tuple[str, ...]
    cell: int | None = None


class PlacedFix(NamedTuple):
    """A fix in final coordinates."""

    title: str
    applicability: Applicability
    reason: str | None
    edits: tuple[PlacedEdit, ...]
    hunks: tuple[PlacedHunk, ...] = ()
    stored: tuple[StoredEdit, ...] = ()
    """In a notebook, the edits of its JSON; none where they cannot be made there."""

    @property
    def can_be_made(self) -> bool:
        """Whether there are edits, and nobody says that only a person may make them."""
        return bool(self.edits) and self.applicability is not Applicability.DISPLAY


class Identity(NamedTuple):
    """What a finding is known by where lines move. Findings that share it are told apart by their order only."""

    path: str
    rule: str
    scope: str
    """The functions and classes around it, joined by dots."""
    cell: str
    """The id of its cell, where the notebook has ids."""
    code: str
    """Its source lines, whatever their indentation and spacing."""


class PlacedFinding(NamedTuple):
    """A finding in the coordinates users read: lines and columns (code points) from 1, end exclusive."""

    rule: str
    category: str
    severity: Severity
    confidence: Confidence
    message: str
    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None = None
    """Cell of a notebook, counted from 1 over all cells; lines are then relative to the cell."""
    cell_id: str | None = None
    """What the notebook itself calls the cell, from nbformat 4.5 on."""
    physical_line: int = 1
    """Line in the file as stored on disk (the JSON of a notebook)."""
    stored: tuple[StoredPlace, StoredPlace] | None = None
    """From where to where in the JSON of the notebook; ``None`` where that does not have the lines as they are read."""
    source: tuple[str, ...] = ()
    """The source lines from ``line`` to ``end_line``, at most four, for the frame."""
    help: str | None = None
    notes: tuple[str, ...] = ()
    related: tuple[PlacedRelated, ...] = ()
    fix: PlacedFix | None = None
    scope: str = ""
    """The functions and classes around it, joined by dots."""
    fingerprint: str = ""
    suppressed: str | None = None
    """Why it was suppressed, when it was."""
    parked: bool = False
    """Whether it is suppressed because the baseline has it."""

    def identity(self, path: str = "") -> Identity:
        """What stays the same about it, in the file at ``path``, when lines move."""
        code = "\n".join(" ".join(line.split()) for line in self.source)
        return Identity(path, self.rule, self.scope, self.cell_id or "", code)


@dataclass(frozen=True, slots=True)
class FileResult:
    """Everything known about one file after a run."""

    path: str
    findings: tuple[PlacedFinding, ...] = ()
    suppressed: tuple[PlacedFinding, ...] = ()
    problems: tuple[Problem, ...] = ()
    crashes: tuple[Crash, ...] = ()
    skipped: str | None = None
    """Why the file was not looked at, when it was not."""
    bom: bool = False
    """Whether the file begins with a byte-order mark, of which nothing else here knows."""
    cached: bool = field(default=False, compare=False)
    seconds: float = field(default=0.0, compare=False)
    phases: tuple[tuple[str, float], ...] = field(default=(), compare=False)
    """Seconds by phase (``parse``, ``facts``, rule names ...), only with timings on."""


class BaselineUse(NamedTuple):
    """What came of a baseline in a run."""

    file: str
    """As shown to the user."""
    parked: int
    """How many findings of the run it has."""
    stale: Mapping[Identity, int]
    """The entries whose finding is gone, and how often."""
    unseen: Mapping[Identity, int]
    """The entries whose finding was not looked for, and how often."""


class RunResult(NamedTuple):
    """All files of a run, in a fixed order."""

    files: tuple[FileResult, ...] = ()
    warnings: tuple[str, ...] = ()
    """What went wrong outside any file: plug-ins that did not load, paths that were excluded."""
    phases: tuple[tuple[str, float], ...] = ()
    """Seconds by phase of the run."""
    failed: bool = False
    """Whether a finding is at or above the fail level of its file."""
    baseline: BaselineUse | None = None

    @property
    def findings(self) -> tuple[PlacedFinding, ...]:
        """All findings of the run."""
        return tuple(finding for file in self.files for finding in file.findings)

    @property
    def troubled(self) -> bool:
        """Whether a file, or a part of it, could not be analysed, or a rule crashed."""
        return any(file.problems or file.crashes for file in self.files)


class InNotebook(Protocol):
    """What leads from the joined text of a notebook to its JSON."""

    def stored(self, edits: Sequence[Edit]) -> tuple[StoredEdit, ...]:
        """The edits of the JSON that ``edits`` are; none where they cannot be made."""

    def where(self, span: Span) -> tuple[StoredPlace, StoredPlace] | None:
        """Where in the JSON ``span`` begins and ends, if its lines are there as they are read."""


def place(
    document: Document,
    analysis: Analysis,
    categories: Mapping[str, str],
    in_notebook: InNotebook | None = None,
) -> tuple[tuple[PlacedFinding, ...], tuple[PlacedFinding, ...]]:
    """The findings and the suppressed findings of ``analysis`` in final coordinates, in source order."""
    reasons: dict[int, str] = {}
    findings: list[Finding] = list(analysis.findings)
    for each in analysis.suppressed:
        reasons[id(each.finding)] = each.reason or "suppressed"
        findings.append(each.finding)
    findings.sort(key=lambda each: (each.span, each.rule, each.message))
    placed = _numbered([_placed(document, each, categories, in_notebook, reasons.get(id(each))) for each in findings])
    kept = tuple(each for each in placed if each.suppressed is None)
    return kept, tuple(each for each in placed if each.suppressed is not None)


def _placed(
    document: Document,
    finding: Finding,
    categories: Mapping[str, str],
    in_notebook: InNotebook | None,
    suppressed: str | None,
) -> PlacedFinding:
    start, end = document.position(finding.span.start), document.position(finding.span.end)
    return PlacedFinding(
        rule=finding.rule,
        category=categories.get(finding.rule, "custom"),
        severity=finding.severity,
        confidence=finding.confidence,
        message=finding.message,
        line=start.line,
        column=start.column,
        end_line=end.line,
        end_column=end.column,
        cell=start.cell,
        cell_id=_cell_id(document, start.cell),
        physical_line=_physical_line(document, start),
        stored=in_notebook.where(finding.span) if in_notebook is not None else None,
        source=_source_lines(document, finding.span),
        help=finding.help,
        notes=finding.notes,
        related=tuple(_placed_related(document, each) for each in finding.related),
        fix=None if finding.fix is None else _placed_fix(document, finding.fix, in_notebook),
        scope=document.scope(finding.span.start),
        suppressed=suppressed,
    )


def _source_lines(document: Document, span: Span) -> tuple[str, ...]:
    """The lines ``span`` touches, at most ``FRAME_LINES``, without their ends."""
    lines: list[str] = []
    at = span.start
    while len(lines) < FRAME_LINES:
        line = document.line_span(at)
        lines.append(document.line_as_written(at))
        at = line.end + len(document.newline_at(line.end))
        if at >= span.end or at == line.end:
            break
    return tuple(lines)


def _placed_related(document: Document, related: Related) -> PlacedRelated:
    if related.path is not None:
        return PlacedRelated(related.message, related.line or 1, path=related.path)
    at = document.position(related.span.start)
    return PlacedRelated(
        related.message,
        at.line,
        at.column,
        at.cell,
        cell_id=_cell_id(document, at.cell),
        physical_line=_physical_line(document, at),
    )


def _cell_id(document: Document, cell: int | None) -> str | None:
    return document.cells.ids.get(cell) if document.cells is not None and cell is not None else None


def _physical_line(document: Document, at: Position) -> int:
    cells = document.cells
    return at.line if cells is None or at.cell is None else cells.physical_in(at.cell, at.line)


def _placed_fix(document: Document, fix: Fix, in_notebook: InNotebook | None) -> PlacedFix:
    edits = tuple(_placed_edit(document, edit.span, edit.text) for edit in fix.edits)
    stored = in_notebook.stored(fix.edits) if in_notebook is not None and fix.edits else ()
    return PlacedFix(fix.title, fix.applicability, fix.reason, edits, tuple(_hunks(document, fix.edits)), stored)


def _hunks(document: Document, edits: Sequence[Edit]) -> Iterator[PlacedHunk]:
    """The lines that ``edits`` change, those of edits on the same lines together."""
    groups: list[tuple[Span, list[Edit]]] = []
    for edit in sorted(edits, key=lambda each: each.span):
        start, end = document.line_span(edit.span.start).start, document.line_span(edit.span.end).end
        if groups and start <= groups[-1][0].end:
            before, together = groups[-1]
            groups[-1] = (Span(before.start, max(before.end, end)), [*together, edit])
        else:
            groups.append((Span(start, end), [edit]))
    for span, together in groups:
        text = document.text[span.start : span.end]
        moved = [Edit(Span(each.span.start - span.start, each.span.end - span.start), each.text) for each in together]
        yield _hunk(document, span.start, _lines(text), _lines(apply_edits(text, moved)))


def _lines(text: str) -> list[str]:
    return [each.rstrip("\r\n") for each in lines_with_ends(text)]


def _hunk(document: Document, start: int, old: list[str], new: list[str]) -> PlacedHunk:
    """Without the lines at both ends that stay as they are."""
    same = next(
        (i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new))
    )
    behind = 0
    while behind < min(len(old), len(new)) - same and old[-1 - behind] == new[-1 - behind]:
        behind += 1
    at = document.position(start)
    removed, added = old[same : len(old) - behind], new[same : len(new) - behind]
    return PlacedHunk(at.line + same, tuple(removed), tuple(added), at.cell)


def _placed_edit(document: Document, span: Span, text: str) -> PlacedEdit:
    start, end = document.position(span.start), document.position(span.end)
    return PlacedEdit(start.line, start.column, end.line, end.column, text, start.cell)


def _numbered(findings: Sequence[PlacedFinding]) -> tuple[PlacedFinding, ...]:
    """Fingerprints that survive moved lines: what a finding is known by, and the ordinal among equals."""
    import hashlib

    counts: dict[Identity, int] = {}
    out = []
    for each in findings:
        identity = each.identity()
        ordinal = counts[identity] = counts.get(identity, 0) + 1
        text = "\0".join((*identity, str(ordinal)))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        out.append(each._replace(fingerprint=digest[:16]))
    return tuple(out)
