"""What ships: every package of the tree is in the list of packages, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


def test_the_package_list_is_the_tree() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    engine = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "greenlint").rglob("__init__.py")}
    rules = {
        ".".join(("greenlint_rules", *path.parent.relative_to(ROOT / "rules").parts))
        for path in (ROOT / "rules").rglob("__init__.py")
    }
    assert set(listed) == engine | rules | {"greenlint_rules.evidence"}
    assert len(listed) == len(set(listed))


def test_the_version_is_stated_once() -> None:
    from greenlint.version import __version__

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
