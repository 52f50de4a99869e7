"""Keras training without a mixed precision policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from greenlint import Binding, Call, Edit, Facts, Findings, Fix, Layers, cst


_KERAS = re.compile(
    r"keras|tensorflow\.|transformers\.TF|segmentation_models\.|efficientnet\.|classification_models|image_classifiers"
    r"|vit_keras|tfimm"
)
_WIDE_STATE = 256


class KerasNoMixedPrecision(Rule):
    """A convolutional, attention or large recurrent Keras model is fitted on an accelerator in float32.

    Keras computes in float32 unless a policy says otherwise. With a mixed policy layers compute in 16 bits on the
    matrix units and keep their variables in float32; loss scaling in `fit` is automatic.

    The finding stands at the first `fit` of such a model: one policy at the start of the program serves them all.

    Leave it for small dense models and toy data, and where the accelerator has no 16-bit units. Losses of segmentation
    and detection models should be compared once after switching.

    To fix it, call `keras.config.set_dtype_policy("mixed_float16")` before the first layer is built
    (`tf.keras.mixed_precision.set_global_policy` in TensorFlow 2.4 to 2.15) and give the output layer
    `dtype="float32"`, as the automatic fix does. All GPUs with 16-bit units have float16; a loop of your own has to
    scale the loss. On TPUs and on GPUs since Ampere `"mixed_bfloat16"` is the better choice: it has the range of
    float32, so nothing overflows and no loss is scaled.
    """

    severity = Severity.WARNING
    frameworks = ("keras", "tensorflow", "tf_keras")
    words = (("fit", "fit_generator"), ("*keras*",))
    premises = (
        Premise.NOT_A_TEST,
        Premise.REAL_DATA,
        Premise.NOT_SCIENCE,
        Premise.CPU_NOT_INTENDED,
        Premise.ON_ACCELERATOR,
        Premise.PRECISION_OPEN,
    )
    references = (
        "https://luiscruz.github.io/course_sustainableSE/2026/p1_measuring_software/g30_mixed-precision.html",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "12 % less energy for a small convolutional network in TensorFlow, one accuracy point lost (student work)",
            "https://luiscruz.github.io/course_sustainableSE/2026/p1_measuring_software/g30_mixed-precision.html",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Frameworks

        if facts[Frameworks].legacy_keras or "TPUStrategy" in facts.document.text:
            return
        heavy = list(_heavy_fits(facts))
        if not heavy:
            return
        fit, layers = heavy[0]
        yield self.finding(
            fit.node,
            f"{_described(layers)} is trained in float32: no mixed precision policy is set",
            help='call keras.config.set_dtype_policy("mixed_float16") before building the model, '
            "with a float32 output layer",
            notes=(
                "10-40 % less energy is our estimate; small models gain nothing",
                '"mixed_float16" needs compute capability 7.0; "mixed_bfloat16", better on TPUs and from 8.0 on, '
                "does not overflow",
            ),
            related=tuple(_places(fit, [each for each, _ in heavy[1:]], facts)),
            confidence=Confidence.HIGH if layers is not None else Confidence.MEDIUM,
            fix=self._fix(facts),
        )

    def _fix(self, facts: Facts) -> Fix | None:
        """A policy before the first layer, where there is a GPU, and outputs in float32.

        It is float16, which all of these GPUs have: `fit` scales the loss by itself, and before Ampere bfloat16 is
        slower than float32.
        """
        from greenlint import KerasModels, insert_before, set_argument

        document, models = facts.document, facts[KerasModels]
        run, first, policy = models.run, models.begins(), _policy(facts)
        if not run or first is None or policy is None or _may_fail_in_float16(facts):
            return None
        edits = [*policy[0]]
        for layer in dict.fromkeys(each for model in run for each in model.outputs or (None,)):
            if layer is None or not _gives_float32(layer):
                return None
            given = set_argument(document, layer.node, "dtype", '"float32"')
            if given is None:
                return None
            edits.extend(given)
        placed = insert_before(document, first, *policy[1])
        if placed is None:
            return None
        reason = "changes rounding, and values beyond 65504 overflow"
        return self.unsafe_fix("compute in float16 where there is a GPU", *placed, *edits, reason=reason)

    examples = (
        Bad(
            """
            import tensorflow as tf

            print(tf.config.list_physical_devices("GPU"))
            model = tf.keras.applications.EfficientNetB3(weights=None, classes=100)
            model.compile(optimizer="adam", loss="categorical_crossentropy")
            model.fit(train, epochs=30, validation_data=valid)  # bad
            """
        ),
        Bad(
            """
            from tensorflow import keras
            from tensorflow.keras import layers
            import tensorflow as tf

            strategy = tf.distribute.MirroredStrategy()
            with strategy.scope():
                model = keras.Sequential()
                model.add(layers.Conv2D(64, 3, activation="relu", input_shape=(224, 224, 3)))
                model.add(layers.Conv2D(128, 3, activation="relu"))
                model.add(layers.GlobalAveragePooling2D())
                model.add(layers.Dense(10))
                model.compile("adam", "mse")
            history = model.fit(images, labels, epochs=10)  # bad
            history = model.fit(images, labels, epochs=10, initial_epoch=10)
            """,
            fixed="""
            from tensorflow import keras
            from tensorflow.keras import layers
            import tensorflow as tf

            strategy = tf.distribute.MirroredStrategy()
            if tf.config.list_physical_devices("GPU"):
                tf.keras.mixed_precision.set_global_policy("mixed_float16")
            with strategy.scope():
                model = keras.Sequential()
                model.add(layers.Conv2D(64, 3, activation="relu", input_shape=(224, 224, 3)))
                model.add(layers.Conv2D(128, 3, activation="relu"))
                model.add(layers.GlobalAveragePooling2D())
                model.add(layers.Dense(10, dtype="float32"))
                model.compile("adam", "mse")
            history = model.fit(images, labels, epochs=10)
            history = model.fit(images, labels, epochs=10, initial_epoch=10)
            """,
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import Input, Model, layers

            tf.config.list_physical_devices("GPU")

            def block(x, width):
                x = layers.Conv2D(width, 3, padding="same")(x)
                return layers.Activation("relu")(x)

            def build(classes):
                inputs = Input((256, 256, 3))
                x = block(inputs, 64)
                x = block(x, 128)
                x = layers.GlobalAveragePooling2D()(x)
                return Model(inputs, layers.Dense(classes, activation="softmax")(x))

            model = build(10)
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=30)  # bad
            """,
            fixed="""
            import tensorflow as tf
            from tensorflow.keras import Input, Model, layers

            tf.config.list_physical_devices("GPU")

            def block(x, width):
                x = layers.Conv2D(width, 3, padding="same")(x)
                return layers.Activation("relu")(x)

            def build(classes):
                if tf.config.list_physical_devices("GPU"):
                    tf.keras.mixed_precision.set_global_policy("mixed_float16")
                inputs = Input((256, 256, 3))
                x = block(inputs, 64)
                x = block(x, 128)
                x = layers.GlobalAveragePooling2D()(x)
                return Model(inputs, layers.Dense(classes, activation="softmax", dtype="float32")(x))

            model = build(10)
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=30)
            """,
        ),
        Bad(
            """
            import keras
            import tensorflow as tf
            from keras import layers

            tf.config.list_physical_devices("GPU")
            model = keras.Sequential(
                [
                    keras.Input((224, 224, 3)),
                    layers.Conv2D(64, 3, activation="relu"),
                    layers.Conv2D(128, 3, activation="relu"),
                    layers.GlobalAveragePooling2D(),
                    layers.Dense(10),
                    layers.Softmax(),
                ]
            )
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=30)  # bad
            """,
            files={"requirements.txt": "keras>=3.0"},
            fixed="""
            import keras
            import tensorflow as tf
            from keras import layers

            tf.config.list_physical_devices("GPU")
            if tf.config.list_physical_devices("GPU"):
                keras.config.set_dtype_policy("mixed_float16")
            model = keras.Sequential(
                [
                    keras.Input((224, 224, 3)),
                    layers.Conv2D(64, 3, activation="relu"),
                    layers.Conv2D(128, 3, activation="relu"),
                    layers.GlobalAveragePooling2D(),
                    layers.Dense(10),
                    layers.Softmax(dtype="float32"),
                ]
            )
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=30)
            """,
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import Input, Model, Sequential, layers

            tf.config.list_physical_devices("GPU")
            flips = Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
            base = tf.keras.applications.ResNet50(include_top=False)
            inputs = Input((256, 256, 3))
            x = base(flips(inputs), training=False)
            x = layers.GlobalAveragePooling2D()(x)
            model = Model(inputs, layers.Dense(10)(x))
            model.compile("adam", "mse")
            model.fit(train, epochs=30)  # bad
            """,
            fixed="""
            import tensorflow as tf
            from tensorflow.keras import Input, Model, Sequential, layers

            tf.config.list_physical_devices("GPU")
            if tf.config.list_physical_devices("GPU"):
                tf.keras.mixed_precision.set_global_policy("mixed_float16")
            flips = Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
            base = tf.keras.applications.ResNet50(include_top=False)
            inputs = Input((256, 256, 3))
            x = base(flips(inputs), training=False)
            x = layers.GlobalAveragePooling2D()(x)
            model = Model(inputs, layers.Dense(10, dtype="float32")(x))
            model.compile("adam", "mse")
            model.fit(train, epochs=30)
            """,
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import Input, Model, layers

            tf.config.list_physical_devices("GPU")
            inputs = Input((256, 256, 128))
            x = layers.Conv2D(128, 3, padding="same")(inputs)
            x = layers.Conv2D(128, 3, padding="same")(x + inputs)
            model = Model(inputs, layers.Conv2D(1, 1)(x))
            model.compile("adam", "mse")
            model.fit(train, epochs=30)  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import Input, Model, layers

            tf.config.list_physical_devices("GPU")
            inputs = Input((256, 256, 3))
            x = layers.Conv2D(64, 3)(inputs)
            x = layers.Conv2D(128, 3)(x)
            x = layers.Lambda(normalise)(x)
            model = Model(inputs, layers.Conv2D(1, 1)(x))
            model.compile("adam", "mse")
            model.fit(train, epochs=30)  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import layers

            tf.config.list_physical_devices("GPU")
            model = tf.keras.Sequential([layers.Conv2D(64, 3), layers.Conv2D(128, 3), layers.GlobalAveragePooling2D()])
            for width in widths:
                model.add(layers.Dense(width))
            model.compile("adam", "mse")
            model.fit(train, epochs=30)  # bad
            """
        ),
        Bad(
            """
            import keras
            from keras import layers

            def block(x, width):
                x = layers.Conv2D(width, 3, padding="same")(x)
                return layers.BatchNormalization()(x)

            inputs = keras.Input((256, 256, 3))
            x = block(inputs, 32)
            x = block(x, 128)
            outputs = layers.Conv2D(1, 1)(x)
            model = keras.Model(inputs, outputs)
            model.compile("adam", "binary_crossentropy")
            model.fit(train, epochs=30)  # bad
            """,
            settings={"hardware": "gpu"},
        ),
        Bad(
            """
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")

            class Training:
                def load(self):
                    self.model = tf.keras.models.load_model(self.path)

                def data(self):
                    generator = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1 / 255)
                    self.images = generator.flow_from_directory(self.folder)

                def train(self):
                    self.model.fit(self.images, epochs=self.epochs)  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras import Input, Model, Sequential, layers

            tf.config.list_physical_devices("GPU")
            flips = Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
            show(flips(images))
            inputs = Input((256, 256, 3))
            x = layers.Conv2D(64, 3)(flips(inputs))
            x = layers.Conv2D(128, 3)(x)
            model = Model(inputs, layers.Conv2D(1, 1)(x))
            model.compile("adam", "mse")
            model.fit(train, epochs=30)  # bad
            """
        ),
        Good(
            """
            import tensorflow as tf

            tf.keras.mixed_precision.set_global_policy("mixed_float16")
            print(tf.config.list_physical_devices("GPU"))
            model = tf.keras.applications.EfficientNetB3(weights=None, classes=100)
            model.compile(optimizer="adam", loss="categorical_crossentropy")
            model.fit(train, epochs=30)
            """,
            why="a mixed policy is set",
        ),
        Good(
            """
            import tensorflow as tf

            model = tf.keras.applications.EfficientNetB3(weights=None, classes=100)
            model.compile(optimizer="adam", loss="categorical_crossentropy")
            model.fit(train, epochs=30)
            """,
            why="nothing says that there is an accelerator",
        ),
        Good(
            """
            import tensorflow as tf
            from tensorflow.keras import layers

            print(tf.config.list_physical_devices("GPU"))
            model = tf.keras.Sequential([layers.Dense(64, activation="relu"), layers.Dense(1)])
            model.compile("adam", "mse")
            model.fit(x, y, epochs=100)
            """,
            why="a small dense network",
        ),
        Good(
            """
            import tensorflow as tf
            from tensorflow.keras import layers

            print(tf.config.list_physical_devices("GPU"))
            (x, y), _ = tf.keras.datasets.mnist.load_data()
            model = tf.keras.Sequential([layers.Conv2D(64, 3), layers.Flatten(), layers.Dense(10)])
            model.compile("adam", "mse")
            model.fit(x, y, epochs=5)
            """,
            why="toy data",
        ),
        Good(
            """
            from tensorflow import keras
            from tensorflow.keras.utils import image_dataset_from_directory
            import tensorflow as tf

            print(tf.config.list_physical_devices("GPU"))
            photos = image_dataset_from_directory("photos")
            (x, y), _ = keras.datasets.mnist.load_data()
            x = x.reshape((60000, 28, 28, 1)) / 255
            model = keras.Sequential([keras.layers.Conv2D(128, 3), keras.layers.Flatten(), keras.layers.Dense(10)])
            model.compile("adam", "mse")
            model.fit(x, y, epochs=5)
            """,
            why="this model is trained on toy data, whatever else the file reads",
        ),
        Good(
            """
            import tensorflow as tf
            import tensorflow_hub as hub

            print(tf.config.list_physical_devices("GPU"))
            encoder = hub.KerasLayer("https://tfhub.dev/google/universal-sentence-encoder/4", trainable=False)
            model = tf.keras.Sequential([encoder, tf.keras.layers.Dense(64), tf.keras.layers.Dense(1)])
            model.compile("adam", "binary_crossentropy")
            model.fit(sentences, labels, epochs=5)
            """,
            why="a policy does not reach into a saved model",
        ),
        Good(
            """
            import tensorflow as tf
            from keras.applications import ResNet50
            from keras.utils import multi_gpu_model

            model = multi_gpu_model(ResNet50(weights=None), gpus=2)
            model.compile("adam", "mse")
            model.fit(x, y)
            """,
            why="a Keras of that age has no policies",
        ),
        Good(
            """
            import tensorflow as tf
            from sklearn.preprocessing import StandardScaler

            print(tf.config.list_physical_devices("GPU"))
            base = tf.keras.applications.ResNet50()
            features = base.predict(images)
            scaler = StandardScaler()
            scaler.fit(features)
            """,
            why="what is fitted is no network",
        ),
        Good(
            """
            import os
            import tensorflow as tf

            os.environ["TF_ENABLE_AUTO_MIXED_PRECISION"] = "1"
            print(tf.config.list_physical_devices("GPU"))
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "mse")
            model.fit(x, y)
            """,
            why="the graph is rewritten to mixed precision",
        ),
        Good(
            """
            import tensorflow as tf

            resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
            strategy = tf.distribute.TPUStrategy(resolver)
            with strategy.scope():
                model = tf.keras.applications.ResNet50(weights=None)
                model.compile(loss="mse", optimizer="adam")
            model.fit(images, epochs=20)
            """,
            why="a TPU multiplies float32 matrices in bfloat16 by itself",
        ),
    )


