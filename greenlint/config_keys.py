"""The one table of configuration keys: validation, schema, documentation and templates derive from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint.options import OptionField, OptionType, option_fields, toml_kind
from greenlint.toml_text import KeyPath

if TYPE_CHECKING:
    from greenlint.selection import RuleCatalogue

__all__ = [
    "DEFAULT_EXCLUDES",
    "HARDWARE",
    "KEYS",
    "LEVELS",
    "OUTPUT_FORMATS",
    "OVERRIDE_KEYS",
    "Entries",
    "Key",
    "Kind",
    "Tables",
    "Value",
    "describe_key",
    "describe_keys",
    "json_schema",
    "toml_value",
]

LEVELS = ("error", "warning", "info")
HARDWARE = ("auto", "gpu", "cpu", "detect")
OUTPUT_FORMATS = (
    "auto",
    "full",
    "concise",
    "grouped",
    "agent",
    "json",
    "json-lines",
    "github",
    "gitlab",
    "azure",
    "sarif",
    "junit",
    "rdjson",
    "lsp",
)
TARGET_VERSIONS = ("py38", "py39", "py310", "py311", "py312", "py313", "py314")

DEFAULT_EXCLUDES = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".greenlint_cache",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)

Mismatch = tuple[KeyPath, str]


class Kind:
    """What a key may hold."""

    what = ""
    """The type in words, with an article."""

    def mismatches(self, value: object) -> Iterator[Mismatch]:
        """Where below the key the type is not kept, and what was expected there."""
        raise NotImplementedError

    def read(self, text: str) -> object:
        """The value that a flag or an environment variable spells; not yet checked."""
        raise NotImplementedError

    def schema(self) -> dict[str, object]:
        """The type as JSON Schema."""
        raise NotImplementedError


@dataclass(frozen=True)
class Value(Kind):
    """A scalar or a list, as in the options of rules."""

    type: OptionType
    minimum: int | None = None

    @property
    def what(self) -> str:  # type: ignore[override]
        return self.type.what if self.minimum is None else f"{self.type.what} of at least {self.minimum}"

    def mismatches(self, value: object) -> Iterator[Mismatch]:
        if self.minimum is None:
            yield from self.type.mismatches(value)
        elif any(self.type.mismatches(value)) or not isinstance(value, int) or value < self.minimum:
            yield (), f"expected {self.what}, found {toml_kind(value)}"

    def read(self, text: str) -> object:
        if self.type.items is not None:
            return [each.strip() for each in text.split(",") if each.strip()]
        if self.type.scalar is int and text.strip().lstrip("-").isdigit():
            return int(text)
        if self.type.scalar is bool:
            return _TRUTH.get(text.strip().lower(), text)
        return text

    def schema(self) -> dict[str, object]:
        minimum = {} if self.minimum is None else {"minimum": self.minimum}
        return {**self.type.schema(), **minimum}


_TRUTH: Mapping[str, bool] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


@dataclass(frozen=True)
class Entries(Kind):
    """A table whose keys the user chooses."""

    item: Value
    what = "a table"

    def mismatches(self, value: object) -> Iterator[Mismatch]:
        if not isinstance(value, dict):
            yield (), f"expected {self.what}, found {toml_kind(value)}"
            return
        for name, each in value.items():
            yield from (((name, *at), said) for at, said in self.item.mismatches(each))

    def read(self, text: str) -> object:
        """``name:value`` pairs between commas; a value without a name belongs to the name before it."""
        entries: dict[str, list[str]] = {}
        name = ""
        for piece in filter(None, map(str.strip, text.split(","))):
            before, colon, after = piece.rpartition(":")
            name = before if colon else name
            entries.setdefault(name, []).append(after)
        many = self.item.type.items is not None
        return {name: values if many else values[-1] for name, values in entries.items()}

    def schema(self) -> dict[str, object]:
        return {"type": "object", "additionalProperties": self.item.schema()}


@dataclass(frozen=True)
class Tables(Kind):
    """Tables that are checked key by key elsewhere: ``[[overrides]]`` and the options of rules."""

    many: bool

    @property
    def what(self) -> str:  # type: ignore[override]
        return "an array of tables" if self.many else "a table of tables"

    def mismatches(self, value: object) -> Iterator[Mismatch]:
        if not isinstance(value, list if self.many else dict):
            yield (), f"expected {self.what}, found {toml_kind(value)}"
            return
        items = enumerate(value) if isinstance(value, list) else value.items()
        for name, each in items:
            if not isinstance(each, dict):
                yield (name,), f"expected a table, found {toml_kind(each)}"

    def schema(self) -> dict[str, object]:
        table: dict[str, object] = {"type": "object"}
        return {"type": "array", "items": table} if self.many else {**table, "additionalProperties": table}


_TEXT = OptionType(scalar=str)
_BOOL = Value(OptionType(scalar=bool))
_STRING = Value(_TEXT)
_STRINGS = Value(OptionType(items=_TEXT))


def _one_of(choices: tuple[str, ...]) -> Value:
    return Value(OptionType(choices=choices))


@dataclass(frozen=True)
class Key:
    """One configuration key."""

    name: str
    kind: Kind
    default: object
    doc: str
    """Contract in plain sentences; the first one stands alone in lists."""
    example: str
    """TOML as it would stand in ``greenlint.toml``."""
    per_file: bool = False
    """Whether ``[[overrides]]`` may set it."""
    adds_up: bool = False
    """Whether the lists of all sources are joined; other keys hold what the last source says."""

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it, if one can."""
        if self.name == "extend" or isinstance(self.kind, Tables):
            return None
        return "GREENLINT_" + self.name.upper().replace("-", "_")

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return self.doc.split(". ")[0].rstrip(".")


