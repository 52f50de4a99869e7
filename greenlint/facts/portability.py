"""Whether code that has only run on the CPU also runs when its models and batches lie on an accelerator."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.imports import Imports
from greenlint.facts.models import Models
from greenlint.facts.names import Binding, BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.residence import Residence
from greenlint.facts.transfers import Transfers
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device, Values
from greenlint.knowledge import factories as known
from greenlint.knowledge.signals import LIBRARY_ROOTS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Portability"]


class Portability:
    """What ties one file to the CPU, beside the device that it names."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names = facts[Names]
        self._values = facts[Values]
        self._calls = facts[Calls]
        self._tree = facts[Tree]
        self._residence = facts[_Following]

    @functools.cached_property
    def certain(self) -> bool:
        """Whether this file and all that it imports run wherever the models are put.

        Tensors made on the host, results read as arrays and the like are all looked for; what cannot be read, such as
        a module of the project that is not there, speaks against it.
        """
        return self.reads_all and self._runs_anywhere and all(map(self._other_runs, self._facts[Imports].reachable()))

    def is_moved(self, node: cst.BaseExpression) -> bool:
        """Whether a tensor, a dictionary or a tuple of tensors is certainly copied to a device that is not written out.

        ``x.to(device)``, ``{name: x.to(device) for name, x in batch.items()}``, ``[x.to(device) for x in batch]``.
        """
        if isinstance(node, cst.Call):
            call = self._calls.of(node)
            move = self._facts[Transfers].move(call)
            if move is not None:
                return isinstance(move.device, (cst.Name, cst.Attribute))
            return call.receiver is not None and call.method in known.KEEPS_PLACE and self.is_moved(call.receiver)
        if isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            return self.is_moved(node.elt)
        if isinstance(node, cst.DictComp):
            return self.is_moved(node.value)
        return isinstance(node, (cst.Tuple, cst.List)) and all(self.is_moved(each.value) for each in node.elements)

    # -- batches ----------------------------------------------------------------------------------------------

    @functools.cached_property
    def moves_batches(self) -> bool:
        """Whether all that loops take from loaders, and all that networks get, is certainly moved before it is used."""
        return self.treats_batches(self.is_moved)

    def treats_batches(self, is_done: Callable[[cst.BaseExpression], bool], but: Iterable[int] = ()) -> bool:
        """Whether ``is_done`` holds for all that loops take from loaders, and all that networks get, before it is used.

        ``but`` are the positions in a batch that are left out: ``1`` is the second element.
        """
        left_out = {(at,) for at in but}
        for name in self._tree.of_type(cst.Name):
            bindings = (each for each in self._names.reaching(name) if each.path[-1:] not in left_out)
            if any(self._is_raw(each, is_done, _DEPTH) for each in bindings) and not self._is_treated(name, is_done):
                return False
        return all(self._gets_treated(each, is_done) for each in self._runs)

    @functools.cached_property
    def _runs(self) -> list[cst.Call]:
        """Where a network runs, outside of networks."""
        models, tree = self._facts[Models], self._tree
        return [
            call.node
            for call in self._calls.all
            if models.network(call) is not None and tree.enclosing(call.node, cst.ClassDef) is None
        ]

    @functools.cached_property
    def _fed_loops(self) -> list[cst.For]:
        """Loops in which networks run, over something else than numbers."""
        ends = [*self._runs, *(each.node for each in self._calls.methods("backward"))]
        return [
            loop
            for loop in self._tree.of_type(cst.For)
            if any(self._tree.contains(loop.body, each) for each in ends) and not self._is_counted(loop.iter)
        ]

    def _is_counted(self, node: cst.BaseExpression) -> bool:
        while isinstance(node, cst.Call):
            call = self._calls.of(node)
            if call.method == "range":
                return True
            if not call.positional:
                return False
            node = call.positional[0]
        return False

    def is_from_loader(self, binding: Binding) -> bool:
        """Whether a name stands for what a loop over batches takes, and was not moved by the code itself."""
        return self._is_raw(binding, self.is_moved, _DEPTH)

    def _is_raw(self, binding: Binding, is_done: Callable[[cst.BaseExpression], bool], depth: int) -> bool:
        """Whether a name stands for what a loader gave, as it gave it."""
        if binding.value is None or depth == 0:
            return False
        if binding.kind is BindingKind.LOOP:
            is_index = isinstance(binding.value, cst.Call) and self._calls.of(binding.value).method == "enumerate"
            return binding.node in self._fed_loops and not (is_index and binding.path[:1] == (0,))
        if binding.kind is not BindingKind.ASSIGN:
            return False
        value = binding.picked
        while isinstance(value, (cst.Subscript, cst.Call)) and not is_done(value):
            if isinstance(value, cst.Subscript):
                value = value.value
                continue
            call = self._calls.of(value)
            if call.method == "next":
                return True
            if call.method not in _KEEPS_RAW or call.receiver is None:
                return False
            value = call.receiver
        bindings = self._names.reaching(value) if isinstance(value, cst.Name) else ()
        return any(self._is_raw(each, is_done, depth - 1) for each in bindings)

    def _is_treated(self, name: cst.Name, is_done: Callable[[cst.BaseExpression], bool]) -> bool:
        """Whether a raw value is only bound, measured, unpacked or treated at this place."""
        below: cst.CSTNode = name
        for above in self._tree.ancestors(name):
            if isinstance(above, cst.Attribute):
                if above.attr is below or above.attr.value in _METADATA:
                    return True
            elif isinstance(above, cst.Call):
                method = self._calls.of(above).method
                if method == "len" or is_done(above):
                    return True
                if above.func is not below or method not in _KEEPS_RAW:
                    return False
            elif isinstance(above, cst.CompFor):
                made = self._tree.parent(above)
                return above.iter is below and isinstance(made, _COMPREHENSIONS) and is_done(made)
            elif isinstance(above, cst.For):
                return above.iter is not below
            elif isinstance(above, (cst.AssignTarget, cst.Del)):
                return True
            elif isinstance(above, cst.Assign):
                return _binds_names(above)
            elif isinstance(above, (cst.Tuple, cst.List)):
                outer = self._tree.parent(above)
                return self._is_target(above) or (isinstance(outer, cst.Assign) and _binds_names(outer))
            elif not isinstance(above, (cst.Subscript, cst.Element)):
                return False
            below = above
        return False

    def _is_target(self, node: cst.CSTNode) -> bool:
        """Whether a tuple is what an assignment or loop binds."""
        below = node
        for above in self._tree.ancestors(node):
            if isinstance(above, (cst.AssignTarget, cst.For, cst.CompFor)):
                return isinstance(above, cst.AssignTarget) or above.target is below
            if not isinstance(above, (cst.Element, cst.Tuple, cst.List)):
                return False
            below = above
        return False

    def _gets_treated(self, run: cst.Call, is_done: Callable[[cst.BaseExpression], bool]) -> bool:
        return bool(run.args) and all(self._was_treated(each.value, is_done, _DEPTH) for each in run.args)

    def _was_treated(self, node: cst.BaseExpression, is_done: Callable[[cst.BaseExpression], bool], depth: int) -> bool:
        """Whether what a network gets was treated, came out of a network, or is a constant."""
        if is_done(node) or self._values.constant(node) is not UNKNOWN or self._residence.from_model(node):
            return True
        if isinstance(node, cst.Subscript):
            return self._was_treated(node.value, is_done, depth)
        if isinstance(node, cst.Call):
            call = self._calls.of(node)
            keeps = call.receiver is not None and call.method in _KEEPS_RAW
            return keeps and call.receiver is not None and self._was_treated(call.receiver, is_done, depth)
        bindings = self._names.reaching(node) if isinstance(node, cst.Name) and depth else ()
        return bool(bindings) and all(
            each.kind is BindingKind.ASSIGN
            and (value := each.picked) is not None
            and self._was_treated(value, is_done, depth - 1)
            for each in bindings
        )

    # -- the modules around -----------------------------------------------------------------------------------

    @property
    def reads_all(self) -> bool:
        """Whether each module of the project that this file imports can be read."""
        imports = self._facts[Imports]
        return not any(map(self._is_hidden, (*imports.names, *imports.stars)))

    def _is_hidden(self, dotted: str) -> bool:
        root = dotted.split(".")[0]
        if root in LIBRARY_ROOTS or root in sys.stdlib_module_names:
            return False
        head = dotted.rpartition(".")[0]
        path_of = self._facts[Imports].path_of
        return path_of(dotted) is None and not (head.strip(".") and path_of(head) is not None)

    def _other_runs(self, path: str) -> bool:
        other = self._facts[Project].at(path)
        return other is not None and other[Portability].reads_all and other[Portability]._runs_anywhere

    # -- one file ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def _runs_anywhere(self) -> bool:
        if _TIED.search(self._facts.document.text) is not None:
            return False
        if any(self._is_unregistered(each) for each in self._tree.of_type(cst.Assign)):
            return False
        return not any(map(self._ties, self._calls.all))

    def _ties(self, call: Call) -> bool:
        """Whether a call only works with, or makes, values on the host that others have to join."""
        if call.name in known.FACTORIES - known.LIKE or call.name in known.WRAPPERS - {"torch.nn.Parameter"}:
            return not (self._is_placed(call) or self.feeds_dataset(call))
        if call.name == "torch.load":
            return "load_state_dict" not in self._facts.document.text
        if call.method == "numpy" and call.receiver is not None and call.name is None:
            return not self._is_read(call.receiver)
        if call.method == "cpu" or self._names_host(call):
            return not (self._is_then_read(call) or call.name is not None)
        if call.method in _COLLECTS and not self._is_own(call):
            return any(self._residence.from_model(each.value) for each in call.node.args)
        if call.name is not None and call.name.startswith("torchmetrics."):
            return not self._is_member(call)
        if not self._is_foreign(call):
            return False
        function = self._tree.function(call.node)
        if (
            function is not None
            and _STEP.search(function.name.value)
            and (call.name or "").startswith(_ARRAY_LIBRARIES)
        ):
            return bool(call.node.args)
        return any(self._residence.from_model(each.value) for each in call.node.args)

    def _is_placed(self, call: Call) -> bool:
        """Whether a new tensor is put on a device of its own, or made part of a module."""
        device = call.keyword("device")
        if device is not None:
            return isinstance(device, (cst.Name, cst.Attribute))
        for above in self._tree.ancestors(call.node):
            if isinstance(above, cst.Call):
                outer = self._calls.of(above)
                if outer.method == "register_buffer" or outer.name == "torch.nn.Parameter" or self.is_moved(above):
                    return True
            elif isinstance(above, cst.BaseStatement):
                break
        return False

    def feeds_dataset(self, call: Call) -> bool:
        """Whether a new tensor is data that a loader hands out."""
        for above in self._tree.ancestors(call.node):
            if isinstance(above, cst.ClassDef) and any("Dataset" in self._source(each) for each in above.bases):
                return True
            if isinstance(above, cst.FunctionDef) and (
                "collate" in above.name.value or above.name.value == "__getitem__"
            ):
                return True
            if isinstance(above, cst.Call) and self._calls.of(above).method == "TensorDataset":
                return True
        statement = self._tree.statement(call.node)
        if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
            return False
        target = statement.targets[0].target
        return isinstance(target, cst.Name) and self._goes_into_dataset(target, statement)

    def _goes_into_dataset(self, target: cst.Name, statement: cst.Assign) -> bool:
        uses = [
            each
            for each in self._tree.named(target.value)
            if each is not target
            and not isinstance(self._tree.parent(each), cst.Param)
            and any(binding.node is statement for binding in self._names.reaching(each))
        ]
        return bool(uses) and all(self._is_data(each) for each in uses)

    def _is_data(self, node: cst.Name) -> bool:
        """Whether a tensor is only gone through, counted or made a dataset."""
        below: cst.CSTNode = node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.Call) and self._calls.of(above).method in ("TensorDataset", "len"):
                return True
            if isinstance(above, (cst.For, cst.CompFor)):
                return above.iter is below
            if isinstance(above, cst.BaseStatement):
                return False
            below = above
        return False

    def _names_host(self, call: Call) -> bool:
        """``x.to("cpu")``."""
        move = self._facts[Transfers].move(call)
        return (
            move is not None and move.target is Device.HOST and not isinstance(move.device, (cst.Name, cst.Attribute))
        )

    def _is_read(self, node: cst.BaseExpression) -> bool:
        """Whether what becomes an array was copied to the host."""
        while isinstance(node, cst.Call):
            call = self._calls.of(node)
            if call.method == "cpu" or self._names_host(call):
                return True
            if call.receiver is None:
                return False
            node = call.receiver
        return False

    def _is_then_read(self, call: Call) -> bool:
        """``x.cpu().numpy()``: what the host gets meets no tensor any more."""
        above = self._tree.parent(call.node)
        while isinstance(above, cst.Attribute):
            if above.attr.value in ("numpy", "tolist", "item", "state_dict"):
                return True
            outer = self._tree.parent(above)
            above = self._tree.parent(outer) if isinstance(outer, cst.Call) else None
        return False

    def _is_member(self, call: Call) -> bool:
        """``self.accuracy = Accuracy()``: moved with its module."""
        statement = self._tree.statement(call.node)
        return (
            isinstance(statement, cst.Assign)
            and statement.value is call.node
            and isinstance(statement.targets[0].target, cst.Attribute)
        )

    def _is_foreign(self, call: Call) -> bool:
        """Whether a call leads into a library that knows nothing of tensors on an accelerator."""
        if call.name is None or call.name.startswith(("builtins.", "math.", ".")):
            return False
        return call.name.split(".")[0] not in _TENSOR_ROOTS and self._facts[Project].named(call.name) is None

    def _is_own(self, call: Call) -> bool:
        """``self.accuracy.update(...)``: a metric that is moved with its module."""
        return call.method == "update" and isinstance(call.receiver, cst.Attribute)

    def _is_unregistered(self, assign: cst.Assign) -> bool:
        """``self.layers = [nn.Linear(...), ...]``: a plain list, which does not follow its module."""
        target = assign.targets[0].target
        if not isinstance(target, cst.Attribute) or not isinstance(
            assign.value, (cst.List, cst.ListComp, cst.Dict, cst.DictComp, cst.Tuple)
        ):
            return False
        return _MODULE.search(self._source(assign.value)) is not None

    def _source(self, node: cst.CSTNode) -> str:
        return self._facts.document.source(node)


