"""Editors without a screen, with the clients they come with, do what their users do."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SAFE, UNSAFE = "created-on-cpu-then-moved", "explicit-synchronize-in-step"
WASTE = '    for _ in loader: loss = model(_).sum(); "\N{GRINNING FACE}"; loss.backward(); torch.cuda.synchronize()'
WAIT = "        torch.cuda.synchronize()\n"
SCRIPT = f"""\
import torch

device = torch.device("cuda")


def train(model, loader, criterion, optimizer):
    for images, labels in loader:
        "\N{GRINNING FACE}"; mask = torch.ones(64, 3, 224, 224).to(device)
        loss = criterion(model(images.to(device) * mask), labels.to(device))
        loss.backward()
        optimizer.step()
{WAIT}"""
EDITORS = {
    "neovim": ("nvim", ["--headless", "--clean", "-n", "-u", "NONE", "-S", str(HERE / "neovim" / "drive.lua")]),
    "emacs": ("emacs", ["--batch", "-Q", "-l", str(HERE / "emacs" / "drive.el")]),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "greenlint.toml").write_text(f'select = ["{SAFE}", "{UNSAFE}"]\nhardware = "gpu"\n')
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def write_task(project: Path) -> Path:
    """What the editor is to do, and where it writes what came of it."""
    server = f"echo $$ > server.pid; exec {shlex.quote(sys.executable)} -m greenlint server --stdio"
    task = {
        "command": ["sh", "-c", f"cd {shlex.quote(str(project))}; {server}"],
        "folder": str(project),
        "file": str(project / "train.py"),
        "outcome": str(project / "outcome.json"),
        "codes": [SAFE, UNSAFE],
        "safe": SAFE,
        "quick_fix": {"code": UNSAFE, "title": "greenlint: delete the wait"},
        "waste": WASTE,
        "suppression": f"greenlint: ignore {UNSAFE} here, with a reason",
    }
    path = project / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    return path


def drive(editor: str, project: Path) -> dict[str, Any]:
    """Run an editor; what it wrote down."""
    program, arguments = EDITORS[editor]
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    environment = {
        **os.environ,
        "GREENLINT_TASK": str(write_task(project)),
        "HOME": str(project),
        "LC_ALL": "C.UTF-8",
        "XDG_STATE_HOME": str(project / "state"),
    }
    ended = subprocess.run(
        [found, *arguments], env=environment, cwd=project, capture_output=True, text=True, timeout=180, check=False
    )
    outcome = project / "outcome.json"
    said = f"{ended.stdout}\n{ended.stderr}"
    assert outcome.exists(), said
    result: dict[str, Any] = json.loads(outcome.read_text("utf-8"))
    assert result["step"] == "done", f"{result}\n{said}"
    return result


def has_ended(process: int, seconds: float = 10) -> bool:
    """Whether a process is gone, or goes within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("editor", EDITORS)
def test_what_a_user_does(editor: str, project: Path) -> None:
    outcome = drive(editor, project)

    severity = "warn"
    assert outcome["diagnostics"] == [
        {
            "line": 8,
            "text": "torch.ones(64, 3, 224, 224).to(device)",
            "severity": severity,
            "code": SAFE,
            "source": "greenlint",
        },
        {
            "line": 12,
            "text": "torch.cuda.synchronize()",
            "severity": severity,
            "code": UNSAFE,
            "source": "greenlint",
        },
    ]
    assert "Cost" in outcome["hover"]
    assert UNSAFE in outcome["hover"]
    assert any(each.startswith(f"greenlint: ignore {UNSAFE} here") for each in outcome["titles"]), outcome["titles"]
    assert outcome["after_quick_fix"] == SCRIPT.replace(WAIT, "")
    fixed = "torch.ones(64, 3, 224, 224, device=device)"
    assert outcome["after_fix_all"] == SCRIPT.replace(WAIT, "").replace("torch.ones(64, 3, 224, 224).to(device)", fixed)
    comment = f"    # greenlint: ignore[{UNSAFE}] <reason>\n"
    assert outcome["after_suppression"] == f"{outcome['after_fix_all']}{comment}{WASTE}\n"
    assert (project / "train.py").read_text("utf-8") == SCRIPT, "nothing was saved"
    assert has_ended(int((project / "server.pid").read_text()))
