"""The sources of settings (files, snippets, variables, flags), each checked against the table of keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from greenlint.config_error import ConfigError, ConfigProblem, Origin, OriginKind, nearest
from greenlint.config_keys import KEYS, OVERRIDE_KEYS, Key
from greenlint.options import toml_kind
from greenlint.patterns import GlobError, Matcher, PatternList
from greenlint.toml_text import KeyPath, Place, TomlSyntaxError, TomlText

__all__ = [
    "CONFIG_FILES",
    "FlagSource",
    "Source",
    "TomlSource",
    "check",
    "environment_source",
    "flag_source",
    "read_file",
    "read_snippet",
    "required_version_problem",
]

CONFIG_FILES = (".greenlint.toml", "greenlint.toml", "pyproject.toml")
"""The names of configuration files in one folder, the first one found winning."""

TABLE: KeyPath = ("tool", "greenlint")


class Source:
    """One place that sets keys. ``base`` is the absolute folder its paths and patterns are relative to."""

    def __init__(self, values: dict[str, Any], base: str, kind: OriginKind) -> None:
        self.values = values
        self.base = base
        self.kind = kind

    def origin(self, path: KeyPath) -> Origin:
        """Where the key or list element at ``path`` is set."""
        raise NotImplementedError

    def problem(self, path: KeyPath, message: str, hint: str | None = None, *, on_key: bool = False) -> ConfigProblem:
        """A problem with the value at ``path``, or with its key."""
        raise NotImplementedError


class TomlSource(Source):
    """A file, or a snippet given as ``--config "key = value"``, whose ``path`` is empty."""

    def __init__(self, toml: TomlText, table: KeyPath, base: str, shown: str, path: str = "") -> None:
        kind = OriginKind.FILE if path else OriginKind.COMMAND_LINE
        super().__init__(_table(toml.data, table) or {}, base, kind)
        self.path = path
        self._toml = toml
        self._prefix = table
        self._shown = shown

    def origin(self, path: KeyPath) -> Origin:
        place = self._toml.key(self._prefix + path)
        line = place.line if place is not None and self.kind is OriginKind.FILE else None
        return Origin(self.kind, self._shown, line)

    def problem(self, path: KeyPath, message: str, hint: str | None = None, *, on_key: bool = False) -> ConfigProblem:
        full = self._prefix + path
        place = self._toml.key(full) if on_key else self._toml.value(full)
        return _located(self._toml.lines, self._shown, place, message, hint, dotted(path))


class FlagSource(Source):
    """Flags or environment variables; ``names`` are what the user wrote for each key."""

    def __init__(self, values: dict[str, Any], base: str, names: Mapping[str, str], kind: OriginKind) -> None:
        super().__init__(values, base, kind)
        self._names = names

    def origin(self, path: KeyPath) -> Origin:
        return Origin(self.kind, self._names[str(path[0])])

    def problem(self, path: KeyPath, message: str, hint: str | None = None, *, on_key: bool = False) -> ConfigProblem:
        return ConfigProblem(message, file=self._names[str(path[0])], key=dotted(path), hint=hint)


def _located(
    lines: list[str], shown: str, place: Place | None, message: str, hint: str | None, key: str
) -> ConfigProblem:
    if place is None:
        return ConfigProblem(message, file=shown, key=key, hint=hint)
    source = lines[place.line - 1] if place.line <= len(lines) else ""
    return ConfigProblem(message, shown, place.line, place.column, place.width, source, key, hint)


def dotted(path: KeyPath) -> str:
    """A key path as people write it: ``overrides[0].select``."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def _table(data: Mapping[str, Any], path: KeyPath) -> dict[str, Any] | None:
    value: Any = data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def read_file(path: str, shown: str, base: str | None = None) -> TomlSource | None:
    """The settings in a file; ``None`` for a ``pyproject.toml`` without the table.

    Raises :class:`ConfigError`. Paths in the file are relative to ``base``, by default to its own folder.
    """
    folder, _, name = path.rpartition(os.sep)
    text = _text(path, shown)
    if name == "pyproject.toml" and "greenlint" not in text:
        return None
    toml = _parsed(text, shown)
    table: KeyPath = TABLE if name == "pyproject.toml" else ()
    source = TomlSource(toml, table, base if base is not None else folder or os.sep, shown, path)
    if table and _table(toml.data, table) is None:
        found = (_table(toml.data, TABLE[:1]) or {}).get("greenlint")
        if found is None:
            return None
        raise ConfigError([source.problem((), f"expected a table, found {toml_kind(found)}", on_key=True)])
    return source


def read_snippet(text: str, base: str) -> TomlSource:
    """The settings in one ``--config`` argument; raises :class:`ConfigError`."""
    shown = f"--config {text!r}" if "\n" in text else f'--config "{text}"'
    return TomlSource(_parsed(text, shown), (), base, shown)


