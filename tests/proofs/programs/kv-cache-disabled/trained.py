# level: unsafe, within 0
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
texts = [line.split("\t")[1].split()[:4] for line in Path("texts.txt").read_text().splitlines()[:8]]
known = {word: index for index, word in enumerate(sorted({word for text in texts for word in text}))}
ids = torch.tensor([[known[word] for word in text] for text in texts]).to(device)
config = GPT2Config(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=63)
model = GPT2LMHeadModel(config).to(device)
model.config.use_cache = False
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for epoch in range(20):
    loss = model(ids, labels=ids).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
model.eval()
tokens = model.generate(ids[:, :2], attention_mask=torch.ones_like(ids[:, :2]), max_new_tokens=8, pad_token_id=63)

result = {"losses": losses, "tokens": tokens}
