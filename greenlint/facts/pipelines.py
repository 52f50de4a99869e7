"""Input pipelines of TensorFlow and Keras: chains of ``tf.data``, and the Python generators that feed ``fit``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.datasets import Datasets, Work
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.studies import Studies
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Feed", "PipelineStage", "Pipelines"]

_DEPTH = 16
_IN_PYTHON = frozenset(("tensorflow.py_function", "tensorflow.numpy_function", "tensorflow.compat.v1.py_func"))
_DECODES = re.compile(
    r"^tensorflow\.(?:io\.(?:read_file|decode_\w+|parse_tensor)|image\.(?:decode_\w+|resize\w*)|audio\.)"
)
_READER = re.compile(r"^tensorflow\.data\.(?:TFRecord|TextLine|FixedLengthRecord)Dataset$")
_ACTS = re.compile(r"print|debug|summary|Variable|lookup|queue|py_func|numpy_func|write|timestamp|while|custom|load")
"""Functions of TensorFlow that do more than compute a value."""
_PLAIN = frozenset(f"builtins.{name}" for name in ("dict", "float", "int", "len", "list", "range", "tuple", "zip"))
_RANDOM = re.compile(r"(?i)random|augment|stateless_|cutmix|mixup|gaussiannoise|dropout|shuffle\(")
_SHIFTS = frozenset(
    """rotation_range width_shift_range height_shift_range shear_range zoom_range channel_shift_range
    preprocessing_function brightness_range""".split()
)
"""Arguments of ``ImageDataGenerator`` that make it compute on every image in Python."""
_FROM_FILES = frozenset(("flow_from_directory", "flow_from_dataframe"))
_FITS = ("fit", "fit_generator")


@dataclass(frozen=True, slots=True, eq=False)
class PipelineStage:
    """One call of a chain, such as ``.map(decode)``."""

    call: Call

    @property
    def method(self) -> str:
        """``map``, ``batch``, ``cache`` and so on; the maker's name for the first."""
        return self.call.method


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A ``fit`` that takes its batches from Python code in the training process."""

    fit: Call
    source: cst.CSTNode
    """What makes the batches: the call that makes the generator, or the class; in the file of ``facts``."""
    facts: Facts
    what: str


class Pipelines:
    """Input pipelines of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]
        self._project = facts[Project]

    # -- tf.data ----------------------------------------------------------------------------------------------

    def stages(self, node: cst.BaseExpression) -> tuple[PipelineStage, ...]:
        """The calls behind a pipeline, first to last; empty where it is not certainly one of ``tf.data``."""
        found: list[PipelineStage] = []
        facts, current, seen = self._facts, node, set[cst.CSTNode]()
        while len(seen) < _DEPTH * 2 and current not in seen:
            seen.add(current)
            if isinstance(current, cst.Call):
                call = facts[Calls].of(current)
                if call.name is not None and call.name.startswith(("tensorflow.data.", "tensorflow_datasets.load")):
                    return (PipelineStage(call), *reversed(found))
                if call.name is not None and call.name.endswith("_dataset_from_directory"):
                    return (PipelineStage(call), *reversed(found))
                if call.name is None and call.receiver is not None:
                    returned = facts[Values].returned(current)
                    if not returned:
                        found.append(PipelineStage(call))
                        current = call.receiver
                        continue
                returned = facts[Values].returned(current)
                if len(returned) != 1:
                    return ()
                facts, current = returned[0]
                continue
            value = _one_value(facts, current)
            if value is None:
                return ()
            facts, current = value
        return ()

    def later(self, call: Call) -> frozenset[str]:
        """The methods called on what a stage gives, in the same chain or statement by statement after it."""
        names: set[str] = set()
        node: cst.CSTNode = call.node
        for _ in range(_DEPTH):
            above = self._tree.parent(node)
            outer = self._tree.parent(above) if isinstance(above, cst.Attribute) else None
            if not isinstance(above, cst.Attribute) or not isinstance(outer, cst.Call) or outer.func is not above:
                break
            names.add(above.attr.value)
            node = outer
        function = self._tree.function(call.node)
        body: cst.CSTNode = function if function is not None else self._tree.root
        for each in self._calls.methods("cache", "prefetch", "batch", within=body):
            if self._tree.first(each.node) > self._tree.first(call.node):
                names.add(each.method)
        return frozenset(names)

    @functools.cached_property
    def maps(self) -> tuple[Call, ...]:
        """The ``map`` and ``interleave`` calls of ``tf.data`` pipelines, in source order."""
        return tuple(each for each in self._calls.methods("map", "interleave") if self._is_map(each))

    def _is_map(self, call: Call) -> bool:
        if call.receiver is None or call.name is not None or not call.node.args:
            return False
        if call.keyword("num_parallel_calls") is not None:
            return True
        return self._values.of(call.receiver).kind is Kind.TF_DATASET or bool(self.stages(call.receiver))

    def leaves_graph(self, call: Call) -> Call | None:
        """The call of ``tf.py_function`` or the like in the function that a ``map`` applies."""
        for facts, node in self._applied(call):
            for each in facts[Calls].within(node):
                if each.name in _IN_PYTHON:
                    return each
        return None

    def decodes(self, call: Call) -> bool:
        """Whether the function that a ``map`` applies reads, decodes or resizes."""
        return any(
            each.name is not None and _DECODES.match(each.name) is not None
            for facts, node in self._applied(call)
            for each in facts[Calls].within(node)
        )

    def is_random(self, call: Call) -> bool:
        """Whether the function that a ``map`` applies may draw random numbers, or cannot be seen."""
        applied = list(self._applied(call))
        return not applied or any(_RANDOM.search(facts.document.source(node)) for facts, node in applied)

    def is_pure(self, call: Call) -> bool:
        """Whether the function that a ``map`` applies certainly only computes, without state, chance or output."""
        function = call.argument("map_func", 0)
        if function.node is not None and _READER.match(self._names.resolve(function.node) or ""):
            return True
        applied = list(self._applied(call))
        seen = {node for _, node in applied}
        return not self.is_random(call) and all(
            "assign" not in facts.document.text and all(_computes(each, seen) for each in facts[Calls].within(node))
            for facts, node in applied
        )

    def is_trivial(self, call: Call) -> bool:
        """Whether the function that a ``map`` applies calls nothing, as one that picks a part of the element."""
        applied = list(self._applied(call))
        return bool(applied) and not any(True for facts, node in applied for _ in facts[Calls].within(node))

    def _applied(self, call: Call, depth: int = 3) -> Iterator[tuple[Facts, cst.CSTNode]]:
        """The function that a ``map`` applies, and the functions of the project that it calls."""
        argument = call.argument("map_func", 0)
        if argument.node is None:
            return
        if isinstance(argument.node, cst.Lambda):
            yield from self._with_helpers(argument.facts, argument.node, depth)
            return
        definition = argument.facts[Project].definition(argument.node)
        if definition is not None and isinstance(definition.node, cst.FunctionDef):
            yield from self._with_helpers(definition.facts, definition.node, depth)
            return
        found = argument.facts[Studies].objective(argument.node)
        if found is not None:
            yield from self._with_helpers(found.facts, found.node, depth)

    def _with_helpers(self, facts: Facts, node: cst.CSTNode, depth: int) -> Iterator[tuple[Facts, cst.CSTNode]]:
        yield facts, node
        if not depth:
            return
        for call in facts[Calls].within(node):
            target = facts[Values].callee(call.node)
            if target is not None and isinstance(target.node, cst.FunctionDef) and target.node is not node:
                yield from self._with_helpers(target.facts, target.node, depth - 1)

    # -- Keras ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def feeds(self) -> tuple[Feed, ...]:
        """The calls of ``fit`` that one Python thread of the training process feeds, in source order."""
        found = (self._feed(each) for each in self._calls.methods(*_FITS))
        return tuple(each for each in found if each is not None)

    def _feed(self, call: Call) -> Feed | None:
        if call.receiver is None or call.is_open or not self._one_worker(call):
            return None
        data = call.positional[0] if call.positional else call.keyword("x") or call.keyword("generator")
        if data is None:
            return None
        for facts, node in self._origins(self._facts, data, _DEPTH):
            made = facts[Pipelines]._generator(node)
            if made is not None:
                return Feed(call, node, facts, made)
        instance = self._values.of(data).instance_of
        if instance is not None and any(each in _SEQUENCES for each in self._project.bases(instance)):
            source = instance.facts.document.source(instance.node)
            if "workers" not in source and instance.facts[Datasets].work_of_class(instance) is Work.DECODES:
                return Feed(call, instance.node, instance.facts, f"`{instance.name}`")
        return None

    def _one_worker(self, call: Call) -> bool:
        for name in ("workers", "use_multiprocessing"):
            written = call.keyword(name)
            if written is not None and self._values.constant(written) not in (0, 1, False):
                return False
        return True

    def _origins(
        self, facts: Facts, node: cst.BaseExpression, depth: int
    ) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        """The calls that may have made a value: through names, attributes and functions of the project."""
        if not depth:
            return
        if isinstance(node, cst.Call):
            returned = facts[Values].returned(node)
            if not returned:
                yield facts, node
            for owner, each in returned:
                yield from self._origins(owner, each, depth - 1)
        elif isinstance(node, cst.Name):
            for binding in facts[Names].reaching(node):
                yield from self._bound(facts, binding, depth)
        elif isinstance(node, cst.Attribute):
            for owner, binding in facts[Values].attribute_bindings(node):
                yield from self._bound(owner, binding, depth)

    def _bound(self, facts: Facts, binding: Binding, depth: int) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        if binding.kind is BindingKind.ASSIGN and binding.value is not None:
            value: cst.BaseExpression = binding.value
            for step in binding.path:
                if isinstance(value, (cst.Tuple, cst.List)) and 0 <= step < len(value.elements):
                    value = value.elements[step].value
                elif isinstance(value, cst.Call):
                    for owner, each in facts[Values].returned(value):
                        if isinstance(each, cst.Tuple) and 0 <= step < len(each.elements):
                            yield from self._origins(owner, each.elements[step].value, depth - 1)
                    return
            yield from self._origins(facts, value, depth - 1)
        elif binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
            for argument in facts[Values].arguments_for(binding.scope.node, binding.name):
                if argument.node is not None:
                    yield from self._origins(argument.facts, argument.node, depth - 1)

    def _generator(self, node: cst.CSTNode) -> str | None:
        """What a generator of images is called, when it decodes or distorts them in Python."""
        if not isinstance(node, cst.Call):
            return None
        call = self._calls.of(node)
        if call.receiver is None or call.method not in (*_FROM_FILES, "flow"):
            return None
        for facts, maker in self._origins(self._facts, call.receiver, _DEPTH):
            if not isinstance(maker, cst.Call):
                continue
            made = facts[Calls].of(maker)
            if not (made.name or "").startswith("keras.") or not made.method.endswith("ImageDataGenerator"):
                continue
            given = {arg.keyword.value for arg in maker.args if arg.keyword is not None}
            if call.method in _FROM_FILES or given & _SHIFTS:
                return "`ImageDataGenerator`"
        return None


