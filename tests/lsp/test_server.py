"""The server answers a real client over standard input and output."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Union, cast

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from greenlint.lsp.reasons import as_snippets, selects_reasons, takes_snippets
from tests.lsp.servers import server_command

SERVER = ClientServerConfig(server_command=server_command("--stdio"))
WASTE = """\
import torch

é = "\U0001f600"
for x, y in loader:
    loss = criterion(model(x.cuda()), y.cuda())
    loss.backward()
    optimizer.step()
    torch.cuda.synchronize()
    total += 1
"""
RULE = "explicit-synchronize-in-step"
SETTINGS = {"select": [RULE], "configurationPreference": "editorOnly"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose URI has something to escape."""
    folder = tmp_path / "my project"
    folder.mkdir()
    return folder


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    config=SERVER, params=["visual_studio_code", "neovim", "emacs"]
)
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient, folder: Path) -> AsyncIterator[None]:
    capabilities = client_capabilities(request.param)
    if request.param == "visual_studio_code":
        document = capabilities.text_document
        assert document is not None
        document.diagnostic = types.DiagnosticClientCapabilities(related_document_support=True)

    converter = lsp_client.protocol._converter

    def action_or_command(given: dict[str, Any], _: object) -> types.Command | types.CodeAction:
        # lsprotocol takes every action with a command in it for a command.
        kind = types.Command if isinstance(given.get("command"), str) else types.CodeAction
        return cast("types.Command | types.CodeAction", converter.structure(given, kind))

    converter.register_structure_hook(Union[types.Command, types.CodeAction], action_or_command)  # noqa: UP007

    @lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def register(_: types.RegistrationParams) -> None:
        pass

    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities,
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), "project")],
            initialization_options=SETTINGS,
        )
    )
    yield
    await lsp_client.shutdown_session()


def open_(client: LanguageClient, path: Path, text: str, language: str = "python") -> str:
    path.write_text(text, encoding="utf-8")
    item = types.TextDocumentItem(path.as_uri(), language, 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    return path.as_uri()


async def diagnostics(client: LanguageClient, uri: str) -> list[types.Diagnostic]:
    """Pulled where the client can, else as they were pushed."""
    document = client.capabilities.text_document if client.capabilities is not None else None
    if document is None or document.diagnostic is None:
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return list(client.diagnostics.get(uri, []))
    params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
    report = await client.text_document_diagnostic_async(params)
    assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
    return list(report.items)


async def published(client: LanguageClient, *uris: str) -> None:
    """Wait until there are diagnostics for all of these, empty ones too."""
    while not all(uri in client.diagnostics for uri in uris):
        await asyncio.sleep(0.01)


def changes(action: Any) -> dict[str, list[Any]]:
    """The edits of an action by document, with or without the version that they are for."""
    edit = action.edit
    if edit.document_changes is None:
        return cast("dict[str, list[Any]]", edit.changes)
    return {each.text_document.uri: list(each.edits) for each in edit.document_changes}


async def actions(client: LanguageClient, uri: str, where: types.Range, only: list[str] | None = None) -> list[Any]:
    context = types.CodeActionContext([], only=only)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, context)
    found = await client.text_document_code_action_async(params) or []
    return [
        await client.code_action_resolve_async(each)
        if isinstance(each, types.CodeAction) and each.edit is None and each.data is not None
        else each
        for each in found
    ]


