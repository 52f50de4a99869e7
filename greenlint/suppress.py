"""Which findings a file's own comments suppress, and what is wrong with those comments."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from greenlint.directives import PLACEHOLDER, Directive, NameAt, Units, read_directives
from greenlint.document import Document
from greenlint.finding import Applicability, Edit, Finding, Fix, Severity, Span
from greenlint.suppression_rules import (
    ExpiredSuppression,
    MalformedSuppression,
    SuppressionWithoutReason,
    UnknownSuppression,
    UnusedSuppression,
)

__all__ = ["Suppressed", "Suppression", "can_be_ignored", "file_ignore_edits", "ignore_edits", "suppress"]

_WIDTH = 100
"""The line length from which a new comment goes above the code rather than behind it."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that a comment suppresses."""

    finding: Finding
    reason: str | None = None
    until: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """What is left of the findings, findings about comments included, and what is not."""

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()


@dataclass(slots=True)
class _Comments:
    """The comments of a file, and which of their names have met a finding."""

    directives: list[Directive]
    formerly: Mapping[str, str]
    used: set[NameAt] = field(default_factory=set)

    def match(self, finding: Finding) -> Iterator[tuple[Directive, NameAt]]:
        """The names that speak of ``finding``, those beside the code before those for the whole file."""
        for whole_file in (False, True):
            for directive in self.directives:
                if directive.whole_file is whole_file and _covers(directive, finding.span.start):
                    for name in directive.names:
                        if self.formerly.get(name.name, name.name) == finding.rule:
                            yield directive, name


def suppress(
    document: Document,
    findings: Sequence[Finding],
    *,
    enabled: frozenset[str],
    known: frozenset[str],
    today: datetime.date | None = None,
    require_reason: bool = False,
    formerly: Mapping[str, str] | None = None,
    severities: Mapping[str, Severity] | None = None,
) -> Suppression:
    """Take out what comments suppress, and add what the suppression rules among ``enabled`` find.

    ``enabled`` are the rules that ran on the file and did not crash; only their names can be unused.
    ``known`` are all rules there are, ``formerly`` leads from old names to new ones. Without ``today`` no
    comment expires.
    """
    directives = read_directives(document, known)
    if not directives:
        return Suppression(tuple(findings))
    comments = _Comments(directives, formerly or {})
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    for finding in findings:
        by = _suppressor(comments, finding, today)
        if by is None:
            kept.append(finding)
        else:
            suppressed.append(Suppressed(finding, by.reason, by.until))
    judge = _Judge(document, comments, enabled, known, today, require_reason, severities or {})
    kept.extend(judge.findings())
    kept.sort(key=lambda each: (each.span, each.rule, each.message))
    return Suppression(tuple(kept), tuple(suppressed))


def _covers(directive: Directive, offset: int) -> bool:
    if directive.error is not None:
        return False
    if directive.whole_file:
        return True
    covers = directive.covers
    return covers is not None and covers.start <= offset < max(covers.end, covers.start + 1)


def _suppressor(comments: _Comments, finding: Finding, today: datetime.date | None) -> Directive | None:
    for directive, name in comments.match(finding):
        comments.used.add(name)
        if not _is_expired(directive, today):
            return directive
    return None


def _is_expired(directive: Directive, today: datetime.date | None) -> bool:
    return today is not None and directive.until is not None and today > directive.until


