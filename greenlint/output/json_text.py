"""JSON that every parser takes, and in which no log reader finds a command."""

from __future__ import annotations

import json
import re

__all__ = ["json_text"]

_PIECE = re.compile(
    r"\\u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(?P<lone>d[89a-f][0-9a-f]{2}))|\\."
    r"|(?P<command>##(?:vso)?)\[",
    re.IGNORECASE,
)


def json_text(value: object, indent: int | None = None) -> str:
    """``value`` in ASCII, which survives every stream encoding.

    Half a surrogate pair, as names that are not UTF-8 and broken notebooks have them, is spelled out: parsers differ on
    it, and some refuse the whole report.
    """
    return _PIECE.sub(_harmless, json.dumps(value, indent=indent))


def _harmless(found: re.Match[str]) -> str:
    if found["lone"] is not None:
        return f"\\{found.group()}"
    if found["command"] is not None:
        return f"{found['command']}\\u005b"
    return found.group()
