"""Build the benchmark corpora from pinned PyPI packages.

`packages.txt` pins every archive. Files are picked by the hash of their name, so the
same pins give the same sets on every machine; each set's digest says whether they did.

    python -m benchmarks.corpus [SET ...] [--work DIR]
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import packages
from benchmarks.packages import PACKAGES, Package, read_packages, unpacked

SEED = "greenlint-benchmarks-1"

IMPORTS_ML = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+(?:torch|tensorflow|keras|jax|flax|optax|transformers|sklearn|lightning|"
    rb"pytorch_lightning|accelerate|xgboost|lightgbm|datasets|optuna|ignite)\b",
    re.MULTILINE,
)
IMPORTS_TORCH = re.compile(rb"^(?:import|from)[ \t]+torch\b", re.MULTILINE)
TRAINS = re.compile(rb"\.backward\(|\bDataLoader\(|GradientTape\(|value_and_grad\(|\bTrainer\(|\.fit\(|\.compile\(")
WASTE_PRONE = re.compile(
    rb"\bDataLoader\b|\bTrainer\b|\.(?:backward|item|tolist|numpy|cpu|cuda|fit|compile|generate|append|"
    rb"synchronize|from_pretrained)\("
)
TEST_FILE = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)test_|_test\.py$|(?:^|/)conftest\.py$")

TRAINING, LIBRARY, APPLICATION = "training", "library", "application"


@dataclass(frozen=True)
class Source:
    """A file that may be drawn."""

    package: str
    path: str
    file: Path
    kind: str


@dataclass(frozen=True)
class Draw:
    """How many files of one kind go into a set, and which qualify."""

    kind: str
    count: int
    accepts: Callable[[Source, bytes], bool] = lambda source, content: True
    per_package: int | None = None


def _has_candidates(source: Source, content: bytes) -> bool:
    words = (b"DataLoader(", b".backward()", b".item()", b"__main__")
    return (
        100 <= content.count(b"\n") <= 500
        and bool(IMPORTS_TORCH.search(content))
        and all(word in content for word in words)
    )


def _is_clean_torch(source: Source, content: bytes) -> bool:
    return (
        100 <= content.count(b"\n") <= 1000
        and bool(IMPORTS_TORCH.search(content))
        and not WASTE_PRONE.search(content)
        and not TEST_FILE.search(source.path)
    )


def _is_ordinary(source: Source, content: bytes) -> bool:
    return 100 <= content.count(b"\n") <= 500 and not TEST_FILE.search(source.path)


SETS: dict[str, tuple[Draw, ...]] = {
    "five": (Draw(TRAINING, 5, _has_candidates, per_package=2),),
    "five-clean": (Draw(LIBRARY, 5, _is_clean_torch, per_package=1),),
    "five-app": (Draw(APPLICATION, 5, _is_ordinary, per_package=1),),
    "ml-1000": (Draw(TRAINING, 500), Draw(LIBRARY, 500)),
    "app-1000": (Draw(APPLICATION, 1000),),
    "mixed-10000": (Draw(TRAINING, 900), Draw(LIBRARY, 5600), Draw(APPLICATION, 3500)),
}


@dataclass(frozen=True)
class Corpus:
    """A built set: where it is and how large."""

    name: str
    root: Path
    files: int
    size: int
    lines: int
    digest: str

    @property
    def megabytes(self) -> float:
        return self.size / 1e6

    def paths(self) -> list[str]:
        """Its files, relative to `root`, in a fixed order."""
        return sorted(file.relative_to(self.root).as_posix() for file in self.root.rglob("*.py"))


def default_work() -> Path:
    """The folder for downloads and results when none is given."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "greenlint-benchmarks"


