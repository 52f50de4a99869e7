"""The project around a file: what its imports lead to, and who imports it. Modules are read only when asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.imports import Imports
from greenlint.facts.modules import Modules
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.sources import code_at
from greenlint.facts.tree import Tree

if TYPE_CHECKING:
    from greenlint.facts import Facts
    from greenlint.facts.calls import Call

__all__ = ["Definition", "Project"]

_REEXPORTS = 4
_LARGEST = 400_000
"""Characters; generated modules beyond this are not read for facts."""
_LIBRARY = 12
"""Code that more files than this mention is library code, whose callers are too many to speak for it."""
_LARGE = 400_000
"""Characters of importing files above which the same holds: to read them all would take seconds for each file."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class, in this file or another of the project."""

    facts: Facts
    node: cst.FunctionDef | cst.ClassDef

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name.value


class Project:
    """Other modules of the project, as seen from one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._imports = facts[Imports]
        self._sources = facts.sources
        self._callers: dict[cst.FunctionDef, list[Call]] = {}
        self._importers: dict[str | None, list[Facts]] = {}
        self._named: dict[str, Definition | None] = {}

    def may_define(self, name: str) -> bool:
        """Whether a function or method of this name is here or in another file that values may come from."""
        return name in self._functions or self._imports.may_define(name)

    def may_run(self, func: cst.BaseExpression) -> bool:
        """Whether what is called by an expression may be from the project; says no only where that is seen at once."""
        if type(func) is cst.Name or not self._is_alone:
            return True
        return type(func) is cst.Attribute and self.may_define(func.attr.value)

    @functools.cached_property
    def _is_alone(self) -> bool:
        return self._imports.is_alone

    @functools.cached_property
    def _functions(self) -> frozenset[str]:
        return frozenset(each.name.value for each in self._facts[Tree].of_type(cst.FunctionDef))

    # -- modules ----------------------------------------------------------------------------------------------

    def path_of(self, dotted: str) -> str | None:
        """The file of an imported module; ``dotted`` has leading dots when the import is relative."""
        return self._imports.path_of(dotted)

    def module(self, dotted: str) -> Facts | None:
        """The facts of an imported project module."""
        path = self.path_of(dotted)
        return self.at(path) if path is not None else None

    def at(self, path: str) -> Facts | None:
        """The facts of the project file at ``path``; ``None`` when it cannot be read or parsed."""
        if path == self._facts.document.path:
            return self._facts
        modules = Modules.of(self._sources)
        modules.ask(self._facts.document.path, path)
        if path not in modules:
            modules.put(path, self._load(path))
        return modules.get(path)

    def _load(self, path: str) -> Facts | None:
        from greenlint.facts import Facts
        from greenlint.reading import UnreadableError, parse

        text = self._sources.read(path)
        if text is None or len(text) > _LARGEST:
            return None
        try:
            document = parse(path, text.encode("utf-8", "surrogatepass")).document
        except UnreadableError:
            return None
        return None if document is None else Facts(document, self._sources, self._facts.settings)

    # -- definitions ------------------------------------------------------------------------------------------

    def definition(self, expression: cst.BaseExpression) -> Definition | None:
        """The one function or class that a name or dotted name stands for, here or in another module."""
        names = self._facts[Names]
        local = names.local_definitions(expression)
        if local:
            return Definition(self._facts, local[-1]) if len(set(local)) == 1 else None
        if self._is_alone:
            return None
        resolved = names.resolve(expression)
        if resolved is not None:
            return self.named(resolved)
        if isinstance(expression, cst.Name) and names.star_imports and not names.reaching(expression):
            return self._from_star(expression.value, names)
        return None

    def _from_star(self, name: str, names: Names) -> Definition | None:
        for module in reversed(names.star_imports):
            found = self.named(f"{module}{name}" if module.endswith(".") else f"{module}.{name}")
            if found is not None:
                return found
        return None

    def named(self, resolved: str, depth: int = _REEXPORTS) -> Definition | None:
        """The function, class or method with this dotted name in the project."""
        if depth != _REEXPORTS:
            return self._find(resolved, depth)
        if resolved not in self._named:
            self._named[resolved] = self._find(resolved, depth)
        return self._named[resolved]

    def _find(self, resolved: str, depth: int) -> Definition | None:
        head, _, name = resolved.rpartition(".")
        if resolved.startswith(".") and not head.strip("."):
            head = "." * (len(resolved) - len(resolved.lstrip(".")))
            name = resolved.lstrip(".")
        if not head or not depth:
            return None
        module = self.module(head)
        if module is None:
            return self._member(head, name, depth) if "." in head.strip(".") else None
        return _find(module, name, depth)

    def _member(self, head: str, name: str, depth: int) -> Definition | None:
        owner = self.named(head, depth - 1)
        if owner is None or not isinstance(owner.node, cst.ClassDef):
            return None
        return self.method(owner, name)

    def method(self, owner: Definition, name: str, depth: int = 4) -> Definition | None:
        """The method ``name`` of a class, looked up through base classes in the project."""
        if not isinstance(owner.node, cst.ClassDef):
            return None
        for statement in owner.node.body.body:
            if isinstance(statement, cst.FunctionDef) and statement.name.value == name:
                return Definition(owner.facts, statement)
        if not depth:
            return None
        for base in owner.node.bases:
            above = owner.facts[Project].definition(base.value)
            if above is not None and above.node is not owner.node:
                found = self.method(above, name, depth - 1)
                if found is not None:
                    return found
        return None

    def bases(self, owner: Definition, depth: int = 4) -> Iterator[str]:
        """The resolved names of all base classes outside the project, and the bare names that resolve to nothing."""
        if not isinstance(owner.node, cst.ClassDef) or not depth:
            return
        for base in owner.node.bases:
            above = owner.facts[Project].definition(base.value)
            if above is not None and above.node is not owner.node:
                yield from self.bases(above, depth - 1)
                continue
            resolved = owner.facts[Names].resolve(base.value)
            if resolved is not None:
                yield resolved

    def above(self, owner: Definition, depth: int = 4) -> Iterator[Definition]:
        """The classes of the project that a class is derived from."""
        if not isinstance(owner.node, cst.ClassDef) or not depth:
            return
        for base in owner.node.bases:
            above = owner.facts[Project].definition(base.value)
            if above is not None and above.node is not owner.node:
                yield above
                yield from self.above(above, depth - 1)

    # -- the other direction ----------------------------------------------------------------------------------

    def importers(self, calling: str | None = None) -> list[Facts]:
        """The files that import this one, or of them only those that call something of a name."""
        known = self._importers.get(calling)
        if known is None:
            known = self._importers[calling] = self._find_importers(calling)
        return known

    def _find_importers(self, calling: str | None) -> list[Facts]:
        paths = self._imports.importing()
        if calling is not None:
            paths = [path for path in paths if self._imports.calls_at(path, calling)]
        if len(paths) > _LIBRARY or sum(len(code_at(self._sources, path)) for path in paths) > _LARGE:
            return []
        every = [self.at(path) for path in paths]
        return [facts for facts in every if facts is not None]

    def callers(self, function: cst.FunctionDef) -> list[Call]:
        """The calls of a function or method of this file, here and in the files that import it."""
        known = self._callers.get(function)
        if known is None:
            known = self._callers[function] = self._find_callers(function)
        return known

    def _find_callers(self, function: cst.FunctionDef) -> list[Call]:
        from greenlint.facts.calls import Calls

        name = function.name.value
        if name == "__init__" or name == "__call__" or name == "forward":
            return []
        found = [call for call in self._facts[Calls].methods(name) if self._calls(self._facts, call, function)]
        for other in self.importers(name):
            found.extend(call for call in other[Calls].methods(name) if self._calls(other, call, function))
        return found

    def _calls(self, facts: Facts, call: Call, function: cst.FunctionDef) -> bool:
        tree = self._facts[Tree]
        if facts is self._facts and tree.contains(function, call.node):
            return False
        target = facts[Project].definition(call.node.func)
        if target is not None:
            return target.node is function
        owner = tree.class_of(function)
        if owner is None or not isinstance(call.node.func, cst.Attribute):
            return False
        from greenlint.facts.values import Values

        receiver = facts[Values].of(call.node.func.value)
        if receiver.instance_of is not None:
            found = self.method(receiver.instance_of, function.name.value)
            return found is not None and found.node is function
        return receiver.kind is None and receiver.call is None


def _find(module: Facts, name: str, depth: int) -> Definition | None:
    """``name`` at the top level of ``module``, through re-exports."""
    names = module[Names]
    bindings = names.module.bindings.get(name)
    if not bindings:
        for star in reversed(names.star_imports):
            if module[Project].path_of(star) is not None:
                found = module[Project].named(f"{star}{name}" if star.endswith(".") else f"{star}.{name}", depth - 1)
                if found is not None:
                    return found
        return None
    binding = bindings[-1]
    if isinstance(binding.node, (cst.FunctionDef, cst.ClassDef)):
        return Definition(module, binding.node)
    if binding.kind is BindingKind.IMPORT and binding.imported:
        return module[Project].named(binding.imported, depth - 1)
    if binding.kind is BindingKind.ASSIGN and isinstance(binding.value, cst.Name):
        return module[Project].definition(binding.value)
    return None
