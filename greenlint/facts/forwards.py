"""The statements of a training step from the forward pass to the loss, where these follow each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.loops import Step, StepOwner
from greenlint.facts.models import Models
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.shape import children

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Forward", "Forwards"]

_NAMES_AT_MOST = 3
"""How many other names a tensor is followed to."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Consecutive statements that run a network and compute the loss from what it gives, and nothing else."""

    statements: tuple[cst.SimpleStatementLine, ...]
    network: cst.BaseExpression


class Forwards:
    """Forward passes of the training steps of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._models = facts[Models]
        self._values = facts[Values]

    def of(self, step: Step) -> Forward | None:
        """Forward and loss of a step, when no value but the loss and what is exact in any type is used after them.

        Losses are those of PyTorch, which autocast computes in float32, and those of Hugging Face models.
        """
        loss = step.backward.receiver
        if step.owner is not StepOwner.TORCH or not isinstance(loss, cst.Name) or step.backward.node.args:
            return None
        if self._is_shared(step):
            return None
        found = self._statements(loss, step)
        if found is None:
            return None
        calls = [self._calls.of(each) for line in found for each in self._tree.below(line, cst.Call)]
        networks = [network for call in calls if (network := self._models.network(call)) is not None]
        written = {self._facts.document.source(network) for network in networks}
        if len(written) != 1 or not self._has_loss(found, calls) or not self._stays_inside(found):
            return None
        return Forward(tuple(found), networks[0])

    def _is_shared(self, step: Step) -> bool:
        """Whether other backward passes or a closure make the step one of several."""
        scope = self._tree.function(step.backward.node)
        if scope is not None and self._tree.function(scope) is not None:
            return True
        within = scope if scope is not None else (step.loop if step.loop_facts is self._facts else None)
        if within is None or len(self._calls.methods("backward", "grad", within=within)) > 1:
            return True
        return any(call.node.args for call in self._calls.methods("step", within=within) if _is_optimizer(call))

    # -- statements -------------------------------------------------------------------------------------------

    def _statements(self, loss: cst.Name, step: Step) -> list[cst.SimpleStatementLine] | None:
        """The lines from the first one that runs a network to the last one that binds the loss."""
        bindings = self._names.reaching(loss)
        lines = [self._line(each) for each in bindings]
        block = self._tree.parent(lines[0]) if lines and lines[0] is not None else None
        if not isinstance(block, (cst.IndentedBlock, cst.Module)):
            return None
        body = list(block.body)
        places = [next((at for at, each in enumerate(body) if each is line), -1) for line in lines]
        if min(places) < 0:
            return None
        end = max(places)
        if not any(self._tree.contains(each, step.backward.node) for each in body[end + 1 :]):
            return None
        start = next((at for at, each in enumerate(body[: end + 1]) if self._runs_network(each)), end + 1)
        if start > min(places):
            return None
        found: list[cst.SimpleStatementLine] = []
        for each in body[start : end + 1]:
            if not isinstance(each, cst.SimpleStatementLine) or not self._is_plain(each):
                return None
            found.append(each)
        return found

    def _line(self, binding: Binding) -> cst.SimpleStatementLine | None:
        if binding.kind not in (BindingKind.ASSIGN, BindingKind.AUGMENTED) or binding.target is not None:
            return None
        return self._tree.enclosing(binding.node, cst.SimpleStatementLine)

    def _runs_network(self, line: cst.CSTNode) -> bool:
        return any(self._models.network(self._calls.of(each)) is not None for each in self._tree.below(line, cst.Call))

    def _is_plain(self, line: cst.SimpleStatementLine) -> bool:
        """Whether a line binds names to what tensors, losses and the network give, or resets gradients."""
        if len(line.body) != 1:
            return False
        small = line.body[0]
        calls = [self._calls.of(each) for each in self._tree.below(line, cst.Call)]
        if isinstance(small, cst.Expr):
            return len(calls) == 1 and calls[0].method in ("zero_grad", "train") and small.value is calls[0].node
        targets: Sequence[cst.BaseExpression]
        if isinstance(small, cst.Assign):
            targets = [each.target for each in small.targets]
        elif isinstance(small, cst.AugAssign):
            targets = [small.target]
        else:
            return False
        if not all(map(_is_names, targets)) or any(self._tree.below(line, cst.Lambda, cst.NamedExpr, cst.Await)):
            return False
        if {each.value for each in self._tree.below(line, cst.Name)} & _OTHER_TYPES:
            return False
        return all(self._is_known(call) for call in calls)

    def _is_known(self, call: Call) -> bool:
        if self._models.network(call) is not None or self.is_loss(call):
            return True
        if call.name is not None and call.name.startswith(("torch.", "builtins.")):
            return call.name in _FUNCTIONS
        return call.receiver is not None and call.name is None and call.method in _METHODS

    def is_loss(self, call: Call) -> bool:
        """Whether a call computes a loss of PyTorch that autocast computes in float32."""
        if call.name is not None and call.name.startswith("torch.nn.functional."):
            return call.method in _LOSS_FUNCTIONS
        made = self._values.of(call.node.func).call
        return made is not None and made.name is not None and _LOSS_CLASSES.match(made.name) is not None

    def _has_loss(self, lines: Sequence[cst.SimpleStatementLine], calls: Sequence[Call]) -> bool:
        if any(self.is_loss(call) for call in calls):
            return True
        parts = (each for line in lines for each in self._tree.below(line, cst.Attribute, cst.Subscript))
        return any(self.is_given_loss(each) for each in parts)

    def _given_by(self, node: cst.BaseExpression) -> Call | None:
        """The call of a Hugging Face model that gave a value."""
        if isinstance(node, cst.Name):
            bindings = self._names.reaching(node)
            value = bindings[0].value if len(bindings) == 1 and not bindings[0].path else None
        else:
            value = node
        call = self._calls.of(value) if isinstance(value, cst.Call) else None
        network = self._models.network(call) if call is not None else None
        if network is None:
            return None
        made = self._values.of(network).call
        return call if made is not None and made.name is not None and made.name.startswith("transformers.") else None

    def is_given_loss(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is the loss that a Hugging Face model gives for its labels."""
        if isinstance(node, cst.Attribute):
            return node.attr.value == "loss" and self._given_by(node.value) is not None
        if not isinstance(node, cst.Subscript) or self._values.index(node) != 0:
            return False
        call = self._given_by(node.value)
        return call is not None and call.keyword("labels") is not None

    # -- what is used later -----------------------------------------------------------------------------------

    def _stays_inside(self, lines: Sequence[cst.SimpleStatementLine]) -> bool:
        """Whether nothing that autocast gives another type is used after the lines, but for what is exact in any."""
        types = _Types(self, self._facts, lines)
        function = self._tree.function(lines[0]) or self._tree.root
        for use in (use for name in types.names for use in self._tree.part(self._tree.named(name), function)):
            if any(self._tree.contains(line, use) for line in lines):
                continue
            if self._reads(use) and not types.is_exact(use) and not self._is_exact_use(use):
                return False
        return True

    def _reads(self, use: cst.Name) -> bool:
        above = self._tree.parent(use)
        if isinstance(above, cst.Attribute):
            return above.attr is not use
        if isinstance(above, cst.Arg):
            return above.keyword is not use
        return not isinstance(above, (cst.AssignTarget, cst.Param))

    def ranks(self, call: Call) -> bool:
        """Whether a call gives values and their indices: ``torch.max(x, 1)``, ``x.max(1)``."""
        given = len(call.node.args) + (call.receiver is not None and call.name is None)
        return call.method in ("max", "min", "topk", "sort") and given > 1

    def _is_exact_use(self, use: cst.Name, depth: int = _NAMES_AT_MOST) -> bool:
        """Whether a later use reads of a tensor only what has no rounding: sizes, ranks and comparisons.

        Other names that it gets, also as the parameter of a function of this file, are followed.
        """
        node: cst.CSTNode = use
        for _ in range(_HOPS_AT_MOST):
            above = self._tree.parent(node)
            if isinstance(above, cst.Arg):
                above = self._tree.parent(above)
            if isinstance(above, (cst.Comparison, cst.Del)):
                return True
            if isinstance(above, cst.Attribute):
                if above.attr.value in ("shape", "device") or self.is_given_loss(above):
                    return True
                if above.attr.value not in _HOPS | _EXACT and not isinstance(self._tree.parent(above), cst.Call):
                    return False
            elif isinstance(above, cst.Subscript):
                return self.is_given_loss(above)
            elif isinstance(above, cst.Call):
                call = self._calls.of(above)
                if call.method in _EXACT:
                    return True
                if self.ranks(call):
                    return self._takes_indices(above)
                if call.method not in _HOPS:
                    return depth > 0 and self._is_exact_parameter(above, node, depth - 1)
            elif isinstance(above, cst.Assign) and depth > 0 and isinstance(above.targets[0].target, cst.Name):
                name = above.targets[0].target.value
                return len(above.targets) == 1 and self._are_exact_uses(name, above.value, depth - 1)
            else:
                return False
            node = above
        return False

    def _are_exact_uses(self, name: str, value: cst.CSTNode, depth: int) -> bool:
        """Whether all uses of a name that is bound to a value, or of the parameter that is given here, are exact."""
        for use in self._tree.named(name):
            if not self._reads(use):
                continue
            is_bound = any(value in (each.value, each.node) for each in self._names.reaching(use))
            if is_bound and not self._is_exact_use(use, depth):
                return False
        return True

    def _is_exact_parameter(self, node: cst.Call, given: cst.CSTNode, depth: int) -> bool:
        function = self._values.callee(node)
        if function is None or function.facts is not self._facts or not isinstance(function.node, cst.FunctionDef):
            return False
        params = function.node.params
        if function.node.decorators or params.posonly_params or self._tree.class_of(function.node) is not None:
            return False
        for arg, param in zip(node.args, params.params, strict=False):
            if arg.star or arg.keyword is not None:
                return False
            if arg.value is given:
                return self._are_exact_uses(param.name.value, param, depth)
        return False

    def _takes_indices(self, node: cst.Call) -> bool:
        above = self._tree.parent(node)
        if isinstance(above, cst.Subscript):
            return self._values.index(above) == 1
        if isinstance(above, cst.Attribute):
            return above.attr.value == "indices"
        if not isinstance(above, cst.Assign) or len(above.targets) != 1:
            return False
        target = above.targets[0].target
        first = target.elements[0].value if isinstance(target, cst.Tuple) and target.elements else None
        return isinstance(first, cst.Name) and first.value.startswith("_")


