"""The settings of one file, fully resolved: plain data that every part of a run may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from greenlint.config_error import Origin
from greenlint.finding import Applicability, Severity
from greenlint.patterns import PatternList

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configurable about one file. Frozen and picklable; paths are absolute."""

    root: Path
    """The folder of the configuration file; without one, the project's, else the working directory."""
    file: Path | None = None
    """The configuration file, if there is one."""
    rules: Mapping[str, Origin] = field(default_factory=dict)
    """The rules that run, by name in alphabetical order, with what switched each of them on."""
    rule_options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Options by rule and by attribute of its ``Options``; only those that are set."""
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """Severities by rule; only those that are set."""
    trust: Mapping[str, Applicability] = field(default_factory=dict)
    """How far the edits of rules are trusted, by rule; only those that are set."""
    unsafe_fixes: bool = False
    """Whether unsafe fixes are taken in where fixes are asked for."""
    show_fixes: bool = False
    """Whether the fixes that were made are listed."""
    hardware: str = "auto"
    """What the code will run on: ``auto``, ``gpu``, ``cpu`` or ``detect``."""
    min_severity: Severity = Severity.INFO
    """The mildest findings to report."""
    fail_level: Severity = Severity.WARNING
    """The mildest findings that make a run fail."""
    require_reason: bool = False
    """Whether a suppression comment without a reason is a finding."""
    target_version: tuple[int, int] | None = None
    """The oldest Python the code has to run on, where the configuration says so."""
    include: tuple[PatternList, ...] = ()
    """The files to look for in folders."""
    exclude: tuple[PatternList, ...] = ()
    """The files and folders to leave out."""
    force_exclude: bool = False
    """Whether exclusions hold for paths named on the command line, too."""
    respect_gitignore: bool = True
    """Whether files that git ignores are left out."""
    rule_paths: tuple[Path, ...] = ()
    """Rule files and folders of the project."""
    cache_dir: Path = Path(".greenlint_cache")
    """Where results of unchanged files are kept."""
    baseline: Path = Path("greenlint-baseline.json")
    """Which findings the project lives with for now; there need not be such a file."""
    jobs: int | None = None
    """How many processes check files, where that is set."""
    output_format: str = "auto"
    """How findings are printed."""
    values: Mapping[str, object] = field(default_factory=dict)
    """Every key of the table as it holds, for display."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where each key comes from; entries of tables as ``severity.NAME`` and ``rules.NAME.OPTION``."""
    warnings: tuple[str, ...] = ()
    """What should be changed in the configuration although it works."""
    _digest: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def fingerprint(self) -> str:
        """A digest of all that can change the findings of a file, the same in every process.

        It names rules but says nothing of their code: combine it with the fingerprint of the registry.
        """
        if not self._digest:
            self._digest.append(_digest(self))
        return self._digest[0]


def _digest(settings: Settings) -> str:
    import hashlib
    import json

    parts = {
        "rules": sorted(settings.rules),
        "options": {name: dict(options) for name, options in settings.rule_options.items()},
        "severities": {name: level.value for name, level in settings.severities.items()},
        "trust": {name: level.value for name, level in settings.trust.items()},
        "hardware": settings.hardware,
        "min-severity": settings.min_severity.value,
        "require-reason": settings.require_reason,
        "target-version": settings.target_version,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
