"""Formats for CI systems and tools, held against what their readers demand."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from greenlint.config_keys import OUTPUT_FORMATS
from greenlint.finding import Applicability, Confidence, Crash, Severity
from greenlint.output.formats import FORMATS, Report, format_for_ci, lines_of
from greenlint.results import FileResult, PlacedEdit, PlacedFinding, PlacedFix, PlacedRelated, Problem, RunResult

LINE = "café = load()  # 漢😀"
FINDING = PlacedFinding(
    rule="a-rule",
    category="loading",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    message="loads 100 % of it, one by one",
    line=2,
    column=8,
    end_line=2,
    end_column=14,
    source=(LINE,),
    help="load half: it's; cheaper]",
    notes=("measured: no gain",),
    related=(PlacedRelated("here", 1, 2), PlacedRelated("there", 7, 1, path="other, too.py")),
    fingerprint="0123456789abcdef",
)
LATE = FINDING._replace(column=len(LINE), end_column=len(LINE) + 1, severity=Severity.INFO, fingerprint="late")
IN_CELL = FINDING._replace(
    cell=3,
    cell_id="f00d-1",
    line=1,
    end_line=1,
    physical_line=42,
    severity=Severity.ERROR,
    related=(PlacedRelated("set here", 2, 5, cell=1, cell_id="cafe-2", physical_line=13),),
)
FIXABLE = FINDING._replace(
    rule="b-rule",
    fix=PlacedFix("halve it", Applicability.UNSAFE, "less data", (PlacedEdit(2, 8, 2, 14, "half()"),)),
    fingerprint="fixable",
)
RESULT = RunResult(
    (
        FileResult("a b.py", (FINDING, LATE, FIXABLE), suppressed=(FINDING._replace(suppressed="why not"),)),
        FileResult("n.ipynb", (IN_CELL,), problems=(Problem("syntax", "bad\ncell", 1, 2, 5, "bad-3", 77),)),
        FileResult("crashed.py", crashes=(Crash("a-rule", "ValueError: x"),)),
        FileResult("clean.py"),
        FileResult("skipped.py", skipped="too large"),
    )
)


def lines(name: str, **how: Any) -> list[str]:
    return list(lines_of(name, Report(RESULT, **how)))


def parsed(name: str, **how: Any) -> Any:
    return json.loads("\n".join(lines(name, **how)))


def test_every_format_can_be_configured() -> None:
    assert ("auto", *FORMATS) == OUTPUT_FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_every_finding_and_problem(name: str) -> None:
    text = "\n".join(lines(name))
    assert text.count("a-rule") >= 3
    assert "b-rule" in text
    assert "ValueError: x" in text
    assert "why not" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_suppressed_findings_when_asked(name: str) -> None:
    shown, hidden = lines(name, suppressed=True), lines(name)
    assert "\n".join(shown).count("a-rule") > "\n".join(hidden).count("a-rule")


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("concise", "grouped", "agent")])
def test_a_suppressed_finding_says_so_and_fails_nothing(name: str) -> None:
    """The formats of one line a finding say ``suppressed`` in place of the severity."""
    only = RunResult(
        (FileResult("a.py", suppressed=(FINDING._replace(severity=Severity.ERROR, suppressed="why not"),)),)
    )
    text = "\n".join(lines_of(name, Report(only, suppressed=True)))
    assert "why not" in text
    marks = {
        "github": "::notice ",
        "azure": "type=warning;",
        "gitlab": '"severity": "info"',
        "rdjson": '"severity": "INFO"',
        "junit": 'failures="0" errors="0" skipped="1"',
        "lsp": '"severity": 4',
        "sarif": '"suppressions"',
    }
    assert marks.get(name, "") in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_tell_that_nothing_was_found(name: str) -> None:
    list(lines_of(name, Report(RunResult())))


def test_statistics_replace_what_people_read_and_join_json() -> None:
    assert lines("grouped", statistics=True)[0] == "1  error    a-rule"
    assert [row["count"] for row in parsed("json", statistics=True)["statistics"]]
    assert lines("agent", statistics=True) == lines("agent")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"GITHUB_ACTIONS": "true"}, "github"),
        ({"TF_BUILD": "True"}, "azure"),
        ({"GITLAB_CI": "true"}, None),
        ({"GITHUB_ACTIONS": ""}, None),
        ({}, None),
    ],
)
def test_the_format_of_a_ci_system(environment: dict[str, str], name: str | None) -> None:
    assert format_for_ci(environment) == name


class TestGitHub:
    def test_a_finding_points_at_its_columns(self) -> None:
        assert lines("github")[2] == (
            "::warning title=greenlint (a-rule),file=a b.py,line=2,col=8,endLine=2,endColumn=14::"
            "a b.py:2:8: a-rule: loads 100 %25 of it, one by one; load half: it's; cheaper]"
        )

    def test_a_notebook_finding_points_at_the_line_of_the_file(self) -> None:
        [notebook] = [line for line in lines("github") if "file=n.ipynb,line=42" in line]
        assert notebook.startswith(
            "::error title=greenlint (a-rule),file=n.ipynb,line=42,endLine=42::n.ipynb: a-rule: cell 3 (id f00d-1), "
        )

    def test_no_line_break_and_no_comma_ends_a_command_early(self) -> None:
        odd = RunResult((FileResult("a,b:c.py", (FINDING._replace(message="one\ntwo"),)),))
        [line] = lines_of("github", Report(odd))
        assert "file=a%2Cb%3Ac.py," in line
        assert "one%0Atwo" in line

    def test_columns_are_left_out_over_several_lines(self) -> None:
        long = RunResult((FileResult("a.py", (FINDING._replace(end_line=4),)),))
        [line] = lines_of("github", Report(long))
        assert "file=a.py,line=2,endLine=4::" in line


def test_azure() -> None:
    found = lines("azure")
    assert found[2] == (
        "##vso[task.logissue type=warning;sourcepath=a b.py;linenumber=2;columnnumber=8;code=a-rule;]"
        "loads 100 %AZP25 of it, one by one; load half: it's; cheaper]"
    )
    assert all(re.fullmatch(r"##vso\[task\.logissue (?:[a-z]+=[^;\]]*;)+\].+", line) for line in found)
    assert any("sourcepath=n.ipynb;linenumber=42;code=a-rule" in line for line in found)


def test_gitlab_issues_have_what_gitlab_demands() -> None:
    issues = parsed("gitlab")
    for issue in issues:
        assert issue["description"]
        assert issue["check_name"]
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert not issue["location"]["path"].startswith("./")
        assert issue["location"]["lines"]["begin"] >= 1
    fingerprints = [issue["fingerprint"] for issue in issues]
    assert len(set(fingerprints)) == len(fingerprints)


def test_junit_counts_what_it_lists() -> None:
    root = ElementTree.fromstring("\n".join(lines("junit")))
    cases, suites = root.findall(".//testcase"), root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["a b.py", "n.ipynb", "crashed.py", "clean.py"]
    assert int(root.get("tests", "")) == len(cases) == 7
    assert int(root.get("failures", "")) == len(root.findall(".//failure")) == 4
    assert int(root.get("errors", "")) == len(root.findall(".//error")) == 2


def test_junit_is_what_its_first_line_says_in_every_encoding() -> None:
    result = RunResult((FileResult("日本.py", (FINDING._replace(message="é 😀"),)),))
    text = "\n".join(lines_of("junit", Report(result)))
    failure = ElementTree.fromstring(text.encode("ascii")).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "é 😀"


def test_junit_survives_characters_that_xml_cannot_hold() -> None:
    odd = RunResult((FileResult('a"<.py', (FINDING._replace(message="\x1b[31m <b> \ud800"),)),))
    root = ElementTree.fromstring("\n".join(lines_of("junit", Report(odd))))
    [failure] = root.findall(".//failure")
    assert failure.get("message") == "\\x1b[31m <b> \\ud800"


class TestColumns:
    """Of formats that do not count code points."""

    def test_rdjson_counts_bytes(self) -> None:
        first, fixable, late = parsed("rdjson")["diagnostics"][2:5]
        assert first["location"]["range"] == {"start": {"line": 2, "column": 9}, "end": {"line": 2, "column": 15}}
        # The last code point of the line stands behind one letter of two bytes and one of three.
        assert late["location"]["range"]["start"] == {"line": 2, "column": len(LINE) + 1 + 2}
        assert fixable["suggestions"] == [{"range": first["location"]["range"], "text": "half()"}]

    def test_lsp_counts_utf_16_units(self) -> None:
        first, _, late = json.loads(lines("lsp")[0])["diagnostics"]
        assert first["range"] == {"start": {"line": 1, "character": 7}, "end": {"line": 1, "character": 13}}
        assert late["range"]["end"] == {"line": 1, "character": len(LINE) + 1}


CI_FORMATS = ("json", "json-lines", "github", "gitlab", "azure", "sarif", "junit", "rdjson", "lsp")


class TestCells:
    """A place in a notebook: the line of its JSON, the number of its cell, and what the notebook calls the cell."""

    @pytest.mark.parametrize("name", CI_FORMATS)
    def test_every_format_for_programs_tells_the_id(self, name: str) -> None:
        text = "\n".join(lines(name))
        assert "f00d-1" in text
        assert "bad-3" in text

    @pytest.mark.parametrize("name", CI_FORMATS)
    def test_a_cell_without_an_id_is_told_by_its_number(self, name: str) -> None:
        old = RunResult((FileResult("n.ipynb", (IN_CELL._replace(cell_id=None, related=()),)),))
        text = "\n".join(lines_of(name, Report(old)))
        assert re.search(r'cell 3, line 1|"cell": 3', text)
        assert "None" not in text
        assert "(id" not in text

    @pytest.mark.parametrize("name", [name for name in FORMATS if name not in (*CI_FORMATS, "agent")])
    def test_people_are_told_the_number_only(self, name: str) -> None:
        text = "\n".join(lines(name))
        assert "n.ipynb:cell 3:1:8" in text or "  cell 3:1:8" in text
        assert "f00d-1" not in text

    def test_gitlab(self) -> None:
        problem, finding = (each for each in parsed("gitlab") if each["location"]["path"] == "n.ipynb")
        assert problem["location"]["lines"] == {"begin": 77, "end": 77}
        assert (problem["cell"], problem["cell_id"]) == (5, "bad-3")
        assert problem["description"] == "cell 5 (id bad-3), line 1: bad\ncell"
        assert (finding["cell"], finding["cell_id"]) == (3, "f00d-1")

    def test_sarif(self) -> None:
        [run] = parsed("sarif")["runs"]
        place = {"cell": 3, "cellId": "f00d-1", "cellLine": 1, "cellColumn": 8}
        [result] = (each for each in run["results"] if "cell" in each["properties"])
        [location] = result["locations"]
        assert result["properties"].items() >= place.items()
        assert location["properties"] == place
        assert location["logicalLocations"] == [{"name": "cell 3", "kind": "cell"}]
        [related] = result["relatedLocations"]
        assert related["message"]["text"] == "cell 1 (id cafe-2), line 2: set here"
        assert related["physicalLocation"]["region"] == {"startLine": 13}
        [problem] = run["invocations"][0]["toolExecutionNotifications"][0]["locations"]
        assert problem["physicalLocation"]["region"] == {"startLine": 77}

    def test_junit(self) -> None:
        root = ElementTree.fromstring("\n".join(lines("junit")))
        error, failure = root.findall("testsuite[@name='n.ipynb']/testcase")
        assert (error.findtext("error") or "").startswith("n.ipynb:77: cell 5 (id bad-3), line 1: bad")
        assert (failure.findtext("failure") or "").startswith("n.ipynb:42: cell 3 (id f00d-1), line 1: loads")
        properties = {each.get("name"): each.get("value") for each in root.iter("property")}
        assert properties == {"cell 3": "f00d-1", "cell 5": "bad-3"}

    def test_lsp(self) -> None:
        problem, finding = json.loads(lines("lsp")[1])["diagnostics"]
        assert problem["range"]["start"] == {"line": 76, "character": 0}
        assert problem["data"] == {"cell": 5, "cellId": "bad-3", "line": 1}
        assert problem["message"] == "cell 5 (id bad-3), line 1: bad\ncell"
        assert finding["message"].startswith("cell 3 (id f00d-1), line 1: loads")
        [related] = finding["relatedInformation"]
        assert related["message"] == "cell 1 (id cafe-2), line 2: set here"
        assert related["location"]["range"]["start"]["line"] == 12


def test_lsp_speaks_of_every_file_that_was_checked() -> None:
    files = [json.loads(line) for line in lines("lsp")]
    assert [each["uri"].rpartition("/")[2] for each in files] == ["a%20b.py", "n.ipynb", "crashed.py", "clean.py"]
    assert files[3]["diagnostics"] == []
    [problem, finding] = files[1]["diagnostics"]
    assert problem["code"] == "syntax"
    assert finding["range"]["start"] == {"line": 41, "character": 0}
    assert finding["data"]["cell"] == 3


def test_lsp_fades_what_may_go_and_tells_of_fixes() -> None:
    deleted = PlacedFix("drop it", Applicability.SAFE, None, (PlacedEdit(2, 1, 2, 20, ""),))
    files = (FileResult("a.py", (FIXABLE, FINDING._replace(line=2, fix=deleted), FINDING)),)
    [said] = (json.loads(line) for line in lines_of("lsp", Report(RunResult(files))))
    assert [each.get("tags") for each in said["diagnostics"]] == [None, [1], None]
    assert [each["data"]["fix"] for each in said["diagnostics"]] == [
        {"title": "halve it", "applicability": "unsafe"},
        {"title": "drop it", "applicability": "safe"},
        None,
    ]


def test_agent_lines_hold_all_that_is_needed() -> None:
    assert lines("agent")[2] == (
        "a b.py:2:8 warning a-rule: loads 100 % of it, one by one | related: a b.py:1:2 here"
        " | related: other, too.py:7:1 there | help: load half: it's; cheaper]"
    )
    assert any(line.endswith("| fix: unsafe (less data): halve it") for line in lines("agent"))
    assert list(lines_of("agent", Report(RunResult((FileResult("clean.py"),))))) == []


def test_agents_edit_notebooks_by_the_id_of_the_cell_or_the_line_of_the_file() -> None:
    broken, found = (line for line in lines("agent") if line.startswith("n.ipynb:"))
    assert broken == "n.ipynb:cell 5:1:2 problem syntax: bad cell | in the file: cell id bad-3, line 77"
    assert found.startswith(
        "n.ipynb:cell 3:1:8 error a-rule: loads 100 % of it, one by one | in the file: cell id f00d-1, line 42 | "
        "related: n.ipynb:cell 1:2:5 set here | "
    )
    unnamed = RunResult((FileResult("n.ipynb", (IN_CELL._replace(cell_id=None),)),))
    assert " | in the file: line 42 | " in next(iter(lines_of("agent", Report(unnamed))))


def test_json_lines_are_the_findings_of_json() -> None:
    whole = parsed("json")
    assert [json.loads(line) for line in lines("json-lines")] == [*whole["findings"], *whole["errors"]]


def test_grouped_names_each_file_once() -> None:
    found = lines("grouped")
    assert [line for line in found if line.endswith(":")] == ["a b.py:", "n.ipynb:", "crashed.py:"]
    assert "  cell 3:1:8 error a-rule loads 100 % of it, one by one" in found


class TestSarif:
    @pytest.fixture
    def run(self) -> Any:
        from greenlint.registry import RuleLoader

        rule = RuleLoader().registry().rules["dataloader-no-workers"]
        return parsed("sarif", suppressed=True, find=lambda name: rule if name == "a-rule" else None)["runs"][0]

    def test_results_refer_to_rules_and_categories_by_their_index(self, run: Any) -> None:
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        [relation] = rules[0]["relationships"]
        assert run["taxonomies"][relation["target"]["toolComponent"]["index"]]["taxa"][relation["target"]["index"]][
            "id"
        ]

    def test_a_rule_brings_its_page(self, run: Any) -> None:
        known, unknown = run["tool"]["driver"]["rules"]
        assert known["help"]["markdown"].startswith("# ")
        assert unknown == {"id": "b-rule", "name": "BRule"}

    def test_places(self, run: Any) -> None:
        regions = [each["locations"][0]["physicalLocation"]["region"] for each in run["results"]]
        place = {"startLine": 2, "startColumn": 8, "endLine": 2, "endColumn": 14}
        assert regions[0] == {**place, "snippet": {"text": "load()"}}
        assert {"startLine": 42} in regions
        uris = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]}
        assert uris == {"a%20b.py", "n.ipynb"}

    def test_fixes_suppressions_and_problems(self, run: Any) -> None:
        fixes = [each["fixes"] for each in run["results"] if "fixes" in each]
        assert fixes[0][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "half()"}
        assert [each["suppressions"] for each in run["results"] if "suppressions" in each] == [
            [{"kind": "inSource", "justification": "why not"}]
        ]
        notes = run["invocations"][0]["toolExecutionNotifications"]
        assert [each["descriptor"]["id"] for each in notes] == ["syntax", "rule-crash"]


def _checked(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    from greenlint.cli import main

    code = main(["check", "--no-cache", "--isolated", "--select", "dataloader-no-workers", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


class TestOutputs:
    """``--output FORMAT[:PATH]``."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        monkeypatch.delenv("TF_BUILD", raising=False)
        (tmp_path / "train.py").write_text("import torch\n", encoding="utf-8")
        return tmp_path

    def test_one_run_writes_several_formats(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = _checked(["--output", "sarif:a.sarif", "--output", "gitlab:b.json", "--output", "lsp"], capsys)
        assert code == 0
        assert json.loads(out)["diagnostics"] == []
        assert json.loads(Path("a.sarif").read_text("utf-8"))["version"] == "2.1.0"
        assert json.loads(Path("b.json").read_text("utf-8")) == []

    def test_people_still_see_the_usual_format_beside_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert _checked(["--output", "junit:a.xml"], capsys)[1] == "checked 1 file, nothing found\n"

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--output", "xml"], "unknown format `xml`"),
            (["--output", "json:"], "names no file"),
            (["--output", "json", "--output", "sarif"], "only one format can be printed"),
            (["--output", "json:a", "-o", "b"], "exclude each other"),
            (["--output", "json", "--watch"], "--watch prints for people"),
            (["--output", "json", "--output", "sarif:-"], "only one format can be printed"),
            (["--output", "json:a", "--output", "sarif:./a"], "two reports would be written to `a`"),
            (["--output", "json:a", "--output", "sarif:no/such"], "no/such: cannot be written: there is no folder no"),
            (["--output", "json:a", "-o", "."], "exclude each other"),
            (["-o", "."], ".: cannot be written: is a folder"),
        ],
    )
    def test_mistakes(self, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
        code, _, err = _checked(arguments, capsys)
        assert code == 2
        assert complaint in err
        assert list(Path().iterdir()) == [Path("train.py")]

    @pytest.mark.parametrize("place", ["-", "/dev/stdout"])
    def test_standard_output_by_name(self, place: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert json.loads(_checked(["--output", f"json:{place}"], capsys)[1])["findings"] == []
        assert json.loads(_checked(["-o", place, "--output-format", "json"], capsys)[1])["findings"] == []

    @pytest.mark.skipif(os.name == "nt", reason="needs pipes with names")
    def test_a_link_and_what_is_no_file_stay(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("real").write_text("old")
        Path("real").chmod(0o640)
        Path("link").symlink_to("real")
        os.mkfifo("pipe")
        reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
        assert _checked(["--output", "json:link", "--output", "json-lines:pipe"], capsys)[0] == 0
        os.close(reader)
        assert Path("link").is_symlink()
        assert json.loads(Path("real").read_text("utf-8"))["findings"] == []
        assert stat.S_IMODE(Path("real").stat().st_mode) == 0o640
        assert Path("pipe").is_fifo()

    def test_annotations_in_ci(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        assert _checked([], capsys)[1] == ""
        assert _checked(["--output-format", "full"], capsys)[1] != ""
