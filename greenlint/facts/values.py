"""What expressions are: their kind, device, dtype, constant and origin, followed through assignments and calls."""

from __future__ import annotations

import ast
import enum
import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Argument, Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.knowledge import kinds
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts
    from greenlint.facts.mappings import MappingValue

__all__ = ["Device", "Value", "Values", "same_constant"]


class Device(enum.Enum):
    """Where a value lives. An accelerator chosen only when there is one counts as an accelerator."""

    HOST = "host"
    ACCELERATOR = "accelerator"


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of an expression's value; ``None`` (and ``UNKNOWN``) mean *not known*."""

    kind: Kind | None = None
    device: Device | None = None
    dtype: str | None = None
    constant: object = UNKNOWN
    call: Call | None = None
    """The call that made it."""
    instance_of: Definition | None = None
    """The class of this file or project that it is an instance of."""
    items: tuple[Value, ...] | None = None
    """The elements, in order, of a tuple or list."""
    element: bool = False
    """Whether it is one element of an iterable that a loop runs over."""


NOTHING = Value()


class Values:
    """Values of the expressions of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._project = facts[Project]
        # By the id() of nodes, which are kept alive beside: to hash them runs code of libcst's own.
        self._memo: dict[int, tuple[cst.CSTNode, Value]] = {}
        self._running: set[int] = set()
        self._parameters: dict[cst.CSTNode, Value] = {}
        self._arguments: dict[tuple[cst.FunctionDef, str], list[Argument]] = {}
        self._importing: set[str] = set()
        self._callees: dict[int, tuple[cst.Call, list[Definition]]] = {}

    # -- values -----------------------------------------------------------------------------------------------

    def of(self, node: cst.CSTNode) -> Value:
        """The value of an expression of this file."""
        key = id(node)
        known = self._memo.get(key)
        if known is not None:
            return known[1]
        if key in self._running or len(self._running) > _DEEPEST:
            return NOTHING
        self._running.add(key)
        try:
            value = self._of(node)
        finally:
            self._running.discard(key)
        self._memo[key] = node, value
        return value

    def constant(self, node: cst.CSTNode) -> object:
        """The constant an expression certainly equals, or ``UNKNOWN``."""
        return self.of(node).constant

    def _of(self, node: cst.CSTNode) -> Value:
        handler = _HANDLERS.get(type(node))
        return handler(self, node) if handler is not None else NOTHING

    def _literal(self, node: Any) -> Value:
        return Value(constant=_evaluated(node))

    def _name(self, node: cst.Name) -> Value:
        if node.value in _NAMED:
            return Value(constant=_NAMED[node.value])
        bindings = self._names.reaching(node)
        if not bindings:
            return self._from_star(node)
        return _join(self.of_binding(each) for each in bindings)

    def _from_star(self, node: cst.Name) -> Value:
        for module in reversed(self._names.star_imports):
            found = self._project.module(module)
            if found is not None and node.value in found[Names].module.bindings:
                return _join(found[Values].of_binding(each) for each in found[Names].module.bindings[node.value])
        return NOTHING

    def of_binding(self, binding: Binding) -> Value:
        """The value a binding gives its name."""
        if binding.kind is BindingKind.PARAMETER:
            return self._parameter(binding)
        if binding.kind is BindingKind.IMPORT:
            return self.imported(binding.imported or "")
        if binding.value is None:
            return NOTHING
        if binding.kind is BindingKind.AUGMENTED:
            return replace(self.of(binding.value), constant=UNKNOWN, call=None, items=None)
        if binding.kind is BindingKind.LOOP:
            return self._element(binding.value, binding.path)
        value = self.of(binding.value)
        if binding.kind is BindingKind.CONTEXT:
            return value
        return self._unpacked(binding.value, value, binding.path)

    def _unpacked(self, node: cst.BaseExpression, value: Value, path: Sequence[int]) -> Value:
        for step in path:
            if value.items is not None and 0 <= step < len(value.items):
                value = value.items[step]
            elif value.kind in (Kind.TENSOR, Kind.ARRAY):
                value = Value(kind=value.kind, device=value.device, dtype=value.dtype)
            else:
                return self._part(value, step)
        return value

    def _part(self, value: Value, step: int) -> Value:
        """One of several results of a known call."""
        name = value.call.name if value.call is not None else None
        parts = kinds.RETURNS_SEVERAL.get(name or "")
        if parts is not None and 0 <= step < len(parts):
            return Value(kind=parts[step])
        return NOTHING

    # -- iteration --------------------------------------------------------------------------------------------

    def iterated(self, node: cst.BaseExpression) -> cst.BaseExpression:
        """What a loop really runs over: the argument of ``enumerate``, ``tqdm`` and the like."""
        while isinstance(node, cst.Call):
            call = self._calls.of(node)
            if (call.method not in kinds.PASS_THROUGH_ITERATORS and call.method != "enumerate") or not call.positional:
                return node
            node = call.positional[0]
        return node

    def _element(self, node: cst.BaseExpression, path: Sequence[int]) -> Value:
        while isinstance(node, cst.Call):
            call = self._calls.of(node)
            plain = call.positional
            if call.method == "enumerate" and plain:
                if path and path[0] == 0:
                    return NOTHING
                node, path = plain[0], path[1:]
            elif call.method == "zip" and path and 0 <= path[0] < len(plain):
                node, path = plain[path[0]], path[1:]
            elif call.method in kinds.PASS_THROUGH_ITERATORS and plain:
                node = plain[0]
            else:
                break
        value = self.of(node)
        if value.kind in (Kind.DATALOADER, Kind.TF_DATASET):
            return Value(kind=Kind.TENSOR, device=value.device or Device.HOST, element=True, call=value.call)
        if value.kind in (Kind.TENSOR, Kind.ARRAY):
            return Value(kind=value.kind, device=value.device, element=True)
        return Value(element=True)

    # -- compound expressions ---------------------------------------------------------------------------------

    def _sequence(self, node: cst.Tuple | cst.List) -> Value:
        if any(not isinstance(each, cst.Element) for each in node.elements):
            return NOTHING
        items = tuple(self.of(each.value) for each in node.elements)
        constants = [each.constant for each in items]
        known = not any(each is UNKNOWN for each in constants)
        make: Callable[[Iterable[object]], object] = tuple if isinstance(node, cst.Tuple) else list
        return Value(constant=make(constants) if known else UNKNOWN, items=items)

    def _either(self, node: cst.IfExp) -> Value:
        test = self.constant(node.test)
        if test is not UNKNOWN:
            return self.of(node.body if test else node.orelse)
        return _join((self.of(node.body), self.of(node.orelse)))

    def _boolean(self, node: cst.BooleanOperation) -> Value:
        left, right = self.of(node.left), self.of(node.right)
        if left.constant is not UNKNOWN:
            takes_left = bool(left.constant) is isinstance(node.operator, cst.Or)
            return left if takes_left else right
        return Value()

    def _binary(self, node: cst.BinaryOperation) -> Value:
        left, right = self.of(node.left), self.of(node.right)
        if left.constant is not UNKNOWN and right.constant is not UNKNOWN:
            return Value(constant=_computed(node.operator, left.constant, right.constant))
        for side in (left, right):
            if side.kind in (Kind.TENSOR, Kind.ARRAY):
                return Value(kind=side.kind, device=side.device)
        return NOTHING

    def _unary(self, node: cst.UnaryOperation) -> Value:
        value = self.of(node.expression)
        if isinstance(node.operator, cst.Not):
            return NOTHING if value.constant is UNKNOWN else Value(constant=not value.constant)
        if isinstance(value.constant, (int, float)):
            return Value(constant=-value.constant if isinstance(node.operator, cst.Minus) else UNKNOWN)
        return Value(kind=value.kind, device=value.device)

    def _comparison(self, node: cst.Comparison) -> Value:
        if any(isinstance(each.operator, (cst.Is, cst.IsNot, cst.In, cst.NotIn)) for each in node.comparisons):
            return NOTHING
        left = self.of(node.left)
        if left.kind in (Kind.TENSOR, Kind.ARRAY):
            return Value(kind=left.kind, device=left.device)
        return NOTHING

    def _subscript(self, node: cst.Subscript) -> Value:
        value = self.of(node.value)
        if value.kind in (Kind.TENSOR, Kind.ARRAY):
            return Value(kind=value.kind, device=value.device, dtype=value.dtype)
        index = self.index(node)
        if value.items is not None and isinstance(index, int) and -len(value.items) <= index < len(value.items):
            return value.items[index]
        if isinstance(index, str):
            mapping = self.mapping(node.value)
            entry = mapping.entries.get(index) if mapping is not None else None
            if entry is not None and entry.certain:
                return entry.facts[Values].of(entry.node)
        return NOTHING

    def index(self, node: cst.Subscript) -> object:
        """The constant that a subscript picks with, or ``UNKNOWN``."""
        if len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
            return self.constant(node.slice[0].slice.value)
        return UNKNOWN

    # -- attributes -------------------------------------------------------------------------------------------

    def _attribute(self, node: cst.Attribute) -> Value:
        resolved = self._names.resolve(node)
        if resolved is not None:
            stored = [each for each in self._names.stores.get(node.attr.value, ()) if self._is_same(each, resolved)]
            return _join((self._named(resolved), *map(self.of_binding, stored)))
        bindings = self.attribute_bindings(node)
        if bindings:
            return _join(facts[Values].of_binding(each) for facts, each in bindings)
        receiver = self.of(node.value)
        if receiver.kind is Kind.TENSOR and node.attr.value in kinds.TENSOR_VIEWS:
            return Value(kind=Kind.TENSOR, device=receiver.device, dtype=receiver.dtype)
        if receiver.kind is Kind.TENSOR and node.attr.value == "device":
            return Value(kind=Kind.DEVICE, device=receiver.device)
        if receiver.kind in (Kind.ACCELERATOR, Kind.FABRIC) and node.attr.value == "device":
            return Value(kind=Kind.DEVICE, device=_device_placed_on(receiver))
        return NOTHING

    def _is_same(self, store: Binding, resolved: str) -> bool:
        """Whether this file stores to an attribute of a module or imported class."""
        return store.target is not None and self._names.resolve(store.target) == resolved

    def attribute_bindings(self, node: cst.Attribute) -> list[tuple[Facts, Binding]]:
        """Where ``self.NAME``, ``Class.NAME`` or ``instance.NAME`` gets its value, through project base classes."""
        owner = self.owner(node.value)
        if owner is None:
            return []
        name = node.attr.value
        found = dict.fromkeys(_attributes(owner, name, 4))
        if found:
            found.update(dict.fromkeys(self._set_elsewhere(owner, name, node.value)))
        return list(found)

    def _set_elsewhere(
        self, owner: Definition, name: str, receiver: cst.BaseExpression
    ) -> Iterator[tuple[Facts, Binding]]:
        """What this file stores into the attribute from outside the class, and what subclasses here give ``self``."""
        for each in self._names.stores.get(name, ()):
            # What a method gives ``self`` is not from outside.
            if each.target is None or _is_self(each.target.value):
                continue
            target = self.owner(each.target.value)
            if target is not None and target.node is owner.node:
                yield self._facts, each
        if _is_self(receiver):
            for below in self._derived.get(owner.node, ()):
                yield from _attributes(below, name, 0)

    @functools.cached_property
    def _derived(self) -> dict[cst.CSTNode, list[Definition]]:
        """The classes of this file that are derived from each class of the project."""
        found: dict[cst.CSTNode, list[Definition]] = {}
        for node in self._tree.of_type(cst.ClassDef):
            definition = Definition(self._facts, node)
            for above in {each.node for each in self._project.above(definition)}:
                found.setdefault(above, []).append(definition)
        return found

    def owner(self, receiver: cst.BaseExpression) -> Definition | None:
        """The class of this file or project whose attribute ``receiver.NAME`` would be."""
        if _is_self(receiver):
            above = self._tree.enclosing(receiver, cst.ClassDef)
            return Definition(self._facts, above) if above is not None else None
        if isinstance(receiver, cst.Name):
            definition = self._project.definition(receiver)
            if definition is not None:
                return definition if isinstance(definition.node, cst.ClassDef) else None
        if isinstance(receiver, cst.Call) and dotted(receiver.func) == "super":
            above = self._tree.enclosing(receiver, cst.ClassDef)
            bases = above.bases if above is not None else ()
            return next(filter(None, (self._project.definition(each.value) for each in bases)), None)
        return self.of(receiver).instance_of

    def _named(self, resolved: str) -> Value:
        """The value of a dotted name of a library or of another project module."""
        dtype = _dtype_named(resolved)
        if dtype is not None:
            return Value(kind=Kind.DTYPE, constant=resolved, dtype=dtype)
        return self.imported(resolved)

    def imported(self, resolved: str) -> Value:
        """The value of a dotted name of another module of the project, or of a library's dtype."""
        head, _, name = resolved.rpartition(".")
        if not head:
            return NOTHING
        dtype = _dtype_named(resolved)
        if dtype is not None:
            return Value(kind=Kind.DTYPE, constant=resolved, dtype=dtype)
        module = self._project.module(head if head.strip(".") else resolved[: len(resolved) - len(name)])
        if module is None:
            return self._member(head, name)
        if resolved in self._importing:
            return NOTHING
        self._importing.add(resolved)
        try:
            bindings = module[Names].module.bindings.get(name, ())
            values = [module[Values].of_binding(each) for each in bindings if each.kind is not BindingKind.FUNCTION]
        finally:
            self._importing.discard(resolved)
        return _join(values) if values else NOTHING

    def _member(self, head: str, name: str) -> Value:
        owner = self._project.named(head) if "." in head else None
        if owner is None or not isinstance(owner.node, cst.ClassDef):
            return NOTHING
        found = list(_attributes(owner, name, 4))
        return _join(facts[Values].of_binding(each) for facts, each in found) if found else NOTHING

    # -- parameters -------------------------------------------------------------------------------------------

    def _parameter(self, binding: Binding) -> Value:
        known = self._parameters.get(binding.node)
        if known is None:
            self._parameters[binding.node] = NOTHING
            known = self._parameters[binding.node] = self._passed(binding)
        return known

    def _passed(self, binding: Binding) -> Value:
        """What the call sites in the module and project agree on."""
        function = binding.scope.node
        if not isinstance(function, cst.FunctionDef) or not isinstance(binding.node, cst.Param) or binding.node.star:
            return NOTHING
        arguments = self.arguments_for(function, binding.name)
        if not arguments:
            return self._declared(binding.node)
        values = []
        for argument in arguments:
            if argument.node is not None:
                values.append(argument.facts[Values].of(argument.node))
            elif argument.known and binding.value is not None:
                values.append(self.of(binding.value))
            else:
                values.append(NOTHING)
        joined = _join(values)
        if joined.kind is not None or joined.instance_of is not None:
            return joined
        declared = self._declared(binding.node)
        return replace(joined, kind=declared.kind, instance_of=declared.instance_of)

    def _declared(self, param: cst.Param) -> Value:
        """What the annotation of a parameter says it is."""
        if param.annotation is None:
            return NOTHING
        written = param.annotation.annotation
        definition = self._project.definition(written)
        if definition is not None and isinstance(definition.node, cst.ClassDef):
            return Value(kind=self.kind_of_class(definition), instance_of=definition)
        name = self._names.resolve(written)
        return Value(kind=kinds.kind_returned(name)) if name is not None else NOTHING

    def arguments_for(self, function: cst.FunctionDef, parameter: str) -> list[Argument]:
        """What each call site known in the module and project passes for a parameter."""
        key = (function, parameter)
        known = self._arguments.get(key)
        if known is None:
            # A call in whose ``**kwargs`` the same question comes up again: recursion, of which nothing is known.
            self._arguments[key] = [Argument(self._facts, None, known=False)]
            known = self._arguments[key] = self._find_arguments(function, parameter)
        return known

    def _find_arguments(self, function: cst.FunctionDef, parameter: str) -> list[Argument]:
        owner = self._tree.class_of(function)
        method = owner is not None and not _is_static(function)
        position = _position(function, parameter, skip_first=method)
        if function.name.value == "__init__" and owner is not None:
            calls = self._constructions(owner)
            decorated = Definition(self._facts, owner)
        else:
            calls = self._project.callers(function)
            decorated = Definition(self._facts, function)
        found = [call.argument(parameter, position) for call in calls]
        if _is_plain(decorated):
            return found
        # What callers leave out, a decorator may fill in: click, gin and sacred do.
        return [Argument(self._facts, None, known=False) if each.absent else each for each in found]

    def _constructions(self, owner: cst.ClassDef) -> list[Call]:
        name = owner.name.value
        found = [
            call
            for call in self._calls.methods(name)
            if (target := self._project.definition(call.node.func)) is not None and target.node is owner
        ]
        for other in self._project.importers(name):
            for call in other[Calls].methods(name):
                target = other[Project].definition(call.node.func)
                if target is not None and target.node is owner:
                    found.append(call)
        return found

    def default(self, node: cst.BaseExpression) -> object:
        """The documented default of a changeable value: of a parameter, an argparse or click option, a dataclass field.

        Never the value itself: whoever runs the program may change it.
        """
        from greenlint.facts.options import Options

        if isinstance(node, cst.Name):
            for binding in self._names.reaching(node):
                if binding.kind is BindingKind.PARAMETER and binding.value is not None:
                    return self.constant(binding.value)
                if binding.kind is BindingKind.PARAMETER and _takes_options(binding.scope.node):
                    return self._facts[Options].default(binding.name)
                if binding.kind is BindingKind.ASSIGN and isinstance(binding.value, cst.Attribute):
                    return self._facts[Options].default(binding.value.attr.value)
        if isinstance(node, cst.Attribute):
            return self._facts[Options].default(node.attr.value)
        return UNKNOWN

    # -- calls ------------------------------------------------------------------------------------------------

    def callee(self, node: cst.Call) -> Definition | None:
        """The one function, method or class of this file or project that a call runs."""
        found = self.callees(node)
        return found[0] if len(found) == 1 else None

    def callees(self, node: cst.Call) -> list[Definition]:
        """The functions, methods and classes that a call may run: several when a function is passed as argument."""
        known = self._callees.get(id(node))
        if known is not None:
            return known[1]
        found = self._find_callees(node)
        if not self._running:
            # In the middle of something else, what that leads to is not known yet.
            self._callees[id(node)] = node, found
        return found

    def _find_callees(self, node: cst.Call) -> list[Definition]:
        func = node.func
        found = self._project.definition(func)
        if found is not None:
            return [found]
        if type(func) is cst.Attribute:
            owner = self.owner(func.value) if self._project.may_define(func.attr.value) else None
            method = self._project.method(owner, func.attr.value) if owner is not None else None
            return [method] if method is not None else []
        return self._passed_functions(func) if isinstance(func, cst.Name) else []

    def calls(self) -> Iterator[Call]:
        """The calls that run one function, method or class of the project, in source order."""
        for node in self._facts[Tree].of_type(cst.Call):
            if self._project.may_run(node.func) and self.callee(node) is not None:
                yield self._calls.of(node)

    def returned(self, node: cst.Call) -> list[tuple[Facts, cst.BaseExpression]]:
        """The expressions of which a call gives one: what the one function that it runs returns.

        Nothing when that cannot be seen, or may be changed by a decorator of a library that cannot be seen.
        """
        found = self.callee(node)
        if found is None or isinstance(found.node, cst.ClassDef) or not _is_plain(found):
            return []
        tree = found.facts[Tree]
        return [
            (found.facts, each.value)
            for each in tree.below(found.node.body, cst.Return)
            if tree.function(each) is found.node and each.value is not None
        ]

    def _passed_functions(self, name: cst.Name) -> list[Definition]:
        """The functions that call sites pass for a parameter."""
        bindings = self._names.reaching(name)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.PARAMETER:
            return []
        function = bindings[0].scope.node
        if not isinstance(function, cst.FunctionDef):
            return []
        found: dict[cst.CSTNode, Definition] = {}
        for argument in self.arguments_for(function, name.value):
            if isinstance(argument.node, (cst.Name, cst.Attribute)):
                definition = argument.facts[Project].definition(argument.node)
                if definition is not None and isinstance(definition.node, cst.FunctionDef):
                    found[definition.node] = definition
        return list(found.values())

    def _call(self, node: cst.Call) -> Value:
        call = self._calls.of(node)
        if call.name is not None:
            value = self._library(call)
            if value is not None:
                return value
        definition = self.callee(node)
        if definition is not None:
            return self._defined(call, definition)
        return self._method(call)

    def _library(self, call: Call) -> Value | None:
        name = call.name or ""
        kind = kinds.kind_returned(name)
        if name in kinds.TENSOR_FACTORIES:
            return Value(Kind.TENSOR, self._factory_device(call), self._dtype_argument(call), call=call)
        if name in ("torch.device", "torch.cuda.device", "torch.accelerator.current_accelerator"):
            return Value(Kind.DEVICE, self._device_made(call), call=call)
        if kind is None and name.startswith("builtins."):
            return self._builtin(call)
        if kind is None:
            return None
        device = Device.HOST if kind is Kind.ARRAY else None
        # A parameter moves with its module, wherever the tensor came from that it was made of.
        if kind is Kind.TENSOR and name != "torch.nn.Parameter":
            device = self._device_of_arguments(call)
        return Value(kind, device, call=call)

    def _builtin(self, call: Call) -> Value | None:
        if call.name in ("builtins.list", "builtins.tuple", "builtins.range") and not call.is_open:
            arguments = [self.constant(each) for each in call.positional]
            if arguments and not any(each is UNKNOWN for each in arguments):
                return Value(constant=_listed(call.method, arguments), call=call)
        if call.name in ("builtins.int", "builtins.float", "builtins.str") and call.positional:
            constant = self.constant(call.positional[0])
            if isinstance(constant, (int, float, str)):
                return Value(constant=_cast(call.method, constant), call=call)
        return Value(call=call)

    def _device_made(self, call: Call) -> Device | None:
        if call.name == "torch.accelerator.current_accelerator" or call.name == "torch.cuda.device":
            return Device.ACCELERATOR
        plain = call.positional
        written = plain[0] if plain else call.keyword("type")
        return self.device(written) if written is not None else None

    def _factory_device(self, call: Call) -> Device | None:
        argument = call.argument("device")
        if argument.node is not None:
            return argument.facts[Values].device(argument.node)
        if not argument.known:
            return None
        if call.method.endswith("_like") and call.positional:
            return self.of(call.positional[0]).device
        return Device.HOST

    def _device_of_arguments(self, call: Call) -> Device | None:
        """Where a tensor function works: on an accelerator when an argument is there, on the host when all are."""
        found = set()
        for each in call.positional:
            value = self.of(each)
            if value.constant is UNKNOWN:
                found.add(value.device if value.kind is Kind.TENSOR else None)
        if Device.ACCELERATOR in found:
            return Device.ACCELERATOR
        return Device.HOST if found == {Device.HOST} else None

    def _dtype_argument(self, call: Call) -> str | None:
        argument = call.argument("dtype")
        value = argument.value
        return value.dtype if value is not None else None

    def _defined(self, call: Call, definition: Definition) -> Value:
        if isinstance(definition.node, cst.ClassDef):
            return Value(self.kind_of_class(definition), call=call, instance_of=definition)
        value = _join(facts[Values].of(each) for facts, each in self.returned(call.node))
        return replace(value, call=value.call if value.call is not None else call)

    def kind_of_class(self, definition: Definition) -> Kind | None:
        """What instances of a class of the project are, by its base classes."""
        for base in self._project.bases(definition):
            kind = kinds.kind_of_base(base)
            if kind is not None:
                return kind
        return None

    def _method(self, call: Call) -> Value:
        receiver_node = call.receiver
        if receiver_node is None:
            return self._applied(call)
        receiver = self.of(receiver_node)
        if call.method in ("to", "cuda", "cpu", "xpu", "mps", "npu"):
            return self._moved(call, receiver)
        if call.method in kinds.CHAINED and receiver.kind is not None:
            return replace(receiver, constant=UNKNOWN)
        if receiver.kind is Kind.TENSOR:
            return self._tensor_method(call, receiver)
        if call.method in _PREPARING and call.positional:
            items = tuple(replace(self.of(each), device=_device_placed_on(receiver)) for each in call.positional)
            return items[0] if len(items) == 1 else Value(call=call, items=items)
        if receiver.kind in _CALLABLE:
            return Value(kinds.METHOD_RETURNS.get(call.method), call=call)
        return (
            Value(kinds.METHOD_RETURNS.get(call.method), call=call)
            if call.method in kinds.METHOD_RETURNS
            else Value(call=call)
        )

    def _applied(self, call: Call) -> Value:
        """``model(x)``: calling a value."""
        func = self.of(call.node.func)
        if func.kind in _CALLABLE:
            return Value(Kind.TENSOR, func.device or self._device_of_arguments(call), call=call)
        return Value(call=call)

    def _moved(self, call: Call, receiver: Value) -> Value:
        device = self.target(call)
        dtype = self._moved_dtype(call)
        return replace(
            receiver,
            device=device if device is not None or self._names_device(call) else receiver.device,
            dtype=dtype or receiver.dtype,
            constant=UNKNOWN,
        )

    def _moved_dtype(self, call: Call) -> str | None:
        for each in (*call.positional, call.keyword("dtype")):
            if each is not None and (value := self.of(each)).dtype is not None:
                return value.dtype
        return None

    def _names_device(self, call: Call) -> bool:
        """Whether a ``.to(...)`` names a device at all, rather than only a dtype or layout."""
        if call.method != "to":
            return True
        if call.keyword("device") is not None:
            return True
        return bool(call.positional) and self.of(call.positional[0]).kind is not Kind.DTYPE

    def target(self, call: Call) -> Device | None:
        """Where ``x.to(...)``, ``x.cuda()`` or ``x.cpu()`` puts its value."""
        if call.method in ("cuda", "xpu", "mps", "npu"):
            return Device.ACCELERATOR
        if call.method == "cpu":
            return Device.HOST
        written = call.keyword("device")
        if written is None and call.positional:
            written = call.positional[0]
        return self.device(written) if written is not None else None

    def _tensor_method(self, call: Call, receiver: Value) -> Value:
        if call.method in kinds.TO_HOST:
            made = Kind.ARRAY if call.method == "numpy" else None
            return Value(made, Device.HOST, call=call)
        if call.method in kinds.HOST_METADATA:
            return Value(call=call)
        dtype = kinds.CASTS.get(call.method, receiver.dtype)
        return Value(Kind.TENSOR, receiver.device, dtype, call=call)

    def device(self, node: cst.BaseExpression) -> Device | None:
        """The device an expression in device position names; see :class:`~greenlint.facts.devices.Devices`."""
        from greenlint.facts.devices import Devices

        return self._facts[Devices].of(node)

    def mapping(self, node: cst.BaseExpression) -> MappingValue | None:
        """What is known of a dictionary expression; see :class:`~greenlint.facts.mappings.Mappings`."""
        from greenlint.facts.mappings import Mappings

        return self._facts[Mappings].of(node)


