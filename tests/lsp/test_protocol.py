"""The conversation itself: how it begins and ends, what is refused, and what must not come in between."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest
from lsprotocol import types

from greenlint.lsp.features import create_server
from tests.lsp.editor import PULLS, SECONDS, Editor, Message, framed
from tests.lsp.waste import RULE, SETTINGS, WASTE

IN_USE = os.strerror(errno.EADDRINUSE).lower()


def test_the_end(alone: Editor, tmp_path: Path) -> None:
    alone.begin()
    # What the server has asked, to be told of files, is never answered.
    assert alone.ask("shutdown")["result"] is None
    late = alone.ask("textDocument/diagnostic", textDocument={"uri": (tmp_path / "a.py").as_uri()})
    assert late["error"]["code"] == types.ErrorCodes.InvalidRequest
    assert alone.end() == 0


def test_an_end_without_a_word(alone: Editor) -> None:
    alone.begin()
    assert alone.end() == 1


def test_an_editor_that_is_gone(alone: Editor) -> None:
    alone.begin()
    alone.hang_up()
    assert alone.process.wait(SECONDS) == 1


def vanish(editor: Editor) -> None:
    assert editor.process.stdout is not None
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, editor.process.stdout.fileno())
    os.close(nothing)
    editor.hang_up()


def leave_with_a_word(editor: Editor) -> None:
    editor.send(id="last", method="shutdown")
    editor.notify("exit")


def leave_without_a_word(editor: Editor) -> None:
    editor.notify("exit")


@pytest.mark.parametrize(
    ("leave", "code"), [(Editor.hang_up, 1), (vanish, 1), (leave_without_a_word, 1), (leave_with_a_word, 0)]
)
def test_an_editor_that_leaves_in_the_midst(
    leave: Callable[[Editor], None], code: int, alone: Editor, tmp_path: Path
) -> None:
    alone.begin()
    uri = alone.open(tmp_path / "train.py", WASTE)
    place = {"textDocument": {"uri": uri}, "position": {"line": 6, "character": 8}}
    for number in range(10):
        alone.send(id=f"{number}", method="textDocument/hover", params=place)
        alone.send(id=f"{number}w", method="workspace/diagnostic", params={"previousResultIds": []})
        command = {"command": "greenlint.openPage", "arguments": [RULE]}
        alone.send(id=f"{number}c", method="workspace/executeCommand", params=command)
    leave(alone)
    assert (alone.process.wait(SECONDS), alone.errors()) == (code, "")


def connected(port: int) -> socket.socket:
    """A connection to a server that is about to listen."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(("last", "code"), [([], 1), (["exit"], 1), (["shutdown", "exit"], 0)])
