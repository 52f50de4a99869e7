"""``greenlint rule``: explain rules without running them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

if TYPE_CHECKING:
    from greenlint.rule import Rule
    from greenlint.session import Session

__all__ = ["chosen_rules", "run"]


def run(arguments: Sequence[str]) -> int:
    """Print the pages of the rules that the arguments name."""
    parser = Parser("rule", "explain a rule; list the rules of a category, or all")
    parser.add_argument("names", nargs="*", metavar="NAME", help="rules and categories")
    parser.add_argument("--all", action="store_true", help="print the page of every rule")
    parser.add_argument("--output-format", choices=("text", "json", "markdown"), default="text", help="[text]")
    parser.add_argument("--config", action="append", default=[], metavar="FILE | KEY=VALUE")
    parser.add_argument("--isolated", action="store_true", help="read no configuration file")
    given = parser.parse(arguments)
    installed = _installed(given.names[0]) if len(given.names) == 1 else None
    text = _page(installed, given.output_format) if installed is not None else _of_project(given)
    sys.stdout.write("".join(f"{line}\n" for line in text))
    return 0


def _installed(name: str) -> type[Rule] | None:
    """The installed rule of this name; to import no other, and no configuration, is much faster."""
    from greenlint.registry import NoRulePackagesError, RuleLoader

    try:
        return RuleLoader().find(name)
    except NoRulePackagesError:
        return None


def _of_project(given: argparse.Namespace) -> Iterator[str]:
    """The pages, rules of the project at the working directory included."""
    from greenlint.session import Session

    session = Session(config=given.config, isolated=given.isolated)
    single = session.find(given.names[0]) if len(given.names) == 1 else None
    if single is not None:
        return _page(single, given.output_format)
    return _pages(chosen_rules(session, given.names), given.output_format, listed=not given.all)


def chosen_rules(session: Session, names: Sequence[str]) -> list[type[Rule]]:
    """The rules of these names and categories, all for no name; raises ``UsageError``."""
    registry = session.registry(session.rule_paths())
    catalogue = registry.catalogue()
    if not names:
        return list(registry.rules.values())
    chosen: list[type[Rule]] = []
    for name in names:
        current = catalogue.former.get(name, name)
        found = [rule for rule in registry.rules.values() if current in (rule.name, rule.category.value)]
        if not found and name not in catalogue.categories():
            raise _unknown(name, catalogue.selectors(), catalogue.failed.get(name))
        chosen.extend(rule for rule in found if rule not in chosen)
    return chosen


def _unknown(name: str, known: Sequence[str], failed: str | None) -> UsageError:
    from greenlint.config_error import nearest

    if failed is not None:
        return UsageError(f"rule `{name}` did not load: {failed}")
    guess = nearest(name, known)
    hint = f"did you mean `{guess}`?" if guess is not None else "`greenlint rule` lists all rules"
    return UsageError(f"unknown rule or category `{name}`", hint)


def _page(rule: type[Rule], output_format: str) -> Iterator[str]:
    return _pages([rule], output_format, listed=False, single=True)


def _pages(rules: Sequence[type[Rule]], output_format: str, *, listed: bool, single: bool = False) -> Iterator[str]:
    """The pages; as text, only a line for each rule when they are to be ``listed``."""
    from greenlint.docs import markdown_page, rule_data, table, text_page

    if output_format == "json":
        import json

        data = [rule_data(rule) for rule in rules]
        yield json.dumps(data[0] if single else data, indent=2)
    elif output_format == "text" and listed:
        yield from table(rules)
    else:
        page = markdown_page if output_format == "markdown" else text_page
        for number, rule in enumerate(rules):
            if number:
                yield ""
            yield from page(rule)
