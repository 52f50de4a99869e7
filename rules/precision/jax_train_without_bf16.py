"""JAX training of convolutions or attention in full float32."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, FunctionalStep, Layers, Outline, cst

_BASES = ("flax.linen.Module", "flax.nnx.Module", "haiku.Module", "equinox.Module")
_DECIDES = re.compile(
    r"b?float16|\bbf16|\bfp16|half|mixed|\bjmp\b|x64|float64"
    r"|dtype\s*=\s*(?!(?:jnp|np|jax\.numpy|numpy|tf)\.(?:float32|u?int\w*|bool_?)\b|[\"'](?:float32|int\w*)[\"'])"
    r"|(?:config|cfg|args|flags|FLAGS)\.\w*(?:dtype|precision)",
)
"""Words of a choice of precision, or of an option that makes one."""
_FEW = 100


class JaxTrainWithoutBf16(Rule):
    """A JAX training step runs a convolutional or attention network with every layer in float32.

    Flax, Haiku and Equinox compute in float32 unless a layer is told otherwise. Matrix units do several times the work
    per joule in bfloat16, and activations take half the memory traffic. On GPUs float32 products already use TF32 and
    on TPUs bfloat16 passes, so that part of the gain is there by default; the memory traffic is not.

    The finding stands at the function that holds the step, or at the training loop.

    Leave it for small networks, for physics and other work that needs the digits, and for short runs. Compare loss and
    accuracy once after switching.

    To fix it, pass `dtype=jnp.bfloat16` to the layers (Flax), or use a policy of `jmp` (Haiku) or cast the inputs and
    parameters of the forward pass (Equinox); keep parameters, loss and softmax in float32.
    """

    severity = Severity.INFO
    frameworks = ("flax", "haiku", "equinox")
    words = (("*grad",),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
        Premise.NOT_SCIENCE,
        Premise.NOT_REINFORCEMENT,
        Premise.CPU_NOT_INTENDED,
        Premise.MAYBE_ON_ACCELERATOR,
        Premise.PRECISION_OPEN,
    )
    references = ("https://flax-linen.readthedocs.io/en/latest/api_reference/flax.linen/layers.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "dtype of a Flax layer is the dtype of its computation, inferred from inputs and parameters unless given",
            "https://flax-linen.readthedocs.io/en/latest/api_reference/flax.linen/layers.html",
        ),
        Evidence(
            Grade.MEASURED,
            "bf16 on A100 (PyTorch): clearly more samples per joule for language models, only marginally more for "
            "convolutional networks",
            "https://sol.sbc.org.br/index.php/sbac-pad_estendido/article/view/41193",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(each.endswith("grad") for each in outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import FunctionalSteps

        steps = [step for step in facts[FunctionalSteps].all if _is_repeated(step)]
        if not steps or any(_DECIDES.search(each.glance.code.text) for each in _around(facts)):
            return
        layers = next((each for each in _networks(facts) if each.heavy is True), None)
        if layers is None:
            return
        step = steps[0]
        place = step.function or (step.loop if step.loop_facts is facts else None)
        if place is not None:
            yield self.finding(
                place,
                f"this training step runs {'attention' if layers.attention else 'convolutions'} in float32 throughout",
                help="pass dtype=jnp.bfloat16 to the layers; keep parameters, loss and softmax in float32",
                notes=("0-30 % of a step (estimate): products already use TF32 on GPUs, bfloat16 passes on TPUs",),
                related=((step.gradient.node, "computes the gradients"),),
            )

    examples = (
        Bad(
            """
            import jax
            import jax.numpy as jnp
            import optax
            from flax import linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    x = nn.relu(nn.Conv(features=64, kernel_size=(3, 3))(x))
                    x = nn.relu(nn.Conv(features=256, kernel_size=(3, 3))(x))
                    return nn.Dense(1000)(x.mean((1, 2)))

            @jax.jit
            def train_step(state, batch):  # bad
                grads = jax.grad(loss_fn)(state.params, batch)
                return state.apply_gradients(grads=grads)

            for batch in loader:
                state = train_step(state, batch)
            """
        ),
        Bad(
            """
            import haiku as hk
            import jax
            import optax

            class Net(hk.Module):
                def __call__(self, x):
                    x = jax.nn.relu(hk.Conv2D(128, 3)(x))
                    return hk.Linear(10)(hk.Flatten()(jax.nn.relu(hk.Conv2D(256, 3)(x))))

            def update(params, state, batch):  # bad
                grads = jax.grad(loss_fn)(params, batch)
                updates, state = optimizer.update(grads, state)
                return optax.apply_updates(params, updates), state

            step = jax.jit(update)
            for batch in loader:
                params, state = step(params, state, batch)
            """
        ),
        Bad(
            """
            import equinox as eqx
            import jax

            class Net(eqx.Module):
                def __init__(self, key):
                    self.first = eqx.nn.Conv2d(3, 128, 3, key=key)
                    self.second = eqx.nn.Conv2d(128, 256, 3, key=key)

            @eqx.filter_jit
            def make_step(model, state, batch):  # bad
                grads = eqx.filter_grad(loss_fn)(model, batch)
                updates, state = optimizer.update(grads, state)
                return eqx.apply_updates(model, updates), state

            for batch in loader:
                model, state = make_step(model, state, batch)
            """
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp
            from flax import linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    x = nn.relu(nn.Conv(features=256, kernel_size=(3, 3), dtype=jnp.bfloat16)(x))
                    return nn.Dense(1000)(x.mean((1, 2)))

            @jax.jit
            def train_step(state, batch):
                grads = jax.grad(loss_fn)(state.params, batch)
                return state.apply_gradients(grads=grads)

            for batch in loader:
                state = train_step(state, batch)
            """,
            why="layers compute in bfloat16",
        ),
        Good(
            """
            import jax
            from flax import linen as nn

            class Net(nn.Module):
                dtype: object

                @nn.compact
                def __call__(self, x):
                    x = nn.relu(nn.Conv(features=256, kernel_size=(3, 3), dtype=self.dtype)(x))
                    return nn.Dense(1000)(x.mean((1, 2)))

            @jax.jit
            def train_step(state, batch):
                grads = jax.grad(loss_fn)(state.params, batch)
                return state.apply_gradients(grads=grads)

            for batch in loader:
                state = train_step(state, batch)
            """,
            why="whoever makes the network decides",
        ),
        Good(
            """
            import jax
            from flax import linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.Dense(10)(nn.relu(nn.Dense(64)(x)))

            @jax.jit
            def train_step(state, batch):
                grads = jax.grad(loss_fn)(state.params, batch)
                return state.apply_gradients(grads=grads)

            for batch in loader:
                state = train_step(state, batch)
            """,
            why="a small network",
        ),
        Good(
            """
            import jax
            from flax import linen as nn
            from models import Net

            @jax.jit
            def train_step(state, batch):
                grads = jax.grad(loss_fn)(state.params, batch)
                return state.apply_gradients(grads=grads)

            for batch in loader:
                state = train_step(state, batch)
            """,
            files={
                "models.py": """
                import jax.numpy as jnp
                from flax import linen as nn

                class Net(nn.Module):
                    @nn.compact
                    def __call__(self, x):
                        return nn.Conv(256, (3, 3), dtype=jnp.bfloat16)(x)
                """
            },
            why="the module of the network decides",
        ),
        Good(
            """
            import jax
            from flax import linen as nn

            class Net(nn.Module):
                @nn.compact
                def __call__(self, x):
                    return nn.Conv(features=256, kernel_size=(3, 3))(x)

            outputs = Net().apply(params, images)
            slope = jax.grad(lambda x: x * x)(2.0)
            """,
            why="nothing is trained",
        ),
    )


def _is_repeated(step: FunctionalStep) -> bool:
    return step.passes is None or step.passes > _FEW


def _around(facts: Facts) -> Iterator[Facts]:
    """The file itself and the project modules around it that compute with JAX."""
    from greenlint import Imports, Project

    imports = facts[Imports]
    yield facts
    for path in (*imports.reachable(), *imports.importing()):
        if imports.roots_of(path) & {"jax", "flax", "haiku", "equinox"}:
            other = facts[Project].at(path)
            if other is not None:
                yield other


def _networks(facts: Facts) -> Iterator[Layers]:
    """What the networks defined here and around are made of, as far as they hold convolutions or attention."""
    from greenlint import Definition, Models, Project, Tree, cst

    for each in _around(facts):
        for owner in each[Tree].of_type(cst.ClassDef):
            definition = Definition(each, owner)
            if not any(base in _BASES for base in each[Project].bases(definition)):
                continue
            layers = each[Models].layers_of(definition)
            if layers is not None and (layers.conv or layers.attention):
                yield layers
