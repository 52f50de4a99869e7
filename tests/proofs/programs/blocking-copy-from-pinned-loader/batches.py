# level: safe
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
has_gpu = torch.cuda.is_available()
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
data = TensorDataset(table[:, :12], table[:, 13:])
model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))
losses = []


def train(model, loader, optimizer):
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())


if has_gpu:
    model.cuda()
    loader = DataLoader(data, batch_size=32, shuffle=True, pin_memory=True)
    train(model, loader, torch.optim.Adam(model.parameters()))

result = {"losses": [loss.item() for loss in losses], "weights": model[0].weight.detach().cpu()}
