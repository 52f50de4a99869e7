"""Graphs kept for a second backward pass that never comes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, Loop, Outline, Step, cst


class RetainGraphLeftOn(Rule):
    """A backward pass keeps its graph, or builds a graph of itself, and no other one in the training step uses it.

    With `retain_graph=True` activations stay in memory until the loss is dropped, often over the next forward pass,
    so that batches must be smaller. `create_graph=True` also records the backward pass, which costs memory and time,
    and leaves a cycle between parameters and gradients.

    The finding stands at the backward call.

    Leave it where another backward pass uses the same graph: several losses, adversarial or meta learning, gradient
    penalties, second derivatives. If PyTorch complains without it, a state is carried over from the last step: then
    `detach()` that state.

    To fix it, delete the argument.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("retain_graph", "create_graph"), ("*backward",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = ("https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch: in nearly all cases setting retain_graph is not needed and can be worked around in a much more "
            "efficient way; create_graph=True may cause a memory leak",
            "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"backward", "manual_backward"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts

        if _SECOND_ORDER.search(facts.document.text):
            return
        for call in facts[Calls].methods("backward", "manual_backward"):
            name = _kept(call)
            if name is None or facts[Contexts].dead(call.node):
                continue
            loop = _only_use(call, facts)
            if loop is None:
                continue
            kept = "keeps its graph" if name == "retain_graph" else "builds a graph of itself"
            yield self.finding(
                call.node,
                f"this backward pass {kept} in every training step, and nothing uses it",
                help=f"delete {name}=True",
                notes=("if PyTorch then complains of a second backward pass, detach() the state that is carried over",),
                related=((loop.node, "the training loop"),),
                fix=self._fix(call, name, facts),
            )

    def _fix(self, call: Call, name: str, facts: Facts) -> Fix | None:
        from greenlint import Tree, is_remarked, remove_argument

        if is_remarked(facts.document, facts[Tree].statement(call.node)):
            return None
        first = _position(call)
        position = None if first is None else first + (name == "create_graph")
        edits = remove_argument(facts.document, call.node, name, position)
        if edits is None:
            return None
        if name == "create_graph":
            reason = "changes rounding, and gradients of these gradients can no longer be taken"
        else:
            reason = "a second backward pass through the same graph, should there be one elsewhere, fails"
        return self.unsafe_fix(f"leave {name} out", *edits, reason=reason)

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                optimizer.zero_grad()
                loss.backward(retain_graph=True)  # bad
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            scaler = torch.amp.GradScaler()
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                scaler.scale(loss).backward(create_graph=True)  # bad
                scaler.step(optimizer)
                scaler.update()
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            scaler = torch.amp.GradScaler()
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Trainer:
                def __init__(self):
                    self.net = nn.Linear(10, 1)
                    self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

                def step(self, x, y):
                    self.optimizer.zero_grad()
                    loss = nn.functional.mse_loss(self.net(x), y)
                    loss.backward(retain_graph=True)  # bad
                    self.optimizer.step()

                def fit(self, loader):
                    for x, y in loader:
                        self.step(x, y)
            """,
            fixed="""
            import torch
            from torch import nn

            class Trainer:
                def __init__(self):
                    self.net = nn.Linear(10, 1)
                    self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

                def step(self, x, y):
                    self.optimizer.zero_grad()
                    loss = nn.functional.mse_loss(self.net(x), y)
                    loss.backward()
                    self.optimizer.step()

                def fit(self, loader):
                    for x, y in loader:
                        self.step(x, y)
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            def critic_loss(G, D, x):
                return D(G(torch.randn(64, 10)).detach()).mean() - D(x).mean()

            def generator_loss(G, D):
                return -D(G(torch.randn(64, 10))).mean()

            G, D = nn.Linear(10, 10), nn.Linear(10, 1)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for x in loader:
                d_opt.zero_grad()
                loss = critic_loss(G, D, x)
                loss.backward(retain_graph=True)  # bad
                d_opt.step()
                g_opt.zero_grad()
                loss = generator_loss(G, D)
                loss.backward()
                g_opt.step()
            """,
            fixed="""
            import torch
            from torch import nn

            def critic_loss(G, D, x):
                return D(G(torch.randn(64, 10)).detach()).mean() - D(x).mean()

            def generator_loss(G, D):
                return -D(G(torch.randn(64, 10))).mean()

            G, D = nn.Linear(10, 10), nn.Linear(10, 1)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for x in loader:
                d_opt.zero_grad()
                loss = critic_loss(G, D, x)
                loss.backward()
                d_opt.step()
                g_opt.zero_grad()
                loss = generator_loss(G, D)
                loss.backward()
                g_opt.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                optimizer.zero_grad()
                loss.backward(  # bad
                    retain_graph=True,  # it failed without
                )
                optimizer.step()
            """,
            not_as=("comments",),
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                out = model(x)
                nn.functional.mse_loss(out, y).backward(retain_graph=True)
                out.abs().mean().backward()
                optimizer.step()
            """,
            why="two losses share the graph",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            net = models.vgg19(weights="DEFAULT").features.cuda()

            def fit(image, wanted, steps):
                optimizer = torch.optim.Adam([image])
                for step in range(steps):
                    loss = nn.functional.mse_loss(net(image), wanted)
                    optimizer.zero_grad()
                    loss.backward(retain_graph=True)
                    optimizer.step()

            fit(picture, net(style), 500)
            """,
            why="what is wanted was computed before the loop, and each pass goes back through its graph, too",
        ),
        Good(
            """
            import torch
            from torch import nn

            G, D = nn.Linear(10, 10), nn.Linear(10, 1)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for x in loader:
                fake = G(torch.randn_like(x))
                d_loss = D(fake).mean() - D(x).mean()
                d_loss.backward(retain_graph=True)
                d_opt.step()
                g_loss = -D(fake).mean()
                g_loss.backward()
                g_opt.step()
            """,
            why="the generator's update goes back through the same samples",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                grads = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
                penalty = sum((g ** 2).sum() for g in grads)
                (loss + penalty).backward(retain_graph=True)
                optimizer.step()
            """,
            why="a gradient is differentiated in the same step",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    out, self.hidden = self.rnn(x, self.hidden)
                    return out

            net = Net()
            optimizer = torch.optim.Adam(net.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(net(x), y)
                loss.backward(retain_graph=True)
                optimizer.step()
            """,
            why="a state is carried over from step to step",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 4)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                out = model(x)
                for i in range(4):
                    nn.functional.mse_loss(out[:, i], y[:, i]).backward(retain_graph=True)
                optimizer.step()
            """,
            why="the same graph each time round the inner loop",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            optimizer = torch.optim.Adam(model.parameters())

            def train(loader, keep):
                for x, y in loader:
                    loss = nn.functional.mse_loss(model(x), y)
                    loss.backward(retain_graph=keep)
                    optimizer.step()
            """,
            why="it is not known what is passed",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.GRU(10, 10)
            optimizer = torch.optim.Adam(model.parameters())
            hidden = torch.zeros(1, 1, 10)
            for x, y in loader:
                out, hidden = model(x, hidden)
                loss = nn.functional.mse_loss(out, y)
                loss.backward(retain_graph=True)
                optimizer.step()
            """,
            why="the hidden state of the last step is part of this graph",
        ),
    )


_SECOND_ORDER = re.compile(
    r"hessian|sophia|shampoo|\bmaml|\bmeta_(?:learn|loss|grad|opt|lr|train|step)|higher\.|functorch|double_?backward"
    r"|\bjvp\b|autograd\.grad\b|[\s=(]grad\(",
    re.IGNORECASE,
)
_GRADIENTS = ("backward", "manual_backward", "grad", "jacobian", "hessian", "jvp", "vjp", "backward_pass")


def _kept(call: Call) -> str | None:
    """The argument that keeps or builds a graph, when it is certainly true."""
    shift = _position(call)
    if call.argument("create_graph", shift and shift + 1).constant is True:
        return "create_graph"
    return "retain_graph" if call.argument("retain_graph", shift).constant is True else None


def _position(call: Call) -> int | None:
    """Where ``retain_graph`` stands when it is given without its name; ``create_graph`` follows it."""
    return 1 if call.method == "backward" and call.name is None else None


def _only_use(call: Call, facts: Facts) -> Loop | None:
    """The training loop in which a backward pass is the only use of its graph; ``None`` when that is not certain."""
    from greenlint import Graphs, Loops, Tree

    loops, tree = facts[Loops], facts[Tree]
    for step in loops.steps:
        if step.loop is None or not _belongs(call, step, facts):
            continue
        forwards = facts[Graphs].differentiated(call)
        others = [each for each in _gradients(step) if each.node is not call.node]
        if not forwards or not all(_is_apart(each, call, forwards, step) for each in others):
            return None
        around = tree.loops_around(call.node)
        inner = around[0] if around else None
        if inner is not None and facts[Graphs].reaches_before(call, inner):
            return None
        for each in forwards:
            here = each.facts is facts and tree.function(each.node) is tree.function(call.node)
            if (here and inner is not None and not tree.contains(inner, each.node)) or _carries(each):
                return None
        return step.loop_facts[Loops].of(step.loop)
    return None


def _belongs(call: Call, step: Step, facts: Facts) -> bool:
    from greenlint import Loops, Tree

    return any(
        region.facts is facts and facts[Tree].contains(region.body, call.node) for region in facts[Loops].regions(step)
    )


def _gradients(step: Step) -> Iterator[Call]:
    """Everything in a step that differentiates."""
    from greenlint import Calls, Loops

    for region in step.facts[Loops].regions(step):
        yield from region.facts[Calls].methods(*_GRADIENTS, within=region.body)


def _is_apart(other: Call, call: Call, forwards: frozenset[Call], step: Step) -> bool:
    """Whether another backward pass belongs to another update, and goes through none of the same forward passes."""
    from greenlint import Graphs, Optimizers

    if other.method not in ("backward", "manual_backward"):
        return False
    turns = step.facts[Optimizers].turns_of(step)
    if any({call, other} <= set(turn.backwards) for turn in turns):
        return False
    if not all(any(each in turn.backwards for turn in turns) for each in (call, other)):
        return False
    found = other.facts[Graphs].differentiated(other)
    return bool(found) and not found & forwards


def _carries(forward: Call) -> bool:
    """Whether a forward pass may use a state of the last step: its own, or one that the loop hands on."""
    from greenlint import Models, Names, Tree, Values, cst

    facts = forward.facts
    network = facts[Models].network(forward)
    owner = facts[Values].of(network).instance_of if network is not None else None
    if owner is None:
        layers = facts[Models].layers(network) if network is not None else None
        if layers is None or not (layers.names or layers.pretrained):
            return True
    elif _keeps_state(owner.node, owner.facts):
        return True
    tree, names = facts[Tree], facts[Names]
    for arg in forward.node.args:
        for name in tree.below(arg.value, cst.Name):
            for binding in names.reaching(name):
                if binding.node in tree and binding.order >= tree.first(name):
                    return True
    return False


def _keeps_state(owner: cst.CSTNode, facts: Facts) -> bool:
    """Whether a class stores something in itself after its construction."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    for target in tree.below(owner, cst.AssignTarget):
        stored = target.target
        parts = [each.value for each in stored.elements] if isinstance(stored, (cst.Tuple, cst.List)) else [stored]
        function = tree.function(target)
        if function is None or function.name.value == "__init__":
            continue
        if any(
            isinstance(each, cst.Attribute) and isinstance(each.value, cst.Name) and each.value.value == "self"
            for each in parts
        ):
            return True
    return False
