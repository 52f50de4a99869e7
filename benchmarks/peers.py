"""The tools compared: their pins, how each is installed, and the command line that lints with each."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
NOT_INSTALLED_FROM = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "venv", "node_modules", "benchmarks", "tests"
)


class CannotInstallError(Exception):
    """Why a tool is not available."""


@dataclass(frozen=True)
class Request:
    """What to lint, and how."""

    paths: Sequence[str]
    jobs: int
    cache: Path | None = None


@dataclass(frozen=True)
class Tool:
    """A linter: what pip installs, what is run, how its findings are counted."""

    name: str
    pins: tuple[str, ...]
    command: str
    arguments: Callable[[Request], list[str]]
    count: Callable[[str], int]
    exits: frozenset[int] = frozenset({0})
    caches: bool = False
    slow: bool = False

    @property
    def distribution(self) -> str:
        return self.pins[0].partition("==")[0]


@dataclass(frozen=True)
class Installed:
    """A tool that can be run, or the reason why not."""

    tool: Tool
    executable: Path | None = None
    versions: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def version(self) -> str:
        return self.versions.get(_normalised(self.tool.distribution), "unknown")

    @property
    def summary(self) -> str:
        """Its version, libcst's if it has one, and how it came here."""
        if not self.executable:
            return f"left out, {self.note}"
        libcst = f"libcst {self.versions['libcst']}" if "libcst" in self.versions else ""
        return ", ".join(part for part in (self.version, libcst, self.note) if part)

    def check(self, request: Request) -> list[str]:
        return [str(self.executable), *self.tool.arguments(request)]


def _greenlint(request: Request) -> list[str]:
    cache = ["--cache-dir", str(request.cache)] if request.cache else ["--no-cache"]
    options = ["--isolated", "--jobs", str(request.jobs), "--output-format", "json", "--exit-zero"]
    return ["check", *cache, *options, *request.paths]


def _ruff(request: Request) -> list[str]:
    cache = ["--cache-dir", str(request.cache)] if request.cache else ["--no-cache"]
    options = ["--isolated", "--no-respect-gitignore", "--output-format", "concise", "--exit-zero"]
    return ["check", *cache, *options, *request.paths]


def _ruff_all(request: Request) -> list[str]:
    return [*_ruff(request), "--select", "ALL"]


def _flake8(request: Request) -> list[str]:
    return ["--isolated", "--exit-zero", "--jobs", str(request.jobs), *request.paths]


def _flake8_torchfix(request: Request) -> list[str]:
    return [*_flake8(request), "--select", "TOR"]


def _torchfix(request: Request) -> list[str]:
    return ["--jobs", str(request.jobs), *request.paths]


def _torch_preflight(request: Request) -> list[str]:
    return ["check", "--format", "json", "--jobs", str(request.jobs), *request.paths]


def _fixit(request: Request) -> list[str]:
    return ["--quiet", "--output-format", "vscode", "lint", *request.paths]


def _located_lines(output: str) -> int:
    return len(re.findall(r"^\S[^\n]*?:\d+:\d+:? ", output, re.MULTILINE))


def _json_list(key: str) -> Callable[[str], int]:
    return lambda output: len(json.loads(output)[key])


_LIBCST = "libcst==1.9.0"
_SHARED_TORCHFIX = ("torchfix==0.7.0", "flake8==7.5.0", "libcst==1.5.1")  # torchfix needs libcst < 1.6

