"""Trainers and pipelines told to use the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings


class TrainerForcedToCpu(Rule):
    """A trainer that would pick an accelerator by itself is told, literally, to run on the CPU.

    `TrainingArguments(use_cpu=True)`, `Accelerator(cpu=True)` and `Trainer(accelerator="cpu")` leave an accelerator
    idle at its idle power while the CPU takes several times as long. The same goes for a pipeline or embedding model
    on the CPU that works through a data set; inference on a CPU can be as good, so that is only an info.

    The finding stands at the call.

    Leave it for tests, smoke runs, quantised CPU code and machines without an accelerator (`hardware = "cpu"`).

    To fix it, drop the argument; the library then chooses.
    """

    severity = Severity.WARNING
    frameworks = ("transformers", "accelerate", "lightning", "pytorch_lightning", "sentence_transformers")
    words = (
        ("*TrainingArguments", "Accelerator", "*Trainer", "Fabric", "pipeline", "SentenceTransformer"),
        ("*cpu*", "*cuda*", "1"),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.CPU_NOT_INTENDED,
    )
    references = ("https://doi.org/10.1007/978-3-031-23220-6_8",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "training on GPU nodes beat all other node types in run time and energy, while inference on CPU nodes can "
            "be comparable",
            "https://doi.org/10.1007/978-3-031-23220-6_8",
        ),
    )

    @on_call(
        "transformers.TrainingArguments",
        "transformers.Seq2SeqTrainingArguments",
        "accelerate.Accelerator",
        "lightning.pytorch.Trainer",
        "lightning.fabric.Fabric",
    )
    def check_trainer(self, call: Call, facts: Facts) -> Findings:
        said = _forced(call)
        if said is None or _is_smoke_run(call):
            return
        yield self.finding(
            call.node,
            f"{said} keeps this training on the CPU{_machine(facts)}",
            help="drop the argument and let the library choose the device",
            notes=("pays off if an accelerator is available",),
        )

    @on_call("transformers.pipeline", "sentence_transformers.SentenceTransformer")
    def check_inference(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Hot, Loops, Tree

        if call.argument("device").constant not in ("cpu", -1):
            return
        uses = [each for each in _uses(call, facts) if facts[Hot].repeated(each) or facts[Tree].loops_around(each)]
        if not uses or not facts[Loops].all:
            return
        yield self.finding(
            call.node,
            f"this model works through a data set on the CPU{_machine(facts)}",
            help="drop the device argument and let the library choose",
            notes=("inference on a CPU can be as good for small models and few inputs",),
            severity=Severity.INFO,
            related=((uses[0], "called again and again here"),),
        )

    examples = (
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            arguments = TrainingArguments("out", num_train_epochs=3, use_cpu=True)  # bad
            Trainer(model=model, args=arguments, train_dataset=data).train()
            """
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=50, accelerator="cpu")  # bad
            trainer.fit(module, loader)
            """
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator(cpu=True)  # bad
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            """
        ),
        Bad(
            """
            from transformers import pipeline

            classify = pipeline("text-classification", model="bert-base-uncased", device=-1)  # bad
            for row in load_rows():
                print(classify(row["text"]))
            """
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=50, accelerator="auto")
            trainer.fit(module, loader)
            """,
            why="chosen at run time",
        ),
        Good(
            """
            import torch
            import lightning as L

            trainer = L.Trainer(max_epochs=50, accelerator="gpu" if torch.cuda.is_available() else "cpu")
            """,
            why="a condition decides",
        ),
        Good(
            """
            import lightning as L

            trainer = L.Trainer(fast_dev_run=True, accelerator="cpu")
            trainer.fit(module, loader)
            """,
            why="a smoke run",
        ),
        Good(
            """
            from transformers import TrainingArguments

            arguments = TrainingArguments("out", max_steps=5, use_cpu=True)
            """,
            why="five steps",
        ),
        Good(
            """
            from transformers import pipeline

            classify = pipeline("text-classification", device=-1)
            print(classify("one sentence"))
            """,
            why="one call",
        ),
        Good(
            """
            from accelerate import Accelerator
            from settings import options

            accelerator = Accelerator(**options)
            """,
            why="what the mapping holds is not known",
        ),
        Good(
            """
            from transformers import TrainingArguments

            arguments = TrainingArguments("out", use_cpu=True)
            """,
            why="a test",
            path="tests/test_training.py",
        ),
    )


def _machine(facts: Facts) -> str:
    from greenlint import Environment

    idle = facts[Environment].accelerators
    return f"; this machine has {', '.join(idle)}" if idle else ""


def _forced(call: Call) -> str | None:
    for name, value in (("use_cpu", True), ("no_cuda", True), ("cpu", True), ("accelerator", "cpu")):
        if call.argument(name).written and call.argument(name).constant == value:
            return f"{name}={value!r}"
    return None


def _is_smoke_run(call: Call) -> bool:
    if call.argument("fast_dev_run").constant not in (False, None) and call.argument("fast_dev_run").written:
        return True
    for name in ("max_steps", "limit_train_batches"):
        steps = call.argument(name)
        if steps.written and isinstance(steps.constant, int) and 0 < steps.constant <= 20:
            return True
    return False


def _uses(made: Call, facts: Facts) -> list[cst.CSTNode]:
    """Where the pipeline or embedding model is called."""
    from greenlint import Calls, Values

    values = facts[Values]
    found: list[cst.CSTNode] = []
    for call in facts[Calls].all:
        receiver = call.receiver if call.method == "encode" else call.node.func
        if receiver is not None and call is not made and values.of(receiver).call is made:
            found.append(call.node)
    return found


if TYPE_CHECKING:
    from greenlint import cst
