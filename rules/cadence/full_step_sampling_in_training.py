"""Diffusion samplers that run all their steps for previews during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Definition, Facts, Findings, Loop, Outline, cst


class FullStepSamplingInTraining(Rule):
    """A training loop draws samples from a diffusion model with all the steps that it was trained with.

    A thousand steps are a thousand forward passes for one batch of previews: as much work as hundreds of training
    steps, each time. Samplers such as DDIM or DPM-Solver give previews of the same model in a few dozen steps.

    The finding stands at the call in the training loop that draws the samples, or at the construction of the diffusion
    object.

    Leave it for the final evaluation, where the exact sampler is part of the protocol, and for tiny networks.

    To fix it, pass `num_inference_steps=50`, `sampling_timesteps=50`, or sample with another scheduler, and keep all
    steps for the end of the run.
    """

    severity = Severity.INFO
    frameworks = ("torch", "diffusers", "denoising_diffusion_pytorch")
    words = (
        ("*diffusion*", "*Diffusion*", "*ddpm*", "*DDPM*", "*timestep*", "*noise_step*", "*betas*", "*alphas*"),
        ("for", "while", "Trainer"),
    )
    premises = (Premise.NOT_A_TEST, Premise.REAL_DATA)
    references = (
        "https://huggingface.co/docs/diffusers/api/schedulers/ddim",
        "https://arxiv.org/abs/2010.02502",
    )
    evidence = (
        Evidence(
            Grade.REASONED,
            "cost grows with the number of steps; DDIM samples from the same models in far fewer of them; nobody has "
            "measured the energy of previews",
            "arXiv 2010.02502",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.loops) or "Trainer" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Tree

        said: set[cst.CSTNode] = set()
        for loop, call, steps in _sampled(facts):
            if call.node in said or facts[Contexts].dead(call.node):
                continue
            if any(facts[Tree].contains(loop.node, each) for each in said):
                continue
            said.add(call.node)
            yield self.finding(
                call.node,
                f"samples are drawn with all {steps} steps of the diffusion model during training",
                help=_help(call),
                related=((loop.node, "in this training loop"),),
            )
        for call in _packaged(facts):
            yield self.finding(
                call.node,
                "the trainer draws its previews with all steps of the diffusion model",
                help="pass sampling_timesteps=50 or so; previews then use DDIM",
            )

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            class Diffusion:
                def __init__(self, noise_steps=1000):
                    self.noise_steps = noise_steps

                def sample(self, model, n):
                    model.eval()
                    with torch.no_grad():
                        x = torch.randn(n, 3, 64, 64)
                        for i in reversed(range(1, self.noise_steps)):
                            x = x - model(x, i)
                    return x

            model = nn.Conv2d(3, 3, 3).cuda()
            diffusion = Diffusion()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(500):
                for images in loader:
                    loss = nn.functional.mse_loss(model(images), noise)
                    loss.backward()
                    optimizer.step()
                save(diffusion.sample(model, 16))  # bad
            """
        ),
        Bad(
            """
            import torch
            from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

            unet = UNet2DModel(sample_size=128).to("cuda")
            optimizer = torch.optim.AdamW(unet.parameters())
            for epoch in range(50):
                for images in loader:
                    loss = torch.nn.functional.mse_loss(unet(images, steps).sample, noise)
                    loss.backward()
                    optimizer.step()
                pipeline = DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=1000))
                images = pipeline(batch_size=16).images  # bad
            """
        ),
        Bad(
            """
            from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet

            diffusion = GaussianDiffusion(Unet(dim=64), image_size=128, timesteps=1000)  # bad
            trainer = Trainer(diffusion, "images", train_batch_size=32)
            trainer.train()
            """
        ),
        Good(
            """
            from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet

            diffusion = GaussianDiffusion(Unet(dim=64), image_size=128, timesteps=1000, sampling_timesteps=100)
            Trainer(diffusion, "images", train_batch_size=32).train()
            """,
            why="fewer steps for samples",
        ),
        Good(
            """
            import torch
            from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

            unet = UNet2DModel(sample_size=128).to("cuda")
            optimizer = torch.optim.AdamW(unet.parameters())
            for epoch in range(50):
                for images in loader:
                    loss = torch.nn.functional.mse_loss(unet(images, steps).sample, noise)
                    loss.backward()
                    optimizer.step()
                pipeline = DDPMPipeline(unet=unet, scheduler=DDPMScheduler())
                images = pipeline(batch_size=16, num_inference_steps=50).images
            """,
            why="fewer steps for previews",
        ),
        Good(
            """
            import torch
            from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

            unet = UNet2DModel(sample_size=128).to("cuda")
            optimizer = torch.optim.AdamW(unet.parameters())
            for epoch in range(50):
                for images in loader:
                    loss = torch.nn.functional.mse_loss(unet(images, steps).sample, noise)
                    loss.backward()
                    optimizer.step()
            images = DDPMPipeline(unet=unet, scheduler=DDPMScheduler())(batch_size=16).images
            """,
            why="once, after training",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Diffusion:
                def __init__(self, noise_steps=50):
                    self.noise_steps = noise_steps

                def sample(self, model, n):
                    with torch.no_grad():
                        x = torch.randn(n, 3, 64, 64)
                        for i in reversed(range(1, self.noise_steps)):
                            x = x - model(x, i)
                    return x

            model = nn.Conv2d(3, 3, 3).cuda()
            diffusion = Diffusion()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(500):
                for images in loader:
                    loss = nn.functional.mse_loss(model(images), noise)
                    loss.backward()
                    optimizer.step()
                save(diffusion.sample(model, 16))
            """,
            why="few steps",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Diffusion:
                def __init__(self, noise_steps):
                    self.noise_steps = noise_steps

                def sample(self, model, n):
                    with torch.no_grad():
                        x = torch.randn(n, 3, 64, 64)
                        for i in reversed(range(1, self.noise_steps)):
                            x = x - model(x, i)
                    return x

            model = nn.Conv2d(3, 3, 3).cuda()
            diffusion = Diffusion(settings.noise_steps)
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(500):
                for images in loader:
                    loss = nn.functional.mse_loss(model(images), noise)
                    loss.backward()
                    optimizer.step()
                save(diffusion.sample(model, 16))
            """,
            why="the number of steps is not known",
        ),
    )