# -- joining ---------------------------------------------------------------------------------------------------


def _join(values: Iterable[Value]) -> Value:
    """What all values agree on."""
    every = list(values)
    if not every:
        return NOTHING
    first = every[0]
    if len(every) == 1:
        return first
    real = [each for each in every if each.constant is not None] or every
    kind = real[0].kind if all(each.kind is real[0].kind for each in real) else None
    return Value(
        kind=kind,
        device=real[0].device if all(each.device is real[0].device for each in real) else None,
        dtype=real[0].dtype if all(each.dtype == real[0].dtype for each in real) else None,
        constant=first.constant if all(same_constant(each.constant, first.constant) for each in every) else UNKNOWN,
        call=real[0].call if all(each.call is real[0].call for each in real) else None,
        instance_of=real[0].instance_of if all(each.instance_of == real[0].instance_of for each in real) else None,
        items=real[0].items if all(each.items == real[0].items for each in real) else None,
        element=all(each.element for each in real),
    )


def same_constant(one: object, other: object) -> bool:
    """Equal in value and type: ``1``, ``1.0`` and ``True`` differ."""
    return one is other or (type(one) is type(other) and one == other)


# -- attributes ------------------------------------------------------------------------------------------------


def _is_self(receiver: cst.BaseExpression) -> bool:
    return isinstance(receiver, cst.Name) and receiver.value in ("self", "cls")


