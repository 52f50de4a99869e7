"""The same value copied to the accelerator in every pass of a loop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenlint import Edit, Facts, Findings, Fix, Move, Outline, Spot, cst


class LoopInvariantTransfer(Rule):
    """A training or evaluation loop copies a value to the device that is the same in every pass.

    Class weights, masks, position tables or a whole validation set cross the bus again and again. Each copy from
    pageable memory also makes the program wait.

    The finding stands at the first such copy of a loop or forward pass; further ones are related places.

    Leave it where the tensor stays on the host on purpose, to save device memory.

    To fix it, copy once before the loop. In a module, use `register_buffer`, which moves with the module.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "jax")
    words = (("to", "cuda", "xpu", "npu", "mps", "device_put"), ("for", "while", "forward"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.NO_TOY_SET,
    )
    references = ("https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to avoid needless copies between host and device",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
        Evidence(
            Grade.REASONED,
            "each repeat costs traffic on the bus and, from pageable memory, a wait",
            "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.moves_invariant

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Frameworks

        groups: dict[object, list[_Place]] = {}
        for each in _places(facts):
            groups.setdefault(each.spot.body, []).append(each)
        for group in groups.values():
            group.sort(key=lambda each: not each.matters)
            first = group[0]
            yield self.finding(
                first.move.call.node,
                f"{first.what} {first.spot.heat.value}, though it never changes",
                help=first.remedy,
                notes=("saves 1-10 % of the loop (estimate), depending on the size of what is copied",),
                related=tuple((each.move.call.node, "copied again here too") for each in group[1:6]),
                severity=None if first.matters else Severity.INFO,
                confidence=Confidence.HIGH if facts[Frameworks].gpu_intent is True else Confidence.MEDIUM,
                fix=self._fix(group, facts),
            )

    def _fix(self, group: list[_Place], facts: Facts) -> Fix | None:
        """Move the copies before the outermost loop in which they are the same."""
        from greenlint import Tree, joined

        hoisted: list[_Hoisted] = []
        for place in sorted(group, key=lambda each: facts[Tree].first(each.move.call.node)):
            moved = _hoisted(place, hoisted, facts)
            if moved is None:
                return None
            hoisted.append(moved)
        edits = joined(*(each.edits for each in hoisted))
        reasons = dict.fromkeys(each.reason for each in hoisted if each.reason is not None)
        if reasons:
            return self.unsafe_fix(group[0].remedy, *edits, reason=", and ".join(reasons))
        return self.safe_fix(group[0].remedy, *edits)

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5])
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda(), weight=weights.cuda())  # bad
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5])
            weights_on_device = weights.cuda()
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda(), weight=weights_on_device)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import numpy as np
            import torch

            anchors = np.load("anchors.npy")
            for images, boxes in loader:
                table = torch.from_numpy(anchors).to("cuda")  # bad
                loss = criterion(model(images.to("cuda")), boxes.to("cuda"), table)
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import numpy as np
            import torch

            anchors = np.load("anchors.npy")
            table = torch.from_numpy(anchors).to("cuda")
            for images, boxes in loader:
                loss = criterion(model(images.to("cuda")), boxes.to("cuda"), table)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self, size):
                    super().__init__()
                    self.positions = torch.arange(5000).float()

                def forward(self, x):
                    return self.layers(x + self.positions[: x.size(1)].to(x.device))  # bad

            net = Net(512).cuda()
            """
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            device = torch.device("cuda")
            model = resnet50()
            for images in loader:
                model.to(device)  # bad
                with torch.no_grad():
                    scores = model(images.to(device))
            """,
            fixed="""
            import torch
            from torchvision.models import resnet50

            device = torch.device("cuda")
            model = resnet50()
            model.to(device)
            for images in loader:
                with torch.no_grad():
                    scores = model(images.to(device))
            """,
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            device = torch.device("cuda")
            model = resnet50()
            model.to(device)
            for images in loader:
                with torch.no_grad():
                    model.eval()
                    model.to(device)  # bad
                    scores = model(images.to(device))
            """,
            fixed="""
            import torch
            from torchvision.models import resnet50

            device = torch.device("cuda")
            model = resnet50()
            model.to(device)
            for images in loader:
                with torch.no_grad():
                    model.eval()
                    scores = model(images.to(device))
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Trainer:
                def __init__(self, model):
                    self.model = model
                    self.weights = torch.tensor([0.2, 0.3, 0.5])
                    self.device = torch.device("cuda")

                def fit(self, loader):
                    for epoch in range(100):
                        self.model.train()
                        for x, y in loader:
                            # rare classes count more
                            weights = self.weights.to(self.device)  # bad

                            logits = self.model(x.to(self.device))
                            loss = nn.functional.cross_entropy(logits, y.to(self.device), weight=weights)
                            loss.backward()
                            self.optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            class Trainer:
                def __init__(self, model):
                    self.model = model
                    self.weights = torch.tensor([0.2, 0.3, 0.5])
                    self.device = torch.device("cuda")

                def fit(self, loader):
                    # rare classes count more
                    weights = self.weights.to(self.device)
                    for epoch in range(100):
                        self.model.train()
                        for x, y in loader:

                            logits = self.model(x.to(self.device))
                            loss = nn.functional.cross_entropy(logits, y.to(self.device), weight=weights)
                            loss.backward()
                            self.optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            mask = torch.zeros(1000)
            for x, y in loader:
                seen = mask.cuda()  # bad
                seen += y.cuda()
                loss = nn.functional.mse_loss(model(x.cuda()) * seen, y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5])
            for x, y in loader:
                if args.cuda:
                    x, y, weights_used = x.cuda(), y.cuda(), weights.cuda()  # bad
                loss = nn.functional.cross_entropy(model(x), y, weight=weights_used)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5])
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda(), weight=balance(weights.cuda()))  # bad
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            scale = torch.tensor([0.2], requires_grad=True)
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()) * scale.cuda(), y.cuda())  # bad
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            device = torch.device("cuda")
            model = resnet50()
            for images in loader:
                model.to(device)  # bad
                with torch.no_grad():
                    scores = model(images.to(device))
                export(model)
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            weights = torch.tensor([0.2, 0.3, 0.5]).cuda()
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda(), weight=weights)
                loss.backward()
                optimizer.step()
            """,
            why="copied once, before the loop",
        ),
        Good(
            """
            import torch

            table = torch.zeros(1000, 64)
            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda(), table.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                table[step % 1000] = x.mean(0)
            """,
            why="its content changes in the loop",
        ),
        Good(
            """
            import torch

            data = torch.load("data.pt")
            for step in range(10_000):
                start = step * 64 % len(data)
                x = data[start : start + 64].to("cuda")
                loss = model(x).mean()
                loss.backward()
                optimizer.step()
            """,
            why="another part each time",
        ),
        Good(
            """
            import torch

            cpu_cache = torch.zeros(100_000, 1024)
            for x, y in loader:
                loss = criterion(model(x.cuda(), cpu_cache.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            not_as=("renamed",),  # the name says that the host is meant
            why="kept on the host on purpose",
        ),
        Good(
            """
            import torch

            state = torch.zeros(1, 64)
            for x, y in loader:
                state = state.to("cuda")
                loss = criterion(model(x.cuda(), state), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="nothing to do after the first pass, because the name is bound to the copy",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self, size):
                    super().__init__()
                    self.register_buffer("positions", torch.arange(5000).float())
                    self.scale = torch.tensor(2.0)

                def forward(self, x):
                    self.scale = self.scale.to(x.device)
                    return self.layers(x * self.scale + self.positions[: x.size(1)].to(x.device))

            net = Net(512).cuda()
            """,
            why="a buffer moves with its module, and the other tensor is kept once it has been moved",
        ),
        Good(
            """
            import torch

            weights = torch.tensor([0.2, 0.3, 0.5])
            for i, model in enumerate(models):
                device = f"cuda:{i}"
                for x, y in loader:
                    loss = criterion(model(x.to(device)), y.to(device))
                    loss.backward()
                    optimizer.step()
                print(weights.to(device) @ model.scores)
            """,
            why="once per model, each on its own device",
        ),
    )


