"""The nodes of a statement that hold code, in source order, with what stands above each."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import libcst as cst

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


class Shape(NamedTuple):
    """A node and everything below it. Ranks count from 0 for the node itself."""

    nodes: list[cst.CSTNode]
    above: list[int]
    """The rank of each node's parent."""
    end: list[int]
    """The rank of the last node below each."""
    types: dict[type[cst.CSTNode], list[cst.CSTNode]]


def shape_of(node: cst.CSTNode) -> Shape:
    """The shape of ``node``."""
    nodes: list[cst.CSTNode] = []
    above: list[int] = []
    types: dict[type[cst.CSTNode], list[cst.CSTNode]] = {}
    stack: list[tuple[cst.CSTNode, int]] = [(node, -1)]
    pop, push = stack.pop, stack.append
    while stack:
        each, parent = pop()
        here = len(nodes)
        nodes.append(each)
        above.append(parent)
        kind = type(each)
        if kind in types:
            types[kind].append(each)
        else:
            types[kind] = [each]
        for child in reversed(children(each)):
            push((child, here))
    end = list(range(len(nodes)))
    for here in range(len(nodes) - 1, 0, -1):
        parent = above[here]
        if end[parent] < end[here]:
            end[parent] = end[here]
    return Shape(nodes, above, end, types)