class _Types:
    """Which values keep their type when a few lines run under autocast."""

    def __init__(self, forwards: Forwards, facts: Facts, lines: Sequence[cst.SimpleStatementLine]) -> None:
        self._forwards = forwards
        self._tree = facts[Tree]
        self._fact_names = facts[Names]
        self._calls = facts[Calls]
        self._models = facts[Models]
        self._values = facts[Values]
        self._lines = lines
        self._known: dict[Binding, bool] = {}
        scope = self._fact_names.scope(lines[0])
        written = {each.value for line in lines for each in self._tree.below(line, cst.Name)}
        found = (each for name in written for each in scope.bindings.get(name, ()))
        self._bound = {each for each in found if self._is_inside(each)}

    @property
    def names(self) -> frozenset[str]:
        """The names that the lines bind."""
        return frozenset(each.name for each in self._bound)

    def _is_inside(self, binding: Binding) -> bool:
        return any(self._tree.contains(line, binding.node) for line in self._lines)

    def is_exact(self, node: cst.BaseExpression) -> bool:
        """Whether an expression has the type that it would have without autocast."""
        if self._forwards.is_given_loss(node):
            return True
        if isinstance(node, cst.Name):
            return all(self._keeps(each) for each in self._fact_names.reaching(node) if each in self._bound)
        if isinstance(node, cst.Comparison):
            return True
        if isinstance(node, cst.Call):
            return self._is_exact_call(self._calls.of(node))
        if isinstance(node, cst.Subscript) and isinstance(node.value, cst.Call):
            call = self._calls.of(node.value)
            if self._forwards.ranks(call) and self._values.index(node) == 1:
                return True
        if isinstance(node, cst.BinaryOperation):
            multiplies = isinstance(node.operator, cst.MatrixMultiply)
            return not multiplies and self.is_exact(node.left) and self.is_exact(node.right)
        return self._is_exact_below(node)

    def _is_exact_call(self, call: Call) -> bool:
        if self._forwards.is_loss(call) or call.method in _EXACT:
            return True
        return self._models.network(call) is None and self._is_exact_below(call.node)

    def _is_exact_below(self, node: cst.CSTNode) -> bool:
        """Whether every part of an expression keeps its type."""
        parts = [node.value] if isinstance(node, (cst.Attribute, cst.Arg)) else children(node)
        for part in parts:
            if isinstance(part, (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.BinaryOperation)):
                fits = self.is_exact(part)
            else:
                fits = self._is_exact_below(part)
            if not fits:
                return False
        return True

    def _keeps(self, binding: Binding) -> bool:
        """Whether a binding in the lines gives its name an exact value."""
        if binding not in self._known:
            self._known[binding] = True
            self._known[binding] = self._find_keeps(binding)
        return self._known[binding]

    def _find_keeps(self, binding: Binding) -> bool:
        value = binding.value
        if value is None:
            return False
        if len(binding.path) == 1 and isinstance(value, cst.Tuple) and 0 <= binding.path[0] < len(value.elements):
            return self.is_exact(value.elements[binding.path[0]].value)
        if binding.path and isinstance(value, cst.Call) and self._forwards.ranks(self._calls.of(value)):
            return binding.path == (1,) or self.is_exact(value)
        return self.is_exact(value)


