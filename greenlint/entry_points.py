"""Entry points of one group, read from the metadata of installed distributions.

``importlib.metadata`` answers the same question, but its import and its parsing of every distribution take longer
than a cached run in an environment with some hundred packages. It is asked where this module cannot look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

__all__ = ["entry_points"]


def entry_points(group: str, path: Sequence[str]) -> dict[str, str]:
    """The importable names in a group, each with the name of its entry point; ``path`` is ``sys.path``."""
    folders = [folder or os.curdir for folder in path]
    if any(os.path.isfile(folder) for folder in folders):  # noqa: PTH113 - a program packed into one file
        return _asked(group)
    found: dict[str, str] = {}
    seen: set[str] = set()
    for folder in folders:
        for project, metadata in _distributions(folder):
            # As for imports, of two distributions of one project the first on the path counts.
            if project not in seen:
                seen.add(project)
                found.update(_read(metadata, group))
    return found or _asked(group)


def _distributions(folder: str) -> Iterator[tuple[str, str]]:
    """The projects with metadata in a folder, in a fixed order."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - a folder of hundreds of packages
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            project = name.rpartition(".")[0].partition("-")[0].casefold()
            yield project.replace("_", "-").replace(".", "-"), f"{folder}{os.sep}{name}"


def _read(metadata: str, group: str) -> Iterator[tuple[str, str]]:
    try:
        with open(f"{metadata}{os.sep}entry_points.txt", "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError:
        return
    if group.encode() not in data:
        return
    section = ""
    for line in map(str.strip, data.decode("utf-8", "replace").splitlines()):
        name, equals, value = line.partition("=")
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == group and equals and not line.startswith(("#", ";")):
            yield _importable(value), name.strip()


def _asked(group: str) -> dict[str, str]:
    from importlib import metadata

    return {_importable(each.value): each.name for each in metadata.entry_points(group=group)}


def _importable(value: str) -> str:
    """The module of ``module:attribute [extra]``."""
    return value.partition("[")[0].partition(":")[0].strip()
