"""A JUnit report: a suite for each file, a failed case for each finding."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from greenlint.output.formats import Report
from greenlint.output.lines import problems_of
from greenlint.output.places import Place, Reported, message_of, reported, stored_line
from greenlint.results import FileResult, Problem

__all__ = ["junit_report"]


def junit_report(report: Report) -> Iterator[str]:
    """The lines of the document."""
    files = [file for file in report.result.files if file.skipped is None]
    by_file: dict[str, list[Reported]] = {}
    for each in reported(report):
        by_file.setdefault(each.path, []).append(each)
    failures = sum(map(len, by_file.values()))
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
    yield f'  <testsuite name={name} tests="{count}" failures="{len(findings)}" errors="{len(problems)}" skipped="0">'
    for problem in problems:
        yield from _problem(file.path, problem)
    for each in findings:
        yield from _finding(each)
    if not findings and not problems:
        yield f'    <testcase name="greenlint" classname={name}/>'
    yield "  </testsuite>"


def _finding(each: Reported) -> Iterator[str]:
    finding = each.finding
    name = _attribute(f"{finding.rule} {_place(finding.cell, finding.line, finding.column)}")
    path = _attribute(each.path)
    yield f'    <testcase name={name} classname={path} file={path} line="{each.line}">'
    yield from _properties(finding)
    text = _text("\n".join((message_of(finding), *finding.notes)))
    kind = _attribute(finding.severity.value)
    yield f"      <failure type={kind} message={_attribute(finding.message)}>{text}</failure>"
    yield "    </testcase>"


def _problem(path: str, problem: Problem) -> Iterator[str]:
    name = _attribute(f"{problem.kind} {_place(problem.cell, problem.line, problem.column)}")
    file = _attribute(path)
    yield f'    <testcase name={name} classname={file} file={file} line="{stored_line(problem)}">'
    yield from _properties(problem)
    yield f"      <error type={_attribute(problem.kind)} message={_attribute(message_of(problem))}/>"
    yield "    </testcase>"


def _properties(place: Place) -> Iterator[str]:
    if place.cell is None:
        return
    yield "      <properties>"
    yield f'        <property name="cell" value="{place.cell}"/>'
    if place.cell_id is not None:
        yield f'        <property name="cell_id" value={_attribute(place.cell_id)}/>'
    yield "      </properties>"


def _place(cell: int | None, line: int, column: int) -> str:
    return f"{line}:{column}" if cell is None else f"cell {cell}:{line}:{column}"


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _text(text: str) -> str:
    return escape(_allowed(text))


def _allowed(text: str) -> str:
    """``text`` without the characters that XML 1.0 cannot hold."""
    return "".join(character if _is_allowed(character) else "\ufffd" for character in text)


def _is_allowed(character: str) -> bool:
    code = ord(character)
    return character in "\t\n\r" or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
