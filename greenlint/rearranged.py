"""Forms of an example with other names, other layout, or its helpers elsewhere."""

from __future__ import annotations

import builtins
import itertools
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import libcst as cst

from greenlint.document import Document
from greenlint.finding import Edit, apply_edits
from greenlint.form import Form

__all__ = ["cells", "commented", "moved", "notebook_of", "renamed"]

_HELPERS = "moved_helpers"


# -- other names -------------------------------------------------------------------------------------------------


def renamed(form: Form, document: Document) -> Form | None:
    """Every variable that only assignments give a meaning, under a name that says nothing."""
    variables = sorted(_variables(document))
    if not variables:
        return None
    taken = {each.value for each in document.spans if isinstance(each, cst.Name)}
    free = (name for number in itertools.count(1) if (name := f"v{number}") not in taken)
    names = dict(zip(variables, free, strict=False))
    edits = [Edit(document.span(each), names[each.value]) for each in _references(document) if each.value in names]
    return replace(form, source=apply_edits(document.text, edits))


def _variables(document: Document) -> set[str]:
    """The names that assignments, loops and ``with`` bind, and nothing else does; not the attributes of classes."""
    bound: set[str] = set()
    other: set[str] = set()
    for node in document.spans:
        if isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.CompFor, cst.NamedExpr)):
            bound.update(_names_in(node.target))
        elif isinstance(node, cst.WithItem) and node.asname is not None:
            bound.update(_names_in(node.asname.name))
        elif isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Param)):
            other.add(node.name.value)
            other.update(_attributes(node) if isinstance(node, cst.ClassDef) else ())
        elif isinstance(node, cst.ImportAlias):
            other.add(node.evaluated_alias or node.evaluated_name.partition(".")[0])
        elif isinstance(node, (cst.ExceptHandler, cst.ExceptStarHandler)) and node.name is not None:
            other.update(_names_in(node.name.name))
        elif isinstance(node, (cst.MatchAs, cst.MatchStar, cst.MatchMapping)):
            return set()
    return {each for each in bound - other if not each.startswith("__") and each != "_"}


def _attributes(owner: cst.ClassDef) -> Iterator[str]:
    for line in owner.body.body:
        for each in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(each, cst.Assign):
                for target in each.targets:
                    yield from _names_in(target.target)
            elif isinstance(each, cst.AnnAssign):
                yield from _names_in(each.target)


def _names_in(target: cst.CSTNode | None) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _names_in(element.value)
    elif isinstance(target, cst.StarredElement):
        yield from _names_in(target.value)


def _references(document: Document) -> list[cst.Name]:
    """The names that are looked up or bound as variables."""
    parts: set[cst.CSTNode] = set()
    for node in document.spans:
        if isinstance(node, cst.Attribute):
            parts.add(node.attr)
        elif isinstance(node, cst.Arg) and node.keyword is not None:
            parts.add(node.keyword)
    return [node for node in document.spans if isinstance(node, cst.Name) and node not in parts]


# -- other layout ------------------------------------------------------------------------------------------------


def commented(form: Form, document: Document) -> Form | None:
    """A blank line and a comment before every statement, above the comments that it has, and one behind it."""
    lines = form.source.split("\n")
    starts: set[int] = set()
    for block in document.spans:
        if isinstance(block, (cst.Module, cst.IndentedBlock)):
            starts.update(_first_line(each, document, lines) for each in block.body)
    ends = {
        document.line(document.span(each).end)
        for each in document.spans
        if isinstance(each, cst.SimpleStatementLine) and each.trailing_whitespace.comment is None
    }
    made: list[str] = []
    origins: list[int] = []
    for number, line in enumerate(lines, start=1):
        if number in starts:
            indent = line[: len(line) - len(line.lstrip())]
            made += ["", f"{indent}# ---"]
            origins += [number, number]
        made.append(f"{line}  # +++" if number in ends else line)
        origins.append(number)
    return replace(form, source="\n".join(made), lines=tuple(origins))


def _first_line(statement: cst.CSTNode, document: Document, lines: Sequence[str]) -> int:
    """The line, from 1, on which a statement begins with its decorators and comments."""
    parts = [statement, *getattr(statement, "decorators", ())]
    first = min(document.line(document.span(each).start) for each in parts)
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return first


