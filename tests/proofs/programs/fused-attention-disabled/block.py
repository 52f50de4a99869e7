# level: unsafe, within 1e-4
import pandas as pd
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)
heads = table[:, :12].reshape(6, 100, 3, 4).transpose(1, 2).to(device)
with sdpa_kernel(SDPBackend.MATH):
    # each row looks at those before it
    seen = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True)

result = {"seen": seen}
