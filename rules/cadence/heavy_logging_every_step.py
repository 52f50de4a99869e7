"""Histograms, pictures and remote records in every training step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Beat, Call, Facts, Findings, Outline, cst

_HEAVY = re.compile(
    r"^add_(?:histogram|image|images|image_with_boxes|figure|embedding|video|audio|mesh|pr_curve)$"
    r"|^log_(?:image|images|figure|artifact|artifacts)$"
)
_WANDB = frozenset(("Image", "Histogram", "Table", "Video", "Audio", "Object3D", "Molecule", "Plotly"))
_SUMMARIES = ("tensorflow.summary.histogram", "tensorflow.summary.image", "tensorflow.summary.audio")
_REMOTE = re.compile(r"(?:^|\.)mlflow\.log_metrics?$")
"""Also where a module of the project hands MLflow on."""
_RECORDS = ("add_scalar", "add_scalars", "log_metric", "log", "log_scalar", "scalar", "add_histogram")
_LOGGER = re.compile(r"(?i)writer|wandb|logger|tensorboard|\btb|mlflow|summary|run$|experiment|neptune|comet|task")
_PARAMETERS = re.compile(
    r"named_parameters\(|\.parameters\(|named_modules\(|trainable_(?:variables|weights)|state_dict\("
)
_NAMES = frozenset((*_RECORDS, *_WANDB, "log_metrics", "image", "histogram", "audio", "watch"))
_ASYNCHRONOUS = re.compile(r"enable_async_logging|MLFLOW_ENABLE_ASYNC_LOGGING|synchronous\s*=\s*False")


class HeavyLoggingEveryStep(Rule):
    """Pictures, histograms, one record per parameter or remote metrics are logged for every batch.

    Each record copies data from the accelerator, sums or compresses it on the CPU and writes it, while the next step
    waits. For scalars that is little; histograms, images and tables are large, a loop over all parameters makes
    hundreds of records, and `mlflow.log_metric` waits for its server or file each time.

    The finding stands at the first such call of a loop over batches; others are related places.

    Leave it while looking into a bug, and where steps take so long that logging is lost in them.

    To fix it, log every hundredth step or once per epoch; collect scalars and write them together, and let MLflow write
    in the background with `mlflow.config.enable_async_logging()`.
    """

    class Options(RuleOptions):
        watch_frequency: int = 10
        """Report `wandb.watch` of parameters every so many steps or more often."""

    severity = Severity.INFO
    frameworks = ("torch", "tensorflow", "lightning", "pytorch_lightning")
    words = (
        ("*backward", "apply_gradients", "training_step", "validation_step", "loss_scaler", "watch"),
        ("add_*", "log*", "wandb", "mlflow", "summary"),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_REINFORCEMENT,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.wandb.ai/support/models/articles/how-do-i-log-gradients-and-model-weights-with-wandb-watch",
        "https://mlflow.org/docs/latest/python_api/mlflow.config.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "logging gradient histograms in every step can significantly slow training",
            "https://docs.wandb.ai/support/models/articles/how-do-i-log-gradients-and-model-weights-with-wandb-watch",
        ),
        Evidence(
            Grade.REASONED,
            "copies from the device, waits for it and compression on the CPU in each step, not measured",
            "reasoning",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        names = outline.calls
        return any(_HEAVY.search(each) for each in names) or not names.isdisjoint(_NAMES)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        groups: dict[cst.CSTNode, list[_Record]] = {}
        for record in _records(facts):
            groups.setdefault(record.beat.node, []).append(record)
        for records in groups.values():
            first = next((each for each in records if each.heavy), records[0])
            loop = ((first.beat.node, "runs for every batch"),) if first.beat.facts is facts else ()
            others = [each for each in records if each is not first]
            yield self.finding(
                first.node,
                f"{first.what} {first.beat.pace.value}",
                help=first.remedy,
                related=(*loop, *((each.node, "and here") for each in others[:4])),
                confidence=Confidence.HIGH if first.beat.facts is facts else Confidence.MEDIUM,
            )

    @on_call("wandb.watch")
    def watch(self, call: Call, facts: Facts) -> Findings:
        every = call.argument("log_freq", 3)
        what = call.argument("log", 2)
        frequent = every.written and isinstance(every.constant, int) and every.constant <= self.options.watch_frequency
        if not frequent or what.constant is None or not what.known:
            return
        yield self.finding(
            call.node,
            f"wandb.watch takes histograms of all parameters every {every.constant} steps",
            help="leave log_freq at its default of 1000, or log nothing with log=None",
        )

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter()
            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    writer.add_scalar("loss", loss, step)
                    for name, weight in model.named_parameters():
                        writer.add_histogram(name, weight, step)  # bad
            """
        ),
        Bad(
            """
            import torch
            import wandb
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    output = model(x.cuda())
                    loss = nn.functional.mse_loss(output, y.cuda())
                    loss.backward()
                    optimizer.step()
                    wandb.log({"loss": loss, "output": wandb.Image(output[0])})  # bad
            """
        ),
        Bad(
            """
            import mlflow
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())

            def train_epoch(loader):
                for step, (x, y) in enumerate(loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    mlflow.log_metric("loss", loss.item())  # bad
                    mlflow.log_metric("step", step)

            for epoch in range(20):
                train_epoch(train_loader)
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter()
            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    for name, weight in model.named_parameters():
                        if "bias" not in name:
                            writer.add_scalar(f"norm/{name}", weight.grad.norm(), step)  # bad
                    optimizer.step()
            """
        ),
        Bad(
            """
            import lightning as L
            import pytorch_lightning as pl

            class Segmenter(L.LightningModule):
                def training_step(self, batch, batch_idx):
                    loss = self.loss(batch)
                    self.logger.experiment.add_images("inputs", batch[0], self.global_step)  # bad
                    return loss
            """
        ),
        Bad(
            """
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            optimizer = tf.keras.optimizers.Adam()
            for epoch in range(20):
                for images, labels in train_dataset:
                    with tf.GradientTape() as tape:
                        loss = criterion(labels, model(images, training=True))
                    gradients = tape.gradient(loss, model.trainable_variables)
                    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
                    tf.summary.image("images", images, step=optimizer.iterations)  # bad
            """
        ),
        Bad(
            """
            import torch
            import wandb

            wandb.watch(model, log="all", log_freq=1)  # bad
            """
        ),
        Good(
            """
            import torch
            from torch import nn
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter()
            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    if step % 100 == 0:
                        for name, weight in model.named_parameters():
                            writer.add_histogram(name, weight, step)
            """,
            why="every hundredth step",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter()
            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for x, y in train_loader:
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                for name, weight in model.named_parameters():
                    writer.add_histogram(name, weight, epoch)
            """,
            why="once per epoch",
        ),
        Good(
            """
            import torch
            import wandb
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    wandb.log({"loss": loss.item(), "step": step})
            """,
            why="a scalar costs little, and is sent in the background",
        ),
        Good(
            """
            import lightning as L

            class Segmenter(L.LightningModule):
                def training_step(self, batch, batch_idx):
                    loss = self.loss(batch)
                    self.log("loss", loss)
                    if batch_idx == 0:
                        self.logger.experiment.add_images("inputs", batch[0], self.global_step)
                    return loss
            """,
            why="the first batch only",
        ),
        Good(
            """
            import mlflow
            import torch
            from torch import nn

            mlflow.config.enable_async_logging()
            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    mlflow.log_metric("loss", loss.item())
            """,
            why="metrics are written in the background",
        ),
        Good(
            """
            import torch
            import wandb

            wandb.watch(model, log="all")
            wandb.watch(other, log=None, log_freq=1)
            """,
            why="every thousandth step, and nothing",
        ),
        Good(
            """
            import torch
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter()
            model.eval()
            with torch.no_grad():
                for step, images in enumerate(test_loader):
                    writer.add_images("restored", model(images.cuda()), step)
            """,
            why="showing the results is what this program is for",
        ),
    )


@dataclass(frozen=True)
class _Record:
    """One record written for every batch."""

    node: cst.CSTNode
    what: str
    remedy: str
    beat: Beat
    heavy: bool


def _records(facts: Facts) -> Iterator[_Record]:
    """The costly records that this file writes for every batch, in source order."""
    from greenlint import Calls, Pace, Rhythm, Tree

    tree, rhythm = facts[Tree], facts[Rhythm]
    background = _ASYNCHRONOUS.search(facts.document.text) is not None
    for call in sorted(facts[Calls].all, key=lambda each: tree.first(each.node)):
        named = _named(call, facts)
        remote = _REMOTE.search(call.name or "") is not None
        if named is None or (background and remote):
            continue
        around = _over_parameters(call, facts)
        beat = rhythm.of(around if around is not None else call.node)
        if beat is None or (beat.pace is Pace.VALIDATION and not _is_trained(facts, beat)):
            continue
        yield _Record(_whole(call, facts), *named, beat, not remote)


def _named(call: Call, facts: Facts) -> tuple[str, str] | None:
    """What a call records and what to do about it; ``None`` when it records nothing costly."""
    every = "log it every hundredth step, or once per epoch"
    if _HEAVY.search(call.method) and call.receiver is not None and _is_logger(call):
        return f"`{call.method}` is called", every
    name = call.name or ""
    if name.startswith("wandb.") and call.method in _WANDB:
        return f"a `wandb.{call.method}` is made", every
    if name in _SUMMARIES and "record_if" not in facts.document.text:
        return f"a summary {call.method} is written", every
    if _REMOTE.search(name):
        return (
            f"`mlflow.{call.method}` waits for its store",
            "log the mean of many steps, or switch mlflow.config.enable_async_logging() on",
        )
    if call.method in _RECORDS and _is_logger(call) and _over_parameters(call, facts) is not None:
        return "one record is written per parameter", every
    return None


def _is_logger(call: Call) -> bool:
    """Whether a call is one of a logger: by what it is called on, or because only loggers have such a method."""
    from greenlint import Kind, Values, dotted

    if call.receiver is None:
        return False
    if call.method.startswith("add_"):
        return call.facts[Values].of(call.receiver).kind in (None, Kind.SUMMARY_WRITER)
    return _LOGGER.search(dotted(call.receiver) or "") is not None


def _over_parameters(call: Call, facts: Facts) -> cst.CSTNode | None:
    """The loop over the parameters or layers of a model in which a call stands."""
    from greenlint import Tree, cst

    for loop in facts[Tree].loops_around(call.node):
        if isinstance(loop, cst.For) and _PARAMETERS.search(facts.document.source(loop.iter)):
            return loop
    return None


def _whole(call: Call, facts: Facts) -> cst.CSTNode:
    """The call of the logger around what is logged: ``wandb.log`` around ``wandb.Image``."""
    from greenlint import Tree, cst

    outer: cst.CSTNode = call.node
    for above in facts[Tree].ancestors(call.node):
        if isinstance(above, (cst.BaseStatement, cst.BaseSmallStatement)):
            break
        if isinstance(above, cst.Call):
            outer = above
    return outer


def _is_trained(facts: Facts, beat: Beat) -> bool:
    """Whether an evaluation belongs to a training: showing results may be all that another program is for."""
    from greenlint import Loops, cst

    return isinstance(beat.node, cst.FunctionDef) or bool(facts[Loops].steps)
