"""Whether the data sets of one file can be sent to worker processes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Calls
from greenlint.facts.tree import Tree

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Workers"]

_HANDLES = frozenset(
    ("h5py", "lmdb", "sqlite3", "zipfile", "tarfile", "netCDF4", "rasterio", "decord", "IterableDataset", "openslide")
)
"""Names of what cannot be sent to another process, or may not be read by several."""
_OPENS = frozenset(("open", "File", "connect", "Lock", "RLock", "VideoCapture", "imopen", "from_pretrained"))
_BASES = frozenset(("Dataset", "VisionDataset", "DatasetFolder", "ImageFolder"))
"""Classes of PyTorch and torchvision that hold nothing but paths."""


class Workers:
    """What a process that loads data would be given, and what it would run, of one file."""

    def __init__(self, facts: Facts) -> None:
        self._document = facts.document
        self._calls = facts[Calls]
        self._tree = facts[Tree]

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

    @functools.cached_property
    def can_be_sent(self) -> bool:
        """Whether nothing in the file is known to stay in its process, and its classes hold nothing that is."""
        if self._tree.of_type(cst.Lambda) or any(each.value in _HANDLES for each in self._tree.of_type(cst.Name)):
            return False
        # What is defined in a function cannot be pickled.
        definitions = self._tree.of_type(cst.FunctionDef, cst.ClassDef)
        if any(self._tree.function(each) is not None for each in definitions):
            return False
        return all(map(self._holds_no_state, self.classes.values()))

    @functools.cached_property
    def classes(self) -> dict[str, cst.ClassDef]:
        """The classes at the top of the file."""
        return {each.name.value: each for each in self._document.tree.body if isinstance(each, cst.ClassDef)}

    def _holds_no_state(self, definition: cst.ClassDef) -> bool:
        """Whether a class opens nothing that it keeps, moves nothing, and changes itself only when it is made."""
        tree, calls = self._tree, self._calls
        methods = {each.name.value: each for each in tree.below(definition, cst.FunctionDef)}
        if "__getitem__" not in methods:
            return "__iter__" not in methods
        if any(self._document.source(each.value).rpartition(".")[2] not in _BASES for each in definition.bases):
            return False
        if "__iter__" in methods or any(each.method in ("to", "cuda") for each in calls.within(definition)):
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
            if each.value is not None and any(one.method in _OPENS for one in calls.within(each)):
                return False
        return True
