# level: unsafe, within 1e-6
import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(12, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.body(x))).squeeze(1)


dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
net = Net().to(device)
model = DistributedDataParallel(net, find_unused_parameters=True)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
for epoch in range(3):
    for batch in table.split(50):
        batch = batch.to(device)
        loss = nn.functional.mse_loss(model(batch[:, :12]), batch[:, 13])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
dist.destroy_process_group()

result = {"losses": losses}
