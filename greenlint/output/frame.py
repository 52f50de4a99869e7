"""The source lines below a finding, with line numbers and an underline."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.terminal import ELLIPSIS, Style, cells, width
from greenlint.results import PlacedFinding

__all__ = ["frame"]


def frame(finding: PlacedFinding, gutter: int, style: Style) -> Iterator[str]:
    """The lines of the frame; line numbers are right-aligned in ``gutter`` cells."""
    bar = style.paint("|", "blue")
    yield f"{' ' * gutter} {bar}"
    room = max(20, style.width - gutter - 3)
    for offset, source in enumerate(finding.source):
        number = finding.line + offset
        start, end = _marked(finding, number, source)
        text, before, length = _clip(source, start, end, room)
        yield f"{style.paint(f'{number:>{gutter}}', 'blue')} {bar} {text}".rstrip()
        if length:
            yield f"{' ' * gutter} {bar} {' ' * before}{style.paint('^' * length, *_looks(finding))}"
    if finding.line + len(finding.source) <= finding.end_line and finding.end_column > 1:
        yield f"{style.paint(ELLIPSIS, 'blue')}"
    yield f"{' ' * gutter} {bar}"


def _looks(finding: PlacedFinding) -> tuple[str, str]:
    return {"error": "red", "warning": "yellow", "info": "cyan"}[finding.severity.value], "bold"


def _marked(finding: PlacedFinding, number: int, source: str) -> tuple[int, int]:
    """The range of ``source``, as indices, that line ``number`` of the finding underlines."""
    start = finding.column - 1 if number == finding.line else len(source) - len(source.lstrip())
    end = finding.end_column - 1 if number == finding.end_line else len(source.rstrip())
    start = min(max(start, 0), len(source))
    if number == finding.line:
        # A caret even where nothing is marked: an empty range, or the end of a line.
        end = max(end, start + 1)
    return start, max(start, min(end, len(source) + 1))


def _clip(source: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """The part of a line that fits into ``room`` cells and holds ``start``; the underline's place in it."""
    needed = source[: min(end, start + room // 2)]
    from_ = max(0, start - room // 3) if width("".join(cells(needed))) > room - len(ELLIPSIS) else 0
    lead = ELLIPSIS if from_ else ""
    shown, used, at = lead, len(lead), from_
    pieces = cells(source[from_ : from_ + room])
    before, marked = used, 0
    for piece in pieces:
        size = width(piece)
        if used + size > room - len(ELLIPSIS) and at + 1 < len(source):
            shown += ELLIPSIS
            break
        if at < start:
            before += size
        elif at < end:
            marked += size
        shown, used, at = shown + piece, used + size, at + 1
    if end > len(source) and not marked:
        marked = 1
    return shown, before, marked
