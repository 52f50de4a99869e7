"""``greenlint check``: find wasteful code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from greenlint.commands.check_arguments import configured, parse_check
from greenlint.commands.errors import UsageError, run_guarded, warn
from greenlint.config import show_settings
from greenlint.discovery import Discovered, discover
from greenlint.finding import Applicability
from greenlint.output.formats import FOR_CI, FOR_PEOPLE, Report, format_for_ci, lines_of
from greenlint.output.lines import fix_summary
from greenlint.output.terminal import Style, shown_path, style_for, visible
from greenlint.progress import Progress
from greenlint.results import FileResult, RunResult
from greenlint.runner import Runner, RunOptions
from greenlint.session import Session

if TYPE_CHECKING:
    from greenlint.fix_files import Fixed

__all__ = ["run"]

_STDIN = "-"


def run(arguments: Sequence[str]) -> int:
    """Check what the arguments name."""
    given = parse_check(arguments, os.environ)
    if given.watch:
        return _watch(given)
    check = _Check(given)
    if given.show_settings:
        return check.show_settings()
    if given.show_files:
        return check.show_files()
    return check.once()


def _watch(given: argparse.Namespace) -> int:
    from greenlint.watch import Snapshot, snapshot, watch

    check = _Check(given)

    def look() -> Snapshot:
        return snapshot(check.watched())

    def again(_: Sequence[str]) -> int:
        nonlocal check
        check = _Check(given)
        return check.once()

    def answer(changed: list[str]) -> None:
        if sys.stdout.isatty():
            sys.stdout.write("\x1b[2J\x1b[H")
        # A configuration that is wrong for the moment does not end the watch.
        run_guarded(again, changed)
        sys.stdout.flush()

    watch(look, answer)
    return 0


class _Check:
    """One ``check`` command."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._stream: TextIO = sys.stdout
        self._paths: list[str] = given.paths or ["."]
        if _STDIN in self._paths and (len(self._paths) > 1 or given.watch):
            raise UsageError("standard input can only be checked alone, and once")
        if given.interactive and (self._paths == [_STDIN] or given.diff or given.watch):
            raise UsageError(
                "--interactive asks about files, one fix after the other", "leave `-`, --diff and --watch out"
            )
        if given.output_file is not None and given.output:
            raise UsageError("--output-file and --output exclude each other", "write `--output FORMAT:PATH`")
        if sum(path is None for _, path in given.output) > 1:
            raise UsageError("only one format can be printed", "give the others a file: `--output FORMAT:PATH`")
        _refuse_unwritable([Path(path) for path in (given.output_file, *(path for _, path in given.output)) if path])
        flags = configured(given)
        self._session = Session(config=given.config, isolated=given.isolated, flags=flags)
        first = self._paths[0] if self._paths != [_STDIN] else given.stdin_filename or "."
        self._settings = self._session.settings_near(first)
        if given.watch and self._printed not in (None, *FOR_PEOPLE):
            raise UsageError(f"--watch prints for people: write `--output {self._printed}:PATH`")

    def once(self) -> int:
        """Check everything; the exit code."""
        if self._paths == [_STDIN]:
            return self._standard_input()
        found = self._discover()
        runner = self._runner()
        result = runner.run(found.files, self._folders)
        if self._given.interactive:
            return self._interview(found, runner, result)
        if not self._mends:
            return self._conclude(result, tuple(_left_out(found)))
        levels = self._levels()
        fixable = [path for path, file in zip(found.files, result.files, strict=True) if _can_be_fixed(file, levels)]
        fixed = list(runner.fix(fixable, levels))
        if self._given.diff:
            return self._show_diff(fixed)
        written, troubles = _written(fixed)
        return self._conclude(self._again(found, runner, result, written), (*_left_out(found), *troubles), written)

    def _again(self, found: Discovered, runner: Runner, result: RunResult, written: Sequence[Fixed]) -> RunResult:
        """The result once files have been written."""
        return runner.run(found.files, self._folders) if written else result

    def _interview(self, found: Discovered, runner: Runner, result: RunResult) -> int:
        """Ask about each fix; what was agreed to is written file by file."""
        from greenlint.commands.interactive import Interview

        interview = Interview(lambda lines: _write(lines, sys.stderr), style_for(sys.stderr, self._given.color))
        written: list[Fixed] = []
        troubles: list[str] = []
        for path, file in zip(found.files, result.files, strict=True):
            can_be_fixed = any(each.fix is not None and each.fix.can_be_made for each in file.findings)
            edited = runner.edited(path) if can_be_fixed and not interview.ended else None
            if edited is not None:
                done, said = _written([interview.edit(edited)])
                written += done
                troubles += said
        return self._conclude(self._again(found, runner, result, written), (*_left_out(found), *troubles), written)

    def _standard_input(self) -> int:
        data = sys.stdin.buffer.read()
        runner, name = self._runner(), self._given.stdin_filename
        if not self._mends:
            return self._conclude(runner.run_data(name, data), ())
        fixed = runner.fix_data(name, data, self._levels())
        if self._given.diff:
            return self._show_diff([fixed])
        sys.stdout.buffer.write(fixed.after)
        self._stream = sys.stderr
        return self._conclude(runner.run_data(name, fixed.after), _troubles(fixed), [fixed])

    @property
    def _mends(self) -> bool:
        return bool(self._given.fix or self._given.fix_only or self._given.diff)

    def _levels(self) -> frozenset[Applicability]:
        from greenlint.fixer import SAFE, UNSAFE

        return UNSAFE if self._settings.unsafe_fixes else SAFE

    def _show_diff(self, fixed: Sequence[Fixed]) -> int:
        """Print what would change; exit code 1 when something would."""
        from greenlint.output.diff import diff
        from greenlint.reading import decode

        style = style_for(sys.stdout, self._given.color)
        for each in fixed:
            for trouble in _troubles(each):
                warn(trouble)
            if each.after != each.before:
                _write(diff(each.task.path, decode(each.before).text, decode(each.after).text, style), sys.stdout)
        changed = any(each.after != each.before for each in fixed)
        return int(changed and not self._given.exit_zero)

    def watched(self) -> list[Path]:
        """The files whose change calls for another check."""
        configuration = self._settings.file
        beside = [self._settings.baseline, *([configuration] if configuration is not None else [])]
        return [*self._discover().files, *beside]

    def show_settings(self) -> int:
        """Print the settings of each given path."""
        for path in self._paths if self._paths != [_STDIN] else [self._given.stdin_filename or "."]:
            if len(self._paths) > 1:
                sys.stdout.write(f"# for {visible(path)}\n")
            sys.stdout.write(show_settings(self._session.settings_near(path)))
        return 0

    def show_files(self) -> int:
        """Print what would be checked, and what not and why."""
        found = self._discover(explain=True)
        for file in found.files:
            sys.stdout.write(f"{shown_path(file.as_posix())}\n")
        for path, reason in (*found.skipped, *found.excluded):
            sys.stdout.write(f"{shown_path(path.as_posix())}  # left out: {reason}\n")
        return 0

    def _discover(self, *, explain: bool = False) -> Discovered:
        found = discover(self._paths, self._session.resolver.settings_for_folder, explain=explain)
        if found.missing:
            listed = ", ".join(f"`{visible(str(path))}`" for path in found.missing)
            raise UsageError(f"no such file or folder: {listed}", _verb_hint(str(found.missing[0])))
        return found

    @property
    def _folders(self) -> list[str]:
        return [os.path.abspath(path) for path in self._paths if os.path.isdir(path)]  # noqa: PTH100, PTH112

    def _runner(self) -> Runner:
        given = self._given
        return self._session.runner(
            RunOptions(self._settings.jobs, not given.no_cache, given.timings),
            gated=not given.no_gate,
            progress=lambda total: Progress(sys.stderr, total, wanted=not given.quiet and "CI" not in os.environ),
            baseline=None if given.no_baseline else self._session.baseline(self._settings),
        )

    # -- telling -----------------------------------------------------------------------------------------

    def _conclude(self, result: RunResult, warnings: Sequence[str], fixed: Sequence[Fixed] = ()) -> int:
        given = self._given
        if not given.quiet:
            for warning in (*self._session.warnings(verbose=given.verbose), *warnings, *self._asides(result)):
                warn(warning)
            applied = {each.task.path: each.applied for each in fixed if each.applied}
            if applied:
                _write(fix_summary(applied, listed=self._settings.show_fixes), sys.stderr)
        if given.fix_only:
            return 0
        self._print(result)
        if given.timings:
            from greenlint.output.timings import timings

            _write(timings(result, style_for(sys.stderr, given.color)), sys.stderr)
        if given.strict and (result.troubled or self._session.problems()):
            return 3
        return int(result.failed and not given.exit_zero)

    def _asides(self, result: RunResult) -> Iterator[str]:
        if not self._given.verbose:
            return
        yield from result.warnings
        for file in result.files:
            if file.skipped is not None:
                yield f"{visible(file.path)}: not checked: {file.skipped}"
            yield from (
                f"{visible(file.path)}: {crash.traceback}".rstrip() for crash in file.crashes if crash.traceback
            )

    def _print(self, result: RunResult) -> None:
        style = Style(color=self._given.color == "always")
        for name, path in self._files:
            _replace(Path(path), "".join(f"{line}\n" for line in self._lines(result, name, style)))
        if self._printed is not None:
            _write(self._lines(result, self._printed, style_for(self._stream, self._given.color)), self._stream)

    @property
    def _files(self) -> list[tuple[str, str]]:
        """Formats with the file that each is written to."""
        given = self._given
        if given.output_file is not None:
            return [(self._format(self._settings.output_format), given.output_file)]
        return [(self._format(name), path) for name, path in given.output if path is not None]

    @property
    def _printed(self) -> str | None:
        """The format that is printed, if one is."""
        if self._given.output_file is not None:
            return None
        named = [name for name, path in self._given.output if path is None]
        return self._format(named[0] if named else self._settings.output_format)

    @staticmethod
    def _format(name: str) -> str:
        return name if name != "auto" else format_for_ci(os.environ) or "full"

    def _lines(self, result: RunResult, name: str, style: Style) -> Iterator[str]:
        given = self._given
        find = self._session.find
        if name in FOR_CI:
            from greenlint.output.checkout import in_checkout

            result = in_checkout(result, os.environ, Path.cwd())
        return lines_of(name, Report(result, style, given.show_suppressed, given.quiet, given.statistics, find))


