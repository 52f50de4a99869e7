"""Which expressions have the same value in every pass of a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names, dotted, root_name
from greenlint.facts.tree import Tree
from greenlint.knowledge import factories as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Invariance"]

_VARYING = (cst.Lambda, cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp, cst.Await, cst.Yield, cst.NamedExpr)
_VIEWS = frozenset(("data", "T", "mT", "real", "imag", "loc", "iloc", "at", "iat", "ix", "values"))
_BUILT = frozenset(("__init__", "setup", "build", "__post_init__", "setUp"))


class Invariance:
    """Loop invariants of one file."""

    def __init__(self, facts: Facts) -> None:
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._globals = {item.name.value for node in self._tree.of_type(cst.Global) for item in node.names}
        self._nonlocals = {item.name.value for node in self._tree.of_type(cst.Nonlocal) for item in node.names}

    def holds(
        self, node: cst.BaseExpression, loop: cst.For | cst.While, *, methods: frozenset[str] = frozenset()
    ) -> bool:
        """Whether an expression certainly has the same value in every pass of a loop around it.

        Nothing it reads is bound, stored to or changed by a method in the loop, and it calls only pure functions, or
        one of ``methods``. What a function called from the loop changes behind its back is not seen.
        """
        for each in self._tree.walk(node):
            if isinstance(each, _VARYING):
                return False
            if isinstance(each, cst.Call) and not self._is_pure(self._calls.of(each), methods):
                return False
            if isinstance(each, cst.Name) and self._is_read(each) and not self._name_holds(each, loop):
                return False
            if isinstance(each, cst.Attribute) and not self._attribute_holds(each, loop):
                return False
        return True

    @staticmethod
    def _is_pure(call: Call, methods: frozenset[str]) -> bool:
        if call.name is not None:
            return call.name in known.PURE_CALLS
        return call.receiver is not None and (call.method in known.PURE_METHODS or call.method in methods)

    def _is_read(self, node: cst.Name) -> bool:
        above = self._tree.parent(node)
        if isinstance(above, cst.Attribute):
            return above.attr is not node
        return not (isinstance(above, cst.Arg) and above.keyword is node)

    # -- names ------------------------------------------------------------------------------------------------

    def _name_holds(self, node: cst.Name, loop: cst.For | cst.While) -> bool:
        if node.value in ("True", "False", "None"):
            return True
        bindings = self._names.reaching(node)
        if not bindings:
            return self._names.resolve(node) is not None
        if node.value in self._globals and any(each.scope is self._names.module for each in bindings):
            return False
        if node.value in self._nonlocals:
            return False
        if any(each.node in self._tree and self._tree.contains(loop, each.node) for each in bindings):
            return False
        return all(each.kind is BindingKind.IMPORT for each in bindings) or not self._changes(node.value, loop)

    def _changes(self, path: str, loop: cst.For | cst.While) -> bool:
        """Whether the loop stores into or changes by a method what a dotted name stands for."""
        tree = self._tree
        targets: list[cst.CSTNode] = [each.target for each in tree.below(loop.body, cst.AssignTarget)]
        targets.extend(each.target for each in tree.below(loop.body, cst.AugAssign))
        targets.extend(each.target for each in tree.below(loop.body, cst.AnnAssign))
        if any(_stored_into(part) == path for each in targets for part in _parts(each)):
            return True
        for call in self._calls.within(loop.body):
            out = call.keyword("out")
            if out is not None and _changed(out) == path:
                return True
            if call.receiver is None or _changed(call.receiver) != path:
                continue
            if (
                call.keyword("inplace") is not None
                or call.method in known.CHANGING_METHODS
                or (call.method.endswith("_") and not call.method.endswith("__"))
            ):
                return True
        return any(_changed(part) == path for each in tree.below(loop.body, cst.Del) for part in _parts(each.target))

    def alters(self, name: str, loop: cst.For | cst.While) -> bool:
        """Whether the loop changes in place what a variable stands for, or any part of it."""
        tree = self._tree
        stored: list[cst.CSTNode] = [each.target for each in tree.below(loop.body, cst.AssignTarget)]
        changed = [each for each in stored if not isinstance(each, cst.Name)]
        changed.extend(each.target for each in tree.below(loop.body, cst.AugAssign))
        deleted = [found for each in tree.below(loop.body, cst.Del) for found in tree.walk(each)]
        changed.extend(each for each in deleted if isinstance(each, (cst.Subscript, cst.Attribute)))
        if any(root_name(each) == name for each in changed):
            return True
        for call in self._calls.within(loop.body):
            in_place = call.method.endswith("_") or call.method in ("sort", "fill", "resize", "insert", "pop", "update")
            in_place = in_place or call.keyword("inplace") is not None
            out = call.keyword("out")
            if (in_place and call.receiver is not None and root_name(call.receiver) == name) or (
                out is not None and root_name(out) == name
            ):
                return True
        return False

    # -- attributes -------------------------------------------------------------------------------------------

    def _attribute_holds(self, node: cst.Attribute, loop: cst.For | cst.While) -> bool:
        above = self._tree.parent(node)
        if isinstance(above, cst.Call) and above.func is node:
            return True
        if self._names.resolve(node) is not None:
            return True
        path = dotted(node)
        if path is None:
            return isinstance(node.value, (cst.Call, cst.Subscript, cst.Attribute))
        if self._changes(path, loop):
            return False
        own = path.startswith(("self.", "cls."))
        return not any(self._stored(each, loop, own=own) for each in self._names.stores.get(node.attr.value, ()))

    def _stored(self, binding: Binding, loop: cst.For | cst.While, *, own: bool) -> bool:
        """Whether an attribute of this name may get another value while the loop runs."""
        if self._tree.contains(loop, binding.node):
            return True
        function = self._tree.function(binding.node)
        if function is None or function is self._tree.function(loop):
            return False
        # Any other method may be called from the loop.
        return own and function.name.value not in _BUILT


def _parts(target: cst.CSTNode) -> list[cst.CSTNode]:
    """The targets in a tuple of targets."""
    if isinstance(target, (cst.Tuple, cst.List)):
        return [part for each in target.elements for part in _parts(each.value)]
    return [target]


def _stored_into(target: cst.CSTNode) -> str | None:
    """What ``x[i] = ...`` and ``x.data = ...`` change in place."""
    is_view = isinstance(target, cst.Attribute) and target.attr.value in _VIEWS
    return _changed(target) if is_view or isinstance(target, cst.Subscript) else None


def _changed(node: cst.CSTNode) -> str | None:
    """The dotted name of the object that changes when ``node`` does: an element or view of it is a part of it."""
    while isinstance(node, cst.Subscript) or (isinstance(node, cst.Attribute) and node.attr.value in _VIEWS):
        node = node.value
    return dotted(node)
