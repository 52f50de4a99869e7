"""The flags of ``greenlint check``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from greenlint.commands.parser import Parser
from greenlint.output.formats import FORMATS

__all__ = ["SWITCHES", "check_parser", "configured", "parse_check"]

_PRINTED = ("-", "/dev/stdout")
"""What other programs call standard output; a file would be put in its place."""
_LEVELS = ("error", "warning", "info")
OUTPUT_FORMATS = ("auto", *FORMATS)
_FORMATS = ", ".join(OUTPUT_FORMATS)

SWITCHES = (
    "exit-zero",
    "isolated",
    "no-baseline",
    "no-cache",
    "quiet",
    "show-suppressed",
    "statistics",
    "strict",
    "timings",
    "verbose",
)
"""Flags without a value that are no configuration keys; ``GREENLINT_NAME=1`` sets them, too."""

_KEYS = (
    "select",
    "extend-select",
    "ignore",
    "per-file-ignores",
    "unfixable",
    "unsafe-fixes",
    "show-fixes",
    "hardware",
    "min-severity",
    "fail-level",
    "exclude",
    "extend-exclude",
    "baseline",
    "force-exclude",
    "respect-gitignore",
    "cache-dir",
    "jobs",
    "output-format",
)
"""Flags that stand for configuration keys."""


def configured(arguments: argparse.Namespace) -> Mapping[str, object]:
    """The values of flags that stand for configuration keys, by key."""
    return {key: getattr(arguments, key.replace("-", "_")) for key in _KEYS}


def parse_check(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """The arguments, switches of the environment included; raises ``UsageError`` and ``ConfigError``."""
    parsed = check_parser().parse(arguments)
    for switch in SWITCHES:
        name = f"GREENLINT_{switch.upper().replace('-', '_')}"
        if environment.get(name):
            from greenlint.config import environment_flag

            if environment_flag(switch, environment):
                setattr(parsed, switch.replace("-", "_"), True)
    return parsed


def check_parser() -> Parser:
    """The parser of the verb."""
    parser = Parser("check", "find machine-learning code that wastes energy")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders; `-` for standard input [.]")
    _add_rules(parser.add_argument_group("rules"))
    _add_fixes(parser.add_argument_group("fixes"))
    _add_files(parser.add_argument_group("files"))
    _add_output(parser.add_argument_group("output"))
    _add_outcome(parser.add_argument_group("outcome"))
    _add_configuration(parser.add_argument_group("configuration"))
    _add_run(parser.add_argument_group("run"))
    return parser


def _add_rules(group: argparse._ArgumentGroup) -> None:
    _many(group, "--select", "rules and categories to run, or ALL")
    _many(group, "--extend-select", "rules to run in addition")
    _many(group, "--ignore", "rules not to run")
    group.add_argument(
        "--per-file-ignores", action="append", metavar="GLOB:RULE,...", help="rules not to run in some files"
    )
    group.add_argument("--hardware", choices=("auto", "gpu", "cpu", "detect"), help="what the code will run on [auto]")
    group.add_argument("--no-gate", action="store_true", help=argparse.SUPPRESS)


def _add_fixes(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--fix", action="store_true", help="apply safe fixes")
    _either(group, "unsafe-fixes", "take unsafe fixes in, with --fix or --diff")
    group.add_argument("--fix-only", action="store_true", help="apply safe fixes, and report nothing that is left")
    group.add_argument("--diff", action="store_true", help="print what fixes would change, and change nothing")
    _either(group, "show-fixes", "list the fixes that were made")
    group.add_argument("-i", "--interactive", action="store_true", help="ask about each fix, unsafe ones included")
    _many(group, "--unfixable", "rules whose fixes are not applied")


def _add_files(group: argparse._ArgumentGroup) -> None:
    _many(group, "--exclude", "files and folders to leave out", "GLOB,...")
    _many(group, "--extend-exclude", "the same, in addition to the configured ones", "GLOB,...")
    _either(group, "force-exclude", "leave excluded files out even when they are named here")
    _either(group, "respect-gitignore", "leave out what git ignores")
    group.add_argument("--stdin-filename", metavar="PATH", help="where standard input belongs")
    group.add_argument("--show-files", action="store_true", help="list the files, and what is left out and why")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output-format", choices=OUTPUT_FORMATS, metavar="FORMAT", help=f"how findings are printed: {_FORMATS} [auto]"
    )
    group.add_argument(
        "--output",
        action="append",
        default=[],
        type=_output,
        metavar="FORMAT[:PATH]",
        help="write findings in a format, to a file or printed; may be repeated",
    )
    group.add_argument("-o", "--output-file", type=_file, metavar="PATH", help="write findings to a file")
    group.add_argument("--min-severity", choices=_LEVELS, help="the mildest findings to report [info]")
    group.add_argument("--statistics", action="store_true", help="count findings by rule")
    group.add_argument("--show-suppressed", action="store_true", help="report suppressed findings, too")
    group.add_argument("--timings", action="store_true", help="tell where the time went")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="use colour [auto]")
    group.add_argument("-q", "--quiet", action="store_true", help="print findings only")
    group.add_argument("-v", "--verbose", action="store_true", help="print warnings that seldom matter, and tracebacks")


def _add_outcome(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--baseline", metavar="PATH", help="leave out the findings in this file [greenlint-baseline.json]"
    )
    group.add_argument("--no-baseline", action="store_true", help="report, and fix, what is in the baseline, too")
    group.add_argument("--fail-level", choices=_LEVELS, help="the mildest findings that fail the run [warning]")
    group.add_argument("--exit-zero", action="store_true", help="let no finding fail the run")
    group.add_argument("--strict", action="store_true", help="fail when a file could not be analysed")


def _add_configuration(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE | KEY=VALUE",
        help="a file to use, or TOML that wins",
    )
    group.add_argument("--isolated", action="store_true", help="read no configuration file")
    group.add_argument("--show-settings", action="store_true", help="print the settings and where each comes from")


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-j", "--jobs", type=int, metavar="N", help="processes to use")
    group.add_argument("--no-cache", action="store_true", help="neither read nor keep results")
    group.add_argument("--cache-dir", metavar="FOLDER", help="where results are kept [.greenlint_cache]")
    group.add_argument("-w", "--watch", action="store_true", help="check again whenever a file changes")


def _output(text: str) -> tuple[str, str | None]:
    """``FORMAT`` or ``FORMAT:PATH``, where the path may stand for standard output."""
    name, colon, path = text.partition(":")
    if name not in OUTPUT_FORMATS:
        raise argparse.ArgumentTypeError(f"unknown format `{name}`: choose from {_FORMATS}")
    if colon and not path:
        raise argparse.ArgumentTypeError(f"`{text}` names no file")
    return name, _file(path)


def _file(path: str) -> str | None:
    return path if path and path not in _PRINTED else None


def _many(group: argparse._ArgumentGroup, flag: str, text: str, metavar: str = "RULE,...") -> None:
    group.add_argument(flag, action="append", metavar=metavar, help=text)


def _either(group: argparse._ArgumentGroup, name: str, text: str) -> None:
    group.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=text)
