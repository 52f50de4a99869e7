"""Which functions run compiled: by decorator, by a call that wraps them, or because compiled code calls them.

JAX's and TensorFlow's own compilers, Flax's, Equinox's and PyTorch's count, and the bodies of ``lax.scan`` and the
like. Functions are followed through transformations (``vmap``, ``grad``, ``partial``), names, attributes and makers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import compilers as known
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Compiled"]

_DEPTH = 6
_HARMLESS = frozenset(
    """staticmethod classmethod property abstractmethod override overload cached_property lru_cache cache wraps no_grad
    inference_mode typechecked jaxtyped beartype compact nowrap deprecated contextmanager dataclass singledispatch
    register setter getter final enable_grad named_scope named_call trace annotate profile""".split()
)
"""Decorators that compile nothing."""
_GRAPHED = ("train_step", "test_step", "predict_step", "make_train_function")
"""Methods that Keras itself runs in a graph."""
_RUNS = frozenset(("run", "experimental_run_v2", "call_for_each_replica"))
"""Methods of a distribution strategy: they call the function where they stand."""
_DATA = frozenset(("map", "filter", "interleave", "reduce", "scan", "flat_map"))
"""Methods of ``tf.data`` that put a function into a graph."""


class Compiled:
    """Compiled functions of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._project = facts[Project]
        self._values = facts[Values]
        self._functions: dict[cst.CSTNode, bool | None] = {}

    # -- questions --------------------------------------------------------------------------------------------

    def inside(self, node: cst.CSTNode) -> bool | None:
        """Whether ``node`` certainly runs, or certainly does not run, in compiled code; ``None``: not known."""
        return self._inside(node, _DEPTH)

    def function(self, function: cst.FunctionDef) -> bool | None:
        """Whether a function of this file runs compiled."""
        return self._function(function, _DEPTH)

    def wraps(self, call: Call) -> bool | None:
        """Whether a call compiles what it is given: ``jit(f)``, ``partial(jit, ...)(f)``, ``jit(...)(f)``."""
        if known.compiles(call.name, call.method):
            return True
        func = call.node.func
        if isinstance(func, cst.Call):
            return self._makes_wrapper(self._calls.of(func))
        return known.compiles(call.name, call.method)

    def _makes_wrapper(self, call: Call) -> bool | None:
        """Whether a call gives a decorator: ``partial(jit, static_argnums=0)``, ``jit(donate_argnums=0)``."""
        if call.name == "functools.partial" and call.positional:
            return self._is_wrapper(call.positional[0])
        plain = known.compiles(call.name, call.method)
        return plain if not call.positional else None

    def _is_wrapper(self, node: cst.BaseExpression) -> bool | None:
        written = (dotted(node) or "").rsplit(".", 1)[-1]
        return known.compiles(self._names.resolve(node), written)

    # -- places -----------------------------------------------------------------------------------------------

    def _inside(self, node: cst.CSTNode, depth: int) -> bool | None:
        unknown = False
        below = node
        for above in self._tree.ancestors(node):
            answer: bool | None = False
            if isinstance(above, cst.Lambda) and below is above.body:
                answer = self._fate(above, depth)
            elif isinstance(above, cst.FunctionDef) and below is above.body:
                answer = self._function(above, depth)
            if answer:
                return True
            unknown = unknown or answer is None
            below = above
        return None if unknown else False

    # -- functions --------------------------------------------------------------------------------------------

    def _function(self, function: cst.FunctionDef, depth: int) -> bool | None:
        if function in self._functions:
            return self._functions[function]
        if not depth:
            return None
        self._functions[function] = False
        found = self._decide(function, depth)
        self._functions[function] = found
        return found

    def _decide(self, function: cst.FunctionDef, depth: int) -> bool | None:
        answers = [self._decorated(each.decorator) for each in function.decorators]
        if True in answers or self._is_graphed(function):
            return True
        for facts, use in self._uses(function):
            answers.append(facts[Compiled]._fate(use, depth - 1))
            if answers[-1]:
                return True
        sites = [call.facts[Compiled]._inside(call.node, depth - 1) for call in self._project.callers(function)]
        if sites and all(sites):
            return True
        return None if None in answers or None in sites or any(sites) else False

    def _decorated(self, node: cst.BaseExpression) -> bool | None:
        called = node.func if isinstance(node, cst.Call) else node
        if isinstance(node, cst.Call) and self._makes_wrapper(self._calls.of(node)):
            return True
        if isinstance(node, cst.Call) and self._calls.of(node).name == "functools.partial":
            return False
        answer = self._is_wrapper(called)
        if answer is not None:
            return answer
        last = (dotted(called) or "").rsplit(".", 1)[-1]
        return False if last in _HARMLESS else self._own_decorator(called)

    def _own_decorator(self, called: cst.BaseExpression) -> bool | None:
        definition = self._project.definition(called)
        if definition is None:
            return None
        text = definition.facts.document.source(definition.node)
        return None if any(word in text for word in ("jit", "pmap", "tf.function", "compile")) else False

    def _is_graphed(self, function: cst.FunctionDef) -> bool:
        owner = self._tree.class_of(function)
        if owner is None or function.name.value not in _GRAPHED:
            return False
        return self._values.kind_of_class(Definition(self._facts, owner)) is Kind.KERAS_MODEL

    def _uses(self, function: cst.FunctionDef) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        """Where a function is named without being called, here and in the files that import this one."""
        method = self._tree.class_of(function) is not None
        yield from self._named(self._facts, function, method)
        if method or self._tree.function(function) is None:
            name = function.name.value
            for path in _naming(self._facts, name):
                other = self._project.at(path)
                if other is not None:
                    yield from self._named(other, function, method)

    @staticmethod
    def _named(facts: Facts, function: cst.FunctionDef, method: bool) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        name, tree = function.name.value, facts[Tree]
        for leaf in tree.named(name):
            above = tree.parent(leaf)
            is_attribute = isinstance(above, cst.Attribute) and above.attr is leaf
            if not is_attribute and (method or not _is_read(leaf, tree)):
                continue
            node = cast("cst.BaseExpression", above if is_attribute else leaf)
            if _is_called(node, tree):
                continue
            target = facts[Project].definition(node) if not method else None
            if method or (target is not None and target.node is function):
                yield facts, node

    # -- values -----------------------------------------------------------------------------------------------

    def _fate(self, node: cst.BaseExpression, depth: int) -> bool | None:
        """Whether a function value gets compiled; ``False`` when it is certainly only called or looked at."""
        if not depth:
            return None
        above = self._tree.parent(node)
        if isinstance(above, cst.Call) and above.func is node:
            return self._inside(above, depth - 1)
        if isinstance(above, cst.Arg):
            call = self._tree.parent(above)
            return self._given(above, self._calls.of(call), depth) if isinstance(call, cst.Call) else None
        if isinstance(above, cst.Attribute):
            return False
        if isinstance(above, (cst.IfExp, cst.BooleanOperation, cst.NamedExpr)):
            return self._fate(above, depth)
        if isinstance(above, cst.Assign):
            return self._kept([each.target for each in above.targets], above, depth)
        if isinstance(above, cst.AnnAssign):
            return self._kept([above.target], above, depth)
        if isinstance(above, cst.Return):
            return self._handed_back(above, depth)
        return False if isinstance(above, (cst.Expr, cst.Comparison)) else None

    def _given(self, arg: cst.Arg, call: Call, depth: int) -> bool | None:
        if self.wraps(call):
            return True
        name = call.name or ""
        if name in known.TRANSFORMS or (isinstance(call.node.func, cst.Call) and self._transforms(call.node.func)):
            return self._fate(call.node, depth - 1)
        if name in known.CALLS_AT_ONCE or (call.receiver is not None and call.method in _RUNS):
            return self._inside(call.node, depth - 1)
        if name in known.IGNORES:
            return False
        if call.method in _DATA and self._uses_tensorflow():
            return True
        return self._passed(arg, call, depth)

    def _transforms(self, node: cst.Call) -> bool:
        """``partial(jax.vmap, in_axes=0)(f)``."""
        call = self._calls.of(node)
        first = call.positional[0] if call.name == "functools.partial" and call.positional else None
        return first is not None and self._names.resolve(first) in known.TRANSFORMS

    def _uses_tensorflow(self) -> bool:
        return any((each.imported or "").split(".")[0] == "tensorflow" for each in self._names.imports())

    def _passed(self, arg: cst.Arg, call: Call, depth: int) -> bool | None:
        """What a function of the project does with the function that it is given."""
        target = self._values.callee(call.node)
        if target is None or not isinstance(target.node, cst.FunctionDef):
            return None
        name = _parameter(target, arg, call)
        if name is None:
            return None
        facts = target.facts
        uses = [each for each in _reads(facts, name, target.node) if _binds(facts, each, target.node)]
        return _joined(facts[Compiled]._fate(each, depth - 1) for each in uses) if uses else None

    def _kept(self, targets: list[cst.BaseExpression], statement: cst.CSTNode, depth: int) -> bool | None:
        answers: list[bool | None] = []
        for target in targets:
            if isinstance(target, cst.Name):
                answers.extend(self._fate(each, depth - 1) for each in self._later(target, statement))
            elif isinstance(target, cst.Attribute):
                same = (each for each in self._tree.of_type(cst.Attribute) if each.attr.value == target.attr.value)
                read = [each for each in same if each is not target and not _is_target(each, self._tree)]
                answers.extend(self._fate(each, depth - 1) for each in read)
            else:
                answers.append(None)
        return _joined(answers)

    def _later(self, target: cst.Name, statement: cst.CSTNode) -> Iterator[cst.Name]:
        around = self._tree.function(target) or self._tree.root
        for each in _reads(self._facts, target.value, around):
            if any(binding.node in (statement, target) for binding in self._names.reaching(each)):
                yield each

    def _handed_back(self, statement: cst.Return, depth: int) -> bool | None:
        maker = self._tree.function(statement)
        callers = self._project.callers(maker) if maker is not None else []
        if not callers:
            return None
        return _joined(call.facts[Compiled]._fate(call.node, depth - 1) for call in callers)


