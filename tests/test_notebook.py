"""Notebooks become one text, and every line of it leads back to its cell and to the stored JSON."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

from greenlint.document import Position
from greenlint.notebook import BrokenCell, CellMap, Notebook, NotebookError, Skipped, read_notebook
from greenlint.reading import parse

Source = str | list[str]


def code(source: Source) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}


def prose(source: Source) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def content(*cells: object, **metadata: object) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def read(raw: str) -> Notebook:
    found = read_notebook(raw)
    assert isinstance(found, Notebook)
    return found


def of(*sources: Source) -> Notebook:
    """The notebook whose code cells are ``sources``."""
    return read(json.dumps(content(*map(code, sources))))


# -- cells and lines -----------------------------------------------------------------------------------------------


def test_code_cells_are_joined() -> None:
    assert of("a = 1\nb = 2", "c = 3\n", "d = 4").text == "a = 1\nb = 2\nc = 3\n\nd = 4\n"


def test_lists_of_lines_are_the_same_as_one_string() -> None:
    assert of(["a = 1\n", "b = 2"]).text == of("a = 1\nb = 2").text == "a = 1\nb = 2\n"
    assert of(["a", " = 1\nb = ", "2"]).text == "a = 1\nb = 2\n"


def test_windows_line_ends_are_line_ends() -> None:
    found = of("a = 1\r\nb = 2", ["c = 3\r\n", "d = 4\r\n"])
    assert found.text == "a = 1\nb = 2\nc = 3\nd = 4\n\n"
    assert found.cells.locate(3) == (2, 1)


def test_letters_beyond_ascii_are_read_however_they_are_stored() -> None:
    cell = code("name = '\u00e9\U0001f600'")
    for ascii_only in (True, False):
        assert read(json.dumps(content(cell), ensure_ascii=ascii_only)).text == "name = '\u00e9\U0001f600'\n"


def test_cells_are_counted_over_all_kinds() -> None:
    found = read(json.dumps(content(prose("# Title"), code("a\nb"), prose("text"), code("c"))))
    assert [found.cells.locate(line) for line in (1, 2, 3)] == [(2, 1), (2, 2), (4, 1)]


def test_lines_lead_to_cells_and_back() -> None:
    sources = ["a\n\nb", "", "c", "d\ne\n"]
    found = of(*sources)
    lines = found.text.splitlines()
    for number, line in enumerate(lines, start=1):
        cell, within = found.cells.locate(number)
        assert sources[cell - 1].split("\n")[within - 1] == line
    starts = [first for first, _, _ in found.cells.starts]
    assert [found.cells.locate(first) for first in starts] == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_ids_of_cells_are_kept_where_there_are_any() -> None:
    cells = [code("a"), {**prose("b"), "id": "prose"}, {**code("c"), "id": "f00d-1"}, {**code("d"), "id": 7}]
    assert read(json.dumps(content(*cells))).cells.ids == {3: "f00d-1"}


def test_lines_beyond_the_end_belong_to_the_last_cell() -> None:
    assert of("a", "b\nc").cells.locate(99) == (2, 2)


def test_a_notebook_without_code_has_no_text() -> None:
    for cells in ([], [prose("# Title")]):
        found = read(json.dumps(content(*cells)))
        assert (found.text, found.broken) == ("", ())
        assert (found.cells.locate(1), found.cells.physical(1)) == ((1, 1), 1)


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_physical_lines(indent: int | None, newline: str) -> None:
    sources = ["first = 1\n", "second = 2\n", "third = 3"]
    outputs = [{"output_type": "stream", "text": ['{"source": [\n', "noise"]}]
    cells = (
        prose(["# Title\n", "text"]),
        {**code(sources), "outputs": outputs},
        code("fourth = 4\nfifth = 5"),
        code([]),
    )
    raw = json.dumps(content(*cells, name="x"), indent=indent).replace("\n", newline)
    found, stored = read(raw), raw.split("\n")
    for number, line in enumerate(found.text.splitlines(), start=1):
        if line:
            assert line.split()[0] in stored[found.cells.physical(number) - 1]


def test_physical_lines_of_pieces_that_are_no_lines() -> None:
    raw = json.dumps(content(code(["a = ", "1", "", "\nb = 2\nc", " = 3", "\nd", "\n"])), indent=1)
    found, stored = read(raw), raw.split("\n")
    assert found.text == "a = 1\nb = 2\nc = 3\nd\n\n"
    begins = [stored[found.cells.physical(line) - 1].strip() for line in range(1, 6)]
    assert begins == ['"a = ",', r'"\nb = 2\nc",', r'"\nb = 2\nc",', r'"\nd",', "]"]


def test_physical_lines_are_found_whatever_else_is_stored() -> None:
    raw = """{
 "metadata": {"cells": [{"cell_type": "code", "source": ["wrong"]}], "n": -1.5e3, "t": [true, null, {}]},
 "cells": [
  null,
  {"source": "first", "cell_type": "code"},
  {"metadata": {"source": ["wrong"]}, "cell_type": "code",
   "source": [
    "second"
   ]},
  {"cell_type": "code"},
  {"cell_type": "code", "source": 3,
   "metadata": {}},
  {"cell_type": "code", "source": ["third"],
   "input": ["wrong"]},
  {"cell_type": "code", "input": ["wrong"],
   "source": "fourth"}
 ]
}"""
    found = read(raw)
    assert found.text == "first\nsecond\n\n\nthird\nfourth\n"
    assert [found.cells.locate(line)[0] for line in range(1, 7)] == [2, 3, 4, 5, 6, 7]
    assert [found.cells.physical(line) for line in range(1, 7)] == [5, 8, 10, 11, 13, 16]


def test_format_3() -> None:
    sheets = [
        {
            "cells": [prose("# Title"), {"cell_type": "code", "language": "python", "input": ["a\n", "b"]}],
            "metadata": {},
        },
        {"cells": [{"cell_type": "code", "input": "c"}]},
        {"metadata": {}},
        "no sheet",
    ]
    raw = json.dumps({"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": sheets}, indent=1)
    found, stored = read(raw), raw.split("\n")
    assert found.text == "a\nb\nc\n"
    assert [found.cells.locate(line) for line in (1, 2, 3)] == [(2, 1), (2, 2), (3, 1)]
    assert [stored[found.cells.physical(line) - 1].strip() for line in (1, 2, 3)] == [r'"a\n",', '"b"', '"input": "c"']


def test_locating_a_line_of_a_map() -> None:
    cells = CellMap([(1, 1, 2), (3, 4, 0), (3, 5, 1)], "{}")
    assert [cells.locate(line) for line in (1, 2, 3, 4)] == [(1, 1), (1, 2), (5, 1), (5, 1)]


# -- magics --------------------------------------------------------------------------------------------------------

MAGICS = {
    "line magic": ("%matplotlib inline\na", "\na"),
    "line magic with a space": ("% matplotlib inline\na", "\na"),
    "line magic with arguments": ("%timeit -n 10 f(x)\na", "\na"),
    "shell": ("!pip install torch\na", "\na"),
    "shell, output wanted": ("!!ls\na", "\na"),
    "shell over lines": ("!pip install \\\n  torch \\\n  numpy\na", "\n\n\na"),
    "shell with a bracket": ("!echo (\na", "\na"),
    "indented before everything": (" !pip install torch\na", "\na"),
    "indented below a comment": ("# why\n  %matplotlib inline\na", "# why\n\na"),
    "in a block": ("if x:\n    !ls\na", "if x:\n    pass\na"),
    "in a block with tabs": ("if x:\n\t%cd y\na", "if x:\n\tpass\na"),
    "behind other statements of a block": (
        "if x:\n    a\n    !ls\nelse:\n    %pwd",
        "if x:\n    a\n    pass\nelse:\n    pass",
    ),
    "below a comment in a block": ("if x:\n    # why\n    !ls\na", "if x:\n    # why\n    pass\na"),
    "below a comment with a backslash": ("# why \\\n!ls\na", "# why \\\n\na"),
    "help": ("f?\nx.y??\n?f\nnp.*load*?\na", "\n\n\n\na"),
    "assigned shell": ("files = !ls\na", "files = None\na"),
    "assigned magic": ("t = %timeit -o f()\na", "t = None\na"),
    "two assigned": ("if x:\n    a, b = !ls", "if x:\n    a, b = None"),
    "automagic": ("pip install torch\nconda install x\napt-get install y\na", "\n\n\na"),
    "call without brackets": (",f a b\n;f a b\na", "\n\na"),
    "magic of an unnamed cell": ("a\n%%time\nb", "a\n\nb"),
}


@pytest.mark.parametrize(("source", "text"), MAGICS.values(), ids=MAGICS)
def test_magics_are_blanked(source: str, text: str) -> None:
    found = of(source)
    assert (found.text, found.broken) == (f"{text}\n", ())
    assert ast.parse(found.text)


NO_MAGICS = {
    "remainder": "x = a % b",
    "remainder in brackets": "x = (a\n%b)",
    "format": "x = ('%s'\n%name)",
    "behind a backslash": "x = '%s' \\\n    %name",
    "in a string": "x = '''\n%cd y\n!ls\nf?\n'''",
    "in a string with quotes": 'x = """\n\'\n%cd y\n"""',
    "behind a bracket in a string": "x = '(' \ny = ')'",
    "behind a bracket in a comment": "x = 1  # (\ny = 2",
    "inequality": "x = a != b",
    "question in a string": "x = 'why?'",
    "question in a comment": "# why?",
    "names like shell commands": "pip = 1\nls = pip",
    "get_ipython": "get_ipython().run_line_magic('matplotlib', 'inline')",
}


