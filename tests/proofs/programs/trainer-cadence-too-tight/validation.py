# level: unsafe, within 1e-6
import lightning.pytorch as pl
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 1)
        self.losses: list[float] = []

    def training_step(self, batch, index):
        loss = (self.layer(batch[0]) - batch[1]).pow(2).mean()
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", (self.layer(batch[0]) - batch[1]).pow(2).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


pl.seed_everything(0)
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
data = TensorDataset(table[:, :12], table[:, 13:])
net = Net()
trainer = pl.Trainer(max_epochs=2, val_check_interval=2, logger=False, enable_progress_bar=False)
trainer.fit(net, DataLoader(data, batch_size=50), DataLoader(data, batch_size=100))

result = {"losses": net.losses}
