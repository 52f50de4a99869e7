"""Applies fixes in rounds until nothing is left to fix; never yields text that does not parse."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from greenlint.document import Document
from greenlint.finding import Applicability, Edit, Finding, Fix, Span, apply_edits, conflict
from greenlint.notebook_edits import apply_to_notebook

__all__ = ["ROUNDS", "SAFE", "UNSAFE", "FixResult", "apply_to_source", "fix"]

ROUNDS = 20
"""How often a file is checked again before its fixes count as unstable."""

SAFE = frozenset({Applicability.SAFE})
UNSAFE = frozenset({Applicability.SAFE, Applicability.UNSAFE})


@dataclass(frozen=True, slots=True)
class FixResult:
    """What came of fixing one source."""

    source: str
    applied: Mapping[str, int] = field(default_factory=dict)
    """How many fixes of each rule went in, by name."""
    unstable: tuple[str, ...] = ()
    """Rules whose fixes never came to rest; none of their fixes went in."""
    rejected: tuple[str, ...] = ()
    """Rules with a fix that would have broken the source; that fix was left out."""


def apply_to_source(source: str, document: Document, edits: Sequence[Edit]) -> str | None:
    """``source`` with edits of the ``document`` that was parsed from it; ``None`` where a notebook cannot take them."""
    return apply_to_notebook(source, document, edits) if document.is_notebook else apply_edits(source, edits)


Parse = Callable[[str], Document | None]
Analyze = Callable[[Document], Sequence[Finding]]
Apply = Callable[[str, Document, Sequence[Edit]], str | None]


def fix(
    source: str,
    *,
    parse: Parse,
    analyze: Analyze,
    levels: frozenset[Applicability] = SAFE,
    apply: Apply = apply_to_source,
) -> FixResult:
    """Apply the fixes of these ``levels`` to ``source`` until none is left.

    ``parse`` answers ``None`` for what does not parse. For a notebook ``source`` is its JSON, and ``apply`` puts
    edits of the joined text into it, or answers ``None`` where it cannot. Fixes that undo each other, or that
    never end, are left out and their rules named.
    """
    left_out: set[str] = set()
    while True:
        run = _Run(source, parse, analyze, levels, apply, frozenset(left_out))
        unstable = run.until_stable()
        if not unstable:
            rejected = tuple(sorted({rule for rule, _ in run.rejected}))
            return FixResult(run.source, dict(run.applied), tuple(sorted(left_out)), rejected)
        left_out |= unstable


@dataclass(frozen=True, slots=True)
class _Choice:
    """A fix and the rule that offers it."""

    rule: str
    fix: Fix

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What the fix is known by when places have moved."""
        return self.rule, (self.fix.title, *(edit.text for edit in self.fix.edits))


class _Run:
    """One attempt at a source, without the rules that proved unstable in earlier ones."""

    def __init__(
        self,
        source: str,
        parse: Parse,
        analyze: Analyze,
        levels: frozenset[Applicability],
        apply: Apply,
        left_out: frozenset[str],
    ) -> None:
        self.source = source
        self.applied: Counter[str] = Counter()
        self.rejected: set[tuple[str, tuple[str, ...]]] = set()
        self._parse, self._analyze, self._apply = parse, analyze, apply
        self._levels, self._left_out = levels, left_out

    def until_stable(self) -> set[str]:
        """Fix until nothing changes; else the rules that keep the source from coming to rest."""
        seen: dict[str, int] = {}
        history: list[set[str]] = []
        document = self._parse(self.source)
        while document is not None and document.tree.code == document.text:
            if self.source in seen:
                return set().union(*history[seen[self.source] :])
            if len(history) == ROUNDS:
                return history[-1]
            seen[self.source] = len(history)
            step = self._step(document)
            if step is None:
                break
            rules, self.source, document = step
            self.applied.update(rules)
            history.append(set(rules))
        return set()

    def _step(self, document: Document) -> tuple[list[str], str, Document] | None:
        """The rules whose fixes are made together, and what the source becomes; it parses."""
        while choices := self._compatible(document):
            fixed = self._fixed(document, choices)
            if fixed is None:
                choices, fixed = self._without_faulty(document, choices)
            if fixed is not None:
                return [each.rule for each in choices], *fixed
        return None

    def _without_faulty(
        self, document: Document, choices: Sequence[_Choice]
    ) -> tuple[list[_Choice], tuple[str, Document] | None]:
        """Those of ``choices`` that leave a source that parses; the others are rejected."""
        kept: list[_Choice] = []
        fixed: tuple[str, Document] | None = None
        for each in choices:
            attempt = self._fixed(document, [*kept, each])
            if attempt is None:
                self.rejected.add(each.key)
            else:
                kept.append(each)
                fixed = attempt
        return kept, fixed

    def _compatible(self, document: Document) -> list[_Choice]:
        """Fixes that do not overlap, the first in the text first."""
        wanted = [
            _Choice(finding.rule, finding.fix)
            for finding in self._analyze(document)
            if finding.fix is not None and finding.fix.edits
        ]
        wanted.sort(key=lambda each: min(edit.span for edit in each.fix.edits))
        chosen: list[_Choice] = []
        taken: list[Span] = []
        for each in wanted:
            spans = [edit.span for edit in each.fix.edits]
            if self._is_wanted(each, document) and not any(conflict(one, other) for one in spans for other in taken):
                chosen.append(each)
                taken += spans
        return chosen

    def _is_wanted(self, choice: _Choice, document: Document) -> bool:
        edits = choice.fix.edits
        return (
            choice.fix.applicability in self._levels
            and choice.rule not in self._left_out
            and choice.key not in self.rejected
            and not any(conflict(one.span, other.span) for one, other in itertools.combinations(edits, 2))
            and any(document.text[each.span.start : each.span.end] != each.text for each in edits)
        )

    def _fixed(self, document: Document, choices: Sequence[_Choice]) -> tuple[str, Document] | None:
        edits = [edit for each in choices for edit in each.fix.edits]
        source = self._apply(self.source, document, edits)
        fixed = self._parse(source) if source is not None else None
        return (source, fixed) if source is not None and fixed is not None else None