@pytest.mark.asyncio
async def test_findings_are_diagnostics(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    (found,) = await diagnostics(client, uri)

    assert (found.code, found.source, found.severity) == (RULE, "greenlint", types.DiagnosticSeverity.Warning)
    assert found.range == types.Range(types.Position(7, 4), types.Position(7, 28))
    # A wait may go, and nothing takes its place.
    assert list(found.tags or ()) == [types.DiagnosticTag.Unnecessary]
    assert found.code_description is not None
    page = Path(found.code_description.href.removeprefix("file://"))
    assert page.read_text("utf-8").startswith(f"# {RULE}\n")


@pytest.mark.asyncio
async def test_quick_fixes(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    (found,) = await diagnostics(client, uri)
    offered = await actions(client, uri, found.range, ["quickfix"])

    titles = [each.title for each in offered]
    assert titles == [
        "greenlint: delete the wait (unsafe: it may hide a missing wait elsewhere)",
        f"greenlint: fix all of {RULE} (unsafe)",
        f"greenlint: ignore {RULE} here",
        f"greenlint: ignore {RULE} here, with a reason",
        f"greenlint: ignore {RULE} in this file",
        f"greenlint: add {RULE} here to the baseline",
        f"greenlint: what {RULE} means",
    ]
    (edit,) = changes(offered[0])[uri]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(7, 0), types.Position(8, 0)), "")
    (edit,) = changes(offered[2])[uri]
    assert edit.new_text == f"    torch.cuda.synchronize()  # greenlint: ignore[{RULE}]\n"
    (edit,) = changes(offered[3])[uri]
    assert edit.new_text == f"    torch.cuda.synchronize()  # greenlint: ignore[{RULE}] <reason>\n"
    (edit,) = changes(offered[4])[uri]
    assert edit.new_text == f"# greenlint: file-ignore[{RULE}]\n"


@pytest.mark.asyncio
async def test_everything_is_fixed_at_once(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    (found,) = await diagnostics(client, uri)
    nothing_safe, *more = await actions(client, uri, found.range, ["source.fixAll"])

    assert (nothing_safe.kind, nothing_safe.edit, more) == ("source.fixAll.greenlint", None, [])
    change = types.DidChangeConfigurationParams({"greenlint": {**SETTINGS, "unsafeFixes": True}})
    client.workspace_did_change_configuration(change)
    (action,) = await actions(client, uri, found.range, ["source.fixAll.greenlint"])
    (edit,) = changes(action)[uri]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(7, 0), types.Position(8, 0)), "")


@pytest.mark.asyncio
async def test_everything_is_fixed_in_a_text_that_was_not_checked(client: LanguageClient, folder: Path) -> None:
    given = {"greenlint": {**SETTINGS, "unsafeFixes": True, "run": "onSave"}}
    client.workspace_did_change_configuration(types.DidChangeConfigurationParams(given))
    uri = open_(client, folder / "train.py", "x = 1\n")
    assert await diagnostics(client, uri) == []
    document = types.VersionedTextDocumentIdentifier(uri=uri, version=2)
    whole = types.TextDocumentContentChangeWholeDocument(WASTE)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
    start = types.Position(0, 0)
    (action,) = await actions(client, uri, types.Range(start, start), ["source.fixAll"])

    assert action.edit is not None
    assert replaced(WASTE, changes(action)[uri]) == WASTE.replace("    torch.cuda.synchronize()\n", "")


@pytest.mark.asyncio
async def test_a_fix_is_made_whatever_else_changes_meanwhile(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    (found,) = await diagnostics(client, uri)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(uri), found.range, types.CodeActionContext([], only=["quickfix"])
    )
    (action, *_) = await client.text_document_code_action_async(params) or []
    assert isinstance(action, types.CodeAction)
    # This takes a while; so what comes after it waits, and hears of another file when it has begun.
    slow = asyncio.create_task(hover_at(client, open_(client, folder / "long.py", WASTE * 8), 0))
    fixed = asyncio.create_task(client.code_action_resolve_async(action))
    await asyncio.sleep(0)
    change = types.FileEvent((folder / "other.py").as_uri(), types.FileChangeType.Changed)
    client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([change]))
    await slow

    assert (await fixed).edit is not None


async def hover_at(client: LanguageClient, uri: str, line: int) -> types.Hover | None:
    where = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, 0))
    return await client.text_document_hover_async(where)


