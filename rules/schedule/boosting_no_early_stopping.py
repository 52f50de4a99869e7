"""Boosting that always runs to its last round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Confidence, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Argument, BoosterRun, Call, Edit, Facts, Findings, Fix, Outline, cst


class BoostingNoEarlyStopping(Rule):
    """A booster is given hundreds of rounds and nothing that stops it when the validation score no longer improves.

    The number of rounds is guessed high to be safe. Rounds after the best one cost as much as those before it and make
    the model worse or no better, in this fit and in each prediction.

    The finding stands at the call that makes the estimator or trains it, and names the number of rounds. It needs rows
    that are kept apart for validation, and a round number of rounds: others were found before.

    Leave it where the number of rounds was found before, where a fixed budget is part of the study, for DART and random
    forests, and for small tables.

    To fix it, keep a validation set and stop after 50 rounds without improvement: `early_stopping_rounds=50` for
    XGBoost and CatBoost, `lightgbm.early_stopping(50)` among the callbacks for LightGBM, `early_stopping=True` for
    `HistGradientBoosting*`.
    """

    class Options(RuleOptions):
        rounds: int = 500
        """Report runs of at least this many rounds."""

    severity = Severity.INFO
    frameworks = ("xgboost", "lightgbm", "catboost", "sklearn")
    words = (
        ("xgboost", "lightgbm", "catboost", "HistGradientBoosting*"),
        (
            "n_estimators",
            "num_boost_round",
            "iterations",
            "num_iterations",
            "max_iter",
            "num_trees",
            "num_round*",
            "nrounds",
            "train",
            "cv",
        ),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://xgboost.readthedocs.io/en/stable/python/python_intro.html#early-stopping",
        "https://lightgbm.readthedocs.io/en/latest/pythonapi/lightgbm.early_stopping.html",
        "https://catboost.ai/docs/en/features/overfitting-detector-desc",
    )
    evidence = (
        Evidence(
            Grade.REASONED,
            "every round costs about the same; those after the best validation score are thrown away or do harm",
            "nobody has published a measurement of their energy",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return any(each in ("train", "cv") or _WRAPPER.match(each) for each in outline.calls)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import Boosters, Contexts, Liveness

        if _KNOWS.search(facts.document.text):
            return
        for run in facts[Boosters].runs:
            rounds = run.rounds
            if rounds is None or rounds < self.options.rounds or rounds % _GUESSED or not _runs_to_the_end(run):
                continue
            if facts[Contexts].dead(run.call.node) or facts[Liveness].never_called(run.call.node):
                continue
            fits = run.fits
            yield self.finding(
                run.call.node,
                f"{run.name} boosts {rounds} rounds to the end; nothing stops it when the score no longer improves",
                help=_help(run, facts),
                notes=("20-70 % of the energy of the fit is our estimate",),
                related=tuple((each.node, "fitted here") for each in fits[:1] if each is not run.call),
                confidence=Confidence.MEDIUM,
                fix=self._fix(run, facts),
            )

    def _fix(self, run: BoosterRun, facts: Facts) -> Fix | None:
        """Stop by the rows that the run is evaluated on already; none are taken from those it is trained on."""
        make = {"xgboost": _for_xgboost, "lightgbm": _for_lightgbm, "catboost": _for_catboost, "sklearn": _for_sklearn}
        if run.library != "sklearn" and not all(_is_judged(fit, run, facts) for fit in run.fits):
            return None
        if _counts_on_length(run, facts):
            return None
        edits = make[run.library](run, facts)
        if edits is None:
            return None
        return self.unsafe_fix(
            f"stop after {_PATIENCE} rounds without improvement"
            if run.library != "sklearn"
            else "stop when the score no longer improves",
            *edits,
            reason="there may be fewer rounds"
            if run.library != "sklearn"
            else "there may be fewer rounds, and a tenth of the rows is kept apart to see it",
        )

    examples = (
        Bad(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            from sklearn.model_selection import train_test_split

            table = pd.read_csv("clicks.csv")
            X_train, X_test, y_train, y_test = train_test_split(table.drop(columns="y"), table["y"])
            model = XGBClassifier(n_estimators=2000, learning_rate=0.01)  # bad
            model.fit(X_train, y_train)
            """
        ),
        Bad(
            """
            import lightgbm as lgb
            import pandas as pd
            from sklearn.model_selection import KFold

            table = pd.read_csv("demand.csv")
            params = {"objective": "regression", "num_leaves": 63}
            for train, valid in KFold(5).split(table):
                data = lgb.Dataset(table.iloc[train].drop(columns="y"), table.iloc[train]["y"])
                booster = lgb.train(params, data, 5000)  # bad
            """
        ),
        Bad(
            """
            import pandas as pd
            from catboost import CatBoostClassifier, Pool
            from sklearn.model_selection import train_test_split

            table = pd.read_csv("clicks.csv")
            train, valid = train_test_split(table, random_state=0)
            model = CatBoostClassifier(iterations=3000, verbose=100)  # bad
            data, other = [Pool(part.drop(columns="y"), part["y"]) for part in (train, valid)]
            model.fit(data, eval_set=other)
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.model_selection import train_test_split
            from xgboost import XGBClassifier

            table = pd.read_csv("clicks.csv")
            X_train, X_valid, y_train, y_valid = train_test_split(table.drop(columns="y"), table["y"])
            model = XGBClassifier(  # bad
                n_estimators=2000,
                learning_rate=0.01,  # slow
                eval_metric="auc"
            )
            model.fit(X_train, y_train, eval_set=[(X_train, y_train), (X_valid, y_valid)], verbose=100)
            """,
            fixed="""
            import pandas as pd
            from sklearn.model_selection import train_test_split
            from xgboost import XGBClassifier

            table = pd.read_csv("clicks.csv")
            X_train, X_valid, y_train, y_valid = train_test_split(table.drop(columns="y"), table["y"])
            model = XGBClassifier(
                n_estimators=2000,
                learning_rate=0.01,  # slow
                eval_metric="auc",
                early_stopping_rounds=50
            )
            model.fit(X_train, y_train, eval_set=[(X_train, y_train), (X_valid, y_valid)], verbose=100)
            """,
        ),
        Bad(
            """
            import pandas as pd
            import xgboost as xgb
            from sklearn.model_selection import train_test_split

            train, valid = train_test_split(pd.read_csv("demand.csv"))
            data = xgb.DMatrix(train.drop(columns="y"), train["y"])
            other = xgb.DMatrix(valid.drop(columns="y"), valid["y"])
            watched = [(data, "train"), (other, "valid")]
            booster = xgb.train({"max_depth": 6, "eta": 0.02}, data, 1000, watched)  # bad
            """,
            fixed="""
            import pandas as pd
            import xgboost as xgb
            from sklearn.model_selection import train_test_split

            train, valid = train_test_split(pd.read_csv("demand.csv"))
            data = xgb.DMatrix(train.drop(columns="y"), train["y"])
            other = xgb.DMatrix(valid.drop(columns="y"), valid["y"])
            watched = [(data, "train"), (other, "valid")]
            booster = xgb.train({"max_depth": 6, "eta": 0.02}, data, 1000, watched, early_stopping_rounds=50)
            """,
        ),
        Bad(
            """
            import lightgbm as lgb
            import pandas as pd
            from sklearn.model_selection import train_test_split

            train, valid = train_test_split(pd.read_csv("demand.csv"))
            model = lgb.LGBMRegressor(n_estimators=5000)  # bad
            model.fit(
                train.drop(columns="y"),
                train["y"],
                eval_set=[(valid.drop(columns="y"), valid["y"])],
                callbacks=[lgb.log_evaluation(100)],
            )
            """,
            fixed="""
            import lightgbm as lgb
            import pandas as pd
            from sklearn.model_selection import train_test_split

            train, valid = train_test_split(pd.read_csv("demand.csv"))
            model = lgb.LGBMRegressor(n_estimators=5000)
            model.fit(
                train.drop(columns="y"),
                train["y"],
                eval_set=[(valid.drop(columns="y"), valid["y"])],
                callbacks=[lgb.log_evaluation(100), lgb.early_stopping(50)],
            )
            """,
        ),
        Bad(
            """
            import lightgbm as lgb
            import pandas as pd
            from sklearn.model_selection import train_test_split

            train, valid = train_test_split(pd.read_csv("demand.csv"))
            data = lgb.Dataset(train.drop(columns="y"), train["y"])
            other = lgb.Dataset(valid.drop(columns="y"), valid["y"])
            booster = lgb.train({"metric": "None"}, data, 2000, valid_sets=[other], feval=gini)  # bad
            """
        ),
        Bad(
            """
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingRegressor

            table = pd.read_csv("demand.csv")
            model = HistGradientBoostingRegressor(max_iter=1000, early_stopping=False)  # bad
            model.fit(table.drop(columns="y"), table["y"])
            """,
            fixed="""
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingRegressor

            table = pd.read_csv("demand.csv")
            model = HistGradientBoostingRegressor(max_iter=1000, early_stopping=True)
            model.fit(table.drop(columns="y"), table["y"])
            """,
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBClassifier

            table = pd.read_csv("clicks.csv")
            model = XGBClassifier(n_estimators=2000, early_stopping_rounds=50)
            model.fit(table.drop(columns="y"), table["y"], eval_set=[(X_valid, y_valid)])
            """,
            why="stops early",
        ),
        Good(
            """
            import lightgbm as lgb
            import pandas as pd

            table = pd.read_csv("demand.csv")
            train = lgb.Dataset(table.drop(columns="y"), table["y"])
            booster = lgb.train({}, train, 5000, valid_sets=[valid], callbacks=[lgb.early_stopping(50)])
            """,
            why="a callback stops it",
        ),
        Good(
            """
            import pandas as pd
            from catboost import CatBoostRegressor

            table = pd.read_csv("demand.csv")
            model = CatBoostRegressor(iterations=300)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="a moderate number of rounds",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.ensemble import HistGradientBoostingRegressor

            table = pd.read_csv("demand.csv")
            model = HistGradientBoostingRegressor(max_iter=2000)
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="stops early by itself on more than ten thousand rows",
        ),
        Good(
            """
            import lightgbm as lgb
            import pandas as pd

            table = pd.read_csv("demand.csv")
            final = lgb.train({"num_leaves": 63}, lgb.Dataset(table.drop(columns="y"), table["y"]), 2000)
            """,
            why="all rows are trained on, so that none are left to stop by: the number was found before",
        ),
        Good(
            """
            import pandas as pd
            import xgboost as xgb

            train, valid = pd.read_csv("clicks.csv"), pd.read_csv("clicks_valid.csv")
            matrix = xgb.DMatrix(train.drop(columns="y"), train["y"])
            other = xgb.DMatrix(valid.drop(columns="y"), valid["y"])
            booster = xgb.train({"max_depth": 6, "eta": 0.02}, matrix, 1387, evals=[(other, "valid")])
            """,
            why="nobody guesses such a number: it was found by validation",
        ),
        Good(
            """
            import pandas as pd
            from lightgbm import LGBMClassifier

            table = pd.read_csv("clicks.csv")
            model = LGBMClassifier(n_estimators=1000, boosting_type="dart")
            model.fit(table.drop(columns="y"), table["y"])
            """,
            why="DART changes earlier trees, so that its best round cannot be kept",
        ),
        Good(
            """
            import pandas as pd
            from xgboost import XGBRegressor

            houses = pd.read_csv("train.csv")
            model = XGBRegressor(n_estimators=3000, learning_rate=0.01)
            model.fit(houses[["GrLivArea", "OverallQual"]], houses["SalePrice"])
            """,
            why="fewer than two thousand houses",
        ),
        Good(
            """
            import pandas as pd
            from sklearn.model_selection import GridSearchCV
            from xgboost import XGBRegressor

            table = pd.read_csv("demand.csv")
            search = GridSearchCV(XGBRegressor(n_estimators=1000), {"max_depth": [4, 6]})
            search.fit(table.drop(columns="y"), table["y"])
            """,
            why="a search has no validation set to stop by",
        ),
    )


