"""Which expressions are neural networks, which are losses, and what the networks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.layers import Layers, collect, collect_definition
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Value, Values
from greenlint.knowledge import layers as known
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Layers", "Models"]

_NETWORKS = (Kind.MODULE, Kind.HF_MODEL)
_TENSOR_LIBRARIES = (
    "torch",
    "tensorflow",
    "keras",
    "jax",
    "flax",
    "transformers",
    "mxnet",
    "paddle",
    "haiku",
    "equinox",
)


_MOVES = ("to", "cuda", "cpu", "eval", "train", "requires_grad_", "half", "float")


_MAY_BE_MODEL = frozenset((cst.Name, cst.Attribute, cst.Subscript, cst.Call))


class Models:
    """Networks and losses of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._project = facts[Project]
        # By the id() of nodes, which are kept alive beside: to hash them runs code of libcst's own.
        self._memo: dict[int, tuple[cst.CSTNode, bool | None]] = {}
        self._running: set[int] = set()
        self._layers: dict[cst.CSTNode, Layers | None] = {}
        self._lived: frozenset[str] | None = None
        self._computes: bool | None = None

    # -- networks ---------------------------------------------------------------------------------------------

    def is_model(self, node: cst.BaseExpression) -> bool | None:
        """Whether an expression is a neural network, so that calling it runs a forward pass; ``None``: not known."""
        key = id(node)
        known = self._memo.get(key)
        if known is not None:
            return known[1]
        if key in self._running:
            return None
        self._running.add(key)
        try:
            found = self._decide(node)
        finally:
            self._running.discard(key)
        self._memo[key] = node, found
        return found

    def runs(self, call: Call) -> bool | None:
        """Whether a call runs a network: ``model(x)``, ``model.forward(x)``, ``model.generate(x)``."""
        if call.method in known.RUNS_MODEL and call.receiver is not None:
            return self.is_model(call.receiver)
        return self.is_model(call.node.func)

    def network(self, call: Call) -> cst.BaseExpression | None:
        """The network that a call certainly runs: ``model`` in ``model(x)`` and in ``model.forward(x)``."""
        if self.runs(call) is not True:
            return None
        return call.receiver if call.method in known.RUNS_MODEL and call.receiver is not None else call.node.func

    def _decide(self, node: cst.BaseExpression) -> bool | None:
        if type(node) not in _MAY_BE_MODEL:
            return False
        if isinstance(node, cst.Attribute) and node.attr.value in known.COMMON_METHODS:
            return False
        value = self._values.of(node)
        if value.kind in _NETWORKS:
            return not self._is_loss_class(value.instance_of, node)
        if value.kind is not None:
            return False
        if value.instance_of is not None:
            return self._by_class(value.instance_of)
        if isinstance(node, cst.Attribute) and known.PART_NAME.match(node.attr.value) and self.is_model(node.value):
            return True
        if isinstance(node, cst.Subscript):
            return self.is_model(node.value) if self._is_many(node.value) else None
        if isinstance(node, cst.Call):
            return self._made(self._calls.of(node))
        return self._is_part(node) or self._by_name(node, value)

    def _is_part(self, node: cst.BaseExpression) -> bool:
        """Whether a name was assigned a part of a network: ``vgg = vgg19().features.eval()``."""
        bindings = self._names.reaching(node) if isinstance(node, cst.Name) else ()
        return bool(bindings) and all(
            each.kind is BindingKind.ASSIGN and not each.path and each.value is not None and self._is_made(each.value)
            for each in bindings
        )

    def _is_made(self, value: cst.BaseExpression) -> bool:
        if isinstance(value, cst.Call):
            call = self._calls.of(value)
            receiver = call.receiver if call.method in _MOVES else None
            return isinstance(receiver, (cst.Attribute, cst.Call)) and self._is_made(receiver)
        return isinstance(value, cst.Attribute) and self.is_model(value) is True

    def _is_loss_class(self, definition: Definition | None, node: cst.BaseExpression) -> bool:
        names = (definition.name if definition is not None else "", _last(node))
        return any(known.CRITERION_NAME.search(name) for name in names)

    def _by_class(self, definition: Definition) -> bool | None:
        """An instance of a class of the project whose bases say nothing: a network when it has a forward pass."""
        if self._is_loss_class(definition, definition.node.name):
            return False
        if self._project.method(definition, "forward") is not None:
            return True
        return None if self._project.method(definition, "__call__") is not None else False

    def _is_many(self, node: cst.BaseExpression) -> bool:
        return isinstance(node, (cst.Name, cst.Attribute)) and _last(node).rstrip("_").lower().endswith(
            ("models", "nets", "networks", "encoders", "decoders", "layers", "blocks", "heads", "model", "net")
        )

    def _made(self, call: Call) -> bool | None:
        if call.method in known.KEEPS_MODEL and call.receiver is not None:
            return self.is_model(call.receiver)
        if call.method in known.WRAPS_MODEL and call.positional:
            return self.is_model(call.positional[0])
        if call.name is not None and known.zoo_of(call.name) is not None:
            return True
        return None

    def _by_name(self, node: cst.BaseExpression, value: Value) -> bool | None:
        """An unknown value with a network's name, in code that treats it as one."""
        if not self._may_be_anything(node, value):
            return False
        last = _last(node)
        if known.NOT_MODEL_NAME.search(last) or known.CRITERION_NAME.search(last):
            return False
        if not self._computes_tensors():
            return None
        written = dotted(node)
        if written is not None and written in self._alive():
            return True
        if known.PLAIN_MODEL_NAME.match(last):
            return True
        return None if known.MODEL_NAME.search(last) or written is None else False

    def _may_be_anything(self, node: cst.BaseExpression, value: Value) -> bool:
        """Whether nothing says that the value is a plain function, a library's function or a constant."""
        from greenlint.facts.calls import UNKNOWN

        if value.constant is not UNKNOWN:
            return False
        if isinstance(node, cst.Name):
            bindings = self._names.reaching(node)
            if any(each.kind in (BindingKind.FUNCTION, BindingKind.CLASS) for each in bindings):
                return False
            if not bindings and self._names.resolve(node) is not None:
                return False
            if any(each.kind is BindingKind.IMPORT for each in bindings):
                return self._project.definition(node) is None and known.PLAIN_MODEL_NAME.match(node.value) is not None
            return True
        if isinstance(node, cst.Attribute):
            if self._names.resolve(node) is not None or self._project.definition(node) is not None:
                return False
            return not self._is_method(node)
        return False

    def _is_method(self, node: cst.Attribute) -> bool:
        """Whether ``self.name`` is a method of the class around it, or a method of a value."""
        owner = self._values.owner(node.value)
        if owner is not None:
            return self._project.method(owner, node.attr.value) is not None
        return not isinstance(node.value, (cst.Name, cst.Attribute))

    def _computes_tensors(self) -> bool:
        if self._computes is None:
            imported = {(each.imported or "").split(".")[0] for each in self._names.imports()}
            imported |= {each.split(".")[0] for each in self._names.star_imports}
            self._computes = bool(imported & set(_TENSOR_LIBRARIES))
        return self._computes

    def _alive(self) -> frozenset[str]:
        """The dotted names on which this file calls what only networks have: ``.parameters()``, ``.eval()``."""
        if self._lived is None:
            found = set()
            for call in self._calls.methods(*known.LIFECYCLE):
                if (call.receiver is not None and not call.node.args) or call.method not in ("apply", "train"):
                    written = dotted(call.receiver) if call.receiver is not None else None
                    if written is not None and not known.NOT_MODEL_NAME.search(written.rsplit(".", 1)[-1]):
                        found.add(written)
            self._lived = frozenset(found)
        return self._lived

    # -- losses -----------------------------------------------------------------------------------------------

    def is_criterion(self, node: cst.BaseExpression) -> bool | None:
        """Whether an expression is a loss: a loss layer or function, of a library or the project, or named like one."""
        if not isinstance(node, (cst.Name, cst.Attribute, cst.Subscript)):
            return False
        if isinstance(node, cst.Subscript):
            return self.is_criterion(node.value)
        value = self._values.of(node)
        if value.kind is Kind.CRITERION:
            return True
        if value.instance_of is not None:
            return self._is_loss_class(value.instance_of, node)
        if value.kind is not None and value.kind not in _NETWORKS:
            return False
        if value.kind is not None:
            return known.CRITERION_NAME.search(_last(node)) is not None
        return True if known.CRITERION_NAME.search(_last(node)) else None

    # -- layers -----------------------------------------------------------------------------------------------

    def layers(self, node: cst.BaseExpression) -> Layers | None:
        """What the network behind an expression is made of; ``None`` when nothing of it can be seen."""
        if node not in self._layers:
            self._layers[node] = None
            self._layers[node] = collect(self._facts, node)
        return self._layers[node]

    def layers_of(self, definition: Definition) -> Layers | None:
        """What the networks made by a class or function of the project are made of."""
        return collect_definition(definition)


def _last(node: cst.BaseExpression) -> str:
    while isinstance(node, cst.Subscript):
        node = node.value
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""
