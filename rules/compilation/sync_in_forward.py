"""Forward passes that read tensors on the host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst

_DEPTH = 6
_READS = frozenset(("item", "cpu", "numpy", "tolist"))
_SINKS = frozenset(
    "append extend add update setdefault info debug warning write clamp mul div fill_ masked_fill".split()
)
"""Calls that can do with a value on the device."""
_TESTS = frozenset("any all sum max min mean isnan isinf isfinite equal allclose is_nonzero count_nonzero".split())
"""What gives a single value that a Python condition then waits for."""
_SHAPES = frozenset(
    """shape size dim ndim numel device dtype is_cuda requires_grad element_size stride is_contiguous data_ptr
    is_floating_point type training is_sparse is_quantized layout names""".split()
)
"""What is known without asking the device."""
_DEPENDS = re.compile(
    r"moe\b|_moe|MoE|rout(?:er|ing)|expert|nms|detect|propos|\broi|anchor|beam|decod|generat|sampl|match|hungar|crf|"
    r"viterbi|rcnn|yolo|retina|tts|vocod|search|sparse|voxel|point|graph|prune|cache|reinforce|greedy|tagger|parser|"
    r"track|quanti[sz]|observer|inference|export|onnx",
    re.IGNORECASE,
)
"""Names of work whose course depends on the data."""
_SIZES = re.compile(
    r"len|size|shape|num|count|total|steps?|idx|indices|index|offset|max_|_max|n_|bound|splits?|spatial|cu_?seq|grid|_thw"
    r"|epoch",
    re.IGNORECASE,
)
"""Names of numbers that decide on shapes, which have to be on the host."""
_MODES = re.compile(
    r"is_tracing|is_scripting|is_compiling|is_exporting|is_in_onnx|not self\.training|_step|epoch|warm|is_cuda|device"
    r"|init"
)
_PLAIN = re.compile(r"\b(?:int|float|bool|str|list|List|dict|Dict|Callable|tuple|Tuple|ndarray)\b")


class SyncInForward(Rule):
    """The forward pass of a network reads a tensor on the host, by `.item()`, `.cpu()` or a Python condition.

    Such a read waits until every queued kernel has run. In a forward pass it comes in the middle of the work, once per
    layer and step: the queue runs empty, and the accelerator idles at high power while Python catches up. For
    `torch.compile` each of them also ends the compiled graph.

    The finding stands at the first read of a class; further ones are related places.

    Leave it where the course of the computation has to depend on the data, and behind debugging switches.

    To fix it, express the choice on the device (`torch.where`, masks, `clamp`), check values with
    `torch._assert_async`, and keep constants as buffers or Python numbers.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("forward",), ("item", "cpu", "numpy", "tolist", "any", "all", "isnan", "isinf", "isfinite", "max", "min"))
    premises = (Premise.NOT_A_TEST, Premise.MAYBE_ON_ACCELERATOR, Premise.CPU_NOT_INTENDED, Premise.NO_TOY_SET)
    references = ("https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch lists item(), cpu(), printing and Python conditions on tensors as operations that synchronise",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
        Evidence(Grade.REASONED, "no energy measurement of reads inside a forward pass was found", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.called_from("forward").isdisjoint(_READS | _TESTS)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Tree, cst

        for owner in facts[Tree].of_type(cst.ClassDef):
            if _DEPENDS.search(owner.name.value) or not _is_network(owner, facts):
                continue
            reads = [read for method in _forward(owner, facts) for read in _reads(method, facts)]
            if not reads:
                continue
            node, what = reads[0]
            yield self.finding(
                node,
                f"{what} in the forward pass of `{owner.name.value}` makes the host wait for the device",
                help="keep the value on the device: torch.where, masks, clamp, or torch._assert_async for checks",
                notes=("2-30 % of the forward pass (estimate); torch.compile splits its graph here",),
                related=tuple((each, "waits, too") for each, _ in reads[1:5]),
            )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            class Gate(nn.Module):
                def forward(self, x):
                    scale = x.abs().max().item()  # bad
                    return x / scale

            model = Gate().cuda()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Block(nn.Module):
                def forward(self, x):
                    h = self.linear(x)
                    if torch.isnan(h).any():  # bad
                        h = torch.nan_to_num(h)
                    return h

            model = Block().to("cuda")
            """
        ),
        Bad(
            """
            from torch import nn

            class Head(nn.Module):
                def forward(self, x, mask):
                    return self.reduce(x, mask)

                def reduce(self, x, mask):
                    assert mask.any(dim=-1).all()  # bad
                    return (x * mask).sum(-1)

            model = Head().cuda()
            """
        ),
        Bad(
            """
            import numpy as np
            from torch import nn

            class Noise(nn.Module):
                def forward(self, x):
                    weights = self.attend(x)
                    self.history.append(weights.detach().cpu().numpy())  # bad
                    return weights * x

            model = Noise().cuda()
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            class Gate(nn.Module):
                def forward(self, x):
                    scale = x.abs().max()
                    return x / scale

            model = Gate().cuda()
            """,
            why="the value stays on the device",
        ),
        Good(
            """
            from torch import nn
            from torch.nn.utils.rnn import pack_padded_sequence

            class Encoder(nn.Module):
                def forward(self, x, lengths):
                    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True)
                    return self.rnn(packed)

            model = Encoder().cuda()
            """,
            why="packing needs the lengths on the host",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Forecaster(nn.Module):
                def forward(self, x):
                    return torch.as_tensor(self.engine.predict(x.cpu().numpy()), device=x.device)

            model = Forecaster().cuda()
            """,
            why="what computes may work on the host only",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Encoder(nn.Module):
                def forward(self, x, lengths):
                    longest = lengths.max().item()
                    return x[:, :longest]

            model = Encoder().cuda()
            """,
            why="shapes have to be known on the host",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Block(nn.Module):
                def forward(self, x):
                    if self.debug and torch.isnan(x).any():
                        raise ValueError("nan")
                    if not torch.jit.is_tracing() and x.sum() > 0:
                        x = x + 1
                    return self.linear(x)

            model = Block().cuda()
            """,
            why="behind a debugging switch, and left out of traces",
        ),
        Good(
            """
            from torch import nn

            class MoELayer(nn.Module):
                def forward(self, x):
                    for expert, tokens in zip(self.experts, self.assign(x).tolist()):
                        x = expert(x, tokens)
                    return x

            model = MoELayer().cuda()
            """,
            why="routing depends on the data",
        ),
        Good(
            """
            from torch import nn

            class Block(nn.Module):
                def forward(self, x, mask=None):
                    if mask is not None and x.size(1) > mask.shape[1]:
                        x = x[:, : mask.shape[1]]
                    return self.linear(x)

            model = Block().cuda()
            """,
            why="shapes are known without asking the device",
        ),
        Good(
            """
            import numpy as np
            from torch import nn

            class Block(nn.Module):
                def forward(self, x):
                    if np.random.rand() < self.drop and all(each > 0 for each in self.rates):
                        return x
                    return self.linear(x)

            model = Block().cuda()
            """,
            why="host values",
        ),
    )