def _attributes(owner: Definition, name: str, depth: int) -> Iterator[tuple[Facts, Binding]]:
    """The bindings of ``name`` on a class and its instances; dataclass fields can be changed, so they are not known."""
    node = owner.node
    assert isinstance(node, cst.ClassDef)
    names = owner.facts[Names]
    found = list(names.attributes.get(f"{node.name.value}.{name}", ()))
    scope = names.of(node)
    if scope is not None and not _is_record(node):
        found.extend(
            each for each in scope.bindings.get(name, ()) if each.kind is BindingKind.ASSIGN and each.value is not None
        )
        stores = [each for each in names.stores.get(name, ()) if _is_class_store(each, node)]
        found.extend(stores)
    if found:
        for each in found:
            yield owner.facts, each
        return
    if depth:
        for base in node.bases:
            above = owner.facts[Project].definition(base.value)
            if above is not None and isinstance(above.node, cst.ClassDef) and above.node is not node:
                yield from _attributes(above, name, depth - 1)


def _is_class_store(binding: Binding, owner: cst.ClassDef) -> bool:
    target = binding.node.targets[0].target if isinstance(binding.node, cst.Assign) else None
    return isinstance(target, cst.Attribute) and dotted(target.value) == owner.name.value


def _is_record(node: cst.ClassDef) -> bool:
    """Whether instances get their fields from outside: dataclasses, pydantic models, option classes."""
    for decorator in node.decorators:
        name = dotted(decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator)
        if name is not None and name.rsplit(".", 1)[-1] in ("dataclass", "define", "frozen", "attrs", "s"):
            return True
    bases = {(dotted(each.value) or "").rsplit(".", 1)[-1] for each in node.bases}
    return bool(bases & {"BaseModel", "BaseSettings", "NamedTuple", "TypedDict", "Tap", "Struct", "TrainingArguments"})


