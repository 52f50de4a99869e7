"""Loops that train once for each combination of hyper-parameters."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.grids import Grids
from greenlint.facts.loops import LoopRole, Loops
from greenlint.facts.names import BindingKind, Names
from greenlint.facts.tree import Tree
from greenlint.facts.trials import Training, TrainingKind, Trials
from greenlint.facts.values import Values
from greenlint.knowledge import searching

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Sweep", "SweepAxis", "Sweeps"]


@dataclass(frozen=True, slots=True)
class SweepAxis:
    """One hyper-parameter that a loop sweeps."""

    name: str
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Loops over the combinations of several hyper-parameters, with the trainings in their body."""

    loop: cst.For
    """The outermost of them."""
    inner: cst.For
    axes: tuple[SweepAxis, ...]
    candidates: int
    trainings: tuple[Training, ...]
    sampled: bool = False
    """Whether the combinations are drawn from the grid rather than all tried."""


class Sweeps:
    """Sweeps of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._values = facts[Values]
        self._names = facts[Names]
        self._grids = facts[Grids]
        self._axes: dict[cst.For, tuple[SweepAxis, ...]] = {}

    def at_least(self, candidates: int) -> list[Sweep]:
        """The sweeps of two or more hyper-parameters with so many combinations that train, in source order."""
        best: dict[cst.For, Sweep] = {}
        for inner in self._tree.of_type(cst.For):
            if not self._may_sweep(inner):
                continue
            for sweep in self._ending_at(inner, candidates):
                known = best.get(sweep.loop)
                if known is None or known.candidates < sweep.candidates:
                    best[sweep.loop] = sweep
        return [best[loop] for loop in sorted(best, key=self._tree.first) if not self._is_inner(loop, best)]

    def _may_sweep(self, inner: cst.For) -> bool:
        """Whether a loop could be the innermost of a sweep, by shape and names alone: everything else costs more."""
        if not any(_sets_setting(each) for each in _target_names(inner.target) or ("",)):
            return False
        _, iterable = _bare(inner.target, inner.iter)
        if not isinstance(iterable, _PLAIN_ITERABLES) or self._calls.methods(*_COMBINES, within=inner.iter):
            return True
        if isinstance(iterable, (cst.Name, cst.Attribute)) and self._combines:
            return True
        around = (each for each in self._tree.loops_around(inner) if isinstance(each, cst.For))
        return any(_sets_setting(name) for each in around for name in _target_names(each.target))

    @functools.cached_property
    def _combines(self) -> bool:
        """Whether the file makes a list of combinations somewhere."""
        return _COMBINED.search(self._facts[Frameworks].code) is not None

    def _is_inner(self, loop: cst.For, sweeps: dict[cst.For, Sweep]) -> bool:
        return any(other is not loop and self._tree.contains(other, loop) for other in sweeps)

    def _ending_at(self, inner: cst.For, least: int) -> Iterator[Sweep]:
        drawn = self._sampled(inner)
        if drawn is not None:
            axes, count = drawn
            chain: list[cst.For] = [inner]
        else:
            chain = self._chain(inner)
            if not chain or chain[-1] is not inner:
                return
            axes = tuple(axis for loop in chain for axis in self.axes(loop))
            count = math.prod(axis.length for axis in axes)
        if len(axes) < 2 or count < least or any(self._counts_batches(loop) for loop in chain):
            return
        trainings = tuple(self._facts[Trials].trainings(inner.body))
        if trainings:
            yield Sweep(chain[0], inner, axes, count, trainings, drawn is not None)

    def _counts_batches(self, loop: cst.For) -> bool:
        return self._facts[Loops].of(loop).role in (LoopRole.TRAINING, LoopRole.MICROBATCH, LoopRole.EVALUATION)

    def _chain(self, inner: cst.For) -> list[cst.For]:
        """The loops around ``inner``, and itself, that sweep a hyper-parameter, outermost first."""
        around = [each for each in self._tree.loops_around(inner) if isinstance(each, cst.For)]
        return [each for each in (*reversed(around), inner) if self.axes(each)]

    # -- axes -------------------------------------------------------------------------------------------------

    def axes(self, loop: cst.For) -> tuple[SweepAxis, ...]:
        """The hyper-parameters that one loop sweeps; empty when it counts anything else, or nothing is known of it."""
        known = self._axes.get(loop)
        if known is None:
            known = self._axes[loop] = tuple(self._find_axes(loop))
        return known

    def _find_axes(self, loop: cst.For) -> Iterator[SweepAxis]:
        target, iterable = _bare(loop.target, loop.iter)
        for name, node in self._parts(target, iterable, 4):
            if not self._is_hyper(name, node, loop):
                continue
            length = self._grids.length(node) if isinstance(node, cst.CSTNode) else node
            if length is not None and length > 1:
                yield SweepAxis(name, length)

    def _parts(
        self, target: cst.BaseExpression, iterable: cst.BaseExpression, depth: int
    ) -> list[tuple[str, cst.BaseExpression | int]]:
        """The names that a loop sets independently of each other, with the values or the number of values of each."""
        if isinstance(iterable, cst.Call):
            found = self._of_call(target, self._calls.of(iterable), depth)
            if found is not None:
                return found
        if isinstance(iterable, (cst.ListComp, cst.GeneratorExp)):
            return self._of_comprehension(target, iterable)
        if isinstance(iterable, (cst.Name, cst.Attribute)) and depth:
            made = self._grids.sources(iterable) or []
            facts, source = made[0] if len(made) == 1 else (None, iterable)
            if facts is self._facts and source is not iterable and isinstance(source, _SPREADABLE):
                return self._parts(*_bare(target, source), depth - 1)
        return [(target.value, iterable)] if isinstance(target, cst.Name) else []

    def _of_call(
        self, target: cst.BaseExpression, call: Call, depth: int
    ) -> list[tuple[str, cst.BaseExpression | int]] | None:
        if call.method == "ParameterGrid" and call.positional:
            grids = self._grids.grids(call.positional[0])
            return _axes_of_grid(grids[0].parts) if len(grids) == 1 and grids[0].size is not None else []
        if call.name == "itertools.product":
            return self._of_product(target, call)
        return None

    def _of_product(self, target: cst.BaseExpression, call: Call) -> list[tuple[str, cst.BaseExpression | int]]:
        names = _target_names(target)
        starred = [arg.value for arg in call.node.args if arg.star == "*"]
        if starred:
            return self._of_starred(starred[0], names)
        repeat = call.keyword("repeat")
        times = self._values.constant(repeat) if repeat is not None else 1
        plain = call.positional * (times if isinstance(times, int) and 0 < times <= 8 else 0)
        if len(names) == len(plain):
            return list(zip(names, plain, strict=True))
        return (
            [(f"{names[0]}_{index}" if names else "", each) for index, each in enumerate(plain)]
            if len(names) < 2
            else []
        )

    def _of_starred(self, node: cst.BaseExpression, names: list[str]) -> list[tuple[str, cst.BaseExpression | int]]:
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "values":
            node = node.func.value
        elif isinstance(node, (cst.ListComp, cst.GeneratorExp)):
            inside = list(self._tree.below(node.for_in.iter, cst.Name))
            node = inside[0] if inside else node
        grids = self._grids.grids(node)
        if len(grids) == 1 and grids[0].size is not None:
            return _axes_of_grid(grids[0].parts)
        found = self._grids.sources(node)
        lists = found[0][1] if found is not None and len(found) == 1 else None
        if isinstance(lists, (cst.List, cst.Tuple)) and found is not None and found[0][0] is self._facts:
            values = [each.value for each in lists.elements]
            labels = names if len(names) == len(values) else [f"param_{index}" for index in range(len(values))]
            return list(zip(labels, values, strict=True))
        return []

    def _of_comprehension(
        self, target: cst.BaseExpression, node: cst.ListComp | cst.GeneratorExp
    ) -> list[tuple[str, cst.BaseExpression | int]]:
        found: list[tuple[str, cst.BaseExpression | int]] = []
        inner: cst.CompFor | None = node.for_in
        while inner is not None:
            if inner.ifs or not isinstance(inner.target, cst.Name):
                return []
            found.append((inner.target.value, inner.iter))
            inner = inner.inner_for_in
        return found if len(found) > 1 else []

    # -- what is a hyper-parameter ----------------------------------------------------------------------------

    def _is_hyper(self, name: str, node: cst.BaseExpression | int, loop: cst.For) -> bool:
        """Whether a loop sets something that a model is trained with, rather than which data, seed or model it is."""
        if searching.BENCH_NAMES.match(name):
            return False
        if isinstance(node, int):
            return True
        if self._is_index(name, loop):
            return self._indexes_settings(name, loop)
        keywords = self._keywords(name, loop)
        if any(searching.BENCH_NAMES.match(each) and not searching.HYPER_NAMES.search(each) for each in keywords):
            return False
        if keywords or searching.HYPER_NAMES.search(name):
            return True
        return self._is_passed(name, loop) and _is_written_out(node)

    def _uses(self, name: str, loop: cst.For) -> Iterator[cst.Name]:
        for each in self._tree.below(loop.body, cst.Name):
            if each.value == name and any(binding.kind is BindingKind.LOOP for binding in self._names.reaching(each)):
                yield each

    def _is_index(self, name: str, loop: cst.For) -> bool:
        """Whether a loop variable only picks from something: ``x[i]``."""
        uses = [self._place(each) for each in self._uses(name, loop)]
        picks = [each for each in uses if self._indexed(each) is not None]
        return bool(picks) and all(each in picks or self._is_shown(each) for each in uses)

    def _place(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What a name stands in, arithmetic left aside."""
        parent = self._tree.parent(node)
        while isinstance(parent, cst.BinaryOperation):
            parent = self._tree.parent(parent)
        return parent

    def _is_shown(self, parent: cst.CSTNode | None) -> bool:
        if isinstance(parent, cst.FormattedStringExpression):
            return True
        call = self._tree.parent(parent) if isinstance(parent, cst.Arg) else None
        return isinstance(call, cst.Call) and self._calls.of(call).method in _SHOWS

    def _indexed(self, parent: cst.CSTNode | None) -> cst.Subscript | None:
        if not isinstance(parent, cst.Index):
            return None
        element = self._tree.parent(parent)
        above = self._tree.parent(element) if element is not None else None
        return above if isinstance(above, cst.Subscript) and element in above.slice else None

    def _indexes_settings(self, name: str, loop: cst.For) -> bool:
        for each in self._uses(name, loop):
            subscript = self._indexed(self._place(each))
            if subscript is None or not isinstance(subscript.value, cst.Name):
                continue
            settings = subscript.value.value
            if searching.HYPER_NAMES.search(settings) and not searching.BENCH_NAMES.match(settings):
                return True
        return False

    def _keywords(self, name: str, loop: cst.For) -> set[str]:
        """The parameters and keys that a loop variable is given to."""
        found: set[str] = set()
        for each in self._uses(name, loop):
            parent = self._tree.parent(each)
            if isinstance(parent, cst.Arg) and parent.keyword is not None:
                found.add(parent.keyword.value)
            elif isinstance(parent, cst.DictElement) and parent.value is each:
                key = self._values.constant(parent.key)
                found.update((key,) if isinstance(key, str) else ())
            elif isinstance(parent, cst.Assign):
                found.update(self._stored(parent))
        return found

    def _stored(self, node: cst.Assign) -> Iterator[str]:
        target = node.targets[0].target
        if isinstance(target, cst.Subscript):
            key = self._values.index(target)
            if isinstance(key, str):
                yield key
        elif isinstance(target, cst.Attribute):
            yield target.attr.value

    def _is_passed(self, name: str, loop: cst.For) -> bool:
        """Whether a loop variable is an argument of something that makes or trains a model."""
        for each in self._uses(name, loop):
            parent = self._tree.parent(each)
            call = self._tree.parent(parent) if isinstance(parent, cst.Arg) else None
            if isinstance(call, cst.Call) and self._calls.of(call).method not in _SHOWS:
                return True
        return False

    # -- sampling ---------------------------------------------------------------------------------------------

    def _sampled(self, loop: cst.For) -> tuple[tuple[SweepAxis, ...], int] | None:
        """The axes of a grid that a loop draws from, and how many combinations it draws."""
        _, node = _bare(loop.target, loop.iter)
        if isinstance(node, cst.Name):
            bindings = self._names.reaching(node)
            value = bindings[0].value if len(bindings) == 1 and not bindings[0].path else None
            node = value if value is not None and bindings[0].kind is BindingKind.ASSIGN else node
        if not isinstance(node, cst.Call):
            return None
        call = self._calls.of(node)
        drawn = self._drawn(call)
        if drawn is None:
            return None
        source, count = drawn
        grid = self._calls.of(source) if isinstance(source, cst.Call) else None
        inner = (
            grid.positional[0] if grid is not None and grid.method == "ParameterGrid" and grid.positional else source
        )
        grids = self._grids.grids(inner)
        if len(grids) != 1 or not isinstance(count, int):
            return None
        axes = tuple(SweepAxis(axis.name, axis.least) for axis in grids[0].axes)
        return (axes, count) if len(axes) > 1 else None

    def _drawn(self, call: Call) -> tuple[cst.BaseExpression, object] | None:
        plain = call.positional
        if call.method == "ParameterSampler" and plain:
            count = call.argument("n_iter", 1)
            return plain[0], count.constant
        if call.name not in searching.SAMPLERS or not plain:
            return None
        source = plain[0]
        while isinstance(source, cst.Call) and self._calls.of(source).name in ("builtins.list", "builtins.tuple"):
            source = source.args[0].value if source.args else source
            if not isinstance(source, cst.Call):
                break
        count_node = plain[1] if len(plain) > 1 else call.keyword("k") or call.keyword("size")
        return source, self._values.constant(count_node) if count_node is not None else UNKNOWN

    # -- leaving early ----------------------------------------------------------------------------------------

    def is_comparison(self, sweep: Sweep) -> bool:
        """Whether the file or function says that the aim is the whole table: an ablation, a benchmark, a figure."""
        function = self._tree.function(sweep.loop)
        names = (self._facts.document.path.rpartition("/")[2], function.name.value if function is not None else "")
        return any(searching.COMPARISON.search(each) for each in names)

    def stops_early(self, sweep: Sweep) -> bool:
        """Whether a combination is given up, or the search ended, on what has been measured."""
        for each in self._tree.below(sweep.loop.body, cst.Break):
            test = self._tree.enclosing(each, cst.If)
            if test is not None and self._tree.contains(sweep.loop, test) and self._reads_metric(test.test):
                return True
        source = self._facts.document.source(sweep.loop.body)
        return _PRUNES.search(source) is not None

    def _reads_metric(self, test: cst.BaseExpression) -> bool:
        return _METRIC.search(self._facts.document.source(test)) is not None

    def skips_done(self, sweep: Sweep) -> bool:
        """Whether combinations whose results are kept on disk are passed over."""
        for each in (*self._tree.below(sweep.loop.body, cst.If),):
            text = self._facts.document.source(each.test)
            if _KEPT.search(text):
                return True
            if _leaves_turn(each.body) and self._is_kept(each.test):
                return True
        return False

    def _is_kept(self, test: cst.BaseExpression) -> bool:
        """``key in results``, unless ``results`` starts empty: then no combination has been seen before."""
        while isinstance(test, cst.UnaryOperation):
            test = test.expression
        if not isinstance(test, cst.Comparison) or not isinstance(test.comparisons[0].operator, (cst.In, cst.NotIn)):
            return False
        holder = test.comparisons[0].comparator
        if isinstance(holder, (cst.List, cst.Tuple, cst.Set)):
            return False
        if isinstance(holder, cst.Call) and isinstance(holder.func, cst.Attribute) and not holder.args:
            holder = holder.func.value
        return not self._starts_empty(holder)

    def _starts_empty(self, node: cst.BaseExpression) -> bool:
        if not isinstance(node, cst.Name):
            return False
        made = [each.value for each in self._names.reaching(node) if each.kind is BindingKind.ASSIGN]
        return bool(made) and all(self._is_empty(each) for each in made if each is not None)

    def _is_empty(self, node: cst.BaseExpression) -> bool:
        if isinstance(node, (cst.List, cst.Dict, cst.Set, cst.Tuple)):
            return not node.elements
        return (
            isinstance(node, cst.Call)
            and self._calls.of(node).name in searching.EMPTY_MAKERS
            and (not node.args or self._calls.of(node).method == "defaultdict")
        )

    # -- counting ---------------------------------------------------------------------------------------------

    def folds(self, sweep: Sweep) -> int:
        """How many fits each combination certainly takes: folds of a cross-validation, or of a loop around the fit."""
        from greenlint.facts.searches import Searches

        found = 1
        for training in sweep.trainings:
            count = 1
            if training.kind is TrainingKind.CROSS_VALIDATION:
                count = training.call.facts[Searches].folds(training.call) or 1
            found = max(found, count * self._fold_loops(training.place, sweep))
        return found

    def _fold_loops(self, place: cst.CSTNode, sweep: Sweep) -> int:
        from greenlint.facts.searches import Searches

        total = 1
        for loop in self._tree.loops_around(place):
            if loop is sweep.inner:
                return total
            if isinstance(loop, cst.For):
                _, node = _bare(loop.target, loop.iter)
                if isinstance(node, cst.Call) and self._calls.of(node).method == "split":
                    total *= self._facts[Searches].splits(node) or 1
        return total

    def fits(self, sweep: Sweep) -> int:
        """How many fits that makes at least."""
        return sweep.candidates * self.folds(sweep)

    def picks_best(self, sweep: Sweep) -> bool:
        """Whether something is chosen by its score: what a search is for."""
        return _BEST.search(self._facts.document.text) is not None


