"""Finds rules: packages by the entry-point group ``greenlint.rules``, and rule files of the project.

A package holds one rule in each public module; the folder of a module is the category of its rule. Whatever a
package or a rule does wrong is kept as a :class:`PluginProblem`, and the others are loaded all the same.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from greenlint.entry_points import entry_points
from greenlint.rule import Rule, Status, rule_name
from greenlint.rule_check import rule_faults
from greenlint.selection import RuleCatalogue, RuleEntry
from greenlint.suppression_rules import SUPPRESSION_RULES

if TYPE_CHECKING:
    from greenlint.settings import Settings

__all__ = ["GROUP", "NoRulePackagesError", "PluginProblem", "Registry", "RuleLoader"]

GROUP = "greenlint.rules"


class NoRulePackagesError(Exception):
    """Nothing is installed that has rules: greenlint runs from a bare checkout."""

    def __init__(self) -> None:
        super().__init__("no rule packages installed: run `pip install -e .` in the checkout of greenlint")


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """A package, module or rule that could not be loaded."""

    name: str
    """The rule, as far as it is known, else the package."""
    where: str
    """The file, else the module or the entry point."""
    message: str
    traceback: str = field(default="", compare=False, repr=False)
    """For people who write rules; empty when no code failed."""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Module:
    """A rule module that is known by its place and not yet imported."""

    name: str
    """The dotted name it is imported under."""
    path: Path
    load: Callable[[], ModuleType]
    local: bool = False
    """Whether it is no part of an importable package."""


class Registry:
    """Rules by name, and what kept others from being loaded."""

    def __init__(
        self,
        rules: Mapping[str, type[Rule]],
        problems: Sequence[PluginProblem] = (),
        withheld: frozenset[str] = frozenset(),
    ) -> None:
        self.rules = dict(sorted(rules.items()))
        self.problems = list(problems)
        self.withheld = withheld
        """Names of rules of the project that may not be loaded."""

    def select(self, settings: Settings) -> list[Rule]:
        """The rules that the settings of a file ask for, with their options, by name.

        A rule that cannot be made is added to ``problems`` and left out.
        """
        made = (self._make(name, settings.rule_options.get(name, {})) for name in settings.rules)
        return [rule for rule in made if rule is not None]

    def _make(self, name: str, options: Mapping[str, object]) -> Rule | None:
        rule = self.rules.get(name)
        if rule is None:
            return None
        try:
            return rule(rule.Options(**options))
        except Exception as error:
            problem = _problem(name, _where(rule), "cannot be made", error)
            if problem not in self.problems:
                self.problems.append(problem)
            return None

    def catalogue(self) -> RuleCatalogue:
        """What configuration needs to know of the rules."""
        entries = {name: _entry(name, rule) for name, rule in self.rules.items()}
        failed = {each.name: each.message for each in self.problems if each.name not in self.rules}
        return RuleCatalogue(entries, self.former, failed, self.withheld)

    @property
    def known(self) -> frozenset[str]:
        """The names that are no mistake where a comment has them."""
        return self.withheld | self.rules.keys()

    @property
    def former(self) -> dict[str, str]:
        """The names that rules had before, with those they have now."""
        return {old: name for name, rule in self.rules.items() for old in rule.formerly}

    def fingerprint(self) -> str:
        """A digest of the names and the code of all rules, for the keys of caches."""
        import hashlib

        digest = hashlib.sha256()
        for name, rule in self.rules.items():
            digest.update(name.encode() + b"\0" + _code(rule) + b"\0")
        digest.update(" ".join(sorted(self.withheld)).encode())
        return digest.hexdigest()


def _entry(name: str, rule: type[Rule]) -> RuleEntry:
    return RuleEntry(
        name=name,
        category=rule.category.value,
        default=rule.default and rule.status is Status.STABLE,
        deprecated=rule.status is Status.DEPRECATED,
        options=rule.Options,
    )


def _code(rule: type[Rule]) -> bytes:
    try:
        return Path(_where(rule)).read_bytes()
    except OSError:
        return b""


def _where(rule: type[Rule]) -> str:
    return getattr(sys.modules.get(rule.__module__), "__file__", None) or rule.__module__


class RuleLoader:
    """Loads rules once each: the engine's own, installed packages, and rule paths as they are asked for."""

    def __init__(self, packages: Sequence[str] | None = None, *, local_rules: bool = True) -> None:
        """``packages`` are importable names in place of the installed entry points.

        Without ``local_rules`` nothing at rule paths is loaded: that would run code of a project nobody trusts.
        """
        self._packages = packages
        self._local_rules = local_rules
        self._registries: dict[tuple[Path, ...], Registry] = {}
        self._installed: _Loaded | None = None

    def registry(self, rule_paths: Iterable[Path] = ()) -> Registry:
        """All installed rules and those of the rule paths; raises :class:`NoRulePackagesError`."""
        paths = tuple(rule_paths)
        registry = self._registries.get(paths)
        if registry is None:
            registry = self._registries[paths] = self._load(paths)
        return registry

    def catalogue(self, rule_paths: Iterable[Path] = ()) -> RuleCatalogue:
        """The rules as configuration sees them: what ``Resolver`` is made with."""
        return self.registry(rule_paths).catalogue()

    def find(self, name: str, rule_paths: Iterable[Path] = ()) -> type[Rule] | None:
        """The rule of this name, also of a former one, importing no more than needed.

        Raises :class:`NoRulePackagesError`.
        """
        paths = tuple(rule_paths)
        if not self._registries and self._installed is None:
            rule = self._find_alone(name, paths)
            if rule is not None:
                return rule
        registry = self.registry(paths)
        return registry.rules.get(registry.catalogue().former.get(name, name)) or registry.rules.get(name)

    def _find_alone(self, name: str, paths: tuple[Path, ...]) -> type[Rule] | None:
        loaded = _Loaded({each.name: each for each in SUPPRESSION_RULES}, only=name)
        if name in loaded.rules:
            return loaded.rules[name]
        for package, shown in self._entry_points():
            loaded.add_package(package, shown)
        for path in paths if self._local_rules else ():
            loaded.add(_path_modules(path))
        return loaded.rules.get(name)

    def _load(self, paths: tuple[Path, ...]) -> Registry:
        loaded = self._all_installed().copy()
        if not self._local_rules:
            names = frozenset(rule_name(module.name) for path in paths for module in _path_modules(path))
            return Registry(loaded.rules, loaded.problems, names - loaded.rules.keys())
        for path in paths:
            loaded.add(_path_modules(path))
        if len(loaded.rules) == len(SUPPRESSION_RULES) and not loaded.problems and not paths:
            raise NoRulePackagesError
        return Registry(loaded.rules, loaded.problems)

    def _all_installed(self) -> _Loaded:
        if self._installed is None:
            self._installed = _Loaded({each.name: each for each in SUPPRESSION_RULES})
            for package, shown in self._entry_points():
                self._installed.add_package(package, shown)
        return self._installed

    def _entry_points(self) -> list[tuple[str, str]]:
        """Importable names with the entry points that name them, greenlint's own first."""
        if self._packages is not None:
            return [(each, each) for each in self._packages]
        found = entry_points(GROUP, sys.path)
        order = sorted(found, key=lambda value: (value != "greenlint_rules", value))
        return [(value, f"entry point {found[value]}") for value in order]


