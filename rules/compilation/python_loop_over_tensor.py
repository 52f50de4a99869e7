"""Python loops over the elements of tensors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst

_SHORT = 4
_JOINS = frozenset("jax.numpy.array jax.numpy.stack jax.numpy.asarray jax.numpy.concatenate jax.numpy.vstack".split())
_JOINING = frozenset(each.rpartition(".")[2] for each in _JOINS)
_LONE = frozenset(
    """item cpu numpy tolist backward step to cuda nonzero unique masked_select split chunk zero_ requires_grad_ load
    nms save clone_ register_buffer""".split()
)
"""Tensor methods that have no batched form, or copy."""
_BATCHED = frozenset(
    """abs add sub mul div pow exp log sqrt sum mean max min amax amin norm dot matmul mm mv bmm einsum softmax sigmoid
    tanh relu clamp where float long int bool half unsqueeze squeeze view reshape transpose permute t expand contiguous
    argmax argmin cumsum std var size dim eq ne gt lt ge le roll flip gather index_select scatter_ fill_ copy_ detach
    cat stack zeros_like ones_like normalize cosine_similarity outer ger log_softmax square rsqrt sign floor
    round""".split()
)
_BUILDS = re.compile(
    r"init|build|setup|make|create|reset|load|convert|plot|draw|show|save|visuali[sz]e|print", re.IGNORECASE
)
"""Names of functions that run once."""


class PythonLoopOverTensor(Rule):
    """A Python loop computes element by element what one operation computes for all.

    Each pass indexes a tensor and launches a few small kernels, which take longer to launch than to run: the
    accelerator idles at high power while Python goes through rows. Under `jax.jit` such a loop is unrolled instead,
    into one long program that does the same work row by row.

    The finding stands at the loop or comprehension.

    Leave it for true recurrences, where a pass needs the result of the one before, for elements of different sizes,
    and for a handful of passes.

    To fix it, write the operation for the whole tensor: broadcasting, `torch.bmm`, `gather`, `scatter_`, `cumsum`, a
    mask; or let `torch.vmap` or `jax.vmap` do it.
    """

    severity = Severity.INFO
    frameworks = ("torch", "jax")
    words = (("for",), ("range", "array", "stack", "asarray", "concatenate", "vstack"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NO_TOY_SET,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.CPU_NOT_INTENDED,
    )
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://docs.jax.dev/en/latest/automatic-vectorization.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "vmap runs a function over a batch without a loop and faster",
            "https://docs.jax.dev/en/latest/automatic-vectorization.html",
        ),
        Evidence(Grade.REASONED, "no energy measurement of such loops was found", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.counts_tensor or (outline.maps_list and not outline.calls.isdisjoint(_JOINING))

    @on_node("For")
    def check_loop(self, node: cst.For, facts: Facts) -> Findings:
        from greenlint import Compiled, Contexts, Tree, cst

        inner = _inner(node)
        outer = facts[Tree].loops_around(node)
        if outer and _inner(outer[0]) is node:
            return
        if not _ranges_over_tensor(node, facts) or not _computes_elementwise(inner or node, node, facts):
            return
        if facts[Contexts].dead(node) or facts[Compiled].inside(node) is True or _runs_once(node, facts):
            return
        nested = inner is not None and _ranges_over_tensor(inner, facts)
        if not nested and not _is_hot(node, facts):
            return
        index = facts.document.source(node.target) if isinstance(node.target, cst.Name) else "i"
        yield self.finding(
            node,
            f"this loop computes on one element `[{index}]` of a tensor after the other",
            help="write it for the whole tensor (broadcasting, bmm, gather, scatter_, a mask), or use torch.vmap",
            notes=("2-50 times less for this block (estimate)",),
        )

    @on_node("ListComp")
    def check_comprehension(self, node: cst.ListComp, facts: Facts) -> Findings:
        from greenlint import Contexts

        if facts[Contexts].dead(node) or not _maps_network(node, facts) or not _is_joined(node, facts):
            return
        yield self.finding(
            node,
            "this runs a network or compiled function on one element after the other",
            help="use jax.vmap, or pass the whole batch",
            notes=("2-50 times less for this block (estimate); under jit the loop is unrolled into one long program",),
        )

    examples = (
        Bad(
            """
            import torch

            def ranks(predictions):
                order = torch.argsort(predictions.cuda(), dim=-1, descending=True)
                ranked = torch.zeros_like(order)
                for i in range(order.size(0)):  # bad
                    for j in range(order.size(1)):
                        ranked[i, order[i][j]] = j + 1
                return ranked
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Similarity(nn.Module):
                def forward(self, a, b):
                    a = torch.relu(a)
                    out = []
                    for i in range(a.size(0)):  # bad
                        out.append(torch.matmul(a[i], b[i].t()))
                    return torch.stack(out)

            model = Similarity().cuda()
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp

            def loss(params, observations, targets):
                outputs = jnp.array([network.apply(params, o) for o in observations])  # bad
                return ((outputs - targets) ** 2).mean()

            step = jax.jit(jax.grad(loss))
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            class Similarity(nn.Module):
                def forward(self, a, b):
                    return torch.bmm(a, b.transpose(1, 2))

            model = Similarity().cuda()
            """,
            why="one operation for all",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Cell(nn.Module):
                def forward(self, x):
                    x = torch.relu(x)
                    hidden = torch.zeros_like(x[0])
                    out = []
                    for t in range(x.size(0)):
                        hidden = torch.tanh(x[t] + hidden)
                        out.append(hidden)
                    return torch.stack(out)

            model = Cell().cuda()
            """,
            why="each pass needs the one before",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Layers(nn.Module):
                def forward(self, x):
                    out = []
                    for i in range(len(self.layers)):
                        out.append(self.layers[i](x))
                    return torch.stack(out)

            model = Layers().cuda()
            """,
            why="a loop over layers",
        ),
        Good(
            """
            import numpy as np
            import torch

            for batch in loader:
                x = batch.numpy()
                out = np.zeros_like(x)
                for i in range(x.shape[0]):
                    out[i] = x[i] * 2
                model(torch.from_numpy(out).cuda())
            """,
            why="host arrays",
        ),
        Good(
            """
            import torch

            def pick(boxes, scores):
                boxes = torch.relu(boxes.cuda())
                out = []
                for i in range(boxes.size(0)):
                    if scores[i] > 0.5:
                        out.append(boxes[i])
                return out
            """,
            why="elements are chosen by their values",
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            def loss(params, observations, targets):
                outputs = jax.vmap(lambda o: network.apply(params, o))(observations)
                return ((outputs - targets) ** 2).mean()
            """,
            why="vectorised",
        ),
    )


