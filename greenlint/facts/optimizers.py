"""Optimisers of PyTorch: what each one trains, and which backward passes come before each of its updates."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.identities import Identities, Identity
from greenlint.facts.loops import Loops, Region, Step
from greenlint.facts.models import Models
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind
from greenlint.knowledge.signal import signal

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Optimizer", "Optimizers", "Trained", "Turn"]

_DEPTH = 8


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Something an optimiser updates."""

    identity: Identity
    node: cst.BaseExpression
    facts: Facts
    is_network: bool
    """A network's parameters, rather than a tensor."""
    chosen: bool = False
    """Only those of its parameters that a filter lets pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimizer:
    """One optimiser."""

    call: Call
    """Its construction."""
    trained: tuple[Trained, ...] | None
    """All that it updates; ``None`` when that cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """Backward passes and the updates that use their gradients, in one body of code."""

    region: Region
    backwards: tuple[Call, ...]
    updates: tuple[Call, ...]
    optimizers: tuple[Optimizer, ...] | None
    """``None`` when one of them cannot be told."""

    def trains(self, identity: Identity) -> bool | None:
        """Whether the updates change a network, a part of it, or one that it is a part of; ``None``: not known."""
        if self.trained is None:
            return None
        identities = self.region.facts[Identities]
        trained = [each.identity for each in self.trained]
        if any(identities.holds(each, identity) or identities.holds(identity, each) for each in trained):
            return True
        networks = (each.identity for each in self.trained if each.is_network)
        return False if all(identities.distinct(each, identity) for each in networks) else None

    @property
    def trained(self) -> tuple[Trained, ...] | None:
        """All that the updates change; ``None`` when it cannot be told."""
        if self.optimizers is None or any(each.trained is None for each in self.optimizers):
            return None
        return tuple(each for optimizer in self.optimizers for each in optimizer.trained or ())


