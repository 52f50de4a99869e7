"""How large a tensor is that was made from shapes and numbers, as far as the code shows it."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.factories import Made
from greenlint.facts.values import Values
from greenlint.knowledge import factories as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Extent", "Extents"]

_FEW = 16
"""Numbers that a copy does not notice; times the length of a batch it is still small."""
_BY_DIMENSIONS = frozenset(f"torch.{name}" for name in ("zeros", "ones", "empty", "rand", "randn")) | known.LEGACY
_RANGES = frozenset(("torch.arange", "torch.linspace", "torch.logspace", "torch.randperm"))
_SHAPE_AT = {"torch.full": 0, "torch.randint": 2}
_ENLARGES = frozenset(("repeat", "expand", "expand_as", "tile", "repeat_interleave", "outer"))


class Extent(enum.Enum):
    """The number of elements."""

    ONE = "one"
    FEW = "few"
    """A few numbers, or so many for each sample of a batch."""
    MANY = "many or not known"


class Extents:
    """The extents of tensors that one file makes."""

    def __init__(self, facts: Facts) -> None:
        self._calls = facts[Calls]
        self._values = facts[Values]

    def of(self, made: Made, source: cst.BaseExpression) -> Extent:
        """The extent of ``source``, which was made as ``made`` says."""
        while source is not made.call.node:
            # Methods that keep the size lead from the whole expression to the call that makes it.
            if not isinstance(source, cst.Call) or not isinstance(source.func, cst.Attribute):
                return Extent.MANY
            if source.func.attr.value in _ENLARGES:
                return Extent.MANY
            source = source.func.value
        return self._made(made.call)

    def _made(self, call: Call) -> Extent:
        sizes = self._sizes(call)
        if sizes is None:
            return Extent.MANY
        fixed, free = 1, 0
        for size in sizes:
            if size is None:
                free += 1
            else:
                fixed *= size
        if fixed > _FEW or free > 1:
            return Extent.MANY
        return Extent.ONE if fixed == 1 and not free else Extent.FEW

    def _sizes(self, call: Call) -> list[int | None] | None:
        """The length of each axis, ``None`` for one that the code leaves open; ``None`` when they are not seen."""
        name, given = call.name or "", call.positional
        if any(arg.star for arg in call.node.args):
            return None
        if name in _RANGES:
            return [None] if given else None
        if name == "torch.eye":
            return [None, None]
        if name in known.WRAPPERS and given and (literal := _elements(given[0])) is not None:
            return [literal]
        if name in _SHAPE_AT:
            at = _SHAPE_AT[name]
            shape = call.keyword("size") or (given[at] if len(given) > at else None)
            return self._lengths([shape]) if isinstance(shape, (cst.Tuple, cst.List)) else None
        return self._lengths(given) if name in _BY_DIMENSIONS and given else None

    def _lengths(self, given: Sequence[cst.BaseExpression]) -> list[int | None] | None:
        if len(given) == 1 and isinstance(given[0], (cst.Tuple, cst.List)):
            given = [each.value for each in given[0].elements]
        if any(self._is_shape(each) for each in given):
            return None
        constants = (self._values.constant(each) for each in given)
        return [each if isinstance(each, int) and not isinstance(each, bool) else None for each in constants]

    def _is_shape(self, node: cst.BaseExpression) -> bool:
        """Whether an argument may be a whole shape and no length: ``torch.randn(x.shape)``."""
        if isinstance(node, cst.Call):
            call = self._calls.of(node)
            return call.method == "size" and not call.positional
        if isinstance(node, cst.Attribute):
            return node.attr.value == "shape"
        return isinstance(node, (cst.Tuple, cst.List)) or (isinstance(node, cst.Name) and "shape" in node.value)


def _elements(node: cst.BaseExpression) -> int | None:
    """How many numbers are written out: ``[[1, 2], [3, 4]]`` has four; ``None`` for what is computed."""
    if isinstance(node, (cst.List, cst.Tuple)):
        counts = list(_counts(node))
        return None if None in counts else sum(each or 0 for each in counts)
    if isinstance(node, cst.UnaryOperation):
        return _elements(node.expression)
    return 1 if isinstance(node, (cst.Integer, cst.Float)) else None


def _counts(node: cst.List | cst.Tuple) -> Iterator[int | None]:
    for each in node.elements:
        yield _elements(each.value) if isinstance(each, cst.Element) else None
