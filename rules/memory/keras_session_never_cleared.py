"""Keras models built one after the other without clearing what the last one left behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Outline, cst


class KerasSessionNeverCleared(Rule):
    """A loop builds and trains one Keras model after the other and never clears the session.

    Keras keeps a global state of the models it has built; each pass adds to it, and in TensorFlow also traced
    functions. Memory grows, and building and tracing become slower from model to model.

    The finding stands at the loop.

    Leave it for a few models, such as the folds of a cross-validation, and where the models of earlier passes are
    still needed.

    To fix it, call `keras.backend.clear_session()` before each model (`keras.utils.clear_session()` in Keras 3).
    """

    severity = Severity.INFO
    frameworks = ("keras", "tensorflow")
    words = (("fit", "fit_generator", "train_on_batch"), ("for", "while"))
    premises = (Premise.NOT_A_TEST, Premise.REAL_DATA)
    references = ("https://keras.io/api/utils/config_utils/#clearsession-function",)
    evidence = (
        Evidence(
            Grade.MEASURED,
            "models reused improperly: 31.8 % more electricity (injected into one small convolutional network, T4, "
            "CodeCarbon)",
            "arXiv 2606.19799",
        ),
        Evidence(
            Grade.DOCUMENTED,
            "Keras: when many models are created in a loop, the global state consumes an increasing amount of memory",
            "https://keras.io/api/utils/config_utils/#clearsession-function",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        fits = bool(outline.calls & {"fit", "fit_generator", "train_on_batch"})
        return fits and bool(outline.loops) and "clear_session" not in outline.calls

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Tree, cst

        if _CLEARS.search(facts.document.text):
            return
        said: list[cst.CSTNode] = []
        for loop in sorted(_loops(facts), key=facts[Tree].first):
            if any(facts[Tree].contains(each, loop) for each in said) or facts[Contexts].dead(loop):
                continue
            built = _built(loop, facts)
            if built is None or _is_few(built, loop, facts) or _are_kept(built, loop, facts):
                continue
            said.append(loop)
            yield self.finding(
                loop,
                "this loop builds and trains one Keras model after the other and never clears the session",
                help=f"call {_clear(facts)}() before each model",
                related=((built.node, "a new model each time"),) if isinstance(built.node, cst.Call) else (),
            )

    examples = (
        Bad(
            """
            import keras
            import pandas as pd

            data = pd.read_csv("train.csv")
            for units in range(16, 512, 16):  # bad
                model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
                model.compile("adam", "mse")
                model.fit(data[features], data["y"], epochs=20)
            """
        ),
        Bad(
            """
            import pandas as pd
            from tensorflow import keras

            data = pd.read_csv("train.csv")

            def build(rate):
                model = keras.Sequential([keras.layers.Dense(64), keras.layers.Dropout(rate), keras.layers.Dense(1)])
                model.compile("adam", "mse")
                return model

            for rate in rates:  # bad
                for layers in depths:
                    model = build(rate)
                    scores.append(model.fit(data[features], data["y"]).history["loss"][-1])
            """
        ),
        Bad(
            """
            import pandas as pd
            from tensorflow.keras.layers import Dense
            from tensorflow.keras.models import Sequential

            data = pd.read_csv("train.csv")
            while trials < budget:  # bad
                trials += 1
                model = Sequential()
                model.add(Dense(draw()))
                model.compile("adam", "mse")
                model.fit(data[features], data["y"])
            """
        ),
        Good(
            """
            import keras
            import pandas as pd

            data = pd.read_csv("train.csv")
            for units in range(16, 512, 16):
                keras.utils.clear_session()
                model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
                model.compile("adam", "mse")
                model.fit(data[features], data["y"], epochs=20)
            """,
            why="cleared before each model",
        ),
        Good(
            """
            import keras
            import pandas as pd
            from sklearn.model_selection import KFold

            data = pd.read_csv("train.csv")
            for train, valid in KFold(5).split(data):
                model = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(1)])
                model.compile("adam", "mse")
                model.fit(data.iloc[train][features], data.iloc[train]["y"])
            """,
            why="a few folds",
        ),
        Good(
            """
            import keras
            import pandas as pd

            data = pd.read_csv("train.csv")
            model = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            for epoch in range(50):
                model.fit(data[features], data["y"])
            """,
            why="one model",
        ),
        Good(
            """
            import keras
            import pandas as pd

            data = pd.read_csv("train.csv")
            models = []
            for seed in range(32):
                model = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(1)])
                model.compile("adam", "mse")
                model.fit(data[features], data["y"])
                models.append(model)
            """,
            why="an ensemble: all models are kept",
        ),
        Good(
            """
            import keras
            import pandas as pd

            data = pd.read_csv("train.csv")
            for name in ("relu", "gelu", "silu"):
                model = keras.Sequential([keras.layers.Dense(64, name), keras.layers.Dense(1)])
                model.compile("adam", "mse")
                model.fit(data[features], data["y"])
            """,
            why="three models",
        ),
        Good(
            """
            import tensorflow as tf
            from tensorflow import keras

            (x, y), _ = keras.datasets.mnist.load_data()
            for units in range(16, 512, 16):
                model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(10)])
                model.compile("adam", "mse")
                model.fit(x, y)
            """,
            why="toy data",
        ),
    )


_FEW = 10
_FEW_FOLDS = 25
"""Folds of a few seeds or bags."""
_FOLD_COUNT = 5
"""How many folds or members there are where it is not written."""
_CLEARS = re.compile(r"clear_session|reset_default_graph|reset_uids|tf\.Graph\(\)|multiprocessing|ProcessPool")
_FOLDS = re.compile(
    r"fold|split|\bcv\b|\bs?kf\b|train_ind|test_ind|train_idx|val_idx|inTr|seed|bag|runs?\b|repeat|ensemble",
    re.IGNORECASE,
)
_TRAINS = ("fit", "fit_generator", "train_on_batch")


def _loops(facts: Facts) -> list[cst.For | cst.While]:
    from greenlint import Tree, cst

    return [*facts[Tree].of_type(cst.For), *facts[Tree].of_type(cst.While)]


def _built(loop: cst.For | cst.While, facts: Facts) -> Call | None:
    """The call in a loop that builds the Keras model which the loop then trains."""
    from greenlint import Calls, Kind, Names, Tree, Values, cst

    calls, values, tree = facts[Calls], facts[Values], facts[Tree]
    for trained in calls.methods(*_TRAINS, within=loop.body):
        if not isinstance(trained.receiver, cst.Name):
            continue
        bindings = facts[Names].reaching(trained.receiver)
        if not bindings or any(each.node not in tree or not tree.contains(loop, each.node) for each in bindings):
            continue
        for each in bindings:
            value = each.value
            if isinstance(value, cst.Call) and values.of(value).kind is Kind.KERAS_MODEL:
                made = calls.of(value)
                if made.method not in ("load_model", "clone_model") and _owns(trained, made, facts):
                    return made
    return None


def _owns(trained: Call, made: Call, facts: Facts) -> bool:
    """Whether both stand in the same function, so that the loop itself does both."""
    from greenlint import Tree

    return facts[Tree].function(trained.node) is facts[Tree].function(made.node)


def _is_few(built: Call, outer: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the loops around a model make but a few: some passes, folds or members of an ensemble."""
    from greenlint import Loops, Tree, cst

    count, limit = 1, _FEW
    for loop in facts[Tree].loops_around(built.node):
        iterations = facts[Loops].of(loop).iterations
        if iterations is None:
            written = loop.test if isinstance(loop, cst.While) else loop.iter
            text = facts.document.source(written)
            if isinstance(loop, cst.For):
                text += " " + facts.document.source(loop.target)
            if not _FOLDS.search(text):
                return False
            iterations, limit = _FOLD_COUNT, _FEW_FOLDS
        count *= iterations
        if loop is outer:
            break
    return count <= limit


