"""What reports offer for a notebook: put into its JSON as its readers do, it is what ``--fix`` writes."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from greenlint.cli import main

CELLS = [
    "# Training \u00e9\u6f22\U0001f600",
    "%matplotlib inline\nfrom transformers import Trainer, TrainingArguments\nimport torch",
    "name = '\u00e9\u6f22\U0001f600'; args = TrainingArguments(output_dir='\u00e9\u6f22\U0001f600')\n"
    "trainer = Trainer(model=model, args=args, train_dataset=data)\ntrainer.train()\n",
    "for x, y in loader:\n    loss = criterion(model(x.cuda()), y.cuda())\n    loss.backward()\n"
    "    optimizer.step()\n    torch.cuda.synchronize()",
]
RULES = ("explicit-synchronize-in-step", "hf-trainer-no-mixed-precision")


class Replacement(NamedTuple):
    """Replace what is from one place to the other; lines and columns from 1."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


def notebook(indent: int | None, *, ascii_only: bool, as_lists: bool, line_end: str = "\n") -> bytes:
    cells: list[dict[str, Any]] = []
    for number, source in enumerate(CELLS):
        kind: dict[str, Any] = (
            {"cell_type": "markdown"} if number == 0 else {"cell_type": "code", "outputs": [], "execution_count": None}
        )
        stored = source.splitlines(keepends=True) if as_lists else source
        cells.append({**kind, "id": f"c{number}", "metadata": {}, "source": stored})
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    text = json.dumps(content, indent=indent, ensure_ascii=ascii_only) + "\n"
    return text.replace("\n", line_end).encode()


NOTEBOOKS = {
    "as Jupyter writes it": notebook(1, ascii_only=False, as_lists=True),
    "on one line": notebook(None, ascii_only=False, as_lists=True),
    "in ASCII": notebook(2, ascii_only=True, as_lists=True),
    "sources are strings": notebook(4, ascii_only=False, as_lists=False),
    "from Windows": notebook(1, ascii_only=False, as_lists=True, line_end="\r\n"),
    "on one line behind a mark": BOM_UTF8 + notebook(None, ascii_only=False, as_lists=True),
    "on one line in ASCII": notebook(None, ascii_only=True, as_lists=False),
}


@pytest.fixture(params=NOTEBOOKS)
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.ipynb").write_bytes(NOTEBOOKS[request.param])
    return tmp_path / "n.ipynb"


def check(*arguments: str) -> int:
    return main(["check", "--isolated", "--no-cache", "--quiet", *arguments, "n.ipynb"])


def in_sarif(report: Any) -> list[list[Replacement]]:
    """The replacements of each result that has some."""
    made = []
    for result in report["runs"][0]["results"]:
        for fix in result.get("fixes", ()):
            [change] = fix["artifactChanges"]
            assert change["artifactLocation"]["uri"] == "n.ipynb"
            made.append([_in_region(each["deletedRegion"], each) for each in change["replacements"]])
    return made


def _in_region(region: Any, replacement: Any) -> Replacement:
    start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
    return Replacement(start, end, replacement["insertedContent"]["text"])


def in_rdjson(report: Any) -> list[list[Replacement]]:
    return [
        [_in_range(each["range"], each["text"]) for each in diagnostic["suggestions"]]
        for diagnostic in report["diagnostics"]
        if "suggestions" in diagnostic
    ]


def _in_range(range_: Any, text: str) -> Replacement:
    start, end = range_["start"], range_["end"]
    return Replacement((start["line"], start["column"]), (end["line"], end["column"]), text)


def replaced(data: bytes, replacements: Iterable[Replacement], *, in_bytes: bool) -> bytes:
    """``data`` with ``replacements``, whose columns count bytes or code points."""
    lines = data.split(b"\n")

    def offset(line: int, column: int) -> int:
        text = lines[line - 1]
        if in_bytes:
            within = column - 1
        else:
            # Whoever counts code points has decoded the file.
            mark = len(BOM_UTF8) if text.startswith(BOM_UTF8) else 0
            within = mark + len(text[mark:].decode()[: column - 1].encode())
        return sum(len(each) + 1 for each in lines[: line - 1]) + within

    for each in sorted(replacements, reverse=True):
        data = data[: offset(*each.start)] + each.text.encode() + data[offset(*each.end) :]
    return data


