"""``python -m greenlint`` and the ``greenlint`` script."""

from __future__ import annotations

import sys

from greenlint.cli import main as run

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
