"""Which rules run: of one source the most specific selector wins, of several sources the later one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from greenlint.rule import Category, RuleOptions

__all__ = ["ALL", "RuleCatalogue", "RuleEntry", "Selection", "Selector", "enabled_rules", "most_specific"]

ALL = "ALL"

O = TypeVar("O")  # noqa: E741 - the type of origins, which this module only hands through


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """What configuration needs to know of an installed rule."""

    name: str
    category: str
    default: bool
    """Whether it runs without being selected."""
    deprecated: bool = False
    """Whether only its own name selects it."""
    options: type = RuleOptions


@dataclass(frozen=True, slots=True)
class RuleCatalogue:
    """All installed rules, by name."""

    entries: Mapping[str, RuleEntry]
    former: Mapping[str, str] = field(default_factory=dict)
    """Names rules once had, with the names they have now."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Names of rules that are installed but did not load, with the reason."""
    withheld: frozenset[str] = frozenset()
    """Names of rules of a project that is not trusted, which are not loaded; that is said once for all of them."""

    def categories(self) -> frozenset[str]:
        """Every name that selects a category, whether or not it holds rules."""
        return frozenset(each.value for each in Category) | {each.category for each in self.entries.values()}

    def selectors(self) -> tuple[str, ...]:
        """Every name that may stand in ``select`` or ``ignore``, for suggestions."""
        return (ALL, *sorted(self.categories()), *sorted(self.entries))


@dataclass(frozen=True, slots=True)
class Selector(Generic[O]):
    """One entry of ``select``, ``ignore`` or ``severity``: a rule, a category or ``ALL``."""

    name: str
    rank: int
    """How specific: 0 ``ALL``, 1 category, 2 rule."""
    origin: O

    def matches(self, rule: RuleEntry) -> bool:
        """Whether the rule is meant; a deprecated one only by its name."""
        if self.rank == 2:
            return rule.name == self.name
        return not rule.deprecated and (self.rank == 0 or rule.category == self.name)


@dataclass(frozen=True, slots=True)
class Selection(Generic[O]):
    """What one source says: a file, a table of overrides, the environment or the command line."""

    select: tuple[Selector[O], ...] | None = None
    """In place of everything selected before; ``None`` leaves that alone."""
    extend: tuple[Selector[O], ...] = ()
    ignore: tuple[Selector[O], ...] = ()


def most_specific(selectors: Iterable[Selector[O]], rule: RuleEntry) -> Selector[O] | None:
    """The most specific selector that means ``rule``; of equals the last."""
    best: Selector[O] | None = None
    for each in selectors:
        if each.matches(rule) and (best is None or each.rank >= best.rank):
            best = each
    return best


def enabled_rules(
    catalogue: RuleCatalogue,
    sources: Iterable[Selection[O]],
    default: O,
    pinned: Iterable[Selection[O]] = (),
) -> dict[str, O]:
    """The rules that run, each with the origin that switched it on, by name.

    Of one source the more specific selector wins, and ``ignore`` among equals. A later source wins over an
    earlier one, except that no selector switches on what a more specific ``ignore`` switched off. What the
    sources in ``pinned`` (also among ``sources``) switch off stays off: what is said of single files outlasts
    the command line.
    """
    every = tuple(sources)
    kept = {}
    for name in sorted(catalogue.entries):
        origin = _decide(catalogue.entries[name], every, tuple(pinned), default)
        if origin is not None:
            kept[name] = origin
    return kept


def _decide(
    rule: RuleEntry, sources: tuple[Selection[O], ...], pinned: tuple[Selection[O], ...], default: O
) -> O | None:
    on: O | None = default if rule.default and not rule.deprecated else None
    ignored = -1
    fixed_off = False
    for source in sources:
        if source.select is not None:
            on = None
        wanted = most_specific((*(source.select or ()), *source.extend), rule)
        unwanted = most_specific(source.ignore, rule)
        if unwanted is not None and (wanted is None or unwanted.rank >= wanted.rank):
            on, ignored = None, unwanted.rank
            fixed_off = fixed_off or any(source is each for each in pinned)
        elif wanted is not None and ignored <= wanted.rank:
            on, ignored = wanted.origin, -1
            fixed_off = fixed_off and not any(source is each for each in pinned)
    return None if fixed_off else on