class _Following(Residence):
    """Values that lie where the device of the code is, be that the CPU as yet."""

    _trusts_host = False

    def _call(self, node: cst.Call) -> bool:
        return self._facts[Portability].is_moved(node) or super()._call(node)

    def _binding(self, binding: Binding) -> bool:
        return self._facts[Portability].is_from_loader(binding) or super()._binding(binding)


def _binds_names(assign: cst.Assign) -> bool:
    return all(isinstance(each.target, (cst.Name, cst.Tuple, cst.List)) for each in assign.targets)


_DEPTH = 6
_STEP = re.compile(r"_step$|^forward$|^compute_loss$|_loss$")
"""Functions that a trainer, or a network, hands batches to."""
_ARRAY_LIBRARIES = ("numpy.", "sklearn.", "scipy.", "pandas.", "matplotlib.", "seaborn.", "cv2.")
_COLLECTS = frozenset("append extend add update add_batch score fit predict transform".split())
"""Methods of lists, meters and estimators, which may make arrays of what they get."""
_COMPREHENSIONS = (cst.ListComp, cst.GeneratorExp, cst.DictComp)
_METADATA = frozenset(("shape", "size", "ndim", "dim", "dtype", "numel"))
_KEEPS_RAW = known.KEEPS_PLACE | {"items", "values", "to", "cuda"}
"""Methods whose result is still what a loader gave, as far as the question goes."""
_TENSOR_ROOTS = frozenset(
    """torch torchvision torchmetrics einops timm transformers accelerate lightning pytorch_lightning tqdm logging wandb
    contextlib functools peft""".split()
)
_TIED = re.compile(
    r"set_default_(?:device|dtype|tensor_type)|share_memory|\bmultiprocessing\b|\.fork\(|jit\.trace|onnx|quanti[sz]"
    r"|(?:Float|Long|Double|Int|Bool|Half|Byte)Tensor\b|torch\.Tensor\(|sparse|\bdgl\b|torch_geometric|torch_scatter"
    r"|is_cuda|double\(|float64|\.type\(|numba|use_deterministic_algorithms|\.share_|pin_memory\("
)
"""Words of code that cares on which device it runs, or of types that some accelerators lack."""
_MODULE = re.compile(r"\bnn\.|Module\b|\bLinear\(|Conv\dd\(")
