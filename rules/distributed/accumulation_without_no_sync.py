"""Gradients exchanged between processes although they are only added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Accumulated, Call, Facts, Findings, Fix, Outline, Step, cst


class AccumulationWithoutNoSync(Rule):
    """Gradients are accumulated over several backward passes, and DistributedDataParallel exchanges them in each.

    Each backward pass of a `DistributedDataParallel` network averages all gradients over all processes. When the
    optimizer steps only after `k` passes, the exchange is needed once; the other `k - 1` cost bandwidth, and the
    devices wait for it.

    The finding stands at the backward call. Where the number of passes comes from outside, it is a remark only, and
    nothing is said where the documented default is one pass.

    Leave it for `FullyShardedDataParallel`, where skipping the exchange costs memory, and for trainers that skip it
    themselves, such as Accelerate's `accumulate`, Lightning and DeepSpeed.

    To fix it, run forward and backward of all passes but the last under `with model.no_sync():`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("*backward", "loss_scaler"), ("step", "optimizer_step", "optimize*", "loss_scaler", "*step*"))
    premises = (Premise.NOT_A_TEST, Premise.OWN_STEP, Premise.ON_RANKS, Premise.MAY_HAVE_ACCELERATOR)
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "skip the unnecessary all-reduce while gradients accumulate, with the no_sync context",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(("backward", "loss_scaler"))

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Accumulation, Distributed, Loops, Parallel, StepOwner

        for step in facts[Loops].steps:
            if step.owner not in (StepOwner.TORCH, StepOwner.SCALER, StepOwner.WRAPPER):
                continue
            accumulated = facts[Accumulation].of(step)
            if accumulated is None:
                continue
            severity = _severity(accumulated)
            if severity is None or _skips_exchange(step, facts):
                continue
            wrapped = facts[Distributed].of_step(step)
            if any(each.parallel is Parallel.FSDP for each in wrapped):
                continue
            # The wrapper of apex has no such context.
            wrapper = next((each for each in wrapped if each.call.name == _WRAPPER), None)
            if wrapper is None:
                continue
            yield self.finding(
                step.backward.node,
                "gradients are exchanged between all processes in each backward pass and used only after several",
                help="run all passes but the last, forward and backward, under `with model.no_sync():`",
                related=(
                    (accumulated.place, "accumulated here", accumulated.facts.document),
                    (wrapper.call.node, "wrapped here", wrapper.call.facts.document),
                ),
                severity=severity,
                fix=self._fix(step, accumulated, wrapper.call, facts),
            )

    def _fix(self, step: Step, accumulated: Accumulated, wrapper: Call, facts: Facts) -> Fix | None:
        from greenlint import Names, Tree, cst, spelled, wrap

        document, tree, names = facts.document, facts[Tree], facts[Names]
        loop = step.loop
        if {id(each) for each in (step.facts, step.loop_facts, accumulated.facts, wrapper.facts)} != {id(facts)}:
            return None
        condition = tree.enclosing(accumulated.place, cst.If)
        if not isinstance(loop, cst.For) or condition is None or condition.orelse is not None or accumulated.by_loop:
            return None
        passes = _passes(loop, condition, step.backward.node, facts)
        assign = tree.parent(wrapper.node)
        if passes is None or not isinstance(assign, cst.Assign) or not wrapper.argument("static_graph").absent:
            return None
        # Under a condition, the network may not be wrapped.
        block = tree.parent(tree.parent(assign) or assign)
        if block is None or not tree.contains(block, loop):
            return None
        runs = [
            each
            for each in tree.below(loop.body, cst.Call)
            if isinstance(each.func, cst.Name) and [one.node for one in names.reaching(each.func)] == [assign]
        ]
        first = next((at for at, each in enumerate(passes) if any(tree.contains(each, run) for run in runs)), None)
        if first is None or not all(any(tree.contains(each, run) for each in passes) for run in runs):
            return None
        module = spelled(document, "contextlib")
        if module is None:
            return None
        imported, contextlib = module
        assert isinstance(runs[0].func, cst.Name)
        test, network = document.source(condition.test), runs[0].func.value
        header = f"with {contextlib}.nullcontext() if {test} else {network}.no_sync():"
        edits = wrap(document, passes[first:], header)
        if edits is None:
            return None
        return self.unsafe_fix("exchange gradients once for each update", *imported, *edits, reason=_REASON)

    examples = (
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for i, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda()), y.cuda()) / 4
                loss.backward()  # bad
                if (i + 1) % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
            """,
            fixed="""
            import contextlib

            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for i, (x, y) in enumerate(loader):
                with contextlib.nullcontext() if (i + 1) % 4 == 0 else model.no_sync():
                    loss = criterion(model(x.cuda()), y.cuda()) / 4
                    loss.backward()
                if (i + 1) % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            def train(model, loader, scaler):
                for x, y in loader:
                    for part, target in zip(x.chunk(8), y.chunk(8)):
                        with torch.autocast("cuda"):
                            loss = criterion(model(part.cuda()), target.cuda())
                        scaler.scale(loss).backward()  # bad
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad()

            train(nn.parallel.DistributedDataParallel(net.cuda()), loader, scaler)
            """
        ),
        Bad(
            """
            import argparse
            import torch
            from torch.nn.parallel import DistributedDataParallel

            parser = argparse.ArgumentParser()
            parser.add_argument("--accumulate", type=int, default=8)
            args = parser.parse_args()
            if args.distributed:
                model = DistributedDataParallel(model, device_ids=[args.local_rank])
            for step, batch in enumerate(loader):
                loss = model(**batch).loss
                loss.backward()  # bad
                if step % args.accumulate == args.accumulate - 1:
                    optimizer.step()
                    model.zero_grad()
            """
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            data = iter(loader)
            while step < steps:
                for micro_step in range(5):
                    loss = model(next(data)).mean()
                    loss.backward()  # bad
                optimizer.step()
                optimizer.zero_grad()
                step += 1
            """
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            def main():
                model = DDP(net.cuda(), device_ids=[rank])

                def forward_backward(batch):
                    for part in split(batch):
                        loss = model(part).mean()
                        if loss.requires_grad:
                            loss.backward()  # bad

                for step in range(100000):
                    forward_backward(next(data))
                    optimizer.step()
                    optimizer.zero_grad()
                    if step % 1000 == 0:
                        with torch.no_grad(), model.no_sync():
                            forward_backward(next(validation))
            """
        ),
        Bad(
            """
            import contextlib

            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            def train(net, loader, scaler, optimizer, rank, steps=8):
                ddp = DDP(net.cuda(rank), device_ids=[rank])
                for i, (x, y) in enumerate(loader):
                    x = x.cuda(rank)
                    with torch.autocast("cuda"):
                        loss = criterion(ddp(x), y.cuda(rank)) / steps
                    scaler.scale(loss).backward()  # bad
                    if (i + 1) % steps == 0 or i + 1 == len(loader):
                        scaler.unscale_(optimizer)
                        torch.nn.utils.clip_grad_norm_(ddp.parameters(), 1.0)
                        scaler.step(optimizer)
                        scaler.update()
                        optimizer.zero_grad()
            """,
            fixed="""
            import contextlib

            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            def train(net, loader, scaler, optimizer, rank, steps=8):
                ddp = DDP(net.cuda(rank), device_ids=[rank])
                for i, (x, y) in enumerate(loader):
                    x = x.cuda(rank)
                    with contextlib.nullcontext() if (i + 1) % steps == 0 or i + 1 == len(loader) else ddp.no_sync():
                        with torch.autocast("cuda"):
                            loss = criterion(ddp(x), y.cuda(rank)) / steps
                        scaler.scale(loss).backward()
                    if (i + 1) % steps == 0 or i + 1 == len(loader):
                        scaler.unscale_(optimizer)
                        torch.nn.utils.clip_grad_norm_(ddp.parameters(), 1.0)
                        scaler.step(optimizer)
                        scaler.update()
                        optimizer.zero_grad()
            """,
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for epoch in range(10):
                for i, (x, y) in enumerate(loader):
                    loss = criterion(model(x.cuda()), y.cuda()) / 4
                    loss.backward()  # bad
                    if (i + 1) % 4 == 0:
                        optimizer.step()
                        optimizer.zero_grad()
                optimizer.step()
                optimizer.zero_grad()
            """
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            done = 0
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda()) / 4
                loss.backward()  # bad
                done += 1
                if done % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
            """
        ),
        Good(
            """
            import contextlib
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for i, (x, y) in enumerate(loader):
                last = (i + 1) % 4 == 0
                with contextlib.nullcontext() if last else model.no_sync():
                    loss = criterion(model(x.cuda()), y.cuda()) / 4
                    loss.backward()
                if last:
                    optimizer.step()
                    optimizer.zero_grad()
            """,
            why="exchanged only before the update",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for micro_step, x in enumerate(loader):
                model.require_backward_grad_sync = micro_step % 8 == 7
                model(x.cuda()).mean().backward()
                if micro_step % 8 == 7:
                    optimizer.step()
                    optimizer.zero_grad()
            """,
            why="switched by hand",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
                optimizer.zero_grad()
            """,
            why="one backward pass for each update",
        ),
        Good(
            """
            import torch

            model = torch.nn.DataParallel(net.cuda())
            for i, (x, y) in enumerate(loader):
                criterion(model(x.cuda()), y.cuda()).backward()
                if (i + 1) % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
            """,
            why="one process",
        ),
        Good(
            """
            import torch
            from torch.distributed.fsdp import FullyShardedDataParallel as FSDP

            model = FSDP(net.cuda())
            for i, (x, y) in enumerate(loader):
                criterion(model(x.cuda()), y.cuda()).backward()
                if (i + 1) % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
            """,
            why="without the exchange each process keeps all gradients in full",
        ),
        Good(
            """
            import argparse
            import torch
            from torch.nn.parallel import DistributedDataParallel

            parser = argparse.ArgumentParser()
            parser.add_argument("--accumulate", type=int, default=1)
            args = parser.parse_args()
            model = DistributedDataParallel(net.cuda())
            for step, batch in enumerate(loader):
                model(**batch).loss.backward()
                if (step + 1) % args.accumulate == 0:
                    optimizer.step()
                    model.zero_grad()
            """,
            why="one pass unless asked for more",
        ),
        Good(
            """
            import torch
            from accelerate import Accelerator

            accelerator = Accelerator(gradient_accumulation_steps=4)
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                with accelerator.accumulate(model):
                    accelerator.backward(criterion(model(x), y))
                    optimizer.step()
                    optimizer.zero_grad()
            """,
            why="Accelerate skips the exchange",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(net.cuda(), device_ids=[rank])
            for i, (x, y) in enumerate(loader):
                for _ in range(5):
                    optimizer_d.zero_grad()
                    critic(model(x).detach()).mean().backward()
                    optimizer_d.step()
            """,
            why="each pass updates",
        ),
    )


