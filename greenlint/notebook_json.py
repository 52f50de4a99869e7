"""Where the sources of cells stand in the JSON text of a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from greenlint.line_ends import lines_of

__all__ = ["StoredSource", "StoredString", "stored_sources"]


@dataclass(frozen=True, slots=True)
class StoredString:
    """A string of the JSON, without its quotes: offsets into the JSON text, and what they stand for."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class StoredSource:
    """The source of a cell as it is stored: one string, or a list of them."""

    strings: tuple[StoredString, ...]
    is_list: bool
    lines: list[int]
    """The line of the JSON, from 1, on which each line of the source begins; never empty."""

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.strings)


def stored_sources(raw: str) -> dict[int, StoredSource]:
    """The source of each cell of a notebook of format 3 or 4, by the number of the cell over all kinds, from 1."""
    return _Scanner(raw).cells()


class _Scanner:
    """Walks JSON text once."""

    _SKIP = re.compile(r"[ \t\r\n,:]*")
    _SCALAR = re.compile(r"[^,\]}\s]+")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.at = 0
        self._counted = 0
        self._line_ends = 0
        self._number = 0
        self._found: dict[int, StoredSource] = {}

    def cells(self) -> dict[int, StoredSource]:
        self._sheet()
        return self._found

    def _token(self) -> str:
        match = self._SKIP.match(self.raw, self.at)
        assert match is not None
        self.at = match.end()
        return self.raw[self.at : self.at + 1]

    def _string(self) -> StoredString:
        start = self.at + 1
        value, self.at = scanstring(self.raw, start, False)
        return StoredString(start, self.at - 1, str(value))

    def _line(self) -> int:
        self._line_ends += self.raw.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line_ends + 1

    def _sheet(self) -> None:
        """The notebook, or a worksheet of one of format 3."""
        for key in self._keys():
            if key == "cells":
                self._each(self._cell)
            elif key == "worksheets":
                self._each(self._sheet)
            else:
                self._skip()

    def _keys(self) -> Iterator[str]:
        """The keys of an object; whoever asks passes over each value before asking for the next key."""
        if self._token() != "{":
            self._skip()
            return
        self.at += 1
        while self._token() == '"':
            yield self._string().text
        self.at += 1

    def _each(self, note: Callable[[], None]) -> None:
        if self._token() != "[":
            self._skip()
            return
        self.at += 1
        while self._token() not in ("]", ""):
            note()
        self.at += 1

    def _cell(self) -> None:
        self._number += 1
        first = self._line()
        found: StoredSource | None = None
        for key in self._keys():
            if key == "source" or (key == "input" and found is None):
                found = self._source()
            else:
                self._skip()
        self._found[self._number] = found or StoredSource((), False, [first])

    def _source(self) -> StoredSource | None:
        token = self._token()
        if token == '"':
            line = self._line()
            string = self._string()
            return StoredSource((string,), False, [line] * len(lines_of(string.text)))
        if token != "[":
            self._skip()
            return None
        self.at += 1
        strings: list[StoredString] = []
        lines: list[int] = []
        ended = True
        while self._token() == '"':
            line = self._line()
            string = self._string()
            strings.append(string)
            parts = lines_of(string.text)
            count = len(parts) if parts[-1] else len(parts) - 1
            lines.extend([line] * (count if ended else max(0, count - 1)))
            ended = not parts[-1] if string.text else ended
        if ended:
            lines.append(self._line())
        self.at += 1
        return StoredSource(tuple(strings), True, lines)

    def _skip(self) -> None:
        """Pass over one value of any kind."""
        depth = 0
        while True:
            token = self._token()
            if token == '"':
                self._string()
            elif token in ("{", "["):
                depth += 1
                self.at += 1
            elif token in ("}", "]"):
                depth -= 1
                self.at += 1
            else:
                match = self._SCALAR.match(self.raw, self.at)
                self.at = match.end() if match is not None else self.at + 1
            if depth <= 0 or self.at >= len(self.raw):
                return
