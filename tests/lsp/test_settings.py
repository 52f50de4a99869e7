"""What an editor says is taken in wherever it puts it, and nothing else is."""

from __future__ import annotations

import pytest

from greenlint.lsp.settings import EditorSettings, read_settings

QUIET = EditorSettings(enable=False)


@pytest.mark.parametrize(
    "given",
    [
        {"enable": False},
        {"greenlint": {"enable": False}},
        {"settings": {"enable": False}},
        {"settings": {"greenlint": {"enable": False}}},
    ],
)
def test_places(given: object) -> None:
    assert read_settings(given) == (QUIET, [])


@pytest.mark.parametrize("given", [None, {}, [], "greenlint", {"pylsp": {"plugins": {}}}, {"python": {"enable": 1}}])
def test_settings_of_other_servers_change_nothing(given: object) -> None:
    assert read_settings(given, QUIET) == (QUIET, [])


def test_an_empty_section_is_the_defaults() -> None:
    assert read_settings({"greenlint": {}}, QUIET) == (EditorSettings(), [])


def test_a_project_cannot_make_itself_trusted() -> None:
    untrusted, _ = read_settings({"settings": {"trusted": False}})
    after, _ = read_settings({"greenlint": {"trusted": True}}, untrusted)
    assert not after.trusted


def test_wrong_values_are_told() -> None:
    settings, problems = read_settings(
        {"enable": "yes", "run": 3, "showCost": "loud", "configuration": 1, "logLevel": "all"}
    )
    assert settings == EditorSettings()
    assert len(problems) == 5
