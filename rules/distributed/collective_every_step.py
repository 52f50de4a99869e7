"""Processes that wait for each other in every step, for a number that is logged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Collective, Definition, Facts, Findings, Outline, Report, Step, cst


class CollectiveEveryStep(Rule):
    """Each training step waits for all processes at a barrier, or to average a metric.

    The exchange of gradients already brings the processes together once in each step. A further barrier or reduction
    makes all devices wait for the slowest process and for a round trip over the network, with kernels not yet queued.

    The finding stands at the first such call of the step; calls behind a step counter, in evaluation or in a network
    are not reported, nor those whose result takes part in the loss.

    Leave it where the algorithm needs the exchange: contrastive losses, shared statistics, agreement on when to stop.

    To fix it, add the metric up on each device and reduce it when it is printed or at the end of the epoch. Remove
    barriers around the optimizer step: nothing can run ahead of the exchange of gradients.
    """

    severity = Severity.INFO
    frameworks = ("torch", "accelerate", "lightning", "pytorch_lightning")
    words = (
        ("*reduce*", "*gather*", "*barrier*", "*sync*", "*average*", "wait_for_everyone", "*dist*"),
        ("*backward", "training_step"),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK, Premise.MAY_HAVE_ACCELERATOR)
    references = (
        "https://docs.pytorch.org/docs/stable/distributed.html",
        "https://lightning.ai/docs/pytorch/stable/visualize/logging_advanced.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "reducing a logged value over devices in each step may lead to a significant communication overhead",
            "docstrings of lightning 2.6.6: LightningModule.log",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls or "training_step" in outline.functions

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Distributed, Loops

        seen: set[object] = set()
        for step in facts[Loops].steps:
            found = [each for each in facts[Distributed].collectives(step) if _is_idle(each, step)]
            found = [each for each in found if each.place not in seen and _is_in_step(each, step, facts)]
            seen.update(each.place for each in found)
            if found:
                yield self._report(found[0], [each.place for each in found[1:]])

    def _report(self, first: Collective, others: list[cst.CSTNode]) -> Report:
        waits = "waits for all others at a barrier" if first.waits_only else "waits for all others to average a metric"
        remedy = "remove the barrier: the exchange of gradients already keeps the processes together"
        if not first.waits_only:
            remedy = "add the metric up on each device and reduce it when it is logged"
        return self.finding(
            first.place,
            f"each process {waits} in every training step",
            help=remedy,
            related=[(each, "waits here too") for each in others[:4]],
        )

    @on_file
    def lightning(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Definition, Tree, cst

        for function in facts[Tree].of_type(cst.FunctionDef):
            owner = facts[Tree].class_of(function) if function.name.value == "training_step" else None
            if owner is None or not _is_lightning(Definition(facts, owner)):
                continue
            logs = facts[Calls].methods("log", "log_dict", within=function.body)
            logs = [each for each in logs if _reduces_each_step(each, facts, function)]
            if logs:
                yield self.finding(
                    logs[0].node,
                    "each process waits for all others to average a logged value in every training step",
                    help="log without sync_dist, or with on_step=False and on_epoch=True",
                    related=[(each.node, "waits here too") for each in logs[1:5]],
                )

    examples = (
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                shown = loss.detach().clone()
                dist.all_reduce(shown)  # bad
                meter.update(shown / world_size)
            """
        ),
        Bad(
            """
            import torch
            import torch.distributed as dist

            def reduce_losses(losses):
                if dist.get_world_size() < 2:
                    return losses
                with torch.no_grad():
                    values = torch.stack(list(losses.values()))
                    dist.all_reduce(values)
                return dict(zip(losses, values))

            def train(model, loader):
                for images, targets in loader:
                    losses = model(images, targets)
                    loss = sum(losses.values())
                    reduced = reduce_losses(losses)  # bad
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    logger.update(**reduced)
            """
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator()
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                loss = criterion(model(x), y)
                accelerator.backward(loss)
                accelerator.wait_for_everyone()  # bad
                optimizer.step()
                optimizer.zero_grad()
                accelerator.wait_for_everyone()
            """
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator()
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                loss = criterion(model(x), y)
                average = accelerator.gather(loss.repeat(16)).mean()  # bad
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                total += average.item()
            """
        ),
        Bad(
            """
            import lightning.pytorch as pl

            class Net(pl.LightningModule):
                def training_step(self, batch, index):
                    loss, accuracy = self.losses(batch)
                    self.log("loss", loss, sync_dist=True)  # bad
                    self.log("accuracy", accuracy, on_step=True, on_epoch=True, sync_dist=True)
                    return loss
            """
        ),
        Bad(
            """
            import pytorch_lightning as pl

            class Net(pl.LightningModule):
                def training_step(self, batch, index):
                    losses = self.losses(batch)
                    self.log_dict(losses, sync_dist=True)  # bad
                    return sum(losses.values())
            """
        ),
        Good(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                total += loss.detach()
                if step % 100 == 0:
                    dist.all_reduce(total)
                    print(total)
                if step % 1000 == 0:
                    save(model)
                    dist.barrier()
            """,
            why="now and then",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                for parameter in model.parameters():
                    dist.all_reduce(parameter.grad)
                    parameter.grad /= world_size
                optimizer.step()
            """,
            why="this is the exchange of gradients",
        ),
        Good(
            """
            from accelerate import Accelerator

            def average_gradients(accelerator, network):
                for parameter in network.parameters():
                    parameter.grad = accelerator.reduce(parameter.grad, reduction="mean")

            accelerator = Accelerator()
            for x, y in loader:
                accelerator.backward(criterion(network(x), y))
                average_gradients(accelerator, network)
                optimizer.step()
                optimizer.zero_grad()
            """,
            why="gradients, by a function",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            for x, mask in loader:
                count = mask.sum()
                dist.all_reduce(count)
                loss = (criterion(model(x.cuda())) * mask).sum() / count
                loss.backward()
                optimizer.step()
            """,
            why="the loss needs it",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            def gather(features):
                parts = [torch.zeros_like(features) for _ in range(dist.get_world_size())]
                dist.all_gather(parts, features)
                return torch.cat(parts)

            for one, other in loader:
                loss = contrast(gather(model(one.cuda())), gather(model(other.cuda())))
                loss.backward()
                optimizer.step()
            """,
            why="a contrastive loss compares the samples of all processes",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            for epoch in range(10):
                total = 0
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    total += loss.detach()
                dist.all_reduce(total)
                dist.barrier()
            """,
            why="once in an epoch",
        ),
        Good(
            """
            import lightning.pytorch as pl

            class Net(pl.LightningModule):
                def training_step(self, batch, index):
                    loss = self.loss(batch)
                    self.log("loss", loss, on_step=False, on_epoch=True, sync_dist=True)
                    return loss

                def validation_step(self, batch, index):
                    self.log("val_loss", self.loss(batch), sync_dist=True)
            """,
            why="reduced at the end of the epoch",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                finite = torch.isfinite(loss)
                dist.all_reduce(finite)
                if finite:
                    optimizer.step()
            """,
            why="the processes must agree on whether to step",
        ),
    )


