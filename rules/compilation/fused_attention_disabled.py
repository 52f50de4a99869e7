"""Attention forced onto its slow, unfused implementation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, Outline, cst


class FusedAttentionDisabled(Rule):
    """A setting keeps attention from running in one fused kernel, which is the default where a model supports it.

    Unfused attention writes the whole matrix of scores to memory and reads it back several times; attention slicing
    also cuts it into many small kernels. Fused kernels (scaled dot-product attention, flash attention) do neither.

    The finding stands at the setting.

    Leave it where attention maps are wanted, where second derivatives or bit-exact results are needed, for models that
    are documented to need it, and on machines with too little memory otherwise.

    To fix it, leave the setting out.
    """

    severity = Severity.INFO
    frameworks = ("transformers", "torch", "diffusers")
    words = (
        (
            "attn_implementation",
            "enable_flash_sdp",
            "enable_mem_efficient_sdp",
            "sdp_kernel",
            "sdpa_kernel",
            "enable_attention_slicing",
            "AttnProcessor",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK, Premise.NOT_SCIENCE)
    references = (
        "https://huggingface.co/docs/transformers/attention_interface",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "diffusers warns that attention slicing on top of scaled dot-product attention can slow down seriously",
            "docstring of diffusers 0.42.1, enable_attention_slicing",
        ),
        Evidence(
            Grade.MEASURED,
            "of eight variants of GPT-2 training, optimised attention kernels were the most energy-efficient",
            "arXiv 2507.07247",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(_SWITCHES) or bool(outline.roots & {"transformers"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment

        if facts[Environment].at_least("torch", "2.0") is False or _NEEDS_IT.search(facts.document.text):
            return
        for call, message, remedy in _settings(facts):
            if not facts[Contexts].dead(call.node):
                yield self.finding(
                    call.node,
                    message,
                    help=remedy,
                    notes=("results may differ in the last digits",),
                    fix=self._fix(call, facts),
                )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Leave the setting out, where that is all that its line does."""
        from greenlint import Tree, is_remarked, remove_argument

        if is_remarked(facts.document, facts[Tree].statement(call.node)):
            return None
        reason = "changes rounding"
        if call.method in ("from_pretrained", "from_config"):
            title = "leave attn_implementation out"
            edits = remove_argument(facts.document, call.node, "attn_implementation")
        elif call.method in ("sdp_kernel", "sdpa_kernel"):
            title, edits = f"leave {call.method}() out", _unwrapped(call, facts)
        elif call.method == "enable_attention_slicing":
            title, edits = "leave enable_attention_slicing() out", _deleted([call], facts)
            reason = "changes rounding, and a card with little memory may run out of it"
        elif call.method == "enable_flash_sdp":
            title, edits = "leave both switches out", _deleted(_both(facts), facts)
        else:
            # Another processor would have to be imported, and this import taken away.
            return None
        return self.unsafe_fix(title, *edits, reason=reason) if edits is not None else None

    examples = (
        Bad(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", attn_implementation="eager")  # bad
            """,
            fixed="""
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2")
            """,
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.enable_flash_sdp(False)  # bad
            torch.backends.cuda.enable_mem_efficient_sdp(False)
            output = model(x)
            """,
            fixed="""
            import torch

            output = model(x)
            """,
        ),
        Bad(
            """
            from torch.nn.attention import SDPBackend, sdpa_kernel

            with sdpa_kernel(SDPBackend.MATH):  # bad
                output = model(x)
            """,
            fixed="""
            from torch.nn.attention import SDPBackend, sdpa_kernel

            output = model(x)
            """,
        ),
        Bad(
            """
            import torch

            with torch.backends.cuda.sdp_kernel(enable_flash=False, enable_mem_efficient=False):  # bad
                output = model(x)
            """,
            fixed="""
            import torch

            output = model(x)
            """,
        ),
        Bad(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5").to("cuda")
            pipe.enable_attention_slicing()  # bad
            """,
            fixed="""
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5").to("cuda")
            """,
        ),
        Bad(
            """
            from diffusers import UNet2DConditionModel
            from diffusers.models.attention_processor import AttnProcessor

            unet = UNet2DConditionModel.from_pretrained("a/b", subfolder="unet")
            unet.set_attn_processor(AttnProcessor())  # bad
            """
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.enable_flash_sdp(False)  # bad
            torch.backends.cuda.enable_mem_efficient_sdp(False)
            if plain:
                torch.backends.cuda.enable_flash_sdp(True)
            """
        ),
        Bad(
            """
            from torch.nn.attention import SDPBackend, sdpa_kernel

            plain = sdpa_kernel(SDPBackend.MATH)  # bad
            with plain:
                output = model(x)
            """
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", attn_implementation="sdpa")
            """,
            why="fused",
        ),
        Good(
            """
            from transformers import AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased", attn_implementation="eager")
            maps = model(**inputs, output_attentions=True).attentions
            """,
            why="attention maps are wanted",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            name = "google/gemma-2-2b"
            model = AutoModelForCausalLM.from_pretrained(name, attn_implementation="eager")
            """,
            why="recommended for training this model",
        ),
        Good(
            """
            import torch

            torch.backends.cuda.enable_flash_sdp(False)
            """,
            why="another fused kernel remains",
        ),
        Good(
            """
            from torch.nn.attention import SDPBackend, sdpa_kernel

            with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
                output = model(x)
            """,
            why="a fused kernel is allowed",
        ),
        Good(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5").to("mps")
            pipe.enable_attention_slicing()
            """,
            why="recommended on Apple silicon with little memory",
        ),
        Good(
            """
            import torch
            from torch.nn.attention import SDPBackend, sdpa_kernel

            with sdpa_kernel(SDPBackend.MATH):
                output = model(x)
            gradients = torch.autograd.grad(output.sum(), x, create_graph=True)
            """,
            why="second derivatives need the plain implementation",
        ),
    )


_SWITCHES = frozenset(
    """enable_flash_sdp enable_mem_efficient_sdp sdp_kernel sdpa_kernel enable_attention_slicing AttnProcessor
    from_pretrained from_config""".split()
)
_NEEDS_IT = re.compile(
    r"output_attentions|\.attentions\b|head_mask|create_graph|functorch|\bjvp\b|hessian|jacfwd|use_deterministic"
    r"|attention_map|attn_map|attn_weights|register_forward_hook|bertviz|captum"
)
"""What needs the scores, or derivatives and results that fused kernels do not give."""
_NEEDS_EAGER = re.compile(
    r"gemma|deberta|\b(?:flan-|m)?t5-|\bmpt-|alibi|\bbloom|longformer|big_?bird|xlnet", re.IGNORECASE
)
"""Models that are documented to need, or only have, the plain implementation."""


_BOTH = ("enable_flash_sdp", "enable_mem_efficient_sdp")


def _both(facts: Facts) -> list[Call]:
    """The two switches, where each is written once."""
    from greenlint import Calls

    found = [call for name in _BOTH for call in facts[Calls].named(f"torch.backends.cuda.{name}")]
    return found if len(found) == len(_BOTH) else []


def _deleted(calls: list[Call], facts: Facts) -> tuple[Edit, ...] | None:
    """The edits that delete statements which are nothing but these calls."""
    from greenlint import Tree, cst, delete_statements

    tree = facts[Tree]
    if not calls or not all(isinstance(tree.parent(each.node), cst.Expr) for each in calls):
        return None
    ordered = sorted(calls, key=lambda each: tree.first(each.node))
    return delete_statements(facts.document, [tree.statement(each.node) for each in ordered])


def _unwrapped(call: Call, facts: Facts) -> tuple[Edit, ...] | None:
    from greenlint import Tree, cst, unwrap

    item = facts[Tree].parent(call.node)
    block = facts[Tree].parent(item) if isinstance(item, cst.WithItem) else None
    return unwrap(facts.document, block, call.node) if isinstance(block, cst.With) else None


def _settings(facts: Facts) -> Iterator[tuple[Call, str, str]]:
    """The calls that keep attention from being fused, with what to say of them."""
    from greenlint import Calls, cst

    calls = facts[Calls]
    for call in calls.methods("from_pretrained", "from_config"):
        chosen = call.argument("attn_implementation", 99)
        if chosen.written and chosen.constant == "eager" and not _is_special(call):
            yield call, "attention runs unfused: attn_implementation is eager", "leave attn_implementation out"
    yield from _switches(facts)
    if "mps" in facts.document.text:
        return
    for call in calls.methods("enable_attention_slicing"):
        if "diffusers" in facts.document.text:
            yield (
                call,
                "attention slicing breaks up attention that PyTorch 2 runs in one fused kernel",
                "leave enable_attention_slicing() out unless memory runs short",
            )
    for call in calls.methods("set_attn_processor"):
        for given in call.positional[:1]:
            processor = calls.of(given) if isinstance(given, cst.Call) else None
            if processor is not None and (processor.name or "").endswith(".AttnProcessor"):
                yield call, "`AttnProcessor` computes attention unfused", "use AttnProcessor2_0, the default"


def _is_special(call: Call) -> bool:
    """Whether the model is one that needs the plain implementation, or may be."""
    return _NEEDS_EAGER.search(call.facts.document.text) is not None


def _switches(facts: Facts) -> Iterator[tuple[Call, str, str]]:
    """PyTorch's own switches, where no fused kernel remains."""
    from greenlint import Calls, Names, cst

    calls = facts[Calls]
    message = "scaled dot-product attention may not use any fused kernel"
    off = [
        call
        for name in _BOTH
        for call in calls.named(f"torch.backends.cuda.{name}")[:1]
        if call.argument("enabled", 0).constant is False
    ]
    if len(off) == 2:
        yield off[0], message, "leave both switches out"
    for call in calls.named("torch.backends.cuda.sdp_kernel"):
        given = [call.argument(name, at) for at, name in ((0, "enable_flash"), (2, "enable_mem_efficient"))]
        if all(each.written and each.constant is False for each in given):
            yield call, message, "allow flash or memory-efficient attention"
    for call in calls.named("torch.nn.attention.sdpa_kernel"):
        backends = call.argument("backends", 0).node
        if isinstance(backends, cst.List) and len(backends.elements) == 1:
            backends = backends.elements[0].value
        if backends is not None and facts[Names].resolve(backends) == "torch.nn.attention.SDPBackend.MATH":
            yield call, message, "leave the restriction to SDPBackend.MATH out"
