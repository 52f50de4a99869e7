"""Objects that search hyper-parameters: their grids, folds, estimators and data."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Argument, Call, Calls
from greenlint.facts.environment import Environment
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.grids import Grid, Grids
from greenlint.facts.names import Names
from greenlint.facts.project import Project
from greenlint.facts.samples import Samples, Scale
from greenlint.facts.tree import Tree
from greenlint.facts.trials import Trials
from greenlint.facts.values import Values
from greenlint.knowledge import searching

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["GridSearchCall", "Searches", "Use"]


class Use(enum.Enum):
    """What becomes of a search object."""

    FITTED = "fitted"
    NESTED = "nested"
    """Itself cross-validated: an unbiased estimate needs the search in every fold."""
    PASSED = "passed on"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True, eq=False)
class GridSearchCall:
    """A call that makes an object which fits every candidate of a grid."""

    call: Call
    grids: tuple[Grid, ...]
    """The grids it is made with: several when a function or loop makes it with several."""
    folds: int | None
    every_sample: bool
    """Whether each candidate is fitted once for each sample."""
    estimators: frozenset[str]
    """Names of the estimator's class, empty when not known."""

    @property
    def grid(self) -> Grid | None:
        """The largest of its grids."""
        return max(self.grids, key=lambda grid: grid.least, default=None)

    @property
    def candidates(self) -> int:
        """How many candidates its largest grid holds at least."""
        return self.grid.least if self.grid is not None else 0

    @property
    def exact(self) -> bool:
        """Whether candidates and folds are known exactly."""
        return self.folds is not None and self.grid is not None and self.grid.size is not None

    @property
    def fits(self) -> int:
        """How many fits that makes at least; where the folds are not known, there are two or more."""
        return self.candidates * (self.folds if self.folds is not None else 2)

    @property
    def is_light(self) -> bool:
        """Whether every estimator fits in a small part of the time of others."""
        return bool(self.estimators) and self._last <= searching.LIGHT_ESTIMATORS

    @property
    def is_moderate(self) -> bool:
        """Whether every estimator fits quickly unless there are many features."""
        light = searching.LIGHT_ESTIMATORS | searching.MODERATE_ESTIMATORS
        text = searching.TEXT.search(self.call.facts[Frameworks].code)
        return bool(self.estimators) and self._last <= light and text is None

    @property
    def counted_rounds(self) -> list[str]:
        """The axes of the grid that only count boosting rounds, which early stopping finds in a single fit."""
        if self.grid is None or not self._last & searching.BOOSTERS:
            return []
        keys = [axis.name.rpartition("__")[2] for axis in self.grid.axes if axis.length != 1]
        return [key for key in keys if key in searching.ITERATION_KEYS]

    @property
    def _last(self) -> set[str]:
        return {each.rpartition(".")[2] for each in self.estimators}