def cells(form: Form, document: Document) -> Form | None:
    """Every statement of the top level in a notebook cell of its own."""
    if not form.path.endswith(".py") or len(document.tree.body) < 2:
        return None
    lines = form.source.removesuffix("\n").split("\n")
    starts = sorted({_first_line(each, document, lines) for each in document.tree.body})
    bounds = [0, *(start - 1 for start in starts[1:]), len(lines)]
    parts = ["\n".join(lines[low:high]) for low, high in itertools.pairwise(bounds)]
    return Form(f"{form.path.removesuffix('.py')}.ipynb", notebook_of(parts))


def notebook_of(sources: Sequence[str]) -> str:
    """The JSON of a notebook with these code cells."""
    made: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": each.splitlines(keepends=True),
        }
        for each in sources
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


# -- helpers elsewhere -------------------------------------------------------------------------------------------


def moved(form: Form, document: Document, marked: Collection[int] = ()) -> Form | None:
    """The functions of the top level that need nothing of their module but its imports, in a module of their own.

    Those with a line of ``marked`` stay, because a finding belongs to the file that is looked at.
    """
    if not form.path.endswith(".py"):
        return None
    helpers = _movable(document, marked)
    if not helpers:
        return None
    lines = form.source.split("\n")
    cut: set[int] = set()
    for each in helpers:
        span = document.span(each)
        cut.update(range(_first_line(each, document, lines), document.line(max(span.start, span.end - 1)) + 1))
    imports = [each for each in document.tree.body if _imports(each)]
    after = max((document.line(document.span(each).end) for each in imports), default=0)
    names = ", ".join(each.name.value for each in helpers)
    made: list[str] = []
    origins: list[int] = []
    for number, line in enumerate(lines, start=1):
        if number == after + 1:
            made.append(f"from {_HELPERS} import {names}")
            origins.append(number)
        if number not in cut:
            made.append(line)
            origins.append(number)
    parts = [document.source(each) for each in imports]
    parts += ["\n".join(lines[number - 1] for number in sorted(cut))]
    path = str(PurePosixPath(form.path).with_name(f"{_HELPERS}.py"))
    return replace(form, source="\n".join(made), lines=tuple(origins), files={path: "\n".join(parts) + "\n"})


def _movable(document: Document, marked: Collection[int]) -> list[cst.FunctionDef]:
    body = document.tree.body
    imported = {name for line in body if _imports(line) for name in _imported_by(line)}
    functions = [each for each in body if isinstance(each, cst.FunctionDef)]
    names = [each.name.value for each in functions]
    own = _bound_at_top(document)
    kept = [
        each
        for each in functions
        if names.count(each.name.value) == 1
        and each.name.value not in own
        and not any(
            document.line(document.span(each).start) <= line <= document.line(document.span(each).end)
            for line in marked
        )
    ]
    while True:
        outside = (own | {each.name.value for each in functions if each not in kept}) - imported
        staying = [each for each in kept if not outside & _free_names(each)]
        if len(staying) == len(kept):
            return kept
        kept = staying


def _bound_at_top(document: Document) -> set[str]:
    """What the module binds but for functions and imports."""
    functions = [each for each in document.tree.body if isinstance(each, cst.FunctionDef)]
    inside = {id(node) for each in functions for node in _below(each)}
    bound: set[str] = set()
    for node in document.spans:
        if id(node) in inside:
            if isinstance(node, (cst.Global, cst.Nonlocal)):
                bound.update(item.name.value for item in node.names)
            continue
        if isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.NamedExpr)):
            bound.update(_names_in(node.target))
        elif isinstance(node, cst.WithItem) and node.asname is not None:
            bound.update(_names_in(node.asname.name))
        elif isinstance(node, cst.ClassDef):
            bound.add(node.name.value)
    return bound


def _free_names(function: cst.FunctionDef) -> set[str]:
    names = {node.value for node in _below(function) if isinstance(node, cst.Name)}
    return {each for each in names if not hasattr(builtins, each)} - {function.name.value}


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    stack: list[cst.CSTNode] = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(here.children)


def _imports(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and all(
        isinstance(each, (cst.Import, cst.ImportFrom)) for each in line.body
    )


def _imported_by(line: cst.CSTNode) -> Iterator[str]:
    assert isinstance(line, cst.SimpleStatementLine)
    for each in line.body:
        if isinstance(each, (cst.Import, cst.ImportFrom)) and not isinstance(each.names, cst.ImportStar):
            for alias in each.names:
                yield alias.evaluated_alias or alias.evaluated_name.partition(".")[0]
