"""What a real run reports, held against the published schemas of the formats and read by their real consumers.

Those of npm are used where ``NODE_PATH`` names a folder that has them: ``npm install @actions/core
azure-pipelines-task-lib @microsoft/sarif-multitool @umbrelladocs/rdformat-validator``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from urllib.request import url2pathname
from xml.etree import ElementTree

import pytest
import xmlschema
from jsonschema import Draft202012Validator
from lsprotocol import types
from lsprotocol.converters import get_converter

from greenlint.output.formats import FORMATS

SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"

RULE = '''
"""Says what formats could trip over."""

from greenlint import Bad, Edit, Good, Rule, Severity, on_call

ODD = "100 % of it, [so]; it's: \\"odd\\" <&> \\u00e9\\u6f22\\U0001f600\\r\\n##vso[task.complete]\\x1b%0A::error::%3B"


class OddCall(Rule):
    """Says what formats could trip over."""

    severity = Severity.ERROR
    words = (("odd_call",),)

    @on_call("odd.odd_call")
    def check(self, call, facts):
        [argument] = call.node.args
        fix = self.safe_fix("drop it", Edit(facts.document.span(argument), ""))
        yield self.finding(
            call.node, ODD, help=ODD, notes=(ODD,), related=((argument, ODD),), fix=fix if argument.star else None
        )

    examples = (Bad("import odd\\nodd.odd_call(1)  # bad"), Good("import odd", why="it is not called"))
'''
SCRIPT = """\
import odd

caf\u00e9 = "\u6f22\U0001f600"; odd.odd_call(*x)
odd.odd_call(
    1
)
odd.odd_call(2)  # greenlint: ignore[odd-call] "why, not": 100 % ]]> fine;
"""
CELLS = [
    "# prose",
    "import odd\n\nx = 1\nodd.odd_call(x)",
    "x = = 3",
    "%%time\nodd.odd_call(3)\n\nodd.odd_call(*'\u00e9\"\\\\')",
]
LOUD_NAME = "\x1b[31m \u202e%0A::error::##vso[task.complete];].py"
ODD_NAME = 'my dir/a,b: 100% [x];\'\u00e9\u6f22 "q".py'
FILES: Mapping[str, str | bytes] = {
    "greenlint.toml": 'rule-paths = ["lint"]\nselect = ["odd-call"]\nexclude = ["lint"]\n',
    "lint/odd_call.py": RULE,
    "train.py": SCRIPT,
    ODD_NAME: SCRIPT,
    "new\nline.py": SCRIPT,
    LOUD_NAME: SCRIPT,
    "latin.py": b"import odd\n# \xe9\nodd.odd_call(1)\n",
    "broken.py": "import odd\nodd.odd_call(1\n",
    "clean.py": "import odd\n",
}


class Place(NamedTuple):
    """Where a report points, and whose it is."""

    path: str
    line: int
    rule: str


def in_log(place: Place) -> Place:
    """What would take effect where a log is shown is spelled out there."""
    return place._replace(path=place.path.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e"))


class Run(NamedTuple):
    """A folder, and what one run over it wrote in each format."""

    folder: Path
    reports: dict[str, str]

    def json(self, name: str) -> Any:
        return json.loads(self.reports[name])

    def places(self) -> list[Place]:
        """What every report must point at, by the report that knows the most."""
        data = self.json("json")
        spots = [(each["path"], each["cell"], each["line"], each["rule"]) for each in data["findings"]]
        spots += [(each["path"], each["cell"], each["line"], each["kind"]) for each in data["errors"]]
        return sorted(Place(path, self.stored_line(path, cell, line), rule) for path, cell, line, rule in spots)

    def stored_line(self, path: str, cell: int | None, line: int) -> int:
        """The line of the file whose text is that line of the cell."""
        if cell is None:
            return line
        text = (self.folder / path).read_text(encoding="utf-8")
        source = json.loads(text)["cells"][cell - 1]["source"]
        wanted = "".join(source).split("\n")[line - 1]
        escaped = [json.dumps(wanted, ensure_ascii=each)[1:-1] for each in (True, False)]
        [found] = {
            number for number, stored in enumerate(text.split("\n"), 1) if any(each in stored for each in escaped)
        }
        return found


def notebook(indent: int | None, sources: Sequence[str], *, named: bool) -> str:
    kinds = ["markdown", *["code"] * (len(sources) - 1)]
    cells: list[dict[str, Any]] = [
        {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
        for kind, source in zip(kinds, sources, strict=True)
    ]
    for number, cell in enumerate(cells, 1):
        if named:
            cell["id"] = f"cell-no-{number}"
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    minor = 5 if named else 4
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
    return json.dumps(content, indent=indent, ensure_ascii=named)


def run_in(folder: Path, files: Mapping[str, str | bytes]) -> Run:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    reports = folder.parent / f"{folder.name}-reports"
    reports.mkdir()
    outputs = [part for name in FORMATS for part in ("--output", f"{name}:{reports / name}")]
    command = [sys.executable, "-m", "greenlint", "check", ".", "--no-cache", "--show-suppressed", *outputs]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=200)
    assert (done.returncode in (0, 1), done.stderr) == (True, "")
    return Run(folder, {name: (reports / name).read_bytes().decode("utf-8") for name in FORMATS})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Run:
    notebooks = {
        "my dir/n b.ipynb": notebook(1, CELLS, named=True),
        "old.ipynb": notebook(2, CELLS, named=False),
        "minified.ipynb": notebook(None, CELLS, named=True),
    }
    return run_in(tmp_path_factory.mktemp("odd"), {**FILES, **notebooks})


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_in(tmp_path_factory.mktemp("clean"), {"clean.py": "import torch\n"})


@pytest.fixture(params=["project", "clean"])
def run(request: pytest.FixtureRequest) -> Run:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Run)
    return found


def check(value: object, schema: Any) -> None:
    """Fail with all that ``schema`` objects to."""
    validator = Draft202012Validator(schema)
    validator.check_schema(schema)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)] == []


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def package(name: str) -> Path:
    """The folder of a package of npm."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)):
        if (Path(folder) / name).is_dir():
            return Path(folder) / name
    pytest.skip(f"{name} is not installed, or NODE_PATH does not name its folder")


