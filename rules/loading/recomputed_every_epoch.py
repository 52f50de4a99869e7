"""Preparation of samples that gives the same in every epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst


class RecomputedEveryEpoch(Rule):
    """Costly preparation without a random part is repeated for every sample in every epoch.

    Decoding and resizing large images, spectrograms and tokenization give the same result in each epoch when nothing
    random comes before them. Done once and kept, all epochs but the first are spared the work.

    The finding stands at the costly call in `__getitem__`, or at the `map` of a `tf.data` pipeline.

    Leave it for a single epoch, and where neither memory nor disk holds the prepared data: what is read from a slow
    disk may cost more than what is computed.

    To fix it, prepare the data once and store it (smaller images, features, token ids), or put `.cache()` after the
    last step that is not random.
    """

    severity = Severity.INFO
    default = False
    frameworks = ("torch", "tensorflow")
    words = (("__getitem__", "map"),)
    premises = (Premise.NOT_A_TEST, Premise.REAL_DATA, Premise.NOT_A_BENCHMARK)
    references = ("https://www.tensorflow.org/guide/data_performance#caching",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "caching saves operations such as opening and reading files from being executed in each epoch",
            "https://www.tensorflow.org/guide/data_performance",
        ),
        Evidence(
            Grade.TIMED,
            "preparation and reading of inputs took a large part of training time in nine models",
            "arXiv 2007.06775",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "__getitem__" in outline.functions or "map" in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Frameworks, Imports, Pipelines

        trains = _TRAINS.search(facts[Frameworks].code) is not None or bool(facts[Imports].importing())
        for call, what in _in_datasets(facts) if trains else ():
            yield self.finding(
                call.node,
                f"{what} is computed anew for every sample in every epoch, with the same result",
                help="compute it once before training and store it",
                notes=("needs memory or disk for the results",),
            )
        if not _fits_long(facts):
            return
        maps = [each for each in facts[Pipelines].maps if not facts[Contexts].dead(each.node)]
        for call in maps:
            pipelines = facts[Pipelines]
            if "cache" in pipelines.later(call) or not pipelines.decodes(call) or pipelines.is_random(call):
                continue
            yield self.finding(
                call.node,
                "the images of this pipeline are read and decoded anew in every epoch, with the same result",
                help="put .cache() after this map, or .cache(filename) where memory does not hold the data",
                notes=("needs memory or disk for the results",),
            )
            return

    examples = (
        Bad(
            """
            import torch
            import torchaudio

            class Speech(torch.utils.data.Dataset):
                def __init__(self, paths):
                    self.paths = paths
                    self.spectrum = torchaudio.transforms.MelSpectrogram()

                def __getitem__(self, index):
                    wave, rate = torchaudio.load(self.paths[index])
                    return self.spectrum(wave)  # bad

            for batch in torch.utils.data.DataLoader(Speech(paths)):
                model(batch).loss.backward()
            """
        ),
        Bad(
            """
            import torch
            from transformers import AutoTokenizer

            class Reviews(torch.utils.data.Dataset):
                def __init__(self, texts):
                    self.texts = texts
                    self.tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

                def __getitem__(self, index):
                    return self.tokenizer(self.texts[index], truncation=True)  # bad

            for batch in torch.utils.data.DataLoader(Reviews(texts)):
                model(batch).loss.backward()
            """
        ),
        Bad(
            """
            import tensorflow as tf

            def load(path):
                image = tf.io.decode_jpeg(tf.io.read_file(path))
                return tf.image.resize(image, (224, 224))

            photos = tf.data.Dataset.list_files("photos/*").map(load).batch(32)  # bad
            model.fit(photos, epochs=30)
            """
        ),
        Good(
            """
            import tensorflow as tf

            def load(path):
                return tf.image.resize(tf.io.decode_jpeg(tf.io.read_file(path)), (224, 224))

            photos = tf.data.Dataset.list_files("photos/*").map(load).cache().batch(32)
            model.fit(photos, epochs=30)
            """,
            why="cached",
        ),
        Good(
            """
            import tensorflow as tf

            def load(path):
                image = tf.io.decode_jpeg(tf.io.read_file(path))
                return tf.image.random_crop(image, (224, 224, 3))

            photos = tf.data.Dataset.list_files("photos/*").map(load).batch(32)
            model.fit(photos, epochs=30)
            """,
            why="another crop in each epoch",
        ),
        Good(
            """
            import tensorflow as tf

            def load(path):
                return tf.io.decode_jpeg(tf.io.read_file(path))

            photos = tf.data.Dataset.list_files("photos/*").map(load).batch(32)
            model.fit(photos, epochs=1)
            """,
            why="one epoch",
        ),
        Good(
            """
            import torch
            from transformers import AutoTokenizer

            class Reviews(torch.utils.data.Dataset):
                def __getitem__(self, index):
                    return self.tokenizer(self.texts[index], truncation=True)

            for batch in torch.utils.data.DataLoader(Reviews(texts)):
                answers.append(model(batch))
            """,
            why="nothing is trained here: one pass",
        ),
        Good(
            """
            import librosa
            import numpy as np
            import torch

            class Speech(torch.utils.data.Dataset):
                def __getitem__(self, index):
                    wave = self.waves[index] + np.random.normal(size=16000)
                    return librosa.feature.melspectrogram(y=wave)
            """,
            why="noise is added first",
        ),
        Good(
            """
            import torch
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")

            class Reviews(torch.utils.data.Dataset):
                def __init__(self, texts):
                    self.encodings = tokenizer(texts, truncation=True)

                def __getitem__(self, index):
                    return self.encodings["input_ids"][index]
            """,
            why="tokenized once",
        ),
    )


_RANDOM = re.compile(r"(?i)random|augment|noise|perturb|transform\(|\baug|mixup|masking|rng|sample\(|crop|cache|lru")
_TRAINS = re.compile(r"Trainer\(|\.backward\(|\.fit\(|training_step")
_SPECTRA = re.compile(
    r"^torchaudio\.transforms\.(?:MelSpectrogram|Spectrogram|MFCC|LFCC|Resample)$|^librosa\.feature\.\w+$"
    r"|^librosa\.(?:stft|cqt)$|^torchaudio\.compliance\.kaldi\.(?:fbank|mfcc)$|^librosa\.(?:core\.)?resample$"
)


def _in_datasets(facts: Facts) -> Iterator[tuple[Call, str]]:
    """The first costly call in each ``__getitem__`` that has no random part, and what it makes."""
    from greenlint import Kind, Project, Tree, Values, cst

    for owner in facts[Tree].of_type(cst.ClassDef):
        definition = facts[Project].definition(owner.name)
        if definition is None or facts[Values].kind_of_class(definition) is not Kind.DATASET:
            continue
        for function in owner.body.body:
            if not isinstance(function, cst.FunctionDef) or function.name.value != "__getitem__":
                continue
            if _RANDOM.search(facts.document.source(function)):
                continue
            found = next(_costly(function, facts), None)
            if found is not None:
                yield found


def _costly(function: cst.FunctionDef, facts: Facts) -> Iterator[tuple[Call, str]]:
    from greenlint import Calls, Mapped, Values

    for call in facts[Calls].within(function.body):
        if facts[Mapped].is_tokenizing(call):
            yield call, "the tokenization"
            continue
        made = facts[Values].of(call.node.func).call
        name = call.name or (made.name if made is not None else None)
        if name is not None and _SPECTRA.match(name):
            yield call, "the spectrum"


def _fits_long(facts: Facts) -> bool:
    """Whether a model is fitted for more than one epoch."""
    from greenlint import Calls

    for call in facts[Calls].methods("fit"):
        epochs = call.argument("epochs").constant
        if call.keyword("epochs") is not None and epochs != 1:
            return True
    return False
