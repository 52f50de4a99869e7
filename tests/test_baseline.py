"""The baseline: what is found again after the code has changed, and what the command does with the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from greenlint.baseline import Baseline, baseline_of, read_baseline
from greenlint.cli import main
from greenlint.config_error import ConfigError
from greenlint.finding import Confidence, Severity
from greenlint.results import Identity, PlacedFinding

SCHEMA = json.loads(resources.files("greenlint").joinpath("baseline.schema.json").read_text("utf-8"))
NAME = "greenlint-baseline.json"
RULE = '''
from greenlint import Applicability, Bad, Edit, Fix, Good, Rule, on_node


class SlowCall(Rule):
    """Flags calls of `slow_call`."""

    words = (("slow_call",),)
    examples = (Bad("slow_call()  # bad"), Good("fast_call()", why="it is fast"))

    @on_node("Call")
    def check(self, node, facts):
        if getattr(node.func, "value", "") == "slow_call":
            edit = Edit(facts.document.span(node.func), "fast_call")
            yield self.finding(node, "this call is slow", fix=Fix("use fast_call", (edit,), Applicability.SAFE))
'''
CODE = """\
def f():
    slow_call(1)


def g():
    slow_call(1)
    slow_call(2)
"""


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The places of findings."""
        return [line.partition(": ")[0] for line in self.out.splitlines() if "slow-call" in line]


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "slow_call.py").write_text(RULE)
    (tmp_path / "greenlint.toml").write_text('rule-paths = ["rules"]\nselect = ["slow-call"]\nexclude = ["rules"]\n')
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call


def check(run: Run, *arguments: str) -> Outcome:
    return run("check", "--output-format", "concise", *arguments)


def entries(folder: Path) -> list[dict[str, Any]]:
    content = json.loads((folder / NAME).read_text())
    return list(content["findings"])


def notebook(*cells: tuple[str, str]) -> str:
    written: list[dict[str, Any]] = [
        {"cell_type": "code", "id": name, "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for name, source in cells
    ]
    return json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_what_is_parked_is_not_reported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    assert check(run).lines == ["a.py:2:5", "a.py:6:5", "a.py:7:5"]
    made = run("baseline", "create")

    assert (made.code, made.out) == (0, f"{NAME}: 3 findings, which no check reports any more\n")
    found = check(run)
    assert (found.code, found.lines) == (0, [])
    assert f"3 findings parked in {NAME}" in found.out
    assert len(check(run, "--no-baseline").lines) == 3
    assert check(run, "--show-suppressed").lines == ["a.py:2:5", "a.py:6:5", "a.py:7:5"]


CHANGES: dict[str, tuple[str, list[str]]] = {
    "moved lines": (f"import x\n\n\n{CODE}", []),
    "other indentation and spacing": (
        CODE.replace("    slow_call(1)", "    if True:\n        slow_call( 1 )", 1),
        ["3:9"],
    ),
    "renamed function": (CODE.replace("def g", "def h"), []),
    "method": ("class A:\n" + "".join(f"    {line}\n" for line in CODE.splitlines()), []),
    "swapped functions": ("".join(f"{part}\n\n\n" for part in CODE.split("\n\n\n")[::-1]), []),
    "one more of the same": (CODE.replace("slow_call(2)", "slow_call(2)\n    slow_call(1)"), ["8:5"]),
    "one more of the same above": (f"def e():\n    slow_call(1)\n\n\n{CODE}", ["2:5"]),
    "another": (f"{CODE}    slow_call(3)\n", ["8:5"]),
}


@pytest.mark.parametrize(("after", "new"), CHANGES.values(), ids=CHANGES)
def test_changes(run: Run, tmp_path: Path, after: str, new: list[str]) -> None:
    (tmp_path / "a.py").write_text(CODE)
    run("baseline", "create")
    (tmp_path / "a.py").write_text(after)

    found = check(run)
    assert found.lines == [f"a.py:{each}" for each in new]
    assert found.code == bool(new)


def test_equal_findings_are_counted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("slow_call()\nslow_call()\n")
    run("baseline", "create")
    assert entries(tmp_path) == [{"path": "a.py", "rule": "slow-call", "code": "slow_call()", "times": 2}]

    (tmp_path / "a.py").write_text("slow_call()\n" * 3)
    assert check(run).lines == ["a.py:3:1"]
    (tmp_path / "a.py").write_text("slow_call()\n")
    found = check(run)
    assert (found.code, found.lines) == (0, [])
    assert f"1 parked finding of {NAME} is gone: run `greenlint baseline prune`" in found.out
    assert run("baseline", "prune").out == f"{NAME}: 1 dropped, 1 in all\n"
    assert "times" not in entries(tmp_path)[0]


def test_a_file_with_another_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    run("baseline", "create")
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").rename(tmp_path / "inner" / "b.py")

    found = check(run)
    assert (found.lines, "gone" in found.out) == ([], False)
    # A copy is not the same: its original still is where it was.
    (tmp_path / "c.py").write_text(CODE)
    assert len(check(run).lines) == 3
    (tmp_path / "c.py").unlink()
    assert run("baseline", "update").out == f"{NAME}: 0 added, 0 dropped, 3 in all\n"
    assert {each["path"] for each in entries(tmp_path)} == {"inner/b.py"}


def test_cells_may_move(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook(("one", "x = 1"), ("two", "slow_call()")))
    run("baseline", "create")
    assert entries(tmp_path) == [{"path": "a.ipynb", "rule": "slow-call", "cell": "two", "code": "slow_call()"}]

    (tmp_path / "a.ipynb").write_text(notebook(("new", "slow_call()"), ("two", "y = 2\nslow_call()"), ("one", "x = 1")))
    assert check(run).lines == ["a.ipynb:cell 1:1:1"]
    # As an editor sends it, without ids.
    (tmp_path / "a.ipynb").write_text(notebook(("other", "slow_call()")))
    assert check(run).lines == []


def test_what_was_not_looked_at_is_not_gone(run: Run, tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "gone.py", "broken.py"):
        (tmp_path / name).write_text("slow_call()\n")
    run("baseline", "create")
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "gone.py").unlink()
    (tmp_path / "broken.py").write_text("slow_call(\n")

    def gone(*arguments: str) -> list[str]:
        out = run("baseline", "prune", "--check", *arguments).out
        return [line.partition(":")[0] for line in out.splitlines()[:-1]]

    assert gone("a.py") == ["a.py"]
    assert gone(".") == ["a.py", "b.py", "gone.py"]
    assert gone("--ignore", "slow-call") == ["gone.py"]
    before = (tmp_path / NAME).read_text()
    assert run("baseline", "prune", "--check").code == 1
    assert (tmp_path / NAME).read_text() == before
    run("baseline", "prune", "b.py")
    assert [each["path"] for each in entries(tmp_path)] == ["a.py", "broken.py", "gone.py"]
    run("baseline", "prune")
    assert [each["path"] for each in entries(tmp_path)] == ["broken.py"]
    assert run("baseline", "prune", "--check").code == 0


