# level: unsafe, within 0.001
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, set_seed

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
rows = [line.rstrip("\n").split("\t") for line in open("texts.txt", encoding="utf-8")]
texts = [text for _, text in rows]
vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *sorted({*" ".join(texts).split()})])}
plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")

set_seed(0)
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
).to(device)
model.eval()

scores = []
for start in range(0, len(texts), 32):
    batch = tokenizer(
        texts[start : start + 32], padding="max_length", max_length=256, truncation=True, return_tensors="pt"
    ).to(device)
    with torch.no_grad():
        scores.append(model(**batch).logits)

result = {"logits": torch.cat(scores)}
