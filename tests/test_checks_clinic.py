from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from helpers import bases, drawn, profile
from helpers.checks import clinic

profile.seed_everything()
SIDE = 32
IMAGES, _, KINDS = drawn.pets(60, seed=5, size=SIDE)
IMAGES = IMAGES.astype("float32")
BASE = bases.menagerie(SIDE)
PREPARED = BASE.preprocess(IMAGES)
FEATURES = BASE.model.predict(PREPARED, verbose=0).reshape(60, -1)
ORDER = np.random.default_rng(0).permutation(60)
POINTS = np.random.default_rng(1).normal(size=(400, 3))
CLASSES = (POINTS[:, 0] + 0.8 * np.random.default_rng(2).normal(size=400) > 0).astype(int)


# 1 to 2: what goes in


def dataset(images, view=None):
    pairs = tf.data.Dataset.from_tensor_slices((images, KINDS[: len(images)])).batch(20)
    return pairs.map(lambda pictures, kinds: (view(pictures), kinds)) if view else pairs


def flipped(pictures):
    return pictures[:, :, ::-1]


class Noisy:
    """A dataset of other views in each pass. (Under deterministic operations tf.random in a map repeats itself.)"""

    def __init__(self, images):
        self.images, self.rng = images, np.random.default_rng(0)

    def __iter__(self):
        return iter([(self.images + self.rng.random(self.images.shape), KINDS)])


TRAIN, PLAIN = Noisy(IMAGES[:40]), dataset(IMAGES[40:])


# 3 and 4: what comes out


def head(*layers):
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, activation="sigmoid")])


class Drop(keras.layers.Dropout):
    def call(self, values, training=None):
        return super().call(values, training=True)


INPUTS = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
TEN = np.arange(40) % 10
BLOBS = (4 * np.eye(10)[TEN] + np.random.default_rng(3).normal(0, 0.1, (40, 10))).astype("float32")
PROBABILITIES, LOGITS = keras.losses.SparseCategoricalCrossentropy(), keras.losses.SparseCategoricalCrossentropy(True)


def ten(activation, scale=3.0):
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(10, activation=activation)])
    model.set_weights([scale * np.eye(10), np.zeros(10)])
    return model


# 6: frozen or not


