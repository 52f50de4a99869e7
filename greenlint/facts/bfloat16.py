"""Which networks and classes are known to run in bfloat16 under autocast, because all of their code is seen."""

from __future__ import annotations

import functools
import re
import sys
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.imports import Imports
from greenlint.facts.names import Binding, BindingKind, Names, root_name
from greenlint.facts.project import Definition, Project
from greenlint.facts.sources import code_at
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

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
        return value.call is not None and _Survey().made(value.call) and self._parts_fit(value.call.facts)

    def _parts_fit(self, facts: Facts) -> bool:
        """Whether the modules that are put into finished networks (``model.fc = Head()``) fit, too."""
        survey, values = _Survey(), facts[Values]
        stored = (each.value for found in facts[Names].stores.values() for each in found if each.value is not None)
        return all(survey.fits(each, facts) for each in stored if values.of(each).kind is Kind.MODULE)

    def switch(self, node: cst.CSTNode, torch: str) -> tuple[str, str] | None:
        """A name that says whether the GPU has units for bfloat16, and the line to put before ``node`` that binds it.

        ``torch`` is what this file calls the module; ``None`` where the name means something else.
        """
        if self._tree.named("bf16") or self._names.scope(node).is_class:
            return None
        return "bf16", f"bf16 = {torch}.cuda.is_available() and {torch}.cuda.get_device_capability() >= (8, 0)"

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
            if call.method in _HOLDERS and not all(self._is_part(each, call.facts) for each in call.node.args):
                return False
            return self._fits_below(call.facts, call.node, built=True)
        return call.name is not None and _READY_MADE.match(call.name) is not None

    def _is_part(self, arg: cst.Arg, facts: Facts) -> bool:
        """Whether what a container is made of is written out, or known by its name."""
        if arg.star:
            return False
        return self._is_plain(arg.value, facts) if isinstance(arg.value, cst.Name) else True

    def covers(self, definition: Definition) -> bool:
        """Whether all code of a class or function, and all that it calls, fits."""
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
        calls = [facts[Calls].of(each) for each in tree.below(node, cst.Call)]
        keeps = built or any(_LAYER.match(each.name or "") for each in calls)
        if not built and any(_is_store(each, keeps=keeps) for each in stores):
            return False
        return all(self._is_known(call, facts, built=built) for call in calls)

    def _is_known(self, call: Call, facts: Facts, *, built: bool) -> bool:
        targets = facts[Values].callees(call.node)
        if targets:
            return all(self.covers(each) for each in targets)
        if call.name is None:
            return self._is_callee_known(call.node.func, facts)
        if call.name.startswith("numpy."):
            return built
        root = call.name.partition(".")[0]
        if root in ("builtins", *_ALLOWED_ROOTS) or root in sys.stdlib_module_names:
            return _OTHER_CODE.match(call.name) is None
        return _READY_MADE.match(call.name) is not None

    # -- what is called -----------------------------------------------------------------------------------------

    def _is_callee_known(self, func: cst.BaseExpression, facts: Facts) -> bool:
        """Whether a called value is made by code that is looked at where it stands, or passed in by code that is."""
        if isinstance(func, cst.Name):
            bindings = facts[Names].reaching(func)
            return bool(bindings) and all(self._is_binding_known(each, facts) for each in bindings)
        if isinstance(func, cst.Subscript):
            return self._is_element_known(func, facts)
        if isinstance(func, cst.Call):
            call = facts[Calls].of(func)
            looked_up = call.name == "builtins.getattr" and not (call.positional and _is_self(call.positional[0]))
            return not looked_up
        return isinstance(func, cst.Attribute) and self._is_method_known(func, facts)

    def _is_element_known(self, node: cst.Subscript, facts: Facts) -> bool:
        """``self.layers[0]`` was made in the class; what another table holds is not known."""
        base: cst.BaseExpression = node
        while isinstance(base, cst.Subscript):
            base = base.value
        return isinstance(base, cst.Attribute) and _is_self(base.value) and self._is_method_known(base, facts)

    def _is_method_known(self, func: cst.Attribute, facts: Facts) -> bool:
        holder: cst.BaseExpression = func
        while isinstance(holder, cst.Attribute) and not _is_self(holder.value):
            holder = holder.value
        if not isinstance(holder, cst.Attribute):
            return True
        if holder is not func and _SETTINGS.match(holder.attr.value):
            return False
        bound = facts[Values].attribute_bindings(holder)
        return all(self._is_value_known(binding.value, other) for other, binding in bound)

    def _is_binding_known(self, binding: Binding, facts: Facts) -> bool:
        if binding.kind is BindingKind.PARAMETER:
            return self._is_parameter_known(binding, facts)
        if binding.kind is BindingKind.LOOP and binding.value is not None:
            table = facts[Names].lookup(root_name(binding.value) or "", binding.value)
            return not any(each.scope is facts[Names].module for each in table)
        if binding.kind is BindingKind.ASSIGN and not binding.path:
            return self._is_value_known(binding.value, facts)
        return binding.kind in (BindingKind.FUNCTION, BindingKind.CLASS)

    def _is_parameter_known(self, binding: Binding, facts: Facts) -> bool:
        if binding.name in ("self", "cls") or binding.node in self._seen:
            return True
        self._seen.add(binding.node)
        function = binding.scope.node
        if not isinstance(function, cst.FunctionDef):
            return False
        given = [(each.facts, each.node) for each in facts[Values].arguments_for(function, binding.name)]
        if binding.value is not None:
            given.append((facts, binding.value))
        return bool(given) and all(node is None or self._is_plain(node, other) for other, node in given)

    def _is_value_known(self, value: cst.BaseExpression | None, facts: Facts) -> bool:
        """Whether what a name or an attribute is bound to runs in bfloat16 when it is called."""
        if value is None or value not in facts[Tree] or value in self._seen:
            return True
        self._seen.add(value)
        if isinstance(value, cst.IfExp):
            return self._is_value_known(value.body, facts) and self._is_value_known(value.orelse, facts)
        if isinstance(value, (cst.Call, cst.Lambda)):
            return self._fits_below(facts, value, built=isinstance(value, cst.Call))
        if isinstance(value, (cst.Name, cst.Attribute)) and facts[Names].resolve(value) is not None:
            return self._is_plain(value, facts)
        if isinstance(value, (cst.Name, cst.Attribute, cst.Subscript)):
            return facts[Values].of(value).constant is not UNKNOWN or self._is_callee_known(value, facts)
        return True

    def _is_plain(self, node: cst.BaseExpression, facts: Facts) -> bool:
        """Whether what is passed computes nothing, or is a layer, a class or a function that fits."""
        if isinstance(node, cst.Name):
            bindings = facts[Names].reaching(node)
            if bindings and all(each.kind is BindingKind.PARAMETER for each in bindings):
                return all(self._is_parameter_known(each, facts) for each in bindings)
        value = facts[Values].of(node)
        return value.constant is not UNKNOWN or value.kind is Kind.TENSOR or self.fits(node, facts)

    def fits(self, node: cst.BaseExpression, facts: Facts) -> bool:
        """Whether an expression is a layer, a class or a function that runs in bfloat16."""
        definition = facts[Project].definition(node)
        if definition is not None:
            return self.covers(definition)
        name = facts[Names].resolve(node)
        if name is not None and name.startswith("torch.nn."):
            return name.rpartition(".")[2] not in _NEVER | _NOT_IN_A_PASS
        value = facts[Values].of(node)
        if value.instance_of is not None:
            return self.covers(value.instance_of)
        if value.call is not None and value.call.name == "functools.partial" and value.call.positional:
            return self.fits(value.call.positional[0], value.call.facts)
        return value.call is not None and self.made(value.call)


