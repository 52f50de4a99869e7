"""Datasets and collate functions that move samples to the accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Outline, cst


class DeviceMoveInDataset(Rule):
    """`__getitem__`, a collate function or a transform copies each sample to the accelerator.

    Every sample costs a copy and a kernel launch of its own, and CUDA cannot be used in forked worker processes, so
    the loader is bound to the training process and the accelerator waits for it.

    The finding stands at the first such copy.

    Leave it where the whole data set lives on the device, moved once when it is built.

    To fix it, return CPU tensors, pin them in the loader, and move whole batches in the training loop.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("__getitem__", "*collate*", "__iter__"), ("cuda", "to"))
    premises = (Premise.NOT_A_TEST,)
    references = ("https://docs.pytorch.org/docs/stable/data.html#multi-process-data-loading",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "returning CUDA tensors from worker processes is not recommended",
            "https://docs.pytorch.org/docs/stable/data.html#multi-process-data-loading",
        ),
        Evidence(Grade.REASONED, "one launch and one small copy for each sample", "own reasoning"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        moving = {function for function, name in outline.function_calls if name in ("to", "cuda")}
        return "__getitem__" in moving or (bool(moving) and "DataLoader" in outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Device, Transfers

        for body, what, batched in _bodies(facts):
            moves = [move for move in facts[Transfers].within(body) if move.target is Device.ACCELERATOR]
            if not moves:
                continue
            yield self.finding(
                moves[0].call.node,
                f"{what} is copied to the accelerator on its own, in the loading code",
                help="return CPU tensors and move whole batches in the training loop, from a pinning loader",
                notes=("this also rules out worker processes: CUDA cannot be used after a fork",),
                related=tuple((move.call.node, "copied here too") for move in moves[1:6]),
                severity=Severity.INFO if batched else None,
            )

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import Dataset

            class Photos(Dataset):
                def __getitem__(self, index):
                    return torch.load(self.paths[index]).cuda()  # bad
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import Dataset

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

            class Texts(Dataset):
                def __getitem__(self, index):
                    ids = torch.tensor(self.encode(self.texts[index]))
                    return ids.to(device), self.labels[index]  # bad
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            def collate(rows):
                return torch.stack(rows).to("cuda")  # bad

            loader = DataLoader(data, batch_size=32, collate_fn=collate)
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import Dataset

            class Table(Dataset):
                def __init__(self, x, y):
                    self.x, self.y = x.cuda(), y.cuda()

                def __getitem__(self, index):
                    return self.x[index], self.y[index]
            """,
            why="the whole data set is on the device",
        ),
        Good(
            """
            import torch
            from torch.utils.data import Dataset

            class Photos(Dataset):
                def __getitem__(self, index):
                    return torch.load(self.paths[index], map_location="cpu")

            for batch in loader:
                model(batch.cuda())
            """,
            why="batches are moved in the loop",
        ),
        Good(
            """
            import torch
            from torch.utils.data import Dataset

            class Photos(Dataset):
                def __getitem__(self, index):
                    return self.images[index].to(torch.float32)
            """,
            why="a change of type is no copy to a device",
        ),
        Good(
            """
            import torch
            from torch.utils.data import Dataset

            class Photos(Dataset):
                def __getitem__(self, index):
                    return self.images[index].to(self.device)
            """,
            why="the device is not known",
        ),
        Good(
            """
            import torch

            class Registry:
                def __getitem__(self, name):
                    return self.models[name].cuda()
            """,
            why="not a dataset",
        ),
    )


def _bodies(facts: Facts) -> Iterator[tuple[cst.CSTNode, str, bool]]:
    """The loading code of a file: body, what it handles, and whether it handles whole batches."""
    from greenlint import Calls, Definition, Kind, Project, Tree, Values, cst

    values = facts[Values]
    for owner in facts[Tree].of_type(cst.ClassDef):
        if values.kind_of_class(Definition(facts, owner)) is not Kind.DATASET:
            continue
        for line in owner.body.body:
            if isinstance(line, cst.FunctionDef) and line.name.value == "__getitem__":
                yield line.body, "each sample", False
    seen: set[cst.CSTNode] = set()
    for call in facts[Calls].named("torch.utils.data.DataLoader"):
        collate = call.argument("collate_fn")
        definition = facts[Project].definition(collate.node) if collate.node is not None else None
        if definition is not None and definition.facts is facts and definition.node not in seen:
            seen.add(definition.node)
            yield definition.node.body, "each batch", True
