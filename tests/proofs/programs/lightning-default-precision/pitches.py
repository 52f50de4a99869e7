# level: unsafe, within 0.1
import wave
from pathlib import Path

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Clips(Dataset):
    def __init__(self) -> None:
        self.paths = sorted(Path("clips").glob("*.wav"))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with wave.open(str(self.paths[index])) as clip:
            samples = torch.frombuffer(bytearray(clip.readframes(clip.getnframes())), dtype=torch.int16) / 32768
        return torch.stft(samples, 64, 32, window=torch.ones(64), return_complex=True).abs()[None], int(
            self.paths[index].stem[-1]
        )


class Pitches(L.LightningModule):
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 64, 3, 2), nn.ReLU(), nn.Conv2d(64, width, 3, 2), nn.ReLU())
        self.head = nn.Linear(width, 2)
        self.criterion = nn.CrossEntropyLoss()
        self.losses = []

    def training_step(self, batch, index):
        images, labels = batch
        loss = self.criterion(self.head(self.layers(images).mean((2, 3))), labels)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


L.seed_everything(0, verbose=False)
module = Pitches()
trainer = L.Trainer(max_epochs=6, accelerator="auto", devices=1, logger=False, enable_checkpointing=False)
trainer.fit(module, DataLoader(Clips(), batch_size=10))

result = {"losses": module.losses}
