"""What the project asks of its surroundings: library versions, launcher configuration, hardware."""

from __future__ import annotations

import functools
import itertools
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from greenlint.facts.launchers import LauncherConfig, decided, is_launcher, settings_of
from greenlint.facts.requirements import (
    Bounds,
    Statement,
    Version,
    bounds_of,
    included,
    installed,
    is_requirements,
    normal,
    release,
    requirements_of,
)
from greenlint.knowledge.changes import CHANGES
from greenlint.knowledge.distributions import DISTRIBUTIONS, SHELVES
from greenlint.knowledge.launching import FOLDERS
from greenlint.knowledge.signatures import SIGNATURES

if TYPE_CHECKING:
    from greenlint.facts.glance import Glance
    from greenlint.facts.sources import ProjectSources

__all__ = ["Environment", "LauncherConfig"]

_LARGEST = 200_000
"""Characters; longer files are data."""
_LARGEST_LOCK = 4_000_000
_WIDEST = 10_000
"""Characters in a line; longer ones are data, and parsers of TOML take quadratic time for them."""
_MOST_LAUNCHERS = 200
"""Files in one place; where there are more, they are data too."""

Stated = Mapping[str, Sequence[str]]
"""Specifiers by the normal name of a distribution."""


class Environment:
    """Versions, configuration and hardware around one file."""

    of_text: ClassVar[bool] = True

    def __init__(self, glance: Glance) -> None:
        self._glance = glance
        self._around = _Surroundings(glance.sources)
        self._folder = posixpath.dirname(glance.path)

    @property
    def hardware(self) -> str | None:
        """``gpu`` or ``cpu`` when the settings say what the code runs on."""
        said = self._glance.settings.hardware
        if said == "detect":
            return "gpu" if self.accelerators else "cpu"
        return said if said in ("gpu", "cpu") else None

    @property
    def accelerators(self) -> tuple[str, ...]:
        """The accelerators found on this machine, with ``hardware = "detect"``."""
        return self._glance.settings.accelerators

    # -- versions ---------------------------------------------------------------------------------------------

    def at_least(self, package: str, version: str) -> bool | None:
        """Whether the project asks for ``version`` of ``package`` (import name) or later; ``None``: maybe."""
        wanted = release(version)
        answers = {bounds.at_least(wanted) for bounds in self._bounds(package)} - {None}
        return answers.pop() if len(answers) == 1 else None

    def version(self, package: str) -> Version | None:
        """The pinned or locked version of ``package`` (import name)."""
        pins = {bounds.lowest: bounds.exact for bounds in self._bounds(package) if bounds.exact is not None}
        return pins.popitem()[1] if len(pins) == 1 else None

    def default(self, name: str, param: str) -> object:
        """What leaving out ``param`` of the callable ``name`` comes to with the versions the project asks for.

        ``UNKNOWN`` when the default changed and the project allows releases on both sides.
        """
        from greenlint.facts.calls import UNKNOWN

        changes = [each for each in CHANGES if each.name == name and each.param == param]
        for change in reversed(changes):
            newer = self.at_least(change.package, change.since)
            if newer is not False:
                return change.value if newer else UNKNOWN
        if changes:
            return changes[0].before
        signature = SIGNATURES.get(name)
        return signature.defaults.get(param, UNKNOWN) if signature is not None else UNKNOWN

    def _bounds(self, package: str) -> list[Bounds]:
        """What the nearest place that sets bounds for ``package`` says."""
        names = DISTRIBUTIONS.get(package, (normal(package),))
        for stated in self._stated():
            specifiers = (specifier for name in names for specifier in stated.get(name, ()))
            found = [bounds for bounds in map(bounds_of, specifiers) if bounds is not None]
            if found:
                return found
        return []

    def _stated(self) -> Iterator[Stated]:
        """Requirements, nearest first: the file's own, then those of each folder from its own to the project's."""
        yield self._own
        for folder in _upwards(self._folder):
            yield self._around.stated(folder)

    @functools.cached_property
    def _own(self) -> Stated:
        raw = self._glance.text
        if self._glance.is_notebook:
            raw = self._glance.sources.read(self._glance.path) or ""
        return _by_name(installed(raw)) if "install" in raw or "# /// script" in raw else {}

    # -- configuration ----------------------------------------------------------------------------------------

    @property
    def launcher(self) -> LauncherConfig:
        """What configuration files and launch scripts near the file decide."""
        found = LauncherConfig()
        for folder in _upwards(self._folder):
            found |= self._around.launcher(folder)
        return found

    def mentions(self, topic: str) -> bool:
        """Whether configuration near the file decides on ``precision``, ``device`` or ``workers``."""
        return topic in self.launcher.topics


class _Surroundings:
    """The requirement and configuration files of one project by the folder they are about, each read once."""

    def __init__(self, sources: ProjectSources) -> None:
        self._sources = sources
        self._memo = sources.shared()

    def stated(self, folder: str) -> Stated:
        """What the requirement files of a folder ask for."""
        key = (Environment, "requirements", folder)
        if key not in self._memo:
            paths = [*self._index["requirements"].get(folder, ()), posixpath.join(folder, "setup.py")]
            self._memo[key] = _by_name(self._statements(paths))
        return cast("Stated", self._memo[key])

    def _statements(self, paths: list[str]) -> Iterator[Statement]:
        seen: set[str] = set()
        while paths:
            path = paths.pop()
            if path in seen:
                continue
            seen.add(path)
            text = self._text(path, _LARGEST_LOCK if path.endswith(".lock") else _LARGEST)
            if text is not None:
                yield from requirements_of(path, text)
                paths.extend(included(path, text))

    def launcher(self, folder: str) -> LauncherConfig:
        """What the configuration files of a folder decide."""
        key = (Environment, "launcher", folder)
        if key not in self._memo:
            found = LauncherConfig()
            for path in itertools.islice(self._index["launcher"].get(folder, ()), _MOST_LAUNCHERS):
                text = self._text(path, _LARGEST)
                found |= decided(settings_of(path, text)) if text is not None else LauncherConfig()
            self._memo[key] = found
        return cast("LauncherConfig", self._memo[key])

    def _text(self, path: str, largest: int) -> str | None:
        text = self._sources.read(path)
        if text is None or len(text) > largest:
            return None
        return text if all(len(line) <= _WIDEST for line in text.split("\n")) else None

    @property
    def _index(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        key = (Environment, "index")
        if key not in self._memo:
            self._memo[key] = _index(self._sources.config_files())
        return cast("Mapping[str, Mapping[str, Sequence[str]]]", self._memo[key])


def _index(paths: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Requirement and configuration files by the folder that they are about."""
    found: dict[str, dict[str, list[str]]] = {"requirements": {}, "launcher": {}}
    for path in paths:
        folder = posixpath.dirname(path)
        if is_requirements(path):
            above, _, last = folder.rpartition("/")
            found["requirements"].setdefault(above if last.lower() in SHELVES else folder, []).append(path)
            continue
        about = _configured(folder)
        if is_launcher(path, settled=about != folder):
            found["launcher"].setdefault(about, []).append(path)
    return found


def _configured(folder: str) -> str:
    """The folder whose code the files of ``folder`` configure: the one above the outermost folder for configuration."""
    parts = folder.split("/")
    for index, part in enumerate(parts):
        if part.lower() in FOLDERS:
            return "/".join(parts[:index])
    return folder


def _upwards(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _by_name(statements: Iterator[Statement]) -> Stated:
    found: dict[str, list[str]] = {}
    for name, specifier in statements:
        found.setdefault(name, []).append(specifier)
    return found
