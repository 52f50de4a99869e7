"""Code actions: fix this, fix all, ignore, open the documentation. Edits are worked out when one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from lsprotocol import types

from greenlint.directives import PLACEHOLDER
from greenlint.finding import Applicability
from greenlint.lsp.diagnostics import SOURCE
from greenlint.results import PlacedFinding
from greenlint.suppress import can_be_ignored

__all__ = ["FIX_ALL", "FIX_ALL_NOTEBOOK", "KINDS", "OPEN_PAGE", "PARK", "SELECT_REASON", "action_list"]

FIX_ALL = f"source.fixAll.{SOURCE}"
FIX_ALL_NOTEBOOK = f"notebook.{FIX_ALL}"
KINDS: list[types.CodeActionKind | str] = [types.CodeActionKind.QuickFix, FIX_ALL, FIX_ALL_NOTEBOOK]
OPEN_PAGE = "greenlint.openPage"
"""The command that shows the page of a rule."""
PARK = "greenlint.park"
"""The command that adds a finding to the baseline."""
SELECT_REASON = "greenlint.selectReason"
"""The command that selects a reason which is still to be written."""

_QUICK = types.CodeActionKind.QuickFix
_ALL_OF_SCRIPTS = ((FIX_ALL, "fix-all"),)
# Editors ask for `source.fixAll` of every cell at once: edits of the whole notebook would be made once for each.
_ALL_OF_CELLS = ((FIX_ALL, "fix-cell"), (FIX_ALL_NOTEBOOK, "fix-all"))


def action_list(
    uri: str,
    findings: Sequence[PlacedFinding],
    params: types.CodeActionParams,
    *,
    misses_reasons: bool = False,
    selects: bool = False,
    is_stored: bool = False,
    is_cell: bool = False,
) -> Iterator[types.CodeAction]:
    """The actions for a request: of ``findings``, which lie in the range, those of the kinds asked for.

    Where the project ``misses_reasons``, no suppression is offered without one. ``selects`` says whether the editor
    can be told what to select, ``is_stored`` whether the document is a file, which a baseline can name, ``is_cell``
    whether it is a cell of a notebook.
    """
    only = params.context.only
    if _wants(only, _QUICK):
        for finding in findings:
            diagnostic = _diagnostic_of(finding, params.context.diagnostics)
            make = partial(_action, uri, finding, diagnostic)
            yield from _fixes(make, finding)
            if can_be_ignored(finding.rule):
                where = [uri, finding.rule, params.range.start.line]
                select = types.Command("select the reason", SELECT_REASON, arguments=where) if selects else None
                yield from _suppressions(make, finding.rule, select, misses_reasons=misses_reasons)
                if is_stored:
                    yield _parking(make, uri, finding)
            yield _explanation(make, finding.rule)
    # A lamp in the margin offers to fix everything only when the editor asks for just that.
    for kind, do in _ALL_OF_CELLS if is_cell else _ALL_OF_SCRIPTS:
        if only and _wants(only, kind):
            yield types.CodeAction("greenlint: fix all", kind=kind, data={"do": do, "uri": uri})


def _wants(only: Sequence[types.CodeActionKind | str] | None, kind: str) -> bool:
    """Whether a kind, or one above it, is asked for."""
    return not only or any(each in ("", kind) or kind.startswith(f"{each}.") for each in map(_text, only))


def _text(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def _action(
    uri: str,
    finding: PlacedFinding,
    diagnostic: types.Diagnostic | None,
    title: str,
    do: str,
    *,
    preferred: bool = False,
    **data: Any,
) -> types.CodeAction:
    return types.CodeAction(
        f"greenlint: {title}",
        kind=_QUICK,
        diagnostics=[diagnostic] if diagnostic is not None else None,
        is_preferred=preferred or None,
        data={"do": do, "uri": uri, "fingerprint": finding.fingerprint, "rule": finding.rule, **data},
    )


def _fixes(make: Callable[..., types.CodeAction], finding: PlacedFinding) -> Iterator[types.CodeAction]:
    fix = finding.fix
    if fix is None or not fix.can_be_made:
        return
    safe = fix.applicability is Applicability.SAFE
    reason = "" if safe else f" (unsafe: {fix.reason})" if fix.reason else " (unsafe)"
    yield make(f"{fix.title}{reason}", "fix", preferred=safe)
    yield make(f"fix all of {finding.rule}{'' if safe else ' (unsafe)'}", "fix-rule", unsafe=not safe)


def _suppressions(
    make: Callable[..., types.CodeAction], rule: str, select: types.Command | None, *, misses_reasons: bool
) -> Iterator[types.CodeAction]:
    def with_reason(title: str, do: str) -> types.CodeAction:
        action = make(title, do, reason=PLACEHOLDER)
        if select is not None:
            action.command = select
        return action

    if not misses_reasons:
        yield make(f"ignore {rule} here", "ignore")
    yield with_reason(f"ignore {rule} here, with a reason", "ignore")
    in_file = f"ignore {rule} in this file"
    yield with_reason(in_file, "ignore-file") if misses_reasons else make(in_file, "ignore-file")


def _parking(make: Callable[..., types.CodeAction], uri: str, finding: PlacedFinding) -> types.CodeAction:
    # Where several findings are offered actions, each says whose it is.
    action = make(f"add {finding.rule} here to the baseline", "park")
    action.command = types.Command("add to the baseline", PARK, arguments=[uri, finding.fingerprint])
    action.data = None
    return action


def _explanation(make: Callable[..., types.CodeAction], rule: str) -> types.CodeAction:
    action = make(f"what {rule} means", "open")
    action.command = types.Command("open the page of the rule", OPEN_PAGE, arguments=[rule])
    action.data = None
    return action


def _diagnostic_of(finding: PlacedFinding, diagnostics: Sequence[types.Diagnostic]) -> types.Diagnostic | None:
    for each in diagnostics:
        data = each.data
        if each.source == SOURCE and isinstance(data, dict) and data.get("fingerprint") == finding.fingerprint:
            return each
    return None
