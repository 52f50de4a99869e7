"""All weights of a large language model are fine-tuned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, cst

_TRAINERS = re.compile(r"^(?:transformers|trl)\.(?:\w+\.)*(?:Seq2Seq|SFT|DPO|ORPO|KTO|CPO|Reward|GRPO)?Trainer$")
_BILLIONS = re.compile(r"(?i)(?:^|[-_/])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?=$|[-_/.])")
_FEWER_WEIGHTS = re.compile(
    r"(?i)peft|lora|adapter|prefix_?tuning|prompt_?tuning|requires_grad|freeze|load_in_[48]bit|quantization_config|"
    r"BitsAndBytes|unsloth|galore|badam|deepspeed|fsdp|pretrain(?!ed)|distil"
)


class FullFinetuneLargeModel(Rule):
    """A language model of several billion weights is fine-tuned as a whole.

    Gradients and optimizer states of all weights take several times the memory of the model, and with it more or larger
    accelerators. Low-rank adapters (LoRA) train a small part of the weights. Forward and backward pass remain; what is
    saved is the memory, the update and often whole devices.

    The finding stands at the construction of the trainer.

    Leave it for continued pretraining, for tasks on which adapters were tried and fell short, and where the devices are
    there anyway and memory is no limit.

    To fix it, pass `peft_config=LoraConfig(...)` to the trainers of trl, or wrap the model in `peft.get_peft_model`.
    """

    class Options(RuleOptions):
        billions: int = 6
        """Report models of at least so many billion weights, told by their name."""

    severity = Severity.INFO
    default = False
    frameworks = ("transformers", "trl")
    words = (("*Trainer",), ("from_pretrained", "SFTTrainer", "DPOTrainer"))
    premises = (Premise.NOT_A_TEST,)
    references = ("https://arxiv.org/abs/2106.09685", "https://huggingface.co/docs/peft/index")
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "parameter-efficient methods train a small number of parameters and lower computational and storage costs",
            "https://huggingface.co/docs/peft/index",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts

        if _FEWER_WEIGHTS.search(facts.document.text):
            return
        for call in facts[Calls].all:
            if not _TRAINERS.match(call.name or "") or call.is_open or facts[Contexts].dead(call.node):
                continue
            found = _model(call)
            if found is None or (_size(found[0]) or 0) < self.options.billions:
                continue
            name, load = found
            yield self.finding(
                call.node,
                f"all weights of `{name}` are trained",
                help=_remedy(call),
                notes=("adapters save memory, and by it devices; the time per step falls only a little",),
                related=((load.node, "loaded here"),) if load is not None and load.facts is facts else (),
                confidence=Confidence.MEDIUM,
            )

    examples = (
        Bad(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("mistralai/Mistral-7B-v0.1")
            trainer = Trainer(model=model, args=TrainingArguments("out", bf16=True), train_dataset=data)  # bad
            trainer.train()
            """
        ),
        Bad(
            """
            from trl import SFTConfig, SFTTrainer

            trainer = SFTTrainer(model="meta-llama/Llama-2-13b-hf", args=SFTConfig("out"), train_dataset=data)  # bad
            trainer.train()
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM, TrainingArguments, Trainer

            NAME = "Qwen/Qwen2.5-7B-Instruct"
            model = AutoModelForCausalLM.from_pretrained(NAME, torch_dtype="auto")
            Trainer(model, TrainingArguments("out"), train_dataset=data).train()  # bad
            """
        ),
        Good(
            """
            from peft import LoraConfig
            from trl import SFTConfig, SFTTrainer

            trainer = SFTTrainer(
                model="meta-llama/Llama-2-13b-hf", args=SFTConfig("out"), train_dataset=data, peft_config=LoraConfig()
            )
            trainer.train()
            """,
            why="low-rank adapters",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
            Trainer(model=model, args=TrainingArguments("out"), train_dataset=data).train()
            """,
            why="a hundred million weights",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("mistralai/Mistral-7B-v0.1")
            for parameter in model.model.parameters():
                parameter.requires_grad = False
            Trainer(model=model, args=TrainingArguments("out"), train_dataset=data).train()
            """,
            why="only the head is trained",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained(args.model)
            Trainer(model=model, args=TrainingArguments("out"), train_dataset=data).train()
            """,
            why="which model it is is not known",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-1.5B")
            Trainer(model=model, args=TrainingArguments("out"), train_dataset=data).train()
            """,
            why="one and a half billion weights fit most devices",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("mistralai/Mistral-7B-v0.1")
            Trainer(model=model, args=TrainingArguments("out", deepspeed="zero3.json"), train_dataset=data).train()
            """,
            why="a plan for several devices, made on purpose",
        ),
    )


def _model(trainer: Call) -> tuple[str, Call | None] | None:
    """The published name of the model that a trainer gets, and the call that loads it."""
    argument = trainer.argument("model", 0)
    if isinstance(argument.constant, str):
        return argument.constant, None
    value = argument.value
    load = value.call if value is not None else None
    if load is None or load.method != "from_pretrained":
        return None
    name = load.argument("pretrained_model_name_or_path", 0).constant
    return (name, load) if isinstance(name, str) else None


def _size(name: str) -> float | None:
    """How many billion weights a model has by its name."""
    match = _BILLIONS.search(name)
    return int(match.group(1) or 1) * float(match.group(2)) if match is not None else None


def _remedy(trainer: Call) -> str:
    if (trainer.name or "").startswith("trl."):
        return 'pass peft_config=LoraConfig(task_type="CAUSAL_LM")'
    return "wrap the model: peft.get_peft_model(model, LoraConfig(...))"
