"""A source text and its tree: the unit that facts, rules and edits work on."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import libcst as cst
from libcst._nodes.internal import CodegenState

from greenlint.finding import Span
from greenlint.line_ends import LINE_END
from greenlint.shape import Shape, shape_of

if TYPE_CHECKING:
    from greenlint.notebook import CellMap
    from greenlint.outline import Outline
    from greenlint.passage import Passage

__all__ = ["Document", "Part", "Piece", "Position", "exchanged", "place"]

N = TypeVar("N", bound=cst.CSTNode)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Position:
    """A place as users count: ``line`` and ``column`` from 1 (code points), ``cell`` from 1 or ``None`` in a script."""

    line: int
    column: int
    cell: int | None = None


class Bounds(NamedTuple):
    """A statement within another: its text with the lines above it, and its nodes among those of the part."""

    start: int
    end: int
    first: int
    behind: int

    def moved(self, by: int, nodes: int) -> Bounds:
        """The same ``by`` characters and so many nodes further on."""
        return Bounds(self.start + by, self.end + by, self.first + nodes, self.behind + nodes)


class Placed:
    """The nodes of a part in the order in which they end, and where each stands."""

    def __init__(self) -> None:
        self.nodes: list[cst.CSTNode] = []
        # By id(): to hash nodes runs code of libcst's own each time.
        self.spans: dict[int, tuple[int, int]] = {}
        """Start and end of each, by its ``id()``."""
        self.bounds: dict[int, Bounds] = {}
        """Those of each statement, by its ``id()``."""

    def with_statements(
        self,
        old: Sequence[cst.CSTNode],
        new: Sequence[cst.CSTNode],
        written: Placed,
        around: Mapping[int, cst.CSTNode],
    ) -> Placed:
        """See :meth:`Part.with_statements`."""
        first, behind = self.bounds[id(old[0])].first, self.bounds[id(old[-1])].behind
        (_, end), (_, new_end) = self.spans[id(old[-1])], written.spans[id(new[-1])]
        moved = written.bounds[id(new[-1])].end - self.bounds[id(old[-1])].end
        further = len(written.nodes) - (behind - first)
        placed = Placed()
        after = self.nodes[behind:]
        placed.nodes = [*self.nodes[:first], *written.nodes, *(around.get(id(each), each) for each in after)]
        placed.spans = self.spans.copy()
        for each in self.nodes[first:behind]:
            del placed.spans[id(each)]
        placed.spans.update(written.spans)
        for key in map(id, after) if moved else ():
            start, stop = self.spans[key]
            placed.spans[key] = start + moved, stop + moved
        for key, held in around.items():
            del placed.spans[key]
            start, stop = self.spans[key]
            placed.spans[id(held)] = start, new_end if stop == end else stop + moved
        for key, bounds in self.bounds.items():
            if bounds.first >= behind:
                placed.bounds[key] = bounds.moved(moved, further)
            elif key in around:
                grown = Bounds(bounds.start, bounds.end + moved, bounds.first, bounds.behind + further)
                placed.bounds[id(around[key])] = grown
            elif bounds.behind <= first:
                placed.bounds[key] = bounds
        placed.bounds |= {
            key: Bounds(each.start, each.end, each.first + first, each.behind + first)
            for key, each in written.bounds.items()
        }
        return placed


class Part:
    """A line or statement at the top of a module, and what it alone tells: edits elsewhere leave it as it is."""

    def __init__(self, node: cst.CSTNode) -> None:
        self.node = node
        self.placed = Placed()
        """Where its nodes stood when it was first placed."""
        self.outline: Outline | None = None
        """What the gates know of it, where the module was read by statements."""
        self.passage: Passage | None = None
        """What its text shows, then."""
        self.kept: dict[type, object] = {}
        """What facts about the module have left with it for those about the next version, by its type."""

    @functools.cached_property
    def shape(self) -> Shape:
        """Its nodes that hold code."""
        return shape_of(self.node)

    def with_statements(
        self, old: Sequence[cst.CSTNode], new: Sequence[cst.CSTNode], written: Placed, around: Mapping[int, cst.CSTNode]
    ) -> Part:
        """The same with ``new`` statements, which are ``written``, for the ``old`` ones that follow each other.

        ``around`` are the nodes that hold them and so are new as well, by the ``id()`` of those in their places.
        """
        part = Part(around[id(self.node)])
        part.placed = self.placed.with_statements(old, new, written, around)
        if "shape" in vars(self):
            part.shape = self.shape.with_statements(old, new, around)
        return part

    def of_type(self, kind: type[cst.CSTNode]) -> Sequence[cst.CSTNode]:
        """Its nodes of this exact type, those of layout and comments included."""
        return self._types.get(kind, ())

    @functools.cached_property
    def _types(self) -> dict[type[cst.CSTNode], list[cst.CSTNode]]:
        types: dict[type[cst.CSTNode], list[cst.CSTNode]] = {}
        for node in self.placed.nodes:
            types.setdefault(type(node), []).append(node)
        return types

    @functools.cached_property
    def bound(self) -> Counter[str]:
        """The names that anything but an import without ``as`` gives a meaning, with the number of places."""
        return Counter(self._all_bound())

    def _all_bound(self) -> Iterator[str]:
        for kind in (cst.FunctionDef, cst.ClassDef, cst.Param):
            for each in self.of_type(kind):
                yield cast("cst.FunctionDef | cst.ClassDef | cst.Param", each).name.value
        for target in (cst.AssignTarget, cst.AnnAssign, cst.For, cst.CompFor, cst.NamedExpr):
            for each in self.of_type(target):
                yield from _bound_in(cast("cst.AssignTarget | cst.For", each).target)
        for each in self.of_type(cst.AsName):
            yield from _bound_in(cast("cst.AsName", each).name)


class Piece(NamedTuple):
    """Where a part of a module stands, with the lines above it."""

    part: Part
    start: int
    end: int
    shift: int = 0
    """How many characters further on than where it was first placed."""

    @property
    def node(self) -> cst.CSTNode:
        """The line or statement."""
        return self.part.node

    def moved(self, by: int) -> Piece:
        """The same ``by`` characters further on."""
        return Piece(self.part, self.start + by, self.end + by, self.shift + by) if by else self

    def span(self, node: cst.CSTNode) -> Span:
        """The range of a node in it."""
        start, end = self.part.placed.spans[id(node)]
        return Span(start + self.shift, end + self.shift)


class _Spans(Mapping[cst.CSTNode, Span]):
    """The ranges of all nodes of a module, each looked up in its piece: an edit moves pieces, not nodes."""

    def __init__(self, tree: cst.Module, pieces: Sequence[Piece], where: dict[int, Part]) -> None:
        self._tree = tree
        self._pieces = {piece.part: piece for piece in pieces}
        self._end = pieces[-1].end if pieces else 0
        self.where = where
        """The part of each node, by its ``id()``."""

    def __getitem__(self, node: cst.CSTNode) -> Span:
        part = self.where.get(id(node))
        if part is not None:
            return self._pieces[part].span(node)
        if node is self._tree:
            return Span(0, self._end)
        raise KeyError(node)

    def __contains__(self, node: object) -> bool:
        return id(node) in self.where or node is self._tree

    def __iter__(self) -> Iterator[cst.CSTNode]:
        for part in self._pieces:
            yield from part.placed.nodes
        yield self._tree

    def __len__(self) -> int:
        return len(self.where) + 1


@dataclass(slots=True, eq=False)
class Document:
    """A parsed file.

    ``text`` is what ``tree`` renders to; offsets count its code points. In a notebook it is the code cells joined,
    with ``cells`` leading back to each of them. ``path`` is POSIX, relative to the project where possible.
    """

    path: str
    text: str
    tree: cst.Module
    cells: CellMap | None = None
    encoding: str = "utf-8"
    _placed: Sequence[Piece] | None = field(default=None, repr=False)
    _parts: Sequence[Part] | None = field(default=None, repr=False)
    _index: dict[int, tuple[Part, int]] | None = field(default=None, repr=False)
    _spans: _Spans | None = field(default=None, repr=False)
    _lines: list[int] | None = field(default=None, repr=False)
    _types: dict[type[cst.CSTNode], list[cst.CSTNode]] = field(default_factory=dict, repr=False)
    _named: dict[str, list[cst.Name]] = field(default_factory=dict, repr=False)
    _importing: Sequence[cst.BaseStatement] | None = field(default=None, repr=False)
    _bound: Counter[str] | None = field(default=None, repr=False)
    _rendered: dict[int, tuple[cst.CSTNode, str]] = field(default_factory=dict, repr=False)

    @property
    def is_notebook(self) -> bool:
        """Whether the text stems from a notebook."""
        return self.cells is not None

    def span(self, node: cst.CSTNode) -> Span:
        """The range of ``node`` without surrounding white space and comments."""
        return self.spans[node]

    @property
    def spans(self) -> Mapping[cst.CSTNode, Span]:
        """The range of every node, those of layout and comments included."""
        if self._spans is None:
            where: dict[int, Part] = {}
            _add_nodes(where, (piece.part for piece in self.pieces))
            self._spans = _Spans(self.tree, self.pieces, where)
        return self._spans

    @property
    def parts(self) -> Sequence[Part]:
        """The statements at the top of the module, in order."""
        if self._parts is None:
            self._parts = [*map(Part, self.tree.body)]
        return self._parts

    @property
    def pieces(self) -> Sequence[Piece]:
        """What stands at the top of the module, comments at its start and end included, in order."""
        if self._placed is None:
            self._placed = place((*map(Part, self.tree.header), *self.parts, *map(Part, self.tree.footer)), self.tree)
        return self._placed

    @property
    def statements(self) -> Sequence[Piece]:
        """Of these the statements."""
        first = len(self.tree.header)
        return self.pieces[first : first + len(self.tree.body)]

    @property
    def index(self) -> Mapping[int, tuple[Part, int]]:
        """The statement that each node that holds code is in, and its rank in the shape of that, by its ``id()``."""
        if self._index is None:
            self._index = {}
            _add_ranks(self._index, self.parts)
        return self._index

    def edited(self, text: str, tree: cst.Module, placed: Sequence[Piece]) -> Document:
        """The same file with another text, of which some parts, as ``placed``, are those of this one."""
        document = Document(self.path, text, tree, encoding=self.encoding, _placed=placed)
        document._parts = [piece.part for piece in document.statements]
        if self._index is not None:
            gone, new = _differing(self.parts, document._parts)
            document._index = self._index.copy()
            _add_ranks(document._index, new)
            _drop(document._index, gone, new, lambda part: map(id, part.shape.nodes))
        if self._spans is not None:
            gone, new = _differing([each.part for each in self.pieces], [each.part for each in placed])
            where = self._spans.where.copy()
            _add_nodes(where, new)
            _drop(where, gone, new, lambda part: part.placed.spans)
            document._spans = _Spans(tree, placed, where)
        return document

    def of_type(self, *types: type[N]) -> list[N]:
        """All nodes of these exact types, those of layout and comments included, in the order of :attr:`spans`."""
        found: list[N] = []
        for kind in types:
            known = self._types.get(kind)
            if known is None:
                known = self._types[kind] = [node for piece in self.pieces for node in piece.part.of_type(kind)]
            found.extend(cast("list[N]", known))
        return found

    def named(self, name: str) -> Sequence[cst.Name]:
        """The places that write a name, attributes and keywords included, in source order."""
        known = self._named.get(name)
        if known is None:
            known = self._named[name] = [node for part in self.parts for node in part.shape.named(name)]
        return known

    @property
    def importing(self) -> Sequence[cst.BaseStatement]:
        """The lines at the top of the module that import something, and its `try` statements, in order."""
        if self._importing is None:
            self._importing = [*filter(_may_import, self.tree.body)]
        return self._importing

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node above one that holds code, ``None`` for the module."""
        found = self.index.get(id(node))
        if found is None:
            return None
        part, rank = found
        above = part.shape.above[rank]
        return part.shape.nodes[above] if above >= 0 else self.tree

    @property
    def bound(self) -> Counter[str]:
        """The names that anything but an import without ``as`` gives a meaning, with the number of places."""
        if self._bound is None:
            self._bound = Counter()
            for piece in self.pieces:
                self._bound.update(piece.part.bound)
        return self._bound

    def source(self, node: cst.CSTNode) -> str:
        """The code of ``node``, without the comments above it.

        Rendering it alone is far cheaper than placing every node of the file.
        """
        if self._spans is not None:
            span = self.span(node)
            return self.text[span.start : span.end]
        known = self._rendered.get(id(node))
        if known is None:
            above = getattr(node, "leading_lines", None)
            bare = node.with_changes(leading_lines=()) if above else node
            known = self._rendered[id(node)] = node, self.tree.code_for_node(bare).strip()
        return known[1]

    def position(self, offset: int) -> Position:
        """The line and column of ``offset``, within its cell in a notebook."""
        line = self.line(offset)
        column = offset - self._line_starts()[line - 1] + 1
        if self.cells is None:
            return Position(line, column)
        cell, cell_line = self.cells.locate(line)
        if line in self.cells.magics:
            return Position(cell_line, 1, cell)
        return Position(cell_line, column + len(self.cells.indents.get(line, "")), cell)

    def scope(self, offset: int) -> str:
        """The functions and classes around ``offset``, joined by dots."""
        at = bisect.bisect_right(self.pieces, offset, key=lambda piece: piece.start) - 1
        if at < 0:
            return ""
        piece = self.pieces[at]
        named = (
            (piece.span(node), node.name.value)
            for kind in (cst.FunctionDef, cst.ClassDef)
            for node in cast("Sequence[cst.FunctionDef | cst.ClassDef]", piece.part.of_type(kind))
        )
        return ".".join(name for span, name in sorted(named) if span.start < offset < span.end)

    def line(self, offset: int) -> int:
        """The line of ``text`` that holds ``offset``, from 1 (over all cells in a notebook)."""
        return bisect.bisect_right(self._line_starts(), offset)

    def line_span(self, offset: int) -> Span:
        """The line that holds ``offset``, without its end."""
        text = self.text
        start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
        ends = [at for at in (text.find("\n", offset), text.find("\r", offset)) if at >= 0]
        return Span(start, min(ends, default=len(text)))

    def line_as_written(self, offset: int) -> str:
        """The line that holds ``offset``, without its end, as the file or cell has it."""
        span = self.line_span(offset)
        indent = ""
        if self.cells is not None:
            line = self.line(offset)
            if line in self.cells.magics:
                return self.cells.magics[line]
            indent = self.cells.indents.get(line, "")
        return indent + self.text[span.start : span.end]

    def newline_at(self, offset: int) -> str:
        """The line end that stands at ``offset``; empty when none does."""
        if self.text.startswith("\r\n", offset):
            return "\r\n"
        return self.text[offset : offset + 1] if self.text.startswith(("\n", "\r"), offset) else ""

    def same_cell(self, one: int, other: int) -> bool:
        """Whether two offsets lie in the same cell of a notebook; always so in a script."""
        cells = self.cells
        if cells is None:
            return True
        return bool(cells.locate(self.line(one))[0] == cells.locate(self.line(other))[0])

    def whole_lines(self, span: Span) -> Span:
        """The lines ``span`` touches with one line end, but never with one that divides two cells."""
        start, end = self.line_span(span.start).start, self.line_span(span.end).end
        after = end + len(self.newline_at(end))
        # The line end behind the last cell of a notebook is in no cell.
        is_outside = self.is_notebook and after == len(self.text)
        if after > end and not is_outside and self.same_cell(start, after):
            return Span(start, after)
        before = start - (2 if self.text[:start].endswith("\r\n") else min(1, start))
        return Span(before, end) if before < start and self.same_cell(before, start) else Span(start, end)

    def _line_starts(self) -> list[int]:
        if self._lines is None:
            self._lines = [0, *(match.end() for match in LINE_END.finditer(self.text))]
        return self._lines


