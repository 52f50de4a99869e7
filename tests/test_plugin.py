"""Rules from outside: a package of its own, built and installed as strangers do it, and rules of one project."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = Path(__file__).parent / "data" / "sample_plugin"

CODE = """\
import time

import sample_store

while busy():
    row = sample_store.read_row("table")
    time.sleep(1)
"""


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def builds_here() -> bool:
    """Whether the present environment can build wheels, so that none has to be made for it."""
    if importlib.util.find_spec("setuptools") is None:
        return False
    major, minor = importlib.metadata.version("setuptools").split(".")[:2]
    return (int(major), int(minor)) >= (70, 1)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the sample package is installed in, from a wheel."""
    work = tmp_path_factory.mktemp("sample")
    source, wheels, target = work / "source", work / "wheels", work / "target"
    shutil.copytree(SAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    isolation = ["--no-build-isolation"] if builds_here() else []
    pip("wheel", "--no-deps", *isolation, "--wheel-dir", str(wheels), str(source))
    (wheel,) = wheels.glob("*.whl")
    pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    return target


class Project:
    """A project in a folder of its own, in which greenlint runs."""

    def __init__(self, folder: Path, extra: Path | None = None) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GREENLINT")},
            "PYTHONPATH": os.pathsep.join(map(str, [each for each in (ROOT, extra) if each is not None])),
        }
        self.write("train.py", CODE)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def greenlint(self, *arguments: str, code: int = 0) -> str:
        """What a run prints to standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "greenlint", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def findings(self, *arguments: str, code: int = 1) -> list[dict[str, Any]]:
        report = json.loads(self.greenlint("check", "--output-format", "json", *arguments, code=code))
        return list(report["findings"])


@pytest.fixture
def project(tmp_path: Path, installed: Path) -> Project:
    return Project(tmp_path, installed)


def test_rules_of_an_installed_package_run(project: Project) -> None:
    found = [(each["rule"], each["category"], each["line"]) for each in project.findings()]
    assert found == [("rows-read-one-by-one", "loading", 6), ("nap-in-loop", "custom", 7)]


def test_rules_of_an_installed_package_are_explained(project: Project) -> None:
    page = project.greenlint("rule", "rows-read-one-by-one")
    assert "asks the store once for each row" in page
    assert "nap-in-loop" in project.greenlint("rule", "--all")


def test_rules_of_an_installed_package_are_selected_and_set_up(project: Project) -> None:
    assert [each["rule"] for each in project.findings("--select", "loading")] == ["rows-read-one-by-one"]
    project.write("greenlint.toml", 'ignore = ["loading"]\n[rules.nap-in-loop]\nmost = 1\n')
    assert project.findings(code=0) == []
    project.write("greenlint.toml", "[rules.nap-in-loop]\nmany = 1\n")
    project.greenlint("check", code=2)


def test_findings_of_an_installed_package_are_suppressed_and_fixed(project: Project) -> None:
    train = project.write("train.py", CODE.replace("(1)", "(1)  # greenlint: ignore[nap-in-loop] a service"))
    assert [each["rule"] for each in project.findings()] == ["rows-read-one-by-one"]
    project.greenlint("check", "--fix", "--unsafe-fixes")
    assert 'sample_store.read_rows("table")' in train.read_text()


def test_rules_of_an_installed_package_pass_the_tester(project: Project) -> None:
    said = project.greenlint("test", "rows-read-one-by-one", "nap-in-loop")
    assert "2 rules" in said


def test_without_the_package_its_names_are_unknown(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.findings(code=0) == []
    project.greenlint("check", "--select", "nap-in-loop", code=2)


LOCAL = '''\
"""A rule of this project."""

from greenlint import Bad, Good, Rule, on_call


class StoreRead(Rule):
    """The store is read.

    Every read wakes the disk.
    """

    words = (("sample_store",),)
    examples = (
        Bad("import sample_store\\n\\nsample_store.read_row()  # bad"),
        Good("import sample_store\\n\\nsample_store.close()", why="nothing is read"),
    )

    @on_call("sample_store.read_row")
    def check(self, call, facts):
        yield self.finding(call.node, "the store is read")
'''


def test_rules_of_a_project_run(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.greenlint]\nrule-paths = ["lint"]\n')
    project.write("lint/store_read.py", LOCAL)
    project.write("lint/memory/store_kept.py", LOCAL.replace("StoreRead", "StoreKept"))
    found = [(each["rule"], each["category"], each["line"]) for each in project.findings("train.py")]
    assert found == [("store-kept", "memory", 6), ("store-read", "custom", 6)]
    assert "Every read wakes the disk" in project.greenlint("rule", "store-read")
    assert "2 rules" in project.greenlint("test")


def test_a_broken_rule_of_a_project_does_not_stop_the_others(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.greenlint]\nrule-paths = ["lint"]\n')
    project.write("lint/store_read.py", LOCAL)
    project.write("lint/store_lost.py", "raise RuntimeError('broken')\n")
    assert [each["rule"] for each in project.findings("train.py")] == ["store-read"]
