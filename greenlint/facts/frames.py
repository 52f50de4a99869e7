"""Data frames and series of pandas and Polars: what an expression is, followed to where it comes from."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names, dotted
from greenlint.facts.samples import Samples, Scale
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import frames as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["FrameKind", "Frames"]

_DEPTH = 12


class FrameKind(enum.Enum):
    """What sort of table an expression is."""

    FRAME = "pandas data frame"
    SERIES = "pandas series"
    GROUPED = "grouped data frame"
    CHUNKS = "iterator over parts of a file"
    POLARS = "Polars data frame"
    LAZY = "Polars lazy frame"


class Frames:
    """Tables of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._kinds: dict[cst.CSTNode, FrameKind | None] = {}

    def kind(self, node: cst.CSTNode) -> FrameKind | None:
        """What an expression is; ``None``: no table, or not known."""
        return self._kind(node, _DEPTH)

    def _kind(self, node: cst.CSTNode, depth: int) -> FrameKind | None:
        if node not in self._kinds:
            # Recursion such as ``df = df.dropna()`` in a loop ends here.
            self._kinds[node] = None
            self._kinds[node] = self._find(node, depth) if depth > 0 else None
        return self._kinds[node]

    def _find(self, node: cst.CSTNode, depth: int) -> FrameKind | None:
        if isinstance(node, cst.Name):
            return _agreed(self._bound(each, depth - 1) for each in self._names.reaching(node))
        if isinstance(node, cst.Call):
            return self._called(self._calls.of(node), depth - 1)
        if isinstance(node, cst.Subscript):
            return self._picked(node, depth - 1)
        if isinstance(node, cst.Attribute):
            return self._member(node, depth - 1)
        if isinstance(node, cst.BinaryOperation):
            return self._kind(node.left, depth - 1) or self._kind(node.right, depth - 1)
        return None

    def _bound(self, binding: Binding, depth: int) -> FrameKind | None:
        if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
            return self._passed(binding, depth)
        if binding.value is None or not depth:
            return None
        if binding.kind is BindingKind.LOOP:
            over = self._kind(self._values.iterated(binding.value), depth)
            if over is FrameKind.CHUNKS and not binding.path:
                return FrameKind.FRAME
            return FrameKind.FRAME if over is FrameKind.GROUPED and binding.path[-1:] == (1,) else None
        if binding.kind is not BindingKind.ASSIGN:
            return None
        value = binding.value
        for step in binding.path:
            if not isinstance(value, (cst.Tuple, cst.List)) or not 0 <= step < len(value.elements):
                return None
            value = value.elements[step].value
        return self._kind(value, depth)

    def _passed(self, binding: Binding, depth: int) -> FrameKind | None:
        """What the call sites agree on, or else what an annotation says."""
        function = binding.scope.node
        assert isinstance(function, cst.FunctionDef)
        given = self._values.arguments_for(function, binding.name)
        found = _agreed(
            each.facts[Frames]._kind(each.node, depth - 1) if each.node is not None and depth > 1 else None
            for each in given
        )
        if found is not None or not isinstance(binding.node, cst.Param) or binding.node.annotation is None:
            return found
        name = self._names.resolve(binding.node.annotation.annotation) or ""
        return _made(name)

    def _called(self, call: Call, depth: int) -> FrameKind | None:
        if call.name is not None:
            made = _made(call.name)
            if made is FrameKind.FRAME and call.name.startswith("pandas.read_") and call.keyword("chunksize"):
                return FrameKind.CHUNKS
            if made is not None:
                return made
            if call.name.endswith((".train_test_split", ".shuffle")):
                return None
        if call.receiver is not None:
            found = self._method(call, self._kind(call.receiver, depth))
            if found is not None:
                return found
        if depth <= 0:
            return None
        return _agreed(facts[Frames]._kind(each, depth) for facts, each in self._values.returned(call.node))

    def _method(self, call: Call, receiver: FrameKind | None) -> FrameKind | None:
        method = call.method
        if receiver is FrameKind.LAZY:
            return FrameKind.POLARS if method == "collect" else FrameKind.LAZY
        if receiver is FrameKind.POLARS and method in known.FRAME_METHODS:
            return FrameKind.FRAME if method == "to_pandas" else FrameKind.LAZY if method == "lazy" else receiver
        if receiver is FrameKind.SERIES:
            if method in ("to_frame", "reset_index"):
                return FrameKind.FRAME
            return FrameKind.SERIES if method in known.FRAME_METHODS or method in ("map", "value_counts") else None
        if receiver is FrameKind.GROUPED:
            return FrameKind.FRAME if method in known.AGGREGATES else None
        if receiver is not FrameKind.FRAME:
            return None
        if method in ("groupby", "resample", "rolling"):
            return FrameKind.GROUPED
        if method == "apply":
            # Along the rows it gives a series, or a frame where the function gives several values.
            return None
        return FrameKind.FRAME if method in known.FRAME_METHODS else None

    def _picked(self, node: cst.Subscript, depth: int) -> FrameKind | None:
        if isinstance(node.value, cst.Attribute) and node.value.attr.value in ("loc", "iloc"):
            return self._located(node, depth)
        owner = self._kind(node.value, depth)
        if owner is not FrameKind.FRAME and owner is not FrameKind.POLARS:
            return owner if owner in (FrameKind.SERIES, FrameKind.GROUPED) and not _is_scalar(node) else None
        if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
            return owner if len(node.slice) == 1 else None
        index = node.slice[0].slice.value
        if isinstance(index, (cst.List, cst.ListComp, cst.Comparison, cst.BooleanOperation, cst.UnaryOperation)):
            return owner
        if isinstance(index, cst.BinaryOperation) and isinstance(index.operator, (cst.BitAnd, cst.BitOr)):
            return owner
        if isinstance(index, cst.Call) and self._calls.of(index).method in _MASKS:
            return owner
        constant = self._values.constant(index)
        if isinstance(constant, str):
            return FrameKind.SERIES if owner is FrameKind.FRAME else None
        return owner if isinstance(constant, list) else None

    def _located(self, node: cst.Subscript, depth: int) -> FrameKind | None:
        assert isinstance(node.value, cst.Attribute)
        owner = self._kind(node.value.value, depth)
        if owner is not FrameKind.FRAME or not node.slice:
            return None
        if not _takes_many(node.slice[0].slice):
            return None
        if len(node.slice) == 1:
            return FrameKind.FRAME
        column = node.slice[1].slice
        if not isinstance(column, cst.Index) or isinstance(column.value, cst.List):
            return FrameKind.FRAME
        return FrameKind.SERIES if self._values.constant(column.value) is not UNKNOWN else None

    def _member(self, node: cst.Attribute, depth: int) -> FrameKind | None:
        name = node.attr.value
        bindings = self._values.attribute_bindings(node)
        if bindings:
            return _agreed(facts[Frames]._bound(each, depth) for facts, each in bindings) if depth > 0 else None
        owner = self._kind(node.value, depth)
        if owner is FrameKind.GROUPED:
            return owner
        if owner is not FrameKind.FRAME:
            return None
        return FrameKind.FRAME if name == "T" else None if name in known.NOT_COLUMNS else FrameKind.SERIES

    # -- size -------------------------------------------------------------------------------------------------

    def small(self, node: cst.BaseExpression) -> bool:
        """Whether a table is certainly, or by its name, one of few rows: a summary, a literal, a toy data set."""
        return self._is_small(node, _DEPTH) or self._facts[Samples].scale(node) in (Scale.TOY, Scale.SMALL, Scale.PART)

    def is_part(self, node: cst.BaseExpression, loops: Sequence[cst.CSTNode]) -> bool:
        """Whether a frame is cut anew from another one in each pass of a loop: rows of one group, or that match."""
        while isinstance(node, (cst.Subscript, cst.Attribute)) and self.kind(node) is FrameKind.SERIES:
            node = node.value
        if not isinstance(node, cst.Name):
            return isinstance(node, cst.Subscript) and bool(loops) and self.kind(node) is FrameKind.FRAME
        tree = self._facts[Tree]
        for binding in self._names.reaching(node):
            if not any(tree.contains(loop, binding.node) for loop in loops):
                continue
            value = binding.value
            while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
                if value.func.attr.value in ("query", "get_group", "filter"):
                    return True
                value = value.func.value
            if binding.kind is BindingKind.LOOP or isinstance(value, cst.Subscript):
                return True
        return False

    def _is_small(self, node: cst.CSTNode, depth: int) -> bool:
        if not depth:
            return False
        if isinstance(node, (cst.Name, cst.Attribute)):
            last = (dotted(node) or "").rpartition(".")[2]
            if known.FEW_ROWS_NAMES.search(last):
                return True
        if isinstance(node, cst.Name):
            values = [each.value for each in self._names.reaching(node) if each.kind is BindingKind.ASSIGN]
            return bool(values) and all(each is not None and self._is_small(each, depth - 1) for each in values)
        if isinstance(node, cst.Attribute):
            bindings = self._values.attribute_bindings(node)
            if not bindings:
                return self._is_small(node.value, depth - 1)
            return all(
                each.value is not None and facts[Frames]._is_small(each.value, depth - 1) for facts, each in bindings
            )
        if isinstance(node, cst.Subscript):
            return self._is_small(node.value, depth - 1)
        if isinstance(node, cst.BinaryOperation):
            return self._is_small(node.left, depth - 1)
        if isinstance(node, cst.Call):
            return self._is_small_result(self._calls.of(node), depth)
        return False

    def _is_small_result(self, call: Call, depth: int) -> bool:
        if call.name is not None and known.FRAME_MAKERS.match(call.name):
            written = call.method == "DataFrame" and bool(call.node.args)
            return written and all(_is_literal(arg.value) for arg in call.node.args)
        if call.receiver is None:
            return False
        if call.method in known.SUMMARIES:
            return True
        return self._is_small(call.receiver, depth - 1)


