"""Reasons that are still to be written: no action can ask its user a question, so a place for the answer is left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from lsprotocol import types
from pygls.workspace import PositionCodec

from greenlint.directives import PLACEHOLDER

__all__ = ["as_snippets", "selects_reasons", "takes_snippets", "takes_versions", "unwritten", "with_versions"]

_UNWRITTEN = re.compile(rf"#\s*greenlint:\s*(?:file-)?ignore\s*\[(?P<names>[^\]]*)\].*?(?P<reason>{PLACEHOLDER})")
_SPECIAL = re.compile(r"[\\$}]")


def takes_versions(client: types.ClientCapabilities) -> bool:
    """Whether an edit can say which version of a document it is for."""
    edits = client.workspace.workspace_edit if client.workspace is not None else None
    return edits is not None and bool(edits.document_changes)


def takes_snippets(client: types.ClientCapabilities) -> bool:
    """Whether an edit can leave the place selected."""
    edits = client.workspace.workspace_edit if client.workspace is not None else None
    return edits is not None and bool(edits.snippet_edit_support and edits.document_changes)


def selects_reasons(client: types.ClientCapabilities, uri: str) -> bool:
    """Whether the editor has to be told what to select, and can be; a cell of a notebook cannot be shown alone."""
    window = client.window.show_document if client.window is not None else None
    return window is not None and window.support and uri.startswith("file:") and not takes_snippets(client)


def with_versions(
    changes: Mapping[str, Sequence[types.TextEdit | types.SnippetTextEdit]], versions: Mapping[str, int | None]
) -> types.WorkspaceEdit:
    """``changes`` as an edit of documents in these versions, which is not made in others."""
    documents = {uri: types.OptionalVersionedTextDocumentIdentifier(uri, versions.get(uri)) for uri in changes}
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(documents[uri], list(edits)) for uri, edits in changes.items()]
    )


def as_snippets(
    changes: Mapping[str, Sequence[types.TextEdit]], versions: Mapping[str, int | None]
) -> types.WorkspaceEdit:
    """``changes``, of documents in these versions, as an edit that leaves the place selected."""
    return with_versions({uri: [_snippet(each) for each in edits] for uri, edits in changes.items()}, versions)


def _snippet(edit: types.TextEdit) -> types.SnippetTextEdit | types.TextEdit:
    before, placeholder, after = edit.new_text.partition(PLACEHOLDER)
    if not placeholder:
        return edit
    text = f"{_literal(before)}${{0:{_literal(placeholder)}}}{_literal(after)}"
    return types.SnippetTextEdit(edit.range, types.StringValue(text))


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def unwritten(lines: list[str], rule: str, codec: PositionCodec) -> Iterator[types.Range]:
    """Where reasons for suppressing ``rule`` are still to be written."""
    for number, line in enumerate(lines):
        for match in _UNWRITTEN.finditer(line):
            if rule in (name.strip() for name in match["names"].split(",")):
                start, end = match.span("reason")
                counted = types.Range(types.Position(number, start), types.Position(number, end))
                yield codec.range_to_client_units(lines, counted)
