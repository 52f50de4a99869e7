"""A rule class as a page: plain text, Markdown or data. Importable without libcst."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from greenlint.figures import figures
from greenlint.rule import Bad, Example, Rule, Status

__all__ = ["hover_page", "markdown_page", "rule_data", "summary_of", "table", "text_page"]

_NOT_MEASURED = "not measured: no published figure for this pattern was found"
_CATALOGUES = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}
"""Where the papers are read that a source gives by a catalogue and a number there."""


def rule_data(rule: type[Rule]) -> dict[str, Any]:
    """Everything the class says, as plain data."""
    return {
        "name": rule.name,
        "category": rule.category.value,
        "summary": summary_of(rule),
        "documentation": inspect.cleandoc(rule.__doc__ or ""),
        "severity": rule.severity.value,
        "status": rule.status.value,
        "default": _runs_by_default(rule),
        "since": rule.since,
        "formerly": list(rule.formerly),
        "frameworks": list(rule.frameworks),
        "premises": [each.value for each in rule.premises],
        "fixable": _fixable(rule),
        "options": _options(rule),
        "evidence": [{"grade": each.grade.value, "claim": each.claim, "source": each.source} for each in rule.evidence],
        "references": list(rule.references),
        "examples": [_example(each) for each in rule.examples],
    }


def summary_of(rule: type[Rule]) -> str:
    """The first paragraph of the documentation on one line."""
    documentation = inspect.cleandoc(rule.__doc__ or "")
    return " ".join(documentation.split("\n\n")[0].split())


def _runs_by_default(rule: type[Rule]) -> bool:
    return rule.default and rule.status is Status.STABLE


def _fixable(rule: type[Rule]) -> bool:
    return any(isinstance(each, Bad) and each.fixed is not None for each in rule.examples)


def _example(example: Example) -> dict[str, Any]:
    bad = isinstance(example, Bad)
    data: dict[str, Any] = {"kind": "bad" if bad else "good", "code": example.code, "why": example.why}
    if isinstance(example, Bad) and example.fixed is not None:
        data["fixed"] = example.fixed
    if example.options:
        data["options"] = example.options
    return data


def _options(rule: type[Rule]) -> list[dict[str, Any]]:
    from greenlint.options import option_fields

    documented = _option_docs(rule.Options)
    return [
        {
            "name": each.key,
            "type": each.type.what,
            "default": each.default,
            "documentation": documented.get(each.name, ""),
        }
        for each in option_fields(rule.Options)
    ]


def _option_docs(options: type) -> dict[str, str]:
    """The string below each annotated attribute, by attribute."""
    import ast

    if not dataclasses.is_dataclass(options) or options.__module__ not in sys.modules:
        return {}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(options)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, below in itertools.pairwise(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            found[field.target.id] = inspect.cleandoc(below.value.value)
    return found


def table(rules: Iterable[type[Rule]]) -> Iterator[str]:
    """One line for each rule, by category."""
    ordered = sorted(rules, key=lambda each: (each.category.value, each.name))
    width = max((len(each.name) for each in ordered), default=0)
    category = None
    for rule in ordered:
        if rule.category is not category:
            if category is not None:
                yield ""
            category = rule.category
            yield f"{category.value}"
        yield f"  {rule.name:<{width}}  {_state(rule):<7}  {summary_of(rule)}"


def _state(rule: type[Rule]) -> str:
    return rule.severity.value if _runs_by_default(rule) else "off"


def text_page(rule: type[Rule]) -> Iterator[str]:
    """The page for a terminal."""
    data = rule_data(rule)
    yield f"{rule.name} ({_attributes(data)})"
    yield ""
    yield data["documentation"]
    for title, lines in _sections(data):
        yield ""
        yield f"{title}:"
        for line in lines:
            yield textwrap.indent(line, "  ") if line else ""


def _attributes(data: dict[str, Any]) -> str:
    words = [data["category"], data["severity"], "on by default" if data["default"] else "off until selected"]
    if data["status"] != Status.STABLE.value:
        words.append(data["status"])
    if data["fixable"]:
        words.append("fixable")
    return ", ".join([*words, f"since {data['since']}"])


def _sections(data: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    if data["formerly"]:
        yield "formerly", [", ".join(data["formerly"])]
    if data["frameworks"]:
        yield "frameworks", [", ".join(data["frameworks"])]
    if data["premises"]:
        yield "reported only where", data["premises"]
    if data["options"]:
        yield "options", [_option_line(each) for each in data["options"]]
    for example in data["examples"]:
        why = f" ({example['why']})" if example["why"] else ""
        yield f"{'wasteful' if example['kind'] == 'bad' else 'fine'}{why}", example["code"].splitlines()
        if "fixed" in example:
            yield "fixed", example["fixed"].splitlines()
    if data["evidence"]:
        lines = [f"{each['claim']} ({each['grade']}; {each['source']})" for each in data["evidence"]]
        yield "evidence", [*lines, *_unmeasured(data)]
    if data["references"]:
        yield "references", data["references"]


def _unmeasured(data: dict[str, Any]) -> list[str]:
    """A line that says so where no evidence holds a figure."""
    return [] if any(any(figures(each["claim"])) for each in data["evidence"]) else [_NOT_MEASURED]


def _option_line(option: dict[str, Any]) -> str:
    from greenlint.config_keys import toml_value

    default = "not set" if option["default"] is None else toml_value(option["default"])
    documentation = f": {' '.join(option['documentation'].split())}" if option["documentation"] else ""
    return f"{option['name']} = {default} ({option['type']}){documentation}"


def hover_page(rule: type[Rule], notes: Iterable[str] = ()) -> Iterator[str]:
    """What, what it costs, why, when not to and how to fix it, in Markdown; ``notes`` are of the finding.

    The cost comes early: editors show about ten lines of a hover, and the rest when it is scrolled.
    """
    data = rule_data(rule)
    summary, _, rest = data["documentation"].partition("\n\n")
    yield f"**{rule.name}** ({_attributes(data)})"
    yield from ("", summary, "", "**Cost**", "")
    yield from (f"- {note}" for note in notes)
    yield from (f"- {each['claim']} ({_linked(each['grade'], each['source'])})" for each in data["evidence"])
    yield from (f"- {line}" for line in _unmeasured(data))
    if rest:
        yield from ("", rest)
    linked = {_address(each["source"]) for each in data["evidence"]}
    others = [each for each in data["references"] if each not in linked]
    if others:
        yield from ("", "**References**", "", *(f"- <{each}>" for each in others))


def _linked(grade: str, source: str) -> str:
    """The grade of evidence as a link to its source, where that can be read."""
    address = _address(source)
    return f"[{grade}]({address})" if address is not None else f"{grade}; {source}"


def _address(source: str) -> str | None:
    """Where a source of evidence can be read."""
    catalogue, _, number = source.partition(" ")
    if catalogue in _CATALOGUES:
        return _CATALOGUES[catalogue] + number
    return source if source.startswith("https://") else None


def markdown_page(rule: type[Rule]) -> Iterator[str]:
    """The page for a site or an editor."""
    data = rule_data(rule)
    yield f"# {rule.name}"
    yield ""
    yield f"*{_attributes(data)}*"
    yield ""
    yield data["documentation"]
    for title, lines in _sections(data):
        yield ""
        yield f"## {title[0].upper()}{title[1:]}"
        yield ""
        if title.startswith(("wasteful", "fine", "fixed")):
            yield from ("```python", *lines, "```")
        else:
            yield from (f"- {line}" for line in lines)
