"""Standard backbones that are trained from random weights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Argument, Call, Facts, Findings, Outline, cst

_ARCHITECTURES = re.compile(
    r"(?i)^(?:wide_)?res(?:net|next)|^vgg|^densenet|^mobilenet|^efficientnet|^inception|^xception|^convnext|^swin|^vit_"
    r"|^regnet|^nasnet|^maxvit|^googlenet|^alexnet"
)
_KERAS = re.compile(r"^keras\.applications\.(?:\w+\.)?[A-Z]\w*$")
_CLASSIFIERS = re.compile(r"For(?:Sequence|Token|Image|Audio)Classification|ForQuestionAnswering|ForMultipleChoice")
_LOADS = (
    "load_state_dict",
    "load_weights",
    "load_checkpoint",
    "load_from_checkpoint",
    "load_pretrained",
    "load_pretrained_weights",
    "load_param",
    "from_pretrained",
    "set_weights",
)
_OTHER_DATA = re.compile(
    r"(?i)imagenet|ilsvrc|cifar|svhn|stl10|tiny_?images|\bmel_?spec|spectrogram|melspec|hyperspectral|multispectral|\bsar\b|"
    r"radar|lidar|\beeg|\becg|dicom|nifti|\.nii|volumetric|in_chan|num_channels|input_channels|grayscale|"
    r"color_mode|,\s*1\s*\)\s*,?\s*\)|torchaudio|librosa|monai"
)
_OTHER_AIM = re.compile(
    r"(?i)prun(?:e|ing)|quanti[sz]|distil|neural_architecture|\bnas\b|noisy|label_noise|robust|attack|ablation|initiali[sz]ation|"
    r"random_init|lottery|federated|memori[sz]|backdoor|poison|unlearn|triplet|siamese|arcface|mixup_study"
)


class TrainFromScratch(Rule):
    """A standard backbone is built with random weights and trained, though published weights exist for it.

    The first layers of a network for photographs or text learn much the same on every data set. Who starts from
    published weights needs a fraction of the epochs, and usually reaches a better result on small and medium data.

    The finding stands at the construction of the model, once per file.

    Leave it for pretraining itself, for data unlike the published (spectra, volumes, other numbers of channels; such
    files are not reported), for a licence that forbids the weights, and where starting at random is the question.

    To fix it, pass `weights="DEFAULT"` (torchvision 0.13 and later, before it `pretrained=True`), `pretrained=True` to
    timm, `weights="imagenet"` to Keras, and `from_pretrained(...)` in place of `from_config(...)` in transformers.
    """

    severity = Severity.INFO
    frameworks = ("torchvision", "timm", "keras", "tensorflow", "transformers")
    words = (
        ("models", "torchvision", "create_model", "applications", "from_config"),
        ("backward", "fit", "fit_generator", "Trainer", "Seq2SeqTrainer"),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_REINFORCEMENT,
        Premise.REAL_DATA,
    )
    references = (
        "https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html",
        "https://keras.io/guides/transfer_learning/",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "in practice very few people train an entire convolutional network from scratch",
            "https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html",
        ),
        Evidence(Grade.MEASURED, "transfer learning lowers the energy of training", "arXiv 2401.01851"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"backward", "fit", "fit_generator", "train"})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Schedules

        found = list(_built(facts))
        if not found:
            return
        text = _without_addresses(facts)
        if _OTHER_DATA.search(text) or _OTHER_AIM.search(text) or facts[Schedules].open_ended:
            return
        call, remedy = found[0]
        if _is_chosen_among(call, facts) or _gets_weights(call, facts) or not _is_trained(facts):
            return
        yield self.finding(
            call.node,
            f"{_name(call)} is trained from random weights",
            help=remedy,
            notes=("how much less training this needs depends on the data; on unlike data it may be nothing",),
            related=tuple((each.node, "and here") for each, _ in found[1:3]),
            confidence=Confidence.MEDIUM,
        )

    examples = (
        Bad(
            """
            import torch
            import torchvision
            from torchvision.datasets import ImageFolder

            model = torchvision.models.resnet50(num_classes=12).cuda()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(90):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("birds"), 64):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import timm
            import torch
            from torchvision.datasets import ImageFolder

            model = timm.create_model("efficientnet_b3", pretrained=False, num_classes=5).cuda()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(90):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("leaves"), 64):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """
        ),
        Bad(
            """
            import tensorflow as tf
            from tensorflow.keras.applications import EfficientNetB0

            train = tf.keras.utils.image_dataset_from_directory("sports")
            model = EfficientNetB0(weights=None, classes=100)  # bad
            model.compile("adam", "categorical_crossentropy")
            model.fit(train, epochs=30)
            """
        ),
        Bad(
            """
            from transformers import AutoConfig, AutoModelForSequenceClassification, Trainer, TrainingArguments

            config = AutoConfig.from_pretrained("bert-base-uncased", num_labels=4)
            model = AutoModelForSequenceClassification.from_config(config)  # bad
            Trainer(model=model, args=TrainingArguments("out"), train_dataset=reviews).train()
            """
        ),
        Good(
            """
            import torch
            import torchvision
            from torchvision.datasets import ImageFolder

            model = torchvision.models.resnet50(weights="DEFAULT").cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(10):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("birds"), 64):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="published weights",
        ),
        Good(
            """
            import torch
            import torchvision
            from torchvision.datasets import ImageFolder

            model = torchvision.models.resnet50(pretrained=args.pretrained).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(10):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("birds"), 64):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="the command line decides",
        ),
        Good(
            """
            import torch
            import torchvision
            from torchvision.datasets import ImageFolder

            model = torchvision.models.resnet50()
            model.load_state_dict(torch.load("weights.pt"))
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(10):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("birds"), 64):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="weights are loaded from a file",
        ),
        Good(
            """
            import torch
            import torchvision

            train = torchvision.datasets.CIFAR10("data", download=True)
            model = torchvision.models.resnet18(num_classes=10).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(10):
                for images, labels in torch.utils.data.DataLoader(train, 64):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="tiny images, for which the published weights were not made",
        ),
        Good(
            """
            import torch
            import torchvision
            from torchvision.datasets import ImageFolder

            model = torchvision.models.resnet18(num_classes=1000).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(90):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("/data/imagenet/train"), 256):
                    loss = criterion(model(images.cuda()), labels.cuda())
                    loss.backward()
                    optimizer.step()
            """,
            why="this is how the published weights are made",
        ),
        Good(
            """
            import torch
            import torchvision
            from torch import nn
            from torchvision.datasets import ImageFolder

            model = torchvision.models.resnet18(num_classes=3)
            model.conv1 = nn.Conv2d(1, 64, 7, 2, 3)
            optimizer = torch.optim.Adam(model.parameters())
            for epoch in range(90):
                for images, labels in torch.utils.data.DataLoader(ImageFolder("scans"), 256):
                    loss = criterion(model(images), labels)
                    loss.backward()
                    optimizer.step()
            """,
            why="another number of channels",
        ),
        Good(
            """
            from transformers import AutoConfig, AutoModelForCausalLM, Trainer, TrainingArguments

            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained("gpt2"))
            Trainer(model=model, args=TrainingArguments("out"), train_dataset=corpus).train()
            """,
            why="pretraining of a language model",
        ),
        Good(
            """
            from tensorflow.keras.applications import ResNet50

            base = ResNet50(weights=None, include_top=False)
            base.summary()
            base = ResNet50(weights=pretrained, include_top=False)
            model = add_head(base)
            model.fit(train, epochs=30)
            """,
            why="the model that is trained may have weights",
        ),
        Good(
            """
            import torchvision

            model = torchvision.models.resnet18()
            torch.onnx.export(model, example, "model.onnx")
            scaler.fit(x)
            """,
            why="the model is not trained here",
        ),
    )


# -- what is built -----------------------------------------------------------------------------------------------


def _built(facts: Facts) -> Iterator[tuple[Call, str]]:
    """The models of this file that are certainly built without weights, and what to write instead."""
    from greenlint import Calls, Contexts, Tree

    for call in sorted(facts[Calls].all, key=lambda each: facts[Tree].first(each.node)):
        remedy = _remedy(call, facts)
        if remedy is not None and not facts[Contexts].dead(call.node):
            yield call, remedy


def _remedy(call: Call, facts: Facts) -> str | None:
    name = call.name or ""
    if name.startswith("torchvision.models.") and name.count(".") == 2 and _ARCHITECTURES.search(call.method):
        if not (_is_none(call.argument("weights")) and _is_none(call.argument("pretrained", 0))):
            return None
        return _torchvision_remedy(facts) if _decodes(facts) else None
    if name in ("timm.create_model", "timm.models.create_model"):
        which = call.argument("model_name", 0).constant
        standard = isinstance(which, str) and _ARCHITECTURES.search(which) is not None
        plain = _is_none(call.argument("pretrained", 1)) and _is_none(call.argument("checkpoint_path"))
        return "pass pretrained=True" if standard and plain and _decodes(facts) else None
    if _KERAS.match(name):
        weights = call.argument("weights", 1)
        return 'pass weights="imagenet"' if weights.written and weights.constant is None else None
    if call.method == "from_config" and name.startswith("transformers.") and _CLASSIFIERS.search(name):
        return f"use {name.split('.')[-2]}.from_pretrained(...)"
    return None


def _torchvision_remedy(facts: Facts) -> str:
    from greenlint import Environment

    return (
        "pass pretrained=True"
        if facts[Environment].at_least("torchvision", "0.13") is False
        else 'pass weights="DEFAULT"'
    )


def _decodes(facts: Facts) -> bool:
    from greenlint import Frameworks

    return facts[Frameworks].decodes


def _is_none(argument: Argument) -> bool:
    return argument.absent or (argument.written and argument.constant in (None, False, ""))


def _name(call: Call) -> str:
    if call.method == "create_model":
        return f"`{call.argument('model_name', 0).constant}`"
    return f"`{(call.name or '').split('.')[-2]}`" if call.method == "from_config" else f"`{call.method}`"


# -- what is done with it ----------------------------------------------------------------------------------------


def _without_addresses(facts: Facts) -> str:
    """The code without the names of published weights, which other branches may use."""
    from greenlint import Frameworks

    return re.sub(r"weights\s*=\s*[\"']imagenet[\"']", "", facts[Frameworks].code)


def _is_chosen_among(call: Call, facts: Facts) -> bool:
    """Whether a model is one of several that are compared or chosen from: in a dictionary, list or loop."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    return tree.enclosing(call.node, cst.Dict, cst.List, cst.Lambda) is not None or bool(tree.loops_around(call.node))


