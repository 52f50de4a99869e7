"""Which values of a training step live on the accelerator, so that reading one on the host waits for the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.contexts import ContextKind, Contexts
from greenlint.facts.models import Models
from greenlint.facts.names import Binding, BindingKind, Names, root_name
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device, Values
from greenlint.knowledge import kinds
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Residence", "Tracked"]

_DEEPEST = 40


class Residence:
    """Device values of one file: what comes out of models, losses and parameters and was not copied to the host."""

    _counts_placement = True
    """Whether a tensor placed on an accelerator counts, whatever it came from."""
    _trusts_host = True
    """Whether what the code puts on the CPU does not count."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._models = facts[Models]
        self._project = facts[Project]
        self._memo: dict[cst.CSTNode, bool] = {}
        self._running: set[cst.CSTNode] = set()

    def from_model(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is a tensor that a model, a loss or a parameter gave and that stayed off the host.

        Certain only in the affirmative; whether the model itself is on an accelerator is another question.
        """
        known = self._memo.get(node)
        if known is not None:
            return known
        if node in self._running or len(self._running) > _DEEPEST:
            return False
        self._running.add(node)
        try:
            found = self._decide(node)
        finally:
            self._running.discard(node)
        self._memo[node] = found
        return found

    def _decide(self, node: cst.BaseExpression) -> bool:
        value = self._values.of(node)
        if value.kind is Kind.ARRAY or value.constant is not UNKNOWN:
            return False
        if self._trusts_host and value.device is Device.HOST:
            return False
        if self._counts_placement and value.kind is Kind.TENSOR and value.device is Device.ACCELERATOR:
            return True
        handler = _HANDLERS.get(type(node))
        return handler is not None and bool(getattr(self, handler)(node))

    def _name(self, node: cst.Name) -> bool:
        return any(self._binding(each) for each in self._names.reaching(node))

    def _binding(self, binding: Binding) -> bool:
        if binding.kind is BindingKind.PARAMETER:
            return self._parameter(binding)
        if binding.value is None:
            return False
        if binding.kind is BindingKind.LOOP:
            return self._looped(binding.value, binding.path)
        if binding.kind in (BindingKind.ASSIGN, BindingKind.AUGMENTED):
            return self._assigned(binding)
        return False

    def _assigned(self, binding: Binding) -> bool:
        value = binding.picked
        if binding.path and isinstance(value, cst.Call):
            returned = self._values.returned(value)
            if returned:
                return self._any_returned(returned, binding.path[0])
            if binding.path[0] != 0 and self._models.is_criterion(value.func):
                # What a loss of somebody's own gives beside its value may be counts, or text for a log.
                return False
        return value is not None and self.from_model(value)

    def _parameter(self, binding: Binding) -> bool:
        function = binding.scope.node
        if not isinstance(function, cst.FunctionDef) or not isinstance(binding.node, cst.Param):
            return False
        if binding.node.star:
            return self._starred(function, binding)
        for argument in self._values.arguments_for(function, binding.name):
            if argument.node is not None and argument.facts[type(self)].from_model(argument.node):
                return True
        return False

    def _starred(self, function: cst.FunctionDef, binding: Binding) -> bool:
        """``*args`` and ``**kwargs``: anything of the kind passed by a caller."""
        for call in self._project.callers(function):
            for arg in call.node.args:
                fits = bool(arg.star) or (arg.keyword is not None) == (getattr(binding.node, "star", "") == "**")
                if fits and call.facts[type(self)].from_model(arg.value):
                    return True
        return False

    def _looped(self, node: cst.BaseExpression, path: tuple[int, ...]) -> bool:
        while isinstance(node, cst.Call):
            call = self._calls.of(node)
            plain = call.positional
            if call.method in ("parameters", "named_parameters", "state_dict"):
                return not (call.method == "named_parameters" and path[:1] == (0,))
            if call.method == "enumerate" and plain:
                if path[:1] == (0,):
                    return False
                node, path = plain[0], path[1:]
            elif call.method == "zip" and path and 0 <= path[0] < len(plain):
                node, path = plain[path[0]], path[1:]
            elif call.method in ("items", "values") and call.receiver is not None:
                if call.method == "items" and path[:1] == (0,):
                    return False
                node, path = call.receiver, path[1:] if call.method == "items" else path
            elif call.method in kinds.PASS_THROUGH_ITERATORS and plain:
                node = plain[0]
            else:
                break
        if isinstance(node, cst.Attribute) and node.attr.value.endswith("params"):
            return True
        if isinstance(node, (cst.List, cst.Tuple)):
            return any(self.from_model(each.value) for each in node.elements)
        return self.from_model(node)

    def _call(self, node: cst.Call) -> bool:
        call = self._calls.of(node)
        if call.method in kinds.TO_HOST or call.method in kinds.HOST_METADATA:
            return False
        if call.name is not None and call.name.startswith("builtins."):
            return call.method in _KEEPING and any(self.from_model(each) for each in call.positional)
        if call.name is not None and not call.name.startswith("."):
            if call.name.startswith(_TENSOR_LIBRARIES):
                return self._any_argument(call)
            if self._project.named(call.name) is None:
                return False
        if self._models.network(call) is not None:
            return True
        definition = self._values.callee(node)
        is_function = definition is not None and isinstance(definition.node, cst.FunctionDef)
        returned = self._values.returned(node) if is_function else []
        numbers = [facts[type(self)].is_number(value) for facts, value in returned]
        if numbers and all(numbers):
            return False
        # What gives a number in one case may in all others, whatever it is called.
        if not any(numbers) and self._models.is_criterion(node.func):
            return True
        if is_function:
            return self._any_returned(returned)
        return call.receiver is not None and self._method(call, call.receiver)

    def is_number(self, node: cst.BaseExpression, depth: int = 4) -> bool:
        """Whether an expression is certainly a number on the host: ``loss.item() / 2``, ``float(loss)``."""
        if depth == 0:
            return False
        if isinstance(self._values.constant(node), (int, float)):
            return True
        if isinstance(node, cst.Call):
            call = self._calls.of(node)
            return call.method == "item" or call.name in ("builtins.float", "builtins.int", "builtins.len")
        if isinstance(node, cst.BinaryOperation):
            return self.is_number(node.left, depth - 1) and self.is_number(node.right, depth - 1)
        bindings = self._names.reaching(node) if isinstance(node, cst.Name) else ()
        values = [each.picked for each in bindings]
        return bool(values) and all(value is not None and self.is_number(value, depth - 1) for value in values)

    def _method(self, call: Call, receiver: cst.BaseExpression) -> bool:
        if call.method in ("get", "pop", "setdefault", "keys"):
            return call.method != "keys" and self.from_model(receiver)
        return self.from_model(receiver)

    def _any_argument(self, call: Call) -> bool:
        return any(self.from_model(arg.value) for arg in call.node.args)

    def _any_returned(self, returned: list[tuple[Facts, cst.BaseExpression]], element: int | None = None) -> bool:
        """Whether a function returns such a value, as a whole or as one element of a tuple."""
        for facts, value in returned:
            if element is not None and isinstance(value, cst.Tuple) and 0 <= element < len(value.elements):
                value = value.elements[element].value
            if facts[type(self)].from_model(value):
                return True
        return False

    def _attribute(self, node: cst.Attribute) -> bool:
        name = node.attr.value
        if name in kinds.HOST_METADATA or name in ("shape", "dtype", "device", "ndim", "requires_grad"):
            return False
        if name == "grad":
            return True
        return self.from_model(node.value) and not self._models.is_model(node.value)

    def _subscript(self, node: cst.Subscript) -> bool:
        key = self._values.index(node)
        mapping = self._values.mapping(node.value) if isinstance(key, str) else None
        entry = mapping.entries.get(key) if mapping is not None and isinstance(key, str) else None
        if entry is not None and entry.certain:
            return entry.facts[type(self)].from_model(entry.node)
        return self.from_model(node.value)

    def _parts(self, node: Any) -> bool:
        for name in ("left", "right", "expression", "body", "orelse", "elt", "value"):
            part = getattr(node, name, None)
            if isinstance(part, cst.BaseExpression) and self.from_model(part):
                return True
        return False

    def _comparison(self, node: cst.Comparison) -> bool:
        if any(isinstance(each.operator, (cst.Is, cst.IsNot, cst.In, cst.NotIn)) for each in node.comparisons):
            return False
        return self.from_model(node.left) or any(self.from_model(each.comparator) for each in node.comparisons)

    def _collection(self, node: cst.Tuple | cst.List) -> bool:
        return any(self.from_model(each.value) for each in node.elements)

    def _dict(self, node: cst.Dict) -> bool:
        return any(self.from_model(each.value) for each in node.elements)


_KEEPING = frozenset(
    ("any", "all", "sum", "max", "min", "abs", "round", "pow", "list", "tuple", "dict", "sorted", "map", "getattr")
)
_TENSOR_LIBRARIES = ("torch.", "einops.", "torchvision.ops.", "torchmetrics.functional.")
_HANDLERS: dict[type, str] = {
    cst.Name: "_name",
    cst.Call: "_call",
    cst.Attribute: "_attribute",
    cst.Subscript: "_subscript",
    cst.BinaryOperation: "_parts",
    cst.UnaryOperation: "_parts",
    cst.IfExp: "_parts",
    cst.ListComp: "_parts",
    cst.GeneratorExp: "_parts",
    cst.DictComp: "_parts",
    cst.NamedExpr: "_parts",
    cst.Comparison: "_comparison",
    cst.Tuple: "_collection",
    cst.List: "_collection",
    cst.Dict: "_dict",
}


class Tracked(Residence):
    """As :class:`Residence`, for values that still hold the autograd graph of a model or loss."""

    _counts_placement = False

    def _decide(self, node: cst.BaseExpression) -> bool:
        if self._facts[Contexts].active(node, ContextKind.NO_GRAD) is not False:
            return False
        return super()._decide(node)

    def is_cut(self, node: cst.BaseExpression) -> bool:
        """Whether a variable is cut off from its graph in one case at least, and so meant to keep it in the others."""
        return isinstance(node, cst.Name) and any(map(self._cuts, self._names.reaching(node)))

    def _cuts(self, binding: Binding) -> bool:
        if not isinstance(binding.value, cst.Call):
            return False
        call = self._calls.of(binding.value)
        return call.method == "detach" and call.receiver is not None and root_name(call.receiver) == binding.name

    def _call(self, node: cst.Call) -> bool:
        call = self._calls.of(node)
        if call.method in _UNTRACKED:
            return False
        if call.name is not None and call.name.startswith("torch.") and call.name not in _TRACKED_CALLS:
            root = call.name.split(".")
            if root[1] not in ("nn",) and len(root) > 2:
                return False
        return super()._call(node)

    def _attribute(self, node: cst.Attribute) -> bool:
        return node.attr.value not in ("data", "grad", "indices") and super()._attribute(node)

    def _assigned(self, binding: Binding) -> bool:
        if binding.path == (1,) and binding.value is not None and self._gives_indices(binding.value):
            return False
        return super()._assigned(binding)

    def _subscript(self, node: cst.Subscript) -> bool:
        return not (self._values.index(node) == 1 and self._gives_indices(node.value)) and super()._subscript(node)

    def _gives_indices(self, node: cst.BaseExpression) -> bool:
        """``values, indices = x.max(dim=1)``: the second result has no graph."""
        return isinstance(node, cst.Call) and self._calls.of(node).method in _WITH_INDICES

    def _comparison(self, node: cst.Comparison) -> bool:
        return False

    def _looped(self, node: cst.BaseExpression, path: tuple[int, ...]) -> bool:
        return False


_WITH_INDICES = frozenset("max min sort topk median mode kthvalue cummax cummin".split())
_UNTRACKED = frozenset(
    """detach argmax argmin argsort eq ne gt lt ge le bool long int byte short max_indices sign round floor ceil
    isnan isinf isfinite any all nonzero topk item cpu numpy tolist float_ detach_ unique multinomial zeros_like
    ones_like randn_like rand_like generate""".split()
)
_TRACKED_CALLS = frozenset(("torch.utils.checkpoint.checkpoint",))
