"""cuDNN switched off, or deterministic kernels asked for where that gains nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, Switch, cst


class DeterministicOrCudnnOff(Rule):
    """A training switches cuDNN off, or runs deterministic kernels without a seed or a word on why.

    cuDNN holds the fast kernels for convolutions and recurrent layers; without it, PyTorch falls back to slower ones of
    its own. Deterministic modes pick slower kernels too, and under TensorFlow's Keras compiles no model with XLA. That
    is the price of repeatable results, but without a seed the results differ all the same.

    The finding stands at the setting, or at the `Trainer(...)` or `TrainingArguments(...)` call. Deterministic modes
    are an info, and only reported where nothing in the file seeds a generator; `use_deterministic_algorithms`,
    `enable_op_determinism` and `full_determinism` also beside a seed, unless a comment, a docstring or the name of the
    function speaks of reproducibility. `warn_only=True`, conditions and toys are not reported.

    Leave it where results have to be repeated bit by bit: published experiments, regulated work, regression tests. Turn
    cuDNN off only around the layers that need it, such as a second derivative through a recurrent layer.

    To fix it, delete the setting, and use seeds alone for daily runs.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "tensorflow", "lightning", "pytorch_lightning", "transformers")
    words = (
        (
            "cudnn",
            "use_deterministic_algorithms",
            "enable_op_determinism",
            "full_determinism",
            "enable_full_determinism",
            "deterministic",
        ),
        (
            "enabled",
            "deterministic",
            "use_deterministic_algorithms",
            "enable_op_determinism",
            "full_determinism",
            "enable_full_determinism",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.REAL_DATA,
        Premise.NOT_REINFORCEMENT,
    )
    references = (
        "https://docs.pytorch.org/docs/stable/notes/randomness.html",
        "https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism",
        "https://huggingface.co/docs/transformers/main_classes/trainer",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch: deterministic operations are often slower than nondeterministic ones",
            "https://docs.pytorch.org/docs/stable/notes/randomness.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "TensorFlow: op determinism comes at the expense of lower performance",
            "https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "transformers: full_determinism has a negative effect on performance and is meant for debugging only",
            "https://huggingface.co/docs/transformers/main_classes/trainer",
        ),
    )

    @on_file
    def cudnn(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs, Switches

        switches = facts[Switches].set("torch.backends.cudnn.enabled")
        if not switches or any(each.value is not False for each in switches):
            return
        place = facts[Runs].training(switches[0].node)
        if place is None:
            return
        certain = _USES_CUDNN.search(facts.glance.code.text) and not _explained(switches[0].node, facts, _TROUBLE)
        yield self.finding(
            switches[0].node,
            "cuDNN is off all through the training: convolutions and recurrent layers run slower kernels",
            help="delete it; where one layer needs it, use torch.backends.cudnn.flags(enabled=False) around that layer",
            notes=("for repeatable results cudnn.deterministic = True is enough",),
            severity=None if certain else Severity.INFO,
            related=(place,),
            fix=self._fix(switches, facts) if certain else None,
        )

    @on_file
    def deterministic(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs

        for node, what, strong in _modes(facts):
            place = facts[Runs].training(node)
            if place is None or _is_meant(node, facts, strong=strong):
                continue
            yield self.finding(
                node,
                _MESSAGE.format(what, _WITHOUT_SEED if not _seeds(facts) else ""),
                help=_HELP,
                severity=Severity.INFO,
                related=(place,),
            )

    @on_call("lightning.pytorch.Trainer")
    def trainer(self, call: Call, facts: Facts) -> Findings:
        if call.argument("deterministic").constant is True and not _is_meant(call.node, facts, strong=False):
            yield self.finding(
                call.node,
                _MESSAGE.format("deterministic=True", _WITHOUT_SEED),
                help="drop it, or call seed_everything first if runs have to be repeatable",
                severity=Severity.INFO,
            )

    @on_call("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
    def arguments(self, call: Call, facts: Facts) -> Findings:
        if call.argument("full_determinism").constant is True and not _is_meant(call.node, facts, strong=True):
            yield self.finding(
                call.node,
                "full_determinism=True also makes the CPU wait for each kernel",
                help="use seed=... alone for daily runs",
                severity=Severity.INFO,
            )

    def _fix(self, switches: list[Switch], facts: Facts) -> Fix | None:
        from greenlint import Calls, cst, delete_statement

        code, node = facts.glance.code.text, switches[0].node
        if not isinstance(node, cst.Assign) or len(node.targets) != 1:
            return None
        # What cuDNN cannot do: the second derivative of a recurrent layer, and its first outside of training.
        if _RECURRENT.search(code) and (_TWICE.search(code) or not facts[Calls].methods("train")):
            return None
        if code.count("cudnn.enabled") != len(switches):
            return None
        edits = delete_statement(facts.document, node)
        if edits is None:
            return None
        return self.unsafe_fix("leave cuDNN on", *edits, reason="changes rounding and memory")

    examples = (
        Bad(
            """
            import torch
            import torchvision

            torch.backends.cudnn.enabled = False  # bad
            model = torchvision.models.resnet50().cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            import torchvision

            model = torchvision.models.resnet50().cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch.backends import cudnn

            def main():
                cudnn.enabled = False  # bad
                model = torch.nn.LSTM(256, 1024).cuda()
                model.train()
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()

            if __name__ == "__main__":
                main()
            """,
            fixed="""
            import torch

            def main():
                model = torch.nn.LSTM(256, 1024).cuda()
                model.train()
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()

            if __name__ == "__main__":
                main()
            """,
        ),
        Bad(
            """
            import torch

            torch.use_deterministic_algorithms(True)  # bad
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True  # bad
            model = torch.nn.Conv2d(3, 64, 3).cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=50, deterministic=True)  # bad
            trainer.fit(module, data)
            """
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            Trainer(max_epochs=50, deterministic=True, accelerator="gpu").fit(module, data)  # bad
            """
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            arguments = TrainingArguments("out", full_determinism=True, seed=1)  # bad
            Trainer(model=model, args=arguments, train_dataset=data).train()
            """
        ),
        Bad(
            """
            import tensorflow as tf

            tf.keras.utils.set_random_seed(1)
            tf.config.experimental.enable_op_determinism()  # bad
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            torch.backends.cudnn.enabled = False  # bad
            critic = nn.GRU(64, 128).cuda()
            for x, y in loader:
                gradients = torch.autograd.grad(critic(x.cuda())[0].sum(), x, create_graph=True)
                loss = (gradients[0].norm() - 1) ** 2
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            import torchvision

            torch.backends.cudnn.enabled = False  # bad
            print("fast kernels:", torch.backends.cudnn.enabled)
            model = torchvision.models.resnet50().cuda()
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            torch.backends.cudnn.enabled = False  # bad
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import random

            import torch

            def seed_everything(seed):
                random.seed(seed)
                torch.manual_seed(seed)
                torch.backends.cudnn.deterministic = True

            seed_everything(1)
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="together with seeds it makes runs repeatable",
        ),
        Good(
            """
            import torch

            # Results must be reproducible for the audit.
            torch.use_deterministic_algorithms(True)
            torch.manual_seed(1)
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the reason stands beside it",
        ),
        Good(
            """
            import torch

            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.use_deterministic_algorithms(args.deterministic)
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="only warns; and an option decides",
        ),
        Good(
            """
            import torch

            with torch.backends.cudnn.flags(enabled=False):
                penalty = gradient_penalty(lstm, x)
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="off around one call only",
        ),
        Good(
            """
            import torch

            if args.no_cudnn:
                torch.backends.cudnn.enabled = False
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="only on request",
        ),
        Good(
            """
            import torch

            torch.backends.cudnn.enabled = True
            torch.backends.cudnn.deterministic = False
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="the fast setting",
        ),
        Good(
            """
            import lightning as L

            L.seed_everything(42, workers=True)
            L.Trainer(max_epochs=50, deterministic=True).fit(module, data)
            """,
            why="the documented way to repeatable runs",
        ),
        Good(
            """
            import torch
            from torchvision.datasets import MNIST

            torch.backends.cudnn.enabled = False
            model = torch.nn.Conv2d(1, 8, 3).cuda()
            for x, y in torch.utils.data.DataLoader(MNIST("data")):
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="a toy data set",
        ),
    )


_MESSAGE = "{} picks slower kernels all through the training{}"
_WITHOUT_SEED = ", and without a seed results differ all the same"
_HELP = "use seeds alone for daily runs, and this for a final check"
_USES_CUDNN = re.compile(
    r"Conv\w*\dd|\b(?:LSTM|GRU|RNN)\b|(?i:resnet|vgg|densenet|efficientnet|mobilenet|inception|unet|yolo|convnext)"
    r"|\btorchvision\.models|\btimm\b"
)
_RECURRENT = re.compile(r"LSTM|GRU|RNN", re.IGNORECASE)
_TWICE = re.compile(r"create_graph|autograd|\bhessian|\bjacobian|torch\.func|functorch")
_SEEDS = re.compile(
    r"\bmanual_seed\w*\(|\bseed_everything\(|\b\w*set_\w*seeds?\w*\(|\brandom\.seed\(|\bfix_seed|\bPYTHONHASHSEED"
)
_REPEATABLE = re.compile(r"reproduc|determinis|repeatab|replicab|seed|regress", re.IGNORECASE)
_TROUBLE = re.compile(
    r"cudnn|error|bug|fail|crash|doesn|does not|not support|work|double|memory|determinis", re.IGNORECASE
)


def _modes(facts: Facts) -> Iterator[tuple[cst.CSTNode, str, bool]]:
    """The settings of deterministic modes, in words, and whether they cost much."""
    from greenlint import Calls, Switches

    calls = facts[Calls]
    for call in calls.named("torch.use_deterministic_algorithms"):
        only_warns = call.argument("warn_only", 1)
        if call.argument("mode", 0).constant is True and (only_warns.absent or only_warns.constant is False):
            yield call.node, "use_deterministic_algorithms(True)", True
    for call in calls.named("tensorflow.config.experimental.enable_op_determinism"):
        yield call.node, "enable_op_determinism()", True
    for call in calls.named(
        "transformers.enable_full_determinism", "transformers.trainer_utils.enable_full_determinism"
    ):
        yield call.node, "enable_full_determinism()", True
    switches = facts[Switches].set("torch.backends.cudnn.deterministic")
    if switches and all(each.value is True for each in switches) and _USES_CUDNN.search(facts.glance.code.text):
        yield switches[0].node, "cudnn.deterministic", False


def _is_meant(node: cst.CSTNode, facts: Facts, *, strong: bool) -> bool:
    """Whether somebody wants repeatable results and says so, for what costs less by setting a seed."""
    return _explained(node, facts, _REPEATABLE) or (not strong and _seeds(facts))


def _seeds(facts: Facts) -> bool:
    """Whether the file, or a module of the project that it imports, seeds a generator."""
    from greenlint import Imports

    texts = (facts.sources.read(path) or "" for path in facts[Imports].reachable())
    return bool(_SEEDS.search(facts.glance.code.text)) or any(map(_SEEDS.search, texts))


def _explained(node: cst.CSTNode, facts: Facts, reason: re.Pattern[str]) -> bool:
    """Whether a comment at a place or right above it, or the name or docstring of its function, gives a reason."""
    from greenlint import Tree

    document = facts.document
    function = facts[Tree].function(node)
    if function is not None and (reason.search(function.name.value) or reason.search(function.get_docstring() or "")):
        return True
    line = document.line(document.span(node).start)
    lines = document.text.split("\n")[max(0, line - 3) : line]
    return any("#" in each and reason.search(each.partition("#")[2]) for each in lines)
