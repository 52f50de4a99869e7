"""Kate, on a screen that nobody sees, does what its user does with the keyboard."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.browser import needed
from tests.clients.test_editors import SAFE, SCRIPT, UNSAFE, WAIT

SIZE = (800, 520)
QUICK_FIX = "greenlint: delete the wait"


class Kate:
    """A running Kate; ``said`` is what the server has told it so far."""

    def __init__(self, said: Path, environment: dict[str, str]) -> None:
        self.said = said
        self._environment = environment

    def press(self, *keys: str) -> None:
        self._xdotool("key", "--clearmodifiers", "--delay", "50", *keys)

    def hears(self, text: str) -> None:
        """Wait until the server has said something."""
        wait(lambda: self.said.exists() and text in self.said.read_text("utf-8", "replace"), text)

    def has_windows(self, number: int) -> None:
        """Wait until so many are shown, menus included."""
        wait(lambda: len(self._xdotool("search", "--onlyvisible", "--class", "kate").split()) == number, "windows")

    def _xdotool(self, *arguments: str) -> str:
        return xdotool(self._environment, *arguments)


def xdotool(environment: dict[str, str], *arguments: str) -> str:
    ended = subprocess.run(["xdotool", *arguments], env=environment, capture_output=True, text=True, check=False)
    return ended.stdout.strip()


def wait(reached: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, f"this did not come: {what}"
        time.sleep(0.1)


@contextmanager
def screen() -> Iterator[str]:
    """The name of a screen of its own."""
    reading, writing = os.pipe()
    width, height = SIZE
    options = ["-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
    server = subprocess.Popen([needed("Xvfb"), *options], pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "greenlint.toml").write_text(f'select = ["{SAFE}", "{UNSAFE}"]\nhardware = "gpu"\n')
    (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
    return folder


def configure(home: Path, server: Path) -> None:
    """The settings of a user who has named the server, and allowed Kate to start it."""
    python = {"command": [str(server)], "rootIndicationFileNames": ["greenlint.toml"]}
    servers = {"python": {**python, "highlightingModeRegex": "^Python$"}}
    folder = home / ".config" / "kate" / "lspclient"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"servers": servers}))
    rc = f"[Kate Plugins]\nlspclientplugin=true\n\n[lspclient]\nAllowedServerCommandLines={server}\n"
    (home / ".config" / "katerc").write_text(rc)
    sessions = home / ".local" / "share" / "kate"
    sessions.mkdir(parents=True)
    (sessions / "anonymous.katesession").write_text(rc)


def write_server(folder: Path) -> Path:
    """A program that runs the server; what it says is in ``said``, and in the end there is ``ended``."""
    path = folder / "server"
    run = f"{shlex.quote(sys.executable)} -m greenlint server; touch {shlex.quote(str(folder / 'ended'))}"
    path.write_text(f"#!/bin/sh\n{{ {run}; }} | tee {shlex.quote(str(folder / 'said'))}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def kate(tmp_path: Path, project: Path) -> Iterator[Kate]:
    """Kate, with a script open."""
    program = needed("kate")
    for each in ("xdotool", "dbus-run-session"):
        needed(each)
    home, running = tmp_path / "home", tmp_path / "run"
    running.mkdir(mode=0o700)
    configure(home, write_server(tmp_path))
    with screen() as display:
        environment = {**os.environ, "HOME": str(home), "DISPLAY": display, "XDG_RUNTIME_DIR": str(running)}
        environment.pop("XDG_CONFIG_HOME", None)
        command = [shutil.which("dbus-run-session") or "", "--", program, "--new", "--block", "--startanon"]
        log = (tmp_path / "kate.log").open("wb")
        editor = subprocess.Popen([*command, str(project / "train.py")], env=environment, stdout=log, stderr=log)
        try:
            window = xdotool(environment, "search", "--sync", "--onlyvisible", "--name", "train.py").split()[-1]
            xdotool(environment, "windowmove", window, "0", "0")
            xdotool(environment, "windowsize", window, *map(str, SIZE))
            xdotool(environment, "windowfocus", window)
            yield Kate(tmp_path / "said", environment)
            editor.wait(30)
        finally:
            editor.terminate()
            editor.wait(30)
            log.close()


def test_a_quick_fix_from_the_menu(kate: Kate, project: Path, tmp_path: Path) -> None:
    kate.hears(UNSAFE)
    kate.press("ctrl+End", "Up", "End", "alt+Return")
    kate.hears(QUICK_FIX)
    kate.has_windows(2)
    kate.press("Down", "Return")
    kate.has_windows(1)
    kate.press("ctrl+s")
    fixed = SCRIPT.replace(WAIT, "")
    wait(lambda: (project / "train.py").read_text("utf-8") == fixed, "the script without the wait")
    kate.press("ctrl+q")
    wait(lambda: (tmp_path / "ended").exists(), "the end of the server")
