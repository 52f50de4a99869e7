"""What ``.gitignore``, ``.git/info/exclude`` and ``.greenlintignore`` leave out, folder by folder."""
# Asked for every folder of a tree.
# ruff: noqa: PTH113, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from greenlint.gitignore import IgnorePatterns
from greenlint.patterns import relative

__all__ = ["IGNORE_NAMES", "Ignores", "IgnoresReader"]

GIT_IGNORE = ".gitignore"
OWN_IGNORE = ".greenlintignore"
IGNORE_NAMES = frozenset({".git", GIT_IGNORE, OWN_IGNORE})
"""The entries of a folder that may say what is left out."""


@dataclass(frozen=True, slots=True)
class Ignores:
    """The patterns of one ignore file, and those of the files above it."""

    base: str
    """The absolute folder the patterns are relative to, ending in a separator."""
    shown: str
    """The name of the file, for reasons."""
    patterns: IgnorePatterns
    outer: Ignores | None

    def reason(self, absolute: str, *, folder: bool) -> str | None:
        """Why an entry is left out, by the innermost pattern that speaks of it; ``None`` when it is not."""
        level: Ignores | None = self
        while level is not None:
            path = absolute[len(level.base) :]
            path = path if os.sep == "/" else path.replace(os.sep, "/")
            verdict = level.patterns.verdict(path, folder=folder)
            if verdict is not None:
                return f"ignored by {level.shown}" if verdict else None
            level = level.outer
        return None

    def without_those_ignoring(self, folder: str) -> Ignores | None:
        """The same without the files that would leave out ``folder`` itself, which a user has asked for."""
        outer = self.outer.without_those_ignoring(folder) if self.outer is not None else None
        if Ignores(self.base, self.shown, self.patterns, None).reason(folder, folder=True) is not None:
            return outer
        return Ignores(self.base, self.shown, self.patterns, outer)


class IgnoresReader:
    """Reads ignore files below a project's root. With ``git=False`` only ``.greenlintignore`` counts."""

    def __init__(self, *, git: bool, root: str) -> None:
        self._git = git
        self._root = root
        self._within: dict[str, Ignores | None] = {}
        self._read: dict[str, IgnorePatterns | None] = {}

    def above(self, folder: str) -> Ignores | None:
        """What holds in a folder because of the folders above it, up to its repository, else to the root."""
        chain: Ignores | None = None
        for each in reversed(_above(folder, self._root)):
            chain = self.entering(each, chain)
        return chain

    def within(self, folder: str) -> Ignores | None:
        """What holds for the entries of a folder."""
        if folder not in self._within:
            self._within[folder] = self.entering(folder, self.above(folder))
        return self._within[folder]

    def entering(self, folder: str, outer: Ignores | None, names: frozenset[str] = IGNORE_NAMES) -> Ignores | None:
        """``outer`` with the ignore files of ``folder`` added; ``names`` are its entries that may matter."""
        chain = outer
        for path, shown in self._files(folder, names):
            if path not in self._read:
                self._read[path] = _patterns(path)
            patterns = self._read[path]
            if patterns is not None:
                chain = Ignores(folder.rstrip(os.sep) + os.sep, shown, patterns, chain)
        return chain

    def _files(self, folder: str, names: frozenset[str]) -> Iterator[tuple[str, str]]:
        """The ignore files of a folder, the weakest first."""
        if self._git and ".git" in names:
            yield from _info_exclude(folder)
        if self._git and GIT_IGNORE in names:
            yield os.path.join(folder, GIT_IGNORE), GIT_IGNORE
        if OWN_IGNORE in names:
            yield os.path.join(folder, OWN_IGNORE), OWN_IGNORE


def _above(folder: str, root: str) -> list[str]:
    """The folders above ``folder`` in its repository, nearest first; without one, those below ``root``."""
    above: list[str] = []
    current = folder
    while not os.path.lexists(os.path.join(current, ".git")):
        parent = os.path.dirname(current)
        if parent == current:
            return [each for each in above if relative(each, root) is not None]
        above.append(parent)
        current = parent
    return above


def _info_exclude(folder: str) -> Iterator[tuple[str, str]]:
    git = os.path.join(folder, ".git")
    if not os.path.lexists(git):
        return
    if os.path.isfile(git):
        git = _common_git_folder(folder, git)
    yield os.path.join(git, "info", "exclude"), ".git/info/exclude"


def _common_git_folder(folder: str, git: str) -> str:
    """The repository's folder behind the ``.git`` file of a worktree or submodule."""
    pointer = _first_line(git)
    if not pointer.startswith("gitdir:"):
        return git
    own = os.path.join(folder, pointer.removeprefix("gitdir:").strip())
    common = _first_line(os.path.join(own, "commondir"))
    return os.path.join(own, common) if common else own


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "surrogateescape").partition("\n")[0].strip()
    except OSError:
        return ""


def _patterns(path: str) -> IgnorePatterns | None:
    try:
        patterns = IgnorePatterns(Path(path).read_bytes().decode("utf-8-sig", "surrogateescape"))
    except OSError:
        return None
    return patterns if patterns else None
