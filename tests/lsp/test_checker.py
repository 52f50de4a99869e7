"""What is checked again when files change."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlint.lsp.checker import Checker
from greenlint.lsp.settings import EditorSettings

TRAIN = """\
import torch
from net import build

model = build().cuda()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    loss = torch.nn.functional.cross_entropy(model(x.cuda()), y.cuda())
    loss.backward()
    optimizer.step()
"""
SMALL = "def build():\n    return make()\n"
LARGE = "from torchvision import models\n\ndef build():\n    return models.resnet50()\n"
RULE = "torch-train-without-amp"


def found(checker: Checker, path: Path) -> set[str]:
    return {each.rule for each in checker.examine(str(path), path.read_bytes()).result.findings}


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    """Has checked a script that trains a network of another module, of which nothing is known."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "net.py").write_text(SMALL)
    checker = Checker(tmp_path, EditorSettings())
    assert RULE not in found(checker, tmp_path / "train.py")
    return checker


def test_a_saved_file_counts_for_those_that_import_it(checker: Checker, tmp_path: Path) -> None:
    net = tmp_path / "net.py"
    net.write_text(LARGE)
    checker.refresh(str(net))

    assert RULE in found(checker, tmp_path / "train.py")


def test_a_file_with_a_broken_configuration_hides_no_change(checker: Checker, tmp_path: Path) -> None:
    broken = tmp_path / "part"
    broken.mkdir()
    (broken / "greenlint.toml").write_text("select = 1\n")
    (broken / "other.py").write_text("")

    net = tmp_path / "net.py"
    net.write_text(LARGE)
    checker.refresh(str(broken / "other.py"), str(net))

    assert RULE in found(checker, tmp_path / "train.py")
