"""Edits of a notebook change the strings of the sources they concern, and no other byte."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from greenlint.document import Document
from greenlint.finding import Edit, Span, apply_edits, conflict
from greenlint.notebook_edits import NotebookEdits, apply_to_notebook
from greenlint.reading import parse

Source = str | list[str]


def stored(*sources: Source, indent: int | None = 1, ascii_only: bool = False) -> str:
    """A notebook with prose, outputs that look like sources, and these code cells."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "a = 1"]}]
    for source in sources:
        output = {"output_type": "stream", "name": "stdout", "text": ['"source": ["a = 1\\n"]', "\u00e9\n"]}
        cells.append({"cell_type": "code", "metadata": {"id": "x"}, "outputs": [output], "source": source})
    content = {"cells": cells, "metadata": {"a": 1.50}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=indent, ensure_ascii=ascii_only) + "\n"


def document_of(raw: str) -> Document:
    document = parse("n.ipynb", raw.encode()).document
    assert document is not None
    return document


def edited(raw: str, *replacements: tuple[str, str]) -> str | None:
    """The notebook with texts that occur once in its code replaced by others."""
    document = document_of(raw)
    edits = []
    for old, new in replacements:
        assert document.text.count(old) == 1
        start = document.text.index(old)
        edits.append(Edit(Span(start, start + len(old)), new))
    return applied(raw, document, edits)


def applied(raw: str, document: Document, edits: Sequence[Edit]) -> str | None:
    """The notebook with ``edits``; those of its JSON, put in by line and column, say the same."""
    made = NotebookEdits(raw, document).stored(edits)
    by_character, by_byte = raw, raw.encode()
    for each in sorted(made, key=lambda each: each.start, reverse=True):
        start, end = offset(raw, *each.start[:2]), offset(raw, *each.end[:2])
        by_character = by_character[:start] + each.text + by_character[end:]
        data = raw.encode()
        start, end = (
            offset(data, each.start.line, each.start.byte_column),
            offset(data, each.end.line, each.end.byte_column),
        )
        by_byte = by_byte[:start] + each.text.encode() + by_byte[end:]
    fixed = apply_to_notebook(raw, document, edits)
    at_odds = any(conflict(one.span, other.span) for one, other in itertools.combinations(edits, 2))
    assert (raw if fixed is None or at_odds else fixed) == by_character == by_byte.decode()
    return fixed


def offset(text: str | bytes, line: int, column: int) -> int:
    """Where a place is that counts from 1."""
    return sum(map(len, text.splitlines(keepends=True)[: line - 1])) + column - 1


def sources_of(raw: str | None) -> list[Source]:
    assert raw is not None
    return [cell["source"] for cell in json.loads(raw)["cells"][1:]]


def test_a_line_changes_alone() -> None:
    raw = stored(["a = 1\n", "b = 2\n", "c = 3"], ["d = 4"])
    assert edited(raw, ("b = 2", "b = 20")) == raw.replace("b = 2", "b = 20")


def test_lines_are_added_as_strings_of_their_own() -> None:
    raw = stored(["a = 1\n", "b = 2\n", "c = 3"], ["d = 4"])
    assert sources_of(edited(raw, ("a = 1\n", "a = 1\nx = 0\n")))[0] == ["a = 1\n", "x = 0\n", "b = 2\n", "c = 3"]
    assert sources_of(edited(raw, ("b = 2", "b = 2\nx = 0")))[0] == ["a = 1\n", "b = 2\n", "x = 0\n", "c = 3"]
    assert sources_of(edited(raw, ("c = 3", "c = 3\nx = 0")))[0] == ["a = 1\n", "b = 2\n", "c = 3\n", "x = 0"]
    assert sources_of(edited(raw, ("d = 4", "x = 0\nd = 4")))[1] == ["x = 0\n", "d = 4"]


def test_added_lines_are_laid_out_like_the_others() -> None:
    raw = stored(["a = 1\n", "b = 2"], ["d = 4"], indent=4)
    expected = stored(["a = 1\n", "x = 0\n", "b = 2"], ["d = 4\n", "e = 5"], indent=4)
    assert edited(raw, ("a = 1\n", "a = 1\nx = 0\n"), ("d = 4", "d = 4\ne = 5")) == expected


def test_lines_are_taken_away_with_their_strings() -> None:
    raw = stored(["a = 1\n", "b = 2\n", "c = 3"])
    assert edited(raw, ("b = 2\n", "")) == stored(["a = 1\n", "c = 3"])
    assert edited(raw, ("\nc = 3", "")) == stored(["a = 1\n", "b = 2"])


def test_a_source_that_is_one_string_stays_one() -> None:
    raw = stored("a = 1\nb = 2\n", indent=None)
    assert edited(raw, ("b = 2", "b = 2\nc = '\"'")) == stored("a = 1\nb = 2\nc = '\"'\n", indent=None)