GREENLINT = Tool("greenlint", ("greenlint-ml",), "greenlint", _greenlint, _json_list("findings"), caches=True)
PEERS = (
    Tool("ruff", ("ruff==0.17.6",), "ruff", _ruff, _located_lines, caches=True),
    Tool("flake8", ("flake8==7.5.0",), "flake8", _flake8, _located_lines),
    Tool(
        "torch-preflight",
        ("torch-preflight==0.5.0", _LIBCST),
        "torch-preflight",
        _torch_preflight,
        _json_list("diagnostics"),
        exits=frozenset({0, 1}),
        slow=True,
    ),
    Tool(
        "torchfix",
        _SHARED_TORCHFIX,
        "torchfix",
        _torchfix,
        _located_lines,
        exits=frozenset({0, 1}),
        slow=True,
    ),
    Tool(
        "fixit",
        ("fixit==2.2.1", _LIBCST),
        "fixit",
        _fixit,
        _located_lines,
        exits=frozenset({0, 1, 2, 3}),
        slow=True,
    ),
)
OPTIONAL_PEERS = (
    Tool("ruff-all", ("ruff==0.17.6",), "ruff", _ruff_all, _located_lines),
    Tool("flake8-torchfix", _SHARED_TORCHFIX, "flake8", _flake8_torchfix, _located_lines, slow=True),
)
TOOLS = {tool.name: tool for tool in (GREENLINT, *PEERS, *OPTIONAL_PEERS)}


def use(tool: Tool, executable: Path) -> Installed:
    """Take an executable that is already there."""
    if not executable.is_file():
        return Installed(tool, note="the executable given does not exist")
    done = subprocess.run([str(executable), "--version"], check=False, capture_output=True, text=True)
    version = re.search(r"\d+(?:\.\w+)+", done.stdout)
    versions = {_normalised(tool.distribution): version.group() if version else "unknown"}
    return Installed(tool, executable, versions, "executable given")


def install(tool: Tool, work: Path) -> Installed:
    """Install `tool` into a virtual environment of its own; say why when that fails."""
    folder = work / "venvs" / tool.pins[0].replace("==", "-")
    try:
        note = _install_checkout(folder) if tool is GREENLINT else _install_pinned(tool, folder)
    except CannotInstallError as failure:
        return Installed(tool, note=f"cannot be installed: {failure}")
    executable = _bin(folder) / tool.command
    if not executable.is_file():
        return Installed(tool, note=f"its package has no command {tool.command}")
    return Installed(tool, executable, _versions(folder), note)


def python_of(installed: Installed) -> str:
    """The interpreter that runs a tool, or this one."""
    if installed.executable and (python := installed.executable.with_name("python")).is_file():
        return str(python)
    return sys.executable


def _install_checkout(folder: Path) -> str:
    """Install a copy of the checkout, so that the build leaves nothing in it."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise CannotInstallError("the checkout has no pyproject.toml")
    _make_venv(folder)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        shutil.copytree(CHECKOUT, source, ignore=NOT_INSTALLED_FROM)
        _pip(folder, "install", "--upgrade", str(source))
    return "from the checkout"


def _install_pinned(tool: Tool, folder: Path) -> str:
    done = folder / "installed.txt"
    wanted = " ".join(tool.pins)
    if done.is_file():
        recorded, _, note = done.read_text(encoding="utf-8").partition("\n")
        if recorded == wanted:
            return note
    note = _install_or_newest(tool, folder)
    done.write_text(f"{wanted}\n{note}", encoding="utf-8")
    return note


def _install_or_newest(tool: Tool, folder: Path) -> str:
    _make_venv(folder)
    try:
        _pip(folder, "install", *tool.pins)
    except CannotInstallError:
        _pip(folder, "install", tool.distribution)
        return f"{tool.pins[0]} cannot be installed; the newest that can was taken"
    return ""


def _make_venv(folder: Path) -> None:
    if not (_bin(folder) / "python").is_file():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])


def _pip(folder: Path, *arguments: str) -> None:
    python = str(_bin(folder) / "python")
    _run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CannotInstallError(_reason(done.stderr))
    return done.stdout


def _versions(folder: Path) -> dict[str, str]:
    program = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    )
    listed = json.loads(_run([str(_bin(folder) / "python"), "-I", "-c", program]))
    return {_normalised(name): version for name, version in listed.items()}


def _bin(folder: Path) -> Path:
    return folder / "bin"


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _reason(errors: str) -> str:
    """The last line of pip's complaint that says something."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "no message")
