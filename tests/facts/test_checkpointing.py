"""Where activation checkpointing is on, and for how large a model."""

from __future__ import annotations

import textwrap

from greenlint import reading
from greenlint.facts.calls import UNKNOWN
from greenlint.facts.checkpointing import Checkpointing
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.knowledge.model_sizes import millions_of

MODEL = "model = AutoModelForCausalLM.from_pretrained('facebook/opt-125m')\n"


def checkpointing(code: str) -> Checkpointing:
    text = "from transformers import *\nfrom transformers import AutoModelForCausalLM, TrainingArguments\n"
    text += "from trl import SFTConfig\n" + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"train.py": text}), RunSettings())[Checkpointing]


def test_where_it_is_on() -> None:
    (place,) = checkpointing(MODEL + "TrainingArguments('out', gradient_checkpointing=True)").places
    assert (place.by_default, place.millions, place.batch) == (False, 125, 8)
    (place,) = checkpointing(MODEL + "model.gradient_checkpointing_enable()").places
    assert place.batch is UNKNOWN
    (place,) = checkpointing(MODEL + "SFTConfig('out', per_device_train_batch_size=2)").places
    assert (place.by_default, place.batch) == (True, 2)


def test_where_it_is_not() -> None:
    for code in (
        "TrainingArguments('out')",
        "TrainingArguments('out', gradient_checkpointing=options.checkpointing)",
        "TrainingArguments('out', **options)",
        "SFTConfig('out', gradient_checkpointing=False)",
        "TrainingArguments('out', gradient_checkpointing=True)  # gradient_checkpointing: short of memory",
        "TrainingArguments('out', gradient_checkpointing=True, per_device_train_batch_size=512)",
        "max_length = 8192\nTrainingArguments('out', gradient_checkpointing=True)",
    ):
        assert list(checkpointing(MODEL + code).places) == [], code


def test_sizes() -> None:
    assert checkpointing(MODEL + "other = AutoModelForCausalLM.from_pretrained(name)").millions is None
    assert checkpointing("").millions is None
    assert millions_of("Qwen/Qwen2.5-0.5B-Instruct") == 500
    assert millions_of("meta-llama/Llama-2-7b-hf") == 7000
    assert millions_of("bert-base-uncased") == 125
    assert millions_of("distilbert-base-uncased") == 82
    assert millions_of("gpt2") == 124
    assert millions_of("my/finetuned") is None
