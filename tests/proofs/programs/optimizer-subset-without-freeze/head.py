# level: unsafe, within 0
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(12, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU())
        self.head = nn.Linear(1024, 2)

    def forward(self, x):
        return self.head(self.backbone(x))


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
loader = DataLoader(TensorDataset(table[:, :12], table[:, 12].long()), batch_size=64, shuffle=True)
net = Net().to(device)
# the head alone
optimizer = torch.optim.Adam(net.head.parameters(), lr=1e-3)
losses = []
for epoch in range(2):
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses, "weight": net.head.weight}
