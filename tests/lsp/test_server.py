"""The server answers a real client over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

SERVER = ClientServerConfig(server_command=[sys.executable, "-m", "greenlint", "server", "--stdio"])
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
    return tmp_path


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    config=SERVER, params=["visual_studio_code", "neovim", "emacs"]
)
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient, folder: Path) -> AsyncIterator[None]:
    capabilities = client_capabilities(request.param)
    if request.param == "visual_studio_code":
        document = capabilities.text_document
        assert document is not None
        document.diagnostic = types.DiagnosticClientCapabilities(related_document_support=True)

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
        f"greenlint: fix all of {RULE}",
        f"greenlint: ignore {RULE} here",
        f"greenlint: ignore {RULE} in this file",
        f"greenlint: what {RULE} means",
    ]
    (edit,) = offered[0].edit.changes[uri]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(7, 0), types.Position(8, 0)), "")
    (edit,) = offered[2].edit.changes[uri]
    assert edit.new_text == f"    torch.cuda.synchronize()  # greenlint: ignore[{RULE}]\n"
    (edit,) = offered[3].edit.changes[uri]
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
    (edit,) = action.edit.changes[uri]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(7, 0), types.Position(8, 0)), "")


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


CELL = "notebook-cell:train.ipynb#{}"


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
    (edit,) = offered[0].edit.changes[second]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(5, 0), types.Position(6, 0)), "")


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

    (edit,) = offered[0].edit.changes[uri]
    assert (edit.range, edit.new_text) == (types.Range(types.Position(8, 0), types.Position(9, 0)), "")