def _gets_weights(call: Call, facts: Facts) -> bool:
    """Whether weights are read before the training, or the first layer is replaced."""
    from greenlint import Calls, Loops, Tree, cst

    tree = facts[Tree]
    if any(_has_weights(each) for each in facts[Calls].methods(call.method) if each.name == call.name):
        return True
    starts = [tree.first(each.loop) for each in facts[Loops].steps if each.loop is not None and each.loop in tree]
    starts.extend(tree.first(each.node) for each in facts[Calls].methods("fit", "fit_generator", "train"))
    last = max(starts, default=0)
    for load in facts[Calls].methods(*_LOADS):
        if load.method == "from_pretrained" and not re.search(r"Model|For", load.name or "Model"):
            continue
        if load.node is not call.node and tree.first(load.node) < last:
            return True
    for target in tree.of_type(cst.AssignTarget):
        if re.search(r"\.(?:conv1|conv_stem|features\[0\]|stem|patch_embed)\b", facts.document.source(target.target)):
            return True
    return False


def _has_weights(call: Call) -> bool:
    """Whether a model is built with weights, or may be: one of the same name without them may only be an attempt."""
    given = [call.argument("weights", 1 if _KERAS.match(call.name or "") else None), call.argument("pretrained")]
    return any(each.node is not None and each.constant not in (None, False, "") for each in given)


def _is_trained(facts: Facts) -> bool:
    """Whether this file trains a network."""
    from greenlint import Calls, Kind, Loops, Values

    if facts[Loops].steps:
        return True
    for fit in facts[Calls].methods("fit", "fit_generator"):
        if fit.receiver is None:
            continue
        kind = facts[Values].of(fit.receiver).kind
        if kind in (Kind.KERAS_MODEL, Kind.LIGHTNING_TRAINER) or fit.keyword("epochs") is not None:
            return True
    builds = any(each.method.endswith("Trainer") for each in facts[Calls].all)
    return builds and bool(facts[Calls].methods("train"))
