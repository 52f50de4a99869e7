"""What an editor says about greenlint: options at start-up and the section ``greenlint`` of its configuration."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from greenlint.config_error import nearest
from greenlint.config_keys import KEYS

__all__ = ["SETTINGS", "EditorSettings", "LogLevel", "Preference", "Shown", "read_settings"]


class Preference(enum.Enum):
    """Whose configuration wins where a file and the editor both have one."""

    FILE = "filesystemFirst"
    """The file's; without a file the editor's."""
    EDITOR = "editorFirst"
    """The editor's, key by key."""
    EDITOR_ONLY = "editorOnly"
    """The editor's; files are not read."""


class Shown(enum.Enum):
    """How the cost of a finding is shown beside the code."""

    OFF = "off"
    INLAY = "inlay"
    LENS = "lens"


class LogLevel(enum.Enum):
    """The mildest messages that the server writes into the editor's log; those before it are written, too."""

    ERROR = "error"
    WARN = "warn"
    INFO = "info"
    DEBUG = "debug"


@dataclass(frozen=True, slots=True)
class EditorSettings:
    """Everything an editor may set; keys it leaves out have these defaults."""

    enable: bool = True
    configuration: str | None = None
    """A configuration file that counts in place of the closest one."""
    preference: Preference = Preference.FILE
    on_save_only: bool = False
    """Whether a file is checked when it is saved rather than while it is edited."""
    unsafe_fixes: bool = False
    """Whether fixing everything makes unsafe fixes, too."""
    cost: Shown = Shown.OFF
    log_level: LogLevel = LogLevel.INFO
    trusted: bool = True
    """Whether rules of the project itself may be run."""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Configuration keys, by their names in configuration files."""


_PASSED_ON = {
    "select": "select",
    "extendSelect": "extend-select",
    "ignore": "ignore",
    "exclude": "exclude",
    "hardware": "hardware",
    "minSeverity": "min-severity",
}


_NAMES = frozenset(_PASSED_ON) | {
    "enable",
    "configuration",
    "configurationPreference",
    "run",
    "unsafeFixes",
    "showCost",
    "logLevel",
    "trusted",
}


SETTINGS = {key: name for name, key in _PASSED_ON.items()}
"""What an editor calls configuration keys."""


def _section(given: object) -> Mapping[str, Any] | None:
    """The settings of greenlint, under whatever an editor puts them; ``None`` where it speaks of other servers only."""
    if not isinstance(given, Mapping):
        return None
    inner = given.get("greenlint", given.get("settings"))
    if isinstance(inner, Mapping):
        return inner if "greenlint" in given else _section(inner)
    return given if any(each in _NAMES or _meant(each) for each in given) else None


def _meant(name: str) -> str | None:
    """The setting that another name was most likely meant to be."""
    return nearest(name, _NAMES, cutoff=0.75)


def _misnamed(given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with names; editors and their extensions may have some that are none of the server's business."""
    for name in given.keys() - _NAMES:
        meant = _meant(name)
        if meant is not None:
            yield f"`greenlint.{name}` is no setting: did you mean `{meant}`?"
        elif name in KEYS:
            yield f"`greenlint.{name}` is no setting of an editor: `{name}` belongs in a configuration file"


def read_settings(given: object, before: EditorSettings | None = None) -> tuple[EditorSettings, list[str]]:
    """The settings in what an editor sent, and what is wrong with it; wrong keys keep what held before."""
    before = before or EditorSettings()
    section = _section(given)
    return (before, []) if section is None else _read(section, before)


def _read(given: Mapping[str, Any], before: EditorSettings) -> tuple[EditorSettings, list[str]]:
    problems = sorted(_misnamed(given))

    def flag(name: str, default: bool) -> bool:
        value = given.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        problems.append(f"`greenlint.{name}` is true or false, not {value!r}")
        return default

    def choice(name: str, kind: type[enum.Enum], default: Any) -> Any:
        value = given.get(name)
        try:
            return default if value is None else kind(value)
        except ValueError:
            known = ", ".join(f"`{each.value}`" for each in kind)
            problems.append(f"`greenlint.{name}` is one of {known}, not {value!r}")
            return default

    configuration = given.get("configuration")
    if configuration is not None and not isinstance(configuration, str):
        problems.append(f"`greenlint.configuration` is the path of a file, not {configuration!r}")
        configuration = before.configuration
    settings = EditorSettings(
        enable=flag("enable", True),
        configuration=configuration or None,
        preference=choice("configurationPreference", Preference, Preference.FILE),
        on_save_only=choice("run", _Run, _Run.TYPE) is _Run.SAVE,
        unsafe_fixes=flag("unsafeFixes", False),
        cost=choice("showCost", Shown, Shown.OFF),
        log_level=choice("logLevel", LogLevel, LogLevel.INFO),
        # A project may have settings of its own: what the editor does not trust cannot say otherwise.
        trusted=before.trusted and flag("trusted", True),
        keys={key: given[name] for name, key in _PASSED_ON.items() if given.get(name) not in (None, [], "")},
    )
    return settings, problems


class _Run(enum.Enum):
    TYPE = "onType"
    SAVE = "onSave"
