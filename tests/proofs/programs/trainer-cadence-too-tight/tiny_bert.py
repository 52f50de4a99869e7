# level: unsafe, within 1e-6
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
config = BertConfig(
    vocab_size=64,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    num_labels=2,
)
model = BertForSequenceClassification(config)
lines = [line.split("\t") for line in Path("texts.txt").read_text().splitlines()[:120]]
data = [
    {"input_ids": torch.tensor([len(word) + ord(word[0]) % 32 for word in text.split()[:4]]), "labels": int(label)}
    for label, text in lines
]
args = TrainingArguments(
    "out",
    eval_strategy="steps",
    eval_steps=2,
    save_steps=4,
    num_train_epochs=2,
    per_device_train_batch_size=20,
    load_best_model_at_end=True,
    report_to="none",
    data_seed=0,
)
trainer = Trainer(model=model, args=args, train_dataset=data[:100], eval_dataset=data[100:])
outcome = trainer.train()

result = {"loss": outcome.training_loss}
