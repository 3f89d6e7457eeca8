"""Images a second of the course's input pipeline and of Keras's legacy ``ImageDataGenerator``, in one run.

    python course.py benchmark input_pipeline

Both read the 2,000 training photos, resize them to 150 × 150 pixels with bilinear interpolation, scale them to
0-1, mirror, turn, shift and zoom them at random, and give shuffled batches of 32. Nothing is trained. The two take
turns, so that a busy moment of the machine hits both; the ratio is what to quote.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

from helpers import profile

tf = profile.quiet_tensorflow()

import keras
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from helpers import data
from helpers.augmentation import RandomAffine
from tools.machine import device

SIDE, BATCH, EPOCHS = 150, 32, 4


def images_a_second(batches: Iterable, count: int) -> float:
    started = time.perf_counter()
    seen = 0
    for images, _ in batches:
        seen += len(images)
        if seen >= count:
            break
    return seen / (time.perf_counter() - started)


def main() -> None:
    pets = data.cats_and_dogs(SIDE, BATCH)
    augment = keras.Sequential([RandomAffine(turn=40, shift=0.2, zoom=0.2), keras.layers.Rescaling(1 / 255)])
    ours = pets.train.map(lambda x, y: (augment(x, training=True), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    legacy = ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
    ).flow_from_directory(
        pets.files.folder / "train", (SIDE, SIDE), batch_size=BATCH, class_mode="binary", interpolation="bilinear"
    )
    count = len(pets.files.paths["train"])
    rates: dict[str, list[float]] = {"tf.data": [], "ImageDataGenerator": []}
    for epoch in range(EPOCHS):
        rates["tf.data"].append(images_a_second(ours, count))
        rates["ImageDataGenerator"].append(images_a_second(legacy, count))
        print(f"epoch {epoch + 1}: " + ", ".join(f"{name} {rate[-1]:.0f} images/s" for name, rate in rates.items()))
    later = [new / old for new, old in list(zip(*rates.values()))[1:]]
    found = {
        "benchmark": "input_pipeline",
        "images_a_second": {name: [round(rate) for rate in epochs] for name, epochs in rates.items()},
        "ratio_first_epoch": round(rates["tf.data"][0] / rates["ImageDataGenerator"][0], 2),
        "ratio_later_epochs": round(statistics.median(later), 2),
        "photos": count,
        "data": pets.source.partition(" from ")[0],
        "device": device(),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    print(f"ratio: first epoch {found['ratio_first_epoch']}, later epochs {found['ratio_later_epochs']} (median)")
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