def _heavy_fits(facts: Facts) -> Iterator[tuple[Call, Layers | None]]:
    """The trainings of large Keras models, in source order, with their layers where they can be seen."""
    from greenlint import Calls, Contexts, Models, Origins

    for fit in facts[Calls].methods("fit", "fit_generator"):
        if fit.receiver is None or not fit.node.args or facts[Contexts].dead(fit.node):
            continue
        if facts[Origins].toy(fit.node.args[0].value):
            continue
        layers = facts[Models].layers(fit.receiver)
        if layers is not None and _is_heavy(layers):
            yield fit, layers
        elif (layers is None or not layers.found) and _is_loaded(fit, facts):
            yield fit, None


def _is_heavy(layers: Layers) -> bool:
    """Whether a Keras model is large enough; recurrent layers gain less than others and must be wider."""
    made = {*layers.names, layers.pretrained or ""}
    if not any(_KERAS.match(name) for name in made) or layers.heavy is not True:
        return False
    if layers.conv or layers.attention or layers.matmul_heavy is True or layers.pretrained is not None:
        return True
    return any((size.largest or 0) >= _WIDE_STATE for size in layers.hidden)


def _is_loaded(fit: Call, facts: Facts) -> bool:
    """Whether a model from a file is trained on images: such models are convolutional."""
    from greenlint import Calls, Names, Values

    calls = facts[Calls]
    images = calls.methods("flow_from_directory", "flow_from_dataframe", "image_dataset_from_directory")
    if not images or fit.receiver is None:
        return False
    made = facts[Values].of(fit.receiver).call
    if made is not None:
        return made.method == "load_model"
    return bool(calls.methods("load_model")) and facts[Names].resolve(fit.receiver) is None


