"""Writes `docs/rules.md` and a page for each rule to `docs/rules/`, all from the rules: `python docs/pages.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from greenlint.docs import markdown_page, summary_of
from greenlint.registry import RuleLoader
from greenlint.rule import Rule, Status

DOCS = Path(__file__).parent


def main() -> int:
    folder = DOCS / "rules"
    folder.mkdir(exist_ok=True)
    wanted = dict(pages())
    for old in folder.glob("*.md"):
        if f"rules/{old.name}" not in wanted:
            old.unlink()
    for path, text in wanted.items():
        (DOCS / path).write_text(text, encoding="utf-8")
    return 0


def pages() -> Iterator[tuple[str, str]]:
    """Each file below `docs/` and its text."""
    rules = sorted(RuleLoader().registry().rules.values(), key=lambda each: (each.category.value, each.name))
    yield "rules.md", "\n".join(index(rules)) + "\n"
    for rule in rules:
        yield f"rules/{rule.name}.md", "\n".join(markdown_page(rule)) + "\n"


def index(rules: Iterable[type[Rule]]) -> Iterator[str]:
    """All rules, by category."""
    yield "# Rules"
    yield ""
    yield "Written by `python docs/pages.py`. *off* means that a rule runs only when it is selected."
    for category, members in groupby(rules, key=lambda each: each.category):
        yield from ("", f"## {category.value}", "", "| rule | reports as | |", "| --- | --- | --- |")
        for rule in members:
            summary = summary_of(rule).replace("|", "\\|")
            yield f"| [`{rule.name}`](rules/{rule.name}.md) | {_state(rule)} | {summary} |"


def _state(rule: type[Rule]) -> str:
    return rule.severity.value if rule.default and rule.status is Status.STABLE else f"{rule.severity.value}, off"


if __name__ == "__main__":
    raise SystemExit(main())
