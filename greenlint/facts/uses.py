"""What code does with a value that it has: whether it only reads it, or may change it, keep it or pass it on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.models import Models
from greenlint.facts.names import Names
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import factories as known
from greenlint.knowledge.kinds import HOST_METADATA, TENSOR_VIEWS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Uses"]

_VIEWS = frozenset(TENSOR_VIEWS - {"grad"})
_SAME = frozenset(
    """float long int half double bool byte short bfloat16 type type_as astype to cuda cpu numpy detach contiguous
    view view_as reshape flatten unsqueeze squeeze expand expand_as transpose permute t swapaxes unbind""".split()
)
"""Methods and functions that may answer with the tensor itself, or with a view of it."""
_COMPUTES = frozenset(each for each in known.KEEPS_PLACE - _SAME if not each.endswith("_")) | frozenset(
    """sum mean std var max min amax amin argmax argmin prod norm all any item tolist matmul mm bmm dot cumsum gather
    index_select sort topk unique nonzero isnan where log_softmax sigmoid tanh relu""".split()
)
"""Methods that answer with something new."""
_HANDS_ON = frozenset(("add", "repeat", "type", "set", "data"))
"""Methods of tensors that other classes have, too, to keep what they get."""
_WRAPPERS = frozenset(("torch.from_numpy", "torch.as_tensor", "torch.autograd.Variable", "numpy.asarray"))
_PRINTS = frozenset(("builtins.len", "builtins.print", "builtins.float", "builtins.int", "builtins.isinstance"))
_NOT_ONLY_READ = frozenset(
    """copyto put place putmask fill_diagonal put_along_axis
    split chunk narrow select diagonal movedim moveaxis swapdims rollaxis broadcast_to broadcast_tensors
    broadcast_arrays as_strided ravel unfold adjoint hsplit vsplit dsplit tensor_split array_split view_as_real
    view_as_complex meshgrid expand_dims atleast_1d atleast_2d atleast_3d real imag conj positive nditer
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout rrelu""".split()
)
"""Functions that change an array, give a view of it, or now and then answer with what they get."""
_DEPTH = 3


class Uses:
    """Uses of the values of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._values = facts[Values]

    def only_reads(self, *nodes: cst.BaseExpression, until: cst.For | cst.While | None = None) -> bool | None:
        """Whether the code around expressions only reads the tensors or arrays that they stand for.

        What certainly runs after the loop ``until`` is over does not count.

        Names that it is assigned to, and parameters of the project that it is passed for, are followed. ``None`` where
        a network or loss gets it whose code is not seen; ``False`` where it may be changed, kept or handed on.
        """
        return _all(self._only_reads(each, _DEPTH, until) for each in nodes)

    def changes(self, node: cst.CSTNode) -> bool:
        """Whether the statement of an expression does nothing but change its value in place: ``x[0] = 1``."""
        whole, holder = self._whole(node)
        if isinstance(holder, cst.AugAssign):
            return holder.target is whole
        if isinstance(holder, cst.AssignTarget):
            return isinstance(whole, cst.Subscript)
        call = self._tree.parent(holder) if isinstance(holder, cst.Attribute) else None
        is_in_place = isinstance(holder, cst.Attribute) and holder.attr.value.endswith("_")
        return is_in_place and call is not None and isinstance(self._tree.parent(call), cst.Expr)

    def of(self, name: str, at: cst.CSTNode) -> Iterator[cst.Name]:
        """Where a variable is read that has at ``at`` the meaning it has there."""
        bindings = self._names.lookup(name, at)
        for each in self._tree.named(name):
            if self._is_read(each) and set(self._names.reaching(each)) & set(bindings):
                yield each

    # -- one use ------------------------------------------------------------------------------------------------

    def _only_reads(
        self, node: cst.BaseExpression, depth: int, until: cst.For | cst.While | None = None
    ) -> bool | None:
        if until is not None and self._is_after(node, until):
            return True
        whole, holder = self._whole(node)
        if isinstance(holder, (cst.BinaryOperation, cst.Comparison, cst.ComparisonTarget, cst.Index, cst.Expr)):
            return True
        if isinstance(holder, cst.UnaryOperation):
            return not isinstance(holder.operator, cst.Plus)
        if isinstance(holder, cst.AugAssign):
            return holder.value is whole
        if isinstance(holder, cst.Attribute):
            return holder.attr.value in HOST_METADATA or holder.attr.value in _COMPUTES
        if isinstance(holder, cst.Assign) and depth:
            return self._assigned(holder, depth, until)
        if not isinstance(holder, cst.Arg):
            return False
        call = self._tree.parent(holder)
        return isinstance(call, cst.Call) and self._passed(holder, self._calls.of(call), depth)

    def _whole(self, node: cst.CSTNode) -> tuple[cst.CSTNode, cst.CSTNode | None]:
        """The largest expression that may be the same object or a view of it, and what holds that."""
        while True:
            holder = self._tree.parent(node)
            larger = self._larger(node, holder)
            if larger is None:
                return node, holder
            node = larger

    def _larger(self, node: cst.CSTNode, holder: cst.CSTNode | None) -> cst.CSTNode | None:
        """The next larger expression that may be the same object: ``x[0]``, ``x.T``, ``x.view(-1)``, ``f(x)``."""
        if isinstance(holder, cst.Subscript):
            return holder if holder.value is node else None
        if isinstance(holder, cst.Attribute) and holder.attr.value in _VIEWS:
            return holder
        call = self._tree.parent(holder) if isinstance(holder, (cst.Attribute, cst.Arg)) else None
        if not isinstance(call, cst.Call):
            return None
        if isinstance(holder, cst.Attribute):
            return call if call.func is holder and holder.attr.value in _SAME else None
        if isinstance(holder, cst.Arg) and holder.keyword is not None:
            return None
        return call if _may_be_same(self._calls.of(call)) else None

    def _assigned(self, statement: cst.Assign, depth: int, until: cst.For | cst.While | None) -> bool | None:
        target = statement.targets[0].target
        if len(statement.targets) > 1 or not isinstance(target, cst.Name):
            return False
        scope = self._names.scope(target)
        if target.value in scope.elsewhere:
            return False
        return _all(
            self._only_reads(each, depth - 1, until)
            for each in self._tree.named(target.value)
            if self._is_read(each) and any(binding.node is statement for binding in self._names.reaching(each))
        )

    def _is_after(self, node: cst.CSTNode, loop: cst.For | cst.While) -> bool:
        tree = self._tree
        if tree.first(node) <= tree.last(loop) or tree.function(node) is not tree.function(loop):
            return False
        return not tree.loops_around(loop)

    def _is_read(self, node: cst.Name) -> bool:
        holder = self._tree.parent(node)
        if isinstance(holder, cst.Attribute):
            return holder.attr is not node
        if isinstance(holder, cst.Arg):
            return holder.keyword is not node
        return not isinstance(holder, (cst.AssignTarget, cst.Param, cst.ImportAlias, cst.FunctionDef, cst.ClassDef))

    # -- arguments ----------------------------------------------------------------------------------------------

    def _passed(self, arg: cst.Arg, call: Call, depth: int) -> bool | None:
        if arg.star or (arg.keyword is not None and arg.keyword.value == "out") or call.keyword("inplace") is not None:
            return False
        if call.name is not None and not call.name.startswith("."):
            found = _library_reads(call.name)
            if found is not None:
                return found
        definition = self._callee(call)
        if definition is not None:
            return self._parameter_reads(arg, call, definition, depth - 1) if depth else False
        models = self._facts[Models]
        if models.network(call) is not None or models.is_criterion(call.node.func):
            return None
        return call.receiver is not None and call.method in (known.KEEPS_PLACE | _COMPUTES) - _HANDS_ON

    def _callee(self, call: Call) -> Definition | None:
        """The function that a call runs: of a network of the project its forward pass."""
        definition = self._values.callee(call.node)
        if definition is not None:
            return definition
        owner = self._values.of(call.node.func).instance_of
        return self._facts[Project].method(owner, "forward") if owner is not None else None

    @staticmethod
    def _parameter_reads(arg: cst.Arg, call: Call, definition: Definition, depth: int) -> bool | None:
        function = definition.node
        if not isinstance(function, cst.FunctionDef) or function.decorators or function.params.star_kwarg is not None:
            return False
        name = _parameter(arg, call, function)
        uses = definition.facts[Uses]
        if name is None or any(each.star for each in call.node.args):
            return False
        return _all(
            uses._only_reads(each, depth)
            for each in uses._tree.below(function.body, cst.Name)
            if each.value == name and uses._is_read(each)
        )