class _Loaded:
    """Rules and problems while they are gathered. ``only`` leaves the modules of other rules alone."""

    def __init__(self, rules: Mapping[str, type[Rule]], only: str | None = None) -> None:
        self._only = only
        self.rules = dict(rules)
        self.problems: list[PluginProblem] = []

    def copy(self) -> _Loaded:
        """An independent copy."""
        other = _Loaded(self.rules)
        other.problems = list(self.problems)
        return other

    def add_package(self, package: str, shown: str) -> None:
        """Load every rule of a package; a package that cannot be found becomes a problem."""
        try:
            self.add(_package_modules(package))
        except _EXPECTED as error:
            message = f"the package `{package}` cannot be imported"
            self.problems.append(_problem(package, shown, message, error))

    def add(self, modules: Iterable[_Module]) -> None:
        """Load the rules of some modules."""
        for module in modules:
            if self._only not in (None, rule_name(module.name)):
                continue
            try:
                self._take(_rule_in(module.load()), module)
            except _EXPECTED as error:
                name = rule_name(module.name)
                self.problems.append(_problem(name, str(module.path), "cannot be imported", error))

    def _take(self, rule: type[Rule], module: _Module) -> None:
        faults = list(rule_faults(rule))
        taken = self.rules.get(rule.name) if not faults else None
        if taken is not None and taken is not rule:
            faults = [f"the name `{rule.name}` is taken by {_where(taken)}"]
        for fault in faults:
            self.problems.append(PluginProblem(str(rule.name), str(module.path), fault))
        if not faults:
            self.rules[rule.name] = rule
            if module.local:
                _make_portable(rule)


