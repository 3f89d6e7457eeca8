from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers import models
from helpers.checks import nb07

NETWORK, OTHER = models.fashion_convnet(), models.fashion_convnet()
IMAGES = np.random.default_rng(0).random((2, 28, 28, 1)).astype("float32")


def outputs(*names, network=NETWORK):
    return keras.Model(network.inputs, [network.get_layer(name).output for name in names])


def bypassed():
    """conv2 is the network's own, but is fed with another layer's maps."""
    inputs = keras.Input((28, 28, 1))
    first = NETWORK.get_layer("conv1")(inputs)
    return keras.Model(inputs, [first, NETWORK.get_layer("conv2")(OTHER.get_layer("pool1")(first) * 2)])


def rebuilt():
    """A model of its own inputs, through the network's layers."""
    inputs = keras.Input((28, 28, 1))
    first = NETWORK.get_layer("conv1")(inputs)
    return keras.Model(inputs, (first, NETWORK.get_layer("conv2")(NETWORK.get_layer("pool1")(first))))


def named():
    return keras.Model(NETWORK.inputs, {name: NETWORK.get_layer(name).output for name in ("conv1", "conv2")})


def silent_by_tensorflow(maps):
    silent = tf.reduce_all(tf.constant(maps, "float32") == 0, axis=(1, 2))
    return tf.reduce_mean(tf.cast(silent, "float32"), axis=-1)


def dead_by_loop(maps):
    return {channel for channel in range(maps.shape[-1]) if not maps[..., channel].any()}


def dead_by_tensorflow(maps):
    return tf.where(tf.reduce_all(tf.constant(maps) == 0, axis=(0, 1, 2)))[:, 0]


def down_the_columns(maps, columns):
    rows = -(-maps.shape[-1] // columns)
    order = np.arange(rows * columns).reshape(rows, columns).T.ravel()
    room = np.pad(maps, [(0, 0), (0, 0), (0, rows * columns - maps.shape[-1])])
    return sheet(room[..., np.argsort(order)], columns)


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
    (nb07.two_layers, rebuilt(), NETWORK, IMAGES),
    (nb07.two_layers, named(), NETWORK, IMAGES),
    (nb07.silent_share, lambda maps: (maps == 0).all(axis=(1, 2)).mean(axis=-1)),
    (nb07.silent_share, silent_by_tensorflow),
    (nb07.dead_channels, lambda maps: np.where(~maps.any(axis=(0, 1, 2)))[0][::-1]),
    *[(nb07.dead_channels, function) for function in (dead_by_loop, dead_by_tensorflow)],
    (nb07.whole_sheet, sheet),
    (nb07.whole_sheet, lambda maps, columns: sheet(maps, columns).astype("float32").tolist()),
]
WRONG = [
    (nb07.two_layers, "the ten answers", keras.Model(NETWORK.inputs, NETWORK.outputs), NETWORK, IMAGES),
    (nb07.two_layers, "one output", outputs("conv2"), NETWORK, IMAGES),
    (nb07.two_layers, "in the other order", outputs("conv2", "conv1"), NETWORK, IMAGES),
    (nb07.two_layers, "the pooling behind", outputs("pool1", "conv2"), NETWORK, IMAGES),
    (nb07.two_layers, "not the network's own", outputs("conv1", "conv2", network=OTHER), NETWORK, IMAGES),
    (nb07.two_layers, "do not get what they get", bypassed(), NETWORK, IMAGES),
    (nb07.two_layers, "3 outputs", outputs("conv1", "conv2", "pool1"), NETWORK, IMAGES),
    (nb07.two_layers, "a Keras model is expected", lambda x: x, NETWORK, IMAGES),
    (nb07.silent_share, "this is the share of zeros", lambda maps: (maps == 0).mean(axis=(1, 2, 3))),
    (nb07.silent_share, "as soon as one of its places", lambda maps: (maps == 0).any(axis=(1, 2)).mean(axis=-1)),
    (nb07.silent_share, "one number for all", lambda maps: (maps == 0).all(axis=(1, 2)).mean()),
    (nb07.silent_share, "one number per channel", lambda maps: (maps == 0).all(axis=(1, 2)).mean(axis=0)),
    (nb07.silent_share, "channels that answer", lambda maps: (maps != 0).any(axis=(1, 2)).mean(axis=-1)),
    (nb07.silent_share, "how many are silent", lambda maps: (maps == 0).all(axis=(1, 2)).sum(axis=-1)),
    (nb07.silent_share, "are no silence", lambda maps: (maps.max(axis=(1, 2)) <= 0).mean(axis=-1)),
    (nb07.silent_share, "it gives 0.00", lambda maps: np.zeros(3)),
    (nb07.silent_share, "of shape (4, 3, 2, 6)", lambda maps: (maps == 0).all(axis=(1, 2)).sum(axis=-1) / 10),
    (nb07.silent_share, "however faint", lambda maps: (maps < 1e-3).all(axis=(1, 2)).mean(axis=-1)),
    (nb07.silent_share, "should have shape (3,)", lambda maps: (maps == 0).all(axis=(1, 2))),
    (nb07.silent_share, "should have shape (4,)", lambda maps: [0.6, 0.9, 0.0]),
    (nb07.dead_channels, "channels 2 and 3", lambda maps: np.flatnonzero(maps[0].max(axis=(0, 1)) == 0)),
    (nb07.dead_channels, "some is not all", lambda maps: np.flatnonzero((maps.max(axis=(1, 2)) == 0).any(axis=0))),
    (nb07.dead_channels, "that do answer", lambda maps: np.flatnonzero(maps.max(axis=(0, 1, 2)) > 0)),
    (nb07.dead_channels, "True or False", lambda maps: maps.max(axis=(0, 1, 2)) == 0),
    (nb07.dead_channels, "that answers somewhere", lambda maps: [4, 5, 6, 7]),
    (nb07.dead_channels, "of other maps", lambda maps: [5, 6, 7]),
    (nb07.dead_channels, "of other maps", lambda maps: dead(maps) if len(dead(maps)) else [0]),
    (nb07.dead_channels, "of other maps", lambda maps: dead(maps[:6])),
    (nb07.dead_channels, "channel 2 is", lambda maps: dead(maps[:-1])),
    (nb07.dead_channels, "is missing", lambda maps: dead(maps) + 1),
    (nb07.dead_channels, "has shape (1, 3)", lambda maps: np.where(maps.max(axis=(0, 1, 2)) == 0)),
    (nb07.whole_sheet, "need a third row", varied(rows=0)),
    (nb07.whole_sheet, "like a dark one", varied(silent=0.0)),
    (nb07.whole_sheet, "look like dark channels", varied(empty=0.0)),
    (nb07.whole_sheet, "divided by one value", varied(each=False)),
    (nb07.whole_sheet, "has NaN in it", varied(zero=True)),
    (nb07.whole_sheet, "should give (9, 12)", lambda maps, columns: sheet(maps, columns).T),
    (nb07.whole_sheet, "over its own largest", lambda maps, columns: sheet(maps - maps.min((0, 1)), columns)),
    (nb07.whole_sheet, "go down the columns", down_the_columns),
    (nb07.whole_sheet, "5 channels in rows of 2", lambda maps, columns: sheet(maps, 3)),
    (nb07.whole_sheet, "not in it", lambda *given: np.r_[sheet(*given, rows=0), np.full((3, 12), np.nan)]),
    (nb07.whole_sheet, "fill one row", lambda m, columns: np.pad(sheet(m, columns), (0, 3 * (m.shape[-1] == 3)))),
]
