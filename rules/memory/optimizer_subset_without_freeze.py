"""Gradients of a whole network for an optimiser that updates a part of it, or only what comes before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file, on_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, Identity, Optimizer, Outline, Step, Trained, Turn, cst


class OptimizerSubsetWithoutFreeze(Rule):
    """An optimiser updates only a part of a network, or what comes before it, while all its weights take gradients.

    The backward pass is about two thirds of a training step. Behind the part that is trained it runs for nothing: all
    activations are kept, every gradient is computed, and then thrown away, or even piles up, since the optimiser does
    not clear what it does not know. Where only the input is optimised, or a network before it that is trained with a
    perceptual loss, the gradients of the weights are wasted.

    The finding stands at the construction of the optimiser.

    Leave it where the other gradients are read: saliency, regularisers, another optimiser elsewhere. Freezing does not
    stop batch normalisation from updating its statistics; put those layers into `eval()` if that is meant.

    To fix it, call `model.requires_grad_(False)` and then `requires_grad_(True)` for the part that is trained.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "lightning", "pytorch_lightning")
    words = (("*backward", "configure_optimizers"), ("*step",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.REAL_DATA,
    )
    references = ("https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch: setting requires_grad to False is the main way to keep parts of a network out of the gradient "
            "computation",
            "https://docs.pytorch.org/docs/stable/notes/autograd.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        own = "backward" in outline.calls and "step" in outline.calls
        return own or "configure_optimizers" in outline.functions

    @on_node("FunctionDef")
    def check_lightning(self, node: cst.FunctionDef, facts: Facts) -> Findings:
        from greenlint import Contexts

        if node.name.value != "configure_optimizers":
            return
        found = _left_in_module(node, facts)
        if found is None or facts[Contexts].dead(node):
            return
        optimizer, part, rest = found
        yield self.finding(
            optimizer.call.node,
            f"only the part `{part}` is optimised, but gradients of `{rest}` are computed in every step too",
            help=f"call {rest}.requires_grad_(False) in __init__, or run it under torch.no_grad()",
            notes=(_NORM_NOTE,),
            fix=self._fix(_frozen_member(node, rest, facts), facts),
        )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops, Optimizers

        said: set[object] = set()
        for step in facts[Loops].steps:
            if facts[Contexts].dead(step.backward.node) or _is_short(step):
                continue
            turns = facts[Optimizers].turns_of(step)
            optimizer = _only(turns)
            if optimizer is None or optimizer.call.facts is not facts or optimizer in said:
                continue
            for forward in _forwards(turns):
                found = _wasted(forward, optimizer, turns[0])
                if found is not None:
                    said.add(optimizer)
                    message, help_ = found
                    yield self.finding(
                        optimizer.call.node,
                        message,
                        help=help_,
                        notes=(_NORM_NOTE,) if "only the part" in message else (),
                        related=((forward.node, "the forward pass"),) if forward.facts is facts else (),
                        fix=self._fix(_frozen(forward, optimizer, turns[0]), facts),
                    )
                    break

    def _fix(self, edits: tuple[Edit, ...] | None, facts: Facts) -> Fix | None:
        if edits is None or _RELIES.search(facts.document.text):
            return None
        return self.unsafe_fix(
            "freeze what is not optimised",
            *edits,
            reason="the other weights get no gradients any more, should something else read them or train them later",
        )

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            model.fc = nn.Linear(2048, 10)
            optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)  # bad
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            model.fc = nn.Linear(2048, 10)
            model.requires_grad_(False)
            model.fc.requires_grad_(True)
            optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn, optim
            from torchvision import models

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.backbone = models.densenet121(weights="DEFAULT").features
                    self.head = nn.Linear(1024, 5)

                def forward(self, x):
                    return self.head(self.backbone(x).mean((2, 3)))

            def train(net, optimizer, loader):
                for x, y in loader:
                    loss = nn.functional.cross_entropy(net(x), y)
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()

            net = Net().to("cuda")
            opt = optim.Adam(net.head.parameters(), lr=1e-3)  # bad
            for epoch in range(10):
                train(net, opt, loader)
            """,
            fixed="""
            import torch
            from torch import nn, optim
            from torchvision import models

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.backbone = models.densenet121(weights="DEFAULT").features
                    self.head = nn.Linear(1024, 5)

                def forward(self, x):
                    return self.head(self.backbone(x).mean((2, 3)))

            def train(net, optimizer, loader):
                for x, y in loader:
                    loss = nn.functional.cross_entropy(net(x), y)
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()

            net = Net().to("cuda")
            net.requires_grad_(False)
            net.head.requires_grad_(True)
            opt = optim.Adam(net.head.parameters(), lr=1e-3)
            for epoch in range(10):
                train(net, opt, loader)
            """,
        ),
        Bad(
            """
            import torch
            from torchvision import models

            vgg = models.vgg19(weights="DEFAULT").features.eval()
            image = content.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([image], lr=0.01)  # bad
            for step in range(2000):
                loss = (vgg(image) - wanted).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torchvision import models

            vgg = models.vgg19(weights="DEFAULT").features.eval().requires_grad_(False)
            image = content.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([image], lr=0.01)
            for step in range(2000):
                loss = (vgg(image) - wanted).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torchvision import models

            vgg = models.vgg16(weights="DEFAULT").features.eval()
            net = models.segmentation.fcn_resnet50()
            optimizer = torch.optim.Adam(net.parameters())  # bad
            for x, y in loader:
                with torch.no_grad():
                    wanted = vgg(y)
                loss = torch.nn.functional.mse_loss(vgg(net(x)), wanted)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torchvision import models

            vgg = models.vgg16(weights="DEFAULT").features.eval().requires_grad_(False)
            net = models.segmentation.fcn_resnet50()
            optimizer = torch.optim.Adam(net.parameters())
            for x, y in loader:
                with torch.no_grad():
                    wanted = vgg(y)
                loss = torch.nn.functional.mse_loss(vgg(net(x)), wanted)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import lightning.pytorch as pl
            import torch
            from torch import nn
            from torchvision import models

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.backbone = models.resnet50(weights="DEFAULT")
                    self.head = nn.Linear(1000, 10)

                def training_step(self, batch, index):
                    x, y = batch
                    return nn.functional.cross_entropy(self.head(self.backbone(x)), y)

                def configure_optimizers(self):
                    return torch.optim.Adam(self.head.parameters(), lr=1e-3)  # bad
            """,
            fixed="""
            import lightning.pytorch as pl
            import torch
            from torch import nn
            from torchvision import models

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.backbone = models.resnet50(weights="DEFAULT").requires_grad_(False)
                    self.head = nn.Linear(1000, 10)

                def training_step(self, batch, index):
                    x, y = batch
                    return nn.functional.cross_entropy(self.head(self.backbone(x)), y)

                def configure_optimizers(self):
                    return torch.optim.Adam(self.head.parameters(), lr=1e-3)
            """,
        ),
        Bad(
            """
            import pytorch_lightning as pl
            import torch
            from torch import nn
            from torchvision import models

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.net = models.resnet50(weights="DEFAULT")
                    self.fc = nn.Linear(1000, 10)

                def forward(self, x):
                    return self.fc(self.net(x))

                def training_step(self, batch, index):
                    x, y = batch
                    return nn.functional.cross_entropy(self(x), y)

                def configure_optimizers(self):
                    optimizer = torch.optim.SGD(self.fc.parameters(), lr=0.1)  # bad
                    return [optimizer]
            """,
            fixed="""
            import pytorch_lightning as pl
            import torch
            from torch import nn
            from torchvision import models

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.net = models.resnet50(weights="DEFAULT").requires_grad_(False)
                    self.fc = nn.Linear(1000, 10)

                def forward(self, x):
                    return self.fc(self.net(x))

                def training_step(self, batch, index):
                    x, y = batch
                    return nn.functional.cross_entropy(self(x), y)

                def configure_optimizers(self):
                    optimizer = torch.optim.SGD(self.fc.parameters(), lr=0.1)
                    return [optimizer]
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            model.fc = nn.Linear(2048, 10)
            optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)  # bad
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            """
        ),
        Good(
            """
            import lightning.pytorch as pl
            import torch
            from torch import nn
            from torchvision import models

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.backbone = models.resnet50(weights="DEFAULT")
                    self.head = nn.Linear(1000, 10)

                def training_step(self, batch, index):
                    x, y = batch
                    with torch.no_grad():
                        features = self.backbone(x)
                    return nn.functional.cross_entropy(self.head(features), y)

                def configure_optimizers(self):
                    return torch.optim.Adam(self.head.parameters(), lr=1e-3)
            """,
            why="the backbone runs without gradients",
        ),
        Good(
            """
            import lightning.pytorch as pl
            import torch
            from torch import nn
            from torchvision import models

            class Agent(nn.Module):
                def __init__(self, net):
                    super().__init__()
                    self.net = net

                def forward(self, x):
                    return self.net(x).argmax(1)

            class Module(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.net = models.resnet50(weights="DEFAULT")
                    self.agent = Agent(self.net)

                def training_step(self, batch, index):
                    x, y = batch
                    self.agent(x)
                    return nn.functional.cross_entropy(self.net(x), y)

                def configure_optimizers(self):
                    return torch.optim.Adam(self.net.parameters(), lr=1e-3)
            """,
            why="the other network has the same weights",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            for p in model.parameters():
                p.requires_grad = False
            model.fc = nn.Linear(2048, 10)
            optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            why="the rest is frozen",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
            """,
            why="all of it is trained",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            head = torch.optim.SGD(model.fc.parameters(), lr=0.1)
            rest = torch.optim.Adam(model.layer4.parameters(), lr=1e-4)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                head.step()
                rest.step()
            """,
            why="several optimisers",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.encoder = nn.Conv2d(3, 256, 3)
                    self.decoder = nn.Conv2d(256, 3, 3)

                def forward(self, x):
                    return self.decoder(self.encoder(x))

            net = Net()
            optimizer = torch.optim.Adam([
                {"params": net.encoder.parameters(), "lr": 1e-5},
                {"params": net.decoder.parameters()},
            ])
            for x, y in loader:
                nn.functional.mse_loss(net(x), y).backward()
                optimizer.step()
            """,
            why="groups with rates of their own that make up the network",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.backbone = models.resnet50(weights="DEFAULT")
                    self.head = nn.Linear(1000, 5)

                def forward(self, x):
                    with torch.no_grad():
                        features = self.backbone(x)
                    return self.head(features)

            net = Net()
            optimizer = torch.optim.Adam(net.head.parameters())
            for x, y in loader:
                nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
            """,
            why="the backbone runs without gradients",
        ),
        Good(
            """
            import torch
            from torchvision import models

            vgg = models.vgg19(weights="DEFAULT").features.eval().requires_grad_(False)
            image = content.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([image], lr=0.01)
            for step in range(2000):
                loss = (vgg(image) - wanted).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            why="the weights are frozen; gradients flow through to the image",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Wrapper(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.net = nn.Conv2d(3, 256, 3)
                    self.act = nn.ReLU()

                def forward(self, x):
                    return self.act(self.net(x))

            model = Wrapper()
            optimizer = torch.optim.Adam(model.net.parameters())
            for x, y in loader:
                nn.functional.mse_loss(model(x), y).backward()
                optimizer.step()
            """,
            why="the part holds all the weights there are",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import models

            model = models.resnet50(weights="DEFAULT")
            params = [p for n, p in model.named_parameters() if p.requires_grad]
            optimizer = torch.optim.SGD(params, lr=0.1)
            for x, y in loader:
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            """,
            why="what takes no gradients is left out",
        ),
    )


