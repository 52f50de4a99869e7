"""Loops and what they are for: training steps, micro-batches, epochs, evaluation."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Loop", "LoopRole", "Loops", "Region", "Step", "StepOwner"]

_DEPTH = 3
"""How many calls away from a loop its step may hide."""


class LoopRole(enum.Enum):
    """What a loop is for."""

    TRAINING = "training"
    """One training step each time round: a backward pass and an update."""
    MICROBATCH = "microbatch"
    """Inside a training step: part of a batch, a discriminator iteration, accumulation."""
    EPOCH = "epoch"
    """Around a training loop."""
    EVALUATION = "evaluation"
    """Runs a model forward with no backward pass."""
    OTHER = "other"


class StepOwner(enum.Enum):
    """Who drives the backward pass."""

    TORCH = "torch"
    SCALER = "scaler"
    ACCELERATE = "accelerate"
    FABRIC = "fabric"
    DEEPSPEED = "deepspeed"
    LIGHTNING = "lightning"
    WRAPPER = "wrapper"
    """A class of the project, or one that cannot be seen."""
    TENSORFLOW = "tensorflow"
    JAX = "jax"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A body of code that runs in each training step: the loop's own, or a function called from it."""

    facts: Facts
    body: cst.CSTNode
    function: cst.FunctionDef | None = None
    via: Call | None = None
    """The call that leads here, ``None`` for the loop's own body."""
    caller: Region | None = None
    """The body in which ``via`` stands."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A training step: forward, backward, update."""

    facts: Facts
    """The file that holds the backward call."""
    backward: Call
    owner: StepOwner
    loop: cst.For | cst.While | None
    """The loop that runs it, in ``loop_facts``; ``None`` when none is found in the project."""
    loop_facts: Facts

    @property
    def place(self) -> cst.CSTNode:
        """Where a finding about the whole step belongs in the file of the backward call."""
        if self.loop is not None and self.loop_facts is self.facts:
            return self.loop
        function = self.facts[Tree].function(self.backward.node)
        return function if function is not None else self.facts[Tree].statement(self.backward.node)


_BAR = re.compile(r"\b\d+/(\d+) \[")
"""What tqdm prints: ``3/25 [``."""


