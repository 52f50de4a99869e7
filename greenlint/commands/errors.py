"""What users see when a command cannot do its work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

__all__ = ["UsageError", "fail", "run_guarded", "warn"]


class UsageError(Exception):
    """A command that cannot be carried out as given; ``str()`` is the message."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def run_guarded(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """``run(arguments)``, with expected failures told on standard error and turned into exit code 2."""
    try:
        return run(arguments)
    except UsageError as error:
        return fail(str(error), error.hint)
    except Exception as error:
        from greenlint.config_error import ConfigError
        from greenlint.registry import NoRulePackagesError

        if isinstance(error, ConfigError | NoRulePackagesError):
            return fail(str(error))
        if isinstance(error, BrokenPipeError):
            raise
        if isinstance(error, OSError):
            return fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return _internal(error)


def fail(message: str, hint: str | None = None) -> int:
    """Tell what is wrong; exit code 2."""
    sys.stdout.flush()
    sys.stderr.write(f"error: {_shown(message)}\n")
    if hint is not None:
        sys.stderr.write(f"help: {_shown(hint)}\n")
    return 2


def warn(message: str) -> None:
    """Tell what should be known but stops nothing."""
    sys.stderr.write(f"warning: {_shown(message)}\n")


def _shown(message: str) -> str:
    """``message`` on as many lines as it has, such as those of a traceback."""
    from greenlint.output.terminal import visible

    return "\n".join(map(visible, message.split("\n")))


def _internal(error: Exception) -> int:
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}:{last.lineno}"
    message = f"internal error: {type(error).__name__}: {error} ({place})"
    return fail(message, "please report this together with the output of `greenlint debug`")
