"""What Python's own parser shows of a file for a tenth of the price of its full tree: the second gate.

Names stand for whatever has them, scopes and types are not known: an outline tells what a file cannot hold, never what
it holds. Importable without libcst.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import cached_property
from types import EllipsisType, NoneType
from typing import Any, NamedTuple, TypeAlias

from greenlint.knowledge.loading import LOADER_NAMES
from greenlint.knowledge.signals import LIBRARY_ROOTS

__all__ = ["Outline", "OutlinedLoop"]

_FACTORIES = re.compile(
    r"^(?:zeros|ones|empty|full|eye|arange|linspace|logspace|rand\w*|normal|tensor|as_tensor|from_numpy|\w*Tensor|array)"
    r"(?:_like)?$"
)
_SPREADS = frozenset(("product", "ParameterGrid", "ParameterSampler"))
_MAPS = frozenset(
    """apply map progress_apply parallel_apply applymap progress_map imap imap_unordered map_async transform
    swifter_apply""".split()
)
"""Calls that run a function for each row or element."""
_NO_GRAD = re.compile(r"no_?grad|inference_mode|set_grad_enabled", re.IGNORECASE)
_BY_ARGUMENT = frozenset(("inference_mode", "set_grad_enabled"))
"""Managers whose argument says whether gradients are off or on."""
_PLACES = frozenset(("to", "cuda", "xpu", "npu", "mps", "device", "device_put"))
_FITS = frozenset("fit fit_transform fit_predict fit_resample DMatrix QuantileDMatrix Pool".split())
_TENSOR = re.compile(r"ensor$")
_TYPED_TENSOR = re.compile(r"Tensor$")
_STORES = frozenset(("update", "setdefault", "putenv"))
_MAKES_TENSOR = re.compile(r"^(?:tensor|as_tensor|from_numpy|\w*Tensor|convert_to_tensor|constant|array|asarray)$")
_READS = frozenset(("cpu", "tolist", "item", "device_get"))
_OTHER_READS = frozenset(("numpy", "asarray", "array"))
_OTHER_ROOTS = frozenset(("jax", "flax", "tensorflow", "keras", "cupy"))
"""Packages with reads of other names than those of PyTorch."""
_UNTRACKED = frozenset(("item", "detach", "cpu", "numpy", "tolist", "argmax", "size", "len", "float", "int", "str"))
"""Calls whose result holds no autograd graph."""


_Names: TypeAlias = dict[str, set[str]]
"""Names by the function that they are used in."""


class _Place(NamedTuple):
    """Where code stands."""

    function: str = ""
    loops: int = 0
    """1 where a loop of the same function is around it."""
    around: tuple[ast.For | ast.AsyncFor, ...] = ()
    """The ``for`` loops of the same function around it."""
    repeated: bool = False
    """Whether a loop or comprehension of the same function is around it."""
    no_grad: bool = False
    """Whether gradients are switched off around it, as far as the text shows."""


class _Origin(NamedTuple):
    """What the value of an expression may stem from: names and calls, at any depth of its operands and arguments."""

    names: frozenset[str]
    calls: frozenset[str]
    is_placed: bool
    """Whether one of the calls is ``x.to("cpu")`` or the like."""


class _Value:
    """The value of an expression in a function, for what it is returned or given to."""

    def __init__(self, function: str, value: ast.expr) -> None:
        self.function, self.value = function, value

    @cached_property
    def origin(self) -> _Origin:
        """What the value may stem from."""
        return _origin(self.value)

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """The names and attributes in it."""
        return frozenset(_identifiers(self.value))


class _Assigned(_Value):
    """A value that is given to something, annotated or not."""

    def __init__(self, function: str, targets: list[ast.expr], value: ast.expr) -> None:
        super().__init__(function, value)
        self.targets = targets

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in the targets."""
        return frozenset(name for target in self.targets for name in _names(target))

    @cached_property
    def tracked(self) -> frozenset[str] | None:
        """As :func:`_tracked` of the value."""
        return _tracked(self.value)


class _Called:
    """A call, and the function it stands in."""

    def __init__(self, function: str, node: ast.Call) -> None:
        self.function, self.node = function, node

    @cached_property
    def first(self) -> ast.expr | None:
        """Its first positional argument."""
        return self.node.args[0] if self.node.args else None

    @cached_property
    def first_origin(self) -> _Origin | None:
        """What that may stem from."""
        return None if self.first is None else _origin(self.first)

    @cached_property
    def moved(self) -> ast.expr | None:
        """What it places on a device if it places something."""
        return _moved(self.node)

    @cached_property
    def moved_origin(self) -> _Origin | None:
        """What that may stem from."""
        return None if self.moved is None else _origin(self.moved)

    @cached_property
    def arguments(self) -> list[_Origin]:
        """What its arguments may stem from."""
        return [*map(_origin, _arguments(self.node))]

    @cached_property
    def only_casts(self) -> bool:
        """As :func:`_only_casts`."""
        return _only_casts(self.node)

    @cached_property
    def keywords(self) -> frozenset[str | None]:
        """The names of its keyword arguments, ``None`` for some that cannot be read."""
        return frozenset(each.arg for each in self.node.keywords)

    @cached_property
    def owner(self) -> str | None:
        """The last name of what its function is a method of; ``None`` where it is none."""
        return _last(self.node.func.value) if isinstance(self.node.func, ast.Attribute) else None


