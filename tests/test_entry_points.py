from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from greenlint.entry_points import entry_points


def install(folder: Path, name: str, text: str) -> None:
    metadata = folder / name
    metadata.mkdir(parents=True)
    project, _, version = name.rpartition(".")[0].partition("-")
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(text)


def test_names_and_values_of_one_group(tmp_path: Path) -> None:
    install(
        tmp_path,
        "acme-1.0.dist-info",
        "[console_scripts]\nacme = acme.cli:main\n\n[greenlint.rules]\n# a remark\none = acme.rules\n"
        "two=acme.more : thing [extra]\n\n[other]\nthree = acme.other\n",
    )
    install(tmp_path, "plain-1.0.dist-info", "[console_scripts]\nplain = plain:main\n")
    install(tmp_path, "old.egg-info", "[ greenlint.rules ]\r\nold = old_rules\r\n")
    (tmp_path / "broken-1.0.dist-info").write_text("a file")
    assert entry_points("greenlint.rules", [str(tmp_path), str(tmp_path / "nowhere")]) == {
        "acme.rules": "one",
        "acme.more": "two",
        "old_rules": "old",
    }


def test_the_first_distribution_of_a_project_counts(tmp_path: Path) -> None:
    install(tmp_path / "first", "Acme_Rules-2.0.dist-info", "[greenlint.rules]\nnew = acme_new\n")
    install(tmp_path / "second", "acme.rules-1.0.dist-info", "[greenlint.rules]\nold = acme_old\n")
    path = [str(tmp_path / "first"), str(tmp_path / "second")]
    assert entry_points("greenlint.rules", path) == {"acme_new": "new"}
    assert entry_points("greenlint.rules", path[::-1]) == {"acme_old": "old"}


def test_packed_programs_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "program.pyz"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        archive.writestr("acme-1.0.dist-info/entry_points.txt", "[greenlint.rules]\nacme = acme_rules\n")
    monkeypatch.syspath_prepend(packed)
    assert entry_points("greenlint.rules", sys.path)["acme_rules"] == "acme"


def test_it_agrees_with_the_standard_library() -> None:
    from importlib import metadata

    for group in ("console_scripts", "pytest11"):
        expected = {each.value.partition(":")[0].strip() for each in metadata.entry_points(group=group)}
        assert set(entry_points(group, sys.path)) == {each.partition("[")[0].strip() for each in expected}
