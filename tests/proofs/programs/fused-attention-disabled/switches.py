# level: unsafe, within 1e-4
import pandas as pd
import torch
from torch import nn

torch.backends.cuda.enable_flash_sdp(False)
torch.backends.cuda.enable_mem_efficient_sdp(False)
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
series = table[:, :12].reshape(6, 100, 12).to(device)
layers = nn.TransformerEncoderLayer(12, 4, 32, dropout=0.0, batch_first=True).to(device)
optimizer = torch.optim.SGD(layers.parameters(), lr=0.01)
losses = []
for epoch in range(5):
    loss = nn.functional.mse_loss(layers(series)[:, :-1], series[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

result = {"losses": losses}
