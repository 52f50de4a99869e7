"""What the editors that run in a browser share: a server of their own, and a script that drives the browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["check_driver", "drive", "free_port", "needed", "served"]


def needed(program: str) -> str:
    """The path of a program; without it the test is skipped."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def check_driver() -> None:
    """Skip where no browser can be driven."""
    needed("chromium")
    found = subprocess.run([needed("node"), "-e", "require('playwright-core')"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("playwright-core is not installed, or NODE_PATH does not name its folder")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(command: Sequence[str], alive: str, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run the server of an editor; ``alive`` is an address that it answers at when it is up."""
    log = folder / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        _wait_until_up(alive, server, log)
        yield
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_up(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"{log.name}: the server did not start:\n{log.read_text()}")


def drive(script: Path, *arguments: str) -> dict[str, Any]:
    """What a script saw in the browser; it gets ``arguments``, the browser, and where pictures go if any are wanted."""
    pictures = os.environ.get("GREENLINT_PICTURES")
    command = [needed("node"), str(script), *arguments, needed("chromium"), *([pictures] if pictures else [])]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    outcome: dict[str, Any] = json.loads(ended.stdout)
    return outcome
