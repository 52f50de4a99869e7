"""Hugging Face Trainer in full float32 precision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix

_SWITCHES = ("bf16", "fp16")
_DECIDES = (
    "bf16_full_eval",
    "fp16_full_eval",
    "deepspeed",
    "fsdp",
    "fsdp_config",
    "half_precision_backend",
    "fp16_backend",
    "accelerator_config",
    "mixed_precision",
)
_OTHER_HARDWARE = ("use_cpu", "no_cuda", "use_mps_device", "use_ipex", "tpu_num_cores")
_LOADS = ("torch_dtype", "dtype", "quantization_config", "load_in_8bit", "load_in_4bit")
_SHORT_RUN = 20


_OVERFLOWING = re.compile(r"""["'](?:[\w.-]+/)?(?:(?:flan-|m|by|code|long-)?t5|pegasus)[\w.-]*["']""", re.IGNORECASE)
"""Names of checkpoints that overflow in float16."""


class HfTrainerNoMixedPrecision(Rule):
    """Training arguments of a Hugging Face Trainer choose neither bf16 nor fp16, so the run is in float32.

    A transformer is made of large matrix products, which current accelerators compute several times faster and with
    less energy in 16-bit formats. `TrainingArguments` leaves both switches off unless one is given.

    The finding stands at the `TrainingArguments(...)` call.

    Leave it for runs on a CPU, for models that overflow in float16 where bfloat16 is not available (T5, its relatives
    and PEGASUS: an info), and where a launcher or a DeepSpeed file sets the precision from outside the project. The
    configuration classes of TRL are not meant: they switch bf16 on by themselves.

    To fix it, pass `bf16=True`; on GPUs before Ampere `fp16=True`. A device that cannot do it raises at once.
    """

    severity = Severity.WARNING
    frameworks = ("transformers",)
    words = (("*TrainingArguments",), ("*Trainer",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.CPU_NOT_INTENDED,
        Premise.MAYBE_ON_ACCELERATOR,
    )
    references = ("https://huggingface.co/docs/transformers/perf_train_gpu_one",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "mixed precision is listed among the features that raise training speed on one GPU",
            "https://huggingface.co/docs/transformers/perf_train_gpu_one",
        ),
        Evidence(
            Grade.MEASURED,
            "bf16 on A100: about 2.1 times mean training speed, clearly more samples per joule for language models",
            "https://sol.sbc.org.br/index.php/sbac-pad_estendido/article/view/41193",
        ),
    )

    @on_call("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
    def check(self, call: Call, facts: Facts) -> Findings:
        if not all(_is_off(call, name) for name in _SWITCHES):
            return
        if not all(_is_unset(call, name) for name in (*_DECIDES, *_OTHER_HARDWARE)):
            return
        if _is_short(call) or not _trains(facts) or _decided_elsewhere(call, facts):
            return
        overflows = _OVERFLOWING.search(facts.document.text) is not None
        yield self.finding(
            call.node,
            f"{call.method} enables neither bf16 nor fp16: this Trainer runs in float32",
            help="pass bf16=True on Ampere or later"
            if overflows
            else "pass bf16=True, or fp16=True on GPUs before Ampere",
            notes=(
                "30-60 % less energy is our estimate for fine-tuning a transformer; small models gain little",
                "T5-style models and PEGASUS overflow in fp16: use bf16 there",
            ),
            fix=self._fix(call),
            severity=Severity.INFO if overflows else None,
        )

    def _fix(self, call: Call) -> Fix | None:
        from greenlint import ensure_import, set_argument

        document = call.facts.document
        # True would raise on devices without bfloat16; this is the question that transformers asks itself.
        edits = set_argument(document, call.node, "bf16", "is_torch_bf16_gpu_available()")
        imported = ensure_import(document, "from transformers.utils import is_torch_bf16_gpu_available")
        if edits is None or imported is None:
            return None
        return self.unsafe_fix("train in bfloat16 where the device can", *imported, *edits, reason="changes rounding")

    examples = (
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", num_train_epochs=3)  # bad
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            fixed="""
            from transformers import Trainer, TrainingArguments
            from transformers.utils import is_torch_bf16_gpu_available

            args = TrainingArguments(output_dir="out", num_train_epochs=3, bf16=is_torch_bf16_gpu_available())
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
        ),
        Bad(
            """
            import transformers

            args = transformers.Seq2SeqTrainingArguments("out", fp16=False)  # bad
            trainer = transformers.Seq2SeqTrainer(model, args, train_dataset=data)
            trainer.train()
            """,
            fixed="""
            import transformers
            from transformers.utils import is_torch_bf16_gpu_available

            args = transformers.Seq2SeqTrainingArguments("out", fp16=False, bf16=is_torch_bf16_gpu_available())
            trainer = transformers.Seq2SeqTrainer(model, args, train_dataset=data)
            trainer.train()
            """,
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            options = {"output_dir": "out", "per_device_train_batch_size": 16}
            args = TrainingArguments(  # bad
                **options,
                num_train_epochs=2,
            )
            trainer = Trainer(model=model, args=args, train_dataset=data)
            trainer.train()
            """,
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", bf16=True)
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="bf16 is on",
        ),
        Good(
            """
            import torch
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", fp16=torch.cuda.is_available())
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="what the switch is set to is not known",
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            def main(overrides):
                args = TrainingArguments(output_dir="out", **overrides)
                Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="the switch may hide in the keyword arguments",
        ),
        Good(
            """
            from trl import SFTConfig, SFTTrainer

            args = SFTConfig(output_dir="out")
            SFTTrainer(model=model, args=args, train_dataset=data).train()
            """,
            why="the configuration classes of TRL switch bf16 on",
        ),
        Good(
            """
            from transformers import HfArgumentParser, Trainer, TrainingArguments

            args, = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="the command line decides",
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", deepspeed="zero2.json")
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="the DeepSpeed file decides",
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", use_cpu=True)
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="the run is on a CPU",
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", per_device_eval_batch_size=64)
            print(Trainer(model=model, args=args).evaluate(data))
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("gpt2-xl", torch_dtype=torch.bfloat16)
            args = TrainingArguments(output_dir="out")
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="the weights themselves are in bfloat16",
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments(output_dir="out", max_steps=5)
            Trainer(model=model, args=args, train_dataset=data).train()
            """,
            why="a smoke test of five steps",
        ),
    )


def _is_off(call: Call, name: str) -> bool:
    """Whether a switch is certainly off: not given, or given as a literal false."""
    argument = call.argument(name)
    return argument.absent or (argument.written and argument.constant is False)


def _is_unset(call: Call, name: str) -> bool:
    argument = call.argument(name)
    return argument.absent or (argument.written and argument.constant in (None, False, ""))


def _is_short(call: Call) -> bool:
    steps = call.argument("max_steps").constant
    return isinstance(steps, int) and not isinstance(steps, bool) and 0 < steps <= _SHORT_RUN


def _trains(facts: Facts) -> bool:
    """Whether a trainer is built and run in this file."""
    from greenlint import Calls

    calls = facts[Calls]
    builds = any(each.method.endswith("Trainer") for each in calls.all)
    return builds and bool(calls.methods("train", "hyperparameter_search"))


def _decided_elsewhere(call: Call, facts: Facts) -> bool:
    """Whether the model's own type, another line or the launcher decides on precision, or nothing should."""
    from greenlint import Calls, Environment, Frameworks

    frameworks = facts[Frameworks]
    for load in facts[Calls].methods(
        "from_pretrained", "from_config", "prepare_model_for_kbit_training", "half", "bfloat16"
    ):
        if load.method not in ("from_pretrained", "from_config"):
            return True
        if not all(load.argument(name).absent for name in _LOADS if load.keyword(name) is not None):
            return True
    if any(call.keyword(name) is not None for name in _SWITCHES):
        return facts[Environment].mentions("precision")
    return frameworks.precision is not False