_FEW = 100
_NORM_NOTE = "frozen batch normalisation still updates its statistics unless put into eval()"
_HEAD = re.compile(r"^(?:fc|classifier|heads?|last_linear|output_layer|fc_\w+|score|linear|cls\w*|logits|\w*_head)$")
_WEIGHTLESS = re.compile(
    r"nn\.(?:\w*ReLU\d?|GELU|SiLU|Tanh|Sigmoid|Softmax|LogSoftmax|Dropout\w*|Flatten|Unflatten|Identity|\w*Pool\w*|"
    r"\w*Loss|Upsample\w*|PixelShuffle|\w*Pad\w*|Fold|Unfold)$"
)
_LATER = re.compile(r"requires_grad|freez|Finetuning|automatic_optimization|lora", re.IGNORECASE)
_RELIES = re.compile(
    r"requires_grad\b|freez|clip_grad|DistributedDataParallel|\bDDP\b|FSDP|fully_shard|deepspeed|checkpoint\(|\.grad\b"
)
"""What freezes or reads gradients itself, or must know beforehand which weights get them."""
_CUTS = re.compile(r"no_grad|inference_mode|\.detach\(|\.data\b")


def _is_short(step: Step) -> bool:
    from greenlint import Loops

    if step.loop is None:
        return False
    iterations = step.loop_facts[Loops].of(step.loop).iterations
    return iterations is not None and iterations <= _FEW