_MANY = 500
_DEPTH = 3
_PIPELINES = ("diffusers.DDPMPipeline", "diffusers.DDPMPipeline.from_pretrained")
_DIFFUSIONS = ("denoising_diffusion_pytorch.GaussianDiffusion", "denoising_diffusion_pytorch.GaussianDiffusion1D")


def _sampled(facts: Facts) -> Iterator[tuple[Loop, Call, int]]:
    """Calls in training loops that draw samples with many steps, and how many."""
    from greenlint import Calls, LoopRole, Loops, Tree

    for loop in facts[Loops].with_role(LoopRole.EPOCH, LoopRole.TRAINING):
        for call in facts[Calls].within(loop.node.body):
            if facts[Tree].loops_around(call.node)[:1] == [loop.node]:
                steps = _steps_of(call, _DEPTH)
                if steps is not None:
                    yield loop, call, steps


def _steps_of(call: Call, depth: int) -> int | None:
    """How many steps of a sampler a call runs, when there are many of them."""
    from greenlint import Values, cst

    if _is_pipeline(call):
        steps = call.argument("num_inference_steps", 2)
        return 1000 if steps.absent and not call.is_open else None
    if not depth:
        return None
    target = call.facts[Values].callee(call.node)
    if target is None or not isinstance(target.node, cst.FunctionDef):
        return None
    return _steps_in(target, depth - 1)


