"""Forks language servers for tests: ``python fork_servers.py SOCKET``, with ``start_server.py`` at the other end.

To import what a server needs takes longer than most tests do, so it is imported once. A server still is a process of
its own, with the streams, the folder and the environment of whoever asks for it, and ends as any process does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import sys
from typing import Any, NoReturn

from greenlint.registry import RuleLoader


def main(address: str) -> NoReturn:
    """Fork a server for each connection, until stopped."""
    importlib.import_module("greenlint.lsp.features")
    RuleLoader(["greenlint_rules"]).registry()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            _, streams, _, _ = socket.recv_fds(connection, 1, 3)
            if os.fork() == 0:
                listening.close()
                _attend(connection, streams)
            connection.close()
            _close(streams)
            _bury()


def _attend(connection: socket.socket, streams: list[int]) -> NoReturn:
    """Start a server and tell how it ended."""
    with connection.makefile() as lines:
        asked = json.loads(lines.readline())
    server = os.fork()
    if server == 0:
        connection.close()
        _serve(asked, streams)
    _close(streams)
    code = os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])
    # Whoever asked may be gone.
    with contextlib.suppress(OSError):
        connection.sendall(f"{code}\n".encode())
    os._exit(0)


def _serve(asked: dict[str, Any], streams: list[int]) -> NoReturn:
    """Do as ``python -m greenlint``."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    _close(streams)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["greenlint", *asked["arguments"]]
    runpy.run_module("greenlint", run_name="__main__", alter_sys=True)
    sys.exit()


def _close(streams: list[int]) -> None:
    for stream in streams:
        os.close(stream)


def _bury() -> None:
    """Let go of processes that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main(sys.argv[1])
