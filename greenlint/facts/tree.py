"""Parents, source order and nodes by type."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

import libcst as cst

from greenlint.facts.regions import Regions
from greenlint.shape import Shape, children

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Tree"]

N = TypeVar("N", bound=cst.CSTNode)

_SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda)
_STATEMENTS = (cst.BaseSmallStatement, cst.BaseCompoundStatement)


class Tree:
    """The shape of one file."""

    of_document: ClassVar[bool] = True

    # Nodes are counted in source order, and told by id(): hashing them runs code of libcst's own each time. Types are
    # compared where a method runs for every node: isinstance() of a class with an abstract base costs five times more.

    def __init__(self, facts: Facts) -> None:
        document = facts.document
        self.root = document.tree
        self._order: list[cst.CSTNode] = [self.root]
        self._above: list[int] = [-1]
        """The rank of each node's parent."""
        self._end: list[int] = [0]
        """The rank of the last node below each."""
        self._types: dict[type, list[cst.CSTNode]] = {cst.Module: [self.root]}
        self._ranks: dict[type, list[int]] = {}
        """The ranks of the nodes of each type that somebody has asked for."""
        self._join(map(document.shape, children(self.root)))

    def _join(self, shapes: Iterable[Shape]) -> None:
        """Put together what stands at the top of the module, which an edit leaves as it was for the most part."""
        order, above, end, types = self._order, self._above, self._end, self._types
        for shape in shapes:
            base = len(order)
            order += shape.nodes
            above += [each + base for each in shape.above]
            above[base] = 0
            end += [each + base for each in shape.end]
            for kind, nodes in shape.types.items():
                types.setdefault(kind, []).extend(nodes)
        end[0] = len(order) - 1
        self._rank = dict(zip(map(id, order), range(len(order)), strict=True))

    def of_type(self, *types: type[N]) -> Sequence[N]:
        """All nodes of these exact types, in source order within each type."""
        found: list[N] = []
        for kind in types:
            found.extend(self._types.get(kind, ()))  # type: ignore[arg-type]
        return found

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node above, ``None`` for the module."""
        above = self._parent_rank(node)
        return self._order[above] if above >= 0 else None

    def stands_alone(self, node: cst.CSTNode) -> bool:
        """Whether an assignment has one target, or a call is all of its statement."""
        if isinstance(node, cst.Assign):
            return len(node.targets) == 1
        return isinstance(node, cst.Call) and isinstance(self.parent(node), cst.Expr)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes above, innermost first."""
        order, parents = self._order, self._above
        above = self._parent_rank(node)
        while above >= 0:
            yield order[above]
            above = parents[above]

    def _parent_rank(self, node: cst.CSTNode) -> int:
        rank = self._rank.get(id(node))
        return -1 if rank is None else self._above[rank]

    def enclosing(self, node: cst.CSTNode, *types: type[N]) -> N | None:
        """The innermost node above of one of these types."""
        for above in self.ancestors(node):
            if isinstance(above, types):
                return above
        return None

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function whose body holds ``node``; a decorator or default is not in the body."""
        rank = self._rank.get(id(node))
        return None if rank is None else self._functions.at(rank)

    @functools.cached_property
    def _functions(self) -> Regions[cst.FunctionDef | None]:
        regions: Regions[cst.FunctionDef | None] = Regions(None)
        for node in self.of_type(cst.FunctionDef):
            regions.reach(self.first(node))
            regions.mark(self.first(node.body), self.last(node.body), node)
        regions.finish()
        return regions

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
        rank = self._rank.get(id(node))
        return [] if rank is None else [*self._loops.at(rank)]

    @functools.cached_property
    def _loops(self) -> Regions[tuple[cst.For | cst.While, ...]]:
        regions: Regions[tuple[cst.For | cst.While, ...]] = Regions(())
        for node in sorted(self.of_type(cst.For, cst.While, *_SCOPES), key=self.first):
            rank = self.first(node)
            around = regions.reach(rank)
            if not isinstance(node, (cst.For, cst.While)):
                regions.mark(rank + 1, self.last(node), ())
                continue
            regions.mark(self.first(node.body), self.last(node.body), (node, *around))
            if isinstance(node, cst.While):
                regions.mark(self.first(node.test), self.last(node.test), (node, *around))
        regions.finish()
        return regions

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The innermost small or compound statement that is or holds ``node``."""
        if isinstance(node, _STATEMENTS):
            return node
        for above in self.ancestors(node):
            if isinstance(above, _STATEMENTS):
                return above
        return node

    def first(self, node: cst.CSTNode) -> int:
        """Rank of ``node`` in source order."""
        return self._rank[id(node)]

    def last(self, node: cst.CSTNode) -> int:
        """Rank of the last node below ``node``."""
        return self._end[self._rank[id(node)]]

    def contains(self, outer: cst.CSTNode, inner: cst.CSTNode) -> bool:
        """Whether ``inner`` is ``outer`` or stands below it."""
        first = self._rank[id(outer)]
        return first <= self._rank[id(inner)] <= self._end[first]

    def __contains__(self, node: object) -> bool:
        return id(node) in self._rank

    def below(self, node: cst.CSTNode, *types: type[N]) -> Iterator[N]:
        """The nodes of these types that are or stand below ``node``, in source order within each type."""
        low = self._rank[id(node)]
        high = self._end[low]
        for kind in types:
            ranks = self._ranks_of(kind)
            start = bisect.bisect_left(ranks, low)
            yield from self._types.get(kind, ())[start : bisect.bisect_right(ranks, high, start)]  # type: ignore[misc]

    def _ranks_of(self, kind: type) -> list[int]:
        known = self._ranks.get(kind)
        if known is None:
            known = self._ranks[kind] = [self._rank[id(each)] for each in self._types.get(kind, ())]
        return known

    def part(self, nodes: list[N], within: cst.CSTNode) -> list[N]:
        """Those of ``nodes``, which are in source order, that are or stand below ``within``."""
        low = self._rank[id(within)]

        def rank(node: N) -> int:
            return self._rank[id(node)]

        start = bisect.bisect_left(nodes, low, key=rank)
        return nodes[start : bisect.bisect_right(nodes, self._end[low], start, key=rank)]

    def walk(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """``node`` and everything below it in source order."""
        first = self._rank[id(node)]
        return iter(self._order[first : self._end[first] + 1])
