"""Trainings that run for a fixed number of epochs although they are validated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, Loop, Outline, Report, Schedules, cst

_SHORT_FINE_TUNING = 8
_LONG_FINE_TUNING = 15
_LONG_LOOP = 50


class NoEarlyStopping(Rule):
    """A long training is validated after each epoch, and nothing ends it when it no longer improves.

    Epochs after the best one cost as much as those before it, and their weights are thrown away or are worse. The
    validation that would tell is already being paid for.

    The finding stands at the first such `fit` call of Keras, at the `Trainer` of transformers; with `all-loops` also at
    the `Trainer` of Lightning and at hand-written loops over epochs.

    Leave it where the learning rate follows the planned length (one-cycle, cosine, step schedules: such files are not
    reported), where a published number of epochs is reproduced, and where the validation measure is too noisy to trust.

    To fix it, add `EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)` to the callbacks; in
    transformers `EarlyStoppingCallback`, which needs `metric_for_best_model` and `load_best_model_at_end=True`.
    """

    class Options(RuleOptions):
        epochs: int = 30
        """Report Keras trainings of at least this many epochs."""
        all_loops: bool = False
        """Also report Lightning trainers and hand-written loops of at least 50 epochs."""

    severity = Severity.INFO
    frameworks = ("keras", "tensorflow", "tf_keras", "transformers", "lightning", "pytorch_lightning", "torch")
    words = (("fit", "fit_generator", "*Trainer", "backward"), ("*val*", "*Val*", "*eval*", "*Eval*", "*dev*"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_REINFORCEMENT,
        Premise.REAL_DATA,
    )
    references = (
        "https://keras.io/api/callbacks/early_stopping/",
        "https://huggingface.co/docs/transformers/main_classes/callback",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "Keras has a callback that stops training when a monitored metric has stopped improving; none is on by "
            "default",
            "https://keras.io/api/callbacks/early_stopping/",
        ),
        Evidence(
            Grade.MEASURED,
            "training for too long and with poor settings took up to five times the energy",
            "arXiv 2401.01851",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"fit", "fit_generator", "Trainer", "Seq2SeqTrainer", "backward"})

    @on_file
    def keras(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Frameworks, Schedules

        schedules = facts[Schedules]
        if not facts[Frameworks].uses("keras") or _needs_its_length(schedules):
            return
        found: list[tuple[Call, int, bool]] = []
        for fit in facts[Calls].methods("fit", "fit_generator"):
            if not _is_validated(fit) or _is_excused(fit, facts):
                continue
            epochs = _planned(fit, schedules)
            callbacks = fit.argument("callbacks", 5 if fit.method == "fit" else 4)
            if epochs is not None and epochs[0] >= self.options.epochs and schedules.stops(callbacks) is False:
                found.append((fit, *epochs))
        if found:
            fit, count, certain = found[0]
            yield self._report(
                fit.node,
                count,
                certain,
                "add keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True) to the callbacks",
                related=tuple((each.node, "and here") for each, _, _ in found[1:5]),
                fix=self._stops_keras([(each, epochs) for each, epochs, _ in found], facts),
            )

    def _stops_keras(self, fits: list[tuple[Call, int]], facts: Facts) -> Fix | None:
        from greenlint import Environment

        spelled = _keras_spelling(facts)
        if spelled is None or facts[Environment].at_least("keras", "2.2.3") is False or _counts_on_length(fits, facts):
            return None
        made, name = spelled
        edits = {each: each for each in made}
        for fit, epochs in fits:
            patience = max(_PATIENCE, epochs // 10)
            position = 5 if fit.method == "fit" else 4
            more = _added(fit, f"{name}(patience={patience}, restore_best_weights=True)", position, facts)
            if more is None:
                return None
            edits.update((each, each) for each in more)
        return self.unsafe_fix(
            "stop when the validation loss no longer improves",
            *edits.values(),
            reason="the training may end before its last epoch, with the best weights instead of the last",
        )

    @on_call("transformers.Trainer", "transformers.Seq2SeqTrainer")
    def transformers(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Schedules

        schedules = facts[Schedules]
        arguments = schedules.settings(call)
        if arguments is None or facts[Contexts].dead(call.node) or _needs_its_length(schedules):
            return
        if schedules.stops(call.argument("callbacks")) is not False or schedules.evaluated(arguments) is None:
            return
        keeps_best = arguments.argument("load_best_model_at_end").constant is True
        epochs = schedules.epochs(arguments.argument("num_train_epochs"))
        least = _SHORT_FINE_TUNING if keeps_best else _LONG_FINE_TUNING
        if epochs is None or epochs[0] < least or not _counts_epochs(arguments):
            return
        yield self._report(
            call.node,
            *epochs,
            "pass callbacks=[EarlyStoppingCallback(early_stopping_patience=3)], with metric_for_best_model and "
            "load_best_model_at_end=True",
            notes=("the default learning rate falls to zero over the planned steps, so a patience of 1 is too short",),
            related=((arguments.node, "planned here"),) if arguments.facts is facts else (),
            fix=self._stops_transformers(call, facts) if keeps_best else None,
        )

    def _stops_transformers(self, call: Call, facts: Facts) -> Fix | None:
        """Where the best checkpoint is kept already, its measure is there to stop by."""
        from greenlint import Environment, cst, ensure_import

        if call.is_open or facts[Environment].at_least("transformers", "4.0") is False:
            return None
        func, name = call.node.func, "EarlyStoppingCallback"
        made: tuple[Edit, ...] | None = ()
        if isinstance(func, cst.Attribute):
            name = f"{facts.document.source(func.value)}.{name}"
        else:
            made = ensure_import(facts.document, f"from transformers import {name}")
        added = _added(call, f"{name}(early_stopping_patience=3)", None, facts)
        if made is None or added is None:
            return None
        return self.unsafe_fix(
            "stop when the best checkpoint is no longer beaten",
            *made,
            *added,
            reason="the training may end before its last epoch",
        )

    @on_call("lightning.pytorch.Trainer")
    def lightning(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Schedules

        schedules = facts[Schedules]
        if not self.options.all_loops or facts[Contexts].dead(call.node) or _needs_its_length(schedules):
            return
        epochs = schedules.epochs(call.argument("max_epochs"))
        if epochs is None or epochs[0] < _LONG_LOOP or schedules.stops(call.argument("callbacks")) is not False:
            return
        if "def validation_step" not in facts.document.text or not facts[Calls].methods("fit"):
            return
        yield self._report(
            call.node,
            *epochs,
            'add EarlyStopping(monitor="val_loss", patience=5) to the callbacks',
            fix=self._stops_lightning(call, epochs[0], facts),
        )

    def _stops_lightning(self, call: Call, epochs: int, facts: Facts) -> Fix | None:
        from greenlint import Calls, ensure_import

        measure = _logged_loss(facts)
        fits = facts[Calls].methods("fit")
        # Without validation data the measure is never there, and the callback raises.
        if measure is None or call.is_open or any(len(each.positional) < 3 for each in fits):
            return None
        package = _lightning_package(facts)
        imported = ensure_import(facts.document, f"from {package}.callbacks import EarlyStopping") if package else None
        stop = f'EarlyStopping(monitor="{measure}", patience={max(_PATIENCE, epochs // 10)})'
        added = _added(call, stop, None, facts)
        if imported is None or added is None:
            return None
        return self.unsafe_fix(
            "stop when the validation loss no longer improves",
            *imported,
            *added,
            reason="the training may end before its last epoch",
        )

    @on_file
    def by_hand(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import LoopRole, Loops, Schedules

        if not self.options.all_loops or not facts[Loops].steps or _needs_its_length(facts[Schedules]):
            return
        for loop in facts[Loops].with_role(LoopRole.EPOCH):
            if (loop.iterations or 0) < _LONG_LOOP or _may_leave(loop) or not _validates(loop):
                continue
            yield self._report(
                loop.node,
                loop.iterations or 0,
                True,
                "keep the best validation value and leave the loop when it has not improved for some epochs",
            )

    def _report(
        self,
        node: cst.CSTNode,
        epochs: int,
        certain: bool,
        remedy: str,
        *,
        notes: tuple[str, ...] = (),
        related: tuple[tuple[cst.CSTNode, str], ...] = (),
        fix: Fix | None = None,
    ) -> Report:
        planned = f"{epochs} epochs" if certain else f"{epochs} epochs (the default of an option)"
        return self.finding(
            node,
            f"{planned} with validation, and nothing stops the training when it no longer improves",
            help=remedy,
            notes=("what this saves depends on where the best epoch is; a noisy measure needs more patience", *notes),
            related=related,
            confidence=Confidence.MEDIUM if not certain else Confidence.HIGH,
            fix=fix,
        )

    examples = (
        Bad(
            """
            import keras

            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            model.fit(  # bad
                train,
                epochs=100,
                validation_data=valid,  # a tenth of the images
            )
            """,
            fixed="""
            import keras

            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            model.fit(
                train,
                epochs=100,
                validation_data=valid,  # a tenth of the images
                callbacks=[keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)],
            )
            """,
        ),
        Bad(
            """
            from tensorflow.keras.callbacks import ModelCheckpoint
            from tensorflow.keras import layers, models

            model = models.Sequential([
                layers.Conv2D(64, 3, input_shape=(224, 224, 3)),
                layers.Conv2D(128, 3),
                layers.GlobalMaxPooling2D(),
                layers.Dense(5),
            ])
            model.compile("adam", "mse")
            callbacks = [
                ModelCheckpoint("best.keras", save_best_only=True),
            ]
            history = model.fit(x_train, y_train, epochs=60, validation_split=0.2, callbacks=callbacks)  # bad
            """,
            fixed="""
            from tensorflow.keras.callbacks import ModelCheckpoint
            from tensorflow.keras.callbacks import EarlyStopping
            from tensorflow.keras import layers, models

            model = models.Sequential([
                layers.Conv2D(64, 3, input_shape=(224, 224, 3)),
                layers.Conv2D(128, 3),
                layers.GlobalMaxPooling2D(),
                layers.Dense(5),
            ])
            model.compile("adam", "mse")
            callbacks = [
                ModelCheckpoint("best.keras", save_best_only=True),
                EarlyStopping(patience=6, restore_best_weights=True),
            ]
            history = model.fit(x_train, y_train, epochs=60, validation_split=0.2, callbacks=callbacks)
            """,
        ),
        Bad(
            """
            from transformers import AutoModelForSequenceClassification, PrinterCallback, Trainer, TrainingArguments

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-cased")
            args = TrainingArguments(
                "out", num_train_epochs=20, eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True
            )
            trainer = Trainer(  # bad
                model=model, args=args, train_dataset=train, eval_dataset=valid,
                callbacks=[
                    PrinterCallback()
                ]
            )
            trainer.train()
            """,
            fixed="""
            from transformers import AutoModelForSequenceClassification, PrinterCallback, Trainer, TrainingArguments
            from transformers import EarlyStoppingCallback

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-cased")
            args = TrainingArguments(
                "out", num_train_epochs=20, eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True
            )
            trainer = Trainer(
                model=model, args=args, train_dataset=train, eval_dataset=valid,
                callbacks=[
                    PrinterCallback(),
                    EarlyStoppingCallback(early_stopping_patience=3)
                ]
            )
            trainer.train()
            """,
        ),
        Bad(
            """
            import keras
            import matplotlib.pyplot as plt

            epochs = 80
            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            history = model.fit(train, epochs=epochs, validation_data=valid)  # bad
            plt.plot(range(epochs), history.history["loss"])
            """
        ),
        Bad(
            """
            import lightning as L

            class Model(L.LightningModule):
                def validation_step(self, batch, batch_idx):
                    self.log("val_loss", self.loss(batch))

            trainer = L.Trainer(  # bad
                max_epochs=200,
                accelerator="gpu",
            )
            trainer.fit(Model(), train, valid)
            """,
            fixed="""
            import lightning as L
            from lightning.pytorch.callbacks import EarlyStopping

            class Model(L.LightningModule):
                def validation_step(self, batch, batch_idx):
                    self.log("val_loss", self.loss(batch))

            trainer = L.Trainer(
                max_epochs=200,
                accelerator="gpu",
                callbacks=[EarlyStopping(monitor="val_loss", patience=20)],
            )
            trainer.fit(Model(), train, valid)
            """,
            options={"all_loops": True},
        ),
        Bad(
            """
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(300):  # bad
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
                with torch.no_grad():
                    for images, labels in valid_loader:
                        total += criterion(model(images.cuda()), labels.cuda())
            """,
            options={"all_loops": True},
        ),
        Good(
            """
            import keras

            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
            model.fit(train, epochs=100, validation_data=valid, callbacks=[stop])
            """,
            why="the training stops by itself",
        ),
        Good(
            """
            import keras

            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=20, validation_data=valid)
            """,
            why="twenty epochs",
        ),
        Good(
            """
            import keras

            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, initial_epoch=90, epochs=100, validation_data=valid)
            """,
            why="ten more epochs",
        ),
        Good(
            """
            import keras

            model = keras.applications.ResNet50(weights="imagenet")
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=100)
            """,
            why="without validation nothing says when to stop",
        ),
        Good(
            """
            import keras

            def train(model, callbacks):
                model.compile("adam", "categorical_crossentropy")
                model.fit(train, epochs=100, validation_data=valid, callbacks=callbacks)
            """,
            why="the callbacks are not known",
        ),
        Good(
            """
            import keras

            rate = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=10000)
            model = keras.applications.ResNet50(weights="imagenet")
            model.compile(keras.optimizers.SGD(rate), "categorical_crossentropy")
            model.fit(train, epochs=100, validation_data=valid)
            """,
            why="the learning rate is planned for the whole length",
        ),
        Good(
            """
            import keras

            class Enough(keras.callbacks.Callback):
                def on_epoch_end(self, epoch, logs=None):
                    if logs["val_accuracy"] > 0.95:
                        self.model.stop_training = True

            model = keras.applications.ResNet50(weights="imagenet")
            model.fit(train, epochs=100, validation_data=valid, callbacks=[Enough()])
            """,
            why="a callback of one's own ends the training",
        ),
        Good(
            """
            import pandas as pd
            from tensorflow import keras
            from tensorflow.keras import layers

            data = pd.read_csv("houses.csv")
            model = keras.Sequential([layers.Dense(64, activation="relu"), layers.Dense(1)])
            model.compile("adam", "mse")
            model.fit(data[["area", "rooms"]], data["price"], epochs=100, validation_split=0.2)
            """,
            why="a small dense network: its epochs cost next to nothing",
        ),
        Good(
            """
            from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

            args = TrainingArguments("out", num_train_epochs=3, eval_strategy="epoch", load_best_model_at_end=True)
            Trainer(model=model, args=args, train_dataset=train, eval_dataset=valid).train()
            """,
            why="three epochs",
        ),
        Good(
            """
            from transformers import EarlyStoppingCallback, Trainer, TrainingArguments

            args = TrainingArguments("out", num_train_epochs=20, eval_strategy="epoch", load_best_model_at_end=True)
            trainer = Trainer(model=model, args=args, train_dataset=train, eval_dataset=valid)
            trainer.add_callback(EarlyStoppingCallback(3))
            trainer.train()
            """,
            why="the callback is added later",
        ),
        Good(
            """
            import lightning as L

            class Model(L.LightningModule):
                def validation_step(self, batch, batch_idx):
                    self.log("val_loss", self.loss(batch))

            trainer = L.Trainer(max_epochs=200, accelerator="gpu")
            trainer.fit(Model(), train, valid)
            """,
            why="Lightning and hand-written loops are reported only on request",
        ),
        Good(
            """
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(300):
                for images, labels in train_loader:
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
                with torch.no_grad():
                    for images, labels in valid_loader:
                        total += criterion(model(images.cuda()), labels.cuda())
                if total > 2 * best:
                    break
            """,
            why="the loop can be left",
            options={"all_loops": True},
        ),
    )


def _needs_its_length(schedules: Schedules) -> bool:
    """Whether the file stops trainings already, plans them to the end, or has no measure to stop by."""
    return schedules.names_stopping or schedules.needs_full_length or schedules.open_ended


# -- Keras -------------------------------------------------------------------------------------------------------


def _is_validated(fit: Call) -> bool:
    for name in ("validation_data", "validation_split"):
        given = fit.keyword(name)
        if given is not None and fit.argument(name).constant not in (None, 0, 0.0):
            return True
    return False


def _planned(fit: Call, schedules: Schedules) -> tuple[int, bool] | None:
    """How many epochs a ``fit`` runs, less those that it skips, and whether that is certain."""
    epochs = schedules.epochs(fit.argument("epochs", 3 if fit.method == "fit" else 2))
    start = fit.argument("initial_epoch")
    if epochs is None or start.absent:
        return epochs
    return (epochs[0] - start.constant, epochs[1]) if isinstance(start.constant, int) else None


def _is_excused(fit: Call, facts: Facts) -> bool:
    """Whether a ``fit`` is not that of a network of some size on real data."""
    from greenlint import Contexts, Kind, Models, Origins, Values

    if fit.receiver is None or not fit.node.args or facts[Contexts].dead(fit.node):
        return True
    if facts[Values].of(fit.receiver).kind not in (None, Kind.KERAS_MODEL, Kind.MODULE):
        return True
    if facts[Origins].toy(fit.node.args[0].value):
        return True
    layers = facts[Models].layers(fit.receiver)
    return layers is None or layers.heavy is not True


# -- transformers ------------------------------------------------------------------------------------------------


def _counts_epochs(arguments: Call) -> bool:
    """Whether neither a number of steps nor another schedule than the default decides on the length."""
    steps = arguments.argument("max_steps")
    plain = arguments.argument("lr_scheduler_type")
    return (steps.absent or steps.constant == -1) and (plain.absent or plain.constant in ("constant", "linear"))


# -- the fix ---------------------------------------------------------------------------------------------------


_PATIENCE = 5
_READS_EPOCH = re.compile(r"\.history\[[^\]]+\]\[-?\d{2}|initial_epoch|\.stopped_epoch")


def _added(call: Call, text: str, position: int | None, facts: Facts) -> tuple[Edit, ...] | None:
    """One more callback for a call: in a list that is written down, or as the only one."""
    from greenlint import BindingKind, Names, append_element, cst, set_argument

    given = call.argument("callbacks", position)
    if given.absent:
        return set_argument(facts.document, call.node, "callbacks", f"[{text}]", position)
    node = given.node if given.facts is facts else None
    if isinstance(node, cst.Name):
        bindings = facts[Names].reaching(node)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
            return None
        node = bindings[0].value
    return append_element(facts.document, node, text) if isinstance(node, cst.List) else None


def _keras_spelling(facts: Facts) -> tuple[tuple[Edit, ...], str] | None:
    """The imports that are needed, and how this file names the callback; ``None`` where it uses two Keras."""
    from greenlint import Tree, cst, dotted, ensure_import

    packages: set[str] = set()
    names: dict[str, str] = {}
    direct: str | None = None
    for each in facts[Tree].of_type(cst.ImportFrom):
        module = dotted(each.module) if each.module is not None and not each.relative else None
        if module is None or isinstance(each.names, cst.ImportStar):
            continue
        package = _package(module)
        if package is not None:
            packages.add(package)
            direct = package
        for alias in each.names:
            if _package(f"{module}.{alias.name.value}") == f"{module}.{alias.name.value}":
                packages.add(f"{module}.{alias.name.value}")
                names[_bound(alias)] = f"{module}.{alias.name.value}"
    for imported in facts[Tree].of_type(cst.Import):
        for alias in imported.names:
            module = dotted(alias.name) or ""
            package = _package(module)
            if package is not None:
                packages.add(package)
                if alias.asname is None and module == package == package.split(".")[0]:
                    names[package] = package
                elif alias.asname is not None and module == package:
                    names[_bound(alias)] = package
            elif module == "tensorflow":
                root = _bound(alias)
                if re.search(rf"\b{root}\.keras\b", facts.document.text):
                    packages.add("tensorflow.keras")
                    names.setdefault(f"{root}.keras", "tensorflow.keras")
    if len(packages) != 1:
        return None
    package = packages.pop()
    for name, stands_for in names.items():
        if stands_for == package:
            return (), f"{name}.callbacks.EarlyStopping"
    made = ensure_import(facts.document, f"from {package}.callbacks import EarlyStopping") if direct else None
    return (made, "EarlyStopping") if made is not None else None


def _package(module: str) -> str | None:
    """The Keras that a module is part of."""
    for package in ("keras", "tensorflow.keras", "tf_keras"):
        if f"{module}.".startswith(f"{package}."):
            return package
    return None


def _bound(alias: cst.ImportAlias) -> str:
    from greenlint import cst, dotted

    node = alias.asname.name if alias.asname is not None else alias.name
    return (dotted(node) if isinstance(node, (cst.Name, cst.Attribute)) else None) or ""


def _counts_on_length(fits: list[tuple[Call, int]], facts: Facts) -> bool:
    """Whether something else is as long as the training was planned to be, such as the axis of a plot."""
    from greenlint import Calls

    if _READS_EPOCH.search(facts.document.text):
        return True
    source = facts.document.source
    planned = {str(number) for _, epochs in fits for number in (epochs, epochs + 1)}
    planned |= {source(node) for fit, _ in fits if (node := fit.keyword("epochs")) is not None}
    return any(
        re.search(rf"(?<![\w.]){re.escape(each)}(?!\w)", source(call.node))
        for call in facts[Calls].methods("range", "arange", "linspace", "xlim", "set_xlim")
        for each in planned
    )


def _logged_loss(facts: Facts) -> str | None:
    """The loss that a ``validation_step`` logs in each of its runs, by its name."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    for call in facts[Calls].methods("log"):
        function = tree.function(call.node)
        measure = call.positional[0] if call.positional else None
        if function is None or function.name.value != "validation_step" or not isinstance(measure, cst.SimpleString):
            continue
        name = measure.evaluated_value
        if (
            isinstance(name, str)
            and "loss" in name
            and tree.enclosing(call.node, cst.If, cst.For, cst.FunctionDef) is function
        ):
            return name
    return None


