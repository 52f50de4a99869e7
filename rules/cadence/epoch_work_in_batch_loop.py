"""Checkpoints, figures and whole evaluations after every training step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Beat, Call, Definition, Facts, Findings, Outline, cst

_MODEL = re.compile(r"(?i)state_dict|model|\bnet|optim|checkpoint|ckpt|\bstate\b|encoder|decoder|weights")
_SAVING = re.compile(r"(?i)save|checkpoint|ckpt|dump")
_METHODS = frozenset(("save_pretrained", "save_checkpoint", "save_state", "save_weights"))
_VALIDATION = re.compile(r"(?i)val|test|dev(?![a-z])|eval")


class EpochWorkInBatchLoop(Rule):
    """A model is saved, a figure is written or a whole validation set is evaluated after every training step.

    Such work belongs to the end of an epoch. In the loop over batches it is repeated as often as there are batches: an
    evaluation costs many steps each time, and while a checkpoint is written the accelerator waits at idle power.

    The finding stands at the call that does the work, once per loop; others are related places.

    Leave it where steps are few and take minutes each, so that the work is small beside them.

    To fix it, move the work behind the loop over batches, or do it every N steps (`if step % 1000 == 0:`).
    """

    severity = Severity.WARNING
    frameworks = ("torch", "tensorflow", "keras", "lightning", "pytorch_lightning", "accelerate")
    words = (
        ("*backward", "apply_gradients", "apply_updates", "training_step", "loss_scaler"),
        ("*save*", "*dump*", "*eval*", "*val*", "*test*", "*checkpoint*", "*ckpt*"),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_REINFORCEMENT,
        Premise.REAL_DATA,
    )
    references = ("https://docs.pytorch.org/tutorials/recipes/distributed_async_checkpoint_recipe.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "saving a checkpoint blocks the training until the state has been copied and written",
            "https://docs.pytorch.org/tutorials/recipes/distributed_async_checkpoint_recipe.html",
        ),
        Evidence(
            Grade.REASONED, "an evaluation in the loop over batches multiplies by the steps of an epoch", "reasoning"
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        groups: dict[cst.CSTNode, list[_Work]] = {}
        for work in _works(facts):
            groups.setdefault(work.beat.node, []).append(work)
        for works in groups.values():
            first, *others = works
            loop = ((first.beat.node, "every pass of this loop is one step"),) if first.beat.facts is facts else ()
            yield self.finding(
                first.node,
                f"{first.what} in every training step",
                help="move it behind the loop over batches, or do it every N steps",
                related=(*loop, *((each.node, "this too") for each in others[:4])),
                confidence=Confidence.HIGH if first.beat.facts is facts else Confidence.MEDIUM,
            )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(_SAVING.search(each) or _VALIDATION.search(each) for each in outline.calls) or any(
            _VALIDATION.search(name) for loop in outline.loops for name in loop.iterated
        )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for x, y in train_loader:
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    torch.save(model.state_dict(), "model.pt")  # bad
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                model.eval()
                total = 0
                with torch.no_grad():
                    for x, y in loader:
                        total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    accuracy = evaluate(model, valid_loader)  # bad
            """
        ),
        Bad(
            """
            import argparse
            import torch
            from torch import nn

            parser = argparse.ArgumentParser()
            parser.add_argument("--save-every", type=int, default=1)
            args = parser.parse_args()
            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    if step % args.save_every == 0:
                        torch.save({"model": model.state_dict(), "step": step}, "last.pt")  # bad
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for x, y in train_loader:
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    model.eval()
                    with torch.no_grad():
                        for xv, yv in valid_loader:  # bad
                            total += nn.functional.mse_loss(model(xv.cuda()), yv.cuda())
                    model.train()
            """
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator()
            for epoch in range(20):
                for batch in train_loader:
                    loss = model(**batch).loss
                    accelerator.backward(loss)
                    optimizer.step()
                    accelerator.save_state("state")  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            optimizer = keras.optimizers.Adam()
            for epoch in range(20):
                for images, labels in train_dataset:
                    with tf.GradientTape() as tape:
                        loss = criterion(labels, model(images, training=True))
                    gradients = tape.gradient(loss, model.trainable_variables)
                    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
                    model.save_weights("last.weights.h5")  # bad
            """
        ),
        Bad(
            """
            import pytorch_lightning as pl
            import torch

            class Model(pl.LightningModule):
                def training_step(self, batch, batch_idx):
                    loss = self.loss(batch)
                    torch.save(self.state_dict(), f"{batch_idx}.pt")  # bad
                    return loss
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for x, y in train_loader:
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                torch.save(model.state_dict(), "model.pt")
            """,
            why="once per epoch",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    if step % 1000 == 0:
                        torch.save(model.state_dict(), "model.pt")
                    if loss < best:
                        best = loss
                        torch.save(model.state_dict(), "best.pt")
            """,
            why="every thousand steps, and when the loss is the best so far",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(2000):
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
                torch.save(model.state_dict(), "model.pt")
            """,
            why="all data at once: each pass is an epoch",
        ),
        Good(
            """
            import torch
            from torch import nn

            def evaluate(logits, labels):
                return (logits.argmax(1) == labels).float().mean()

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for x, y in train_loader:
                    logits = model(x.cuda())
                    loss = nn.functional.cross_entropy(logits, y.cuda())
                    loss.backward()
                    optimizer.step()
                    accuracy += evaluate(logits, y)
            """,
            why="a measure of this batch alone",
        ),
        Good(
            """
            import torch
            from torch import nn

            def estimate(model):
                losses = torch.zeros(20)
                for k in range(20):
                    x, y = get_batch("val")
                    losses[k] = model(x, y)
                return losses.mean()

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for step in range(100000):
                x, y = get_batch("train")
                loss = model(x, y)
                loss.backward()
                optimizer.step()
                if step % 500 == 0:
                    estimate(model)
            """,
            why="a few batches now and then",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(20):
                for step, (x, y) in enumerate(train_loader):
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    if (step + 1) % args.save_steps:
                        continue
                    torch.save(model.state_dict(), "model.pt")
            """,
            why="steps in between are skipped",
        ),
        Good(
            """
            import torch
            import torchvision
            from torch import nn

            train_loader = torch.utils.data.DataLoader(torchvision.datasets.MNIST("data"), 64)
            model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(3):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
                    torch.save(model.state_dict(), "model.pt")
            """,
            why="toy data",
        ),
    )


