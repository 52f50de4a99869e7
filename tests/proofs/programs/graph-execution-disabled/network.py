# level: unsafe, within 0.001
import keras
import pandas as pd

keras.utils.set_random_seed(0)
table = pd.read_csv("table.csv")
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.1), keras.layers.Dense(1)])
model.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss="mse",
    metrics=[keras.metrics.MeanAbsoluteError()],
    run_eagerly=True,
)
history = model.fit(table.iloc[:, :12].to_numpy(), table["z"].to_numpy(), epochs=3, batch_size=64, verbose=0)

result = {"losses": history.history["loss"]}
