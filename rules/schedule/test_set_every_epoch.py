"""Test sets that are evaluated in each epoch beside a validation set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst

_TEST = re.compile(r"(?i)(?<![a-z])test|_te(?![a-z])")
_VALIDATION = re.compile(
    r"(?i)(?<![a-z])(?:vali?|valid|validation|dev)(?![a-z]|ice)|(?<![a-z])(?:val|valid|dev)(?:loader|set|data)"
)


class TestSetEveryEpoch(Rule):
    """The test set is evaluated in every epoch although a validation set is too.

    The validation set decides when to stop and what to keep. The test set is needed once, with the weights that were
    kept: each further pass over it is work without use, and tempts to choose by its result.

    The finding stands at the evaluation of the test set in the loop over epochs.

    Leave it where curves over both sets are the result of the experiment.

    To fix it, evaluate the test set once behind the loop, with the best weights, or only when validation has improved.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("*backward", "loss_scaler"), ("*test*", "*Test*"), ("*val*", "*dev*"))
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_REINFORCEMENT,
        Premise.REAL_DATA,
    )
    references = ("https://scikit-learn.org/stable/modules/cross_validation.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "a validation set serves the choice of settings, the test set the final evaluation",
            "https://scikit-learn.org/stable/modules/cross_validation.html",
        ),
        Evidence(Grade.REASONED, "one pass over the test set per epoch, of which one is used", "reasoning"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.loops)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import LoopRole, Loops

        if not facts[Loops].with_role(LoopRole.EPOCH):
            return
        groups: dict[cst.CSTNode, dict[str, tuple[cst.CSTNode, str]]] = {}
        for loop, split, node, name in _evaluations(facts):
            groups.setdefault(loop, {}).setdefault(split, (node, name))
        for loop, found in groups.items():
            if set(found) != {"test", "validation"} or found["test"][0] is found["validation"][0]:
                continue
            node, name = found["test"]
            yield self.finding(
                node,
                f"{name} is evaluated in every epoch beside the validation set",
                help="evaluate it once behind the loop, with the best weights",
                related=((found["validation"][0], "the validation"), (loop, "the loop over epochs")),
            )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                model.eval()
                total = 0
                with torch.no_grad():
                    for x, y in loader:
                        total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(100):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                valid = evaluate(model, valid_loader)
                test = evaluate(model, test_loader)  # bad
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(100):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                with torch.no_grad():
                    for x, y in val_loader:
                        hits += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                    for x, y in test_loader:  # bad
                        test_hits += (model(x.cuda()).argmax(1) == y.cuda()).sum()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())

            def train_epoch():
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()

            def validate():
                with torch.no_grad():
                    for x, y in val_loader:
                        hits.append(model(x.cuda()).argmax(1) == y.cuda())

            def test():
                with torch.no_grad():
                    for x, y in test_loader:
                        hits.append(model(x.cuda()).argmax(1) == y.cuda())

            def main():
                for epoch in range(100):
                    train_epoch()
                    validate()
                    test()  # bad

            main()
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                total = 0
                for x, y in loader:
                    total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(100):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                valid = evaluate(model, valid_loader)
            test = evaluate(model, test_loader)
            """,
            why="the test set is evaluated once, at the end",
        ),
        Good(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                total = 0
                for x, y in loader:
                    total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(100):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                valid = evaluate(model, valid_loader)
                if valid > best:
                    best = valid
                    test = evaluate(model, test_loader)
            """,
            why="only when the validation has improved",
        ),
        Good(
            """
            import torch
            from torch import nn

            def test(model, loader):
                total = 0
                for x, y in loader:
                    total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(100):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                accuracy = test(model, test_loader)
            """,
            why="what is called a test set serves as the validation set",
        ),
        Good(
            """
            import torch
            from torch import nn

            def test(model, loader):
                total = 0
                for x, y in loader:
                    total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for epoch in range(100):
                for x, y in train_loader:
                    loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                train_accuracy = test(model, train_loader)
                valid_accuracy = test(model, valid_loader)
            """,
            why="the function is called test, its data are not",
        ),
        Good(
            """
            import torch
            from torch import nn

            def evaluate(model, loader):
                total = 0
                for x, y in loader:
                    total += (model(x.cuda()).argmax(1) == y.cuda()).sum()
                return total

            model = nn.TransformerEncoder(layer, 12).cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for train_loader, valid_loader in parts:
                for epoch in range(100):
                    for x, y in train_loader:
                        loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                        loss.backward()
                        optimizer.step()
                valid = evaluate(model, valid_loader)
                test = evaluate(model, test_loader)
            """,
            why="once per fold of a cross-validation",
        ),
        Good(
            """
            import torch
            from torch_geometric.nn import GCNConv

            model = GCNConv(1433, 7).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(200):
                out = model(data.x, data.edge_index)
                loss = criterion(out[data.train_mask], data.y[data.train_mask])
                loss.backward()
                optimizer.step()
                out = model(data.x, data.edge_index).argmax(1)
                val = (out[data.val_mask] == data.y[data.val_mask]).sum()
                test = (out[data.test_mask] == data.y[data.test_mask]).sum()
            """,
            why="one forward pass serves all splits of a graph",
        ),
    )


def _evaluations(facts: Facts) -> Iterator[tuple[cst.CSTNode, str, cst.CSTNode, str]]:
    """The evaluations in each pass of a loop over epochs: the loop, the split, the place, and the data in words."""
    from greenlint import Calls, LoopRole, Loops, Rhythm, Tree, cst

    rhythm, tree = facts[Rhythm], facts[Tree]
    found: list[tuple[cst.CSTNode, str]] = []
    for call in facts[Calls].all:
        beat = rhythm.each_epoch(call.node)
        if beat is not None and beat.facts is facts and rhythm.evaluation(call) is not None:
            found.append((call.node, _data_of(call)))
    found.extend(
        (loop.node, facts.document.source(loop.node.iter))
        for loop in facts[Loops].with_role(LoopRole.EVALUATION)
        if isinstance(loop.node, cst.For) and rhythm.is_whole(loop.node)
    )
    for node, data in sorted(found, key=lambda each: tree.first(each[0])):
        beat, split = rhythm.each_epoch(node), _split(data)
        if beat is not None and split is not None:
            yield beat.node, split, node, f"`{_name(data)}`"


def _data_of(call: Call) -> str:
    """What a call evaluates on, as written: its arguments, or what the loop of the called function runs over."""
    from greenlint import Rhythm

    arguments = ", ".join(call.facts.document.source(arg.value) for arg in call.node.args)
    if _split(arguments) is not None:
        return arguments
    found = call.facts[Rhythm].evaluation(call)
    return found[0].facts.document.source(found[1].iter) if found is not None else ""


def _split(text: str) -> str | None:
    test, validation = _TEST.search(text) is not None, _VALIDATION.search(text) is not None
    if test == validation:
        return None
    return "test" if test else "validation"


def _name(text: str) -> str:
    """The part of a text that names the data."""
    names = [each for each in re.findall(r"[\w.]+", text) if _TEST.search(each)]
    return next((each for each in names if "load" in each.lower()), names[0] if names else text)
