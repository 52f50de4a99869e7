# level: safe
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))

    def forward(self, x):
        return self.layers(x)


# Share of right answers, and the mean loss.
def evaluate(model, loader, criterion):
    model.eval()
    correct, total = 0, 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        output = model(x)
        total += criterion(output, y).item() * len(y)
        correct += (output.argmax(1) == y).sum().item()
    return correct / len(loader.dataset), total / len(loader.dataset)


torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
rows = TensorDataset(table[:, :12], table[:, 12].long())
train_loader = DataLoader(rows, batch_size=32, shuffle=True)
valid_loader = DataLoader(rows, batch_size=128)
net = Net().to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters())
history = []
for epoch in range(3):
    net.train()
    for x, y in train_loader:
        loss = criterion(net(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    history.append(evaluate(net, valid_loader, criterion))

result = {"history": history, "weight": net.layers[0].weight}
