"""The lines that the text formats share: where something is, what it is, and how the run went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from greenlint.finding import Applicability, Severity
from greenlint.output.terminal import Style, shown_path, visible
from greenlint.results import FileResult, PlacedFinding, Problem, RunResult

__all__ = [
    "SEVERITY_COLORS",
    "count",
    "fix_summary",
    "headline",
    "inside",
    "location",
    "mends",
    "problem_line",
    "problems_of",
    "summary",
]

SEVERITY_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def inside(line: int, column: int, cell: int | None) -> str:
    """``line:column``, or ``cell N:line:column`` in a notebook."""
    return f"{line}:{column}" if cell is None else f"cell {cell}:{line}:{column}"


def location(path: str, line: int, column: int, cell: int | None, style: Style) -> str:
    """``path:line:column``, or ``path:cell N:line:column`` in a notebook."""
    colon = style.paint(":", "cyan")
    before, _, last = inside(line, column, cell).rpartition(":")
    return f"{style.paint(shown_path(path), 'bold')}{colon}{before}{colon}{last}{colon}"


def headline(path: str, finding: PlacedFinding, style: Style) -> str:
    """The one line that says it all; ``[*]`` marks what ``--fix`` mends."""
    where = location(path, finding.line, finding.column, finding.cell, style)
    level = "suppressed" if finding.suppressed is not None else finding.severity.value
    severity = style.paint(level, SEVERITY_COLORS[finding.severity], "bold")
    mark = f"[{style.paint('*', 'cyan')}] " if mends(finding) else ""
    return f"{where} {severity} {style.paint(finding.rule, 'bold')} {mark}{visible(finding.message)}"


def mends(finding: PlacedFinding) -> bool:
    """Whether ``--fix`` removes the finding."""
    return _offers(finding, Applicability.SAFE)


def _offers(finding: PlacedFinding, applicability: Applicability) -> bool:
    fix = finding.fix
    return fix is not None and fix.applicability is applicability and finding.suppressed is None


def problems_of(file: FileResult) -> list[Problem]:
    """All that kept ``file`` from being fully analysed, crashed rules included."""
    crashed = [Problem("rule-crash", f"rule `{each.rule}` crashed: {each.error}") for each in file.crashes]
    return [*file.problems, *crashed]


def problem_line(path: str, problem: Problem, style: Style) -> str:
    """A problem in the shape of a finding, its kind in place of a rule."""
    where = location(path, problem.line, problem.column, problem.cell, style)
    kind = style.paint(problem.kind, "bold")
    return f"{where} {style.paint('problem', 'red', 'bold')} {kind} {visible(problem.message)}"


def summary(result: RunResult, style: Style) -> Iterator[str]:
    """What was found in all, in one to three lines."""
    findings = result.findings
    files = sum(bool(file.findings) for file in result.files)
    checked = sum(file.skipped is None for file in result.files)
    if findings:
        found = style.paint(f"found {count(len(findings), 'finding')}", "bold")
        yield f"{found} ({_by_severity(findings)}) in {count(files, 'file')}"
        safe = sum(map(mends, findings))
        unsafe = sum(_offers(each, Applicability.UNSAFE) for each in findings)
        offers = [f"[{style.paint('*', 'cyan')}] {safe} fixable with `--fix`"] if safe else []
        if unsafe:
            offers.append(f"{unsafe} {'more' if safe else 'fixable'} with `--fix --unsafe-fixes`")
        if offers:
            yield ", ".join(offers)
    broken = sum(bool(file.problems or file.crashes) for file in result.files)
    yield f"checked {count(checked, 'file')}{'' if findings else ', nothing found'}"
    yield from _beside_baseline(result)
    if broken:
        yield f"{count(broken, 'file')} could not be fully analysed"


def _beside_baseline(result: RunResult) -> Iterator[str]:
    use = result.baseline
    if use is None:
        return
    if use.parked:
        yield f"{count(use.parked, 'finding')} parked in {shown_path(use.file)}"
    stale = sum(use.stale.values())
    if stale:
        verb = "is" if stale == 1 else "are"
        yield f"{count(stale, 'parked finding')} of {shown_path(use.file)} {verb} gone: run `greenlint baseline prune`"


def fix_summary(applied: Mapping[str, Mapping[str, int]], *, listed: bool = False) -> Iterator[str]:
    """How much was fixed: ``applied`` counts fixes by file and rule, which are told when ``listed``."""
    findings = sum(sum(rules.values()) for rules in applied.values())
    yield f"fixed {count(findings, 'finding')} in {count(len(applied), 'file')}{':' if listed else ''}"
    if not listed:
        return
    for path, rules in applied.items():
        yield f"  {shown_path(path)}"
        for rule, times in sorted(rules.items()):
            yield f"    {times} x {rule}"


def _by_severity(findings: Sequence[PlacedFinding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    order = sorted(counts, key=lambda severity: -severity.rank)
    return ", ".join(count(counts[severity], _NOUNS[severity]) for severity in order)


_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    plural = "" if number == 1 or noun == "info" else "s"
    return f"{number} {noun}{plural}"
