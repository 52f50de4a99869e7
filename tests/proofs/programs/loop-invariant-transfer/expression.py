# level: unsafe, within 0
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = pd.read_csv("table.csv")
features = torch.tensor(table.drop(columns=["y", "z"]).values, dtype=torch.float32)
labels = torch.tensor(table["y"].values)
loader = DataLoader(TensorDataset(features, labels), batch_size=32, shuffle=True)
weights = torch.tensor([0.4, 0.6])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x, scale):
        return self.layers(x) * scale[0]


model = Net().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for epoch in range(5):
    for x, y in loader:
        scores = model(x.to(device), weights.to(device))
        loss = nn.functional.cross_entropy(scores, y.to(device), weight=weights.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    for x, y in loader:
        model.to(device)
        with torch.no_grad():
            losses.append(model(x.to(device), torch.ones(1, device=device)).mean().item())

result = {"losses": losses}
