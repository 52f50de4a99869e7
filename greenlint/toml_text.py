"""TOML with the place of every key and value, which the parsers of the standard library do not keep."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["KeyPath", "Place", "TomlSyntaxError", "TomlText", "loads"]

KeyPath = tuple["str | int", ...]
"""Keys and list indices from the top of the document: ``("tool", "greenlint", "select", 0)``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A range on one line; lines and columns from 1, columns and width in code points."""

    line: int
    column: int
    width: int


class TomlSyntaxError(Exception):
    """Text that is not TOML; ``place`` is ``None`` only when the parser names no place."""

    def __init__(self, message: str, place: Place | None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class TomlText:
    """A parsed document that can say where each of its keys and values stands.

    Raises :class:`TomlSyntaxError`. Lines end in ``\\n`` in ``lines``, as TOML itself reads them.
    """

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.lines = self.text.split("\n")
        self.data = loads(self.text)
        self._places: _Scanner | None = None

    def key(self, path: KeyPath) -> Place | None:
        """Where the last key of ``path`` is written; for a list element, where the element is."""
        scanner = self._scanned()
        if path and isinstance(path[-1], int):
            return self._place(scanner.values.get(path) or scanner.keys.get(path))
        return self._place(scanner.keys.get(path))

    def value(self, path: KeyPath) -> Place | None:
        """Where the value at ``path`` begins, up to the end of its first line."""
        scanner = self._scanned()
        return self._place(scanner.values.get(path) or scanner.keys.get(path))

    def _scanned(self) -> _Scanner:
        if self._places is None:
            self._places = _Scanner(self.text)
        return self._places

    def _place(self, span: tuple[int, int] | None) -> Place | None:
        if span is None:
            return None
        start, end = span
        line = bisect_right(self._scanned().starts, start)
        first = self._scanned().starts[line - 1]
        stop = min(end, first + len(self.lines[line - 1]))
        return Place(line, start - first + 1, max(stop - start, 1))


def loads(text: str) -> dict[str, Any]:
    """The data of a TOML document; raises :class:`TomlSyntaxError`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text) from None
    except RecursionError:
        raise TomlSyntaxError("values are nested too deeply", None) from None


_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _syntax_error(message: str, text: str) -> TomlSyntaxError:
    found = _POSITION.search(message)
    said = _POSITION.sub("", message)
    said = said[:1].lower() + said[1:]
    if found is None:
        return TomlSyntaxError(said, None)
    if found[1] is not None:
        return TomlSyntaxError(said, Place(int(found[1]), int(found[2]), 1))
    lines = text.rstrip("\n").split("\n")
    return TomlSyntaxError(said, Place(len(lines), len(lines[-1]) + 1, 1))


_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_OTHER = re.compile(r"[^,\]}#\n]*")

Span = tuple[int, int]


class _Scanner:
    """Finds the places in text that a TOML parser has already accepted."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.keys: dict[KeyPath, Span] = {}
        self.values: dict[KeyPath, Span] = {}
        self._counts: dict[KeyPath, int] = {}
        self._document()

    def _document(self) -> None:
        table: KeyPath = ()
        while not self._skip(_BLANK):
            if self.text.startswith("[[", self.at):
                table = self._header(2)
            elif self.text[self.at] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _skip(self, blank: re.Pattern[str]) -> bool:
        """Move past blanks; whether the text ends there."""
        match = blank.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at >= len(self.text)

    def _header(self, brackets: int) -> KeyPath:
        self.at += brackets
        path: KeyPath = ()
        parts = list(self._dotted_key())
        self.at += brackets
        for name, span in parts:
            path = self._latest(path)
            path = (*path, name)
            self.keys.setdefault(path, span)
        if brackets == 1:
            return path
        index = self._counts[path] = self._counts.get(path, -1) + 1
        self.keys[(*path, index)] = parts[-1][1]
        return (*path, index)

    def _latest(self, path: KeyPath) -> KeyPath:
        """Headers speak of the last element of an array of tables."""
        count = self._counts.get(path)
        return path if count is None else (*path, count)

    def _dotted_key(self) -> Iterator[tuple[str, Span]]:
        while True:
            self._skip(_SPACE)
            yield self._simple_key()
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return
            self.at += 1

    def _simple_key(self) -> tuple[str, Span]:
        start = self.at
        quoted = self.text[start] in "\"'"
        match = (_STRING if quoted else _BARE).match(self.text, start)
        assert match is not None, "the parser accepted this key"
        self.at = match.end()
        name = loads(f"key = {match[0]}")["key"] if quoted else match[0]
        return name, (start, self.at)

    def _pair(self, table: KeyPath) -> None:
        path = table
        for name, span in self._dotted_key():
            path = (*path, name)
            self.keys.setdefault(path, span)
        self.at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        start = self.at
        opening = self.text[start]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._scalar()
        self.values[path] = (start, self.at)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            self._value((*path, index))
            index += 1
            self._comma()
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _scalar(self) -> None:
        match = _STRING.match(self.text, self.at) or _OTHER.match(self.text, self.at)
        assert match is not None, "the parser accepted this value"
        self.at += len(match[0].rstrip())