_ALL_KEYS = (
    Key(
        "extend",
        _STRING,
        None,
        "Another configuration file to build on, relative to this one. Keys of this file replace those of "
        "the extended one; tables are merged entry by entry; `extend-*` lists, `ignore` and `[[overrides]]` "
        "add up.",
        'extend = "../greenlint.toml"',
    ),
    Key(
        "required-version",
        _STRING,
        None,
        "The versions of greenlint this configuration is for. Any other version refuses to run.",
        'required-version = ">=0.1.0"',
    ),
    Key(
        "select",
        _STRINGS,
        None,
        "The rules to run instead of the default ones. Each entry is a rule, a category, or `ALL`; a more "
        "specific entry wins over `ignore`.",
        'select = ["loading", "torch-train-without-amp"]',
        per_file=True,
    ),
    Key(
        "extend-select",
        _STRINGS,
        [],
        "Rules to run in addition to the selected or default ones.",
        'extend-select = ["memory"]',
        per_file=True,
        adds_up=True,
    ),
    Key(
        "ignore",
        _STRINGS,
        [],
        "Rules and categories not to run.",
        'ignore = ["dataloader-not-pinned"]',
        per_file=True,
        adds_up=True,
    ),
    Key(
        "per-file-ignores",
        Entries(_STRINGS),
        {},
        "Rules not to run in files that match a pattern. A pattern that starts with `!` stands for all other files.",
        'per-file-ignores = { "tests/**" = ["ALL"] }',
    ),
    Key(
        "severity",
        Entries(_one_of(LEVELS)),
        {},
        "How much the findings of a rule, a category or `ALL` matter, in place of what the rules say.",
        'severity = { loading = "error" }',
        per_file=True,
    ),
    Key(
        "min-severity",
        _one_of(LEVELS),
        "info",
        "The mildest findings to report.",
        'min-severity = "warning"',
    ),
    Key(
        "fail-level",
        _one_of(LEVELS),
        "warning",
        "The mildest findings that make a run fail with exit code 1.",
        'fail-level = "error"',
    ),
    Key(
        "unsafe-fixes",
        _BOOL,
        False,
        "Whether `--fix` and `--diff` take unsafe fixes in.",
        "unsafe-fixes = true",
    ),
    Key(
        "show-fixes",
        _BOOL,
        False,
        "Whether `--fix` lists the fixes that it made.",
        "show-fixes = true",
    ),
    Key(
        "extend-safe-fixes",
        _STRINGS,
        [],
        "Rules and categories whose unsafe fixes count as safe. Of this list, `extend-unsafe-fixes` and `unfixable` "
        "the more specific entry wins, and the stricter one among equals.",
        'extend-safe-fixes = ["precision"]',
        adds_up=True,
    ),
    Key(
        "extend-unsafe-fixes",
        _STRINGS,
        [],
        "Rules and categories whose safe fixes count as unsafe.",
        'extend-unsafe-fixes = ["transfer"]',
        adds_up=True,
    ),
    Key(
        "unfixable",
        _STRINGS,
        [],
        "Rules and categories whose fixes are shown and never applied.",
        'unfixable = ["loading"]',
        adds_up=True,
    ),
    Key(
        "hardware",
        _one_of(HARDWARE),
        "auto",
        "What the code will run on. `auto` leaves it open, `detect` looks for accelerators of this machine.",
        'hardware = "gpu"',
        per_file=True,
    ),
    Key(
        "target-version",
        _one_of(TARGET_VERSIONS),
        None,
        "The oldest Python the code has to run on. Without it, the project's own metadata is asked.",
        'target-version = "py310"',
    ),
    Key(
        "require-reason",
        _BOOL,
        False,
        "Whether a suppression comment without a reason is a finding.",
        "require-reason = true",
    ),
    Key(
        "include",
        _STRINGS,
        ["*.py", "*.pyi", "*.ipynb"],
        "The files to look for in folders.",
        'include = ["src/**/*.py"]',
    ),
    Key(
        "exclude",
        _STRINGS,
        list(DEFAULT_EXCLUDES),
        "Files and folders to leave out, in place of the default ones. Patterns are relative to the folder "
        "of the configuration file; paths named on the command line are checked all the same.",
        'exclude = ["build", "src/generated/**"]',
    ),
    Key(
        "extend-exclude",
        _STRINGS,
        [],
        "Files and folders to leave out in addition to `exclude`.",
        'extend-exclude = ["third_party"]',
        adds_up=True,
    ),
    Key(
        "force-exclude",
        _BOOL,
        False,
        "Whether exclusions hold for paths named on the command line, too.",
        "force-exclude = true",
    ),
    Key(
        "respect-gitignore",
        _BOOL,
        True,
        "Whether files that git ignores are left out.",
        "respect-gitignore = false",
    ),
    Key(
        "rule-paths",
        _STRINGS,
        [],
        "Rule files, and folders of rule files, of this project.",
        'rule-paths = ["tools/rules"]',
        adds_up=True,
    ),
    Key(
        "baseline",
        _STRING,
        "greenlint-baseline.json",
        "The file with the findings that the project lives with for now, which are not reported. "
        "`greenlint baseline create` writes it.",
        'baseline = "tools/greenlint-baseline.json"',
    ),
    Key(
        "cache-dir",
        _STRING,
        ".greenlint_cache",
        "Where results of unchanged files are kept.",
        'cache-dir = ".cache/greenlint"',
    ),
    Key(
        "jobs",
        Value(OptionType(scalar=int), minimum=1),
        None,
        "How many processes check files. Without it, as many as there is work and processors for.",
        "jobs = 4",
    ),
    Key(
        "output-format",
        _one_of(OUTPUT_FORMATS),
        "auto",
        "How findings are printed; `auto` is `github` in GitHub Actions, `azure` in Azure Pipelines, else `full`.",
        'output-format = "concise"',
    ),
    Key(
        "rules",
        Tables(many=False),
        {},
        "The options of rules, one table for each rule.",
        "[rules.dataloader-no-workers]\nworkers = 8",
        per_file=True,
    ),
    Key(
        "overrides",
        Tables(many=True),
        [],
        "Settings for the files that match `files`. Later tables win over earlier ones.",
        '[[overrides]]\nfiles = ["examples/**"]\nignore = ["loading"]',
        adds_up=True,
    ),
)

