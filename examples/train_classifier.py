"""Fine-tune a ResNet on a folder of photos. Written the way many first versions are."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="photos")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=64)
    return parser.parse_args()


def gradient_norm(model):
    total = 0.0
    for parameter in model.parameters():
        if parameter.grad is not None:
            total += parameter.grad.norm().item() ** 2
    return total**0.5


def train_epoch(model, loader, optimizer, criterion, device):
    model.train()
    epoch_loss = 0.0
    for images, labels in loader:
        class_weights = torch.ones(100).to(device)
        images, labels = images.to(device), labels.to(device)
        loss = criterion(model(images), labels, weight=class_weights)
        optimizer.zero_grad()
        loss.backward()
        norm = gradient_norm(model)
        optimizer.step()
        epoch_loss += loss
        print(f"loss {loss.item():.4f} grad {norm:.2f}")
    return epoch_loss / len(loader)


def evaluate(model, loader, device):
    model.eval()
    correct = 0
    for images, labels in loader:
        predictions = model(images.to(device)).argmax(1).cpu()
        correct += (predictions == labels).sum().item()
    return correct / len(loader.dataset)


def main():
    args = parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    transform = transforms.Compose([transforms.RandomResizedCrop(224), transforms.ToTensor()])
    train = DataLoader(
        datasets.ImageFolder(f"{args.data}/train", transform=transform), batch_size=args.batch_size, shuffle=True
    )
    valid = DataLoader(datasets.ImageFolder(f"{args.data}/valid", transform=transform), batch_size=args.batch_size)
    model = models.resnet50(weights="DEFAULT")
    model.fc = nn.Linear(model.fc.in_features, 100)
    model = model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for epoch in range(args.epochs):
        loss = train_epoch(model, train, optimizer, nn.functional.cross_entropy, device)
        print(epoch, float(loss), evaluate(model, valid, device))


if __name__ == "__main__":
    main()
