from __future__ import annotations

from typing import Literal

import pytest

from greenlint.options import OptionsError, option_fields
from greenlint.rule import RuleOptions


class Every(RuleOptions):
    workers: int = 4
    share: float = 0.5
    name: str = "x"
    strict: bool = False
    mode: Literal["fast", "slow"] = "fast"
    names: tuple[str, ...] = ("a",)
    sizes: tuple[int, ...] = ()
    limit: int | None = None


def test_fields_have_names_keys_types_and_defaults() -> None:
    fields = {each.name: each for each in option_fields(Every)}
    assert list(fields) == ["workers", "share", "name", "strict", "mode", "names", "sizes", "limit"]
    assert fields["limit"].type.optional
    assert fields["limit"].default is None
    assert fields["names"].default == ("a",)
    assert fields["mode"].type.what == 'one of "fast", "slow"'
    assert fields["sizes"].type.what == "a list of integers"


def test_keys_are_written_with_dashes() -> None:
    class Dashed(RuleOptions):
        batch_size: int = 1

    assert [each.key for each in option_fields(Dashed)] == ["batch-size"]


def test_a_rule_without_options_has_no_fields() -> None:
    assert option_fields(RuleOptions) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", True),
        ("workers", 1.0),
        ("workers", "1"),
        ("share", "0.5"),
        ("share", True),
        ("strict", 1),
        ("name", 3),
        ("mode", "medium"),
        ("names", "a"),
        ("names", ["a", 1]),
        ("sizes", [True]),
        ("limit", "x"),
    ],
)
def test_other_types_are_mismatches(name: str, value: object) -> None:
    [field] = [each for each in option_fields(Every) if each.name == name]
    [(_, said)] = field.type.mismatches(value)
    assert said.startswith("expected ")


def test_mismatches_in_lists_are_located() -> None:
    [names] = [each for each in option_fields(Every) if each.name == "names"]
    assert [at for at, _ in names.type.mismatches(["a", 1, "b", None])] == [(1,), (3,)]


def test_values_are_converted_to_what_the_rule_declares() -> None:
    fields = {each.name: each.type for each in option_fields(Every)}
    assert fields["names"].convert(["x", "y"]) == ("x", "y")
    share = fields["share"].convert(1)
    assert share == 1.0
    assert isinstance(share, float)


def test_types_no_file_can_hold_are_refused() -> None:
    class Table(RuleOptions):
        table: dict[str, int] | None = None

    with pytest.raises(OptionsError, match="option `table` has a type that no configuration file can hold"):
        option_fields(Table)


def test_defaults_of_another_type_are_refused() -> None:
    class Wrong(RuleOptions):
        count: int = "1"  # type: ignore[assignment]

    with pytest.raises(OptionsError, match="the default of option `count` is not an integer"):
        option_fields(Wrong)


def test_options_need_defaults() -> None:
    class Bare(RuleOptions):
        count: int

    with pytest.raises(OptionsError, match="option `count` has no default"):
        option_fields(Bare)


def test_annotations_that_cannot_be_read_are_refused() -> None:
    class Unknown(RuleOptions):
        count: Nowhere = 1  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(OptionsError, match="annotations of `Unknown` cannot be read"):
        option_fields(Unknown)
