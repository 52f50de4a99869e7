"""Notebooks: one text made of the code cells, with a map back to cells and to lines of the stored JSON."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from greenlint.line_ends import lines_of
from greenlint.notebook_json import stored_sources

__all__ = ["BrokenCell", "CellMap", "Notebook", "NotebookError", "Skipped", "read_notebook"]


class NotebookError(Exception):
    """Not a notebook, or not JSON; ``line`` is the line of the JSON text, when known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Skipped:
    """A notebook that is not looked at, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell that does not parse on its own; the other cells are analysed."""

    cell: int
    line: int
    message: str


@dataclass(slots=True)
class CellMap:
    """Which lines of the joined text belong to which cell. Cells and lines count from 1, cells over all kinds."""

    starts: list[tuple[int, int, int]]
    """(first line of the joined text, cell, number of lines) of each code cell."""
    raw: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables set by ``%env``."""
    magics: Mapping[int, str] = field(default_factory=dict)
    """Lines as the cell has them where the joined text says the same in Python."""
    timed: frozenset[int] = frozenset()
    """Cells under ``%%time`` or ``%%timeit``."""
    indents: Mapping[int, str] = field(default_factory=dict)
    """What lines of the joined text lack in front, where IPython runs an indented cell as if it were not."""
    ids: Mapping[int, str] = field(default_factory=dict)
    """The ids of code cells that have one, as those of nbformat 4.5 do."""
    _physical: dict[int, list[int]] | None = field(default=None, repr=False)

    def locate(self, line: int) -> tuple[int, int]:
        """The cell and the line in it for a line of the joined text."""
        first, cell, count = self._entry(line)
        return cell, min(line - first + 1, max(count, 1))

    def physical(self, line: int) -> int:
        """The line of the stored JSON that holds a line of the joined text."""
        return self.physical_in(*self.locate(line))

    def physical_in(self, cell: int, within: int) -> int:
        """The line of the stored JSON that holds a line of a cell."""
        if self._physical is None:
            self._physical = {cell: source.lines for cell, source in stored_sources(self.raw).items()}
        lines = self._physical.get(cell)
        return lines[min(within, len(lines)) - 1] if lines else 1

    @property
    def written(self) -> str:
        """The code of all cells as it is written, with magics and with what does not parse."""
        stored = stored_sources(self.raw)
        return "\n".join(stored[cell].text for _, cell, _ in self.starts if cell in stored)

    def outputs(self, cell: int) -> str:
        """The text that stands in the stored outputs of a cell."""
        try:
            stored = json.loads(self.raw)["cells"][cell - 1].get("outputs", ())
            parts = [
                part for each in stored for part in (each.get("text", ""), each.get("data", {}).get("text/plain", ""))
            ]
            return "\n".join(part if isinstance(part, str) else "".join(part) for part in parts)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return ""

    def _entry(self, line: int) -> tuple[int, int, int]:
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            if self.starts[middle][0] <= line:
                low = middle
            else:
                high = middle
        return self.starts[low] if self.starts else (1, 1, 1)


@dataclass(frozen=True, slots=True)
class Notebook:
    """The joined text of a notebook."""

    text: str
    cells: CellMap
    broken: tuple[BrokenCell, ...] = ()


def read_notebook(raw: str) -> Notebook | Skipped:
    """The code of a notebook of format 3 or 4; :class:`NotebookError` when it is none."""
    content = _parsed(raw)
    language = _language(content)
    if language not in ("python", "python3", "python2", "ipython", "pyspark"):
        return Skipped(f"the notebook's kernel language is {language}, not Python")
    joiner = _Joiner(raw)
    for number, cell in enumerate(_cells(content), start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            joiner.add(number, _source(cell), cell.get("id"))
    return joiner.notebook()


def _parsed(raw: str) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except json.JSONDecodeError as error:
        raise NotebookError(f"not a notebook: {error.msg.lower()}", error.lineno) from None
    except RecursionError:
        raise NotebookError("not a notebook: nested too deeply") from None
    if not isinstance(content, dict) or not isinstance(content.get("cells", content.get("worksheets")), list):
        raise NotebookError("not a notebook: it has no list of cells", 1)
    return content


def _language(content: dict[str, Any]) -> str:
    metadata = content.get("metadata")
    if not isinstance(metadata, dict):
        return "python"
    for key, field_name in (("kernelspec", "language"), ("language_info", "name")):
        part = metadata.get(key)
        named = part.get(field_name) if isinstance(part, dict) else None
        if isinstance(named, str) and named:
            return named.lower()
    return "python"


def _cells(content: dict[str, Any]) -> list[Any]:
    if isinstance(content.get("cells"), list):
        return list(content["cells"])
    return [
        cell
        for sheet in content["worksheets"]
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"]
    ]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        return "".join(each for each in source if isinstance(each, str))
    return source if isinstance(source, str) else ""


# -- magics ----------------------------------------------------------------------------------------------------

_PYTHON_CELL_MAGICS = frozenset("time timeit capture prun debug python python3 pypy mprun memit lprun".split())
_MAGIC = re.compile(r"^(\s*)(%{1,2}[ \t]*[A-Za-z_]|!|\?|,[A-Za-z_]|;[A-Za-z_]|/[A-Za-z_]+\s*$)")
_HELP = re.compile(r"^\s*[A-Za-z_*][\w.\[\]*]*\?{1,2}\s*$")
_ASSIGNED = re.compile(r"^(\s*)([A-Za-z_][\w, ]*?)(\s*=\s*)([!%])(?=\S)")
_AUTOMAGIC = re.compile(r"^\s*(?:pip3? (?:install|uninstall|list|freeze)|conda install|apt(?:-get)? install)\b")
_ENV = re.compile(r"^\s*%(?:env|set_env)\s+(\w+)(?:\s*=\s*(\S*)|\s+(\S+))")


class _Joiner:
    """Joins cells whose magics are blanked and whose errors are set aside."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._lines: list[str] = []
        self._starts: list[tuple[int, int, int]] = []
        self._environment: dict[str, str] = {}
        self._magics: dict[int, str] = {}
        self._timed: set[int] = set()
        self._indents: dict[int, str] = {}
        self._ids: dict[int, str] = {}
        self._broken: list[BrokenCell] = []

    def add(self, number: int, source: str, name: object = None) -> None:
        """Take in a code cell; ``name`` is what it has for an id."""
        if isinstance(name, str) and name:
            self._ids[number] = name
        lines = lines_of(source)
        self._starts.append((len(self._lines) + 1, number, len(lines)))
        plain = self._flush(self._plain(number, lines))
        error = _error("\n".join(plain) + "\n")
        if error is not None:
            self._broken.append(BrokenCell(number, error[0], error[1]))
            plain = [""] * len(lines)
        for line, (written, python) in enumerate(zip(lines, plain, strict=True), start=len(self._lines) + 1):
            if _SETS_VARIABLE in python and _SETS_VARIABLE not in written:
                self._magics[line] = written
        self._lines.extend(plain)

    def _flush(self, lines: list[str]) -> list[str]:
        """The lines of a cell without the indentation of the first, as IPython runs them."""
        first = next((line for line in lines if line.strip()), "")
        indent = first[: len(first) - len(first.lstrip(" \t"))]
        if not indent:
            return lines
        for number, line in enumerate(lines, start=len(self._lines) + 1):
            if line.startswith(indent):
                self._indents[number] = indent
        return [line.removeprefix(indent) for line in lines]

    def _plain(self, number: int, lines: list[str]) -> list[str]:
        first = next((index for index, line in enumerate(lines) if line.strip()), None)
        if first is not None and lines[first].startswith("%%"):
            words = lines[first][2:].split()
            name = words[0] if words else ""
            if name in ("time", "timeit"):
                self._timed.add(number)
            if name not in _PYTHON_CELL_MAGICS:
                return [""] * len(lines)
            lines = [*lines[:first], "", *lines[first + 1 :]]
        for line in lines:
            match = _ENV.match(line)
            if match:
                self._environment[match.group(1)] = match.group(2) or match.group(3) or ""
        if any(_needs_blanking(line) for line in lines):
            return list(_without_magics(lines))
        return lines

    def notebook(self) -> Notebook:
        cells = CellMap(
            self._starts,
            self._raw,
            environment=self._environment,
            magics=self._magics,
            timed=frozenset(self._timed),
            indents=self._indents,
            ids=self._ids,
        )
        text = "\n".join(self._lines)
        return Notebook(text + "\n" if text else "", cells, tuple(self._broken))


