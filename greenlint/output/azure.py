"""Logging commands of Azure Pipelines."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.finding import Severity
from greenlint.output.formats import Report
from greenlint.output.lines import problems_of
from greenlint.output.places import message_of, reported, severity_of, stored_line
from greenlint.output.terminal import spelled_out

__all__ = ["azure_report"]


def azure_report(report: Report) -> Iterator[str]:
    """One command for each finding and problem; what is no error is a warning, as Azure knows nothing milder."""
    for file in report.result.files:
        for problem in problems_of(file):
            place: dict[str, object] = {"linenumber": stored_line(problem), "code": problem.kind}
            yield _command("error", file.path, place, message_of(problem))
    for each in reported(report):
        finding = each.finding
        place = {"linenumber": each.line}
        if each.region.column is not None:
            place["columnnumber"] = each.region.column
        kind = "error" if severity_of(finding) is Severity.ERROR else "warning"
        yield _command(kind, each.path, {**place, "code": finding.rule}, message_of(finding))


def _command(kind: str, path: str, properties: dict[str, object], message: str) -> str:
    values = {"type": kind, "sourcepath": path, **properties}
    listed = "".join(f"{key}={_property(str(value))};" for key, value in values.items())
    return f"##vso[task.logissue {listed}]{_data(message)}"


def _data(text: str) -> str:
    # The reader gets line ends back; of other control characters the log would take each for what it is.
    return spelled_out(text, keep="\t\r\n").replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(";", "%3B").replace("]", "%5D")
