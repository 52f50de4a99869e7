"""What the README says holds: its rules, its configuration, its commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from greenlint.registry import RuleLoader
from greenlint.rule import Category

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The calls of greenlint that work in this checkout and change nothing in it."""
    lines = [line.partition("#")[0].strip() for block in blocks("console") for line in block.splitlines()]
    calls = [line for line in lines if line.startswith("greenlint ")]
    return [call for call in calls if not re.search(r"train\.py|buffer|greenlint init|--output \w+:", call)]


def greenlint(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "greenlint", *arguments]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, timeout=400)


def test_the_table_of_rules() -> None:
    rows = [line.split("|")[1:3] for line in README.splitlines() if line.startswith("| ") and "---" not in line]
    rules = [rule for rule in RuleLoader().registry().rules.values() if rule.category is not Category.SUPPRESSION]
    named = {name for _, examples in rows for name in re.findall(r"`([a-z0-9-]+)`", examples)}
    categories = {name.strip() for category, _ in rows[1:] for name in category.split(",")}
    assert named <= {rule.name for rule in rules}
    assert categories == {rule.category.value for rule in rules}
    assert f"{len(rules)} rules for" in README


@pytest.mark.parametrize("text", blocks("toml"))
def test_configurations_are_valid(text: str, tmp_path: Path) -> None:
    tmp_path.joinpath("pyproject.toml").write_text(text, encoding="utf-8")
    done = greenlint("config", "--validate", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", commands())
def test_commands_run(command: str) -> None:
    # In the examples, which have findings: to go through this whole tree takes minutes.
    flag = "--no-cache" if " check" in command else "--isolated"
    done = greenlint(*shlex.split(command)[1:], flag, folder=ROOT / "examples")
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == "" or "error" not in done.stderr
    assert done.stdout


def test_the_suppression_is_one(tmp_path: Path) -> None:
    [code] = blocks("python")
    tmp_path.joinpath("train.py").write_text(code + "    pass\n", encoding="utf-8")
    done = greenlint("check", "--no-cache", "--output-format", "concise", "-q", folder=tmp_path)
    # There is nothing to suppress here, which only a suppression that is read right can be told.
    assert "unused-suppression" in done.stdout


def test_pictures_exist() -> None:
    assert all((ROOT / path).is_file() for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README))
