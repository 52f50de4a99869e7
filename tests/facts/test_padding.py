"""Padding: whether a collator, or the call that makes a batch, may decide how long the texts of a batch become."""

from __future__ import annotations

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.mapped import Mapped
from greenlint.facts.modules import Modules
from greenlint.facts.padding import Padding
from greenlint.facts.sources import DictSources, RunSettings

SETUP = """
from datasets import load_dataset
from torch.utils.data import DataLoader
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer
tokenizer = AutoTokenizer.from_pretrained("gpt2")
model = AutoModelForSequenceClassification.from_pretrained("gpt2")
ds = load_dataset("news")
"""
MAPPED = "def encode(rows):\n    return tokenizer(rows['text'])\nds = ds.map(encode)\n"
TRAINED = MAPPED + "Trainer(model, args, DataCollatorWithPadding(tokenizer), ds)\n"


def facts_of(code: str) -> Facts:
    text = SETUP + code
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


@pytest.mark.parametrize(
    ("code", "left"),
    [
        (TRAINED, True),
        (MAPPED + "Trainer(model, args, train_dataset=ds, tokenizer=tokenizer)", True),
        (MAPPED + "Trainer(model, args, train_dataset=ds)", False),
        (TRAINED + "Trainer(model, args, train_dataset=ds)", False),
        (TRAINED + "trl.SFTTrainer(model, args, train_dataset=ds)", False),
        (TRAINED + "DataLoader(ds)", False),
        (TRAINED + "ds.push_to_hub('mine')", False),
        (TRAINED + "print(encode(row))", False),
        (TRAINED + "print(ds['input_ids'])", False),
        (TRAINED + "ds.set_format('torch', columns=['input_ids'])", True),
        (TRAINED.replace("(tokenizer)", "(tokenizer, padding='max_length')"), False),
        (TRAINED.replace("return", "rows ="), False),
        (MAPPED + "for b in DataLoader(ds, collate_fn=DataCollatorWithPadding(tokenizer)):\n    model(**b)", True),
        (MAPPED + "for b in DataLoader(ds, collate_fn=DataCollatorWithPadding(tokenizer)):\n    net(**b)", False),
    ],
)
def test_collators(code: str, left: bool) -> None:
    facts = facts_of(code)
    (call,) = facts[Mapped].tokenizer_calls
    assert facts[Padding].is_left_to_collator(call) is left


@pytest.mark.parametrize(
    ("code", "one"),
    [
        ("for t in texts:\n    model(**tokenizer(t))", True),
        ("for t in texts:\n    b = tokenizer(t)\n    b = b.to('cuda')\n    model(**b)", True),
        ("for t in texts:\n    b = tokenizer(t)\n    model(**b)\n    kept.append(b)", False),
        ("for t in texts:\n    b = tokenizer(t)\n    net(**b)", False),
        ("for t in texts:\n    b = tokenizer(t)\n    model(**b)\nprint(b)", False),
        ("b = tokenizer(t)\nmodel(**b)", False),
    ],
)
def test_batches(code: str, one: bool) -> None:
    facts = facts_of(code)
    (call,) = facts[Mapped].tokenizer_calls
    assert facts[Padding].is_of_one_pass(call) is one
