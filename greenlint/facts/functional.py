"""Functional training steps: gradients of JAX functions, and the update of parameters made of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.loops import Loops
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.compilers import GRADIENTS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["FunctionalStep", "FunctionalSteps"]

_DEPTH = 3
"""How many calls away from a step its loop may be."""
_UPDATES = frozenset(
    """apply_updates apply_gradients apply_gradient update opt_update optimizer_update update_step tree_map
    tree_multimap map step update_params filter_apply_updates""".split()
)
_RATE = re.compile(r"\b(?:lr|rate|learning_?rate|step_?size|alpha|eta|LR|LEARNING_RATE|STEP_SIZE)\b|\d")


@dataclass(frozen=True, slots=True, eq=False)
class FunctionalStep:
    """One update of parameters by the gradients of a function."""

    gradient: Call
    """The call that computes the gradients."""
    update: cst.CSTNode
    """Where they are used to update parameters."""
    function: cst.FunctionDef | None
    """The function of this file that does both, ``None`` at the top level."""
    loop: cst.For | cst.While | None
    """The innermost loop that runs the step, in ``loop_facts``; ``None`` when none is found."""
    loop_facts: Facts
    loss: Definition | None
    """The function that is differentiated, when it is one of the project."""
    passes: int | None
    """How often it runs in all, when every loop around it says so."""


class FunctionalSteps:
    """Functional training steps of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._project = facts[Project]
        self._values = facts[Values]

    @functools.cached_property
    def all(self) -> tuple[FunctionalStep, ...]:
        """Every step, in source order."""
        return tuple(self._find())

    def _find(self) -> Iterator[FunctionalStep]:
        if not self._calls.named(*GRADIENTS):
            return
        for call in self._calls.all:
            made = self._gradient_function(call.node.func)
            if made is None:
                continue
            update = self._update(call)
            if update is None:
                continue
            facts, loops = self._loops_of(call.node, _DEPTH)
            loop = loops[0] if loops else None
            function = self._tree.function(call.node)
            yield FunctionalStep(call, update, function, loop, facts, self._loss(made), _product(facts, loops))

    # -- gradients --------------------------------------------------------------------------------------------

    def _gradient_function(self, func: cst.BaseExpression) -> Call | None:
        """The call of ``grad`` or ``value_and_grad`` that made the function that is called."""
        value: cst.BaseExpression | None = func
        if isinstance(func, cst.Name):
            bindings = self._names.reaching(func)
            plain = len(bindings) == 1 and bindings[0].kind is BindingKind.ASSIGN and not bindings[0].path
            value = bindings[0].value if plain else None
        elif isinstance(func, cst.Attribute):
            found = self._values.attribute_bindings(func)
            value = found[0][1].value if len(found) == 1 and found[0][0] is self._facts else None
        if not isinstance(value, cst.Call):
            return None
        call = self._calls.of(value)
        return call if call.name in GRADIENTS and call.node.args else None

    def _loss(self, made: Call) -> Definition | None:
        first = made.positional[0] if made.positional else None
        found = self._project.definition(first) if isinstance(first, (cst.Name, cst.Attribute)) else None
        return found if found is not None and isinstance(found.node, cst.FunctionDef) else None

    # -- updates ----------------------------------------------------------------------------------------------

    def _update(self, gradient: Call) -> cst.CSTNode | None:
        """Where the gradients, or what is made of them, update something in the same function."""
        around = self._tree.function(gradient.node) or self._tree.root
        names = set(_bound(self._tree.statement(gradient.node)))
        if not names:
            return None
        rank = self._tree.first(gradient.node)
        for call in self._calls.within(around):
            if call.method in _UPDATES and self._tree.first(call.node) > rank and _reads(call, names, self._tree):
                return call.node
        for operation in self._tree.below(around, cst.BinaryOperation):
            if isinstance(operation.operator, cst.Subtract) and self._descends(operation.right, names):
                return operation
        for assign in self._tree.below(around, cst.AugAssign):
            if isinstance(assign.operator, cst.SubtractAssign) and self._descends(assign.value, names):
                return assign
        return None

    def _descends(self, node: cst.BaseExpression, names: set[str]) -> bool:
        """Whether an expression is a step size times gradients."""
        if not isinstance(node, cst.BinaryOperation) or not isinstance(node.operator, cst.Multiply):
            return False
        mentioned = {each.value for each in self._tree.below(node, cst.Name)}
        return bool(mentioned & names) and _RATE.search(self._facts.document.source(node)) is not None

    # -- loops ------------------------------------------------------------------------------------------------

    def _loops_of(self, node: cst.CSTNode, depth: int) -> tuple[Facts, list[cst.For | cst.While]]:
        """The loops that run ``node``, innermost first: around it, or around the calls of its function."""
        around = list(self._tree.loops_around(node))
        if around:
            return self._facts, around
        function = self._tree.function(node)
        for call in self._project.callers(function) if function is not None and depth else ():
            facts, found = call.facts[FunctionalSteps]._loops_of(call.node, depth - 1)
            if found:
                return facts, found
        return self._facts, []


def _bound(statement: cst.CSTNode) -> Iterator[str]:
    """The names that a statement gives a value."""
    if not isinstance(statement, (cst.Assign, cst.AnnAssign)):
        return
    targets: list[cst.BaseExpression] = [statement.target] if isinstance(statement, cst.AnnAssign) else []
    if isinstance(statement, cst.Assign):
        targets.extend(each.target for each in statement.targets)
    while targets:
        target = targets.pop()
        if isinstance(target, (cst.Tuple, cst.List)):
            targets.extend(each.value for each in target.elements)
        elif (written := dotted(target)) is not None and written != "_":
            yield written.rsplit(".", 1)[-1]


def _reads(call: Call, names: set[str], tree: Tree) -> bool:
    return any(each.value in names for arg in call.node.args for each in tree.below(arg.value, cst.Name))


def _product(facts: Facts, loops: list[cst.For | cst.While]) -> int | None:
    """How often the innermost of nested loops runs in all."""
    total = 1
    for each in loops:
        count = facts[Loops].of(each).iterations
        if count is None:
            return None
        total *= count
    return total if loops else None