def _is_plain(definition: Definition) -> bool:
    """Whether no decorator may change what a function gets or returns: those of libraries that cannot be seen may."""
    names = definition.facts[Names]
    for each in definition.node.decorators:
        written = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
        name = names.resolve(written) or ""
        known = name in _PLAIN or name.partition(".")[0] in _PLAIN_LIBRARIES
        known = known or (dotted(written) or "").rpartition(".")[2].startswith("register")
        if not known and definition.facts[Project].definition(written) is None:
            return False
    return True


def _takes_options(function: cst.CSTNode) -> bool:
    """Whether the parameters of a function are the options of a command."""
    decorators = function.decorators if isinstance(function, cst.FunctionDef) else ()
    written = (each.decorator for each in decorators)
    return any((dotted(each.func) or "").rsplit(".")[-1] == "option" for each in written if isinstance(each, cst.Call))


def _device_placed_on(launcher: Value) -> Device:
    """Where accelerate and Fabric put loaders, networks and optimizers that they prepare."""
    call = launcher.call
    if call is None or launcher.kind not in (Kind.ACCELERATOR, Kind.FABRIC):
        return Device.ACCELERATOR
    on_host = call.argument("cpu").constant is True or call.argument("accelerator").constant == "cpu"
    return Device.HOST if on_host else Device.ACCELERATOR


