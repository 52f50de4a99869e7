"""The scripts and notebooks that an editor has open, as greenlint reads them, and edits on the way back."""

from __future__ import annotations

import difflib
import io
import json
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from lsprotocol import types
from pygls import uris
from pygls.workspace import PositionCodec, Workspace

from greenlint.batch import Examined
from greenlint.line_ends import lines_with_ends
from greenlint.notebook_json import stored_sources
from greenlint.results import FileResult

__all__ = ["Course", "Opened", "Outcome", "folders_of", "key_of", "lines_in", "path_of"]


class Course(NamedTuple):
    """How a check went, for those who wonder."""

    waited: float = 0.0
    """Seconds until its turn came."""
    seconds: float = 0.0
    """How long it took."""
    configuration: str = ""
    """What decided how the document is checked."""
    failure: str = ""
    """The traceback of a defect of greenlint itself."""


class Outcome(NamedTuple):
    """What came of checking a document."""

    data: bytes
    """What was checked."""
    examined: Examined
    error: str | None = None
    """Why it could not be checked."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the configuration, though it works."""
    pages: Mapping[str, str | None] = {}
    """Where the pages of the rules that spoke can be opened."""
    course: Course = Course()

    @property
    def result(self) -> FileResult:
        """What was found."""
        return self.examined.result


@dataclass(slots=True)
class Opened:
    """A script, or a notebook with all its cells.

    A notebook is handed to the engine as the JSON that it would be stored as, so that magics, cells and fixes mean the
    same as on disk.
    """

    uri: str
    is_notebook: bool
    path: str
    outcome: Outcome | None = None
    result_id: str = ""
    pushed: set[str] = field(default_factory=set)
    """The URIs that diagnostics were published for."""
    latest: tuple[int, Outcome | None] = (0, None)
    """What the thread that checks has found last, and the state of the server that it was asked in."""
    due: str = "opened"
    """Why it is to be checked when it has no outcome."""
    configuration: str = ""
    """What the editor was told of :attr:`Course.configuration`."""

    @classmethod
    def of(cls, workspace: Workspace, uri: str) -> Opened | None:
        """The script or notebook that a URI, of a cell too, belongs to; ``None`` for what is no Python."""
        key = key_of(uri)
        for notebook in workspace.notebook_documents.values():
            if key in (key_of(notebook.uri), *(key_of(cell.document) for cell in notebook.cells)):
                return cls(notebook.uri, True, path_of(notebook.uri, ".ipynb", _home(workspace)))
        document = workspace.text_documents.get(key)
        if document is None:
            return None
        # JupyterLab's extension sends the cells of a notebook as one script whose name ends like a notebook's.
        language = document.language_id
        is_python = language in ("python", None, "") or uri.endswith((".py", ".pyi"))
        return cls(uri, False, path_of(uri, ".py", _home(workspace))) if is_python else None

    @property
    def key(self) -> str:
        """What its URI is known by."""
        return key_of(self.uri)

    @property
    def name(self) -> str:
        """What it is called where people read it: its path, where it is a file."""
        return self.path if self.uri.startswith("file:") else self.uri

    def uris(self, workspace: Workspace) -> list[str]:
        """The text documents that it consists of: of a notebook its code cells."""
        return [uri for uri in self.cells(workspace) if uri is not None]

    def data(self, workspace: Workspace) -> bytes:
        """The content as it would be stored."""
        if not self.is_notebook:
            text = self._text(workspace)
            return text.encode(_encoding(text))
        cells: list[dict[str, object]] = [
            {
                "cell_type": "code" if uri is not None else "markdown",
                "metadata": {},
                "source": _encodable(workspace.get_text_document(uri).source) if uri is not None else "",
                **({"execution_count": None, "outputs": []} if uri is not None else {}),
            }
            for uri in self.cells(workspace)
        ]
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(content, ensure_ascii=False).encode()

    def text(self, workspace: Workspace) -> str | None:
        """The text that other files would import; ``None`` for a notebook."""
        return None if self.is_notebook else self._text(workspace)

    def _text(self, workspace: Workspace) -> str:
        return _encodable(workspace.get_text_document(self.uri).source)

    def uri_of(self, workspace: Workspace, cell: int | None) -> str | None:
        """The text document of a cell, counted from 1 over all kinds; of a script its own."""
        if not self.is_notebook:
            return self.uri
        cells = self.cells(workspace)
        return cells[cell - 1] if cell is not None and 0 < cell <= len(cells) else None

    def edits_to(self, workspace: Workspace, after: bytes) -> dict[str, list[types.TextEdit]]:
        """The edits, by text document, that make the stored content ``after`` of what there is now."""
        if not self.is_notebook:
            changed = {self.uri: after.decode(_encoding(self._text(workspace)))}
        else:
            sources = stored_sources(after.decode())
            cells = enumerate(self.cells(workspace), start=1)
            changed = {uri: sources[number].text for number, uri in cells if uri is not None and number in sources}
        codec = workspace.position_codec
        found = {
            uri: list(_text_edits(workspace.get_text_document(uri).source, text, codec))
            for uri, text in changed.items()
        }
        return {uri: edits for uri, edits in found.items() if edits}

    def cells(self, workspace: Workspace) -> list[str | None]:
        """The documents of all cells in their order; ``None`` for those that hold no code."""
        if not self.is_notebook:
            return [self.uri]
        notebook = workspace.notebook_documents.get(key_of(self.uri))
        return [
            cell.document
            if cell.kind == types.NotebookCellKind.Code and key_of(cell.document) in workspace.text_documents
            else None
            for cell in (notebook.cells if notebook is not None else ())
        ]