def _lightning_package(facts: Facts) -> str | None:
    """The one package of Lightning that a file imports."""
    packages = set(
        re.findall(r"^\s*(?:import|from)\s+(lightning|pytorch_lightning)\b", facts.document.text, re.MULTILINE)
    )
    if len(packages) != 1:
        return None
    return "lightning.pytorch" if packages == {"lightning"} else "pytorch_lightning"


# -- loops written by hand ---------------------------------------------------------------------------------------


def _may_leave(loop: Loop) -> bool:
    from greenlint import Tree, cst

    return any(True for _ in loop.facts[Tree].below(loop.node.body, cst.Break, cst.Return, cst.Raise))


def _validates(loop: Loop) -> bool:
    """Whether a loop over epochs holds an evaluation, itself or in a function that it calls."""
    from greenlint import LoopRole, Loops, Tree

    return any(
        owner[Tree].contains(body, each.node)
        for owner, body in _bodies(loop.facts, loop.node.body)
        for each in owner[Loops].with_role(LoopRole.EVALUATION)
    )


def _bodies(facts: Facts, body: cst.CSTNode) -> Iterator[tuple[Facts, cst.CSTNode]]:
    from greenlint import Calls, Values, cst

    yield facts, body
    for call in facts[Calls].within(body):
        target = facts[Values].callee(call.node)
        if target is not None and isinstance(target.node, cst.FunctionDef):
            yield target.facts, target.node.body
