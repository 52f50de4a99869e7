"""Training steps of JAX and TensorFlow that run operation by operation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Fix, FunctionalStep, Outline, Step, cst

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
    arrays; donate parameters and optimizer state (`donate_argnums`) to save their copies. The automatic fix
    is made where one straight path leads through the step and what it calls, over arrays and objects of the libraries.
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
                fix=self._jax_fix(place, facts),
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
                fix=self._fix(function, facts) if function is not None and step.loop_facts is facts else None,
            )

    def _jax_fix(self, place: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import Traceable, cst, decorate, spelled

        if not isinstance(place, cst.FunctionDef) or not _gets_arrays(place, facts):
            return None
        traceable, module = facts[Traceable], spelled(facts.document, "jax")
        if module is None or not traceable.is_pure(place) or not traceable.returns_values(place):
            return None
        imported, jax = module
        edits = decorate(facts.document, place, f"{jax}.jit")
        if edits is None:
            return None
        return self.unsafe_fix("compile the step", *imported, *edits, reason="changes rounding")

    def _fix(self, function: cst.FunctionDef, facts: Facts) -> Fix | None:
        from greenlint import insert_before, spelled

        if not _gets_batches(function, facts) or not _is_traceable(function, facts):
            return None
        module = spelled(facts.document, "tensorflow", "tf")
        if module is None:
            return None
        imported, tf = module
        edits = insert_before(facts.document, function, f"@{tf}.function")
        if edits is None:
            return None
        return self.unsafe_fix("compile the step", *imported, *edits, reason="changes rounding and random numbers")

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
        Bad(
            """
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
            optimizer = tf.keras.optimizers.Adam()
            dataset = tf.data.TFRecordDataset(files).map(parse).batch(64)

            def train_step(images, labels):  # bad
                with tf.GradientTape() as tape:
                    loss = loss_fn(labels, model(images, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))
                return loss

            for epoch in range(10):
                for images, labels in dataset:
                    loss = train_step(images, labels)
                print(epoch, loss.numpy())
            """,
            fixed="""
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
            optimizer = tf.keras.optimizers.Adam()
            dataset = tf.data.TFRecordDataset(files).map(parse).batch(64)

            @tf.function
            def train_step(images, labels):
                with tf.GradientTape() as tape:
                    loss = loss_fn(labels, model(images, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))
                return loss

            for epoch in range(10):
                for images, labels in dataset:
                    loss = train_step(images, labels)
                print(epoch, loss.numpy())
            """,
        ),
        Bad(
            """
            import tensorflow as tf

            model = tf.keras.applications.ResNet50(weights=None)
            loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
            optimizer = tf.keras.optimizers.Adam()
            dataset = tf.data.TFRecordDataset(files).map(parse).batch(64)

            def train_step(images, labels):  # bad
                with tf.GradientTape() as tape:
                    loss = loss_fn(labels, model(images, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))
                print("loss", loss.numpy())

            for images, labels in dataset:
                train_step(images, labels)
            """
        ),
        Bad(
            """
            import tensorflow as tf

            loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
            dataset = tf.data.TFRecordDataset(files).map(parse).batch(64)

            def train_step(images, labels):  # bad
                with tf.GradientTape() as tape:
                    loss = loss_fn(labels, model(images, training=True))
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))

            for fold in range(5):
                model = tf.keras.applications.ResNet50(weights=None)
                optimizer = tf.keras.optimizers.Adam()
                for images, labels in dataset:
                    train_step(images, labels)
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64])
            """,
            fixed="""
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            @jax.jit
            def train_step(params, state, rows):
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64])
            """,
        ),
        Bad(
            """
            import flax.linen as nn
            import optax
            from flax.training.train_state import TrainState
            from jax import numpy as jnp, random, value_and_grad

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.Dense(10)(nn.relu(nn.Dense(128)(x)))

            # One update.
            def train_step(state, images, labels):  # bad
                def loss_fn(params):
                    logits = state.apply_fn({"params": params}, images)
                    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

                loss, grads = value_and_grad(loss_fn)(state.params)
                return state.apply_gradients(grads=grads), loss

            net = Net()
            images, labels = jnp.load("images.npy"), jnp.load("labels.npy")
            params = net.init(random.PRNGKey(0), images[:1])["params"]
            state = TrainState.create(apply_fn=net.apply, params=params, tx=optax.adamw(1e-3))
            for start in range(0, 60000, 64):
                state, loss = train_step(state, images[start : start + 64], labels[start : start + 64])
            """,
            fixed="""
            import flax.linen as nn
            import jax
            import optax
            from flax.training.train_state import TrainState
            from jax import numpy as jnp, random, value_and_grad

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.Dense(10)(nn.relu(nn.Dense(128)(x)))

            # One update.
            @jax.jit
            def train_step(state, images, labels):
                def loss_fn(params):
                    logits = state.apply_fn({"params": params}, images)
                    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

                loss, grads = value_and_grad(loss_fn)(state.params)
                return state.apply_gradients(grads=grads), loss

            net = Net()
            images, labels = jnp.load("images.npy"), jnp.load("labels.npy")
            params = net.init(random.PRNGKey(0), images[:1])["params"]
            state = TrainState.create(apply_fn=net.apply, params=params, tx=optax.adamw(1e-3))
            for start in range(0, 60000, 64):
                state, loss = train_step(state, images[start : start + 64], labels[start : start + 64])
            """,
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                print("loss", loss)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64])
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                losses.append(loss)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            losses = []
            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64])
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                if rows.sum() == 0:
                    return jnp.zeros(())
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64])
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, next(batches))
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows, number):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64], start)
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            scale = 1.0
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0]) ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, scale * updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    scale = 0.99 * scale
                    params, state, loss = train_step(params, state, data[start : start + 64])
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax

            optimizer = optax.adam(1e-3)
            data = load_rows().astype("float32")

            def loss_fn(params, rows):
                return jnp.mean((rows[:, 1:] @ params["w"] - rows[:, 0])[jnp.isfinite(rows[:, 0])] ** 2)

            def train_step(params, state, rows):  # bad
                loss, grads = jax.value_and_grad(loss_fn)(params, rows)
                updates, state = optimizer.update(grads, state, params)
                return optax.apply_updates(params, updates), state, loss

            params = {"w": jnp.zeros(8)}
            state = optimizer.init(params)
            for epoch in range(10):
                for start in range(0, 60000, 64):
                    params, state, loss = train_step(params, state, data[start : start + 64])
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


def _gets_batches(function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a function is called in one place, with nothing but tensors of a data set."""
    from greenlint import Calls, Kind, Names, Values, cst

    names, values, call = facts[Names], facts[Values], _only_call(function, facts)
    if call is None:
        return False
    for arg in facts[Calls].of(call).positional:
        bindings = names.reaching(arg) if isinstance(arg, cst.Name) else ()
        loop = bindings[0].node if len(bindings) == 1 else None
        if not isinstance(loop, cst.For) or values.of(loop.iter).kind is not Kind.TF_DATASET:
            return False
    return True


