"""Lightning's Trainer or Fabric in full float32 precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, cst

_FULL = (32, "32", "32-true")
_DECIDES = ("plugins", "amp_backend", "amp_level")
_OTHER_HARDWARE = ("cpu", "tpu", "ipu", "hpu", "mps")
_OTHER_CORES = ("tpu_cores", "ipus", "hpus")
_SHORT_RUN = 20


class LightningDefaultPrecision(Rule):
    """A Lightning Trainer or Fabric trains in float32, by default or by an explicit 32.

    Lightning keeps float32 unless `precision` says otherwise. Matrix units of current accelerators do several times
    the work per joule in 16-bit formats, and half the bytes cross the memory bus.

    The finding stands at the `Trainer(...)` or `Fabric(...)` call, also when the 32 comes from a constant.

    Leave it for small networks, which are bound by kernel launches, for toy data, and for physics and other work that
    needs the digits.

    To fix it, pass `precision="bf16-mixed"`, on GPUs before Ampere `"16-mixed"` (`precision=16` before Lightning 2.0).
    """

    severity = Severity.WARNING
    frameworks = ("lightning", "pytorch_lightning", "lightning_fabric")
    words = (("*Trainer", "*Fabric"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.REAL_DATA,
        Premise.NOT_SCIENCE,
        Premise.CPU_NOT_INTENDED,
    )
    references = ("https://lightning.ai/docs/pytorch/stable/advanced/speed.html",)
    evidence = (
        Evidence(
            Grade.TIMED,
            "up to 3 times faster training on recent GPUs",
            "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
        ),
        Evidence(
            Grade.MEASURED,
            "bf16 on A100: about 2.1 times mean training speed, clearly more samples per joule for language models, "
            "only marginally more for convolutional networks",
            "https://sol.sbc.org.br/index.php/sbac-pad_estendido/article/view/41193",
        ),
    )

    @on_call("lightning.pytorch.Trainer", "lightning.fabric.Fabric")
    def check(self, call: Call, facts: Facts) -> Findings:
        precision = call.argument("precision")
        explicit = precision.written and precision.constant in _FULL
        if not (explicit or precision.absent) or not _on_accelerator(call) or _is_short(call):
            return
        if not all(call.argument(name).absent for name in _DECIDES):
            return
        fit = _fit_of(call, facts)
        if fit is None or _excused(fit, facts, explicit):
            return
        yield self.finding(
            call.node,
            f"this {call.method} trains in float32{'' if explicit else ', the default precision'}",
            help='pass precision="bf16-mixed", or "16-mixed" on GPUs before Ampere',
            notes=(
                "gains are large for transformers and big matrix products, 0-15 % for convolutional networks on "
                "Ampere and later (estimate), none or negative for tiny models",
                "Lightning before 2.0 spells it precision=16",
            ),
            related=((fit.node, "trains here"),),
            fix=self._fix(call, fit, facts),
        )

    def _fix(self, call: Call, fit: Call, facts: Facts) -> Fix | None:
        """Bfloat16 where the GPU has units for it: elsewhere the run stays as it is."""
        from greenlint import Bfloat16, Tree, insert_before, set_argument, spelled

        names, torch = _spelling(call, facts), spelled(facts.document, "torch")
        written = call.keyword("precision") is not None
        if names is None or torch is None or (written and not _is_literal(call)):
            return None
        if _may_fork(call, facts) or not _runs_in_bfloat16(call, fit, facts):
            return None
        switch = facts[Bfloat16].switch(call.node, torch[1])
        if switch is None:
            return None
        name, line = switch
        edits = set_argument(facts.document, call.node, "precision", f"{names[0]} if {name} else {names[1]}")
        statement = facts[Tree].statement(call.node)
        placed = insert_before(facts.document, statement, line)
        if edits is None or placed is None:
            return None
        reason = "changes rounding, and the 32 may be meant" if written else "changes rounding"
        title = "train in bfloat16 where the GPU has units for it"
        return self.unsafe_fix(title, *torch[0], *placed, *edits, reason=reason)

    examples = (
        Bad(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(accelerator="gpu", devices=1)  # bad
            trainer.fit(Classifier(), loader)
            """,
            fixed="""
            import lightning as L
            import torch
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            trainer = L.Trainer(accelerator="gpu", devices=1, precision="bf16-mixed" if bf16 else "32-true")
            trainer.fit(Classifier(), loader)
            """,
        ),
        Bad(
            """
            import pytorch_lightning as pl
            from transformers import AutoModel

            PRECISION = 32

            class Encoder(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = AutoModel.from_pretrained("bert-base-uncased")

            def train(precision=PRECISION):
                trainer = pl.Trainer(  # bad
                    gpus=1,
                    precision=precision,
                )
                trainer.fit(Encoder(), loader)

            train()
            """
        ),
        Bad(
            """
            from lightning.pytorch import LightningModule, Trainer
            from torch import nn

            class Segmenter(LightningModule):
                def __init__(self, width=256):
                    super().__init__()
                    self.down = nn.Conv2d(3, width, 3)
                    self.up = nn.ConvTranspose2d(width, 1, 3)

            module = Segmenter()
            trainer = Trainer(  # bad
                accelerator="auto",
                devices=1,
                precision=32,
            )
            trainer.fit(module, datamodule=data)
            """,
            fixed="""
            import torch
            from lightning.pytorch import LightningModule, Trainer
            from torch import nn

            class Segmenter(LightningModule):
                def __init__(self, width=256):
                    super().__init__()
                    self.down = nn.Conv2d(3, width, 3)
                    self.up = nn.ConvTranspose2d(width, 1, 3)

            module = Segmenter()
            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            trainer = Trainer(
                accelerator="auto",
                devices=1,
                precision="bf16-mixed" if bf16 else "32-true",
            )
            trainer.fit(module, datamodule=data)
            """,
        ),
        Bad(
            """
            import pytorch_lightning as pl
            import torch
            from torch import nn
            from transformers import AutoModel

            class Encoder(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = AutoModel.from_pretrained("bert-base-uncased")
                    self.criterion = nn.CrossEntropyLoss()

                def training_step(self, batch, index):
                    loss = self.criterion(self.model(batch["ids"]).pooler_output, batch["label"])
                    self.log("loss", loss)
                    return loss

            trainer = pl.Trainer(accelerator="gpu", devices=1)  # bad
            trainer.fit(Encoder(), loader)
            """,
            files={"requirements.txt": "pytorch-lightning==1.9.5"},
            fixed="""
            import pytorch_lightning as pl
            import torch
            from torch import nn
            from transformers import AutoModel

            class Encoder(pl.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = AutoModel.from_pretrained("bert-base-uncased")
                    self.criterion = nn.CrossEntropyLoss()

                def training_step(self, batch, index):
                    loss = self.criterion(self.model(batch["ids"]).pooler_output, batch["label"])
                    self.log("loss", loss)
                    return loss

            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            trainer = pl.Trainer(accelerator="gpu", devices=1, precision="bf16" if bf16 else 32)
            trainer.fit(Encoder(), loader)
            """,
        ),
        Bad(
            """
            import lightning as L
            import torchvision
            from torch import nn

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()
                    self.criterion = nn.BCELoss()

                def training_step(self, batch, index):
                    return self.criterion(self.model(batch[0]).sigmoid(), batch[1])

            trainer = L.Trainer(max_epochs=90, accelerator="gpu", devices=1)  # bad
            trainer.fit(Classifier(), loader)
            """
        ),
        Bad(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

                def forward(self, images):
                    return self.model(images)

            model = Classifier()
            trainer = L.Trainer(max_epochs=90, accelerator="gpu", devices=1)  # bad
            trainer.fit(model, loader)
            scores = trainer.predict(model, tests)[0].numpy()
            """
        ),
        Bad(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(accelerator="gpu", devices=4, strategy="ddp_fork")  # bad
            trainer.fit(Classifier(), loader)
            """
        ),
        Bad(
            """
            import lightning as L
            import torchvision
            from callbacks import Confusion

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(accelerator="gpu", devices=1, callbacks=[Confusion()])  # bad
            trainer.fit(Classifier(), loader)
            """
        ),
        Good(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(max_epochs=90, accelerator="gpu", precision="bf16-mixed")
            trainer.fit(Classifier(), loader)
            """,
            why="bfloat16 is chosen",
        ),
        Good(
            """
            import lightning as L
            import torchvision

            def main(args):
                trainer = L.Trainer(max_epochs=90, accelerator="gpu", precision=args.precision)
                trainer.fit(Classifier(), loader)

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()
            """,
            why="the command line decides",
        ),
        Good(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(accelerator="cpu", max_epochs=1)
            trainer.fit(Classifier(), loader)
            """,
            why="the run is on a CPU",
        ),
        Good(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(fast_dev_run=True, accelerator="gpu")
            trainer.fit(Classifier(), loader)
            """,
            why="a smoke test",
        ),
        Good(
            """
            import lightning as L
            from torch import nn

            class Tabular(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))

            trainer = L.Trainer(accelerator="gpu", max_epochs=50)
            trainer.fit(Tabular(), loader)
            """,
            why="a network this small is bound by kernel launches",
        ),
        Good(
            """
            import lightning as L
            import torchvision

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()

            trainer = L.Trainer(accelerator="gpu", devices=1)
            trainer.test(Classifier(), loader)
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import lightning as L
            import torchvision
            from torchvision.datasets import MNIST

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet18()

                def train_dataloader(self):
                    return make_loader(MNIST("data"))

            trainer = L.Trainer(accelerator="gpu", devices=1)
            trainer.fit(Classifier())
            """,
            why="toy data",
        ),
        Good(
            """
            import lightning as L
            import torchvision

            def run(options):
                trainer = L.Trainer(accelerator="gpu", **options)
                trainer.fit(Classifier(), loader)

            class Classifier(L.LightningModule):
                def __init__(self):
                    super().__init__()
                    self.model = torchvision.models.resnet50()
            """,
            why="the precision may hide in the keyword arguments",
        ),
    )


def _on_accelerator(call: Call) -> bool:
    """Whether nothing in the call keeps the run off an accelerator that gains from 16-bit formats."""
    accelerator = call.argument("accelerator")
    if accelerator.written and accelerator.constant in _OTHER_HARDWARE:
        return False
    if not all(call.argument(name).absent for name in _OTHER_CORES):
        return False
    gpus = call.argument("gpus")
    if gpus.written and gpus.constant in (0, None, "", "0"):
        return False
    strategy = call.argument("strategy").constant
    return not (isinstance(strategy, str) and ("deepspeed" in strategy or "fsdp" in strategy))


def _is_short(call: Call) -> bool:
    if call.argument("fast_dev_run").constant not in (False, None) and call.argument("fast_dev_run").written:
        return isinstance(call.argument("fast_dev_run").constant, (bool, int))
    for name in ("max_steps", "limit_train_batches"):
        limit = call.argument(name).constant
        if isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit <= _SHORT_RUN:
            return True
    return False


def _fit_of(call: Call, facts: Facts) -> Call | None:
    """The ``fit`` (for Fabric, ``setup``) of the object that the call makes."""
    from greenlint import Calls, Values

    methods = ("setup", "setup_module", "launch") if call.method == "Fabric" else ("fit",)
    for each in facts[Calls].methods(*methods):
        if each.receiver is None:
            continue
        if each.receiver is call.node:
            return each
        made = facts[Values].of(each.receiver).call
        if made is not None and made.node is call.node:
            return each
    return None


def _model_of(fit: Call) -> cst.BaseExpression | None:
    plain = fit.positional
    return plain[0] if plain else fit.keyword("model")


def _excused(fit: Call, facts: Facts, explicit: bool) -> bool:
    """Whether precision is decided elsewhere, or the work is too small or too delicate for 16 bits."""
    from greenlint import Frameworks

    frameworks = facts[Frameworks]
    if not explicit and frameworks.precision is not False:
        return True
    return not _is_heavy(fit, facts)


def _is_heavy(fit: Call, facts: Facts) -> bool:
    """Whether the model is seen to be large enough to keep matrix units busy."""
    from greenlint import Models

    model = _model_of(fit)
    layers = facts[Models].layers(model) if model is not None else None
    return layers is not None and layers.heavy is True


# -- the fix --------------------------------------------------------------------------------------------------


def _spelling(call: Call, facts: Facts) -> tuple[str, str] | None:
    """How this release writes mixed bfloat16 and float32; `None` where it is not known."""
    from greenlint import Environment, Names

    environment = facts[Environment]
    if environment.at_least("torch", "1.10") is False:
        return None
    newer = environment.at_least("lightning", "2.0")
    roots = {(each.imported or "").partition(".")[0] for each in facts[Names].imports()}
    if newer or (newer is None and "lightning" in roots and "pytorch_lightning" not in roots):
        return '"bf16-mixed"', '"32-true"'
    # Releases from 1.5 on know the short names, as 2.x still does; those before had no `devices`.
    if environment.at_least("lightning", "1.5") or (newer is None and call.keyword("devices") is not None):
        return '"bf16"', "32"
    return None


def _is_literal(call: Call) -> bool:
    from greenlint import cst

    return isinstance(call.keyword("precision"), (cst.Integer, cst.SimpleString))


def _may_fork(call: Call, facts: Facts) -> bool:
    """Whether the run may fork: asking for the device's abilities before starts CUDA, which a fork cannot take over."""
    strategy = call.argument("strategy")
    if strategy.written and not isinstance(strategy.constant, str):
        return True
    if isinstance(strategy.constant, str) and ("fork" in strategy.constant or "notebook" in strategy.constant):
        return True
    if facts.document.cells is None:
        return False
    return not any(call.argument(name).constant in (1, "1", [0]) for name in ("devices", "gpus"))


def _runs_in_bfloat16(call: Call, fit: Call, facts: Facts) -> bool:
    """Whether all that runs under autocast is seen and takes bfloat16, and no prediction leaves it."""
    from greenlint import Bfloat16, Calls, cst

    model = _model_of(fit)
    if model is None or facts[Calls].methods("predict") or not facts[Bfloat16].network(model):
        return False
    callbacks = call.argument("callbacks")
    if callbacks.absent:
        return True
    if not callbacks.written or not isinstance(callbacks.node, cst.List) or callbacks.facts is not facts:
        return False
    return all(_is_harmless(each.value, facts) for each in callbacks.node.elements)


def _is_harmless(callback: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Bfloat16, Values

    value = facts[Values].of(callback)
    if value.instance_of is not None:
        return facts[Bfloat16].definition(value.instance_of)
    return value.call is not None and (value.call.name or "").startswith("lightning.pytorch.callbacks.")
