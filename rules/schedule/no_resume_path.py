"""Long runs that lose everything when they are interrupted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, Study, cst

_SAVES = re.compile(r"(?i)save|checkpoint|ckpt|dump|snapshot|torch\.jit|write_model|store")
_READS = re.compile(r"(?i)load|resume|restore|ckpt_path|start_epoch|warm_start|from_pretrained|continue_train")


class NoResumePath(Rule):
    """A long training writes no checkpoint or cannot continue from one; a long study lives in memory only.

    When such a run is interrupted, the energy spent up to then is lost and spent again.

    The finding stands at the loop over epochs, for studies of Optuna at the call of `optimize`.

    Leave it where the machine saves the whole job, and for runs that are cheap to repeat.

    To fix it, save model, optimizer and epoch regularly and load them when a checkpoint is found; give the study
    `storage="sqlite:///study.db"` and `load_if_exists=True`.
    """

    class Options(RuleOptions):
        epochs: int = 50
        """Report loops of at least this many epochs."""
        trials: int = 50
        """Report studies of at least this many trials."""

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "tensorflow", "jax", "optuna")
    words = (("*backward", "apply_gradients", "apply_updates", "loss_scaler", "create_study"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_REINFORCEMENT,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html",
        "https://optuna.readthedocs.io/en/stable/tutorial/20_recipes/001_rdb.html",
    )
    evidence = (
        Evidence(
            Grade.REASONED,
            "an interruption costs everything since the start, on average half of the run; how often it comes to that "
            "depends on the machine",
            "reasoning",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.loops) or "create_study" in outline.calls

    @on_file
    def loops(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, LoopRole, Loops

        for loop in facts[Loops].with_role(LoopRole.EPOCH):
            if (loop.iterations or 0) < self.options.epochs or facts[Contexts].dead(loop.node):
                continue
            missing = _missing(facts)
            if missing is not None:
                yield self.finding(
                    loop.node,
                    f"{loop.iterations} epochs, and {missing}",
                    help="save model, optimizer and epoch every few epochs, and load them when there is a checkpoint",
                )
            return

    @on_file
    def studies(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Studies

        for study in facts[Studies].all:
            if (study.trials or 0) < self.options.trials or facts[Contexts].dead(study.call.node):
                continue
            if _is_in_memory(study) and _is_costly(study, facts):
                yield self.finding(
                    study.call.node,
                    f"{study.trials} trials are kept in memory only",
                    help='pass storage="sqlite:///study.db" and load_if_exists=True to create_study',
                    related=((study.made.node, "made here"),) if study.made is not None else (),
                )

    examples = (
        Bad(
            """
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(200):  # bad
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(200):  # bad
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
                torch.save(model.state_dict(), f"{epoch}.pt")
            """
        ),
        Bad(
            """
            import optuna

            def objective(trial):
                model = build(trial.suggest_float("lr", 1e-5, 1e-1))
                return model.fit(x, y, epochs=50).history["loss"][-1]

            study = optuna.create_study()
            study.optimize(objective, n_trials=200)  # bad
            """
        ),
        Bad(
            """
            import jax
            import optax
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            optimizer = tf.keras.optimizers.Adam()
            for epoch in range(100):  # bad
                for images, labels in train_dataset:
                    with tf.GradientTape() as tape:
                        loss = criterion(labels, model(images, training=True))
                    gradients = tape.gradient(loss, model.trainable_variables)
                    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            """
        ),
        Good(
            """
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            if args.resume:
                model.load_state_dict(torch.load(args.resume))
            for epoch in range(200):
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
                torch.save(model.state_dict(), f"{epoch}.pt")
            """,
            why="it continues from a checkpoint",
        ),
        Good(
            """
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(5):
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="five epochs",
        ),
        Good(
            """
            import torch
            import torchvision
            from checkpoints import save_checkpoint, resume

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            resume(model, optimizer)
            for epoch in range(200):
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
                save_checkpoint(model, optimizer, epoch)
            """,
            why="helpers save and load",
        ),
        Good(
            """
            import optuna

            def objective(trial):
                model = build(trial.suggest_float("lr", 1e-5, 1e-1))
                return model.fit(x, y, epochs=50).history["loss"][-1]

            study = optuna.create_study(storage="sqlite:///study.db", study_name="rate", load_if_exists=True)
            study.optimize(objective, n_trials=200)
            """,
            why="the study is kept in a file",
        ),
        Good(
            """
            import optuna

            def objective(trial):
                x = trial.suggest_float("x", -10, 10)
                return (x - 2) ** 2

            study = optuna.create_study()
            study.optimize(objective, n_trials=200)
            """,
            why="trials that cost nothing",
        ),
    )


def _missing(facts: Facts) -> str | None:
    """What an interrupted training lacks in order to continue, in words; ``None``: nothing, or it may be elsewhere."""
    from greenlint import Calls, Frameworks, dotted

    called = " ".join(dotted(each.node.func) or each.method for each in facts[Calls].all)
    if not _SAVES.search(called):
        return "no checkpoint is written" if not _SAVES.search(facts[Frameworks].code) else None
    return (
        None
        if _READS.search(re.sub(r"\w*[lL]oader\w*|load_data\w*", "", facts[Frameworks].code))
        else ("nothing continues from the checkpoints that are written")
    )


def _is_in_memory(study: Study) -> bool:
    if study.made is None:
        return False
    storage = study.made.argument("storage")
    return storage.absent or (storage.written and storage.constant is None)


def _is_costly(study: Study, facts: Facts) -> bool:
    """Whether each trial trains something over epochs or rounds."""
    from greenlint import Studies

    return study.objective is not None and facts[Studies].iterative_training(study.objective) is not None