def _places(fit: Call, others: list[Call], facts: Facts) -> Iterator[tuple[cst.CSTNode, str]]:
    from greenlint import Calls, dotted

    for each in facts[Calls].methods("compile"):
        if each.receiver is not None and fit.receiver is not None and dotted(each.receiver) == dotted(fit.receiver):
            yield each.node, "compiled here"
            break
    for each in others[:5]:
        yield each.node, "trained in float32 too"


def _described(layers: Layers | None) -> str:
    if layers is None:
        return "this image model"
    if layers.attention:
        return "this attention model"
    if layers.conv:
        return "this convolutional model"
    if layers.recurrent:
        return "this recurrent model"
    return "this model"


_FLOAT32_OUTPUTS = frozenset(("Dense", "Activation", "Softmax", "Conv1D", "Conv2D", "Conv3D"))
_OWN_CODE = frozenset(
    """GradientTape Lambda LSTM GRU SimpleRNN RNN Bidirectional ConvLSTM2D CuDNNLSTM CuDNNGRU add_loss set_floatx
    clone_model model_from_json TextVectorization StringLookup Normalization adapt fit_generator
    disable_eager_execution hypermodel clipnorm clipvalue global_clipnorm""".split()
)
"""What may not run in float16, or has layers that are not seen."""
_OTHER_ROOTS = re.compile(
    r"(?:tensorflow_(?!datasets)|keras_(?!preprocessing)|tf_|tfimm|transformers|segmentation_models|efficientnet|classification_models|vit_keras"
    r"|image_classifiers|horovod|kerastuner|talos|tf2onnx)"
)
_GRAPH_OPS = frozenset(
    """abs add cast concat divide einsum exp expand_dims log map_fn matmul maximum minimum multiply norm one_hot pad
    pow range reduce_max reduce_mean reduce_sum reshape shape sigmoid softmax split sqrt square squeeze stack subtract
    tanh tile transpose where""".split()
)


