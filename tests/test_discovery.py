from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from greenlint.config import Overrides, Resolver
from greenlint.discovery import Discovered, discover, project_root
from greenlint.selection import RuleCatalogue

Make = Callable[..., None]
Find = Callable[..., Discovered]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.chdir(tmp_path)

    def make_files(*names: str, **texts: str) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make_files


@pytest.fixture
def find(tmp_path: Path) -> Find:
    def find_in(*paths: str | Path, explain: bool = False, **flags: object) -> Discovered:
        overrides = Overrides.read(flags={key.replace("_", "-"): value for key, value in flags.items()})
        resolver = Resolver(lambda _: RuleCatalogue({}), overrides, cwd=tmp_path)
        return discover(paths or (".",), resolver.settings_for_folder, explain=explain)

    return find_in


def names(found: Iterable[Path]) -> list[str]:
    return [each.as_posix() for each in found]


def reasons(pairs: Iterable[tuple[Path, str]]) -> dict[str, str]:
    return {path.as_posix(): why for path, why in pairs}


def test_folders_hold_python_files_stubs_and_notebooks(make: Make, find: Find) -> None:
    make("b.py", "a.pyi", "deep/er/c.ipynb", "d.txt", "e.pyc", "f", "py", ".hidden.py", ".hidden/g.py")
    found = find()
    assert names(found.files) == [".hidden.py", ".hidden/g.py", "a.pyi", "b.py", "deep/er/c.ipynb"]
    assert (found.skipped, found.missing, found.excluded) == ([], [], [])


def test_paths_come_back_as_they_were_given(make: Make, find: Find, tmp_path: Path) -> None:
    make("src/a.py")
    assert names(find("src").files) == ["src/a.py"]
    assert names(find("./src/").files) == ["src/a.py"]
    assert names(find("src/../src/a.py").files) == ["src/a.py"]
    assert find(tmp_path).files == [tmp_path / "src/a.py"]
    assert names(find(Path("src")).files) == ["src/a.py"]


