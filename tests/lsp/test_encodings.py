"""Positions in each unit that the protocol knows, on lines with letters that have several of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient

from tests.lsp.servers import server_command

SERVER = ClientServerConfig(server_command=server_command())
RULE = "explicit-synchronize-in-step"
SETTINGS = {"select": [RULE], "configurationPreference": "editorOnly"}
BYTES = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
BEFORE = '    "\N{GRINNING FACE}é\N{ROCKET}"; '
WAIT = "torch.cuda.synchronize()"
HEAD = """\
import torch

for x, y in loader:
    loss = criterion(model(x.cuda()), y.cuda())
    loss.backward()
    optimizer.step()
"""
LINE = 6
"""The line, from 0, behind ``HEAD``."""
AGAIN = f"{HEAD}    {WAIT}\n{BEFORE}{WAIT}\n"
"""The second wait is a related place of the first."""


@pytest_lsp.fixture(config=SERVER, params=list(BYTES))  # type: ignore[untyped-decorator]
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient, tmp_path: Path) -> AsyncIterator[None]:
    capabilities = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=[request.param]),
        text_document=types.TextDocumentClientCapabilities(
            diagnostic=types.DiagnosticClientCapabilities(related_information=True)
        ),
    )
    result = await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities,
            workspace_folders=[types.WorkspaceFolder(tmp_path.as_uri(), "project")],
            initialization_options=SETTINGS,
        )
    )
    assert result.capabilities.position_encoding == request.param
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def encoding(client: LanguageClient) -> str:
    """What the client and the server agreed on."""
    general = client.capabilities.general if client.capabilities is not None else None
    agreed = general.position_encodings if general is not None else None
    assert agreed is not None
    return str(getattr(agreed[0], "value", agreed[0]))


def units(text: str, encoding: str) -> int:
    codec, size = BYTES[encoding]
    return len(text.encode(codec)) // size


def between(line: int, before: str, text: str, encoding: str) -> types.Range:
    """The range of ``text`` behind ``before`` on a line."""
    start = units(before, encoding)
    return types.Range(types.Position(line, start), types.Position(line, start + units(text, encoding)))


def offset(text: str, where: types.Position, encoding: str) -> int:
    """Where a position is in a text, by its definition."""
    lines = text.split("\n")
    codec, size = BYTES[encoding]
    before = lines[where.line].encode(codec)[: where.character * size].decode(codec)
    return sum(len(line) + 1 for line in lines[: where.line]) + len(before)


def edited(text: str, edits: list[types.TextEdit], encoding: str) -> str:
    for edit in sorted(edits, key=lambda each: each.range.start, reverse=True):
        start, end = (offset(text, where, encoding) for where in (edit.range.start, edit.range.end))
        text = text[:start] + edit.new_text + text[end:]
    return text


def open_(client: LanguageClient, folder: Path, text: str) -> str:
    uri = (folder / "train.py").as_uri()
    client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, text)))
    return uri


async def diagnostics(client: LanguageClient, uri: str) -> list[types.Diagnostic]:
    params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
    report = await client.text_document_diagnostic_async(params)
    assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
    return list(report.items)


async def stored(client: LanguageClient) -> list[types.Diagnostic]:
    """The diagnostics of the only file of the workspace, which is not open."""
    report = await client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams(previous_result_ids=[]))
    (item,) = report.items
    assert isinstance(item, types.WorkspaceFullDocumentDiagnosticReport)
    return list(item.items)


async def ranges(client: LanguageClient, uri: str) -> list[types.Range]:
    return [each.range for each in await diagnostics(client, uri)]


@pytest.mark.asyncio
async def test_diagnostics(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    uri = open_(client, tmp_path, f"{HEAD}{BEFORE}{WAIT}\n")

    assert await ranges(client, uri) == [between(LINE, BEFORE, WAIT, encoding)]


@pytest.mark.asyncio
async def test_diagnostics_of_files_that_are_not_open(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(f"{HEAD}{BEFORE}{WAIT}\n", encoding="utf-8")
    found = await stored(client)

    assert [each.range for each in found] == [between(LINE, BEFORE, WAIT, encoding)]


@pytest.mark.asyncio
async def test_diagnostics_of_notebooks_that_are_not_open(
    client: LanguageClient, encoding: str, tmp_path: Path
) -> None:
    cell: dict[str, object] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": f"{HEAD}{BEFORE}{WAIT}",
    }
    stored_text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, ensure_ascii=False)
    (tmp_path / "other.ipynb").write_text(stored_text, encoding="utf-8")
    (found,) = await stored(client)

    assert found.range == between(0, stored_text.partition(WAIT)[0], WAIT, encoding)


def related_start(found: types.Diagnostic) -> types.Position:
    [place] = found.related_information or ()
    return place.location.range.start


@pytest.mark.asyncio
async def test_related_places(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    (found,) = await diagnostics(client, open_(client, tmp_path, AGAIN))

    assert related_start(found) == types.Position(LINE + 1, units(BEFORE, encoding))


@pytest.mark.asyncio
async def test_related_places_in_files_that_are_not_open(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(AGAIN, encoding="utf-8")
    (found,) = await stored(client)

    assert related_start(found) == types.Position(LINE + 1, units(BEFORE, encoding))


@pytest.mark.asyncio
async def test_syntax_errors(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    before = f"{BEFORE}{WAIT} "
    uri = open_(client, tmp_path, f"{HEAD}{before}$\n")
    (found,) = await ranges(client, uri)

    assert found.start == types.Position(LINE, units(before, encoding))


@pytest.mark.asyncio
async def test_syntax_errors_in_files_that_are_not_open(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    before = f"{BEFORE}{WAIT} "
    (tmp_path / "other.py").write_text(f"{HEAD}{before}$\n", encoding="utf-8")
    (found,) = await stored(client)

    assert found.range.start == types.Position(LINE, units(before, encoding))


@pytest.mark.asyncio
@pytest.mark.parametrize("end", ["\n", ""], ids=["line-end", "no-line-end"])
@pytest.mark.parametrize("title", ["greenlint: delete", f"greenlint: ignore {RULE} here"], ids=["fix", "ignore"])
async def test_edits_of_actions(client: LanguageClient, encoding: str, tmp_path: Path, title: str, end: str) -> None:
    text = f"{HEAD}{BEFORE}{WAIT}{end}"
    uri = open_(client, tmp_path, text)
    (where,) = await ranges(client, uri)
    # The last letter only: an action is found by its end, too.
    last = types.Range(types.Position(where.end.line, where.end.character - 1), where.end)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), last, types.CodeActionContext([]))
    offered = await client.text_document_code_action_async(params) or []
    action = next(each for each in offered if each.title.startswith(title))
    assert isinstance(action, types.CodeAction)
    if action.edit is None:
        action = await client.code_action_resolve_async(action)

    assert action.edit is not None
    assert action.edit.changes is not None
    after = edited(text, list(action.edit.changes[uri]), encoding)
    if "ignore" in title:
        assert after == f"{HEAD}{BEFORE}{WAIT}  # greenlint: ignore[{RULE}]{end}"
    else:
        assert after in (f"{HEAD}{BEFORE.rstrip(' ')}{end}", f"{HEAD}{BEFORE.rstrip(' ;')}{end}")


@pytest.mark.asyncio
async def test_changes(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    uri = open_(client, tmp_path, f"{HEAD}{BEFORE}pass  # \N{ROCKET}\n")
    assert await ranges(client, uri) == []

    def change(version: int, where: types.Range, text: str) -> None:
        event = types.TextDocumentContentChangePartial(range=where, text=text)
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [event]))

    change(2, between(LINE, BEFORE, "pass", encoding), WAIT)
    assert await ranges(client, uri) == [between(LINE, BEFORE, WAIT, encoding)]
    # A letter of several units comes in, and one goes.
    change(3, between(LINE, '    "', "", encoding), "\N{SNAKE}")
    longer = BEFORE.replace('"', '"\N{SNAKE}', 1)
    assert await ranges(client, uri) == [between(LINE, longer, WAIT, encoding)]
    change(4, between(LINE, '    "\N{SNAKE}', "\N{GRINNING FACE}", encoding), "")
    shorter = longer.replace("\N{GRINNING FACE}", "")
    assert await ranges(client, uri) == [between(LINE, shorter, WAIT, encoding)]


@pytest.mark.asyncio
async def test_hovers(client: LanguageClient, encoding: str, tmp_path: Path) -> None:
    uri = open_(client, tmp_path, f"{HEAD}{BEFORE}{WAIT}  # greenlint: ignore[{RULE}] \N{ROCKET}\n")
    before = f"{BEFORE}{WAIT}  # greenlint: ignore["
    for start, hit in ((before, True), (f"{before}{RULE}] ", False)):
        where = types.Position(LINE, units(start, encoding))
        found = await client.text_document_hover_async(types.HoverParams(types.TextDocumentIdentifier(uri), where))
        assert (found is not None) is hit
        assert found is None or found.range == between(LINE, before, RULE, encoding)
