"""Compiled execution switched off for debugging."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Fix, cst


class GraphExecutionDisabled(Rule):
    """Code that would run compiled is told to run eagerly: `run_eagerly=True`, `jax_disable_jit`, `enforce_eager=True`.

    Without its graph, each operation goes through the interpreter on its own: nothing is fused, intermediate results go
    to memory and back, and the accelerator waits for Python between small kernels. The switches exist for stepping
    through code with a debugger.

    The finding stands at the `compile(...)`, `LLM(...)` or other call, or at the setting, that switches compilation
    off. An info where it may be needed or pay off: code that reads values with `.numpy()` in its functions, a model
    class of the project, `torch.compile` disabled from within the code, and vLLM, where eager execution saves memory
    and the time to capture graphs. A switch under a condition, and training on a toy, are not reported.

    Leave it while debugging, and where the platform cannot compile the code.

    To fix it, remove the switch. Python side effects such as `print` then run only while a graph is traced.
    """

    severity = Severity.WARNING
    frameworks = ("tensorflow", "keras", "jax", "torch", "vllm")
    words = (
        (
            "run_functions_eagerly",
            "experimental_run_functions_eagerly",
            "run_eagerly",
            "enable_debug_mode",
            "disable_jit",
            "jax_disable_jit",
            "JAX_DISABLE_JIT",
            "TORCHDYNAMO_DISABLE",
            "TORCH_COMPILE_DISABLE",
            "PYTORCH_JIT",
            "_dynamo",
            "enforce_eager",
        ),
        (
            "*fit*",
            "*backward",
            "*train*",
            "apply_gradients",
            "apply_updates",
            "compile",
            "script",
            "LLM",
            "*EngineArgs",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://www.tensorflow.org/api_docs/python/tf/config/run_functions_eagerly",
        "https://keras.io/api/models/model_training_apis/",
        "https://docs.jax.dev/en/latest/debugging/flags.html",
        "https://docs.vllm.ai/en/v0.10.2/configuration/engine_args.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "TensorFlow: avoid running functions eagerly in production, because it slows execution down significantly",
            "https://www.tensorflow.org/api_docs/python/tf/config/run_functions_eagerly",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "Keras: leave run_eagerly off when training, for the best performance; set it when debugging",
            "https://keras.io/api/models/model_training_apis/",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "vLLM: with enforce_eager no CUDA graphs are used and the model always runs in eager mode",
            "https://docs.vllm.ai/en/v0.10.2/configuration/engine_args.html",
        ),
    )

    @on_file
    def compiled_model(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts

        for call in facts[Calls].methods("compile"):
            if call.argument("run_eagerly").constant is not True or facts[Contexts].dead(call.node):
                continue
            severity = _severity_of(call, facts)
            yield self.finding(
                call.node,
                "run_eagerly=True runs every operation of this model from Python, one by one",
                help="drop run_eagerly=True",
                notes=_NOTES,
                severity=severity,
                fix=self._model_fix(call, facts) if severity is None else None,
            )

    @on_file
    def switch(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Runs

        for node, what in _switches(facts):
            place = facts[Runs].training(node)
            if place is None:
                continue
            yield self.finding(
                node,
                f"{what} all through the training",
                help="delete it",
                notes=_NOTES,
                severity=Severity.INFO if _reads_values(facts) else None,
                related=(place,),
                fix=self._switch_fix(node, facts),
            )

    @on_file
    def torch_compiler(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Runs

        for node, name, compilers in _disabled(facts):
            used = facts[Calls].named(*compilers)
            if not used or not facts[Runs].of(node):
                continue
            yield self.finding(
                node,
                f"{name} makes {used[0].name} below do nothing",
                help="delete it, or the compilation",
                severity=Severity.INFO,
                related=((used[0].node, "meant to be compiled"),),
            )

    @on_call("vllm.LLM", "vllm.EngineArgs", "vllm.AsyncEngineArgs", "vllm.engine.arg_utils.AsyncEngineArgs")
    def engine(self, call: Call, facts: Facts) -> Findings:
        if call.argument("enforce_eager").constant is not True or _explained(call, facts):
            return
        yield self.finding(
            call.node,
            "enforce_eager=True keeps vLLM from using CUDA graphs",
            help="drop enforce_eager=True for runs of more than a few prompts",
            notes=("capturing graphs takes seconds at the start and some memory of the GPU",),
            severity=Severity.INFO,
            fix=self._engine_fix(call),
        )

    def _model_fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import remove_argument

        if not _has_no_own_code(facts):
            return None
        edits = remove_argument(facts.document, call.node, "run_eagerly")
        return self.unsafe_fix("run the model as a graph", *edits, reason=_ROUNDS) if edits is not None else None

    def _switch_fix(self, node: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import Calls, Tree, cst, delete_statement, unwrap

        document, tree = facts.document, facts[Tree]
        parent = tree.parent(node)
        call = facts[Calls].of(node) if isinstance(node, cst.Call) else None
        if call is not None and call.name is not None and call.name.startswith("tensorflow."):
            works = _has_no_own_code(facts) and (call.method != "enable_debug_mode" or not _maps(facts))
        else:
            works = _are_traceable(facts)
        if not works:
            return None
        if call is not None and isinstance(parent, cst.WithItem):
            block = tree.parent(parent)
            edits = unwrap(document, block, call.node) if isinstance(block, cst.With) else None
        elif _is_all(node, facts):
            edits = delete_statement(document, tree.statement(node))
        else:
            edits = None
        return self.unsafe_fix("run compiled", *edits, reason=_ROUNDS) if edits is not None else None

    def _engine_fix(self, call: Call) -> Fix | None:
        from greenlint import remove_argument

        if not all(call.argument(name).absent for name in _MEMORY):
            return None
        edits = remove_argument(call.facts.document, call.node, "enforce_eager")
        if edits is None:
            return None
        return self.unsafe_fix(
            "let vLLM capture graphs", *edits, reason="changes rounding, and graphs take some memory of the GPU"
        )

    examples = (
        Bad(
            """
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy", run_eagerly=True)  # bad
            model.fit(images, epochs=20)
            """,
            fixed="""
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
        ),
        Bad(
            """
            import keras

            class Net(keras.Model):
                def call(self, x):
                    return self.head(self.body(x))

            settings = {"optimizer": "adam", "loss": "mse", "run_eagerly": True}
            model = Net()
            model.compile(**settings)  # bad
            model.fit(images, epochs=20)
            """
        ),
        Bad(
            """
            import tensorflow as tf

            tf.config.run_functions_eagerly(True)  # bad
            tf.data.experimental.enable_debug_mode()  # bad
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
            import jax
            import optax

            jax.config.update("jax_disable_jit", True)  # bad
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
            import jax
            import optax

            with jax.disable_jit():  # bad
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
            import os

            import torch

            os.environ["TORCHDYNAMO_DISABLE"] = "1"  # bad
            model = torch.compile(Net().cuda())
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            import torch._dynamo

            torch._dynamo.config.disable = True  # bad
            model = torch.compile(Net().cuda())
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            from vllm import LLM, SamplingParams

            llm = LLM("meta-llama/Llama-3.1-8B-Instruct", enforce_eager=True)  # bad
            outputs = llm.generate(prompts, SamplingParams(max_tokens=512))
            """,
            fixed="""
            from vllm import LLM, SamplingParams

            llm = LLM("meta-llama/Llama-3.1-8B-Instruct")
            outputs = llm.generate(prompts, SamplingParams(max_tokens=512))
            """,
        ),
        Bad(
            """
            import jax
            import optax

            def loss_fn(params, x, y):
                return ((x @ params - y) ** 2).mean()

            @jax.jit
            def step(params, state, x, y):
                loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
                updates, state = tx.update(grads, state)
                return optax.apply_updates(params, updates), state, loss

            with jax.disable_jit():  # bad
                for x, y in batches:
                    params, state, loss = step(params, state, x, y)
            """,
            fixed="""
            import jax
            import optax

            def loss_fn(params, x, y):
                return ((x @ params - y) ** 2).mean()

            @jax.jit
            def step(params, state, x, y):
                loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
                updates, state = tx.update(grads, state)
                return optax.apply_updates(params, updates), state, loss

            for x, y in batches:
                params, state, loss = step(params, state, x, y)
            """,
        ),
        Bad(
            """
            import jax
            import optax

            @jax.jit
            def step(params, state, batch):
                loss, grads = jax.value_and_grad(loss_fn)(params, batch)
                print("loss", loss)
                updates, state = tx.update(grads, state)
                return optax.apply_updates(params, updates), state, loss

            jax.config.update("jax_disable_jit", True)  # bad
            for batch in batches:
                params, state, loss = step(params, state, batch)
            """
        ),
        Bad(
            """
            import tensorflow as tf

            def smoothed(y_true, y_pred):
                return tf.reduce_mean(tf.abs(y_true - y_pred))

            model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
            model.compile("adam", loss=smoothed, run_eagerly=True)  # bad
            model.fit(images, epochs=20)
            """
        ),
        Bad(
            """
            import tensorflow as tf

            tf.data.experimental.enable_debug_mode()  # bad
            data = files.map(lambda path: decode(path)).batch(32)
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(data, epochs=20)
            """
        ),
        Bad(
            """
            from vllm import LLM

            llm = LLM("mistralai/Mistral-7B-v0.3", gpu_memory_utilization=0.98, enforce_eager=True)  # bad
            outputs = llm.generate(prompts)
            """
        ),
        Bad(
            """
            import numpy as np
            import tensorflow as tf

            def spread(y_true, y_pred):
                return np.std(y_true - y_pred)

            tf.config.run_functions_eagerly(True)  # bad
            model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
            model.compile("adam", "mse", metrics=[spread])
            model.fit(images, epochs=20)
            """
        ),
        Good(
            """
            from tensorflow import keras

            model = keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy", run_eagerly=FLAGS.mode == "eager")
            model.fit(images, epochs=20)
            """,
            why="an option decides",
        ),
        Good(
            """
            from tensorflow import keras

            (x, y), _ = keras.datasets.mnist.load_data()
            model = keras.Sequential([keras.layers.Dense(10)])
            model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
            model.fit(x, y)
            """,
            why="a toy data set",
        ),
        Good(
            """
            import tensorflow as tf

            def train(debug):
                if debug:
                    tf.config.run_functions_eagerly(True)
                model = tf.keras.applications.ResNet50(weights=None)
                model.compile("adam", "categorical_crossentropy")
                model.fit(images, epochs=20)
            """,
            why="only for debugging",
        ),
        Good(
            """
            import tensorflow as tf

            tf.config.run_functions_eagerly(True)
            print(augment(first))
            tf.config.run_functions_eagerly(False)
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)
            """,
            why="switched back before the training",
        ),
        Good(
            """
            import jax
            import optax

            with jax.disable_jit():
                print(loss_fn(params, first))
            for batch in batches:
                updates, state = tx.update(gradient(params, batch), state)
                params = optax.apply_updates(params, updates)
            """,
            why="around one call before the training",
        ),
        Good(
            """
            import sys

            import torch
            import torch._dynamo

            if sys.platform == "win32":
                torch._dynamo.config.disable = True
            model = torch.compile(Net().cuda())
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="only where the platform cannot compile",
        ),
        Good(
            """
            import torch
            import torch._dynamo

            torch._dynamo.config.disable = True
            model = Net().cuda()
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
            """,
            why="nothing would be compiled anyway",
        ),
        Good(
            """
            from vllm import LLM

            # CUDA graphs do not fit into memory beside the weights.
            llm = LLM("meta-llama/Llama-3.1-70B-Instruct", enforce_eager=True)
            small = LLM("Qwen/Qwen2.5-0.5B", enforce_eager=False)
            other = LLM("Qwen/Qwen2.5-0.5B", enforce_eager=args.eager)
            """,
            why="the reason stands beside it; and two that are not eager or not known",
        ),
        Good(
            """
            import re

            import tensorflow as tf

            pattern = re.compile(text, run_eagerly)
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "mse")
            model.fit(images)
            """,
            why="run_eagerly is off unless given",
        ),
    )


_NOTES = ("Python side effects such as print run only while a graph is traced",)
_ROUNDS = "changes rounding and random numbers"
_CODE = (("loss", 1), ("metrics", 2), ("weighted_metrics", 4))
"""What a model is compiled with that may be code of the project."""
_MEMORY = ("gpu_memory_utilization", "cpu_offload_gb", "swap_space", "kv_cache_memory_bytes", "device")
"""What is set where memory is short, or another device meant."""
_UNTRACED = re.compile(
    r"\btf\.function|\btensorflow\.function|\bpy_function|\bnumpy_function|\bLambda\b|\bGradientTape\b"
)
_MAPS = ("map", "filter", "flat_map", "interleave", "scan", "reduce", "from_generator", "apply", "take_while")
_CONTROL = re.compile(r"\blax\b|\bpmap\b|\bcallback\b|\bshard_map\b|\bcheckify\b")
_PURE = ("jax.", "optax.")
_PURE_METHODS = frozenset("apply update astype reshape mean sum max min transpose squeeze at set add dot".split())
_EAGER = {
    "tensorflow.config.run_functions_eagerly": "TensorFlow runs its functions eagerly",
    "tensorflow.config.experimental_run_functions_eagerly": "TensorFlow runs its functions eagerly",
}
_TORCH = ("torch.compile",)
_SCRIPT = ("torch.jit.script", "torch.jit.trace")
_VARIABLES = {
    "TORCHDYNAMO_DISABLE": ("1", _TORCH),
    "TORCH_COMPILE_DISABLE": ("1", _TORCH),
    "PYTORCH_JIT": ("0", _SCRIPT),
}
_REASON = re.compile(r"memory|vram|oom|graph|support|compat|crash|hang|arch|nccl|wsl|windows|bug", re.IGNORECASE)


def _switches(facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    """The places that switch graphs off, and are not taken back."""
    from greenlint import Calls, Switches, Tree, cst

    for name, what in _EAGER.items():
        calls = facts[Calls].named(name)
        if calls and all(each.argument("run_eagerly", 0).constant is True for each in calls):
            yield calls[0].node, what
    for call in facts[Calls].named("tensorflow.data.experimental.enable_debug_mode"):
        yield call.node, "TensorFlow runs its input pipeline eagerly, without parallelism,"
    for call in facts[Calls].named("jax.disable_jit"):
        block = isinstance(facts[Tree].parent(call.node), cst.WithItem)
        if block and call.argument("disable", 0).constant in (True, *_absent(call)):
            yield call.node, "JAX runs everything uncompiled"
    switches = facts[Switches].set("jax.config.jax_disable_jit")
    if switches and all(each.value is True for each in switches):
        yield switches[0].node, "JAX runs everything uncompiled"


def _has_no_own_code(facts: Facts) -> bool:
    """Whether a model is certainly made of what Keras brings: then it can run as a graph."""
    from greenlint import Calls, Imports, Tree, cst

    if _reads_values(facts) or _UNTRACED.search(facts.glance.code.text):
        return False
    if any(each.bases for each in facts[Tree].of_type(cst.ClassDef)):
        return False
    for call in facts[Calls].methods("compile"):
        given = [call.argument(name, position) for name, position in _CODE]
        if not all(each.absent or (each.node is not None and _is_built_in(each.node, facts)) for each in given):
            return False
    return not any("keras" in (facts.sources.read(path) or "") for path in facts[Imports].reachable())


def _is_built_in(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an argument holds no code of the project: text, numbers and what is made by Keras."""
    from greenlint import UNKNOWN, Names, Tree, Values, cst

    names, tree = facts[Names], facts[Tree]
    if any(tree.below(node, cst.Lambda)):
        return False
    for each in tree.below(node, cst.Name):
        above = tree.parent(each)
        is_word = (isinstance(above, cst.Attribute) and above.attr is each) or (
            isinstance(above, cst.Arg) and above.keyword is each
        )
        if is_word or facts[Values].constant(each) is not UNKNOWN:
            continue
        name = names.resolve(each)
        if name is None or name.partition(".")[0] not in ("keras", "tensorflow"):
            return False
    return True


