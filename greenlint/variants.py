"""Other forms of an example that mean the same: a rule has to find the same lines in all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import libcst as cst

from greenlint.document import Document
from greenlint.edits import wrap
from greenlint.finding import Edit, Span, apply_edits
from greenlint.form import Form
from greenlint.rearranged import cells, commented, moved, notebook_of, renamed

__all__ = ["VARIANTS", "Form", "expected_of", "variants"]


def variants(
    form: Form, document: Document, others: Mapping[str, str], marked: Collection[int] = ()
) -> Iterator[tuple[str, Form]]:
    """The other forms of an example that make sense for it, with their names.

    ``others`` are the other files of the example's project, ``marked`` the lines that have a finding.
    """
    is_alone = not _mentions(others, PurePosixPath(form.path).stem)
    for name, (make, moves_code) in VARIANTS.items():
        if is_alone or not moves_code:
            made = moved(form, document, marked) if make is moved else make(form, document)
            if made is not None:
                yield name, made


def expected_of(name: str, fixed: Document) -> str | None:
    """What a fix makes of a form, when that follows from what it makes of the example as written."""
    if name == "notebook":
        return fixed.text
    if name == "crlf":
        return fixed.text.replace("\n", "\r\n")
    return fixed.tree.with_changes(default_indent="\t").code if name == "tabs" else None


def _mentions(others: Mapping[str, str], stem: str) -> bool:
    return any(stem in text for path, text in others.items() if path.endswith((".py", ".ipynb")))


def _notebook(form: Form, document: Document) -> Form | None:
    if not form.path.endswith(".py"):
        return None
    return Form(f"{form.path.removesuffix('.py')}.ipynb", notebook_of([form.source.removesuffix("\n")]))


def _crlf(form: Form, document: Document) -> Form:
    return replace(form, source=form.source.replace("\n", "\r\n"))


def _tabs(form: Form, document: Document) -> Form | None:
    source = document.tree.with_changes(default_indent="\t").code
    return replace(form, source=source) if source != form.source else None


def _function(form: Form, document: Document) -> Form | None:
    """The whole example in a function that is called; only where it may stand there."""
    if not document.tree.body or any(_needs_module_level(node) for node in document.spans):
        return None
    edits = wrap(document, list(document.tree.body), "def example():")
    if edits is None:
        return None
    first = document.line(min(edit.span.start for edit in edits))
    source = f"{apply_edits(document.text, edits)}\n\nexample()\n"
    lines = [number - (number > first) for number in range(1, source.count("\n") + 2)]
    return Form(form.path, source, lines)


def _needs_module_level(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.ImportFrom):
        return _is_future(node) or isinstance(node.names, cst.ImportStar)
    return isinstance(node, cst.Global | cst.Nonlocal)


def _aliases(form: Form, document: Document) -> Form | None:
    """Every import under another name."""
    renamed = {name for name in _importable_names(document) if name not in _rebound(document)}
    if not renamed:
        return None
    names = _reference_names(document)
    edits = [Edit(document.span(each), f"{each.value}_alias") for each in names if each.value in renamed]
    for alias in _aliasable(document):
        if alias.asname is None and _text(alias.name) in renamed:
            end = document.span(alias.name).end
            edits.append(Edit(Span(end, end), f" as {_text(alias.name)}_alias"))
        elif alias.asname is not None and _text(alias.asname.name) in renamed:
            edits.append(Edit(document.span(alias.asname.name), f"{_text(alias.asname.name)}_alias"))
    return replace(form, source=apply_edits(document.text, edits))


def _aliasable(document: Document) -> Iterator[cst.ImportAlias]:
    """The imported names that may be renamed: all but ``import a.b`` and what the language itself imports."""
    for node in document.spans:
        if isinstance(node, cst.ImportFrom) and not _is_future(node):
            yield from _aliases_of(node)
        elif isinstance(node, cst.Import):
            yield from (each for each in node.names if each.asname is not None or isinstance(each.name, cst.Name))


def _aliases_of(node: cst.Import | cst.ImportFrom) -> Sequence[cst.ImportAlias]:
    return () if isinstance(node.names, cst.ImportStar) else node.names


def _is_future(node: cst.ImportFrom) -> bool:
    return isinstance(node.module, cst.Name) and node.module.value == "__future__"


def _roots(node: cst.Import | cst.ImportFrom) -> Iterator[str]:
    """What ``import a.b`` binds: ``a``."""
    if isinstance(node, cst.Import):
        for each in node.names:
            if each.asname is None and isinstance(each.name, cst.Attribute):
                yield _text(each.name).partition(".")[0]


def _importable_names(document: Document) -> set[str]:
    return {_text(each.asname.name if each.asname is not None else each.name) for each in _aliasable(document)}


def _rebound(document: Document) -> set[str]:
    """Names that something else than a renamed import gives a meaning."""
    found: set[str] = set()
    as_names: set[cst.AsName] = set()
    of_imports: set[cst.AsName] = set()
    for node in document.spans:
        if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Param):
            found.add(node.name.value)
        elif isinstance(node, cst.NameItem):
            found.add(_text(node.name))
        elif isinstance(node, cst.AssignTarget | cst.AnnAssign | cst.AugAssign | cst.For | cst.CompFor | cst.NamedExpr):
            found.update(_names_in(node.target))
        elif isinstance(node, cst.AsName):
            as_names.add(node)
        elif isinstance(node, cst.Import | cst.ImportFrom):
            of_imports.update(each.asname for each in _aliases_of(node) if each.asname is not None)
            found.update(_roots(node))
    for each in as_names - of_imports:
        found.update(_names_in(each.name))
    return found


def _names_in(target: cst.CSTNode | None) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _names_in(element.value)
    elif isinstance(target, cst.StarredElement):
        yield from _names_in(target.value)


def _reference_names(document: Document) -> list[cst.Name]:
    """The names that are looked up, rather than being a part of another construct."""
    parts: set[cst.CSTNode] = set()
    for node in document.spans:
        if isinstance(node, cst.Attribute):
            parts.add(node.attr)
        elif isinstance(node, cst.Arg) and node.keyword is not None:
            parts.add(node.keyword)
        elif isinstance(node, cst.ImportAlias):
            parts.update(_below(node.name))
            parts.update(_below(node.asname.name) if node.asname is not None else ())
        elif isinstance(node, cst.ImportFrom) and node.module is not None:
            parts.update(_below(node.module))
    return [node for node in document.spans if isinstance(node, cst.Name) and node not in parts]


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    if isinstance(node, cst.Attribute):
        yield from _below(node.value)
        yield node.attr


def _text(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_text(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


VARIANTS: Mapping[str, tuple[Callable[[Form, Document], Form | None], bool]] = {
    "notebook": (_notebook, True),
    "crlf": (_crlf, False),
    "tabs": (_tabs, False),
    "function": (_function, True),
    "aliases": (_aliases, False),
    "renamed": (renamed, True),
    "comments": (commented, False),
    "cells": (cells, True),
    "moved": (moved, True),
}
"""How each form is made, and whether other files can no longer import from it."""
