from __future__ import annotations

import numpy as np

from helpers.checks import start

generator = np.random.default_rng(0)


def first(labels, classes):
    return [int((labels == c).argmax()) if (labels == c).any() else -1 for c in range(classes)]


RIGHT = [
    (start.megabytes, [67.5, 270]),
    (start.megabytes, (68, 272)),
    (start.draw, lambda seed: np.random.default_rng(seed).normal(size=3)),
    (start.first_of_each, first),
    (start.first_of_each, lambda labels, classes: np.array(first(labels, classes))),
]
WRONG = [
    (start.megabytes, "three numbers for each pixel", [22.5, 90]),
    (start.megabytes, "these are bytes", [67_500_000, 270_000_000]),
    (start.megabytes, "that is one photo", [0.0675, 0.27]),
    (start.megabytes, "is the first number the second", [270, 67.5]),
    (start.megabytes, "is not what 1,000", [100, 400]),
    (start.megabytes, "float64 takes 8", [67.5, 540]),
    (start.megabytes, "32 are the bits", [67.5, 2160]),
    (start.megabytes, "as float32 it is not", [67.5, 67.5]),
    (start.draw, "should have shape (3,)", lambda seed: 1.0),
    (start.draw, "that is not random", lambda seed: [0, 0, 0]),
    (start.draw, "goes on from where it was", lambda seed: generator.normal(size=3)),
    (start.draw, "the argument is not used", lambda seed: np.random.default_rng(0).normal(size=3)),
    (start.first_of_each, "the same class each time", lambda labels, classes: [(labels == 0).argmax()] * classes),
    (start.first_of_each, "the last images", lambda labels, classes: [4, 3, 2]),
    (start.first_of_each, "for the labels 2 0 2 1 0 it gives [0, 3, 1]", lambda labels, classes: [0, 3, 1]),
    (
        start.first_of_each,
        "nothing but False",
        lambda labels, classes: [(labels == c).argmax() for c in range(classes)],
    ),
    (start.first_of_each, "for the labels 2 0 2 it gives", lambda *given: [9 if i < 0 else i for i in first(*given)]),
]
