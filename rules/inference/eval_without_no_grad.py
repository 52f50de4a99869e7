"""Evaluation that builds autograd graphs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_loop

if TYPE_CHECKING:
    from greenlint import Call, Definition, Facts, Findings, Fix, Loop, Outline


class EvalWithoutNoGrad(Rule):
    """An evaluation loop runs a PyTorch model with autograd on.

    Each forward pass then records a graph and keeps activations for a backward pass that never comes: extra kernels,
    memory traffic, and batches smaller than they could be. `model.eval()` does not switch autograd off.

    The finding stands at the evaluation loop.

    Leave it where gradients are needed at test time: adversarial attacks, saliency, test-time adaptation,
    energy-based models.

    To fix it, decorate the function with `@torch.inference_mode()`, or with `@torch.no_grad()` when outputs re-enter
    autograd.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (
        (
            "eval*",
            "val*",
            "test*",
            "infer*",
            "predict*",
            "dev*",
            "*_eval*",
            "*_val*",
            "*_test*",
            "*_infer*",
            "*_predict*",
            "*_dev*",
        ),
        ("for",),
    )
    premises = (Premise.NOT_A_TEST,)
    references = ("https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "lower emissions per epoch, larger effect on memory (laptop CPU, without spread)",
            "https://github.com/green-code-initiative/creedengo-rules-specifications",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide asks to disable gradient calculation for validation and inference",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(
            not loop.place.no_grad
            and (_NAMED.search(loop.place.function) or any("load" in name or "batch" in name for name in loop.iterated))
            and outline.may_run_network(loop)
            for loop in outline.loops
        )

    @on_loop("evaluation")
    def check(self, loop: Loop, facts: Facts) -> Findings:
        from greenlint import ContextKind, Contexts

        if _said_before(loop, facts):
            return
        calls = _forward_calls(loop, facts)
        if not calls or not _evaluates(loop, facts):
            return
        contexts = facts[Contexts]
        if any(contexts.active(call.node, ContextKind.NO_GRAD) is not False for call in calls):
            return
        if contexts.dead(loop.node) or _needs_gradients(loop, facts) or _demonstrates(loop, facts):
            return
        if _never_called(loop, facts):
            return
        yield self.finding(
            loop.node,
            "this evaluation builds an autograd graph that no backward pass uses",
            help="put it under torch.inference_mode() (or torch.no_grad() when outputs re-enter autograd)",
            notes=("model.eval() does not switch gradients off",),
            related=((calls[0].node, "the forward pass"),),
            fix=self._fix(loop, calls, facts),
        )

    def _fix(self, loop: Loop, calls: list[Call], facts: Facts) -> Fix | None:
        """No gradients for the function, where it does nothing but evaluate, or else for the loop."""
        from greenlint import Environment, Tree, decorate, spelled, wrap

        function = facts[Tree].function(loop.node)
        if facts[Environment].at_least("torch", "0.4") is False or ".data[0]" in facts.document.text:
            # There is no `no_grad` in these versions.
            return None
        torch = spelled(facts.document, "torch")
        if torch is None or torch[0] or _is_resumed(loop, facts) or _is_differentiated(calls, facts):
            return None
        whole = function is not None and _only_evaluates(function, facts)
        scope: cst.CSTNode = function if function is not None and whole else loop.node
        if _may_differentiate(scope, calls, facts) or not _is_bound_before(torch[1], scope, facts):
            return None
        if function is not None and whole:
            title, edits = (
                f"decorate it with {torch[1]}.no_grad()",
                decorate(facts.document, function, f"{torch[1]}.no_grad()"),
            )
        elif _others(loop, facts):
            return None
        else:
            title, edits = (
                f"put the loop under {torch[1]}.no_grad()",
                wrap(facts.document, [loop.node], f"with {torch[1]}.no_grad():"),
            )
        if edits is None:
            return None
        reason = _changes(scope, loop, calls, facts)
        return self.unsafe_fix(title, *edits, reason=reason) if reason is not None else self.safe_fix(title, *edits)

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                model.eval()
                correct = 0
                for x, y in loader:  # bad
                    correct += (model(x).argmax(1) == y).sum()
                return correct

            evaluate(nn.Linear(10, 2), loader)
            """,
            fixed="""
            import torch
            from torch import nn

            @torch.no_grad()
            def evaluate(model, loader):
                model.eval()
                correct = 0
                for x, y in loader:
                    correct += (model(x).argmax(1) == y).sum()
                return correct

            evaluate(nn.Linear(10, 2), loader)
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    return x

            net = Net()
            for epoch in range(10):
                for x, y in train_loader:
                    loss = nn.functional.mse_loss(net(x), y)
                    loss.backward()
                    optimizer.step()
                net.eval()
                for x, y in valid_loader:  # bad
                    total += nn.functional.mse_loss(net(x), y).item()
            """,
            fixed="""
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    return x

            net = Net()
            for epoch in range(10):
                for x, y in train_loader:
                    loss = nn.functional.mse_loss(net(x), y)
                    loss.backward()
                    optimizer.step()
                net.eval()
                with torch.no_grad():
                    for x, y in valid_loader:
                        total += nn.functional.mse_loss(net(x), y).item()
            """,
        ),
        Bad(
            """
            import torch

            class Runner:
                def __init__(self):
                    self.model = torch.nn.Linear(3, 3)

                def predict(self, batches):
                    self.model.eval()
                    outputs = []
                    for batch in batches:  # bad
                        outputs.append(self.model(batch).cpu())
                    return outputs
            """,
            fixed="""
            import torch

            class Runner:
                def __init__(self):
                    self.model = torch.nn.Linear(3, 3)

                @torch.no_grad()
                def predict(self, batches):
                    self.model.eval()
                    outputs = []
                    for batch in batches:
                        outputs.append(self.model(batch).cpu())
                    return outputs
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.lstm = nn.LSTM(8, 16)
                    self.fc = nn.Linear(16, 2)

                def forward(self, x):
                    return self.fc(self.lstm(x)[0][-1])

            def main(train_loader, valid_loader):
                net = Net()
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(net(x), y)
                    loss.backward()
                    optimizer.step()
                net.eval()
                correct = 0
                # by classes
                for x, y in valid_loader:  # bad
                    correct += (net(x).argmax(1) == y).sum().item()
                print(correct)
            """,
            fixed="""
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.lstm = nn.LSTM(8, 16)
                    self.fc = nn.Linear(16, 2)

                def forward(self, x):
                    return self.fc(self.lstm(x)[0][-1])

            def main(train_loader, valid_loader):
                net = Net()
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(net(x), y)
                    loss.backward()
                    optimizer.step()
                net.eval()
                correct = 0
                # by classes
                with torch.no_grad():
                    for x, y in valid_loader:
                        correct += (net(x).argmax(1) == y).sum().item()
                print(correct)
            """,
        ),
        Bad(
            """
            import torch

            def evaluate(model, loader):
                model.eval()
                correct = 0
                for x, y in loader:  # bad
                    correct += (model(x).argmax(1) == y).sum().item()
                return correct
            """,
            fixed="""
            import torch

            @torch.no_grad()
            def evaluate(model, loader):
                model.eval()
                correct = 0
                for x, y in loader:
                    correct += (model(x).argmax(1) == y).sum().item()
                return correct
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Potential(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.energy = nn.Linear(3, 1)

                def forward(self, x):
                    x.requires_grad_(True)
                    return torch.autograd.grad(self.energy(x).sum(), x)[0]

            def evaluate(loader):
                model = Potential()
                model.eval()
                for x, y in loader:  # bad
                    errors.append((model(x) - y).abs().mean().item())
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            def predict(loader):
                model = nn.Linear(10, 2)
                model.eval()
                for x in loader:  # bad
                    yield model(x)
            """
        ),
        Bad(
            """
            from torch import nn

            model = nn.Linear(10, 2)
            model.eval()
            for x, y in test_loader:  # bad
                hits += (model(x).argmax(1) == y).sum().item()
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            @torch.no_grad()
            def evaluate(model, loader):
                model.eval()
                for x, y in loader:
                    correct += (model(x).argmax(1) == y).sum()

            evaluate(nn.Linear(10, 2), loader)
            """,
            why="decorated",
        ),
        Good(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                for x, y in loader:
                    correct += (model(x).argmax(1) == y).sum()

            with torch.inference_mode():
                evaluate(nn.Linear(10, 2), loader)
            """,
            why="the caller provides it",
        ),
        Good(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                model.eval()
                torch.set_grad_enabled(False)
                for x, y in loader:
                    correct += (model(x).argmax(1) == y).sum()

            evaluate(nn.Linear(10, 2), loader)
            """,
            why="switched off for the process",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Task:
                def evaluate(self, model, loader):
                    raise NotImplementedError

            class Images(Task):
                def evaluate(self, model, loader):
                    model.eval()
                    for x, y in loader:
                        self.correct += (model(x).argmax(1) == y).sum()
            """,
            why="whoever knows the base class calls it, perhaps without gradients",
        ),
        Good(
            """
            import torch
            from torch import nn

            def attack(model, loader):
                model.eval()
                for x, y in loader:
                    x.requires_grad_(True)
                    loss = nn.functional.cross_entropy(model(x), y)
                    x = x + torch.autograd.grad(loss, x)[0].sign()

            attack(nn.Linear(10, 2), test_loader)
            """,
            why="an attack needs gradients",
        ),
        Good(
            """
            import lightning.pytorch as pl
            import torch

            class Module(pl.LightningModule):
                def validation_step(self, batch, index):
                    for part in batch:
                        self.log("loss", self.net(part).mean())
            """,
            why="Lightning switches gradients off in its evaluation hooks",
        ),
        Good(
            """
            import torch
            from helpers import quietly
            from torch import nn

            @quietly
            def evaluate(model, loader):
                model.eval()
                for x, y in loader:
                    correct += (model(x).argmax(1) == y).sum()

            evaluate(nn.Linear(10, 2), loader)
            """,
            why="a decorator that cannot be seen may do it",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 2)
            for phase in ["train", "val"]:
                for x, y in loaders[phase]:
                    with torch.set_grad_enabled(phase == "train"):
                        output = model(x)
            """,
            why="one loop for both phases",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Linear(10, 2)
            model.eval()
            for parameter in model.parameters():
                parameter.requires_grad = False
            for x in test_loader:
                output = model(x)
            """,
            why="a frozen model on plain inputs builds no graph",
        ),
        Good(
            """
            import torch
            from transformers import AutoModelForSeq2SeqLM

            model = AutoModelForSeq2SeqLM.from_pretrained("t5-small").cuda()
            model.eval()
            for batch in test_loader:
                summaries = model.generate(input_ids=batch["input_ids"].to(model.device))
                texts.extend(tokenizer.batch_decode(summaries))
            """,
            why="generate() switches gradients off by itself",
        ),
        Good(
            """
            import torch
            from torch import nn

            def test_robustness(model, loader, adversary):
                model.eval()
                for x, y in loader:
                    moved = adversary.perturb(x, y)
                    hits += (model(moved).argmax(1) == y).sum()

            test_robustness(nn.Linear(10, 2), test_loader, adversary)
            """,
            why="the attack inside the loop needs gradients",
        ),
        Good(
            """
            import torch
            from torch import nn

            cell = nn.Linear(4, 4)

            def test():
                steps = torch.LongTensor([1, 2, 3])
                for index in range(len(steps)):
                    print(cell(steps[index]).shape)

            test()
            """,
            why="shows shapes on three written values",
        ),
        Good(
            """
            import torch
            from torch import nn

            layer = nn.Linear(4, 4)

            def test():
                for index in range(4):
                    print(torch.allclose(layer(torch.rand(2, 4)), reference))

            test()
            """,
            why="compares two versions four times",
        ),
        Good(
            """
            import torch
            from torch import nn

            net = nn.Linear(4, 4)

            def test(loader):
                net.eval()
                for x, y in loader:
                    hits += (net(x).argmax(1) == y).sum()

            if __name__ == "__main__":
                train(net)
                # test(test_loader)
            """,
            why="the script never calls it",
        ),
    )


