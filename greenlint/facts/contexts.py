"""Which contexts hold at a place (autocast, no_grad and the like, by ``with``, decorator or caller), and guards."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["ContextKind", "Contexts"]

_DEPTH = 4


class ContextKind(enum.Enum):
    """A condition that a ``with`` block or decorator puts code under."""

    AUTOCAST = "autocast"
    NO_GRAD = "no_grad"
    COMPILED = "compiled"
    NO_SYNC = "no_sync"
    TIMED = "timed"


_NAMES: dict[str, ContextKind] = {
    "torch.autocast": ContextKind.AUTOCAST,
    "torch.amp.autocast": ContextKind.AUTOCAST,
    "torch.cuda.amp.autocast": ContextKind.AUTOCAST,
    "torch.cpu.amp.autocast": ContextKind.AUTOCAST,
    "torch.no_grad": ContextKind.NO_GRAD,
    "torch.inference_mode": ContextKind.NO_GRAD,
    "torch.autograd.no_grad": ContextKind.NO_GRAD,
    "torch.autograd.inference_mode": ContextKind.NO_GRAD,
    "torch.compile": ContextKind.COMPILED,
    "torch.jit.script": ContextKind.COMPILED,
    "tensorflow.function": ContextKind.COMPILED,
    "jax.jit": ContextKind.COMPILED,
    "jax.pmap": ContextKind.COMPILED,
    "flax.nnx.jit": ContextKind.COMPILED,
    "equinox.filter_jit": ContextKind.COMPILED,
}
_BY_WORD: dict[ContextKind, re.Pattern[str]] = {
    ContextKind.NO_GRAD: re.compile("no_?grad|inference_mode"),
    ContextKind.AUTOCAST: re.compile("autocast|(?:^|_)amp(?:_|$)"),
    ContextKind.COMPILED: re.compile("jit(?:_|$)|compile"),
    ContextKind.NO_SYNC: re.compile("no_sync"),
    ContextKind.TIMED: re.compile("timer|timeit|stopwatch"),
}
"""What the last part of a manager's name says; ``sampler`` is not about ``amp``."""
_IN_SOURCE: dict[ContextKind, re.Pattern[str]] = {
    **_BY_WORD,
    ContextKind.NO_GRAD: re.compile("no_grad|inference_mode|set_grad_enabled"),
    ContextKind.AUTOCAST: re.compile("autocast"),
    ContextKind.COMPILED: re.compile(r"\bjit\b|\bcompile\b"),
}
_STACKS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")
"""Managers that hold others, which may be entered anywhere."""