def _may_fail_in_float16(facts: Facts) -> bool:
    """Whether there is code between layers, or a layer, that may not take float16."""
    from greenlint import Calls, Environment, Names, Project, Tree, cst

    if facts[Environment].at_least("tensorflow", "2.4") is False or facts[Project].importers():
        return True
    if any(map(facts[Tree].named, _OWN_CODE)) or facts[Names].star_imports:
        return True
    if any(_OTHER_ROOTS.match(each.imported or "") for each in facts[Names].imports()):
        return True
    if any(_is_keras(base.value, facts) for each in facts[Tree].of_type(cst.ClassDef) for base in each.bases):
        return True
    return any(
        _is_symbolic(side, facts)
        for each in facts[Tree].of_type(cst.BinaryOperation)
        for side in (each.left, each.right)
    ) or any(_is_graph_op(each, facts) or _is_run_on_data(each, facts) for each in facts[Calls].all)


def _is_graph_op(call: Call, facts: Facts) -> bool:
    """Whether a function of TensorFlow may stand between two layers."""
    from greenlint import Tree

    name = call.name or ""
    if not name.startswith(("tensorflow.", "keras.backend.", "keras.ops.")) or call.method not in _GRAPH_OPS:
        return False
    return facts[Tree].function(call.node) is not None or any(_is_symbolic(arg.value, facts) for arg in call.node.args)