@pytest.mark.asyncio
async def test_hovers(client: LanguageClient, folder: Path) -> None:
    text = f"{WASTE}x = 1  # greenlint: ignore[{RULE}] why not\n"
    uri = open_(client, folder / "train.py", text)

    async def hover(line: int, character: int) -> str | None:
        where = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
        found = await client.text_document_hover_async(where)
        return found.contents.value if found is not None and isinstance(found.contents, types.MarkupContent) else None

    on_finding = await hover(7, 6)
    assert on_finding is not None
    assert on_finding.startswith(f"**{RULE}** (transfer, warning")
    assert "**Cost**" in on_finding
    on_name = await hover(9, 32)
    assert on_name is not None
    assert on_name.startswith(f"**{RULE}**")
    assert await hover(0, 0) is None


@pytest.mark.asyncio
async def test_edits_are_followed(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    assert len(await diagnostics(client, uri)) == 1

    def change(version: int, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        where = types.Range(types.Position(*start), types.Position(*end))
        event = types.TextDocumentContentChangePartial(range=where, text=text)
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [event]))

    change(2, (7, 0), (8, 0), "")
    assert await diagnostics(client, uri) == []
    # Line 3 has a letter of two units in UTF-16 and four bytes in UTF-8.
    change(3, (6, 20), (6, 20), "; torch.cuda.synchronize()")
    (found,) = await diagnostics(client, uri)
    assert found.range.start == types.Position(6, 22)


@pytest.mark.asyncio
async def test_a_wrong_configuration_is_told(client: LanguageClient, folder: Path) -> None:
    (folder / "greenlint.toml").write_text('selekt = ["ALL"]\n')
    client.workspace_did_change_configuration(
        types.DidChangeConfigurationParams({"greenlint": {"configurationPreference": "filesystemFirst"}})
    )
    uri = open_(client, folder / "train.py", WASTE)

    assert await diagnostics(client, uri) == []
    (message,) = client.messages
    assert "greenlint.toml:1:1: unknown key `selekt`" in message.message


@pytest.mark.asyncio
async def test_what_is_no_python_has_no_diagnostics(client: LanguageClient, folder: Path) -> None:
    open_(client, folder / "notes.md", "torch.cuda.synchronize()", "markdown")
    uri = open_(client, folder / "train.py", WASTE)

    assert len(await diagnostics(client, uri)) == 1


@pytest.mark.asyncio
async def test_a_notebook_that_is_sent_as_one_script(client: LanguageClient, folder: Path) -> None:
    (folder / ".virtual_documents").mkdir()
    text = f"get_ipython().run_line_magic('matplotlib', 'inline')\n{WASTE}"
    uri = open_(client, folder / ".virtual_documents" / "train.ipynb", text)

    (found,) = await diagnostics(client, uri)
    assert found.range.start == types.Position(8, 4)


CELL = "notebook-cell:train.ipynb#W{}%3D%3D"


def open_notebook(client: LanguageClient, folder: Path, *sources: str) -> list[str]:
    uris = [CELL.format(number) for number in range(len(sources))]
    prose = types.NotebookCell(types.NotebookCellKind.Markup, "notebook-cell:train.ipynb#text")
    cells = [prose, *(types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in uris)]
    notebook = types.NotebookDocument((folder / "train.ipynb").as_uri(), "jupyter-notebook", 1, cells)
    texts = [types.TextDocumentItem(uri, "python", 1, text) for uri, text in zip(uris, sources, strict=True)]
    client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, texts))
    return uris


@pytest.mark.asyncio
async def test_notebooks(client: LanguageClient, folder: Path) -> None:
    head, body = WASTE.split("\n\n", 1)
    first, second = open_notebook(client, folder, f"%matplotlib inline\n{head}", body.rstrip("\n"))
    document = client.capabilities.text_document if client.capabilities is not None else None
    if document is None or document.diagnostic is None:
        # Not one wait for each: both may come before the first wait is over.
        await asyncio.wait_for(published(client, first, second), 60)
        found, other = client.diagnostics[second], client.diagnostics[first]
    else:
        found, other = await diagnostics(client, second), await diagnostics(client, first)

    assert [(each.code, each.range.start) for each in found] == [(RULE, types.Position(5, 4))]
    assert list(other) == []
    offered = await actions(client, second, found[0].range, ["quickfix"])
    (edit,) = changes(offered[0])[second]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(5, 0), types.Position(6, 0)), "")


