"""``greenlint new-rule``: start a rule that already passes its tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from greenlint.commands.errors import UsageError
from greenlint.commands.parser import Parser

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Write the rule file."""
    parser = Parser("new-rule", "start a rule of your own")
    parser.add_argument("name", metavar="NAME", help="what it flags, in words with dashes between them")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where to write it [the first of rule-paths]")
    given = parser.parse(arguments)

    from greenlint.registry import NoRulePackagesError
    from greenlint.scaffold import ScaffoldError, plan_rule, write
    from greenlint.session import Session

    session = Session()
    folder = given.folder or _rule_folder(session.rule_paths())
    try:
        catalogue = session.registry(session.rule_paths()).catalogue()
        taken = {*catalogue.entries, *catalogue.former}
    except NoRulePackagesError:
        taken = set()
    try:
        change = plan_rule(given.name, folder, taken)
        write(change)
    except ScaffoldError as error:
        raise UsageError(str(error)) from None
    sys.stdout.write(f"wrote {change.path}\n")
    if folder.resolve() not in {path.resolve() for path in session.rule_paths()}:
        sys.stdout.write(f'set `rule-paths = ["{folder.as_posix()}"]` to have it run\n')
    sys.stdout.write(f"try it with `greenlint test {change.path}`\n")
    return 0


def _rule_folder(rule_paths: Sequence[Path]) -> Path:
    return next((path for path in rule_paths if path.is_dir()), Path("rules"))
