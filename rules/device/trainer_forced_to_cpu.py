"""Trainers and pipelines told to use the CPU."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Edit, Facts, Findings, Fix, cst


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
            fix=self._fix(call, facts),
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
            fix=self._inference_fix(call, facts),
        )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        if not _runs_anywhere(call, facts):
            return None
        edits = _free_lightning(call) if call.method in ("Trainer", "Fabric") else _free(call)
        if edits is None:
            return None
        return self.unsafe_fix("let the library choose the device", *edits, reason=_reason(call))

    def _inference_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import remove_argument, set_argument, spelled

        given = call.argument("device")
        if _is_remarked(call, facts) or not _serves_anywhere(call, facts) or not _is_literal(given.node):
            return None
        if call.method == "SentenceTransformer":
            edits = remove_argument(facts.document, call.node, "device")
            if edits is None:
                return None
            return self.unsafe_fix("let the library choose the device", *edits, reason="changes rounding")
        torch = spelled(facts.document, "torch")
        if torch is None:
            return None
        imported, name = torch
        # Releases before 5 take the CPU where no device is given.
        gpu, cpu = ("0", "-1") if given.constant == -1 else ('"cuda"', '"cpu"')
        chosen = set_argument(facts.document, call.node, "device", f"{gpu} if {name}.cuda.is_available() else {cpu}")
        if chosen is None:
            return None
        return self.unsafe_fix("use a GPU where there is one", *imported, *chosen, reason="changes rounding")

    examples = (
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            arguments = TrainingArguments("out", num_train_epochs=3, use_cpu=True)  # bad
            Trainer(model=model, args=arguments, train_dataset=data).train()
            """,
            fixed="""
            from transformers import Trainer, TrainingArguments

            arguments = TrainingArguments("out", num_train_epochs=3)
            Trainer(model=model, args=arguments, train_dataset=data).train()
            """,
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(max_epochs=50, accelerator="cpu")  # bad
            trainer.fit(module, loader)
            """,
            fixed="""
            import lightning as L

            trainer = L.Trainer(max_epochs=50, accelerator="auto", devices=1)
            trainer.fit(module, loader)
            """,
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator(cpu=True)  # bad
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                accelerator.backward(criterion(model(x), y))
            """,
            fixed="""
            from accelerate import Accelerator

            accelerator = Accelerator()
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                accelerator.backward(criterion(model(x), y))
            """,
        ),
        Bad(
            """
            from transformers import pipeline

            classify = pipeline("text-classification", model="gpt2", device=-1)  # bad
            for row in load_rows():
                print(classify(row["text"]))
            """,
            fixed="""
            import torch
            from transformers import pipeline

            classify = pipeline("text-classification", model="gpt2", device=0 if torch.cuda.is_available() else -1)
            for row in load_rows():
                print(classify(row["text"]))
            """,
        ),
        Bad(
            """
            from sentence_transformers import SentenceTransformer

            embedder = SentenceTransformer("all-MiniLM-L6-v2", device="cpu")  # bad
            for text in texts:
                vectors.append(embedder.encode(text))
            """,
            fixed="""
            from sentence_transformers import SentenceTransformer

            embedder = SentenceTransformer("all-MiniLM-L6-v2")
            for text in texts:
                vectors.append(embedder.encode(text))
            """,
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            arguments = TrainingArguments("out", no_cuda=True)  # bad
            Trainer(model=model, args=arguments, train_dataset=data).train()
            print(model.generate(**tokenizer("Once", return_tensors="pt")))
            """
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            try:
                Trainer(model=model, args=TrainingArguments("out"), train_dataset=data).train()
            except RuntimeError:
                arguments = TrainingArguments("out", use_cpu=True)  # bad
                Trainer(model=model, args=arguments, train_dataset=data).train()
            """
        ),
        Bad(
            """
            from transformers import Trainer, TrainingArguments

            arguments = TrainingArguments("out", use_cpu=True, bf16=True)  # bad
            Trainer(model=model, args=arguments, train_dataset=data).train()
            """
        ),
        Bad(
            """
            import lightning as L

            trainer = L.Trainer(accelerator="cpu", devices=4, strategy="ddp")  # bad
            trainer.fit(module, loader)
            """
        ),
        Bad(
            """
            import lightning as L
            import torch

            class Net(L.LightningModule):
                def training_step(self, batch, index):
                    weights = torch.ones(10)
                    return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1], weights)

            trainer = L.Trainer(accelerator="cpu")  # bad
            trainer.fit(Net(), loader)
            """
        ),
        Bad(
            """
            from accelerate import Accelerator

            accelerator = Accelerator(cpu=True)  # bad
            model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
            for x, y in loader:
                accelerator.backward(criterion(model(x), y))
            for x, y in test_loader:
                print(criterion(model(x), y).item())
            """
        ),
        Bad(
            """
            from transformers import AutoModelForSequenceClassification, pipeline

            model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
            classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device=-1)  # bad
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


# -- fixes -----------------------------------------------------------------------------------------------------

_SPREADS = ("strategy", "num_nodes", "num_processes", "gpus", "plugins", "sync_batchnorm")
_PREPARES = ("prepare", "prepare_data_loader", "setup", "setup_dataloaders")
_DEVICE_WORD = re.compile(r"device_map|\.cuda\(|\.mps\b|VISIBLE_DEVICES")
_MANY_PROCESSES = re.compile(r"num_proc\b|multiprocess|concurrent|\bPool\b|joblib")


def _reason(call: Call) -> str:
    if call.method.endswith("Arguments"):
        return "changes rounding and random numbers; of several GPUs, each adds a batch to the step"
    return "changes rounding and random numbers"


def _free(call: Call) -> tuple[Edit, ...] | None:
    """Take the literal that asks for the CPU away."""
    from greenlint import Values, remove_argument

    facts = call.facts
    asked = [name for name in ("use_cpu", "no_cuda", "cpu") if call.argument(name).constant is True]
    if len(asked) != 1 or not _is_literal(call.argument(asked[0]).node):
        return None
    precisions = (call.keyword(name) for name in ("bf16", "fp16", "mixed_precision"))
    if any(each is not None and facts[Values].constant(each) not in (False, "no") for each in precisions):
        # What the CPU can compute, this accelerator may not.
        return None
    return remove_argument(facts.document, call.node, asked[0])


def _free_lightning(call: Call) -> tuple[Edit, ...] | None:
    """Choose the accelerator at run time, and one device as before."""
    from greenlint import add_arguments, set_argument

    document = call.facts.document
    if call.is_open or any(call.keyword(name) is not None for name in _SPREADS):
        return None
    precision, devices = call.argument("precision", 99), call.argument("devices", 99)
    if precision.written and "64" in str(precision.constant):
        return None
    if devices.written and devices.constant != 1:
        return None
    if not _is_literal(call.argument("accelerator").node):
        return None
    freed = set_argument(document, call.node, "accelerator", '"auto"')
    alone = add_arguments(document, call.node, devices="1") if not devices.written else ()
    return (*freed, *alone) if freed is not None and alone is not None else None


def _is_literal(node: cst.BaseExpression | None) -> bool:
    from greenlint import cst

    if isinstance(node, cst.UnaryOperation):
        node = node.expression
    return isinstance(node, (cst.SimpleString, cst.Integer)) or (isinstance(node, cst.Name) and node.value == "True")


def _is_remarked(call: Call, facts: Facts) -> bool:
    """Whether a comment at the call, or at the argument that asks for the CPU, may say why."""
    from greenlint import is_remarked

    asked = [call.argument(name).node for name in ("use_cpu", "no_cuda", "cpu", "accelerator", "device")]
    return is_remarked(facts.document, call.node.func, *asked)


def _runs_anywhere(call: Call, facts: Facts) -> bool:
    """Whether nothing around the trainer counts on the CPU."""
    from greenlint import Portability, Tree, cst

    if _is_remarked(call, facts) or facts[Tree].enclosing(call.node, cst.ExceptHandler) is not None:
        # A fallback may well mean the CPU.
        return False
    if not facts[Portability].certain or _DEVICE_WORD.search(facts.document.text):
        return False
    written = [each for each in facts[Tree].of_type(cst.SimpleString) if each.evaluated_value == "cpu"]
    if any(each is not call.argument("accelerator").node for each in written):
        return False
    return _runs_itself_on_prepared(facts) if call.method in ("Accelerator", "Fabric") else not any(_own_runs(facts))


def _own_runs(facts: Facts) -> Iterator[cst.Call]:
    """Where the script runs the model itself."""
    from greenlint import Calls, Models, Tree, cst

    given = set(_given(facts))
    for call in facts[Calls].all:
        if call.method in ("generate", "pipeline"):
            yield call.node
        elif facts[Tree].enclosing(call.node, cst.ClassDef) is None:
            named = isinstance(call.node.func, cst.Name) and call.node.func.value in given
            if named or facts[Models].network(call) is not None:
                yield call.node


def _given(facts: Facts) -> Iterator[str]:
    """The names of what is handed to a trainer, and of what an accelerator prepared."""
    from greenlint import Calls, Tree, cst

    for call in facts[Calls].methods("Trainer", "Seq2SeqTrainer", "fit", *_PREPARES):
        for arg in call.node.args:
            if isinstance(arg.value, cst.Name):
                yield arg.value.value
        statement = facts[Tree].statement(call.node)
        if call.method in _PREPARES and isinstance(statement, cst.Assign):
            yield from (each.value for each in facts[Tree].below(statement.targets[0], cst.Name))


def _runs_itself_on_prepared(facts: Facts) -> bool:
    """Whether each loop that runs a model goes through a loader that the accelerator prepared."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    prepared: set[str] = set()
    for call in facts[Calls].methods(*_PREPARES):
        statement = tree.statement(call.node)
        if isinstance(statement, cst.Assign):
            prepared.update(each.value for each in tree.below(statement.targets[0], cst.Name))
    for node in _own_runs(facts):
        loop = tree.enclosing(node, cst.For)
        if loop is None or not any(each.value in prepared for each in tree.below(loop.iter, cst.Name)):
            return False
    return bool(prepared)


def _serves_anywhere(call: Call, facts: Facts) -> bool:
    """Whether a pipeline or embedding model is only called, by one process, and gives what is no tensor."""
    from greenlint import Calls, Names, Tree, cst

    text = facts.document.text
    if _MANY_PROCESSES.search(text) or "convert_to_tensor" in text or "return_tensors" in text:
        return False
    if any(call.keyword(name) is not None for name in ("framework", "device_map", "model_kwargs", "backend")):
        return False
    if call.method == "pipeline" and not _loads_by_name(call):
        return False
    statement = facts[Tree].statement(call.node)
    if not isinstance(statement, cst.Assign) or statement.value is not call.node or len(statement.targets) != 1:
        return False
    target = statement.targets[0].target
    if not isinstance(target, cst.Name):
        return False
    uses = [each for each in facts[Tree].named(target.value) if each is not target]
    called = [each.node.func for each in facts[Calls].all]
    encoders = [each.receiver for each in facts[Calls].methods("encode")]
    return all(facts[Names].reaching(each) and (each in called or each in encoders) for each in uses)


def _loads_by_name(call: Call) -> bool:
    model = call.argument("model")
    return model.absent or (model.written and isinstance(model.constant, str))
