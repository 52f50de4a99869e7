"""PyTorch training steps in full float32 precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Fix, Layers, Outline, Step, cst


class TorchTrainWithoutAmp(Rule):
    """A training step runs a convolutional, attention or large matrix model on an accelerator in float32.

    Matrix units of current accelerators do several times the work per joule in bfloat16 or float16 than in float32,
    and half the bytes cross the memory bus. A model that is large enough to keep them busy pays for full precision
    with time and energy in each step.

    The finding stands at the training loop (at the step's function when the loop is not in the file). In notebooks it
    is an info, as many of them only show on a few samples how a model is trained.

    Leave it for small models, which are bound by kernel launches, for numerically sensitive losses, for physics and
    linear algebra, and where a run is too short to matter. Loss and accuracy should be compared once after switching.

    To fix it, run forward pass and loss under `torch.autocast(device_type, dtype=torch.bfloat16)` and leave the
    backward pass outside. On accelerators before Ampere use float16 with `torch.amp.GradScaler`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("*backward",),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.OWN_STEP,
        Premise.REAL_DATA,
        Premise.NOT_SCIENCE,
        Premise.CPU_NOT_INTENDED,
        Premise.ON_ACCELERATOR,
        Premise.PRECISION_OPEN,
    )
    references = (
        "https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch/",
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "1.5 to 5.5 times faster training than float32 on V100, a further 1.3 to 2.5 times from A100",
            "https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch/",
        ),
        Evidence(
            Grade.MEASURED,
            "bf16 on A100: about 2.1 times mean training speed, clearly more samples per joule for language models, "
            "only marginally more for convolutional networks",
            "https://sol.sbc.org.br/index.php/sbac-pad_estendido/article/view/41193",
        ),
        Evidence(
            Grade.MEASURED,
            "7 to 11 W lower draw, not statistically significant",
            "arXiv 2409.07853",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "backward" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frameworks, Loops

        steps = facts[Loops].steps
        if not steps:
            return
        for step in steps:
            if not _plain(step) or facts[Contexts].dead(step.backward.node):
                continue
            layers = _layers(step, facts)
            if layers is None or layers.heavy is not True:
                continue
            if _recurrent_only(layers) and _unrolled(facts):
                continue
            if facts[Frameworks].reinforcement_learning and not (layers.attention or layers.pretrained):
                continue
            yield self.finding(
                step.place,
                f"this training step runs {_described(layers)} in float32",
                help="run forward and loss under torch.autocast(device_type, dtype=torch.bfloat16), backward outside",
                notes=(
                    "gains are large for transformers and big matrix products, 0-15 % for convolutional networks on "
                    "Ampere and later (estimate), none or negative for tiny models",
                    "bfloat16 needs compute capability 8.0; before that use float16 with torch.amp.GradScaler",
                ),
                related=((step.backward.node, "the backward pass"),) if step.loop is not None else (),
                # Whether a notebook trains in earnest or shows how on a handful of samples, its code does not tell.
                severity=Severity.INFO if facts.document.cells is not None else None,
                fix=self._fix(step, facts),
            )

    def _fix(self, step: Step, facts: Facts) -> Fix | None:
        """Autocast where the GPU has bfloat16 units: elsewhere the program stays as it is."""
        from greenlint import Bfloat16, Forwards, Tree, insert_before, spelled, wrap

        document = facts.document
        forward, torch = facts[Forwards].of(step), spelled(document, "torch")
        if forward is None or torch is None or _may_need_float32(facts) or _stops_early(step):
            return None
        if not facts[Bfloat16].network(forward.network):
            return None
        loops = facts[Tree].loops_around(forward.statements[0])
        first = loops[-1] if loops else forward.statements[0]
        switch = facts[Bfloat16].switch(first, torch[1])
        if switch is None:
            return None
        name, line = switch
        header = f'with {torch[1]}.autocast("cuda", dtype={torch[1]}.bfloat16, enabled={name}):'
        placed = insert_before(document, first, line)
        wrapped = wrap(document, forward.statements, header)
        if placed is None or wrapped is None:
            return None
        return self.unsafe_fix(
            "run forward and loss in bfloat16 where the GPU has units for it",
            *torch[0],
            *placed,
            *wrapped,
            reason="changes rounding",
        )

    examples = (
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            for images, labels in loader:  # bad
                loss = criterion(model(images.cuda()), labels.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            for images, labels in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
                    loss = criterion(model(images.cuda()), labels.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.features = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 128, 3))
                    self.head = nn.Linear(128, 1000)

                def forward(self, x):
                    return self.head(self.features(x).mean((2, 3)))

            def train(model, loader, optimizer, device):
                for x, y in loader:  # bad
                    loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
                    loss.backward()
                    optimizer.step()

            net = Net().to("cuda")
            for epoch in range(90):
                train(net, loader, torch.optim.SGD(net.parameters(), lr=0.1), "cuda")
            """,
            fixed="""
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.features = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 128, 3))
                    self.head = nn.Linear(128, 1000)

                def forward(self, x):
                    return self.head(self.features(x).mean((2, 3)))

            def train(model, loader, optimizer, device):
                bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
                for x, y in loader:
                    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
                        loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
                    loss.backward()
                    optimizer.step()

            net = Net().to("cuda")
            for epoch in range(90):
                train(net, loader, torch.optim.SGD(net.parameters(), lr=0.1), "cuda")
            """,
        ),
        Bad(
            """
            import torch
            from transformers import AutoModelForSequenceClassification

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased").to(device)
            optimizer = torch.optim.AdamW(model.parameters())
            for batch in loader:  # bad
                loss = model(**{k: v.to(device) for k, v in batch.items()}).loss
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            """,
            fixed="""
            import torch
            from transformers import AutoModelForSequenceClassification

            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased").to(device)
            optimizer = torch.optim.AdamW(model.parameters())
            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            for batch in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
                    loss = model(**{k: v.to(device) for k, v in batch.items()}).loss
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            device = torch.device("cuda:0")
            model = resnet50().to(device)
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(90):
                for images, labels in loader:  # bad
                    images, labels = images.to(device), labels.to(device)
                    outputs = model(images)
                    optimizer.zero_grad()

                    loss = criterion(outputs, labels)
                    loss.backward()
                    optimizer.step()
                    correct += (outputs.argmax(1) == labels).sum()
            """,
            fixed="""
            import torch
            from torch import nn
            from torchvision.models import resnet50

            device = torch.device("cuda:0")
            model = resnet50().to(device)
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            for epoch in range(90):
                for images, labels in loader:
                    images, labels = images.to(device), labels.to(device)
                    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
                        outputs = model(images)
                        optimizer.zero_grad()

                        loss = criterion(outputs, labels)
                    loss.backward()
                    optimizer.step()
                    correct += (outputs.argmax(1) == labels).sum()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.BCELoss()
            for images, labels in loader:  # bad
                loss = criterion(torch.sigmoid(model(images.cuda())), labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            scores = []
            for images, labels in loader:  # bad
                outputs = model(images.cuda())
                loss = criterion(outputs, labels.cuda())
                loss.backward()
                scores.append(outputs.detach().cpu().numpy())
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = nn.DataParallel(resnet50()).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            for images, labels in loader:  # bad
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            for images, labels in loader:  # bad
                loss = criterion(model(images.cuda()), labels.cuda())
                loss.backward()
                other = criterion(model(images.flip(-1).cuda()), labels.cuda())
                other.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:  # bad
                loss = penalised(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            for images, labels in loader:  # bad
                outputs = model(images.cuda())
                if mixed:
                    outputs = outputs.flip(0)
                loss = criterion(outputs, labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            criterion = nn.CrossEntropyLoss()
            for images, labels in loader:  # bad
                criterion(model(images.cuda()), labels.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.features = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 128, 3))
                    self.reader = nn.LSTM(128, 128)
                    self.head = nn.Linear(128, 1000)

                def forward(self, x):
                    _, (state, _) = self.reader(self.features(x).flatten(2).permute(2, 0, 1))
                    return self.head(state[0])

            model = Net().to("cuda")
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:  # bad
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.features = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 128, 3))
                    self.head = nn.Linear(128, 1000)

                def forward(self, x):
                    kept = torch.zeros(len(x), 1000, device=x.device)
                    kept[x.amax((1, 2, 3)) > 0] = self.head(self.features(x).mean((2, 3)))
                    return kept

            model = Net().to("cuda")
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:  # bad
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn
            from torchvision.models import resnet50

            model = resnet50().cuda()
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step, (images, labels) in enumerate(loader):  # bad
                loss = criterion(model(images.cuda()), labels.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if step == limit:
                    break
            """
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16):
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the forward pass runs under autocast",
        ),
        Good(
            """
            import argparse
            import torch
            from torchvision.models import resnet50
            from engine import make_context

            parser = argparse.ArgumentParser()
            parser.add_argument("--fp16", action="store_true")
            args = parser.parse_args()
            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                with make_context(args):
                    loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="precision is an option of the program",
        ),
        Good(
            """
            import torch
            from torch import nn

            model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2)).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="a model this small is bound by kernel launches",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet18

            model = resnet18()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
            """,
            why="nothing here uses an accelerator",
        ),
        Good(
            """
            import torch
            from accelerate import Accelerator
            from torchvision.models import resnet50

            accelerator = Accelerator()
            model = resnet50()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images), labels)
                accelerator.backward(loss)
                optimizer.step()
            """,
            why="the accelerate configuration decides on precision",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torchvision import datasets

            data = datasets.MNIST("data", train=True)
            model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.Flatten(), nn.Linear(21632, 10)).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in torch.utils.data.DataLoader(data, batch_size=64):
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="toy data",
        ),
        Good(
            """
            import torch
            from training import step_function
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = step_function(model, images, labels)
                loss.backward()
                optimizer.step()
            """,
            files={
                "training.py": """
                import torch

                def step_function(model, images, labels):
                    with torch.autocast("cuda", dtype=torch.bfloat16):
                        return torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                """
            },
            why="another module of the project sets the precision",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Writer(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.embed = nn.Embedding(8000, 256)
                    self.reader = nn.LSTM(256, 1024)
                    self.cell = nn.LSTM(256, 1024)
                    self.out = nn.Linear(1024, 8000)

                def forward(self, source, target):
                    _, state = self.reader(self.embed(source))
                    written = []
                    for token in target:
                        one, state = self.cell(self.embed(token)[None], state)
                        written.append(self.out(one[0]))
                    return torch.stack(written)

            model = Writer().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for source, target in loader:
                loss = nn.functional.cross_entropy(model(source.cuda(), target.cuda()).flatten(0, 1), target.flatten())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            why="a decoder that Python steps token by token is bound by kernel launches",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            backbone = resnet50().cuda()
            weights = torch.nn.Parameter(torch.ones(2, device="cuda"))
            optimizer = torch.optim.Adam([weights])
            for images, labels in loader:
                with torch.no_grad():
                    one, two = backbone(images.cuda()), backbone(images.cuda().flip(-1))
                loss = torch.nn.functional.cross_entropy(one * weights[0] + two * weights[1], labels.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            why="the large network runs without gradients, and what is trained is tiny",
        ),
        Good(
            """
            import clip
            import torch

            model, preprocess = clip.load("ViT-B/32", device="cuda", jit=False)
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-6)
            for images, texts in loader:
                one, two = model(images.cuda(), texts.cuda())
                loss = torch.nn.functional.cross_entropy(one, torch.arange(len(images), device="cuda"))
                optimizer.zero_grad()
                loss.backward()
                for each in model.parameters():
                    each.data = each.data.float()
                optimizer.step()
                clip.model.convert_weights(model)
            """,
            why="these weights are kept in float16",
        ),
    )


def _plain(step: Step) -> bool:
    """Whether the step's precision is decided here, in PyTorch, over enough iterations to matter."""
    from greenlint import Loops, StepOwner

    if step.owner not in (StepOwner.TORCH, StepOwner.WRAPPER):
        return False
    if step.backward.keyword("create_graph") is not None:
        return False
    if step.loop is None:
        return True
    loop = step.loop_facts[Loops].of(step.loop)
    if loop.shown is not None and loop.shown <= 50:  # a demonstration: so few batches are the whole data
        return False
    return loop.iterations is None or loop.iterations > 100


def _layers(step: Step, facts: Facts) -> Layers | None:
    """The layers of the heaviest network that the step calls."""
    from greenlint import Calls, ContextKind, Contexts, Loops, Models

    found: Layers | None = None
    for region in facts[Loops].regions(step):
        models = region.facts[Models]
        for call in region.facts[Calls].within(region.body):
            network = models.network(call)
            # What runs without gradients beside the step is not what the step trains.
            if network is None or region.facts[Contexts].active(call.node, ContextKind.NO_GRAD):
                continue
            layers = models.layers(network)
            if layers is not None and (found is None or (layers.heavy is True and found.heavy is not True)):
                found = layers
    return found


def _recurrent_only(layers: Layers) -> bool:
    return layers.recurrent and not (layers.conv or layers.attention or layers.pretrained)


def _unrolled(facts: Facts) -> bool:
    """Whether a network of this file goes through a sequence in a Python loop, one small step at a time."""
    from greenlint import Loops, Tree

    functions = (facts[Tree].function(loop.node) for loop in facts[Loops].all)
    return any(function is not None and function.name.value == "forward" for function in functions)


def _described(layers: Layers) -> str:
    if layers.attention:
        return "an attention model"
    if layers.conv:
        return "a convolutional network"
    if layers.recurrent:
        return "a recurrent network"
    if layers.pretrained:
        return "a pretrained network"
    return "large matrix products"


def _may_need_float32(facts: Facts) -> bool:
    """Whether something around the step would fail under autocast to bfloat16, or gain nothing."""
    from greenlint import Calls, Environment, Models, Tree

    if facts[Environment].at_least("torch", "2.1") is False:  # some layers have no kernels for it there
        return True
    if any(map(facts[Tree].named, _NOT_FOR_AUTOCAST)) or ".data[0]" in facts.document.text:
        return True
    models = facts[Models]
    return any(
        each.receiver is not None and models.is_model(each.receiver) for each in facts[Calls].methods("double", "half")
    )


def _stops_early(step: Step) -> bool:
    """Whether the loop ends by a `break`: often after a few steps, to measure or to show something."""
    from greenlint import Tree, cst

    if step.loop is None:
        return False
    tree = step.loop_facts[Tree]
    return any(tree.loops_around(each)[0] is step.loop for each in tree.below(step.loop, cst.Break))


_NOT_FOR_AUTOCAST = frozenset(("LBFGS", "volatile", "torch_xla", "xm", "npu", "hpu", "xpu"))
"""Other accelerators, line searches, and code of a PyTorch that has no autocast."""
