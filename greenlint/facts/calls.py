"""Calls: what is called, and which value each parameter gets, whichever way it is passed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.names import BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.knowledge.signatures import SIGNATURES

if TYPE_CHECKING:
    from greenlint.facts import Facts
    from greenlint.facts.values import Value

__all__ = ["UNKNOWN", "Argument", "Call", "Calls", "Unknown"]


class Unknown:
    """The type of :data:`UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN = Unknown()
"""A constant that is not known. ``None`` cannot say so, because ``None`` is a value people pass."""


class Argument:
    """What a call gives one parameter: an expression, the default, or something not known."""

    __slots__ = ("default", "facts", "known", "node")

    def __init__(
        self, facts: Facts, node: cst.BaseExpression | None, *, known: bool, default: object = UNKNOWN
    ) -> None:
        self.facts = facts
        self.node = node
        """The expression, ``None`` when it is not written or not known."""
        self.known = known
        """False when it may hide in ``*args``, ``**kwargs`` or a partial that cannot be read."""
        self.default = default

    @property
    def written(self) -> bool:
        """Certainly given."""
        return self.known and self.node is not None

    @property
    def absent(self) -> bool:
        """Certainly not given."""
        return self.known and self.node is None

    @property
    def value(self) -> Value | None:
        """The value of the written expression."""
        if self.node is None:
            return None
        from greenlint.facts.values import Values

        return self.facts[Values].of(self.node)

    @property
    def constant(self) -> object:
        """The written constant, the documented default of an absent argument, or ``UNKNOWN``."""
        if not self.known:
            return UNKNOWN
        if self.node is None:
            return self.default
        value = self.value
        return UNKNOWN if value is None else value.constant

    def __repr__(self) -> str:
        return f"Argument(node={self.node!r}, known={self.known}, default={self.default!r})"


class Call:
    """One call expression."""

    __slots__ = ("_name", "_prebound", "_resolved", "facts", "method", "node")

    def __init__(self, facts: Facts, node: cst.Call) -> None:
        self.facts = facts
        self.node = node
        self.method = _last(node.func)
        """The last identifier of what is called: ``to`` in ``x.to(device)``; an import's own, not its alias."""
        self._resolved = False
        self._name: str | None = None
        self._prebound: cst.Call | None = None
        if type(node.func) is cst.Name and (name := facts[Names].resolve(node.func)) is not None:
            self.method = name.rsplit(".", 1)[-1]

    @property
    def name(self) -> str | None:
        """Canonical dotted name of what is called, through imports, aliases and ``functools.partial``."""
        if not self._resolved:
            self._resolve()
        return self._name

    def _resolve(self) -> None:
        # Few calls are asked for their names, and to follow each would take longer than all else that is done with it.
        self._resolved = True
        names = self.facts[Names]
        self._name = names.resolve(self.node.func)
        if self._name is None:
            self._prebound = _partial(names, self.node.func)
            if self._prebound is not None:
                self._name = names.resolve(self._prebound.args[0].value)

    @property
    def receiver(self) -> cst.BaseExpression | None:
        """``x`` in ``x.method(...)``."""
        func = self.node.func
        return func.value if type(func) is cst.Attribute else None

    @property
    def positional(self) -> list[cst.BaseExpression]:
        """Positional arguments up to the first starred one."""
        return list(_positional(self.node.args))

    def keyword(self, name: str) -> cst.BaseExpression | None:
        """The expression written as ``name=...`` in the call itself."""
        for arg in self.node.args:
            if arg.keyword is not None and arg.keyword.value == name:
                return arg.value
        return None

    @property
    def is_open(self) -> bool:
        """Whether arguments may hide in ``*args`` or in a ``**mapping`` that cannot be read."""
        return any(arg.star == "*" for arg in self.node.args) or any(
            mapping is None or mapping.open for mapping in self._mappings(self.node)
        )

    def argument(self, name: str, position: int | None = None) -> Argument:
        """What the parameter ``name`` gets.

        ``position`` (from 0) is needed only for callables without an entry in the table of signatures.
        """
        signature = SIGNATURES.get(self.name) if self.name is not None else None
        default: object = UNKNOWN
        if signature is not None:
            default = signature.defaults.get(name, UNKNOWN)
            if position is None and name in signature.params and name not in signature.keyword_only:
                position = signature.params.index(name)
        found = self._find(self.node, name, position, default)
        if found.absent and self._prebound is not None:
            shift = None if position is None else position + 1
            return self._find(self._prebound, name, shift, default)
        return found

    def _find(self, node: cst.Call, name: str, position: int | None, default: object) -> Argument:
        for arg in node.args:
            if arg.keyword is not None and arg.keyword.value == name:
                return Argument(self.facts, arg.value, known=True, default=default)
        plain = list(_positional(node.args))
        if position is not None and position < len(plain):
            return Argument(self.facts, plain[position], known=True, default=default)
        if position is not None and any(arg.star == "*" for arg in node.args):
            return Argument(self.facts, None, known=False, default=default)
        for mapping in self._mappings(node):
            if mapping is None:
                return Argument(self.facts, None, known=False, default=default)
            entry = mapping.entries.get(name)
            if entry is not None:
                return Argument(entry.facts, entry.node, known=entry.certain, default=default)
            if mapping.open:
                return Argument(self.facts, None, known=False, default=default)
        return Argument(self.facts, None, known=True, default=default)

    def _mappings(self, node: cst.Call) -> Iterator[MappingValue | None]:
        from greenlint.facts.values import Values

        for arg in node.args:
            if arg.star == "**":
                yield self.facts[Values].mapping(arg.value)

    def __repr__(self) -> str:
        return f"Call({self.name or self.method})"


if TYPE_CHECKING:
    from greenlint.facts.mappings import MappingValue


def _positional(args: Sequence[cst.Arg]) -> Iterator[cst.BaseExpression]:
    for arg in args:
        if arg.star:
            return
        if arg.keyword is None:
            yield arg.value


def _last(func: cst.BaseExpression) -> str:
    if type(func) is cst.Attribute:
        return func.attr.value
    return func.value if type(func) is cst.Name else ""


def _partial(names: Names, func: cst.BaseExpression) -> cst.Call | None:
    """The ``functools.partial(...)`` call that ``func`` was assigned from."""
    if not isinstance(func, cst.Name):
        return None
    bindings = names.reaching(func)
    if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
        return None
    value = bindings[0].value
    if isinstance(value, cst.Call) and value.args and names.resolve(value.func) == "functools.partial":
        return value
    return None


class Calls:
    """All calls of one file, by name."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._nodes: dict[int, Call] = {}
        """By the ``id()`` of the node that each holds: to hash nodes runs code of libcst's own."""
        self._by_last: dict[str, list[cst.Call]] = {}
        names = facts[Names]
        for node in facts[Tree].of_type(cst.Call):
            func = node.func
            if type(func) is cst.Name and func.value in names.renamed:
                for last in _last_names(names, func):
                    self._by_last.setdefault(last, []).append(node)
            else:
                self._by_last.setdefault(_last(func), []).append(node)

    def of(self, node: cst.Call) -> Call:
        """The call at ``node``."""
        call = self._nodes.get(id(node))
        if call is None:
            call = self._nodes[id(node)] = Call(self._facts, node)
        return call

    def named(self, *names: str) -> list[Call]:
        """The calls of these canonical names, in source order; ``"torch.optim.*"`` takes in everything below."""
        tree = self._facts[Tree]
        found: dict[cst.Call, Call] = {}
        for name in names:
            for node in self._candidates(name):
                call = self.of(node)
                if call.name is not None and _matches(call.name, name):
                    found[node] = call
        return sorted(found.values(), key=lambda call: tree.first(call.node))

    def methods(self, *names: str, within: cst.CSTNode | None = None) -> list[Call]:
        """The calls whose last identifier is one of ``names``, whatever they are called on."""
        tree = self._facts[Tree]
        named: list[Sequence[cst.Call]] = [nodes for name in names if (nodes := self._by_last.get(name))]
        if within is not None:
            named = [tree.part(nodes, within) for nodes in named]
        if len(named) == 1:
            return [self.of(node) for node in named[0]]
        return [self.of(node) for node in sorted({node for nodes in named for node in nodes}, key=tree.first)]

    def like(self, pattern: re.Pattern[str]) -> list[Call]:
        """The calls whose last identifier, as written or behind an alias, holds ``pattern``, in source order."""
        found = {node for last, nodes in self._by_last.items() if pattern.search(last) for node in nodes}
        return [self.of(node) for node in sorted(found, key=self._facts[Tree].first)]

    def within(self, node: cst.CSTNode) -> Iterator[Call]:
        """The calls at or below ``node``."""
        for each in self._facts[Tree].below(node, cst.Call):
            yield self.of(each)

    @property
    def all(self) -> Iterator[Call]:
        """Every call of the file."""
        for node in self._facts[Tree].of_type(cst.Call):
            yield self.of(node)

    def _candidates(self, name: str) -> Iterable[cst.Call]:
        last = name.rsplit(".", 1)[-1]
        if last == "*":
            return self._facts[Tree].of_type(cst.Call)
        return self._by_last.get(last, ())


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith(".*") else name == pattern


def _last_names(names: Names, func: cst.Name) -> set[str]:
    """The names that a call may go by: as written, and behind an alias or partial."""
    found = {_last(func)}
    resolved = names.resolve(func)
    if resolved is None:
        partial = _partial(names, func)
        resolved = names.resolve(partial.args[0].value) if partial is not None else None
    if resolved is not None:
        found.add(resolved.rsplit(".", 1)[-1])
    return found
