"""The facts of project modules that one process keeps between files, within a bound."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from greenlint.facts.imports import forget_imports
from greenlint.facts.sources import code_at, told

if TYPE_CHECKING:
    from greenlint.document import Document
    from greenlint.facts import Facts
    from greenlint.facts.glance import Glance
    from greenlint.facts.sources import ProjectSources, RunSettings

__all__ = ["Modules"]

_MOST = 3_200_000
"""Characters of source whose trees and facts are kept, which take about sixty times that in memory.

A package whose modules import each other in bulk is parsed again and again where they do not all fit.
"""


class Modules:
    """Facts by path. One object for each module, so that nodes of the same module are the same nodes."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts | None] = {}
        self._asked: dict[str, set[str]] = {}
        """The modules that the facts of each module rest on."""
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

        When there is too much, all is dropped but what this file is known to rest on. When the text has changed, all
        facts that rest on the old one go: a module known twice would not be recognised as itself.
        """
        from greenlint.document import exchanged
        from greenlint.facts import Facts

        store = cls.of(sources)
        known = store.get(document.path)
        if store._size > _MOST:
            store._drop(but=store._needed(document.path))
        if known is not None and known.document.text == document.text:
            return known
        if document.path in store:
            store._change(document)
            before, after = exchanged(known.document, document) if known is not None else ("", document.text)
            forget_imports(sources, document.path, before, after)
        fresh = Facts(document, sources, settings, glance)
        store.put(document.path, fresh)
        return fresh

    @classmethod
    def renew(cls, sources: ProjectSources, paths: Collection[str]) -> None:
        """Some files have changed: forget them where they are others now, and all that rests on more than one file."""
        store, texts, memo = cls.of(sources), told(sources), sources.shared()
        for path in paths:
            texts.pop(path, None)
        memo.clear()
        memo |= {cls: store, told: texts}
        for path, facts in [*store._facts.items()]:
            if path not in paths:
                if facts is not None:
                    facts.forget(but_own=True)
            elif facts is None or facts.document.text != code_at(sources, path):
                store._remove(path)
        store._asked.clear()

    def _needed(self, path: str) -> set[str]:
        """A module and all that its facts rest on, themselves or through others."""
        needed, new = {path}, [path]
        while new:
            further = self._asked.get(new.pop(), set()) - needed
            needed |= further
            new += further
        return needed

    def _drop(self, *, but: set[str]) -> None:
        for path in self._facts.keys() - but:
            self._asked.pop(path, None)
            self._remove(path)

    def _remove(self, path: str) -> None:
        facts = self._facts.pop(path)
        if facts is not None:
            facts.forget()
            self._size -= len(facts.document.text)

    def _change(self, document: Document) -> None:
        """Forget a module, of which there is a new version, and what is known of others that rests on it."""
        path, lasting = document.path, frozenset(document.parts)
        stale = {path}
        while more := {each for each, asked in self._asked.items() if each not in stale and asked & stale}:
            stale |= more
        for each in stale:
            self._asked.pop(each, None)
            facts = self._facts.get(each)
            if facts is not None:
                facts.forget(but_own=each != path, lasting=lasting)
        facts = self._facts.pop(path)
        self._size -= len(facts.document.text) if facts is not None else 0

    def ask(self, asking: str, path: str) -> None:
        """The facts of one module will rest on those of another."""
        self._asked.setdefault(asking, set()).add(path)

    def __contains__(self, path: object) -> bool:
        return path in self._facts

    def get(self, path: str) -> Facts | None:
        """The facts kept for ``path``."""
        return self._facts.get(path)

    def put(self, path: str, facts: Facts | None) -> None:
        """Keep ``facts``; ``None`` says that the file cannot be read."""
        self._facts[path] = facts
        self._size += len(facts.document.text) if facts is not None else 0