@dataclass(frozen=True)
class _Work:
    """Something done in each step: where, why, and in which loop."""

    node: cst.CSTNode
    what: str
    beat: Beat


def _works(facts: Facts) -> Iterator[_Work]:
    """What this file does in every training step and should not, in source order."""
    from greenlint import Calls, Loops, Pace, Rhythm, Tree, Values

    if not facts[Loops].steps and "training_step" not in facts.document.text:
        return
    tree, rhythm = facts[Tree], facts[Rhythm]
    subjects: list[tuple[cst.CSTNode, str]] = []
    for calls, doing in ((facts[Calls].like(_SAVING), _saves), (facts[Values].calls(), _evaluates)):
        subjects.extend((call.node, what) for call in calls if (what := doing(call)) is not None)
    subjects.extend(_inner_evaluations(facts))
    for node, what in sorted(subjects, key=lambda each: tree.first(each[0])):
        beat = rhythm.of(node)
        if beat is not None and beat.pace is Pace.STEP:
            yield _Work(node, what, beat)


# -- saving ------------------------------------------------------------------------------------------------------


def _saves(call: Call) -> str | None:
    """What a call saves, in words; ``None`` when it saves no model and no figure."""
    if call.name in ("torch.save", "joblib.dump", "pickle.dump"):
        first = call.positional[0] if call.positional else call.keyword("obj")
        is_model = first is not None and _MODEL.search(call.facts.document.source(first)) is not None
        return "the model is saved" if is_model else None
    if call.name in ("matplotlib.pyplot.savefig", "flax.training.checkpoints.save_checkpoint"):
        return "a figure is written" if call.method == "savefig" else "the model is saved"
    definition = _own(call)
    if definition is not None:
        # The line that saves stands in this file and speaks for itself, or in another one and cannot.
        other = definition.facts is not call.facts
        return "the model is saved" if other and _is_saved_inside(definition) else None
    return "the model is saved" if call.receiver is not None and call.method in _METHODS else None


def _own(call: Call) -> Definition | None:
    """The function of the project that a call runs."""
    from greenlint import Values, cst

    definition = call.facts[Values].callee(call.node)
    return definition if definition is not None and isinstance(definition.node, cst.FunctionDef) else None


def _is_saved_inside(definition: Definition) -> bool:
    from greenlint import Calls, Contexts, cst

    assert isinstance(definition.node, cst.FunctionDef)
    contexts, body = definition.facts[Contexts], definition.node.body
    return any(
        each.name == "torch.save" and _saves(each) is not None and not contexts.guarded(each.node, body)
        for each in definition.facts[Calls].within(body)
    )


# -- evaluating --------------------------------------------------------------------------------------------------


def _evaluates(call: Call) -> str | None:
    """What a call evaluates, in words: a function of the project with a loop over a loader."""
    from greenlint import Rhythm

    found = call.facts[Rhythm].evaluation(call)
    if found is None:
        return None
    definition, loop = found
    whole = _is_validation(call, definition.facts.document.source(loop.iter))
    return f"`{call.method}` goes through a whole data set" if whole else None


def _is_validation(call: Call, iterated: str) -> bool:
    """Whether names say that the data are for validation, rather than the batch of the step."""
    text = f"{call.facts.document.source(call.node)} {iterated}"
    return _VALIDATION.search(text) is not None


def _inner_evaluations(facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    """Loops over validation data inside a loop over batches."""
    from greenlint import Calls, LoopRole, Loops, Models, Rhythm, Tree, cst

    loops, models = facts[Loops], facts[Models]
    for node in facts[Tree].of_type(cst.For):
        if loops.enclosing(node, LoopRole.TRAINING) is None or loops.of(node).role is not LoopRole.OTHER:
            continue
        if not facts[Rhythm].is_whole(node) or not _VALIDATION.search(facts.document.source(node.iter)):
            continue
        calls = list(facts[Calls].within(node.body))
        if any(each.method in ("backward", "step") for each in calls):
            continue
        if any(models.network(each) is not None for each in calls):
            yield node, "a whole data set is evaluated"
