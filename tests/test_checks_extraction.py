from __future__ import annotations

import keras
import numpy as np
from keras import layers

from helpers.checks import extraction
from helpers.checks.extraction import MEAN


def changes_its_input(images):
    images -= MEAN.astype("float32")
    return images[..., ::-1]


def model(base, freeze=lambda base: setattr(base, "trainable", False), units=1, rate=0.1, compiled=True):
    freeze(base)
    whole = keras.Sequential([base, layers.Flatten(), layers.Dense(units, activation="sigmoid")])
    if compiled:
        whole.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
    return whole


def built(**options):
    return lambda base: model(base, **options)


def first_layer(base):
    base.layers[0].trainable = False


def weights_alone(base):
    for weight in base.trainable_weights:
        weight.trainable = False


def all_frozen(base):
    whole = model(base)
    whole.trainable = False
    whole.compile("sgd", "binary_crossentropy")
    return whole


def one_pass(base, dataset, **options):
    pairs = [(np.asarray(base(images, **options)), labels) for images, labels in dataset.as_numpy_iterator()]
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


def two_passes(base, dataset):
    return base.predict(dataset, verbose=0), one_pass(base, dataset)[1]


def join(base, head, preprocess, prepare=None):
    inputs = keras.Input(base.input_shape[1:])
    prepared = (prepare or preprocess)(inputs)
    return keras.Model(inputs, head(base(prepared)))


RIGHT = [
    (extraction.preprocess, lambda images: images[..., ::-1] - MEAN[::-1]),
    (extraction.preprocess, lambda images: keras.applications.vgg16.preprocess_input(images.copy())),
    (extraction.frozen, model),
    (extraction.frozen, built(freeze=lambda base: [setattr(layer, "trainable", False) for layer in base.layers])),
    (extraction.extract, one_pass),
    (extraction.joined, join),
    (extraction.joined, lambda base, head, f: keras.Sequential([keras.Input((8, 8, 3)), layers.Lambda(f), base, head])),
]
WRONG = [
    (extraction.preprocess, "divided by 255", lambda images: images / 255),
    (extraction.preprocess, "scaled to -1 to 1", lambda images: images / 127.5 - 1),
    (extraction.preprocess, "still red, green, blue", lambda images: images - MEAN),
    (extraction.preprocess, "nothing is taken off", lambda images: images[..., ::-1]),
    (extraction.preprocess, "blue loses the mean of red", lambda images: images[..., ::-1] - MEAN),
    (extraction.preprocess, "turned over alone", lambda images: images - MEAN[::-1]),
    (extraction.preprocess, "the mean is added", lambda images: images[..., ::-1] + MEAN[::-1]),
    (extraction.preprocess, "not that of these", lambda images: (images - images.mean((0, 1, 2)))[..., ::-1]),
    (extraction.preprocess, "lie on their side", lambda images: images[:, :, ::-1] - MEAN[::-1]),
    (extraction.preprocess, "work on a copy", changes_its_input),
    (extraction.preprocess, "should stay, and becomes", lambda images: images[0]),
    (extraction.preprocess, "wrong in value", lambda images: images * 0),
    (extraction.frozen, "it is free", built(freeze=lambda base: None)),
    (extraction.frozen, "some weights of the base have changed", built(freeze=first_layer)),
    (extraction.frozen, "batch normalization went on", built(freeze=weights_alone)),
    (extraction.frozen, "nothing is trained", all_frozen),
    (extraction.frozen, "not compiled", built(compiled=False)),
    (extraction.frozen, "that is the base alone", lambda base: base),
    (extraction.frozen, "should give (None, 1)", built(units=2)),
    (extraction.frozen, "the head did not learn", built(rate=0.0)),
    (extraction.extract, "come apart", two_passes),
    (extraction.extract, "as in training", lambda base, dataset: one_pass(base, dataset, training=True)),
    (extraction.extract, "the labels have shape", lambda *given: (one_pass(*given)[0], np.eye(22))),
    (extraction.extract, "the features have shape", lambda *given: (one_pass(*given)[0][:20], one_pass(*given)[1])),
    (extraction.extract, "there are 1", lambda *given: (one_pass(*given)[0].mean(axis=1), one_pass(*given)[1])),
    (extraction.extract, "give both", lambda base, dataset: base.predict(dataset, verbose=0)),
    (extraction.joined, "are not prepared", lambda base, head, f: join(base, head, f, prepare=lambda images: images)),
    (
        extraction.joined,
        "prepared twice",
        lambda base, head, f: join(base, head, f, prepare=lambda images: f(f(images))),
    ),
    (
        extraction.joined,
        "divided by 255",
        lambda base, head, f: join(base, head, f, prepare=lambda images: images / 255),
    ),
    (extraction.joined, "answers of shape (6, 1)", lambda base, head, preprocess: base),
    (extraction.joined, "should take photos of shape", lambda base, head, preprocess: head),
    (
        extraction.joined,
        "those of preprocess",
        lambda base, head, f: join(base, head, f, prepare=lambda images: images - 9),
    ),
]
