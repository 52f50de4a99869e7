"""From bytes to a document: decoding, notebooks, syntax errors, and guards against what would crash the parser."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import notebook
from greenlint.outline import Outline
from greenlint.passage import Passage
from greenlint.results import Problem

if TYPE_CHECKING:
    from greenlint.document import Document, Piece

__all__ = ["ParsedFile", "Source", "UnreadableError", "decode", "parse"]

_LARGEST = 10_000_000
_DEEPEST = 150
"""Nested expressions beyond this risk the C stack of the parser or the recursion limit of the renderer."""

_DEEPEST_PATTERN = 15
"""Each further level of a ``case`` pattern doubles the time that libcst takes."""
_LARGEST_CODE = 2_000_000
"""Characters; longer code is data."""


class UnreadableError(Exception):
    """A file of which nothing can be analysed; ``kind`` is a :class:`~greenlint.results.Problem` kind."""

    def __init__(self, kind: str, message: str, line: int | None = None, column: int = 1) -> None:
        super().__init__(message)
        self.kind, self.message, self.line, self.column = kind, message, line, column


@dataclass(frozen=True, slots=True)
class Source:
    """Decoded text without its byte-order mark; newlines are as written."""

    text: str
    encoding: str
    bom: bool
    newline: str


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A document and what is wrong with parts of it, or the reason why the file is not looked at."""

    document: Document | None
    skipped: str | None = None
    problems: tuple[Problem, ...] = ()


def decode(data: bytes) -> Source:
    """Text by its byte-order mark, encoding cookie (PEP 263) or as UTF-8."""
    if len(data) > _LARGEST:
        raise UnreadableError("too-large", f"the file is larger than {_LARGEST // 1_000_000} MB")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("encoding", "the file is UTF-16; Python source must be UTF-8 or declare its encoding", 1)
    if b"\0" in data:
        raise UnreadableError("null-bytes", "the file contains null bytes", data.count(b"\n", 0, data.index(b"\0")) + 1)
    bom = data.startswith(b"\xef\xbb\xbf")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise UnreadableError("encoding", str(error.msg or error), 1) from None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError("encoding", f"byte {error.object[error.start]:#04x} is not {encoding}", line) from None
    except (LookupError, UnicodeError):
        # Codecs such as `rot13` and `undefined` have a name, but no text to give.
        raise UnreadableError("encoding", f"{encoding} is no encoding of source code", 1) from None
    text = text.removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r" if "\r" in text else "\n"
    return Source(text, encoding, bom, newline)


Wanted = Callable[[str, Outline, Sequence[Passage]], bool]
"""Whether a text with this outline is worth a full tree; of what was edited, with the passages that it consists of."""


def parse(path: str, data: bytes, wanted: Wanted | None = None, before: Document | None = None) -> ParsedFile:
    """The document at ``path``; raises :class:`UnreadableError` when nothing of it can be analysed.

    Where ``wanted`` says no there is no document, and no reason why it is skipped: nothing can be found in it.
    ``before`` is the document of an earlier text, of which the untouched parts are used.
    """
    source = decode(data)
    if path.endswith(".ipynb"):
        return _parse_notebook(path, source, wanted, before)
    return ParsedFile(_document(path, source.text, source.encoding, wanted, before))


def _parse_notebook(path: str, source: Source, wanted: Wanted | None, before: Document | None) -> ParsedFile:
    if not source.text.strip():
        return ParsedFile(None, "the file is empty")
    try:
        found = notebook.read_notebook(source.text)
    except notebook.NotebookError as error:
        raise UnreadableError("notebook", str(error), error.line) from None
    if isinstance(found, notebook.Skipped):
        return ParsedFile(None, found.reason)
    problems = tuple(_broken(each, found.cells) for each in found.broken)
    try:
        document = _document(path, found.text, source.encoding, wanted, before)
    except UnreadableError as error:
        if error.line is not None:
            error.line = found.cells.physical(error.line)
        raise
    if document is not None:
        document.cells = found.cells
    return ParsedFile(document, None, problems)


def _broken(cell: notebook.BrokenCell, cells: notebook.CellMap) -> Problem:
    line = cells.physical_in(cell.cell, cell.line)
    return Problem("syntax", cell.message, cell.line, 1, cell.cell, cells.ids.get(cell.cell), line)


def _document(path: str, text: str, encoding: str, wanted: Wanted | None, before: Document | None) -> Document | None:
    """The document where it is wanted."""
    if before is not None and before.path == path and before.encoding == encoding:
        edited = _edited(before, text)
        if edited is not None:
            document, outline = edited
            return document if wanted is None or wanted(text, outline, _passages(document)) else None
    found = _outline(text)
    if found is not None and wanted is not None and not wanted(text, found, ()):
        return None
    return _parsed(path, text, encoding)


