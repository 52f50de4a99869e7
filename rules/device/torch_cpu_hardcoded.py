"""PyTorch training pinned to the CPU by a literal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Fix, Outline, Step, cst


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
                fix=self._fix(node, facts),
            )
            return

    def _fix(self, node: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import cst, replace_node, spelled

        written = _literal_of(node, facts)
        if written is None or not isinstance(node, cst.Assign) or not _decides_alone(node, written, facts):
            return None
        torch = spelled(facts.document, "torch")
        if torch is None or not _runs_anywhere(facts):
            return None
        imported, name = torch
        chosen = f'"cuda" if {name}.cuda.is_available() else {written.value}'
        edits = (*imported, *replace_node(facts.document, written, chosen))
        reason = "changes rounding and random numbers; what is saved on a GPU is loaded with map_location elsewhere"
        return self.unsafe_fix("use a GPU where there is one", *edits, reason=reason)

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
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision.models import resnet18

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
                loss.backward()
                optimizer.step()
            """,
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
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision.models import resnet18

            DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

            def train(model, loader, optimizer):
                for images, labels in loader:
                    loss = nn.functional.cross_entropy(model(images.to(DEVICE)), labels.to(DEVICE))
                    loss.backward()
                    optimizer.step()

            model = resnet18().to(DEVICE)
            train(model, loader, torch.optim.SGD(model.parameters(), lr=0.1))
            """,
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
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            device = torch.device("cpu")  # bad
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(device)), labels)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            device = torch.device("cpu")  # bad
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                output = model(images.to(device))
                nn.functional.cross_entropy(output, labels.to(device)).backward()
                optimizer.step()
                print(accuracy_score(labels, output.argmax(1).numpy()))
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            device = torch.device("cpu")  # bad
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                images, labels = images.to(device), labels.to(device)
                noise = torch.randn(len(images), 3, 224, 224)
                nn.functional.cross_entropy(model(images + noise), labels).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet18

            class Photos(torch.utils.data.Dataset):
                def __getitem__(self, at):
                    return read(self.paths[at]).to(device), self.labels[at].to(device)

            device = torch.device("cpu")  # bad
            model = resnet18().to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in torch.utils.data.DataLoader(Photos(), num_workers=4):
                images, labels = images.to(device), labels.to(device)
                nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from networks import build
            from torchvision.models import resnet18

            device = torch.device("cpu")  # bad
            model = nn.Sequential(build(), resnet18()).to(device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images.to(device)), labels.to(device))
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


# -- the fix ---------------------------------------------------------------------------------------------------

_CARES = re.compile(
    r"autocast|GradScaler|DataParallel|init_process_group|Generator\(|mps|xpu|\bxm\b|\bray\b|VISIBLE_DEVICES"
)
"""Words of code that has to be adapted to its device by hand."""


def _literal_of(node: cst.CSTNode, facts: Facts) -> cst.SimpleString | None:
    """The `"cpu"` in `device = "cpu"` and `device = torch.device("cpu")`."""
    from greenlint import Calls, cst

    value = node.value if isinstance(node, cst.Assign) else None
    if isinstance(value, cst.Call) and len(value.args) == 1 and facts[Calls].of(value).name == "torch.device":
        value = value.args[0].value
    return value if isinstance(value, cst.SimpleString) and value.evaluated_value == "cpu" else None


def _decides_alone(node: cst.Assign, written: cst.SimpleString, facts: Facts) -> bool:
    """Whether the one assignment says where all is put, with no comment that may say why."""
    from greenlint import Imports, Tree, cst, is_remarked

    tree = facts[Tree]
    target = node.targets[0].target
    if len(node.targets) != 1 or not isinstance(target, cst.Name) or is_remarked(facts.document, node):
        return False
    if tree.enclosing(node, cst.If, cst.Try) is not None:
        return False
    for each in tree.of_type(cst.SimpleString):
        if each is not written and each.evaluated_value == "cpu" and not _maps_weights(each, facts):
            return False
    # Whoever imports the device may count on the CPU.
    word = re.compile(rf"\b{target.value}\b")
    return not any(word.search(facts.sources.read(path) or "") for path in facts[Imports].importing())


def _maps_weights(node: cst.SimpleString, facts: Facts) -> bool:
    """`map_location="cpu"`."""
    from greenlint import Tree, cst

    arg = facts[Tree].enclosing(node, cst.Arg)
    if arg is not None and arg.keyword is None:
        call = facts[Tree].parent(arg)
        arg = facts[Tree].enclosing(call, cst.Arg) if call is not None else None
    return arg is not None and arg.keyword is not None and arg.keyword.value == "map_location"


def _runs_anywhere(facts: Facts) -> bool:
    """Whether all networks and batches follow the device, and nothing else counts on the CPU."""
    from greenlint import Calls, Device, Models, Portability, Transfers, Tree, cst

    portability, tree = facts[Portability], facts[Tree]
    if _CARES.search(facts.document.text) or not portability.certain or not portability.moves_batches:
        return False
    moved: set[str] = set()
    for move in facts[Transfers].all:
        if move.target is not Device.HOST or _in_worker(move.call.node, facts):
            return False
        moved.add(facts.document.source(move.source))
    for call in facts[Calls].all:
        network = facts[Models].network(call)
        if (
            network is not None
            and tree.enclosing(call.node, cst.ClassDef) is None
            and not _follows(network, moved, facts)
        ):
            return False
    return True


def _in_worker(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a loader's worker runs it, which must not use a GPU."""
    from greenlint import Tree, cst

    for above in facts[Tree].ancestors(node):
        if isinstance(above, cst.FunctionDef) and ("collate" in above.name.value or above.name.value == "__getitem__"):
            return True
        if isinstance(above, cst.ClassDef) and any("Dataset" in facts.document.source(each) for each in above.bases):
            return True
    return False


def _follows(network: cst.BaseExpression, moved: set[str], facts: Facts) -> bool:
    from greenlint import Device, Values

    return facts.document.source(network) in moved or facts[Values].of(network).device is Device.HOST
