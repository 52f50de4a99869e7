"""Trainers that evaluate, save or log after every few steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Argument, Call, Edit, Facts, Findings, Fix

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
_SEVERAL = 2
_MANY = 20
_DEFAULT_EPOCHS = 3
_COUNTS = re.compile(
    r"EarlyStop|early_stop|patience|plateau|checkpoint-|every_n_train_steps|\.max_steps|val_check_interval\b.*None",
    re.I,
)
"""What depends on how often a trainer evaluates, or names a checkpoint by its step."""


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
            fix=self._arguments_fix(call, facts) if not self.options.logging else None,
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
                fix=self._trainer_fix(call, facts) if not self.options.logging else None,
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
            fix=self._checkpoint_fix(call, facts),
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
            fix=self._tensorboard_fix(call),
        )

    def _arguments_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Schedules

        if not _has_epochs(call, "num_train_epochs", _DEFAULT_EPOCHS) or _counts_evaluations(facts):
            return None
        evaluating = _evaluation_period(call) is not None
        evaluates_often = evaluating and _is_often(_evaluation_period(call), None)
        saving = call.argument("save_steps")
        saves_often = saving.written and _by_steps(call.argument("save_strategy")) and _is_often(saving.constant, None)
        # The best checkpoint can only be told when each has been evaluated.
        best = call.argument("load_best_model_at_end")
        both = not best.absent and best.constant is not False
        if both and Schedules.evaluated(call) != "steps":
            return None
        edits: list[Edit] = []
        if evaluates_often or both:
            edits += _each_epoch(call, _strategy_of(call), "eval_steps") or ()
        number = len(edits)
        if saves_often or both:
            edits += _each_epoch(call, "save_strategy", "save_steps") or ()
        if ((evaluates_often or both) and not number) or ((saves_often or both) and len(edits) == number):
            return None
        if saves_often and not evaluating:
            return self.unsafe_fix("save after each epoch", *edits, reason="there are fewer checkpoints")
        return self.unsafe_fix(
            "do it after each epoch",
            *edits,
            reason="there are fewer evaluations or checkpoints, and other random numbers",
        )

    def _trainer_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import remove_argument

        fixed = _has_epochs(call, "max_epochs", None) and call.argument("check_val_every_n_epoch").absent
        edits = remove_argument(facts.document, call.node, "val_check_interval")
        if edits is None or not fixed or _counts_evaluations(facts):
            return None
        return self.unsafe_fix(
            "validate after each epoch", *edits, reason="there are fewer evaluations, and other random numbers"
        )

    def _checkpoint_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Calls, remove_argument

        fits = [each.argument("epochs").constant for each in facts[Calls].methods("fit")]
        edits = remove_argument(facts.document, call.node, "save_freq")
        # A name with the number of the batch cannot be made after an epoch.
        if edits is None or not fits or not all(map(_is_several, fits)) or "{batch" in facts.document.text:
            return None
        return self.unsafe_fix("save after each epoch", *edits, reason="there are fewer checkpoints")

    def _tensorboard_fix(self, call: Call) -> Fix | None:
        from greenlint import remove_argument

        edits = remove_argument(call.facts.document, call.node, "update_freq")
        if edits is None:
            return None
        return self.unsafe_fix("write after each epoch", *edits, reason="the curves have one point for each epoch")

    examples = (
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments(  # bad
                "out", eval_strategy="steps", eval_steps=10, save_steps=10, num_train_epochs=3
            )
            """,
            fixed="""
            from transformers import TrainingArguments

            args = TrainingArguments(
                "out", eval_strategy="epoch", save_strategy="epoch", num_train_epochs=3
            )
            """,
        ),
        Bad(
            """
            from transformers import Seq2SeqTrainingArguments

            args = Seq2SeqTrainingArguments("out", evaluation_strategy="steps", logging_steps=20)  # bad
            """,
            fixed="""
            from transformers import Seq2SeqTrainingArguments

            args = Seq2SeqTrainingArguments("out", evaluation_strategy="epoch", logging_steps=20)
            """,
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=10, accelerator="gpu", val_check_interval=0.01)  # bad
            """,
            fixed="""
            import lightning as L

            trainer = L.Trainer(max_epochs=10, accelerator="gpu")
            """,
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            trainer = Trainer(max_epochs=10, gpus=1, val_check_interval=20)  # bad
            """,
            fixed="""
            from pytorch_lightning import Trainer

            trainer = Trainer(max_epochs=10, gpus=1)
            """,
        ),
        Bad(
            """
            from tensorflow import keras

            callbacks = [
                keras.callbacks.ModelCheckpoint("model.h5", save_freq=10),  # bad
                keras.callbacks.TensorBoard("logs", update_freq="batch"),  # bad
            ]
            model.fit(x, y, epochs=10, callbacks=callbacks)
            """,
            fixed="""
            from tensorflow import keras

            callbacks = [
                keras.callbacks.ModelCheckpoint("model.h5"),
                keras.callbacks.TensorBoard("logs"),
            ]
            model.fit(x, y, epochs=10, callbacks=callbacks)
            """,
        ),
        Bad(
            """
            from trl import SFTConfig

            args = SFTConfig("out", save_strategy="steps", save_steps=5, num_train_epochs=3)  # bad
            """,
            fixed="""
            from trl import SFTConfig

            args = SFTConfig("out", save_strategy="epoch", num_train_epochs=3)
            """,
        ),
        Bad(
            """
            from sentence_transformers import SentenceTransformerTrainingArguments

            args = SentenceTransformerTrainingArguments("out", logging_steps=1)  # bad
            """,
            options={"logging": True},
        ),
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments(  # bad
                output_dir="out",
                eval_strategy="steps",
                eval_steps=25,
                save_strategy="steps",
                save_steps=100,
                load_best_model_at_end=True,
                num_train_epochs=5,
            )
            """,
            fixed="""
            from transformers import TrainingArguments

            args = TrainingArguments(
                output_dir="out",
                eval_strategy="epoch",
                save_strategy="epoch",
                load_best_model_at_end=True,
                num_train_epochs=5,
            )
            """,
        ),
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments('out', save_steps=10, num_train_epochs=4.0)  # bad
            """,
            fixed="""
            from transformers import TrainingArguments

            args = TrainingArguments('out', save_strategy='epoch', num_train_epochs=4.0)
            """,
        ),
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", eval_strategy="steps", eval_steps=10, num_train_epochs=1)  # bad
            """
        ),
        Bad(
            """
            from transformers import EarlyStoppingCallback, TrainingArguments

            args = TrainingArguments("out", eval_strategy="steps", eval_steps=10)  # bad
            callbacks = [EarlyStoppingCallback(early_stopping_patience=10)]
            """
        ),
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", eval_strategy="steps", eval_steps=10, max_steps=100000)  # bad
            """
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_steps=100000, accelerator="gpu", val_check_interval=20)  # bad
            """
        ),
        Bad(
            """
            import keras

            model.fit(
                x, y, epochs=20, callbacks=[keras.callbacks.ModelCheckpoint("model.keras", save_freq=10)]  # bad
            )
            """,
            fixed="""
            import keras

            model.fit(
                x, y, epochs=20, callbacks=[keras.callbacks.ModelCheckpoint("model.keras")]
            )
            """,
        ),
        Bad(
            """
            import keras

            saver = keras.callbacks.ModelCheckpoint("{epoch}-{batch}.keras", save_freq=10)  # bad
            model.fit(x, y, epochs=20, callbacks=[saver])
            """
        ),
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", eval_strategy="steps", eval_steps=50, num_train_epochs=200)  # bad
            """
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


