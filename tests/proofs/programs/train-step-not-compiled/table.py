# level: unsafe, within 0.001
import pandas as pd
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
rows = tf.data.Dataset.from_tensor_slices((table.iloc[:, :12].to_numpy("float32"), table["z"].to_numpy("float32")))
dataset = rows.batch(64)
model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)])
loss_fn = tf.keras.losses.MeanSquaredError()
optimizer = tf.keras.optimizers.Adam(0.01)
mean = tf.keras.metrics.Mean()


def train_step(features, targets):
    with tf.GradientTape() as tape:
        loss = loss_fn(targets, tf.squeeze(model(features, training=True), 1))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    mean.update_state(loss)
    return loss


losses = []
for epoch in range(3):
    for features, targets in dataset:
        loss = train_step(features, targets)
        losses.append(float(loss))

result = {"losses": losses, "mean": float(mean.result())}
