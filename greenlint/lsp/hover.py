"""What a hover says: the rule of a finding, or of a name in a suppression comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lsprotocol import types
from pygls.workspace import PositionCodec

from greenlint.docs import hover_page
from greenlint.results import PlacedFinding
from greenlint.rule import Rule

__all__ = ["hover"]

_COMMENT = re.compile(r"#\s*(?:greenlint:\s*(?:file-)?ignore\s*\[|noqa:)([^\]#]*)", re.IGNORECASE)
_LINK = re.compile(r"\[([^]]+)\]\((https://[^)]+)\)|<(https://[^>]+)>")
_MARKS = re.compile(r"\*\*|`")
_NAME = re.compile(r"[a-z][\w-]*")


def hover(
    findings: Sequence[tuple[types.Range, PlacedFinding]],
    lines: list[str],
    position: types.Position,
    codec: PositionCodec,
    find: Callable[[str], type[Rule] | None],
    kind: types.MarkupKind = types.MarkupKind.Markdown,
) -> types.Hover | None:
    """The hover at a position of a text, whose ``findings`` these are, with their ranges."""
    named = _name_at(lines, position, codec)
    if named is not None:
        name, where = named
        rule = find(name)
        return _made(rule, (), where, kind) if rule is not None else None
    for where, finding in findings:
        if _holds(where, position):
            rule = find(finding.rule)
            return _made(rule, finding.notes, where, kind) if rule is not None else None
    return None


def _name_at(lines: list[str], position: types.Position, codec: PositionCodec) -> tuple[str, types.Range] | None:
    """The name in a suppression comment that a position is on."""
    if position.line >= len(lines):
        return None
    for comment in _COMMENT.finditer(lines[position.line]):
        for match in _NAME.finditer(lines[position.line], *comment.span(1)):
            counted = types.Range(
                types.Position(position.line, match.start()), types.Position(position.line, match.end())
            )
            where = codec.range_to_client_units(lines, counted)
            if _holds(where, position):
                return match.group(), where
    return None


def _holds(where: types.Range, position: types.Position) -> bool:
    start, end, at = ((each.line, each.character) for each in (where.start, where.end, position))
    return start <= at <= end


def _made(rule: type[Rule], notes: Sequence[str], where: types.Range, kind: types.MarkupKind) -> types.Hover:
    text = "\n".join(hover_page(rule, notes))
    if kind is types.MarkupKind.PlainText:
        text = _MARKS.sub("", _LINK.sub(_plain_link, text))
    return types.Hover(types.MarkupContent(kind, text), where)


def _plain_link(link: re.Match[str]) -> str:
    text, address, bare = link.groups()
    return f"{text}: {address}" if text is not None else bare