_NAMED = re.compile(
    r"(^|_)(eval|evaluate|evaluation|val|valid|validate|validation|test|testing|infer|inference|predict|predictions?|dev)(_|$)"
)
_ATTACKS = re.compile(r"(^|[._])(adversary|adversarial|attack|attacker|perturb|pgd|fgsm)([._]|$)", re.IGNORECASE)
_MAIN = re.compile(r"^ *if __name__ == ['\"]__main__['\"]:", re.MULTILINE)
_FEW = 16
"""Passes that a written count may have and still be a demonstration."""
_TRAINS = re.compile(r"(^|_)train(ing)?(_|$)")


def _forward_calls(loop: Loop, facts: Facts) -> list[Call]:
    """The model calls whose innermost loop is this one."""
    from greenlint import Calls, Models, Tree

    models, tree = facts[Models], facts[Tree]
    found = []
    for call in facts[Calls].within(loop.node.body):
        around = tree.loops_around(call.node)
        if call.method == "generate":
            # transformers and most others switch gradients off inside.
            continue
        if around and around[0] is loop.node and models.network(call) is not None:
            found.append(call)
    return found


def _evaluates(loop: Loop, facts: Facts) -> bool:
    """Whether a name or an `.eval()` says that this loop is an evaluation."""
    from greenlint import Tree, cst

    function = facts[Tree].function(loop.node)
    if function is not None and _NAMED.search(function.name.value):
        return not _TRAINS.search(function.name.value)
    if not isinstance(loop.node, cst.For):
        return False
    source = facts.document.source(loop.node.iter).replace(".", "_").lower()
    if _after_eval(loop, facts):
        return "load" in source or "batch" in source or _iterates_loader(loop.node, facts)
    in_training = function is not None and _TRAINS.search(function.name.value)
    return not in_training and _NAMED.search(source) is not None and "load" in source


