"""Operations on host arrays that an accelerator can do as well. Data only."""

from __future__ import annotations

__all__ = ["METHODS", "READS", "TWINS", "UPLOADS"]

_NAMES = frozenset(
    """argmax argmin max min mean sum std var clip where concatenate stack vstack hstack exp log sqrt abs absolute sign
    square power maximum minimum transpose swapaxes moveaxis reshape expand_dims squeeze flip roll sort argsort cumsum
    prod dot matmul einsum tile repeat round floor ceil isnan isfinite nan_to_num array asarray ascontiguousarray copy
    ravel amax amin log1p expm1 tanh sin cos outer diff multiply add subtract divide logical_and logical_or logical_not
    any all count_nonzero broadcast_to float32 float64 int64 int32 flatnonzero argwhere nonzero argpartition eye
    atleast_1d atleast_2d concat""".split()
)
TWINS = frozenset(f"numpy.{name}" for name in _NAMES) | frozenset(
    """numpy.linalg.norm scipy.special.softmax scipy.special.expit scipy.special.logsumexp scipy.special.log_softmax
    builtins.list builtins.float builtins.int builtins.abs builtins.round builtins.tuple""".split()
)
METHODS = (_NAMES - {"where", "concatenate", "stack"}) | frozenset(
    """astype flatten view detach numpy squeeze unsqueeze float long int permute t contiguous clone tolist bool half
    eq gt lt ge le ne softmax sigmoid item type""".split()
)
"""Methods of arrays and tensors that stay on the host once their receiver is there."""
READS = frozenset(("cpu", "tolist", "item"))
"""Methods that bring a tensor of PyTorch to the host."""
UPLOADS: dict[str, str] = {
    "jax.numpy.array": "jax",
    "jax.numpy.asarray": "jax",
    "jax.device_put": "jax",
    "tensorflow.convert_to_tensor": "tensorflow",
    "tensorflow.constant": "tensorflow",
    "cupy.array": "cupy",
    "cupy.asarray": "cupy",
}
"""Calls that bring a host array to the accelerator, with the library they do it for."""
