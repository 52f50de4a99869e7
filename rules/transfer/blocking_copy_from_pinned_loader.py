"""Blocking copies of batches that are already in page-locked memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_loop

if TYPE_CHECKING:
    from greenlint import Call, Edit, Facts, Findings, Fix, Loop, Move, Outline, cst


class BlockingCopyFromPinnedLoader(Rule):
    """A loader pins its batches, but the training loop copies them with a blocking `.to(device)`.

    Page-locked memory pays off when copies run in the background: with `non_blocking=True` the program goes on to
    queue the next copies and kernels instead of waiting for each.

    The finding stands at the first such copy of the loop.

    Leave it for devices other than CUDA, for copies from the device to the host (there the host may read garbage), and
    where the host batch is changed after the copy. A copy that also casts gains nothing.

    To fix it, pass `non_blocking=True`.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("pin_memory",), ("cuda", "to"), ("*backward",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.OWN_STEP,
        Premise.REAL_DATA,
    )
    references = ("https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",)
    evidence = (
        Evidence(
            Grade.TIMED,
            "several copies issued asynchronously are clearly faster; the gain depends on their number and size",
            "https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls

    @on_loop("training")
    def check(self, loop: Loop, facts: Facts) -> Findings:
        from greenlint import Contexts, Transfers, cst

        loader = _loader(loop, facts) if isinstance(loop.node, cst.For) else None
        if loader is None or loader.argument("pin_memory").constant is not True:
            return
        moves = [move for move in facts[Transfers].within(loop.node.body) if _is_blocking(move, loop, facts)]
        moves = [move for move in moves if not facts[Contexts].guarded(move.call.node, loop.node.body)]
        if not moves:
            return
        yield self.finding(
            moves[0].call.node,
            "the step waits for this copy although the batch is in page-locked memory",
            help="pass non_blocking=True",
            notes=("0-5 % of a step is our estimate",),
            related=((loader.node, "pinned here"), *((move.call.node, "waits here too") for move in moves[1:5])),
            fix=self._fix(moves, loader, loop, facts),
        )

    def _fix(self, moves: list[Move], loader: Call, loop: Loop, facts: Facts) -> Fix | None:
        """Copy tensors in the background where nothing changes the batch on the host meanwhile."""
        from greenlint import set_argument

        if loader.is_open or not loader.argument("collate_fn").absent:
            # What another function collates may have a method of its own, without this parameter.
            return None
        edits: list[Edit] = []
        for move in moves:
            made = set_argument(facts.document, move.call.node, "non_blocking", "True")
            if made is None or move.call.method not in ("to", "cuda") or not _is_left_alone(move, moves, loop, facts):
                return None
            edits.extend(made)
        if all(_is_cuda(move, facts) for move in moves):
            return self.safe_fix("copy in the background", *edits)
        reason = "a device other than CUDA may read the copy before it is complete"
        return self.unsafe_fix("copy in the background", *edits, reason=reason)

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, num_workers=4, pin_memory=True)
            for x, y in loader:
                x = x.cuda()  # bad
                y = y.cuda()
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, num_workers=4, pin_memory=True)
            for x, y in loader:
                x = x.cuda(non_blocking=True)
                y = y.cuda(non_blocking=True)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            loader = DataLoader(data, batch_size=64, **{"pin_memory": True, "num_workers": 8})
            for step, (x, y) in enumerate(loader):
                x, y = x.to(device), y.to(device)  # bad
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            loader = DataLoader(data, batch_size=64, **{"pin_memory": True, "num_workers": 8})
            for step, (x, y) in enumerate(loader):
                x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            kind = "cuda" if torch.cuda.is_available() else "xpu"
            loader = DataLoader(data, batch_size=64, pin_memory=True)
            for x, y in loader:
                x, y = x.to(kind), y.to(kind)  # bad
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader

            kind = "cuda" if torch.cuda.is_available() else "xpu"
            loader = DataLoader(data, batch_size=64, pin_memory=True)
            for x, y in loader:
                x, y = x.to(kind, non_blocking=True), y.to(kind, non_blocking=True)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            def train(loader):
                for images, labels in loader:
                    loss = criterion(model(images.to("cuda")), labels.to("cuda"))  # bad
                    loss.backward()
                    optimizer.step()

            train(DataLoader(data, batch_size=64, pin_memory=True))
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader

            def train(loader):
                for images, labels in loader:
                    loss = criterion(model(images.to("cuda", non_blocking=True)), labels.to("cuda", non_blocking=True))
                    loss.backward()
                    optimizer.step()

            train(DataLoader(data, batch_size=64, pin_memory=True))
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, pin_memory=True, collate_fn=graphs)
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()  # bad
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, pin_memory=True)
            for x, y in loader:
                output = model(x.cuda())  # bad
                x.add_(1)
                criterion(output, y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, pin_memory=True)
            for batch in loader:
                count += batch[0].shape[0]
                output = model(batch[0].to("cuda"))  # bad
                criterion(output, batch[1].to("cuda")).backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, pin_memory=True)
            for batch in loader:
                count += batch[0].shape[0]
                output = model(batch[0].to("cuda", non_blocking=True))
                criterion(output, batch[1].to("cuda", non_blocking=True)).backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64, pin_memory=True)
            for batch in loader:
                output = model(batch[0].to("cuda"))  # bad
                normalise(batch)
                criterion(output, batch[1].to("cuda")).backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            for x, y in DataLoader(data, pin_memory=True):
                criterion(model(x.cuda(non_blocking=True)), y.cuda(non_blocking=True)).backward()
                optimizer.step()
            """,
            why="asynchronous",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            for x, y in DataLoader(data, batch_size=64):
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="not pinned: another rule's matter",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            for x, y in DataLoader(data, pin_memory=True):
                x, y = x.to("cuda", dtype=torch.float16), y.to("cuda", torch.long)
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="a cast on the way needs the values",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            for x, y in DataLoader(data, pin_memory=True):
                criterion(model(x.to("mps")), y.to("mps")).backward()
                optimizer.step()
            """,
            why="asynchronous copies are safe towards CUDA only",
        ),
        Good(
            """
            import torch
            from accelerate import Accelerator
            from torch.utils.data import DataLoader

            accelerator = Accelerator()
            loader = accelerator.prepare(DataLoader(data, pin_memory=True))
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                accelerator.backward(loss)
                optimizer.step()
            """,
            why="accelerate has moved the batch already",
        ),
        Good(
            """
            import torch
            from settings import options
            from torch.utils.data import DataLoader

            for x, y in DataLoader(data, **options):
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="whether the loader pins is not known",
        ),
    )


def _loader(loop: Loop, facts: Facts) -> Call | None:
    """The loader that a loop iterates, if its call can be seen."""
    from greenlint import Kind, Values, cst

    assert isinstance(loop.node, cst.For)
    values = facts[Values]
    value = values.of(values.iterated(loop.node.iter))
    if value.kind is not Kind.DATALOADER or value.call is None or value.device is not None:
        return None
    return value.call if value.call.name == "torch.utils.data.DataLoader" else None


def _is_blocking(move: Move, loop: Loop, facts: Facts) -> bool:
    """Whether a move copies a part of the batch to CUDA and waits for it."""
    from greenlint import BindingKind, Device, Names

    if move.target is not Device.ACCELERATOR or move.casts or move.blocking is not True:
        return False
    if move.device is not None and "mps" in facts.document.source(move.device):
        return False
    source = _root(move.source)
    return source is not None and any(
        each.kind is BindingKind.LOOP and each.node is loop.node for each in facts[Names].reaching(source)
    )


def _is_cuda(move: Move, facts: Facts) -> bool:
    """Whether the device is certainly CUDA, or the CPU, where nothing is copied."""
    if len(move.call.node.args) != (move.call.method == "to"):
        return False
    return move.call.method == "cuda" or (move.device is not None and _names_cuda(move.device, facts))


def _names_cuda(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression is ``"cuda"``, or ``"cpu"`` where there is no CUDA device."""
    from greenlint import BindingKind, Calls, Names, cst

    if isinstance(node, cst.IfExp):
        on_host = isinstance(node.orelse, cst.SimpleString) and node.orelse.evaluated_value == "cpu"
        return on_host and _names_cuda(node.body, facts)
    if isinstance(node, cst.SimpleString):
        return str(node.evaluated_value).startswith("cuda")
    if isinstance(node, cst.Call):
        made = facts[Calls].of(node)
        return made.name == "torch.device" and len(node.args) == 1 and _names_cuda(node.args[0].value, facts)
    bindings = facts[Names].reaching(node) if isinstance(node, cst.Name) else ()
    if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN or bindings[0].path:
        return False
    value = bindings[0].value
    return value is not None and not isinstance(value, cst.Name) and _names_cuda(value, facts)


def _is_left_alone(move: Move, moves: list[Move], loop: Loop, facts: Facts) -> bool:
    """Whether the loop only reads what it has of the batch on the host, or its name stands for the copy then."""
    from greenlint import Tree, Uses, cst

    source, tree = _root(move.source), facts[Tree]
    if source is None:
        return False
    uses = [each for each in tree.below(loop.node.body, cst.Name) if each.value == source.value]
    moved = [_root(each.source) for each in moves]
    if all(facts[Uses].only_reads(each) is True for each in uses if each not in moved):
        return True
    statement = tree.statement(move.call.node)
    if not isinstance(statement, cst.Assign) or tree.first(uses[0]) < tree.first(statement):
        return False
    bound = [each for target in statement.targets for each in tree.below(target, cst.Name)]
    read = [each for each in tree.below(statement.value, cst.Name) if each.value == source.value]
    return move.source is source and len(read) == 1 and any(each.value == source.value for each in bound)


def _root(node: cst.BaseExpression) -> cst.Name | None:
    """``batch`` of ``batch[0]``."""
    from greenlint import cst

    while isinstance(node, cst.Subscript):
        node = node.value
    return node if isinstance(node, cst.Name) else None
