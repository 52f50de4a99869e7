"""Code that hides every accelerator and then trains."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Fix, Outline, cst


class AcceleratorHidden(Rule):
    """A training script switches all accelerators off: an empty `CUDA_VISIBLE_DEVICES`, a CPU platform, no visible GPU.

    The training then runs on the CPU, several times slower and for more energy, while the accelerator stands idle and
    draws power all the same. Such a line is often left over from debugging.

    The finding stands at the line that hides the accelerator.

    Leave it in tests, data preparation, and on machines without an accelerator (`hardware = "cpu"`). Placing only
    preprocessing or an embedding on the CPU is not meant.

    To fix it, remove the line.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "tensorflow", "keras", "jax", "flax", "xgboost", "lightgbm")
    words = (
        (
            "CUDA_VISIBLE_DEVICES",
            "set_visible_devices",
            "*JAX_PLATFORM*",
            "*jax_platform*",
            "CPU",
            "cpu",
            "is_available",
        ),
        ("*fit*", "*backward", "*train*", "apply_gradients", "apply_updates"),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.MAY_HAVE_ACCELERATOR,
        Premise.REAL_DATA,
        Premise.NOT_REINFORCEMENT,
    )
    references = ("https://doi.org/10.1007/978-3-031-23220-6_8",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "training on GPU nodes beat all other node types in run time and energy; an accelerator left unused is "
            "over-proportionally wasteful",
            "https://doi.org/10.1007/978-3-031-23220-6_8",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if outline.stored_keys & {*_VARIABLES, *_PLATFORMS, *_OPTIONS} or "is_available" in outline.stored_attributes:
            return True
        return "set_visible_devices" in outline.calls or any(_CPU.match(each) for each in outline.texts)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Environment

        if not _trains(facts):
            return
        idle = facts[Environment].accelerators
        machine = f"; this machine has {', '.join(idle)}" if idle else ""
        for node, what in _hidden(facts):
            if facts[Contexts].dead(node) or _conditional(node, facts):
                continue
            yield self.finding(
                node,
                f"{what}, so the training below runs on the CPU{machine}",
                help="remove this line, or set it from outside where a CPU is meant",
                notes=("pays off if an accelerator is available; tiny models may be slower on one",),
                fix=self._fix(node, facts),
            )

    def _fix(self, node: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import Tree, cst, delete_statement, is_remarked, unwrap

        if is_remarked(facts.document, facts[Tree].statement(node)) or not _runs_anywhere(facts):
            return None
        if isinstance(node, cst.With):
            place = next((each.item for each in node.items if _places_on_cpu(each.item, facts)), None)
            edits = unwrap(facts.document, node, place) if place is not None else None
            return None if edits is None else self.unsafe_fix("leave the place to the library", *edits, reason=_REASON)
        statement = facts[Tree].statement(node)
        if not _is_all(node, statement, facts):
            return None
        edits = delete_statement(facts.document, statement)
        if edits is None:
            return None
        return self.unsafe_fix("let the training see the accelerator", *edits, reason=_REASON)

    examples = (
        Bad(
            """
            import os

            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # bad

            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", loss="categorical_crossentropy")
            model.fit(images, labels, epochs=10)
            """,
            fixed="""
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", loss="categorical_crossentropy")
            model.fit(images, labels, epochs=10)
            """,
        ),
        Bad(
            """
            import tensorflow as tf

            tf.config.set_visible_devices([], "GPU")  # bad
            model = tf.keras.Sequential([tf.keras.layers.Conv2D(64, 3), tf.keras.layers.Dense(10)])
            model.compile("adam", loss="mse")
            model.fit(x, y, epochs=20)
            """,
            fixed="""
            import tensorflow as tf

            model = tf.keras.Sequential([tf.keras.layers.Conv2D(64, 3), tf.keras.layers.Dense(10)])
            model.compile("adam", loss="mse")
            model.fit(x, y, epochs=20)
            """,
        ),
        Bad(
            """
            import jax
            import optax

            jax.config.update("jax_platforms", "cpu")  # bad

            for batch in batches:
                loss, grads = jax.value_and_grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
            fixed="""
            import jax
            import optax


            for batch in batches:
                loss, grads = jax.value_and_grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
        ),
        Bad(
            """
            import tensorflow as tf

            with tf.device("/CPU:0"):  # bad
                history = model.fit(train, epochs=50)
            """,
            fixed="""
            import tensorflow as tf

            history = model.fit(train, epochs=50)
            """,
        ),
        Bad(
            """
            import os
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # bad
            import torch
            from torch import nn

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = nn.Linear(512, 10).to(device)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = nn.Linear(512, 10).to(device)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import os
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # bad
            import torch
            from torch import nn

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = nn.Linear(512, 10).to(device)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.to(device)), y)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import os
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # bad
            import torch
            from torch import nn

            model = nn.Linear(512, 10)
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import os

            os.environ["PYTHONHASHSEED"] = "0"
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # bad
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", loss="categorical_crossentropy")
            model.fit(images, labels, epochs=10)
            """
        ),
        Bad(
            """
            import os

            shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # bad
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", loss="categorical_crossentropy")
            model.fit(images, labels, epochs=10)
            """
        ),
        Good(
            """
            import os

            os.environ["CUDA_VISIBLE_DEVICES"] = "0"
            from tensorflow import keras

            model.fit(images, labels)
            """,
            why="one GPU stays visible",
        ),
        Good(
            """
            import jax
            import optax
            import tensorflow as tf

            tf.config.set_visible_devices([], "GPU")
            for batch in tf.data.Dataset.load("train"):
                updates, state = optimizer.update(grad(params, batch), state)
                params = optax.apply_updates(params, updates)
            """,
            why="TensorFlow only reads the data and leaves the GPU to JAX",
        ),
        Good(
            """
            import os
            import argparse

            args = argparse.ArgumentParser().parse_args()
            os.environ["CUDA_VISIBLE_DEVICES"] = args.gpus
            import torch

            loss.backward()
            """,
            why="the value comes from the command line",
        ),
        Good(
            """
            import tensorflow as tf

            with tf.device("/CPU:0"):
                table = tf.keras.layers.StringLookup(vocabulary=words)
            model.fit(train, epochs=50)
            """,
            why="only preprocessing is put on the CPU",
        ),
        Good(
            """
            import os

            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
            import tensorflow as tf

            print(tf.keras.models.load_model("model").predict(x))
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import os
            import sys

            if "--cpu" in sys.argv:
                os.environ["CUDA_VISIBLE_DEVICES"] = ""
            import torch

            for x, y in loader:
                criterion(model(x), y).backward()
            """,
            why="only when asked for",
        ),
        Good(
            """
            import os

            os.environ["CUDA_VISIBLE_DEVICES"] = ""
            from tensorflow import keras

            model = keras.Sequential([keras.layers.Conv2D(64, 3)])
            model.fit(images, labels)
            """,
            why="the project says that it runs on CPUs",
            settings={"hardware": "cpu"},
        ),
    )


_REASON = "the accelerator has its own rounding, random numbers and memory"
_NOTHING = ("", "-1")
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_OPTIONS = ("jax_platforms", "jax_platform_name")
_PLATFORMS = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
_CPU = re.compile(r"^/?(?:device:)?cpu(?::\d+)?$", re.IGNORECASE)


def _hidden(facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    """The places that hide every accelerator, in words."""
    from greenlint import Calls, Tree, Values, cst

    values, tree = facts[Values], facts[Tree]
    for assign in tree.of_type(cst.Assign):
        target = assign.targets[0].target
        said = _variable(target, values.constant(assign.value), facts) if isinstance(target, cst.Subscript) else None
        if said is not None:
            yield assign, said
        if isinstance(target, cst.Attribute) and _denies_cuda(target, assign.value, facts):
            yield assign, "CUDA is said to be missing"
    for call in facts[Calls].methods("set_visible_devices"):
        plain = call.positional
        if _only_feeds(facts):
            break
        if len(plain) > 1 and values.constant(plain[0]) == [] and values.constant(plain[1]) == "GPU":
            yield call.node, "no GPU is visible"
    for call in facts[Calls].methods("update", "setdefault", "putenv"):
        plain = call.positional
        if len(plain) < 2:
            continue
        key, value = values.constant(plain[0]), values.constant(plain[1])
        if (key in (*_OPTIONS, *_PLATFORMS) and value == "cpu") or (key in _VARIABLES and value in _NOTHING):
            yield call.node, "every accelerator is hidden"
    for block in tree.of_type(cst.With):
        for item in block.items:
            if _places_on_cpu(item.item, facts) and _trains_in(block.body, facts):
                yield block, "this block is placed on the CPU"


def _denies_cuda(target: cst.Attribute, value: cst.BaseExpression, facts: Facts) -> bool:
    """Whether `torch.cuda.is_available` is replaced by a function that says no."""
    from greenlint import Names, Values, cst

    if not isinstance(value, cst.Lambda) or facts[Names].resolve(target) != "torch.cuda.is_available":
        return False
    return facts[Values].constant(value.body) is False


def _only_feeds(facts: Facts) -> bool:
    """Whether TensorFlow only reads data for another framework, which then keeps the accelerator for itself."""
    from greenlint import Frameworks

    return any(facts[Frameworks].uses(root) for root in ("jax", "flax", "torch", "haiku", "optax"))


def _variable(target: cst.Subscript, value: object, facts: Facts) -> str | None:
    from greenlint import Values, dotted

    if not (dotted(target.value) or "").endswith("environ"):
        return None
    key = facts[Values].index(target)
    if key in _VARIABLES and value in _NOTHING:
        return f"{key} hides every GPU"
    return "JAX is told to use the CPU" if key in _PLATFORMS and value == "cpu" else None


def _places_on_cpu(manager: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Calls, Values, cst

    if not isinstance(manager, cst.Call):
        return False
    call = facts[Calls].of(manager)
    if call.name not in ("tensorflow.device", "keras.device") or not call.positional:
        return False
    device = facts[Values].constant(call.positional[0])
    return isinstance(device, str) and _CPU.match(device) is not None


def _trains_in(body: cst.CSTNode, facts: Facts) -> bool:
    from greenlint import Calls, Kind, Values

    for call in facts[Calls].methods("fit", "fit_generator", "apply_gradients", "train_on_batch", within=body):
        kind = facts[Values].of(call.receiver).kind if call.receiver is not None else None
        if kind in (None, Kind.KERAS_MODEL):
            return True
    return False


def _trains(facts: Facts) -> bool:
    from greenlint import Frameworks, Loops

    if facts[Loops].steps:
        return True
    deep = any(facts[Frameworks].uses(root) for root in ("tensorflow", "keras"))
    return deep and _trains_in(facts.document.tree, facts)


def _conditional(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a condition decides on it."""
    from greenlint import Tree, cst

    above = facts[Tree].enclosing(node, cst.If, cst.FunctionDef, cst.Try)
    if isinstance(above, cst.If) and "__name__" in facts.document.source(above.test):
        return False
    return isinstance(above, (cst.If, cst.Try))


# -- the fix ---------------------------------------------------------------------------------------------------

_MEANT = re.compile(
    r"PYTHONHASHSEED|determinis|op_parallelism|force_host_platform|jax_enable_x64|JAX_ENABLE_X64|multiprocess|joblib"
    r"|n_jobs|concurrent|\bPool\(|\bray\b|_resolver|set_memory_growth|GPUOptions|ConfigProto"
)
"""Words of code that wants the same numbers each time, that has many processes, or that sees to its devices itself."""
_SETTINGS = (*_VARIABLES, *_PLATFORMS, *_OPTIONS, "set_visible_devices")


def _is_all(node: cst.CSTNode, statement: cst.CSTNode, facts: Facts) -> bool:
    """Whether a statement does nothing but hide the accelerators, and nothing else speaks of the setting."""
    from greenlint import Tree, cst

    if not facts[Tree].stands_alone(node):
        return False
    source, text = facts.document.source(statement), facts.document.text
    if isinstance(node, cst.Assign) and isinstance(node.value, cst.Lambda):
        return text.count("is_available =") == 1 and facts[Tree].function(node) is None
    settings = [each for each in _SETTINGS if each in text]
    return len(settings) == 1 and settings[0] in source and text.count(settings[0]) == 1


def _runs_anywhere(facts: Facts) -> bool:
    """Whether the training certainly runs on an accelerator as well, and makes use of it."""
    from greenlint import Frameworks, Loops, Portability

    frameworks = facts[Frameworks]
    used = [each for each in ("torch", "tensorflow", "jax") if frameworks.uses(each)]
    if len(used) > 1 or _MEANT.search(facts.document.text):
        return False
    if used != ["torch"] or not facts[Loops].steps:
        return used != ["torch"]
    portability = facts[Portability]
    return frameworks.gpu_in_code is True and portability.certain and portability.moves_batches