@pytest.mark.asyncio
async def test_a_notebook_is_fixed_as_a_whole_or_cell_by_cell(client: LanguageClient, folder: Path) -> None:
    change = types.DidChangeConfigurationParams({"greenlint": {**SETTINGS, "unsafeFixes": True}})
    client.workspace_did_change_configuration(change)
    uris = open_notebook(client, folder, WASTE, WASTE)
    where = types.Range(types.Position(0, 0), types.Position(0, 0))
    for cell in uris:
        (whole,) = await actions(client, cell, where, ["notebook.source.fixAll"])
        assert set(changes(whole)) == set(uris)
        # Editors ask about each cell at once: edits of all cells would be made twice.
        (one,) = await actions(client, cell, where, ["source.fixAll.greenlint"])
        assert set(changes(one)) == {cell}
    script = open_(client, folder / "train.py", WASTE)
    assert await actions(client, script, where, ["notebook.source.fixAll"]) == []
    (all_of_it,) = await actions(client, script, where, ["source"])
    assert set(changes(all_of_it)) == {script}


@pytest.mark.asyncio
async def test_the_workspace_is_checked(client: LanguageClient, folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "train.py").write_text(WASTE)
    (folder / "clean.py").write_text("x = 1\n")
    report = await client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams(previous_result_ids=[]))

    (item,) = report.items
    assert isinstance(item, types.WorkspaceFullDocumentDiagnosticReport)
    assert item.uri == (folder / "inner" / "train.py").as_uri()
    assert [each.code for each in item.items] == [RULE]


@pytest.mark.asyncio
async def test_an_open_notebook_is_not_told_twice(client: LanguageClient, folder: Path) -> None:
    async def workspace(*known: types.PreviousResultId) -> types.WorkspaceFullDocumentDiagnosticReport:
        params = types.WorkspaceDiagnosticParams(previous_result_ids=list(known))
        report = await asyncio.wait_for(client.workspace_diagnostic_async(params), 60)
        (item,) = report.items
        assert isinstance(item, types.WorkspaceFullDocumentDiagnosticReport)
        return item

    path = folder / "train.ipynb"
    cell: dict[str, object]
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": WASTE}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    stored = await workspace()
    assert [each.code for each in stored.items] == [RULE]

    open_notebook(client, folder, WASTE)
    opened = await workspace(types.PreviousResultId(stored.uri, stored.result_id or ""))
    assert (opened.uri, list(opened.items)) == (stored.uri, [])

    notebook = types.NotebookDocumentIdentifier(path.as_uri())
    client.notebook_document_did_close(types.DidCloseNotebookDocumentParams(notebook, []))
    again = await workspace(types.PreviousResultId(opened.uri, opened.result_id or ""))
    assert [each.code for each in again.items] == [RULE]


@pytest.mark.asyncio
async def test_diagnostics_that_are_known_are_not_sent_again(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    document = types.TextDocumentIdentifier(uri)
    first = await client.text_document_diagnostic_async(types.DocumentDiagnosticParams(document))
    again = types.DocumentDiagnosticParams(document, previous_result_id=first.result_id)
    second = await client.text_document_diagnostic_async(again)

    assert isinstance(second, types.RelatedUnchangedDocumentDiagnosticReport)
    assert second.result_id == first.result_id


@pytest.mark.asyncio
async def test_a_form_feed_ends_no_line(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", f"\x0c# one line\n{WASTE}")
    (found,) = await diagnostics(client, uri)
    offered = await actions(client, uri, found.range, ["quickfix"])

    (edit,) = changes(offered[0])[uri]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(8, 0), types.Position(9, 0)), "")


