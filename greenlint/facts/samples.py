"""How much data an expression holds, as far as the code shows it."""

from __future__ import annotations

import enum
import functools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import tables
from greenlint.knowledge.estimators import LARGE_LOADERS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Samples", "Scale"]

_MOST = 400
"""Expressions looked at on the way back to where data comes from."""
_TABLES = (".csv", ".data", ".tsv", ".parquet", ".gz", ".json", ".txt", ".feather", ".zip")
_PART = 5000
"""A slice of at most so many rows is a part of the data."""


class Scale(enum.Enum):
    """How much data there is."""

    TOY = "a toy data set"
    """Comes with a library, or is generated and small: nothing done to it costs much."""
    SMALL = "a small table"
    """A well-known table of fewer than ten thousand rows."""
    PART = "a part of the data"
    """Cut down by a slice, ``head``, ``sample`` or ``nrows``."""


class Samples:
    """Data of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._memo: dict[cst.CSTNode, Scale | None] = {}
        self._trails: dict[cst.CSTNode, _Trail] = {}

    def scale(self, node: cst.BaseExpression) -> Scale | None:
        """How much data an expression holds; ``None``: not known, or much."""
        if node not in self._memo:
            self._memo[node] = self._scale(node)
        return self._memo[node]

    def large(self, node: cst.BaseExpression) -> bool:
        """Whether the code or the outputs of the notebook show that an expression holds ten thousand rows or more."""
        if self.scale(node) is not None:
            return False
        trail = self._trail(node)
        return trail.many or (trail.read and (self._most_shown >= tables.FEW_ROWS or self.large_table))

    def likely_large(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is made from data that are read where care is taken of memory, so that it is large."""
        return self.large(node) or (
            self.read(node) and tables.LARGE_SIGNS.search(self._facts[Frameworks].code) is not None
        )

    @functools.cached_property
    def large_table(self) -> bool:
        """Whether the columns or files that this module names belong to a well-known large table."""
        names = self._words
        if any(len(columns & names) >= enough for columns, enough in tables.LARGE_COLUMNS):
            return True
        return any(tables.LARGE_NAMES.search(each) for each in names if "/" in each or each.endswith(_TABLES))

    def read(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is made from data that are read from files, and may be many."""
        return self.scale(node) is None and self._trail(node).read

    def through(self, node: cst.BaseExpression) -> Sequence[Call]:
        """The calls that an expression is made by, nearest first, back to where its data are read."""
        return self._trail(node).calls

    def _trail(self, node: cst.BaseExpression) -> _Trail:
        trail = self._trails.get(node)
        if trail is None:
            trail = self._trails[node] = _Trail()
            trail.follow(self._facts, node)
        return trail

    def _scale(self, node: cst.BaseExpression) -> Scale | None:
        trail = self._trail(node)
        if trail.toy and not trail.real and not trail.small:
            return Scale.TOY
        if trail.small or self.small_table or self._shown_small:
            return Scale.SMALL
        return Scale.PART if trail.part else None

    @functools.cached_property
    def small_table(self) -> bool:
        """Whether the columns or files that this module names belong to a well-known small table, and none is large."""
        names = self._words
        if any(len(columns & names) >= enough for columns, enough in tables.SMALL_COLUMNS):
            return True
        read = [each for each in names if each.endswith((".csv", ".data", ".xlsx", ".tsv"))]
        return bool(read) and all(tables.SMALL_NAMES.search(each) for each in read)

    @functools.cached_property
    def _shown_small(self) -> bool:
        """Whether every table whose size stands in the outputs of a notebook is small."""
        return 0 < self._most_shown < tables.FEW_ROWS

    @functools.cached_property
    def _most_shown(self) -> int:
        """The rows of the largest table whose size stands in the outputs of a notebook."""
        raw = self._facts.sources.read(self._facts.document.path) if self._facts.document.is_notebook else None
        rows = [int(one or other) for one, other in tables.SHOWN_ROWS.findall(raw)] if raw is not None else []
        return max(rows, default=0)

    @functools.cached_property
    def _words(self) -> frozenset[str]:
        tree, values = self._facts[Tree], self._facts[Values]
        texts = (values.constant(each) for each in tree.of_type(cst.SimpleString))
        found = {each for each in texts if isinstance(each, str)}
        return frozenset(found | {each.attr.value for each in tree.of_type(cst.Attribute)})


class _Trail:
    """One walk from an expression back to the calls that made its data."""

    def __init__(self) -> None:
        self._seen: set[cst.CSTNode] = set()
        self.toy = self.real = self.small = self.part = False
        self.many = self.read = False
        self.calls: list[Call] = []

    def follow(self, facts: Facts, node: cst.BaseExpression) -> None:
        """Look at everything that ``node`` is made from."""
        queue: deque[tuple[Facts, cst.BaseExpression]] = deque([(facts, node)])
        while queue and len(self._seen) < _MOST:
            owner, each = queue.popleft()
            if each not in self._seen:
                self._seen.add(each)
                queue.extend(self._sources(owner, each))

    def _sources(self, facts: Facts, node: cst.BaseExpression) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        if isinstance(node, cst.Name):
            bindings = facts[Names].reaching(node)
            self.part = self.part or tables.CUT_NAMES.search(node.value) is not None
            self.real = self.real or not bindings
            for binding in bindings:
                yield from self._bound(facts, binding)
        elif isinstance(node, cst.Attribute):
            yield from self._member(facts, node)
        elif isinstance(node, cst.Call):
            yield from self._called(facts, facts[Calls].of(node))
        elif isinstance(node, cst.Subscript):
            self.part = self.part or _is_part(facts, node)
            yield facts, node.value
        elif isinstance(node, (cst.Tuple, cst.List)):
            self.toy = self.toy or _is_written_out(node)
            yield from ((facts, each.value) for each in node.elements)
        elif isinstance(node, cst.BinaryOperation):
            yield from ((facts, node.left), (facts, node.right))
        elif isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            yield facts, node.for_in.iter
        elif isinstance(node, cst.IfExp):
            yield from ((facts, node.body), (facts, node.orelse))

    def _bound(self, facts: Facts, binding: Binding) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        function = binding.scope.node
        if binding.kind is BindingKind.PARAMETER and isinstance(function, cst.FunctionDef):
            found = False
            for argument in facts[Values].arguments_for(function, binding.name):
                if argument.node is not None:
                    found = True
                    yield argument.facts, argument.node
            self.real = self.real or not found
        elif binding.value is not None:
            yield facts, binding.value

    def _member(self, facts: Facts, node: cst.Attribute) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        bindings = facts[Values].attribute_bindings(node)
        for owner, binding in bindings:
            yield from self._bound(owner, binding)
        if not bindings and facts[Names].resolve(node) is None:
            yield facts, node.value

    def _called(self, facts: Facts, call: Call) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        name = call.name or ""
        self.calls.append(call)
        if self._loads(facts, call, name):
            return
        self.part = self.part or _keeps_part(facts, call) or tables.CUT_NAMES.search(call.method) is not None
        if call.receiver is not None and not name:
            yield facts, call.receiver
        yield from ((facts, arg.value) for arg in call.node.args[:4] if not _is_seed(arg))
        definition = facts[Values].callee(call.node)
        if definition is None:
            self.real = self.real or (call.receiver is None and not name) or name.split(".")[0] not in _PASSING
        elif isinstance(definition.node, cst.FunctionDef):
            for each in definition.facts[Tree].below(definition.node.body, cst.Return):
                if each.value is not None:
                    yield definition.facts, each.value

    def _loads(self, facts: Facts, call: Call, name: str) -> bool:
        """Note what a call loads; whether it loads anything."""
        if tables.TOY_LOADERS.search(name):
            self.toy = True
        elif tables.MADE.search(name):
            self._make(call)
            self.many = self.many or _is_at_least(call.argument("n_samples", 0).constant, tables.FEW_ROWS)
        elif tables.LOADERS.search(name):
            self._read(facts, call)
        elif tables.RANDOM.search(name):
            self.toy = True
        else:
            return False
        return True

    def _make(self, call: Call) -> None:
        """Note how much data a call generates."""
        count = call.argument("n_samples", 0)
        if not _is_many(call):
            self.toy = True
        elif count.known and _at_most(count.constant, tables.FEW_ROWS):
            self.small = True
        else:
            self.real = True

    def _read(self, facts: Facts, call: Call) -> None:
        path = call.positional[0] if call.positional else None
        text = facts[Values].constant(path) if path is not None else UNKNOWN
        if isinstance(text, str) and tables.SMALL_NAMES.search(text):
            self.small = True
            return
        rows = call.keyword("nrows")
        count = facts[Values].constant(rows) if rows is not None else None
        self.part = self.part or (isinstance(count, int) and count <= _PART)
        self.many = self.many or call.name in LARGE_LOADERS
        self.real = self.read = True


def _is_written_out(node: cst.Tuple | cst.List) -> bool:
    """Whether a table stands in the code: ``[[1, 2], [3, 4]]``."""
    return bool(node.elements) and all(_is_row(each.value) for each in node.elements)


def _is_row(node: cst.BaseExpression) -> bool:
    return isinstance(node, (cst.Tuple, cst.List)) and all(
        isinstance(each.value, (cst.Integer, cst.Float)) for each in node.elements
    )


def _is_seed(arg: cst.Arg) -> bool:
    return arg.keyword is not None and arg.keyword.value in ("random_state", "rng", "seed", "stratify", "groups")


def _is_many(call: Call) -> bool:
    count = call.argument("n_samples", 0)
    return not count.known or (count.node is not None and not _at_most(count.constant, tables.TOY_ROWS))


def _is_at_least(value: object, limit: int) -> bool:
    return isinstance(value, (int, float)) and value >= limit


def _at_most(value: object, limit: int) -> bool:
    return isinstance(value, (int, float)) and value <= limit


def _is_part(facts: Facts, node: cst.Subscript) -> bool:
    """``x[:1000]``, ``df.iloc[:1000, 1:]``: rows up to a small number."""
    part = node.slice[0].slice
    if not isinstance(part, cst.Slice) or part.upper is None:
        return False
    upper = facts[Values].constant(part.upper)
    if not isinstance(upper, int) or upper <= 0:
        return False
    lower = facts[Values].constant(part.lower) if part.lower is not None else 0
    return isinstance(lower, int) and 20 <= upper - lower <= _PART


def _keeps_part(facts: Facts, call: Call) -> bool:
    if call.method not in tables.PARTS or call.receiver is None:
        return False
    written = call.positional[0] if call.positional else call.keyword("n")
    fraction = call.keyword("frac")
    if fraction is not None:
        value = facts[Values].constant(fraction)
        return isinstance(value, (int, float)) and value <= 0.2
    return written is not None and _at_most(facts[Values].constant(written), _PART)


_PASSING = frozenset(
    """numpy pandas polars scipy sklearn builtins functools copy imblearn cudf cupy xgboost lightgbm catboost
    category_encoders""".split()
) | {""}
"""Packages whose functions make nothing of nothing: their results come from their arguments."""
