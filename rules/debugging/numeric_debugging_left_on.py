"""Checks for NaN and infinity after every operation, left on in a training."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, cst


class NumericDebuggingLeftOn(Rule):
    """A training runs with anomaly detection or another mode that checks every operation for NaN or infinity.

    PyTorch's anomaly mode keeps a stack trace for each operation of the forward pass and looks for NaN in each gradient
    of the backward pass. JAX with `jax_debug_nans` waits for each result and reads it, TensorFlow's
    `enable_check_numerics` adds a check to each operation. The device waits for the CPU again and again, and a step
    draws power for longer with the same outcome.

    The finding stands at the line that switches the mode on: the call, the `with` block, the setting, the
    `Trainer(...)`, or the `gradcheck` in a training step. A mode under a condition, and around something that does not
    train or trains a toy, is not reported.

    Leave it while you hunt a NaN.

    To fix it, delete the line, or let an option switch it on. NaN then passes unseen; a check of the loss now and then,
    such as at each logging, catches it for almost nothing.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "jax", "tensorflow", "lightning", "pytorch_lightning")
    words = (
        (
            "set_detect_anomaly",
            "detect_anomaly",
            "jax_debug_nans",
            "jax_debug_infs",
            "debug_nans",
            "debug_infs",
            "JAX_DEBUG_NANS",
            "JAX_DEBUG_INFS",
            "enable_check_numerics",
            "enable_dump_debug_info",
            "gradcheck",
            "gradgradcheck",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection",
        "https://docs.jax.dev/en/latest/debugging/flags.html",
        "https://www.tensorflow.org/api_docs/python/tf/debugging/enable_check_numerics",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "PyTorch: the mode should be enabled only for debugging, as its tests slow down the program",
            "https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "JAX: with the flag, results are checked after each computation, and compiled functions that produce a NaN "
            "are run again one operation at a time",
            "https://docs.jax.dev/en/latest/debugging/flags.html",
        ),
    )

    @on_call("lightning.pytorch.Trainer")
    def trainer(self, call: Call, facts: Facts) -> Findings:
        if call.argument("detect_anomaly").constant is not True or _is_short(call):
            return
        yield self.finding(
            call.node,
            "this Trainer looks for NaN in every gradient of the backward pass",
            help="drop detect_anomaly=True",
            notes=_NOTES,
            fix=self._trainer_fix(call),
        )

    @on_file
    def mode(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs

        for node, what in _modes(facts):
            place = facts[Runs].training(node)
            if place is None:
                continue
            yield self.finding(
                node,
                f"{what} all through the training",
                help="delete it, or let an option switch it on",
                notes=_NOTES,
                related=(place,),
                fix=self._fix(node, facts),
            )

    @on_call("torch.autograd.gradcheck", "torch.autograd.gradgradcheck")
    def comparison(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Heat, Hot

        spot = facts[Hot].of(call.node)
        if spot is not None and spot.heat is Heat.STEP:
            yield self.finding(
                call.node,
                f"{call.method} compares gradients with numerical ones in every training step",
                help="move it to a test",
            )

    def _trainer_fix(self, call: Call) -> Fix | None:
        from greenlint import remove_argument

        edits = remove_argument(call.facts.document, call.node, "detect_anomaly")
        if edits is None or _catches(call.facts):
            return None
        return self.unsafe_fix("leave detect_anomaly out", *edits, reason=_PASSES)

    def _fix(self, node: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import Calls, Tree, cst, delete_statement, unwrap

        document, tree = facts.document, facts[Tree]
        parent = tree.parent(node)
        if isinstance(node, cst.Call) and isinstance(parent, cst.WithItem):
            block = tree.parent(parent)
            edits = unwrap(document, block, node) if isinstance(block, cst.With) else None
        elif _is_all(node, facts):
            edits = delete_statement(document, tree.statement(node))
        else:
            edits = None
        if edits is None or _catches(facts):
            return None
        if isinstance(node, cst.Call) and facts[Calls].of(node).argument("check_nan", 1).constant is False:
            return self.safe_fix("record no stack traces", *edits)
        dumps = isinstance(node, cst.Call) and facts[Calls].of(node).method == "enable_dump_debug_info"
        return self.unsafe_fix("look for NaN no more", *edits, reason=_DUMPS if dumps else _PASSES)

    examples = (
        Bad(
            """
            import torch

            torch.autograd.set_detect_anomaly(True)  # bad
            model = Net().cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch

            model = Net().cuda()
            for x, y in loader:
                loss = criterion(model(x.cuda()), y.cuda())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch

            for epoch in range(epochs):
                for x, y in loader:
                    with torch.autograd.detect_anomaly():  # bad
                        loss = criterion(model(x), y)
                        loss.backward()
                    optimizer.step()
            """,
            fixed="""
            import torch

            for epoch in range(epochs):
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()
            """,
        ),
        Bad(
            """
            import torch

            def train(model, loader, optimizer):
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()

            def main():
                with torch.autograd.set_detect_anomaly(True, check_nan=False):  # bad
                    train(build(), loader, optimizer)

            main()
            """,
            fixed="""
            import torch

            def train(model, loader, optimizer):
                for x, y in loader:
                    loss = criterion(model(x), y)
                    loss.backward()
                    optimizer.step()

            def main():
                train(build(), loader, optimizer)

            main()
            """,
        ),
        Bad(
            """
            import lightning.pytorch as pl

            trainer = pl.Trainer(max_epochs=100, detect_anomaly=True)  # bad
            trainer.fit(module, data)
            """,
            fixed="""
            import lightning.pytorch as pl

            trainer = pl.Trainer(max_epochs=100)
            trainer.fit(module, data)
            """,
        ),
        Bad(
            """
            from pytorch_lightning import Trainer

            settings = {"max_epochs": 100, "detect_anomaly": True}
            Trainer(**settings).fit(module, data)  # bad
            """
        ),
        Bad(
            """
            import jax
            import optax

            jax.config.update("jax_debug_nans", True)  # bad
            for batch in batches:
                loss, grads = value_and_grad(params, batch)
                updates, state = tx.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
            fixed="""
            import jax
            import optax

            for batch in batches:
                loss, grads = value_and_grad(params, batch)
                updates, state = tx.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
        ),
        Bad(
            """
            import tensorflow as tf

            tf.debugging.enable_check_numerics()  # bad
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
            fixed="""
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                torch.autograd.gradcheck(layer, x)  # bad
                optimizer.step()
            """
        ),
        Bad(
            """
            import os

            os.environ["JAX_DEBUG_NANS"] = "True"  # bad
            import jax
            import optax

            for batch in batches:
                loss, grads = value_and_grad(params, batch)
                updates, state = tx.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
            fixed="""
            import jax
            import optax

            for batch in batches:
                loss, grads = value_and_grad(params, batch)
                updates, state = tx.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
        ),
        Bad(
            """
            import torch
            from torch import autograd

            scaler = torch.amp.GradScaler()
            with torch.autocast("cuda"), autograd.detect_anomaly():  # bad
                for x, y in loader:
                    scaler.scale(criterion(model(x), y)).backward()
                    scaler.step(optimizer)
                    scaler.update()
            """,
            fixed="""
            import torch

            scaler = torch.amp.GradScaler()
            with torch.autocast("cuda"):
                for x, y in loader:
                    scaler.scale(criterion(model(x), y)).backward()
                    scaler.step(optimizer)
                    scaler.update()
            """,
        ),
        Bad(
            """
            import tensorflow as tf

            tf.debugging.experimental.enable_dump_debug_info("dumps")  # bad
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
            fixed="""
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
        ),
        Bad(
            """
            import os

            os.environ.update({"JAX_DEBUG_NANS": "1", "OMP_NUM_THREADS": "4"})  # bad
            import jax
            import optax

            for batch in batches:
                loss, grads = value_and_grad(params, batch)
                updates, state = tx.update(grads, state)
                params = optax.apply_updates(params, updates)
            """
        ),
        Bad(
            """
            import torch

            for x, y in loader:
                try:
                    with torch.autograd.detect_anomaly():  # bad
                        loss = criterion(model(x), y)
                        loss.backward()
                except RuntimeError:
                    continue
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch

            guard = torch.autograd.set_detect_anomaly(True)  # bad
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import argparse
            import torch

            parser = argparse.ArgumentParser()
            parser.add_argument("--anomaly", action="store_true")
            torch.autograd.set_detect_anomaly(parser.parse_args().anomaly)
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="an option decides",
        ),
        Good(
            """
            import torch

            DEBUG = True
            if DEBUG:
                torch.autograd.set_detect_anomaly(True)
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="a switch of its own, for debugging",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x), y)
                if not torch.isfinite(loss):
                    with torch.autograd.detect_anomaly():
                        criterion(model(x), y).backward()
                    raise ValueError
                loss.backward()
                optimizer.step()
            """,
            why="only the step that went wrong is run again",
        ),
        Good(
            """
            import torch

            torch.autograd.set_detect_anomaly(True)
            criterion(model(x), y).backward()
            torch.autograd.set_detect_anomaly(False)
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="switched off before the training",
        ),
        Good(
            """
            import torch

            torch.autograd.set_detect_anomaly(True)
            print(torch.autograd.grad(f(x), x))
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import lightning as L

            L.Trainer(fast_dev_run=True, detect_anomaly=True).fit(module, data)
            L.Trainer(max_steps=10, detect_anomaly=True).fit(module, data)
            L.Trainer(detect_anomaly=args.debug).fit(module, data)
            """,
            why="trial runs of a few steps, and an option",
        ),
        Good(
            """
            import torch
            from torchvision.datasets import MNIST

            torch.autograd.set_detect_anomaly(True)
            for x, y in torch.utils.data.DataLoader(MNIST("data")):
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="a toy data set",
        ),
        Good(
            """
            import jax
            import optax

            with jax.debug_nans(True):
                print(loss_fn(params, first))
            for batch in batches:
                updates, state = tx.update(gradient(params, batch), state)
                params = optax.apply_updates(params, updates)
            """,
            why="around one call before the training",
        ),
        Good(
            """
            import torch

            for x, y in loader:
                loss = criterion(model(x), y)
                scaler.scale(loss).backward()
                overflow = any(not torch.isfinite(p.grad).all() for p in model.parameters())
                if not overflow:
                    optimizer.step()
            """,
            why="looks for an overflow, which belongs to loss scaling",
        ),
    )


_PASSES = "a NaN or an infinity no longer ends the program"
_DUMPS = "no tensors are written for the debugger"
_CAUGHT = re.compile(r"RuntimeError|FloatingPointError|ArithmeticError|InvalidArgument|\bException\b")
_NOTES = ("without it NaN passes unseen; look at the loss whenever it is logged",)
_MODES = {
    "torch.autograd.set_detect_anomaly": "anomaly detection is on",
    "torch.autograd.anomaly_mode.set_detect_anomaly": "anomaly detection is on",
    "torch.autograd.detect_anomaly": "anomaly detection is on",
    "torch.autograd.anomaly_mode.detect_anomaly": "anomaly detection is on",
    "tensorflow.debugging.enable_check_numerics": "TensorFlow checks every operation for NaN",
    "tensorflow.debugging.experimental.enable_dump_debug_info": "TensorFlow dumps the tensors of every operation",
    "jax.debug_nans": "JAX checks every result for NaN",
    "jax.debug_infs": "JAX checks every result for infinity",
}
_JAX = {
    "jax.config.jax_debug_nans": "JAX checks every result for NaN",
    "jax.config.jax_debug_infs": "JAX checks every result for infinity",
}
_VARIABLES = ("JAX_DEBUG_NANS", "JAX_DEBUG_INFS")
_BLOCKS_ONLY = ("detect_anomaly", "debug_nans", "debug_infs")
"""What does nothing but as a context manager."""
_GIVEN = {"set_detect_anomaly": "mode", "debug_nans": "new_val", "debug_infs": "new_val"}
_FEW = 100


def _is_short(call: Call) -> bool:
    """Whether a trainer only makes a trial run."""
    from greenlint import UNKNOWN

    if call.argument("fast_dev_run").constant not in (False, UNKNOWN):
        return True
    for name in ("max_steps", "overfit_batches", "limit_train_batches"):
        given = call.argument(name)
        if given.written and isinstance(given.constant, int) and 0 < given.constant <= _FEW:
            return True
    return False


def _modes(facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    """The places that switch a mode on for good or for a block; of several of a kind, all."""
    from greenlint import Calls, Switches

    calls = facts[Calls].named(*_MODES)
    off = {each.name for each in calls if _given(each) is False and not _is_block(each, facts)}
    for call in calls:
        assert call.name is not None
        if _given(call) is not True or (call.name in off and not _is_block(call, facts)):
            continue
        if call.method not in _BLOCKS_ONLY or _is_block(call, facts):
            yield call.node, _MODES[call.name]
    for name, what in _JAX.items():
        switches = facts[Switches].set(name)
        if switches and all(each.value is True for each in switches):
            yield switches[0].node, what


def _given(call: Call) -> object:
    name = _GIVEN.get(call.method)
    if name is None:
        return True
    return call.argument(name, 0).constant


def _catches(facts: Facts) -> bool:
    """Whether the file may count on the error that a NaN raises."""
    from greenlint import Tree, cst

    return any(
        each.type is None or _CAUGHT.search(facts.document.source(each.type)) is not None
        for each in facts[Tree].of_type(cst.ExceptHandler)
    )


def _is_all(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a statement does nothing but switch the mode on."""
    from greenlint import Calls, Tree, cst

    # The rest of the program may read a variable of the environment.
    if any(facts.document.text.count(name) > 1 for name in _VARIABLES):
        return False
    if not facts[Tree].stands_alone(node):
        return False
    if not isinstance(node, cst.Call):
        return True
    call = facts[Calls].of(node)
    if call.name in _MODES or call.method in ("putenv", "setdefault"):
        return True
    # Of a dictionary, other settings would go as well.
    return call.method == "update" and len(node.args) == len(call.positional) == 2


def _is_block(call: Call, facts: Facts) -> bool:
    from greenlint import Tree, cst

    return isinstance(facts[Tree].parent(call.node), cst.WithItem)