def test_paths_above_the_working_directory(
    make: Make, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("src/a.py", "cwd/b.py")
    monkeypatch.chdir(tmp_path / "cwd")
    assert names(find("../src").files) == ["../src/a.py"]


def test_each_file_comes_once(make: Make, find: Find, tmp_path: Path) -> None:
    make("src/a.py", "src/deep/b.py")
    found = find("src", "src/a.py", "./src/a.py", "src/deep", ".", tmp_path)
    assert names(found.files) == ["src/a.py", "src/deep/b.py"]


def test_nothing_given_is_nothing_found(find: Find, tmp_path: Path) -> None:
    resolver = Resolver(lambda _: RuleCatalogue({}), cwd=tmp_path)
    assert discover([], resolver.settings_for_folder) == Discovered()


def test_paths_that_do_not_exist_are_reported(make: Make, find: Find, tmp_path: Path) -> None:
    make("a.py")
    (tmp_path / "broken.py").symlink_to("nowhere")
    found = find("a.py", "no.py", "no/deep", "broken.py", "a.py/below", "nul\0byte")
    assert names(found.files) == ["a.py"]
    assert names(found.missing) == ["no.py", "no/deep", "broken.py", "a.py/below", "nul\0byte"]


# Given files


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("a.py", "", True),
        ("a.PY", "", True),
        ("a.pyw", "", True),
        ("train", "#!/usr/bin/env python3\n", True),
        ("train", "#! /opt/python3.11 -u\n", True),
        ("train", "#!/usr/bin/env -S uv run python\n", True),
        ("train", "#!/bin/sh\npython", False),
        ("train", "#!/usr/bin/pythonic\n", False),
        ("train", "print()", False),
        ("train.sh", "#!/usr/bin/env python3\n", False),
        ("a.txt", "import torch", False),
        ("Makefile", "", False),
    ],
)
def test_given_files_are_python_by_name_or_first_line(
    make: Make, find: Find, tmp_path: Path, name: str, text: str, accepted: bool
) -> None:
    make(name)
    (tmp_path / name).write_text(text)
    found = find(name)
    assert bool(found.files) is accepted
    assert reasons(found.skipped) == ({} if accepted else {name: "not a Python file or notebook"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_are_never_opened(make: Make, find: Find, tmp_path: Path) -> None:
    make("a.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert reasons(find("pipe.py").skipped) == {"pipe.py": "not a regular file"}
    assert names(find().files) == ["a.py"]


# Exclusion


def test_folders_of_tools_are_left_out(make: Make, find: Find) -> None:
    make("a.py", ".venv/b.py", "x/node_modules/c.py", "build/d.py", "x/.ipynb_checkpoints/e.ipynb", "dist.py")
    make(".git/hooks/f.py", "x/site-packages/g.py", "__pypackages__/h.py", ".tox/i.py")
    assert names(find().files) == ["a.py", "dist.py"]


def test_virtual_environments_of_any_name_are_left_out(make: Make, find: Find) -> None:
    make("a.py", "my-env/pyvenv.cfg", "my-env/lib/b.py")
    found = find(explain=True)
    assert names(found.files) == ["a.py"]
    assert reasons(found.excluded) == {"my-env": "a virtual environment"}
    assert names(find("my-env").files) == ["my-env/lib/b.py"]


def test_parents_of_the_project_are_never_matched(
    make: Make, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("build/venv/project/greenlint.toml", "build/venv/project/src/a.py", "build/venv/project/build/b.py")
    assert names(find("build/venv/project").files) == ["build/venv/project/src/a.py"]
    project = tmp_path / "build/venv/project"
    monkeypatch.chdir(project)
    resolver = Resolver(lambda _: RuleCatalogue({}), Overrides(flags={"force-exclude": True}), cwd=project)
    found = discover(["src/a.py", "build/b.py"], resolver.settings_for_folder)
    assert names(found.files) == ["src/a.py"]


def test_exclude_replaces_and_extend_exclude_adds(make: Make, find: Find, tmp_path: Path) -> None:
    make("a.py", "build/b.py", "gen/c.py", "src/gen/d.py", "src/e_pb2.py", "src/keep/f.py")
    assert names(find(extend_exclude=["src/gen", "*_pb2.py"]).files) == ["a.py", "gen/c.py", "src/keep/f.py"]
    found = find(exclude=["gen"], explain=True)
    assert names(found.files) == ["a.py", "build/b.py", "src/e_pb2.py", "src/keep/f.py"]
    assert reasons(found.excluded) == {"gen": "excluded by `gen`", "src/gen": "excluded by `gen`"}


def test_include_says_what_is_looked_for(make: Make, find: Find) -> None:
    make("a.py", "b.ipynb", "src/c.py", "src/deep/d.py", "src/e.pyx")
    assert names(find(include=["*.ipynb"]).files) == ["b.ipynb"]
    assert names(find(include=["src/**/*.py", "*.pyx"]).files) == ["src/c.py", "src/deep/d.py", "src/e.pyx"]
    assert names(find("b.ipynb", include=["src/**"]).files) == ["b.ipynb"]


def test_given_paths_are_checked_although_excluded(make: Make, find: Find) -> None:
    make("build/a.py", "build/deep/b.py", "build/venv/c.py")
    assert names(find("build/a.py").files) == ["build/a.py"]
    assert names(find("build").files) == ["build/a.py", "build/deep/b.py"]
    assert names(find("build/deep").files) == ["build/deep/b.py"]


def test_force_exclude_says_why(make: Make, find: Find, tmp_path: Path) -> None:
    make("a.py", "build/deep/b.py", "src/gen/c.py", "notes/d.py")
    (tmp_path / ".greenlintignore").write_text("notes/\n")
    paths = ("a.py", "build/deep/b.py", "build", "src/gen/c.py", "notes/d.py", "notes")
    found = find(*paths, force_exclude=True, extend_exclude=["src/gen"])
    assert names(found.files) == ["a.py"]
    assert reasons(found.skipped) == {
        "build/deep/b.py": "excluded by `build` (force-exclude)",
        "build": "excluded by `build` (force-exclude)",
        "src/gen/c.py": "excluded by `src/gen` (force-exclude)",
        "notes/d.py": "ignored by .greenlintignore (force-exclude)",
        "notes": "ignored by .greenlintignore (force-exclude)",
    }


def test_each_folder_follows_its_own_configuration(make: Make, find: Find, tmp_path: Path) -> None:
    make("a/gen/x.py", "b/gen/y.py", "b/own/z.py")
    (tmp_path / "greenlint.toml").write_text('extend-exclude = ["gen"]')
    (tmp_path / "b" / "pyproject.toml").write_text('[tool.greenlint]\nextend-exclude = ["./own"]')
    assert names(find().files) == ["b/gen/y.py"]


# Ignore files


def test_gitignore_files_nest(make: Make, find: Find, tmp_path: Path) -> None:
    make(".git/HEAD", "a.py", "logs/b.py", "out/c.py", "src/d.py", "src/e.py", "src/logs/f.py", "src/out/g.py")
    (tmp_path / ".gitignore").write_text("# a comment\nlogs/\n/out\n*e.py\n")
    (tmp_path / "src/.gitignore").write_text("!e.py\nd.py\n")
    found = find(explain=True)
    assert names(found.files) == ["a.py", "src/e.py", "src/out/g.py"]
    assert reasons(found.excluded) == {
        ".git": "excluded by `.git`",
        "logs": "ignored by .gitignore",
        "out": "ignored by .gitignore",
        "src/d.py": "ignored by .gitignore",
        "src/logs": "ignored by .gitignore",
    }


def test_ignore_files_above_the_given_folder_count(make: Make, find: Find, tmp_path: Path) -> None:
    make(".git/HEAD", "src/deep/a.py", "src/deep/b.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert names(find("src/deep").files) == ["src/deep/b.py"]


def test_ignore_files_above_a_project_without_git_do_not(
    make: Make, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("project/pyproject.toml", "project/src/a.py")
    (tmp_path / ".gitignore").write_text("*\n")
    assert names(find("project").files) == ["project/src/a.py"]
    (tmp_path / "project/.gitignore").write_text("a.py\n")
    assert names(find("project/src").files) == []


def test_a_given_folder_is_searched_although_ignored(make: Make, find: Find, tmp_path: Path) -> None:
    make(".git/HEAD", "data/deep/a.py", "data/deep/b.py")
    (tmp_path / ".gitignore").write_text("data/\n")
    (tmp_path / "data/.gitignore").write_text("b.py\n")
    assert names(find().files) == []
    assert names(find("data/deep").files) == ["data/deep/a.py"]


def test_respect_gitignore_can_be_switched_off(make: Make, find: Find, tmp_path: Path) -> None:
    make(".git/info/exclude", "a.py", "b.py", "c.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    (tmp_path / ".git/info/exclude").write_text("b.py\n")
    (tmp_path / ".greenlintignore").write_text("c.py\n")
    assert names(find().files) == []
    assert names(find(respect_gitignore=False).files) == ["a.py", "b.py"]


def test_our_own_ignore_file_wins_over_git(make: Make, find: Find, tmp_path: Path) -> None:
    make(".git/HEAD", "a.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    (tmp_path / ".greenlintignore").write_text("!a.py\n")
    assert names(find().files) == ["a.py"]


def test_info_exclude_of_a_worktree(make: Make, find: Find, tmp_path: Path) -> None:
    make("main/.git/info/exclude", "main/.git/worktrees/w/commondir", "w/a.py", "w/b.py")
    (tmp_path / "main/.git/info/exclude").write_text("a.py\n")
    (tmp_path / "main/.git/worktrees/w/commondir").write_text("../..\n")
    (tmp_path / "w/.git").write_text(f"gitdir: {tmp_path}/main/.git/worktrees/w\n")
    assert names(find("w").files) == ["w/b.py"]


def test_ignore_files_that_are_no_text_or_no_patterns(make: Make, find: Find, tmp_path: Path) -> None:
    make(".git/HEAD", "a.py", "b.py", "sub/.gitignore/c.py")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfa.py\r\n!\n\xff\xfe[\n\n")
    assert names(find().files) == ["b.py", "sub/.gitignore/c.py"]


PATTERNS = r"""
*.py a.py /a.py b/ /b b/a.py b/* b/** **/a.py a/**/b.py !a.py !b/ !/b/a.py !*.py [ab].py ?.py a* *b \!a.py
/a/* !/a/b c c/**/d.py !c/d.py **/b/ **/b/** a/b/ #x d*/ !d.py [!a].py [[:alpha:]].py [a-b].py a\*.py */a.py
a/b a/**b.py ***/ a/*/*.py !c b\ .. ** * !** !* !*/ /**/c [^a]* [a.py ! / // !/ */**
""".split()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_agrees(make: Make, find: Find, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "."], check=True, cwd=tmp_path)
    folders = ["", "a/", "b/", "c/", "a/b/", "b/a/", "c/b/", "a/b/c/", "d/"]
    make(*(f"{folder}{name}.py" for folder in folders for name in "abcd"))
    every = names(find(respect_gitignore=False).files)
    rng = random.Random(7)
    for _ in range(12):
        for folder in ("", "a/", "b/"):
            lines = rng.sample(PATTERNS, rng.randint(0, 5))
            (tmp_path / folder / ".gitignore").write_text("\n".join(lines) + "\n")
        answer = subprocess.run(
            ["git", "check-ignore", "--no-index", "--stdin"],
            input="\n".join(every),
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        ignored = set(answer.stdout.splitlines())
        assert names(find().files) == [each for each in every if each not in ignored]


# Trees that are not as they should be


def test_links_to_folders_are_not_followed(make: Make, find: Find, tmp_path: Path) -> None:
    make("a/b/x.py", "other/y.py")
    (tmp_path / "a/b/up").symlink_to("../..")
    (tmp_path / "a/other").symlink_to("../other")
    assert names(find("a").files) == ["a/b/x.py"]
    assert names(find("a/other").files) == ["a/other/y.py"]


def test_a_given_loop_ends(make: Make, find: Find, tmp_path: Path) -> None:
    make("a/x.py")
    (tmp_path / "a/loop").symlink_to("loop")
    (tmp_path / "a/self").symlink_to(".")
    found = find("a", "a/loop")
    assert names(found.files) == ["a/x.py"]
    assert names(found.missing) == ["a/loop"]


def test_links_to_files_count_once(make: Make, find: Find, tmp_path: Path) -> None:
    make("real.py", "outside/data.txt")
    (tmp_path / "one.py").symlink_to("real.py")
    (tmp_path / "outside" / "kept.py").symlink_to("data.txt")
    (tmp_path / "outside" / "again.py").symlink_to("data.txt")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    assert names(find().files) == ["outside/again.py", "real.py"]
    assert names(find("one.py").files) == ["one.py"]


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the file system takes no such names")
def test_names_that_are_not_utf8(make: Make, find: Find, tmp_path: Path) -> None:
    make("a.py")
    raw = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(raw)).mkdir()
    Path(os.fsdecode(raw + b"/\xff.py")).touch()
    (tmp_path / ".greenlintignore").write_text("b.py\n")
    assert [os.fsencode(each) for each in find().files] == [b"a.py", b"caf\xe9/\xff.py"]


def test_folders_that_vanish_are_passed_over(
    make: Make, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("a.py", "gone/b.py", "secret/c.py")
    scandir = os.scandir

    def flaky(path: str) -> Any:
        if path.endswith("gone"):
            raise FileNotFoundError(2, "No such file or directory", path)
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", flaky)
    found = find()
    assert names(found.files) == ["a.py"]
    assert reasons(found.skipped) == {"secret": "cannot be read: permission denied"}


def test_deep_trees_do_not_overflow(make: Make, find: Find) -> None:
    make("d/" * 300 + "a.py")
    assert len(find().files) == 1


# Projects


@pytest.mark.parametrize(
    "marker", ["pyproject.toml", "setup.py", "setup.cfg", ".git/HEAD", "greenlint.toml", ".greenlint.toml"]
)
def test_project_root_is_the_closest_marked_folder(make: Make, tmp_path: Path, marker: str) -> None:
    make("setup.py", f"inner/{marker}", "inner/src/a.py")
    assert project_root(tmp_path / "inner/src/a.py") == tmp_path / "inner"
    assert project_root(Path("inner/src")) == tmp_path / "inner"
    assert project_root(tmp_path / "elsewhere") == tmp_path
