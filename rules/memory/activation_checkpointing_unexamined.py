"""Activation checkpointing that may not be needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, cst


class ActivationCheckpointingUnexamined(Rule):
    """Activation checkpointing is on, perhaps only by default, for a model of moderate size.

    Activations are computed again in the backward pass, about one more forward pass in each step. Whether the run
    would fit without depends on the accelerator, the batch and the length of the inputs; it takes one short run to see.

    The finding stands at the arguments of the trainer or at the call that switches it on.

    Leave it where memory is known to be short, or where the memory it frees is used for larger batches.

    To fix it, try `gradient_checkpointing=False` for some steps and keep what fits.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("transformers", "trl")
    words = (("from_pretrained",), ("*Config", "TrainingArguments", "*gradient_checkpointing*"))
    premises = (Premise.NOT_A_TEST,)
    references = ("https://huggingface.co/docs/transformers/perf_train_gpu_one",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "transformers: gradient checkpointing slows training by about 20 %",
            "https://huggingface.co/docs/transformers/perf_train_gpu_one",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "from_pretrained" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Checkpointing, Contexts

        for place in facts[Checkpointing].places:
            if place.millions is None or place.millions > _MODERATE or facts[Contexts].dead(place.call.node):
                continue
            if _is_said(place.millions, place.batch, by_default=place.by_default):
                return
            how = "by default" if place.by_default else "by the code"
            yield self.finding(
                place.call.node,
                f"activation checkpointing is on {how} for a model of about {place.millions:g} million parameters",
                help="try gradient_checkpointing=False for some steps, and keep it if the run fits",
            )
            return

    examples = (
        Bad(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("EleutherAI/pythia-410m")
            args = TrainingArguments("out", gradient_checkpointing=True)  # bad
            Trainer(model, args, train_dataset=data).train()
            """
        ),
        Bad(
            """
            from transformers import AutoModelForCausalLM
            from trl import SFTConfig, SFTTrainer

            model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B")
            args = SFTConfig("out", per_device_train_batch_size=4)  # bad
            SFTTrainer(model, args=args, train_dataset=data).train()
            """
        ),
        Bad(
            """
            from transformers import AutoModelForSeq2SeqLM, Seq2SeqTrainer, Seq2SeqTrainingArguments

            model = AutoModelForSeq2SeqLM.from_pretrained("google/flan-t5-large")
            model.gradient_checkpointing_enable()  # bad
            Seq2SeqTrainer(model, Seq2SeqTrainingArguments("out"), train_dataset=data).train()
            """
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("mistralai/Mistral-7B-v0.1")
            args = TrainingArguments("out", gradient_checkpointing=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="a large model",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM
            from trl import SFTConfig, SFTTrainer

            model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B")
            args = SFTConfig("out", gradient_checkpointing=False)
            SFTTrainer(model, args=args, train_dataset=data).train()
            """,
            why="off",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM
            from trl import SFTConfig, SFTTrainer

            model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-0.5B")
            args = SFTConfig("out", per_device_train_batch_size=4)
            SFTTrainer(model, args=args, train_dataset=data).train()
            """,
            why="this release of trl leaves it off by default",
            files={"requirements.txt": "trl==0.9.6"},
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("EleutherAI/pythia-410m")
            args = TrainingArguments("out", gradient_checkpointing=True, per_device_train_batch_size=128)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="the memory goes into the batch",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
            args = TrainingArguments("out", gradient_checkpointing=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="activation-checkpointing-left-on says it already",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained(options.model)
            args = TrainingArguments("out", gradient_checkpointing=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="the size of the model is not known",
        ),
    )


_MODERATE = 1600
_SMALL = 300
_BATCH = 32


def _is_said(millions: float, batch: object, *, by_default: bool) -> bool:
    """Whether activation-checkpointing-left-on, which is on by default, speaks of the same place."""
    return not by_default and millions <= _SMALL and isinstance(batch, int) and batch <= _BATCH
