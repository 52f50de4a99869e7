# level: safe
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
loader = DataLoader(TensorDataset(table[:, :12], table[:, 13:]), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1)).to(device)
optimizer = torch.optim.Adam(model.parameters())
history, losses = [], []
for epoch in range(3):
    total = 0
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss * len(x)
        losses.append(loss)
    history.append(total.item() / len(table))

result = {"history": history, "mean": (sum(losses) / len(losses)).item()}
