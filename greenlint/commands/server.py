"""``greenlint server``: the language server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Serve until the editor ends it."""
    parser = Parser("server", "answer an editor over the Language Server Protocol")
    parser.add_argument("--stdio", action="store_true", help="use standard input and output, as without flags")
    parser.add_argument("--tcp", action="store_true", help="wait for one editor on a port instead")
    parser.add_argument("--host", default="127.0.0.1", help="the address to wait at [127.0.0.1]")
    parser.add_argument("--port", type=int, default=2087, help="the port to wait on [2087]")
    given = parser.parse(arguments)
    try:
        from greenlint.lsp.features import create_server
    except ModuleNotFoundError as error:
        if error.name not in ("pygls", "lsprotocol"):
            raise
        hint = "install greenlint with its extra: `pip install 'greenlint-ml[lsp]'`"
        raise UsageError(f"the language server needs the package {error.name}", hint) from None
    server = create_server()
    server.collector.start()
    if given.tcp:
        server.start_tcp(given.host, given.port)
    else:
        server.start_io()
    if sys.stdout.closed:
        # The server closes what it wrote to; the interpreter flushes it once more.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    return 0
