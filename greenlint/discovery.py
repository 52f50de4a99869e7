"""Paths from the command line -> the files to check."""
# A tree may hold ten thousands of entries, and a Path for each of them costs more than the walk.
# ruff: noqa: PTH100, PTH116, PTH118, PTH120, PTH122, PTH123

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from greenlint.ignore_files import IGNORE_NAMES, Ignores, IgnoresReader
from greenlint.patterns import Matcher, PatternList, relative

if TYPE_CHECKING:
    from greenlint.settings import Settings

__all__ = ["Discovered", "discover", "is_project_root", "project_root"]

PYTHON_SUFFIXES = (".py", ".pyi", ".pyw", ".ipynb")
PROJECT_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", "greenlint.toml", ".greenlint.toml")


@dataclass(slots=True)
class Discovered:
    """What the given paths lead to; paths as given, or below a given folder."""

    files: list[Path] = field(default_factory=list)
    """The files to check, sorted, each once."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Given paths that are not checked, and folders that could not be read, with the reason."""
    missing: list[Path] = field(default_factory=list)
    """Given paths that do not exist."""
    excluded: list[tuple[Path, str]] = field(default_factory=list)
    """What was left out below given folders, with the reason; only on request, as it may be much."""


def discover(
    paths: Iterable[str | Path], settings_for_folder: Callable[[str], Settings], *, explain: bool = False
) -> Discovered:
    """The files to check among ``paths``, which are files and folders.

    ``settings_for_folder`` gets absolute folders. Given paths are checked even when they are excluded, unless
    the settings say ``force-exclude``. ``explain`` asks for ``Discovered.excluded``.
    """
    search = _Search(settings_for_folder, explain)
    for path in paths:
        search.add(os.fspath(path))
    return search.result()


def is_project_root(folder: str) -> bool:
    """Whether a folder holds one of the files that mark the top of a project."""
    return any(os.path.lexists(os.path.join(folder, marker)) for marker in PROJECT_MARKERS)


def project_root(path: Path) -> Path | None:
    """The closest folder at or above ``path`` that marks the top of a project, or ``None``."""
    folder = path.absolute() if path.is_dir() else path.absolute().parent
    for each in (folder, *folder.parents):
        if is_project_root(str(each)):
            return each
    return None


class _Scope:
    """The settings of a folder, compiled for the walk."""

    def __init__(self, settings: Settings, readers: dict[tuple[bool, str], IgnoresReader]) -> None:
        self.settings = settings
        self.root = str(settings.root)
        self.include = _Include(settings.include)
        self._exclude = [Matcher(each) for each in settings.exclude]
        self.reader = self._reader(readers, git=settings.respect_gitignore)
        self._own_reader = self._reader(readers, git=False)

    def _reader(self, readers: dict[tuple[bool, str], IgnoresReader], *, git: bool) -> IgnoresReader:
        return readers.setdefault((git, self.root), IgnoresReader(git=git, root=self.root))

    def excluders(self, folder: str) -> list[tuple[Matcher, str | None]]:
        """The exclusion patterns, each with the folder relative to its base and ending in a slash."""
        paths = [(each, relative(folder, each.base)) for each in self._exclude]
        return [(each, path and path + "/") for each, path in paths]

    def exclusion(self, absolute: str, *, folder: bool) -> str | None:
        """Why a path is left out, by itself or by a folder above it. Git is not asked."""
        for matcher in self._exclude:
            glob = matcher.covers(absolute)
            if glob is not None:
                return f"excluded by `{glob}`"
        while relative(absolute, self.root):
            parent = os.path.dirname(absolute)
            ignores = self._own_reader.within(parent)
            reason = ignores.reason(absolute, folder=folder) if ignores is not None else None
            if reason is not None:
                return reason
            absolute, folder = parent, True
        return None


