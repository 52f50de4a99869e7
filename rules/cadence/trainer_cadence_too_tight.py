"""Trainers that evaluate, save or log after every few steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Argument, Call, Facts, Findings

_ARGUMENTS = (
    "transformers.TrainingArguments",
    "transformers.Seq2SeqTrainingArguments",
    "sentence_transformers.SentenceTransformerTrainingArguments",
    "trl.SFTConfig",
    "trl.DPOConfig",
)
_LONG_STEPS = 16
_FEW_TIMES = 20
_OFTEN = 50
_LEAST_PART = 0.02
_LEAST_PART_OF_EPOCH = 0.05
_CALLBACK_BATCHES = 100


class TrainerCadenceTooTight(Rule):
    """A trainer is told to evaluate or save after every few steps.

    Each evaluation runs the whole validation set and each checkpoint stops the training while it is written. After
    fifty steps little has changed; a validation set of a tenth of the data then costs more than the training.

    The finding stands at the call that sets the period: `TrainingArguments`, the `Trainer` of Lightning, or the
    callback of Keras.

    Leave it where a step takes minutes (large models, accumulation over many batches: from 16 on nothing is reported),
    where the validation set is a small sample, and for runs of few steps.

    To fix it, evaluate and save a few times per epoch or once (`eval_strategy="epoch"`, `save_strategy="epoch"`).
    """

    class Options(RuleOptions):
        logging: bool = False
        """Also report scalars that are logged after every step."""

    severity = Severity.INFO
    frameworks = (
        "transformers",
        "trl",
        "sentence_transformers",
        "lightning",
        "pytorch_lightning",
        "keras",
        "tensorflow",
    )
    words = (
        (
            "eval_steps",
            "save_steps",
            "logging_steps",
            "eval_strategy",
            "evaluation_strategy",
            "val_check_interval",
            "log_every_n_steps",
            "save_freq",
            "update_freq",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
    )
    references = (
        "https://huggingface.co/docs/transformers/main_classes/trainer",
        "https://lightning.ai/docs/pytorch/stable/common/trainer.html",
        "https://keras.io/api/callbacks/tensorboard/",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "the defaults are 500 steps between checkpoints and between log entries",
            "docstring of transformers 5.23",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "writing too frequently to TensorBoard can slow down your training",
            "https://keras.io/api/callbacks/tensorboard/",
        ),
    )

    @on_call(*_ARGUMENTS)
    def transformers(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        if _has_long_steps(call) or facts[Contexts].dead(call.node):
            return
        found = list(_tight(call, facts, self.options.logging))
        if not found:
            return
        yield self.finding(
            call.node,
            f"this run {' and '.join(found)}",
            help='let it happen a few times per epoch, or once: "epoch" as strategy',
            notes=("steps of a large model, or a small validation set, make short periods cheap",),
        )

    @on_call("lightning.pytorch.Trainer")
    def lightning(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        if _is_short(call) or facts[Contexts].dead(call.node):
            return
        every = call.argument("val_check_interval")
        found = []
        if every.written and _is_tight_interval(every.constant):
            unit = "of an epoch" if isinstance(every.constant, float) else "batches"
            found.append(f"validates after every {every.constant} {unit}")
        logging = call.argument("log_every_n_steps")
        if self.options.logging and logging.written and logging.constant == 1:
            found.append("logs after every batch")
        if found:
            yield self.finding(
                call.node,
                f"this Trainer {' and '.join(found)}",
                help="leave val_check_interval out to validate once per epoch, or make it larger",
            )

    @on_call("keras.callbacks.ModelCheckpoint")
    def checkpoint(self, call: Call, facts: Facts) -> Findings:
        every = call.argument("save_freq")
        if not every.written or not _is_small(every.constant, _CALLBACK_BATCHES):
            return
        yield self.finding(
            call.node,
            f"the model is saved after every {every.constant} batches",
            help='pass save_freq="epoch", or more batches',
        )

    @on_call("keras.callbacks.TensorBoard")
    def tensorboard(self, call: Call, facts: Facts) -> Findings:
        every = call.argument("update_freq")
        if not every.written or every.constant not in ("batch", 1):
            return
        yield self.finding(
            call.node,
            "TensorBoard gets all metrics after every batch",
            help='leave update_freq at "epoch", or pass a number of batches such as 1000',
        )

    examples = (
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments(  # bad
                "out", eval_strategy="steps", eval_steps=10, save_steps=10, num_train_epochs=3
            )
            """
        ),
        Bad(
            """
            from transformers import Seq2SeqTrainingArguments

            args = Seq2SeqTrainingArguments("out", evaluation_strategy="steps", logging_steps=20)  # bad
            """
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=10, accelerator="gpu", val_check_interval=0.01)  # bad
            """
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            trainer = Trainer(max_epochs=10, gpus=1, val_check_interval=20)  # bad
            """
        ),
        Bad(
            """
            from tensorflow import keras

            callbacks = [
                keras.callbacks.ModelCheckpoint("model.h5", save_freq=10),  # bad
                keras.callbacks.TensorBoard("logs", update_freq="batch"),  # bad
            ]
            """
        ),
        Bad(
            """
            from trl import SFTConfig

            args = SFTConfig("out", save_strategy="steps", save_steps=5, num_train_epochs=3)  # bad
            """
        ),
        Bad(
            """
            from sentence_transformers import SentenceTransformerTrainingArguments

            args = SentenceTransformerTrainingArguments("out", logging_steps=1)  # bad
            """,
            options={"logging": True},
        ),
        Good(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", eval_strategy="epoch", eval_steps=10, save_strategy="epoch", save_steps=10)
            """,
            why="once per epoch, whatever the numbers of steps say",
        ),
        Good(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", eval_strategy="steps", eval_steps=500, save_steps=500, logging_steps=1)
            """,
            why="every five hundred steps; a scalar per step costs little",
        ),
        Good(
            """
            from transformers import TrainingArguments

            args = TrainingArguments(
                "out", gradient_accumulation_steps=32, eval_strategy="steps", eval_steps=20, save_steps=20
            )
            """,
            why="each step is thirty-two batches",
        ),
        Good(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", max_steps=200, eval_strategy="steps", eval_steps=20, save_steps=50)
            """,
            why="ten evaluations in all",
        ),
        Good(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", eval_strategy="steps", eval_steps=each.eval, save_steps=each.save)
            """,
            why="the periods are not known",
        ),
        Good(
            """
            from peft import LoraConfig
            from transformers import TrainingArguments

            args = TrainingArguments("out", save_steps=20, num_train_epochs=3)
            """,
            why="checkpoints of adapters are small",
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=10, val_check_interval=0.25, check_val_every_n_epoch=1, log_every_n_steps=1)
            """,
            why="four validations per epoch",
        ),
        Good(
            """
            from tensorflow import keras

            callbacks = [
                keras.callbacks.ModelCheckpoint("model.h5", save_freq="epoch"),
                keras.callbacks.TensorBoard("logs", histogram_freq=1, write_images=True),
            ]
            """,
            why="once per epoch",
        ),
    )


# -- transformers ------------------------------------------------------------------------------------------------


def _has_long_steps(call: Call) -> bool:
    """Whether one step is many batches, or may be."""
    batches = call.argument("gradient_accumulation_steps")
    if not batches.known or (batches.written and not isinstance(batches.constant, int)):
        return True
    return isinstance(batches.constant, int) and batches.constant >= _LONG_STEPS


def _tight(call: Call, facts: Facts, logging: bool) -> Iterator[str]:
    """What happens too often, in words."""
    steps = call.argument("max_steps")
    limit = steps.constant if steps.written and isinstance(steps.constant, int) and steps.constant > 0 else None
    evaluating = _evaluation_period(call)
    if evaluating is not None and _is_often(evaluating, limit):
        yield f"evaluates after every {_period(evaluating)}"
    saving = call.argument("save_steps")
    often = saving.written and _by_steps(call.argument("save_strategy")) and _is_often(saving.constant, limit)
    if often and not _saves_little(facts):
        yield f"saves after every {_period(saving.constant)}"
    every = call.argument("logging_steps")
    if logging and every.written and every.constant == 1 and _by_steps(call.argument("logging_strategy")):
        yield "logs after every step"


def _evaluation_period(call: Call) -> object:
    """The steps between evaluations; left out, they are those between log entries."""
    from greenlint import Schedules

    if Schedules.evaluated(call) != "steps":
        return None
    given = call.argument("eval_steps")
    if given.written and given.constant is not None:
        return given.constant
    every = call.argument("logging_steps")
    return every.constant if given.absent and every.written else None


def _by_steps(strategy: Argument) -> bool:
    return strategy.absent or (strategy.written and strategy.constant == "steps")


def _is_often(every: object, limit: int | None) -> bool:
    """Whether a period is short, and the run long enough for it to matter."""
    if isinstance(every, bool) or not isinstance(every, (int, float)) or every <= 0:
        return False
    if isinstance(every, float) and every < 1:
        return every < _LEAST_PART
    return every <= _OFTEN and (limit is None or limit / every > _FEW_TIMES)


def _period(every: object) -> str:
    if every == 1:
        return "step"
    return f"{every} of the run" if isinstance(every, float) and every < 1 else f"{every} steps"


def _saves_little(facts: Facts) -> bool:
    """Whether adapters are trained, whose checkpoints are small."""
    text = facts.document.text
    return any(word in text for word in ("peft", "LoraConfig", "get_peft_model", "unsloth"))


# -- Lightning and Keras -----------------------------------------------------------------------------------------


def _is_short(call: Call) -> bool:
    for name in ("max_steps", "limit_train_batches", "limit_val_batches"):
        limit = call.argument(name).constant
        if isinstance(limit, (int, float)) and not isinstance(limit, bool) and 0 < limit <= 1000:
            return True
    return not call.argument("fast_dev_run").absent


def _is_tight_interval(every: object) -> bool:
    if isinstance(every, float):
        return 0 < every <= _LEAST_PART_OF_EPOCH
    return _is_small(every, _OFTEN)


def _is_small(every: object, limit: int) -> bool:
    return isinstance(every, int) and not isinstance(every, bool) and 0 < every <= limit
