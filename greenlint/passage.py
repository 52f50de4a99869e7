"""A text, or a part of one, as patterns search it: without comments and docstrings, and with what imports rename.

Importable without libcst.
"""

from __future__ import annotations

import functools
import re
from typing import TypeAlias

from greenlint.vocabulary import Vocabulary

__all__ = ["Passage", "comments_of"]

Renamed: TypeAlias = dict[str, str]


class Passage:
    """A part of a text that begins and ends between statements: an edit elsewhere leaves all of it as it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._spelled: tuple[Renamed, Passage] | None = None

    @functools.cached_property
    def words(self) -> Vocabulary:
        """The vocabulary of the text."""
        return Vocabulary.of(self.text)

    @functools.cached_property
    def stripped(self) -> str:
        """The text without comments and docstrings."""
        return _stripped(self.text)

    @functools.cached_property
    def renamed(self) -> Renamed:
        """As :func:`_renamed`."""
        return _renamed(self.stripped)

    def spelled(self, own: Renamed) -> Passage:
        """The text as patterns search it where imports have ``own`` names for something."""
        if self._spelled is None or self._spelled[0] != own:
            self._spelled = own, Passage(_spelled_out(self.stripped, own))
        return self._spelled[1]


_TOKEN = re.compile(
    r"(\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')|(#[^\n]*)",
    re.DOTALL,
)
_IMPORTED = re.compile(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]*(\([^)]*\)|[^\n]*)", re.MULTILINE)
_RENAMED = re.compile(r"\b(torch(?=[ \t]+as)|\w+(?=[ \t]+as[ \t]+\w{3}))[ \t]+as[ \t]+(\w+)")


def comments_of(text: str) -> str:
    """The comments in ``text``."""
    return "\n".join(match.group(0) for match in _TOKEN.finditer(text) if match.group(1) is None)


def _renamed(code: str) -> Renamed:
    """What imports give another name than its own, by that; customary short aliases are left out."""
    pairs = (pair for found in _IMPORTED.finditer(code) for pair in _RENAMED.findall(found.group(1)))
    return {alias: name for name, alias in pairs if name != alias}


def _spelled_out(code: str, own: Renamed) -> str:
    """``code`` with ``Net`` for ``Mesh`` after ``from zoo import Net as Mesh``."""
    if not own:
        return code
    return re.sub(rf"\b(?:{'|'.join(own)})\b", lambda match: own[match.group()], code)


def _stripped(text: str) -> str:
    """``text`` without comments and docstrings."""

    def kept(match: re.Match[str]) -> str:
        literal: str | None = match.group(1)
        if literal is None:
            return ""
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
        if literal[:3] in ('"""', "'''") and before in ("", "r", "R"):
            return '""'
        return literal

    return _TOKEN.sub(kept, text)