def _iterates_loader(loop: cst.For, facts: Facts) -> bool:
    from greenlint import Kind, Values

    values = facts[Values]
    return values.of(values.iterated(loop.iter)).kind is Kind.DATALOADER


def _said_before(loop: Loop, facts: Facts) -> bool:
    """Whether an earlier evaluation loop of the same function stands for this one too."""
    from greenlint import LoopRole, Loops, Tree

    tree = facts[Tree]
    function = tree.function(loop.node)
    if function is None:
        return False
    first = (
        next(
            each
            for each in facts[Loops].with_role(LoopRole.EVALUATION)
            if tree.function(each.node) is function and _forward_calls(each, facts)
        )
        if _forward_calls(loop, facts)
        else loop
    )
    return first.node is not loop.node


def _after_eval(loop: Loop, facts: Facts) -> bool:
    """Whether the last switch of mode before the loop, in its function, is to evaluation."""
    from greenlint import Calls, Tree

    tree = facts[Tree]
    function = tree.function(loop.node)
    last = None
    for call in facts[Calls].methods("eval", "train", within=function or tree.root):
        if call.receiver is None or tree.function(call.node) is not function:
            continue
        if tree.first(call.node) < tree.first(loop.node):
            last = call
    return last is not None and last.method == "eval" and not last.node.args


