"""What a run measured, as data and as Markdown tables."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Memory, Pair, Run

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass(frozen=True)
class SetFacts:
    """The files of a set."""

    name: str
    files: int
    megabytes: float
    lines: int
    digest: str


@dataclass
class Row:
    """One tool on one set. `pairs` is empty for greenlint itself, whose runs are in `runs`."""

    tool: str
    runs: list[Run] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    note: str = ""


@dataclass
class SetResult:
    """Everything measured on one set."""

    facts: SetFacts
    cold: list[Row] = field(default_factory=list)
    cached: list[Row] = field(default_factory=list)
    memory: Memory | None = None


@dataclass
class Report:
    """Everything measured in one go."""

    machine: dict[str, str]
    tools: dict[str, str]
    versions: dict[str, dict[str, str]]
    start_up: list[Row] = field(default_factory=list)
    sets: list[SetResult] = field(default_factory=list)


def as_json(report: Report) -> str:
    return json.dumps(dataclasses.asdict(report), indent=1) + "\n"


def as_markdown(report: Report) -> str:
    """The tables, ready for the README."""
    parts = [_facts({**report.machine, **report.tools})]
    if report.start_up:
        parts.append("### Start-up and commits of five files\n\n" + _start_up_table(report.start_up))
    parts += [_set(result) for result in report.sets]
    return "\n\n".join(parts) + "\n"


def write_into(path: Path, tables: str) -> None:
    """Replace what stands between the two markers of a page."""
    text = path.read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise SystemExit(f"{path.name} lacks the markers {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}", encoding="utf-8")


def _facts(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _start_up_table(rows: Sequence[Row]) -> str:
    base = _median([run.wall for run in rows[0].runs])
    head = ("command", "seconds, median (min-max)", f"÷ `{rows[0].tool}`", "peak MiB", "findings")
    body = [
        (
            f"`{row.tool}`" if not row.note else f"`{row.tool}`, {row.note}",
            _spread([run.wall for run in row.runs], 3),
            f"{_median([run.wall for run in row.runs]) / base:.2f}" if base and row.runs else "",
            _largest(row.runs),
            _findings(row.runs),
        )
        for row in rows
    ]
    return _table(head, body)


def _set(result: SetResult) -> str:
    facts = result.facts
    title = f"### {facts.name}\n\n{facts.files:,} files, {facts.megabytes:.2f} MB, {facts.lines:,} lines"
    parts = [f"{title} (digest `{facts.digest}`).", "Cold, no cache:", _tool_table(result.cold, facts)]
    if result.cached:
        parts += ["Nothing changed since the last run (cache):", _tool_table(result.cached, facts)]
    if result.memory:
        parts.append(_memory(result.memory))
    return "\n\n".join(parts)


def _tool_table(rows: Iterable[Row], facts: SetFacts) -> str:
    head = (
        "tool",
        "seconds, median (min-max)",
        "runs",
        "÷ greenlint",
        "MB/s",
        "CPU s",
        "peak MiB",
        "findings",
    )
    return _table(head, [_tool_line(row, facts) for row in rows])


def _tool_line(row: Row, facts: SetFacts) -> tuple[str, ...]:
    if not row.runs:
        return (row.tool, row.note, "", "", "", "", "", "")
    walls = [run.wall for run in row.runs]
    return (
        row.tool if not row.note else f"{row.tool} ({row.note})",
        _spread(walls, 2 if max(walls) >= 1 else 3),
        str(len(walls)),
        _spread([pair.ratio for pair in row.pairs if pair.ratio is not None], 2),
        f"{facts.megabytes / _median(walls):.2f}",
        f"{_median([run.cpu for run in row.runs]):.2f}",
        _largest(row.runs),
        _findings(row.runs),
    )


def _memory(memory: Memory) -> str:
    if not memory.workers:
        return f"greenlint's memory (one untimed run): {memory.main:.0f} MiB, no worker processes."
    return (
        f"greenlint's memory (one untimed run): main process {memory.main:.0f} MiB, "
        f"largest of {memory.workers} other processes {memory.worker:.0f} MiB; "
        f"largest worker in the first half of the run {memory.halfway:.0f} MiB, "
        f"in the second {memory.end:.0f} MiB."
    )


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    middle = f"{_median(values):.{digits}f}"
    return f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})" if len(values) > 1 else middle


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _largest(runs: Sequence[Run]) -> str:
    return f"{max(run.peak for run in runs):.0f}" if runs else ""


def _findings(runs: Sequence[Run]) -> str:
    counts = sorted({run.findings for run in runs if run.findings is not None})
    return " / ".join(f"{count:,}" for count in counts)
