"""The only window of the facts onto the world outside one file. Importable without libcst.

The runner hands in an implementation that reads the disk, an editor one that serves unsaved buffers, a test one that
serves a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

__all__ = ["EMPTY_PROJECT", "DictSources", "ProjectSources", "RunSettings", "code_at", "forget_file", "once", "told"]

T = TypeVar("T")


class ProjectSources(Protocol):
    """Read access to the project around a file. Paths are POSIX, relative to the project root."""

    def read(self, path: str) -> str | None:
        """The text of a file (a notebook's raw JSON), or ``None`` when there is no such readable file."""

    def python_files(self) -> Sequence[str]:
        """Every ``.py`` file and notebook of the project, excluded ones left out; empty when not known."""

    def config_files(self) -> Sequence[str]:
        """YAML, JSON, TOML, requirement and shell files of the project; empty when not known."""

    def shared(self) -> dict[object, object]:
        """A memo shared by all files that one process checks with these sources (facts of other modules, indices)."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings of the run that facts may ask for."""

    hardware: str = "auto"
    """What the code will run on: ``auto`` (not known), ``gpu``, ``cpu``; ``detect`` is resolved by the runner."""
    accelerators: tuple[str, ...] = ()
    """Accelerators found on this machine with ``hardware = "detect"``, as people name them."""
    python_version: tuple[int, int] | None = None


@dataclass(slots=True)
class DictSources:
    """Sources from a dictionary: for tests, examples and text from standard input."""

    files: Mapping[str, str] = field(default_factory=dict)
    memo: dict[object, object] = field(default_factory=dict)

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def python_files(self) -> Sequence[str]:
        return [path for path in self.files if path.endswith((".py", ".ipynb"))]

    def config_files(self) -> Sequence[str]:
        return [path for path in self.files if not path.endswith((".py", ".ipynb"))]

    def shared(self) -> dict[object, object]:
        return self.memo


class _Empty:
    """No project: every question is answered with nothing, and nothing is kept."""

    def read(self, path: str) -> str | None:
        return None

    def python_files(self) -> Sequence[str]:
        return ()

    def config_files(self) -> Sequence[str]:
        return ()

    def shared(self) -> dict[object, object]:
        return {}


EMPTY_PROJECT: ProjectSources = _Empty()


def code_at(sources: ProjectSources, path: str) -> str:
    """The code of a project file, of a notebook that of its cells joined; empty when it cannot be read."""
    text = sources.read(path) or ""
    if not path.endswith(".ipynb"):
        return text
    return once(sources, path, code_at, lambda: _code_of_notebook(text))


def told(sources: ProjectSources) -> dict[str, dict[object, object]]:
    """What the texts of project files tell, each by itself, by path."""
    return cast("dict[str, dict[object, object]]", sources.shared().setdefault(told, {}))


def once(sources: ProjectSources, path: str, what: object, find: Callable[[], T]) -> T:
    """What the text of one project file alone tells: found once, and known until that is another."""
    known = told(sources).setdefault(path, {})
    if what not in known:
        known[what] = find()
    return cast("T", known[what])


def forget_file(sources: ProjectSources, path: str) -> None:
    """Forget what the text of a project file told: it is another now."""
    told(sources).pop(path, None)


def _code_of_notebook(raw: str) -> str:
    from greenlint.notebook import Notebook, NotebookError, read_notebook

    try:
        found = read_notebook(raw)
    except NotebookError:
        return ""
    return found.text if isinstance(found, Notebook) else ""
