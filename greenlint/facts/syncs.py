"""Where a training step makes the host wait for the accelerator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import Contexts
from greenlint.facts.loops import LoopRole, Loops, Region, Step
from greenlint.facts.models import Models
from greenlint.facts.residence import Residence
from greenlint.facts.tree import Tree
from greenlint.knowledge import kinds

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Body", "Sync", "Syncs"]

_EXPLICIT = frozenset(("synchronize", "block_until_ready"))
_WORKS = frozenset(("backward", "manual_backward", "step", "apply_gradients", "apply_updates"))
"""Calls that give the device a lot to do."""
_WAITING_TESTS = frozenset(("isnan", "isinf", "isfinite", "allclose", "equal", "any", "all", "is_nonzero"))
_SINKS = {"add_scalar": 1, "add_scalars": 1, "log_metric": 1, "log": 0}
_EVALUATES = re.compile(r"(^|_)(eval|evaluate|val|valid|validate|validation|test|sample|generate|predict|infer)(_|$)")


@dataclass(frozen=True, slots=True, eq=False)
class Sync:
    """One read of a device value on the host."""

    place: cst.CSTNode
    """Where a finding belongs in the file under check: the read, or the call that leads to it."""
    facts: Facts
    """The file that holds the read itself."""
    what: str
    repeated: bool
    """Once per element of a loop inside the step."""
    before_backward: bool


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The reads in one body of a step, in source order."""

    region: Region
    syncs: tuple[Sync, ...]


class Syncs:
    """Host reads in the training steps of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._loops = facts[Loops]

    def of_step(self, step: Step) -> list[Body]:
        """The bodies that run in each pass of ``step`` and wait for the device, the loop's own first."""
        found = []
        for region in self._loops.regions(step):
            if region.function is not None and region.via is not None and self._is_skipped(region):
                continue
            if region.caller is None and region.facts is not self._facts:
                continue
            syncs = tuple(self._in_region(region, step))
            if syncs:
                found.append(Body(region, syncs))
        return found

    def _is_skipped(self, region: Region) -> bool:
        """Whether a guard, an evaluation or a name on the way keeps the region from running in each step."""
        here: Region | None = region
        while here is not None and here.via is not None and here.caller is not None:
            if here.function is not None and _EVALUATES.search(here.function.name.value):
                return True
            facts = here.caller.facts
            if facts[Contexts].guarded(here.via.node, here.caller.body):
                return True
            if facts[Loops].enclosing(here.via.node, LoopRole.EVALUATION) is not None:
                return True
            here = here.caller
        return False

    def _in_region(self, region: Region, step: Step) -> Iterator[Sync]:
        facts = region.facts
        contexts, tree, loops = facts[Contexts], facts[Tree], facts[Loops]
        seen: set[cst.CSTNode] = set()
        for node, what in sorted(_waits(facts, region.body), key=lambda each: tree.first(each[0])):
            statement = tree.statement(node)
            if statement in seen or self._follows_wait(node, region):
                continue
            if contexts.guarded(node, region.body) or contexts.timed(node) or contexts.dead(node):
                continue
            if loops.enclosing(node, LoopRole.EVALUATION) is not None:
                continue
            seen.add(statement)
            place = _place(node, region, self._facts)
            if place is None:
                continue
            yield Sync(place, facts, what, self._repeated(node, region), _before_backward(node, region, step))

    def _follows_wait(self, node: cst.CSTNode, region: Region) -> bool:
        """Whether the device was just waited for by an explicit synchronisation, and has got no work since."""
        tree = region.facts[Tree]
        for above in tree.ancestors(node):
            if above is region.body or isinstance(above, (cst.FunctionDef, cst.For, cst.While)):
                block: Sequence[cst.CSTNode] = getattr(above, "body", ())
                return self._waited_in(block, node, region) if isinstance(block, (list, tuple)) else False
            if isinstance(above, cst.IndentedBlock) and self._waited_in(above.body, node, region):
                return True
        return False

    def _waited_in(self, block: Sequence[cst.CSTNode], node: cst.CSTNode, region: Region) -> bool:
        tree, calls = region.facts[Tree], region.facts[Calls]
        waited = False
        for statement in block:
            if tree.contains(statement, node):
                return waited
            names = {call.method for call in calls.within(statement)}
            if names & _EXPLICIT:
                waited = True
            elif names & _WORKS or any(region.facts[Models].network(call) for call in calls.within(statement)):
                waited = False
        return False

    def _repeated(self, node: cst.CSTNode, region: Region) -> bool:
        tree = region.facts[Tree]
        if self._tests_each(node, region.facts):
            return True
        for above in tree.ancestors(node):
            if above is region.body:
                break
            if isinstance(above, (cst.ListComp, cst.DictComp, cst.SetComp, cst.GeneratorExp)):
                return True
        for loop in tree.loops_around(node):
            if not tree.contains(region.body, loop):
                break
            if region.facts[Loops].of(loop).role is LoopRole.OTHER:
                return True
        return False

    @staticmethod
    def _tests_each(node: cst.CSTNode, facts: Facts) -> bool:
        """``any(not torch.isfinite(p.grad).all() for p in ...)``: one read per element."""
        return any(facts[Residence].from_model(each) for each in facts[Tree].below(node, cst.GeneratorExp))


