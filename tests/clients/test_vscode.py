"""VS Code, as code-server shows it in a browser, with the extension."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.clients.browser import check_driver, drive, free_port, needed, served

HERE = Path(__file__).parent / "vscode"
EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"
SYNCHRONIZE, CREATED, EVALUATION = "explicit-synchronize-in-step", "created-on-cpu-then-moved", "eval-without-no-grad"
WAIT = "        torch.cuda.synchronize()\n"
SCRIPT = f"""\
import torch
from torch.utils.data import DataLoader

device = torch.device("cuda")


def train(model, dataset, criterion, optimizer):
    loader = DataLoader(dataset, batch_size=64, shuffle=True)
    for images, labels in loader:
        mask = torch.ones(64, 3, 224, 224).to(device)
        loss = criterion(model(images.to(device) * mask), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
{WAIT}

def evaluate(model, loader):
    correct = 0
    for images, labels in loader:
        correct += (model(images.to(device)).argmax(1) == labels.to(device)).sum()
    return correct
"""
MOVED, MADE_THERE = "torch.ones(64, 3, 224, 224).to(device)", "torch.ones(64, 3, 224, 224, device=device)"
SETTINGS = {
    "greenlint.interpreter": sys.executable,
    "chat.disableAIFeatures": True,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "window.commandCenter": False,
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "extensions.ignoreRecommendations": True,
    "editor.minimap.enabled": False,
    "git.enabled": False,
    "files.autoSave": "off",
}

UNNAMED = {key: value for key, value in SETTINGS.items() if key != "greenlint.interpreter"}


@pytest.fixture(scope="module")
def vscode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a VS Code of its own with the extension as it is packaged now."""
    with running(tmp_path_factory.mktemp("vscode"), [packaged()], SETTINGS) as address:
        yield address


@contextmanager
def running(
    folder: Path, extensions: list[Path], settings: dict[str, Any], variables: dict[str, str] | None = None
) -> Iterator[str]:
    """The address of a VS Code with ``extensions``, which lives in a folder."""
    program = needed("code-server")
    check_driver()
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), **(variables or {})}
    # The interpreters of the tests have greenlint where it is installed, not wherever these tests run.
    environment.pop("PYTHONPATH", None)
    data = ["--user-data-dir", str(folder / "data"), "--extensions-dir", str(folder / "extensions")]
    for each in extensions:
        run([program, *data, "--install-extension", str(each)], folder, environment)
    (folder / "data" / "User").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "User" / "settings.json").write_text(json.dumps(settings))
    address = f"127.0.0.1:{free_port()}"
    options = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"]
    command = [program, *data, *options, "--bind-addr", address, "--ignore-last-opened"]
    with served(command, f"http://{address}/healthz", folder, environment):
        yield f"http://{address}"


def packaged() -> Path:
    """The extension, packaged from its sources."""
    npm = needed("npm")
    if not (EXTENSION / "node_modules").is_dir():
        pytest.skip("the extension cannot be packaged: run `npm ci` in editors/vscode")
    run([npm, "run", "package"], EXTENSION, os.environ.copy())
    return max(EXTENSION.glob("greenlint-*.vsix"), key=lambda each: each.stat().st_mtime)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    rules = [SYNCHRONIZE, CREATED, EVALUATION]
    (folder / "greenlint.toml").write_text(f'select = {json.dumps(rules)}\nhardware = "gpu"\n')
    (folder / "train.py").write_text(SCRIPT)
    # A module of the project that is called like one of Python's own has no business in the server.
    (folder / "queue.py").write_text('raise RuntimeError("imported into the server")\n')
    return folder


def do(scenario: str, vscode: str, project: Path) -> dict[str, Any]:
    return drive(HERE / "drive.cjs", scenario, f"{vscode}/?folder={quote(str(project))}")


def configure(project: Path, settings: dict[str, Any]) -> None:
    (project / ".vscode").mkdir()
    (project / ".vscode" / "settings.json").write_text(json.dumps(settings))


