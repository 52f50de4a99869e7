"""The nodes of a statement that hold code, in source order, with what stands above each."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

import libcst as cst

from greenlint.regions import Regions

__all__ = ["Shape", "children", "shape_of"]

_LAYOUT = frozenset(
    """lpar rpar lbrace rbrace lbracket rbracket comma semicolon leading_lines lines_after_decorators header footer
    lines_after_module_header dot equal colon first_colon second_colon first second asynchronous operator_ newline
    trailing_whitespace whitespace indent body_whitespace encoding default_indent default_newline has_trailing_newline
    params_ star_ kwstar""".split()
)


def _semantic_fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """The fields of a node type that hold code, in source order; layout and punctuation are left out."""
    names = tuple(
        name
        for name in kind.__dataclass_fields__
        if name not in _LAYOUT and not name.startswith(("whitespace", "_", "leading_", "trailing_"))
    )
    # Decorators stand first in the file but late among the fields.
    return tuple(sorted(names, key=lambda name: name != "decorators")) if "decorators" in names else names


def _getter(kind: type[cst.CSTNode]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads all fields of a node that hold code at once."""
    names = _semantic_fields(kind)
    if not names:
        return lambda node: ()
    if len(names) == 1:
        single = attrgetter(names[0])
        return lambda node: (single(node),)
    return attrgetter(*names)


