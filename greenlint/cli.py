"""The command line: finds the verb, hands over to its module, and turns what goes wrong into an exit code.

Start-up counts: only what the verb needs is imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from greenlint.version import __version__

__all__ = ["EXIT_CODES", "VERBS", "main"]

VERBS = {
    "check": ("greenlint.commands.check", "find wasteful code (the verb to leave out)"),
    "rule": ("greenlint.commands.rule", "explain a rule, a category or all rules"),
    "explain": ("greenlint.commands.rule", "the same as `rule`"),
    "config": ("greenlint.commands.config", "list and explain the configuration keys"),
    "baseline": ("greenlint.commands.baseline", "live with the findings there are, and see new ones only"),
    "init": ("greenlint.commands.init", "write a commented configuration"),
    "test": ("greenlint.commands.test", "run the examples of rules as tests"),
    "new-rule": ("greenlint.commands.new_rule", "start a rule of your own"),
    "server": ("greenlint.commands.server", "answer an editor over the Language Server Protocol"),
    "clean": ("greenlint.commands.clean", "remove cached results"),
    "debug": ("greenlint.commands.debug", "print what a bug report should hold"),
    "version": ("", "print the version"),
}

EXIT_CODES = """\
exit codes:
  0  no finding at or above the fail level
  1  findings
  2  wrong usage or configuration, or a path that does not exist
  3  with --strict: a file could not be analysed, or a rule crashed
"""

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Never raises for what a user, a file or a plug-in does."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return _BROKEN_PIPE
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    return code


def _dispatch(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first in ("--version", "-V", "version"):
        sys.stdout.write(f"greenlint {__version__}\n")
        return 0
    if first in ("--help", "-h", "help"):
        return _help(arguments[1:])
    verb, rest = (first, arguments[1:]) if first in VERBS else ("check", arguments)

    from greenlint.commands.errors import run_guarded

    return run_guarded(importlib.import_module(VERBS[verb][0]).run, rest)


def _help(arguments: list[str]) -> int:
    if arguments and arguments[0] in VERBS and VERBS[arguments[0]][0]:
        return _dispatch([arguments[0], "--help"])
    width = max(map(len, VERBS))
    verbs = "".join(f"  {verb:<{width}}  {summary}\n" for verb, (_, summary) in VERBS.items())
    sys.stdout.write(
        "greenlint finds machine-learning code that wastes energy\n\n"
        "usage: greenlint [VERB] [OPTIONS] [PATHS]\n\n"
        f"verbs:\n{verbs}\n"
        "`greenlint PATH` checks a file or folder, `greenlint VERB --help` explains a verb\n\n"
        f"{EXIT_CODES}"
    )
    return 0


def _open_closed_streams() -> None:
    """Let what is written to a stream that the shell has closed go nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123


def _discard_output() -> None:
    """Let the interpreter's last flush go nowhere: whoever read the output has left."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        return