def _needs_gradients(loop: Loop, facts: Facts) -> bool:
    """Whether gradients are asked for, switched off for good, or taken care of by a framework."""
    from greenlint import Calls, Tree, cst

    tree, calls = facts[Tree], facts[Calls]
    function = tree.function(loop.node)
    scope: cst.CSTNode = function if function is not None else facts.document.tree
    if calls.methods("grad", "backward", "vjp", "jacobian", "register_hook", within=loop.node):
        return True
    if any(_ATTACKS.search(facts.document.source(call.node.func)) for call in calls.within(loop.node.body)):
        return True
    for assign in tree.below(scope, cst.Assign):
        target = assign.targets[0].target
        if isinstance(target, cst.Attribute) and target.attr.value == "requires_grad":
            return True
    if calls.methods("requires_grad_", within=scope) or "volatile=True" in facts.document.text:
        return True
    return _framework_hook(function, facts)


def _demonstrates(loop: Loop, facts: Facts) -> bool:
    """Whether the loop counts to a written number, or over what its function writes down: a check of shapes."""
    from greenlint import Calls, Tree, cst

    if not isinstance(loop.node, cst.For) or not isinstance(loop.node.iter, cst.Call):
        return False
    ranged = facts[Calls].of(loop.node.iter)
    if ranged.method != "range" or len(loop.node.iter.args) != 1:
        return False
    bound = loop.node.iter.args[0].value
    if isinstance(bound, cst.Integer):
        return bound.evaluated_value <= _FEW
    if not isinstance(bound, cst.Call) or facts[Calls].of(bound).method != "len" or len(bound.args) != 1:
        return False
    function, counted = facts[Tree].function(loop.node), bound.args[0].value
    if function is None or not isinstance(counted, cst.Name):
        return False
    assigned = [
        each.value
        for each in facts[Tree].below(function, cst.Assign)
        if isinstance(each.targets[0].target, cst.Name) and each.targets[0].target.value == counted.value
    ]
    return bool(assigned) and all(_written_down(value) for value in assigned)


