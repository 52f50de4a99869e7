# level: unsafe, within 0.001
import logging
import warnings

import lightning as L
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning").setLevel(logging.ERROR)
# On a GPU: how a loader should be set up, and the like.
warnings.filterwarnings("ignore")


class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 2))
        self.register_buffer("scale", torch.tensor([1.0, 2.0]))

    def training_step(self, batch, index):
        x, y = batch
        return nn.functional.cross_entropy(self.layers(x) * self.scale, y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


torch.manual_seed(0)
table = pd.read_csv("table.csv")
data = TensorDataset(
    torch.tensor(table.filter(like="f").to_numpy(), dtype=torch.float32), torch.tensor(table["y"].to_numpy())
)
net = Net()
trainer = L.Trainer(
    max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
)
trainer.fit(net, DataLoader(data, batch_size=32))

result = {"weight": net.layers[0].weight}
