"""Proofs by execution: a program runs as it is and with its fix applied, and both have to agree.

Each file in ``programs/RULE/`` is a small real program that the rule finds fault with. It leaves what it computed in
``result``, a dictionary of numbers, arrays or tensors; its data are the files of ``files.py``. Its first line says
what the fix may do::

    # level: safe                    values, random streams and warnings are the same, bit by bit
    # level: unsafe, within 0.01     relative to the largest value; a `score...` may only fall by that much

The second line may set an option of the rule: ``# option: maps=true``.

The programs ask for an accelerator when there is one, so on a machine with a GPU the same proofs run there.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from greenlint.cli import main
from tests.proofs.files import write_files

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
_OPTION = re.compile(r".*\n# option: (\S+)\n")
_LEVEL = re.compile(r"# level: (?:(safe)|(unsafe), within (\S+))\n")
# One thread each: sums in another order are another value.
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Counts GPUs without a CUDA context, which would not survive a fork.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}


# The longer to import the earlier, because those behind share it; what a library imports anyway comes before it.
_FIRST = ("tensorflow", "keras", "torch", "lightning", "accelerate", "transformers", "jax", "sklearn", "pandas")
_ANYWAY = {"keras": "tensorflow", "lightning": "torch", "accelerate": "torch", "optax": "jax", "flax": "jax"}


class ProofError(AssertionError):
    """Why a fix is not what it claims to be."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    result: dict[str, object]
    random: dict[str, str]
    warnings: frozenset[str]


@dataclass(frozen=True)
class Proof:
    """A program and what its fix may change."""

    path: Path
    text: str
    within: float | None
    """The tolerance of an unsafe fix; ``None`` for a safe one."""

    @classmethod
    def read(cls, path: Path) -> Proof:
        """The proof in a file; raises :class:`ProofError` when it does not say its level."""
        text = path.read_text(encoding="utf-8")
        match = _LEVEL.match(text)
        if match is None:
            raise ProofError(f"{path}: the first line says no level")
        return cls(path, text, float(match[3]) if match[2] else None)

    @property
    def rule(self) -> str:
        return self.path.parent.name

    @property
    def needs(self) -> list[str]:
        """The packages that the program imports, beside Python's own."""
        found: set[str] = set()
        for node in ast.walk(ast.parse(self.text)):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
        return sorted({name.partition(".")[0] for name in found} - sys.stdlib_module_names)

    @property
    def libraries(self) -> list[str]:
        """What it needs in the order in which it is imported before the program runs."""
        needs = {*self.needs, *(_ANYWAY[name] for name in self.needs if name in _ANYWAY)}
        return sorted(needs, key=lambda each: (_FIRST.index(each) if each in _FIRST else len(_FIRST), each))

    def fixed(self, folder: Path) -> Path:
        """The program with its fix applied; raises :class:`ProofError` when there is none or it does not hold."""
        before = folder / "before.py"
        before.write_text(self.text, encoding="utf-8")
        after = folder / "after.py"
        after.write_text(self.text, encoding="utf-8")
        flags = ["--fix"] if self.within is None else ["--fix", "--unsafe-fixes"]
        command = ["check", "--isolated", "--no-cache", "--exit-zero", "--select", self.rule]
        command += ["--output-format", "json"]
        option = _OPTION.match(self.text)
        if option is not None:
            command += ["--config", f"rules.{self.rule}.{option[1]}"]
        _greenlint(*command, *flags, str(after))
        if after.read_text(encoding="utf-8") == self.text:
            raise ProofError("the fix changes nothing")
        left = [each["message"] for each in json.loads(_greenlint(*command, str(after)))["findings"]]
        if left:
            raise ProofError(f"the fixed program is still found fault with: {left}")
        return after

    def check(self, folder: Path, programs: Programs) -> None:
        """Run the program without and with its fix; raises :class:`ProofError` when they do not agree."""
        after = self.fixed(folder)
        before, fixed = programs.run(self.libraries, folder / "before.py", after)
        problems = list(self._disagreements(before, fixed))
        if problems:
            raise ProofError("\n".join(problems))

    def _disagreements(self, before: Outcome, after: Outcome) -> Iterator[str]:
        for warning in sorted(after.warnings - before.warnings):
            yield f"a new warning: {warning}"
        if set(before.result) != set(after.result) or not before.result:
            yield f"other results: {sorted(before.result)} and {sorted(after.result)}"
            return
        for name, value in before.result.items():
            yield from self._disagreement(name, value, after.result[name])
        if self.within is None and before.random != after.random:
            yield "the random generators are in another state"

    def _disagreement(self, name: str, before: object, after: object) -> Iterator[str]:
        if self.within is None:
            if repr(before) != repr(after):
                yield f"{name} is not the same: {str(before)[:200]} and {str(after)[:200]}"
            return
        if name.startswith("score"):
            lost = max((one - other for one, other in zip(_numbers(before), _numbers(after), strict=True)), default=0.0)
            if not lost <= self.within:
                yield f"{name} falls by {lost:.3g}: {before} and {after}"
            return
        ones, others = list(_numbers(before)), list(_numbers(after))
        if len(ones) != len(others):
            yield f"{name} has {len(ones)} numbers, then {len(others)}"
            return
        scale = max(map(abs, ones), default=0.0) or 1.0
        off = max((abs(one - other) / scale for one, other in zip(ones, others, strict=True)), default=0.0)
        if not off <= self.within:
            yield f"{name} is off by {off:.3g}: {str(before)[:200]} and {str(after)[:200]}"


