# level: unsafe, within 0
import numpy as np
import pandas as pd
import torch

table = pd.read_csv("table.csv")


def batches(size):
    for start in range(0, len(table), size):
        part = table.iloc[start : start + size]
        rows = [np.asarray(row, dtype=np.float32) for row in part.drop(columns=["y", "z"]).to_numpy()]
        yield torch.tensor(rows), torch.as_tensor([np.array([value]) for value in part["y"]])


total = torch.zeros(12)
classes = 0
for features, targets in batches(60):
    total += (features * targets).sum(dim=0)
    classes += int(targets.sum())

result = {"total": total, "classes": classes, "bits": features.element_size(), "whole": targets.element_size()}