def _is_static(function: cst.FunctionDef) -> bool:
    return any(dotted(each.decorator) == "staticmethod" for each in function.decorators)


def _position(function: cst.FunctionDef, parameter: str, *, skip_first: bool) -> int | None:
    names = [each.name.value for each in (*function.params.posonly_params, *function.params.params)]
    if skip_first:
        names = names[1:]
    return names.index(parameter) if parameter in names else None


# -- constants -------------------------------------------------------------------------------------------------

_DEEPEST = 60
_NAMED: dict[str, object] = {"True": True, "False": False, "None": None}
_PLAIN_LIBRARIES = frozenset("builtins functools dataclasses abc typing typing_extensions torch tensorflow".split())
_PLAIN = frozenset("jax.jit flax.nnx.jit equinox.filter_jit numba.jit numba.njit".split())
"""Decorators after which a function still takes and returns the same."""
_PREPARING = frozenset(("prepare", "setup", "setup_module", "setup_dataloaders"))
_CALLABLE = (Kind.MODULE, Kind.HF_MODEL, Kind.CRITERION)
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    cst.Add: operator.add,
    cst.Subtract: operator.sub,
    cst.Multiply: operator.mul,
    cst.Divide: operator.truediv,
    cst.FloorDivide: operator.floordiv,
    cst.Modulo: operator.mod,
}


