"""Files to check -> results: looks into the cache, rules files out by their words, and analyses the rest.

The work goes to this process, to a pool of processes, or to any executor; results and their order are the same.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from greenlint.batch import (
    Admission,
    Batch,
    Checked,
    Examined,
    Profile,
    Task,
    admit_batch,
    check_batch,
    check_guarded,
    examine,
    may_concern,
)
from greenlint.cache import ResultCache, Stamp, digest, folder_for
from greenlint.discovery import is_project_root
from greenlint.gate import Gate
from greenlint.patterns import Matcher, relative
from greenlint.project_files import ProjectFiles, Scope
from greenlint.results import BaselineUse, FileResult, Identity, PlacedFinding, RunResult

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from greenlint.baseline import Baseline, Match
    from greenlint.finding import Applicability
    from greenlint.fix_files import EditedFile, Fixed
    from greenlint.profiles import Profiles
    from greenlint.settings import Settings

__all__ = ["RunOptions", "Runner", "available_processors", "no_progress"]

_SERIAL_BYTES = 250_000
"""Source below which starting processes takes longer than it saves."""
_SERIAL_GATE_BYTES = 4_000_000
"""The same for looking at words only."""
_TRACES = ("requirements.txt", "environment.yml", "environment.yaml", "Pipfile", ".gitignore", "LICENSE", "README.md")
"""What lies at the top of most projects."""
_NAMELESS = "stdin.py"
"""What a text without a file name is taken for."""
_FOREIGN_BATCH = 200
"""Files in a batch for an executor that is not ours."""


class RunOptions(NamedTuple):
    """How a run is carried out; nothing here changes what it finds."""

    jobs: int | None = None
    """Processes; ``None`` for as many as there is work and processors for."""
    cached: bool = True
    timed: bool = False
    timeout: float = 30.0
    """Seconds of processor time a file may take where that can be enforced; 0 for no limit."""
    executor: Executor | None = None
    """Runs the analysis instead of own processes."""


@contextlib.contextmanager
def no_progress(_: int) -> Iterator[Callable[[int], None]]:
    """A run that nobody watches."""
    yield lambda _: None


@dataclass(slots=True)
class _Project:
    """A project that some of the files belong to."""

    root: str
    scope: Scope
    caches: dict[int, ResultCache] = field(default_factory=dict)
    files: ProjectFiles | None = None
    live: ProjectFiles | None = None
    """What an editor's analyses have learnt of the project."""
    overlay: dict[str, str] = field(default_factory=dict)
    """Texts that an editor holds, by path from the root."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return os.path.lexists(f"{self.root}/{name}")

    def validator(self) -> ProjectFiles:
        """Sources that tell whether readings still hold."""
        if self.files is None:
            self.files = self.scope.open()
        return self.files


class _Home(NamedTuple):
    """A folder with files of the run."""

    project: _Project
    within: str
    """What names in it begin with, seen from the project's root."""
    shown: str
    """What paths in it begin with, as shown to users."""


class _Target(NamedTuple):
    """A file of the run."""

    place: int
    task: Task
    project: _Project
    settings: Settings


