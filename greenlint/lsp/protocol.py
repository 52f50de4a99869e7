"""The protocol of pygls with what it leaves open: an answer to every request, lines as clients count them, no leaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.protocol.json_rpc import RPCMessage, RPCRequest

from greenlint.lsp.texts import Texts

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.io_ import AsyncWriter, Writer

    from greenlint.lsp.server import GreenlintServer

__all__ = ["Protocol"]

_TRACES = {**{each.value: each for each in types.TraceValue}, "compact": types.TraceValue.Verbose}


class _Outgoing:
    """What the editor reads from: takes everything, and nothing more once nobody listens.

    pygls reports what it cannot send to the editor, which cannot be sent either, and so on.
    """

    def __init__(self, writer: AsyncWriter | Writer) -> None:
        self._writer = writer
        self.is_dead = False

    def write(self, data: bytes) -> Any:
        """Send a message, if there is somebody to send it to."""
        self.is_dead = self.is_dead or _is_cut(self._writer)
        if self.is_dead:
            return None
        try:
            return self._writer.write(data)
        except (OSError, ValueError):
            # A pipe that the other end has closed, or that this one has.
            self.is_dead = True
            return None

    def close(self) -> Any:
        """Send nothing any more."""
        self.is_dead = True
        try:
            return self._writer.close()
        except OSError:
            return None


def _is_cut(writer: AsyncWriter | Writer) -> bool:
    """Whether a connection has ended: asyncio warns of what is written to such a one."""
    return isinstance(writer, asyncio.StreamWriter) and writer.is_closing()


class Protocol(LanguageServerProtocol):
    """What speaks to the editor."""

    _server: GreenlintServer

    def __init__(self, server: GreenlintServer, converter: Converter) -> None:
        super().__init__(server, converter)
        # VS Code's client knows a value more than the protocol: its start must not fail for that.
        converter.register_structure_hook(types.TraceValue, lambda value, _: _TRACES.get(value, types.TraceValue.Off))
        self._asked: dict[str | int, str] = {}
        """The methods of requests that are being answered."""
        self.stop: Callable[[], None] = lambda: None
        """Has no more messages read."""

    def set_writer(self, writer: AsyncWriter | Writer, include_headers: bool = True) -> None:
        """Send to ``writer``, as long as somebody listens."""
        super().set_writer(_Outgoing(writer), include_headers)

    @property
    def is_shut_down(self) -> bool:
        """Whether the editor has said that it will end."""
        return self._shutdown

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message as an object; whoever sent a request that is none is told so, and waits no longer."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], None, error.to_response_error())
            raise

    def handle_message(self, message: RPCMessage) -> None:
        """Refuse requests that come too early or too late; pygls would not answer those."""
        refusal = self._refusal(message) if isinstance(message, RPCRequest) else None
        if self._shutdown and refusal is None and getattr(message, "method", None) != types.EXIT:
            # Nothing but the end counts now; pygls would complain on standard error.
            return
        if refusal is not None:
            self._send_response(message.id, None, refusal)  # type: ignore[union-attr]
        else:
            super().handle_message(message)
            self._remember(message)

    def _remember(self, message: RPCMessage) -> None:
        future = self._request_futures.get(message.id) if isinstance(message, RPCRequest) else None
        if future is not None:
            number = message.id  # type: ignore[union-attr]
            self._asked[number] = message.method  # type: ignore[union-attr]
            future.add_done_callback(lambda _: self._asked.pop(number, None))

    def _handle_cancel_notification(self, msg_id: str | int) -> None:
        """Tell what was cancelled; of what was answered meanwhile there is nothing to tell."""
        if msg_id not in self._request_futures:
            return
        self._server.log.step(f"{self._asked.get(msg_id, 'a request')} ({msg_id}) was cancelled")
        super()._handle_cancel_notification(msg_id)

    def _refusal(self, request: RPCRequest) -> types.ResponseError | None:
        if self._shutdown:
            return types.ResponseError(types.ErrorCodes.InvalidRequest, "the server was shut down")
        if self._workspace is None and request.method != types.INITIALIZE:
            return types.ResponseError(types.ErrorCodes.ServerNotInitialized, "the server is not initialized yet")
        return None

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Keep texts in a workspace of our own."""
        self.trace = params.trace or types.TraceValue.Off
        steps = super().lsp_initialize(params)
        handler = next(steps)
        self._workspace = Texts.of(self.workspace)
        handled = yield handler
        try:
            steps.send(handled)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        raise AssertionError("pygls asks no second handler")

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *arguments: Any) -> Generator[Any, Any, None]:
        """Cancel what is under way: pygls does so while it counts it, and stumbles over what vanishes."""
        for number, future in list(self._request_futures.items()):
            if number != self.msg_id:
                future.cancel()
        return (yield from super().lsp_shutdown(*arguments))

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> Generator[Any, Any, None]:
        """Read no more; pygls leaves by an exception, of which asyncio tells."""
        yield from ()
        self.stop()
        if self.writer is not None:
            self.writer.close()

    def _run_generator(
        self, future: Future[Any] | None, *, gen: Generator[Any, Any, Any], result_future: Future[Any]
    ) -> None:
        """Let what waits for a handler be cancelled with it: pygls stumbles over that, and no answer is sent."""
        if future is None or not future.cancelled():
            super()._run_generator(future, gen=gen, result_future=result_future)
            return
        gen.close()
        result_future.cancel()

    def _execute_handler(self, msg_id: Any, *arguments: Any, **keywords: Any) -> None:
        """Let go of the futures of notifications, and of the handlers of pygls' own ones, when they are done.

        pygls 2.1 forgets those of requests only: with each keystroke the server would grow.
        """
        super()._execute_handler(msg_id, *arguments, **keywords)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))