def _evaluated(node: Any) -> object:
    if isinstance(node, cst.Ellipsis):
        return UNKNOWN
    if isinstance(node, cst.ConcatenatedString):
        value = node.evaluated_value
        return UNKNOWN if value is None else value
    try:
        return ast.literal_eval(node.value)
    except (ValueError, SyntaxError, MemoryError):
        return UNKNOWN


def _computed(kind: cst.BaseBinaryOp, left: Any, right: Any) -> object:
    if isinstance(kind, cst.Power) and all(
        isinstance(each, (int, float)) and abs(each) <= 64 for each in (left, right)
    ):
        return left**right if left or right >= 0 else UNKNOWN
    compute = _OPERATORS.get(type(kind))
    simple = (int, float) if not isinstance(kind, cst.Add) else (int, float, str, list, tuple)
    if compute is None or not isinstance(left, simple) or not isinstance(right, simple):
        return _repeated(kind, left, right)
    try:
        return compute(left, right)
    except (TypeError, ZeroDivisionError, OverflowError):
        return UNKNOWN


def _repeated(kind: cst.BaseBinaryOp, left: Any, right: Any) -> object:
    """``[x] * 3``, within reason."""
    countable = isinstance(kind, cst.Multiply) and isinstance(left, (list, tuple)) and isinstance(right, int)
    return left * right if countable and len(left) * right <= 1000 else UNKNOWN


