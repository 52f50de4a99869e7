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
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.files import write_files

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
SECONDS = 240
_OPTION = re.compile(r".*\n# option: (\S+)\n")
_LEVEL = re.compile(r"# level: (?:(safe)|(unsafe), within (\S+))\n")
# One thread each: sums in another order are another value.
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


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
        subprocess.run(
            [sys.executable, "-m", "greenlint", *command, *flags, str(after)], check=True, capture_output=True
        )
        if after.read_text(encoding="utf-8") == self.text:
            raise ProofError("the fix changes nothing")
        again = subprocess.run(
            [sys.executable, "-m", "greenlint", *command, str(after)], check=True, capture_output=True
        )
        left = [each["message"] for each in json.loads(again.stdout)["findings"]]
        if left:
            raise ProofError(f"the fixed program is still found fault with: {left}")
        return after

    def check(self, folder: Path) -> None:
        """Run the program without and with its fix; raises :class:`ProofError` when they do not agree."""
        after = self.fixed(folder)
        running = [_Run(folder / "before.py"), _Run(after)]
        before, fixed = [each.outcome() for each in running]
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


class _Run:
    """A program that is running."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._stored = program.with_suffix(".json")
        folder = program.with_suffix("")
        folder.mkdir()
        write_files(folder)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "execute.py"), str(program), str(self._stored)],
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def outcome(self) -> Outcome:
        try:
            output, _ = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise ProofError(f"{self._program.name} runs longer than {SECONDS} seconds") from None
        if self._process.returncode:
            raise ProofError(f"{self._program.name} fails:\n{output[-3000:]}")
        stored = json.loads(self._stored.read_text(encoding="utf-8"))
        # Paths and line numbers in a warning move with the fix.
        plain = (re.sub(r"(before|after)\b|\d+", "", each) for each in stored["warnings"])
        return Outcome(stored["result"], stored["random"], frozenset(plain))


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
    """Every proof there is."""
    return [Proof.read(path) for path in sorted(PROGRAMS.glob("*/*.py"))]
