from __future__ import annotations

import os
from pathlib import Path

import pytest

from greenlint.patterns import PatternList
from greenlint.project_files import ProjectFiles, Scope

OLD = 1_000_000_000
"""Seconds; a time long past, so that stamps are trusted."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "train.py", "import torch\n")
    write(tmp_path, "pkg/model.py", "class Model: ...\n")
    write(tmp_path, "notes.ipynb", "{}")
    write(tmp_path, "config/run.yaml", "precision: 16\n")
    write(tmp_path, "requirements-dev.txt", "torch>=2\n")
    write(tmp_path, "README.md", "words")
    age(tmp_path)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def age(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        os.utime(path, (OLD, OLD))


def opened(root: Path, *exclude: str, git: bool = True) -> ProjectFiles:
    return Scope(str(root), (PatternList(str(root), exclude),), git).open()


def test_reads_text_and_says_what_is_not_there(root: Path) -> None:
    files = opened(root)

    assert files.read("pkg/model.py") == "class Model: ...\n"
    assert files.read("pkg/other.py") is None
    assert files.read("pkg") is None


@pytest.mark.parametrize("path", ["../secret.py", "/etc/passwd", "pkg/../../secret.py", "a\0b.py"])
def test_nothing_outside_the_project_is_read(root: Path, path: str) -> None:
    (root.parent / "secret.py").write_text("secret")

    assert opened(root).read(path) is None


def test_undecodable_files_are_no_text(root: Path) -> None:
    (root / "bad.py").write_bytes(b"x = '\xff'\n")
    (root / "bad.yaml").write_bytes(b"\xff")
    (root / "latin.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\n")
    files = opened(root)

    assert files.read("bad.py") is None
    assert files.read("bad.yaml") is None
    assert files.read("latin.py") == "# coding: latin-1\nx = 'é'\n"


def test_lists_python_and_configuration(root: Path) -> None:
    files = opened(root)

    assert files.python_files() == ["notes.ipynb", "pkg/model.py", "train.py"]
    assert files.config_files() == ["config/run.yaml", "requirements-dev.txt"]


def test_listings_leave_out_what_is_excluded_ignored_or_an_environment(root: Path) -> None:
    write(root, "build/copy.py", "")
    write(root, "env/pyvenv.cfg", "")
    write(root, "env/lib/site.py", "")
    write(root, "runs/old.py", "")
    write(root, ".gitignore", "runs/\n")
    (root / ".git").mkdir()

    assert opened(root, "build", ".git").python_files() == ["notes.ipynb", "pkg/model.py", "train.py"]
    assert "runs/old.py" in opened(root, git=False).python_files()


def test_symbolic_links_to_folders_are_not_followed(root: Path) -> None:
    (root / "pkg" / "loop").symlink_to(root, target_is_directory=True)

    assert opened(root).python_files() == ["notes.ipynb", "pkg/model.py", "train.py"]


def test_an_overlay_counts_in_place_of_the_disk(root: Path) -> None:
    files = Scope(str(root), overlay={"train.py": "unsaved"}).open()

    assert files.read("train.py") == "unsaved"


def test_an_analysis_rests_on_nothing_or_on_all_that_was_read_so_far(root: Path) -> None:
    files = opened(root)
    files.begin()
    assert files.consulted() == 0

    files.read("train.py")
    assert files.consulted() == 1

    files.begin()
    assert files.consulted() == 0
    files.shared()
    assert files.consulted() == 1


def test_each_thing_is_read_once(root: Path) -> None:
    files = opened(root)
    for _ in range(3):
        files.read("train.py")
        files.read("absent.py")

    assert [each.path for each in files.readings] == ["train.py", "absent.py"]


def readings_hold(root: Path, files: ProjectFiles) -> list[str]:
    """The paths of readings that would come out differently now."""
    now = opened(root)
    return [each.path for each in files.readings if not now.unchanged(each)]


def test_readings_notice_changed_new_and_vanished_files(root: Path) -> None:
    files = opened(root)
    for path in ("train.py", "pkg/model.py", "notes.ipynb", "absent.py"):
        files.read(path)
    assert readings_hold(root, files) == []

    write(root, "train.py", "import jax..\n")
    os.utime(root / "pkg/model.py", (OLD + 5, OLD + 5))
    (root / "notes.ipynb").unlink()
    write(root, "absent.py", "")

    assert readings_hold(root, files) == ["train.py", "notes.ipynb", "absent.py"]


def test_listings_notice_new_and_vanished_files_but_not_touched_ones(root: Path) -> None:
    files = opened(root)
    files.python_files()
    assert readings_hold(root, files) == []

    write(root, "pkg/model.py", "changed")
    write(root, "config/words.txt", "of no interest")
    assert readings_hold(root, files) == []

    write(root, "pkg/new.py", "")
    (root / "requirements-dev.txt").unlink()
    assert readings_hold(root, files) == ["./", "pkg/"]


def test_listings_notice_changed_ignore_files(root: Path) -> None:
    write(root, ".gitignore", "build/\n")
    (root / ".git").mkdir()
    age(root)
    files = opened(root)
    files.python_files()

    write(root, ".gitignore", "pkg/\n")
    age(root)
    os.utime(root / ".gitignore", (OLD + 5, OLD + 5))

    assert ".gitignore" in readings_hold(root, files)


def test_more_folders_than_can_be_known_are_not_known(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenlint.project_files._MOST_FOLDERS", 2)

    assert opened(root).python_files() == []


def test_a_saved_file_is_read_again(root: Path) -> None:
    files = opened(root)
    assert files.read("pkg/model.py") == "class Model: ...\n"
    write(root, "pkg/model.py", "new = 1\n")

    assert files.renew(["pkg/model.py"])

    assert files.read("pkg/model.py") == "new = 1\n"


def test_what_a_listing_does_not_have_needs_a_new_one(root: Path) -> None:
    files = opened(root)
    assert files.renew(["fresh.py"])  # nothing was listed yet
    files.python_files()

    assert not files.renew(["fresh.py"])