class _Include:
    """Which files below folders count; patterns such as ``*.py`` are only suffixes."""

    def __init__(self, lists: Sequence[PatternList]) -> None:
        globs = [(each.base, glob) for each in lists for glob in each.globs]
        self._suffixes = tuple(glob[1:] for _, glob in globs if re.fullmatch(r"\*\.\w+", glob))
        rest = [(base, glob) for base, glob in globs if glob[1:] not in self._suffixes]
        self._matchers = [Matcher(PatternList(base, (glob,))) for base, glob in rest]

    def admits(self, name: str, absolute: str) -> bool:
        if name.endswith(self._suffixes):
            return True
        return any(each.covers(absolute) is not None for each in self._matchers)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be entered; ``ignores`` is what the ignore files above it say."""

    shown: str
    absolute: str
    ignores: Ignores | None
    ignorable: bool = True
    """Whether it was not asked for by name."""


class _Search:
    """Gathers what the given paths lead to."""

    def __init__(self, settings_for_folder: Callable[[str], Settings], explain: bool) -> None:
        self._settings_for_folder = settings_for_folder
        self._explain = explain
        self._found = Discovered()
        self._files: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._entered: set[str] = set()
        self._scopes: dict[int, _Scope] = {}
        self._readers: dict[tuple[bool, str], IgnoresReader] = {}

    def result(self) -> Discovered:
        """Everything found, in a fixed order; of several links to a file, and the file, only one is kept."""
        real = {os.path.realpath(absolute) for absolute in self._files} if self._links else set()
        for absolute, shown in sorted(self._links.items()):
            target = os.path.realpath(absolute)
            if target not in real:
                real.add(target)
                self._files[absolute] = shown
        self._found.files = [Path(shown) for shown in sorted(self._files.values())]
        return self._found

    def add(self, path: str) -> None:
        """Take in one given path."""
        shown, absolute = os.path.normpath(path), os.path.abspath(path)
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            self._not_there(shown, error)
            return
        reason = self._refusal(absolute, mode)
        if reason is not None:
            self._found.skipped.append((Path(shown), reason))
        elif stat.S_ISDIR(mode):
            self._walk(shown, absolute)
        else:
            self._links.pop(absolute, None)
            self._files.setdefault(absolute, shown)

    def _not_there(self, shown: str, error: OSError | ValueError) -> None:
        if isinstance(error, PermissionError):
            self._found.skipped.append((Path(shown), _unreadable(error)))
        else:
            self._found.missing.append(Path(shown))

    def _refusal(self, absolute: str, mode: int) -> str | None:
        """Why a given path is not checked."""
        is_folder = stat.S_ISDIR(mode)
        if not is_folder and not stat.S_ISREG(mode):
            return "not a regular file"
        scope = self._scope(absolute if is_folder else os.path.dirname(absolute))
        if scope.settings.force_exclude:
            reason = scope.exclusion(absolute, folder=is_folder)
            if reason is not None:
                return f"{reason} (force-exclude)"
        if not is_folder and not _is_python(absolute):
            return "not a Python file or notebook"
        return None

    def _scope(self, folder: str) -> _Scope:
        settings = self._settings_for_folder(folder)
        scope = self._scopes.get(id(settings))
        if scope is None:
            scope = self._scopes[id(settings)] = _Scope(settings, self._readers)
        return scope

    def _walk(self, shown: str, absolute: str) -> None:
        above = self._scope(absolute).reader.above(absolute)
        above = above.without_those_ignoring(absolute) if above is not None else None
        waiting = [_Folder(shown, absolute, above, ignorable=False)]
        while waiting:
            folder = waiting.pop()
            if folder.absolute not in self._entered:
                self._entered.add(folder.absolute)
                waiting.extend(self._enter(folder))

    def _enter(self, folder: _Folder) -> Iterator[_Folder]:
        """Take in the files of a folder; yields the folders in it that are to be entered."""
        entries = self._listing(folder)
        if folder.ignorable and any(entry.name == "pyvenv.cfg" for entry in entries):
            self._leave_out(folder.shown, "a virtual environment")
            return
        scope = self._scope(folder.absolute)
        names = IGNORE_NAMES.intersection(entry.name for entry in entries)
        ignores = scope.reader.entering(folder.absolute, folder.ignores, names)
        prefix = "" if folder.shown == os.curdir else os.path.join(folder.shown, "")
        excluders = scope.excluders(folder.absolute)
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not scope.include.admits(entry.name, entry.path):
                continue
            reason = _reason(entry, is_folder, excluders, ignores)
            if reason is not None:
                self._leave_out(prefix + entry.name, reason)
            elif is_folder:
                yield _Folder(prefix + entry.name, entry.path, ignores)
            else:
                self._take(entry, prefix + entry.name)

    def _listing(self, folder: _Folder) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder.absolute) as listing:
                return list(listing)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._found.skipped.append((Path(folder.shown), _unreadable(error)))
            return []

    def _leave_out(self, shown: str, reason: str) -> None:
        if self._explain:
            self._found.excluded.append((Path(shown), reason))

    def _take(self, entry: os.DirEntry[str], shown: str) -> None:
        if entry.path in self._files or not _is_regular(entry):
            return
        links = self._links if entry.is_symlink() else self._files
        links.setdefault(entry.path, shown)


def _reason(
    entry: os.DirEntry[str],
    is_folder: bool,
    excluders: Sequence[tuple[Matcher, str | None]],
    ignores: Ignores | None,
) -> str | None:
    """Why an entry of an entered folder is left out."""
    for matcher, folder in excluders:
        glob = matcher.entry(entry.name, None if folder is None else folder + entry.name)
        if glob is not None:
            return f"excluded by `{glob}`"
    return None if ignores is None else ignores.reason(entry.path, folder=is_folder)


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _unreadable(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or 'unknown error').lower()}"


_SHEBANG = re.compile(rb"#!.*\bpython[0-9.]*\b")


def _is_python(absolute: str) -> bool:
    if absolute.lower().endswith(PYTHON_SUFFIXES):
        return True
    if os.path.splitext(absolute)[1]:
        return False
    try:
        with open(absolute, "rb") as file:
            return _SHEBANG.match(file.read(128)) is not None
    except OSError:
        return False
