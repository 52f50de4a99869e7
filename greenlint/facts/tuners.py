"""Grids run by Ray Tune, Weights & Biases and Keras Tuner: how many trials, and whether poor ones are stopped."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Argument, Call, Calls
from greenlint.facts.grids import Grids
from greenlint.facts.mappings import Entry, MappingValue
from greenlint.facts.names import Names
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import tuning

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Tuner", "TunerGrid", "Tuners"]


class Tuner(enum.Enum):
    """Who runs the trials."""

    RAY = "Ray Tune"
    WANDB = "the W&B sweep"
    KERAS = "Keras Tuner"


@dataclass(frozen=True, slots=True, eq=False)
class TunerGrid:
    """Trials of which each runs to its end."""

    tuner: Tuner
    place: cst.CSTNode
    trials: int | None
    """How many trials there are at least; ``None`` when it is not known."""
    patient: bool = False
    """Whether a scheduler is given, but lets every trial run nearly as long as it would without."""
    whole: bool = True
    """Whether every combination is tried, rather than a number of them."""
    epochs: int | None = None
    """How many epochs each trial trains, where that is written."""


class Tuners:
    """Grids of one file that nothing cuts short."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._names = facts[Names]
        self._grids = facts[Grids]
        self._project = facts[Project]

    @property
    def unstopped(self) -> Iterator[TunerGrid]:
        """The grids of which every trial certainly runs to its end, by framework and in source order."""
        yield from self._ray()
        yield from self._sweeps()
        yield from self._keras()

    @functools.cached_property
    def stops_training(self) -> bool:
        """Whether the file names something that ends a training which no longer improves."""
        if any(
            tuning.STOPS_TRAINING.search(each.value) and not self._slows(each) for each in self._tree.of_type(cst.Name)
        ):
            return True
        keys = (self._values.constant(each) for each in self._tree.of_type(cst.SimpleString))
        return any(isinstance(each, str) and each in tuning.STOPPING_KEYS for each in keys)

    def _slows(self, name: cst.Name) -> bool:
        """Whether a name is the patience of a scheduler that lowers the learning rate."""
        argument = self._tree.parent(name)
        call = self._tree.parent(argument) if isinstance(argument, cst.Arg) else None
        return isinstance(call, cst.Call) and "Plateau" in self._calls.of(call).method

    # -- Ray Tune ---------------------------------------------------------------------------------------------

    def _ray(self) -> Iterator[TunerGrid]:
        spaces = self._ray_spaces()
        if not spaces:
            return
        samples, patient = 1, False
        runs = [*self._calls.named(*tuning.RAY_RUNS), *self._unconfigured()]
        for run in runs:
            scheduler = self._schedules(run)
            if scheduler is not False:
                return
            count = run.argument("num_samples")
            samples = max(samples, count.constant) if isinstance(count.constant, int) else samples
            patient = patient or run.argument("scheduler").node is not None
        if not runs or any(not self._is_length(call.argument("stop")) for call in self._calls.methods("RunConfig")):
            return
        for axes in spaces:
            total = math.prod(self._values_of(node) or 1 for _, node in axes)
            yield TunerGrid(Tuner.RAY, axes[0][0], total * samples, patient)

    def _ray_spaces(self) -> list[list[tuple[cst.CSTNode, cst.BaseExpression | None]]]:
        """The ``grid_search`` calls, and ``{"grid_search": [...]}``, that belong together: in one dictionary."""
        found: dict[object, list[tuple[cst.CSTNode, cst.BaseExpression | None]]] = {}
        for place, values in sorted(self._ray_axes(), key=lambda pair: self._tree.first(pair[0])):
            found.setdefault(self._owner(place), []).append((place, values))
        return list(found.values())

    def _ray_axes(self) -> Iterator[tuple[cst.CSTNode, cst.BaseExpression | None]]:
        for call in self._calls.named(*tuning.RAY_GRID):
            if not self._is_repeated(call.node):
                yield call.node, call.positional[0] if call.positional else call.keyword("values")
        if not self._imports("ray"):
            return
        for node in self._tree.of_type(cst.Dict):
            entry = node.elements[0] if len(node.elements) == 1 else None
            if not isinstance(entry, cst.DictElement) or self._is_repeated(node):
                continue
            if self._values.constant(entry.key) == "grid_search":
                yield node, entry.value

    def _is_repeated(self, node: cst.CSTNode) -> bool:
        """Whether an axis repeats or compares (seeds, environments) rather than looks for the best value."""
        parent = self._tree.parent(node)
        key: object = UNKNOWN
        if isinstance(parent, cst.DictElement):
            key = self._values.constant(parent.key)
        elif isinstance(parent, cst.Arg) and parent.keyword is not None:
            key = parent.keyword.value
        return isinstance(key, str) and _compares(key)

    def _owner(self, node: cst.CSTNode) -> object:
        """What holds an axis: the variable that the dictionary is kept in, or the statement."""
        statement = self._tree.statement(node)
        if isinstance(statement, cst.Assign):
            target: cst.BaseExpression = statement.targets[0].target
            while isinstance(target, cst.Subscript):
                target = target.value
            if isinstance(target, cst.Name):
                return target.value, self._tree.function(statement)
        return statement

    def _values_of(self, node: cst.BaseExpression | None) -> int | None:
        return self._grids.length(node) if node is not None else None

    def _unconfigured(self) -> list[Call]:
        """``Tuner(...)`` without a ``TuneConfig``, and other calls that start trials."""
        tuners = self._calls.named("ray.tune.Tuner")
        return [call for call in tuners if call.argument("tune_config").absent]

    def _schedules(self, run: Call) -> bool | None:
        """Whether a run stops poor trials; ``None`` when it may."""
        if run.is_open:
            return None
        scheduler, stop = run.argument("scheduler"), run.argument("stop")
        if stop.node is not None and not self._is_length(stop):
            return None
        if scheduler.node is None or scheduler.constant is None:
            return False
        made = self._made(scheduler)
        if made is None:
            return None
        return not (made.method == "FIFOScheduler" or _is_patient(made))

    def _is_length(self, stop: Argument) -> bool:
        """Whether a stop criterion only says how long each trial is."""
        if stop.absent or stop.constant is None:
            return True
        mapping = stop.facts[Values].mapping(stop.node) if stop.node is not None else None
        return mapping is not None and not mapping.open and set(mapping.entries) <= tuning.LENGTH_ONLY_STOPS

    @staticmethod
    def _made(argument: Argument) -> Call | None:
        value = argument.value
        return value.call if value is not None else None

    # -- Weights & Biases -------------------------------------------------------------------------------------

    def _sweeps(self) -> Iterator[TunerGrid]:
        if not self._imports("wandb"):
            return
        seen: set[cst.CSTNode] = set()
        for call in self._calls.named("wandb.sweep"):
            argument = call.argument("sweep", 0)
            mapping = argument.facts[Values].mapping(argument.node) if argument.node is not None else None
            if mapping is not None:
                seen.update(self._holders(mapping))
                yield from self._sweep(mapping, call.node)
        for node in self._tree.of_type(cst.Dict):
            if node not in seen and (mapping := self._values.mapping(node)) is not None:
                yield from self._sweep(mapping, node)

    def _holders(self, mapping: MappingValue) -> Iterator[cst.CSTNode]:
        for entry in mapping.entries.values():
            holder = self._holder(entry)
            if holder is not None:
                yield holder

    def _holder(self, entry: Entry) -> cst.CSTNode | None:
        """The ``{...}`` or ``dict(...)`` of this file in which an entry stands."""
        if entry.facts is not self._facts:
            return None
        element = self._tree.parent(entry.node)
        above = self._tree.parent(element) if isinstance(element, (cst.DictElement, cst.Arg)) else None
        return above if isinstance(above, (cst.Dict, cst.Call)) else None

    def _sweep(self, mapping: MappingValue, place: cst.CSTNode) -> Iterator[TunerGrid]:
        method, parameters = mapping.entries.get("method"), mapping.entries.get("parameters")
        if method is None or parameters is None or not method.certain or not parameters.certain or mapping.open:
            return
        if method.facts[Values].constant(method.node) != "grid" or "early_terminate" in mapping.entries:
            return
        name = mapping.entries.get("name")
        if name is not None and _says_comparison(name.facts[Values].constant(name.node)):
            return
        axes = self._axes(parameters, place)
        total = _combinations(axes) if axes is not None else None
        yield TunerGrid(Tuner.WANDB, self._holder(method) or place, self._capped(total, mapping))

    def _axes(self, parameters: Entry, place: cst.CSTNode) -> MappingValue | None:
        """The parameters of a sweep, with those added to their dictionary after it was put into the sweep's."""
        found = parameters.facts[Values].mapping(parameters.node)
        if found is None or parameters.facts is not self._facts or not isinstance(parameters.node, cst.Name):
            return found
        entries = dict(found.entries)
        for change in self._changes(parameters.node.value):
            if self._tree.first(parameters.node) < self._tree.first(change) < self._tree.last(place):
                entries.update(self._added(change))
        return MappingValue(entries, found.open)

    def _changes(self, name: str) -> Iterator[cst.CSTNode]:
        for call in self._calls.methods("update"):
            if isinstance(call.receiver, cst.Name) and call.receiver.value == name:
                yield call.node
        for assign in self._tree.of_type(cst.Assign):
            target = assign.targets[0].target
            if isinstance(target, cst.Subscript) and isinstance(target.value, cst.Name) and target.value.value == name:
                yield assign

    def _added(self, change: cst.CSTNode) -> dict[str, Entry]:
        if isinstance(change, cst.Call) and change.args:
            mapping = self._values.mapping(change.args[0].value)
            return mapping.entries if mapping is not None else {}
        target = change.targets[0].target if isinstance(change, cst.Assign) else None
        key = self._values.index(target) if isinstance(target, cst.Subscript) else UNKNOWN
        if not isinstance(key, str) or not isinstance(change, cst.Assign):
            return {}
        return {key: Entry(self._facts, change.value)}

    def _capped(self, total: int | None, mapping: MappingValue) -> int | None:
        """The number of trials, where an agent or the sweep itself limits it."""
        limits = [agent.argument("count", 2).constant for agent in self._calls.named("wandb.agent")]
        cap = mapping.entries.get("run_cap")
        if cap is not None:
            limits.append(cap.facts[Values].constant(cap.node))
        known = [each for each in limits if isinstance(each, int)]
        return min([total, *known]) if total is not None else None

    # -- Keras Tuner ------------------------------------------------------------------------------------------

    def _keras(self) -> Iterator[TunerGrid]:
        for call in self._calls.named(*tuning.KERAS_TUNERS):
            limit = call.argument("max_trials")
            searches = [each for each in self._calls.methods("search") if self._is_of(each, call)]
            if not limit.known or (limit.node is not None and limit.constant is UNKNOWN):
                continue
            if self.stops_training or not searches or any(self._may_stop(each) for each in searches):
                continue
            epochs = searches[0].argument("epochs").constant
            yield self._keras_grid(call, limit.constant, epochs if isinstance(epochs, int) else None)

    def _is_of(self, search: Call, made: Call) -> bool:
        value = self._values.of(search.receiver) if search.receiver is not None else None
        return value is not None and value.call is not None and value.call.node is made.node

    def _keras_grid(self, call: Call, limit: object, epochs: int | None) -> TunerGrid:
        whole = call.method == "GridSearch"
        space = self._keras_space(call) if whole else None
        counts = [each for each in (space, limit) if isinstance(each, int)]
        return TunerGrid(
            Tuner.KERAS, call.node, min(counts, default=None), whole=whole and not isinstance(limit, int), epochs=epochs
        )

    def _keras_space(self, call: Call) -> int | None:
        """How many combinations the function that builds the model draws from at least; ``None``: it cannot be seen."""
        written = call.argument("hypermodel", 0).node
        build = self._project.definition(written) if written is not None else None
        if build is None and isinstance(written, cst.Call):
            build = self._values.callee(written)
        if build is not None and isinstance(build.node, cst.ClassDef):
            build = self._project.method(build, "build")
        if build is None:
            return None
        found = build.facts[Calls].methods("Choice", "Int", "Float", "Boolean", within=build.node)
        return math.prod(build.facts[Tuners]._drawn(each) for each in found)

    def _drawn(self, call: Call) -> int:
        """How many values ``hp.Choice``, ``hp.Int`` and the like offer at least."""
        if call.method == "Boolean":
            return 2
        if call.method == "Choice":
            values = call.argument("values", 1).node
            return (self._grids.length(values) if values is not None else None) or 1
        low, high, step = (call.argument(name, place).constant for name, place in _RANGE)
        if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
            return 1
        if not isinstance(step, (int, float)):
            step = 1 if call.method == "Int" else high - low
        return max(1, int((high - low) / step) + 1) if step else 1

    def _may_stop(self, search: Call) -> bool:
        """Whether ``search`` may be given a callback that ends trainings early."""
        callbacks = search.argument("callbacks")
        return not callbacks.known or (callbacks.node is not None and not self._are_seen(callbacks))

    def _are_seen(self, callbacks: Argument) -> bool:
        """Whether it is known which callbacks these are; none of them is called a stopping one."""
        sources = callbacks.facts[Grids].sources(callbacks.node) if callbacks.node is not None else None
        if sources is None:
            return False
        for facts, each in sources:
            if not isinstance(each, (cst.List, cst.Tuple)):
                return False
            if any(facts[Values].of(element.value).call is None for element in each.elements):
                return False
        return True

    # -- imports ----------------------------------------------------------------------------------------------

    def _imports(self, root: str) -> bool:
        return any((each.imported or "").split(".")[0] == root for each in self._names.imports())


