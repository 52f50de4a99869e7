"""What is being timed: code between two readings of a clock that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.knowledge.signals import BENCHMARK_FUNCTION

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Clocks"]

_READS = frozenset(
    [
        "time.time",
        "time.perf_counter",
        "time.monotonic",
        "time.process_time",
        "time.time_ns",
        "time.perf_counter_ns",
        "timeit.default_timer",
        "datetime.datetime.now",
    ]
)


_Interval = tuple[int, int, "cst.CSTNode | None"]
"""The ranks of its first and last node, and the loop or function it stands in."""


class Clocks:
    """Measurements in one file."""

    def __init__(self, facts: Facts) -> None:
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._intervals: list[_Interval] | None = None

    def measures(self, node: cst.CSTNode) -> bool:
        """Whether ``node`` stands in, or right before or behind, what a clock measures, or in a function for that.

        A clock that runs on from one pass of a loop to the next, or over a whole loop, as for an average time per
        batch, does not count.
        """
        function = self._tree.function(node)
        if function is not None and BENCHMARK_FUNCTION.search(function.name.value):
            return True
        if self._by_events(node):
            return True
        statement = self._line(node)
        if any(self._reads_plainly(each) for each in self._beside(statement)):
            return True
        rank, body = self._tree.first(node), self._body(node)
        return any(first <= rank <= last and body is other for first, last, other in self._all())

    def _body(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The innermost loop or function around ``node``."""
        return next(iter(self._tree.loops_around(node)), self._tree.function(node))

    def _by_events(self, node: cst.CSTNode) -> bool:
        """Whether the function or module around ``node`` asks for the time between two events of the device."""
        around = self._tree.function(node) or self._tree.root
        return bool(self._calls.methods("elapsed_time", within=around))

    def _line(self, node: cst.CSTNode) -> cst.CSTNode:
        statement = self._tree.statement(node)
        above = self._tree.parent(statement)
        return above if isinstance(above, cst.SimpleStatementLine) else statement

    def _beside(self, line: cst.CSTNode) -> list[cst.CSTNode]:
        """The statements right before and behind a line; for the last one of a block, behind the block."""
        block = self._tree.parent(line)
        found: list[cst.CSTNode] = []
        while block is not None:
            if not isinstance(block, (cst.IndentedBlock, cst.Module)):
                # ``elif``: behind the whole statement, of which this is a branch.
                line, block = block, self._tree.parent(block)
                continue
            body = block.body
            at = next((index for index, each in enumerate(body) if each is line), None)
            if at is None:
                break
            found.extend((*body[max(at - 1, 0) : at], *body[at + 1 : at + 2]))
            if len(body) > 1 or not isinstance(self._tree.parent(block), cst.If):
                break
            # ``if cuda: torch.cuda.synchronize()``
            line = self._tree.parent(block) or block
            block = self._tree.parent(line)
        return found

    def _reads_plainly(self, line: cst.CSTNode) -> bool:
        """``return time.time()``: a helper that gives the time to somebody else."""
        return any(
            isinstance(self._tree.parent(call.node), cst.Return)
            for call in self._calls.within(line)
            if self._is_clock(call)
        )

    @staticmethod
    def _is_clock(call: Call) -> bool:
        return call.name in _READS

    def _all(self) -> list[_Interval]:
        if self._intervals is None:
            self._intervals = []
            for node in self._tree.of_type(cst.BinaryOperation):
                if isinstance(node.operator, cst.Subtract) and isinstance(node.right, cst.Name):
                    interval = self._interval(node, node.right)
                    if interval is not None:
                        self._intervals.append(interval)
        return self._intervals

    def _interval(self, node: cst.BinaryOperation, start: cst.Name) -> _Interval | None:
        """From the statement before the start was taken to the one that reads the end."""
        end = self._end(node.left)
        bindings = self._names.reaching(start)
        if end is None or len(bindings) != 1:
            return None
        value = bindings[0].value
        if bindings[0].kind is not BindingKind.ASSIGN or not isinstance(value, cst.Call):
            return None
        if not self._is_clock(self._calls.of(value)) or bindings[0].order > end:
            return None
        body = self._body(node)
        if self._body(bindings[0].node) is not body:
            return None
        line = self._line(bindings[0].node)
        before = [each for each in self._beside(line) if self._tree.first(each) < self._tree.first(line)]
        return self._tree.first(before[0] if before else line), end, body

    def _end(self, node: cst.BaseExpression) -> int | None:
        if isinstance(node, cst.Call):
            return self._tree.last(node) if self._is_clock(self._calls.of(node)) else None
        if not isinstance(node, cst.Name):
            return None
        for binding in self._names.reaching(node):
            if isinstance(binding.value, cst.Call) and self._is_clock(self._calls.of(binding.value)):
                return binding.order
        return None
