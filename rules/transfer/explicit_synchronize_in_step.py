"""Explicit waits for the accelerator in the training step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, Outline, Spot, cst


class ExplicitSynchronizeInStep(Rule):
    """A training step waits for the accelerator with `torch.cuda.synchronize()`, `block_until_ready()` or the like.

    The program normally runs ahead and keeps the accelerator's queue filled. An explicit wait empties the queue in
    each step, and the accelerator idles at high power until Python has prepared new work. Results do not need it:
    operations of one stream run in order, and reading a value waits by itself.

    The finding stands at the first such call of a step or function; further ones are related places. Calls that time
    something, stand under a step modulo, order several streams or run in an evaluation are not reported. An average
    time per batch is no reason to wait in each step: it comes out the same without.

    Leave it while hunting an asynchronous error.

    To fix it, delete the call, or keep it for every hundredth step.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "jax")
    words = (("synchronize", "block_until_ready", "mark_step"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://docs.pytorch.org/docs/stable/notes/cuda.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to avoid unnecessary synchronisation, so that the CPU can run ahead",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"synchronize", "block_until_ready", "mark_step"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:

        if _SEVERAL_STREAMS.search(facts.document.text):
            return
        groups: dict[object, list[Call]] = {}
        for call, spot in _waits(facts):
            groups.setdefault(spot.body, []).append(call)
        for calls in groups.values():
            yield self.finding(
                calls[0].node,
                f"{_written(calls[0])} empties the device's queue in every training step",
                help="delete it; reading a result waits for the device by itself",
                notes=("saves 2-15 % of a step, up to 50 % with many small kernels (estimate)",),
                related=tuple((each.node, "waits again here") for each in calls[1:6]),
                fix=self._fix(calls, facts),
            )

    def _fix(self, calls: list[Call], facts: Facts) -> Fix | None:
        from greenlint import Tree, cst, delete_statement

        if len(calls) != 1 or not isinstance(facts[Tree].parent(calls[0].node), cst.Expr):
            return None
        edits = delete_statement(facts.document, facts[Tree].statement(calls[0].node))
        if edits is None:
            return None
        return self.unsafe_fix("delete the wait", *edits, reason="it may hide a missing wait elsewhere")

    examples = (
        Bad(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                torch.cuda.synchronize()  # bad
            """,
            fixed="""
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import time
            import torch

            begin = end = time.time()
            for x, y in loader:
                data_time.update(time.time() - end)
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                torch.cuda.synchronize()  # bad
                batch_time.update(time.time() - end)
                end = time.time()
            print(time.time() - begin)
            """,
            fixed="""
            import time
            import torch

            begin = end = time.time()
            for x, y in loader:
                data_time.update(time.time() - end)
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                batch_time.update(time.time() - end)
                end = time.time()
            print(time.time() - begin)
            """,
        ),
        Bad(
            """
            import jax
            import optax

            @jax.jit
            def update(params, state, batch):
                loss, grads = jax.value_and_grad(objective)(params, batch)
                updates, state = tx.update(grads, state)
                return optax.apply_updates(params, updates), state, loss

            for batch in batches:
                params, state, loss = update(params, state, batch)
                loss.block_until_ready()  # bad
            """,
            fixed="""
            import jax
            import optax

            @jax.jit
            def update(params, state, batch):
                loss, grads = jax.value_and_grad(objective)(params, batch)
                updates, state = tx.update(grads, state)
                return optax.apply_updates(params, updates), state, loss

            for batch in batches:
                params, state, loss = update(params, state, batch)
            """,
        ),
        Bad(
            """
            import torch

            def step(x, y):
                loss = criterion(model(x.cuda()), y.cuda())
                torch.cuda.synchronize()  # bad
                loss.backward()
                optimizer.step()
                torch.cuda.synchronize()

            for x, y in loader:
                step(x, y)
            """
        ),
        Good(
            """
            import time
            import torch

            for x, y in loader:
                torch.cuda.synchronize()
                start = time.perf_counter()
                output = model(x.cuda())
                torch.cuda.synchronize()
                times.append(time.perf_counter() - start)
                criterion(output, y.cuda()).backward()
                optimizer.step()
            """,
            why="the forward pass is being timed",
        ),
        Good(
            """
            import torch

            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                if step % 100 == 0:
                    torch.cuda.synchronize()
                    report(step)
            """,
            why="every hundredth step only",
        ),
        Good(
            """
            import torch

            model.eval()
            with torch.no_grad():
                for x, y in loader:
                    output = model(x.cuda())
                    torch.cuda.synchronize()
            """,
            why="no training step",
        ),
        Good(
            """
            import torch

            for epoch in range(90):
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                torch.cuda.synchronize()
            """,
            why="once per epoch",
        ),
        Good(
            """
            import time
            import torch

            def benchmark_training(model, loader, optimizer, warm):
                begin = None
                for number, (x, y) in enumerate(loader):
                    if number >= warm:
                        torch.cuda.synchronize()
                        begin = time.time()
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    if begin is None:
                        continue
                    torch.cuda.synchronize()
                    times.append(time.time() - begin)
            """,
            why="it is there to measure",
        ),
        Good(
            """
            import torch

            side = torch.cuda.Stream()
            for x, y in loader:
                with torch.cuda.stream(side):
                    batch = x.cuda(non_blocking=True)
                torch.cuda.synchronize()
                loss = criterion(model(batch), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="two streams have to be put in order",
        ),
        Good(
            """
            import time
            import torch

            def now():
                torch.cuda.synchronize()
                return time.time()

            for x, y in loader:
                before = now()
                output = model(x.cuda())
                print(now() - before)
                criterion(output, y.cuda()).backward()
                optimizer.step()
            """,
            why="a helper that reads the clock",
        ),
        Good(
            """
            import time
            import torch

            def wait(kind):
                if kind == "cuda":
                    torch.cuda.synchronize()
                elif kind == "xpu":
                    torch.xpu.synchronize()
                return time.time()

            for batch in loader:
                start = wait(kind)
                loss = model(batch).mean()
                loss.backward()
                optimizer.step()
                print(wait(kind) - start)
            """,
            why="a helper that waits to read the time",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                start.record()
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
                end.record()
                torch.cuda.synchronize()
                print(start.elapsed_time(end))
            """,
            why="the time between two events is only known after a wait",
        ),
    )


def _waits(facts: Facts) -> Iterator[tuple[Call, Spot]]:
    """The explicit waits that run in each training step, with the body around them."""
    from greenlint import Calls, Clocks, Contexts, Heat, Hot

    for call in facts[Calls].methods("synchronize", "block_until_ready", "mark_step"):
        if not _is_wait(call, facts) or facts[Clocks].measures(call.node) or _reads_memory(call, facts):
            continue
        spot = facts[Hot].of(call.node)
        if spot is not None and spot.heat is Heat.STEP and not facts[Contexts].dead(call.node):
            yield call, spot


def _is_wait(call: Call, facts: Facts) -> bool:
    from greenlint import Calls, cst

    if call.name in _NAMES:
        return True
    if call.method == "mark_step":
        return call.name is not None and call.name.endswith("xla_model.mark_step") and _steps_itself(call, facts)
    if call.method == "block_until_ready":
        return call.name is None and "jax" in facts.document.text
    receiver = call.receiver
    return isinstance(receiver, cst.Call) and facts[Calls].of(receiver).name == "torch.cuda.current_stream"


def _steps_itself(call: Call, facts: Facts) -> bool:
    """Whether the loader of the loop already marks the steps."""
    from greenlint import Tree, cst

    return any(
        isinstance(loop, cst.For) and _MARKING_LOADER.search(facts.document.source(loop.iter)) is not None
        for loop in facts[Tree].loops_around(call.node)
    )


def _reads_memory(call: Call, facts: Facts) -> bool:
    """Whether the wait makes a reading of the device's memory right."""
    from greenlint import Calls, Tree

    statement = facts[Tree].parent(facts[Tree].statement(call.node))
    block = facts[Tree].parent(statement) if statement is not None else None
    return block is not None and bool(
        facts[Calls].methods("memory_allocated", "memory_reserved", "mem_get_info", "memory_snapshot", within=block)
    )


def _written(call: Call) -> str:
    return f"{call.name}()" if call.name is not None else f".{call.method}()"


_NAMES = frozenset(
    (
        "torch.cuda.synchronize",
        "torch.mps.synchronize",
        "torch.xpu.synchronize",
        "torch.accelerator.synchronize",
        "jax.block_until_ready",
    )
)
_MARKING_LOADER = re.compile(r"MpDeviceLoader|ParallelLoader|per_device_loader")
_SEVERAL_STREAMS = re.compile(r"\bcuda\.Stream\(|\bcuda\.stream\(|wait_stream\(|torch\.profiler|CUDAGraph\(")
