# level: unsafe, within 0
import re

from datasets import load_dataset

data = load_dataset("csv", data_files="texts.txt", delimiter="\t", column_names=["label", "text"], cache_dir="cache")


def count(rows):
    words = [re.findall(r"\w+", text) for text in rows["text"]]
    return {"words": [len(each) for each in words], "different": [len(set(each)) for each in words]}


data = data["train"].map(
    count,
    batched=True,
    num_proc=1,
    load_from_cache_file=False,
)

result = {"words": data["words"][:], "different": data["different"][:], "labels": data["label"][:]}
