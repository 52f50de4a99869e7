"""``greenlint debug``: what a bug report should hold, with nothing secret in it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from greenlint.commands.parser import Parser
from greenlint.version import __version__

__all__ = ["run"]

_PACKAGES = ("libcst", "tomli")


def run(arguments: Sequence[str]) -> int:
    """Print the report."""
    parser = Parser("debug", "print what a bug report should hold")
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="the file or folder it is about [.]")
    parser.add_argument("--config", action="append", default=[], metavar="FILE | KEY=VALUE")
    given = parser.parse(arguments)
    home = str(Path.home())
    for line in (*_machine(), *_configuration(given.path, given.config)):
        # Home folders tell names.
        sys.stdout.write(f"{line.replace(home, '~') if len(home) > 1 else line}\n")
    return 0


def _machine() -> Iterator[str]:
    from greenlint.hardware import describe_accelerators, detect_accelerators
    from greenlint.runner import available_processors

    yield f"greenlint: {__version__}"
    yield f"python: {platform.python_implementation()} {platform.python_version()}"
    yield f"platform: {platform.system()} {platform.release()} {platform.machine()}"
    yield f"processors: {available_processors()}"
    yield f"accelerators: {describe_accelerators(detect_accelerators()) or 'none found'}"
    for package in _PACKAGES:
        yield f"{package}: {_version(package)}"
    variables = sorted(name for name in os.environ if name.startswith("GREENLINT_"))
    yield f"variables set: {', '.join(variables) or 'none'}"
    yield f"installed in: {Path(__file__).parent.parent}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _configuration(path: str, config: Sequence[str]) -> Iterator[str]:
    from greenlint.config import ConfigError
    from greenlint.registry import NoRulePackagesError
    from greenlint.session import Session

    try:
        session = Session(config=config)
        settings = session.settings_near(path)
        registry = session.registry(settings.rule_paths)
    except (ConfigError, NoRulePackagesError) as error:
        yield f"configuration: {error}"
        return
    yield f"configuration: {settings.file or 'none'}"
    yield f"project: {settings.root}"
    yield f"cache: {settings.cache_dir}"
    yield f"rules: {len(settings.rules)} of {len(registry.rules)} run"
    yield f"rule paths: {', '.join(map(str, settings.rule_paths)) or 'none'}"
    for problem in session.problems():
        yield f"problem: {problem}"
