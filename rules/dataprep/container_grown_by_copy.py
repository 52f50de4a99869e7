"""Arrays and frames that are copied whole in each pass of a loop, to add a piece."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Growing, Outline, Report, cst


class ContainerGrownByCopy(Rule):
    """An array, tensor or data frame is copied whole in each pass of a loop to add a piece to it.

    NumPy, PyTorch and pandas cannot lengthen an array: `concatenate`, `cat`, `append` and `concat` make a new one and
    copy everything that was there. A loop of a thousand passes copies the first piece a thousand times, so that time
    and memory traffic grow with the square of the passes.

    The finding stands at the assignment; other arrays that grow in the same loop are related. Arrays of predictions and
    labels, a few numbers for each sample, are not reported.

    Leave it in loops of a few passes. Windows that are cut to a fixed size, and arrays that each pass needs as a whole
    (generated tokens, a cache of keys and values), are not reported.

    To fix it, append the pieces to a list and join them once after the loop, or write into an array of the final
    size.
    """

    class Options(RuleOptions):
        passes: int = 100
        """Report loops of a known number of passes only from this many on."""

    severity = Severity.INFO
    frameworks = ("pandas", "numpy", "torch", "tensorflow", "datasets", "jax", "polars", "scipy", "cupy")
    words = (
        ("for", "while"),
        (
            *("concat", "concatenate", "append", "vstack", "hstack", "dstack", "cat", "concatenate_datasets", "loc"),
            *("column_stack", "row_stack"),
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.LEARNS, Premise.NOT_A_BENCHMARK)
    references = (
        "https://numpy.org/doc/stable/reference/generated/numpy.append.html",
        "https://pandas.pydata.org/docs/user_guide/merging.html",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "concat makes a full copy of the data, and calling it in a loop makes as many copies: use a list",
            "https://pandas.pydata.org/docs/user_guide/merging.html",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "append does not occur in place: a new array is allocated and filled",
            "https://numpy.org/doc/stable/reference/generated/numpy.append.html",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.loops) and outline.grows

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Growth

        by_loop: dict[cst.CSTNode, list[Growing]] = {}
        for each in facts[Growth].all:
            if not self._is_short(each, facts):
                by_loop.setdefault(each.loops[0], []).append(each)
        for found in by_loop.values():
            yield self._report(found, facts)

    def _is_short(self, each: Growing, facts: Facts) -> bool:
        if _is_slim(each, facts):
            return True
        if each.passes is not None:
            least: int = self.options.passes * (_NUMBERS if _adds_numbers(each) else 1)
            return each.passes < least
        return all(_runs_few(loop, facts) for loop in each.loops)

    def _report(self, found: list[Growing], facts: Facts) -> Report:
        found = sorted(found, key=_adds_numbers)
        first = found[0]
        many = any(_runs_many(loop, facts) for loop in first.loops) or first.passes is not None
        others = [(each.node, "copied as well") for each in found[1:6]]
        return self.finding(
            first.node,
            f"`{_named(first, facts)}` is copied whole in each pass of the loop to add a piece to it",
            help=_remedy(first, facts),
            notes=() if many else ("saves little where the loop has few passes",),
            related=[(first.loops[0], "the loop"), *others],
        )

    examples = (
        Bad(
            """
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64)
            features = torch.empty(0)
            with torch.no_grad():
                for images in loader:
                    features = torch.cat([features, model(images)])  # bad
            """
        ),
        Bad(
            """
            import os

            import pandas as pd
            import torch

            table = pd.DataFrame()
            for name in os.listdir("logs"):
                log = pd.read_csv(name)
                table = pd.concat([table, log[log.done]], ignore_index=True)  # bad
            """
        ),
        Bad(
            """
            import numpy as np
            import torch

            features, labels = None, None
            for path in paths:
                part = np.load(path)
                if features is None:
                    features, labels = part["x"], part["y"]
                else:
                    features = np.concatenate((features, part["x"]), axis=0)  # bad
                    labels = np.concatenate((labels, part["y"]), axis=0)
            """
        ),
        Bad(
            """
            import pandas as pd
            import sklearn

            events = pd.read_csv("events.csv")
            rows = pd.DataFrame(columns=["user", "total"])
            for user, group in events.groupby("user"):
                rows.loc[len(rows)] = [user, group["price"].sum()]  # bad
            """
        ),
        Bad(
            """
            import pandas as pd
            import sklearn

            sessions = pd.read_csv("sessions.csv")
            flat = pd.DataFrame()
            for i in range(len(sessions)):
                flat = flat.append({"start": sessions["start"][i]}, ignore_index=True)  # bad
            """
        ),
        Bad(
            """
            from datasets import concatenate_datasets, load_dataset
            from transformers import AutoModel

            every = load_dataset("news", "en")
            for part in parts:
                every = concatenate_datasets([every, load_dataset("news", part)])  # bad
            """
        ),
        Bad(
            """
            import jax.numpy as jnp

            found = jnp.zeros((0, 64))
            while not queue.empty():
                found = jnp.vstack([found, encode(queue.get())])  # bad
            """
        ),
        Bad(
            """
            import scipy.sparse as sp
            import tensorflow as tf

            rows = sp.csr_matrix((0, 100))
            codes = tf.zeros((0, 32))
            for chunk in chunks:
                rows = sp.vstack([rows, vectorizer.transform(chunk)])  # bad
                codes = tf.concat([codes, encoder(chunk)], axis=0)
            """
        ),
        Bad(
            """
            import cupy as cp
            import polars as pl
            import torch

            names = pl.DataFrame()
            points = cp.zeros((0, 3))
            for part in parts:
                names = pl.concat([names, part.names])  # bad
                points = cp.concatenate([points, part.points])
            """
        ),
        Good(
            """
            import torch
            from torch.utils.data import DataLoader

            scores = []
            for images in DataLoader(data, batch_size=64):
                scores.append(model(images))
            scores = torch.cat(scores)
            """,
            why="a list, joined once",
        ),
        Good(
            """
            import numpy as np
            import torch

            preds = None
            for batch in loader:
                logits = model(batch).cpu().numpy()
                preds = logits if preds is None else np.append(preds, logits, axis=0)
            labels = np.zeros(0)
            for batch in loader:
                labels = np.concatenate([labels, batch["labels"]])
            """,
            why="a few numbers for each sample",
            not_as=("renamed",),
        ),
        Good(
            """
            import torch

            for _ in range(500):
                logits = model(tokens)
                tokens = torch.cat([tokens, logits[:, -1:].argmax(-1)], dim=1)
            """,
            why="each pass needs all tokens so far",
        ),
        Good(
            """
            import numpy as np
            import torch

            for frame in frames:
                window = np.append(window, frame)
                window = window[-16:]
            """,
            why="a window of a fixed size",
        ),
        Good(
            """
            import pandas as pd
            import sklearn

            importances = pd.DataFrame()
            for fold in range(5):
                importances = pd.concat([importances, one_fold(fold)], axis=0)
            """,
            why="five passes",
        ),
        Good(
            """
            import numpy as np
            import torch

            losses = np.array([])
            for epoch in range(1000):
                losses = np.append(losses, train(epoch))
            """,
            why="a number for each epoch: small even as a whole",
        ),
        Good(
            """
            import pandas as pd
            import sklearn

            for column in columns:
                table = pd.concat([table, pd.get_dummies(table[column])], axis=1)
            """,
            why="each pass reads the table so far",
        ),
        Good(
            """
            import torch

            class Block(torch.nn.Module):
                def forward(self, x, skips):
                    for layer, skip in zip(self.layers, skips):
                        x = torch.cat([x, skip], dim=1)
                        x = layer(x)
                    return x
            """,
            why="another value in each pass",
        ),
        Good(
            """
            import numpy as np
            import torch

            for user in users:
                history = np.zeros(0)
                for step in (1, 2, 3):
                    history = np.append(history, look(user, step))
            """,
            why="starts anew for each user, and has three pieces",
        ),
        Good(
            """
            import torch

            rows = []
            for line in lines:
                rows.append(line)
            """,
            why="a list grows in place",
        ),
        Good(
            """
            import pandas as pd

            report = pd.DataFrame()
            for name in names:
                report = pd.concat([report, pd.read_csv(name)])
            """,
            why="nothing learns here",
        ),
    )


_FEW = re.compile(
    r"(?i)fold|epoch|types|seed|trial|repeat|run(?:s|_|$)|model|clf|estimator|classifier|algorithm|split|kf\b|cv\b|feat|col|class"
    r"|layer|block|scale|level|stage|year|month|quarter|split|mode|param|config|lag|target|metric|optimi|thresh|kernel"
    r"|head|skip|branch|fpn|anchor|lang|season|round|country|market|store|stock|ticker|name_?s|label|cat(?:s|_|$)|dataset"
)
"""Words in what a loop runs over that has few elements."""


def _runs_few(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the names in a loop say that it has few passes, or it is certainly short."""
    from greenlint import Loops, cst

    if isinstance(loop, cst.While) or _runs_many(loop, facts):
        return False
    iterations = facts[Loops].of(loop).iterations
    if iterations is not None:
        return iterations <= _SHORT
    return _FEW.search(facts.document.source(loop.target) + " " + facts.document.source(loop.iter)) is not None


