"""Checking a list of files of one project in one process: the unit of work that a run hands to its executor.

Everything here pickles, and a batch gives the same results wherever it runs.
"""

from __future__ import annotations

import contextlib
import datetime
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from greenlint.cache import NO_STAMP, Reading, Stamp, digest
from greenlint.facts.sources import RunSettings
from greenlint.finding import Applicability, Severity
from greenlint.gate import Gate
from greenlint.results import FileResult, Problem

if TYPE_CHECKING:
    from types import FrameType

    from greenlint.document import Document
    from greenlint.engine import Analysis
    from greenlint.facts.glance import Glance
    from greenlint.facts.sources import ProjectSources
    from greenlint.outline import Outline
    from greenlint.project_files import ProjectFiles, Scope
    from greenlint.reading import ParsedFile
    from greenlint.results import InNotebook
    from greenlint.rule import Rule

__all__ = [
    "Admission",
    "Batch",
    "Checked",
    "Examined",
    "Outcome",
    "Profile",
    "Task",
    "TimeUp",
    "admit_batch",
    "analyze_with",
    "check_batch",
    "check_data",
    "check_guarded",
    "examine",
    "time_limit",
]

_COLLECT_BYTES = 4_000_000
"""Source analysed between two garbage collections, which are off in between."""


_NOTHING: Mapping[str, Severity] = {}
_AS_RULES_SAY: Mapping[str, Applicability] = {}


class Profile(NamedTuple):
    """What a set of files is checked with."""

    rules: tuple[Rule, ...]
    settings: RunSettings = RunSettings()
    severities: Mapping[str, Severity] = _NOTHING
    known: frozenset[str] = frozenset()
    """All installed rule names."""
    gated: bool = True
    """Whether files and rules are skipped when the words of a file rule out a finding."""
    today: datetime.date | None = None
    """The day by which suppressions expire."""
    require_reason: bool = False
    """Whether a suppression has to say why."""
    trust: Mapping[str, Applicability] = _AS_RULES_SAY
    """How far the edits of rules are trusted, by name; only where the configuration says so."""

    @property
    def misses_reasons(self) -> bool:
        """Whether a suppression without a reason is a finding."""
        return self.require_reason or any(rule.name == "suppression-without-reason" for rule in self.rules)

    @property
    def categories(self) -> dict[str, str]:
        """The category of each rule, by name."""
        return {rule.name: rule.category.value for rule in self.rules}


class Task(NamedTuple):
    """One file to check."""

    path: str
    """As shown to the user."""
    file: str
    """Where it is on disk."""
    name: str
    """POSIX, relative to the project root where it lies below it."""
    profile: int = 0
    size: int = 0


class Batch(NamedTuple):
    """Files of one project, checked one after the other."""

    scope: Scope
    profiles: tuple[Profile, ...]
    tasks: tuple[Task, ...]
    timeout: float = 0.0
    """Seconds of processor time a file may take; 0 for no limit."""
    timed: bool = False
    """Whether to note the seconds by phase and rule."""
    journal: str | None = None
    """A file to write each task's number to before its check begins."""


class Outcome(NamedTuple):
    """The result of a task and what a cache needs to know of it."""

    result: FileResult
    content: str = ""
    """Digest of what was checked; empty when the result must not be kept."""
    stamp: Stamp = NO_STAMP
    readings: int = 0
    """How many of the batch's readings, from the first, the result rests on."""
    dated: bool = False
    """Whether the result depends on today's date."""


class Checked(NamedTuple):
    """What came of a batch: an outcome for each task, in order, and all readings of the project."""

    outcomes: tuple[Outcome, ...]
    readings: tuple[Reading, ...]


class Admission(NamedTuple):
    """Whether a file can have a finding at all."""

    admitted: bool
    stamp: Stamp = NO_STAMP


def admit_batch(batch: Batch) -> list[Admission]:
    """Look at the words of each file of ``batch``; files that cannot be read are admitted, to be reported."""
    gates = [Gate(profile.rules) for profile in batch.profiles]
    return [_admission(task, gates[task.profile]) for task in batch.tasks]


