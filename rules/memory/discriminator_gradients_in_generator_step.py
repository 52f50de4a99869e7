"""Weight gradients of the discriminator, computed for an update of the generator and thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Outline, Turn, cst


class DiscriminatorGradientsInGeneratorStep(Rule):
    """The generator's update also computes gradients for all weights of the discriminator, which are thrown away.

    Gradients must flow through the discriminator to the generator, but not into its weights. About half of the
    discriminator's backward pass goes into weight gradients that `zero_grad()` then clears.

    The finding stands at the generator's backward call.

    Leave it for small networks, and under distributed wrappers that do not allow weights to be frozen between steps.

    To fix it, call `discriminator.requires_grad_(False)` before the generator's loss and `requires_grad_(True)` after
    its update.
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
            "of the two parts of a layer's backward pass, gradients of its input and of its weights, one is not needed",
            "how autograd works",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls and "step" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops, Optimizers

        for step in facts[Loops].steps:
            if facts[Contexts].dead(step.backward.node):
                continue
            turns = facts[Optimizers].turns_of(step)
            if len(turns) < 2 or any(turn.trained is None for turn in turns):
                continue
            for turn in turns:
                forward = _through(turn, turns)
                if forward is None or turn.region.facts is not facts:
                    continue
                name = _name(forward)
                yield self.finding(
                    turn.backwards[-1].node,
                    f"this update also computes gradients for all weights of `{name}`, which are thrown away",
                    help=f"call {name}.requires_grad_(False) before this loss, requires_grad_(True) after the update",
                    related=((forward.node, "gradients only need to flow through here"),)
                    if forward.facts is facts
                    else (),
                )
                break

    examples = (
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
                fake = G(torch.randn(64, 100, 1, 1))
                d_opt.zero_grad()
                (D(fake.detach()).mean() - D(real).mean()).backward()
                d_opt.step()

                g_opt.zero_grad()
                loss = -D(fake).mean()
                loss.backward()  # bad
                g_opt.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Trainer:
                def __init__(self):
                    self.netG = nn.Sequential(nn.ConvTranspose2d(100, 512, 4), nn.ConvTranspose2d(512, 3, 4)).cuda()
                    self.netD = nn.Sequential(nn.Conv2d(3, 512, 4), nn.Conv2d(512, 1, 4)).cuda()
                    self.opt_g = torch.optim.Adam(self.netG.parameters())
                    self.opt_d = torch.optim.Adam(self.netD.parameters())

                def train(self, loader):
                    for real in loader:
                        self.netD.zero_grad()
                        fake = self.netG(torch.randn(64, 100, 1, 1))
                        d_loss = self.netD(fake.detach()).mean() - self.netD(real).mean()
                        d_loss.backward()
                        self.opt_d.step()
                        self.netG.zero_grad()
                        g_loss = -self.netD(fake).mean()
                        g_loss.backward()  # bad
                        self.opt_g.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            def train(generator, discriminator, loader):
                opt_g = torch.optim.Adam(generator.parameters())
                opt_d = torch.optim.Adam(discriminator.parameters())
                for real in loader:
                    opt_g.zero_grad()
                    fake = generator(torch.randn(64, 100, 1, 1))
                    (-discriminator(fake).mean()).backward()  # bad
                    opt_g.step()

                    opt_d.zero_grad()
                    (discriminator(fake.detach()).mean() - discriminator(real).mean()).backward()
                    opt_d.step()

            train(
                nn.Sequential(nn.ConvTranspose2d(100, 512, 4), nn.ConvTranspose2d(512, 3, 4)),
                nn.Sequential(nn.Conv2d(3, 512, 4), nn.Conv2d(512, 1, 4)),
                loader,
            )
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            G, D = nn.ConvTranspose2d(100, 512, 4), nn.Conv2d(512, 1, 4)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for real in loader:
                fake = G(torch.randn(64, 100, 1, 1))
                D.requires_grad_(True)
                d_opt.zero_grad()
                (D(fake.detach()).mean() - D(real).mean()).backward()
                d_opt.step()
                D.requires_grad_(False)
                g_opt.zero_grad()
                (-D(fake).mean()).backward()
                g_opt.step()
            """,
            why="the discriminator is frozen for the generator's step",
        ),
        Good(
            """
            import torch
            from torch import nn

            encoder, decoder = nn.Conv2d(3, 512, 4), nn.ConvTranspose2d(512, 3, 4)
            first, second = torch.optim.Adam(encoder.parameters()), torch.optim.Adam(decoder.parameters())
            for x in loader:
                first.zero_grad()
                second.zero_grad()
                nn.functional.mse_loss(decoder(encoder(x)), x).backward()
                first.step()
                second.step()
            """,
            why="both use the gradients",
        ),
        Good(
            """
            import torch
            from torch import nn

            G, D = nn.Linear(100, 784), nn.Linear(784, 1)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for real in loader:
                d_opt.zero_grad()
                (D(G(torch.randn(64, 100)).detach()).mean() - D(real).mean()).backward()
                d_opt.step()
                g_opt.zero_grad()
                (-D(G(torch.randn(64, 100))).mean()).backward()
                g_opt.step()
            """,
            why="networks this small are bound by kernel launches",
        ),
        Good(
            """
            import torch
            from torch import nn

            A, B = nn.Conv2d(3, 512, 4), nn.Conv2d(512, 512, 4)
            first, second = torch.optim.Adam(A.parameters()), torch.optim.Adam(B.parameters())
            for x in loader:
                first.zero_grad()
                second.zero_grad()
                B(A(x)).mean().backward()
                first.step()
                B(x).std().backward()
                second.step()
            """,
            why="the second update uses the gradients of both passes",
        ),
        Good(
            """
            import torch
            from networks import G, D
            from torch import nn
            from trainers import optimizers

            g_opt, d_opt = optimizers(G, D)
            for real in loader:
                d_opt.zero_grad()
                (D(G(torch.randn(64, 100)).detach()).mean() - D(real).mean()).backward()
                d_opt.step()
                g_opt.zero_grad()
                (-D(G(torch.randn(64, 100))).mean()).backward()
                g_opt.step()
            """,
            why="it is not known what is trained",
        ),
    )


def _through(turn: Turn, turns: list[Turn]) -> Call | None:
    """The first pass through a network that another turn trains, of something that this turn trains."""
    from greenlint import Graphs, Tree

    found = [
        forward
        for backward in turn.backwards
        for forward in backward.facts[Graphs].differentiated(backward)
        if _is_passed_through(forward, turn, turns)
    ]
    return min(found, key=lambda call: call.facts[Tree].first(call.node)) if found else None


def _is_passed_through(forward: Call, turn: Turn, turns: list[Turn]) -> bool:
    from greenlint import ContextKind, Contexts, Identities, Models, Optimizers

    facts = forward.facts
    network = facts[Models].network(forward)
    identity = facts[Identities].of(network) if network is not None else None
    if network is None or identity is None or turn.trains(identity) is not False:
        return False
    layers = facts[Models].layers(network)
    if layers is None or layers.heavy is not True or facts[Optimizers].frozen(identity) is not False:
        return False
    if facts[Contexts].active(forward.node, ContextKind.NO_GRAD) is not False or not _from_trained(forward, turn):
        return False
    others = [other for other in turns if other is not turn and other.trains(identity) is not False]
    return bool(others) and all(
        other.backwards and turn.region.facts[Optimizers].discards(turn, other) for other in others
    )


def _from_trained(forward: Call, turn: Turn) -> bool:
    """Whether what goes into the network was made by one that this turn trains."""
    from greenlint import Graphs, Identities, Models

    for arg in forward.node.args:
        for each in forward.facts[Graphs].behind(arg.value):
            network = each.facts[Models].network(each)
            identity = each.facts[Identities].of(network) if network is not None else None
            if identity is not None and turn.trains(identity):
                return True
    return False


def _name(forward: Call) -> str:
    from greenlint import Models

    network = forward.facts[Models].network(forward)
    return forward.facts.document.source(network) if network is not None else forward.method