_SETS_VARIABLE = "import os; os.environ["


def _variable(line: str) -> str | None:
    """What ``%env NAME=value`` does, in Python; ``None`` where IPython would fill the value in."""
    match = _ENV.match(line)
    if match is None:
        return None
    value = match.group(2) or match.group(3) or ""
    return None if set(value) & set("${}") else f"{_SETS_VARIABLE}{match.group(1)!r}] = {value!r}"


def _needs_blanking(line: str) -> bool:
    return bool(_MAGIC.match(line) or _HELP.match(line) or _ASSIGNED.match(line) or _AUTOMAGIC.match(line))


def _without_magics(lines: list[str]) -> Iterator[str]:
    """The lines with magics replaced by nothing, by ``pass`` in a block, or by ``None`` after ``=``.

    ``%env`` becomes the assignment that it is.

    A line inside a string or brackets, or behind a backslash, is no magic.
    """
    depth, quote, continued = 0, "", False
    begun, unfinished = False, False
    for line in lines:
        at_start = depth == 0 and not quote and not unfinished
        if continued:
            continued = line.rstrip().endswith("\\")
            yield ""
            continue
        if at_start and _needs_blanking(line):
            continued = line.rstrip().endswith("\\")
            assigned = _ASSIGNED.match(line)
            indent = line[: len(line) - len(line.lstrip())]
            variable = _variable(line)
            if variable is not None and (begun or not indent):
                yield f"{indent}{variable}"
                begun = True
            elif assigned:
                yield f"{assigned.group(1)}{assigned.group(2)}{assigned.group(3)}None"
            else:
                # Before the first statement there is no block, whatever stands before the magic.
                yield f"{indent}pass" if indent and begun else ""
            continue
        depth, quote = _state(line, depth, quote)
        begun = begun or line.strip()[:1] not in ("", "#")
        unfinished = line.endswith("\\") and "#" not in line
        yield line


_PIECE = re.compile(r"'''|\"\"\"|'|\"|#|[\[({]|[\])}]|\\.", re.DOTALL)


def _state(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Bracket depth and open triple quote after ``line``."""
    for match in _PIECE.finditer(line):
        piece = match.group()
        if quote:
            if piece == quote:
                quote = ""
        elif piece in ("'", '"', "'''", '"""'):
            quote = piece
        elif piece == "#":
            break
        elif piece in "[({":
            depth += 1
        elif piece in "])}":
            depth = max(0, depth - 1)
    return depth, quote if len(quote) == 3 else ""


def _error(text: str) -> tuple[int, str] | None:
    """Line and message of what keeps a cell from parsing."""
    try:
        compile(text, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (ValueError, MemoryError, RecursionError) as error:
        return 1, str(error) or type(error).__name__
    return None
