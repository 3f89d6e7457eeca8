from __future__ import annotations

import copy

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


class Shuffled:
    """Plain pictures, in another order in each pass."""

    def __init__(self, images):
        self.images, self.rng = images, np.random.default_rng(0)

    def __iter__(self):
        order = self.rng.permutation(len(self.images))
        return iter([(self.images[order], KINDS[order])])


def flipped(pictures):
    return pictures[:, :, ::-1]


class Noisy:
    """A dataset of other views in each pass. (Under deterministic operations tf.random in a map repeats itself.)"""

    def __init__(self, images):
        self.images, self.rng = images, np.random.default_rng(0)

    def __iter__(self):
        return iter([(self.images + self.rng.random(self.images.shape), KINDS)])


class Mirrored(Noisy):
    """Each picture or its mirror image."""

    def __iter__(self):
        mirrored = self.rng.random((len(self.images), 1, 1, 1)) < 0.5
        return iter([(tf.constant(np.where(mirrored, self.images[:, :, ::-1], self.images)), KINDS)])


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


def functional(flat=False):
    """A functional model; ``flat`` holds the base's layers and not the base. The head is that of KERNEL."""
    inner = bases.menagerie(SIDE).model
    inner.trainable = False
    inputs = inner.input if flat else keras.Input(inner.input_shape[1:])
    features = inner.output if flat else inner(inputs, training=False)
    layer = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, layer(keras.layers.Flatten()(features)))
    layer.set_weights([KERNEL, np.zeros(1)])
    return model


def without_base():
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])


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
        right = min(start + 80 * rate * self.able, 0.97) + noise
        self.right = right
        return right


def trained(goes):
    goes(0.003)
    return goes


# 8: the largest of forty scores


class Plane:
    def __init__(self, direction, mean=0.0, spread=1.0):
        self.direction, self.mean, self.spread = direction, mean, spread

    def predict(self, x):
        return ((x - self.mean) / self.spread @ self.direction > 0).astype(int)


VALIDATION, TEST, TRAINING = slice(200, 250), slice(250, 300), slice(0, 200)


def best_of(chosen=VALIDATION, reported=TEST, scaled=TRAINING, kind=tuple, seed=0):
    """Forty random directions; keep the one that is best on the chosen rows. ``scaled``: rows that set the scale."""

    def fit_best(x, y):
        directions = np.random.default_rng(seed).normal(size=(40, x.shape[1]))
        planes = [Plane(direction, x[scaled].mean(axis=0), x[scaled].std(axis=0)) for direction in directions]
        scores = [(plane.predict(x[chosen]) == y[chosen]).mean() for plane in planes]
        kept = planes[int(np.argmax(scores))]
        return kind((kept, (kept.predict(x[reported]) == y[reported]).mean()))

    return fit_best


def by_sgd(scaled=TRAINING, apart=False):
    """As the solution does it; ``apart`` gives the network without its scaler."""

    def fit_best(x, y):
        scaler, best = StandardScaler().fit(x[scaled]), -1
        network = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=10, random_state=0)
        for _ in range(10):
            network.partial_fit(scaler.transform(x[TRAINING]), y[TRAINING], [0, 1])
            accuracy = network.score(scaler.transform(x[VALIDATION]), y[VALIDATION])
            if accuracy > best:
                best, kept = accuracy, make_pipeline(scaler, copy.deepcopy(network))
        return kept[-1] if apart else kept, kept.score(x[TEST], y[TEST])

    return fit_best


def chosen_by_score(x, y):
    """Reports the best of all test scores, of whichever network."""
    kept, _ = best_of()(x, y)
    return kept, best_of(TEST)(x, y)[1]


