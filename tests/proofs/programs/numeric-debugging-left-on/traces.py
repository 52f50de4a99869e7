# level: safe
import pandas as pd
import torch
from torch import nn


def train(model: nn.Module, data: torch.Tensor) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for batch in data.split(32):
        loss = (model(batch[:, :13]).squeeze(1) - batch[:, 13]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32).to(device)
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    losses = train(nn.Sequential(nn.Linear(13, 32), nn.Dropout(0.1), nn.Linear(32, 1)).to(device), table)

result = {"losses": losses}
