"""All sources of one configuration, resolved to the settings of single files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from greenlint.config_error import ConfigError, ConfigProblem, Origin, OriginKind, nearest
from greenlint.config_keys import KEYS
from greenlint.config_source import Source, TomlSource
from greenlint.finding import Applicability, Severity
from greenlint.options import OptionField, option_fields
from greenlint.patterns import Matcher, PatternList
from greenlint.selection import (
    ALL,
    RuleCatalogue,
    RuleEntry,
    Selection,
    Selector,
    enabled_rules,
    most_specific,
)
from greenlint.settings import Settings
from greenlint.toml_text import KeyPath

__all__ = ["Plan", "rule_paths"]

T = TypeVar("T")

DEFAULT = Origin()

_TRUST_KEYS = {
    "extend-safe-fixes": Applicability.SAFE,
    "extend-unsafe-fixes": Applicability.UNSAFE,
    "unfixable": Applicability.DISPLAY,
}
_STRICTNESS = {applicability: rank for rank, applicability in enumerate(_TRUST_KEYS.values())}

Levels = tuple[tuple[Selector[Origin], Severity], ...]
Options = dict[str, dict[str, object]]


def rule_paths(sources: Iterable[Source]) -> tuple[Path, ...]:
    """The absolute rule paths of all sources; raises :class:`ConfigError` for one that does not exist."""
    paths: list[Path] = []
    problems: list[ConfigProblem] = []
    for source in sources:
        for index, written in enumerate(source.values.get("rule-paths", ())):
            path = _absolute(source.base, written)
            if not path.exists():
                message = f"`rule-paths`: there is no file or folder `{written}`"
                problems.append(source.problem(("rule-paths", index), message))
            paths.append(path)
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(paths))


def _absolute(base: str, written: str) -> Path:
    return Path(os.path.normpath(Path(base, Path(written).expanduser())))


@dataclass(frozen=True, slots=True)
class _Part:
    """What is said of the files that some patterns match, and of no others."""

    matcher: Matcher
    selection: Selection[Origin]
    negated: bool = False
    levels: Levels = ()
    options: Options = field(default_factory=dict)
    hardware: str | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def concerns(self, absolute: str) -> bool:
        return (self.matcher.covers(absolute) is not None) != self.negated


class Plan:
    """One configuration: its sources, from weakest to strongest, which keep to the table of keys.

    Raises :class:`ConfigError` for names and options that no installed rule has.
    """

    def __init__(self, root: str, file: TomlSource | None, sources: Sequence[Source], catalogue: RuleCatalogue) -> None:
        self._root = root
        self._sources = tuple(sources)
        self._catalogue = catalogue
        self._made: dict[tuple[bool, ...], Settings] = {}
        reader = _Reader(catalogue)
        self._selections = [reader.selection(each, (), each.values) for each in self._sources]
        self._levels = tuple(pair for each in self._sources for pair in reader.levels(each, (), each.values))
        self._trust = tuple(pair for each in self._sources for pair in reader.trust(each))
        self._options = _merged(reader.options(each, (), each.values) for each in self._sources)
        overrides = [part for each in self._sources for part in reader.overrides(each)]
        ignores = [part for each in self._sources for part in reader.per_file_ignores(each)]
        self._parts = (*overrides, *ignores)
        reader.finish()
        self.warnings = tuple(dict.fromkeys(reader.warnings))
        self._common = self._whole_run(file)

    def settings(self, absolute: str | None) -> Settings:
        """The settings of one file, or of no file in particular."""
        matching = tuple(absolute is not None and each.concerns(absolute) for each in self._parts)
        made = self._made.get(matching)
        if made is None:
            chosen = [part for part, matches in zip(self._parts, matching, strict=True) if matches]
            made = self._made[matching] = self._for_files(chosen)
        return made

    def _for_files(self, parts: Sequence[_Part]) -> Settings:
        origins = {
            **self._common.origins,
            **{name: at for each in parts for name, at in each.origins.items()},
        }
        hardware = self._hardware(parts)
        if hardware == self._common.hardware:
            origins["hardware"] = self._common.origins["hardware"]
        return dataclasses.replace(
            self._common,
            rules=self._enabled(parts),
            severities=self._severities(parts),
            rule_options=_merged([self._options, *(each.options for each in parts)]),
            hardware=hardware,
            values={**self._common.values, "hardware": hardware},
            origins=origins,
        )

    def _enabled(self, parts: Sequence[_Part]) -> dict[str, Origin]:
        of_files = [each.selection for each in parts]
        pairs = list(zip(self._sources, self._selections, strict=True))
        inner = [selection for source, selection in pairs if source.kind is OriginKind.FILE]
        outer = [selection for source, selection in pairs if source.kind is not OriginKind.FILE]
        return enabled_rules(self._catalogue, [*inner, *of_files, *outer], DEFAULT, of_files)

    def _trusted(self) -> dict[str, Applicability]:
        """How far the edits of each rule are trusted: of all lists the most specific entry, of equals the stricter."""
        ranked = sorted(self._trust, key=lambda each: _STRICTNESS[each[1]])
        return dict(sorted(self._by_rule(ranked).items()))

    def _severities(self, parts: Sequence[_Part]) -> dict[str, Severity]:
        """What the last table with a say in it says; of one table the most specific entry."""
        found: dict[str, Severity] = {}
        for levels in (self._levels, *(each.levels for each in parts)):
            found.update(self._by_rule(levels))
        return dict(sorted(found.items()))

    def _by_rule(self, pairs: Sequence[tuple[Selector[Origin], T]]) -> dict[str, T]:
        """What the most specific selector that means a rule says of it, for each rule that one means."""
        said = {id(selector): value for selector, value in pairs}
        best = {
            name: most_specific((each for each, _ in pairs), rule) for name, rule in self._catalogue.entries.items()
        }
        return {name: said[id(selector)] for name, selector in best.items() if selector is not None}

    def _hardware(self, parts: Sequence[_Part]) -> str:
        """What the command line says, else the last table for the file, else the other configuration."""
        outside = self._common.origins["hardware"].kind in (OriginKind.COMMAND_LINE, OriginKind.ENVIRONMENT)
        said = [] if outside else [each.hardware for each in parts if each.hardware is not None]
        return said[-1] if said else self._common.hardware

    def _whole_run(self, file: TomlSource | None) -> Settings:
        values = {name: self._value(name) for name in KEYS}
        return Settings(
            root=Path(self._root),
            file=Path(file.path) if file is not None else None,
            trust=self._trusted(),
            unsafe_fixes=values["unsafe-fixes"],
            show_fixes=values["show-fixes"],
            hardware=values["hardware"],
            min_severity=Severity(values["min-severity"]),
            fail_level=Severity(values["fail-level"]),
            require_reason=values["require-reason"],
            target_version=_python(values["target-version"]),
            include=self._patterns("include"),
            exclude=(*self._patterns("exclude"), *self._added_patterns("extend-exclude")),
            force_exclude=values["force-exclude"],
            respect_gitignore=values["respect-gitignore"],
            rule_paths=rule_paths(self._sources),
            cache_dir=_absolute(self._base_of("cache-dir"), values["cache-dir"]),
            baseline=_absolute(self._base_of("baseline"), values["baseline"]),
            jobs=values["jobs"],
            output_format=values["output-format"],
            values=values,
            origins=dict(self._origins()),
            warnings=self.warnings,
        )

    def _setter(self, key: str) -> Source | None:
        """The source whose value of a key holds."""
        return next((each for each in reversed(self._sources) if key in each.values), None)

    def _base_of(self, key: str) -> str:
        setter = self._setter(key)
        return self._root if setter is None else setter.base

    def _value(self, key: str) -> Any:
        written = [each.values[key] for each in self._sources if key in each.values]
        if not written:
            return KEYS[key].default
        if KEYS[key].adds_up:
            return [item for each in written for item in each]
        return _merged(written) if isinstance(written[-1], dict) else written[-1]

    def _patterns(self, key: str) -> tuple[PatternList, ...]:
        return (PatternList(self._base_of(key), tuple(self._value(key))),)

    def _added_patterns(self, key: str) -> Iterator[PatternList]:
        for each in self._sources:
            if each.values.get(key):
                yield PatternList(each.base, tuple(each.values[key]))

    def _origins(self) -> Iterator[tuple[str, Origin]]:
        for key in KEYS:
            setter = self._setter(key)
            yield key, DEFAULT if setter is None else setter.origin((key,))
        for source in self._sources:
            yield from _entry_origins(source, (), source.values)


def _entry_origins(source: Source, prefix: KeyPath, table: Mapping[str, Any]) -> Iterator[tuple[str, Origin]]:
    """The origins of the entries of tables, which several sources may fill."""
    for key in ("severity", "per-file-ignores"):
        for name in table.get(key, ()):
            yield f"{key}.{name}", source.origin((*prefix, key, name))
    for rule, options in table.get("rules", {}).items():
        for name in options:
            yield f"rules.{rule}.{name}", source.origin((*prefix, "rules", rule, name))


def _merged(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Tables merged entry by entry, to any depth; later ones win."""
    merged: dict[str, Any] = {}
    for table in tables:
        for name, value in table.items():
            before = merged.get(name)
            if isinstance(before, dict) and isinstance(value, dict):
                value = _merged([before, value])
            merged[name] = value
    return merged


