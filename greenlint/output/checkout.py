"""Paths as a CI system knows them: relative to the folder that it checked out, wherever in it greenlint runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from greenlint.results import PlacedFinding, RunResult

__all__ = ["in_checkout"]

_FOLDERS = {
    "GITHUB_ACTIONS": "GITHUB_WORKSPACE",
    "GITLAB_CI": "CI_PROJECT_DIR",
    "TF_BUILD": "BUILD_REPOSITORY_LOCALPATH",
}
"""What says that a system runs this process, and where that system says what it checked out."""


def in_checkout(result: RunResult, environment: Mapping[str, str], here: Path) -> RunResult:
    """``result``, its paths relative to the checkout in place of ``here``; unchanged where no CI system tells of it."""
    named = [folder for system, folder in _FOLDERS.items() if environment.get(system, "").lower() == "true"]
    folders = [Path(environment[name]).resolve() for name in named if environment.get(name)]
    if not folders:
        return result
    paths = _Paths(folders[0], here.resolve())
    return result._replace(
        files=tuple(
            replace(
                file,
                path=paths.moved(file.path),
                findings=tuple(map(paths.finding, file.findings)),
                suppressed=tuple(map(paths.finding, file.suppressed)),
            )
            for file in result.files
        )
    )


class _Paths:
    def __init__(self, checkout: Path, here: Path) -> None:
        self._checkout, self._here = checkout, here

    def moved(self, path: str) -> str:
        full = Path(os.path.normpath(self._here / path))
        return full.relative_to(self._checkout).as_posix() if full.is_relative_to(self._checkout) else path

    def finding(self, finding: PlacedFinding) -> PlacedFinding:
        related = (each if each.path is None else each._replace(path=self.moved(each.path)) for each in finding.related)
        return finding._replace(related=tuple(related)) if finding.related else finding
