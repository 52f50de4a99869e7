"""What an editor is told of the files of a workspace that it has not open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from lsprotocol import types
from pygls.workspace import PositionCodec

from greenlint.lsp.checker import Checker, ConfigurationError, Part
from greenlint.lsp.diagnostics import stored_diagnostics, without_related
from greenlint.lsp.documents import key_of
from greenlint.lsp.pages import Pages

__all__ = ["NOTEBOOK", "SCRIPT", "Reports", "Step", "result_id"]

SCRIPT = "script"
NOTEBOOK = "notebook"
_OPEN = "open"
"""The result id of a notebook whose cells the editor has open."""

Report = types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport


class Step(NamedTuple):
    """Some of the reports."""

    items: list[Report]
    share: float = 1.0
    """How much is done with them."""
    problem: str | None = None
    """Why a folder could not be checked."""


@dataclass(slots=True)
class Reports:
    """The reports that one request is answered with; in a thread of its own."""

    checkers: Sequence[Checker]
    """One for each folder, that nobody else uses."""
    known: Mapping[str, types.PreviousResultId]
    """What the editor has, by the keys of URIs."""
    opened: Mapping[str, str]
    """What is open, :data:`SCRIPT` or :data:`NOTEBOOK`, by the keys of URIs."""
    codec: PositionCodec
    pages: Pages
    shows_related: bool = True
    """Whether the editor shows related places."""
    _seen: set[str] = field(default_factory=set)

    def steps(self) -> Iterator[Step]:
        """All there are, with those of files that are gone at the end."""
        for number, checker in enumerate(self.checkers):
            try:
                for part in checker.workspace():
                    items = list(self._items(checker, part))
                    yield Step(items, (number + part.share) / len(self.checkers))
            except ConfigurationError as error:
                yield Step([], (number + 1) / len(self.checkers), str(error))
        gone = [each.uri for key, each in self.known.items() if key not in self._seen and key not in self.opened]
        yield Step([types.WorkspaceFullDocumentDiagnosticReport(uri, []) for uri in gone])

    def _items(self, checker: Checker, part: Part) -> Iterator[Report]:
        for path, result in part.results:
            uri = path.as_uri()
            key = key_of(uri)
            self._seen.add(key)
            before = self.known[key].value if key in self.known else None
            if key in self.opened:
                # The cells of an open notebook have the diagnostics.
                if self.opened[key] == NOTEBOOK and before not in (None, _OPEN):
                    yield types.WorkspaceFullDocumentDiagnosticReport(uri, [], result_id=_OPEN)
                continue
            page = partial(_page, self.pages, checker)
            items = list(stored_diagnostics(path, result, page, self.codec, checker.folder))
            if not self.shows_related:
                items = list(map(without_related, items))
            now = result_id(items)
            if before == now:
                yield types.WorkspaceUnchangedDocumentDiagnosticReport(uri, now)
            elif items or before is not None:
                yield types.WorkspaceFullDocumentDiagnosticReport(uri, items, result_id=now)


def _page(pages: Pages, checker: Checker, rule: str) -> str | None:
    return pages.uri(checker.find(rule))


def result_id(found: object) -> str:
    """The same for the same diagnostics."""
    return hashlib.sha256(repr(found).encode("utf-8", "surrogatepass")).hexdigest()[:16]
