# level: unsafe, within 0
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

texts = [line.rstrip("\n").split("\t")[1] for line in open("texts.txt", encoding="utf-8")]
vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *sorted({*" ".join(texts).split()})])}
plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
plain.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")

films = Dataset.from_dict({"script": texts})
films = films.map(lambda row: tokenizer(row["script"]), remove_columns=["script"])

result = {"tokens": films["input_ids"][:]}