@pytest.mark.parametrize("source", NO_MAGICS.values(), ids=NO_MAGICS)
@pytest.mark.parametrize("beside", ["", "!ls\n"], ids=["alone", "beside a magic"])
def test_what_only_looks_like_a_magic_stays(source: str, beside: str) -> None:
    found = of(beside + source)
    assert (found.text, found.broken) == ("\n" * beside.count("\n") + source + "\n", ())


def test_a_magic_behind_brackets_and_strings_is_one() -> None:
    assert of("x = ('#', \"'''\", '\\'')  # '\n!ls\ny = '''\n''' \n%pwd").text == (
        "x = ('#', \"'''\", '\\'')  # '\n\ny = '''\n''' \n\n"
    )


CELL_MAGICS = {
    "timed": ("%%time\na", "\na"),
    "timed with setup": ("%%timeit x = 1\na", "\na"),
    "captured": ("%%capture out\na\n!ls", "\na\n"),
    "below blank lines": ("\n\n%%time\na", "\n\n\na"),
    "shell": ("%%bash\nls -l\nfor", "\n\n"),
    "file": ("%%writefile train.py\nimport torch", "\n"),
    "with a space": ("%% HTML\n<b>", "\n"),
    "without a name": ("%%\na", "\n"),
}


@pytest.mark.parametrize(("source", "text"), CELL_MAGICS.values(), ids=CELL_MAGICS)
def test_cell_magics(source: str, text: str) -> None:
    found = of("before", source, "after")
    assert (found.text, found.broken) == (f"before\n{text}\nafter\n", ())


