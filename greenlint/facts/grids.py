"""How many values an expression lists, and how many candidates a parameter grid holds. Nothing is run to count them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import searching

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Axis", "Grid", "Grids", "Source"]

_DEPTH = 8
_MOST_SOURCES = 40
Source = tuple["Facts", cst.BaseExpression]
"""An expression with the facts of the file it stands in."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of a grid."""

    name: str
    length: int | None
    facts: Facts
    node: cst.BaseExpression

    @property
    def least(self) -> int:
        """How many values it has at least."""
        return 1 if self.length is None else self.length


@dataclass(frozen=True, slots=True)
class Grid:
    """A parameter grid: the axes of each of its dictionaries."""

    parts: tuple[tuple[Axis, ...], ...]
    exact: bool
    """False when it may hold axes or dictionaries that cannot be seen."""

    @property
    def size(self) -> int | None:
        """How many candidates it holds."""
        if not self.exact or any(axis.length is None for part in self.parts for axis in part):
            return None
        return self.least

    @property
    def least(self) -> int:
        """How many candidates it holds at least."""
        return sum(math.prod(axis.least for axis in part) for part in self.parts)

    @property
    def axes(self) -> Iterator[Axis]:
        """The axes of all dictionaries."""
        for part in self.parts:
            yield from part