class Searches:
    """Searches of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._grids = facts[Grids]

    # -- counting ---------------------------------------------------------------------------------------------

    def size(self, grid: cst.BaseExpression) -> int | None:
        """How many candidates a parameter grid holds."""
        grids = self._grids.grids(grid)
        return grids[0].size if len(grids) == 1 else None

    def length(self, node: cst.BaseExpression) -> int | None:
        """How many values an expression lists."""
        return self._grids.length(node)

    def folds(self, call: Call) -> int | None:
        """How many fits a search or cross-validation makes for each candidate."""
        argument = call.argument("cv", _CV_POSITION.get(call.method))
        if not argument.known:
            return None
        if argument.node is None or argument.constant is None:
            return self._default_folds(call)
        return argument.facts[Searches]._splits(argument.node, 6)

    def _default_folds(self, call: Call) -> int | None:
        known = searching.GRID_SEARCHES.get(call.name or "")
        if known is not None and known.folds != 5:
            return known.folds
        if (call.name or "").startswith("sklearn.cross_validation."):
            return 3
        return 3 if self._facts[Environment].at_least("scikit-learn", "0.22") is False else 5

    def fits_every_sample(self, call: Call) -> bool:
        """Whether ``cv`` leaves out one sample at a time."""
        argument = call.argument("cv", _CV_POSITION.get(call.method))
        if argument.node is None:
            return False
        splitter = argument.facts[Searches]._splitter(argument.node, 4)
        return splitter is not None and splitter.method in searching.ALL_SAMPLES

    def splits(self, node: cst.BaseExpression) -> int | None:
        """How many folds a number, a splitter or its ``split(...)`` stands for."""
        return self._splits(node, 6)

    def _splits(self, node: cst.BaseExpression, depth: int) -> int | None:
        constant = self._values.constant(node)
        if isinstance(constant, int):
            return constant
        splitter = self._splitter(node, depth)
        if splitter is not None:
            return splitter.facts[Searches]._of_splitter(splitter)
        return self._grids.length(node)

    def _splitter(self, node: cst.BaseExpression, depth: int) -> Call | None:
        """The call that makes a splitter, also behind ``splitter.split(...)``."""
        found = self._grids.sources(node) if depth else None
        if found is None or len(found) != 1:
            return None
        facts, each = found[0]
        if not isinstance(each, cst.Call):
            return None
        call = facts[Calls].of(each)
        if call.method == "split" and call.receiver is not None:
            return facts[Searches]._splitter(call.receiver, depth - 1)
        if call.name in ("builtins.list", "builtins.tuple") and call.positional:
            return facts[Searches]._splitter(call.positional[0], depth - 1)
        return call if call.method in _SPLITTERS else None

    def _of_splitter(self, call: Call) -> int | None:
        if (call.name or "").startswith("sklearn.cross_validation.") and call.method in searching.OLD_FOLDS:
            name, position, default = searching.OLD_FOLDS[call.method]
            return _count(call.argument(name, position), default)
        if call.method not in searching.FOLDS:
            return None
        name, default = searching.FOLDS[call.method]
        splits = _count(call.argument(name, 0), default)
        repeats = _count(call.argument("n_repeats"), 10) if call.method.startswith("Repeated") else 1
        return splits * repeats if splits is not None and repeats is not None else None

    # -- search objects ---------------------------------------------------------------------------------------

    @functools.cached_property
    def grid_searches(self) -> tuple[GridSearchCall, ...]:
        """The objects that fit every candidate of a grid, in source order."""
        return tuple(self._find())

    def _find(self) -> Iterator[GridSearchCall]:
        for call in self._calls.methods("GridSearchCV", "DistGridSearchCV"):
            known = self._known(call)
            if known is not None:
                yield self._made(call, known)
        for call in self._calls.methods("grid_search"):
            if self._is_catboost(call):
                yield self._built_in(call)

    def _known(self, call: Call) -> searching.GridSearch | None:
        if call.name is not None:
            return searching.GRID_SEARCHES.get(call.name)
        func = call.node.func
        if not isinstance(func, cst.Name) or self._facts[Project].definition(func) is not None:
            return None
        # A star import, or an import in a cell that cannot be read: the name is known well enough.
        return searching.GridSearch() if not self._names.reaching(func) else None

    def _made(self, call: Call, known: searching.GridSearch) -> GridSearchCall:
        estimator = call.argument("estimator", known.estimator)
        if estimator.node is None and estimator.known:
            estimator = call.argument("algo_class", known.estimator)
        return GridSearchCall(
            call,
            self._run_here(call, _grids_of(call.argument("param_grid", known.grid))),
            self.folds(call),
            self.fits_every_sample(call),
            _estimators(estimator),
        )

    def _run_here(self, call: Call, grids: list[Grid]) -> tuple[Grid, ...]:
        """The grids that certainly come by: in a branch of a function, which of its callers' grids do is not known."""
        if len(grids) > 1 and isinstance(self._tree.enclosing(call.node, cst.If, cst.FunctionDef), cst.If):
            return (min(grids, key=lambda grid: grid.least),)
        return tuple(grids)

    def _is_catboost(self, call: Call) -> bool:
        if call.receiver is None:
            return False
        return any(each.startswith("catboost.") for each in self._facts[Trials].constructors(call.receiver))

    def _built_in(self, call: Call) -> GridSearchCall:
        """CatBoost's own ``grid_search``: one fit for each candidate unless it is told to cross-validate."""
        splits = call.argument("search_by_train_test_split")
        folds: int | None = 1
        if splits.constant is False:
            folds = _count(call.argument("cv", 3), 3)
        assert call.receiver is not None
        names = self._facts[Trials].constructors(call.receiver)
        return GridSearchCall(call, tuple(_grids_of(call.argument("param_grid", 0))), folds, False, names)

    # -- what becomes of them ---------------------------------------------------------------------------------

    def use(self, call: Call) -> Use:
        """What becomes of the search object that a call makes."""
        if call.method == "grid_search":
            return Use.FITTED
        parent = self._tree.parent(call.node)
        if isinstance(parent, cst.Attribute):
            return Use.FITTED if parent.attr.value.startswith("fit") else Use.PASSED
        names = self._held_by(call)
        if names is None:
            return self._passed_to(call.node)
        uses = {self._use_of(each) for each in names}
        for answer in (Use.NESTED, Use.FITTED, Use.PASSED):
            if answer in uses:
                return answer
        return Use.UNUSED

    def _held_by(self, call: Call) -> list[cst.Name] | None:
        """The later uses of the one name that a call is assigned to; ``None`` when it goes elsewhere."""
        parent = self._tree.parent(call.node)
        if not isinstance(parent, cst.Assign) or len(parent.targets) != 1:
            return None
        target = parent.targets[0].target
        if not isinstance(target, cst.Name):
            return None
        return [
            each
            for each in self._tree.named(target.value)
            if each is not target and any(binding.node is parent for binding in self._names.reaching(each))
        ]

    def _use_of(self, name: cst.Name) -> Use:
        parent = self._tree.parent(name)
        if isinstance(parent, cst.Attribute) and parent.value is name:
            return Use.FITTED if parent.attr.value.startswith("fit") else Use.UNUSED
        if isinstance(parent, cst.AssignTarget):
            return Use.UNUSED
        return self._passed_to(name)

    def _passed_to(self, node: cst.CSTNode) -> Use:
        parent = self._tree.parent(node)
        if isinstance(parent, cst.Arg):
            above = self._tree.parent(parent)
            if isinstance(above, cst.Call):
                call = self._calls.of(above)
                if call.name in searching.CROSS_VALIDATORS:
                    return Use.NESTED
                if call.name in ("builtins.print", "builtins.type", "builtins.repr", "builtins.str"):
                    return Use.UNUSED
        return Use.UNUSED if isinstance(parent, cst.Expr) else Use.PASSED

    def scale(self, call: Call) -> Scale | None:
        """How much data a search object is fitted on; the smallest where it is fitted several times."""
        fits = [call] if call.method == "grid_search" else self.fit_calls(call)
        position = 1 if call.method == "grid_search" else 0
        found = {
            fit.facts[Samples].scale(argument.node)
            if (argument := fit.argument("X", position)).node is not None
            else None
            for fit in fits
        }
        if len(found) == 1:
            return found.pop()
        if not found:
            return Scale.SMALL if self._facts[Samples].small_table else None
        return None

    def fit_calls(self, call: Call) -> list[Call]:
        """The ``fit`` calls of the search object that a call makes, here and where it is returned to."""
        parent = self._tree.parent(call.node)
        if isinstance(parent, cst.Attribute):
            above = self._tree.parent(parent)
            return [self._calls.of(above)] if isinstance(above, cst.Call) else []
        return [
            fit
            for fit in self._calls.methods("fit")
            if fit.receiver is not None and fit.receiver is not call.node and self._values.of(fit.receiver).call is call
        ]


def _grids_of(argument: Argument) -> list[Grid]:
    return argument.facts[Grids].grids(argument.node) if argument.node is not None else []


def _estimators(argument: Argument) -> frozenset[str]:
    if argument.node is None:
        return frozenset()
    facts, node = argument.facts, argument.node
    if isinstance(node, cst.Name) and (named := facts[Names].resolve(node)) is not None:
        return frozenset((named,))
    return facts[Trials].constructors(node)


def _count(argument: Argument, default: int) -> int | None:
    if argument.absent:
        return default
    return argument.constant if isinstance(argument.constant, int) else None


_CV_POSITION = {"cross_val_score": 4, "cross_validate": 4, "cross_val_predict": 4}
_SPLITTERS = {*searching.FOLDS, *searching.OLD_FOLDS, *searching.ALL_SAMPLES}