@dataclass(frozen=True, slots=True)
class _Judge:
    """Finds fault with comments once it is clear which of them were of use."""

    document: Document
    comments: _Comments
    enabled: frozenset[str]
    known: frozenset[str]
    today: datetime.date | None
    require_reason: bool
    severities: Mapping[str, Severity]

    def findings(self) -> Iterator[Finding]:
        for directive in self.comments.directives:
            if directive.noqa:
                continue  # shared with other tools, which have their own opinion of it
            if directive.error is not None:
                yield from self._malformed(directive, directive.error)
                continue
            unused = self._unused(directive)
            if unused:
                yield from self._report_unused(directive, unused)
            if len(unused) < len(directive.names) or UnusedSuppression.name not in self.enabled:
                yield from self._expired(directive)
                yield from self._without_reason(directive)
            for name in directive.names:
                yield from self._unknown(name)

    def _malformed(self, directive: Directive, error: str) -> Iterator[Finding]:
        remedy = directive.remedy
        fix = None
        if remedy is not None and self._names_rules(remedy):
            edits = (Edit(directive.span, remedy),)
            fix = Fix("write the suppression in its right form", edits, Applicability.SAFE)
        yield from self._finding(
            MalformedSuppression.name,
            directive.span,
            f"{error}, so this suppresses nothing",
            "write `# greenlint: ignore[rule-name] reason`",
            fix,
        )

    def _names_rules(self, remedy: str) -> bool:
        listed = remedy.partition("[")[2].partition("]")[0]
        return all(name.strip() in self.known for name in listed.split(","))

    def _unused(self, directive: Directive) -> list[NameAt]:
        return [
            name for name in directive.names if self._current(name) in self.enabled and name not in self.comments.used
        ]

    def _report_unused(self, directive: Directive, unused: list[NameAt]) -> Iterator[Finding]:
        listed = _listed([name.name for name in unused])
        where = "in this file" if directive.whole_file else "here"
        edits = _without(self.document, directive, unused)
        yield from self._finding(
            UnusedSuppression.name,
            directive.span,
            f"there is no finding of {listed} {where} to suppress",
            "remove what is not needed from the comment",
            Fix("remove what suppresses nothing", edits, Applicability.SAFE),
        )

    def _expired(self, directive: Directive) -> Iterator[Finding]:
        if not _is_expired(directive, self.today):
            return
        listed = _listed([name.name for name in directive.names])
        yield from self._finding(
            ExpiredSuppression.name,
            directive.span,
            f"the suppression of {listed} expired after {directive.until}",
            "mend the code, or set a new date",
        )

    def _without_reason(self, directive: Directive) -> Iterator[Finding]:
        if directive.reason is None:
            yield from self._finding(
                SuppressionWithoutReason.name,
                directive.span,
                "nothing says why this finding does not matter",
                "write the reason behind the bracket",
            )

    def _unknown(self, name: NameAt) -> Iterator[Finding]:
        current = self._current(name)
        if current != name.name:
            fix = Fix(f"write `{current}`", (Edit(name.span, current),), Applicability.SAFE)
            message = f"`{name.name}` is now called `{current}`"
            yield from self._finding(UnknownSuppression.name, name.span, message, None, fix)
        elif name.name not in self.known:
            yield from self._finding(
                UnknownSuppression.name,
                name.span,
                f"no rule is called `{name.name}`",
                "see `greenlint rule` for the names",
                self._guess(name),
            )

    def _guess(self, name: NameAt) -> Fix | None:
        import difflib

        near = difflib.get_close_matches(name.name.lower().replace("_", "-"), sorted(self.known), n=1)
        if not near:
            return None
        edits = (Edit(name.span, near[0]),)
        return Fix(f"write `{near[0]}`", edits, Applicability.UNSAFE, "the nearest name is a guess")

    def _current(self, name: NameAt) -> str:
        return self.comments.formerly.get(name.name, name.name)

    def _finding(
        self, rule: str, span: Span, message: str, help_: str | None, fix: Fix | None = None
    ) -> Iterator[Finding]:
        wanted = rule in self.enabled or (self.require_reason and rule == SuppressionWithoutReason.name)
        if wanted:
            severity = self.severities.get(rule, _SEVERITIES[rule])
            yield Finding(rule, message, span, severity, help=help_, fix=fix)


_SEVERITIES = {
    rule.name: rule.severity
    for rule in (
        ExpiredSuppression,
        MalformedSuppression,
        SuppressionWithoutReason,
        UnknownSuppression,
        UnusedSuppression,
    )
}


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in dict.fromkeys(names)]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" or {quoted[-1]}"


# -- edits --------------------------------------------------------------------------------------------------


def _without(document: Document, directive: Directive, unused: Sequence[NameAt]) -> tuple[Edit, ...]:
    """The edits that take ``unused`` out of a comment, and the comment away when it names nothing else."""
    left = [name.name for name in directive.names if name not in unused]
    if not left or directive.items is None:
        return (Edit(_range_to_delete(document, directive.span), ""),)
    if directive.until is not None:
        left.append(f"until={directive.until}")
    return (Edit(directive.items, ", ".join(left)),)


