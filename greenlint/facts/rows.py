"""Code that takes a data frame row by row, and whether it does what whole columns do at once."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.frames import FrameKind, Frames
from greenlint.facts.names import Names, dotted
from greenlint.facts.project import Definition
from greenlint.facts.studies import Studies
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import frames as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["RowForm", "RowLoop", "RowWise", "RowWork"]

_DEPTH = 2
"""How many calls away from a row a helper may be."""


class RowForm(enum.Enum):
    """How the rows are taken."""

    ITERROWS = "iterrows"
    INDEXED = "an index into the frame"
    APPLY = "apply along the rows"
    POLARS_ROWS = "iter_rows"
    POLARS_ELEMENTS = "map_elements"


class RowWork(enum.Enum):
    """What is done with one row."""

    COLUMNS = "columns"
    """Arithmetic, comparisons and look-ups, which whole columns do at once."""
    PYTHON = "Python"
    """Cheap Python code that needs the values of a row, but no Series of them."""


@dataclass(frozen=True, slots=True, eq=False)
class RowLoop:
    """A loop, comprehension or call that runs code for each row of a frame."""

    node: cst.For | cst.CompFor | cst.Call
    frame: cst.BaseExpression
    form: RowForm
    work: RowWork


class RowWise:
    """Row-wise code of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._names = facts[Names]
        self._frames = facts[Frames]

    @functools.cached_property
    def all(self) -> tuple[RowLoop, ...]:
        """The places whose work on a row is certainly cheap, in source order."""
        found = [*self._loops(), *self._comprehensions(), *self._applied()]
        return tuple(sorted(found, key=lambda each: self._tree.first(each.node)))

    # -- loops ------------------------------------------------------------------------------------------------

    def _loops(self) -> Iterator[RowLoop]:
        for loop in self._tree.of_type(cst.For):
            taken = self._taken(loop.iter)
            if taken is not None:
                frame, form = taken
                work = self._work_of_loop(loop, frame)
                if work is not None:
                    yield RowLoop(loop, frame, form, work)
                continue
            frames = self._indexed(loop)
            if frames:
                work = self._work_of_loop(loop, *frames)
                if work is not None:
                    yield RowLoop(loop, frames[0], RowForm.INDEXED, work)

    def _comprehensions(self) -> Iterator[RowLoop]:
        for each in self._tree.of_type(cst.CompFor):
            taken = self._taken(each.iter)
            above = self._tree.parent(each)
            if taken is None or not isinstance(above, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
                continue
            body = _Body(self._facts, each)
            if each.inner_for_in is None and body.expression(above.elt):
                yield RowLoop(each, taken[0], taken[1], body.work)

    def _taken(self, iterable: cst.BaseExpression) -> tuple[cst.BaseExpression, RowForm] | None:
        """The frame of ``df.iterrows()`` or ``df.iter_rows()``."""
        node = self._values.iterated(iterable)
        if not isinstance(node, cst.Call):
            return None
        call = self._calls.of(node)
        if call.receiver is None:
            return None
        if call.method == "iterrows":
            return call.receiver, RowForm.ITERROWS
        if call.method == "iter_rows" and self._frames.kind(call.receiver) is FrameKind.POLARS:
            return call.receiver, RowForm.POLARS_ROWS
        return None

    def _work_of_loop(self, loop: cst.For, *frames: cst.BaseExpression) -> RowWork | None:
        body = _Body(self._facts, loop, frames)
        if loop.orelse is not None or not body.block(loop.body):
            return None
        if body.carries(loop):
            return RowWork.PYTHON
        return body.work

    def _indexed(self, loop: cst.For) -> list[cst.BaseExpression]:
        """The frames of which each pass of a loop over row numbers takes one row, as in ``df.loc[i, "a"]``."""
        if not isinstance(loop.target, cst.Name) or not self._counts_rows(loop.iter):
            return []
        index = loop.target.value
        found: list[cst.BaseExpression] = []
        for each in self._tree.below(loop.body, cst.Subscript):
            frame = self._frame_at(each, index)
            if frame is not None:
                found.append(frame)
        return found

    def _counts_rows(self, iterable: cst.BaseExpression) -> bool:
        """``range(len(x))``, ``range(x.shape[0])``, ``x.index``: as many passes as there are rows."""
        node = self._values.iterated(iterable)
        if isinstance(node, cst.Attribute):
            return node.attr.value == "index"
        if not isinstance(node, cst.Call):
            return False
        call = self._calls.of(node)
        if call.name != "builtins.range" or not call.positional:
            return False
        last = call.positional[1 if len(call.positional) > 1 else 0]
        text = self._facts.document.source(last)
        return text.startswith("len(") or ".shape[0]" in text

    def _frame_at(self, node: cst.Subscript, index: str) -> cst.BaseExpression | None:
        """The frame of which a subscript takes one value, or one row, by the loop's index."""
        if not node.slice or not isinstance(node.slice[0].slice, cst.Index):
            return None
        if not _is_named(node.slice[0].slice.value, index):
            return None
        owner = node.value
        if isinstance(owner, cst.Attribute) and owner.attr.value in ("loc", "iloc", "at", "iat", "ix"):
            return owner.value
        is_column = isinstance(owner, (cst.Attribute, cst.Subscript))
        return owner if is_column and self._frames.kind(owner) is FrameKind.SERIES else None

    # -- calls ------------------------------------------------------------------------------------------------

    def _applied(self) -> Iterator[RowLoop]:
        for call in self._calls.methods("apply", "progress_apply", "parallel_apply"):
            if call.receiver is None or not self._along_rows(call) or not call.positional:
                continue
            if self._work_of(call.positional[0]) is RowWork.COLUMNS:
                yield RowLoop(call.node, call.receiver, RowForm.APPLY, RowWork.COLUMNS)
        for call in self._calls.methods("map_elements"):
            if call.receiver is None or not call.positional:
                continue
            if self._work_of(call.positional[0], reads_row=False) is RowWork.COLUMNS:
                yield RowLoop(call.node, call.receiver, RowForm.POLARS_ELEMENTS, RowWork.COLUMNS)

    def _along_rows(self, call: Call) -> bool:
        axis = call.argument("axis", 1)
        if axis.node is None or axis.constant not in (1, "columns") or call.receiver is None:
            return False
        # The second parameter of ``Series.apply`` is another one.
        kind = self._frames.kind(call.receiver)
        if kind is FrameKind.SERIES or (kind is None and call.keyword("axis") is None):
            return False
        # Numba compiles the loop, and raw rows are arrays.
        return call.keyword("engine") is None and call.keyword("raw") is None

    def _work_of(self, function: cst.BaseExpression, *, reads_row: bool = True) -> RowWork | None:
        """What a function does that gets one row."""
        found = self._facts[Studies].objective(function)
        if found is None:
            return None
        node = found.node
        params = node.params.params
        if len(params) != 1 or node.params.star_kwarg is not None:
            return None
        body = _Body(found.facts, node)
        row = params[0].name.value
        cheap = body.expression(node.body) if isinstance(node, cst.Lambda) else body.block(node.body)
        if not cheap or (reads_row and not _reads(found.facts, node, row)):
            return None
        return body.work


def _reads(facts: Facts, node: cst.CSTNode, row: str) -> bool:
    """Whether a function reads members of its row, and does nothing else with it."""
    tree = facts[Tree]
    uses = [each for each in tree.below(node, cst.Name) if each.value == row]
    members = 0
    for each in uses:
        above = tree.parent(each)
        if isinstance(above, cst.Param):
            continue
        if isinstance(above, (cst.Attribute, cst.Subscript)) and above.value is each:
            members += 1
            continue
        if isinstance(above, cst.Attribute) and above.attr is each:
            continue
        return False
    return members > 0


class _Body:
    """The code that runs for one row."""

    def __init__(self, facts: Facts, owner: cst.CSTNode, frames: Sequence[cst.BaseExpression] = ()) -> None:
        self._facts = facts
        self._owner = owner
        self._python = False
        self._roots = {dotted(each) for each in frames} - {None}

    @property
    def work(self) -> RowWork:
        """What was found in what :meth:`block` and :meth:`expression` accepted."""
        return RowWork.PYTHON if self._python else RowWork.COLUMNS

    # -- statements -------------------------------------------------------------------------------------------

    def block(self, body: cst.BaseSuite, depth: int = _DEPTH) -> bool:
        """Whether all statements are certainly cheap."""
        return all(self._statement(each, depth) for each in body.body)

    def _statement(self, node: cst.CSTNode, depth: int) -> bool:
        if isinstance(node, cst.SimpleStatementLine):
            return all(self._small(each, depth) for each in node.body)
        if isinstance(node, cst.If):
            return self._branch(node, depth)
        if isinstance(node, cst.For):
            self._python = True
            return self.expression(node.iter, depth) and self.block(node.body, depth) and node.orelse is None
        if isinstance(node, cst.Try):
            self._python = True
            bodies = [node.body, *(each.body for each in node.handlers)]
            return all(self.block(each, depth) for each in bodies) and node.finalbody is None
        return isinstance(node, cst.EmptyLine)

    def _branch(self, node: cst.If, depth: int) -> bool:
        if not self.expression(node.test, depth) or not self.block(node.body, depth):
            return False
        if isinstance(node.orelse, cst.If):
            return self._branch(node.orelse, depth)
        return node.orelse is None or self.block(node.orelse.body, depth)

    def _small(self, node: cst.CSTNode, depth: int) -> bool:
        if isinstance(node, cst.Assign):
            return all(self.expression(each.target, depth) for each in node.targets) and self.expression(
                node.value, depth
            )
        if isinstance(node, cst.AnnAssign):
            return node.value is None or (self.expression(node.target, depth) and self.expression(node.value, depth))
        if isinstance(node, cst.AugAssign):
            return self.expression(node.target, depth) and self.expression(node.value, depth)
        if isinstance(node, cst.Expr):
            return self.expression(node.value, depth)
        if isinstance(node, cst.Return):
            is_function = isinstance(self._owner, (cst.FunctionDef, cst.Lambda))
            return (is_function or depth < _DEPTH) and (node.value is None or self.expression(node.value, depth))
        return isinstance(node, (cst.Pass, cst.Continue))

    # -- expressions ------------------------------------------------------------------------------------------

    def expression(self, node: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether an expression is certainly cheap."""
        if isinstance(node, (cst.Name, cst.BaseNumber, cst.SimpleString, cst.ConcatenatedString)):
            return True
        if isinstance(node, cst.Call):
            return self._call(self._facts[Calls].of(node), depth)
        if isinstance(node, cst.Subscript):
            return self._subscript(node, depth)
        if isinstance(node, cst.Attribute):
            return node.attr.value not in _WHOLE and self.expression(node.value, depth)
        if isinstance(node, cst.Comparison):
            return self._comparison(node, depth)
        if isinstance(node, cst.FormattedString):
            self._python = True
            parts = [each for each in node.parts if isinstance(each, cst.FormattedStringExpression)]
            return all(self.expression(each.expression, depth) for each in parts)
        if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            self._python = True
            inner = node.for_in
            return inner.inner_for_in is None and all(
                self.expression(each, depth) for each in (node.elt, inner.iter, *(test.test for test in inner.ifs))
            )
        if isinstance(node, cst.BinaryOperation):
            if isinstance(node.operator, cst.Modulo) and isinstance(node.left, cst.SimpleString):
                self._python = True
            return self.expression(node.left, depth) and self.expression(node.right, depth)
        if isinstance(node, _COMPOUND):
            return all(self.expression(each, depth) for each in _operands(node))
        return False

    def _comparison(self, node: cst.Comparison, depth: int) -> bool:
        for each in node.comparisons:
            if isinstance(each.operator, (cst.In, cst.NotIn)) and not isinstance(
                each.comparator, (cst.List, cst.Tuple, cst.Set)
            ):
                self._python = True
        return self.expression(node.left, depth) and all(
            self.expression(each.comparator, depth) for each in node.comparisons
        )

    def _subscript(self, node: cst.Subscript, depth: int) -> bool:
        for each in node.slice:
            if isinstance(each.slice, cst.Slice):
                if self._facts[Frames].kind(node.value) is not None or _locates(node.value):
                    return False
                self._python = True
                continue
            # ``df[df.id == row.id]`` looks through the whole frame.
            if any(True for _ in self._facts[Tree].below(each.slice, cst.Comparison)):
                return False
            if not isinstance(each.slice, cst.Index) or not self.expression(each.slice.value, depth):
                return False
        return self.expression(node.value, depth)

    def _call(self, call: Call, depth: int) -> bool:
        arguments = all(arg.star == "" and self.expression(arg.value, depth) for arg in call.node.args)
        if not arguments:
            return False
        if call.name is not None:
            if known.COLUMN_CALLS.match(call.name):
                return True
            if known.CHEAP_CALLS.match(call.name):
                self._python = True
                return True
        target = self._facts[Values].callee(call.node)
        if target is not None:
            return self._helper(target, depth)
        if call.name is not None or call.receiver is None or self._facts[Frames].kind(call.receiver) is not None:
            return False
        if dotted(call.receiver) in self._roots:
            return False
        if call.method in known.STRINGS:
            self._python = True
        elif call.method not in known.COLLECTS:
            return False
        return self.expression(call.receiver, depth)

    def _helper(self, target: Definition, depth: int) -> bool:
        """Whether a function of the project that gets the row, or values of it, is cheap."""
        if not isinstance(target.node, cst.FunctionDef) or not depth or target.node.asynchronous is not None:
            return False
        body = _Body(target.facts, target.node)
        cheap = body.block(target.node.body, depth - 1)
        self._python = self._python or body.work is RowWork.PYTHON
        return cheap

    # -- state ------------------------------------------------------------------------------------------------

    def carries(self, loop: cst.For) -> bool:
        """Whether a pass needs what an earlier pass left behind, other than sums and filled containers."""
        tree, names = self._facts[Tree], self._facts[Names]
        for use in tree.below(loop.body, cst.Name):
            above = tree.parent(use)
            if isinstance(above, (cst.AugAssign, cst.AssignTarget)) or (
                isinstance(above, cst.Attribute) and above.attr is use
            ):
                continue
            for binding in names.reaching(use):
                if tree.contains(loop.body, binding.node) and tree.first(binding.node) > tree.first(use):
                    return True
        return self._looks_back(loop)

    def _looks_back(self, loop: cst.For) -> bool:
        """Whether a pass reads another row of a frame that the loop writes: ``df.loc[i, "b"] = df.loc[i - 1, "b"]``."""
        tree = self._facts[Tree]
        index = {each.value for each in tree.below(loop.target, cst.Name)}
        writes = any(isinstance(each.target, cst.Subscript) for each in tree.below(loop.body, cst.AssignTarget))
        if not writes:
            return False
        for each in tree.below(loop.body, cst.Subscript):
            for part in each.slice:
                value = part.slice.value if isinstance(part.slice, cst.Index) else None
                if isinstance(value, cst.BinaryOperation) and any(
                    name.value in index for name in tree.below(value, cst.Name)
                ):
                    return True
        return False


_COMPOUND = (
    cst.UnaryOperation,
    cst.BooleanOperation,
    cst.IfExp,
    cst.Tuple,
    cst.List,
    cst.Set,
    cst.Dict,
)
_WHOLE = frozenset(("values", "T", "columns"))
"""Attributes that copy or list the whole frame or row."""


def _operands(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(node, (cst.Tuple, cst.List, cst.Set)):
        yield from (each.value for each in node.elements)
    elif isinstance(node, cst.Dict):
        for each in node.elements:
            yield each.value
            if isinstance(each, cst.DictElement):
                yield each.key
    elif isinstance(node, cst.UnaryOperation):
        yield node.expression
    elif isinstance(node, cst.BooleanOperation):
        yield from (node.left, node.right)
    elif isinstance(node, cst.IfExp):
        yield from (node.test, node.body, node.orelse)


def _is_named(node: cst.BaseExpression, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def _locates(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value in ("loc", "iloc", "ix")
