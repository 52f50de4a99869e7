"""A loaded accelerator that waits for a person or a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, cst


class IdleAcceleratorHeld(Rule):
    """A program puts a model on an accelerator and then waits: for `input()`, or in a long `time.sleep`.

    A process that has used an accelerator keeps it out of its lowest power state for as long as the process lives,
    whatever its memory holds; emptying the cache does not help. While nothing runs, that power is wasted.

    The finding stands at the first call that waits, with the place where the model is put on the accelerator. A model
    that is deleted before, programs that serve requests, and short pauses are not reported.

    Leave it in demonstrations and where the next request comes within a minute or so: loading a model again costs
    energy too. The rule is off by default; it is a policy for a project.

    To fix it, end the process when it has nothing to do, run what waits in a process of its own, or ask first and load
    then.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "transformers", "vllm")
    words = (("input", "sleep"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.MAY_HAVE_ACCELERATOR,
    )
    references = ("https://arxiv.org/abs/2605.23918",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "a live CUDA context costs 26 to 66 W over bare idle on H100, A100 and L40S, however much memory is filled",
            "arXiv 2605.23918",
        ),
    )

    class Options(RuleOptions):
        """What a long pause is."""

        seconds: int = 60
        """Seconds from which on a pause is reported."""

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Tree

        placed = list(_placed(facts))
        if not placed:
            return
        rank = facts[Tree].first
        for call, what in self._waits(facts):
            before = [each for each in placed if rank(each) < rank(call.node) and _same_program(each, call.node, facts)]
            if not before or _released(before[-1], call.node, facts):
                continue
            yield self.finding(
                call.node,
                f"the accelerator is held while the program {what}",
                help="end the process when there is nothing to do, or wait first and load the model then",
                notes=(
                    "a process keeps the accelerator out of its lowest power state; emptying the cache does not help",
                ),
                related=((before[-1], "put on the accelerator here"),),
            )
            return

    def _waits(self, facts: Facts) -> Iterator[tuple[Call, str]]:
        from greenlint import Calls, Contexts

        for call in facts[Calls].methods("input", "sleep"):
            if facts[Contexts].dead(call.node):
                continue
            if call.name == "builtins.input":
                yield call, "waits for somebody to type"
            elif call.name == "time.sleep":
                seconds = call.argument("secs", 0).constant
                if isinstance(seconds, (int, float)) and seconds >= self.options.seconds:
                    yield call, f"sleeps for {seconds:g} seconds"

    examples = (
        Bad(
            """
            from transformers import AutoModelForCausalLM, AutoTokenizer

            model = AutoModelForCausalLM.from_pretrained("gpt2-xl", device_map="auto")
            while True:
                prompt = input("> ")  # bad
                print(tokenizer.decode(model.generate(**tokenizer(prompt))[0]))
            """
        ),
        Bad(
            """
            import time

            import torch

            model = torch.load("model.pt").cuda()

            def watch(folder):
                while True:
                    for path in new_files(folder):
                        model(read(path).cuda())
                    time.sleep(600)  # bad

            watch("inbox")
            """
        ),
        Bad(
            """
            from vllm import LLM

            llm = LLM("meta-llama/Llama-3.1-8B-Instruct")
            print(llm.generate(prompts))
            input("done, press enter")  # bad
            """
        ),
        Bad(
            """
            import time

            import torch

            PAUSE = 60 * 60
            model = torch.nn.Linear(10, 10)
            model.to("cuda")
            while True:
                predict(model, fetch())
                time.sleep(PAUSE)  # bad
            """
        ),
        Good(
            """
            import time

            import torch

            model = torch.load("model.pt").cuda()
            while True:
                predict(model, fetch())
                time.sleep(0.1)
            """,
            why="a short pause",
        ),
        Good(
            """
            import torch

            name = input("which model? ")
            model = torch.load(name).cuda()
            model(x.cuda())
            """,
            why="asks first and loads then",
        ),
        Good(
            """
            import torch

            model = torch.load("model.pt").cuda()
            print(model(x.cuda()))
            del model
            input("done")
            """,
            why="the model is gone; the process ends soon",
        ),
        Good(
            """
            import time

            import torch

            model = torch.load("model.pt")
            print(torch.cuda.is_available(), model)
            time.sleep(3600)
            """,
            why="nothing is put on the accelerator",
        ),
        Good(
            """
            import time

            import torch

            def pause():
                time.sleep(3600)

            class Net(torch.nn.Module):
                def build(self):
                    self.body = torch.nn.Linear(1, 1).cuda()
            """,
            why="two functions that nothing is seen to run one after the other",
        ),
        Good(
            """
            import time

            import torch

            model = torch.load("model.pt").cuda()
            while True:
                predict(model, fetch())
                time.sleep(args.seconds)
            """,
            why="the length of the pause is not known",
        ),
    )


_LOADERS = ("vllm.LLM",)


def _placed(facts: Facts) -> Iterator[cst.CSTNode]:
    """The calls that put a model on an accelerator, in source order."""
    from greenlint import Calls, Device, Devices, Models, Transfers

    for move in facts[Transfers].all:
        on_device = move.target is Device.ACCELERATOR
        if on_device and (facts[Models].is_model(move.source) or _is_loaded(move.source, facts)):
            yield move.call.node
    for call in facts[Calls].all:
        given = call.keyword("device_map")
        if call.name in _LOADERS or (given is not None and facts[Devices].of(given) is not Device.HOST):
            yield call.node


def _is_loaded(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether something comes from a file of weights: ``torch.load(...)``."""
    from greenlint import Values

    made = facts[Values].of(node).call
    return made is not None and made.name in ("torch.load", "torch.jit.load", "torch.hub.load")


def _same_program(placed: cst.CSTNode, wait: cst.CSTNode, facts: Facts) -> bool:
    """Whether one is seen to run before the other: in the same function, or around it."""
    from greenlint import Tree

    function = facts[Tree].function(placed)
    return function is None or facts[Tree].contains(function, wait)


def _released(placed: cst.CSTNode, wait: cst.CSTNode, facts: Facts) -> bool:
    """Whether something is deleted between the two."""
    from greenlint import Tree, cst

    rank = facts[Tree].first
    return any(rank(placed) < rank(each) < rank(wait) for each in facts[Tree].of_type(cst.Del))
