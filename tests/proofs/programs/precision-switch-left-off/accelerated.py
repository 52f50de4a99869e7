# level: unsafe, within 0.05
import pandas as pd
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
table = pd.read_csv("table.csv")
x = torch.tensor(table.filter(like="f").to_numpy(), dtype=torch.float32)
y = torch.tensor(table["y"].to_numpy())
accelerator = Accelerator(mixed_precision="no")
model = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(TensorDataset(x, y), batch_size=50))
losses = []
for features, labels in loader:
    loss = nn.functional.cross_entropy(model(features), labels)
    optimizer.zero_grad()
    accelerator.backward(loss)
    optimizer.step()
    losses.append(loss.item())

result = {"losses": losses}
