"""How many parameters well-known checkpoints have, read off their names."""

from __future__ import annotations

import re

__all__ = ["LONG_CONTEXT", "millions_of"]

_WRITTEN = re.compile(r"(?<![\w.])(?:\d+x)?(\d+(?:\.\d+)?)([mb])(?![\w])", re.IGNORECASE)
"""A size in the name: ``opt-125m``, ``Qwen2.5-0.5B-Instruct``."""
_KNOWN: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), size)
    for pattern, size in (
        (r"bert[-_]tiny|tiny[-_]random|hf-internal-testing|bert_uncased_L-2_|bert[-_]mini", 5),
        (r"distil(?:bert|roberta|gpt2|camembert)|distilbart|tinybert|mobilebert|MiniLM|squeezebert|bert[-_]small", 82),
        (r"(?:^|/)albert-base|electra-small|ernie-.*(?:tiny|mini)", 14),
        (r"(?:^|/)(?:bert|biobert|scibert|legal-bert|camembert|roberta|electra|mpnet|xlnet|ernie)[-\w]*-base", 125),
        (r"(?:^|/)bert-base|scibert_scivocab|all-mpnet-base|codebert-base|finbert$", 125),
        (r"deberta(?:-v\d)?-(?:x?small)|deberta(?:-v\d)?-base", 184),
        (r"xlm-roberta-base|mdeberta", 278),
        (r"(?:bert|roberta|electra|xlnet|deberta(?:-v\d)?)[-\w]*-large", 360),
        (r"xlm-roberta-large", 560),
        (r"(?:^|/)gpt2$|(?:^|/)openai-gpt$|distilgpt2", 124),
        (r"(?:^|/)gpt2-medium$", 355),
        (r"(?:^|/)gpt2-large$", 774),
        (r"(?:^|/)gpt2-xl$", 1558),
        (r"(?:flan-)?t5-(?:v1_1-)?small|codet5-small", 60),
        (r"(?:flan-)?t5-(?:v1_1-)?base|codet5-base", 250),
        (r"(?:flan-)?t5-(?:v1_1-)?large", 770),
        (r"bart-base", 140),
        (r"bart-large|pegasus", 406),
        (r"(?:vit|deit|beit|swin)[-\w]*-(?:tiny|small)", 30),
        (r"(?:vit|deit|beit|swin)[-\w]*-base", 88),
        (r"wav2vec2-base|hubert-base|wavlm-base", 95),
        (r"whisper-tiny", 39),
        (r"whisper-base", 74),
        (r"whisper-small", 244),
        (r"whisper-medium", 769),
        (r"resnet-?(?:18|34|50)|convnext-tiny|mobilenet|efficientnet-b[0-3]", 30),
    )
)
LONG_CONTEXT = re.compile(r"longformer|bigbird|big_bird|reformer|led-|longt5|long-t5|-(?:32|64|128)k", re.IGNORECASE)
"""Checkpoints made for long inputs, whose activations are what fills the memory."""


def millions_of(name: str) -> float | None:
    """The size of the checkpoint in millions of parameters; ``None`` when its name does not tell."""
    written = _WRITTEN.search(name)
    if written is not None:
        value = float(written.group(1))
        return value * 1000 if written.group(2).lower() == "b" else value
    return next((size for pattern, size in _KNOWN if pattern.search(name)), None)