def _has_bar(node: cst.For | cst.While) -> bool:
    """Whether ``tqdm`` wraps what a loop goes through."""
    return isinstance(node, cst.For) and "tqdm" in cst.Module([]).code_for_node(node.iter)


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A ``for`` or ``while`` loop of this file."""

    node: cst.For | cst.While
    role: LoopRole
    facts: Facts
    step: Step | None = None

    @property
    def iterations(self) -> int | None:
        """How often it runs, when that is written."""
        if not isinstance(self.node, cst.For):
            return None
        values = self.facts[Values]
        constant = values.constant(values.iterated(self.node.iter))
        return len(constant) if isinstance(constant, (list, tuple)) else None

    @property
    def shown(self) -> int | None:
        """How often it ran, by the largest progress bar in the outputs of its notebook cell."""
        document = self.facts.document
        if document.cells is None or not _has_bar(self.node):
            return None
        cell, _ = document.cells.locate(document.line(document.span(self.node).start))
        totals = [int(total) for total in _BAR.findall(document.cells.outputs(cell))]
        return max(totals, default=None)


class Loops:
    """The loops of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._project = facts[Project]
        self._reached: dict[cst.CSTNode, bool] = {}
        self._steps: tuple[Step, ...] | None = None
        self._roles: dict[cst.CSTNode, Loop] | None = None
        self._regions: dict[Step, tuple[Region, ...]] = {}

    @property
    def steps(self) -> tuple[Step, ...]:
        """The training steps whose backward call stands in this file."""
        if self._steps is None:
            # Looking for the loop of a step can lead through other files back to this one.
            self._steps = ()
            self._steps = tuple(self._find_steps())
        return self._steps

    @property
    def all(self) -> list[Loop]:
        """Every loop, in source order."""
        return [self.of(node) for node in sorted(self._nodes, key=self._tree.first)]

    @property
    def _nodes(self) -> list[cst.For | cst.While]:
        return [*self._tree.of_type(cst.For), *self._tree.of_type(cst.While)]

    def of(self, node: cst.For | cst.While) -> Loop:
        """The loop at ``node``."""
        if self._roles is None:
            self._roles = {}
            self._assign_roles(self._roles)
        known = self._roles.get(node)
        return known if known is not None else Loop(node, LoopRole.OTHER, self._facts)

    def with_role(self, *roles: LoopRole) -> list[Loop]:
        """The loops with one of these roles, in source order."""
        return [loop for loop in self.all if loop.role in roles]

    def enclosing(self, node: cst.CSTNode, *roles: LoopRole) -> Loop | None:
        """The innermost loop of the same function around ``node`` with one of these roles."""
        for each in self._tree.loops_around(node):
            loop = self.of(each)
            if loop.role in roles:
                return loop
        return None

    def runs_each_step(self, node: cst.CSTNode) -> bool:
        """Whether ``node`` runs once or more in every training step, in a loop's body or a function called from it."""
        if self.enclosing(node, LoopRole.TRAINING, LoopRole.MICROBATCH) is not None:
            return True
        function = self._tree.function(node)
        return function is not None and any(
            region.function is function for step in self.steps for region in self.regions(step)
        )

    # -- training steps ---------------------------------------------------------------------------------------

    def _find_steps(self) -> Iterator[Step]:
        seen: set[tuple[object, ...]] = set()
        for call in self._calls.methods(*_BACKWARD):
            owner = self._owner(call)
            if owner is None:
                continue
            step = self._step(call, owner)
            if step.loop is None and not self._is_step_function(call.node):
                continue
            key = (step.loop, None if step.loop is not None else step.place)
            if key not in seen:
                seen.add(key)
                yield step

    def _is_step_function(self, backward: cst.CSTNode) -> bool:
        """Whether the function around a backward pass that no loop is seen to run also updates the parameters."""
        function = self._tree.function(backward)
        return function is not None and self._updates(function.body)

    def _owner(self, call: Call) -> StepOwner | None:
        """Who runs this backward pass; ``None`` when it is none."""
        if call.method == "backward":
            return self._backward_owner(call)
        if call.method == "manual_backward":
            return StepOwner.LIGHTNING
        if call.method == "apply_gradients":
            return self._gradient_owner(call)
        if call.name == "optax.apply_updates":
            return StepOwner.JAX
        if call.method == "loss_scaler" and len(call.positional) > 1:
            return StepOwner.SCALER
        return None

    def _backward_owner(self, call: Call) -> StepOwner | None:
        receiver = call.receiver
        if receiver is None or dotted(receiver) in ("ctx", "super"):
            return None
        own = self._values.callee(call.node)
        if own is not None:
            # The project's own method: a wrapper when it differentiates, else backpropagation written by hand.
            return StepOwner.WRAPPER if _names_backward(own) and own.facts is not self._facts else None
        if isinstance(receiver, cst.Call):
            inner = self._calls.of(receiver)
            if inner.method == "scale" and inner.receiver is not None:
                return StepOwner.SCALER
            if inner.method == "super":
                return None
            return StepOwner.TORCH
        value = self._values.of(receiver)
        if value.kind in _OWNERS:
            return _OWNERS[value.kind]
        last = (dotted(receiver) or "").rsplit(".", 1)[-1].lower()
        for words, owner in _OWNER_WORDS:
            if any(word in last for word in words):
                return owner
        return StepOwner.TORCH

    def _gradient_owner(self, call: Call) -> StepOwner | None:
        if call.keyword("grads") is not None or call.keyword("grad") is not None:
            return StepOwner.JAX
        return StepOwner.JAX if _uses(self._facts, "jax", "flax") else StepOwner.TENSORFLOW

    def _step(self, call: Call, owner: StepOwner) -> Step:
        facts, loop = self._loop_of(call.node, _DEPTH)
        return Step(self._facts, call, owner, loop, facts)

    def _loop_of(self, node: cst.CSTNode, depth: int) -> tuple[Facts, cst.For | cst.While | None]:
        """The batch loop that runs ``node``: around it, or around the calls of its function."""
        around = self._loops_through_closures(node)
        for each in around:
            if self._updates(each.body):
                return self._facts, each
        outer = self._loop_of_callers(node, depth, updating=bool(around))
        if outer is not None:
            return outer
        return self._facts, around[0] if around else None

    def _loop_of_callers(
        self, node: cst.CSTNode, depth: int, *, updating: bool
    ) -> tuple[Facts, cst.For | cst.While] | None:
        """The loop around the calls of the function that holds ``node``.

        With ``updating`` only one that also updates the parameters: the loops around ``node`` itself are then
        micro-batches.
        """
        function = self._tree.function(node)
        if function is None or not depth:
            return None
        for call in self._project.callers(function):
            loops = self if call.facts is self._facts else call.facts[Loops]
            facts, found = loops._loop_of(call.node, depth - 1)
            owner = self if facts is self._facts else facts[Loops]
            if found is not None and (not updating or owner._updates(found.body)):
                return facts, found
        return None

    def _loops_through_closures(self, node: cst.CSTNode) -> list[cst.For | cst.While]:
        """The loops around ``node``, also when it stands in a closure defined in the loop (LBFGS)."""
        around = self._tree.loops_around(node)
        function = self._tree.function(node)
        while not around and function is not None and self._tree.function(function) is not None:
            around = self._tree.loops_around(function)
            function = self._tree.function(function)
        if not around and function is not None and self._tree.class_of(function) is None:
            around = self._tree.loops_around(function)
        return around

    def _updates(self, body: cst.CSTNode, depth: int = 3) -> bool:
        for call in self._calls.within(body):
            if _is_update(call):
                return True
            if depth and call.method not in _NEVER_UPDATES:
                target = self._values.callee(call.node)
                if target is not None and isinstance(target.node, cst.FunctionDef):
                    loops = self if target.facts is self._facts else target.facts[Loops]
                    if loops._reaches_update(target.node, depth - 1):
                        return True
        return False

    def _reaches_update(self, function: cst.FunctionDef, depth: int) -> bool:
        known = self._reached.get(function)
        if known is None:
            self._reached[function] = False
            known = self._reached[function] = self._updates(function.body, depth)
        return known

    def updates(self, step: Step) -> bool:
        """Whether a step changes parameters, rather than only computing gradients to look at."""
        if step.loop is not None:
            return step.loop_facts[Loops]._updates(step.loop.body)
        return self._is_step_function(step.backward.node)

    # -- roles ------------------------------------------------------------------------------------------------

    def _assign_roles(self, roles: dict[cst.CSTNode, Loop]) -> None:
        for step in self.steps:
            if step.loop is None or step.loop_facts is not self._facts:
                continue
            roles[step.loop] = Loop(step.loop, LoopRole.TRAINING, self._facts, step)
        for step in self.steps:
            for inner in self._tree.loops_around(step.backward.node):
                if inner is not step.loop and (step.loop is None or not self._around(inner, step.loop)):
                    roles.setdefault(inner, Loop(inner, LoopRole.MICROBATCH, self._facts, step))
        for step in self.steps:
            if step.loop is not None and step.loop_facts is self._facts:
                for outer in self._epochs_around(step.loop, _DEPTH):
                    roles.setdefault(outer, Loop(outer, LoopRole.EPOCH, self._facts, step))
        self._find_evaluations(roles)

    def _around(self, outer: cst.CSTNode, loop: cst.CSTNode) -> bool:
        return loop in self._tree and self._tree.contains(outer, loop)

    def _epochs_around(self, node: cst.CSTNode, depth: int) -> Iterator[cst.For | cst.While]:
        yield from self._tree.loops_around(node)
        function = self._tree.function(node)
        if function is None or not depth:
            return
        for call in self._calls.methods(function.name.value):
            target = self._values.callee(call.node)
            if target is not None and target.node is function:
                yield from self._epochs_around(call.node, depth - 1)

    def _find_evaluations(self, roles: dict[cst.CSTNode, Loop]) -> None:
        from greenlint.facts.models import Models

        models = self._facts[Models]
        for node in self._nodes:
            if node in roles or self._inside_step(node) or self._in_network(node):
                continue
            runs_network = any(models.network(call) is not None for call in self._calls.within(node.body))
            if runs_network and not self._has_backward(node.body) and not self._updates(node.body):
                roles[node] = Loop(node, LoopRole.EVALUATION, self._facts)

    def _in_network(self, node: cst.CSTNode) -> bool:
        """Whether a loop belongs to the forward pass of a network: a method of its class."""
        function = self._tree.function(node)
        owner = self._tree.class_of(function) if function is not None else None
        if owner is None:
            return False
        kind = self._values.kind_of_class(Definition(self._facts, owner))
        return kind in (Kind.MODULE, Kind.HF_MODEL, Kind.KERAS_MODEL)

    def _inside_step(self, node: cst.CSTNode) -> bool:
        return self.enclosing(node, LoopRole.TRAINING, LoopRole.MICROBATCH) is not None

    def _has_backward(self, body: cst.CSTNode, depth: int = 2) -> bool:
        for call in self._calls.within(body):
            if call.method in _BACKWARD or (call.method == "grad" and call.name == "torch.autograd.grad"):
                return True
            target = self._values.callee(call.node) if depth else None
            if target is not None and isinstance(target.node, cst.FunctionDef) and _names_backward(target):
                return True
        return False

    # -- regions ----------------------------------------------------------------------------------------------

    def regions(self, step: Step) -> tuple[Region, ...]:
        """The bodies that run in each pass of a step's loop: its own and those of functions called from it."""
        known = self._regions.get(step)
        if known is None:
            known = self._regions[step] = tuple(self._collect(step))
        return known

    def _collect(self, step: Step) -> Iterator[Region]:
        if step.loop is not None:
            start = Region(step.loop_facts, step.loop.body)
        else:
            function = self._tree.function(step.backward.node)
            if function is None:
                return
            start = Region(self._facts, function.body, function)
        seen: set[cst.CSTNode] = {start.body}
        queue = [(start, 0)]
        while queue:
            region, depth = queue.pop(0)
            yield region
            if depth >= _DEPTH:
                continue
            for inner in _called(region):
                if inner.body not in seen:
                    seen.add(inner.body)
                    queue.append((inner, depth + 1))


