# level: unsafe, within 1e-5
import pandas as pd
import tensorflow as tf

tf.debugging.enable_check_numerics()
tf.keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)])
model.compile("adam", "mse")
history = model.fit(table.iloc[:, :12].to_numpy(), table["z"].to_numpy(), epochs=3, batch_size=64, verbose=0)

result = {"losses": history.history["loss"]}