@dataclass(frozen=True)
class _Place:
    """One copy of something that does not change."""

    move: Move
    spot: Spot
    what: str
    remedy: str
    matters: bool
    """Whether data crosses the bus in each step, rather than now and then or only the first time."""


def _places(facts: Facts) -> Iterator[_Place]:
    from greenlint import Device, Heat, Hot, Transfers

    for move in facts[Transfers].all:
        if move.target is Device.HOST or not _may_be_invariant(move, facts):
            continue
        spot = facts[Hot].of(move.call.node)
        if spot is None:
            continue
        place = _in_forward(move, spot, facts) if spot.heat is Heat.FORWARD else _in_loop(move, spot, facts)
        if place is not None:
            yield place


def _may_be_invariant(move: Move, facts: Facts) -> bool:
    """Whether the source is something that has a name, not just made, and not already on a device."""
    from greenlint import Device, Factories, Kind, Residence, Values

    base = _base(move.source)
    if base is None or _HOST_NAME.search(facts.document.source(base)):
        return False
    value = facts[Values].of(move.source)
    if value.device is Device.ACCELERATOR or value.kind is Kind.JAX_ARRAY or value.element:
        return False
    if facts[Factories].made(move.source) is not None:
        return False
    return _is_network(move, facts) or not facts[Residence].from_model(move.source)


