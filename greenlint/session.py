"""What a verb works with: rules, settings, and the files they are for."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from greenlint.config import Overrides, Resolver, Settings
from greenlint.config_error import ConfigError, ConfigProblem, Origin, OriginKind
from greenlint.patterns import relative
from greenlint.registry import PluginProblem, Registry, RuleLoader

if TYPE_CHECKING:
    from greenlint.baseline import Baseline
    from greenlint.rule import Rule
    from greenlint.runner import Runner, RunOptions

__all__ = ["Session"]


class _Asked(Exception):  # noqa: N818 - not an error
    """Carries the rule paths of a configuration out of a resolver that wants to load them."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        super().__init__(paths)
        self.paths = paths


class Session:
    """Rules and settings for one command; raises ``ConfigError`` and ``NoRulePackagesError``.

    With ``flags_yield`` the flags count only for files to which no configuration file applies.

    Without ``local_rules`` no code of the project is run.
    """

    def __init__(
        self,
        *,
        config: Sequence[str] = (),
        isolated: bool = False,
        flags: Mapping[str, object] | None = None,
        flags_yield: bool = False,
        cwd: Path | None = None,
        local_rules: bool = True,
    ) -> None:
        self.cwd = cwd if cwd is not None else Path.cwd()
        self._loader = RuleLoader(local_rules=local_rules)
        self._registries: dict[tuple[Path, ...], Registry] = {}
        self._overrides = Overrides.read(
            config=config, isolated=isolated, flags=flags or {}, flags_yield=flags_yield, environ=os.environ
        )
        self.resolver = Resolver(lambda paths: self.registry(paths).catalogue(), self._overrides, cwd=self.cwd)

    def registry(self, rule_paths: Sequence[Path] = ()) -> Registry:
        """All installed rules and, where the project is trusted, those at the rule paths."""
        paths = tuple(rule_paths)
        if paths not in self._registries:
            self._registries[paths] = self._loader.registry(paths)
        return self._registries[paths]

    def find(self, name: str) -> type[Rule] | None:
        """The rule of this name, importing as little as possible."""
        return self._loader.find(name, self.rule_paths())

    def rule_paths(self) -> tuple[Path, ...]:
        """Where the project at the working directory has rules of its own; loads none of them."""

        def stop(paths: tuple[Path, ...]) -> NoReturn:
            raise _Asked(paths)

        try:
            Resolver(stop, self._overrides, cwd=self.cwd).settings_for_folder(self.cwd)
        except _Asked as asked:
            return asked.paths
        return ()

    def settings_near(self, path: Path | str = ".") -> Settings:
        """The settings of a file, or of a folder as such."""
        path = Path(path)
        return self.resolver.settings_for_folder(path) if path.is_dir() else self.resolver.settings_for(path)

    def runner(
        self,
        options: RunOptions,
        *,
        gated: bool = True,
        progress: Callable[[int], AbstractContextManager[Callable[[int], None]]] | None = None,
        baseline: Baseline | None = None,
    ) -> Runner:
        """What checks files with these rules and settings, as of today, apart from what the baseline has."""
        from greenlint.profiles import Profiles
        from greenlint.runner import Runner, no_progress

        today = datetime.date.today()
        return Runner(
            self.resolver.settings_for,
            self.resolver.settings_for_folder,
            Profiles(self.registry, today=today, gated=gated),
            options,
            cwd=self.cwd,
            today=today,
            progress=progress or no_progress,
            baseline=baseline,
        )

    def baseline(self, settings: Settings, *, wanted: bool = True) -> Baseline | None:
        """The project's baseline, if there is one.

        Raises ``ConfigError`` for one that cannot be read, and where it is ``wanted``, for one that the configuration
        names in vain.
        """
        file = settings.baseline
        shown = relative(str(file), str(self.cwd)) or str(file)
        if not os.path.lexists(file):
            origin = settings.origins.get("baseline", Origin())
            if not wanted or origin.kind is OriginKind.DEFAULT:
                return None
            hint = "`greenlint baseline create` writes it"
            raise ConfigError([ConfigProblem(f"there is no baseline `{shown}`", str(origin), hint=hint)])
        from greenlint.baseline import read_baseline

        return read_baseline(file, shown, self.registry(settings.rule_paths).former)

    def problems(self) -> list[PluginProblem]:
        """What could not be loaded."""
        every = [problem for registry in self._registries.values() for problem in registry.problems]
        return list(dict.fromkeys(every))

    def warnings(self, *, verbose: bool = False) -> Iterator[str]:
        """What is wrong with the configuration and the plug-ins used so far."""
        yield from self.resolver.warnings()
        if any(registry.withheld for registry in self._registries.values()):
            yield "the project's own rules (`rule-paths`) are not loaded: the workspace is not trusted"
        for problem in self.problems():
            yield (f"{problem}\n{problem.traceback}".rstrip() if verbose and problem.traceback else str(problem))
