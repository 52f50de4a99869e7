"""The pages of the rules are what the rules say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_committed_pages_are_current() -> None:
    spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    wanted = dict(module.pages())
    committed = {path.relative_to(DOCS).as_posix() for path in (DOCS / "rules").glob("*.md")} | {"rules.md", "fixes.md"}
    assert committed == set(wanted), "run `python docs/pages.py`"
    stale = [path for path, text in wanted.items() if (DOCS / path).read_text(encoding="utf-8") != text]
    assert stale == [], "run `python docs/pages.py`"
