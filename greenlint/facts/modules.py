"""The facts of project modules that one process keeps between files, within a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from greenlint.document import Document
    from greenlint.facts import Facts
    from greenlint.facts.glance import Glance
    from greenlint.facts.sources import ProjectSources, RunSettings

__all__ = ["Modules"]

_MOST = 800_000
"""Characters of source whose trees are kept; a tree takes more than a hundred times its text in memory."""


class Modules:
    """Facts by path. One object for each module, so that nodes of the same module are the same nodes."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts | None] = {}
        self._size = 0

    @classmethod
    def of(cls, sources: ProjectSources) -> Modules:
        """The store shared by all files that are checked with ``sources``."""
        memo = sources.shared()
        return cast("Modules", memo.setdefault(cls, cls()))

    @classmethod
    def begin(
        cls, document: Document, sources: ProjectSources, settings: RunSettings, glance: Glance | None = None
    ) -> Facts:
        """The facts of a file about to be checked: those kept from when another file asked, or new ones.

        Everything is dropped at once when there is too much, or when the text has changed: facts refer to each other,
        and a module known twice would not be recognised as itself.
        """
        from greenlint.facts import Facts

        store = cls.of(sources)
        known = store.get(document.path)
        if known is not None and known.document.text == document.text and store._size <= _MOST:
            return known
        changed = document.path in store and (known is None or known.document.text != document.text)
        if changed or store._size > _MOST:
            store._clear()
        if changed:
            # What texts told of the project may rest on the old text too.
            sources.shared().clear()
            store = cls.of(sources)
        fresh = Facts(document, sources, settings, glance)
        store.put(document.path, fresh)
        return fresh

    def _clear(self) -> None:
        for facts in self._facts.values():
            if facts is not None:
                facts.forget()
        self._facts.clear()
        self._size = 0

    def __contains__(self, path: object) -> bool:
        return path in self._facts

    def get(self, path: str) -> Facts | None:
        """The facts kept for ``path``."""
        return self._facts.get(path)

    def put(self, path: str, facts: Facts | None) -> None:
        """Keep ``facts``; ``None`` says that the file cannot be read."""
        self._facts[path] = facts
        self._size += len(facts.document.text) if facts is not None else 0
