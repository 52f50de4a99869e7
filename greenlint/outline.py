"""What Python's own parser shows of a file for a tenth of the price of its full tree: the second gate.

Names stand for whatever has them, scopes and types are not known: an outline tells what a file cannot hold, never what
it holds. Importable without libcst.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Set
from functools import cached_property
from types import EllipsisType, NoneType
from typing import Any, NamedTuple

from greenlint.knowledge.signals import LIBRARY_ROOTS

__all__ = ["Outline", "OutlinedLoop"]

_FACTORIES = re.compile(
    r"^(?:zeros|ones|empty|full|eye|arange|linspace|logspace|rand\w*|normal|tensor|as_tensor|from_numpy|\w*Tensor|array)"
    r"(?:_like)?$"
)
_SPREADS = frozenset(("product", "ParameterGrid", "ParameterSampler"))
_NO_GRAD = re.compile(r"no_?grad|inference_mode|set_grad_enabled", re.IGNORECASE)
_PLACES = frozenset(("to", "cuda", "xpu", "npu", "mps", "device", "device_put"))
_STORES = frozenset(("update", "setdefault", "putenv"))
_MAKES_TENSOR = re.compile(r"^(?:tensor|as_tensor|from_numpy|\w*Tensor|convert_to_tensor|constant|array|asarray)$")
_READS = frozenset(("cpu", "tolist", "item", "device_get"))
_OTHER_READS = frozenset(("numpy", "asarray", "array"))
_OTHER_ROOTS = frozenset(("jax", "flax", "tensorflow", "keras", "cupy"))
"""Packages with reads of other names than those of PyTorch."""
_UNTRACKED = frozenset(("item", "detach", "cpu", "numpy", "tolist", "argmax", "size", "len", "float", "int", "str"))
"""Calls whose result holds no autograd graph."""


class _Place(NamedTuple):
    """Where code stands."""

    function: str = ""
    loops: int = 0
    """1 where a loop of the same function is around it."""
    sweeps: int = 0
    """How many of them may run over settings; a product of lists counts twice."""
    no_grad: bool = False
    """Whether gradients are switched off around it, as far as the text shows."""


class OutlinedLoop(NamedTuple):
    """A loop of any kind."""

    node: ast.For | ast.AsyncFor | ast.While
    place: _Place

    @property
    def iterated(self) -> set[str]:
        """The names in what a ``for`` loop runs over, in lower case."""
        return set() if isinstance(self.node, ast.While) else {each.lower() for each in _identifiers(self.node.iter)}


class Outline:
    """Calls, loops and functions of one file, by name."""

    def __init__(self) -> None:
        self.depth = 0
        """How deep the tree is, and in which line it is deepest."""
        self.deepest_line = 1
        self.pattern_depth = 0
        """How deep the deepest pattern of a ``case`` is."""
        self.calls: set[str] = set()
        """The last names of everything called: ``to`` for ``x.to(device)``; what is renamed goes by both names."""
        self.nested_calls: set[str] = set()
        """Those inside two ``for`` loops of one function that may run over settings, or one over a product of lists."""
        self.function_calls: set[tuple[str, str]] = set()
        """Pairs of a function and something called in it."""
        self.functions: set[str] = set()
        """Functions and classes."""
        self.loops: list[OutlinedLoop] = []
        self.roots: set[str] = set()
        """The root packages imported."""
        self.modules: dict[str, str] = {}
        """The dotted module, as written, from which each imported name stems."""
        self.texts: set[str] = set()
        """Strings that name where something is put: arguments of ``to``, ``device`` and the like."""
        self._every_call: list[tuple[str, ast.Call]] = []
        """Every call with the function it stands in; so the next ones."""
        self._libraries: set[str] = set()
        """Names of modules of known libraries."""
        self._parameters: dict[str, set[str]] = {}
        self._renamed: list[tuple[str, str]] = []
        self._keys: set[str] = set()
        self._moves: list[tuple[str, ast.Call]] = []
        self._tensors: list[tuple[str, ast.Call]] = []
        self._assigned: list[tuple[str, ast.Assign]] = []
        self._returned: list[tuple[str, ast.expr]] = []
        self._summed: list[tuple[ast.expr, bool]] = []

    @classmethod
    def of(cls, tree: ast.Module) -> Outline:
        """The outline of a module parsed by :mod:`ast`."""
        outline = cls()
        for statement in tree.body:
            # What is renamed must be known before calls are looked at.
            if isinstance(statement, ast.ImportFrom):
                outline._import(statement, _Place())
        outline._walk(tree)
        outline._resolve()
        return outline

    def _walk(self, tree: ast.AST) -> None:
        stack: list[tuple[ast.AST, _Place, int]] = [(tree, _Place(), 1)]
        pop, push = stack.pop, stack.append
        deepest, lowest = 0, tree
        while stack:
            node, place, depth = pop()
            note = _NOTES.get(type(node))
            if note is not None:
                place = note(self, node, place) or place
            depth += 1
            if depth > deepest:
                deepest, lowest = depth, node
            for value in node.__dict__.values():
                kind = type(value)
                if kind is list:
                    for each in value:
                        if type(each) not in _LEAVES:
                            push((each, place, depth))
                elif kind not in _LEAVES:
                    push((value, place, depth))
        self.depth, self.deepest_line = deepest, getattr(lowest, "lineno", 1)

    def _resolve(self) -> None:
        for alias, name in self._renamed:
            for calls in (self.calls, self.nested_calls):
                if alias in calls:
                    calls.add(name)

    # -- one node ---------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, place: _Place) -> None:
        name = _last(node.func)
        self.calls.add(name)
        self._every_call.append((place.function, node))
        self.function_calls.add((place.function, name))
        if place.sweeps >= 2:
            self.nested_calls.add(name)
        first = node.args[0] if node.args else None
        if name in _PLACES:
            if not _only_casts(node):
                self._moves.append((place.function, node))
            self.texts.update(each.value for each in node.args if _is_text(each))  # type: ignore[attr-defined]
        elif name in _STORES and _is_text(first):
            self._keys.add(first.value)  # type: ignore[union-attr]
        elif name == "partial" and first is not None:
            self.calls.add(_last(first))
        elif name == "append" and first is not None and place.loops:
            self._summed.append((first, place.no_grad))
        elif name.endswith("ensor") and first is not None:
            self._tensors.append((place.function, node))

    def _assign(self, node: ast.Assign, place: _Place) -> None:
        self._assigned.append((place.function, node))
        if isinstance(node.value, (ast.Name, ast.Attribute)) and isinstance(node.targets[0], ast.Name):
            self._renamed.append((node.targets[0].id, _last(node.value)))

    def _add(self, node: ast.AugAssign, place: _Place) -> None:
        if place.loops and isinstance(node.op, ast.Add):
            self._summed.append((node.value, place.no_grad))

    def _import(self, node: ast.ImportFrom, place: _Place) -> None:
        module = "." * node.level + (node.module or "")
        self.roots.add(module.partition(".")[0])
        for each in node.names:
            self.modules[each.asname or each.name] = module
            if each.asname is not None:
                self._renamed.append((each.asname, each.name))

    def _import_module(self, node: ast.Import, place: _Place) -> None:
        for each in node.names:
            root = each.name.partition(".")[0]
            self.roots.add(root)
            if _is_library(root):
                self._libraries.add(each.asname or root)

    def _return(self, node: ast.Return, place: _Place) -> None:
        if node.value is not None:
            self._returned.append((place.function, node.value))

    def _for(self, node: ast.For | ast.AsyncFor, place: _Place) -> _Place:
        self.loops.append(OutlinedLoop(node, place))
        sweeps = 2 if self._spreads(node.iter) else int(_may_sweep(node))
        return place._replace(loops=place.loops or 1, sweeps=place.sweeps + sweeps)

    def _while(self, node: ast.While, place: _Place) -> _Place:
        self.loops.append(OutlinedLoop(node, place))
        return place._replace(loops=place.loops or 1)

    def _with(self, node: ast.With | ast.AsyncWith, place: _Place) -> _Place | None:
        managers = (each.context_expr for each in node.items)
        return place._replace(no_grad=True) if any(_switches_off(each) for each in managers) else None

    def _case(self, node: ast.match_case, place: _Place) -> None:
        level: list[ast.AST] = [node.pattern]
        depth = 0
        while level:
            depth += 1
            level = [each for pattern in level for each in ast.iter_child_nodes(pattern)]
        self.pattern_depth = max(self.pattern_depth, depth)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, place: _Place) -> _Place:
        self.functions.add(node.name)
        if not isinstance(node, ast.ClassDef):
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            self._parameters.setdefault(node.name, set()).update(each.arg for each in every)
        return _Place(node.name, no_grad=any(_switches_off(each) for each in node.decorator_list))

    def _spreads(self, node: ast.expr) -> bool:
        """Whether a loop runs over the combinations of several lists."""
        names = _called_in(node)
        return bool(names & _SPREADS) or any(alias in names and name in _SPREADS for alias, name in self._renamed)

    # -- what is made of it -----------------------------------------------------------------------------------

    @property
    def project_names(self) -> set[str]:
        """What is imported from modules that are no known library: perhaps from the project around the file."""
        return {name for name, module in self.modules.items() if not _is_library(module.partition(".")[0])}

    def given(self, names: Set[str], keyword: str, position: int) -> bool:
        """Whether a call of one of ``names`` has an argument, or arguments that cannot be read."""
        for _, call in self._every_call:
            if _last(call.func) not in names and self._own_name(call) not in names:
                continue
            if len(call.args) > position or any(each.arg in (keyword, None) for each in call.keywords):
                return True
        return False

    def _own_name(self, call: ast.Call) -> str:
        """What a call that goes by another name is called."""
        written = _last(call.func)
        return next((name for alias, name in self._renamed if alias == written), written)

    def may_run_network(self, loop: OutlinedLoop) -> bool:
        """Whether the body of a loop calls something that is no function or method of a known kind."""
        return any(isinstance(each, ast.Call) and self._may_be_network(each.func) for each in _below(loop.node))

    def _may_be_network(self, func: ast.expr) -> bool:
        from greenlint.knowledge.layers import COMMON_METHODS, PLAIN_MODEL_NAME

        name = _last(func)
        if PLAIN_MODEL_NAME.match(name):
            return True
        if isinstance(func, ast.Name):
            module = self.modules.get(name)
            known = module is not None and _is_library(module.partition(".")[0])
            return not known and name not in self.functions and not hasattr(builtins, name)
        if not isinstance(func, ast.Attribute):
            return True
        return name not in COMMON_METHODS and not (
            isinstance(func.value, ast.Name) and func.value.id in self._libraries
        )

    @property
    def stored_keys(self) -> set[str]:
        """Strings under which something is stored: ``environ["A"] = ...``, ``update("A", ...)``."""
        slices = (target.slice for target in self._targets if isinstance(target, ast.Subscript))
        return self._keys | {each.value for each in slices if _is_text(each)}  # type: ignore[attr-defined]

    @property
    def stored_attributes(self) -> set[str]:
        """The attributes that are assigned: ``value`` for ``x.value = ...``."""
        return {target.attr for target in self._targets if isinstance(target, ast.Attribute)}

    @property
    def _targets(self) -> Iterator[ast.expr]:
        return (target for _, node in self._assigned for target in node.targets)

    @property
    def moves_factory(self) -> bool:
        """Whether a tensor just made, or the name that it was given in the same function, is moved to a device."""
        typed = ((where, call) for where, call in self._tensors if _last(call.func).endswith("Tensor"))
        moved = [
            *((where, _moved(call)) for where, call in self._moves),
            *((where, call.args[0]) for where, call in typed),
        ]
        return any(source is not None and self._is_made(source, where) for where, source in moved)

    @cached_property
    def _made(self) -> tuple[set[tuple[str, str]], set[str]]:
        """Names by function that may hold a tensor just made, and functions that may return one."""
        names: set[tuple[str, str]] = set()
        makers: set[str] = set()
        made = names, makers
        for _ in range(2):
            makers |= {where for where, value in self._returned if _is_made(value, where, made)}
            for where, node in self._assigned:
                if _is_made(node.value, where, made):
                    names.update((where, name) for target in node.targets for name in _identifiers(target))
        return made

    def _is_made(self, node: ast.expr, where: str) -> bool:
        return _is_made(node, where, self._made)

    @property
    def moves_invariant(self) -> bool:
        """Whether a loop moves something that it does not bind, or any code a fresh tensor kept as an attribute."""
        if not self._moves:
            return False
        moves = {call for _, call in self._moves}
        for loop in self.loops:
            inside = list(_below(loop.node))
            moved = [_moved(each) for each in inside if isinstance(each, ast.Call) and each in moves]
            bound = _bound(inside) if moved else set()
            if any(each is not None and bound.isdisjoint(_names(each)) for each in moved):
                return True
        kept = {name for _, name in self._made[0]}
        sources = (source for _, call in self._moves if (source := _moved(call)) is not None)
        return any(
            isinstance(each, ast.Attribute) and each.attr in kept for source in sources for each in ast.walk(source)
        )

    @property
    def returns_fetched(self) -> bool:
        """Whether something that may have been read from a device is moved to one, or made a tensor, again."""
        made = (
            (where, call.args[0])
            for where, call in self._every_call
            if call.args and _MAKES_TENSOR.match(_last(call.func))
        )
        moved = [*((where, _moved(call)) for where, call in self._moves), *made]
        if not moved:
            return False
        reads = _READS | _OTHER_READS if self.roots & _OTHER_ROOTS else _READS
        fetched = self._fetched(reads)
        return any(source is not None and _is_fetched(source, where, fetched, reads) for where, source in moved)

    def _fetched(self, reads: frozenset[str]) -> set[tuple[str, str]]:
        """Names and parameters by function that may hold what was read from a device."""
        fetched: set[tuple[str, str]] = set()
        for _ in range(3):
            before = len(fetched)
            for where, target, value in self._bindings:
                if _is_fetched(value, where, fetched, reads):
                    fetched.update((where, name) for name in _names(target))
            for where, call in self._every_call:
                parameters = self._parameters.get(_last(call.func))
                arguments = (*call.args, *(each.value for each in call.keywords))
                if parameters and any(_is_fetched(each, where, fetched, reads) for each in arguments):
                    fetched.update((_last(call.func), name) for name in parameters)
            if len(fetched) == before:
                break
        return fetched

    @property
    def _bindings(self) -> Iterator[tuple[str, ast.expr, ast.expr]]:
        """Targets with what they are assigned or run over."""
        yield from ((where, target, node.value) for where, node in self._assigned for target in node.targets)
        for loop in self.loops:
            if not isinstance(loop.node, ast.While):
                yield loop.place.function, loop.node.target, loop.node.iter

    @property
    def listed_tensor(self) -> bool:
        """Whether a tensor is made from a list, written there or kept under a name."""
        values = (ast.List, ast.ListComp, ast.Name)
        listed: set[str] | None = None
        for _, each in self._tensors:
            given = each.args[0]
            if isinstance(given, (ast.List, ast.ListComp)) and _may_list(given):
                return True
            if listed is None:
                kept = (node for _, node in self._assigned if isinstance(node.value, values) and _may_list(node.value))
                listed = {name for node in kept for target in node.targets for name in _names(target)}
            if isinstance(given, ast.Name) and given.id in listed:
                return True
        return False

    @property
    def sums_graph(self) -> bool:
        """Whether a loop adds up, or appends to a list, what may hold an autograd graph."""
        plain: set[str] = set()
        for _, node in self._assigned:
            if not _may_track(node.value, frozenset()):
                plain.update(name for target in node.targets for name in _names(target))
        for _, node in self._assigned:
            if _may_track(node.value, plain):
                plain.difference_update(name for target in node.targets for name in _names(target))
        return any(not no_grad and _may_track(value, plain) for value, no_grad in self._summed)


_NOTES: dict[type, Callable[[Outline, Any, _Place], _Place | None]] = {
    ast.Call: Outline._call,
    ast.Assign: Outline._assign,
    ast.AugAssign: Outline._add,
    ast.Import: Outline._import_module,
    ast.ImportFrom: Outline._import,
    ast.Return: Outline._return,
    ast.For: Outline._for,
    ast.AsyncFor: Outline._for,
    ast.While: Outline._while,
    ast.With: Outline._with,
    ast.AsyncWith: Outline._with,
    ast.match_case: Outline._case,
    ast.FunctionDef: Outline._define,
    ast.AsyncFunctionDef: Outline._define,
    ast.ClassDef: Outline._define,
}
_LEAVES = frozenset(
    (
        *(int, str, bytes, float, complex, bool, NoneType, EllipsisType),
        *(ast.Load, ast.Store, ast.Del, ast.Name, ast.Constant, ast.alias),
        *(ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal),
        *(each for base in (ast.operator, ast.unaryop, ast.boolop, ast.cmpop) for each in base.__subclasses__()),
    )
)
"""What holds no calls, loops or functions."""


# -- expressions --------------------------------------------------------------------------------------------------


def _last(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _may_sweep(loop: ast.For | ast.AsyncFor) -> bool:
    """Whether a loop may run over values of a setting, rather than over data, models, folds or passes."""
    from greenlint.knowledge.searching import BENCH_NAMES

    if all(BENCH_NAMES.match(name) for name in _names(loop.target)):
        return False
    return not any("load" in name or "batch" in name for name in map(str.lower, _identifiers(loop.iter)))


def _is_library(root: str) -> bool:
    return root in LIBRARY_ROOTS or root in sys.stdlib_module_names


def _names(node: ast.AST) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _identifiers(node: ast.AST) -> Iterator[str]:
    """Names, and the last parts of attributes."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr


