"""One line for each finding."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.formats import Report
from greenlint.output.lines import headline, problem_line, problems_of, summary
from greenlint.output.places import in_order

__all__ = ["concise"]


def concise(report: Report) -> Iterator[str]:
    """The lines of the report."""
    result, style = report.result, report.style
    for file in result.files:
        for problem in problems_of(file):
            yield problem_line(file.path, problem, style)
        for finding in in_order(file, suppressed=report.suppressed):
            yield headline(file.path, finding, style)
    if not report.quiet:
        yield from summary(result, style)
