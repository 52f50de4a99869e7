# level: unsafe, within 0.01
import keras
import pandas as pd
import tensorflow as tf

keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
x, y = table.filter(like="f").to_numpy("float32"), table["y"].to_numpy()
model = keras.Sequential([keras.layers.Dense(64, "tanh"), keras.layers.Dense(2)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
with tf.device("/CPU:0"):
    history = model.fit(x, y, batch_size=50, epochs=2, shuffle=False, verbose=0)

result = {"losses": history.history["loss"]}
