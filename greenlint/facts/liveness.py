"""Which functions and classes of a program never run, as far as names and calls show it."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Calls
from greenlint.facts.imports import Imports
from greenlint.facts.project import Project
from greenlint.facts.sources import code_at
from greenlint.facts.tree import Tree
from greenlint.facts.trials import Trials
from greenlint.knowledge.signal import signal

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Liveness"]

_BY_NAME = signal("globals Fire eval __dict__", r"\bglobals\(\)|\bFire\(|(?<![.\w])eval\(|\b__dict__\b")
"""How a module gets at its own classes without naming them."""
_IS_SCRIPT = re.compile(r"^if __name__ ?== ?[\"']__main__[\"']", re.MULTILINE)


def _is_named_again(name: str, text: str) -> bool:
    """Whether a name stands in a text more than once."""
    return text.count(name) > 1 and len(re.findall(rf"\b{name}\b", text)) > 1


class Liveness:
    """Dead code of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._sources = facts.sources
        self._tree = facts[Tree]
        self._unused: dict[cst.ClassDef | cst.FunctionDef, bool] = {}

    # -- by the names in the whole program ----------------------------------------------------------------------

    def unused(self, owner: cst.ClassDef | cst.FunctionDef) -> bool:
        """Whether a class or function at the top of this file is certainly dead code: no part of a program names it.

        Other files must use this one, or it must be a script. What others install is never unused.
        """
        known = self._unused.get(owner)
        if known is None:
            known = self._unused[owner] = self._is_unused(owner)
        return known

    def _is_unused(self, owner: cst.ClassDef | cst.FunctionDef) -> bool:
        name, own = owner.name.value, self._facts.document.text
        if owner.decorators or _is_named_again(name, own) or self._gets_by_name:
            return False
        if {"setup.py", "setup.cfg", "pyproject.toml"} & {*self._sources.python_files(), *self._sources.config_files()}:
            return False
        texts = [code_at(self._sources, path) for path in self._facts[Imports].importing()]
        stem = re.escape(self._facts.document.path.rpartition("/")[2].partition(".")[0])
        # Who has the module, or everything in it, may reach a class without naming it.
        whole = re.compile(
            rf"^\s*import\b.*\b{stem}\b|\bimport\b.*\b{stem}\s*(?:,|as\b|$)|\b{stem}\s+import\s*\*", re.M
        )
        return bool(texts or _IS_SCRIPT.search(own)) and not any(name in text or whole.search(text) for text in texts)

    @functools.cached_property
    def _gets_by_name(self) -> bool:
        """Whether the file gets at its own classes without naming them."""
        words, text = self._facts.glance.words, self._facts.document.text
        return any(each in words for each in _BY_NAME.words) and _BY_NAME.pattern.search(text) is not None

    # -- by the calls of the project ----------------------------------------------------------------------------

    def never_called(self, node: cst.CSTNode) -> bool:
        """Whether ``node`` stands in a function that nothing in the project names while other code runs."""
        function = self._tree.function(node)
        if function is None or function.decorators or self._tree.class_of(function) is not None:
            return False
        around = self._tree.function(function)
        if around is not None and self.never_called(around):
            return True
        return self.never_named(function) and self._runs_by_itself(around)

    def never_named(self, function: cst.FunctionDef) -> bool:
        """Whether a plain function is named nowhere in its file, and called by no file that imports it."""
        if function.decorators or self._tree.class_of(function) is not None:
            return False
        name = function.name.value
        if any(each is not function.name for each in self._tree.named(name)):
            return False
        return not self._facts[Project].callers(function)

    def _runs_by_itself(self, block: cst.FunctionDef | None) -> bool:
        """Whether code of a function's own, or at the top level of a script or notebook, trains something."""
        calls, trials = self._facts[Calls], self._facts[Trials]
        for call in calls.methods("fit", "train", "fit_generator", "main", "run"):
            if self._tree.function(call.node) is block:
                return True
        return any(trials.training(call) is not None for call in calls.all if self._tree.function(call.node) is block)
