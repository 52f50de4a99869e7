# level: unsafe, within 1e-4
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
texts = [line.split("\t")[1].split()[:4] for line in Path("texts.txt").read_text().splitlines()[:8]]
known = {word: index for index, word in enumerate(sorted({word for text in texts for word in text}))}
ids = torch.tensor([[known[word] for word in text] for text in texts]).to(device)
config = GPT2Config(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=63)
model = GPT2LMHeadModel(config).to(device).eval()
output = model.generate(
    ids,
    attention_mask=torch.ones_like(ids),
    max_new_tokens=32,
    min_new_tokens=32,
    do_sample=False,
    pad_token_id=63,
    use_cache=False,
    output_scores=True,
    return_dict_in_generate=True,
)

result = {"tokens": output.sequences, "scores": torch.stack(output.scores)[:, :, :63]}
