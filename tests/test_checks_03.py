from __future__ import annotations

import hashlib
import io

import cv2
import keras
import numpy as np
from PIL import Image

from helpers import profile
from helpers.checks import nb03

tf = profile.quiet_tensorflow()


def told_by(key):
    """A function that takes two files for the same photo if ``key`` of their bytes is the same."""

    def in_both(train, test):
        known = {key(content) for content in train.values()}
        return [name for name, content in test.items() if key(content) in known]

    return in_both


def by_pixels(train, test):
    known = [cv2.imdecode(np.frombuffer(content, "uint8"), -1) for content in train.values()]
    pixels = {name: cv2.imdecode(np.frombuffer(content, "uint8"), -1) for name, content in test.items()}
    return {name for name in test if any(np.array_equal(pixels[name], each) for each in known)}


def by_tensorflow(content):
    try:
        return tf.io.extract_jpeg_shape(content)[-1] == 3 and tf.io.decode_jpeg(content, channels=3) is not None
    except tf.errors.InvalidArgumentError:
        return False


def by_tensorflow_alone(content):
    """What decodes to three channels: PNG, GIF, WebP and inks as well."""
    try:
        return tf.io.decode_jpeg(content).shape[-1] == 3
    except tf.errors.InvalidArgumentError:
        return False


def by_pillow(content, modes=("RGB",), formats=("JPEG",)):
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        return image.format in formats and image.mode in modes
    except OSError:
        return False


def by(*parts, axes=(0, 1, 2)):
    """A function that standardizes both parts by the statistics of those named."""

    def prepare(train, test):
        rows = np.concatenate([{"train": train, "test": test}[part] for part in parts])
        return [(part - rows.mean(axes)) / rows.std(axes) for part in (train, test)]

    return prepare


def each_by_its_own(train, test):
    return by("train")(train, test)[0], by("test")(train, test)[1]


def by_keras(train, test):
    layer = keras.layers.Normalization()
    layer.adapt(train)
    return layer(train), layer(test)


def of_a_sample(train, test):
    mean, spread = train.mean((0, 1, 2)), train.std((0, 1, 2), ddof=1) + 1e-7
    return (train - mean) / spread, (test - mean) / spread


def each_photo(train, test):
    return [(part - part.mean((1, 2), keepdims=True)) / part.std((1, 2), keepdims=True) for part in (train, test)]


def steps(*names, buffer=99):
    """A pipeline function with these steps, in this order."""
    step = {
        "map": lambda data, load, size: data.map(load),
        "cache": lambda data, load, size: data.cache(),
        "shuffle": lambda data, load, size: data.shuffle(buffer, seed=0),
        "same order": lambda data, load, size: data.shuffle(99, reshuffle_each_iteration=False),
        "tuned": lambda data, load, size: data.with_options(tf.data.Options()),
        "batch": lambda data, load, size: data.batch(size),
        "drop": lambda data, load, size: data.batch(size, drop_remainder=True),
        "prefetch": lambda data, load, size: data.prefetch(2),
        "repeat": lambda data, load, size: data.repeat(),
        "images": lambda data, load, size: data.map(lambda image, number: image),
    }

    def make(numbers, load, size):
        data = tf.data.Dataset.from_tensor_slices(numbers)
        for name in names:
            data = step[name](data, load, size)
        return data

    return make


def labels_apart(numbers, load, size):
    images = tf.data.Dataset.from_tensor_slices(numbers).map(load).map(lambda image, number: image)
    return tf.data.Dataset.zip(images, tf.data.Dataset.from_tensor_slices(numbers).shuffle(99)).batch(size)


def loaded_first(numbers, load, size):
    images, labels = zip(*map(load, numbers))
    data = tf.data.Dataset.from_tensor_slices((tf.stack(images), np.array(labels)))
    return data.shuffle(len(numbers)).batch(size).prefetch(1)


def in_parallel(numbers, load, size):
    data = tf.data.Dataset.from_tensor_slices(numbers).map(load, num_parallel_calls=tf.data.AUTOTUNE).cache()
    data = data.shuffle(len(numbers)).batch(size, num_parallel_calls=2)
    return data.prefetch(tf.data.AUTOTUNE)


def numbered(numbers, load, size):
    """Counts from 0 whatever the numbers are."""
    return steps("map", "cache", "shuffle", "batch", "prefetch")(np.arange(len(numbers)), load, size)