def _is_idle(collective: Collective, step: Step) -> bool:
    """Whether a collective is a barrier, or reduces a metric whose result takes no part in training."""
    from greenlint import Calls, Tree, cst

    if collective.waits_only:
        return True
    facts = collective.region.facts
    node = collective.place if isinstance(collective.place, cst.Call) else collective.call.node
    owner = facts if node in facts[Tree] else step.loop_facts
    if node not in owner[Tree]:
        owner = step.facts
    if node not in owner[Tree]:
        return False
    text = _given(node, owner)
    inner = _given(collective.call.node, facts)
    metric = _METRIC.search(text) is not None or _is_of_loss(node, owner, step)
    if not metric or _STATE.search(f"{text} {inner}") or _is_per_parameter(node, owner):
        return False
    return not _is_needed(owner[Calls].of(node), owner, step)


def _given(node: cst.Call, facts: Facts) -> str:
    """The arguments of a call as written."""
    return " ".join(facts.document.source(arg.value) for arg in node.args)


def _is_of_loss(node: cst.Call, facts: Facts, step: Step) -> bool:
    """Whether an argument is what the step differentiates, or made of it at once."""
    from greenlint import Names, Tree, cst

    if facts is not step.facts:
        return False
    backward = step.backward
    source = backward.positional[0] if backward.positional else backward.receiver
    if source is None:
        return False
    loss = {each.value for each in facts[Tree].below(source, cst.Name)}
    given = [name for arg in node.args for name in facts[Tree].below(arg.value, cst.Name)]
    bound = [binding.value for name in given for binding in facts[Names].reaching(name)]
    made = [name for value in bound if value is not None for name in facts[Tree].below(value, cst.Name)]
    return any(each.value in loss for each in (*given, *made))


