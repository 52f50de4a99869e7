"""Parents, source order and nodes by type."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

import libcst as cst

if TYPE_CHECKING:
    from greenlint.document import Part
    from greenlint.facts import Facts

__all__ = ["Tree"]

N = TypeVar("N", bound=cst.CSTNode)

_NOWHERE: tuple[Part | None, int] = (None, 0)
_STATEMENTS = (cst.BaseSmallStatement, cst.BaseCompoundStatement)


_ABSTRACT = frozenset(each for each in vars(cst).values() if isinstance(each, type) and each.__subclasses__())
"""The types of which others are derived."""


class Tree:
    """The shape of one file."""

    of_document: ClassVar[bool] = True

    # Nodes are counted in source order, and told by id(): hashing them runs code of libcst's own each time. Types are
    # compared where a method runs for every node: isinstance() of a class with an abstract base costs five times more.
    # What is known of a statement at the top is its own, and only put together here: an edit leaves most as they were.

    def __init__(self, facts: Facts) -> None:
        self._document = document = facts.document
        self.root = document.tree
        self._parts = document.parts
        self._index = document.index
        self._base: dict[Part, int] = {}
        """The rank of each statement at the top of the module, which itself has 0."""
        self._end = 0
        """The rank of the last node."""
        for part in self._parts:
            self._base[part] = self._end + 1
            self._end += len(part.shape.nodes)
        self._types: dict[type[cst.CSTNode], list[cst.CSTNode]] = {cst.Module: [self.root]}

    def of_type(self, *types: type[N]) -> Sequence[N]:
        """All nodes of these exact types, in source order within each type."""
        if len(types) == 1:
            return self._of(types[0])
        return [node for kind in types for node in self._of(kind)]

    def _of(self, kind: type[N]) -> Sequence[N]:
        found = self._types.get(kind)
        if found is None:
            found = self._types[kind] = [node for part in self._parts for node in part.shape.of_type(kind)]
        return cast("Sequence[N]", found)

    def named(self, name: str) -> Sequence[cst.Name]:
        """All places that write a name, attributes and keywords included, in source order."""
        return self._document.named(name)

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node above, ``None`` for the module."""
        part, rank = self._index.get(id(node), _NOWHERE)
        if part is None:
            return None
        above = part.shape.above[rank]
        return part.shape.nodes[above] if above >= 0 else self.root

    def stands_alone(self, node: cst.CSTNode) -> bool:
        """Whether an assignment has one target, or a call is all of its statement."""
        if isinstance(node, cst.Assign):
            return len(node.targets) == 1
        return isinstance(node, cst.Call) and isinstance(self.parent(node), cst.Expr)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes above, innermost first."""
        part, rank = self._index.get(id(node), _NOWHERE)
        if part is None:
            return
        nodes, parents = part.shape.nodes, part.shape.above
        above = parents[rank]
        while above >= 0:
            yield nodes[above]
            above = parents[above]
        yield self.root

    def enclosing(self, node: cst.CSTNode, *types: type[N]) -> N | None:
        """The innermost node above of one of these types."""
        # To ask isinstance() of a class of libcst runs code of the abc module where the answer is no.
        are_exact = _ABSTRACT.isdisjoint(types)
        for above in self.ancestors(node):
            if type(above) in types or (not are_exact and isinstance(above, types)):
                return cast("N", above)
        return None

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function whose body holds ``node``; a decorator or default is not in the body."""
        part, rank = self._index.get(id(node), _NOWHERE)
        return None if part is None else part.shape.functions.at(rank)

    def class_of(self, function: cst.FunctionDef) -> cst.ClassDef | None:
        """The class whose method ``function`` is."""
        for above in self.ancestors(function):
            if type(above) is cst.ClassDef:
                return above
            if type(above) is cst.FunctionDef:
                return None
        return None

    def loops_around(self, node: cst.CSTNode) -> list[cst.For | cst.While]:
        """The loops of the same function whose body holds ``node``, innermost first."""
        part, rank = self._index.get(id(node), _NOWHERE)
        return [] if part is None else [*part.shape.loops.at(rank)]

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The innermost small or compound statement that is or holds ``node``."""
        if isinstance(node, _STATEMENTS):
            return node
        for above in self.ancestors(node):
            if isinstance(above, _STATEMENTS):
                return above
        return node

    def place(self, node: cst.CSTNode) -> tuple[Part | None, int]:
        """The statement at the top of the module that a node is in, and its rank in that; ``None`` for the module."""
        return self._index.get(id(node), _NOWHERE)

    def first(self, node: cst.CSTNode) -> int:
        """Rank of ``node`` in source order."""
        if node is self.root:
            return 0
        part, rank = self._index[id(node)]
        return self._base[part] + rank

    def last(self, node: cst.CSTNode) -> int:
        """Rank of the last node below ``node``."""
        if node is self.root:
            return self._end
        part, rank = self._index[id(node)]
        return self._base[part] + part.shape.end[rank]

    def contains(self, outer: cst.CSTNode, inner: cst.CSTNode) -> bool:
        """Whether ``inner`` is ``outer`` or stands below it."""
        if outer is self.root:
            return inner in self
        if inner is self.root:
            return False
        part, first = self._index[id(outer)]
        other, rank = self._index[id(inner)]
        return part is other and first <= rank <= part.shape.end[first]

    def __contains__(self, node: object) -> bool:
        return id(node) in self._index or node is self.root

    def below(self, node: cst.CSTNode, *types: type[N]) -> Iterator[N]:
        """The nodes of these types that are or stand below ``node``, in source order within each type."""
        if node is self.root:
            yield from self.of_type(*types)
            return
        part, rank = self._index[id(node)]
        for kind in types:
            yield from part.shape.below(rank, kind)  # type: ignore[misc] # of this type they are

    def part(self, nodes: Sequence[N], within: cst.CSTNode) -> Sequence[N]:
        """Those of ``nodes``, which are in source order, that are or stand below ``within``."""
        start = bisect.bisect_left(nodes, self.first(within), key=self.first)
        return nodes[start : bisect.bisect_right(nodes, self.last(within), start, key=self.first)]

    def walk(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """``node`` and everything below it in source order."""
        if node is self.root:
            return itertools.chain((node,), *(part.shape.nodes for part in self._parts))
        part, rank = self._index[id(node)]
        return iter(part.shape.nodes[rank : part.shape.end[rank] + 1])
