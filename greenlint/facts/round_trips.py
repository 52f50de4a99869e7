"""Values that leave the accelerator and come back: device, host arithmetic that the device could do, device again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.factories import Factories
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.residence import Residence
from greenlint.facts.transfers import Transfers
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device, Values
from greenlint.knowledge import factories as made
from greenlint.knowledge import twins
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["RoundTrip", "RoundTrips"]

_DEPTH = 16


@dataclass(frozen=True, slots=True, eq=False)
class RoundTrip:
    """One way to the host and back."""

    upload: Call
    """The call, in the file under check, that brings the value back."""
    read: cst.CSTNode
    """The expression that brought it to the host."""
    facts: Facts
    """The file that holds ``read``."""


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Where a host value was read from the device."""

    node: cst.CSTNode
    facts: Facts


class _Plain:
    """A number or option, of no device."""


_PLAIN = _Plain()
_Trace = _Read | _Plain | None


class RoundTrips:
    """Round trips that end in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._factories = facts[Factories]
        self._residence = facts[Residence]

    @functools.cached_property
    def all(self) -> list[RoundTrip]:
        """Every round trip whose way back stands in this file, in source order."""
        return list(self._all())

    def _all(self) -> Iterator[RoundTrip]:
        found = [*self._moved(), *self._constructed()]
        for upload, source, library in sorted(found, key=lambda each: self._tree.first(each[0].node)):
            read = self._trace(source, library, _DEPTH)
            if isinstance(read, _Read) and read.node is not upload.node:
                yield RoundTrip(upload, read.node, read.facts)

    def _moved(self) -> Iterator[tuple[Call, cst.BaseExpression, str]]:
        for move in self._facts[Transfers].all:
            if move.target is not Device.HOST and move.call.name is None and not self._inside_move(move.call):
                yield move.call, move.source, "torch"

    def _inside_move(self, call: Call) -> bool:
        """``x.cuda().to(device)`` is one way."""
        above = self._tree.parent(call.node)
        outer = self._tree.parent(above) if isinstance(above, cst.Attribute) else None
        return isinstance(outer, cst.Call) and self._facts[Transfers].move(self._calls.of(outer)) is not None

    def _constructed(self) -> Iterator[tuple[Call, cst.BaseExpression, str]]:
        for call in self._calls.named("torch.tensor", "torch.as_tensor"):
            device = call.keyword("device")
            if device is not None and call.positional and self._values.device(device) is not Device.HOST:
                yield call, call.positional[0], "torch"
        for call in self._calls.named(*twins.UPLOADS):
            if call.positional and call.name is not None:
                yield call, call.positional[0], twins.UPLOADS[call.name]

    # -- tracing back -----------------------------------------------------------------------------------------

    def _trace(self, node: cst.BaseExpression, library: str, depth: int) -> _Trace:
        """Where a host value was read from a device, if all that was done to it since has a twin there."""
        if depth == 0:
            return None
        handler = _HANDLERS.get(type(node))
        found = handler(self, node, library, depth - 1) if handler is not None else None
        if found is None and self._factories.is_number(node):
            return _PLAIN
        return found

    def _joined(self, parts: Iterable[cst.BaseExpression], library: str, depth: int) -> _Trace:
        found: _Trace = _PLAIN
        for part in parts:
            trace = self._trace(part, library, depth)
            if trace is None:
                return None
            if isinstance(trace, _Read):
                found = trace
        return found

    def _call(self, node: cst.Call, library: str, depth: int) -> _Trace:
        call = self._calls.of(node)
        if self._is_read(call, library):
            return _Read(node, self._facts)
        name = call.name
        if name is not None and not name.startswith("."):
            return self._library(call, name, library, depth)
        if call.receiver is not None and call.method in twins.METHODS:
            inner = self._trace(call.receiver, library, depth)
            # The last of ``x.detach().cpu().numpy()`` stands for the whole way.
            return (
                _Read(node, inner.facts)
                if self._continues(inner, call.receiver) and isinstance(inner, _Read)
                else inner
            )
        return None

    @staticmethod
    def _continues(trace: _Trace, receiver: cst.BaseExpression) -> bool:
        return isinstance(trace, _Read) and trace.node is receiver

    def _library(self, call: Call, name: str, library: str, depth: int) -> _Trace:
        if not call.positional or any(arg.star for arg in call.node.args):
            return None
        if name in twins.TWINS:
            return self._joined(call.positional, library, depth)
        if name in made.WRAPPERS and library == "torch":
            return self._trace(call.positional[0], library, depth)
        return None

    def _is_read(self, call: Call, library: str) -> bool:
        if library == "jax":
            plain = call.positional
            return call.name in ("numpy.asarray", "numpy.array", "jax.device_get") and self._is_jax(plain)
        if call.receiver is None or call.positional or call.name is not None:
            return self._is_moved_off(call)
        if library == "tensorflow":
            return call.method == "numpy" and self._residence.from_model(call.receiver)
        if call.method not in twins.READS:
            return False
        value = self._values.of(call.receiver)
        if value.device is Device.HOST or value.kind in (Kind.MODULE, Kind.HF_MODEL, Kind.ARRAY):
            return False
        # Only a device tensor needs .cpu(); the others work on any.
        return call.method == "cpu" or value.device is Device.ACCELERATOR or self._residence.from_model(call.receiver)

    def _is_jax(self, plain: list[cst.BaseExpression]) -> bool:
        return bool(plain) and self._values.of(plain[0]).kind is Kind.JAX_ARRAY

    def _is_moved_off(self, call: Call) -> bool:
        """``x.to("cpu")``."""
        move = self._facts[Transfers].move(call)
        return move is not None and move.target is Device.HOST and self._values.of(move.source).kind is not Kind.MODULE

    def _name(self, node: cst.Name, library: str, depth: int) -> _Trace:
        bindings = self._names.reaching(node)
        if len(bindings) != 1:
            return None
        binding = bindings[0]
        if binding.kind is BindingKind.PARAMETER:
            return self._parameter(binding, library, depth)
        if binding.value is None:
            return None
        if binding.kind is BindingKind.LOOP and not binding.path:
            return self._trace(self._values.iterated(binding.value), library, depth)
        if binding.kind is not BindingKind.ASSIGN or binding.path or not self._factories.is_only_use(node, binding):
            return None
        return self._trace(binding.value, library, depth)

    def _parameter(self, binding: Binding, library: str, depth: int) -> _Trace:
        """What the one call of the function, in this file, passes."""
        function = binding.scope.node
        if not isinstance(function, cst.FunctionDef):
            return None
        arguments = self._values.arguments_for(function, binding.name)
        if len(arguments) != 1 or arguments[0].node is None or arguments[0].facts is not self._facts:
            return None
        return self._trace(arguments[0].node, library, depth)

    def _subscript(self, node: cst.Subscript, library: str, depth: int) -> _Trace:
        return self._trace(node.value, library, depth)

    def _attribute(self, node: cst.Attribute, library: str, depth: int) -> _Trace:
        return self._trace(node.value, library, depth) if node.attr.value in ("T", "data") else None

    def _operation(self, node: cst.BinaryOperation, library: str, depth: int) -> _Trace:
        return self._joined((node.left, node.right), library, depth)

    def _unary(self, node: cst.UnaryOperation, library: str, depth: int) -> _Trace:
        return self._trace(node.expression, library, depth)

    def _comparison(self, node: cst.Comparison, library: str, depth: int) -> _Trace:
        return self._joined((node.left, *(each.comparator for each in node.comparisons)), library, depth)

    def _sequence(self, node: cst.List | cst.Tuple, library: str, depth: int) -> _Trace:
        return self._joined((each.value for each in node.elements), library, depth)


_HANDLERS: dict[type, Callable[[RoundTrips, Any, str, int], _Trace]] = {
    cst.Call: RoundTrips._call,
    cst.Name: RoundTrips._name,
    cst.Subscript: RoundTrips._subscript,
    cst.Attribute: RoundTrips._attribute,
    cst.BinaryOperation: RoundTrips._operation,
    cst.UnaryOperation: RoundTrips._unary,
    cst.Comparison: RoundTrips._comparison,
    cst.List: RoundTrips._sequence,
    cst.Tuple: RoundTrips._sequence,
}
