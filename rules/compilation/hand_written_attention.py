"""Attention written out, with its whole matrix of weights in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst

_DEPTH = 8
_PRODUCTS = frozenset(("matmul", "bmm", "baddbmm"))
_EINSUMS = frozenset(("einsum",))
_KEEPS = frozenset(
    """masked_fill masked_fill_ float half bfloat16 to type type_as contiguous add add_ sub mul mul_ div div_ view
    reshape unsqueeze squeeze where clone""".split()
)
"""Operations between product and softmax that the fused kernel has an argument for, or no need of."""
_DROPS = re.compile(r"drop", re.IGNORECASE)
_CASTS = frozenset(("to", "type", "type_as", "half", "float", "bfloat16", "contiguous", "clone"))
_TURNED = re.compile(r"transpose|permute|swapaxes|movedim|\.T\b|\.mT\b|\.t\(\)|rearrange")
_QUERY = re.compile(r"^(?:x?q|quer(?:y|ies)|q_?\w{0,8}|\w*_q|query_\w+|\w*_query|mixed_query\w*)$", re.IGNORECASE)
_KEY = re.compile(r"^(?:x?k|keys?|k_?\w{0,8}|\w*_k|key_\w+|\w*_keys?|k_?t)$", re.IGNORECASE)
_OTHER_ATTENTION = re.compile(
    r"window|swin|gat(?:\b|_|conv|layer)|graph|linear_?att|axial|local|sparse|deform|perform|neighbou?r|nystr|sinkhorn|"
    r"capsule|memory|relative|reform|routing|pool|^xc|covar|channel|merger|perceiver|resampler",
    re.IGNORECASE,
)
"""Names of attentions over few elements, or of other kinds."""
_FUSED = re.compile(
    r"scaled_dot_product|flash_?attn|flash_?attention|xformers|memory_efficient|flex_attention|sdpa", re.I
)
_RECURRENT = re.compile(r"\b(?:LSTM|GRU|RNN|LSTMCell|GRUCell|RNNCell)\(")
_TEACHES = re.compile(r"scratch|tutorial|annotated|course|lesson|lecture|exercise|assignment|homework|book", re.I)
_GRAPHS = frozenset(("torch_geometric", "dgl"))


@dataclass
class _Attention:
    """One softmax between the product of queries and keys and the product with values."""

    softmax: Call
    scores: cst.CSTNode
    values: cst.CSTNode | None = None


class HandWrittenAttention(Rule):
    """Attention is written as product, softmax and product, and nobody reads the weights.

    The matrix of weights grows with the square of the sequence length. Written out, it goes to memory and back for
    each of product, scaling, mask, softmax and dropout, and is kept for the backward pass. The fused kernel behind
    `scaled_dot_product_attention` computes the same in one pass and never stores the matrix.

    The finding stands at the softmax.

    Leave it where the weights are needed, where something else is done to them, for sequences below about 128
    elements, and where a bias that is trained rules the fastest kernels out (FlexAttention takes such biases).

    To fix it, call `torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=..., dropout_p=...)`. Its
    boolean masks say what takes part (`True`), `dropout_p` has to be 0 in evaluation, and the scale is the usual one
    unless `scale=` says otherwise.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("softmax", "Softmax"),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK, Premise.CPU_NOT_INTENDED)
    references = (
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html",
        "https://arxiv.org/abs/2205.14135",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "FlashAttention trains GPT-2 up to 3 times faster and takes memory linear in the sequence length",
            "arXiv 2205.14135",
        ),
        Evidence(
            Grade.MEASURED,
            "of eight variants of GPT-2 training, those with optimised attention kernels took the least energy",
            "arXiv 2507.07247",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"softmax", "Softmax"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment, Frameworks

        if facts[Environment].at_least("torch", "2.0") is False or facts[Frameworks].roots & _GRAPHS:
            return
        if _TEACHES.search(facts.document.path):
            return
        for attention in _attentions(facts):
            node = attention.softmax.node
            if facts[Contexts].dead(node) or _is_other(node, facts):
                continue
            yield self.finding(
                node,
                "this attention stores its whole matrix of weights, which nothing else reads",
                help=f"use {_functional(facts)}.scaled_dot_product_attention(q, k, v, attn_mask=..., dropout_p=...)",
                notes=(
                    "10-50 % of a training step at 1000 elements and more (estimate); little below 128",
                    "boolean masks say what takes part there, and dropout_p has to be 0 in evaluation",
                ),
                related=((attention.scores, "the scores"), (attention.values, "the product with the values"))
                if attention.values is not None
                else (),
            )

    examples = (
        Bad(
            """
            import math
            import torch
            import torch.nn.functional as F
            from torch import nn

            class Attention(nn.Module):
                def forward(self, q, k, v, mask=None):
                    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(q.size(-1))
                    if mask is not None:
                        scores = scores.masked_fill(mask == 0, -1e9)
                    weights = F.softmax(scores, dim=-1)  # bad
                    weights = self.dropout(weights)
                    return torch.matmul(weights, v)
            """
        ),
        Bad(
            """
            import torch
            from torch import nn, einsum
            from einops import rearrange

            class Attention(nn.Module):
                def __init__(self, dim, heads=8):
                    super().__init__()
                    self.attend = nn.Softmax(dim=-1)
                    self.to_qkv = nn.Linear(dim, dim * 3)

                def forward(self, x):
                    q, k, v = map(lambda t: rearrange(t, "b n (h d) -> b h n d", h=8), self.to_qkv(x).chunk(3, -1))
                    dots = einsum("b h i d, b h j d -> b h i j", q, k) * self.scale
                    attn = self.attend(dots)  # bad
                    out = einsum("b h i j, b h j d -> b h i d", attn, v)
                    return rearrange(out, "b h n d -> b n (h d)")
            """
        ),
        Bad(
            """
            import torch

            class Block(torch.nn.Module):
                def attend(self, query, key, value):
                    attention = (query @ key.transpose(-2, -1)) * self.scale
                    attention = attention.softmax(dim=-1)  # bad
                    return attention @ value
            """
        ),
        Good(
            """
            import torch.nn.functional as F
            from torch import nn

            class Attention(nn.Module):
                def forward(self, q, k, v, mask=None):
                    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            """,
            why="the fused kernel",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Attention(nn.Module):
                def forward(self, q, k, v):
                    weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
                    return weights @ v, weights
            """,
            why="the weights are returned",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Attention(nn.Module):
                def forward(self, q, k, v):
                    self.weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
                    return self.weights @ v
            """,
            why="the weights are kept",
        ),
        Good(
            """
            import torch
            from torch import nn

            class LinearAttention(nn.Module):
                def forward(self, q, k, v):
                    q = q.softmax(dim=-2)
                    k = k.softmax(dim=-1)
                    context = torch.einsum("b h d n, b h e n -> b h d e", k, v)
                    return torch.einsum("b h d e, b h d n -> b h e n", context, q)
            """,
            why="linear attention has no matrix of weights",
        ),
        Good(
            """
            import torch
            import torch.nn.functional as F
            from torch import nn

            class Decoder(nn.Module):
                def __init__(self, size):
                    super().__init__()
                    self.rnn = nn.GRU(size, size)

                def forward(self, hidden, encoded):
                    scores = torch.bmm(hidden, encoded.transpose(1, 2))
                    weights = F.softmax(scores, dim=-1)
                    return torch.bmm(weights, encoded)
            """,
            why="one query at a time, as the recurrent layer goes",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Attention(nn.Module):
                def forward(self, q, k, v):
                    weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
                    weights = self.talk(weights)
                    return weights @ v
            """,
            why="the weights are mixed between heads first",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Attention(nn.Module):
                def forward(self, q, k, v):
                    weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
                    weights = torch.einsum("b h i j, h g -> b g i j", weights, self.mix)
                    return torch.einsum("b h i j, b h j d -> b h i d", weights, v)
            """,
            why="another product mixes the weights",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Summary(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    self.queries = nn.Parameter(torch.randn(8, dim))

                def forward(self, x):
                    weights = torch.softmax(self.queries @ x.transpose(-2, -1), dim=-1)
                    return weights @ x
            """,
            why="a few learnt queries",
        ),
        Good(
            """
            import torch
            from torch import nn

            class WindowAttention(nn.Module):
                def forward(self, q, k, v):
                    weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
                    return weights @ v
            """,
            why="windows hold a few dozen elements",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Gate(nn.Module):
                def forward(self, x, experts):
                    weights = torch.softmax(self.linear(x), dim=-1)
                    return weights @ experts
            """,
            why="no product of queries and keys",
        ),
    )


# -- finding it ------------------------------------------------------------------------------------------------


def _attentions(facts: Facts) -> Iterator[_Attention]:
    from greenlint import Calls

    for call in facts[Calls].all:
        scores = _softmaxed(call, facts)
        product = _product_behind(scores, facts, _DEPTH) if scores is not None else None
        if product is None:
            continue
        attention = _Attention(call, product)
        if _ends(call.node, attention, facts, _DEPTH) and attention.values is not None:
            yield attention


def _softmaxed(call: Call, facts: Facts) -> cst.BaseExpression | None:
    """What a call applies a softmax over the last axis to."""
    if call.name in ("torch.softmax", "torch.nn.functional.softmax"):
        given, axis = call.argument("input", 0).node, call.argument("dim", 1)
    elif call.method == "softmax" and call.receiver is not None and call.name is None:
        given, axis = call.receiver, call.argument("dim", 0)
    elif call.name is None and len(call.positional) == 1:
        made = _softmax_module(call.node.func, facts)
        if made is None:
            return None
        given, axis = call.positional[0], made.argument("dim", 0)
    else:
        return None
    return given if axis.written and axis.constant in (-1, 2, 3) else None


def _softmax_module(func: cst.BaseExpression, facts: Facts) -> Call | None:
    """The call that made the module of a softmax that is called."""
    from greenlint import Values, cst

    made = facts[Values].of(func).call if isinstance(func, (cst.Attribute, cst.Call)) else None
    return made if made is not None and made.name == "torch.nn.Softmax" else None


def _product_behind(node: cst.BaseExpression, facts: Facts, depth: int) -> cst.CSTNode | None:
    """The product of queries and keys that scores come from, through scaling, masks and biases."""
    from greenlint import Calls, cst

    if not depth:
        return None
    if isinstance(node, cst.Name):
        return _product_of_name(node, facts, depth)
    if isinstance(node, cst.BinaryOperation):
        if isinstance(node.operator, cst.MatrixMultiply):
            return node if _is_score(node.left, node.right, facts) else None
        if not isinstance(node.operator, (cst.Add, cst.Subtract, cst.Multiply, cst.Divide)):
            return None
        return _product_behind(node.left, facts, depth - 1) or _product_behind(node.right, facts, depth - 1)
    if not isinstance(node, cst.Call):
        return None
    call = facts[Calls].of(node)
    if call.method in _PRODUCTS or call.method in _EINSUMS:
        return node if _multiplies(call, facts) else None
    if call.method not in _KEEPS:
        return None
    parts = [*call.positional] if call.name is not None else [call.receiver] if call.receiver is not None else []
    return next(filter(None, (_product_behind(each, facts, depth - 1) for each in parts)), None)


def _product_of_name(node: cst.Name, facts: Facts, depth: int) -> cst.CSTNode | None:
    """The one product behind all values that a name may have."""
    from greenlint import BindingKind, Names

    found: set[cst.CSTNode] = set()
    for binding in facts[Names].reaching(node):
        if binding.kind is BindingKind.AUGMENTED:
            continue
        if binding.kind is not BindingKind.ASSIGN or binding.value is None or binding.path:
            return None
        product = _product_behind(binding.value, facts, depth - 1)
        if product is None:
            return None
        found.add(product)
    return found.pop() if len(found) == 1 else None


def _multiplies(call: Call, facts: Facts) -> bool:
    """Whether a call multiplies queries with keys."""
    from greenlint import Values

    if call.method in _EINSUMS:
        pattern = facts[Values].constant(call.positional[0]) if call.positional else None
        return isinstance(pattern, str) and _is_score_pattern(pattern)
    plain = call.positional
    if call.method == "baddbmm":
        plain = plain[1:] if call.name is not None else plain
    elif call.name is None and call.receiver is not None:
        plain = [call.receiver, *plain]
    return len(plain) >= 2 and _is_score(plain[0], plain[1], facts)


def _is_score(left: cst.BaseExpression, right: cst.BaseExpression, facts: Facts) -> bool:
    """Whether a product is that of many queries with transposed keys."""
    if "unsqueeze" in facts.document.source(left) or _is_kept(left):
        return False
    if _TURNED.search(_written(right, facts)):
        return not _same(left, right)
    return bool(_QUERY.match(_last(left)) and _KEY.match(_last(right)))


def _is_kept(node: cst.BaseExpression) -> bool:
    """Whether queries are parameters, of which there are few."""
    from greenlint import cst

    return isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == "self"


def _written(node: cst.BaseExpression, facts: Facts) -> str:
    """The source of an expression and of what its name was assigned."""
    from greenlint import Names, cst

    text = facts.document.source(node)
    if isinstance(node, cst.Name):
        values = (each.value for each in facts[Names].reaching(node) if each.value is not None and not each.path)
        text = " ".join([text, *map(facts.document.source, values)])
    return text


def _last(node: cst.BaseExpression) -> str:
    from greenlint import cst

    while isinstance(node, (cst.Call, cst.Subscript, cst.BinaryOperation)):
        if isinstance(node, cst.BinaryOperation):
            node = node.left
        else:
            node = (
                node.func.value
                if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
                else (node.value if isinstance(node, cst.Subscript) else cst.Name("_"))
            )
    return node.value if isinstance(node, cst.Name) else node.attr.value if isinstance(node, cst.Attribute) else ""


def _same(left: cst.BaseExpression, right: cst.BaseExpression) -> bool:
    """``x @ x.T``: a matrix of similarities rather than attention."""
    return bool(_last(left)) and _last(left) == _last(right)


def _is_score_pattern(pattern: str) -> bool:
    """``b h i d, b h j d -> b h i j``: one axis is summed, one of each side is kept last."""
    inputs, arrow, output = pattern.partition("->")
    sides = [_axes(each) for each in inputs.split(",")]
    kept = _axes(output)
    if not arrow or len(sides) != 2 or len(kept) < 3:
        return False
    left, right = sides
    summed = [each for each in left if each in right and each not in kept]
    only_left = [each for each in kept if each in left and each not in right]
    only_right = [each for each in kept if each in right and each not in left]
    return len(summed) == 1 and len(only_left) == 1 and only_right == kept[-1:] and kept[-2:-1] == only_left


def _axes(text: str) -> list[str]:
    stripped = text.strip().replace("...", " … ").strip()
    return stripped.split() if " " in stripped else list(stripped)


# -- what becomes of the weights -------------------------------------------------------------------------------


def _ends(node: cst.BaseExpression, attention: _Attention, facts: Facts, depth: int) -> bool:
    """Whether the weights are used for nothing but one product with values; notes that product."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    above = tree.parent(node)
    if not depth:
        return False
    if isinstance(above, cst.BinaryOperation) and isinstance(above.operator, cst.MatrixMultiply):
        return _notes(above, attention) if above.left is node else False
    if isinstance(above, cst.Arg):
        call = tree.parent(above)
        return isinstance(call, cst.Call) and _passed(above, facts[Calls].of(call), attention, facts, depth)
    if isinstance(above, cst.Attribute):
        call = tree.parent(above)
        return isinstance(call, cst.Call) and _method(above.attr.value, call, attention, facts, depth)
    if isinstance(above, cst.IfExp):
        return _ends(above, attention, facts, depth - 1)
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        return _named(above.targets[0].target, above, attention, facts, depth)
    return False


def _notes(product: cst.CSTNode, attention: _Attention) -> bool:
    known = attention.values in (None, product)
    attention.values = product
    return known


def _passed(arg: cst.Arg, call: Call, attention: _Attention, facts: Facts, depth: int) -> bool:
    """A function that the weights are given to."""
    first = bool(call.positional) and call.positional[0] is arg.value
    if call.method in _PRODUCTS and call.receiver is not None and call.name is not None:
        return first and _notes(call.node, attention)
    if call.method in _EINSUMS:
        return _sums_last(call, arg.value, facts) and _notes(call.node, attention)
    if _DROPS.search(call.method) and first:
        return _ends(call.node, attention, facts, depth - 1)
    return False


def _sums_last(call: Call, weights: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an ``einsum`` sums over the last axis of the weights, as the product with values does."""
    from greenlint import Values

    pattern = facts[Values].constant(call.positional[0])
    inputs, arrow, output = pattern.partition("->") if isinstance(pattern, str) else ("", "", "")
    sides = inputs.split(",")
    place = call.positional.index(weights) - 1 if weights in call.positional else -1
    axes = _axes(sides[place]) if 0 <= place < len(sides) == 2 else []
    return bool(arrow and axes) and axes[-1] not in _axes(output) and axes[-1] in _axes(sides[1 - place])


def _method(name: str, call: cst.Call, attention: _Attention, facts: Facts, depth: int) -> bool:
    """A method of the weights."""
    if name in _PRODUCTS:
        return _notes(call, attention)
    if name in ("size", "dim"):
        return True
    return name in _CASTS and _ends(call, attention, facts, depth - 1)


def _named(target: cst.Name, statement: cst.CSTNode, attention: _Attention, facts: Facts, depth: int) -> bool:
    """Every later use of a name that holds the weights."""
    from greenlint import Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    uses = []
    for each in tree.below(tree.function(target) or tree.root, cst.Name):
        if each.value != target.value or each is target:
            continue
        above = tree.parent(each)
        if isinstance(above, (cst.AssignTarget, cst.Param)) or (isinstance(above, cst.Arg) and above.keyword is each):
            continue
        if isinstance(above, cst.Attribute) and above.attr is each:
            continue
        if any(binding.node in (statement, target) for binding in names.reaching(each)):
            uses.append(each)
    return bool(uses) and all(_ends(each, attention, facts, depth - 1) or _is_shape(each, facts) for each in uses)


def _is_shape(node: cst.Name, facts: Facts) -> bool:
    from greenlint import Tree, cst

    above = facts[Tree].parent(node)
    return isinstance(above, cst.Attribute) and above.attr.value in ("shape", "dtype", "device")


def _is_other(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether the place is about an attention of another kind, over few elements, or with a fused twin beside it."""
    from greenlint import Tree

    tree = facts[Tree]
    function = tree.function(node)
    owner = tree.class_of(function) if function is not None else None
    around = owner or function
    if around is None:
        return False
    text = facts.document.source(around)
    if _FUSED.search(text) or _RECURRENT.search(text) or "window" in text:
        return True
    return any(_OTHER_ATTENTION.search(each.name.value) for each in (owner, function) if each is not None)


def _functional(facts: Facts) -> str:
    """How this file spells ``torch.nn.functional``."""
    from greenlint import Names

    for binding in facts[Names].imports():
        if binding.imported == "torch.nn.functional" and binding.name != "torch":
            return binding.name
    return "torch.nn.functional"