def _gets_arrays(function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a function is called in one place, with nothing but arrays and trees of arrays."""
    from greenlint import Project, Traceable

    call = _only_call(function, facts)
    if call is None or facts[Project].importers():
        return False
    return all(facts[Traceable].is_arrays(each.value, function) for each in call.args)


def _only_call(function: cst.FunctionDef, facts: Facts) -> cst.Call | None:
    """The one place that uses a plain function at the top of the file: a call that passes all by position."""
    from greenlint import Tree, cst

    tree, params = facts[Tree], function.params
    if function.decorators or not isinstance(tree.parent(function), cst.Module) or not params.params:
        return None
    if params.kwonly_params or params.star_kwarg or any(each.default is not None for each in params.params):
        return None
    uses = [each for each in tree.named(function.name.value) if each is not function.name]
    call = tree.parent(uses[0]) if len(uses) == 1 else None
    if not isinstance(call, cst.Call) or call.func is not uses[0] or len(call.args) != len(params.params):
        return None
    return call if all(arg.keyword is None and not arg.star for arg in call.args) else None


def _is_traceable(function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a step takes one straight path through what TensorFlow and Keras bring, over objects that stay."""
    from greenlint import Calls, Names, Tree, Values, cst

    tree, names, values = facts[Tree], facts[Names], facts[Values]
    if any(tree.below(function.body, *_branches())) or ".trainable =" in facts.document.text:
        return False
    for name in tree.below(function.body, cst.Name):
        for binding in names.reaching(name):
            if tree.contains(function, binding.node) or isinstance(binding.node, (cst.Import, cst.ImportFrom)):
                continue
            # What is made anew would bring variables that the graph does not know.
            line = tree.parent(binding.node)
            if not isinstance(binding.node, cst.Assign) or not isinstance(tree.parent(line or name), cst.Module):
                return False
            if len(names.reaching(name)) != 1:
                return False
    for call in facts[Calls].within(function.body):
        func = call.node.func
        if _is_of_library(call.name) or call.name == "builtins.zip":
            continue
        if isinstance(func, cst.Attribute) and call.method in ("gradient", "apply_gradients", "update_state"):
            func = func.value
        own = names.reaching(func) if isinstance(func, cst.Name) else ()
        if own and call.method == "gradient" and all(tree.contains(function, each.node) for each in own):
            continue
        made = values.of(func)
        if made.instance_of is not None or made.call is None or not _is_of_library(made.call.name):
            return False
        # A rate that a function of the project computes would be computed once.
        given = (arg.value for arg in made.call.node.args)
        if any(isinstance(each, cst.Lambda) or names.local_definitions(each) for each in given):
            return False
    return True


def _is_of_library(name: str | None) -> bool:
    return name is not None and name.startswith(("tensorflow.", "keras.")) and "py_function" not in name


def _branches() -> tuple[type[cst.CSTNode], ...]:
    from greenlint import cst

    return (
        cst.If,
        cst.IfExp,
        cst.For,
        cst.While,
        cst.Try,
        cst.Assert,
        cst.Lambda,
        cst.AugAssign,
        cst.Global,
        cst.Yield,
    )
