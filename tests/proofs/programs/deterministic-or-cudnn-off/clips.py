# level: unsafe, within 0.01
import wave
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.backends import cudnn

cudnn.enabled = False
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def read(path: Path) -> torch.Tensor:
    with wave.open(str(path)) as clip:
        samples = np.frombuffer(clip.readframes(clip.getnframes()), dtype=np.int16)
    return torch.from_numpy(samples.astype(np.float32) / 32768)[None]


paths = sorted(Path("clips").glob("*.wav"))
clips = torch.stack([read(path) for path in paths])
labels = torch.tensor([int(path.stem[-1]) for path in paths])
model = nn.Sequential(nn.Conv1d(1, 8, 64, stride=8), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 2))
model.to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
for epoch in range(5):
    for x, y in zip(clips.split(10), labels.split(10), strict=True):
        loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

result = {"losses": losses}
