# level: unsafe, within 1e-6
import pandas as pd
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 1024), nn.ReLU(), nn.Linear(1024, 1024))

    def forward(self, x):
        return self.layers(x)


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)[:64, :12].to(device)
encoder = Encoder().to(device)
with torch.no_grad():
    wanted = encoder(table)
found = torch.zeros_like(table).requires_grad_(True)
optimizer = torch.optim.Adam([found], lr=0.01)
losses = []
for step in range(300):
    loss = (encoder(found) - wanted).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

result = {"losses": losses, "found": found}
