"""Who may import whom: arrows point down, pure modules stay pure, and what starts every run stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS: dict[str, set[str]] = {
    "data": {
        "figures",
        "finding",
        "line_ends",
        "outline",
        "passage",
        "premise",
        "results",
        "version",
        "vocabulary",
        "knowledge",
        "toml_text",
    },
    "document": {
        "regions",
        "shape",
        "document",
        "notebook",
        "notebook_edits",
        "notebook_json",
        "reading",
        "reparse",
        "edits",
    },
    "facts": {"facts"},
    "rule": {
        "__init__",
        "directives",
        "fixer",
        "gate",
        "options",
        "rule",
        "rule_check",
        "selection",
        "suppress",
        "suppression_rules",
    },
    "engine": {"engine", "timing"},
    "run": {
        "baseline",
        "batch",
        "cache",
        "config",
        "config_error",
        "config_keys",
        "config_plan",
        "config_source",
        "discovery",
        "docs",
        "entry_points",
        "fix_files",
        "form",
        "gitignore",
        "hardware",
        "ignore_files",
        "packing",
        "patterns",
        "pool",
        "profiles",
        "project_files",
        "rearranged",
        "registry",
        "runner",
        "scaffold",
        "session",
        "settings",
        "testing",
        "variants",
        "whole_files",
    },
    "front": {"__main__", "cli", "commands", "lsp", "output", "progress", "watch"},
}
"""The engine from the bottom up. A module imports from its own layer and from those named before it."""

RANK = {name: rank for rank, names in enumerate(LAYERS.values()) for name in names}

PURE = {
    *LAYERS["data"],
    *LAYERS["document"],
    *LAYERS["facts"],
    *LAYERS["rule"],
    "engine",
} - {"__init__"}
OUTSIDE = {
    "asyncio",
    "concurrent",
    "fcntl",
    "glob",
    "http",
    "locale",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "random",
    "select",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
"""Standard modules that reach outside the process, or remember something between calls."""

THIRD_PARTY = {"libcst", "pathspec", "tomli", "tomllib"}  # the last is standard from Python 3.11 on

LIGHT = (
    "cache",
    "cli",
    "commands.rule",
    "config",
    "discovery",
    "docs",
    "finding",
    "gate",
    "options",
    "registry",
    "results",
    "rule",
    "runner",
    "scaffold",
    "selection",
    "settings",
    "suppression_rules",
)
HEAVY = ("libcst", "asyncio", "typing_extensions", "importlib.metadata", "multiprocessing", "email")


@dataclass(frozen=True)
class Import:
    """One import of one module."""

    source: str
    """The dotted name of the module that imports."""
    target: str
    line: int
    lazy: bool
    """Whether it stands in a function."""

    def __str__(self) -> str:
        return f"{self.source}, line {self.line}: imports {self.target}"


def modules_of(folder: Path, package: str) -> dict[str, ast.Module]:
    """The modules below a folder, by dotted name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports_in(name: str, tree: ast.Module, known: set[str]) -> Iterator[Import]:
    """What a module imports when it runs; imports for type checkers only are left out."""
    for node, lazy in walk(tree, lazy=False):
        if isinstance(node, ast.Import):
            yield from (Import(name, each.name, node.lineno, lazy) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for each in node.names:
                inner = f"{base}.{each.name}"
                yield Import(name, inner if inner in known else base, node.lineno, lazy)


def walk(node: ast.AST, *, lazy: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other, lazy
                yield from walk(other, lazy=lazy)
            continue
        inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield child, inside
        yield from walk(child, lazy=inside)


ENGINE = modules_of(ROOT / "greenlint", "greenlint")
RULES = modules_of(ROOT / "rules", "greenlint_rules")
ENGINE_IMPORTS = [each for name, tree in ENGINE.items() for each in imports_in(name, tree, set(ENGINE))]
RULE_IMPORTS = [each for name, tree in RULES.items() for each in imports_in(name, tree, {*RULES, *ENGINE})]


def part(module: str) -> str:
    """The module or package directly below ``greenlint``."""
    return module.split(".")[1] if "." in module else "__init__"


def inner(module: str) -> bool:
    return module.split(".")[0] == "greenlint"


def test_every_module_has_a_layer() -> None:
    assert {part(name) for name in ENGINE} == set(RANK)


def test_arrows_point_down() -> None:
    wrong = [
        str(each)
        for each in ENGINE_IMPORTS
        if inner(each.target)
        and each.source != "greenlint"  # the public door opens onto everything
        and each.target != "greenlint"
        and RANK[part(each.target)] > RANK[part(each.source)]
    ]
    assert wrong == []


def test_modules_do_not_need_each_other_to_be_imported() -> None:
    needs: dict[str, set[str]] = {name: set() for name in ENGINE}
    for each in ENGINE_IMPORTS:
        if each.target in ENGINE and not each.lazy and each.target != "greenlint":
            needs[each.source].add(each.target)
    while free := [name for name, targets in needs.items() if not targets]:
        for name in free:
            del needs[name]
        for targets in needs.values():
            targets.difference_update(free)
    assert needs == {}


def test_only_declared_packages_are_needed() -> None:
    standard = set(sys.stdlib_module_names)
    roots = {each.target.split(".")[0] for each in ENGINE_IMPORTS if part(each.source) != "lsp"}
    assert roots - standard <= {"greenlint", *THIRD_PARTY}


def test_only_the_server_needs_its_extra() -> None:
    roots = {each.target.split(".")[0] for each in ENGINE_IMPORTS if part(each.source) == "lsp"}
    assert roots - set(sys.stdlib_module_names) <= {"greenlint", "lsprotocol", "pygls"}
    entering = {
        part(each.source) for each in ENGINE_IMPORTS if part(each.target) == "lsp" and part(each.source) != "lsp"
    }
    assert entering == {"commands"}


@pytest.mark.parametrize("name", [name for name in ENGINE if part(name) in PURE])
def test_pure_modules_do_not_reach_outside(name: str) -> None:
    reached = [str(each) for each in ENGINE_IMPORTS if each.source == name and each.target.split(".")[0] in OUTSIDE]
    assert reached == []
    assert list(impurities(ENGINE[name])) == []


def impurities(tree: ast.Module) -> Iterator[str]:
    """Uses of the console, the clock and of memory between calls that need no import to be seen."""
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Global):
            text = f"global {', '.join(node.names)}"
        elif isinstance(node, ast.FunctionDef):
            text = next((f"@{each}" for each in map(ast.unparse, node.decorator_list) if is_memo(each)), "")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            text = called if called in ("open", "print", "input", "exec", "eval") or is_clock(called) else ""
        if text:
            yield f"line {node.lineno}: {text}"  # type: ignore[attr-defined]


def is_memo(decorator: str) -> bool:
    return decorator.split("(")[0].split(".")[-1] in ("cache", "lru_cache")


def is_clock(called: str) -> bool:
    return called.split(".")[-1] in ("today", "now", "utcnow") and "date" in called


def test_impurities_are_seen() -> None:
    text = "global a\n@functools.lru_cache(maxsize=1)\ndef f(): print(datetime.date.today())\n"
    assert [each.split(": ")[1] for each in impurities(ast.parse(text))] == [
        "global a",
        "@functools.lru_cache(maxsize=1)",
        "print",
        "datetime.date.today",
    ]


def test_light_modules_stay_light() -> None:
    wanted = [f"greenlint.{name}" for name in LIGHT]
    assert loaded_by(wanted) == [], {name: loaded_by([name]) for name in wanted}


def loaded_by(modules: list[str]) -> list[str]:
    """The heavy modules that importing ``modules`` loads, in a process of its own."""
    code = f"import sys, {', '.join(modules)}; print(*(each for each in {HEAVY!r} if each in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.split()


def test_rules_are_loaded_without_a_parser() -> None:
    code = (
        "import sys\n"
        "from greenlint.registry import RuleLoader\n"
        "print(len(RuleLoader().registry().rules), 'libcst' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    count, parser = done.stdout.split()
    assert int(count) >= len([name for name in RULES if name.count(".") == 2])
    assert parser == "False"


def test_nothing_imports_rules() -> None:
    wrong = [str(each) for each in ENGINE_IMPORTS if each.target.split(".")[0] in ("greenlint_rules", "rules")]
    assert wrong == []


def test_rules_import_the_public_api_only() -> None:
    allowed = {"greenlint", "libcst"}
    wrong = [str(each) for each in RULE_IMPORTS if each.target not in allowed and not is_standard(each.target)]
    assert wrong == []


def is_standard(module: str) -> bool:
    return module.split(".")[0] in sys.stdlib_module_names