def node(script: str, given: str) -> Any:
    """What a script answers, as JSON; it is given a text as ``given``."""
    command = [needed("node"), "-e", f"const given = require('fs').readFileSync(0, 'utf8');\n{script}"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# -- the project ---------------------------------------------------------------------------------------------------


def test_the_run_has_all_that_a_report_could_trip_over(project: Run) -> None:
    data = project.json("json")
    found = data["findings"]
    assert {each["path"] for each in found} >= {ODD_NAME, LOUD_NAME, "new\nline.py", "my dir/n b.ipynb", "old.ipynb"}
    assert {each["kind"] for each in data["errors"]} == {"encoding", "syntax"}
    assert any(each["suppressed"] for each in found)
    assert any(each["fix"] for each in found)
    assert all(each["related"] for each in found)
    assert all("\r\n##vso[" in each["message"] for each in found)
    assert {each["cell_id"] for each in found} == {None, "cell-no-2", "cell-no-4"}


def test_the_line_in_a_notebook_is_the_line_of_its_json_that_has_the_source(project: Run) -> None:
    lines = {place for place in project.places() if place.path.endswith(".ipynb")}
    for path, count in (("my dir/n b.ipynb", 4), ("old.ipynb", 4), ("minified.ipynb", 1)):
        assert len({place.line for place in lines if place.path == path}) == count
    assert {place.line for place in lines if place.path == "minified.ipynb"} == {1}


# -- greenlint's own formats ---------------------------------------------------------------------------------------

OWN = json.loads(resources.files("greenlint").joinpath("findings.schema.json").read_text("utf-8"))


def test_json(run: Run) -> None:
    check(run.json("json"), OWN)


def test_json_lines(run: Run) -> None:
    either = {**OWN, "type": "object", "properties": {}, "required": [], "additionalProperties": True}
    either["oneOf"] = [{"$ref": "#/$defs/finding"}, {"$ref": "#/$defs/error"}]
    told = [json.loads(line) for line in run.reports["json-lines"].splitlines()]
    for each in told:
        check(each, either)
    whole = run.json("json")
    assert told == [*whole["findings"], *whole["errors"]]


@pytest.mark.parametrize("name", ["concise", "agent", "grouped"])
def test_what_is_read_line_by_line_has_one_line_for_each_place(name: str, project: Run) -> None:
    lines = [line for line in project.reports[name].splitlines() if re.search(r":\d+:\d+|^  \d+:\d+", line)]
    assert len(lines) == len(project.places())
    assert "\x1b" not in project.reports[name]


# -- SARIF ---------------------------------------------------------------------------------------------------------


def uri_path(location: Any) -> str:
    return unquote(location["physicalLocation"]["artifactLocation"]["uri"])


def test_sarif_keeps_to_its_schema(run: Run) -> None:
    check(run.json("sarif"), json.loads((SCHEMAS / "sarif-2.1.0.json").read_text("utf-8")))


def test_sarif_points_at_every_place(project: Run) -> None:
    [told] = project.json("sarif")["runs"]
    spots = [(each["ruleId"], each["locations"][0]) for each in told["results"]]
    [invocation] = told["invocations"]
    spots += [(each["descriptor"]["id"], each["locations"][0]) for each in invocation["toolExecutionNotifications"]]
    found = [Place(uri_path(at), at["physicalLocation"]["region"]["startLine"], rule) for rule, at in spots]
    assert sorted(found) == project.places()


def test_a_sarif_region_cuts_out_the_call_and_its_fix_is_that_of_greenlint(project: Run) -> None:
    [told] = project.json("sarif")["runs"]
    scripts = [each for each in told["results"] if "cell" not in each["properties"]]
    assert {cut(project, each["locations"][0]) for each in scripts} == {
        "odd.odd_call(*x)",
        "odd.odd_call(\n    1\n)",
        "odd.odd_call(2)",
    }
    for result in scripts:
        [location] = result["locations"]
        assert location["physicalLocation"]["region"]["snippet"] == {"text": cut(project, location)}
        for fix in result.get("fixes", ()):
            [change] = fix["artifactChanges"]
            [replacement] = change["replacements"]
            region = {"physicalLocation": {**change, "region": replacement["deletedRegion"]}}
            assert cut(project, region) == "*x"
            assert replacement["insertedContent"] == {"text": ""}


def cut(run: Run, location: Any) -> str:
    """The text of a region, its columns code points, as the log says."""
    region = location["physicalLocation"]["region"]
    lines = (run.folder / uri_path(location)).read_text("utf-8").split("\n")
    lines = lines[region["startLine"] - 1 : region["endLine"]]
    lines[-1] = lines[-1][: region["endColumn"] - 1]
    return "\n".join([lines[0][region["startColumn"] - 1 :], *lines[1:]])


NOT_FOLLOWED = {
    "SARIF2002": "messages are texts; GitHub shows no others",
    "SARIF2003": "greenlint does not ask Git for the revision",
    "SARIF2005": "there is no page on the web that could be named",
    "SARIF2006": "the schema cannot be had without a network",
    "SARIF2009": "rules have names, not numbers",
    "SARIF2010": "the text of a line of a notebook's JSON is no use; in scripts there is a snippet, see above",
    "SARIF2011": "lines around a finding are not carried",
    "SARIF2012": "there is no page on the web that could be named; the log has the text of the page",
}
"""What Microsoft's multitool advises, and why it is not followed."""


def test_microsofts_multitool_has_nothing_to_say_against_the_log(run: Run, tmp_path: Path) -> None:
    (tmp_path / "greenlint.sarif").write_text(run.reports["sarif"], encoding="utf-8")
    multitool = package("@microsoft/sarif-multitool") / "bin.js"
    # bin.js hands its arguments to a shell.
    kinds = ["--rule-kind", "'Sarif;Ghas'", "--level", "'Error;Warning;Note'"]
    arguments = ["validate", "greenlint.sarif", "--output", "answer.sarif", *kinds]
    command = [needed("node"), str(multitool), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    answer = json.loads((tmp_path / "answer.sarif").read_text(encoding="utf-8-sig"))
    said = {each["ruleId"] for each in answer["runs"][0]["results"]}
    assert said <= NOT_FOLLOWED.keys(), done.stdout


# -- GitLab --------------------------------------------------------------------------------------------------------

GITLAB = {
    # What GitLab's documentation demands of an issue; what else there is it passes over.
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    # Relative to the repository, without a dot before it.
                    "path": {"type": "string", "pattern": "^(?!\\./|/)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}, "end": {"type": "integer"}},
                    },
                },
            },
        },
    },
}


