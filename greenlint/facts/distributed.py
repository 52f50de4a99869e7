"""Training on several devices: what wraps a network, who splits the data, and which calls wait for other processes."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import Contexts
from greenlint.facts.loops import Loops, Region, Step
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import layers as known
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Collective", "Distributed", "Parallel", "Wrapped"]

_MOST = 200
"""Expressions looked at on the way back to where a network or a data set comes from."""
_DEPTH = 3


class Parallel(enum.Enum):
    """How a wrapper trains a network on several devices."""

    THREADS = "DataParallel"
    """One process with a thread for each device."""
    DDP = "DistributedDataParallel"
    """One process for each device, gradients averaged during each backward pass."""
    FSDP = "FullyShardedDataParallel"


@dataclass(frozen=True, slots=True, eq=False)
class Wrapped:
    """A network, and the call that wraps it for several devices."""

    parallel: Parallel
    call: Call


@dataclass(frozen=True, slots=True, eq=False)
class Collective:
    """A call in which every process waits for all others."""

    call: Call
    place: cst.CSTNode
    """Where a finding belongs in the file under check: the call, or the one that leads to it."""
    region: Region
    waits_only: bool
    """A barrier: nothing is sent."""


class Distributed:
    """Several devices in one file, and in the project modules that it calls."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._memo: dict[cst.CSTNode, tuple[Wrapped, ...]] = {}
        self._waiting: dict[cst.CSTNode, bool] = {}

    # -- networks ---------------------------------------------------------------------------------------------

    def wrapped(self, node: cst.BaseExpression) -> tuple[Wrapped, ...]:
        """The wrappers through which a network may have gone: all that are seen, where code chooses one."""
        if node not in self._memo:
            self._memo[node] = tuple(_Trail().wrappers(self._facts, node))
        return self._memo[node]

    def of_step(self, step: Step) -> list[Wrapped]:
        """The wrappers of the networks that a training step runs, or gives to functions that may run them."""
        found: dict[cst.CSTNode, Wrapped] = {}
        for region in step.facts[Loops].regions(step):
            distributed = region.facts[Distributed]
            for call in region.facts[Calls].within(region.body):
                for each in (call.node.func, *(arg.value for arg in call.node.args)):
                    if isinstance(each, (cst.Name, cst.Attribute)):
                        found.update((wrapped.call.node, wrapped) for wrapped in distributed.wrapped(each))
        return list(found.values())

    # -- data -------------------------------------------------------------------------------------------------

    def shards(self, node: cst.BaseExpression) -> bool | None:
        """Whether a data set is split between the processes where it is made; ``None`` where that cannot be seen."""
        return _Trail().shards(self._facts, node)

    # -- ranks ------------------------------------------------------------------------------------------------

    def on_one_rank(self, node: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether a test of the rank around ``node``, or around the calls that lead to it, lets one process run it."""
        below = node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.If) and below is not above.test and self._asks_rank(above.test):
                return True
            if isinstance(above, (cst.IndentedBlock, cst.Module)) and self._others_left(above, below):
                return True
            if isinstance(above, cst.FunctionDef):
                break
            below = above
        function = self._tree.function(node)
        if function is None or not depth:
            return False
        callers = self._facts[Project].callers(function)
        return bool(callers) and all(each.facts[Distributed].on_one_rank(each.node, depth - 1) for each in callers)

    def _asks_rank(self, test: cst.BaseExpression) -> bool:
        return _RANK.search(self._facts.document.source(test)) is not None

    def _others_left(self, block: cst.IndentedBlock | cst.Module, statement: cst.CSTNode) -> bool:
        """``if rank != 0: return`` before a statement."""
        for each in block.body:
            if each is statement:
                return False
            if isinstance(each, cst.If) and self._asks_rank(each.test):
                leaves = (cst.Return, cst.Continue, cst.Break)
                if any(self._tree.below(each.body, *leaves)):
                    return True
        return False

    # -- collectives ------------------------------------------------------------------------------------------

    def collectives(self, step: Step) -> list[Collective]:
        """The calls of a step in which each process waits for the others, those that a guard skips left out."""
        found: dict[cst.CSTNode, Collective] = {}
        for region in step.facts[Loops].regions(step):
            if self._is_skipped(region):
                continue
            for call in region.facts[Calls].within(region.body):
                if not is_collective(call) or self.guarded(region.facts, call.node, region.body):
                    continue
                place = _place(call.node, region, step, self._facts)
                if place is not None:
                    found.setdefault(place, Collective(call, place, region, call.method in _BARRIERS))
        return sorted(found.values(), key=lambda each: self._tree.first(each.place))

    def _is_skipped(self, region: Region) -> bool:
        here: Region | None = region
        while here is not None and here.via is not None and here.caller is not None:
            if self.guarded(here.caller.facts, here.via.node, here.caller.body):
                return True
            here = here.caller
        return False

    @staticmethod
    def guarded(facts: Facts, node: cst.CSTNode, within: cst.CSTNode) -> bool:
        """Whether a test keeps ``node`` from running each time; one that only asks for other processes does not."""
        tree, contexts = facts[Tree], facts[Contexts]
        below = node
        for above in tree.ancestors(node):
            if above is within:
                return contexts.guarded(below, within)
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If) and below is not above.test:
                outside = tree.enclosing(above, cst.IndentedBlock, cst.Module)
                if outside is not None and not _asks_for_others(facts, above.test) and contexts.guarded(below, outside):
                    return True
            elif isinstance(above, (cst.IndentedBlock, cst.Module)) and contexts.guarded(below, above):
                return True
            below = above
        return False


def _asks_for_others(facts: Facts, test: cst.BaseExpression) -> bool:
    """Whether a test only asks if there are other processes, which stays the same all through a run."""
    text = facts.document.source(test)
    return _MANY.search(text) is not None and "%" not in text


def is_collective(call: Call) -> bool:
    """Whether every process waits in a call for all others."""
    name = call.name or ""
    if name.startswith("torch.distributed."):
        return call.method in _COLLECTIVES
    if name.startswith("horovod."):
        return call.method in ("allreduce", "allgather", "barrier", "broadcast_object", "allgather_object")
    if call.receiver is None:
        return False
    is_named_so = _NAMED.match(call.method) is not None
    if not is_named_so and call.method not in _OF_ACCELERATOR and call.method not in _OF_FABRIC:
        # Few calls are asked what they are called on, which takes longer than all else here.
        return False
    kind = call.facts[Values].of(call.receiver).kind
    if kind is Kind.ACCELERATOR:
        return call.method in _OF_ACCELERATOR
    if kind is Kind.FABRIC:
        return call.method in _OF_FABRIC
    return is_named_so and kind is None and _is_unseen(call)


def _is_unseen(call: Call) -> bool:
    """Whether nothing says what a method does: ``backend.average_all(loss)``."""
    return not call.name and call.facts[Values].callee(call.node) is None


class _Trail:
    """One walk from an expression back to the calls that made it."""

    def __init__(self) -> None:
        self._seen: set[cst.CSTNode] = set()

    # -- networks ---------------------------------------------------------------------------------------------

    def wrappers(self, facts: Facts, node: cst.BaseExpression) -> Iterator[Wrapped]:
        """The wrappers on the way."""
        if node in self._seen or len(self._seen) > _MOST:
            return
        self._seen.add(node)
        if isinstance(node, cst.Call):
            call = facts[Calls].of(node)
            parallel = _WRAPPERS.get(call.name or "")
            if parallel is not None:
                yield Wrapped(parallel, call)
                return
        for source, each in self._sources(facts, node):
            yield from self.wrappers(source, each)

    def _sources(self, facts: Facts, node: cst.BaseExpression) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        if isinstance(node, cst.Name):
            for binding in facts[Names].reaching(node):
                yield from _given(facts, binding)
        elif isinstance(node, cst.Attribute):
            for owner, binding in facts[Values].attribute_bindings(node):
                yield from _given(owner, binding)
            if node.attr.value == "module":
                yield facts, node.value
        elif isinstance(node, cst.IfExp):
            yield from ((facts, node.body), (facts, node.orelse))
        elif isinstance(node, cst.Call):
            call = facts[Calls].of(node)
            if call.name is None and call.method in known.KEEPS_MODEL and call.receiver is not None:
                yield facts, call.receiver
            elif call.method in known.WRAPS_MODEL - {"unwrap", "unwrap_model"} and call.positional:
                yield facts, call.positional[0]
            else:
                yield from facts[Values].returned(node)

    # -- data -------------------------------------------------------------------------------------------------

    def shards(self, facts: Facts, node: cst.BaseExpression) -> bool | None:
        """Whether a data set is split between processes on the way."""
        if node in self._seen or len(self._seen) > _MOST:
            return None
        self._seen.add(node)
        if _SHARD.search(facts.document.source(node)):
            return True
        if isinstance(node, cst.Call):
            return self._made(facts, facts[Calls].of(node))
        if isinstance(node, cst.Subscript):
            return self.shards(facts, node.value)
        return _agreed([self.shards(source, each) for source, each in self._sources(facts, node)])

    def _made(self, facts: Facts, call: Call) -> bool | None:
        definition = facts[Values].callee(call.node)
        if definition is not None:
            return self._own(definition, call)
        name = call.name or ""
        if name in _FROM_FIRST and call.positional:
            return self.shards(facts, call.positional[0])
        if name.startswith(_PLAIN) or name in _PLAIN_CALLS:
            return False
        if call.receiver is not None and not name and call.method in _KEEPS_DATA:
            return self.shards(facts, call.receiver)
        return None

    def _own(self, definition: Definition, call: Call) -> bool | None:
        """A class or function of the project."""
        if _SHARD.search(definition.facts.document.source(definition.node)):
            return True
        if isinstance(definition.node, cst.ClassDef):
            bases = set(definition.facts[Project].bases(definition))
            if not bases:
                return None
            return False if bases <= _MAPS or all(each.startswith(_PLAIN) for each in bases) else None
        returned = call.facts[Values].returned(call.node)
        return _agreed([self.shards(source, each) for source, each in returned])


def _given(facts: Facts, binding: Binding) -> Iterator[tuple[Facts, cst.BaseExpression]]:
    """The expressions that a binding may stand for."""
    function = binding.scope.node
    if binding.kind is BindingKind.PARAMETER and isinstance(function, cst.FunctionDef):
        for argument in facts[Values].arguments_for(function, binding.name):
            if argument.node is not None:
                yield argument.facts, argument.node
    elif binding.kind is BindingKind.IMPORT:
        yield from _imported(facts, binding)
    elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
        yield from _unpacked(facts, binding.value, binding.path)


def _imported(facts: Facts, binding: Binding) -> Iterator[tuple[Facts, cst.BaseExpression]]:
    head, _, name = (binding.imported or "").rpartition(".")
    module = facts[Project].module(head) if head.strip(".") else None
    if module is not None:
        for each in module[Names].module.bindings.get(name, ()):
            if each.kind is BindingKind.ASSIGN and each.value is not None:
                yield from _unpacked(module, each.value, each.path)


def _unpacked(
    facts: Facts, value: cst.BaseExpression, path: tuple[int, ...]
) -> Iterator[tuple[Facts, cst.BaseExpression]]:
    if not path:
        yield facts, value
        return
    sources = facts[Values].returned(value) if isinstance(value, cst.Call) else [(facts, value)]
    for source, each in sources:
        if isinstance(each, (cst.Tuple, cst.List)) and 0 <= path[0] < len(each.elements):
            yield from _unpacked(source, each.elements[path[0]].value, path[1:])


def _agreed(answers: list[bool | None]) -> bool | None:
    if True in answers:
        return True
    return False if answers and None not in answers else None


def _place(node: cst.CSTNode, region: Region, step: Step, file: Facts) -> cst.CSTNode | None:
    """The node, or the call that leads to it, in the function that holds the backward pass or in the loop around it."""
    function = step.facts[Tree].function(step.backward.node)
    found = node if region.facts is file else None
    here = region
    while here.via is not None and here.caller is not None and here.function is not function:
        node, here = here.via.node, here.caller
        found = node if here.facts is file else found
    return found


_WRAPPERS = {
    "torch.nn.DataParallel": Parallel.THREADS,
    "torch.nn.parallel.data_parallel": Parallel.THREADS,
    "torch.nn.parallel.DistributedDataParallel": Parallel.DDP,
    "apex.parallel.DistributedDataParallel": Parallel.DDP,
    "torch.distributed.fsdp.FullyShardedDataParallel": Parallel.FSDP,
}
_BARRIERS = frozenset(("barrier", "monitored_barrier", "wait_for_everyone"))
_COLLECTIVES = _BARRIERS | {
    "all_reduce",
    "all_gather",
    "all_gather_object",
    "all_gather_into_tensor",
    "gather",
    "gather_object",
    "reduce",
    "broadcast_object_list",
}
_OF_ACCELERATOR = ("wait_for_everyone", "gather", "gather_for_metrics", "reduce")
_OF_FABRIC = ("all_reduce", "all_gather", "barrier")
_NAMED = re.compile(r"average_all|all_?reduce|all_reduce_mean|wait_for_everyone")
_RANK = re.compile(r"rank|is_main|main_process|master|is_root|is_chief|is_global_zero|\bproc_id\b|\bgpu\s*==\s*0", re.I)
_MANY = re.compile(
    r"distributed|ddp|is_initialized|is_available|world_size|num_processes|n_?gpus?\b|num_gpus?|num_replicas|horovod"
    r"|multi_?gpu",
    re.IGNORECASE,
)
"""A test that asks whether there are other processes."""
_SHARD = re.compile(
    r"rank|world_size|num_replicas|shard|split_by|IterableDataset|get_worker_info|webdataset|\bwds\b|distributed"
    r"|num_processes|process_index|Streaming",
    re.IGNORECASE,
)
"""What code says that gives each process its own part of the data."""
_PLAIN = ("torchvision.datasets.", "sklearn.", "numpy.", "pandas.")
_MAPS = frozenset(("torch.utils.data.Dataset", "builtins.object"))
_PLAIN_CALLS = frozenset(("torch.utils.data.TensorDataset", "datasets.load_dataset", "datasets.load_from_disk"))
_FROM_FIRST = frozenset(
    ("torch.utils.data.Subset", "torch.utils.data.random_split", "torch.utils.data.ConcatDataset", "builtins.list")
)
_KEEPS_DATA = frozenset("map filter select shuffle with_format set_format train_test_split remove_columns".split())