_BACKWARD = ("backward", "manual_backward", "apply_gradients", "apply_updates", "loss_scaler")
"""Calls that run a backward pass; the last one is timm's scaler object, which also updates."""
_OWNERS = {
    Kind.ACCELERATOR: StepOwner.ACCELERATE,
    Kind.FABRIC: StepOwner.FABRIC,
    Kind.DEEPSPEED_ENGINE: StepOwner.DEEPSPEED,
    Kind.GRAD_SCALER: StepOwner.SCALER,
}
_OWNER_WORDS = (
    (("accelerator",), StepOwner.ACCELERATE),
    (("fabric",), StepOwner.FABRIC),
    (("engine",), StepOwner.DEEPSPEED),
    (("scaler",), StepOwner.SCALER),
    (("trainer", "optimizer", "optim", "model", "backend", "learner", "agent", "policy"), StepOwner.WRAPPER),
)
_NEVER_UPDATES = frozenset(
    ("print", "len", "range", "zip", "enumerate", "item", "to", "cuda", "append", "format", "backward")
)
_UPDATE_RECEIVER = re.compile(r"opt|scaler|engine|accelerator|solver|adam|sgd|trainer|^G$|^D$", re.IGNORECASE)


def _is_update(call: Call) -> bool:
    if call.method in ("apply_gradients", "apply_updates", "optimizer_step", "minimize", "optimize_parameters"):
        return True
    if call.method == "loss_scaler" and len(call.positional) > 1:
        return True
    if call.method != "step" or call.receiver is None:
        return False
    value = call.facts[Values].of(call.receiver)
    if value.kind in (Kind.OPTIMIZER, Kind.GRAD_SCALER, Kind.DEEPSPEED_ENGINE):
        return True
    if value.kind is not None:
        return False
    last = _receiver_name(call.receiver)
    return "sched" not in last.lower() and "lr" not in last.lower() and bool(_UPDATE_RECEIVER.search(last))


