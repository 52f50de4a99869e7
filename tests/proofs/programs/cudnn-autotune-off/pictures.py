# level: unsafe, within 0.01
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.backends.cudnn.benchmark = False
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
loader = DataLoader(TensorDataset(table[:, :12].reshape(-1, 1, 3, 4), table[:, 12].long()), batch_size=50)
model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(192, 2))
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.linspace(-0.1, 0.1, parameter.numel()).view_as(parameter))
model.to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
losses = []
for epoch in range(3):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses}