@pytest.mark.parametrize("rules", [*RULES, ",".join(RULES)])
def test_the_fixes_of_a_report_are_those_of_greenlint(rules: str, file: Path) -> None:
    before = file.read_bytes()
    check("--select", rules, "--output", "sarif:a.sarif", "--output", "rdjson:a.json")
    sarif = in_sarif(json.loads(Path("a.sarif").read_text("utf-8")))
    rdjson = in_rdjson(json.loads(Path("a.json").read_text("utf-8")))
    check("--select", rules, "--fix-only", "--unsafe-fixes")
    after = file.read_bytes()
    assert len(sarif) == len(rdjson) == rules.count(",") + 1
    assert after != before
    assert replaced(before, chain.from_iterable(sarif), in_bytes=False) == after
    assert replaced(before, chain.from_iterable(rdjson), in_bytes=True) == after
    assert len(json.loads(after)["cells"]) == len(CELLS)


def found_by_sarif(data: bytes) -> list[str]:
    lines = data.decode("utf-8-sig").split("\n")
    results = json.loads(Path("a.sarif").read_text("utf-8"))["runs"][0]["results"]
    regions = [each["locations"][0]["physicalLocation"]["region"] for each in results]
    return [_between(lines, *(each[name] for name in _REGION)) for each in regions]


_REGION = ("startLine", "startColumn", "endLine", "endColumn")


def found_by_rdjson(data: bytes) -> list[str]:
    # A byte is a letter in Latin-1.
    lines = data.decode("latin-1").split("\n")
    ranges = [each["location"]["range"] for each in json.loads(Path("a.json").read_text("utf-8"))["diagnostics"]]
    places = [(*each["start"].values(), *each["end"].values()) for each in ranges]
    return [_between(lines, *each).encode("latin-1").decode() for each in places]


def found_by_lsp(data: bytes) -> list[str]:
    lines = data.decode("utf-8-sig").split("\n")
    found = []
    for each in json.loads(Path("a.lsp").read_text("utf-8"))["diagnostics"]:
        start, end = each["range"]["start"], each["range"]["end"]
        assert start["line"] == end["line"]
        units = lines[start["line"]].encode("utf-16-le")
        found.append(units[2 * start["character"] : 2 * end["character"]].decode("utf-16-le"))
    return found


def _between(lines: list[str], line: int, column: int, end_line: int, end_column: int) -> str:
    assert line == end_line
    return lines[line - 1][column - 1 : end_column - 1]


@pytest.mark.parametrize(
    ("report", "found"),
    [("sarif:a.sarif", found_by_sarif), ("rdjson:a.json", found_by_rdjson), ("lsp:a.lsp", found_by_lsp)],
)
def test_places_are_those_of_the_code_in_the_file(report: str, found: Callable[[bytes], list[str]], file: Path) -> None:
    check("--select", ",".join(RULES), "--output", report)
    shown = [json.loads(f'"{each}"') for each in found(file.read_bytes())]
    assert shown == ["TrainingArguments(output_dir='\u00e9\u6f22\U0001f600')", "torch.cuda.synchronize()"]


def test_a_mark_before_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts bytes counts those of a byte-order mark; what counts letters does not see it."""
    monkeypatch.chdir(tmp_path)
    begin = "from transformers import Trainer, TrainingArguments; args = TrainingArguments('\u00e9'); "
    code = f"{begin}Trainer(model=model, args=args, train_dataset=data).train()\n"
    (tmp_path / "a.py").write_bytes(BOM_UTF8 + code.encode())
    main(["check", "--isolated", "--no-cache", "--quiet", "--select", RULES[1], "--output", "rdjson:a.json", "a.py"])
    assert found_by_rdjson((tmp_path / "a.py").read_bytes()) == ["TrainingArguments('\u00e9')"]


def test_they_come_from_the_cache_as_well(file: Path) -> None:
    arguments = ["--isolated", "--quiet", "--select", RULES[1], "n.ipynb", "-o", "a.json", "--output-format", "rdjson"]
    reports = []
    for _ in range(2):
        main(["check", *arguments])
        reports.append(in_rdjson(json.loads(Path("a.json").read_text("utf-8"))))
    assert reports[0] == reports[1] != []


def test_what_cannot_be_made_is_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell begins with a space, which IPython takes away and which no fix may."""
    monkeypatch.chdir(tmp_path)
    odd = NOTEBOOKS["as Jupyter writes it"].replace(b'"for x', b'" for x').replace(b'"    ', b'"     ')
    (tmp_path / "n.ipynb").write_bytes(odd)
    check("--select", RULES[0], "--output", "sarif:a.sarif", "--output", "rdjson:a.json")
    [result] = json.loads(Path("a.sarif").read_text("utf-8"))["runs"][0]["results"]
    [diagnostic] = json.loads(Path("a.json").read_text("utf-8"))["diagnostics"]
    assert "fixes" not in result
    assert "suggestions" not in diagnostic
