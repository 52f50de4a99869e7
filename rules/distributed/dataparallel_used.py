"""Networks replicated over several devices by threads of one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Outline, cst


class DataparallelUsed(Rule):
    """A network is trained on several devices with `torch.nn.DataParallel`.

    In every step, `DataParallel` copies the network to all devices, scatters the batch from the first one, runs a
    Python thread for each device and gathers the outputs on the first one again. The devices wait for these copies
    and for the interpreter lock while they draw power. `DistributedDataParallel` keeps one process and one replica
    for each device and overlaps the exchange of gradients with the backward pass.

    The finding stands at the `DataParallel` call. Where no training is seen, it is reported as a remark only.

    Leave it where a single device is used anyway, or where several processes cannot be started, as in some notebooks.
    A wrapper that is only needed to load an old checkpoint is not reported.

    To fix it, start one process for each device with `torchrun` and wrap the network in `DistributedDataParallel`,
    or let Accelerate or Lightning do so. The loader then needs a `DistributedSampler`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("*DataParallel", "data_parallel"),)
    premises = (Premise.NOT_A_TEST, Premise.MAY_HAVE_ACCELERATOR)
    references = (
        "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.DataParallel.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "DistributedDataParallel is recommended over DataParallel, even on a single machine",
            "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "the tuning guide prefers DistributedDataParallel, for its speed and its better use of several devices",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "DataParallel" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Tree

        if _has_alternative(facts):
            return
        places: dict[object, list[Call]] = {}
        for call in facts[Calls].named("torch.nn.DataParallel"):
            if _counts(call, facts):
                places.setdefault(facts[Tree].function(call.node), []).append(call)
        for first, *others in places.values():
            trains = _trains(first, facts)
            yield self.finding(
                first.node,
                "one process copies the network to every device in each step, and the devices wait for it"
                if trains
                else "one process copies the network to every device in each forward pass",
                help="start one process per device with torchrun and wrap the network in DistributedDataParallel",
                notes=("has an effect only where there are two or more devices",),
                related=[(each.node, "wrapped here too") for each in others[:4]],
                severity=None if trains else Severity.INFO,
            )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            model = nn.DataParallel(net).cuda()  # bad
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DataParallel

            def train(model, loader):
                if torch.cuda.device_count() > 1:
                    model = DataParallel(model)  # bad
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            def wrapped(net, cuda):
                if cuda:
                    net = torch.nn.DataParallel(net).cuda()  # bad
                else:
                    net = torch.nn.DataParallel(net)
                return net

            model = wrapped(net, True)
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            class Experiment:
                def __init__(self, model, args):
                    if args.use_multi_gpu:
                        model = torch.nn.DataParallel(model, device_ids=args.device_ids)  # bad
                    self.model = model

                def train(self, loader):
                    for x, y in loader:
                        loss = self.criterion(self.model(x.cuda()), y.cuda())
                        loss.backward()
                        self.optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            model = torch.nn.DataParallel(net.cuda()).eval()  # bad
            with torch.no_grad():
                for x in loader:
                    outputs.append(model(x.cuda()).cpu())
            """
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel

            model = DistributedDataParallel(net.cuda(rank), device_ids=[rank])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="one process for each device",
        ),
        Good(
            """
            import torch

            if args.local_rank == -1:
                model = torch.nn.DataParallel(net)
            else:
                model = torch.nn.parallel.DistributedDataParallel(net, device_ids=[args.local_rank])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="the user can start several processes",
        ),
        Good(
            """
            import torch

            model = torch.nn.DataParallel(net, device_ids=[0])
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="a single device",
        ),
        Good(
            """
            import torch

            model = torch.nn.DataParallel(net)
            model.load_state_dict(torch.load("old.pt"))
            model = model.module
            for x in loader:
                outputs.append(model(x.cuda()))
            """,
            why="only needed to read a checkpoint",
        ),
        Good(
            """
            import torch

            model = torch.nn.DataParallel(net.cuda())
            model.load_state_dict(torch.load("trained_on_several_devices.pt"))
            with torch.no_grad():
                for x in loader:
                    outputs.append(model(x.cuda()).cpu())
            """,
            why="the names in the checkpoint may need the wrapper",
        ),
        Good(
            """
            import torch

            net = Net()
            print(net(image).shape)
            net = torch.nn.DataParallel(net)
            torch.save({"weights": net.state_dict()}, "renamed.pt")
            """,
            why="wrapped to rename the weights",
        ),
        Good(
            """
            import torch
            from parallel import DataParallel

            model = DataParallel(net)
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="another library's class",
        ),
        Good(
            """
            import torch

            if False:
                model = torch.nn.DataParallel(net)
            """,
            why="never runs",
        ),
    )


