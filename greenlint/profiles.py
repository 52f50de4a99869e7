"""Settings turned into what files are checked with, and the key under which their results are cached."""

from __future__ import annotations

import datetime
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from greenlint.batch import Profile
from greenlint.cache import digest
from greenlint.facts.sources import RunSettings
from greenlint.version import __version__

if TYPE_CHECKING:
    from greenlint.registry import Registry
    from greenlint.settings import Settings

__all__ = ["Profiles"]


def _accelerators() -> tuple[str, ...]:
    from greenlint.hardware import detect_accelerators

    return detect_accelerators()


class Profiles:
    """Makes one profile for each distinct set of settings and numbers them from 0."""

    def __init__(
        self,
        registry_for: Callable[[Sequence[Path]], Registry],
        accelerators: Callable[[], tuple[str, ...]] = _accelerators,
        *,
        today: datetime.date | None = None,
        gated: bool = True,
    ) -> None:
        self.made: list[Profile] = []
        self._registry_for = registry_for
        self._accelerators = accelerators
        self._today, self._gated = today, gated
        self._keys: list[str] = []
        self._numbers: dict[int, int] = {}
        self._by_key: dict[str, int] = {}
        self._kept: list[Settings] = []
        self._engine: str | None = None

    def number(self, settings: Settings) -> int:
        """The number of the profile for ``settings``."""
        number = self._numbers.get(id(settings))
        if number is None:
            number = self._numbers[id(settings)] = self._number(settings)
            # Keeps the identity from being given to other settings.
            self._kept.append(settings)
        return number

    def key(self, number: int) -> str:
        """A digest of all that decides what a profile finds, beside the files themselves."""
        return self._keys[number]

    def _number(self, settings: Settings) -> int:
        registry = self._registry_for(settings.rule_paths)
        run = self._run_settings(settings)
        key = self._key(settings, registry, run)
        number = self._by_key.get(key)
        if number is None:
            number = self._by_key[key] = len(self.made)
            self._keys.append(key)
            self.made.append(self._profile(settings, registry, run))
        return number

    def _profile(self, settings: Settings, registry: Registry, run: RunSettings) -> Profile:
        return Profile(
            tuple(registry.select(settings)),
            run,
            dict(settings.severities),
            registry.known,
            self._gated,
            self._today,
            settings.require_reason,
            dict(settings.trust),
        )

    def _run_settings(self, settings: Settings) -> RunSettings:
        if settings.hardware != "detect":
            return RunSettings(settings.hardware, (), settings.target_version)
        found = self._accelerators()
        return RunSettings("gpu" if found else "cpu", found, settings.target_version)

    def _key(self, settings: Settings, registry: Registry, run: RunSettings) -> str:
        if self._engine is None:
            self._engine = "\n".join(_engine_parts())
        parts = (settings.fingerprint(), registry.fingerprint(), repr(run), str(self._gated), self._engine)
        return digest("\n".join(parts).encode("utf-8", "surrogatepass"))


def _engine_parts() -> Iterator[str]:
    """What the code that finds things is, without importing it."""
    yield __version__
    yield ".".join(map(str, sys.version_info))
    parser = importlib.util.find_spec("libcst")
    if parser is not None and parser.origin is not None:
        yield from _stamps(str(Path(parser.origin).parent), deep=False)
    yield from _stamps(str(Path(__file__).parent), deep=True)


def _stamps(folder: str, *, deep: bool) -> Iterator[str]:
    """Name, size and time of the modules in ``folder``, for those who change them without a new version."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.endswith((".py", ".so", ".pyd")):
            status = entry.stat()
            yield f"{entry.name} {status.st_size} {status.st_mtime_ns}"
        elif deep and entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir():
            yield from _stamps(entry.path, deep=True)
