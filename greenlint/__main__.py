"""``python -m greenlint`` and the ``greenlint`` script."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    from greenlint.cli import main as run

    sys.exit(run(sys.argv[1:]))


def _leave_out_working_directory() -> None:
    """``python -m`` looks for modules there first, and a project's ``queue.py`` would stand in for Python's own."""
    if not getattr(sys.flags, "safe_path", False) and sys.path[:1] in ([""], [os.getcwd()]):  # noqa: PTH109
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_working_directory()
    main()
