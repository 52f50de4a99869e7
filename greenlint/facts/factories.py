"""Tensors made on the host from shapes and numbers alone, which an accelerator could have made itself."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device, Values
from greenlint.knowledge import factories as known
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Factories", "Made"]

_DEPTH = 12
_TAKES_SHAPE = frozenset(("expand_as", "view_as", "type_as"))
"""Methods that take nothing but shape or type from their argument."""
_COMPUTES = frozenset("add sub mul div pow add_ sub_ mul_ div_ eq lt gt le ge ne masked_fill masked_fill_".split())
"""Methods whose argument may be another tensor."""
_METADATA = frozenset(("size", "shape", "dim", "numel", "dtype", "ndim", "device"))


@dataclass(frozen=True, slots=True)
class Made:
    """A tensor made on the host from nothing but shapes and numbers."""

    call: Call
    """The factory call that stands first in it."""
    random: bool = False
    constant: bool = False
    """Whether it is built from numbers written in the code, so that it never changes."""
    plain: bool = False
    """Whether it is one factory call of PyTorch followed by methods, so that ``device=`` can be added to it."""


class Factories:
    """Tensors that one file makes on the host."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._tree = facts[Tree]

    @functools.cached_property
    def default_moved(self) -> bool:
        """Whether the default device of factories is set somewhere in this file."""
        return _DEFAULT_DEVICE.search(self._facts.document.text) is not None

    def made(self, node: cst.BaseExpression) -> Made | None:
        """How an expression was made on the host from shapes and numbers alone; ``None`` if otherwise or not known."""
        return self._made(node, _DEPTH)

    def _made(self, node: cst.BaseExpression, depth: int) -> Made | None:
        if depth == 0:
            return None
        if isinstance(node, cst.Call):
            return self._called(self._calls.of(node), depth - 1)
        if isinstance(node, cst.Name):
            return self._named(node, depth - 1)
        if isinstance(node, cst.BinaryOperation):
            return self._joined((node.left, node.right), depth - 1)
        if isinstance(node, cst.UnaryOperation) and not isinstance(node.operator, cst.Not):
            return self._joined((node.expression,), depth - 1)
        if isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
            return self._joined((node.left, node.comparisons[0].comparator), depth - 1)
        if isinstance(node, cst.Attribute) and node.attr.value in ("T", "data"):
            return self._mixed(self._made(node.value, depth - 1))
        if isinstance(node, cst.Subscript):
            return self._mixed(self._made(node.value, depth - 1)) if self._is_view(node) else None
        return None

    @staticmethod
    def _mixed(made: Made | None) -> Made | None:
        return None if made is None else replace(made, plain=False)

    def _is_view(self, node: cst.Subscript) -> bool:
        """Whether a subscript only adds axes or takes fixed parts: ``mask[None, :]``."""
        for each in node.slice:
            if isinstance(each.slice, cst.Index) and self._values.constant(each.slice.value) is UNKNOWN:
                return False
        return True

    def _joined(self, parts: Iterable[cst.BaseExpression], depth: int) -> Made | None:
        """An operation on such tensors and plain numbers."""
        found: list[Made] = []
        for part in parts:
            made = self._made(part, depth)
            if made is not None:
                found.append(made)
            elif not self.is_number(part):
                return None
        if not found:
            return None
        return Made(
            found[0].call, any(each.random for each in found), all(each.constant for each in found), plain=False
        )

    def is_number(self, node: cst.BaseExpression) -> bool:
        """Whether an operand is a plain number or option: nothing says that it is a tensor or array."""
        value = self._values.of(node)
        if value.constant is not UNKNOWN:
            return True
        if value.kind is not None or value.element:
            return False
        return isinstance(node, (cst.Name, cst.Attribute)) and not self._is_data(node)

    def _is_data(self, node: cst.BaseExpression) -> bool:
        """Whether a name comes out of something computed, rather than from an option or parameter."""
        if not isinstance(node, cst.Name):
            return False
        return any(not self._is_size(each.value, each.path) for each in self._names.reaching(node))

    def _is_size(self, value: cst.BaseExpression | None, path: tuple[int, ...]) -> bool:
        if isinstance(value, cst.Attribute):
            return value.attr.value == "shape" or not path
        if isinstance(value, cst.Call):
            return self._calls.of(value).method in ("size", "len", "int", "float", "max", "min", "sqrt", "numel")
        return not path

    # -- names ------------------------------------------------------------------------------------------------

    def _named(self, node: cst.Name, depth: int) -> Made | None:
        bindings = self._names.reaching(node)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
            return None
        binding = bindings[0]
        if binding.value is None or not self.is_only_use(node, binding) or not self._same_body(node, binding):
            return None
        return self._mixed(self._made(binding.value, depth))

    def is_only_use(self, node: cst.Name, binding: Binding) -> bool:
        """Whether the value of ``binding`` is used at ``node`` and nowhere else, apart from its shape and dtype."""
        for other in self._tree.below(binding.scope.node, cst.Name):
            if other is node or other.value != node.value or binding not in self._names.reaching(other):
                continue
            above = self._tree.parent(other)
            if isinstance(above, cst.Attribute) and above.value is other and above.attr.value in _METADATA:
                continue
            # ``upper.masked_fill(upper == 0, ...)`` is one use.
            if self._is_use(other) and self._tree.statement(other) is not self._tree.statement(node):
                return False
        return True

    def _is_use(self, node: cst.Name) -> bool:
        above = self._tree.parent(node)
        if isinstance(above, cst.Attribute):
            return above.attr is not node
        if isinstance(above, cst.Arg):
            return above.keyword is not node
        if isinstance(above, (cst.AnnAssign, cst.NamedExpr)):
            return above.target is not node
        return not isinstance(above, (cst.AssignTarget, cst.Param))

    def _same_body(self, node: cst.Name, binding: Binding) -> bool:
        here, there = self._tree.loops_around(node), self._tree.loops_around(binding.node)
        return here[:1] == there[:1] and self._tree.function(node) is self._tree.function(binding.node)

    # -- calls ------------------------------------------------------------------------------------------------

    def _called(self, call: Call, depth: int) -> Made | None:
        name = call.name
        if name is None and isinstance(call.node.func, cst.Name):
            name = self._legacy_alias(call.node.func)
        if name is not None and not name.startswith("."):
            return self._library(call, name, depth)
        if call.receiver is not None and call.method in known.KEEPS_PLACE:
            return self._method(call, call.receiver, depth)
        return self._returned(call, depth)

    def _library(self, call: Call, name: str, depth: int) -> Made | None:
        if name in known.FACTORIES:
            return self._factory(call, name, depth)
        if name in known.ARRAY_FACTORIES:
            return Made(call, name.startswith("numpy.random."))
        if name in known.WRAPPERS:
            return self._wrapped(call, name, depth)
        if name in known.COMBINERS and call.positional:
            first = call.positional[0]
            parts = [each.value for each in first.elements] if isinstance(first, (cst.Tuple, cst.List)) else [first]
            return self._joined((*parts, *call.positional[1:]), depth)
        return None

    def _factory(self, call: Call, name: str, depth: int) -> Made | None:
        if not _stays_on_host(call):
            return None
        if name in known.LIKE:
            inner = self._made(call.positional[0], depth) if call.positional else None
            return None if inner is None else Made(call, inner.random or name in known.RANDOM)
        if name == "torch.normal" and any(self._values.of(each).kind is Kind.TENSOR for each in call.positional):
            return None
        return Made(call, name in known.RANDOM, plain=True)

    def _wrapped(self, call: Call, name: str, depth: int) -> Made | None:
        plain = call.positional
        if not plain or not _stays_on_host(call):
            return None
        if name in known.LEGACY and self._is_shape(plain):
            return Made(call)
        inner = self._made(plain[0], depth)
        if inner is not None:
            return self._mixed(inner)
        constant = self._values.constant(plain[0])
        if name in ("torch.tensor", "torch.as_tensor", *known.LEGACY) and _is_numeric(constant):
            return Made(call, constant=True)
        return None

    def _is_shape(self, plain: list[cst.BaseExpression]) -> bool:
        """``FloatTensor(batch, 10)`` and ``FloatTensor(x.size(0), 1)``: uninitialised memory of this shape."""
        if len(plain) > 1:
            return True
        constant = self._values.constant(plain[0])
        if isinstance(constant, int) and not isinstance(constant, bool):
            return True
        return isinstance(plain[0], cst.Call) and self._calls.of(plain[0]).method in ("size", "len")

    def _method(self, call: Call, receiver: cst.BaseExpression, depth: int) -> Made | None:
        made = self._made(receiver, depth)
        if made is None:
            return None
        if call.method == "requires_grad_" or (call.method == "type" and not self._is_host_type(call)):
            return None
        for each in call.positional:
            if call.method in _TAKES_SHAPE or self._values.of(each).kind is not Kind.TENSOR:
                continue
            if self._made(each, depth) is None:
                return None
        if call.method in _COMPUTES and not all(self._is_operand(each, depth) for each in call.positional):
            return None
        random = made.random or call.method in known.RANDOM_METHODS
        chained = made.plain and not receiver.lpar and not isinstance(receiver, cst.Name)
        return replace(made, random=random, plain=chained)

    def _is_operand(self, node: cst.BaseExpression, depth: int) -> bool:
        """Whether what a tensor is computed with is a number, or itself made from shapes and numbers."""
        if isinstance(node, (cst.BinaryOperation, cst.UnaryOperation)):
            parts = (node.left, node.right) if isinstance(node, cst.BinaryOperation) else (node.expression,)
            if all(self._is_operand(each, depth) for each in parts):
                return True
        if isinstance(node, cst.Call) and (self._calls.of(node).name or "").startswith(("math.", "builtins.")):
            return True
        return self.is_number(node) or self._made(node, depth) is not None

    def _is_host_type(self, call: Call) -> bool:
        written = call.positional[0] if call.positional else None
        if written is None:
            return False
        constant = self._values.constant(written)
        text = constant if isinstance(constant, str) else self._names.resolve(written)
        return text is not None and "cuda" not in text

    def _returned(self, call: Call, depth: int) -> Made | None:
        """A function of this file that makes the tensor."""
        if depth < _DEPTH // 2:
            return None
        definition = self._values.callee(call.node)
        if definition is None or not isinstance(definition.node, cst.FunctionDef) or definition.node.decorators:
            return None
        factories = definition.facts[Factories]
        found = [
            factories._made(each.value, depth - 2) if each.value is not None else None
            for each in definition.facts[Tree].below(definition.node.body, cst.Return)
        ]
        if not found or any(each is None for each in found):
            return None
        return next(Made(call, each.random, each.constant) for each in found if each is not None)

    # -- aliases ----------------------------------------------------------------------------------------------

    def placed_by_type(self, call: Call) -> bool:
        """Whether a call is ``torch.cuda.FloatTensor(...)``, also through an alias that may be its CPU twin."""
        if call.name is not None:
            return _CUDA_TYPE.match(call.name) is not None
        return isinstance(call.node.func, cst.Name) and any(
            _CUDA_TYPE.match(each) for each in self._alternatives(call.node.func)
        )

    def _legacy_alias(self, func: cst.Name) -> str | None:
        found = self._alternatives(func)
        return "torch.Tensor" if found and all(each in known.LEGACY for each in found) else None

    def _alternatives(self, func: cst.Name) -> list[str]:
        """The names that ``Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor`` may stand for."""
        found: list[str] = []
        for binding in self._names.reaching(func):
            if binding.kind is not BindingKind.ASSIGN or binding.path or binding.value is None:
                continue
            value = binding.value
            choices = (value.body, value.orelse) if isinstance(value, cst.IfExp) else (value,)
            found.extend(name for each in choices if (name := self._names.resolve(each)) is not None)
        return found


def _stays_on_host(call: Call) -> bool:
    """Whether a factory certainly makes its tensor in plain host memory, for no gradient and no own generator."""
    device = call.argument("device")
    if not device.absent and not (device.node is not None and device.facts[Values].device(device.node) is Device.HOST):
        return False
    return all(call.argument(name).absent for name in ("pin_memory", "requires_grad", "generator", "out"))


def _is_numeric(constant: object) -> bool:
    if isinstance(constant, (list, tuple)):
        return bool(constant) and all(_is_numeric(each) for each in constant)
    return isinstance(constant, (int, float, bool))


_DEFAULT_DEVICE = re.compile(r"set_default_(?:device|tensor_type)\(|with(?<!\wwith) (?:torch\.)?device\b")
_CUDA_TYPE = re.compile(r"torch\.cuda\.\w+Tensor$")