_GUESSED = 500
"""Numbers that people guess are multiples of this; others were found."""
_WRAPPER = re.compile(r"(?:Dask)?(?:XGB|LGBM|CatBoost|HistGradientBoosting|NGB)")
_KNOWS = re.compile(
    r"early_stop(?!\w*\s*=\s*(?:False|None))|earlystop|EarlyStop|best_iteration|best_ntree|best_n_|od_wait|od_type|"
    r"staged_predict|n_iter_no_change|Hyperband|Pruning|nrounds_best|optimal_round|\b(?:xgb|lgb|xgboost|lightgbm|catboost)\.cv\("
)
"""What shows that the number of rounds is found by validation somewhere in this file."""


def _runs_to_the_end(run: BoosterRun) -> bool:
    from greenlint import Estimators

    if run.library == "sklearn":
        if run.constant("early_stopping") is not False:
            return False
    elif run.stops is not False:
        return False
    if not run.rows.is_read:
        return False
    if run.constant("booster", "boosting_type", "boosting") in ("dart", "rf", "gblinear"):
        return False
    if run.parameter("num_parallel_tree") is None or run.constant("num_parallel_tree") is not None:
        return False
    if run.library != "sklearn" and not run.validates:
        return False
    if run.native:
        return True
    estimator = run.call.facts[Estimators].of(run.call)
    return bool(estimator.fits) and not estimator.searches


