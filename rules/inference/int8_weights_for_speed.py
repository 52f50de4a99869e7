"""Small language models run with 8-bit or 4-bit weights, which may cost energy instead of saving it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Load, Outline, cst


class Int8WeightsForSpeed(Rule):
    """A language model that fits in 16 bits is loaded with bitsandbytes' 8-bit weights, or a small one with 4 bits.

    These weights are unpacked in every layer, and LLM.int8() also splits off outliers. For few tokens at a time this
    took more energy than 16-bit weights; what it saves is memory.

    The finding stands at the call that loads the model. Sizes are read from the model's name: up to 8 billion
    parameters for 8 bits, below 3 billion for 4 bits.

    Leave it where memory is short, for fine-tuning with adapters, and for other kernels (AWQ, GPTQ, FP8), which differ.

    To fix it, load the model with 16-bit weights if it fits, and measure joules per token.
    """

    severity = Severity.INFO
    frameworks = ("transformers",)
    words = (("load_in_8bit", "load_in_4bit"), ("from_pretrained", "pipeline"))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://huggingface.co/docs/bitsandbytes/main/en/index",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "default LLM.int8() took 17-33 % more energy than FP16 for four models of 4-7 billion parameters (RTX "
            "4090D, batch 1); NF4 took 12-29 % more below about 3-5 billion and saved 11 % at 7 billion; one author",
            "https://hongping-zh.github.io",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint({"from_pretrained", "pipeline"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts

        if _TRAINS.search(facts.document.text):
            return
        for load, bits, size in _quantised(facts):
            if facts[Contexts].dead(load.call.node):
                continue
            yield self.finding(
                load.call.node,
                f"a model of {size:g} billion parameters runs with {bits}-bit weights, which may take more energy",
                help="load it with 16-bit weights if it fits, and measure joules per token",
                notes=("saves memory; the effect on energy depends on the GPU, the batch and the kernels",),
            )

    examples = (
        Bad(
            """
            from transformers import AutoModelForCausalLM, BitsAndBytesConfig

            settings = BitsAndBytesConfig(load_in_8bit=True)
            model = AutoModelForCausalLM.from_pretrained(  # bad
                "mistralai/Mistral-7B-v0.1", quantization_config=settings
            )
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("facebook/opt-6.7b", load_in_8bit=True)  # bad
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM, BitsAndBytesConfig

            model = AutoModelForCausalLM.from_pretrained(  # bad
                "TinyLlama/TinyLlama-1.1B-Chat-v1.0", quantization_config=BitsAndBytesConfig(load_in_4bit=True)
            )
            """
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, BitsAndBytesConfig

            settings = BitsAndBytesConfig(load_in_8bit=True)
            model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-2-70b-hf", quantization_config=settings)
            """,
            why="too large for 16 bits on most cards",
        ),
        Good(
            """
            from peft import LoraConfig, get_peft_model
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("facebook/opt-6.7b", load_in_8bit=True)
            model = get_peft_model(model, LoraConfig())
            """,
            why="fine-tuning with adapters",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, BitsAndBytesConfig

            settings = BitsAndBytesConfig(load_in_4bit=True)
            model = AutoModelForCausalLM.from_pretrained("mistralai/Mistral-7B-v0.1", quantization_config=settings)
            """,
            why="4 bits saved energy at this size",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained(args.model, load_in_8bit=True)
            """,
            why="the size is not known",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("facebook/opt-6.7b", load_in_8bit=False)
            """,
            why="16 bits or more",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM

            # runs on a free T4 with 16 GB of memory
            model = AutoModelForCausalLM.from_pretrained("facebook/opt-6.7b", load_in_8bit=True)
            """,
            why="memory is the reason",
        ),
    )


_TRAINS = re.compile(
    r"\bpeft\b|\btrl\b|Trainer\b|\.backward\(|LoraConfig|prepare_model_for|#.*(?:\bGB\b|memory|VRAM|OOM)", re.IGNORECASE
)
"""Fine-tuning, or memory as the reason."""
_LARGEST = {8: 8.0, 4: 2.99}


def _quantised(facts: Facts) -> Iterator[tuple[Load, int, float]]:
    """Loads of models of known size with weights of 8 or 4 bits."""
    from greenlint import LoadKind, Loads

    for load in facts[Loads].all:
        size = load.billions if load.kind is LoadKind.MODEL else None
        if size is None:
            continue
        for bits in (8, 4):
            if size <= _LARGEST[bits] and _has_bits(load.call, bits):
                yield load, bits, size


def _has_bits(call: Call, bits: int) -> bool:
    """Whether a call loads weights of so many bits, by an argument of its own or a configuration."""
    name = f"load_in_{bits}bit"
    own = call.argument(name, 99)
    if own.written:
        return own.constant is True
    settings = call.argument("quantization_config", 99)
    made = settings.value.call if settings.value is not None else None
    if made is None or made.name != "transformers.BitsAndBytesConfig":
        return False
    given = made.argument(name, 1 if bits == 4 else 0)
    return given.written and given.constant is True
