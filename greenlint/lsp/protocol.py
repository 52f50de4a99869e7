"""The protocol of pygls, without what it keeps of each message for ever."""

from __future__ import annotations

from typing import Any

from pygls.protocol import LanguageServerProtocol

__all__ = ["Protocol"]


class Protocol(LanguageServerProtocol):
    """Lets go of the futures of notifications, and of the handlers of its own ones, when they are done.

    pygls 2.1 forgets those of requests only: with each keystroke the server would grow.
    """

    def _execute_handler(self, msg_id: Any, *arguments: Any, **keywords: Any) -> None:
        super()._execute_handler(msg_id, *arguments, **keywords)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))
