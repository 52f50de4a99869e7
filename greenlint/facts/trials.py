"""Which models a stretch of code trains, and how: the trials of a search."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.loops import Loops
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import searching
from greenlint.knowledge.kinds import Kind
from greenlint.knowledge.signals import TRAINING_SCRIPT
from greenlint.knowledge.tuning import PRUNABLE_BOOSTERS

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Training", "TrainingKind", "Trials"]

_DEPTH = 3
"""How many calls away from the code a training may hide."""


class TrainingKind(enum.Enum):
    """What trains."""

    STEP = "training loop"
    """Backward passes and updates."""
    NETWORK = "network"
    """``fit`` of Keras, Lightning, fastai, or ``train`` of a trainer."""
    BOOSTER = "booster"
    """Boosting rounds of XGBoost, LightGBM, CatBoost or scikit-learn."""
    CROSS_VALIDATION = "cross-validation"
    ESTIMATOR = "estimator"
    """Any other ``fit``."""
    LIGHT = "light estimator"
    """A linear model, naive Bayes or a single tree."""
    COMMAND = "command"
    """A training script started as a process."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """One training."""

    kind: TrainingKind
    call: Call
    """The call that trains, in the file it stands in."""
    place: cst.CSTNode
    """The call in the asked-for code that leads there."""
    certain: bool = True
    """False when only a name says that something is trained."""

    @property
    def data(self) -> cst.BaseExpression | None:
        """What it is trained on, where that is an argument."""
        if self.kind in (TrainingKind.STEP, TrainingKind.COMMAND):
            return None
        if self.kind is TrainingKind.CROSS_VALIDATION:
            return self.call.argument("X", 1).node
        position = 1 if self.call.name in searching.BOOSTER_TRAINERS else 0
        name = {0: "X", 1: "dtrain"}[position]
        return self.call.argument(name, position).node

    @property
    def iterative(self) -> bool:
        """Whether it runs over epochs or rounds, so that it could be stopped early."""
        return self.kind in (TrainingKind.STEP, TrainingKind.NETWORK, TrainingKind.BOOSTER, TrainingKind.COMMAND)


class Trials:
    """Trainings of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._names = facts[Names]
        self._functions: dict[tuple[cst.CSTNode, int], tuple[Training, ...]] = {}

    def trainings(self, body: cst.CSTNode, depth: int = _DEPTH) -> list[Training]:
        """What ``body`` trains, itself or through functions of the project that it calls."""
        found: list[Training] = []
        steps = {step.backward.node for step in self._facts[Loops].steps}
        for call in self._calls.within(body):
            if self._is_nested(call.node, body):
                continue
            if call.node in steps:
                found.append(Training(TrainingKind.STEP, call, call.node))
                continue
            found.extend(self._of_call(call, depth))
        return found

    def _of_call(self, call: Call, depth: int) -> Iterator[Training]:
        targets = [each for each in self._values.callees(call.node) if isinstance(each.node, cst.FunctionDef)]
        if targets:
            for target in targets if depth else ():
                for each in target.facts[Trials]._of_function(target.node, depth - 1):
                    yield replace(each, place=call.node)
            return
        one = self.training(call)
        if one is not None:
            yield one
        elif self._is_named_training(call):
            yield Training(TrainingKind.ESTIMATOR, call, call.node, certain=False)

    def _of_function(self, function: cst.CSTNode, depth: int) -> tuple[Training, ...]:
        assert isinstance(function, cst.FunctionDef)
        key = (function, depth)
        known = self._functions.get(key)
        if known is None:
            self._functions[key] = ()
            known = self._functions[key] = tuple(self.trainings(function.body, depth))
        return known

    def _is_nested(self, node: cst.CSTNode, body: cst.CSTNode) -> bool:
        """Whether ``node`` stands in a function or class defined inside ``body``."""
        for above in self._tree.ancestors(node):
            if above is body:
                return False
            if type(above) is cst.FunctionDef or type(above) is cst.ClassDef:
                return True
        return False

    def _is_named_training(self, call: Call) -> bool:
        """A call of something that cannot be seen, whose name says that it trains."""
        if call.receiver is not None or not searching.NAMED_TRAINING.match(call.method):
            return False
        return self._facts[Project].definition(call.node.func) is None and not (call.name or "").startswith("builtins.")

    # -- one call ---------------------------------------------------------------------------------------------

    def training(self, call: Call) -> Training | None:
        """What one call trains by itself; ``None``: nothing that can be seen."""
        kind = self._kind(call)
        return Training(kind, call, call.node) if kind is not None else None

    def _kind(self, call: Call) -> TrainingKind | None:
        if call.name in searching.CROSS_VALIDATORS:
            return TrainingKind.CROSS_VALIDATION
        if call.name in searching.BOOSTER_TRAINERS:
            return TrainingKind.BOOSTER
        if call.name is not None and _COMMANDS.match(call.name):
            return TrainingKind.COMMAND if self._starts_training(call) else None
        if call.receiver is None or call.method not in _TRAINS:
            return None
        if call.name is not None and call.name.split(".")[0] in ("tensorflow", "numpy", "torch", "os"):
            return None
        return self._by_receiver(call)

    def _starts_training(self, call: Call) -> bool:
        text = self._facts.document.source(call.node)
        for each in self._tree.below(call.node, cst.Name):
            for binding in self._names.reaching(each):
                if binding.kind is BindingKind.ASSIGN and binding.value is not None:
                    text += self._facts.document.source(binding.value)
        return TRAINING_SCRIPT.search(text) is not None

    def _by_receiver(self, call: Call) -> TrainingKind | None:
        assert call.receiver is not None
        value = self._values.of(call.receiver)
        if value.kind in (Kind.LIGHTNING_TRAINER, Kind.TRAINER, Kind.KERAS_MODEL):
            return TrainingKind.NETWORK if call.node.args or value.kind is Kind.TRAINER else None
        if value.kind in (Kind.MODULE, Kind.HF_MODEL, Kind.OPTIMIZER):
            return None if call.method in ("train", "fit") and len(call.node.args) < 2 else TrainingKind.NETWORK
        names = self.constructors(call.receiver)
        if names:
            return self._by_name(call, names)
        return self._unseen(call)

    def _by_name(self, call: Call, names: frozenset[str]) -> TrainingKind | None:
        last = {each.rpartition(".")[2] for each in names}
        if all(searching.PREPARATION.search(each) for each in last):
            return None
        if call.method not in ("fit", "fit_predict", "train", "fit_generator", "grid_search", "search"):
            return None
        if last & searching.BOOSTERS:
            return TrainingKind.BOOSTER
        if last <= searching.LIGHT_ESTIMATORS:
            return TrainingKind.LIGHT
        if any(each.split(".")[0] in searching.STATISTICS_ROOTS for each in names):
            return TrainingKind.ESTIMATOR
        if call.keyword("epochs") is not None or call.keyword("nb_epoch") is not None:
            return TrainingKind.NETWORK
        known = any(each.split(".")[0] in _ESTIMATOR_ROOTS for each in names)
        return TrainingKind.ESTIMATOR if known and call.node.args else self._unseen(call)

    def _unseen(self, call: Call) -> TrainingKind | None:
        """A call on something whose making cannot be seen."""
        receiver = (dotted(call.receiver) or "").rsplit(".", 1)[-1] if call.receiver is not None else ""
        if call.keyword("epochs") is not None or call.keyword("nb_epoch") is not None:
            return TrainingKind.NETWORK
        if call.method in ("fit_generator", "fit_one_cycle", "fine_tune"):
            return TrainingKind.NETWORK
        if call.method == "fit":
            if len(call.node.args) < 2 or _PREPARES.search(receiver):
                return TrainingKind.NETWORK if "trainer" in receiver.lower() and call.node.args else None
            return TrainingKind.ESTIMATOR
        return TrainingKind.NETWORK if call.method == "train" and "trainer" in receiver.lower() else None

    # -- estimators -------------------------------------------------------------------------------------------

    def can_be_pruned(self, training: Training) -> bool:
        """Whether a training has epochs, or boosting rounds of a library that can be stopped from outside."""
        if training.kind is not TrainingKind.BOOSTER:
            return True
        call = training.call
        made = call.facts[Trials].constructors(call.receiver) if call.receiver is not None else frozenset()
        names = {call.name or "", *made, *(each.rpartition(".")[2] for each in made)}
        return any(PRUNABLE_BOOSTERS.search(each) for each in names)

    def constructors(self, node: cst.BaseExpression, depth: int = 6) -> frozenset[str]:
        """The names of the classes an estimator is made of: the last step of a pipeline, each choice of a branch.

        Empty when that cannot be seen; names that cannot be resolved are given as written.
        """
        if depth == 0:
            return frozenset()
        if isinstance(node, cst.Call):
            return self._made(self._calls.of(node), depth)
        if isinstance(node, cst.Name):
            return self._of_name(node, depth)
        if isinstance(node, cst.Attribute):
            found = [
                facts[Trials].constructors(each.value, depth - 1)
                if each.value is not None and not each.path
                else frozenset()
                for facts, each in self._values.attribute_bindings(node)
            ]
            return _all_or_none(found)
        if isinstance(node, cst.IfExp):
            return _all_or_none([self.constructors(node.body, depth - 1), self.constructors(node.orelse, depth - 1)])
        return frozenset()

    def _of_name(self, node: cst.Name, depth: int) -> frozenset[str]:
        from greenlint.facts.grids import Grids

        found: list[frozenset[str]] = []
        for binding in self._names.reaching(node):
            if binding.kind is BindingKind.ASSIGN and binding.value is not None and not binding.path:
                found.append(self.constructors(binding.value, depth - 1))
                continue
            sources = self._facts[Grids].sources(node)
            if sources is None:
                return frozenset()
            found.extend(facts[Trials].constructors(each, depth - 1) for facts, each in sources)
        return _all_or_none(found)

    def _made(self, call: Call, depth: int) -> frozenset[str]:
        if call.method in ("Pipeline", "make_pipeline"):
            return self._last_step(call, depth)
        if call.method in ("fit", "set_params", "clone", "make_imb_pipeline"):
            inner = call.receiver if call.receiver is not None and call.method != "clone" else None
            inner = inner if inner is not None else (call.positional[0] if call.positional else None)
            return self.constructors(inner, depth - 1) if inner is not None else frozenset()
        if call.method in _WRAPPERS:
            inner = (
                call.positional[0] if call.positional else call.keyword("estimator") or call.keyword("base_estimator")
            )
            return self.constructors(inner, depth - 1) if inner is not None else frozenset((call.name or call.method,))
        definition = self._values.callee(call.node)
        if definition is not None and isinstance(definition.node, cst.FunctionDef):
            tree = definition.facts[Tree]
            returns = [each.value for each in tree.below(definition.node.body, cst.Return) if each.value is not None]
            return _all_or_none([definition.facts[Trials].constructors(each, depth - 1) for each in returns])
        if call.receiver is not None and call.name is None:
            return frozenset()
        return frozenset((call.name or call.method,))

    def _last_step(self, call: Call, depth: int) -> frozenset[str]:
        plain = call.positional
        if call.method == "make_pipeline":
            return self.constructors(plain[-1], depth - 1) if plain else frozenset()
        steps = plain[0] if plain else call.keyword("steps")
        if isinstance(steps, cst.Name):
            bindings = self._names.reaching(steps)
            steps = bindings[0].value if len(bindings) == 1 else None
        if not isinstance(steps, cst.List) or not steps.elements:
            return frozenset()
        last = steps.elements[-1].value
        if isinstance(last, cst.Tuple) and len(last.elements) == 2:
            last = last.elements[1].value
        return self.constructors(last, depth - 1)