_STATEMENTS = frozenset((cst.SimpleStatementLine, *cst.BaseCompoundStatement.__subclasses__()))


class _RecordingState(CodegenState):
    """Renders the tree once and notes where each node begins and ends.

    libcst's own position providers cost five times as much, because they keep lines and columns of every token.
    """

    def __init__(self, module: cst.Module, blocks: Iterable[cst.IndentedBlock] = ()) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        for each in blocks:
            self.increase_indent(module.default_indent if each.indent is None else each.indent)
        self.offset = 0
        self.starts: list[int] = []
        self.counts: list[int] = []
        self.placed = Placed()

    def add_indent_tokens(self) -> None:
        self.tokens.extend(self.indent_tokens)
        self.offset += sum(map(len, self.indent_tokens))

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.offset += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.starts.append(self.offset)
        if type(node) in _STATEMENTS:
            self.counts.append(len(self.placed.nodes))

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.starts.pop()
        placed = self.placed
        if id(node) not in placed.spans:
            self.put(node, start, self.offset)
        if type(node) in _STATEMENTS:
            placed.bounds[id(node)] = Bounds(start, self.offset, self.counts.pop(), len(placed.nodes))

    def put(self, node: cst.CSTNode, start: int, end: int) -> None:
        """Note where a node stands."""
        self.placed.nodes.append(node)
        self.placed.spans[id(node)] = start, end

    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Any:
        return _Syntactic(self, node, start_node, end_node)


