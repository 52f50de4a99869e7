# level: safe
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = pd.read_csv("table.csv")
features = torch.tensor(table.drop(columns=["y", "z"]).values, dtype=torch.float32)
labels = torch.tensor(table["y"].values)
counts = torch.bincount(labels)
weights = torch.tensor([0.4, 0.6])
weights[0] = 0.5
loader = DataLoader(TensorDataset(features, labels), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 2)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for epoch in range(5):
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        # rare classes count more
        balance = weights.to(device)

        loss = nn.functional.cross_entropy(model(x), y, weight=balance / balance.sum())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses, "balance": balance.cpu(), "weights": weights, "counts": counts}