def key_of(uri: str) -> str:
    """What all spellings of a URI have in common: editors escape more or less of it. pygls keeps documents under it."""
    return unquote(uri)


def lines_in(workspace: Workspace, uri: str) -> list[str]:
    """The lines of a text document with their ends; none of one that is not open, or a cell that is gone."""
    if key_of(uri) not in workspace.text_documents:
        return []
    return list(lines_with_ends(workspace.get_text_document(uri).source))


def folders_of(workspace: Workspace) -> list[Path]:
    """The folders of the workspace, which old editors tell as one root."""
    named = list(workspace.folders) or ([workspace.root_uri] if workspace.root_uri is not None else [])
    return [Path(path) for each in named if (path := uris.to_fs_path(each))]


def _home(workspace: Workspace) -> Path:
    """Where documents that are no files are taken to lie."""
    return next(iter(folders_of(workspace)), Path.cwd())


def path_of(uri: str, suffix: str, home: Path) -> str:
    """The absolute path behind a URI; a document that is no file gets a name of its own in ``home``."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    if path is None:
        name = "".join(letter if letter.isalnum() else "_" for letter in uri.rpartition("/")[2]) or "untitled"
        path = str(home / f"{name}{suffix}")
    return path if Path(path).suffix in (".py", ".pyi", ".ipynb") and _ends_alike(path, suffix) else f"{path}{suffix}"


def _ends_alike(path: str, suffix: str) -> bool:
    return (Path(path).suffix == ".ipynb") == (suffix == ".ipynb")


def _encodable(text: str) -> str:
    """Half a surrogate pair, which an editor may hold for a moment, is no text."""
    return text.encode("utf-8", "replace").decode()


def _encoding(text: str) -> str:
    """What a script would be stored in: the encoding it declares, where that has letters for it, else UTF-8."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        text.encode(encoding)
    except (SyntaxError, LookupError, UnicodeError):
        return "utf-8"
    # The mark at the beginning, where there is one, is part of the text.
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _text_edits(before: str, after: str, codec: PositionCodec) -> Iterator[types.TextEdit]:
    """Edits of whole lines, as few as there are places that change."""
    old, new = list(lines_with_ends(before)), list(lines_with_ends(after))
    for kind, first, last, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield types.TextEdit(_lines(old, first, last, codec), "".join(new[start:end]))


def _lines(lines: Sequence[str], first: int, last: int, codec: PositionCodec) -> types.Range:
    return types.Range(_start(lines, first, codec), _start(lines, last, codec))


def _start(lines: Sequence[str], number: int, codec: PositionCodec) -> types.Position:
    """The start of a line; behind a last line without an end there is none, so the end of that."""
    if number < len(lines) or not lines or lines[-1].endswith(("\n", "\r")):
        return types.Position(number, 0)
    return types.Position(number - 1, codec.client_num_units(lines[-1]))
