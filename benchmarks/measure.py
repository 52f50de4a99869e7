"""Run commands one at a time; take their wall time, CPU time and memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 if sys.platform.startswith("linux") else 1024 * 1024
"""`ru_maxrss` counts KiB on Linux, bytes on macOS."""

PROC = Path("/proc")
STOPWATCH = Path(__file__).with_name("stopwatch.py")


class RunFailedError(Exception):
    """A command that did not do its work, so its time means nothing."""


@dataclass(frozen=True)
class Setting:
    """What all runs of a set share."""

    folder: Path
    caches: Path
    timeout: float


@dataclass(frozen=True)
class Command:
    """A command line, its good exit codes, and how to count the findings that it prints."""

    line: Sequence[str]
    exits: frozenset[int] = frozenset({0})
    count: Callable[[str], int] | None = None


@dataclass(frozen=True)
class Run:
    """One run. `peak` is the resident memory of the largest process of the tree, in MiB."""

    wall: float
    cpu: float
    peak: float
    findings: int | None


@dataclass(frozen=True)
class Pair:
    """A peer's run and the run of greenlint just before it, if any."""

    peer: Run
    reference: Run | None

    @property
    def ratio(self) -> float | None:
        return self.peer.wall / self.reference.wall if self.reference else None


@dataclass
class Memory:
    """Resident memory of a run's processes, in MiB."""

    main: float = 0.0
    worker: float = 0.0
    workers: int = 0
    halfway: float = 0.0
    end: float = 0.0


def keep_to_cores(count: int) -> int:
    """Confine this process, and so all it starts, to `count` cores where the system can; how many it has."""
    if sys.platform.startswith("linux"):
        cores = sorted(os.sched_getaffinity(0))[:count]
        os.sched_setaffinity(0, cores)
        return len(cores)
    return min(count, os.cpu_count() or 1)


def run_once(command: Command, setting: Setting, jobs: int) -> Run:
    """Run a command to its end. Raises `RunFailedError` for a wrong exit code, a traceback or a timeout."""
    with tempfile.TemporaryDirectory() as scratch:
        output, errors, result = (Path(scratch, name) for name in ("output", "errors", "result"))
        with output.open("wb") as out, errors.open("wb") as err:
            line = [sys.executable, "-I", "-S", str(STOPWATCH), str(result), *command.line]
            _wait(_start(line, setting, jobs, out.fileno(), err.fileno()), setting.timeout)
        wall, cpu, peak, code = _times(result)
        _require_success(command, code, errors.read_text(encoding="utf-8", errors="replace"))
        findings = command.count(output.read_text(encoding="utf-8")) if command.count else None
    return Run(wall, cpu, peak, findings)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> None:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        _kill(process.pid)
        process.wait()
        raise RunFailedError(f"stopped after {timeout:.0f} s") from None


def _times(result: Path) -> tuple[float, float, float, int]:
    if not result.is_file():
        raise RunFailedError("could not be started")
    wall, cpu, peak, code = result.read_text(encoding="utf-8").split()
    return float(wall), float(cpu), int(peak) / MIB, int(code)


def watch_memory(command: Command, setting: Setting, jobs: int, interval: float = 0.01) -> Memory | None:
    """Run a command once more, untimed, and watch the memory of its processes (Linux only)."""
    if not PROC.is_dir():
        return None
    process = _start(command.line, setting, jobs, subprocess.DEVNULL, subprocess.DEVNULL)
    guard = threading.Timer(setting.timeout, _kill, [process.pid])
    guard.start()
    peaks: dict[int, float] = {}
    course: list[float] = []
    while process.poll() is None:
        course.append(_sample(process.pid, peaks))
        time.sleep(interval)
    guard.cancel()
    return _summary(process.pid, peaks, course)


def alternate(
    reference: Callable[[], Run] | None, peer: Callable[[], Run], rounds: int, enough: float
) -> Iterator[Pair]:
    """A B A B: each run of the peer straight after one of the reference; once only if it takes too long."""
    for _ in range(rounds):
        before = reference() if reference else None
        after = peer()
        yield Pair(after, before)
        if after.wall > enough:
            return


def empty_caches(setting: Setting) -> None:
    shutil.rmtree(setting.caches, ignore_errors=True)
    setting.caches.mkdir(parents=True)


def _start(line: Sequence[str], setting: Setting, jobs: int, out: int, err: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        line,
        cwd=setting.folder,
        env=_environment(os.environ, setting.caches, jobs),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )


def _environment(base: Mapping[str, str], caches: Path, jobs: int) -> dict[str, str]:
    kept = {name: value for name, value in base.items() if not name.startswith(("PYTHON", "RUFF", "GREENLINT"))}
    return kept | {
        "RAYON_NUM_THREADS": str(jobs),
        "XDG_CACHE_HOME": str(caches),
        "PYTHONHASHSEED": "0",
        "NO_COLOR": "1",
    }


def _require_success(command: Command, code: int, errors: str) -> None:
    if code not in command.exits or "Traceback (most recent call last)" in errors:
        last = next((line for line in reversed(errors.splitlines()) if line.strip()), "no message")
        raise RunFailedError(f"exit code {code}: {last.strip()}")


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _sample(main: int, peaks: dict[int, float]) -> float:
    """Note each process's peak so far; the memory of the largest worker now."""
    largest = 0.0
    for pid in _tree(main):
        now, peak = _resident(pid)
        peaks[pid] = max(peaks.get(pid, 0.0), peak)
        if pid != main:
            largest = max(largest, now)
    return largest


def _tree(pid: int) -> Iterator[int]:
    yield pid
    children: list[str] = []
    with contextlib.suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            children += (thread / "children").read_text().split()
    for child in children:
        yield from _tree(int(child))


def _resident(pid: int) -> tuple[float, float]:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return int(sizes.get("VmRSS", 0)) / 1024, int(sizes.get("VmHWM", 0)) / 1024


def _summary(main: int, peaks: dict[int, float], course: list[float]) -> Memory:
    workers = [peak for pid, peak in peaks.items() if pid != main]
    busy = [size for size in course if size]
    return Memory(
        main=peaks.get(main, 0.0),
        worker=max(workers, default=0.0),
        workers=len(workers),
        halfway=max(busy[: len(busy) // 2], default=0.0),
        end=max(busy[len(busy) // 2 :], default=0.0),
    )
