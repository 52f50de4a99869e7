"""A JUnit report: a suite for each file, a failed case for each finding.

Nothing but what the schema of Jenkins knows: its xUnit plugin refuses a report with more. So the line stands in the
text of a failure, and the ids of cells are properties of the suite. That GitLab would link a test case to its ``file``
does not help: the schema knows it of suites only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from greenlint.output.formats import Report
from greenlint.output.lines import inside, problems_of
from greenlint.output.places import Place, Reported, message_of, reported, stored_line
from greenlint.output.terminal import spelled_out, without_commands
from greenlint.results import FileResult, Problem

__all__ = ["junit_report"]


def junit_report(report: Report) -> Iterator[str]:
    """The lines of the document."""
    files = [file for file in report.result.files if file.skipped is None]
    by_file: dict[str, list[Reported]] = {}
    for each in reported(report):
        by_file.setdefault(each.path, []).append(each)
    failures = sum(each.finding.suppressed is None for found in by_file.values() for each in found)
    errors = sum(len(problems_of(file)) for file in files)
    tests = sum(max(1, len(by_file.get(file.path, ())) + len(problems_of(file))) for file in files)
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield f'<testsuites name="greenlint" tests="{tests}" failures="{failures}" errors="{errors}">'
    for file in files:
        yield from _suite(file, by_file.get(file.path, []))
    yield "</testsuites>"


def _suite(file: FileResult, findings: list[Reported]) -> Iterator[str]:
    problems = problems_of(file)
    count = max(1, len(findings) + len(problems))
    name = _attribute(file.path)
    skipped = sum(each.finding.suppressed is not None for each in findings)
    failures = len(findings) - skipped
    counts = f'tests="{count}" failures="{failures}" errors="{len(problems)}" skipped="{skipped}"'
    yield f"  <testsuite name={name} file={name} {counts}>"
    yield from _properties([*problems, *(each.finding for each in findings)])
    for problem in problems:
        yield from _problem(file.path, problem)
    for each in findings:
        yield from _finding(each)
    if not findings and not problems:
        yield f'    <testcase name="greenlint" classname={name}/>'
    yield "  </testsuite>"


def _finding(each: Reported) -> Iterator[str]:
    finding = each.finding
    name = _attribute(f"{finding.rule} {inside(finding.line, finding.column, finding.cell)}")
    yield f"    <testcase name={name} classname={_attribute(each.path)}>"
    text = _text(f"{each.path}:{each.line}: {message_of(finding)}", *finding.notes)
    tag, kind = ("failure", finding.severity.value) if finding.suppressed is None else ("skipped", "suppressed")
    yield f"      <{tag} type={_attribute(kind)} message={_attribute(finding.message)}>{text}</{tag}>"
    yield "    </testcase>"


def _problem(path: str, problem: Problem) -> Iterator[str]:
    name = _attribute(f"{problem.kind} {inside(problem.line, problem.column, problem.cell)}")
    yield f"    <testcase name={name} classname={_attribute(path)}>"
    text = _text(f"{path}:{stored_line(problem)}: {message_of(problem)}")
    yield f"      <error type={_attribute(problem.kind)} message={_attribute(problem.message)}>{text}</error>"
    yield "    </testcase>"


def _properties(places: Sequence[Place]) -> Iterator[str]:
    """What a notebook calls its cells."""
    ids = {place.cell: place.cell_id for place in places if place.cell_id is not None}
    if not ids:
        return
    yield "    <properties>"
    for cell, name in sorted(ids.items(), key=lambda each: each[0] or 0):
        yield f'      <property name="cell {cell}" value={_attribute(name)}/>'
    yield "    </properties>"


def _attribute(text: str) -> str:
    return _ascii(quoteattr(spelled_out(text, keep="\t\r\n"), _LINE_ENDS))


def _text(*paragraphs: str) -> str:
    """Each as one line of the report, whatever line ends it has: a log that shows the report reads line by line."""
    return "\n".join(_ascii(escape(spelled_out(each, keep="\t\r\n"), _LINE_ENDS)) for each in paragraphs)


_LINE_ENDS = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def _ascii(text: str) -> str:
    """Letters as their numbers: printed in whatever encoding, the report is what its first line says."""
    return without_commands(text, "&#91;").encode("ascii", "xmlcharrefreplace").decode()
