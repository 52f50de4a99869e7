# level: safe
# option: maps=true
import glob

import tensorflow as tf

paths = sorted(glob.glob("clips/*.wav"))


def decode(path):
    sound, _ = tf.audio.decode_wav(tf.io.read_file(path))
    return tf.reduce_mean(tf.abs(tf.signal.rfft(sound[:, 0]))), tf.shape(sound)[0]


clips = tf.data.Dataset.from_tensor_slices(paths).shuffle(40, seed=0)
clips = clips.map(decode).batch(8)

levels, lengths = [], []
for _ in range(2):
    for level, length in clips:
        levels += level.numpy().tolist()
        lengths += length.numpy().tolist()

result = {"levels": levels, "lengths": lengths}
