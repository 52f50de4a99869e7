from __future__ import annotations

import pytest

from greenlint.toml_text import KeyPath, Place, TomlSyntaxError, TomlText

DOCUMENT = '''\
# [not] = a table
title = "a # b"   # comment
"quoted.key".'single' = 1
a.b . c = [ # first
  "x", ["y", 'z'],  # "no"
  """many
lines]""",
  { n = 1, "m" = [2] },
]
when = 1979-05-27 07:32:00

[tool.greenlint]
select = ["one", "two"]
long = \'\'\'it''s "quoted"\'\'\'
empty = ""

[ tool . "greenlint" . rules.'a-b' ]
workers=8

[[tool.greenlint.overrides]]
files = ["x"]
[[tool.greenlint.overrides]]
files = ["y"]
[tool.greenlint.overrides.severity]
loading = "error"
'''


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [
        (("title",), 2, "title"),
        (("quoted.key", "single"), 3, "'single'"),
        (("a",), 4, "a"),
        (("a", "b", "c"), 4, "c"),
        (("a", "b", "c", 0), 5, '"x"'),
        (("a", "b", "c", 1), 5, "[\"y\", 'z']"),
        (("a", "b", "c", 1, 1), 5, "'z'"),
        (("a", "b", "c", 2), 6, '"""many'),
        (("a", "b", "c", 3, "n"), 8, "n"),
        (("a", "b", "c", 3, "m"), 8, '"m"'),
        (("a", "b", "c", 3, "m", 0), 8, "2"),
        (("when",), 10, "when"),
        (("tool", "greenlint"), 12, "greenlint"),
        (("tool", "greenlint", "select", 1), 13, '"two"'),
        (("tool", "greenlint", "empty"), 15, "empty"),
        (("tool", "greenlint", "rules", "a-b"), 17, "'a-b'"),
        (("tool", "greenlint", "rules", "a-b", "workers"), 18, "workers"),
        (("tool", "greenlint", "overrides", 0), 20, "overrides"),
        (("tool", "greenlint", "overrides", 1, "files", 0), 23, '"y"'),
        (("tool", "greenlint", "overrides", 1, "severity", "loading"), 25, "loading"),
    ],
)
def test_keys_are_found_where_they_are_written(path: KeyPath, line: int, text: str) -> None:
    toml = TomlText(DOCUMENT)
    place = toml.key(path)
    assert place is not None
    assert place.line == line
    assert toml.lines[line - 1][place.column - 1 : place.column - 1 + place.width] == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("when",), "1979-05-27 07:32:00"),
        (("title",), '"a # b"'),
        (("tool", "greenlint", "long"), "'''it''s \"quoted\"'''"),
        (("tool", "greenlint", "rules", "a-b", "workers"), "8"),
        (("a", "b", "c"), "[ # first"),
    ],
)
def test_values_are_found_up_to_the_end_of_their_line(path: KeyPath, text: str) -> None:
    toml = TomlText(DOCUMENT)
    place = toml.value(path)
    assert place is not None
    assert toml.lines[place.line - 1][place.column - 1 :][: place.width] == text


def test_every_value_of_a_document_has_a_place() -> None:
    toml = TomlText(DOCUMENT)

    def visit(value: object, path: KeyPath) -> None:
        assert toml.value(path) is not None or not path, path
        if isinstance(value, dict):
            for name, each in value.items():
                visit(each, (*path, name))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                visit(each, (*path, index))

    visit(toml.data, ())


def test_carriage_returns_do_not_shift_places() -> None:
    toml = TomlText(DOCUMENT.replace("\n", "\r\n"))
    assert toml.key(("tool", "greenlint", "empty")) == Place(15, 1, 5)


def test_columns_count_code_points() -> None:
    toml = TomlText('a = { "é𝄞" = 1, b = 2 }')
    assert toml.key(("a", "b")) == Place(1, 17, 1)


def test_a_key_that_is_not_there_has_no_place() -> None:
    assert TomlText("a = 1").key(("b",)) is None


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a = 1\nb = \n", 2, 5), ("a = 1\na = 2", 2, 6), ("[a", 1, 3), ('x = "abc', 1, 9)],
)
def test_syntax_errors_are_located(text: str, line: int, column: int) -> None:
    with pytest.raises(TomlSyntaxError) as caught:
        TomlText(text)
    place = caught.value.place
    assert place is not None
    assert (place.line, place.column) == (line, column)
    assert "line" not in caught.value.message
    assert caught.value.message[0].islower()


def test_endless_nesting_is_a_syntax_error() -> None:
    with pytest.raises(TomlSyntaxError):
        TomlText("a = " + "[" * 100_000)


def test_numbers_arrays_and_tables_without_spaces() -> None:
    toml = TomlText("a={b=[1,2],c=true}\nd=[{e=1},{e=2}]\n")
    assert toml.value(("a", "b", 1)) == Place(1, 9, 1)
    assert toml.value(("a", "c")) == Place(1, 14, 4)
    assert toml.key(("d", 1, "e")) == Place(2, 11, 1)
