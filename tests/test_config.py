from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

import greenlint
from greenlint.config import (
    ConfigError,
    Origin,
    OriginKind,
    Overrides,
    Resolver,
    Settings,
    describe_key,
    describe_keys,
    environment_flag,
    json_schema,
    schema_text,
    show_settings,
)
from greenlint.config_keys import KEYS, OVERRIDE_KEYS
from greenlint.finding import Severity
from greenlint.rule import RuleOptions
from greenlint.scaffold import config_template
from greenlint.selection import RuleCatalogue, RuleEntry
from greenlint.toml_text import TomlText


class WorkerOptions(RuleOptions):
    workers: int = 4
    mode: Literal["fast", "slow"] = "fast"
    skip_names: tuple[str, ...] = ()
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError("`workers` may not be negative")


CATALOGUE = RuleCatalogue(
    entries={
        each.name: each
        for each in (
            RuleEntry("dataloader-no-workers", "loading", default=True, options=WorkerOptions),
            RuleEntry("dataloader-not-pinned", "loading", default=True),
            RuleEntry("loader-workers-respawned", "loading", default=False),
            RuleEntry("torch-train-without-amp", "precision", default=True),
            RuleEntry("old-rule", "precision", default=False, deprecated=True),
        )
    },
    former={"loader-without-workers": "dataloader-no-workers"},
    failed={"acme-rule": "cannot be imported: ImportError: no acme"},
)

DEFAULT_RULES = {"dataloader-no-workers", "dataloader-not-pinned", "torch-train-without-amp"}

Write = Callable[[str, str], Path]
SettingsOf = Callable[..., Settings]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write_file


@pytest.fixture
def resolver(tmp_path: Path) -> Callable[..., Resolver]:
    def make(**given: object) -> Resolver:
        overrides = Overrides.read(**given)  # type: ignore[arg-type]
        return Resolver(lambda _: CATALOGUE, overrides, cwd=tmp_path, version="0.3.1")

    return make


@pytest.fixture
def settings(resolver: Callable[..., Resolver]) -> SettingsOf:
    def of(path: str = "a.py", **given: object) -> Settings:
        return resolver(**given).settings_for(path)

    return of


