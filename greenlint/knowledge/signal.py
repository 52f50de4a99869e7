"""A pattern with the words of which one must occur where it matches, so that most texts need no search. Data only."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Signal", "signal"]


class Signal(NamedTuple):
    """Something that the text of a program shows."""

    pattern: re.Pattern[str]
    words: tuple[str, ...]
    """Identifiers, or parts of some with ``*`` for the rest, one of which stands in every match."""


def signal(words: str, pattern: str, flags: int = 0) -> Signal:
    """A signal with its words separated by white space."""
    return Signal(re.compile(pattern, flags), tuple(words.split()))
