"""Writes the pages of the rules, their index, and the table of `docs/fixes.md`: `python docs/pages.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from greenlint.docs import markdown_page, summary_of
from greenlint.registry import RuleLoader
from greenlint.rule import Bad, Example, Rule, Status
from greenlint.testing import RuleCase

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
    yield "fixes.md", "\n".join(fixes((DOCS / "fixes.md").read_text(encoding="utf-8"), rules)) + "\n"
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


def fixes(page: str, rules: Iterable[type[Rule]]) -> Iterator[str]:
    """The page with its table of the fixes that the examples of the rules show."""
    yield page.partition(_TABLE)[0] + _TABLE
    yield from ("", "| rule | fix | level | what it may change |", "| --- | --- | --- | --- |")
    for rule in rules:
        cases = (RuleCase(rule, number) for number, each in enumerate(rule.examples, 1) if _is_fixed(each))
        found = {
            (each.title, each.applicability.value, each.reason or ""): None for case in cases for each in case.fixes()
        }
        for title, level, reason in found:
            yield f"| [`{rule.name}`](rules/{rule.name}.md) | {title} | {level} | {reason} |"


_TABLE = "<!-- Written by `python docs/pages.py` from here on. -->"


def _is_fixed(example: Example) -> bool:
    return isinstance(example, Bad) and example.fixed is not None


def _state(rule: type[Rule]) -> str:
    return rule.severity.value if rule.default and rule.status is Status.STABLE else f"{rule.severity.value}, off"


if __name__ == "__main__":
    raise SystemExit(main())
