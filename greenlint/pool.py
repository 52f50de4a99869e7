"""Batches over processes: which executor, and what to do when a worker dies or hangs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from greenlint.batch import Admission, Batch, Checked, Outcome, admit_batch, check_batch
from greenlint.results import FileResult, Problem

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

__all__ = ["admit_batches", "check_batches", "process_pool"]

_PULSE = 0.2
"""Seconds between two looks at the workers."""
_PATIENCE = 4.0
"""How many times the time limit of a file its worker may be silent before it is taken to hang in native code."""

Tick = Callable[[int], None]


def process_pool(jobs: int) -> Executor:
    """Worker processes, started the cheapest way that is safe here."""
    return ProcessPoolExecutor(jobs, mp_context=_context(), initializer=_ignore_interrupts)


def _context() -> BaseContext:
    import multiprocessing
    import threading

    # A fork copies locks but not the threads that hold them.
    alone = threading.active_count() == 1
    if sys.platform == "linux" and (alone or sys.version_info < (3, 12)):
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole process group; the parent alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def admit_batches(batches: Sequence[Batch], jobs: int) -> list[Admission]:
    """Look at the words of the files of ``batches``, in order."""
    with process_pool(jobs) as pool:
        try:
            return [each for admissions in pool.map(admit_batch, batches) for each in admissions]
        except BrokenExecutor:
            return [Admission(True) for batch in batches for _ in batch.tasks]


def check_batches(
    batches: Sequence[Batch], jobs: int, *, executor: Executor | None = None, tick: Tick = lambda _: None
) -> Iterator[tuple[Batch, Checked]]:
    """Check all ``batches``, in any order, perhaps cut into smaller ones.

    Uses ``executor`` when given, else ``jobs`` processes. A file whose check kills its process is checked
    again alone; when it kills that one too, its result is a problem. ``tick`` hears how many files have begun.
    """
    if executor is None:
        yield from _on_own_pool(batches, jobs, tick)
        return
    futures = [executor.submit(check_batch, batch) for batch in batches]
    done = 0
    for batch, future in zip(batches, futures, strict=True):
        try:
            checked = future.result()
        except Exception:
            # A worker elsewhere died or lacks a rule's module.
            yield from _on_own_pool([batch], jobs, lambda _: None)
        else:
            yield batch, checked
        done += len(batch.tasks)
        tick(done)


def _on_own_pool(batches: Sequence[Batch], jobs: int, tick: Tick) -> Iterator[tuple[Batch, Checked]]:
    done = 0
    with TemporaryDirectory(prefix="greenlint-") as folder:
        pending = list(batches)
        while pending:
            crew = _Crew(Path(folder), pending, jobs)
            for batch, checked in crew.run(lambda begun, before=done: tick(before + begun)):  # type: ignore[misc]
                done += len(batch.tasks)
                yield batch, checked
            left = crew.unfinished()
            if len(left) == len(pending) and not any(each.current is not None for each in left):
                # Workers do not even start here.
                yield from ((batch, check_batch(batch)) for batch in pending)
                return
            parts = [(each, *each.apart()) for each in left]
            pending = [rest for _, _, rest in parts if rest is not None]
            suspects = [(each.hung, suspect) for each, suspect, _ in parts if suspect is not None]
            done += len(suspects)
            yield from (_alone(suspect, Path(folder), hung=hung) for hung, suspect in suspects)


def _alone(batch: Batch, folder: Path, *, hung: bool) -> tuple[Batch, Checked]:
    """The one file of ``batch`` in a process of its own, unless it is known to hang."""
    if not hung:
        crew = _Crew(folder, [batch], 1)
        done = list(crew.run(lambda _: None))
        if done:
            return done[0]
        hung = any(left.hung for left in crew.unfinished())
    [task] = batch.tasks
    limit = f"skipped: the check took more than {batch.timeout:g} seconds"
    problem = Problem("timeout", limit) if hung else Problem("crash", "skipped: the check ended its process")
    return batch, Checked((Outcome(FileResult(task.path, problems=(problem,))),), ())


@dataclass(slots=True)
class _Journal:
    """What a worker wrote about its progress."""

    path: Path

    def lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines()
        except OSError:
            return []

    @property
    def pid(self) -> int | None:
        lines = self.lines()
        return int(lines[0]) if lines else None

    @property
    def begun(self) -> int:
        """How many files have begun."""
        return sum(line != b"done" for line in self.lines()[1:])

    @property
    def current(self) -> int | None:
        """The number of the task that is being checked."""
        lines = self.lines()[1:]
        return int(lines[-1]) if lines and lines[-1] != b"done" else None

    @property
    def silent(self) -> float:
        """Seconds since the last line; 0 before the first and after the last."""
        if self.current is None:
            return 0.0
        return time.time() - self.path.stat().st_mtime


class _Unfinished(NamedTuple):
    """A batch that a dead or killed process left."""

    batch: Batch
    current: int | None
    hung: bool

    def apart(self) -> tuple[Batch | None, Batch | None]:
        """The file that was being checked, alone, and the other files."""
        tasks = self.batch.tasks
        if self.current is None:
            return None, self.batch
        suspect = self.batch._replace(tasks=(tasks[self.current],))
        others = tasks[: self.current] + tasks[self.current + 1 :]
        return suspect, self.batch._replace(tasks=others) if others else None


class _Crew:
    """One pool at work on some batches, watched until all are done or one of its processes dies."""

    def __init__(self, folder: Path, batches: Sequence[Batch], jobs: int) -> None:
        self._pool = process_pool(min(jobs, len(batches)))
        self._journals: list[_Journal] = []
        self._futures: dict[Future[Checked], int] = {}
        self._batches = batches
        self._left = set(range(len(batches)))
        self._hung: set[int] = set()
        start = len(list(folder.iterdir()))
        for number, batch in enumerate(batches):
            journal = _Journal(folder / str(start + number))
            journal.path.touch()
            self._journals.append(journal)
            self._futures[self._pool.submit(check_batch, batch._replace(journal=str(journal.path)))] = number

    def run(self, tick: Tick) -> Iterator[tuple[Batch, Checked]]:
        """Each batch as it is done; ends early when the pool breaks."""
        try:
            yield from self._collect(tick)
        except BaseException:
            self._kill(range(len(self._batches)))
            raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _collect(self, tick: Tick) -> Iterator[tuple[Batch, Checked]]:
        waiting = set(self._futures)
        while waiting:
            done, waiting = wait(waiting, timeout=_PULSE, return_when="FIRST_COMPLETED")
            for future in sorted(done, key=self._futures.__getitem__):
                number = self._futures[future]
                try:
                    checked = future.result()
                except BrokenExecutor:
                    continue
                self._left.discard(number)
                yield self._batches[number], checked
            tick(sum(journal.begun for journal in self._journals))
            self._end_hanging()

    def _end_hanging(self) -> None:
        for number in sorted(self._left - self._hung):
            limit = self._batches[number].timeout
            if limit and self._journals[number].silent > limit * _PATIENCE:
                self._hung.add(number)
                self._kill([number])

    def _kill(self, numbers: Sequence[int]) -> None:
        """End the processes that work on these batches; the pool then counts as broken."""
        for number in numbers:
            journal = self._journals[number]
            pid = journal.pid if journal.current is not None else None
            if pid is not None and pid != os.getpid():
                try:
                    os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
                except OSError:
                    continue

    def unfinished(self) -> list[_Unfinished]:
        """The batches that have no result after :meth:`run`."""
        return [
            _Unfinished(self._batches[number], self._journals[number].current, number in self._hung)
            for number in sorted(self._left)
        ]