def _receiver_name(node: cst.BaseExpression) -> str:
    while isinstance(node, cst.Subscript):
        node = node.value
    return (dotted(node) or "").rsplit(".", 1)[-1]


def _uses(facts: Facts, *roots: str) -> bool:
    return any((each.imported or "").split(".")[0] in roots for each in facts[Names].imports())


def _names_backward(target: Definition) -> bool:
    """Whether a function of the project calls ``backward`` itself."""
    return any(target.facts[Tree].contains(target.node, call.node) for call in target.facts[Calls].methods(*_BACKWARD))


def _called(region: Region) -> Iterator[Region]:
    """The functions of the project that a region calls unconditionally enough to run each step."""
    values, tree = region.facts[Values], region.facts[Tree]
    for call in region.facts[Calls].within(region.body):
        if _nested(tree, call.node, region.body):
            continue
        for target in values.callees(call.node):
            if isinstance(target.node, cst.FunctionDef):
                yield Region(target.facts, target.node.body, target.node, call, region)


def _nested(tree: Tree, node: cst.CSTNode, body: cst.CSTNode) -> bool:
    """Whether ``node`` stands in a function or lambda defined inside ``body``."""
    for above in tree.ancestors(node):
        if above is body:
            return False
        if type(above) is cst.FunctionDef or type(above) is cst.Lambda:
            return True
    return False
