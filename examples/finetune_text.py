"""Fine-tune a text classifier with the Hugging Face Trainer."""

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

checkpoint = "bert-base-uncased"
tokenizer = AutoTokenizer.from_pretrained(checkpoint)
model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=2)

data = load_dataset("imdb").map(lambda row: tokenizer(row["text"], truncation=True))
arguments = TrainingArguments(
    output_dir="out",
    per_device_train_batch_size=32,
    num_train_epochs=3,
    eval_strategy="epoch",
)
trainer = Trainer(
    model=model,
    args=arguments,
    train_dataset=data["train"],
    eval_dataset=data["test"],
    processing_class=tokenizer,
)
trainer.train()