_PATIENCE = 50
_SETS = (("eval_set", None), ("evals", 3), ("valid_sets", 3))
_MEASURES = (("eval_metric", None), ("metric", None), ("feval", None), ("custom_metric", None), ("custom_loss", None))
_PLAIN = re.compile(
    r"^(?:auc|aucpr|rmse|rmsle|mae|mape|mse|l1|l2|logloss|mlogloss|error|merror|binary_\w+|multi_\w+|cross_entropy|RMSE"
    r"|MAE|MAPE|AUC|Accuracy|Logloss|MultiClass|F1|ndcg|map|huber|fair|poisson|quantile|gamma|tweedie|r2|R2)$"
)
"""Measures of which the libraries know whether more is better."""


def _is_judged(fit: Call, run: BoosterRun, facts: Facts) -> bool:
    """Whether a fit is evaluated on rows of its own, by measures of the library."""
    from greenlint import Names, cst

    sets = next((each.node for name, at in _SETS if (each := _given(fit, name, at, run)).written), None)
    if isinstance(sets, cst.Name):
        bindings = facts[Names].reaching(sets)
        sets = bindings[0].value if len(bindings) == 1 and not bindings[0].path else None
    if sets is None or fit.is_open:
        return False
    last = sets.elements[-1].value if isinstance(sets, cst.List) and sets.elements else sets
    if isinstance(last, cst.Tuple) and last.elements:
        last = last.elements[0].value
    if isinstance(last, (cst.List, cst.Dict)):
        return False
    trained = next((each.node for name, at in _TRAINED if (each := fit.argument(name, at)).written), None)
    if trained is None or facts.document.source(trained) == facts.document.source(last):
        return False
    return all(_is_known(each) for name, _ in _MEASURES for each in (run.parameter(name), fit.argument(name)))


