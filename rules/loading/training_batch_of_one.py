"""Training steps on a single sample."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Outline, cst


class TrainingBatchOfOne(Rule):
    """A network is trained with a batch of one sample, often because `DataLoader` was given no `batch_size`.

    With one sample, a step costs nearly as much time as with many: the kernels are too small to fill the device, and
    starting them, the update and the transfer are paid for each sample. The device draws power all the while.

    The finding stands at the `DataLoader`, `TrainingArguments` or `fit` call. It is a remark, because what fits into
    memory cannot be seen. Data whose samples differ in size, such as images with boxes, volumes, graphs or episodes,
    are not reported, nor training arguments with large language models.

    Leave it where a single sample fills the device, and where the method needs single samples.

    To fix it, raise the batch size until the device is busy, and lower gradient accumulation to match. A larger batch
    changes the course of training: the learning rate may have to follow. The largest batch is not always the most
    economical.
    """

    class Options(RuleOptions):
        accumulation: int = 8
        """From how many accumulation steps on a batch of one in training arguments is reported."""

    severity = Severity.INFO
    frameworks = ("torch", "transformers", "keras", "tensorflow")
    words = (("DataLoader", "*TrainingArguments", "fit"),)
    premises = (Premise.NOT_A_TEST, Premise.REAL_DATA, Premise.NOT_REINFORCEMENT, Premise.NOT_SCIENCE)
    references = ("https://huggingface.co/docs/transformers/perf_train_gpu_one",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "a ResNet on 8 H100: raising the batch from 512 to 4096 cut the energy of a whole training about fourfold",
            "arXiv 2412.08602",
        ),
        Evidence(
            Grade.MEASURED,
            "choosing batch size and power limit together saved 15.3 to 75.8 %; the largest batch was not always best",
            "arXiv 2208.06102",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if outline.may_give(frozenset(("DataLoader",)), "batch_size", 1, 1, 1):
            return True
        if outline.may_give(_ARGUMENTS, "per_device_train_batch_size", 99, 1):
            return True
        return outline.may_give(frozenset(("fit",)), "batch_size", 2, 1)

    @on_call("torch.utils.data.DataLoader")
    def loader(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        if facts[Contexts].dead(call.node) or not _is_one(call.argument("batch_size").constant):
            return
        if call.argument("batch_sampler").constant is not None or not call.argument("collate_fn").absent:
            return
        loop = _training_loop(call)
        if loop is None or not _yields_single_samples(call) or _differs_in_size(facts) or _differs_in_size(loop[0]):
            return
        owner, node = loop
        if _unpacks_batch(owner, node):
            return
        written = call.argument("batch_size").written
        yield self.finding(
            call.node,
            "the network is trained on one sample at a time"
            + ("" if written else ": without batch_size a batch has one sample"),
            help="pass a batch_size that keeps the device busy, and check the learning rate",
            related=((node, "trained here", owner.document),),
        )

    @on_call("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
    def arguments(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Frameworks

        steps = call.argument("gradient_accumulation_steps").constant
        if call.argument("per_device_train_batch_size").constant != 1:
            return
        if not isinstance(steps, int) or steps < self.options.accumulation:
            return
        if _LARGE.search(facts[Frameworks].code) or _differs_in_size(facts) or "#" in _lines(call, facts):
            return
        yield self.finding(
            call.node,
            f"each step adds up {steps} passes over a single sample",
            help="raise per_device_train_batch_size as far as memory allows, and lower the accumulation to match",
        )

    @on_file
    def fit(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Kind, Models, Samples, Scale, Tree, Values

        for call in facts[Calls].methods("fit"):
            batch = call.argument("batch_size", 2)
            if call.receiver is None or not batch.written or not _is_one(batch.constant):
                continue
            if facts[Values].of(call.receiver).kind is not Kind.KERAS_MODEL or facts[Tree].loops_around(call.node):
                continue
            data = [each.node for each in (call.argument("x", 0), call.argument("y", 1)) if each.node is not None]
            if not data or any(facts[Samples].scale(each) in (Scale.TOY, Scale.SMALL) for each in data):
                continue
            layers = facts[Models].layers(call.receiver)
            if layers is None or not layers.found or _is_stateful(facts) or facts[Contexts].dead(call.node):
                continue
            yield self.finding(
                call.node,
                "the network is trained on one sample at a time",
                help="pass a larger batch_size, such as the default of 32, and check the learning rate",
            )

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            loader = DataLoader(TensorDataset(inputs, targets), shuffle=True)  # bad
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets

            data = datasets.ImageFolder("train", transform)
            loader = DataLoader(data, batch_size=1, num_workers=4)  # bad
            for epoch in range(10):
                for x, y in loader:
                    criterion(model(x.cuda()), y.cuda()).backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            from transformers import BertForSequenceClassification, Trainer, TrainingArguments

            model = BertForSequenceClassification.from_pretrained("bert-base-cased")
            arguments = TrainingArguments(  # bad
                "out", per_device_train_batch_size=1, gradient_accumulation_steps=32
            )
            Trainer(model, arguments, train_dataset=data).train()
            """
        ),
        Bad(
            """
            import pandas as pd
            from tensorflow import keras

            prices = pd.read_csv("prices.csv")
            x, y = windows(prices)
            model = keras.Sequential([keras.layers.LSTM(50), keras.layers.Dense(1)])
            model.compile(optimizer="adam", loss="mse")
            model.fit(x, y, batch_size=1, epochs=10)  # bad
            """
        ),
        Bad(
            """
            import keras
            import pandas as pd

            prices = pd.read_csv("prices.csv")
            x, y = windows(prices)
            model = keras.Sequential([keras.layers.Dense(512), keras.layers.Dense(1)])
            model.compile(loss="mse")
            model.fit(x, y, 1, 10)  # bad
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            loader = DataLoader(TensorDataset(inputs, targets), batch_size=256, shuffle=True)
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="many samples",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            test = DataLoader(TensorDataset(inputs, targets), batch_size=1)
            for x, y in test:
                outputs.append(model(x.cuda()))
            """,
            why="no training",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader
            from torchvision import datasets

            loader = DataLoader(datasets.CocoDetection("train", "boxes.json"), batch_size=1)
            for images, targets in loader:
                sum(detector(images.cuda(), targets).values()).backward()
                optimizer.step()
            """,
            why="images of different sizes with boxes",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            loader = DataLoader(Batches(inputs), batch_size=None)
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="the data set makes batches itself",
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader, Dataset

            class Batches(Dataset):
                def __getitem__(self, index):
                    return self.read(index)

            for x, y in DataLoader(Batches(), batch_size=1, num_workers=4):
                x, y = x.squeeze(0), y.squeeze(0)
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="an item is a batch already",
        ),
        Good(
            """
            from transformers import AutoModelForCausalLM, TrainingArguments

            model = AutoModelForCausalLM.from_pretrained("some/llm-7b")
            arguments = TrainingArguments(
                "out", per_device_train_batch_size=1, gradient_accumulation_steps=16
            )
            """,
            why="a large model may leave memory for one sample only",
        ),
        Good(
            """
            import pandas as pd
            from tensorflow import keras

            prices = pd.read_csv("prices.csv")
            x, y = windows(prices)
            model = keras.Sequential([keras.layers.LSTM(50, batch_input_shape=(1, 10, 1), stateful=True)])
            model.compile(loss="mse")
            model.fit(x, y, batch_size=1, epochs=10, shuffle=False)
            """,
            why="the state is carried from one sample to the next",
        ),
        Good(
            """
            import numpy as np
            import tensorflow as tf

            class Line(tf.keras.Model):
                def call(self, x):
                    return self.slope * x + self.offset

            x, y = np.arange(10), np.array([1.0, 1.3, 3.1, 2.0, 5.0, 6.3, 6.6, 7.4, 8.0, 9.0])
            model = Line()
            model.compile(optimizer="sgd", loss="mse")
            model.fit(x, y, batch_size=1, epochs=10)
            """,
            why="two parameters and ten samples",
        ),
        Good(
            """
            import argparse
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            parser = argparse.ArgumentParser()
            parser.add_argument("--batch-size", type=int, default=1)
            args = parser.parse_args()
            loader = DataLoader(TensorDataset(inputs, targets), batch_size=args.batch_size)
            for x, y in loader:
                criterion(model(x.cuda()), y.cuda()).backward()
                optimizer.step()
            """,
            why="the default of an option is not its value",
        ),
    )


def _is_one(value: object) -> bool:
    return value == 1 and not isinstance(value, bool)


def _lines(call: Call, facts: Facts) -> str:
    return facts.document.source(call.node)


def _training_loop(call: Call) -> tuple[Facts, cst.For] | None:
    """The loop over a loader that trains, and updates in each pass or after some."""
    from greenlint import Datasets, LoopRole, Loops

    for owner, node in call.facts[Datasets].loops_over(call):
        if owner[Loops].of(node).role is LoopRole.TRAINING:
            return owner, node
    return None


def _yields_single_samples(call: Call) -> bool:
    """Whether the items of a loader's data set are known to be single samples."""
    from greenlint import Datasets, Values, cst

    dataset = call.argument("dataset")
    if dataset.node is None:
        return False
    if dataset.facts[Datasets].work(dataset.node) is not None:
        owner = dataset.facts[Values].of(dataset.node).instance_of
        return owner is None or not _BATCHES.search(owner.facts.document.source(owner.node))
    definition = dataset.facts[Values].of(dataset.node).instance_of
    if definition is None or not isinstance(definition.node, cst.ClassDef):
        return False
    return not _BATCHES.search(definition.facts.document.source(definition.node))


def _unpacks_batch(facts: Facts, loop: cst.For) -> bool:
    """Whether a loop takes the only item of each batch out: an item is a batch or a sample of its own kind."""
    text = facts.document.source(loop.body)
    return _FIRST_ITEM.search(text) is not None


def _differs_in_size(facts: Facts) -> bool:
    """Whether the code is about data whose samples differ in size, or fill a device."""
    from greenlint import Frameworks

    return _OWN_SIZE.search(facts[Frameworks].code) is not None


def _is_stateful(facts: Facts) -> bool:
    from greenlint import Frameworks

    return re.search(r"\bstateful\s*=\s*True|reset_states\(|Conv3D|ConvLSTM", facts[Frameworks].code) is not None


_ARGUMENTS = frozenset(("TrainingArguments", "Seq2SeqTrainingArguments"))
_BATCHES = re.compile(r"batch|IterableDataset|chunk|episode|bag", re.IGNORECASE)
_FIRST_ITEM = re.compile(r"squeeze\(\s*(?:0|dim\s*=\s*0|axis\s*=\s*0)?\s*\)|\w\[0\]")
_OWN_SIZE = re.compile(
    r"detect|segment|mask|bbox|boxes|3[dD]\b|volume|voxel|graph|geometric|\bdgl\b|gan\b|GAN|[Cc]ycle|style_?transfer|[Vv]ideo|"
    r"episode|\bmeta_|few_?shot|maml|\bbags?\b|slide|nerf|NeRF|[Pp]oint_?[Cc]loud|super_?res|[Dd]enois|inpaint|depth|"
    r"[Tt]acotron|vocoder|wav\b|speech|ocr|seq2seq|[Ss]iamese|online_learning",
)
"""Topics in which a batch of one is the custom."""
_LARGE = re.compile(
    r"\d\s?[bB]\b|llama|mistral|falcon|qwen|gemma|mixtral|\bphi\b|deepseek|4bit|8bit|qlora|LoraConfig|bitsandbytes|deepspeed"
    r"|zero3|fsdp|xxl|\bxl\b|-xl|large|8192|16384|long|llava|vision|CausalLM",
    re.IGNORECASE,
)
"""Models and lengths of which one sample may fill a device."""