def _python(version: str | None) -> tuple[int, int] | None:
    """``py310`` -> ``(3, 10)``."""
    return None if version is None else (int(version[2]), int(version[3:]))


class _Reader:
    """Reads what configuration says of rules, and gathers what is wrong with it."""

    def __init__(self, catalogue: RuleCatalogue) -> None:
        self._catalogue = catalogue
        self._categories = catalogue.categories()
        self._problems: list[ConfigProblem] = []
        self.warnings: list[str] = []

    def finish(self) -> None:
        """Raise what was gathered."""
        if self._problems:
            raise ConfigError(self._problems)

    def selection(self, source: Source, prefix: KeyPath, table: Mapping[str, Any]) -> Selection[Origin]:
        """What a table says with ``select``, ``extend-select`` and ``ignore``."""

        def read(key: str) -> tuple[Selector[Origin], ...]:
            return self._selectors(source, (*prefix, key), table.get(key, ()))

        select = read("select") if "select" in table else None
        return Selection(select, read("extend-select"), read("ignore"))

    def levels(self, source: Source, prefix: KeyPath, table: Mapping[str, Any]) -> Levels:
        """What a table says with ``severity``."""
        pairs = [
            (self._selector(source, (*prefix, "severity", name), name, on_key=True), Severity(level))
            for name, level in table.get("severity", {}).items()
        ]
        return tuple((selector, level) for selector, level in pairs if selector is not None)

    def trust(self, source: Source) -> Iterator[tuple[Selector[Origin], Applicability]]:
        """What a source says with ``extend-safe-fixes``, ``extend-unsafe-fixes`` and ``unfixable``."""
        for key, applicability in _TRUST_KEYS.items():
            for selector in self._selectors(source, (key,), source.values.get(key, ())):
                yield selector, applicability

    def options(self, source: Source, prefix: KeyPath, table: Mapping[str, Any]) -> Options:
        """The options in ``rules``, by rule and attribute, converted to the types the rules declare."""
        found: Options = {}
        for name, written in table.get("rules", {}).items():
            path = (*prefix, "rules", name)
            entry = self._rule(source, path, name, "rule", on_key=True)
            if entry is None:
                continue
            converted = self._converted(source, path, entry, written)
            if self._accepted(source, path, entry, converted):
                found.setdefault(entry.name, {}).update(converted)
        return found

    def overrides(self, source: Source) -> Iterator[_Part]:
        """What a source says with ``[[overrides]]``."""
        for index, table in enumerate(source.values.get("overrides", ())):
            prefix: KeyPath = ("overrides", index)
            origins = dict(_entry_origins(source, prefix, table))
            if "hardware" in table:
                origins["hardware"] = source.origin((*prefix, "hardware"))
            yield _Part(
                Matcher(PatternList(source.base, tuple(table["files"]))),
                self.selection(source, prefix, table),
                levels=self.levels(source, prefix, table),
                options=self.options(source, prefix, table),
                hardware=table.get("hardware"),
                origins=origins,
            )

    def per_file_ignores(self, source: Source) -> Iterator[_Part]:
        """What a source says with ``per-file-ignores``."""
        for glob, names in source.values.get("per-file-ignores", {}).items():
            ignore = self._selectors(source, ("per-file-ignores", glob), names)
            matcher = Matcher(PatternList(source.base, (glob.removeprefix("!"),)))
            yield _Part(matcher, Selection(ignore=ignore), negated=glob.startswith("!"))

    def _selectors(self, source: Source, path: KeyPath, names: Iterable[str]) -> tuple[Selector[Origin], ...]:
        found = (self._selector(source, (*path, index), name) for index, name in enumerate(names))
        return tuple(each for each in found if each is not None)

    def _selector(self, source: Source, path: KeyPath, name: str, *, on_key: bool = False) -> Selector[Origin] | None:
        if name == ALL:
            return Selector(name, 0, source.origin(path))
        if name in self._categories:
            return Selector(name, 1, source.origin(path))
        entry = self._rule(source, path, name, "rule or category", on_key=on_key)
        return None if entry is None else Selector(entry.name, 2, source.origin(path))

    def _rule(self, source: Source, path: KeyPath, name: str, what: str, *, on_key: bool = False) -> RuleEntry | None:
        """The rule of a name, also of a former one; a rule that did not load is no mistake of the user's."""
        catalogue = self._catalogue
        current = name if name in catalogue.entries else catalogue.former.get(name, name)
        entry = catalogue.entries.get(current)
        if entry is None and name in catalogue.failed:
            self._warn(source, path, f"rule `{name}` did not load: {catalogue.failed[name]}")
        elif entry is None and name in catalogue.withheld:
            pass
        elif entry is None:
            known = catalogue.entries if what == "rule" else catalogue.selectors()
            message = f"unknown {what} `{name}`"
            self._problems.append(source.problem(path, message, _unknown_rule_hint(name, known), on_key=on_key))
        elif current != name:
            self._warn(source, path, f"rule `{name}` is now called `{current}`")
        elif entry.deprecated:
            self._warn(source, path, f"rule `{name}` is deprecated")
        return entry

    def _warn(self, source: Source, path: KeyPath, message: str) -> None:
        self.warnings.append(f"{source.origin(path)}: {message}")

    def _converted(
        self, source: Source, path: KeyPath, entry: RuleEntry, written: Mapping[str, Any]
    ) -> dict[str, object]:
        fields = {each.key: each for each in option_fields(entry.options)}
        converted: dict[str, object] = {}
        for key, value in written.items():
            option = fields.get(key)
            if option is None:
                hint = _unknown_option_hint(key, fields)
                message = f"rule `{entry.name}` has no option `{key}`"
                self._problems.append(source.problem((*path, key), message, hint, on_key=True))
                continue
            wrong = list(option.type.mismatches(value))
            self._problems.extend(
                source.problem((*path, key, *at), f"option `{key}` of rule `{entry.name}`: {said}")
                for at, said in wrong
            )
            if not wrong:
                converted[option.name] = option.type.convert(value)
        return converted

    def _accepted(self, source: Source, path: KeyPath, entry: RuleEntry, options: Mapping[str, object]) -> bool:
        """Whether the rule's own class takes the values; it may check more than types."""
        try:
            entry.options(**options)
        except (ValueError, TypeError) as error:
            message = f"options of rule `{entry.name}`: {error}"
            self._problems.append(source.problem(path, message, on_key=True))
            return False
        return True


def _unknown_rule_hint(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known, cutoff=0.7)
    if close is not None:
        return f"did you mean `{close}`?"
    return (
        "no installed package has it; if it belongs to a plug-in, install the plug-in beside greenlint "
        "(`additional_dependencies` of a pre-commit hook)"
    )


def _unknown_option_hint(key: str, fields: Mapping[str, OptionField]) -> str:
    if not fields:
        return "it has no options"
    close = nearest(key, fields)
    return f"did you mean `{close}`?" if close is not None else "it has " + ", ".join(f"`{each}`" for each in fields)
