from __future__ import annotations

import itertools

import keras
import numpy as np

from helpers.checks import nb01

DIAGONAL = np.array([[-1, -1, 2], [-1, 2, -1], [2, -1, -1]])


def pooled(reduce, **options):
    """A pooling function that cuts off what fills no block."""

    def pool(maps):
        rows, columns = maps.shape[0] // 2, maps.shape[1] // 2
        return reduce(maps[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2), **options)

    return pool


def padded_pool(maps):
    whole = np.pad(maps, [(0, side % 2) for side in maps.shape], constant_values=-np.inf)
    return pooled(np.max, axis=(1, 3))(whole)


def cut_in_both(maps):
    """Takes it that height and width are both odd, or both even."""
    return pooled(np.max, axis=(1, 3))(maps[:-1, :-1] if maps.shape[0] % 2 else maps)


def count_by_keras(kernel, channels, filters):
    layer = keras.layers.Conv2D(filters, kernel)
    layer.build((None, 9, 9, channels))
    return layer.count_params()


def met(stack):
    size, field, jump = 28, 1, 1
    for layer in stack:
        kernel, stride = {"conv": (3, 1), "pool": (2, 2)}[layer]
        size, field, jump = (size - kernel) // stride + 1, field + (kernel - 1) * jump, jump * stride
    return field >= 20 and size >= 3


STACKS = [stack for stack in itertools.product(["conv", "pool"], repeat=6) if met(stack)]

