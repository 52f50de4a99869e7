"""Arrays and frames that are copied whole in each pass of a loop, to add a piece."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenlint import Call, Edit, Facts, Findings, Fix, Growing, Outline, Report, cst


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
    default = False
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
            fix=self._fix(found, facts),
        )

    def _fix(self, found: Sequence[Growing], facts: Facts) -> Fix | None:
        """Collect the pieces in a list and join them after the loop."""
        from greenlint import insert_after, insert_before, replace_node

        joins = [_collected(each, facts) for each in found]
        loop, document = found[0].loops[-1], facts.document
        edits: list[Edit] = []
        for each, join in zip(found, joins, strict=True):
            if join is None or each.loops[-1] is not loop:
                return None
            edits.extend(replace_node(document, each.node, join.append))
        made = [join for join in joins if join is not None]
        before = insert_before(document, loop, *(each.start for each in made))
        after = insert_after(document, loop, *(each.end for each in made))
        if before is None or after is None or len({each.start for each in made}) != len(made):
            return None
        needed = dict.fromkeys(edit for each in made for edit in each.needed)
        edits = [*needed, *before, *edits, *after]
        reason = next((each.reason for each in made if each.reason is not None), None)
        title = "collect the pieces in a list and join them after the loop"
        return self.safe_fix(title, *edits) if reason is None else self.unsafe_fix(title, *edits, reason=reason)

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
            """,
            fixed="""
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader(data, batch_size=64)
            features = torch.empty(0)
            with torch.no_grad():
                features_parts = [features]
                for images in loader:
                    features_parts.append(model(images))
                features = torch.cat(features_parts)
            """,
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
            """,
            fixed="""
            import os

            import pandas as pd
            import torch

            table = pd.DataFrame()
            table_parts = [table]
            for name in os.listdir("logs"):
                log = pd.read_csv(name)
                table_parts.append(log[log.done])
            table = pd.concat(table_parts, ignore_index=True)
            """,
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
            """,
            fixed="""
            import pandas as pd
            import sklearn

            events = pd.read_csv("events.csv")
            rows = pd.DataFrame(columns=["user", "total"])
            rows_parts = []
            for user, group in events.groupby("user"):
                rows_parts.append([user, group["price"].sum()])
            rows = pd.DataFrame(rows_parts, columns=rows.columns)
            """,
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
            import pandas as pd
            import sklearn

            sales = pd.DataFrame()
            for path in paths:
                part = pd.read_csv(path)
                sales = sales.append(part, ignore_index=True)  # bad
            """,
            fixed="""
            import pandas as pd
            import sklearn

            sales = pd.DataFrame()
            sales_parts = [sales]
            for path in paths:
                part = pd.read_csv(path)
                sales_parts.append(part)
            sales = pd.concat(sales_parts, ignore_index=True)
            """,
        ),
        Bad(
            """
            from datasets import concatenate_datasets, load_dataset
            from transformers import AutoModel

            every = load_dataset("news", "en")
            for part in parts:
                every = concatenate_datasets([every, load_dataset("news", part)])  # bad
            """,
            fixed="""
            from datasets import concatenate_datasets, load_dataset
            from transformers import AutoModel

            every = load_dataset("news", "en")
            every_parts = [every]
            for part in parts:
                every_parts.append(load_dataset("news", part))
            every = concatenate_datasets(every_parts)
            """,
        ),
        Bad(
            """
            import jax.numpy as jnp

            found = jnp.zeros((0, 64))
            while not queue.empty():
                found = jnp.vstack([found, encode(queue.get())])  # bad
            """,
            fixed="""
            import jax.numpy as jnp

            found = jnp.zeros((0, 64))
            found_parts = [found]
            while not queue.empty():
                found_parts.append(encode(queue.get()))
            found = jnp.vstack(found_parts)
            """,
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
            """,
            fixed="""
            import scipy.sparse as sp
            import tensorflow as tf

            rows = sp.csr_matrix((0, 100))
            codes = tf.zeros((0, 32))
            rows_parts = [rows]
            codes_parts = [codes]
            for chunk in chunks:
                rows_parts.append(vectorizer.transform(chunk))
                codes_parts.append(encoder(chunk))
            rows = sp.vstack(rows_parts)
            codes = tf.concat(codes_parts, axis=0)
            """,
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
            """,
            fixed="""
            import cupy as cp
            import polars as pl
            import torch

            names = pl.DataFrame()
            points = cp.zeros((0, 3))
            names_parts = [names]
            points_parts = [points]
            for part in parts:
                names_parts.append(part.names)
                points_parts.append(part.points)
            names = pl.concat(names_parts)
            points = cp.concatenate(points_parts)
            """,
        ),
        Bad(
            """
            import numpy as np
            import torch

            def extract(model, loaders):
                features = np.empty((0, 512))
                # all of them
                for loader in loaders:
                    for images, labels in loader:
                        features = np.append(  # bad
                            features,
                            model(images.cuda()).cpu().numpy(),
                            axis=0,
                        )

                return features
            """,
            fixed="""
            import numpy as np
            import torch

            def extract(model, loaders):
                features = np.empty((0, 512))
                features_parts = [features]
                # all of them
                for loader in loaders:
                    for images, labels in loader:
                        features_parts.append(model(images.cuda()).cpu().numpy())
                features = np.concatenate(features_parts, axis=0)

                return features
            """,
        ),
        Bad(
            """
            import numpy as np
            import torch

            features = np.empty((0, 512))
            buffer = np.empty((64, 512))
            for path in paths:
                encode(path, out=buffer)
                features = np.concatenate([features, buffer])  # bad
            """
        ),
        Bad(
            """
            import pandas as pd
            import torch

            def enrich(frame):
                frame["ratio"] = frame["clicks"] / frame["views"]
                return frame["ratio"].mean()

            table = pd.DataFrame()
            for path in paths:
                part = pd.read_csv(path)
                table = pd.concat([table, part])  # bad
                means.append(enrich(part))
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


