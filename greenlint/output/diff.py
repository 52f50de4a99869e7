"""What fixes would change, as a unified diff."""

from __future__ import annotations

import re
from collections.abc import Iterator

from greenlint.output.terminal import Style, visible

__all__ = ["diff"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_COLORS = {"+": "green", "-": "red", "@": "cyan"}


def diff(path: str, before: str, after: str, style: Style) -> Iterator[str]:
    """The lines of the diff, which other tools can apply when there is no colour."""
    from difflib import unified_diff

    # Only what tools that apply diffs take for lines.
    old, new = _LINE.findall(before), _LINE.findall(after)
    for line in unified_diff(old, new, visible(path), visible(path)):
        text = line.rstrip("\n") if line.endswith("\n") else f"{line}\n\\ No newline at end of file"
        looks = ("bold",) if line.startswith(("---", "+++")) else (_COLORS.get(line[0], ""),)
        yield style.paint(text, *filter(None, looks))
