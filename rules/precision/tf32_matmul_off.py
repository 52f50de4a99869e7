"""TensorFloat-32 switched off for matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, cst


class Tf32MatmulOff(Rule):
    """A training or inference script keeps TensorFloat-32 off for float32 matrix products on an accelerator.

    From Ampere on, tensor cores multiply float32 matrices in TF32 several times faster than the ordinary cores do in
    full float32, with the same range and about three decimal digits. PyTorch leaves this off for matrix products.

    The finding stands at the setting. It is silent where `torch-train-without-amp` speaks of the same program: lower
    precision then matters more.

    Leave it for numerical comparisons, deterministic reproductions and sensitive mathematics, and on hardware before
    Ampere, where it has no effect.

    To fix it, call `torch.set_float32_matmul_precision("high")` at the start of the program.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("set_float32_matmul_precision", "allow_tf32", "*fp32_precision"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_SCIENCE,
        Premise.ON_ACCELERATOR,
        Premise.PRECISION_OPEN,
    )
    references = ("https://docs.pytorch.org/docs/stable/notes/cuda.html",)
    evidence = (
        Evidence(
            Grade.TIMED,
            "about seven times faster for a 10240 square product on A100, with about two fewer correct digits",
            "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        ),
        Evidence(Grade.REASONED, "no energy measurement of TF32 alone was found", "own survey, 2026"),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment, Frameworks, Loops

        frameworks, environment = facts[Frameworks], facts[Environment]
        if environment.at_least("torch", "1.12") is False:
            return
        if "deterministic" in facts.document.text or "assert_close" in facts.document.text:
            return
        if facts[Loops].steps and not frameworks.trainer_owner:
            return
        for node in _settings(facts):
            if not facts[Contexts].dead(node):
                yield self.finding(
                    node,
                    "float32 matrix products run without tensor cores",
                    help='call torch.set_float32_matmul_precision("high") instead',
                    notes=("10-40 % less energy for float32 transformers is our estimate; no effect before Ampere",),
                )

    examples = (
        Bad(
            """
            import torch
            from transformers import AutoModel

            torch.set_float32_matmul_precision("highest")  # bad
            model = AutoModel.from_pretrained("bert-base-uncased").cuda().eval()
            with torch.inference_mode():
                for batch in loader:
                    model(batch.cuda())
            """
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.matmul.allow_tf32 = False  # bad
            model = torch.nn.TransformerEncoderLayer(1024, 16).cuda()
            with torch.no_grad():
                for batch in loader:
                    model(batch.cuda())
            """
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.matmul.fp32_precision = "ieee"  # bad
            model = torch.nn.Linear(8192, 8192).to("cuda")
            for batch in loader:
                outputs.append(model(batch.to("cuda")))
            """
        ),
        Good(
            """
            import torch

            torch.set_float32_matmul_precision("high")
            model = torch.nn.Linear(8192, 8192).cuda()
            """,
            why="TF32 is on",
        ),
        Good(
            """
            import torch

            torch.backends.cuda.matmul.allow_tf32 = False
            torch.use_deterministic_algorithms(True)
            model = torch.nn.Linear(8192, 8192).cuda()
            """,
            why="a deterministic run",
        ),
        Good(
            """
            import torch

            torch.set_float32_matmul_precision("highest")
            model = torch.nn.Linear(8192, 8192).cuda()
            with torch.autocast("cuda", dtype=torch.bfloat16):
                model(x.cuda())
            """,
            why="autocast makes it moot",
        ),
        Good(
            """
            import torch

            torch.set_float32_matmul_precision("highest")
            model = torch.nn.Linear(64, 64)
            """,
            why="nothing uses an accelerator",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            torch.backends.cuda.matmul.allow_tf32 = False
            model = resnet50().cuda()
            for x, y in loader:
                nn.functional.cross_entropy(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="torch-train-without-amp speaks of this loop",
        ),
        Good(
            """
            import torch
            from gpytorch.models import ExactGP

            torch.backends.cuda.matmul.allow_tf32 = False
            model = ExactGP(x.cuda(), y.cuda(), likelihood)
            """,
            why="Gaussian processes need the digits",
        ),
    )


def _settings(facts: Facts) -> Iterator[cst.CSTNode]:
    from greenlint import Calls, Tree, Values, cst

    values = facts[Values]
    for call in facts[Calls].named("torch.set_float32_matmul_precision"):
        if call.positional and values.constant(call.positional[0]) == "highest":
            yield call.node
    for assign in facts[Tree].of_type(cst.Assign):
        written = facts.document.source(assign.targets[0].target)
        value = values.constant(assign.value)
        off = written.endswith("cuda.matmul.allow_tf32") and value is False
        if off or (written.endswith(("backends.fp32_precision", "cuda.matmul.fp32_precision")) and value == "ieee"):
            yield assign
