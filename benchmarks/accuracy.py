"""Run greenlint over the repositories of the accuracy study and hold its findings against what readers said of them.

    python -m benchmarks.accuracy [--work DIR | --checkouts DIR] [--list VERDICT] [--json FILE] [--write]

`accuracy-repositories.txt` pins the repositories, `accuracy-verdicts.csv` holds the verdicts, one for each finding that
was read. A finding without a verdict counts as unread. `--write` replaces the tables of `docs/accuracy.md`.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.corpus import IMPORTS_ML, default_work

HERE = Path(__file__).parent
REPOSITORIES = HERE / "accuracy-repositories.txt"
VERDICTS = HERE / "accuracy-verdicts.csv"
PAGE = HERE.parent / "docs" / "accuracy.md"
WARNING, INFO = "warning", "info"
TRUE, ARGUABLE, FALSE, UNREAD = "true", "arguable", "false", "unread"
KINDS = (TRUE, ARGUABLE, FALSE, UNREAD)
KEY = ("path", "rule", "fingerprint")
"""What finds a finding again within its repository, also when lines have moved."""


@dataclass(frozen=True)
class Repository:
    """A repository of the study, at one commit."""

    name: str
    commit: str
    part: str
    """`tuned`: false findings here became examples of the rules; `fresh`: read once, after the rules were done;
    `unseen`: chosen and read after the corrections that these brought."""

    @property
    def folder(self) -> str:
        return self.name.replace("/", "+")


@dataclass(frozen=True)
class Judged:
    """A finding and what a reader said of it."""

    repository: Repository
    finding: dict[str, object]
    verdict: str

    @property
    def rule(self) -> str:
        return str(self.finding["rule"])

    @property
    def severity(self) -> str:
        return str(self.finding["severity"])

    @property
    def place(self) -> str:
        cell = f" cell {self.finding['cell']}" if self.finding["cell"] else ""
        return f"{self.repository.name} {self.finding['path']}{cell}:{self.finding['line']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every repository, print the tables, store what was asked for."""
    options = _options(arguments)
    folder = options.checkouts or options.work / "accuracy"
    repositories = list(_present(_repositories(options.part), folder, fetch=options.checkouts is None))
    judged = list(_judge(repositories, folder))
    for each in judged:
        if each.verdict in options.list:
            print(f"{each.verdict}: {each.place}: {each.severity}: {each.rule}: {each.finding['message']}")
    tables = f"{_tables(judged)}\n\n{_density(repositories, folder, judged)}"
    print(tables)
    if options.json:
        options.json.write_text(json.dumps([_as_row(each) for each in judged], indent=1) + "\n", encoding="utf-8")
    if options.write:
        report.write_into(PAGE, tables)
    return 0


def _repositories(part: str | None) -> list[Repository]:
    lines = REPOSITORIES.read_text(encoding="utf-8").splitlines()
    found = [Repository(*line.split()) for line in lines if line and not line.startswith("#")]
    return [each for each in found if part in (None, each.part)]


def _present(repositories: Iterable[Repository], folder: Path, *, fetch: bool) -> Iterator[Repository]:
    """The repositories whose files are at hand, fetched when wanted."""
    for repository in repositories:
        path = folder / repository.folder
        if not path.is_dir():
            if not fetch:
                print(f"{repository.name}: not in {folder}", file=sys.stderr)
                continue
            _fetch(repository, path)
        yield repository


def _judge(repositories: Iterable[Repository], folder: Path) -> Iterator[Judged]:
    verdicts = _verdicts()
    for repository in repositories:
        for finding in _findings(folder / repository.folder):
            key = (repository.name, *(str(finding[part]) for part in KEY))
            yield Judged(repository, finding, verdicts.get(key, UNREAD))


def _verdicts() -> dict[tuple[str, ...], str]:
    with VERDICTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["repository"], *(row[part] for part in KEY)): row["verdict"] for row in rows}


