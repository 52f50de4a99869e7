"""Processes of one training that all walk through the whole data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Loop


class DdpWithoutShardedSampler(Rule):
    """Each process of a DistributedDataParallel training loads the whole data set instead of its own part.

    Without a `DistributedSampler`, a loader yields all samples in every process. An epoch then computes every sample
    on each device, for little more progress than on one, and for none at all where the processes shuffle alike.

    The finding stands at the `DataLoader` call. It is reported only where the loop over the loader trains a wrapped
    network and the data set can be seen not to be split. Where training counts steps instead of passes over the
    data, it is a remark only.

    Leave it where Accelerate, Lightning, the Trainer of transformers or Ray prepare the loader, for data sets that
    split themselves, and where each process draws random samples on purpose.

    To fix it, pass `sampler=DistributedSampler(dataset)` without `shuffle`, and call `sampler.set_epoch(epoch)`
    before each epoch.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("DataLoader",),)
    premises = (Premise.NOT_A_TEST, Premise.OWN_STEP, Premise.ON_RANKS, Premise.MAY_HAVE_ACCELERATOR)
    references = ("https://docs.pytorch.org/docs/stable/data.html",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "the work of an epoch is multiplied by the number of processes; nobody has measured the energy",
            "the documentation of DistributedSampler",
        ),
    )

    @on_call("torch.utils.data.DataLoader")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Distributed, Loops

        if facts[Contexts].dead(call.node) or not _samples_everything(call):
            return
        loop = _training_loop(call, facts)
        if loop is None or loop.step is None or not loop.step.facts[Loops].updates(loop.step):
            return
        wrapped = [each for each in loop.step.facts[Distributed].of_step(loop.step) if _has_processes(each.parallel)]
        dataset = call.argument("dataset")
        if not wrapped or dataset.node is None:
            return
        if dataset.facts[Distributed].shards(dataset.node) is not False:
            return
        yield self.finding(
            call.node,
            "every process trains on the whole data set",
            help="pass sampler=DistributedSampler(dataset) instead of shuffle, and call its set_epoch(epoch)",
            related=(
                (wrapped[0].call.node, "one process for each device", wrapped[0].call.facts.document),
                (loop.node, "trained here", loop.facts.document),
            ),
            severity=None if _counts_epochs(loop) else Severity.INFO,
        )

    examples = (
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            data = ImageFolder("train", transform)
            loader = DataLoader(data, batch_size=64, shuffle=True, num_workers=4)  # bad
            model = DDP(net.cuda(rank), device_ids=[rank])
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda(rank)), y.cuda(rank)).backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torch.utils.data import DataLoader, Dataset, RandomSampler

            class Clips(Dataset):
                def __init__(self, paths):
                    self.paths = paths

                def __getitem__(self, index):
                    return torch.load(self.paths[index])

            def train(model, loader, epochs):
                for epoch in range(epochs):
                    for x, y in loader:
                        criterion(model(x.cuda()), y.cuda()).backward()
                        optimizer.step()

            def main(rank):
                data = Clips(paths)
                loader = DataLoader(data, batch_size=64, sampler=RandomSampler(data))  # bad
                train(nn.parallel.DistributedDataParallel(net.cuda(rank)), loader, 10)
            """
        ),
        Bad(
            """
            import torch
            from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
            from torch.utils.data import DataLoader, TensorDataset

            model = FSDP(net.cuda())
            loader = DataLoader(TensorDataset(inputs, targets), 256, True)  # bad
            for epoch in range(10):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torch.utils.data.distributed import DistributedSampler
            from torchvision.datasets import ImageFolder

            data = ImageFolder("train", transform)
            sampler = DistributedSampler(data) if distributed else None
            loader = DataLoader(data, batch_size=64, shuffle=sampler is None, sampler=sampler)
            model = DDP(net.cuda(rank), device_ids=[rank])
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda(rank)), y.cuda(rank)).backward()
                    optimizer.step()
            """,
            why="each process gets its part",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader, TensorDataset

            loader = DataLoader(TensorDataset(ids), batch_size=64)
            model = DDP(net.cuda(rank), device_ids=[rank])
            for (x,) in loader:
                model(x.cuda(rank)).loss.backward()
                importance += mask.grad.abs().detach()
            """,
            why="gradients are only looked at",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader, Subset
            from torchvision.datasets import ImageFolder

            data = ImageFolder("train", transform)
            part = Subset(data, range(rank, len(data), world_size))
            loader = DataLoader(part, batch_size=64, shuffle=True)
            model = DDP(net.cuda(rank), device_ids=[rank])
            for x, y in loader:
                criterion(model(x.cuda(rank)), y.cuda(rank)).backward()
                optimizer.step()
            """,
            why="split by hand",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader, IterableDataset

            class Stream(IterableDataset):
                def __iter__(self):
                    yield from records(torch.distributed.get_rank())

            loader = DataLoader(Stream(), batch_size=64)
            model = DDP(net.cuda(), device_ids=[0])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="the stream splits itself",
        ),
        Good(
            """
            import torch
            from data import make_dataset
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader

            loader = DataLoader(make_dataset(args), batch_size=64, shuffle=True)
            model = DDP(net.cuda(), device_ids=[0])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="whether the data set is split cannot be seen",
        ),
        Good(
            """
            import torch
            from accelerate import Accelerator
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            accelerator = Accelerator()
            loader = DataLoader(ImageFolder("train", transform), batch_size=64, shuffle=True)
            model, loader = accelerator.prepare(net, loader)
            for x, y in loader:
                accelerator.backward(criterion(model(x), y))
                optimizer.step()
            """,
            why="Accelerate splits the batches",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            loader = DataLoader(ImageFolder("train", transform), batch_size=64, shuffle=True)
            model = torch.nn.DataParallel(net.cuda())
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="one process",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torch.utils.data.distributed import DistributedSampler
            from torchvision.datasets import ImageFolder

            train = ImageFolder("train", transform)
            loader = DataLoader(train, batch_size=64, sampler=DistributedSampler(train))
            validation = DataLoader(ImageFolder("val", transform), batch_size=64)
            model = DDP(net.cuda(), device_ids=[0])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            for x, y in validation:
                correct += (model(x.cuda()).argmax(1) == y.cuda()).sum()
            """,
            why="evaluation is another rule's matter",
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
    return name in ("torch.utils.data.RandomSampler", "torch.utils.data.SequentialSampler")


def _training_loop(call: Call, facts: Facts) -> Loop | None:
    """The loop over a loader that trains; the only one in this file or in those that import it."""
    from greenlint import Datasets, LoopRole, Loops

    for owner, node in facts[Datasets].loops_over(call):
        loop = owner[Loops].of(node)
        if loop.role is LoopRole.TRAINING:
            return loop
    return None


def _has_processes(parallel: object) -> bool:
    from greenlint import Parallel

    return parallel in (Parallel.DDP, Parallel.FSDP)


def _counts_epochs(loop: Loop) -> bool:
    """Whether training goes over the data a number of times, rather than on until a number of steps."""
    from greenlint import LoopRole, Loops, Tree, cst

    around = loop.facts[Tree].loops_around(loop.node)
    if any(isinstance(each, cst.While) for each in around):
        return False
    breaks = loop.facts[Tree].below(loop.node.body, cst.Break)
    return not any(breaks) or loop.facts[Loops].enclosing(loop.node, LoopRole.EPOCH) is not None
