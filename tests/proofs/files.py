"""The data that every program finds in its working folder: real files, because rules are silent on generated toys."""

from __future__ import annotations

import csv
import math
import random
import struct
import wave
from pathlib import Path

ROWS, FEATURES = 600, 12
CLIPS, RATE = 40, 8000


def write_files(folder: Path) -> None:
    """Write the data into ``folder``, the same each time.

    ``table.csv``: 600 rows of ``f0`` ... ``f11`` with a class ``y`` (0 or 1) and a target ``z`` that depend on them.
    ``clips``: 40 recordings of 0.1 seconds, ``00-0.wav`` ...; the last figure is the class, which has its own pitch.
    ``texts.txt``: 600 lines, each a label (0 or 1), a tab, and a text of 4 to 40 words.
    """
    source = random.Random(0)
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(f"f{number}" for number in range(FEATURES)), "y", "z"])
        for _ in range(ROWS):
            row = [source.gauss(0, 1) for _ in range(FEATURES)]
            target = row[0] + 0.5 * row[1] * row[2] - abs(row[3]) + source.gauss(0, 0.2)
            writer.writerow([*(f"{value:.6f}" for value in row), int(target > -0.8), f"{target:.6f}"])
    words = [("good", "fine", "bright"), ("bad", "poor", "dull")]
    with (folder / "texts.txt").open("w", encoding="utf-8") as file:
        for _ in range(ROWS):
            label = source.randrange(2)
            text = [source.choice([*words[label], "the", "a", "film", "was"]) for _ in range(source.randint(4, 40))]
            file.write(f"{label}\t{' '.join(text)}\n")
    (folder / "clips").mkdir()
    for number in range(CLIPS):
        label = number % 2
        pitch = source.uniform(300, 600) * (1 + label)
        samples = [int(8000 * math.sin(2 * math.pi * pitch * at / RATE)) for at in range(RATE // 10)]
        with wave.open(str(folder / "clips" / f"{number:02}-{label}.wav"), "wb") as clip:
            clip.setparams((1, 2, RATE, 0, "NONE", ""))
            clip.writeframes(struct.pack(f"<{len(samples)}h", *samples))
