"""The gates: which rules a text could concern at all. Importable without libcst.

The first looks at words, the second at what Python's own parser shows, the third at what the text says of hardware,
precision and data. Each costs more than the one before, and all of them less than a full tree with its facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from greenlint.outline import Outline
from greenlint.rule import Rule
from greenlint.vocabulary import Vocabulary

if TYPE_CHECKING:
    from greenlint.facts.glance import Glance

__all__ = ["Gate"]


class Gate:
    """Tells which of ``rules`` could have a finding in a file; never loses one."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def admits(self, data: bytes) -> bool:
        """Whether any rule's words stand in the content of a file; of a notebook, its raw JSON."""
        vocabulary = Vocabulary(data)
        return any(_named(rule, vocabulary) for rule in self._rules)

    def wants(self, glance: Glance, outline: Outline | None = None) -> tuple[Rule, ...]:
        """The rules that could have a finding, by the words, the outline where it is known, and what the text says."""
        from greenlint.facts.premises import held

        vocabulary = glance.words
        return tuple(
            rule
            for rule in self._rules
            if _named(rule, vocabulary) and (outline is None or rule.concerns(outline)) and held(rule.premises, glance)
        )


def _named(rule: Rule, vocabulary: Vocabulary) -> bool:
    groups = (rule.frameworks, *rule.words) if rule.frameworks else rule.words
    return all(any(word in vocabulary for word in group) for group in groups)
