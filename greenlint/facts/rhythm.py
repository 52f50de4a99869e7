"""What runs in each training step, batch by batch, with no guard that lets it run only now and then."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import Contexts
from greenlint.facts.loops import LoopRole, Loops
from greenlint.facts.names import dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Beat", "Pace", "Rhythm"]

_DEPTH = 3
"""How many calls away from a loop a place may be."""
_FEW = 100
"""A loop that certainly runs at most so often is not worth a word."""


class Pace(enum.Enum):
    """How often something runs, in words."""

    STEP = "in every training step"
    VALIDATION = "in every validation batch"
    EPOCH = "in every epoch"


@dataclass(frozen=True, slots=True)
class Beat:
    """What makes a place run again and again: a loop, or a hook that a trainer calls; maybe of another file."""

    pace: Pace
    facts: Facts
    node: cst.For | cst.While | cst.FunctionDef


class Rhythm:
    """The pace of the code of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._loops = facts[Loops]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._contexts = facts[Contexts]
        self._project = facts[Project]

    def of(self, node: cst.CSTNode) -> Beat | None:
        """What runs ``node`` for every batch; ``None`` where nothing does, or a guard keeps it from running each time.

        A condition on a counter, on a best value or on anything else that changes is a guard; a modulo by 1 is none.
        In a loop of which it is not known whether its passes are batches or epochs, nothing is known.
        """
        return self._of(node, _DEPTH)

    def _of(self, node: cst.CSTNode, depth: int) -> Beat | None:
        if self._contexts.dead(node):
            return None
        function = self._tree.function(node)
        for loop in self._tree.loops_around(node):
            role = self._loops.of(loop).role
            if role is LoopRole.TRAINING:
                return self._in_training(node, loop)
            if role is LoopRole.EVALUATION:
                return self._in_evaluation(node, loop)
            if role is LoopRole.EPOCH:
                return None
        if function is None or self._contexts.guarded(node, function.body):
            return None
        return self._of_function(function, depth)

    def _in_training(self, node: cst.CSTNode, loop: cst.For | cst.While) -> Beat | None:
        if self._contexts.guarded(node, loop.body) or not self.is_batch_loop(loop) or self._is_short(loop):
            return None
        return Beat(Pace.STEP, self._facts, loop)

    def _in_evaluation(self, node: cst.CSTNode, loop: cst.For | cst.While) -> Beat | None:
        if self._contexts.guarded(node, loop.body) or self._is_short(loop) or not self.runs_over_data(loop):
            return None
        return Beat(Pace.VALIDATION, self._facts, loop)

    def _of_function(self, function: cst.FunctionDef, depth: int) -> Beat | None:
        if self._tree.class_of(function) is not None:
            hook = _HOOKS.get(function.name.value)
            if hook is not None:
                return Beat(hook, self._facts, function)
        if not depth:
            return None
        for call in self._project.callers(function):
            beat = (self if call.facts is self._facts else call.facts[Rhythm])._of(call.node, depth - 1)
            if beat is not None:
                return beat
        return None

    def _is_short(self, loop: cst.For | cst.While) -> bool:
        iterations = self._loops.of(loop).iterations
        return iterations is not None and iterations <= _FEW

    # -- epochs -----------------------------------------------------------------------------------------------

    def each_epoch(self, node: cst.CSTNode) -> Beat | None:
        """The loop over epochs that runs ``node`` once in each of its passes, with no guard; ``None``: none is seen."""
        for loop in self._tree.loops_around(node):
            role = self._loops.of(loop).role
            if role is LoopRole.EPOCH:
                skipped = self._contexts.guarded(node, loop.body) or self._contexts.dead(node)
                return None if skipped or self._repeats_trainings(loop) else Beat(Pace.EPOCH, self._facts, loop)
            if role is not LoopRole.OTHER:
                return None
        return None

    def _repeats_trainings(self, loop: cst.For | cst.While) -> bool:
        """Whether each pass of a loop is a whole training: over folds, seeds or settings."""
        if isinstance(loop, cst.For) and _TRAININGS.search(self._facts.document.source(loop.target)):
            return True
        if self._holds_epochs(loop.body):
            return True
        for call in self._calls.within(loop.body):
            target = self._values.callee(call.node)
            if target is not None and isinstance(target.node, cst.FunctionDef):
                other = self if target.facts is self._facts else target.facts[Rhythm]
                if other._holds_epochs(target.node.body):
                    return True
        return False

    def _holds_epochs(self, body: cst.CSTNode) -> bool:
        return any(self._tree.contains(body, each.node) for each in self._loops.with_role(LoopRole.EPOCH))

    # -- evaluations ------------------------------------------------------------------------------------------

    def evaluation(self, call: Call) -> tuple[Definition, cst.For] | None:
        """The function of the project that a call runs and its loop that evaluates a network on a whole data set."""
        definition = self._values.callee(call.node)
        if definition is None or not isinstance(definition.node, cst.FunctionDef):
            return None
        other = self if definition.facts is self._facts else definition.facts[Rhythm]
        for loop in other._loops.with_role(LoopRole.EVALUATION):
            if other._tree.function(loop.node) is definition.node and other.is_whole(loop.node):
                assert isinstance(loop.node, cst.For)
                return definition, loop.node
        return None

    def is_whole(self, loop: cst.For | cst.While) -> bool:
        """Whether a loop runs over a loader or data set, and to its end."""
        leaves = any(True for _ in self._tree.below(loop.body, cst.Break, cst.Return))
        return self.runs_over_data(loop) and not leaves

    # -- loops ------------------------------------------------------------------------------------------------

    def is_batch_loop(self, loop: cst.For | cst.While) -> bool:
        """Whether each pass of a training loop certainly takes a part of the data, rather than all of it."""
        if isinstance(loop, cst.For):
            if _EPOCH.search(self._facts.document.source(loop.target)):
                return False
            if self.runs_over_data(loop):
                return True
        if self._loops.enclosing(loop, LoopRole.EPOCH) is not None:
            return True
        return any(True for _ in self._calls.methods(*_DRAWS, within=loop.body))

    def runs_over_data(self, loop: cst.For | cst.While) -> bool:
        """Whether a loop runs over a loader or data set, told by what it is or by its name."""
        if not isinstance(loop, cst.For):
            return False
        node = self._values.iterated(loop.iter)
        if isinstance(node, cst.Call) and self._calls.of(node).name == "builtins.range":
            return _LENGTH.search(self._facts.document.source(node)) is not None
        if isinstance(node, cst.Call) and node.args and self._calls.of(node).method in _PASSES:
            node = node.args[0].value
        if self._values.of(node).kind in (Kind.DATALOADER, Kind.TF_DATASET):
            return True
        name = (dotted(node.func if isinstance(node, cst.Call) else node) or "").lower()
        return _DATA.search(name) is not None


_HOOKS = {
    "training_step": Pace.STEP,
    "on_train_batch_end": Pace.STEP,
    "validation_step": Pace.VALIDATION,
    "on_validation_batch_end": Pace.VALIDATION,
}
_EPOCH = re.compile(r"(?i)epoch|^ep$|^e$")
_TRAININGS = re.compile(r"(?i)fold|seed|\brun|split|trial|repeat|\bexp|setting|config|hyper|task")
_DRAWS = ("next", "get_batch", "next_batch", "random_batch", "sample_batch", "get_next_batch", "train_batch")
"""Calls that take one batch."""
_PASSES = frozenset(("metric_logger", "log_every", "islice", "progress_bar", "track", "Bar", "prefetch", "iter"))
_LENGTH = re.compile(
    r"len\(\s*[\w.]*(?:loader|dl|gen|data|batches)|num_batches|n_batches|steps_per_epoch|iters_per_epoch"
)
_DATA = re.compile(
    r"loader|_dl$|^dl|_iter$|iterator|batches|data_?set|dataset|\bdata$|_data$|_ds$|^ds$|_set$|generator$|\bbatch"
)