def _base(node: cst.BaseExpression) -> cst.Name | cst.Attribute | None:
    """The name behind methods, subscripts and conversions: `weights` in `torch.from_numpy(weights[0]).float()`."""
    from greenlint import cst

    while True:
        if isinstance(node, cst.Subscript):
            node = node.value
        elif isinstance(node, cst.Call) and node.args and isinstance(node.func, cst.Attribute) and _is_wrapper(node):
            node = node.args[0].value
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            node = node.func.value
        else:
            return node if isinstance(node, (cst.Name, cst.Attribute)) else None


def _is_wrapper(node: cst.Call) -> bool:
    from greenlint import cst

    return isinstance(node.func, cst.Attribute) and node.func.attr.value in (
        "from_numpy",
        "tensor",
        "as_tensor",
        "FloatTensor",
        "LongTensor",
        "asarray",
        "array",
    )


def _in_loop(move: Move, spot: Spot, facts: Facts) -> _Place | None:
    from greenlint import Heat, Invariance, cst

    if not isinstance(spot.body, (cst.For, cst.While)):
        return None
    holds = facts[Invariance].holds
    if not holds(move.source, spot.body) or (move.device is not None and not holds(move.device, spot.body)):
        return None
    if _returns_to_host(move, spot.body, facts):
        return None
    if _is_network(move, facts):
        what, remedy = "a network is moved to the device again", "move it once, before the loop"
        return _Place(move, spot, what, remedy, matters=False)
    if not _on_host(move, facts):
        return None
    matters = spot.heat is not Heat.EVALUATION
    return _Place(move, spot, "a tensor is copied to the device", "copy it once, before the loop", matters=matters)


def _on_host(move: Move, facts: Facts) -> bool:
    """Whether what is copied certainly lies on the host."""
    from greenlint import Device, Kind, Values

    value = facts[Values].of(move.source)
    if value.device is Device.HOST or value.kind is Kind.ARRAY:
        return True
    return value.call is not None and value.call.name == "torch.from_numpy"


def _is_network(move: Move, facts: Facts) -> bool:
    from greenlint import Kind, Models, Tree, Values, cst

    kind = facts[Values].of(move.source).kind
    if kind in (Kind.MODULE, Kind.HF_MODEL, Kind.CRITERION):
        return True
    # Only a module can be moved without taking the result.
    unused = isinstance(facts[Tree].parent(move.call.node), cst.Expr)
    return unused and kind is None and facts[Models].is_model(move.source) is not False


