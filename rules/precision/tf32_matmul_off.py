"""TensorFloat-32 switched off for matrix products."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Fix, cst


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
        if _EXACT.search(facts.document.text):
            return
        if facts[Loops].steps and not frameworks.trainer_owner:
            return
        for node in _settings(facts):
            if not facts[Contexts].dead(node) and not facts[Contexts].hands_over(node):
                yield self.finding(
                    node,
                    "float32 matrix products run without tensor cores",
                    help='call torch.set_float32_matmul_precision("high") instead',
                    notes=("10-40 % less energy for float32 transformers is our estimate; no effect before Ampere",),
                    fix=self._fix(node, facts),
                )

    def _fix(self, node: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import replace_node

        written = _value_of(node)
        # Several places are an island of full precision, or one decision taken in several ways.
        if written is None or len(_SETTING.findall(facts.document.text)) != 1 or not _is_plain(node, facts):
            return None
        edits = replace_node(facts.document, written, _instead(written))
        return self.unsafe_fix("multiply in TensorFloat-32", *edits, reason="changes rounding")

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
            """,
            fixed="""
            import torch
            from transformers import AutoModel

            torch.set_float32_matmul_precision("high")
            model = AutoModel.from_pretrained("bert-base-uncased").cuda().eval()
            with torch.inference_mode():
                for batch in loader:
                    model(batch.cuda())
            """,
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.matmul.allow_tf32 = False  # bad
            model = torch.nn.TransformerEncoderLayer(1024, 16).cuda()
            with torch.no_grad():
                for batch in loader:
                    model(batch.cuda())
            """,
            fixed="""
            import torch

            torch.backends.cuda.matmul.allow_tf32 = True
            model = torch.nn.TransformerEncoderLayer(1024, 16).cuda()
            with torch.no_grad():
                for batch in loader:
                    model(batch.cuda())
            """,
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.matmul.fp32_precision = "ieee"  # bad
            model = torch.nn.Linear(8192, 8192).to("cuda")
            for batch in loader:
                outputs.append(model(batch.to("cuda")))
            """,
            fixed="""
            import torch

            torch.backends.cuda.matmul.fp32_precision = "tf32"
            model = torch.nn.Linear(8192, 8192).to("cuda")
            for batch in loader:
                outputs.append(model(batch.to("cuda")))
            """,
        ),
        Bad(
            """
            import torch

            torch.backends.cuda.matmul.allow_tf32 = False  # bad
            torch.backends.cudnn.allow_tf32 = False
            model = torch.nn.TransformerEncoderLayer(1024, 16).cuda()
            with torch.no_grad():
                for batch in loader:
                    model(batch.cuda())
            """
        ),
        Bad(
            """
            import torch

            model = torch.nn.Linear(8192, 8192).to("cuda")
            before = torch.get_float32_matmul_precision()
            for batch in loader:
                torch.set_float32_matmul_precision("highest")  # bad
                outputs.append(model(batch.to("cuda")))
                torch.set_float32_matmul_precision(before)
            """
        ),
        Bad(
            """
            import sys

            import torch

            if "--exact" in sys.argv:
                torch.set_float32_matmul_precision("highest")  # bad
            model = torch.nn.Linear(8192, 8192).to("cuda")
            for batch in loader:
                outputs.append(model(batch.to("cuda")))
            """
        ),
        Good(
            """
            import warnings
            import torch

            def settle():
                torch.backends.cuda.matmul.allow_tf32 = False
                warnings.warn("TensorFloat-32 is off: results may not be reproducible with it")
            """,
            why="for results that come out the same again",
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
            import contextlib
            import torch

            @contextlib.contextmanager
            def full_float32():
                before = torch.backends.cuda.matmul.allow_tf32
                torch.backends.cuda.matmul.allow_tf32 = False
                yield
                torch.backends.cuda.matmul.allow_tf32 = before
            """,
            why="for a few lines only",
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


# -- the fix ---------------------------------------------------------------------------------------------------

_EXACT = re.compile(r"deterministic|reproducib|assert_close", re.IGNORECASE)
"""What needs the same results again, on any device."""
_SETTING = re.compile(r"float32_matmul_precision|allow_tf32|fp32_precision|allow_fp16_reduced|allow_bf16_reduced")


def _value_of(node: cst.CSTNode) -> cst.SimpleString | cst.Name | None:
    """The literal that a setting is given."""
    from greenlint import cst

    value: cst.BaseExpression | None = None
    if isinstance(node, cst.Assign) and len(node.targets) == 1:
        value = node.value
    elif isinstance(node, cst.Call) and len(node.args) == 1:
        value = node.args[0].value
    if isinstance(value, cst.Name):
        return value if value.value == "False" else None
    return value if isinstance(value, cst.SimpleString) else None


def _instead(written: cst.SimpleString | cst.Name) -> str:
    from greenlint import cst

    if isinstance(written, cst.Name):
        return "True"
    return written.value.replace("highest", "high").replace("ieee", "tf32")


def _is_plain(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether no condition decides on a setting and no comment may say why it is made."""
    from greenlint import Tree, cst, is_remarked

    if is_remarked(facts.document, node):
        return False
    above = facts[Tree].enclosing(node, cst.If, cst.Try, cst.For, cst.While, cst.With)
    return above is None or (isinstance(above, cst.If) and "__name__" in facts.document.source(above.test))
