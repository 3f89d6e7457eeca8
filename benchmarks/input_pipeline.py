"""Images a second of the course's input pipeline and of Keras's legacy ``ImageDataGenerator``, in one run.

    python course.py dev benchmark input_pipeline

Both read the 2,000 training photos, resize them to 150 × 150 pixels with bilinear interpolation, scale them to
0-1, mirror, turn, shift and zoom them at random, and give shuffled batches of 32. Nothing is trained. The two take
turns, so that a busy moment of the machine hits both; the ratio is what to quote.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from benchmarks import ratio, take_turns, tf, write
from helpers import data
from helpers.augmentation import RandomAffine

SIDE, BATCH, EPOCHS = 150, 32, 4


def read(batches: Iterable, count: int) -> None:
    """Take batches until so many photos were seen; the generator has no end."""
    for images, _ in batches:
        count -= len(images)
        if count <= 0:
            return


def main() -> None:
    pets = data.cats_and_dogs(SIDE, BATCH)
    augment = keras.Sequential([RandomAffine(turn=40, shift=0.2, zoom=0.2), keras.layers.Rescaling(1 / 255)])
    ours = pets.train.map(lambda x, y: (augment(x, training=True), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    views = {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "zoom_range": 0.2}
    legacy = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, **views).flow_from_directory(
        pets.files.folder / "train", (SIDE, SIDE), batch_size=BATCH, class_mode="binary", interpolation="bilinear"
    )
    count = len(pets.files.paths["train"])
    times = take_turns(
        {"tf.data": lambda: read(ours, count), "ImageDataGenerator": lambda: read(legacy, count)}, EPOCHS
    )
    result = {
        "images_a_second": {name: [round(count / each) for each in epochs] for name, epochs in times.items()},
        "ratio_first_epoch": round(times["ImageDataGenerator"][0] / times["tf.data"][0], 2),
        "ratio_later_epochs": ratio(times, "ImageDataGenerator", "tf.data"),
        "photos": count,
        "data": pets.source.partition(" from ")[0],
    }
    write("input_pipeline", result)


if __name__ == "__main__":
    main()