def _are_kept(built: Call, loop: cst.For | cst.While, facts: Facts) -> bool:
    """Whether the models outlive their pass: collected in a list or dictionary, or returned."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    assign = tree.enclosing(built.node, cst.Assign)
    if assign is None or not isinstance(assign.targets[0].target, cst.Name):
        return True
    name = assign.targets[0].target.value
    for call in facts[Calls].methods("append", "insert", "setdefault", within=loop.body):
        if any(each.value == name for arg in call.node.args for each in _bare(arg.value, facts)):
            return True
    for each in tree.below(loop.body, cst.Assign):
        if isinstance(each.targets[0].target, cst.Subscript) and any(n.value == name for n in _bare(each.value, facts)):
            return True
    return False


def _bare(node: cst.BaseExpression, facts: Facts) -> list[cst.Name]:
    """The names that are handed on as they are, alone or in a tuple."""
    from greenlint import cst

    if isinstance(node, cst.Name):
        return [node]
    if isinstance(node, (cst.Tuple, cst.List)):
        return [name for each in node.elements for name in _bare(each.value, facts)]
    return []


def _clear(facts: Facts) -> str:
    """The function in the spelling of the file."""
    root = "tf.keras" if re.search(r"^import tensorflow as tf\b", facts.document.text, re.MULTILINE) else "keras"
    return f"{root}.backend.clear_session"