RIGHT = [
    (nb03.in_both, told_by(lambda content: hashlib.sha256(content).hexdigest())),
    (nb03.in_both, lambda train, test: (name for name in test if test[name] in train.values())),
    (nb03.in_both, by_pixels),
    (nb03.usable, by_tensorflow),
    (nb03.usable, lambda content: np.bool_(by_pillow(content))),
    (nb03.standardized, by("train")),
    (nb03.standardized, by_keras),
    (nb03.standardized, of_a_sample),
    (nb03.pipeline, steps("map", "cache", "shuffle", "batch", "prefetch", "tuned")),
    (nb03.pipeline, steps("map", "cache", "prefetch", "shuffle", "batch", "prefetch")),
    *[(nb03.pipeline, function) for function in (loaded_first, in_parallel)],
]
WRONG = [
    (nb03.in_both, "a list or a set", lambda train, test: "dog.9.jpg"),
    (nb03.in_both, "a list or a set", lambda train, test: True),
    (nb03.in_both, "no names of files", lambda train, test: {*train.values()} & {*test.values()}),
    (nb03.in_both, "it finds none", lambda train, test: []),
    (nb03.in_both, "with different contents", lambda train, test: set(train) & set(test)),
    (nb03.in_both, "name in the training part", lambda train, test: told_by(bytes)(test, train)),
    (nb03.in_both, "compare all of their", told_by(lambda content: content[:9])),
    (nb03.in_both, "compare all of their", told_by(len)),
    (nb03.in_both, "name both", lambda train, test: list({test[n]: n for n in told_by(bytes)(train, test)}.values())),
    (nb03.in_both, "kept its name", lambda train, test: [n for n in told_by(bytes)(train, test) if n not in train]),
    (nb03.in_both, "may have another name", lambda train, test: dict(train.items() & test.items()).keys()),
    (nb03.in_both, "no names of leaked", lambda train, test: [*told_by(bytes)(train, test), "cat.jpg"]),
    (nb03.usable, "a whole color photo is refused", lambda content: False),
    (nb03.usable, "a progressive one", lambda content: b"\xff\xc2" not in content and by_pillow(content)),
    (nb03.usable, "an empty file passes", lambda content: True),
    (nb03.usable, "a web page passes", lambda content: len(content) > 0),
    (nb03.usable, "decoded to its end", lambda content: content[:2] == b"\xff\xd8"),
    (nb03.usable, "nothing but its first bytes", lambda content: len(content) == 3 or by_pillow(content)),
    (nb03.usable, "a gray photo passes", lambda content: by_pillow(content, ("RGB", "L"))),
    (nb03.usable, "a PNG passes", by_tensorflow_alone),
    (nb03.usable, "a GIF passes", lambda content: by_pillow(content, ("RGB", "P"), ("JPEG", "GIF"))),
    (nb03.usable, "a WebP passes", lambda content: by_pillow(content, formats=("JPEG", "WEBP"))),
    (nb03.usable, "four channels", lambda content: by_pillow(content, ("RGB", "CMYK"))),
    (nb03.usable, "catch the error", lambda content: Image.open(io.BytesIO(content)).mode == "RGB"),
    (nb03.standardized, "one mean for all colors", by("train", axes=None)),
    (nb03.standardized, "one mean for each pixel", by("train", axes=0)),
    (nb03.standardized, "the test has leaked", by("train", "test")),
    (nb03.standardized, "each photo decides about itself", each_photo),
    (nb03.standardized, "decide about themselves", each_by_its_own),
    (nb03.standardized, "by the test's statistics", by("test")),
    (nb03.standardized, "nothing is divided", lambda *parts: [part - parts[0].mean((0, 1, 2)) for part in parts]),
    (nb03.standardized, "should have mean 0", lambda train, test: (train / 255, test / 255)),
    (nb03.standardized, "not prepared as", lambda train, test: (by("train")(train, test)[0], test)),
    (nb03.standardized, "give both arrays", lambda train, test: train),
    (nb03.standardized, "shapes should stay", lambda train, test: (train[0], test[0])),
    (nb03.pipeline, "a tf.data dataset is expected", lambda numbers, load, size: numbers),
    (nb03.pipeline, "a pass does not end", steps("map", "cache", "shuffle", "repeat", "batch", "prefetch")),
    (nb03.pipeline, "a pair of images and labels", steps("map", "cache", "images", "shuffle", "batch")),
    (nb03.pipeline, "there is no batch", steps("map", "cache", "shuffle", "prefetch")),
    (nb03.pipeline, "batched twice", steps("map", "cache", "shuffle", "batch", "batch", "prefetch")),
    (nb03.pipeline, "instead of 5", lambda n, load, size: steps("map", "cache", "shuffle", "batch")(n, load, 4)),
    (nb03.pipeline, "come apart", labels_apart),
    (nb03.pipeline, "images are left out", steps("map", "cache", "shuffle", "drop", "prefetch")),
    (nb03.pipeline, "in the order of the files", steps("map", "cache", "batch", "prefetch")),
    (nb03.pipeline, "is frozen in it", steps("map", "shuffle", "cache", "batch", "prefetch")),
    (nb03.pipeline, "is frozen in it", steps("map", "cache", "same order", "batch", "prefetch")),
    (nb03.pipeline, "are not those that were handed in", numbered),
    (nb03.pipeline, "then make batches", steps("map", "cache", "batch", "shuffle", "prefetch")),
    (nb03.pipeline, "nothing keeps them", steps("map", "shuffle", "batch", "prefetch")),
    (nb03.pipeline, "buffer is too small", steps("map", "cache", "shuffle", "batch", "prefetch", buffer=10)),
    (nb03.pipeline, "the last step is still missing", steps("map", "cache", "shuffle", "batch", "tuned")),
    (nb03.pipeline, "the last step is still missing", steps("map", "cache", "shuffle", "prefetch", "batch")),
]
