"""Arrays, tensors and frames that grow in a loop by being copied whole: ``x = concat([x, piece])``."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import Contexts
from greenlint.facts.frames import FrameKind, Frames
from greenlint.facts.loops import Loops
from greenlint.facts.names import dotted
from greenlint.facts.searches import Searches
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.frames import JOINERS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Growing", "Growth"]


@dataclass(frozen=True, slots=True, eq=False)
class Growing:
    """A statement that makes its target anew, longer by a piece, in each pass of a loop."""

    node: cst.Assign
    target: cst.BaseExpression
    joiner: Call | None
    """The call that joins, ``None`` for ``df.loc[len(df)] = ...``."""
    loops: tuple[cst.For | cst.While, ...]
    """The loops in which it grows, innermost first."""
    passes: int | None
    """How often it grows, when that is written."""


class Growth:
    """What grows by copies in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._values = facts[Values]

    @functools.cached_property
    def all(self) -> tuple[Growing, ...]:
        """Everything that grows in a loop and is not looked at while it does, in source order."""
        return tuple(self._find())

    def _find(self) -> Iterator[Growing]:
        for node in self._tree.of_type(cst.Assign):
            if len(node.targets) != 1 or not self._tree.loops_around(node):
                continue
            target = node.targets[0].target
            if self._adds_row(target):
                assert isinstance(target, cst.Subscript) and isinstance(target.value, cst.Attribute)
                yield from self._made(node, target.value.value, None)
                continue
            joiner = self._joiner(target, node.value)
            if joiner is not None:
                yield from self._made(node, target, joiner)

    # -- forms ------------------------------------------------------------------------------------------------

    def _joiner(self, target: cst.BaseExpression, value: cst.BaseExpression) -> Call | None:
        """The call in ``value`` that joins ``target`` and something else."""
        text = self._source(target)
        if isinstance(target, (cst.Tuple, cst.List)):
            return None
        while isinstance(value, cst.Call):
            call = self._calls.of(value)
            if call.name is not None and JOINERS.match(call.name):
                return call if self._joins(call, text) else None
            receiver = call.receiver
            if receiver is None:
                return None
            if self._source(receiver) == text:
                return call if self._appends(call) else None
            value = receiver
        return None

    def _joins(self, call: Call, text: str) -> bool:
        if not call.positional:
            return False
        first = call.positional[0]
        if call.name is not None and call.name.endswith(".append"):
            return self._source(first) == text and len(call.positional) > 1
        if not isinstance(first, (cst.List, cst.Tuple)) or len(first.elements) < 2:
            return False
        same = [self._source(each.value) == text for each in first.elements]
        return same.count(True) == 1 and (same[0] or same[-1])

    def _appends(self, call: Call) -> bool:
        """``df = df.append(row)``: lists give nothing back."""
        if call.method != "append" or not call.positional or call.receiver is None:
            return False
        if self._values.owner(call.receiver) is not None:
            return False
        kind = self._facts[Frames].kind(call.receiver)
        return kind in (FrameKind.FRAME, FrameKind.SERIES) or call.keyword("ignore_index") is not None

    def _adds_row(self, target: cst.BaseExpression) -> bool:
        """``df.loc[len(df)]``, ``df.loc[df.shape[0], "a"]``."""
        if not isinstance(target, cst.Subscript) or not isinstance(target.value, cst.Attribute):
            return False
        if target.value.attr.value != "loc" or not target.slice or not isinstance(target.slice[0].slice, cst.Index):
            return False
        frame = self._source(target.value.value)
        index = self._source(target.slice[0].slice.value).replace(" ", "")
        return index in (f"len({frame})", f"len({frame}.index)", f"{frame}.shape[0]", f"len({frame})+1")

    # -- loops ------------------------------------------------------------------------------------------------

    def _made(self, node: cst.Assign, target: cst.BaseExpression, joiner: Call | None) -> Iterator[Growing]:
        if self._facts[Contexts].dead(node):
            return
        loops: list[cst.For | cst.While] = []
        for loop in self._tree.loops_around(node):
            if self._is_looked_at(node, target, loop) or self._starts_anew(node, target, loop):
                break
            loops.append(loop)
        if not loops or self._ends(node, loops[0]):
            return
        yield Growing(node, target, joiner, tuple(loops), self._passes(loops))

    def _passes(self, loops: list[cst.For | cst.While]) -> int | None:
        product = 1
        for loop in loops:
            count = self._facts[Loops].of(loop).iterations
            if count is None and isinstance(loop, cst.For):
                count = self._facts[Searches].length(self._values.iterated(loop.iter))
            if count is None:
                return None
            product *= count
        return product

    def _ends(self, node: cst.CSTNode, loop: cst.For | cst.While) -> bool:
        """Whether the loop is left right after."""
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.BaseSuite) and above.body:
                last = above.body[-1]
                small = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else last
                if isinstance(small, (cst.Break, cst.Return)):
                    return True
            if above is loop:
                return False
        return False

    def _starts_anew(self, node: cst.Assign, target: cst.BaseExpression, loop: cst.For | cst.While) -> bool:
        """Whether the loop gives the target another value, other than the first piece."""
        text = self._source(target)
        if isinstance(loop, cst.For) and text in {
            self._source(each) for each in self._tree.below(loop.target, cst.Name)
        }:
            return True
        for each in self._tree.below(loop.body, cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.With, cst.For):
            bound: list[cst.CSTNode] = []
            if isinstance(each, cst.With):
                bound += (item.asname.name for item in each.items if item.asname is not None)
            elif isinstance(each, (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For)):
                bound.append(each.target)
            if not any(self._source(part) == text for one in bound for part in _parts(one)):
                continue
            if self._tree.contains(node, each) or self._is_first_piece(each, node, text, loop):
                continue
            statement = self._tree.statement(each)
            if isinstance(statement, cst.Assign) and self._joiner(target, statement.value) is not None:
                continue
            return True
        return False

    def _is_first_piece(self, each: cst.CSTNode, node: cst.Assign, text: str, loop: cst.For | cst.While) -> bool:
        """Whether a value is given in another branch than the growth, or when there is none yet."""
        for above in self._tree.ancestors(each):
            if above is loop:
                return False
            if isinstance(above, (cst.If, cst.Try)) and self._tree.contains(above, node):
                return True
            if isinstance(above, cst.If):
                test = self._source(above.test)
                if text in test and ("None" in test or "len(" in test or "empty" in test or "not " in test):
                    return True
        return False

    def _is_looked_at(self, node: cst.Assign, target: cst.BaseExpression, loop: cst.For | cst.While) -> bool:
        """Whether a pass of the loop needs what has grown so far."""
        text = self._source(target)
        root = target
        while isinstance(root, cst.Subscript):
            root = root.value
        name = dotted(root)
        if name is None:
            return True
        bodies: list[cst.CSTNode] = [loop.body]
        if isinstance(loop, cst.While):
            bodies.append(loop.test)
        for body in bodies:
            for each in self._tree.below(body, cst.Name, cst.Attribute):
                if dotted(each) == name and not self._is_harmless(each, root is not target, text, node):
                    return True
        return False

    def _is_harmless(self, use: cst.CSTNode, is_item: bool, text: str, node: cst.Assign) -> bool:
        """Whether a use only grows, stores, counts or asks whether there is anything yet."""
        tree = self._tree
        above = tree.parent(use)
        if isinstance(above, cst.Attribute) and above.attr is use:
            return True
        if isinstance(above, cst.Attribute):
            if above.attr.value in _SIZES:
                return True
            call = tree.parent(above)
            if isinstance(call, cst.Call) and call.func is above:
                return above.attr.value in ("append", "size", "numel", "dim", "keys", *_CHAINED) and (
                    above.attr.value != "append" or self._grows(use, text)
                )
            if above.attr.value == "loc":
                return self._grows(use, text)
        if isinstance(above, cst.Arg):
            call = tree.parent(above)
            if isinstance(call, cst.Call) and self._source(call.func) in ("len", "isinstance"):
                return True
        if isinstance(above, cst.Comparison):
            return True
        if isinstance(above, cst.ComparisonTarget):
            return isinstance(above.operator, (cst.Is, cst.IsNot, cst.In, cst.NotIn))
        if isinstance(above, (cst.AssignTarget, cst.AnnAssign)):
            return True
        if isinstance(above, (cst.If, cst.IfExp, cst.UnaryOperation)) and not is_item:
            return True
        if is_item and isinstance(above, cst.Subscript) and above.value is use:
            outer: cst.CSTNode = above
            while self._source(outer) != text:
                parent = tree.parent(outer)
                if not isinstance(parent, cst.Subscript):
                    return False
                outer = parent
            return isinstance(tree.parent(outer), cst.AssignTarget) or self._grows(use, text)
        return self._grows(use, text)

    def _grows(self, use: cst.CSTNode, text: str) -> bool:
        """Whether a use is the part of a growing statement that is copied."""
        statement = self._tree.statement(use)
        if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
            return False
        target = statement.targets[0].target
        if self._tree.contains(target, use):
            return True
        joiner = self._joiner(target, statement.value) if self._source(target) == text else None
        if joiner is None:
            return False
        if joiner.receiver is not None and self._tree.contains(joiner.receiver, use):
            return True
        first = joiner.positional[0]
        if self._source(first) == text:
            return self._tree.contains(first, use)
        if not isinstance(first, (cst.List, cst.Tuple)):
            return False
        copied = [each.value for each in first.elements if self._source(each.value) == text]
        return any(self._tree.contains(each, use) for each in copied)

    def _source(self, node: cst.CSTNode) -> str:
        return self._facts.document.source(node)


_SIZES = frozenset(("shape", "size", "empty", "ndim", "index"))
_CHAINED = ("reset_index", "astype", "copy", "to", "contiguous")


def _parts(target: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(target, (cst.Tuple, cst.List)):
        for each in target.elements:
            yield from _parts(each.value)
    else:
        yield target
