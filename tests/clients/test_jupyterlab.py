"""JupyterLab with jupyterlab-lsp marks findings in the cells of a notebook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.browser import check_driver, drive, free_port, needed, served

HERE = Path(__file__).parent / "jupyterlab"
RULE = "explicit-synchronize-in-step"


def check_extension(lab: str) -> None:
    """Skip without the extension of JupyterLab."""
    python = Path(lab).resolve().parent / "python"  # pipx and others link to it
    if subprocess.run([str(python), "-c", "import jupyterlab_lsp"], capture_output=True, check=False).returncode:
        pytest.skip("jupyterlab-lsp is not installed beside jupyter-lab")


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[str]:
    """The address of the notebook in a JupyterLab of its own."""
    program = needed("jupyter-lab")
    check_extension(program)
    check_driver()
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
    folder = f"--notebook-dir={project}"
    address = f"http://127.0.0.1:{port}"
    with served([program, *options, folder], f"{address}/api", tmp_path, environment):
        yield f"{address}/lab/tree/train.ipynb?reset"


def test_findings_are_marked_in_cells(notebook: str) -> None:
    outcome = drive(HERE / "drive.cjs", notebook)

    assert outcome["marks"] == [{"text": "torch.cuda.synchronize()", "warning": True}]
    assert "empties the device's queue in every training step" in outcome["hover"]
    assert outcome["hover"].endswith("greenlint")
    assert outcome["marks_after_edit"] == 0
