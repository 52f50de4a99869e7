"""Which networks and classes are known to run in bfloat16 under autocast, because all of their code is seen."""

from __future__ import annotations

import functools
import re
import sys
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.imports import Imports
from greenlint.facts.names import Names
from greenlint.facts.project import Definition, Project
from greenlint.facts.sources import code_at
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Bfloat16"]

_DEFINITIONS = 60
"""How many classes and functions of the project one network may be spread over."""


class Bfloat16:
    """What autocast can run in bfloat16. True only where nothing is seen, and nothing hides, that would fail there."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._values = facts[Values]
        self._names = facts[Names]
        self._tree = facts[Tree]

    def network(self, node: cst.BaseExpression) -> bool:
        """Whether the network behind an expression runs under autocast to bfloat16."""
        if self._in_threads:
            return False
        value = self._values.of(node)
        if value.instance_of is not None:
            return self.definition(value.instance_of)
        return value.call is not None and _Survey().made(value.call)

    def switch(self, node: cst.CSTNode) -> str | None:
        """A name that can be bound before ``node`` and means nothing else in this file; ``None`` if there is none."""
        used = {each.value for each in self._tree.of_type(cst.Name)}
        return None if "bf16" in used or self._names.scope(node).is_class else "bf16"

    @functools.cached_property
    def _in_threads(self) -> bool:
        """Whether a module around may run the network in threads, where autocast falls back to float16."""
        imports, sources = self._facts[Imports], self._facts.sources
        texts = (code_at(sources, path) for path in (*imports.reachable(), *imports.importing()))
        return any(map(_THREADS.search, (self._facts.document.text, *texts)))

    def definition(self, definition: Definition) -> bool:
        """Whether all methods of a class, and what they call, run under autocast to bfloat16."""
        return _Survey().covers(definition)


class _Survey:
    """One walk through the classes and functions that a network is made of."""

    def __init__(self) -> None:
        self._seen: set[cst.CSTNode] = set()

    def made(self, call: Call) -> bool:
        """Whether what a call makes is a network of a library that allows it, or one built of its layers."""
        if call.name is not None and call.name.startswith("torch.nn."):
            return self._fits_below(call.facts, call.node, built=True)
        return call.name is not None and _READY_MADE.match(call.name) is not None

    def covers(self, definition: Definition) -> bool:
        if definition.node in self._seen:
            return True
        self._seen.add(definition.node)
        if len(self._seen) > _DEFINITIONS:
            return False
        facts, node = definition.facts, definition.node
        if isinstance(node, cst.FunctionDef):
            return self._fits_below(facts, node, built=False)
        if not all(self._is_base(facts, base.value) for base in node.bases):
            return False
        for statement in node.body.body:
            if isinstance(statement, cst.FunctionDef) and statement.name.value in _NOT_RUN:
                continue
            built = isinstance(statement, cst.FunctionDef) and statement.name.value in _BUILDS
            if not self._fits_below(facts, statement, built=built):
                return False
        return True

    def _is_base(self, facts: Facts, base: cst.BaseExpression) -> bool:
        above = facts[Project].definition(base)
        if above is not None:
            return self.covers(above)
        name = facts[Names].resolve(base)
        return name is not None and _BASE.match(name) is not None

    def _fits_below(self, facts: Facts, node: cst.CSTNode, *, built: bool) -> bool:
        """Whether code fits; where modules are ``built`` nothing is computed yet."""
        tree = facts[Tree]
        names = {each.value for each in tree.below(node, cst.Name)}
        if names & _NEVER or (not built and names & _NOT_IN_A_PASS):
            return False
        if names & _POSITIONS and (names & _PRODUCTS or any(tree.below(node, cst.MatrixMultiply))):
            return False
        stores: list[cst.AssignTarget | cst.AugAssign] = [
            *tree.below(node, cst.AssignTarget),
            *tree.below(node, cst.AugAssign),
        ]
        if not built and any(map(_is_store, stores)):
            return False
        calls = [facts[Calls].of(each) for each in tree.below(node, cst.Call)]
        return all(self._is_known(call, facts, built=built) for call in calls)

    def _is_known(self, call: Call, facts: Facts, *, built: bool) -> bool:
        targets = facts[Values].callees(call.node)
        if targets:
            return all(self.covers(each) for each in targets)
        if call.name is None:
            func = call.node.func
            # A method of a value, or a value that is passed in or made by a call that is looked at where it stands.
            return not isinstance(func, cst.Name) or bool(facts[Names].reaching(func))
        if call.name.startswith("numpy."):
            return built
        root = call.name.partition(".")[0]
        if root in ("builtins", *_ALLOWED_ROOTS) or root in sys.stdlib_module_names:
            return _OTHER_CODE.match(call.name) is None
        return _READY_MADE.match(call.name) is not None


def _is_store(node: cst.AssignTarget | cst.AugAssign) -> bool:
    """Whether an element of a tensor may be set: that needs the same type on both sides."""
    target = node.target
    if not isinstance(target, cst.Subscript):
        return False
    index = target.slice[0].slice
    return not (isinstance(index, cst.Index) and isinstance(index.value, (cst.SimpleString, cst.FormattedString)))


_THREADS = re.compile(r"\b(?:DataParallel|data_parallel)\b")
_BUILDS = frozenset(("__init__", "setup", "configure_model"))
_NOT_RUN = frozenset(
    "configure_optimizers prepare_data train_dataloader val_dataloader test_dataloader predict_dataloader".split()
)
"""Methods of a Lightning module that compute nothing."""
_ALLOWED_ROOTS = ("torch", "einops", "torchmetrics", "lightning", "PIL")
_OTHER_CODE = re.compile(
    r"torch\.(?:ops|jit|hub|fft|linalg|special|sparse|utils\.cpp_extension)\."
    r"|torchmetrics\.(?:image|audio|regression|detection|multimodal)\."
)
_POSITIONS = frozenset(("arange", "linspace"))
_PRODUCTS = frozenset("einsum matmul mm bmm addmm baddbmm".split())
"""A product with positions: bfloat16 tells no whole numbers apart beyond 256."""
_BASE = re.compile(
    r"torch\.nn\.[A-Z]|builtins\.object$|abc\.|typing\."
    r"|lightning\.pytorch\.(?:core\.)?(?:LightningModule|Callback)$"
)
_TEXT_MODELS = (
    "Bert|DistilBert|Roberta|XLMRoberta|Camembert|Electra|Albert|GPT2|GPTNeo|GPTNeoX|OPT|Bloom|Llama|Mistral|Qwen2|"
    "T5|MT5|Bart|MBart|Marian|Pegasus|ViT|DeiT|Swin|ConvNext|ResNet"
)
_READY_MADE = re.compile(
    rf"""torchvision\.models\.(?:[a-z0-9_]+|segmentation\.[a-z0-9_]+)$
    | timm\.(?:models\.)?create_model$
    | segmentation_models_pytorch\.(?:\w+\.)*(?:Unet|UnetPlusPlus|FPN|PSPNet|Linknet|MAnet|PAN|DeepLabV3(?:Plus)?
      |create_model)$
    | transformers\.(?:AutoModel(?:ForSequenceClassification|ForTokenClassification|ForCausalLM|ForMaskedLM
      |ForQuestionAnswering|ForMultipleChoice|ForImageClassification|ForSeq2SeqLM)?
      |(?:{_TEXT_MODELS})(?:LMHead)?(?:Model|For\w+))(?:\.from_pretrained|\.from_config)?$
    | transformers\.\w+Config(?:\.from_pretrained)?$""",
    re.VERBOSE,
)
"""Networks of libraries that are trained under autocast as a matter of course."""

_NEVER = frozenset(
    """LSTM GRU RNN LSTMCell GRUCell RNNCell BCELoss CTCLoss MaxUnpool1d MaxUnpool2d MaxUnpool3d FractionalMaxPool2d
    Function custom_fwd autocast half float16 bfloat16 double float64 complex64 complex128 register_forward_hook
    linear_sum_assignment NMSLoss DoubleTensor HalfTensor script load_inline""".split()
)
"""Recurrent layers run in float16 under any autocast; the losses refuse to run at all."""
_NOT_IN_A_PASS = frozenset(
    """numpy cpu binary_cross_entropy ctc_loss fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn stft istft linalg svd
    inverse pinverse cholesky det logdet slogdet qr eig eigh solve lstsq matrix_exp complex view_as_complex polar finfo
    scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_ index_add index_add_ index_copy index_copy_
    index_put index_put_ masked_scatter masked_scatter_ put_ lerp lerp_ histc fold unfold kthvalue grid_sample nms
    roi_align autograd from_numpy""".split()
)
"""What has no kernel for bfloat16, needs one type for all it takes, or leads to NumPy, which has no bfloat16."""
