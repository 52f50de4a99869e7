"""One file, checked: the same pure function for the command line, hooks, editors, tests and the fixer."""

from __future__ import annotations

import datetime
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from greenlint.document import Document
from greenlint.edits import drop_imports
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.glance import Glance
from greenlint.facts.imports import Imports
from greenlint.facts.loops import LoopRole, Loops
from greenlint.facts.modules import Modules
from greenlint.facts.premises import held
from greenlint.facts.sources import EMPTY_PROJECT, ProjectSources, RunSettings
from greenlint.facts.tree import Tree
from greenlint.finding import Applicability, Crash, Finding, Fix, Related, Severity, Span
from greenlint.gate import Gate
from greenlint.rule import Report, Rule, Subscription, Where
from greenlint.suppress import Suppressed, suppress

__all__ = ["Analysis", "analyze"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in one document, in source order."""

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    crashes: tuple[Crash, ...] = ()


def analyze(
    document: Document,
    rules: Sequence[Rule],
    *,
    sources: ProjectSources = EMPTY_PROJECT,
    settings: RunSettings | None = None,
    severities: dict[str, Severity] | None = None,
    trust: Mapping[str, Applicability] | None = None,
    gate: bool = True,
    glance: Glance | None = None,
    concerned: frozenset[str] | None = None,
    known_rules: frozenset[str] | None = None,
    today: datetime.date | None = None,
    require_reason: bool = False,
) -> Analysis:
    """Run ``rules`` over ``document``.

    ``severities`` overrides the severity of rules by name, ``trust`` how far their edits are trusted. With
    ``gate=False`` every rule runs whose premises hold, whatever words the text has. ``glance`` is what was learnt of
    the text before it was parsed, and ``concerned`` the names of the rules that passed the gates then. ``known_rules``
    are all installed rule names, for the findings about suppressions; ``today`` is the day by which suppressions
    expire, and without it none does.
    """
    facts = Modules.begin(document, sources, settings if settings is not None else RunSettings(), glance)
    document = facts.document
    findings: list[Finding] = []
    crashes: list[Crash] = []
    for rule in _running(rules, facts.glance, concerned, gate=gate):
        try:
            reports = _unique(_run(rule, facts))
            findings.extend(_place(rule, report, facts, severities or {}, trust or {}) for report in reports)
        except RecursionError as error:
            crashes.append(Crash(rule.name, f"{type(error).__name__}: code nested too deeply for this rule"))
        except Exception as error:
            crashes.append(Crash(rule.name, f"{type(error).__name__}: {error}", traceback.format_exc()))
    findings.sort(key=lambda each: (each.span, each.rule, each.message))
    known = known_rules if known_rules is not None else frozenset(rule.name for rule in rules)
    kept = suppress(
        document,
        findings,
        enabled=frozenset(rule.name for rule in rules) - {crash.rule for crash in crashes},
        known=known,
        today=today,
        require_reason=require_reason,
        formerly={old: rule.name for rule in rules for old in rule.formerly},
        severities=severities,
    )
    return Analysis(kept.findings, kept.suppressed, tuple(crashes))


def _running(rules: Sequence[Rule], glance: Glance, concerned: frozenset[str] | None, *, gate: bool) -> Iterable[Rule]:
    if not gate:
        return [rule for rule in rules if held(rule.premises, glance)]
    if concerned is None:
        return Gate(rules).wants(glance)
    return [rule for rule in rules if rule.name in concerned]


def _run(rule: Rule, facts: Facts) -> Iterable[Report]:
    for subscription in rule.subscriptions:
        hook = getattr(rule, subscription.method)
        for subject in _subjects(subscription, facts):
            yield from hook(subject, facts)


def _subjects(subscription: Subscription, facts: Facts) -> Iterable[object]:
    if subscription.where is Where.CALL:
        return facts[Calls].named(*subscription.keys)
    if subscription.where is Where.NODE:
        tree = facts[Tree]
        return [node for key in subscription.keys for node in tree.of_type(getattr(cst, key))]
    if subscription.where is Where.LOOP:
        roles = {LoopRole(key) for key in subscription.keys}
        return [loop for loop in facts[Loops].all if loop.role in roles]
    return (facts.document.tree,)


def _unique(reports: Iterable[Report]) -> list[Report]:
    """One place, one finding: the first report of a rule at a node stands."""
    seen: dict[cst.CSTNode, Report] = {}
    for report in reports:
        seen.setdefault(report.node, report)
    return list(seen.values())


def _place(
    rule: Rule,
    report: Report,
    facts: Facts,
    severities: Mapping[str, Severity],
    trust: Mapping[str, Applicability],
) -> Finding:
    document = facts.document
    severity = severities.get(rule.name, rule.severity)
    if report.severity is not None and report.severity.rank < severity.rank:
        severity = report.severity
    return Finding(
        rule=rule.name,
        message=report.message,
        span=_anchor(document, report.node),
        severity=severity,
        confidence=report.confidence,
        help=report.help,
        notes=report.notes,
        related=tuple(_related(document, *each) for each in report.related),
        fix=_trusted(_completed(report.fix, facts), trust.get(rule.name)),
    )


def _completed(fix: Fix | None, facts: Facts) -> Fix | None:
    """A fix that leaves no import behind which only the code it deletes uses."""
    if fix is None or not any(each.span.start < each.span.end for each in fix.edits):
        return fix
    return replace(fix, edits=drop_imports(facts.document, fix.edits, is_taken=facts[Imports].gives))


def _trusted(fix: Fix | None, applicability: Applicability | None) -> Fix | None:
    """A fix as the configuration sees it; what only a person can do stays so."""
    if fix is None or applicability in (None, fix.applicability) or fix.applicability is Applicability.DISPLAY:
        return fix
    reason = fix.reason if applicability is not Applicability.UNSAFE else "the configuration does not trust it"
    return replace(fix, applicability=applicability, reason=reason)


def _related(document: Document, node: cst.CSTNode, message: str, other: Document | None = None) -> Related:
    if other is None or other is document:
        return Related(message, _anchor(document, node))
    span = _anchor(other, node)
    return Related(message, span, other.path, other.position(span.start).line)


def _anchor(document: Document, node: cst.CSTNode) -> Span:
    """The range to underline: the header of a compound statement, else the whole node."""
    span = document.span(node)
    header: cst.CSTNode | None = None
    if isinstance(node, cst.For):
        header = node.iter
    elif isinstance(node, (cst.While, cst.If)):
        header = node.test
    elif isinstance(node, cst.With):
        header = node.items[-1]
    elif isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        return document.span(node.name)
    if header is None:
        return span
    return Span(span.start, document.span(header).end)