def _steps_in(target: Definition, depth: int) -> int | None:
    """How many steps a function samples with, in a loop of its own or in a function that it calls."""
    from greenlint import Calls, Tree, cst

    facts = target.facts
    if facts[Calls].methods("backward", "manual_backward", within=target.node):
        return None
    for loop in facts[Tree].below(target.node.body, cst.For):
        steps = _count(loop, facts)
        if steps is not None and _denoises(loop, facts):
            return steps
    for call in facts[Calls].within(target.node.body):
        found = _steps_of(call, depth)
        if found is not None:
            return found
    return None


def _is_pipeline(call: Call) -> bool:
    """Whether a call runs a pipeline of diffusers whose default is a thousand steps."""
    from greenlint import Values

    if call.name is not None:
        return False
    made = call.facts[Values].of(call.node.func).call
    return made is not None and made.name in _PIPELINES


def _count(loop: cst.For, facts: Facts) -> int | None:
    """The number of steps of a loop that counts down, when it is known, or is the default, and large."""
    from greenlint import Calls, Values, cst

    node = facts[Values].iterated(loop.iter)
    written = facts.document.source(loop.iter)
    backwards = "reversed(" in written or "::-1" in written
    while isinstance(node, cst.Subscript):
        node = facts[Values].iterated(node.value)
    if not isinstance(node, cst.Call):
        return None
    call = facts[Calls].of(node)
    plain = call.positional
    if call.name == "builtins.range" and plain and (backwards or len(plain) == 3):
        return _many(plain[0] if len(plain) in (1, 3) else plain[1], facts)
    # ``for i in range(n): t = n - i - 1``
    return next((steps for each in plain if (steps := _many(each, facts)) and _turned(each, loop, facts)), None)


def _many(node: cst.BaseExpression, facts: Facts) -> int | None:
    from greenlint import Values, cst

    while isinstance(node, cst.BinaryOperation):
        node = node.left
    constant = facts[Values].constant(node)
    if not isinstance(constant, int):
        constant = facts[Values].default(node)
    return constant if isinstance(constant, int) and constant >= _MANY else None


def _turned(count: cst.BaseExpression, loop: cst.For, facts: Facts) -> bool:
    """Whether the body counts down from a number by the loop's variable."""
    from greenlint import Tree, cst

    target = loop.target.value if isinstance(loop.target, cst.Name) else None
    source = facts.document.source
    return any(
        isinstance(each.operator, cst.Subtract)
        and isinstance(each.right, cst.Name)
        and each.right.value == target
        and source(each.left) == source(count)
        for each in facts[Tree].below(loop.body, cst.BinaryOperation)
    )


def _denoises(loop: cst.For, facts: Facts) -> bool:
    """Whether each pass of a loop runs a network, itself or in a function that it calls."""
    from greenlint import Calls, Models, Values, cst

    for call in facts[Calls].within(loop.body):
        if facts[Models].network(call) is not None:
            return True
        target = facts[Values].callee(call.node)
        if target is None or not isinstance(target.node, cst.FunctionDef):
            continue
        inner = target.facts
        if any(inner[Models].network(each) is not None for each in inner[Calls].within(target.node.body)):
            return True
    return False


def _packaged(facts: Facts) -> Iterator[Call]:
    """Diffusion objects of a package whose trainer samples with all steps now and then."""
    from greenlint import Calls

    trainers = facts[Calls].named("denoising_diffusion_pytorch.Trainer", "denoising_diffusion_pytorch.Trainer1D")
    if not trainers or not facts[Calls].methods("train"):
        return
    for call in facts[Calls].named(*_DIFFUSIONS):
        steps = call.argument("timesteps")
        fewer = call.argument("sampling_timesteps")
        many = steps.absent or (isinstance(steps.constant, int) and steps.constant >= _MANY)
        if many and fewer.absent and not call.is_open:
            yield call


def _help(call: Call) -> str:
    if _is_pipeline(call):
        return "pass num_inference_steps=50, with a DDIM or DPM-Solver scheduler; keep all steps for the end"
    return "draw previews with a DDIM or DPM-Solver sampler in a few dozen steps; keep all steps for the end"
