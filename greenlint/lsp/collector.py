"""Garbage is collected while nobody waits: a collection in the midst of a check can take as long as the check."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

__all__ = ["Collector"]

_PAUSE = 1.0
"""Seconds without a check after which nobody is taken to be typing."""
_CHECKS = 100
"""After so many without a pause it cannot wait; what has to be collected is little, for trees hold no cycles."""


class Collector:
    """Stands in for the interpreter's own timing, within one process."""

    def __init__(self, run: Callable[[Callable[[], int]], Awaitable[object]]) -> None:
        self._run = run
        """Runs something after the checks that are asked for."""
        self._pending = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Future[object] | None = None

    def start(self) -> None:
        """Leave out what exists, and the interpreter's own collections, from now on."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def checked(self) -> None:
        """A check has come to its end."""
        self._pending += 1
        if self._timer is not None:
            self._timer.cancel()
        if self._pending >= _CHECKS:
            self._collect()
        else:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._collect)

    def _collect(self) -> None:
        self._pending, self._timer = 0, None
        self._task = asyncio.ensure_future(self._run(gc.collect))
