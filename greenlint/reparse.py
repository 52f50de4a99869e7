"""The tree of an edited text from the one before the edit: only the statements that the edit touches are parsed.

An editor asks after every pause in typing, and to parse and place a thousand lines takes longer than all else.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, cast

import libcst as cst

from greenlint.document import Document, Part, Piece, place, place_within

__all__ = ["reparse"]


def reparse(before: Document, text: str, is_harmless: Callable[[str], bool] = lambda _: True) -> Document | None:
    """``text`` as a document that shares the untouched statements with ``before``, those inside others too.

    ``None`` where it has to be parsed as a whole: for its errors too, and where a part of it is not ``is_harmless``.
    """
    old = before.tree
    if len(old.body) < _LEAST:
        return None
    change = _Change.between(before.text, text)
    at = len(old.header)
    pieces = before.pieces[at : at + len(old.body)]
    first, behind = _untouched(change, pieces)
    if behind - first == 1:
        inner = _changed_inside(pieces[first], change, old, is_harmless)
        if inner is not None:
            tree = old.with_changes(body=[*old.body[:first], inner.node, *old.body[behind:]])
            return _joined(before, change, tree, before.pieces[: at + first], [inner], at + behind)
    is_last = behind == len(pieces)
    start = pieces[first].start if first else 0
    end = len(text) if is_last else pieces[behind].start + change.moved
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
    return _joined(before, change, tree, above, written, len(before.pieces) if is_last else at + behind)


def _joined(
    before: Document, change: _Change, tree: cst.Module, above: Sequence[Piece], new: Sequence[Piece], behind: int
) -> Document:
    """The edited document: what stands above, the new pieces, and the old ones from ``behind`` on."""
    below = (each.moved(change.moved) for each in before.pieces[behind:])
    return before.edited(change.text, tree, (*above, *new, *below))


_LEAST = 3
"""Statements; shorter files are parsed at once."""


class _Change(NamedTuple):
    """The place where two texts differ."""

    text: str
    """The newer one."""
    start: int
    end: int
    """Where it ends in the older one."""
    moved: int
    """How much further on the rest stands in the newer one."""

    @classmethod
    def between(cls, before: str, after: str) -> _Change:
        """What of ``before`` is different in ``after``."""
        most = min(len(before), len(after))
        same = _longest(most, lambda size: before[:size] == after[:size])
        ending = _longest(most - same, lambda size: before[len(before) - size :] == after[len(after) - size :])
        return cls(after, same, len(before) - ending, len(after) - len(before))

    def begins_behind_word(self, at: int) -> bool:
        """Whether the first word at ``at``, and what comes behind that, stand before the change."""
        word = _WORD.match(self.text, at)
        return word is not None and word.end() < self.start

    def leaves_line(self, start: int) -> bool:
        """Whether what stood from ``start`` on is untouched, and still begins a line."""
        return start >= self.end and self.text.startswith(("\r", "\n"), start + self.moved - 1)


_WORD = re.compile(r"[@\w]+")


def _longest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest size up to ``most`` for which something holds, when it holds for all smaller ones too."""
    return bisect.bisect_left(range(1, most + 1), True, key=lambda size: not holds(size))


def _untouched(change: _Change, pieces: Sequence[Piece]) -> tuple[int, int]:
    """How many statements stay at the start, and the first of those that stay at the end."""
    first = sum(each.end <= change.start for each in pieces)
    if first == len(pieces) or not change.begins_behind_word(pieces[first].span(pieces[first].node).start):
        # What follows a statement may belong to it, as ``else`` does.
        first = max(first - 1, 0)
    for behind, each in enumerate(pieces):
        if change.leaves_line(each.start):
            return first, max(behind, first)
    return first, len(pieces)


# -- inside a statement ---------------------------------------------------------------------------------------


class _Level(NamedTuple):
    """A block that holds a change."""

    node: _Compound
    """The statement that it is the body of."""
    block: cst.IndentedBlock
    first: int
    """The first of its statements that the change touches."""
    behind: int
    """The first of those behind the change."""


def _changed_inside(
    piece: Piece, change: _Change, around: cst.Module, is_harmless: Callable[[str], bool]
) -> Piece | None:
    """A statement of which only some statements of a block inside are parsed again; ``None`` where that cannot be."""
    levels = _levels(piece, change)
    # A comment behind the last of them belongs to the block around: that is tried as well.
    for depth in range(len(levels), max(len(levels) - 2, 0), -1):
        found = _with_block_parsed(piece, levels[:depth], change, around, is_harmless)
        if found is not None:
            return found
    return None


