"""Weights kept in host memory and copied to the accelerator in each pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Outline, cst


class WeightsOffloadedToHost(Rule):
    """A model's weights or optimiser state are offloaded to host memory or disk, and fetched for every pass.

    The accelerator waits for the bus while it draws power; each pass copies all weights again.

    The finding stands at the setting. It is silent where a comment beside it speaks of memory, and where an option
    decides on it.

    Leave it where the model does not fit in any other way.

    To fix it, try half precision, smaller batches or a smaller model first, then offload whole models instead of single
    layers (`enable_model_cpu_offload`), and measure.
    """

    severity = Severity.INFO
    frameworks = ("diffusers", "accelerate", "transformers", "deepspeed", "torch", "vllm")
    words = (
        (
            "enable_sequential_cpu_offload",
            "cpu_offload",
            "disk_offload",
            "cpu_offload_gb",
            "CPUOffload",
            "CPUOffloadPolicy",
            "offload_param",
            "device_map",
        ),
    )
    premises = (Premise.NOT_A_TEST,)
    references = (
        "https://huggingface.co/docs/diffusers/optimization/memory",
        "https://docs.vllm.ai/en/latest/configuration/engine_args.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "diffusers states that sequential offloading is much slower than offloading whole models",
            "docstring of diffusers 0.42.1, enable_sequential_cpu_offload",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "vLLM states that offloaded weights are copied to the GPU in each forward pass",
            "https://docs.vllm.ai/en/latest/configuration/engine_args.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return True

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts

        for node, what, remedy in _settings(facts):
            if facts[Contexts].dead(node) or _is_explained(node, facts) or _is_optional(node, facts):
                continue
            yield self.finding(
                node,
                f"{what} copies weights from the host in each pass",
                help=remedy,
                notes=("right where the model does not fit otherwise",),
            )

    examples = (
        Bad(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5")
            pipe.enable_sequential_cpu_offload()  # bad
            """
        ),
        Bad(
            """
            from accelerate import cpu_offload

            cpu_offload(model, execution_device=0)  # bad
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM

            places = {"model.embed_tokens": 0, "model.layers": "cpu", "lm_head": 0}
            model = AutoModelForCausalLM.from_pretrained("gpt2", device_map=places)  # bad
            """
        ),
        Bad(
            """
            import deepspeed

            settings = {
                "zero_optimization": {
                    "stage": 3,
                    "offload_param": {"device": "cpu"},  # bad
                }
            }
            engine = deepspeed.initialize(model=model, config=settings)
            """
        ),
        Bad(
            """
            from torch.distributed.fsdp import CPUOffload, FullyShardedDataParallel

            model = FullyShardedDataParallel(model, cpu_offload=CPUOffload(offload_params=True))  # bad
            """
        ),
        Bad(
            """
            from vllm import LLM

            llm = LLM("meta-llama/Llama-3.1-8B", cpu_offload_gb=8)  # bad
            """
        ),
        Good(
            """
            from diffusers import StableDiffusionPipeline

            pipe = StableDiffusionPipeline.from_pretrained("runwayml/stable-diffusion-v1-5")
            pipe.enable_model_cpu_offload()
            """,
            why="whole models move, rarely",
        ),
        Good(
            """
            from diffusers import FluxPipeline

            pipe = FluxPipeline.from_pretrained("black-forest-labs/FLUX.1-dev")
            # does not fit in 12 GB otherwise
            pipe.enable_sequential_cpu_offload()
            """,
            why="memory is the reason, and the comment says so",
        ),
        Good(
            """
            from torch.distributed.fsdp import CPUOffload, FullyShardedDataParallel

            offload = CPUOffload(offload_params=True) if args.offload else None
            model = FullyShardedDataParallel(model, cpu_offload=offload)
            """,
            why="an option decides",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2", device_map={"": "cpu"})
            """,
            why="the whole model on the CPU: nothing is offloaded",
        ),
        Good(
            """
            from vllm import LLM

            llm = LLM("meta-llama/Llama-3.1-8B", cpu_offload_gb=0)
            """,
            why="nothing is offloaded",
        ),
        Good(
            """
            from torch.distributed.checkpoint.state_dict import StateDictOptions

            options = StateDictOptions(full_state_dict=True, cpu_offload=True)
            """,
            why="a checkpoint on its way to disk",
        ),
    )


_REASON = re.compile(r"\boom\b|memory|vram|\bfits?\b|\bGB\b|\bGi?B\b|colab|low.?mem|offload", re.IGNORECASE)


def _settings(facts: Facts) -> Iterator[tuple[cst.CSTNode, str, str]]:
    """The places that offload weights, with what to say of them."""
    from greenlint import Calls, Tree, Values, cst

    calls = facts[Calls]
    fits = "try half precision or a smaller batch first"
    for call in calls.methods("enable_sequential_cpu_offload"):
        yield call.node, "sequential offloading", "use enable_model_cpu_offload(), or half precision so that it fits"
    for call in calls.named("accelerate.cpu_offload", "accelerate.disk_offload"):
        yield call.node, f"`{call.method}`", fits
    for call in calls.named("torch.distributed.fsdp.CPUOffload"):
        if call.argument("offload_params", 0).constant is True:
            yield call.node, "`CPUOffload`", fits
    for call in calls.named("vllm.LLM"):
        size = call.argument("cpu_offload_gb", 99).constant
        if isinstance(size, (int, float)) and not isinstance(size, bool) and size > 0:
            yield call.node, "`cpu_offload_gb`", "use a quantised model, or gpu_memory_utilization, so that it fits"
    for call in calls.methods("from_pretrained", "load_checkpoint_and_dispatch", "dispatch_model"):
        places = call.argument("device_map", 99)
        mapping = places.facts[Values].mapping(places.node) if places.node is not None else None
        if mapping is None or mapping.open or len(mapping.entries) < 2:
            continue
        devices = [each.facts[Values].constant(each.node) for each in mapping.entries.values()]
        if any(each in ("cpu", "disk") for each in devices) and any(each not in ("cpu", "disk") for each in devices):
            yield call.node, "`device_map`", fits
    for entry in facts[Tree].of_type(cst.DictElement):
        if facts[Values].constant(entry.key) != "offload_param":
            continue
        device = facts[Values].mapping(entry.value)
        chosen = device.entries.get("device") if device is not None else None
        if chosen is not None and chosen.facts[Values].constant(chosen.node) in ("cpu", "nvme"):
            yield entry, "`offload_param`", "use ZeRO without offloading where the shards fit"


def _is_explained(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a comment on the lines around a setting gives memory as the reason."""
    span, text = facts.document.span(node), facts.document.text
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    lines = [*text[:start].splitlines()[-2:], *text[start : end if end >= 0 else None].splitlines()]
    return any(_REASON.search(each.partition("#")[2]) is not None for each in lines)


def _is_optional(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a condition decides on the setting."""
    from greenlint import Tree, cst

    return facts[Tree].enclosing(node, cst.If, cst.IfExp, cst.FunctionDef).__class__ in (cst.If, cst.IfExp)
