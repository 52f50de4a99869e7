"""What a stream can show: colour, width, and text that cannot harm a terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

__all__ = [
    "ELLIPSIS",
    "Style",
    "cells",
    "shown_path",
    "spelled_out",
    "style_for",
    "visible",
    "width",
    "without_commands",
]

ELLIPSIS = "..."
_UNKNOWN_WIDTH = 160
_TAB = "    "
_LOG_COMMAND = re.compile(r"##(?:vso)?\[", re.IGNORECASE)
"""What CI systems take for the begin of a command, anywhere in a line of a log."""
_BRACKET = "\\x5b"
_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How to write to one stream."""

    color: bool = False
    width: int = _UNKNOWN_WIDTH
    """Terminal cells in a line."""

    def paint(self, text: str, *looks: str) -> str:
        """``text`` in these looks (``bold``, ``red`` ...), as it is when there is no colour."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[look] for look in looks)}m{text}\x1b[0m"


def style_for(stream: TextIO, color: str = "auto", environment: Mapping[str, str] = os.environ) -> Style:
    """The style for ``stream``; ``color`` is ``auto``, ``always`` or ``never``."""
    terminal = _is_terminal(stream)
    width = _terminal_width(stream) if terminal else _UNKNOWN_WIDTH
    if color != "auto":
        return Style(color == "always", width)
    if environment.get("NO_COLOR"):
        return Style(False, width)
    forced = environment.get("FORCE_COLOR", "")
    if forced:
        return Style(forced != "0", width)
    return Style(terminal and environment.get("TERM") != "dumb" and _understands_codes(environment), width)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _terminal_width(stream: TextIO) -> int:
    try:
        return max(40, os.get_terminal_size(stream.fileno()).columns)
    except (OSError, ValueError):
        return _UNKNOWN_WIDTH


def _understands_codes(environment: Mapping[str, str]) -> bool:
    return os.name != "nt" or any(name in environment for name in ("WT_SESSION", "ANSICON", "TERM", "TERM_PROGRAM"))


def visible(text: str) -> str:
    """``text`` on one line and without control characters, with which a file could fool a terminal."""
    if text.isprintable() and "##" not in text:
        return text
    return without_commands("".join(_shown(character) for character in text))


def spelled_out(text: str, keep: str = "") -> str:
    """``text`` without control characters, which stand there as Python writes them, but for those in ``keep``.

    Spaces of other scripts stay what they are, as in names of files.
    """
    if text.isprintable():
        return text
    return "".join(each if each in keep or _is_harmless(each) else _spelled_out(each) for each in text)


def shown_path(path: str) -> str:
    """``path`` at the start of a line: still the same file, unless its name has control characters."""
    shown = without_commands(spelled_out(path))
    # GitHub takes a line for a command that begins so.
    return f"./{shown}" if shown.lstrip().startswith("::") else shown


def cells(text: str) -> list[str]:
    """``text`` character by character as shown in a frame: tabs widened, control characters spelled out."""
    shown = [_TAB if character == "\t" else _shown(character) for character in text]
    for command in _LOG_COMMAND.finditer(text):
        shown[command.end() - 1] = _BRACKET
    return shown


def without_commands(text: str, bracket: str = _BRACKET) -> str:
    """``text`` with another spelling of the bracket of what CI systems take for commands."""
    return _LOG_COMMAND.sub(lambda found: f"{found.group()[:-1]}{bracket}", text)


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return character if _is_harmless(character) else _spelled_out(character)


def _is_harmless(character: str) -> bool:
    if not character.isspace():
        return character.isprintable() or _joins(character)
    from unicodedata import category

    return category(character) == "Zs"


def _spelled_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _joins(character: str) -> bool:
    """Zero-width joiners and variation selectors, which emoji are made of."""
    return character in "\u200d\ufe0e\ufe0f"


def width(shown: str) -> int:
    """The terminal cells that ``shown`` takes."""
    if shown.isascii():
        return len(shown)
    from unicodedata import combining, east_asian_width

    total = 0
    for character in shown:
        if combining(character) or _joins(character):
            continue
        total += 2 if east_asian_width(character) in "WF" else 1
    return total