# -- the fix --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Join:
    """The statements that take the place of a growth."""

    start: str
    """Before the loop."""
    append: str
    end: str
    """After the loop."""
    reason: str | None
    """Why that is not safe."""
    needed: tuple[Edit, ...] = ()
    """Imports."""


_MEMORY = "the pieces stay in memory, with what they are a view of, until they are joined"
_TYPES = "the columns get the types of their values instead of object"
_FRESH = re.compile(
    r"^(?:pandas\.(?:read_\w+|concat|merge)|numpy\.(?:load|loadtxt|genfromtxt|zeros|ones|full|arange|linspace|random\.\w+)"
    r"|torch\.(?:load|zeros|ones|full|arange|rand|randn|randint)|datasets\.load_dataset)$"
)
"""Functions whose result nothing else holds."""
_VIEWS = frozenset(
    """view reshape squeeze unsqueeze transpose permute numpy detach flatten ravel cpu cuda to values contiguous
    swapaxes expand asarray asanyarray from_numpy as_tensor tensor array head tail iloc loc get""".split()
)
"""Methods and functions that may give their argument itself, or a part of it."""


def _collected(each: Growing, facts: Facts) -> _Join | None:
    """How a growth is written with a list; ``None`` where that may do something else."""
    from greenlint import cst

    target = each.target
    if not isinstance(target, cst.Name) or not _stands_alone(each, target.value, facts):
        return None
    parts = f"{target.value}_parts"
    if any(name.value == parts for name in _names(facts.document.tree, facts)):
        return None
    return _rows(each, target.value, parts, facts) if each.joiner is None else _pieces(each, target.value, parts, facts)


def _stands_alone(each: Growing, name: str, facts: Facts) -> bool:
    """Whether nothing but the growth sees what grows while the loop runs, even when it fails."""
    from greenlint import BindingKind, Names, Tree, cst

    tree, names, loop = facts[Tree], facts[Names], each.loops[-1]
    if sum(found.value == name for found in _names(loop, facts)) != 2:
        return False
    if tree.enclosing(loop, cst.Try) is not None or tree.enclosing(
        each.node, cst.Try, cst.FunctionDef
    ) is not tree.enclosing(loop, cst.Try, cst.FunctionDef):
        return False
    outer = [item.name.value for node in tree.of_type(cst.Global) for item in node.names]
    outer += [item.name.value for node in tree.of_type(cst.Nonlocal) for item in node.names]
    if name in outer:
        return False
    starts = names.lookup(name, loop)
    if not starts or any(start.kind is not BindingKind.ASSIGN or start.path for start in starts):
        return False
    if not all(isinstance(start.value, cst.Call) for start in starts):
        return False
    function = tree.function(loop)
    elsewhere = [found for found in _names(facts.document.tree, facts) if found.value == name]
    return not any(
        tree.function(found) is not function and any(start in names.reaching(found) for start in starts)
        for found in elsewhere
    )


