# level: safe
from pathlib import Path

import torch
from scipy.io import wavfile
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
paths = sorted(Path("clips").glob("*.wav"))
waves = torch.stack([torch.from_numpy(wavfile.read(path)[1] / 32768).float() for path in paths]).unsqueeze(1)
labels = torch.tensor([int(path.stem[-1]) for path in paths])
train_loader = DataLoader(TensorDataset(waves, labels), batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(waves, labels), batch_size=8)
model = nn.Sequential(
    nn.Conv1d(1, 8, 16, stride=4), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 2)
).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
correct, losses = [], []
for epoch in range(2):
    model.train()
    for x, y in train_loader:
        loss = criterion(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.eval()
    hits = 0
    for x, y in test_loader:
        output = model(x.to(device))
        # the mean of a batch
        losses.append(criterion(output, y.to(device)).item())
        hits += (output.argmax(1).cpu() == y).sum().item()
    correct.append(hits / len(labels))

result = {"correct": correct, "losses": losses, "weight": model[0].weight}