def _counts_evaluations(facts: Facts) -> bool:
    """Whether something else than the trainer depends on how often it evaluates or saves."""
    return _COUNTS.search(facts.document.text) is not None


def _has_epochs(call: Call, name: str, default: int | None) -> bool:
    """Whether a run certainly goes over the data several times, and not so often that each would be too often."""
    epochs = call.argument(name)
    number = default if epochs.absent else epochs.constant if epochs.written else None
    return _is_several(number) and call.argument("max_steps").absent


def _is_several(number: object) -> bool:
    return isinstance(number, (int, float)) and not isinstance(number, bool) and _SEVERAL <= number <= _MANY


def _strategy_of(call: Call) -> str:
    """The name under which the call asks for evaluations; it has changed between versions."""
    names = ("eval_strategy", "evaluation_strategy")
    return next((name for name in names if call.argument(name).written), names[0])


def _each_epoch(call: Call, strategy: str, steps: str) -> tuple[Edit, ...] | None:
    """Give a strategy the value ``epoch``, in the place of the number of steps when it is not written."""
    from greenlint import remove_argument, replace_node

    document = call.facts.document
    word = "'epoch'" if _quotes_once(call) else '"epoch"'
    number = next((arg for arg in call.node.args if arg.keyword is not None and arg.keyword.value == steps), None)
    given = next((arg for arg in call.node.args if arg.keyword is not None and arg.keyword.value == strategy), None)
    if given is None:
        return replace_node(document, number, f"{strategy}={word}") if number is not None else None
    changed = replace_node(document, given.value, word)
    if number is None:
        return changed
    taken = remove_argument(document, call.node, steps)
    return (*changed, *taken) if taken is not None else None


def _quotes_once(call: Call) -> bool:
    """Whether the texts of a call stand in single quotes."""
    from greenlint import Tree, cst

    texts = [each.quote for each in call.facts[Tree].below(call.node, cst.SimpleString)]
    return bool(texts) and all(quote == "'" for quote in texts)


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
