"""The project on disk as facts see it, and a log of what they looked at, by which the cache stays honest."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from greenlint.cache import Reading, Stamp, digest
from greenlint.ignore_files import IGNORE_NAMES, IgnoresReader
from greenlint.patterns import Matcher, PatternList, relative

__all__ = ["ProjectFiles", "Scope"]

_MOST_FILES = 20_000
_MOST_FOLDERS = 10_000
"""A project with more of either is not known as a whole."""
_LARGEST_FILE = 8_000_000
"""Bytes; data files beyond this are not read."""
_TEXTS_KEPT = 16_000_000
"""Characters of text kept for the next question."""

_PYTHON = (".py", ".ipynb")
_CONFIGURATION = (".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".lock")
_SCRIPTS = (".sh", ".bash", ".slurm", ".sbatch", ".cron", "crontab")
_REQUIREMENTS = ("requirements", "constraints")
_MORE = frozenset({"Pipfile", ".gitignore", ".greenlintignore"})


_NOTHING: Mapping[str, str] = {}


class Scope(NamedTuple):
    """What belongs to a project; plain data that pickles.

    ``overlay`` holds texts, by path, that count in place of what is on disk.
    """

    root: str
    exclude: tuple[PatternList, ...] = ()
    git: bool = True
    """Whether files that git ignores are left out of listings."""
    overlay: Mapping[str, str] = _NOTHING

    def open(self) -> ProjectFiles:
        """Sources with nothing read yet."""
        return ProjectFiles(self)


class ProjectFiles:
    """``ProjectSources`` that reads the disk, each file at most once while it is remembered."""

    def __init__(self, scope: Scope) -> None:
        self.readings: list[Reading] = []
        """What was looked at, in order, each thing once."""
        self._scope = scope
        self._matchers = [Matcher(patterns) for patterns in scope.exclude]
        self._ignores = IgnoresReader(git=scope.git, root=scope.root)
        self._texts: dict[str, str | None] = {}
        self._kept = 0
        self._logged: set[str] = set()
        self._listing: tuple[list[str], list[str]] | None = None
        self._memo: dict[object, object] = {}
        self._touched = False

    # -- ProjectSources ----------------------------------------------------------------------------------

    def read(self, path: str) -> str | None:
        """The text of a project file, or ``None``."""
        self._touched = True
        if path in self._scope.overlay:
            return self._scope.overlay[path]
        if path in self._texts:
            return self._texts[path]
        if not _inside(path):
            return None
        return self._remember(path, self._load(path))

    def python_files(self) -> Sequence[str]:
        """Every Python file and notebook of the project; empty when there are too many."""
        return self._listed()[0]

    def config_files(self) -> Sequence[str]:
        """Every configuration file of the project; empty when there are too many files."""
        return self._listed()[1]

    def shared(self) -> dict[object, object]:
        """A memo for what is made of several files."""
        self._touched = True
        return self._memo

    # -- for the runner ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """An analysis begins."""
        self._touched = False

    def renew(self, paths: Collection[str]) -> bool:
        """Read some files again when they are asked for next; ``False`` where one of them is new to the listing."""
        listed = {*self._listing[0], *self._listing[1]} if self._listing is not None else set()
        if listed and not listed.issuperset(paths):
            return False
        for path in paths:
            self._kept -= len(self._texts.pop(path, None) or "")
        return True

    def consulted(self) -> int:
        """How many readings the analysis that began last may rest on.

        An analysis that looked at anything may rest, through the shared memo, on all that was read before it.
        """
        return len(self.readings) if self._touched else 0

    def unchanged(self, reading: Reading) -> bool:
        """Whether ``reading`` would come out the same now."""
        if reading.path.endswith("/"):
            return self._folder_unchanged(reading)
        if not _inside(reading.path):
            return False
        try:
            status = os.stat(self._full(reading.path))  # noqa: PTH116
        except OSError:
            return reading.digest is None
        if reading.digest is None:
            return not stat.S_ISREG(status.st_mode)
        if Stamp.of(status) == reading.stamp:
            return True
        data = self._bytes(reading.path)
        return data is not None and digest(data[0]) == reading.digest

    def _folder_unchanged(self, reading: Reading) -> bool:
        folder = "" if reading.path == "./" else reading.path[:-1]
        try:
            if os.stat(self._full(folder)).st_mtime_ns == reading.stamp.mtime_ns:  # noqa: PTH116
                return True
            return _names_digest(*self._scan(folder)) == reading.digest
        except OSError:
            return False

    # -- reading -----------------------------------------------------------------------------------------

    def _full(self, path: str) -> str:
        return os.path.join(self._scope.root, path)  # noqa: PTH118 - thousands of calls

    def _load(self, path: str) -> str | None:
        found = self._bytes(path)
        if found is None:
            self._log(Reading(path, None))
            return None
        data, stamp = found
        self._log(Reading(path, digest(data), stamp))
        return _decoded(path, data)

    def _bytes(self, path: str) -> tuple[bytes, Stamp] | None:
        read_ns = time.time_ns()
        try:
            with open(self._full(path), "rb") as stream:  # noqa: PTH123 - a third of the time of Path.open
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                    return None
                return stream.read(), Stamp.of(status).settled(read_ns)
        except (OSError, ValueError):
            return None

    def _log(self, reading: Reading) -> None:
        if reading.path not in self._logged:
            self._logged.add(reading.path)
            self.readings.append(reading)

    def _remember(self, path: str, text: str | None) -> str | None:
        size = len(text or "")
        if self._kept + size > _TEXTS_KEPT:
            self._texts = {name: None for name, kept in self._texts.items() if kept is None}
            self._kept = 0
        self._texts[path] = text
        self._kept += size
        return text

    # -- listing -----------------------------------------------------------------------------------------

    def _listed(self) -> tuple[list[str], list[str]]:
        self._touched = True
        if self._listing is None:
            self._listing = self._list()
        return self._listing

    def _list(self) -> tuple[list[str], list[str]]:
        python: list[str] = []
        configuration: list[str] = []
        folders = [""]
        for _ in range(_MOST_FOLDERS):
            if not folders:
                return sorted(python), sorted(configuration)
            try:
                below, files = self._visit(folders.pop())
            except OSError:
                continue
            folders.extend(reversed(below))
            python.extend(file for file in files if file.endswith(_PYTHON))
            configuration.extend(file for file in files if not file.endswith(_PYTHON))
            if len(python) + len(configuration) > _MOST_FILES:
                break
        return [], []

    def _visit(self, folder: str) -> tuple[list[str], list[str]]:
        """As :meth:`_scan`, and logged."""
        read_ns = time.time_ns()
        mtime_ns = os.stat(self._full(folder)).st_mtime_ns  # noqa: PTH116
        below, files = self._scan(folder)
        stamp = Stamp(-1, mtime_ns).settled(read_ns)
        self._log(Reading(f"{folder or '.'}/", _names_digest(below, files), stamp))
        return below, files

    def _scan(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders and the interesting files in ``folder``, sorted, excluded ones left out."""
        absolute = self._full(folder) if folder else self._scope.root
        with os.scandir(absolute) as listing:
            entries = [entry for entry in listing if _interesting(entry)]
        for entry in entries:
            if entry.name in IGNORE_NAMES:
                self._log_content(_below(folder, entry.name))
        excluders = [(each, relative(absolute, each.base)) for each in self._matchers]
        ignores = self._ignores.within(absolute)
        below: list[str] = []
        files: list[str] = []
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name in IGNORE_NAMES or _excluded(entry, excluders):
                continue
            if ignores is None or ignores.reason(entry.path, folder=is_folder) is None:
                (below if is_folder else files).append(_below(folder, entry.name))
        return sorted(below), sorted(files)

    def _log_content(self, path: str) -> None:
        """Log a file that decides what is listed."""
        found = self._bytes(path)
        if found is not None:
            self._log(Reading(path, digest(found[0]), found[1]))


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _excluded(entry: os.DirEntry[str], excluders: Sequence[tuple[Matcher, str | None]]) -> bool:
    """Whether the settings leave an entry out, or it is somebody's virtual environment."""
    for matcher, folder in excluders:
        if matcher.entry(entry.name, None if folder is None else _below(folder, entry.name)) is not None:
            return True
    return entry.is_dir(follow_symlinks=False) and os.path.exists(f"{entry.path}/pyvenv.cfg")  # noqa: PTH110


def _interesting(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, Python, configuration, a script that starts something, or says what is ignored."""
    name = entry.name
    if name.endswith((*_PYTHON, *_CONFIGURATION, *_SCRIPTS)) or name.startswith(_REQUIREMENTS) or name in _MORE:
        return entry.is_file()
    return entry.is_dir(follow_symlinks=False)


def _inside(path: str) -> bool:
    """Whether ``path`` names something below the root."""
    return not path.startswith(("/", "\\")) and ":" not in path[:2] and ".." not in path.split("/") and "\0" not in path


def _names_digest(below: Sequence[str], files: Sequence[str]) -> str:
    return digest("\0".join((*below, "", *files)).encode("utf-8", "surrogateescape"))


def _decoded(path: str, data: bytes) -> str | None:
    if path.endswith(".py"):
        from greenlint.reading import UnreadableError, decode

        try:
            return decode(data).text
        except UnreadableError:
            return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
