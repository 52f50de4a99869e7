"""The documentation of rules as files that an editor can open; there is no network to ask."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from greenlint.docs import markdown_page
from greenlint.rule import Rule

__all__ = ["Pages"]


class Pages:
    """Writes the page of a rule to a temporary folder when it is first asked for, in whichever thread."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._uris: dict[type[Rule], str | None] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def uri(self, rule: type[Rule] | None) -> str | None:
        """Where the page of a rule can be opened; ``None`` when there is none, or it cannot be written."""
        if rule is None:
            return None
        with self._lock:
            if self._is_closed:
                return None
            if rule not in self._uris:
                self._uris[rule] = self._written(rule)
            return self._uris[rule]

    def close(self) -> None:
        """Remove the pages, and write no more."""
        with self._lock:
            self._is_closed = True
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _written(self, rule: type[Rule]) -> str | None:
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="greenlint-rules-"))
            page = self._folder / f"{rule.name}.md"
            page.write_text("\n".join(markdown_page(rule)) + "\n", encoding="utf-8")
        except OSError:
            return None
        return page.as_uri()
