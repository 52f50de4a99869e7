"""How long trainings run: callbacks, what may stop them early, and learning rates that need the planned length."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Argument, Call, Calls
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import cadence
from greenlint.knowledge.tuning import STOPS_TRAINING

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Schedules"]

_DEPTH = 5
_KNOWN_ROOTS = frozenset(("keras", "tensorflow", "transformers", "lightning", "pytorch_lightning", "wandb", "tqdm"))
_GROWS = ("append", "extend", "insert", "add_callback")


class Schedules:
    """Lengths of the trainings of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._project = facts[Project]

    # -- callbacks --------------------------------------------------------------------------------------------

    def callbacks(self, argument: Argument) -> list[Call] | None:
        """The constructions of the callbacks that an argument holds; ``None`` when there may be others."""
        if not argument.known:
            return None
        if argument.node is None:
            return []
        found = list(argument.facts[Schedules]._elements(argument.node, _DEPTH))
        known = [each for each in found if each is not None]
        return known if len(known) == len(found) else None

    def stops(self, argument: Argument) -> bool | None:
        """Whether the callbacks of an argument end a training that no longer improves; ``None``: they may."""
        callbacks = self.callbacks(argument)
        if callbacks is None:
            return None
        answers = {self._is_stopping(each) for each in callbacks}
        return True if True in answers else None if None in answers else False

    def _elements(self, node: cst.BaseExpression, depth: int) -> Iterator[Call | None]:
        if depth == 0:
            yield None
        elif isinstance(node, (cst.List, cst.Tuple)):
            for each in node.elements:
                yield from self._elements(each.value, depth - 1)
        elif isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
            yield from self._elements(node.left, depth - 1)
            yield from self._elements(node.right, depth - 1)
        elif isinstance(node, cst.IfExp):
            yield from self._elements(node.body, depth - 1)
            yield from self._elements(node.orelse, depth - 1)
        elif isinstance(node, cst.Call):
            yield from self._called(node, depth)
        elif isinstance(node, cst.Attribute):
            yield from self._held(node, depth)
        elif isinstance(node, cst.Name) and node.value != "None":
            yield from self._named(node, depth)

    def _called(self, node: cst.Call, depth: int) -> Iterator[Call | None]:
        call = self._calls.of(node)
        if call.name == "keras.callbacks.CallbackList" or call.name in ("builtins.list", "builtins.tuple"):
            if node.args:
                yield from self._elements(node.args[0].value, depth - 1)
            return
        returned = self._values.returned(node)
        if not returned:
            yield call
        for facts, each in returned:
            yield from facts[Schedules]._elements(each, depth - 1)

    def _held(self, node: cst.Attribute, depth: int) -> Iterator[Call | None]:
        bindings = self._values.attribute_bindings(node)
        if not bindings:
            yield None
        for facts, each in bindings:
            if each.value is None or each.path:
                yield None
            else:
                yield from facts[Schedules]._elements(each.value, depth - 1)
        yield from self._grown(dotted(node), depth)

    def _named(self, node: cst.Name, depth: int) -> Iterator[Call | None]:
        bindings = self._names.reaching(node)
        if not bindings:
            yield None
        for each in bindings:
            if each.kind in (BindingKind.ASSIGN, BindingKind.AUGMENTED) and each.value is not None and not each.path:
                yield from self._elements(each.value, depth - 1)
            elif each.kind is BindingKind.PARAMETER and isinstance(each.scope.node, cst.FunctionDef):
                yield from self._passed(each.scope.node, each.name, depth)
            else:
                yield None
        yield from self._grown(node.value, depth)

    def _passed(self, function: cst.FunctionDef, name: str, depth: int) -> Iterator[Call | None]:
        arguments = self._values.arguments_for(function, name)
        if not arguments:
            yield None
        for each in arguments:
            if each.node is not None:
                yield from each.facts[Schedules]._elements(each.node, depth - 1)
            elif not each.known or each.constant is UNKNOWN:
                yield None

    def _grown(self, name: str | None, depth: int) -> Iterator[Call | None]:
        """What is put into a list of callbacks after it was made."""
        for call in self._calls.methods(*_GROWS):
            if call.receiver is not None and name is not None and dotted(call.receiver) == name and call.positional:
                yield from self._elements(call.positional[-1], depth - 1)

    def _is_stopping(self, callback: Call) -> bool | None:
        if cadence.STOPPING_CALLBACK.search(callback.method) or callback.name in cadence.TIMERS:
            return True
        definition = callback.facts[Values].callee(callback.node)
        if definition is not None:
            text = definition.facts.document.source(definition.node)
            return cadence.STOPS_FROM_INSIDE.search(text) is not None or STOPS_TRAINING.search(text) is not None
        root = (callback.name or "").split(".")[0]
        if root in _KNOWN_ROOTS or cadence.HARMLESS_CALLBACK.search(callback.method):
            return False
        return None

    # -- transformers -----------------------------------------------------------------------------------------

    @staticmethod
    def settings(trainer: Call) -> Call | None:
        """The construction of the ``TrainingArguments`` that a trainer gets; ``None`` when it cannot be seen."""
        value = trainer.argument("args").value
        made = value.call if value is not None else None
        return made if made is not None and made.name in cadence.ARGUMENTS and not made.is_open else None

    @staticmethod
    def evaluated(settings: Call) -> str | None:
        """When ``TrainingArguments`` certainly ask for an evaluation: ``epoch`` or ``steps``."""
        for name in cadence.EVALUATION_STRATEGY:
            constant = settings.argument(name).constant
            if constant in ("epoch", "steps"):
                return str(constant)
        return None

    # -- length -----------------------------------------------------------------------------------------------

    def epochs(self, argument: Argument) -> tuple[int, bool] | None:
        """How many epochs an argument asks for, and whether that is certain rather than a default of an option."""
        if argument.node is None:
            return None
        written = _count(argument.constant)
        if written is not None:
            return written, True
        default = _count(argument.facts[Values].default(argument.node))
        return (default, False) if default is not None else None

    @functools.cached_property
    def names_stopping(self) -> bool:
        """Whether the file calls, sets or passes something that ends a training which no longer improves.

        An import alone, and the patience of a scheduler that lowers the learning rate, do not.
        """
        if cadence.STOPS_FROM_INSIDE.search(self._facts.document.text):
            return True
        for name in self._tree.of_type(cst.Name):
            if not (STOPS_TRAINING.search(name.value) or "patience" in name.value.lower()):
                continue
            if self._tree.enclosing(name, cst.Import, cst.ImportFrom) is None and not self._slows(name):
                return True
        return False

    def _slows(self, name: cst.Name) -> bool:
        """Whether a name is about a scheduler that lowers the learning rate."""
        for above in self._tree.ancestors(name):
            if isinstance(above, cst.Call) and "Plateau" in self._calls.of(above).method:
                return True
            if isinstance(above, cst.BaseStatement):
                return False
        return False

    @functools.cached_property
    def needs_full_length(self) -> bool:
        """Whether the file names a learning rate that follows the planned number of epochs."""
        return cadence.FIXED_LENGTH.search(self._code) is not None

    @functools.cached_property
    def open_ended(self) -> bool:
        """Whether the file trains what has no measure that says when it is done: GANs, diffusion, pretraining."""
        return cadence.OPEN_ENDED.search(self._code) is not None or (
            cadence.OPEN_ENDED.search(self._facts.document.path) is not None
        )

    @functools.cached_property
    def _code(self) -> str:
        from greenlint.facts.frameworks import Frameworks

        return self._facts[Frameworks].code


def _count(value: object) -> int | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        return None
    return int(value) if int(value) == value else None
