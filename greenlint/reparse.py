"""The tree of an edited text from the one before the edit: only the statements that the edit touches are parsed.

An editor asks after every pause in typing, and to parse and place a thousand lines takes longer than all else.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence

import libcst as cst

from greenlint.document import Document, Part, Piece, place

__all__ = ["reparse"]


def reparse(before: Document, text: str, is_harmless: Callable[[str], bool] = lambda _: True) -> Document | None:
    """``text`` as a document that shares the untouched statements at its top with ``before``.

    ``None`` where it has to be parsed as a whole: for its errors too, and where a part of it is not ``is_harmless``.
    """
    old = before.tree
    if len(old.body) < _LEAST:
        return None
    at = len(old.header)
    pieces = before.pieces[at : at + len(old.body)]
    first, behind = _untouched(before.text, text, pieces)
    is_last = behind == len(pieces)
    start = pieces[first].start if first else 0
    end = len(text) if is_last else pieces[behind].start + len(text) - len(before.text)
    new = _parsed(text[start:end], old, is_last=is_last) if is_harmless(text[start:end]) else None
    if new is None:
        return None
    if first:
        new = _with_lines_above(new)
    written = place(map(Part, (*new.header, *new.body, *new.footer)), old, start)
    if written[-1].end != end + (0 if new.has_trailing_newline else len(new.default_newline)):
        # A line break that the tree does not hold.
        return None
    ending = new if is_last else old
    tree = old.with_changes(
        header=old.header if first else new.header,
        body=[*old.body[:first], *new.body, *old.body[behind:]],
        footer=ending.footer,
        has_trailing_newline=ending.has_trailing_newline,
    )
    above = before.pieces[: at + first] if first else ()
    below = before.pieces[at + behind :] if not is_last else ()
    return before.edited(text, tree, (*above, *written, *(each.moved(len(text) - len(before.text)) for each in below)))


_LEAST = 3
"""Statements; shorter files are parsed at once."""


def _untouched(before: str, after: str, pieces: Sequence[Piece]) -> tuple[int, int]:
    """How many statements stay at the start, and the first of those that stay at the end."""
    same = _longest(min(len(before), len(after)), lambda size: before[:size] == after[:size])
    first = sum(each.end <= same for each in pieces)
    if first == len(pieces) or not _begins_before(pieces[first], same, before):
        # What follows a statement may belong to it, as ``else`` does.
        first = max(first - 1, 0)
    most = min(len(before), len(after)) - same
    ending = _longest(most, lambda size: before[len(before) - size :] == after[len(after) - size :])
    moved = len(after) - len(before)
    for behind, each in enumerate(pieces):
        if each.start >= len(before) - ending and after[each.start + moved - 1] in "\r\n":
            return first, max(behind, first)
    return first, len(pieces)


def _begins_before(piece: Piece, end: int, text: str) -> bool:
    """Whether a statement's first word, and what comes behind that, stand before ``end``."""
    word = _WORD.match(text, piece.span(piece.node).start)
    return word is not None and word.end() < end


_WORD = re.compile(r"[@\w]+")


def _longest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest size up to ``most`` for which something holds, when it holds for all smaller ones too."""
    return bisect.bisect_left(range(1, most + 1), True, key=lambda size: not holds(size))


def _parsed(text: str, around: cst.Module, *, is_last: bool) -> cst.Module | None:
    """The statements of a part of a module; ``None`` when they may mean something else within it."""
    if text.rstrip("\r\n").endswith("\\"):
        return None
    try:
        tree = cst.parse_module(text)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError):
        return None
    if not tree.body or (tree.footer and not is_last):
        return None
    is_flat = not any(isinstance(each, cst.BaseCompoundStatement) for each in tree.body)
    same_indent = is_flat or tree.default_indent == around.default_indent
    return tree if same_indent and tree.default_newline == around.default_newline else None


def _with_lines_above(tree: cst.Module) -> cst.Module:
    """The comments at the top of a module are those above a statement when it stands in the middle of another."""
    top = tree.body[0]
    lines = [*tree.header, *getattr(top, "leading_lines", ())]
    return tree.with_changes(header=(), body=[top.with_changes(leading_lines=lines), *tree.body[1:]])
