"""Loaders that decode every sample in the training process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Tree


class DataloaderNoWorkers(Rule):
    """A `DataLoader` without worker processes feeds an accelerator from files that must be decoded.

    With `num_workers=0`, the default, the training process itself opens, decodes and augments each sample while the
    accelerator waits at idle power. Worker processes prepare the next batches during the current step.

    The finding stands at the `DataLoader` call. It is reported only where the dataset can be seen to decode or
    augment per sample.

    Leave it for data that is already in memory: there, workers cost more than they save. Notebooks on Windows and
    macOS need importable dataset classes.

    To fix it, start with 2 to 4 workers per accelerator, raise the number while the step waits for data, and add
    `persistent_workers=True` where epochs are short.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("DataLoader",),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.DECODES,
        Premise.ON_ACCELERATOR,
        Premise.CPU_NOT_INTENDED,
    )
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "vision training is often bound by data stalls; a better loader cut epochs up to five times",
            "arXiv 2007.06775",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "asynchronous loading in worker processes is the first item of PyTorch's tuning guide",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @on_call("torch.utils.data.DataLoader")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Datasets, Work

        if call.argument("num_workers").constant != 0 or facts[Contexts].dead(call.node):
            return
        dataset = call.argument("dataset")
        work = dataset.facts[Datasets].work(dataset.node) if dataset.node is not None else None
        if work not in (Work.DECODES, Work.AUGMENTS):
            return
        if not facts[Datasets].feeds_model(call) or _is_demonstration(call, facts):
            return
        done = "opened and decoded" if work is Work.DECODES else "transformed"
        yield self.finding(
            call.node,
            f"each sample is {done} in the training process while the accelerator waits",
            help="pass num_workers=2 to 4 per accelerator and raise it while the step waits for data",
            notes=("saves nothing where the step is the bottleneck; workers cost CPU time and memory",),
            fix=self._fix(call, facts),
        )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """A few workers where they can be started on every platform and the whole data set is seen to survive it."""
        from greenlint import Datasets, Environment, add_arguments, spelled

        # A zero that somebody wrote down may be meant.
        if not call.argument("num_workers").absent or not _is_guarded(call, facts) or not _can_be_sent(call, facts):
            return None
        system = spelled(facts.document, "os")
        if system is None:
            return None
        arguments = {"num_workers": f"min(4, {system[1]}.cpu_count() or 1)"}
        keeps = facts[Environment].at_least("torch", "1.7") is not False
        if keeps and facts[Datasets].may_keep_workers(call):
            arguments["persistent_workers"] = "True"
        edits = add_arguments(facts.document, call.node, **arguments)
        if edits is None:
            return None
        reason = "workers draw random numbers from streams of their own, and need memory"
        return self.unsafe_fix("decode in up to four worker processes", *system[0], *edits, reason=reason)

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            def main():
                data = datasets.ImageFolder("train", transform=transforms.Compose([transforms.Resize(256)]))
                loader = DataLoader(  # bad
                    data,
                    batch_size=64,
                )
                for epoch in range(20):
                    for images, labels in loader:
                        model(images.cuda())

            if __name__ == "__main__":
                main()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms
            import os

            def main():
                data = datasets.ImageFolder("train", transform=transforms.Compose([transforms.Resize(256)]))
                loader = DataLoader(
                    data,
                    batch_size=64,
                    num_workers=min(4, os.cpu_count() or 1),
                    persistent_workers=True,
                )
                for epoch in range(20):
                    for images, labels in loader:
                        model(images.cuda())

            if __name__ == "__main__":
                main()
            """,
            not_as=("notebook", "cells"),
        ),
        Bad(
            """
            import os
            import torch
            from PIL import Image
            from torch.utils.data import DataLoader, Dataset

            class Photos(Dataset):
                def __init__(self, paths):
                    self.paths = paths

                def __getitem__(self, index):
                    return Image.open(self.paths[index])

            def embed(paths):
                for images in DataLoader(Photos(paths), batch_size=64):  # bad
                    model(images.cuda())

            if __name__ == "__main__":
                embed(os.listdir("photos"))
            """,
            fixed="""
            import os
            import torch
            from PIL import Image
            from torch.utils.data import DataLoader, Dataset

            class Photos(Dataset):
                def __init__(self, paths):
                    self.paths = paths

                def __getitem__(self, index):
                    return Image.open(self.paths[index])

            def embed(paths):
                for images in DataLoader(Photos(paths), batch_size=64, num_workers=min(4, os.cpu_count() or 1)):
                    model(images.cuda())

            if __name__ == "__main__":
                embed(os.listdir("photos"))
            """,
            not_as=("notebook", "cells"),
        ),
        Bad(
            """
            import h5py
            import torch
            from PIL import Image
            from torch.utils.data import DataLoader, Dataset

            class Photos(Dataset):
                def __init__(self, path):
                    self.file = h5py.File(path)

                def __getitem__(self, index):
                    return Image.open(self.file[index])

            def main():
                for images in DataLoader(Photos("photos.h5"), batch_size=64):  # bad
                    model(images.cuda())

            if __name__ == "__main__":
                main()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            def main():
                data = datasets.ImageFolder("train", transform=transforms.Lambda(lambda image: image.resize((8, 8))))
                for images, labels in DataLoader(data, batch_size=64):  # bad
                    model(images.cuda())

            if __name__ == "__main__":
                main()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.Compose([transforms.Resize(256)]))
            loader = DataLoader(data, batch_size=64, shuffle=True)  # bad
            for images, labels in loader:
                model(images.cuda())
            """
        ),
        Bad(
            """
            import torch
            import torch.utils.data as D
            from PIL import Image

            class Photos(D.Dataset):
                def __getitem__(self, index):
                    return self.transform(Image.open(self.paths[index]))

            loader = D.DataLoader(Photos(), batch_size=64, num_workers=0)  # bad
            for images in loader:
                model(images.to("cuda"))
            """
        ),
        Bad(
            """
            import cv2
            import torch
            from torch.utils.data import DataLoader, Dataset

            def load(path):
                return cv2.imread(path)

            class Frames(Dataset):
                def __getitem__(self, index):
                    return load(self.paths[index])

            options = {"batch_size": 32, "pin_memory": True}
            train, validation = torch.utils.data.random_split(Frames(), [800, 200])
            loader = DataLoader(train, **options)  # bad
            for frames in loader:
                model(frames.cuda())
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, num_workers=4)
            for images, labels in loader:
                model(images.cuda())
            """,
            why="four workers",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            options = {"num_workers": 1, "pin_memory": True} if torch.cuda.is_available() else {}
            loader = DataLoader(data, batch_size=64, **options)
            for images, labels in loader:
                model(images.cuda())
            """,
            why="the mapping may set it",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            data = TensorDataset(inputs, targets)
            loader = DataLoader(data, batch_size=64, shuffle=True)
            for x, y in loader:
                model(x.cuda())
            """,
            why="data in memory loads faster without workers",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.MNIST("data", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64)
            for images, labels in loader:
                model(images.cuda())
            """,
            why="toy data",
        ),
        Good(
            """
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64)
            for images, labels in loader:
                model(images)
            """,
            why="no accelerator waits",
        ),
        Good(
            """
            import argparse
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            parser = argparse.ArgumentParser()
            parser.add_argument("--workers", type=int, default=0)
            args = parser.parse_args()
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, num_workers=args.workers)
            for images, labels in loader:
                model(images.cuda())
            """,
            why="the default of an option is not its value",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from mypackage import SomeDataset

            loader = DataLoader(SomeDataset("data"), batch_size=64)
            for batch in loader:
                model(batch.cuda())
            """,
            why="what the dataset does per sample cannot be seen",
        ),
    )


def _is_guarded(call: Call, facts: Facts) -> bool:
    """Whether workers that import this file again do not start the program again."""
    from greenlint import Tree, Workers

    tree, workers = facts[Tree], facts[Workers]
    if not workers.guards or facts.document.is_notebook:
        return False
    if tree.function(call.node) is None and not any(tree.contains(each, call.node) for each in workers.guards):
        return False
    return not workers.runs_on_import


def _can_be_sent(call: Call, facts: Facts) -> bool:
    """Whether the data set is of a class in sight, and nothing in the file is known to stay in its process."""
    from greenlint import Factories, Tree, Values, Workers, cst

    dataset = call.argument("dataset")
    if dataset.node is None or dataset.facts is not facts or facts[Factories].default_moved:
        return False
    made = facts[Values].of(dataset.node).call
    if made is None or made.facts is not facts or not facts[Workers].can_be_sent:
        return False
    if not all(call.argument(name).absent for name in ("collate_fn", "worker_init_fn")):
        return False
    if _is_moved(made, facts, facts[Tree]):
        return False
    if (made.name or "").startswith("torchvision.datasets."):
        return True
    return isinstance(made.node.func, cst.Name) and made.node.func.value in facts[Workers].classes


def _is_moved(made: Call, facts: Facts, tree: Tree) -> bool:
    """Whether something that the data set is given may be on an accelerator."""
    from greenlint import Calls, cst

    given = {each.value for arg in made.node.args for each in tree.below(arg.value, cst.Name)}
    given.update(arg.value.value for arg in made.node.args if isinstance(arg.value, cst.Name))
    for each in facts[Calls].methods("to", "cuda"):
        if tree.contains(made.node, each.node):
            return True
        if isinstance(each.receiver, cst.Name) and each.receiver.value in given:
            return True
    return False


def _is_demonstration(loader: Call, facts: Facts) -> bool:
    """Whether the outputs of a notebook show that the loader has a few batches only."""
    from greenlint import Datasets, Loops

    shown = [owner[Loops].of(loop).shown for owner, loop in facts[Datasets].loops_over(loader)]
    return any(count is not None and count <= _FEW for count in shown)


_FEW = 50
"""Batches of a data set that is there to show how something is done."""