def _admission(task: Task, gate: Gate) -> Admission:
    read_ns = time.time_ns()
    try:
        with open(task.file, "rb") as stream:  # noqa: PTH123 - a third of the time of Path.open
            data = stream.read()
            stamp = Stamp.of(os.fstat(stream.fileno())).settled(read_ns)
    except OSError:
        return Admission(True)
    return Admission(gate.admits(data), stamp)


class TimeUp(BaseException):
    """The file took too long. Not an ``Exception``: no handler of a rule may swallow it."""


def check_batch(batch: Batch, tick: Callable[[int], None] = lambda _: None) -> Checked:
    """Check all tasks of ``batch``; nothing a file holds makes it raise. ``tick`` hears how many are done."""
    files = batch.scope.open()
    with _quiet_collector() as collect, _journal(batch.journal) as note:
        outcomes = []
        for number, task in enumerate(batch.tasks):
            note(number)
            outcomes.append(_outcome(batch, task, files))
            collect(task.size)
            tick(number + 1)
    return Checked(tuple(outcomes), tuple(files.readings))


def _outcome(batch: Batch, task: Task, files: ProjectFiles) -> Outcome:
    started, read_ns = time.perf_counter(), time.time_ns()
    try:
        with open(task.file, "rb") as stream:  # noqa: PTH123 - a third of the time of Path.open
            data = stream.read()
            stamp = Stamp.of(os.fstat(stream.fileno())).settled(read_ns)
    except OSError as error:
        problem = Problem("unreadable", f"cannot be read: {error.strerror or error}")
        return Outcome(FileResult(task.path, problems=(problem,)))
    files.begin()
    profile = batch.profiles[task.profile]
    result = check_guarded(task, data, profile, files, timeout=batch.timeout, timed=batch.timed)
    result = replace(result, seconds=time.perf_counter() - started)
    passing = any(each.error.startswith("MemoryError") for each in result.crashes)
    dated = b"greenlint:" in data and b"until" in data
    return Outcome(result, "" if passing else digest(data), stamp, files.consulted(), dated)


def check_guarded(
    task: Task,
    data: bytes,
    profile: Profile,
    files: ProjectFiles,
    *,
    timeout: float = 0.0,
    timed: bool = False,
) -> FileResult:
    """As :func:`check_data`, but what it raises, and taking more than ``timeout`` seconds, becomes a problem."""
    try:
        with time_limit(timeout):
            return check_data(task, data, profile, files, timed=timed)
    except TimeUp:
        problem = Problem("timeout", f"skipped: the check took more than {timeout:g} seconds")
    except Exception as error:
        # A defect of greenlint itself; it costs this file, not the run.
        problem = Problem("internal", f"internal error: {type(error).__name__}: {error}")
    return FileResult(task.path, problems=(problem,))


def check_data(task: Task, data: bytes, profile: Profile, files: ProjectFiles, *, timed: bool = False) -> FileResult:
    """The result for ``data`` as the content of the file of ``task``."""
    return examine(task, data, profile, files, timed=timed).result


class Examined(NamedTuple):
    """A result, and what it was made of where there was something to analyse."""

    result: FileResult
    document: Document | None = None
    analysis: Analysis | None = None


def examine(
    task: Task,
    data: bytes,
    profile: Profile,
    files: ProjectFiles,
    *,
    timed: bool = False,
    is_stored: bool = True,
) -> Examined:
    """As :func:`check_data`, for those who go on with the document.

    Unless it ``is_stored``, nobody asks where things are in the JSON of a notebook.
    """
    from greenlint.reading import UnreadableError

    started = time.perf_counter()
    try:
        parsed, passed = _parsed(profile, task, data, files)
    except UnreadableError as error:
        problem = Problem(error.kind, error.message, error.line or 1, error.column)
        return Examined(FileResult(task.path, problems=(problem,)))
    parse_seconds = time.perf_counter() - started
    if parsed.document is None:
        return Examined(FileResult(task.path, problems=parsed.problems, skipped=parsed.skipped))

    from greenlint.results import place
    from greenlint.timing import Stopwatch

    watch = Stopwatch(profile.rules) if timed else None
    analysis = analyze_with(profile, parsed.document, files, profile.rules if watch is None else watch.rules, passed)
    in_notebook = _in_notebook(parsed.document) if is_stored else None
    findings, suppressed = place(parsed.document, analysis, profile.categories, in_notebook)
    phases = watch.phases(parse_seconds, time.perf_counter() - started) if watch is not None else ()
    bom = parsed.document.encoding == "utf-8-sig"
    result = FileResult(task.path, findings, suppressed, parsed.problems, analysis.crashes, bom=bom, phases=phases)
    return Examined(result, parsed.document, analysis)