_FIELDS = {
    kind: _getter(kind)
    for kind in vars(cst).values()
    if isinstance(kind, type) and issubclass(kind, cst.CSTNode) and hasattr(kind, "__dataclass_fields__")
}


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes directly below ``node`` that hold code, in source order."""
    # Nodes are told by their type in the table: isinstance() of an abstract class costs ten times as much.
    found: list[cst.CSTNode] = []
    fields = _FIELDS
    for value in fields[type(node)](node):
        kind = type(value)
        if kind in fields:
            found.append(value)
        elif kind is list or kind is tuple:
            found.extend([each for each in value if type(each) in fields])
    return found


class Shape:
    """A node and everything below it. Ranks count from 0 for the node itself, in source order."""

    def __init__(
        self, nodes: list[cst.CSTNode], above: list[int], end: list[int], ranks: dict[type[cst.CSTNode], list[int]]
    ) -> None:
        self.nodes = nodes
        self.above = above
        """The rank of each node's parent."""
        self.end = end
        """The rank of the last node below each."""
        self.ranks = ranks
        """The ranks of the nodes of each exact type."""
        self._types: dict[type[cst.CSTNode], list[cst.CSTNode]] = {}

    def of_type(self, kind: type[cst.CSTNode]) -> list[cst.CSTNode]:
        """The nodes of this exact type."""
        found = self._types.get(kind)
        if found is None:
            found = self._types[kind] = [self.nodes[each] for each in self.ranks.get(kind, ())]
        return found

    def named(self, name: str) -> Sequence[cst.Name]:
        """The places that write a name, attributes and keywords included."""
        return self._names.get(name, ())

    @functools.cached_property
    def _names(self) -> dict[str, list[cst.Name]]:
        names: dict[str, list[cst.Name]] = {}
        for each in cast("list[cst.Name]", self.of_type(cst.Name)):
            names.setdefault(each.value, []).append(each)
        return names

    def below(self, rank: int, kind: type[cst.CSTNode]) -> list[cst.CSTNode]:
        """The nodes of this exact type that are, or stand below, the one of this rank."""
        ranks = self.ranks.get(kind)
        if ranks is None:
            return []
        start = bisect.bisect_left(ranks, rank)
        return self.of_type(kind)[start : bisect.bisect_right(ranks, self.end[rank], start)]

    @functools.cached_property
    def functions(self) -> Regions[cst.FunctionDef | None]:
        """The function whose body holds each rank."""
        regions: Regions[cst.FunctionDef | None] = Regions(None)
        for rank in self.ranks.get(cst.FunctionDef, ()):
            node = cast("cst.FunctionDef", self.nodes[rank])
            regions.reach(rank)
            body = self._rank_below(node.body, rank)
            regions.mark(body, self.end[body], node)
        regions.finish()
        return regions

    @functools.cached_property
    def loops(self) -> Regions[tuple[cst.For | cst.While, ...]]:
        """The loops of the same function whose body, or condition, holds each rank, innermost first."""
        regions: Regions[tuple[cst.For | cst.While, ...]] = Regions(())
        for rank in sorted(rank for kind in _LOOPS_AND_SCOPES for rank in self.ranks.get(kind, ())):
            node, around = self.nodes[rank], regions.reach(rank)
            if not isinstance(node, (cst.For, cst.While)):
                regions.mark(rank + 1, self.end[rank], ())
                continue
            body = self._rank_below(node.body, rank)
            regions.mark(body, self.end[body], (node, *around))
            if isinstance(node, cst.While):
                test = self._rank_below(node.test, rank)
                regions.mark(test, self.end[test], (node, *around))
        regions.finish()
        return regions

    def with_statements(
        self, old: Sequence[cst.CSTNode], new: Sequence[cst.CSTNode], around: Mapping[int, cst.CSTNode]
    ) -> Shape:
        """The same with ``new`` statements for the ``old`` ones that follow each other.

        ``around`` are the nodes that hold them and so are new as well, by the ``id()`` of those in their places.
        """
        first = self.nodes.index(old[0])
        last = self.end[self.nodes.index(old[-1], first)]
        nodes, above = self.nodes[:first], self.above[:first]
        end = self.end[:first]
        ranks = {kind: [rank for rank in known if rank < first] for kind, known in self.ranks.items()}
        for shape in map(shape_of, new):
            base = len(nodes)
            nodes += shape.nodes
            above += [self.above[first], *(rank + base for rank in shape.above[1:])]
            end += [rank + base for rank in shape.end]
            for kind, known in shape.ranks.items():
                ranks.setdefault(kind, []).extend([rank + base for rank in known])
        further = len(nodes) - last - 1
        nodes += self.nodes[last + 1 :]
        above += [rank + further if rank > last else rank for rank in self.above[last + 1 :]]
        end += [rank + further for rank in self.end[last + 1 :]]
        for kind, known in self.ranks.items():
            ranks[kind] += [rank + further for rank in known if rank > last]
        holder = above[first]
        while holder >= 0:
            nodes[holder] = around[id(nodes[holder])]
            end[holder] += further
            holder = above[holder]
        return Shape(nodes, above, end, {kind: known for kind, known in ranks.items() if known})

    def _rank_below(self, child: cst.CSTNode, above: int) -> int:
        """The rank of a child of the node that has the rank ``above``."""
        rank = above + 1
        while self.nodes[rank] is not child:
            rank = self.end[rank] + 1
        return rank


_LOOPS_AND_SCOPES = (cst.For, cst.While, cst.FunctionDef, cst.ClassDef, cst.Lambda)


def shape_of(node: cst.CSTNode) -> Shape:
    """The shape of ``node``."""
    nodes: list[cst.CSTNode] = []
    above: list[int] = []
    ranks: dict[type[cst.CSTNode], list[int]] = {}
    stack: list[tuple[cst.CSTNode, int]] = [(node, -1)]
    pop, push = stack.pop, stack.append
    while stack:
        each, parent = pop()
        here = len(nodes)
        nodes.append(each)
        above.append(parent)
        kind = type(each)
        if kind in ranks:
            ranks[kind].append(here)
        else:
            ranks[kind] = [here]
        for child in reversed(children(each)):
            push((child, here))
    end = list(range(len(nodes)))
    for here in range(len(nodes) - 1, 0, -1):
        parent = above[here]
        if end[parent] < end[here]:
            end[parent] = end[here]
    return Shape(nodes, above, end, ranks)