class _NotOneRuleError(Exception):
    """A module that does not hold exactly one rule."""


# Imports run other people's code, which may also try to exit.
_EXPECTED = (Exception, SystemExit)


def _problem(name: str, where: str, message: str, error: BaseException) -> PluginProblem:
    import traceback

    if isinstance(error, _NotOneRuleError):
        return PluginProblem(name, where, str(error))
    text = "".join(traceback.format_exception(error))
    reason = " ".join(str(error).split()) or "no message"
    return PluginProblem(name, where, f"{message}: {type(error).__name__}: {reason}", text)


def _rule_in(module: ModuleType) -> type[Rule]:
    """The one rule a module defines."""
    found = dict.fromkeys(
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Rule) and each.__module__ == module.__name__
    )
    public = [each for each in found if not each.__name__.startswith("_")]
    if not public:
        raise _NotOneRuleError("defines no rule; start the names of modules without one with an underscore")
    if len(public) > 1:
        names = ", ".join(f"`{each.__name__}`" for each in public)
        raise _NotOneRuleError(f"defines more than one rule ({names}); each needs a file of its own")
    return public[0]


def _package_modules(package: str) -> list[_Module]:
    """The rule modules of an importable package, or the one module it is; raises ``ImportError``."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"no module named {package!r}")
    if spec.submodule_search_locations is None:
        return [_Module(package, Path(spec.origin or package), lambda: importlib.import_module(package))]
    folders = [Path(each) for each in spec.submodule_search_locations]
    return [_importable(f"{package}.{name}", path) for folder in folders for name, path in _rule_files(folder)]


def _importable(name: str, path: Path) -> _Module:
    return _Module(name, path, lambda: importlib.import_module(name))


def _rule_files(folder: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """The public modules in a folder and in the folders below it, with dotted names, in a fixed order."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py" and path.stem.isidentifier():
            yield prefix + path.stem, path
        elif path.name.isidentifier() and path.is_dir():
            yield from _rule_files(path, f"{prefix}{path.name}.")


def _path_modules(path: Path) -> Iterator[_Module]:
    """The rule modules at a path of the project; tests that stand beside them are passed over."""
    if not path.is_dir():
        yield _local(path, path.parent.name, path.stem)
        return
    for name, file in _rule_files(path):
        if not file.name.startswith("test_") and file.name != "conftest.py":
            yield _local(file, path.name, name)


def _local(path: Path, folder: str, name: str) -> _Module:
    """A module outside of every package, under a name that no other file can have."""
    import hashlib

    digest = hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    module = f"greenlint_local_{digest}.{folder}.{name}"
    return _Module(module, path, lambda: _load_file(module, path), local=True)


def _load_file(name: str, path: Path) -> ModuleType:
    """The module at a path; loaded again when the file is another than it was, for servers see rules being written."""
    loaded, stamp = sys.modules.get(name), _stamp(path)
    if loaded is not None and vars(loaded).get(_STAMP) == stamp:
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and type hints look a class up by the name of its module.
    sys.modules[name] = module
    setattr(module, _STAMP, stamp)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


_STAMP = "__greenlint_stamp__"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _make_portable(rule: type[Rule]) -> None:
    """Let instances travel to processes that cannot import the module of the rule by its name."""
    import copyreg

    copyreg.pickle(rule, _reduced)


def _reduced(rule: Rule) -> tuple[Callable[..., Rule], tuple[str, str, str, dict[str, object]]]:
    module = sys.modules[type(rule).__module__]
    return _rebuilt, (module.__name__, str(module.__file__), type(rule).__name__, dict(vars(rule.options)))


def _rebuilt(module: str, path: str, name: str, options: dict[str, object]) -> Rule:
    rule: type[Rule] = getattr(_load_file(module, Path(path)), name)
    _make_portable(rule)
    return rule(rule.Options(**options))