# -- where -----------------------------------------------------------------------------------------------------


def _is_network(owner: cst.ClassDef, facts: Facts) -> bool:
    from greenlint import Definition, Kind, Values

    return facts[Values].kind_of_class(Definition(facts, owner)) in (Kind.MODULE, Kind.HF_MODEL)


def _forward(owner: cst.ClassDef, facts: Facts) -> list[cst.FunctionDef]:
    """The forward method of a class, and those of its own methods that it calls."""
    from greenlint import Calls, cst

    methods = {each.name.value: each for each in owner.body.body if isinstance(each, cst.FunctionDef)}
    found = [methods["forward"]] if "forward" in methods else []
    for method in found:
        for call in facts[Calls].within(method.body):
            receiver = call.receiver
            inner = methods.get(call.method)
            own = isinstance(receiver, cst.Name) and receiver.value == "self"
            if own and inner is not None and inner not in found and not _DEPENDS.search(call.method):
                found.append(inner)
    return found


# -- what ------------------------------------------------------------------------------------------------------


def _reads(method: cst.FunctionDef, facts: Facts) -> list[tuple[cst.CSTNode, str]]:
    """The reads in a method, one for each statement, in source order."""
    from greenlint import Contexts, Tree

    tree, contexts = facts[Tree], facts[Contexts]
    found: dict[cst.CSTNode, tuple[cst.CSTNode, str]] = {}
    for node, what in sorted(_waits(method, facts), key=lambda each: tree.first(each[0])):
        if tree.function(node) is not method or contexts.guarded(node, method.body) or contexts.dead(node):
            continue
        if not _is_mode(node, method, facts):
            found.setdefault(tree.statement(node), (node, what))
    return list(found.values())


