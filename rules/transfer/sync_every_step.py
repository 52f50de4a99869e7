"""Host-device synchronisation inside the training step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Edit, Facts, Findings, Fix, Outline, Step, Sync, cst

_UPDATES = re.compile(
    r"optim(?:i[sz]er|_|\b)|optimi[sz]e\w*\(|\.step\(|scaler|accelerat|engine|apply_|lr\b|learning_rate"
)
"""What a file that updates weights is expected to speak of, in lower case."""


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
            groups = list(_groups(step, facts))
            for group in groups:
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
                    fix=self._fix(step, facts) if len(groups) == 1 else None,
                )

    def _fix(self, step: Step, facts: Facts) -> Fix | None:
        """Read once, at the end of the step; or keep sums on the device, and read them after the loop."""
        from greenlint import Loops, StepOwner, Syncs

        alone = sum(each.loop is step.loop for each in facts[Loops].steps) == 1
        if not alone or step.owner in (StepOwner.TENSORFLOW, StepOwner.JAX):
            return None
        syncs = [sync for body in facts[Syncs].of_step(step) for sync in body.syncs]
        moved = _moved(syncs[0], step, facts) if len(syncs) == 1 else None
        if moved is not None:
            return self.safe_fix("read it after the update", *moved)
        summed = _summed(syncs, step, facts)
        if summed is None:
            return None
        reason = "sums are made on the device, in float32 instead of float64"
        return self.unsafe_fix("sum on the device, and read the sum after the loop", *summed, reason=reason)

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
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            """,
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
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            scaler = torch.cuda.amp.GradScaler()
            for epoch in range(10):
                running = 0.0
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    running += loss.item() * x.size(0)  # bad
                    scaler.scale(loss).backward()
                    scaler.step(optimizer)
                    scaler.update()

                    if stop():
                        break
                print(running)
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            scaler = torch.cuda.amp.GradScaler()
            for epoch in range(10):
                running = 0.0
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    scaler.scale(loss).backward()
                    scaler.step(optimizer)
                    scaler.update()
                    running += loss.item() * x.size(0)

                    if stop():
                        break
                print(running)
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(10):
                running = 0.0
                correct = 0
                for x, y in loader:
                    output = model(x.cuda())
                    loss = nn.functional.cross_entropy(output, y.cuda())
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    running += loss.item() * len(x)  # bad
                    correct += (output.argmax(1) == y.cuda()).sum().item()
                print(running / size, correct / size)
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(10):
                running = 0.0
                correct = 0
                for x, y in loader:
                    output = model(x.cuda())
                    loss = nn.functional.cross_entropy(output, y.cuda())
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    running += loss.detach() * len(x)
                    correct += (output.argmax(1) == y.cuda()).sum().detach()
                running = float(running)
                correct = int(correct)
                print(running / size, correct / size)
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            total = 0.0
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                total += loss.item()  # bad
                print(total)
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
            total = 0.0
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                total += loss.item()  # bad
                if total > 1e6:
                    break
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
            total, worst = 0.0, []
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                total += loss.item()  # bad
                worst.append(loss.max().item())
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            def report():
                print(total)

            total = 0.0
            hits = 0.0
            for x, y in loader:
                output = model(x.cuda())
                loss = nn.functional.mse_loss(output, y.cuda())
                loss.backward()
                optimizer.step()
                total += loss.item()  # bad
                hits += (output > 0.5).float().mean().item()
                report()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            try:
                for x, y in loader:
                    loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                    losses.append(loss.item())  # bad
                    loss.backward()
                    optimizer.step()
            except KeyboardInterrupt:
                print(losses)
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                output = model(x.cuda())
                loss = nn.functional.mse_loss(output, y.cuda())
                means.append(output.mean().item())  # bad
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch

            def loss_scale(batch, planned):
                if planned is None:
                    return 1.0
                return len(batch) / planned

            for batch, targets in loader:
                loss = criterion(model(batch.cuda()), targets.cuda())
                scale = loss_scale(batch, planned)
                if scale != 1.0:
                    loss = loss * scale
                if scale > 2.0:
                    loss = loss / 2.0
                loss.backward()
                optimizer.step()
            """,
            why="a function with a loss in its name gives a number",
        ),
        Good(
            """
            import torch
            from collections import defaultdict
            from torch import nn

            model = nn.Linear(4096, 4096).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            shown = defaultdict(float)
            for x, y in loader:
                loss, count, numbers = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                for key in numbers:
                    shown[f"train:{key}"] += numbers[key]
            """,
            why="what a loss of one's own gives beside its value may be text and numbers",
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
    return any(_UPDATES.search(facts.document.text.lower()) for facts in (step.facts, step.loop_facts))


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


# -- the fix --------------------------------------------------------------------------------------------------


_UPDATING = frozenset(
    """zero_grad backward manual_backward step update unscale_ clip_grad_norm_ clip_grad_value_""".split()
)
"""Methods that a step calls between its loss and its end, and that leave the loss as it is."""


def _moved(sync: Sync, step: Step, facts: Facts) -> tuple[Edit, ...] | None:
    """Move the statement of a read behind the backward pass and the update that directly follow it."""
    from greenlint import Tree, cst, delete_statement, insert_after

    tree = facts[Tree]
    statement = tree.statement(sync.place)
    kept = _keeps(statement, sync, facts)
    line = tree.parent(statement)
    block = tree.parent(line) if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
    if kept is None or not isinstance(line, cst.SimpleStatementLine) or not isinstance(block, cst.IndentedBlock):
        return None
    if any(each.comment is not None for each in line.leading_lines) or tree.enclosing(statement, cst.Try) is not None:
        # The comment is about this place, and an error in the update would leave the value unread.
        return None
    passed: list[cst.BaseStatement] = []
    for each in block.body[next(at for at, each in enumerate(block.body) if each is line) + 1 :]:
        if not isinstance(each, cst.BaseStatement) or not _is_update(each, facts):
            break
        passed.append(each)
    backward = next((each for each in passed if tree.contains(each, step.backward.node)), None)
    if backward is None or step.facts is not facts:
        return None
    read = {each.value for each in tree.below(statement, cst.Name)}
    mentioned = [each.value for one in passed for each in tree.below(one, cst.Name)]
    bound = {each for one in passed for each in _bound(one, facts)}
    loss = _loss(sync.place, facts)
    if kept in mentioned or read & bound or loss is None or loss not in _differentiated(step, facts):
        return None
    written = facts.document.source(statement)
    taken = delete_statement(facts.document, statement)
    put = insert_after(facts.document, passed[-1], written)
    return (*taken, *put) if taken is not None and put is not None and "\n" not in written else None


def _keeps(statement: cst.CSTNode, sync: Sync, facts: Facts) -> str | None:
    """The variable in which a statement keeps a value that it reads, and does nothing else."""
    from greenlint import Calls, Tree, cst

    if sync.facts is not facts or not facts[Tree].contains(statement, sync.place):
        return None
    if isinstance(statement, cst.AugAssign) and isinstance(statement.target, cst.Name):
        return statement.target.value if _scaled(statement.value, facts) is sync.place else None
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
        return target.value if isinstance(target, cst.Name) and _scaled(statement.value, facts) is sync.place else None
    if not isinstance(statement, cst.Expr) or not isinstance(statement.value, cst.Call):
        return None
    call = facts[Calls].of(statement.value)
    if call.method not in ("append", "update") or not isinstance(call.receiver, cst.Name):
        return None
    plain = all(
        not each.star and (_scaled(each.value, facts) is sync.place or _is_count(each.value)) for each in call.node.args
    )
    return call.receiver.value if plain else None


def _scaled(value: cst.BaseExpression, facts: Facts) -> cst.Call | None:
    """The `loss.item()` in itself, `loss.item() * count`, `count * loss.item()` or `loss.item() / count`."""
    from greenlint import Calls, cst

    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, (cst.Multiply, cst.Divide)):
        if _is_count(value.right):
            value = value.left
        elif _is_count(value.left) and isinstance(value.operator, cst.Multiply):
            value = value.right
    if not isinstance(value, cst.Call) or value.args:
        return None
    call = facts[Calls].of(value)
    return value if call.method == "item" and call.receiver is not None else None


def _is_count(node: cst.BaseExpression) -> bool:
    """Whether an expression is a number of things, told on the host: `8`, `len(x)`, `x.size(0)`, `x.shape[0]`."""
    from greenlint import cst

    if isinstance(node, cst.Call) and len(node.args) == 1 and not node.args[0].star:
        size = isinstance(node.func, cst.Attribute) and node.func.attr.value == "size"
        length = isinstance(node.func, cst.Name) and node.func.value == "len"
        inside = node.args[0].value
        return (size and isinstance(inside, cst.Integer)) or (length and isinstance(inside, cst.Name))
    if isinstance(node, cst.Subscript):
        return isinstance(node.value, cst.Attribute) and node.value.attr.value == "shape"
    return isinstance(node, (cst.Integer, cst.Float))


def _is_update(line: cst.BaseStatement, facts: Facts) -> bool:
    """Whether a statement only takes gradients and steps."""
    from greenlint import Calls, cst

    if isinstance(line, (cst.With, cst.If)):
        other = line.orelse if isinstance(line, cst.If) else None
        inner = line.body.body
        whole = other is None and isinstance(line.body, cst.IndentedBlock)
        return whole and all(isinstance(each, cst.BaseStatement) and _is_update(each, facts) for each in inner)
    if not isinstance(line, cst.SimpleStatementLine):
        return False
    values = [each.value for each in line.body if isinstance(each, (cst.Expr, cst.Assign))]
    if len(values) != len(line.body):
        return False
    return all(isinstance(each, cst.Call) and facts[Calls].of(each).method in _UPDATING for each in values)


def _bound(node: cst.CSTNode, facts: Facts) -> Iterator[str]:
    from greenlint import Tree, cst

    for target in facts[Tree].below(node, cst.AssignTarget, cst.AsName):
        yield from (each.value for each in facts[Tree].below(target, cst.Name))


def _loss(place: cst.CSTNode, facts: Facts) -> str | None:
    """The variable in `loss.item()`, `loss.detach().item()`, `loss.mean().item()`."""
    from greenlint import Calls, cst

    node: cst.CSTNode | None = place
    while isinstance(node, cst.Call):
        call = facts[Calls].of(node)
        if call.method not in ("item", "detach", "mean", "sum", "float") or call.node.args:
            return None
        node = call.receiver
    if isinstance(node, cst.Attribute) and node.attr.value == "data":
        node = node.value
    return node.value if isinstance(node, cst.Name) else None


def _differentiated(step: Step, facts: Facts) -> set[str]:
    """The variables that the backward pass starts from: no weight, which the update would change."""
    from greenlint import Tree, cst

    return {each.value for each in facts[Tree].below(step.backward.node, cst.Name)}


def _summed(syncs: list[Sync], step: Step, facts: Facts) -> tuple[Edit, ...] | None:
    """Keep the sums of a loop on the device, as numbers again after it."""
    from greenlint import Frameworks, Tree, cst, insert_after

    loop, sums = step.loop, list[tuple[cst.AugAssign, cst.Call]]()
    if loop is None or step.loop_facts is not facts or facts[Frameworks].precision is True:
        return None
    left = 0
    for sync in syncs:
        statement = facts[Tree].statement(sync.place)
        if (
            sync.facts is facts
            and isinstance(statement, cst.AugAssign)
            and isinstance(statement.operator, cst.AddAssign)
            and isinstance(sync.place, cst.Call)
            and _scaled(statement.value, facts) is sync.place
        ):
            sums.append((statement, sync.place))
        elif sync.before_backward or sync.repeated:
            return None
        else:
            left += 1
    if not sums or left > 1:
        return None
    edits: list[Edit] = []
    after: list[str] = []
    for statement, read in sums:
        number = _number(statement, read, loop, step, facts)
        kept = _kept_on_device(read, facts)
        if number is None or kept is None:
            return None
        edits.extend(kept)
        name = facts.document.source(statement.target)
        after.append(f"{name} = {number}({name})")
    put = insert_after(facts.document, loop, *after)
    return (*edits, *put) if put is not None else None


def _number(
    statement: cst.AugAssign, read: cst.Call, loop: cst.For | cst.While, step: Step, facts: Facts
) -> str | None:
    """The type that a sum has on the host; ``None`` where not only the sum itself sees it during the loop."""
    from greenlint import Calls, Names, Tree, cst

    tree, names, target = facts[Tree], facts[Names], statement.target
    if not isinstance(target, cst.Name) or not tree.contains(loop.body, statement):
        return None
    function = tree.function(loop)
    if tree.function(statement) is not function or tree.enclosing(statement, cst.Try) is not None:
        return None
    if sum(tree.contains(loop, each) for each in tree.named(target.value)) != 1:
        return None
    if any(each.name.value == target.value for each in tree.of_type(cst.NameItem) if isinstance(each.name, cst.Name)):
        return None
    begun = [each for each in names.lookup(target.value, loop) if not tree.contains(statement, each.node)]
    if not begun or not all(isinstance(each.value, (cst.Integer, cst.Float)) and not each.path for each in begun):
        return None
    scopes = [each.scope for each in begun]
    for use in tree.named(target.value):
        elsewhere = tree.function(use) is not function
        if elsewhere and any(each.scope in scopes for each in names.reaching(use)):
            # A function may look at it at any time.
            return None
    if all(isinstance(each.value, cst.Float) for each in begun):
        return "float"
    receiver = facts[Calls].of(read).receiver
    if isinstance(receiver, cst.Call) and facts[Calls].of(receiver).method == "sum" and statement.value is read:
        return "int" if isinstance(facts[Calls].of(receiver).receiver, cst.Comparison) else None
    return "float" if _loss(read, facts) in _differentiated(step, facts) else None


def _kept_on_device(read: cst.Call, facts: Facts) -> tuple[Edit, ...] | None:
    """`loss.detach()` instead of `loss.item()`."""
    from greenlint import Calls, Tree, cst, replace_node

    receiver = facts[Calls].of(read).receiver
    if receiver is None or not isinstance(read.func, cst.Attribute):
        return None
    if any(facts[Calls].of(each).method in ("cpu", "to", "numpy") for each in facts[Tree].below(receiver, cst.Call)):
        return None
    is_detached = isinstance(receiver, cst.Call) and facts[Calls].of(receiver).method == "detach"
    if not is_detached:
        return replace_node(facts.document, read.func.attr, "detach")
    written = facts.document.source(receiver)
    return replace_node(facts.document, read, written) if "\n" not in written else None
