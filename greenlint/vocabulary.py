"""The identifiers of a file, found without parsing it: what the first gate looks at. Importable without libcst."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["WORD", "Vocabulary"]

WORD = re.compile(r"\*?\w+\*?", re.ASCII)
"""What a word of a gate may look like: an identifier, or a part of one with ``*`` for the rest."""

_IN_NAMES = bytes(
    code if chr(code).isascii() and (chr(code).isalnum() or chr(code) == "_") else 32 for code in range(256)
)
"""Makes everything a space that cannot stand in an ASCII identifier."""
_ESCAPED_ENDS = (b"\\n", b"\\t", b"\\r")
_ESCAPED_CODE = re.compile(rb"\\u[0-9a-fA-F]{4}")
"""How the JSON of notebooks writes what would otherwise run into the word behind it; ``\\u003d`` is ``=``."""


class Vocabulary:
    """Every identifier, keyword, number and word of strings and comments in a text."""

    __slots__ = ("_known", "_text", "_words")

    def __init__(self, data: bytes) -> None:
        for each in _ESCAPED_ENDS:
            if each in data:
                data = data.replace(each, b" ")
        if b"\\u" in data:
            data = _ESCAPED_CODE.sub(b" ", data)
        self._take(frozenset(data.translate(_IN_NAMES).decode("latin-1").split(" ")))

    def _take(self, words: frozenset[str]) -> None:
        self._words = words
        self._text: str | None = None
        self._known: dict[str, bool] = {}

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The vocabulary of decoded text."""
        return cls(text.encode("utf-8", "replace"))

    @classmethod
    def joined(cls, parts: Iterable[Vocabulary]) -> Vocabulary:
        """The vocabulary of a text from those of its parts, which begin and end between words."""
        vocabulary = cls.__new__(cls)
        vocabulary._take(frozenset[str]().union(*(each._words for each in parts)))
        return vocabulary

    def __contains__(self, word: str) -> bool:
        """Whether ``word`` occurs; ``Trainer*`` is a beginning, ``*Trainer`` an ending, ``*train*`` any part."""
        if "*" not in word:
            return word in self._words
        known = self._known.get(word)
        if known is None:
            if self._text is None:
                self._text = "\n".join(("", *self._words, ""))
            part = "".join(("" if word[0] == "*" else "\n", word.strip("*"), "" if word[-1] == "*" else "\n"))
            known = self._known[word] = part in self._text
        return known