def test_escapes_beside_an_edit_stay_as_they_are_written() -> None:
    raw = stored(["a = '\\t\u00e9\U0001f600'; b = 2\n", "c = 3"], ascii_only=True).replace("b = 2", r"b\u0020= 2 \/ 1")
    fixed = edited(raw, ("c = 3", "c = '\u00e9'"))
    assert fixed == raw.replace("c = 3", r"c = '\u00e9'")
    assert edited(raw, ("2 / 1", "2")) == raw.replace(r"2 \/ 1", "2")


def test_windows_line_ends_of_a_cell_are_kept() -> None:
    raw = stored(["a = 1\r\n", "b = 2\r\n"])
    assert edited(raw, ("a = 1\n", "a = 1\nx = 0\n")) == stored(["a = 1\r\n", "x = 0\r\n", "b = 2\r\n"])


def test_strings_that_are_no_lines() -> None:
    raw = stored(["a = ", "1\nb", " = 2", "", "\n"])
    fixed = edited(raw, ("b = 2", "b = 3"))
    assert "".join(sources_of(fixed)[0]) == "a = 1\nb = 3\n"


def test_edits_that_cannot_both_be_made_are_not_told() -> None:
    raw = stored(["a = 1"])
    document = document_of(raw)
    twice = [Edit(Span(4, 5), "2"), Edit(Span(4, 5), "3")]
    assert NotebookEdits(raw, document).stored(twice) == ()
    assert NotebookEdits(raw, document).stored(twice[:1]) != ()
    assert NotebookEdits(raw, document).stored([Edit(Span(4, 5), "1")]) == ()


def test_an_edit_over_two_cells_is_refused() -> None:
    assert edited(stored(["a = 1"], ["b = 2"]), ("1\nb", "1; b")) is None


@pytest.mark.parametrize("magic", ["%time", "!ls", "%env A=1", "x = !ls"])
def test_a_magic_is_not_edited(magic: str) -> None:
    raw = stored([f"{magic}\n", "b = 2"])
    document = document_of(raw)
    assert apply_to_notebook(raw, document, [Edit(Span(0, 0), "import x\n")]) is None
    assert edited(raw, ("b = 2", "b = 3")) == raw.replace("b = 2", "b = 3")


def test_a_magic_is_not_left_behind_in_a_block() -> None:
    raw = stored(["a()\n", "!ls\n", "b()"])
    assert edited(raw, ("a()", "if x:\n    a()"), ("b()", "    b()")) is None
    assert edited(raw, ("a()", "if x:\n    a()")) is not None


def test_cells_that_ipython_unindents_are_not_edited() -> None:
    assert edited(stored(["  a = 1\n", "  b = 2"]), ("b = 2", "b = 3")) is None


@pytest.mark.parametrize("seed", range(40))
def test_random_edits_change_the_code_and_nothing_else(seed: int) -> None:
    source = random.Random(seed)
    lines = [f"v{number} = '{source.choice(['x', chr(0xE9), chr(0x1F600), '#', ' '])}'\n" for number in range(8)]
    cells: list[Source] = [lines[:3], "".join(lines[3:5]), [*lines[5:7], lines[7].rstrip("\n")]]
    raw = stored(*cells, indent=source.choice([None, 1, 2]), ascii_only=source.random() < 0.5)
    document = document_of(raw)
    edits = []
    for match in re.finditer(r"v\d = '(.)'", document.text):
        line = document.whole_lines(Span(*match.span()))
        value, start = Span(*match.span(1)), Span(match.start(), match.start())
        choices = [Edit(value, "\u00fc"), Edit(value, ""), Edit(start, "a = 1\nb = 2\n"), Edit(line, "")]
        edits += source.sample(choices, source.randrange(2))
    fixed = applied(raw, document, edits)
    assert fixed is not None
    assert document_of(fixed).text == apply_edits(document.text, edits)
    blank = re.compile(r'"source": (\[[^\]]*\]|"(?:[^"\\]|\\.)*")')
    assert blank.split(fixed)[::2] == blank.split(raw)[::2]


def test_fixes_are_written_into_notebooks(tmp_path: Path) -> None:
    from greenlint.cli import main

    code = [
        "import torch\n",
        "for x, y in loader:\n",
        "    loss = criterion(model(x.cuda()), y.cuda())\n",
        "    loss.backward()\n",
        "    optimizer.step()\n",
        "    torch.cuda.synchronize()\n",
        "    total += 1",
    ]
    file = tmp_path / "train.ipynb"
    file.write_text(stored(code), encoding="utf-8")
    rule = "explicit-synchronize-in-step"
    main(["check", "--isolated", "--no-cache", "--select", rule, "--fix", "--unsafe-fixes", str(file)])
    assert file.read_text(encoding="utf-8") == stored([*code[:5], code[6]])