def _called_in(node: ast.AST) -> set[str]:
    return {_last(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}


def _switches_off(manager: ast.expr) -> bool:
    called = manager.func if isinstance(manager, ast.Call) else manager
    return _NO_GRAD.search(_last(called)) is not None


def _is_made(node: ast.expr, where: str, made: tuple[set[tuple[str, str]], set[str]]) -> bool:
    """Whether an expression of the function ``where`` is a tensor just made, or something done to one."""
    names, makers = made
    if isinstance(node, ast.Name):
        return (where, node.id) in names
    if isinstance(node, ast.Call):
        name = _last(node.func)
        if name in makers or _FACTORIES.match(name):
            return True
        parts = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else ())]
        return any(_is_made(each, where, made) for each in parts)
    return any(_is_made(each, where, made) for each in _parts(node))


def _is_fetched(node: ast.expr, where: str, fetched: set[tuple[str, str]], reads: frozenset[str]) -> bool:
    """Whether an expression of the function ``where`` may be what was read from a device, or made of it."""
    if isinstance(node, ast.Name):
        return (where, node.id) in fetched
    if isinstance(node, ast.Call):
        name = _last(node.func)
        if name in reads or (name == "to" and any(map(_is_text, node.args))):
            return True
        parts = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else ())]
        return any(_is_fetched(each, where, fetched, reads) for each in parts)
    return any(_is_fetched(each, where, fetched, reads) for each in _parts(node))


