"""Device expressions: which device ``"cuda:0"``, ``torch.device(...)`` or ``self.device`` names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.values import Device, Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Devices"]


class Devices:
    """Device expressions of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._project = facts[Project]
        self._bound: dict[tuple[Binding, int], frozenset[Device | None]] = {}

    def of(self, node: cst.BaseExpression) -> Device | None:
        """The device an expression in device position names."""
        value = self._values.of(node)
        if value.device is not None and value.kind in (Kind.DEVICE, Kind.TENSOR, Kind.MODULE):
            return value.device
        if isinstance(value.constant, str):
            return _device_named(value.constant)
        if isinstance(value.constant, int) and not isinstance(value.constant, bool):
            return Device.ACCELERATOR if value.constant >= 0 else None
        return self._possible_device(node, 6)

    def _possible_device(self, node: cst.BaseExpression, depth: int) -> Device | None:
        """An accelerator chosen under a condition is one; a host device is certain only without alternatives."""
        found = set(self._device_choices(node, depth))
        if Device.ACCELERATOR in found:
            return Device.ACCELERATOR
        return Device.HOST if found == {Device.HOST} else None

    def _device_choices(self, node: cst.BaseExpression, depth: int) -> Iterator[Device | None]:
        if depth == 0:
            yield None
        elif isinstance(node, cst.IfExp):
            yield from self._device_choices(node.body, depth - 1)
            yield from self._device_choices(node.orelse, depth - 1)
        elif isinstance(node, (cst.FormattedString, cst.BinaryOperation, cst.ConcatenatedString)):
            yield _device_prefix(node)
        elif isinstance(node, cst.Call):
            yield from self._called_device(node, depth)
        elif isinstance(node, cst.Name):
            bindings = self._names.reaching(node)
            for binding in bindings:
                yield from self._bound_device(binding, depth)
            if not bindings:
                yield None
        elif isinstance(node, cst.Attribute):
            bindings_at = self._values.attribute_bindings(node)
            for facts, binding in bindings_at:
                yield from facts[Devices]._bound_device(binding, depth)
            if not bindings_at:
                yield self._values.of(node).device
        else:
            constant = self._values.constant(node)
            yield _device_named(constant) if isinstance(constant, str) else None

    def _bound_device(self, binding: Binding, depth: int) -> frozenset[Device | None]:
        key = (binding, depth)
        known = self._bound.get(key)
        if known is None:
            known = self._bound[key] = frozenset(self._find_bound_device(binding, depth))
        return known

    def _find_bound_device(self, binding: Binding, depth: int) -> Iterator[Device | None]:
        if binding.kind is BindingKind.ASSIGN and binding.value is not None and not binding.path:
            yield from self._device_choices(binding.value, depth - 1)
        elif binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
            for argument in self._values.arguments_for(binding.scope.node, binding.name):
                node = argument.node
                yield from argument.facts[Devices]._device_choices(node, depth - 1) if node is not None else (None,)
            yield None
        elif binding.kind is BindingKind.IMPORT:
            yield self._values.imported(binding.imported or "").device
            yield from self._imported_device(binding.imported or "", depth)
        else:
            yield None

    def _imported_device(self, resolved: str, depth: int) -> Iterator[Device | None]:
        head, _, name = resolved.rpartition(".")
        module = self._project.module(head) if head.strip(".") else None
        if module is None:
            yield None
            return
        for binding in module[Names].module.bindings.get(name, ()):
            yield from module[Devices]._bound_device(binding, depth - 1)

    def _called_device(self, node: cst.Call, depth: int) -> Iterator[Device | None]:
        call = self._calls.of(node)
        if call.name == "torch.device" and (call.positional or call.keyword("type") is not None):
            written = call.positional[0] if call.positional else call.keyword("type")
            assert written is not None
            yield from self._device_choices(written, depth - 1)
            return
        returned = self._values.returned(node)
        for facts, value in returned:
            yield from facts[Devices]._device_choices(value, depth - 1)
        if not returned:
            yield self._values.of(node).device


def _device_named(text: str) -> Device | None:
    root = text.split(":")[0].strip().lower()
    if root in ("cpu", "/cpu", "/device"):
        return Device.HOST if "gpu" not in text.lower() else Device.ACCELERATOR
    if root in ("cuda", "mps", "xpu", "hpu", "npu", "xla", "gpu", "/gpu", "tpu", "musa", "rocm"):
        return Device.ACCELERATOR
    return None


def _device_prefix(node: cst.BaseExpression) -> Device | None:
    """The device of ``f"cuda:{index}"`` and ``"cuda:" + index``."""
    while isinstance(node, cst.BinaryOperation):
        node = node.left
    if isinstance(node, cst.FormattedString) and node.parts and isinstance(node.parts[0], cst.FormattedStringText):
        return _device_named(node.parts[0].value)
    if isinstance(node, cst.SimpleString):
        text = node.evaluated_value
        return _device_named(text) if isinstance(text, str) else None
    return None
