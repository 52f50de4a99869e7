"""Which expressions stand for the same object: a network or tensor, followed back to where it was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.models import Models
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import layers as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Identities", "Identity"]

_DEPTH = 14
_COPIES = frozenset(("deepcopy", "copy", "clone", "clone_model", "ModelEma", "ModelEMA", "AveragedModel", "ModelEmaV2"))
"""Wrappers that make another network of the one they get."""
_PREPARES = frozenset(("prepare", "initialize", "setup"))


@dataclass(frozen=True, slots=True)
class Identity:
    """An object: where it was made or came in, and the path from there to a part of it."""

    root: cst.CSTNode | str
    """The expression or parameter that it stems from; a name where it is bound nowhere."""
    path: tuple[str, ...] = ()
    facts: Facts | None = field(default=None, compare=False, repr=False)
    """The file of ``root``."""

    def covers(self, other: Identity) -> bool:
        """Whether ``other`` is this object or a part of it by its path."""
        return self.root == other.root and other.path[: len(self.path)] == self.path

    def part(self, name: str) -> Identity:
        """A part of this object."""
        return Identity(self.root, (*self.path, name), self.facts)


class Identities:
    """Objects of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._tree = facts[Tree]
        self._project = facts[Project]
        self._memo: dict[cst.CSTNode, Identity | None] = {}

    def of(self, node: cst.BaseExpression) -> Identity | None:
        """What an expression stands for; ``None`` where that cannot be told. Moves and wrappers change nothing."""
        return self._of(node, _DEPTH)

    def holds(self, outer: Identity, inner: Identity) -> bool:
        """Whether ``inner`` is ``outer``, or a part of it by its path or because it was given to its constructor."""
        return self._holds(outer, inner, 3)

    def distinct(self, one: Identity, other: Identity) -> bool:
        """Whether two objects are certainly not the same and neither is a part of the other by its path."""
        if one.root == other.root:
            return not one.covers(other) and not other.covers(one)
        if isinstance(one.root, str) or isinstance(other.root, str):
            return isinstance(one.root, str) and isinstance(other.root, str)
        if isinstance(one.root, cst.Param) or isinstance(other.root, cst.Param):
            return _parameter_of(one) is not None and _parameter_of(one) is _parameter_of(other)
        return all(_is_made(each) for each in (one, other))

    def _holds(self, outer: Identity, inner: Identity, depth: int) -> bool:
        if outer.covers(inner):
            return True
        if not depth or outer.facts is None or not isinstance(outer.root, cst.Call):
            return False
        given = outer.facts[Identities]
        for arg in outer.root.args:
            part = given.of(arg.value)
            if part is not None and part.root is not outer.root and self._holds(part, inner, depth - 1):
                return True
        return False

    def _of(self, node: cst.BaseExpression, depth: int) -> Identity | None:
        if node in self._memo:
            return self._memo[node]
        if depth == 0:
            return None
        self._memo[node] = None
        found = self._memo[node] = self._decide(node, depth)
        return found

    def _decide(self, node: cst.BaseExpression, depth: int) -> Identity | None:
        if isinstance(node, cst.Name):
            return self._name(node, depth)
        if isinstance(node, cst.Attribute):
            return self._attribute(node, depth)
        if isinstance(node, cst.Subscript):
            return self._subscript(node, depth)
        return self._call(self._calls.of(node), depth) if isinstance(node, cst.Call) else None

    # -- names ------------------------------------------------------------------------------------------------

    def _name(self, node: cst.Name, depth: int) -> Identity | None:
        bindings = self._names.reaching(node)
        if bindings:
            return self._agreed([(self._facts, each) for each in bindings], depth)
        return Identity(self._names.resolve(node) or node.value)

    def _agreed(self, bindings: Sequence[tuple[Facts, Binding]], depth: int) -> Identity | None:
        """What bindings of one variable give it; where they differ, the variable itself is the object."""
        kept = [
            (facts, each)
            for facts, each in bindings
            if not (isinstance(each.value, cst.Name) and each.value.value == "None")
        ]
        found = dict.fromkeys(facts[Identities]._bound(each, depth - 1) for facts, each in kept)
        known_ones = [each for each in found if each is not None]
        if len(known_ones) == 1:
            return known_ones[0]
        if not kept:
            return None
        # One of several constructions fills an attribute: the first stands for all, since every use sees the same.
        stored = all(each.target is not None for _, each in kept)
        if stored and len(known_ones) == len(found) and all(isinstance(each.root, cst.Call) for each in known_ones):
            return known_ones[0]
        facts, first = min(kept, key=lambda each: each[1].order)
        return Identity(first.node, (), facts)

    def _bound(self, binding: Binding, depth: int) -> Identity | None:
        if depth <= 0:
            return None
        if binding.kind is BindingKind.PARAMETER:
            return self._parameter(binding, depth)
        if binding.kind is BindingKind.IMPORT:
            return self._imported(binding.imported or "", depth)
        if binding.kind is BindingKind.ASSIGN and binding.value is not None:
            return self._assigned(binding, binding.value, depth)
        return Identity(binding.node, tuple(map(str, binding.path)), self._facts)

    def _parameter(self, binding: Binding, depth: int) -> Identity:
        function = binding.scope.node
        own = Identity(binding.node, (), self._facts)
        if not isinstance(function, cst.FunctionDef):
            return own
        passed = [each for each in self._values.arguments_for(function, binding.name) if each.node is not None]
        found = {
            each.facts[Identities]._of(each.node, depth - 1)
            for each in passed
            if each.node is not None and not (isinstance(each.node, cst.Name) and each.node.value == "None")
        }
        only = found.pop() if len(found) == 1 else None
        return only if only is not None else own

    def _imported(self, resolved: str, depth: int) -> Identity:
        head, _, name = resolved.rpartition(".")
        module = self._project.module(head) if head.strip(".") else None
        if module is None:
            return Identity(resolved)
        bindings = [(module, each) for each in module[Names].module.bindings.get(name, ())]
        found = module[Identities]._agreed(bindings, depth - 1) if bindings else None
        return found if found is not None else Identity(resolved)

    def _assigned(self, binding: Binding, value: cst.BaseExpression, depth: int) -> Identity | None:
        path = list(binding.path)
        while path and isinstance(value, (cst.Tuple, cst.List)) and 0 <= path[0] < len(value.elements):
            value = value.elements[path.pop(0)].value
        if not path:
            found = self._of(value, depth - 1)
            return found if found is not None else Identity(value, (), self._facts)
        if len(path) == 1 and isinstance(value, cst.Call):
            call = self._calls.of(value)
            if call.method in _PREPARES and path[0] < len(call.positional):
                return self._of(call.positional[path[0]], depth - 1)
        return Identity(value, tuple(map(str, path)), self._facts)

    # -- parts ------------------------------------------------------------------------------------------------

    def _attribute(self, node: cst.Attribute, depth: int) -> Identity | None:
        resolved = self._names.resolve(node)
        if resolved is not None:
            return self._imported(resolved, depth)
        if node.attr.value == "module":
            return self._of(node.value, depth - 1)
        own = isinstance(node.value, cst.Name) and node.value.value in ("self", "cls")
        if own or self._facts[Models].is_model(node.value) is not True:
            bindings = self._values.attribute_bindings(node)
            if bindings:
                return self._agreed(bindings, depth)
        if own:
            above = self._tree.enclosing(node, cst.ClassDef)
            return Identity(above, (node.attr.value,), self._facts) if above is not None else None
        base = self._of(node.value, depth - 1)
        return base.part(node.attr.value) if base is not None else None

    def _subscript(self, node: cst.Subscript, depth: int) -> Identity | None:
        index = self._values.index(node)
        mapping = self._values.mapping(node.value) if isinstance(index, str) else None
        entry = mapping.entries.get(index) if mapping is not None and isinstance(index, str) else None
        if entry is not None and entry.certain:
            return entry.facts[Identities]._of(entry.node, depth - 1)
        base = self._of(node.value, depth - 1)
        return base.part(f"[{index}]") if base is not None and index is not UNKNOWN else None

    def _call(self, call: Call, depth: int) -> Identity | None:
        if call.method in known.KEEPS_MODEL and call.receiver is not None:
            return self._of(call.receiver, depth - 1)
        wraps = call.method in known.WRAPS_MODEL and call.method not in _COPIES
        if wraps and call.positional and self._values.callee(call.node) is None:
            return self._of(call.positional[0], depth - 1)
        return Identity(call.node, (), self._facts)

    # -- definitions ------------------------------------------------------------------------------------------

    def written(self, identity: Identity) -> Iterator[Facts]:
        """The files whose code makes an object: that of its construction, and that of its class."""
        if identity.facts is not None:
            yield identity.facts
            if isinstance(identity.root, cst.BaseExpression):
                made = identity.facts[Values].of(identity.root)
                if made.instance_of is not None:
                    yield made.instance_of.facts
                elif isinstance(identity.root, cst.Call):
                    maker = identity.facts[Values].callee(identity.root)
                    if maker is not None:
                        yield maker.facts


def _parameter_of(identity: Identity) -> cst.CSTNode | None:
    """The function whose parameter an object comes in by."""
    if not isinstance(identity.root, cst.Param) or identity.facts is None:
        return None
    return identity.facts[Tree].enclosing(identity.root, cst.FunctionDef)


def _is_made(identity: Identity) -> bool:
    """Whether an object is certainly new where its root stands: the root constructs it, or calls what does."""
    if identity.facts is None or not isinstance(identity.root, cst.Call):
        return False
    values = identity.facts[Values]
    target = values.callee(identity.root)
    if target is None:
        return identity.facts[Calls].of(identity.root).name is not None
    if isinstance(target.node, cst.ClassDef):
        return True
    returned = values.returned(identity.root)
    return bool(returned) and all(_is_new(facts, value) for facts, value in returned)


def _is_new(facts: Facts, value: cst.BaseExpression) -> bool:
    """Whether what a function returns was made in it."""
    if isinstance(value, (cst.Tuple, cst.List)):
        return all(_is_new(facts, each.value) for each in value.elements)
    if isinstance(value, cst.Dict):
        return True
    found = facts[Identities].of(value)
    return found is not None and isinstance(found.root, cst.Call)
