"""Loaders that decode every sample in the training process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Tree, cst


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
        if not call.argument("num_workers").absent or not _can_start(call, facts) or not _can_be_sent(call, facts):
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
            import os

            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

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
            import torch
            from photos import Photos
            from torch.utils.data import DataLoader, random_split

            def as_batch(samples):
                return torch.stack(samples)

            def main():
                train, test = random_split(Photos("photos"), [0.9, 0.1])
                loader = DataLoader(train, batch_size=64, collate_fn=as_batch)  # bad
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
                for images in loader:
                    loss = model(images.cuda()).mean()
                    loss.backward()
                    optimizer.step()

            if __name__ == "__main__":
                main()
            """,
            fixed="""
            import os

            import torch
            from photos import Photos
            from torch.utils.data import DataLoader, random_split

            def as_batch(samples):
                return torch.stack(samples)

            def main():
                train, test = random_split(Photos("photos"), [0.9, 0.1])
                loader = DataLoader(train, batch_size=64, collate_fn=as_batch, num_workers=min(4, os.cpu_count() or 1))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
                for images in loader:
                    loss = model(images.cuda()).mean()
                    loss.backward()
                    optimizer.step()

            if __name__ == "__main__":
                main()
            """,
            files={
                "photos.py": """
                import os
                from PIL import Image
                from folders import Folder

                class Photos(Folder):
                    def __getitem__(self, index):
                        return Image.open(self.paths[index])
                """,
                "folders.py": """
                import os
                from torch.utils.data import Dataset

                class Folder(Dataset):
                    def __init__(self, folder):
                        self.paths = sorted(os.listdir(folder))
                """,
            },
            not_as=("notebook", "cells"),
        ),
        Bad(
            """
            import torch
            from photos import Photos
            from torch.utils.data import DataLoader

            def main():
                for images in DataLoader(Photos("photos"), batch_size=64):  # bad
                    model(images.cuda())

            if __name__ == "__main__":
                main()
            """,
            files={
                "photos.py": """
                from PIL import Image
                from folders import Folder

                class Photos(Folder):
                    def __getitem__(self, index):
                        return Image.open(self.paths[index])
                """,
                "folders.py": """
                from torch.utils.data import Dataset

                class Folder(Dataset):
                    def __init__(self, folder):
                        self.index = open(folder + "/index")
                """,
            },
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


def _can_start(call: Call, facts: Facts) -> bool:
    """Whether workers that import this file again do not start the program again; a notebook they do not import."""
    from greenlint import Tree, Workers

    tree, workers = facts[Tree], facts[Workers]
    if facts.document.is_notebook:
        return True
    if not workers.guards:
        return False
    if tree.function(call.node) is None and not any(tree.contains(each, call.node) for each in workers.guards):
        return False
    return not workers.runs_on_import


def _can_be_sent(call: Call, facts: Facts) -> bool:
    """Whether the data set is of a class in sight, and nothing of it is known to stay in its process."""
    from greenlint import Factories, Tree, Workers

    dataset = call.argument("dataset")
    if dataset.node is None or dataset.facts is not facts or facts[Factories].default_moved:
        return False
    made = _made(dataset.node, facts)
    if made is None or not made.facts[Workers].sends(made.node) or _is_moved(made, made.facts, made.facts[Tree]):
        return False
    helpers = [call.argument(name) for name in ("collate_fn", "worker_init_fn")]
    return all(each.absent or (each.node is not None and _can_call(each.node, each.facts)) for each in helpers)


def _made(node: cst.BaseExpression, facts: Facts, depth: int = 4) -> Call | None:
    """The one call that makes a data set, of a class in sight or of torchvision, behind what takes a part of it."""
    from greenlint import Names, Project, Values, cst

    made = facts[Values].of(node).call
    bindings = facts[Names].reaching(node) if made is None and isinstance(node, cst.Name) else ()
    if len(bindings) == 1 and isinstance(bindings[0].value, cst.Call):
        made = facts[Values].of(bindings[0].value).call
    if made is None or not depth:
        return None
    if made.name in _PARTS:
        return _made(made.positional[0], made.facts, depth - 1) if made.positional else None
    if (made.name or "").startswith("torchvision.datasets."):
        return made
    definition = made.facts[Project].definition(made.node.func)
    return made if definition is not None and isinstance(definition.node, cst.ClassDef) else None


_PARTS = ("torch.utils.data.random_split", "torch.utils.data.Subset")


def _can_call(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether workers can import a function, which puts nothing on a device."""
    from greenlint import Calls, Project, Workers, cst

    definition = facts[Project].definition(node)
    if definition is None or not isinstance(definition.node, cst.FunctionDef) or not facts[Workers].sends(node):
        return False
    return not any(True for _ in definition.facts[Calls].methods("to", "cuda", within=definition.node))


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
