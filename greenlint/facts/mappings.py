"""Dictionaries: which keys they certainly hold, built, updated and branched on before the use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values, same_constant

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Entry", "MappingValue", "Mappings"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping: the expression it holds, and whether it certainly is there with that expression."""

    facts: Facts
    node: cst.BaseExpression
    certain: bool = True


@dataclass(slots=True)
class MappingValue:
    """What is known of a dictionary: its keys, and whether there may be others."""

    entries: dict[str, Entry] = field(default_factory=dict)
    open: bool = False


class Mappings:
    """Dictionaries of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._project = facts[Project]
        self._tree = facts[Tree]
        self._changed: dict[str, list[tuple[cst.Name, cst.CSTNode]]] | None = None

    def of(self, node: cst.BaseExpression) -> MappingValue | None:
        """What is known of a dictionary expression, built and updated before this point; ``None``: nothing."""
        return self._mapping(node, 6)

    def _mapping(self, node: cst.BaseExpression, depth: int) -> MappingValue | None:
        if depth == 0:
            return None
        if isinstance(node, cst.Dict):
            return self._mapping_of_dict(node, depth)
        if isinstance(node, cst.Call):
            return self._mapping_of_call(node, depth)
        if isinstance(node, cst.IfExp):
            return _merged(self._mapping(node.body, depth - 1), self._mapping(node.orelse, depth - 1))
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitOr):
            left, right = self._mapping(node.left, depth - 1), self._mapping(node.right, depth - 1)
            return None if left is None or right is None else _updated(left, right)
        if isinstance(node, cst.Name):
            return self._mapping_of_bindings(node, self._names.reaching(node), depth)
        if isinstance(node, cst.Attribute):
            found = self._values.attribute_bindings(node)
            if len(found) == 1 and found[0][1].value is not None and not found[0][1].path:
                mappings = found[0][0][Mappings]
                # Which of the object's methods runs first is not known, so that any change leaves nothing certain.
                if not mappings._changes_of(node.attr.value) and not self._changes_of(node.attr.value):
                    return mappings._mapping(found[0][1].value, depth - 1)
        return None

    def _mapping_of_dict(self, node: cst.Dict, depth: int) -> MappingValue:
        result = MappingValue()
        for element in node.elements:
            if isinstance(element, cst.DictElement):
                key = self._values.constant(element.key)
                if isinstance(key, str):
                    result.entries[key] = Entry(self._facts, element.value)
                else:
                    result = _updated(result, MappingValue(open=True))
            else:
                inner = self._mapping(element.value, depth - 1)
                result = _updated(result, inner if inner is not None else MappingValue(open=True))
        return result

    def _mapping_of_call(self, node: cst.Call, depth: int) -> MappingValue | None:
        call = self._calls.of(node)
        if call.name not in ("builtins.dict", "easydict.EasyDict"):
            returned = self._values.returned(node)
            return returned[0][0][Mappings]._mapping(returned[0][1], depth - 1) if len(returned) == 1 else None
        result = MappingValue()
        for arg in node.args:
            if arg.keyword is not None:
                result.entries[arg.keyword.value] = Entry(self._facts, arg.value)
                continue
            inner = self._mapping(arg.value, depth - 1)
            result = MappingValue(result.entries, True) if inner is None else _updated(result, inner)
        return result

    def _mapping_of_bindings(self, use: cst.Name, bindings: Sequence[Binding], depth: int) -> MappingValue | None:
        result: MappingValue | None = None
        for index, binding in enumerate(bindings):
            if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
                one = self._mapping_of_parameter(binding, depth)
            elif binding.kind is BindingKind.ASSIGN and binding.value is not None and not binding.path:
                one = self._mapping(binding.value, depth - 1)
            elif binding.kind is BindingKind.IMPORT:
                one = self._mapping_imported(binding.imported or "", depth)
            else:
                return None
            if one is None:
                return None
            result = one if index == 0 else _merged(result, one)
        if result is None:
            return None
        return self._with_updates(use, bindings, result, depth)

    def _mapping_of_parameter(self, binding: Binding, depth: int) -> MappingValue | None:
        function = binding.scope.node
        assert isinstance(function, cst.FunctionDef)
        if isinstance(binding.node, cst.Param) and binding.node.star == "**":
            return None
        result: MappingValue | None = None
        for argument in self._values.arguments_for(function, binding.name):
            if argument.node is None:
                return None
            one = argument.facts[Mappings]._mapping(argument.node, depth - 1)
            if one is None:
                return None
            result = one if result is None else _merged(result, one)
        return result

    def _mapping_imported(self, resolved: str, depth: int) -> MappingValue | None:
        head, _, name = resolved.rpartition(".")
        module = self._project.module(head) if head.strip(".") else None
        bindings = module[Names].module.bindings.get(name, ()) if module is not None else ()
        if module is None or len(bindings) != 1 or bindings[0].value is None or bindings[0].path:
            return None
        mappings = module[Mappings]
        return None if mappings._changes_of(name) else mappings._mapping(bindings[0].value, depth - 1)

    def _with_updates(
        self, use: cst.Name, bindings: Sequence[Binding], result: MappingValue, depth: int
    ) -> MappingValue | None:
        """Apply ``d.update(...)``, ``d[key] = ...`` and ``del d[key]``, where they may run between binding and use.

        What is done to the dictionary under another name, or by a function it is passed to, is not seen.
        """
        tree = self._tree
        start = min(each.order for each in bindings)
        result = MappingValue(dict(result.entries), result.open)
        for name, node in self._changes_of(use.value):
            if not set(self._names.reaching(name)) & set(bindings):
                continue
            between = start < tree.first(node) < tree.first(use)
            if not between and not self._may_run_before(node, use):
                continue
            certain = between and _runs_before(tree, node, use)
            inner = self._change(node, depth)
            if inner is None:
                return None
            changed = _updated(result, inner)
            result = changed if certain else _either(result, changed)
        return result

    def _may_run_before(self, node: cst.CSTNode, use: cst.CSTNode) -> bool:
        """Whether a change elsewhere may run before the use: round a loop, or as one of them stands in a function."""
        tree = self._tree
        if tree.function(node) is not tree.function(use):
            return True
        below = tree.first(node) > tree.first(use)
        return below and any(tree.contains(loop, node) for loop in tree.loops_around(use))

    def _changes_of(self, name: str) -> list[tuple[cst.Name, cst.CSTNode]]:
        """What changes a dictionary in a variable or attribute of this name: the name there, and the change."""
        if self._changed is None:
            self._changed = {}
            for changed, node in self._find_changes():
                last = changed.attr if isinstance(changed, cst.Attribute) else changed
                if isinstance(last, cst.Name):
                    self._changed.setdefault(last.value, []).append((last, node))
            for each in self._changed.values():
                each.sort(key=lambda pair: self._tree.first(pair[1]))
        return self._changed.get(name, [])

    def _find_changes(self) -> Iterator[tuple[cst.BaseExpression, cst.CSTNode]]:
        for call in self._calls.methods("update", "setdefault", "pop", "popitem", "clear"):
            if call.receiver is not None:
                yield call.receiver, call.node
        stores: list[tuple[cst.CSTNode, cst.CSTNode]] = [
            *((each.target, node) for node in self._tree.of_type(cst.Assign) for each in node.targets),
            *((node.target, node) for node in self._tree.of_type(cst.AnnAssign)),
            *((node.target, node) for node in self._tree.of_type(cst.AugAssign)),
            *((node.target, node) for node in self._tree.of_type(cst.Del)),
            *((node.target, node) for node in self._tree.of_type(cst.For)),
        ]
        for target, node in stores:
            parts = [each.value for each in target.elements] if isinstance(target, (cst.Tuple, cst.List)) else [target]
            yield from ((part.value, node) for part in parts if isinstance(part, cst.Subscript))

    def _change(self, node: cst.CSTNode, depth: int) -> MappingValue | None:
        if isinstance(node, cst.Assign):
            key = self._stored_key(node)
            return MappingValue(open=True) if key is None else MappingValue({key: Entry(self._facts, node.value)})
        if isinstance(node, cst.Call) and self._calls.of(node).method == "update":
            result = MappingValue()
            for arg in node.args:
                if arg.keyword is not None:
                    result.entries[arg.keyword.value] = Entry(self._facts, arg.value)
                else:
                    inner = self._mapping(arg.value, depth - 1)
                    result = MappingValue(result.entries, True) if inner is None else _updated(result, inner)
            return result
        return None

    def _stored_key(self, node: cst.Assign) -> str | None:
        """The key that ``d[key] = value`` certainly stores ``value`` under."""
        subscripts = [each.target for each in node.targets if isinstance(each.target, cst.Subscript)]
        key = self._values.index(subscripts[0]) if len(subscripts) == 1 else UNKNOWN
        return key if isinstance(key, str) else None


def _merged(one: MappingValue | None, other: MappingValue | None) -> MappingValue | None:
    """Either of two mappings, of which one may not be known."""
    return None if one is None or other is None else _either(one, other)


def _either(one: MappingValue, other: MappingValue) -> MappingValue:
    """One of two known mappings: a key is certain when both agree on it."""
    entries: dict[str, Entry] = {}
    for key in {**one.entries, **other.entries}:
        left, right = one.entries.get(key), other.entries.get(key)
        if left is not None and right is not None and left.node is right.node:
            entries[key] = replace(left, certain=left.certain and right.certain)
        else:
            some = left or right
            assert some is not None
            same = left is not None and right is not None and _agree(left, right)
            entries[key] = replace(some, certain=same)
    return MappingValue(entries, one.open or other.open)


def _agree(left: Entry, right: Entry) -> bool:
    if not (left.certain and right.certain):
        return False
    one, other = left.facts[Values].constant(left.node), right.facts[Values].constant(right.node)
    return one is not UNKNOWN and same_constant(one, other)


def _updated(base: MappingValue, change: MappingValue) -> MappingValue:
    """``base`` after ``update(change)``; what may hold any key may hold those of ``base``."""
    before = base.entries
    if change.open:
        before = {key: replace(entry, certain=False) for key, entry in before.items()}
    return MappingValue({**before, **change.entries}, base.open or change.open)


_BRANCHES = (cst.If, cst.IfExp, cst.BooleanOperation, cst.For, cst.While, cst.Try, cst.TryStar, cst.Match)


def _runs_before(tree: Tree, node: cst.CSTNode, use: cst.CSTNode) -> bool:
    """Whether a change certainly runs whenever the use does."""
    below = node
    for above in tree.ancestors(node):
        tried = isinstance(above, (cst.Try, cst.TryStar)) and below is above.body
        if isinstance(above, _BRANCHES) and not tried and not tree.contains(below, use):
            return False
        if isinstance(above, (cst.FunctionDef, cst.Module)):
            return tree.contains(above, use)
        below = above
    return True
