"""The jobs of `docs/ci.md` are valid where they run, and their commands do what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SCHEMAS = {"GitHub Actions": "github-workflows", "GitLab": "gitlab-ci", "Azure Pipelines": "azure-pipelines"}
ENVIRONMENTS = {"GitHub Actions": {"GITHUB_ACTIONS": "true"}, "GitLab": {"GITLAB_CI": "true"}}
ENVIRONMENTS["Azure Pipelines"] = {"TF_BUILD": "True"}
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


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def job(system: str) -> str:
    [found] = re.findall(r"^```yaml\n(.*?)^```", section(system), re.MULTILINE | re.DOTALL)
    return str(found)


def commands(text: str) -> list[str]:
    """The calls of greenlint, without what stands before them in a job."""
    return re.findall(r"^(?:\s*- (?:run: |script: )?)?(greenlint check.*)$", text, re.MULTILINE)


def checked(text: str, system: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "job.yml"
    file.write_text(text, encoding="utf-8")
    name = SCHEMAS[system]
    known = ["--builtin-schema", f"vendor.{name}"]
    if name == "gitlab-ci":
        known += ["--data-transform", name]
    if name == "azure-pipelines":
        # Its patterns escape what needs no escape, which the strict reading of patterns refuses.
        known += ["--data-transform", name, "--regex-variant", "nonunicode"]
    run = [sys.executable, "-m", "check_jsonschema", *known, str(file)]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=100)


def run_in(folder: Path, system: str | None, command: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(WASTE, encoding="utf-8")
    mine = {"GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI", "FORCE_COLOR"}
    environment = {name: value for name, value in os.environ.items() if name not in mine}
    environment |= ENVIRONMENTS.get(system or "", {})
    program, *arguments = shlex.split(command)
    assert program == "greenlint"
    run = [sys.executable, "-m", "greenlint", *arguments]
    return subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.parametrize("system", SCHEMAS)
def test_jobs_keep_to_the_schema_of_their_system(system: str, tmp_path: Path) -> None:
    done = checked(job(system), system, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("system", "word", "wrong"),
    [
        ("GitHub Actions", "runs-on:", "run-on:"),
        ("GitLab", "codequality:", "code-quality:"),
        ("Azure Pipelines", "displayName:", "display-name:"),
    ],
)
def test_a_wrong_job_is_found(system: str, word: str, wrong: str, tmp_path: Path) -> None:
    assert word in job(system)
    done = checked(job(system).replace(word, wrong), system, tmp_path)
    assert (done.returncode, "Schema validation errors" in done.stdout) == (1, True)


@pytest.mark.parametrize("system", SCHEMAS)
def test_the_command_of_a_job_fails_on_findings_and_writes_what_the_job_passes_on(system: str, tmp_path: Path) -> None:
    [command] = commands(job(system))
    done = run_in(tmp_path, system, command)
    assert (done.returncode, done.stderr) == (1, "")
    files = re.findall(r"--output \w+:(\S+)", command)
    assert files
    for file in files:
        assert (tmp_path / file).stat().st_size > 100
        assert job(system).count(file) > command.count(file)
    begins = {"GitHub Actions": "::warning ", "GitLab": "train.py:5:", "Azure Pipelines": "##vso[task.logissue "}
    assert done.stdout.startswith(begins[system])


def test_the_cache_of_a_job_is_the_folder_that_a_run_writes(tmp_path: Path) -> None:
    run_in(tmp_path, None, "greenlint check")
    [folder] = (each.name for each in tmp_path.iterdir() if each.is_dir())
    assert all(folder in job(system) for system in SCHEMAS)


@pytest.mark.parametrize("command", commands(section("Others")))
def test_other_commands_run(command: str, tmp_path: Path) -> None:
    done = run_in(tmp_path, None, command)
    assert (done.returncode, done.stderr) == (0 if "--exit-zero" in command else 1, "")
    for file in re.findall(r"--output \w+:(\S+)", command):
        assert (tmp_path / file).stat().st_size > 100


def test_there_is_a_command_for_each_system() -> None:
    assert len(commands(PAGE)) == len(SCHEMAS) + 3


def test_links_lead_somewhere() -> None:
    assert all((ROOT / "docs" / link).is_file() for link in re.findall(r"\]\(([^)#]+)\)", PAGE))


def test_the_message_of_a_notebook_is_as_the_page_says(tmp_path: Path) -> None:
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "5f1c8e2a",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    cells = [{**cell, "source": WASTE.splitlines(keepends=True)}]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "n.ipynb").write_text(json.dumps(content, indent=1), encoding="utf-8")
    done = run_in(tmp_path, "GitHub Actions", "greenlint check n.ipynb")
    [shown] = re.findall(r"`cell 3 (\(id 5f1c8e2a\)), line 2: \.\.\.`", PAGE)
    assert f"cell 1 {shown}, line 5: " in done.stdout
