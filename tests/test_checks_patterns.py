from __future__ import annotations

import numpy as np
import tensorflow as tf

from helpers.checks import patterns


def even(picture, contrast=0.15, axes=None, low=0, high=1, middle=0.5):
    spread = picture.std(axes)
    scaled = (picture - picture.mean(axes)) / np.where(spread > 0, spread, 1)
    return np.clip(middle + contrast * scaled, low, high)


def unguarded(picture):
    with np.errstate(invalid="ignore"):
        return np.clip(0.5 + 0.15 * (picture - picture.mean()) / picture.std(), 0, 1)


def climb(change):
    def step(response, picture):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            value = response(picture)
        return picture + change(tape.gradient(value, picture))

    return step


def normalized(gradient):
    return tf.math.divide_no_nan(gradient, tf.sqrt(tf.reduce_mean(gradient**2)))


def unwatched(response, picture):
    with tf.GradientTape() as tape:
        value = response(picture)
    return picture + tape.gradient(value, picture)


RIGHT = [
    (patterns.visible, even),
    (patterns.visible, lambda picture: even(picture).astype("float32")),
    (patterns.step_up, climb(normalized)),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.nn.leaky_relu(sums, 0.1))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.nn.leaky_relu(sums, 0.3))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(sums)),
]
WRONG = [
    (patterns.visible, "from the darkest to the brightest", lambda p: (p - p.min()) / max(np.ptp(p), 1e-9)),
    (patterns.visible, "loses what is beyond", lambda p: np.clip(p / 255, 0, 1)),
    (patterns.visible, "a red picture turns gray", lambda p: even(p, axes=(0, 1))),
    (patterns.visible, "below 0 or above 1", lambda p: even(p, low=-9, high=9)),
    (patterns.visible, "the mean is", lambda p: even(p, middle=0.3)),
    (patterns.visible, "the standard deviation is", lambda p: even(p, contrast=0.1)),
    (patterns.visible, "the picture is another", lambda p: even(p)[::-1]),
    (patterns.visible, "becomes NaN", unguarded),
    (patterns.visible, "medium gray", lambda p: even(p) if p.std() else np.zeros(p.shape)),
    (patterns.step_up, "the same as before", lambda response, picture: picture),
    (patterns.step_up, "the response has fallen", climb(lambda gradient: -normalized(gradient))),
    (patterns.step_up, "the gradient's sign", climb(tf.sign)),
    (patterns.step_up, "their mean should be 1", climb(lambda g: tf.math.divide_no_nan(g, tf.norm(g)))),
    (patterns.step_up, "has length", climb(lambda gradient: gradient)),
    (patterns.step_up, "has length", climb(lambda g: g / (tf.sqrt(tf.reduce_mean(g**2)) + 0.01))),
    (patterns.step_up, "becomes NaN", climb(lambda g: g / tf.sqrt(tf.reduce_mean(g**2)))),
    (patterns.step_up, "does not go along", climb(lambda g: normalized(g**3))),
    (patterns.step_up, "stopped with", unwatched),
    (patterns.moving_objective, "the gradient is zero", lambda sums: tf.reduce_mean(tf.nn.relu(sums))),
    (patterns.moving_objective, "further down", lambda sums: tf.reduce_mean(tf.abs(sums))),
    (patterns.moving_objective, "further down", lambda sums: tf.reduce_mean(tf.nn.leaky_relu(sums, -0.1))),
    (patterns.moving_objective, "some negative sums", lambda sums: tf.reduce_max(sums)),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_sum(tf.nn.leaky_relu(sums, 0.1))),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_mean(tf.nn.softplus(sums))),
    (patterns.moving_objective, "one number is expected", lambda sums: tf.nn.leaky_relu(sums, 0.1)),
    (patterns.moving_objective, "leaves TensorFlow", lambda sums: np.float32(3)),
    (patterns.moving_objective, "does not depend", lambda sums: tf.constant(1.0)),
]
