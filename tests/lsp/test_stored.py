"""Diagnostics of notebooks that are not open stand at the lines of their JSON."""

from __future__ import annotations

from pathlib import Path

from pygls.workspace import PositionCodec

from greenlint.finding import Confidence, Severity
from greenlint.lsp.diagnostics import stored_diagnostics
from greenlint.results import FileResult, PlacedFinding, PlacedRelated, Problem


def test_cells_are_found_in_the_file() -> None:
    related = PlacedRelated("set here", 2, 5, cell=1, physical_line=13)
    elsewhere = PlacedRelated("and here", 3, path="src/a.py")
    finding = PlacedFinding(
        rule="a-rule",
        category="loading",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        message="message",
        line=1,
        column=8,
        end_line=1,
        end_column=9,
        cell=3,
        physical_line=42,
        related=(related, elsewhere),
    )
    result = FileResult("n.ipynb", (finding,), problems=(Problem("syntax", "bad", 2, 4, 5, "c5", 77),))
    broken, found = stored_diagnostics(
        Path("/project/n.ipynb"), result, lambda _: None, PositionCodec(), Path("/project")
    )
    assert (broken.range.start.line, broken.range.start.character) == (76, 0)
    assert found.range.start.line == 41
    [other, far] = found.related_information or ()
    # Paths start at the folder that is checked.
    assert far.location.uri == "file:///project/src/a.py"
    assert (other.location.range.start.line, other.location.range.start.character) == (12, 0)
