"""Optimizers that update one parameter after the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, Outline, cst

_XLA = re.compile(r"\btorch_xla\b|\btpu_cores\b|\bxla_device\b")
"""Words of a compiler that fuses the loop anyway."""
_BIAS = re.compile(r"\bcorrect_bias\b|\bno_deprecation_warning\b")
"""Arguments that PyTorch's AdamW does not have."""
_DEFAULTS = (("eps", 3, "1e-6"), ("weight_decay", 4, "0.0"))
"""Where the defaults of transformers differ from those of PyTorch: parameter, position, value."""
_FUSED = tuple(f"torch.optim.{name}" for name in ("Adam", "AdamW", "SGD", "Adagrad"))


class OptimizerNotFused(Rule):
    """An optimizer updates parameter by parameter: that of transformers 4, or one with `foreach=False`.

    A Python loop that launches a dozen small kernels for each parameter keeps the accelerator waiting for launches:
    a transformer has hundreds of parameters. PyTorch's own optimizers update all of them with a few kernels (`foreach`,
    the default on CUDA) or with a single one (`fused=True`).

    The finding stands at the call that makes the optimizer.

    Leave it on CPUs, and where memory is so tight that the temporary copies of `foreach` do not fit; `fused=True`
    needs none.

    To fix it, use `torch.optim.AdamW(..., fused=True)`. With `correct_bias=False` there is no equivalent. Results
    differ by rounding.
    """

    class Options(RuleOptions):
        missing: bool = False
        """Report optimizers of PyTorch without `fused=True` in training loops, too. They gain 1 to 5 % of a step."""

    severity = Severity.INFO
    frameworks = ("torch", "transformers")
    words = (("AdamW", "Adam", "SGD", "Adagrad"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.ON_ACCELERATOR,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/docs/stable/optim.html",
        "https://fastxtend.benjaminwarner.dev/optimizer.fused.html",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "the optimizer step alone is 1.2 to 2.9 times faster with foreach or fused kernels",
            "https://fastxtend.benjaminwarner.dev/optimizer.fused.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "performance of the implementations is ordered fused, then foreach, then the loop",
            "https://docs.pytorch.org/docs/stable/optim.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"AdamW", "Adam", "SGD", "Adagrad"})

    @on_call("transformers.AdamW", "transformers.optimization.AdamW")
    def check_transformers(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment

        old = facts[Environment].at_least("torch", "1.9") is False or _XLA.search(facts.glance.code.text)
        if facts[Contexts].dead(call.node) or old or call.argument("correct_bias", 5).constant is False:
            return
        yield self.finding(
            call.node,
            "this AdamW of transformers updates one parameter after the other in Python",
            help=f"use torch.optim.AdamW(..., fused=True){_decay(call)}",
            notes=("transformers deprecated it for that of PyTorch and no longer has it in current releases",),
            fix=self._of_torch(call, facts),
        )

    @on_call(*_FUSED)
    def check_loop(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        if facts[Contexts].dead(call.node) or _needs_loop(call):
            return
        foreach, fused = call.argument("foreach"), call.argument("fused")
        if foreach.written and foreach.constant is False and (fused.absent or fused.constant in (False, None)):
            yield self.finding(
                call.node,
                f"foreach=False makes this {call.method} update one parameter after the other",
                help="pass fused=True instead, or drop foreach=False",
                fix=self._by_default(call, facts),
            )

    @on_file
    def check_missing(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Environment, Loops, StepOwner

        if not self.options.missing or facts[Environment].at_least("torch", "2.0") is False:
            return
        if not any(step.owner in (StepOwner.TORCH, StepOwner.SCALER) for step in facts[Loops].steps):
            return
        for call in _plain(facts):
            yield self.finding(
                call.node,
                f"this {call.method} launches several kernels per update instead of one",
                help="pass fused=True",
                notes=("1-5 % of a step (estimate); raises for parameters that are not floating point",),
                fix=self._fused(call, facts),
            )

    def _of_torch(self, call: Call, facts: Facts) -> Fix | None:
        """PyTorch's AdamW with the defaults of that of transformers."""
        from greenlint import Environment, add_arguments, cst, import_instead, replace_node, spelled

        if facts[Environment].at_least("torch", "2.0") is False or _BIAS.search(facts.document.text):
            return None
        given = [call.argument(name, at) for name, at, _ in _DEFAULTS]
        if not all(each.absent or each.written for each in given):
            return None
        missing = {name: text for (name, _, text), each in zip(_DEFAULTS, given, strict=True) if each.absent}
        added = add_arguments(facts.document, call.node, **missing)
        if isinstance(call.node.func, cst.Name):
            imported = import_instead(facts.document, call.node.func, "torch.optim")
        else:
            torch = spelled(facts.document, "torch")
            imported = torch and (*torch[0], *replace_node(facts.document, call.node.func, f"{torch[1]}.optim.AdamW"))
        if added is None or imported is None:
            return None
        return self.unsafe_fix(
            "use the AdamW of PyTorch with the same settings",
            *imported,
            *added,
            reason="changes rounding: weights decay before the update instead of after it",
        )

    def _by_default(self, call: Call, facts: Facts) -> Fix | None:
        """What suits the device is the default; fused=True raises for some parameters and older releases."""
        from greenlint import Tree, is_remarked, remove_argument

        if not call.argument("fused").absent or is_remarked(facts.document, facts[Tree].statement(call.node)):
            return None
        edits = remove_argument(facts.document, call.node, "foreach")
        if edits is None:
            return None
        reason = "changes rounding, and the update takes memory for a copy of the weights"
        return self.unsafe_fix("leave foreach out", *edits, reason=reason)

    def _fused(self, call: Call, facts: Facts) -> Fix | None:
        """Since PyTorch 2.4 fused optimizers take weights on any device."""
        from greenlint import Environment, set_argument

        if facts[Environment].at_least("torch", "2.4") is not True or "sparse" in facts.document.text:
            return None
        edits = set_argument(facts.document, call.node, "fused", "True")
        if edits is None:
            return None
        reason = "changes rounding, and weights that are not floating point raise an error"
        return self.unsafe_fix("pass fused=True", *edits, reason=reason)

    examples = (
        Bad(
            """
            import torch
            from transformers import AdamW, AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased").cuda()
            optimizer = AdamW(model.parameters(), lr=2e-5)  # bad
            """,
            fixed="""
            import torch
            from torch.optim import AdamW
            from transformers import AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased").cuda()
            optimizer = AdamW(model.parameters(), lr=2e-5, eps=1e-6, weight_decay=0.0)
            """,
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, foreach=False)  # bad
            """,
            fixed="""
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
            """,
        ),
        Bad(
            """
            import transformers

            model = transformers.AutoModel.from_pretrained("bert-base-uncased").to("cuda")
            groups = [{"params": model.parameters(), "weight_decay": 0.01}]
            optimizer = transformers.AdamW(groups, lr=2e-5, eps=1e-8)  # bad
            """,
            fixed="""
            import torch
            import transformers

            model = transformers.AutoModel.from_pretrained("bert-base-uncased").to("cuda")
            groups = [{"params": model.parameters(), "weight_decay": 0.01}]
            optimizer = torch.optim.AdamW(groups, lr=2e-5, eps=1e-8, weight_decay=0.0)
            """,
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # bad
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            options={"missing": True},
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # bad
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            options={"missing": True},
            files={"requirements.txt": "torch==2.6.0"},
        ),
        Bad(
            """
            from transformers import AdamW, AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased").cuda()
            optimizer = AdamW(model.parameters(), lr=2e-5, no_deprecation_warning=True)  # bad
            """
        ),
        Bad(
            """
            from transformers import AdamW, AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased").cuda()
            optimizer = AdamW(model.parameters(), lr=2e-5)  # bad
            print(isinstance(optimizer, AdamW))
            """
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the default on CUDA is foreach, within a few percent of fused",
        ),
        Good(
            """
            import torch
            from torch.optim import AdamW

            optimizer = AdamW(model.cuda().parameters(), lr=1e-3, fused=True)
            """,
            why="fused",
        ),
        Good(
            """
            import torch

            optimizer = torch.optim.Adam(model.cuda().parameters(), foreach=False, differentiable=True)
            """,
            why="a differentiable optimizer has no other implementation",
        ),
        Good(
            """
            import torch

            optimizer = torch.optim.Adam(model.parameters(), foreach=False)
            """,
            why="nothing here uses an accelerator, and foreach costs time on a CPU",
        ),
        Good(
            """
            import torch

            def make(model, foreach):
                return torch.optim.Adam(model.cuda().parameters(), foreach=foreach)
            """,
            why="the caller decides",
        ),
        Good(
            """
            from transformers import AdamW, AutoModel

            model = AutoModel.from_pretrained("bert-base-uncased").cuda()
            optimizer = AdamW(model.parameters(), lr=2e-5, correct_bias=False)
            """,
            why="PyTorch has no AdamW without bias correction",
        ),
    )


def _decay(call: Call) -> str:
    """transformers decays by 0 unless told otherwise, PyTorch by 0.01."""
    return " and weight_decay=0.0, which is the default here" if call.argument("weight_decay", 4).absent else ""


def _needs_loop(call: Call) -> bool:
    """Whether an argument rules the other implementations out."""
    return any(not call.argument(name).absent for name in ("differentiable", "capturable"))


def _plain(facts: Facts) -> Iterator[Call]:
    """The optimizers that certainly are not fused, and could be."""
    from greenlint import Calls, Contexts

    for call in facts[Calls].named(*_FUSED):
        chosen = (call.argument(name) for name in ("fused", "foreach"))
        if all(each.absent for each in chosen) and not _needs_loop(call) and not facts[Contexts].dead(call.node):
            yield call
