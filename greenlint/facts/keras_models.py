"""The Keras models that a file builds, layer by layer: where that begins, and the layers that give their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import BindingKind, Names, Scope, dotted
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["KerasModel", "KerasModels"]


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A model that is made here of layers."""

    made: Call
    outputs: tuple[Call, ...] | None
    """The calls that make the layers of its outputs; ``None`` when they are not all seen."""


class KerasModels:
    """Keras models built in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._all: tuple[KerasModel, ...] | None = None

    @property
    def all(self) -> tuple[KerasModel, ...]:
        """Every ``Sequential`` and ``Model`` that this file makes, in source order."""
        if self._all is None:
            made = sorted(self._calls.methods("Sequential", "Model"), key=lambda each: self._tree.first(each.node))
            self._all = tuple(KerasModel(each, self._outputs(each)) for each in made if _is_model(each))
        return self._all

    @property
    def run(self) -> tuple[KerasModel, ...] | None:
        """Those of them that are trained or give predictions by themselves; ``None`` when others are, too."""
        by_node = {each.made.node: each for each in self.all}
        found: dict[cst.CSTNode, KerasModel] = {}
        for call in self._calls.methods(*_RUN):
            value = self._values.of(call.receiver) if call.receiver is not None else None
            made = value.call if value is not None else None
            if made is not None and made.node in by_node:
                found[made.node] = by_node[made.node]
            elif made is not None and made.method == "load_model":
                continue  # computes as it did when it was stored
            elif made is None or made.name is None or made.name.startswith(("keras.", "tensorflow.")):
                return None
        return tuple(found.values())

    def begins(self) -> cst.BaseStatement | None:
        """The first statement that makes a layer, of the one body of code in which all models are made.

        It is a statement of the module or of a function, also when the layer stands deeper in it.
        """
        scopes = {self._names.scope(each.made.node) for each in self.all}
        if len(scopes) != 1:
            return None
        body = _body_of(scopes.pop())
        return next(
            (each for each in body if isinstance(each, cst.BaseStatement) and self._makes_layers(each, 3)), None
        )

    def _makes_layers(self, node: cst.CSTNode, depth: int) -> bool:
        """Whether running a statement makes layers, also in functions of this file that it calls."""
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            return False
        for call in self._calls.within(node):
            if call.name is not None and call.name.startswith(_MAKE_LAYERS):
                return True
            for target in self._values.callees(call.node) if depth else ():
                if target.facts is not self._facts:
                    return True
                if isinstance(target.node, cst.FunctionDef) and self._makes_layers(target.node.body, depth - 1):
                    return True
        return False

    # -- outputs ----------------------------------------------------------------------------------------------

    def _outputs(self, model: Call) -> tuple[Call, ...] | None:
        found = list(self._sequence(model) if model.method == "Sequential" else self._graph(model))
        layers = [each for each in found if each is not None]
        return tuple(dict.fromkeys(layers)) if layers and len(layers) == len(found) else None

    def _sequence(self, model: Call) -> Iterator[Call | None]:
        """The last layer of a ``Sequential``: of its list, or added last."""
        added = list(self._added(model))
        if added:
            yield added[-1]
            return
        given = model.argument("layers", 0)
        if given.known and isinstance(given.node, cst.List) and given.node.elements:
            last = given.node.elements[-1].value
            yield self._layer(last) if isinstance(last, cst.Call) else None
        else:
            yield None

    def _added(self, model: Call) -> Iterator[Call | None]:
        """What ``model.add(...)`` adds, in source order; ``None`` for what is no call or not always added."""
        name = self._name_of(model)
        for call in self._calls.methods("add", "pop") if name is not None else ():
            if call.receiver is None or dotted(call.receiver) != name or not self._is_of(call.receiver, model):
                continue
            plain = call.positional
            is_layer = call.method == "add" and len(plain) == 1 and isinstance(plain[0], cst.Call)
            if is_layer and self._is_straight(call.node, model.node):
                yield self._layer(plain[0])
            else:
                yield None

    def _name_of(self, model: Call) -> str | None:
        statement = self._tree.statement(model.node)
        if not isinstance(statement, cst.Assign) or statement.value is not model.node or len(statement.targets) != 1:
            return None
        return dotted(statement.targets[0].target)

    def _is_of(self, receiver: cst.BaseExpression, model: Call) -> bool:
        made = self._values.of(receiver).call
        return made is None or made.node is model.node

    def _is_straight(self, node: cst.CSTNode, model: cst.CSTNode) -> bool:
        """Whether a call runs whenever the model is made: no loop or branch is around it alone."""
        for above in self._tree.ancestors(node):
            if self._tree.contains(above, model):
                return True
            if isinstance(above, (cst.If, cst.For, cst.While, cst.Try, cst.FunctionDef)):
                return False
        return True

    def _graph(self, model: Call) -> Iterator[Call | None]:
        """The layers that give the outputs of a functional ``Model``."""
        given = model.argument("outputs", 1)
        if not given.written or given.node is None:
            yield None
            return
        node = given.node
        parts: Sequence[cst.BaseExpression] = [node]
        if isinstance(node, (cst.List, cst.Tuple)):
            parts = [each.value for each in node.elements]
        for part in parts:
            yield self._applied(part)

    def _applied(self, node: cst.BaseExpression) -> Call | None:
        """The layer in ``layer(...)(x)``, also through the one name that the output or the layer has."""
        call = self._one_value(node)
        if not isinstance(call, cst.Call):
            return None
        made = self._one_value(call.func)
        return self._layer(made) if isinstance(made, cst.Call) else None

    def _one_value(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        if not isinstance(node, cst.Name):
            return node
        bindings = self._names.reaching(node)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
            return None
        value = bindings[0].value
        return value if value in self._tree else None

    def _layer(self, node: cst.BaseExpression) -> Call | None:
        call = self._calls.of(node) if isinstance(node, cst.Call) else None
        return call if call is not None and (call.name or "").startswith("keras.layers.") else None


_RUN = ("compile", "fit", "evaluate", "predict", "predict_on_batch", "train_on_batch", "test_on_batch")
_MAKE_LAYERS = (
    "keras.layers.",
    "keras.Input",
    "keras.applications.",
    "keras.Sequential",
    "keras.models.",
    "keras.Model",
)


def _is_model(call: Call) -> bool:
    return call.name in ("keras.Sequential", "keras.models.Sequential", "keras.Model", "keras.models.Model")


def _body_of(scope: Scope) -> Sequence[cst.CSTNode]:
    node = scope.node
    if isinstance(node, cst.Module):
        return node.body
    return node.body.body if isinstance(node, cst.FunctionDef) else ()
