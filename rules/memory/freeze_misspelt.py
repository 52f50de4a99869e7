"""Parameters that stay trainable because the switch is misspelt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_node

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, cst

_MISSPELT = frozenset(
    (
        "require_grad",
        "require_grads",
        "required_grad",
        "requires_grads",
        "requires_gradient",
        "require_gradient",
        "requires_gradients",
        "requre_grad",
        "requires_gard",
        "reqires_grad",
    )
)


class FreezeMisspelt(Rule):
    """Parameters are to be frozen by an attribute that PyTorch does not know, such as `require_grad`.

    Python lets any attribute be set, so nothing complains and nothing is frozen: the backward pass computes gradients
    for all layers, activations are kept for them, and an optimizer that was given all parameters trains them.

    The finding stands at the assignment.

    Leave it where a class of your own reads the attribute.

    To fix it, write `requires_grad`, or call `module.requires_grad_(False)`. Then check the result: a network that was
    never frozen learns something else once it is.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "torchvision", "timm", "transformers", "lightning", "pytorch_lightning")
    words = (tuple(sorted(_MISSPELT)),)
    premises = (Premise.NOT_A_TEST,)
    references = ("https://docs.pytorch.org/docs/stable/notes/autograd.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "a tensor is left out of the graph only when `requires_grad` is False",
            "https://docs.pytorch.org/docs/stable/notes/autograd.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return True

    @on_node("Assign")
    def check(self, node: cst.Assign, facts: Facts) -> Findings:
        from greenlint import Contexts, Values, cst

        target = node.targets[0].target
        if not isinstance(target, cst.Attribute) or target.attr.value not in _MISSPELT:
            return
        if facts[Values].constant(node.value) is not False or not _is_parameter(target.value, facts):
            return
        if _is_own(target, facts):
            return
        if facts[Contexts].dead(node):
            return
        written = facts.document.source(target)
        correct = f"{facts.document.source(target.value)}.requires_grad"
        yield self.finding(
            target,
            f"`{written}` freezes nothing: gradients are computed for parameters that were to stay as they are",
            help=f"write `{correct} = False`",
            notes=("what was trained by mistake so far will then stay as it is",),
        )

    examples = (
        Bad(
            """
            from torchvision import models

            net = models.resnet50(weights="DEFAULT")
            for parameter in net.parameters():
                parameter.require_grad = False  # bad
            """,
        ),
        Bad(
            """
            import torch

            def freeze(model):
                for name, weight in model.named_parameters():
                    if not name.startswith("head"):
                        weight.requires_gradient = False  # bad
            """,
        ),
        Bad(
            """
            import torch

            class Tuned(torch.nn.Module):
                def __init__(self, backbone):
                    super().__init__()
                    self.backbone = backbone
                    self.backbone.embedding.weight.required_grad = False  # bad
            """,
        ),
        Good(
            """
            import torch

            for parameter in net.parameters():
                parameter.requires_grad = False
            """,
            why="spelt right",
        ),
        Good(
            """
            import torch

            class Settings:
                def __init__(self):
                    self.require_grad = True

            settings = Settings()
            settings.weight.require_grad = False
            """,
            why="an attribute of a class of the project",
        ),
        Good(
            """
            import torch

            for parameter in net.parameters():
                parameter.require_grad = flag
                parameter.require_grad = True
            """,
            why="nothing was to be frozen for certain",
        ),
        Good(
            """
            import torch

            for parameter in net.parameters():
                parameter.requires_grad = parameter.require_grad = False
            """,
            why="frozen as well",
        ),
        Good(
            """
            import torch

            table = torch.zeros(512, 64)
            table.require_grad = False
            """,
            why="a new tensor tracks no gradient anyway",
        ),
        Good(
            """
            import torch

            for value in net.parameters():
                value.require_grad = False
                if value.require_grad:
                    value.clear()
            """,
            why="the file reads the attribute, so it means something here",
        ),
    )


def _is_parameter(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression is certainly a parameter of a network; what is made by hand tracks no gradient anyway."""
    from greenlint import BindingKind, Names, Tree, cst

    if isinstance(node, cst.Attribute):
        return node.attr.value in ("weight", "bias")
    if not isinstance(node, cst.Name):
        return False
    bindings = facts[Names].reaching(node)
    return bool(bindings) and all(
        each.kind is BindingKind.LOOP
        and each.value is not None
        and any(
            isinstance(call.func, cst.Attribute) and call.func.attr.value in ("parameters", "named_parameters")
            for call in facts[Tree].below(each.value, cst.Call)
        )
        for each in bindings
    )


def _is_own(target: cst.Attribute, facts: Facts) -> bool:
    """Whether something in the file, or a class of the project, gives the attribute a meaning."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    statement = tree.statement(target)
    for other in tree.of_type(cst.Attribute):
        if other is target:
            continue
        if other.attr.value == target.attr.value and not _is_stored(other, facts):
            return True
        if other.attr.value == "requires_grad" and tree.statement(other) is statement:
            return True
    return False


def _is_stored(node: cst.Attribute, facts: Facts) -> bool:
    """Whether an attribute is only assigned, and not to an object of a class that stands here."""
    from greenlint import Tree, cst

    above = facts[Tree].parent(node)
    return isinstance(above, cst.AssignTarget) and not (isinstance(node.value, cst.Name) and node.value.value == "self")
