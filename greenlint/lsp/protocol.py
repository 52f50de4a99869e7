"""The protocol of pygls with what it leaves open: an answer to every request, lines as clients count them, no leaks."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.protocol.json_rpc import RPCMessage, RPCRequest

from greenlint.lsp.texts import Texts

__all__ = ["Protocol"]


class Protocol(LanguageServerProtocol):
    """What speaks to the editor."""

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
        if refusal is not None:
            self._send_response(message.id, None, refusal)  # type: ignore[union-attr]
        else:
            super().handle_message(message)

    def _refusal(self, request: RPCRequest) -> types.ResponseError | None:
        if self._shutdown:
            return types.ResponseError(types.ErrorCodes.InvalidRequest, "the server was shut down")
        if self._workspace is None and request.method != types.INITIALIZE:
            return types.ResponseError(types.ErrorCodes.ServerNotInitialized, "the server is not initialized yet")
        return None

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Keep texts in a workspace of our own."""
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

    def _execute_handler(self, msg_id: Any, *arguments: Any, **keywords: Any) -> None:
        """Let go of the futures of notifications, and of the handlers of pygls' own ones, when they are done.

        pygls 2.1 forgets those of requests only: with each keystroke the server would grow.
        """
        super()._execute_handler(msg_id, *arguments, **keywords)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))