def test_a_rule_with_another_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("slow_call()\n")
    run("baseline", "create")
    rule = RULE.replace("SlowCall", "LazyCall").replace("    words =", '    formerly = ("slow-call",)\n    words =')
    (tmp_path / "rules" / "slow_call.py").unlink()
    (tmp_path / "rules" / "lazy_call.py").write_text(rule)
    configuration = (tmp_path / "greenlint.toml").read_text()
    (tmp_path / "greenlint.toml").write_text(configuration.replace("slow-call", "lazy-call"))

    assert (check(run).code, check(run, "--no-baseline").code) == (0, 1)
    run("baseline", "update")
    assert [each["rule"] for each in entries(tmp_path)] == ["lazy-call"]


def test_update_adds_and_drops_where_it_looked(run: Run, tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("slow_call(1)\n")
    run("baseline", "create")
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("slow_call(2)\n")

    assert run("baseline", "update", "a.py").out == f"{NAME}: 1 added, 1 dropped, 2 in all\n"
    assert [(each["path"], each["code"]) for each in entries(tmp_path)] == [
        ("a.py", "slow_call(2)"),
        ("b.py", "slow_call(1)"),
    ]
    assert check(run).lines == ["b.py:1:1"]


def test_what_is_parked_is_not_fixed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    run("baseline", "create")
    (tmp_path / "a.py").write_text(f"{CODE}    slow_call(3)\n    slow_call(2)\n")

    assert check(run, "--fix").lines == []
    # Of equal ones the first are those that were parked.
    assert (tmp_path / "a.py").read_text() == f"{CODE}    fast_call(3)\n    fast_call(2)\n"
    check(run, "--fix", "--no-baseline")
    assert "slow_call" not in (tmp_path / "a.py").read_text()


def test_processes_and_the_cache_change_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenlint.runner._SERIAL_BYTES", 1)
    monkeypatch.setattr("greenlint.runner._SERIAL_GATE_BYTES", 1)
    for number in range(6):
        (tmp_path / f"a{number}.py").write_text(CODE)
    run("baseline", "create", "--no-cache")
    for number in range(0, 6, 2):
        (tmp_path / f"a{number}.py").rename(tmp_path / f"b{number}.py")
        (tmp_path / f"c{number}.py").write_text(CODE)
    (tmp_path / "a1.py").write_text("")

    told = {check(run, *how).out for how in (["-j1", "--no-cache"], ["-j2", "--no-cache"], ["-j2"], ["-j1"], [])}
    (one,) = told
    assert one.count(": warning slow-call ") == 9
    assert f"15 findings parked in {NAME}\n3 parked findings of {NAME} are gone" in one
    assert run("baseline", "update", "-j1", "--no-cache").code == 0
    first = (tmp_path / NAME).read_bytes()
    run("baseline", "update", "-j2")
    assert (tmp_path / NAME).read_bytes() == first


def test_standard_input_has_the_baseline_of_its_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    (tmp_path / "a.py").write_text(CODE)
    run("baseline", "create")
    for name, count in (("a.py", 0), ("b.py", 3)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CODE.encode())))
        assert len(check(run, "-", "--stdin-filename", name).lines) == count


