"""The byte gate: which rules a text could concern at all. Importable without libcst."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from greenlint.outline import Outline
from greenlint.rule import Rule

__all__ = ["Gate"]


class Gate:
    """Tells by words alone whether any of ``rules`` can have a finding in a text.

    Identifiers survive the escaping of notebooks, so raw notebook JSON may be tested as it is.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._plans = [(rule.frameworks, rule.words) for rule in rules]
        self._words = {word for frameworks, words in self._plans for group in (frameworks, *words) for word in group}

    def admits(self, text: str) -> bool:
        """Whether a rule's framework and a word of each of its groups stand in ``text``."""
        return any(self._holding(text))

    def wants(self, text: str, tree: ast.AST) -> bool:
        """Whether a rule that the words of ``text`` admit is concerned by what Python's own parser shows of it."""
        admitted = [rule for rule, holds in zip(self._rules, self._holding(text), strict=True) if holds]
        outline = Outline.of(tree)
        return any(rule.concerns(outline) for rule in admitted)

    def _holding(self, text: str) -> Iterator[bool]:
        present: dict[str, bool] = {}

        def holds(group: Sequence[str]) -> bool:
            for word in group:
                found = present.get(word)
                if found is None:
                    found = present[word] = word in text
                if found:
                    return True
            return not group

        return (holds(frameworks) and all(map(holds, words)) for frameworks, words in self._plans)
