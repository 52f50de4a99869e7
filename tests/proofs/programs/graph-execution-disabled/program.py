# level: unsafe, within 0.001
import pandas as pd
import tensorflow as tf

tf.config.run_functions_eagerly(True)
tf.data.experimental.enable_debug_mode()
tf.keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
data = tf.data.Dataset.from_tensor_slices((table.iloc[:, :12].to_numpy(), table["z"].to_numpy())).batch(64)
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)])
model.compile("adam", "mse")
history = model.fit(data.prefetch(tf.data.AUTOTUNE), epochs=3, verbose=0)

result = {"losses": history.history["loss"]}
