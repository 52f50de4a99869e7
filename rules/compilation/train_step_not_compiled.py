"""Training steps of JAX and TensorFlow that run operation by operation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, FunctionalStep, Outline, Step, cst

_FEW = 100
_DISABLED = re.compile(r"disable_jit|run_functions_eagerly\(\s*True|run_eagerly\s*=\s*True|disable_eager_execution")
"""Words of a program that decides on compilation as a whole."""


class TrainStepNotCompiled(Rule):
    """A training step of JAX or TensorFlow is never compiled: each operation is launched from Python.

    Both libraries are made to compile a whole step into one program. Without `jax.jit` or `tf.function`, every
    operation of forward pass, backward pass and update is dispatched from Python and launched on its own; nothing is
    fused, each intermediate result goes through memory, and the accelerator waits for the interpreter.

    The finding stands at the function that holds the step, or at the training loop when the step is written in it.

    Leave it for debugging, and for steps that need values on the host half-way.

    To fix it, decorate the step with `@jax.jit` (`@nnx.jit`, `@eqx.filter_jit`) or `@tf.function`, and keep printing,
    logging and Python randomness out of it: such side effects happen only while it is traced. Pass changing numbers as
    arrays; donate parameters and optimizer state (`donate_argnums`) to save their copies.
    """

    severity = Severity.INFO
    frameworks = ("jax", "flax", "equinox", "haiku", "tensorflow")
    words = (("*grad", "GradientTape"),)
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK, Premise.NOT_REINFORCEMENT, Premise.REAL_DATA)
    references = (
        "https://docs.jax.dev/en/latest/jit-compilation.html",
        "https://www.tensorflow.org/guide/function",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "JAX dispatches one kernel per operation until a function is compiled with jit",
            "https://docs.jax.dev/en/latest/jit-compilation.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "graphs are faster for many small operations and gain little for few large ones",
            "https://www.tensorflow.org/guide/function",
        ),
        Evidence(Grade.REASONED, "no energy measurement of an uncompiled training step was found", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(each == "GradientTape" or each.endswith("grad") for each in outline.calls)

    @on_file
    def check_jax(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import FunctionalSteps

        if _DISABLED.search(facts.glance.code.text):
            return
        seen: set[cst.CSTNode] = set()
        for step in facts[FunctionalSteps].all:
            place = _place(step, facts)
            if place is None or place in seen or not _is_eager(step, facts):
                continue
            seen.add(place)
            yield self.finding(
                place,
                "this training step computes gradients and updates operation by operation, without jit",
                help=_remedy(step, place),
                notes=("2-50 times the energy for steps of many small operations (estimate); less for few large ones",),
                related=tuple(_related(step, place, facts)),
            )

    @on_file
    def check_tensorflow(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Loops, StepOwner

        if "GradientTape" not in facts.document.text or _DISABLED.search(facts.glance.code.text):
            return
        for step in facts[Loops].steps:
            if step.owner is not StepOwner.TENSORFLOW or not _runs_eagerly(step, facts):
                continue
            function = _holder(step, facts)
            place = function if function is not None else step.loop
            if place is None or (function is None and step.loop_facts is not facts):
                continue
            yield self.finding(
                place,
                "this training step runs eagerly, operation by operation",
                help="put the step into a function and decorate it with @tf.function",
                notes=("1.2-5 times the energy for steps of many small operations (estimate)",),
                related=((step.backward.node, "updates the parameters"),),
            )

    examples = (
        Bad(
            """
            import jax
            import optax

            optimizer = optax.adam(1e-3)

            def train_step(params, state, batch):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            for epoch in range(10):
                for batch in loader:
                    params, state, loss = train_step(params, state, batch)
            """
        ),
        Bad(
            """
            import jax

            gradient = jax.grad(loss_fn)
            for batch in loader:  # bad
                grads = gradient(params, batch)
                params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
            """
        ),
        Bad(
            """
            import tensorflow as tf

            def train_step(images, labels):  # bad
                with tf.GradientTape() as tape:
                    loss = loss_fn(labels, model(images, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))
                return loss

            for images, labels in dataset:
                train_step(images, labels)
            """
        ),
        Bad(
            """
            from flax import nnx

            def train_step(model, optimizer, batch):  # bad
                loss, grads = nnx.value_and_grad(loss_fn)(model, batch)
                optimizer.update(grads)
                return loss

            for batch in loader:
                train_step(model, optimizer, batch)
            """
        ),
        Bad(
            """
            import equinox as eqx

            def make_step(model, state, batch):  # bad
                grads = eqx.filter_grad(loss_fn)(model, batch)
                updates, state = optimizer.update(grads, state)
                return eqx.apply_updates(model, updates), state

            for batch in loader:
                model, state = make_step(model, state, batch)
            """
        ),
        Bad(
            """
            import haiku as hk
            import jax
            import optax

            network = hk.transform(forward)

            def update(params, state, batch):  # bad
                grads = jax.grad(lambda p: network.apply(p, None, batch).mean())(params)
                updates, state = optimizer.update(grads, state)
                return optax.apply_updates(params, updates), state

            while training:
                params, state = update(params, state, next(batches))
            """
        ),
        Good(
            """
            import jax
            import optax

            @jax.jit
            def train_step(params, state, batch):
                loss, grads = jax.value_and_grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            for batch in loader:
                params, state, loss = train_step(params, state, batch)
            """,
            why="compiled by a decorator",
        ),
        Good(
            """
            import functools
            import jax
            import optax

            def train_step(params, state, batch):
                grads = jax.grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state)
                return optax.apply_updates(params, updates), state

            p_train_step = functools.partial(jax.pmap, axis_name="batch")(train_step)
            for batch in loader:
                params, state = p_train_step(params, state, batch)
            """,
            why="compiled by a call, through partial",
        ),
        Good(
            """
            import jax
            import optax

            def body(carry, batch):
                params, state = carry
                grads = jax.grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state)
                return (optax.apply_updates(params, updates), state), None

            for epoch in range(1000):
                carry, _ = jax.lax.scan(body, carry, batches)
            """,
            why="the body of a scan is compiled",
        ),
        Good(
            """
            import jax

            gradient = jax.jit(jax.grad(loss_fn))
            for batch in loader:
                grads = gradient(params, batch)
                params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
            """,
            why="nearly all of the work is compiled",
        ),
        Good(
            """
            import jax
            from trainer import run

            def train_step(params, batch):
                grads = jax.grad(loss_fn)(params, batch)
                return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)

            run(train_step)
            """,
            why="what happens to the step is not seen",
        ),
        Good(
            """
            import jax

            for x in points:
                slope = jax.grad(curve)(x)
                print(slope)
            """,
            why="nothing is trained",
        ),
        Good(
            """
            import tensorflow as tf

            class Net(tf.keras.Model):
                def train_step(self, data):
                    x, y = data
                    with tf.GradientTape() as tape:
                        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
                    gradients = tape.gradient(loss, self.trainable_variables)
                    self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
                    return {"loss": loss}

            model = Net()
            model.fit(dataset)
            """,
            why="Keras runs train_step in a graph",
        ),
        Good(
            """
            import tensorflow as tf

            @tf.function
            def distributed_step(batch):
                return strategy.run(train_step, args=(batch,))

            def train_step(batch):
                with tf.GradientTape() as tape:
                    loss = loss_fn(model(batch))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))

            for batch in dataset:
                distributed_step(batch)
            """,
            why="the caller is compiled",
        ),
        Good(
            """
            import tensorflow as tf

            @tf.function
            def gradients_of(image):
                with tf.GradientTape() as tape:
                    loss = loss_fn(image)
                return tape.gradient(loss, image)

            for step in range(4000):
                optimizer.apply_gradients([(gradients_of(image), image)])
            """,
            why="forward and backward pass are compiled; the update is a single operation",
        ),
        Good(
            """
            import gym
            import tensorflow as tf

            env = gym.make("LunarLander-v2")
            for iteration in range(5000):
                states, actions = play(env, model)
                with tf.GradientTape() as tape:
                    loss = loss_fn(actions, model(states))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            """,
            why="an agent in an environment, which takes most of the time",
        ),
        Good(
            """
            import jax

            for step in range(50):
                grads = jax.grad(loss_fn)(params)
                params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
            """,
            why="fifty steps are not worth a compilation",
        ),
    )


def _is_eager(step: FunctionalStep, facts: Facts) -> bool:
    """Whether a step of JAX certainly runs uncompiled, and often."""
    from greenlint import Compiled, Contexts

    if step.loop is None or (step.passes is not None and step.passes <= _FEW):
        return False
    if facts[Contexts].dead(step.gradient.node) or facts[Compiled].inside(step.gradient.node) is not False:
        return False
    if step.loop_facts is not facts and step.loop_facts[Compiled].inside(step.loop) is not False:
        return False
    loss = step.loss
    return loss is None or loss.facts[Compiled].function(loss.node) is False  # type: ignore[arg-type]


def _place(step: FunctionalStep, facts: Facts) -> cst.CSTNode | None:
    """The loop in which the step is written, else its function."""
    from greenlint import Tree

    here = step.loop is not None and step.loop_facts is facts
    if here and facts[Tree].contains(step.loop, step.gradient.node):  # type: ignore[arg-type]
        return step.loop
    return step.function


def _remedy(step: FunctionalStep, place: cst.CSTNode) -> str:
    from greenlint import cst

    name = step.gradient.facts.document.source(step.gradient.node)
    jit = "@nnx.jit" if "nnx" in name else "@eqx.filter_jit" if "filter_" in name else "@jax.jit"
    if not isinstance(place, cst.FunctionDef):
        return f"put the step into a function and decorate it with {jit}"
    return f"decorate it with {jit}"


def _related(step: FunctionalStep, place: cst.CSTNode, facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    yield step.gradient.node, "computes the gradients"
    if step.loop is not None and step.loop is not place and step.loop_facts is facts:
        yield step.loop, "runs the step"


def _runs_eagerly(step: Step, facts: Facts) -> bool:
    """Whether a step of TensorFlow certainly runs uncompiled, and often."""
    from greenlint import Compiled, Contexts, Loops

    if step.loop is None or facts[Contexts].dead(step.backward.node):
        return False
    passes = step.loop_facts[Loops].of(step.loop).iterations
    if passes is not None and passes <= _FEW:
        return False
    if facts[Compiled].inside(step.backward.node) is not False or not _differentiates(step, facts):
        return False
    return step.loop_facts is facts or step.loop_facts[Compiled].inside(step.loop) is False


def _differentiates(step: Step, facts: Facts) -> bool:
    """Whether the tape of the step certainly is recorded eagerly: only the update may be left outside of a graph."""
    from greenlint import Calls, Compiled, Loops

    return any(
        region.facts[Compiled].inside(call.node) is False
        for region in facts[Loops].regions(step)
        for call in region.facts[Calls].methods("gradient", within=region.body)
    )


def _holder(step: Step, facts: Facts) -> cst.FunctionDef | None:
    """The function that holds the step but not its loop."""
    from greenlint import Tree

    function = facts[Tree].function(step.backward.node)
    if function is None or step.loop is None:
        return function
    inline = step.loop_facts is facts and facts[Tree].contains(function, step.loop)
    return None if inline else function
