# level: unsafe, within 0.01
import pandas as pd
import torch
from torch import nn

torch.set_float32_matmul_precision("highest")
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
data = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
model = nn.Sequential(nn.Linear(14, 512), nn.GELU(), nn.Linear(512, 512), nn.GELU(), nn.Linear(512, 4))
model = model.to(device).eval()
outputs = []
with torch.inference_mode():
    for batch in data.split(100):
        outputs.append(model(batch.to(device)).cpu())

result = {"outputs": torch.cat(outputs)}
