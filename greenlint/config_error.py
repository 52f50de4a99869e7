"""Where a setting comes from, and what is said when one is wrong."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["ConfigError", "ConfigProblem", "Origin", "OriginKind", "nearest"]


class OriginKind(enum.Enum):
    """The four places a setting can come from, later ones winning."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one setting comes from."""

    kind: OriginKind = OriginKind.DEFAULT
    name: str = ""
    """The file as shown to users, the variable, or the flag."""
    line: int | None = None

    def __str__(self) -> str:
        if self.kind is OriginKind.DEFAULT:
            return "default"
        if self.kind is OriginKind.FILE:
            return f"{self.name}:{self.line}" if self.line is not None else self.name
        return f"{self.kind.value} ({self.name})"


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong with the configuration; lines and columns from 1."""

    message: str
    file: str | None = None
    """The file as shown to users; for flags and variables, their name."""
    line: int | None = None
    column: int | None = None
    width: int = 1
    source: str = ""
    """The line of the file, for the frame."""
    key: str = ""
    """The dotted key that is wrong, as far as one is."""
    hint: str | None = None

    def __str__(self) -> str:
        places = [str(each) for each in (self.file, self.line, self.column) if each is not None]
        head = ":".join(places) + ": " if places else ""
        rows = [f"{head}{self.message}", *self._frame()]
        if self.hint is not None:
            margin = " " * len(str(self.line)) if self.line is not None else ""
            rows.append(f"{margin} = help: {self.hint}")
        return "\n".join(rows)

    def _frame(self) -> Sequence[str]:
        if self.line is None or self.column is None:
            return ()
        margin = " " * len(str(self.line))
        before, source = _window(self.source, self.column - 1)
        pad = re.sub(r"[^\t]", " ", source[:before])
        carets = "^" * max(1, min(self.width, len(source) - before))
        return f"{margin} |", f"{self.line} | {source}", f"{margin} | {pad}{carets}"


_WIDEST = 120


def _window(line: str, at: int) -> tuple[int, str]:
    """A part of a very long line around ``at``, and where ``at`` is in it."""
    if len(line) <= _WIDEST:
        return at, line
    start = max(0, min(at - _WIDEST // 3, len(line) - _WIDEST))
    return at - start, line[start : start + _WIDEST]


class ConfigError(Exception):
    """Configuration that cannot be used; ``str()`` is the text for the user, one block for each problem."""

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        self.file, self.line, self.column = first.file, first.line, first.column
        self.key, self.message, self.hint = first.key, first.message, first.hint
        super().__init__("\n\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[ConfigProblem, ...]]]:
        return type(self), (self.problems,)


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.65) -> str | None:
    """The known name that ``name`` was most likely meant to be, or ``None``."""
    import difflib

    names = list(known)
    plain = {_plain(each): each for each in names}
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=cutoff)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.replace("_", "-").casefold()
