from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import greenlint
from greenlint.cli import EXIT_CODES, VERBS, main
from greenlint.version import __version__

RULE = '''
"""A rule for tests."""

from greenlint import Bad, Good, Rule, RuleOptions, Severity, on_node


class SlowCall(Rule):
    """Flags calls of `slow_call`.

    It is slow.
    """

    class Options(RuleOptions):
        limit: int = 3
        """How slow it may be."""

    words = (("slow_call",),)
    examples = (
        Bad("slow_call()  # bad"),
        Good("fast_call()", why="it is fast"),
    )

    @on_node("Call")
    def check(self, node, facts):
        if getattr(node.func, "value", "") == "crash":
            raise ValueError("no")
        if getattr(node.func, "value", "") == "slow_call":
            mild = Severity.INFO if node.args else None
            yield self.finding(node, "this call is slow", help="use fast_call", severity=mild)
'''
CONFIGURATION = 'rule-paths = ["rules"]\nselect = ["slow-call"]\n'


class Outcome:
    """What a command printed and returned."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Run = Callable[..., Outcome]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "slow_call.py").write_text(RULE)
    (tmp_path / "greenlint.toml").write_text(CONFIGURATION)
    (tmp_path / "bad.py").write_text("x = 1\nslow_call()\n")
    (tmp_path / "good.py").write_text("fast_call()\n")
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith("GREENLINT_") or name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> Outcome:
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


# -- check ----------------------------------------------------------------------------------------------


def test_findings_give_exit_code_1(run: Run) -> None:
    outcome = run("check", "bad.py")

    assert outcome.code == 1
    assert outcome.err == ""
    assert outcome.out == (
        "bad.py:2:1: warning slow-call this call is slow\n"
        "  |\n"
        "2 | slow_call()\n"
        "  | ^^^^^^^^^^^\n"
        "  |\n"
        "  = help: use fast_call\n"
        "\n"
        "found 1 finding (1 warning) in 1 file\n"
        "checked 1 file\n"
    )


def test_no_findings_give_exit_code_0(run: Run) -> None:
    outcome = run("check", "good.py")

    assert (outcome.code, outcome.out) == (0, "checked 1 file, nothing found\n")


def test_the_verb_and_the_path_may_be_left_out(run: Run) -> None:
    explicit = run("check", ".", "--output-format", "concise")

    assert "bad.py:2:1:" in explicit.out
    assert run("--output-format", "concise").out == explicit.out
    assert run(".", "--output-format", "concise").out == explicit.out
    assert run("--output-format", "concise", "bad.py").code == 1


def test_flags_and_paths_mix(run: Run) -> None:
    outcome = run("check", "good.py", "--output-format", "concise", "bad.py", "-q")

    assert outcome.out == "bad.py:2:1: warning slow-call this call is slow\n"


def test_paths_after_two_dashes_are_no_flags(run: Run, project: Path) -> None:
    (project / "-w.py").write_text("slow_call()\n")

    assert run("-q", "--output-format", "concise", "--", "-w.py").out.startswith("-w.py:1:1: warning")


def test_mild_findings_do_not_fail_unless_asked(run: Run, project: Path) -> None:
    (project / "mild.py").write_text("slow_call(1)\n")

    assert run("mild.py").code == 0
    assert "1 info" in run("mild.py").out
    assert run("mild.py", "--fail-level", "info").code == 1
    assert run("mild.py", "--min-severity", "warning").out == "checked 1 file, nothing found\n"


def test_exit_zero(run: Run) -> None:
    outcome = run("bad.py", "--exit-zero")

    assert outcome.code == 0
    assert "found 1 finding" in outcome.out


def test_missing_paths_are_an_error_that_names_them(run: Run) -> None:
    outcome = run("check", "gone.py", "bad.py")

    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err == "error: no such file or folder: `gone.py`\n"


def test_a_misspelt_verb_is_guessed(run: Run) -> None:
    outcome = run("chekc")

    assert outcome.code == 2
    assert "did you mean the verb `check`?" in outcome.err


def test_a_misspelt_flag_is_guessed(run: Run) -> None:
    outcome = run("check", "--selct", "slow-call")

    assert (outcome.code, outcome.err) == (2, "error: unknown flag `--selct`\nhelp: did you mean `--select`?\n")


def test_a_wrong_value_of_a_flag_is_told(run: Run) -> None:
    outcome = run("check", "--output-format", "xml")

    assert outcome.code == 2
    assert "--output-format" in outcome.err
    assert "'xml'" in outcome.err


def test_abbreviated_flags_are_refused(run: Run) -> None:
    assert run("check", "--sel", "slow-call").code == 2


def test_an_unknown_rule_in_select_is_an_error_with_a_guess(run: Run) -> None:
    outcome = run("check", "--select", "slow-cal")

    assert outcome.code == 2
    assert "did you mean `slow-call`?" in outcome.err


def test_wrong_configuration_is_an_error_with_its_place(run: Run, project: Path) -> None:
    (project / "greenlint.toml").write_text("selekt = []\n")
    outcome = run("check")

    assert outcome.code == 2
    assert "greenlint.toml:1:1: unknown key `selekt`" in outcome.err
    assert run("check", "--isolated", "--select", "ALL", "good.py").code in (0, 2)


def test_isolated_and_config_replace_the_file(run: Run, project: Path) -> None:
    (project / "other.toml").write_text(CONFIGURATION + 'severity = { slow-call = "error" }\n')

    assert "error slow-call" in run("bad.py", "--config", "other.toml").out
    assert run("bad.py", "--config", 'ignore = ["slow-call"]').code == 0


def test_json_is_the_only_thing_on_standard_output(run: Run, project: Path) -> None:
    (project / "broken.py").write_text("slow_call(\n")
    outcome = run("--output-format", "json", "--timings")
    report = json.loads(outcome.out)

    assert outcome.code == 1
    assert [(each["path"], each["line"], each["rule"]) for each in report["findings"]] == [("bad.py", 2, "slow-call")]
    assert [(each["path"], each["kind"]) for each in report["errors"]] == [("broken.py", "syntax")]
    assert "cache: " in outcome.err


def test_json_with_statistics(run: Run) -> None:
    report = json.loads(run("--output-format", "json", "--statistics").out)

    assert report["statistics"] == [
        {"rule": "slow-call", "category": "custom", "severity": "warning", "count": 1, "fixable": 0}
    ]


def test_statistics(run: Run) -> None:
    assert run("bad.py", "--statistics").out.startswith("1  warning  slow-call\n")


def test_output_goes_to_a_file(run: Run, project: Path) -> None:
    outcome = run("bad.py", "--output-format", "concise", "-q", "-o", "report.txt")

    assert (outcome.code, outcome.out) == (1, "")
    assert (project / "report.txt").read_text() == "bad.py:2:1: warning slow-call this call is slow\n"


def test_an_output_file_that_cannot_be_written_is_an_error(run: Run) -> None:
    outcome = run("bad.py", "-o", "no/such/folder/report.txt")

    assert outcome.code == 2
    assert "cannot be written: there is no folder" in outcome.err


def test_color_on_demand_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in run("bad.py").out
    assert "\x1b[" in run("bad.py", "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run("bad.py").out


def test_show_files_says_what_is_left_out(run: Run, project: Path) -> None:
    (project / "build").mkdir()
    (project / "build" / "copy.py").write_text("slow_call()\n")
    outcome = run("--show-files")

    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "bad.py",
        "good.py",
        "rules/slow_call.py",
        "build  # left out: excluded by `build`",
    ]


def test_show_settings_names_the_origin(run: Run) -> None:
    out = run("--show-settings", "--hardware", "gpu").out

    assert 'select = ["slow-call"]  # greenlint.toml:2' in out
    assert 'hardware = "gpu"  # command line (--hardware)' in out


def test_a_named_file_that_is_not_python_is_left_out_with_a_warning(run: Run, project: Path) -> None:
    (project / "notes.txt").write_text("slow_call()")
    outcome = run("notes.txt")

    assert outcome.code == 0
    assert "warning: notes.txt: not checked: not a Python file or notebook\n" in outcome.err


def test_strict_fails_on_what_could_not_be_analysed(run: Run, project: Path) -> None:
    (project / "broken.py").write_text("slow_call(\n")
    (project / "crashing.py").write_text("crash('slow_call')\n")

    assert run("broken.py").code == 0
    assert "problem syntax" in run("broken.py").out
    assert run("broken.py", "--strict").code == 3
    assert run("crashing.py", "--strict", "--exit-zero").code == 3
    assert "rule `slow-call` crashed: ValueError: no" in run("crashing.py").out
    assert "Traceback" not in run("crashing.py").err
    assert "Traceback" in run("crashing.py", "--verbose").err
    assert run("good.py", "--strict").code == 0


def test_a_rule_that_does_not_load_is_a_warning(run: Run, project: Path) -> None:
    (project / "rules" / "broken_rule.py").write_text("raise RuntimeError('not today')\n")
    outcome = run("bad.py")

    assert outcome.code == 1
    assert "RuntimeError: not today" in outcome.err
    assert "Traceback" not in outcome.err
    assert run("good.py", "--strict").code == 3


def test_suppressed_findings_are_shown_on_demand(run: Run, project: Path) -> None:
    (project / "quiet.py").write_text("slow_call()  # greenlint: ignore[slow-call] measured\n")

    assert run("quiet.py").out == "checked 1 file, nothing found\n"
    assert "suppressed slow-call" in run("quiet.py", "--show-suppressed").out
    report = json.loads(run("quiet.py", "--show-suppressed", "--output-format", "json").out)
    assert [each["suppressed"] for each in report["findings"]] == ["measured"]


def test_environment_variables_stand_for_flags(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENLINT_OUTPUT_FORMAT", "concise")
    monkeypatch.setenv("GREENLINT_EXIT_ZERO", "1")
    monkeypatch.setenv("GREENLINT_NO_CACHE", "1")
    outcome = run("bad.py")

    assert outcome.code == 0
    assert outcome.out.startswith("bad.py:2:1: warning slow-call this call is slow\nfound 1")
    assert not (project / ".greenlint_cache").exists()


def test_an_empty_folder_is_no_failure(run: Run, project: Path) -> None:
    (project / "empty").mkdir()
    outcome = run("empty")

    assert outcome.code == 0
    assert "nothing to check" in outcome.err


def test_standard_input(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def typed(data: bytes, *arguments: str) -> Outcome:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        return run("-", "--output-format", "concise", "-q", *arguments)

    assert typed(b"slow_call()\n").out == "-:1:1: warning slow-call this call is slow\n"
    named = typed(b"\xef\xbb\xbfslow_call()\r\n", "--stdin-filename", "pkg/new.py")
    assert (named.code, named.out) == (1, "pkg/new.py:1:1: warning slow-call this call is slow\n")
    (project / "pkg").mkdir()
    (project / "pkg" / "greenlint.toml").write_text("select = []\nextend = '../greenlint.toml'\n")
    assert typed(b"slow_call()\n", "--stdin-filename", "pkg/new.py").out == ""
    assert run("-", "bad.py").code == 2


# -- fixes ----------------------------------------------------------------------------------------------

FIXING_RULE = '''
"""A rule for tests."""

from greenlint import Bad, Edit, Good, Rule, on_node


class OldCall(Rule):
    """Flags calls of `old_call` and `odd_call`.

    They are slow.
    """

    words = (("old_call", "odd_call"),)
    examples = (Bad("old_call()  # bad", fixed="new_call()"), Good("new_call()", why="it is new"))

    @on_node("Call")
    def check(self, node, facts):
        name = getattr(node.func, "value", "")
        edit = Edit(facts.document.span(node.func), "new_call")
        if name == "old_call":
            yield self.finding(node, "old", fix=self.safe_fix("call the new one", edit))
        if name == "odd_call":
            yield self.finding(node, "odd", fix=self.unsafe_fix("call the new one", edit, reason="it is odd"))
'''


@pytest.fixture
def fixing(project: Path) -> Path:
    (project / "rules" / "old_call.py").write_text(FIXING_RULE)
    (project / "greenlint.toml").write_text(CONFIGURATION.replace("slow-call", "old-call"))
    (project / "old.py").write_bytes(b"\xef\xbb\xbfold_call()\r\n# caf\xc3\xa9\r\nodd_call(old_call)\r\n")
    (project / "old.py").chmod(0o750)
    return project


def test_fix_changes_only_what_is_wrong(run: Run, fixing: Path) -> None:
    outcome = run("old.py", "--fix", "--output-format", "concise")

    assert (fixing / "old.py").read_bytes() == (b"\xef\xbb\xbfnew_call()\r\n# caf\xc3\xa9\r\nodd_call(old_call)\r\n")
    assert (fixing / "old.py").stat().st_mode & 0o777 == 0o750
    assert outcome.code == 1
    assert outcome.err == "fixed 1 finding in 1 file\n"
    assert outcome.out.splitlines()[0] == "old.py:3:1: warning old-call odd"
    assert sorted(each.name for each in fixing.glob("*old*")) == ["old.py"]


def test_unsafe_fixes_are_applied_on_demand(run: Run, fixing: Path) -> None:
    outcome = run("old.py", "--fix", "--unsafe-fixes")

    assert outcome.code == 0
    assert b"\r\nnew_call(old_call)\r\n" in (fixing / "old.py").read_bytes()
    assert run("old.py", "--fix", "--unsafe-fixes").err == ""


def test_diff_changes_nothing_and_fails_when_something_would_change(run: Run, fixing: Path) -> None:
    before = (fixing / "old.py").read_bytes()
    outcome = run("old.py", "--diff")

    assert outcome.code == 1
    assert outcome.out.splitlines()[:5] == ["--- old.py", "+++ old.py", "@@ -1,3 +1,3 @@", "-old_call()", "+new_call()"]
    assert (fixing / "old.py").read_bytes() == before
    assert run("good.py", "--diff").code == 0


def test_fixes_that_are_possible_are_announced(run: Run, fixing: Path) -> None:
    out = run("old.py").out

    assert "old.py:1:1: warning old-call [*] old\n" in out
    assert "[*] 1 fixable with `--fix`, 1 more with `--fix --unsafe-fixes`\n" in out
    assert "= fix: call the new one (unsafe: it is odd)" in out


def test_fixes_are_shown_as_diffs(run: Run, fixing: Path) -> None:
    assert ("  = fix: call the new one (unsafe: it is odd)\n3 - odd_call(old_call)\n3 + new_call(old_call)\n") in run(
        "old.py"
    ).out


def test_fix_only_reports_nothing_that_is_left(run: Run, fixing: Path) -> None:
    outcome = run("old.py", "--fix-only")

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "fixed 1 finding in 1 file\n")
    assert b"new_call()" in (fixing / "old.py").read_bytes()


def test_fixes_that_were_made_are_listed(run: Run, fixing: Path) -> None:
    outcome = run("old.py", "--fix", "--unsafe-fixes", "--show-fixes")

    assert outcome.err == "fixed 2 findings in 1 file:\n  old.py\n    2 x old-call\n"


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ('extend-safe-fixes = ["old-call"]', 2),
        ('extend-unsafe-fixes = ["custom"]', 0),
        ('unfixable = ["ALL"]\nextend-safe-fixes = ["old-call"]', 2),
        ('unfixable = ["old-call"]\nextend-safe-fixes = ["old-call"]\nunsafe-fixes = true', 0),
        ("unsafe-fixes = true", 2),
    ],
)
def test_the_configuration_says_which_fixes_are_trusted(run: Run, fixing: Path, line: str, fixed: int) -> None:
    configuration = fixing / "greenlint.toml"
    configuration.write_text(f"{line}\n{configuration.read_text()}")
    run("old.py", "--fix")

    assert (fixing / "old.py").read_text("utf-8").count("new_call") == fixed


def test_unfixable_rules_are_named_on_the_command_line(run: Run, fixing: Path) -> None:
    outcome = run("old.py", "--fix", "--unfixable", "old-call")

    assert (outcome.err, b"new_call" in (fixing / "old.py").read_bytes()) == ("", False)


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("y\ny\n", "new_call()\r\n# caf\u00e9\r\nnew_call(old_call)\r\n"),
        ("n\nyes\n", "old_call()\r\n# caf\u00e9\r\nnew_call(old_call)\r\n"),
        ("what\na\n", "new_call()\r\n# caf\u00e9\r\nnew_call(old_call)\r\n"),
        ("y\nq\n", "new_call()\r\n# caf\u00e9\r\nodd_call(old_call)\r\n"),
        ("", "old_call()\r\n# caf\u00e9\r\nodd_call(old_call)\r\n"),
        (
            "i\nit is toy code\nn\n",
            "old_call()  # greenlint: ignore[old-call] it is toy code\r\n# caf\u00e9\r\nodd_call(old_call)\r\n",
        ),
    ],
)
def test_each_fix_is_asked_about(
    run: Run, fixing: Path, monkeypatch: pytest.MonkeyPatch, answers: str, text: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    run("old.py", "--interactive", "-q")

    assert (fixing / "old.py").read_bytes() == b"\xef\xbb\xbf" + text.encode()


def test_nobody_can_be_asked_about_standard_input(run: Run) -> None:
    assert run("-", "--interactive").code == 2


def test_links_stay_links(run: Run, fixing: Path) -> None:
    (fixing / "link.py").symlink_to("old.py")
    run("link.py", "--fix")

    assert (fixing / "link.py").is_symlink()
    assert (fixing / "old.py").read_bytes().startswith(b"\xef\xbb\xbfnew_call()")


def test_fixed_standard_input_goes_to_standard_output(
    fixing: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"old_call()\r\nodd_call()")))
    code = main(["-", "--fix", "--output-format", "concise", "-q"])
    captured = capfdbinary.readouterr()

    assert code == 1
    assert captured.out == b"new_call()\r\nodd_call()"
    assert captured.err == b"-:2:1: warning old-call odd\n"


def test_a_file_that_changed_meanwhile_is_left_alone(fixing: Path) -> None:
    from greenlint.batch import Task
    from greenlint.fix_files import Fixed, FixError, write_back

    fixed = Fixed(Task("old.py", str(fixing / "old.py"), "old.py"), b"other content", b"fixed", {"old-call": 1})
    before = (fixing / "old.py").read_bytes()

    with pytest.raises(FixError, match="changed meanwhile"):
        write_back(fixed)
    assert (fixing / "old.py").read_bytes() == before


# -- other verbs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["version"]])
def test_version(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).out == f"greenlint {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["check", "--help"], ["help", "check"], ["rule", "-h"]])
def test_help_tells_the_exit_codes(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)

    assert outcome.code == 0
    assert EXIT_CODES in outcome.out


def test_every_verb_has_help(run: Run) -> None:
    for verb in VERBS:
        if verb != "version":
            outcome = run(verb, "--help")
            assert outcome.code == 0
            assert f"usage: greenlint {verb if verb != 'explain' else 'rule'}" in outcome.out


def test_rule_explains(run: Run) -> None:
    outcome = run("rule", "slow-call")

    assert outcome.code == 0
    assert outcome.out.startswith("slow-call (custom, warning, on by default, since 0.1.0)\n\nFlags calls of")
    assert "limit = 3 (an integer): How slow it may be." in outcome.out
    assert "fine (it is fast):\n  fast_call()" in outcome.out
    assert run("explain", "slow-call").out == outcome.out


def test_rule_as_data_and_markdown(run: Run) -> None:
    data = json.loads(run("rule", "slow-call", "--output-format", "json").out)

    assert data["name"] == "slow-call"
    assert data["options"][0]["default"] == 3
    assert [each["kind"] for each in data["examples"]] == ["bad", "good"]
    assert run("rule", "slow-call", "--output-format", "markdown").out.startswith("# slow-call\n")


def test_rule_lists_a_category_and_all(run: Run) -> None:
    assert run("rule", "custom").out == "custom\n  slow-call  warning  Flags calls of `slow_call`.\n"
    assert "  slow-call " in run("rule").out
    every = run("rule", "--all").out
    assert "\nslow-call (custom, warning, on by default" in every
    pages = re.findall(r"^[a-z0-9-]+ \(.*, since \d", every, re.MULTILINE)
    assert len(pages) == len(json.loads(run("rule", "--output-format", "json").out))
    assert "slow-call" in {each["name"] for each in json.loads(run("rule", "--all", "--output-format", "json").out)}


@pytest.mark.parametrize(
    ("name", "guess"), [("slow_call", "slow-call"), ("slow-cal", "slow-call"), ("lodaing", "loading")]
)
def test_a_misspelt_rule_is_guessed(run: Run, name: str, guess: str) -> None:
    outcome = run("rule", name)

    assert outcome.code == 2
    assert f"did you mean `{guess}`?" in outcome.err


def test_config_explains_keys(run: Run) -> None:
    assert "select " in run("config").out
    assert run("config", "fail-level").out.startswith("fail-level\n")
    outcome = run("config", "fail-levle")
    assert outcome.code == 2
    assert "did you mean `fail-level`?" in outcome.err


def test_config_schema_knows_the_rules(run: Run) -> None:
    schema = json.loads(run("config", "--schema").out)

    assert "limit" in schema["properties"]["rules"]["properties"]["slow-call"]["properties"]


def test_config_validate(run: Run, project: Path) -> None:
    assert run("config", "--validate").code == 0
    (project / "greenlint.toml").write_text(CONFIGURATION + '[rules.slow-call]\nlimit = "x"\n')
    outcome = run("config", "--validate")
    assert outcome.code == 2
    assert "expected an integer" in outcome.err


def test_init_writes_once(run: Run, project: Path) -> None:
    (project / "greenlint.toml").unlink()
    preview = run("init", "--diff")
    assert "# select" in preview.out
    assert not (project / "greenlint.toml").exists()

    assert run("init").out == "wrote greenlint.toml\n"
    assert run("config", "--validate").code == 0
    outcome = run("init")
    assert (outcome.code, outcome.err) == (2, "error: greenlint.toml exists already\n")


def test_new_rule_is_found_by_the_next_run(run: Run, project: Path) -> None:
    outcome = run("new-rule", "tensor-made-twice")

    assert outcome.code == 0
    assert (project / "rules" / "tensor_made_twice.py").is_file()
    assert run("rule", "tensor-made-twice").code == 0
    assert run("new-rule", "tensor-made-twice").code == 2
    assert run("new-rule", "NotAName").code == 2


def test_test_runs_the_examples(run: Run, project: Path) -> None:
    assert run("test").out == "tested 1 rule with 2 examples: all passed\n"
    assert run("test", "rules/slow_call.py").out == run("test", "slow-call").out == run("test").out

    (project / "rules" / "slow_call.py").write_text(RULE.replace("slow_call()  # bad", "another_call()  # bad"))
    for module in [name for name in sys.modules if name.startswith("greenlint_local_")]:
        del sys.modules[module]
    outcome = run("test", "rules")
    assert outcome.code == 1
    assert "slow-call, example 1, line 1: a mark without a finding" in outcome.out
    assert run("test", "rules/gone.py").code == 2


def test_clean_removes_the_cache(run: Run, project: Path) -> None:
    run("bad.py")
    assert (project / ".greenlint_cache").is_dir()

    assert run("clean").out == f"removed {project / '.greenlint_cache'}\n"
    assert not (project / ".greenlint_cache").exists()
    assert run("clean").out.startswith("nothing cached in ")
    assert run("clean", "no/such/folder").code == 2


def test_debug_can_be_pasted(run: Run) -> None:
    out = run("debug").out

    assert f"greenlint: {__version__}\n" in out
    assert "libcst: " in out
    assert "rules: 1 of " in out


# -- as a process ---------------------------------------------------------------------------------------


CHECKOUT = str(Path(greenlint.__file__).parent.parent)


def started(*arguments: str, cwd: Path, code: str = "") -> subprocess.Popen[str]:
    start = ["-c", code] if code else ["-m", "greenlint"]
    paths = [CHECKOUT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, *start, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def process(*arguments: str, cwd: Path, code: str = "") -> Outcome:
    running = started(*arguments, cwd=cwd, code=code)
    out, err = running.communicate(timeout=60)
    return Outcome(running.returncode, out, err)


WITHOUT_LIBCST = """
import sys
from greenlint.cli import main
code = main(sys.argv[1:])
assert code == 0, code
assert "libcst" not in sys.modules, "libcst was imported"
assert "asyncio" not in sys.modules, "asyncio was imported"
"""


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["rule", "slow-call"], ["rule", "--all"], ["check", "good.py"], ["check", "--show-files"]],
)
def test_nothing_heavy_is_imported_without_need(project: Path, arguments: list[str]) -> None:
    outcome = process(*arguments, cwd=project, code=WITHOUT_LIBCST)

    assert outcome.code == 0, outcome.err


def test_the_process_has_the_exit_code_and_a_warm_run_needs_no_libcst(project: Path) -> None:
    os.utime(project / "bad.py", (1_000_000_000, 1_000_000_000))
    first = process("bad.py", cwd=project)
    for _ in range(3):
        second = process("bad.py", cwd=project, code=WITHOUT_LIBCST.replace("code == 0", "code == 1"))
        if second.code == 0:
            # Else somebody has just edited the engine, which makes results stale.
            break

    assert (first.code, second.code) == (1, 0), second.err
    assert first.out == second.out


def test_modules_of_the_working_directory_stand_in_for_none(project: Path) -> None:
    expected = process("bad.py", "--no-cache", cwd=project).out
    for name in ("libcst", "fnmatch", "traceback"):
        (project / f"{name}.py").write_text("raise ImportError('not the module that was meant')\n")

    assert process("bad.py", "--no-cache", cwd=project).out == expected != ""


def test_a_closed_pipe_ends_quietly(project: Path) -> None:
    (project / "bad.py").write_text("slow_call()\n" * 5_000)
    running = started("bad.py", cwd=project)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()

    assert running.wait(60) == 141
    assert running.stderr.read() == ""
    running.stderr.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_a_watch_quietly(project: Path) -> None:
    running = started("--watch", "good.py", cwd=project)
    assert running.stdout is not None
    assert running.stdout.readline() == "checked 1 file, nothing found\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert (running.returncode, out, err) == (130, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_watch_checks_again_after_a_change(project: Path) -> None:
    running = started("--watch", "-q", "--output-format", "concise", cwd=project)
    assert running.stdout is not None
    assert running.stdout.readline() == "bad.py:2:1: warning slow-call this call is slow\n"
    (project / "bad.py").write_text("\n\nslow_call()\n")
    assert running.stdout.readline() == "bad.py:3:1: warning slow-call this call is slow\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)

    assert (running.returncode, err) == (130, "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.usefixtures("project")
def test_closed_streams() -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f'"{sys.executable}" -m greenlint check bad.py {closed}'
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