def _written_down(value: cst.BaseExpression) -> bool:
    """Whether a value, or all arguments of the calls that make it, stand in the text."""
    from greenlint import cst

    if isinstance(value, cst.Call):
        return bool(value.args) and all(_written_down(each.value) for each in value.args)
    if isinstance(value, (cst.List, cst.Tuple)):
        return all(_written_down(each.value) for each in value.elements)
    return isinstance(value, (cst.SimpleString, cst.Integer, cst.Float))


def _never_called(loop: Loop, facts: Facts) -> bool:
    """Whether a script that runs other code of its own never names the function, as where its call is commented out."""
    from greenlint import Liveness, Tree

    function = facts[Tree].function(loop.node)
    is_script = _MAIN.search(facts.document.text) is not None
    return function is not None and is_script and facts[Liveness].never_named(function)


_AUTOGRAD = re.compile(
    r"\bautograd\b(?!\.Variable)|\bbackward\b|requires_grad|\bgrad\b|\bv?jvp\b|\bvjp\b|jacobian|hessian"
    r"|enable_grad|set_grad_enabled|functorch|torch\.func\b|create_graph|\.fit\(|\.step\(|\btrain_\w+\("
)
"""What a text that needs gradients, or trains, cannot do without."""
_HOLDS = ("append", "extend", "add", "insert", "update", "setdefault", "put")
_MOST = 60
"""Functions and classes that a forward pass may be spread over; of more nothing is said."""


def _is_resumed(loop: Loop, facts: Facts) -> bool:
    """Whether other code runs while the loop waits: under `no_grad` it would run without gradients as well."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    function = tree.function(loop.node)
    if any(tree.below(loop.node, cst.Yield, cst.Await)) or getattr(loop.node, "asynchronous", None) is not None:
        return True
    if function is None:
        return False
    return function.asynchronous is not None or any(
        tree.function(each) is function for each in tree.below(function, cst.Yield)
    )


def _is_differentiated(calls: list[Call], facts: Facts) -> bool:
    """Whether a backward pass of this file runs through one of the forward passes."""
    from greenlint import Calls, Graphs

    passes = {call.node for call in calls}
    return any(
        each.node in passes
        for backward in facts[Calls].methods("backward", "manual_backward")
        for each in facts[Graphs].differentiated(backward)
    )


def _only_evaluates(function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a function is an evaluation by name, and a decorator can be put next to it."""
    from greenlint import cst

    name = function.name.value
    if not _NAMED.search(name) or _TRAINS.search(name) or _AUTOGRAD.search(facts.document.source(function.body)):
        return False
    return all(
        isinstance(each.decorator, cst.Name) and each.decorator.value in ("staticmethod", "classmethod")
        for each in function.decorators
    )


def _is_bound_before(written: str, scope: cst.CSTNode, facts: Facts) -> bool:
    """Whether the import of the module stands above."""
    from greenlint import BindingKind, Names

    found = facts[Names].lookup(written.partition(".")[0], scope)
    return bool(found) and all(
        each.kind is BindingKind.IMPORT and facts.document.span(each.node).start < facts.document.span(scope).start
        for each in found
    )


