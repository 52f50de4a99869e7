from __future__ import annotations

import io

from greenlint.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drawn(stream: io.StringIO, *, seconds: float, wanted: bool = True) -> str:
    """What is on ``stream`` after half of four files and so many seconds."""
    clock = Clock()
    with Progress(stream, 4, wanted=wanted, clock=clock) as tick:
        tick(1)
        clock.now += seconds
        tick(2)
        return stream.getvalue()


def test_is_silent_in_the_first_second() -> None:
    assert drawn(Terminal(), seconds=0.9) == ""


def test_draws_after_a_second() -> None:
    assert drawn(Terminal(), seconds=1.1) == f"\r[{'#' * 15}{'.' * 15}] 2/4 files"


def test_is_silent_where_nobody_watches() -> None:
    assert drawn(io.StringIO(), seconds=9) == ""
    assert drawn(Terminal(), seconds=9, wanted=False) == ""


def test_the_bar_is_wiped_at_the_end() -> None:
    stream = Terminal()
    drawn(stream, seconds=2)

    assert stream.getvalue().endswith("\r\x1b[K")


def test_redraws_are_limited() -> None:
    stream, clock = Terminal(), Clock()
    with Progress(stream, 1_000, clock=clock) as tick:
        clock.now += 2
        for done in range(1_000):
            tick(done)

    assert stream.getvalue().count("files") == 1
