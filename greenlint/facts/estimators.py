"""Estimators of scikit-learn and boosting libraries: where they are made, what holds them, where they are fitted."""

from __future__ import annotations

import enum
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.grids import Grid, Grids
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.project import Project
from greenlint.facts.samples import Samples
from greenlint.facts.searches import Searches
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import estimators as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Estimator", "Estimators", "Fit", "Fitting", "Rows"]

_DEPTH = 10
_MOST = 60
"""Estimators looked at below one expression."""


class Rows(enum.Enum):
    """How many rows an estimator is fitted on, as far as the code shows it."""

    FEW = "few"
    """A toy data set, a well-known small table, or a part cut off."""
    MANY = "many"
    """Ten thousand or more, by the code or by the outputs of the notebook."""
    LIKELY = "likely many"
    """Read from files where care is taken of memory."""
    READ = "read"
    """As many as there are in files that are read."""
    UNKNOWN = "not known"

    @property
    def is_read(self) -> bool:
        """Whether there may be many: more than a toy data set certainly."""
        return self in (Rows.MANY, Rows.LIKELY, Rows.READ)

    @property
    def is_many(self) -> bool:
        """Whether there are many, certainly or most likely."""
        return self in (Rows.MANY, Rows.LIKELY)

    @classmethod
    def of(cls, facts: Facts, data: cst.BaseExpression | None) -> Rows:
        """How many rows an expression has."""
        samples = facts[Samples]
        if data is None:
            return cls.UNKNOWN
        if samples.scale(data) is not None:
            return cls.FEW
        if samples.large(data):
            return cls.MANY
        if samples.likely_large(data):
            return cls.LIKELY
        return cls.READ if samples.read(data) else cls.UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A call that fits an estimator: its own ``fit``, that of what holds it, or a cross-validation."""

    call: Call
    data: cst.BaseExpression | None
    holders: tuple[Call, ...]
    """What holds the estimator, outermost first: searches, pipelines, ensembles."""

    @property
    def search(self) -> Call | None:
        """The search that repeats the fit with many settings."""
        return next((each for each in self.holders if each.method in known.SEARCHES), None)

    @property
    def rows(self) -> Rows:
        """How much data it is fitted on."""
        return Rows.of(self.call.facts, self.data)

    @property
    def from_text(self) -> bool:
        """Whether its features are counts of words: very many, and sparse."""
        made = list(self.call.facts[Samples].through(self.data)) if self.data is not None else []
        if any(each.facts[Estimators].class_of(each) in known.VECTORIZERS for each in made):
            return True
        return any(
            each.name in known.VECTORIZERS
            for holder in self.holders
            for each in holder.facts[Estimators].inside(holder.node)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """A call that makes an estimator."""

    call: Call
    name: str
    """Its class, without the module."""
    holders: tuple[Call, ...] = ()
    """What holds it where it was found, outermost first."""
    fits: tuple[Fit, ...] = field(default=())
    """Where it is fitted in this file."""

    @property
    def rows(self) -> Rows:
        """How much data it is fitted on at least once; few when nothing else is known and a small table is at hand."""
        found = {each.rows for each in self.fits}
        for answer in (Rows.FEW, Rows.MANY, Rows.LIKELY, Rows.READ):
            if answer in found:
                return answer
        facts = self.call.facts
        if facts[Samples].small_table or facts[Frameworks].toy_data is not None:
            return Rows.FEW
        return Rows.UNKNOWN

    @property
    def searches(self) -> list[Call]:
        """The searches that fit it."""
        found = {each.search.node: each.search for each in self.fits if each.search is not None}
        return list(found.values())


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """A call that fits something."""

    call: Call
    estimators: tuple[Estimator, ...]
    """What it may fit, with everything that holds; none when that is not known."""
    data: cst.BaseExpression | None


class Estimators:
    """Estimators of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]
        self._grids = facts[Grids]
        self._tree = facts[Tree]

    # -- what they are ----------------------------------------------------------------------------------------

    def class_of(self, call: Call) -> str | None:
        """The class of the estimator that a call makes; ``None`` when it makes none that is known."""
        if call.name is not None:
            root, _, rest = call.name.partition(".")
            last = rest.rpartition(".")[2]
            is_class = last[:1].isupper() or last in known.LISTED_ALONE
            return last if root in known.ESTIMATOR_ROOTS and is_class else None
        func = call.node.func
        if not isinstance(func, cst.Name) or self._names.reaching(func) or not self._stars:
            return None
        is_class = func.value in _KNOWN_CLASSES and self._facts[Project].definition(func) is None
        return func.value if is_class else None

    @functools.cached_property
    def _stars(self) -> bool:
        return any(each.split(".")[0] in known.ESTIMATOR_ROOTS for each in self._names.star_imports)

    def named(self, *classes: str) -> list[Estimator]:
        """The estimators of these classes that this file makes, in source order."""
        return [self.of(call) for call in self._calls.methods(*classes) if self.class_of(call) in classes]

    def of(self, call: Call) -> Estimator:
        """The estimator that a call of this file makes."""
        fits = tuple(self._fits.get(call.node, ()))
        return Estimator(call, self.class_of(call) or call.method, fits[0].holders if fits else (), fits)

    # -- what holds what --------------------------------------------------------------------------------------

    def inside(self, node: cst.BaseExpression) -> list[Estimator]:
        """Every estimator that an expression may hold, itself first: steps of pipelines, members, what is searched."""
        found: dict[cst.CSTNode, Estimator] = {}
        for each in self._held(node, (), _DEPTH):
            found.setdefault(each.call.node, each)
            if len(found) >= _MOST:
                break
        return list(found.values())

    def members(self, call: Call) -> list[tuple[str | None, Estimator]]:
        """What a pipeline, ensemble or search directly holds, with the names of its steps, in order."""
        found: list[tuple[str | None, Estimator]] = []
        for name, facts, node in self._children(call):
            inner = next(iter(facts[Estimators]._held(node, (call,), _DEPTH)), None)
            if inner is not None:
                found.append((name if name is not None else inner.name.lower(), inner))
            else:
                found.append((name, Estimator(call, "", (call,))))
        return found

    @staticmethod
    def takes_sparse(fitting: Fitting) -> bool:
        """Whether everything that a call fits is known to take a sparse matrix, and to gain by it."""
        holding = {*known.SEARCHES, *known.LISTED_ALONE, "Pipeline", "OneVsRestClassifier", "CalibratedClassifierCV"}
        names = [each.name for each in fitting.estimators if each.name not in holding]
        return bool(names) and all(each in known.SPARSE_ESTIMATORS for each in names)

    @staticmethod
    def transformer_cost(step: Estimator) -> int:
        """2 for a transformer that takes long, 1 for one that does with many columns or rows, 0 for others."""
        if step.name in ("SelectKBest", "SelectPercentile", "GenericUnivariateSelect"):
            score = step.call.argument("score_func", 0)
            names = score.facts[Names].names_of(score.node) if score.node is not None else frozenset()
            return 2 if any("mutual_info" in each for each in names) else 0
        if step.name in known.QUICK_TRANSFORMERS:
            return 1
        return 2 if step.name in known.COSTLY_TRANSFORMERS else 0

    def _held(self, node: cst.BaseExpression, around: tuple[Call, ...], depth: int) -> Iterator[Estimator]:
        if depth <= 0:
            return
        if isinstance(node, cst.Call):
            yield from self._made(self._calls.of(node), around, depth)
        elif isinstance(node, cst.IfExp):
            yield from self._held(node.body, around, depth - 1)
            yield from self._held(node.orelse, around, depth - 1)
        elif isinstance(node, (cst.Name, cst.Attribute, cst.Subscript)):
            for facts, each in self._sources(node):
                if each is not node:
                    yield from facts[Estimators]._held(each, around, depth - 1)

    def _sources(self, node: cst.BaseExpression) -> Iterator[tuple[Facts, cst.BaseExpression]]:
        """What a name may stand for; one of several values that are not all seen is enough."""
        whole = self._grids.sources(node)
        if whole is not None:
            yield from whole
            return
        if isinstance(node, cst.Name):
            for binding in self._names.reaching(node):
                if binding.kind is BindingKind.ASSIGN and binding.value is not None and not binding.path:
                    yield self._facts, binding.value
        elif isinstance(node, cst.Attribute):
            for facts, binding in self._values.attribute_bindings(node):
                if binding.value is not None and not binding.path and binding.kind is BindingKind.ASSIGN:
                    yield facts, binding.value

    def _made(self, call: Call, around: tuple[Call, ...], depth: int) -> Iterator[Estimator]:
        name = self.class_of(call)
        if name is not None:
            yield Estimator(call, name, around)
            for _, facts, node in self._children(call):
                yield from facts[Estimators]._held(node, (*around, call), depth - 1)
        elif call.method in ("clone", "deepcopy", "copy") and call.positional:
            yield from self._held(call.positional[0], around, depth - 1)
        elif call.method in ("fit", "set_params") and call.receiver is not None:
            yield from self._held(call.receiver, around, depth - 1)
        else:
            for facts, node in self._values.returned(call.node):
                yield from facts[Estimators]._held(node, around, depth - 1)

    def _children(self, call: Call) -> Iterator[tuple[str | None, Facts, cst.BaseExpression]]:
        """The expressions of what an estimator holds, with the names that its steps have."""
        name = self.class_of(call)
        if name is None:
            return
        if name in known.LISTED_ALONE:
            for node in call.positional:
                pair = node.elements if isinstance(node, cst.Tuple) else ()
                yield None, self._facts, pair[0].value if pair else node
        elif name in known.LISTED:
            yield from self._listed(call, known.LISTED[name])
            last = call.keyword("final_estimator")
            if last is not None:
                yield "final_estimator", self._facts, last
        elif name in known.HOLDERS:
            first = call.positional[0] if call.positional else None
            held = next((each for key in known.HOLDERS[name] if (each := call.keyword(key)) is not None), first)
            if held is not None:
                yield None, self._facts, held

    def _listed(self, call: Call, parameter: str) -> Iterator[tuple[str | None, Facts, cst.BaseExpression]]:
        steps = call.argument(parameter, 0)
        sources = steps.facts[Grids].sources(steps.node) if steps.node is not None else None
        for facts, each in sources or ():
            if not isinstance(each, (cst.List, cst.Tuple)):
                continue
            for element in each.elements:
                pair = element.value
                if isinstance(pair, (cst.Tuple, cst.List)) and len(pair.elements) >= 2:
                    label = facts[Values].constant(pair.elements[0].value)
                    yield label if isinstance(label, str) else None, facts, pair.elements[1].value

    # -- where they are fitted --------------------------------------------------------------------------------

    @functools.cached_property
    def fittings(self) -> tuple[Fitting, ...]:
        """Every call that fits something, also where it is not known what."""
        return tuple(
            Fitting(call, tuple(itertools.islice(self._held(node, (), _DEPTH), _MOST)), data)
            for call, node, data in self._fitting()
        )

    @functools.cached_property
    def _fits(self) -> dict[cst.CSTNode, list[Fit]]:
        """The fits of each estimator made in this file, by the call that makes it."""
        found: dict[cst.CSTNode, list[Fit]] = {}
        for fitting in self.fittings:
            for each in fitting.estimators:
                if each.call.facts is self._facts:
                    fit = Fit(fitting.call, fitting.data, each.holders)
                    found.setdefault(each.call.node, []).append(fit)
        return found

    def _fitting(self) -> Iterator[tuple[Call, cst.BaseExpression, cst.BaseExpression | None]]:
        """Each call that fits, what it fits, and on which data."""
        for call in self._calls.methods(*known.FITTING):
            if call.receiver is not None and call.name is None:
                yield call, call.receiver, call.argument("X", 0).node
        for call in self.cross_validations:
            estimator = call.argument("estimator", 0).node
            if estimator is not None:
                yield call, estimator, call.argument("X", 1).node

    @functools.cached_property
    def cross_validations(self) -> tuple[Call, ...]:
        """The calls of functions that fit an estimator on each of several splits, in source order."""
        calls = self._calls.methods(*known.CROSS_VALIDATORS)
        return tuple(call for call in calls if (call.name or "sklearn.").startswith("sklearn."))

    def reads(self, estimator: Estimator, *names: str) -> bool:
        """Whether one of these attributes or methods is read from an estimator, or from something not known."""
        for node in self._tree.of_type(cst.Attribute):
            if node.attr.value not in names or self._names.resolve(node) is not None:
                continue
            found = list(itertools.islice(self._held(node.value, (), _DEPTH), _MOST))
            unknown = not found and node.attr.value not in _COMMON
            if unknown or any(each.call.node is estimator.call.node for each in found):
                return True
        return False

    # -- searches ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def searches(self) -> tuple[Call, ...]:
        """The calls that make an object which fits an estimator with many settings, in source order."""
        return tuple(call for call in self._calls.methods(*known.SEARCHES) if self.class_of(call) is not None)

    def pipelines(self, search: Call) -> list[Call]:
        """The pipelines that a search fits."""
        return [
            each.call
            for _, facts, node in self._children(search)
            for each in facts[Estimators]._held(node, (), _DEPTH)
            if each.name in ("Pipeline", "make_pipeline") and not each.holders
        ]

    def grids(self, search: Call) -> list[Grid]:
        """The grids or distributions that a search draws from; none when they cannot be seen."""
        for name in ("param_grid", "param_distributions", "search_spaces"):
            argument = search.argument(name, 1)
            if argument.node is not None:
                return argument.facts[Grids].grids(argument.node)
        return []

    def candidates(self, search: Call) -> int | None:
        """How many settings a search tries, at least where its grid is only partly seen."""
        drawn = search.argument("n_iter")
        if search.method in ("RandomizedSearchCV", "BayesSearchCV"):
            value = drawn.constant if drawn.node is not None else (10 if search.method[0] == "R" else 50)
            return value if isinstance(value, int) and drawn.known else None
        grids = self.grids(search)
        return max((each.least for each in grids), default=None)

    def fits_of_search(self, search: Call) -> int | None:
        """How many fits a search makes at least."""
        candidates = self.candidates(search)
        folds = self._facts[Searches].folds(search)
        return candidates * (folds if folds is not None else 2) if candidates is not None else None


_COMMON = frozenset(("apply", "transform", "score"))
"""Names that other things have too: read from something not known, they say nothing."""
_KNOWN_CLASSES = (
    known.SPARSE_ESTIMATORS
    | known.COSTLY_TRANSFORMERS
    | known.FORESTS
    | known.HOLDERS.keys()
    | known.LISTED.keys()
    | known.LISTED_ALONE
)
"""Classes that are known by name where they come from a star import."""
