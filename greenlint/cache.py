"""Results of earlier runs, kept on disk and valid as long as everything they were made from is unchanged.

A project has one folder of JSON files, one file for each set of rules and settings (the *key*). JSON, because
the folder may come from a stranger's repository: a file that is not what this module wrote is ignored.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlint.packing import packed, unpacked
from greenlint.results import FileResult
from greenlint.version import __version__

if TYPE_CHECKING:
    from greenlint.batch import Outcome

__all__ = ["FOLDER", "NO_STAMP", "Reading", "ResultCache", "Stamp", "clean", "digest", "folder_for"]

FOLDER = ".greenlint_cache"

_FORMAT = 4
_LOGS = 32
"""How many reading logs are kept; entries of older ones are checked again."""
_RACY_NS = 2_000_000_000
"""What changed this shortly before it was read may change again within a tick of a coarse clock."""
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder holds cached results of greenlint.\n"


def digest(data: bytes) -> str:
    """The name of a content."""
    from hashlib import blake2b

    return blake2b(data, digest_size=16).hexdigest()


class Stamp(NamedTuple):
    """What a file looks like from outside: the cheap sign that it is unchanged."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file's status."""
        return cls(status.st_size, status.st_mtime_ns)

    def settled(self, read_ns: int) -> Stamp:
        """The stamp to remember for what was read at ``read_ns``: one that matches nothing if it may lie."""
        return self if self.mtime_ns < read_ns - _RACY_NS else Stamp(self.size, -1)


NO_STAMP = Stamp(-1, -1)
"""The stamp of no file."""


class Reading(NamedTuple):
    """One look of an analysis at the project around its file.

    ``path`` is POSIX and relative to the project root; with a slash at its end it is the listing of a folder.
    ``digest`` is ``None`` for a file that was not there.
    """

    path: str
    digest: str | None
    stamp: Stamp = NO_STAMP


