"""A training loop with one finding, and the settings under which it is the only one."""

RULE = "explicit-synchronize-in-step"
SETTINGS = {"select": [RULE], "configurationPreference": "editorOnly"}
WASTE = """\
import torch

for x, y in loader:
    loss = criterion(model(x.cuda()), y.cuda())
    loss.backward()
    optimizer.step()
    torch.cuda.synchronize()
"""
