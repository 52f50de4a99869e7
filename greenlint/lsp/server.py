"""The server: what the editor says and asks, answered from checks that run one after the other in a thread."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from greenlint.batch import Examined
from greenlint.lsp.actions import action_list
from greenlint.lsp.checker import Checker, ConfigurationError
from greenlint.lsp.collector import Collector
from greenlint.lsp.costs import cost_of
from greenlint.lsp.diagnostics import diagnostics_of, range_of, shows_related, without_related
from greenlint.lsp.documents import Course, Opened, Outcome, folders_of, key_of, lines_in
from greenlint.lsp.hover import hover
from greenlint.lsp.log import Log
from greenlint.lsp.pages import Pages
from greenlint.lsp.protocol import Protocol
from greenlint.lsp.reasons import as_snippets, selects_reasons, takes_snippets, takes_versions, unwritten, with_versions
from greenlint.lsp.reports import NOTEBOOK, SCRIPT, Reports, Step, result_id
from greenlint.lsp.settings import EditorSettings, Shown, read_settings
from greenlint.output.lines import count
from greenlint.results import FileResult, PlacedFinding, Problem
from greenlint.version import __version__

if TYPE_CHECKING:
    from pygls.server import ServerErrors

__all__ = ["GreenlintServer"]

T = TypeVar("T")

SECTION = "greenlint"
_PAUSE = 0.03
"""Seconds without a keystroke after which diagnostics are pushed to editors that do not ask for them."""
_PATIENCE = 2.0
"""Seconds that the end waits for a file to be written, which takes longer only where it will not be."""
_OF_ALL = ("fix-all", "fix-cell", "fix-rule")
"""Actions that need no findings: what a text holds when they are taken is fixed."""
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    [types.NotebookDocumentFilterWithNotebook(notebook="*", cells=[types.NotebookCellLanguage("python")])], save=True
)
_CONFIGURATION = ".toml"
"""What the names of configuration files, and of those that they extend, end in."""
_WATCHED = ("**/*.toml", "**/*baseline*.json", "**/*.py", "**/*.ipynb", "**/requirements*.txt")


class _Asked(NamedTuple):
    """A check that was asked for."""

    opened: Opened
    data: bytes
    text: str | None
    state: int
    """What the server's was then."""
    at: float
    """By the clock of ``time.perf_counter``."""