def test_a_connection_that_ends_in_the_midst(last: list[str], code: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "greenlint", "server", "--tcp", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    with connected(port) as editor:
        where = {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": PULLS}
        editor.sendall(framed(id=0, method="initialize", params=where) + framed(method="initialized", params={}))
        editor.recv(1)
        for number in range(1, 20):
            asked = {"command": "greenlint.openPage", "arguments": [RULE]}
            editor.sendall(framed(id=number, method="workspace/executeCommand", params=asked))
            editor.sendall(framed(id=f"{number}", method="workspace/diagnostic", params={"previousResultIds": []}))
        for method in last:
            editor.sendall(framed(method=method, **({"id": 99} if method == "shutdown" else {})))
        while last and editor.recv(1 << 16):
            pass
    _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors.decode()) == (
        code,
        f"greenlint: waiting for an editor at 127.0.0.1 port {port}\n",
    )


def test_requests_that_are_refused(editor: Editor, tmp_path: Path) -> None:
    uri = (tmp_path / "a.py").as_uri()
    place = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
    assert editor.ask("textDocument/hover", **place)["error"]["code"] == types.ErrorCodes.ServerNotInitialized
    editor.begin()
    # Nothing is asked before the answer to the first request.
    assert [each.get("method") for each in editor.seen] == []
    broken = editor.ask("textDocument/hover", textDocument={"uri": uri})
    assert broken["error"]["code"] == types.ErrorCodes.InvalidParams
    assert editor.ask("textDocument/hover", **place)["result"] is None
    assert editor.ask("textDocument/nonsense")["error"]["code"] == types.ErrorCodes.MethodNotFound
    assert editor.ask("codeAction/resolve", title="x", data={"uri": uri})["result"]["title"] == "x"


def test_rules_that_print_and_read(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "loud.py").write_text(
        'import os\nprint("loud")\nos.system("echo louder")\ntry:\n    input()\nexcept EOFError:\n    pass\n'
    )
    (tmp_path / "greenlint.toml").write_text('rule-paths = ["lint"]\n')
    editor.begin(options={"select": [RULE]})
    uri = editor.open(tmp_path / "train.py", WASTE)
    assert [each["code"] for each in editor.pull(uri)] == [RULE]


def test_an_old_editor_with_a_root(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "train.py").write_text(WASTE)
    editor.begin(rootUri=tmp_path.as_uri())
    (item,) = editor.ask("workspace/diagnostic", previousResultIds=[])["result"]["items"]
    assert item["uri"] == (tmp_path / "inner" / "train.py").as_uri()


def test_a_workspace_part_by_part(editor: Editor, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.py") if sys.platform == "linux" else "ü.py"
    for each in (name, "gone.py"):
        (tmp_path / each).write_text(WASTE)
    editor.begin()

    def workspace(known: list[Message]) -> tuple[list[Message], list[Message]]:
        """The reports, which come in parts, and the progress."""
        editor.seen.clear()
        tokens = {"partialResultToken": "parts", "workDoneToken": "work"}
        answer = editor.ask("workspace/diagnostic", previousResultIds=known, **tokens)
        assert answer["result"] == {"items": []}
        told = [each["params"] for each in editor.seen if each.get("method") == "$/progress"]
        items = [item for each in told if each["token"] == "parts" for item in each["value"]["items"]]
        return items, [each["value"] for each in told if each["token"] == "work"]

    items, progress = workspace([])
    assert {each["uri"]: len(each["items"]) for each in items} == {
        (tmp_path / name).as_uri(): 1,
        (tmp_path / "gone.py").as_uri(): 1,
    }
    assert [progress[0]["kind"], progress[-1]["kind"]] == ["begin", "end"]
    assert progress[-2]["percentage"] == 100
    (tmp_path / "gone.py").unlink()
    change = {"uri": (tmp_path / "gone.py").as_uri(), "type": 3}
    editor.notify("workspace/didChangeWatchedFiles", changes=[change])
    items, _ = workspace([{"uri": each["uri"], "value": each["resultId"]} for each in items])
    assert [(each["uri"], each.get("items")) for each in items if each["kind"] == "full"] == [(change["uri"], [])]


def test_a_workspace_that_was_asked_for_in_vain(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WASTE)
    editor.begin()
    editor.send(id="first", method="workspace/diagnostic", params={"previousResultIds": []})
    editor.notify("$/cancelRequest", id="first")
    (item,) = editor.ask("workspace/diagnostic", previousResultIds=[])["result"]["items"]
    assert item["uri"] == (tmp_path / "train.py").as_uri()


def test_a_text_in_the_encoding_that_it_declares(editor: Editor, tmp_path: Path) -> None:
    editor.begin()
    text = f"# -*- coding: shift_jis -*-\n{WASTE}".replace("    torch.cuda", '    "\u65e5\u672c"; torch.cuda')
    (found,) = editor.pull(editor.open(tmp_path / "train.py", text))
    assert found["range"]["start"] == {"line": 7, "character": 10}


def test_a_document_that_is_no_file(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "greenlint.toml").write_text(f'select = ["{RULE}"]\n')
    editor.begin(options=None, rootUri=(tmp_path / "project").as_uri())
    for uri in ("untitled:Untitled-1", "git:/project/train.py?%7B%22ref%22%3A%22%22%7D", "vscode-notebook-cell:/a#W0"):
        document = {"uri": uri, "languageId": "python", "version": 1, "text": WASTE}
        editor.notify("textDocument/didOpen", textDocument=document)
        assert [each["code"] for each in editor.pull(uri)] == [RULE]


def test_a_page_for_an_editor_that_shows_none(editor: Editor) -> None:
    editor.begin()
    assert "error" not in editor.ask("workspace/executeCommand", command="greenlint.openPage", arguments=[RULE])
    said = [each["params"] for each in editor.seen if each.get("method") == "window/showMessage"]
    assert [each["type"] for each in said] == [types.MessageType.Info]
    assert said[0]["message"].endswith(f"{RULE}.md")


def test_a_plain_hover(editor: Editor, tmp_path: Path) -> None:
    editor.begin({"textDocument": {"hover": {"contentFormat": ["plaintext"]}}})
    uri = editor.open(tmp_path / "train.py", WASTE)
    answer = editor.ask("textDocument/hover", textDocument={"uri": uri}, position={"line": 6, "character": 8})
    content = answer["result"]["contents"]
    assert (content["kind"], content["value"].split()[0], "**" in content["value"]) == ("plaintext", RULE, False)


def test_costs_are_asked_for_again(editor: Editor) -> None:
    capabilities = {"workspace": {"codeLens": {"refreshSupport": True}, "inlayHint": {"refreshSupport": True}}}
    editor.begin(capabilities)
    editor.notify("workspace/didChangeConfiguration", settings={"greenlint": {**SETTINGS, "showCost": "lens"}})
    editor.ask("textDocument/nonsense")
    asked = {each["method"] for each in editor.seen if "id" in each}
    assert asked == {"workspace/codeLens/refresh", "workspace/inlayHint/refresh"}


REMARK = """
def evaluate(model, loader):
    for x, y in loader:
        correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()
"""


@pytest.mark.parametrize("end", ["", "  # \N{GRINNING FACE}"])
def test_costs_stand_beside_the_code(editor: Editor, tmp_path: Path, end: str) -> None:
    editor.begin()
    settings = {**SETTINGS, "select": [RULE, "eval-without-no-grad"]}
    editor.notify("workspace/didChangeConfiguration", settings={"greenlint": {**settings, "showCost": "inlay"}})
    code = WASTE.replace("synchronize()", f"synchronize(){end}")
    uri = editor.open(tmp_path / "train.py", code + REMARK)
    assert len(editor.pull(uri)) == 2
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 20, "character": 0}}
    # A note without a figure is no cost.
    (hint,) = editor.ask("textDocument/inlayHint", textDocument={"uri": uri}, range=whole)["result"]
    width = len(f"    torch.cuda.synchronize(){end}".encode("utf-16-le")) // 2
    assert hint["position"] == {"line": 6, "character": width}
    assert hint["label"] == "saves 2-15 % of a step (estimate)\N{HORIZONTAL ELLIPSIS}"
    assert hint["tooltip"] == "saves 2-15 % of a step, up to 50 % with many small kernels (estimate)"
    editor.notify("workspace/didChangeConfiguration", settings={"greenlint": {**settings, "showCost": "lens"}})
    (lens,) = editor.ask("textDocument/codeLens", textDocument={"uri": uri})["result"]
    assert lens["command"]["title"] == hint["tooltip"]


