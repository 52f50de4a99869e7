"""Input pipelines: the chain behind a data set, maps that leave the graph, and what feeds ``fit`` from Python."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.modules import Modules
from greenlint.facts.pipelines import Pipelines
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
import cv2
import keras
import tensorflow as tf
from keras.preprocessing.image import ImageDataGenerator
ds = tf.data.Dataset.from_tensor_slices(paths)
model = keras.Sequential(layers)
"""


def facts_of(code: str) -> Facts:
    text = SETUP + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


@pytest.mark.parametrize(
    ("code", "methods"),
    [
        ("show(ds.map(f).batch(8))", ["from_tensor_slices", "map", "batch"]),
        (
            "a = ds.shuffle(9)\nb = a.cache()\nshow(b.prefetch(1))",
            ["from_tensor_slices", "shuffle", "cache", "prefetch"],
        ),
        ("def g(x):\n    return x.batch(4)\nshow(g(ds))", ["from_tensor_slices", "batch"]),
        ("show(frame.map(f))", []),
        ("show(unknown)", []),
    ],
)
def test_stages(code: str, methods: list[str]) -> None:
    facts = facts_of(code)
    node = facts[Calls].methods("show")[-1].positional[0]
    assert [each.method for each in facts[Pipelines].stages(node)] == methods


def test_maps() -> None:
    facts = facts_of("ds.map(f)\nother.map(f, num_parallel_calls=4)\nseries.map(f)")
    assert len(facts[Pipelines].maps) == 2


@pytest.mark.parametrize(
    ("function", "leaves", "decodes", "random"),
    [
        ("def f(p):\n    return tf.py_function(g, [p], tf.float32)", True, False, False),
        ("def f(p):\n    return h(p)\ndef h(p):\n    return tf.io.decode_png(tf.io.read_file(p))", False, True, False),
        ("def f(p):\n    return tf.image.random_flip_left_right(p)", False, False, True),
        ("f = lambda p: tf.numpy_function(g, [p], tf.float32)", True, False, False),
        ("from elsewhere import f", False, False, True),
    ],
)
def test_what_is_mapped(function: str, leaves: bool, decodes: bool, random: bool) -> None:
    pipelines = facts_of(f"{function}\nds.map(f)")[Pipelines]
    (call,) = pipelines.maps
    found = (pipelines.leaves_graph(call) is not None, pipelines.decodes(call), pipelines.is_random(call))
    assert found == (leaves, decodes, random)


@pytest.mark.parametrize(
    ("code", "pure"),
    [
        ("ds.map(lambda p: tf.io.decode_png(tf.io.read_file(p)))", True),
        ("def f(p):\n    return h(p)\ndef h(p):\n    return tf.cast(p, tf.float32)\nds.map(f)", True),
        ("ds.interleave(tf.data.TFRecordDataset)", True),
        ("def f(p):\n    tf.print(p)\n    return p\nds.map(f)", False),
        ("ds.map(lambda p: p + tf.random.normal(()))", False),
        ("ds.map(lambda p: layer(p))", False),
        ("ds.map(elsewhere)", False),
        ("rate = tf.Variable(1.0)\nrate.assign(2.0)\nds.map(lambda p: tf.multiply(p, rate))", False),
    ],
)
def test_purity(code: str, pure: bool) -> None:
    pipelines = facts_of(code)[Pipelines]
    assert [pipelines.is_pure(each) for each in pipelines.maps] == [pure]


@pytest.mark.parametrize(
    ("code", "trivial"),
    [("ds.map(lambda x, y: x)", True), ("ds.map(lambda x: tf.cast(x, 'int32'))", False), ("ds.map(elsewhere)", False)],
)
def test_triviality(code: str, trivial: bool) -> None:
    pipelines = facts_of(code)[Pipelines]
    assert [pipelines.is_trivial(each) for each in pipelines.maps] == [trivial]


def test_what_comes_later() -> None:
    pipelines = facts_of("a = ds.map(f).batch(2)\na = a.cache()")[Pipelines]
    assert pipelines.later(pipelines.maps[0]) == {"batch", "cache"}


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("model.fit(ImageDataGenerator().flow_from_directory('x'))", 1),
        ("g = ImageDataGenerator(rotation_range=9)\nmodel.fit_generator(g.flow(x, y), epochs=3)", 1),
        ("model.fit(ImageDataGenerator(rescale=1 / 255).flow(x, y))", 0),
        ("model.fit(ImageDataGenerator().flow_from_directory('x'), workers=4)", 0),
        ("model.fit(ImageDataGenerator().flow_from_directory('x'), workers=args.workers)", 0),
        ("model.fit(x, y)", 0),
        (
            "class S(keras.utils.Sequence):\n    def __getitem__(self, i):\n        return cv2.imread(self.p[i])\n"
            "model.fit(S())",
            1,
        ),
        (
            "class S(keras.utils.Sequence):\n    def __getitem__(self, i):\n        return self.x[i]\nmodel.fit(S())",
            0,
        ),
        (
            "class T:\n    def make(self):\n        self.g = ImageDataGenerator().flow_from_dataframe(df)\n"
            "    def train(self):\n        self.model.fit(self.g)",
            1,
        ),
    ],
)
def test_feeds(code: str, count: int) -> None:
    assert len(facts_of(code)[Pipelines].feeds) == count
