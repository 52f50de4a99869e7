"""Mixed precision is wired up but switched off by a literal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, MappingValue, Outline, cst

_SECTIONS = ("fp16", "bf16", "bfloat16", "amp", "data_types", "torch_autocast")
_CONFIG = ("config", "config_params", "deepspeed_config", "ds_config")


class PrecisionSwitchLeftOff(Rule):
    """A switch for mixed precision is set to off by a literal: Accelerate, a DeepSpeed dictionary, autocast, a scaler.

    The code is prepared for 16-bit training, but a constant keeps it in float32. Often it was turned off while
    debugging. DeepSpeed trains in float32 when its configuration has neither an `fp16` nor a `bf16` section.

    The finding stands at the switch: the `Accelerator(...)` call, the DeepSpeed dictionary, the `autocast(...)` or
    `GradScaler(...)` call, or the constant that both of them read.

    Leave it where float32 is meant for numerical reasons. A small float32 island inside an enabled autocast, such as
    a loss, is the known idiom and not reported.

    To fix it, say "bf16" (or "fp16" on GPUs before Ampere), or read the switch from the command line.
    """

    severity = Severity.INFO
    frameworks = ("torch", "accelerate", "deepspeed")
    words = (("Accelerator", "*deepspeed*", "config_params", "autocast", "GradScaler"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.REAL_DATA,
        Premise.NOT_SCIENCE,
        Premise.CPU_NOT_INTENDED,
    )
    references = ("https://pytorch.org/blog/what-every-user-should-know-about-mixed-precision-training-in-pytorch/",)
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
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if "initialize" in outline.calls or outline.given(outline.calls, "config_params", 1000):
            return True
        return outline.given(_SWITCHABLE, "enabled", 0) or outline.given(_ACCELERATOR, "mixed_precision", 0)

    @on_call("accelerate.Accelerator")
    def accelerator(self, call: Call, facts: Facts) -> Findings:
        precision = call.argument("mixed_precision")
        if not precision.written or precision.constant != "no":
            return
        yield self.finding(
            call.node,
            'mixed_precision="no" keeps this Accelerator in float32',
            help='pass "bf16", or leave the argument out so that accelerate config decides',
            notes=_NOTES,
        )

    @on_file
    def deepspeed(self, tree: cst.Module, facts: Facts) -> Findings:
        for call in _handing_over(facts):
            written = _config_of(call)
            if written is None:
                continue
            mapping = _mapping(written, call)
            if mapping is None or mapping.open or not _is_full(mapping):
                continue
            yield self.finding(
                _origin(written, facts),
                "this DeepSpeed configuration enables neither fp16 nor bf16: the engine trains in float32",
                help='add "bf16": {"enabled": True}, or an "fp16" section on GPUs before Ampere',
                notes=_NOTES,
                related=((call.node, "handed to DeepSpeed here"),),
                confidence=Confidence.HIGH if call.name == "deepspeed.initialize" else Confidence.MEDIUM,
            )

    @on_file
    def autocast(self, tree: cst.Module, facts: Facts) -> Findings:
        switches = list(_switches(facts))
        if not switches or not all(off for _, off in switches):
            return
        for call, _ in switches:
            place = _switch_of(call, facts)
            if place is None:
                continue
            yield self.finding(
                place,
                "mixed precision is written down here but switched off: the training step runs in float32",
                help="set it to True, or read it from the command line",
                notes=_NOTES,
                related=((call.node, "read here"),) if place is not call.node else (),
            )

    examples = (
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator(mixed_precision="no", gradient_accumulation_steps=2)  # bad
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                accelerator.backward(loss_of(model(x), y))
                optimizer.step()
            """
        ),
        Bad(
            """
            import deepspeed

            config = {"train_batch_size": 64, "optimizer": {"type": "AdamW"}}  # bad
            engine, _, _, _ = deepspeed.initialize(model=model, model_parameters=parameters, config=config)
            for x, y in loader:
                engine.backward(engine(x, y))
                engine.step()
            """
        ),
        Bad(
            """
            import torch
            from backend import Backend

            settings = {"train_batch_size": 64, "fp16": {"enabled": False}}  # bad
            engine = Backend().distribute(model=model, config_params=settings)
            """,
            files={
                "backend.py": """
                import deepspeed

                class Backend:
                    def distribute(self, model, config_params):
                        return deepspeed.initialize(model=model, config_params=config_params)[0]
                """
            },
        ),
        Bad(
            """
            import torch
            from torch.cuda.amp import GradScaler, autocast

            use_amp = False  # bad
            model = Net().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            scaler = GradScaler(enabled=use_amp)
            for x, y in loader:
                with autocast(enabled=use_amp):
                    loss = criterion(model(x.cuda()), y.cuda())
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            """
        ),
        Bad(
            """
            import torch

            model = Net().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                with torch.autocast("cuda", enabled=False):  # bad
                    loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            from accelerate import Accelerator

            accelerator = Accelerator()
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            """,
            why="not given: accelerate config decides",
        ),
        Good(
            """
            from accelerate import Accelerator

            def trainer(amp=False):
                return Accelerator(mixed_precision="fp16" if amp else "no")
            """,
            why="an argument decides",
        ),
        Good(
            """
            import deepspeed

            config = {"train_batch_size": 64, "fp16": {"enabled": args.fp16}}
            engine, *_ = deepspeed.initialize(model=model, config=config)
            """,
            why="the command line decides",
        ),
        Good(
            """
            import deepspeed

            config = {"train_batch_size": 64}
            if bf16:
                config["bf16"] = {"enabled": True}
            engine, *_ = deepspeed.initialize(model=model, config=config)
            """,
            why="the section is added under a condition",
        ),
        Good(
            """
            import deepspeed

            engine, *_ = deepspeed.initialize(args=args, model=model, config="ds_config.json")
            """,
            why="a file decides",
        ),
        Good(
            """
            import torch
            from torch.cuda.amp import autocast

            model = Net().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                with autocast():
                    output = model(x.cuda())
                    with autocast(enabled=False):
                        loss = criterion(output.float(), y.cuda())
                loss.backward()
                optimizer.step()
            """,
            why="a float32 island inside an enabled autocast",
        ),
        Good(
            """
            import torch
            from torch import nn
            from torch.cuda.amp import autocast

            class Diffusion(nn.Module):
                @autocast(enabled=False)
                def schedule(self, t):
                    return self.alphas[t]
            """,
            why="a library's island: who trains with it decides",
        ),
        Good(
            """
            import torch

            def train(model, loader, optimizer, use_amp=False):
                for x, y in loader:
                    with torch.autocast("cuda", enabled=use_amp):
                        loss = model(x.cuda(), y.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="a parameter decides",
        ),
    )


_SWITCHABLE = frozenset(("autocast", "GradScaler"))
_ACCELERATOR = frozenset(("Accelerator",))
_NOTES = (
    "gains are large for transformers and big matrix products, 0-15 % for convolutional networks on Ampere and later "
    "(estimate), none or negative for tiny models",
)


# -- DeepSpeed -------------------------------------------------------------------------------------------------


def _handing_over(facts: Facts) -> Iterator[Call]:
    """The calls that hand a configuration to DeepSpeed, directly or through a wrapper of the project."""
    from greenlint import Calls

    for call in facts[Calls].all:
        if call.name == "deepspeed.initialize" or (
            call.keyword("config_params") is not None and _leads_to_deepspeed(call, facts)
        ):
            yield call


def _leads_to_deepspeed(call: Call, facts: Facts) -> bool:
    """Whether the project around the file runs DeepSpeed: ``config_params`` is its word."""
    from greenlint import Imports

    if "deepspeed.initialize" in facts.document.text:
        return True
    return any("deepspeed.initialize" in (facts.sources.read(path) or "") for path in facts[Imports].reachable())


def _config_of(call: Call) -> cst.BaseExpression | None:
    for name in _CONFIG:
        written = call.keyword(name)
        if written is not None:
            return written
    return None


def _mapping(written: cst.BaseExpression, call: Call) -> MappingValue | None:
    from greenlint import Values

    return call.facts[Values].mapping(written)


def _is_full(mapping: MappingValue) -> bool:
    """Whether a configuration leaves training in float32; ``"auto"`` entries are filled in by a trainer."""
    from greenlint import Values

    if not mapping.entries:
        return False
    for name, entry in mapping.entries.items():
        values = entry.facts[Values]
        if values.constant(entry.node) == "auto":
            return False
        if name not in _SECTIONS:
            continue
        section = values.mapping(entry.node)
        enabled = section.entries.get("enabled") if section is not None and not section.open else None
        if enabled is None or not enabled.certain or not entry.certain:
            return False
        if enabled.facts[Values].constant(enabled.node) is not False:
            return False
    return True


def _origin(written: cst.BaseExpression, facts: Facts) -> cst.CSTNode:
    """The assignment of the dictionary, or the expression itself."""
    from greenlint import Names, cst

    if isinstance(written, cst.Name):
        bindings = facts[Names].reaching(written)
        if len(bindings) == 1 and isinstance(bindings[0].node, cst.Assign):
            return bindings[0].node
    return written


# -- autocast and scalers --------------------------------------------------------------------------------------


def _switches(facts: Facts) -> Iterator[tuple[Call, bool]]:
    """The autocasts and scalers of the file, each with whether a literal certainly switches it off."""
    from greenlint import Calls

    names = (
        "torch.autocast",
        "torch.amp.autocast",
        "torch.cuda.amp.autocast",
        "torch.amp.GradScaler",
        "torch.cuda.amp.GradScaler",
    )
    for call in facts[Calls].named(*names):
        enabled = call.argument("enabled")
        yield call, enabled.written and enabled.constant is False


def _switch_of(call: Call, facts: Facts) -> cst.CSTNode | None:
    """What to point at: the constant that is read, or the call; ``None`` when it is not the training step's."""
    from greenlint import Names, cst

    if not _in_training(call, facts):
        return None
    enabled = call.argument("enabled").node
    if not isinstance(enabled, cst.Name) or enabled.value == "False":
        return call.node
    bindings = facts[Names].reaching(enabled)
    if len(bindings) == 1 and isinstance(bindings[0].node, cst.Assign):
        return bindings[0].node
    return None


def _in_training(call: Call, facts: Facts) -> bool:
    """Whether the call makes the scaler of a training step or surrounds its forward pass."""
    from greenlint import Calls, Loops, Models, Tree, cst

    loops = facts[Loops]
    if call.method == "GradScaler":
        return bool(loops.steps)
    block = facts[Tree].enclosing(call.node, cst.With)
    if block is None or not loops.runs_each_step(block):
        return False
    models = facts[Models]
    return any(models.is_model(each.node.func) for each in facts[Calls].within(block.body))