def _axes_of_grid(parts: object) -> list[tuple[str, cst.BaseExpression | int]]:
    assert isinstance(parts, tuple)
    if len(parts) != 1:
        total = sum(math.prod(axis.least for axis in part) for part in parts)
        names = sorted({axis.name for part in parts for axis in part})
        return [(names[0], total), *((name, 1) for name in names[1:])] if len(names) > 1 else []
    return [(axis.name, axis.least) for axis in parts[0]]


def _bare(target: cst.BaseExpression, node: cst.BaseExpression) -> tuple[cst.BaseExpression, cst.BaseExpression]:
    """Target and iterable without ``enumerate``, ``tqdm``, ``list`` and the like."""
    while isinstance(node, cst.Call) and node.args:
        name = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        name = node.func.value if isinstance(node.func, cst.Name) else name
        if name == "enumerate" and isinstance(target, cst.Tuple) and len(target.elements) == 2:
            target = target.elements[1].value
        elif name not in _PASSES:
            break
        node = node.args[0].value
    return target, node


def _sets_setting(name: str) -> bool:
    return not searching.BENCH_NAMES.match(name)


def _target_names(target: cst.BaseExpression) -> list[str]:
    if isinstance(target, cst.Name):
        return [target.value]
    if isinstance(target, (cst.Tuple, cst.List)):
        return [each.value.value for each in target.elements if isinstance(each.value, cst.Name)]
    return []


