"""Edits keep the style of the code around them and never break it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

import libcst as cst
import pytest

from greenlint import edits
from greenlint.document import Document
from greenlint.finding import Edit
from greenlint.reading import parse

N = TypeVar("N", bound=cst.CSTNode)


def document_of(text: str) -> Document:
    tree = cst.parse_module(text)
    assert tree.code == text
    return Document("example.py", text, tree)


def nodes(document: Document, kind: type[N]) -> list[N]:
    found = [node for node in document.spans if isinstance(node, kind)]
    return sorted(found, key=lambda node: document.span(node))


def call_named(document: Document, name: str) -> cst.Call:
    return next(each for each in nodes(document, cst.Call) if document.source(each.func).rsplit(".", 1)[-1] == name)


def applied(text: str, changes: Sequence[Edit] | None) -> str | None:
    if changes is None:
        return None
    out, at = [], 0
    for edit in sorted(changes, key=lambda each: each.span):
        assert edit.span.start >= at, "edits overlap"
        out += [text[at : edit.span.start], edit.text]
        at = edit.span.end
    new = "".join(out) + text[at:]
    cst.parse_module(new)
    return new


SET = {
    "no arguments": ("f()", "f(new=1)"),
    "one argument": ("f(a)", "f(a, new=1)"),
    "trailing comma on one line": ("f(a, b,)", "f(a, b, new=1,)"),
    "parentheses stay": ("f((a))", "f((a), new=1)"),
    "generator": ("f(x for x in y)", "f((x for x in y), new=1)"),
    "starred value in brackets": ("f([*a])", "f([*a], new=1)"),
    "dictionary written out": ("f(a, **{'b': 1})", "f(a, **{'b': 1}, new=1)"),
    "one per line": ("f(\n    a,\n    b,\n)", "f(\n    a,\n    b,\n    new=1,\n)"),
    "one per line, comment": ("f(\n    a,\n    b,  # why\n)", "f(\n    a,\n    b,  # why\n    new=1,\n)"),
    "one per line, no trailing comma": ("f(\n    a,\n    b\n)", "f(\n    a,\n    b,\n    new=1\n)"),
    "no trailing comma, comment": ("f(\n    a,\n    b  # why\n)", "f(\n    a,\n    b,  # why\n    new=1\n)"),
    "commented-out argument below": (
        "f(\n    a,\n    # b=2,\n)",
        "f(\n    a,\n    new=1,\n    # b=2,\n)",
    ),
    "several on an inner line": ("f(\n    a, b,\n)", "f(\n    a, b, new=1,\n)"),
    "hugging parenthesis": ("f(a,\n  b)", "f(a,\n  b,\n  new=1)"),
    "hugging parenthesis, comment": ("f(a,\n  b=2)  # why", "f(a,\n  new=1,\n  b=2)  # why"),
    "hugging parenthesis, comment above": ("f(\n  # why\n  b=2)  # c", "f(\n  # why\n  b=2,\n  new=1)  # c"),
    "hanging dictionary": ("f(a, {\n    'x': 1,\n})", "f(a, {\n    'x': 1,\n}, new=1)"),
    "only a comment inside": ("f(\n    # nothing\n)", "f(new=1\n    # nothing\n)"),
    "windows line ends": ("f(\r\n    a,\r\n)\r\n", "f(\r\n    a,\r\n    new=1,\r\n)\r\n"),
    "tabs": ("if x:\n\tf(\n\t\ta,\n\t)\n", "if x:\n\tf(\n\t\ta,\n\t\tnew=1,\n\t)\n"),
    "line continuation": ("f(a, b, \\\n)", "f(a, b, new=1, \\\n)"),
    "present by name": ("f(a, new=0)", "f(a, new=1)"),
    "present in parentheses": ("f(a, new=(0 or 2), b=3)", "f(a, new=1, b=3)"),
    "present beside a mapping": ("f(new = 0, **rest)", "f(new = 1, **rest)"),
}


@pytest.mark.parametrize(("before", "after"), SET.values(), ids=SET)
def test_set_argument(before: str, after: str) -> None:
    document = document_of(before)
    assert applied(before, edits.set_argument(document, call_named(document, "f"), "new", "1")) == after


@pytest.mark.parametrize("code", ["f(a, **rest)", "f(*rest)", "f(**{'new': 2})", "f(**{key: 2})", "f(**{**a})"])
def test_set_argument_refuses_where_it_may_be_given_already(code: str) -> None:
    document = document_of(code)
    assert edits.set_argument(document, call_named(document, "f"), "new", "1") is None


def test_set_argument_replaces_a_positional_one() -> None:
    document = document_of("f(a, b, c)")
    call = call_named(document, "f")
    assert applied(document.text, edits.set_argument(document, call, "new", "1", position=1)) == "f(a, 1, c)"
    assert applied(document.text, edits.set_argument(document, call, "new", "1", position=3)) == "f(a, b, c, new=1)"


def test_set_argument_does_not_count_behind_a_starred_one() -> None:
    document = document_of("f(*a, b)")
    assert edits.set_argument(document, call_named(document, "f"), "new", "1", position=1) is None


REMOVE = {
    "only": ("f(gone=1)", "f()"),
    "only, trailing comma": ("f(gone=1,)", "f()"),
    "first": ("f(gone=1, b=2)", "f(b=2)"),
    "middle": ("f(a, gone=1, b=2)", "f(a, b=2)"),
    "last": ("f(a, gone=1)", "f(a)"),
    "last, trailing comma": ("f(a, gone=1,)", "f(a,)"),
    "own line": ("f(\n    a,\n    gone=1,\n    b=2,  # why\n)", "f(\n    a,\n    b=2,  # why\n)"),
    "a comment of its own": ("f(\n    a,\n    gone=1,  # why\n    b=2,\n)", None),
    "own line, last": ("f(\n    a,\n    gone=1\n)", "f(\n    a,\n)"),
    "own line, comment of the next": (
        "f(\n    gone=1,\n    # about b\n    b=2,\n)",
        "f(\n    # about b\n    b=2,\n)",
    ),
    "hugging parenthesis": ("f(a,\n  gone=1)", "f(a)"),
    "comment of the one before": ("f(a,  # about a\n  gone=1)", "f(a,  # about a\n  )"),
    "end of a shared line": ("f(\n    a, gone=1,  # both\n    b=2)", "f(\n    a,  # both\n    b=2)"),
    "several lines": ("f(\n    gone=g(\n        1,\n    ),\n    b=2,\n)", "f(\n    b=2,\n)"),
}


@pytest.mark.parametrize(("before", "after"), REMOVE.values(), ids=REMOVE)
def test_remove_argument(before: str, after: str | None) -> None:
    document = document_of(before)
    assert applied(before, edits.remove_argument(document, call_named(document, "f"), "gone")) == after


def test_remove_argument_by_position() -> None:
    document = document_of("f(a, b, c=1)")
    call = call_named(document, "f")
    assert applied(document.text, edits.remove_argument(document, call, "gone", position=1)) == "f(a, c=1)"
    assert edits.remove_argument(document, call, "gone", position=0) is None, "b would take its place"
    assert edits.remove_argument(document, call, "gone") is None


def test_replace_keeps_parentheses() -> None:
    document = document_of("x = (a + b)")
    node = nodes(document, cst.BinaryOperation)[0]
    assert applied(document.text, edits.replace(document, node, "c")) == "x = (c)"


WRAP = {
    "one": ("a\nb\nc\n", 1, 2, "a\nwith w:\n    b\nc\n"),
    "two": ("a\nb\nc\n", 1, 3, "a\nwith w:\n    b\n    c\n"),
    "blank lines and comments": (
        "a\n\n# about b\nb\n\n    # odd\nc",
        1,
        3,
        "a\n\n# about b\nwith w:\n    b\n\n        # odd\n    c",
    ),
    "compound": (
        "for x in y:\n  f(\n1)\nelse:\n  g\n",
        0,
        1,
        "with w:\n  for x in y:\n    f(\n  1)\n  else:\n    g\n",
    ),
    "decorated": ("@d\ndef f(): pass\n", 0, 1, "with w:\n    @d\n    def f(): pass\n"),
    "multi-line string": ('a = """\nx\n"""\nb\n', 0, 2, 'with w:\n    a = """\nx\n"""\n    b\n'),
    "multi-line f-string": ('a = f"""\n{x}\n"""\n', 0, 1, 'with w:\n    a = f"""\n{x}\n"""\n'),
    "windows line ends": ("a\r\nb\r\n", 0, 2, "with w:\r\n    a\r\n    b\r\n"),
}


@pytest.mark.parametrize(("before", "start", "stop", "after"), WRAP.values(), ids=WRAP)
def test_wrap(before: str, start: int, stop: int, after: str) -> None:
    document = document_of(before)
    statements = document.tree.body[start:stop]
    assert applied(before, edits.wrap(document, statements, "with w:")) == after


def test_wrap_inside_a_block_with_tabs() -> None:
    document = document_of("def f():\n\ta\n\tb(\n\t\t1)\n")
    statements = nodes(document, cst.Expr)
    assert (
        applied(document.text, edits.wrap(document, statements, "with w:"))
        == "def f():\n\twith w:\n\t\ta\n\t\tb(\n\t\t\t1)\n"
    )


def test_wrap_indents_as_the_block_around_it() -> None:
    document = document_of("if x:\n  a\nif y:\n    b\n    c\n")
    statements = nodes(document, cst.Expr)[1:]
    assert (
        applied(document.text, edits.wrap(document, statements, "with w:"))
        == "if x:\n  a\nif y:\n    with w:\n        b\n        c\n"
    )


def test_wrap_refuses_statements_that_share_a_line() -> None:
    document = document_of("a; b\nif x: c\n")
    for node in nodes(document, cst.Expr):
        assert edits.wrap(document, [node], "with w:") is None


def test_wrap_refuses_statements_that_do_not_follow_each_other() -> None:
    document = document_of("a\nb\nc\n")
    assert edits.wrap(document, [document.tree.body[0], document.tree.body[2]], "with w:") is None
    assert edits.wrap(document, [], "with w:") is None


UNWRAP = {
    "block": ("with gone:\n    a\n    b(\n        1)\nc\n", "a\nb(\n    1)\nc\n"),
    "nested": ("if x:\n  with gone:\n      a\n  b\n", "if x:\n  a\n  b\n"),
    "tabs": ("if x:\n\twith gone:\n\t\ta\n", "if x:\n\ta\n"),
    "comments stay": ("with gone:\n    # one\n    a\n    # two\n\n# three\nb\n", "# one\na\n# two\n\n# three\nb\n"),
    "comment at the end of the file": ("with gone:\n    a\n    # two", "a\n# two"),
    "compound": ("with gone:\n    @d\n    def f():\n        a\n", "@d\ndef f():\n    a\n"),
    "multi-line string": ('with gone:\n    a = """\n    x\n    """\n', 'a = """\n    x\n    """\n'),
    "windows line ends": ("with gone:\r\n    a\r\n    b\r\n", "a\r\nb\r\n"),
    "behind the colon": ("with gone: a; b\n", "a; b\n"),
    "header over several lines": ("with (\n    gone\n):\n    a\n", "a\n"),
    "first of several": ("with gone, w: a\n", "with w: a\n"),
    "last of several": ("with v, w as x, gone:\n    a\n", "with v, w as x:\n    a\n"),
    "in parentheses": ("with (\n    w,\n    gone,\n):\n    a\n", "with (\n    w,\n):\n    a\n"),
    "bound": ("with gone as x:\n    a\n", None),
    "comment of the header": ("with gone:  # why\n    a\n", None),
    "comment of an item": ("with (\n    w,  # why\n    gone,\n):\n    a\n", None),
}


@pytest.mark.parametrize(("before", "after"), UNWRAP.values(), ids=UNWRAP)
def test_unwrap(before: str, after: str | None) -> None:
    document = document_of(before)
    gone = next(each for each in nodes(document, cst.Name) if each.value == "gone")
    assert applied(before, edits.unwrap(document, nodes(document, cst.With)[0], gone)) == after


DELETE = {
    "line": ("a\ngone\nb\n", "a\nb\n"),
    "last line without an end": ("a\ngone", "a"),
    "only statement of the module": ("gone\n", ""),
    "only statement of a block": ("if x:\n    gone  # why\n", "if x:\n    pass  # why\n"),
    "behind a colon": ("if x: gone\n", "if x: pass\n"),
    "first of several": ("gone; b\n", "b\n"),
    "middle of several": ("a; gone; b\n", "a; b\n"),
    "last of several": ("a; gone\n", "a\n"),
    "several lines": ("a\ngone(\n    1,\n)\nb\n", "a\nb\n"),
    "comment above stays": ("# about\ngone\nb\n", "# about\nb\n"),
}


@pytest.mark.parametrize(("before", "after"), DELETE.values(), ids=DELETE)
def test_delete_statement(before: str, after: str) -> None:
    document = document_of(before)
    gone = next(each for each in nodes(document, cst.Expr) if document.source(each).startswith("gone"))
    assert applied(before, edits.delete_statement(document, gone)) == after


@pytest.mark.parametrize("before", ["a\ngone  # why\nb\n", "gone(\n    1,  # why\n)\nb\n"])
def test_delete_statement_loses_no_comment(before: str) -> None:
    document = document_of(before)
    gone = next(each for each in nodes(document, cst.Expr) if document.source(each).startswith("gone"))
    assert edits.delete_statement(document, gone) is None


def test_delete_statements_takes_neighbours_at_the_end_of_a_cell() -> None:
    cells: list[object] = [{"cell_type": "code", "metadata": {}, "source": source} for source in ("a\nb\nc", "d")]
    raw = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4})
    document = parse("n.ipynb", raw.encode()).document
    assert document is not None
    assert applied(document.text, edits.delete_statements(document, document.tree.body[1:3])) == "a\nd\n"


def test_delete_statement_takes_a_compound_one_whole() -> None:
    document = document_of("a\nif x:\n    b\nelse:\n    c\nd\n")
    assert applied(document.text, edits.delete_statement(document, document.tree.body[1])) == "a\nd\n"


IMPORT = {
    "empty file": ("", "import torch", "import torch\n"),
    "before the code": ("# licence\n\nx = 1\n", "import torch", "# licence\n\nimport torch\nx = 1\n"),
    "after the docstring": ('"""Doc."""\nx = 1\n', "import torch", '"""Doc."""\n\nimport torch\nx = 1\n'),
    "after the future": (
        "from __future__ import annotations\nx = 1\n",
        "import torch",
        "from __future__ import annotations\n\nimport torch\nx = 1\n",
    ),
    "after the first imports": (
        "import os\nimport sys  # both\nx = 1\nimport late\n",
        "import torch",
        "import os\nimport sys  # both\n\nimport torch\nx = 1\nimport late\n",
    ),
    "beside its package": (
        "import os\nos.environ['A'] = '1'\nfrom torch.utils.data import DataLoader\nimport abc\n",
        "import torch",
        "import os\nos.environ['A'] = '1'\nfrom torch.utils.data import DataLoader\nimport torch\nimport abc\n",
    ),
    "an alias does not bind the name": ("import torch as th\n", "import torch", "import torch as th\nimport torch\n"),
    "an import of a function is not seen": (
        "def f():\n    import torch\n",
        "import torch",
        "import torch\ndef f():\n    import torch\n",
    ),
    "a submodule is needed": ("import torch\n", "import torch.nn", "import torch\nimport torch.nn\n"),
    "windows line ends": ("import os\r\n", "import torch", "import os\r\n\r\nimport torch\r\n"),
    "in order": (
        "import os\n\nimport numpy\n# why\nimport torch\nfrom PIL import Image\n",
        "import pandas",
        "import os\n\nimport numpy\nimport pandas\n# why\nimport torch\nfrom PIL import Image\n",
    ),
    "names after modules": (
        "import numpy\nimport torch\nfrom PIL import Image\n",
        "from numpy import array",
        "import numpy\nimport torch\nfrom numpy import array\nfrom PIL import Image\n",
    ),
    "by modules": (
        "import numpy\nfrom PIL import Image\nimport torch\n",
        "import scipy",
        "import numpy\nfrom PIL import Image\nimport scipy\nimport torch\n",
    ),
    "first of its section": (
        "# licence\nimport sys\n\nimport torch\n",
        "import os",
        "# licence\nimport os\nimport sys\n\nimport torch\n",
    ),
    "a section above": (
        "import torch\nimport yaml\n\nx = 1\n",
        "import os",
        "import os\n\nimport torch\nimport yaml\n\nx = 1\n",
    ),
    "a section between": (
        "import os\n\nfrom . import a\n",
        "import torch",
        "import os\n\nimport torch\n\nfrom . import a\n",
    ),
    "not sorted": ("import torch\nimport numpy\n", "import pandas", "import torch\nimport numpy\nimport pandas\n"),
    "sections mixed": ("import os\nimport torch\n", "import sys", "import os\nimport torch\nimport sys\n"),
    "never before its package": (
        "import os\nos.environ['A'] = '1'\nfrom PIL import Image\nfrom torch import nn\n",
        "import torch",
        "import os\nos.environ['A'] = '1'\nimport torch\nfrom PIL import Image\nfrom torch import nn\n",
    ),
    "several lines": (
        "from os import (\n    path\n)\n",
        "import torch",
        "from os import (\n    path\n)\n\nimport torch\n",
    ),
}


@pytest.mark.parametrize(("before", "statement", "after"), IMPORT.values(), ids=IMPORT)
def test_ensure_import(before: str, statement: str, after: str) -> None:
    assert applied(before, edits.ensure_import(document_of(before), statement)) == after


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("import torch\n", "import torch"),
        ("import os, torch\n", "import torch"),
        ("import torch.nn\n", "import torch"),
        ("import torch.nn as nn\n", "from torch import nn"),
        ("from torch import nn as n\n", "import torch.nn as n"),
        ("try:\n    import torch\nexcept ImportError:\n    raise SystemExit\n", "import torch"),
    ],
)
def test_ensure_import_sees_what_is_there(code: str, statement: str) -> None:
    assert edits.ensure_import(document_of(code), statement) == ()


@pytest.mark.parametrize(
    "code",
    [
        "import other as torch\n",
        "from other import torch\n",
        "torch = None\n",
        "def torch(): pass\n",
        "def f(torch): pass\n",
        "for a, torch in b: pass\n",
        "with a as torch: pass\n",
    ],
)
def test_ensure_import_refuses_a_name_that_is_taken(code: str) -> None:
    assert edits.ensure_import(document_of(code), "import torch") is None


def test_ensure_import_wants_one_import() -> None:
    with pytest.raises(ValueError, match="one name"):
        edits.ensure_import(document_of(""), "import a, b")
    with pytest.raises(ValueError, match="not an import"):
        edits.ensure_import(document_of(""), "x = 1")


INSTEAD = {
    "an import of its own": ("from m import Old\nOld(1)\n", "from m import New\nNew(1)\n"),
    "one of several": ("from m import A, Old\nOld(1)\nA()\n", "from m import A, New\nNew(1)\nA()\n"),
    "an attribute": ("import m\nm.Old(1)\n", "import m\nm.New(1)\n"),
    "an alias": ("from m import Old as O\nO(1)\n", "from m import New as O\nO(1)\n"),
    "another use": (
        "from m import Old\nisinstance(x, Old)\nOld(1)\n",
        "from m import Old\nfrom m import New\nisinstance(x, Old)\nNew(1)\n",
    ),
    "already imported": ("from m import New, Old\nOld(1)\n", "from m import New, Old\nNew(1)\n"),
    "inside a function": (
        "def f():\n    from m import Old\n    Old(1)\n",
        "def f():\n    from m import New\n    New(1)\n",
    ),
    "two imports": ("if a:\n    from m import Old\nelse:\n    from n import Old\nOld(1)\n", None),
    "defined again": ("from m import Old\nclass Old: pass\nOld(1)\n", None),
    "an alias with another use": (
        "from m import Old as O\nx = O\nO(1)\n",
        "from m import Old as O\nfrom m import New\nx = O\nNew(1)\n",
    ),
    "the name is taken": ("from m import Old\nNew = 1\nOld(1)\n", None),
    "a star": ("from m import *\nOld(1)\n", None),
}


@pytest.mark.parametrize(("before", "after"), INSTEAD.values(), ids=INSTEAD)
def test_use_instead(before: str, after: str | None) -> None:
    document = document_of(before)
    func = nodes(document, cst.Call)[-1 if "A()" not in before else 0].func
    assert applied(before, edits.use_instead(document, func, "m", "New")) == after


AROUND = {
    "plain": ("for a in b:\n    f(a)\ng()\n", "new\nfor a in b:\n    f(a)\nold\ng()\n"),
    "at the end": ("for a in b:\n    f(a)", "new\nfor a in b:\n    f(a)\nold"),
    "crlf": ("for a in b:\r\n    f(a)\r\n", "new\r\nfor a in b:\r\n    f(a)\r\nold\r\n"),
    "indented by tabs": (
        "def h():\n\tfor a in b:\n\t\tf(a)\n\n\treturn 1\n",
        "def h():\n\tnew\n\tfor a in b:\n\t\tf(a)\n\told\n\n\treturn 1\n",
    ),
    "a comment above": ("x = 1\n# why\nfor a in b:\n    f(a)\n", "x = 1\nnew\n# why\nfor a in b:\n    f(a)\nold\n"),
    "a comment above with crlf": (
        "# why\r\nfor a in b:\r\n    f(a)\r\n",
        "new\r\n# why\r\nfor a in b:\r\n    f(a)\r\nold\r\n",
    ),
    "comments at the end": (
        "for a in b:\n    f(a)  # one\n    # two\n\n# three\ng()\n",
        "new\nfor a in b:\n    f(a)  # one\nold\n    # two\n\n# three\ng()\n",
    ),
    "an else": (
        "for a in b:\n    f(a)\nelse:\n    g()\nh()\n",
        "new\nfor a in b:\n    f(a)\nelse:\n    g()\nold\nh()\n",
    ),
    "a body on the line": ("for a in b: f(a)\ng()\n", "new\nfor a in b: f(a)\nold\ng()\n"),
}


@pytest.mark.parametrize(("before", "after"), AROUND.values(), ids=AROUND)
def test_insert_around(before: str, after: str) -> None:
    document = document_of(before)
    loop = nodes(document, cst.For)[0]
    above, below = edits.insert_before(document, loop, "new"), edits.insert_after(document, loop, "old")
    assert above is not None and below is not None
    assert applied(before, [*above, *below]) == after


HOIST = {
    "plain": ("for a in b:\n    x = f(\n        1\n    )\n    g(x)\n", "x = f(\n    1\n)\nfor a in b:\n    g(x)\n"),
    "crlf": ("for a in b:\r\n    x = f()\r\n    g(x)\r\n", "x = f()\r\nfor a in b:\r\n    g(x)\r\n"),
    "two levels": (
        "if c:\n  for a in b:\n    if a:\n      x = f()\n    g()\n",
        "if c:\n  x = f()\n  for a in b:\n    if a:\n      pass\n    g()\n",
    ),
    "a comment on the line": (
        "for a in b:\n    x = f(\n        1,  # one\n    )  # why\n    g(x)\n",
        "x = f(\n    1,  # one\n)  # why\nfor a in b:\n    g(x)\n",
    ),
    "its comment": (
        "for a in b:\n    # of all\n    # passes\n    x = f()\n\n    g(x)\n",
        "# of all\n# passes\nx = f()\nfor a in b:\n\n    g(x)\n",
    ),
    "its comment at the end": (
        "for a in b:\n    g()\n    # why\n    x = f()\nh()\n",
        "# why\nx = f()\nfor a in b:\n    g()\nh()\n",
    ),
    "a comment on more than it": (
        "for a in b:\n    # both\n    x = f()\n    g(x)\n",
        "x = f()\nfor a in b:\n    # both\n    g(x)\n",
    ),
    "a comment above the loop": (
        "# all\nfor a in b:\n    x = f()\n    g(x)\n",
        "x = f()\n# all\nfor a in b:\n    g(x)\n",
    ),
    "a while loop": ("while a:\n    x = f()\n    g(x)\n", "x = f()\nwhile a:\n    g(x)\n"),
    "a block": (
        "for a in b:\n    with c:\n        x = f()\n        g(x)\n",
        "x = f()\nfor a in b:\n    with c:\n        g(x)\n",
    ),
    "an asynchronous loop": (
        "async def r():\n    async for a in b:\n        x = f()\n        g(x)\n",
        "async def r():\n    x = f()\n    async for a in b:\n        g(x)\n",
    ),
    "a string over lines": ('for a in b:\n    x = f("""\n    s""")\n    g(x)\n', None),
    "a loop on its line": ("if c: x = 1\nfor a in b: x = f()\n", None),
    "a shared line": ("for a in b:\n    x = f(); g(x)\n", None),
}


@pytest.mark.parametrize(("before", "after"), HOIST.values(), ids=HOIST)
def test_hoist(before: str, after: str | None) -> None:
    document = document_of(before)
    statement = [each for each in nodes(document, cst.Assign) if document.source(each).startswith("x")][-1]
    loop = (nodes(document, cst.For) + nodes(document, cst.While))[0]
    assert applied(before, edits.hoist(document, statement, loop)) == after


def test_statements_hoisted_together_keep_their_order() -> None:
    before = "for a in b:\n    x = f()\n    y = g(x)\n    h(y)\n"
    document = document_of(before)
    loop = nodes(document, cst.For)[0]
    moved = [edits.hoist(document, each, loop) or () for each in nodes(document, cst.Assign)]
    assert applied(before, edits.joined(*moved)) == "x = f()\ny = g(x)\nfor a in b:\n    h(y)\n"


def test_a_deletion_of_two_changes_is_made_once() -> None:
    document = document_of("f()\ng()\n")
    gone = edits.delete_statement(document, nodes(document, cst.Expr)[0]) or ()
    assert edits.joined(gone, gone) == gone


ELEMENT = {
    "empty": ("x = []\n", "x = [new]\n"),
    "one line": ("x = [a, b]\n", "x = [a, b, new]\n"),
    "trailing comma": ("x = [a,]\n", "x = [a, new,]\n"),
    "lines": ("x = [\n    a,\n    b,  # why\n]\n", "x = [\n    a,\n    b,  # why\n    new,\n]\n"),
    "lines without a comma": ("x = [\n    a,\n    b  # why\n]\n", "x = [\n    a,\n    b,  # why\n    new\n]\n"),
    "closed on the last line": ("x = [a,\n     b]\n", "x = [a,\n     b,\n     new]\n"),
    "a call over lines": ("x = [\n    f(\n        1,\n    ),\n]\n", "x = [\n    f(\n        1,\n    ),\n    new,\n]\n"),
    "crlf": ("x = [\r\n    a\r\n]\r\n", "x = [\r\n    a,\r\n    new\r\n]\r\n"),
    "a starred one": ("x = [*a]\n", None),
    "parentheses": ("x = [(a)]\n", None),
    "a comment alone": ("x = [\n    # none\n]\n", None),
}


@pytest.mark.parametrize(("before", "after"), ELEMENT.values(), ids=ELEMENT)
def test_append_element(before: str, after: str | None) -> None:
    document = document_of(before)
    assert applied(before, edits.append_element(document, nodes(document, cst.List)[0], "new")) == after


DECORATED = {
    "plainly": ("# why\ndef f():\n    pass\n", "# why\n@new\ndef f():\n    pass\n"),
    "below others": (
        "class A:\n    @old\n    def f(self): pass\n",
        "class A:\n    @old\n    @new\n    def f(self): pass\n",
    ),
    "async": ("async def f(): pass\n", "@new\nasync def f(): pass\n"),
    "carriage returns": ("def f():\r\n    pass\r\n", "@new\r\ndef f():\r\n    pass\r\n"),
}


@pytest.mark.parametrize(("before", "after"), DECORATED.values(), ids=DECORATED)
def test_decorate(before: str, after: str) -> None:
    document = document_of(before)
    assert applied(before, edits.decorate(document, nodes(document, cst.FunctionDef)[0], "new")) == after


IMPORTED = {
    "alone": ("from a import F\nF()\n", "from b import F\nF()\n"),
    "renamed": ("from a import F as G, H\nG()\n", "from a import H\nfrom b import F as G\nG()\n"),
    "first": ("from a import F, H\nF()\n", "from a import H\nfrom b import F\nF()\n"),
    "last": ("from a import H, F\nF()\n", "from a import H\nfrom b import F\nF()\n"),
    "lines": ("from a import (\n    F,\n    H,\n)\nF()\n", "from a import (\n    H,\n)\nfrom b import F\nF()\n"),
    "last line": ("from a import (\n    H,\n    F,\n)\nF()\n", "from a import (\n    H,\n)\nfrom b import F\nF()\n"),
    "comment": ("from a import (\n    F,  # why\n    H,\n)\nF()\n", None),
    "used elsewhere": ("from a import F\nF()\nprint(F)\n", None),
    "shadowed": ("from a import F\nF()\ndef F(): pass\n", None),
    "in its place": (
        "import a\nfrom a.z import x, y\nfrom c import w\nx(1)\n",
        "import a\nfrom a.z import y\nfrom b import x\nfrom c import w\nx(1)\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), IMPORTED.values(), ids=IMPORTED)
def test_import_instead(before: str, after: str | None) -> None:
    document = document_of(before)
    func = nodes(document, cst.Call)[0].func
    assert isinstance(func, cst.Name)
    assert applied(before, edits.import_instead(document, func, "b")) == after


ADDED = {
    "none": ("f()", "f(one=1, two=2)"),
    "one line": ("f(a)", "f(a, one=1, two=2)"),
    "lines": ("f(\n    a,  # why\n)", "f(\n    a,  # why\n    one=1,\n    two=2,\n)"),
    "lines without a comma": ("f(\n    a\n)", "f(\n    a,\n    one=1,\n    two=2\n)"),
    "given": ("f(two=3)", None),
    "hidden": ("f(**a)", None),
}


@pytest.mark.parametrize(("before", "after"), ADDED.values(), ids=ADDED)
def test_add_arguments(before: str, after: str | None) -> None:
    document = document_of(before)
    assert applied(before, edits.add_arguments(document, nodes(document, cst.Call)[0], one="1", two="2")) == after


SPELLED = {
    "plainly": ("import torch\n", (0, "torch")),
    "by an alias": ("import torch as th\n", (0, "th")),
    "as one of several": ("import torch, os\n", (0, "torch")),
    "by a submodule": ("import torch.nn\n", (0, "torch")),
    "not yet": ("import torch.nn as nn\n", (1, "torch")),
    "from it only": ("from torch import nn\n", (1, "torch")),
    "taken": ("import os\n\ndef f(torch):\n    pass\n", None),
    "shadowed": ("import torch\n\ndef f(torch):\n    pass\n", None),
}


@pytest.mark.parametrize(("text", "expected"), SPELLED.values(), ids=SPELLED)
def test_spelled(text: str, expected: tuple[int, str] | None) -> None:
    found = edits.spelled(document_of(text), "torch")
    assert (found and (len(found[0]), found[1])) == expected


def test_spelled_where_it_is_imported_again() -> None:
    found = edits.spelled(document_of("import numpy as np\nf()\nimport numpy as np\n"), "numpy", "np")
    assert found == ((), "np")
    assert edits.spelled(document_of("import numpy as np\nimport cupy as np\n"), "numpy", "np") is None


def test_spelled_with_an_alias() -> None:
    text = "import os\n"
    found = edits.spelled(document_of(text), "numpy", "np")
    assert found is not None and found[1] == "np"
    assert applied(text, found[0]) == "import os\n\nimport numpy as np\n"


REMARKED = {
    "beside": ("run(1)  # so far\n", True),
    "above, with a reason": ("# the GPU is too small\nrun(1)\n", True),
    "further above": ("# because of it\n# at all\nrun(1)\n", True),
    "a heading": ("# Training\nrun(1)\n", False),
    "of what stands before": ("stop()  # because of it\nrun(1)\n", False),
    "behind a blank line": ("# because of it\n\nrun(1)\n", False),
    "inside": ("run(\n    1,  # so far\n)\n", True),
    "none": ("run(1)\n", False),
    "with other line ends": ("# because of it\r\nrun(1)\r\n", True),
}


@pytest.mark.parametrize(("text", "expected"), REMARKED.values(), ids=REMARKED)
def test_is_remarked(text: str, expected: bool) -> None:
    document = document_of(text)
    assert edits.is_remarked(document, call_named(document, "run")) is expected


def test_is_remarked_looks_at_the_header_of_a_block() -> None:
    document = document_of("with run():\n    stop()  # because of it\n")
    assert not edits.is_remarked(document, nodes(document, cst.With)[0])
    document = document_of("with run():  # because of it\n    stop()\n")
    assert edits.is_remarked(document, nodes(document, cst.With)[0])


DROPPED = {
    "the only use": ("import os\n\nimport torch\n\ngone(os)\nf()\n", "import torch\n\nf()\n"),
    "with the blank lines between": ("import os\n\ngone(os)\n\nimport torch\n", "import torch\n"),
    "in its own section": (
        "import torch\n\nimport os\n\n\nf()\ngone(os)\n",
        "import torch\n\n\nf()\n",
    ),
    "below a docstring": ('"""Why."""\n\nimport os\n\ngone(os)\nf()\n', '"""Why."""\n\nf()\n'),
    "carriage returns": ("import os\r\n\r\ngone(os)\r\nf()\r\n", "f()\r\n"),
    "under another name": ("import gc as collector\ngone(collector)\n", ""),
    "a name of a module": ("import os\nfrom gc import collect\ngone(collect)\nos\n", "import os\nos\n"),
    "one of several": (
        "from os import path, environ, sep\ngone(environ)\npath, sep\n",
        "from os import path, sep\npath, sep\n",
    ),
    "first": ("import gc, os\ngone(gc)\nos\n", "import os\nos\n"),
    "last": ("import gc, os\ngone(os)\ngc\n", "import gc\ngc\n"),
    "last two": (
        "from os import (\n    sep,\n    path,\n    environ,\n)\ngone(path, environ)\nsep\n",
        "from os import (\n    sep,\n)\nsep\n",
    ),
    "all of several": ("from os import path, environ\ngone(path, environ)\nf()\n", "f()\n"),
    "a package that is loaded anyway": (
        "import torch\nfrom torch.backends import cudnn\ngone(cudnn)\ntorch\n",
        "import torch\ntorch\n",
    ),
}


def _without_gone(document: Document, *, is_taken: bool = False) -> str | None:
    deleted = edits.delete_statement(
        document, next(each for each in nodes(document, cst.Expr) if "gone" in document.source(each))
    )
    assert deleted is not None
    return applied(document.text, edits.drop_imports(document, deleted, is_taken=lambda name: is_taken))


@pytest.mark.parametrize(("before", "after"), DROPPED.values(), ids=DROPPED)
def test_drop_imports(before: str, after: str) -> None:
    assert _without_gone(document_of(before)) == after


KEPT = {
    "another use": "import os\ngone(os)\nos.path\n",
    "in a string": "import os\ngone(os)\n__all__ = ['os']\n",
    "in a comment": "import os\ngone(os)\nf()  # type: os.PathLike\n",
    "a comment on its line": "import os  # noqa: F401\ngone(os)\n",
    "a package with effects": "import plugin\ngone(plugin)\n",
    "in a try": "try:\n    import os\nexcept ImportError:\n    pass\ngone(os)\n",
    "imported twice": "import os\ndef f():\n    import os\ngone(os)\n",
    "for others": "from gc import collect as collect\ngone(collect)\n",
    "relative": "from . import os\ngone(os)\n",
    "a shared line": "import os; f()\ngone(os)\n",
    "unused before": "import os\ngone()\n",
    "in a function": "def f():\n    import os\n    g()\n    gone(os)\n",
}


@pytest.mark.parametrize("before", KEPT.values(), ids=KEPT)
def test_imports_that_stay(before: str) -> None:
    rest = "".join(line for line in before.splitlines(keepends=True) if "gone" not in line)
    assert _without_gone(document_of(before)) == rest


def test_what_others_take_stays() -> None:
    assert _without_gone(document_of("import os\ngone(os)\n"), is_taken=True) == "import os\n"
    text = "import os\ngone(os)\n"
    package = Document("package/__init__.py", text, cst.parse_module(text))
    assert _without_gone(package) == "import os\n"


def test_an_import_stays_that_another_is_put_behind() -> None:
    document = document_of("import os\ngone(os)\n")
    added = edits.ensure_import(document, "import sys")
    deleted = edits.delete_statement(document, nodes(document, cst.Expr)[0])
    assert added is not None and deleted is not None
    changes = edits.drop_imports(document, [*added, *deleted], is_taken=lambda name: False)
    assert applied(document.text, changes) == "import os\nimport sys\n"


def test_an_import_that_goes_with_the_last_line_of_its_cell() -> None:
    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**cell, "source": "import os\ngone(os)"}, {**cell, "source": "f()"}]
    raw = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    document = parse("n.ipynb", raw.encode()).document
    assert document is not None
    after = _without_gone(document)
    assert after is not None and after.split() == ["f()"]
    magic = json.dumps({"cells": [*cells, {**cell, "source": "%timeit os.getcwd()"}], "nbformat": 4})
    document = parse("n.ipynb", magic.encode()).document
    assert document is not None
    assert "import os" in (_without_gone(document) or "")