class Optimizers:
    """Optimisers of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._values = facts[Values]
        self._identities = facts[Identities]
        self._made: dict[cst.CSTNode, Optimizer] = {}
        self._turns: dict[Step, list[Turn]] = {}

    def of(self, node: cst.BaseExpression) -> Optimizer | None:
        """The one optimiser that an expression stands for."""
        value = self._values.of(node)
        if value.kind is not Kind.OPTIMIZER or value.call is None:
            return None
        return value.call.facts[Optimizers].made(value.call)

    def made(self, call: Call) -> Optimizer:
        """The optimiser that a call of this file makes."""
        known = self._made.get(call.node)
        if known is None:
            known = self._made[call.node] = Optimizer(call, self._trained(call))
        return known

    @functools.cached_property
    def all(self) -> list[Optimizer]:
        """The optimisers made in this file, in source order."""
        return [self.made(call) for call in self._calls.all if self._values.of(call.node).kind is Kind.OPTIMIZER]

    # -- what is trained --------------------------------------------------------------------------------------

    def _trained(self, call: Call) -> tuple[Trained, ...] | None:
        params = call.argument("params", 0)
        if params.node is None or (call.name is not None and not call.name.startswith(_KNOWN)):
            return None
        return params.facts[Optimizers]._listed(params.node, _DEPTH)

    def _listed(self, node: cst.BaseExpression, depth: int) -> tuple[Trained, ...] | None:
        """What is in a list of parameters."""
        if depth == 0:
            return None
        if isinstance(node, cst.Call):
            return self._called(self._calls.of(node), depth - 1)
        if isinstance(node, (cst.List, cst.Tuple)):
            return self._joined([each.value for each in node.elements], depth - 1, one=True)
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
            return self._joined([node.left, node.right], depth - 1)
        if isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            return self._filtered(node, depth - 1)
        if isinstance(node, cst.Name):
            return self._named(node, depth - 1)
        return None

    def _joined(self, nodes: list[cst.BaseExpression], depth: int, *, one: bool = False) -> tuple[Trained, ...] | None:
        found: list[Trained] = []
        for node in nodes:
            part = self._element(node, depth) if one else self._listed(node, depth)
            if part is None:
                return None
            found.extend(part)
        return tuple(found)

    def _element(self, node: cst.BaseExpression, depth: int) -> tuple[Trained, ...] | None:
        """One element of a list: a tensor, or a group ``{"params": ...}``."""
        if isinstance(node, cst.Dict):
            for entry in node.elements:
                if isinstance(entry, cst.DictElement) and self._values.constant(entry.key) == "params":
                    return self._listed(entry.value, depth)
            return None
        if isinstance(node, cst.Call) and self._calls.of(node).method == "requires_grad_":
            receiver = self._calls.of(node).receiver
            return self._element(receiver, depth) if receiver is not None else None
        if isinstance(node, (cst.Call, cst.List, cst.Tuple, cst.ListComp, cst.GeneratorExp)):
            return self._listed(node, depth)
        if isinstance(node, (cst.Name, cst.Attribute)) and self._is_tensor(node):
            identity = self._identities.of(node)
            return (Trained(identity, node, self._facts, is_network=False),) if identity is not None else None
        return None

    def _is_tensor(self, node: cst.Name | cst.Attribute) -> bool:
        """Whether a name is a tensor, if only because gradients are asked of it."""
        if self._values.of(node).kind is Kind.TENSOR:
            return True
        if isinstance(node, cst.Attribute):
            return False
        source = self._facts.document.source
        if any(each.value is not None and "requires_grad" in source(each.value) for each in self._names.reaching(node)):
            return True
        return any(
            isinstance(each.receiver, cst.Name) and each.receiver.value == node.value
            for each in self._calls.methods("requires_grad_")
        )

    def _called(self, call: Call, depth: int) -> tuple[Trained, ...] | None:
        if call.method in ("parameters", "named_parameters") and call.receiver is not None:
            identity = self._identities.of(call.receiver)
            own = isinstance(call.receiver, cst.Name) and call.receiver.value == "self"
            if identity is None or own or self._facts[Models].is_model(call.receiver) is False:
                return None
            return (Trained(identity, call.receiver, self._facts, is_network=True),)
        plain = call.positional
        if call.name == "builtins.filter" and len(plain) == 2:
            return _chosen(self._listed(plain[1], depth))
        if call.name in ("builtins.list", "builtins.iter", "builtins.tuple") and len(plain) == 1:
            return self._listed(plain[0], depth)
        if call.name == "itertools.chain":
            return None if any(arg.star for arg in call.node.args) else self._joined(plain, depth)
        return None

    def _filtered(self, node: cst.ListComp | cst.GeneratorExp, depth: int) -> tuple[Trained, ...] | None:
        source = node.for_in
        if source.inner_for_in is not None:
            return None
        found = self._listed(source.iter, depth)
        return _chosen(found) if source.ifs else found

    def _named(self, node: cst.Name, depth: int) -> tuple[Trained, ...] | None:
        bindings = self._names.reaching(node)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
            return None
        grown = self._calls.methods("append", "extend", "add_param_group")
        if any(isinstance(each.receiver, cst.Name) and each.receiver.value == node.value for each in grown):
            return None
        return self._listed(bindings[0].value, depth) if bindings[0].value is not None else None

    # -- turns ------------------------------------------------------------------------------------------------

    def turns_of(self, step: Step) -> list[Turn]:
        """The turns of a training step, in all the bodies that run in it."""
        known = self._turns.get(step)
        if known is None:
            regions = step.facts[Loops].regions(step)
            known = self._turns[step] = [turn for each in regions for turn in each.facts[Optimizers].turns(each)]
        return known

    def turns(self, region: Region) -> list[Turn]:
        """The turns of a body of this file: one for a plain step, several where networks are updated by turns."""
        found: list[Turn] = []
        backwards: list[Call] = []
        updates: list[Call] = []
        for call in self._events(region.body):
            if call.method in _BACKWARD:
                if updates:
                    found.append(self._turn(region, backwards, updates))
                    backwards, updates = [], []
                backwards.append(call)
            else:
                updates.append(call)
        if updates:
            found.append(self._turn(region, backwards, updates))
        return found

    def _events(self, body: cst.CSTNode) -> Iterator[Call]:
        for call in self._calls.methods(*_BACKWARD, "step", within=body):
            if call.method != "step" or self._updated(call) is not None:
                yield call

    def _updated(self, call: Call) -> cst.BaseExpression | None:
        """What ``optimizer.step()`` and ``scaler.step(optimizer)`` step."""
        if call.receiver is None:
            return None
        value = self._values.of(call.receiver)
        if value.kind is Kind.OPTIMIZER:
            return call.receiver
        if value.kind is Kind.GRAD_SCALER or "scaler" in self._facts.document.source(call.receiver).lower():
            return call.positional[0] if call.positional else None
        # What may be an optimiser counts as one that cannot be told.
        unused = isinstance(self._tree.parent(call.node), cst.Expr)
        name = self._facts.document.source(call.receiver)
        if value.kind is None and unused and value.instance_of is None and not _OTHER_NAME.search(name):
            return call.receiver
        return None

    def _turn(self, region: Region, backwards: list[Call], updates: list[Call]) -> Turn:
        stepped = [self._updated(call) for call in updates]
        optimizers = [self.of(each) if each is not None else None for each in stepped]
        known = tuple(each for each in optimizers if each is not None)
        return Turn(region, tuple(backwards), tuple(updates), known if len(known) == len(optimizers) else None)

    def discards(self, turn: Turn, other: Turn) -> bool:
        """Whether the gradients that ``turn``, of this file, gives the networks of ``other`` are cleared unused."""
        same = turn.region is other.region
        for call in other.region.facts[Optimizers]._clearing(other):
            if not same:
                return True
            places = (call, turn.backwards[-1], other.updates[0])
            at, backward, update = (self._tree.first(each.node) for each in places)
            if update < backward or backward < at < update:
                return True
        return False

    def _clearing(self, turn: Turn) -> Iterator[Call]:
        """The calls in a turn's body that clear the gradients of what it trains, themselves or in a method."""
        for call in self._calls.within(turn.region.body):
            if call.method == "zero_grad":
                if self._clears(call, turn):
                    yield call
                continue
            target = self._values.callee(call.node) if call.method in _CLEARERS or "grad" in call.method else None
            if target is not None and isinstance(target.node, cst.FunctionDef):
                inner = target.facts[Optimizers]
                every = target.facts[Calls].methods("zero_grad", within=target.node.body)
                if any(inner._clears(each, turn) for each in every):
                    yield call

    def _clears(self, call: Call, turn: Turn) -> bool:
        """Whether a ``zero_grad()`` clears what a turn trains."""
        if call.receiver is None:
            return False
        optimizer = self.of(call.receiver)
        if optimizer is not None:
            return optimizer in (turn.optimizers or ())
        network = self._identities.of(call.receiver)
        return network is not None and any(network.covers(each.identity) for each in turn.trained or ())

    # -- frozen -----------------------------------------------------------------------------------------------

    def frozen(self, identity: Identity) -> bool | None:
        """Whether a network's parameters take no gradients; ``False`` only when no code that makes it mentions it."""
        places = {id(each): each for each in (self._facts, *self._identities.written(identity))}
        if not any(each[Optimizers]._may_freeze for each in places.values()):
            return False
        answers = {answer for facts in places.values() for answer in facts[Optimizers]._says(identity)}
        if True in answers:
            return True
        return None

    @functools.cached_property
    def _may_freeze(self) -> bool:
        """Whether code of this file looks as if it froze something."""
        return self._facts.glance.code.shows(_FREEZES)

    def _says(self, identity: Identity) -> Iterator[bool]:
        """Whether code of this file freezes a network: ``net.requires_grad_(False)``, or each parameter in a loop."""
        for call in self._calls.methods("requires_grad_", "freeze"):
            of = self._identities.of(call.receiver) if call.receiver is not None else None
            off = call.method == "freeze" or (
                bool(call.positional) and self._values.constant(call.positional[0]) is False
            )
            if of is not None and off and self._identities.holds(of, identity):
                yield True
        for target in self._tree.of_type(cst.AssignTarget):
            if isinstance(target.target, cst.Attribute) and target.target.attr.value == "requires_grad":
                yield from self._loop_says(target, identity)

    def _loop_says(self, target: cst.AssignTarget, identity: Identity) -> Iterator[bool]:
        around = self._tree.loops_around(target)
        assign = self._tree.parent(target)
        if not around or not isinstance(around[0], cst.For) or not isinstance(assign, cst.Assign):
            return
        if self._values.constant(assign.value) is not False or self._tree.enclosing(target, cst.If) is not None:
            return
        source = around[0].iter
        if isinstance(source, cst.Call):
            call = self._calls.of(source)
            of = self._identities.of(call.receiver) if call.receiver is not None else None
            if call.method == "parameters" and of is not None and self._identities.holds(of, identity):
                yield True


