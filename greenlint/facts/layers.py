"""The layers behind a network: collected from constructors, through classes, containers and factory functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import Binding, BindingKind, Names, dotted
from greenlint.facts.options import Options
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import layers as known
from greenlint.knowledge.layers import Sort

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Layers", "Size", "collect", "size_of"]

_DEPTH = 14
_DEFINITIONS = 80
"""How many classes and functions of the project one network may be spread over."""
_WIDE_CONV = 64
_MANY_CONVS = 5
"""Fewer convolutions than this, all of known width, must be twice as wide to count."""
_WIDE_CONV1D = 256
_WIDE_STATE = 128
_NARROW_SIDE = 256
_BIG_PRODUCT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Size:
    """A size that may take several values: the largest one seen, and whether there can be no other."""

    largest: int | None = None
    certain: bool = False


@dataclass(slots=True)
class Layers:
    """What a network is made of."""

    conv: bool = False
    attention: bool = False
    recurrent: bool = False
    pretrained: str | None = None
    """The ready-made network it is or contains, by its canonical name."""
    names: set[str] = field(default_factory=set)
    """Canonical names of the layers."""
    channels: list[Size] = field(default_factory=list)
    signals: list[Size] = field(default_factory=list)
    """Channels of one-dimensional convolutions."""
    hidden: list[Size] = field(default_factory=list)
    """State sizes of recurrent layers."""
    dims: list[Size] = field(default_factory=list)
    """Widths of attention layers."""
    linears: list[tuple[Size, Size]] = field(default_factory=list)
    units: list[Size] = field(default_factory=list)
    """Widths of dense layers whose input width is not written (Keras, Flax)."""
    opaque: bool = False
    """Whether some part of it could not be followed."""

    @property
    def found(self) -> bool:
        """Whether any layer was found at all."""
        return bool(self.names or self.pretrained)

    @property
    def linear_max(self) -> tuple[int, int] | None:
        """The largest known product of input and output width of a linear layer."""
        pairs = [(a.largest, b.largest) for a, b in self.linears if a.largest is not None and b.largest is not None]
        widths = sorted((each.largest for each in self.units if each.largest is not None), reverse=True)
        if len(widths) > 1:
            pairs.append((widths[0], widths[1]))
        return max(pairs, key=lambda pair: pair[0] * pair[1], default=None)

    @property
    def heavy(self) -> bool | None:
        """Whether it keeps matrix units busy, rather than being bound by kernel launches; ``None`` when not known."""
        if self.pretrained is not None:
            return True
        answers = list(self._answers())
        if True in answers:
            return True
        if None in answers or self.opaque or not answers:
            return None
        return False

    @property
    def matmul_heavy(self) -> bool | None:
        """Whether attention or large matrix products dominate it."""
        if self.pretrained is not None and known.ATTENTION_ZOO.search(self.pretrained):
            return True
        answers = []
        if self.attention:
            answers.append(_over(self.dims, _WIDE_STATE, unknown=True))
        if self.linears or self.units:
            answers.append(self._linear())
        if True in answers:
            return True
        return None if None in answers or self.opaque else False

    @property
    def conv_only(self) -> bool:
        """Whether it computes by convolutions and little else."""
        return self.conv and not self.attention and not self.recurrent and self.matmul_heavy is False

    def _answers(self) -> Iterator[bool | None]:
        if self.attention:
            yield _over(self.dims, _WIDE_STATE, unknown=None if self._is_narrow() else True)
        if self.channels:
            yield self._convolutions()
        if self.signals:
            yield _over(self.signals, _WIDE_CONV1D - 1, unknown=None)
        if self.recurrent:
            yield _over(self.hidden, _WIDE_STATE, unknown=None)
        if self.linears or self.units:
            yield self._linear()
        if any(name.startswith(("torch_geometric.", "dgl.", "spektral.")) for name in self.names):
            yield None

    def _convolutions(self) -> bool | None:
        few = len(self.channels) < _MANY_CONVS
        shallow = few and all(each.certain for each in self.channels)
        return _over(self.channels, (2 * _WIDE_CONV if shallow else _WIDE_CONV) - 1, unknown=None if few else True)

    def _is_narrow(self) -> bool:
        """Whether recurrent layers beside the attention are certainly small."""
        return bool(self.hidden) and _over(self.hidden, _WIDE_STATE, unknown=None) is False

    def _linear(self) -> bool | None:
        """Whether a linear layer is large; unknown widths beside wide ones stay unknown."""
        best = self.linear_max
        if best is not None and best[0] * best[1] >= _BIG_PRODUCT and min(best) >= _NARROW_SIDE:
            return True
        pairs = [*self.linears, *((each, each) for each in self.units)]
        if all(_is_small(a, b) for a, b in pairs):
            return False
        return None

    def merge(self, other: Layers) -> None:
        """Take in the layers of another part."""
        self.conv |= other.conv
        self.attention |= other.attention
        self.recurrent |= other.recurrent
        self.pretrained = self.pretrained or other.pretrained
        self.names |= other.names
        self.opaque |= other.opaque
        for name in ("channels", "signals", "hidden", "dims", "linears", "units"):
            getattr(self, name).extend(getattr(other, name))


def _over(sizes: list[Size], limit: int, *, unknown: bool | None) -> bool | None:
    """Whether any size exceeds ``limit``; ``unknown`` when all known ones stay below and others are not known."""
    if any(each.largest is not None and each.largest > limit for each in sizes):
        return True
    return False if sizes and all(each.certain for each in sizes) else unknown


def _is_small(one: Size, other: Size) -> bool:
    """Whether a product is certainly small: one narrow side is enough."""
    if any(each.certain and each.largest is not None and each.largest < _NARROW_SIDE for each in (one, other)):
        return True
    if one.certain and other.certain and one.largest is not None and other.largest is not None:
        return one.largest * other.largest < _BIG_PRODUCT
    return False


def collect(facts: Facts, node: cst.BaseExpression) -> Layers | None:
    """The layers of the network that ``node`` stands for; ``None`` when nothing of it can be seen."""
    walk = _Walk()
    walk.value(facts, node, _DEPTH)
    return walk.layers if walk.layers.found or walk.layers.opaque else None


def collect_definition(definition: Definition) -> Layers | None:
    """The layers of the networks that a class or function of the project makes."""
    walk = _Walk()
    walk.definition(definition, _DEPTH)
    return walk.layers if walk.layers.found else None


class _Walk:
    """One walk from an expression to the layers behind it."""

    def __init__(self) -> None:
        self.layers = Layers()
        self._seen: set[cst.CSTNode] = set()
        self._definitions = 0

    # -- values -----------------------------------------------------------------------------------------------

    def value(self, facts: Facts, node: cst.BaseExpression, depth: int) -> None:
        """Take in the network that an expression stands for."""
        if node in self._seen:
            return
        self._seen.add(node)
        if depth == 0:
            self.layers.opaque = True
            return
        if isinstance(node, cst.Name):
            self._name(facts, node, depth)
        elif isinstance(node, cst.Attribute):
            self._attribute(facts, node, depth)
        elif isinstance(node, cst.Call):
            self._call(facts, facts[Calls].of(node), depth)
        elif isinstance(node, cst.Subscript):
            self._listed(facts, node.value, depth)
        else:
            for part in _parts(node):
                self.value(facts, part, depth - 1)

    def _name(self, facts: Facts, node: cst.Name, depth: int) -> None:
        bindings = facts[Names].reaching(node)
        definition = facts[Project].definition(node)
        if definition is not None:
            self.definition(definition, depth - 1)
            return
        if not bindings and node.value not in ("None", "True", "False"):
            self.layers.opaque = True
        for binding in bindings:
            self._bound(facts, binding, depth)
        self._grown(facts, node, depth)

    def _bound(self, facts: Facts, binding: Binding, depth: int) -> None:
        if binding.kind is BindingKind.PARAMETER:
            self._parameter(facts, binding, depth)
        elif binding.kind is BindingKind.IMPORT:
            self._imported(facts, binding.imported or "", depth)
        elif binding.value is None:
            self.layers.opaque = True
        elif binding.kind in (BindingKind.ASSIGN, BindingKind.LOOP):
            self.value(facts, _picked(facts, binding), depth - 1)

    def _parameter(self, facts: Facts, binding: Binding, depth: int) -> None:
        function = binding.scope.node
        found = False
        if isinstance(function, cst.FunctionDef):
            for argument in facts[Values].arguments_for(function, binding.name):
                if argument.node is not None:
                    found = True
                    self.value(argument.facts, argument.node, depth - 1)
        if not found:
            self.layers.opaque = True

    def _imported(self, facts: Facts, resolved: str, depth: int) -> None:
        head, _, name = resolved.rpartition(".")
        module = facts[Project].module(head) if head.strip(".") else None
        if module is None:
            self.layers.opaque = True
            return
        for each in module[Names].module.bindings.get(name, ()):
            self._bound(module, each, depth - 1)

    def _attribute(self, facts: Facts, node: cst.Attribute, depth: int) -> None:
        resolved = facts[Names].resolve(node)
        definition = facts[Project].definition(node) if resolved is not None else None
        if definition is not None:
            self.definition(definition, depth - 1)
            return
        bindings = facts[Values].attribute_bindings(node)
        for owner, binding in bindings:
            self._bound(owner, binding, depth)
        if bindings:
            self._grown(facts, node, depth)
        elif resolved is not None and known.zoo_of(resolved) is not None:
            self._zoo(resolved)
        elif isinstance(node.value, cst.Name) and node.value.value == "self":
            self.layers.opaque = True
        else:
            self.value(facts, node.value, depth - 1)

    def _grown(self, facts: Facts, node: cst.BaseExpression, depth: int) -> None:
        """Layers given later by ``model.add(...)``."""
        written = dotted(node)
        tree = facts[Tree]
        function = tree.function(node) if isinstance(node, cst.Name) else None
        for call in facts[Calls].methods(*known.GROWS):
            receiver = call.receiver
            if receiver is None or dotted(receiver) != written:
                continue
            if function is not None and tree.function(call.node) is not function:
                continue
            for each in call.positional:
                self.value(facts, each, depth - 1)
        for stored in facts[_Stored].under(written):
            self.value(facts, stored, depth - 1)

    # -- calls ------------------------------------------------------------------------------------------------

    def _call(self, facts: Facts, call: Call, depth: int) -> None:
        if call.name is not None and self.library(facts, call, depth):
            return
        definition = facts[Values].callee(call.node)
        if definition is not None:
            self.definition(definition, depth - 1)
            self._given(facts, call, depth, isinstance(definition.node, cst.FunctionDef) and _is_keras(facts))
            return
        receiver = call.receiver
        if _called(call) in known.WRAPS_MODEL and call.positional:
            for each in call.positional:
                self.value(facts, each, depth - 1)
        elif receiver is not None and call.method in known.KEEPS_MODEL:
            self.value(facts, receiver, depth - 1)
        elif isinstance(call.node.func, cst.Call):
            self._applied(facts, call, call.node.func, depth)
        elif receiver is None and _is_keras(facts):
            self.value(facts, call.node.func, depth - 1)
            self._inputs(facts, call, depth)
        else:
            self._unknown_call(facts, call, depth)

    def _unknown_call(self, facts: Facts, call: Call, depth: int) -> None:
        """``models[name](...)``, ``getattr(models, name)(...)``, ``AutoModel.from_pretrained(...)``: unknown origin."""
        if call.method == "from_pretrained" and call.receiver is not None:
            name = dotted(call.receiver) or ""
            if known.zoo_of(f"transformers.{name}.from_pretrained") and not known.NOT_MODEL_NAME.search(name):
                self._zoo(f"transformers.{name}.from_pretrained", call)
                return
        if isinstance(call.node.func, cst.Subscript):
            self._listed(facts, call.node.func.value, depth)
        elif call.name == "functools.partial" and call.node.args:
            for arg in call.node.args:
                self.value(facts, arg.value, depth - 1)
        else:
            self.layers.opaque = True

    def _listed(self, facts: Facts, node: cst.BaseExpression, depth: int) -> None:
        """A table of networks: a dictionary, or ``models.__dict__``."""
        if isinstance(node, cst.Attribute) and node.attr.value == "__dict__":
            resolved = facts[Names].resolve(node.value)
            module = facts[Project].module(resolved) if resolved is not None else None
            if module is not None:
                self._any_of(module, depth)
            elif resolved is not None and known.zoo_of(f"{resolved}.create_model"):
                self._zoo(resolved)
            else:
                self.layers.opaque = True
            return
        self.value(facts, node, depth - 1)

    def _applied(self, facts: Facts, call: Call, func: cst.Call, depth: int) -> None:
        """``Dense(10)(x)``, ``getattr(torchvision.models, name)(...)``."""
        inner = facts[Calls].of(func)
        if inner.name == "builtins.getattr" and inner.positional:
            resolved = facts[Names].resolve(inner.positional[0])
            if resolved is not None and known.zoo_of(f"{resolved}.create_model"):
                self._zoo(resolved)
                return
            module = facts[Project].module(resolved) if resolved is not None else None
            if module is not None:
                self._any_of(module, depth)
                return
        self.value(facts, func, depth - 1)
        if _is_keras(facts):
            self._inputs(facts, call, depth)

    def _any_of(self, module: Facts, depth: int) -> None:
        """Whichever network of a module: ``getattr(models, name)``, ``models.__dict__[name]``."""
        opaque = self.layers.opaque
        for bindings in module[Names].module.bindings.values():
            for binding in bindings:
                if isinstance(binding.node, (cst.FunctionDef, cst.ClassDef)):
                    self.definition(Definition(module, binding.node), depth - 1)
                elif binding.kind in (BindingKind.ASSIGN, BindingKind.IMPORT):
                    self._bound(module, binding, depth - 1)
        self.layers.opaque = opaque

    def _inputs(self, facts: Facts, call: Call, depth: int) -> None:
        """What a Keras layer is applied to was made by the layers before it."""
        opaque = self.layers.opaque
        for each in call.positional:
            self.value(facts, each, depth)
        self.layers.opaque = opaque

    def _chosen(self, facts: Facts, call: Call, depth: int) -> None:
        """``MODELS[name](...)`` and ``getattr(models, name)(...)`` in the body of a factory or class."""
        opaque = self.layers.opaque
        if isinstance(call.node.func, cst.Subscript):
            self._listed(facts, call.node.func.value, depth)
        elif isinstance(call.node.func, cst.Call):
            self._applied(facts, call, call.node.func, depth)
        self.layers.opaque = opaque

    def _given(self, facts: Facts, call: Call, depth: int, inputs: bool) -> None:
        """Classes of the project, and modules, given to a constructor: ``ResNet(Block)``, ``Detector(backbone)``."""
        opaque = self.layers.opaque
        for arg in call.node.args:
            value = arg.value
            if inputs or isinstance(value, (cst.Call, cst.Subscript)) or self._is_network(facts, value):
                self.value(facts, value, depth - 1)
        self.layers.opaque = opaque

    @staticmethod
    def _is_network(facts: Facts, node: cst.BaseExpression) -> bool:
        if not isinstance(node, (cst.Name, cst.Attribute)):
            return False
        definition = facts[Project].definition(node)
        if definition is not None:
            return isinstance(definition.node, cst.ClassDef)
        kind = facts[Values].of(node).kind
        return kind is not None and kind.name in ("MODULE", "HF_MODEL")

    # -- libraries --------------------------------------------------------------------------------------------

    def library(self, facts: Facts, call: Call, depth: int) -> bool:
        """Take in a layer, container or ready-made network of a library; ``False`` when the call makes none."""
        name = call.name or ""
        zoo = known.zoo_of(name)
        if zoo is not None:
            self._zoo(zoo, call)
            return True
        sort = known.sort_of(name)
        if sort is None:
            return False
        if sort is Sort.CONTAINER:
            for arg in call.node.args:
                if arg.keyword is None or arg.keyword.value in ("outputs", "output", "layers", "layer", "modules"):
                    self.value(facts, arg.value, depth - 1)
        elif sort is not Sort.OTHER:
            self.layers.names.add(name)
            self._layer(sort, call)
        return True

    def _zoo(self, name: str, call: Call | None = None) -> None:
        if call is not None:
            dim = next((each for each in ("dim", "d_model", "dim_model") if call.keyword(each) is not None), None)
            if dim is not None:
                self.layers.names.add(name)
                self.layers.attention = True
                self.layers.dims.append(_argument_size(call, dim, None))
                return
            text = call.facts.document.source(call.node)
            if known.TINY_ZOO.search(text):
                self.layers.names.add(name)
                return
        self.layers.pretrained = self.layers.pretrained or name
        if known.ATTENTION_ZOO.search(name):
            self.layers.attention = True
        else:
            self.layers.conv = True

    def _layer(self, sort: Sort, call: Call) -> None:
        layers = self.layers
        if sort is Sort.LINEAR:
            self._linear(call)
            return
        if sort is Sort.GRAPH:
            return
        size = _size_argument(sort, call)
        if sort is Sort.CONV or sort is Sort.CONV1D:
            layers.conv = True
            (layers.channels if sort is Sort.CONV else layers.signals).append(size)
        elif sort is Sort.ATTENTION:
            layers.attention = True
            layers.dims.append(size)
        elif sort is Sort.RECURRENT:
            layers.recurrent = True
            layers.hidden.append(size)

    def _linear(self, call: Call) -> None:
        name = call.name or ""
        if name.startswith(("torch.nn.", "equinox.nn.", "flax.nnx.")):
            lazy = "Lazy" in call.method
            inner = Size() if lazy else _argument_size(call, "in_features", 0)
            outer = _argument_size(call, "out_features", 0 if lazy else 1)
            self.layers.linears.append((inner, outer))
        else:
            for key in ("units", "features", "output_size"):
                if call.keyword(key) is not None:
                    self.layers.units.append(_argument_size(call, key, None))
                    return
            self.layers.units.append(_argument_size(call, "units", 0))

    # -- definitions ------------------------------------------------------------------------------------------

    def definition(self, definition: Definition, depth: int) -> None:
        """Take in everything that a class or function of the project makes."""
        node = definition.node
        if node in self._seen:
            return
        self._seen.add(node)
        self._definitions += 1
        if depth <= 0 or self._definitions > _DEFINITIONS:
            self.layers.opaque = True
            return
        if isinstance(node, cst.ClassDef):
            self._bases(definition, node, depth)
        self._body(definition.facts, node, depth)

    def _bases(self, definition: Definition, node: cst.ClassDef, depth: int) -> None:
        for base in node.bases:
            above = definition.facts[Project].definition(base.value)
            if above is not None:
                self.definition(above, depth - 1)
                continue
            resolved = definition.facts[Names].resolve(base.value)
            if resolved is not None and known.zoo_of(resolved) is not None:
                self._zoo(resolved)

    def _body(self, facts: Facts, node: cst.FunctionDef | cst.ClassDef, depth: int) -> None:
        calls = list(facts[Calls].within(node.body))
        for call in calls:
            if call.name is not None and self.library(facts, call, depth):
                continue
            if call.method in _IDLE:
                continue
            if isinstance(call.node.func, (cst.Subscript, cst.Call)):
                self._chosen(facts, call, depth)
                continue
            target = facts[Values].callee(call.node)
            if target is None or (target.facts is facts and facts[Tree].contains(node, target.node)):
                continue
            if _may_make(target):
                self.definition(target, depth - 1)
                self._given(facts, call, depth, inputs=False)
        if isinstance(node, cst.ClassDef) and _attends(calls, node, facts):
            self.layers.attention = True
            self.layers.dims.extend(
                Size(max(_wide(a), _wide(b)) or None, a.certain and b.certain) for a, b in self.layers.linears
            )


class _Stored:
    """What a file stores in containers: ``models["small"] = Small``."""

    def __init__(self, facts: Facts) -> None:
        self._values: dict[str, list[cst.BaseExpression]] = {}
        for assign in facts[Tree].of_type(cst.Assign):
            target = assign.targets[0].target
            if type(target) is cst.Subscript:
                written = dotted(target.value)
                if written is not None:
                    self._values.setdefault(written, []).append(assign.value)

    def under(self, written: str | None) -> list[cst.BaseExpression]:
        """The values stored in the container of this dotted name."""
        return self._values.get(written or "", [])


_IDLE = frozenset(
    "super print len range isinstance format append join size view reshape cat stack mean sum relu softmax permute "
    "transpose squeeze unsqueeze contiguous items keys values get update log max min zip enumerate int float str list "
    "dict tuple set open hasattr getattr setattr register_buffer zeros ones tensor arange flatten".split()
)


def _wide(size: Size) -> int:
    return size.largest or 0


def _attends(calls: list[Call], node: cst.ClassDef, facts: Facts) -> bool:
    """Whether a class computes attention by hand: scores of heads through a softmax."""
    methods = {call.method for call in calls}
    if "scaled_dot_product_attention" in methods:
        return True
    if methods.isdisjoint(("matmul", "einsum", "bmm")):
        return False
    text = facts.document.source(node)
    return "softmax" in text and ("heads" in text or "d_k" in text)


def _may_make(target: Definition) -> bool:
    """Whether a definition of the project can make layers: its module names a framework's layers or models."""
    if isinstance(target.node, cst.FunctionDef) and target.node.name.value in ("main", "train", "evaluate", "test"):
        return False
    text = target.facts.document.text
    return any(word in text for word in ("nn", "layers", "models", "linen", "Conv", "Linear", "Dense"))


