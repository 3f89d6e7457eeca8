from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers.checks import nb08


def even(picture, axes=None, low=0, high=1):
    spread = picture.std(axes)
    scaled = (picture - picture.mean(axes)) / np.where(spread > 0, spread, 1)
    return np.clip(0.5 + 0.15 * scaled, low, high)


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


def unwarned(picture):
    return np.clip(0.5 + 0.15 * (picture - picture.mean()) / picture.std(), 0, 1)


def with_epsilon(picture):
    return np.clip(0.5 + 0.15 * (picture - picture.mean()) / (picture.std(ddof=1) + 1e-5), 0, 1)


def by_tensorflow(picture):
    picture = tf.constant(picture, "float32")
    mean, variance = tf.nn.moments(picture, axes=[0, 1, 2])
    even = tf.math.divide_no_nan(picture - mean, tf.sqrt(variance))
    return tf.clip_by_value(0.5 + 0.15 * even, 0.0, 1.0)


def black_where_flat(response, picture):
    stepped = climb(lambda g: g / tf.sqrt(tf.reduce_mean(g**2)))(response, picture)
    return tf.where(tf.math.is_nan(stepped), 0.0, stepped)


def only_if_silent(sums):
    """ReLU as before, unless every sum is negative."""
    return tf.reduce_mean(sums if tf.reduce_max(sums) < 0 else tf.nn.relu(sums))


RIGHT = [
    (nb08.visible, even),
    *[(nb08.visible, function) for function in (with_epsilon, by_tensorflow)],
    (nb08.step_up, climb(lambda g: tf.math.l2_normalize(g) * tf.sqrt(tf.cast(tf.size(g), "float32")))),
    (nb08.step_up, climb(lambda g: g / tf.maximum(tf.sqrt(tf.reduce_mean(tf.square(g))), 1e-7))),
    (nb08.moving_objective, lambda sums: tf.reduce_mean(sums)),
    (nb08.moving_objective, lambda sums: tf.reduce_mean(tf.nn.elu(sums))),
    (nb08.moving_objective, lambda sums: keras.ops.mean(keras.layers.LeakyReLU(0.2)(sums), axis=(0, 1, 2))),
    (nb08.moving_objective, lambda sums: tf.reduce_mean(tf.cast(sums, "float64"))),
]
WRONG = [
    (nb08.visible, "from the darkest to the brightest", lambda p: (p - p.min()) / max(np.ptp(p), 1e-9)),
    (nb08.visible, "loses what is beyond", lambda p: np.clip(p / 255, 0, 1)),
    (nb08.visible, "a red picture turns gray", lambda p: even(p, axes=(0, 1))),
    (nb08.visible, "below 0 or above 1", lambda p: even(p, low=-9, high=9)),
    (nb08.visible, "the picture is another", lambda p: even(-p)),
    (nb08.visible, "the mean is", lambda p: np.clip(0.5 + 0.15 * (p - 100) / max(p.std(), 1e-9), 0, 1)),
    (nb08.visible, "the standard deviation is", lambda p: np.clip(0.5 + 0.15 * (p - p.mean()) / 40, 0, 1)),
    (nb08.visible, "of little contrast", lambda p: even(p) if p.std() > 1 else p * 0 + 0.5),
    (nb08.visible, "with a warning", lambda p: np.nan_to_num(unwarned(p), nan=0.5)),
    (nb08.visible, "becomes NaN", unwarned),
    (nb08.visible, "medium gray", lambda p: even(p) if p.std() else np.zeros(p.shape)),
    (nb08.step_up, "the same as before", lambda response, picture: picture),
    (nb08.step_up, "the response has fallen", climb(lambda gradient: -normalized(gradient))),
    (nb08.step_up, "the gradient's sign", climb(tf.sign)),
    (nb08.step_up, "their mean should be 1", climb(lambda g: tf.math.divide_no_nan(g, tf.norm(g)))),
    (nb08.step_up, "has length", climb(lambda gradient: gradient)),
    (nb08.step_up, "has length", climb(lambda g: g / (tf.sqrt(tf.reduce_mean(g**2)) + 0.01))),
    (nb08.step_up, "becomes NaN", climb(lambda g: g / tf.sqrt(tf.reduce_mean(g**2)))),
    (nb08.step_up, "stopped with", unwatched),
    (nb08.step_up, "should stay as it is", black_where_flat),
    (nb08.step_up, "a picture of 6 × 5", climb(lambda g: tf.math.divide_no_nan(g, tf.norm(g) / 48**0.5))),
    (nb08.step_up, "does not go along", lambda response, picture: climb(normalized)(response, picture) - picture),
    (nb08.moving_objective, "the gradient is zero", lambda sums: tf.reduce_mean(tf.nn.relu(sums))),
    (nb08.moving_objective, "further down", lambda sums: tf.reduce_mean(tf.abs(sums))),
    (nb08.moving_objective, "some negative sums", lambda sums: tf.reduce_max(sums)),
    (nb08.moving_objective, "not the mean response", lambda sums: tf.reduce_sum(tf.nn.leaky_relu(sums, 0.1))),
    (nb08.moving_objective, "some negative sums", only_if_silent),
    (nb08.moving_objective, "of a map of 3 × 5", lambda sums: tf.reduce_sum(sums) / 16),
    (nb08.moving_objective, "one number is expected", lambda sums: tf.nn.leaky_relu(sums, 0.1)),
    (nb08.moving_objective, "leaves TensorFlow", lambda sums: np.float32(3)),
    (nb08.moving_objective, "does not depend", lambda sums: tf.constant(1.0)),
]