def _passes(loop: cst.For, condition: cst.If, backward: cst.CSTNode, facts: Facts) -> list[cst.BaseStatement] | None:
    """The statements of a loop up to the backward pass, where what follows only updates now and then.

    ``None`` unless the condition is known beforehand, and nothing but the update under it sees the gradients.
    """
    from greenlint import Calls, Tree, cst

    tree, calls = facts[Tree], facts[Calls]
    body = loop.body
    if not isinstance(body, cst.IndentedBlock) or condition not in body.body:
        return None
    at = next((index for index, each in enumerate(body.body) if each is tree.parent(tree.statement(backward))), None)
    if at is None or at > body.body.index(condition):
        return None
    if "\n" in facts.document.source(condition.test):
        return None
    if any(call.name != "builtins.len" for call in calls.within(condition.test)):
        return None
    asked = {each.value for each in tree.below(condition.test, cst.Name)}
    targets: list[cst.BaseExpression] = [each.target for each in tree.below(body, cst.AssignTarget)]
    targets += [each.target for each in tree.below(body, cst.AugAssign)]
    targets += [each.target for each in tree.below(body, cst.For)]
    if any(each.value in asked for target in targets for each in tree.below(target, cst.Name)):
        return None
    updates = [call for call in calls.methods("step") if "sched" not in facts.document.source(call.node.func).lower()]
    if not all(tree.contains(condition, call.node) for call in updates):
        return None
    seen = (each for each in tree.below(body, cst.Attribute) if each.attr.value == "grad")
    clips = (call.node for call in calls.within(body) if "clip_grad" in call.method or "unscale" in call.method)
    if not all(tree.contains(condition, each) for each in (*seen, *clips)):
        return None
    return [each for each in body.body[: at + 1] if isinstance(each, cst.BaseStatement)]


