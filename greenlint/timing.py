"""Seconds by phase and by rule, for ``--timings``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenlint.rule import Report, Rule

__all__ = ["RULE_PREFIX", "Stopwatch"]

RULE_PREFIX = "rule "
"""What the name of a phase begins with when the rest names a rule."""


class Stopwatch:
    """Stands in for rules and notes how long the hooks of each run.

    Facts are made when a rule first asks for them, so the first rule to ask seems to pay for all.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._seconds: dict[str, float] = {}
        self.rules: tuple[Any, ...] = tuple(_Timed(rule, self._seconds) for rule in rules)

    def phases(self, parse: float, total: float) -> tuple[tuple[str, float], ...]:
        """All phases of one file whose parse took ``parse`` seconds of ``total``."""
        hooks = sum(self._seconds.values())
        rules = tuple((RULE_PREFIX + name, seconds) for name, seconds in self._seconds.items())
        return (("parse", parse), ("facts and placing", max(0.0, total - parse - hooks)), *rules)


class _Timed:
    """A rule whose hooks are timed; everything else is the rule's."""

    def __init__(self, rule: Rule, seconds: dict[str, float]) -> None:
        self._rule, self._seconds_by_rule = rule, seconds
        self._hooks = {each.method for each in rule.subscriptions}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._rule, name)
        return self._timed(found) if name in self._hooks else found

    def _timed(self, hook: Callable[..., Iterator[Report]]) -> Callable[..., Iterator[Report]]:
        def run(*arguments: object) -> Iterator[Report]:
            reports = hook(*arguments)
            while True:
                started = time.perf_counter()
                report = next(reports, None)
                spent = time.perf_counter() - started
                self._seconds_by_rule[self._rule.name] = self._seconds_by_rule.get(self._rule.name, 0.0) + spent
                if report is None:
                    return
                yield report

        return run
