"""Gradient accumulation: several backward passes for one update, by an inner loop or by an update now and then."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.loops import Loops, Region, Step
from greenlint.facts.models import Models
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Accumulated", "Accumulation"]


@dataclass(frozen=True, slots=True, eq=False)
class Accumulated:
    """How a training step adds gradients up before it updates."""

    facts: Facts
    """The file of ``place``."""
    place: cst.CSTNode
    """The loop over parts of a batch, or the condition on which the update runs."""
    count: object
    """How many backward passes there are for one update; ``UNKNOWN`` where that is not written."""
    default: object
    """Where the count starts when it can be changed: the default of an option or parameter, or ``UNKNOWN``."""
    by_loop: bool
    """Whether an inner loop does it, so that it happens whatever the count is called."""


class Accumulation:
    """Accumulation in the training steps of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._loops = facts[Loops]

    def of(self, step: Step) -> Accumulated | None:
        """How a step accumulates; ``None`` when it does not, or when that cannot be seen."""
        return self._by_loop(step) or self._by_condition(step)

    # -- a loop over parts of the batch -----------------------------------------------------------------------

    def _by_loop(self, step: Step) -> Accumulated | None:
        facts = step.facts
        for loop in facts[Tree].loops_around(step.backward.node):
            if loop is step.loop:
                break
            if step.loop is not None and loop in step.loop_facts[Tree] and not self._is_within(loop, step):
                break
            if isinstance(loop, cst.For) and self._runs_forward(facts, loop):
                count, default = _passes(facts, loop)
                return Accumulated(facts, loop, count, default, by_loop=True)
        return None

    @staticmethod
    def _is_within(loop: cst.CSTNode, step: Step) -> bool:
        assert step.loop is not None
        tree = step.loop_facts[Tree]
        # The step may stand in a function of the same file that the loop calls.
        return tree.contains(step.loop, loop) or tree.function(loop) is not tree.function(step.loop)

    @staticmethod
    def _runs_forward(facts: Facts, loop: cst.For) -> bool:
        """Whether each pass runs a network, so that the loop does not only go over several losses of one batch."""
        models = facts[Models]
        for call in facts[Calls].within(loop.body):
            if models.network(call) is not None:
                return True
            if any(models.is_model(each) for each in call.positional):
                return True
        return False

    # -- an update now and then -------------------------------------------------------------------------------

    def _by_condition(self, step: Step) -> Accumulated | None:
        for region in step.facts[Loops].regions(step):
            for call in region.facts[Calls].methods("step", "optimizer_step", within=region.body):
                condition = self._condition(region, call)
                if condition is not None:
                    return condition
            for call in region.facts[Calls].within(region.body):
                if call.node is step.backward.node and call.method == "loss_scaler":
                    written = call.keyword("update_grad") or call.keyword("need_update")
                    if written is not None:
                        return _by_test(region.facts, written)
        return None

    def _condition(self, region: Region, call: Call) -> Accumulated | None:
        """The test with a modulo under which an optimizer steps."""
        facts = region.facts
        if call.receiver is None or not _OPTIMIZER.search(facts.document.source(call.receiver)):
            return None
        below: cst.CSTNode = call.node
        for above in facts[Tree].ancestors(call.node):
            if above is region.body:
                return None
            if isinstance(above, cst.If) and below is above.body:
                found = _by_test(facts, above.test)
                if found is not None:
                    return found
            below = above
        return None


def _by_test(facts: Facts, test: cst.BaseExpression) -> Accumulated | None:
    """``(i + 1) % k == 0`` in a test, or in what a name in it was given."""
    for each in _tests(facts, test):
        for operation in facts[Tree].below(each, cst.BinaryOperation):
            if isinstance(operation.operator, cst.Modulo):
                values = facts[Values]
                count = values.constant(operation.right)
                default = values.default(operation.right) if count is UNKNOWN else UNKNOWN
                return Accumulated(facts, test, count, default, by_loop=False)
    return None


def _tests(facts: Facts, test: cst.BaseExpression) -> list[cst.BaseExpression]:
    found = [test]
    for name in facts[Tree].below(test, cst.Name):
        bindings = facts[Names].reaching(name)
        if len(bindings) == 1 and bindings[0].kind is BindingKind.ASSIGN and bindings[0].value is not None:
            found.append(bindings[0].value)
    return found


def _passes(facts: Facts, loop: cst.For) -> tuple[object, object]:
    """How often a loop runs, and the default of the option that says so."""
    values = facts[Values]
    iterations = facts[Loops].of(loop).iterations
    if iterations is not None:
        return iterations, UNKNOWN
    iterated = values.iterated(loop.iter)
    if not isinstance(iterated, cst.Call):
        return UNKNOWN, UNKNOWN
    call = facts[Calls].of(iterated)
    if call.name == "builtins.range" and len(call.positional) == 1:
        return UNKNOWN, values.default(call.positional[0])
    if call.method == "chunk" and call.receiver is not None and call.positional:
        return values.constant(call.positional[0]), values.default(call.positional[0])
    return UNKNOWN, UNKNOWN


_OPTIMIZER = re.compile(r"opt|scaler|engine|adam|sgd|solver", re.IGNORECASE)