WAIT = "    torch.cuda.synchronize()\n"
LONG = f"    torch.cuda.synchronize(device=devices[{'0 + ' * 25}0])\n"
HERE, WITH_REASON = f"ignore {RULE} here", f"ignore {RULE} here, with a reason"
IN_FILE = f"ignore {RULE} in this file"
SILENCED: dict[str, tuple[str, str, str]] = {
    "statement": (WASTE, HERE, f"{WAIT[:-1]}  # greenlint: ignore[{RULE}]\n"),
    "other comment": (
        WASTE.replace(WAIT, f"{WAIT[:-1]}  # why\n"),
        WITH_REASON,
        f"  # why  # greenlint: ignore[{RULE}] <reason>\n",
    ),
    "directive with a reason": (
        WASTE.replace(WAIT, f"{WAIT[:-1]}  # greenlint: ignore[other] toy data\n"),
        WITH_REASON,
        f"  # greenlint: ignore[other, {RULE}] toy data\n",
    ),
    "directive without a reason": (
        WASTE.replace(WAIT, f"    # greenlint: ignore[other]\n{WAIT}"),
        WITH_REASON,
        f"    # greenlint: ignore[other, {RULE}] <reason>\n{WAIT}",
    ),
    "directive that expires": (
        WASTE.replace(WAIT, f"{WAIT[:-1]}  # greenlint: ignore[other, until=2099-01-01] toy\n"),
        HERE,
        f"    # greenlint: ignore[{RULE}]\n{WAIT[:-1]}  # greenlint: ignore[other, until=2099-01-01] toy\n",
    ),
    "several lines": (
        WASTE.replace(WAIT, "    print(\n        torch.cuda.synchronize(),\n        1,\n    )\n"),
        WITH_REASON,
        f"        1,\n    )  # greenlint: ignore[{RULE}] <reason>\n",
    ),
    "long line": (WASTE.replace(WAIT, LONG), WITH_REASON, f"    # greenlint: ignore[{RULE}] <reason>\n{LONG}"),
    "file": (f"# Licence\n{WASTE}", IN_FILE, f"# Licence\n# greenlint: file-ignore[{RULE}]\nimport torch\n"),
    "file that ignores others": (
        f"{WASTE}# greenlint: file-ignore[other] toy data\n",
        IN_FILE,
        f"# greenlint: file-ignore[other, {RULE}] toy data\n",
    ),
}


def replaced(text: str, edits: list[types.TextEdit]) -> str:
    """A text with edits of whole lines."""
    lines = text.splitlines(keepends=True)
    for edit in reversed(edits):
        assert edit.range.start.character == 0
        last = lines[edit.range.end.line - 1] if edit.range.end.line else ""
        whole = edit.range.end.character == 0 or edit.range.end.character == len(last)
        assert whole
        end = edit.range.end.line + (edit.range.end.character > 0)
        lines[edit.range.start.line : end] = [edit.new_text]
    return "".join(lines)


async def chosen(client: LanguageClient, uri: str, where: types.Range, title: str) -> Any:
    offered = await actions(client, uri, where, ["quickfix"])
    (action,) = (each for each in offered if each.title == f"greenlint: {title}")
    return action


@pytest.mark.asyncio
async def test_suppressions_silence(client: LanguageClient, folder: Path) -> None:
    for number, (name, (text, title, expected)) in enumerate(SILENCED.items()):
        uri = open_(client, folder / f"train_{number}.py", text)
        (found,) = await diagnostics(client, uri)
        action = await chosen(client, uri, found.range, title)
        after = replaced(text, changes(action)[uri])
        assert expected in after, name
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=2)
        whole = types.TextDocumentContentChangeWholeDocument(after)
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
        left = await diagnostics(client, uri)
        assert [each.code for each in left if each.code == RULE] == [], name


