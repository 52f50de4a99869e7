"""Flags of DistributedDataParallel that make each step search the graph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Definition, Facts, Findings, Fix, cst


class DdpFlagsSuboptimal(Rule):
    """`find_unused_parameters=True` is set for a network in which every parameter gets a gradient.

    With the flag, `DistributedDataParallel` walks the autograd graph after each forward pass to find parameters
    without a gradient, which costs host time in each step and finds nothing where all are used.

    The finding stands at the call that sets the flag. It is reported only where the classes of the network can be
    read, none of them branches in its forward pass, and nothing is frozen. With the option `bucket_view`, wrappers
    without `gradient_as_bucket_view=True`, which keep a second copy of all gradients, are reported too.

    Leave it where parameters stay unused in some steps: experts, dropped layers, several heads, adversarial networks.

    To fix it, remove the flag. If a parameter is unused after all, PyTorch raises an error in the first steps.
    """

    class Options(RuleOptions):
        bucket_view: bool = False
        """Also report wrappers that keep a second copy of all gradients."""

    severity = Severity.INFO
    frameworks = ("torch", "lightning", "pytorch_lightning", "transformers", "accelerate")
    words = (
        (
            "find_unused_parameters",
            "ddp_find_unused_parameters",
            "ddp_find_unused_parameters_true",
            "DistributedDataParallel",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.MAY_HAVE_ACCELERATOR)
    references = (
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html",
        "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "the flag adds a traversal of the autograd graph in every step, without which the step is faster",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html",
        ),
    )

    @on_call("torch.nn.parallel.DistributedDataParallel")
    def wrapper(self, call: Call, facts: Facts) -> Findings:
        network = call.positional[0] if call.positional else call.keyword("module")
        if call.argument("find_unused_parameters").constant is True:
            if network is not None and _is_plain_network(network, facts) and _is_only_wrapper(facts):
                yield from self._unused(call, facts, "remove find_unused_parameters=True", "find_unused_parameters")
        elif self.options.bucket_view and call.argument("gradient_as_bucket_view").absent:
            yield self.finding(
                call.node,
                "each process keeps a second copy of all gradients",
                help="pass gradient_as_bucket_view=True",
                notes=("gradients must then not be detached in place between steps",),
                fix=self._view_fix(call, facts),
            )

    @on_call("lightning.pytorch.strategies.DDPStrategy", "accelerate.DistributedDataParallelKwargs")
    def strategy(self, call: Call, facts: Facts) -> Findings:
        if call.argument("find_unused_parameters").constant is True and _are_plain_here(facts):
            yield from self._unused(call, facts, "remove find_unused_parameters=True", "find_unused_parameters")

    @on_call("accelerate.utils.DistributedDataParallelKwargs")
    def kwargs(self, call: Call, facts: Facts) -> Findings:
        yield from self.strategy(call, facts)

    @on_call("lightning.pytorch.Trainer")
    def trainer(self, call: Call, facts: Facts) -> Findings:
        if call.argument("strategy").constant == "ddp_find_unused_parameters_true" and _are_plain_here(facts):
            yield from self._unused(call, facts, 'pass strategy="ddp"', "strategy")

    @on_call("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
    def arguments(self, call: Call, facts: Facts) -> Findings:
        if call.argument("ddp_find_unused_parameters").constant is True and _are_plain_here(facts):
            yield from self._unused(call, facts, "remove ddp_find_unused_parameters=True", "ddp_find_unused_parameters")

    def _unused(self, call: Call, facts: Facts, remedy: str, flag: str) -> Findings:
        from greenlint import Contexts

        if facts[Contexts].dead(call.node) or _is_explained(call, facts):
            return
        yield self.finding(
            call.node,
            "each step searches the graph for unused parameters, and no parameter seems to be unused",
            help=remedy,
            notes=("keep it if PyTorch then reports parameters that took no part in the loss",),
            fix=self._fix(call, facts, flag),
        )

    def _fix(self, call: Call, facts: Facts, flag: str) -> Fix | None:
        from greenlint import remove_argument, set_argument

        if not _are_all_used(facts):
            return None
        if flag == "strategy":
            edits = set_argument(facts.document, call.node, flag, '"ddp"')
        else:
            edits = remove_argument(facts.document, call.node, flag)
        if edits is None:
            return None
        return self.unsafe_fix(
            "look for unused parameters no more", *edits, reason="a parameter without a gradient ends the training"
        )

    def _view_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import set_argument

        edits = set_argument(facts.document, call.node, "gradient_as_bucket_view", "True")
        if edits is None or "detach_(" in facts.document.text:
            return None
        return self.unsafe_fix("keep gradients in the buckets", *edits, reason="gradients share memory with each other")

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(3, 64, 3)
                    self.head = nn.Linear(64, 10)

                def forward(self, x):
                    return self.head(self.conv(x).mean((2, 3)))

            net = Net().cuda()
            model = DDP(net, device_ids=[rank], find_unused_parameters=True)  # bad
            """,
            fixed="""
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(3, 64, 3)
                    self.head = nn.Linear(64, 10)

                def forward(self, x):
                    return self.head(self.conv(x).mean((2, 3)))

            net = Net().cuda()
            model = DDP(net, device_ids=[rank])
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            import torch
            import torchvision

            def worker(rank):
                net = torchvision.models.resnet50(num_classes=10).cuda(rank)
                net = torch.nn.parallel.DistributedDataParallel(net, find_unused_parameters=True)  # bad
            """,
            fixed="""
            import torch
            import torchvision

            def worker(rank):
                net = torchvision.models.resnet50(num_classes=10).cuda(rank)
                net = torch.nn.parallel.DistributedDataParallel(net)
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            import lightning.pytorch as pl
            from torch import nn

            class Net(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def training_step(self, batch, index):
                    return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

            trainer = pl.Trainer(devices=4, strategy="ddp_find_unused_parameters_true")  # bad
            """,
            fixed="""
            import lightning.pytorch as pl
            from torch import nn

            class Net(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def training_step(self, batch, index):
                    return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

            trainer = pl.Trainer(devices=4, strategy="ddp")
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            import pytorch_lightning as pl
            from pytorch_lightning.strategies import DDPStrategy
            from torch import nn

            class Net(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def training_step(self, batch, index):
                    return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

            strategy = DDPStrategy(find_unused_parameters=True)  # bad
            """,
            fixed="""
            import pytorch_lightning as pl
            from pytorch_lightning.strategies import DDPStrategy
            from torch import nn

            class Net(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def training_step(self, batch, index):
                    return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

            strategy = DDPStrategy()
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            from accelerate import Accelerator, DistributedDataParallelKwargs
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def forward(self, x):
                    return self.layer(x)

            handler = DistributedDataParallelKwargs(find_unused_parameters=True)  # bad
            accelerator = Accelerator(kwargs_handlers=[handler])
            """,
            fixed="""
            from accelerate import Accelerator, DistributedDataParallelKwargs
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def forward(self, x):
                    return self.layer(x)

            handler = DistributedDataParallelKwargs()
            accelerator = Accelerator(kwargs_handlers=[handler])
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            from torch import nn
            from transformers import Trainer, TrainingArguments

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def forward(self, x, labels):
                    return nn.functional.cross_entropy(self.layer(x), labels)

            arguments = TrainingArguments("out", ddp_find_unused_parameters=True)  # bad
            Trainer(Net(), arguments).train()
            """,
            fixed="""
            from torch import nn
            from transformers import Trainer, TrainingArguments

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(512, 10)

                def forward(self, x, labels):
                    return nn.functional.cross_entropy(self.layer(x), labels)

            arguments = TrainingArguments("out")
            Trainer(Net(), arguments).train()
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel

            model = DistributedDataParallel(net.cuda(), device_ids=[rank])  # bad
            """,
            fixed="""
            import torch
            from torch.nn.parallel import DistributedDataParallel

            model = DistributedDataParallel(net.cuda(), device_ids=[rank], gradient_as_bucket_view=True)
            """,
            options={"bucket_view": True},
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.body = nn.Linear(64, 64)
                    self.former_head = nn.Linear(64, 10)
                    self.head = nn.Linear(64, 10)

                def forward(self, x):
                    return self.head(self.body(x))

            model = DDP(Net().cuda(), device_ids=[rank], find_unused_parameters=True)  # bad
            """,
            not_as=("comments",),
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.body = nn.Linear(64, 64)
                    self.head = nn.Linear(64, 10)

                def forward(self, x):
                    return self.body(x), self.head(x)

            model = DDP(Net().cuda(), device_ids=[rank], find_unused_parameters=True)  # bad
            """,
            not_as=("comments",),
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel

            model = DistributedDataParallel(net.cuda(), device_ids=[rank])
            """,
            why="the flag is off by default",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.one = nn.Linear(64, 10)
                    self.other = nn.Linear(64, 10)

                def forward(self, x, task):
                    if task == "one":
                        return self.one(x)
                    return self.other(x)

            model = DDP(Net().cuda(), find_unused_parameters=True)
            """,
            why="one of the heads gets no gradient",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(64, 10)

                def forward(self, x):
                    return self.layer(x)

            # the projection stays unused in the second stage
            model = DDP(Net().cuda(), find_unused_parameters=True)
            """,
            why="a comment says what for",
        ),
        Good(
            """
            import torch
            from models import build
            from torch.nn.parallel import DistributedDataParallel as DDP

            model = DDP(build(args).cuda(), find_unused_parameters=True)
            """,
            why="what the network does cannot be seen",
        ),
        Good(
            """
            import torch
            from torch.nn.parallel import DistributedDataParallel as DDP
            from transformers import AutoModelForQuestionAnswering

            net = AutoModelForQuestionAnswering.from_pretrained(name).cuda()
            model = DDP(net, find_unused_parameters=True)
            """,
            why="some of these networks have a pooling layer that the head does not use",
        ),
        Good(
            """
            import torch
            import torchvision
            from torch.nn.parallel import DistributedDataParallel as DDP

            net = torchvision.models.resnet50()
            for parameter in net.layer1.parameters():
                parameter.requires_grad = False
            model = DDP(net.cuda(), find_unused_parameters=True)
            """,
            why="a part is frozen",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torch.nn.parallel import DistributedDataParallel as DDP

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer = nn.Linear(64, 10)

                def forward(self, x):
                    return self.layer(x)

            generator = DDP(Net().cuda(), find_unused_parameters=True)
            discriminator = DDP(Net().cuda(), find_unused_parameters=True)
            """,
            why="adversarial networks take turns",
        ),
        Good(
            """
            import lightning.pytorch as pl
            from net import Net

            trainer = pl.Trainer(devices=4, strategy="ddp_find_unused_parameters_true")
            """,
            why="the network stands elsewhere",
        ),
    )


