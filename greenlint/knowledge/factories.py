"""Calls that make tensors from shapes and numbers, and methods that keep them where they are. Data only."""

from __future__ import annotations

__all__ = [
    "ARRAY_FACTORIES",
    "CHANGING_METHODS",
    "COMBINERS",
    "FACTORIES",
    "KEEPS_PLACE",
    "LEGACY",
    "LIKE",
    "PURE_CALLS",
    "PURE_METHODS",
    "RANDOM",
    "RANDOM_METHODS",
    "WRAPPERS",
]


def _torch(names: str) -> frozenset[str]:
    return frozenset(f"torch.{name}" for name in names.split())


RANDOM = _torch("rand randn randint randperm normal rand_like randn_like randint_like")
LIKE = _torch("zeros_like ones_like empty_like full_like rand_like randn_like randint_like")
FACTORIES = LIKE | RANDOM | _torch("zeros ones empty full eye arange linspace logspace tril_indices triu_indices")
LEGACY = _torch("FloatTensor LongTensor Tensor IntTensor BoolTensor DoubleTensor HalfTensor ByteTensor")
WRAPPERS = LEGACY | _torch("from_numpy tensor as_tensor autograd.Variable nn.Parameter")
"""Calls that turn what they get into a tensor on the host."""
COMBINERS = _torch(
    "tril triu diag cat stack log exp sqrt pow cos sin abs outer square clamp flip unsqueeze squeeze"
) | {"einops.rearrange", "einops.repeat"}
ARRAY_FACTORIES = frozenset(
    """numpy.zeros numpy.ones numpy.full numpy.eye numpy.arange numpy.linspace numpy.empty numpy.identity numpy.tri
    numpy.random.normal numpy.random.uniform numpy.random.rand numpy.random.randn numpy.random.random
    numpy.random.randint numpy.random.random_sample numpy.random.standard_normal numpy.random.permutation
    numpy.random.sample""".split()
)
RANDOM_METHODS = frozenset(("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "bernoulli"))
KEEPS_PLACE = RANDOM_METHODS | frozenset(
    """float long int half double bool byte short bfloat16 view reshape unsqueeze squeeze expand repeat transpose
    permute t contiguous clone fill_ zero_ type flatten add sub mul div pow add_ sub_ mul_ div_ tril triu tril_ triu_
    masked_fill masked_fill_ exp log sqrt cos sin eq lt gt le ge ne astype repeat_interleave expand_as view_as detach
    clamp clamp_ type_as unsqueeze_ squeeze_ reciprocal neg abs round floor softmax swapaxes unbind requires_grad_
    """.split()
)
"""Methods whose result lies where their receiver does, and depends on little else."""
PURE_CALLS = (
    WRAPPERS
    | COMBINERS
    | frozenset(
        """numpy.array numpy.asarray numpy.stack numpy.float32 numpy.ascontiguousarray builtins.len builtins.float
    builtins.int jax.numpy.asarray jax.numpy.array""".split()
    )
)
"""Calls that give the same for the same arguments and change nothing."""
PURE_METHODS = (KEEPS_PLACE - RANDOM_METHODS) | frozenset(("size", "numpy", "dim", "to", "cuda"))
CHANGING_METHODS = frozenset(
    """append extend insert pop remove clear update add discard setdefault sort reverse popitem write seek fill resize
    put shuffle step load_state_dict""".split()
)
"""Methods that change what they are called on, besides those whose name ends with an underscore."""
