"""Autograd graphs: which forward passes an expression was computed by, as far as gradients can flow back to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import ContextKind, Contexts
from greenlint.facts.models import Models
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Graphs"]

_DEEPEST = 60
_CALLS = 3
"""How many functions of the project an expression is followed into."""
_ENDS = frozenset(
    """detach detach_ item numpy tolist argmax argmin argsort eq ne gt lt ge le bool long int byte short size numel dim
    sign zeros_like ones_like randn_like rand_like randint_like empty_like full_like multinomial topk_indices generate
    is_available backward step""".split()
)
"""Calls whose result holds no graph of what it was made from."""
_NO_GRAPH = frozenset(("data", "grad", "shape", "dtype", "device", "ndim", "indices", "requires_grad"))


class Graphs:
    """Autograd graphs in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._models = facts[Models]
        self._contexts = facts[Contexts]
        self._memo: dict[tuple[cst.CSTNode, bool], frozenset[Call]] = {}
        self._partial: dict[tuple[cst.CSTNode, bool], frozenset[Call]] = {}
        """Answers of the question that is being worked on; inside a cycle they may be cut short."""
        self._running: set[cst.CSTNode] = set()

    def behind(self, node: cst.BaseExpression) -> frozenset[Call]:
        """The forward passes, here or in functions called, through which gradients of ``node`` may flow.

        A graph cut by ``detach()`` or ``no_grad`` does not count. Passes in code that cannot be seen are missing.
        """
        return self._behind(node, _CALLS, passed=True)

    def differentiated(self, backward: Call) -> frozenset[Call]:
        """The forward passes that a backward call runs back through."""
        found: set[Call] = set()
        for each in losses(backward):
            found |= self.behind(each)
        return frozenset(found)

    def reaches_before(self, backward: Call, loop: cst.CSTNode) -> bool:
        """Whether a backward call in a loop also runs back through a forward pass that was made before the loop."""
        waiting: list[cst.BaseExpression] = losses(backward)
        seen: set[Binding] = set()
        while waiting:
            for name in self._differentiable(waiting.pop()):
                for binding in self._names.reaching(name):
                    if binding in seen:
                        continue
                    seen.add(binding)
                    if not self._tree.contains(loop, binding.node):
                        if any(self._bound(binding, _CALLS, passed=True)):
                            return True
                    elif binding.picked is not None:
                        waiting.append(binding.picked)
        return False

    def _differentiable(self, node: cst.BaseExpression) -> Iterator[cst.Name]:
        """The names in an expression whose graph it may hold."""
        for name in self._tree.below(node, cst.Name):
            cut = False
            for above in self._tree.ancestors(name):
                if not self._tree.contains(node, above):
                    break
                cut = cut or (isinstance(above, cst.Call) and self._calls.of(above).method in _ENDS)
            if not cut:
                yield name

    def _behind(self, node: cst.BaseExpression, calls: int, *, passed: bool) -> frozenset[Call]:
        key = (node, passed)
        known = self._memo.get(key, self._partial.get(key))
        if known is not None:
            return known
        if node in self._running or len(self._running) > _DEEPEST:
            return frozenset()
        self._running.add(node)
        try:
            found = frozenset(self._found(node, calls, passed=passed))
        finally:
            self._running.discard(node)
        self._partial[key] = found
        if not self._running:
            self._partial.clear()
            self._memo[key] = found
        return found

    def _found(self, node: cst.BaseExpression, calls: int, *, passed: bool) -> Iterator[Call]:
        if isinstance(node, cst.Name):
            yield from self._name(node, calls, passed=passed)
        elif isinstance(node, cst.Attribute):
            yield from self._attribute(node, calls, passed=passed)
        elif isinstance(node, cst.Call):
            yield from self._call(self._calls.of(node), calls, passed=passed)
        elif isinstance(node, cst.Comparison):
            return
        else:
            for part in _parts(node):
                yield from self._behind(part, calls, passed=passed)

    def _name(self, node: cst.Name, calls: int, *, passed: bool) -> Iterator[Call]:
        for binding in self._names.reaching(node):
            yield from self._bound(binding, calls, passed=passed)

    def _bound(self, binding: Binding, calls: int, *, passed: bool) -> Iterator[Call]:
        if binding.kind is BindingKind.PARAMETER:
            if passed:
                yield from self._parameter(binding, calls)
            return
        if binding.value is None:
            return
        yield from self._behind(binding.picked or binding.value, calls, passed=passed)
        if binding.kind is BindingKind.AUGMENTED and isinstance(binding.node, cst.AugAssign):
            target = binding.node.target
            if isinstance(target, cst.Name):
                for each in self._names.lookup(binding.name, target):
                    if each is not binding and each.value is not None:
                        yield from self._behind(each.value, calls, passed=passed)

    def _parameter(self, binding: Binding, calls: int) -> Iterator[Call]:
        function = binding.scope.node
        if calls and isinstance(function, cst.FunctionDef):
            for argument in self._values.arguments_for(function, binding.name):
                if argument.node is not None:
                    yield from argument.facts[Graphs]._behind(argument.node, calls - 1, passed=True)

    def _attribute(self, node: cst.Attribute, calls: int, *, passed: bool) -> Iterator[Call]:
        if node.attr.value in _NO_GRAPH:
            return
        bindings = self._values.attribute_bindings(node)
        if bindings:
            for facts, binding in bindings:
                yield from facts[Graphs]._bound(binding, calls, passed=passed)
        else:
            yield from self._behind(node.value, calls, passed=passed)

    def _call(self, call: Call, calls: int, *, passed: bool) -> Iterator[Call]:
        if call.method in _ENDS or self._contexts.active(call.node, ContextKind.NO_GRAD) is True:
            return
        for arg in call.node.args:
            yield from self._behind(arg.value, calls, passed=passed)
        if self._models.network(call) is not None and not self._models.is_criterion(call.node.func):
            yield call
            return
        returned = self._values.returned(call.node) if calls else []
        for facts, value in returned:
            yield from facts[Graphs]._behind(value, calls - 1, passed=False)
        if not returned and call.receiver is not None and call.name is None:
            yield from self._behind(call.receiver, calls, passed=passed)


def losses(backward: Call) -> list[cst.BaseExpression]:
    """What a backward call differentiates: ``loss.backward()``, ``accelerator.backward(loss)``, ``scale(loss)``."""
    if backward.positional and backward.receiver is not None:
        receiver = backward.facts[Values].of(backward.receiver)
        if backward.method == "manual_backward" or receiver.kind is not None or backward.name is not None:
            return [backward.positional[0]]
        return [backward.receiver, backward.positional[0]]
    receiver_node = backward.receiver
    if isinstance(receiver_node, cst.Call):
        inner = backward.facts[Calls].of(receiver_node)
        if inner.method == "scale" and inner.positional:
            return [inner.positional[0]]
    return [receiver_node] if receiver_node is not None else []


def _parts(node: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    for name in ("left", "right", "expression", "body", "orelse", "elt", "value"):
        part = getattr(node, name, None)
        if isinstance(part, cst.BaseExpression):
            yield part
    if isinstance(node, (cst.Tuple, cst.List, cst.Dict)):
        for each in node.elements:
            yield each.value