KEYS: Mapping[str, Key] = {key.name: key for key in _ALL_KEYS}

_FILES = Key(
    "files",
    _STRINGS,
    [],
    "The files this table is for, as patterns relative to the folder of the configuration file.",
    'files = ["examples/**"]',
)

OVERRIDE_KEYS: Mapping[str, Key] = {"files": _FILES, **{key.name: key for key in _ALL_KEYS if key.per_file}}


def describe_keys() -> str:
    """All keys with one sentence each, for ``greenlint config``."""
    width = max(map(len, KEYS))
    return "".join(f"{key.name:<{width}}  {key.summary}\n" for key in KEYS.values())


def describe_key(name: str) -> str | None:
    """The documentation of one key, or of an ``overrides.`` key; ``None`` when there is no such key."""
    in_overrides = name.startswith("overrides.")
    key = OVERRIDE_KEYS.get(name.partition(".")[2]) if in_overrides else KEYS.get(name)
    if key is None:
        return None
    default = "not set" if key.default is None else toml_value(key.default)
    per_file = "\nMay also stand in [[overrides]].\n" if key.per_file and not in_overrides else ""
    example = "".join(f"    {line}\n" for line in key.example.splitlines())
    variable = f"Variable: {key.variable}\n" if key.variable is not None and not in_overrides else ""
    facts = f"Type: {key.kind.what}\nDefault: {default}\n{variable}Example:\n\n{example}"
    return f"{name}\n\n{key.doc}\n{per_file}\n{facts}"


def toml_value(value: object) -> str:
    """A value as TOML on one line."""
    import json

    if isinstance(value, dict):
        inner = ", ".join(f"{toml_key(name)} = {toml_value(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def toml_key(name: str) -> str:
    """A key as TOML, quoted when it must be."""
    import json

    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def json_schema(catalogue: RuleCatalogue | None = None) -> dict[str, object]:
    """The schema (draft 2020-12) of ``greenlint.toml``; a catalogue adds the names and options of rules."""
    rules = _rules_schema(catalogue)
    properties = {name: _documented(key) for name, key in KEYS.items()}
    properties["rules"] |= rules
    overrides = {name: _documented(key) for name, key in OVERRIDE_KEYS.items()}
    overrides["rules"] |= rules
    properties["overrides"]["items"] = {
        "type": "object",
        "properties": overrides,
        "required": ["files"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "greenlint configuration",
        "description": "greenlint.toml, .greenlint.toml, or the table [tool.greenlint] of pyproject.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _documented(key: Key) -> dict[str, object]:
    default = {} if key.default is None else {"default": key.default}
    return {"description": key.doc, **key.kind.schema(), **default}


def _rules_schema(catalogue: RuleCatalogue | None) -> dict[str, object]:
    if catalogue is None:
        return {}
    tables = {
        name: {
            "type": "object",
            "properties": {each.key: _option_schema(each) for each in option_fields(entry.options)},
            "additionalProperties": False,
        }
        for name, entry in sorted(catalogue.entries.items())
    }
    return {"properties": tables, "additionalProperties": False}


def _option_schema(option: OptionField) -> dict[str, object]:
    default = {} if option.default is None else {"default": option.default}
    return {**option.type.schema(), **default}
