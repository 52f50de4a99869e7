# level: unsafe, within 0.05
import pandas as pd
import torch
from torch import nn

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
data = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
model = nn.Sequential(nn.Linear(13, 64), nn.Tanh(), nn.Linear(64, 1)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
losses = []
for epoch in range(3):
    for batch in data.split(50):
        batch = batch.to(device)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=False):
            loss = nn.functional.mse_loss(model(batch[:, :13]), batch[:, 13:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses}
