"""What holds between which places of a file, where such regions lie inside one another."""

from __future__ import annotations

import bisect
import sys
from typing import Generic, TypeVar

__all__ = ["Regions"]

T = TypeVar("T")


class Regions(Generic[T]):
    """The innermost region at each rank of :class:`~greenlint.shape.Shape`.

    They are marked in one walk in source order, and looked up without one.
    """

    def __init__(self, outermost: T) -> None:
        self._ahead: list[tuple[int, int, T]] = []
        """First rank, last rank and what holds in what is still to begin, the nearest at the end."""
        self._around: list[tuple[int, T]] = [(sys.maxsize, outermost)]
        """Last rank and what holds in what has begun, the innermost at the end."""
        self._starts, self._values = [0], [outermost]

    def mark(self, first: int, last: int, value: T) -> None:
        """A region lies ahead; it begins before any other that does."""
        self._ahead.append((first, last, value))

    def reach(self, rank: int) -> T:
        """What holds at a rank, none of which is smaller than the one before."""
        while self._ahead and self._ahead[-1][0] <= rank:
            first, last, value = self._ahead.pop()
            self._leave(first)
            self._around.append((last, value))
            self._note(first, value)
        self._leave(rank)
        return self._around[-1][1]

    def finish(self) -> None:
        """All regions are marked."""
        self.reach(sys.maxsize)

    def at(self, rank: int) -> T:
        """What holds at a rank, once all regions are marked."""
        return self._values[bisect.bisect_right(self._starts, rank) - 1]

    def _leave(self, rank: int) -> None:
        while self._around[-1][0] < rank:
            last, _ = self._around.pop()
            self._note(last + 1, self._around[-1][1])

    def _note(self, start: int, value: T) -> None:
        self._starts.append(start)
        self._values.append(value)