def _is_written_out(node: cst.BaseExpression | int) -> bool:
    return isinstance(node, (cst.List, cst.Tuple, cst.Set, cst.Name, cst.Call, cst.Attribute))


def _leaves_turn(body: cst.BaseSuite) -> bool:
    last = body.body[-1] if body.body else None
    small = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else last
    return isinstance(small, (cst.Continue, cst.Return))


_PLAIN_ITERABLES = (cst.Name, cst.Attribute, cst.List, cst.Tuple, cst.Set, cst.Call, cst.Subscript)
_SPREADABLE = (cst.Call, cst.ListComp, cst.GeneratorExp)
_COMBINES = ("product", "ParameterGrid", "ParameterSampler", "sample", "choices")
_COMBINED = re.compile(r"\bproduct\(|ParameterGrid|ParameterSampler|\bfor \w+ in [^\n]+ for \w+ in ")
_PASSES = frozenset("tqdm tqdm_notebook notebook_tqdm iter list tuple sorted reversed track trange shuffle".split())
_SHOWS = frozenset("print format append info debug write log plot scatter str len range round text title".split())
_PRUNES = re.compile(r"TrialPruned|should_prune|successive_halving|\bhalving\b|\bprune[ds]?\b")
_METRIC = re.compile(
    r"(?i)loss|acc|auc|score|metric|patience|wait|counter|stop|best|improv|val|err|rmse|mse|f1|bad|worse|time|budget"
)
_KEPT = re.compile(
    r"(?:os\.path\.)?(?:exists|isfile|isdir|is_file)\(|\.exists\(\)|already|glob\(|listdir\(|is_done|finished|completed"
)
_BEST = re.compile(
    r"(?i)\bbest|\bmax\(|\bmin\(|argmax|argmin|idxmax|idxmin|sort_values|nlargest|nsmallest|sorted\(|\.sort\(|\.max\(|\.min\("
)