def _all_or_none(found: list[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*found) if found and all(found) else frozenset()


_TRAINS = frozenset(
    "fit fit_generator fit_one_cycle fine_tune train train_model fit_predict grid_search search".split()
)
_ESTIMATOR_ROOTS = frozenset(
    """sklearn xgboost lightgbm catboost cuml dask_ml imblearn surprise mlxtend skorch scikeras tpot autosklearn ngboost
    pyod hdbscan implicit gensim sklearn_crfsuite fasttext hmmlearn keras tensorflow rgf""".split()
)
_WRAPPERS = frozenset(
    """OneVsRestClassifier OneVsOneClassifier MultiOutputClassifier MultiOutputRegressor CalibratedClassifierCV
    RegressorChain ClassifierChain TransformedTargetRegressor ParallelPostFit Incremental""".split()
)
_PREPARES = re.compile(
    r"(?i)scaler|enc(?:oder)?$|^le\d*$|^lb|ohe|imput|vect|tfidf|token|transform|pca|svd|umap|tsne|binariz|normali[sz]|"
    r"preproc|select|datagen|generator|pipeline_?prep|^ss$|^sc(?:_?[xy])?$|^mms?$"
)
_COMMANDS = re.compile(r"^(?:os\.(?:system|popen)|subprocess\.(?:run|call|check_call|check_output|Popen|getoutput))$")
