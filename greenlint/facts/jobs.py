"""Batch jobs that start a file: Slurm scripts and crontabs near it. Text alone answers."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from greenlint.facts.glance import Glance

__all__ = ["Job", "Jobs"]

_SCRIPTS = (".sh", ".bash", ".slurm", ".sbatch", ".cron", "crontab")
_LARGEST = 100_000
_MOST = 200
_LIMIT = re.compile(
    r"nvidia-smi[^\n]*(?:-pl\b|--power-limit|-lgc\b|--lock-gpu-clocks|-ac\b)|--gpu-freq|--cpu-freq|--gpus-power"
    r"|power[-_]?(?:limit|cap)|\bzeus\b|rocm-smi[^\n]*--setpoweroverdrive",
    re.IGNORECASE,
)
_TIME = re.compile(r"^#SBATCH\s+(?:--time[= ]|-t\s*)(\S+)", re.MULTILINE)
_NODES = re.compile(r"^#SBATCH\s+(?:--nodes[= ]|-N\s*)(\d+)", re.MULTILINE)
_CRON = re.compile(r"^\s*(?:@(?:hourly|daily|weekly|midnight)|(?:[\d*/,-]+\s+){4}[\d*/,\w-]+)\s+\S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Job:
    """One script that starts the file."""

    path: str
    hours: float | None
    """How long it may run by its own request."""
    nodes: int
    recurring: bool
    """Whether it runs by the clock, again and again."""
    limited: bool
    """Whether it sets a limit of power or clocks."""


class Jobs:
    """Job scripts that start one file."""

    of_text: ClassVar[bool] = True

    def __init__(self, glance: Glance) -> None:
        self._glance = glance

    @functools.cached_property
    def all(self) -> tuple[Job, ...]:
        """The Slurm scripts and crontabs of the project that name the file."""
        return tuple(self._find())

    def _find(self) -> Iterator[Job]:
        name = posixpath.basename(self._glance.path)
        module = re.compile(rf"(?<![\w.-]){re.escape(name)}\b|-m\s+[\w.]*\b{re.escape(name.rpartition('.')[0])}\b")
        sources = self._glance.sources
        scripts = [path for path in sources.config_files() if path.endswith(_SCRIPTS)]
        for path in scripts[:_MOST]:
            text = sources.read(path) or ""
            if len(text) > _LARGEST or module.search(text) is None:
                continue
            is_cron = path.endswith(("cron", "crontab")) and _CRON.search(text) is not None
            if is_cron or "#SBATCH" in text:
                yield Job(path, _hours(text), _nodes(text), is_cron, _LIMIT.search(text) is not None)


def _hours(text: str) -> float | None:
    """The requested time: ``minutes``, ``[days-]hours[:minutes[:seconds]]`` or ``minutes:seconds``."""
    found = _TIME.search(text)
    if found is None:
        return None
    days, dash, clock = found[1].rpartition("-")
    parts = clock.split(":")
    if not all(each.isdigit() for each in (*parts, *([days] if dash else []))):
        return None
    numbers = [int(each) for each in parts]
    sizes = (1.0, 60.0, 3600.0) if dash or len(numbers) == 3 else (60.0, 3600.0)
    hours = sum(number / size for number, size in zip(numbers, sizes, strict=False))
    return hours + 24 * int(days) if dash else hours


def _nodes(text: str) -> int:
    found = _NODES.search(text)
    return int(found[1]) if found is not None else 1
