"""Mixed precision is wired up but switched off by a literal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, MappingValue, Outline, cst

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
            fix=self._accelerator_fix(call, facts),
        )

    def _accelerator_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Bfloat16, Calls, Tree, cst, insert_before, is_remarked, replace_node, spelled

        document, written = facts.document, call.argument("mixed_precision").node
        if not isinstance(written, cst.SimpleString) or len(facts[Calls].methods("Accelerator")) != 1:
            return None
        if not call.argument("cpu").absent or is_remarked(document, call.node) or _sees_to_types(facts, _PRECISIONS):
            return None
        torch = spelled(document, "torch")
        if torch is None or not _prepares_for_bfloat16(facts):
            return None
        switch = facts[Bfloat16].switch(call.node, torch[1])
        if switch is None:
            return None
        name, line = switch
        placed = insert_before(document, facts[Tree].statement(call.node), line)
        if placed is None:
            return None
        edits = (*torch[0], *placed, *replace_node(document, written, f'"bf16" if {name} else {written.value}'))
        return self.unsafe_fix(_IN_BFLOAT16, *edits, reason="changes rounding")

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
        from greenlint import Calls

        switches = list(_switches(facts))
        if not switches or not all(off for _, off in switches) or facts[Calls].methods("half", "bfloat16"):
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
                fix=self._autocast_fix([each for each, _ in switches], facts),
            )

    def _autocast_fix(self, switches: list[Call], facts: Facts) -> Fix | None:
        from greenlint import is_remarked, spelled

        if any(_switch_of(each, facts) is None or is_remarked(facts.document, each.node) for each in switches):
            return None
        if not all(map(_is_on_cuda, switches)) or not _trains_in_half(switches, facts):
            return None
        torch = spelled(facts.document, "torch")
        if torch is None:
            return None
        if _takes_bfloat16(switches):
            edits = _switched_to_bfloat16(switches, torch[1], facts)
            title, reason = _IN_BFLOAT16, "changes rounding"
        else:
            edits = _switched_on(switches, f"{torch[1]}.cuda.is_available()", facts)
            title = "compute in float16 where there is a GPU"
            reason = "changes rounding, and a step whose gradients overflow is left out"
        return self.unsafe_fix(title, *torch[0], *edits, reason=reason) if edits is not None else None

    examples = (
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator(mixed_precision="no")  # bad
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                accelerator.backward(loss_of(model(x), y))
                optimizer.step()
            """
        ),
        Bad(
            """
            from accelerate import Accelerator
            from torchvision.models import resnet50

            accelerator = Accelerator(mixed_precision="no")  # bad
            model, optimizer, loader = accelerator.prepare(resnet50(), optimizer, loader)
            for x, y in loader:
                accelerator.backward(loss_of(model(x), y))
                optimizer.step()
            """,
            fixed="""
            import torch
            from accelerate import Accelerator
            from torchvision.models import resnet50

            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            accelerator = Accelerator(mixed_precision="bf16" if bf16 else "no")
            model, optimizer, loader = accelerator.prepare(resnet50(), optimizer, loader)
            for x, y in loader:
                accelerator.backward(loss_of(model(x), y))
                optimizer.step()
            """,
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
            """,
            fixed="""
            import torch
            from torch.cuda.amp import GradScaler, autocast

            use_amp = torch.cuda.is_available()
            model = Net().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            scaler = GradScaler(enabled=use_amp)
            for x, y in loader:
                with autocast(enabled=use_amp):
                    loss = criterion(model(x.cuda()), y.cuda())
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            """,
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
        Bad(
            """
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for epoch in range(90):
                for x, y in loader:
                    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=False):  # bad
                        loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            fixed="""
            import torch
            from torchvision.models import resnet50

            model = resnet50().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            bf16 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
            for epoch in range(90):
                for x, y in loader:
                    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
                        loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.LSTM(300, 512).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in loader:
                with torch.autocast("cuda", dtype=torch.bfloat16, enabled=False):  # bad
                    loss = criterion(model(x.cuda())[0], y.cuda())
                loss.backward()
                optimizer.step()
            """
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
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
            """
        ),
        Bad(
            """
            import torch
            from torch.cuda.amp import GradScaler, autocast

            use_amp = False  # bad
            model = Net().cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            scaler = GradScaler(enabled=use_amp)
            criterion = torch.nn.BCELoss()
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
            print("mixed precision:", use_amp)
            """
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator(mixed_precision="no")  # bad
            model, optimizer, loader = accelerator.prepare(model.bfloat16(), optimizer, loader)
            for x, y in loader:
                accelerator.backward(loss_of(model(x.bfloat16()), y))
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

            scaler = torch.cuda.amp.GradScaler(enabled=False)
            if options.fp16:
                model.half()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            """,
            why="the network itself is cast",
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


