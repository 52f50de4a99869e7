"""An editor that says what it is told to, and shows what it hears."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
from pathlib import Path
from queue import Queue
from typing import Any

from tests.lsp.waste import SETTINGS

__all__ = ["PULLS", "SECONDS", "Editor", "Message", "framed"]

PULLS = {
    "textDocument": {"diagnostic": {}},
    "workspace": {"diagnostics": {"refreshSupport": True}, "didChangeWatchedFiles": {"dynamicRegistration": True}},
}
SECONDS = 60

Message = dict[str, Any]


def framed(**message: object) -> bytes:
    """A message with its header."""
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Editor:
    """Speaks to a server byte by byte, and answers nothing that it is asked."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        pipe = subprocess.PIPE
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the editor
        self.process = subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=self._errors)
        self.seen: list[Message] = []
        self._folder, self._number = folder, 0
        self._messages: Queue[Message | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            assert header.startswith(b"Content-Length: "), header
            while stream.readline().strip():
                pass
            self._messages.put(json.loads(stream.read(int(header.split()[1]))))
        self._messages.put(None)

    def send(self, **message: object) -> None:
        """A message as it is, without waiting for an answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(framed(**message))
        self.process.stdin.flush()

    def notify(self, method: str, **params: object) -> None:
        """Say something."""
        self.send(method=method, params=params)

    def ask(self, method: str, **params: object) -> Message:
        """The answer; what comes before it goes to ``seen``."""
        self._number += 1
        self.send(id=self._number, method=method, params=params)
        while True:
            message = self._messages.get(timeout=SECONDS)
            assert message is not None, "the server is gone"
            if message.get("id") == self._number and "method" not in message:
                return message
            self.seen.append(message)

    def begin(
        self, capabilities: object = PULLS, options: object = SETTINGS, trace: str = "off", **root: object
    ) -> Message:
        """Begin, in a folder of its own unless another ``root`` is given."""
        folders = [{"uri": self._folder.as_uri(), "name": "project"}]
        where = root or {"rootUri": None, "workspaceFolders": folders}
        given = {"capabilities": capabilities, "initializationOptions": options, "trace": trace}
        answer = self.ask("initialize", processId=None, **given, **where)
        self.notify("initialized")
        return answer

    def open(self, path: Path, text: str) -> str:
        """The URI of what is opened."""
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return path.as_uri()

    def pull(self, uri: str) -> list[Message]:
        """The diagnostics of a document."""
        answer = self.ask("textDocument/diagnostic", textDocument={"uri": uri})
        return list(answer["result"]["items"])

    def hang_up(self) -> None:
        """Leave without a word."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> int:
        """Tell the server to go; its exit code."""
        self.notify("exit")
        return self.process.wait(SECONDS)

    def errors(self) -> str:
        """What the server has written to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode()

    def close(self) -> None:
        """End the server, whatever it does."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        # A forked server outlives the process that asked for it, until nobody speaks to it any more.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self._reader.join(SECONDS)
        self.process.stdout.close()
        self._errors.close()
