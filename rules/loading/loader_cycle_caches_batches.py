"""Loaders whose batches are all kept in memory by `itertools.cycle`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings


class LoaderCycleCachesBatches(Rule):
    """`itertools.cycle(loader)` keeps a copy of every batch, and repeats the first pass instead of shuffling anew.

    `cycle` saves all elements that it has seen to repeat them later. With a loader that is the whole data set after
    decoding and augmentation, often page-locked, many times the size of the files: the host swaps or the job is
    killed and repeated. From the second pass on, shuffling and augmentation stand still, so that training needs more
    passes for the same result.

    The finding stands at the call of `cycle`. It is a warning where samples are decoded, augmented or shuffled, else
    a remark.

    Leave it where the data set is small and the batches are to be kept.

    To fix it, write a generator that starts the loader again: `while True: yield from loader`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("cycle",), ("itertools",))
    premises = (Premise.NOT_A_TEST, Premise.NO_TOY_SET)
    references = ("https://docs.python.org/3/library/itertools.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "cycle saves a copy of each element; it may need much memory",
            "https://docs.python.org/3/library/itertools.html",
        ),
    )

    @on_call("itertools.cycle")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Kind, Values

        loader = call.positional[0] if call.positional else None
        if loader is None or facts[Contexts].dead(call.node):
            return
        value = facts[Values].of(loader)
        if value.kind is not Kind.DATALOADER:
            return
        made = value.call
        if made is not None and _is_small(made):
            return
        name = facts.document.source(loader)
        name = f"`{name}`" if len(name) <= 30 else "the loader"
        yield self.finding(
            call.node,
            f"cycle keeps every batch of {name} in memory and repeats the first pass",
            help="write a generator that starts it again: `while True: yield from loader`",
            related=((made.node, "the loader", made.facts.document),) if made is not None else (),
            severity=None if made is not None and _changes_each_pass(made) else Severity.INFO,
        )

    examples = (
        Bad(
            """
            import itertools
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(Photos("train"), batch_size=64, shuffle=True, num_workers=4)
            batches = itertools.cycle(loader)  # bad
            for step in range(100000):
                x, y = next(batches)
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from itertools import cycle
            from torch.utils.data import DataLoader

            labelled = DataLoader(Photos("labelled"), batch_size=8, shuffle=True)
            other = DataLoader(Photos("unlabelled"), batch_size=56, shuffle=True)
            for (x, y), z in zip(cycle(labelled), other):  # bad
                loss = criterion(model(x.cuda()), y.cuda()) + consistency(model, z.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import itertools as it
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.RandomCrop(224))

            def run(loader):
                for x, y in it.islice(it.cycle(loader), 100000):  # bad
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()

            run(DataLoader(data, batch_size=64))
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            def cycle(loader):
                while True:
                    yield from loader

            batches = cycle(DataLoader(Photos("train"), batch_size=64, shuffle=True))
            """,
            why="starts the loader again and keeps nothing",
        ),
        Good(
            """
            import itertools
            import torch

            colours = itertools.cycle(["navy", "teal", "red"])
            """,
            why="a list",
        ),
        Good(
            """
            import itertools
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            batches = itertools.cycle(DataLoader(TensorDataset(x, y), batch_size=256))
            """,
            why="the data are in memory anyway, and no pass differs from another",
        ),
        Good(
            """
            import itertools
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            loader = DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=64, shuffle=True)
            batches = itertools.cycle(loader)
            """,
            why="toy data",
        ),
        Good(
            """
            import itertools
            import torch

            def train(streams):
                for stream in itertools.cycle(streams):
                    model(next(stream)).mean().backward()
                    optimizer.step()
            """,
            why="what is repeated is not known to be a loader",
        ),
    )


def _is_small(loader: Call) -> bool:
    """Whether the data are in memory anyway and come in the same order each time, or are toy data."""
    from greenlint import Datasets, Work

    dataset = loader.argument("dataset")
    work = dataset.facts[Datasets].work(dataset.node) if dataset.node is not None else None
    return work is Work.TOY or (work is Work.IN_MEMORY and loader.argument("shuffle").constant is not True)


def _changes_each_pass(loader: Call) -> bool:
    """Whether passes differ, or cost much memory when kept: samples are shuffled, decoded or augmented."""
    from greenlint import Datasets, Work

    if loader.argument("shuffle").constant is True or loader.argument("sampler").written:
        return True
    dataset = loader.argument("dataset")
    work = dataset.facts[Datasets].work(dataset.node) if dataset.node is not None else None
    return work in (Work.DECODES, Work.AUGMENTS)