def _in_notebook(document: Document) -> InNotebook | None:
    """What knows where in its JSON a notebook has what is read; ``None`` in a script."""
    if document.cells is None:
        return None
    from greenlint.notebook_edits import NotebookEdits

    return NotebookEdits(document.cells.raw, document)


def may_concern(task: Task, data: bytes, profile: Profile, files: ProjectFiles) -> bool:
    """Whether the words of a file admit a finding, or are as well looked at later because the file is known."""
    from greenlint.facts.modules import Modules

    return not profile.gated or task.name in Modules.of(files) or Gate(profile.rules).admits(data)


def analyze_with(
    profile: Profile,
    document: Document,
    sources: ProjectSources,
    rules: Sequence[Rule] | None = None,
    passed: Passed | None = None,
) -> Analysis:
    """The engine's answer with the settings of ``profile``; ``rules`` may stand in for its own."""
    from greenlint.engine import analyze

    return analyze(
        document,
        profile.rules if rules is None else rules,
        sources=sources,
        settings=profile.settings,
        severities=dict(profile.severities),
        trust=profile.trust,
        gate=profile.gated,
        glance=passed.glance if passed is not None else None,
        concerned=passed.concerned if passed is not None else None,
        known_rules=profile.known,
        today=profile.today,
        require_reason=profile.require_reason,
    )


class Passed(NamedTuple):
    """What the gates learnt of a file."""

    glance: Glance
    concerned: frozenset[str]
    """The names of the rules that could have a finding."""


def _parsed(profile: Profile, task: Task, data: bytes, files: ProjectFiles) -> tuple[ParsedFile, Passed | None]:
    """The file as a document, which another file's check may have made already, and what the gates learnt of it."""
    from greenlint.facts.glance import Glance
    from greenlint.facts.modules import Modules
    from greenlint.passage import Passage
    from greenlint.reading import ParsedFile, decode, parse

    known = Modules.of(files).get(task.name)
    before = known.document if known is not None else None
    if before is not None and not before.is_notebook and before.text == decode(data).text:
        return ParsedFile(before), None
    if not profile.gated:
        return parse(task.name, data, before=before), None
    gate = Gate(profile.rules)
    passed: list[Passed] = []

    def wanted(text: str, outline: Outline, passages: Sequence[Passage]) -> bool:
        is_notebook = task.name.endswith(".ipynb")
        glance = Glance(task.name, text, files, profile.settings, is_notebook=is_notebook, passages=passages)
        passed.append(Passed(glance, frozenset(rule.name for rule in gate.wants(glance, outline))))
        return bool(passed[0].concerned)

    return parse(task.name, data, wanted, before), passed[0] if passed else None


# -- guards ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _quiet_collector() -> Iterator[Callable[[int], None]]:
    """No garbage collection but every ``_COLLECT_BYTES`` of source: trees are many objects, few cycles."""
    enabled = gc.isenabled()
    pending = 0

    def collect(size: int) -> None:
        nonlocal pending
        pending += size
        if pending >= _COLLECT_BYTES:
            pending = 0
            gc.collect()

    gc.freeze()
    gc.disable()
    try:
        yield collect
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _journal(path: str | None) -> Iterator[Callable[[int], None]]:
    """Writes which task begins, unbuffered: whoever watches knows the culprit when this process dies."""
    if path is None:
        yield lambda _: None
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _write_line(handle, os.getpid())
    try:
        yield lambda number: _write_line(handle, number)
    finally:
        os.write(handle, b"done\n")
        os.close(handle)


def _write_line(handle: int, number: int) -> None:
    os.write(handle, b"%d\n" % number)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises ``TimeUp`` inside the block after ``seconds`` of work, where the platform and the thread allow.

    Processor time, not that of the clock: a busy machine must not change what is found.
    """
    import signal
    import threading

    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not seconds or not usable:
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGPROF, ring)
    # Repeats: an exception raised inside a destructor is lost.
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
