"""Checking again whenever a file changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["Snapshot", "snapshot", "watch"]

_INTERVAL = 0.5
"""Seconds between two looks at the files."""
_SETTLE = 0.2
"""Seconds without a change before a check: editors write in several steps."""

Snapshot = dict[str, tuple[int, int]]
"""Size and modification time by path."""


def snapshot(paths: Iterable[Path | str]) -> Snapshot:
    """What the files look like now; those that are not there are left out."""
    seen: Snapshot = {}
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - thousands of calls
        except OSError:
            continue
        seen[str(path)] = (status.st_size, status.st_mtime_ns)
    return seen


def watch(
    look: Callable[[], Snapshot],
    check: Callable[[list[str]], object],
    *,
    sleep: Callable[[float], object] = time.sleep,
    rounds: int | None = None,
) -> None:
    """Call ``check`` once, and again with the changed paths when ``look`` shows a change that has settled.

    Runs until interrupted; ``rounds`` bounds the number of looks.
    """
    before = look()
    check([])
    while rounds is None or rounds > 0:
        rounds = None if rounds is None else rounds - 1
        sleep(_INTERVAL)
        now = look()
        if now == before:
            continue
        now = _settled(look, now, sleep)
        changed = sorted({path for path, _ in before.items() ^ now.items()})
        before = now
        if changed:
            check(changed)


def _settled(look: Callable[[], Snapshot], now: Snapshot, sleep: Callable[[float], object]) -> Snapshot:
    while True:
        sleep(_SETTLE)
        after = look()
        if after == now:
            return now
        now = after
