"""PyTorch training that names no device at all, and so runs on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Layers, Outline, Step, cst


class ModelNeverPlacedOnAccelerator(Rule):
    """A file builds a network of some size, trains it, and never says where it should live.

    PyTorch then trains on the CPU. An accelerator in the machine stands idle, draws power all the same, and would do
    the work several times faster for less energy.

    The finding stands at the training loop.

    Leave it for tiny models and for machines without an accelerator (`hardware = "cpu"` in the configuration).

    To fix it, move model and batches to `torch.accelerator.current_accelerator()` (torch 2.6), or to
    `"cuda" if torch.cuda.is_available() else "cpu"`.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("backward",),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.ON_CPU,
        Premise.OWN_STEP,
        Premise.REAL_DATA,
        Premise.CPU_NOT_INTENDED,
        Premise.NOT_REINFORCEMENT,
    )
    references = ("https://doi.org/10.1007/978-3-031-23220-6_8",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "training on GPU nodes beat all other node types in run time and energy",
            "https://doi.org/10.1007/978-3-031-23220-6_8",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment, Loops

        steps = facts[Loops].steps
        if not steps:
            return
        idle = facts[Environment].accelerators
        machine = f"; this machine has {', '.join(idle)}" if idle else ""
        for step in steps:
            if _mentions_devices(facts) or facts[Contexts].dead(step.backward.node) or not _built_here(step, facts):
                continue
            yield self.finding(
                step.place,
                f"this training runs on the CPU: neither model nor batches are placed on an accelerator{machine}",
                help='move model and batches to "cuda" if torch.cuda.is_available() else "cpu"',
                notes=("pays off if an accelerator is available; tiny models may be slower on one",),
            )

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            model = resnet18()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:  # bad
                loss = nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(3, 64, 3)
                    self.head = nn.Linear(64, 10)

                def forward(self, x):
                    return self.head(self.conv(x).mean((2, 3)))

            net = Net()
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for epoch in range(50):
                for images, labels in loader:  # bad
                    loss = nn.functional.cross_entropy(net(images), labels)
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForSequenceClassification

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
            optimizer = torch.optim.AdamW(model.parameters())
            for batch in loader:  # bad
                loss = model(**batch).loss
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
                loss.backward()
                optimizer.step()
            """,
            why="placed",
        ),
        Good(
            """
            import torch
            from torch import nn

            def train(model, loader, optimizer):
                for x, y in loader:
                    loss = nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
            """,
            why="library code: the caller places the model",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            why="a tiny model is better off on the CPU",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            torch.set_default_device("cuda")
            model = resnet18()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
            """,
            why="a default device is set",
        ),
        Good(
            """
            import torch
            from accelerate import Accelerator
            from torch import nn
            from torchvision.models import resnet18

            accelerator = Accelerator()
            model = resnet18()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images), labels)
                accelerator.backward(loss)
                optimizer.step()
            """,
            why="accelerate places everything",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import datasets
            from torchvision.models import resnet18

            data = datasets.MNIST("data")
            model = resnet18()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in torch.utils.data.DataLoader(data):
                loss = nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
            """,
            why="toy data",
        ),
    )


def _mentions_devices(facts: Facts) -> bool:
    """Whether the file says anything about devices, even the CPU."""
    from greenlint import Calls

    for call in facts[Calls].methods("to", "cuda", "device", "set_default_device", "set_default_tensor_type"):
        if call.method != "to" or call.positional or call.keyword("device") is not None:
            return True
    return any(call.keyword("device") is not None for call in facts[Calls].all)


def _built_here(step: Step, facts: Facts) -> bool:
    """Whether a network of some size that the step runs is built in this file."""
    from greenlint import Calls, Loops, Models, Values

    for region in facts[Loops].regions(step):
        models, values = region.facts[Models], region.facts[Values]
        for call in region.facts[Calls].within(region.body):
            network = models.network(call)
            if network is None:
                continue
            layers: Layers | None = models.layers(network)
            made = values.of(network).call
            sizeable = layers is not None and (layers.heavy is True or layers.conv or layers.attention)
            if sizeable and made is not None and made.facts is facts:
                return True
    return False
