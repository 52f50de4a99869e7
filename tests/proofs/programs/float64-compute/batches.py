# level: unsafe, within 0.0001
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = pd.read_csv("table.csv")
data = TensorDataset(torch.tensor(table.filter(like="f").to_numpy()), torch.tensor(table[["z"]].to_numpy()))
model = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 1)).to(device)
model.double()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
losses = []
for features, targets in DataLoader(data, batch_size=50):
    features, targets = features.to(device).double(), targets.to(device).double()
    loss = nn.functional.mse_loss(model(features), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

result = {"losses": losses, "weight": model[0].weight}