def _names(node: cst.CSTNode, facts: Facts) -> Iterator[cst.Name]:
    """The names below a node that stand for variables."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    for each in tree.below(node, cst.Name):
        above = tree.parent(each)
        if isinstance(above, cst.Attribute) and above.attr is each:
            continue
        if not (isinstance(above, cst.Arg) and above.keyword is each):
            yield each


def _pieces(each: Growing, name: str, parts: str, facts: Facts) -> _Join | None:
    from greenlint import cst

    joiner, source = each.joiner, facts.document.source
    if joiner is None or each.node.value is not joiner.node:
        return None
    if joiner.name is None:
        return _frames(each, joiner, name, parts, facts)
    piece, rest, written = _piece(joiner), joiner.node.args[1:], source(joiner.node.func)
    if joiner.name.endswith(".append"):
        # Without an axis, numbers and arrays are taken alike, which no joining function does.
        if joiner.keyword("axis") is None or not isinstance(joiner.node.func, cst.Attribute):
            return None
        rest, written = joiner.node.args[2:], f"{source(joiner.node.func.value)}.concatenate"
    if piece is None or not all(_is_plain(arg, joiner.name) for arg in rest):
        return None
    if source(joiner.node.args[0].value) == source(piece) or not _is_kept(piece, each, facts):
        return None
    if "#" in source(each.node):
        return None
    arguments = "".join(f", {source(arg).rstrip().rstrip(',')}" for arg in rest)
    return _Join(
        f"{parts} = [{name}]",
        f"{parts}.append({source(piece)})",
        f"{name} = {written}({parts}{arguments})",
        None if _is_fresh(piece, each, facts) else _MEMORY,
    )


def _frames(each: Growing, joiner: Call, name: str, parts: str, facts: Facts) -> _Join | None:
    """``df = df.append(other)`` of pandas before 2.0, which is a ``concat`` when both are frames."""
    from greenlint import FrameKind, Frames, cst, ensure_import

    source, args = facts.document.source, joiner.node.args
    if joiner.receiver is None or len(joiner.positional) != 1 or "#" in source(each.node):
        return None
    piece = args[0].value
    if not all(facts[Frames].kind(frame) is FrameKind.FRAME for frame in (joiner.receiver, piece)):
        return None
    if not all(_is_plain(arg, "pandas.concat") for arg in args[1:]) or not _is_kept(piece, each, facts):
        return None
    imported = ensure_import(facts.document, "import pandas as pd")
    if imported is None or isinstance(piece, cst.Dict):
        return None
    arguments = "".join(f", {source(arg).rstrip().rstrip(',')}" for arg in args[1:])
    return _Join(
        f"{parts} = [{name}]",
        f"{parts}.append({source(piece)})",
        f"{name} = pd.concat({parts}{arguments})",
        None if _is_fresh(piece, each, facts) else _MEMORY,
        imported,
    )


def _piece(joiner: Call) -> cst.BaseExpression | None:
    """What is added, when it is one thing and added at the end."""
    from greenlint import cst

    if joiner.name is not None and joiner.name.endswith(".append"):
        return joiner.positional[1]
    given = joiner.positional[0]
    if not isinstance(given, (cst.List, cst.Tuple)) or len(given.elements) != 2:
        return None
    first, second = given.elements
    if not isinstance(first.value, cst.Name) or not isinstance(second, cst.Element):
        return None
    return second.value


_OTHER_WAY = frozenset(("keys", "names", "levels", "out", "verify_integrity", "join", "dtype", "casting", "how"))


def _is_plain(arg: cst.Arg, joiner: str) -> bool:
    """Whether a further argument is a number or a switch that means the same for many pieces."""
    from greenlint import cst

    value = arg.value
    if arg.star or (arg.keyword is not None and arg.keyword.value in _OTHER_WAY):
        return False
    if joiner.split(".")[0] in ("pandas", "modin", "cudf"):
        # Columns side by side are matched by their labels each time.
        if arg.keyword is None or arg.keyword.value not in ("ignore_index", "sort", "axis", "copy"):
            return False
        if arg.keyword.value == "axis":
            return isinstance(value, cst.Integer) and value.value == "0"
    if isinstance(value, cst.UnaryOperation):
        value = value.expression
    return isinstance(value, cst.Integer) or (isinstance(value, cst.Name) and value.value in ("True", "False"))


def _is_kept(piece: cst.BaseExpression, each: Growing, facts: Facts) -> bool:
    """Whether a piece that is not copied at once is still the same after the loop."""
    from greenlint import Invariance, Names, Tree

    tree, names, loop = facts[Tree], facts[Names], each.loops[0]
    for name in _held(piece, facts):
        if not any(tree.contains(loop, binding.node) for binding in names.lookup(name, each.node)):
            return False
        if facts[Invariance].alters(name, loop):
            return False
        if _is_handed_on(name, each, facts):
            return False
    return True


def _is_handed_on(name: str, each: Growing, facts: Facts) -> bool:
    """Whether a function of the program's own, which may change it, gets a piece after it was added."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    return any(
        call.name is None
        and call.receiver is None
        and tree.first(call.node) > tree.last(each.node)
        and any(isinstance(arg.value, cst.Name) and arg.value.value == name for arg in call.node.args)
        for call in facts[Calls].within(each.loops[0].body)
    )


