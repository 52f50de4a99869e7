"""Workflow commands of GitHub Actions, which become annotations in the diff of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.output.lines import problems_of
from greenlint.output.places import Reported, message_of, reported, severity_of, stored_line
from greenlint.output.terminal import spelled_out

__all__ = ["github_report"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github_report(report: Report) -> Iterator[str]:
    """One command for each finding and problem."""
    for file in report.result.files:
        for problem in problems_of(file):
            place = {"title": f"greenlint ({problem.kind})", "file": file.path, "line": stored_line(problem)}
            yield _command("error", place, f"{file.path}: {message_of(problem)}")
    for each in reported(report):
        yield _command(_COMMANDS[severity_of(each.finding)], _properties(each), _text(each))


def _properties(each: Reported) -> dict[str, object]:
    line, column, end_line, end_column = each.region
    place: dict[str, object] = {"title": f"greenlint ({each.finding.rule})", "file": each.path, "line": line}
    if end_line != line or column is None or end_column is None:
        # GitHub drops an annotation that has columns on several lines.
        return place | {"endLine": end_line}
    return place | {"col": column, "endLine": end_line, "endColumn": end_column}


def _text(each: Reported) -> str:
    finding = each.finding
    where = f"{each.path}:{finding.line}:{finding.column}: " if not each.in_notebook else f"{each.path}: "
    return f"{where}{finding.rule}: {message_of(finding)}"


def _command(name: str, properties: dict[str, object], message: str) -> str:
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{name} {listed}::{_data(message)}"


def _data(text: str) -> str:
    # The reader gets line ends back; of other control characters the log would take each for what it is.
    return spelled_out(text, keep="\t\r\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
