"""Names of files that would take effect where a report is shown, or that no report could hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest

from greenlint.finding import Applicability, Confidence, Severity
from greenlint.output.diff import diff
from greenlint.output.formats import FORMATS, Report, lines_of
from greenlint.output.json_text import json_text
from greenlint.output.lines import fix_summary
from greenlint.output.terminal import Style, cells, shown_path, spelled_out, visible
from greenlint.results import FileResult, PlacedEdit, PlacedFinding, PlacedFix, PlacedRelated, Problem, RunResult

NAME = "d/\x1b[2J\r\n::error::x##vso[task.complete]##[error]\t\u202e\x85\u2028%0A;]\udcff.py"
SPELLED = NAME.translate({0x1B: "\\x1b", 0x202E: "\\u202e", 0x85: "\\x85", 0x2028: "\\u2028", 0xDCFF: "\\udcff"})
FINDING = PlacedFinding(
    rule="a-rule",
    category="loading",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    message=NAME,
    line=1,
    column=1,
    end_line=1,
    end_column=5,
    source=("load()  ##vso[task.complete]",),
    related=(PlacedRelated(NAME, 1, path=NAME),),
    fix=PlacedFix(NAME, Applicability.SAFE, None, (PlacedEdit(1, 1, 1, 5, "x"),)),
    fingerprint="f",
)
RESULT = RunResult((FileResult(NAME, (FINDING,), problems=(Problem("syntax", NAME),)),))
JSON = ("json", "json-lines", "gitlab", "sarif", "rdjson", "lsp")
COMMANDS = ("github", "azure")


def told(name: str, result: RunResult = RESULT) -> str:
    return "".join(f"{line}\n" for line in lines_of(name, Report(result)))


@pytest.mark.parametrize("name", FORMATS)
def test_no_report_has_characters_that_take_effect(name: str) -> None:
    text = told(name)
    harmful = [each for each in text if each not in "\t\n" and not each.isprintable()]
    assert harmful == []
    assert text.encode("utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_no_log_reader_finds_a_command_in_a_report(name: str) -> None:
    named = FINDING._replace(related=())
    for path in (NAME, "::error::x.py", "  ::warning::x.py"):
        for line in told(name, RunResult((FileResult(path, (named,)),))).splitlines():
            own = {"github": "::warning ", "azure": "##vso[task.logissue "}.get(name, "-")
            if not line.startswith(own):
                assert not line.lstrip().startswith("::")
                assert not re.search(r"##(?:vso)?\[", line)


def test_workflow_commands_give_line_ends_back() -> None:
    for name, signs in (("github", {"%3A": ":", "%2C": ",", "%25": "%"}), ("azure", {"%3B": ";", "%5D": "]"})):
        line = told(name).splitlines()[-1]
        [path] = re.findall(r"(?:file|sourcepath)=(.*?)[,;]line(?:number)?=", line)
        for written, meant in {"%0D": "\r", "%0A": "\n", **signs, "%AZP25": "%"}.items():
            path = path.replace(written, meant)
        assert path == SPELLED


@pytest.mark.parametrize("name", JSON)
def test_json_has_the_name_and_no_half_of_a_surrogate_pair(name: str) -> None:
    text = told(name)
    values = [json.loads(line) for line in text.splitlines()] if name in ("json-lines", "lsp") else json.loads(text)
    assert json.dumps(values, ensure_ascii=False).encode("utf-8")
    assert json.dumps(NAME.replace("\udcff", "\\udcff"))[1:-1] in json.dumps(values)


def test_uris_have_the_bytes_of_the_name() -> None:
    [run] = json.loads(told("sarif"))["runs"]
    for result in (*run["results"], *run["results"][0]["relatedLocations"]):
        location = result.get("locations", [result])[0]["physicalLocation"]
        assert unquote_to_bytes(location["artifactLocation"]["uri"]) == os.fsencode(NAME)
    assert unquote_to_bytes(json.loads(told("lsp"))["uri"]).endswith(os.fsencode(NAME))


def test_junit_tells_each_place_on_a_line_of_its_own() -> None:
    text = told("junit", RunResult((FileResult(NAME, (FINDING._replace(notes=("one\ntwo",)),)),)))
    [suite] = ElementTree.fromstring(text)
    assert suite.get("name") == suite.get("file") == SPELLED
    failure = suite.findtext("testcase/failure") or ""
    assert failure == f"{SPELLED}:1: {SPELLED}\none\ntwo"
    assert "one&#10;two" in text


def test_json_text_changes_nothing_else() -> None:
    fine = {"\\udcff ##[x] ##VSO[": ["\U0001f600", "\\", "\\\\ud83d", '"##["', "漢", "##", 1.5, None, [[]]]}
    for indent in (None, 2):
        assert json.loads(json_text(fine, indent)) == fine
    assert json.loads(json_text("\ud83d\ud83d\U0001f600\ude00")) == "\\ud83d\\ud83d\U0001f600\\ude00"


def test_names_with_spaces_of_other_scripts_stay() -> None:
    assert shown_path("デ\u3000ー\u00a0タ.py") == "デ\u3000ー\u00a0タ.py"
    assert spelled_out("a\tb\x0b", keep="\t") == "a\tb\\x0b"
    assert shown_path("::x.py") == "./::x.py"
    assert visible("##vso[x]##[y]#[z]") == "##vso\\x5bx]##\\x5by]#[z]"
    assert "".join(cells("é##[y]")) == "é##\\x5by]"


class TestDiff:
    """What ``git apply`` and ``patch`` read."""

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("a.py", "a.py"),
            ("é.py", "é.py"),
            ("a b.py", "a b.py\t"),
            ('"a.py', '"\\"a.py"'),
            ("a\n\\\x1b\udcff.py", '"a\\012\\\\\\033\\377.py"'),
            ("##[x].py", '"##\\133x].py"'),
        ],
    )
    def test_names(self, path: str, name: str) -> None:
        assert list(diff(path, "a\n", "b\n", Style()))[:2] == [f"--- {name}", f"+++ {name}"]

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no file has such a name")
    def test_git_applies_it(self, tmp_path: Path) -> None:
        for number, path in enumerate(("a b.py", 'é"\n\\\x1b\t\udcff.py', "##[x].py")):
            (tmp_path / path).write_text("a\n")
            lines = diff(path, "a\n", f"{number}", Style())
            given = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
            subprocess.run(["git", "apply", "-p0", "-"], cwd=tmp_path, input=given, check=True, timeout=60)
            assert (tmp_path / path).read_text() == f"{number}"

    def test_colour_is_for_people(self) -> None:
        shown = "".join(diff("a.py", "a\r\n", "b\x1b[2J\tc\r\n", Style(color=True)))
        assert "+b\\x1b[2J\tc\x1b[0m" in shown
        assert "\r" not in shown


def test_what_was_fixed() -> None:
    assert "  ./::x.py" in fix_summary({"::x.py": {"a": 1}}, listed=True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no file has such a name")
@pytest.mark.parametrize("arguments", [["--show-files", "."], ["--verbose", "."], ["no\nsuch\x1b"], ["--diff", "."]])
def test_what_is_said_beside_reports(arguments: list[str], tmp_path: Path) -> None:
    for name in (b"\x1b[2J\n::error::\xff.py", b"\x1b[2J\n::error::\xff.ipynb"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(
            '{"cells": [], "metadata": {"kernelspec": 3}}'
        )
    Path(tmp_path / "\n::error::r.ipynb").write_text('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}')
    command = [sys.executable, "-m", "greenlint", "check", "--no-cache", "--isolated", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, check=False, timeout=100)
    text = (done.stdout + done.stderr).decode("utf-8")
    assert "\x1b" not in text
    assert "\n::" not in text
    assert "internal error" not in text
