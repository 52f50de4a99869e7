"""A bar for people who wait at a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

__all__ = ["Progress"]

_PATIENCE = 1.0
"""Seconds before anything is shown."""
_INTERVAL = 0.1
"""Seconds between two redraws."""
_WIDTH = 30


class Progress:
    """Draws how much of ``total`` is done on ``stream``, if that is a terminal and the work takes a while.

    The bar is wiped at the end of the ``with`` block.
    """

    def __init__(
        self, stream: TextIO, total: int, *, wanted: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._total, self._clock = stream, total, clock
        self._wanted = wanted and total > 0 and stream.isatty()
        self._next = clock() + _PATIENCE
        self._drawn = False

    def __call__(self, done: int) -> None:
        """Note that ``done`` of the total are done."""
        now = self._clock()
        if not self._wanted or now < self._next:
            return
        self._next = now + _INTERVAL
        self._drawn = True
        filled = _WIDTH * min(done, self._total) // self._total
        self._write(f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{self._total} files")

    def __enter__(self) -> Callable[[int], None]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._wanted = False
