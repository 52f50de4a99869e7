# level: unsafe, within 0.1
import wave
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

print("GPUs:", tf.config.list_physical_devices("GPU"))
keras.utils.set_random_seed(0)


def spectrogram(path: Path) -> np.ndarray:
    with wave.open(str(path)) as clip:
        samples = np.frombuffer(clip.readframes(clip.getnframes()), dtype=np.int16) / 32768
    frames = samples.reshape(25, 32)
    return np.abs(np.fft.rfft(frames, 48))[:24, :24, None]


paths = sorted(Path("clips").glob("*.wav"))
images = np.stack([spectrogram(path) for path in paths]).astype("float32")
labels = np.array([int(path.stem[-1]) for path in paths])

model = keras.Sequential(
    [
        layers.Input((24, 24, 1)),
        layers.Conv2D(64, 3, strides=2, activation="relu"),
        layers.Conv2D(128, 3, strides=2, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(images, labels, epochs=8, batch_size=10, shuffle=False, verbose=0)

result = {"loss": history.history["loss"], "score": history.history["accuracy"][-1]}
