"""Loops that train every combination of hyper-parameters to the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Outline, Report, Sweep, cst


class NestedLoopGridSearch(Rule):
    """Nested loops, `itertools.product` or `ParameterGrid` train a model for each combination of hyper-parameters.

    A hand-written grid search trains every combination to its end, though most are visibly poor after a fraction of
    the epochs or of the data. A search with pruning reaches the same quality with a fraction of the trainings.

    The finding stands at the outermost loop that sweeps a hyper-parameter. Loops over data sets, folds, seeds and
    models are no search and do not count. Estimators without epochs or boosting rounds need as many fits as a grid
    search does.

    Leave it for ablation studies and tables of results, where each combination is itself an answer.

    To fix it, let Optuna, Ray Tune or a Keras Tuner `Hyperband` choose the combinations and prune poor ones, follow a
    regularisation path with `warm_start=True`, or compare the combinations on a part of the data first.
    """

    class Options(RuleOptions):
        candidates: int = 12
        """Report loops over at least this many combinations."""
        fits: int = 60
        """Report fits of estimators without epochs or boosting rounds only from this many on."""

    severity = Severity.WARNING
    words = (
        ("for",),
        (
            *("fit*", "*backward", "apply_gradients", "apply_updates", "train*", "Train*", "*_train*", "*Trainer*"),
            *("retrain*", "pretrain*", "finetun*", "fine_tune*", "*cross_val*", "crossval*", "cv", "subprocess"),
            *("system", "popen", "grid_search", "search"),
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.LEARNS,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://arxiv.org/abs/2401.01851",
        "https://arxiv.org/abs/2303.13972",
        "https://arxiv.org/abs/2412.08526",
    )
    evidence = (
        Evidence(
            Grade.MEASURED,
            "badly chosen hyper-parameters cost up to five times the energy for the same accuracy",
            "arXiv 2401.01851",
        ),
        Evidence(
            Grade.MEASURED,
            "Bayesian search dominated grid and random search in energy at equal quality",
            "arXiv 2303.13972",
        ),
        Evidence(
            Grade.MEASURED,
            "energy-aware successive halving: substantial reductions with little or no loss of quality",
            "arXiv 2412.08526",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        if any(_TRAINS.search(name) for name in outline.nested_calls):
            return True
        # The training may hide in a function of the file or the project.
        if outline.nested_calls & outline.project_names:
            return True
        return bool(outline.nested_calls & outline.functions) and any(_TRAINS.search(name) for name in outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Sweeps

        for sweep in facts[Sweeps].at_least(self.options.candidates):
            if not _is_excused(sweep, facts) and self._is_large(sweep, facts):
                yield self._report(sweep, facts)

    def _is_large(self, sweep: Sweep, facts: Facts) -> bool:
        from greenlint import Sweeps

        if any(each.iterative for each in sweep.trainings):
            return True
        if sweep.sampled:
            return False
        needed: int = self.options.fits * (_LIGHT if _is_light(sweep) else 1)
        return facts[Sweeps].fits(sweep) >= needed

    def _report(self, sweep: Sweep, facts: Facts) -> Report:
        surely = any(each.certain and each.iterative for each in sweep.trainings)
        best = _picks_best(sweep, facts)
        return self.finding(
            sweep.loop,
            _message(sweep, facts),
            help="report each training's metric to a pruner (Optuna, ASHA, Hyperband), so that poor ones end early"
            if sweep.sampled
            else "search with a pruner (Optuna, ASHA, Hyperband), so that poor combinations end early",
            notes=tuple(_notes(sweep, facts)),
            related=((sweep.trainings[0].place, "trained once for each combination"),),
            confidence=Confidence.HIGH if surely and best else Confidence.MEDIUM,
            severity=None if best and not _ends_early(sweep, facts) else Severity.INFO,
        )

    examples = (
        Bad(
            """
            import itertools
            from tensorflow import keras

            rates, sizes, drops = [1e-4, 1e-3, 1e-2], [32, 64, 128], [0.1, 0.3]
            best = None
            for rate, size, drop in itertools.product(rates, sizes, drops):  # bad
                model = build(drop)
                model.compile(keras.optimizers.Adam(rate), loss="mse")
                history = model.fit(x, y, batch_size=size, epochs=20, validation_data=valid)
                best = min(best or 9, history.history["val_loss"][-1])
            """
        ),
        Bad(
            """
            import torch

            def train(lr, weight_decay):
                model = Net()
                optimizer = torch.optim.SGD(model.parameters(), lr=lr, weight_decay=weight_decay)
                for epoch in range(50):
                    for x, y in loader:
                        optimizer.zero_grad()
                        loss = criterion(model(x), y)
                        loss.backward()
                        optimizer.step()
                return evaluate(model)

            results = {}
            for lr in [0.1, 0.03, 0.01, 0.003]:  # bad
                for weight_decay in [0, 1e-4, 1e-3]:
                    results[lr, weight_decay] = train(lr, weight_decay)
            print(max(results, key=results.get))
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.model_selection import KFold, ParameterGrid
            from xgboost import XGBRegressor

            table = pd.read_csv("demand.csv")
            grid = {"max_depth": [3, 5, 7, 9], "learning_rate": [0.01, 0.03, 0.1]}
            best = 0
            for params in ParameterGrid(grid):  # bad
                scores = []
                for train, valid in KFold(5).split(table):
                    model = XGBRegressor(**params)
                    model.fit(table.iloc[train], target[train])
                    scores.append(model.score(table.iloc[valid], target[valid]))
                best = max(best, sum(scores) / 5)
            """
        ),
        Bad(
            """
            from sklearn.ensemble import RandomForestClassifier
            from sklearn.model_selection import cross_val_score

            best_score = 0
            for trees in range(100, 500, 100):  # bad
                for depth in [4, 8, 16, None]:
                    for leaf in (1, 5, 20):
                        forest = RandomForestClassifier(trees, max_depth=depth, min_samples_leaf=leaf)
                        score = cross_val_score(forest, X, y, cv=5).mean()
                        if score > best_score:
                            best_score = score
            """
        ),
        Bad(
            """
            import random

            import lightgbm as lgb
            from sklearn.model_selection import ParameterGrid

            grid = {"num_leaves": [15, 31, 63, 127], "learning_rate": [0.01, 0.03, 0.1], "max_bin": [63, 127, 255]}
            best = 0
            for params in random.sample(list(ParameterGrid(grid)), 20):  # bad
                booster = lgb.train(params, data, num_boost_round=2000, valid_sets=[valid])
                best = max(best, booster.best_score["valid_0"]["auc"])
            """
        ),
        Bad(
            """
            import subprocess

            best = None
            for lr in (1e-5, 3e-5, 1e-4):  # bad
                for batch_size in (8, 16, 32, 64):
                    subprocess.run(["python", "train.py", "--lr", str(lr), "--batch-size", str(batch_size)])
            """,
            not_as=("renamed",),  # the names of the settings are what shows a search
        ),
        Bad(
            """
            import keras

            results = {}
            best = None
            for lr in [1e-4, 1e-3, 1e-2, 1e-1]:  # bad
                for units in [32, 64, 128]:
                    if (lr, units) in results:
                        continue
                    model = build(lr=lr, units=units)
                    results[lr, units] = model.fit(x, y, epochs=30)
            """
        ),
        Good(
            """
            from sklearn.linear_model import Ridge

            for alpha in [0.1, 1, 10]:
                for solver in ["svd", "lsqr"]:
                    Ridge(alpha=alpha, solver=solver).fit(X, y)
            """,
            why="six fits",
        ),
        Good(
            """
            for seed in [0, 1, 2, 3, 4]:
                for dataset in ["a", "b", "c", "d"]:
                    model = make(seed)
                    model.fit(load(dataset), epochs=10)
            """,
            why="seeds and data sets are not hyper-parameters",
        ),
        Good(
            """
            for lr in [0.1, 0.01, 0.001]:
                for fold in range(10):
                    model = build(lr=lr)
                    model.fit(x[fold], y[fold], epochs=10)
            """,
            why="three candidates, each cross-validated",
        ),
        Good(
            """
            from sklearn.datasets import load_iris
            from sklearn.svm import SVC

            X, y = load_iris(return_X_y=True)
            for C in [0.1, 1, 10, 100, 1000]:
                for gamma in [0.01, 0.1, 1, 10]:
                    for degree in [2, 3, 4]:
                        SVC(C=C, gamma=gamma, degree=degree).fit(X, y)
            """,
            why="toy data",
        ),
        Good(
            """
            for rate in [1e-4, 1e-3, 1e-2, 1e-1]:
                for width in [64, 128, 256]:
                    model = build(rate, width)
                    for epoch in range(50):
                        loss = model.fit(x, y, epochs=1)
                        if loss > best * 1.5:
                            break
            """,
            why="poor combinations are cut short",
        ),
        Good(
            """
            import os

            for rate in [1e-4, 1e-3, 1e-2, 1e-1]:
                for width in [64, 128, 256]:
                    path = f"results/{rate}-{width}.json"
                    if os.path.exists(path):
                        continue
                    build(rate, width).fit(x, y, epochs=50)
            """,
            why="results are kept, and combinations that have one are skipped",
        ),
        Good(
            """
            for epoch in range(100):
                for batch in range(1000):
                    model.fit(x[batch], y[batch])
            """,
            why="epochs and batches",
        ),
        Good(
            """
            for width in [8, 16, 32, 64]:
                for height in [8, 16, 32, 64]:
                    areas.append(width * height)
            """,
            why="nothing is trained",
        ),
        Good(
            """
            def ablation():
                for dropout in [0, 0.1, 0.3]:
                    for depth in [2, 4, 8, 16]:
                        model = build(dropout=dropout, depth=depth)
                        model.fit(x, y, epochs=30)
                        table.append(evaluate(model))

            ablation()
            """,
            why="an ablation study needs all of its rows",
        ),
        Good(
            """
            from sklearn.ensemble import RandomForestRegressor

            for depth in [4, 8, 16, 32]:
                for trees in [100, 300, 500]:
                    model = RandomForestRegressor(max_depth=depth, n_estimators=trees)
                    model.fit(X_train, y_train)
                    scores[depth, trees] = model.score(X_valid, y_valid)
            """,
            why="twelve single fits",
        ),
    )


_TRAINS = re.compile(
    r"(?i)fit|train|tune|backward|apply_gradients|apply_updates|cross_?val|^(?:cv|search|grid_search)$"
    r"|^(?:system|run|call|check_call|check_output|popen|getoutput)$"
)
"""Names of what may train."""
_LIGHT = 10


def _is_excused(sweep: Sweep, facts: Facts) -> bool:
    from greenlint import Contexts, Liveness, Sweeps

    if facts[Contexts].dead(sweep.loop) or facts[Sweeps].is_comparison(sweep) or _is_toy(sweep, facts):
        return True
    if facts[Sweeps].stops_early(sweep) or facts[Sweeps].skips_done(sweep):
        return True
    return facts[Liveness].never_called(sweep.loop)


def _is_toy(sweep: Sweep, facts: Facts) -> bool:
    from greenlint import Samples, Scale

    for training in sweep.trainings:
        data = training.data
        if data is None:
            continue
        scale = training.call.facts[Samples].scale(data)
        if scale is Scale.TOY or (scale is Scale.SMALL and sweep.candidates < _LARGE):
            return True
    return False


_LARGE = 1000


def _is_light(sweep: Sweep) -> bool:
    from greenlint import TrainingKind

    return all(each.kind is TrainingKind.LIGHT for each in sweep.trainings)


def _picks_best(sweep: Sweep, facts: Facts) -> bool:
    from greenlint import Sweeps

    return facts[Sweeps].picks_best(sweep)


def _ends_early(sweep: Sweep, facts: Facts) -> bool:
    """Whether each training stops by itself when it no longer improves."""
    source = facts.document.source(sweep.loop.body)
    return "EarlyStopping" in source or "early_stopping" in source


def _message(sweep: Sweep, facts: Facts) -> str:
    from greenlint import Sweeps

    names = list(dict.fromkeys(axis.name for axis in sweep.axes))
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    if sweep.sampled:
        return f"this loop trains {sweep.candidates} random combinations of {shown}, each to the end"
    folds = facts[Sweeps].folds(sweep)
    if folds > 1:
        return (
            f"these loops train {sweep.candidates} combinations of {shown} on {folds} folds, each to the end: "
            f"{sweep.candidates * folds} fits"
        )
    loops = "these loops train" if sweep.inner is not sweep.loop else "this loop trains"
    return f"{loops} {sweep.candidates} combinations of {shown}, each to the end"


def _notes(sweep: Sweep, facts: Facts) -> Iterator[str]:
    from greenlint import Sweeps

    yield "50-90 % of the energy of the search is our estimate"
    if not facts[Sweeps].picks_best(sweep):
        yield "nothing here picks a best combination: where all results are needed, as in a table, there is no waste"
    if _ends_early(sweep, facts):
        yield "each training stops early by itself, but poor combinations are still trained until they converge"
    if any(each.kind.value == "network" for each in sweep.trainings) and "keras" in facts.document.text:
        yield "Keras keeps what it builds in a loop: call keras.utils.clear_session() between the combinations"