def test_gitlab(run: Run) -> None:
    issues = run.json("gitlab")
    check(issues, GITLAB)
    assert len({each["fingerprint"] for each in issues}) == len(issues)
    found = [Place(each["location"]["path"], each["location"]["lines"]["begin"], each["check_name"]) for each in issues]
    assert sorted(found) == run.places()


# -- JUnit ---------------------------------------------------------------------------------------------------------


def test_junit_keeps_to_the_schema_of_jenkins(run: Run) -> None:
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(run.reports["junit"])


def test_junit_points_at_every_place(run: Run) -> None:
    root = ElementTree.fromstring(run.reports["junit"])
    found = []
    for case in root.iter("testcase"):
        path = case.get("classname", "")
        for told in (*case.iter("failure"), *case.iter("error"), *case.iter("skipped")):
            at = re.match(r"(\d+): ", (told.text or "").removeprefix(f"{path}:"))
            assert at is not None
            found.append(Place(path, int(at.group(1)), case.get("name", "").partition(" ")[0]))
    assert sorted(found) == sorted(map(in_log, run.places()))
    assert int(root.get("tests", "")) == len(list(root.iter("testcase")))


# -- reviewdog -----------------------------------------------------------------------------------------------------


def test_rdjson_keeps_to_its_messages(run: Run) -> None:
    found = package("@umbrelladocs/rdformat-validator")
    script = f"""
        const {{ RDFormatValidator }} = require({json.dumps(str(found))});
        new RDFormatValidator({{ strictMode: true, allowExtraFields: false }}).validateString(given)
            .then(answer => console.log(JSON.stringify(answer)));
    """
    answer = node(script, run.reports["rdjson"])
    assert (answer["valid"], answer["errors"]) == (True, [])


