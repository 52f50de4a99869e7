"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

__all__ = ["obstacle", "write_whole"]


def write_whole(file: Path, data: bytes) -> None:
    """Put ``data`` in the place of what a file holds; raises ``OSError``.

    A link stays a link, and a file keeps its mode. What is no file, such as a pipe or ``/dev/null``, is written to.
    """
    mode = _mode(file)
    if mode is not None and not stat.S_ISREG(mode):
        file.write_bytes(data)
        return
    target = Path(os.path.realpath(file))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def obstacle(file: Path) -> str | None:
    """Why a file can surely not be written, if so; to ask before long work."""
    mode, target = _mode(file), Path(os.path.realpath(file))
    if mode is not None and stat.S_ISDIR(mode):
        return "is a folder"
    if mode is not None and not stat.S_ISREG(mode):
        return None
    if not target.parent.is_dir():
        return f"there is no folder {file.parent}"
    return None if os.access(target.parent, os.W_OK) else f"the folder {file.parent} is read-only"


def _mode(file: Path) -> int | None:
    try:
        return file.stat().st_mode
    except OSError:
        return None
