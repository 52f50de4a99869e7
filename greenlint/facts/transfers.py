"""Copies between host and accelerator: what is moved where, and what was made on the host only to be moved."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import Binding, Names, dotted
from greenlint.facts.values import Device, Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Move", "Transfers"]

_PLACERS = ("cuda", "xpu", "mps", "npu")


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """A call that puts a value on a device, such as ``x.to(device)``."""

    call: Call
    source: cst.BaseExpression
    """What is moved."""
    device: cst.BaseExpression | None
    """The expression that names the device; ``None`` for ``x.cuda()``."""
    target: Device | None
    casts: bool
    """Whether it converts to another dtype as well."""

    @property
    def blocking(self) -> bool | None:
        """Whether the program waits for the copy; ``None`` when an argument cannot be read."""
        written = self.call.argument("non_blocking", _BLOCKING_AT.get(self.call.method))
        if written.absent:
            return True
        return None if written.constant is UNKNOWN else not written.constant


class Transfers:
    """Moves to devices in one file."""

    def __init__(self, facts: Facts) -> None:
        self._values = facts[Values]
        self._names = facts[Names]
        self._calls = facts[Calls]

    def within(self, node: cst.CSTNode) -> Iterator[Move]:
        """The moves at or below ``node``, in source order."""
        for call in self._calls.methods("to", *_PLACERS, "device_put", within=node):
            move = self.move(call)
            if move is not None:
                yield move

    @functools.cached_property
    def all(self) -> list[Move]:
        """Every move of the file, in source order."""
        moves = map(self.move, self._calls.methods("to", *_PLACERS, "device_put"))
        return [move for move in moves if move is not None]

    def move(self, call: Call) -> Move | None:
        """The move that a call makes; ``None`` when it is none, or only changes the dtype."""
        plain = call.positional
        if call.name == "jax.device_put":
            if not plain:
                return None
            return Move(call, plain[0], plain[1] if len(plain) > 1 else call.keyword("device"), None, casts=False)
        if call.receiver is None or call.name is not None:
            return None
        if call.method in _PLACERS:
            written = plain[0] if plain else call.keyword("device")
            return Move(call, call.receiver, written, Device.ACCELERATOR, casts=False)
        if call.method != "to":
            return None
        written = call.keyword("device")
        if written is None:
            if not plain or not self._names_device(plain[0]):
                return None
            written = plain[0]
        casts = self._casts(call, written)
        return Move(call, call.receiver, written, self._values.device(written), casts=casts)

    def _casts(self, call: Call, device: cst.BaseExpression) -> bool:
        if call.keyword("dtype") is not None:
            return True
        others = [each for each in call.positional if each is not device]
        return bool(others) and self._values.constant(others[0]) not in (True, False)

    def _names_device(self, node: cst.BaseExpression) -> bool:
        value = self._values.of(node)
        if value.kind is not None:
            return value.kind is Kind.DEVICE
        if value.constant is not UNKNOWN:
            return isinstance(value.constant, (str, int)) and not isinstance(value.constant, bool)
        if isinstance(node, (cst.FormattedString, cst.ConcatenatedString, cst.BinaryOperation)):
            return True
        if isinstance(node, cst.Call):
            return self._values.device(node) is not None or _DEVICE_NAME.search(dotted(node.func) or "") is not None
        if isinstance(node, cst.Name) and any(map(_is_device_attribute, self._names.reaching(node))):
            return True
        last = (dotted(node) or "").rsplit(".", 1)[-1]
        return _DEVICE_NAME.search(last) is not None or self._values.device(node) is not None


def _is_device_attribute(binding: Binding) -> bool:
    """``where = x.device``."""
    return isinstance(binding.value, cst.Attribute) and not binding.path and binding.value.attr.value == "device"


_DEVICE_NAME = re.compile(r"device|^dev$|cuda|gpu|^(local_)?rank$", re.IGNORECASE)
_BLOCKING_AT = {"to": 2, "cuda": 1, "xpu": 1}
