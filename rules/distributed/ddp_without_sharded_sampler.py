"""Processes of one training that all walk through the whole data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Edit, Facts, Findings, Fix, Loop, cst


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
            fix=self._fix(call, loop, facts) if _counts_epochs(loop) else None,
        )

    def _fix(self, call: Call, loop: Loop, facts: Facts) -> Fix | None:
        from greenlint import Tree, cst, insert_before

        document, tree = facts.document, facts[Tree]
        line = tree.parent(call.node)
        dataset = call.positional[0] if call.positional else call.keyword("dataset")
        if loop.facts is not facts or not isinstance(line, cst.Assign) or len(line.targets) != 1:
            return None
        loader = line.targets[0].target
        if not isinstance(loader, cst.Name) or not isinstance(dataset, (cst.Name, cst.Attribute)):
            return None
        function = tree.function(line)
        if not isinstance(loop.node, cst.For) or tree.function(loop.node) is not function:
            return None
        epochs = tree.enclosing(loop.node, cst.For)
        if epochs is None or not _counts(epochs, facts) or tree.contains(epochs, line):
            return None
        # Another use of the loader or of the size of the data may count on all samples.
        uses = [each for each in tree.named(loader.value) if each is not loader]
        if len(uses) > 1 or not _is_iterated(loop.node, loader.value) or _is_counted(dataset, facts):
            return None
        if not _has_started(line, facts):
            return None
        shards = next((name for name in ("sampler", "train_sampler") if not _is_used(name, facts)), None)
        made = _sampler(call, document.source(dataset), facts)
        given = _given_to(call, shards, facts) if shards is not None else None
        if made is None or given is None or shards is None:
            return None
        imported, text, shuffles = made
        put = insert_before(document, line, f"{shards} = {text}")
        number = document.source(epochs.target)
        counted = insert_before(document, epochs.body.body[0], f"{shards}.set_epoch({number})") if shuffles else ()
        if put is None or counted is None:
            return None
        edits = (*imported, *put, *given, *counted)
        return self.unsafe_fix("give each process its own part of the data", *edits, reason=_REASON)

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
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torchvision.datasets import ImageFolder

            def main(rank, world_size):
                dist.init_process_group("nccl", rank=rank, world_size=world_size)
                data = ImageFolder("train", transform)
                # Large batches.
                loader = torch.utils.data.DataLoader(  # bad
                    data,
                    batch_size=256,
                    shuffle=True,
                )
                model = DDP(net.cuda(rank), device_ids=[rank])
                for epoch in range(90):
                    model.train()
                    for step, (x, y) in enumerate(loader):
                        criterion(model(x.cuda(rank)), y.cuda(rank)).backward()
                        optimizer.step()
            """,
            fixed="""
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torchvision.datasets import ImageFolder

            def main(rank, world_size):
                dist.init_process_group("nccl", rank=rank, world_size=world_size)
                data = ImageFolder("train", transform)
                sampler = torch.utils.data.DistributedSampler(data)
                # Large batches.
                loader = torch.utils.data.DataLoader(
                    data,
                    batch_size=256,
                    sampler=sampler,
                )
                model = DDP(net.cuda(rank), device_ids=[rank])
                for epoch in range(90):
                    sampler.set_epoch(epoch)
                    model.train()
                    for step, (x, y) in enumerate(loader):
                        criterion(model(x.cuda(rank)), y.cuda(rank)).backward()
                        optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            dist.init_process_group("nccl")
            data = ImageFolder("train", transform)
            loader = DataLoader(data, batch_size=64)  # bad
            model = DDP(net.cuda(), device_ids=[rank])
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            fixed="""
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torch.utils.data import DistributedSampler
            from torchvision.datasets import ImageFolder

            dist.init_process_group("nccl")
            data = ImageFolder("train", transform)
            sampler = DistributedSampler(data, shuffle=False)
            loader = DataLoader(data, batch_size=64, sampler=sampler)
            model = DDP(net.cuda(), device_ids=[rank])
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            import torch.distributed as dist
            from torch.nn.parallel import DistributedDataParallel as DDP
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            dist.init_process_group("nccl")
            data = ImageFolder("train", transform)
            loader = DataLoader(data, batch_size=64, shuffle=True)  # bad
            model = DDP(net.cuda(), device_ids=[rank])
            for epoch in range(90):
                correct = 0
                for x, y in loader:
                    output = model(x.cuda())
                    criterion(output, y.cuda()).backward()
                    optimizer.step()
                    correct += (output.argmax(1) == y.cuda()).sum()
                print(correct / len(loader.dataset))
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


