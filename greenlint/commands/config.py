"""``greenlint config``: list, explain and validate configuration."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from greenlint.commands.errors import UsageError, warn
from greenlint.commands.parser import Parser

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Print the keys, one key, or the schema; or validate the configuration."""
    parser = Parser("config", "list and explain the configuration keys")
    parser.add_argument("key", nargs="?", metavar="KEY", help="a key, such as `select` or `overrides.files`")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of greenlint.toml")
    parser.add_argument("--validate", action="store_true", help="check the configuration that holds here")
    parser.add_argument("--config", action="append", default=[], metavar="FILE | KEY=VALUE")
    given = parser.parse(arguments)
    if given.validate:
        return _validate(given.config)
    if given.schema:
        return _schema(given.config)
    return _explain(given.key)


def _explain(key: str | None) -> int:
    from greenlint.config_keys import KEYS, OVERRIDE_KEYS, describe_key, describe_keys

    if key is None:
        sys.stdout.write(describe_keys())
        return 0
    text = describe_key(key)
    if text is None:
        from greenlint.config_error import nearest

        guess = nearest(key, [*KEYS, *(f"overrides.{name}" for name in OVERRIDE_KEYS)])
        hint = f"did you mean `{guess}`?" if guess is not None else "`greenlint config` lists all keys"
        raise UsageError(f"unknown key `{key}`", hint)
    sys.stdout.write(text)
    return 0


def _schema(config: Sequence[str]) -> int:
    import json

    from greenlint.config import json_schema
    from greenlint.session import Session

    session = Session(config=config)
    catalogue = session.registry(session.rule_paths()).catalogue()
    sys.stdout.write(json.dumps(json_schema(catalogue), indent=2, ensure_ascii=False) + "\n")
    return 0


def _validate(config: Sequence[str]) -> int:
    from greenlint.session import Session

    session = Session(config=config)
    settings = session.settings_near()
    # Rules are made with their options to see whether they accept them.
    session.registry(settings.rule_paths).select(settings)
    for warning in session.warnings():
        warn(warning)
    place = settings.file if settings.file is not None else "no configuration file"
    sys.stdout.write(f"{place}: {len(settings.rules)} rules run, nothing is wrong\n")
    return 0
