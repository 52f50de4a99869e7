# level: unsafe, within 0.05
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
model = BertForSequenceClassification(
    BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
)
tokens = torch.randint(0, 64, (64, 16))
data = [{"input_ids": row, "labels": int(row[0] > 31)} for row in tokens]

args = TrainingArguments(output_dir="out", num_train_epochs=3, per_device_train_batch_size=16, report_to="none")
trainer = Trainer(model=model, args=args, train_dataset=data)
outcome = trainer.train()

result = {"loss": outcome.training_loss}
