"""Where models, tokenizers and vocabularies are read, and whether what is read is kept."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import loading as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Load", "LoadKind", "Loads"]

_DEPTH = 3
"""How many calls away from a call a load may be."""


class LoadKind(enum.Enum):
    """What is read."""

    MODEL = "model"
    TOKENIZER = "tokenizer"
    """Or a processor or vocabulary."""


@dataclass(frozen=True, slots=True)
class Load:
    """A call that reads a model or tokenizer from disk or a hub."""

    call: Call
    kind: LoadKind
    certain: bool = True
    """False where a condition in a function on the way there decides on it."""

    @property
    def written(self) -> str:
        """What is called, as the code spells it."""
        return self.call.facts.document.source(self.call.node.func)

    @property
    def source(self) -> str | None:
        """The name or path of what is read, where it is a constant."""
        name = "pretrained_model_name_or_path" if self.call.method == "from_pretrained" else "model"
        for argument in (self.call.argument(name, 1 if self.call.method == "pipeline" else 0),):
            value = argument.constant
            if isinstance(value, str):
                return value
        return None

    @property
    def billions(self) -> float | None:
        """How many billion parameters the name says the model has."""
        return billions_in(self.source or "")


def billions_in(name: str) -> float | None:
    """The parameters, in billions, that a model's name tells: ``7.0`` for ``Llama-2-7b-hf``."""
    found = _BILLIONS.findall(name)
    if found:
        return max(float(each) for each in found)
    found = _MILLIONS.findall(name)
    return max(float(each) for each in found) / 1000 if found else None