def _place(node: cst.CSTNode, region: Region, file: Facts) -> cst.CSTNode | None:
    """The read itself when it stands in ``file``, else the call in ``file`` that leads to it."""
    if region.facts is file:
        return node
    here: Region | None = region
    while here is not None and here.via is not None:
        if here.via.facts is file:
            return here.via.node
        here = here.caller
    return None


def _before_backward(node: cst.CSTNode, region: Region, step: Step) -> bool:
    here: Region | None = region
    while here is not None:
        tree = here.facts[Tree]
        if here.facts is step.facts and tree.contains(here.body, step.backward.node):
            return tree.first(node) < tree.first(step.backward.node) and not tree.contains(
                tree.statement(step.backward.node), node
            )
        if here.via is None:
            return False
        node, here = here.via.node, here.caller
    return False


def _waits(facts: Facts, body: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, str]]:
    """The expressions below ``body`` that need a device value on the host."""
    tree, residence = facts[Tree], facts[Residence]
    for call in facts[Calls].within(body):
        what = _waiting_call(call, residence)
        if what is not None and not _in_inner_function(tree, call.node, body):
            yield call.node, what
    for part in tree.below(body, cst.FormattedStringExpression):
        if residence.from_model(part.expression) and not _in_inner_function(tree, part, body):
            yield part, "formatting a tensor reads it from the device"
    branches: list[cst.If | cst.While | cst.Assert] = [
        *tree.below(body, cst.If),
        *tree.below(body, cst.While),
        *tree.below(body, cst.Assert),
    ]
    for branch in branches:
        if _waiting_test(facts, branch.test, residence) and not _in_inner_function(tree, branch, body):
            yield branch.test, "a Python condition on a tensor reads it from the device"


def _in_inner_function(tree: Tree, node: cst.CSTNode, body: cst.CSTNode) -> bool:
    for above in tree.ancestors(node):
        if above is body:
            return False
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return True
    return False


def _waiting_call(call: Call, residence: Residence) -> str | None:
    receiver = call.receiver
    if receiver is not None and call.method in kinds.TO_HOST and residence.from_model(receiver):
        return f".{call.method}() reads a value from the device"
    plain = call.positional
    if call.name in ("builtins.float", "builtins.int", "builtins.bool") and plain and residence.from_model(plain[0]):
        return f"{call.method}() of a tensor reads it from the device"
    if call.name == "builtins.print" and any(residence.from_model(each) for each in plain):
        return "printing a tensor reads it from the device"
    index = _SINKS.get(call.method)
    if index is not None and receiver is not None and _is_sink(call, index, residence):
        return f".{call.method}() of a tensor reads it from the device"
    return None


def _is_sink(call: Call, index: int, residence: Residence) -> bool:
    plain = call.positional
    if call.method == "log":
        return call.name == "wandb.log" and bool(plain) and _holds_tensor(plain[0], residence)
    return len(plain) > index and residence.from_model(plain[index])


def _holds_tensor(node: cst.BaseExpression, residence: Residence) -> bool:
    if isinstance(node, cst.Call):
        return any(residence.from_model(arg.value) for arg in node.args)
    return isinstance(node, cst.Dict) and residence.from_model(node)


def _waiting_test(facts: Facts, test: cst.BaseExpression, residence: Residence) -> bool:
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return _waiting_test(facts, test.expression, residence)
    if isinstance(test, cst.BooleanOperation):
        return _waiting_test(facts, test.left, residence) or _waiting_test(facts, test.right, residence)
    if isinstance(test, cst.Call):
        return facts[Calls].of(test).method in _WAITING_TESTS and residence.from_model(test)
    if not isinstance(test, cst.Comparison) or all(_asks_for_identity(each) for each in test.comparisons):
        return False
    return residence.from_model(test)


def _asks_for_identity(target: cst.ComparisonTarget) -> bool:
    """``x is None`` reads no value."""
    return isinstance(target.operator, (cst.Is, cst.IsNot))
