"""Finds configuration: the closest file above a checked file, the environment, and the command line.

The closest ``greenlint.toml`` or ``[tool.greenlint]`` wins; nothing is merged but what ``extend`` names.
What a key may hold is written in :mod:`greenlint.config_keys`.
"""
# Settings are asked for once per file, and there may be ten thousands of them.
# ruff: noqa: PTH100, PTH111, PTH113, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from greenlint.config_error import ConfigError, ConfigProblem, Origin, OriginKind
from greenlint.config_keys import KEYS, describe_key, describe_keys, json_schema, toml_key, toml_value
from greenlint.config_plan import Plan, rule_paths
from greenlint.config_source import (
    CONFIG_FILES,
    Source,
    TomlSource,
    check,
    environment_source,
    flag_source,
    read_file,
    read_snippet,
    required_version_problem,
    shown_path,
)
from greenlint.discovery import is_project_root
from greenlint.selection import RuleCatalogue, RuleEntry
from greenlint.settings import Settings
from greenlint.version import __version__

__all__ = [
    "ConfigError",
    "ConfigProblem",
    "Origin",
    "OriginKind",
    "Overrides",
    "Resolver",
    "RuleCatalogue",
    "RuleEntry",
    "Settings",
    "describe_key",
    "describe_keys",
    "environment_flag",
    "json_schema",
    "schema_text",
    "show_settings",
]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line and the environment say."""

    file: str | None = None
    """The one configuration file to use for every path."""
    snippets: tuple[str, ...] = ()
    """TOML from ``--config "key = value"``."""
    isolated: bool = False
    """Whether configuration files are left unread."""
    flags: Mapping[str, object] = field(default_factory=dict)
    """Values of flags by name of the key, typed or as text; ``None`` for flags that were not given."""
    flags_yield: bool = False
    """Whether the flags count only where there is no configuration file."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The ``GREENLINT_*`` variables."""

    @classmethod
    def read(
        cls,
        *,
        config: Sequence[str] = (),
        isolated: bool = False,
        flags: Mapping[str, object] | None = None,
        flags_yield: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Overrides:
        """Sort out ``--config`` arguments and variables; raises :class:`ConfigError`."""
        variables = {name: text for name, text in (environ or {}).items() if name.startswith("GREENLINT_")}
        files = [each for each in config if _names_file(each)]
        if len(files) > 1:
            raise ConfigError([ConfigProblem("only one configuration file can be given", file="--config")])
        if files and isolated:
            message = "`--isolated` leaves all configuration files unread, so none can be given"
            raise ConfigError([ConfigProblem(message, file="--config")])
        return cls(
            file=files[0] if files else variables.get("GREENLINT_CONFIG") or None,
            snippets=tuple(each for each in config if not _names_file(each)),
            isolated=isolated or environment_flag("isolated", variables) is True,
            flags=flags or {},
            flags_yield=flags_yield,
            environment=variables,
        )


def _names_file(argument: str) -> bool:
    return "=" not in argument or Path(argument).is_file()


def environment_flag(name: str, environ: Mapping[str, str]) -> bool | None:
    """What ``GREENLINT_NAME`` says of a flag that is no key (``no-cache``); ``None`` when it is not set.

    Raises :class:`ConfigError` for a value that is neither true nor false.
    """
    variable = "GREENLINT_" + name.upper().replace("-", "_")
    text = environ.get(variable, "")
    if not text:
        return None
    value = KEYS["force-exclude"].kind.read(text)
    if isinstance(value, bool):
        return value
    message = f'expected true or false, found "{text}"'
    raise ConfigError([ConfigProblem(message, file=variable, key=name)])


class Resolver:
    """Answers with the settings of any file; each folder is looked at once.

    ``catalogue`` is asked for the installed rules, with the rule paths of each configuration. Every method
    that answers with settings raises :class:`ConfigError`.
    """

    def __init__(
        self,
        catalogue: Callable[[tuple[Path, ...]], RuleCatalogue],
        overrides: Overrides | None = None,
        *,
        cwd: Path | None = None,
        version: str = __version__,
    ) -> None:
        self._catalogue = catalogue
        self._overrides = overrides if overrides is not None else Overrides()
        self._cwd = os.path.abspath(cwd if cwd is not None else Path.cwd())
        self._version = version
        self._outer: tuple[Source, ...] | None = None
        self._sources: dict[str, TomlSource | None] = {}
        self._roots: dict[str, str | None] = {}
        self._plans: dict[str, Plan] = {}
        self._by_folder: dict[str, Plan] = {}

    def settings_for(self, path: Path | str) -> Settings:
        """The settings of a file, whether or not it exists."""
        absolute = os.path.normpath(os.path.join(self._cwd, path))
        return self._plan(os.path.dirname(absolute)).settings(absolute)

    def settings_for_folder(self, path: Path | str) -> Settings:
        """The settings of a folder, without what is said of single files in it."""
        return self._plan(os.path.normpath(os.path.join(self._cwd, path))).settings(None)

    def warnings(self) -> tuple[str, ...]:
        """All warnings about the configuration read so far."""
        return tuple(dict.fromkeys(each for plan in self._plans.values() for each in plan.warnings))

    def _plan(self, folder: str) -> Plan:
        plan = self._by_folder.get(folder)
        if plan is None:
            plan = self._by_folder[folder] = self._planned(folder)
        return plan

    def _planned(self, folder: str) -> Plan:
        if self._overrides.isolated:
            return self._plan_of(self._cwd, lambda: None)
        if self._overrides.file is not None:
            return self._plan_of(self._cwd, self._given_file)
        source = _climb(folder, self._sources, self._read_in)
        if source is None:
            root = _climb(folder, self._roots, lambda each: each if is_project_root(each) else None)
            return self._plan_of(root or self._cwd, lambda: None)
        return self._plan_of(source.base, lambda: source)

    def _plan_of(self, root: str, source: Callable[[], TomlSource | None]) -> Plan:
        plan = self._plans.get(root)
        if plan is None:
            plan = self._plans[root] = self._new_plan(root, source())
        return plan

    def _new_plan(self, root: str, file: TomlSource | None) -> Plan:
        files = [] if file is None else _Chain(self._cwd, self._version).of(file)
        outer = self._outer_sources()
        sources = (*files, *(outer[:-1] if files and self._overrides.flags_yield else outer))
        problems = [problem for each in sources for problem in check(each)]
        if problems:
            raise ConfigError(problems)
        return Plan(root, file, sources, self._catalogue(rule_paths(sources)))

    def _given_file(self) -> TomlSource:
        path = os.path.normpath(os.path.join(self._cwd, os.path.expanduser(self._overrides.file or "")))
        shown = shown_path(path, self._cwd)
        source = read_file(path, shown, self._cwd)
        if source is None:
            raise ConfigError([ConfigProblem("has no table `[tool.greenlint]`", file=shown)])
        return source

    def _outer_sources(self) -> tuple[Source, ...]:
        """The environment and the command line, later ones winning; the flags come last."""
        if self._outer is None:
            given = self._overrides
            snippets = [read_snippet(each, self._cwd) for each in given.snippets]
            environment = environment_source(given.environment, self._cwd)
            self._outer = (environment, *snippets, flag_source(given.flags, self._cwd))
        return self._outer

    def _read_in(self, folder: str) -> TomlSource | None:
        for name in CONFIG_FILES:
            path = os.path.join(folder, name)
            source = read_file(path, shown_path(path, self._cwd)) if os.path.isfile(path) else None
            if source is not None:
                return source
        return None


T = TypeVar("T")


def _climb(folder: str, known: dict[str, T | None], ask: Callable[[str], T | None]) -> T | None:
    """What the closest folder with an answer says, from ``folder`` upward; each folder is asked once."""
    passed: list[str] = []
    while folder not in known:
        passed.append(folder)
        answer = ask(folder)
        parent = os.path.dirname(folder)
        if answer is not None or parent == folder:
            known[folder] = answer
            break
        folder = parent
    known.update(dict.fromkeys(passed, known[folder]))
    return known[folder]


class _Chain:
    """A file and the files it extends, the farthest first."""

    def __init__(self, cwd: str, version: str) -> None:
        self._cwd = cwd
        self._version = version
        self._seen: list[str] = []

    def of(self, source: TomlSource) -> list[TomlSource]:
        problem = required_version_problem(source, self._version)
        if problem is not None:
            raise ConfigError([problem])
        self._seen.append(source.path)
        extended = source.values.get("extend")
        if not isinstance(extended, str):
            return [source]
        return [*self.of(self._read(source, extended)), source]

    def _read(self, source: TomlSource, extended: str) -> TomlSource:
        folder = os.path.dirname(source.path)
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(extended)))
        shown = shown_path(path, self._cwd)
        if not os.path.isfile(path):
            raise _wrong_extend(source, f"the extended file `{shown}` does not exist")
        if path in self._seen:
            names = [shown_path(each, self._cwd) for each in (*self._seen, path)]
            raise _wrong_extend(source, "files extend each other: " + " -> ".join(names))
        found = read_file(path, shown)
        if found is None:
            raise _wrong_extend(source, f"the extended file `{shown}` has no table `[tool.greenlint]`")
        return found


def _wrong_extend(source: TomlSource, message: str) -> ConfigError:
    return ConfigError([source.problem(("extend",), message)])


def schema_text() -> str:
    """The text of ``greenlint.schema.json``, which takes rules of any name, as plug-ins may add theirs."""
    import json

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def show_settings(settings: Settings) -> str:
    """Every key with its value and origin, and every rule that runs with what switched it on."""
    rows = [f"# {settings.file}" if settings.file is not None else "# no configuration file"]
    for name, value in settings.values.items():
        shown = "(not set)" if value is None else toml_value(value)
        rows.append(f"{name} = {shown}  # {settings.origins.get(name, Origin())}")
    for name, origin in settings.origins.items():
        if name not in settings.values:
            rows.append(f"#   {name}: {origin}")
    rows.append(f"# {len(settings.rules)} rules run:")
    rows.extend(f"#   {toml_key(name)}: {origin}" for name, origin in settings.rules.items())
    return "\n".join(rows) + "\n"
