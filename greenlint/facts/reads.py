"""Files that are read whole, and which are read again and again."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import Contexts
from greenlint.facts.invariance import Invariance
from greenlint.facts.loops import Loops
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.searches import Searches
from greenlint.facts.studies import Studies
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import files

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Read", "Reads", "Reread"]


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A call that reads a whole file."""

    call: Call
    path: cst.BaseExpression

    @property
    def text(self) -> str:
        """The path, or the expression that gives it."""
        facts = self.call.facts
        constant = facts[Values].constant(self.path)
        return constant if isinstance(constant, str) else " ".join(facts.document.source(self.path).split())

    @property
    def is_little(self) -> bool:
        """Whether the file's name says that it is small."""
        if files.LITTLE_SETS.search(self.text):
            return True
        return files.LITTLE_FILES.search(self.text.rpartition("/")[2]) is not None


@dataclass(frozen=True, slots=True, eq=False)
class Reread:
    """A file that is read anew in each pass of a loop."""

    read: Read
    around: cst.CSTNode
    """The loop, or the call that starts the trials of a study."""
    passes: int | None
    """How often, when that is written."""
    is_trial: bool = False


class Reads:
    """Files that one file of code reads."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]

    @functools.cached_property
    def all(self) -> tuple[Read, ...]:
        """The calls that read a whole file whose path can be told, in source order."""
        found = (self._read(each) for each in self._calls.like(files.READER_NAMES))
        return tuple(each for each in found if each is not None)

    def _read(self, call: Call) -> Read | None:
        if call.name is None or not files.READERS.match(call.name) or not call.positional:
            return None
        path: cst.BaseExpression | None = call.positional[0]
        if files.FROM_HANDLE.match(call.name):
            path = self._opened(call.positional[0])
        if path is None or any(
            arg.keyword is not None and arg.keyword.value in files.PARTIAL for arg in call.node.args
        ):
            return None
        if any(arg.star for arg in call.node.args) or self._facts[Contexts].dead(call.node):
            return None
        return Read(call, path)

    def _opened(self, handle: cst.BaseExpression) -> cst.BaseExpression | None:
        """The path of the file that a handle is open on."""
        if isinstance(handle, cst.Name):
            bindings = self._names.reaching(handle)
            if len(bindings) != 1 or bindings[0].kind not in (BindingKind.CONTEXT, BindingKind.ASSIGN):
                return None
            found = bindings[0].value
        else:
            found = handle
        if not isinstance(found, cst.Call):
            return None
        call = self._calls.of(found)
        return call.positional[0] if call.name in ("builtins.open", "gzip.open") and call.positional else None

    # -- in loops ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def in_loops(self) -> tuple[Reread, ...]:
        """The files read anew in each pass of a loop here or at a caller, or in each trial of a study."""
        found = (self._repeated(each) for each in self.all)
        return tuple(each for each in found if each is not None)

    def _repeated(self, read: Read) -> Reread | None:
        loops = [each for each in self._tree.loops_around(read.call.node) if isinstance(each, cst.For)]
        outer: Reread | None = None
        for loop in loops:
            if not self._holds(read, loop) or not self._runs_each_time(read.call.node, loop):
                return outer
            outer = Reread(read, loop, self._passes(loop))
        return outer if outer is not None else self._by_callers(read)

    def _holds(self, read: Read, loop: cst.For) -> bool:
        """Whether path and options are the same in every pass, and nothing in the loop writes files."""
        invariance = self._facts[Invariance]
        for node in (read.path, *(arg.value for arg in read.call.node.args)):
            if not self._is_plain(node):
                return False
            names = [each for each in self._tree.below(node, cst.Name) if not self._is_member(each)]
            if not all(invariance.holds(each, loop) for each in names if self._names.reaching(each)):
                if files.FROM_HANDLE.match(read.call.name or "") and node is not read.path:
                    continue
                return False
        # What is let go of in each pass is read anew because memory is short.
        lets_go = any(True for _ in self._tree.below(loop.body, cst.Del))
        return not lets_go and not self._calls.methods(*files.WRITERS, within=loop.body)

    def _is_plain(self, node: cst.BaseExpression) -> bool:
        """Whether an expression only puts a path together."""
        for each in self._tree.below(node, cst.Call, cst.Lambda, cst.Subscript, cst.Await):
            if not isinstance(each, cst.Call):
                return False
            name = self._calls.of(each).name or ""
            if name not in ("os.path.join", "pathlib.Path", "builtins.str", "builtins.open", "gzip.open"):
                return False
        return True

    def _is_member(self, name: cst.Name) -> bool:
        above = self._tree.parent(name)
        if isinstance(above, cst.Attribute):
            return above.attr is name
        return isinstance(above, cst.Arg) and above.keyword is name

    def _runs_each_time(self, node: cst.CSTNode, loop: cst.For) -> bool:
        if self._facts[Contexts].guarded(node, loop.body):
            return False
        for above in self._tree.ancestors(node):
            if above is loop:
                break
            if isinstance(above, (cst.If, cst.Try, cst.Match)):
                return False
        # ``for path in paths: ... break`` looks for the first of several.
        return (
            not any(True for _ in self._tree.below(loop.body, cst.Break))
            or self._facts[Loops].of(loop).step is not None
        )

    def _passes(self, loop: cst.For) -> int | None:
        count = self._facts[Loops].of(loop).iterations
        return count if count is not None else self._facts[Searches].length(self._values.iterated(loop.iter))

    def _by_callers(self, read: Read) -> Reread | None:
        """A read in a function that is called from a loop, or for each trial, always with the same path."""
        function = self._tree.function(read.call.node)
        if function is None or function.decorators or not self._is_constant(read, function):
            return None
        if function.name.value.startswith("__") or self._facts[Contexts].guarded(read.call.node, function.body):
            return None
        for study in self._facts[Studies].all:
            if study.objective is not None and study.objective.node is function:
                return Reread(read, study.call.node, study.trials, is_trial=True)
        for call in self._facts[Project].callers(function):
            if call.facts is not self._facts:
                continue
            for loop in self._tree.loops_around(call.node):
                if not isinstance(loop, cst.For) or not self._runs_each_time(call.node, loop):
                    break
                if not self._calls.methods(*files.WRITERS, within=loop.body):
                    return Reread(read, loop, self._passes(loop))
        return None

    def _is_constant(self, read: Read, function: cst.FunctionDef) -> bool:
        """Whether path and options come from outside a function: literals and names of the module."""
        if self._tree.loops_around(read.call.node):
            return False
        nodes = [read.path, *(arg.value for arg in read.call.node.args if arg.value is not read.path)]
        if files.FROM_HANDLE.match(read.call.name or ""):
            nodes = [read.path]
        for node in nodes:
            if not self._is_plain(node):
                return False
            for each in self._tree.below(node, cst.Name):
                bindings = self._names.reaching(each) if not self._is_member(each) else ()
                if any(
                    binding.node in self._tree and self._tree.contains(function, binding.node) for binding in bindings
                ):
                    return False
        return True

    # -- side by side -----------------------------------------------------------------------------------------

    @functools.cached_property
    def repeated(self) -> tuple[tuple[Read, Read], ...]:
        """Pairs of reads of one file with the same arguments, of which both run; the second of each pair is new."""
        return tuple(self._pairs())

    def _pairs(self) -> Iterator[tuple[Read, Read]]:
        by_key: dict[object, list[Read]] = {}
        for each in self.all:
            key = self._key(each)
            if key is not None:
                by_key.setdefault(key, []).append(each)
        for found in by_key.values():
            for before, after in itertools.pairwise(found):
                if self._both_run(before, after) and not self._changed_between(before, after):
                    yield before, after

    def _key(self, read: Read) -> object | None:
        """The same for reads that give the same; ``None`` where that cannot be told."""
        if not self._is_plain(read.path):
            return None
        options = [
            " ".join(self._facts.document.source(arg).split()).rstrip(", ")
            for arg in read.call.node.args
            if arg.value is not read.call.positional[0]
        ]
        constant = self._values.constant(read.path)
        if isinstance(constant, str):
            return read.call.name, constant, tuple(sorted(options))
        meant = []
        for each in self._tree.below(read.path, cst.Name):
            if self._is_member(each):
                continue
            bindings = self._names.reaching(each)
            if any(binding.kind in (BindingKind.LOOP, BindingKind.PARAMETER) for binding in bindings):
                return None
            if any(binding.scope is not self._names.module for binding in bindings):
                return None
            meant.append(frozenset(id(binding) for binding in bindings))
        return read.call.name, read.text, tuple(meant), tuple(sorted(options))

    def _both_run(self, before: Read, after: Read) -> bool:
        one, other = self._tree.function(before.call.node), self._tree.function(after.call.node)
        if one is other:
            return self._same_branch(before.call.node, after.call.node)
        for function, read in ((one, after), (other, before)):
            if function is None:
                continue
            for call in self._facts[Project].callers(function):
                same = call.facts is self._facts and self._tree.function(call.node) is self._tree.function(
                    read.call.node
                )
                if same and self._same_branch(call.node, read.call.node):
                    return True
        return False

    def _same_branch(self, one: cst.CSTNode, other: cst.CSTNode) -> bool:
        """Whether no condition stands around the one that does not stand around the other."""
        return self._conditions(one) == self._conditions(other)

    def _conditions(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        found: list[cst.CSTNode] = []
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.Lambda)):
                break
            if isinstance(above, (cst.If, cst.Else, cst.Try, cst.ExceptHandler, cst.For, cst.While)):
                found.append(above)
        return found

    def _changed_between(self, before: Read, after: Read) -> bool:
        """Whether something may write the file between two reads, or lets go of what was read."""
        tree = self._tree
        first, last = tree.first(before.call.node), tree.first(after.call.node)
        for call in self._calls.methods(*files.WRITERS):
            if any(self._names_same(arg.value, before) for arg in call.node.args):
                return True
        return any(first < tree.first(each) < last for each in tree.of_type(cst.Del))

    def _names_same(self, node: cst.BaseExpression, read: Read) -> bool:
        text = self._facts.document.source(node)
        return read.text in text or self._facts.document.source(read.path) in text
