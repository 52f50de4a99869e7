"""Edits of the joined text of a notebook, made in its JSON: only the strings that change, and no other byte."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence

from greenlint.document import Document
from greenlint.finding import Edit, Span, apply_edits
from greenlint.line_ends import LINE_END, lines_of, lines_with_ends
from greenlint.notebook import CellMap, Skipped, read_notebook
from greenlint.notebook_json import StoredSource, StoredString, stored_sources

__all__ = ["apply_to_notebook"]

_ENDS = ("\n", "\r")
_ONLY_AST = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)


def apply_to_notebook(raw: str, document: Document, edits: Sequence[Edit]) -> str | None:
    """The JSON text ``raw`` of a notebook with ``edits`` of ``document.text``, which do not overlap.

    ``None`` where one cannot be made: it reaches over two cells, or into a line that the joined text does not have
    as the cell does, such as a magic.
    """
    cells, sources = document.cells, stored_sources(raw)
    if cells is None:
        return None
    changes: list[Edit] = []
    for edit in edits:
        stored = _source_of(document, cells, sources, edit.span)
        if stored is None:
            return None
        changes.append(_in_json(raw, document, cells, stored, edit))
    changed = apply_edits(raw, changes)
    touched = {cells.locate(document.line(edit.span.start))[0] for edit in edits}
    return changed if _keeps_magics(changed, touched) else None


def _source_of(document: Document, cells: CellMap, sources: dict[int, StoredSource], span: Span) -> StoredSource | None:
    """The cell in which ``span`` lies, when all its lines are there as the joined text has them."""
    first, last = document.line(span.start), document.line(span.end)
    cell, start = cells.locate(first)
    if not document.same_cell(span.start, span.end) or cell not in sources or not sources[cell].strings:
        return None
    written = lines_of(sources[cell].text)[start - 1 : start + last - first]
    return sources[cell] if document.text.split("\n")[first - 1 : last] == written else None


def _keeps_magics(raw: str, touched: set[int]) -> bool:
    """Whether these cells parse with their magics, too, which are no part of the joined text."""
    found = read_notebook(raw)
    if isinstance(found, Skipped) or any(each.cell in touched for each in found.broken):
        return False
    joined, sources = found.text.split("\n"), stored_sources(raw)
    for first, cell, count in found.cells.starts:
        if cell not in touched:
            continue
        written = lines_of(sources[cell].text)
        lines = [_as_statement(*each) for each in zip(written, joined[first - 1 : first - 1 + count], strict=True)]
        try:
            compile("\n".join(lines) + "\n", "cell", "exec", _ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


def _as_statement(written: str, joined: str) -> str:
    is_magic = bool(written.strip()) and not joined.strip()
    return f"{written[: len(written) - len(written.lstrip())]}pass" if is_magic else joined


def _in_json(raw: str, document: Document, cells: CellMap, stored: StoredSource, edit: Edit) -> Edit:
    """An edit of the joined text as one of the JSON text."""
    source = stored.text
    start, end = (_in_source(document, cells, source, offset) for offset in (edit.span.start, edit.span.end))
    text = _with_newlines(edit.text, source)
    # What keeps its text keeps its bytes, too.
    while start < end and text[:1] == source[start]:
        start, text = start + 1, text[1:]
    while start < end and text[-1:] == source[end - 1]:
        end, text = end - 1, text[:-1]
    spot = Span(_offset(raw, stored, start), _offset(raw, stored, end))
    return Edit(spot, _encoded(raw, stored, text, after=source[:start], at_end=end == len(source)))


def _in_source(document: Document, cells: CellMap, source: str, offset: int) -> int:
    """The offset in the source of its cell."""
    _, within = cells.locate(document.line(offset))
    starts = [0, *(match.end() for match in LINE_END.finditer(source))]
    return starts[within - 1] + offset - document.line_span(offset).start


def _with_newlines(text: str, source: str) -> str:
    """``text`` with the line ends of its cell."""
    match = LINE_END.search(source)
    return text if match is None or match.group() == "\n" else LINE_END.sub(lambda _: match.group(), text)


def _offset(raw: str, stored: StoredSource, offset: int) -> int:
    """Where in the JSON text an offset in the source stands: between two strings, at the start of the second."""
    for string in stored.strings:
        if offset < len(string.text):
            return _offset_in(raw, string, offset)
        offset -= len(string.text)
    return stored.strings[-1].end


def _offset_in(raw: str, string: StoredString, offset: int) -> int:
    at = string.start
    for _ in range(offset):
        match = _ESCAPE.match(raw, at) if raw[at] == "\\" else None
        at = at + 1 if match is None else match.end()
    return at


def _encoded(raw: str, stored: StoredSource, text: str, *, after: str, at_end: bool) -> str:
    """``text`` as a part of a string of the source; where that is a list of lines, each line has its own string."""
    encoded = [json.dumps(line, ensure_ascii=raw.isascii())[1:-1] for line in lines_with_ends(text)]
    if not stored.is_list or not encoded:
        return "".join(encoded)
    between = f'",{_gap(raw, stored)}"'
    if text.endswith(_ENDS) and not at_end:
        encoded.append("")
    if at_end and len(after) == len(stored.text) and after.endswith(_ENDS):
        encoded.insert(0, "")
    return between.join(encoded)


def _gap(raw: str, stored: StoredSource) -> str:
    """The white space between two strings of a list."""
    if len(stored.strings) > 1:
        return raw[stored.strings[0].end + 1 : stored.strings[1].start - 1].lstrip().removeprefix(",")
    before = raw[: stored.strings[0].start - 1]
    return before[len(before.rstrip()) :]