def _all(answers: Iterator[bool | None]) -> bool | None:
    """``False`` where one is, ``None`` where one is not known."""
    found = set(answers)
    return False if False in found else None if None in found else True


def _may_be_same(call: Call) -> bool:
    """Whether a function of a library may answer with the tensor it gets, or a view of it."""
    if call.name is None:
        return False
    return call.name in _WRAPPERS or (call.name.rpartition(".")[0] in ("torch", "numpy") and call.method in _SAME)


def _library_reads(name: str) -> bool | None:
    """Whether a function of a library only reads what it gets; ``None`` where it is none that is known."""
    root, _, last = name.rpartition(".")
    if name in _PRINTS:
        return True
    if root in ("torch", "torch.linalg", "torch.nn.functional", "numpy"):
        return last[0].islower() and not last.endswith("_") and last not in _NOT_ONLY_READ
    if root == "torch.nn":
        return last.endswith("Loss")
    return False if root.partition(".")[0] in ("torch", "numpy") else None


def _parameter(arg: cst.Arg, call: Call, function: cst.FunctionDef) -> str | None:
    """The name of the parameter that an argument is passed for."""
    params: Sequence[cst.Param] = (*function.params.posonly_params, *function.params.params)
    names = [each.name.value for each in params]
    if arg.keyword is not None:
        keywords = {each.name.value for each in (*function.params.params, *function.params.kwonly_params)}
        return arg.keyword.value if arg.keyword.value in keywords else None
    position = next(index for index, each in enumerate(call.node.args) if each is arg)
    position += names[:1] == ["self"]
    return names[position] if position < len(names) else None
