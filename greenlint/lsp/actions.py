"""Code actions: fix this, fix all, ignore, open the documentation. Edits are worked out when one is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lsprotocol import types

from greenlint.finding import Applicability
from greenlint.lsp.diagnostics import SOURCE
from greenlint.results import PlacedFinding

__all__ = ["FIX_ALL", "FIX_ALL_NOTEBOOK", "KINDS", "OPEN_PAGE", "action_list"]

FIX_ALL = f"source.fixAll.{SOURCE}"
FIX_ALL_NOTEBOOK = f"notebook.{FIX_ALL}"
KINDS: list[types.CodeActionKind | str] = [types.CodeActionKind.QuickFix, FIX_ALL, FIX_ALL_NOTEBOOK]
OPEN_PAGE = "greenlint.openPage"
"""The command that shows the page of a rule."""

_QUICK = types.CodeActionKind.QuickFix


def action_list(
    uri: str, findings: Sequence[PlacedFinding], params: types.CodeActionParams
) -> Iterator[types.CodeAction]:
    """The actions for a request: of ``findings``, which lie in the range, those of the kinds asked for."""
    only = params.context.only
    if _wants(only, _QUICK):
        for finding in findings:
            diagnostic = _diagnostic_of(finding, params.context.diagnostics)
            yield from _quick(uri, finding, diagnostic)
    # A lamp in the margin offers to fix everything only when the editor asks for just that.
    for kind in (FIX_ALL, FIX_ALL_NOTEBOOK):
        if only and _wants(only, kind):
            yield types.CodeAction("greenlint: fix all", kind=kind, data={"do": "fix-all", "uri": uri})


def _wants(only: Sequence[types.CodeActionKind | str] | None, kind: str) -> bool:
    """Whether a kind, or one above it, is asked for."""
    return not only or any(kind == each or kind.startswith(f"{_text(each)}.") for each in map(_text, only))


def _text(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def _quick(uri: str, finding: PlacedFinding, diagnostic: types.Diagnostic | None) -> Iterator[types.CodeAction]:
    def action(title: str, do: str, *, preferred: bool = False, **data: Any) -> types.CodeAction:
        return types.CodeAction(
            title,
            kind=_QUICK,
            diagnostics=[diagnostic] if diagnostic is not None else None,
            is_preferred=preferred or None,
            data={"do": do, "uri": uri, "fingerprint": finding.fingerprint, "rule": finding.rule, **data},
        )

    fix = finding.fix
    if fix is not None and fix.can_be_made:
        safe = fix.applicability is Applicability.SAFE
        reason = "" if safe else f" (unsafe: {fix.reason})" if fix.reason else " (unsafe)"
        yield action(f"greenlint: {fix.title}{reason}", "fix", preferred=safe)
        yield action(f"greenlint: fix all of {finding.rule}", "fix-rule", unsafe=not safe)
    yield action(f"greenlint: ignore {finding.rule} here", "ignore")
    yield action(f"greenlint: ignore {finding.rule} in this file", "ignore-file")
    open_page = action(f"greenlint: what {finding.rule} means", "open")
    open_page.command = types.Command("open the page of the rule", OPEN_PAGE, arguments=[finding.rule])
    open_page.data = None
    yield open_page


def _diagnostic_of(finding: PlacedFinding, diagnostics: Sequence[types.Diagnostic]) -> types.Diagnostic | None:
    for each in diagnostics:
        data = each.data
        if each.source == SOURCE and isinstance(data, dict) and data.get("fingerprint") == finding.fingerprint:
            return each
    return None