def on_base(kernel=None, flag=False, touched=False):
    """A base with a head whose kernel is given; both as they would be after training."""
    inner = bases.menagerie(SIDE).model
    inner.trainable = flag
    if touched:
        weights = inner.get_weights()
        weights[-1][0] += 1e-6
        inner.set_weights(weights)
    model = keras.Sequential([inner, keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")])
    kernel = np.zeros((FEATURES.shape[1], 1)) if kernel is None else kernel
    model.set_weights([*inner.get_weights(), kernel, np.zeros(1)])
    return model


# A head's kernel that tells the pets apart: least squares
KERNEL = 50 * np.linalg.lstsq(FEATURES, 2.0 * KINDS - 1, rcond=1e-3)[0][:, np.newaxis]


# 7: a head as three numbers, whose training is as quick as a test wants it


class Goes:
    """A training that remembers (``on``), draws other random numbers (``luck``), or does neither."""

    def __init__(self, on=False, luck=False, able=True):
        self.right, self.on, self.able = 0.5, on, able
        self.rng = np.random.default_rng(0) if luck else None

    def __call__(self, rate):
        start = self.right if self.on else 0.5
        noise = 0.01 * self.rng.normal() if self.rng else 0.0
        found = min(start + 80 * rate * self.able, 0.97) + noise
        self.right = found
        return found


def trained(goes):
    goes(0.003)
    return goes


# 8: the largest of forty scores


class Plane:
    def __init__(self, direction):
        self.direction = direction

    def predict(self, x):
        return (x @ self.direction > 0).astype(int)


def best_of(chosen, reported=None):
    """Forty random directions; keep the one that is best on the chosen rows."""

    def fit_best(x, y):
        planes = [Plane(direction) for direction in np.random.default_rng(0).normal(size=(40, x.shape[1]))]
        scores = [(plane.predict(x[chosen]) == y[chosen]).mean() for plane in planes]
        kept = planes[int(np.argmax(scores))]
        told = slice(250, 300) if reported is None else reported
        return kept, (kept.predict(x[told]) == y[told]).mean()

    return fit_best


VALIDATION, TEST, TRAINING = slice(200, 250), slice(250, 300), slice(0, 200)

RIGHT = [
    (clinic.fed_as_trained, PREPARED, IMAGES),
    (clinic.fed_as_trained, IMAGES / 127.5 - 1, IMAGES),
    (clinic.plain_validation, TRAIN, PLAIN, IMAGES[40:]),
    (clinic.steady, head(keras.layers.Dropout(0.5)), INPUTS),
    (clinic.loss_fits, ten("softmax"), PROBABILITIES, BLOBS, TEN),
    (clinic.loss_fits, ten(None), LOGITS, BLOBS, TEN),
    (clinic.paired, FEATURES, KINDS, IMAGES, KINDS),
    (clinic.paired, FEATURES[ORDER], KINDS[ORDER], IMAGES, KINDS),
    (clinic.frozen, on_base(KERNEL), PREPARED, KINDS),
    (clinic.same_start, Goes()),
    (clinic.unseen_test, best_of(VALIDATION), POINTS, CLASSES),
]
WRONG = [
    (clinic.fed_as_trained, "it sees fog", IMAGES / 255, IMAGES),
    (clinic.fed_as_trained, "never seen a number so large", IMAGES, IMAGES),
    (clinic.fed_as_trained, "done twice", BASE.preprocess(PREPARED), IMAGES),
    (clinic.fed_as_trained, "changed places", PREPARED[..., ::-1], IMAGES),
    (clinic.fed_as_trained, "not the values", np.clip(PREPARED + 0.1, -1, 1), IMAGES),
    (clinic.fed_as_trained, "has shape", PREPARED[:10], IMAGES),
    (clinic.plain_validation, "give different pixels", TRAIN, Noisy(IMAGES[40:]), IMAGES[40:]),
    (clinic.plain_validation, "not those that were put aside", TRAIN, dataset(IMAGES[40:], flipped), IMAGES[40:]),
    (clinic.plain_validation, "lost its random views", dataset(IMAGES[:40]), PLAIN, IMAGES[40:]),
    (clinic.plain_validation, "pictures in place of 20", TRAIN, dataset(IMAGES[:40]), IMAGES[40:]),
    (clinic.steady, "when they were shown again", head(Drop(0.5)), INPUTS),
    (clinic.steady, "nothing is dropped in training", head(), INPUTS),
    (clinic.loss_fits, "adds up to 1", ten("softmax"), LOGITS, BLOBS, TEN),
    (clinic.loss_fits, "takes them for chances", ten(None), PROBABILITIES, BLOBS, TEN),
    (clinic.loss_fits, "has not learnt", ten("softmax"), PROBABILITIES, BLOBS[::-1].copy(), TEN),
    (clinic.paired, "by drawing lots", FEATURES, KINDS[ORDER], IMAGES, KINDS),
    (clinic.paired, "their own label, but not all", FEATURES, np.r_[1 - KINDS[:3], KINDS[3:]], IMAGES, KINDS),
    (clinic.paired, "not the base's features", FEATURES + 5, KINDS, IMAGES, KINDS),
    (clinic.paired, "there twice", np.r_[FEATURES[:30], FEATURES[:30]], KINDS, IMAGES, KINDS),
    (clinic.frozen, "its flag says frozen", on_base(KERNEL, touched=True), PREPARED, KINDS),
    (clinic.frozen, "its flag says trainable", on_base(KERNEL, flag=True, touched=True), PREPARED, KINDS),
    (clinic.frozen, "only because nothing has trained it", on_base(KERNEL, flag=True), PREPARED, KINDS),
    (clinic.frozen, "and so is the head", on_base(), PREPARED, KINDS),
    (clinic.frozen, "should be the base", head(), INPUTS, KINDS[:8]),
    (clinic.same_start, "it knew that before", trained(Goes(on=True))),
    (clinic.same_start, "it knew that before", Goes(on=True)),
    (clinic.same_start, "other random numbers", Goes(luck=True)),
    (clinic.same_start, "learns nothing", Goes(able=False)),
    (clinic.unseen_test, "the training has looked at them", best_of(TEST), POINTS, CLASSES),
    (clinic.unseen_test, "nothing held back decides", best_of(TRAINING), POINTS, CLASSES),
    (clinic.unseen_test, "not its score on them", best_of(VALIDATION, VALIDATION), POINTS, CLASSES),
    (clinic.unseen_test, "return the network and its test score", lambda x, y: 0.5, POINTS, CLASSES),
]