RIGHT = [
    (clinic.fed_as_trained, PREPARED, IMAGES),
    (clinic.fed_as_trained, IMAGES / 127.5 - 1, IMAGES),
    (clinic.fed_as_trained, tf.constant(PREPARED), IMAGES),
    (clinic.fed_as_trained, IMAGES.astype("float64") / 127.5 - 1, IMAGES.astype("uint8")),
    (clinic.fed_as_trained, keras.layers.Rescaling(1 / 127.5, -1)(IMAGES), IMAGES),
    (clinic.plain_validation, TRAIN, PLAIN, IMAGES[40:]),
    (clinic.plain_validation, Mirrored(IMAGES[:40]), PLAIN.cache().prefetch(1), IMAGES[40:]),
    (clinic.plain_validation, TRAIN, PLAIN.unbatch().batch(7), IMAGES[40:].astype("uint8")),
    (clinic.plain_validation, TRAIN, Shuffled(IMAGES[40:]), IMAGES[40:]),
    (clinic.steady, head(keras.layers.Dropout(0.5)), INPUTS),
    (clinic.steady, head(keras.layers.GaussianDropout(0.5)), INPUTS),
    (clinic.steady, head(keras.layers.Dropout(0.2), keras.layers.Dense(3)), tf.constant(INPUTS)),
    (clinic.loss_fits, ten("softmax"), PROBABILITIES, BLOBS, TEN),
    (clinic.loss_fits, ten(None), LOGITS, BLOBS, TEN),
    (clinic.loss_fits, ten("softmax"), "sparse_categorical_crossentropy", BLOBS, TEN),
    (clinic.loss_fits, ten("softmax"), keras.losses.sparse_categorical_crossentropy, BLOBS, TEN),
    (clinic.loss_fits, ten("softmax"), keras.losses.CategoricalCrossentropy(), BLOBS, np.eye(10)[TEN]),
    (clinic.loss_fits, ten("softmax"), PROBABILITIES, BLOBS, TEN.astype("uint8")),
    (clinic.paired, FEATURES, KINDS, IMAGES, KINDS),
    (clinic.paired, FEATURES[ORDER], KINDS[ORDER], IMAGES, KINDS),
    (clinic.paired, tf.constant(FEATURES), tf.constant(KINDS), IMAGES, KINDS),
    (clinic.paired, FEATURES.astype("float64"), KINDS.astype("float32").tolist(), IMAGES, KINDS),
    (clinic.frozen, on_base(KERNEL), PREPARED, KINDS),
    (clinic.frozen, functional(), PREPARED, KINDS),
    (clinic.frozen, functional(flat=True), PREPARED, KINDS),
    (clinic.same_start, Goes()),
    (clinic.same_start, lambda rate: np.float32(Goes()(rate))),
    (clinic.same_start, lambda rate: tf.constant(Goes()(rate))),
    (clinic.unseen_test, best_of(), POINTS, CLASSES),
    (clinic.unseen_test, best_of(kind=list), POINTS, CLASSES),
    (clinic.unseen_test, best_of(), POINTS.astype("float32"), CLASSES.astype(bool)),
    (clinic.unseen_test, by_sgd(), POINTS, CLASSES),
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
    (clinic.plain_validation, "lost its random views", Shuffled(IMAGES[:40]), PLAIN, IMAGES[40:]),
    (clinic.plain_validation, "lost its random views", dataset(IMAGES[:40], flipped), PLAIN, IMAGES[40:]),
    (clinic.plain_validation, "not those that were put aside", TRAIN, dataset(IMAGES[:20]), IMAGES[40:]),
    (clinic.plain_validation, "are in the training data too", Mirrored(IMAGES), PLAIN, IMAGES[40:]),
    (clinic.plain_validation, "give different pixels", TRAIN, Mirrored(IMAGES[40:]), IMAGES[40:]),
    (clinic.plain_validation, "pictures instead of 20", TRAIN, dataset(IMAGES[:40]), IMAGES[40:]),
    (clinic.steady, "when they were shown again", head(Drop(0.5)), INPUTS),
    (clinic.steady, "nothing is dropped in training", head(), INPUTS),
    (clinic.steady, "nothing is dropped in training", head(keras.layers.Dropout(0.0)), INPUTS),
    (clinic.loss_fits, "adds up to 1", ten("softmax"), LOGITS, BLOBS, TEN),
    (clinic.loss_fits, "takes them for chances", ten(None), PROBABILITIES, BLOBS, TEN),
    (
        clinic.loss_fits,
        "adds up to 1",
        ten("softmax"),
        keras.losses.CategoricalCrossentropy(True),
        BLOBS,
        np.eye(10)[TEN],
    ),
    (clinic.loss_fits, "has not learnt", ten("softmax", scale=0), PROBABILITIES, BLOBS, TEN),
    (clinic.loss_fits, "has not learnt", ten("softmax"), PROBABILITIES, BLOBS[::-1].copy(), TEN),
    (clinic.paired, "by drawing lots", FEATURES, KINDS[ORDER], IMAGES, KINDS),
    (clinic.paired, "their own label, but not all", FEATURES, np.r_[1 - KINDS[:3], KINDS[3:]], IMAGES, KINDS),
    (clinic.paired, "by drawing lots", FEATURES[ORDER], KINDS, IMAGES, KINDS),
    (clinic.paired, "by drawing lots", FEATURES, np.sort(KINDS), IMAGES, KINDS),
    (clinic.paired, "by drawing lots", FEATURES, np.zeros(60), IMAGES, KINDS),
    (clinic.paired, "not the base's features", FEATURES + 5, KINDS, IMAGES, KINDS),
    (clinic.paired, "there twice", np.r_[FEATURES[:30], FEATURES[:30]], KINDS, IMAGES, KINDS),
    (clinic.frozen, "its flag says frozen", on_base(KERNEL, touched=True), PREPARED, KINDS),
    (clinic.frozen, "its flag says trainable", on_base(KERNEL, flag=True, touched=True), PREPARED, KINDS),
    (clinic.frozen, "only because nothing has trained it", on_base(KERNEL, flag=True), PREPARED, KINDS),
    (clinic.frozen, "and so is the head", on_base(), PREPARED, KINDS),
    (clinic.frozen, "the base is not part", without_base(), PREPARED, KINDS),
    (clinic.same_start, "it knew that before", trained(Goes(on=True))),
    (clinic.same_start, "it knew that before", Goes(on=True)),
    (clinic.same_start, "other random numbers", Goes(luck=True)),
    (clinic.same_start, "learns nothing", Goes(able=False)),
    (clinic.same_start, "learns nothing", lambda rate: 0.5 + 10 * rate),
    (clinic.same_start, "whatever the rate", lambda rate: 0.7),
    (clinic.same_start, "whatever the rate", lambda rate: Goes()(0.002)),
    (clinic.same_start, "it knew that before", lambda rate: 0.9),
    (clinic.unseen_test, "the training has looked at them", best_of(TEST), POINTS, CLASSES),
    (clinic.unseen_test, "the training has looked at them", best_of(slice(200, 300)), POINTS, CLASSES),
    (clinic.unseen_test, "nothing held back decides", best_of(TRAINING), POINTS, CLASSES),
    (clinic.unseen_test, "not its score on them", best_of(reported=VALIDATION), POINTS, CLASSES),
    (clinic.unseen_test, "not its score on them", chosen_by_score, POINTS, CLASSES),
    (clinic.unseen_test, "not its score on them", by_sgd(apart=True), POINTS, CLASSES),
    (clinic.unseen_test, "with other test pictures", best_of(scaled=slice(None)), POINTS, CLASSES),
    (clinic.unseen_test, "with other test pictures", best_of(scaled=slice(0, 300)), POINTS, CLASSES),
    (clinic.unseen_test, "with other test pictures", by_sgd(scaled=slice(None)), POINTS, CLASSES),
    (clinic.unseen_test, "standardized together", best_of(), StandardScaler().fit_transform(POINTS), CLASSES),
    (clinic.unseen_test, "called twice", best_of(seed=None), POINTS, CLASSES),
    (clinic.unseen_test, "return the network and its test score", lambda x, y: 0.5, POINTS, CLASSES),
]
