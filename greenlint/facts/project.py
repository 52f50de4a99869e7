"""The project around a file: what its imports lead to, and who imports it. Modules are read only when asked for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import libcst as cst

from greenlint.facts.modules import Modules
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.knowledge.signals import TEST_NAME

if TYPE_CHECKING:
    from greenlint.facts import Facts
    from greenlint.facts.calls import Call

__all__ = ["Definition", "Project"]

_REEXPORTS = 4
_LARGEST = 400_000
"""Characters; generated modules beyond this are not read for facts."""
_LIBRARY = 12
"""Code that more files than this mention is library code, whose callers are too many to speak for it."""
_REACHABLE = 40
"""How many project modules, nearest first, a question about everything a file imports may read."""


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
        self._sources = facts.sources
        self._path = facts.document.path
        self.folder = posixpath.dirname(facts.document.path)
        self._callers: dict[cst.FunctionDef, list[Call]] = {}

    # -- modules ----------------------------------------------------------------------------------------------

    def path_of(self, dotted: str) -> str | None:
        """The file of an imported module; ``dotted`` has leading dots when the import is relative."""
        memo = self._sources.shared()
        key = ("path", self.folder, dotted)
        if key not in memo:
            memo[key] = self._find(dotted)
        found = cast("str | None", memo[key])
        return self._find(dotted, but=self._path) if found == self._path else found

    def _find(self, dotted: str, but: str = "") -> str | None:
        """The file of a module as seen from this folder, other than ``but``."""
        if dotted.startswith("."):
            level = len(dotted) - len(dotted.lstrip("."))
            base = self.folder
            for _ in range(level - 1):
                base = posixpath.dirname(base)
            return self._existing(base, dotted[level:], but)
        base = self.folder
        while True:
            found = self._existing(base, dotted, but)
            if found is not None:
                return found
            if not base:
                return self._existing("src", dotted, but) or self._moved(dotted)
            base = posixpath.dirname(base)

    def _moved(self, dotted: str) -> str | None:
        """The one file of that name in the package, when the import names a folder of it that is not there."""
        package, _, rest = dotted.partition(".")
        name = rest.rpartition(".")[2]
        if not name or package not in self._top_folders():
            return None
        ending = f"/{name}.py"
        found = [
            path for path in self._sources.python_files() if path.endswith(ending) and path.startswith(f"{package}/")
        ]
        return found[0] if len(found) == 1 else None

    def _top_folders(self) -> set[str]:
        memo = self._sources.shared()
        if "top folders" not in memo:
            memo["top folders"] = {path.split("/")[0] for path in self._sources.python_files()}
        return cast("set[str]", memo["top folders"])

    def _existing(self, base: str, dotted: str, but: str) -> str | None:
        stem = posixpath.join(base, *dotted.split(".")) if dotted else base
        choices = (
            (f"{stem}.py", posixpath.join(stem, "__init__.py")) if dotted else (posixpath.join(stem, "__init__.py"),)
        )
        for path in choices:
            if path != but and self._sources.read(path) is not None:
                return path
        return None

    def module(self, dotted: str) -> Facts | None:
        """The facts of an imported project module."""
        path = self.path_of(dotted)
        return self.at(path) if path is not None else None

    def at(self, path: str) -> Facts | None:
        """The facts of the project file at ``path``; ``None`` when it cannot be read or parsed."""
        if path == self._facts.document.path:
            return self._facts
        modules = Modules.of(self._sources)
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
        resolved = names.resolve(expression)
        if resolved is not None:
            return self.named(resolved)
        if isinstance(expression, cst.Name) and names.star_imports and not names.reaching(expression):
            return self._from_star(expression.value, names)
        return None

    def _from_star(self, name: str, names: Names) -> Definition | None:
        for module in names.star_imports:
            found = self.named(f"{module}{name}" if module.endswith(".") else f"{module}.{name}")
            if found is not None:
                return found
        return None

    def named(self, resolved: str, depth: int = _REEXPORTS) -> Definition | None:
        """The function, class or method with this dotted name in the project."""
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

    # -- the other direction ----------------------------------------------------------------------------------

    def importing(self) -> list[str]:
        """The paths of the project files that import this one, also through a package that re-exports it."""
        memo = self._sources.shared()
        key = ("importing", self._facts.document.path)
        if key not in memo:
            memo[key] = list(self._find_importing())
        return cast("list[str]", memo[key])

    def importers(self, mentioning: str = "") -> list[Facts]:
        """The files that import this one and whose text holds ``mentioning``; only those are parsed."""
        paths = [path for path in self.importing() if mentioning in (self._sources.read(path) or "")]
        if len(paths) > _LIBRARY:
            return []
        every = [self.at(path) for path in paths]
        return [facts for facts in every if facts is not None]

    def _find_importing(self) -> Iterator[str]:
        here = self._facts.document.path
        seen = {here}
        for path in self._importing_directly(here):
            outer = self._importing_directly(path) if path.endswith("__init__.py") else []
            for each in (path, *outer):
                if each not in seen and len(seen) <= _REACHABLE:
                    seen.add(each)
                    yield each

    def _importing_directly(self, target: str) -> list[str]:
        folder, name = posixpath.split(target)
        stem = posixpath.splitext(name)[0]
        if stem == "__init__":
            stem = posixpath.basename(folder)
        if not stem or not stem.isidentifier():
            return []
        return [
            path for path in self._importing(stem) if target in self._imports_of(path, self._sources.read(path) or "")
        ]

    def _importing(self, stem: str) -> list[str]:
        """The files that name ``stem`` in an import, tests left out unless this is one."""
        here = self._facts.document.path
        tests_too = TEST_NAME.search(here) is not None
        paths = self._import_index().get(stem, ())
        return [path for path in paths if path != here and (tests_too or not TEST_NAME.search(path))][: 2 * _REACHABLE]

    def _import_index(self) -> dict[str, list[str]]:
        """The files of the project by each name in their imports."""
        memo = self._sources.shared()
        if "import index" not in memo:
            index: dict[str, list[str]] = {}
            for path in self._sources.python_files():
                for name in _imported_names(self._sources.read(path) or ""):
                    index.setdefault(name, []).append(path)
            memo["import index"] = index
        return cast("dict[str, list[str]]", memo["import index"])

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
        for other in self.importers(mentioning=name):
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

    def reachable(self) -> list[str]:
        """The paths of the project modules this file imports, directly and through others, nearest first."""
        memo = self._sources.shared()
        key = ("reachable", self._facts.document.path)
        if key not in memo:
            memo[key] = self._reach()
        return cast("list[str]", memo[key])

    def _reach(self) -> list[str]:
        seen: dict[str, None] = {}
        queue = [(self._facts.document.path, self._facts.document.text)]
        while queue and len(seen) < _REACHABLE:
            path, text = queue.pop(0)
            for target in self._imports_of(path, text):
                if target in seen or target == self._facts.document.path:
                    continue
                seen[target] = None
                queue.append((target, self._sources.read(target) or ""))
        return list(seen)

    def _imports_of(self, path: str, text: str) -> Iterator[str]:
        """The project files a module imports, from its text alone: parsing each would cost far more."""
        here = self if path == self._facts.document.path else _At(self, path)
        for match in _IMPORT.finditer(text):
            module, names = match.group(1), match.group(2)
            if module is None:
                for name in match.group(3).split(","):
                    found = here.path_of(name.split(" as ")[0].strip())
                    if found is not None:
                        yield found
                continue
            found = here.path_of(module)
            if found is not None:
                yield found
            for name in re.findall(r"\w+", names or ""):
                inner = here.path_of(f"{module}{name}" if module.endswith(".") else f"{module}.{name}")
                if inner is not None:
                    yield inner


_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n]*)|import[ \t]+([.\w, \t]+))", re.MULTILINE
)


_IMPORT_LINE = re.compile(r"^[ \t\"]*(?:from|import)[ \t]([^\n(]*(?:\([^)]*\))?)", re.MULTILINE)


def _imported_names(text: str) -> set[str]:
    """Every name in the imports of a text, notebooks' raw JSON included."""
    return {name for found in _IMPORT_LINE.finditer(text) for name in _NAME.findall(found.group(1))}


_NAME = re.compile(r"[^\W\d]\w*")


class _At:
    """Resolves module names as seen from another path, without that file's facts."""

    def __init__(self, project: Project, path: str) -> None:
        self._project, self.folder, self._path = project, posixpath.dirname(path), path

    def path_of(self, dotted: str) -> str | None:
        """As :meth:`Project.path_of`."""
        project = object.__new__(Project)
        project._facts, project._sources = self._project._facts, self._project._sources
        project._path, project.folder = self._path, self.folder
        return project.path_of(dotted) if dotted else None


def _find(module: Facts, name: str, depth: int) -> Definition | None:
    """``name`` at the top level of ``module``, through re-exports."""
    names = module[Names]
    bindings = names.module.bindings.get(name)
    if not bindings:
        for star in names.star_imports:
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
