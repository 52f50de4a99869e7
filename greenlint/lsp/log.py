"""What the server does, told to the editor: messages for its log, and every step where it asks for a trace.

Never what pygls logs: it logs what it sends, and that would be sent, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lsprotocol import types

from greenlint.lsp.documents import Opened, Outcome
from greenlint.lsp.settings import LogLevel
from greenlint.output.lines import count

if TYPE_CHECKING:
    from greenlint.lsp.server import GreenlintServer

__all__ = ["Log"]

_LEVELS = list(LogLevel)
_KINDS = {
    LogLevel.ERROR: types.MessageType.Error,
    LogLevel.WARN: types.MessageType.Warning,
    LogLevel.INFO: types.MessageType.Info,
    # `Debug` is newer than most editors.
    LogLevel.DEBUG: types.MessageType.Log,
}


class Log:
    """Belongs to the thread that speaks to the editor."""

    def __init__(self, server: GreenlintServer) -> None:
        self._server = server

    def error(self, message: str) -> None:
        """Something went wrong that is nobody's wish."""
        self._write(LogLevel.ERROR, message)

    def warn(self, message: str) -> None:
        """Something should be changed although it works."""
        self._write(LogLevel.WARN, message)

    def info(self, message: str) -> None:
        """What a user may want to know without looking for a fault."""
        self._write(LogLevel.INFO, message)

    def step(self, message: str, details: str = "") -> None:
        """One of the many things that are done; ``details`` are for editors that want a verbose trace."""
        self._write(LogLevel.DEBUG, message)
        trace = self._server.protocol.trace
        if trace is not types.TraceValue.Off:
            verbose = details if trace is types.TraceValue.Verbose and details else None
            self._server.log_trace(types.LogTraceParams(message, verbose))

    def checked(self, opened: Opened, outcome: Outcome, why: str) -> None:
        """A document was checked."""
        course = outcome.course
        if course.configuration not in ("", opened.configuration):
            opened.configuration = course.configuration
            self.info(f"{opened.name}: {course.configuration}")
        for failure in _failures(outcome):
            self.error(f"{opened.name}: {failure}")
        said = f"{opened.name}: checked in {1000 * course.seconds:.0f} ms ({why}): {_found(outcome)}"
        self.step(said, "\n".join(_details(outcome)))

    def dropped(self, opened: Opened) -> None:
        """A document was not checked as it was asked to be."""
        self.step(f"{opened.name}: not checked, for it was edited again or closed")

    def _write(self, level: LogLevel, message: str) -> None:
        if _LEVELS.index(level) <= _LEVELS.index(self._server.settings.log_level):
            self._server.window_log_message(types.LogMessageParams(_KINDS[level], message))


def _failures(outcome: Outcome) -> Iterator[str]:
    if outcome.course.failure:
        yield outcome.course.failure
    for crash in outcome.result.crashes:
        yield f"rule `{crash.rule}` crashed: {crash.traceback or crash.error}"


def _found(outcome: Outcome) -> str:
    result = outcome.result
    if outcome.error is not None:
        return outcome.error
    if result.skipped is not None:
        return result.skipped
    if outcome.examined.document is None and not result.problems:
        return "no rule has to do with its words"
    parts = [count(len(result.findings), "finding")]
    if result.suppressed:
        parts.append(f"{len(result.suppressed)} suppressed")
    if result.problems:
        parts.append(count(len(result.problems), "problem"))
    return ", ".join(parts)


def _details(outcome: Outcome) -> Iterator[str]:
    course = outcome.course
    yield f"{count(len(outcome.data), 'byte')}, after {1000 * course.waited:.0f} ms in the queue"
    if course.configuration:
        yield course.configuration
    for rule, times in sorted(Counter(each.rule for each in outcome.result.findings).items()):
        yield f"{rule}: {times}"
