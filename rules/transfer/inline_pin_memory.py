"""Batches pinned in the training process right before they are copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Outline, cst


class InlinePinMemory(Rule):
    """A tensor is copied into page-locked memory and at once from there to the accelerator.

    `x.pin_memory().to(device)` first makes a pinned copy in the training process, which blocks and allocates
    page-locked memory each time, and only then the copy that is wanted. A plain `.to(device)` is faster.

    The finding stands at the pinning call; in an evaluation loop it is an info.

    Leave it where a pinned buffer is filled once and reused, or where a prefetcher pins in another thread or between
    the forward and backward pass.

    To fix it, drop the call, or let the loader's own thread pin: `DataLoader(..., pin_memory=True)`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("pin_memory",),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
    )
    references = ("https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",)
    evidence = (
        Evidence(
            Grade.TIMED,
            "pinning and then copying can take up to twice as long as a plain copy",
            "https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "pin_memory" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Heat, Hot

        for call in facts[Calls].methods("pin_memory"):
            if call.receiver is None or call.positional or facts[Contexts].dead(call.node):
                continue
            spot = facts[Hot].of(call.node)
            if spot is None or not _moved_at_once(call, facts) or _prefetches(call, facts):
                continue
            yield self.finding(
                call.node,
                f"a page-locked copy is made {spot.heat.value}, only to be copied on at once",
                help="drop this call, or pass pin_memory=True to the DataLoader",
                severity=Severity.INFO if spot.heat is Heat.EVALUATION else None,
                fix=self._fix(call, facts),
            )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Drop the call where the copy to the accelerator is made of it in the same expression."""
        from greenlint import Calls, Device, Edit, Span, Transfers, Tree, cst

        document, tree, receiver = facts.document, facts[Tree], call.receiver
        above = tree.parent(call.node)
        outer = tree.parent(above) if isinstance(above, cst.Attribute) else None
        move = facts[Transfers].move(facts[Calls].of(outer)) if isinstance(outer, cst.Call) else None
        if move is None or move.target is not Device.ACCELERATOR or receiver is None:
            # On the host the copy is what the program goes on with: without it the original would be changed.
            return None
        if receiver.lpar or call.node.lpar or call.node.args:
            return None
        span = Span(document.span(receiver).end, document.span(call.node).end)
        if "#" in document.text[span.start : span.end]:
            return None
        return self.safe_fix("copy it directly", Edit(span, ""))

    examples = (
        Bad(
            """
            import torch

            for x, y in loader:
                x = x.pin_memory().to("cuda", non_blocking=True)  # bad
                loss = criterion(model(x), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            for x, y in loader:
                x = x.to("cuda", non_blocking=True)
                loss = criterion(model(x), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.pin_memory().cuda(non_blocking=True)), y.cuda())  # bad
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda(non_blocking=True)), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch

            device = torch.device("cuda")
            for x, y in loader:
                pinned = x.pin_memory()  # bad
                x = pinned.to(device, non_blocking=True)
                criterion(model(x), y.to(device)).backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            for x, y in DataLoader(data, pin_memory=True):
                criterion(model(x.cuda(non_blocking=True)), y.cuda(non_blocking=True)).backward()
                optimizer.step()
            """,
            why="the loader's thread pins",
        ),
        Good(
            """
            import torch

            buffer = torch.empty(64, 3, 224, 224).pin_memory()
            for x, y in loader:
                buffer.copy_(x)
                criterion(model(buffer.cuda(non_blocking=True)), y.cuda()).backward()
                optimizer.step()
            """,
            why="one buffer, reused",
        ),
        Good(
            """
            import torch

            def get_batch():
                x = torch.stack(rows)
                return x.pin_memory().to("cuda", non_blocking=True)

            x = get_batch()
            for step in range(10000):
                loss = model(x).mean()
                x = get_batch()
                loss.backward()
                optimizer.step()
            """,
            why="the next batch is fetched while the device computes",
        ),
        Good(
            """
            import torch

            table = torch.load("table.pt").pin_memory().to("cuda", non_blocking=True)
            """,
            why="once",
        ),
        Good(
            """
            import torch

            class Batch:
                def pin_memory(self):
                    self.x = self.x.pin_memory()
                    return self

            for batch in loader:
                criterion(model(batch.x.cuda())).backward()
                optimizer.step()
            """,
            why="the method that a loader's thread calls",
        ),
    )


def _moved_at_once(call: Call, facts: Facts) -> bool:
    """Whether the pinned copy goes to a device in the same expression or the next statement."""
    from greenlint import Calls, Transfers, Tree, cst

    tree, transfers = facts[Tree], facts[Transfers]
    above = tree.parent(call.node)
    outer = tree.parent(above) if isinstance(above, cst.Attribute) else None
    if isinstance(outer, cst.Call):
        return transfers.move(facts[Calls].of(outer)) is not None
    statement = tree.statement(call.node)
    if not isinstance(statement, cst.Assign) or not isinstance(statement.targets[0].target, cst.Name):
        return False
    name = statement.targets[0].target.value
    line = tree.parent(statement)
    block = tree.parent(line) if line is not None else None
    if line is None or not isinstance(block, (cst.IndentedBlock, cst.Module)):
        return False
    at = next(index for index, each in enumerate(block.body) if each is line)
    return any(
        isinstance(move.source, cst.Name) and move.source.value == name
        for each in block.body[at + 1 : at + 2]
        for move in transfers.within(each)
    )


def _prefetches(call: Call, facts: Facts) -> bool:
    """Whether the copy is issued for a later step: in a prefetcher, or between forward and backward pass."""
    from greenlint import Loops, Tree

    tree = facts[Tree]
    function = tree.function(call.node)
    if function is not None and ("prefetch" in function.name.value or function.name.value in ("pin_memory", "preload")):
        return True
    for step in facts[Loops].steps:
        for region in facts[Loops].regions(step):
            inside = region.facts is facts and region.function is function and function is not None
            via = region.via
            if inside and via is not None and via.facts is step.facts:
                forward = tree.first(via.node) < tree.first(step.backward.node) if via.facts is facts else False
                if forward and _follows_forward(via, step.facts):
                    return True
    return False


def _follows_forward(via: Call, facts: Facts) -> bool:
    """Whether a network runs earlier in the same block than the call that fetches the next batch."""
    from greenlint import Calls, Models, Tree, cst

    tree = facts[Tree]
    block = next((each for each in tree.ancestors(via.node) if isinstance(each, cst.IndentedBlock)), None)
    if block is None:
        return False
    return any(
        facts[Models].network(call) is not None and tree.first(call.node) < tree.first(via.node)
        for call in facts[Calls].within(block)
    )
