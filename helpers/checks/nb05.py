"""Self-checks of notebook 05: VGG16's preprocessing, a frozen base, features in one pass, one model for raw photos."""

from __future__ import annotations

import keras
import numpy as np

from helpers import profile
from helpers.checks import called, check, expect, keras_model, pair, unlike

tf = profile.quiet_tensorflow()
MEAN = np.array([123.68, 116.779, 103.939])  # red, green, blue, of ImageNet


@check
def preprocess(answer) -> str:
    """A function of RGB photos (N, H, W, 3), 0 to 255 -> what VGG16 takes: blue, green, red, each less its mean."""
    photos = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype("float32")
    given = photos.copy()
    prepared = np.asarray(called(lambda images: answer(given), photos), "float64")
    expect(np.array_equal(given, photos), "the photos that were handed in are changed: work on a copy, images - mean")
    expect(prepared.shape == photos.shape, f"the shape {photos.shape} should stay, and becomes {prepared.shape}")
    own = (photos - photos.mean((0, 1, 2)))[..., ::-1]
    mistakes = {
        "divided by 255: that is what the source does, and costs it six points": photos / 255,
        "scaled to -1 to 1: other bases take that, VGG16 does not": photos / 127.5 - 1,
        "the order is still red, green, blue": photos - MEAN,
        "the order is right, but nothing is taken off": photos[..., ::-1],
        "the order is right, but blue loses the mean of red: turn the means over, too": photos[..., ::-1] - MEAN,
        "the order is red, green, blue, and the means were turned over alone": photos - MEAN[::-1],
        "the mean is added": photos[..., ::-1] + MEAN[::-1],
        "the mean is ImageNet's, the same for all photos, not that of these": own,
        "the photos lie on their side: the last axis is that of the colors": photos[:, :, ::-1] - MEAN[::-1],
    }
    unlike(prepared, mistakes, atol=0.01)
    expect(np.allclose(prepared, photos[..., ::-1] - MEAN[::-1], atol=0.01), "right in shape, wrong in value")
    return "equal to keras.applications.vgg16.preprocess_input, and the photos that were handed in are unchanged"


def _base() -> keras.Model:
    """A small base with batch normalization, whose statistics are not those of any photo."""
    first, second = (keras.layers.Conv2D(4, 3, activation="relu") for _ in range(2))
    model = keras.Sequential([keras.Input((8, 8, 3)), first, keras.layers.BatchNormalization(), second])
    _set_weights(model)
    model.layers[1].set_weights([np.ones(4), np.full(4, 0.1), np.full(4, 0.2), np.full(4, 0.5)])
    return model