def _waits(method: cst.FunctionDef, facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    from greenlint import Calls, Tree, cst

    travels = _travelling(facts)
    for call in facts[Calls].methods(*_READS, within=method.body):
        receiver = call.receiver
        if receiver is None or call.node.args or call.node in travels or not _is_tensor(receiver, facts, _DEPTH):
            continue
        if not _is_wanted(call, facts):
            yield call.node, f"`.{call.method}()`"
    tree = facts[Tree]
    tests = [each.test for each in tree.below(method.body, cst.If)]
    tests += [each.test for each in tree.below(method.body, cst.While)]
    tests += [each.test for each in tree.below(method.body, cst.Assert)]
    tests += [each.test for each in tree.below(method.body, cst.IfExp)]
    for test in tests:
        tested = _tested(test, facts)
        if tested is not None and not _is_wanted(tested, facts):
            yield tested.node, "a Python condition on a tensor"


def _travelling(facts: Facts) -> set[cst.CSTNode]:
    """Reads of values that come back to the device: another rule speaks of them."""
    from greenlint import RoundTrips

    return {each.read for each in facts[RoundTrips].all}


def _tested(test: cst.BaseExpression, facts: Facts) -> Call | None:
    """The reduction of a tensor that a condition waits for."""
    from greenlint import Calls, cst

    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return _tested(test.expression, facts)
    if isinstance(test, cst.BooleanOperation):
        return _tested(test.left, facts) or _tested(test.right, facts)
    if isinstance(test, cst.Comparison):
        if any(isinstance(each.operator, (cst.Is, cst.IsNot, cst.In, cst.NotIn)) for each in test.comparisons):
            return None
        sides = (test.left, *(each.comparator for each in test.comparisons))
        return next(filter(None, (_tested(each, facts) for each in sides if isinstance(each, cst.Call))), None)
    if not isinstance(test, cst.Call):
        return None
    call = facts[Calls].of(test)
    if call.method not in _TESTS:
        return None
    if call.name is not None:
        given = call.positional[0] if call.name.startswith("torch.") and call.positional else None
    else:
        given = call.receiver
    return call if given is not None and _is_tensor(given, facts, _DEPTH) else None


def _is_wanted(call: Call, facts: Facts) -> bool:
    """Whether the value decides on a shape, or belongs to something that needs it on the host."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    given = call.receiver if call.receiver is not None else None
    if given is not None and _SIZES.search(facts.document.source(given)):
        return True
    below: cst.CSTNode = call.node
    for above in tree.ancestors(call.node):
        if isinstance(above, cst.Call) and isinstance(below, cst.Arg) and _is_for_host(facts[Calls].of(above)):
            return True
        if isinstance(above, (cst.Assign, cst.AnnAssign, cst.For, cst.Slice, cst.SubscriptElement)):
            targets = above.targets if isinstance(above, cst.Assign) else [above]
            if isinstance(above, (cst.Slice, cst.SubscriptElement)):
                return True
            written = " ".join(facts.document.source(each.target) for each in targets if hasattr(each, "target"))
            return isinstance(above, cst.For) or _SIZES.search(written) is not None
        if isinstance(above, (cst.BaseSmallStatement, cst.BaseCompoundStatement)) and below is not above:
            return False
        below = above
    return False


def _is_for_host(outer: Call) -> bool:
    """Whether a call that a value is given to needs it on the host, or may do: nothing is seen of it."""
    name = outer.name or ""
    if name.startswith("builtins."):
        return outer.method == "range"
    if name.startswith("torch."):
        return outer.method in ("pack_padded_sequence", "arange", "zeros", "ones", "full")
    return outer.method not in _SINKS


def _is_mode(node: cst.CSTNode, method: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a condition around, or the other half of the test itself, rules training steps or traces out."""
    from greenlint import Tree, cst

    source, below = facts.document.source, node
    for above in facts[Tree].ancestors(node):
        if above is method:
            return False
        if isinstance(above, (cst.If, cst.IfExp)) and below is not above.test and _MODES.search(source(above.test)):
            return True
        if isinstance(above, cst.BooleanOperation) and _MODES.search(source(above)):
            return True
        below = above
    return False


# -- tensors ---------------------------------------------------------------------------------------------------


def _is_tensor(node: cst.BaseExpression, facts: Facts, depth: int) -> bool:
    """Whether an expression of a forward pass is certainly a tensor on the device of the network."""
    from greenlint import UNKNOWN, Calls, Device, Kind, Values, cst

    if not depth:
        return False
    value = facts[Values].of(node)
    if value.kind is Kind.ARRAY or value.device is Device.HOST or value.constant is not UNKNOWN:
        return False
    if isinstance(node, cst.Name):
        return _is_tensor_name(node, facts, depth)
    if isinstance(node, (cst.BinaryOperation, cst.Comparison)):
        return _is_tensor(node.left, facts, depth - 1)
    if isinstance(node, cst.UnaryOperation):
        return _is_tensor(node.expression, facts, depth - 1)
    if isinstance(node, cst.Subscript):
        return _is_tensor(node.value, facts, depth - 1)
    if isinstance(node, cst.Attribute):
        return node.attr.value in ("data", "grad", "T") and _is_tensor(node.value, facts, depth - 1)
    if not isinstance(node, cst.Call):
        return False
    call = facts[Calls].of(node)
    if call.name is not None:
        tensors = call.name.startswith(("torch.nn.functional.", "torch.")) and value.kind is Kind.TENSOR
        return tensors and any(_is_tensor(each, facts, depth - 1) for each in call.positional)
    if call.receiver is None or call.method in _SHAPES or call.method in _READS:
        return False
    if isinstance(call.receiver, cst.Name) and call.receiver.value == "self":
        return value.kind is Kind.TENSOR or facts[Values].of(node.func).kind is Kind.MODULE
    return _is_tensor(call.receiver, facts, depth - 1)


def _is_tensor_name(node: cst.Name, facts: Facts, depth: int) -> bool:
    from greenlint import BindingKind, Names, cst

    bindings = facts[Names].reaching(node)
    for binding in bindings:
        if binding.kind is BindingKind.PARAMETER:
            if not _may_be_tensor(binding.node, facts):
                return False
        elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
            value = binding.value
            own = isinstance(value, cst.Call) and _is_own_layer(value)
            if not own and (binding.path or not _is_tensor(value, facts, depth - 1)):
                return False
        elif binding.kind is not BindingKind.AUGMENTED:
            return False
    return bool(bindings)


def _is_own_layer(node: cst.Call) -> bool:
    """``self.linear(x)``: in a network, what it is made of gives tensors."""
    from greenlint import cst

    func = node.func
    return isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name) and func.value.value == "self"


def _may_be_tensor(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a parameter is neither annotated nor defaulted as something else."""
    from greenlint import cst

    if not isinstance(node, cst.Param) or node.star or node.name.value in ("self", "cls"):
        return False
    if node.annotation is not None:
        written = facts.document.source(node.annotation.annotation)
        return "Tensor" in written and not _PLAIN.search(written)
    plain = node.default is None or (isinstance(node.default, cst.Name) and node.default.value == "None")
    return plain and not _SIZES.search(node.name.value)