def _is_run_on_data(call: Call, facts: Facts) -> bool:
    """Whether a layer, or a part of a model, is called with arrays: what it gives would be in float16 then."""
    return _is_part(call.node.func, facts) and not _is_in_graph(call.positional, facts, set())


def _is_part(func: cst.BaseExpression, facts: Facts) -> bool:
    """Whether what is called is a layer or model made here, as in `Dense(2)(x)` and `base(x)`."""
    from greenlint import Calls, Values, cst

    made = facts[Calls].of(func) if isinstance(func, cst.Call) else facts[Values].of(func).call
    name = (made.name or "") if made is not None else ""
    return name.startswith(("keras.layers.", "keras.applications.", "keras.Sequential", "keras.models.", "keras.Model"))


def _is_in_graph(nodes: Iterable[cst.BaseExpression], facts: Facts, seen: set[cst.CSTNode]) -> bool:
    """Whether expressions are tensors of a model that is being put together, or parameters of a function."""
    from greenlint import BindingKind, Names, cst

    for node in nodes:
        if node in seen:
            continue
        seen.add(node)
        parts: list[cst.BaseExpression] = []
        if isinstance(node, cst.Name):
            bindings = facts[Names].reaching(node)
            values = [each.value for each in bindings if each.kind is BindingKind.ASSIGN]
            known = [each for each in bindings if _is_parameter(each)]
            if not bindings or len(values) + len(known) != len(bindings):
                return False
            parts = [each for each in values if each is not None]
        elif isinstance(node, (cst.List, cst.Tuple)):
            parts = [each.value for each in node.elements]
        elif isinstance(node, cst.Subscript):
            parts = [node.value]
        elif isinstance(node, cst.Attribute):
            if node.attr.value not in ("input", "output", "inputs", "outputs"):
                return False
        elif not isinstance(node, cst.Call):
            return False
        elif not _gives_graph(node, facts):
            parts = [arg.value for arg in node.args if arg.keyword is None]
            if not parts or not _is_part(node.func, facts):
                return False
        if not _is_in_graph(parts, facts, seen):
            return False
    return True


