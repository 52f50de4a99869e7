"""The parser that all verbs share: friendly about mistakes, strict about abbreviations."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from greenlint.cli import EXIT_CODES
from greenlint.commands.errors import UsageError

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """Parses the arguments of one verb; raises :class:`UsageError`."""

    def __init__(self, verb: str, description: str, exit_codes: str = EXIT_CODES) -> None:
        super().__init__(
            prog=f"greenlint {verb}",
            description=description,
            epilog=exit_codes,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=34),
            allow_abbrev=False,
        )

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The arguments, flags and paths in any order."""
        namespace, unknown = self.parse_known_intermixed_args(_without_dashes(list(arguments)))
        if unknown:
            self._refuse(unknown[0])
        return namespace

    def _refuse(self, argument: str) -> NoReturn:
        flag = argument.partition("=")[0]
        if not flag.startswith("-"):
            raise UsageError(f"unexpected argument `{argument}`", f"see `{self.prog} --help`")
        from greenlint.config_error import nearest

        guess = nearest(flag, [name for action in self._actions for name in action.option_strings])
        hint = f"did you mean `{guess}`?" if guess is not None else f"see `{self.prog} --help`"
        raise UsageError(f"unknown flag `{flag}`", hint)

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise UsageError(message.removeprefix("argument "), f"see `{self.prog} --help`")


def _without_dashes(arguments: list[str]) -> list[str]:
    """Paths after ``--`` such that argparse, which does not know it where flags and paths mix, sees no flags."""
    if "--" not in arguments:
        return arguments
    at = arguments.index("--")
    paths = [f"./{path}" if path.startswith("-") and path != "-" else path for path in arguments[at + 1 :]]
    return [*arguments[:at], *paths]
