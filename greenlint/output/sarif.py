"""SARIF 2.1.0, for code scanning and its viewers."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from greenlint.finding import Applicability, Severity
from greenlint.output.formats import Report
from greenlint.output.json_text import json_text
from greenlint.output.lines import problems_of
from greenlint.output.places import Place, Reported, message_of, reported, stored_line
from greenlint.results import PlacedEdit, PlacedFinding, PlacedFix, PlacedRelated, Problem, StoredEdit
from greenlint.version import __version__

if TYPE_CHECKING:
    from greenlint.rule import Rule

__all__ = ["sarif_report"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT = "ROOT"
_TAXONOMY = "greenlint categories"


def sarif_report(report: Report) -> Iterator[str]:
    """One log with one run."""
    yield json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}, indent=2)


def _run(report: Report) -> dict[str, Any]:
    results = list(reported(report))
    names = sorted({each.finding.rule for each in results})
    categories = sorted({each.finding.category for each in results})
    problems = [(file.path, each) for file in report.result.files for each in problems_of(file)]
    return {
        "tool": {
            "driver": {
                "name": "greenlint",
                "fullName": f"greenlint {__version__}",
                "semanticVersion": __version__,
                "rules": [_rule(name, report.find(name), categories) for name in names],
                "supportedTaxonomies": [{"name": _TAXONOMY, "index": 0}],
            }
        },
        "taxonomies": [_taxonomy(categories)],
        # GitHub keeps the alerts of tools and categories apart by the part before the slash.
        "automationDetails": {"id": "greenlint/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "Where greenlint was run; in CI, the checkout."}}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(path, each) for path, each in problems],
            }
        ],
        "results": [{**_result(each, names), **_state(report, each)} for each in results],
    }


def _rule(name: str, rule: type[Rule] | None, categories: list[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"id": name, "name": "".join(part.capitalize() for part in name.split("-"))}
    if rule is None:
        return data
    from greenlint.docs import markdown_page, summary_of, text_page

    summary = summary_of(rule)
    category = rule.category.value
    data |= {
        "shortDescription": {"text": summary},
        "fullDescription": {"text": inspect.cleandoc(rule.__doc__ or summary)},
        "help": {"text": "\n".join(text_page(rule)), "markdown": "\n".join(markdown_page(rule))},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["energy", category]},
    }
    if category in categories:
        target = {"id": category, "index": categories.index(category), "toolComponent": {"name": _TAXONOMY, "index": 0}}
        data["relationships"] = [{"target": target, "kinds": ["superset"]}]
    return data


def _taxonomy(categories: list[str]) -> dict[str, Any]:
    return {
        "name": _TAXONOMY,
        "version": __version__,
        "shortDescription": {"text": "What is wasted."},
        "isComprehensive": False,
        "taxa": [
            {"id": each, "name": each.capitalize(), "shortDescription": {"text": f"Waste: {each}."}}
            for each in categories
        ],
    }


def _result(each: Reported, names: list[str]) -> dict[str, Any]:
    finding = each.finding
    data: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": names.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": message_of(finding._replace(suppressed=None))},
        "locations": [{"physicalLocation": _physical(each.path, _region(each)), **_logical(finding)}],
        "partialFingerprints": {"greenlint/v1": finding.fingerprint},
        "properties": {"confidence": finding.confidence.value, "notes": list(finding.notes), **_cell(finding)},
    }
    related = [
        {"id": number, "message": {"text": message_of(place)}, **_related(each.path, place)}
        for number, place in enumerate(finding.related, 1)
    ]
    if related:
        data["relatedLocations"] = related
    if finding.fix is not None and _edits(finding.fix, each):
        data["fixes"] = [_fix(finding.fix, each)]
    if finding.suppressed is not None:
        kind = "external" if finding.parked else "inSource"
        data["suppressions"] = [{"kind": kind, "justification": finding.suppressed}]
    return data


def _state(report: Report, each: Reported) -> dict[str, str]:
    if report.result.baseline is None:
        return {}
    return {"baselineState": "unchanged" if each.finding.parked else "new"}


def _cell(place: Place) -> dict[str, Any]:
    if place.cell is None:
        return {}
    named = {"cellId": place.cell_id} if place.cell_id is not None else {}
    return {"cell": place.cell, **named, "cellLine": place.line, "cellColumn": place.column}


def _logical(place: Place) -> dict[str, Any]:
    if place.cell is None:
        return {}
    return {"logicalLocations": [{"name": f"cell {place.cell}", "kind": "cell"}], "properties": _cell(place)}


def _region(each: Reported) -> dict[str, Any]:
    line, column, end_line, end_column = each.region
    if column is None:
        return {"startLine": line}
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return region if each.in_notebook else region | _snippet(each.finding)


def _snippet(finding: PlacedFinding) -> dict[str, Any]:
    """The text of the region, where the finding carries all of its lines."""
    lines = list(finding.source)
    if finding.end_line - finding.line >= len(lines):
        return {}
    del lines[finding.end_line - finding.line + 1 :]
    lines[-1] = lines[-1][: finding.end_column - 1]
    lines[0] = lines[0][finding.column - 1 :]
    return {"snippet": {"text": "\n".join(lines)}}


def _physical(path: str, region: dict[str, Any]) -> dict[str, Any]:
    return {"artifactLocation": _artifact(path), "region": region}


def _related(path: str, place: PlacedRelated) -> dict[str, Any]:
    region = {"startLine": stored_line(place)}
    if place.cell is None:
        region["startColumn"] = place.column
    return {"physicalLocation": _physical(place.path or path, region), **_logical(place)}


def _artifact(path: str) -> dict[str, str]:
    if Path(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(os.fsencode(Path(path).as_posix()), safe="/"), "uriBaseId": _ROOT}


def _edits(fix: PlacedFix, each: Reported) -> Sequence[PlacedEdit | StoredEdit]:
    return fix.stored if each.in_notebook else fix.edits


def _deleted(edit: PlacedEdit | StoredEdit) -> dict[str, int]:
    """What an edit replaces."""
    if isinstance(edit, PlacedEdit):
        start, end = (edit.line, edit.column), (edit.end_line, edit.end_column)
    else:
        start, end = edit.start[:2], edit.end[:2]
    return {"startLine": start[0], "startColumn": start[1], "endLine": end[0], "endColumn": end[1]}


def _fix(fix: PlacedFix, each: Reported) -> dict[str, Any]:
    safe = fix.applicability is Applicability.SAFE
    title = fix.title if safe else f"{fix.title} ({fix.applicability.value}: {fix.reason or 'see the rule'})"
    replacements = [
        {"deletedRegion": _deleted(edit), "insertedContent": {"text": edit.text}} for edit in _edits(fix, each)
    ]
    change = {"artifactLocation": _artifact(each.path), "replacements": replacements}
    return {"description": {"text": title}, "artifactChanges": [change]}


def _notification(path: str, problem: Problem) -> dict[str, Any]:
    region = {"startLine": stored_line(problem)}
    return {
        "descriptor": {"id": problem.kind},
        "level": "error",
        "message": {"text": message_of(problem)},
        "locations": [{"physicalLocation": _physical(path, region), **_logical(problem)}],
    }