def _is_explained(call: Call, facts: Facts) -> bool:
    """Whether a comment in or right above the statement speaks of it."""
    from greenlint import Tree, cst

    statement = facts[Tree].enclosing(call.node, cst.SimpleStatementLine)
    if statement is None:
        return True
    above = " ".join(line.comment.value for line in statement.leading_lines if line.comment is not None)
    return "#" in facts.document.tree.code_for_node(statement.with_changes(leading_lines=())) or bool(
        _REASON.search(above)
    )


def _is_only_wrapper(facts: Facts) -> bool:
    from greenlint import Calls

    return len(facts[Calls].named("torch.nn.parallel.DistributedDataParallel")) == 1 and not _freezes(facts)


def _freezes(facts: Facts) -> bool:
    """Whether the file switches gradients off for some parameters, or trains networks in turns."""
    from greenlint import Frameworks

    return _FROZEN.search(facts[Frameworks].code) is not None


def _is_plain_network(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether every parameter of a network certainly takes part in each forward pass."""
    from greenlint import Calls, Values, cst

    while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _MOVES:
        node = node.func.value
    value = facts[Values].of(node)
    if value.instance_of is not None:
        return _is_plain_class(value.instance_of, set())
    name = value.call.name if value.call is not None else None
    if name is None and isinstance(node, cst.Call):
        name = facts[Calls].of(node).name
    return name is not None and _ZOO.match(name) is not None


def _are_plain_here(facts: Facts) -> bool:
    """Whether networks are defined in this file, and all of them are plain."""
    from greenlint import Definition, Kind, Tree, Values, cst

    classes = [Definition(facts, each) for each in facts[Tree].of_type(cst.ClassDef)]
    networks = [each for each in classes if facts[Values].kind_of_class(each) in (Kind.MODULE, Kind.HF_MODEL)]
    return bool(networks) and not _freezes(facts) and all(_is_plain_class(each, set()) for each in networks)


def _are_all_used(facts: Facts) -> bool:
    """Whether the networks of this file use each part that they set up, for one result."""
    from greenlint import Imports, Tree, cst

    tree = facts[Tree]
    for definition in tree.of_type(cst.ClassDef):
        stored: set[str] = set()
        used: set[str] = set()
        for function in tree.below(definition.body, cst.FunctionDef):
            attributes = [each.attr.value for each in tree.below(function.body, cst.Attribute) if _is_own(each)]
            (stored if function.name.value == "__init__" else used).update(attributes)
            if function.name.value == "forward":
                results = [each.value for each in tree.below(function.body, cst.Return)]
                if any(isinstance(each, (cst.Tuple, cst.Dict, cst.List)) for each in results):
                    return False
        if not stored <= used:
            return False
    # A network from another module is not looked through.
    return not any("Module" in (facts.sources.read(path) or "") for path in facts[Imports].reachable())


def _is_own(node: cst.Attribute) -> bool:
    from greenlint import cst

    return isinstance(node.value, cst.Name) and node.value.value == "self"


def _is_plain_class(definition: Definition, seen: set[object]) -> bool:
    """Whether a class of the project and the networks that it is made of run all of their layers, without a test."""
    from greenlint import Calls, Project, Tree, Values, cst

    if definition.node in seen:
        return True
    seen.add(definition.node)
    facts, tree = definition.facts, definition.facts[Tree]
    if _FROZEN.search(facts.document.source(definition.node)):
        return False
    if not all(each.startswith(_BASES) for each in facts[Project].bases(definition)):
        return False
    for call in facts[Calls].within(definition.node.body):
        function = tree.function(call.node)
        built = function is not None and function.name.value == "__init__"
        target = facts[Values].callee(call.node)
        if target is not None and isinstance(target.node, cst.ClassDef) and not _is_plain_class(target, seen):
            return False
        if built and target is None and not (call.name or "super").startswith(_KNOWN):
            return False
    for function in tree.below(definition.node.body, cst.FunctionDef):
        branches = (cst.If, cst.IfExp, cst.While, cst.Match)
        if function.name.value != "__init__" and any(tree.below(function.body, *branches)):
            return False
    return True


_REASON = re.compile(r"unused|not (?:always )?used|no grad|gradient", re.IGNORECASE)
_FROZEN = re.compile(
    r"requires_grad|freeze|frozen|\bdetach\(|no_grad|inference_mode|layer_?drop|drop_?path|expert|\bmoe\b|discriminator"
    r"|\bgan\b|automatic_optimization|checkpoint\(|peft|lora",
    re.IGNORECASE,
)
"""What leaves parameters without a gradient, or interacts with the flag."""
_ZOO = re.compile(r"torchvision\.models\.(?:resnet|resnext|wide_resnet|densenet|vgg|mobilenet|efficientnet|convnext)")
_BASES = ("torch.nn.Module", "lightning.pytorch.LightningModule", "builtins.object")
_KNOWN = ("torch.", "builtins.", "super", "torchvision.models.", "lightning.pytorch.")
_MOVES = frozenset(("to", "cuda", "train", "half", "bfloat16", "float"))
