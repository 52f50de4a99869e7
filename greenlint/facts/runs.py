"""What runs whenever a program does, and what that program trains: for switches that hold for a whole run."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN
from greenlint.facts.contexts import Contexts
from greenlint.facts.hot import Heat, Hot
from greenlint.facts.loops import LoopRole, Loops
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.trials import Training, TrainingKind, Trials
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.document import Document
    from greenlint.facts import Facts

    RelatedTraining = tuple[cst.CSTNode, str] | tuple[cst.CSTNode, str, Document]

__all__ = ["Run", "Runs"]

_DEPTH = 4
"""How many calls away from the top of a program a switch may be."""
_HERE = "trains here"
_DEEP = (TrainingKind.STEP, TrainingKind.NETWORK)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One way in which code is certainly run."""

    facts: Facts
    """The file whose program runs it."""
    place: cst.CSTNode
    """The code itself, or the call in that file that leads to it."""


class Runs:
    """Runs of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]

    def of(self, node: cst.CSTNode) -> list[Run]:
        """The programs that certainly run ``node``: no condition stands before it or the calls that lead there.

        A function that nothing is seen to call is run by nobody, unless it trains itself; a method needs a call too.
        """
        return list(self._of(node, _DEPTH))

    def training(self, node: cst.CSTNode) -> RelatedTraining | None:
        """A training that what ``node`` switches on certainly holds for, as a related place of a finding.

        The step in which it stands, the training in its ``with`` block, or one of a program that certainly runs it.
        """
        spot = self._facts[Hot].of(node)
        if spot is not None:
            guarded = self._facts[Contexts].guarded(node, spot.body.body)
            return (spot.body, "in this training step") if spot.heat is Heat.STEP and not guarded else None
        block = self._block(node)
        for run in self.of(node):
            trainings = run.facts[Runs].trainings if block is None else self._in_block(block)
            for training in trainings:
                if run.facts is self._facts or block is not None:
                    return training.place, _HERE
                return training.place, _HERE, run.facts.document
        return self._of_importers(node) if block is None else None

    def _of_importers(self, node: cst.CSTNode) -> RelatedTraining | None:
        """A training in a program that imports this file, where ``node`` runs at the import."""
        if self._tree.function(node) is not None or self._conditional(node, imported=True):
            return None
        for other in self._importers():
            for training in other[Runs].trainings:
                return training.place, _HERE, other.document
        return None

    def _importers(self) -> Iterator[Facts]:
        """The files that import this one, directly or through others, nearest first."""
        seen = {self._facts.document.path}
        level = [self._facts]
        for _ in range(_DEPTH):
            above = [other for facts in level for other in facts[Project].importers()]
            level = list({each.document.path: each for each in above if each.document.path not in seen}.values())
            seen.update(each.document.path for each in level)
            yield from level

    def _block(self, node: cst.CSTNode) -> cst.With | None:
        """The ``with`` block whose manager ``node`` is."""
        return self._tree.enclosing(node, cst.With) if isinstance(self._tree.parent(node), cst.WithItem) else None

    def _in_block(self, block: cst.With) -> list[Training]:
        found = self._facts[Trials].trainings(block.body)
        return [each for each in found if each.kind in _DEEP and each.certain]

    def _of(self, node: cst.CSTNode, depth: int) -> Iterator[Run]:
        if not depth or self._conditional(node):
            return
        function = self._tree.function(node)
        if function is None:
            yield Run(self._facts, node)
            return
        callers = self._facts[Project].callers(function)
        for call in callers:
            yield from call.facts[Runs]._of(call.node, depth - 1)
        if not callers and self._is_entry(function):
            yield Run(self._facts, node)

    def _conditional(self, node: cst.CSTNode, *, imported: bool = False) -> bool:
        """Whether something in the same function may keep ``node`` from running."""
        below = node
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.Lambda)):
                return isinstance(above, cst.Lambda) or self._returns_before(node, above)
            if (
                isinstance(above, (cst.If, cst.IfExp))
                and below is not above.test
                and not self._holds(above, below, imported)
            ):
                return True
            if isinstance(above, (cst.ExceptHandler, cst.Match, cst.While)):
                return True
            if isinstance(above, cst.BooleanOperation) and below is above.right:
                return True
            below = above
        return False

    def _holds(self, branch: cst.If | cst.IfExp, below: cst.CSTNode, imported: bool) -> bool:
        """Whether a branch is taken in each run, or in each that could have an accelerator."""
        if below is not branch.body:
            return False
        source = self._facts.document.source(branch.test)
        if "__name__" in source:
            return not imported
        if source.endswith("cuda.is_available()"):
            return True
        if isinstance(branch.test, (cst.Name, cst.Attribute)) and source != "True":
            # ``if DEBUG:`` is a decision of today, whatever the constant says.
            return False
        constant = self._facts[Values].constant(branch.test)
        return constant is not UNKNOWN and bool(constant)

    def _returns_before(self, node: cst.CSTNode, function: cst.FunctionDef) -> bool:
        rank = self._tree.first(node)
        ends = self._tree.below(function.body, cst.Return, cst.Raise)
        return any(self._tree.first(each) < rank and self._tree.function(each) is function for each in ends)

    def _is_entry(self, function: cst.FunctionDef) -> bool:
        """Whether a function that nothing calls is where a program begins: started by a decorator or from outside."""
        if self._tree.class_of(function) is not None or self._tree.function(function) is not None:
            return False
        return bool(function.decorators) or any(
            each.kind in _DEEP and each.certain for each in self._facts[Trials].trainings(function.body)
        )

    @functools.cached_property
    def trainings(self) -> tuple[Training, ...]:
        """The trainings of networks that stand in this file, then those that a program of it starts elsewhere."""
        trials, contexts = self._facts[Trials], self._facts[Contexts]
        found = [*self._own(), *trials.trainings(self._tree.root)]
        kept = {each.place: each for each in found if each.kind in _DEEP and each.certain}
        return tuple(each for each in kept.values() if not contexts.dead(each.place))

    def anchor(self, training: Training) -> cst.CSTNode:
        """Where a finding about a training of this file belongs: the loop over batches, else the call."""
        if training.kind is TrainingKind.STEP and training.place is training.call.node:
            for loop in self._tree.loops_around(training.place):
                if self._facts[Loops].of(loop).role is LoopRole.TRAINING:
                    return loop
        return training.place

    def _own(self) -> Iterator[Training]:
        from greenlint.facts.calls import Calls

        for step in self._facts[Loops].steps:
            yield Training(TrainingKind.STEP, step.backward, step.backward.node)
        for call in self._facts[Calls].methods("fit", "fit_generator", "train", "fit_one_cycle", "train_on_batch"):
            one = self._facts[Trials].training(call)
            if one is not None:
                yield one
