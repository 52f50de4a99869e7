# level: unsafe, within 0.05
# option: maps=true
import pandas as pd
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
features, targets = table.iloc[:, :12].to_numpy("float32"), table["y"].to_numpy("float32")


def disturb(row, target):
    return row + tf.random.normal((12,), stddev=0.1), target


rows = tf.data.Dataset.from_tensor_slices((features, targets))
rows = rows.map(disturb).batch(32)
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)])
model.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(rows, epochs=15, verbose=0)

result = {"score": float(((model(features)[:, 0] > 0) == targets.astype(bool)).numpy().mean())}