def _is_patient(scheduler: Call) -> bool:
    """Whether a scheduler gives every trial nearly all the time there is."""
    if scheduler.method not in tuning.RAY_SUCCESSIVE:
        return False
    most, grace = scheduler.argument("max_t").constant, scheduler.argument("grace_period").constant
    return isinstance(most, int) and isinstance(grace, int) and grace >= _NEARLY * most


def _compares(name: str) -> bool:
    return tuning.CROSSED_NOT_TUNED.match(name) is not None


def _says_comparison(name: object) -> bool:
    return isinstance(name, str) and any(word in name.lower() for word in ("ablat", "compar", "benchmark", "baseline"))


def _combinations(axes: MappingValue) -> int:
    """How many combinations the parameters of a sweep make at least."""
    return math.prod(max(1, _choices(entry)) for name, entry in axes.entries.items() if not _compares(name))


def _choices(entry: Entry) -> int:
    inner = entry.facts[Values].mapping(entry.node)
    if inner is None:
        return 1
    nested = inner.entries.get("parameters")
    if nested is not None:
        below = nested.facts[Values].mapping(nested.node)
        return _combinations(below) if below is not None else 1
    values = inner.entries.get("values")
    if values is not None:
        return values.facts[Grids].length(values.node) or 1
    return _whole_range([inner.entries.get("min"), inner.entries.get("max")])


def _whole_range(bounds: Sequence[Entry | None]) -> int:
    """A grid over ``min`` and ``max`` tries every whole number between them."""
    known = [each.facts[Values].constant(each.node) for each in bounds if each is not None]
    if len(known) != 2 or not isinstance(known[0], int) or not isinstance(known[1], int):
        return 1
    return max(1, known[1] - known[0] + 1)


_NEARLY = 0.8
_RANGE = (("min_value", 1), ("max_value", 2), ("step", 3))
