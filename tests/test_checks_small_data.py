from __future__ import annotations

import cv2
import numpy as np

from helpers import profile
from helpers.checks import small_data

tf = profile.quiet_tensorflow()


def decodes(content):
    picture = cv2.imdecode(np.frombuffer(content, "uint8"), cv2.IMREAD_UNCHANGED) if content else None
    return picture is not None and picture.ndim == 3


def whole(content):
    return content.endswith(b"\xff\xd9") and decodes(content)


def by(*parts, axes=(0, 1, 2), of=None):
    """A function that standardizes both parts by the statistics of those named."""

    def prepare(train, test):
        rows = np.concatenate([{"train": train, "test": test}[part] for part in parts])
        return [(part - rows.mean(axes)) / rows.std(axes) for part in (train, test)]

    return prepare


def each_by_its_own(train, test):
    return by("train")(train, test)[0], by("test")(train, test)[1]


def steps(*names, buffer=23):
    """A pipeline function with these steps, in this order."""
    step = {
        "map": lambda data, load, size: data.map(load),
        "cache": lambda data, load, size: data.cache(),
        "shuffle": lambda data, load, size: data.shuffle(buffer, seed=0),
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
    return tf.data.Dataset.zip(images, tf.data.Dataset.from_tensor_slices(numbers).shuffle(23)).batch(size)


RIGHT = [
    (small_data.in_both, lambda train, test: [name for name in test if test[name] in train.values()]),
    (small_data.in_both, lambda train, test: {name for name in test if test[name] in set(train.values())}),
    (small_data.usable, whole),
    (small_data.standardized, by("train")),
    (small_data.pipeline, steps("map", "cache", "shuffle", "batch", "prefetch")),
]
WRONG = [
    (small_data.in_both, "a list or a set", lambda train, test: "dog.9.jpg"),
    (small_data.in_both, "it finds none", lambda train, test: []),
    (small_data.in_both, "with different contents", lambda train, test: set(train) & set(test)),
    (small_data.in_both, "name in the training part", lambda train, test: [n for n in train if train[n] == b"two"]),
    (small_data.in_both, "compare all of them", lambda a, b: [n for n in b if b[n][:9] in {x[:9] for x in a.values()}]),
    (small_data.in_both, "name both", lambda train, test: ["dog.9.jpg"]),
    (small_data.in_both, "no names of leaked", lambda train, test: ["dog.8.jpg", "dog.9.jpg", "cat.2.jpg"]),
    (small_data.usable, "a whole color photo is refused", lambda content: False),
    (small_data.usable, "an empty file passes", lambda content: True),
    (small_data.usable, "a web page passes", lambda content: len(content) > 0),
    (small_data.usable, "decoded to its end", lambda content: content[:2] == b"\xff\xd8"),
    (small_data.usable, "a gray photo passes", lambda content: content[-2:] == b"\xff\xd9"),
    (small_data.usable, "catch the error", lambda content: cv2.imdecode(np.frombuffer(content, "uint8"), -1).ndim == 3),
    (small_data.standardized, "one mean for all colors", by("train", axes=None)),
    (small_data.standardized, "one mean for each pixel", by("train", axes=0)),
    (small_data.standardized, "the test has leaked", by("train", "test")),
    (small_data.standardized, "decide about themselves", each_by_its_own),
    (small_data.standardized, "by the test's statistics", by("test")),
    (small_data.standardized, "nothing is divided", lambda *parts: [part - parts[0].mean((0, 1, 2)) for part in parts]),
    (small_data.standardized, "should have mean 0", lambda train, test: (train / 255, test / 255)),
    (small_data.standardized, "not prepared as", lambda train, test: (by("train")(train, test)[0], test)),
    (small_data.standardized, "give both arrays", lambda train, test: train),
    (small_data.standardized, "shapes should stay", lambda train, test: (train[0], test[0])),
    (small_data.pipeline, "a tf.data dataset is expected", lambda numbers, load, size: numbers),
    (small_data.pipeline, "a pass does not end", steps("map", "cache", "shuffle", "repeat", "batch", "prefetch")),
    (small_data.pipeline, "a pair of images and labels", steps("map", "cache", "images", "shuffle", "batch")),
    (small_data.pipeline, "there is no batch", steps("map", "cache", "shuffle", "prefetch")),
    (small_data.pipeline, "batched twice", steps("map", "cache", "shuffle", "batch", "batch", "prefetch")),
    (small_data.pipeline, "in place of 5", lambda n, load, size: steps("map", "cache", "shuffle", "batch")(n, load, 4)),
    (small_data.pipeline, "come apart", labels_apart),
    (small_data.pipeline, "3 images are left out", steps("map", "cache", "shuffle", "drop", "prefetch")),
    (small_data.pipeline, "in the order of the files", steps("map", "cache", "batch", "prefetch")),
    (small_data.pipeline, "is frozen in it", steps("map", "shuffle", "cache", "batch", "prefetch")),
    (small_data.pipeline, "then make batches", steps("map", "cache", "batch", "shuffle", "prefetch")),
    (small_data.pipeline, "nothing keeps them", steps("map", "shuffle", "batch", "prefetch")),
    (small_data.pipeline, "buffer is too small", lambda *a: steps("map", "cache", "shuffle", "batch", buffer=3)(*a)),
    (small_data.pipeline, "the last step is still missing", steps("map", "cache", "shuffle", "batch")),
]
