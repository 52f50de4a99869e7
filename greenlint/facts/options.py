"""Defaults of what users may change: argparse, click, absl and dataclass options; where values start, never values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import dotted
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values, same_constant

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Options"]


class Options:
    """Options that the file declares, by the attribute name their value is read under."""

    def __init__(self, facts: Facts) -> None:
        self._values = facts[Values]
        self._defaults: dict[str, object] = {}
        for call in facts[Calls].methods("add_argument", "option"):
            self._declared(list(call.positional), call.keyword("dest"), self._default_of(call))
        for call in facts[Calls].methods("set_defaults"):
            for arg in call.node.args:
                if arg.keyword is not None:
                    self._add(arg.keyword.value, self._values.constant(arg.value))
        for call in facts[Calls].methods(
            "DEFINE_integer", "DEFINE_float", "DEFINE_string", "DEFINE_bool", "DEFINE_boolean"
        ):
            plain = call.positional
            if len(plain) > 1:
                self._declared(plain[:1], None, self._values.constant(plain[1]))
        for node in facts[Tree].of_type(cst.ClassDef):
            if any("dataclass" in (dotted(_callee(each.decorator)) or "") for each in node.decorators):
                self._fields(node)

    def _default_of(self, call: Call) -> object:
        default = call.argument("default")
        if not default.absent:
            return default.constant
        action = call.argument("action")
        if action.absent:
            return None
        return _FLAGS.get(action.constant) if isinstance(action.constant, str) else UNKNOWN

    def _declared(self, flags: list[cst.BaseExpression], dest: cst.BaseExpression | None, default: object) -> None:
        spelled = [self._values.constant(dest)] if dest is not None else [self._values.constant(each) for each in flags]
        for each in spelled:
            if isinstance(each, str):
                self._add(each.lstrip("-").replace("-", "_"), default)

    def _add(self, name: str, default: object) -> None:
        """Two parsers may give two defaults to options of one name: then neither is known."""
        known = self._defaults.setdefault(name, default)
        if not same_constant(known, default):
            self._defaults[name] = UNKNOWN

    def _fields(self, node: cst.ClassDef) -> None:
        for line in node.body.body:
            if not isinstance(line, cst.SimpleStatementLine):
                continue
            for statement in line.body:
                if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name) and statement.value:
                    self._add(statement.target.value, self._field(statement.value))

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


_FLAGS = {"store_true": False, "store_false": True}


def _callee(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.func if isinstance(node, cst.Call) else node
