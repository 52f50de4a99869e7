"""What the tests of the server share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.editor import Editor
from tests.lsp.servers import forking, server_command


@pytest.fixture(scope="session", autouse=True)
def _servers_are_forked() -> Iterator[None]:
    with forking():
        yield


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    editor = Editor(tmp_path, server_command())
    yield editor
    editor.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Editor]:
    """Speaks to a server started as users start it, whose beginning and end are not those of a fork."""
    editor = Editor(tmp_path, [sys.executable, "-m", "greenlint", "server"])
    yield editor
    editor.close()