class _Syntactic:
    """Narrows a node's range to its syntax, leaving out parentheses and white space around it."""

    __slots__ = ("end_node", "node", "start", "start_node", "state")

    def __init__(
        self,
        state: _RecordingState,
        node: cst.CSTNode,
        start_node: cst.CSTNode | None,
        end_node: cst.CSTNode | None,
    ) -> None:
        self.state, self.node, self.start_node, self.end_node = state, node, start_node, end_node

    def __enter__(self) -> None:
        self.start = self.state.offset

    def __exit__(self, *_: object) -> None:
        spans = self.state.placed.spans
        first, last = spans.get(id(self.start_node)), spans.get(id(self.end_node))
        start = first[0] if first is not None else self.start
        end = last[1] if last is not None else self.state.offset
        self.state.put(self.node, start, end)


def place(parts: Iterable[Part], around: cst.Module, at: int = 0) -> list[Piece]:
    """Where new ``parts`` stand when they are written from ``at`` on, in the layout of ``around``."""
    state = _RecordingState(around)
    state.offset = at
    pieces: list[Piece] = []
    for part in parts:
        start, state.placed = state.offset, part.placed
        part.node._codegen(state)
        pieces.append(Piece(part, start, state.offset))
    return pieces


def place_within(
    statements: Iterable[cst.CSTNode], around: cst.Module, blocks: Iterable[cst.IndentedBlock], at: int
) -> Placed:
    """Where the nodes of new ``statements`` stand when they are written from ``at`` on within ``blocks``."""
    state = _RecordingState(around, blocks)
    state.offset = at
    for each in statements:
        each._codegen(state)
    return state.placed


