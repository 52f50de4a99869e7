"""What Python's own parser shows of a file for a tenth of the price of its full tree: the second gate.

Importable without libcst.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

__all__ = ["Outline"]

_FACTORIES = re.compile(
    r"^(?:zeros|ones|empty|full|eye|arange|linspace|logspace|rand\w*|normal|tensor|as_tensor|from_numpy|\w*Tensor|array)"
    r"(?:_like)?$"
)
_SPREADS = ("product", "ParameterGrid", "ParameterSampler")


@dataclass(slots=True)
class Outline:
    """Calls and loops of one file."""

    calls: set[str] = field(default_factory=set)
    """The last names of everything called: ``to`` for ``x.to(device)``."""
    nested_calls: set[str] = field(default_factory=set)
    """Those inside two ``for`` loops of one function, or one over a product of lists."""
    looping_functions: set[str] = field(default_factory=set)
    """Functions with a ``for`` loop in them."""
    iterated: set[str] = field(default_factory=set)
    """Names that stand in what a ``for`` loop runs over, in lower case."""
    moves_factory: bool = False
    """Whether ``.to(...)`` or ``.cuda(...)`` is called on a fresh tensor, or on a name that was assigned one."""
    listed_tensor: bool = False
    """Whether a tensor is made from a list or a name."""

    @classmethod
    def of(cls, tree: ast.AST) -> Outline:
        """The outline of a module parsed by :mod:`ast`."""
        outline = cls()
        fresh: set[str] = set()
        moved: set[str] = set()
        makers = _makers(tree)
        stack: list[tuple[ast.AST, int, str]] = [(tree, 0, "")]
        while stack:
            node, depth, function = stack.pop()
            if isinstance(node, ast.Call):
                outline._call(node, depth, moved, makers)
            elif isinstance(node, ast.Assign):
                if _makes(node.value, makers):
                    fresh.update(
                        each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
                    )
            elif isinstance(node, ast.While):
                outline.looping_functions.add(function)
            elif isinstance(node, (ast.For, ast.AsyncFor)):
                outline._loop(node, function)
                depth += 2 if _spreads(node.iter) else 1
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                depth, function = 0, node.name
            stack.extend((child, depth, function) for child in ast.iter_child_nodes(node))
        outline.moves_factory = outline.moves_factory or bool(fresh & moved)
        return outline

    def _call(self, node: ast.Call, depth: int, moved: set[str], makers: set[str]) -> None:
        name = _last(node.func)
        self.calls.add(name)
        if depth >= 2:
            self.nested_calls.add(name)
        if name in ("to", "cuda") and isinstance(node.func, ast.Attribute):
            self.moves_factory = self.moves_factory or _makes(node.func.value, makers)
            moved.update(each.id for each in ast.walk(node.func.value) if isinstance(each, ast.Name))
        elif name.lower().endswith("tensor") and node.args:
            self.listed_tensor = self.listed_tensor or isinstance(node.args[0], (ast.List, ast.ListComp, ast.Name))

    def _loop(self, node: ast.For | ast.AsyncFor, function: str) -> None:
        if function:
            self.looping_functions.add(function)
        for each in ast.walk(node.iter):
            if isinstance(each, ast.Name):
                self.iterated.add(each.id.lower())
            elif isinstance(each, ast.Attribute):
                self.iterated.add(each.attr.lower())


def _last(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _makes(node: ast.AST, makers: set[str]) -> bool:
    """Whether an expression holds a call that makes a tensor."""
    names = (_last(each.func) for each in ast.walk(node) if isinstance(each, ast.Call))
    return any(name in makers or _FACTORIES.match(name) for name in names)


def _makers(tree: ast.AST) -> set[str]:
    """The functions of the file that return a fresh tensor."""
    return {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(each, ast.Return) and each.value is not None and _makes(each.value, set())
            for each in ast.walk(function)
        )
    }


def _spreads(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Call) and _last(each.func) in _SPREADS for each in ast.walk(node))
