"""What the code means: facts computed once per file and shared by all rules.

``facts[Kind]`` answers with the one instance of ``Kind`` for this file, built on first use. A kind is any class whose
constructor takes the ``Facts`` object, built in or a plug-in's own. Facts are three-valued: ``None`` is *not known*.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from greenlint.facts.glance import Glance
from greenlint.facts.sources import EMPTY_PROJECT, ProjectSources, RunSettings

if TYPE_CHECKING:
    from greenlint.document import Document, Part

__all__ = ["CyclicFactsError", "FactKind", "Facts"]


class FactKind(Protocol):
    """A unit of knowledge about one file."""

    def __init__(self, facts: Facts, /) -> None: ...


class CyclicFactsError(Exception):
    """Facts that need each other; the message names the chain."""


K = TypeVar("K")


class Facts:
    """The typed, memoising door to everything known about one file."""

    __slots__ = ("_made", "_making", "document", "glance", "settings", "sources")

    def __init__(
        self,
        document: Document,
        sources: ProjectSources = EMPTY_PROJECT,
        settings: RunSettings | None = None,
        glance: Glance | None = None,
    ) -> None:
        self.document = document
        self.sources = sources
        self.settings = settings if settings is not None else RunSettings()
        self.glance = glance if glance is not None else self._glance()
        """What text alone tells; kinds with ``of_text`` are made of it."""
        self._made: dict[type, object] = {}
        self._making: list[type] = []

    def _glance(self) -> Glance:
        document = self.document
        return Glance(document.path, document.text, self.sources, self.settings, is_notebook=document.is_notebook)

    def forget(self, *, but_own: bool = False, lasting: Container[Part] = ()) -> None:
        """Drop what is known: facts refer to each other, so that nothing else would free them at once.

        ``but_own`` keeps the kinds with ``of_document``, which look at nothing but this file; ``lasting`` are the parts
        that its next version shares.
        """
        self.glance.forget()
        for kind, made in list(self._made.items()):
            if but_own and getattr(kind, "of_document", False):
                continue
            let_go = getattr(made, "let_go", None)
            if let_go is not None:
                let_go(lasting)
            del self._made[kind]

    def __getitem__(self, kind: type[K]) -> K:
        made = self._made.get(kind)
        if made is not None:
            return made  # type: ignore[return-value] # a call of cast() would cost as much as the rest
        if getattr(kind, "of_text", False):
            self._made[kind] = fresh = self.glance[kind]
            return fresh
        if kind in self._making:
            chain = [*self._making[self._making.index(kind) :], kind]
            raise CyclicFactsError(" -> ".join(each.__name__ for each in chain))
        self._making.append(kind)
        try:
            fresh = cast("Any", kind)(self)
        finally:
            self._making.pop()
        self._made[kind] = fresh
        return cast("K", fresh)