class OutlinedLoop:
    """A loop of any kind."""

    def __init__(self, node: ast.For | ast.AsyncFor | ast.While, place: _Place) -> None:
        self.node, self.place = node, place

    @cached_property
    def iterated(self) -> set[str]:
        """The names in what a ``for`` loop runs over, in lower case."""
        return set() if isinstance(self.node, ast.While) else {each.lower() for each in _identifiers(self.node.iter)}

    @cached_property
    def given(self) -> tuple[frozenset[str], _Origin] | None:
        """The names that a ``for`` loop binds, and what their values may stem from."""
        if isinstance(self.node, ast.While):
            return None
        return frozenset(_names(self.node.target)), _origin(self.node.iter)

    @cached_property
    def inside(self) -> list[ast.AST]:
        """The body and target of the loop."""
        return [*_below(self.node)]

    @cached_property
    def calls(self) -> list[ast.Call]:
        """The calls in them."""
        return [each for each in self.inside if isinstance(each, ast.Call)]

    @cached_property
    def bound(self) -> set[str]:
        """The names that they give a value."""
        return {each.id for each in self.inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


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
        self.function_calls: set[tuple[str, str]] = set()
        """Pairs of a function and something called in it."""
        self.functions: set[str] = set()
        """Functions and classes."""
        self.loops: list[OutlinedLoop] = []
        self.roots: set[str] = set()
        """The root packages imported."""
        self.modules: dict[str, str] = {}
        """The dotted module, as written, from which each imported name stems."""
        self._named_calls: dict[str, list[_Called]] = {}
        """Every call, by the name that is written."""
        self._libraries: set[str] = set()
        """Names of modules of known libraries."""
        self._parameters: dict[str, set[str]] = {}
        self._renamed: dict[str, set[str]] = {}
        """What each other name may stand for."""
        self._looped_calls: list[tuple[tuple[ast.For | ast.AsyncFor, ...], str]] = []
        """Names of calls with the ``for`` loops around them."""
        self._repeated_calls: list[_Called] = []
        """Calls with a loop or comprehension around them."""
        self._repeated_gifts: list[_Assigned] = []
        """What is assigned in a loop."""
        self._collected: list[ast.ListComp] = []
        self._decorators: set[str] = set()
        self._nested: list[tuple[ast.expr, tuple[ast.For | ast.AsyncFor, ...]]] = []
        """What loops and comprehensions inside ``for`` loops go through."""
        self._single = False
        self._classes: set[str] = set()
        self._foreign: set[str] = set()
        """Names of modules of no known library."""
        self._assigned: list[_Assigned] = []
        self._returned: list[_Value] = []
        self._summed: list[tuple[ast.expr, bool]] = []

    @classmethod
    def of(cls, tree: ast.Module) -> Outline:
        """The outline of a module parsed by :mod:`ast`."""
        return cls.joined((cls.part(tree),))

    @classmethod
    def part(cls, tree: ast.Module) -> Outline:
        """What stands in a part of a module, for :meth:`joined`."""
        outline = cls()
        outline._walk(tree)
        return outline

    @classmethod
    def joined(cls, parts: Sequence[Outline]) -> Outline:
        """The outline of a module from its parts, which are given in source order and stay as they are."""
        outline = cls()
        # A walk goes from the end to the start.
        for each in reversed(parts):
            outline._add_part(each)
        for alias in outline.calls & outline._renamed.keys():
            outline.calls |= outline._names_of(alias)
        return outline

    def _add_part(self, part: Outline) -> None:
        if part.depth > self.depth:
            self.depth, self.deepest_line = part.depth, part.deepest_line
        self.pattern_depth = max(self.pattern_depth, part.pattern_depth)
        self._single = self._single or part._single
        here = vars(self)
        for name, there in vars(part).items():
            if not there:
                continue
            kind = type(there)
            if kind is dict:
                _add_to(here[name], there)
            elif kind is set:
                here[name] |= there
            elif kind is list:
                here[name] += there

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

    def _names_of(self, written: str) -> set[str]:
        """A name, and what else may be meant by it."""
        names = {written}
        new = [written]
        while new:
            further = self._renamed.get(new.pop(), set()) - names
            names |= further
            new += further
        return names

    def _aliases(self, is_meant: Callable[[str], object]) -> set[str]:
        """Other names of what has a certain name."""
        return {alias for alias, names in self._meanings.items() if any(map(is_meant, names))}

    @cached_property
    def _meanings(self) -> dict[str, set[str]]:
        return {alias: self._names_of(alias) for alias in self._renamed}

    def _calls_of(self, is_meant: Callable[[str], object]) -> Iterator[_Called]:
        """The calls of what has a certain name."""
        for name, calls in self._named_calls.items():
            if any(map(is_meant, self._meanings.get(name, (name,)))):
                yield from calls

    # -- one node ---------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, place: _Place) -> None:
        name = _last(node.func)
        self.calls.add(name)
        called = _Called(place.function, node)
        self._named_calls.setdefault(name, []).append(called)
        self.function_calls.add((place.function, name))
        if place.repeated:
            self._repeated_calls.append(called)
        if place.around:
            self._looped_calls.append((place.around, name))
        first = called.first
        if name == "partial" and first is not None:
            self.calls.add(_last(first))
        elif name == "append" and first is not None and place.loops:
            self._summed.append((first, place.no_grad))

    def _assign(self, node: ast.Assign, place: _Place) -> None:
        self._give(node.targets, node.value, place)

    def _annotate(self, node: ast.AnnAssign, place: _Place) -> None:
        if node.value is not None:
            self._give([node.target], node.value, place)

    def _name(self, node: ast.NamedExpr, place: _Place) -> None:
        self._give([node.target], node.value, place)

    def _give(self, targets: list[ast.expr], value: ast.expr, place: _Place) -> None:
        given = _Assigned(place.function, targets, value)
        self._assigned.append(given)
        if place.loops:
            self._repeated_gifts.append(given)
        meant = {_last(each) for each in _choices(value) if isinstance(each, (ast.Name, ast.Attribute))}
        for target in targets:
            if meant and isinstance(target, ast.Name):
                self._renamed.setdefault(target.id, set()).update(meant)

    def _add(self, node: ast.AugAssign, place: _Place) -> None:
        if place.loops and isinstance(node.op, ast.Add):
            self._summed.append((node.value, place.no_grad))

    def _import(self, node: ast.ImportFrom, place: _Place) -> None:
        module = "." * node.level + (node.module or "")
        self.roots.add(module.partition(".")[0])
        for each in node.names:
            self.modules[each.asname or each.name] = module
            if each.asname is not None:
                self._renamed.setdefault(each.asname, set()).add(each.name)

    def _import_module(self, node: ast.Import, place: _Place) -> None:
        for each in node.names:
            root = each.name.partition(".")[0]
            self.roots.add(root)
            if _is_library(root):
                self._libraries.add(each.asname or root)
            else:
                self._foreign.add(each.asname or root)

    def _return(self, node: ast.Return, place: _Place) -> None:
        if node.value is not None:
            self._returned.append(_Value(place.function, node.value))

    def _for(self, node: ast.For | ast.AsyncFor, place: _Place) -> _Place:
        self.loops.append(OutlinedLoop(node, place))
        if place.around:
            self._nested.append((node.iter, place.around))
        return place._replace(loops=1, repeated=True, around=(*place.around, node))

    def _while(self, node: ast.While, place: _Place) -> _Place:
        self.loops.append(OutlinedLoop(node, place))
        return place._replace(loops=1, repeated=True)

    def _pick(self, node: ast.Subscript, place: _Place) -> None:
        if place.repeated:
            self._single = self._single or _adds_first_axis(node)

    def _list(self, node: ast.List, place: _Place) -> None:
        if place.repeated:
            self._single = self._single or len(node.elts) == 1

    def _comprehend(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, place: _Place) -> _Place:
        if place.around:
            self._nested.extend((each.iter, place.around) for each in node.generators)
        if isinstance(node, ast.ListComp):
            self._collected.append(node)
        return place._replace(repeated=True)

    def _with(self, node: ast.With | ast.AsyncWith, place: _Place) -> _Place:
        return place._replace(no_grad=_without_grad((each.context_expr for each in node.items), place.no_grad))

    def _case(self, node: ast.match_case, place: _Place) -> None:
        level: list[ast.AST] = [node.pattern]
        depth = 0
        while level:
            depth += 1
            level = [each for pattern in level for each in ast.iter_child_nodes(pattern)]
        self.pattern_depth = max(self.pattern_depth, depth)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, place: _Place) -> _Place:
        self.functions.add(node.name)
        self._decorators.update(
            _last(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list
        )
        self._decorators.update(
            _last(given) for each in node.decorator_list if isinstance(each, ast.Call) for given in each.args
        )
        if isinstance(node, ast.ClassDef):
            self._classes.add(node.name)
        else:
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            self._parameters.setdefault(node.name, set()).update(each.arg for each in every)
        return _Place(node.name, no_grad=_without_grad(node.decorator_list, False))

    # -- what is made of it -----------------------------------------------------------------------------------

    @cached_property
    def nested_calls(self) -> set[str]:
        """Calls inside two ``for`` loops of one function that may run over settings, or one over a product of lists."""
        products = self._products
        sweeps: dict[ast.AST, int] = {}
        nested: set[str] = set()
        for around, name in self._looped_calls:
            for loop in around:
                if loop not in sweeps:
                    sweeps[loop] = 2 if _spreads(loop.iter, products) else int(_may_sweep(loop))
            if sum(sweeps[loop] for loop in around) >= 2:
                nested |= self._names_of(name)
        return nested

    @cached_property
    def _products(self) -> tuple[set[str], set[str]]:
        """What is called to combine several lists, and the names and parameters that may hold the combinations."""
        held: set[str] = set()
        products = self._named_calls.keys() & {*_SPREADS, *self._aliases(_SPREADS.__contains__)}, held
        if not products[0]:
            return products
        given = [(name, each.value) for each in self._assigned for target in each.targets for name in _bound_by(target)]
        given += [(each.function, each.value) for each in self._returned]
        for functions, call in self._own_calls:
            parameters = [name for function in functions for name in self._parameters[function]]
            given += ((name, each) for name in parameters for each in _arguments(call.node))
        before = -1
        while len(held) > before:
            before = len(held)
            held.update(name for name, value in given if name not in held and _spreads(value, products))
        return products

    @cached_property
    def _own_calls(self) -> list[tuple[set[str], _Called]]:
        """The calls of functions of this file that have parameters, each with those functions."""
        own = {name for name, parameters in self._parameters.items() if parameters}
        functions = ((self._meanings.get(name, {name}) & own, calls) for name, calls in self._named_calls.items())
        return [(meant, call) for meant, calls in functions if meant for call in calls]

    def times(self, is_meant: Callable[[str], object]) -> int:
        """How many calls there are of what has a certain name."""
        return sum(1 for _ in self._calls_of(is_meant))

    @property
    def maps(self) -> bool:
        """Whether something may run a function for each row or element."""
        return not self.calls.isdisjoint(_MAPS)

    @staticmethod
    def reads_model(name: str) -> bool:
        """Whether what has this last name may read a model from disk or a hub, whatever its arguments."""
        return name in LOADER_NAMES

    def repeats(self, is_meant: Callable[[str], object]) -> bool:
        """Whether what has a certain name may be called twice with one first argument: here, in a loop, by callers."""
        calls = list(self._calls_of(is_meant))
        looped = {name for _, written in self._looped_calls for name in self._names_of(written)}
        if any(is_meant(name) or any(each.function == name for each in calls) for name in looped):
            return True
        if calls and "optimize" in self.calls:
            return True
        firsts = [each.first for each in calls]
        texts = [each.value for each in firsts if isinstance(each, ast.Constant)]
        # What is not written out may be the same as anything.
        return len(set(texts)) < len(firsts) and len(firsts) > 1

    @property
    def takes_rows(self) -> bool:
        """Whether a ``for`` loop counts something up and picks by the count: ``df.loc[i, "a"]``, ``df["a"][i]``."""
        return any(
            isinstance(each.node, ast.For)
            and isinstance(each.node.target, ast.Name)
            and each.iterated & {"len", "shape", "index"}
            and any(_picks(node, each.node.target.id) for node in each.inside)
            for each in self.loops
        )

    @property
    def grows(self) -> bool:
        """Whether a loop may make something longer by a copy: ``x = concat([x, y])``, ``df.loc[len(df)] = y``."""
        return any(
            _adds_row(target) or _is_joined(target, each.value)
            for each in self._repeated_gifts
            for target in each.targets[: len(each.targets) == 1]
        )

    @cached_property
    def texts(self) -> set[str]:
        """Strings that name where something is put: arguments of ``to``, ``device`` and the like."""
        placed = (each for call in self._calls_of(_PLACES.__contains__) for each in call.node.args)
        return {text for each in placed for text in self._texts(each)}

    def _texts(self, node: ast.expr) -> set[str]:
        """The string that is written, or those that a name or attribute may hold."""
        if isinstance(node, ast.Constant):
            return {node.value} if isinstance(node.value, str) else set()
        return self._strings.get(_last(node), set())

    @cached_property
    def _strings(self) -> dict[str, set[str]]:
        """The strings given to each name and attribute."""
        strings: dict[str, set[str]] = {}
        for each in self._assigned:
            if isinstance(each.value, ast.Constant) and isinstance(each.value.value, str):
                for target in each.targets:
                    strings.setdefault(_last(target), set()).add(each.value.value)
        return strings

    @cached_property
    def _moves(self) -> list[_Called]:
        return [each for each in self._calls_of(_PLACES.__contains__) if not each.only_casts]

    @cached_property
    def _tensors(self) -> list[_Called]:
        """The calls that make a tensor of their first argument."""
        return [each for each in self._calls_of(_TENSOR.search) if each.first is not None]

    @property
    def parameters(self) -> dict[str, set[str]]:
        """The parameters of each function."""
        return self._parameters

    @property
    def project_names(self) -> set[str]:
        """What is imported from modules that are no known library: perhaps from the project around the file."""
        return {name for name, module in self.modules.items() if not _is_library(module.partition(".")[0])}

    def given(self, names: Set[str], keyword: str, position: int) -> bool:
        """Whether a call of one of ``names`` has an argument, or arguments that cannot be read."""
        return any(
            len(call.node.args) > position or not call.keywords.isdisjoint((keyword, None))
            for call in self._calls_of(names.__contains__)
        )

    def may_run_network(self, loop: OutlinedLoop) -> bool:
        """Whether the body of a loop calls something that is no function or method of a known kind."""
        return any(self._may_be_network(each.func) for each in loop.calls)

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
        keys = [target.slice for target in self._targets if isinstance(target, ast.Subscript)]
        keys += [first for call in self._calls_of(_STORES.__contains__) if (first := call.first) is not None]
        return {text for each in keys for text in self._texts(each)}

    @property
    def stored_attributes(self) -> set[str]:
        """The attributes that are assigned: ``value`` for ``x.value = ...``."""
        return {target.attr for target in self._targets if isinstance(target, ast.Attribute)}

    @property
    def _targets(self) -> Iterator[ast.expr]:
        return (target for each in self._assigned for target in each.targets)

    @property
    def moves_factory(self) -> bool:
        """Whether a tensor just made, or the name that it was given in the same function, is moved to a device."""
        moved = [(each.function, each.moved_origin) for each in self._moves]
        moved += [(each.function, each.first_origin) for each in self._calls_of(_TYPED_TENSOR.search)]
        return any(source is not None and _is_made(source, where, self._made) for where, source in moved)

    @cached_property
    def _made(self) -> tuple[_Names, set[str]]:
        """Names by function that may hold a tensor just made, and functions that may return one."""
        names: _Names = {}
        makers = {*filter(_FACTORIES.match, self._named_calls), *self._aliases(_FACTORIES.match)}
        made = names, makers
        for _ in range(2):
            makers |= {each.function for each in self._returned if _is_made(each.origin, each.function, made)}
            for given in self._assigned:
                if _is_made(given.origin, given.function, made):
                    here = names.setdefault(given.function, set())
                    here.update(name for target in given.targets for name in _identifiers(target))
        return made

    @property
    def moves_invariant(self) -> bool:
        """Whether a loop moves something that it does not bind, or any code a fresh tensor kept as an attribute."""
        if not self._moves:
            return False
        moves = {each.node for each in self._moves}
        for loop in self.loops:
            moved = (_moved(each) for each in loop.calls if each in moves)
            if any(each is not None and loop.bound.isdisjoint(_names(each)) for each in moved):
                return True
        kept = set[str]().union(*self._made[0].values())
        sources = (source for call in self._moves if (source := call.moved) is not None)
        return any(
            isinstance(each, ast.Attribute) and each.attr in kept for source in sources for each in _nodes(source)
        )

    @property
    def returns_fetched(self) -> bool:
        """Whether something that may have been read from a device is moved to one, or made a tensor, again."""
        moved = [(each.function, each.moved_origin) for each in self._moves]
        moved += [(each.function, each.first_origin) for each in self._calls_of(_MAKES_TENSOR.match)]
        if not moved:
            return False
        reads = _READS | _OTHER_READS if self.roots & _OTHER_ROOTS else _READS
        reads |= self._aliases(reads.__contains__)
        fetched = self._fetched(reads)
        return any(origin is not None and _is_fetched(origin, where, fetched, reads) for where, origin in moved)

    def _fetched(self, reads: frozenset[str]) -> _Names:
        """Names and parameters by function that may hold what was read from a device."""
        fetched: _Names = {}
        bound = [(each.function, each.names, each.origin) for each in self._assigned]
        bound += [(each.place.function, *each.given) for each in self.loops if each.given is not None]
        for _ in range(3):
            before = sum(map(len, fetched.values()))
            for where, names, origin in bound:
                if _is_fetched(origin, where, fetched, reads):
                    fetched.setdefault(where, set()).update(names)
            for own, call in self._own_calls:
                if any(_is_fetched(each, call.function, fetched, reads) for each in call.arguments):
                    for function in own:
                        fetched.setdefault(function, set()).update(self._parameters[function])
            if sum(map(len, fetched.values())) == before:
                break
        return fetched

    @property
    def refits(self) -> bool:
        """Whether a loop fits or builds a data set, or two fits of one function have the same arguments."""
        fits = list(self._calls_of(_FITS.__contains__))
        if not fits:
            return False
        told = [(call.function, *map(ast.dump, call.node.args)) for call in fits if call.node.args]
        if len(told) > len(set(told)):
            return True
        calls = {call.node for call in fits}
        return any(each in calls for loop in self.loops for each in loop.calls)

    @property
    def counts_tensor(self) -> bool:
        """Whether a ``for`` loop that only computes runs over ``range(len(x))``, ``range(x.size(0))`` or the like."""
        return any(
            not isinstance(each.node, ast.While)
            and isinstance(each.node.iter, ast.Call)
            and len(each.node.iter.args) == 1
            and isinstance(each.node.iter.args[0], (ast.Call, ast.Subscript))
            and "range" in self._names_of(_last(each.node.iter.func))
            and not any(isinstance(part, _BRANCHES) for one in each.node.body for part in _nodes(one))
            for each in self.loops
        )

    @property
    def maps_list(self) -> bool:
        """Whether a list is made of calls with one element of a named list each: ``[f(p, x) for x in xs]``."""
        return any(
            isinstance(each.elt, ast.Call) and len(each.elt.args) > 1 and isinstance(each.generators[0].iter, ast.Name)
            for each in self._collected
        )

    def wraps_fresh(self, wrappers: Set[str], makers: Set[str], bodies: Set[str]) -> bool:
        """Whether one of ``wrappers`` decorates something or is given a function that may be made on the spot.

        What ``makers`` return is such a function; the ``bodies`` take one at any place.
        """
        if any(not self._names_of(each).isdisjoint(wrappers) for each in self._decorators):
            return True
        if self._is_partial(wrappers) or any(call.node.args for call in self._calls_of(bodies.__contains__)):
            return True
        firsts = [first for call in self._calls_of(wrappers.__contains__) if (first := call.first) is not None]
        made = {name for each in self._assigned for target in each.targets for name in _bound_by(target)}
        for each in firsts:
            if isinstance(each, ast.Lambda) or (isinstance(each, ast.Name) and each.id in made | self.functions):
                return True
            if isinstance(each, ast.Call) and not self._names_of(_last(each.func)).isdisjoint(makers | wrappers):
                return True
        return False

    def _is_partial(self, names: Set[str]) -> bool:
        """Whether one of ``names`` gets some of its arguments beforehand."""
        given = (first for call in self._calls_of("partial".__eq__) if (first := call.first) is not None)
        return any(not self._names_of(_last(each)).isdisjoint(names) for each in given)

    @property
    def extends(self) -> bool:
        """Whether a loop puts something behind what a name holds: ``x = cat([x, y])``, at any depth of the value."""
        return any(
            isinstance(call, ast.Call) and bool(call.args) and _starts_with(call.args[0], given.targets[0])
            for given in self._repeated_gifts
            for call in _nodes(given.value)
        )

    def called_from(self, function: str) -> set[str]:
        """What functions of a certain name call, themselves or through functions of this file."""
        by_function: dict[str, set[str]] = {}
        for where, name in self.function_calls:
            by_function.setdefault(where, set()).add(name)
        found: set[str] = set()
        new = [function]
        while new:
            further = {name for each in by_function.get(new.pop(), ()) for name in self._names_of(each)} - found
            found |= further
            new += further & by_function.keys()
        return found

    @cached_property
    def repeated(self) -> set[str]:
        """What is called in a loop or comprehension."""
        written = {_last(each.node.func) for each in self._repeated_calls}
        return {name for each in written for name in self._names_of(each)}

    @property
    def makes_single(self) -> bool:
        """Whether a loop or comprehension may make a batch of one: ``x[None]``, ``x.unsqueeze(0)``, ``[x]``."""
        return self._single or any(_adds_axis(each.node) for each in self._repeated_calls)

    @property
    def takes_batch_apart(self) -> bool:
        """Whether a loop or comprehension goes through something that a loop around it, over no range, gives."""
        bound: dict[ast.AST, set[str]] = {}
        for iterated, around in self._nested:
            names = set(_identifiers(iterated))
            for loop in around:
                if isinstance(loop.iter, ast.Call) and _last(loop.iter.func) in ("range", "trange"):
                    continue
                if loop not in bound:
                    bound[loop] = _stored(_below(loop))
                if names & bound[loop]:
                    return True
        return False

    def loads_again(
        self, is_meant: Callable[[str], object], keywords: Set[str | None] = frozenset(), *, open_names: bool
    ) -> bool:
        """Whether what is meant, or a function or class of the file that runs it, is called in a loop.

        Meant is what has a certain name or one of some ``keywords`` as argument. What stems from the project, and
        methods of that, may run anything; so may whole functions where ``open_names`` says that something maps them
        over rows.
        """
        project = self._of_project

        def is_open(call: _Called, name: str) -> bool:
            return not keywords.isdisjoint(call.keywords) or (call.owner in project and name not in _USUAL)

        runs: set[str] = set()
        callers: dict[str, set[str]] = {}
        meant: set[str] = set()
        for written, calls in self._named_calls.items():
            for name in self._meanings.get(written, (written,)):
                where = {each.function for each in calls}
                callers.setdefault(name, set()).update(where)
                if name in project or is_meant(name):
                    meant.add(name)
                    runs |= where
                elif not where <= runs:
                    runs.update(each.function for each in calls if is_open(each, name))
        runs.discard("")
        new = [*runs]
        while new:
            name = new.pop()
            run = {name, *(self._classes if name == "__init__" else ())}
            further = run.union(*(callers.get(each, ()) for each in run)) - runs - {""}
            runs |= further
            new += further
        if open_names and runs:
            return True
        return any(
            name in runs or name in meant or is_open(call, name)
            for call in self._repeated_calls
            for name in self._names_of(_last(call.node.func))
        )

    @cached_property
    def _of_project(self) -> set[str]:
        """Names of what is imported from no known library, or made of that."""
        project = self.project_names | self._foreign
        if not project:
            return project
        return project.union(
            name
            for each in self._assigned
            if not project.isdisjoint(each.identifiers)
            for target in each.targets
            for name in _bound_by(target)
        )

    def may_give(self, names: Set[str], keyword: str, position: int, wanted: object, default: object = None) -> bool:
        """Whether a call of one of ``names`` may have the value ``wanted`` for an argument, as far as it is literal."""
        return self._is_partial(names) or any(
            _may_be(_argument(call.node, keyword, position), wanted, default)
            for call in self._calls_of(names.__contains__)
        )

    def names_argument(self, name: str) -> bool:
        """Whether a keyword argument, an attribute or variable that gets a value has a certain name."""
        if any(name in call.keywords for calls in self._named_calls.values() for call in calls):
            return True
        return any(_last(target) == name for each in self._assigned for target in each.targets)

    @property
    def listed_tensor(self) -> bool:
        """Whether a tensor is made from a list, written there or kept under a name."""
        values = (ast.List, ast.ListComp, ast.Name)
        listed: set[str] | None = None
        for each in self._tensors:
            given = each.first
            if isinstance(given, (ast.List, ast.ListComp)) and _may_list(given):
                return True
            if listed is None:
                kept = (each for each in self._assigned if isinstance(each.value, values) and _may_list(each.value))
                listed = {name for each in kept for target in each.targets for name in _names(target)}
            if isinstance(given, ast.Name) and given.id in listed:
                return True
        return False

    @property
    def sums_graph(self) -> bool:
        """Whether a loop adds up, or appends to a list, what may hold an autograd graph."""
        plain: set[str] = set()
        for each in self._assigned:
            if each.tracked is not None and not each.tracked:
                plain |= each.names
        for each in self._assigned:
            if each.tracked is None or not each.tracked <= plain:
                plain -= each.names
        summed = (_tracked(value) for value, no_grad in self._summed if not no_grad)
        return any(tracked is None or not tracked <= plain for tracked in summed)


_NOTES: dict[type, Callable[[Outline, Any, _Place], _Place | None]] = {
    ast.Call: Outline._call,
    ast.Assign: Outline._assign,
    ast.AnnAssign: Outline._annotate,
    ast.NamedExpr: Outline._name,
    ast.AugAssign: Outline._add,
    ast.Import: Outline._import_module,
    ast.ImportFrom: Outline._import,
    ast.Return: Outline._return,
    ast.For: Outline._for,
    ast.AsyncFor: Outline._for,
    ast.While: Outline._while,
    ast.Subscript: Outline._pick,
    ast.List: Outline._list,
    ast.ListComp: Outline._comprehend,
    ast.SetComp: Outline._comprehend,
    ast.DictComp: Outline._comprehend,
    ast.GeneratorExp: Outline._comprehend,
    ast.With: Outline._with,
    ast.AsyncWith: Outline._with,
    ast.match_case: Outline._case,
    ast.FunctionDef: Outline._define,
    ast.AsyncFunctionDef: Outline._define,
    ast.ClassDef: Outline._define,
}
_ATOMS = frozenset(
    (
        *(int, str, bytes, float, complex, bool, NoneType, EllipsisType),
        *(ast.Load, ast.Store, ast.Del),
        *(each for base in (ast.operator, ast.unaryop, ast.boolop, ast.cmpop) for each in base.__subclasses__()),
    )
)
"""What is no node, or one that only says how its parent is meant."""
_LEAVES = _ATOMS | {ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal}
"""What holds no calls, loops or functions."""
_BRANCHES = (
    *(ast.If, ast.IfExp, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Break, ast.Continue, ast.Return),
    *(ast.Yield, ast.YieldFrom, ast.JoinedStr, ast.Delete, ast.Raise, ast.Lambda),
)
"""What a loop that only computes does not hold."""


def _add_to(all_of_them: dict[str, Any], further: dict[str, Any]) -> None:
    """Join what two parts of a file hold under the same names; of two single values the last one counts."""
    for key, there in further.items():
        here = all_of_them.get(key)
        if isinstance(there, str):
            all_of_them[key] = there
        elif here is None:
            all_of_them[key] = there.copy()
        elif isinstance(there, set):
            here |= there
        else:
            here += there


# -- expressions --------------------------------------------------------------------------------------------------


def _last(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _argument(call: ast.Call, keyword: str, position: int) -> ast.expr | None:
    """What a call gives for a parameter; the call itself where that cannot be read, ``None`` where it gives nothing."""
    for each in call.keywords:
        if each.arg == keyword:
            return each.value
    before = call.args[: position + 1]
    if any(each.arg is None for each in call.keywords) or any(isinstance(each, ast.Starred) for each in before):
        return call
    return call.args[position] if len(call.args) > position else None


def _may_be(node: ast.expr | None, wanted: object, default: object) -> bool:
    """Whether an argument may have a value; what is not written has the default."""
    if node is None:
        return default == wanted
    return not isinstance(node, ast.Constant) or node.value == wanted


def _starts_with(node: ast.expr, target: ast.expr) -> bool:
    first = node.elts[0] if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) == 2 else None
    return isinstance(first, ast.Name) and isinstance(target, ast.Name) and first.id == target.id


def _stored(nodes: Iterable[ast.AST]) -> set[str]:
    """Names, and last parts of attributes, that get a value."""
    stores = (each for each in nodes if isinstance(getattr(each, "ctx", None), ast.Store))
    return {_last(each) for each in stores if isinstance(each, (ast.Name, ast.Attribute))}


def _adds_first_axis(node: ast.Subscript) -> bool:
    """Whether a subscript may make a batch of one: ``x[None]``, ``x[np.newaxis, ...]``, ``x[i:i + 1]``."""
    first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
    if isinstance(first, ast.Slice):
        return first.lower is not None and isinstance(first.upper, ast.BinOp)
    return _last(first).endswith("newaxis") or (isinstance(first, ast.Constant) and first.value is None)


def _adds_axis(call: ast.Call) -> bool:
    """Whether a call may make a batch of one: ``x.unsqueeze(0)``, ``x.reshape(1, -1)``, ``zeros((1, n))``."""
    name = _last(call.func)
    given = [*call.args, *(each.value for each in call.keywords)]
    if name in ("unsqueeze", "unsqueeze_", "expand_dims", "newaxis"):
        return any(_may_number(each, 0) for each in given)
    if name in ("reshape", "zeros", "ones", "empty", "full"):
        return any(_may_number(part, 1) for each in given for part in getattr(each, "elts", (each,)))
    return False


def _may_number(node: ast.expr, wanted: int) -> bool:
    """Whether an expression may be a number that is written out, here or where a name gets it."""
    if isinstance(node, ast.Constant):
        return node.value == wanted
    return isinstance(node, (ast.Name, ast.Attribute, ast.Starred))


_USUAL = frozenset(
    """train eval to cuda cpu parameters named_parameters state_dict load_state_dict zero_grad append items keys values
    format join split backward step detach item""".split()
)
"""Methods that read no models, whatever they are called on."""


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _picks(node: ast.AST, index: str) -> bool:
    """Whether a member of something is picked by a name, alone or first."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, (ast.Attribute, ast.Subscript)):
        return False
    first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
    return isinstance(first, ast.Name) and first.id == index


def _adds_row(target: ast.expr) -> bool:
    return isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute) and target.value.attr == "loc"


def _is_joined(target: ast.expr, value: ast.expr) -> bool:
    """Whether a target is an argument, or an element of one, or the receiver, in a chain of calls."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return False
    written = ast.dump(target).replace("Store()", "Load()")
    while isinstance(value, ast.Call):
        first = value.args[0] if value.args else None
        joined = [first, *(first.elts if isinstance(first, (ast.List, ast.Tuple)) else ())]
        if any(each is not None and ast.dump(each) == written for each in joined):
            return True
        if not isinstance(value.func, ast.Attribute):
            return False
        if value.func.attr == "append" and ast.dump(value.func.value) == written:
            return True
        value = value.func.value
    return False


def _may_sweep(loop: ast.For | ast.AsyncFor) -> bool:
    """Whether a loop may run over values of a setting, rather than over data, models, folds or passes."""
    from greenlint.knowledge.searching import BENCH_NAMES

    if all(BENCH_NAMES.match(name) for name in _names(loop.target)):
        return False
    return not any("load" in name or "batch" in name for name in map(str.lower, _identifiers(loop.iter)))


def _is_library(root: str) -> bool:
    return root in LIBRARY_ROOTS or root in sys.stdlib_module_names


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it that is more than a mark, in no order: several times as fast as :func:`ast.walk`."""
    stack = [node]
    pop, push = stack.pop, stack.append
    while stack:
        each = pop()
        yield each
        for value in each.__dict__.values():
            kind = type(value)
            if kind is list:
                for one in value:
                    if type(one) not in _ATOMS:
                        push(one)
            elif kind not in _ATOMS:
                push(value)


def _names(node: ast.AST) -> Iterator[str]:
    return (each.id for each in _nodes(node) if isinstance(each, ast.Name))


def _identifiers(node: ast.AST) -> Iterator[str]:
    """Names, and the last parts of attributes."""
    for each in _nodes(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr


def _spreads(node: ast.expr, products: tuple[set[str], set[str]]) -> bool:
    """Whether an expression may be, or be made of, the combinations of several lists."""
    makers, held = products
    return not makers.isdisjoint(_called_in(node)) or not held.isdisjoint(_identifiers(node))


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (each.value for each in call.keywords)


def _called_in(node: ast.AST) -> Iterator[str]:
    return (_last(each.func) for each in _nodes(node) if isinstance(each, ast.Call))


def _bound_by(target: ast.expr) -> Iterator[str]:
    """The names, and last parts of attributes, that an assignment gives a value."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from _bound_by(each)
    elif isinstance(target, ast.Starred):
        yield from _bound_by(target.value)
    else:
        yield _last(target)


def _choices(value: ast.expr) -> Iterator[ast.expr]:
    """What a conditional expression chooses from."""
    if isinstance(value, ast.IfExp):
        yield from _choices(value.body)
        yield from _choices(value.orelse)
    else:
        yield value


def _without_grad(managers: Iterable[ast.expr], outside: bool) -> bool:
    """Whether gradients are off under managers or decorators, outermost first."""
    off = outside
    for each in managers:
        name = _last(each.func if isinstance(each, ast.Call) else each)
        given = [*each.args, *(keyword.value for keyword in each.keywords)] if isinstance(each, ast.Call) else []
        if name == "enable_grad":
            off = False
        elif name in _BY_ARGUMENT and given:
            off = isinstance(given[0], ast.Constant) and bool(given[0].value) is (name == "inference_mode")
        elif _NO_GRAD.search(name):
            off = True
    return off


def _origin(node: ast.expr) -> _Origin:
    """What the value of an expression may stem from."""
    names: set[str] = set()
    calls: set[str] = set()
    is_placed = False
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, ast.Name):
            names.add(each.id)
        elif isinstance(each, ast.Call):
            name = _last(each.func)
            calls.add(name)
            is_placed = is_placed or (name == "to" and any(map(_is_text, each.args)))
            stack += each.args
            if isinstance(each.func, ast.Attribute):
                stack.append(each.func.value)
        else:
            stack += _parts(each)
    return _Origin(frozenset(names), frozenset(calls), is_placed)


