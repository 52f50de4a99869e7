"""Environment variables that the code sets for itself and for the libraries it imports."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.mappings import Mappings
from greenlint.facts.names import Names, dotted
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Variable", "Variables"]


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """One place that sets an environment variable."""

    name: str
    value: object
    """A string, or ``UNKNOWN``."""
    node: cst.CSTNode
    """The assignment or call."""
    weak: bool = False
    """Whether a value from outside wins: ``setdefault``."""


class Variables:
    """Environment variables set by one file: with ``os.environ``, ``os.putenv``, or ``%env`` in a notebook.

    What ``!export`` sets ends with the shell of its line and is none.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]

    @functools.cached_property
    def all(self) -> tuple[Variable, ...]:
        """Every place, in source order."""
        first = self._facts[Tree].first
        return tuple(sorted([*self._assigned(), *self._called(), *self._merged()], key=lambda each: first(each.node)))

    def named(self, *names: str) -> list[Variable]:
        """The places that set one of these variables."""
        return [each for each in self.all if each.name in names]

    def value(self, name: str) -> object:
        """What all places that set a variable agree on; ``None`` when none does, ``UNKNOWN`` when it is not known."""
        found = {each.value for each in self.named(name)}
        return found.pop() if len(found) == 1 else UNKNOWN if found else None

    def _assigned(self) -> Iterator[Variable]:
        for assign in self._facts[Tree].of_type(cst.Assign):
            for each in assign.targets:
                if isinstance(each.target, cst.Subscript) and self._is_environment(each.target.value):
                    yield from self._set(self._values.index(each.target), assign.value, assign)

    def _called(self) -> Iterator[Variable]:
        for call in self._facts[Calls].methods("setdefault", "putenv", "update"):
            plain = call.positional
            if call.name == "os.putenv" and len(plain) == 2:
                yield from self._set(self._values.constant(plain[0]), plain[1], call.node)
            elif call.receiver is None or not self._is_environment(call.receiver):
                continue
            elif call.method == "update":
                yield from self._updated(call)
            elif len(plain) == 2:
                yield from self._set(self._values.constant(plain[0]), plain[1], call.node, weak=True)

    def _updated(self, call: Call) -> Iterator[Variable]:
        for arg in call.node.args:
            if arg.keyword is not None:
                yield from self._set(arg.keyword.value, arg.value, call.node)
            elif not arg.star:
                yield from self._of_mapping(arg.value, call.node)

    def _merged(self) -> Iterator[Variable]:
        for node in self._facts[Tree].of_type(cst.AugAssign):
            if isinstance(node.operator, cst.BitOrAssign) and self._is_environment(node.target):
                yield from self._of_mapping(node.value, node)

    def _of_mapping(self, written: cst.BaseExpression, node: cst.CSTNode) -> Iterator[Variable]:
        mapping = self._facts[Mappings].of(written)
        for name, entry in mapping.entries.items() if mapping is not None else ():
            value = entry.facts[Values].constant(entry.node) if entry.certain else UNKNOWN
            yield Variable(name, _text(value), node)

    def _set(
        self, name: object, value: cst.BaseExpression, node: cst.CSTNode, *, weak: bool = False
    ) -> Iterator[Variable]:
        if isinstance(name, str):
            yield Variable(name, _text(self._written(value)), node, weak)

    def _written(self, value: cst.BaseExpression) -> object:
        if isinstance(value, cst.Call):
            call = self._facts[Calls].of(value)
            if call.name == "builtins.str" and len(call.positional) == 1:
                constant = self._values.constant(call.positional[0])
                return UNKNOWN if constant is UNKNOWN else str(constant)
        return self._values.constant(value)

    def _is_environment(self, node: cst.CSTNode) -> bool:
        return self._facts[Names].resolve(node) == "os.environ" or dotted(node) == "os.environ"


def _text(value: object) -> object:
    return value if isinstance(value, str) else UNKNOWN