def _fetch(repository: Repository, path: Path) -> None:
    """The files of one commit, without history."""
    path.mkdir(parents=True)
    git = ["git", "-C", str(path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    url = f"https://github.com/{repository.name}"
    subprocess.run([*git, "fetch", "--quiet", "--depth", "1", url, repository.commit], check=True)
    subprocess.run([*git, "checkout", "--quiet", "FETCH_HEAD"], check=True)


def _findings(path: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "greenlint", "check", "--isolated", "--no-cache", "--exit-zero"]
    output = subprocess.run([*command, "--output-format", "json", "."], cwd=path, capture_output=True, check=True)
    findings: list[dict[str, object]] = json.loads(output.stdout)["findings"]
    return findings


def _tables(judged: Sequence[Judged]) -> str:
    parts = sorted({each.repository.part for each in judged}, reverse=True)
    return "\n\n".join(f"### {part.capitalize()} repositories\n\n{_table(judged, part)}" for part in parts)


def _table(judged: Sequence[Judged], part: str) -> str:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in judged:
        if each.repository.part == part:
            counts[each.rule, each.severity][each.verdict] += 1
            counts["all", each.severity][each.verdict] += 1
    order = sorted(counts, key=lambda key: (key[0] == "all", key[0], key[1] == INFO))
    head = "| rule | severity | findings | true | arguable | false | unread | precision |"
    rule = "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    return "\n".join([head, rule, *(_line(name, severity, counts[name, severity]) for name, severity in order)])


def _line(name: str, severity: str, count: Counter[str]) -> str:
    """Precision leaves out arguable findings, as it would be unfair either way."""
    decided = count[TRUE] + count[FALSE]
    precision = f"{count[TRUE] / decided:.2f}" if decided else "-"
    label = f"**{name}**" if name == "all" else f"`{name}`"
    numbers = " | ".join(str(count[kind]) for kind in KINDS)
    return f"| {label} | {severity} | {count.total()} | {numbers} | {precision} |"


def _density(repositories: Iterable[Repository], folder: Path, judged: Sequence[Judged]) -> str:
    """How much code draws how many warnings: files that import a machine-learning library."""
    lines = [count for each in repositories for count in _lines_of_code(folder / each.folder)]
    warned = Counter((each.repository.name, each.finding["path"]) for each in judged if each.severity == WARNING)
    warnings = warned.total()
    each = f"one for {sum(lines) / warnings:,.0f} lines" if warnings else "none"
    return (
        f"{len(lines):,} files that import a machine-learning library, {sum(lines):,} lines: "
        f"{warnings:,} warnings, {each}; {len(warned):,} files have one ({len(warned) / max(1, len(lines)):.0%})."
    )


def _lines_of_code(path: Path) -> Iterator[int]:
    for file in sorted((*path.rglob("*.py"), *path.rglob("*.ipynb"))):
        if not file.is_file():
            continue
        content = file.read_bytes()
        if file.suffix == ".ipynb":
            content = _code_of(content)
        if IMPORTS_ML.search(content):
            yield content.count(b"\n") + 1


def _code_of(notebook: bytes) -> bytes:
    try:
        data = json.loads(notebook)
        cells = data.get("cells") or [cell for sheet in data.get("worksheets", ()) for cell in sheet["cells"]]
        sources = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") == "code"]
        return "\n".join("".join(source) for source in sources).encode("utf-8", "replace")
    except (ValueError, AttributeError, TypeError, KeyError):
        return b""


def _as_row(each: Judged) -> dict[str, object]:
    keep = ("rule", "severity", "path", "cell", "line", "message", "fingerprint")
    return {
        "repository": each.repository.name,
        "part": each.repository.part,
        **{key: each.finding[key] for key in keep},
        "verdict": each.verdict,
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, default=default_work(), metavar="DIR", help="where the repositories are fetched to")
    add("--checkouts", type=Path, metavar="DIR", help="take the repositories from DIR/OWNER+NAME instead")
    add("--part", choices=("tuned", "fresh", "unseen"), help="only these repositories")
    add("--list", action="append", default=[], choices=KINDS, help="also list the findings with this verdict")
    add("--json", type=Path, metavar="FILE", help="also write every finding with its verdict")
    add("--write", action="store_true", help="replace the tables in docs/accuracy.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
