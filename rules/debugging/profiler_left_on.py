"""Profilers that record a whole training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst


class ProfilerLeftOn(Rule):
    """A profiler or memory recorder runs all through a training instead of for a few of its steps.

    Recording costs time for each operation, more with shapes, stacks and memory, and the records pile up in host memory
    until they are written. A few steps tell as much, because the others look the same.

    The finding stands at the call that starts recording: `torch.profiler.profile(...)` without a `schedule` around a
    training loop, `emit_nvtx`, `_record_memory_history`, TensorFlow's or JAX's start of a trace that nothing stops, or
    the `Trainer(profiler=...)`. A loop that ends after a few steps, a profiler under a condition, files named after
    profiling or benchmarks, and toys are not reported.

    Leave it while you read its output after each run.

    To fix it, give a `schedule` that waits, warms up and records a few steps, or start and stop the trace around some
    steps.
    """

    severity = Severity.INFO
    frameworks = ("torch", "tensorflow", "jax", "lightning", "pytorch_lightning")
    words = (("*profiler*", "emit_nvtx", "_record_memory_history", "start_trace"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://docs.pytorch.org/tutorials/recipes/recipes/profiler_recipe.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to disable debugging interfaces, profilers among them, for regular training",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's profiler recipe: trace long jobs with a schedule, as tracing all can be slow and give very "
            "large files",
            "https://docs.pytorch.org/tutorials/recipes/recipes/profiler_recipe.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(_NAMES)

    @on_file
    def block(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Runs, Tree, cst

        for call in facts[Calls].named(*_BLOCKS):
            around = facts[Tree].parent(call.node)
            if not isinstance(around, cst.WithItem) or not _records_all(call):
                continue
            place = facts[Runs].training(call.node)
            if place is None or _is_short(place[0], facts):
                continue
            yield self.finding(
                call.node,
                f"{_BLOCKS[call.name or '']} records {_whole(place[1])}",
                help=_HELP,
                related=(place,),
            )

    @on_file
    def start(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs

        for call, what in _started(facts):
            place = facts[Runs].training(call.node)
            if place is None or _is_short(place[0], facts):
                continue
            yield self.finding(
                call.node,
                f"{what} from here on, and nothing stops it",
                help="stop it after a few steps",
                related=(place,),
            )

    @on_call("lightning.pytorch.Trainer")
    def trainer(self, call: Call, facts: Facts) -> Findings:
        from greenlint import UNKNOWN

        if call.argument("profiler").constant not in ("pytorch", "advanced"):
            return
        if call.argument("fast_dev_run").constant not in (False, UNKNOWN) or call.argument("max_steps").constant != -1:
            return
        yield self.finding(
            call.node,
            f'profiler="{call.argument("profiler").constant}" records the whole training',
            help="drop it; profile a run with a small max_steps instead",
        )

    examples = (
        Bad(
            """
            import torch
            from torch.profiler import ProfilerActivity, profile

            with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], with_stack=True) as prof:  # bad
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                with torch.autograd.profiler.profile(use_cuda=True) as prof:  # bad
                    loss = criterion(model(x), y)
                    loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            torch.cuda.memory._record_memory_history(max_entries=100000)  # bad
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            torch.cuda.memory._dump_snapshot("memory.pickle")
            """
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=50, profiler="advanced")  # bad
            trainer.fit(module, data)
            """
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            Trainer(profiler="pytorch").fit(module, data)  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf

            tf.profiler.experimental.start("logs")  # bad
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """
        ),
        Bad(
            """
            import jax
            import optax

            jax.profiler.start_trace("/tmp/trace")  # bad
            for batch in batches:
                updates, state = tx.update(gradient(params, batch), state)
                params = optax.apply_updates(params, updates)
            """
        ),
        Good(
            """
            import torch
            from torch.profiler import profile, schedule

            with profile(schedule=schedule(wait=1, warmup=1, active=3, repeat=1)) as prof:
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
                    prof.step()
            """,
            why="records a few steps",
        ),
        Good(
            """
            import torch

            with torch.profiler.profile() as prof:
                for step, (x, y) in enumerate(loader):
                    if step >= 10:
                        break
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
            """,
            why="the loop ends after ten steps",
        ),
        Good(
            """
            import contextlib

            import torch

            with torch.profiler.profile() if args.profile else contextlib.nullcontext():
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
            """,
            why="an option decides",
        ),
        Good(
            """
            import torch

            with torch.profiler.profile() as prof:
                model(first)
            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            why="one forward pass is profiled",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                with torch.autograd.profiler.record_function("step"):
                    loss = criterion(model(x), y)
                    loss.backward()
                optimizer.step()
            """,
            why="a label costs next to nothing while no profiler runs",
        ),
        Good(
            """
            import torch

            torch.cuda.memory._record_memory_history()
            criterion(model(first.cuda()), target).backward()
            torch.cuda.memory._record_memory_history(enabled=None)
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="stopped before the training",
        ),
        Good(
            """
            import lightning as L

            L.Trainer(max_epochs=50, profiler="simple").fit(module, data)
            L.Trainer(max_steps=20, profiler="advanced").fit(module, data)
            L.Trainer(max_epochs=50, profiler=args.profiler).fit(module, data)
            """,
            why="a few timers, a short run, an option",
        ),
        Good(
            """
            import torch

            with torch.profiler.profile(enabled=False):
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
            with torch.autograd.profiler.profile(False):
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
            """,
            why="switched off",
        ),
    )


