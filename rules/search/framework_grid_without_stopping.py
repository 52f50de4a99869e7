"""Tuning frameworks asked for an exhaustive grid in which no trial is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_call, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Report, Study, TunerGrid, cst


class FrameworkGridWithoutStopping(Rule):
    """Ray Tune, Weights & Biases, Keras Tuner or Optuna runs a whole grid, every trial to its end.

    These frameworks can stop poor trials early, but do so only when asked: Ray's default scheduler is first in, first
    out, a W&B grid sweep has no early termination, Keras Tuner's grid runs until it is exhausted, Optuna's
    `GridSampler` and `BruteForceSampler` try everything and `NopPruner` prunes nothing.

    The finding stands at the grid: the first `grid_search`, the sweep's dictionary, the tuner, the sampler or pruner.
    A Ray scheduler whose grace period is nearly its `max_t` is the same waste. Keras Tuner's random and Bayesian
    searches are an info when each trial trains for ten epochs or more and no callback stops it.

    Leave it for ablation studies, where the grid is the point, and for small grids.

    To fix it, add `ASHAScheduler` (Ray), `"method": "bayes"` with `early_terminate` (W&B), `Hyperband` or an
    `EarlyStopping` callback (Keras Tuner), TPE with a pruner (Optuna).
    """

    class Options(RuleOptions):
        trials: int = 12
        """Report grids of at least this many trials, where they can be counted."""
        epochs: int = 10
        """Report Keras Tuner's other searches when each trial trains for at least this many epochs."""

    severity = Severity.WARNING
    frameworks = ("ray", "wandb", "keras_tuner", "kerastuner", "optuna")
    words = (
        (
            "*grid*",
            "GridSearch",
            "RandomSearch",
            "BayesianOptimization",
            "GridSampler",
            "BruteForceSampler",
            "NopPruner",
        ),
    )
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.REAL_DATA,
    )
    references = (
        "https://arxiv.org/abs/1810.05934",
        "https://docs.ray.io/en/latest/tune/api/schedulers.html",
        "https://arxiv.org/abs/2412.08526",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "without a scheduler Ray Tune runs every trial to its end; Keras Tuner's grid runs until it is exhausted",
            "docstrings of ray 2.60 and keras-tuner 1.4",
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

    @on_file
    def check_tuners(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Contexts, Tuners

        if _is_comparison(facts):
            return
        for grid in facts[Tuners].unstopped:
            if self._is_long(grid) and not facts[Contexts].dead(grid.place):
                yield self._of_tuner(grid, facts)

    def _is_long(self, grid: TunerGrid) -> bool:
        if grid.trials is not None and grid.trials < self.options.trials:
            return False
        if grid.trials is None:
            return grid.whole and (grid.epochs or self.options.epochs) >= self.options.epochs
        return grid.whole or (grid.epochs is not None and grid.epochs >= self.options.epochs)

    def _of_tuner(self, grid: TunerGrid, facts: Facts) -> Report:
        from greenlint import Tuners

        softened = not grid.whole or facts[Tuners].stops_training
        return self.finding(
            grid.place,
            _size(grid),
            help=_remedy(grid),
            notes=("each trial ends its own training early, but the whole grid is still run",)
            if facts[Tuners].stops_training
            else (),
            severity=Severity.INFO if softened else None,
            confidence=Confidence.HIGH if grid.trials is not None else Confidence.MEDIUM,
        )

    @on_call("optuna.samplers.GridSampler", "optuna.samplers.BruteForceSampler")
    def check_sampler(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Searches, Studies

        space = call.argument("search_space", 0)
        grid = space.facts[Searches].size(space.node) if space.node is not None else None
        if _is_comparison(facts) or (call.method == "GridSampler" and grid is None):
            return
        for study in _made_with(call, "sampler", facts):
            trials = min((each for each in (grid, study.trials) if each is not None), default=None)
            if (trials is not None and trials < self.options.trials) or not _runs_to_the_end(study, facts):
                continue
            count = f" of {trials} trials" if trials is not None else ""
            iterative = study.objective is not None and facts[Studies].iterative_training(study.objective) is not None
            yield self.finding(
                call.node,
                f"this study runs a whole grid{count}, each trial to its end",
                help="use TPESampler with a pruner, so that few and promising trials are run",
                severity=None if iterative else Severity.INFO,
                confidence=Confidence.HIGH if iterative and trials is not None else Confidence.MEDIUM,
            )
            return

    @on_call("optuna.pruners.NopPruner")
    def check_pruner(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Studies

        if _is_comparison(facts):
            return
        studies = facts[Studies]
        for study in _made_with(call, "pruner", facts):
            if study.objective is None or studies.iterative_training(study.objective) is None:
                continue
            if study.trials is None or study.trials < self.options.trials:
                continue
            if study.multi_objective is not False or studies.returns_several(study.objective):
                continue
            yield self.finding(
                call.node,
                f"NopPruner lets each of {study.trials} trials run to its end",
                help="leave out the pruner (MedianPruner is the default) or use HyperbandPruner, and report each epoch",
                notes=("a pruner needs trial.report in the objective",),
            )

    examples = (
        Bad(
            """
            from ray import tune

            space = {
                "lr": tune.grid_search([1e-4, 1e-3, 1e-2, 1e-1]),  # bad
                "batch": tune.grid_search([16, 32, 64]),
            }
            tune.run(train, config=space)
            """
        ),
        Bad(
            """
            from ray import tune
            from ray.tune.schedulers import ASHAScheduler

            space = {"momentum": tune.uniform(0.1, 0.9)}
            space["lr"] = tune.grid_search([1e-4, 1e-3, 1e-2])  # bad
            patient = ASHAScheduler(max_t=100, grace_period=90)
            tuner = tune.Tuner(train, param_space=space, tune_config=tune.TuneConfig(num_samples=8, scheduler=patient))
            tuner.fit()
            """
        ),
        Bad(
            """
            import wandb

            sweep = {  # bad
                "method": "grid",
                "parameters": {
                    "lr": {"values": [1e-4, 1e-3, 1e-2]},
                    "layers": {"values": [2, 4, 6, 8]},
                },
            }
            wandb.agent(wandb.sweep(sweep), train)
            """
        ),
        Bad(
            """
            import wandb

            sweep_config = {"method": "grid"}  # bad
            sweep_config["metric"] = {"name": "loss", "goal": "minimize"}
            parameters = {"optimizer": {"values": ["adam", "sgd"]}, "dropout": {"values": [0.3, 0.4, 0.5]}}
            sweep_config["parameters"] = parameters
            parameters.update({"epochs": {"value": 20}, "width": {"values": [128, 256, 512]}})
            sweep_id = wandb.sweep(sweep_config, project="demo")
            wandb.agent(sweep_id, function=train)
            """
        ),
        Bad(
            """
            import keras_tuner

            def build(hp):
                model = make(hp.Int("units", 32, 512, 32), hp.Choice("rate", [1e-2, 1e-3, 1e-4]))
                model.compile("adam", "mse")
                return model

            tuner = keras_tuner.GridSearch(build, objective="val_loss")  # bad
            tuner.search(x, y, epochs=20)
            """
        ),
        Bad(
            """
            import kerastuner as kt

            tuner = kt.RandomSearch(build, objective="val_accuracy", max_trials=40, executions_per_trial=2)  # bad
            tuner.search(x, y, epochs=50, validation_data=(xv, yv))
            """
        ),
        Bad(
            """
            import optuna

            def objective(trial):
                model = build(trial.suggest_float("lr", 1e-4, 1e-2), trial.suggest_int("depth", 2, 8))
                return model.fit(x, y, epochs=30).history["loss"][-1]

            space = {"lr": [1e-4, 1e-3, 1e-2], "depth": [2, 4, 6, 8]}
            study = optuna.create_study(sampler=optuna.samplers.GridSampler(space))  # bad
            study.optimize(objective)
            """
        ),
        Bad(
            """
            import optuna
            from optuna.pruners import NopPruner

            def objective(trial):
                model = build(trial.suggest_float("lr", 1e-4, 1e-2))
                return model.fit(x, y, epochs=30).history["loss"][-1]

            study = optuna.create_study(pruner=NopPruner())  # bad
            study.optimize(objective, n_trials=80)
            """
        ),
        Good(
            """
            from ray import tune
            from ray.tune.schedulers import ASHAScheduler

            space = {"lr": tune.grid_search([1e-4, 1e-3, 1e-2, 1e-1]), "batch": tune.grid_search([16, 32, 64])}
            tune.run(train, config=space, scheduler=ASHAScheduler(max_t=100, grace_period=5))
            """,
            why="poor trials are stopped",
        ),
        Good(
            """
            from ray import tune

            tune.run(train, config={"lr": tune.grid_search([1e-4, 1e-3])})
            """,
            why="two trials",
        ),
        Good(
            """
            from ray import tune

            space = {"seed": tune.grid_search(list(range(20))), "env": tune.grid_search(["hopper", "walker"])}
            tune.Tuner(train, param_space=space).fit()
            """,
            why="seeds and environments are repeated and compared, not tuned",
        ),
        Good(
            """
            import wandb

            sweep = {
                "method": "bayes",
                "metric": {"name": "loss", "goal": "minimize"},
                "parameters": {"lr": {"min": 1e-5, "max": 1e-1}},
            }
            wandb.sweep(sweep)
            """,
            why="not a grid",
        ),
        Good(
            """
            import wandb

            sweep = {
                "name": "ablation-of-losses",
                "method": "grid",
                "parameters": {"loss": {"values": ["a", "b", "c", "d"]}, "depth": {"values": [1, 2, 3, 4]}},
            }
            wandb.agent(wandb.sweep(sweep), train)
            """,
            why="an ablation study",
        ),
        Good(
            """
            import wandb

            sweep = {
                "method": "grid",
                "parameters": {"lr": {"values": [1e-4, 1e-3, 1e-2]}, "layers": {"values": [2, 4, 6, 8]}},
            }
            wandb.agent(wandb.sweep(sweep), train, count=6)
            """,
            why="the agent runs six trials",
        ),
        Good(
            """
            import keras_tuner
            from keras.callbacks import EarlyStopping

            tuner = keras_tuner.GridSearch(build, objective="val_loss")
            tuner.search(x, y, epochs=20, callbacks=[EarlyStopping(patience=2)])
            """,
            why="each trial stops when it no longer improves",
        ),
        Good(
            """
            import keras_tuner

            def build(hp):
                return make(hp.Choice("rate", [1e-2, 1e-3, 1e-4]), hp.Boolean("dropout"))

            tuner = keras_tuner.GridSearch(build, objective="val_loss")
            tuner.search(x, y, epochs=20)
            """,
            why="six trials",
        ),
        Good(
            """
            import optuna

            study = optuna.create_study(sampler=optuna.samplers.TPESampler())
            study.optimize(objective, n_trials=100)
            """,
            why="not a grid",
        ),
        Good(
            """
            import optuna

            def objective(trial):
                x, y = trial.suggest_int("x", -50, 50), trial.suggest_int("y", -50, 50)
                return x**2 + y**2

            sampler = optuna.samplers.GridSampler({"x": list(range(-50, 50)), "y": list(range(-50, 50))})
            optuna.create_study(sampler=sampler).optimize(objective)
            """,
            why="nothing is trained",
        ),
        Good(
            """
            from ray import tune
            from settings import scheduler

            space = {"lr": tune.grid_search([1e-4, 1e-3, 1e-2, 1e-1]), "batch": tune.grid_search([16, 32, 64])}
            tune.run(train, config=space, scheduler=scheduler)
            """,
            why="the scheduler is not known",
        ),
        Good(
            """
            from ray import tune

            space = {"lr": tune.grid_search([1e-4, 1e-3, 1e-2, 1e-1]), "batch": tune.grid_search([16, 32, 64])}
            """,
            why="where the space is used cannot be seen",
        ),
    )


def _is_comparison(facts: Facts) -> bool:
    """Whether a file is a test, a toy, or made to compare rather than to find the best."""
    return "ablat" in facts.document.path.lower()


def _made_with(call: Call, part: str, facts: Facts) -> Iterator[Study]:
    """The studies of this file whose sampler or pruner a call makes."""
    from greenlint import Studies

    for study in facts[Studies].all:
        made = study.part(part)
        if made is not None and made.node is call.node:
            yield study


def _runs_to_the_end(study: Study, facts: Facts) -> bool:
    """Whether the trials of a study train something, and report nothing that could stop them."""
    from greenlint import Studies, Trials

    studies = facts[Studies]
    objective = study.objective
    if objective is None or studies.prunes(objective) is not False:
        return False
    return bool(objective.facts[Trials].trainings(objective.node.body))


def _size(grid: TunerGrid) -> str:
    from greenlint import Tuner

    if grid.trials is None:
        return f"{grid.tuner.value} trains every combination of its space to the end"
    if grid.tuner is Tuner.KERAS and not grid.whole:
        length = f", {grid.epochs} epochs each" if grid.epochs is not None else ""
        return f"Keras Tuner runs {grid.trials} trials{length}, and stops none early"
    if grid.patient:
        return f"{grid.tuner.value} runs {grid.trials} trials of this grid, each for nearly as long as it may"
    return f"{grid.tuner.value} runs {grid.trials} trials of this grid, each to its end"


def _remedy(grid: TunerGrid) -> str:
    from greenlint import Tuner

    if grid.tuner is Tuner.RAY:
        return "give tune an ASHAScheduler with a short grace_period, so that poor trials are stopped early"
    if grid.tuner is Tuner.WANDB:
        return 'use "method": "bayes" with early_terminate, so that poor trials are stopped early'
    return "use keras_tuner.Hyperband, or give search an EarlyStopping callback"