def _is_made(origin: _Origin, where: str, made: tuple[_Names, set[str]]) -> bool:
    """Whether an expression of the function ``where`` is a tensor just made, or something done to one."""
    names, makers = made
    return not makers.isdisjoint(origin.calls) or not origin.names.isdisjoint(names.get(where, ()))


def _is_fetched(origin: _Origin, where: str, fetched: _Names, reads: frozenset[str]) -> bool:
    """Whether an expression of the function ``where`` may be what was read from a device, or made of it."""
    if origin.is_placed or not reads.isdisjoint(origin.calls):
        return True
    return not origin.names.isdisjoint(fetched.get(where, ()))


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
    if isinstance(call.func, ast.Attribute) and call.func.attr != "device_put":
        return call.func.value
    return call.args[0] if call.args else None


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
        yield from _nodes(loop.target)
    for statement in loop.body:
        yield from _nodes(statement)


def _tracked(node: ast.expr) -> frozenset[str] | None:
    """The names of which one must hold an autograd graph if an expression does; ``None`` where it may without."""
    if isinstance(node, ast.Name):
        return frozenset((node.id,))
    if isinstance(node, ast.BinOp):
        left, right = _tracked(node.left), _tracked(node.right)
        return None if left is None or right is None else left | right
    if isinstance(node, ast.UnaryOp):
        return _tracked(node.operand)
    if isinstance(node, ast.Call):
        return frozenset() if _last(node.func) in _UNTRACKED else None
    return frozenset() if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare, ast.Dict)) else None
