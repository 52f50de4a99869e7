"""Suppression comments as written: found in a document, read, and tied to the code they speak of.

``# greenlint: ignore[name, other, until=2027-03-01] reason`` stands at the end of a statement or on a line of
its own above it; for a compound statement the statement is its header with its decorators.
``# greenlint: file-ignore[name]`` stands anywhere. ``# noqa: name`` counts where it names rules of greenlint.
"""

from __future__ import annotations

import bisect
import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from greenlint.document import Document
from greenlint.finding import Span

__all__ = ["PLACEHOLDER", "Directive", "NameAt", "Units", "read_directives"]

PLACEHOLDER = "<reason>"
"""What an editor leaves for its user to fill in; as long as it stands there, there is no reason."""

_HINT = re.compile(r"greenlint|Greenlint|GREENLINT|(?i:noqa)\s*:")
_OURS = re.compile(r"#\s*(?P<tool>greenlint|Greenlint|GREENLINT)\s*(?P<colon>:?)\s*(?P<verb>[A-Za-z][A-Za-z-]*)?")
_NOQA = re.compile(r"#\s*(?i:noqa)\s*:\s*(?P<names>[\w-]+(?:[,\s]+[\w-]+)*)")
_OWN_HINT = re.compile(r"greenlint|Greenlint|GREENLINT")
_NAMES = re.compile(r"[\w-]+")
_NEXT_COMMENT = re.compile(r"\s+#(?!\d)")
"""Where another comment begins behind a reason; ``#123`` is the number of an issue."""
_LIST = re.compile(r"\s*\[(?P<items>[^\[\]]*)\]")
_LOOSE = re.compile(r"\s*[\[({:=]?\s*(?P<items>[\w-]+(?:\s*,\s*[\w-]+)*)\s*[\])}]?")
_ITEM = re.compile(r"[^,]+")
_NAME = re.compile(r"[A-Za-z][\w-]*")
_VERBS = ("ignore", "file-ignore")
_MISTAKEN = {
    **dict.fromkeys(("disable", "noqa", "skip", "off", "allow", "suppress", "ignored", "ignores"), "ignore"),
    **dict.fromkeys(("ignore-next", "ignore-line", "ignore-next-line", "disable-next"), "ignore"),
    **dict.fromkeys(("ignore-file", "disable-file", "skip-file", "file-disable", "file-noqa"), "file-ignore"),
}
"""What people write for our verbs, out of habit from other linters."""


@dataclass(frozen=True, slots=True)
class NameAt:
    """A rule name in a comment, and where it stands."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Directive:
    """One suppression comment."""

    span: Span
    """From its ``#`` to the end of its reason."""
    names: tuple[NameAt, ...] = ()
    until: datetime.date | None = None
    reason: str | None = None
    covers: Span | None = None
    """The code it speaks of; ``None`` for a whole file, or when nothing follows the comment."""
    whole_file: bool = False
    noqa: bool = False
    items: Span | None = None
    """What stands between the brackets."""
    error: str | None = None
    """Why it cannot be read; such a comment suppresses nothing."""
    remedy: str | None = None
    """What the comment should say instead, when that is plain."""


class Units:
    """The pieces of code a comment can speak of: simple statements, and headers with their decorators."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._units = sorted(_units(document))

    def at(self, offset: int) -> Span | None:
        """The unit that holds ``offset`` or ends earlier on its line."""
        index = self._index(offset)
        if index < 0:
            return None
        unit = self._units[index]
        text = self._document.text
        if offset < unit.end or not _holds_newline(text[unit.end : offset]):
            return unit
        return None

    def below(self, offset: int) -> Span | None:
        """The unit after ``offset``, in the same cell of a notebook."""
        index = self._index(offset) + 1
        if index >= len(self._units):
            return None
        unit = self._units[index]
        return unit if self._document.same_cell(offset, unit.start) else None

    def _index(self, offset: int) -> int:
        return bisect.bisect_right(self._units, Span(offset, len(self._document.text) + 1)) - 1


def _units(document: Document) -> Iterator[Span]:
    import libcst as cst

    spans = document.spans
    for node, span in spans.items():
        if isinstance(node, cst.SimpleStatementLine):
            yield span
        elif isinstance(node, cst.Match):
            yield Span(span.start, spans[node.whitespace_after_colon].start)
        else:
            body = getattr(node, "body", None)
            decorators: Sequence[cst.Decorator] = getattr(node, "decorators", ())
            start = spans[decorators[0]].start if decorators else span.start
            if isinstance(body, cst.IndentedBlock):
                yield Span(start, spans[body.header].start)
            elif isinstance(body, cst.SimpleStatementSuite):
                yield Span(start, spans[body].end)


def read_directives(document: Document, known: frozenset[str]) -> list[Directive]:
    """The suppression comments in source order; ``known`` are the names ``# noqa`` may hold."""
    if not _mentions(document.text, known):
        return []
    import libcst as cst

    comments = [
        (document.span(node).start, node.value) for node in document.of_type(cst.Comment) if _HINT.search(node.value)
    ]
    if not comments:
        return []
    units = Units(document)
    found: list[Directive] = []
    for start, value in sorted(comments):
        found.extend(_ours(value, start, units))
        found.extend(_noqa(value, start, units, known))
    return sorted(found, key=lambda each: each.span)