def error_of(settings: SettingsOf, **given: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings(**given)
    return caught.value


# Where configuration is found


def test_without_configuration_everything_is_default(settings: SettingsOf, tmp_path: Path) -> None:
    found = settings()
    assert set(found.rules) == DEFAULT_RULES
    assert found.root == tmp_path
    assert found.file is None
    assert found.fail_level is Severity.WARNING
    assert found.min_severity is Severity.INFO
    assert found.hardware == "auto"
    assert found.cache_dir == tmp_path / ".greenlint_cache"
    assert found.jobs is None
    assert set(found.origins.values()) == {Origin()}


def test_the_closest_file_wins_and_nothing_is_merged(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", 'hardware = "gpu"\njobs = 3')
    write("sub/pyproject.toml", '[tool.greenlint]\nhardware = "cpu"')
    assert settings("a.py").hardware == "gpu"
    inner = settings("sub/deep/a.py")
    assert (inner.hardware, inner.jobs) == ("cpu", None)
    assert inner.root.name == "sub"


def test_a_pyproject_without_the_table_is_passed_over(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", 'hardware = "gpu"')
    write("sub/pyproject.toml", '[project]\ndependencies = ["greenlint-ml"]\n[tool.other]\nx = 1')
    write("sub/below/pyproject.toml", "this is not TOML, and none of our business")
    assert settings("sub/a.py").hardware == "gpu"
    assert settings("sub/below/a.py").hardware == "gpu"


def test_an_empty_table_counts(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", 'hardware = "gpu"')
    write("sub/pyproject.toml", "[tool.greenlint]")
    assert settings("sub/a.py").hardware == "auto"


def test_of_one_folder_the_hidden_file_wins(write: Write, settings: SettingsOf) -> None:
    write("pyproject.toml", "[tool.greenlint]\njobs = 1")
    assert settings().jobs == 1
    write("greenlint.toml", "jobs = 2")
    assert settings().jobs == 2
    write(".greenlint.toml", "jobs = 3")
    assert settings().jobs == 3


def test_without_configuration_the_project_is_the_root(write: Write, settings: SettingsOf) -> None:
    write("other/pyproject.toml", "[project]")
    assert settings("other/src/a.py").root.name == "other"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path, settings: SettingsOf) -> None:
    (tmp_path / "greenlint.toml").write_bytes(b"\xef\xbb\xbfjobs = 2\r\n")
    assert settings().jobs == 2


def test_folders_may_be_nested_deeply(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "jobs = 2")
    assert settings("d/" * 1500 + "a.py").jobs == 2


def test_each_folder_is_read_once(write: Write, resolver: Callable[..., Resolver]) -> None:
    path = write("greenlint.toml", "jobs = 2")
    made = resolver()
    first = made.settings_for("a.py")
    path.unlink()
    assert made.settings_for("b.py") is first


# Keys


def test_every_key_reaches_the_settings(write: Write, settings: SettingsOf, tmp_path: Path) -> None:
    write("rules/x.py", "")
    write(
        "pyproject.toml",
        """
        [tool.greenlint]
        required-version = ">=0.3,<1"
        select = ["loading"]
        extend-select = ["torch-train-without-amp"]
        ignore = ["dataloader-not-pinned"]
        min-severity = "warning"
        fail-level = "error"
        hardware = "detect"
        target-version = "py311"
        require-reason = true
        include = ["*.py"]
        exclude = ["gen"]
        extend-exclude = ["more"]
        force-exclude = true
        respect-gitignore = false
        rule-paths = ["rules"]
        cache-dir = "cache"
        jobs = 2
        output-format = "json"
        severity = { loading = "error", dataloader-no-workers = "info" }

        [tool.greenlint.rules.dataloader-no-workers]
        workers = 8
        skip-names = ["a"]
        share = 1
        """,
    )
    found = settings()
    assert set(found.rules) == {
        "dataloader-no-workers",
        "loader-workers-respawned",
        "torch-train-without-amp",
    }
    assert (found.min_severity, found.fail_level) == (Severity.WARNING, Severity.ERROR)
    assert (found.hardware, found.target_version, found.require_reason) == ("detect", (3, 11), True)
    assert [each.globs for each in found.include] == [("*.py",)]
    assert [each.globs for each in found.exclude] == [("gen",), ("more",)]
    assert {each.base for each in found.exclude} == {str(tmp_path)}
    assert (found.force_exclude, found.respect_gitignore) == (True, False)
    assert found.rule_paths == (tmp_path / "rules",)
    assert (found.cache_dir, found.jobs, found.output_format) == (tmp_path / "cache", 2, "json")
    assert found.severities == {
        "dataloader-no-workers": Severity.INFO,
        "dataloader-not-pinned": Severity.ERROR,
        "loader-workers-respawned": Severity.ERROR,
    }
    assert found.rule_options == {"dataloader-no-workers": {"workers": 8, "skip_names": ("a",), "share": 1.0}}
    assert found.warnings == ()


def test_origins_name_file_and_line(write: Write, settings: SettingsOf) -> None:
    write(
        "pyproject.toml",
        "[project]\nname = 'x'\n\n[tool.greenlint]\njobs = 2\nextend-select = [\n  'old-rule',\n"
        "  'loader-workers-respawned',\n]\nseverity.loading = 'info'\n"
        "[tool.greenlint.rules.dataloader-no-workers]\nworkers = 1\n",
    )
    found = settings()
    assert str(found.origins["jobs"]) == "pyproject.toml:5"
    assert str(found.origins["severity.loading"]) == "pyproject.toml:10"
    assert str(found.origins["rules.dataloader-no-workers.workers"]) == "pyproject.toml:12"
    assert str(found.origins["hardware"]) == "default"
    assert str(found.rules["loader-workers-respawned"]) == "pyproject.toml:8"
    assert str(found.rules["dataloader-not-pinned"]) == "default"


def test_show_settings_prints_every_key_with_its_origin(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "jobs = 2\n[rules.dataloader-no-workers]\nworkers = 1")
    shown = show_settings(settings(flags={"select": "loading"}))
    assert "jobs = 2  # greenlint.toml:1\n" in shown
    assert "#   rules.dataloader-no-workers.workers: greenlint.toml:3\n" in shown
    assert "target-version = (not set)  # default\n" in shown
    assert "#   dataloader-not-pinned: command line (--select)\n" in shown
    assert all(f"\n{key} = " in shown for key in KEYS)


def test_former_and_deprecated_names_work_with_a_warning(write: Write, resolver: Callable[..., Resolver]) -> None:
    write("greenlint.toml", 'ignore = [\n"loader-without-workers"]\nextend-select = ["old-rule"]')
    made = resolver()
    found = made.settings_for("a.py")
    assert set(found.rules) == {"dataloader-not-pinned", "old-rule", "torch-train-without-amp"}
    assert found.warnings == (
        "greenlint.toml:3: rule `old-rule` is deprecated",
        "greenlint.toml:2: rule `loader-without-workers` is now called `dataloader-no-workers`",
    )
    assert made.warnings() == found.warnings


def test_a_rule_that_did_not_load_is_no_mistake_of_the_user(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", 'extend-select = ["acme-rule"]\n[rules.acme-rule]\nx = 1')
    found = settings()
    assert "acme-rule" not in found.rules
    assert found.rule_options == {}
    assert "rule `acme-rule` did not load: cannot be imported: ImportError: no acme" in found.warnings[0]


# Single files


OVERRIDES = """
ignore = ["dataloader-not-pinned"]
severity = { loading = "error" }

[rules.dataloader-no-workers]
workers = 1
mode = "slow"

[[overrides]]
files = ["tests/**", "*_check.py"]
ignore = ["precision"]
severity = { ALL = "info" }
hardware = "cpu"

[[overrides]]
files = ["tests/special/*.py"]
select = ["torch-train-without-amp"]
[overrides.rules.dataloader-no-workers]
workers = 9
"""


def test_overrides_hold_for_their_files(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", OVERRIDES)
    plain, checked = settings("src/a.py"), settings("src/a_check.py")
    assert set(plain.rules) == {"dataloader-no-workers", "torch-train-without-amp"}
    assert set(checked.rules) == {"dataloader-no-workers"}
    assert (plain.hardware, checked.hardware) == ("auto", "cpu")
    assert plain.severities["dataloader-no-workers"] is Severity.ERROR
    assert checked.severities["dataloader-no-workers"] is Severity.INFO
    assert checked.severities["torch-train-without-amp"] is Severity.INFO
    assert "torch-train-without-amp" not in plain.severities
    assert str(checked.origins["hardware"]) == "greenlint.toml:13"


def test_later_overrides_win_and_options_are_merged(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", OVERRIDES)
    special = settings("tests/special/a.py")
    assert set(special.rules) == {"torch-train-without-amp"}
    assert special.hardware == "cpu"
    assert special.rule_options["dataloader-no-workers"] == {"workers": 9, "mode": "slow"}
    assert special.severities["dataloader-no-workers"] is Severity.INFO


def test_files_with_the_same_overrides_share_settings(write: Write, resolver: Callable[..., Resolver]) -> None:
    write("greenlint.toml", OVERRIDES)
    made = resolver()
    assert made.settings_for("tests/a.py") is made.settings_for("tests/deep/b.py")
    assert made.settings_for("tests/a.py") is not made.settings_for("src/b.py")
    assert made.settings_for_folder("tests") is made.settings_for("src/b.py")


def test_per_file_ignores(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", '[per-file-ignores]\n"tests/*" = ["loading"]\n"!src/**" = ["precision"]')
    assert set(settings("src/a.py").rules) == DEFAULT_RULES
    assert set(settings("tests/deep/a.py").rules) == set()
    assert set(settings("b.py").rules) == DEFAULT_RULES - {"torch-train-without-amp"}


def test_what_is_ignored_for_a_file_stays_so_on_the_command_line(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", 'per-file-ignores = { "a.py" = ["dataloader-no-workers"] }\n' + OVERRIDES)
    flags = {"select": "dataloader-no-workers,torch-train-without-amp"}
    assert set(settings("a.py", flags=flags).rules) == {"torch-train-without-amp"}
    assert set(settings("b_check.py", flags=flags).rules) == {"dataloader-no-workers"}


def test_hardware_on_the_command_line_wins_over_overrides(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", OVERRIDES)
    found = settings("tests/a.py", flags={"hardware": "gpu"})
    assert (found.hardware, str(found.origins["hardware"])) == ("gpu", "command line (--hardware)")


# extend


def test_extend_merges_what_it_names(write: Write, settings: SettingsOf, tmp_path: Path) -> None:
    write("shared/rules/x.py", "")
    write(
        "shared/base.toml",
        """
        ignore = ["dataloader-not-pinned"]
        extend-exclude = ["gen"]
        rule-paths = ["rules"]
        jobs = 4
        hardware = "gpu"
        severity = { loading = "error" }
        rules = { dataloader-no-workers = { workers = 1, mode = "slow" } }
        [[overrides]]
        files = ["src/**"]
        hardware = "cpu"
        """,
    )
    write(
        "greenlint.toml",
        """
        extend = "shared/base.toml"
        hardware = "detect"
        extend-exclude = ["more/gen"]
        extend-select = ["loader-workers-respawned"]
        severity = { precision = "info" }
        rules = { dataloader-no-workers = { workers = 2 } }
        """,
    )
    found = settings("src/a.py")
    assert set(found.rules) == {
        "dataloader-no-workers",
        "loader-workers-respawned",
        "torch-train-without-amp",
    }
    assert found.root == tmp_path
    assert (found.jobs, found.hardware) == (4, "detect")
    assert found.rule_paths == (tmp_path / "shared/rules",)
    assert found.rule_options["dataloader-no-workers"] == {"workers": 2, "mode": "slow"}
    assert found.severities["dataloader-no-workers"] is Severity.ERROR
    assert found.severities["torch-train-without-amp"] is Severity.INFO
    assert [(Path(each.base).name, each.globs) for each in found.exclude[1:]] == [
        ("shared", ("gen",)),
        (tmp_path.name, ("more/gen",)),
    ]
    assert str(found.origins["jobs"]) == str(Path("shared", "base.toml:5"))
    assert settings("shared/src/a.py").hardware == "cpu"


def test_a_pyproject_can_be_extended(write: Write, settings: SettingsOf) -> None:
    write("base/pyproject.toml", "[tool.greenlint]\njobs = 4")
    write("greenlint.toml", 'extend = "base/pyproject.toml"')
    assert settings().jobs == 4


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"greenlint.toml": 'extend = "no.toml"'}, "the extended file `no.toml` does not exist"),
        ({"greenlint.toml": 'extend = "greenlint.toml"'}, "greenlint.toml -> greenlint.toml"),
        (
            {"greenlint.toml": 'extend = "b.toml"', "b.toml": 'extend = "greenlint.toml"'},
            "files extend each other: greenlint.toml -> b.toml -> greenlint.toml",
        ),
        (
            {"greenlint.toml": 'extend = "x/pyproject.toml"', "x/pyproject.toml": "[project]"},
            f"`{Path('x', 'pyproject.toml')}` has no table `[tool.greenlint]`",
        ),
    ],
)
def test_files_that_cannot_be_extended(write: Write, settings: SettingsOf, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        write(name, text)
    error = error_of(settings)
    assert message in error.message
    assert error.line == 1


def test_an_error_in_an_extended_file_names_that_file(write: Write, settings: SettingsOf) -> None:
    write("base.toml", "\njobs = 0")
    write("greenlint.toml", 'extend = "base.toml"')
    error = error_of(settings)
    assert (error.file, error.line, error.key) == ("base.toml", 2, "jobs")


# Mistakes


def test_a_mistake_is_shown_with_line_caret_and_hint(write: Write, settings: SettingsOf) -> None:
    write("pyproject.toml", '[tool.greenlint]\nhardware = "gpu"\nextend_select = ["loading"]\n')
    error = error_of(settings)
    assert str(error) == (
        "pyproject.toml:3:1: unknown key `extend_select`\n"
        "  |\n"
        '3 | extend_select = ["loading"]\n'
        "  | ^^^^^^^^^^^^^\n"
        "  = help: did you mean `extend-select`?"
    )
    assert (error.file, error.line, error.column, error.key) == ("pyproject.toml", 3, 1, "extend_select")
    assert error.hint == "did you mean `extend-select`?"


@pytest.mark.parametrize(
    ("text", "line", "column", "said", "hint"),
    [
        ('selct = ["loading"]', 1, 1, "unknown key `selct`", "did you mean `select`?"),
        ("zzz = 1", 1, 1, "unknown key `zzz`", None),
        ('extend-ignore = ["x"]', 1, 1, "unknown key `extend-ignore`", "use `ignore`"),
        ("[lint]\nselect = []", 1, 2, "unknown key `lint`", "at the same level"),
        ("[tool.greenlint]\njobs = 1", 1, 2, "unknown key `tool`", "at the top level"),
        ("[some-rule]\nworkers = 1", 1, 2, "unknown key `some-rule`", "stand in `[rules.some-rule]`"),
        ('files = ["a"]', 1, 1, "unknown key `files`", "belongs in `[[overrides]]`"),
        ("jobs = '4'", 1, 8, '`jobs`: expected an integer of at least 1, found `"4"`', None),
        ("jobs = 0", 1, 8, "`jobs`: expected an integer of at least 1, found `0`", None),
        ("jobs = true", 1, 8, "`jobs`: expected an integer of at least 1, found `true`", None),
        ("force-exclude = 1", 1, 17, "`force-exclude`: expected true or false, found `1`", None),
        ("select = 'loading'", 1, 10, '`select`: expected a list of strings, found `"loading"`', None),
        ("select = [\n 'loading',\n 3]", 3, 2, "`select[1]`: expected a string, found `3`", None),
        ("hardware = 'tpu'", 1, 12, '`hardware`: expected one of "auto", "gpu", "cpu", "detect"', None),
        ("severity = 'info'", 1, 12, '`severity`: expected a table, found `"info"`', None),
        ("severity.loading = 'off'", 1, 20, "`severity.loading`: expected one of", None),
        ("rules = 1", 1, 9, "`rules`: expected a table of tables, found `1`", None),
        ("rules.dataloader-no-workers = 1", 1, 31, "expected a table, found `1`", None),
        ("overrides = {}", 1, 13, "`overrides`: expected an array of tables, found a table", None),
        ("jobs = 1979-05-27", 1, 8, "found a date or time", None),
        ("exclude = ['a', '[b']", 1, 17, "`exclude`: `[` without `]` in `[b`", None),
        ("[per-file-ignores]\n'{a' = []", 2, 1, "`per-file-ignores`: `{` without `}`", None),
        ("rule-paths = ['nowhere']", 1, 15, "there is no file or folder `nowhere`", None),
        ("select = ['loadin']", 1, 11, "unknown rule or category `loadin`", "did you mean `loading`?"),
        ("ignore = ['all']", 1, 11, "unknown rule or category `all`", "did you mean `ALL`?"),
        (
            "select = [\n'loading', # a\n  'dataloader_no_worker',\n]",
            3,
            3,
            "unknown rule or category `dataloader_no_worker`",
            "did you mean `dataloader-no-workers`?",
        ),
        ("extend-select = ['acme-waste']", 1, 18, "unknown rule or category `acme-waste`", "plug-in"),
        ("severity = { loadin = 'info' }", 1, 14, "unknown rule or category `loadin`", "`loading`"),
        ("[per-file-ignores]\n'a' = ['x', 'nope']", 2, 8, "unknown rule or category `x`", None),
        ("[rules.dataloader-no-worker]", 1, 8, "unknown rule `dataloader-no-worker`", "no-workers`?"),
        ("[rules.loading]\nx = 1", 1, 8, "unknown rule `loading`", None),
        (
            "[rules.dataloader-no-workers]\nworker = 1",
            2,
            1,
            "rule `dataloader-no-workers` has no option `worker`",
            "did you mean `workers`?",
        ),
        (
            "[rules.dataloader-no-workers]\nskip_names = []",
            2,
            1,
            "has no option `skip_names`",
            "did you mean `skip-names`?",
        ),
        ("[rules.dataloader-no-workers]\nzz = 1", 2, 1, "has no option `zz`", "it has `workers`, `mode`"),
        ("[rules.dataloader-not-pinned]\nx = 1", 2, 1, "has no option `x`", "it has no options"),
        (
            "[rules.dataloader-no-workers]\nworkers = 1.5",
            2,
            11,
            "option `workers` of rule `dataloader-no-workers`: expected an integer, found `1.5`",
            None,
        ),
        (
            "[rules.dataloader-no-workers]\nskip-names = ['a', 2]",
            2,
            20,
            "option `skip-names` of rule `dataloader-no-workers`: expected a string, found `2`",
            None,
        ),
        ("[rules.dataloader-no-workers]\nworkers = -1", 1, 8, "`workers` may not be negative", None),
        ("[[overrides]]\nignore = ['loading']", 1, 3, "needs `files`", None),
        ("[[overrides]]\nfiles = ['a']\njobs = 1", 3, 1, "unknown key `jobs`", "holds for the whole run"),
        ("[[overrides]]\nfiles = ['a']\nselct = []", 3, 1, "unknown key `selct`", "`select`?"),
        ("[[overrides]]\nfiles = ['a']\nselect = ['x']", 3, 11, "unknown rule or category `x`", None),
        ("[[overrides]]\nfiles = ['a']\n[overrides.rules.zzz]", 3, 18, "unknown rule `zzz`", None),
        ("required-version = 'soon'", 1, 20, "`soon` is no set of versions", ">=0.1.0"),
        ("required-version = '>=0.4'\nnew-key = 1", 1, 20, "is for greenlint `>=0.4`, but 0.3.1", None),
        ("jobs = = 2", 1, 8, "invalid TOML: invalid value", None),
        ("jobs = 1\njobs = 2", 2, 9, "invalid TOML: cannot overwrite a value", None),
    ],
)
def test_mistakes_are_located(
    write: Write, settings: SettingsOf, text: str, line: int, column: int, said: str, hint: str | None
) -> None:
    write("greenlint.toml", text)
    error = error_of(settings)
    assert (error.file, error.line, error.column) == ("greenlint.toml", line, column)
    assert said in error.message
    if hint is not None:
        assert error.hint is not None
        assert hint in error.hint
    assert f"{line} | {text.splitlines()[line - 1]}" in str(error)
    assert not error.message.endswith(".")


def test_all_mistakes_of_a_kind_are_reported_at_once(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "selct = []\njobs = 0\n[[overrides]]\nfiles = ['a']\nx = 1")
    error = error_of(settings)
    assert [each.line for each in error.problems] == [1, 2, 5]
    assert str(error).count("greenlint.toml:") == 3


def test_a_table_that_is_none(write: Write, settings: SettingsOf) -> None:
    write("pyproject.toml", "[tool]\ngreenlint = true")
    error = error_of(settings)
    assert (error.message, error.line) == ("expected a table, found `true`", 2)


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path, settings: SettingsOf) -> None:
    (tmp_path / "greenlint.toml").write_bytes(b'# ok\nhardware = "\xe9"\n')
    assert str(error_of(settings)) == "greenlint.toml:2: is not UTF-8, which TOML has to be"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_an_error(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "jobs = 1").chmod(0)
    assert error_of(settings).message == "cannot be read: permission denied"


def test_a_very_long_line_is_shown_in_part(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "select = [" + "'loading', " * 200 + "'nope', " + "'loading', " * 200 + "]")
    shown = str(error_of(settings)).splitlines()
    assert max(map(len, shown)) < 200
    caret = shown[3].index("^")
    assert shown[2][caret : caret + 6] == "'nope'"


def test_tabs_before_the_caret_are_kept(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "\tjobs\t= 0")
    assert "\n  | \t    \t  ^" in str(error_of(settings))


def test_an_error_survives_pickling(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "jobs = 0")
    error = error_of(settings)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.line, again.problems) == (str(error), 1, error.problems)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (">=0.1.0", True),
        ("0.3.1", True),
        ("==0.3.1", True),
        ("==0.3", False),
        ("==0.3.*", True),
        ("0.3.*", True),
        ("!=0.3.*", False),
        ("~=0.3.0", True),
        ("~=0.2", True),
        ("~=0.2.0", False),
        (">=0.1, <0.3", False),
        (">=0.1, <0.4", True),
        (">0.3.1", False),
        ("<=0.3.1", True),
        (">=1", False),
    ],
)
def test_required_version(write: Write, settings: SettingsOf, wanted: str, fits: bool) -> None:
    write("greenlint.toml", f'required-version = "{wanted}"')
    if fits:
        settings()
    else:
        assert "0.3.1 is running" in error_of(settings).message


# Command line and environment


def test_flags_win_over_snippets_over_variables_over_files(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "jobs = 1")
    environ = {"GREENLINT_JOBS": "2", "HOME": "/"}
    found = settings(environ=environ)
    assert (found.jobs, str(found.origins["jobs"])) == (2, "environment (GREENLINT_JOBS)")
    found = settings(environ=environ, config=["jobs = 3"])
    assert (found.jobs, str(found.origins["jobs"])) == (3, 'command line (--config "jobs = 3")')
    found = settings(environ=environ, config=["jobs = 3"], flags={"jobs": 4, "hardware": None})
    assert (found.jobs, str(found.origins["jobs"])) == (4, "command line (--jobs)")
    assert found.origins["jobs"].kind is OriginKind.COMMAND_LINE


def test_snippets_may_set_anything(settings: SettingsOf) -> None:
    found = settings(config=["rules.dataloader-no-workers.workers = 7", 'severity = { ALL = "info" }'])
    assert found.rule_options == {"dataloader-no-workers": {"workers": 7}}
    assert found.severities["torch-train-without-amp"] is Severity.INFO


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"select": "loading, torch-train-without-amp"}, 4),
        ({"select": ["loading", "torch-train-without-amp,old-rule"]}, 5),
        ({"ignore": ("loading",)}, 1),
        ({"extend-select": ["loader-workers-respawned"]}, 4),
        ({"per-file-ignores": "a.py:loading,precision"}, 0),
        ({"per-file-ignores": ["a.py:loading", "b.py:precision"]}, 1),
        ({"per-file-ignores": {"a.py": ["precision"]}}, 2),
    ],
)
def test_flags_as_text_lists_and_tables(settings: SettingsOf, flags: dict[str, object], expected: int) -> None:
    assert len(settings(flags=flags).rules) == expected


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"flags": {"jobs": "many"}}, '--jobs: expected an integer of at least 1, found `"many"`'),
        ({"flags": {"jobs": -1}}, "--jobs: expected an integer of at least 1, found `-1`"),
        (
            {"flags": {"select": "loadin"}},
            "--select: unknown rule or category `loadin`\n = help: did you mean",
        ),
        ({"environ": {"GREENLINT_HARDWARE": "x"}}, "GREENLINT_HARDWARE: expected one of"),
        ({"environ": {"GREENLINT_FORCE_EXCLUDE": "maybe"}}, "GREENLINT_FORCE_EXCLUDE: expected"),
        ({"config": ["selct = []"]}, '--config "selct = []":1:1: unknown key `selct`'),
        ({"config": ["jobs ="]}, '--config "jobs =":1:7: invalid TOML'),
        ({"config": ["a.toml", "b.toml"]}, "--config: only one configuration file can be given"),
        ({"config": ["no.toml"]}, "no.toml: cannot be read: no such file or directory"),
        ({"config": ["a.toml"], "isolated": True}, "--config: `--isolated` leaves all"),
        (
            {"environ": {"GREENLINT_ISOLATED": "perhaps"}},
            'GREENLINT_ISOLATED: expected true or false, found "perhaps"',
        ),
    ],
)
def test_mistakes_on_the_command_line(settings: SettingsOf, given: dict[str, object], shown: str) -> None:
    assert str(error_of(settings, **given)).startswith(shown)


def test_variables_that_are_empty_or_foreign_are_left_alone(settings: SettingsOf) -> None:
    found = settings(environ={"GREENLINT_JOBS": "", "GREENLINT_RULES": "/x", "GREENLINT_SELECT": "loading"})
    assert found.jobs is None
    assert len(found.rules) == 3
    assert found.rules["dataloader-no-workers"] == Origin(OriginKind.ENVIRONMENT, "GREENLINT_SELECT")


def test_isolated_reads_no_file(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", "jobs = 1")
    assert settings(isolated=True).jobs is None
    assert settings(environ={"GREENLINT_ISOLATED": "1"}).jobs is None
    assert settings(isolated=True, flags={"jobs": 2}).jobs == 2


def test_a_given_file_holds_for_all_paths_from_the_working_directory(
    write: Write, settings: SettingsOf, tmp_path: Path
) -> None:
    write("greenlint.toml", "jobs = 1")
    write("ci/strict.toml", 'jobs = 2\nextend-exclude = ["a/b"]\n[[overrides]]\nfiles=["src/*"]\nhardware="gpu"')
    found = settings("src/a.py", config=["ci/strict.toml"])
    assert (found.jobs, found.hardware, found.root) == (2, "gpu", tmp_path)
    assert found.exclude[1].base == str(tmp_path)
    assert settings(environ={"GREENLINT_CONFIG": "ci/strict.toml"}).jobs == 2


def test_a_given_pyproject_needs_the_table(write: Write, settings: SettingsOf) -> None:
    write("pyproject.toml", "[project]")
    error = error_of(settings, config=["pyproject.toml"])
    assert str(error) == "pyproject.toml: has no table `[tool.greenlint]`"


def test_environment_flag() -> None:
    assert environment_flag("no-cache", {"GREENLINT_NO_CACHE": "yes"}) is True
    assert environment_flag("no-cache", {"GREENLINT_NO_CACHE": "0"}) is False
    assert environment_flag("no-cache", {}) is None
    with pytest.raises(ConfigError, match="GREENLINT_NO_CACHE: expected true or false"):
        environment_flag("no-cache", {"GREENLINT_NO_CACHE": "perhaps"})


# Rule paths and catalogue


def test_the_catalogue_is_asked_for_the_rule_paths(write: Write, tmp_path: Path) -> None:
    write("checks/x.py", "")
    write("greenlint.toml", 'rule-paths = ["checks", "./checks"]')
    asked: list[tuple[Path, ...]] = []

    def catalogue(paths: tuple[Path, ...]) -> RuleCatalogue:
        asked.append(paths)
        return CATALOGUE

    made = Resolver(catalogue, cwd=tmp_path)
    made.settings_for("a.py")
    made.settings_for("deep/b.py")
    assert asked == [(tmp_path / "checks",)]


# Settings


def test_settings_survive_pickling(write: Write, settings: SettingsOf) -> None:
    write("greenlint.toml", OVERRIDES)
    found = settings("tests/a.py")
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.fingerprint() == found.fingerprint()


def test_the_fingerprint_changes_with_what_changes_findings(write: Write, settings: SettingsOf) -> None:
    same = [settings(), settings(flags={"jobs": 3, "fail-level": "error", "output-format": "json"})]
    assert len({each.fingerprint() for each in same}) == 1
    changed = [
        settings(),
        settings(flags={"hardware": "gpu"}),
        settings(flags={"select": "loading"}),
        settings(flags={"require-reason": True}),
        settings(flags={"target-version": "py310"}),
        settings(flags={"min-severity": "error"}),
        settings(config=['severity.ALL = "info"']),
        settings(config=["rules.dataloader-no-workers.workers = 5"]),
    ]
    assert len({each.fingerprint() for each in changed}) == len(changed)


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = "from pathlib import Path; from greenlint.settings import Settings; " + (
        "print(Settings(Path('/a'), rules={'b': None, 'a': None}).fingerprint())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


# Documentation, schema, template: all from the one table


def test_every_key_is_documented() -> None:
    assert [line.split()[0] for line in describe_keys().splitlines()] == list(KEYS)
    for name in KEYS:
        text = describe_key(name)
        assert text is not None
        assert "Default: " in text
        assert KEYS[name].example.splitlines()[0] in text
    assert describe_key("nope") is None
    assert "May also stand in [[overrides]]" in (describe_key("select") or "")
    assert "Variable: GREENLINT_OUTPUT_FORMAT" in (describe_key("output-format") or "")
    assert "Variable:" not in (describe_key("rules") or "")
    assert "Type: a list of strings" in (describe_key("overrides.files") or "")


def test_every_key_has_a_default_of_its_own_type() -> None:
    for key in KEYS.values():
        assert key.default is None or not list(key.kind.mismatches(key.default))


def test_every_example_is_accepted(write: Write, settings: SettingsOf, tmp_path: Path) -> None:
    (tmp_path / "tools/rules").mkdir(parents=True)
    write("base.toml", "")
    for key in KEYS.values():
        write("greenlint.toml", key.example.replace("../greenlint.toml", "base.toml"))
        settings()


def test_the_template_is_what_the_examples_say(tmp_path: Path) -> None:
    text = config_template("tool.greenlint")
    assert TomlText(text).data == {"tool": {"greenlint": {}}}
    blocks = text.split("\n\n")[1:]
    assert len(blocks) == len(KEYS)
    live = "\n".join(line[2:] for block in blocks for line in block.splitlines()[1:])
    assert set(TomlText("[tool.greenlint]\n" + live).data["tool"]["greenlint"]) == set(KEYS)


def test_the_shipped_schema_does_not_drift() -> None:
    shipped = Path(greenlint.__file__).with_name("greenlint.schema.json")
    assert shipped.read_text("utf-8") == schema_text(), "write schema_text() to it"


def test_the_schema_knows_every_key() -> None:
    schema = json.loads(schema_text())
    assert set(schema["properties"]) == set(KEYS)
    assert set(schema["properties"]["overrides"]["items"]["properties"]) == set(OVERRIDE_KEYS)
    assert schema["properties"]["jobs"]["minimum"] == 1
    assert schema["properties"]["hardware"]["enum"] == ["auto", "gpu", "cpu", "detect"]
    assert all(each["description"] for each in schema["properties"].values())


def test_a_schema_with_a_catalogue_knows_the_options() -> None:
    schema = json.loads(json.dumps(json_schema(CATALOGUE)))
    rules = schema["properties"]["rules"]
    assert rules["additionalProperties"] is False
    assert set(rules["properties"]) == set(CATALOGUE.entries)
    options = rules["properties"]["dataloader-no-workers"]["properties"]
    assert options["workers"] == {"type": "integer", "default": 4}
    assert options["mode"] == {"enum": ["fast", "slow"], "default": "fast"}
    assert schema["properties"]["overrides"]["items"]["properties"]["rules"]["properties"].keys() == set(
        CATALOGUE.entries
    )


def test_configuration_is_light_to_import() -> None:
    code = (
        "import sys, greenlint.config, greenlint.registry, greenlint.discovery, greenlint.scaffold, "
        "greenlint.hardware; heavy = {'libcst', 'asyncio', 'typing_extensions', 'importlib.metadata', "
        "'pathspec', 'difflib'} & set(sys.modules); assert not heavy, heavy"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def test_docs_have_no_dangling_sentences() -> None:
    for key in (*KEYS.values(), *OVERRIDE_KEYS.values()):
        assert re.fullmatch(r"[A-Z`].*\.", key.doc), key.name