def _counts(call: Call, facts: Facts) -> bool:
    """Whether a wrapper runs on several devices, as far as the code shows."""
    from greenlint import Contexts

    if facts[Contexts].dead(call.node) or _is_single(call) or _is_unwrapped(call, facts):
        return False
    return _trains(call, facts) or (not _reads_checkpoint(call, facts) and _is_used(call, facts))


def _trains(call: Call, facts: Facts) -> bool:
    """Whether a training step stands in this file, or in one that calls the function around."""
    from greenlint import Loops, Project, Tree

    if facts[Loops].steps:
        return True
    function = facts[Tree].function(call.node)
    return function is not None and any(each.facts[Loops].steps for each in facts[Project].callers(function))


def _is_used(call: Call, facts: Facts) -> bool:
    """Whether the wrapper is run or handed on after it is made: not only saved or printed."""
    from greenlint import Calls, Tree, cst, dotted

    tree = facts[Tree]
    names = _names(call, facts)
    if not names or any(name.startswith("self.") for name in names):
        return True
    for each in facts[Calls].all:
        if tree.first(each.node) > tree.last(call.node) or tree.loops_around(call.node):
            given = (each.node.func, *(arg.value for arg in each.node.args))
            if any(isinstance(part, (cst.Name, cst.Attribute)) and dotted(part) in names for part in given):
                return True
    function = tree.function(call.node)
    returned = tree.below(function.body, cst.Return) if function is not None else ()
    return any(isinstance(each.value, cst.Name) and each.value.value in names for each in returned)


def _has_alternative(facts: Facts) -> bool:
    """Whether the file can also wrap the network for one process per device."""
    from greenlint import Calls

    names = ("torch.nn.parallel.DistributedDataParallel", "apex.parallel.DistributedDataParallel")
    return bool(facts[Calls].named(*names) or facts[Calls].methods("DistributedDataParallel", "DDP"))


def _is_single(call: Call) -> bool:
    """Whether one device is written, or none."""
    from greenlint import Values, cst

    written = call.argument("device_ids", 1)
    if isinstance(written.node, (cst.List, cst.Tuple)):
        return len(written.node.elements) <= 1
    if written.node is None:
        return False
    constant = written.facts[Values].constant(written.node)
    return isinstance(constant, (list, tuple)) and len(constant) <= 1


def _names(call: Call, facts: Facts) -> set[str]:
    """The names and attributes that the wrapper is assigned to."""
    from greenlint import Tree, cst, dotted

    statement = facts[Tree].enclosing(call.node, cst.Assign)
    found = {dotted(each.target) for each in statement.targets} if statement is not None else set()
    return {each for each in found if each is not None}


def _reads_checkpoint(call: Call, facts: Facts) -> bool:
    """Whether weights are loaded into the wrapper, whose names may have been saved with a wrapper around."""
    from greenlint import Calls, dotted

    loads = facts[Calls].methods("load_state_dict")
    receivers = {dotted(each.receiver) for each in loads if each.receiver is not None}
    return bool(receivers & _names(call, facts))


def _is_unwrapped(call: Call, facts: Facts) -> bool:
    """Whether the name that gets the wrapper is later given the network inside: ``model = model.module``."""
    from greenlint import Tree, cst, dotted

    kept = _names(call, facts)
    for statement in facts[Tree].of_type(cst.Assign):
        inner = statement.value
        if isinstance(inner, cst.Attribute) and inner.attr.value == "module" and dotted(inner.value) in kept:
            return any(dotted(each.target) in kept for each in statement.targets)
    return False
