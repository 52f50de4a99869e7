"""Parents, source order and nodes by type, from one walk over the tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import libcst as cst

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Tree", "children"]

N = TypeVar("N", bound=cst.CSTNode)

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


_SCOPES = frozenset((cst.FunctionDef, cst.ClassDef, cst.Lambda))
_STATEMENTS = (cst.BaseSmallStatement, cst.BaseCompoundStatement)


class Tree:
    """The shape of one file."""

    of_document: ClassVar[bool] = True

    # Nodes are counted in source order, and told by id(): hashing them runs code of libcst's own each time. Types are
    # compared where a method runs for every node: isinstance() of a class with an abstract base costs five times more.

    def __init__(self, facts: Facts) -> None:
        self.root = facts.document.tree
        self._order: list[cst.CSTNode] = []
        self._rank: dict[int, int] = {}
        self._above: list[int] = []
        """The rank of each node's parent."""
        self._end: list[int] = []
        """The rank of the last node below each."""
        self._types: dict[type, list[cst.CSTNode]] = {}
        self._walk()

    def _walk(self) -> None:
        order, rank, above, types = self._order, self._rank, self._above, self._types
        stack: list[tuple[cst.CSTNode, int]] = [(self.root, -1)]
        pop, push = stack.pop, stack.append
        while stack:
            node, parent = pop()
            here = len(order)
            order.append(node)
            rank[id(node)] = here
            above.append(parent)
            kind = type(node)
            if kind in types:
                types[kind].append(node)
            else:
                types[kind] = [node]
            for child in reversed(children(node)):
                push((child, here))
        self._end = end = list(range(len(order)))
        for here in range(len(order) - 1, 0, -1):
            parent = above[here]
            if end[parent] < end[here]:
                end[parent] = end[here]

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

    def in_order(self) -> Iterator[tuple[cst.CSTNode, int]]:
        """Every node in source order with the rank of its parent, -1 for the module."""
        return zip(self._order, self._above, strict=True)

    def enclosing(self, node: cst.CSTNode, *types: type[N]) -> N | None:
        """The innermost node above of one of these types."""
        for above in self.ancestors(node):
            if isinstance(above, types):
                return above
        return None

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function whose body holds ``node``; a decorator or default is not in the body."""
        below = node
        for above in self.ancestors(node):
            if type(above) is cst.FunctionDef and below is above.body:
                return above
            below = above
        return None

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
        found: list[cst.For | cst.While] = []
        below = node
        for above in self.ancestors(node):
            kind = type(above)
            if kind in _SCOPES:
                break
            if kind is cst.For or kind is cst.While:
                loop = cast("cst.For | cst.While", above)
                if below is loop.body or below is getattr(loop, "test", None):
                    found.append(loop)
            below = above
        return found

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
        first = self._rank[id(node)]
        last = self._end[first]
        for kind in types:
            yield from _slice(self._types.get(kind, []), self._rank, first, last)  # type: ignore[misc]

    def walk(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """``node`` and everything below it in source order."""
        first = self._rank[id(node)]
        return iter(self._order[first : self._end[first] + 1])


def _slice(nodes: list[cst.CSTNode], rank: dict[int, int], low: int, high: int) -> Iterator[cst.CSTNode]:
    """The part of ``nodes``, sorted by rank, between two ranks: found by bisection."""
    left, right = 0, len(nodes)
    while left < right:
        middle = (left + right) // 2
        if rank[id(nodes[middle])] < low:
            left = middle + 1
        else:
            right = middle
    for each in nodes[left:]:
        if rank[id(each)] > high:
            return
        yield each
