"""Metrics that compute a value for each batch that nobody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, Spot, cst


class MetricForwardForUpdate(Rule):
    """A torchmetrics metric is called for each batch, and the value that the call computes is not used.

    `metric(preds, target)` updates the state and also computes the metric of the batch alone: metrics that depend on
    all data at once update twice, the others merge two states. `metric.update(...)` only updates. The difference is
    large for metrics that are costly to compute, such as average precision, FID or ROUGE, and small for accuracy.

    The finding stands at the first such call of the loop or hook.

    Leave it in Lightning where `self.log` shows the metric at each step: it takes the value from the call.

    To fix it, call `metric.update(...)` for each batch and `metric.compute()` once at the end.
    """

    severity = Severity.INFO
    frameworks = ("torchmetrics",)
    words = (("torchmetrics",),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://lightning.ai/docs/torchmetrics/stable/pages/overview.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "torchmetrics: update() is the method to use where the value of the batch is not needed, because it does "
            "not compute it",
            "https://lightning.ai/docs/torchmetrics/stable/pages/quickstart.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "torchmetrics" in outline.roots

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Tree

        found: dict[cst.CSTNode, list[Call]] = {}
        spots: dict[cst.CSTNode, Spot] = {}
        for call, spot in _unused(facts):
            found.setdefault(spot.body, []).append(call)
            spots[spot.body] = spot
        for body, calls in found.items():
            first, *rest = sorted(calls, key=lambda call: facts[Tree].first(call.node))
            name = facts.document.source(first.node.func)
            yield self.finding(
                first.node,
                f"`{name}` computes its value {spots[body].heat.value}, and nothing reads it",
                help=f"call {name}.update(...) here and {name}.compute() once at the end",
                related=[(call.node, "and here") for call in rest],
            )

    examples = (
        Bad(
            """
            import torch
            import torchmetrics

            metric = torchmetrics.AveragePrecision(task="binary").to("cuda")
            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                metric(model(x), y)  # bad
            print(metric.compute())
            """
        ),
        Bad(
            """
            import lightning.pytorch as pl
            from torchmetrics.classification import MulticlassF1Score

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.f1 = MulticlassF1Score(num_classes=5)

                def validation_step(self, batch, index):
                    x, y = batch
                    self.f1(self.net(x), y)  # bad

                def on_validation_epoch_end(self):
                    print(self.f1.compute())
                    self.f1.reset()
            """
        ),
        Bad(
            """
            import torch
            from torchmetrics import MetricCollection
            from torchmetrics.detection import MeanAveragePrecision

            scores = MetricCollection([MeanAveragePrecision()])
            net = torch.nn.Conv2d(3, 6, 3)
            net.eval()
            with torch.no_grad():
                for images, targets in loader:
                    scores(net(images), targets)  # bad
            print(scores.compute())
            """
        ),
        Good(
            """
            import torch
            import torchmetrics

            metric = torchmetrics.Accuracy(task="binary")
            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                metric.update(model(x), y)
            """,
            why="only updates",
        ),
        Good(
            """
            import torch
            import torchmetrics

            metric = torchmetrics.Accuracy(task="binary")
            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                accuracy = metric(model(x), y)
                bar.set_postfix(accuracy=accuracy)
            """,
            why="the value of the batch is shown",
        ),
        Good(
            """
            import lightning.pytorch as pl
            import torchmetrics

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.acc = torchmetrics.Accuracy(task="binary")

                def training_step(self, batch, index):
                    x, y = batch
                    self.acc(self.net(x), y)
                    self.log("acc", self.acc)
            """,
            why="Lightning logs the value of the batch, which it takes from the call",
        ),
        Good(
            """
            import lightning.pytorch as pl
            import torchmetrics

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.acc = torchmetrics.Accuracy(compute_on_step=False)

                def validation_step(self, batch, index):
                    x, y = batch
                    self.acc(self.net(x), y)
                    self.log("acc", self.acc)
            """,
            why="told not to compute",
        ),
        Good(
            """
            import torch
            import torchmetrics

            metric = torchmetrics.Accuracy(task="binary")
            metric(predictions, labels)
            print(metric.compute())
            """,
            why="once",
        ),
        Good(
            """
            import torch
            from torchmetrics.functional import accuracy

            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                accuracy(model(x), y, task="binary")
            """,
            why="a function, which keeps no state",
        ),
        Good(
            """
            import torch
            import torchmetrics

            metric = torchmetrics.Accuracy(task="binary")
            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                if step % 100 == 0:
                    metric(model(x), y)
            """,
            why="rarely",
        ),
    )


def _unused(facts: Facts) -> Iterator[tuple[Call, Spot]]:
    """Calls of metrics, again and again, whose value is not used."""
    from greenlint import Calls, Hot, Kind, Tree, Values, cst

    tree, values, hot = facts[Tree], facts[Values], facts[Hot]
    for call in facts[Calls].all:
        if not isinstance(call.node.func, (cst.Name, cst.Attribute)) or call.name is not None:
            continue
        if not isinstance(tree.parent(call.node), cst.Expr) or not call.node.args:
            continue
        metric = values.of(call.node.func)
        # Older releases do not compute where they are told so.
        if metric.kind is not Kind.METRIC or (metric.call is not None and metric.call.keyword("compute_on_step")):
            continue
        spot = hot.of(call.node)
        if spot is not None and not _logged_each_step(call, facts):
            yield call, spot


def _logged_each_step(call: Call, facts: Facts) -> bool:
    """Whether a trainer takes the value that the call leaves in the metric: logged there, and for each step."""
    from greenlint import Calls, Tree, cst

    function = facts[Tree].function(call.node)
    if function is None:
        return False
    name = facts.document.source(call.node.func)
    for log in facts[Calls].methods("log", "log_dict", within=function):
        if not any(name in facts.document.source(arg.value) for arg in log.node.args):
            continue
        on_step = log.argument("on_step", 4)
        if on_step.absent and function.name.value in ("validation_step", "test_step"):
            continue
        if on_step.constant is not False:
            return True
    # What is handed on whole may be read for its last value.
    return any(
        isinstance(each.value, cst.BaseExpression) and name in facts.document.source(each.value)
        for each in facts[Tree].below(function, cst.Return)
    )
