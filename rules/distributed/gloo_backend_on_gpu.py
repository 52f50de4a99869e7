"""Gradients of accelerators exchanged through the host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Outline


class GlooBackendOnGpu(Rule):
    """A process group for training on GPUs uses the Gloo backend.

    Gloo works on the host: each exchange of gradients copies them from the GPU to host memory, sends them and copies
    them back, while the GPU waits at idle power. NCCL exchanges them between the devices directly.

    The finding stands at the call that starts the process group. It is reported only where a network is wrapped for
    several devices, and where no test chooses between backends.

    Leave it on Windows and macOS, which have no NCCL, for several processes on one device, and for a side group that
    exchanges objects of the host.

    To fix it, ask for `"nccl"`, or leave the backend out: PyTorch then picks one for each kind of device.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "lightning", "pytorch_lightning")
    words = (("init_process_group", "DDPStrategy", "FSDPStrategy"), ("gloo",))
    premises = (Premise.NOT_A_TEST, Premise.ON_ACCELERATOR, Premise.CPU_NOT_INTENDED)
    references = ("https://docs.pytorch.org/docs/stable/distributed.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "rule of thumb: NCCL for GPUs, Gloo for CPUs; Gloo currently runs slower than NCCL on GPUs",
            "https://docs.pytorch.org/docs/stable/distributed.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return not outline.calls.isdisjoint(("init_process_group", "DDPStrategy", "FSDPStrategy"))

    @on_call("torch.distributed.init_process_group")
    def group(self, call: Call, facts: Facts) -> Findings:
        if call.argument("backend", 0).constant == "gloo" and _trains_on_accelerator(facts):
            yield from self._report(
                call, facts, 'ask for "nccl", or leave the backend out', self._group_fix(call, facts)
            )

    @on_call("lightning.pytorch.strategies.DDPStrategy", "lightning.pytorch.strategies.FSDPStrategy")
    def strategy(self, call: Call, facts: Facts) -> Findings:
        if call.argument("process_group_backend").constant == "gloo":
            yield from self._report(call, facts, "leave process_group_backend out", self._strategy_fix(call, facts))

    def _report(self, call: Call, facts: Facts, remedy: str, fix: Fix | None) -> Findings:
        from greenlint import Contexts

        if facts[Contexts].dead(call.node) or _is_chosen(call, facts) or _is_forced(facts):
            return
        yield self.finding(
            call.node,
            "gradients go from the accelerators through host memory in each step",
            help=remedy,
            notes=("NCCL is not available on Windows and macOS",),
            fix=fix,
        )

    def _group_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Environment, Names, Tree, cst, insert_before, set_argument, spelled

        document, func = facts.document, call.node.func
        written = call.argument("backend", 0).node
        if not isinstance(written, cst.SimpleString) or not _has_own_devices(facts):
            return None
        if facts[Environment].at_least("torch", "2.0") is False or _GLOO_ONLY.search(facts.glance.code.text):
            return None
        torch = spelled(document, "torch")
        if torch is None:
            return None
        imported, name = torch
        if isinstance(func, cst.Attribute) and facts[Names].resolve(func.value) == "torch.distributed":
            package = document.source(func.value)
        else:
            package = f"{name}.distributed"
        # Tensors of the host are exchanged as before. NCCL wants a GPU, and is not built for every system.
        guard = f"{_GUARD} = {name}.cuda.is_available() and {package}.is_nccl_available()"
        put = insert_before(document, facts[Tree].statement(call.node), guard)
        edits = set_argument(document, call.node, "backend", f'"cpu:gloo,cuda:nccl" if {_GUARD} else "gloo"', 0)
        if put is None or facts[Tree].named(_GUARD):
            return None
        if edits is None:
            return None
        return self.unsafe_fix("exchange tensors of GPUs by NCCL", *imported, *put, *edits, reason=_REASON)

    def _strategy_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import cst, set_argument, spelled

        document = facts.document
        written = call.argument("process_group_backend").node
        torch = spelled(document, "torch")
        if not isinstance(written, cst.SimpleString) or torch is None:
            return None
        imported, name = torch
        # Without a backend Lightning takes NCCL for GPUs, which is not built for every system.
        text = f'None if {name}.distributed.is_nccl_available() else "gloo"'
        edits = set_argument(document, call.node, "process_group_backend", text)
        if edits is None:
            return None
        return self.unsafe_fix("let Lightning choose the backend", *imported, *edits, reason=_REASON)

    examples = (
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("gloo", rank=rank, world_size=4)  # bad
            model = DDP(net.cuda(rank), device_ids=[rank])
            """,
            fixed="""
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            has_nccl = torch.cuda.is_available() and dist.is_nccl_available()
            dist.init_process_group("cpu:gloo,cuda:nccl" if has_nccl else "gloo", rank=rank, world_size=4)
            model = DDP(net.cuda(rank), device_ids=[rank])
            """,
        ),
        Bad(
            """
            import torch
            from torch.distributed import init_process_group
            from torch.nn.parallel import DistributedDataParallel

            backend = "gloo"

            def worker(rank, world_size):
                init_process_group(backend=backend, rank=rank, world_size=world_size)  # bad
                model = DistributedDataParallel(make_model().to(f"cuda:{rank}"), device_ids=[rank])
            """
        ),
        Bad(
            """
            import lightning as L
            from lightning.pytorch.strategies import DDPStrategy

            strategy = DDPStrategy(process_group_backend="gloo")  # bad
            trainer = L.Trainer(accelerator="gpu", devices=4, strategy=strategy)
            """,
            fixed="""
            import lightning as L
            import torch
            from lightning.pytorch.strategies import DDPStrategy

            strategy = DDPStrategy(process_group_backend=None if torch.distributed.is_nccl_available() else "gloo")
            trainer = L.Trainer(accelerator="gpu", devices=4, strategy=strategy)
            """,
        ),
        Bad(
            """
            import pytorch_lightning as pl
            from pytorch_lightning.strategies import FSDPStrategy

            strategy = FSDPStrategy(process_group_backend="gloo")  # bad
            trainer = pl.Trainer(accelerator="gpu", devices=8, strategy=strategy)
            """,
            fixed="""
            import pytorch_lightning as pl
            import torch
            from pytorch_lightning.strategies import FSDPStrategy

            strategy = FSDPStrategy(process_group_backend=None if torch.distributed.is_nccl_available() else "gloo")
            trainer = pl.Trainer(accelerator="gpu", devices=8, strategy=strategy)
            """,
        ),
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("gloo", rank=rank, world_size=4)  # bad
            model = DDP(net.cuda(), device_ids=[0])
            """
        ),
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            options = {"backend": "gloo", "world_size": 4}
            dist.init_process_group(rank=rank, **options)  # bad
            model = DDP(net.cuda(rank), device_ids=[rank])
            """
        ),
        Bad(
            """
            from torch.distributed import init_process_group
            from torch.nn.parallel import DistributedDataParallel

            def worker(rank, size):
                init_process_group(backend="gloo", rank=rank, world_size=size)  # bad
                model = DistributedDataParallel(make_model().to(f"cuda:{rank}"), device_ids=[rank])
            """,
            fixed="""
            import torch
            from torch.distributed import init_process_group
            from torch.nn.parallel import DistributedDataParallel

            def worker(rank, size):
                has_nccl = torch.cuda.is_available() and torch.distributed.is_nccl_available()
                init_process_group(backend="cpu:gloo,cuda:nccl" if has_nccl else "gloo", rank=rank, world_size=size)
                model = DistributedDataParallel(make_model().to(f"cuda:{rank}"), device_ids=[rank])
            """,
        ),
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("gloo", rank=rank, world_size=4)  # bad
            dist.monitored_barrier()
            model = DDP(net.cuda(rank), device_ids=[rank])
            """
        ),
        Good(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("nccl", rank=rank, world_size=4)
            model = DDP(net.cuda(rank), device_ids=[rank])
            """,
            why="the devices talk to each other",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
            model = DDP(net.cuda(), device_ids=[rank])
            """,
            why="Gloo only without a GPU",
        ),
        Good(
            """
            import os
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            if os.name == "nt":
                dist.init_process_group(backend="gloo", rank=rank, world_size=4)
            else:
                dist.init_process_group(backend="nccl", rank=rank, world_size=4)
            model = DDP(net.cuda(rank), device_ids=[rank])
            """,
            why="Windows has no NCCL",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("cpu:gloo,cuda:nccl")
            model = DDP(net.cuda(), device_ids=[rank])
            """,
            why="a backend for each kind of device",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("nccl")
            objects = dist.new_group(backend="gloo")
            model = DDP(net.cuda(), device_ids=[rank])
            """,
            why="a side group for objects of the host",
        ),
        Good(
            """
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            dist.init_process_group("gloo")
            model = DDP(net)
            """,
            why="nothing is put on an accelerator",
        ),
        Good(
            """
            import argparse
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP

            parser = argparse.ArgumentParser()
            parser.add_argument("--backend", default="gloo")
            args = parser.parse_args()
            dist.init_process_group(args.backend)
            model = DDP(net.cuda(), device_ids=[rank])
            """,
            why="the default of an option is not its value",
        ),
        Good(
            """
            import torch
            import torch.distributed as dist

            dist.init_process_group("gloo")
            scores = torch.zeros(1)
            dist.all_reduce(scores)
            model.cuda()
            """,
            why="no network is wrapped: the group may serve the host alone",
        ),
    )


