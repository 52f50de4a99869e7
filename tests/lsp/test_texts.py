"""Texts change as the protocol says, whatever stands in them and wherever a client points."""

from __future__ import annotations

import pytest
from lsprotocol import types
from pygls.workspace import PositionCodec

from greenlint.lsp.texts import Text

FAR = 2**31 - 1
ROCKET = "\N{ROCKET}"
CHANGES = [
    ("a\x0cb\nc\n", (1, 0), (1, 1), "d", "a\x0cb\nd\n"),
    ("a\u2028b\x85\x1cc\nd", (1, 0), (1, 1), "e", "a\u2028b\x85\x1cc\ne"),
    ("a\rb\r\nc", (1, 0), (2, 0), "", "a\rc"),
    ("", (0, 0), (0, 0), "a\n", "a\n"),
    ("a\n", (1, 0), (1, 0), "b", "a\nb"),
    ("a\n", (7, 3), (9, 9), "b", "a\nb"),
    # Behind the end of a line is its end.
    ("ab\r\nc\r\n", (0, 3), (0, FAR), "d", "abd\r\nc\r\n"),
    ("ab", (0, 1), (0, FAR), "c", "ac"),
    ("ab\nc\n", (0, 1), (FAR, FAR), "d", "ad"),
    (f"{ROCKET}a\n", (0, 2), (0, 3), "b", f"{ROCKET}b\n"),
    ("abc\n", (0, 2), (0, 1), "d", "abdc\n"),
]


@pytest.mark.parametrize(("before", "start", "end", "text", "after"), CHANGES)
def test_a_change(before: str, start: tuple[int, int], end: tuple[int, int], text: str, after: str) -> None:
    document = Text("file:///a.py", before, 1, "python", position_codec=PositionCodec())
    where = types.Range(types.Position(*start), types.Position(*end))
    document.apply_change(types.TextDocumentContentChangePartial(where, text))
    assert document.source == after


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_units(encoding: str, units: int) -> None:
    document = Text("file:///a.py", f"{ROCKET}a", 1, "python", position_codec=PositionCodec(encoding))
    where = types.Range(types.Position(0, units), types.Position(0, FAR))
    document.apply_change(types.TextDocumentContentChangePartial(where, "b"))
    assert document.source == f"{ROCKET}b"