def _others(loop: Loop, facts: Facts) -> bool:
    """Whether the finding stands for other loops of the function as well."""
    from greenlint import LoopRole, Loops, Tree

    tree = facts[Tree]
    function = tree.function(loop.node)
    return function is not None and any(
        each.node is not loop.node and tree.function(each.node) is function and _forward_calls(each, facts)
        for each in facts[Loops].with_role(LoopRole.EVALUATION)
    )


def _may_differentiate(scope: cst.CSTNode, calls: list[Call], facts: Facts) -> bool:
    """Whether the code, or a function or class of the project that it runs, may ask for gradients."""
    from greenlint import Calls, Models, Values

    if _AUTOGRAD.search(facts.document.source(scope)):
        return True
    waiting: list[Definition] = []
    for call in facts[Calls].within(scope):
        waiting.extend(facts[Values].callees(call.node))
    for call in calls:
        network = facts[Models].network(call)
        made = facts[Values].of(network).instance_of if network is not None else None
        if made is not None:
            waiting.append(made)
    seen: set[cst.CSTNode] = set()
    while waiting:
        definition = waiting.pop()
        if definition.node in seen:
            continue
        seen.add(definition.node)
        if len(seen) > _MOST or _AUTOGRAD.search(definition.facts.document.source(definition.node)):
            return True
        for call in definition.facts[Calls].within(definition.node):
            waiting.extend(definition.facts[Values].callees(call.node))
    return False


def _changes(scope: cst.CSTNode, loop: Loop, calls: list[Call], facts: Facts) -> str | None:
    """What the fix may change."""
    from greenlint import Models

    if _keeps(scope, loop, facts):
        return "the outputs that it keeps can no longer be differentiated"
    networks = [facts[Models].network(call) for call in calls]
    layers = [facts[Models].layers(each) if each is not None else None for each in networks]
    if any(each is None or each.opaque or not each.found for each in layers):
        return (
            "a model that takes gradients in its forward pass fails, and LSTM and Transformer layers round differently"
        )
    if (
        any(each is not None and (each.attention or each.recurrent) for each in layers)
        or ".compile(" in facts.document.text
    ):
        # LSTM and Transformer layers have other kernels where no gradients are needed.
        return "changes rounding: LSTM, Transformer and compiled layers have other kernels for it"
    return None


def _keeps(scope: cst.CSTNode, loop: Loop, facts: Facts) -> bool:
    """Whether values with a graph may be seen after the loop."""
    from greenlint import Calls, Graphs, Names, Tree, cst

    tree, graphs, names = facts[Tree], facts[Graphs], facts[Names]
    for call in facts[Calls].methods(*_HOLDS, within=loop.node):
        if any(graphs.behind(arg.value) for arg in call.node.args):
            return True
    for assign in tree.below(loop.node, cst.Assign):
        plain = all(isinstance(each.target, (cst.Name, cst.Tuple)) for each in assign.targets)
        if not plain and graphs.behind(assign.value):
            return True
    for added in tree.below(loop.node, cst.AugAssign):
        if not isinstance(added.target, cst.Name) and graphs.behind(added.value):
            return True
    function = tree.function(loop.node)
    if scope is function:
        returned = [each.value for each in tree.below(scope, cst.Return) if each.value is not None]
        return any(graphs.behind(each) for each in returned)
    around: cst.CSTNode = function if function is not None else facts.document.tree
    end = tree.last(loop.node)
    for used in tree.below(around, cst.Name):
        if tree.first(used) <= end:
            continue
        inside = any(tree.contains(loop.node, each.node) for each in names.reaching(used))
        if inside and graphs.behind(used):
            return True
    return False


def _framework_hook(function: cst.FunctionDef | None, facts: Facts) -> bool:
    """Whether a trainer calls the function without gradients, or it is a network's method, run as its caller likes."""
    from greenlint import Definition, Project, Tree

    if function is None:
        return False
    owner = facts[Tree].class_of(function)
    if owner is None:
        return False
    bases = " ".join(facts[Project].bases(Definition(facts, owner)))
    return any(word in bases for word in ("Lightning", "Callback", "Trainer", "keras", "torch.nn."))


if TYPE_CHECKING:
    from greenlint import cst
