from __future__ import annotations

import keras
import numpy as np

from helpers import models
from helpers.checks import seeing

NETWORK, OTHER = models.fashion_convnet(), models.fashion_convnet()
IMAGES = np.random.default_rng(0).random((2, 28, 28, 1)).astype("float32")


def outputs(*names, network=NETWORK):
    return keras.Model(network.inputs, [network.get_layer(name).output for name in names])


def bypassed():
    """conv2 is the network's own, but is fed with another layer's maps."""
    inputs = keras.Input((28, 28, 1))
    first = NETWORK.get_layer("conv1")(inputs)
    return keras.Model(inputs, [first, NETWORK.get_layer("conv2")(OTHER.get_layer("pool1")(first) * 2)])


def dead(maps):
    return np.flatnonzero(maps.max(axis=(0, 1, 2)) == 0)


def sheet(maps, columns, rows=None, silent=np.nan, empty=np.nan, each=True, zero=False):
    height, width, channels = maps.shape
    rows = -(-channels // columns) if rows is None else channels // columns
    picture = np.full((rows * height, columns * width), empty)
    for channel in range(min(channels, rows * columns)):
        row, column = divmod(channel, columns)
        own = maps[..., channel]
        scale = own.max() if each else maps.max()
        values = own / scale if own.any() else np.full(own.shape, silent)
        if zero:
            values = np.where(values == 0, np.nan, values)
        picture[row * height : (row + 1) * height, column * width : (column + 1) * width] = values
    return picture


def varied(**options):
    return lambda maps, columns: sheet(maps, columns, **options)


RIGHT = [
    (seeing.two_layers, outputs("conv1", "conv2"), NETWORK, IMAGES),
    (seeing.silent_share, lambda maps: (maps == 0).all(axis=(1, 2)).mean(axis=-1)),
    (seeing.dead_channels, dead),
    (seeing.dead_channels, lambda maps: list(dead(maps))),
    (seeing.whole_sheet, sheet),
]
WRONG = [
    (seeing.two_layers, "the ten answers", keras.Model(NETWORK.inputs, NETWORK.outputs), NETWORK, IMAGES),
    (seeing.two_layers, "one output", outputs("conv2"), NETWORK, IMAGES),
    (seeing.two_layers, "in the other order", outputs("conv2", "conv1"), NETWORK, IMAGES),
    (seeing.two_layers, "the pooling behind", outputs("pool1", "conv2"), NETWORK, IMAGES),
    (seeing.two_layers, "not the network's own", outputs("conv1", "conv2", network=OTHER), NETWORK, IMAGES),
    (seeing.two_layers, "do not get what they get", bypassed(), NETWORK, IMAGES),
    (seeing.two_layers, "3 outputs", outputs("conv1", "conv2", "pool1"), NETWORK, IMAGES),
    (seeing.two_layers, "a model is expected", lambda x: x, NETWORK, IMAGES),
    (seeing.silent_share, "this is the share of zeros", lambda maps: (maps == 0).mean(axis=(1, 2, 3))),
    (seeing.silent_share, "as soon as one of its places", lambda maps: (maps == 0).any(axis=(1, 2)).mean(axis=-1)),
    (seeing.silent_share, "one number for all", lambda maps: (maps == 0).all(axis=(1, 2)).mean()),
    (seeing.silent_share, "one number a channel", lambda maps: (maps == 0).all(axis=(1, 2)).mean(axis=0)),
    (seeing.silent_share, "channels that answer", lambda maps: (maps != 0).any(axis=(1, 2)).mean(axis=-1)),
    (seeing.silent_share, "how many are silent", lambda maps: (maps == 0).all(axis=(1, 2)).sum(axis=-1)),
    (seeing.silent_share, "are no silence", lambda maps: (maps.max(axis=(1, 2)) <= 0).mean(axis=-1)),
    (seeing.silent_share, "it gives 0.00", lambda maps: np.zeros(3)),
    (seeing.dead_channels, "channels 2 and 3", lambda maps: np.flatnonzero(maps[0].max(axis=(0, 1)) == 0)),
    (seeing.dead_channels, "channel 2 is", lambda maps: np.flatnonzero(maps.mean(axis=(0, 1, 2)) < 1e-3 / 54)),
    (seeing.dead_channels, "some is not all", lambda maps: np.flatnonzero((maps.max(axis=(1, 2)) == 0).any(axis=0))),
    (seeing.dead_channels, "that do answer", lambda maps: np.flatnonzero(maps.max(axis=(0, 1, 2)) > 0)),
    (seeing.dead_channels, "True or False", lambda maps: maps.max(axis=(0, 1, 2)) == 0),
    (seeing.dead_channels, "is missing", lambda maps: [5, 6]),
    (seeing.dead_channels, "that answers somewhere", lambda maps: [4, 5, 6, 7]),
    (seeing.whole_sheet, "need a third row", varied(rows=0)),
    (seeing.whole_sheet, "like a dark one", varied(silent=0.0)),
    (seeing.whole_sheet, "look like dark channels", varied(empty=0.0)),
    (seeing.whole_sheet, "divided by one value", varied(each=False)),
    (seeing.whole_sheet, "has NaN in it", varied(zero=True)),
    (seeing.whole_sheet, "should give (9, 12)", lambda maps, columns: sheet(maps, columns).T),
    (seeing.whole_sheet, "over its own largest", lambda maps, columns: 2 * sheet(maps, columns)),
    (
        seeing.whole_sheet,
        "not in it",
        lambda maps, columns: np.pad(sheet(maps, columns, rows=0), ((0, 3), (0, 0)), constant_values=np.nan),
    ),
    (
        seeing.whole_sheet,
        "fill one row",
        lambda maps, columns: np.pad(sheet(maps, columns), ((0, 3 * (maps.shape[-1] == 3)), (0, 0))),
    ),
]
