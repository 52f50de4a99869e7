"""Hugging Face data sets and what is mapped over them; tokenizers and their calls."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.frames import Frames
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.studies import Objective, Studies
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Mapped", "MappedFunction"]

_DEPTH = 8
_MAKERS = re.compile(
    r"^datasets\.(?:load_dataset|load_from_disk|concatenate_datasets|interleave_datasets|DatasetDict"
    r"|(?:Iterable)?Dataset(?:Dict)?\.(?:from_\w+|load_from_disk))$|^datasets\.(?:Iterable)?Dataset$"
)
_CHAIN = frozenset(
    """map filter select shuffle train_test_split rename_column rename_columns remove_columns select_columns cast
    cast_column with_format sort flatten take skip shard add_column class_encode_column unique_rows to_iterable_dataset
    """.split()
)
_KEYWORDS = frozenset(
    """batched remove_columns num_proc load_from_cache_file fn_kwargs input_columns with_indices with_rank
    keep_in_memory new_fingerprint writer_batch_size drop_last_batch cache_file_name cache_file_names""".split()
)
"""Arguments that only the ``map`` of a Hugging Face data set has."""
_TOKENIZER = re.compile(r"(?i)(?:^|_)tokeni[sz]er(?:$|_|\d)|^tok$|tokeni[sz]er$")
_ENCODES = frozenset(("encode", "encode_plus", "batch_encode_plus", "__call__", "prepare_seq2seq_batch"))

_FEW = re.compile(r"\[:\s*\d{1,4}\]|\[:\s*[1-5]?%\]")
_FEW_ROWS = re.compile(r"(?:range|take)\(\s*\d{1,4}\s*\)|range\(\s*0\s*,\s*\d{1,4}\s*\)")


@dataclass(frozen=True, slots=True, eq=False)
class MappedFunction:
    """One ``dataset.map(function, ...)``."""

    call: Call
    function: Objective | None
    """The function that is applied, where it can be seen."""
    tokenizes: tuple[Call, ...]
    """The calls of tokenizers in it, helpers included."""

    @property
    def batched(self) -> bool | None:
        """Whether the function gets many rows at once."""
        argument = self.call.argument("batched", 4)
        if argument.absent:
            return False
        constant = argument.constant
        return constant if isinstance(constant, bool) else None


class Mapped:
    """Data sets of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]
        self._known: dict[cst.CSTNode, bool] = {}

    @functools.cached_property
    def all(self) -> tuple[MappedFunction, ...]:
        """The functions mapped over data sets, in source order."""
        return tuple(self._find())

    def _find(self) -> Iterator[MappedFunction]:
        for call in self._calls.methods("map"):
            if call.receiver is None or call.name is not None or not self._is_map(call):
                continue
            argument = call.argument("function", 0)
            function = argument.facts[Studies].objective(argument.node) if argument.node is not None else None
            calls = tuple(self.tokenizes_in(function.facts, function.node)) if function is not None else ()
            yield MappedFunction(call, function, calls)

    def _is_map(self, call: Call) -> bool:
        assert call.receiver is not None
        keywords = {arg.keyword.value for arg in call.node.args if arg.keyword is not None}
        if "num_parallel_calls" in keywords or self._values.of(call.receiver).kind is Kind.TF_DATASET:
            return False
        if self._facts[Frames].kind(call.receiver) is not None:
            return False
        return bool(keywords & _KEYWORDS) or self.is_dataset(call.receiver)

    # -- data sets --------------------------------------------------------------------------------------------

    def is_dataset(self, node: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether an expression is certainly a data set, or a dictionary of them."""
        if node not in self._known:
            self._known[node] = False
            self._known[node] = depth > 0 and self._find_dataset(node, depth)
        return self._known[node]

    def _find_dataset(self, node: cst.CSTNode, depth: int) -> bool:
        if isinstance(node, cst.Name):
            bindings = self._names.reaching(node)
            return any(self._bound(each.value, each.kind, each.path, depth) for each in bindings)
        if isinstance(node, cst.Subscript):
            return self.is_dataset(node.value, depth - 1)
        if isinstance(node, cst.Attribute):
            stored = self._values.attribute_bindings(node)
            return any(
                each.value is not None and facts[Mapped].is_dataset(each.value, depth - 1) for facts, each in stored
            )
        if not isinstance(node, cst.Call):
            return False
        call = self._calls.of(node)
        if call.name is not None and _MAKERS.match(call.name):
            return True
        if call.receiver is not None and call.method in _CHAIN:
            return self.is_dataset(call.receiver, depth - 1)
        return any(facts[Mapped].is_dataset(each, depth - 1) for facts, each in self._values.returned(node))

    def _bound(self, value: cst.BaseExpression | None, kind: BindingKind, path: tuple[int, ...], depth: int) -> bool:
        if value is None or kind is not BindingKind.ASSIGN:
            return False
        for step in path:
            if isinstance(value, (cst.Tuple, cst.List)) and 0 <= step < len(value.elements):
                value = value.elements[step].value
        return self.is_dataset(value, depth - 1)

    def is_small(self, node: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether few rows were taken: ``split="train[:500]"``, ``select(range(1000))``, ``take(100)``."""
        if isinstance(node, cst.Name) and depth:
            bindings = [each for each in self._names.reaching(node) if each.kind is BindingKind.ASSIGN]
            return any(each.value is not None and self.is_small(each.value, depth - 1) for each in bindings)
        if isinstance(node, cst.Subscript):
            return self.is_small(node.value, depth)
        if not isinstance(node, cst.Call):
            return False
        call = self._calls.of(node)
        source = self._facts.document.source(node)
        if call.name is not None:
            return _FEW.search(source) is not None
        if call.method in ("select", "take") and call.positional and _FEW_ROWS.search(source[-40:]):
            return True
        return call.receiver is not None and depth > 0 and self.is_small(call.receiver, depth - 1)

    # -- tokenizers -------------------------------------------------------------------------------------------

    def is_tokenizer(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is a tokenizer of transformers, by where it comes from or by its name."""
        kind = self._values.of(node).kind
        if kind is not None:
            return kind is Kind.TOKENIZER
        if not self._facts[Frameworks].uses("transformers"):
            return False
        name = dotted(node)
        return name is not None and _TOKENIZER.search(name.rpartition(".")[2]) is not None

    @functools.cached_property
    def tokenizer_calls(self) -> tuple[Call, ...]:
        """The calls in this file that turn text into token ids."""
        return tuple(each for each in self._calls.all if self.is_tokenizing(each))

    def is_tokenizing(self, call: Call) -> bool:
        """Whether a call turns text into token ids with a tokenizer of transformers."""
        if isinstance(call.node.func, cst.Attribute) and call.method in _ENCODES:
            return self.is_tokenizer(call.node.func.value)
        if call.name is not None or self._names.local_definitions(call.node.func):
            return False
        return self.is_tokenizer(call.node.func)

    def tokenizes_in(self, facts: Facts, node: cst.CSTNode, depth: int = 2) -> Iterator[Call]:
        """The calls of tokenizers in a function, and in functions of the project that it calls."""
        body = node.body if isinstance(node, (cst.FunctionDef, cst.Lambda)) else node
        for call in facts[Calls].within(body):
            if facts[Mapped].is_tokenizing(call):
                yield call
            elif depth:
                target = facts[Values].callee(call.node)
                if target is not None and isinstance(target.node, cst.FunctionDef) and target.node is not node:
                    yield from self.tokenizes_in(target.facts, target.node, depth - 1)