def _parsed(path: str, text: str, encoding: str) -> Document:
    import libcst as cst

    from greenlint.document import Document

    try:
        tree = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise UnreadableError("syntax", error.message, error.raw_line, error.raw_column + 1) from None
    except cst.CSTValidationError as error:
        raise UnreadableError("syntax", str(error)) from None
    except RecursionError:
        raise UnreadableError("depth", "the code is nested too deeply to be analysed") from None
    return Document(path, text, tree, encoding=encoding)


def _edited(before: Document, text: str) -> tuple[Document, Outline] | None:
    """An edited text and its outline, of which only the edited statements are read; ``None`` where that cannot be."""
    from greenlint.reparse import reparse

    if len(text) > _LARGEST_CODE:
        return None
    document = reparse(before, text, _is_readable)
    if document is None:
        return None
    try:
        parts = [_outline_of(document, piece) for piece in document.statements]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return document, Outline.joined(parts)


def _is_readable(part: str) -> bool:
    """Whether Python's own parser can read statements of a module, and libcst may."""
    try:
        return not _is_too_deep(Outline.part(_python_tree(part)))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def _outline_of(document: Document, piece: Piece) -> Outline:
    part = piece.part
    if part.outline is None:
        part.outline = Outline.part(_python_tree(document.text[piece.start : piece.end]))
    return part.outline


def _passages(document: Document) -> Sequence[Passage]:
    for piece in document.pieces:
        if piece.part.passage is None:
            piece.part.passage = Passage(document.text[piece.start : piece.end])
    return [piece.part.passage for piece in document.pieces if piece.part.passage is not None]


def _outline(text: str) -> Outline | None:
    """What Python's own parser shows, ``None`` for newer syntax; refuses what libcst cannot take."""
    if len(text) > _LARGEST_CODE:
        raise UnreadableError("too-large", f"more than {_LARGEST_CODE // 1_000_000} million characters of code")
    try:
        outline = Outline.of(_python_tree(text))
    except SyntaxError as error:
        if _is_newer_syntax(text):
            return None
        message = "this is Python 2 code" if _is_python2(text) else error.msg
        raise UnreadableError("syntax", message, error.lineno, error.offset or 1) from None
    except (MemoryError, RecursionError):
        raise UnreadableError("depth", "the code is nested too deeply to be analysed") from None
    except ValueError as error:
        raise UnreadableError("syntax", str(error)) from None
    if _is_too_deep(outline):
        raise UnreadableError("depth", "the code is nested too deeply to be analysed", outline.deepest_line)
    return outline


def _python_tree(text: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree: ast.Module = compile(text, "file", "exec", flags, dont_inherit=True)
    return tree


def _is_too_deep(outline: Outline) -> bool:
    return outline.depth > _DEEPEST or outline.pattern_depth > _DEEPEST_PATTERN


def _is_newer_syntax(text: str) -> bool:
    """Whether libcst, which knows newer grammars than an old interpreter, can parse the text."""
    import libcst as cst

    if _may_nest_too_deeply(text):
        return False
    try:
        cst.parse_module(text)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError):
        return False
    return True


_PYTHON2 = re.compile(
    r"^\s*(?:print\s+[\"'\w(]|exec\s+[\"']|raise\s+\w+\s*,|except\s+\w+\s*,\s*\w+\s*:)|<>|`\w+`", re.MULTILINE
)


def _is_python2(text: str) -> bool:
    return _PYTHON2.search(text) is not None


_NESTING = re.compile(
    r"'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|#[^\n]*|\\\n"
    r"|\d[\d.eE_]*|[\[({]|[\])}]|[,;\n]|[-+*/%@|&^~<>=.]+|\b(?:and|or|not|if|else|lambda|await)\b",
    re.DOTALL,
)
_ELIF = re.compile(r"^[ \t]*elif\b", re.MULTILINE)
_CASE = re.compile(r"^[ \t]*case\b", re.MULTILINE)


def _may_nest_too_deeply(text: str) -> bool:
    """Whether code that Python's parser refuses may be nested deeper than libcst can take."""
    brackets, operators = _nesting(text)
    deepest = _DEEPEST_PATTERN if _CASE.search(text) else _DEEPEST
    return brackets > deepest or operators > _DEEPEST or len(_ELIF.findall(text)) > _DEEPEST


def _nesting(text: str) -> tuple[int, int]:
    """The deepest nesting of brackets outside strings and comments, and the most operators in one operand's place."""
    deepest = most = 0
    operators = [0]
    for match in _NESTING.finditer(text):
        piece = match.group()
        if piece in "[({":
            operators.append(0)
            deepest = max(deepest, len(operators) - 1)
        elif piece in "])}":
            if len(operators) > 1:
                operators.pop()
        elif piece in ",;" or (piece == "\n" and len(operators) == 1):
            operators[-1] = 0
        elif piece[0] not in "'\"#\\\n0123456789":
            operators[-1] += 1
            most = max(most, operators[-1])
    return deepest, most
