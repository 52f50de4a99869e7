"""Worker processes of a loader that are started again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Report, cst


class LoaderWorkersRespawned(Rule):
    """The worker processes of a `DataLoader` are started anew in each pass over little data.

    Each worker is a process of its own: starting one copies or imports the program and the data set, and fills its
    queue from nothing while the accelerator waits. Without `persistent_workers=True`, all workers end with each pass;
    a loader that is built inside the epoch loop starts them in each epoch whatever its settings.

    The finding stands at the `DataLoader` call. A loader built in the epoch loop from arguments that stay the same is
    a warning. One that is only not persistent is a remark, and reported only for small data sets such as CIFAR, for
    many workers, and for a validation loader that runs several times in an epoch.

    Leave it where the data set is changed between epochs, for folds and curricula, and where long epochs make the
    start negligible. Persistent workers keep their memory, and do not see changes of the data set object.

    To fix it, build the loader once before the loop and pass `persistent_workers=True`.
    """

    class Options(RuleOptions):
        workers: int = 16
        """So many workers are worth keeping whatever the data set."""

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("DataLoader",), ("num_workers", "*workers*", "DataLoader"))
    premises = (Premise.NOT_A_TEST, Premise.NO_TOY_SET)
    references = (
        "https://docs.pytorch.org/docs/stable/data.html",
        "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "workers that do not persist are shut down after each pass; keeping them speeds up short epochs",
            "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
        ),
    )

    @on_call("torch.utils.data.DataLoader")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        if facts[Contexts].dead(call.node) or call.argument("num_workers").constant == 0:
            return
        loop = _rebuilt_in(call, facts)
        if loop is not None:
            yield self._rebuilt(call, *loop)
        else:
            yield from self._not_kept(call, facts)

    def _rebuilt(self, call: Call, owner: Facts, loop: cst.CSTNode) -> Report:
        known = isinstance(call.argument("num_workers").constant, int)
        return self.finding(
            call.node,
            "the same loader is built in each epoch, and its workers are started anew",
            help="build it once before the loop and pass persistent_workers=True",
            related=((loop, "in each pass of this loop", owner.document),),
            severity=None if known else Severity.INFO,
        )

    def _not_kept(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Datasets, Environment

        workers = _workers(call)
        if workers is None or not call.argument("persistent_workers").absent:
            return
        if facts[Environment].at_least("torch", "1.7") is False:
            return
        for owner, inner, outer in facts[Datasets].repeats(call):
            if not _is_long(owner, outer) or _is_made_anew(call, facts, owner, inner, outer):
                continue
            inside = _within_epoch(owner, outer)
            if inside or workers >= self.options.workers or _is_small(call):
                yield self.finding(
                    call.node,
                    "the workers are shut down after each pass over the data and started again for the next",
                    help="pass persistent_workers=True",
                    notes=("saves a few seconds per pass; the workers keep their memory",),
                    related=((outer, "one pass each time round", owner.document),),
                    fix=self._fix(call, facts),
                    severity=Severity.INFO,
                )
                return

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """Keep the workers where nobody changes the data set that they hold a copy of."""
        from greenlint import Datasets, add_arguments

        known = call.argument("num_workers").constant
        if not isinstance(known, int) or not facts[Datasets].may_keep_workers(call):
            return None
        edits = add_arguments(facts.document, call.node, persistent_workers="True")
        reason = "random streams go on where they started anew, and workers keep their memory between passes"
        return self.unsafe_fix("keep the workers", *edits, reason=reason) if edits is not None else None

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            data = Photos("train")
            for epoch in range(90):
                loader = DataLoader(data, batch_size=64, shuffle=True, num_workers=4)  # bad
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            def train_epoch(model, data):
                loader = DataLoader(data, batch_size=64, shuffle=True, num_workers=4, persistent_workers=True)  # bad
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()

            data = Photos("train")
            for epoch in range(epochs):
                train_epoch(model, data)
            """
        ),
        Bad(
            """
            import torch
            import torchvision
            from torch.utils.data import DataLoader
            from torchvision import transforms

            data = torchvision.datasets.CIFAR10("data", transform=transforms.RandomCrop(32))
            loader = DataLoader(data, batch_size=128, shuffle=True, num_workers=4)  # bad
            for epoch in range(200):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            fixed="""
            import torch
            import torchvision
            from torch.utils.data import DataLoader
            from torchvision import transforms

            data = torchvision.datasets.CIFAR10("data", transform=transforms.RandomCrop(32))
            loader = DataLoader(data, batch_size=128, shuffle=True, num_workers=4, persistent_workers=True)
            for epoch in range(200):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
        ),
        Bad(
            """
            import os
            import torch
            from torch.utils.data import DataLoader

            def endless(loader):
                while True:
                    for batch in loader:
                        yield batch

            loader = DataLoader(Photos("train"), batch_size=16, shuffle=True, num_workers=os.cpu_count())  # bad
            batches = endless(loader)
            for step in range(100000):
                model(next(batches).cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            validation = DataLoader(Clips("val"), batch_size=64, num_workers=4)  # bad

            def evaluate(model):
                with torch.no_grad():
                    for x, y in validation:
                        model(x.cuda())

            for step, (x, y) in enumerate(train_loader):
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
                if step % 100 == 0:
                    evaluate(model)
            """
        ),
        Good(
            """
            import torch
            import torchvision
            from torch.utils.data import DataLoader
            from torchvision import transforms

            data = torchvision.datasets.CIFAR10("data", transform=transforms.RandomCrop(32))
            loader = DataLoader(data, batch_size=128, num_workers=4, persistent_workers=True)
            for epoch in range(200):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="the workers stay",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            def validate(model, data, batch_size):
                loader = DataLoader(data, batch_size=batch_size, collate_fn=pad(batch_size), num_workers=2)
                with torch.no_grad():
                    for x, y in loader:
                        model(x.cuda())

            for step, (x, y) in enumerate(train_loader):
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
                if step % 1000 == 0:
                    validate(model, Clips("val"), 64)
            """,
            why="built anew each time, so that no setting could keep its workers",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, Subset

            for fold, (train, validation) in enumerate(folds.split(data)):
                loader = DataLoader(Subset(data, train), batch_size=64, num_workers=4)
                for epoch in range(10):
                    for x, y in loader:
                        criterion(model(x.cuda()), y.cuda()).backward()
                        optimizer.step()
            """,
            why="each fold has its own data, and long epochs make the start negligible",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            data = Photos("train")
            for epoch in range(90):
                loader = DataLoader(data, sampler=hard_examples(epoch), batch_size=64, num_workers=4)
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="another sampler in each epoch",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            data = Photos("train")
            for epoch in range(90):
                loader = DataLoader(data, batch_size=64, shuffle=True)
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="no workers are started",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder

            loader = DataLoader(ImageFolder("imagenet"), batch_size=256, num_workers=8)
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="epochs may be long",
        ),
        Good(
            """
            import torch
            import torchvision
            from torch.utils.data import DataLoader
            from torchvision import transforms

            data = torchvision.datasets.CIFAR10("data", transform=transforms.RandomCrop(32))
            loader = DataLoader(data, batch_size=128, num_workers=4)
            for x, y in loader:
                model(x.cuda())
            """,
            why="a single pass",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            data = Photos("train")
            for epoch in range(90):
                data.resample(epoch)
                loader = DataLoader(data, batch_size=64, num_workers=4)
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="the data set changes, and persistent workers would not see it",
        ),
        Good(
            """
            import torch
            import torchvision
            from torch.utils.data import DataLoader
            from torchvision import transforms

            # persistent workers leak memory with this decoder
            data = torchvision.datasets.CIFAR10("data", transform=transforms.RandomCrop(32))
            loader = DataLoader(data, batch_size=128, num_workers=4, persistent_workers=False)
            for epoch in range(200):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="decided on",
        ),
    )


