"""``greenlint init``: write a commented configuration."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Preview or write the configuration."""
    parser = Parser("init", "write a commented configuration into pyproject.toml, else into greenlint.toml")
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where the project is [.]")
    parser.add_argument("--standalone", action="store_true", help="write greenlint.toml in any case")
    parser.add_argument("--diff", action="store_true", help="print what would be added, and write nothing")
    given = parser.parse(arguments)

    from greenlint.scaffold import ScaffoldError, plan_init, write

    folder = Path(given.folder)
    if not folder.is_dir():
        raise UsageError(f"no such folder: `{folder}`")
    try:
        change = plan_init(folder, standalone=given.standalone)
        if given.diff:
            sys.stdout.write(change.added)
            return 0
        write(change)
    except ScaffoldError as error:
        raise UsageError(str(error)) from None
    sys.stdout.write(f"{'wrote' if change.created else 'added [tool.greenlint] to'} {change.path}\n")
    return 0
