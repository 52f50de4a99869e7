"""Networks that are not trained, but run with gradients."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Outline, Step, Turn, cst


class FrozenForwardWithGrad(Rule):
    """A network that the step does not train runs with autograd on, and the backward pass goes through it.

    A teacher, a target network, a feature extractor, or the generator while the discriminator is trained: its
    activations are kept and gradients computed for all its weights and layers, and nobody uses them.

    The finding stands at the first such forward pass of the step.

    Leave it where gradients must flow through the network to something before it that is trained.

    To fix it, call the network under `torch.no_grad()`, or `detach()` its output; where its input is always the same,
    once before the loop.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("*backward",), ("step",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.REAL_DATA,
    )
    references = ("https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "the activations and the whole backward pass of the network are saved; nobody has measured the energy",
            "how autograd works",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls and "step" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops, Tree

        said: set[cst.CSTNode] = set()
        for step in facts[Loops].steps:
            if facts[Contexts].dead(step.backward.node):
                continue
            found = [each for each in _wasted(step) if each.facts is facts and each.node not in said]
            if not found:
                continue
            said.update(each.node for each in found)
            first, *rest = sorted(found, key=lambda call: facts[Tree].first(call.node))
            yield self.finding(
                first.node,
                f"`{_name(first)}` is not trained here, but runs with gradients and is differentiated in every step",
                help=_help(first, step),
                related=[(each.node, f"the same for `{_name(each)}`") for each in rest],
                fix=self._fix([first, *rest], facts),
            )

    def _fix(self, calls: list[Call], facts: Facts) -> Fix | None:
        """Put the statements under ``no_grad``, where nothing else in them needs gradients."""
        from greenlint import Names, Tree, spelled, wrap

        torch = spelled(facts.document, "torch")
        if torch is None or torch[0] or not all(_is_alone(each, facts) for each in calls):
            return None
        if not facts[Names].lookup(torch[1].partition(".")[0], calls[0].node):
            return None
        header = f"with {torch[1]}.no_grad():"
        statements = list(dict.fromkeys(facts[Tree].statement(each.node) for each in calls))
        together = wrap(facts.document, statements, header)
        apart = [wrap(facts.document, [each], header) for each in statements] if together is None else [together]
        edits = [edit for each in apart if each is not None for edit in each]
        if any(each is None for each in apart):
            return None
        return self.unsafe_fix(
            f"put it under {torch[1]}.no_grad()",
            *edits,
            reason="changes rounding of LSTM and Transformer layers, and the network gets no gradients to look at",
        )

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT")
            student = models.resnet18()
            optimizer = torch.optim.Adam(student.parameters())
            for x, y in loader:
                soft = teacher(x)  # bad
                loss = nn.functional.kl_div(student(x).log_softmax(1), soft.softmax(1))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT")
            student = models.resnet18()
            optimizer = torch.optim.Adam(student.parameters())
            for x, y in loader:
                with torch.no_grad():
                    soft = teacher(x)
                loss = nn.functional.kl_div(student(x).log_softmax(1), soft.softmax(1))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            backbone = models.resnet50(weights="DEFAULT").eval()
            head = nn.Linear(1000, 5)
            optimizer = torch.optim.Adam(head.parameters())
            for x, y in loader:
                features = backbone(x)  # bad
                loss = nn.functional.cross_entropy(head(features), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision import models

            backbone = models.resnet50(weights="DEFAULT").eval()
            head = nn.Linear(1000, 5)
            optimizer = torch.optim.Adam(head.parameters())
            for x, y in loader:
                with torch.no_grad():
                    features = backbone(x)
                loss = nn.functional.cross_entropy(head(features), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Generator(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.main = nn.Sequential(nn.ConvTranspose2d(100, 512, 4), nn.ConvTranspose2d(512, 3, 4, 2, 1))

                def forward(self, z):
                    return self.main(z)

            class Critic(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.main = nn.Sequential(nn.Conv2d(3, 512, 4, 2, 1), nn.Conv2d(512, 1, 4))

                def forward(self, x):
                    return self.main(x)

            G, D = Generator().cuda(), Critic().cuda()
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for real in loader:
                d_opt.zero_grad()
                fake = G(torch.randn(64, 100, 1, 1))  # bad
                (D(fake).mean() - D(real).mean()).backward()
                d_opt.step()

                g_opt.zero_grad()
                (-D(G(torch.randn(64, 100, 1, 1))).mean()).backward()
                g_opt.step()
            """,
            fixed="""
            import torch
            from torch import nn

            class Generator(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.main = nn.Sequential(nn.ConvTranspose2d(100, 512, 4), nn.ConvTranspose2d(512, 3, 4, 2, 1))

                def forward(self, z):
                    return self.main(z)

            class Critic(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.main = nn.Sequential(nn.Conv2d(3, 512, 4, 2, 1), nn.Conv2d(512, 1, 4))

                def forward(self, x):
                    return self.main(x)

            G, D = Generator().cuda(), Critic().cuda()
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for real in loader:
                d_opt.zero_grad()
                with torch.no_grad():
                    fake = G(torch.randn(64, 100, 1, 1))
                (D(fake).mean() - D(real).mean()).backward()
                d_opt.step()

                g_opt.zero_grad()
                (-D(G(torch.randn(64, 100, 1, 1))).mean()).backward()
                g_opt.step()
            """,
        ),
        Bad(
            """
            import torch
            from torchvision import models

            vgg = models.vgg19(weights="DEFAULT").features.eval()
            image = content.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([image], lr=0.01)
            for step in range(2000):
                wanted = vgg(content)  # bad
                loss = (vgg(image) - wanted).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torchvision import models

            vgg = models.vgg19(weights="DEFAULT").features.eval()
            image = content.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([image], lr=0.01)
            for step in range(2000):
                with torch.no_grad():
                    wanted = vgg(content)
                loss = (vgg(image) - wanted).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT")
            student = models.resnet18()
            optimizer = torch.optim.Adam(student.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(student(x), teacher(x))  # bad
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT")
            student, weight = models.resnet18(), nn.Parameter(torch.ones(1000))
            optimizer = torch.optim.Adam([*student.parameters(), weight])
            for x, y in loader:
                soft = teacher(x) * weight  # bad
                loss = nn.functional.mse_loss(student(x), soft)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT")
            student = models.resnet18()
            optimizer = torch.optim.Adam(student.parameters())
            for x, y in loader:
                with torch.no_grad():
                    soft = teacher(x)
                loss = nn.functional.kl_div(student(x).log_softmax(1), soft.softmax(1))
                loss.backward()
                optimizer.step()
            """,
            why="no gradients",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT").requires_grad_(False)
            student = models.resnet18()
            optimizer = torch.optim.Adam(student.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(student(x), teacher(x))
                loss.backward()
                optimizer.step()
            """,
            why="frozen weights and plain data: autograd has nothing to record",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            teacher = models.resnet50(weights="DEFAULT")
            student = models.resnet18()
            optimizer = torch.optim.Adam(student.parameters())
            for x, y in loader:
                soft = teacher(x)
                loss = nn.functional.mse_loss(student(x), soft.detach())
                loss.backward()
                optimizer.step()
            """,
            why="the graph is cut",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            vgg = models.vgg19(weights="DEFAULT").features
            net = models.segmentation.fcn_resnet50()
            optimizer = torch.optim.Adam(net.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(vgg(net(x)), y)
                loss.backward()
                optimizer.step()
            """,
            why="gradients must flow through the loss network to the one that is trained",
        ),
        Good(
            """
            import torch
            from torch import nn

            G, D = nn.ConvTranspose2d(100, 512, 4), nn.Conv2d(512, 1, 4)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for real in loader:
                fake = G(torch.randn(64, 100, 1, 1))
                d_opt.zero_grad()
                (D(fake).mean() - D(real).mean()).backward(retain_graph=True)
                d_opt.step()
                g_opt.zero_grad()
                (-D(fake).mean()).backward()
                g_opt.step()
            """,
            why="the generator's own step goes back through the same samples",
        ),
        Good(
            """
            import torch
            from torch import nn

            G, D = nn.ConvTranspose2d(100, 512, 4), nn.Conv2d(512, 1, 4)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for real in loader:
                d_opt.zero_grad()
                fake = G(torch.randn(64, 100, 1, 1)).detach()
                (D(fake).mean() - D(real).mean()).backward()
                d_opt.step()
                g_opt.zero_grad()
                (-D(G(torch.randn(64, 100, 1, 1))).mean()).backward()
                g_opt.step()
            """,
            why="detached before the discriminator",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            encoder, decoder = models.resnet50(), nn.Linear(1000, 10)
            first, second = torch.optim.Adam(encoder.parameters()), torch.optim.Adam(decoder.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(decoder(encoder(x)), y)
                loss.backward()
                first.step()
                second.step()
            """,
            why="one backward pass for two optimisers",
        ),
        Good(
            """
            import torch
            from torch import nn
            from trainers import make_optimizer
            from torchvision import models

            encoder, decoder = models.resnet50(), nn.Linear(1000, 10)
            optimizer = make_optimizer(encoder, decoder)
            for x, y in loader:
                loss = nn.functional.mse_loss(decoder(encoder(x)), y)
                loss.backward()
                optimizer.step()
            """,
            why="it is not known what is trained",
        ),
    )


def _wasted(step: Step) -> list[Call]:
    """The forward passes of a step through which a backward pass goes without need."""
    from greenlint import Graphs, Optimizers

    turns = step.facts[Optimizers].turns_of(step)
    if not turns or any(turn.trained is None for turn in turns):
        return []
    found: dict[Call, None] = {}
    for turn in turns:
        for backward in turn.backwards:
            for forward in backward.facts[Graphs].differentiated(backward):
                if _is_wasted(forward, turn, turns):
                    found[forward] = None
    return list(found)


def _is_wasted(forward: Call, turn: Turn, turns: list[Turn]) -> bool:
    from greenlint import ContextKind, Contexts, Identities, Models, Optimizers

    facts = forward.facts
    network = facts[Models].network(forward)
    identity = facts[Identities].of(network) if network is not None else None
    if network is None or identity is None or turn.trains(identity) is not False:
        return False
    if facts[Optimizers].frozen(identity) is not False or not _is_heavy(network, facts):
        return False
    if facts[Contexts].active(forward.node, ContextKind.NO_GRAD) is not False or _takes_gradients(forward, turn):
        return False
    for other in turns:
        if other.trains(identity) is not False and not _is_other_step(forward, turn, other):
            return False
    return _is_made_here(network, facts) or any(other.trains(identity) for other in turns)


def _is_other_step(forward: Call, turn: Turn, other: Turn) -> bool:
    """Whether the network is trained in another turn, which takes neither this pass nor its gradients."""
    from greenlint import Graphs, Optimizers

    if not other.backwards or any(forward in each.facts[Graphs].differentiated(each) for each in other.backwards):
        return False
    return turn.region.facts[Optimizers].discards(turn, other)


def _takes_gradients(forward: Call, turn: Turn) -> bool:
    """Whether something before the network is trained, so that gradients must flow through it."""
    from greenlint import Graphs, Identities, Tree, cst

    facts = forward.facts
    for arg in forward.node.args:
        if facts[Graphs].behind(arg.value):
            return True
        for name in facts[Tree].below(arg.value, cst.Name):
            identity = facts[Identities].of(name)
            if identity is not None and turn.trains(identity):
                return True
            if re.search(rf"\b{name.value}\.requires_grad|\b{name.value} = .*requires_grad", facts.document.text):
                return True
    return False


def _is_alone(forward: Call, facts: Facts) -> bool:
    """Whether a statement only stores what the network gives, or a part of it, in a variable."""
    from greenlint import Tree, cst

    statement = facts[Tree].statement(forward.node)
    if not isinstance(statement, cst.Assign):
        return False
    value: cst.CSTNode = statement.value
    while value is not forward.node:
        if isinstance(value, cst.Call) and not value.args:
            value = value.func
        elif isinstance(value, (cst.Attribute, cst.Subscript)):
            value = value.value
        else:
            return False
    if any(facts[Tree].below(statement.value, cst.NamedExpr)):
        return False
    targets = [each.target for each in statement.targets]
    return all(isinstance(each, (cst.Name, cst.Tuple)) for each in targets)


def _is_heavy(network: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Frameworks, Models

    layers = facts[Models].layers(network)
    if layers is None or layers.heavy is False:
        return False
    return layers.heavy is True or not facts[Frameworks].reinforcement_learning


def _is_made_here(network: cst.BaseExpression, facts: Facts) -> bool:
    """Whether the construction of a network is seen, so that no other optimiser can have its weights unseen."""
    from greenlint import Identities, Optimizers, cst

    identity = facts[Identities].of(network)
    if identity is None or identity.facts is None or not isinstance(identity.root, cst.Call):
        return False
    # An optimiser that no turn steps may still be stepped elsewhere.
    for optimizer in (*facts[Optimizers].all, *identity.facts[Optimizers].all):
        if optimizer.trained is None:
            return False
        holds = facts[Identities].holds
        if any(holds(each.identity, identity) or holds(identity, each.identity) for each in optimizer.trained):
            return False
    return True


def _name(forward: Call) -> str:
    from greenlint import Models

    network = forward.facts[Models].network(forward)
    return forward.facts.document.source(network) if network is not None else forward.method


def _help(forward: Call, step: Step) -> str:
    from greenlint import Invariance, Tree

    loop = step.loop
    same = (
        loop is not None
        and step.loop_facts is forward.facts
        and forward.facts[Tree].contains(loop, forward.node)
        and all(forward.facts[Invariance].holds(arg.value, loop) for arg in forward.node.args)
    )
    if same:
        return "its input never changes: call it once before the loop, under torch.no_grad()"
    return "call it under torch.no_grad(), or detach() its output"
