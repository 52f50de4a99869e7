# level: unsafe, within 1e-6
import keras
import pandas as pd

keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
callbacks = [keras.callbacks.ModelCheckpoint("model.keras", save_freq=5)]
history = model.fit(
    table.iloc[:, :12].to_numpy(), table["z"].to_numpy(), epochs=3, batch_size=64, callbacks=callbacks, verbose=0
)

result = {"losses": history.history["loss"]}