class Runner:
    """Checks files. Holds what is learnt about settings and projects; call :meth:`run` once for each run.

    ``settings_for`` and ``settings_for_folder`` answer for absolute paths.
    """

    def __init__(
        self,
        settings_for: Callable[[str], Settings],
        settings_for_folder: Callable[[str], Settings],
        profiles: Profiles,
        options: RunOptions,
        *,
        cwd: Path,
        today: datetime.date | None = None,
        progress: Callable[[int], AbstractContextManager[Callable[[int], None]]] = no_progress,
        baseline: Baseline | None = None,
    ) -> None:
        self._settings_for, self._settings_for_folder = settings_for, settings_for_folder
        self._profiles = profiles
        self._options = options
        self._cwd = str(cwd)
        self._day = today.toordinal() if today is not None else 0
        self._progress = progress
        self._baseline = baseline
        self._roots: dict[Callable[[str], bool], dict[str, str | None]] = {}
        self._projects: dict[str, _Project] = {}
        self._homes: dict[str, _Home] = {}
        self._watch = _Phases()

    def run(self, files: Iterable[Path | str], folders: Sequence[str] = ()) -> RunResult:
        """The results of ``files``, in the order given.

        ``folders`` are those in which no other files are left to check: what the baseline has of files that are gone
        from them is stale.
        """
        self._watch = _Phases()
        for project in self._projects.values():
            project.caches.clear()
            project.files = None
        targets = [self._target(index, str(path)) for index, path in enumerate(files)]
        self._watch.note("settings")
        results: dict[int, FileResult] = {}
        missed = self._look_up(targets, results)
        self._watch.note("cache look-up")
        candidates = self._admitted(missed, results)
        self._watch.note("words")
        self._check(candidates, results)
        self._watch.note("analysis")
        warnings = self._save()
        self._watch.note("cache writing")
        baseline = self._beside_baseline(self._park(targets, results), targets, results, folders)
        shown = [self._shown(target, results[target.place]) for target in targets]
        failed = any(map(_fails, targets, shown))
        return RunResult(tuple(shown), warnings, self._watch.seconds(), failed, baseline)

    def run_data(self, path: str | None, data: bytes) -> RunResult:
        """The result of ``data`` as the content of the file at ``path``, which need not exist."""
        target = self._data_target(path)
        task = target.task
        profile = self._profiles.made[task.profile]
        result = FileResult(task.path)
        if not self._refused(target) and (not profile.gated or Gate(profile.rules).admits(data)):
            overlay = {task.name: data.decode("utf-8", "replace")}
            files = target.project.scope._replace(overlay=overlay).open()
            options = self._options
            result = check_guarded(task, data, profile, files, timeout=options.timeout, timed=options.timed)
        results = {target.place: result}
        baseline = self._beside_baseline(self._park([target], results), [target], results)
        shown = self._shown(target, results[target.place])
        return RunResult((shown,), (), self._watch.seconds(), _fails(target, shown), baseline)

    def fix(self, files: Iterable[Path | str], levels: frozenset[Applicability]) -> Iterator[Fixed]:
        """What the fixes of these ``levels`` make of ``files``, one after the other; nothing is written."""
        for path in map(str, files):
            try:
                data = Path(self._target(0, path).task.file).read_bytes()
            except OSError:
                continue
            yield self.fix_data(path, data, levels)

    def edited(self, path: Path | str) -> EditedFile | None:
        """The file at ``path``, to be edited step by step; ``None`` when it has no text."""
        from greenlint.reading import UnreadableError

        try:
            return self.edited_data(str(path), Path(self._target(0, str(path)).task.file).read_bytes())
        except (OSError, UnreadableError):
            return None

    def edited_data(self, path: str, data: bytes) -> EditedFile:
        """``data`` as the content of the file at ``path``, to be edited; raises ``UnreadableError``."""
        from greenlint.fix_files import EditedFile

        target = self._target(0, path)
        profile, sources = self._profiles.made[target.task.profile], target.project.scope.open()
        return EditedFile(target.task, data, profile, sources, self._baseline)

    def fix_data(
        self, path: str | None, data: bytes, levels: frozenset[Applicability], *, rule: str | None = None
    ) -> Fixed:
        """What the fixes of these ``levels`` make of ``data`` as the content of the file at ``path``."""
        from greenlint.fix_files import fix_data

        target = self._data_target(path)
        profile, sources = self._profiles.made[target.task.profile], target.project.scope.open()
        return fix_data(target.task, data, profile, sources, levels, self._options.timeout, rule, self._baseline)

    # -- for editors -------------------------------------------------------------------------------------

    def profile(self, path: str) -> Profile:
        """What the file at ``path`` is checked with."""
        return self._profiles.made[self._target(0, path).task.profile]

    def hold(self, path: str, text: str | None) -> None:
        """Let ``text`` count for other files in place of what is on disk at ``path``; ``None`` ends that."""
        target = self._target(0, path)
        if text is None:
            target.project.overlay.pop(target.task.name, None)
        else:
            target.project.overlay[target.task.name] = text

    def refresh(self, *paths: str) -> None:
        """Forget what was learnt of other files: some have changed, those at ``paths`` where they are known."""
        from greenlint.facts.modules import Modules

        changed: dict[str, set[str]] = {}
        for target in (self._target(0, path) for path in paths):
            changed.setdefault(target.project.root, set()).add(target.task.name)
        for root, project in self._projects.items():
            names = changed.get(root)
            if project.live is None or (paths and names is None):
                continue
            if names is None or not project.live.renew(names):
                project.live = None
            else:
                Modules.renew(project.live, names)

    def examine(self, path: str, data: bytes) -> Examined:
        """The result for ``data`` as the content of ``path``, with other files as they were when first looked at.

        An editor shows whatever its user looks at: in what is excluded nothing is found.
        """
        target = self._target(0, path)
        task, project = target.task, target.project
        profile = self._profiles.made[task.profile]
        if project.live is None:
            project.live = project.scope._replace(overlay=project.overlay).open()
        if _is_excluded(target):
            return Examined(FileResult(task.path, skipped="excluded by the configuration"))
        if not may_concern(task, data, profile, project.live):
            return Examined(FileResult(task.path))
        found = examine(task, data, profile, project.live, is_stored=False)
        results = {target.place: found.result}
        self._park([target], results)
        return found._replace(result=self._shown(target, results[target.place]))

    # -- what a file belongs to --------------------------------------------------------------------------

    def _target(self, place: int, path: str) -> _Target:
        file = path if os.path.isabs(path) else os.path.normpath(os.path.join(self._cwd, path))  # noqa: PTH117, PTH118
        folder, name = os.path.split(file)
        home = self._homes.get(folder)
        if home is None:
            home = self._homes[folder] = self._home(folder)
        settings = self._settings_for(file)
        task = Task(home.shown + name, file, home.within + name, self._profiles.number(settings))
        return _Target(place, task, home.project, settings)

    def _home(self, folder: str) -> _Home:
        root = self._root_of(folder, is_project_root) or self._root_of(folder, _looks_like_a_project) or folder
        project = self._projects.get(root)
        if project is None:
            whole = self._settings_for_folder(root)
            scope = Scope(root, whole.exclude, whole.respect_gitignore)
            project = self._projects[root] = _Project(root, scope)
        shown = relative(folder, self._cwd)
        return _Home(project, _as_prefix(relative(folder, root) or ""), _as_prefix(folder if shown is None else shown))

    def _data_target(self, path: str | None) -> _Target:
        if path is not None:
            return self._target(0, path)
        target = self._target(0, _NAMELESS)
        return target._replace(task=target.task._replace(path="-"))

    @staticmethod
    def _refused(target: _Target) -> bool:
        """Whether the settings leave out a file that the user has named."""
        return target.settings.force_exclude and _is_excluded(target)

    def _root_of(self, folder: str, is_root: Callable[[str], bool]) -> str | None:
        """The closest folder at or above ``folder`` that is a root."""
        known = self._roots.setdefault(is_root, {})
        if folder not in known:
            above = os.path.dirname(folder)  # noqa: PTH120
            known[folder] = folder if is_root(folder) else None if above == folder else self._root_of(above, is_root)
        return known[folder]

    # -- stages ------------------------------------------------------------------------------------------

    def _look_up(self, targets: Sequence[_Target], results: dict[int, FileResult]) -> list[_Target]:
        """The targets without a stored result, with their sizes; those of the others go to ``results``."""
        missed = []
        for target in targets:
            try:
                status = os.stat(target.task.file)  # noqa: PTH116 - thousands of calls
            except OSError:
                missed.append(target)
                continue
            found = self._stored(target, status)
            if found is None:
                task = target.task._replace(size=status.st_size)
                missed.append(target._replace(task=task))
            else:
                results[target.place] = found
        return missed

    def _stored(self, target: _Target, status: os.stat_result) -> FileResult | None:
        cache, task = self._cache(target), target.task
        found = cache.by_stamp(task.name, task.path, status)
        if found is not None or not cache.may_hold(task.name, status):
            return found
        try:
            data, read_ns = Path(task.file).read_bytes(), time.time_ns()
        except OSError:
            return None
        return cache.by_content(task.name, task.path, data, Stamp.of(status).settled(read_ns))

    def _cache(self, target: _Target) -> ResultCache:
        project, number = target.project, target.task.profile
        cache = project.caches.get(number)
        if cache is None:
            cache = project.caches[number] = self._open_cache(target)
        return cache

    def _open_cache(self, target: _Target) -> ResultCache:
        if not self._options.cached or not stat.S_ISDIR(_mode(target.project.root)):
            return ResultCache.open(None, lambda _: False)
        folder = folder_for(target.settings.cache_dir)
        place = _posix(os.path.relpath(target.project.root, target.settings.cache_dir))
        return ResultCache.open(
            folder / f"{_short(place)}-{self._profiles.key(target.task.profile)}.json",
            lambda reading: target.project.validator().unchanged(reading),
            self._day,
        )

    def _admitted(self, targets: Sequence[_Target], results: dict[int, FileResult]) -> list[_Target]:
        """The targets whose words allow a finding; the others are clean."""
        profiles = self._profiles.made
        if not any(profiles[target.task.profile].gated for target in targets):
            return list(targets)
        admitted = []
        for target, admission in zip(targets, self._admissions(targets), strict=True):
            if admission.admitted:
                admitted.append(target)
                continue
            results[target.place] = FileResult(target.task.path)
            self._cache(target).store_gated(target.task.name, admission.stamp)
        return admitted

    def _admissions(self, targets: Sequence[_Target]) -> list[Admission]:
        tasks = tuple(target.task for target in targets)
        batch = Batch(Scope(""), tuple(self._profiles.made), tasks)
        size = sum(task.size for task in tasks)
        jobs = self._jobs(size, _SERIAL_GATE_BYTES)
        if jobs == 1:
            return admit_batch(batch)
        from greenlint.pool import admit_batches

        return admit_batches([batch._replace(tasks=part) for part in _cut(tasks, 4 * jobs)], jobs)

    def _check(self, targets: Sequence[_Target], results: dict[int, FileResult]) -> None:
        by_task = {target.task.file: target for target in targets}
        for batch, checked in self._checked(targets):
            logs: dict[int, int] = {}
            for task, outcome in zip(batch.tasks, checked.outcomes, strict=True):
                target = by_task[task.file]
                results[target.place] = outcome.result
                if not outcome.content:
                    continue
                cache = self._cache(target)
                log = logs.setdefault(task.profile, -1)
                if outcome.readings and log < 0:
                    log = logs[task.profile] = cache.add_log(checked.readings)
                cache.store(task.name, outcome, log)

    def _checked(self, targets: Sequence[_Target]) -> Iterator[tuple[Batch, Checked]]:
        if not targets:
            return
        size = sum(target.task.size for target in targets)
        jobs = self._jobs(size, _SERIAL_BYTES) if len(targets) > 1 else 1
        with self._progress(len(targets)) as tick:
            if jobs == 1 and self._options.executor is None:
                for batch in self._batches(targets, 1):
                    yield batch, check_batch(batch, tick)
                return
            from greenlint.pool import check_batches

            batches = self._batches(targets, jobs)
            yield from check_batches(batches, jobs, executor=self._options.executor, tick=tick)

    def _batches(self, targets: Sequence[_Target], jobs: int) -> list[Batch]:
        """The work, cut into batches for so many processes.

        Neighbours stay together: they import the same modules, whose facts a batch makes once.
        """
        foreign = self._options.executor is not None
        by_project: dict[str, list[Task]] = {}
        for target in targets:
            by_project.setdefault(target.project.root, []).append(target.task)
        profiles = tuple(self._profiles.made)
        return [
            Batch(self._projects[root].scope, profiles, part, self._options.timeout, self._options.timed)
            for root, tasks in by_project.items()
            for part in _cut(tasks, -(-len(tasks) // _FOREIGN_BATCH) if foreign else jobs)
        ]

    def _jobs(self, size: int, serial: int) -> int:
        wanted = self._options.jobs if self._options.jobs is not None else available_processors()
        return 1 if size < serial else max(1, min(wanted, size * 2 // serial))

    def _save(self) -> tuple[str, ...]:
        troubles = [cache.save(project.has) for project in self._projects.values() for cache in project.caches.values()]
        return tuple(dict.fromkeys(f"no cache: {trouble}" for trouble in troubles if trouble is not None))

    def _park(self, targets: Sequence[_Target], results: dict[int, FileResult]) -> Match | None:
        """Suppress what the baseline has."""
        if self._baseline is None:
            return None
        from greenlint.baseline import park

        match = self._baseline.match([(target.task.file, results[target.place].findings) for target in targets])
        for target, parked in zip(targets, match.parked, strict=True):
            results[target.place] = park(results[target.place], parked)
        return match

    def _beside_baseline(
        self,
        match: Match | None,
        targets: Sequence[_Target],
        results: Mapping[int, FileResult],
        folders: Sequence[str] = (),
    ) -> BaselineUse | None:
        baseline = self._baseline
        if baseline is None or match is None:
            return None
        left = match.left
        stale = self._stale(baseline, left, targets, results, folders)
        unseen = {entry: times for entry, times in left.items() if entry not in stale}
        shown = relative(str(baseline.file), self._cwd) or str(baseline.file)
        return BaselineUse(shown, sum(map(sum, match.parked)), stale, unseen)

    def _stale(
        self,
        baseline: Baseline,
        left: Mapping[Identity, int],
        targets: Sequence[_Target],
        results: Mapping[int, FileResult],
        folders: Sequence[str],
    ) -> dict[Identity, int]:
        """Of the entries that met no finding, those whose finding this run would have seen."""
        by_file = {target.task.file: target for target in targets}
        looked_for = [frozenset(rule.name for rule in profile.rules) for profile in self._profiles.made]
        stale: dict[Identity, int] = {}
        for entry, times in left.items():
            file = baseline.path_of(entry)
            target = by_file.get(file)
            if target is None:
                is_gone = any(relative(file, each) is not None for each in folders) and baseline.is_gone(entry)
            else:
                result = results[target.place]
                was_checked = not (result.problems or result.crashes or result.skipped)
                is_gone = was_checked and entry.rule in looked_for[target.task.profile]
            if is_gone:
                stale[entry] = times
        return stale

    def _shown(self, target: _Target, result: FileResult) -> FileResult:
        """``result`` as the user asked to see it."""
        least = target.settings.min_severity.rank
        findings = [each for each in result.findings if each.severity.rank >= least]
        every = (*findings, *result.suppressed)
        if len(findings) == len(result.findings) and not any(each.related for each in every):
            return result
        prefix = relative(target.project.root, self._cwd)
        prefix = _posix(target.project.root if prefix is None else prefix)
        shown, suppressed = (
            tuple(_with_shown_paths(each, prefix) for each in group) for group in (findings, result.suppressed)
        )
        return replace(result, findings=shown, suppressed=suppressed)


def _is_excluded(target: _Target) -> bool:
    return any(Matcher(each).covers(target.task.file) is not None for each in target.settings.exclude)


def _fails(target: _Target, result: FileResult) -> bool:
    return any(each.severity.rank >= target.settings.fail_level.rank for each in result.findings)


class _Phases:
    """Seconds between notes."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._noted: list[tuple[str, float]] = []

    def note(self, name: str) -> None:
        now = time.perf_counter()
        self._noted.append((name, now - self._last))
        self._last = now

    def seconds(self) -> tuple[tuple[str, float], ...]:
        return tuple(self._noted)


def available_processors() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _looks_like_a_project(folder: str) -> bool:
    """Whether a folder without the marks of a project is one all the same: a download without its history."""
    return any(os.path.lexists(f"{folder}/{name}") for name in _TRACES)


def _cut(tasks: Sequence[Task], parts: int) -> list[tuple[Task, ...]]:
    """``tasks`` in at most ``parts`` runs of about the same size."""
    total = sum(task.size + 1 for task in tasks)
    runs: list[list[Task]] = [[] for _ in range(max(1, parts))]
    before = 0
    for task in tasks:
        runs[min(len(runs) - 1, before * len(runs) // total)].append(task)
        before += task.size + 1
    return [tuple(run) for run in runs if run]


def _with_shown_paths(finding: PlacedFinding, prefix: str) -> PlacedFinding:
    if not prefix or not any(each.path for each in finding.related):
        return finding
    related = (each._replace(path=each.path and f"{prefix}/{each.path}") for each in finding.related)
    return finding._replace(related=tuple(related))


def _as_prefix(folder: str) -> str:
    return _posix(folder).rstrip("/") + "/" if folder else ""


def _posix(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        return 0


def _short(text: str) -> str:
    return digest(text.encode("utf-8", "surrogateescape"))[:8]