def _returns_to_host(move: Move, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the loop also moves it back, as offloading does."""
    from greenlint import Calls, Device, Values

    written = facts.document.source(move.source)
    for call in facts[Calls].methods("cpu", "to", within=loop.body):
        to_host = call.method == "cpu" or facts[Values].target(call) is Device.HOST
        if to_host and call.receiver is not None and facts.document.source(call.receiver) == written:
            return True
    return False


def _in_forward(move: Move, spot: Spot, facts: Facts) -> _Place | None:
    """A tensor that a module keeps as a plain attribute, so that it does not move with the module."""
    from greenlint import Device, Kind, Names, Tree, Values, cst

    base = _base(move.source)
    if not isinstance(base, cst.Attribute) or not isinstance(base.value, cst.Name) or base.value.value != "self":
        return None
    value = facts[Values].of(base)
    if value.kind is not Kind.TENSOR or value.device is not Device.HOST:
        return None
    for binding in facts[Names].stores.get(base.attr.value, ()):
        function = facts[Tree].function(binding.node)
        if function is None or function.name.value != "__init__":
            return None
    return _Place(
        move, spot, "a tensor of the module is copied to the device", "keep it with self.register_buffer", matters=True
    )


# -- the fix --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Hoisted:
    """How a copy moves before a loop."""

    text: str
    """The copy as it is written."""
    loop: cst.For | cst.While
    edits: Sequence[Edit]
    name: str | None = None
    """The variable that holds it."""
    reason: str | None = None
    """Why that is not safe."""


def _hoisted(place: _Place, others: Sequence[_Hoisted], facts: Facts) -> _Hoisted | None:
    from greenlint import Tree, is_remarked

    move = place.move
    loop = _outermost(place, facts)
    if loop is None or move.call.name is not None or is_remarked(facts.document, facts[Tree].statement(move.call.node)):
        return None
    return _hoisted_network(move, loop, facts) if _is_network(move, facts) else _hoisted_copy(move, loop, others, facts)


def _outermost(place: _Place, facts: Facts) -> cst.For | cst.While | None:
    """The outermost loop in which a copy is the same, and made in each pass; at least the one that was reported."""
    from greenlint import Names, Tree, cst

    call, tree, names = place.move.call.node, facts[Tree], facts[Names]
    found: cst.For | cst.While | None = None
    attributes = {each.attr for each in tree.below(call, cst.Attribute)}
    read = {each.value for each in tree.below(call, cst.Name) if each not in attributes and names.reaching(each)}
    for loop in tree.loops_around(call):
        if not _is_same(place.move, loop, facts) or not all(names.is_bound(each, loop) for each in read):
            break
        found = loop
    return found if found is not None and tree.contains(found, place.spot.body) else None


def _is_same(move: Move, loop: cst.For | cst.While, facts: Facts) -> bool:
    from greenlint import Invariance, Tree, cst

    tree, holds = facts[Tree], facts[Invariance].holds
    if not holds(move.source, loop) or any(arg.star or not holds(arg.value, loop) for arg in move.call.node.args):
        return False
    # Other code may run between the passes.
    if any(True for _ in tree.below(loop, cst.Yield, cst.Await)):
        return False
    conditional = (cst.If, cst.Else, cst.Try, cst.TryStar, cst.Match, cst.IfExp, cst.BooleanOperation)
    elsewhere = (cst.Lambda, cst.FunctionDef, cst.ClassDef, cst.BaseComp)
    for above in tree.ancestors(move.call.node):
        if above is loop:
            return True
        if isinstance(above, (*conditional, *elsewhere)):
            return False
        if isinstance(above, cst.With) and not _is_harmless(above, facts):
            return False
    return False


def _is_harmless(block: cst.With, facts: Facts) -> bool:
    """Whether a copy made before a block is the same as one made in it."""
    from greenlint import Calls, cst

    items = [each.item for each in block.items]
    return all(
        isinstance(each, cst.Call)
        and (facts[Calls].of(each).name or "").startswith("torch.")
        and facts[Calls].of(each).method in ("no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "autocast")
        for each in items
    )


# -- tensors --------------------------------------------------------------------------------------------------


def _hoisted_copy(move: Move, loop: cst.For | cst.While, others: Sequence[_Hoisted], facts: Facts) -> _Hoisted | None:
    from greenlint import Names, Tree, Uses, cst, hoist, insert_before, replace_node

    document, call = facts.document, move.call.node
    base = _base(move.source)
    uses = _other_uses(base, move, loop, facts) if base is not None else None
    only_read = facts[Uses].only_reads(call, *uses, until=loop) if uses is not None else False
    if base is None or only_read is False:
        return None
    text, reasons = document.source(call), [] if only_read else [_SEES_CHANGES]
    statement = facts[Tree].parent(call)
    if isinstance(statement, cst.Assign):
        target = statement.targets[0].target
        scope = facts[Names].scope(target)
        if not isinstance(target, cst.Name) or scope.is_class or len(scope.bindings.get(target.value, ())) != 1:
            return None
        edits = hoist(document, statement, loop)
        reason = " and ".join(reasons) or None
        return _Hoisted(text, loop, edits, target.value, reason) if edits is not None else None
    reason = " and ".join((_STAYS, *reasons))
    replaced = [each for each in others if each.text == text and each.loop is loop]
    if replaced and replaced[0].name is not None:
        return _Hoisted(text, loop, replace_node(document, call, replaced[0].name), replaced[0].name, reason)
    last = base.attr.value if isinstance(base, cst.Attribute) else base.value
    name = f"{last.strip('_')}_on_device"
    is_taken = bool(facts[Tree].named(name)) or any(each.name == name for each in others)
    above = insert_before(document, loop, f"{name} = {text}")
    if above is None or is_taken or "\n" in text:
        return None
    return _Hoisted(text, loop, (*above, *replace_node(document, call, name)), name, reason)


def _other_uses(
    base: cst.Name | cst.Attribute, move: Move, loop: cst.For | cst.While, facts: Facts
) -> list[cst.Name | cst.Attribute] | None:
    """Where else the program gets at what is copied, so that it might change it; ``None`` where it is trained."""
    from greenlint import Names, Tree, Uses, Values, cst

    tree, uses, names = facts[Tree], facts[Uses], facts[Names]
    if isinstance(base, cst.Name):
        bindings = names.reaching(base)
        found: list[cst.Name | cst.Attribute] = list(uses.of(base.value, base))
    else:
        bindings = tuple(names.stores.get(base.attr.value, ()))
        same = (each for each in tree.of_type(cst.Attribute) if each.attr.value == base.attr.value)
        found = [each for each in same if not isinstance(tree.parent(each), cst.AssignTarget)]
    made = facts[Values].of(move.source).call
    texts = [facts.document.source(each.value) for each in bindings if each.value is not None and each.value in tree]
    texts.append(made.facts.document.source(made.node) if made is not None else "")
    if any(map(_TRAINED.search, texts)):
        return None
    # What changes it outside of the loop, in code that runs straight through, was done before or will be done after.
    straight = {tree.function(loop), *(tree.function(each.node) for each in bindings if each.node in tree)}

    def is_settled(use: cst.CSTNode) -> bool:
        return uses.changes(use) and tree.function(use) in straight and not tree.contains(loop, use)

    return [each for each in found if not is_settled(each)]


# -- networks -------------------------------------------------------------------------------------------------


def _hoisted_network(move: Move, loop: cst.For | cst.While, facts: Facts) -> _Hoisted | None:
    from greenlint import Loops, Tree, cst, delete_statement, dotted, hoist

    document, tree, call = facts.document, facts[Tree], move.call.node
    statement, path = tree.parent(call), dotted(move.source)
    line = tree.parent(statement) if isinstance(statement, cst.Expr) else None
    block = tree.parent(line) if line is not None else None
    if statement is None or path is None or not isinstance(block, cst.IndentedBlock) or len(block.body) == 1:
        return None
    if not _stays_there(path, statement, loop, facts):
        return None
    text = document.source(call)
    if _is_moved_before(text, path, loop, facts):
        edits = delete_statement(document, statement)
        return _Hoisted(text, loop, edits) if edits is not None else None
    edits = hoist(document, statement, loop)
    if edits is None:
        return None
    return _Hoisted(text, loop, edits, reason=None if facts[Loops].of(loop).iterations else _NO_PASS)


def _stays_there(path: str, statement: cst.CSTNode, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether a network is only run, read or trained in a loop after it was moved, and nothing else moves it."""
    from greenlint import Calls, Tree, dotted

    tree, last = facts[Tree], path.rpartition(".")[2]
    for call in facts[Calls].methods(*_MOVES):
        moved = (dotted(call.receiver) or "").rpartition(".")[2] if call.receiver is not None else ""
        before = tree.function(call.node) is tree.function(loop) and not tree.contains(loop, call.node)
        if moved == last and not before and tree.parent(call.node) is not statement:
            return False
    start = tree.first(statement)
    uses = [each for each in _uses_of(path, loop, facts) if not tree.contains(statement, each)]
    return all(_only_runs(each, facts, may_compute=tree.first(each) > start) for each in uses)


def _uses_of(path: str, within: cst.CSTNode, facts: Facts) -> Iterator[cst.CSTNode]:
    from greenlint import Tree, cst, dotted

    for each in facts[Tree].below(within, cst.Name, cst.Attribute):
        holder = facts[Tree].parent(each)
        if dotted(each) == path and not (isinstance(holder, cst.Attribute) and holder.attr is each):
            yield each


def _only_runs(use: cst.CSTNode, facts: Facts, *, may_compute: bool) -> bool:
    """Whether a network is not moved, kept or passed on: ``model.eval()``, and when it computes ``model(x)``."""
    from greenlint import Calls, Tree, cst

    holder = facts[Tree].parent(use)
    if isinstance(holder, cst.Attribute):
        return may_compute or holder.attr.value in ("eval", "train")
    if not may_compute or isinstance(holder, cst.Call):
        return may_compute
    above = facts[Tree].parent(holder) if isinstance(holder, cst.Arg) else None
    return isinstance(above, cst.Call) and (facts[Calls].of(above).name or "").startswith("torch.")


def _is_moved_before(text: str, path: str, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the last statement before a loop that moves a network does the same."""
    from greenlint import Calls, Tree, cst, dotted

    tree, start = facts[Tree], facts[Tree].first(loop)
    above = [
        tree.statement(call.node)
        for call in facts[Calls].methods(*_MOVES)
        if call.receiver is not None and dotted(call.receiver) == path and tree.first(call.node) < start
    ]
    if not above or facts.document.source(above[-1]) != text:
        return False
    line, block = tree.parent(above[-1]), tree.parent(loop)
    if line is None or tree.parent(line) is not block or not isinstance(block, cst.IndentedBlock | cst.Module):
        return False
    after = tree.last(above[-1])
    between = (each for each in _uses_of(path, block, facts) if after < tree.first(each) < start)
    return all(_only_runs(each, facts, may_compute=True) for each in between)


_MOVES = ("to", "cpu", "cuda", "xpu", "npu", "mps", "half", "float", "double", "bfloat16", "share_memory", "to_empty")
_TRAINED = re.compile(r"requires_grad|Parameter")
_STAYS = "the copy stays in device memory for the whole loop"
_SEES_CHANGES = "a network that changes what it gets in place changes it for the next pass, too"
_NO_PASS = "it is moved even where the loop has no pass"
_HOST_NAME = re.compile(r"cpu|offload|host", re.IGNORECASE)
