"""How tests start language servers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"
"""On macOS the libraries of the system do not survive a fork."""
_SOCKET = Path(tempfile.gettempdir()) / f"greenlint-tests-{os.getpid()}.socket"


def server_command(*arguments: str) -> list[str]:
    """What starts a server on its standard streams, where it can be by a fork, which takes a tenth of the time."""
    if not CAN_FORK:
        return [sys.executable, "-m", "greenlint", "server", *arguments]
    # Without what is installed Python starts faster, and that is not needed to pass on a request.
    return [sys.executable, "-I", "-S", str(HERE / "start_server.py"), str(_SOCKET), "server", *arguments]


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Have a process that forks the servers of :func:`server_command`."""
    if not CAN_FORK:
        yield
        return
    command = [sys.executable, str(HERE / "fork_servers.py"), str(_SOCKET)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.terminate()
    _SOCKET.unlink()
