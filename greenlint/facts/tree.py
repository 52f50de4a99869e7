"""Parents, source order and nodes by type, from one walk over the tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

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


_FIELDS = {
    kind: _semantic_fields(kind)
    for kind in vars(cst).values()
    if isinstance(kind, type) and issubclass(kind, cst.CSTNode) and hasattr(kind, "__dataclass_fields__")
}


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes directly below ``node`` that hold code, in source order."""
    # Nodes are told by their type in the table: isinstance() of an abstract class costs ten times as much.
    found: list[cst.CSTNode] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        kind = type(value)
        if kind in _FIELDS:
            found.append(value)
        elif kind is list or kind is tuple:
            found.extend([each for each in value if type(each) in _FIELDS])
    return found


_BODIES = (cst.IndentedBlock, cst.SimpleStatementSuite, cst.Module)
_STATEMENTS = (cst.BaseSmallStatement, cst.BaseCompoundStatement)


class Tree:
    """The shape of one file."""

    def __init__(self, facts: Facts) -> None:
        self.root = facts.document.tree
        self._parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self._first: dict[cst.CSTNode, int] = {}
        self._last: dict[cst.CSTNode, int] = {}
        self._types: dict[type, list[cst.CSTNode]] = {}
        self._walk()

    def _walk(self) -> None:
        first, last, parents, types = self._first, self._last, self._parents, self._types
        counter = 0
        stack: list[tuple[cst.CSTNode, bool]] = [(self.root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                last[node] = counter
                continue
            counter += 1
            first[node] = counter
            types.setdefault(type(node), []).append(node)
            below = children(node)
            if not below:
                last[node] = counter
                continue
            stack.append((node, True))
            for child in reversed(below):
                parents[child] = node
                stack.append((child, False))

    def of_type(self, *types: type[N]) -> Sequence[N]:
        """All nodes of these exact types, in source order within each type."""
        found: list[N] = []
        for kind in types:
            found.extend(self._types.get(kind, ()))  # type: ignore[arg-type]
        return found

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node above, ``None`` for the module."""
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes above, innermost first."""
        parents = self._parents
        above = parents.get(node)
        while above is not None:
            yield above
            above = parents.get(above)

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
            if isinstance(above, cst.FunctionDef) and below is above.body:
                return above
            below = above
        return None

    def class_of(self, function: cst.FunctionDef) -> cst.ClassDef | None:
        """The class whose method ``function`` is."""
        for above in self.ancestors(function):
            if isinstance(above, cst.ClassDef):
                return above
            if isinstance(above, cst.FunctionDef):
                return None
        return None

    def loops_around(self, node: cst.CSTNode) -> list[cst.For | cst.While]:
        """The loops of the same function whose body holds ``node``, innermost first."""
        found: list[cst.For | cst.While] = []
        below = node
        for above in self.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
                break
            if (isinstance(above, cst.For) and below is above.body) or (
                isinstance(above, cst.While) and below in (above.body, above.test)
            ):
                found.append(above)
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
        return self._first[node]

    def last(self, node: cst.CSTNode) -> int:
        """Rank of the last node below ``node``."""
        return self._last[node]

    def contains(self, outer: cst.CSTNode, inner: cst.CSTNode) -> bool:
        """Whether ``inner`` is ``outer`` or stands below it."""
        return self._first[outer] <= self._first[inner] <= self._last[outer]

    def __contains__(self, node: object) -> bool:
        return node in self._first

    def below(self, node: cst.CSTNode, *types: type[N]) -> Iterator[N]:
        """The nodes of these types that are or stand below ``node``, in source order within each type."""
        first, last = self._first[node], self._last[node]
        for kind in types:
            yield from _slice(self._types.get(kind, []), self._first, first, last)  # type: ignore[misc]

    def walk(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """``node`` and everything below it in source order."""
        stack = [node]
        while stack:
            each = stack.pop()
            yield each
            stack.extend(reversed(children(each)))


def _slice(nodes: list[cst.CSTNode], rank: dict[cst.CSTNode, int], low: int, high: int) -> Iterator[cst.CSTNode]:
    """The part of ``nodes``, sorted by rank, between two ranks: found by bisection."""
    left, right = 0, len(nodes)
    while left < right:
        middle = (left + right) // 2
        if rank[nodes[middle]] < low:
            left = middle + 1
        else:
            right = middle
    for each in nodes[left:]:
        if rank[each] > high:
            return
        yield each
