# level: safe
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

rows = [line.rstrip("\n").split("\t") for line in open("texts.txt", encoding="utf-8")]
words = sorted({word for _, text in rows for word in text.split()})
vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")

films = Dataset.from_dict({"sentence1": [text for _, text in rows], "sentence2": [text[::-1] for _, text in rows]})


def encode(row):
    return tokenizer(
        row["sentence1"],
        row["sentence2"],
        truncation=True,
        max_length=24,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )


pairs = films.map(encode)
padded = films.map(lambda row: tokenizer(row["sentence1"], padding="max_length", max_length=64, truncation=True))

result = {name: pairs[name][:] for name in ("input_ids", "attention_mask", "special_tokens_mask")}
result["offsets"] = pairs["offset_mapping"][:]
result["padded"] = padded["input_ids"][:]
