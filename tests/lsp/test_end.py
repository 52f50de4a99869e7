"""The server ends when it is told to, whatever it is doing, and leaves nothing half done."""

from __future__ import annotations

import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenlint.scaffold import plan_rule
from tests.lsp.editor import PULLS, SECONDS, Editor, framed
from tests.lsp.waste import RULE, WASTE

SERVER = (sys.executable, "-m", "greenlint", "server")
BEGUN = "begun"
ENDLESS = f"""\
        import pathlib, time

        pathlib.Path("{BEGUN}").touch()
        while True:
            time.sleep(0.01)
"""


def leave(editor: Editor) -> None:
    editor.notify("exit")


def say_goodbye(editor: Editor) -> None:
    assert editor.ask("shutdown")["result"] is None
    editor.notify("exit")


def ask_for_a_document(editor: Editor, uri: str) -> None:
    editor.send(id="endless", method="textDocument/diagnostic", params={"textDocument": {"uri": uri}})


def ask_for_all(editor: Editor, _: str) -> None:
    editor.send(id="endless", method="workspace/diagnostic", params={"previousResultIds": []})


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"there is no {path.name}"
        time.sleep(0.01)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has a rule that never comes to its end; the pages of rules are written beside it."""
    project, pages = tmp_path / "project", tmp_path / "pages"
    rule = plan_rule("own-rule", project / "lint")
    for folder in (project, pages, rule.path.parent):
        folder.mkdir()
    rule.path.write_text(rule.text.replace("        yield", f"{ENDLESS}        yield"))
    (project / "greenlint.toml").write_text(f'rule-paths = ["lint"]\nselect = ["own-rule", "{RULE}"]\n')
    (project / "endless.py").write_text("import torch\n\ntorch.cuda.empty_cache()\n")
    monkeypatch.setenv("TMPDIR", str(pages))
    return project


def is_clean(project: Path) -> bool:
    """Whether the pages are gone, and nothing half written is left."""
    left = {each.suffix for each in project.rglob("*")}
    return not list((project.parent / "pages").iterdir()) and left <= {"", ".py", ".toml", ".json", ".TAG"}


@pytest.mark.parametrize(("end", "code"), [(Editor.hang_up, 1), (leave, 1), (say_goodbye, 0)])
@pytest.mark.parametrize("ask", [ask_for_a_document, ask_for_all])
def test_a_check_that_has_no_end(
    ask: Callable[[Editor, str], None], end: Callable[[Editor], None], code: int, project: Path
) -> None:
    editor = Editor(project, [*SERVER, "--stdio"])
    try:
        begin_a_check(editor, project, ask)
        end(editor)
        assert editor.process.wait(SECONDS) == code
        assert editor.errors() == ""
    finally:
        editor.close()
    assert is_clean(project)


def begin_a_check(editor: Editor, project: Path, ask: Callable[[Editor, str], None] = ask_for_a_document) -> None:
    """Have a page written, and then something checked that has no end."""
    editor.begin(options=None)
    assert len(editor.pull(editor.open(project / "train.py", WASTE))) == 1
    assert list((project.parent / "pages").iterdir())
    ask(editor, editor.open(project / "endless.py", (project / "endless.py").read_text()))
    wait_for(project / BEGUN)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("is_checking", [False, True])
def test_a_signal(number: int, code: int, is_checking: bool, project: Path) -> None:
    editor = Editor(project, [*SERVER, "--stdio"])
    try:
        if is_checking:
            begin_a_check(editor, project)
        else:
            editor.begin()
        editor.process.send_signal(number)
        assert editor.process.wait(SECONDS) == code
        assert editor.errors() == ""
    finally:
        editor.close()
    assert is_clean(project)


class Listening:
    """A server at a port that it has chosen."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen([*SERVER, "--tcp", "--port", "0"], cwd=folder, stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        said = re.fullmatch(rb"greenlint: waiting for an editor at (\S+) port (\d+)\n", self.process.stderr.readline())
        assert said is not None
        self.address = said[1].decode(), int(said[2])

    def ended(self) -> tuple[int, str]:
        """The exit code and what was written to standard error since."""
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors.decode()


@pytest.fixture
def listening(project: Path) -> Iterator[Listening]:
    listening = Listening(project)
    yield listening
    listening.process.kill()
    listening.process.communicate()


def begin_a_check_over(connection: socket.socket, project: Path) -> None:
    endless = (project / "endless.py").as_uri()
    document = {
        "uri": endless,
        "languageId": "python",
        "version": 1,
        "text": "import torch\ntorch.cuda.empty_cache()\n",
    }
    where = {"processId": None, "rootUri": project.as_uri(), "capabilities": PULLS}
    connection.sendall(framed(id=1, method="initialize", params=where) + framed(method="initialized", params={}))
    connection.sendall(framed(method="textDocument/didOpen", params={"textDocument": document}))
    asked = {"textDocument": {"uri": endless}}
    connection.sendall(framed(id=2, method="textDocument/diagnostic", params=asked))
    wait_for(project / BEGUN)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_nobody_is_connected(number: int, code: int, listening: Listening) -> None:
    listening.process.send_signal(number)
    assert listening.ended() == (code, "")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_amid_a_conversation(number: int, code: int, listening: Listening, project: Path) -> None:
    with socket.create_connection(listening.address) as connection:
        begin_a_check_over(connection, project)
        listening.process.send_signal(number)
        assert listening.ended() == (code, "")
    assert is_clean(project)


def drop(connection: socket.socket) -> None:
    """Break the connection, as a machine that is switched off does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drop_amid_a_message(connection: socket.socket) -> None:
    connection.sendall(b"Content-Length: 100\r\n\r\n{")
    connection.close()


def leave_over(connection: socket.socket) -> None:
    connection.sendall(framed(method="exit"))


def say_goodbye_over(connection: socket.socket) -> None:
    connection.sendall(framed(id=3, method="shutdown") + framed(method="exit"))


@pytest.mark.parametrize(
    ("end", "code"),
    [(socket.socket.close, 1), (drop, 1), (drop_amid_a_message, 1), (leave_over, 1), (say_goodbye_over, 0)],
)
def test_the_end_of_a_connection(
    end: Callable[[socket.socket], None], code: int, listening: Listening, project: Path
) -> None:
    with socket.create_connection(listening.address) as connection:
        begin_a_check_over(connection, project)
        end(connection)
        assert listening.ended() == (code, "")
    assert is_clean(project)


def test_another_editor_is_refused(listening: Listening, project: Path) -> None:
    with socket.create_connection(listening.address) as connection:
        begin_a_check_over(connection, project)
        with pytest.raises(ConnectionError):
            socket.create_connection(listening.address)
        say_goodbye_over(connection)
        assert listening.ended() == (0, "")