def _text(path: str, shown: str) -> str:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError([ConfigProblem(f"cannot be read: {reason}", file=shown)]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = ConfigProblem("is not UTF-8, which TOML has to be", file=shown, line=line)
        raise ConfigError([problem]) from None


def _parsed(text: str, shown: str) -> TomlText:
    try:
        return TomlText(text)
    except TomlSyntaxError as error:
        lines = text.replace("\r\n", "\n").split("\n")
        problem = _located(lines, shown, error.place, f"invalid TOML: {error.message}", None, "")
        raise ConfigError([problem]) from None


def environment_source(environ: Mapping[str, str], base: str) -> FlagSource:
    """The keys set by ``GREENLINT_*`` variables; empty variables count as not set."""
    names = {name: key.variable for name, key in KEYS.items() if key.variable is not None}
    given = {key: environ[name] for key, name in names.items() if environ.get(name)}
    return FlagSource(_read(given), base, names, OriginKind.ENVIRONMENT)


def flag_source(flags: Mapping[str, object], base: str) -> FlagSource:
    """The keys set by flags, by name of the key; those that are ``None`` were not given."""
    names = {key: "--" + key for key in flags}
    given = {key: value for key, value in flags.items() if value is not None}
    return FlagSource(_read(given), base, names, OriginKind.COMMAND_LINE)


def _read(given: Mapping[str, object]) -> dict[str, Any]:
    return {key: _read_one(KEYS.get(key), value) for key, value in given.items()}


def _read_one(key: Key | None, value: object) -> object:
    """The value of a flag: text is read by the kind of the key, repeated flags are joined."""
    if key is None or key.name in ("rules", "overrides"):
        return value
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        value = ",".join(value)
    return key.kind.read(value) if isinstance(value, str) else value


def check(source: Source) -> Iterator[ConfigProblem]:
    """What is wrong with the keys and types of a source, in the order of the table."""
    yield from _check_table(source, (), source.values, KEYS)
    overrides = source.values.get("overrides")
    for index, table in enumerate(overrides if isinstance(overrides, list) else ()):
        if isinstance(table, dict):
            yield from _check_table(source, ("overrides", index), table, OVERRIDE_KEYS)
            if not table.get("files"):
                message = "`[[overrides]]` needs `files`, the patterns of the files it is for"
                yield source.problem(("overrides", index), message, on_key=True)


def _check_table(
    source: Source, prefix: KeyPath, table: Mapping[str, Any], keys: Mapping[str, Key]
) -> Iterator[ConfigProblem]:
    for name, value in table.items():
        path = (*prefix, name)
        key = keys.get(name)
        if key is None:
            yield source.problem(path, f"unknown key `{name}`", _key_hint(name, value, keys), on_key=True)
            continue
        wrong = list(key.kind.mismatches(value))
        for at, said in wrong:
            named = isinstance(source, FlagSource) and not at
            where = "" if named else f"`{dotted((name, *at))}`: "
            yield source.problem((*path, *at), f"{where}{said}")
        if not wrong:
            yield from _check_globs(source, path, name, value)


_PATTERN_KEYS = frozenset({"exclude", "extend-exclude", "include", "files", "per-file-ignores"})


def _check_globs(source: Source, path: KeyPath, name: str, value: Any) -> Iterator[ConfigProblem]:
    if name not in _PATTERN_KEYS:
        return
    in_table = isinstance(value, dict)
    globs: Iterable[tuple[str | int, str]] = zip(value, value, strict=True) if in_table else enumerate(value)
    for at, glob in globs:
        try:
            Matcher(PatternList(source.base, (glob.removeprefix("!") if in_table else glob,)))
        except GlobError as error:
            yield source.problem((*path, at), f"`{name}`: {error}", on_key=in_table)


_KNOWN_FROM_ELSEWHERE: Mapping[str, str] = {
    "disable": "use `ignore`",
    "enable": "use `select`",
    "extend-ignore": "use `ignore`, which adds to what an extended file ignores",
    "extend-per-file-ignores": "use `per-file-ignores`, which adds to what an extended file ignores",
    "lint": "the settings of rules stand at the same level as all others",
    "tool": "in this file, settings stand at the top level, without `[tool.greenlint]`",
}


def _key_hint(name: str, value: object, keys: Mapping[str, Key]) -> str | None:
    known = _KNOWN_FROM_ELSEWHERE.get(name)
    if known is not None:
        return known
    if name in KEYS:
        return f"`{name}` holds for the whole run and cannot be set for single files"
    if name in OVERRIDE_KEYS:
        return f"`{name}` belongs in `[[overrides]]`"
    close = nearest(name, keys)
    if close is not None:
        return f"did you mean `{close}`?"
    return f"the options of a rule stand in `[rules.{name}]`" if isinstance(value, dict) else None


_CLAUSE = re.compile(r"\s*(==|!=|>=|<=|>|<|~=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?\s*")


def required_version_problem(source: Source, version: str) -> ConfigProblem | None:
    """Why the running ``version`` is not one the source asks for, if it is not."""
    wanted = source.values.get("required-version")
    if not isinstance(wanted, str):
        return None
    clauses = [_CLAUSE.fullmatch(each) for each in wanted.split(",")]
    if None in clauses or any(each[3] and each[1] not in (None, "==", "!=") for each in clauses if each):
        hint = "write versions such as `>=0.1.0` or `==0.2.*`, with commas between them"
        return source.problem(("required-version",), f"`{wanted}` is no set of versions", hint)
    if all(_satisfies(version, each) for each in clauses if each is not None):
        return None
    message = f"this configuration is for greenlint `{wanted}`, but {version} is running"
    return source.problem(("required-version",), message)


def _satisfies(version: str, clause: re.Match[str]) -> bool:
    operator, wanted, star = clause[1] or "==", _numbers(clause[2]), clause[3]
    running = _numbers(version)
    if operator == "~=":
        return running >= wanted and running[: len(wanted) - 1] == wanted[:-1]
    width = len(wanted) if star else max(len(running), len(wanted))
    left, right = _padded(running, width), _padded(wanted, width)
    outcomes = {
        "==": left == right,
        "!=": left != right,
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
    }
    return outcomes[operator]


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def _padded(numbers: tuple[int, ...], width: int) -> tuple[int, ...]:
    return (numbers + (0,) * width)[:width]


def shown_path(path: str, cwd: str) -> str:
    """A path as users see it: relative when it is below ``cwd``."""
    prefix = cwd if cwd.endswith(os.sep) else cwd + os.sep
    return path[len(prefix) :] if path.startswith(prefix) else path
