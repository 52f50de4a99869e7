"""Where code runs again and again: in each training step, each forward pass, each batch of an evaluation."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.contexts import Contexts
from greenlint.facts.liveness import Liveness
from greenlint.facts.loops import LoopRole, Loops
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Heat", "Hot", "Spot"]

_DEPTH = 3
"""How many calls away from a hot body a helper may be."""
_FEW = 100
"""A loop that certainly runs at most so often is not worth a word."""


class Heat(enum.Enum):
    """What runs again and again, in words."""

    STEP = "in every training step"
    FORWARD = "in every forward pass"
    EVALUATION = "in every pass of an evaluation loop"
    LOOP = "in every pass of the loop"


@dataclass(frozen=True, slots=True)
class Spot:
    """The hot body around a node: a loop or a function of the same file."""

    heat: Heat
    body: cst.For | cst.While | cst.FunctionDef


class Hot:
    """Hot code of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._loops = facts[Loops]
        self._contexts = facts[Contexts]
        self._names = facts[Names]
        self._project = facts[Project]
        self._liveness = facts[Liveness]
        self._spots: dict[tuple[cst.CSTNode | None, bool], Spot | None] = {}

    def of(self, node: cst.CSTNode) -> Spot | None:
        """The hot body around ``node``; ``None`` where none is seen, or where a guard keeps ``node`` from running.

        Loops of unknown purpose do not count; see :meth:`repeated`.
        """
        return self._of(node, _DEPTH)

    def repeated(self, node: cst.CSTNode) -> Spot | None:
        """As :meth:`of`, with any loop that is not certainly short."""
        found = self.of(node)
        if found is not None:
            return found
        for loop in self._tree.loops_around(node):
            if not self._is_short(loop) and not self._is_rare(node, loop.body):
                return Spot(Heat.LOOP, loop)
        return None

    def _of(self, node: cst.CSTNode, depth: int) -> Spot | None:
        if self._contexts.dead(node):
            return None
        function = self._tree.function(node)
        if function is not None and self._is_left(function):
            return None
        role = self._by_role(function) if function is not None else None
        for loop in self._tree.loops_around(node):
            heat = _HEAT.get(self._loops.of(loop).role)
            # A loop over the layers of a forward pass looks like an evaluation.
            if heat is None or role is not None:
                continue
            if self._is_short(loop) or self._is_rare(node, loop.body):
                return None
            return Spot(heat, loop)
        if function is None or self._is_rare(node, function.body):
            return None
        return self._of_function(function, depth)

    def _is_left(self, function: cst.FunctionDef) -> bool:
        """Whether a function at the top of a script is dead code; an entry point may be called from outside."""
        is_at_top = self._tree.function(function) is None and self._tree.class_of(function) is None
        return is_at_top and function.name.value != "main" and self._liveness.unused(function)

    def _of_function(self, function: cst.FunctionDef, depth: int) -> Spot | None:
        heat = self._by_role(function)
        if heat is not None:
            return Spot(heat, function)
        if not depth or function.name.value in _ONCE:
            return None
        for call in self._project.callers(function):
            hot = self if call.facts is self._facts else call.facts[Hot]
            spot = hot._of(call.node, depth - 1)
            if spot is not None:
                return Spot(spot.heat, function)
        return None

    def _by_role(self, function: cst.FunctionDef) -> Heat | None:
        """What a method is by its name: a hook of a trainer, or a network's forward pass."""
        owner = self._tree.class_of(function)
        if owner is None or self._liveness.unused(owner):
            return None
        name = function.name.value
        if self._project.method(Definition(self._facts, owner), "symbolic") is not None:
            # Only stands for an operator of an exported graph.
            return None
        if name in _STEP_HOOKS:
            return Heat.STEP
        if name in _EVALUATION_HOOKS:
            return Heat.EVALUATION
        if name == "forward":
            return Heat.FORWARD
        if name in ("call", "__call__") and self._is_network(owner):
            return Heat.FORWARD
        return None

    def _is_network(self, owner: cst.ClassDef) -> bool:
        definition = Definition(self._facts, owner)
        if self._facts[Values].kind_of_class(definition) in (Kind.MODULE, Kind.HF_MODEL, Kind.KERAS_MODEL):
            return True
        return any(_LAYER_BASE.match(each) for each in self._project.bases(definition))

    # -- guards -----------------------------------------------------------------------------------------------

    def _is_rare(self, node: cst.CSTNode, within: cst.CSTNode) -> bool:
        """Whether a test between ``within`` and ``node`` lets it run only now and then, once or for debugging.

        A condition on the data or a switch such as ``self.training`` does not count.
        """
        below = node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.IndentedBlock) and (
                self._kept_before(below, above) or self._left_before(below, above)
            ):
                return True
            if above is within:
                return False
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If) and below is above.body and self._rarely_true(above):
                return True
            if isinstance(above, cst.IfExp) and below is not above.test:
                return self._contexts.guarded(node, within)
            if isinstance(above, cst.BooleanOperation) and below is above.right:
                return self._contexts.guarded(node, within)
            below = above
        return False

    def _rarely_true(self, branch: cst.If) -> bool:
        text = self._facts.document.source(branch.test)
        if any(each.search(text) for each in (_COUNTED, _DEBUGGING, _TROUBLE)) or self._counts(branch.test):
            return True
        return self._fills_cache(branch)

    def _counts(self, test: cst.BaseExpression) -> bool:
        """Whether a test takes the remainder of a counter: the target of a loop, or what is increased by a step."""
        for each in self._tree.below(test, cst.BinaryOperation):
            if not isinstance(each.operator, cst.Modulo):
                continue
            for name in self._tree.below(each.left, cst.Name):
                kinds = {binding.kind for binding in self._names.reaching(name)}
                if kinds & {BindingKind.LOOP, BindingKind.AUGMENTED}:
                    return True
        return False

    def _fills_cache(self, branch: cst.If) -> bool:
        """Whether an ``if`` builds what it asks for, to keep it: ``if self.mask is None: self.mask = ...``."""
        tested = {each.attr.value for each in self._tree.below(branch.test, cst.Attribute)}
        if any(each.value == "hasattr" for each in self._tree.below(branch.test, cst.Name)):
            return True
        for target in self._tree.below(branch.body, cst.AssignTarget):
            if isinstance(target.target, cst.Attribute) and target.target.attr.value in tested:
                return True
            # ``if key not in self.cache: self.cache[key] = ...``
            if isinstance(target.target, cst.Subscript) and isinstance(target.target.value, cst.Attribute):
                return True
        return False

    def _kept_before(self, statement: cst.CSTNode, block: cst.IndentedBlock) -> bool:
        """Whether an earlier ``if self.mask is not None: return`` of a block leaves with what the block would build."""
        asked: set[str] = set()
        above = True
        for each in block.body:
            above = above and each is not statement
            if not above:
                if not asked:
                    return False
                for target in self._tree.below(each, cst.AssignTarget):
                    kept = target.target.value if isinstance(target.target, cst.Subscript) else target.target
                    if isinstance(kept, cst.Attribute) and kept.attr.value in asked:
                        return True
            elif isinstance(each, cst.If) and each.orelse is None and _returns(each.body) and not _is_absent(each.test):
                asked |= {attribute.attr.value for attribute in self._tree.below(each.test, cst.Attribute)}
        return False

    def _left_before(self, statement: cst.CSTNode, block: cst.IndentedBlock) -> bool:
        """Whether an earlier ``if step % n != 0: return`` of a block, or one nested in its tests, mostly leaves."""
        for each in block.body:
            if each is statement:
                return False
            if isinstance(each, cst.If) and self._mostly_leaves(each):
                return True
        return False

    def _mostly_leaves(self, branch: cst.If) -> bool:
        if _returns(branch.body) and _OFF_BEAT.search(self._facts.document.source(branch.test)):
            return True
        inside = [each for each in branch.body.body if isinstance(each, cst.If)]
        other = branch.orelse
        if isinstance(other, cst.If):
            inside.append(other)
        elif other is not None:
            inside.extend(each for each in other.body.body if isinstance(each, cst.If))
        return any(self._mostly_leaves(each) for each in inside)

    def _is_short(self, loop: cst.For | cst.While) -> bool:
        iterations = self._loops.of(loop).iterations
        return iterations is not None and iterations <= _FEW


