"""The project as its import statements show it: which file a name leads to, and who imports whom. Text alone answers.

Importable without libcst.
"""

from __future__ import annotations

import functools
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from greenlint.facts.sources import code_at, forget_file, once
from greenlint.knowledge.signals import LIBRARY_ROOTS, TEST_NAME

if TYPE_CHECKING:
    from greenlint.facts.glance import Glance
    from greenlint.facts.sources import ProjectSources

__all__ = ["REACHABLE", "Imports", "forget_imports"]

REACHABLE = 40
"""How many project modules, nearest first, a question about everything a file imports may read."""


class Imports:
    """Imports of one file, and of the files around it."""

    of_text: ClassVar[bool] = True

    def __init__(self, glance: Glance) -> None:
        self._glance = glance
        self._sources = glance.sources
        self._path = glance.path

    # -- this file --------------------------------------------------------------------------------------------

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Every dotted name imported, with leading dots where relative: ``torch.nn.Linear``, ``.models.Net``."""
        return tuple(self._written)

    @functools.cached_property
    def stars(self) -> tuple[str, ...]:
        """The modules of which everything is imported."""
        return tuple(module for module, names in self._statements if names and "*" in names)

    @functools.cached_property
    def _statements(self) -> list[tuple[str, list[str] | None]]:
        return list(_statements(self._glance.code.text))

    @property
    def _written(self) -> Iterator[str]:
        for module, names in self._statements:
            if names is None:
                yield module
            for name in names or ():
                yield f"{module}{name}" if module.endswith(".") else f"{module}.{name}"

    # -- where a name leads -----------------------------------------------------------------------------------

    def path_of(self, dotted: str) -> str | None:
        """The file of an imported module; ``dotted`` has leading dots when the import is relative."""
        return _path_of(self._sources, self._path, dotted)

    def reachable(self) -> list[str]:
        """The paths of the project modules this file imports, directly and through others, nearest first."""
        memo = self._sources.shared()
        key = (Imports, "reachable", self._path)
        if key not in memo:
            memo[key] = self._reach()
        return cast("list[str]", memo[key])

    def _reach(self) -> list[str]:
        seen: dict[str, None] = {}
        queue = [*_targets_in(self._sources, self._path, self._glance.text)]
        while queue and len(seen) < REACHABLE:
            target = queue.pop(0)
            if target in seen or target == self._path:
                continue
            seen[target] = None
            queue.extend(_targets(self._sources, target))
        return list(seen)

    def roots_of(self, path: str) -> frozenset[str]:
        """The root packages that a project file imports."""
        return once(self._sources, path, _roots_in, lambda: _roots_in(code_at(self._sources, path)))

    def calls_at(self, path: str, name: str) -> bool:
        """Whether the code of a project file calls, renames or completes (``partial``) something of a name."""
        return name in once(self._sources, path, _calls_in, lambda: _calls_in(code_at(self._sources, path)))

    # -- the other direction ----------------------------------------------------------------------------------

    def importing(self) -> list[str]:
        """The paths of the project files that import this one, also through a package that re-exports it."""
        memo = self._sources.shared()
        key = (Imports, "importing", self._path)
        if key not in memo:
            memo[key] = list(self._find_importing())
        return cast("list[str]", memo[key])

    def gives(self, name: str) -> bool:
        """Whether another project file may take a name from this one: by name, as an attribute, or with all others."""
        stem = posixpath.splitext(posixpath.basename(self._path))[0]
        attribute = re.compile(rf"\b{re.escape(stem)}\.{name}\b")
        return any(
            attribute.search(text)
            or any(
                names and {"*", name} & {*names}
                for module, names in _statements(text)
                if module.rpartition(".")[2] == stem
            )
            for text in (code_at(self._sources, path) for path in self.importing())
        )

    # -- what the others hold -----------------------------------------------------------------------------------

    @property
    def is_alone(self) -> bool:
        """Whether this file neither imports others of the project nor is imported by any."""
        return not self.reachable() and not self.importing()

    def may_define(self, name: str) -> bool:
        """Whether another project file, of those that values may come from, has a function or method of this name."""
        return not self.is_alone and (name in self._functions or name in self._reachable_functions)

    @property
    def _reachable_functions(self) -> frozenset[str]:
        """The names of functions and methods in files that this one imports, be they listed or not."""
        memo = self._sources.shared()
        key = (Imports, _functions_in, self._path)
        if key not in memo:
            memo[key] = _functions_of(self._sources, self.reachable())
        return cast("frozenset[str]", memo[key])

    @property
    def _functions(self) -> frozenset[str]:
        """The names of all functions and methods in the files that are listed."""
        memo = self._sources.shared()
        key = (Imports, _functions_in)
        if key not in memo:
            memo[key] = _functions_of(self._sources, self._sources.python_files())
        return cast("frozenset[str]", memo[key])

    def _find_importing(self) -> Iterator[str]:
        seen = {self._path}
        for path in self._importing_directly(self._path):
            outer = self._importing_directly(path) if path.endswith("__init__.py") else []
            for each in (path, *outer):
                if each not in seen and len(seen) <= REACHABLE:
                    seen.add(each)
                    yield each

    def _importing_directly(self, target: str) -> list[str]:
        folder, name = posixpath.split(target)
        stem = posixpath.splitext(name)[0]
        if stem == "__init__":
            stem = posixpath.basename(folder)
        if not stem or not stem.isidentifier():
            return []
        return [path for path in self._naming(stem) if target in _targets(self._sources, path)]

    def _naming(self, stem: str) -> list[str]:
        """The files that name ``stem`` in an import, tests left out unless this is one."""
        tests_too = TEST_NAME.search(self._path) is not None
        paths = self._index.get(stem, ())
        found = [path for path in paths if path != self._path and (tests_too or not TEST_NAME.search(path))]
        return found[: 2 * REACHABLE]

    @property
    def _index(self) -> dict[str, list[str]]:
        """The files of the project by each name in their imports."""
        memo = self._sources.shared()
        key = (Imports, "index")
        if key not in memo:
            index: dict[str, list[str]] = {}
            for path in self._sources.python_files():
                for name in _names_at(self._sources, path):
                    index.setdefault(name, []).append(path)
            memo[key] = index
        return cast("dict[str, list[str]]", memo[key])


def forget_imports(sources: ProjectSources, path: str, before: str, after: str) -> None:
    """Forget what rests on the old text of a file: all that is known of imports only if those have changed.

    ``before`` and ``after`` are the statements that were exchanged.
    """
    forget_file(sources, path)
    memo = sources.shared()
    if list(_statements(before)) != list(_statements(after)):
        gone = [key for key in memo if isinstance(key, tuple) and key[0] is Imports]
    elif _functions_in(before) != _functions_in(after):
        gone = [key for key in memo if isinstance(key, tuple) and key[:2] == (Imports, _functions_in)]
    else:
        return
    for key in gone:
        del memo[key]


# -- statements ---------------------------------------------------------------------------------------------------

_STATEMENT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.+(?=import\b)|[.\w]+(?=[ \t]))[ \t]*import[ \t]*(\([^)]*\)|[^\n]*)"
    r"|import[ \t]+([.\w, \t]+))",
    re.MULTILINE,
)
_CONTINUED = re.compile(r"\\\r?\n")
_RENAMING = re.compile(r"[ \t]+as[ \t]+\w+")
_COMMENT = re.compile(r"#[^\n]*")
_LINE = re.compile(r"(?:^|\"|\\n)[ \t]*(?:from|import)[ \t]([^\n(]*(?:\([^)]*\))?)", re.MULTILINE)
_NAME = re.compile(r"[^\W\d]\w*")
_CALLED = re.compile(r"(?<!\w)([^\W\d]\w*)\s*(?:\(|\bas\b)")
_COMPLETED = re.compile(r"\bpartial\(\s*([^\W\d]\w*)")
_FUNCTION = re.compile(r"\bdef(?:[ \t\f]|\\\r?\n)+(\w+)")


def _statements(text: str) -> Iterator[tuple[str, list[str] | None]]:
    """The modules imported in a text, each with the names taken from it; ``None`` for the module itself."""
    for match in _STATEMENT.finditer(_CONTINUED.sub(" ", text)):
        module, names = match.group(1), match.group(2)
        if module is not None:
            written = _RENAMING.sub("", _COMMENT.sub("", names or ""))
            yield module, re.findall(r"\w+|\*", written)
            continue
        for name in match.group(3).split(","):
            bare = _RENAMING.sub("", name).strip()
            if bare:
                yield bare, None


def _names_in(text: str) -> set[str]:
    """Every name in the imports of a text, notebooks' raw JSON included."""
    return {name for found in _LINE.finditer(_CONTINUED.sub(" ", text)) for name in _NAME.findall(found.group(1))}


