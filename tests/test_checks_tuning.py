from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers import bases
from helpers.checks import tuning


def base(*free, around=True):
    """The course's base in which the layers whose names start like one of ``free`` are not frozen."""
    model = bases.menagerie_net(32)
    for layer in model.layers:
        layer.trainable = layer.name.startswith(free)
    if not around:
        model._trainable = False  # as setting model.trainable and then the flags inside does
    return model


def frozen_around():
    model = bases.menagerie_net(32)
    model.trainable = False
    for layer in model.layers:
        layer.trainable = layer.name.startswith("block5")
    return model


def exactly(before, after):
    return [name for name in before if not all(map(np.array_equal, before[name], after[name]))]


def by(same):
    return lambda before, after: [name for name in before if not all(map(same, before[name], after[name]))]


def small(conv=0.0, mean=0.0):
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
    return model


def steps(body_rate, head_rate, factor=1.0):
    def five_steps(body, head, x, y):
        parts, adams = (body, head), (keras.optimizers.Adam(body_rate), keras.optimizers.Adam(head_rate))
        for _ in range(5):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((head(body(x)) - y) ** 2)
            gradients = tape.gradient(loss, [part.trainable_weights for part in parts])
            gradients[0] = [gradient * factor for gradient in gradients[0]]
            for adam, part, own in zip(adams, parts, gradients):
                adam.apply(own, part.trainable_weights)

    return five_steps


def still(body, head, x, y):
    body.trainable = False


RIGHT = [
    (tuning.only_block5, base("block5")),
    (tuning.names_changed, exactly),
    (tuning.names_changed, lambda before, after: set(exactly(before, after))),
    (tuning.averages_kept, small(conv=1e-4), small()),
    (tuning.slower_body, steps(0.001, 0.01)),
]
WRONG = [
    (tuning.only_block5, "something around them is frozen", frozen_around()),
    (tuning.only_block5, "no weight would be trained", base("none")),
    (tuning.only_block5, "every layer would learn", base("block")),
    (tuning.only_block5, "would learn too: block4_conv1, block4_conv2", base("block4", "block5")),
    (tuning.only_block5, "only block5_conv2", base("block5_conv2")),
    (tuning.only_block5, "a model is expected", "block5"),
    (tuning.names_changed, "changed places", by(lambda a, b: a.sum() == b.sum())),
    (tuning.names_changed, "two equal copies", by(lambda a, b: a is b)),
    (tuning.names_changed, "its sign", by(lambda a, b: np.array_equal(np.abs(a), np.abs(b)))),
    (
        tuning.names_changed,
        "a bias has changed",
        by(lambda a, b: a.ndim == 1 and a.size == 3 and not a.any() or np.array_equal(a, b)),
    ),
    (tuning.names_changed, "a change of 1e-9", by(np.allclose)),
    (tuning.names_changed, "not both are named", lambda before, after: exactly(before, after)[:1]),
    (tuning.names_changed, "others are named", lambda before, after: list(before) if exactly(before, after) else []),
    (tuning.names_changed, "this is a text", lambda before, after: "conv"),
    (tuning.averages_kept, "the averages have moved", small(conv=1e-4, mean=0.1), small()),
    (tuning.averages_kept, "nothing has been fine-tuned", small(), small()),
    (tuning.slower_body, "Adam divides each gradient", steps(0.01, 0.01, factor=0.1)),
    (tuning.slower_body, "does not move at all", steps(0.0, 0.01)),
    (tuning.slower_body, "and not about a tenth", steps(0.0001, 0.01)),
    (tuning.slower_body, "the head hardly moves", steps(0.0001, 0.001)),
    (tuning.slower_body, "the head hardly moves", still),
]
