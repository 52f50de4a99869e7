# level: unsafe, within 0.001
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

rows = [line.rstrip("\n").split("\t") for line in open("texts.txt", encoding="utf-8")][:128]
words = sorted({word for _, text in rows for word in text.split()})
vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")


def encode(batch):
    return tokenizer(batch["text"], padding="max_length", max_length=128, truncation=True)


data = Dataset.from_dict({"text": [text for _, text in rows], "label": [int(label) for label, _ in rows]})
data = data.map(encode, batched=True, remove_columns=["text"])
data.set_format("torch")

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
)
args = TrainingArguments(output_dir="out", num_train_epochs=2, per_device_train_batch_size=16, report_to="none")
trainer = Trainer(
    model=model, args=args, train_dataset=data, eval_dataset=data, data_collator=DataCollatorWithPadding(tokenizer)
)
outcome = trainer.train()

result = {"loss": outcome.training_loss, "after": trainer.evaluate()["eval_loss"]}
