"""The settings that the extension for VS Code offers are those that the server reads, with the values it accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greenlint.lsp.settings import read_settings

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "editors" / "vscode" / "package.json").read_text())
PROPERTIES: dict[str, Any] = MANIFEST["contributes"]["configuration"]["properties"]
OFFERED = {name.removeprefix("greenlint."): entry for name, entry in PROPERTIES.items()}
CHOSEN = ("run", "showCost", "configurationPreference", "logLevel")
CHOICES = [(name, value) for name in CHOSEN for value in OFFERED[name]["enum"]]


@pytest.mark.parametrize(("setting", "key"), [("hardware", "hardware"), ("minSeverity", "min-severity")])
def test_the_values_are_those_of_the_configuration(setting: str, key: str) -> None:
    schema = json.loads((ROOT / "greenlint" / "greenlint.schema.json").read_text())
    assert OFFERED[setting]["enum"] == [None, *schema["properties"][key]["enum"]]


@pytest.mark.parametrize(("setting", "value"), CHOICES)
def test_the_server_takes_every_choice(setting: str, value: str) -> None:
    assert read_settings({setting: value})[1] == []


def test_the_defaults_are_those_of_the_server() -> None:
    defaults = {name: entry["default"] for name, entry in OFFERED.items()}
    assert read_settings(defaults) == read_settings({})
