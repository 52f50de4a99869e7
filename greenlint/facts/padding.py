"""Where texts are padded once they are tokenized: by a collator, or in the call that makes the batch."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Argument, Call, Calls
from greenlint.facts.mapped import Mapped
from greenlint.facts.names import Names
from greenlint.facts.project import Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Value, Values
from greenlint.knowledge.kinds import Kind

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Padding"]

_TRAINERS = ("transformers.Trainer", "transformers.Seq2SeqTrainer")
_COLLATORS = ("transformers.DataCollatorWithPadding", "transformers.DataCollatorForLanguageModeling")
_OTHER_CONSUMERS = re.compile(
    r"to_tf_dataset|save_to_disk|push_to_hub|to_pandas|padding_side|hidden_states|\.pad\(|\.stack\(|\.input_ids\b"
)
"""What may want texts of one length, or would see that they have no longer one."""
_OWN_LENGTH = re.compile(r"(?i)reformer|perceiver|canine|fnet|big_?bird|longformer|funnel")
"""Models whose results or shapes depend on padding."""
_COLUMN = re.compile(r"[\"'](?:input_ids|attention_mask|token_type_ids)[\"']")
_FORMATS = frozenset(("set_format", "with_format", "select_columns"))


class Padding:
    """The padding of the texts of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._calls = facts[Calls]
        self._names = facts[Names]
        self._values = facts[Values]

    # -- collators --------------------------------------------------------------------------------------------

    def is_left_to_collator(self, call: Call) -> bool:
        """Whether what a call of a tokenizer gives certainly is padded batch by batch, and goes nowhere else."""
        return self._collators_pad and self._is_all_of_mapped(call)

    @functools.cached_property
    def _collators_pad(self) -> bool:
        text = self._facts.document.text
        if _OTHER_CONSUMERS.search(text) or _OWN_LENGTH.search(text) or self._reads_columns():
            return False
        trainers = [each for each in self._calls.all if each.method.endswith("Trainer")]
        loaders = self._calls.methods("DataLoader")
        if not (trainers or loaders) or self._facts[Project].importers():
            return False
        return all(map(self._trainer_pads, trainers)) and (not loaders or self._loaders_pad(loaders))

    def _loaders_pad(self, loaders: list[Call]) -> bool:
        """Whether loaders pad their batches, and what gets batches are classifiers, whose output has no length."""
        fed = [arg for arg in self._tree.of_type(cst.Arg) if arg.star == "**" and self._tree.loops_around(arg)]
        return (
            bool(fed)
            and all(self._is_padding(each.argument("collate_fn")) for each in loaders)
            and all(self._is_fed(each.value) for each in fed)
        )

    def _reads_columns(self) -> bool:
        for each in self._tree.of_type(cst.SimpleString):
            if _COLUMN.fullmatch(each.value):
                call = self._tree.enclosing(each, cst.Call)
                if call is None or self._calls.of(call).method not in _FORMATS:
                    return True
        return False

    def _trainer_pads(self, trainer: Call) -> bool:
        """Whether a trainer of a plain model of transformers pads every batch to its longest text."""
        model = trainer.argument("model").value
        if trainer.name not in _TRAINERS or trainer.is_open or model is None or not _is_plain_model(model):
            return False
        written = trainer.argument("data_collator")
        if written.node is None:
            given = trainer.keyword("processing_class") or trainer.keyword("tokenizer")
            return given is not None and self._facts[Mapped].is_tokenizer(given)
        return self._is_padding(written)

    def _is_padding(self, written: Argument) -> bool:
        """Whether a collator pads a batch to its longest text."""
        collator = written.value.call if written.value is not None else None
        if collator is None or collator.name not in _COLLATORS or collator.is_open:
            return False
        padding = collator.argument("padding", 1 if collator.name == _COLLATORS[0] else None)
        return padding.absent or padding.constant in (True, "longest")

    def _is_all_of_mapped(self, call: Call) -> bool:
        """Whether a function that is only mapped over data sets returns what a tokenizer gives as it is."""
        parent = self._tree.parent(call.node)
        mapped = [each for each in self._facts[Mapped].all if any(inner.node is call.node for inner in each.tokenizes)]
        if not mapped or any(each.function is None or each.function.facts is not self._facts for each in mapped):
            return False
        if isinstance(parent, cst.Lambda):
            return all(each.function is not None and each.function.node is parent for each in mapped)
        function = self._tree.function(call.node)
        if not isinstance(parent, cst.Return) or function is None:
            return False
        uses = [
            each
            for each in self._tree.named(function.name.value)
            if each is not function.name and function in self._names.local_definitions(each)
        ]
        return len(uses) == len(mapped) and all(
            each.call.argument("function", 0).node in uses
            and each.function is not None
            and each.function.node is function
            for each in mapped
        )

    # -- batches ----------------------------------------------------------------------------------------------

    def is_of_one_pass(self, call: Call) -> bool:
        """Whether what a tokenizer gives goes into a classifier in the same pass of a loop, and nowhere else."""
        text, loops = self._facts.document.text, self._tree.loops_around(call.node)
        if not loops or _OWN_LENGTH.search(text) or "hidden_states" in text or "padding_side" in text:
            return False
        made = self._moved(call.node)
        parent = self._tree.parent(made)
        if isinstance(parent, cst.Arg):
            return self._is_fed(made)
        target = parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
        if not isinstance(target, cst.Name):
            return False
        named = self._tree.named(target.value)
        uses = [each for each in named if not isinstance(self._tree.parent(each), cst.AssignTarget)]
        return (
            bool(uses) and all(self._tree.contains(loops[0], each) for each in named) and all(map(self._goes_on, uses))
        )

    def _goes_on(self, name: cst.Name) -> bool:
        """Whether a batch is moved, and keeps its name, or goes into a classifier."""
        moved = self._moved(name)
        parent = self._tree.parent(moved)
        if moved is not name and isinstance(parent, cst.Assign):
            target = parent.targets[0].target
            return len(parent.targets) == 1 and isinstance(target, cst.Name) and target.value == name.value
        return self._is_fed(moved)

    def _moved(self, node: cst.CSTNode) -> cst.CSTNode:
        """``node.to(device)`` around ``node``, where that is what is done with it."""
        attribute = self._tree.parent(node)
        if not isinstance(attribute, cst.Attribute) or attribute.attr.value != "to":
            return node
        call = self._tree.parent(attribute)
        return call if isinstance(call, cst.Call) and call.func is attribute else node

    def _is_fed(self, node: cst.CSTNode) -> bool:
        """Whether ``**node`` is what a classifier of transformers gets."""
        arg = self._tree.parent(node)
        call = self._tree.parent(arg) if isinstance(arg, cst.Arg) and arg.star == "**" else None
        if not isinstance(call, cst.Call):
            return False
        model = self._values.of(call.func)
        made = model.call.name if model.call is not None else None
        return _is_plain_model(model) and made is not None and "ForSequenceClassification" in made


def _is_plain_model(model: Value) -> bool:
    return model.kind is Kind.HF_MODEL and model.instance_of is None
