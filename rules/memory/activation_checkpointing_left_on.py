"""Activation checkpointing for models that fit without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, cst


class ActivationCheckpointingLeftOn(Rule):
    """Activation checkpointing is on for a small model with small batches, which fits into memory without it.

    Checkpointing drops activations and computes them again in the backward pass: about one more forward pass in each
    step. It pays off only where memory is short, or where the memory that it frees goes into a larger batch.

    The finding stands at the arguments of the trainer or at the call that switches it on.

    Leave it for long inputs, for large batches, and on accelerators with little memory.

    To fix it, drop the switch and watch the memory for some steps; bring it back if the run does not fit.
    """

    severity = Severity.INFO
    frameworks = ("transformers", "trl")
    words = (("gradient_checkpointing", "activation_checkpointing", "*gradient_checkpointing*"),)
    premises = (Premise.NOT_A_TEST,)
    references = ("https://huggingface.co/docs/transformers/perf_train_gpu_one",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "30.7 % more energy and 31.9 % more time where it is not needed (ModernBERT-base, one RTX 5000 Ada, "
            "CodeCarbon, mostly one run per variant)",
            "arXiv 2506.18289",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "transformers: gradient checkpointing slows training by about 20 %",
            "https://huggingface.co/docs/transformers/perf_train_gpu_one",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"from_pretrained", "SentenceTransformer"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Checkpointing, Contexts

        for place in facts[Checkpointing].places:
            if place.by_default or place.millions is None or place.millions > _SMALL:
                continue
            if not isinstance(place.batch, int) or place.batch > _BATCH or facts[Contexts].dead(place.call.node):
                continue
            yield self.finding(
                place.call.node,
                f"activations are computed twice for a model of about {place.millions:g} million parameters and "
                f"batches of {place.batch}",
                help="try it without: the model and its activations most likely fit into memory",
                notes=("keep it on if the memory it frees goes into a larger batch, or if the run does not fit",),
            )
            return

    examples = (
        Bad(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
            args = TrainingArguments(  # bad
                "out",
                per_device_train_batch_size=16,
                gradient_checkpointing=True,
            )
            Trainer(model, args, train_dataset=data).train()
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("facebook/opt-125m")
            model.gradient_checkpointing_enable()  # bad
            Trainer(model, TrainingArguments("out"), train_dataset=data).train()
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM
            from trl import SFTConfig, SFTTrainer

            name = "HuggingFaceTB/SmolLM2-135M"
            model = AutoModelForCausalLM.from_pretrained(name)
            args = SFTConfig("out", gradient_checkpointing=True, per_device_train_batch_size=4)  # bad
            SFTTrainer(model, args=args, train_dataset=data).train()
            """
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.1-8B")
            args = TrainingArguments("out", gradient_checkpointing=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="a large model",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
            args = TrainingArguments("out", gradient_checkpointing=True, per_device_train_batch_size=256)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="the memory goes into the batch",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained(options.model)
            args = TrainingArguments("out", gradient_checkpointing=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="the size of the model is not known",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("allenai/longformer-base-4096")
            args = TrainingArguments("out", gradient_checkpointing=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="long inputs",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("roberta-base")
            args = TrainingArguments(
                "out",
                gradient_checkpointing=True,  # does not fit into 6 GB otherwise: memory
            )
            Trainer(model, args, train_dataset=data).train()
            """,
            why="a comment says that memory is short",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("roberta-base")
            args = TrainingArguments("out", gradient_checkpointing=False)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="off",
        ),
    )


_SMALL = 300
"""Millions of parameters: weights, gradients and optimiser take less than 5 GB in float32."""
_BATCH = 32
