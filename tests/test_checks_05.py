from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers.checks import nb05
from helpers.checks.nb05 import MEAN


def changes_its_input(images):
    images -= MEAN.astype("float32")
    return images[..., ::-1]


def freeze_all(base):
    base.trainable = False


def model(base, freeze=freeze_all, units=1, rate=0.1, compiled=True, before=(layers.Flatten,)):
    freeze(base)
    head = [make() for make in before]
    whole = keras.Sequential([base, *head, layers.Dense(units, activation="sigmoid")])
    if compiled:
        whole.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
    return whole


def built(**options):
    return lambda base: model(base, **options)


def joint(inputs, outputs):
    """A compiled model of one sigmoid."""
    whole = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Flatten()(outputs)))
    whole.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return whole


def functional(base):
    base.trainable = False
    inputs = keras.Input(base.input_shape[1:])
    return joint(inputs, base(inputs))


def flat(base):
    """The base's layers, not the base, in one model with the head."""
    base.trainable = False
    return joint(base.inputs, base.outputs[0])


def beside_base(base):
    """The base is part of the model, and the answer does not depend on it."""
    base.trainable = False
    inputs = keras.Input(base.input_shape[1:])
    return joint(inputs, layers.Flatten()(inputs) + 0 * layers.GlobalMaxPooling2D()(base(inputs))[:, :1])


class Subclass(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.base, self.flat, self.dense = base, layers.Flatten(), layers.Dense(1, "sigmoid", use_bias=False)

    def call(self, images, training=None):
        return self.dense(self.flat(self.base(images, training=training)))


def subclassed(base):
    base.trainable = False
    whole = Subclass(base)
    whole.build((None, *base.input_shape[1:]))
    whole.compile("adam", "binary_crossentropy")
    return whole


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


def predicted(base, dataset):
    pairs = [(base.predict(images, verbose=0), labels) for images, labels in dataset]
    return tf.concat([features for features, _ in pairs], 0), [int(each) for _, labels in pairs for each in labels]


def kept_order(base, dataset):
    return two_passes(base, list(dataset) and dataset.cache())


class Joined(keras.Model):
    def __init__(self, *parts):
        super().__init__()
        self.base, self.head, self.prepare = parts

    def call(self, images):
        return self.head(self.base(self.prepare(images)))


def join_bytes(base, head, preprocess):
    inputs = keras.Input(base.input_shape[1:], dtype="uint8")
    return keras.Model(inputs, head(base(preprocess(keras.ops.cast(inputs, "float32")))))


def join(base, head, preprocess, prepare=None):
    inputs = keras.Input(base.input_shape[1:])
    prepared = (prepare or preprocess)(inputs)
    return keras.Model(inputs, head(base(prepared)))


RIGHT = [
    (nb05.preprocess, lambda images: keras.applications.vgg16.preprocess_input(images.copy())),
    (nb05.preprocess, lambda images: tf.reverse(images - tf.constant(MEAN, "float32"), axis=[-1])),
    (nb05.frozen, built(before=(layers.Flatten, lambda: layers.Dense(4), lambda: layers.Dropout(0.1)))),
    (nb05.frozen, built(before=(layers.Flatten, layers.BatchNormalization))),
    *[(nb05.frozen, build) for build in (functional, flat, subclassed)],
    (nb05.frozen, built(freeze=lambda base: [setattr(layer, "trainable", False) for layer in base.layers])),
    (nb05.extract, one_pass),
    *[(nb05.extract, function) for function in (predicted, kept_order)],
    (nb05.joined, join),
    *[(nb05.joined, function) for function in (Joined, join_bytes)],
]
WRONG = [
    (nb05.preprocess, "divided by 255", lambda images: images / 255),
    (nb05.preprocess, "scaled to -1 to 1", lambda images: images / 127.5 - 1),
    (nb05.preprocess, "still red, green, blue", lambda images: images - MEAN),
    (nb05.preprocess, "nothing is taken off", lambda images: images[..., ::-1]),
    (nb05.preprocess, "blue loses the mean of red", lambda images: images[..., ::-1] - MEAN),
    (nb05.preprocess, "turned over alone", lambda images: images - MEAN[::-1]),
    (nb05.preprocess, "the mean is added", lambda images: images[..., ::-1] + MEAN[::-1]),
    (nb05.preprocess, "not that of these", lambda images: (images - images.mean((0, 1, 2)))[..., ::-1]),
    (nb05.preprocess, "lie on their side", lambda images: images[:, :, ::-1] - MEAN[::-1]),
    (nb05.preprocess, "work on a copy", changes_its_input),
    (nb05.preprocess, "should stay, and becomes", lambda images: images[0]),
    (nb05.preprocess, "wrong in value", lambda images: (images - [124, 117, 104])[..., ::-1]),
    (nb05.frozen, "it is free", built(freeze=lambda base: None)),
    (nb05.frozen, "some weights of the base have changed", built(freeze=first_layer)),
    (nb05.frozen, "batch normalization went on", built(freeze=weights_alone)),
    (nb05.frozen, "nothing is trained", all_frozen),
    (nb05.frozen, "not compiled", built(compiled=False)),
    (nb05.frozen, "that is the base alone", lambda base: base),
    (nb05.frozen, "shape (16, 1)", built(units=2)),
    (nb05.frozen, "the head did not learn", built(rate=0.0)),
    (nb05.frozen, "the base is not part of the model", lambda base: model(keras.models.clone_model(base))),
    (nb05.frozen, "does not depend on the base", beside_base),
    (nb05.frozen, "a Keras model is expected", lambda base: [base]),
    (nb05.extract, "come apart", two_passes),
    (nb05.extract, "as in training", lambda base, dataset: one_pass(base, dataset, training=True)),
    (nb05.extract, "the labels have shape", lambda *given: (one_pass(*given)[0], np.eye(22))),
    (nb05.extract, "the features have shape", lambda *given: (one_pass(*given)[0][:20], one_pass(*given)[1])),
    (nb05.extract, "there are 1", lambda *given: (one_pass(*given)[0].mean(axis=1), one_pass(*given)[1])),
    (nb05.extract, "give both", lambda base, dataset: base.predict(dataset, verbose=0)),
    (nb05.joined, "are not prepared", lambda base, head, f: join(base, head, f, prepare=lambda images: images)),
    (nb05.joined, "prepared twice", lambda base, head, f: join(base, head, f, prepare=lambda images: f(f(images)))),
    (nb05.joined, "divided by 255", lambda base, head, f: join(base, head, f, prepare=lambda images: images / 255)),
    (nb05.joined, "use the one that is handed in", lambda *parts: join(*parts, prepare=lambda x: x / 127.5 - 1)),
    (nb05.joined, "a Keras model is expected", lambda base, head, f: lambda images: head(base(f(images)))),
    (nb05.joined, "answers of shape (6, 1)", lambda base, head, preprocess: base),
    (nb05.joined, "should take photos of shape", lambda base, head, preprocess: head),
    (nb05.joined, "those of preprocess", lambda base, head, f: join(base, head, f, prepare=lambda images: images - 9)),
]
