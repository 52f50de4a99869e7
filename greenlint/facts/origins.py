"""Where data comes from, followed back through assignments and calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import signals

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Origins"]

_DEPTH = 14


class Origins:
    """Origins of the data in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._memo: dict[cst.CSTNode, bool] = {}

    def toy(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is made from a toy data set, and from nothing that cannot be a part of it."""
        if node not in self._memo:
            self._memo[node] = _Search().toy(self._facts, node, _DEPTH)
        return self._memo[node]


class _Search:
    """One walk from an expression back to the calls that made its data."""

    def __init__(self) -> None:
        self._seen: set[cst.CSTNode] = set()

    def toy(self, facts: Facts, node: cst.BaseExpression, depth: int) -> bool:
        if depth == 0 or node in self._seen:
            return False
        self._seen.add(node)
        if isinstance(node, cst.Call):
            name = facts[Calls].of(node).name
            if name is not None and signals.TOY_LOADERS.search(name):
                return True
        return any(self.toy(source, each, depth - 1) for source, each in self._sources(facts, node))

    def _sources(self, facts: Facts, node: cst.BaseExpression) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        if isinstance(node, cst.Name):
            for binding in facts[Names].reaching(node):
                yield from self._bound(facts, binding)
        elif isinstance(node, cst.Attribute):
            bindings = facts[Values].attribute_bindings(node)
            for owner, binding in bindings:
                yield from self._bound(owner, binding)
            if not bindings:
                yield facts, node.value
        elif isinstance(node, cst.Call):
            yield from self._called(facts, node)
        elif isinstance(node, cst.Subscript):
            yield facts, node.value
        elif isinstance(node, (cst.Tuple, cst.List)):
            yield from ((facts, each.value) for each in node.elements)
        elif isinstance(node, cst.BinaryOperation):
            yield from ((facts, node.left), (facts, node.right))

    def _bound(self, facts: Facts, binding: Binding) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        function = binding.scope.node
        if binding.kind is BindingKind.PARAMETER and isinstance(function, cst.FunctionDef):
            for argument in facts[Values].arguments_for(function, binding.name):
                if argument.node is not None:
                    yield argument.facts, argument.node
        elif binding.value is not None:
            yield facts, binding.value

    def _called(self, facts: Facts, node: cst.Call) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        if isinstance(node.func, cst.Attribute) and facts[Names].resolve(node.func) is None:
            yield facts, node.func.value
        for arg in node.args[:3]:
            yield facts, arg.value
        definition = facts[Values].callee(node)
        if definition is not None and isinstance(definition.node, cst.FunctionDef):
            tree = definition.facts[Tree]
            for each in tree.below(definition.node.body, cst.Return):
                if each.value is not None:
                    yield definition.facts, each.value
