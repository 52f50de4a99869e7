# level: unsafe, within 0
import pandas as pd
import torch
from torch import autograd, nn

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
data = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
model = nn.Sequential(nn.Linear(13, 32), nn.Dropout(0.1), nn.ReLU(), nn.Linear(32, 1)).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
autograd.set_detect_anomaly(True)
for epoch in range(3):
    for batch in data.split(32):
        batch = batch.to(device)
        with autograd.detect_anomaly():
            # All but the last column are features.
            loss = (model(batch[:, :13]).squeeze(1) - batch[:, 13]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses}
