# level: unsafe, within 1e-4
from pathlib import Path

import torch
from torch import nn

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x, padding):
        h = self.norm(x)
        update, _ = self.attn(h, h, h, key_padding_mask=padding)
        return x + update


class Classifier(nn.Module):
    def __init__(self, words, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(words, dim, padding_idx=0)
        self.blocks = nn.ModuleList([Block(dim, 4) for _ in range(2)])
        self.head = nn.Linear(dim, 2)

    def forward(self, ids):
        padding = ids == 0
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, padding)
        kept = (~padding).unsqueeze(-1)
        return self.head((x * kept).sum(1) / kept.sum(1))


rows = [line.split("\t") for line in Path("texts.txt").read_text(encoding="utf-8").splitlines()]
vocabulary = {word: at for at, word in enumerate(sorted({word for _, text in rows for word in text.split()}), 1)}
ids = nn.utils.rnn.pad_sequence(
    [torch.tensor([vocabulary[word] for word in text.split()]) for _, text in rows], batch_first=True
)
labels = torch.tensor([int(label) for label, _ in rows])

model = Classifier(len(vocabulary) + 1).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for _ in range(2):
    for start in range(0, len(ids), 60):
        batch, target = ids[start : start + 60].to(device), labels[start : start + 60].to(device)
        loss = nn.functional.cross_entropy(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())

model.eval()
with torch.no_grad():
    scores = model(ids[:100].to(device))

result = {"losses": torch.stack(losses), "scores": scores}
