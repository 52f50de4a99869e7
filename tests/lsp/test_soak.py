"""A server that has seen many edits holds no more than one that has seen a few.

``python -m benchmarks.editor --soak 10000`` watches the memory of a server over a day's typing.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient

COUNTING = """
import gc
import sys

from greenlint.lsp.conversation import over_streams, until_signal
from greenlint.lsp.features import create_server

server = create_server()
server.collector.start()
gc.unfreeze()

@server.feature("test/objects")
def objects(_):
    gc.collect()
    return len(gc.get_objects())

until_signal(over_streams(server, sys.stdin.buffer, sys.stdout.buffer))
"""
TEXT = """\
import torch

for epoch in range(10):
    for x, y in loader:
        loss = criterion(model(x.cuda()), y.cuda())
        loss.backward()
        optimizer.step()
        torch.cuda.synchronize()
        step = 0
"""
LINE = 8
EDITS = 200


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    config=ClientServerConfig(server_command=[sys.executable, "-c", COUNTING])
)
async def client(lsp_client: LanguageClient, tmp_path: Path) -> AsyncIterator[None]:
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(diagnostic=types.DiagnosticClientCapabilities())
    )
    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities, workspace_folders=[types.WorkspaceFolder(tmp_path.as_uri(), "project")]
        )
    )
    yield
    await lsp_client.shutdown_session()


class Typist:
    """Changes a number at the end of one line, looks at the findings, asks for help and fixes."""

    def __init__(self, client: LanguageClient, uri: str) -> None:
        self.client, self.uri, self.version, self.length = client, uri, 1, 1
        client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", self.version, TEXT))
        )

    async def type(self, times: int) -> int:
        """How many findings there are at the end."""
        found = 0
        for _ in range(times):
            self.version += 1
            text = str(self.version)
            where = types.Range(types.Position(LINE, 15), types.Position(LINE, 15 + self.length))
            self.length = len(text)
            document = types.VersionedTextDocumentIdentifier(self.version, self.uri)
            change = types.TextDocumentContentChangePartial(where, text)
            self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
            found = await self._look()
        return found

    async def _look(self) -> int:
        document = types.TextDocumentIdentifier(self.uri)
        report = await self.client.text_document_diagnostic_async(types.DocumentDiagnosticParams(document))
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        for each in report.items:
            await self.client.text_document_hover_async(types.HoverParams(document, each.range.start))
            context = types.CodeActionContext([each])
            await self.client.text_document_code_action_async(types.CodeActionParams(document, each.range, context))
        return len(report.items)

    async def objects(self) -> int:
        return int(await self.client.protocol.send_request_async("test/objects", None))  # type: ignore[no-untyped-call]


@pytest.mark.asyncio
async def test_edits_leave_nothing_behind(client: LanguageClient, tmp_path: Path) -> None:
    typist = Typist(client, (tmp_path / "train.py").as_uri())
    assert await typist.type(30) > 0
    before = await typist.objects()
    await typist.type(EDITS)
    grown = await typist.objects() - before
    assert grown < EDITS / 2, f"{grown} objects more after {EDITS} edits"
