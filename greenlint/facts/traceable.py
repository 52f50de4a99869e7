"""Functions that JAX can compile as they are: pure, with one path through them, and called with arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.compilers import CALLS_AT_ONCE, COMPILES_BODY, TRANSFORMS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Traceable"]

_DEPTH = 6
_REFUSED = (
    cst.If,
    cst.IfExp,
    cst.While,
    cst.Try,
    cst.With,
    cst.Assert,
    cst.AugAssign,
    cst.BooleanOperation,
    cst.Comparison,
    cst.FormattedString,
    cst.Global,
    cst.Nonlocal,
    cst.Yield,
    cst.Await,
    cst.Raise,
    cst.Del,
)
"""What asks for values, or does more than compute some."""
_TRACED = re.compile(
    r"^(?:jax\.(?!debug|experimental|block_until|device_|pure_callback|profiler|numpy\.(?:nonzero|unique|argwhere|is|logical"
    r"|greater|less|equal|not_|flatnonzero|compress|extract|save|load|set|union|intersect))|optax\.|flax\.linen\.)"
)
"""Functions that work on traced arrays, and do not give masks: an array that one picks from has no known shape."""
_TAKE_FUNCTIONS = TRANSFORMS | CALLS_AT_ONCE | COMPILES_BODY
_PLAIN = frozenset(f"builtins.{name}" for name in ("dict", "enumerate", "len", "list", "tuple", "zip"))
_METHODS = frozenset(
    """mean sum max min reshape astype transpose squeeze ravel flatten argmax argmin dot std var prod clip swapaxes
    """.split()
)
"""Methods of arrays."""
_NUMBERS = re.compile(r"float|int")


class Traceable:
    """What of one file ``jax.jit`` can trace."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]

    # -- functions --------------------------------------------------------------------------------------------

    def is_pure(self, function: cst.FunctionDef, depth: int = _DEPTH) -> bool:
        """Whether a function certainly computes the same when it is compiled, apart from rounding."""
        params, body, below = function.params, function.body, self._tree.below
        if not depth or function.asynchronous is not None or params.star_kwarg is not None:
            return False
        if not isinstance(params.star_arg, cst.MaybeSentinel) or any(below(body, *_REFUSED)):
            return False
        return (
            all(self._is_static(each.iter) for each in below(body, cst.For))
            and not any(True for each in below(body, cst.Slice) for _ in below(each, cst.Name))
            and all(self._stays(each, function) for each in below(body, cst.Name))
            and all(_only_names(each.target) for each in below(body, cst.AssignTarget))
            and all(self._computes(each, function, depth) for each in self._calls.within(body))
        )

    def returns_values(self, function: cst.FunctionDef) -> bool:
        """Whether all that a function returns is made in it or given to it, and is no string."""
        for each in self._tree.below(function.body, cst.Return):
            for name in self._tree.below(each, cst.Name):
                bound = self._names.reaching(name)
                if not all(self._tree.contains(function, binding.node) or _is_definition(binding) for binding in bound):
                    return False
            if isinstance(each.value, (cst.SimpleString, cst.Tuple)) and any(self._tree.below(each, cst.SimpleString)):
                return False
        return True

    def _is_static(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is made of settings of the module that it is in."""
        plain = {"self", "range", "enumerate", "zip", "len"}
        attributes = {each.attr.value for each in self._tree.below(node, cst.Attribute)}
        return all(each.value in plain | attributes for each in self._tree.below(node, cst.Name))

    def _stays(self, name: cst.Name, function: cst.FunctionDef) -> bool:
        """Whether a name stands for a part of the call, or for what the file sets once and never changes."""
        return all(
            self._tree.contains(function, each.node) or _is_definition(each) or self._is_set_once(each)
            for each in self._names.reaching(name)
        )

    def _is_set_once(self, binding: Binding) -> bool:
        line = self._tree.parent(binding.node)
        at_top = line is not None and isinstance(self._tree.parent(line), cst.Module)
        if not isinstance(binding.node, cst.Assign) or not at_top or len(binding.scope.bindings[binding.name]) != 1:
            return False
        changed = rf"(?m)^\s*(?:global\b.*\b)?{re.escape(binding.name)}\s*(?:$|[\[.][^\n=]*[-+*/|&]?=[^=])"
        return re.search(changed, self._facts.document.text) is None

    def _computes(self, call: Call, function: cst.FunctionDef, depth: int) -> bool:
        """Whether a call gives a value, and does nothing else."""
        func = call.node.func
        if call.name is not None:
            if call.name == "builtins.range":
                return all(self._is_static(each.value) for each in call.node.args)
            return call.name in _PLAIN or (
                _TRACED.match(call.name) is not None and self._takes_pure(call, function, depth)
            )
        if isinstance(func, cst.Call):
            # What a library made of a function, or a layer; the call that made it is looked at as well.
            return self._calls.of(func).name is not None
        if isinstance(func, cst.Name):
            return self._is_pure_name(func, function, depth)
        if not isinstance(func, cst.Attribute):
            return False
        if call.method in ("apply_fn", "apply_gradients"):
            # Of what a step gets, only the state of a training has these.
            return isinstance(func.value, cst.Name) and func.value.value in _params(function)
        return call.method in _METHODS or (call.method in ("apply", "update") and self._is_known(func.value, depth))

    def _is_pure_name(self, func: cst.Name, function: cst.FunctionDef, depth: int) -> bool:
        """Whether a name is a pure function of this file, or what a library made of one."""
        own = self._names.local_definitions(func)
        if own:
            one = own[0] if len(own) == 1 else None
            if not isinstance(one, cst.FunctionDef):
                return False
            return self._tree.contains(function, one) or self.is_pure(one, depth - 1)
        bindings = self._names.reaching(func)
        value = bindings[0].value if len(bindings) == 1 and not bindings[0].path else None
        made = self._calls.of(value) if isinstance(value, cst.Call) else None
        if made is None or made.name is None or _TRACED.match(made.name) is None:
            return False
        return self._takes_pure(made, function, depth)

    def _takes_pure(self, call: Call, function: cst.FunctionDef, depth: int) -> bool:
        """Whether the functions that a library gets are pure functions of this file."""
        if call.name not in _TAKE_FUNCTIONS:
            return not any(self._names.local_definitions(arg.value) for arg in call.node.args)
        first = call.positional[0] if call.positional else None
        if isinstance(first, cst.Name):
            return self._is_pure_name(first, function, depth)
        return isinstance(first, cst.Lambda) and not any(self._tree.below(first.body, *_REFUSED))

    def _is_known(self, receiver: cst.BaseExpression, depth: int) -> bool:
        """Whether a value is an optimizer of Optax, or a model of Flax whose layers are pure."""
        value = self._values.of(receiver)
        if value.instance_of is not None:
            return self._is_pure_module(value.instance_of, depth)
        return value.call is not None and (value.call.name or "").startswith(("optax.", "flax.linen."))

    def _is_pure_module(self, owner: Definition, depth: int) -> bool:
        if owner.facts is not self._facts or "flax.linen.Module" not in self._facts[Project].bases(owner):
            return False
        body = owner.node.body.body if isinstance(owner.node, cst.ClassDef) else ()
        methods = [each for each in body if isinstance(each, cst.FunctionDef)]
        return bool(methods) and all(self.is_pure(each, depth - 1) for each in methods)

    # -- arguments --------------------------------------------------------------------------------------------

    def is_arrays(self, node: cst.CSTNode, step: cst.FunctionDef, depth: int = _DEPTH) -> bool:
        """Whether an expression is certainly an array of numbers or a tree of such; what ``step`` returns counts."""
        if not depth:
            return False
        if isinstance(node, cst.Name):
            bindings = self._names.reaching(node)
            return bool(bindings) and all(self._binds_arrays(each, step, depth) for each in bindings)
        if isinstance(node, cst.Subscript):
            return self.is_arrays(node.value, step, depth - 1)
        if isinstance(node, cst.Attribute):
            return node.attr.value == "T" and self.is_arrays(node.value, step, depth - 1)
        if isinstance(node, cst.BinaryOperation):
            return self.is_arrays(node.left, step, depth - 1) or self.is_arrays(node.right, step, depth - 1)
        if isinstance(node, (cst.List, cst.Tuple)):
            return bool(node.elements) and all(self.is_arrays(each.value, step, depth - 1) for each in node.elements)
        if isinstance(node, cst.Dict):
            return bool(node.elements) and all(self.is_arrays(each.value, step, depth - 1) for each in node.elements)
        if isinstance(node, cst.ListComp):
            return self.is_arrays(node.elt, step, depth - 1)
        return isinstance(node, cst.Call) and self._gives_arrays(self._calls.of(node), step, depth)

    def _binds_arrays(self, binding: Binding, step: cst.FunctionDef, depth: int) -> bool:
        return (
            binding.kind is BindingKind.ASSIGN
            and binding.value is not None
            and self.is_arrays(binding.value, step, depth - 1)
        )

    def _gives_arrays(self, call: Call, step: cst.FunctionDef, depth: int) -> bool:
        if call.name is not None:
            if call.name == "flax.training.train_state.TrainState.create":
                return self._is_plain_state(call, depth)
            return call.name.startswith(("jax.numpy.", "jax.random.", "jax.nn."))
        if isinstance(call.node.func, cst.Name) and step in self._names.local_definitions(call.node.func):
            return True
        if call.method in ("astype", "to_numpy"):
            written = [*call.positional, call.keyword("dtype")]
            return any(each is not None and _NUMBERS.search(self._facts.document.source(each)) for each in written)
        if call.method == "init" and call.receiver is not None:
            return self._is_known(call.receiver, depth)
        returned = self._values.returned(call.node)
        return bool(returned) and all(
            facts is self._facts and self.is_arrays(each, step, depth - 1) for facts, each in returned
        )

    def _is_plain_state(self, call: Call, depth: int) -> bool:
        """Whether the state of a training has a model and an optimizer that can be traced."""
        apply, optimizer = call.keyword("apply_fn"), call.keyword("tx")
        if not isinstance(apply, cst.Attribute) or optimizer is None:
            return False
        return self._is_known(apply.value, depth) and self._is_known(optimizer, depth)


def _is_definition(binding: Binding) -> bool:
    return isinstance(binding.node, (cst.Import, cst.ImportFrom, cst.FunctionDef, cst.ClassDef))


def _params(function: cst.FunctionDef) -> set[str]:
    return {each.name.value for each in function.params.params}


def _only_names(target: cst.BaseExpression) -> bool:
    """Whether an assignment gives values names, and does not change one."""
    if isinstance(target, (cst.Tuple, cst.List)):
        return all(_only_names(each.value) for each in target.elements)
    return isinstance(target, cst.Name)
