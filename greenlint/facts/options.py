"""Defaults of what users may change: argparse, click, absl and dataclass options; where values start, never values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Calls
from greenlint.facts.names import dotted
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Options"]


class Options:
    """Options that the file declares, by the attribute name their value is read under."""

    def __init__(self, facts: Facts) -> None:
        self._values = facts[Values]
        self._defaults: dict[str, object] = {}
        for call in facts[Calls].methods("add_argument", "option"):
            self._declared(list(call.positional), call.keyword("dest"), call.keyword("default"))
        for call in facts[Calls].methods(
            "DEFINE_integer", "DEFINE_float", "DEFINE_string", "DEFINE_bool", "DEFINE_boolean"
        ):
            plain = call.positional
            if len(plain) > 1:
                self._declared(plain[:1], None, plain[1])
        for node in facts[Tree].of_type(cst.ClassDef):
            if any("dataclass" in (dotted(_callee(each.decorator)) or "") for each in node.decorators):
                self._fields(node)

    def _declared(
        self, flags: list[cst.BaseExpression], dest: cst.BaseExpression | None, default: cst.BaseExpression | None
    ) -> None:
        spelled = [self._values.constant(dest)] if dest is not None else [self._values.constant(each) for each in flags]
        value = self._values.constant(default) if default is not None else None
        for each in spelled:
            if isinstance(each, str):
                self._defaults.setdefault(each.lstrip("-").replace("-", "_"), value)

    def _fields(self, node: cst.ClassDef) -> None:
        for line in node.body.body:
            if not isinstance(line, cst.SimpleStatementLine):
                continue
            for statement in line.body:
                if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name) and statement.value:
                    self._defaults.setdefault(statement.target.value, self._field(statement.value))

    def _field(self, value: cst.BaseExpression) -> object:
        if isinstance(value, cst.Call):
            for arg in value.args:
                if arg.keyword is not None and arg.keyword.value == "default":
                    return self._values.constant(arg.value)
            return UNKNOWN
        return self._values.constant(value)

    def default(self, name: str) -> object:
        """The declared default of an option, or ``UNKNOWN``."""
        return self._defaults.get(name, UNKNOWN)

    def __contains__(self, name: str) -> bool:
        return name in self._defaults


def _callee(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.func if isinstance(node, cst.Call) else node
