# level: unsafe, within 0
from pathlib import Path

import torch
import torch.nn.functional as F
from scipy.io import wavfile
from torch import nn
from torch.utils.data import DataLoader, Dataset

result = {}


class Clips(Dataset):
    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.wav"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        rate, wave = wavfile.read(self.paths[index])
        return torch.from_numpy(wave / 32768).float(), int(self.paths[index].stem[-1])


def main():
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    clips = Clips("clips")
    loader = DataLoader(clips, batch_size=8, num_workers=16)
    model = nn.Linear(800, 2).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for epoch in range(10):
        for waves, labels in loader:
            loss = F.cross_entropy(model(waves.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    result.update(losses=losses, weight=model.weight)


if __name__ == "__main__":
    main()
