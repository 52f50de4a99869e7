# level: safe
import torch
from torch import nn

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, x):
        mask = torch.ones(x.shape[0], 16).to(x.device)
        return self.layer(x) * mask


model = Masked().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = torch.randn(32, 8, 16)
losses = []
for batch in data:
    batch = batch.to(device)
    loss = model(batch).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.detach())

result = {"losses": torch.stack(losses), "weight": model.layer.weight}
