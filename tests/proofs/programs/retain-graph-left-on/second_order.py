# level: unsafe, within 1e-5
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
loader = DataLoader(TensorDataset(table[:, :12], table[:, 12].long()), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 2)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
        loss.backward(create_graph=True)
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses, "weight": model[0].weight}
