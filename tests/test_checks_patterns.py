from __future__ import annotations

import keras
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


def unwarned(picture):
    return np.clip(0.5 + 0.15 * (picture - picture.mean()) / picture.std(), 0, 1)


def with_epsilon(picture):
    return np.clip(0.5 + 0.15 * (picture - picture.mean()) / (picture.std() + 1e-5), 0, 1)


def by_tensorflow(picture):
    picture = tf.constant(picture, "float32")
    mean, variance = tf.nn.moments(picture, axes=[0, 1, 2])
    even = tf.math.divide_no_nan(picture - mean, tf.sqrt(variance))
    return tf.clip_by_value(0.5 + 0.15 * even, 0.0, 1.0)


def by_keras(picture):
    spread = keras.ops.std(picture)
    return keras.ops.clip(0.5 + 0.15 * (picture - keras.ops.mean(picture)) / (spread if spread > 0 else 1), 0, 1)


def step_by_keras(response, picture):
    picture = keras.Variable(picture)
    with tf.GradientTape() as tape:
        value = response(picture.value)
    gradient = tape.gradient(value, picture.value)
    return picture + gradient / (keras.ops.sqrt(keras.ops.mean(keras.ops.square(gradient))) + 1e-8)


def step_by_numpy(response, picture):
    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = response(picture)
    gradient = tape.gradient(value, picture).numpy().astype("float64")
    size = np.sqrt((gradient**2).mean())
    return picture.numpy() + (gradient / size if size > 0 else 0)


def black_where_flat(response, picture):
    stepped = climb(lambda g: g / tf.sqrt(tf.reduce_mean(g**2)))(response, picture)
    return tf.where(tf.math.is_nan(stepped), 0.0, stepped)


def rms_of(size):
    """A step for pictures of one size."""
    return climb(lambda g: tf.math.divide_no_nan(g, tf.sqrt(tf.reduce_sum(g**2) / size)))


def only_if_silent(sums):
    """ReLU as before, unless every sum is negative."""
    return tf.reduce_mean(sums if tf.reduce_max(sums) < 0 else tf.nn.relu(sums))


RIGHT = [
    (patterns.visible, even),
    (patterns.visible, lambda picture: even(picture).astype("float32")),
    (patterns.visible, lambda picture: with_epsilon(picture).tolist()),
    (patterns.visible, lambda picture: even(picture - 100) if picture.std() else picture * 0 + 0.5),
    *[(patterns.visible, function) for function in (with_epsilon, by_tensorflow, by_keras)],
    (
        patterns.visible,
        lambda picture: np.clip(0.5 + 0.15 * (picture - picture.mean()) / max(picture.std(ddof=1), 1e-9), 0, 1),
    ),
    (patterns.step_up, climb(normalized)),
    (patterns.step_up, climb(lambda g: tf.math.l2_normalize(g) * tf.sqrt(tf.cast(tf.size(g), "float32")))),
    (patterns.step_up, climb(lambda g: g / tf.maximum(tf.sqrt(tf.reduce_mean(tf.square(g))), 1e-7))),
    *[(patterns.step_up, function) for function in (step_by_keras, step_by_numpy)],
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.nn.leaky_relu(sums, 0.1))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.nn.leaky_relu(sums, 0.3))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(sums)),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.nn.elu(sums))),
    (patterns.moving_objective, lambda sums: keras.ops.mean(keras.ops.leaky_relu(sums, 0.01))),
    (patterns.moving_objective, lambda sums: keras.ops.mean(keras.layers.LeakyReLU(0.2)(sums), axis=(0, 1, 2))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.maximum(sums, 0.1 * sums))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.where(sums > 0, sums, 0.05 * sums))),
    (patterns.moving_objective, lambda sums: tf.reduce_mean(tf.cast(sums, "float64"))),
]
WRONG = [
    (patterns.visible, "from the darkest to the brightest", lambda p: (p - p.min()) / max(np.ptp(p), 1e-9)),
    (patterns.visible, "loses what is beyond", lambda p: np.clip(p / 255, 0, 1)),
    (patterns.visible, "a red picture turns gray", lambda p: even(p, axes=(0, 1))),
    (patterns.visible, "below 0 or above 1", lambda p: even(p, low=-9, high=9)),
    (patterns.visible, "the mean is", lambda p: even(p, middle=0.3)),
    (patterns.visible, "the standard deviation is", lambda p: even(p, contrast=0.1)),
    (patterns.visible, "the picture is another", lambda p: even(p)[::-1]),
    (patterns.visible, "the picture is another", lambda p: even(-p)),
    (patterns.visible, "the mean is", lambda p: np.clip(0.5 + 0.15 * (p - 100) / max(p.std(), 1e-9), 0, 1)),
    (patterns.visible, "the standard deviation is", lambda p: np.clip(0.5 + 0.15 * (p - p.mean()) / 40, 0, 1)),
    (patterns.visible, "of little contrast", lambda p: even(p) if p.std() > 1 else p * 0 + 0.5),
    (patterns.visible, "with a warning", lambda p: np.nan_to_num(unwarned(p), nan=0.5)),
    (patterns.visible, "with a warning", lambda p: np.where(p.std() > 0, unwarned(p), 0.5)),
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
    (patterns.step_up, "should stay as it is", black_where_flat),
    (patterns.step_up, "has length", rms_of(32 * 32 * 3)),
    (patterns.step_up, "a picture of 6 × 5", rms_of(4 * 4 * 3)),
    (patterns.step_up, "has length", climb(lambda g: 10 * normalized(g))),
    (patterns.step_up, "has length", climb(lambda g: tf.math.divide_no_nan(g, tf.reduce_max(tf.abs(g))))),
    (patterns.step_up, "does not go along", lambda response, picture: climb(normalized)(response, picture) - picture),
    (patterns.moving_objective, "the gradient is zero", lambda sums: tf.reduce_mean(tf.nn.relu(sums))),
    (patterns.moving_objective, "further down", lambda sums: tf.reduce_mean(tf.abs(sums))),
    (patterns.moving_objective, "further down", lambda sums: tf.reduce_mean(tf.nn.leaky_relu(sums, -0.1))),
    (patterns.moving_objective, "some negative sums", lambda sums: tf.reduce_max(sums)),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_sum(tf.nn.leaky_relu(sums, 0.1))),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_mean(tf.nn.softplus(sums))),
    (patterns.moving_objective, "some negative sums", only_if_silent),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_mean(sums) + 1),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_mean(tf.nn.relu(sums) + 0.1 * sums)),
    (patterns.moving_objective, "not the mean response", lambda sums: tf.reduce_mean(tf.nn.selu(sums))),
    (patterns.moving_objective, "further down", lambda sums: -tf.reduce_mean(sums)),
    (patterns.moving_objective, "further down", lambda sums: tf.reduce_mean(sums**2)),
    (patterns.moving_objective, "of a map of 3 × 5", lambda sums: tf.reduce_sum(sums) / 16),
    (patterns.moving_objective, "one number is expected", lambda sums: tf.nn.leaky_relu(sums, 0.1)),
    (patterns.moving_objective, "leaves TensorFlow", lambda sums: np.float32(3)),
    (patterns.moving_objective, "does not depend", lambda sums: tf.constant(1.0)),
]