_MASKS = frozenset("isin isnull isna notnull notna duplicated between startswith contains eq ne gt lt ge le".split())


def _takes_many(rows: cst.BaseSlice) -> bool:
    """Whether the first index of ``loc`` picks several rows."""
    several = (cst.Comparison, cst.BinaryOperation, cst.List, cst.UnaryOperation)
    return not isinstance(rows, cst.Index) or isinstance(rows.value, several)


def _made(name: str) -> FrameKind | None:
    if known.FRAME_MAKERS.match(name):
        return FrameKind.FRAME
    if known.SERIES_MAKERS.match(name):
        return FrameKind.SERIES
    if known.POLARS_MAKERS.match(name):
        return FrameKind.POLARS
    return FrameKind.LAZY if known.LAZY_MAKERS.match(name) else None


def _agreed(kinds: Iterable[FrameKind | None]) -> FrameKind | None:
    """The one kind that all sources known agree on; sources of which nothing is known do not count."""
    found = {each for each in kinds if each is not None}
    return found.pop() if len(found) == 1 else None


def _is_scalar(node: cst.Subscript) -> bool:
    """Whether a subscript picks one element rather than several."""
    if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
        return False
    return isinstance(node.slice[0].slice.value, (cst.Name, cst.Integer, cst.SimpleString, cst.UnaryOperation))


def _is_literal(node: cst.BaseExpression) -> bool:
    """Whether a value is written out: numbers, strings, and lists and dictionaries of them."""
    if isinstance(node, (cst.List, cst.Tuple)):
        return all(_is_literal(each.value) for each in node.elements)
    if isinstance(node, cst.Dict):
        return all(isinstance(each, cst.DictElement) and _is_literal(each.value) for each in node.elements)
    return isinstance(node, (cst.Integer, cst.Float, cst.SimpleString, cst.ConcatenatedString, cst.UnaryOperation))