_HELP = "give it a schedule of a few steps: schedule(wait=1, warmup=1, active=3, repeat=1)"
_BLOCKS = {
    "torch.profiler.profile": "this profiler",
    "torch.autograd.profiler.profile": "this profiler",
    "torch.autograd.profiler.emit_nvtx": "emit_nvtx",
    "tensorflow.profiler.experimental.Profile": "this profiler",
    "jax.profiler.trace": "this trace",
}
_STARTS = {
    "torch.cuda.memory._record_memory_history": ("allocations are recorded", ()),
    "tensorflow.profiler.experimental.start": ("TensorFlow is profiled", ("stop",)),
    "jax.profiler.start_trace": ("JAX is traced", ("stop_trace",)),
}
"""What starts recording, in words, with the methods that stop it."""
_NAMES = frozenset((*(each.rpartition(".")[2] for each in (*_BLOCKS, *_STARTS)), "Trainer"))
_FEW = 100


def _whole(place: str) -> str:
    return "every training step" if "step" in place else "the whole training"


def _records_all(call: Call) -> bool:
    """Whether a profiler has no schedule and is not switched off."""
    if not call.argument("schedule").absent:
        return False
    position = 0 if call.name in ("torch.autograd.profiler.profile", "torch.autograd.profiler.emit_nvtx") else None
    enabled = call.argument("enabled", position)
    return enabled.absent or enabled.constant is True


def _started(facts: Facts) -> Iterator[tuple[Call, str]]:
    """The calls that start recording in a file where nothing stops it."""
    from greenlint import Calls

    for name, (what, stops) in _STARTS.items():
        calls = facts[Calls].named(name)
        if not calls or facts[Calls].methods(*stops):
            continue
        if not stops and any(not each.argument("enabled", 0).absent for each in calls):
            continue
        yield calls[0], what


def _is_short(place: cst.CSTNode, facts: Facts) -> bool:
    """Whether the loop around a place, or the place itself, certainly ends after few steps."""
    from greenlint import Loops, Tree, cst

    if place not in facts[Tree]:
        return False
    loops = [place] if isinstance(place, (cst.For, cst.While)) else facts[Tree].loops_around(place)
    for loop in loops:
        if any(facts[Tree].below(loop.body, cst.Break)):
            return True
        iterations = facts[Loops].of(loop).iterations
        if iterations is not None and iterations <= _FEW and loop is loops[0]:
            return True
    return False