def _set_weights(model: keras.Model) -> None:
    """Weights of the check's own: no seed of the notebook's is touched."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.3, weight.shape) for weight in model.get_weights()])


@check
def frozen(answer) -> str:
    """A function base -> a compiled model, the base and a head of one sigmoid, of which the head alone is trained."""
    base = _base()
    before = [weight.copy() for weight in base.get_weights()]
    model = called(answer, base)
    keras_model(model)
    expect(model is not base, "that is the base alone: a head has to follow it")
    photos = np.random.default_rng(0).uniform(0, 1, (16, 8, 8, 3)).astype("float32")
    shape = np.shape(model(photos))
    expect(shape == (16, 1), f"for 16 photos the model should give 16 answers, shape (16, 1), and gives {shape}")
    expect(getattr(model, "optimizer", None) is not None, "the model is not compiled")
    inside = {id(weight) for weight in base.weights}
    part = inside <= set(map(id, model.weights))
    expect(part, "the base is not part of the model, or a copy of it with other weights")
    head = [weight for weight in model.trainable_weights if id(weight) not in inside]
    start = [weight.numpy() for weight in head]
    expect(model.trainable_weights, "nothing is trained: the head was frozen with the base")
    model.run_eagerly = True  # for four steps no graph pays
    model.fit(photos, np.arange(16) % 2, epochs=2, batch_size=8, verbose=0)
    unchanged = [np.array_equal(old, new) for old, new in zip(before, base.get_weights())]
    trained = f"{len(base.trainable_weights)} of the base's {len(before)} arrays of weights are to be trained"
    expect(any(unchanged), f"no weight of the base is as it was after two epochs: it is free; {trained}")
    moved = not all(unchanged[4:6]) and all(unchanged[:4] + unchanged[6:])
    expect(not moved, "batch normalization went on averaging: set trainable of the layer, not of its weights")
    expect(all(unchanged), f"some weights of the base have changed in two epochs: {trained}")
    learned = any(not np.array_equal(old, new.numpy()) for old, new in zip(start, head))
    expect(learned, "the head did not learn: is it frozen, too?")
    base.set_weights([0 * weight for weight in before])  # now all photos look alike to it
    blind = np.ptp(np.asarray(model(photos))) < 1e-6
    expect(blind, "the base is part of the model, and the answer does not depend on the base alone")
    return "two epochs changed the head, and no weight of the base"


@check
def extract(answer) -> str:
    """A function (base, dataset) -> features (N, ...) and labels (N,) of the same photos, in the same order."""
    count = 22
    images = np.ones((count, 4, 4, 2), "float32") * np.arange(1, count + 1)[:, None, None, None]
    dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(1, count + 1))).shuffle(count, seed=3).batch(5)
    layers = keras.layers.Dropout(0.5, seed=0), keras.layers.GlobalAveragePooling2D()
    base = keras.Sequential([keras.Input((4, 4, 2)), *layers])
    features, labels = map(np.asarray, pair(called(answer, base, dataset), "give both: return features, labels"))
    expect(labels.shape == (count,), f"there are {count} photos, and the labels have shape {labels.shape}")
    expect(len(features) == count, f"there are {count} photos, and the features have shape {features.shape}")
    features = features.reshape(count, -1).astype("float64")
    expect(features.shape[1] == 2, f"the base gives 2 numbers per photo, and there are {features.shape[1]}")
    whole = np.allclose(np.sort(features[:, 0]), np.arange(1, count + 1), atol=1e-3)
    expect(whole, "features of the same photo differ from time to time: the base runs as in training, with dropout")
    together = np.allclose(features[:, 0], labels, atol=1e-3)
    expect(together, "photo and label have come apart: the dataset shuffles, so a second pass has another order")
    return "features and labels belong together, though the dataset comes in a new order each time"


@check
def joined(answer) -> str:
    """A function (base, head, preprocess) -> one model that takes photos as they are, 0 to 255."""
    base = _base()
    layers = keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(1, activation="sigmoid")
    head = keras.Sequential([keras.Input((4, 4, 4)), *layers])
    _set_weights(head)

    def prepare(images):
        return (images - 90) / 60

    photos = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype("float32")

    def by_hand(images):
        return head(base(images, training=False), training=False).numpy()

    model = called(answer, base, head, prepare)
    keras_model(model)
    taken = getattr(model, "input_shape", (None, 8, 8, 3))  # a model of a class of its own takes any
    expect(taken == (None, 8, 8, 3), f"the model should take photos of shape (None, 8, 8, 3), and takes {taken}")
    answers = np.asarray(model(photos, training=False))
    expect(answers.shape == (6, 1), f"six photos should give answers of shape (6, 1), and give {answers.shape}")
    mistakes = {
        "the photos are not prepared: the base gets 0 to 255 and the answers are wrong, without an error": photos,
        "the photos are prepared twice": prepare(prepare(photos)),
        "the photos are divided by 255, and this base has another rule, the one that is handed in": photos / 255,
        "the rule is that of the exercise's base: use the one that is handed in": photos / 127.5 - 1,
    }
    unlike(answers, {sentence: by_hand(images) for sentence, images in mistakes.items()}, atol=1e-4)
    fits = np.allclose(answers, by_hand(prepare(photos)), atol=1e-4)
    expect(fits, "its answers are not those of preprocess, base and head in turn")
    return "one model from raw photo to probability: its users need not know how photos are prepared"
