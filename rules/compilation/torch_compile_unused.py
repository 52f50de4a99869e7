"""Long training runs without a compiler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Step, cst

_COMPILES = re.compile(
    r"(?<!re\.)compile|\bjit\b|\.trace\(|tensorrt|\bonnx\b|cuda_?graph|CUDAGraph|CUDAExtension|load_inline|cpp_extension"
    r"|\bzero3\b|stage.{0,4}3|pack_padded|torch_geometric|\bdgl\b|NestedTensor|dynamic_shapes|rcnn|retinanet|\byolo",
    re.IGNORECASE,
)
"""Words of a compiler, or of what one handles badly: custom kernels, sharded parameters, changing shapes."""


class TorchCompileUnused(Rule):
    """A long training run of a large network runs eagerly, without `torch.compile`.

    Eager PyTorch reads and writes memory for each pointwise operation and launches its kernel from Python.
    `torch.compile` fuses such operations and cuts launches. Compilation itself costs energy: it pays back only after
    many steps of the same shapes, which is why this rule asks for long runs and is off by default.

    The finding stands at the training loop, or at the `TrainingArguments` call.

    Leave it for short runs, changing shapes, custom kernels and reinforcement learning; some models get no faster, and
    a few slower. Measure one epoch of each.

    To fix it, call `model = torch.compile(model)` after moving it to the device; of a network of equal blocks, compile
    the block. With Hugging Face pass `torch_compile=True`.
    """

    class Options(RuleOptions):
        epochs: int = 30
        """Report training loops of at least this many epochs."""
        steps: int = 2000
        """Report runs of at least this many steps, where they are counted in steps."""

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "transformers")
    words = (("*backward", "*TrainingArguments"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.ON_ACCELERATOR,
        Premise.REAL_DATA,
        Premise.NOT_REINFORCEMENT,
        Premise.NOT_SCIENCE,
        Premise.CPU_NOT_INTENDED,
    )
    references = (
        "https://docs.pytorch.org/tutorials/intermediate/torch_compile_tutorial.html",
        "https://huggingface.co/datasets/docs-benchmarks/compile-benchmarks",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "time 0.46 to 0.99 of eager inference over twelve vision models and three batch sizes on A100",
            "https://huggingface.co/datasets/docs-benchmarks/compile-benchmarks",
        ),
        Evidence(
            Grade.TIMED,
            "video models from 0.81 (Swin) to 1.22 (TSN, slower) of the eager time per step",
            "https://mmaction2.readthedocs.io/en/latest/notes/pytorch2.0.html",
        ),
    )

    @on_file
    def check_loop(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops, Workloads

        steps = [step for step in facts[Loops].steps if self._is_long(step, facts)]
        if not steps or _excluded(facts):
            return
        for step in steps:
            layers = facts[Workloads].layers(step)
            if layers is not None and layers.heavy is True and not facts[Contexts].dead(step.backward.node):
                yield self.finding(
                    step.place,
                    "this long training run is never compiled",
                    help="call model = torch.compile(model) after moving the model to its device",
                    notes=_NOTES,
                )

    @on_call("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
    def check_arguments(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        steps = call.argument("max_steps").constant
        if not isinstance(steps, int) or steps < self.options.steps or facts[Contexts].dead(call.node):
            return
        compiles = ("torch_compile", "torch_compile_backend", "torch_compile_mode", "deepspeed", "fsdp")
        if all(call.argument(name).absent for name in compiles) and not _excluded(facts):
            yield self.finding(
                call.node,
                f"{steps} steps run without a compiler",
                help="pass torch_compile=True",
                notes=_NOTES,
            )

    def _is_long(self, step: Step, facts: Facts) -> bool:
        from greenlint import StepOwner, Workloads

        if step.loop is None or step.owner not in (StepOwner.TORCH, StepOwner.SCALER, StepOwner.ACCELERATE):
            return False
        epochs, passes = facts[Workloads].epochs(step), facts[Workloads].passes(step)
        if passes is not None:
            return passes * (epochs or 1) >= int(self.options.steps)
        return epochs is not None and epochs >= int(self.options.epochs)

    examples = (
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(90):
                for images, labels in loader:  # bad
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained("gpt2").cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for step in range(100000):  # bad
                loss = model(**next(batches)).loss
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments("out", max_steps=50000, bf16=True)  # bad
            Trainer(model, args, train_dataset=data).train()
            """
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = torch.compile(resnet50().cuda())
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(90):
                for images, labels in loader:
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="compiled",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(3):
                for images, labels in loader:
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="a short run may not pay for its compilation",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2)).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(500):
                for x, y in loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="a small network trains in minutes",
        ),
        Good(
            """
            from transformers import Trainer, TrainingArguments

            args = TrainingArguments("out", max_steps=50000, torch_compile=True)
            Trainer(model, args, train_dataset=data).train()
            """,
            why="compiled by the trainer",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(epochs):
                for images, labels in loader:
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="how long it runs is not known",
        ),
    )


_NOTES = (
    "-10 to +40 % of the energy per step (estimate); compilation must be paid back: measure one epoch of each",
    "needs torch 2.0, works best from compute capability 7.0 on",
)


def _excluded(facts: Facts) -> bool:
    """Whether a compiler is in use around, or something that one handles badly, or PyTorch is too old."""
    from greenlint import Environment, Imports

    if facts[Environment].at_least("torch", "2.0") is False or _COMPILES.search(facts.document.text):
        return True
    imports = facts[Imports]
    around = (facts.sources.read(path) for path in (*imports.reachable(), *imports.importing()))
    return any(text is not None and _COMPILES.search(text) for text in around)