def _functions_in(text: str) -> frozenset[str]:
    """The names of the functions and methods in a text, notebooks' raw JSON included."""
    return frozenset(_FUNCTION.findall(text))


def _roots_in(text: str) -> frozenset[str]:
    """The root packages that a text imports."""
    return frozenset(module.partition(".")[0] for module, _ in _statements(text))


def _calls_in(text: str) -> frozenset[str]:
    """The names that a text calls, renames or completes."""
    return frozenset((*_CALLED.findall(text), *_COMPLETED.findall(text)))


def _names_at(sources: ProjectSources, path: str) -> set[str]:
    return once(sources, path, _names_in, lambda: _names_in(sources.read(path) or ""))


def _functions_at(sources: ProjectSources, path: str) -> frozenset[str]:
    return once(sources, path, _functions_in, lambda: _functions_in(sources.read(path) or ""))


def _functions_of(sources: ProjectSources, paths: Iterable[str]) -> frozenset[str]:
    """The names of the functions and methods of project files."""
    return frozenset[str]().union(*(_functions_at(sources, path) for path in paths))


def _targets(sources: ProjectSources, path: str) -> tuple[str, ...]:
    """The project files that the one at ``path`` imports."""
    memo = sources.shared()
    key = (Imports, "targets", path)
    if key not in memo:
        memo[key] = tuple(dict.fromkeys(_targets_in(sources, path, code_at(sources, path))))
    return cast("tuple[str, ...]", memo[key])


