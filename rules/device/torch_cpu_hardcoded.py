"""PyTorch training pinned to the CPU by a literal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Outline, Step, cst


class TorchCpuHardcoded(Rule):
    """A training script places its model on a device that is literally `"cpu"`, and names no other.

    A convolutional, attention or large matrix model trains many times slower on the CPU, for much more energy, while
    an accelerator in the machine stands idle and draws power all the same.

    The finding stands where the device is written.

    Leave it for tiny models, exported or quantised CPU code, and machines without an accelerator
    (`hardware = "cpu"` in the configuration). Loading with `map_location="cpu"` or moving to the CPU for saving is
    not meant.

    To fix it, pick the device at run time: `torch.accelerator.current_accelerator()` from torch 2.6, or
    `"cuda" if torch.cuda.is_available() else "cpu"`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("backward",), ("cpu",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.ON_CPU,
        Premise.REAL_DATA,
        Premise.CPU_NOT_INTENDED,
        Premise.NOT_REINFORCEMENT,
    )
    references = ("https://doi.org/10.1007/978-3-031-23220-6_8", "https://arxiv.org/abs/2307.05520")
    evidence = (
        Evidence(
            Grade.MEASURED,
            "training on GPU nodes beat all other node types in run time and energy; an accelerator left unused is "
            "over-proportionally wasteful",
            "https://doi.org/10.1007/978-3-031-23220-6_8",
        ),
        Evidence(
            Grade.MEASURED,
            "pairing model and hardware well changes training energy by up to 80 %",
            "arXiv 2307.05520",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls and "to" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment, Loops

        steps = [step for step in facts[Loops].steps if not facts[Contexts].dead(step.backward.node)]
        if not steps or not _heavy(facts):
            return
        idle = facts[Environment].accelerators
        machine = f"; this machine has {', '.join(idle)}" if idle else ""
        for node in _placements(facts, steps[0]):
            yield self.finding(
                node,
                f"the training below runs on the CPU whatever accelerator there is{machine}",
                help='choose the device at run time: "cuda" if torch.cuda.is_available() else "cpu"',
                notes=("pays off if an accelerator is available; tiny models may be slower on one",),
                related=((steps[0].place, "the training step"),),
            )
            return

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            device = torch.device("cpu")  # bad
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            DEVICE = "cpu"  # bad

            def train(model, loader, optimizer):
                for images, labels in loader:
                    loss = nn.functional.cross_entropy(model(images.to(DEVICE)), labels.to(DEVICE))
                    loss.backward()
                    optimizer.step()

            model = resnet18().to(DEVICE)
            train(model, loader, torch.optim.SGD(model.parameters(), lr=0.1))
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            model = resnet18().to("cpu")  # bad
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images), labels)
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
            why="chosen at run time",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            model = resnet18().cuda()
            model.load_state_dict(torch.load("start.pt", map_location="cpu"))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            torch.save(model.to("cpu").state_dict(), "end.pt")
            """,
            why="the CPU is only where weights are loaded and saved",
        ),
        Good(
            """
            import torch
            from torch import nn

            device = torch.device("cpu")
            model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)).to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
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

            device = torch.device("cpu")
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
                loss.backward()
                optimizer.step()
            """,
            why="the project says that it runs on CPUs",
            settings={"hardware": "cpu"},
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet18

            device = torch.device("cpu")
            model = resnet18().to(device)
            model.eval()
            with torch.no_grad():
                print(model(image.to(device)).argmax())
            """,
            why="inference on the CPU can be as good",
        ),
        Good(
            """
            import argparse
            import torch
            from torch import nn
            from torchvision.models import resnet18

            parser = argparse.ArgumentParser()
            parser.add_argument("--device", default="cpu")
            args = parser.parse_args()
            model = resnet18().to(args.device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(args.device)), labels.to(args.device))
                loss.backward()
                optimizer.step()
            """,
            why="the default of an option is not its value",
        ),
    )


def _heavy(facts: Facts) -> bool:
    from greenlint import Calls, Loops, Models

    for step in facts[Loops].steps:
        for region in facts[Loops].regions(step):
            models = region.facts[Models]
            for call in region.facts[Calls].within(region.body):
                network = models.network(call)
                layers = models.layers(network) if network is not None else None
                if layers is not None and layers.heavy is True:
                    return True
    return False


def _placements(facts: Facts, step: Step) -> Iterator[cst.CSTNode]:
    """Where the device of a network's `.to(...)` is written, if that is certainly the CPU; around the step first."""
    from greenlint import BindingKind, Calls, Device, Models, Names, Tree, Values, cst

    values, models = facts[Values], facts[Models]
    tree = facts[Tree]
    around = tree.function(step.backward.node)
    for call in sorted(facts[Calls].methods("to"), key=lambda each: tree.function(each.node) is not around):
        if call.receiver is None or values.target(call) is not Device.HOST or not call.positional:
            continue
        if not (models.is_model(call.receiver) or values.of(call.receiver).kind in _networks()):
            continue
        device = call.positional[0]
        if isinstance(device, cst.Name):
            bindings = facts[Names].reaching(device)
            if len(bindings) == 1 and bindings[0].node in tree and bindings[0].kind is not BindingKind.PARAMETER:
                yield bindings[0].node
                continue
        yield call.node


def _networks() -> tuple[object, ...]:
    from greenlint import Kind

    return (Kind.MODULE, Kind.HF_MODEL)