class GreenlintServer(LanguageServer):
    """The language server of greenlint; see :mod:`greenlint.lsp.features` for what it answers to.

    Checkers belong to the thread: what it is asked for is done one after the other, and here nothing but to wait.
    """

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("greenlint", __version__, protocol_cls=Protocol, notebook_document_sync=_NOTEBOOKS)
        self.settings = EditorSettings()
        self.log = Log(self)
        self._pages = Pages()
        self._given: object = None
        self._checkers: dict[Path, Checker] = {}
        self._opened: dict[str, Opened] = {}
        self._pushes: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, bytes] = {}
        """The text of each document that was asked for last."""
        self._told: set[str] = set()
        self._state = 0
        """Grows whenever what was found so far may not be found again."""
        self._is_ready = False
        self._thread = ThreadPoolExecutor(1, "greenlint-check")
        self._aside = ThreadPoolExecutor(2, "greenlint-workspace")
        self._writing = threading.Lock()
        """Held while something is written that must not be lost."""
        self.collector = Collector(self.in_thread)
        self.changed = asyncio.Event()
        """Set whenever what is known of the workspace may have changed."""

    @property
    def is_shut_down(self) -> bool:
        """Whether the editor has said that it will end."""
        return self.protocol.is_shut_down

    async def begin(self) -> None:
        """The editor is ready to be asked."""
        self._is_ready = True
        python = ".".join(map(str, sys.version_info[:3]))
        self.log.info(f"greenlint {__version__}, in Python {python} at {sys.executable}")
        await self._register()
        await self.ask_settings()

    def end(self) -> None:
        """The editor is gone."""
        self._pages.close()
        for each in (self._thread, self._aside):
            each.shutdown(wait=False, cancel_futures=True)

    def settle(self) -> None:
        """Let what is being written be written to its end, and have no more begun."""
        self._writing.acquire(timeout=_PATIENCE)

    def report_server_error(self, error: Exception, source: ServerErrors) -> None:
        """What went wrong while a message was handled goes to the log; requests are answered with it, too.

        pygls would show it, whatever the user is doing.
        """
        self.log.error("".join(traceback.format_exception(error)).rstrip())

    # -- settings ----------------------------------------------------------------------------------------

    def configure(self, given: object) -> None:
        """Take in what the editor says about greenlint."""
        settings, problems = read_settings(given, self.settings)
        if given != self._given:
            self._given = given
            self._told.clear()
        for problem in problems:
            self.tell(problem)
        before, self.settings = self.settings, settings
        if settings == replace(before, log_level=settings.log_level):
            return
        self._in_checkers(lambda each: each.configure(settings))
        self.forget("the settings changed")
        if {settings.cost, before.cost} != {Shown.OFF}:
            self._refresh_costs()

    def reload(self, why: str) -> None:
        """A configuration file or the rules may have changed."""
        self._told.clear()
        self._in_checkers(Checker.reload)
        self.forget(why)

    def watched(self, *events: types.FileEvent) -> None:
        """Files were changed by somebody, perhaps by the editor, which has told of what is open."""
        is_open = self.workspace.text_documents.__contains__
        seen = [each for each in events if not is_open(key_of(each.uri)) or self._decides(each.uri)]
        stayed = all(each.type is types.FileChangeType.Changed for each in seen)
        self.file_changed(*(each.uri for each in seen), stayed=stayed)

    def file_changed(self, *uris_: str, stayed: bool = True) -> None:
        """Files were saved, or changed by somebody else; ``stayed``: none is new or gone.

        Those that depend on them may have other findings.
        """
        if not uris_:
            return
        paths = [uris.to_fs_path(each) or each for each in uris_]
        first, *more = paths
        others = f" and {count(len(more), 'other file')}" if more else ""
        why = f"{first}{others} changed"
        if any(map(self._decides, uris_)):
            self.reload(why)
        else:
            self._in_checkers(Checker.refresh, *(paths if stayed else ()))
            self.forget(why)

    def _decides(self, uri: str) -> bool:
        """Whether a file decides what is reported: a configuration, a baseline in use, or a rule of the project."""
        path = uris.to_fs_path(uri)
        if path is None:
            return False
        return path.endswith(_CONFIGURATION) or any(each.decides(Path(path)) for each in self._checkers.values())

    def _in_checkers(self, work: Callable[..., None], *arguments: str) -> None:
        for each in self._checkers.values():
            self._thread.submit(work, each, *arguments)

    def forget(self, why: str) -> None:
        """Check every open document again, when it is asked for or at once."""
        self._state += 1
        self.changed.set()
        for opened in self._opened.values():
            opened.outcome, opened.due = None, why
        if not self.pulls:
            for opened in self._opened.values():
                self.push_soon(opened)
            return
        workspace = self.client_capabilities.workspace
        diagnostics = workspace.diagnostics if workspace is not None else None
        if self._is_ready and diagnostics is not None and diagnostics.refresh_support:
            self.workspace_diagnostic_refresh(None)

    def _refresh_costs(self) -> None:
        workspace = self.client_capabilities.workspace
        if not self._is_ready or workspace is None:
            return
        if workspace.code_lens is not None and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)
        if workspace.inlay_hint is not None and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    def tell(self, problem: str, kind: types.MessageType = types.MessageType.Error) -> None:
        """Show a message, each once until the configuration changes."""
        if problem not in self._told:
            self._told.add(problem)
            (self.log.error if kind is types.MessageType.Error else self.log.warn)(problem)
            self.window_show_message(types.ShowMessageParams(kind, f"greenlint: {problem}"))

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
        known = self._opened.get(found.key)
        if known is None or known.is_notebook is not found.is_notebook:
            known = self._opened[found.key] = found
        return known

    def _is_open(self, opened: Opened) -> bool:
        return self._opened.get(opened.key) is opened

    def touched(self, uri: str) -> None:
        """A document was opened or edited."""
        opened = self.opened(uri)
        if opened is not None and not self.pulls and not (self.settings.on_save_only and opened.outcome):
            self.push_soon(opened)

    def closed(self, uri: str) -> None:
        """A document was closed: its diagnostics vanish and the file on disk counts again."""
        key = key_of(uri)
        self._wanted.pop(key, None)
        opened = self._opened.pop(key, None)
        if opened is None:
            return
        pending = self._pushes.pop(key, None)
        if pending is not None:
            pending.cancel()
        for each in opened.pushed:
            self._publish(each, [])
        self._thread.submit(self.checker_of(opened).drop, opened.path)
        self.changed.set()

    def checker_of(self, opened: Opened) -> Checker:
        """The checker of the innermost workspace folder that holds a document."""
        path = Path(opened.path)
        holding = [each for each in folders_of(self.workspace) if path.is_relative_to(each)]
        folder = max(holding, key=lambda each: len(each.parts), default=path.parent)
        if folder not in self._checkers:
            self._checkers[folder] = Checker(folder, self.settings, among_others=self._has_many_folders())
        return self._checkers[folder]

    def _has_many_folders(self) -> bool:
        return len(folders_of(self.workspace)) > 1

    # -- checking ----------------------------------------------------------------------------------------

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run something that takes time after what is being run."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*arguments))

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run something that takes time beside the checks of what is open.

        Not in the threads of asyncio, which waits for them at the end.
        """
        return await asyncio.get_running_loop().run_in_executor(self._aside, lambda: work(*arguments))

    async def checked(self, opened: Opened) -> Outcome | None:
        """What came of checking what a document holds now; ``None`` when it was closed meanwhile."""
        while self._is_open(opened):
            outcome, data = opened.outcome, opened.data(self.workspace)
            if outcome is not None and (outcome.data == data or self.settings.on_save_only):
                return outcome
            self._wanted[opened.key] = data
            state, checker = self._state, self.checker_of(opened)
            asked = _Asked(opened, data, opened.text(self.workspace), state, time.perf_counter())
            why = opened.due if outcome is None else "edited"
            found = await self.in_thread(self._examine, checker, asked)
            self.collector.checked()
            if found is None:
                self.log.dropped(opened)
            elif found is not opened.outcome:
                self.log.checked(opened, found, why)
            if found is not None and state == self._state:
                opened.outcome = found
        return None

    def _examine(self, checker: Checker, asked: _Asked) -> Outcome | None:
        """In the thread; ``None`` when somebody has asked for another text since."""
        opened, data = asked.opened, asked.data
        if self._wanted.get(opened.key) != data:
            return None
        # Whoever else has asked for the same may not have heard yet.
        state, known = opened.latest
        if known is not None and known.data == data and state == asked.state:
            return known
        if asked.text is not None:
            checker.hold(opened.path, asked.text)
        began = time.perf_counter()
        outcome = self._outcome(checker, opened, data)
        course = outcome.course._replace(waited=began - asked.at, seconds=time.perf_counter() - began)
        opened.latest = asked.state, outcome._replace(course=course)
        return opened.latest[1]

    def _outcome(self, checker: Checker, opened: Opened, data: bytes) -> Outcome:
        try:
            examined = checker.examine(opened.path, data)
            pages = {each.rule: self._pages.uri(checker.find(each.rule)) for each in examined.result.findings}
            course = Course(configuration=checker.configuration(opened.path))
        except ConfigurationError as error:
            return Outcome(data, Examined(FileResult(opened.path)), str(error))
        except Exception as error:
            # A defect of greenlint itself: it costs this document, and is seen.
            problem = Problem("internal", f"internal error: {type(error).__name__}: {error}")
            course = Course(failure=traceback.format_exc())
            return Outcome(data, Examined(FileResult(opened.path, problems=(problem,))), course=course)
        return Outcome(data, examined, None, tuple(checker.warnings()), pages, course)

    async def pulled(self, uri: str) -> tuple[list[types.Diagnostic], str]:
        """The diagnostics of one text document, and their result id."""
        opened = self.opened(uri)
        if opened is None:
            return [], ""
        found = await self.diagnostics(opened)
        return next((each for own, each in found.items() if key_of(own) == key_of(uri)), []), opened.result_id

    async def diagnostics(self, opened: Opened) -> dict[str, list[types.Diagnostic]]:
        """The diagnostics of each text document of a script or notebook."""
        outcome = await self.checked(opened)
        if outcome is None:
            return {}
        if outcome.error is not None:
            self.tell(outcome.error)
        for warning in outcome.warnings:
            self.tell(warning, types.MessageType.Warning)
        found = diagnostics_of(self.workspace, opened, outcome, self.checker_of(opened).folder)
        if not shows_related(self.client_capabilities):
            found = {uri: list(map(without_related, each)) for uri, each in found.items()}
        opened.result_id = result_id(found)
        return found

    def push_soon(self, opened: Opened) -> None:
        """Publish diagnostics after a pause; a newer call takes the place of an older one."""
        pending = self._pushes.get(opened.key)
        if pending is not None:
            pending.cancel()
        self._pushes[opened.key] = asyncio.get_running_loop().create_task(self._push(opened))

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

    def workspace_steps(self, known: list[types.PreviousResultId]) -> Iterator[Step]:
        """The diagnostics of all files of the workspace that are not open, step by step, for another thread.

        ``known`` is what the editor has.
        """
        folders = folders_of(self.workspace)
        outer = [each for each in folders if not any(each != one and each.is_relative_to(one) for one in folders)]
        opened = dict.fromkeys(self.workspace.text_documents, SCRIPT) | dict.fromkeys(
            self.workspace.notebook_documents, NOTEBOOK
        )
        many = self._has_many_folders()
        checkers = [Checker(each, self.settings, among_others=many) for each in outer]
        by_key = {key_of(each.uri): each for each in known}
        shows = shows_related(self.client_capabilities)
        return Reports(checkers, by_key, opened, self.workspace.position_codec, self._pages, shows).steps()

    # -- looking at findings -----------------------------------------------------------------------------

    async def findings_in(self, uri: str) -> list[tuple[types.Range, PlacedFinding]]:
        """The findings of a text document as it is now, with the ranges that the editor shows."""
        opened = self.opened(uri)
        if opened is None:
            return []
        outcome = await self.checked(opened)
        if outcome is None:
            return []
        codec, lines = self.workspace.position_codec, lines_in(self.workspace, uri)
        return [
            (range_of(each, codec, lines), each)
            for each in outcome.result.findings
            if key_of(opened.uri_of(self.workspace, each.cell) or "") == key_of(uri)
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
            is_cell=opened.is_notebook,
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
        keeps_data = actions is not None and actions.data_support
        return support is not None and "edit" in support.properties and bool(keeps_data)

    async def resolve(self, action: types.CodeAction) -> types.CodeAction:
        """The action with its edits."""
        data = action.data
        opened = self.opened(data["uri"]) if isinstance(data, dict) and "uri" in data else None
        if opened is None or data is None or action.edit is not None:
            return action
        content, after = await self._edited(opened, data)
        while after is not None and self._is_open(opened) and content != opened.data(self.workspace):
            content, after = await self._edited(opened, data)
        if after is not None and self._is_open(opened):
            changes = opened.edits_to(self.workspace, after)
            action.edit = self._edit(changes, snippets="reason" in data) if changes else None
        return action

    async def _edited(self, opened: Opened, data: dict[str, Any]) -> tuple[bytes, bytes | None]:
        """What a document holds, and what an action makes of it."""
        content, checker, path = opened.data(self.workspace), self.checker_of(opened), opened.path
        if data.get("do") in _OF_ALL:
            cell = self._cell_of(opened, data["uri"])
            return content, await self.in_thread(self._fixed, checker, path, content, data, cell)
        outcome = await self.checked(opened)
        if outcome is None or outcome.data != opened.data(self.workspace):
            # Closed meanwhile; or what is shown are the findings of another text, where saving alone has it checked.
            return content, None
        return outcome.data, await self.in_thread(self._changed, checker, path, outcome, data)

    def _edit(self, changes: dict[str, list[types.TextEdit]], *, snippets: bool) -> types.WorkspaceEdit:
        client = self.client_capabilities
        if not takes_versions(client):
            return types.WorkspaceEdit(changes=changes)
        versions = {uri: self.workspace.get_text_document(uri).version for uri in changes}
        make = as_snippets if snippets and takes_snippets(client) else with_versions
        return make(changes, versions)

    async def park(self, uri: str, fingerprint: str) -> None:
        """Add a finding to the baseline, which is written at once."""
        opened = self.opened(uri)
        if opened is None:
            return
        outcome = await self.checked(opened)
        if outcome is None:
            return
        try:
            await self.in_thread(self._park, self.checker_of(opened), opened, outcome, fingerprint)
        except ConfigurationError as error:
            self.tell(str(error))
        else:
            self.reload("a finding was added to the baseline")

    def _park(self, checker: Checker, opened: Opened, outcome: Outcome, fingerprint: str) -> None:
        with self._writing:
            checker.park(opened.path, outcome.examined, fingerprint)

    async def select_reason(self, uri: str, rule: str, line: int) -> None:
        """Let the editor select the reason for suppressing a rule that is still to be written near a line."""
        if self.opened(uri) is None:
            return
        lines, codec = lines_in(self.workspace, uri), self.workspace.position_codec
        places = unwritten(lines, rule, codec)
        where = min(places, key=lambda each: abs(each.start.line - line), default=None)
        if where is not None:
            await self.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True, selection=where))

    def _cell_of(self, opened: Opened, uri: str) -> int:
        """The number of a cell, from 1; 0 for what is none."""
        return next(
            (
                number
                for number, each in enumerate(opened.cells(self.workspace), 1)
                if key_of(each or "") == key_of(uri)
            ),
            0,
        )

    @staticmethod
    def _fixed(checker: Checker, path: str, content: bytes, data: dict[str, Any], cell: int) -> bytes | None:
        """A document with all fixes, those in one cell, or those of one rule; in the thread."""
        try:
            if data["do"] == "fix-cell":
                return checker.fixed_in_cell(path, content, cell)
            rule = str(data.get("rule")) if data["do"] == "fix-rule" else None
            return checker.fixed(path, content, rule, unsafe=bool(data.get("unsafe")))
        except ConfigurationError:
            # Its diagnostics have said so.
            return None

    @staticmethod
    def _changed(checker: Checker, path: str, outcome: Outcome, data: dict[str, Any]) -> bytes | None:
        """A document with one finding fixed or suppressed; in the thread."""
        fingerprint, do, reason = str(data.get("fingerprint")), str(data.get("do")), data.get("reason")
        try:
            return checker.changed(outcome.examined, path, outcome.data, fingerprint, do, reason)
        except ConfigurationError:
            return None

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        """What a hover shows."""
        uri = params.text_document.uri
        found = await self.findings_in(uri)
        opened = self.opened(uri)
        if opened is None:
            return None
        lines, codec = lines_in(self.workspace, uri), self.workspace.position_codec
        find, kind = self.checker_of(opened).find, self._markup()
        return await self.in_thread(hover, found, lines, params.position, codec, find, kind)

    def _markup(self) -> types.MarkupKind:
        """What the editor shows in a hover."""
        document = self.client_capabilities.text_document
        known = document.hover.content_format if document is not None and document.hover is not None else None
        is_plain = known is not None and types.MarkupKind.Markdown not in known
        return types.MarkupKind.PlainText if is_plain else types.MarkupKind.Markdown

    async def open_page(self, name: str) -> None:
        """Show the page of a rule, or say where it is to an editor that can show none."""
        page = await self.in_thread(self._page, list(self._checkers.values()), name)
        if page is None:
            self.tell(f"there is no rule `{name}`")
        elif self._shows_documents():
            await self.window_show_document_async(types.ShowDocumentParams(page, take_focus=True))
        else:
            said = f"{name}: {uris.to_fs_path(page)}"
            self.window_show_message(types.ShowMessageParams(types.MessageType.Info, said))

    def _shows_documents(self) -> bool:
        window = self.client_capabilities.window
        return window is not None and window.show_document is not None and window.show_document.support

    def _page(self, checkers: list[Checker], name: str) -> str | None:
        for checker in checkers or [Checker(Path.cwd(), self.settings)]:
            rule = checker.find(name)
            if rule is not None:
                return self._pages.uri(rule)
        return None

    async def costs(self, uri: str, kind: Shown) -> list[tuple[types.Range, PlacedFinding, str]]:
        """The findings whose cost is shown beside the code, if it is to be shown so, and that cost."""
        if self.settings.cost is not kind:
            return []
        found = [(where, each, cost_of(each)) for where, each in await self.findings_in(uri)]
        return [(where, each, cost) for where, each, cost in found if cost is not None]

    def line_end(self, uri: str, line: int) -> types.Position:
        """The end of a line of a text document."""
        text = "".join(lines_in(self.workspace, uri)[line : line + 1]).rstrip("\r\n")
        return types.Position(line, self.workspace.position_codec.client_num_units(text))

    async def _register(self) -> None:
        """Ask to be told when settings, configuration or other code change."""
        workspace = self.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        asking = workspace.did_change_configuration if workspace is not None else None
        wanted: list[types.Registration] = []
        if watching is not None and watching.dynamic_registration:
            watchers = [types.FileSystemWatcher(glob) for glob in _WATCHED]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            wanted.append(types.Registration("greenlint-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options))
        if asking is not None and asking.dynamic_registration:
            section = types.DidChangeConfigurationRegistrationOptions(SECTION)
            method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
            wanted.append(types.Registration("greenlint-settings", method, section))
        if not wanted:
            return
        try:
            await self.client_register_capability_async(types.RegistrationParams(wanted))
        except JsonRpcException as error:
            self.log.info(f"the editor does not tell what changes: {error}")

    async def ask_settings(self) -> None:
        """Fetch the editor's settings, where it has them to fetch."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        items = [types.ConfigurationItem(section=SECTION)]
        try:
            answers = await self.workspace_configuration_async(types.ConfigurationParams(items))
        except JsonRpcException as error:
            self.log.info(f"the editor does not tell its settings: {error}")
            return
        if answers and answers[0] is not None:
            self.configure({SECTION: answers[0]} if isinstance(answers[0], dict) else answers[0])


def _touches(one: types.Range, other: types.Range) -> bool:
    def ends(where: types.Range) -> tuple[tuple[int, int], tuple[int, int]]:
        return (where.start.line, where.start.character), (where.end.line, where.end.character)

    (start, end), (other_start, other_end) = ends(one), ends(other)
    return start <= other_end and other_start <= end
