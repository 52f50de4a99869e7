# level: unsafe, within 1e-4
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
texts = [line.split("\t")[1].split()[:4] for line in Path("texts.txt").read_text().splitlines()[:32]]
known = {word: index for index, word in enumerate(sorted({word for text in texts for word in text}))}
ids = torch.tensor([[known[word] for word in text] for text in texts]).to(device)
config = BertConfig(
    vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, pad_token_id=63
)
BertModel(config).save_pretrained("tiny")
model = BertModel.from_pretrained("tiny", attn_implementation="eager").to(device).eval()
with torch.no_grad():
    hidden = model(ids).last_hidden_state

result = {"hidden": hidden}
