# level: unsafe, within 1e-5
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader


class Reader(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(size, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, words):
        return self.head(self.lstm(self.embed(words))[0].mean(1))


def predict(model, loader):
    model.eval()
    outputs = []
    for words in loader:
        outputs.append(model(words.to(device)).softmax(1).cpu())
    return torch.cat(outputs)


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
texts = [line.split("\t")[1].split() for line in Path("texts.txt").read_text().splitlines()]
known = {word: index + 1 for index, word in enumerate(sorted({word for text in texts for word in text}))}
samples = [torch.tensor([known[word] for word in text]) for text in texts]
test_loader = DataLoader(samples, batch_size=50, collate_fn=lambda batch: pad_sequence(batch, batch_first=True))
reader = Reader(len(known) + 1).to(device)

result = {"probabilities": predict(reader, test_loader).detach()}
