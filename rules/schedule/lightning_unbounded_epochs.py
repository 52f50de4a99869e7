"""Lightning trainers that nothing tells when to stop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Argument, Call, Facts, Findings

_LIMITS = ("max_epochs", "max_steps", "max_time")
_OLD_LIMITS = ("max_nb_epochs", "max_num_epochs")
_SHORT_RUN = 20
_SET_LATER = re.compile(r"\.max_(?:epochs|steps|time)\s*=[^=]")


class LightningUnboundedEpochs(Rule):
    """A Lightning Trainer is given no number of epochs or steps, no time limit and no early stopping.

    `max_epochs`, `max_steps` and `max_time` left out mean 1000 epochs, and `max_epochs=-1` means no end at all: the run
    occupies its accelerator until somebody notices.

    The finding stands at the `Trainer(...)` call.

    Leave it where the scheduler of the cluster ends the run on purpose, or a callback that cannot be seen does.

    To fix it, pass the number of epochs that the experiment needs as `max_epochs`, and `EarlyStopping` among the
    callbacks.
    """

    severity = Severity.WARNING
    frameworks = ("lightning", "pytorch_lightning")
    words = (("Trainer",), ("fit",))
    premises = (Premise.NOT_A_TEST,)
    references = ("https://lightning.ai/docs/pytorch/stable/common/trainer.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "with neither max_epochs nor max_steps given, max_epochs is 1000",
            "https://lightning.ai/docs/pytorch/stable/common/trainer.html",
        ),
    )

    @on_call("lightning.pytorch.Trainer")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Schedules

        endless = _is_endless(call)
        if endless is None or _is_short(call) or facts[Contexts].dead(call.node):
            return
        schedules = facts[Schedules]
        if schedules.stops(call.argument("callbacks")) is not False or schedules.names_stopping:
            return
        if not call.argument("early_stop_callback").absent or _SET_LATER.search(facts.document.text):
            return
        fit = _fit_of(call, facts)
        if fit is None:
            return
        yield self.finding(
            call.node,
            "this Trainer never ends by itself: max_epochs is -1"
            if endless
            else "this Trainer is given no end and runs for 1000 epochs",
            help="pass max_epochs with what the experiment needs, and EarlyStopping among the callbacks",
            related=((fit.node, "trains here"),),
        )

    examples = (
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(accelerator="gpu", devices=1)  # bad
            trainer.fit(model, loader)
            """
        ),
        Bad(
            """
            import pytorch_lightning as pl
            from pytorch_lightning.callbacks import ModelCheckpoint
            from pytorch_lightning.loggers import WandbLogger

            def main():
                trainer = pl.Trainer(  # bad
                    gpus=1,
                    logger=WandbLogger(project="cells"),
                    callbacks=[ModelCheckpoint(monitor="val_loss")],
                )
                trainer.fit(model, datamodule=data)

            main()
            """
        ),
        Bad(
            """
            from lightning.pytorch import Trainer

            trainer = Trainer(max_epochs=-1, precision="bf16-mixed")  # bad
            trainer.fit(model, loader)
            """
        ),
        Bad(
            """
            import lightning as L

            L.Trainer(max_epochs=None, max_steps=-1, accelerator="gpu").fit(model, loader)  # bad
            """
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(accelerator="gpu", max_epochs=20)
            trainer.fit(model, loader)
            """,
            why="twenty epochs",
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(accelerator="gpu", max_time="00:12:00:00", max_epochs=-1)
            trainer.fit(model, loader)
            """,
            why="half a day",
        ),
        Good(
            """
            import lightning as L
            from lightning.pytorch.callbacks import EarlyStopping

            trainer = L.Trainer(accelerator="gpu", callbacks=[EarlyStopping("val_loss")])
            trainer.fit(model, loader)
            """,
            why="it stops when it no longer improves",
        ),
        Good(
            """
            import lightning as L

            def main(**options):
                trainer = L.Trainer(accelerator="gpu", **options)
                trainer.fit(model, loader)
            """,
            why="the limit may hide in the keyword arguments",
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(accelerator="gpu", logger=False)
            trainer.test(model, loader)
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(fast_dev_run=True)
            trainer.fit(model, loader)
            """,
            why="a smoke test of one batch",
        ),
        Good(
            """
            import lightning as L
            from lightning.pytorch.callbacks import Timer

            trainer = L.Trainer(accelerator="gpu", callbacks=[Timer(duration="00:04:00:00")])
            trainer.fit(model, loader)
            """,
            why="a callback ends the run after four hours",
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(accelerator="gpu")
            trainer.fit_loop.max_epochs = 10
            trainer.fit(model, loader)
            """,
            why="the limit is set afterwards",
        ),
        Good(
            """
            import lightning as L
            from callbacks import make_callbacks

            trainer = L.Trainer(accelerator="gpu", callbacks=make_callbacks())
            trainer.fit(model, loader)
            """,
            why="the callbacks cannot be seen",
        ),
        Good(
            """
            import lightning as L

            class Model(L.LightningModule):
                def on_train_epoch_end(self):
                    if self.loss < 0.01:
                        self.trainer.should_stop = True

            trainer = L.Trainer(accelerator="gpu")
            trainer.fit(Model(), loader)
            """,
            why="the module ends the training",
        ),
        Good(
            """
            import pytorch_lightning as pl

            trainer = pl.Trainer(gpus=1, max_nb_epochs=4)
            trainer.fit(model)
            """,
            why="the old spelling of the limit",
        ),
    )


def _is_endless(call: Call) -> bool | None:
    """Whether a trainer has no end at all, rather than the default one; ``None`` when it has, or may have, a limit."""
    limits = {name: call.argument(name) for name in _LIMITS}
    if not all(call.argument(name).absent for name in _OLD_LIMITS):
        return None
    if not all(_is_open(each) for each in limits.values()):
        return None
    return limits["max_epochs"].written and limits["max_epochs"].constant == -1


def _is_open(limit: Argument) -> bool:
    return limit.absent or (limit.written and limit.constant in (None, -1))


def _is_short(call: Call) -> bool:
    """Whether the trainer runs a smoke test, or may."""
    if not _is_off(call.argument("fast_dev_run")) or not _is_off(call.argument("overfit_batches")):
        return True
    limit = call.argument("limit_train_batches").constant
    return isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit <= _SHORT_RUN


def _is_off(switch: Argument) -> bool:
    return switch.absent or (switch.written and switch.constant in (False, None, 0, 0.0))


def _fit_of(call: Call, facts: Facts) -> Call | None:
    """The ``fit`` of the object that the call makes."""
    from greenlint import Calls, Values

    for each in facts[Calls].methods("fit"):
        if each.receiver is None:
            continue
        if each.receiver is call.node:
            return each
        made = facts[Values].of(each.receiver).call
        if made is not None and made.node is call.node:
            return each
    return None
