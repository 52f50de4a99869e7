"""Work on one element at a time: loops, comprehensions and mapped functions, and what depends on their element."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.loops import Loops
from greenlint.facts.names import Binding, BindingKind, Names, dotted
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.factories import CHANGING_METHODS
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Elements", "Pass"]

_DEPTH = 8
_COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
MAPS = frozenset("apply map progress_apply parallel_apply progress_map transform swifter_apply".split())
"""Methods that run a function for each row or element."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Code that runs once for each element of something."""

    facts: Facts
    node: cst.For | cst.While | cst.CompFor | cst.Call
    """A loop, the ``for`` of a comprehension, or the call that maps a function."""
    body: cst.CSTNode
    function: cst.FunctionDef | cst.Lambda | None = None
    """The mapped function."""

    @property
    def iterable(self) -> cst.BaseExpression | None:
        """What it runs over; ``None`` for ``while``."""
        if isinstance(self.node, (cst.For, cst.CompFor)):
            return self.node.iter
        return self.node.func if isinstance(self.node, cst.Call) else None


_REPEATS = frozenset((cst.For, cst.While, cst.Lambda, cst.FunctionDef, *_COMPREHENSIONS))


class Elements:
    """Passes over elements in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._mapped: dict[cst.FunctionDef, list[Call]] = {}

    # -- passes -----------------------------------------------------------------------------------------------

    def around(self, node: cst.CSTNode) -> list[Pass]:
        """The passes in which ``node`` runs, innermost first, as far as its function and what maps that show."""
        found: list[Pass] = []
        below = node
        for above in self._tree.ancestors(node):
            if type(above) not in _REPEATS:
                pass
            elif isinstance(above, (cst.For, cst.While)) and below is above.body:
                found.append(Pass(self._facts, above, above.body))
            elif isinstance(above, _COMPREHENSIONS) and below is not above.for_in:
                found.extend(Pass(self._facts, each, above) for each in reversed(list(_nested(above.for_in))))
            elif isinstance(above, cst.Lambda):
                mapping = self._mapping(above)
                if mapping is None:
                    return found
                found.append(Pass(self._facts, mapping.node, above.body, above))
            elif isinstance(above, cst.FunctionDef):
                found.extend(Pass(self._facts, each.node, above.body, above) for each in self._mappings(above))
                return found
            below = above
        return found

    def _mapping(self, function: cst.Lambda) -> Call | None:
        """``frame["text"].apply(lambda text: ...)``."""
        arg = self._tree.parent(function)
        above = self._tree.parent(arg) if isinstance(arg, cst.Arg) else None
        if not isinstance(above, cst.Call):
            return None
        call = self._calls.of(above)
        return call if call.method in MAPS and not self._is_batched(call) else None

    def _mappings(self, function: cst.FunctionDef) -> list[Call]:
        known = self._mapped.get(function)
        if known is None:
            known = self._mapped[function] = list(self._find_mappings(function))
        return known

    def _find_mappings(self, function: cst.FunctionDef) -> Iterator[Call]:
        for call in self._calls.methods(*MAPS):
            for arg in call.positional[:1]:
                definition = self._facts[Project].definition(arg)
                if definition is not None and definition.node is function and not self._is_batched(call):
                    yield call

    @staticmethod
    def _is_batched(call: Call) -> bool:
        """Whether a function that is mapped gets many rows at once, or several processes run it."""
        batched = call.argument("batched", 99)
        return not batched.absent and batched.constant is not False

    def count(self, around: Pass) -> int | None:
        """How many elements there are, when that is written."""
        if isinstance(around.node, cst.For | cst.While):
            return around.facts[Loops].of(around.node).iterations
        if isinstance(around.node, cst.CompFor):
            value = self._values.of(around.node.iter)
            if value.items is not None:
                return len(value.items)
            constant = value.constant
            return len(constant) if isinstance(constant, (list, tuple, range, str)) else None
        return None

    def is_batched(self, around: Pass) -> bool:
        """Whether the elements seem to be batches: of a loader, of a range with a step, of chunks."""
        iterable = around.iterable
        if iterable is None:
            return False
        plain = self._values.iterated(iterable)
        if self._values.of(plain).kind in (Kind.DATALOADER, Kind.TF_DATASET):
            return True
        if isinstance(plain, cst.Call):
            call = self._calls.of(plain)
            if call.method == "range" and len(call.positional) == 3:
                return self._values.constant(call.positional[2]) not in (1, -1)
        if isinstance(around.node, cst.Call):
            return False
        return _BATCHED.search(self._facts.document.source(iterable)) is not None or any(
            _BATCHED.search(each) for each in self.targets(around)
        )

    def targets(self, around: Pass) -> list[str]:
        """The names that stand for the element."""
        if isinstance(around.node, (cst.For, cst.CompFor)):
            return [each.value for each in self._tree.below(around.node.target, cst.Name)]
        if around.function is not None:
            return [each.name.value for each in around.function.params.params]
        return []

    # -- dependence -------------------------------------------------------------------------------------------

    def varies(self, node: cst.BaseExpression, around: Pass) -> bool:
        """Whether an expression is certainly made of the element of a pass around it."""
        return any(kind == "element" for kind, _ in self._made_of(node, around, _DEPTH, set()))

    def carried(self, node: cst.BaseExpression, around: Pass) -> bool:
        """Whether an expression may be made of what an earlier pass of a loop left."""
        return any(kind == "earlier" for kind, _ in self._made_of(node, around, _DEPTH, set()))

    def _made_of(
        self, node: cst.CSTNode, around: Pass, depth: int, seen: set[Binding]
    ) -> Iterator[tuple[str, cst.CSTNode]]:
        for name in self._tree.below(node, cst.Name):
            above = self._tree.parent(name)
            if isinstance(above, cst.Attribute) and above.attr is name:
                continue
            if isinstance(above, cst.Arg) and above.keyword is name:
                continue
            if self._is_changed(name.value, around):
                yield "earlier", name
            for binding in self._names.reaching(name):
                yield from self._from_binding(binding, name, around, depth, seen)
        for attribute in self._tree.below(node, cst.Attribute):
            written = dotted(attribute)
            if written is not None and written.startswith("self.") and self._is_changed(written, around):
                yield "earlier", attribute

    def _from_binding(
        self, binding: Binding, name: cst.Name, around: Pass, depth: int, seen: set[Binding]
    ) -> Iterator[tuple[str, cst.CSTNode]]:
        if binding in seen or not depth:
            return
        seen.add(binding)
        if self._is_element(binding, around):
            yield "element", name
            return
        inside = binding.node in self._tree and self._tree.contains(around.body, binding.node)
        if not inside:
            return
        if binding.order > self._tree.first(name) or binding.kind is BindingKind.AUGMENTED:
            yield "earlier", name
        if binding.value is not None:
            yield from self._made_of(binding.value, around, depth - 1, seen)

    def _is_element(self, binding: Binding, around: Pass) -> bool:
        if binding.kind is BindingKind.LOOP:
            return binding.node is around.node
        is_parameter = binding.kind is BindingKind.PARAMETER and around.function is not None
        return is_parameter and binding.scope.node is around.function

    def _is_changed(self, path: str, around: Pass) -> bool:
        """Whether the pass stores into, appends to or counts up what a dotted name stands for."""
        if not isinstance(around.node, (cst.For, cst.While)):
            return False
        for call in self._calls.within(around.body):
            if call.receiver is not None and call.method in _GROWS and dotted(call.receiver) == path:
                return True
        for each in self._tree.below(around.body, cst.AssignTarget):
            target: cst.BaseExpression = each.target
            while isinstance(target, cst.Subscript):
                target = target.value
                if dotted(target) == path:
                    return True
            if isinstance(target, cst.Attribute) and dotted(target) == path:
                return True
        return False

    # -- shapes -----------------------------------------------------------------------------------------------

    def is_one_row(self, node: cst.BaseExpression, depth: int = 4) -> bool:
        """Whether an expression is a batch of one: ``x[None]``, ``x.unsqueeze(0)``, ``x.reshape(1, -1)``, ``[x]``."""
        if isinstance(node, (cst.List, cst.Tuple)):
            return len(node.elements) == 1 and isinstance(node.elements[0], cst.Element) and isinstance(node, cst.List)
        if isinstance(node, cst.Subscript):
            return self._adds_axis(node)
        if isinstance(node, cst.Name) and depth:
            bindings = self._names.reaching(node)
            return bool(bindings) and all(
                each.kind is BindingKind.ASSIGN
                and each.value is not None
                and not each.path
                and not self._tree.contains(each.value, node)
                and self.is_one_row(each.value, depth - 1)
                for each in bindings
            )
        if isinstance(node, cst.Call) and depth:
            return self._makes_one_row(self._calls.of(node), depth)
        if isinstance(node, cst.BinaryOperation) and depth:
            # One row and a batch make a batch.
            sides = (node.left, node.right)
            rows = [each for each in sides if self.is_one_row(each, depth - 1)]
            return bool(rows) and all(each in rows or self._is_number(each) for each in sides)
        return False

    def _is_number(self, node: cst.BaseExpression) -> bool:
        return isinstance(self._values.constant(node), (int, float))

    def _adds_axis(self, node: cst.Subscript) -> bool:
        """``x[None]``, ``x[np.newaxis, ...]`` and ``x[i:i + 1]``."""
        first = node.slice[0].slice
        if isinstance(first, cst.Index):
            written = dotted(first.value)
            return written == "None" or (written or "").endswith("newaxis")
        if not isinstance(first, cst.Slice):
            return False
        if first.lower is None or first.upper is None or not isinstance(first.upper, cst.BinaryOperation):
            return False
        added = first.upper
        return (
            isinstance(added.operator, cst.Add)
            and added.left.deep_equals(first.lower)
            and self._values.constant(added.right) == 1
        )

    def _makes_one_row(self, call: Call, depth: int) -> bool:
        constant = self._values.constant
        if call.method in ("unsqueeze", "unsqueeze_"):
            axis = call.positional[-1] if call.positional else call.keyword("dim")
            return axis is not None and constant(axis) == 0
        if call.method in ("expand_dims", "newaxis"):
            plain = call.positional
            axis = call.keyword("axis") or (plain[1] if len(plain) > 1 else None)
            return axis is not None and constant(axis) == 0
        if call.method == "reshape":
            shape = self._shape(call)
            return bool(shape) and constant(shape[0]) == 1
        if call.method in ("array", "asarray", "stack", "convert_to_tensor", "tensor", "DataFrame") and call.positional:
            return self.is_one_row(call.positional[0], depth - 1)
        if call.method in ("zeros", "ones", "empty", "full") and call.positional:
            shape = self._shape(call)
            return len(shape) > 1 and constant(shape[0]) == 1
        if call.method in _KEEPS_SHAPE and call.receiver is not None and call.name is None:
            return self.is_one_row(call.receiver, depth - 1)
        if call.method in ("preprocess_input", "img_to_array", "transform_images") and call.positional:
            return self.is_one_row(call.positional[0], depth - 1)
        return False

    def _shape(self, call: Call) -> list[cst.BaseExpression]:
        plain = call.positional
        if call.name in ("numpy.reshape", "torch.reshape", "tensorflow.reshape"):
            plain = plain[1:]
        if plain and isinstance(plain[0], (cst.Tuple, cst.List)):
            plain = plain[:1]
        if len(plain) == 1 and isinstance(plain[0], (cst.Tuple, cst.List)):
            return [each.value for each in plain[0].elements]
        return plain

    def is_single(self, node: cst.BaseExpression) -> bool:
        """Whether the code shows that an expression is one text, picture or file and no list of them."""
        if isinstance(node, cst.FormattedString):
            return True
        if isinstance(node, cst.Name):
            return _SINGLE.search(node.value) is not None
        if isinstance(node, cst.Attribute):
            return _SINGLE.search(node.attr.value) is not None
        if isinstance(node, cst.Call):
            call = self._calls.of(node)
            return call.method in _TEXT_METHODS or call.name == "builtins.str"
        if isinstance(node, cst.BinaryOperation):
            return self.is_single(node.left) or self.is_single(node.right)
        if isinstance(node, cst.List):
            return len(node.elements) == 1
        if isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name):
            return _SINGLE.search(node.value.value) is not None
        return False


def _nested(node: cst.CompFor) -> Iterator[cst.CompFor]:
    each: cst.CompFor | None = node
    while each is not None:
        yield each
        each = each.inner_for_in


_BATCHED = re.compile(r"batch|chunk|(?:^|_)loader|dataloader|group|split|window|bucket|shard", re.IGNORECASE)
_GROWS = CHANGING_METHODS | {"popleft", "appendleft", "push"}
_KEEPS_SHAPE = frozenset("to cuda cpu float half double astype numpy contiguous copy detach requires_grad_".split())
_SINGLE = re.compile(
    r"^(?:t|s|x|q|txt|text|sent|sentence|doc|document|line|row|review|question|query|prompt|title|comment|tweet"
    r"|paragraph|abstract|article|item|example|sample|record|word|phrase|post|message|caption|description|passage|chunk"
    r"|image|img|path|file|filename|frame|entry|headline|name|content|body|summary|story|utterance|snippet)\d?$"
)
"""What a single text or picture is called."""
_TEXT_METHODS = frozenset("strip lower upper replace format join read decode open".split())
