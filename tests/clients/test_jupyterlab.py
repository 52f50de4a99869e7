"""JupyterLab with jupyterlab-lsp marks findings in the cells of a notebook."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "jupyterlab"
RULE = "explicit-synchronize-in-step"


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def check_modules(lab: str, node: str) -> None:
    """Skip without the extension of JupyterLab, or without the driver of the browser."""
    python = Path(lab).parent / "python"
    if subprocess.run([str(python), "-c", "import jupyterlab_lsp"], capture_output=True, check=False).returncode:
        pytest.skip("jupyterlab-lsp is not installed beside jupyter-lab")
    if subprocess.run([node, "-e", "require('playwright-core')"], capture_output=True, check=False).returncode:
        pytest.skip("playwright-core is not installed, or NODE_PATH does not name its folder")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_up(address: str, lab: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and lab.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[str]:
    """The address of the notebook in a JupyterLab of its own."""
    program = needed("jupyter-lab")
    check_modules(program, needed("node"))
    needed("chromium")
    project, settings = tmp_path / "project", tmp_path / "config" / "jupyter_server_config.d"
    project.mkdir()
    settings.mkdir(parents=True)
    shutil.copy(HERE / "train.ipynb", project)
    shutil.copy(HERE / "greenlint.json", settings)
    (project / "greenlint.toml").write_text(f'select = ["{RULE}"]\n')
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "JUPYTER_CONFIG_PATH": str(settings.parent),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    port = free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    address, log = f"http://127.0.0.1:{port}", tmp_path / "lab.log"
    with log.open("wb") as out:
        lab = subprocess.Popen([program, *options], cwd=project, env=environment, stdout=out, stderr=out)
    try:
        wait_until_up(address, lab, log)
        yield f"{address}/lab/tree/train.ipynb?reset"
    finally:
        lab.terminate()
        lab.wait(30)


def test_findings_are_marked_in_cells(notebook: str) -> None:
    picture = os.environ.get("GREENLINT_PICTURE")
    arguments = [notebook, needed("chromium"), *([picture] if picture else [])]
    command = [needed("node"), str(HERE / "drive.cjs"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout)

    assert outcome["marks"] == [{"text": "torch.cuda.synchronize()", "warning": True}]
    assert "empties the device's queue in every training step" in outcome["hover"]
    assert outcome["hover"].endswith("greenlint")
    assert outcome["marks_after_edit"] == 0