@dataclass(slots=True)
class ResultCache:
    """The results stored under one key of one project.

    ``unchanged`` tells whether a reading would come out the same today; it is asked at most once for each.
    """

    file: Path | None
    unchanged: Callable[[Reading], bool] = lambda _: False
    today: int = 0
    _entries: dict[str, list[Any]] = field(default_factory=dict)
    _readings: list[Reading] = field(default_factory=list)
    _logs: list[list[int]] = field(default_factory=list)
    _valid: dict[int, int] = field(default_factory=dict)
    _verdicts: dict[int, bool] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _dirty: bool = False

    @classmethod
    def open(cls, file: Path | None, unchanged: Callable[[Reading], bool], today: int = 0) -> ResultCache:
        """The cache stored in ``file``; empty when there is none, or none that can be used."""
        cache = cls(file, unchanged, today)
        if file is not None:
            cache._load(file)
        return cache

    def _load(self, file: Path) -> None:
        try:
            stored = json.loads(file.read_bytes())
            if stored["format"] != _FORMAT:
                return
            readings = [Reading(path, known, Stamp(size, time)) for path, known, size, time in stored["readings"]]
            logs = [[int(at) for at in log] for log in stored["logs"]]
            entries = dict(stored["files"])
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return
        if all(0 <= at < len(readings) for log in logs for at in log):
            self._entries, self._readings, self._logs = entries, readings, logs

    # -- looking up --------------------------------------------------------------------------------------

    def by_stamp(self, name: str, path: str, status: os.stat_result) -> FileResult | None:
        """The result for the project file ``name``, shown as ``path``, when its stamp is the stored one."""
        row = self._entries.get(name)
        if row is None:
            return None
        self._seen.add(name)
        try:
            if row[0] != status.st_size or row[1] != status.st_mtime_ns:
                return None
            return FileResult(path, cached=True) if len(row) == 2 else self._result(row, path)
        except (ValueError, TypeError, LookupError):
            return None

    def may_hold(self, name: str, status: os.stat_result) -> bool:
        """Whether :meth:`by_content` could succeed for a file whose stamp did not."""
        row = self._entries.get(name)
        try:
            return row is not None and len(row) > 2 and row[0] == status.st_size and row[1] != status.st_mtime_ns
        except (TypeError, LookupError):
            return False

    def by_content(self, name: str, path: str, data: bytes, stamp: Stamp) -> FileResult | None:
        """The result for a file whose stamp differs but whose content may not."""
        row = self._entries.get(name)
        try:
            if row is None or len(row) == 2 or row[2] != digest(data):
                return None
            result = self._result(row, path)
        except (ValueError, TypeError, LookupError):
            return None
        if result is not None and stamp.mtime_ns >= 0:
            row[0], row[1] = stamp.size, stamp.mtime_ns
            self._dirty = True
        return result

    def _result(self, row: Sequence[Any], path: str) -> FileResult | None:
        _, _, _, log, length, day, payload = row
        if day and day != self.today:
            return None
        if log >= 0 and self._valid_length(log) < length:
            return None
        return FileResult(path, cached=True) if payload == 0 else unpacked(payload, path)

    def _valid_length(self, log: int) -> int:
        """How many readings of a log, from its start, still hold."""
        known = self._valid.get(log)
        if known is None:
            readings = self._logs[log]
            known = next((at for at, reading in enumerate(readings) if not self._holds(reading)), len(readings))
            self._valid[log] = known
        return known

    def _holds(self, at: int) -> bool:
        verdict = self._verdicts.get(at)
        if verdict is None:
            verdict = self._verdicts[at] = self.unchanged(self._readings[at])
        return verdict

    # -- storing -----------------------------------------------------------------------------------------

    def add_log(self, readings: Iterable[Reading]) -> int:
        """Keep what a batch of analyses read, in order; the number stands for it in :meth:`store`."""
        places = {(each.path, each.digest): at for at, each in enumerate(self._readings)}
        log = []
        for each in readings:
            at = places.setdefault((each.path, each.digest), len(self._readings))
            if at == len(self._readings):
                self._readings.append(each)
            else:
                self._readings[at] = each
            log.append(at)
        self._logs.append(log)
        return len(self._logs) - 1

    def store_gated(self, name: str, stamp: Stamp) -> None:
        """Remember that no rule can have a finding in ``name``."""
        self._entries[name] = [stamp.size, stamp.mtime_ns]
        self._seen.add(name)
        self._dirty = True

    def store(self, name: str, outcome: Outcome, log: int = -1) -> None:
        """Remember an outcome; its readings are those of ``log``."""
        self._entries[name] = [
            outcome.stamp.size,
            outcome.stamp.mtime_ns,
            outcome.content,
            log if outcome.readings else -1,
            outcome.readings,
            self.today if outcome.dated else 0,
            packed(outcome.result),
        ]
        self._seen.add(name)
        self._dirty = True

    def save(self, exists: Callable[[str], bool] = lambda _: True) -> str | None:
        """Write what changed; why that was not possible, else ``None``.

        Entries of vanished files go when this run looked at most of the project.
        """
        if self.file is None or not self._dirty:
            return None
        if len(self._seen) * 2 > len(self._entries):
            gone = [name for name in self._entries.keys() - self._seen if not exists(name)]
            for name in gone:
                del self._entries[name]
        text = json.dumps(self._compact(), separators=(",", ":"))
        try:
            _prepare(self.file.parent)
            _replace(self.file, text.encode("ascii"))
        except OSError as error:
            return f"{self.file.parent}: {error.strerror or error}"
        self._dirty = False
        return None

    def _compact(self) -> dict[str, Any]:
        """What is stored: only readings and logs that an entry needs, and the newest logs only."""
        used = {row[3] for row in self._entries.values() if len(row) > 2 and row[3] >= 0}
        kept = sorted(used)[-_LOGS:]
        for name in [name for name, row in self._entries.items() if len(row) > 2 and row[3] >= 0 and row[3] < kept[0]]:
            del self._entries[name]
        log_at = {log: at for at, log in enumerate(kept)}
        reading_at: dict[int, int] = {}
        logs = [[reading_at.setdefault(at, len(reading_at)) for at in self._logs[log]] for log in kept]
        files = {
            name: row if len(row) == 2 or row[3] < 0 else [*row[:3], log_at[row[3]], *row[4:]]
            for name, row in self._entries.items()
        }
        readings = [self._readings[at] for at in reading_at]
        rows = [(each.path, each.digest, each.stamp.size, each.stamp.mtime_ns) for each in readings]
        return {"format": _FORMAT, "readings": rows, "logs": logs, "files": files}


# -- places ---------------------------------------------------------------------------------------------


def folder_for(cache_dir: Path) -> Path:
    """Where this version of greenlint keeps results below a cache folder."""
    return cache_dir / __version__


def clean(cache_dir: Path) -> bool:
    """Remove what greenlint wrote into a cache folder, and the folder if it is then empty; whether it did.

    Raises ``OSError``.
    """
    import shutil

    versions = [each for each in cache_dir.glob("*") if each.name[:1].isdigit() and _is_ours(each)]
    for folder in versions:
        shutil.rmtree(folder)
    if cache_dir.name == FOLDER or _tagged(cache_dir):
        for name in ("CACHEDIR.TAG", ".gitignore"):
            (cache_dir / name).unlink(missing_ok=True)
    if cache_dir.is_dir() and not any(cache_dir.iterdir()):
        cache_dir.rmdir()
    return bool(versions)


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds cache files and nothing else."""
    return folder.is_dir() and all(each.suffix in (".json", ".tmp") and each.is_file() for each in folder.iterdir())


def _tagged(folder: Path) -> bool:
    try:
        return (folder / "CACHEDIR.TAG").read_text("utf-8") == _TAG
    except (OSError, UnicodeDecodeError):
        return False


def _prepare(folder: Path) -> None:
    """Make the folder; one that is new is marked as a cache that is neither backed up nor committed."""
    top = folder.parent
    if not top.exists():
        top.mkdir(parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            _replace(top / name, text.encode())
    folder.mkdir(exist_ok=True)


def _replace(file: Path, data: bytes) -> None:
    """Write ``file`` so that a reader sees the old content or the new one, never a part."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
