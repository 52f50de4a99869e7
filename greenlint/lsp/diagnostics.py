"""Findings as diagnostics of the protocol."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from lsprotocol import types
from pygls.workspace import PositionCodec, Workspace

from greenlint.finding import Severity
from greenlint.line_ends import lines_with_ends
from greenlint.lsp.documents import Opened, Outcome, lines_in
from greenlint.output.lines import problems_of
from greenlint.output.places import is_dead, stored_line
from greenlint.reading import UnreadableError, decode
from greenlint.results import FileResult, PlacedFinding, PlacedRelated, Problem, StoredPlace

__all__ = ["SOURCE", "diagnostics_of", "range_of", "shows_related", "stored_diagnostics", "without_related"]

SOURCE = "greenlint"
_LEVELS = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}

P = TypeVar("P", PlacedRelated, Problem)

Page = Callable[[str], str | None]
"""The URI of the documentation of a rule."""


def diagnostics_of(
    workspace: Workspace, opened: Opened, outcome: Outcome, folder: Path
) -> dict[str, list[types.Diagnostic]]:
    """The diagnostics of each text document of a script or notebook; those without any have an empty list.

    ``folder`` is where paths of related places start.
    """
    found: dict[str, list[types.Diagnostic]] = {uri: [] for uri in opened.uris(workspace)}
    result, codec = outcome.result, workspace.position_codec

    @functools.cache
    def lines(uri: str) -> list[str]:
        return lines_in(workspace, uri)

    def related(uri: str, place: PlacedRelated) -> types.DiagnosticRelatedInformation:
        inside = opened.uri_of(workspace, place.cell) or uri
        known = lines(inside) if inside in found and place.path is None else []
        return _related(inside, place, codec, known, folder)

    for problem in problems_of(result):
        uri = opened.uri_of(workspace, problem.cell) or next(iter(found), None)
        if uri is not None and uri in found:
            found[uri].append(_problem(problem, codec, lines(uri)))
    for finding in result.findings:
        uri = opened.uri_of(workspace, finding.cell)
        if uri is not None and uri in found:
            around = [related(uri, each) for each in finding.related]
            found[uri].append(_made(finding, range_of(finding, codec, lines(uri)), around, outcome.pages.get))
    return found


def stored_diagnostics(
    path: Path, result: FileResult, page: Page, codec: PositionCodec, folder: Path
) -> Iterator[types.Diagnostic]:
    """The diagnostics of a file that is not open: of a notebook they stand in its JSON.

    ``folder`` is where paths of related places start.
    """

    @functools.cache
    def lines() -> list[str]:
        return _stored_lines(path)

    def before(place: PlacedRelated | Problem) -> list[str]:
        """The lines to count in; at the start of a line there is nothing to count."""
        return lines() if place.column > 1 else []

    for problem in map(_stored, problems_of(result)):
        yield _problem(problem, codec, before(problem))
    for finding in result.findings:
        line = stored_line(finding) - 1
        if finding.stored is not None:
            where = types.Range(*(_in_json(each, codec) for each in finding.stored))
        elif finding.cell is not None or not finding.source:
            where = types.Range(types.Position(line, 0), types.Position(line, 2**31 - 1))
        else:
            where = range_of(finding, codec, _lines_of(finding))
        places = map(_stored, finding.related)
        related = [_related(path.as_uri(), each, codec, before(each), folder) for each in places]
        yield _made(finding, where, related, page)


def _in_json(place: StoredPlace, codec: PositionCodec) -> types.Position:
    """A place in a notebook on disk in the units that the client counts."""
    column = place.unit_column
    if codec.encoding == types.PositionEncodingKind.Utf8:
        column = place.byte_column
    elif codec.encoding == types.PositionEncodingKind.Utf32:
        column = place.column
    return types.Position(place.line - 1, column - 1)


def shows_related(client: types.ClientCapabilities) -> bool:
    """Whether an editor shows the places that belong to a diagnostic."""
    document = client.text_document
    if document is None:
        return False
    pushed, pulled = document.publish_diagnostics, document.diagnostic
    return any(each is not None and bool(each.related_information) for each in (pushed, pulled))


def without_related(diagnostic: types.Diagnostic) -> types.Diagnostic:
    """The same for an editor that shows no related places: they stand in the message."""
    related = diagnostic.related_information
    if not related:
        return diagnostic
    places = [
        f"{_file_name(each.location.uri)}:{each.location.range.start.line + 1}: {each.message}" for each in related
    ]
    plain = copy.copy(diagnostic)
    plain.message, plain.related_information = "\n".join([diagnostic.message, *places]), None
    return plain


def _file_name(uri: str) -> str:
    return unquote(uri.partition("#")[0].rpartition("/")[2])


def _stored(place: P) -> P:
    """``place`` in the file on disk; of a notebook, at the beginning of the line of its JSON."""
    return place if place.cell is None else place._replace(line=stored_line(place), column=1)


def _stored_lines(path: Path) -> list[str]:
    """The lines of a file on disk; none where it cannot be read any more."""
    try:
        return list(lines_with_ends(decode(path.read_bytes()).text))
    except (OSError, UnreadableError):
        return []


def _lines_of(finding: PlacedFinding) -> list[str]:
    """As many lines as the codec needs to count the units before a column."""
    return [*[""] * (finding.line - 1), *finding.source]


def range_of(finding: PlacedFinding, codec: PositionCodec, lines: list[str]) -> types.Range:
    """The range of a finding in the units that the client counts."""
    end_line = min(finding.end_line, len(lines)) if len(lines) >= finding.line else finding.end_line
    end_column = finding.end_column if end_line == finding.end_line else len(lines[end_line - 1]) + 1
    counted = types.Range(
        types.Position(finding.line - 1, finding.column - 1), types.Position(end_line - 1, end_column - 1)
    )
    return codec.range_to_client_units(lines, counted)


def _made(
    finding: PlacedFinding, where: types.Range, related: list[types.DiagnosticRelatedInformation], page: Page
) -> types.Diagnostic:
    documented = page(finding.rule)
    return types.Diagnostic(
        range=where,
        message=finding.message + (f"\nhelp: {finding.help}" if finding.help else ""),
        severity=_LEVELS[finding.severity],
        code=finding.rule,
        code_description=types.CodeDescription(documented) if documented is not None else None,
        source=SOURCE,
        tags=[types.DiagnosticTag.Unnecessary] if is_dead(finding) else None,
        related_information=related or None,
        data=_data(finding),
    )


def _data(finding: PlacedFinding) -> dict[str, Any]:
    """What a code action finds the finding again by, and what its fix is."""
    fix = finding.fix
    return {
        "fingerprint": finding.fingerprint,
        "fix": {"title": fix.title, "applicability": fix.applicability.value} if fix is not None else None,
    }


def _related(
    uri: str, place: PlacedRelated, codec: PositionCodec, lines: list[str], folder: Path
) -> types.DiagnosticRelatedInformation:
    """A place that belongs to a finding; without the lines of its text its column is counted in letters."""
    if place.path is not None:
        uri = (folder / place.path).as_uri()
    start = _counted(place.line, place.column, codec, lines)
    return types.DiagnosticRelatedInformation(types.Location(uri, types.Range(start, start)), place.message)


def _problem(problem: Problem, codec: PositionCodec, lines: list[str]) -> types.Diagnostic:
    """A problem as a diagnostic; without the lines of the text its column is counted in letters."""
    start = _counted(problem.line, problem.column, codec, lines)
    # Half a letter is no place.
    end = _counted(problem.line, problem.column + 1, codec, lines)
    return types.Diagnostic(
        range=types.Range(start, types.Position(start.line, max(end.character, start.character + 1))),
        message=problem.message,
        severity=types.DiagnosticSeverity.Error,
        code=problem.kind,
        source=SOURCE,
    )


def _counted(line: int, column: int, codec: PositionCodec, lines: list[str]) -> types.Position:
    """A place, counted from 1, in the client's units where the lines are known."""
    place = types.Position(line - 1, max(0, column - 1))
    return codec.position_to_client_units(lines, place) if place.line < len(lines) else place