def _workers(call: Call) -> int | None:
    """How many workers a loader has; a count of cores is taken for many."""
    from greenlint import Calls, cst

    argument = call.argument("num_workers")
    constant = argument.constant
    if isinstance(constant, int) and not isinstance(constant, bool):
        return constant if constant > 0 else None
    node = argument.node
    if isinstance(node, cst.Call) and argument.facts[Calls].of(node).name in _CORES:
        return _MANY
    return None


def _is_small(call: Call) -> bool:
    """Whether the data are known to be small images held in memory."""
    from greenlint import Datasets, Work

    dataset = call.argument("dataset")
    return dataset.node is not None and dataset.facts[Datasets].work(dataset.node) is Work.AUGMENTS


def _is_long(facts: Facts, loop: cst.For | cst.While) -> bool:
    """Whether a loop does not certainly end after a few passes."""
    from greenlint import Loops

    iterations = facts[Loops].of(loop).iterations
    return iterations is None or iterations > _FEW


def _is_made_anew(call: Call, facts: Facts, owner: Facts, inner: cst.For, outer: cst.CSTNode) -> bool:
    """Whether the loader is built in each pass of what repeats it, so that its workers could not be kept anyway."""
    from greenlint import Names, Tree, Values, cst

    tree = facts[Tree]
    if owner is facts and tree.contains(outer, call.node):
        return True
    if inner in tree and tree.function(inner) is not None and tree.function(inner) is tree.function(call.node):
        return owner is not facts or not tree.contains(outer, inner)
    if inner not in owner[Tree] or not owner[Tree].contains(outer, inner):
        return False
    iterated = owner[Values].iterated(inner.iter)
    if isinstance(iterated, cst.Call):
        return True
    bindings = owner[Names].reaching(iterated) if isinstance(iterated, cst.Name) else ()
    return any(each.node in owner[Tree] and owner[Tree].contains(outer, each.node) for each in bindings)


