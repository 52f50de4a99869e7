"""Convolutions in mixed precision on channels-first images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, Step, cst

_FEW = 100
_LAYOUT = re.compile(r"memory_format|channels_last|(?<!re\.)compile|\.trace\(|tensorrt|onnx")
"""Words of a choice of layout, or of a compiler that makes one."""


class ChannelsLastUnused(Rule):
    """A convolutional network trains in mixed precision with channels-first images.

    Tensor cores read images with the channels last (NHWC). From the default layout cuDNN converts in and out of that
    format around each convolution, which costs memory traffic that computes nothing.

    The finding stands at the training loop.

    Leave it for networks of many operations without a channels-last kernel, where conversions move elsewhere; measure
    once. Transformers, one- and three-dimensional convolutions gain nothing from this format.

    To fix it, call `model.to(memory_format=torch.channels_last)` once and give the images the same format when they
    are moved to the device.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("torch",)
    words = (("*backward",), ("*autocast*", "*scaler*", "*Scaler*", "half", "bfloat16", "*amp*", "*fp16*"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.ON_ACCELERATOR,
        Premise.REAL_DATA,
        Premise.CPU_NOT_INTENDED,
    )
    references = ("https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html",)
    evidence = (
        Evidence(
            Grade.TIMED,
            "ResNet-50 with AMP 22 % faster, 8 to 35 % over a list of models on Volta",
            "https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Workloads

        if _decided(facts):
            return
        for step in _mixed(facts):
            layers = facts[Workloads].layers(step)
            if layers is None or not layers.conv or layers.attention or layers.recurrent or layers.signals:
                continue
            if layers.heavy is not True or any("3d" in name.lower() for name in layers.names):
                continue
            if not facts[Contexts].dead(step.backward.node):
                yield self.finding(
                    step.place,
                    "this training step converts image layouts around each convolution",
                    help="use model.to(memory_format=torch.channels_last), and the same for the images",
                    notes=("5-25 % of a step for convolutional networks on tensor cores (estimate); measure once",),
                )

    examples = (
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:  # bad
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torchvision import models

            scaler = torch.cuda.amp.GradScaler()
            model = models.densenet121().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(90):
                for images, labels in loader:  # bad
                    with torch.cuda.amp.autocast():
                        loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                    scaler.scale(loss).backward()
                    scaler.step(optimizer)
                    scaler.update()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            net = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 256, 3), nn.Flatten()).cuda()
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

            def train(net, loader):
                for x, y in loader:  # bad
                    with torch.amp.autocast("cuda"):
                        loss = nn.functional.cross_entropy(net(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()

            train(net, loader)
            """
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda().to(memory_format=torch.channels_last)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                images = images.to("cuda", memory_format=torch.channels_last)
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    loss = torch.nn.functional.cross_entropy(model(images), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="channels last",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="in float32 the gain is small; precision comes first",
        ),
        Good(
            """
            import torch
            from torchvision.models import vit_b_16

            model = vit_b_16().cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for images, labels in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="a transformer",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = torch.compile(resnet50().cuda())
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the compiler chooses layouts",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Sequential(nn.Conv3d(1, 64, 3), nn.Conv3d(64, 256, 3), nn.Flatten()).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for volumes, labels in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    loss = nn.functional.cross_entropy(model(volumes.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="volumes have another format, with other gains",
        ),
    )


def _decided(facts: Facts) -> bool:
    """Whether a layout is chosen here or in a module around."""
    from greenlint import Imports

    imports = facts[Imports]
    if _LAYOUT.search(facts.document.text):
        return True
    around = (facts.sources.read(path) for path in (*imports.reachable(), *imports.importing()))
    return any(text is not None and _LAYOUT.search(text) for text in around)


def _mixed(facts: Facts) -> list[Step]:
    """The steps whose forward pass certainly runs in mixed precision, and often enough."""
    from greenlint import Calls, ContextKind, Contexts, Loops, Models, StepOwner

    found = []
    for step in facts[Loops].steps:
        if step.loop is None or step.owner not in (StepOwner.TORCH, StepOwner.SCALER):
            continue
        passes = step.loop_facts[Loops].of(step.loop).iterations
        forwards = (
            region.facts[Contexts].active(call.node, ContextKind.AUTOCAST)
            for region in facts[Loops].regions(step)
            for call in region.facts[Calls].within(region.body)
            if region.facts[Models].network(call) is not None
        )
        if (passes is None or passes > _FEW) and any(forwards):
            found.append(step)
    return found