def _is_parameter(binding: Binding) -> bool:
    from greenlint import BindingKind, cst

    return binding.kind is BindingKind.PARAMETER and isinstance(binding.scope.node, cst.FunctionDef)


def _gives_graph(node: cst.Call, facts: Facts) -> bool:
    """`Input(...)`, `add([x, y])`, and functions of this file, which are taken for blocks of layers."""
    from greenlint import Calls, Values

    name = facts[Calls].of(node).name or ""
    if name.startswith(("keras.Input", "keras.layers.")):
        return name.rpartition(".")[2] in ("Input", "InputLayer") or name.rpartition(".")[2].islower()
    return bool(facts[Values].callees(node))


def _is_symbolic(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression is what a layer gives: its type may then be another one than its partner's."""
    from greenlint import Calls, Names, cst

    values = [each.value for each in facts[Names].reaching(node)] if isinstance(node, cst.Name) else [node]
    for value in values:
        if isinstance(value, cst.Call):
            call = facts[Calls].of(value.func) if isinstance(value.func, cst.Call) else facts[Calls].of(value)
            if (call.name or "").startswith(("keras.layers.", "keras.Input")):
                return True
    return False


def _is_keras(base: cst.BaseExpression, facts: Facts) -> bool:
    """Whether a class is a layer or model, or may be one."""
    from greenlint import Names

    name = facts[Names].resolve(base)
    return name is None or (name.startswith("keras.") and not name.startswith(("keras.callbacks.", "keras.utils.")))


def _gives_float32(layer: Call) -> bool:
    """Whether a layer takes `dtype` and gives its outputs in it."""
    return layer.method in _FLOAT32_OUTPUTS and layer.argument("dtype").absent


def _policy(facts: Facts) -> tuple[Sequence[Edit], tuple[str, str]] | None:
    """The lines that set the policy as this file writes Keras, and the imports that they need."""
    from greenlint import Environment, Names, spelled

    roots = {(each.imported or "").partition(".")[0] for each in facts[Names].imports()}
    tensorflow = spelled(facts.document, "tensorflow", "tf")
    if "tensorflow" not in roots or "tf_keras" in roots or tensorflow is None:
        return None
    unit = facts.document.tree.default_indent
    asked = f'if {tensorflow[1]}.config.list_physical_devices("GPU"):'
    if "keras" not in roots:
        return tensorflow[0], (asked, f'{unit}{tensorflow[1]}.keras.mixed_precision.set_global_policy("mixed_float16")')
    keras = spelled(facts.document, "keras")
    if keras is None or facts[Environment].at_least("keras", "3.0") is not True:
        return None
    imports = (*tensorflow[0], *keras[0])
    return imports, (asked, f'{unit}{keras[1]}.config.set_dtype_policy("mixed_float16")')
