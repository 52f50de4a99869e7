"""Whether the data sets of one file can be sent to worker processes."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Workers"]

_HANDLES = frozenset(
    ("h5py", "lmdb", "sqlite3", "zipfile", "tarfile", "netCDF4", "rasterio", "decord", "IterableDataset", "openslide")
)
"""Names of what cannot be sent to another process, or may not be read by several."""
_OPENS = frozenset(("open", "File", "connect", "Lock", "RLock", "VideoCapture", "imopen", "from_pretrained"))
_BASE = re.compile(
    r"torch\.utils\.data\.(?:dataset\.)?Dataset$|torchvision\.datasets\.|builtins\.object$|abc\.ABC$|typing\.Generic$"
)
"""Classes that hold nothing but paths, or nothing."""
_DEPTH = 6


class Workers:
    """What a process that loads data would be given, and what it would run, of one file."""

    def __init__(self, facts: Facts) -> None:
        self._document = facts.document
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._project = facts[Project]
        self._tree = facts[Tree]
        self._values = facts[Values]

    @functools.cached_property
    def guards(self) -> tuple[cst.If, ...]:
        """The tests for being the program that was started, at the top of the file."""
        return tuple(each for each in self._document.tree.body if isinstance(each, cst.If) and self._asks(each))

    def _asks(self, test: cst.If) -> bool:
        return self._document.source(test.test).replace("'", '"') == '__name__ == "__main__"'

    @functools.cached_property
    def runs_on_import(self) -> bool:
        """Whether importing the file runs a function of it, outside its guards."""
        body = self._document.tree.body
        functions = {each.name.value for each in body if isinstance(each, cst.FunctionDef)}
        others = [
            each for each in body if each not in self.guards and not isinstance(each, cst.FunctionDef | cst.ClassDef)
        ]
        return any(inner.method in functions for each in others for inner in self._calls.within(each))

    # -- what is sent -------------------------------------------------------------------------------------------

    def sends(self, node: cst.BaseExpression) -> bool:
        """Whether what an expression gives can be sent to worker processes.

        Nothing in it is on a device, opened, or defined where a worker cannot import it; a notebook it cannot import.
        """
        return self._sends(node, _DEPTH)

    def _sends(self, node: cst.BaseExpression, depth: int) -> bool:
        if not depth or node not in self._tree or self._has_handles:
            return False
        for each in self._tree.walk(node):
            if isinstance(each, cst.Lambda):
                return False
            if isinstance(each, cst.Call) and not self._call_sends(self._calls.of(each)):
                return False
            if isinstance(each, cst.Name) and self._is_read(each) and not self._name_sends(each, depth):
                return False
        return True

    def _is_read(self, node: cst.Name) -> bool:
        above = self._tree.parent(node)
        if isinstance(above, cst.Attribute):
            return above.attr is not node
        return not (isinstance(above, cst.Arg) and above.keyword is node)

    def _name_sends(self, node: cst.Name, depth: int) -> bool:
        bindings = self._names.reaching(node)
        if not bindings:
            return self._names.resolve(node) is not None or not self._defines_in_functions
        return all(self._binding_sends(each, depth) for each in bindings)

    def _binding_sends(self, binding: Binding, depth: int) -> bool:
        if binding.kind is BindingKind.IMPORT:
            return True
        if binding.kind in (BindingKind.FUNCTION, BindingKind.CLASS):
            return self._tree.function(binding.node) is None and not self._document.is_notebook
        if binding.kind is BindingKind.ASSIGN and binding.value is not None:
            return self._sends(binding.value, depth - 1)
        if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
            given = self._values.arguments_for(binding.scope.node, binding.name)
            if given:
                return all(each.node and each.facts[Workers]._sends(each.node, depth - 1) for each in given)
        return not self._defines_in_functions

    def _call_sends(self, call: Call) -> bool:
        if call.method in ("to", "cuda") or call.method in _OPENS - {"from_pretrained"}:
            return False
        definition = self._project.definition(call.node.func)
        if definition is None:
            return True
        return not isinstance(definition.node, cst.ClassDef) or definition.facts[Workers].keeps_nothing(definition)

    def keeps_nothing(self, definition: Definition) -> bool:
        """Whether a data set of this class, of this file, keeps nothing that stays in its process."""
        node = definition.node
        if not isinstance(node, cst.ClassDef) or self._tree.function(node) is not None or self._has_handles:
            return False
        is_data = self._project.method(definition, "__getitem__") is not None
        if is_data and not self._are_plain(definition):
            return False
        return self._project.method(definition, "__iter__") is None and self._holds_no_state(node)

    def _is_plain(self, base: cst.BaseExpression, below: Definition) -> bool:
        """Whether a base class holds nothing but paths: one of PyTorch and torchvision, or a class derived from it."""
        while isinstance(base, cst.Subscript):
            base = base.value
        above = self._project.definition(base)
        if above is not None:
            workers = above.facts[Workers]
            return above.node is not below.node and workers.keeps_nothing(above) and workers._are_plain(above)
        return _BASE.match(self._names.resolve(base) or "") is not None

    def _are_plain(self, definition: Definition) -> bool:
        node = definition.node
        return isinstance(node, cst.ClassDef) and all(self._is_plain(each.value, definition) for each in node.bases)

    def _holds_no_state(self, definition: cst.ClassDef) -> bool:
        """Whether a class opens nothing that it keeps, moves nothing, and changes itself only when it is made."""
        tree, calls = self._tree, self._calls
        if any(each.method in ("to", "cuda") for each in calls.within(definition)):
            return False
        # What a method defines cannot be pickled.
        if any(tree.function(each) is not None for each in tree.below(definition, cst.FunctionDef, cst.ClassDef)):
            return False
        assignments: list[cst.Assign | cst.AugAssign | cst.AnnAssign] = [
            *tree.below(definition, cst.Assign),
            *tree.below(definition, cst.AugAssign),
            *tree.below(definition, cst.AnnAssign),
        ]
        for each in assignments:
            targets = [one.target for one in each.targets] if isinstance(each, cst.Assign) else [each.target]
            if not any(isinstance(one, cst.Attribute | cst.Subscript) for one in targets):
                continue
            function = tree.function(each)
            if function is None or function.name.value != "__init__":
                return False
            if each.value is None:
                continue
            if any(one.method in _OPENS for one in calls.within(each)) or any(tree.below(each.value, cst.Lambda)):
                return False
            if isinstance(each.value, cst.Lambda):
                return False
        return True

    @functools.cached_property
    def _has_handles(self) -> bool:
        return any(map(self._tree.named, _HANDLES))

    @functools.cached_property
    def _defines_in_functions(self) -> bool:
        """Whether there is a lambda, function or class in the file that cannot be pickled."""
        if self._tree.of_type(cst.Lambda):
            return True
        return any(self._tree.function(each) is not None for each in self._tree.of_type(cst.FunctionDef, cst.ClassDef))