@pytest.mark.asyncio
async def test_suppressions_silence_in_notebooks(client: LanguageClient, folder: Path) -> None:
    head, body = WASTE.split("\n\n", 1)
    sources = [f"%matplotlib inline\n%env A=1\n{head}", body.rstrip("\n")]
    uris = open_notebook(client, folder, *sources)

    async def found() -> list[types.Diagnostic]:
        document = client.capabilities.text_document if client.capabilities is not None else None
        if document is None or document.diagnostic is None:
            await asyncio.wait_for(published(client, *uris), 60)
            return list(client.diagnostics[uris[1]])
        return await diagnostics(client, uris[1])

    (shown,) = await found()
    here = await chosen(client, uris[1], shown.range, WITH_REASON)
    in_file = await chosen(client, uris[1], shown.range, IN_FILE)
    ignored = replaced(sources[1], changes(here)[uris[1]])
    assert ignored.endswith(f"torch.cuda.synchronize()  # greenlint: ignore[{RULE}] <reason>\n    total += 1")
    # Not above a magic, which may have to come first, nor above what stands for one.
    assert replaced(sources[0], changes(in_file)[uris[0]]).splitlines()[2] == f"# greenlint: file-ignore[{RULE}]"
    for uri, (action, before) in zip(uris[::-1], ((here, sources[1]), (in_file, sources[0])), strict=True):
        client.diagnostics.pop(uris[0], None)
        client.diagnostics.pop(uris[1], None)
        change_cell(client, folder, uri, 2, replaced(before, changes(action)[uri]))
        assert await found() == []
        client.diagnostics.pop(uris[0], None)
        client.diagnostics.pop(uris[1], None)
        change_cell(client, folder, uri, 3, before)
        assert [each.code for each in await found()] == [RULE]


def change_cell(client: LanguageClient, folder: Path, uri: str, version: int, text: str) -> None:
    document = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
    whole = types.TextDocumentContentChangeWholeDocument(text)
    content = types.NotebookDocumentCellContentChanges(document, [whole])
    change = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[content]))
    notebook = types.VersionedNotebookDocumentIdentifier(version, (folder / "train.ipynb").as_uri())
    client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(notebook, change))


@pytest.mark.asyncio
async def test_the_reason_is_selected(client: LanguageClient, folder: Path) -> None:
    uri = open_(client, folder / "train.py", WASTE)
    (found,) = await diagnostics(client, uri)
    action = await chosen(client, uri, found.range, WITH_REASON)
    window = client.capabilities.window if client.capabilities is not None else None
    if window is None or window.show_document is None:
        assert action.command is None
        return
    after = replaced(WASTE, changes(action)[uri])
    document = types.VersionedTextDocumentIdentifier(uri=uri, version=2)
    whole = types.TextDocumentContentChangeWholeDocument(after)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
    command = action.command
    await client.workspace_execute_command_async(types.ExecuteCommandParams(command.command, command.arguments))
    (params,) = client.shown_documents
    start = after.splitlines()[7].index("<reason>")
    assert params.selection == types.Range(types.Position(7, start), types.Position(7, start + len("<reason>")))
    assert params.uri == uri


@pytest.mark.asyncio
async def test_a_project_that_wants_reasons_is_asked_for_them(client: LanguageClient, folder: Path) -> None:
    (folder / "greenlint.toml").write_text(f'select = ["{RULE}"]\nrequire-reason = true\n')
    client.workspace_did_change_configuration(
        types.DidChangeConfigurationParams({"greenlint": {"configurationPreference": "filesystemFirst"}})
    )
    uri = open_(client, folder / "train.py", WASTE)
    (found,) = await diagnostics(client, uri)
    titles = [each.title for each in await actions(client, uri, found.range, ["quickfix"])]
    assert f"greenlint: {HERE}" not in titles
    for title in (WITH_REASON, IN_FILE):
        action = await chosen(client, uri, found.range, title)
        assert "] <reason>\n" in changes(action)[uri][0].new_text
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=2)
        # Nobody has written the reason yet.
        whole = types.TextDocumentContentChangeWholeDocument(replaced(WASTE, changes(action)[uri]))
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
        (left,) = await diagnostics(client, uri)
        assert left.code == "suppression-without-reason"
        back = types.TextDocumentContentChangeWholeDocument(WASTE)
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [back]))
        assert [each.code for each in await diagnostics(client, uri)] == [RULE]