def build(name: str, work: Path) -> Corpus:
    """Build the set `name` under `work`, or take the one already there."""
    root = work / "corpus" / name
    stamp = root.with_name(f"{name}.stamp")
    recipe = _recipe(name)
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == recipe):
        shutil.rmtree(root, ignore_errors=True)
        _copy(_draw_all(SETS[name], _population(work)), root)
        stamp.write_text(recipe, encoding="utf-8")
    return _describe(name, root)


def _recipe(name: str) -> str:
    """Changes whenever the set has to be drawn again."""
    parts = (PACKAGES, Path(packages.__file__), Path(__file__))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts) + name.encode()).hexdigest()


@functools.cache
def _population(work: Path) -> tuple[Source, ...]:
    """Every file that may be drawn, in the order that the draw takes them."""
    sources = (source for package in read_packages() for source in _sources(package, unpacked(package, work)))
    return tuple(sorted(sources, key=_rank))


def _rank(source: Source) -> str:
    return hashlib.sha256(f"{SEED}:{source.package}/{source.path}".encode()).hexdigest()


def _sources(package: Package, folder: Path) -> Iterator[Source]:
    for file in sorted(folder.rglob("*.py")):
        path = file.relative_to(folder).as_posix()
        kind = APPLICATION if package.field == "app" else _ml_kind(path, file)
        yield Source(package.name, path, file, kind)


def _ml_kind(path: str, file: Path) -> str:
    if TEST_FILE.search(path):
        return LIBRARY
    content = file.read_bytes()
    return TRAINING if IMPORTS_ML.search(content) and TRAINS.search(content) else LIBRARY


def _draw_all(draws: Iterable[Draw], ranked: Iterable[Source]) -> Iterator[tuple[Source, bytes]]:
    seen: set[bytes] = set()
    for draw in draws:
        yield from _draw(draw, ranked, seen)


def _draw(draw: Draw, ranked: Iterable[Source], seen: set[bytes]) -> Iterator[tuple[Source, bytes]]:
    """The first files by rank that qualify, parse and are no copy of one drawn before."""
    missing = draw.count
    packages: Counter[str] = Counter()
    for source in ranked:
        if not missing:
            return
        if source.kind != draw.kind or packages[source.package] == draw.per_package:
            continue
        content = source.file.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest in seen or not draw.accepts(source, content) or not _parses(content):
            continue
        missing -= 1
        seen.add(digest)
        packages[source.package] += 1
        yield source, content
    if missing:
        raise SystemExit(f"the packages hold {missing} too few {draw.kind} files")


def _parses(content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _copy(chosen: Iterable[tuple[Source, bytes]], root: Path) -> None:
    root.mkdir(parents=True)
    for source, content in chosen:
        target = root / source.package / source.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    # The nearest configuration is this one: no tool takes settings from a folder further up.
    root.joinpath("pyproject.toml").write_text("[tool.fixit]\nroot = true\n", encoding="utf-8")


def _describe(name: str, root: Path) -> Corpus:
    whole = hashlib.sha256()
    size = lines = files = 0
    for file in sorted(root.rglob("*.py"), key=lambda file: file.relative_to(root).as_posix()):
        content = file.read_bytes()
        whole.update(file.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(content).digest())
        files, size, lines = files + 1, size + len(content), lines + content.count(b"\n")
    return Corpus(name, root, files, size, lines, whole.hexdigest()[:16])


def main(arguments: list[str] | None = None) -> int:
    """Build the named sets, or all of them, and print their sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus", description="Build the corpora.")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)} (default: all)")
    parser.add_argument("--work", type=Path, default=default_work(), metavar="DIR", help="where the files go")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.sets) - set(SETS))
    if unknown:
        parser.error(f"no set is named {', '.join(unknown)}; known: {', '.join(SETS)}")
    for name in options.sets or SETS:
        corpus = build(name, options.work.resolve())
        print(
            f"{corpus.name:12} {corpus.files:6,} files {corpus.megabytes:8.2f} MB "
            f"{corpus.lines:10,} lines  {corpus.digest}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
