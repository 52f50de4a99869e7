"""Host-device synchronisation inside the training step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Outline, Step, Sync, cst

_UPDATES = re.compile(
    r"optim(?:i[sz]er|_|\b)|optimi[sz]e\w*\(|\.step\(|scaler|accelerat|engine|apply_|lr\b|learning_rate", re.IGNORECASE
)
"""What a file that updates weights is expected to speak of."""


class SyncEveryStep(Rule):
    """A training step waits for the accelerator several times, or in the middle of the step.

    Reading a device value on the host (`.item()`, `.cpu()`, `float(loss)`, `print(loss)`, `if loss > ...`) blocks the
    program until all queued kernels have run. Between forward and backward pass, once per parameter or several times
    a step, the queue runs empty and the accelerator idles at high power while Python catches up.

    The finding stands at the first such line of the step; in a helper of the same module at the helper's line, for a
    helper of another module at its call. Further ones are related places. One read at the end of a step is cheap and
    not reported, nor are reads that a step modulo guards, evaluation loops, steps that are being timed, and loops that
    take gradients but train nothing.

    Leave it where the next decision of the step needs the value on the host, as in a line search, and where a step
    takes so long that the wait is lost in it.

    To fix it, keep sums on the device (`running += loss.detach()`), read them every N steps, and use
    `torch._foreach_norm` or the return value of `clip_grad_norm_` for gradient norms.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "tensorflow", "keras", "jax")
    words = (("*backward", "apply_gradients", "apply_updates", "loss_scaler"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.ON_ACCELERATOR,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch lists these operations as synchronising and asks to avoid them in the training loop",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"backward", "manual_backward", "apply_gradients", "apply_updates"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops

        steps = facts[Loops].steps
        if not steps:
            return
        reported: set[cst.CSTNode] = set()
        for step in steps:
            if facts[Contexts].dead(step.backward.node) or _short(step) or not _updates(step):
                continue
            for group in _groups(step, facts):
                anchor = group.anchor
                if anchor in reported:
                    continue
                reported.add(anchor)
                yield self.finding(
                    anchor,
                    group.message,
                    help="keep the value on the device, or read it every N steps",
                    notes=("no energy measurement of this pattern is published; the effect grows with small kernels",),
                    related=group.related,
                    confidence=Confidence.HIGH if group.local else Confidence.MEDIUM,
                )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                losses.append(loss.item())  # bad
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                total += loss.item()  # bad
                print(f"loss {loss.item():.3f}")
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            def gradient_norm(model):
                total = 0.0
                for parameter in model.parameters():
                    total += parameter.grad.norm().item() ** 2  # bad
                return total ** 0.5

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                gradient_norm(model)
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                total += loss.item()
            """,
            why="one read at the end of a step costs little",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step, (x, y) in enumerate(loader):
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                if step % 100 == 0:
                    print(step, loss.item())
                loss.backward()
                optimizer.step()
            """,
            why="every hundredth step only",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                print(loss.item())
                loss.backward()
                optimizer.step()
            """,
            why="everything is on the CPU",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            running = torch.zeros((), device="cuda")
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                running += loss.detach()
            print(running.item())
            """,
            why="the sum stays on the device",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                names = x.numpy().shape, y.size(0), len(y)
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                count = int(loss.shape[0]) if loss.dim() else 1
                loss.backward()
                optimizer.step()
            """,
            why="what a loader yields is on the host, and shapes never wait for the device",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(100):
                for x, y in loader:
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                model.eval()
                with torch.no_grad():
                    for x, y in validation:
                        output = model(x.cuda())
                        correct += (output.argmax(1).cpu() == y).sum().item()
                        worst = max(worst, output.max().item())
            """,
            why="evaluation needs its results on the host",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                torch.cuda.synchronize()
                meter.update(loss.item())
                total += loss.item()
            """,
            why="the step has waited already, and another rule speaks of that",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                output = model(x.cuda())
                if output is None:
                    continue
                loss = nn.functional.mse_loss(output, y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="asking whether something is None reads no value",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                first = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss = first + model.weight.norm()
                loss.backward()
                optimizer.step()
                print(f"{first.item():.3f} {loss.item():.3f}")
            """,
            why="two reads in one line at the end of a step are one wait",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            for x, y in loader:
                mask = torch.ones(4096, device="cuda", requires_grad=True)
                loss = nn.functional.mse_loss(model(x.cuda() * mask), y.cuda())
                losses.append(loss.item())
                loss.backward()
                importance += mask.grad.abs()
            """,
            why="gradients are taken for a score, nothing is trained",
        ),
    )


@dataclass(frozen=True)
class _Group:
    """The reads of one body of the step, reported together."""

    anchor: cst.CSTNode
    message: str
    related: tuple[tuple[cst.CSTNode, str], ...]
    local: bool


def _short(step: Step) -> bool:
    """Whether the step is seen to run at most a hundred times, or not seen to run in a loop at all."""
    from greenlint import Loops

    if step.loop is None:
        return True
    iterations = step.loop_facts[Loops].of(step.loop).iterations
    return iterations is not None and iterations <= 100


def _updates(step: Step) -> bool:
    """Whether anything is trained: gradients alone serve saliency maps, importance scores and guided decoding."""
    return any(_UPDATES.search(facts.document.text) for facts in (step.facts, step.loop_facts))


def _groups(step: Step, facts: Facts) -> Iterator[_Group]:
    from greenlint import Syncs

    bodies = facts[Syncs].of_step(step)
    found = False
    for body in bodies:
        reason = _reason(body.syncs)
        if reason is None:
            continue
        found = True
        yield _group(body.syncs, reason, facts)
    every = [sync for body in bodies for sync in body.syncs]
    if not found and len(every) > 1:
        yield _group(every, f"the training step waits for the device {len(every)} times", facts)


def _reason(syncs: tuple[Sync, ...]) -> str | None:
    for sync in syncs:
        if sync.repeated:
            return "the training step waits for the device once per element of an inner loop"
    for sync in syncs:
        if sync.before_backward:
            return "the training step waits for the device between forward and backward pass"
    return f"the training step waits for the device {len(syncs)} times" if len(syncs) > 1 else None


def _group(syncs: list[Sync] | tuple[Sync, ...], reason: str, facts: Facts) -> _Group:
    first = next((each for each in syncs if each.repeated or each.before_backward), syncs[0])
    local = first.facts is facts
    others = [each for each in syncs if each is not first and each.facts is facts and each.place is not first.place]
    related = tuple((each.place, "waits here too") for each in others[:5])
    return _Group(first.place, f"{reason}: {first.what}", related, local)