_SEQUENCES = frozenset(("keras.utils.Sequence", "keras.utils.PyDataset", "keras.utils.data_utils.Sequence"))


def _computes(call: Call, seen: set[cst.CSTNode]) -> bool:
    """Whether a call is of an operation of TensorFlow, or of a function that is looked at, too."""
    if call.name is not None:
        is_operation = call.name.startswith("tensorflow.") and _ACTS.search(call.name) is None
        return is_operation or call.name in _PLAIN
    target = call.facts[Values].callee(call.node)
    return target is not None and target.node in seen


def _one_value(facts: Facts, node: cst.BaseExpression) -> tuple[Facts, cst.BaseExpression] | None:
    """The one expression that a name or attribute stands for."""
    if isinstance(node, cst.Subscript):
        return facts, node.value
    if isinstance(node, cst.Name):
        bindings = [(facts, each) for each in facts[Names].reaching(node)]
    elif isinstance(node, cst.Attribute):
        bindings = facts[Values].attribute_bindings(node)
    else:
        return None
    if len(bindings) != 1:
        return None
    owner, binding = bindings[0]
    if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
        given = owner[Values].arguments_for(binding.scope.node, binding.name)
        if len(given) == 1 and given[0].node is not None:
            return given[0].facts, given[0].node
        return None
    if binding.kind is not BindingKind.ASSIGN or binding.value is None:
        return None
    value: cst.BaseExpression = binding.value
    for step in binding.path:
        if not isinstance(value, (cst.Tuple, cst.List)) or not 0 <= step < len(value.elements):
            return None
        value = value.elements[step].value
    return owner, value
