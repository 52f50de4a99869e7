"""``greenlint clean``: remove cached results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Remove the cache of each given project."""
    parser = Parser("clean", "remove cached results")
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="files or folders of projects [.]")
    parser.add_argument("--cache-dir", metavar="FOLDER", help="where results are kept")
    given = parser.parse(arguments)

    from greenlint.cache import clean
    from greenlint.session import Session

    missing = [path for path in given.paths if not Path(path).exists()]
    if missing:
        raise UsageError(f"no such file or folder: `{missing[0]}`")
    session = Session(flags={"cache-dir": given.cache_dir})
    folders = dict.fromkeys(session.settings_near(path).cache_dir for path in given.paths)
    for folder in folders:
        sys.stdout.write(f"removed {folder}\n" if clean(folder) else f"nothing cached in {folder}\n")
    return 0