def _held(piece: cst.BaseExpression, facts: Facts) -> Iterator[str]:
    """The variables that a piece may be, or be a view of."""
    from greenlint import cst

    while True:
        if isinstance(piece, (cst.Attribute, cst.Subscript)):
            piece = piece.value
        elif isinstance(piece, cst.Call) and isinstance(piece.func, cst.Attribute) and piece.func.attr.value in _VIEWS:
            yield from (found for arg in piece.args for found in _held(arg.value, facts))
            piece = piece.func.value
        else:
            break
    if isinstance(piece, cst.Name) and not _is_module(piece, facts):
        yield piece.value
    elif isinstance(piece, (cst.List, cst.Tuple)):
        for element in piece.elements:
            yield from _held(element.value, facts)


def _is_module(name: cst.Name, facts: Facts) -> bool:
    from greenlint import BindingKind, Names

    return all(each.kind is BindingKind.IMPORT for each in facts[Names].reaching(name)) and bool(
        facts[Names].reaching(name)
    )


def _is_fresh(piece: cst.BaseExpression, each: Growing, facts: Facts) -> bool:
    """Whether a piece is made for this purpose alone, so that keeping it takes no more memory than the whole."""
    from greenlint import Calls, Names, Tree, cst

    if isinstance(piece, cst.Name):
        bindings = facts[Names].reaching(piece)
        if len(bindings) != 1 or bindings[0].path or not isinstance(bindings[0].value, cst.Call):
            return False
        if not facts[Tree].contains(each.loops[0], bindings[0].node):
            return False
        piece = bindings[0].value
    if not isinstance(piece, cst.Call):
        return False
    call = facts[Calls].of(piece)
    return _FRESH.match(call.name) is not None if call.name is not None else call.method in ("copy", "clone")


def _rows(each: Growing, name: str, parts: str, facts: Facts) -> _Join | None:
    """Rows of an empty frame of which only the columns are known."""
    from greenlint import Calls, Names, Tree, cst

    starts = facts[Names].lookup(name, each.loops[-1])
    made = starts[0].value if len(starts) == 1 else None
    call = facts[Calls].of(made) if isinstance(made, cst.Call) else None
    if call is None or call.name != "pandas.DataFrame" or call.keyword("columns") is None or len(call.node.args) != 1:
        return None
    target, value = each.node.targets[0].target, each.node.value
    if not isinstance(target, cst.Subscript) or len(target.slice) != 1 or not isinstance(value, cst.List):
        return None
    if any(isinstance(element, cst.StarredElement) for element in value.elements):
        return None
    if "+1" in facts.document.source(target).replace(" ", ""):
        return None
    tree = facts[Tree]
    start, end = tree.last(starts[0].node), tree.first(each.loops[-1])
    if any(start < tree.first(found) < end and found.value == name for found in _names(facts.document.tree, facts)):
        return None
    source = facts.document.source
    return _Join(
        f"{parts} = []",
        f"{parts}.append({source(value)})",
        f"{name} = {source(call.node.func)}({parts}, columns={name}.columns)",
        _TYPES,
    )
