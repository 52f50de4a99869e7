"""Where the time of a run went."""

from __future__ import annotations

from collections.abc import Iterator

from greenlint.output.terminal import Style, visible
from greenlint.results import RunResult
from greenlint.timing import RULE_PREFIX

__all__ = ["timings"]

_SLOWEST = 10


def timings(result: RunResult, style: Style) -> Iterator[str]:
    """Seconds by phase of the run, by phase of files, by rule, of the slowest files; the cache's share."""
    sums: dict[str, float] = {}
    for file in result.files:
        for name, seconds in file.phases:
            sums[name] = sums.get(name, 0.0) + seconds
    rules = {name.removeprefix(RULE_PREFIX): spent for name, spent in sums.items() if name.startswith(RULE_PREFIX)}
    phases = {name: spent for name, spent in sums.items() if not name.startswith(RULE_PREFIX)}
    yield from _table("run", dict(result.phases), style)
    yield from _table("files, all processes together", phases, style)
    yield from _table("rules (the first to ask for a fact pays for it)", _descending(rules), style)
    slowest = _descending({file.path: file.seconds for file in result.files if file.seconds})
    yield from _table("slowest files", dict(list(slowest.items())[:_SLOWEST]), style)
    cached = sum(file.cached for file in result.files)
    share = f" ({100 * cached // len(result.files)} %)" if result.files else ""
    yield f"cache: {cached} of {len(result.files)} files{share}"


def _descending(seconds: dict[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda each: (-each[1], each[0])))


def _table(title: str, seconds: dict[str, float], style: Style) -> Iterator[str]:
    if not seconds:
        return
    yield style.paint(title, "bold")
    for name, spent in seconds.items():
        yield f"  {spent:8.3f} s  {visible(name)}"
    yield ""
