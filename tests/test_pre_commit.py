"""The hooks in real pre-commit: installed from a clone of this tree, they block a wasteful commit and pass a good one.

Needs git and, to install the dependencies of greenlint, a package index.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from greenlint import Bad, Good, Rule
from greenlint.registry import RuleLoader

ROOT = Path(__file__).parents[1]
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


def run(*command: str, cwd: Path, env: dict[str, str] | None = None, ok: bool = True) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert not ok or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def listed(folder: Path) -> list[str]:
    """The files of a checkout, those not yet committed included and ignored ones left out."""
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=folder)
    return [name for name in names.split("\0") if name and (folder / name).is_file()]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this tree as its one commit."""
    folder = tmp_path_factory.mktemp("upstream")
    for name in listed(ROOT):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    run("git", "init", "--quiet", cwd=folder)
    run("git", "add", "--all", "--force", cwd=folder)
    run(*GIT, "commit", "--quiet", "--no-verify", "--message", "tree", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """No configuration of git or pre-commit but that of the test; the hook environment is made once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT", "SKIP"))}
    home = tmp_path_factory.mktemp("pre-commit")
    path = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", "")))
    return {**kept, "PRE_COMMIT_HOME": str(home), "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture
def project(tmp_path: Path, upstream: Path, environment: dict[str, str]) -> Path:
    """A repository that uses the hooks."""
    revision = run("git", "rev-parse", "HEAD", cwd=upstream).strip()
    run("git", "init", "--quiet", cwd=tmp_path)
    config = f"repos:\n- repo: {upstream.as_uri()}\n  rev: {revision}\n  hooks:\n  - id: greenlint\n"
    (tmp_path / ".pre-commit-config.yaml").write_text(config)
    run(sys.executable, "-m", "pre_commit", "install", cwd=tmp_path, env=environment)
    return tmp_path


def commit(project: Path, environment: dict[str, str]) -> tuple[bool, str]:
    """Whether a commit of everything went through, and what was said."""
    run("git", "add", "--all", cwd=project)
    said = run(*GIT, "commit", "--message", "change", cwd=project, env=environment, ok=False)
    return run("git", "status", "--porcelain", cwd=project) == "", said


def examples() -> tuple[type[Rule], str, str]:
    """A rule of the default set, with a wasteful and a good example."""
    rule = RuleLoader(["greenlint_rules"]).registry().rules["dataloader-no-workers"]
    bad = next(each.code for each in rule.examples if isinstance(each, Bad))
    good = next(each.code for each in rule.examples if isinstance(each, Good))
    return rule, bad, good


def test_manifest_is_valid(environment: dict[str, str]) -> None:
    manifest = str(ROOT / ".pre-commit-hooks.yaml")
    run(sys.executable, "-m", "pre_commit", "validate-manifest", manifest, cwd=ROOT, env=environment)


def test_a_wasteful_commit_is_blocked_and_a_good_one_passes(project: Path, environment: dict[str, str]) -> None:
    rule, bad, good = examples()
    train = project / "train.py"

    train.write_text(bad)
    passed, said = commit(project, environment)
    assert not passed
    assert "greenlint" in said
    assert f"train.py:{bad[: bad.index('# bad')].count(chr(10)) + 1}:" in said
    assert rule.name in said

    train.write_text(good)
    (project / "pyproject.toml").write_text('[tool.greenlint]\nexclude = ["generated"]\n')
    passed, said = commit(project, environment)
    assert passed, said

    (project / "generated").mkdir()
    (project / "generated" / "model.py").write_text(bad)
    passed, said = commit(project, environment)
    assert passed, f"excluded files are passed over though pre-commit names them\n{said}"

    (project / "README.md").write_text(bad)
    passed, said = commit(project, environment)
    assert passed, f"nothing to check is no mistake\n{said}"

    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "source": bad}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (project / "train.ipynb").write_text(json.dumps(notebook))
    passed, said = commit(project, environment)
    assert not passed
    assert "train.ipynb:cell 1:" in said


def test_the_fixing_hook_mends_the_file(project: Path, environment: dict[str, str]) -> None:
    config = project / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("id: greenlint", "id: greenlint-fix"))
    file = project / "train.py"
    file.write_text("import torch  # greenlint: ignore[dataloader-no-workers] an old reason\n")

    passed, said = commit(project, environment)
    assert not passed, said
    assert file.read_text() == "import torch\n"

    passed, said = commit(project, environment)
    assert passed, said
