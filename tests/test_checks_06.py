from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers import bases
from helpers.checks import nb06


def base(*free, frozen=False):
    """The course's base, itself ``frozen`` or not; of its layers those are free whose names start like one of these."""
    model = bases.menagerie_net(32)
    model.trainable = not frozen
    for layer in model.layers:
        layer.trainable = layer.name.startswith(free)
    return model


def with_frozen_bias():
    model = base("block5")
    model.get_layer("block5_conv1").bias.trainable = False
    return model


def exactly(before, after):
    return [name for name in before if not all(map(np.array_equal, before[name], after[name]))]


def by(same):
    return lambda before, after: [name for name in before if not all(map(same, before[name], after[name]))]


def by_largest(before, after):
    for name in before:
        if any(np.abs(a - b).max() > 0 for a, b in zip(before[name], after[name])):
            yield name


def kernels_left_out(before, after):
    return [name for name in before if before[name] and (before[name][-1] != after[name][-1]).any()]


def small(conv=0.0, mean=0.0, variance=0.0):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(2, 3, kernel_initializer="ones", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
        ]
    )
    conv_layer, norm = model.get_layer("conv"), model.get_layer("norm")
    conv_layer.kernel.assign_add(conv * np.ones(conv_layer.kernel.shape))
    norm.moving_mean.assign_add(mean * np.ones(2))
    norm.moving_variance.assign_add(variance * np.ones(2))
    return model


def steps(body_rate, head_rate, factor=1.0, by=keras.optimizers.Adam, body_by=None, count=5):
    """The right answer for rates 0.001 and 0.01; ``by`` and ``body_by`` make the optimizers from their rates."""

    def five_steps(body, head, x, y):
        parts, optimizers = (body, head), ((body_by or by)(body_rate), by(head_rate))
        for _ in range(count):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((head(body(x)) - y) ** 2)
            gradients = tape.gradient(loss, [part.trainable_weights for part in parts])
            gradients[0] = [gradient * factor for gradient in gradients[0]]
            for optimizer, part, own in zip(optimizers, parts, gradients):
                optimizer.apply_gradients(zip(own, part.trainable_weights))

    return five_steps


RIGHT = [
    (nb06.only_block5, base("block5")),
    (nb06.names_changed, lambda before, after: set(exactly(before, after))),
    (nb06.names_changed, by_largest),
    (nb06.averages_kept, small(conv=1e-4), small()),
    (nb06.slower_body, steps(0.001, 0.01)),
    (nb06.slower_body, steps(0.0015, 0.01)),
]
WRONG = [
    (nb06.only_block5, "something around them is frozen", base("block5", frozen=True)),
    (nb06.only_block5, "no weight would be trained", base("none")),
    (nb06.only_block5, "every layer would learn", base("block")),
    (nb06.only_block5, "would learn too: block4_conv1, block4_conv2", base("block4", "block5")),
    (nb06.only_block5, "only block5_conv2", base("block5_conv2")),
    (nb06.only_block5, "a Keras model is expected", "block5"),
    (nb06.only_block5, "block5_conv1/bias", with_frozen_bias()),
    (nb06.only_block5, "no layer named block5", keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])),
    (nb06.names_changed, "two equal copies", by(lambda a, b: a is b)),
    (nb06.names_changed, "its sign", by(lambda a, b: np.array_equal(np.abs(a), np.abs(b)))),
    (nb06.names_changed, "a bias has changed", by(lambda a, b: not a.any() or np.array_equal(a, b))),
    (nb06.names_changed, "a change of 1e-9", by(np.allclose)),
    (nb06.names_changed, "not both are named", lambda before, after: exactly(before, after)[:1]),
    (nb06.names_changed, "others are named", lambda before, after: list(before) if exactly(before, after) else []),
    (nb06.names_changed, "this is a text", lambda before, after: "conv"),
    (nb06.names_changed, "changed places", by(lambda a, b: np.array_equal(np.sort(a, None), np.sort(b, None)))),
    (nb06.names_changed, "a list of names is expected", lambda before, after: bool(exactly(before, after))),
    (nb06.names_changed, "all weights of an array", kernels_left_out),
    (nb06.names_changed, "one of 9 weights", by(lambda a, b: (a != b).mean() < 0.3)),
    (nb06.averages_kept, "the averages have moved", small(conv=1e-4, mean=0.1), small()),
    (nb06.averages_kept, "the averages have moved", small(conv=1e-4, variance=-0.1), small()),
    (nb06.averages_kept, "nothing has been fine-tuned", small(), small()),
    (nb06.averages_kept, "have become NaN", small(conv=np.nan), small()),
    (nb06.slower_body, "Adam divides each gradient", steps(0.01, 0.01, factor=0.1)),
    (nb06.slower_body, "does not move at all", steps(0.0, 0.01)),
    (nb06.slower_body, "and not about a tenth", steps(0.0001, 0.01)),
    (nb06.slower_body, "the head hardly moves", steps(0.0001, 0.001)),
    (nb06.slower_body, "that is not Adam", steps(0.0055, 0.043, by=keras.optimizers.SGD)),
    (nb06.slower_body, "that is not Adam", steps(0.0055, 0.01, body_by=keras.optimizers.SGD)),
    (nb06.slower_body, "should move as far as", steps(0.001, 0.01, count=4)),
    (nb06.slower_body, "should move as far as", steps(0.002, 0.02)),
]
