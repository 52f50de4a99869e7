"""A file at a glance: what its text alone, and the texts around it, can tell without a full tree.

Importable without libcst.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from greenlint.passage import Passage
from greenlint.vocabulary import Vocabulary

if TYPE_CHECKING:
    from greenlint.facts.sources import ProjectSources, RunSettings
    from greenlint.knowledge.signal import Signal

__all__ = ["Code", "Glance", "TextKind", "code_of"]


class TextKind(Protocol):
    """A unit of knowledge about one file that needs no tree."""

    of_text: ClassVar[bool]

    def __init__(self, glance: Glance, /) -> None: ...


K = TypeVar("K")


class Glance:
    """The memoising door to what text tells of one file; ``facts[Kind]`` of its :class:`Facts` leads here too."""

    def __init__(
        self,
        path: str,
        text: str,
        sources: ProjectSources,
        settings: RunSettings,
        *,
        is_notebook: bool = False,
        passages: Sequence[Passage] = (),
    ) -> None:
        self.path = path
        """POSIX, relative to the project root where the file lies below it."""
        self.text = text
        """The source; of a notebook, its code cells joined."""
        self.sources = sources
        self.settings = settings
        self.is_notebook = is_notebook
        self._passages = passages or (Passage(text),)
        """What the text consists of."""
        self._made: dict[type, object] = {}

    def __getitem__(self, kind: type[K]) -> K:
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = cast("Any", kind)(self)
        return cast("K", made)

    def forget(self) -> None:
        """Drop what kinds know, which may rest on other files."""
        self._made.clear()

    @functools.cached_property
    def words(self) -> Vocabulary:
        """The vocabulary of the text."""
        return Vocabulary.joined(each.words for each in self._passages)

    @functools.cached_property
    def code(self) -> Code:
        """The text as patterns search it."""
        return Code(self._passages)


class Code:
    """A text as patterns search it; see :func:`code_of`."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        own = {alias: name for each in passages for alias, name in each.renamed.items()}
        self._parts = [each.spelled(own) for each in passages]
        self.text = "".join(each.text for each in self._parts)

    @classmethod
    def of(cls, text: str) -> Code:
        """That of a text read as a whole."""
        return cls((Passage(text),))

    @functools.cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary.joined(each.words for each in self._parts)

    def search(self, signal: Signal) -> re.Match[str] | None:
        """Where the code shows a signal: about a line with one of its words, from the line before to the one after."""
        for word in signal.words:
            if word in self._vocabulary:
                found = self._search_around(word.strip("*"), signal.pattern)
                if found is not None:
                    return found
        return None

    def _search_around(self, word: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
        text = self.text
        at = text.find(word)
        while at >= 0:
            line_end = text.find("\n", at)
            found = pattern.search(text, *_lines_around(text, at))
            if found is not None:
                return found
            at = text.find(word, max(at + 1, line_end))
        return None

    def shows(self, signal: Signal) -> bool:
        """Whether the code shows a signal."""
        return self.search(signal) is not None


_TO_NEXT_LINE = re.compile(r"[^\n]*(?:\n[ \t\r]*)*[^\n]*")


def _lines_around(text: str, at: int) -> tuple[int, int]:
    """Start and end of the lines before, at and after ``at``, blank ones not counted."""
    start = text.rfind("\n", 0, at) + 1
    while start:
        below, start = start, text.rfind("\n", 0, start - 1) + 1
        if not text[start:below].isspace():
            break
    after = _TO_NEXT_LINE.match(text, at)
    return start, after.end() if after is not None else len(text)


def code_of(text: str) -> str:
    """``text`` without comments and docstrings, and with what is imported under its own name.

    Other strings stay, because options are named in them.
    """
    return Code.of(text).text