def _maps(facts: Facts) -> bool:
    """Whether functions may run on the elements of a data set."""
    from greenlint import Calls

    return bool(facts[Calls].methods(*_MAPS))


def _are_traceable(facts: Facts) -> bool:
    """Whether every compiled function of the file certainly works on traced arrays and does nothing else."""
    from greenlint import Calls, Compiled, Imports, Tree, cst

    tree, calls, compiled = facts[Tree], facts[Calls], facts[Compiled]
    if _CONTROL.search(facts.glance.code.text):
        return False
    if any("jax" in (facts.sources.read(path) or "") for path in facts[Imports].reachable()):
        return False
    local = {each.name.value for each in tree.of_type(cst.FunctionDef)}
    for each in calls.all:
        if each.name == "jax.disable_jit":
            continue
        if compiled.wraps(each) and not all(_is_named(arg, local) for arg in each.positional[:1]):
            return False
    return all(
        _is_traceable(each, local, facts)
        for each in tree.of_type(cst.FunctionDef)
        if compiled.function(each) is not False
    )


def _is_named(node: cst.BaseExpression, names: set[str]) -> bool:
    from greenlint import cst

    return isinstance(node, cst.Name) and node.value in names


def _is_traceable(function: cst.FunctionDef, local: set[str], facts: Facts) -> bool:
    """Whether a function does nothing but call what works on traced arrays, itself on one straight path."""
    from greenlint import Calls, Names, Tree, cst

    tree, names = facts[Tree], facts[Names]
    branches = (cst.If, cst.IfExp, cst.While, cst.Assert, cst.Try, cst.BooleanOperation, cst.Comparison, cst.Raise)
    if any(tree.below(function.body, *branches, cst.Global, cst.Nonlocal, cst.Yield, cst.Del)):
        return False
    for call in facts[Calls].within(function.body):
        func = call.node.func
        made = func
        if isinstance(func, cst.Name) and (bindings := names.reaching(func)):
            made = bindings[0].value if len(bindings) == 1 and bindings[0].value is not None else func
        maker = facts[Calls].of(made).name if isinstance(made, cst.Call) else None
        known = call.name or maker
        if known is not None and known.startswith(_PURE):
            continue
        if _is_named(func, local) or (isinstance(func, cst.Attribute) and call.method in _PURE_METHODS):
            continue
        return False
    return True