def _range_to_delete(document: Document, span: Span) -> Span:
    text, line = document.text, document.line_span(span.start)
    before, behind = text[line.start : span.start], text[span.end : line.end]
    if behind.strip():
        return Span(span.start, line.end - len(behind.lstrip()))
    if before.strip():
        return Span(line.start + len(before.rstrip()), line.end)
    return document.whole_lines(span)


def ignore_edits(document: Document, findings: Sequence[Finding], reason: str | None = None) -> tuple[Edit, ...]:
    """The edits that add suppression comments for ``findings``, or add to the comments there are.

    Findings that belong to no statement, and those about comments, are left alone. :data:`PLACEHOLDER` may stand for
    a reason that somebody else will give; a comment that has one keeps that.
    """
    units = Units(document)
    wanted: dict[Span, list[str]] = {}
    for finding in findings:
        unit = units.at(finding.span.start)
        if unit is not None and can_be_ignored(finding.rule):
            names = wanted.setdefault(unit, [])
            if finding.rule not in names:
                names.append(finding.rule)
    present = {each.covers: each for each in _extendable(document) if each.covers is not None}
    edits: list[Edit] = []
    for unit, names in sorted(wanted.items()):
        if unit in present:
            edits += _extended(document, present[unit], names, reason)
        else:
            edits.append(_added(document, unit, names, reason))
    return tuple(edits)


def file_ignore_edits(document: Document, rule: str, reason: str | None = None) -> tuple[Edit, ...]:
    """The edits that let a comment suppress a rule in the whole file: one that does so already, or a new one.

    A new one stands above the first statement, in a notebook above the first that is there as the cell has it.
    """
    if not can_be_ignored(rule):
        return ()
    for directive in _extendable(document):
        if directive.whole_file:
            return _extended(document, directive, [rule], reason)
    for statement in document.tree.body:
        line = document.line_span(document.span(statement).start)
        if document.line_as_written(line.start) == document.text[line.start : line.end]:
            comment, newline = _comment("file-ignore", [rule], reason), document.newline_at(line.end) or "\n"
            return (Edit(Span(line.start, line.start), f"{comment}{newline}"),)
    return ()


def can_be_ignored(rule: str) -> bool:
    """Whether a comment can suppress a rule: not one that is about such comments."""
    return rule not in _SEVERITIES


def _extendable(document: Document) -> Iterator[Directive]:
    """The comments that further names can be added to: no date is theirs."""
    for each in read_directives(document, frozenset()):
        if each.error is None and each.until is None:
            yield each


def _extended(document: Document, directive: Directive, names: Sequence[str], reason: str | None) -> tuple[Edit, ...]:
    last = directive.names[-1].span.end
    added = Edit(Span(last, last), "".join(f", {name}" for name in names))
    if reason is None or reason == directive.reason or (reason == PLACEHOLDER and directive.reason is not None):
        return (added,)
    end = directive.span.end
    if document.text[:end].endswith(PLACEHOLDER):
        return added, Edit(Span(end - len(PLACEHOLDER), end), reason)
    return added, Edit(Span(end, end), f" {reason}" if directive.reason is None else f"; {reason}")


def _comment(verb: str, names: Sequence[str], reason: str | None) -> str:
    return f"# greenlint: {verb}[{', '.join(names)}]" + (f" {reason}" if reason else "")


def _added(document: Document, unit: Span, names: Sequence[str], reason: str | None) -> Edit:
    comment = _comment("ignore", names, reason)
    line = document.line_span(unit.end)
    if line.end - line.start + len(comment) + 2 <= _WIDTH:
        at = line.start + len(document.text[line.start : line.end].rstrip())
        return Edit(Span(at, at), f"  {comment}")
    first = document.line_span(unit.start)
    newline = document.newline_at(first.end) or "\n"
    indent = document.text[first.start : unit.start]
    return Edit(Span(unit.start, unit.start), f"{comment}{newline}{indent}")