def test_timed_cells_are_known() -> None:
    assert of("a", "%%time\na", "%%timeit -n 1\na", "%time a", "%%bash\ntime a").cells.timed == {2, 3}


ENVIRONMENT = {
    "equals sign": ("%env A=1", {"A": "1"}),
    "spaces around it": ("%env A = 1", {"A": "1"}),
    "space": ("%env A 1", {"A": "1"}),
    "set_env": ("%set_env A=1\n%set_env B=2", {"A": "1", "B": "2"}),
    "emptied": ("%env A=", {"A": ""}),
    "only shown": ("%env A", {}),
    "all shown": ("%env", {}),
    "last one counts": ("%env A=1\n%env A=2", {"A": "2"}),
    "other cell language": ("%%bash\n%env A=1", {}),
}


@pytest.mark.parametrize(("source", "variables"), ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_environment_variables(source: str, variables: dict[str, str]) -> None:
    assert of(source).cells.environment == variables


# -- broken cells --------------------------------------------------------------------------------------------------


def test_a_broken_cell_leaves_the_others_alone() -> None:
    found = of("a = 1", "b = 1\nfor x in y\nc = 2", "d = 3")
    assert found.text == "a = 1\n\n\n\nd = 3\n"
    assert found.broken == (BrokenCell(2, 2, "expected ':'"),)
    assert found.cells.locate(5) == (3, 1)


BROKEN = {
    "open bracket": ("x = 1\nf(", 2),
    "half a block": ("if x:", 1),
    "continued into nothing": ("x = \\", 1),
    "open string": ("x = '''", 1),
    "Python 2": ("a\nprint 'x'", 2),
    "null character": ("x\0", 1),
    "half a surrogate pair": ("x = '\ud800'", 1),
    "too many brackets": ("(" * 300 + ")" * 300, 1),
}


@pytest.mark.parametrize(("source", "line"), BROKEN.values(), ids=BROKEN)
def test_broken_cells(source: str, line: int) -> None:
    found = of("a", source, "b")
    assert [(each.cell, each.line) for each in found.broken] == [(2, line)]
    assert found.broken[0].message
    assert re.fullmatch(r"a\n+b\n", found.text)


def test_await_stands_outside_functions() -> None:
    source = "x = await f()\nasync for y in z:\n    pass\nasync with a as b:\n    pass"
    found = of(source)
    assert (found.text, found.broken) == (f"{source}\n", ())


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ([{"text": "a"}, {"data": {"text/plain": ["b", "c"]}}], "a\n\n\nbc"),
        ([], ""),
        (None, ""),
        ([{"data": None}], ""),
    ],
)
def test_the_text_of_outputs(outputs: object, text: str) -> None:
    raw = json.dumps(content({"cell_type": "code", "source": "x", "outputs": outputs}))
    cells = CellMap([(1, 1, 1)], raw)
    assert cells.outputs(1) == text
    assert cells.outputs(2) == ""