_REASON = "an epoch has as many steps as there are samples for one process, and they are shuffled otherwise"
_DISTRIBUTED = ("torch.distributed.init_process_group", "torch.nn.parallel.DistributedDataParallel")


def _counts(epochs: cst.For, facts: Facts) -> bool:
    """Whether a loop counts with one name that its body does not change."""
    from greenlint import Calls, Tree, cst

    if not isinstance(epochs.target, cst.Name) or not isinstance(epochs.iter, cst.Call):
        return False
    if not isinstance(epochs.body, cst.IndentedBlock) or facts[Calls].of(epochs.iter).name != "builtins.range":
        return False
    name = epochs.target.value
    body, tree = epochs.body, facts[Tree]
    stored = tree.below(body, cst.AssignTarget), tree.below(body, cst.AugAssign), tree.below(body, cst.For)
    targets = (each.target for group in stored for each in group)
    return not any(isinstance(each, cst.Name) and each.value == name for each in targets)


def _is_iterated(loop: cst.For, loader: str) -> bool:
    """Whether a loop goes over a loader itself, or over `enumerate` of it."""
    from greenlint import cst

    source = loop.iter
    if isinstance(source, cst.Call) and isinstance(source.func, cst.Name) and source.func.value == "enumerate":
        source = source.args[0].value
    return isinstance(source, cst.Name) and source.value == loader


def _is_counted(dataset: cst.BaseExpression, facts: Facts) -> bool:
    """Whether a program asks for the number of all samples."""
    from greenlint import Calls

    counts = facts[Calls].named("builtins.len")
    text = facts.document.source(dataset)
    return any(facts.document.source(arg) == text for call in counts for arg in call.positional)


def _is_used(name: str, facts: Facts) -> bool:
    from greenlint import Tree

    return bool(facts[Tree].named(name))


def _has_started(line: cst.CSTNode, facts: Facts) -> bool:
    """Whether the processes certainly know each other before a statement runs."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    around = list(tree.ancestors(line))
    for call in facts[Calls].named(*_DISTRIBUTED):
        statement = tree.parent(tree.statement(call.node))
        above = tree.parent(statement) if isinstance(statement, cst.SimpleStatementLine) else None
        if tree.first(call.node) < tree.first(line) and any(each is above for each in around):
            return True
    return False


def _sampler(call: Call, dataset: str, facts: Facts) -> tuple[tuple[Edit, ...], str, bool] | None:
    """The imports for a sampler, how to make it, and whether it shuffles; `None` where the order is not known."""
    from greenlint import cst, ensure_import

    document = facts.document
    shuffle = call.argument("shuffle", 2)
    if not call.argument("sampler").absent or not (shuffle.absent or isinstance(shuffle.constant, bool)):
        return None
    func = call.node.func
    if isinstance(func, cst.Attribute):
        imported: tuple[Edit, ...] | None = ()
        name = f"{document.source(func.value)}.DistributedSampler"
    else:
        name = "DistributedSampler"
        imported = ensure_import(document, f"from torch.utils.data.distributed import {name}")
        if imported:
            imported = ensure_import(document, f"from torch.utils.data import {name}")
    if imported is None:
        return None
    shuffles = shuffle.constant is True
    return imported, f"{name}({dataset})" if shuffles else f"{name}({dataset}, shuffle=False)", shuffles


def _given_to(call: Call, sampler: str, facts: Facts) -> tuple[Edit, ...] | None:
    """The sampler in the place of `shuffle`."""
    from greenlint import replace_node, set_argument

    document, arguments = facts.document, call.node.args
    if any(arg.star for arg in arguments):
        return None
    shuffle = next((arg for arg in arguments if arg.keyword is not None and arg.keyword.value == "shuffle"), None)
    if shuffle is None and len(call.positional) > _SHUFFLE:
        shuffle = arguments[_SHUFFLE]
        if len(call.positional) > _SHUFFLE + 1:
            return None
    if shuffle is not None:
        return replace_node(document, shuffle, f"sampler={sampler}")
    return set_argument(document, call.node, "sampler", sampler)


_SHUFFLE = 2
"""The position of `shuffle` among the parameters of a loader."""


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