def _called(call: Call) -> str:
    """The last name of what is called, behind an alias where that is known."""
    return call.name.rsplit(".", 1)[-1] if call.name is not None else call.method


def _is_keras(facts: Facts) -> bool:
    text = facts.document.text
    return "keras" in text or "tensorflow" in text


def _picked(facts: Facts, binding: Binding) -> cst.BaseExpression:
    """The part of a written tuple, or of ``prepare(a, b)``, that an unpacked name takes."""
    value = binding.value
    assert value is not None
    for step in binding.path:
        if isinstance(value, (cst.Tuple, cst.List)) and 0 <= step < len(value.elements):
            value = value.elements[step].value
        elif isinstance(value, cst.Call) and _called(facts[Calls].of(value)) in known.WRAPS_MODEL:
            plain = facts[Calls].of(value).positional
            if not 0 <= step < len(plain):
                break
            value = plain[step]
        else:
            break
    return value


def _parts(node: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    """The expressions inside a branch, list or comprehension that may hold networks."""
    if isinstance(node, cst.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, cst.BooleanOperation):
        yield from (node.left, node.right)
    elif isinstance(node, (cst.List, cst.Tuple, cst.Set, cst.Dict)):
        yield from (each.value for each in node.elements if hasattr(each, "value"))
    elif isinstance(node, (cst.ListComp, cst.GeneratorExp)):
        yield node.elt
    elif isinstance(node, cst.BinaryOperation):
        yield from (node.left, node.right)
    elif isinstance(node, (cst.NamedExpr, cst.StarredElement)):
        yield node.value


# -- sizes -----------------------------------------------------------------------------------------------------


def _size_argument(sort: Sort, call: Call) -> Size:
    name = call.name or ""
    torch = name.startswith("torch.")
    key = "conv" if sort is Sort.CONV1D else sort.value
    choices = known.SIZES[f"torch.{key}" if torch else key]
    written = next((each for each in choices if call.keyword(each[0]) is not None), None)
    if written is not None:
        size = _argument_size(call, written[0], None)
    else:
        if name in known.DEFAULT_WIDTH and not call.positional:
            return Size(known.DEFAULT_WIDTH[name], True)
        size = _argument_size(call, *choices[0])
    if sort is Sort.ATTENTION and not torch and (written or choices[0])[0] in ("key_dim", "head_dim"):
        return _times(size, _argument_size(call, "num_heads", 0))
    return size


def _times(one: Size, other: Size) -> Size:
    if one.largest is None or other.largest is None:
        return Size()
    return Size(one.largest * other.largest, one.certain and other.certain)


def _argument_size(call: Call, name: str, position: int | None) -> Size:
    argument = call.argument(name, position)
    if argument.node is None:
        default = argument.constant
        return Size(default, True) if isinstance(default, int) and not isinstance(default, bool) else Size()
    return size_of(argument.facts, argument.node)


def size_of(facts: Facts, node: cst.BaseExpression) -> Size:
    """The sizes that an expression may have, through parameters, defaults and simple arithmetic."""
    return _Sizes().of(facts, node, 8)


class _Sizes:
    """Evaluates size expressions, keeping the largest value."""

    def __init__(self) -> None:
        self._seen: set[cst.CSTNode] = set()

    def of(self, facts: Facts, node: cst.BaseExpression, depth: int) -> Size:
        constant = facts[Values].constant(node)
        if isinstance(constant, (int, float)) and not isinstance(constant, bool):
            return Size(int(constant), True)
        if constant is not UNKNOWN or depth == 0 or node in self._seen:
            return Size()
        self._seen.add(node)
        if isinstance(node, cst.Name):
            return _joined([self._bound(facts, each, depth - 1) for each in facts[Names].reaching(node)])
        if isinstance(node, cst.Attribute):
            return self._attribute(facts, node, depth)
        if isinstance(node, cst.BinaryOperation):
            return self._computed(node, self.of(facts, node.left, depth - 1), self.of(facts, node.right, depth - 1))
        if isinstance(node, cst.IfExp):
            return _joined([self.of(facts, node.body, depth - 1), self.of(facts, node.orelse, depth - 1)])
        if isinstance(node, cst.Call) and facts[Calls].of(node).name == "builtins.int" and node.args:
            return self.of(facts, node.args[0].value, depth - 1)
        return Size()

    def _attribute(self, facts: Facts, node: cst.Attribute, depth: int) -> Size:
        bindings = facts[Values].attribute_bindings(node)
        if bindings:
            return _joined([self._bound(owner, each, depth - 1) for owner, each in bindings])
        default = facts[Options].default(node.attr.value)
        return Size(default, False) if isinstance(default, int) and not isinstance(default, bool) else Size()

    def _bound(self, facts: Facts, binding: Binding, depth: int) -> Size:
        if binding.kind is BindingKind.ASSIGN and binding.value is not None and not binding.path:
            return self.of(facts, binding.value, depth)
        if binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef):
            return self._parameter(facts, binding, binding.scope.node, depth)
        return Size()

    def _parameter(self, facts: Facts, binding: Binding, function: cst.FunctionDef, depth: int) -> Size:
        default = self.of(facts, binding.value, depth) if binding.value is not None else Size()
        arguments = list(facts[Values].arguments_for(function, binding.name))
        if not arguments:
            return Size(default.largest, False)
        found = []
        for argument in arguments:
            if argument.node is not None:
                found.append(self.of(argument.facts, argument.node, depth))
            else:
                found.append(default if argument.known else Size())
        return _joined(found)

    @staticmethod
    def _computed(node: cst.BinaryOperation, left: Size, right: Size) -> Size:
        if left.largest is None or right.largest is None:
            return Size()
        compute = _ARITHMETIC.get(type(node.operator))
        if compute is None or (right.largest == 0 and isinstance(node.operator, (cst.Divide, cst.FloorDivide))):
            return Size()
        if isinstance(node.operator, cst.Power) and right.largest > 16:
            return Size()
        return Size(int(compute(left.largest, right.largest)), left.certain and right.certain)


_ARITHMETIC: dict[type[cst.BaseBinaryOp], Any] = {
    cst.Add: lambda a, b: a + b,
    cst.Subtract: lambda a, b: a - b,
    cst.Multiply: lambda a, b: a * b,
    cst.Divide: lambda a, b: a / b,
    cst.FloorDivide: lambda a, b: a // b,
    cst.Power: lambda a, b: a**b,
}


def _joined(sizes: Iterable[Size]) -> Size:
    every = list(sizes)
    largest = max((each.largest for each in every if each.largest is not None), default=None)
    return Size(largest, bool(every) and all(each.certain for each in every))