# -- fixes -----------------------------------------------------------------------------------------------------

_IN_BFLOAT16 = "compute in bfloat16 where the GPU has units for it"
_PRECISIONS = re.compile(
    r"weight_dtype|torch_dtype|b?float16|[bf]f?p?16\b|\.half\(|autocast|[Dd]eep[Ss]peed|fsdp|FSDP|fp8"
)
"""Another decision on the type of weights or activations."""
_NEEDS_FULL = re.compile(
    r"BCELoss\(|binary_cross_entropy\(|fft|linalg|cholesky|svd|\.inverse\(|eigh?\(|quantile|erfinv|complex|sparse|float64"
    r"|\.double\(|scatter|index_(?:put|add|copy)|cpp_extension|autograd\.Function|Function\.apply|\.numpy\("
)
"""What 16-bit types lack, or what fails when two types meet."""
_OVERFLOWS = re.compile(r"\d[eE]\+?\d|finfo|masked_fill|exp\(|[tT]5|pegasus")
"""Numbers and models too large for float16."""


def _sees_to_types(facts: Facts, *patterns: re.Pattern[str]) -> bool:
    """Whether this file says more of types, or this file or a module of its project computes what needs float32."""
    from greenlint import Imports, Portability

    if any(each.search(facts.document.text) for each in patterns) or not facts[Portability].reads_all:
        return True
    around = (facts.sources.read(path) or "" for path in facts[Imports].reachable())
    return any(_NEEDS_FULL.search(text) or _STORES.search(text) for text in (facts.document.text, *around))


_STORES = re.compile(r"^ +\w[\w.]*\[[^\]\n]*[:,][^\]\n]*\] *=[^=]", re.MULTILINE)
"""`x[:, 0] = ...`: fails when the two are of different types."""


def _is_on_cuda(call: Call) -> bool:
    from greenlint import Values

    if call.name in ("torch.cuda.amp.autocast", "torch.cuda.amp.GradScaler"):
        return True
    device = call.argument("device_type" if call.method == "autocast" else "device", 0)
    if device.absent:
        return call.method == "GradScaler"
    return device.node is not None and call.facts[Values].constant(device.node) == "cuda"


def _trains_in_half(switches: list[Call], facts: Facts) -> bool:
    """Whether the training step is complete for the type that autocast takes."""
    from greenlint import Calls, Loops, StepOwner

    if _sees_to_types(facts, _PRECISION_ELSEWHERE):
        return False
    if _takes_bfloat16(switches):
        return all(_runs_in_bfloat16(each, facts) for each in switches if each.method == "autocast")
    casts = [each for each in switches if each.method == "autocast"]
    types = [each.argument("dtype", 99) for each in casts]
    # Gradients in float16 vanish without a scaler.
    scaled = len(casts) < len(switches) and all(each.owner is StepOwner.SCALER for each in facts[Loops].steps)
    if not casts or not scaled or any(not each.absent for each in types):
        return False
    if _OVERFLOWS.search(facts.document.text) or not facts[Calls].methods("update"):
        return False
    return "clip_grad" not in facts.document.text or "unscale_" in facts.document.text


