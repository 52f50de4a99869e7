"""The same network run twice on the same input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, Region, Step, cst


class DuplicateForward(Rule):
    """One pass of a loop runs the same network twice on the same input, or every pass on an input that never changes.

    The second forward pass computes what is already there: up to a third of a training step, or half of an evaluation.
    Often it only feeds a metric.

    The finding stands at the forward pass that is not needed.

    Leave it where the two results are meant to differ: dropout as augmentation, sampling networks, weights or modes
    that change in between.

    To fix it, keep the first output in a variable and use it twice; move a pass whose input never changes before the
    loop.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("for", "while"), ("*backward", "eval", "*no_grad*", "*inference_mode*"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    evidence = (
        Evidence(
            Grade.REASONED,
            "a forward pass is about a third of a training step; nobody has measured the energy of this pattern",
            "how training steps work",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(outline.may_run_network(loop) for loop in outline.loops)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts

        for first, second in _twice(facts):
            name = facts.document.source(second.node.func)
            yield self.finding(
                second.node,
                f"`{name}` has already run on the same input in this pass",
                help="keep the first output in a variable and use it here",
                related=((first.node, "the first time"),),
                severity=None if _is_heavy(second, facts) else Severity.INFO,
            )
        for call, loop in _invariant(facts):
            if not facts[Contexts].timed(call.node):
                yield self.finding(
                    call.node,
                    f"`{facts.document.source(call.node.func)}` runs on the same input in every pass of the loop",
                    help="call it once before the loop",
                    related=((loop, "the loop"),),
                    severity=None if _is_heavy(call, facts) else Severity.INFO,
                )

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                correct += (model(x).argmax(1) == y).sum()  # bad
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torchvision import models

            net = models.resnet50().cuda()
            net.eval()
            with torch.no_grad():
                for x, y in loader:
                    total += torch.nn.functional.cross_entropy(net(x.cuda()), y.cuda()).item()
                    right += (net(x.cuda()).argmax(1) == y.cuda()).sum().item()  # bad
            """
        ),
        Bad(
            """
            import torch
            from torchvision import models

            encoder = models.resnet50().requires_grad_(False).eval()
            decoder = models.segmentation.fcn_resnet50()
            optimizer = torch.optim.Adam(decoder.parameters())
            style = load("style.png")
            for x, y in loader:
                with torch.no_grad():
                    wanted = encoder(style)  # bad
                loss = (decoder(x) - wanted).pow(2).mean()
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                out = model(x)
                loss = nn.functional.cross_entropy(out, y)
                loss.backward()
                optimizer.step()
                correct += (out.argmax(1) == y).sum()
            """,
            why="the output is used twice",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Encoder(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layers = nn.Sequential(nn.Linear(768, 768), nn.Dropout(0.1))

                def forward(self, x):
                    return self.layers(x)

            model = Encoder()
            optimizer = torch.optim.Adam(model.parameters())
            for x in loader:
                one, two = model(x), model(x)
                loss = -nn.functional.cosine_similarity(one, two).mean()
                loss.backward()
                optimizer.step()
            """,
            why="dropout makes two views of the same input",
        ),
        Good(
            """
            import torch
            from torch import nn

            G, D = nn.Conv2d(3, 512, 3), nn.Conv2d(512, 1, 3)
            g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
            for x in loader:
                fake = G(x)
                D(fake.detach()).mean().backward()
                d_opt.step()
                D(fake).mean().backward()
                g_opt.step()
            """,
            why="the weights have changed, and the graph is another",
        ),
        Good(
            """
            import torch
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = torch.nn.functional.cross_entropy(model(x), y)
                x = x + 0.1
                loss = loss + torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            why="another input under the same name",
        ),
        Good(
            """
            import torch
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                after = torch.nn.functional.cross_entropy(model(x), y).item()
            """,
            why="the loss after the update",
        ),
        Good(
            """
            import torch
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                model.train()
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                model.eval()
                clean = model(x)
                optimizer.step()
            """,
            why="another mode",
        ),
        Good(
            """
            import torch
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for step, (x, y) in enumerate(loader):
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                if step % 100 == 0:
                    show(model(x))
                optimizer.step()
            """,
            why="rarely",
        ),
        Good(
            """
            import torch
            from torchvision import models

            model = models.resnet50()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(90):
                for x, y in loader:
                    loss = torch.nn.functional.cross_entropy(model(x), y)
                    loss.backward()
                    optimizer.step()
                with torch.no_grad():
                    progress.append(model(fixed).cpu())
            """,
            why="the weights change from epoch to epoch",
        ),
    )


_CHANGES = re.compile(
    r"step|update|^train|^eval|optimi|learn|load|reset|init|^set_|freez|perturb|attack|restor|swap|store|appl|enable|"
    r"disable|mask|prune|inject|hook|seed|sample|merge|fuse|clear|augment|shuffle|mixup|requires_grad|copy|detach_|zero_$"
)
"""Calls that may change weights, mode or state of a network, or its input in place."""
_DROPS = re.compile(r"[Dd]ropout|[Dd]rop_?[Pp]ath")
_RANDOM = re.compile(r"\brand|\bnormal_|sample|bernoulli|multinomial|Categorical|[Nn]oise")
_STATE = re.compile(r"self\.\w*(?:hidden|state|count|step|cache|mem|iter)\w*\b")
_SAME_TWICE = re.compile(r"torchvision\.models\.(?:\w+\.)*(?:resnet|resnext|wide_resnet)")
_MEASURES = re.compile(r"argmax|\.max\(|acc|metric|score|correct|right|pred|topk|\.item\(|confusion", re.IGNORECASE)
_PURE = frozenset(("to", "cuda", "cpu", "float", "half", "long", "view", "reshape", "unsqueeze", "squeeze", "permute"))


# -- twice in one pass ----------------------------------------------------------------------------------------


def _twice(facts: Facts) -> Iterator[tuple[Call, Call]]:
    """Pairs of forward passes in one pass of a loop that must give the same."""
    from greenlint import Tree

    said: set[cst.CSTNode] = set()
    for body in _bodies(facts):
        calls = sorted(_forwards(body, facts), key=lambda call: facts[Tree].first(call.node))
        for index, second in enumerate(calls):
            if second.node in said:
                continue
            for first in calls[:index]:
                if _is_same(first, second, facts) and _is_needless(first, second, body, facts):
                    said.add(second.node)
                    yield first, second
                    break


def _bodies(facts: Facts) -> Iterator[cst.CSTNode]:
    """The bodies that run again and again: of training steps and of evaluation loops."""
    from greenlint import LoopRole, Loops

    seen: set[cst.CSTNode] = set()
    regions = [region for step in facts[Loops].steps for region in facts[Loops].regions(step)]
    for region in regions:
        if region.facts is facts and region.body not in seen and _is_plain(region, facts):
            seen.add(region.body)
            yield region.body
    for loop in facts[Loops].with_role(LoopRole.EVALUATION):
        if loop.node.body not in seen and (loop.iterations is None or loop.iterations > 10):
            seen.add(loop.node.body)
            yield loop.node.body


def _is_plain(region: Region, facts: Facts) -> bool:
    """Whether a body is no forward pass of a network: layers may be shared there on purpose."""
    from greenlint import Tree

    return region.function is None or (
        region.function.name.value not in ("forward", "__call__") and facts[Tree].function(region.function) is None
    )


def _forwards(body: cst.CSTNode, facts: Facts) -> Iterator[Call]:
    """The forward passes that stand in a body itself."""
    from greenlint import Calls, Models, Tree, cst

    models, tree = facts[Models], facts[Tree]
    inside = tree.parent(body)
    function = inside if isinstance(inside, cst.FunctionDef) else tree.function(body)
    for call in facts[Calls].within(body):
        if call.method == "generate" or models.network(call) is None or models.is_criterion(call.node.func):
            continue
        if tree.function(call.node) is function and call.node.args:
            yield call


def _is_same(first: Call, second: Call, facts: Facts) -> bool:
    """Whether two calls run the same network with the same arguments."""
    from greenlint import Identities, Models

    source = facts.document.source
    if len(first.node.args) != len(second.node.args) or first.method != second.method:
        return False
    one, other = facts[Models].network(first), facts[Models].network(second)
    if one is None or other is None or source(one) != source(other):
        return False
    if facts[Identities].of(one) != facts[Identities].of(other):
        return False
    return all(
        source(a.value) == source(b.value) and a.star == b.star and _is_stable(a.value, b.value, facts)
        for a, b in zip(first.node.args, second.node.args, strict=True)
    )


def _is_stable(one: cst.BaseExpression, other: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression written twice certainly has the same value."""
    from greenlint import Calls, Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    for call in facts[Calls].within(one):
        if call.method not in _PURE or call.receiver is None:
            return False
    pairs = zip(tree.below(one, cst.Name), tree.below(other, cst.Name), strict=True)
    return all(set(names.reaching(a)) == set(names.reaching(b)) for a, b in pairs)


def _is_needless(first: Call, second: Call, body: cst.CSTNode, facts: Facts) -> bool:
    from greenlint import Contexts, Models, Tree, cst

    tree = facts[Tree]
    if not _always_before(first.node, second.node, body, facts) or facts[Contexts].guarded(second.node, body):
        return False
    network = facts[Models].network(second)
    assert network is not None
    if _changes_between(first, second, facts) or _managers(first, facts) != _managers(second, facts):
        return False
    if facts[Contexts].dead(second.node) or tree.enclosing(second.node, cst.Lambda) is not None:
        return False
    random = _is_random(network, facts, drops=_may_drop(second, facts))
    return random is False or (random is None and _only_measures(second, facts))


def _always_before(first: cst.CSTNode, second: cst.CSTNode, body: cst.CSTNode, facts: Facts) -> bool:
    """Whether ``first`` runs in each pass in which ``second`` does."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    below = first
    for above in tree.ancestors(first):
        if above is body:
            return True
        if isinstance(above, (cst.If, cst.For, cst.While, cst.Try, cst.TryStar, cst.Match, cst.IfExp)):
            if not tree.contains(above, second):
                return False
            if isinstance(above, (cst.If, cst.IfExp)) and not tree.contains(below, second):
                return False
        below = above
    return False


def _changes_between(first: Call, second: Call, facts: Facts) -> bool:
    """Whether something between two calls may change the network or its input."""
    from greenlint import Calls, Names, Tree, cst

    tree = facts[Tree]
    low, high = tree.last(first.node), tree.first(second.node)
    for call in facts[Calls].all:
        if low < tree.first(call.node) < high and (_CHANGES.search(call.method) or call.method.endswith("_")):
            return True
    inputs = {name.value for arg in first.node.args for name in tree.below(arg.value, cst.Name)}
    targets: list[cst.CSTNode] = [each.target for each in tree.of_type(cst.AugAssign)]
    targets += [each.target for each in tree.of_type(cst.AssignTarget)]
    for each in targets:
        target = each
        while isinstance(target, (cst.Subscript, cst.Attribute)):
            target = target.value
        stores = target is not each and isinstance(target, cst.Name)
        if stores and low < tree.first(each) < high and getattr(target, "value", "") in inputs:
            return True
    # ``global`` names and attributes may be stored by what is called; names are compared by their bindings.
    return facts[Names].star_imports != [] and not inputs


def _managers(call: Call, facts: Facts) -> list[str]:
    """The contexts around a call that may change what it gives."""
    from greenlint import Tree, cst

    found = []
    for above in facts[Tree].ancestors(call.node):
        if isinstance(above, cst.FunctionDef):
            break
        if isinstance(above, cst.With):
            found += [facts.document.source(item.item) for item in above.items]
    return [each for each in found if not re.search(r"no_grad|inference_mode|autocast|record_function|profile", each)]


def _is_random(network: cst.BaseExpression, facts: Facts, *, drops: bool) -> bool | None:
    """Whether two passes on the same input may differ; ``None`` when the network cannot be seen.

    ``drops`` says whether dropout may be at work.
    """
    from greenlint import Models, Values

    owner = facts[Values].of(network).instance_of
    text = owner.facts.document.source(owner.node) if owner is not None else ""
    if _RANDOM.search(text) or _STATE.search(text) or (drops and _DROPS.search(text)):
        return True
    layers = facts[Models].layers(network)
    if layers is None or layers.opaque or not (layers.names or layers.pretrained):
        return None
    if layers.pretrained is not None:
        return None if drops and _SAME_TWICE.search(layers.pretrained) is None else False
    return drops and any(_DROPS.search(name) for name in layers.names)


def _may_drop(call: Call, facts: Facts) -> bool:
    """Whether dropout may be on where a network runs."""
    from greenlint import ContextKind, Contexts, LoopRole, Loops

    if facts[Loops].enclosing(call.node, LoopRole.TRAINING, LoopRole.MICROBATCH) is not None:
        return True
    return facts[Contexts].active(call.node, ContextKind.NO_GRAD) is not True or ".eval(" not in facts.document.text


def _only_measures(call: Call, facts: Facts) -> bool:
    """Whether what a forward pass gives is only measured or shown, in a form that needs no second sample."""
    from greenlint import Calls, ContextKind, Contexts, Graphs, Loops, Tree, cst

    statement = facts[Tree].statement(call.node)
    text = facts.document.source(statement)
    if not re.search(
        r"argmax|\.max\(|acc|metric|score|correct|right|pred|topk|\.item\(|confusion", text, re.IGNORECASE
    ):
        return False
    if isinstance(statement, cst.Assign) and facts[Contexts].active(call.node, ContextKind.NO_GRAD) is not True:
        steps: tuple[Step, ...] = facts[Loops].steps
        return all(call not in facts[Graphs].differentiated(each.backward) for each in steps) and bool(
            facts[Calls].methods("argmax", "max", "topk", "item", within=statement)
        )
    return True


# -- the same in every pass -----------------------------------------------------------------------------------


def _invariant(facts: Facts) -> Iterator[tuple[Call, cst.For | cst.While]]:
    """Forward passes without gradients that give the same in every pass of a loop around them."""
    from greenlint import ContextKind, Contexts, Invariance, LoopRole, Loops, Models, Tree

    tree, loops, models = facts[Tree], facts[Loops], facts[Models]
    for loop in loops.with_role(LoopRole.TRAINING, LoopRole.EVALUATION):
        node = loop.node
        if (loop.iterations or 100) < 10:
            continue
        for call in _forwards(node.body, facts):
            network = models.network(call)
            if network is None or tree.loops_around(call.node)[:1] != [node]:
                continue
            if facts[Contexts].active(call.node, ContextKind.NO_GRAD) is not True or not _is_used(call, facts):
                continue
            if facts[Contexts].guarded(call.node, node.body) or not facts[Invariance].holds(network, node):
                continue
            if not all(facts[Invariance].holds(arg.value, node) for arg in call.node.args):
                continue
            if _is_settled(network, loop.step, node, facts):
                yield call, node


def _is_used(call: Call, facts: Facts) -> bool:
    """Whether the result is used at all; warming up is not meant here."""
    from greenlint import Tree, cst

    return not isinstance(facts[Tree].parent(call.node), cst.Expr)


def _is_settled(network: cst.BaseExpression, step: Step | None, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether a network gives the same for the same input all through a loop."""
    from greenlint import Calls, Identities, Optimizers

    if _is_random(network, facts, drops=".eval(" not in facts.document.text):
        return False
    if any(_CHANGES.search(call.method) for call in facts[Calls].within(loop.body)) and step is None:
        return False
    if step is None:
        return True
    identity = facts[Identities].of(network)
    turns = step.facts[Optimizers].turns_of(step)
    return identity is not None and bool(turns) and all(turn.trains(identity) is False for turn in turns)


def _is_heavy(call: Call, facts: Facts) -> bool:
    from greenlint import Models

    network = facts[Models].network(call)
    layers = facts[Models].layers(network) if network is not None else None
    return layers is not None and layers.heavy is True
