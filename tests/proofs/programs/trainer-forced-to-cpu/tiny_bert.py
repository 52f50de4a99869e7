# level: unsafe, within 0.05
import pandas as pd
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)
# Without dropout, whose random numbers are those of the device.
config = BertConfig(
    vocab_size=64,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
table = pd.read_csv("table.csv")
tokens = (table.filter(like="f").clip(-3, 3) * 10 + 32).astype(int).to_numpy()
data = [{"input_ids": row, "labels": int(label)} for row, label in zip(tokens[:128], table["y"][:128])]

args = TrainingArguments(
    output_dir="out",
    num_train_epochs=2,
    per_device_train_batch_size=16,
    use_cpu=True,
    dataloader_pin_memory=False,
    report_to="none",
)
outcome = Trainer(model=BertForSequenceClassification(config), args=args, train_dataset=data).train()

result = {"loss": outcome.training_loss}
