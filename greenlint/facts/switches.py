"""Settings of libraries that hold for a whole program: ``torch.backends.cudnn.enabled = False`` and the like."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Calls
from greenlint.facts.names import Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.facts.variables import Variables

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Switch", "Switches"]

_JAX_UPDATES = ("jax.config.update", "jax.config.config.update")
_TRUE = frozenset(("1", "true", "True", "TRUE", "y", "yes", "t", "on"))
_FALSE = frozenset(("0", "false", "False", "FALSE", "n", "no", "f", "off"))


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """One place that changes a setting."""

    name: str
    """``torch.backends.cudnn.enabled``, ``jax.config.jax_debug_nans``."""
    value: object
    """A constant, or ``UNKNOWN``."""
    node: cst.CSTNode


class Switches:
    """Settings changed by one file, by assignment, by ``jax.config.update`` or by JAX's environment variables."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def set(self, *names: str) -> list[Switch]:
        """The places that change one of these settings, in source order."""
        return [each for each in self.all if each.name in names]

    @functools.cached_property
    def all(self) -> tuple[Switch, ...]:
        """Every place, in source order."""
        first = self._facts[Tree].first
        return tuple(sorted([*self._assigned(), *self._of_jax()], key=lambda each: first(each.node)))

    def _assigned(self) -> Iterator[Switch]:
        names, values = self._facts[Names], self._facts[Values]
        for assign in self._facts[Tree].of_type(cst.Assign):
            for each in assign.targets:
                resolved = names.resolve(each.target) if type(each.target) is cst.Attribute else None
                if resolved is not None:
                    name = resolved.replace("jax.config.config.", "jax.config.")
                    yield Switch(name, values.constant(assign.value), assign)

    def _of_jax(self) -> Iterator[Switch]:
        values = self._facts[Values]
        for call in self._facts[Calls].named(*_JAX_UPDATES):
            plain = call.positional
            option = values.constant(plain[0]) if len(plain) == 2 else None
            if isinstance(option, str):
                yield Switch(f"jax.config.{option}", values.constant(plain[1]), call.node)
        for each in self._facts[Variables].all:
            if each.name.startswith("JAX_"):
                yield Switch(f"jax.config.{each.name.lower()}", _meant(each.value), each.node)


def _meant(value: object) -> object:
    return True if value in _TRUE else False if value in _FALSE else value