def _is_optimizer(call: Call) -> bool:
    return call.receiver is not None and "opt" in call.facts.document.source(call.receiver).lower()


def _is_names(target: cst.BaseExpression) -> bool:
    if isinstance(target, (cst.Tuple, cst.List)):
        return all(isinstance(each.value, cst.Name) for each in target.elements)
    return isinstance(target, cst.Name)


_LOSSES = (
    "CrossEntropy NLL BCEWithLogits MSE L1 SmoothL1 Huber KLDiv CosineEmbedding HingeEmbedding MarginRanking "
    "MultiLabelMargin SoftMargin MultiLabelSoftMargin TripletMargin MultiMargin PoissonNLL"
)
_LOSS_CLASSES = re.compile(rf"torch\.nn\.(?:{'|'.join(_LOSSES.split())})Loss$")
_LOSS_FUNCTIONS = frozenset(
    """cross_entropy nll_loss binary_cross_entropy_with_logits mse_loss l1_loss smooth_l1_loss huber_loss kl_div
    cosine_embedding_loss hinge_embedding_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss
    multilabel_soft_margin_loss triplet_margin_loss multi_margin_loss poisson_nll_loss""".split()
)
_METHODS = frozenset(
    """view reshape squeeze unsqueeze flatten permute transpose contiguous to cuda long float size dim max argmax mean
    sum items keys values detach softmax sigmoid expand repeat clone""".split()
)
_FUNCTIONS = frozenset(
    """torch.max torch.argmax torch.sum torch.mean torch.flatten torch.squeeze torch.unsqueeze torch.softmax
    torch.sigmoid torch.nn.functional.softmax torch.nn.functional.log_softmax torch.nn.functional.sigmoid
    torch.autograd.Variable builtins.dict builtins.len builtins.sum builtins.list builtins.tuple""".split()
)
_EXACT = frozenset("argmax argmin size dim numel argsort".split())
_HOPS_AT_MOST = 8
_HOPS = frozenset("data detach softmax sigmoid log_softmax logits squeeze view reshape flatten to cuda".split())
_OTHER_TYPES = frozenset("double float64 DoubleTensor half float16 complex64 numpy cpu no_grad".split())