async def parked(client: LanguageClient, uri: str, where: types.Range) -> None:
    """Choose what adds the finding at a place to the baseline."""
    command = (await chosen(client, uri, where, f"add {RULE} here to the baseline")).command
    await client.workspace_execute_command_async(types.ExecuteCommandParams(command.command, command.arguments))


@pytest.mark.asyncio
async def test_findings_are_parked(client: LanguageClient, folder: Path) -> None:
    twice = WASTE + WASTE.partition("\n\n")[2].replace("total += 1", "torch.cuda.empty_cache()")
    uri = open_(client, folder / "train.py", twice)
    first, second = await diagnostics(client, uri)
    await parked(client, uri, first.range)
    (left,) = await diagnostics(client, uri)

    assert left.range == second.range
    file = folder / "greenlint-baseline.json"
    (entry,) = json.loads(file.read_text("utf-8"))["findings"]
    assert entry == {"path": "train.py", "rule": RULE, "code": "torch.cuda.synchronize()"}
    await parked(client, uri, left.range)
    assert await diagnostics(client, uri) == []
    assert json.loads(file.read_text("utf-8"))["findings"] == [{**entry, "times": 2}]
    # What somebody else does to the file counts, once the editor has told.
    file.unlink()
    change = types.FileEvent(file.as_uri(), types.FileChangeType.Deleted)
    client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([change]))
    assert len(await diagnostics(client, uri)) == 2


@pytest.mark.asyncio
async def test_findings_of_notebooks_are_parked(client: LanguageClient, folder: Path) -> None:
    head, body = WASTE.split("\n\n", 1)
    uris = open_notebook(client, folder, head, body)

    async def found() -> list[types.Diagnostic]:
        document = client.capabilities.text_document if client.capabilities is not None else None
        if document is None or document.diagnostic is None:
            await asyncio.wait_for(published(client, *uris), 60)
            return list(client.diagnostics[uris[1]])
        return await diagnostics(client, uris[1])

    (shown,) = await found()
    client.diagnostics.clear()
    await parked(client, uris[1], shown.range)
    assert await found() == []
    (entry,) = json.loads((folder / "greenlint-baseline.json").read_text("utf-8"))["findings"]
    assert entry["path"] == "train.ipynb"


@pytest.mark.asyncio
async def test_a_broken_baseline_is_told(client: LanguageClient, folder: Path) -> None:
    (folder / "greenlint-baseline.json").write_text('{"version": 1,\n7}')
    uri = open_(client, folder / "train.py", WASTE)

    assert await diagnostics(client, uri) == []
    (message,) = client.messages
    assert "greenlint-baseline.json:2:1: not a baseline" in message.message
    where = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(7, 6))
    assert await client.text_document_hover_async(where) is None


def test_a_reason_as_a_snippet() -> None:
    edit = types.TextEdit(types.Range(types.Position(0, 0), types.Position(1, 0)), "f('${x}')  # y[z] <reason>\n")
    made = as_snippets({"file:///a.py": [edit]}, {"file:///a.py": 7}).document_changes
    assert made is not None
    (change,) = made
    assert isinstance(change, types.TextDocumentEdit)
    (snippet,) = change.edits
    assert isinstance(snippet, types.SnippetTextEdit)
    assert change.text_document.version == 7
    assert snippet.snippet.value == "f('\\${x\\}')  # y[z] ${0:<reason>}\n"


def test_who_takes_snippets() -> None:
    edits = types.WorkspaceEditClientCapabilities(document_changes=True, snippet_edit_support=True)
    window = types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(support=True))
    able = types.ClientCapabilities(types.WorkspaceClientCapabilities(workspace_edit=edits), window=window)
    unable = types.ClientCapabilities(window=window)
    assert (takes_snippets(able), takes_snippets(unable)) == (True, False)
    assert not selects_reasons(able, "file:///a.py")
    assert selects_reasons(unable, "file:///a.py")
    assert not selects_reasons(unable, "vscode-notebook-cell:/a.ipynb#1")