def _only(turns: list[Turn]) -> Optimizer | None:
    """The only optimiser of a step, when all that it updates is known."""
    stepped: dict[Optimizer, None] = {}
    for turn in turns:
        if turn.trained is None:
            return None
        stepped.update(dict.fromkeys(turn.optimizers or ()))
    if len(stepped) != 1:
        return None
    only = next(iter(stepped))
    return only if only.trained and not any(each.chosen for each in only.trained) else None


def _forwards(turns: list[Turn]) -> Iterator[Call]:
    from greenlint import Graphs, Tree

    found: dict[Call, None] = {}
    for turn in turns:
        for backward in turn.backwards:
            found.update(dict.fromkeys(backward.facts[Graphs].differentiated(backward)))
    return iter(sorted(found, key=lambda call: call.facts[Tree].first(call.node)))


def _wasted(forward: Call, optimizer: Optimizer, turn: Turn) -> tuple[str, str] | None:
    """Message and remedy where the weights that a forward pass uses take gradients that are not used."""
    from greenlint import Identities, Models, Optimizers

    facts = forward.facts
    network = facts[Models].network(forward)
    identity = facts[Identities].of(network) if network is not None else None
    if network is None or identity is None or not _is_seen(identity):
        return None
    if not _is_heavy(network, facts) or facts[Optimizers].frozen(identity) is not False:
        return None
    if _is_trained_elsewhere(identity, optimizer):
        return None
    name = facts.document.source(network)
    trained = optimizer.trained or ()
    parts = ", ".join(f"`{each.facts.document.source(each.node)}`" for each in trained[:2])
    if turn.trains(identity) is False:
        if not _flows_on(forward, turn):
            return None
        return (
            f"only {parts} is optimised, but the gradients of all weights of `{name}` are computed in every step",
            f"call {name}.requires_grad_(False) before the loop; gradients still flow through it",
        )
    if len(trained) != 1 or not trained[0].is_network or not _is_rest_left(identity, trained[0]):
        return None
    part = facts.document.source(trained[0].node) if trained[0].facts is facts else parts.strip("`")
    return (
        f"only the part `{part}` is optimised, but gradients of all of `{name}` are computed in every step",
        f"freeze the rest: {name}.requires_grad_(False), then {part}.requires_grad_(True)",
    )