def _greenlint(*arguments: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(list(arguments))
    if code:
        raise ProofError(f"greenlint ends with {code}")
    return out.getvalue()


class Programs:
    """Runs programs, in processes that share the libraries they need."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.communicate()

    def run(self, libraries: list[str], *programs: Path) -> list[Outcome]:
        """Run programs at the same time; raises :class:`ProofError` when one of them fails."""
        for program in programs:
            folder = program.with_suffix("")
            folder.mkdir()
            write_files(folder)
        stored = [program.with_suffix(".json") for program in programs]
        said = [program.with_suffix(".txt") for program in programs]
        request = [list(map(str, each)) for each in zip(programs, stored, said, strict=True)]
        codes = self._answer(libraries, request)
        return [_outcome(*each) for each in zip(codes, stored, said, strict=True)]

    def _answer(self, libraries: list[str], request: list[list[str]]) -> list[int]:
        server = self._server = self._server or _started()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps([libraries, request]) + "\n")
        server.stdin.flush()
        said = server.stdout.readline()
        if not said:
            self.__exit__()
            self._server = None
            raise ProofError("the process that the programs are forked from is gone")
        answer: list[int] = json.loads(said)
        return answer


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "execute.py")],
        env={**os.environ, **_ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _outcome(code: int, stored: Path, said: Path) -> Outcome:
    if code == -signal.SIGALRM:
        raise ProofError(f"{stored.stem}.py runs too long")
    if code:
        raise ProofError(f"{stored.stem}.py fails:\n{said.read_text(encoding='utf-8', errors='replace')[-3000:]}")
    found = json.loads(stored.read_text(encoding="utf-8"))
    # Paths and line numbers in a warning move with the fix.
    plain = (re.sub(r"(before|after)\b|\d+", "", each) for each in found["warnings"])
    return Outcome(found["result"], found["random"], frozenset(plain))


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _numbers(each)
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float):
        yield float(value) if math.isfinite(value) else math.inf
    else:
        raise ProofError(f"not a number: {value!r}")


def proofs() -> list[Proof]:
    """Every proof there is; those that share libraries stand together, so that they can share them."""
    found = (Proof.read(path) for path in PROGRAMS.glob("*/*.py"))
    return sorted(found, key=lambda each: (each.libraries, each.path))
