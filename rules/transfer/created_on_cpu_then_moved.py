"""Tensors made on the host and copied to the accelerator, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenlint import Call, Edit, Extent, Facts, Findings, Fix, Made, Move, Outline, Report, Spot, cst


class CreatedOnCpuThenMoved(Rule):
    """A training step or forward pass makes a tensor on the host from shapes and numbers, then copies it over.

    `torch.zeros(n).to(device)` fills host memory, copies it through pageable memory and makes the program wait for
    the copy. With `device=device` the accelerator fills its own memory in one small kernel and nothing waits.

    The finding stands at the first large tensor of a loop or function, or else at the first; further ones are related
    places. Only code that runs in each step, forward pass or evaluation batch is reported, not what is built once. A
    few numbers for each sample are an info, and a single number is not reported unless an inner loop copies it.
    Python lists and data have to be copied anyway and are not meant.

    Leave it where random numbers must be the same on every device: the generators of CPU and accelerator differ.

    To fix it, give the factory `device=`, or make a tensor that never changes once, before the loop or as a buffer.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (
        ("to", "cuda", "xpu", "npu", "mps"),
        (
            "*zeros*",
            "*ones*",
            "*empty*",
            "*full*",
            "eye",
            "arange",
            "*space",
            "*rand*",
            "normal",
            "*ensor",
            "from_numpy",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.NO_TOY_SET,
    )
    references = ("https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to create tensors directly on the target device",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.moves_factory

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Factories, Frameworks

        if facts[Factories].default_moved:
            return
        frameworks = facts[Frameworks]
        places = [each for each in _places(facts) if frameworks.gpu_intent is not False or each.reaches_device]
        for group in _grouped(places):
            yield self._report(group, facts, certain=frameworks.gpu_intent is True)

    def _report(self, group: Sequence[_Place], facts: Facts, *, certain: bool) -> Report:
        from greenlint import Heat

        first, *others = sorted(group, key=lambda each: each.is_small)
        return self.finding(
            first.call.node,
            f"{_what(first.made)} is made on the host and copied to the device {first.spot.heat.value}",
            help=_remedy(first.made),
            notes=("saves 1-3 % of a step (estimate), more in loops over tokens or time steps",),
            related=tuple((each.call.node, "made on the host and copied here too") for each in others[:5]),
            fix=self._fix(group, facts),
            severity=Severity.INFO if first.is_small or first.spot.heat is Heat.EVALUATION else None,
            confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
        )

    def _fix(self, group: Sequence[_Place], facts: Facts) -> Fix | None:
        edits: list[Edit] = []
        for each in group:
            made = _edits(each, facts)
            if made is None:
                return None
            edits.extend(made)
        title = "make it on the device"
        if any(each.made.random for each in group):
            return self.unsafe_fix(title, *edits, reason="CPU and accelerator generators give different random numbers")
        return self.safe_fix(title, *edits)

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    device = x.device
                    state = torch.zeros(x.size(0), 512).to(device)  # bad
                    return self.cell(x, state)
            """,
            fixed="""
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    device = x.device
                    state = torch.zeros(x.size(0), 512, device=device)
                    return self.cell(x, state)
            """,
        ),
        Bad(
            """
            import torch

            for real in loader:
                noise = torch.randn(real.size(0), 100, 1, 1).cuda()  # bad
                label = torch.ones(real.size(0)).cuda()
                loss = criterion(discriminator(generator(noise)), label)
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            for real in loader:
                noise = torch.randn(real.size(0), 100, 1, 1, device="cuda")
                label = torch.ones(real.size(0), device="cuda")
                loss = criterion(discriminator(generator(noise)), label)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import numpy as np
            import torch
            from torch.autograd import Variable

            cuda = torch.cuda.is_available()
            Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
            for images, _ in loader:
                valid = Variable(Tensor(images.size(0), 1).fill_(1.0))
                z = Variable(Tensor(np.random.normal(0, 1, (images.size(0), 100))))  # bad
                loss = criterion(discriminator(generator(z)), valid)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def mask(self, n):
                    upper = torch.triu(torch.ones(n, n), diagonal=1)
                    return upper.masked_fill(upper == 1, float("-inf"))

                def forward(self, x):
                    mask = self.mask(x.size(1)).to(x.device)  # bad
                    return self.encoder(x, mask)
            """
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                loss = 0
                for name, weight in model.named_parameters():
                    margin = torch.tensor(0.5).cuda()  # bad
                    loss = loss + torch.relu(weight.abs() - margin).sum()
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            for source, target in loader:
                labels = torch.zeros(len(source)).cuda()  # bad
                loss = criterion(domain(model(source.cuda())), labels)
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            for source, target in loader:
                labels = torch.zeros(len(source), device="cuda")
                loss = criterion(domain(model(source.cuda())), labels)
                loss.backward()
                optimizer.step()
            """,
        ),
        Good(
            """
            import torch

            for x, y in loader:
                total = torch.zeros(1).cuda()
                for head in heads:
                    total += criterion(head(model(x.cuda())), y.cuda())
                total.backward()
                optimizer.step()
            """,
            why="a single number",
        ),
        Good(
            """
            import torch

            for real in loader:
                noise = torch.randn(real.size(0), 100, 1, 1, device="cuda")
                loss = criterion(discriminator(generator(noise)))
                loss.backward()
                optimizer.step()
            """,
            why="made on the device",
        ),
        Good(
            """
            import torch

            weights = torch.ones(10).cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda(), weights)
                loss.backward()
                optimizer.step()
            """,
            why="one small copy before the loop costs nothing",
        ),
        Good(
            """
            import torch

            for rows, labels in loader:
                y = torch.tensor([names.index(each) for each in labels]).cuda()
                loss = criterion(model(rows.cuda()), y)
                loss.backward()
                optimizer.step()
            """,
            why="a Python list has to be copied anyway",
        ),
        Good(
            """
            import torch

            for rows, labels in loader:
                mask = torch.zeros(len(rows), 64)
                for i, row in enumerate(rows):
                    mask[i, : len(row)] = 1
                loss = criterion(model(rows.cuda(), mask.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="filled element by element, which is cheaper on the host",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self, device):
                    super().__init__()
                    self.steps = torch.arange(1000).to(device)

                def forward(self, x):
                    if self.mask is None or self.mask.size(0) != x.size(0):
                        self.mask = torch.ones(x.size(0)).to(x.device)
                    return self.encoder(x, self.mask)
            """,
            why="built once, and kept",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Rotary(nn.Module):
                def _build(self, x):
                    if self.cosines is not None and len(x) <= len(self.cosines):
                        return
                    angles = torch.arange(0, 64, 2).to(x.device)
                    self.cosines = torch.outer(torch.arange(len(x), device=x.device), angles).cos()

                def forward(self, x):
                    self._build(x)
                    return x * self.cosines[: len(x)]
            """,
            why="it returns early where a table has been kept",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                start = torch.zeros(x.size(0), 1).to("cpu")
                loss = criterion(model(x, start), y)
                loss.backward()
                optimizer.step()
            """,
            why="it stays on the host",
        ),
        Good(
            """
            import torch

            torch.set_default_device("cuda")
            for x, y in loader:
                start = torch.zeros(x.size(0), 1).to("cuda")
                loss = criterion(model(x, start), y)
                loss.backward()
                optimizer.step()
            """,
            why="factories make their tensors on the default device",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    state = torch.zeros_like(x).to(x.device)
                    return self.cell(x, state.type_as(x))
            """,
            why="a tensor like another one is made where that one lies",
        ),
    )


@dataclass(frozen=True)
class _Place:
    """One tensor made on the host and moved in hot code."""

    call: Call
    move: Move | None
    """``None`` where a CUDA tensor type copies what it is given."""
    made: Made
    spot: Spot
    is_small: bool = False
    """Whether it holds a few numbers, or so many for each sample."""

    @property
    def reaches_device(self) -> bool:
        """Whether the code itself says that it goes to an accelerator, or to where another tensor is."""
        from greenlint import Device

        return self.move is None or self.move.target is Device.ACCELERATOR or _follows(self.move)


def _places(facts: Facts) -> Iterator[_Place]:
    from greenlint import Device, Extent, Factories, Hot, Transfers, Tree

    found: list[tuple[Call, Move | None, Made]] = []
    for move in facts[Transfers].all:
        if move.target is Device.HOST or move.call.name is not None:
            continue
        made = facts[Factories].made(move.source)
        if made is not None:
            found.append((move.call, move, made))
    found.extend((call, None, made) for call, made in _typed(facts))
    for call, maybe, made in sorted(found, key=lambda each: facts[Tree].first(each[0].node)):
        spot = facts[Hot].of(call.node)
        if spot is None:
            continue
        extent = _extent(call, maybe, made, spot, facts)
        if extent is not Extent.ONE:
            yield _Place(call, maybe, made, spot, is_small=extent is Extent.FEW)


def _extent(call: Call, move: Move | None, made: Made, spot: Spot, facts: Facts) -> Extent:
    """How much is copied in each pass; what an inner loop copies again and again is never little."""
    from greenlint import Extent, Extents, Tree

    if move is None or any(loop is not spot.body for loop in facts[Tree].loops_around(call.node)[:1]):
        return Extent.MANY
    return facts[Extents].of(made, move.source)


def _follows(move: Move) -> bool:
    from greenlint import Names, cst

    device = move.device
    if isinstance(device, cst.Name):
        bindings = move.call.facts[Names].reaching(device)
        device = bindings[0].value if len(bindings) == 1 and not bindings[0].path else None
    if not isinstance(device, cst.Attribute) or device.attr.value != "device":
        return False
    return not (isinstance(device.value, cst.Name) and device.value.value in ("self", "args", "config", "cfg", "opt"))


def _typed(facts: Facts) -> Iterator[tuple[Call, Made]]:
    """What `torch.cuda.FloatTensor(...)` copies from NumPy."""
    from greenlint import Calls, Factories

    factories = facts[Factories]
    if "cuda" not in facts.document.text:
        return
    for call in facts[Calls].all:
        if not call.positional or not factories.placed_by_type(call):
            continue
        made = factories.made(call.positional[0])
        if made is not None:
            yield call, made


def _grouped(places: Sequence[_Place]) -> Iterator[list[_Place]]:
    groups: dict[object, list[_Place]] = {}
    for each in places:
        groups.setdefault(each.spot.body, []).append(each)
    yield from groups.values()


def _what(made: Made) -> str:
    if made.constant:
        return "a tensor that never changes"
    return "a random tensor" if made.random else "a tensor"


def _remedy(made: Made) -> str:
    if made.constant:
        return "make it once, before the loop or as a buffer"
    name = made.call.name or ""
    if name.startswith("numpy.") or name.endswith("Tensor"):
        return "make it with a factory such as torch.zeros, passing device= to it"
    return "pass device= to the factory"


def _edits(place: _Place, facts: Facts) -> tuple[Edit, ...] | None:
    from greenlint import Edit, Span, set_argument

    if place.move is None or not place.made.plain or place.made.call.facts is not facts:
        return None
    text = _device_text(place.move, facts)
    source = place.move.source
    if text is None or source.lpar:
        return None
    added = set_argument(facts.document, place.made.call.node, "device", text)
    if added is None:
        return None
    span = facts.document.span
    return (*added, Edit(Span(span(source).end, span(place.call.node).end), ""))


def _device_text(move: Move, facts: Facts) -> str | None:
    """How the device is written, where the move does nothing else than move."""
    if move.casts or any(arg.star for arg in move.call.node.args):
        return None
    others = [arg for arg in move.call.node.args if arg.value is not move.device]
    if any(arg.keyword is None or arg.keyword.value != "non_blocking" for arg in others):
        return None
    if move.device is None:
        return f'"{move.call.method}"'
    return facts.document.source(move.device)