def exchanged(before: Document, after: Document) -> tuple[str, str]:
    """The texts of the statements that only one of two versions of a file has."""
    if set(before.parts).isdisjoint(after.parts):
        return before.text, after.text
    gone, new = map(set, _differing(before.parts, after.parts))
    return _text_of(before, gone), _text_of(after, new)


def _text_of(document: Document, parts: set[Part]) -> str:
    return "".join(document.text[each.start : each.end] for each in document.statements if each.part in parts)


def _drop(
    known: dict[int, T], gone: Iterable[Part], new: Iterable[Part], nodes: Callable[[Part], Iterable[int]]
) -> None:
    """Forget the nodes of parts that are ``gone``, but for those that ``new`` ones share with them."""
    left = set[int]().union(*map(nodes, gone)).difference(*map(nodes, new))
    for each in left:
        del known[each]


def _add_nodes(where: dict[int, Part], parts: Iterable[Part]) -> None:
    for part in parts:
        where.update(dict.fromkeys(part.placed.spans, part))


def _add_ranks(index: dict[int, tuple[Part, int]], parts: Iterable[Part]) -> None:
    for part in parts:
        nodes = part.shape.nodes
        index.update(zip(map(id, nodes), zip(itertools.repeat(part), range(len(nodes))), strict=False))


def _differing(before: Sequence[Part], after: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """The parts that only one of two versions of a module has."""
    here, there = set(before), set(after)
    return [each for each in before if each not in there], [each for each in after if each not in here]


def _may_import(line: cst.CSTNode) -> bool:
    if isinstance(line, cst.SimpleStatementLine):
        return any(isinstance(each, cst.Import | cst.ImportFrom) for each in line.body)
    return isinstance(line, cst.Try)


def _bound_in(target: cst.BaseExpression) -> Iterator[str]:
    """The plain names in the target of an assignment."""
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _bound_in(element.value)
