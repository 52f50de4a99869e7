"""What happens while a document is being checked is not lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

from greenlint.baseline import Baseline
from greenlint.batch import Examined
from greenlint.lsp.checker import Checker
from greenlint.lsp.features import create_server
from greenlint.lsp.server import GreenlintServer
from greenlint.lsp.texts import Texts
from greenlint.scaffold import plan_rule
from tests.lsp.waste import RULE, WASTE

_SECONDS = 60
FIRST, SECOND = "vscode-notebook-cell:/train.ipynb#W0", "vscode-notebook-cell:/train.ipynb#W1"


class Nobody:
    """Takes what the server sends."""

    def write(self, _: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class Pause:
    """Stops checks in their midst until told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reached, self._go = threading.Event(), threading.Event()
        examine = Checker.examine

        def slowly(checker: Checker, path: str, data: bytes) -> Examined:
            found = examine(checker, path, data)
            self._reached.set()
            assert self._go.wait(_SECONDS)
            return found

        monkeypatch.setattr(Checker, "examine", slowly)

    async def during(self, work: Awaitable[Any], change: Callable[[], object]) -> Any:
        """What comes of ``work`` when there is a ``change`` while it checks."""
        running = asyncio.ensure_future(work)
        await asyncio.to_thread(self._reached.wait, _SECONDS)
        change()
        self._go.set()
        return await asyncio.wait_for(running, _SECONDS)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[GreenlintServer]:
    server = create_server()
    pulls = types.TextDocumentClientCapabilities(diagnostic=types.DiagnosticClientCapabilities())
    server.protocol.client_capabilities = types.ClientCapabilities(text_document=pulls)
    server.protocol._workspace = Texts(None, workspace_folders=[types.WorkspaceFolder(tmp_path.as_uri(), "project")])
    server.protocol.set_writer(Nobody())
    server.configure({"select": [RULE]})
    yield server
    server.end()


def open_(server: GreenlintServer, path: Path, text: str = WASTE) -> str:
    uri = path.as_uri()
    server.workspace.put_text_document(types.TextDocumentItem(uri, "python", 1, text))
    return uri


async def codes(server: GreenlintServer, uri: str) -> list[object]:
    opened = server.opened(uri)
    assert opened is not None
    return [each.code for each in (await server.diagnostics(opened)).get(uri, ())]


def close(server: GreenlintServer, uri: str) -> None:
    server.workspace.remove_text_document(uri)
    server.closed(uri)


@pytest.mark.asyncio
async def test_a_document_that_is_closed(
    server: GreenlintServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = open_(server, tmp_path / "train.py")
    found = await Pause(monkeypatch).during(codes(server, uri), lambda: close(server, uri))
    assert found == []
    # Its text is held no longer.
    other = open_(server, tmp_path / "other.py", "from train import step\n")
    await codes(server, other)
    (checker,) = server._checkers.values()
    assert list(checker._held) == [str(tmp_path / "other.py")]


@pytest.mark.asyncio
async def test_settings_that_change(server: GreenlintServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = open_(server, tmp_path / "train.py")
    found = await Pause(monkeypatch).during(codes(server, uri), lambda: server.configure({"enable": False}))
    assert found == []


@pytest.mark.asyncio
async def test_a_file_that_changes(server: GreenlintServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = open_(server, tmp_path / "train.py")
    file = tmp_path / "greenlint.toml"

    def ignore() -> None:
        file.write_text(f'ignore = ["{RULE}"]\n')
        server.file_changed(file.as_uri())

    assert await Pause(monkeypatch).during(codes(server, uri), ignore) == []


@pytest.mark.asyncio
async def test_an_edit(server: GreenlintServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = open_(server, tmp_path / "train.py")
    edit = types.TextDocumentContentChangeWholeDocument("x = 1\n")
    document = types.VersionedTextDocumentIdentifier(2, uri)
    found = await Pause(monkeypatch).during(
        codes(server, uri), lambda: server.workspace.update_text_document(document, edit)
    )
    assert found == []


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["hover", "actions", "costs", "diagnostics"])
async def test_a_cell_that_vanishes(server: GreenlintServer, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in (FIRST, SECOND)]
    notebook = types.NotebookDocument("file:///train.ipynb", "jupyter-notebook", 1, cells)
    texts = [types.TextDocumentItem(uri, "python", 1, WASTE) for uri in (FIRST, SECOND)]
    server.workspace.put_notebook_document(types.DidOpenNotebookDocumentParams(notebook, texts))
    server.configure({"select": [RULE], "showCost": "lens"})

    def vanish() -> None:
        array = types.NotebookCellArrayChange(start=1, delete_count=1)
        gone = types.NotebookDocumentCellChangeStructure(array, did_close=[types.TextDocumentIdentifier(SECOND)])
        change = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(structure=gone))
        changed = types.VersionedNotebookDocumentIdentifier(2, notebook.uri)
        server.workspace.update_notebook_document(types.DidChangeNotebookDocumentParams(changed, change))

    cell, start = types.TextDocumentIdentifier(SECOND), types.Position(6, 4)
    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "hover": lambda: server.hover(types.HoverParams(cell, start)),
        "actions": lambda: server.actions(
            types.CodeActionParams(cell, types.Range(start, start), types.CodeActionContext([]))
        ),
        "costs": lambda: server.costs(SECOND, server.settings.cost),
        "diagnostics": lambda: server.pulled(SECOND),
    }
    found = await Pause(monkeypatch).during(work[what](), vanish)
    assert not (found[0] if what == "diagnostics" else found)


@pytest.mark.asyncio
async def test_a_defect_is_seen(server: GreenlintServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("out of order")

    uri = open_(server, tmp_path / "train.py")
    monkeypatch.setattr(Checker, "examine", fail)
    assert await codes(server, uri) == ["internal"]


@pytest.mark.asyncio
async def test_an_end_while_the_baseline_is_written(
    server: GreenlintServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    write = Baseline.write

    def slowly(baseline: Baseline) -> None:
        begun.set()
        time.sleep(0.3)
        write(baseline)

    monkeypatch.setattr(Baseline, "write", slowly)
    uri = open_(server, tmp_path / "train.py")
    opened = server.opened(uri)
    assert opened is not None
    outcome = await server.checked(opened)
    assert outcome is not None
    (finding,) = outcome.result.findings
    parking = asyncio.ensure_future(server.park(uri, finding.fingerprint))
    await asyncio.to_thread(begun.wait, _SECONDS)
    server.end()
    server.settle()
    assert RULE in (tmp_path / "greenlint-baseline.json").read_text()
    parking.cancel()


@pytest.mark.asyncio
async def test_a_rule_of_the_project_that_changes(server: GreenlintServer, tmp_path: Path) -> None:
    (tmp_path / "greenlint.toml").write_text('rule-paths = ["lint"]\nselect = ["own-rule"]\n')
    server.configure({"select": []})
    change = plan_rule("own-rule", tmp_path / "lint")
    change.path.parent.mkdir()
    change.path.write_text(change.text)
    uri = open_(server, tmp_path / "train.py", "import torch\n\ntorch.cuda.empty_cache()\n")
    assert await codes(server, uri) == ["own-rule"]
    change.path.write_text(change.text.replace("empty_cache", "memory_stats"))
    server.file_changed(change.path.as_uri())
    assert await codes(server, uri) == []
