"""Loaders of large batches for a CUDA device without page-locked memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, cst

_ON_DEVICE = re.compile(r"\.cuda\(|\bdevice\b|\.to\((?!torch\.|dtype|np\.)")
_CASTS = frozenset(("type", "float", "double", "half", "bfloat16", "long", "int", "contiguous", "clone"))
"""Methods that may make a tensor anew, in pageable memory."""


class DataloaderNotPinned(Rule):
    """A `DataLoader` yields image or audio batches for CUDA from pageable memory.

    The driver copies pageable memory through a staging buffer and blocks the program meanwhile. Batches in
    page-locked memory are copied directly, and in the background with `non_blocking=True`.

    The finding stands at the `DataLoader` call of a training loop. Small batches, text ids and data sets of MNIST's
    size gain nothing and are not reported.

    Leave it where host memory is scarce, or where batches never go to a CUDA device. A batch that is cast on the host
    before the copy is a new tensor in pageable memory: pinning gains nothing there, and nothing is reported.

    To fix it, pass `pin_memory=True`, or `pin_memory=torch.cuda.is_available()` where the program also runs without
    a GPU, and move batches with `non_blocking=True`.
    """

    class Options(RuleOptions):
        batch: int = 8
        """Smaller batches than this are not reported."""

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("DataLoader",), ("*cuda*", "*device*", "*ccelerator*", "to"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.DECODES,
        Premise.ON_ACCELERATOR,
        Premise.CPU_NOT_INTENDED,
    )
    references = ("https://docs.pytorch.org/docs/stable/notes/cuda.html",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "9.8 % shorter training and 7.6 % less CO2e in one run on a Quadro RTX 6000, without spread",
            "https://github.com/green-code-initiative/creedengo-rules-specifications",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "host to device copies are faster from page-locked memory and can run asynchronously",
            "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        ),
    )

    @on_call("torch.utils.data.DataLoader")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Datasets, Work

        if call.argument("pin_memory").constant is not False or facts[Contexts].dead(call.node):
            return
        dataset = call.argument("dataset")
        if dataset.node is None or dataset.facts[Datasets].work(dataset.node) is not Work.DECODES:
            return
        if not facts[Datasets].feeds_training(call) or not facts[Datasets].reaches_accelerator(call):
            return
        if _cast_on_host(call, facts):
            return
        size = call.argument("batch_size").constant
        if isinstance(size, int) and size < self.options.batch:
            return
        yield self.finding(
            call.node,
            "batches go to the accelerator from pageable memory",
            help="pass pin_memory=True and move batches with non_blocking=True",
            notes=("the effect is 0-8 % (estimate), none where loading is not the bottleneck",),
            fix=self._fix(call, facts),
        )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Pin where there is a CUDA device; ``True`` alone gives a warning on machines without one."""
        from greenlint import Factories, set_argument, spelled

        if facts[Factories].default_moved or _makes_device_samples(call):
            return None
        torch = spelled(facts.document, "torch")
        if torch is None:
            return None
        edits = set_argument(facts.document, call.node, "pin_memory", f"{torch[1]}.cuda.is_available()", 7)
        if edits is None:
            return None
        title = "pin batches where there is a CUDA device"
        if call.argument("pin_memory").node is not None:
            return self.unsafe_fix(title, *torch[0], *edits, reason="pin_memory=False may be meant, to save memory")
        if call.argument("collate_fn").absent:
            return self.safe_fix(title, *torch[0], *edits)
        return self.unsafe_fix(title, *torch[0], *edits, reason="the batches of collate_fn are made anew when pinned")

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, num_workers=4)  # bad
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, num_workers=4, pin_memory=torch.cuda.is_available())
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, 64, num_workers=4, pin_memory=False)  # bad
            for step, (images, labels) in enumerate(loader):
                images, labels = images.to(device), labels.to(device)
                loss = criterion(model(images), labels)
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, 64, num_workers=4, pin_memory=torch.cuda.is_available())
            for step, (images, labels) in enumerate(loader):
                images, labels = images.to(device), labels.to(device)
                loss = criterion(model(images), labels)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import librosa
            import torch
            from torch.utils.data import DataLoader, Dataset

            class Clips(Dataset):
                def __getitem__(self, index):
                    return torch.from_numpy(librosa.load(self.paths[index])[0])

            def train(loader):
                for clips in loader:
                    model(clips.cuda()).mean().backward()
                    optimizer.step()

            loader = DataLoader(Clips(), batch_size=16, num_workers=8)  # bad
            train(loader)
            """,
            fixed="""
            import librosa
            import torch
            from torch.utils.data import DataLoader, Dataset

            class Clips(Dataset):
                def __getitem__(self, index):
                    return torch.from_numpy(librosa.load(self.paths[index])[0])

            def train(loader):
                for clips in loader:
                    model(clips.cuda()).mean().backward()
                    optimizer.step()

            loader = DataLoader(Clips(), batch_size=16, num_workers=8, pin_memory=torch.cuda.is_available())
            train(loader)
            """,
        ),
        Bad(
            """
            import torch as th
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            options = {"num_workers": 4}
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(  # bad
                data,
                batch_size=64,  # fits in 24 GB
                collate_fn=mixed,
            )
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch as th
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            options = {"num_workers": 4}
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(
                data,
                batch_size=64,  # fits in 24 GB
                collate_fn=mixed,
                pin_memory=th.cuda.is_available(),
            )
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            options = {"batch_size": 64, "num_workers": 4}
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, **options)  # bad
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, num_workers=4, pin_memory=True)
            for images, labels in loader:
                loss = criterion(model(images.cuda(non_blocking=True)), labels)
                loss.backward()
                optimizer.step()
            """,
            why="pinned",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, **settings)
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels)
                loss.backward()
                optimizer.step()
            """,
            why="the mapping may set it",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.MNIST("data", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64)
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels)
                loss.backward()
                optimizer.step()
            """,
            why="toy data",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.CIFAR10("data", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64)
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels)
                loss.backward()
                optimizer.step()
            """,
            why="small images gain nothing",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, TensorDataset
            from torchvision import datasets, transforms

            data = TensorDataset(ids, targets)
            loader = DataLoader(data, batch_size=64)
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels)
                loss.backward()
                optimizer.step()
            """,
            why="small batches of ids gain nothing",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64)
            for images, labels in loader:
                loss = criterion(model(images), labels)
                loss.backward()
                optimizer.step()
            """,
            why="nothing goes to an accelerator",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            pinned = torch.cuda.is_available()
            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=64, pin_memory=pinned)
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels)
                loss.backward()
                optimizer.step()
            """,
            why="pinned whenever there is a CUDA device",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets, transforms

            data = datasets.ImageFolder("train", transform=transforms.ToTensor())
            loader = DataLoader(data, batch_size=1, num_workers=4)
            for images, labels in loader:
                loss = criterion(model(images.cuda()), labels)
                loss.backward()
                optimizer.step()
            """,
            why="a batch of one image is small",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets

            data = datasets.ImageFolder("train", transform=to_tensor)
            loader = DataLoader(data, batch_size=64, num_workers=4)
            for images, labels in loader:
                images = images.type(torch.FloatTensor)
                loss = criterion(model(images.cuda()), labels.long().cuda())
                loss.backward()
                optimizer.step()
            """,
            why="a cast on the host makes another tensor, which would not be pinned",
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
            why="one pass without training",
        ),
    )


def _makes_device_samples(call: Call) -> bool:
    """Whether the data set, or what collates its samples, speaks of devices: only host memory can be pinned."""
    from greenlint import Project, Tree, cst

    for argument in (call.argument("dataset"), call.argument("collate_fn")):
        if argument.node is None:
            continue
        facts, value = argument.facts, argument.value
        definitions = [facts[Project].definition(argument.node), value.instance_of if value is not None else None]
        texts = [each.facts.document.source(each.node) for each in definitions if each is not None]
        texts += [
            facts.document.source(each)
            for each in facts[Tree].of_type(cst.FunctionDef)
            if each.name.value in ("__getitem__", "__iter__") or "collate" in each.name.value
        ]
        if any(map(_ON_DEVICE.search, texts)):
            return True
    return False


def _cast_on_host(loader: Call, facts: Facts) -> bool:
    """Whether the loop over a loader copies nothing to an accelerator before it was cast on the host."""
    from greenlint import Datasets, Device, Transfers

    for loop_facts, loop in facts[Datasets].loops_over(loader):
        moves = [each for each in loop_facts[Transfers].within(loop.body) if each.target is Device.ACCELERATOR]
        if moves and all(_is_cast(each.source, loop_facts) for each in moves):
            return True
    return False


def _is_cast(node: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Names, cst

    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Attribute) and node.func.attr.value in _CASTS
    if not isinstance(node, cst.Name):
        return False
    bindings = facts[Names].reaching(node)
    return bool(bindings) and all(
        isinstance(each.value, cst.Call) and not each.path and _is_cast(each.value, facts) for each in bindings
    )