def test_rdjson_points_at_every_place(run: Run) -> None:
    data = run.json("rdjson")
    found = [
        Place(each["location"]["path"], each["location"]["range"]["start"]["line"], each["code"]["value"])
        for each in data["diagnostics"]
    ]
    assert sorted(found) == run.places()


def test_an_rdjson_suggestion_counts_bytes(project: Run) -> None:
    data = project.json("rdjson")
    with_fix = [each for each in data["diagnostics"] if "suggestions" in each]
    scripts = [each for each in with_fix if each["location"]["path"].endswith(".py")]
    assert {each["location"]["path"] for each in scripts} == {"train.py", ODD_NAME, LOUD_NAME, "new\nline.py"}
    for each in scripts:
        [suggestion] = each["suggestions"]
        start, end = suggestion["range"]["start"], suggestion["range"]["end"]
        line = (project.folder / each["location"]["path"]).read_bytes().split(b"\n")[start["line"] - 1]
        assert line[start["column"] - 1 : end["column"] - 1] == b"*x"


# -- commands in the log -------------------------------------------------------------------------------------------


class Command(NamedTuple):
    """A command as its reader sees it."""

    name: str
    properties: dict[str, str]
    message: str

    @property
    def place(self) -> Place:
        properties = self.properties
        if "sourcepath" in properties:
            return Place(properties["sourcepath"], int(properties["linenumber"]), properties["code"])
        rule = re.fullmatch(r"greenlint \((.+)\)", properties["title"])
        assert rule is not None
        return Place(properties["file"], int(properties["line"]), rule.group(1))


