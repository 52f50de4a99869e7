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
for epoch in range(3):
    for x, y in loader:
        if device.type == "cuda":
            x = x.pin_memory().to(device, non_blocking=True)
        loss = nn.functional.mse_loss(model(x), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

result = {"loss": loss.item(), "weights": model[0].weight.detach().cpu()}
