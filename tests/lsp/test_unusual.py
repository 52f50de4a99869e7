"""What editors rarely say, and what not every editor can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lsp.editor import PULLS, Editor, Message
from tests.lsp.servers import server_command
from tests.lsp.waste import RULE, SETTINGS, WASTE

TWICE = WASTE.replace("    optimizer.step()\n", "    torch.cuda.synchronize()\n    optimizer.step()\n")


def said(editor: Editor, method: str) -> list[str]:
    return [each["params"]["message"] for each in editor.seen if each.get("method") == method]


@pytest.mark.parametrize(
    "message",
    [
        {
            "method": "textDocument/didChange",
            "params": {"textDocument": {"uri": "file:///gone.py", "version": 2}, "contentChanges": [{"text": "x"}]},
        },
        {
            "method": "notebookDocument/didChange",
            "params": {"notebookDocument": {"uri": "file:///gone.ipynb", "version": 2}, "change": {}},
        },
    ],
    ids=["script", "notebook"],
)
def test_a_change_of_what_was_never_opened(editor: Editor, tmp_path: Path, message: Message) -> None:
    editor.begin()
    editor.send(**message)
    assert len(editor.pull(editor.open(tmp_path / "train.py", WASTE))) == 1
    # It is nothing that the user could help.
    assert said(editor, "window/showMessage") == []
    assert [each for each in said(editor, "window/logMessage") if "KeyError" in each] != []
    editor.ask("shutdown")
    assert (editor.end(), editor.errors()) == (0, "")


@pytest.mark.parametrize("method", ["textDocument/didClose", "textDocument/didSave"])
def test_what_was_never_opened(editor: Editor, tmp_path: Path, method: str) -> None:
    editor.begin()
    editor.notify(method, textDocument={"uri": (tmp_path / "gone.py").as_uri()})
    place = {"textDocument": {"uri": (tmp_path / "gone.py").as_uri()}, "position": {"line": 0, "character": 0}}
    assert editor.ask("textDocument/hover", **place)["result"] is None
    assert editor.pull((tmp_path / "gone.py").as_uri()) == []
    assert [each for each in said(editor, "window/logMessage") if "Error" in each] == []


@pytest.mark.parametrize(
    "uri",
    [
        "file:///c%3A/project/train.py",
        "file:///C:/project/train.py",
        "file://server/share/train.py",
        "vscode-vfs://github/owner/project/train.py",
        "vscode-remote://ssh-remote%2Bhost/home/user/train.py",
    ],
)
def test_places_of_other_machines(editor: Editor, uri: str) -> None:
    folder = uri.rpartition("/")[0]
    editor.begin(rootUri=folder, workspaceFolders=[{"uri": folder, "name": "project"}])
    document = {"uri": uri, "languageId": "python", "version": 1, "text": WASTE}
    editor.notify("textDocument/didOpen", textDocument=document)
    assert [each["code"] for each in editor.pull(uri)] == [RULE]
    assert editor.ask("workspace/diagnostic", previousResultIds=[])["result"] == {"items": []}


def test_an_edit_is_for_one_version(editor: Editor, tmp_path: Path) -> None:
    versions = {"workspaceEdit": {"documentChanges": True}}
    editor.begin({**PULLS, "workspace": versions})
    uri = editor.open(tmp_path / "train.py", WASTE)
    change = {"textDocument": {"uri": uri, "version": 7}, "contentChanges": [{"text": f"{WASTE}x = 1\n"}]}
    editor.notify("textDocument/didChange", **change)
    edit = action_at(editor, uri, 6)["edit"]
    (changed,) = edit["documentChanges"]
    assert changed["textDocument"] == {"uri": uri, "version": 7}
    assert "changes" not in edit


def action_at(editor: Editor, uri: str, line: int) -> Message:
    """The first action, for an editor that resolves none."""
    place = {"line": line, "character": 6}
    params = {"textDocument": {"uri": uri}, "range": {"start": place, "end": place}, "context": {"diagnostics": []}}
    action: Message = editor.ask("textDocument/codeAction", **params)["result"][0]
    return action


def test_an_edit_for_an_editor_without_versions(editor: Editor, tmp_path: Path) -> None:
    editor.begin()
    uri = editor.open(tmp_path / "train.py", WASTE)
    assert list(action_at(editor, uri, 6)["edit"]) == ["changes"]


@pytest.mark.parametrize("is_open", [True, False])
def test_related_places(editor: Editor, tmp_path: Path, *, is_open: bool) -> None:
    shows = {"publishDiagnostics": {"relatedInformation": True}, "diagnostic": {}}
    (tmp_path / "train me.py").write_text(TWICE)
    uri = (tmp_path / "train me.py").as_uri()

    def found(editor: Editor) -> Message:
        if is_open:
            return editor.pull(editor.open(tmp_path / "train me.py", TWICE))[0]
        (item,) = editor.ask("workspace/diagnostic", previousResultIds=[])["result"]["items"]
        diagnostic: Message = item["items"][0]
        return diagnostic

    editor.begin({**PULLS, "textDocument": shows})
    shown = found(editor)
    (related,) = shown["relatedInformation"]
    assert related["location"]["uri"] == uri
    other = Editor(tmp_path, server_command())
    try:
        other.begin()
        plain = found(other)
    finally:
        other.close()
    assert "relatedInformation" not in plain
    line = related["location"]["range"]["start"]["line"] + 1
    assert plain["message"] == f"{shown['message']}\ntrain me.py:{line}: {related['message']}"


def test_a_file_that_is_saved_is_checked_once(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options={**SETTINGS, "logLevel": "debug"})
    uri = editor.open(tmp_path / "train.py", WASTE)
    editor.pull(uri)
    editor.notify("textDocument/didSave", textDocument={"uri": uri})
    editor.pull(uri)
    editor.notify("workspace/didChangeWatchedFiles", changes=[{"uri": uri, "type": 2}])
    editor.pull(uri)
    other = (tmp_path / "other.py").as_uri()
    editor.notify("workspace/didChangeWatchedFiles", changes=[{"uri": other, "type": 2}])
    editor.pull(uri)
    checks = [each for each in said(editor, "window/logMessage") if " checked in " in each]
    assert [each.partition("(")[2].partition(")")[0] for each in checks] == [
        "opened",
        f"{tmp_path / 'train.py'} changed",
        f"{tmp_path / 'other.py'} changed",
    ]


def test_a_problem_at_a_letter_of_two_units(editor: Editor, tmp_path: Path) -> None:
    editor.begin()
    (found,) = editor.pull(editor.open(tmp_path / "train.py", f"{WASTE}x = \N{GRINNING FACE}\n"))
    assert found["code"] == "syntax"
    start, end = (found["range"][each] for each in ("start", "end"))
    text = "x = \N{GRINNING FACE}".encode("utf-16-le")
    for place in (start, end):
        text[: 2 * place["character"]].decode("utf-16-le")
    assert start["line"] == end["line"] == len(WASTE.splitlines())
