"""The texts that an editor has open, changed as the protocol says.

pygls ends lines at form feeds and other separators, too, and takes a place behind the end of a line for one in it.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.workspace import PositionCodec, TextDocument, Workspace

from greenlint.line_ends import LINE_END

__all__ = ["Text", "Texts"]


class Text(TextDocument):
    """One text."""

    def _apply_incremental_change(self, change: types.TextDocumentContentChangePartial) -> None:
        source = self.source
        start = _offset(source, change.range.start, self.position_codec)
        end = max(start, _offset(source, change.range.end, self.position_codec))
        self._source = source[:start] + change.text + source[end:]


class Texts(Workspace):
    """All texts, notebooks and folders."""

    @classmethod
    def of(cls, other: Workspace) -> Texts:
        """One with the folders of another, which holds no texts yet."""
        return cls(other.root_uri, other._sync_kind, [*other.folders.values()], other.position_encoding)

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> TextDocument:
        kind, codec = self._sync_kind, self._position_codec
        return Text(doc_uri, source, version, language_id, sync_kind=kind, position_codec=codec)


def _offset(source: str, place: types.Position, codec: PositionCodec) -> int:
    """The offset of a place; of one behind the end of its line that end, of one behind the last line the last end."""
    start, end = 0, len(source)
    ends = LINE_END.finditer(source)
    for _ in range(place.line):
        match = next(ends, None)
        if match is None:
            return len(source)
        start = match.end()
    match = next(ends, None)
    line = source[start : match.start() if match is not None else end]
    units = min(place.character, codec.client_num_units(line))
    return start + codec.position_from_client_units([line], types.Position(0, units)).character
