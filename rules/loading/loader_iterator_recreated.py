"""Loaders that are started for a single batch, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Outline, cst


class LoaderIteratorRecreated(Rule):
    """`next(iter(loader))` in a loop starts the loader anew in each pass and throws all but one batch away.

    `iter(loader)` shuffles the indices of the whole data set, starts the worker processes and lets each of them
    prepare two batches ahead. After one batch the iterator is dropped with all that was prepared. The work is
    several times that of the batch used, and the accelerator waits for the start of the workers.

    The finding stands at the call of `next`. Without workers only the shuffling is repeated: then it is a remark, and
    nothing is said of loaders that neither shuffle nor have workers.

    Leave it where a batch is drawn now and then, for a picture or a check.

    To fix it, make the iterator once before the loop, call `next` on it, and start anew on `StopIteration`; or write a
    generator that runs over the loader for ever.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("iter", "__iter__"), ("next", "__next__"))
    premises = (Premise.NOT_A_TEST, Premise.NO_TOY_SET)
    references = ("https://docs.pytorch.org/docs/stable/data.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "each time an iterator of a loader is made, worker processes are created",
            "https://docs.pytorch.org/docs/stable/data.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.loops) and "iter" in outline.calls

    @on_call("builtins.iter")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts, Hot, Kind, Values

        drawn = _drawn(call, facts)
        loader = call.positional[0] if call.positional else None
        if drawn is None or loader is None or facts[Contexts].dead(call.node):
            return
        value = facts[Values].of(loader)
        if value.kind is not Kind.DATALOADER:
            return
        spot = facts[Hot].repeated(call.node)
        if spot is None or _is_once_per_epoch(call, facts):
            return
        severity = _severity(value.call)
        if severity is None:
            return
        name = facts.document.source(loader)
        name = f"`{name}`" if len(name) <= 30 else "the loader"
        yield self.finding(
            drawn,
            f"{name} is started anew for a single batch {spot.heat.value}",
            help="make the iterator once before the loop and call next on it; start anew on StopIteration",
            related=((spot.body, "here"),),
            severity=severity,
        )

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(Photos("train"), batch_size=64, shuffle=True, num_workers=4)
            for step in range(100000):
                x, y = next(iter(loader))  # bad
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            labelled = DataLoader(Photos("labelled"), batch_size=64, num_workers=2, shuffle=True)
            other = DataLoader(Photos("unlabelled"), batch_size=64, num_workers=8, shuffle=True)
            for x, y in labelled:
                z = iter(other).__next__()  # bad
                loss = criterion(model(x.cuda()), y.cuda()) + consistency(model, z.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(Photos("train"), batch_size=64, shuffle=True)

            def train_step():
                batches = iter(loader)
                x, y = next(batches)  # bad
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()

            while True:
                train_step()
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(Photos("train"), batch_size=64, shuffle=True, num_workers=4)
            batches = iter(loader)
            for step in range(100000):
                try:
                    x, y = next(batches)
                except StopIteration:
                    batches = iter(loader)
                    x, y = next(batches)
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="started anew only at the end of the data",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(Photos("train"), batch_size=64, shuffle=True, num_workers=4)
            images, labels = next(iter(loader))
            show(images)
            """,
            why="once",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            validation = DataLoader(Photos("val"), batch_size=64, num_workers=4)
            for step, (x, y) in enumerate(loader):
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
                if step % 500 == 0:
                    show(model(next(iter(validation))[0].cuda()))
            """,
            why="now and then",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            validation = DataLoader(Photos("val"), batch_size=64, num_workers=4)
            for epoch in range(90):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
                show(model(next(iter(validation))[0].cuda()))
            """,
            why="once in an epoch",
        ),
        Good(
            """
            import torch

            for name, group in groups.items():
                first = next(iter(group.values()))
                model(first.cuda()).mean().backward()
                optimizer.step()
            """,
            why="no loader",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(Photos("train"), batch_size=64, shuffle=True, num_workers=4)
            for epoch in range(90):
                batches = iter(loader)
                for step in range(len(loader)):
                    x, y = next(batches)
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """,
            why="one iterator for each epoch",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=len(data))
            for step in range(1000):
                x, y = next(iter(loader))
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="without workers and shuffling an iterator costs nothing",
        ),
    )


def _drawn(call: Call, facts: Facts) -> cst.CSTNode | None:
    """The call that draws the only batch of an iterator: around it, or of the name that is given to it right before."""
    from greenlint import Calls, Names, Tree, cst

    tree = facts[Tree]
    for each in facts[Calls].methods("next", "__next__"):
        source = each.receiver if each.method == "__next__" or not each.positional else each.positional[0]
        if source is call.node:
            return each.node
        if not isinstance(source, cst.Name) or tree.loops_around(each.node) != tree.loops_around(call.node):
            continue
        bindings = facts[Names].reaching(source)
        if len(bindings) == 1 and bindings[0].value is call.node and _uses(bindings[0].name, call, facts) == 1:
            return each.node
    return None


def _uses(name: str, call: Call, facts: Facts) -> int:
    """How often a name is read in the function of a call."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    scope = tree.function(call.node) or tree.root
    read = [each for each in tree.below(scope, cst.Name) if each.value == name]
    return len([each for each in read if not isinstance(tree.parent(each), cst.AssignTarget)])


def _is_once_per_epoch(call: Call, facts: Facts) -> bool:
    """Whether the innermost loop around is one over epochs."""
    from greenlint import LoopRole, Loops, Tree

    around = facts[Tree].loops_around(call.node)
    return bool(around) and facts[Loops].of(around[0]).role is LoopRole.EPOCH


def _severity(loader: Call | None) -> Severity | None:
    """How much is thrown away: batches that workers prepared, or a shuffled list of indices."""
    if loader is None or loader.name != "torch.utils.data.DataLoader":
        return Severity.INFO
    workers = loader.argument("num_workers").constant
    if isinstance(workers, int):
        if workers > 0:
            return Severity.WARNING
        return Severity.INFO if loader.argument("shuffle").constant is True else None
    return Severity.INFO
