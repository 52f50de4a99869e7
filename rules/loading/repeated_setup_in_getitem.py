"""Files read and tools built again for every sample of a data set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst


class RepeatedSetupInGetitem(Rule):
    """A data set reads the same file, or builds the same tokenizer or filter, for each of its samples.

    `__getitem__` runs once for every sample in every epoch. A table that is read there, or a pretrained tokenizer
    that is loaded there, costs the whole file for one row, and the accelerator waits for it.

    The finding stands at the call. It is reported only where nothing in its arguments depends on the sample, and no
    test or cache keeps it from running each time. What costs milliseconds, such as opening an HDF5 file or building
    a mel filter, is a remark.

    Leave it where the file changes while the data set is used.

    To fix it, do it once in `__init__`. What cannot be sent to worker processes, such as an open HDF5 file, can be
    opened at the first sample: `if self.file is None: self.file = h5py.File(self.path)`.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "keras", "tensorflow")
    words = (
        ("__getitem__", "*collate*"),
        ("read_*", "load*", "*load", "from_pretrained", "File", "*Spectrogram", "MFCC", "Resample", "Compose", "mel"),
    )
    premises = (Premise.NOT_A_TEST,)
    references = ("https://docs.pytorch.org/tutorials/beginner/basics/data_tutorial.html",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "the cost is multiplied by the length of the data set and the number of epochs; nobody has measured it",
            "the code itself",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "__getitem__" in outline.functions or any("collate" in each for each in outline.functions)

    @on_node("ClassDef")
    def dataset(self, node: cst.ClassDef, facts: Facts) -> Findings:
        from greenlint import Definition, Project

        owner = Definition(facts, node)
        if not _DATASETS & set(facts[Project].bases(owner)):
            return
        item = facts[Project].method(owner, "__getitem__", depth=0)
        if item is None:
            return
        for function in _run_for_each(item.node, node, facts):
            yield from self._in_function(function, facts)

    @on_node("FunctionDef")
    def collate(self, node: cst.FunctionDef, facts: Facts) -> Findings:
        from greenlint import Calls, Tree

        if "collate" not in node.name.value or facts[Tree].class_of(node) is not None:
            return
        if facts[Calls].named("torch.utils.data.DataLoader"):
            yield from self._in_function(node, facts)

    def _in_function(self, function: cst.FunctionDef, facts: Facts) -> Findings:
        from greenlint import Calls, Contexts, Tree

        for call in facts[Calls].within(function.body):
            source = _source(call, facts)
            if source is None or facts[Tree].function(call.node) is not function or facts[Contexts].dead(call.node):
                continue
            severity, what, fixed = source
            if not all(_is_fixed(each, function, facts) for each in fixed) or _is_skipped(call.node, function, facts):
                continue
            yield self.finding(
                call.node,
                f"{what} for every sample",
                help="do it once in __init__, or at the first sample where workers cannot be sent the result",
                related=((function.name, "runs for every sample"),),
                severity=severity,
            )

    examples = (
        Bad(
            """
            import pandas as pd
            from torch.utils.data import Dataset

            class Table(Dataset):
                def __init__(self, path):
                    self.path = path

                def __getitem__(self, index):
                    row = pd.read_csv(self.path).iloc[index]  # bad
                    return row.to_numpy()
            """
        ),
        Bad(
            """
            import json
            import os
            import torch.utils.data as D
            from transformers import AutoTokenizer

            class Texts(D.Dataset):
                def _labels(self):
                    with open(os.path.join(self.root, "labels.json")) as file:
                        return json.load(file)  # bad

                def __getitem__(self, index):
                    tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")  # bad
                    return tokenizer(self.texts[index]), self._labels()[index]
            """
        ),
        Bad(
            """
            import h5py
            import torchaudio
            from torch.utils.data import Dataset

            class Clips(Dataset):
                def __getitem__(self, index):
                    spectrogram = torchaudio.transforms.MelSpectrogram(sample_rate=16000, n_mels=80)  # bad
                    with h5py.File(self.path, "r") as file:  # bad
                        return spectrogram(file["clips"][index])
            """
        ),
        Bad(
            """
            import numpy as np
            from tensorflow import keras

            class Batches(keras.utils.Sequence):
                def __getitem__(self, index):
                    data = np.load("train.npy")  # bad
                    return data[index * 64 : (index + 1) * 64]
            """
        ),
        Bad(
            """
            import keras
            import pickle

            class Batches(keras.utils.PyDataset):
                def __getitem__(self, index):
                    with open(self.path, "rb") as file:
                        every = pickle.load(file)  # bad
                    return every[index]
            """
        ),
        Bad(
            """
            from torch.utils.data import DataLoader
            from transformers import BertTokenizer

            def collate(texts):
                tokenizer = BertTokenizer.from_pretrained("bert-base-uncased")  # bad
                return tokenizer(texts, padding=True, return_tensors="pt")

            loader = DataLoader(texts, batch_size=32, collate_fn=collate)
            """
        ),
        Good(
            """
            import pandas as pd
            from torch.utils.data import Dataset

            class Table(Dataset):
                def __init__(self, path):
                    self.rows = pd.read_csv(path).to_numpy()

                def __getitem__(self, index):
                    return self.rows[index]
            """,
            why="read once",
        ),
        Good(
            """
            import numpy as np
            from torch.utils.data import Dataset

            class Clips(Dataset):
                def __getitem__(self, index):
                    path = f"{self.root}/{self.names[index]}.npy"
                    return np.load(path)
            """,
            why="another file for each sample",
        ),
        Good(
            """
            import h5py
            from torch.utils.data import Dataset

            class Clips(Dataset):
                def __getitem__(self, index):
                    if self.file is None:
                        self.file = h5py.File(self.path, "r")
                    return self.file["clips"][index]
            """,
            why="opened at the first sample of each worker",
        ),
        Good(
            """
            import numpy as np
            from torch.utils.data import Dataset

            class Tokens(Dataset):
                def __getitem__(self, index):
                    data = np.load(self.path, mmap_mode="r")
                    return data[index]
            """,
            why="only the part that is used is read from a memory map",
        ),
        Good(
            """
            import functools
            import json
            from torch.utils.data import Dataset

            class Texts(Dataset):
                @functools.lru_cache(maxsize=1)
                def _labels(self):
                    with open(self.path) as file:
                        return json.load(file)

                def __getitem__(self, index):
                    return self._labels()[index]
            """,
            why="kept after the first time",
        ),
        Good(
            """
            import numpy as np
            import random
            from torch.utils.data import Dataset

            class Clips(Dataset):
                def __getitem__(self, index):
                    noise = np.load(random.choice(self.noises))
                    return self.clips[index] + noise
            """,
            why="another file each time",
        ),
        Good(
            """
            import numpy as np
            from torch.utils.data import Dataset

            class Shards(Dataset):
                def __getitem__(self, index):
                    shard, row = divmod(index, 1000)
                    if shard != self.shard:
                        self.shard, self.data = shard, np.load(self.paths[shard])
                    return self.data[row]
            """,
            why="read when the shard changes",
        ),
        Good(
            """
            import pandas as pd

            class Report:
                def __getitem__(self, name):
                    return pd.read_csv(self.path)[name]
            """,
            why="no data set of a training",
        ),
        Good(
            """
            import torch
            from torch.utils.data import Dataset
            from torchvision import transforms

            class Photos(Dataset):
                def __getitem__(self, index):
                    transform = transforms.Compose([transforms.ToTensor()])
                    return transform(self.images[index])
            """,
            why="this costs microseconds",
        ),
    )


def _run_for_each(item: cst.FunctionDef | cst.ClassDef, owner: cst.ClassDef, facts: Facts) -> Iterator[cst.FunctionDef]:
    """`__getitem__` and the methods of the same class that it calls each time."""
    from greenlint import Calls, Tree, cst

    methods = {each.name.value: each for each in owner.body.body if isinstance(each, cst.FunctionDef)}
    seen: list[cst.FunctionDef] = [item] if isinstance(item, cst.FunctionDef) else []
    for function in seen:
        yield function
        for call in facts[Calls].within(function.body):
            target = methods.get(call.method)
            receiver = call.receiver
            if target is None or target in seen or not isinstance(receiver, cst.Name) or receiver.value != "self":
                continue
            if _is_kept(target) or _is_skipped(call.node, function, facts) or facts[Tree].function(call.node) is None:
                continue
            seen.append(target)


def _is_kept(function: cst.FunctionDef) -> bool:
    """Whether a decorator may keep what a function returns."""
    from greenlint import dotted

    return any(dotted(each.decorator) not in ("staticmethod", "torch.no_grad") for each in function.decorators)


def _source(call: Call, facts: Facts) -> tuple[Severity, str, list[cst.BaseExpression]] | None:
    """How much a call costs, what it does, and the expressions on which its result depends."""
    from greenlint import cst

    name = call.name or ""
    given = [arg.value for arg in call.node.args]
    if name in _READERS:
        if call.keyword("mmap_mode") is not None:
            return None
        return Severity.WARNING, "the same file is read", given
    if name in _PARSERS and given:
        path = _opened(given[0], facts)
        return (Severity.WARNING, "the same file is read", path) if path is not None else None
    if name == "h5py.File":
        return Severity.INFO, "the same file is opened", given
    if name in _LOADERS or (call.method == "from_pretrained" and name.startswith(("transformers.", "tokenizers."))):
        return Severity.WARNING, f"`{_short(call)}` loads the same thing", given
    if _TOOLS.match(name):
        given = [each for each in given if not isinstance(each, (cst.Dict, cst.List))]
        return Severity.INFO, f"`{_short(call)}` is built", given
    return None


def _short(call: Call) -> str:
    parts = (call.name or call.method).split(".")
    return ".".join(parts[-2:]) if parts[-1] in ("from_pretrained", "load") else parts[-1]


def _opened(file: cst.BaseExpression, facts: Facts) -> list[cst.BaseExpression] | None:
    """The arguments of the `open` that gave a file."""
    from greenlint import Calls, Names, cst

    opened = file
    if isinstance(file, cst.Name):
        bindings = facts[Names].reaching(file)
        if len(bindings) != 1 or bindings[0].value is None:
            return None
        opened = bindings[0].value
    if not isinstance(opened, cst.Call) or facts[Calls].of(opened).name not in (
        "builtins.open",
        "gzip.open",
        "io.open",
    ):
        return None
    return [arg.value for arg in opened.args]


def _is_fixed(node: cst.BaseExpression, function: cst.FunctionDef, facts: Facts, depth: int = 4) -> bool:
    """Whether an expression has the same value for every sample."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    for each in tree.walk(node):
        if isinstance(each, cst.Call) and facts[Calls].of(each).name not in _PURE:
            return False
        if isinstance(each, (cst.Lambda, cst.ListComp, cst.GeneratorExp, cst.NamedExpr, cst.Await)):
            return False
        if isinstance(each, cst.Name) and _is_read(each, tree) and not _is_fixed_name(each, function, facts, depth):
            return False
        if isinstance(each, cst.Attribute) and _is_stored(each, function, facts):
            return False
    return True


def _is_read(name: cst.Name, tree: object) -> bool:
    """Whether a name is read as a variable, and is no attribute or keyword."""
    from greenlint import Tree, cst

    assert isinstance(tree, Tree)
    above = tree.parent(name)
    if isinstance(above, cst.Attribute):
        return above.value is name
    return not (isinstance(above, cst.Arg) and above.keyword is name)


def _is_fixed_name(name: cst.Name, function: cst.FunctionDef, facts: Facts, depth: int) -> bool:
    from greenlint import BindingKind, Names, Tree

    if name.value in ("self", "True", "False", "None"):
        return True
    bindings = facts[Names].reaching(name)
    for binding in bindings:
        if binding.kind is BindingKind.PARAMETER:
            return False
        if not facts[Tree].contains(function, binding.node):
            continue
        if binding.kind is BindingKind.IMPORT:
            continue
        if binding.kind is not BindingKind.ASSIGN or binding.value is None or binding.path or not depth:
            return False
        if not _is_fixed(binding.value, function, facts, depth - 1):
            return False
    return bool(bindings) or facts[Names].resolve(name) is not None


def _is_stored(node: cst.Attribute, function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether the function gives an attribute another value."""
    from greenlint import Tree, cst, dotted

    name = dotted(node)
    targets = facts[Tree].below(function.body, cst.AssignTarget)
    return any(dotted(part) == name for each in targets for part in facts[Tree].below(each.target, cst.Attribute))


def _is_skipped(node: cst.CSTNode, function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a test may keep a call from running for every sample: a cache, a first time, a property of the sample."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    below = node
    for above in tree.ancestors(node):
        if above is function:
            return False
        if isinstance(above, cst.ExceptHandler):
            return True
        if (
            isinstance(above, (cst.If, cst.While, cst.IfExp))
            and below is not above.test
            and _may_skip(above, function, facts)
        ):
            return True
        if isinstance(above, cst.BooleanOperation) and below is above.right:
            return True
        if isinstance(above, cst.IndentedBlock):
            for each in above.body:
                if each is below:
                    break
                if isinstance(each, cst.If) and any(tree.below(each.body, cst.Return)):
                    return True
        below = above
    return False


def _may_skip(branch: cst.If | cst.While | cst.IfExp, function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a test may come out differently from sample to sample; a plain switch of the data set does not."""
    from greenlint import Tree, cst

    text = facts.document.source(branch.test)
    if _FIRST_TIME.search(text) or not _is_fixed(branch.test, function, facts):
        return True
    stored = facts[Tree].below(branch.body, cst.AssignTarget) if isinstance(branch, cst.If) else ()
    return any(facts.document.source(each.target) in text for each in stored)


_FIRST_TIME = re.compile(r"\bNone\b|hasattr|\bin\b|exists|cache|loaded|opened|init|ready")
_DATASETS = frozenset(
    """torch.utils.data.Dataset torchvision.datasets.VisionDataset keras.utils.Sequence keras.utils.PyDataset
    keras.utils.data_utils.Sequence torch_geometric.data.Dataset""".split()
)
_READERS = frozenset(
    """pandas.read_csv pandas.read_parquet pandas.read_excel pandas.read_json pandas.read_pickle pandas.read_hdf
    pandas.read_feather pandas.read_table numpy.load numpy.loadtxt numpy.genfromtxt torch.load scipy.io.loadmat
    joblib.load polars.read_csv polars.read_parquet nibabel.load""".split()
)
_PARSERS = frozenset("""pickle.load json.load yaml.load yaml.safe_load dill.load csv.DictReader csv.reader""".split())
_LOADERS = frozenset(
    "spacy.load torch.hub.load sentence_transformers.SentenceTransformer clip.load timm.create_model".split()
)
_TOOLS = re.compile(
    r"torchaudio\.transforms\.(?:MelSpectrogram|MFCC|Resample|MelScale|LFCC|Spectrogram)$|librosa\.filters\.mel$"
    r"|albumentations\.Compose$"
)
_PURE = frozenset(
    """os.path.join os.path.abspath os.path.dirname os.path.expanduser builtins.str pathlib.Path builtins.int
    builtins.len builtins.isinstance""".split()
)
