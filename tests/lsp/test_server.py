"""The server answers a real client over standard input and output."""

from __future__ import annotations

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