def test_programs_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("slow_call(1)\n")
    run("baseline", "create")
    (tmp_path / "a.py").write_text("slow_call(1)\nslow_call(2)\n")

    (data,) = json.loads(run("check", "--output-format", "sarif", "--show-suppressed").out)["runs"]
    told = [(each["baselineState"], each.get("suppressions")) for each in data["results"]]
    assert told == [("unchanged", [{"kind": "external", "justification": "in the baseline"}]), ("new", None)]
    findings = json.loads(run("check", "--output-format", "json", "--show-suppressed").out)["findings"]
    assert [each["suppressed"] for each in findings] == ["in the baseline", None]


def test_where_the_file_is(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text(CODE)
    with (tmp_path / "greenlint.toml").open("a") as stream:
        stream.write('baseline = "tools/parked.json"\n')
    assert (run("check").code, "there is no baseline `tools/parked.json`" in run("check").err) == (2, True)
    assert run("baseline", "create").code == 2
    (tmp_path / "tools").mkdir()
    assert run("baseline", "create").code == 0
    written = json.loads((tmp_path / "tools" / "parked.json").read_text())
    assert {each["path"] for each in written["findings"]} == {"../inner/a.py"}
    monkeypatch.chdir(tmp_path / "inner")
    assert check(run).lines == []
    assert check(run, "--baseline", "other.json").code == 2
    assert run("baseline", "create", "--baseline", "other.json").code == 0
    assert check(run, "--baseline", "other.json").code == 0


def test_create_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    run("baseline", "create")
    before = (tmp_path / NAME).read_text()
    (tmp_path / "a.py").write_text("")
    again = run("baseline", "create")

    assert (again.code, "there is a baseline already" in again.err) == (2, True)
    assert (tmp_path / NAME).read_text() == before


def test_nothing_to_act_on(run: Run, tmp_path: Path) -> None:
    for action in ("update", "prune", "show"):
        outcome = run("baseline", action)
        assert (outcome.code, "`greenlint baseline create` writes it" in outcome.err) == (2, True)
    assert run("baseline", "create", "no-such-folder").code == 2
    assert run("baseline", "show", "--check").code == 2


def test_a_baseline_without_findings(run: Run, tmp_path: Path) -> None:
    assert run("baseline", "create").code == 0
    assert entries(tmp_path) == []
    assert run("baseline", "show").out == "0 findings in 0 files\n"


def test_show_counts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    (tmp_path / "b.py").write_text("slow_call()\nslow_call()\n" * 5)
    run("baseline", "create")

    rules = "13  slow-call"
    assert run("baseline", "show").out == f"13 findings in 2 files\n\n{rules}\n\n10  b.py\n 3  a.py\n"
    assert run("baseline", "show", "a.py").out == "3 findings in 1 file\n\n3  slow-call\n\n3  a.py\n"


ROW = '{"path": "a.py", "rule": "slow-call", "code": "x"}'
BROKEN = {
    "no JSON": ('{"version": 1,\n "findings": [}', f"{NAME}:2:15: not a baseline: expecting value"),
    "not UTF-8": ("\udcff", f"{NAME}: is not UTF-8"),
    "deep": ("[" * 100_000, f"{NAME}: not a baseline: nested too deeply"),
    "no object": ("[]", f"{NAME}: not a baseline: it has no `version`"),
    "later version": ('{"version": 2}', "this is version 2 of the format, and this greenlint reads version 1"),
    "no list": ('{"version": 1, "findings": {}}', f"{NAME}: not a baseline: `findings` is not a list"),
    "conflict": (f'{{"version": 1, "findings": [\n<<<<<<< HEAD\n{ROW}', f"{NAME}:2: a merge has left a conflict here"),
    "no text": (f'{{"version": 1,\n"findings": [\n{ROW},\n7\n]}}', f"{NAME}:4: `findings[1]` is not an object"),
    "field missing": ('{"version": 1,\n"findings": [\n{"path": "a"}\n]}', f"{NAME}:3: `findings[0]` has no `rule`"),
    "wrong type": (
        f'{{"version": 1, "findings": [{ROW.replace(chr(34) + "x" + chr(34), "3")}]}}',
        "`findings[0]` has a `code` that is not text",
    ),
    "unknown field": (
        f'{{"version": 1, "findings": [{ROW.replace("code", "line")}]}}',
        "`findings[0]` has no `code`",
    ),
    "times": (
        f'{{"version": 1, "findings": [{ROW[:-1]}, "times": 0}}]}}',
        "`findings[0]` has `times` that is not a number from 1 on",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_files(run: Run, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.py").write_text(CODE)
    (tmp_path / NAME).write_text(text, "utf-8", errors="surrogateescape")

    for arguments in (["check"], ["baseline", "update"], ["baseline", "show"]):
        outcome = run(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert message in outcome.err
        assert "Traceback" not in outcome.err
    assert check(run, "--no-baseline").code == 1


def test_a_folder_is_no_baseline(run: Run, tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    outcome = run("check")
    assert (outcome.code, f"{NAME}: cannot be read" in outcome.err) == (2, True)


# -- the file itself --------------------------------------------------------------------------------------


def finding(code: str, scope: str = "") -> PlacedFinding:
    places = {"line": 1, "column": 1, "end_line": 1, "end_column": 2}
    told = {"rule": "r", "category": "c", "severity": Severity.INFO, "confidence": Confidence.HIGH, "message": "m"}
    return PlacedFinding(**told, **places, source=(code,), scope=scope)  # type: ignore[arg-type]


def test_every_text_comes_back(tmp_path: Path) -> None:
    codes = ['"\\"', "\u2028", "\udcff", "é", "x" * 10_000, "x" * 9_999, ""]
    made = baseline_of(tmp_path / NAME, [(str(tmp_path / "a.py"), [finding(code) for code in codes])])
    made.write()

    again = read_baseline(tmp_path / NAME, NAME)
    assert again.entries == made.entries
    assert again.text() == made.text()
    assert max(map(len, made.text().split("\n"))) < 400
    assert again.match([(str(tmp_path / "a.py"), [finding(code) for code in codes])]).left == {}


def test_the_schema_tells_the_fields(tmp_path: Path) -> None:
    row = SCHEMA["$defs"]["finding"]
    assert set(row["properties"]) == {*Identity._fields, "times"}
    full = Baseline(tmp_path / NAME, {Identity("p", "r", "s", "c", "x"): 2, Identity("p", "r", "", "", "x"): 1})
    content = json.loads(full.text())
    assert content["version"] == SCHEMA["properties"]["version"]["const"]
    assert [list(each) for each in content["findings"]] == [row["required"], list(row["properties"])]


def test_entries_of_two_branches(tmp_path: Path) -> None:
    head, row = '{"version": 1, "findings": [\n', '{"path": "a.py", "rule": "r", "code": "x"}'
    (tmp_path / NAME).write_text(f"{head}{row},\n{row}\n]}}")
    assert read_baseline(tmp_path / NAME, NAME).entries == {Identity("a.py", "r", "", "", "x"): 1}


def test_the_closest_entry_is_met_first(tmp_path: Path) -> None:
    path = str(tmp_path / "a.py")
    baseline = baseline_of(tmp_path / NAME, [(path, [finding("x", "g"), finding("x", "f")])])

    assert baseline.match([(path, [finding("x", "e"), finding("x", "f")])]).parked == ((True, True),)
    assert baseline.match([(path, [finding("x", "e"), finding("x", "f"), finding("x", "g")])]).parked == (
        (False, True, True),
    )


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OSError, match="directory"):
        Baseline(tmp_path / NAME, {}).write()
    assert [each.name for each in tmp_path.iterdir()] == [NAME]


def test_the_error_says_where(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("{")
    with pytest.raises(ConfigError) as raised:
        read_baseline(tmp_path / NAME, "shown.json")
    assert (raised.value.file, raised.value.line) == ("shown.json", 1)
