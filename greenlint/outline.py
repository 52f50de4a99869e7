"""What Python's own parser shows of a file for a tenth of the price of its full tree: the second gate.

Importable without libcst.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from types import EllipsisType, NoneType

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
    texts: set[str] = field(default_factory=set)
    """Strings given to ``to`` and ``device``."""
    _moves: list[ast.Call] = field(default_factory=list)
    _tensors: list[ast.Call] = field(default_factory=list)
    _assigned: list[ast.Assign] = field(default_factory=list)
    _returned: list[tuple[str, ast.expr]] = field(default_factory=list)

    @classmethod
    def of(cls, tree: ast.AST) -> Outline:
        """The outline of a module parsed by :mod:`ast`."""
        outline = cls()
        outline._walk(tree)
        return outline

    def _walk(self, tree: ast.AST) -> None:
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
            self._call(node, loops)
        elif isinstance(node, ast.Assign):
            self._assigned.append(node)
        elif isinstance(node, ast.Return):
            if node.value is not None:
                self._returned.append((function, node.value))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._loop(node, function)
            return loops + (2 if _spreads(node.iter) else 1), function
        elif isinstance(node, ast.While):
            self.looping_functions.add(function)
            # A loop, but none that sweeps settings.
            return loops or 1, function
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.functions.add(node.name)
            return 0, node.name
        return loops, function

    def _call(self, node: ast.Call, loops: int) -> None:
        name = _last(node.func)
        self.calls.add(name)
        if loops:
            self.looped_calls.add(name)
            if loops >= 2:
                self.nested_calls.add(name)
        if name in _PLACES:
            self.texts.update(
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
            self._moves.append(node)
        elif name.endswith("ensor") and node.args:
            self._tensors.append(node)

    def _loop(self, node: ast.For | ast.AsyncFor, function: str) -> None:
        if function:
            self.looping_functions.add(function)
        for each in ast.walk(node.iter):
            if isinstance(each, ast.Name):
                self.iterated.add(each.id.lower())
            elif isinstance(each, ast.Attribute):
                self.iterated.add(each.attr.lower())

    @property
    def moves_factory(self) -> bool:
        """Whether ``.to(...)`` or ``.cuda(...)`` is called on a fresh tensor, or on a name that was assigned one."""
        makers = {function for function, value in self._returned if _makes(value, frozenset())}
        fresh: set[str] | None = None
        for move in self._moves:
            if not isinstance(move.func, ast.Attribute):
                continue
            if _makes(move.func.value, makers):
                return True
            if fresh is None:
                fresh = {name for assign in self._assigned if _makes(assign.value, makers) for name in _targets(assign)}
            if any(isinstance(each, ast.Name) and each.id in fresh for each in ast.walk(move.func.value)):
                return True
        return False

    @property
    def listed_tensor(self) -> bool:
        """Whether a tensor is made from a list or a name."""
        return any(isinstance(each.args[0], (ast.List, ast.ListComp, ast.Name)) for each in self._tensors)


_PLACES = frozenset(("to", "cuda", "device"))
_NOTED = frozenset(
    (
        ast.Call,
        ast.Assign,
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
        *(ast.Load, ast.Store, ast.Del, ast.Name, ast.Constant, ast.alias, ast.Import, ast.ImportFrom),
        *(ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal),
        *(each for base in (ast.operator, ast.unaryop, ast.boolop, ast.cmpop) for each in base.__subclasses__()),
    )
)
"""What holds no calls, loops or functions."""


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


def _spreads(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Call) and _last(each.func) in _SPREADS for each in ast.walk(node))
