"""Keras recurrent layers whose arguments rule out the fused cuDNN kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst

_LSTM, _GRU = "keras.layers.LSTM", "keras.layers.GRU"
_NEEDS: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("recurrent_dropout", (0, 0.0, None)),
    ("activation", ("tanh",)),
    ("recurrent_activation", ("sigmoid",)),
    ("unroll", (False,)),
    ("use_bias", (True,)),
)
"""Arguments with the values that the fused kernel allows; their defaults are among them."""
_NARROW = 64
"""Layers below this width are bound by kernel launches of the rest of the model, and train in seconds."""


class CudnnRnnDisabled(Rule):
    """A Keras `LSTM` or `GRU` has an argument with which the fused cuDNN kernel cannot run.

    With the default arguments one cuDNN kernel computes all time steps of the layer. With `recurrent_dropout`, another
    activation, `unroll=True`, `use_bias=False` or, for a `GRU`, `reset_after=False`, Keras runs a loop of small kernels
    instead, several for each time step, forward and backward. The accelerator then waits for launches most of the time.

    The finding stands at the first such layer of a function or module; further ones are related places.

    Leave it where the argument is what makes the model work, for sequences of a few steps, and on CPUs and TPUs, where
    there is no such kernel.

    To fix it, use `dropout` (on the inputs, which the kernel allows) instead of `recurrent_dropout`, and leave the
    other arguments at their defaults. This changes the model: compare its accuracy once.
    """

    severity = Severity.INFO
    frameworks = ("keras", "tensorflow")
    words = (("LSTM", "GRU"), ("recurrent_dropout", "*activation", "unroll", "use_bias", "reset_after"))
    premises = (Premise.NOT_A_TEST, Premise.MAYBE_ON_ACCELERATOR, Premise.CPU_NOT_INTENDED, Premise.REAL_DATA)
    references = (
        "https://keras.io/api/layers/recurrent_layers/lstm/",
        "https://www.tensorflow.org/guide/keras/working_with_rnns",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "Keras lists the arguments that the cuDNN implementation requires and falls back to a generic loop else",
            "https://keras.io/api/layers/recurrent_layers/lstm/",
        ),
        Evidence(Grade.REASONED, "no energy measurement of the fallback was found", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"LSTM", "GRU"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frameworks, Tree

        if facts[Frameworks].legacy_keras:
            return
        groups: dict[cst.CSTNode, list[tuple[Call, str]]] = {}
        for call, argument in _slow(facts):
            if not facts[Contexts].dead(call.node):
                groups.setdefault(facts[Tree].function(call.node) or tree, []).append((call, argument))
        for layers in groups.values():
            first, argument = layers[0]
            yield self.finding(
                first.node,
                f"`{argument}` keeps this {first.method} from the fused cuDNN kernel",
                help=_remedy(argument),
                notes=("matters on NVIDIA GPUs with sequences of more than a few dozen steps",),
                related=[(each.node, f"`{name}` does so here too") for each, name in layers[1:5]],
            )

    examples = (
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import layers

            model = tf.keras.Sequential([
                layers.Embedding(20000, 128),
                layers.Bidirectional(layers.LSTM(128, dropout=0.2, recurrent_dropout=0.2)),  # bad
                layers.Dense(1, activation="sigmoid"),
            ])
            model.compile("adam", "binary_crossentropy")
            model.fit(texts, labels, epochs=20)
            """
        ),
        Bad(
            """
            from tensorflow.keras.layers import LSTM
            from tensorflow.keras.models import Sequential

            def build(steps, features):
                model = Sequential()
                model.add(LSTM(256, activation="relu", return_sequences=True, input_shape=(steps, features)))  # bad
                model.add(LSTM(256, activation="relu"))
                return model
            """
        ),
        Bad(
            """
            import keras

            layer = keras.layers.GRU(512, reset_after=False)  # bad
            model = keras.Sequential([layer, keras.layers.Dense(10)])
            model.fit(sequences, labels)
            """,
            files={"requirements.txt": "keras>=3.2"},
        ),
        Bad(
            """
            import tensorflow as tf

            encoder = tf.keras.layers.GRU(units=256, return_sequences=True, unroll=True)  # bad
            """
        ),
        Good(
            """
            from tensorflow.keras import layers

            layer = layers.LSTM(128, dropout=0.2, activation="tanh", recurrent_activation="sigmoid", unroll=False)
            """,
            why="the fused kernel allows all of this",
        ),
        Good(
            """
            from tensorflow.keras.layers import LSTM

            layer = LSTM(16, recurrent_dropout=0.2)
            """,
            why="a layer this narrow trains in seconds",
        ),
        Good(
            """
            from keras.layers import LSTM
            from keras.models import Sequential

            model = Sequential([LSTM(128, recurrent_dropout=0.2)])
            """,
            why="which Keras this is, and whether it has a fused LSTM at all, is not known",
        ),
        Good(
            """
            from tensorflow.keras import layers

            def build(options, rate):
                return layers.LSTM(128, recurrent_dropout=rate, **options)
            """,
            why="the caller decides",
        ),
        Good(
            """
            import tensorflow as tf
            from tensorflow.keras import layers

            session = tf.Session(config=tf.ConfigProto())
            layer = layers.LSTM(128, recurrent_dropout=0.2)
            """,
            why="TensorFlow 1 has a fused LSTM only as CuDNNLSTM",
            not_as=("aliases",),
        ),
        Good(
            """
            from tensorflow.keras import layers

            layer = layers.Dense(128, activation="relu", use_bias=False)
            """,
            why="not a recurrent layer",
        ),
    )


def _slow(facts: Facts) -> Iterator[tuple[Call, str]]:
    """The layers that cannot use the kernel, each with the argument that keeps them from it."""
    from greenlint import Calls

    for call in facts[Calls].named(_LSTM, _GRU):
        argument = _blocking(call)
        if argument is not None and _is_wide(call) and _has_kernel(call, facts):
            yield call, argument


def _blocking(call: Call) -> str | None:
    from greenlint import UNKNOWN

    needs = _NEEDS if call.name == _LSTM else (*_NEEDS, ("reset_after", (True,)))
    for name, allowed in needs:
        given = call.argument(name, 1 if name == "activation" else 2 if name == "recurrent_activation" else None)
        if given.written and given.constant is not UNKNOWN and given.constant not in allowed:
            return name
    return None


def _is_wide(call: Call) -> bool:
    """Whether the layer is not certainly narrow."""
    units = call.argument("units", 0).constant
    return not (isinstance(units, int) and units < _NARROW)


def _has_kernel(call: Call, facts: Facts) -> bool:
    """Whether this is a Keras whose LSTM and GRU use cuDNN: that of TensorFlow 2, or Keras 3."""
    from greenlint import BindingKind, Environment, Names, cst

    environment = facts[Environment]
    if environment.at_least("tensorflow", "2.0") is False:
        return False
    root = call.node.func
    while isinstance(root, cst.Attribute):
        root = root.value
    bindings = facts[Names].reaching(root) if isinstance(root, cst.Name) else ()
    imported = [each.imported or "" for each in bindings if each.kind is BindingKind.IMPORT]
    if imported and all(each.split(".")[0] == "tensorflow" for each in imported):
        return True
    return environment.at_least("keras", "3.0") is True or "KERAS_BACKEND" in facts.document.text


def _remedy(argument: str) -> str:
    if argument == "recurrent_dropout":
        return "use dropout=... on the inputs instead of recurrent_dropout, and compare accuracy once"
    return f"leave {argument} at its default and compare accuracy once"