_SHORT = 32
_NUMBERS = 100
"""How many times as many passes a loop needs in which single numbers are added."""


def _runs_many(loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether a loop certainly has many passes: over batches or rows."""
    from greenlint import Calls, FrameKind, Frames, Kind, LoopRole, Loops, Values, cst

    if isinstance(loop, cst.While) or _FEW.search(facts.document.source(loop.iter)):
        return False
    found = facts[Loops].of(loop)
    if found.role in (LoopRole.TRAINING, LoopRole.EVALUATION):
        return found.iterations is None
    over = facts[Values].iterated(loop.iter)
    if facts[Values].of(over).kind in (Kind.DATALOADER, Kind.TF_DATASET):
        return True
    if not isinstance(over, cst.Call):
        return facts[Frames].kind(over) is FrameKind.CHUNKS
    call = facts[Calls].of(over)
    if call.name == "builtins.range":
        return any(facts.document.source(each).startswith("len(") for each in call.positional)
    return call.method in ("iterrows", "itertuples", "readlines", "as_numpy_iterator")


_LARGE = re.compile(
    r"(?i)feat|embed|image|img|pixel|hidden|repr|activ|spectro|frame|mask|latent|encod|vector|matrix|descriptor|samples"
    r"|train|data|^x$|x_|_x$|map"
)
"""Names of arrays with many numbers for each sample, unlike those of predictions and labels."""


_SLIM = re.compile(
    r"(?i)pred|label|logit|loss|acc|prob|score|target|y_?true|y_?(?:hat|test|val|valid|o|out)?$|_ids?$|^ids?|indic|index|idx"
    r"|error|reward|time|hist|weight|answer|result|outputs?$|gt|truth|metric|rank|conf"
)
"""Names of arrays with a few numbers for each sample, whose copies cost next to nothing."""


def _is_slim(each: Growing, facts: Facts) -> bool:
    """Whether an array holds predictions, labels or the like: a few numbers for each sample."""
    if each.joiner is None or each.joiner.name is None:
        return False
    if each.joiner.name.partition(".")[0] not in ("numpy", "torch", "jax", "tensorflow", "cupy"):
        return False
    name = _named(each, facts).rpartition(".")[2]
    return _SLIM.search(name) is not None and _LARGE.search(name) is None


def _adds_numbers(each: Growing) -> bool:
    """Whether the pieces may be single numbers, of which even many copies are small."""
    return each.joiner is not None and (each.joiner.name or "").endswith(("numpy.append", "cupy.append"))


def _named(each: Growing, facts: Facts) -> str:
    return " ".join(facts.document.source(each.target).split())


def _remedy(each: Growing, facts: Facts) -> str:
    if each.joiner is None:
        return "append the rows to a list and build the frame once after the loop"
    if each.joiner.name is None:
        return "append the rows to a list and build the frame once after the loop; pandas 2 has no DataFrame.append"
    written = facts.document.source(each.joiner.node.func)
    if each.joiner.name.endswith(".append"):
        written = written.replace("append", "concatenate")
    return f"append the pieces to a list and call {written} once after the loop"