_READS_ROUND = re.compile(r"ntree_limit|iteration_range|num_iteration\b|ntree_end|(?<=[\w\])])\[\s*-?\d{3,}\s*\]")


def _counts_on_length(run: BoosterRun, facts: Facts) -> bool:
    """Whether something reads a round, or is as long as all rounds, such as the axis of a plot."""
    from greenlint import Calls, Frameworks

    numbers = "|".join(str((run.rounds or 0) + more) for more in (0, 1))
    axes = facts[Calls].methods("range", "arange", "linspace")
    return _READS_ROUND.search(facts[Frameworks].code) is not None or any(
        re.search(rf"(?<![\w.])(?:{numbers})(?!\w)", facts.document.source(each.node)) for each in axes
    )


_TRAINED = (("dtrain", 1), ("train_set", 1), ("X", 0))


def _given(fit: Call, name: str, position: int | None, run: BoosterRun) -> Argument:
    return fit.argument(name, position if run.native else None)


def _is_known(measure: Argument | None) -> bool:
    """Whether a measure is left to the library, or one or several of its own by name."""
    from greenlint import cst

    if measure is None or not measure.known:
        return False
    if measure.node is None:
        return True
    nodes = [measure.node]
    if isinstance(measure.node, (cst.List, cst.Tuple, cst.Set)):
        nodes = [each.value for each in measure.node.elements]
    return all(isinstance(each, cst.SimpleString) and _PLAIN.match(str(each.evaluated_value)) for each in nodes)


