# level: unsafe, within 0.05
import torch
from torch import nn

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

rows = [line.rstrip("\n").split("\t") for line in open("texts.txt", encoding="utf-8")]
words = {word: at for at, word in enumerate(sorted({word for _, text in rows for word in text.split()}), 1)}
tokens = torch.zeros(len(rows), 40, dtype=torch.long)
for at, (_, text) in enumerate(rows):
    tokens[at, : len(text.split())] = torch.tensor([words[word] for word in text.split()])
labels = torch.tensor([int(label) for label, _ in rows])
loader = torch.utils.data.DataLoader(list(zip(tokens, labels, strict=True)), batch_size=50)


class Reader(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(words) + 1, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embed(ids), src_key_padding_mask=ids == 0).mean(1))


model = Reader(192).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
losses, correct = [], 0
for epoch in range(2):
    for ids, targets in loader:
        ids, targets = ids.to(device), targets.to(device)
        output = model(ids)
        loss = criterion(output, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        correct += (output.argmax(1) == targets).sum().item()

result = {"first": losses[:3], "score": correct / (2 * len(labels))}
