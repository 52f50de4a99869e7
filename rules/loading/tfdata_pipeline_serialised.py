"""Input pipelines of TensorFlow and Keras that run in one Python thread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Edit, Facts, Feed, Findings, Fix, Outline, Report, cst

_PARALLEL = {"map": 1, "interleave": 3}
"""Where `num_parallel_calls` stands in each method."""
_OUT_OF_ORDER = re.compile(r"deterministic\s*=\s*False")
_FIRST_TENSORFLOW = re.compile(r"\.contrib\.|make_(?:one_shot|initializable)_iterator|\bSession\(|\bplaceholder\(")
"""What TensorFlow 2 has not."""


class TfdataPipelineSerialised(Rule):
    """Images are decoded or augmented in one Python thread while the training step waits for them.

    `ImageDataGenerator` and `keras.utils.Sequence` prepare their batches in Python, by default in a single thread, and
    `tf.py_function` takes the interpreter's lock however many parallel calls are asked for. The accelerator waits at
    idle power for what native operations would do on all cores.

    The finding stands at the first `fit` that is fed so, or at the `map` whose function leaves the graph.

    Leave it where the step takes longer than the preparation of a batch, as with large models and small images.

    With the option `maps`, a `map` or `interleave` that treats one element after the other is reported, too; its fix
    passes `num_parallel_calls=tf.data.AUTOTUNE`, which keeps the order of elements.

    To fix it, read with `image_dataset_from_directory` or `tf.data` and augment with Keras layers such as
    `RandomFlip`; write the body of a `py_function` in TensorFlow operations; where Python must stay, give the
    generator workers (`fit(..., workers=4)` in Keras 2, an argument of `PyDataset` in Keras 3).
    """

    class Options(RuleOptions):
        maps: bool = False
        """Also report `map` and `interleave` without `num_parallel_calls`, which TensorFlow 2.21 adds by itself."""

    severity = Severity.INFO
    frameworks = ("tensorflow", "keras", "tf_keras")
    words = (("fit", "fit_generator", "py_function", "numpy_function", "py_func", "map", "interleave"),)
    premises = (Premise.NOT_A_TEST, Premise.REAL_DATA, Premise.NOT_A_BENCHMARK, Premise.CPU_NOT_INTENDED)
    references = (
        "https://www.tensorflow.org/guide/data_performance",
        "https://www.tensorflow.org/api_docs/python/tf/py_function",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "the body of a py_function does not run in parallel with other Python code of the process",
            "https://www.tensorflow.org/api_docs/python/tf/py_function",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "input that is prepared in parallel and ahead of the step keeps the accelerator busy",
            "https://www.tensorflow.org/guide/data_performance",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if outline.calls & {"py_function", "numpy_function", "py_func", "map", "interleave"}:
            return True
        return bool(outline.calls & {"fit", "fit_generator"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Pipelines

        contexts = facts[Contexts]
        feeds = [each for each in facts[Pipelines].feeds if not contexts.dead(each.fit.node)]
        if feeds:
            yield self._fed(feeds)
        leaving: dict[Call, list[Call]] = {}
        for call in facts[Pipelines].maps:
            if contexts.dead(call.node) or "cache" in facts[Pipelines].later(call):
                continue
            left = facts[Pipelines].leaves_graph(call)
            if left is not None:
                leaving.setdefault(left, []).append(call)
            elif self.options.maps and _is_serial(call) and not facts[Pipelines].is_trivial(call):
                yield self.finding(
                    call.node,
                    f"this `{call.method}` treats one element at a time",
                    help="pass num_parallel_calls=tf.data.AUTOTUNE",
                    notes=("TensorFlow 2.21 does so by itself for functions without state",)
                    if call.method == "map"
                    else (),
                    fix=self._fix(call, facts),
                )
        for left, (call, *others) in leaving.items():
            yield self.finding(
                call.node,
                f"`{left.method}` runs Python for every element, one at a time",
                help="write its body in TensorFlow operations, or cache the result after it",
                related=(
                    (left.node, "leaves the graph here", left.facts.document),
                    *((each.node, "as well") for each in others[:5]),
                ),
            )

    def _fed(self, feeds: list[Feed]) -> Report:
        first, *others = feeds
        return self.finding(
            first.fit.node,
            f"{first.what} prepares the batches of this `{first.fit.method}` in one Python thread",
            help="read with image_dataset_from_directory or tf.data and augment with Keras layers"
            if first.what.startswith("`ImageData")
            else "read with tf.data, or give it workers",
            notes=("saves little where the step takes longer than a batch to prepare",),
            related=[
                (first.source, "the batches come from here", first.facts.document),
                *((each.fit.node, "fed so as well") for each in others[:5]),
            ],
        )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        from greenlint import Pipelines, set_argument

        autotune = _autotune(facts)
        if autotune is None:
            return None
        imported, chosen = autotune
        made = set_argument(facts.document, call.node, "num_parallel_calls", chosen, _PARALLEL[call.method])
        if made is None:
            return None
        title, edits = "let TensorFlow choose how many calls run at a time", (*imported, *made)
        if call.method == "interleave" and not call.argument("cycle_length", 1).written:
            return self.unsafe_fix(title, *edits, reason="elements come in another order")
        if not facts[Pipelines].is_pure(call):
            return self.unsafe_fix(title, *edits, reason="random numbers and side effects of the function change order")
        if _OUT_OF_ORDER.search(facts.document.text):
            return self.unsafe_fix(title, *edits, reason="elements may come in another order")
        return self.safe_fix(title, *edits)

    examples = (
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras.preprocessing.image import ImageDataGenerator

            augmented = ImageDataGenerator(rescale=1 / 255, rotation_range=40, zoom_range=0.2)
            images = augmented.flow_from_directory("train", target_size=(224, 224), batch_size=32)
            model = tf.keras.applications.ResNet50(weights=None)
            model.compile("adam", "categorical_crossentropy")
            model.fit(images, epochs=20)  # bad
            """
        ),
        Bad(
            """
            import cv2
            import keras

            class Photos(keras.utils.Sequence):
                def __getitem__(self, index):
                    return [cv2.imread(path) for path in self.paths[index]], self.labels[index]

            model = keras.Sequential(layers)
            model.fit(Photos(paths), epochs=20)  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf

            def load(path):
                image = tf.numpy_function(read_scan, [path], tf.float32)
                return tf.ensure_shape(image, (256, 256, 1))

            scans = tf.data.Dataset.from_tensor_slices(paths)
            scans = scans.map(load, num_parallel_calls=tf.data.AUTOTUNE)  # bad
            scans = scans.batch(16)
            model.fit(scans, epochs=5)
            """
        ),
        Bad(
            """
            import tensorflow as tf

            photos = tf.data.Dataset.list_files("photos/*")
            photos = photos.map(decode).batch(32)  # bad
            """,
            fixed="""
            import tensorflow as tf

            photos = tf.data.Dataset.list_files("photos/*")
            photos = photos.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(32)
            """,
            options={"maps": True},
        ),
        Bad(
            """
            import tensorflow as tf

            def decode(path):
                image = tf.io.decode_jpeg(tf.io.read_file(path))
                return tf.image.resize(image, (224, 224)) / 255.0

            photos = tf.data.Dataset.from_tensor_slices(paths)
            photos = photos.map(decode).batch(32)  # bad
            """,
            fixed="""
            import tensorflow as tf

            def decode(path):
                image = tf.io.decode_jpeg(tf.io.read_file(path))
                return tf.image.resize(image, (224, 224)) / 255.0

            photos = tf.data.Dataset.from_tensor_slices(paths)
            photos = photos.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(32)
            """,
            options={"maps": True},
        ),
        Bad(
            """
            import tensorflow as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            records = files.interleave(tf.data.TFRecordDataset)  # bad
            records = records.batch(32).prefetch(tf.data.experimental.AUTOTUNE)
            """,
            fixed="""
            import tensorflow as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.experimental.AUTOTUNE)
            records = records.batch(32).prefetch(tf.data.experimental.AUTOTUNE)
            """,
            options={"maps": True},
        ),
        Bad(
            """
            import tensorflow as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            records = files.interleave(tf.data.TFRecordDataset, cycle_length=8)  # bad
            records = records.batch(32)
            """,
            fixed="""
            import tensorflow as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            records = files.interleave(tf.data.TFRecordDataset, cycle_length=8, num_parallel_calls=tf.data.AUTOTUNE)
            records = records.batch(32)
            """,
            options={"maps": True},
        ),
        Bad(
            """
            import tensorflow as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            photos = files.map(lambda path: tf.io.read_file(path))  # bad
            photos = photos.with_options(fast).map(resize, num_parallel_calls=4, deterministic=False)
            """,
            fixed="""
            import tensorflow as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            photos = files.map(lambda path: tf.io.read_file(path), num_parallel_calls=tf.data.AUTOTUNE)
            photos = photos.with_options(fast).map(resize, num_parallel_calls=4, deterministic=False)
            """,
            options={"maps": True},
        ),
        Bad(
            """
            import tensorflow.compat.v2 as tf

            files = tf.data.Dataset.from_tensor_slices(paths)
            photos = files.map(decode).batch(32)  # bad
            """,
            options={"maps": True},
        ),
        Bad(
            """
            import tf_keras

            images = tf_keras.preprocessing.image.ImageDataGenerator(shear_range=0.2).flow(x, y, batch_size=32)
            model = tf_keras.models.load_model("start.keras")
            model.fit(images, epochs=20)  # bad
            """
        ),
        Bad(
            """
            import tensorflow as tf

            photos = tf.data.Dataset.from_tensor_slices(paths).map(decode).batch(32)  # bad
            image = photos.make_one_shot_iterator().get_next()
            """,
            options={"maps": True},
        ),
        Good(
            """
            import tensorflow as tf

            images = tf.keras.utils.image_dataset_from_directory("train", image_size=(224, 224))
            model.fit(images.prefetch(tf.data.AUTOTUNE), epochs=20)
            """,
            why="native operations",
        ),
        Good(
            """
            from tensorflow.keras.preprocessing.image import ImageDataGenerator

            images = ImageDataGenerator(rotation_range=40).flow_from_directory("train")
            model.fit(images, epochs=20, workers=8, use_multiprocessing=True)
            """,
            why="eight workers",
        ),
        Good(
            """
            from tensorflow.keras.preprocessing.image import ImageDataGenerator

            images = ImageDataGenerator(rescale=1 / 255).flow(x_train, y_train, batch_size=64)
            model.fit(images, epochs=20)
            """,
            why="in memory, and only scaled",
        ),
        Good(
            """
            import tensorflow as tf

            scans = tf.data.Dataset.from_tensor_slices(paths)
            scans = scans.map(lambda path: tf.py_function(read_scan, [path], tf.float32)).cache().batch(16)
            model.fit(scans, epochs=5)
            """,
            why="cached: Python runs in the first epoch only",
        ),
        Good(
            """
            import tensorflow as tf

            photos = tf.data.Dataset.list_files("photos/*").map(decode).batch(32)
            """,
            why="TensorFlow makes maps parallel by itself",
        ),
        Good(
            """
            import tensorflow as tf

            photos = tf.data.Dataset.from_tensor_slices(paths).map(decode, 4).batch(32)
            records = tf.data.Dataset.from_tensor_slices(files)
            records = records.interleave(tf.data.TFRecordDataset, 8, 1, tf.data.AUTOTUNE)
            """,
            why="the number of parallel calls is given by position",
            options={"maps": True},
        ),
        Good(
            """
            import tensorflow as tf

            images = tf.keras.utils.image_dataset_from_directory("train").map(lambda image, label: image)
            """,
            why="it computes nothing",
            options={"maps": True},
        ),
        Good(
            """
            import tensorflow as tf

            photos = tf.data.Dataset.from_tensor_slices(paths).map(decode, **options).batch(32)
            """,
            why="the options may say so",
            options={"maps": True},
        ),
        Good(
            """
            from keras.datasets import mnist
            from keras.preprocessing.image import ImageDataGenerator

            (x, y), _ = mnist.load_data()
            model.fit(ImageDataGenerator(rotation_range=10).flow(x, y), epochs=5)
            """,
            why="toy data",
        ),
        Good(
            """
            import keras

            class Rows(keras.utils.Sequence):
                def __getitem__(self, index):
                    return self.x[index], self.y[index]

            model = keras.Sequential(layers)
            model.fit(Rows(x, y), epochs=20)
            """,
            why="in memory",
        ),
    )


def _is_serial(call: Call) -> bool:
    return call.argument("num_parallel_calls", _PARALLEL[call.method]).absent


def _autotune(facts: Facts) -> tuple[tuple[Edit, ...], str] | None:
    """How this file writes the constant that lets `tf.data` choose a number, and the import that it needs."""
    from greenlint import Environment, spelled

    at_least = facts[Environment].at_least
    module = spelled(facts.document, "tensorflow", "tf")
    if module is None or at_least("tensorflow", "2.0") is False or _FIRST_TENSORFLOW.search(facts.glance.code.text):
        return None
    imported, tf = module
    is_old = at_least("tensorflow", "2.4") is False or "experimental.AUTOTUNE" in facts.glance.code.text
    return imported, f"{tf}.data.experimental.AUTOTUNE" if is_old else f"{tf}.data.AUTOTUNE"
