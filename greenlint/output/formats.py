"""The output formats by name, each loaded only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlint.output.terminal import Style
from greenlint.results import RunResult

if TYPE_CHECKING:
    from greenlint.rule import Rule

__all__ = ["FORMATS", "FOR_CI", "FOR_PEOPLE", "Report", "format_for_ci", "lines_of"]

FORMATS = {
    "full": "greenlint.output.full:full",
    "concise": "greenlint.output.concise:concise",
    "grouped": "greenlint.output.grouped:grouped_report",
    "agent": "greenlint.output.agent:agent_report",
    "json": "greenlint.output.json_format:json_report",
    "json-lines": "greenlint.output.json_format:json_lines",
    "github": "greenlint.output.github:github_report",
    "gitlab": "greenlint.output.gitlab:gitlab_report",
    "azure": "greenlint.output.azure:azure_report",
    "sarif": "greenlint.output.sarif:sarif_report",
    "junit": "greenlint.output.junit:junit_report",
    "rdjson": "greenlint.output.rdjson:rdjson_report",
    "lsp": "greenlint.output.lsp:lsp_report",
}
"""Where each format is written: ``module:function``, the function from a :class:`Report` to lines."""

FOR_PEOPLE = frozenset(("full", "concise", "grouped"))
"""Formats that can be shown again and again, and that ``--statistics`` replaces."""


FOR_CI = frozenset(("github", "gitlab", "azure", "sarif", "junit"))
"""Formats of which CI systems look up the paths in what they checked out."""


@dataclass(frozen=True, slots=True)
class Report:
    """A run, and how it is to be told."""

    result: RunResult
    style: Style = field(default_factory=Style)
    suppressed: bool = False
    """Whether suppressed findings are told, too."""
    quiet: bool = False
    """Whether the summary is left out."""
    statistics: bool = False
    find: Callable[[str], type[Rule] | None] = lambda _: None
    """The rule of a name, for formats that explain rules."""


def lines_of(name: str, report: Report) -> Iterator[str]:
    """The lines of ``report`` in the format ``name``."""
    if report.statistics and name in FOR_PEOPLE:
        from greenlint.output.statistics import statistics

        return statistics(report.result, report.style)
    module, _, function = FORMATS[name].partition(":")
    write: Callable[[Report], Iterator[str]] = getattr(importlib.import_module(module), function)
    return write(report)


def format_for_ci(environment: Mapping[str, str]) -> str | None:
    """The format whose lines the CI system around this process turns into annotations, if it is one."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return "github"
    if environment.get("TF_BUILD", "").lower() == "true":
        return "azure"
    return None