def _for_xgboost(run: BoosterRun, facts: Facts) -> tuple[Edit, ...] | None:
    from greenlint import Environment, set_argument

    document, name, text = facts.document, "early_stopping_rounds", str(_PATIENCE)
    if run.native:
        return set_argument(document, run.call.node, name, text)
    if facts[Environment].at_least("xgboost", "1.6") is False:
        return _in_fits(run, facts)
    # The constructor asks every fit for rows to stop by: all of them have to be in sight.
    if run.call.is_open or not _is_fitted_here(run, facts):
        return None
    return set_argument(document, run.call.node, name, text)


def _for_catboost(run: BoosterRun, facts: Facts) -> tuple[Edit, ...] | None:
    return _in_fits(run, facts) if not run.native else None


def _in_fits(run: BoosterRun, facts: Facts) -> tuple[Edit, ...] | None:
    from greenlint import set_argument

    edits: list[Edit] = []
    for fit in run.fits:
        if fit.method != "fit":
            return None
        more = set_argument(facts.document, fit.node, "early_stopping_rounds", str(_PATIENCE))
        if more is None:
            return None
        edits.extend(more)
    return tuple(edits)


def _for_lightgbm(run: BoosterRun, facts: Facts) -> tuple[Edit, ...] | None:
    """The callback, which every version has."""
    from greenlint import append_element, cst, ensure_import, set_argument

    document = facts.document
    func = run.call.node.func
    name = "early_stopping"
    edits: list[Edit] = []
    objective = run.constant("objective", "objective_type", "app", "application", "loss", "fobj")
    if objective is not None and not isinstance(objective, str):
        return None
    if isinstance(func, cst.Attribute):
        name = f"{document.source(func.value)}.{name}"
    else:
        imported = ensure_import(document, f"from lightgbm import {name}")
        if imported is None:
            return None
        edits.extend(imported)
    for fit in run.fits:
        given = fit.keyword("callbacks")
        text = f"{name}({_PATIENCE})"
        if given is None:
            more = set_argument(document, fit.node, "callbacks", f"[{text}]")
        else:
            more = append_element(document, given, text) if isinstance(given, cst.List) else None
        if more is None or fit.method not in ("fit", "train"):
            return None
        edits.extend(more)
    return tuple(edits)


def _for_sklearn(run: BoosterRun, facts: Facts) -> tuple[Edit, ...] | None:
    from greenlint import set_argument

    # Rows are kept apart by class, which raises where a class has one row only.
    if not run.name.endswith("Regressor") or run.call.keyword("early_stopping") is None:
        return None
    return set_argument(facts.document, run.call.node, "early_stopping", "True")


def _is_fitted_here(run: BoosterRun, facts: Facts) -> bool:
    """Whether an estimator is a variable of which only methods are called, so that all its fits are in sight."""
    from greenlint import BindingKind, Names, Tree, cst

    tree = facts[Tree]
    above = tree.parent(run.call.node)
    target = above.targets[0].target if isinstance(above, cst.Assign) and len(above.targets) == 1 else None
    if not isinstance(target, cst.Name) or any(fit.method != "fit" for fit in run.fits):
        return False
    for each in tree.named(target.value):
        holder = tree.parent(each)
        if each is target:
            continue
        bindings = facts[Names].reaching(each)
        if bindings and all(binding.kind is BindingKind.ASSIGN and binding.node is not above for binding in bindings):
            continue
        if not (isinstance(holder, cst.Attribute) and holder.value is each):
            return False
    return True


def _help(run: BoosterRun, facts: Facts) -> str:
    from greenlint import Environment

    if run.library == "sklearn":
        return "write early_stopping=True, or leave it out"
    if run.library == "lightgbm":
        place = "valid_sets" if run.native else "eval_set"
        if facts[Environment].at_least("lightgbm", "3.3") is False:
            return f"pass {place} and early_stopping_rounds=50"
        return f"pass {place} and callbacks=[lightgbm.early_stopping(50)]"
    if run.library == "catboost":
        return "pass eval_set to fit and early_stopping_rounds=50"
    if run.native:
        return "pass evals and early_stopping_rounds=50"
    late = facts[Environment].at_least("xgboost", "1.6") is False
    return f"pass eval_set to fit, and early_stopping_rounds=50 to {'it as well' if late else 'the constructor'}"
