"""Runs of XGBoost, LightGBM, CatBoost and scikit-learn's histogram boosting: rounds, stopping, device, data."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Argument, Call, Calls
from greenlint.facts.estimators import Estimators, Rows
from greenlint.facts.samples import Samples
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import estimators as known
from greenlint.knowledge import searching

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["BoosterRun", "Boosters"]

_WRAPPERS = searching.BOOSTERS - {"GradientBoostingClassifier", "GradientBoostingRegressor", "XGBRFClassifier"}


@dataclass(frozen=True, slots=True, eq=False)
class BoosterRun:
    """A call of ``train`` or ``cv``, or of the class of an estimator that boosts."""

    call: Call
    library: str
    """``xgboost``, ``lightgbm``, ``catboost`` or ``sklearn``."""
    name: str
    """``xgboost.train``, or the class."""
    native: bool
    """Whether it is ``train`` or ``cv``, which take parameters in a dictionary."""

    def parameter(self, *names: str) -> Argument | None:
        """What one of several names for a parameter gets, in the call or its dictionary; ``None``: not known."""
        unknown = False
        for name in names:
            argument = self.call.argument(name, _POSITIONS.get((self.name, name)))
            if argument.written:
                return argument
            unknown = unknown or not argument.known
        if self.native:
            node = self.call.argument("params", _PARAMS.get(self.name, 0)).node
            mapping = None
            if node is not None:
                owner = self.call.argument("params", _PARAMS.get(self.name, 0)).facts
                mapping = owner[Values].mapping(node)
            if mapping is None:
                return None
            for name in names:
                entry = mapping.entries.get(name)
                if entry is not None:
                    return Argument(entry.facts, entry.node, known=True) if entry.certain else None
            unknown = unknown or mapping.open
        return None if unknown else Argument(self.call.facts, None, known=True)

    def constant(self, *names: str) -> object:
        """The constant that a parameter gets, ``None`` where it is certainly left out, or ``UNKNOWN``."""
        found = self.parameter(*names)
        if found is None:
            return UNKNOWN
        return None if found.node is None else found.constant

    @property
    def rounds(self) -> int | None:
        """How many rounds it makes at most, where that is written as a number."""
        value = self.constant(*known.ROUNDS[self.library])
        return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def rows(self) -> Rows:
        """How much data it is trained on."""
        facts = self.call.facts
        if not self.native:
            return facts[Estimators].of(self.call).rows
        data = self._data(self.call)
        if data is None:
            return Rows.FEW if facts[Samples].small_table else Rows.UNKNOWN
        return Rows.of(facts, data)

    @property
    def fits(self) -> list[Call]:
        """The calls that train it."""
        if self.native:
            return [self.call]
        return [each.call for each in self.call.facts[Estimators].of(self.call).fits]

    @property
    def stops(self) -> bool | None:
        """Whether it may stop before its last round; ``None``: not known."""
        answers = [self._stops_by(self.parameter(each)) for each in sorted(known.STOPPING)]
        for call in self.fits if not self.native else []:
            answers.extend(self._stops_by(call.argument(each)) for each in sorted(known.STOPPING))
        if True in answers:
            return True
        return None if None in answers else False

    @property
    def validates(self) -> bool:
        """Whether rows that it is not trained on are at hand: passed to it, or split off and not joined again."""
        if any(self._evaluates(call) for call in self.fits):
            return True
        facts = self.call.facts
        for call in self.fits:
            for loop in facts[Tree].loops_around(call.node):
                if isinstance(loop, cst.For) and any(
                    each.method == "split" for each in _calls_in(facts, facts[Tree], loop.iter)
                ):
                    return True
            data = self._data(call)
            made = [each.method for each in facts[Samples].through(data)] if data is not None else []
            splits = [index for index, name in enumerate(made) if name in _SPLITS]
            joins = [index for index, name in enumerate(made) if name in _JOINS]
            if splits and not (joins and joins[0] < splits[0]):
                return True
        return False

    def _evaluates(self, call: Call) -> bool:
        names = ("eval_set", "evals", "valid_sets", "X_val")
        return any(call.argument(each, _POSITIONS.get((self.name, each))).node is not None for each in names)

    def _data(self, call: Call) -> cst.BaseExpression | None:
        return call.argument(*(_TRAINING_DATA[self.name] if self.native else ("X", 0))).node

    @staticmethod
    def _stops_by(argument: Argument | None) -> bool | None:
        """Whether what a parameter for stopping gets makes it stop."""
        if argument is None or not argument.known:
            return None
        if argument.node is None:
            return False
        value = argument.constant
        if value is None or value is False or value == 0:
            return False
        if value == "auto" or (value is not UNKNOWN and not isinstance(value, (list, tuple))):
            return True
        return _is_stopping_callback(argument)


def _is_stopping_callback(argument: Argument) -> bool | None:
    """Whether a list of callbacks stops the run; ``None`` when some cannot be seen."""
    node = argument.node
    if not isinstance(node, (cst.List, cst.Tuple)):
        return None
    answers: set[bool | None] = set()
    for element in node.elements:
        if not isinstance(element.value, cst.Call):
            answers.add(None)
            continue
        call = argument.facts[Calls].of(element.value)
        stops = "early" in call.method.lower() or "stop" in call.method.lower() or "prun" in call.method.lower()
        answers.add(True if stops else (False if call.name is not None else None))
    return True if True in answers else (None if None in answers else False)


def _calls_in(facts: Facts, tree: Tree, node: cst.BaseExpression) -> Iterator[Call]:
    """The calls in what a loop runs over, and those that made it."""
    yield from facts[Calls].within(node)
    for each in tree.below(node, cst.Name):
        made = facts[Values].of(each).call
        if made is not None:
            yield made


class Boosters:
    """Boosting runs of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._calls = facts[Calls]

    @functools.cached_property
    def runs(self) -> tuple[BoosterRun, ...]:
        """Every boosting run, in source order."""
        tree = self._facts[Tree]
        return tuple(sorted(self._find(), key=lambda run: tree.first(run.call.node)))

    def _find(self) -> Iterator[BoosterRun]:
        for call in self._calls.methods("train", "cv"):
            root, _, last = (call.name or "").partition(".")
            if root in known.BOOSTER_ROOTS and last.rpartition(".")[2] in ("train", "cv"):
                yield BoosterRun(call, root, f"{root}.{last.rpartition('.')[2]}", native=True)
        for call in self._calls.methods(*_WRAPPERS):
            name = self._facts[Estimators].class_of(call)
            root = (call.name or "").split(".")[0]
            if name in _WRAPPERS and root in (*known.BOOSTER_ROOTS, "sklearn"):
                yield BoosterRun(call, root, name, native=False)


_SPLITS = frozenset(("train_test_split", "TimeSeriesSplit", "random_split"))
_JOINS = frozenset(("concat", "concatenate", "append", "vstack", "r_"))
_PARAMS = {
    "xgboost.train": 0,
    "xgboost.cv": 0,
    "lightgbm.train": 0,
    "lightgbm.cv": 0,
    "catboost.train": 1,
    "catboost.cv": 1,
}
_TRAINING_DATA: dict[str, tuple[str, int]] = {
    "xgboost.train": ("dtrain", 1),
    "xgboost.cv": ("dtrain", 1),
    "lightgbm.train": ("train_set", 1),
    "lightgbm.cv": ("train_set", 1),
    "catboost.train": ("pool", 0),
    "catboost.cv": ("pool", 0),
}
_POSITIONS = {
    ("xgboost.train", "num_boost_round"): 2,
    ("xgboost.cv", "num_boost_round"): 2,
    ("lightgbm.train", "num_boost_round"): 2,
    ("lightgbm.cv", "num_boost_round"): 2,
    ("xgboost.train", "evals"): 3,
    ("lightgbm.train", "valid_sets"): 3,
    ("catboost.train", "iterations"): 5,
}
"""Positions of parameters that people give by position, from 0."""
