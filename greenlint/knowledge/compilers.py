"""Which callables of the libraries compile, trace or transform the functions they are given. Data only."""

from __future__ import annotations

import re

__all__ = ["CALLS_AT_ONCE", "COMPILES", "COMPILES_BODY", "GRADIENTS", "IGNORES", "TRANSFORMS", "compiles"]

COMPILES = frozenset(
    """jax.jit jax.pmap jax.pjit jax.experimental.pjit.pjit jax.shard_map jax.experimental.shard_map.shard_map
    jax.experimental.maps.xmap jax.xla_computation jax.make_jaxpr jax.eval_shape jax.export.export jax.named_call
    jax.experimental.pallas.pallas_call jax.core.jaxpr_as_fun flax.nnx.jit flax.nnx.pmap flax.nnx.shard_map
    flax.linen.jit equinox.filter_jit equinox.filter_pmap equinox.filter_make_jaxpr equinox.filter_eval_shape
    haiku.jit chex.variants tensorflow.function tensorflow.compat.v1.wrap_function tensorflow.wrap_function
    torch.compile torch.jit.script torch.jit.trace torch.fx.symbolic_trace objax.Jit
    brainstate.compile.jit jax.experimental.jax2tf.convert""".split()
)
"""What makes one compiled (or at least traced) program of a function."""
COMPILES_BODY = frozenset(
    """jax.lax.scan jax.lax.fori_loop jax.lax.while_loop jax.lax.cond jax.lax.switch jax.lax.map
    jax.lax.associative_scan jax.lax.reduce flax.linen.scan flax.nnx.scan haiku.scan jax.lax.custom_root
    jax.lax.custom_linear_solve tensorflow.while_loop tensorflow.scan tensorflow.map_fn tensorflow.cond
    flax.nnx.fori_loop flax.nnx.while_loop flax.nnx.cond""".split()
)
"""What compiles the functions it is given as the bodies of a loop or branch, and runs them at once."""
TRANSFORMS = frozenset(
    """jax.vmap jax.grad jax.value_and_grad jax.checkpoint jax.remat jax.ad_checkpoint.checkpoint jax.jacfwd jax.jacrev
    jax.jacobian jax.hessian jax.custom_vjp jax.custom_jvp jax.custom_gradient jax.tree_util.Partial
    jax.numpy.vectorize functools.partial functools.wraps flax.nnx.grad flax.nnx.value_and_grad flax.nnx.vmap
    flax.nnx.remat flax.linen.remat flax.linen.vmap flax.linen.checkpoint equinox.filter_grad
    equinox.filter_value_and_grad equinox.filter_vmap equinox.filter_checkpoint equinox.filter_custom_vjp
    haiku.grad haiku.value_and_grad haiku.remat haiku.vmap haiku.transform haiku.transform_with_state
    haiku.without_apply_rng haiku.multi_transform functools.update_wrapper objax.GradValues objax.Grad
    tensorflow.custom_gradient tensorflow.recompute_grad""".split()
)
"""What makes another function of one, without compiling it."""
GRADIENTS = frozenset(
    """jax.grad jax.value_and_grad flax.nnx.grad flax.nnx.value_and_grad equinox.filter_grad
    equinox.filter_value_and_grad haiku.grad haiku.value_and_grad""".split()
)
CALLS_AT_ONCE = frozenset(
    """jax.tree.map jax.tree_map jax.tree_util.tree_map jax.tree_multimap jax.vjp jax.jvp jax.linearize
    jax.block_until_ready builtins.map timeit.timeit jax.profiler.trace""".split()
)
"""What calls the function it is given right away."""
IGNORES = frozenset(
    """builtins.print builtins.isinstance builtins.callable builtins.repr builtins.str builtins.id builtins.hasattr
    inspect.signature inspect.getsource builtins.len builtins.type builtins.hash""".split()
)
_WORD = re.compile(r"(?:^|_)p?jit(?:ted|_|$)|^pmap|_pmap$|^compile|_compile$|tf_?function|^scan$|_scan$|autograph")


def compiles(name: str | None, written: str) -> bool | None:
    """Whether a callable compiles what it is given: by its canonical name, else by the name that is ``written``."""
    if name is not None and (name in COMPILES or name in COMPILES_BODY):
        return True
    if name is not None and (name in TRANSFORMS or name in CALLS_AT_ONCE or name in IGNORES):
        return False
    return True if _WORD.search(written) else None