def _returns(body: cst.BaseSuite) -> bool:
    last = body.body[-1] if body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, cst.Return)


def _is_absent(test: cst.BaseExpression) -> bool:
    """Whether a test passes while nothing was built: ``self.mask is None``, ``not self.mask``."""
    if isinstance(test, cst.Comparison):
        return any(isinstance(each.operator, (cst.Is, cst.NotIn, cst.NotEqual)) for each in test.comparisons)
    return isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not)


_COUNTED = re.compile(
    r"\b(?:\w*(?:step|iter|epoch|batch_idx|batch_i|count|counter|it|i|idx|n_batch|num_update)\w*)(?:\(\))?\s*(?:\+\s*1\s*)?\)?\s*(?:%|==|in\b|<\s*\d)"
)
"""A test on a counter: true every so often, or at the start."""
_OFF_BEAT = re.compile(r"%\s*[\w.]+\s*\)?\s*(?:!=\s*0|>\s*0|$)")
"""A test that passes in every step but one of so many."""
_DEBUGGING = re.compile(
    r"debug|verbose|profil|\blog|_log|plot|\brank\b|is_main|master|\bsave|_save|wandb|monitor|tensorboard|dry_run|finetune_start",
    re.IGNORECASE,
)
_TROUBLE = re.compile(r"oom\b|out_of_memory|nan\b|overflow|error|exception|fail|crash", re.IGNORECASE)
"""A test for what has gone wrong."""
_HEAT = {
    LoopRole.TRAINING: Heat.STEP,
    LoopRole.MICROBATCH: Heat.STEP,
    LoopRole.EVALUATION: Heat.EVALUATION,
}
_STEP_HOOKS = frozenset(("training_step", "compute_loss", "train_step", "training_step_end", "on_train_batch_end"))
_EVALUATION_HOOKS = frozenset(("validation_step", "test_step", "predict_step", "prediction_step"))
_ONCE = frozenset(("__init__", "setup", "build", "reset_parameters", "init_weights", "main", "__post_init__"))
_LAYER_BASE = re.compile(r"keras\.(layers|Layer|Model)|flax\.|haiku\.|equinox\.|tensorflow\.(Module|keras)")