def unescaped(text: str, escapes: Mapping[str, str]) -> str:
    """``text`` as a reader takes it that undoes one escape after the other."""
    for spelled, meant in escapes.items():
        text = text.replace(spelled, meant)
    return text


def github_command(line: str) -> Command:
    """Read ``::name key=value,key=value::message`` as the runner of GitHub Actions does."""
    in_data = {"%0D": "\r", "%0A": "\n", "%25": "%"}
    in_property = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    assert line.startswith("::")
    head, _, message = line[2:].partition("::")
    name, _, listed = head.partition(" ")
    pairs = (each.partition("=") for each in listed.split(","))
    return Command(name, {key: unescaped(value, in_property) for key, _, value in pairs}, unescaped(message, in_data))


def azure_command(line: str) -> Command:
    """Read ``##vso[name key=value;key=value;]message`` as the agent of Azure Pipelines does."""
    in_data = {"%0D": "\r", "%0A": "\n", "%AZP25": "%"}
    in_property = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%AZP25": "%"}
    assert line.startswith("##vso[")
    head, _, message = line[6:].partition("]")
    name, _, listed = head.partition(" ")
    pairs = (each.partition("=") for each in listed.split(";") if each)
    return Command(name, {key: unescaped(value, in_property) for key, _, value in pairs}, unescaped(message, in_data))


READERS: Mapping[str, Callable[[str], Command]] = {"github": github_command, "azure": azure_command}


@pytest.mark.parametrize("name", READERS)
def test_commands_point_at_every_place_and_no_text_becomes_a_command(name: str, run: Run) -> None:
    lines = run.reports[name].split("\n")
    assert lines.pop() == ""
    commands = [READERS[name](line) for line in lines]
    assert sorted(each.place for each in commands) == sorted(map(in_log, run.places()))
    messages = [each["message"].replace("\x1b", "\\x1b") for each in run.json("json")["findings"]]
    assert all(any(message in each.message for each in commands) for message in messages)


def test_github_commands_are_those_of_its_own_toolkit(project: Run) -> None:
    """Issued again by ``@actions/core``, they are the same, byte by byte."""
    lines = project.reports["github"].splitlines()
    found = package("@actions/core") / "lib" / "command.js"
    script = f"""
        import({json.dumps(found.as_uri())}).then(({{ issueCommand }}) => {{
            const said = [], write = process.stdout.write;
            process.stdout.write = text => said.push(text);
            for (const each of JSON.parse(given)) issueCommand(...each);
            process.stdout.write = write;
            console.log(JSON.stringify(said));
        }});
    """
    again = node(script, json.dumps([github_command(line) for line in lines]))
    assert [each.rstrip("\n") for each in again] == lines


def test_azure_commands_are_read_by_its_own_task_library(project: Run) -> None:
    lines = project.reports["azure"].splitlines()
    found = package("azure-pipelines-task-lib") / "taskcommand.js"
    script = f"""
        const {{ commandFromString }} = require({json.dumps(str(found))});
        console.log(JSON.stringify(JSON.parse(given).map(commandFromString)));
    """
    read = node(script, json.dumps(lines))
    assert [Command(each["command"], each["properties"], each["message"]) for each in read] == [
        azure_command(line) for line in lines
    ]


# -- LSP -----------------------------------------------------------------------------------------------------------


def test_lsp_params_are_those_of_the_protocol(run: Run) -> None:
    converter = get_converter()
    found = []
    for line in run.reports["lsp"].splitlines():
        raw = json.loads(line)
        params = converter.structure(raw, types.PublishDiagnosticsParams)
        # Nothing was lost: no field that the protocol does not know.
        assert converter.unstructure(params) == raw
        path = Path(url2pathname(params.uri.removeprefix("file://"))).relative_to(run.folder)
        found += [Place(path.as_posix(), each.range.start.line + 1, str(each.code)) for each in params.diagnostics]
    assert sorted(found) == run.places()
