# level: unsafe, within 0.1
import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
data = TensorDataset(table[:, :12], table[:, 12])
loader = DataLoader(data, batch_size=50, shuffle=True)
model = DistributedDataParallel(nn.Linear(12, 1).to(device))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(20):
    for x, y in loader:
        loss = nn.functional.binary_cross_entropy_with_logits(model(x.to(device)).squeeze(1), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    right = (model(table[:, :12].to(device)).squeeze(1) > 0).cpu() == (table[:, 12] > 0.5)
score = right.float().mean().item()
dist.destroy_process_group()

result = {"score": score}