def _mentions(text: str, known: frozenset[str]) -> bool:
    """Whether anything looks like a suppression: most files with ``# noqa`` mean another linter."""
    if _OWN_HINT.search(text) is not None:
        return True
    return any(not known.isdisjoint(_NAMES.findall(each.group("names"))) for each in _NOQA.finditer(text))


def _noqa(comment: str, start: int, units: Units, known: frozenset[str]) -> Iterator[Directive]:
    covers = units.at(start)
    for match in _NOQA.finditer(comment):
        named = [
            NameAt(item.group(), Span(start + item.start(), start + item.end()))
            for item in _NAMES.finditer(comment, *match.span("names"))
            if item.group() in known
        ]
        if named and covers is not None:
            span = Span(start + match.start(), start + match.end())
            yield Directive(span, tuple(named), covers=covers, noqa=True)


def _ours(comment: str, start: int, units: Units) -> Iterator[Directive]:
    for match in _OURS.finditer(comment):
        rest = comment[match.end() :]
        end_of_rest = _NEXT_COMMENT.search(rest)
        rest = rest[: end_of_rest.start()].rstrip() if end_of_rest else rest.rstrip()
        if not _is_meant(match, rest):
            continue
        verb = match["verb"]
        span = Span(start + match.start(), start + match.end() + len(rest))
        if match["tool"] != "greenlint" or match["colon"] == "" or verb not in _VERBS:
            yield _misspelt(span, verb, rest)
            continue
        whole_file = verb == "file-ignore"
        covers = None if whole_file else units.at(start) or units.below(start)
        yield _read(span, verb, rest, start + match.end(), covers)


def _is_meant(match: re.Match[str], rest: str) -> bool:
    """Whether a comment that mentions greenlint is a suppression at all, rather than prose."""
    verb = match["verb"]
    if verb is None:
        return False
    bracketed = rest.lstrip()[:1] in ("[", "(")
    if match["colon"] and verb.lower() in (*_VERBS, *_MISTAKEN):
        return True
    return bracketed and (bool(match["colon"]) or verb.lower() in (*_VERBS, *_MISTAKEN))


def _misspelt(span: Span, verb: str, rest: str) -> Directive:
    lowered = verb.lower()
    right = lowered if lowered in _VERBS else _MISTAKEN.get(lowered)
    error = "a suppression begins with `# greenlint: ignore[` or `# greenlint: file-ignore[`"
    return Directive(span, error=error, remedy=_loosely(right, rest) if right else None)


def _loosely(verb: str, rest: str) -> str | None:
    """The right form of a comment whose list of names is not between brackets."""
    bracketed = _LIST.match(rest)
    match = bracketed or _LOOSE.match(rest)
    if match is None or not match["items"].strip():
        return None
    reason = rest[match.end() :].strip()
    items = ", ".join(each.strip() for each in match["items"].split(",") if each.strip())
    return f"# greenlint: {verb}[{items}]" + (f" {reason}" if reason else "")


def _read(span: Span, verb: str, rest: str, offset: int, covers: Span | None) -> Directive:
    match = _LIST.match(rest)
    if match is None:
        error = f"`{verb}` needs the names of rules between brackets"
        return Directive(span, error=error, remedy=_loosely(verb, rest))
    names: list[NameAt] = []
    until: datetime.date | None = None
    for item in _ITEM.finditer(rest, *match.span("items")):
        written = item.group().strip()
        if "=" in written:
            read = _date(written)
            if isinstance(read, str) or until is not None:
                error = read if isinstance(read, str) else "`until` is given twice"
                return Directive(span, error=error)
            until = read
        elif _NAME.fullmatch(written):
            at = offset + item.start() + item.group().index(written)
            names.append(NameAt(written, Span(at, at + len(written))))
        elif written:
            return Directive(span, error=f"`{written}` is not the name of a rule")
    if not names:
        return Directive(span, error=f"`{verb}` names no rule")
    reason = rest[match.end() :].strip().lstrip(":- \u2013\u2014").strip()
    items = Span(offset + match.start("items"), offset + match.end("items"))
    given = reason if reason != PLACEHOLDER else None
    return Directive(span, tuple(names), until, given or None, covers, verb == "file-ignore", items=items)


def _date(written: str) -> datetime.date | str:
    """The date of ``until=2027-03-01``, or what is wrong with it."""
    key, _, value = (part.strip() for part in written.partition("="))
    if key != "until":
        return f"`{key}` is no setting of a suppression; only `until` is"
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return f"`{value}` is not a date such as 2027-03-01"
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return f"`{value}` is not a date of the calendar"


def _holds_newline(text: str) -> bool:
    return "\n" in text or "\r" in text