def _parts(node: ast.expr) -> Iterable[ast.expr]:
    """What an expression other than a call takes its value from."""
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.NamedExpr)):
        return (node.value,)
    if isinstance(node, ast.BinOp):
        return (node.left, node.right)
    if isinstance(node, ast.UnaryOp):
        return (node.operand,)
    if isinstance(node, ast.Compare):
        return (node.left, *node.comparators)
    if isinstance(node, ast.IfExp):
        return (node.body, node.orelse)
    return node.elts if isinstance(node, (ast.List, ast.Tuple)) else ()


def _moved(call: ast.Call) -> ast.expr | None:
    """What a call that places something places."""
    if _last(call.func) == "device_put":
        return call.args[0] if call.args else None
    return call.func.value if isinstance(call.func, ast.Attribute) else None


def _only_casts(call: ast.Call) -> bool:
    """Whether ``x.to(...)`` plainly names a type: ``torch.float32``, ``x.dtype``."""
    if _last(call.func) != "to" or len(call.args) != 1 or any(each.arg in ("device", None) for each in call.keywords):
        return False
    return _DTYPE.search(_last(call.args[0])) is not None


def _may_list(node: ast.expr) -> bool:
    """Whether a list may be one of arrays: written out or made of calls, names and slices, or filled later."""
    elements = node.elts if isinstance(node, ast.List) else [node.elt] if isinstance(node, ast.ListComp) else []
    return all(isinstance(each, (ast.Call, ast.Name, ast.Subscript)) for each in elements)


_DTYPE = re.compile(r"dtype|^(?:b?float|u?int|half|double|long|bool|complex)\d*$")


def _below(loop: ast.For | ast.AsyncFor | ast.While) -> Iterator[ast.AST]:
    """The body and target of a loop."""
    if not isinstance(loop, ast.While):
        yield from ast.walk(loop.target)
    for statement in loop.body:
        yield from ast.walk(statement)


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    return {each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


def _may_track(node: ast.expr, plain: set[str] | frozenset[str]) -> bool:
    """Whether an expression may hold an autograd graph; the names in ``plain`` hold none."""
    if isinstance(node, ast.Name):
        return node.id not in plain
    if isinstance(node, ast.BinOp):
        return _may_track(node.left, plain) or _may_track(node.right, plain)
    if isinstance(node, ast.UnaryOp):
        return _may_track(node.operand, plain)
    if isinstance(node, ast.Call):
        return _last(node.func) not in _UNTRACKED
    return not isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare, ast.Dict))
