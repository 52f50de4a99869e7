# level: unsafe, within 0
import os

import torch
from safetensors.torch import save_model
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, set_seed

set_seed(0)
built = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=2, eos_token_id=None))
# Far apart, so that rounding changes no token.
torch.nn.init.normal_(built.transformer.wte.weight, std=2.0)
os.mkdir("tiny")
built.config.architectures = ["GPT2LMHeadModel"]
built.config.to_json_file("tiny/config.json")
save_model(built, "tiny/model.safetensors", metadata={"format": "pt"})

device = "cuda" if torch.cuda.is_available() else "cpu"
model = AutoModelForCausalLM.from_pretrained("tiny", dtype=torch.float32).to(device).eval()
texts = [line.split("\t")[1] for line in open("texts.txt", encoding="utf-8")][:16]
written = []
for text in texts:
    tokens = torch.tensor([[ord(letter) % 64 for letter in text[:16]]]).to(device)
    written.append(model.generate(tokens, max_new_tokens=8, do_sample=False, pad_token_id=0).tolist())

result = {"written": written}
