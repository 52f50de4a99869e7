# level: unsafe, within 0.02
import keras
import pandas as pd
from keras import layers
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(3)
table = pd.read_csv("table.csv")
images = table.drop(columns=["y", "z"]).to_numpy().reshape(-1, 4, 3, 1)
x_train, x_test, y_train, y_test = train_test_split(images, table["y"].to_numpy(), test_size=0.25, random_state=3)

model = keras.Sequential(
    [
        keras.Input((4, 3, 1)),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.Conv2D(128, 3, padding="same", activation="relu"),
        layers.Conv2D(128, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(3e-4), "binary_crossentropy", metrics=["accuracy"])
callbacks = [keras.callbacks.ModelCheckpoint("last.weights.h5", save_weights_only=True)]
history = model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=40,
    validation_split=0.2,
    callbacks=callbacks,
    verbose=0,
)

result = {"score": model.evaluate(x_test, y_test, verbose=0)[1]}
