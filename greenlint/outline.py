"""What Python's own parser shows of a file for a tenth of the price of its full tree: the second gate.

Importable without libcst.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field
from types import EllipsisType, NoneType

from greenlint.knowledge.signals import LIBRARY_ROOTS

__all__ = ["Outline"]

_FACTORIES = re.compile(
    r"^(?:zeros|ones|empty|full|eye|arange|linspace|logspace|rand\w*|normal|tensor|as_tensor|from_numpy|\w*Tensor|array)"
    r"(?:_like)?$"
)
_SPREADS = frozenset(("product", "ParameterGrid", "ParameterSampler"))
_MODULE = ""


@dataclass(slots=True)
class Outline:
    """Calls, loops and functions of one file, by name."""

    depth: int = 0
    """How deep the tree is."""
    calls: set[str] = field(default_factory=set)
    """The last names of everything called: ``to`` for ``x.to(device)``."""
    looped_calls: set[str] = field(default_factory=set)
    """Those inside a loop of the same function."""
    nested_calls: set[str] = field(default_factory=set)
    """Those inside two ``for`` loops of one function, or one over a product of lists."""
    functions: set[str] = field(default_factory=set)
    """Everything that is defined."""
    looping_functions: set[str] = field(default_factory=set)
    """Functions with a loop in them."""
    iterated: set[str] = field(default_factory=set)
    """Names that stand in what a ``for`` loop runs over, in lower case."""
    function_calls: set[tuple[str, str]] = field(default_factory=set)
    """Pairs of a function and something called in it."""
    texts: set[str] = field(default_factory=set)
    """Strings given to ``to`` and ``device``."""
    keys: set[str] = field(default_factory=set)
    """First arguments of ``update`` and the like."""
    modules: dict[str, str] = field(default_factory=dict)
    """The dotted module, as written, from which each imported name stems."""
    _renamed: list[tuple[str, str]] = field(default_factory=list)
    _moves: list[ast.Call] = field(default_factory=list)
    _tensors: list[ast.Call] = field(default_factory=list)
    _assigned: list[ast.Assign] = field(default_factory=list)
    _returned: list[tuple[str, ast.expr]] = field(default_factory=list)

    @classmethod
    def of(cls, tree: ast.AST) -> Outline:
        """The outline of a module parsed by :mod:`ast`."""
        outline = cls()
        outline._walk(tree)
        outline._resolve()
        return outline

    def _walk(self, tree: ast.AST) -> None:
        for statement in getattr(tree, "body", ()):
            # What is imported is wanted when calls are looked at, in whatever order that happens.
            if isinstance(statement, ast.ImportFrom):
                self._import(statement)
        stack: list[tuple[ast.AST, int, str, int]] = [(tree, 0, _MODULE, 1)]
        pop, push = stack.pop, stack.append
        deepest = 0
        while stack:
            node, loops, function, depth = pop()
            kind = type(node)
            if kind in _NOTED:
                loops, function = self._note(node, loops, function)
            depth += 1
            if depth > deepest:
                deepest = depth
            for value in node.__dict__.values():
                kind = type(value)
                if kind is list:
                    for each in value:
                        if type(each) not in _LEAVES:
                            push((each, loops, function, depth))
                elif kind not in _LEAVES:
                    push((value, loops, function, depth))
        self.depth = deepest

    def _note(self, node: ast.AST, loops: int, function: str) -> tuple[int, str]:
        """Takes in a node; how many loops are around what is below it, and in which function that stands."""
        if isinstance(node, ast.Call):
            self._call(node, loops, function)
        elif isinstance(node, ast.Assign):
            self._assigned.append(node)
            if isinstance(node.value, (ast.Name, ast.Attribute)) and isinstance(node.targets[0], ast.Name):
                self._renamed.append((node.targets[0].id, _last(node.value)))
        elif isinstance(node, ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Return):
            if node.value is not None:
                self._returned.append((function, node.value))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._loop(node, function)
            return loops + (2 if self._spreads(node.iter) else 1), function
        elif isinstance(node, ast.While):
            self.looping_functions.add(function)
            # A loop, but none that sweeps settings.
            return loops or 1, function
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.functions.add(node.name)
            return 0, node.name
        return loops, function

    def _import(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for each in node.names:
            self.modules[each.asname or each.name] = module
            if each.asname is not None:
                self._renamed.append((each.asname, each.name))

    def _resolve(self) -> None:
        """Count what is called under another name under its own name too."""
        for alias, name in self._renamed:
            for calls in (self.calls, self.looped_calls, self.nested_calls):
                if alias in calls:
                    calls.add(name)

    def _call(self, node: ast.Call, loops: int, function: str) -> None:
        name = _last(node.func)
        self.calls.add(name)
        self.function_calls.add((function, name))
        if loops:
            self.looped_calls.add(name)
            if loops >= 2:
                self.nested_calls.add(name)
        if name in _PLACES:
            self.texts.update(
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
            self._moves.append(node)
        elif name in _STORES and node.args and isinstance(node.args[0], ast.Constant):
            self.keys.add(str(node.args[0].value))
        elif name == "partial" and node.args:
            self.calls.add(_last(node.args[0]))
        elif name.endswith("ensor") and node.args:
            self._tensors.append(node)

    def _spreads(self, node: ast.expr) -> bool:
        """Whether a loop runs over the combinations of several lists."""
        names = {_last(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
        return bool(names & _SPREADS) or any(alias in names and name in _SPREADS for alias, name in self._renamed)

    def _loop(self, node: ast.For | ast.AsyncFor, function: str) -> None:
        if function:
            self.looping_functions.add(function)
        for each in ast.walk(node.iter):
            if isinstance(each, ast.Name):
                self.iterated.add(each.id.lower())
            elif isinstance(each, ast.Attribute):
                self.iterated.add(each.attr.lower())

    @property
    def project_names(self) -> set[str]:
        """What is imported from modules that are no known library: perhaps from the project around the file."""
        return {name for name, module in self.modules.items() if not _is_library(module.partition(".")[0])}

    @property
    def moves_factory(self) -> bool:
        """Whether a fresh tensor, or a name that was assigned one, is moved or given to a tensor type."""
        makers = {function for function, value in self._returned if _makes(value, frozenset())}
        moved = [each.func.value for each in self._moves if isinstance(each.func, ast.Attribute)]
        moved.extend(each.args[0] for each in self._tensors)
        if any(_makes(each, makers) for each in moved):
            return True
        fresh = {name for assign in self._assigned if _makes(assign.value, makers) for name in _targets(assign)}
        return any(isinstance(each, ast.Name) and each.id in fresh for source in moved for each in ast.walk(source))

    @property
    def listed_tensor(self) -> bool:
        """Whether a tensor is made from a list, written there or kept under a name."""
        listed: set[str] | None = None
        for each in self._tensors:
            given = each.args[0]
            if isinstance(given, (ast.List, ast.ListComp)):
                return True
            if listed is None:
                values = (ast.List, ast.ListComp, ast.Name)
                listed = {name for node in self._assigned if isinstance(node.value, values) for name in _targets(node)}
            if isinstance(given, ast.Name) and given.id in listed:
                return True
        return False

    @property
    def stored_keys(self) -> set[str]:
        """Strings under which something is stored: ``environ["A"] = ...``, ``update("A", ...)``."""
        targets = (target for node in self._assigned for target in node.targets)
        slices = (target.slice for target in targets if isinstance(target, ast.Subscript))
        return self.keys | {str(each.value) for each in slices if isinstance(each, ast.Constant)}

    @property
    def stored_attributes(self) -> set[str]:
        """The attributes that are assigned: ``value`` for ``x.value = ...``."""
        targets = (target for node in self._assigned for target in node.targets)
        return {target.attr for target in targets if isinstance(target, ast.Attribute)}


_STORES = frozenset(("update", "setdefault", "putenv"))
_PLACES = frozenset(("to", "cuda", "device"))
_NOTED = frozenset(
    (
        ast.Call,
        ast.Assign,
        ast.ImportFrom,
        ast.Return,
        ast.For,
        ast.AsyncFor,
        ast.While,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
    )
)
_LEAVES = frozenset(
    (
        *(int, str, bytes, float, complex, bool, NoneType, EllipsisType),
        *(ast.Load, ast.Store, ast.Del, ast.Name, ast.Constant, ast.alias, ast.Import),
        *(ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal),
        *(each for base in (ast.operator, ast.unaryop, ast.boolop, ast.cmpop) for each in base.__subclasses__()),
    )
)
"""What holds no calls, loops or functions."""


def _is_library(root: str) -> bool:
    return root in LIBRARY_ROOTS or root in sys.stdlib_module_names


def _last(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _targets(node: ast.Assign) -> list[str]:
    return [each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)]


def _makes(node: ast.AST, makers: set[str] | frozenset[str]) -> bool:
    """Whether an expression holds a call that makes a tensor."""
    names = (_last(each.func) for each in ast.walk(node) if isinstance(each, ast.Call))
    return any(name in makers or _FACTORIES.match(name) for name in names)