def _is_all(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a statement does nothing but switch compilation off, and nothing else reads the switch."""
    from greenlint import Calls, Tree, cst

    if facts.document.text.count("JAX_DISABLE_JIT") > 1:
        return False
    if not facts[Tree].stands_alone(node):
        return False
    if not isinstance(node, cst.Call):
        return True
    call = facts[Calls].of(node)
    if call.method == "update":
        return len(node.args) == len(call.positional) == 2
    return call.method in (*(name.rpartition(".")[2] for name in _EAGER), "enable_debug_mode", "putenv", "setdefault")


def _absent(call: Call) -> tuple[object, ...]:
    """What ``disable`` equals when it is left out."""
    given = call.argument("disable", 0)
    return (given.constant,) if given.absent else ()


def _disabled(facts: Facts) -> Iterator[tuple[cst.CSTNode, str, tuple[str, ...]]]:
    """The places that switch a compiler of PyTorch off for good, in words, with what it would compile."""
    from greenlint import Switches, Variables

    for name, (value, compilers) in _VARIABLES.items():
        if facts[Variables].value(name) == value:
            yield facts[Variables].named(name)[0].node, f"{name}={value}", compilers
    switches = facts[Switches].set("torch._dynamo.config.disable")
    if switches and all(each.value is True for each in switches):
        yield switches[0].node, "torch._dynamo.config.disable", _TORCH


def _severity_of(call: Call, facts: Facts) -> Severity | None:
    """An info where the model may need eager execution."""
    from greenlint import Kind, Values

    value = facts[Values].of(call.receiver) if call.receiver is not None else None
    known = value is not None and value.kind is Kind.KERAS_MODEL and value.instance_of is None
    return None if known and not _reads_values(facts) else Severity.INFO


def _reads_values(facts: Facts) -> bool:
    """Whether a function of the file reads values with ``.numpy()``, which only eager execution can."""
    from greenlint import Calls, Tree

    return any(facts[Tree].function(each.node) is not None for each in facts[Calls].methods("numpy"))


def _explained(call: Call, facts: Facts) -> bool:
    """Whether a comment at the call or right above it gives a reason."""
    document = facts.document
    span = document.span(call.node)
    first, last = document.line(span.start), document.line(span.end)
    lines = document.text.split("\n")[max(0, first - 3) : last]
    return any("#" in line and _REASON.search(line.partition("#")[2]) for line in lines)
