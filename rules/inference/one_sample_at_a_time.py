"""Predictions made one by one for things that are known together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Outline, Pass, cst


class OneSampleAtATime(Rule):
    """A loop gives a model one sample at a time although it could take many.

    Every call then pays for its own Python work, kernel launches and reading of all weights; an accelerator is idle
    most of the time and draws power all the same. `predict` of Keras and scikit-learn also checks and wraps its input
    in every call.

    The finding stands at the call. It is an info for transformers pipelines and spaCy, where the gain depends on
    lengths and hardware, and for PyTorch, where samples may differ in size.

    Leave it where one prediction depends on the one before, where answers are needed one by one, and where the samples
    differ too much in size: padding long-tailed texts into one batch can be slower, above all on a CPU.

    To fix it, give the model all samples in one call, or batches of them. Where there is only one at a time, call a
    Keras model itself, `model(x, training=False)`, instead of `predict`. The automatic fix is made for a list of what
    scikit-learn predicts for each row of an array.
    """

    severity = Severity.WARNING
    frameworks = ("transformers", "sentence_transformers", "spacy", "keras", "tensorflow", "sklearn", "joblib", "torch")
    words = (
        ("for", "while", "apply", "map", "*_apply", "*_map", "act*", "*_act*", "predict"),
        (
            "predict",
            "predict_proba",
            "decision_function",
            "encode",
            "pipeline",
            "spacy",
            "unsqueeze",
            "None",
            "newaxis",
            "expand_dims",
            "reshape",
            "zip",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK, Premise.NO_TOY_SET)
    references = (
        "https://huggingface.co/docs/transformers/main_classes/pipelines",
        "https://keras.io/api/models/model_training_apis/",
        "https://spacy.io/usage/processing-pipelines",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "187 texts per second without batching and 2478 with batches of 64 on an old GPU; with one long text in "
            "each batch, 184 without and 38 with",
            "https://huggingface.co/docs/transformers/main_classes/pipelines",
        ),
        Evidence(
            Grade.MEASURED,
            "batches of 64 took 95.7 % less energy than single requests in a test of an LLM on A800 (n = 10)",
            "https://hongping-zh.github.io",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        mapped = outline.maps
        if not mapped and not outline.repeated:
            return any(map(_ACTS.match, outline.functions)) and not outline.calls.isdisjoint(_METHODS)
        if mapped or any(map(_ACTS.match, outline.functions)) or outline.roots & {"transformers", "spacy"}:
            return not outline.calls.isdisjoint(_METHODS) or bool(outline.roots & {"torch", "transformers", "spacy"})
        if not outline.repeated.isdisjoint(_METHODS):
            return True
        return "torch" in outline.roots and (outline.makes_single or outline.takes_batch_apart)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Elements

        said: set[cst.CSTNode] = set()
        for call in facts[Calls].all:
            # Of other models than those of Keras, a call outside all passes is none of one sample after the other.
            if call.method not in _OF_KERAS and not facts[Elements].around(call.node):
                continue
            what = _predictor(call, facts)
            if what is None or facts[Contexts].dead(call.node):
                continue
            around = _one_by_one(call, what, facts)
            if around is None or around in said or _asks(around, facts):
                continue
            said.add(around)
            written = facts.document.source(call.node.func)
            yield self.finding(
                call.node,
                f"`{written}` gets one sample at a time",
                help=_HELP[what].format(written=written, receiver=written.rpartition(".")[0]),
                notes=_NOTES.get(what, ()),
                related=((around, "the loop"),),
                severity=Severity.INFO if what in _UNSURE else None,
                fix=self._fix(call, around, facts) if what == "sklearn" else None,
            )

    def _fix(self, call: Call, around: cst.CSTNode, facts: Facts) -> Fix | None:
        from greenlint import Tree, replace_node

        document, whole = facts.document, facts[Tree].parent(around)
        rows = _all_rows(call, whole, facts)
        if whole is None or rows is None or "#" in document.source(whole):
            return None
        written = f"list({document.source(call.node.func)}({document.source(rows)}))"
        edits = replace_node(document, whole, written)
        reason = "changes rounding, takes memory for all rows, and fails where there is none"
        return self.unsafe_fix("predict all rows in one call", *edits, reason=reason)

    examples = (
        Bad(
            """
            from transformers import pipeline

            pipe = pipeline("sentiment-analysis", device=0)
            for text in texts:
                results.append(pipe(text))  # bad
            """,
            not_as=("renamed",),  # the name shows that it is a single text
        ),
        Bad(
            """
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer("all-MiniLM-L6-v2")
            frame["vector"] = frame["text"].apply(lambda text: model.encode(text))  # bad
            """
        ),
        Bad(
            """
            import spacy

            nlp = spacy.load("en_core_web_sm")
            documents = [nlp(text) for text in texts]  # bad
            """
        ),
        Bad(
            """
            import numpy as np
            import tensorflow as tf

            model = tf.keras.models.load_model("model.keras")
            for path in paths:
                image = np.expand_dims(read(path), axis=0)
                labels.append(model.predict(image).argmax())  # bad
            """
        ),
        Bad(
            """
            import keras

            model = keras.Sequential([keras.layers.Dense(2)])
            while True:
                frame = camera.read()
                print(model.predict(frame[None]))  # bad
            """
        ),
        Bad(
            """
            from sklearn.ensemble import RandomForestClassifier

            model = RandomForestClassifier().fit(x, y)
            for row in rows:
                scores.append(model.predict_proba([row])[0])  # bad
            """
        ),
        Bad(
            """
            import numpy as np
            from sklearn.ensemble import RandomForestClassifier

            model = RandomForestClassifier().fit(x, y)
            rows = np.load("rows.npy")
            labels = [model.predict([row])[0] for row in rows]  # bad
            """,
            fixed="""
            import numpy as np
            from sklearn.ensemble import RandomForestClassifier

            model = RandomForestClassifier().fit(x, y)
            rows = np.load("rows.npy")
            labels = list(model.predict(rows))
            """,
        ),
        Bad(
            """
            from sklearn.ensemble import RandomForestClassifier

            model = RandomForestClassifier().fit(x, y)
            rows = read_rows()
            labels = [model.predict([row])[0] for row in rows]  # bad
            """
        ),
        Bad(
            """
            import numpy as np
            from sklearn.ensemble import RandomForestClassifier

            model = RandomForestClassifier().fit(x, y)
            rows = np.load("rows.npy")
            labels = [model.predict([row])[0] for row in rows if row.any()]  # bad
            """
        ),
        Bad(
            """
            import joblib

            model = joblib.load("model.joblib")
            for index, row in frame.iterrows():
                prices.append(model.predict(row.values.reshape(1, -1))[0])  # bad
            """
        ),
        Bad(
            """
            import torch
            from torchvision.models import resnet18

            model = resnet18(weights="DEFAULT").cuda().eval()
            with torch.no_grad():
                for path in paths:
                    image = read(path).unsqueeze(0).cuda()
                    labels.append(model(image).argmax())  # bad
            """
        ),
        Bad(
            """
            import keras

            class Agent:
                def __init__(self):
                    self.model = keras.Sequential([keras.layers.Dense(2)])

                def act(self, state):
                    return self.model.predict(state)[0].argmax()  # bad
            """
        ),
        Good(
            """
            from transformers import pipeline

            pipe = pipeline("sentiment-analysis", device=0)
            results = pipe(texts, batch_size=32)
            """,
            why="the whole list in one call",
        ),
        Good(
            """
            from transformers import pipeline

            pipe = pipeline("text-generation", device=0)
            story = "Once"
            for i in range(100):
                story = pipe(story)[0]["generated_text"]
            """,
            why="each call continues the one before",
        ),
        Good(
            """
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer("all-MiniLM-L6-v2")
            for batch in batches:
                vectors.extend(model.encode(batch))
            """,
            why="batches already",
        ),
        Good(
            """
            from fastapi import FastAPI
            from sentence_transformers import SentenceTransformer

            app = FastAPI()
            model = SentenceTransformer("all-MiniLM-L6-v2")

            @app.post("/embed")
            def embed(text: str):
                return model.encode(text)
            """,
            why="one request at a time",
        ),
        Good(
            """
            import spacy

            nlp = spacy.load("en_core_web_sm")
            for document in nlp.pipe(texts, batch_size=256):
                use(document)
            for text in ["First sentence.", "Second one."]:
                print(nlp(text))
            """,
            why="spaCy batches; two sentences are a demonstration",
        ),
        Good(
            """
            import keras

            model = keras.models.load_model("model.keras")
            for x, y in dataset.batch(64):
                scores.append(model.predict(x))
            for fold in range(5):
                print(model.predict(splits[fold]))
            """,
            why="batches and whole splits",
        ),
        Good(
            """
            from sklearn.linear_model import LinearRegression

            model = LinearRegression().fit(x, y)
            history = list(y)
            for step in range(365):
                history.append(model.predict([history[-7:]])[0])
            """,
            why="a forecast that feeds on itself",
        ),
        Good(
            """
            import time
            from transformers import pipeline

            pipe = pipeline("ner", device=0)
            for row in dataset:
                start = time.perf_counter()
                pipe(row["text"])
                latencies.append(time.perf_counter() - start)
            """,
            why="the time of single answers is measured",
        ),
        Good(
            """
            import cv2
            import torch
            from network import Upscaler

            model = Upscaler().cuda().eval()
            for path in sorted(folder.glob("*.png")):
                image = torch.from_numpy(cv2.imread(str(path))).permute(2, 0, 1).float()
                with torch.no_grad():
                    restored = model(image.unsqueeze(0).cuda())
                cv2.imwrite(f"out/{path.name}", restored.squeeze().cpu().numpy())
            """,
            files={"network.py": "from torch import nn\n\nclass Upscaler(nn.Module):\n    pass\n"},
            why="images of any size make no batch",
        ),
        Good(
            """
            import torch
            from torchvision.models import resnet18

            model = resnet18(weights="DEFAULT").cuda().eval()
            image = read("cat.png").unsqueeze(0).cuda()
            print(model(image).argmax())
            """,
            why="one picture only",
        ),
        Good(
            """
            from sklearn.ensemble import RandomForestClassifier

            models = [RandomForestClassifier(n).fit(x, y) for n in (10, 100)]
            for model in models:
                print(model.predict([x[0]]))
            """,
            why="several models, not several samples",
        ),
        Good(
            """
            import keras
            import matplotlib.pyplot as plt

            model = keras.models.load_model("model.keras")
            for image, place in zip(images, places):
                place.imshow(image)
                place.set_title(model.predict(image[None]))
            for part in parts:
                print(model.predict([part]))
            """,
            why="a gallery for human eyes; a list of inputs is no batch of one",
        ),
        Good(
            """
            import numpy as np
            from tensorflow import keras

            model = keras.models.load_model("model.keras")
            while True:
                picture = load(np.random.choice(files))
                show(model.predict(picture[np.newaxis]))
                if input("another one? ").startswith("n"):
                    break
            """,
            why="waits for somebody after each sample",
        ),
        Good(
            """
            import torch
            from torch import nn

            device = torch.device("cuda")
            encoder = nn.Sequential(nn.Linear(4096, 256), nn.ReLU()).to(device)

            def encoded(ratings, groups, parts):
                hidden = []
                for at in range(parts):
                    group = groups[:, at].reshape(1, -1)
                    weighed = ratings * group
                    hidden.append(encoder(weighed))
                return hidden
            """,
            why="each pass takes the whole batch, weighed",
        ),
        Good(
            """
            import torch
            from torch import nn

            class Alignment(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.log_softmax = nn.LogSoftmax(dim=2)

                def forward(self, scores, lengths):
                    total = 0.0
                    for at in range(scores.shape[0]):
                        row = self.log_softmax(scores[at][None])[0]
                        total = total + row[: lengths[at]].sum()
                    return total

            alignment = Alignment().cuda()
            """,
            why="a layer without weights",
        ),
        Good(
            """
            from sklearn.datasets import load_iris
            from sklearn.ensemble import RandomForestClassifier

            x, y = load_iris(return_X_y=True)
            model = RandomForestClassifier().fit(x, y)
            for row in x:
                print(model.predict([row]))
            """,
            why="toy data",
        ),
    )


_DRAWING = ("imshow", "subplot", "add_subplot", "set_title", "show", "figure")
_METHODS = frozenset(("predict", "predict_proba", "decision_function", "encode", "fit", "train_on_batch"))
_UNSURE = ("pipeline", "spacy", "torch")
_HELP = {
    "pipeline": "pass the whole list or a generator: `{written}(texts)`, then measure a few values of `batch_size`",
    "sentences": "pass the whole list: `{written}(texts, batch_size=...)`",
    "spacy": "use `{written}.pipe(texts)`, and disable the components that are not needed",
    "keras": "predict all of them in one call; where there is only one, call `{receiver}(x, training=False)`",
    "sklearn": "predict all rows in one call of `{written}`",
    "torch": "stack samples of one size to batches, for instance with a DataLoader",
}
_NOTES = {
    "pipeline": ("with texts of very different lengths, or on a CPU, batches can be slower",),
    "torch": ("needs samples of one size, or padding",),
}
_READS_IMAGE = re.compile(r"\bimread\(|\bImage\.open\(|\bread_image\(|\bload_im(?:g|age)\(")
_RESIZES = re.compile(r"(?i)resi[sz]e|crop|letterbox|interpolate|thumbnail|img_size|image_size|imgsz")
_FUNCTION_LAYER = re.compile(
    r"torch\.nn\.(?:\w*Soft\w+|\w*ReLU\d?|[GCS]ELU|SiLU|Mish|\w*[Ss]igmoid|\w*[Tt]anh|\w*Dropout\w*|\w+Pool\dd|\w*Pad\dd"
    r"|Flatten|Unflatten|Identity|Upsample|Pixel\w+|Fold|Unfold|CosineSimilarity|PairwiseDistance)$"
)
"""Layers that hold no weights: nothing is gained by more samples in a call that is one of many small ones."""
_ENOUGH = 10
"""A loop of at most so many passes is not worth a word."""
_ACTS = re.compile(r"^(?:act|(?:choose|select|get|pick|take|sample)_?action|policy|get_qs?|q_values?)$", re.IGNORECASE)


_OF_KERAS = ("predict", "fit", "train_on_batch")


def _predictor(call: Call, facts: Facts) -> str | None:
    """What kind of model a call runs, of those that take many samples at once."""
    from greenlint import Frameworks, Kind, Loads, Models, Values

    values = facts[Values]
    if call.method in _OF_KERAS or call.method in ("predict_proba", "decision_function"):
        if call.receiver is None:
            return None
        value = values.of(call.receiver)
        kind = value.kind
        if kind is None and value.call is not None and value.call.method == "fit" and value.call.receiver is not None:
            # ``Estimator().fit(...)`` is the estimator.
            kind = value.call.facts[Values].of(value.call.receiver).kind
            kind = kind if kind is Kind.ESTIMATOR else None
        if kind is Kind.KERAS_MODEL:
            return "keras"
        if call.method in ("fit", "train_on_batch"):
            return None
        if kind in (Kind.ESTIMATOR, Kind.SEARCH):
            return "sklearn"
        load = facts[Loads].behind(call.receiver)
        return "sklearn" if load is not None and load.call.name in ("joblib.load", "pickle.load") else None
    if call.method == "encode" and call.receiver is not None:
        load = facts[Loads].behind(call.receiver)
        named = load.call.name if load is not None else None
        return "sentences" if named == "sentence_transformers.SentenceTransformer" else None
    func = call.node.func
    if values.of(func).kind is Kind.PIPELINE:
        return "pipeline"
    load = facts[Loads].behind(func)
    if load is not None and load.call.name == "spacy.load":
        return "spacy"
    if call.method == "generate" or facts[Frameworks].gpu_intent is not True or "torch" not in facts[Frameworks].roots:
        return None
    made = values.of(func).call
    if made is not None and _FUNCTION_LAYER.match(made.name or ""):
        return None
    return "torch" if call.positional and facts[Models].network(call) is not None else None


def _one_by_one(call: Call, what: str, facts: Facts) -> cst.CSTNode | None:
    """The loop that gives a model one sample at a time."""
    from greenlint import Contexts, Elements, Handlers

    given = call.positional[0] if call.positional else call.keyword("x")
    if given is None:
        return None
    if facts[Handlers].all and facts[Handlers].around(call.node) is not None:
        return None
    if what == "torch" and _trains(call, facts):
        return None
    if what != "keras" and facts[Contexts].timed(call.node):
        return None
    elements = facts[Elements]
    passes = elements.around(call.node)
    for around in passes:
        if _is_replay(around, facts) and what == "keras" and elements.varies(given, around):
            return around.node
        if elements.varies(given, around):
            return around.node if _counts(call, given, what, around, passes, facts) else None
    return _endless(call, given, what, passes, facts)


def _counts(call: Call, given: cst.BaseExpression, what: str, around: Pass, passes: list[Pass], facts: Facts) -> bool:
    """Whether a pass over elements, one of which the model gets, is worth a word."""
    from greenlint import Elements

    elements = facts[Elements]
    count = elements.count(around)
    if (count is not None and count <= _ENOUGH) or _draws(around, facts):
        return False
    if what != "keras" and any(elements.carried(given, each) for each in passes):
        return False
    if what == "torch" and _is_part_of_batch(given, around, passes, facts):
        return True
    if elements.is_batched(around) or (what == "torch" and _are_of_any_size(around, facts)):
        return False
    if what in ("keras", "sklearn", "torch"):
        return _is_one(given, what, facts)
    return what == "spacy" or elements.is_single(given)


def _are_of_any_size(around: Pass, facts: Facts) -> bool:
    """Whether the samples are images as the files have them, of which no batch can be made."""
    read = _READS_IMAGE.search(facts.document.source(around.node)) is not None
    return read and _RESIZES.search(facts.document.text) is None


def _all_rows(call: Call, whole: cst.CSTNode | None, facts: Facts) -> cst.BaseExpression | None:
    """The array of which ``[model.predict([row])[0] for row in rows]`` takes one row after the other."""
    from greenlint import Tree, cst

    if not isinstance(whole, cst.ListComp) or len(call.node.args) != 1 or whole.for_in.inner_for_in is not None:
        return None
    loop, (arg,) = whole.for_in, call.node.args
    first = facts[Tree].parent(call.node)
    if first is not whole.elt or not isinstance(first, cst.Subscript) or loop.ifs or loop.asynchronous is not None:
        return None
    index = first.slice[0].slice if len(first.slice) == 1 else None
    if not isinstance(index, cst.Index) or not isinstance(index.value, cst.Integer) or index.value.value != "0":
        return None
    rows = arg.value.elements if isinstance(arg.value, cst.List) and not arg.star else ()
    row = rows[0].value if len(rows) == 1 else None
    if not isinstance(row, cst.Name) or not isinstance(loop.target, cst.Name) or row.value != loop.target.value:
        return None
    # Another model for each row is no batch.
    chosen = any(each.value == row.value for each in facts[Tree].below(call.node.func, cst.Name))
    return loop.iter if not chosen and _is_array(loop.iter, facts) else None


def _is_array(node: cst.BaseExpression, facts: Facts) -> bool:
    """Whether an expression is certainly an array, or the values of a table."""
    from greenlint import Kind, Values, cst

    if isinstance(node, cst.Name):
        made = facts[Values].of(node).call
        return facts[Values].of(node).kind is Kind.ARRAY or (made is not None and made.method == "to_numpy")
    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Attribute) and node.func.attr.value == "to_numpy"
    return False


def _endless(call: Call, given: cst.BaseExpression, what: str, passes: list[Pass], facts: Facts) -> cst.CSTNode | None:
    """A Keras model that gets one sample at a time by its nature, but through ``predict``."""
    from greenlint import Tree, cst

    if what != "keras":
        return None
    for around in passes:
        if isinstance(around.node, cst.While) and _is_one(given, what, facts):
            return around.node
    function = facts[Tree].function(call.node)
    acts = function is not None and _ACTS.search(function.name.value)
    if function is not None and acts and isinstance(given, cst.Name) and call.method == "predict":
        return function
    return None


def _is_one(given: cst.BaseExpression, what: str, facts: Facts) -> bool:
    """Whether a batch holds one sample; a list is a batch for scikit-learn, and several inputs for Keras."""
    from greenlint import Elements, cst

    elements = facts[Elements]
    if what == "keras" and isinstance(given, cst.BinaryOperation):
        return any(_is_one(each, what, facts) for each in (given.left, given.right))
    if what == "keras" and isinstance(given, cst.List):
        return any(elements.is_one_row(each.value) for each in given.elements)
    return elements.is_one_row(given)


def _draws(around: Pass, facts: Facts) -> bool:
    """Whether a plot or picture is made for each sample: nobody looks at many."""
    from greenlint import Calls

    return any(True for _ in facts[Calls].methods(*_DRAWING, within=around.body))


def _is_replay(around: Pass, facts: Facts) -> bool:
    """``for state, action, reward, ... in random.sample(memory, n)``: transitions, one by one."""
    from greenlint import Elements, Values, cst

    iterable = around.iterable
    if iterable is None or len(facts[Elements].targets(around)) < 3:
        return False
    made = facts[Values].of(iterable).call
    if made is not None and made.name in ("random.sample", "random.choices"):
        return True
    return isinstance(iterable, cst.Name) and iterable.value in ("minibatch", "mini_batch")


def _is_part_of_batch(given: cst.BaseExpression, around: Pass, passes: list[Pass], facts: Facts) -> bool:
    """Whether a loop takes apart a batch that a loader made."""
    from greenlint import Elements, Kind, Values, cst

    if not isinstance(given, cst.Name) or around.iterable is None:
        return False
    outer = [each for each in passes if each is not around and isinstance(each.node, cst.For)]
    for each in outer:
        assert each.iterable is not None
        loader = facts[Values].of(facts[Values].iterated(each.iterable)).kind is Kind.DATALOADER
        if loader and facts[Elements].varies(around.iterable, each):
            return True
    return False


def _trains(call: Call, facts: Facts) -> bool:
    from greenlint import Loops

    return facts[Loops].runs_each_step(call.node)


def _asks(loop: cst.CSTNode, facts: Facts) -> bool:
    """Whether each pass waits for somebody at the keyboard."""
    from greenlint import Calls

    return any(call.name == "builtins.input" for call in facts[Calls].methods("input", within=loop))