# -- loops over rows -------------------------------------------------------------------------------------------


def _inner(node: cst.For | cst.While) -> cst.For | None:
    """The loop that is all there is in the body of another."""
    from greenlint import cst

    body = node.body.body
    return body[0] if len(body) == 1 and isinstance(body[0], cst.For) else None


def _ranges_over_tensor(node: cst.For, facts: Facts) -> bool:
    """Whether a loop runs over ``range(x.size(0))``, ``range(x.shape[0])`` or ``range(len(x))`` of a tensor."""
    from greenlint import Calls, cst

    if not isinstance(node.iter, cst.Call) or not isinstance(node.target, cst.Name):
        return False
    call = facts[Calls].of(node.iter)
    if call.name != "builtins.range" or len(call.positional) != 1:
        return False
    return _measured(call.positional[0], facts)


def _measured(size: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Calls, cst

    if isinstance(size, cst.Subscript) and isinstance(size.value, cst.Attribute) and size.value.attr.value == "shape":
        return _is_tensor(size.value.value, facts)
    if not isinstance(size, cst.Call):
        return False
    call = facts[Calls].of(size)
    if call.name == "builtins.len" and call.positional:
        return _is_tensor(call.positional[0], facts)
    return call.method == "size" and call.receiver is not None and _is_tensor(call.receiver, facts)


def _is_tensor(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression is certainly a tensor, and not one on the host."""
    from greenlint import Device, Kind, Values

    value = facts[Values].of(node)
    if value.device is Device.HOST or value.element:
        return False
    return value.kind is Kind.TENSOR or (value.kind is None and _has_axes(node, facts))


def _has_axes(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether the function asks ``x.size(0)`` of a name, which only tensors of PyTorch can answer."""
    from greenlint import Calls, Tree, cst

    if not isinstance(node, cst.Name):
        return False
    around = facts[Tree].function(node)
    if around is None:
        return False
    asked = (each for each in facts[Calls].methods("size", within=around) if len(each.positional) == 1)
    return any(isinstance(each.receiver, cst.Name) and each.receiver.value == node.value for each in asked)


# -- what they do ----------------------------------------------------------------------------------------------


def _computes_elementwise(node: cst.For, outer: cst.For, facts: Facts) -> bool:
    """Whether each pass only computes on its own elements and puts the result away."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    if any(tree.below(outer.body, cst.If, cst.IfExp, cst.While, cst.Try, cst.With, cst.Break, cst.Continue)):
        return False
    if any(tree.below(outer.body, cst.Return, cst.Yield, cst.FormattedString, cst.Del, cst.Raise, cst.Lambda)):
        return False
    loops = list(tree.below(outer, cst.For))
    if len(loops) > (1 if node is outer else 2):
        return False
    indices = {each.target.value for each in loops if isinstance(each.target, cst.Name)}
    calls_fit = all(_fits(call, facts) for call in _calls(outer, facts))
    return calls_fit and _keeps(node, indices, facts) and not _recurs(node, indices, facts)


def _calls(node: cst.For, facts: Facts) -> Iterator[Call]:
    from greenlint import Calls

    return facts[Calls].within(node.body)


def _fits(call: Call, facts: Facts) -> bool:
    """Whether a call is an operation that PyTorch has for whole tensors, too."""
    if call.method in _LONE:
        return False
    name = call.name or ""
    if name.startswith("torch."):
        return call.method in _BATCHED
    if name.startswith("builtins."):
        return call.method in ("range", "len", "float", "int")
    if name:
        return False
    return call.receiver is not None and (call.method == "append" or call.method in _BATCHED)


def _keeps(node: cst.For, indices: set[str], facts: Facts) -> bool:
    """Whether a pass reads a tensor by its number and stores or collects a result."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    reads = [each for each in tree.below(node.body, cst.Subscript) if _mentions(each.slice, indices, facts)]
    if not any(_is_tensor(each.value, facts) for each in reads):
        return False
    targets = (each.target for each in tree.below(node.body, cst.AssignTarget))
    if any(isinstance(each, cst.Subscript) and _mentions(each.slice, indices, facts) for each in targets):
        return True
    return bool(facts[Calls].methods("append", within=node.body)) or any(tree.below(node.body, cst.AugAssign))


def _mentions(nodes: object, indices: set[str], facts: Facts) -> bool:
    from collections.abc import Sequence

    from greenlint import Tree, cst

    parts = [each for each in nodes if isinstance(each, cst.CSTNode)] if isinstance(nodes, Sequence) else []
    return any(name.value in indices for each in parts for name in facts[Tree].below(each, cst.Name))


def _recurs(node: cst.For, indices: set[str], facts: Facts) -> bool:
    """Whether a pass may need what another one made."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    stored: set[str] = set()
    for assign in tree.below(node.body, cst.Assign):
        for target in assign.targets:
            if isinstance(target.target, cst.Subscript):
                stored.add(facts.document.source(target.target.value))
            elif isinstance(target.target, cst.Name):
                if _read_before(target.target.value, assign, node, facts):
                    return True
            else:
                return True
    for each in tree.below(node.body, cst.Subscript):
        read = not isinstance(tree.parent(each), cst.AssignTarget)
        if read and facts.document.source(each.value) in stored:
            return True
        shifted = any(
            _mentions([operation], indices, facts)
            for part in each.slice
            for operation in tree.below(part, cst.BinaryOperation)
        )
        if shifted:
            return True
    return False


def _read_before(name: str, assign: cst.Assign, node: cst.For, facts: Facts) -> bool:
    """Whether a name is read in the body before, or where, it gets its value there."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    for each in tree.below(node.body, cst.Name):
        early = tree.first(each) < tree.first(assign) or tree.contains(assign, each)
        if early and each.value == name and not isinstance(tree.parent(each), cst.AssignTarget):
            return True
    return False


# -- how often -------------------------------------------------------------------------------------------------


def _is_hot(node: cst.For, facts: Facts) -> bool:
    from greenlint import Heat, Hot

    spot = facts[Hot].of(node)
    return spot is not None and spot.heat is not Heat.LOOP


def _runs_once(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether the function is one that prepares or shows something."""
    from greenlint import Tree

    function = facts[Tree].function(node)
    return function is not None and _BUILDS.search(function.name.value) is not None


# -- comprehensions of JAX -------------------------------------------------------------------------------------


def _maps_network(node: cst.ListComp, facts: Facts) -> bool:
    """Whether every element is a network's or compiled function's result for one element of an array."""
    from greenlint import BindingKind, Calls, Compiled, Names, Values, cst

    target, run = node.for_in.target, node.elt
    if not isinstance(target, cst.Name) or not isinstance(run, cst.Call) or node.for_in.ifs:
        return False
    call = facts[Calls].of(run)
    if not any(isinstance(each, cst.Name) and each.value == target.value for each in call.positional[1:]):
        return False
    source = node.for_in.iter
    if not isinstance(source, cst.Name) or not all(
        each.kind in (BindingKind.PARAMETER, BindingKind.ASSIGN) for each in facts[Names].reaching(source)
    ):
        return False
    if call.method == "apply" and call.receiver is not None and call.name is None:
        return True
    callee = facts[Values].callee(run)
    return (
        callee is not None
        and isinstance(callee.node, cst.FunctionDef)
        and callee.facts[Compiled].function(callee.node) is True
    )


def _is_joined(node: cst.ListComp, facts: Facts) -> bool:
    """Whether the results become one array again: they have one shape."""
    from greenlint import Calls, Names, Tree, cst

    tree = facts[Tree]
    above = tree.parent(node)
    if isinstance(above, cst.Arg):
        outer = tree.parent(above)
        return isinstance(outer, cst.Call) and facts[Calls].of(outer).name in _JOINS
    if not isinstance(above, cst.Assign) or not isinstance(above.targets[0].target, cst.Name):
        return False
    kept = above.targets[0].target
    for call in facts[Calls].named(*_JOINS):
        for each in tree.below(call.node, cst.Name):
            if each.value == kept.value and any(found.node in (above, kept) for found in facts[Names].reaching(each)):
                return True
    return False
