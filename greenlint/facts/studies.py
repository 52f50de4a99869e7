"""Optuna studies: what they optimise, how often, and whether a trial can be given up."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Argument, Call, Calls
from greenlint.facts.grids import Grids
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.trials import Training, TrainingKind, Trials
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Objective", "Studies", "Study"]

_DEPTH = 3


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """The function that a study minimises."""

    facts: Facts
    node: cst.FunctionDef | cst.Lambda
    name: str
    parameter: str
    """Its parameter that holds the trial."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One call of ``study.optimize``."""

    call: Call
    made: Call | None
    """The ``create_study`` call, where it can be seen."""
    objective: Objective | None

    @property
    def trials(self) -> int | None:
        """How many trials it runs; ``None``: as many as the time allows, or not known."""
        count = self.call.argument("n_trials", 1).constant
        return count if isinstance(count, int) else None

    @property
    def default_trials(self) -> int | None:
        """How many trials a changeable option asks for unless it is changed."""
        argument = self.call.argument("n_trials", 1)
        if argument.node is None:
            return None
        default = argument.facts[Values].default(argument.node)
        return default if isinstance(default, int) else None

    @property
    def unbounded(self) -> bool:
        """Whether only time, or nothing, ends it."""
        trials = self.call.argument("n_trials", 1)
        return trials.known and (trials.node is None or trials.constant is None)

    @property
    def multi_objective(self) -> bool | None:
        """Whether it optimises several values at once, so that nothing can be pruned."""
        if self.made is None or self.made.is_open:
            return None
        directions = self.made.argument("directions")
        if directions.node is None:
            return False if directions.known else None
        length = directions.facts[Grids].length(directions.node)
        return None if length is None else length > 1

    def part(self, name: str) -> Call | None:
        """The call that makes its ``sampler`` or ``pruner``."""
        if self.made is None:
            return None
        argument = self.made.argument(name)
        return _made(argument) if argument.node is not None else None


