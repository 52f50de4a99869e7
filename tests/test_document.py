"""Offsets, lines and cells of a document."""

from __future__ import annotations

import json

import libcst as cst
import pytest

from greenlint.document import Document, Position
from greenlint.finding import Span
from greenlint.notebook import Notebook, read_notebook


def document_of(text: str) -> Document:
    return Document("example.py", text, cst.parse_module(text))


def notebook_of(*sources: str) -> Document:
    cells = [{"cell_type": "code", "source": each} for each in sources]
    found = read_notebook(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    assert isinstance(found, Notebook)
    return Document("example.ipynb", found.text, cst.parse_module(found.text), found.cells)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_where_python_ends_them(newline: str) -> None:
    document = document_of(newline.join(("a = 1", "b = '\x0c\x1c\u2028'", "c", "")))
    at = document.text.index("c")
    assert document.position(at) == Position(3, 1)
    assert document.line(0) == 1
    assert document.line(len(document.text)) == 4


def test_end_of_a_text_without_a_line_end() -> None:
    assert document_of("ab").position(2) == Position(1, 3)


def test_spans_take_in_comments() -> None:
    document = document_of("a  # why\n")
    found = {span for node, span in document.spans.items() if isinstance(node, cst.Comment)}
    assert found == {Span(3, 8)}


def test_line_span_and_newline() -> None:
    document = document_of("a\r\nbc\nd")
    assert [document.line_span(at) for at in (0, 1, 3, 4, 6)] == [
        Span(0, 1),
        Span(0, 1),
        Span(3, 5),
        Span(3, 5),
        Span(6, 7),
    ]
    assert [document.newline_at(at) for at in (1, 5, 7, 0)] == ["\r\n", "\n", "", ""]


def test_whole_lines() -> None:
    document = document_of("a\nb\nc")
    assert document.whole_lines(Span(2, 3)) == Span(2, 4)
    assert document.whole_lines(Span(0, 3)) == Span(0, 4)
    assert document.whole_lines(Span(4, 5)) == Span(3, 5), "the last line gives up the line end before it"


def test_whole_lines_stay_in_their_cell() -> None:
    document = notebook_of("a\nb", "c")
    assert document.text == "a\nb\nc\n"
    assert document.same_cell(0, 2)
    assert not document.same_cell(2, 4)
    assert document.whole_lines(Span(0, 1)) == Span(0, 2)
    assert document.whole_lines(Span(2, 3)) == Span(1, 3)
    assert notebook_of("a", "b").whole_lines(Span(0, 1)) == Span(0, 1), "a cell may be left empty"


def test_scopes() -> None:
    text = "x\nclass A:\n    @d(1)\n    def f(a=2):\n        def g(): y\n        z\nasync def h(): pass\nw\n"
    document = document_of(text)
    found = {
        name: document.scope(text.index(name)) for name in ("x", "class", "d(", "def f", "2", "y", "z", "pass", "w")
    }
    assert found == {
        "x": "",
        "class": "",
        "d(": "A",
        "def f": "A",
        "2": "A.f",
        "y": "A.f.g",
        "z": "A.f",
        "pass": "h",
        "w": "",
    }
