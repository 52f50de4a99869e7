# level: unsafe, within 0.01
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = pd.read_csv("table.csv")
x = torch.tensor(table.filter(like="f").to_numpy(), dtype=torch.float32)
y = torch.tensor(table["y"].to_numpy())
model = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 2)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for features, labels in DataLoader(TensorDataset(x, y), batch_size=50):
    loss = nn.functional.cross_entropy(model(features.to(device)), labels.to(device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

result = {"losses": losses}