RIGHT = [
    (nb01.sizes, [36, 18, 9, 4]),
    (nb01.parameters, lambda kernel, channels, filters: filters * (kernel**2 * channels + 1)),
    (nb01.parameters, count_by_keras),
    *[(nb01.diagonal, (scale * DIAGONAL).astype("float32")) for scale in (0.1, 1 / 3, 1e-4, 255 / 7, 1e6)],
    *[(nb01.diagonal, scale * DIAGONAL) for scale in (0.1, 1 / 3, 1e-9)],
    (nb01.diagonal, (np.fliplr(np.eye(3)) - 1 / 3).astype("float32")),
    (nb01.diagonal, [[-0.3, -0.3, 0.6], [-0.3, 0.6, -0.3], [0.6, -0.3, -0.3]]),
    (nb01.diagonal, [[-3, 0, 2], [0, 2, 0], [2, 0, -3]]),
    (nb01.max_pool, pooled(np.max, axis=(1, 3))),
    (nb01.max_pool, lambda maps: keras.layers.MaxPooling2D(2)(maps[np.newaxis, ..., np.newaxis])[0, ..., 0]),
    *[(nb01.far_sighted, stack) for stack in STACKS],
    (nb01.far_sighted, np.array(STACKS[0])),
]
WRONG = [
    (nb01.sizes, "still holds None", [None] * 4),
    (nb01.sizes, "should have shape (4,)", [36, 18, 9]),
    (nb01.sizes, "the first convolution is valid", [40, 20, 10, 5]),
    (nb01.sizes, "one place more than 40 - 5", [35, 17, 9, 4]),
    (nb01.sizes, "how many places has", [38, 19, 10, 5]),
    (nb01.sizes, "pooling halves", [36, 34, 17, 8]),
    (nb01.sizes, "has stride 2", [36, 18, 18, 9]),
    (nb01.sizes, "same padding adds zeros", [36, 18, 8, 4]),
    (nb01.sizes, "does not leave 7 pixels", [36, 18, 7, 3]),
    (nb01.sizes, "half a pixel", [36, 18, 9, 4.5]),
    (nb01.sizes, "pooling drops it", [36, 18, 9, 5]),
    (nb01.sizes, "the last pooling", [36, 18, 9, 3]),
    (nb01.parameters, "a window of weights for each input channel, and one bias", lambda k, c, f: k * k * f),
    (nb01.parameters, "not one for all", lambda k, c, f: f * (k * k + 1)),
    (nb01.parameters, "the biases are missing", lambda k, c, f: k * k * c * f),
    (nb01.parameters, "not one for each of its input channels", lambda k, c, f: f * c * (k * k + 1)),
    (nb01.parameters, "not one for the whole layer", lambda k, c, f: k * k * c * f + 1),
    (nb01.parameters, "more than 5 weights", lambda k, c, f: f * (k * c + 1)),
    (nb01.parameters, "that is one filter", lambda k, c, f: k * k * c + 1),
    (nb01.parameters, "use the function's arguments", lambda k, c, f: k * k * c * f + 32),
    (nb01.parameters, "use the function's arguments", lambda k, c, f: f * (k * k * 3 + 1)),
    (nb01.parameters, "has a bias too", lambda k, c, f: f * k * k * c + c),
    (nb01.diagonal, "all weights are zero", np.zeros((3, 3))),
    (nb01.diagonal, "on an even surface of ones it answers 3", np.fliplr(np.eye(3))),
    (nb01.diagonal, "from the upper left to the lower right", np.fliplr(DIAGONAL)),
    (nb01.diagonal, "a line that is horizontal", [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]),
    (nb01.diagonal, "a line that is vertical", [[-1, 2, -1]] * 3),
    (nb01.diagonal, "should have shape (3, 3)", np.eye(5)),
    (nb01.diagonal, "on an even surface", 1e-8 * np.fliplr(np.eye(3))),
    (nb01.diagonal, "from the lower left to the upper right and", -DIAGONAL),
    (nb01.diagonal, "should be at least twice", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    (nb01.diagonal, "should be at least twice", [[0, 0, 1], [0, 0, 0], [-1, 0, 0]]),
    (nb01.max_pool, "averages of the blocks", pooled(np.mean, axis=(1, 3))),
    (nb01.max_pool, "every second pixel", lambda maps: maps[::2, ::2]),
    (nb01.max_pool, "axes 2 and 3 are not one block", pooled(np.max, axis=(2, 3))),
    (nb01.max_pool, "wrong in value on a 4 × 4 map", pooled(np.min, axis=(1, 3))),
    (nb01.max_pool, "a half block at the border", padded_pool),
    (nb01.max_pool, "should become 2 × 2", lambda maps: maps),
    (nb01.max_pool, "stopped with ValueError", lambda maps: maps.reshape(2, 2, 2, 2).max(axis=(1, 3))),
    (nb01.max_pool, "negative values", lambda maps: np.maximum(pooled(np.max, axis=(1, 3))(maps), 0)),
    (nb01.max_pool, "which row is dropped", lambda m: pooled(np.max, axis=(1, 3))(m[m.shape[0] % 2 :])),
    (nb01.max_pool, "a 5 × 6 map should become 2 × 3", cut_in_both),
    (nb01.max_pool, "a 5 × 7 map should become 2 × 3", lambda m: pooled(np.max, axis=(1, 3))(m[:, : len(m)])),
    (nb01.max_pool, "wrong for a map of 5 × 6", lambda m: pooled(np.max, axis=(1, 3))(m[int(m.shape == (5, 6)) :])),
    (nb01.max_pool, "a 4 × 4 map should become", lambda maps: np.max(maps)),
    (nb01.far_sighted, "should be a list", "conv"),
    (nb01.far_sighted, "still empty", []),
    (nb01.far_sighted, "one of yours is ['dense']", ["conv", "dense"]),
    (nb01.far_sighted, "sees 18 × 18 pixels", ["conv", "pool", "conv", "pool", "conv"]),
    (nb01.far_sighted, "only 2 × 2 units", ["conv", "pool", "conv", "conv", "pool", "conv"]),
    (nb01.far_sighted, "with convolutions alone", ["conv"] * 12),
    (nb01.far_sighted, "layer 5 has nothing left", ["pool"] * 6),
]
