"""Checks the texts that an editor holds, with the configuration that their paths call for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from greenlint.baseline import Baseline
from greenlint.batch import Examined
from greenlint.config_error import ConfigError
from greenlint.discovery import discover
from greenlint.document import Document
from greenlint.finding import Edit, Finding
from greenlint.fixer import SAFE, UNSAFE, apply_to_source, fix
from greenlint.lsp.settings import SETTINGS, EditorSettings, Preference
from greenlint.reading import UnreadableError
from greenlint.registry import NoRulePackagesError
from greenlint.results import FileResult
from greenlint.rule import Rule
from greenlint.runner import Runner, RunOptions
from greenlint.session import Session
from greenlint.suppress import file_ignore_edits, ignore_edits

__all__ = ["Checker", "ConfigurationError", "Part"]

_FLAG = re.compile(r"^--([a-z-]+): ", re.MULTILINE)
_FILES = 200
"""How many files make a part of a workspace."""


class ConfigurationError(Exception):
    """The configuration of a folder cannot be used; the message says where and why."""


class Part(NamedTuple):
    """The results of some files of a workspace folder, by absolute path."""

    results: Sequence[tuple[Path, FileResult]]
    share: float
    """How much of the folder is done with it."""


@dataclass(slots=True)
class _Tools:
    """A session and the runner made with it."""

    session: Session
    runner: Runner


class Checker:
    """One workspace folder. Not to be used by two threads at once."""

    def __init__(self, folder: Path, settings: EditorSettings, *, among_others: bool = False) -> None:
        """``among_others`` says that there are more folders, so that the paths in messages need a beginning."""
        self.folder = folder
        self._settings = settings
        self._lead = f"in {folder.name}: " if among_others else ""
        self._tools: _Tools | None = None
        self._held: dict[str, str] = {}
        self._deciding: tuple[Path, ...] = ()

    def configure(self, settings: EditorSettings) -> None:
        """Go on with other settings of the editor."""
        self._settings = settings
        self.reload()

    def reload(self) -> None:
        """Read the configuration and the rules again when next needed."""
        self._tools = None

    def decides(self, path: Path) -> bool:
        """Whether a file is the baseline of the folder, or one of its own rules."""
        return any(path.is_relative_to(each) for each in self._deciding)

    def hold(self, path: str, text: str) -> None:
        """Let an unsaved text count in place of the file."""
        self._held[path] = text
        if self._tools is not None:
            self._tools.runner.hold(path, text)

    def drop(self, path: str) -> None:
        """Let the file count again: its text is closed."""
        held = self._held.pop(path, None)
        if self._tools is not None and held is not None:
            self._tools.runner.hold(path, None)
            self.refresh(path)

    def refresh(self, *paths: str) -> None:
        """Files may have changed: those at ``paths``, any where none is given."""
        if self._tools is None:
            return
        try:
            self._tools.runner.refresh(*paths)
        except (ConfigError, NoRulePackagesError):
            # Which project a file is part of cannot be told as long as its configuration is wrong.
            self._tools.runner.refresh()

    def examine(self, path: str, data: bytes) -> Examined:
        """The result for ``data`` in place of the file at ``path``; raises :class:`ConfigurationError`."""
        if not self._settings.enable:
            return Examined(FileResult(path))
        try:
            return self._made().runner.examine(path, data)
        except (ConfigError, NoRulePackagesError) as error:
            self._tools = None
            raise ConfigurationError(self._said(error)) from None

    def configuration(self, path: str) -> str:
        """What decides how the file at ``path`` is checked, in words; raises :class:`ConfigurationError`."""
        settings = self._settings
        if not settings.enable:
            return "checking is switched off"
        file = self._made().session.resolver.settings_for(path).file
        if file is None:
            return "configured by the editor" if settings.keys else "no configuration file applies"
        by_editor = "the editor, then " if settings.keys and settings.preference is not Preference.FILE else ""
        return f"configured by {by_editor}{file}"

    def fixed(self, path: str, data: bytes, rule: str | None = None, *, unsafe: bool = False) -> bytes:
        """``data`` with all its fixes made: of every rule the safe ones, of one ``rule`` all of its kind."""
        levels = UNSAFE if unsafe or self._settings.unsafe_fixes else SAFE
        return self._made().runner.fix_data(path, data, levels, rule=rule).after

    def fixed_in_cell(self, path: str, data: bytes, cell: int) -> bytes:
        """The notebook ``data`` with the fixes made that change one cell only, that one."""
        levels = UNSAFE if self._settings.unsafe_fixes else SAFE
        try:
            file = self._made().runner.edited_data(path, data)
        except UnreadableError:
            return data

        def found(document: Document) -> Sequence[Finding]:
            return [each for each in file.findings(document) if _cells(document, each) == {cell}]

        done = fix(file.text, parse=file.parse, analyze=found, levels=levels)
        return file.with_text(done.source, done.applied).after

    def changed(
        self, found: Examined, path: str, data: bytes, fingerprint: str, what: str, reason: str | None = None
    ) -> bytes | None:
        """``data`` with one finding of ``found`` fixed or suppressed; ``None`` where that cannot be.

        ``what`` is ``"fix"``, ``"ignore"`` or ``"ignore-file"``; the ``reason`` is that of a suppression.
        """
        finding = _finding(found, fingerprint)
        if found.document is None or finding is None:
            return None
        file = self._made().runner.edited_data(path, data)
        edits = _edits(found.document, finding, what, reason)
        text = apply_to_source(file.text, found.document, edits) if edits else None
        return file.stored(text) if text is not None and file.parse(text) is not None else None

    def misses_reasons(self, path: str) -> bool:
        """Whether a suppression in the file at ``path`` has to say why."""
        try:
            return self._made().runner.profile(path).misses_reasons
        except (ConfigurationError, ConfigError, NoRulePackagesError):
            return False

    def park(self, path: str, found: Examined, fingerprint: str) -> None:
        """Add a finding that is shown to the baseline; raises :class:`ConfigurationError`."""
        shown = next((each for each in found.result.findings if each.fingerprint == fingerprint), None)
        if shown is None:
            return
        try:
            session = self._made().session
            settings = session.settings_near(self.folder)
            # What is in the file now, not what was there when it was read last.
            present = session.baseline(settings, wanted=False) or Baseline(settings.baseline, {})
            present.with_one_more(path, shown).write()
        except ConfigError as error:
            raise ConfigurationError(self._said(error)) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigurationError(f"{settings.baseline}: cannot be written: {reason}") from None

    def find(self, rule: str) -> type[Rule] | None:
        """The rule of this name; ``None`` also where the configuration cannot be used."""
        try:
            return self._made().session.find(rule)
        except (ConfigurationError, ConfigError, NoRulePackagesError):
            return None

    def workspace(self) -> Iterator[Part]:
        """The results of all files of the folder, those without findings, too; raises :class:`ConfigurationError`."""
        if not self._settings.enable:
            return
        try:
            tools = self._made()
            files = discover([str(self.folder)], tools.session.resolver.settings_for_folder).files
            for start in range(0, len(files), _FILES):
                some = files[start : start + _FILES]
                results = tools.runner.run(some).files
                placed = [(self.folder / path, each) for path, each in zip(some, results, strict=True)]
                yield Part(placed, (start + len(some)) / len(files))
        except (ConfigError, NoRulePackagesError) as error:
            raise ConfigurationError(self._said(error)) from None

    def warnings(self) -> list[str]:
        """What is wrong with the configuration and the plug-ins, though it works."""
        return [f"{self._lead}{each}" for each in self._tools.session.warnings()] if self._tools is not None else []

    def _made(self) -> _Tools:
        """The session and its runner; raises :class:`ConfigurationError`."""
        if self._tools is None:
            try:
                self._tools = self._make()
            except (ConfigError, NoRulePackagesError) as error:
                raise ConfigurationError(self._said(error)) from None
        return self._tools

    def _make(self) -> _Tools:
        session = self._session()
        settings = session.settings_near(self.folder)
        self._deciding = (settings.baseline, *settings.rule_paths)
        runner = session.runner(RunOptions(jobs=1), baseline=session.baseline(settings, wanted=False))
        for path, text in self._held.items():
            runner.hold(path, text)
        return _Tools(session, runner)

    def _session(self) -> Session:
        settings = self._settings
        config = [settings.configuration] if settings.configuration is not None else []
        if settings.preference is Preference.EDITOR_ONLY:
            return self._session_with(config=config, isolated=not config, flags=settings.keys)
        yields = settings.preference is Preference.FILE
        return self._session_with(config=config, flags=settings.keys, flags_yield=yields)

    def _said(self, error: Exception) -> str:
        """What is wrong with a configuration; what flags would be are settings of the editor."""
        said = _FLAG.sub(lambda match: f"`greenlint.{SETTINGS.get(match[1], match[1])}`: ", str(error))
        return said if said.startswith("`greenlint.") else f"{self._lead}{said}"

    def _session_with(self, **given: object) -> Session:
        return Session(cwd=self.folder, local_rules=self._settings.trusted, **given)  # type: ignore[arg-type]


def _finding(found: Examined, fingerprint: str) -> Finding | None:
    """The finding behind one that was shown."""
    shown = next((each for each in found.result.findings if each.fingerprint == fingerprint), None)
    if shown is None or found.document is None or found.analysis is None:
        return None
    for finding in found.analysis.findings:
        at = found.document.position(finding.span.start)
        if (finding.rule, at.line, at.column, at.cell) == (shown.rule, shown.line, shown.column, shown.cell):
            return finding
    return None


def _cells(document: Document, finding: Finding) -> set[int | None]:
    """The cells that the fix of a finding changes."""
    edits = finding.fix.edits if finding.fix is not None else ()
    return {document.position(at).cell for each in edits for at in (each.span.start, each.span.end)}


def _edits(document: Document, finding: Finding, what: str, reason: str | None) -> Sequence[Edit]:
    if what == "fix":
        return finding.fix.edits if finding.fix is not None else ()
    if what == "ignore":
        return ignore_edits(document, [finding], reason)
    return file_ignore_edits(document, finding.rule, reason)
