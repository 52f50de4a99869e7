"""Gradients filled with zeros instead of being dropped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Outline, cst


class ZeroGradKeepsBuffers(Rule):
    """Gradients are filled with zeros before each backward pass, instead of being set to `None`.

    Zeros must be written to memory and then read and added to; with `None` the backward pass simply writes. The
    buffers also stay allocated during the forward pass. Since PyTorch 2.0 `zero_grad()` drops gradients by itself.

    The finding stands at the call that writes zeros.

    Leave it where code reads `p.grad` between clearing and backward, where a CUDA graph holds the buffers, or where an
    optimiser treats a zero gradient differently from none (weight decay and momentum are then skipped).

    To fix it, call `optimizer.zero_grad()`, with `set_to_none=True` before PyTorch 2.0.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("torch",)
    words = (("zero_grad", "zero_"), ("*backward",))
    premises = (Premise.NOT_A_TEST, Premise.REAL_DATA)
    references = ("https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch: setting gradients to None has a lower memory footprint and can modestly improve performance",
            "https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"zero_grad", "zero_"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Loops

        for call in facts[Calls].methods("zero_grad", "zero_"):
            if not facts[Loops].runs_each_step(call.node) or facts[Contexts].dead(call.node):
                continue
            if not _writes_zeros(call, facts) or _reads_gradients(call, facts):
                continue
            yield self.finding(
                call.node,
                "gradients are overwritten with zeros in every training step",
                help=_help(call, facts),
                fix=self._fix(call, facts),
            )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Drop gradients, where no line reads one that may then be missing."""
        from greenlint import Environment, Tree, is_remarked, remove_argument, set_argument

        if call.method != "zero_grad" or _GRADIENT.search(facts.document.text):
            return None
        if is_remarked(facts.document, facts[Tree].statement(call.node)):
            return None
        if facts[Environment].at_least("torch", "2.0") is not False:
            title, edits = "leave set_to_none out", remove_argument(facts.document, call.node, "set_to_none", 0)
        elif facts[Environment].at_least("torch", "1.7") is True:
            title = "pass set_to_none=True"
            edits = set_argument(facts.document, call.node, "set_to_none", "True", 0)
        else:
            return None
        if edits is None:
            return None
        return self.unsafe_fix(title, *edits, reason="weights without a gradient get no weight decay and no momentum")

    examples = (
        Bad(
            """
            import torch

            for x, y in loader:
                optimizer.zero_grad(set_to_none=False)  # bad
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch

            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                optimizer.zero_grad(False)  # bad
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
                for p in model.parameters():
                    p.grad.zero_()  # bad
            """
        ),
        Bad(
            """
            import torch

            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                optimizer.zero_grad()  # bad
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                optimizer.zero_grad(set_to_none=True)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            files={"requirements.txt": "torch==1.13.1"},
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                optimizer.zero_grad(set_to_none=False)  # bad
                criterion(model(x), y).backward()
                for p in model.parameters():
                    p.grad.clamp_(-1, 1)
                optimizer.step()
            """
        ),
        Good(
            """
            import torch

            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="gradients are dropped by default since PyTorch 2.0",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                optimizer.zero_grad(set_to_none=True)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="gradients are dropped",
        ),
        Good(
            """
            import torch

            def train(keep):
                for x, y in loader:
                    optimizer.zero_grad(set_to_none=keep)
                    criterion(model(x), y).backward()
                    optimizer.step()
            """,
            why="it is not known what is passed",
        ),
        Good(
            """
            import torch

            optimizer.zero_grad(set_to_none=False)
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="once, before training",
        ),
        Good(
            """
            import torch

            w = torch.zeros(3, requires_grad=True)
            for x, y in loader:
                ((x @ w - y) ** 2).mean().backward()
                with torch.no_grad():
                    w -= 0.1 * w.grad
                    w.grad.zero_()
            """,
            why="a few numbers, updated by hand",
        ),
        Good(
            """
            import torch

            graph = torch.cuda.CUDAGraph()
            for x, y in loader:
                optimizer.zero_grad(set_to_none=False)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="a captured graph holds the buffers",
        ),
    )


_GRADIENT = re.compile(r"\.grad\b|[\"']grad[\"']")


def _writes_zeros(call: Call, facts: Facts) -> bool:
    from greenlint import Environment, Kind, Values, cst

    if call.method == "zero_":
        return _is_gradient_of_each(call, facts)
    given = call.argument("set_to_none", 0)
    if given.written:
        return given.constant is False
    if not given.absent or not isinstance(call.receiver, (cst.Name, cst.Attribute)):
        return False
    is_optimizer = facts[Values].of(call.receiver).kind is Kind.OPTIMIZER
    return is_optimizer and facts[Environment].at_least("torch", "2.0") is False


def _is_gradient_of_each(call: Call, facts: Facts) -> bool:
    """``p.grad.zero_()`` for each parameter of a network; a single tensor is not worth a word."""
    from greenlint import Tree, cst

    node = call.receiver
    if isinstance(node, cst.Attribute) and node.attr.value == "data":
        node = node.value
    if not isinstance(node, cst.Attribute) or node.attr.value != "grad":
        return False
    around = facts[Tree].loops_around(call.node)
    return bool(around) and isinstance(around[0], cst.For) and "parameters(" in facts.document.source(around[0].iter)


def _reads_gradients(call: Call, facts: Facts) -> bool:
    """Whether something in the file may rely on buffers that stay where they are."""
    return any(
        word in facts.document.text for word in ("CUDAGraph", "make_graphed_callables", "gradient_as_bucket_view")
    )


def _help(call: Call, facts: Facts) -> str:
    from greenlint import Environment

    old = facts[Environment].at_least("torch", "2.0") is False
    arguments = "set_to_none=True" if old else ""
    if call.method == "zero_":
        return f"call optimizer.zero_grad({arguments}) instead of this loop"
    return f"call {facts.document.source(call.node.func)}({arguments})"