def _listed(method: str, values: list[Any]) -> object:
    try:
        if method == "range":
            made = range(*values)
            return list(made) if len(made) <= 10_000 else UNKNOWN
        return list(values[0]) if method == "list" else tuple(values[0])
    except (TypeError, ValueError):
        return UNKNOWN


def _cast(method: str, value: Any) -> object:
    try:
        return {"int": int, "float": float, "str": str}[method](value)
    except (ValueError, OverflowError):
        return UNKNOWN


# -- devices and dtypes ----------------------------------------------------------------------------------------


_DTYPES = frozenset(
    """float64 double float32 float float16 half bfloat16 int64 long int32 int int16 int8 uint8 bool complex64
    complex128 float_ float8_e4m3fn float8_e5m2""".split()
)
_DTYPE_ROOTS = ("torch", "numpy", "jax.numpy", "tensorflow", "cupy")
_DTYPE_NAMES = {
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "float_": "float64",
}


def _dtype_named(resolved: str) -> str | None:
    root, _, name = resolved.rpartition(".")
    return _DTYPE_NAMES.get(name, name) if root in _DTYPE_ROOTS and name in _DTYPES else None


_HANDLERS: dict[type, Callable[[Values, Any], Value]] = {
    cst.Integer: Values._literal,
    cst.Float: Values._literal,
    cst.SimpleString: Values._literal,
    cst.ConcatenatedString: Values._literal,
    cst.Name: Values._name,
    cst.Attribute: Values._attribute,
    cst.Call: Values._call,
    cst.Tuple: Values._sequence,
    cst.List: Values._sequence,
    cst.IfExp: Values._either,
    cst.BooleanOperation: Values._boolean,
    cst.BinaryOperation: Values._binary,
    cst.UnaryOperation: Values._unary,
    cst.Comparison: Values._comparison,
    cst.Subscript: Values._subscript,
    cst.NamedExpr: lambda self, node: self.of(node.value),
    cst.Await: lambda self, node: self.of(node.expression),
}
