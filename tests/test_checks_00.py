from __future__ import annotations

import random

import keras
import numpy as np
import tensorflow as tf

from helpers.checks import nb00

generator = np.random.default_rng(0)


def first(labels, classes):
    return [int((labels == c).argmax()) if (labels == c).any() else -1 for c in range(classes)]


def first_by_list(labels, classes):
    labels = labels.tolist()
    return tuple(labels.index(c) if c in labels else -1 for c in range(classes))


def first_by_unique(labels, classes):
    indices = np.full(classes, -1)
    present, places = np.unique(labels, return_index=True)
    indices[present] = places
    return indices


def first_by_tensorflow(labels, classes):
    same = tf.cast(labels == tf.range(classes, dtype=labels.dtype)[:, tf.newaxis], "int32")
    return tf.where(tf.reduce_any(same == 1, axis=1), tf.argmax(same, axis=1), -1)


def last(labels, classes):
    return [int(np.flatnonzero(labels == c).max(initial=-1)) for c in range(classes)]


def drawn(draw):
    """A draw from NumPy's generator of the seed."""
    return lambda seed: draw(np.random.default_rng(seed))


def by_legacy_seed(seed):
    np.random.seed(seed)
    return np.random.uniform(size=3)


def by_python(seed):
    rng = random.Random(seed)
    return [rng.random() for _ in range(3)]


FIXED = np.array([0.3, -1.2, 0.7])

RIGHT = [
    (nb00.megabytes, [67.5, 270]),
    (nb00.megabytes, (68, 272)),
    (nb00.megabytes, np.array([67.5, 270], "float32")),
    (nb00.megabytes, tf.constant([67.5, 270])),
    (nb00.megabytes, [np.float64(67.5), tf.constant(270)]),
    (nb00.draw, drawn(lambda rng: rng.normal(size=3))),
    (nb00.draw, drawn(lambda rng: rng.random(3, "float32").tolist())),
    (nb00.draw, drawn(lambda rng: tuple(rng.integers(0, 10, 3)))),
    (nb00.draw, drawn(lambda rng: sorted(rng.normal(100, 0.1, 3)))),
    (nb00.draw, by_legacy_seed),
    (nb00.draw, by_python),
    (nb00.draw, lambda seed: keras.random.normal((3,), seed=seed)),
    (nb00.draw, lambda seed: tf.random.stateless_uniform((3,), (seed, 0))),
    *[(nb00.first_of_each, function) for function in (first, first_by_list, first_by_unique, first_by_tensorflow)],
    (nb00.first_of_each, lambda labels, classes: np.array(first(labels, classes), "float32")),
]
WRONG = [
    (nb00.megabytes, "three numbers for each pixel", [22.5, 90]),
    (nb00.megabytes, "these are bytes", [67_500_000, 270_000_000]),
    (nb00.megabytes, "that is one photo", [0.0675, 0.27]),
    (nb00.megabytes, "is the first number the second", [270, 67.5]),
    (nb00.megabytes, "is not what 1,000", [100, 400]),
    (nb00.megabytes, "not of 1,024 × 1,024", [67.5e6 / 2**20, 270e6 / 2**20]),
    (nb00.megabytes, "float64 takes 8", [67.5, 540]),
    (nb00.megabytes, "32 are the bits", [67.5, 2160]),
    (nb00.megabytes, "as float32 it is not", [67.5, 67.5]),
    (nb00.draw, "should have shape (3,)", lambda seed: 1.0),
    (nb00.draw, "that is not random", lambda seed: [0, 0, 0]),
    (nb00.draw, "should have shape (3,)", drawn(lambda rng: rng.normal(size=(1, 3)))),
    (nb00.draw, "goes on from where it was", lambda seed: generator.normal(size=3)),
    (nb00.draw, "goes on from where it was", lambda seed: keras.random.normal((3,))),
    (nb00.draw, "the argument is not used", lambda seed: np.random.default_rng(0).normal(size=3)),
    (nb00.draw, "the same for every seed", drawn(lambda rng: [rng.normal(), 0.5, 2])),
    (nb00.draw, "each of the three has to be drawn", lambda seed: [seed, seed + 1, seed + 2]),
    (nb00.draw, "each of the three has to be drawn", lambda seed: [seed, seed**2, seed**3]),
    (nb00.draw, "each of the three has to be drawn", lambda seed: FIXED * seed),
    (nb00.draw, "each of the three has to be drawn", drawn(lambda rng: [rng.normal()] * 3)),
    (nb00.first_of_each, "the same class each time", lambda labels, classes: [(labels == 0).argmax()] * classes),
    (nb00.first_of_each, "the last images", lambda labels, classes: [4, 3, 2]),
    (nb00.first_of_each, "for the labels 2 0 2 1 0 it gives [0, 3, 1]", lambda labels, classes: [0, 3, 1]),
    (nb00.first_of_each, "nothing but False", lambda labels, classes: [(labels == c).argmax() for c in range(classes)]),
    (nb00.first_of_each, "for the labels 2 0 2 it gives", lambda *given: [9 if i < 0 else i for i in first(*given)]),
    (nb00.first_of_each, "image 0 is the first of its class", lambda *given: [i or -1 for i in first(*given)]),
    (nb00.first_of_each, "still holds None", lambda *given: [None if i < 0 else i for i in first(*given)]),
    (nb00.first_of_each, "and -1 if it has none", lambda labels, classes: first(labels, labels.max() + 1)),
    (nb00.first_of_each, "and -1 if it has none", lambda labels, classes: first(labels, len(set(labels)))),
    (
        nb00.first_of_each,
        "one index for each of the classes",
        lambda labels, classes: [1, 3, 0] if len(labels) == 5 else [1, -1, 0],
    ),
    (nb00.first_of_each, "these are the last images", last),
]