def _is_self(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "self"


def _is_store(node: cst.AssignTarget | cst.AugAssign, *, keeps: bool) -> bool:
    """Whether an element of a tensor may be set, which needs the same type on both sides, or a result is kept.

    A method that makes layers ``keeps`` these, and sizes.
    """
    target = node.target
    if isinstance(node, cst.AssignTarget) and isinstance(target, cst.Attribute):
        return not keeps
    if not isinstance(target, cst.Subscript):
        return False
    index = target.slice[0].slice
    return not (isinstance(index, cst.Index) and isinstance(index.value, (cst.SimpleString, cst.FormattedString)))


_SETTINGS = re.compile(r"h_?params$|args$|conf|cfg$|opts?$|options$")
_LAYER = re.compile(r"torch\.nn\.[A-Z]\w*$")
_HOLDERS = frozenset(("Sequential", "ModuleList", "ModuleDict", "TransformerEncoder", "TransformerDecoder"))
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
    linear_sum_assignment DoubleTensor HalfTensor script load_inline spectral_norm Fold Unfold ReflectionPad1d
    ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d
    AdaptiveLogSoftmaxWithLoss""".split()
)
"""Recurrent layers run in float16 under any autocast; the losses refuse to run at all."""
_NOT_IN_A_PASS = frozenset(
    """numpy cpu binary_cross_entropy ctc_loss fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn stft istft linalg svd
    inverse pinverse cholesky det logdet slogdet qr eig eigh solve lstsq matrix_exp complex view_as_complex polar finfo
    scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_ index_add index_add_ index_copy index_copy_
    index_put index_put_ masked_scatter masked_scatter_ put_ lerp lerp_ histc fold unfold kthvalue grid_sample nms
    roi_align autograd from_numpy quantile nanquantile median add_histogram add_image add_images add_embedding
    log_image""".split()
)
"""What has no kernel for bfloat16, needs one type for all it takes, or leads to NumPy, which has no bfloat16."""
