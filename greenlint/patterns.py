"""Globs over paths, as written in ``exclude``, ``include``, ``per-file-ignores`` and ``[[overrides]]``.

A glob without a slash names a file or folder at any depth below its base (``build``, ``test_*.py``); one with
a slash is anchored at the base (``src/generated/*.py``). ``*`` and ``?`` stop at slashes, ``**`` does not;
``[abc]`` and ``{a,b}`` work as in a shell. A glob that fits a folder covers everything in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GlobError", "Matcher", "PatternList", "relative"]


class GlobError(ValueError):
    """A glob that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class PatternList:
    """Globs and the absolute folder they are relative to; plain data that pickles."""

    base: str
    globs: tuple[str, ...]


class Matcher:
    """One compiled :class:`PatternList`; raises :class:`GlobError`."""

    def __init__(self, patterns: PatternList) -> None:
        self.base = patterns.base
        globs = [(glob, _anchored_form(glob, patterns.base)) for glob in patterns.globs]
        self._plain = {form: glob for glob, form in globs if _is_plain_name(form)}
        names = [(glob, form) for glob, form in globs if "/" not in form and form not in self._plain]
        self._names = _Alternatives(names)
        self._paths = _Alternatives([(glob, form.lstrip("/")) for glob, form in globs if "/" in form])

    def entry(self, name: str, path: str | None) -> str | None:
        """The glob that fits this one entry, given its name and its path relative to the base."""
        hit = self._plain.get(name) or self._names.first(name)
        if hit is None and path is not None:
            hit = self._paths.first(path)
        return hit

    def covers(self, absolute: str) -> str | None:
        """The glob that fits a path or a folder above it below the base; outside of it only names count."""
        path = relative(absolute, self.base)
        if path is None:
            return self.entry(absolute.rpartition(os.sep)[2], None)
        for part in _prefixes(path):
            hit = self.entry(part.rpartition("/")[2], part)
            if hit is not None:
                return hit
        return None


class _Alternatives:
    """Many globs as one expression; which one fitted is only looked up when one did."""

    def __init__(self, globs: Sequence[tuple[str, str]]) -> None:
        self._each = [(glob, _expression(form)) for glob, form in globs]
        joined = "|".join(f"(?:{expression})" for _, expression in self._each)
        self._any = re.compile(joined, re.DOTALL) if joined else None

    def first(self, text: str) -> str | None:
        if self._any is None or self._any.fullmatch(text) is None:
            return None
        return next((glob for glob, each in self._each if re.fullmatch(each, text, re.DOTALL)), None)


def relative(absolute: str, base: str) -> str | None:
    """``absolute`` as a POSIX path below ``base``: ``""`` for ``base`` itself, ``None`` when not below."""
    if absolute == base:
        return ""
    prefix = base if base.endswith(os.sep) else base + os.sep
    if not absolute.startswith(prefix):
        return None
    path = absolute[len(prefix) :]
    return path if os.sep == "/" else path.replace(os.sep, "/")


def _prefixes(path: str) -> Iterator[str]:
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)
    if path:
        yield path


def _anchored_form(glob: str, base: str) -> str:
    """The glob with forward slashes; a leading slash marks an anchored one without an inner slash."""
    form = glob.replace("\\", "/") if os.sep == "\\" else glob
    if Path(glob).is_absolute():
        below = relative(os.path.normpath(glob), base)
        return "/" + (below if below is not None else form.lstrip("/"))
    dotted = form.startswith("./")
    form = form[2:] if dotted else form
    form = form.rstrip("/")
    if not form or form == ".":
        raise GlobError("a pattern may not be empty")
    return "/" + form if dotted and "/" not in form else form


def _is_plain_name(form: str) -> bool:
    return "/" not in form and not any(character in form for character in "*?[{")


def _expression(form: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(form):
        piece, at = _piece(form, at)
        out.append(piece)
    return "".join(out)


def _piece(form: str, at: int) -> tuple[str, int]:
    """The expression for the glob element at ``at``, and where the next one starts."""
    if form.startswith("**/", at) and (at == 0 or form[at - 1] == "/"):
        return "(?:[^/]+/)*", at + 3
    if form.startswith("**", at):
        return ".*", at + 2
    character = form[at]
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "[":
        return _character_class(form, at)
    if character == "{":
        return _choice(form, at)
    return re.escape(character), at + 1


def _character_class(form: str, at: int) -> tuple[str, int]:
    negated = form[at + 1 : at + 2] in ("!", "^")
    first = at + 2 if negated else at + 1
    end = form.find("]", first + 1)
    if end == -1:
        raise GlobError(f"`[` without `]` in `{form}`")
    body = re.sub(r"([\\\[\]&~|^])", r"\\\1", form[first:end])
    expression = f"[^/{body}]" if negated else f"[{body}]"
    try:
        re.compile(expression)
    except re.error:
        raise GlobError(f"`[{form[first:end]}]` is not a valid character range in `{form}`") from None
    return expression, end + 1


def _choice(form: str, at: int) -> tuple[str, int]:
    end = form.find("}", at)
    if end == -1:
        raise GlobError(f"`{{` without `}}` in `{form}`")
    inner = form[at + 1 : end]
    if "{" in inner:
        raise GlobError(f"nested `{{` in `{form}`")
    return "(?:" + "|".join(_expression(each) for each in inner.split(",")) + ")", end + 1
