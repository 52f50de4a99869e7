"""The server: what the editor says and asks, answered from checks that run one after the other in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from greenlint.batch import Examined
from greenlint.lsp.actions import action_list
from greenlint.lsp.checker import Checker, ConfigurationError
from greenlint.lsp.collector import Collector
from greenlint.lsp.diagnostics import diagnostics_of, range_of, stored_diagnostics
from greenlint.lsp.documents import Opened, key_of, lines_in
from greenlint.lsp.hover import hover
from greenlint.lsp.pages import Pages
from greenlint.lsp.protocol import Protocol
from greenlint.lsp.reasons import as_snippets, selects_reasons, takes_snippets, unwritten
from greenlint.lsp.settings import EditorSettings, Shown, read_settings
from greenlint.results import FileResult, PlacedFinding
from greenlint.rule import Rule
from greenlint.version import __version__

__all__ = ["GreenlintServer"]

T = TypeVar("T")

SECTION = "greenlint"
_PAUSE = 0.03
"""Seconds without a keystroke after which diagnostics are pushed to editors that do not ask for them."""
_LOG = logging.getLogger(__name__)
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    [types.NotebookDocumentFilterWithNotebook(notebook="*", cells=[types.NotebookCellLanguage("python")])], save=True
)
_CONFIGURATION = ("greenlint.toml", "pyproject.toml")
_WATCHED = (
    "**/greenlint.toml",
    "**/.greenlint.toml",
    "**/pyproject.toml",
    "**/*baseline*.json",
    "**/*.py",
    "**/requirements*.txt",
)

_OPEN = "open"
"""The result id of a notebook whose cells the editor has open."""


class GreenlintServer(LanguageServer):
    """The language server of greenlint; see :mod:`greenlint.lsp.features` for what it answers to."""

    def __init__(self) -> None:
        super().__init__("greenlint", __version__, protocol_cls=Protocol, notebook_document_sync=_NOTEBOOKS)
        self.settings = EditorSettings()
        self.pages = Pages(self._find_rule)
        self._checkers: dict[Path, Checker] = {}
        self._opened: dict[str, Opened] = {}
        self._pushes: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, bytes] = {}
        """The text of each document that was asked for last."""
        self._told: set[str] = set()
        self._thread = ThreadPoolExecutor(1, "greenlint-check")
        self.collector = Collector(self.in_thread)
        self.changed = asyncio.Event()
        """Set whenever what is known of the workspace may have changed."""

    # -- settings ----------------------------------------------------------------------------------------

    def configure(self, given: object) -> None:
        """Take in what the editor says about greenlint."""
        settings, problems = read_settings(given, self.settings)
        for problem in problems:
            self.tell(problem)
        if settings != self.settings:
            self.settings = settings
            for checker in self._checkers.values():
                checker.configure(settings)
            self.forget()

    def reload(self) -> None:
        """A configuration file or the rules may have changed."""
        self._told.clear()
        for checker in self._checkers.values():
            checker.reload()
        self.forget()

    def is_configuration(self, uri: str) -> bool:
        """Whether a file decides what is reported: a configuration, or a baseline in use."""
        path = uris.to_fs_path(uri)
        return uri.endswith(_CONFIGURATION) or any(path == each.baseline_file for each in self._checkers.values())

    def refresh(self) -> None:
        """A file was saved: those that depend on it may have other findings."""
        for checker in self._checkers.values():
            checker.refresh()
        self.forget()

    def forget(self) -> None:
        """Check every open document again, when it is asked for or at once."""
        self.changed.set()
        for opened in self._opened.values():
            opened.examined = None
        if not self.pulls:
            for opened in self._opened.values():
                self.push_soon(opened)
            return
        workspace = self.client_capabilities.workspace
        diagnostics = workspace.diagnostics if workspace is not None else None
        if diagnostics is not None and diagnostics.refresh_support:
            self.workspace_diagnostic_refresh(None)

    def tell(self, problem: str) -> None:
        """Show a message, each once until the configuration changes."""
        if problem not in self._told:
            self._told.add(problem)
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"greenlint: {problem}"))

    @property
    def pulls(self) -> bool:
        """Whether the editor asks for diagnostics by itself."""
        document = self.client_capabilities.text_document
        return document is not None and document.diagnostic is not None

    # -- documents ---------------------------------------------------------------------------------------

    def opened(self, uri: str) -> Opened | None:
        """The open script or notebook that a URI belongs to."""
        found = Opened.of(self.workspace, uri)
        if found is None:
            return None
        known = self._opened.get(found.uri)
        if known is None or known.is_notebook is not found.is_notebook:
            known = self._opened[found.uri] = found
        return known

    def touched(self, uri: str) -> None:
        """A document was opened or edited."""
        opened = self.opened(uri)
        if opened is not None and not self.pulls and not (self.settings.on_save_only and opened.examined):
            self.push_soon(opened)

    def closed(self, uri: str) -> None:
        """A document was closed: its diagnostics vanish and the file on disk counts again."""
        self._wanted.pop(uri, None)
        opened = self._opened.pop(uri, None)
        if opened is None:
            return
        pending = self._pushes.pop(uri, None)
        if pending is not None:
            pending.cancel()
        for each in opened.pushed:
            self._publish(each, [])
        checker = self.checker_of(opened)
        self._thread.submit(checker.hold, opened.path, None)
        self.changed.set()

    def checker_of(self, opened: Opened) -> Checker:
        """The checker of the innermost workspace folder that holds a document."""
        folders = self._folders()
        holding = [each for each in folders if Path(opened.path).is_relative_to(each)]
        inner = max(holding, key=lambda each: len(each.parts), default=None)
        folder = inner or (folders[0] if folders and not opened.uri.startswith("file:") else Path(opened.path).parent)
        if folder not in self._checkers:
            self._checkers[folder] = Checker(folder, self.settings)
        return self._checkers[folder]

    def _folders(self) -> list[Path]:
        return [Path(path) for each in self.workspace.folders if (path := uris.to_fs_path(each)) is not None]

    def _outer_folders(self) -> list[Path]:
        """The workspace folders that lie in no other one."""
        found = self._folders()
        return [each for each in found if not any(each != other and each.is_relative_to(other) for other in found)]

    # -- checking ----------------------------------------------------------------------------------------

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run something that takes time after what is being run."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*arguments))

    async def checked(self, opened: Opened) -> Opened:
        """The document with the findings of what it holds now."""
        while opened.examined is None or opened.examined_data != opened.data(self.workspace):
            if self.settings.on_save_only and opened.examined is not None:
                break
            data = opened.data(self.workspace)
            self._wanted[opened.uri] = data
            found = await self.in_thread(self._examine, opened, data)
            self.collector.checked()
            if found is not None and data == self._wanted.get(opened.uri):
                opened.examined, opened.examined_data = found, data
        return opened

    def _examine(self, opened: Opened, data: bytes) -> Examined | None:
        """In the thread; ``None`` when somebody has asked for another text since."""
        if self._wanted.get(opened.uri) != data:
            return None
        if opened.examined is not None and opened.examined_data == data:
            return opened.examined
        checker = self.checker_of(opened)
        if not opened.is_notebook:
            checker.hold(opened.path, data.decode())
        try:
            found = checker.examine(opened.path, data)
            opened.error = None
        except ConfigurationError as error:
            opened.error = str(error)
            return Examined(FileResult(opened.path))
        return found

    async def diagnostics(self, opened: Opened) -> dict[str, list[types.Diagnostic]]:
        """The diagnostics of each text document of a script or notebook."""
        await self.checked(opened)
        if opened.error is not None:
            self.tell(opened.error)
        for warning in self.checker_of(opened).warnings():
            self.tell(warning)
        found = diagnostics_of(self.workspace, opened, self.pages.uri)
        opened.result_id = _result_id(found)
        return found

    def push_soon(self, opened: Opened) -> None:
        """Publish diagnostics after a pause; a newer call takes the place of an older one."""
        pending = self._pushes.get(opened.uri)
        if pending is not None:
            pending.cancel()
        self._pushes[opened.uri] = asyncio.get_running_loop().create_task(self._push(opened))

    async def _push(self, opened: Opened) -> None:
        await asyncio.sleep(_PAUSE)
        found = await self.diagnostics(opened)
        for uri in opened.pushed - found.keys():
            self._publish(uri, [])
        for uri, diagnostics in found.items():
            self._publish(uri, diagnostics)
        opened.pushed = set(found)

    def _publish(self, uri: str, diagnostics: list[types.Diagnostic]) -> None:
        document = self.workspace.text_documents.get(key_of(uri))
        version = document.version if document is not None else None
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, version))

    def workspace_reports(self, known: dict[str, str]) -> Iterator[types.WorkspaceDocumentDiagnosticReport]:
        """The diagnostics of all files of the workspace that are not open; in a thread of its own.

        ``known`` are the result ids that the editor has, by the keys of URIs. An open notebook has none of its own, for
        its cells have them.
        """
        opened = {key_of(uri): each for uri, each in list(self._opened.items())}
        for folder in self._outer_folders():
            for path, result in Checker(folder, self.settings).workspace():
                uri = uris.from_fs_path(path) or ""
                if key_of(uri) in opened:
                    if opened[key_of(uri)].is_notebook and known.get(key_of(uri), _OPEN) != _OPEN:
                        yield types.WorkspaceFullDocumentDiagnosticReport(uri, [], result_id=_OPEN)
                    continue
                items = list(stored_diagnostics(path, result, self.pages.uri, self.workspace.position_codec))
                result_id = _result_id(items)
                if known.get(key_of(uri)) == result_id:
                    yield types.WorkspaceUnchangedDocumentDiagnosticReport(uri, result_id)
                elif items or key_of(uri) in known:
                    yield types.WorkspaceFullDocumentDiagnosticReport(uri, items, result_id=result_id)

    # -- looking at findings -----------------------------------------------------------------------------

    async def findings_in(self, uri: str) -> list[tuple[types.Range, PlacedFinding]]:
        """The findings of a text document as it is now, with the ranges that the editor shows."""
        opened = self.opened(uri)
        if opened is None:
            return []
        await self.checked(opened)
        codec, lines = self.workspace.position_codec, lines_in(self.workspace, uri)
        return [
            (range_of(each, codec, lines), each)
            for each in (opened.examined.result.findings if opened.examined is not None else ())
            if opened.uri_of(self.workspace, each.cell) == uri
        ]

    async def actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """The code actions for a range."""
        uri = params.text_document.uri
        opened = self.opened(uri)
        if opened is None:
            return []
        findings = [each for where, each in await self.findings_in(uri) if _touches(where, params.range)]
        offered = action_list(
            uri,
            findings,
            params,
            misses_reasons=await self.in_thread(self.checker_of(opened).misses_reasons, opened.path),
            selects=selects_reasons(self.client_capabilities, uri),
            is_stored=opened.uri.startswith("file:"),
        )
        actions = list(offered)
        if not self._resolves_edits():
            for action in actions:
                await self.resolve(action)
        return actions

    def _resolves_edits(self) -> bool:
        document = self.client_capabilities.text_document
        actions = document.code_action if document is not None else None
        support = actions.resolve_support if actions is not None else None
        return support is not None and "edit" in support.properties

    async def resolve(self, action: types.CodeAction) -> types.CodeAction:
        """The action with its edits."""
        data = action.data
        opened = self.opened(data["uri"]) if isinstance(data, dict) and "uri" in data else None
        if opened is None or data is None or action.edit is not None:
            return action
        await self.checked(opened)
        after = await self.in_thread(self._edited, opened, data)
        if after is not None and opened.examined_data == opened.data(self.workspace):
            changes = opened.edits_to(self.workspace, after)
            action.edit = self._edit(changes, snippets="reason" in data) if changes else None
        return action

    def _edit(self, changes: dict[str, list[types.TextEdit]], *, snippets: bool) -> types.WorkspaceEdit:
        if not snippets or not takes_snippets(self.client_capabilities):
            return types.WorkspaceEdit(changes=changes)
        return as_snippets(changes, {uri: self.workspace.get_text_document(uri).version for uri in changes})

    async def park(self, uri: str, fingerprint: str) -> None:
        """Add a finding to the baseline, which is written at once."""
        opened = self.opened(uri)
        if opened is None:
            return
        await self.checked(opened)
        try:
            await self.in_thread(self._park, opened, fingerprint)
        except ConfigurationError as error:
            self.tell(str(error))
        else:
            self.reload()

    def _park(self, opened: Opened, fingerprint: str) -> None:
        if opened.examined is not None:
            self.checker_of(opened).park(opened.path, opened.examined, fingerprint)

    async def select_reason(self, uri: str, rule: str, line: int) -> None:
        """Let the editor select the reason for suppressing a rule that is still to be written near a line."""
        lines, codec = lines_in(self.workspace, uri), self.workspace.position_codec
        places = unwritten(lines, rule, codec)
        where = min(places, key=lambda each: abs(each.start.line - line), default=None)
        if where is not None:
            await self.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True, selection=where))

    def _edited(self, opened: Opened, data: dict[str, Any]) -> bytes | None:
        """What an action makes of a document; in the thread."""
        checker, path, content, found = self.checker_of(opened), opened.path, opened.examined_data, opened.examined
        if found is None:
            return None
        try:
            if data["do"] == "fix-all":
                return checker.fixed(path, content)
            if data["do"] == "fix-rule":
                return checker.fixed(path, content, str(data["rule"]), unsafe=bool(data.get("unsafe")))
            return checker.changed(found, path, content, str(data["fingerprint"]), str(data["do"]), data.get("reason"))
        except ConfigurationError as error:
            _LOG.info("%s", error)
            return None

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        """What a hover shows."""
        uri = params.text_document.uri
        if self.opened(uri) is None:
            return None
        found = await self.findings_in(uri)
        lines, codec = lines_in(self.workspace, uri), self.workspace.position_codec
        return hover(found, lines, params.position, codec, self._find_rule)

    async def costs(self, uri: str, kind: Shown) -> list[tuple[types.Range, PlacedFinding]]:
        """The findings whose cost is shown beside the code, if it is to be shown so."""
        if self.settings.cost is not kind:
            return []
        return [(where, each) for where, each in await self.findings_in(uri) if each.notes]

    def _find_rule(self, name: str) -> type[Rule] | None:
        checkers = list(self._checkers.values()) or [Checker(Path.cwd(), self.settings)]
        for checker in checkers:
            try:
                found = checker.find(name)
            except ConfigurationError:
                continue
            if found is not None:
                return found
        return None

    async def watch_files(self) -> None:
        """Ask to be told when configuration or other code changes."""
        workspace = self.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is None or not watching.dynamic_registration:
            return
        watchers = [types.FileSystemWatcher(glob) for glob in _WATCHED]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        registration = types.Registration("greenlint-files", method, options)
        try:
            await self.client_register_capability_async(types.RegistrationParams([registration]))
        except JsonRpcException as error:
            _LOG.info("the editor does not watch files: %s", error)

    async def ask_settings(self) -> None:
        """Fetch the editor's settings, where it has them to fetch."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        items = [types.ConfigurationItem(section=SECTION)]
        try:
            answers = await self.workspace_configuration_async(types.ConfigurationParams(items))
        except JsonRpcException as error:
            _LOG.info("the editor does not tell its settings: %s", error)
            return
        if answers and answers[0] is not None:
            self.configure({SECTION: answers[0]} if isinstance(answers[0], dict) else answers[0])

    def end(self) -> None:
        """The editor is gone."""
        self.pages.close()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _result_id(found: object) -> str:
    """The same for the same diagnostics."""
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _touches(one: types.Range, other: types.Range) -> bool:
    def ends(where: types.Range) -> tuple[tuple[int, int], tuple[int, int]]:
        return (where.start.line, where.start.character), (where.end.line, where.end.character)

    (start, end), (other_start, other_end) = ends(one), ends(other)
    return start <= other_end and other_start <= end
