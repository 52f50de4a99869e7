"""The same value copied to the accelerator in every pass of a loop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Move, Outline, Spot, cst


class LoopInvariantTransfer(Rule):
    """A training or evaluation loop copies a value to the device that is the same in every pass.

    Class weights, masks, position tables or a whole validation set cross the bus again and again. Each copy from
    pageable memory also makes the program wait.

    The finding stands at the first such copy of a loop or forward pass; further ones are related places.

    Leave it where the tensor stays on the host on purpose, to save device memory.

    To fix it, copy once before the loop. In a module, use `register_buffer`, which moves with the module.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "jax")
    words = (("to", "cuda", "xpu", "npu", "mps", "device_put"), ("for", "while", "forward"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.NO_TOY_SET,
    )
    references = ("https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to avoid needless copies between host and device",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
        Evidence(
            Grade.REASONED,
            "each repeat costs traffic on the bus and, from pageable memory, a wait",
            "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.moves_invariant

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Frameworks

        groups: dict[object, list[_Place]] = {}
        for each in _places(facts):
            groups.setdefault(each.spot.body, []).append(each)
        for group in groups.values():
            group.sort(key=lambda each: not each.matters)
            first = group[0]
            yield self.finding(
                first.move.call.node,
                f"{first.what} {first.spot.heat.value}, though it never changes",
                help=first.remedy,
                notes=("saves 1-10 % of the loop (estimate), depending on the size of what is copied",),
                related=tuple((each.move.call.node, "copied again here too") for each in group[1:6]),
                severity=None if first.matters else Severity.INFO,
                confidence=Confidence.HIGH if facts[Frameworks].gpu_intent is True else Confidence.MEDIUM,
            )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5])
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda(), weight=weights.cuda())  # bad
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import numpy as np
            import torch

            anchors = np.load("anchors.npy")
            for images, boxes in loader:
                table = torch.from_numpy(anchors).to("cuda")  # bad
                loss = criterion(model(images.to("cuda")), boxes.to("cuda"), table)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self, size):
                    super().__init__()
                    self.positions = torch.arange(5000).float()

                def forward(self, x):
                    return self.layers(x + self.positions[: x.size(1)].to(x.device))  # bad

            net = Net(512).cuda()
            """
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            device = torch.device("cuda")
            model = resnet50()
            for images in loader:
                model.to(device)  # bad
                with torch.no_grad():
                    scores = model(images.to(device))
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5]).cuda()
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda(), weight=weights)
                loss.backward()
                optimizer.step()
            """,
            why="copied once, before the loop",
        ),
        Good(
            """
            import torch

            table = torch.zeros(1000, 64)
            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda(), table.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                table[step % 1000] = x.mean(0)
            """,
            why="its content changes in the loop",
        ),
        Good(
            """
            import torch

            data = torch.load("data.pt")
            for step in range(10_000):
                start = step * 64 % len(data)
                x = data[start : start + 64].to("cuda")
                loss = model(x).mean()
                loss.backward()
                optimizer.step()
            """,
            why="another part each time",
        ),
        Good(
            """
            import torch

            cpu_cache = torch.zeros(100_000, 1024)
            for x, y in loader:
                loss = criterion(model(x.cuda(), cpu_cache.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            not_as=("renamed",),  # the name says that the host is meant
            why="kept on the host on purpose",
        ),
        Good(
            """
            import torch

            state = torch.zeros(1, 64)
            for x, y in loader:
                state = state.to("cuda")
                loss = criterion(model(x.cuda(), state), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="nothing to do after the first pass, because the name is bound to the copy",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self, size):
                    super().__init__()
                    self.register_buffer("positions", torch.arange(5000).float())
                    self.scale = torch.tensor(2.0)

                def forward(self, x):
                    self.scale = self.scale.to(x.device)
                    return self.layers(x * self.scale + self.positions[: x.size(1)].to(x.device))

            net = Net(512).cuda()
            """,
            why="a buffer moves with its module, and the other tensor is kept once it has been moved",
        ),
        Good(
            """
            import torch

            weights = torch.tensor([0.2, 0.3, 0.5])
            for i, model in enumerate(models):
                device = f"cuda:{i}"
                for x, y in loader:
                    loss = criterion(model(x.to(device)), y.to(device))
                    loss.backward()
                    optimizer.step()
                print(weights.to(device) @ model.scores)
            """,
            why="once per model, each on its own device",
        ),
    )


@dataclass(frozen=True)
class _Place:
    """One copy of something that does not change."""

    move: Move
    spot: Spot
    what: str
    remedy: str
    matters: bool
    """Whether data crosses the bus in each step, rather than now and then or only the first time."""


def _places(facts: Facts) -> Iterator[_Place]:
    from greenlint import Device, Heat, Hot, Transfers

    for move in facts[Transfers].all:
        if move.target is Device.HOST or not _may_be_invariant(move, facts):
            continue
        spot = facts[Hot].of(move.call.node)
        if spot is None:
            continue
        place = _in_forward(move, spot, facts) if spot.heat is Heat.FORWARD else _in_loop(move, spot, facts)
        if place is not None:
            yield place


def _may_be_invariant(move: Move, facts: Facts) -> bool:
    """Whether the source is something that has a name, not just made, and not already on a device."""
    from greenlint import Device, Factories, Kind, Residence, Values

    base = _base(move.source)
    if base is None or _HOST_NAME.search(facts.document.source(base)):
        return False
    value = facts[Values].of(move.source)
    if value.device is Device.ACCELERATOR or value.kind is Kind.JAX_ARRAY or value.element:
        return False
    if facts[Factories].made(move.source) is not None:
        return False
    return _is_network(move, facts) or not facts[Residence].from_model(move.source)


def _base(node: cst.BaseExpression) -> cst.Name | cst.Attribute | None:
    """The name behind methods, subscripts and conversions: `weights` in `torch.from_numpy(weights[0]).float()`."""
    from greenlint import cst

    while True:
        if isinstance(node, cst.Subscript):
            node = node.value
        elif isinstance(node, cst.Call) and node.args and isinstance(node.func, cst.Attribute) and _is_wrapper(node):
            node = node.args[0].value
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            node = node.func.value
        else:
            return node if isinstance(node, (cst.Name, cst.Attribute)) else None


def _is_wrapper(node: cst.Call) -> bool:
    from greenlint import cst

    return isinstance(node.func, cst.Attribute) and node.func.attr.value in (
        "from_numpy",
        "tensor",
        "as_tensor",
        "FloatTensor",
        "LongTensor",
        "asarray",
        "array",
    )


def _in_loop(move: Move, spot: Spot, facts: Facts) -> _Place | None:
    from greenlint import Heat, Invariance, cst

    if not isinstance(spot.body, (cst.For, cst.While)):
        return None
    holds = facts[Invariance].holds
    if not holds(move.source, spot.body) or (move.device is not None and not holds(move.device, spot.body)):
        return None
    if _returns_to_host(move, spot.body, facts):
        return None
    if _is_network(move, facts):
        what, remedy = "a network is moved to the device again", "move it once, before the loop"
        return _Place(move, spot, what, remedy, matters=False)
    if not _on_host(move, facts):
        return None
    matters = spot.heat is not Heat.EVALUATION
    return _Place(move, spot, "a tensor is copied to the device", "copy it once, before the loop", matters=matters)


def _on_host(move: Move, facts: Facts) -> bool:
    """Whether what is copied certainly lies on the host."""
    from greenlint import Device, Kind, Values

    value = facts[Values].of(move.source)
    if value.device is Device.HOST or value.kind is Kind.ARRAY:
        return True
    return value.call is not None and value.call.name == "torch.from_numpy"


def _is_network(move: Move, facts: Facts) -> bool:
    from greenlint import Kind, Models, Tree, Values, cst

    kind = facts[Values].of(move.source).kind
    if kind in (Kind.MODULE, Kind.HF_MODEL, Kind.CRITERION):
        return True
    # Only a module can be moved without taking the result.
    unused = isinstance(facts[Tree].parent(move.call.node), cst.Expr)
    return unused and kind is None and facts[Models].is_model(move.source) is not False


def _returns_to_host(move: Move, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the loop also moves it back, as offloading does."""
    from greenlint import Calls, Device, Values

    written = facts.document.source(move.source)
    for call in facts[Calls].methods("cpu", "to", within=loop.body):
        to_host = call.method == "cpu" or facts[Values].target(call) is Device.HOST
        if to_host and call.receiver is not None and facts.document.source(call.receiver) == written:
            return True
    return False


def _in_forward(move: Move, spot: Spot, facts: Facts) -> _Place | None:
    """A tensor that a module keeps as a plain attribute, so that it does not move with the module."""
    from greenlint import Device, Kind, Names, Tree, Values, cst

    base = _base(move.source)
    if not isinstance(base, cst.Attribute) or not isinstance(base.value, cst.Name) or base.value.value != "self":
        return None
    value = facts[Values].of(base)
    if value.kind is not Kind.TENSOR or value.device is not Device.HOST:
        return None
    for binding in facts[Names].stores.get(base.attr.value, ()):
        function = facts[Tree].function(binding.node)
        if function is None or function.name.value != "__init__":
            return None
    return _Place(
        move, spot, "a tensor of the module is copied to the device", "keep it with self.register_buffer", matters=True
    )


_HOST_NAME = re.compile(r"cpu|offload|host", re.IGNORECASE)
