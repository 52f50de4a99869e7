"""Evaluations that every process of a training runs in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Loop


class FullEvaluationOnEveryRank(Rule):
    """Every process of a distributed training evaluates the whole validation set.

    Without a sampler that splits the data, and without a test of the rank, each device computes the same outputs as
    all others: with eight devices, seven of eight evaluations are thrown away.

    The finding stands at the `DataLoader` call. It is reported only where the loop over the loader can be seen to run
    in each process of a training with wrapped networks.

    Leave it where the set is tiny, or where the metric must see exactly all samples in one process; then run it on
    one rank only.

    To fix it, pass `sampler=DistributedSampler(dataset, shuffle=False)` and add the sums of the metric up with
    `all_reduce` at the end. The sampler repeats a few samples to fill the last batch: drop them where it matters.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("DataLoader",),)
    premises = (Premise.NOT_A_TEST, Premise.OWN_STEP, Premise.ON_RANKS, Premise.MAY_HAVE_ACCELERATOR)
    references = ("https://docs.pytorch.org/docs/stable/data.html",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "all but one of the processes compute what is known already; nobody has measured the energy",
            "the documentation of DistributedSampler",
        ),
    )

    @on_call("torch.utils.data.DataLoader")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Distributed

        if facts[Contexts].dead(call.node) or not _samples_everything(call):
            return
        loop = _evaluation(call, facts)
        dataset = call.argument("dataset")
        if loop is None or dataset.node is None or facts[Distributed].on_one_rank(call.node):
            return
        if dataset.facts[Distributed].shards(dataset.node) is not False or not _has_processes(loop, facts):
            return
        yield self.finding(
            call.node,
            "every process evaluates the whole data set",
            help="pass sampler=DistributedSampler(dataset, shuffle=False) and reduce the metric at the end",
            related=((loop.node, "evaluated here", loop.facts.document),),
        )

    examples = (
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            validation = DataLoader(ImageFolder("val", transform), batch_size=64)  # bad
            model = DDP(net.cuda(), device_ids=[rank])
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
                model.eval()
                with torch.no_grad():
                    for x, y in validation:
                        correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            @torch.no_grad()
            def validate(model, loader):
                model.eval()
                for x, y in loader:
                    correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()

            def main(rank):
                model = nn.parallel.DistributedDataParallel(net.cuda(rank))
                validation = DataLoader(ImageFolder("val", transform), batch_size=64, shuffle=False)  # bad
                for epoch in range(10):
                    train(model, loader)
                    validate(model, validation)
            """
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel
            from torch.utils.data import DataLoader, SequentialSampler, TensorDataset

            data = TensorDataset(ids, labels)
            loader = DataLoader(data, sampler=SequentialSampler(data), batch_size=64)  # bad
            model = DistributedDataParallel(net.cuda(), device_ids=[rank])
            model.eval()
            with torch.no_grad():
                for x, y in loader:
                    outputs.append(model(x.cuda()))
            """
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torch.utils.data.distributed import DistributedSampler
            from torchvision.datasets import ImageFolder

            data = ImageFolder("val", transform)
            loader = DataLoader(data, batch_size=64, sampler=DistributedSampler(data, shuffle=False))
            model = DDP(net.cuda(), device_ids=[rank])
            with torch.no_grad():
                for x, y in loader:
                    correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()
            """,
            why="each process evaluates its part",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            loader = DataLoader(ImageFolder("val", transform), batch_size=64)
            model = DDP(net.cuda(), device_ids=[rank])
            if rank == 0:
                with torch.no_grad():
                    for x, y in loader:
                        correct += (model.module(x.cuda()).argmax(1) == y.cuda()).sum()
            """,
            why="one process evaluates",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            def validate(model, loader):
                if not is_main_process():
                    return
                with torch.no_grad():
                    for x, y in loader:
                        correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()

            validate(DDP(net.cuda()), DataLoader(ImageFolder("val", transform), batch_size=64))
            """,
            why="the others leave first",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            loader = DataLoader(ImageFolder("val", transform), batch_size=64)
            model = net.cuda()
            with torch.no_grad():
                for x, y in loader:
                    correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()
            """,
            why="one process",
        ),
        Good(
            """
            import torch
            from data import make_dataset
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader

            loader = DataLoader(make_dataset("val"), batch_size=64)
            model = DDP(net.cuda(), device_ids=[rank])
            with torch.no_grad():
                for x, y in loader:
                    correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()
            """,
            why="the data set may be split where it is made",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            def validate(model, loader):
                with torch.no_grad():
                    for x, y in loader:
                        correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()

            model = DDP(net.cuda())
            loader = DataLoader(ImageFolder("val", transform), batch_size=64)
            if args.local_rank in (-1, 0):
                validate(model, loader)
            """,
            why="the caller asks for the rank",
        ),
    )


def _samples_everything(call: Call) -> bool:
    """Whether a loader certainly yields the whole data set."""
    if call.argument("batch_sampler").constant is not None:
        return False
    sampler = call.argument("sampler")
    if sampler.constant is None:
        return True
    value = sampler.value
    name = value.call.name if value is not None and value.call is not None else None
    return name == "torch.utils.data.SequentialSampler"


def _evaluation(call: Call, facts: Facts) -> Loop | None:
    """The loop that evaluates a loader's batches in each process; ``None`` where a loop over it trains."""
    from greenlint import Datasets, Distributed, LoopRole, Loops

    loops = [owner[Loops].of(node) for owner, node in facts[Datasets].loops_over(call)]
    if not loops or any(each.role is not LoopRole.EVALUATION for each in loops):
        return None
    return next((each for each in loops if not each.facts[Distributed].on_one_rank(each.node)), None)


def _has_processes(loop: Loop, facts: Facts) -> bool:
    """Whether the network that a loop evaluates, or one that a step around it trains, is wrapped for processes."""
    from greenlint import Calls, Distributed, Models, Parallel

    models, distributed = loop.facts[Models], loop.facts[Distributed]
    for call in loop.facts[Calls].within(loop.node.body):
        network = models.network(call)
        if network is not None and any(
            each.parallel in (Parallel.DDP, Parallel.FSDP) for each in distributed.wrapped(network)
        ):
            return True
    return False
