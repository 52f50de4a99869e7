# level: unsafe, within 0.001
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    set_seed,
)

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
rows = [line.rstrip("\n").split("\t") for line in open("texts.txt", encoding="utf-8")][:128]
words = sorted({word for _, text in rows for word in text.split()})
vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")
data = Dataset.from_dict({"text": [text for _, text in rows], "labels": [int(label) for label, _ in rows]})
data = data.map(
    lambda batch: tokenizer(batch["text"], padding="max_length", max_length=128, truncation="longest_first"),
    batched=True,
    remove_columns=["text"],
)

set_seed(0)
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
loader = DataLoader(data, batch_size=16, shuffle=True, collate_fn=DataCollatorWithPadding(tokenizer))
losses = []
for epoch in range(2):
    for batch in loader:
        loss = model(**batch.to(device)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses}
