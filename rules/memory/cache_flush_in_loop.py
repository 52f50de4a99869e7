"""The accelerator's memory cache, or Python's garbage, flushed in every step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from greenlint import Call, Edit, Facts, Findings, Fix, Loop, Outline, Spot, cst


class CacheFlushInLoop(Rule):
    """The accelerator's memory cache is emptied, or all garbage collected, in every step or batch.

    `empty_cache()` waits for the device, hands the cached blocks back to the driver, and the next step must ask for
    them again, which is slow and synchronises once more. It frees no memory that PyTorch itself could not use. A full
    `gc.collect()` walks every object of the process while the accelerator waits.

    The finding stands at the first such call of the loop, or at `TrainingArguments(...)`.

    Leave it where it is the only way out of fragmentation on a card that is nearly full, or where another process
    shares the card. First try `PYTORCH_ALLOC_CONF=expandable_segments:True`
    (`PYTORCH_CUDA_ALLOC_CONF` in older releases). Without the call, memory that looks free to other processes shrinks.

    To fix it, delete the call, or make it once per epoch, after the model or a large cache was dropped.
    """

    severity = Severity.INFO
    frameworks = ("torch", "tensorflow", "keras", "transformers", "lightning", "pytorch_lightning")
    words = (("empty_cache", "collect", "torch_empty_cache_steps"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.LEARNS,
    )
    references = (
        "https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management",
        "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "transformers' own help text says that emptying the cache every few steps costs about 10 % of the speed",
            "docstrings of transformers 5.23",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "Lightning's guide: every needless call makes all accelerators wait to catch up",
            "https://lightning.ai/docs/pytorch/stable/advanced/speed.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"empty_cache", "collect", "TrainingArguments", "Seq2SeqTrainingArguments"})

    @on_file
    def check_calls(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Tree

        seen: dict[cst.CSTNode, list[Call]] = {}
        spots: dict[cst.CSTNode, Spot] = {}
        if _switched_off(facts):
            return
        for call in facts[Calls].methods("empty_cache", "collect"):
            spot = _spot(call, facts) if _flushes(call) else None
            if spot is not None:
                seen.setdefault(spot.body, []).append(call)
                spots[spot.body] = spot
        for body, calls in seen.items():
            first = min(calls, key=lambda call: facts[Tree].first(call.node))
            yield self.finding(
                first.node,
                f"{_what(calls)} {spots[body].heat.value}",
                help=_help(calls),
                notes=("removing it can run out of memory on a nearly full card; expandable segments help then",)
                if any(call.method == "empty_cache" for call in calls)
                else (),
                related=[(call.node, "and here") for call in calls if call is not first],
                fix=self._fix(calls, facts),
            )

    def _fix(self, calls: list[Call], facts: Facts) -> Fix | None:
        from greenlint import Tree, cst, delete_statements

        tree = facts[Tree]
        statements: list[cst.CSTNode] = []
        for call in sorted(calls, key=lambda each: tree.first(each.node)):
            statement = tree.statement(call.node)
            line = tree.parent(statement)
            block = tree.parent(line) if isinstance(line, cst.SimpleStatementLine) else None
            alone = not isinstance(block, cst.IndentedBlock) or len(block.body) <= len(calls)
            if not isinstance(tree.parent(call.node), cst.Expr) or alone:
                # An empty branch would be left.
                return None
            statements.append(statement)
        edits = delete_statements(facts.document, statements)
        return self._leave_out("delete it", edits)

    def _leave_out(self, title: str, edits: tuple[Edit, ...] | None) -> Fix | None:
        if edits is None:
            return None
        return self.unsafe_fix(title, *edits, reason="a nearly full card may run out of memory")

    @on_call("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
    def check_arguments(self, call: Call, facts: Facts) -> Findings:
        from greenlint import remove_argument

        steps = call.argument("torch_empty_cache_steps").constant
        if isinstance(steps, int) and 0 < steps <= _OFTEN:
            edits = remove_argument(facts.document, call.node, "torch_empty_cache_steps")
            yield self.finding(
                call.node,
                f"the trainer empties the memory cache every {steps} steps" if steps > 1 else _EVERY_STEP,
                help="leave torch_empty_cache_steps out; expandable segments cost nothing against fragmentation",
                fix=self._leave_out("leave it out", edits),
            )

    examples = (
        Bad(
            """
            import torch

            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                torch.cuda.empty_cache()  # bad
            """,
            fixed="""
            import torch

            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import gc
            import torch

            def train(model, loader, optimizer):
                for batch in loader:
                    loss = model(**batch).loss
                    loss.backward()
                    optimizer.step()
                    del batch, loss
                    gc.collect()  # bad
                    torch.cuda.empty_cache()
            """,
            fixed="""
            import torch

            def train(model, loader, optimizer):
                for batch in loader:
                    loss = model(**batch).loss
                    loss.backward()
                    optimizer.step()
                    del batch, loss
            """,
        ),
        Bad(
            """
            import lightning.pytorch as pl
            import torch

            class Module(pl.LightningModule):
                def training_step(self, batch, index):
                    loss = self.net(batch).mean()
                    torch.cuda.empty_cache()  # bad
                    return loss
            """,
            fixed="""
            import lightning.pytorch as pl
            import torch

            class Module(pl.LightningModule):
                def training_step(self, batch, index):
                    loss = self.net(batch).mean()
                    return loss
            """,
        ),
        Bad(
            """
            import pytorch_lightning as pl
            import torch

            class Module(pl.LightningModule):
                def validation_step(self, batch, index):
                    torch.cuda.empty_cache()  # bad
                    return self.net(batch).mean()
            """,
            fixed="""
            import pytorch_lightning as pl
            import torch

            class Module(pl.LightningModule):
                def validation_step(self, batch, index):
                    return self.net(batch).mean()
            """,
        ),
        Bad(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", torch_empty_cache_steps=1)  # bad
            """,
            fixed="""
            from transformers import TrainingArguments

            args = TrainingArguments("out")
            """,
        ),
        Bad(
            """
            import gc
            import tensorflow as tf
            from tensorflow import keras

            class Cleaner(keras.callbacks.Callback):
                def on_train_batch_end(self, batch, logs=None):
                    gc.collect()  # bad
            """
        ),
        Good(
            """
            import gc
            import torch

            for epoch in range(20):
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                gc.collect()
                torch.cuda.empty_cache()
            """,
            why="once per epoch",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                try:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                except torch.cuda.OutOfMemoryError:
                    optimizer.zero_grad()
                    torch.cuda.empty_cache()
            """,
            why="recovers from an error",
        ),
        Good(
            """
            import torch

            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                if step % 500 == 0:
                    torch.cuda.empty_cache()
            """,
            why="rarely",
        ),
        Good(
            """
            import torch

            def train(task, model, loader):
                for x, y in loader:
                    loss = criterion(model(x.cuda()), y.cuda())
                    loss.backward()
                    optimizer.step()
                    if task.get_num_updates() == 0:
                        torch.cuda.empty_cache()
            """,
            why="only after the first step",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                if watch.has_oom:
                    optimizer.zero_grad()
                    torch.cuda.empty_cache()
                    continue
                loss.backward()
                optimizer.step()
            """,
            why="only after an error",
        ),
        Good(
            """
            import gc
            import torch

            for path in checkpoints:
                model = torch.load(path)
                model.eval()
                with torch.no_grad():
                    for x in loader:
                        outputs.append(model(x.cuda()).cpu())
                del model
                gc.collect()
                torch.cuda.empty_cache()
            """,
            why="a model was dropped: the memory is free for the next one",
        ),
        Good(
            """
            import gc
            import torch

            gc.disable()
            for step, (x, y) in enumerate(loader):
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                gc.collect(1)
            """,
            why="young garbage only, where the automatic collection is off",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                # lengths vary a lot: without this the card is fragmented after some hundred steps
                torch.cuda.empty_cache()
            """,
            why="a comment says what it is for",
        ),
        Good(
            """
            from transformers import TrainingArguments

            args = TrainingArguments("out", torch_empty_cache_steps=500)
            """,
            why="rarely",
        ),
        Good(
            """
            import gc
            from tensorflow import keras

            for fold in range(10):
                model = keras.Sequential([keras.layers.Dense(1)])
                model.compile("adam", "mse")
                model.fit(x[fold], y[fold])
                keras.backend.clear_session()
                gc.collect()
            """,
            why="between models",
        ),
    )


_OFTEN = 10
_EVERY_STEP = "the trainer empties the memory cache after every step"
_EMPTIES = re.compile(r"(?:^|\.)(?:cuda|mps|xpu|npu|mlu|musa|hpu|accelerator|memory)(?:\.memory)?\.empty_cache$")
_EXCUSE = re.compile(
    r"#.*(?:fragment|\boom\b|out of memory|shared? (?:the )?(?:gpu|card)|other process|leak)", re.IGNORECASE
)


def _flushes(call: Call) -> bool:
    """Whether a call empties the cache, or collects the garbage of all generations."""
    from greenlint import dotted

    if call.method == "empty_cache":
        return bool(_EMPTIES.search(call.name or dotted(call.node.func) or "")) or call.name == "torch.cuda.empty_cache"
    return call.name == "gc.collect" and (not call.node.args or call.argument("generation", 0).constant == 2)


def _switched_off(facts: Facts) -> bool:
    """Whether the automatic collection is off, or its threshold set: then collecting by hand is thought through."""
    return re.search(r"\bgc\.(?:disable|freeze|set_threshold)\(", facts.document.text) is not None


def _spot(call: Call, facts: Facts) -> Spot | None:
    from greenlint import Contexts, Heat, Hot, cst

    spot = facts[Hot].of(call.node)
    if spot is None or _excused(call, facts):
        return None
    if isinstance(spot.body, (cst.For, cst.While)) and _drops_network(spot.body, facts):
        return None
    if spot.heat is Heat.EVALUATION and isinstance(spot.body, (cst.For, cst.While)) and not _by_batch(spot.body, facts):
        return None
    return None if facts[Contexts].dead(call.node) else spot


def _excused(call: Call, facts: Facts) -> bool:
    """Whether a comment at the call or right above it says that memory is short."""
    document = facts.document
    span = document.spans[call.node]
    above = document.text.rfind("\n", 0, max(0, document.text.rfind("\n", 0, span.start)))
    end = document.text.find("\n", span.end)
    return _EXCUSE.search(document.text[above + 1 : end if end >= 0 else None]) is not None


def _drops_network(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether each pass of a loop makes or drops a network: the memory is wanted for the next one."""
    from greenlint import Calls, Models, Names, Tree, cst

    tree, models = facts[Tree], facts[Models]
    for call in facts[Calls].within(loop.body):
        network = models.network(call)
        while isinstance(network, (cst.Attribute, cst.Subscript)):
            network = network.value
        if isinstance(network, cst.Name) and any(
            tree.contains(loop, each.node) for each in facts[Names].reaching(network)
        ):
            return True
    return any(models.is_model(each.target) for each in tree.below(loop.body, cst.Del) if _is_plain(each.target))


def _is_plain(node: cst.CSTNode) -> bool:
    from greenlint import cst

    return isinstance(node, (cst.Name, cst.Attribute))


def _by_batch(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether an evaluation loop runs over batches, rather than over models, folds or files."""
    from greenlint import Calls, Kind, Values, cst

    if not isinstance(loop, cst.For) or _holds_loop(loop, facts):
        return False
    values = facts[Values]
    iterated = values.iterated(loop.iter)
    if isinstance(iterated, cst.Call):
        call = facts[Calls].of(iterated)
        if call.name == "builtins.range" and len(call.positional) == 3:
            return True
    source = facts.document.source(loop.iter).lower()
    return any(word in source for word in ("load", "batch", "chunk")) or values.of(iterated).kind is Kind.DATALOADER


def _holds_loop(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether another loop inside runs the network."""
    from greenlint import LoopRole, Loops, Tree, cst

    inner: list[Loop] = [facts[Loops].of(each) for each in facts[Tree].below(loop.body, cst.For)]
    return any(each.role is LoopRole.EVALUATION for each in inner)


def _what(calls: list[Call]) -> str:
    names = {call.method for call in calls}
    if names == {"collect"}:
        return "all garbage is collected"
    return "the memory cache is emptied" + (" and all garbage collected" if "collect" in names else "")


def _help(calls: list[Call]) -> str:
    if any(call.method == "empty_cache" for call in calls):
        return "delete it or run it once per epoch; PyTorch reuses cached blocks by itself"
    return "delete it or run it once per epoch; Python collects garbage by itself"