def write_notebook(project: Path) -> Path:
    """The script as a notebook: a heading, its imports and its functions, each in a cell."""
    head, train, evaluation = (part.strip("\n") for part in SCRIPT.split("\n\n\n"))
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
    heading: dict[str, Any] = {"cell_type": "markdown", "source": "# Train"}
    cells = [heading, *({**code, "source": each} for each in (head, train, evaluation))]
    content = {
        "cells": [{"id": f"cell{number}", "metadata": {}, **each} for number, each in enumerate(cells)],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = project / "train.ipynb"
    path.write_text(json.dumps(content))
    return path


def code_in(notebook: Path) -> str:
    cells = json.loads(notebook.read_text())["cells"]
    return "\n\n\n".join("".join(each["source"]) for each in cells if each["cell_type"] == "code")


def check_listed(listed: list[str]) -> None:
    """All findings are in the list of problems, as ours."""
    for text in ("is made on the host and copied", "synchronize() empties", "this evaluation builds an autograd graph"):
        assert any(text in each for each in listed), listed
    assert all("generated by greenlint" in each for each in listed)


def test_a_script(vscode: str, project: Path) -> None:
    outcome = do("script", vscode, project)
    check_listed(outcome["listed"])
    assert f"{SYNCHRONIZE} (transfer, warning" in outcome["hovered"]
    assert outcome["titles"][0].startswith("greenlint: delete the wait (unsafe: ")
    assert f"greenlint: ignore {SYNCHRONIZE} here" in outcome["titles"]
    assert (project / "train.py").read_text() == SCRIPT.replace(WAIT, "")


def test_an_edit(vscode: str, project: Path) -> None:
    do("edit", vscode, project)
    assert (project / "train.py").read_text() == SCRIPT


def test_fix_all(vscode: str, project: Path) -> None:
    do("fixAll", vscode, project)
    assert (project / "train.py").read_text() == SCRIPT.replace(MOVED, MADE_THERE)


def test_fix_on_save(vscode: str, project: Path) -> None:
    configure(project, {"editor.codeActionsOnSave": {"source.fixAll.greenlint": "explicit"}})
    do("fixOnSave", vscode, project)
    assert (project / "train.py").read_text() == SCRIPT.replace(MOVED, MADE_THERE).replace("torch\n", "torch\n\n", 1)


def test_findings_that_stay(vscode: str, project: Path) -> None:
    do("ignore", vscode, project)
    comment = f"  # greenlint: ignore[{SYNCHRONIZE}] it is measured\n"
    assert (project / "train.py").read_text() == SCRIPT.replace(WAIT, f"{WAIT.rstrip()}{comment}")
    assert CREATED in (project / "greenlint-baseline.json").read_text()


def test_the_cost_beside_the_code(vscode: str, project: Path) -> None:
    configure(project, {"greenlint.showCost": "lens"})
    outcome = do("cost", vscode, project)
    assert outcome["above"].startswith("saves 2-15 % of a step")
    code, call, cost = " ".join(outcome["beside"].split()).partition("()")
    assert f"{code}{call}" == WAIT.strip()
    assert cost == "saves 2-15 % of a step (estimate)\N{HORIZONTAL ELLIPSIS}", "VS Code cuts what is longer than 43"


def test_a_notebook(vscode: str, project: Path) -> None:
    notebook = write_notebook(project)
    outcome = do("notebook", vscode, project)
    check_listed(outcome["listed"])
    assert code_in(notebook) == SCRIPT.replace(MOVED, MADE_THERE).rstrip("\n")


def test_a_notebook_fixed_on_save(vscode: str, project: Path) -> None:
    notebook = write_notebook(project)
    configure(project, {"notebook.codeActionsOnSave": {"notebook.source.fixAll.greenlint": "explicit"}})
    do("notebookOnSave", vscode, project)
    assert MADE_THERE in code_in(notebook)
    assert MOVED not in code_in(notebook)


def bare_python(folder: Path, with_pip: bool = False) -> Path:
    """An interpreter without greenlint."""
    venv.create(folder / "bare", with_pip=with_pip)
    return folder / "bare" / "bin" / "python"


def wrapped_python(folder: Path, project: Path) -> Path:
    """The interpreter of the tests, which notes down each server; while there is a file ``broken``, it starts none."""
    script = folder / "python"
    notes = f'[ -e "{project}/broken" ] && exit 3\necho $$ >> "{project}/processes"\n'
    script.write_text(f'#!/bin/sh\nif [ "$2" = server ]; then\n{notes}fi\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    configure(project, {"greenlint.interpreter": str(script)})
    return script


def test_another_interpreter(vscode: str, project: Path, tmp_path: Path) -> None:
    bare = bare_python(tmp_path)
    configure(project, {"greenlint.interpreter": str(bare)})
    outcome = do("interpreter", vscode, project)
    assert f"greenlint is not installed for {bare}." in outcome["message"]
    assert outcome["buttons"] == ["Install greenlint", "Choose interpreter", "Show log"]
    assert "greenlint: not installed" in outcome["status"]
    assert sys.executable in outcome["after"]


def test_greenlint_is_installed_where_the_settings_say(vscode: str, project: Path, tmp_path: Path) -> None:
    bare = bare_python(tmp_path, with_pip=True)
    configure(project, {"greenlint.interpreter": str(bare)})
    assert str(bare) in do("install", vscode, project)["status"]


def test_greenlint_is_installed_into_an_environment_of_its_own(project: Path, tmp_path: Path) -> None:
    bare = bare_python(tmp_path)
    folder = tmp_path / "vscode"
    folder.mkdir()
    path = os.pathsep.join([str(bare.parent), os.environ.get("PATH", "")])
    with running(folder, [packaged()], UNNAMED, {"PATH": path}) as address:
        status = do("install", address, project)["status"]
    assert str(folder / "data" / "User" / "globalStorage") in status
    assert not list(bare.parents[1].glob("lib/python*/site-packages/greenlint*"))


def test_settings_that_change(vscode: str, project: Path) -> None:
    do("settings", vscode, project)


def test_two_folders(vscode: str, project: Path) -> None:
    for name, rules in (("first", [SYNCHRONIZE]), ("second", [CREATED, EVALUATION])):
        (project / name).mkdir()
        (project / name / "greenlint.toml").write_text(f'select = {json.dumps(rules)}\nhardware = "gpu"\n')
        (project / name / f"{name}.py").write_text(SCRIPT)
    workspace = project / "both.code-workspace"
    workspace.write_text(json.dumps({"folders": [{"path": "first"}, {"path": "second"}]}))
    drive(HERE / "drive.cjs", "roots", f"{vscode}/?workspace={quote(str(workspace))}")


def test_a_server_that_does_not_start(vscode: str, project: Path, tmp_path: Path) -> None:
    python = wrapped_python(tmp_path, project)
    (project / "broken").touch()
    outcome = do("noStart", vscode, project)
    assert f"the server does not start with {python}" in outcome["message"]
    assert outcome["buttons"] == ["Restart server", "Show log"]
    assert "greenlint: stopped" in outcome["status"]


def test_a_server_that_keeps_ending(vscode: str, project: Path, tmp_path: Path) -> None:
    wrapped_python(tmp_path, project)
    outcome = do("crash", vscode, project)
    assert outcome["buttons"] == ["Restart server", "Show log"]
    assert "greenlint: stopped" in outcome["status"]
    assert len((project / "processes").read_text().split()) == outcome["started"] == 5


def test_a_wrong_configuration(vscode: str, project: Path) -> None:
    outcome = do("configuration", vscode, project)
    assert "greenlint.toml" in outcome["message"]
    assert "no-such-rule" in outcome["message"]


def test_the_choice_of_the_python_extension(
    tmp_path_factory: pytest.TempPathFactory, project: Path, tmp_path: Path
) -> None:
    bare = bare_python(tmp_path)
    choices = {"GREENLINT_TEST_PYTHON": str(bare), "GREENLINT_TEST_OTHER_PYTHON": sys.executable}
    folder = tmp_path_factory.mktemp("python")
    with running(folder, [packaged(), stand_in(folder)], UNNAMED, choices) as address:
        outcome = do("pythonExtension", address, project)
    assert f"greenlint is not installed for {bare}." in outcome["message"]
    assert sys.executable in outcome["status"]


def stand_in(folder: Path) -> Path:
    """An extension in the place of Microsoft's for Python: the part of its documented interface that is used."""
    package = folder / "python.vsix"
    vsce = EXTENSION / "node_modules" / ".bin" / "vsce"
    options = ["--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", str(package)]
    run([str(vsce), "package", *options], HERE / "python", os.environ.copy())
    return package


def test_the_page_of_a_rule(vscode: str, project: Path) -> None:
    assert do("explain", vscode, project) == {"tab": f"Preview {SYNCHRONIZE}.md", "title": SYNCHRONIZE}


def test_the_log(vscode: str, project: Path) -> None:
    said = do("log", vscode, project)
    assert f"configured by {project / 'greenlint.toml'}" in said["info"]
    assert "checked in" not in said["info"], "that is for the level debug"
    assert re.search(r"train\.py: checked in \d+ ms \(edited\): 3 findings", said["debug"]), said["debug"]
    assert "Sending request" not in said["debug"], "that is for the trace"
    assert "Sending request 'textDocument/diagnostic" in said["messages"]
    assert "Params:" not in said["messages"]
    assert "Params: {    " in said["verbose"]
    assert 'Params: {"textDocument":{"uri":' in said["compact"]
