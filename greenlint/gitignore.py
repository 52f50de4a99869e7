"""The patterns of one ignore file, read as git reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["IgnorePatterns"]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One line of an ignore file."""

    ignores: bool
    """Whether it leaves out what it fits; otherwise it takes it in again."""
    folders_only: bool
    by_name: bool
    """Whether it is held against the name of an entry; otherwise against its path below the ignore file."""
    expression: str
    plain: str | None
    """The name it stands for, when it has no wildcards and is held against names."""


class IgnorePatterns:
    """What an ignore file says of the entries below it."""

    def __init__(self, text: str) -> None:
        patterns = [each for each in map(_pattern, text.split("\n")) if each is not None]
        self._last_first = [(each, re.compile(each.expression, re.DOTALL)) for each in reversed(patterns)]
        self._plain = frozenset(each.plain for each in patterns if each.plain is not None)
        # One expression each for all names and all paths says no to most entries at once.
        self._names = _any(each.expression for each in patterns if each.by_name and each.plain is None)
        self._paths = _any(each.expression for each in patterns if not each.by_name)

    def __bool__(self) -> bool:
        return bool(self._last_first)

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """Whether the entry at ``path`` is ignored, given that the folders above it are not.

        ``path`` is relative to the ignore file. ``None`` when no pattern speaks of the entry.
        """
        name = path.rpartition("/")[2]
        if not (name in self._plain or self._names.fullmatch(name) or self._paths.fullmatch(path)):
            return None
        for pattern, regex in self._last_first:
            fits = folder or not pattern.folders_only
            if fits and regex.fullmatch(name if pattern.by_name else path):
                return pattern.ignores
        return None


def _any(expressions: Iterator[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or _NEVER, re.DOTALL)


_NEVER = r"(?!)"


def _pattern(line: str) -> _Pattern | None:
    text = _trimmed(line)
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    by_name = "/" not in text
    text = text.removeprefix("/")
    if not text:
        return None
    plain = text if by_name and not re.search(r"[*?\[\\]", text) else None
    return _Pattern(ignores, folders_only, by_name, _expression(text), plain)


def _trimmed(line: str) -> str:
    """The line without its end and without spaces at its end, save one behind a backslash."""
    text = line.removesuffix("\r")
    bare = text.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return text[: len(bare) + 1] if backslashes % 2 and len(text) > len(bare) else bare


_PIECE = re.compile(
    r"(?P<deep>(?:(?<=/)|\A)\*{2,}/)"  # `**/`: any number of folders
    r"|(?P<below>(?:(?<=/)|\A)\*{2,}\Z)"  # `/**`: everything below
    r"|(?P<stars>\*+)"
    r"|(?P<one>\?)"
    r"|\\(?P<escaped>.)"
    r"|(?P<set>\[[!^]?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\])"
    r"|(?P<broken>[\[\\])"
    r"|(?P<literal>.)",
    re.DOTALL,
)
_FIXED = {"deep": "(?:.*/)?", "below": ".*", "stars": "[^/]*", "one": "[^/]", "broken": _NEVER}


def _expression(text: str) -> str:
    out = []
    for match in _PIECE.finditer(text):
        kind = match.lastgroup or "literal"
        if kind in _FIXED:
            out.append(_FIXED[kind])
        elif kind == "set":
            out.append(_set(match[0][1:-1]))
        else:
            out.append(re.escape(match[kind]))
    return f"(?:{''.join(out)})"


_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


def _set(body: str) -> str:
    """The expression for what stands between square brackets, which never fits a slash."""
    negated = body[:1] in ("!", "^")
    parts = "".join(_set_parts(body[1:] if negated else body))
    expression = f"(?!/)[^{parts}]" if negated else f"(?!/)[{parts}]"
    try:
        re.compile(expression)
    except re.error:
        return _NEVER
    return expression


def _set_parts(body: str) -> Iterator[str]:
    for match in re.finditer(r"\[:(\w+):\]|\\(.)|(-)|(.)", body, re.DOTALL):
        named, escaped, dash, other = match.groups()
        if named is not None:
            yield _CLASSES.get(named, "")
        elif dash is not None:
            yield r"\-" if match.start() in (0, len(body) - 1) else "-"
        else:
            yield re.escape(escaped if escaped is not None else other)