def test_no_such_port() -> None:
    command = [sys.executable, "-m", "greenlint", "server", "--tcp", "--port", "70000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: there is no port 70000")


def test_arguments_of_commands_are_of_classes() -> None:
    """In Python 3.10 pygls takes nothing else, not even ``Any``, and all commands would fail."""
    commands = create_server().protocol.fm.commands.values()
    hints = [get_type_hints(getattr(each, "__wrapped__", each)) for each in commands]
    assert {kind for each in hints for name, kind in each.items() if name != "return"} == {str, int}


def test_what_cannot_be_listened_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "greenlint", "server", "--tcp", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (2, f"error: cannot listen at 127.0.0.1 port {port}: {IN_USE}\n")
    closed = [
        sys.executable,
        "-c",
        "import os, sys; os.close(0); os.execv(sys.executable, sys.argv[1:])",
        sys.executable,
    ]
    done = subprocess.run(
        [*closed, "-m", "greenlint", "server"], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no standard input")


def test_its_own_exit_codes_are_told() -> None:
    done = subprocess.run([sys.executable, "-m", "greenlint", "server", "--help"], capture_output=True, text=True)
    assert "1    the editor left without a word" in done.stdout
    assert "findings" not in done.stdout


def test_what_is_excluded_and_wrong_settings(editor: Editor, tmp_path: Path) -> None:
    editor.begin()
    (tmp_path / ".venv").mkdir()
    uri = editor.open(tmp_path / ".venv" / "library.py", WASTE)
    assert editor.pull(uri) == []
    uri = editor.open(tmp_path / "train it.py", WASTE)
    assert [each["code"] for each in editor.pull(uri.replace("train", "%74rain"))] == [RULE]
    # Editors escape more or less, and know no flags.
    settings = {"select": ["nonsense"], "configurationPreference": "editorFirst"}
    for _ in range(2):
        editor.seen.clear()
        editor.notify("workspace/didChangeConfiguration", settings={"greenlint": settings})
        assert editor.pull(uri) == []
        (said,) = [each["params"] for each in editor.seen if each.get("method") == "window/showMessage"]
        assert said["message"].startswith("greenlint: `greenlint.select`: unknown rule or category `nonsense`")
        editor.notify("workspace/didChangeConfiguration", settings={"greenlint": SETTINGS})
        assert [each["code"] for each in editor.pull(uri)] == [RULE]
    assert editor.ask("workspace/executeCommand", command="greenlint.selectReason", arguments=["x:y", RULE, 1])[
        "result"
    ] is (None)
