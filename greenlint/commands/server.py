"""``greenlint server``: the language server."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO, NoReturn

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

__all__ = ["run"]

_EXIT_CODES = """\
exit codes:
  0    the editor said goodbye
  1    the editor left without a word
  2    wrong usage, or nothing to listen to
  130  interrupted; 143, 129 the same by SIGTERM, SIGHUP
"""
_LAST_PORT = 65535
_SIGNALLED = 128
"""Exit codes count signals from here, as those of shells do."""


def run(arguments: Sequence[str]) -> int:
    """Serve until the editor ends it, and the process with it; exit code 1 when it does so without a word before."""
    parser = Parser("server", "answer an editor over the Language Server Protocol", _EXIT_CODES)
    parser.add_argument("--stdio", action="store_true", help="use standard input and output, as without flags")
    parser.add_argument("--tcp", action="store_true", help="wait for one editor on a port instead")
    parser.add_argument("--host", default="127.0.0.1", help="the address to wait at [127.0.0.1]")
    parser.add_argument("--port", type=int, default=2087, help="the port to wait on [2087]")
    given = parser.parse(arguments)
    if not 0 <= given.port <= _LAST_PORT:
        raise UsageError(f"there is no port {given.port}", f"ports go up to {_LAST_PORT}")
    try:
        from greenlint.lsp.features import create_server
    except ModuleNotFoundError as error:
        if error.name not in ("pygls", "lsprotocol"):
            raise
        hint = "install greenlint with its extra `lsp`, such as `pip install '.[lsp]'` in a clone"
        raise UsageError(f"the language server needs the package {error.name}", hint) from None
    from greenlint.lsp.conversation import CannotListenError, over_port, over_streams, until_signal

    if not given.tcp and sys.stdin is None:
        raise UsageError("there is no standard input for an editor to write to", "`--tcp` waits at a port instead")
    server = create_server()
    server.collector.start()
    try:
        speak = over_port(server, given.host, given.port) if given.tcp else over_streams(server, *_own_streams())
        number = until_signal(speak)
    except CannotListenError as error:
        raise UsageError(str(error)) from None
    finally:
        # An editor may vanish without a word.
        server.end()
    server.settle()
    _leave(_SIGNALLED + number if number is not None else 0 if server.is_shut_down else 1)


def _leave(code: int) -> NoReturn:
    """End the process, whatever its threads are doing.

    A check cannot be interrupted, and the interpreter would wait for it, while nobody wants to know what comes of it.
    What it may be writing are cached results, which take the place of older ones in one step; everything else was
    written before.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """What the editor writes and what it reads, for the server alone.

    What rules of a project print goes to standard error, and they find nothing to read: one word between two messages
    would end the conversation.
    """
    streams = os.fdopen(os.dup(sys.stdin.fileno()), "rb"), os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return streams
