"""``greenlint baseline``: live with the findings there are, and see new ones only."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from greenlint.commands.errors import UsageError, warn
from greenlint.commands.parser import Parser
from greenlint.output.lines import count
from greenlint.output.terminal import visible

if TYPE_CHECKING:
    from greenlint.baseline import Baseline
    from greenlint.results import FileResult, Identity, PlacedFinding, RunResult
    from greenlint.session import Session
    from greenlint.settings import Settings

__all__ = ["run"]

_ACTIONS = """\
actions:
  create  write a baseline with all findings there are
  update  add new findings, and drop those that are gone
  prune   drop findings that are gone, and add none
  show    count what is in it, by rule and file
"""


def run(arguments: Sequence[str]) -> int:
    """Carry out one action."""
    given = _parser().parse(arguments)
    if given.check and given.action != "prune":
        raise UsageError("--check goes with `prune` only")
    return _Action(given).run()


def _parser() -> Parser:
    parser = Parser("baseline", "live with the findings there are, and see new ones only")
    parser.epilog = f"{_ACTIONS}\n{parser.epilog}"
    parser.add_argument("action", choices=("create", "update", "prune", "show"), metavar="ACTION", help="see below")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders it is about [.]")
    parser.add_argument("--baseline", metavar="PATH", help="the file [greenlint-baseline.json]")
    parser.add_argument("--check", action="store_true", help="with prune: drop nothing, but fail if anything is gone")
    for flag, text in (("--select", "rules it is about, or ALL"), ("--ignore", "rules it is not about")):
        parser.add_argument(flag, action="append", metavar="RULE,...", help=text)
    parser.add_argument("--config", action="append", default=[], metavar="FILE | KEY=VALUE")
    parser.add_argument("--isolated", action="store_true", help="read no configuration file")
    parser.add_argument("-j", "--jobs", type=int, metavar="N", help="processes to use")
    parser.add_argument("--no-cache", action="store_true", help="neither read nor keep results")
    return parser


class _Action:
    """One ``baseline`` command."""

    def __init__(self, given: argparse.Namespace) -> None:
        from greenlint.session import Session

        self._given = given
        self._paths: list[str] = given.paths or ["."]
        flags = {name: getattr(given, name) for name in ("baseline", "select", "ignore", "jobs")}
        self._session: Session = Session(config=given.config, isolated=given.isolated, flags=flags)
        self._settings: Settings = self._session.settings_near(self._paths[0])

    def run(self) -> int:
        """The exit code."""
        if self._given.action == "create":
            return self._create()
        present = self._session.baseline(self._settings)
        if present is None:
            raise UsageError(f"there is no baseline `{self._file}`", "`greenlint baseline create` writes it")
        if self._given.action == "show":
            sys.stdout.writelines(f"{line}\n" for line in _shown(present, self._given.paths))
            return 0
        return self._update(present) if self._given.action == "update" else self._prune(present)

    @property
    def _file(self) -> str:
        file = self._settings.baseline
        return visible(str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file))

    def _create(self) -> int:
        from greenlint.baseline import baseline_of

        file = self._settings.baseline
        if os.path.lexists(file):
            raise UsageError(f"there is a baseline already: `{self._file}`", "`greenlint baseline update` adds to it")
        if not file.parent.is_dir():
            raise UsageError(f"there is no folder for `{self._file}`")
        files, result = self._checked(None)
        made = baseline_of(file, [(path, each.findings) for path, each in zip(files, result.files, strict=True)])
        made.write()
        sys.stdout.write(f"{self._file}: {count(_total(made.entries), 'finding')}, which no check reports any more\n")
        return 0

    def _update(self, present: Baseline) -> int:
        files, result = self._checked(present)
        assert result.baseline is not None
        seen = Counter(
            present.identity(path, each)
            for path, file in zip(files, result.files, strict=True)
            for each in (*file.findings, *_parked(file))
        )
        updated = present.with_entries(seen + Counter(result.baseline.unseen))
        updated.write()
        added, gone = len(result.findings), _total(result.baseline.stale)
        sys.stdout.write(f"{self._file}: {added} added, {gone} dropped, {_total(updated.entries)} in all\n")
        return 0

    def _prune(self, present: Baseline) -> int:
        _, result = self._checked(present)
        assert result.baseline is not None
        stale = result.baseline.stale
        if self._given.check:
            for entry, times in sorted(stale.items()):
                sys.stdout.write(f"{visible(entry.path)}: {entry.rule}{_times(times)}: {visible(entry.code)}\n")
            sys.stdout.write(f"{self._file}: {count(_total(stale), 'finding')} gone\n")
            return int(bool(stale))
        pruned = present.with_entries(Counter(present.entries) - Counter(stale))
        if stale:
            pruned.write()
        sys.stdout.write(f"{self._file}: {_total(stale)} dropped, {_total(pruned.entries)} in all\n")
        return 0

    def _checked(self, baseline: Baseline | None) -> tuple[list[str], RunResult]:
        """The absolute paths of the files, and what is found in them."""
        from greenlint.discovery import discover
        from greenlint.runner import RunOptions

        found = discover(self._paths, self._session.resolver.settings_for_folder)
        if found.missing:
            raise UsageError(f"no such file or folder: {', '.join(f'`{path}`' for path in found.missing)}")
        options = RunOptions(self._settings.jobs, not self._given.no_cache)
        runner = self._session.runner(options, baseline=baseline)
        folders = [os.path.abspath(path) for path in self._paths if os.path.isdir(path)]  # noqa: PTH100, PTH112
        result = runner.run(found.files, folders)
        for warning in (*self._session.warnings(), *_troubles(result)):
            warn(warning)
        return [os.path.abspath(path) for path in found.files], result  # noqa: PTH100


def _parked(file: FileResult) -> Iterator[PlacedFinding]:
    return (each for each in file.suppressed if each.parked)


def _troubles(result: RunResult) -> Iterator[str]:
    for file in result.files:
        if file.problems or file.crashes:
            yield f"{visible(file.path)}: could not be fully analysed; what the baseline has of it stays"


def _total(entries: Mapping[Identity, int]) -> int:
    return sum(entries.values())


def _times(times: int) -> str:
    return f" ({times} times)" if times > 1 else ""


def _shown(present: Baseline, paths: Sequence[str]) -> Iterator[str]:
    """Counts by rule and by file, the largest first; of some ``paths`` only, if there are any."""
    from greenlint.patterns import relative

    wanted = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    entries = {
        entry: times
        for entry, times in present.entries.items()
        if not wanted or any(relative(present.path_of(entry), each) is not None for each in wanted)
    }
    rules, files = Counter[str](), Counter[str]()
    for entry, times in entries.items():
        rules[entry.rule] += times
        files[relative(present.path_of(entry), str(Path.cwd())) or present.path_of(entry)] += times
    yield f"{count(_total(entries), 'finding')} in {count(len(files), 'file')}"
    for counts in (rules, files):
        if counts:
            yield ""
        width = len(str(max(counts.values(), default=0)))
        for name, times in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
            yield f"{times:>{width}}  {visible(name)}"
