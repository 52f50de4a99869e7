"""Optuna objectives that train every trial to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, Objective, Report, Study, Training, cst


class ObjectiveNeverPrunes(Rule):
    """An Optuna objective trains over epochs or boosting rounds and never reports an intermediate value.

    Optuna's default pruner stops poor trials, but only by the values that `trial.report` gives it. Without reports
    every trial runs to its end, also those that are far behind after the first epochs.

    The finding stands at the call of `optimize`.

    Leave it for multi-objective studies, which cannot prune, for objectives that are cheap or have no iterations, and
    where early results say little about late ones. Where the training stops early by itself, the finding is an info:
    each trial still runs until it no longer improves, however poor it is.

    To fix it, report the metric after each epoch and raise `optuna.TrialPruned` when `trial.should_prune()` says so,
    or pass the pruning callback of the framework.
    """

    class Options(RuleOptions):
        trials: int = 10
        """Report studies of at least this many trials."""

    severity = Severity.WARNING
    frameworks = ("optuna",)
    words = (("optimize",),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
    )
    references = (
        "https://optuna.readthedocs.io/en/stable/tutorial/10_key_features/003_efficient_optimization_algorithms.html",
        "https://arxiv.org/abs/2412.08526",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "should_prune does nothing unless the objective reports intermediate values",
            "docstring of optuna 5.0",
        ),
        Evidence(
            Grade.MEASURED,
            "energy-aware successive halving: substantial reductions with little or no loss of quality",
            "arXiv 2412.08526",
        ),
        Evidence(
            Grade.TIMED,
            "searches with early results commonly end 70-95 % of their trials early (secondary source)",
            "arXiv 1810.05934",
        ),
    )

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Studies, Trials

        studies = facts[Studies]
        for study in studies.all:
            if study.objective is None or not self._is_long(study) or facts[Contexts].dead(study.call.node):
                continue
            if _cannot_prune(study, facts) or studies.prunes(study.objective) is not False or _is_toy(study.objective):
                continue
            training = studies.iterative_training(study.objective)
            if training is not None and training.call.facts[Trials].can_be_pruned(training):
                yield self._report(study, study.objective, training)

    def _is_long(self, study: Study) -> bool:
        trials = study.trials if study.trials is not None else study.default_trials
        return study.unbounded or (trials is not None and trials >= self.options.trials)

    def _report(self, study: Study, objective: Objective, training: Training) -> Report:
        from greenlint import Tuners

        notes = ["the default MedianPruner is inert without reports"]
        stops = objective.facts[Tuners].stops_training or training.call.facts[Tuners].stops_training
        if stops:
            notes.append("early stopping ends a trial that no longer improves, not one that is behind the others")
        assumed = study.trials is None and not study.unbounded
        if assumed:
            notes.append(f"{study.default_trials} trials are a default that whoever runs the program may change")
        return self.finding(
            study.call.node,
            f"no trial of {objective.name} is ever pruned: it reports no intermediate value",
            help="call trial.report after each epoch and raise optuna.TrialPruned when trial.should_prune(), or pass "
            "the pruning callback of the framework",
            notes=notes,
            related=((training.call.node, "trained to the end in each trial", training.call.facts.document),),
            severity=Severity.INFO if stops else None,
            confidence=Confidence.MEDIUM if stops or assumed or study.unbounded else Confidence.HIGH,
        )

    examples = (
        Bad(
            """
            import optuna

            def objective(trial):
                model = build(trial.suggest_float("lr", 1e-5, 1e-1, log=True))
                history = model.fit(x, y, epochs=50, validation_data=(xv, yv))
                return history.history["val_loss"][-1]

            study = optuna.create_study()
            study.optimize(objective, n_trials=100)  # bad
            """
        ),
        Bad(
            """
            import optuna
            import xgboost as xgb

            def objective(trial):
                params = {"max_depth": trial.suggest_int("max_depth", 2, 10)}
                booster = xgb.train(params, dtrain, num_boost_round=2000)
                return score(booster)

            optuna.create_study(direction="maximize").optimize(objective, n_trials=50)  # bad
            """
        ),
        Bad(
            """
            import optuna
            import torch

            def train_epoch(model, optimizer):
                for x, y in loader:
                    loss = torch.nn.functional.mse_loss(model(x), y)
                    loss.backward()
                    optimizer.step()

            def objective(trial, epochs):
                model = torch.nn.Linear(10, 1)
                optimizer = torch.optim.Adam(model.parameters(), lr=trial.suggest_float("lr", 1e-5, 1e-1))
                for epoch in range(epochs):
                    train_epoch(model, optimizer)
                return evaluate(model)

            study = optuna.create_study()
            study.optimize(lambda trial: objective(trial, 30), timeout=3600)  # bad
            """
        ),
        Bad(
            """
            import functools
            from optuna import create_study

            class Tuning:
                def __init__(self, data):
                    self.data = data
                    self.study = create_study(direction="minimize")

                def objective(self, trial, epochs):
                    model = build(width=trial.suggest_int("width", 16, 256))
                    return min(model.fit(self.data, epochs=epochs).history["val_loss"])

                def run(self):
                    self.study.optimize(functools.partial(self.objective, epochs=40), n_trials=60)  # bad
            """
        ),
        Bad(
            """
            import lightgbm as lgb
            import optuna
            from lightgbm import early_stopping

            class Objective:
                def __init__(self, train, valid):
                    self.train, self.valid = train, valid

                def __call__(self, trial):
                    params = {"num_leaves": trial.suggest_int("num_leaves", 8, 256)}
                    booster = lgb.train(params, self.train, 5000, [self.valid], callbacks=[early_stopping(50)])
                    return booster.best_score["valid_0"]["auc"]

            study = optuna.create_study(direction="maximize")
            study.optimize(Objective(train, valid), n_trials=200)  # bad
            """
        ),
        Bad(
            """
            import optuna
            from tensorflow import keras

            def make_objective(x, y):
                def objective(trial):
                    units = trial.suggest_int("units", 8, 512)
                    model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
                    model.compile("adam", "mse")
                    try:
                        history = model.fit(x, y, epochs=100, validation_split=0.2)
                    except ValueError as failed:
                        raise optuna.TrialPruned() from failed
                    return history.history["val_loss"][-1]

                return objective

            study = optuna.create_study()
            study.optimize(make_objective(x, y), n_trials=30)  # bad
            """
        ),
        Good(
            """
            import optuna
            import xgboost as xgb

            def objective(trial):
                callback = optuna.integration.XGBoostPruningCallback(trial, "valid-auc")
                booster = xgb.train({}, dtrain, num_boost_round=2000, callbacks=[callback])
                return score(booster)

            optuna.create_study().optimize(objective, n_trials=50)
            """,
            why="a pruning callback",
        ),
        Good(
            """
            import optuna

            def objective(trial):
                for epoch in range(30):
                    model.fit(x, y, epochs=1)
                    trial.report(evaluate(model), epoch)
                    if trial.should_prune():
                        raise optuna.TrialPruned()
                return evaluate(model)

            optuna.create_study().optimize(objective, n_trials=50)
            """,
            why="reports after each epoch",
        ),
        Good(
            """
            import optuna
            import torch

            def train(model, data, watcher):
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
                for epoch in range(30):
                    for x, y in data:
                        loss = torch.nn.functional.mse_loss(model(x), y)
                        loss.backward()
                        optimizer.step()
                    watcher.report(loss.item(), epoch)

            def objective(trial):
                model = torch.nn.Linear(trial.suggest_int("width", 8, 512), 1)
                train(model, data, trial)
                return evaluate(model)

            optuna.create_study().optimize(objective, n_trials=50)
            """,
            why="the training function reports",
        ),
        Good(
            """
            import optuna
            from engine import fit_and_report

            def objective(trial):
                model.fit(x, y, epochs=50)
                return fit_and_report(trial, model)

            optuna.create_study().optimize(objective, n_trials=50)
            """,
            why="the trial is handed to code that cannot be seen",
        ),
        Good(
            """
            import optuna
            from sklearn.linear_model import Ridge
            from sklearn.model_selection import cross_val_score

            def objective(trial):
                return cross_val_score(Ridge(trial.suggest_float("alpha", 0.1, 10)), X, y).mean()

            optuna.create_study().optimize(objective, n_trials=100)
            """,
            why="nothing to prune within a fit",
        ),
        Good(
            """
            import optuna

            def objective(trial):
                model.fit(x, y, epochs=50)
                return accuracy(model), size(model)

            optuna.create_study(directions=["maximize", "minimize"]).optimize(objective, n_trials=100)
            """,
            why="multi-objective studies cannot prune",
        ),
        Good(
            """
            import optuna
            from objectives import objective

            optuna.create_study().optimize(objective, n_trials=100)
            """,
            why="the objective cannot be seen",
        ),
        Good(
            """
            import optuna

            def objective(trial):
                model.fit(x, y, epochs=50)
                return loss(model)

            optuna.create_study().optimize(objective, n_trials=5)
            """,
            why="five trials",
        ),
        Good(
            """
            import optuna
            from scipy import optimize
            from solver import Solver

            def objective(x):
                model.fit(x, y, epochs=50)
                return loss(model)

            optimize.minimize(objective, start)
            Solver().optimize(objective, 100)
            """,
            why="neither solver is a study",
        ),
        Good(
            """
            import optuna
            from keras.datasets import mnist

            (x, y), _ = mnist.load_data()

            def objective(trial):
                model = build(trial.suggest_int("units", 16, 128))
                return model.fit(x, y, epochs=5).history["loss"][-1]

            optuna.create_study().optimize(objective, n_trials=20)
            """,
            why="toy data",
        ),
    )


def _cannot_prune(study: Study, facts: Facts) -> bool:
    """Whether a study has several objectives, or is one of `framework-grid-without-stopping`."""
    from greenlint import Studies

    if study.multi_objective or (study.objective is not None and facts[Studies].returns_several(study.objective)):
        return True
    if study.multi_objective is None and (study.made is not None or "directions" in facts.document.text):
        return True
    parts = [study.part("sampler"), study.part("pruner")]
    return any(part is not None and part.method in _UNPRUNED for part in parts)


_UNPRUNED = ("GridSampler", "BruteForceSampler", "NopPruner")


def _is_toy(objective: Objective) -> bool:
    from greenlint import Frameworks, Samples

    facts = objective.facts
    return facts[Frameworks].toy_data is not None or facts[Samples].small_table