def _severity(accumulated: Accumulated) -> Severity | None:
    """How sure it is that there is more than one backward pass for an update."""
    if isinstance(accumulated.count, int):
        return Severity.WARNING if accumulated.count > 1 else None
    if isinstance(accumulated.default, int):
        return Severity.INFO if accumulated.default > 1 else None
    return Severity.INFO if accumulated.by_loop else None


def _skips_exchange(step: Step, facts: Facts) -> bool:
    """Whether the exchange is switched off somewhere in the step, evaluation under `no_grad` left out."""
    from greenlint import Calls, ContextKind, Contexts, Loops, Tree, cst

    evaluates = False
    for region in facts[Loops].regions(step):
        contexts, tree = region.facts[Contexts], region.facts[Tree]
        for call in region.facts[Calls].within(region.body):
            if "no_sync" not in call.method:
                continue
            block = tree.enclosing(call.node, cst.With)
            if block is None or contexts.active(block.body, ContextKind.NO_GRAD) is not True:
                return True
            evaluates = True
        if any(each.attr.value in _SWITCHES for each in tree.below(region.body, cst.Attribute)):
            return True
    # Where another caller evaluates under it, the facts cannot tell what holds in the backward pass.
    return not evaluates and facts[Contexts].active(step.backward.node, ContextKind.NO_SYNC) is not False


_REASON = "changes rounding, and buffers are sent to the other processes less often"
_WRAPPER = "torch.nn.parallel.DistributedDataParallel"
_SWITCHES = frozenset(("require_backward_grad_sync", "disable_allreduce", "enable_allreduce", "delay_allreduce"))
