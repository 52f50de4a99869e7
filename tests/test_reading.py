"""From bytes to documents: encodings, syntax errors in the words of Python, and refusals before a parser hangs."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Sequence

import pytest

from greenlint.document import Document, Position
from greenlint.outline import Outline
from greenlint.passage import Passage
from greenlint.reading import ParsedFile, Source, UnreadableError, decode, parse
from greenlint.results import Problem


def error_in(data: bytes | str, path: str = "example.py") -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        parse(path, data if isinstance(data, bytes) else data.encode())
    assert caught.value.message == str(caught.value)
    return caught.value


def document_of(data: bytes | str, path: str = "example.py") -> Document:
    document = parse(path, data if isinstance(data, bytes) else data.encode()).document
    assert document is not None
    return document


def notebook(*sources: str, **metadata: object) -> str:
    cells = [{"cell_type": "code", "source": each.splitlines(keepends=True)} for each in sources]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}, indent=1)


# -- decoding ------------------------------------------------------------------------------------------------------

DECODED = {
    "nothing": (b"", Source("", "utf-8", False, "\n")),
    "plain": (b"a\n", Source("a\n", "utf-8", False, "\n")),
    "UTF-8": ("# \u00e9\n".encode(), Source("# \u00e9\n", "utf-8", False, "\n")),
    "mark": (b"\xef\xbb\xbfa\n", Source("a\n", "utf-8-sig", True, "\n")),
    "mark and cookie": (b"\xef\xbb\xbf# coding: utf-8\n", Source("# coding: utf-8\n", "utf-8-sig", True, "\n")),
    "mark alone": (b"\xef\xbb\xbf", Source("", "utf-8-sig", True, "\n")),
    "cookie": (
        b"# -*- coding: latin-1 -*-\n# \xe9",
        Source("# -*- coding: latin-1 -*-\n# \u00e9", "iso-8859-1", False, "\n"),
    ),
    "cookie in the second line": (
        b"#!x\n# vim: fileencoding=cp1252\n# \x80",
        Source("#!x\n# vim: fileencoding=cp1252\n# \u20ac", "cp1252", False, "\n"),
    ),
    "cookie of several bytes": (
        b"# coding=shift_jis\n# \x83\\",
        Source("# coding=shift_jis\n# \u30bd", "shift_jis", False, "\n"),
    ),
    "cookie too late": (b"a\n\n# coding: latin-1\n", Source("a\n\n# coding: latin-1\n", "utf-8", False, "\n")),
    "cookie behind code": (b"a\n# coding: latin-1\n", Source("a\n# coding: latin-1\n", "utf-8", False, "\n")),
    "windows line ends": (b"a\r\nb\r\n", Source("a\r\nb\r\n", "utf-8", False, "\r\n")),
    "mixed line ends": (b"a\nb\r\n", Source("a\nb\r\n", "utf-8", False, "\r\n")),
    "mixed with old line ends": (b"a\rb\n", Source("a\rb\n", "utf-8", False, "\n")),
    "old line ends": (b"a\rb\r", Source("a\rb\r", "utf-8", False, "\r")),
}


@pytest.mark.parametrize(("data", "source"), DECODED.values(), ids=DECODED)
def test_decode(data: bytes, source: Source) -> None:
    assert decode(data) == source


REFUSED = {
    "UTF-16": (codecs.BOM_UTF16_LE + "a".encode("utf-16-le"), "encoding", 1, "UTF-16"),
    "UTF-16, other order": (codecs.BOM_UTF16_BE + "a".encode("utf-16-be"), "encoding", 1, "UTF-16"),
    "UTF-16 without a mark": ("a\nb".encode("utf-16-le"), "null-bytes", 1, "null bytes"),
    "null byte": (b"a\nb\n\0", "null-bytes", 3, "null bytes"),
    "bytes of another encoding": (b"a\nb\nc = '\xe9'\n", "encoding", 3, "byte 0xe9 is not utf-8"),
    "the same in the first line": (b"# \xe9\n", "encoding", 1, ""),
    "bytes that the cookie does not allow": (b"# coding: ascii\n\n# \xe9", "encoding", 3, "byte 0xe9 is not ascii"),
    "mark against the cookie": (b"\xef\xbb\xbf# coding: latin-1\n", "encoding", 1, ""),
    "unknown encoding": (b"# coding: klingon\n", "encoding", 1, "unknown encoding: klingon"),
    "encoding of no text": (b"# coding: rot13\nvzcbeg\n", "encoding", 1, "rot13"),
    "encoding that always fails": (b"# coding: undefined\n", "encoding", 1, "undefined"),
    "too large": (b"#" * 10_000_001, "too-large", None, "larger than 10 MB"),
}


@pytest.mark.parametrize(("data", "kind", "line", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("path", ["a.py", "a.ipynb"])
def test_refused(data: bytes, kind: str, line: int | None, message: str, path: str) -> None:
    error = error_in(data, path)
    assert (error.kind, error.line) == (kind, line)
    assert message in error.message


# -- scripts -------------------------------------------------------------------------------------------------------

TEXTS = {
    "empty": "",
    "no line end": "a",
    "windows line ends": "if a:\r\n    b\r\n",
    "tabs": "if a:\n\tb\n\tif c:\n\t\td\n",
    "page breaks": "a\n\x0c\nb\n\n\x0c\n\nc\n",
    "backslash": "a = \\\n    b\n",
    "letters beyond ASCII": "\u00e9 = '\U0001f600'\n",
    "await outside functions": "await f()\nasync with a: pass\n",
    "return outside functions": "return\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_trees_render_to_the_text(text: str) -> None:
    document = document_of(text)
    assert document.text == document.tree.code == text
    assert not document.is_notebook


def test_documents_know_their_file() -> None:
    document = document_of(b"# coding: latin-1\n# \xe9\n", "pkg/a.py")
    assert (document.path, document.encoding) == ("pkg/a.py", "iso-8859-1")
    assert document.text.endswith("\u00e9\n")


def test_mark_is_no_part_of_the_text() -> None:
    document = document_of(b"\xef\xbb\xbfa\n")
    assert document.text == "a\n"
    assert document.position(0) == Position(1, 1)


def test_old_line_ends() -> None:
    document = document_of("if a:\r    b\rc = 1")
    assert document.position(document.text.index("c")) == Position(3, 1)


SYNTAX = {
    "first line": ("a b\n", 1, 3),
    "later line": ("a\nif x:\n    y = = 1\n", 3, 9),
    "behind a tab": ("if a:\n\t= b\n", 2, 2),
    "behind letters beyond ASCII": ("a = '\u00e9\u00e9' + * b\n", 1, 12),
    "behind a page break": ("a\n\x0c\n= b\n", 3, 1),
    "open bracket": ("a\nf(1,\n", 2, 2),
    "windows line ends": ("a\r\n\r\nb + * c\r\n", 3, 5),
    "old line ends": ("a\r\r= b", 3, 1),
    "indent": ("a\n    b\n", 2, None),
    "bare except before another": ("try:\n    a\nexcept:\n    b\nexcept ValueError:\n    c\n", None, None),
    "dedent": ("if a:\n        b\n    c\n", 3, None),
    "tabs and spaces": ("if a:\n        b\n\tc\n", 3, None),
}


@pytest.mark.parametrize(("text", "line", "column"), SYNTAX.values(), ids=SYNTAX)
def test_syntax_errors(text: str, line: int | None, column: int | None) -> None:
    error = error_in(text)
    assert (error.kind, error.line) == ("syntax", line)
    # Where in a wrong indent its error stands differs from one version of Python to the next.
    assert error.column == column if column is not None else error.column >= 1
    assert "Python 2" not in error.message


PYTHON2 = {
    "print": "print 'x'\n",
    "print of a name": "def f():\n    print x\n",
    "print to a file": "import sys\nprint >>sys.stderr, x\nprint x\n",
    "exec": "exec 'x'\n",
    "raise": "raise ValueError, 'x'\n",
    "inequality": "a <> b\n",
    "backquotes": "a = `b`\n",
}


@pytest.mark.parametrize("text", PYTHON2.values(), ids=PYTHON2)
def test_python_2_is_called_so(text: str) -> None:
    error = error_in(text)
    assert (error.kind, error.message) == ("syntax", "this is Python 2 code")
    assert error.line is not None


NEWER = {
    "type statement": ("type Pair = tuple[int, int]\n", (3, 12)),
    "type statement among brackets": ("type Pair = tuple[int, int]\n" + "f(a[0], '(')\n" * 200, (3, 12)),
    "type parameters": ("def f[T](x: T) -> T:\n    return x\n", (3, 12)),
    "quotes in an f-string": ("a = f'{b['c']}'\n", (3, 12)),
    "default of a type parameter": ("class A[T = int]:\n    pass\n", (3, 13)),
}


@pytest.mark.parametrize(("text", "since"), NEWER.values(), ids=NEWER)
def test_newer_syntax_than_the_interpreter_knows(text: str, since: tuple[int, int]) -> None:
    asked: list[str] = []

    def wanted(text: str, _: Outline, __: Sequence[Passage]) -> bool:
        asked.append(text)
        return False

    parsed = parse("a.py", text.encode(), wanted)
    if sys.version_info < since:
        assert parsed.document is not None, "without an outline nothing can be ruled out"
        assert parsed.document.tree.code == text
        assert asked == []
    else:
        assert (parsed.document, asked) == (None, [text])


def test_newer_syntax_does_not_excuse_errors() -> None:
    assert error_in("type Pair = tuple[int, int]\na b\n").kind == "syntax"


# -- what no parser should be given --------------------------------------------------------------------------------

DEEP = {
    "sum": " + ".join("a" * 2_000),
    "long sum": "+".join("1" * 20_000),
    "text in pieces": "s = ''" + " + 'x'" * 400,
    "elif": "if a: pass\n" + "elif b: pass\n" * 400,
    "chain of calls": f"a{'.b()' * 200}",
    "nots": f"{'not ' * 200}a",
    "lambdas": f"{'lambda: ' * 200}a",
    "conditions": f"{'a if b else ' * 200}c",
    "lists": f"{'[' * 170}{']' * 170}",
    "class patterns": f"match a:\n    case {'A(' * 20}b{')' * 20}: pass\n",
    "list patterns": f"match a:\n    case {'[' * 40}{']' * 40}: pass\n",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_too_deep(text: str) -> None:
    error = error_in(f"\n{text}\n")
    assert (error.kind, error.message) == ("depth", "the code is nested too deeply to be analysed")


def test_too_deep_says_where_if_it_can() -> None:
    assert error_in(f"a\nb\nc = {' + '.join('d' * 300)}\nd\n").line == 3


WIDE = {
    "sum": " + ".join("a" * 60),
    "elif": "if a: pass\n" + "elif b: pass\n" * 40,
    "list": f"[{'1, ' * 5_000}]",
    "call": f"f({'a, ' * 2_000})",
    "string": f"'{'(' * 5_000}'",
    "statements": "a = 1\n" * 5_000,
    "brackets": f"{'[' * 60}{']' * 60}",
    "blocks": "".join(f"{' ' * level}if a:\n" for level in range(90)) + " " * 90 + "pass",
    "patterns": "match a:\n" + "    case A(b, [c, {'d': e}]) | B(): pass\n" * 200,
}


@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_wide_code_is_not_deep(text: str) -> None:
    assert document_of(f"{text}\n").text == f"{text}\n"


BROKEN_AND_DEEP = {
    "brackets": f"a = {'(' * 3_000}1{')' * 3_000}",
    "brackets behind a hash in a string": f"a = '#', {'(' * 3_000}1{')' * 3_000}",
    "brackets behind too many closing ones": f"a = '{')' * 9}'\n{')' * 3_000}{'(' * 3_000}",
    "brackets in pieces": "a = [\n" * 3_000,
    "sum": f"a = {' + '.join('b' * 20_000)}",
    "sum over lines": "a = (" + " +\n".join("b" * 20_000) + ")",
    "continued sum": "a = " + " + \\\n".join("b" * 20_000),
    "sum of calls": f"a = {' + '.join(['f(1, 2)'] * 20_000)}",
    "chain of calls": f"a{'.b()' * 20_000}",
    "elif": "if a: pass\n" + "elif b: pass\n" * 3_000,
    "patterns": f"match a:\n    case {'[' * 40}{']' * 40}: pass\n",
}


@pytest.mark.parametrize("text", BROKEN_AND_DEEP.values(), ids=BROKEN_AND_DEEP)
def test_broken_and_too_deep_for_the_second_parser(text: str) -> None:
    assert error_in(f"{text}\nb c\n").kind in ("syntax", "depth")


def test_too_much_code() -> None:
    data = f"a = '{'b' * 2_000_000}'\n"
    assert error_in(data).kind == "too-large"
    assert error_in(notebook(data), "a.ipynb").kind == "too-large"


# -- what is wanted ------------------------------------------------------------------------------------------------


def test_what_is_not_wanted_is_not_parsed() -> None:
    asked: list[tuple[str, set[str]]] = []

    def wanted(text: str, outline: Outline, _: Sequence[Passage]) -> bool:
        asked.append((text, outline.calls))
        return "g" in outline.calls

    assert parse("a.py", b"\xef\xbb\xbff()\n", wanted) == ParsedFile(None)
    assert parse("a.ipynb", notebook("f()", "!ls").encode(), wanted) == ParsedFile(None)
    assert asked == [("f()\n", {"f"}), ("f()\n\n", {"f"})]
    assert parse("a.py", b"g()\n", wanted).document is not None
    assert parse("a.ipynb", notebook("g()").encode(), wanted).document is not None


def test_what_cannot_be_read_is_not_asked_for() -> None:
    with pytest.raises(UnreadableError):
        parse("a.py", b"a b\n", lambda *_: pytest.fail("asked"))


# -- notebooks -----------------------------------------------------------------------------------------------------


def test_notebooks() -> None:
    document = document_of(notebook("a\nb", "!ls\nc"), "a.ipynb")
    assert document.text == document.tree.code == "a\nb\n\nc\n"
    assert document.position(document.text.index("c")) == Position(2, 1, 2)


def test_mark_before_a_notebook() -> None:
    assert document_of(b"\xef\xbb\xbf" + notebook("a").encode(), "a.ipynb").text == "a\n"


def test_broken_cells_are_problems() -> None:
    parsed = parse("a.ipynb", notebook("a", "b\nc d", "e", "f(").encode())
    assert parsed.document is not None
    assert parsed.document.text == "a\n\n\ne\n\n"
    assert [(each.kind, each.cell, each.line, each.column) for each in parsed.problems] == [
        ("syntax", 2, 2, 1),
        ("syntax", 4, 1, 1),
    ]


def test_broken_cells_are_problems_even_where_nothing_is_wanted() -> None:
    parsed = parse("a.ipynb", notebook("a", "b c").encode(), lambda *_: False)
    [problem] = parsed.problems
    line = notebook("a", "b c").partition("b c")[0].count("\n") + 1
    assert parsed == ParsedFile(None, None, (Problem("syntax", problem.message, 1, 1, 2, physical_line=line),))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        (notebook("x <- 1", kernelspec={"language": "R"}), "the notebook's kernel language is r, not Python"),
    ],
)
def test_skipped_notebooks(raw: str, reason: str) -> None:
    assert parse("a.ipynb", raw.encode()) == ParsedFile(None, reason)


def test_malformed_notebooks() -> None:
    error = error_in('{\n "cells": [\n}\n', "a.ipynb")
    assert (error.kind, error.line) == ("notebook", 3)
    assert error.message.startswith("not a notebook: ")


def test_too_deep_notebooks_say_where_in_the_file() -> None:
    raw = notebook("a", f"b\nc = {' + '.join('d' * 300)}")
    error = error_in(raw, "a.ipynb")
    assert error.kind == "depth"
    assert error.line is not None
    assert raw.split("\n")[error.line - 1].strip().startswith('"c = d + d')