def _chosen(found: tuple[Trained, ...] | None) -> tuple[Trained, ...] | None:
    if found is None:
        return None
    return tuple(Trained(each.identity, each.node, each.facts, each.is_network, chosen=True) for each in found)


_KNOWN = ("torch.optim.", "transformers.", "bitsandbytes.", "apex.", "timm.optim.", "torch_optimizer.", "lion_pytorch.")
_BACKWARD = ("backward", "manual_backward")
_CLEARERS = ("reset", "clear", "zero")
_OTHER_NAME = re.compile(r"sched|lr\b|_lr|prof|env|bar\b|warm|\bema|log|timer|check|ckpt|early|self$", re.IGNORECASE)
"""Names of what has a ``step()`` but is no optimiser."""
_FREEZES = signal(
    "*requires_grad* set_grad_enabled *freez* *frozen* *trainable* *toggle* *require_grad *get_peft_model* *ora* "
    "*inject_adapter*",
    r"\.requires_grad\b(?!\s*=\s*True)|\brequires_grad_\((?!\s*\)|\s*True)|\w*requires_grad\(|_requires_grad\b"
    r"|[\"']requires_grad[\"']|set_grad_enabled|freez|frozen|trainable|toggle|require_grad\b|get_peft_model|[Ll]ora"
    r"|inject_adapter",
)
"""Words of code that may freeze parameters; ``Variable(x, requires_grad=False)`` only makes a tensor."""
