"""What fixes would change, as a unified diff."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from greenlint.output.terminal import Style, spelled_out, without_commands

__all__ = ["diff"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_COLORS = {"+": "green", "-": "red", "@": "cyan"}


def diff(path: str, before: str, after: str, style: Style) -> Iterator[str]:
    """The lines of the diff, which other tools can apply when there is no colour."""
    from difflib import unified_diff

    # Only what tools that apply diffs take for lines.
    old, new = _LINE.findall(before), _LINE.findall(after)
    name = _name(path)
    for line in unified_diff(old, new, name, name):
        text = line.rstrip("\n") if not style.color else spelled_out(line.rstrip("\r\n"), keep="\t")
        looks = ("bold",) if line.startswith(("---", "+++")) else (_COLORS.get(line[0], ""),)
        yield style.paint(text, *filter(None, looks))
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _name(path: str) -> str:
    """``path`` as ``git`` writes it, whose quotes ``patch`` reads, too."""
    if path.isprintable() and not path.startswith('"') and without_commands(path) == path:
        # Without the tab, `patch` takes only what is before a space for the name.
        return f"{path}\t" if " " in path else path
    return f'"{"".join(map(_quoted, os.fsencode(path)))}"'


def _quoted(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b"[" else f"\\{byte:03o}"
