"""What wraps networks for several devices, who splits the data, and which calls wait for other processes."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.accumulation import Accumulated, Accumulation
from greenlint.facts.calls import UNKNOWN, Calls
from greenlint.facts.distributed import Distributed, Parallel
from greenlint.facts.loops import Loops
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
"""


def facts_of(code: str, files: dict[str, str] | None = None) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    every = {name: textwrap.dedent(body) for name, body in (files or {}).items()}
    return Modules.begin(document, DictSources({**every, "train.py": text}), RunSettings())


def wrapped(code: str, files: dict[str, str] | None = None) -> set[Parallel]:
    facts = facts_of(code, files)
    steps = facts[Loops].steps
    assert len(steps) == 1
    return {each.parallel for each in facts[Distributed].of_step(steps[0])}


TRAIN = """
for x in loader:
    model(x).sum().backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("model = DDP(net.cuda())", {Parallel.DDP}),
        ("model = nn.DataParallel(net)", {Parallel.THREADS}),
        ("model = net\nif many:\n    model = DDP(model)", {Parallel.DDP}),
        ("model = torch.compile(DDP(net)).train()", {Parallel.DDP}),
        ("model = net", set()),
    ],
)
def test_wrappers_of_the_network_that_a_step_runs(setup: str, expected: set[Parallel]) -> None:
    assert wrapped(setup + TRAIN) == expected


def test_wrappers_are_found_through_calls_and_attributes() -> None:
    code = """
    class Trainer:
        def __init__(self, net):
            self.model = DDP(net)

        def run(self, loader):
            for x in loader:
                self.step(x)

        def step(self, x):
            self.model(x).sum().backward()
            self.optimizer.step()
    """
    assert wrapped(code) == {Parallel.DDP}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("torch.utils.data.TensorDataset(x, y)", False),
        ("torch.utils.data.Subset(torch.utils.data.TensorDataset(x, y), range(rank, n, world_size))", True),
        ("Own(paths)", False),
        ("Sharded(paths)", True),
        ("make(paths)", False),
        ("unseen(paths)", None),
    ],
)
def test_data_split_between_processes(data: str, expected: bool | None) -> None:
    code = f"""
    class Own(torch.utils.data.Dataset):
        def __getitem__(self, index):
            return self.paths[index]

    class Sharded(torch.utils.data.Dataset):
        def __init__(self, paths):
            self.paths = paths[dist.get_rank() :: dist.get_world_size()]

    def make(paths):
        return Own(paths)

    loader = torch.utils.data.DataLoader({data})
    """
    facts = facts_of(code)
    (loader,) = facts[Calls].named("torch.utils.data.DataLoader")
    assert facts[Distributed].shards(loader.positional[0]) is expected


def collectives(code: str) -> list[tuple[str, bool]]:
    facts = facts_of(code)
    (step,) = facts[Loops].steps
    return [(facts.document.source(each.place), each.waits_only) for each in facts[Distributed].collectives(step)]


def test_collectives_of_a_step() -> None:
    code = """
    def reduced(x):
        if dist.get_world_size() > 1:
            dist.all_reduce(x)
        return x

    for i, x in enumerate(loader):
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        shown = reduced(loss.detach())
        if single:
            pass
        elif distributed:
            dist.barrier()
        if i % 100 == 0:
            dist.all_gather(parts, shown)
    """
    assert collectives(code) == [("reduced(loss.detach())", False), ("dist.barrier()", True)]


def test_one_rank() -> None:
    code = """
    def show(x):
        first(x)

    def main():
        if rank == 0:
            show(1)
        if rank != 0:
            return
        second(2)

    third(3)
    """
    facts = facts_of(code)
    answers = {call.method: facts[Distributed].on_one_rank(call.node) for call in facts[Calls].all}
    assert (answers["first"], answers["second"], answers["third"]) == (True, True, False)


def accumulated(code: str) -> Accumulated | None:
    facts = facts_of(code)
    (step,) = facts[Loops].steps
    return facts[Accumulation].of(step)


def test_accumulation_by_a_loop() -> None:
    found = accumulated(
        """
        for batch in loader:
            for part in batch.chunk(4):
                model(part).sum().backward()
            optimizer.step()
        """
    )
    assert found is not None
    assert (found.count, found.by_loop) == (4, True)


def test_accumulation_by_a_condition() -> None:
    found = accumulated(
        """
        def train(every=8):
            for i, x in enumerate(loader):
                model(x).sum().backward()
                last = (i + 1) % every == 0
                if last:
                    optimizer.step()
        """
    )
    assert found is not None
    assert (found.count, found.default, found.by_loop) == (UNKNOWN, 8, False)


def test_no_accumulation() -> None:
    assert accumulated(TRAIN) is None
    several_losses = """
    for x in loader:
        for loss in losses(model(x)):
            loss.backward(retain_graph=True)
        optimizer.step()
    """
    assert accumulated(several_losses) is None
