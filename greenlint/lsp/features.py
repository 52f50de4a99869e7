"""What the server answers to: each request and notification of the protocol, tied to its answer."""

from __future__ import annotations

import time

from lsprotocol import types

from greenlint.lsp.actions import KINDS, OPEN_PAGE, PARK, SELECT_REASON
from greenlint.lsp.costs import brief
from greenlint.lsp.server import SECTION, GreenlintServer
from greenlint.lsp.settings import Shown

__all__ = ["create_server"]


def create_server() -> GreenlintServer:
    """A server that is ready to be started."""
    server = GreenlintServer()
    _life(server)
    _documents(server)
    _diagnostics(server)
    _help(server)
    return server


def _life(server: GreenlintServer) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        options = params.initialization_options
        server.configure(options)

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        await server.begin()

    @server.feature(types.SHUTDOWN)
    def shutdown(_: None) -> None:
        server.end()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configuration(params: types.DidChangeConfigurationParams) -> None:
        if params.settings:
            server.configure(params.settings)
        await server.ask_settings()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        server.watched(*params.changes)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders(_: types.DidChangeWorkspaceFoldersParams) -> None:
        server.reload("the folders of the workspace changed")


def _documents(server: GreenlintServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def touched(params: types.DidOpenTextDocumentParams | types.DidChangeTextDocumentParams) -> None:
        server.touched(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        server.file_changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: types.DidOpenNotebookDocumentParams) -> None:
        server.touched(params.notebook_document.uri)
        server.changed.set()

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_touched(params: types.DidChangeNotebookDocumentParams) -> None:
        server.touched(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    def notebook_saved(params: types.DidSaveNotebookDocumentParams) -> None:
        server.file_changed(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_closed(params: types.DidCloseNotebookDocumentParams) -> None:
        server.closed(params.notebook_document.uri)


def _diagnostics(server: GreenlintServer) -> None:
    options = types.DiagnosticOptions(
        inter_file_dependencies=True, workspace_diagnostics=True, identifier=SECTION, work_done_progress=True
    )

    @server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
    async def pull(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        items, result_id = await server.pulled(params.text_document.uri)
        if result_id and params.previous_result_id == result_id:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id)
        return types.RelatedFullDocumentDiagnosticReport(items, result_id=result_id or None)

    waiting = False

    @server.feature(types.WORKSPACE_DIAGNOSTIC)
    async def pull_workspace(params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        nonlocal waiting
        if waiting:
            # The editor asks again at once; nothing is done until something has changed.
            await server.changed.wait()
        waiting = True
        server.changed.clear()
        progress, parts = _Progress(server, params.work_done_token), params.partial_result_token
        items: list[types.WorkspaceDocumentDiagnosticReport] = []
        progress.begin("greenlint: checking the workspace")
        is_done, began = False, time.perf_counter()
        try:
            steps = server.workspace_steps(list(params.previous_result_ids))
            while (step := await server.aside(next, steps, None)) is not None:
                if step.problem is not None:
                    server.tell(step.problem)
                progress.report(step.share)
                if parts is None:
                    items += step.items
                elif step.items:
                    some = types.WorkspaceDiagnosticReportPartialResult(step.items)
                    server.protocol.notify(types.PROGRESS, types.ProgressParams(parts, some))
            is_done = True
            server.log.step(f"the workspace: checked in {1000 * (time.perf_counter() - began):.0f} ms")
        finally:
            progress.end()
            if not is_done:
                # Who has cancelled may ask again, and must not wait for a change then.
                server.changed.set()
        return types.WorkspaceDiagnosticReport(items)


class _Progress:
    """What an editor shows of work, where it has asked to see it."""

    def __init__(self, server: GreenlintServer, token: types.ProgressToken | None) -> None:
        self._progress, self._token = server.work_done_progress, token

    def begin(self, title: str) -> None:
        if self._token is not None:
            self._progress.begin(self._token, types.WorkDoneProgressBegin(title, cancellable=False, percentage=0))

    def report(self, share: float) -> None:
        if self._token is not None:
            self._progress.report(self._token, types.WorkDoneProgressReport(percentage=int(100 * share)))

    def end(self) -> None:
        if self._token is not None:
            self._progress.end(self._token, types.WorkDoneProgressEnd())
            self._progress.tokens.pop(self._token, None)


def _help(server: GreenlintServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(KINDS, resolve_provider=True))
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return await server.actions(params)

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(action: types.CodeAction) -> types.CodeAction:
        return await server.resolve(action)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        return await server.hover(params)

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        found = await server.costs(params.text_document.uri, Shown.LENS)
        return [
            types.CodeLens(where, command=types.Command(cost, OPEN_PAGE, arguments=[each.rule]))
            for where, each, cost in found
        ]

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        uri = params.text_document.uri
        return [
            types.InlayHint(server.line_end(uri, where.end.line), brief(cost), tooltip=cost, padding_left=True)
            for where, _, cost in await server.costs(uri, Shown.INLAY)
        ]

    # pygls turns arguments into what is annotated, and in Python 3.10 takes nothing but classes there.
    @server.command(OPEN_PAGE)
    async def open_page(rule: str) -> None:
        await server.open_page(rule)

    @server.command(SELECT_REASON)
    async def select_reason(uri: str, rule: str, line: int) -> None:
        await server.select_reason(uri, rule, line)

    @server.command(PARK)
    async def park(uri: str, fingerprint: str) -> None:
        await server.park(uri, fingerprint)