def _frozen(forward: Call, optimizer: Optimizer, turn: Turn) -> tuple[Edit, ...] | None:
    """The edits that freeze the network of a forward pass, but for the part that is optimised."""
    from greenlint import Identities, Models, Tree, dotted, insert_before

    facts = optimizer.call.facts
    network = forward.facts[Models].network(forward)
    identity = forward.facts[Identities].of(network) if network is not None else None
    if network is None or identity is None:
        return None
    if turn.trains(identity) is False:
        return _frozen_where_made(network, facts) if forward.facts is facts else None
    part = (optimizer.trained or ())[0]
    written = dotted(part.node) if part.facts is facts else None
    deeper = len(part.identity.path) - len(identity.path)
    if written is None or written.count(".") < deeper:
        return None
    whole = written.rsplit(".", deeper)[0]
    statement = facts[Tree].statement(optimizer.call.node)
    return insert_before(facts.document, statement, f"{whole}.requires_grad_(False)", f"{written}.requires_grad_(True)")


def _frozen_where_made(network: cst.BaseExpression, facts: Facts) -> tuple[Edit, ...] | None:
    """The edit that freezes a network in the one line that makes it."""
    from greenlint import BindingKind, Names, cst

    found = facts[Names].reaching(network) if isinstance(network, cst.Name) else ()
    if len(found) != 1 or found[0].kind is not BindingKind.ASSIGN or found[0].path:
        return None
    return _with_call(found[0].value, facts)