def _targets_in(sources: ProjectSources, path: str, text: str) -> Iterator[str]:
    for module, names in _statements(text):
        found = _path_of(sources, path, module)
        if found is not None:
            yield found
        for name in names or ():
            inner = _path_of(sources, path, f"{module}{name}" if module.endswith(".") else f"{module}.{name}")
            if inner is not None:
                yield inner


# -- files --------------------------------------------------------------------------------------------------------


def _path_of(sources: ProjectSources, path: str, dotted: str) -> str | None:
    """The file that ``dotted`` means in the module at ``path``, which is never that module itself."""
    memo = sources.shared()
    folder = posixpath.dirname(path)
    key = (Imports, "path", folder, dotted)
    if key not in memo:
        memo[key] = _find(sources, folder, dotted)
    found = cast("str | None", memo[key])
    return _find(sources, folder, dotted, but=path) if found == path else found


def _find(sources: ProjectSources, folder: str, dotted: str, but: str = "") -> str | None:
    if dotted.startswith("."):
        level = len(dotted) - len(dotted.lstrip("."))
        base = folder
        for _ in range(level - 1):
            base = posixpath.dirname(base)
        return _existing(sources, base, dotted[level:], but)
    if _is_library(sources, dotted.partition(".")[0]):
        return None
    base = folder
    while True:
        found = _existing(sources, base, dotted, but)
        if found is not None:
            return found
        if not base:
            return _existing(sources, "src", dotted, but) or _moved(sources, dotted)
        base = posixpath.dirname(base)


def _existing(sources: ProjectSources, base: str, dotted: str, but: str) -> str | None:
    stem = posixpath.join(base, *dotted.split(".")) if dotted else base
    package = posixpath.join(stem, "__init__.py")
    for path in (f"{stem}.py", package) if dotted else (package,):
        if path != but and sources.read(path) is not None:
            return path
    return None


def _moved(sources: ProjectSources, dotted: str) -> str | None:
    """The one file of that name in the package, when the import names a folder of it that is not there."""
    package, _, rest = dotted.partition(".")
    name = rest.rpartition(".")[2]
    found = [path for path in _by_stem(sources).get(name, ()) if path.startswith(f"{package}/")]
    return found[0] if len(found) == 1 else None


def _by_stem(sources: ProjectSources) -> dict[str, list[str]]:
    """The modules of the project by name."""
    memo = sources.shared()
    key = (Imports, "stems")
    if key not in memo:
        stems: dict[str, list[str]] = {}
        for path in sources.python_files():
            if path.endswith(".py"):
                stems.setdefault(posixpath.basename(path)[:-3], []).append(path)
        memo[key] = stems
    return cast("dict[str, list[str]]", memo[key])


def _is_library(sources: ProjectSources, root: str) -> bool:
    """Whether a module of this name is no part of the project: a known library that no file or folder is named like."""
    memo = sources.shared()
    key = (Imports, "parts")
    if key not in memo:
        folders = {part for path in sources.python_files() for part in path.split("/")[:-1]}
        memo[key] = folders.union(_by_stem(sources))
    return root not in cast("set[str]", memo[key]) and (root in LIBRARY_ROOTS or root in sys.stdlib_module_names)