def _within_epoch(facts: Facts, loop: cst.For | cst.While) -> bool:
    """Whether what repeats a pass is itself a loop over batches: a validation in the middle of an epoch."""
    from greenlint import LoopRole, Loops

    return facts[Loops].of(loop).role is LoopRole.TRAINING


def _rebuilt_in(call: Call, facts: Facts) -> tuple[Facts, cst.CSTNode] | None:
    """The epoch loop that builds the same loader in each pass, itself or by a call of the function around."""
    from greenlint import Contexts, Invariance, LoopRole, Loops, Project, Tree

    if not _is_run_over(call, facts):
        return None
    tree = facts[Tree]
    around = tree.loops_around(call.node)
    if around:
        loop = around[0]
        same = all(facts[Invariance].holds(arg.value, loop) for arg in call.node.args)
        if facts[Loops].of(loop).role is not LoopRole.EPOCH or not same or not _is_long(facts, loop):
            return None
        return (
            None if facts[Contexts].guarded(call.node, loop.body) or _is_changed(call, loop, facts) else (facts, loop)
        )
    function = tree.function(call.node)
    if function is None or not _depends_on_parameters(call, function, facts):
        return None
    for caller in facts[Project].callers(function):
        owner = caller.facts
        loops = owner[Tree].loops_around(caller.node)
        if not loops or owner[Loops].of(loops[0]).role is not LoopRole.EPOCH or not _is_long(owner, loops[0]):
            continue
        passed = _parameters_read(call, facts)
        if _same_arguments(caller, function, passed, loops[0]) and not owner[Contexts].guarded(
            caller.node, loops[0].body
        ):
            return owner, loops[0]
    return None


def _is_run_over(call: Call, facts: Facts) -> bool:
    """Whether a loop over the loader runs a network in the same function."""
    from greenlint import Datasets, LoopRole, Loops, Tree

    tree = facts[Tree]
    roles = (LoopRole.TRAINING, LoopRole.MICROBATCH, LoopRole.EVALUATION)
    return any(
        owner is facts and owner[Loops].of(node).role in roles and tree.function(node) is tree.function(call.node)
        for owner, node in facts[Datasets].loops_over(call)
    )


def _is_changed(call: Call, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether a method of the data set is called in the loop, which may change it."""
    from greenlint import Calls, dotted

    dataset = call.argument("dataset").node
    name = dotted(dataset) if dataset is not None else None
    return name is None or any(
        each.receiver is not None and dotted(each.receiver) == name for each in facts[Calls].within(loop.body)
    )


def _parameters_read(call: Call, facts: Facts) -> set[str]:
    """The names that a loader's arguments read."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    names = (name for arg in call.node.args for name in tree.below(arg.value, cst.Name))
    return {name.value for name in names}


def _depends_on_parameters(call: Call, function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a loader's arguments are constants, parameters, `self` and names of the module only."""
    from greenlint import BindingKind, Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    for arg in call.node.args:
        if any(tree.below(arg.value, cst.Call, cst.Lambda)):
            return False
        for name in tree.below(arg.value, cst.Name):
            for binding in names.reaching(name):
                if binding.kind is not BindingKind.PARAMETER and tree.contains(function, binding.node):
                    return False
    return True


def _same_arguments(caller: Call, function: cst.FunctionDef, names: set[str], loop: cst.For | cst.While) -> bool:
    """Whether a call passes the same values in each pass of a loop for the parameters that matter."""
    from greenlint import Invariance, Values

    invariance = caller.facts[Invariance]
    parameters = [each.name.value for each in (*function.params.params, *function.params.kwonly_params)]
    if caller.is_open:
        return False
    for parameter in set(parameters) & names - {"self"}:
        position = parameters.index(parameter) - ("self" in parameters)
        argument = caller.argument(parameter, position)
        if argument.node is not None and not invariance.holds(argument.node, loop):
            return False
        if argument.node is not None and caller.facts[Values].of(argument.node).element:
            return False
    return True


_MANY = 16
_FEW = 3
_CORES = frozenset(("os.cpu_count", "multiprocessing.cpu_count", "torch.multiprocessing.cpu_count", "psutil.cpu_count"))