class Loads:
    """Loads of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        # By the id() of the nodes of this file's calls: to hash nodes runs code of libcst's own.
        self._memo: dict[int, Load | None] = {}
        self._through: dict[tuple[int, int], Load | None] = {}

    @property
    def all(self) -> Iterator[Load]:
        """Every load that this file itself writes, in source order."""
        for call in self._calls.all:
            load = self.of(call)
            if load is not None:
                yield load

    def of(self, call: Call) -> Load | None:
        """What a call reads by itself; ``None`` when it reads nothing of that kind or that is not known."""
        if id(call.node) not in self._memo:
            kind = self._kind(call)
            self._memo[id(call.node)] = Load(call, kind) if kind is not None else None
        return self._memo[id(call.node)]

    def behind(self, node: cst.BaseExpression) -> Load | None:
        """The load that made a value, also through ``.to(...)`` and ``.eval()``."""
        return self._behind(node, 6)

    def _behind(self, node: cst.BaseExpression, depth: int) -> Load | None:
        made = self._facts[Values].of(node).call if depth else None
        if made is None:
            return None
        load = made.facts[Loads].of(made)
        if load is not None:
            return load
        if made.receiver is not None and made.node is not node:
            load = made.facts[Loads]._behind(made.receiver, depth - 1)
        return load or made.facts[Loads]._from_cache(made)

    def _from_cache(self, call: Call) -> Load | None:
        """What a function with a cache reads, where that is one thing."""
        definition = self._facts[Project].definition(call.node.func)
        if definition is None or not isinstance(definition.node, cst.FunctionDef):
            return None
        names = (definition.facts.document.source(each.decorator) for each in definition.node.decorators)
        if not any("cache" in each or "singleton" in each for each in names):
            return None
        loads = definition.facts[Loads]
        found = [loads.of(each) for each in definition.facts[Calls].within(definition.node.body)]
        models = [each for each in found if each is not None and each.kind is LoadKind.MODEL]
        return models[0] if len(models) == 1 else None

    def through(self, call: Call, depth: int = _DEPTH) -> Load | None:
        """What a call reads each time it runs, itself or through functions and classes of the project.

        ``None`` where a cache, a check or an unseen decorator may keep it from being read again.
        """
        key = (id(call.node), depth)
        if key not in self._through:
            self._through[key] = None
            self._through[key] = self.of(call) or self._inside(call, depth)
        return self._through[key]

    def _inside(self, call: Call, depth: int) -> Load | None:
        if not depth:
            return None
        callees = self._facts[Values].callees(call.node)
        if len(callees) != 1:
            return None
        body = _body(callees[0])
        if body is None or body.facts[Loads].is_cached(body.node):
            return None
        loads = body.facts[Loads]
        tokenizer = None
        for inner in body.facts[Calls].within(body.node.body):
            found = loads.through(inner, depth - 1)
            if found is None or body.facts[Tree].function(inner.node) is not body.node or loads.is_kept(inner.node):
                continue
            if body.facts[Tree].enclosing(inner.node, cst.If, cst.FunctionDef) is not body.node:
                found = replace(found, certain=False)
            if found.kind is LoadKind.MODEL:
                return found
            tokenizer = tokenizer or found
        return tokenizer

    def chosen_by(self, load: Load) -> frozenset[str]:
        """The parameters of the function around a load that say what is read."""
        facts = load.call.facts
        function = facts[Tree].function(load.call.node)
        return frozenset(facts[Loads]._parameters(load.call.node, function, 5)) if function is not None else frozenset()

    def _parameters(self, node: cst.CSTNode, function: cst.FunctionDef, depth: int) -> Iterator[str]:
        for name in self._tree.below(node, cst.Name):
            for binding in self._names.reaching(name):
                if binding.scope.node is not function:
                    continue
                if binding.kind is BindingKind.PARAMETER:
                    yield name.value
                elif binding.value is not None and depth and not self._tree.contains(binding.value, name):
                    yield from self._parameters(binding.value, function, depth - 1)

    # -- caches -----------------------------------------------------------------------------------------------

    def is_cached(self, function: cst.CSTNode) -> bool:
        """Whether a decorator of a function keeps what it returns, or may do so."""
        if not isinstance(function, cst.FunctionDef):
            return False
        return any(not self._is_harmless(each.decorator) for each in function.decorators)

    def _is_harmless(self, decorator: cst.BaseExpression) -> bool:
        node = decorator.func if isinstance(decorator, cst.Call) else decorator
        written = dotted(node) or ""
        return written.rsplit(".", 1)[-1] in _HARMLESS

    def is_kept(self, node: cst.CSTNode) -> bool:
        """Whether what ``node`` reads outlives its function, so that a later call finds it, or a check asks for it."""
        function = self._tree.function(node)
        below = node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.ExceptHandler):
                return True
            if isinstance(above, cst.If) and below is not above.test and self._asks_for_kept(above, below):
                return True
            if isinstance(above, (cst.Assign, cst.AnnAssign)) and self._is_stored(above, function):
                return True
            if isinstance(above, cst.Lambda):
                return True
            if above is function:
                break
            below = above
        return function is not None and self._leaves_early(function, node)

    def _asks_for_kept(self, branch: cst.If, arm: cst.CSTNode) -> bool:
        """``if model is None``, ``if key not in cache``, ``if not hasattr(...)``."""
        text = self._facts.document.source(branch.test)
        if _KEPT.search(text):
            return True
        tested = {each.value for each in self._tree.below(branch.test, cst.Name)}
        targets = (each.target for each in self._tree.below(arm, cst.AssignTarget))
        return any(name in tested for each in targets for name in (dotted(each) or "").split(".")[-1:])

    def _is_stored(self, assign: cst.Assign | cst.AnnAssign, function: cst.FunctionDef | None) -> bool:
        """Whether an assignment keeps its value beyond the function: in a global, an attribute or a container."""
        targets = [each.target for each in assign.targets] if isinstance(assign, cst.Assign) else [assign.target]
        made_anew = function is not None and function.name.value in ("__init__", "__post_init__", "build", "setup")
        for target in targets:
            if isinstance(target, cst.Subscript):
                return True
            if isinstance(target, cst.Attribute):
                own = isinstance(target.value, cst.Name) and target.value.value == "self"
                return not (own and made_anew)
            if isinstance(target, cst.Name) and function is not None:
                scope = self._names.of(function)
                if scope is not None and target.value in scope.elsewhere:
                    return True
        return False

    def _leaves_early(self, function: cst.FunctionDef, node: cst.CSTNode) -> bool:
        """``if path in cache: return cache[path]`` before the load."""
        for branch in self._tree.below(function.body, cst.If):
            if self._tree.first(branch) > self._tree.first(node) or self._tree.contains(branch, node):
                continue
            returns = any(True for _ in self._tree.below(branch.body, cst.Return))
            if returns and _KEPT.search(self._facts.document.source(branch.test)):
                return True
        return False

    # -- kinds ------------------------------------------------------------------------------------------------

    def _kind(self, call: Call) -> LoadKind | None:
        name = call.name or ""
        if name in known.MODEL_LOADERS or call.method in known.LOADING_METHODS:
            return LoadKind.MODEL
        if name in known.FILE_LOADERS:
            return LoadKind.MODEL if self._reads_model(call) else None
        if call.method in ("from_pretrained", "from_single_file"):
            return self._pretrained(call)
        if name.startswith(known.PRETRAINED_ZOOS):
            return LoadKind.MODEL if _has_weights(call) else None
        if name.startswith("langchain") and call.method in _EMBEDDINGS:
            return LoadKind.MODEL
        return None

    def _pretrained(self, call: Call) -> LoadKind | None:
        if call.name is None or call.name.startswith((".", "torch.")):
            return None
        owner = call.name.rsplit(".", 2)[-2] if call.name.count(".") > 1 else ""
        if known.CONFIGURES.search(owner) or not owner[:1].isupper():
            return None
        return LoadKind.TOKENIZER if known.PREPARES_TEXT.search(owner) else LoadKind.MODEL

    def _reads_model(self, call: Call) -> bool:
        """Whether what is read from a file is a model, by what it is called or how it is used."""
        statement = self._tree.statement(call.node)
        target = None
        if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
            target = dotted(statement.targets[0].target)
        if target is not None and known.CHECKPOINT.search(target.rsplit(".", 1)[-1]):
            return True
        path = call.positional[0] if call.positional else None
        value = self._facts[Values].constant(path) if path is not None else UNKNOWN
        if isinstance(value, str) and known.CHECKPOINT.search(value) and not known.DATA_FILE.search(value):
            return True
        above = self._tree.parent(self._tree.parent(call.node) or call.node)
        if isinstance(above, cst.Call) and self._calls.of(above).method == "load_state_dict":
            return True
        scope = self._tree.function(call.node) or self._facts.document.tree
        return target is not None and any(
            each.receiver is not None and dotted(each.receiver) == target
            for each in self._calls.methods("predict", "predict_proba", "eval", within=scope)
        )


def _body(definition: Definition) -> _Body | None:
    """The function that runs when a function or class of the project is called."""
    if isinstance(definition.node, cst.FunctionDef):
        return _Body(definition.facts, definition.node)
    made = definition.facts[Project].method(definition, "__init__")
    if made is None or not isinstance(made.node, cst.FunctionDef):
        return None
    return _Body(made.facts, made.node)


@dataclass(frozen=True, slots=True)
class _Body:
    facts: Facts
    node: cst.FunctionDef


def _has_weights(call: Call) -> bool:
    """Whether a constructor of a model zoo certainly reads weights."""
    if (call.name or "").startswith("keras.applications."):
        if call.name is None or not call.name.rsplit(".", 1)[-1][:1].isupper():
            return False
        weights = call.argument("weights")
        return weights.absent or isinstance(weights.constant, str)
    for name in ("weights", "pretrained"):
        argument = call.argument(name)
        if argument.written:
            return argument.constant is UNKNOWN or argument.constant not in (None, False)
    return False


_HARMLESS = frozenset("staticmethod classmethod no_grad inference_mode torch_no_grad wraps override".split())
_EMBEDDINGS = frozenset(("HuggingFaceEmbeddings", "HuggingFaceInstructEmbeddings", "HuggingFaceBgeEmbeddings"))
_KEPT = re.compile(
    r"\bis (?:not )?None\b|\bnot in\b|\bin\s+[\w.]+\s*$|hasattr|getattr|globals\(|locals\(|cache|loaded|session_state"
    r"|^not [\w.]*(?:model|pipe|net|tokenizer|instance)\w*$",
    re.IGNORECASE,
)
"""A test that asks whether something is there already."""
_BILLIONS = re.compile(r"(?<![\d.a-zA-Z])(\d{1,3}(?:\.\d+)?)[bB](?![a-zA-Z])")
_MILLIONS = re.compile(r"(?<![\d.a-zA-Z])(\d{1,4})[mM](?![a-zA-Z])")