def _levels(piece: Piece, change: _Change) -> list[_Level]:
    """The blocks that hold the change, outermost first."""
    levels: list[_Level] = []
    node = piece.node
    while isinstance(node, _Compound) and isinstance(node.body, cst.IndentedBlock):
        touched = _touched(node.body, piece, change)
        if touched is None:
            break
        levels.append(_Level(node, node.body, *touched))
        node = node.body.body[touched[0]]
        if touched[1] - touched[0] > 1:
            break
    return levels


_Compound: TypeAlias = cst.ClassDef | cst.FunctionDef | cst.For | cst.While | cst.If | cst.With | cst.Try


def _touched(block: cst.IndentedBlock, piece: Piece, change: _Change) -> tuple[int, int] | None:
    """The first statement of a block that a change touches, and the first behind it; ``None`` at the block's ends."""
    bounds = [piece.part.placed.bounds[id(each)] for each in block.body]
    first = sum(each.end + piece.shift <= change.start for each in bounds)
    if first == len(bounds):
        return None
    if change.start < _code_start(block.body[first], piece):
        # The lines above a statement may come to belong to the one before.
        first -= 1
    if first < 0:
        return None
    # What is added right before a statement may be a line above it.
    starts = [each.start + piece.shift for each in bounds] + [bounds[-1].end + piece.shift]
    for behind in range(first + 1, len(starts)):
        if starts[behind] > change.end and change.leaves_line(starts[behind]):
            return first, behind
    return None


def _code_start(statement: cst.BaseStatement, piece: Piece) -> int:
    """Where the line begins that holds the first word of a statement, or of its first decorator."""
    placed = piece.part.placed
    lines = _lines_above(statement)
    at = placed.spans[id(lines[-1])][1] if lines else placed.bounds[id(statement)].start
    return at + piece.shift


def _lines_above(statement: cst.BaseStatement) -> Sequence[cst.EmptyLine]:
    return cast("cst.SimpleStatementLine | cst.BaseCompoundStatement", statement).leading_lines


def _with_block_parsed(
    piece: Piece, levels: Sequence[_Level], change: _Change, around: cst.Module, is_harmless: Callable[[str], bool]
) -> Piece | None:
    """The statement with those parsed again that the change touches in the innermost of the blocks."""
    *_, (_, block, first, behind) = levels
    placed = piece.part.placed
    top, last = block.body[first], placed.bounds[id(block.body[behind - 1])]
    text = change.text[_code_start(top, piece) : last.end + piece.shift + change.moved]
    new = _parsed_block(text, [each.block for each in levels], around, is_harmless)
    if new is None:
        return None
    new[0] = new[0].with_changes(leading_lines=[*_lines_above(top), *_lines_above(new[0])])
    start = placed.bounds[id(top)].start
    written = place_within(new, around, [each.block for each in levels], start)
    if written.bounds[id(new[-1])].end != last.end + change.moved:
        return None
    spine: dict[int, cst.CSTNode] = {}
    inner: Sequence[cst.BaseStatement] = new
    for each in reversed(levels):
        body = each.block.with_changes(body=[*each.block.body[: each.first], *inner, *each.block.body[each.behind :]])
        holder = each.node.with_changes(body=body)
        spine |= {id(each.block): body, id(each.node): holder}
        inner = [holder]
    part = piece.part.with_statements(block.body[first:behind], new, written, spine)
    return Piece(part, piece.start, piece.end + change.moved, piece.shift)


def _parsed_block(
    text: str, blocks: Sequence[cst.IndentedBlock], around: cst.Module, is_harmless: Callable[[str], bool]
) -> list[cst.BaseStatement] | None:
    """The statements of a part of the innermost of ``blocks``; ``None`` when they may mean something else there."""
    indents = [around.default_indent if each.indent is None else each.indent for each in blocks]
    headers = ("".join(indents[:depth]) + "if 1:" + around.default_newline for depth in range(len(blocks)))
    source = "".join((*headers, text))
    if not text.startswith("".join(indents)) or _ODD_INDENT.search(text) or not is_harmless(source):
        return None
    tree = _parsed(source, around, is_last=False)
    statements: Sequence[cst.BaseStatement] = tree.body if tree is not None else ()
    for each in blocks:
        held = statements[0].body if len(statements) == 1 and isinstance(statements[0], cst.If) else None
        if not isinstance(held, cst.IndentedBlock) or held.footer or held.indent != each.indent:
            return None
        statements = held.body
    if not statements or not all(map(_is_at_block, _lines_above(statements[0]))):
        return None
    return [*statements]


_ODD_INDENT = re.compile(r"^[ \t]*\\|\f", re.MULTILINE)
"""A line that only continues, or a form feed: what stands behind has the indent that some other line has."""


def _is_at_block(line: cst.EmptyLine) -> bool:
    """Whether a line above a statement is a comment with the indent of the statement's block."""
    return line.comment is not None and line.indent and not line.whitespace.value


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
