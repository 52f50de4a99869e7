"""The documentation of rules as files that an editor can open; there is no network to ask."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from greenlint.docs import markdown_page
from greenlint.rule import Rule

__all__ = ["Pages"]


class Pages:
    """Writes the page of a rule to a temporary folder when it is first asked for."""

    def __init__(self, find: Callable[[str], type[Rule] | None]) -> None:
        self._find = find
        self._folder: Path | None = None
        self._uris: dict[str, str | None] = {}

    def uri(self, name: str) -> str | None:
        """Where the page of a rule can be opened; ``None`` when it cannot be written."""
        if name not in self._uris:
            self._uris[name] = self._written(name)
        return self._uris[name]

    def close(self) -> None:
        """Remove the pages."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _written(self, name: str) -> str | None:
        rule = self._find(name)
        if rule is None:
            return None
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="greenlint-rules-"))
            page = self._folder / f"{name}.md"
            page.write_text("\n".join(markdown_page(rule)) + "\n", encoding="utf-8")
        except OSError:
            return None
        return page.as_uri()
