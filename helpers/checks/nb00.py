"""Self-checks of notebook 00: bytes of a batch, seeds, the first image of each class."""

from __future__ import annotations

import numpy as np

from helpers.checks import called, check, expect, given, numbers


@check
def megabytes(answer) -> str:
    """Two numbers: megabytes of 1,000 color photos of 150 × 150 pixels as uint8 and as float32."""
    small, large = numbers(answer, (2,), "megabytes")
    pixels = 150 * 150 * 1000 / 1e6
    expect(not np.isclose(small, pixels), "a color photo has three numbers for each pixel: red, green and blue")
    expect(not np.isclose(small, 3 * pixels * 1e6), "these are bytes: a megabyte is a million of them")
    expect(not np.isclose(small, 3 * pixels / 1000), "that is one photo, and there are 1,000")
    expect(not np.isclose(small, 3 * pixels / 1.024**2), "a megabyte is a million bytes here, not of 1,024 × 1,024")
    expect(not np.isclose(small, 4 * 3 * pixels), "a uint8, 0 to 255, takes one byte: is the first number the second?")
    expect(np.isclose(small, 3 * pixels, atol=0.6), f"{small:g} MB is not what 1,000 × 150 × 150 × 3 bytes take")
    expect(not np.isclose(large, 8 * small, rtol=0.02), "float64 takes 8 bytes; a float of 32 bits takes fewer")
    expect(not np.isclose(large, 32 * small, rtol=0.02), "32 are the bits; a byte has eight of them")
    expect(np.isclose(large, 4 * small, rtol=0.02), f"as float32 it is not {large:g} MB: how many bytes are 32 bits?")
    return "67.5 MB in bytes, 270 MB in floats: notebook 03 keeps photos as bytes for this reason"


@check
def draw(answer) -> str:
    """A function seed -> three random numbers: equal for equal seeds, different for different ones."""
    seeds = np.arange(1, 21)
    drawn, again = (
        np.array([given(answer, int(seed), shape=(3,), name="what draw gives") for seed in seeds]) for _ in range(2)
    )
    expect(len(np.unique(drawn)) > 1, "it gives the same number again and again: that is not random")
    same = np.array_equal(drawn, again)
    expect(same, "draw(1) was called twice and gave different numbers: its generator goes on from where it was")
    expect(len(np.unique(drawn, axis=0)) > 10, "draw(1) and draw(2) are equal: the argument is not used")
    expect(np.ptp(drawn, axis=0).all(), "one of the three numbers is the same for every seed")
    related = (np.abs(np.corrcoef([*drawn.T, seeds])) - np.eye(4)).max()
    expect(related < 0.9, "the numbers rise and fall together or with the seed: each of the three has to be drawn")
    return "the same seed gives the same numbers, however often and in whatever order the cell is run"


@check
def first_of_each(answer) -> str:
    """A function (labels, classes) -> the index of the first image of each class, -1 for one that does not occur."""
    indices = given(answer, np.array([2, 0, 2, 1, 0]), 3, shape=(3,), name="what your function gives for three classes")
    expect(not np.array_equal(indices, [1, 3, -1]), "image 0 is the first of its class, and is taken for none")
    expect(not np.array_equal(indices, [1, 1, 1]), "it looks for the same class each time")
    expect(not np.array_equal(indices, [4, 3, 2]), "these are the last images of each class")
    expect(np.array_equal(indices, [1, 3, 0]), f"for the labels 2 0 2 1 0 it gives {indices.astype(int).tolist()}")
    one_each = "it should give one index for each of the classes, and -1 if it has none"
    indices = called(answer, np.array([2, 0, 2]), 3)
    expect(np.size(indices) == 3, one_each)
    indices = numbers(indices, (3,), "what your function gives if a class is missing")
    expect(indices[1] != 0, "no label is 1, and it says that image 0 is one: what is the argmax of nothing but False?")
    expect(np.array_equal(indices, [1, -1, 0]), f"for the labels 2 0 2 it gives {indices.astype(int).tolist()}")
    rng = np.random.default_rng(0)
    for classes in (4, 5, 9):
        labels = rng.integers(0, classes - 1, 12)  # the last class does not occur
        name = f"for the labels {' '.join(map(str, labels))} and {classes} classes what your function gives"
        right = [labels.tolist().index(label) if label in labels else -1 for label in range(classes)]
        indices = called(answer, labels, classes)
        expect(np.size(indices) == classes, one_each)
        expect(np.array_equal(numbers(indices, (classes,), name), right), f"{name} is {np.asarray(indices).tolist()}")
    return "and a class that does not occur is not shown as the first image of all"
