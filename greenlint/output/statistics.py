"""How often each rule spoke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from greenlint.output.lines import mends, summary
from greenlint.output.terminal import Style
from greenlint.results import PlacedFinding, RunResult

__all__ = ["statistics", "statistics_data"]


def statistics_data(result: RunResult) -> list[dict[str, Any]]:
    """One row for each rule and severity, the most frequent first."""
    findings = result.findings
    counts = Counter(map(_key, findings))
    fixable = Counter(map(_key, filter(mends, findings)))
    order = sorted(counts, key=lambda key: (-counts[key], key))
    return [
        {
            "rule": key[0],
            "category": key[1],
            "severity": key[2],
            "count": counts[key],
            "fixable": fixable[key],
        }
        for key in order
    ]


def _key(finding: PlacedFinding) -> tuple[str, str, str]:
    return finding.rule, finding.category, finding.severity.value


def statistics(result: RunResult, style: Style) -> Iterator[str]:
    """A table: count, severity, rule; ``[*]`` marks rules whose findings ``--fix`` mends."""
    rows = statistics_data(result)
    count_width = max((len(str(row["count"])) for row in rows), default=0)
    severity_width = max((len(row["severity"]) for row in rows), default=0)
    for row in rows:
        mark = f" [{style.paint('*', 'cyan')}]" if row["fixable"] else ""
        count = style.paint(f"{row['count']:>{count_width}}", "bold")
        yield f"{count}  {row['severity']:<{severity_width}}  {style.paint(row['rule'], 'bold')}{mark}"
    yield from summary(result, style)
