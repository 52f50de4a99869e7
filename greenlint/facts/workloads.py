"""How much work the training loops of a file do: which network they train, and for how many passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Calls
from greenlint.facts.loops import Loop, LoopRole, Loops, Step
from greenlint.facts.models import Layers, Models
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Workloads"]


class Workloads:
    """Training loops of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._layers: dict[Step, Layers | None] = {}

    def layers(self, step: Step) -> Layers | None:
        """The layers of the heaviest network that a step calls; ``None`` when none can be seen."""
        if step not in self._layers:
            self._layers[step] = self._heaviest(step)
        return self._layers[step]

    def _heaviest(self, step: Step) -> Layers | None:
        found: Layers | None = None
        for region in self._facts[Loops].regions(step):
            models = region.facts[Models]
            for call in region.facts[Calls].within(region.body):
                network = models.network(call)
                layers = models.layers(network) if network is not None else None
                if layers is not None and (found is None or (layers.heavy is True and found.heavy is not True)):
                    found = layers
        return found

    def epochs(self, step: Step) -> int | None:
        """How many epochs the loops around a step run, by ranges or the defaults of options; ``None``: not known."""
        if step.loop is None:
            return None
        loops = step.loop_facts[Loops]
        counts = [self._count(each, step.loop_facts) for each in loops.with_role(LoopRole.EPOCH)]
        known = [each for each in counts if each is not None]
        return max(known) if known else None

    def passes(self, step: Step) -> int | None:
        """How often the loop of a step itself runs; ``None``: not known."""
        if step.loop is None:
            return None
        return self._count(step.loop_facts[Loops].of(step.loop), step.loop_facts)

    @staticmethod
    def _count(loop: Loop, facts: Facts) -> int | None:
        if loop.iterations is not None or not isinstance(loop.node, cst.For):
            return loop.iterations
        values = facts[Values]
        ranged = values.iterated(loop.node.iter)
        if not isinstance(ranged, cst.Call) or facts[Calls].of(ranged).name != "builtins.range":
            return None
        bounds = [_number(each, values) for each in facts[Calls].of(ranged).positional]
        if not bounds or None in bounds:
            return None
        start, stop = (0, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
        return max(0, (stop or 0) - (start or 0))


def _number(node: cst.BaseExpression, values: Values) -> int | None:
    """A whole number that is written, or the default of an option; of ``epochs + 1`` that of ``epochs``."""
    constant = values.constant(node)
    if constant is UNKNOWN:
        constant = values.default(node)
    if constant is UNKNOWN and isinstance(node, cst.BinaryOperation):
        left, right = _number(node.left, values), _number(node.right, values)
        if left is not None and right is not None and isinstance(node.operator, (cst.Add, cst.Subtract)):
            return left + right if isinstance(node.operator, cst.Add) else left - right
    return constant if isinstance(constant, int) and not isinstance(constant, bool) else None