def _trains_on_accelerator(facts: Facts) -> bool:
    """Whether a network on an accelerator is wrapped for several processes here or in a module around."""
    from greenlint import Calls, Device, Values

    wrappers = (
        "torch.nn.parallel.DistributedDataParallel",
        "torch.distributed.fsdp.FullyShardedDataParallel",
        "torch.distributed.fsdp.fully_shard",
    )
    for call in facts[Calls].named(*wrappers):
        ids = call.argument("device_ids", 1)
        if ids.written and ids.constant is not None:
            return True
        value = facts[Values].of(call.positional[0]) if call.positional else None
        if value is not None and value.device is Device.ACCELERATOR:
            return True
    return False


def _has_own_devices(facts: Facts) -> bool:
    """Whether each process has a device of its own: NCCL refuses several processes on one."""
    from greenlint import Calls, cst

    wraps = facts[Calls].named("torch.nn.parallel.DistributedDataParallel")
    for call in wraps:
        ids = call.argument("device_ids", 1).node
        if isinstance(ids, cst.IfExp):
            ids = ids.body
        if not isinstance(ids, cst.List) or len(ids.elements) != 1:
            return False
        if not isinstance(ids.elements[0].value, (cst.Name, cst.Attribute)):
            return False
    return bool(wraps)


def _is_chosen(call: Call, facts: Facts) -> bool:
    """Whether a test decides on the backend, or another call of the file starts a group with another one."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    for above in tree.ancestors(call.node):
        if isinstance(above, cst.If) and _SYSTEM.search(facts.document.source(above.test)):
            return True
        if isinstance(above, (cst.ExceptHandler, cst.IfExp)):
            return True
    others = facts[Calls].named("torch.distributed.init_process_group")
    return any(each is not call and each.argument("backend", 0).constant != "gloo" for each in others)


def _is_forced(facts: Facts) -> bool:
    """Whether the file is written for a system without NCCL, or uses a CPU too."""
    from greenlint import Frameworks

    code = facts[Frameworks].code
    return any(word in code for word in ("win32", "USE_LIBUV", "is_nccl_available"))


_GLOO_ONLY = re.compile(r"monitored_barrier|get_backend|sparse")
"""What works with Gloo alone, or asks for it by name."""
_GUARD = "has_nccl"
_REASON = "sums gradients in another order"
_SYSTEM = re.compile(r"\bnt\b|win32|windows|platform|darwin|cuda|cpu|device|nccl|gpu", re.IGNORECASE)
"""What a test may ask that decides on the backend."""