def _frozen_member(function: cst.FunctionDef, name: str, facts: Facts) -> tuple[Edit, ...] | None:
    """The edit that freezes a network in the one line that stores it in the module."""
    from greenlint import Tree, cst, dotted

    owner = facts[Tree].class_of(function)
    made = [
        each.value
        for each in (facts[Tree].below(owner, cst.Assign) if owner is not None else ())
        if dotted(each.targets[0].target) == name and len(each.targets) == 1
    ]
    return _with_call(made[0], facts) if len(made) == 1 else None


def _with_call(value: cst.BaseExpression | None, facts: Facts) -> tuple[Edit, ...] | None:
    """``value`` with a call of ``requires_grad_`` behind it."""
    from greenlint import cst, replace_node

    if not isinstance(value, cst.Call) or value.lpar:
        return None
    return replace_node(facts.document, value, f"{facts.document.source(value)}.requires_grad_(False)")


def _is_heavy(network: cst.BaseExpression, facts: Facts) -> bool:
    """Whether a network may be large; those of agents are small unless they certainly are not."""
    from greenlint import Frameworks, Models

    layers = facts[Models].layers(network)
    if layers is None or layers.heavy is False:
        return False
    return layers.heavy is True or not facts[Frameworks].reinforcement_learning


def _is_trained_elsewhere(identity: Identity, optimizer: Optimizer) -> bool:
    """Whether another optimiser of the file may train the network, or the other parts of it."""
    from greenlint import Identities, Optimizers

    facts = optimizer.call.facts
    identities = facts[Identities]
    for other in facts[Optimizers].all:
        if other is optimizer:
            continue
        if other.trained is None:
            return True
        for each in other.trained:
            if each.is_network and not identities.distinct(each.identity, identity):
                return True
    return False


def _flows_on(forward: Call, turn: Turn) -> bool:
    """Whether gradients must flow through the network to something that is trained."""
    from greenlint import Graphs, Identities, Models, Tree, cst

    facts = forward.facts
    for arg in forward.node.args:
        for each in facts[Graphs].behind(arg.value):
            network = each.facts[Models].network(each)
            identity = each.facts[Identities].of(network) if network is not None else None
            if identity is not None and turn.trains(identity):
                return True
        for name in facts[Tree].below(arg.value, cst.Name):
            identity = facts[Identities].of(name)
            if identity is not None and turn.trains(identity):
                return True
    return False


