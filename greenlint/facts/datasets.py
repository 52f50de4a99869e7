"""What a dataset does for each sample, and what becomes of a loader's batches."""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.imports import Imports
from greenlint.facts.loops import LoopRole, Loops
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device, Values
from greenlint.knowledge import data

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Datasets", "Work"]

_WRAPPERS = frozenset(
    """torch.utils.data.Subset torch.utils.data.ConcatDataset torch.utils.data.random_split
    torch.utils.data.dataset.Subset torch.utils.data.dataset.random_split""".split()
)


_LOADER_NAME = re.compile(r"load|dl|data|iter", re.IGNORECASE)
_RUNS_MODEL = (LoopRole.TRAINING, LoopRole.MICROBATCH, LoopRole.EVALUATION)


class Work(enum.Enum):
    """What fetching one sample costs."""

    DECODES = "decodes"
    """Opens, decodes or augments an image, a sound or another file."""
    AUGMENTS = "augments"
    """Transforms small images that are held in memory."""
    IN_MEMORY = "in memory"
    TOY = "toy"
    """A data set of MNIST's size."""


class Datasets:
    """Datasets and loaders of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._project = facts[Project]
        self._tree = facts[Tree]
        self._loops: dict[cst.Call, list[tuple[Facts, cst.For]]] = {}

    def work(self, node: cst.BaseExpression, depth: int = 6) -> Work | None:
        """What the dataset ``node`` does per sample; ``None`` when that cannot be seen."""
        if depth == 0:
            return None
        if isinstance(node, cst.Call):
            return self._made(self._calls.of(node), depth)
        if isinstance(node, cst.Name):
            return self._bound(node, depth)
        if isinstance(node, cst.Attribute):
            found = {
                facts[Datasets].work(binding.value, depth - 1)
                for facts, binding in self._values.attribute_bindings(node)
                if binding.value is not None
            }
            return found.pop() if len(found) == 1 else None
        if isinstance(node, cst.Subscript):
            return self._picked(node, depth)
        if isinstance(node, cst.IfExp):
            found = {self.work(node.body, depth - 1), self.work(node.orelse, depth - 1)}
            return found.pop() if len(found) == 1 else None
        if isinstance(node, cst.List):
            found = {self.work(each.value, depth - 1) for each in node.elements}
            return found.pop() if len(found) == 1 else None
        return None

    def _picked(self, node: cst.Subscript, depth: int) -> Work | None:
        """``datasets["train"]``: the entry, or what all entries of a comprehension are."""
        index = self._values.index(node)
        if isinstance(index, str):
            mapping = self._values.mapping(node.value)
            entry = mapping.entries.get(index) if mapping is not None else None
            if entry is not None and entry.certain:
                return entry.facts[Datasets].work(entry.node, depth - 1)
        if isinstance(node.value, cst.Name):
            for binding in self._names.reaching(node.value):
                if isinstance(binding.value, cst.DictComp):
                    return self.work(binding.value.value, depth - 1)
        return None

    def _bound(self, node: cst.Name, depth: int) -> Work | None:
        found: set[Work | None] = set()
        for binding in self._names.reaching(node):
            if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
                found.update(
                    argument.facts[Datasets].work(argument.node, depth - 1) if argument.node is not None else None
                    for argument in self._values.arguments_for(binding.scope.node, binding.name)
                )
            elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
                found.add(self._assigned(binding.value, binding.path, depth))
            else:
                found.add(None)
        return found.pop() if len(found) == 1 else None

    def _assigned(self, value: cst.BaseExpression, path: tuple[int, ...], depth: int) -> Work | None:
        for step in path:
            if isinstance(value, (cst.Tuple, cst.List)) and 0 <= step < len(value.elements):
                value = value.elements[step].value
                continue
            if isinstance(value, cst.Call):
                return self._one_of(self._calls.of(value), step, depth)
            return None
        return self.work(value, depth - 1)

    def _one_of(self, call: Call, step: int, depth: int) -> Work | None:
        """One of several datasets that a call returns."""
        if call.name in _WRAPPERS and call.positional:
            return self.work(call.positional[0], depth - 1)
        found = {
            facts[Datasets].work(value.elements[step].value, depth - 1)
            if isinstance(value, cst.Tuple) and 0 <= step < len(value.elements)
            else None
            for facts, value in self._values.returned(call.node)
        }
        return found.pop() if len(found) == 1 else None

    def _made(self, call: Call, depth: int) -> Work | None:
        name = call.name or ""
        if name in _WRAPPERS and call.positional:
            return self.work(call.positional[0], depth - 1)
        if name in data.IN_MEMORY_DATASETS:
            return Work.IN_MEMORY
        if name in data.TOY_DATASETS:
            return Work.TOY
        if name in data.DECODING_DATASETS:
            return Work.DECODES
        if name in data.TRANSFORMING_DATASETS:
            transform = call.argument("transform")
            return Work.AUGMENTS if transform.written and transform.constant is not None else None
        definition = self._values.callee(call.node)
        if definition is not None and isinstance(definition.node, cst.ClassDef):
            return self.work_of_class(definition)
        found = {facts[Datasets].work(value, depth - 1) for facts, value in self._values.returned(call.node)}
        return found.pop() if len(found) == 1 else None

    def work_of_class(self, definition: Definition) -> Work | None:
        """What ``__getitem__`` of a dataset class of the project does, helpers included."""
        getitem = self._project.method(definition, "__getitem__")
        if getitem is None or not isinstance(getitem.node, cst.FunctionDef):
            bases = set(self._project.bases(definition))
            return Work.DECODES if bases & data.DECODING_DATASETS else None
        return Work.DECODES if _decodes(getitem, 3, set()) else None

    # -- loaders ----------------------------------------------------------------------------------------------

    def loops_over(self, loader: Call) -> list[tuple[Facts, cst.For]]:
        """The ``for`` loops that iterate a loader built in this file.

        Here, in files that import this one, and in those whose functions and classes the loader is passed to.
        """
        known = self._loops.get(loader.node)
        if known is None:
            known = self._loops[loader.node] = list(self._find_loops(loader))
        return known

    def _find_loops(self, loader: Call) -> Iterator[tuple[Facts, cst.For]]:
        files = {id(facts): facts for facts in (self._facts, *self._project.importers(), *self._given(loader))}
        for facts in files.values():
            for node in facts[Datasets]._iterated.get(loader, ()):
                yield facts, node

    def _given(self, loader: Call) -> Iterator[Facts]:
        """The files whose functions and classes a loader is passed to, here and in files that import this one."""
        if self._facts[Imports].is_alone:
            return
        given = [(self._facts, call) for call in self._handed.get(loader, ())]
        for facts in self._project.importers():
            given.extend((facts, call) for call in facts[Datasets]._handed_by_name.get(loader, ()))
        for facts, call in given:
            yield from (each.facts for each in facts[Values].callees(call.node))

    @functools.cached_property
    def _iterated(self) -> dict[Call, list[cst.For]]:
        """The loops of this file by the call that made what they go over."""
        found: dict[Call, list[cst.For]] = {}
        for node in self._tree.of_type(cst.For):
            made = self._values.of(self._values.iterated(node.iter)).call
            if made is not None:
                found.setdefault(made, []).append(node)
        return found

    @functools.cached_property
    def _handed(self) -> dict[Call, list[Call]]:
        """The calls of this file by the calls that made their arguments."""
        return self._by_argument(lambda each: not each.star)

    @functools.cached_property
    def _handed_by_name(self) -> dict[Call, list[Call]]:
        """Of these only those with arguments named like a loader: for a file that this is not about, the rest costs."""
        return self._by_argument(lambda each: _LOADER_NAME.search(dotted(each.value) or "") is not None)

    def _by_argument(self, counts: Callable[[cst.Arg], bool]) -> dict[Call, list[Call]]:
        found: dict[Call, list[Call]] = {}
        for call in self._calls.all:
            given = [each.value for each in call.node.args if counts(each)]
            # Calls of libraries, which are most, lead to no file of the project.
            if not given or not self._values.callees(call.node):
                continue
            for each in given:
                made = self._values.of(each).call
                if made is not None:
                    found.setdefault(made, []).append(call)
        return found

    def repeats(self, loader: Call) -> Iterator[tuple[Facts, cst.For, cst.For | cst.While]]:
        """The loops over a loader that run again and again, each with the loop that repeats it.

        It stands around the loop or a call that leads to it; in a generator that never ends it is ``while True``.
        """
        for facts, node in self.loops_over(loader):
            for owner, outer in facts[Datasets].repeaters(node):
                yield owner, node, outer

    def may_keep_workers(self, loader: Call) -> bool:
        """Whether a loader has several passes, all seen, between which nobody touches the data set of its workers."""
        repeats = list(self.repeats(loader))
        dataset = loader.argument("dataset").node
        if not repeats or not isinstance(dataset, cst.Name):
            return False
        if any(owner is not self._facts or self._tree.contains(outer, loader.node) for owner, _, outer in repeats):
            return False
        touched = (each for _, _, outer in repeats for each in self._tree.below(outer, cst.Attribute))
        source = self._facts.document.source
        return not any(each.attr.value == "dataset" or source(each.value) == dataset.value for each in touched)

    def repeaters(self, node: cst.CSTNode, depth: int = 2) -> Iterator[tuple[Facts, cst.For | cst.While]]:
        """The epoch loops that run ``node`` again and again, through calls too."""
        around = self._tree.loops_around(node)
        if around:
            role = self._facts[Loops].of(around[0]).role
            if role in (LoopRole.EPOCH, LoopRole.TRAINING) or self._is_endless(around[0]) or self._counts(around[0]):
                yield self._facts, around[0]
            return
        function = self._tree.function(node)
        if function is not None and depth:
            for call in self._project.callers(function):
                yield from call.facts[Datasets].repeaters(call.node, depth - 1)

    def _counts(self, loop: cst.For | cst.While) -> bool:
        """Whether a loop counts epochs by name: the training loop may stand in another file."""
        header = loop.target if isinstance(loop, cst.For) else loop.test
        return "epoch" in self._facts.document.source(header).lower()

    def _is_endless(self, loop: cst.For | cst.While) -> bool:
        """``while True: for batch in loader: yield batch``."""
        if not isinstance(loop, cst.While) or self._values.constant(loop.test) not in (True, 1):
            return False
        return any(self._tree.below(loop.body, cst.Yield))

    def feeds_model(self, loader: Call) -> bool:
        """Whether a loader's batches go through a network: in a loop over it, or somewhere in a file that trains."""
        loops = list(self.loops_over(loader))
        if loops:
            return any(facts[Loops].of(loop).role in _RUNS_MODEL for facts, loop in loops)
        return bool(self._facts[Loops].steps or self._calls.methods("fit", "prepare", "distribute"))

    def feeds_training(self, loader: Call) -> bool:
        """Whether a loader's batches are trained on; where no loop over it is found, a shuffled one is taken to be."""
        roles = {facts[Loops].of(loop).role for facts, loop in self.loops_over(loader)}
        if roles:
            return bool(roles & {LoopRole.TRAINING, LoopRole.MICROBATCH})
        sampler = loader.argument("sampler")
        sampled = sampler.written and sampler.constant is not None
        return sampled or loader.argument("shuffle").constant is not False

    def reaches_accelerator(self, loader: Call) -> bool:
        """Whether the loop over a loader, or the file's training loop when none is found, moves its batches."""
        loops = list(self.loops_over(loader))
        if loops:
            return any(self.moves_batches(facts, loop) for facts, loop in loops)
        steps = self._facts[Loops].steps
        return any(isinstance(step.loop, cst.For) and self.moves_batches(step.loop_facts, step.loop) for step in steps)

    def moves_batches(self, facts: Facts, loop: cst.For) -> bool:
        """Whether a loop's body copies something to an accelerator."""
        values = facts[Values]
        for call in facts[Calls].methods("to", "cuda", within=loop.body):
            if values.target(call) is Device.ACCELERATOR:
                return True
        return False


def _decodes(function: Definition, depth: int, seen: set[cst.CSTNode]) -> bool:
    """Whether a function opens, decodes or augments files, itself or through functions of the project."""
    if function.node in seen:
        return False
    seen.add(function.node)
    facts = function.facts
    for call in facts[Calls].within(function.node.body):
        if call.name is not None and (call.name in data.DECODERS or call.name.startswith(data.DECODER_PREFIXES)):
            return True
        if depth:
            target = facts[Values].callee(call.node)
            if target is not None and isinstance(target.node, cst.FunctionDef) and _decodes(target, depth - 1, seen):
                return True
        if call.method == "loader" and dotted(call.node.func) == "self.loader":
            return True
    return False
