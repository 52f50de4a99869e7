"""The conversation with one editor, over streams or a port, from its beginning until that or a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO

from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async

if TYPE_CHECKING:
    from pygls.io_ import AsyncReader

    from greenlint.lsp.server import GreenlintServer

__all__ = ["CannotListenError", "over_port", "over_streams", "until_signal"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
"""What asks for the end; not every system has all of them."""


class CannotListenError(Exception):
    """An address that is not to be had; ``str()`` says why."""


async def over_streams(server: GreenlintServer, stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Speak to the editor that has started the server."""
    server.protocol.set_writer(StdoutWriter(stdout))
    await _listen(server, StdinAsyncReader(stdin, server.thread_pool))


async def over_port(server: GreenlintServer, host: str, port: int) -> None:
    """Speak to the first editor that connects; others are refused from then on.

    Raises :class:`CannotListenError`.
    """
    streams: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    streams = asyncio.get_running_loop().create_future()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if streams.done():
            writer.close()
        else:
            streams.set_result((reader, writer))

    try:
        waiting = await asyncio.start_server(connected, host, port)
    except OSError as error:
        # What asyncio says is a sentence around the reason.
        reason = (os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)).lower()
        raise CannotListenError(f"cannot listen at {host} port {port}: {reason}") from None
    _tell_where(waiting)
    reader, writer = await streams
    waiting.close()
    server.protocol.set_writer(writer)
    try:
        # Where the connection is lost, perhaps amid a message, nobody is left to be told.
        with contextlib.suppress(OSError, EOFError):
            await _listen(server, reader)
    finally:
        writer.close()


def _tell_where(waiting: asyncio.Server) -> None:
    """Whoever has started the server by hand, or has asked for any free port, must know."""
    places = " and ".join("{} port {}".format(*each.getsockname()) for each in waiting.sockets)
    sys.stderr.write(f"greenlint: waiting for an editor at {places}\n")
    sys.stderr.flush()


async def _listen(server: GreenlintServer, reader: AsyncReader) -> None:
    stop = Event()
    server.protocol.stop = stop.set
    await run_async(stop, reader, server.protocol, error_handler=server.report_server_error)


def until_signal(conversation: Coroutine[Any, Any, None]) -> int | None:
    """Run a conversation to its end; the number of the signal that ended it, if one did."""
    came: list[int] = []

    async def run() -> None:
        task, loop = asyncio.ensure_future(conversation), asyncio.get_running_loop()

        def stop(number: int, _: FrameType | None) -> None:
            # The second one need not wait for anything.
            signal.signal(number, signal.SIG_DFL)
            came.append(number)
            # The loop may have ended just now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

        _handle_signals(stop)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    asyncio.run(run())
    return came[0] if came else None


def _handle_signals(stop: Callable[[int, FrameType | None], None]) -> None:
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # What the parent has had ignored stays so: ``nohup`` does that.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
