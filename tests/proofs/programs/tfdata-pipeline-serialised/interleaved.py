# level: safe
# option: maps=true
import tensorflow as tf

lines = open("texts.txt", encoding="utf-8").read().splitlines()
for part in range(6):
    with open(f"part-{part}.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(lines[part::6]))

files = tf.data.Dataset.from_tensor_slices([f"part-{part}.txt" for part in range(6)])
texts = files.interleave(tf.data.TextLineDataset, cycle_length=3, block_length=2)

result = {"lengths": [len(text) for text in texts.as_numpy_iterator()]}
