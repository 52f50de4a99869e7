# level: unsafe, within 0
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2)
        )

    def forward(self, x):
        return self.layers(x)


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
loader = DataLoader(TensorDataset(table[:, :12], table[:, 12].long()), batch_size=64, shuffle=True)
teacher, student = Net(1024).to(device), Net(32).to(device)
optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
losses = []
for x, y in loader:
    x, y = x.to(device), y.to(device)
    # what the student should give
    soft = teacher(x)
    output = student(x)
    loss = nn.functional.cross_entropy(output, y) + nn.functional.mse_loss(output, soft)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

result = {"losses": losses, "weight": student.layers[0].weight}
