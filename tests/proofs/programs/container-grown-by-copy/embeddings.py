# level: unsafe, within 0
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
table = pd.read_csv("table.csv")
values = torch.tensor(table.drop(columns=["y", "z"]).to_numpy(), dtype=torch.float32)
loader = DataLoader(TensorDataset(values, torch.tensor(table["y"].to_numpy())), batch_size=16)
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 32)).to(device).eval()

features = torch.empty(0).to(device)
images = torch.zeros((0, 13))
with torch.no_grad():
    # one row for each sample
    for x, y in loader:
        x = x.to(device)
        features = torch.cat([features, model(x)])
        images = torch.cat(
            (images, torch.cat((x.cpu(), y[:, None].float()), dim=1)),
            dim=0,
        )

result = {"features": features, "images": images}
