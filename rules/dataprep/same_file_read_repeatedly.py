"""One file that is read and parsed again and again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Outline, Read, Report, Reread, cst


class SameFileReadRepeatedly(Rule):
    """The same file is read and parsed again in each pass of a loop, in each trial of a search, or twice in a row.

    Reading a table or an array parses every number of it again: seconds to minutes of a core for what is in memory
    already, while an accelerator in the same job idles. In a loop or a search that is paid for each pass.

    The finding stands at the call that reads. It is a warning in loops and trials, an info where a file is read
    twice with the same arguments; further files that are read twice are related.

    Leave it where the file changes between the reads, where memory does not hold the data, and for small files.

    To fix it, read the file once before the loop and pass the data on; a fresh copy is `frame.copy()`.
    """

    class Options(RuleOptions):
        passes: int = 3
        """Report loops of a known number of passes only from this many on."""

    severity = Severity.WARNING
    frameworks = (
        *("pandas", "numpy", "polars", "datasets", "joblib", "pickle", "json", "scipy", "pyarrow"),
        *("geopandas", "anndata", "scanpy", "gensim"),
    )
    words = (
        (
            *("read_*", "load", "loadtxt", "genfromtxt", "fromfile", "load_dataset", "load_from_disk", "loadmat"),
            *("load_npz", "load_word2vec_format"),
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.LEARNS, Premise.NOT_A_BENCHMARK)
    references = ("https://pandas.pydata.org/docs/user_guide/scale.html",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "every read after the first repeats the parsing and decoding of the whole file; nobody measured it",
            "the work of a parser is proportional to the size of the file",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.repeats(_READS.match)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Reads

        reads = facts[Reads]
        looped = [each for each in reads.in_loops if self._is_worth(each, facts)]
        for each in looped:
            yield self._in_loop(each, facts)
        seen = {each.read.call for each in looped}
        pairs = [
            (before, after)
            for before, after in reads.repeated
            if after.call not in seen and not _is_little(after, facts) and not _is_little(before, facts)
            # A data set of Hugging Face is mapped into memory, not parsed.
            if not (after.call.name or "").startswith("datasets.")
        ]
        if pairs:
            yield self._twice(pairs)

    def _is_worth(self, each: Reread, facts: Facts) -> bool:
        if each.passes is not None and each.passes < int(self.options.passes):
            return False
        return not _is_little(each.read, facts)

    def _in_loop(self, each: Reread, facts: Facts) -> Report:
        when = "for each trial of the search" if each.is_trial else "in each pass of the loop"
        few = each.passes is not None and each.passes < _FEW
        return self.finding(
            each.read.call.node,
            f"{_shown(each.read)} is read and parsed anew {when}",
            help="read it once before the search and pass the data to the objective"
            if each.is_trial
            else "read it once before the loop",
            related=((each.around, "the trials start here" if each.is_trial else "the loop"),),
            severity=Severity.INFO if few else None,
        )

    def _twice(self, pairs: list[tuple[Read, Read]]) -> Report:
        before, after = pairs[0]
        others = [(each.call.node, f"{_shown(each)} is read again as well") for _, each in pairs[1:6]]
        return self.finding(
            after.call.node,
            f"{_shown(after)} is read and parsed a second time with the same arguments",
            help="keep what the first read gave, and copy it where it is changed",
            notes=("saves little where the file is small",),
            related=[(before.call.node, "read here already"), *others],
            severity=Severity.INFO,
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from sklearn.linear_model import Ridge

            for alpha in alphas:
                table = pd.read_csv("data/train.csv")  # bad
                Ridge(alpha=alpha).fit(table[features], table["price"])
            """
        ),
        Bad(
            """
            import optuna
            import pandas as pd
            import lightgbm as lgb

            PATH = "data/clicks.parquet"

            def objective(trial):
                clicks = pd.read_parquet(PATH)  # bad
                booster = lgb.train({"num_leaves": trial.suggest_int("leaves", 8, 256)}, lgb.Dataset(clicks))
                return booster.best_score["valid"]["auc"]

            study = optuna.create_study()
            study.optimize(objective, n_trials=100)
            """
        ),
        Bad(
            """
            import pandas as pd
            import torch

            train = pd.read_json("input/train.json")
            test = pd.read_json("input/train.json")  # bad
            """
        ),
        Bad(
            """
            import pickle
            import torch

            def pretrain(path):
                with open(path, "rb") as file:
                    replay = pickle.load(file)
                return fit(replay)

            if __name__ == "__main__":
                agent = pretrain("data/replay.pkl")
                with open("data/replay.pkl", "rb") as file:
                    replay = pickle.load(file)  # bad
                evaluate(agent, replay)
            """,
            not_as=("function",),
        ),
        Bad(
            """
            import numpy as np
            import torch

            def batches():
                images = np.load("images.npy")  # bad
                return images.reshape(-1, 64, 32, 32)

            for epoch in range(epochs):
                for batch in batches():
                    step(batch)
            """,
            not_as=("function",),
        ),
        Good(
            """
            import pandas as pd
            from sklearn.linear_model import Ridge

            table = pd.read_csv("data/train.csv")
            for alpha in alphas:
                Ridge(alpha=alpha).fit(table[features], table["price"])
            """,
            why="read once",
        ),
        Good(
            """
            import pandas as pd
            import torch

            for name in names:
                table = pd.read_csv(f"data/{name}.csv")
            """,
            why="another file each time",
        ),
        Good(
            """
            import pandas as pd
            import torch

            for part in range(9):
                train(pd.read_csv("train.csv", skiprows=part * 1000, nrows=1000))
            """,
            why="another part of the file each time",
        ),
        Good(
            """
            import pandas as pd
            import torch

            head = pd.read_csv("train.csv", nrows=100)
            train = pd.read_csv("train.csv")
            """,
            why="a look at the first rows",
        ),
        Good(
            """
            import pandas as pd
            import torch

            table = pd.read_csv("train.csv")
            table.dropna().to_csv("train.csv")
            table = pd.read_csv("train.csv")
            """,
            why="written in between",
        ),
        Good(
            """
            import pandas as pd
            import torch

            table = pd.read_csv("train.csv")
            fit(table)
            del table
            table = pd.read_csv("train.csv")
            """,
            why="the memory was needed in between",
        ),
        Good(
            """
            import pandas as pd
            import torch

            answer = pd.read_csv("sample_submission.csv")
            fit()
            answer = pd.read_csv("sample_submission.csv")
            """,
            why="a small file",
        ),
        Good(
            """
            import torch
            from datasets import load_dataset

            train = load_dataset("news")["train"]
            test = load_dataset("news")["test"]
            """,
            why="mapped into memory from the cache, not parsed",
        ),
        Good(
            """
            import numpy as np
            import torch

            for batch in loader:
                if mask is None:
                    mask = np.load("mask.npy")
                step(batch, mask)
            """,
            why="read once, in the first pass",
        ),
        Good(
            """
            import numpy as np
            import torch

            def mean_of(paths):
                return np.mean([np.load(path) for path in paths], axis=0)

            for paths in folds:
                train(torch.from_numpy(mean_of(paths)))
            """,
            why="the files are those that a call names",
        ),
        Good(
            """
            import pandas as pd

            for day in days:
                rates = pd.read_csv("rates.csv")
            """,
            why="nothing learns here",
        ),
    )


_FEW = 10
_READS = re.compile(
    r"^(?:read_\w+|load|loadtxt|genfromtxt|fromfile|load_dataset|load_from_disk|loadmat|load_npz|open"
    r"|load_word2vec_format)$"
)
"""Names of what reads a file, or opens one to be read."""


def _is_little(read: Read, facts: Facts) -> bool:
    """Whether a file is small, by its name or its well-known contents."""
    from greenlint import Samples, Scale

    return read.is_little or facts[Samples].scale(read.call.node) in (Scale.TOY, Scale.SMALL)


def _shown(read: Read) -> str:
    text = read.text if len(read.text) <= 60 else "..." + read.text[-57:]
    return f"`{text}`"
