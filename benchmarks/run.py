"""Time greenlint beside its peers, on the same files and the same cores.

    python -m benchmarks.run [--set NAME]... [--tools A,B] [--rounds N] [--jobs N] [--work DIR] [--json FILE]

Each run of a peer follows one of greenlint (A B A B), and the ratio is taken pair by pair, so that a machine
which slows down for a minute slows both. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import corpus, peers, report
from benchmarks.bench import Plan, measure_set, measure_start_up, say
from benchmarks.machine import machine_facts
from benchmarks.measure import keep_to_cores
from benchmarks.peers import Installed

README = Path(__file__).with_name("README.md")
USUAL_SETS = ("five-clean", "five", "ml-1000")
USUAL_TOOLS = (peers.GREENLINT, *peers.PEERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and store what was asked for."""
    options = _options(arguments)
    machine = machine_facts(keep_to_cores(options.jobs), peers.CHECKOUT)
    names = options.tools or [tool.name for tool in USUAL_TOOLS]
    installed = [_prepare(name, options.work, dict(options.use)) for name in names]
    result = _measure(installed, machine, options)
    tables = report.as_markdown(result)
    print(tables)
    if options.json:
        options.json.write_text(report.as_json(result), encoding="utf-8")
    if options.readme:
        report.write_into(README, tables)
    return 0


def _measure(installed: Sequence[Installed], machine: dict[str, str], options: argparse.Namespace) -> report.Report:
    usable = [one for one in installed if one.executable]
    plan = Plan(
        work=options.work,
        jobs=options.jobs,
        rounds=options.rounds,
        once_above=options.once_above,
        timeout=options.timeout,
        slow_on_large=bool(options.tools),
    )
    tools = {one.tool.name: one.summary for one in installed}
    result = report.Report(machine, tools, {one.tool.name: one.versions for one in installed})
    if options.start_up_rounds:
        result.start_up = measure_start_up(usable, plan, options.start_up_rounds)
    result.sets = [measure_set(name, usable, plan) for name in options.set or USUAL_SETS]
    return result


def _prepare(name: str, work: Path, executables: dict[str, Path]) -> Installed:
    say(f"preparing {name}")
    tool = peers.TOOLS[name]
    result = peers.use(tool, executables[name]) if name in executables else peers.install(tool, work)
    if not result.executable:
        say(f"{name} is left out: {result.note}")
    return result


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Time greenlint beside its peers.")
    add = parser.add_argument
    add("--set", action="append", choices=corpus.SETS, help="a set of files; may be repeated")
    add("--tools", type=_tools, metavar="A,B", help=f"which of {', '.join(peers.TOOLS)}")
    add("--rounds", type=_positive, default=5, metavar="N", help="runs of each peer on each set (5)")
    add("--start-up-rounds", type=_count, default=9, metavar="N", help="runs of the short commands (9)")
    add("--once-above", type=float, default=60, metavar="S", help="above S seconds, one run is enough (60)")
    add("--timeout", type=float, default=1800, metavar="S", help="end a run after S seconds (1800)")
    add("--jobs", type=_positive, default=2, metavar="N", help="cores and worker processes (2)")
    add("--work", type=_folder, default=corpus.default_work(), metavar="DIR", help="corpora, tools, caches")
    add(
        "--use",
        type=_executable,
        action="append",
        default=[],
        metavar="TOOL=FILE",
        help="do not install TOOL",
    )
    add("--json", type=Path, metavar="FILE", help="also write every single run")
    add("--readme", action="store_true", help="replace the results in benchmarks/README.md")
    return parser.parse_args(arguments)


def _tools(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in peers.TOOLS]:
        raise argparse.ArgumentTypeError(f"no tool is named {', '.join(unknown)}; known: {', '.join(peers.TOOLS)}")
    return names


def _executable(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or name not in peers.TOOLS:
        raise argparse.ArgumentTypeError(f"write TOOL=FILE, with a tool of {', '.join(peers.TOOLS)}")
    return name, Path(path).absolute()


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _positive(text: str) -> int:
    if (number := _count(text)) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
