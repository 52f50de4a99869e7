"""The classifier again, without the waste: greenlint has nothing to say here."""

import os

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms


def train_epoch(model, loader, optimizer, device):
    model.train()
    running = torch.zeros((), device=device)
    for images, labels in loader:
        images = images.to(device, non_blocking=True)
        labels = labels.to(device, non_blocking=True)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.detach()
    return running / len(loader)


@torch.inference_mode()
def evaluate(model, loader, device):
    model.eval()
    correct = torch.zeros((), device=device)
    for images, labels in loader:
        output = model(images.to(device, non_blocking=True))
        correct += (output.argmax(1) == labels.to(device, non_blocking=True)).sum()
    return correct.item() / len(loader.dataset)


def loader(path, transform, shuffle):
    return DataLoader(
        datasets.ImageFolder(path, transform=transform),
        batch_size=64,
        shuffle=shuffle,
        num_workers=min(4, os.cpu_count() or 1),
        persistent_workers=True,
        pin_memory=torch.cuda.is_available(),
    )


def main():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    transform = transforms.Compose([transforms.RandomResizedCrop(224), transforms.ToTensor()])
    train, valid = loader("photos/train", transform, True), loader("photos/valid", transform, False)
    model = models.resnet50(weights="DEFAULT").to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for epoch in range(10):
        print(epoch, train_epoch(model, train, optimizer, device).item(), evaluate(model, valid, device))


if __name__ == "__main__":
    main()
