"""Findings under the name of their file."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.formats import Report
from greenlint.output.lines import SEVERITY_COLORS, inside, mends, problems_of, summary
from greenlint.output.places import reported
from greenlint.output.terminal import shown_path, visible

__all__ = ["grouped_report"]


def grouped_report(report: Report) -> Iterator[str]:
    """A block for each file, its places in a column."""
    style = report.style
    for file in report.result.files:
        only = Report(report.result._replace(files=(file,)), suppressed=report.suppressed)
        findings = [each.finding for each in reported(only)]
        problems = problems_of(file)
        if not findings and not problems:
            continue
        yield f"{style.paint(shown_path(file.path), 'bold')}:"
        places = [inside(each.line, each.column, each.cell) for each in problems]
        places += [inside(each.line, each.column, each.cell) for each in findings]
        wide = max(map(len, places))
        for place, problem in zip(places, problems, strict=False):
            yield f"  {place:<{wide}} {style.paint('problem', 'red', 'bold')} {problem.kind} {visible(problem.message)}"
        for place, finding in zip(places[len(problems) :], findings, strict=True):
            level = "suppressed" if finding.suppressed is not None else finding.severity.value
            severity = style.paint(level, SEVERITY_COLORS[finding.severity], "bold")
            mark = "[*] " if mends(finding) else ""
            rule = style.paint(finding.rule, "bold")
            yield f"  {place:<{wide}} {severity} {rule} {mark}{visible(finding.message)}"
        yield ""
    if not report.quiet:
        yield from summary(report.result, style)
