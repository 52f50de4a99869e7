"""Where activation checkpointing is switched on, and how large the models are that this is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.environment import Environment
from greenlint.knowledge.model_sizes import LONG_CONTEXT, millions_of

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Checkpointed", "Checkpointing"]

_ARGUMENTS = ("transformers.TrainingArguments", "transformers.Seq2SeqTrainingArguments")
_SWITCHES = ("gradient_checkpointing", "activation_checkpointing")
_ENABLES = (
    "gradient_checkpointing_enable",
    "enable_gradient_checkpointing",
    "enable_input_require_grads_checkpointing",
)
_MODEL = re.compile(r"Model|For[A-Z]\w+|SentenceTransformer|LMHead")
_SHORT_OF_MEMORY = re.compile(r"#.*(?:memory|\boom\b|vram|fits?\b|trade|save)", re.IGNORECASE)
_LONG = 2048
_WIDE = 64


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """One place that switches activation checkpointing on."""

    call: Call
    by_default: bool
    """Only because the class does so when nothing is said."""
    millions: float | None
    """The size of the largest model of the file; ``None`` when one of them is not known."""
    batch: object
    """The batch size per device, ``UNKNOWN`` when it cannot be told."""


class Checkpointing:
    """Activation checkpointing in one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._calls = facts[Calls]

    @property
    def places(self) -> Iterator[Checkpointed]:
        """Where it is switched on for certain, and no comment says that memory is short."""
        if self._is_long():
            return
        size = self.millions
        for call in self._calls.all:
            found = self._switched(call)
            if found is None or self._is_commented(call):
                continue
            yield Checkpointed(call, found, size, self._batch(call))

    @property
    def millions(self) -> float | None:
        """The size of the largest model that the file loads, in millions of parameters."""
        sizes: list[float] = []
        for call in self._calls.methods("from_pretrained", "SentenceTransformer"):
            owner = call.name or self._facts.document.source(call.node.func)
            if not _MODEL.search(owner) or "Tokenizer" in owner or "Config" in owner:
                continue
            name = call.argument("pretrained_model_name_or_path", 0).constant
            size = millions_of(name) if isinstance(name, str) and not LONG_CONTEXT.search(name) else None
            if size is None:
                return None
            sizes.append(size)
        return max(sizes, default=None)

    def _switched(self, call: Call) -> bool | None:
        """Whether a call switches it on by default (``True``), on demand (``False``), or not at all (``None``)."""
        if call.method in _ENABLES and call.receiver is not None:
            return False
        if call.name in _ARGUMENTS:
            return False if any(call.argument(name).constant is True for name in _SWITCHES) else None
        if call.name is None or not call.name.startswith("trl.") or not call.method.endswith("Config"):
            return None
        given = [call.argument(name) for name in _SWITCHES]
        if any(each.constant is True for each in given):
            return False
        if not all(each.absent for each in given) or call.method not in _ON_BY_DEFAULT:
            return None
        return True if self._facts[Environment].at_least("trl", "1.0") is not False else None

    def _batch(self, call: Call) -> object:
        """The batch size per device of the arguments in this file."""
        every = [call] if call.method not in _ENABLES else [*self._calls.named(*_ARGUMENTS)]
        for each in every:
            size = each.argument("per_device_train_batch_size")
            if size.absent:
                return 8
            return size.constant
        return UNKNOWN

    def _is_long(self) -> bool:
        """Whether inputs are long, or batches wide, so that activations fill the memory."""
        text = self._facts.document.text
        lengths = re.findall(
            r"\b(?:max_length|max_seq_length|max_seq_len|block_size|model_max_length)\s*=\s*(\d+)", text
        )
        batches = re.findall(r"\bper_device_train_batch_size\s*=\s*(\d+)", text)
        return any(int(each) >= _LONG for each in lengths) or any(int(each) >= _WIDE for each in batches)

    def _is_commented(self, call: Call) -> bool:
        document = self._facts.document
        span = document.spans[call.node]
        start = document.text.rfind("\n", 0, max(0, document.text.rfind("\n", 0, span.start)))
        end = document.text.find("\n", span.end)
        for line in document.text[start + 1 : end if end >= 0 else None].split("\n"):
            if "checkpointing" in line and _SHORT_OF_MEMORY.search(line):
                return True
        return False


_ON_BY_DEFAULT = frozenset(
    """SFTConfig DPOConfig GRPOConfig KTOConfig ORPOConfig CPOConfig RewardConfig RLOOConfig OnlineDPOConfig""".split()
)
"""Configurations of trl that switch it on when nothing is said."""
