"""cuDNN's search for the fastest convolution left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Layers, Outline, Step, cst

_BENCHMARK = "torch.backends.cudnn.benchmark"
_MEANT = re.compile(r"determinis|reproduc|repeatab|seed", re.IGNORECASE)
"""Words of work whose results have to repeat, for which the search is rightly off."""
_VARIES = re.compile(
    r"multi_?scale|random_?size|detect|bbox|boxes|\bRPN\b|librosa|torchaudio|spectrogram|varying|variable|pad_sequence"
    r"|collate",
    re.IGNORECASE,
)
"""Words of inputs that change their size, for which the search costs more than it gains."""
_FIXES_SIZE = ("Resize", "CenterCrop", "RandomResizedCrop", "RandomCrop")


class CudnnAutotuneOff(Rule):
    """A convolutional training switches cuDNN's search for the fastest algorithm off, though nothing has to repeat.

    cuDNN has several algorithms for each convolution. With `benchmark = True` it tries them once for each input size
    and keeps the fastest; without, it guesses by rules. For inputs of one size the trial pays back within a few steps.

    The finding stands at the setting, or at the `Trainer(...)` call.

    Leave it where input sizes change often (detection, multi-scale training, audio): each new size is tried anew, which
    can cost many times the step. Leave it too where results have to repeat bit by bit.

    To fix it, set `torch.backends.cudnn.benchmark = True` at the start of the program, with Lightning
    `Trainer(benchmark=True)`.
    """

    class Options(RuleOptions):
        missing: bool = False
        """Report the training loops of convolutional networks on images of one size without any setting, too."""

    severity = Severity.INFO
    frameworks = ("torch", "lightning", "pytorch_lightning")
    words = (("benchmark", "*backward"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.ON_ACCELERATOR,
        Premise.REAL_DATA,
        Premise.NOT_REINFORCEMENT,
        Premise.CPU_NOT_INTENDED,
    )
    references = (
        "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "https://github.com/pytorch/pytorch/issues/2759",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch's tuning guide recommends the autotuner for convolutional networks",
            "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        ),
        Evidence(
            Grade.TIMED,
            "with changing sizes a step of 0.022 s took 0.6 to 2.3 s, on a P40",
            "https://github.com/pytorch/pytorch/issues/2759",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return (
            bool(outline.calls & {"backward", "manual_backward", "Trainer"}) or "benchmark" in outline.stored_attributes
        )

    @on_file
    def check_setting(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs, Switches

        switches = facts[Switches].set(_BENCHMARK)
        if not switches or any(each.value is not False for each in switches) or _is_meant(facts):
            return
        place = facts[Runs].training(switches[0].node)
        if place is not None and _convolves(facts):
            yield self.finding(
                switches[0].node,
                "cuDNN picks the algorithms of all convolutions by rule of thumb",
                help=f"set {_BENCHMARK} = True, unless input sizes change often",
                notes=_NOTES,
                related=(place,),
                fix=self._fix(switches[0].node, facts),
            )

    @on_call("lightning.pytorch.Trainer")
    def check_trainer(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        given = call.argument("benchmark")
        if not given.written or given.constant is not False or not call.argument("deterministic").absent:
            return
        if facts[Contexts].dead(call.node) or _is_meant(facts) or not _convolves(facts):
            return
        yield self.finding(
            call.node,
            "benchmark=False makes cuDNN pick the algorithms of all convolutions by rule of thumb",
            help="pass benchmark=True, unless input sizes change often",
            notes=_NOTES,
            fix=self._trainer_fix(call),
        )

    @on_file
    def check_missing(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Loops, Workloads

        if not self.options.missing or not facts[Loops].steps or _is_meant(facts) or _is_set(facts):
            return
        if not _has_one_size(facts):
            return
        for step in facts[Loops].steps:
            layers = facts[Workloads].layers(step)
            dead = facts[Contexts].dead(step.backward.node)
            if layers is not None and _is_convolutional(layers) and _is_repeated(step) and not dead:
                yield self.finding(
                    step.place,
                    "cuDNN picks the algorithms of these convolutions by rule of thumb",
                    help=f"set {_BENCHMARK} = True at the start of the program",
                    notes=_NOTES,
                )

    def _fix(self, node: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import cst, replace_node

        if not isinstance(node, cst.Assign) or len(node.targets) != 1 or not _batches_one_size(facts):
            return None
        edits = replace_node(facts.document, node.value, "True")
        return self.unsafe_fix("let cuDNN try its algorithms", *edits, reason=_REASON)

    def _trainer_fix(self, call: Call) -> Fix | None:
        from greenlint import set_argument

        edits = set_argument(call.facts.document, call.node, "benchmark", "True")
        if edits is None or not _batches_one_size(call.facts):
            return None
        return self.unsafe_fix("let cuDNN try its algorithms", *edits, reason=_REASON)

    examples = (
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            torch.backends.cudnn.benchmark = False  # bad
            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import lightning as L
            from torch import nn

            class Net(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.stem = nn.Conv2d(3, 64, 7)

            trainer = L.Trainer(accelerator="gpu", max_epochs=90, benchmark=False)  # bad
            trainer.fit(Net(), loader)
            """
        ),
        Bad(
            """
            import torch
            from torchvision import transforms
            from torchvision.models import resnet50

            augment = transforms.Compose([transforms.RandomResizedCrop(224), transforms.ToTensor()])
            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:  # bad
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            options={"missing": True},
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder
            from torchvision.models import resnet50

            torch.backends.cudnn.benchmark = False  # bad
            loader = DataLoader(ImageFolder("train", transform), batch_size=args.batch_size, shuffle=True)
            model = resnet50().cuda()
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader
            from torchvision.datasets import ImageFolder
            from torchvision.models import resnet50

            torch.backends.cudnn.benchmark = True
            loader = DataLoader(ImageFolder("train", transform), batch_size=args.batch_size, shuffle=True)
            model = resnet50().cuda()
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import lightning as L
            from torch import nn
            from torch.utils.data import DataLoader

            class Net(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.stem = nn.Conv2d(3, 64, 7)

            L.Trainer(accelerator="gpu", benchmark=False, max_epochs=90).fit(Net(), DataLoader(data, 64))  # bad
            """,
            fixed="""
            import lightning as L
            from torch import nn
            from torch.utils.data import DataLoader

            class Net(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.stem = nn.Conv2d(3, 64, 7)

            L.Trainer(accelerator="gpu", benchmark=True, max_epochs=90).fit(Net(), DataLoader(data, 64))
            """,
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision.models.segmentation import fcn_resnet50

            torch.backends.cudnn.benchmark = False  # bad
            model = fcn_resnet50().cuda()
            for images, masks in DataLoader(scenes, batch_size=1):
                loss = torch.nn.functional.cross_entropy(model(images.cuda())["out"], masks.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            torch.backends.cudnn.benchmark = True
            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the search is on",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            def seed_everything(seed):
                torch.manual_seed(seed)
                torch.backends.cudnn.deterministic = True
                torch.backends.cudnn.benchmark = False

            seed_everything(0)
            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="results have to repeat",
        ),
        Good(
            """
            import torch
            from transformers import AutoModel

            torch.backends.cudnn.benchmark = False
            model = AutoModel.from_pretrained("bert-base-uncased").cuda()
            optimizer = torch.optim.AdamW(model.parameters())
            for batch in loader:
                loss = model(**batch).loss
                loss.backward()
                optimizer.step()
            """,
            why="no convolutions",
        ),
        Good(
            """
            import torch
            from torchvision.models.detection import fasterrcnn_resnet50_fpn

            torch.backends.cudnn.benchmark = False
            model = fasterrcnn_resnet50_fpn().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, targets in loader:
                loss = sum(model(images, targets).values())
                loss.backward()
                optimizer.step()
            """,
            why="detectors see images of all sizes",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for images, labels in loader:
                loss = torch.nn.functional.cross_entropy(model(images.cuda()), labels.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="nothing is switched off; the default is reported only on request",
        ),
    )


_REASON = "changes rounding, from run to run too, and memory"
_NOTES = ("0-15 % of a step for inputs of one size (estimate); with changing sizes it costs more than it gains",)


def _is_meant(facts: Facts) -> bool:
    """Whether results have to repeat, or inputs change their size."""
    code = facts.glance.code.text
    return _MEANT.search(code) is not None or _VARIES.search(code) is not None


def _convolves(facts: Facts) -> bool:
    """Whether a convolutional network is trained here."""
    from greenlint import Calls, Loops, Workloads

    found = [facts[Workloads].layers(step) for step in facts[Loops].steps]
    if any(each is not None and _is_convolutional(each) for each in found):
        return True
    return bool(facts[Calls].methods("Conv2d", "Conv3d"))


def _is_convolutional(layers: Layers) -> bool:
    return layers.conv and not layers.attention


def _is_set(facts: Facts) -> bool:
    """Whether anything here or around mentions the setting."""
    from greenlint import Imports

    imports = facts[Imports]
    around = (facts.sources.read(path) or "" for path in (*imports.reachable(), *imports.importing()))
    return "benchmark" in facts.document.text or any("cudnn" in text and "benchmark" in text for text in around)


def _has_one_size(facts: Facts) -> bool:
    """Whether images are plainly brought to one size that is written in the code."""
    from greenlint import UNKNOWN, Calls, Values

    sizes = [call.argument("size", 0) for call in facts[Calls].methods(*_FIXES_SIZE)]
    return any(each.node is not None and facts[Values].constant(each.node) is not UNKNOWN for each in sizes)


def _batches_one_size(facts: Facts) -> bool:
    """Whether batches are put together from several images as they are: then all have one size."""
    from greenlint import Calls

    loaders = facts[Calls].named("torch.utils.data.DataLoader")
    if not loaders:
        return False
    for call in loaders:
        size = call.argument("batch_size", 1)
        # A sampler of batches may sort images by size.
        if not size.written or size.constant in (None, 1) or not call.argument("batch_sampler").absent:
            return False
    return True


def _is_repeated(step: Step) -> bool:
    from greenlint import Loops

    if step.loop is None:
        return False
    passes = step.loop_facts[Loops].of(step.loop).iterations
    return passes is None or passes > 100