class Studies:
    """Studies of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]
        self._project = facts[Project]

    @functools.cached_property
    def all(self) -> tuple[Study, ...]:
        """Every ``study.optimize(...)``, in source order."""
        return tuple(self._find())

    def _find(self) -> Iterator[Study]:
        for call in self._calls.methods("optimize"):
            if call.receiver is None or not call.node.args:
                continue
            made = self._values.of(call.receiver)
            known = made.call if made.kind is Kind.STUDY and made.call is not None else None
            if known is None and not self._is_named_study(call.receiver):
                continue
            yield Study(
                call, known if known is not None and "create_study" in known.method else None, self._objective(call)
            )

    def _is_named_study(self, node: cst.BaseExpression) -> bool:
        last = (dotted(node) or "").rpartition(".")[2].lower()
        return "study" in last and self._values.of(node).instance_of is None

    # -- objectives -------------------------------------------------------------------------------------------

    def _objective(self, call: Call) -> Objective | None:
        argument = call.argument("func", 0)
        return argument.facts[Studies].objective(argument.node) if argument.node is not None else None

    def objective(self, node: cst.BaseExpression, depth: int = 4) -> Objective | None:
        """The function an expression stands for: by name, as a method, through ``partial``, a lambda, an instance."""
        if depth == 0:
            return None
        if isinstance(node, cst.Lambda):
            return self._of_lambda(node, depth)
        if isinstance(node, cst.Call):
            return self._of_call(node, depth)
        definition = self._project.definition(node)
        if definition is None and isinstance(node, cst.Attribute):
            owner = self._values.owner(node.value)
            definition = self._project.method(owner, node.attr.value) if owner is not None else None
        if definition is not None:
            return _of_definition(definition)
        return self._of_value(node, depth)

    def _of_value(self, node: cst.BaseExpression, depth: int) -> Objective | None:
        if not isinstance(node, cst.Name):
            return None
        instance = self._values.of(node).instance_of
        if instance is not None:
            return _called(instance)
        for binding in self._names.reaching(node):
            if binding.kind is BindingKind.ASSIGN and binding.value is not None and not binding.path:
                return self.objective(binding.value, depth - 1)
        return None

    def _of_lambda(self, node: cst.Lambda, depth: int) -> Objective | None:
        """``lambda trial: objective(trial, data)`` stands for ``objective``."""
        params = node.params.params
        if isinstance(node.body, cst.Call) and params:
            definition = self._values.callee(node.body)
            if definition is not None and isinstance(definition.node, cst.FunctionDef):
                inner = _parameter_given(node.body, params[0].name.value, definition.node)
                if inner is not None:
                    return Objective(definition.facts, definition.node, definition.name, inner)
        return Objective(self._facts, node, "the objective", params[0].name.value) if params else None

    def _of_call(self, node: cst.Call, depth: int) -> Objective | None:
        call = self._calls.of(node)
        if call.name == "functools.partial" and call.positional:
            inner = self.objective(call.positional[0], depth - 1)
            given = {arg.keyword.value for arg in node.args if arg.keyword is not None}
            return (
                inner
                if inner is None or len(call.positional) == 1
                else _shifted(inner, len(call.positional) - 1, given)
            )
        definition = self._values.callee(node)
        if definition is None:
            return None
        if isinstance(definition.node, cst.ClassDef):
            return _called(definition)
        return _inner(definition)

    # -- pruning ----------------------------------------------------------------------------------------------

    def prunes(self, objective: Objective) -> bool | None:
        """Whether an objective reports intermediate values or has a pruning callback; ``None``: perhaps, unseen."""
        if objective.facts[Studies]._prunes_inside(objective.node):
            return True
        if _CALLBACKS.search(self._facts.document.text) or _CALLBACKS.search(objective.facts.document.text):
            return True
        return objective.facts[Studies]._reports(objective.node, objective.parameter, _DEPTH)

    def _reports(self, node: cst.CSTNode, trial: str, depth: int) -> bool | None:
        """Whether code reports to ``trial``, or hands it on to code that does."""
        unseen = False
        for call in self._calls.within(node):
            passed = self._hands_on(call, trial)
            if passed is None:
                continue
            target = self._values.callee(call.node)
            if target is None:
                unseen = unseen or not (call.name or "").startswith(("builtins.", "logging."))
                continue
            answer = self._reports_inside(target, passed, depth)
            if answer is True:
                return True
            unseen = unseen or answer is None
        return None if unseen else False

    def _prunes_inside(self, node: cst.CSTNode) -> bool:
        """Whether code reports to a trial, whatever its name, has a pruning callback, or gives up by itself."""
        if self._calls.methods("report", "should_prune", "report_intermediate", within=node):
            return True
        names = self._tree.below(node, cst.Name)
        return any(_CALLBACKS.match(each.value) or self._cuts_short(each) for each in names)

    def _cuts_short(self, name: cst.Name) -> bool:
        """Whether ``TrialPruned`` is raised in the course of a training, rather than when it failed or before it."""
        if name.value != "TrialPruned" or self._tree.enclosing(name, cst.Raise) is None:
            return False
        return self._tree.enclosing(name, cst.ExceptHandler) is None and bool(self._tree.loops_around(name))

    def _hands_on(self, call: Call, trial: str) -> str | int | None:
        """How a call gets the trial: the name or position of its parameter."""
        for index, arg in enumerate(call.node.args):
            if isinstance(arg.value, cst.Name) and arg.value.value == trial:
                return arg.keyword.value if arg.keyword is not None else index
        return None

    def _reports_inside(self, target: Definition, passed: str | int, depth: int) -> bool | None:
        if target.facts[Studies]._prunes_inside(target.node):
            return True
        function = target.node
        if isinstance(function, cst.ClassDef) or not depth:
            return None
        params = [*function.params.params, *function.params.kwonly_params]
        shift = 1 if target.facts[Tree].class_of(function) is not None else 0
        names = [each.name.value for each in params]
        name = passed if isinstance(passed, str) else names[passed + shift] if passed + shift < len(names) else None
        if name is None:
            return None
        return target.facts[Studies]._reports(function.body, name, depth - 1)

    # -- trainings --------------------------------------------------------------------------------------------

    def iterative_training(self, objective: Objective) -> Training | None:
        """The training in an objective that runs over epochs or rounds, and could be given up before its end."""
        facts = objective.facts
        found = facts[Trials].trainings(objective.node.body)
        for training in found:
            if training.iterative and training.kind is not TrainingKind.COMMAND and not _is_short(training):
                return training
        return None

    def returns_several(self, objective: Objective) -> bool:
        """Whether an objective returns a tuple: then its study has several objectives."""
        if isinstance(objective.node, cst.Lambda):
            return isinstance(objective.node.body, cst.Tuple)
        tree = objective.facts[Tree]
        return any(
            isinstance(each.value, cst.Tuple) and tree.function(each) is objective.node
            for each in tree.below(objective.node.body, cst.Return)
        )

    def candidates(self, objective: Objective) -> int | None:
        """How many combinations the ``suggest`` calls of an objective leave; ``None`` when one of them has no count."""
        total = 1
        calls = objective.facts[Calls]
        for call in calls.methods(
            "suggest_categorical",
            "suggest_int",
            "suggest_float",
            "suggest_uniform",
            "suggest_loguniform",
            "suggest_discrete_uniform",
            within=objective.node,
        ):
            count = _suggested(call)
            if count is None:
                return None
            total *= count
        return total


def _suggested(call: Call) -> int | None:
    if call.method == "suggest_categorical":
        choices = call.argument("choices", 1).node
        return call.facts[Grids].length(choices) if choices is not None else None
    bounds = [call.argument(name, index).constant for index, name in ((1, "low"), (2, "high"))]
    position = 3 if call.method == "suggest_discrete_uniform" else None
    step = call.argument("q" if position is not None else "step", position)
    width = 1 if step.absent and call.method == "suggest_int" else step.constant
    low, high = bounds
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)) or not isinstance(width, (int, float)):
        return None
    return int((high - low) / width + 1e-9) + 1 if width > 0 else None


def _is_short(training: Training) -> bool:
    """Whether a network is trained for so few epochs that there is nothing to give up."""
    for name in ("epochs", "nb_epoch", "max_epochs"):
        written = training.call.keyword(name)
        if written is not None:
            value = training.call.facts[Values].constant(written)
            return isinstance(value, int) and value <= _FEW_EPOCHS
    if training.kind is TrainingKind.NETWORK and training.call.method == "fit" and training.call.receiver is not None:
        value = training.call.facts[Values].of(training.call.receiver)
        if value.kind is Kind.KERAS_MODEL:
            # One epoch is Keras's default.
            return training.call.argument("epochs", 3).absent and not training.call.is_open
    return False


def _made(argument: Argument) -> Call | None:
    assert argument.node is not None
    value = argument.facts[Values].of(argument.node)
    if value.call is not None:
        return value.call
    found = argument.facts[Grids].sources(argument.node)
    if found is None or len(found) != 1 or not isinstance(found[0][1], cst.Call):
        return None
    return found[0][0][Calls].of(found[0][1])


def _of_definition(definition: Definition) -> Objective | None:
    if isinstance(definition.node, cst.ClassDef):
        return None
    params = [*definition.node.params.params]
    if definition.facts[Tree].class_of(definition.node) is not None and params:
        params = params[1:]
    return Objective(definition.facts, definition.node, definition.name, params[0].name.value) if params else None


def _called(owner: Definition) -> Objective | None:
    method = owner.facts[Project].method(owner, "__call__")
    found = _of_definition(method) if method is not None else None
    return Objective(found.facts, found.node, owner.name, found.parameter) if found is not None else None


def _inner(definition: Definition) -> Objective | None:
    """The function that a maker of objectives defines and returns."""
    assert isinstance(definition.node, cst.FunctionDef)
    tree = definition.facts[Tree]
    for each in tree.below(definition.node.body, cst.Return):
        if each.value is not None and tree.function(each) is definition.node:
            return definition.facts[Studies].objective(each.value, 2)
    return None


def _shifted(objective: Objective, count: int, given: set[str]) -> Objective | None:
    """An objective whose first parameters ``partial`` has filled."""
    if isinstance(objective.node, cst.Lambda):
        return None
    names = [each.name.value for each in objective.node.params.params if each.name.value not in given]
    start = names.index(objective.parameter) + count
    return Objective(objective.facts, objective.node, objective.name, names[start]) if start < len(names) else None


def _parameter_given(call: cst.Call, trial: str, function: cst.FunctionDef) -> str | None:
    """The parameter of ``function`` that a call gives the trial."""
    names = [each.name.value for each in function.params.params]
    if names[:1] == ["self"]:
        names = names[1:]
    for index, arg in enumerate(call.args):
        if isinstance(arg.value, cst.Name) and arg.value.value == trial:
            if arg.keyword is not None:
                return arg.keyword.value
            return names[index] if index < len(names) else None
    return None


_FEW_EPOCHS = 3
_CALLBACKS = re.compile(r"\w*Pruning(?:Callback|Hook|Extension)\w*|WilcoxonPruner|TorchDistributedTrial|OptunaSearchCV")