class Grids:
    """Lists and parameter grids of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._tree = facts[Tree]

    # -- where an expression comes from -----------------------------------------------------------------------

    def sources(self, node: cst.BaseExpression, depth: int = _DEPTH) -> list[Source] | None:
        """The expressions a name, attribute or subscript certainly stands for, one for each call or turn of a loop.

        ``None`` when any of them cannot be seen; an expression that is none of these stands for itself.
        """
        if depth <= 0:
            return None
        if isinstance(node, cst.Name):
            return self._joined(self._of_binding(each, depth) for each in self._bindings(node))
        if isinstance(node, cst.Attribute):
            return self._of_attribute(node, depth)
        if isinstance(node, cst.Subscript):
            return self._of_subscript(node, depth)
        if isinstance(node, cst.Call):
            return self._of_call(node, depth)
        return [(self._facts, node)]

    def _bindings(self, node: cst.Name) -> Sequence[Binding]:
        return self._names.reaching(node)

    @staticmethod
    def _joined(several: Iterable[list[Source] | None]) -> list[Source] | None:
        found: list[Source] = []
        for each in several:
            if each is None:
                return None
            found.extend(each)
        return found if 0 < len(found) <= _MOST_SOURCES else None

    def _of_binding(self, binding: Binding, depth: int) -> list[Source] | None:
        if binding.kind is BindingKind.PARAMETER:
            return self._of_parameter(binding, depth)
        if binding.kind is BindingKind.IMPORT:
            return self._of_import(binding.imported or "", depth)
        if binding.value is None:
            return None
        if binding.kind is BindingKind.LOOP:
            return self._of_loop(binding.value, binding.path, depth)
        if binding.kind is not BindingKind.ASSIGN:
            return None
        return self._at(self._facts, binding.value, binding.path, depth)

    def _at(self, facts: Facts, node: cst.BaseExpression, path: Sequence[int], depth: int) -> list[Source] | None:
        """The part of an expression that unpacking by ``path`` picks."""
        if not path:
            return facts[Grids].sources(node, depth - 1)
        found = facts[Grids].sources(node, depth - 1)
        if found is None:
            return None
        parts: list[list[Source] | None] = []
        for owner, each in found:
            items = _elements(each)
            inside = items is not None and 0 <= path[0] < len(items)
            assert items is not None or not inside
            parts.append(self._at(owner, items[path[0]], path[1:], depth - 1) if items is not None and inside else None)
        return self._joined(parts)

    def _of_parameter(self, binding: Binding, depth: int) -> list[Source] | None:
        function = binding.scope.node
        if not isinstance(function, cst.FunctionDef) or (isinstance(binding.node, cst.Param) and binding.node.star):
            return None
        several: list[list[Source] | None] = []
        for argument in self._values.arguments_for(function, binding.name):
            if argument.node is not None:
                several.append(argument.facts[Grids].sources(argument.node, depth - 1))
            elif argument.known and binding.value is not None:
                several.append(self.sources(binding.value, depth - 1))
            else:
                several.append(None)
        return self._joined(several)

    def _of_import(self, dotted: str, depth: int) -> list[Source] | None:
        head, _, name = dotted.rpartition(".")
        module = self._facts[Project].module(head or "." * (len(dotted) - len(name))) if head else None
        if module is None:
            return None
        bindings = module[Names].module.bindings.get(name, ())
        return self._joined(module[Grids]._of_binding(each, depth - 1) for each in bindings)

    def _of_loop(self, node: cst.BaseExpression, path: Sequence[int], depth: int) -> list[Source] | None:
        """What each turn of a loop over ``node`` gives the target at ``path``."""
        node, path = _unwrapped(node, path)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and not node.args:
            return self._of_items(node.func, path, depth)
        if isinstance(node, cst.Call) and self._calls.of(node).name == "builtins.zip" and path:
            plain = self._calls.of(node).positional
            return self._of_loop(plain[path[0]], path[1:], depth - 1) if 0 <= path[0] < len(plain) else None
        lists = self.sources(node, depth - 1)
        if lists is None:
            return None
        several: list[list[Source] | None] = []
        for facts, each in lists:
            items = _elements(each)
            several.extend([None] if items is None else [self._at(facts, item, path, depth - 1) for item in items])
        return self._joined(several)

    def _of_items(self, func: cst.Attribute, path: Sequence[int], depth: int) -> list[Source] | None:
        """``for name, value in mapping.items()`` and ``for value in mapping.values()``."""
        if func.attr.value == "items":
            if not path or path[0] != 1:
                return None
            path = path[1:]
        elif func.attr.value != "values":
            return None
        mapping = self._values.mapping(func.value)
        if mapping is None or mapping.open:
            return None
        return self._joined(self._at(each.facts, each.node, path, depth - 1) for each in mapping.entries.values())

    def _of_attribute(self, node: cst.Attribute, depth: int) -> list[Source] | None:
        resolved = self._names.resolve(node)
        if resolved is not None:
            return self._of_import(resolved, depth)
        found = self._values.attribute_bindings(node)
        if not found:
            return [(self._facts, node)]
        return self._joined(facts[Grids]._of_binding(each, depth - 1) for facts, each in found)

    def _of_subscript(self, node: cst.Subscript, depth: int) -> list[Source] | None:
        if any(isinstance(each.slice, cst.Slice) for each in node.slice):
            return [(self._facts, node)]
        index = self._values.index(node)
        mapping = self._values.mapping(node.value)
        if mapping is not None and mapping.entries:
            if isinstance(index, str):
                entry = mapping.entries.get(index)
                chosen = [entry] if entry is not None and entry.certain else []
            else:
                chosen = [] if mapping.open else list(mapping.entries.values())
            return self._joined(each.facts[Grids].sources(each.node, depth - 1) for each in chosen)
        lists = self.sources(node.value, depth - 1)
        return self._joined(self._picked(facts, each, index, depth) for facts, each in lists) if lists else None

    def _picked(self, facts: Facts, node: cst.BaseExpression, index: object, depth: int) -> list[Source] | None:
        items = _elements(node)
        if items is None:
            return None
        if isinstance(index, int):
            return facts[Grids].sources(items[index], depth - 1) if -len(items) <= index < len(items) else None
        return self._joined(facts[Grids].sources(each, depth - 1) for each in items)

    def _of_call(self, node: cst.Call, depth: int) -> list[Source] | None:
        """What a function of the project returns."""
        definition = self._values.callee(node)
        if definition is None or not isinstance(definition.node, cst.FunctionDef):
            return [(self._facts, node)]
        tree = definition.facts[Tree]
        returns = [
            each.value
            for each in tree.below(definition.node.body, cst.Return)
            if each.value is not None and tree.function(each) is definition.node
        ]
        return definition.facts[Grids].sources(returns[0], depth - 1) if len(returns) == 1 else [(self._facts, node)]

    # -- grids ------------------------------------------------------------------------------------------------

    def grids(self, node: cst.BaseExpression, depth: int = _DEPTH) -> list[Grid]:
        """The parameter grids an expression stands for: several when the code around it runs with several."""
        if depth <= 0:
            return []
        one = self._grid(node, depth) if not self._comes_from_elsewhere(node) else None
        if one is not None:
            return [one]
        found = self.sources(node)
        if found is None or any(each is node for _, each in found):
            return []
        every = [facts[Grids]._grid(each, depth - 1) for facts, each in found]
        return [each for each in every if each is not None] if None not in every else []

    def _comes_from_elsewhere(self, node: cst.BaseExpression) -> bool:
        """Whether a call site or a loop decides what ``node`` is; a plain name may be changed after it is assigned."""
        if isinstance(node, cst.Subscript):
            return True
        return isinstance(node, cst.Name) and any(
            each.kind in (BindingKind.PARAMETER, BindingKind.LOOP) or each.path for each in self._bindings(node)
        )

    def _grid(self, node: cst.BaseExpression, depth: int) -> Grid | None:
        mapping = self._values.mapping(node)
        if mapping is not None:
            axes = tuple(
                Axis(key, entry.facts[Grids].length(entry.node), entry.facts, entry.node)
                for key, entry in mapping.entries.items()
                if entry.certain
            )
            exact = not mapping.open and len(axes) == len(mapping.entries)
            return Grid((axes,), exact)
        if isinstance(node, (cst.List, cst.Tuple)):
            return self._several(node, depth)
        if isinstance(node, cst.Call) and self._calls.of(node).method == "ParameterGrid" and node.args:
            return self._grid(node.args[0].value, depth - 1) if depth > 1 else None
        if isinstance(node, (cst.Name, cst.Attribute)) and depth > 1:
            return self._named(node, depth)
        return None

    def _several(self, node: cst.List | cst.Tuple, depth: int) -> Grid | None:
        parts: list[tuple[Axis, ...]] = []
        exact = True
        for element in node.elements:
            one = self._grid(element.value, depth - 1) if depth > 1 else None
            exact = exact and one is not None and one.exact
            parts.extend(one.parts if one is not None else ())
        return Grid(tuple(parts), exact) if parts else None

    def _named(self, node: cst.Name | cst.Attribute, depth: int) -> Grid | None:
        found = self.sources(node)
        if found is None or len(found) != 1 or found[0][1] is node or self._is_changed(node):
            return None
        facts, source = found[0]
        return facts[Grids]._grid(source, depth - 1)

    def _is_changed(self, node: cst.BaseExpression) -> bool:
        """Whether a list is appended to or cut somewhere, so that its literal is not all there is to it."""
        if not isinstance(node, cst.Name):
            return False
        scopes = {each.scope for each in self._bindings(node)}
        for call in self._calls.methods("append", "extend", "insert", "pop", "remove", "clear"):
            receiver = call.receiver
            if not isinstance(receiver, cst.Name) or receiver.value != node.value:
                continue
            if {each.scope for each in self._bindings(receiver)} & scopes:
                return True
        return False

    # -- lengths ----------------------------------------------------------------------------------------------

    def length(self, node: cst.BaseExpression, depth: int = _DEPTH) -> int | None:
        """How many values an expression lists; ``None`` when that is not known."""
        if depth <= 0:
            return None
        handler = _LENGTHS.get(type(node))
        if handler is not None:
            found = handler(self, node, depth)
            if found is not None:
                return found
        if isinstance(node, cst.Name) and self._is_changed(node):
            return None
        constant = self._values.constant(node)
        return len(constant) if isinstance(constant, (list, tuple)) else None

    def _listed(self, node: cst.List | cst.Tuple | cst.Set, depth: int) -> int | None:
        total = 0
        for each in node.elements:
            one = self.length(each.value, depth - 1) if isinstance(each, cst.StarredElement) else 1
            if one is None:
                return None
            total += one
        return total

    def _mapped(self, node: cst.Dict, depth: int) -> int | None:
        return None if any(isinstance(each, cst.StarredDictElement) for each in node.elements) else len(node.elements)

    def _comprehended(self, node: cst.ListComp | cst.GeneratorExp, depth: int) -> int | None:
        total, inner = 1, node.for_in
        while True:
            one = None if inner.ifs else self.length(inner.iter, depth - 1)
            if one is None:
                return None
            total *= one
            if inner.inner_for_in is None:
                return total
            inner = inner.inner_for_in

    def _referred(self, node: cst.Name | cst.Attribute, depth: int) -> int | None:
        if self._is_changed(node):
            return None
        found = self.sources(node, depth - 1)
        if found is None or any(each is node for _, each in found):
            return None
        lengths = {facts[Grids].length(each, depth - 1) for facts, each in found}
        return lengths.pop() if len(lengths) == 1 else None

    def _subscripted(self, node: cst.Subscript, depth: int) -> int | None:
        if len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Slice):
            return self._sliced(node.value, node.slice[0].slice, depth)
        if _is_row_builder(self._names, node):
            parts = [
                self.length(each.slice.value, depth - 1) for each in node.slice if isinstance(each.slice, cst.Index)
            ]
            return sum(each or 0 for each in parts) if parts and None not in parts else None
        found = self.sources(node, depth - 1)
        if found is None or any(each is node for _, each in found):
            return None
        lengths = {facts[Grids].length(each, depth - 1) for facts, each in found}
        return lengths.pop() if len(lengths) == 1 else None

    def _sliced(self, node: cst.BaseExpression, part: cst.Slice, depth: int) -> int | None:
        bounds: list[int | None] = []
        for bound in (part.lower, part.upper, part.step):
            value = None if bound is None else self._values.constant(bound)
            if value is not None and not isinstance(value, int):
                return None
            bounds.append(value)
        whole = self.length(node, depth - 1)
        if bounds[2] == 0:
            return None
        return len(range(whole)[bounds[0] : bounds[1] : bounds[2]]) if whole is not None else None

    def _combined(self, node: cst.BinaryOperation, depth: int) -> int | None:
        """``[1] + [2]`` has the length of both; arithmetic with an array has the length of the array."""
        left, right = self.length(node.left, depth - 1), self.length(node.right, depth - 1)
        arrays = _is_array(self, node.left), _is_array(self, node.right)
        if isinstance(node.operator, cst.Add) and left is not None and right is not None and not any(arrays):
            return left + right
        if isinstance(node.operator, cst.Multiply) and not any(arrays):
            return self._repeated(node, left, right)
        if arrays[0] and (right is None or arrays[1]):
            return left if right is None or left == right else None
        return right if arrays[1] and left is None else None

    def _repeated(self, node: cst.BinaryOperation, left: int | None, right: int | None) -> int | None:
        for length, times in ((left, node.right), (right, node.left)):
            count = self._values.constant(times)
            if length is not None and isinstance(count, int):
                return length * max(0, count)
        return None

    def _either(self, node: cst.IfExp, depth: int) -> int | None:
        test = self._values.constant(node.test)
        if test is not UNKNOWN:
            return self.length(node.body if test else node.orelse, depth - 1)
        one, other = self.length(node.body, depth - 1), self.length(node.orelse, depth - 1)
        return one if one == other else None

    # -- lengths of calls -------------------------------------------------------------------------------------

    def _called(self, node: cst.Call, depth: int) -> int | None:
        call = self._calls.of(node)
        root = (call.name or "").split(".")[0]
        if root in _ARRAY_ROOTS:
            return self._array(call, depth)
        if call.name is not None:
            return self._known(call, depth)
        if call.method in _KEEPING and call.receiver is not None:
            return self.length(call.receiver, depth - 1)
        if call.method in ("items", "keys", "values") and call.receiver is not None and not node.args:
            mapping = self._values.mapping(call.receiver)
            return len(mapping.entries) if mapping is not None and not mapping.open else None
        if call.method in searching.LENGTH_OF_FIRST and call.receiver is None:
            return self._longest(call, depth)
        found = self.sources(node, depth - 1)
        if found is None or len(found) != 1 or found[0][1] is node:
            return None
        return found[0][0][Grids].length(found[0][1], depth - 1)

    def _known(self, call: Call, depth: int) -> int | None:
        plain = call.positional
        if call.name == "builtins.range":
            return self._range(call, depth)
        if call.name == "itertools.product":
            return self._product(call, depth)
        if call.name == "itertools.chain":
            return _sum(self.length(each, depth - 1) for each in plain)
        if call.name in ("itertools.combinations", "itertools.permutations") and len(plain) == 2:
            return self._combinations(call, depth)
        if call.method in ("ParameterGrid", "IterGrid") and plain:
            return self._candidates(plain[0])
        if call.name == "builtins.zip":
            lengths = [self.length(each, depth - 1) for each in plain]
            known = [each for each in lengths if each is not None]
            return min(known) if known and len(known) == len(lengths) else None
        if call.name == "builtins.map" and len(plain) == 2:
            return self.length(plain[1], depth - 1)
        return self._longest(call, depth) if call.method in searching.LENGTH_OF_FIRST else None

    def _candidates(self, node: cst.BaseExpression) -> int | None:
        grids = self.grids(node)
        return grids[0].size if len(grids) == 1 else None

    def _range(self, call: Call, depth: int) -> int | None:
        numbers = [self._whole(each, depth) for each in call.positional]
        if not 1 <= len(numbers) <= 3 or not all(isinstance(each, int) for each in numbers):
            return None
        whole = [each for each in numbers if each is not None]
        return len(range(*whole)) if len(whole) < 3 or whole[2] else None

    def _whole(self, node: cst.BaseExpression, depth: int) -> int | None:
        """A whole number, or the ``len`` of a list."""
        if isinstance(node, cst.Call) and self._calls.of(node).name == "builtins.len" and node.args:
            return self.length(node.args[0].value, depth - 1)
        value = self._values.constant(node)
        return value if isinstance(value, int) else None

    def _product(self, call: Call, depth: int) -> int | None:
        repeat = call.keyword("repeat")
        times = self._values.constant(repeat) if repeat is not None else 1
        total = 1
        for arg in call.node.args:
            if arg.keyword is not None:
                continue
            one = self._starred(arg.value) if arg.star == "*" else self.length(arg.value, depth - 1)
            if one is None:
                return None
            total *= one
        return total**times if isinstance(times, int) and 0 < times <= 8 else None

    def _starred(self, node: cst.BaseExpression) -> int | None:
        """The product of the lengths in ``*grid.values()`` or ``*lists``."""
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "values":
            return self._candidates(node.func.value)
        if isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            return self._starred_comprehension(node)
        found = self.sources(node)
        items = _elements(found[0][1]) if found is not None and len(found) == 1 else None
        if items is None or found is None:
            return None
        lengths = [found[0][0][Grids].length(each) for each in items]
        return math.prod(each or 0 for each in lengths) if None not in lengths else None

    def _starred_comprehension(self, node: cst.ListComp | cst.GeneratorExp) -> int | None:
        """``product(*(grid[name] for name in grid))`` runs over the whole grid."""
        for each in self._tree.below(node.for_in.iter, cst.Name):
            grids = self.grids(each)
            if len(grids) == 1:
                return grids[0].size
        return None

    def _combinations(self, call: Call, depth: int) -> int | None:
        length, count = self.length(call.positional[0], depth - 1), self._values.constant(call.positional[1])
        if length is None or not isinstance(count, int) or count < 0:
            return None
        return math.comb(length, count) if call.method == "combinations" else math.perm(length, count)

    def _longest(self, call: Call, depth: int) -> int | None:
        lengths = [each for each in (self.length(arg, depth - 1) for arg in call.positional[:2]) if each is not None]
        return max(lengths) if lengths else None

    def _array(self, call: Call, depth: int) -> int | None:
        if call.method in searching.SPACED:
            return self._spaced(call)
        if call.method == "arange":
            return self._arange(call)
        if call.method in ("concatenate", "hstack", "append", "concat", "r_"):
            parts = call.positional
            items = _elements(parts[0]) if len(parts) == 1 else parts[:2]
            return _sum(self.length(each, depth - 1) for each in items) if items else None
        if call.method in searching.LENGTH_OF_FIRST:
            return self._longest(call, depth)
        size = call.keyword("size")
        if ".random." in (call.name or "") and size is not None:
            count = self._values.constant(size)
            return count if isinstance(count, int) else None
        return None

    def _spaced(self, call: Call) -> int | None:
        count = call.argument("steps" if (call.name or "").startswith("torch.") else "num", 2)
        if count.absent and not (call.name or "").startswith("torch."):
            return 50
        return int(count.constant) if isinstance(count.constant, (int, float)) else None

    def _arange(self, call: Call) -> int | None:
        numbers = [self._number(each) for each in call.positional]
        for name in ("start", "stop", "step")[len(numbers) :]:
            written = call.keyword(name)
            if written is not None:
                numbers.append(self._number(written))
        if not 1 <= len(numbers) <= 4 or any(each is None for each in numbers[:3]):
            return None
        known = [each for each in numbers[:3] if each is not None]
        start, stop = (0.0, known[0]) if len(known) == 1 else (known[0], known[1])
        step = known[2] if len(known) == 3 else 1.0
        return max(0, math.ceil((stop - start) / step - 1e-9)) if step else None

    def _number(self, node: cst.BaseExpression) -> float | None:
        value = self._values.constant(node)
        return float(value) if isinstance(value, (int, float)) else None


def _elements(node: cst.BaseExpression) -> list[cst.BaseExpression] | None:
    """The elements of a literal list, tuple or set without starred parts."""
    if not isinstance(node, (cst.List, cst.Tuple, cst.Set)):
        return None
    if any(not isinstance(each, cst.Element) for each in node.elements):
        return None
    return [each.value for each in node.elements]


def _unwrapped(node: cst.BaseExpression, path: Sequence[int]) -> tuple[cst.BaseExpression, Sequence[int]]:
    """What ``enumerate``, ``tqdm`` and the like run over, with the path into one of its elements."""
    while isinstance(node, cst.Call) and node.args and isinstance(node.func, cst.Name):
        if node.func.value == "enumerate" and path and path[0] == 1:
            path = path[1:]
        elif node.func.value not in ("tqdm", "list", "tuple", "iter", "sorted", "tqdm_notebook"):
            break
        node = node.args[0].value
    return node, path


def _is_row_builder(names: Names, node: cst.Subscript) -> bool:
    return names.resolve(node.value) == "numpy.r_"


def _is_array(grids: Grids, node: cst.BaseExpression) -> bool:
    """Whether arithmetic on ``node`` goes element by element."""
    while isinstance(node, cst.UnaryOperation):
        node = node.expression
    if isinstance(node, cst.BinaryOperation):
        return _is_array(grids, node.left) or _is_array(grids, node.right)
    if isinstance(node, cst.Call):
        name = grids._calls.of(node).name or ""
        if name.split(".")[0] in _ARRAY_ROOTS:
            return True
        return isinstance(node.func, cst.Attribute) and not name and _is_array(grids, node.func.value)
    if isinstance(node, (cst.Name, cst.Attribute)):
        found = grids.sources(node)
        return bool(found) and all(each is not node and _is_array(facts[Grids], each) for facts, each in found or ())
    return False


def _sum(lengths: Iterable[int | None]) -> int | None:
    total = 0
    for each in lengths:
        if each is None:
            return None
        total += each
    return total


_ARRAY_ROOTS = frozenset(("numpy", "torch", "jax", "cupy"))
_KEEPING = frozenset("tolist astype round copy flatten ravel clip squeeze sort to_list to_numpy numpy".split())
_LENGTHS: dict[type, Callable[[Grids, Any, int], int | None]] = {
    cst.List: Grids._listed,
    cst.Tuple: Grids._listed,
    cst.Set: Grids._listed,
    cst.Dict: Grids._mapped,
    cst.ListComp: Grids._comprehended,
    cst.GeneratorExp: Grids._comprehended,
    cst.Name: Grids._referred,
    cst.Attribute: Grids._referred,
    cst.Subscript: Grids._subscripted,
    cst.BinaryOperation: Grids._combined,
    cst.UnaryOperation: lambda self, node, depth: self.length(node.expression, depth - 1),
    cst.IfExp: Grids._either,
    cst.Call: Grids._called,
}
