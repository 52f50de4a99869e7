"""Sums and lists that keep the autograd graphs of past steps alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_node

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Fix, Loop, Outline, Step, cst


class LossGraphAccumulated(Rule):
    """A running sum or list collects losses or outputs that still hold their autograd graph.

    The graph of every step stays alive until the sum is dropped. Before a backward pass that keeps all activations;
    after it, the nodes of the graph. Memory grows, the allocator works harder, batches must be smaller, and long runs
    end out of memory and are repeated.

    The finding stands at the line that adds to the sum or list.

    Leave it when the sum is what `backward()` is called on.

    To fix it, add `loss.detach()`; it needs no synchronisation, unlike `loss.item()`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("*backward", "eval"), ("for", "while"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.REAL_DATA,
    )
    references = ("https://docs.pytorch.org/docs/stable/notes/faq.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's FAQ names accumulating history across the training loop as a cause of growing memory",
            "https://docs.pytorch.org/docs/stable/notes/faq.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.sums_graph and bool(outline.calls & {"backward", "manual_backward", "eval"})

    @on_node("AugAssign")
    def check_sum(self, node: cst.AugAssign, facts: Facts) -> Findings:
        from greenlint import cst

        if isinstance(node.operator, cst.AddAssign) and isinstance(node.target, (cst.Name, cst.Attribute)):
            yield from self._check(node, node.target, node.value, facts)

    @on_node("Call")
    def check_append(self, node: cst.Call, facts: Facts) -> Findings:
        from greenlint import Calls

        call = facts[Calls].of(node)
        if call.method == "append" and call.receiver is not None and len(call.positional) == 1:
            yield from self._check(node, call.receiver, call.positional[0], facts)

    def _check(
        self, place: cst.CSTNode, target: cst.BaseExpression, value: cst.BaseExpression, facts: Facts
    ) -> Findings:
        from greenlint import Contexts, LoopRole, Loops, Tracked

        loops, tracked = facts[Loops], facts[Tracked]
        loop = loops.enclosing(place, LoopRole.TRAINING, LoopRole.EVALUATION)
        if loop is None or not tracked.from_model(value) or tracked.is_cut(value):
            return
        if loop.role is LoopRole.EVALUATION and not _over_data(loop, facts):
            return
        if not _outlives(target, loop.node, facts) or _used_by_backward(target, facts):
            return
        if facts[Contexts].dead(place):
            return
        after = loop.role is LoopRole.TRAINING and _after_backward(place, loop.step, facts)
        yield self.finding(
            place,
            "each step's autograd graph is kept alive by this running total",
            help="add loss.detach() instead",
            notes=("after backward() only graph nodes survive, without activations",) if after else (),
            related=((loop.node, "once per pass of this loop"),),
            fix=self._fix(place, value, loop.node, facts),
        )

    def _fix(self, place: cst.CSTNode, value: cst.BaseExpression, loop: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import Tracked, cst, replace_node

        # `loss`, `loss / steps`, `loss * size`
        loss = value.left if isinstance(value, cst.BinaryOperation) else value
        if not isinstance(loss, cst.Name) or not _is_differentiated(loss, place, loop, facts):
            return None
        if isinstance(value, cst.BinaryOperation) and facts[Tracked].from_model(value.right):
            return None
        return self.safe_fix("detach it", *replace_node(facts.document, loss, f"{loss.value}.detach()"))

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            for epoch in range(10):
                total = 0
                for x, y in loader:
                    loss = nn.functional.mse_loss(model(x), y)
                    loss.backward()
                    optimizer.step()
                    total += loss  # bad
                print(total / len(loader))
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            for epoch in range(10):
                total = 0
                for x, y in loader:
                    loss = nn.functional.mse_loss(model(x), y)
                    loss.backward()
                    optimizer.step()
                    total += loss.detach()
                print(total / len(loader))
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            losses = []
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
                losses.append(loss)  # bad
            print(sum(losses) / len(losses))
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            losses = []
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            print(sum(losses) / len(losses))
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            criterion = nn.CrossEntropyLoss()
            model = nn.Linear(10, 1)
            epoch_loss = 0.0
            for x, y in loader:
                output = model(x)
                loss = criterion(output, y)
                epoch_loss += loss / len(loader)  # bad
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            criterion = nn.CrossEntropyLoss()
            model = nn.Linear(10, 1)
            epoch_loss = 0.0
            for x, y in loader:
                output = model(x)
                loss = criterion(output, y)
                epoch_loss += loss.detach() / len(loader)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            total = 0
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward(retain_graph=True)
                optimizer.step()
                total += loss  # bad
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            model, criterion = nn.Linear(100, 10), nn.MSELoss()

            def test_loss():
                return criterion(model(features), labels).item() / 2

            def train(loader):
                curve = [test_loss()]
                for step, (x, y) in enumerate(loader):
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
                    if step % 100 == 0:
                        curve.append(test_loss())
            """,
            why="the function of the project returns a number",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)

            def loss_of(parts, targets, optimizer, at_once):
                losses = []
                for x, y in zip(parts, targets):
                    loss = nn.functional.mse_loss(model(x), y)
                    if at_once:
                        loss.backward()
                        loss = loss.detach()
                    losses.append(loss)
                optimizer.step()
                return sum(losses)
            """,
            why="cut off where it is differentiated at once; the caller differentiates the others",
        ),
        Good(
            """
            import torch

            def train(model, criterion, optimizer, loader):
                total, seen = 0.0, 0
                for batch in loader:
                    loss, count, shown = criterion(model, batch)
                    loss.backward()
                    optimizer.step()
                    total += loss.item()
                    seen += count
                return total / seen
            """,
            why="what a loss of one's own gives beside its value may be a number",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            total = 0
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
                total += loss.item()
            """,
            why="a Python number holds no graph",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            total = 0
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
                total += loss.detach()
            """,
            why="detached",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 1)
            for batch in loader:
                loss = 0
                for x, y in batch:
                    loss += nn.functional.mse_loss(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            why="the sum is what backward is called on",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 2)
            correct = 0
            for x, y in loader:
                output = model(x)
                loss = nn.functional.cross_entropy(output, y)
                loss.backward()
                optimizer.step()
                correct += (output.argmax(1) == y).sum()
            """,
            why="a comparison has no gradient",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 2)
            total = 0
            model.eval()
            with torch.no_grad():
                for x, y in loader:
                    total += nn.functional.cross_entropy(model(x), y)
            """,
            why="no graph is built",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 2)
            for x, y in loader:
                terms = []
                for part in x:
                    terms.append(model(part).mean())
                torch.stack(terms).sum().backward()
                optimizer.step()
            """,
            why="a list that lives for one step and is differentiated",
        ),
    )


def _over_data(loop: Loop, facts: Facts) -> bool:
    """Whether an evaluation loop runs over batches, rather than over a few things to show."""
    from greenlint import Kind, Values, cst

    if not isinstance(loop.node, cst.For):
        return False
    if ".eval(" not in facts.document.text:
        return False
    values = facts[Values]
    source = facts.document.source(loop.node.iter).lower()
    return "load" in source or "batch" in source or values.of(values.iterated(loop.node.iter)).kind is Kind.DATALOADER


def _outlives(target: cst.BaseExpression, loop: cst.CSTNode, facts: Facts) -> bool:
    """Whether the sum is set up outside the loop and never reset in it."""
    from greenlint import Names, Tree, Values, cst

    tree = facts[Tree]
    root = target
    while isinstance(root, cst.Subscript):
        root = root.value
    if isinstance(root, cst.Attribute):
        bindings = [binding for _, binding in facts[Values].attribute_bindings(root)]
    elif isinstance(root, cst.Name):
        bindings = list(facts[Names].reaching(root))
    else:
        return False
    starts = [each for each in bindings if not isinstance(each.node, cst.AugAssign)]
    if not starts or any(isinstance(each.node, cst.Param) for each in starts):
        return False
    return not any(tree.contains(loop, each.node) for each in starts)


def _used_by_backward(target: cst.BaseExpression, facts: Facts) -> bool:
    """Whether the sum, or anything computed from it, may be differentiated."""
    from greenlint import Calls, Names, Tree, cst

    name = facts.document.source(target)
    tree, names = facts[Tree], facts[Names]
    for call in facts[Calls].methods("backward", "manual_backward", "grad", "scale"):
        for each in (call.receiver, *(arg.value for arg in call.node.args)):
            if each is not None and _derives(each, name, names, tree, 4):
                return True
    function = tree.function(target)
    scope: cst.CSTNode = function if function is not None else facts.document.tree
    return any(
        each.value is not None and _derives(each.value, name, names, tree, 3) for each in tree.below(scope, cst.Return)
    ) and not any(call for call in facts[Calls].methods("backward", within=scope))


def _derives(node: cst.BaseExpression, name: str, names: Names, tree: Tree, depth: int) -> bool:
    from greenlint import cst

    if depth == 0:
        return False
    for each in tree.below(node, cst.Name):
        if each.value == name:
            return True
        for binding in names.reaching(each):
            value = binding.value
            if value is None or value is node or value not in tree:
                continue
            if _derives(value, name, names, tree, depth - 1):
                return True
    return False


def _after_backward(place: cst.CSTNode, step: Step | None, facts: Facts) -> bool:
    from greenlint import Tree

    if step is None or step.facts is not facts:
        return False
    return facts[Tree].first(place) > facts[Tree].first(step.backward.node)


def _is_differentiated(loss: cst.Name, place: cst.CSTNode, loop: cst.CSTNode, facts: Facts) -> bool:
    """Whether the same value is certainly a tensor, whose graph a backward pass of the same pass frees."""
    from greenlint import Calls, Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    bindings = {each.node for each in names.reaching(loss)}
    for call in facts[Calls].methods("backward", "manual_backward", within=loop):
        if len(call.node.args) > 1 or any(arg.keyword is not None or arg.star for arg in call.node.args):
            continue
        given = [call.receiver, *(arg.value for arg in call.node.args)]
        if isinstance(call.receiver, cst.Call) and facts[Calls].of(call.receiver).method == "scale":
            given = [arg.value for arg in call.receiver.args]
        line = tree.parent(tree.statement(call.node))
        block = tree.parent(line) if line is not None else None
        if block is None or not tree.contains(block, place):
            continue
        for each in given:
            same = isinstance(each, cst.Name) and each.value == loss.value
            if same and isinstance(each, cst.Name) and {one.node for one in names.reaching(each)} == bindings:
                return True
    return False


if TYPE_CHECKING:
    from greenlint import Names, Tree
