"""Paths in reports are those of the checkout, wherever in it greenlint runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from greenlint.output.checkout import in_checkout
from greenlint.results import FileResult, RunResult

WASTE = """\
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

loader = DataLoader(ImageFolder("images"), batch_size=32)
for x, y in loader:
    loss = model(x.cuda()).sum()
    loss.backward()
    optimizer.step()
"""
SYSTEMS = {
    "GITHUB_ACTIONS": "GITHUB_WORKSPACE",
    "GITLAB_CI": "CI_PROJECT_DIR",
    "TF_BUILD": "BUILD_REPOSITORY_LOCALPATH",
}
REPORTS = ("github", "gitlab", "azure", "sarif", "junit", "json")


@pytest.mark.parametrize(("system", "variable"), SYSTEMS.items())
def test_a_run_in_a_folder_of_the_checkout(system: str, variable: str, tmp_path: Path) -> None:
    here = tmp_path / "some where" / "ml"
    here.mkdir(parents=True)
    (here / "train.py").write_text(WASTE, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name not in {*SYSTEMS, *SYSTEMS.values()}}
    environment = {**clean, system: "true", variable: str(tmp_path)}
    outputs = [part for name in REPORTS for part in ("--output", f"{name}:{name}")]
    run = [sys.executable, "-m", "greenlint", "check", "--no-cache", *outputs]
    subprocess.run(run, cwd=here, env=environment, capture_output=True, check=False, timeout=200)
    told = {name: (here / name).read_text(encoding="utf-8") for name in REPORTS}

    assert {each["path"] for each in json.loads(told["json"])["findings"]} == {"train.py"}
    assert {each["location"]["path"] for each in json.loads(told["gitlab"])} == {"some where/ml/train.py"}
    assert "file=some where/ml/train.py," in told["github"]
    assert "sourcepath=some where/ml/train.py;" in told["azure"]
    assert set(re.findall(r'"uri": "(.*train.*)"', told["sarif"])) == {"some%20where/ml/train.py"}
    assert 'file="some where/ml/train.py"' in told["junit"]


def test_paths_outside_the_checkout_stay(tmp_path: Path) -> None:
    files = tuple(map(FileResult, ("../b.py", "/else/where.py", "c.py")))
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / "checkout")}
    moved = in_checkout(RunResult(files), environment, tmp_path / "checkout" / "a")
    assert [file.path for file in moved.files] == ["b.py", "/else/where.py", "a/c.py"]
    outside = in_checkout(RunResult(files), environment, tmp_path)
    assert [file.path for file in outside.files] == ["../b.py", "/else/where.py", "c.py"]


@pytest.mark.parametrize("environment", [{}, {"GITHUB_WORKSPACE": "/"}, {"GITHUB_ACTIONS": "true"}])
def test_without_a_checkout_nothing_moves(environment: dict[str, str], tmp_path: Path) -> None:
    result = RunResult((FileResult("a.py"),))
    assert in_checkout(result, environment, tmp_path) is result