def _is_per_parameter(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether the call stands in a loop over parameters or the like inside the step."""
    from greenlint import LoopRole, Loops, Tree

    for loop in facts[Tree].loops_around(node):
        role = facts[Loops].of(loop).role
        if role in (LoopRole.TRAINING, LoopRole.MICROBATCH):
            return False
        if role is LoopRole.OTHER:
            return "param" in facts.document.source(getattr(loop, "iter", loop))
    return False


def _is_needed(call: Call, facts: Facts, step: Step) -> bool:
    """Whether what a reduction yields is used for the loss, or in a test that decides on what is run."""
    from greenlint import Tree, cst, dotted

    tree = facts[Tree]
    results = _results(call, facts)
    if facts is step.facts and tree.function(call.node) is tree.function(step.backward.node):
        statement = tree.statement(step.backward.node)
        if tree.contains(statement, call.node):
            return True
        if results & _names_behind(statement, facts):
            return True
    scope = tree.function(call.node) or tree.root
    for branch in tree.below(scope, cst.If):
        tested = {dotted(each) for each in tree.below(branch.test, cst.Name)}
        if tested & results and any(_trains(each) for each in tree.walk(branch.body)):
            return True
    return False


def _results(call: Call, facts: Facts) -> set[str | None]:
    """The names that hold what a call reduces: those it is assigned to, and its first argument, which it changes."""
    from greenlint import Tree, cst, dotted

    found: set[str | None] = set()
    plain = call.positional[0] if call.positional else None
    if isinstance(plain, cst.Name) and (call.name or "").startswith("torch.distributed."):
        found.add(plain.value)
    statement = facts[Tree].enclosing(call.node, cst.Assign)
    for target in statement.targets if statement is not None else ():
        found.add(dotted(target.target))
        found.update(each.value for each in facts[Tree].below(target.target, cst.Name))
    return found - {None}


def _names_behind(statement: cst.CSTNode, facts: Facts) -> set[str]:
    """The names of the same function from which what is differentiated is computed."""
    from greenlint import BindingKind, Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    found: set[str] = set()
    queue = list(tree.below(statement, cst.Name))
    seen: set[object] = set()
    while queue and len(seen) < 300:
        name = queue.pop()
        found.add(name.value)
        for binding in names.reaching(name):
            if binding.kind in (BindingKind.ASSIGN, BindingKind.AUGMENTED) and binding.value not in seen:
                seen.add(binding.value)
                if binding.value is not None:
                    queue.extend(tree.below(binding.value, cst.Name))
    return found


def _trains(node: cst.CSTNode) -> bool:
    from greenlint import cst

    if isinstance(node, (cst.Break, cst.Continue, cst.Return)):
        return True
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _UPDATES


def _is_in_step(collective: Collective, step: Step, facts: Facts) -> bool:
    """Whether the place stands in a loop that trains, not in one that evaluates beside it."""
    from greenlint import LoopRole, Loops, Tree

    if collective.place not in facts[Tree]:
        return False
    return facts[Loops].enclosing(collective.place, LoopRole.EVALUATION) is None and not _EVALUATES.search(
        collective.region.function.name.value if collective.region.function is not None else ""
    )


def _is_lightning(definition: Definition) -> bool:
    from greenlint import Project

    return "lightning.pytorch.LightningModule" in set(definition.facts[Project].bases(definition))


def _reduces_each_step(call: Call, facts: Facts, function: cst.FunctionDef) -> bool:
    from greenlint import Contexts

    if call.argument("sync_dist").constant is not True or call.argument("on_step").constant is False:
        return False
    return call.argument("on_step").known and not facts[Contexts].guarded(call.node, function.body)


_METRIC = re.compile(
    r"loss|metric|accuracy|(?<![a-z])accs?(?![a-z])|correct|score|stat|top\d?|error|shown|meter|\blog", re.IGNORECASE
)
_STATE = re.compile(
    r"grad|param|buffer|weight|\bema\b|center|queue|feature|embed|logit|finite|nan|stop|flag|mean\b.*var", re.IGNORECASE
)
"""What the algorithm shares, or agrees on."""
_EVALUATES = re.compile(r"(^|_)(eval|evaluate|val|valid|validate|validation|test|sample|generate)(_|$)")
_UPDATES = frozenset(("step", "backward", "zero_grad"))
