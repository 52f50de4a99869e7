"""The typed options of rules: what a rule declares, checked against what a configuration file says."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["OptionField", "OptionType", "OptionsError", "option_fields", "toml_kind"]


class OptionsError(Exception):
    """An ``Options`` class with a field that no configuration file can hold; the message names it."""


@dataclass(frozen=True, slots=True)
class OptionType:
    """What an option may hold. Exactly one of the three is set, apart from ``optional``."""

    scalar: type | None = None
    """``int``, ``float``, ``str`` or ``bool``."""
    choices: tuple[object, ...] = ()
    items: OptionType | None = None
    """The type of the elements of a list."""
    optional: bool = False
    """Whether the default may be ``None``; a file cannot write it."""
    immutable: bool = False
    """Whether a list is handed to the rule as a tuple."""

    @property
    def what(self) -> str:
        """The type in words, with an article."""
        if self.choices:
            return "one of " + ", ".join(_shown(each) for each in self.choices)
        if self.items is not None:
            return f"a list of {self.items.plural}"
        return _WORDS[self.scalar or str][0]

    @property
    def plural(self) -> str:
        """The type in words, for the elements of a list."""
        return self.what if self.choices or self.items is not None else _WORDS[self.scalar or str][1]

    def mismatches(self, value: object) -> Iterator[tuple[tuple[int, ...], str]]:
        """Where in ``value`` the type is not kept (indices of lists), and what was expected there."""
        if self.items is not None and isinstance(value, list):
            for index, each in enumerate(value):
                yield from (((index, *at), said) for at, said in self.items.mismatches(each))
        elif not self._holds(value):
            yield (), f"expected {self.what}, found {toml_kind(value)}"

    def convert(self, value: Any) -> object:
        """A value without mismatches as the rule gets it."""
        if self.items is not None:
            converted = [self.items.convert(each) for each in value]
            return tuple(converted) if self.immutable else converted
        return float(value) if self.scalar is float else value

    def schema(self) -> dict[str, object]:
        """The type as JSON Schema."""
        if self.choices:
            return {"enum": list(self.choices)}
        if self.items is not None:
            return {"type": "array", "items": self.items.schema()}
        return {"type": _WORDS[self.scalar or str][2]}

    def _holds(self, value: object) -> bool:
        if self.choices:
            return any(value == each and type(value) is type(each) for each in self.choices)
        if self.scalar is float:
            return type(value) in (int, float)
        return self.scalar is not None and type(value) is self.scalar


_WORDS: Mapping[type, tuple[str, str, str]] = {
    bool: ("true or false", "booleans", "boolean"),
    int: ("an integer", "integers", "integer"),
    float: ("a number", "numbers", "number"),
    str: ("a string", "strings", "string"),
}


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option of a rule."""

    name: str
    """The attribute of the ``Options`` class; configuration files write it with dashes."""
    type: OptionType
    default: object

    @property
    def key(self) -> str:
        """How a configuration file spells the option."""
        return self.name.replace("_", "-")


def option_fields(options: type) -> tuple[OptionField, ...]:
    """The options a ``RuleOptions`` subclass declares, in order; raises :class:`OptionsError`."""
    if not dataclasses.is_dataclass(options):
        if getattr(options, "__annotations__", None):
            raise OptionsError(f"`{options.__name__}` is not a subclass of `RuleOptions`")
        return ()
    hints = _hints(options)
    return tuple(_field(each, hints[each.name]) for each in dataclasses.fields(options))


def _hints(options: type) -> dict[str, Any]:
    module = sys.modules.get(options.__module__)
    try:
        return get_type_hints(options, globalns=dict(vars(module)) if module else None)
    except Exception as error:
        raise OptionsError(f"annotations of `{options.__name__}` cannot be read: {error}") from None


def _field(field: dataclasses.Field[Any], hint: object) -> OptionField:
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        raise OptionsError(f"option `{field.name}` has no default")
    kind = _type(hint)
    if kind is None:
        raise OptionsError(
            f"option `{field.name}` has a type that no configuration file can hold; "
            "use int, float, str, bool, a Literal, or a list or tuple of one of these"
        )
    if not _fits(kind, default):
        raise OptionsError(f"the default of option `{field.name}` is not {kind.what}")
    return OptionField(field.name, kind, default)


def _fits(kind: OptionType, default: object) -> bool:
    if default is None:
        return kind.optional
    written = list(default) if isinstance(default, tuple) else default
    return not any(kind.mismatches(written))


def _type(hint: Any) -> OptionType | None:
    if hint in _WORDS:
        return OptionType(scalar=hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return OptionType(choices=arguments)
    if origin is list:
        return _list_type(arguments[0], immutable=False)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _list_type(arguments[0], immutable=True)
    if origin in (Union, types.UnionType):
        return _optional_type(arguments)
    return None


def _list_type(item: object, *, immutable: bool) -> OptionType | None:
    items = _type(item)
    if items is None or items.optional:
        return None
    return OptionType(items=items, immutable=immutable)


def _optional_type(members: tuple[object, ...]) -> OptionType | None:
    inner = [each for each in members if each is not type(None)]
    if len(inner) != 1 or len(members) != 2:
        return None
    kind = _type(inner[0])
    return dataclasses.replace(kind, optional=True) if kind is not None else None


def toml_kind(value: object) -> str:
    """What a value of a TOML document is, in words, with the value itself when it is short."""
    if isinstance(value, bool | int | float):
        return f"`{_shown(value)}`"
    if isinstance(value, str):
        return f"`{_shown(value)}`" if len(value) <= 40 else "a string"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
