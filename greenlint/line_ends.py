"""Lines as Python, editors and notebooks count them: a form feed or another separator of texts ends none."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["LINE_END", "lines_of", "lines_with_ends"]

LINE_END = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """The lines without their ends; behind a last line end stands an empty one."""
    return LINE_END.split(text)


def lines_with_ends(text: str) -> Iterator[str]:
    """The lines with their ends."""
    at = 0
    for match in LINE_END.finditer(text):
        yield text[at : match.end()]
        at = match.end()
    if at < len(text):
        yield text[at:]
