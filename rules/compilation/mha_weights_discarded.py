"""Attention weights that are computed and thrown away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, cst

_ATTENTION = "torch.nn.MultiheadAttention"
_ONE = re.compile(r"keepdims?\s*=\s*True|unsqueeze\(|\[:, ?:1\]|\[:, ?-1:\]|\[:1\]|\[-1:\]|None")
"""What gives a sequence of one element."""
_NEEDS_PLAIN = re.compile(r"create_graph|functorch|torch\.func\b|\bjvp\b|hessian|jacfwd|register_forward_pre_hook")
"""What needs derivatives that the fused kernels do not have."""


class MhaWeightsDiscarded(Rule):
    """`nn.MultiheadAttention` is asked for its attention weights, and nothing reads them.

    With `need_weights=True`, the default, the layer writes the whole matrix of scores to memory, applies the softmax
    to it and averages it over the heads. Only without the weights may it use the fused kernel
    (`scaled_dot_product_attention`), which never stores the matrix. The waste grows with the square of the sequence
    length, forward and backward.

    The finding stands at the call of the layer.

    Leave it where a hook reads the weights, or where sequences have a few dozen elements.

    To fix it, pass `need_weights=False`. Results agree up to rounding.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("MultiheadAttention",),)
    premises = (Premise.NOT_A_TEST,)
    references = ("https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "set need_weights=False to use the optimized scaled_dot_product_attention and achieve the best performance",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html",
        ),
        Evidence(Grade.REASONED, "no energy measurement of this argument alone was found", "own survey, 2026"),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment

        if facts[Environment].at_least("torch", "2.0") is False or "register_forward_hook" in facts.document.text:
            return
        for call in _discarding(facts):
            made = _layer(call, facts)
            if made is None or facts[Contexts].dead(call.node) or not _asks(call) or _has_one_query(call, facts):
                continue
            yield self.finding(
                call.node,
                f"`{facts.document.source(call.node.func)}` computes attention weights that nothing reads",
                help="pass need_weights=False; the fused attention kernel then runs",
                notes=("the gain grows with the sequence length; results agree up to rounding",),
                related=((made.node, "the layer"),) if made.facts is facts else (),
                fix=self._fix(call, facts),
            )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import set_argument

        # ``is_causal`` is only a hint as long as weights are computed; fused kernels have no second derivative.
        if not call.argument("is_causal", 8).absent or _NEEDS_PLAIN.search(facts.document.text):
            return None
        made = set_argument(facts.document, call.node, "need_weights", "False", 4)
        if made is None:
            return None
        reason = "rounding, and dropout of the attention weights draws other numbers"
        return self.unsafe_fix("pass need_weights=False", *made, reason=reason)

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim, heads):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
                    self.norm = nn.LayerNorm(dim)

                def forward(self, x):
                    h = self.norm(x)
                    out, _ = self.attn(h, h, h)  # bad
                    return x + out
            """,
            fixed="""
            import torch
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim, heads):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
                    self.norm = nn.LayerNorm(dim)

                def forward(self, x):
                    h = self.norm(x)
                    out, _ = self.attn(h, h, h, need_weights=False)
                    return x + out
            """,
        ),
        Bad(
            """
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x, mask):
                    return x + self.attn(x, x, x, attn_mask=mask, need_weights=True)[0]  # bad
            """,
            fixed="""
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x, mask):
                    return x + self.attn(x, x, x, attn_mask=mask, need_weights=False)[0]
            """,
        ),
        Bad(
            """
            from torch.nn import Module, MultiheadAttention

            class Cross(Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = MultiheadAttention(dim, 8)

                def forward(self, x, memory, padding):
                    return self.attn(  # bad
                        query=x,
                        key=memory,
                        value=memory,
                        key_padding_mask=padding,  # True where nothing stands
                    )[0]
            """,
            fixed="""
            from torch.nn import Module, MultiheadAttention

            class Cross(Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = MultiheadAttention(dim, 8)

                def forward(self, x, memory, padding):
                    return self.attn(
                        query=x,
                        key=memory,
                        value=memory,
                        key_padding_mask=padding,  # True where nothing stands
                        need_weights=False,
                    )[0]
            """,
        ),
        Bad(
            """
            from torch import nn

            class Decoder(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x, mask):
                    out, _ = self.attn(x, x, x, attn_mask=mask, is_causal=True)  # bad
                    return x + out
            """,
            why="without weights the mask gives way to the hint, which may say something else",
        ),
        Bad(
            """
            from torch import nn

            class Encoder(nn.Module):
                def __init__(self, dim, depth):
                    super().__init__()
                    self.layers = nn.ModuleList([nn.MultiheadAttention(dim, 8) for _ in range(depth)])

                def forward(self, x):
                    for layer in self.layers:
                        update, weights = layer(x, x, x)  # bad
                        x = x + update
                    return x
            """,
            fixed="""
            from torch import nn

            class Encoder(nn.Module):
                def __init__(self, dim, depth):
                    super().__init__()
                    self.layers = nn.ModuleList([nn.MultiheadAttention(dim, 8) for _ in range(depth)])

                def forward(self, x):
                    for layer in self.layers:
                        update, weights = layer(x, x, x, need_weights=False)
                        x = x + update
                    return x
            """,
        ),
        Good(
            """
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x):
                    out, _ = self.attn(x, x, x, need_weights=False)
                    return x + out
            """,
            why="no weights are asked for",
        ),
        Good(
            """
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x):
                    out, weights = self.attn(x, x, x)
                    return x + out, weights
            """,
            why="the weights are returned",
        ),
        Good(
            """
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x):
                    out, self.weights = self.attn(x, x, x)
                    return x + out
            """,
            why="the weights are kept for whoever wants to draw them",
        ),
        Good(
            """
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim, **options):
                    super().__init__()
                    self.options = options
                    self.attn = nn.MultiheadAttention(dim, 8)

                def forward(self, x, **options):
                    out, _ = self.attn(x, x, x, **options)
                    return x + out
            """,
            why="the argument may come from the caller",
        ),
        Good(
            """
            from torch import nn

            class Pool(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8, batch_first=True)

                def forward(self, x):
                    query = x.mean(dim=1, keepdim=True)
                    out, _ = self.attn(query, x, x)
                    return out.squeeze(1)
            """,
            why="for a single query the weights are one row",
        ),
        Good(
            """
            from torch import nn

            class MultiheadAttention(nn.Module):
                def forward(self, q, k, v):
                    return self.project(q, k, v), None

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = MultiheadAttention()

                def forward(self, x):
                    out, _ = self.attn(x, x, x)
                    return x + out
            """,
            why="a layer of the project's own",
        ),
        Good(
            """
            from torch import nn

            class Block(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.attn = nn.MultiheadAttention(dim, 8)
                    self.attn.register_forward_hook(keep)

                def forward(self, x):
                    return x + self.attn(x, x, x)[0]
            """,
            why="a hook may read the weights",
        ),
    )


def _discarding(facts: Facts) -> Iterator[Call]:
    """The calls of whose results only the first is used."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    for node in tree.of_type(cst.Call):
        above = tree.parent(node)
        if isinstance(above, cst.Subscript) and above.value is node:
            if _takes_first(above, facts):
                yield facts[Calls].of(node)
        elif isinstance(above, cst.Assign) and above.value is node and _drops_second(above, facts):
            yield facts[Calls].of(node)


def _takes_first(node: cst.Subscript, facts: Facts) -> bool:
    from greenlint import Values

    return facts[Values].index(node) == 0


def _drops_second(node: cst.Assign, facts: Facts) -> bool:
    """Whether ``out, second = ...`` binds a name that nothing reads."""
    from greenlint import Names, Tree, cst

    target = node.targets[0].target
    if len(node.targets) != 1 or not isinstance(target, (cst.Tuple, cst.List)) or len(target.elements) != 2:
        return False
    second = target.elements[1].value
    if not isinstance(second, cst.Name):
        return False
    tree, names = facts[Tree], facts[Names]
    reads = (
        other
        for other in tree.below(tree.function(node) or tree.root, cst.Name)
        if other.value == second.value and other is not second and _is_read(other, facts)
    )
    return not any(each.node in (node, second) for other in reads for each in names.reaching(other))


def _is_read(node: cst.Name, facts: Facts) -> bool:
    """Whether a name is read here, rather than being a keyword, an attribute or what is assigned to."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    above = tree.parent(node)
    if isinstance(above, cst.Arg):
        return above.keyword is not node
    if isinstance(above, cst.Attribute):
        return above.attr is not node
    while isinstance(above, (cst.Tuple, cst.List, cst.Element)):
        above = tree.parent(above)
    return not isinstance(above, (cst.AssignTarget, cst.CompFor))


def _layer(call: Call, facts: Facts) -> Call | None:
    """The call that made the attention layer, also one in a list of layers that a loop goes through."""
    from greenlint import BindingKind, Names, Values, cst

    made = facts[Values].of(call.node.func).call
    if made is not None and made.name == _ATTENTION:
        return made
    if not isinstance(call.node.func, cst.Name):
        return None
    bindings = facts[Names].reaching(call.node.func)
    if len(bindings) != 1 or bindings[0].kind is not BindingKind.LOOP or bindings[0].value is None or bindings[0].path:
        return None
    listed = facts[Values].of(bindings[0].value).call
    return _listed(listed) if listed is not None and listed.name == "torch.nn.ModuleList" else None


def _listed(listed: Call) -> Call | None:
    """The layer that every element of a ``ModuleList`` is made as."""
    from greenlint import Calls, cst

    inner = listed.positional[0] if listed.positional else None
    if isinstance(inner, (cst.ListComp, cst.GeneratorExp)):
        made = [inner.elt]
    elif isinstance(inner, cst.List):
        made = [each.value for each in inner.elements]
    else:
        return None
    calls = [listed.facts[Calls].of(each) for each in made if isinstance(each, cst.Call)]
    return calls[0] if calls and len(calls) == len(made) and all(each.name == _ATTENTION for each in calls) else None


def _has_one_query(call: Call, facts: Facts) -> bool:
    """Whether the query is plainly a single element, such as a mean or a class token: its weights are one row."""
    from greenlint import Names, cst

    query = call.argument("query", 0).node
    if query is None:
        return False
    written = [query]
    if isinstance(query, cst.Name):
        written.extend(each.value for each in facts[Names].reaching(query) if each.value is not None)
    return any(_ONE.search(facts.document.source(each)) for each in written)


def _asks(call: Call) -> bool:
    """Whether the layer certainly computes its weights, averaged, for this call."""
    wanted = call.argument("need_weights", 4)
    return (wanted.absent or wanted.constant is True) and call.argument("average_attn_weights", 7).absent
