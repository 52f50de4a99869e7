"""One line for each finding."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.lines import headline, problem_line, problems_of, summary
from greenlint.output.terminal import Style
from greenlint.results import RunResult

__all__ = ["concise"]


def concise(result: RunResult, style: Style, *, suppressed: bool = False, quiet: bool = False) -> Iterator[str]:
    """The lines of the report: with ``suppressed``, suppressed findings too; with ``quiet``, no summary."""
    for file in result.files:
        for problem in problems_of(file):
            yield problem_line(file.path, problem, style)
        hidden = file.suppressed if suppressed else ()
        for finding in sorted((*file.findings, *hidden), key=lambda each: (each.cell or 0, each.line, each.column)):
            yield headline(file.path, finding, style)
    if not quiet:
        yield from summary(result, style)