_PRECISION_ELSEWHERE = re.compile(r"\.half\(|torch_dtype|weight_dtype|deepspeed|Accelerator|\bapex\b")


def _takes_bfloat16(switches: list[Call]) -> bool:
    types = [each.argument("dtype", 99).value for each in switches if each.method == "autocast"]
    return bool(types) and all(each is not None and each.dtype == "bfloat16" for each in types)


def _runs_in_bfloat16(cast: Call, facts: Facts) -> bool:
    """Whether all networks that run under an ``autocast`` are known to do so in bfloat16."""
    from greenlint import Bfloat16, Calls, Models, Tree, cst

    block = facts[Tree].enclosing(cast.node, cst.With)
    if block is None:
        return False
    networks = [facts[Models].network(each) for each in facts[Calls].within(block.body)]
    found = [each for each in networks if each is not None]
    return bool(found) and all(map(facts[Bfloat16].network, found))


def _prepares_for_bfloat16(facts: Facts) -> bool:
    """Whether all networks that Accelerate wraps are known to run in bfloat16."""
    from greenlint import Bfloat16, Calls, Models

    given = [each for call in facts[Calls].methods("prepare", "prepare_model") for each in call.positional]
    networks = [each for each in given if facts[Models].is_model(each)]
    return bool(networks) and all(map(facts[Bfloat16].network, networks))


def _switched_to_bfloat16(switches: list[Call], torch: str, facts: Facts) -> tuple[Edit, ...] | None:
    """Switch them on where the GPU has units for bfloat16, which is asked once, before any loop."""
    from greenlint import Bfloat16, Tree, insert_before

    tree = facts[Tree]
    literals = _literals(switches, facts)
    if literals is None or len({tree.function(each) for each in literals}) != 1:
        return None
    first = min(literals, key=tree.first)
    loops = tree.loops_around(first)
    place = loops[-1] if loops else tree.statement(first)
    switch = facts[Bfloat16].switch(place, torch)
    placed = insert_before(facts.document, place, switch[1]) if switch is not None else None
    edits = _switched_on(switches, switch[0], facts) if switch is not None else None
    return (*placed, *edits) if placed is not None and edits is not None else None


def _switched_on(switches: list[Call], text: str, facts: Facts) -> tuple[Edit, ...] | None:
    """Put ``text`` in the place of each literal that switches one of them off."""
    from greenlint import replace_node

    literals = _literals(switches, facts)
    if literals is None:
        return None
    return tuple(edit for each in literals for edit in replace_node(facts.document, each, text))


def _literals(switches: list[Call], facts: Facts) -> list[cst.BaseExpression] | None:
    """Each ``False`` that switches one of them off; ``None`` where one is not written out."""
    from greenlint import Names, cst

    literals: dict[cst.BaseExpression, None] = {}
    for call in switches:
        written = call.argument("enabled").node
        if isinstance(written, cst.Name) and written.value != "False":
            bindings = facts[Names].reaching(written)
            assign = bindings[0].node if len(bindings) == 1 else None
            if not isinstance(assign, cst.Assign) or not _feeds_only(assign, switches, facts):
                return None
            written = assign.value
        if not isinstance(written, cst.Name) or written.value != "False":
            return None
        literals[written] = None
    return list(literals)


def _feeds_only(assign: cst.Assign, switches: list[Call], facts: Facts) -> bool:
    """Whether a constant is read by the switches and by nothing else, and no comment may say why it is off."""
    from greenlint import Tree, cst, is_remarked

    target = assign.targets[0].target
    if len(assign.targets) != 1 or not isinstance(target, cst.Name) or is_remarked(facts.document, assign):
        return False
    read = [each.argument("enabled").node for each in switches]
    uses = [each for each in facts[Tree].named(target.value) if each is not target]
    return all(each in read for each in uses)
