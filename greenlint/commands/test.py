"""``greenlint test``: run the examples of rules as tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

if TYPE_CHECKING:
    from greenlint.registry import PluginProblem
    from greenlint.rule import Rule
    from greenlint.session import Session

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Test the rules that the arguments name; exit code 1 when one fails."""
    parser = Parser("test", "run the examples of rules as tests")
    text = "rule files, folders of rule files, rules, categories [the project's own rules, else all]"
    parser.add_argument("targets", nargs="*", metavar="PATH | RULE", help=text)
    given = parser.parse(arguments)

    from greenlint.output.lines import count
    from greenlint.session import Session
    from greenlint.testing import run_tests

    rules, problems = _targets(Session(), given.targets)
    report = run_tests(rules)
    for trouble in (*problems, *report.failures):
        sys.stdout.write(f"{trouble}\n\n")
    failed = len(problems) + len(report.failures)
    outcome = f"{failed} failed" if failed else "all passed"
    tested = f"{count(report.rules, 'rule')} with {count(report.examples, 'example')}"
    sys.stdout.write(f"tested {tested}: {outcome}\n")
    return int(failed > 0)


def _targets(session: Session, targets: Sequence[str]) -> tuple[list[type[Rule]], list[PluginProblem]]:
    """The rules to test, and what could not be loaded of them."""
    paths = [Path(target) for target in targets if _is_path(target)]
    names = [target for target in targets if not _is_path(target)]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"no such file or folder: `{missing[0]}`")
    if not targets:
        paths = list(session.rule_paths())
    rules, problems = _at(paths)
    if names or not paths:
        chosen, more = _named(session, names)
        rules, problems = [*rules, *chosen], [*problems, *more]
    return rules, problems


def _is_path(target: str) -> bool:
    return target.endswith(".py") or "/" in target or "\\" in target or Path(target).exists()


def _at(paths: Sequence[Path]) -> tuple[list[type[Rule]], list[PluginProblem]]:
    from greenlint.registry import RuleLoader

    if not paths:
        return [], []
    places = [path.resolve() for path in paths]
    registry = RuleLoader(()).registry(places)
    own = [rule for rule in registry.rules.values() if _lies_in(rule, places)]
    return own, registry.problems


def _lies_in(rule: type[Rule], places: Sequence[Path]) -> bool:
    file = getattr(sys.modules.get(rule.__module__), "__file__", None)
    if file is None:
        return False
    return any(place == Path(file) or place in Path(file).parents for place in places)


def _named(session: Session, names: Sequence[str]) -> tuple[list[type[Rule]], list[PluginProblem]]:
    from greenlint.commands.rule import chosen_rules

    rules = chosen_rules(session, names)
    return rules, [] if names else session.problems()