def _left_in_module(function: cst.FunctionDef, facts: Facts) -> tuple[Optimizer, str, str] | None:
    """The one optimiser of a Lightning module, its part of the module, and another that takes gradients in vain."""
    from greenlint import Calls, Definition, Kind, Optimizers, Project, Tree, Values, dotted

    owner = facts[Tree].class_of(function)
    if owner is None or not any("LightningModule" in each for each in facts[Project].bases(Definition(facts, owner))):
        return None
    text = facts.document.source(owner)
    if _CUTS.search(text) or _LATER.search(facts.document.text):
        return None
    made = [call for call in facts[Calls].within(function.body) if facts[Values].of(call.node).kind is Kind.OPTIMIZER]
    made = [call for call in made if (call.name or "").startswith("torch.optim.")]
    if len(made) != 1:
        return None
    optimizer = facts[Optimizers].made(made[0])
    trained = optimizer.trained or ()
    part = dotted(trained[0].node) if len(trained) == 1 and trained[0].is_network else None
    if part is None or not part.startswith("self.") or part.count(".") != 1 or trained[0].chosen:
        return None
    rest = _heavy_member(owner, part, trained[0].identity, facts)
    return (optimizer, part, rest) if rest is not None else None


def _heavy_member(owner: cst.ClassDef, part: str, trained: Identity, facts: Facts) -> str | None:
    """Another large network that a module keeps and runs on its batches."""
    from greenlint import Identities, Kind, Models, Tree, Values, cst, dotted

    identities = facts[Identities]
    ran = {dotted(each.func) for each in facts[Tree].below(owner, cst.Call)}
    if part not in ran:
        return None
    for assign in facts[Tree].below(owner, cst.Assign):
        name = dotted(assign.targets[0].target)
        if name is None or not name.startswith("self.") or name == part or name not in ran:
            continue
        # What is made of the part that is trained, such as an agent of its network, holds the same weights.
        made = identities.of(assign.value) if isinstance(assign.value, cst.Call) else None
        if made is None or "self." in facts.document.source(assign.value) or identities.holds(made, trained):
            continue
        layers = facts[Models].layers(assign.value)
        is_network = facts[Values].of(assign.value).kind in (Kind.MODULE, Kind.HF_MODEL)
        if is_network and layers is not None and layers.heavy is True:
            return name
    return None


def _is_seen(identity: Identity) -> bool:
    """Whether what a network is made of, and so whether it freezes anything itself, can be seen or is well known."""
    from greenlint import Values, cst

    if identity.facts is None or not isinstance(identity.root, cst.Call):
        return False
    values = identity.facts[Values]
    owner = values.of(identity.root).instance_of or values.callee(identity.root)
    if owner is not None:
        return _CUTS.search(owner.facts.document.source(owner.node)) is None
    called = identity.facts.document.source(identity.root.func)
    return "." in called or called[:1].islower() or "Auto" in called


def _is_rest_left(identity: Identity, part: Trained) -> bool:
    """Whether a network certainly has weights outside the part that is trained."""
    from greenlint import Values, cst

    inner = part.identity
    if not identity.covers(inner) or len(inner.path) <= len(identity.path):
        return False
    if identity.facts is None or not isinstance(identity.root, cst.Call):
        return False
    owner = identity.facts[Values].of(identity.root).instance_of
    first = inner.path[len(identity.path)]
    if owner is None:
        return _HEAD.match(first) is not None
    return any(name != first and _has_weights(value, owner.facts) for name, value in _members(owner.node, owner.facts))


def _members(owner: cst.CSTNode, facts: Facts) -> Iterator[tuple[str, cst.BaseExpression]]:
    """What a class keeps as ``self.NAME = value``."""
    from greenlint import Tree, cst

    for assign in facts[Tree].below(owner, cst.Assign):
        target = assign.targets[0].target
        if isinstance(target, cst.Attribute) and isinstance(target.value, cst.Name) and target.value.value == "self":
            yield target.attr.value, assign.value


def _has_weights(node: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Calls, Kind, Values

    for call in facts[Calls].within(node):
        if facts[Values].of(call.node).kind in (Kind.MODULE, Kind.HF_MODEL):
            return call.name is None or _WEIGHTLESS.search(call.name) is None
    return False