class Contexts:
    """Contexts and guards in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._project = facts[Project]
        self._known: dict[tuple[int, ContextKind, int], tuple[cst.CSTNode, bool | None]] = {}

    def active(self, node: cst.CSTNode, kind: ContextKind) -> bool | None:
        """Whether ``node`` runs under ``kind``; ``None`` when a manager, decorator or caller cannot be seen."""
        return self._active(node, kind, _DEPTH)

    def _active(self, node: cst.CSTNode, kind: ContextKind, depth: int) -> bool | None:
        known = self._known.get((id(node), kind, depth))
        if known is None:
            known = self._known[id(node), kind, depth] = node, self._find_active(node, kind, depth)
        return known[1]

    def _find_active(self, node: cst.CSTNode, kind: ContextKind, depth: int) -> bool | None:
        unseen = False
        for manager in self._managers(node):
            if self._ends(manager, kind):
                return None if unseen else False
            given = self._gives(manager, kind)
            if given:
                return True
            unseen = unseen or given is None
        if kind is ContextKind.NO_GRAD:
            switched = self._switched(node)
            if switched is not UNKNOWN:
                return True if switched else None if unseen or switched is None else False
        by_caller = self._from_callers(node, kind, depth)
        if by_caller:
            return True
        return None if unseen or by_caller is None else False

    def _managers(self, node: cst.CSTNode) -> Iterator[cst.BaseExpression]:
        """The context managers around ``node`` in its function and the function's decorators, innermost first."""
        below = node
        for above in self._tree.ancestors(node):
            # Exact types: most answers are no, for which isinstance() of a class of libcst runs code of the abc module.
            if type(above) is cst.With and below is above.body:
                yield from (item.item for item in reversed(above.items))
            elif (type(above) is cst.FunctionDef or type(above) is cst.ClassDef) and below is above.body:
                yield from (each.decorator for each in reversed(above.decorators))
                if type(above) is not cst.FunctionDef or self._tree.class_of(above) is None:
                    # What stands further out holds where it is defined; it runs where it is called.
                    return
            below = above

    def _ends(self, manager: cst.BaseExpression, kind: ContextKind) -> bool:
        """Whether a manager certainly takes ``kind`` back that holds further out."""
        name = self._names.resolve(manager.func if isinstance(manager, cst.Call) else manager)
        if kind is ContextKind.NO_GRAD and name == "torch.enable_grad":
            return True
        if name == "torch.set_grad_enabled":
            return kind is ContextKind.NO_GRAD and self._set_grad(manager, kind) is False
        if name is None or _NAMES.get(name) is not kind or not isinstance(manager, cst.Call):
            return False
        return self._enabled(manager) is False

    def _gives(self, manager: cst.BaseExpression, kind: ContextKind) -> bool | None:
        called = manager.func if isinstance(manager, cst.Call) else manager
        name = self._names.resolve(called)
        if isinstance(manager, cst.IfExp):
            either = {self._gives(manager.body, kind), self._gives(manager.orelse, kind)}
            return either.pop() if len(either) == 1 else None
        if name is not None and name in _NAMES:
            return _NAMES[name] is kind and self._enabled(manager)
        if name == "torch.set_grad_enabled":
            return self._set_grad(manager, kind)
        if name in _STACKS:
            return None
        if name is not None and not name.startswith(".") and self._project.named(name) is None:
            return _by_word(name, kind)
        return self._own(manager, called, kind)

    def _enabled(self, manager: cst.BaseExpression) -> bool | None:
        if not isinstance(manager, cst.Call):
            return True
        call = self._calls.of(manager)
        enabled = call.argument("mode", 0) if call.method == "inference_mode" else call.argument("enabled")
        constant = enabled.constant
        if enabled.absent or constant is True:
            return True
        return None if constant is UNKNOWN else bool(constant)

    def _set_grad(self, manager: cst.BaseExpression, kind: ContextKind) -> bool | None:
        if kind is not ContextKind.NO_GRAD or not isinstance(manager, cst.Call) or not manager.args:
            return False
        constant = self._values.constant(manager.args[0].value)
        return None if constant is UNKNOWN else not constant

    def _own(self, manager: cst.BaseExpression, called: cst.BaseExpression, kind: ContextKind) -> bool | None:
        """A manager or decorator of the project, or one that cannot be seen."""
        last = (dotted(called) or "").rsplit(".", 1)[-1].lower()
        if _BY_WORD[kind].search(last):
            return True
        definition = self._project.definition(called)
        if definition is None and isinstance(manager, cst.Call):
            definition = self._values.callee(manager)
        if definition is None:
            return self._assigned(called, kind) if isinstance(called, cst.Name) else _harmless(last)
        text = definition.facts.document.source(definition.node)
        if not _IN_SOURCE[kind].search(text):
            return False
        # Under a condition, or with ``enabled=`` from somewhere, it may give the context or not.
        if any(definition.facts[Tree].below(definition.node, cst.If, cst.IfExp)):
            return None
        contexts, calls = definition.facts[Contexts], definition.facts[Calls].within(definition.node.body)
        switches = (each for each in calls if each.name in _NAMES or each.name == "torch.set_grad_enabled")
        return None if any(contexts._gives(each.node, kind) is None for each in switches) else True

    def _assigned(self, name: cst.Name, kind: ContextKind) -> bool | None:
        """A manager kept in a variable."""
        answers: set[bool | None] = set()
        for binding in self._names.reaching(name):
            if binding.kind is not BindingKind.ASSIGN or binding.value is None or binding.path:
                return None
            if isinstance(binding.value, cst.Name):
                return None
            answers.add(self._gives(binding.value, kind))
        if len(answers) == 1:
            return answers.pop()
        return None if True in answers else _harmless(name.value)

    def _switched(self, node: cst.CSTNode) -> object:
        """What plain calls of ``torch.set_grad_enabled`` in the same function make of ``node``.

        Whether they switched gradients off, ``None`` where they may have; ``UNKNOWN`` where there are none before it.
        """
        calls = [each for each in self._switches(self._tree.function(node)) if self._may_precede(each, node)]
        for index in reversed(range(len(calls))):
            if self._always_precedes(calls[index], node):
                later = [each for each in calls[index + 1 :] if not self._is_undone(each, calls[index], node)]
                return self._agreed([calls[index], *later])
        return None if calls else UNKNOWN

    def _switched_by_module(self) -> bool | None:
        """Whether the module switches gradients off for the functions that it defines."""
        calls = self._switches(None)
        if any(self._tree.enclosing(each.node, cst.If, cst.For, cst.While, cst.Try) for each in calls):
            return None
        return self._agreed(calls) if calls else False

    def _switches(self, function: cst.FunctionDef | None) -> list[Call]:
        return [
            call
            for call in self._calls.named("torch.set_grad_enabled")
            if self._tree.function(call.node) is function and isinstance(self._tree.parent(call.node), cst.Expr)
        ]

    def _agreed(self, switches: list[Call]) -> bool | None:
        answers = {self._set_grad(each.node, ContextKind.NO_GRAD) for each in switches}
        return answers.pop() if len(answers) == 1 else None

    def _may_precede(self, call: Call, node: cst.CSTNode) -> bool:
        """Whether a call may run before ``node`` of the same function: it stands above, or in a loop around both."""
        if self._tree.first(call.node) > self._tree.first(node):
            return any(self._tree.contains(loop, call.node) for loop in self._tree.loops_around(node))
        below: cst.CSTNode = call.node
        for above in self._tree.ancestors(call.node):
            if isinstance(above, cst.If) and self._tree.contains(above, node) and not self._tree.contains(below, node):
                return False
            below = above
        return True

    def _always_precedes(self, call: Call, node: cst.CSTNode) -> bool:
        """Whether a call runs before ``node`` each time: no branch or loop stands around it alone."""
        if self._tree.first(call.node) > self._tree.first(node):
            return False
        return all(
            self._tree.contains(above, node)
            for above in self._tree.ancestors(call.node)
            if isinstance(above, (cst.If, cst.For, cst.While, cst.Try, cst.TryStar, cst.Match))
        )

    def _is_undone(self, call: Call, by: Call, node: cst.CSTNode) -> bool:
        """Whether ``by`` runs between a call below ``node`` and the next time round the loop that both stand in."""
        if self._tree.first(call.node) < self._tree.first(node):
            return False
        around = [loop for loop in self._tree.loops_around(node) if self._tree.contains(loop, call.node)]
        return bool(around) and self._tree.contains(around[0], by.node)

    def _from_callers(self, node: cst.CSTNode, kind: ContextKind, depth: int) -> bool | None:
        """Whether every call of the function around ``node`` stands under ``kind``."""
        function = self._tree.function(node)
        if function is None:
            return False
        if not depth:
            return None
        callers = self._project.callers(function)
        if not callers:
            if self._is_called_by_base(function):
                return None
            if self._tree.function(function) is not None:
                return self._active(function, kind, depth - 1)
            return self._switched_by_module() if kind is ContextKind.NO_GRAD else False
        answers = [
            (self if call.facts is self._facts else call.facts[Contexts])._active(call.node, kind, depth - 1)
            for call in callers
        ]
        if all(answers):
            return True
        if not any(answers) and (None not in answers or (kind is ContextKind.NO_GRAD and self._trains(function))):
            return False
        return None

    def _trains(self, function: cst.FunctionDef) -> bool:
        """Whether a function runs backward passes, or calls one that does: it would fail without gradients."""
        for call in self._calls.within(function):
            if call.method == "backward":
                return True
            found = self._project.definition(call.node.func)
            if found is not None and found.facts[Calls].methods("backward", within=found.node):
                return True
        return False

    def _is_called_by_base(self, function: cst.FunctionDef) -> bool:
        """Whether a method takes the place of one of a class of the project, whose callers may be anybody's."""
        owner = self._tree.class_of(function)
        if owner is None:
            return False
        above = self._project.above(Definition(self._facts, owner))
        return any(self._project.method(each, function.name.value) is not None for each in above)

    def hands_over(self, node: cst.CSTNode) -> bool:
        """Whether ``node`` stands in a generator, such as a context manager that puts back what it sets."""
        function = self._tree.function(node)
        if function is None:
            return False
        return any(self._tree.function(each) is function for each in self._tree.below(function.body, cst.Yield))

    # -- guards -----------------------------------------------------------------------------------------------

    def guarded(self, node: cst.CSTNode, within: cst.CSTNode) -> bool:
        """Whether a condition between ``within`` and ``node`` keeps it from running every time.

        A step modulo with a literal or default of 1 keeps nothing.
        """
        below = node
        for above in self._tree.ancestors(node):
            if above is within:
                return self._skipped_before(below, within)
            if isinstance(above, cst.If) and below is not above.test and self._skips(above.test):
                return True
            if isinstance(above, cst.IfExp) and below is not above.test:
                return True
            if isinstance(above, cst.BooleanOperation) and below is above.right:
                return True
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, (cst.IndentedBlock, cst.Module)) and self._skipped_before(below, above):
                return True
            below = above
        return False

    def _skipped_before(self, statement: cst.CSTNode, block: cst.CSTNode) -> bool:
        """Whether an earlier ``if ...: continue`` of the same block may skip ``statement``."""
        for each in getattr(block, "body", ()):
            if each is statement:
                return False
            if (
                isinstance(each, cst.If)
                and _leaves(each.body)
                and not self._always(each.test)
                and "%" in self._facts.document.source(each.test)
            ):
                return True
        return False

    def _skips(self, test: cst.BaseExpression) -> bool:
        """Whether a test lets its branch run only now and then, or only for debugging.

        A plain switch such as ``use_ema`` is the same all through a run, and ``grad is not None`` holds in each pass,
        so they keep nothing from running each time.
        """
        if self._always(test):
            return False
        while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            test = test.expression
        if isinstance(test, cst.Comparison) and _asks_for_none(test):
            return False
        name = dotted(test)
        return name is None or _DEBUGGING.search(name) is not None

    def _always(self, test: cst.BaseExpression) -> bool:
        """Whether a test is known to pass each time: ``True``, or a modulo by 1."""
        if self._values.constant(test) not in (UNKNOWN, None, False, 0, ""):
            return True
        if isinstance(test, cst.BooleanOperation):
            every = all if isinstance(test.operator, cst.And) else any
            return every(self._always(each) for each in (test.left, test.right))
        for operation in self._tree.below(test, cst.BinaryOperation):
            if isinstance(operation.operator, cst.Modulo):
                divisor = self._values.constant(operation.right)
                if divisor is UNKNOWN:
                    divisor = self._values.default(operation.right)
                if divisor == 1:
                    return True
        return False

    def dead(self, node: cst.CSTNode) -> bool:
        """Whether ``node`` stands in the branch that is never taken, such as the one under ``if False``."""
        below = node
        for above in self._tree.ancestors(node):
            if (type(above) is cst.If or type(above) is cst.While) and below is not above.test:
                constant = self._values.constant(above.test)
                if constant is not UNKNOWN and bool(constant) is not (below is above.body):
                    return True
            below = above
        return False

    def timed(self, node: cst.CSTNode) -> bool:
        """Whether a clock is read right before and right after ``node``: it is being measured.

        A progress meter that reads the clock once per batch measures the whole step, not this place.
        """
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.IndentedBlock, cst.Module)) and self._bracketed(node, above):
                return True
            if isinstance(above, (cst.FunctionDef, cst.For, cst.While)):
                return False
        return False

    def _bracketed(self, node: cst.CSTNode, block: cst.IndentedBlock | cst.Module) -> bool:
        at = next((index for index, each in enumerate(block.body) if self._tree.contains(each, node)), None)
        if at is None:
            return False
        before = block.body[max(0, at - _TIMED) : at + 1]
        after = block.body[at : at + _TIMED + 1]
        rank = self._tree.first(node)
        return any(self._tree.first(clock) < rank for each in before for clock in self._clocks(each)) and any(
            self._tree.first(clock) > rank for each in after for clock in self._clocks(each)
        )

    def _clocks(self, statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
        for call in self._calls.within(statement):
            if call.method in _CLOCKS:
                yield call.node


_TIMED = 2
"""How many statements may stand between a clock and what it measures."""
_CLOCKS = frozenset(
    ("time", "perf_counter", "perf_counter_ns", "monotonic", "process_time", "record", "elapsed_time", "default_timer")
)
_DEBUGGING = re.compile(
    r"debug|verbose|profil|log|print|show|vis|plot|rank|main|master|first|last|save|eval|val|test|wandb|report|"
    r"monitor|track|record|tensorboard|writer|summary|dry|done|stop|skip|check",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"^(open|tqdm|trange|progress|writer|summary|profile|record_function|set_|torch_distributed|join|suppress|"
    r"redirect|lock|pool|executor|tempfile|warnings|catch_|session|graph|strategy|scope|device|name_scope|property|"
    r"staticmethod|classmethod|abstractmethod|overload|wraps|override|command|option|argument|main|cached|lru_cache|"
    r"register|fixture|parametrize|zip|file|zipfile|h5py|image|nullcontext)",
    re.IGNORECASE,
)


def _harmless(name: str) -> bool | None:
    """A manager that cannot be seen but whose name says it is about something else."""
    return False if _HARMLESS.match(name) else None


def _by_word(name: str, kind: ContextKind) -> bool | None:
    """A library's manager or decorator, judged by its name."""
    last = name.rsplit(".", 1)[-1].lower()
    if _BY_WORD[kind].search(last):
        return True
    root = name.split(".")[0]
    known = root in (
        "builtins",
        "torch",
        "contextlib",
        "functools",
        "tqdm",
        "numpy",
        "tensorflow",
        "jax",
        "typing",
        "warnings",
        "time",
        "os",
        "abc",
        "dataclasses",
        "hydra",
        "click",
        "typer",
        "fire",
        "numba",
        "PIL",
    )
    return False if known or _harmless(last) is False else None


def _asks_for_none(test: cst.Comparison) -> bool:
    return all(
        isinstance(each.operator, (cst.Is, cst.IsNot)) and dotted(each.comparator) == "None"
        for each in test.comparisons
    )


def _leaves(body: cst.BaseSuite) -> bool:
    if isinstance(body, cst.SimpleStatementSuite):
        return isinstance(body.body[-1], (cst.Continue, cst.Return, cst.Break))
    last = body.body[-1] if body.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(
        last.body[-1], (cst.Continue, cst.Return, cst.Break)
    )
