"""Run the tools in turn: on one set of files, and on the short commands of every day."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus, peers
from benchmarks.measure import (
    Command,
    Run,
    RunFailedError,
    Setting,
    alternate,
    empty_caches,
    run_once,
    watch_memory,
)
from benchmarks.peers import GREENLINT, Installed, Request
from benchmarks.report import Row, SetFacts, SetResult

LARGE = 2_000  # files above which slow tools run only when named
RULE = "dataloader-no-workers"
QUICK = frozenset({"greenlint", "ruff", "flake8"})
"""The tools of the start-up rows; the others take seconds to start and stand in the tables of `five`."""


@dataclass(frozen=True)
class Plan:
    """How often and under what limits to run."""

    work: Path
    jobs: int
    rounds: int
    once_above: float
    timeout: float
    slow_on_large: bool

    def setting(self, folder: Path, name: str) -> Setting:
        return Setting(folder, self.work / "caches" / name, self.timeout)


def measure_set(name: str, usable: Sequence[Installed], plan: Plan) -> SetResult:
    """All tools on one set: cold, then with what caches they have, then greenlint's memory."""
    files = corpus.build(name, plan.work)
    bench = _Bench(files, plan)
    empty_caches(bench.setting)
    result = SetResult(SetFacts(name, files.files, round(files.megabytes, 3), files.lines, files.digest))
    result.cold = bench.compare(usable, cached=False)
    result.cached = bench.compare([one for one in usable if one.tool.caches], cached=True)
    greenlint = _greenlint(usable)
    if greenlint and result.cold[0].runs:
        result.memory = watch_memory(bench.command(greenlint, cached=False), bench.setting, plan.jobs)
    return result


def measure_start_up(usable: Sequence[Installed], plan: Plan, rounds: int) -> list[Row]:
    """Short commands, each in turn, round after round."""
    say("start-up")
    cases = _start_up_cases([one for one in usable if one.tool.name in QUICK], plan)
    for _, _, setting in cases:
        empty_caches(setting)
    rows = [Row(label) for label, _, _ in cases]
    for turn in range(rounds + 1):
        for row, (_, command, setting) in zip(rows, cases, strict=True):
            run = _attempt(row, functools.partial(run_once, command, setting, plan.jobs))
            if run and turn:  # the first turn fills caches
                row.runs.append(run)
    return rows


def say(text: str) -> None:
    """Tell how far the run is."""
    print(text, file=sys.stderr, flush=True)


class _Bench:
    """Runs tools on one set."""

    def __init__(self, files: corpus.Corpus, plan: Plan) -> None:
        self._plan = plan
        self._files = files
        self._paths = files.paths() if files.files <= 5 else ["."]
        self.setting = plan.setting(files.root, files.name)

    def command(self, one: Installed, cached: bool) -> Command:
        cache = self.setting.caches / one.tool.name if cached else None
        request = Request(self._paths, self._plan.jobs, cache)
        return Command(one.check(request), one.tool.exits, one.tool.count)

    def compare(self, usable: Sequence[Installed], cached: bool) -> list[Row]:
        """One row a tool; greenlint's holds its runs beside every peer."""
        greenlint = _greenlint(usable)
        own = Row(GREENLINT.name)
        reference = self._primed(greenlint, cached, own) if greenlint else None
        rows = [self._row(one, cached, reference, own) for one in usable if one.tool is not GREENLINT]
        if reference and not own.runs:
            self._alone(own, reference)
        return [own, *rows] if greenlint else rows

    def _row(self, one: Installed, cached: bool, reference: Callable[[], Run] | None, own: Row) -> Row:
        row = Row(one.tool.name)
        if one.tool.slow and self._files.files > LARGE and not self._plan.slow_on_large:
            row.note = "not run on a set this large unless named"
            return row
        say(f"{self._files.name}: {one.tool.name}{', cached' if cached else ''}")
        peer = self._primed(one, cached, row) if cached else self._runner(one, cached)
        if peer:
            self._beside(row, peer, own, reference)
        return row

    def _beside(self, row: Row, peer: Callable[[], Run], own: Row, reference: Callable[[], Run] | None) -> None:
        try:
            for pair in alternate(reference, peer, self._plan.rounds, self._plan.once_above):
                row.pairs.append(pair)
                row.runs.append(pair.peer)
                own.runs += [pair.reference] if pair.reference else []
        except RunFailedError as failure:
            _note(row, failure)

    def _alone(self, row: Row, run: Callable[[], Run]) -> None:
        for _ in range(self._plan.rounds):
            row.runs += [done] if (done := _attempt(row, run)) else []

    def _primed(self, one: Installed, cached: bool, row: Row) -> Callable[[], Run] | None:
        """A runner, after one run that does not count: it reads the files and fills the cache."""
        run = self._runner(one, cached)
        return run if _attempt(row, run) else None

    def _runner(self, one: Installed, cached: bool) -> Callable[[], Run]:
        command = self.command(one, cached)
        return functools.partial(run_once, command, self.setting, self._plan.jobs)


def _attempt(row: Row, run: Callable[[], Run]) -> Run | None:
    """Run unless this row failed before; a failure becomes the row's note."""
    if row.note:
        return None
    try:
        return run()
    except RunFailedError as failure:
        _note(row, failure)
        return None


def _note(row: Row, failure: RunFailedError) -> None:
    row.note = f"failed: {failure}"
    say(f"{row.tool} {row.note}")


def _start_up_cases(usable: Sequence[Installed], plan: Plan) -> list[tuple[str, Command, Setting]]:
    """Label, command and setting of each row; the first is what the others are compared with."""
    greenlint = _greenlint(usable)
    python = peers.python_of(greenlint) if greenlint else sys.executable
    short = [("python -c pass", [python, "-c", "pass"])]
    short += [(f"{one.tool.name} --version", [str(one.executable), "--version"]) for one in usable]
    if greenlint:
        short.append((f"greenlint rule {RULE}", [str(greenlint.executable), "rule", RULE]))
    idle = plan.setting(plan.work, "start-up")
    cases = [(label, Command(line), idle) for label, line in short]
    return cases + [case for one in usable for case in _commits(one, plan)]


def _commits(one: Installed, plan: Plan) -> list[tuple[str, Command, Setting]]:
    """A commit of five files, as a hook sees it."""
    kinds = [("five-app", "no ML", False), ("five-clean", "clean", False), ("five", "cold", False)]
    kinds += [("five", "all cached", True)] if one.tool.caches else []
    benches = [(label, cached, _Bench(corpus.build(name, plan.work), plan)) for name, label, cached in kinds]
    return [
        (
            f"{one.tool.name} check, {bench.setting.folder.name}: {label}",
            bench.command(one, cached),
            bench.setting,
        )
        for label, cached, bench in benches
    ]


def _greenlint(usable: Sequence[Installed]) -> Installed | None:
    return next((one for one in usable if one.tool is GREENLINT), None)