# -- other notebooks -----------------------------------------------------------------------------------------------

LANGUAGES = {
    "no metadata": ({}, None),
    "kernel": ({"kernelspec": {"language": "python", "name": "python3"}}, None),
    "kernel, capital letter": ({"kernelspec": {"language": "Python"}}, None),
    "Spark": ({"kernelspec": {"language": "pyspark"}}, None),
    "kernel without a language": ({"kernelspec": {"name": "x"}, "language_info": {"name": "python"}}, None),
    "kernel with an empty one": ({"kernelspec": {"language": ""}, "language_info": {"name": "ipython"}}, None),
    "R": ({"kernelspec": {"language": "R"}}, "r"),
    "Julia, by the language alone": ({"language_info": {"name": "julia"}}, "julia"),
    "the kernel decides": ({"kernelspec": {"language": "scala"}, "language_info": {"name": "python"}}, "scala"),
    "no objects": ({"kernelspec": "x", "language_info": 3}, None),
    "no names": ({"kernelspec": {"language": 3}, "language_info": {"name": None}}, None),
}


@pytest.mark.parametrize(("metadata", "other"), LANGUAGES.values(), ids=LANGUAGES)
def test_languages(metadata: dict[str, object], other: str | None) -> None:
    found = read_notebook(json.dumps(content(code("x = 1"), **metadata)))
    if other is None:
        assert isinstance(found, Notebook)
    else:
        assert found == Skipped(f"the notebook's kernel language is {other}, not Python")


def test_metadata_that_is_none() -> None:
    assert read('{"cells": [], "metadata": null}').text == ""


def test_cells_that_are_none_are_passed_over() -> None:
    odd = [None, 3, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 3}, {"cell_type": "raw", "source": "x"}]
    found = read(json.dumps(content(*odd, code(["a", 3, None]))))  # type: ignore[list-item]
    assert found.text == "\n\na\n"
    assert found.cells.locate(3) == (7, 1)


MALFORMED = {
    "empty": ("", 1, "expecting value"),
    "cut off": ('{\n "cells": [\n', 3, "expecting value"),
    "no value": ('{\n "cells":\n}', 3, "expecting value"),
    "merge conflict": ('{\n<<<<<<< HEAD\n "cells": []\n}', 2, "expecting property name"),
    "a line end in a string": ('{"cells": ["a\nb"]}', 1, "invalid control character"),
    "no object": ("[]", 1, "no list of cells"),
    "no cells": ('{"metadata": {}}', 1, "no list of cells"),
    "cells that are no list": ('{"cells": {}}', 1, "no list of cells"),
}


@pytest.mark.parametrize(("raw", "line", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(raw: str, line: int, message: str) -> None:
    with pytest.raises(NotebookError, match=rf"^not a notebook: .*{message}") as caught:
        read_notebook(raw)
    assert caught.value.line == line


def test_nested_too_deeply() -> None:
    with pytest.raises(NotebookError, match="nested too deeply"):
        read_notebook("[" * 100_000)


# -- indented cells ------------------------------------------------------------------------------------------------


def test_an_indented_cell_is_code_as_for_ipython() -> None:
    found = of("    # first\n    for a in b:\n        f(a)\nc")
    assert (found.text, found.broken) == ("# first\nfor a in b:\n    f(a)\nc\n", ())


def test_places_in_an_indented_cell_are_those_written() -> None:
    document = parse("a.ipynb", json.dumps(content(code("a"), code("\n  f(b)\nc"))).encode()).document
    assert document is not None
    at = document.text.index("f(b)")
    assert document.position(at) == Position(2, 3, cell=2)
    assert document.line_as_written(at) == "  f(b)"
    assert document.position(document.text.rindex("c")) == Position(3, 1, cell=2)