def _joined(answers: Iterable[bool | None]) -> bool | None:
    """Compiled when it is anywhere; not known when any answer is not."""
    found = list(answers)
    return True if True in found else None if None in found else False


def _naming(facts: Facts, name: str) -> list[str]:
    """The files that import this one and write a name."""
    from greenlint.facts.imports import Imports
    from greenlint.facts.sources import code_at

    found = [path for path in facts[Imports].importing() if name in code_at(facts.sources, path)]
    return found if len(found) <= 12 else []


def _is_called(node: cst.BaseExpression, tree: Tree) -> bool:
    above = tree.parent(node)
    return isinstance(above, cst.Call) and above.func is node


def _is_read(node: cst.Name, tree: Tree) -> bool:
    """Whether a name is a value here, rather than a keyword, an attribute, a target or an import."""
    above = tree.parent(node)
    if isinstance(above, cst.Attribute):
        return above.value is node
    if isinstance(above, cst.Arg):
        return above.value is node
    return not isinstance(
        above, (cst.AssignTarget, cst.Param, cst.FunctionDef, cst.ClassDef, cst.ImportAlias, cst.AsName)
    )


def _is_target(node: cst.BaseExpression, tree: Tree) -> bool:
    above = tree.parent(node)
    return isinstance(above, (cst.AssignTarget, cst.AugAssign, cst.AnnAssign)) and above.target is node


def _reads(facts: Facts, name: str, around: cst.CSTNode) -> Iterator[cst.Name]:
    tree = facts[Tree]
    for each in tree.below(around, cst.Name):
        if each.value == name and _is_read(each, tree):
            yield each


def _binds(facts: Facts, use: cst.Name, function: cst.FunctionDef) -> bool:
    """Whether a name stands for a parameter of a function."""
    return any(
        each.kind is BindingKind.PARAMETER and each.scope.node is function for each in facts[Names].reaching(use)
    )


def _parameter(target: Definition, arg: cst.Arg, call: Call) -> str | None:
    """The parameter of a function that an argument is given to."""
    if arg.star:
        return None
    if arg.keyword is not None:
        return arg.keyword.value
    node = target.node
    assert isinstance(node, cst.FunctionDef)
    names = [each.name.value for each in (*node.params.posonly_params, *node.params.params)]
    if target.facts[Tree].class_of(node) is not None and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    plain = [each for each in call.node.args if each.keyword is None and not each.star]
    position = plain.index(arg) if arg in plain else len(names)
    return names[position] if position < len(names) else None