def _can_be_fixed(file: FileResult, levels: frozenset[Applicability]) -> bool:
    return any(each.fix is not None and each.fix.edits and each.fix.applicability in levels for each in file.findings)


def _written(fixed: Sequence[Fixed]) -> tuple[list[Fixed], list[str]]:
    """Write fixed files back: those that were, and why others were not or not wholly."""
    from greenlint.fix_files import FixError, write_back

    written: list[Fixed] = []
    troubles: list[str] = []
    for each in fixed:
        troubles += _troubles(each)
        if each.after == each.before:
            continue
        try:
            write_back(each)
        except FixError as error:
            troubles.append(f"{visible(each.task.path)}: {error}")
        else:
            written.append(each)
    return written, troubles


def _troubles(fixed: Fixed) -> list[str]:
    return [f"{visible(fixed.task.path)}: {trouble}" for trouble in fixed.troubles]


def _left_out(found: Discovered) -> Iterator[str]:
    for path, reason in found.skipped:
        yield f"{visible(str(path))}: not checked: {reason}"
    if not found.files:
        yield "there is nothing to check: no Python file or notebook was found"


def _verb_hint(path: str) -> str | None:
    if not path.isidentifier() and not path.replace("-", "").isalpha():
        return None
    from greenlint.cli import VERBS
    from greenlint.config_error import nearest

    guess = nearest(path, VERBS)
    return f"did you mean the verb `{guess}`?" if guess is not None else None


def _write(lines: Iterable[str], stream: TextIO) -> None:
    if isinstance(stream, io.TextIOWrapper):
        # No encoding of a console may stop a report.
        stream.reconfigure(errors="backslashreplace")
    # Line by line: an unbuffered stream would drop the rest of one long text, and not say so, when its reader leaves.
    stream.writelines(f"{line}\n" for line in lines)


def _refuse_unwritable(files: Sequence[Path]) -> None:
    """Raise ``UsageError`` for what would be known only after the run, when other reports are written."""
    from greenlint.whole_files import obstacle

    places = Counter(os.path.realpath(each) for each in files)
    for each in files:
        why = obstacle(each)
        if why is not None:
            raise UsageError(f"{each}: cannot be written: {why}")
        if places[os.path.realpath(each)] > 1:
            raise UsageError(f"two reports would be written to `{each}`")


def _replace(file: Path, text: str) -> None:
    """Write ``file``, whole or not at all."""
    from greenlint.whole_files import write_whole

    try:
        write_whole(file, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {(error.strerror or str(error)).lower()}") from None
