"""Places in the joined text of a notebook as such in its JSON, and edits: only strings that change, no other byte."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Sequence
from functools import cached_property

from greenlint.document import Document
from greenlint.finding import Edit, Span, apply_edits, conflict
from greenlint.line_ends import LINE_END, lines_of, lines_with_ends
from greenlint.notebook import CellMap, Skipped, read_notebook
from greenlint.notebook_json import StoredSource, StoredString, stored_sources
from greenlint.results import StoredEdit, StoredPlace

__all__ = ["NotebookEdits", "apply_to_notebook"]

_ENDS = ("\n", "\r")
_ONLY_AST = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)


def apply_to_notebook(raw: str, document: Document, edits: Sequence[Edit]) -> str | None:
    """The JSON text ``raw`` of a notebook with ``edits`` of ``document.text``, which do not overlap.

    ``None`` where one cannot be made: it reaches over two cells, or into a line that the joined text does not have
    as the cell does, such as a magic.
    """
    changes = NotebookEdits(raw, document).made_of(edits)
    return None if changes is None else apply_edits(raw, changes)


class NotebookEdits:
    """Places in the joined text ``document.text`` of a notebook, and edits of it, as such of its JSON text ``raw``."""

    def __init__(self, raw: str, document: Document) -> None:
        self._raw, self._document = raw, document

    @cached_property
    def _sources(self) -> dict[int, StoredSource]:
        return stored_sources(self._raw)

    def made_of(self, edits: Sequence[Edit]) -> list[Edit] | None:
        """The edits of the JSON; ``None`` where :func:`apply_to_notebook` makes none."""
        cells = self._document.cells
        if cells is None:
            return None
        by_cell: dict[int, list[Edit]] = {}
        for edit in edits:
            cell = _cell_of(self._document, cells, self._sources, edit.span)
            if cell is None:
                return None
            within = _in_cell(self._document, cells, self._sources[cell].text, edit)
            by_cell.setdefault(cell, []).append(within)
        if not all(_keeps_magics(apply_edits(self._sources[cell].text, made)) for cell, made in by_cell.items()):
            return None
        return [_in_json(self._raw, self._sources[cell], each) for cell, made in by_cell.items() for each in made]

    def stored(self, edits: Sequence[Edit]) -> tuple[StoredEdit, ...]:
        """Where and what the edits of the JSON are that change it; none where ``edits`` cannot all be made."""
        pairs = itertools.combinations(edits, 2)
        made = None if any(conflict(one.span, other.span) for one, other in pairs) else self.made_of(edits)
        return tuple(
            StoredEdit(each.text, self._place(each.span.start), self._place(each.span.end))
            for each in made or ()
            if each.text or each.span.start < each.span.end
        )

    def where(self, span: Span) -> tuple[StoredPlace, StoredPlace] | None:
        """Where in the JSON ``span`` begins and ends; ``None`` where that has not all of its lines as they are read."""
        cells = self._document.cells
        cell = _cell_of(self._document, cells, self._sources, span) if cells is not None else None
        if cells is None or cell is None:
            return None
        source = self._sources[cell]
        start, end = (_in_source(self._document, cells, source.text, each) for each in (span.start, span.end))
        return self._place(_offset(self._raw, source, start)), self._place(_offset(self._raw, source, end))

    def _place(self, offset: int) -> StoredPlace:
        before = self._raw[self._raw.rfind("\n", 0, offset) + 1 : offset]
        line, column = self._raw.count("\n", 0, offset) + 1, len(before) + 1
        if before.isascii():
            return StoredPlace(line, column, column, column)
        byte_column = len(before.encode("utf-8", "surrogatepass")) + 1
        return StoredPlace(line, column, byte_column, len(before.encode("utf-16-le", "surrogatepass")) // 2 + 1)


def _cell_of(document: Document, cells: CellMap, sources: dict[int, StoredSource], span: Span) -> int | None:
    """The cell in which ``span`` lies, when all its lines are there as the joined text has them."""
    first, last = document.line(span.start), document.line(span.end)
    cell, start = cells.locate(first)
    if not document.same_cell(span.start, span.end) or cell not in sources or not sources[cell].strings:
        return None
    written = lines_of(sources[cell].text)[start - 1 : start + last - first]
    return cell if document.text.split("\n")[first - 1 : last] == written else None


def _keeps_magics(source: str) -> bool:
    """Whether a cell parses with its magics, too, which are no part of the joined text."""
    found = read_notebook(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    if isinstance(found, Skipped) or found.broken:
        return False
    joined = found.text.split("\n")
    lines = [_as_statement(*each) for each in zip(lines_of(source), joined, strict=False)]
    try:
        compile("\n".join(lines) + "\n", "cell", "exec", _ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _as_statement(written: str, joined: str) -> str:
    is_magic = bool(written.strip()) and not joined.strip()
    return f"{written[: len(written) - len(written.lstrip())]}pass" if is_magic else joined


def _in_cell(document: Document, cells: CellMap, source: str, edit: Edit) -> Edit:
    """An edit of the joined text as one of the source of its cell."""
    start, end = (_in_source(document, cells, source, offset) for offset in (edit.span.start, edit.span.end))
    text = _with_newlines(edit.text, source)
    # What keeps its text keeps its bytes, too.
    while start < end and text[:1] == source[start]:
        start, text = start + 1, text[1:]
    while start < end and text[-1:] == source[end - 1]:
        end, text = end - 1, text[:-1]
    return Edit(Span(start, end), text)


def _in_json(raw: str, stored: StoredSource, edit: Edit) -> Edit:
    """An edit of the source of a cell as one of the JSON text."""
    source, start, end = stored.text, edit.span.start, edit.span.end
    spot = Span(_offset(raw, stored, start), _offset(raw, stored, end))
    return Edit(spot, _encoded(raw, stored, edit.text, after=source[:start], at_end=end == len(source)))


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
