# level: unsafe, within 0.01
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cpu")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(1, 256)
        self.register_buffer("places", torch.arange(12.0).unsqueeze(1) / 12)
        self.blocks = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(256, 4, 256, dropout=0.0, batch_first=True), 2, enable_nested_tensor=False
        )
        self.head = nn.Linear(256, 2)

    def forward(self, x):
        return self.head(self.blocks(self.embed(x.unsqueeze(2)) + self.places).mean(1))


def train(model, loader, optimizer):
    total = 0.0
    for features, labels in loader:
        features = features.to(device)
        loss = nn.functional.cross_entropy(model(features), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def accuracy(model, loader):
    model.eval()
    right = 0
    with torch.no_grad():
        for features, labels in loader:
            features, labels = features.to(device), labels.to(device)
            right += (model(features).argmax(1) == labels).sum().item()
    return right / len(loader.dataset)


table = pd.read_csv("table.csv")
x = torch.tensor(table.filter(like="f").to_numpy(), dtype=torch.float32)
y = torch.tensor(table["y"].to_numpy())
loader = DataLoader(TensorDataset(x, y), batch_size=50)
model = Net().to(device)
losses = [train(model, loader, torch.optim.SGD(model.parameters(), lr=0.05)) for _ in range(2)]

result = {"losses": losses, "score": accuracy(model, loader)}
